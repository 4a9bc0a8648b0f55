"""The phase diagram in two controls: boundaries, meeting points, and the regions between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from ..equations.reciprocal import chosen, inward
from ..theory.model import Model
from .coupling_diagram import coupling_diagram
from .diagram import PhaseDiagram
from .labels import written
from .plane import axis_of, axis_spec, checked_plane
from .reciprocal import checked_reciprocal, inner_axis, outer_diagram
from .regions import column_of, columns
from .search import Sweeps, search
from .state_diagram import state_diagram
from .vertices import boundary_table, drawn, meeting_table

__all__ = ["phase_diagram"]

_KINDS = ("continuous", "spinodal", "first_order")


def phase_diagram(
    model: Model, *, x: Sequence[Any], y: Sequence[Any], levels: Mapping[str, Any] | None = None, store: Any = None,
    executor: Any = None, progress: bool | Callable[..., Any] = False, **controls: Any,
) -> PhaseDiagram:
    """Follow every boundary of a model through the plane of two controls.

    Parameters
    ----------
    model : Model
    x : (name, low, high) or (name, low, high, "linear" or "log")
        A control of the model, ``("rho", 0, 1)``.  A window over three decades or more is logarithmic.
    y : the same
        The control that enters the free entropy linearly, ``("alpha", 0, 2)``; for a network of spins one of the two
        must be ``alpha``.
    levels : mapping of str to expression, optional
        Functions of a state whose zeros are boundaries of their own, by kind, such as ``{"replicon": expression}``, in
        the symbols of the model's working form (``m``, ``V``, ``mhat``) and its controls.
    store : path or Store, optional
        An SQLite file that keeps every finished part: an interrupted diagram goes on from it, and the same diagram
        asked again is answered from it.
    executor : concurrent.futures.Executor, optional
        Slices, boundaries and regions are computed on it.
    progress : bool or callable
        Show bars on standard error.
    **controls : float
        Values of the other controls.

    Returns
    -------
    PhaseDiagram

    Raises
    ------
    TypeError, ValueError
        For unknown, missing or impossible controls and windows, before any computation.
    """
    if isinstance(model, Model) and (other := model.reciprocal) is not None:
        other = chosen(other, controls)
        across, up = checked_reciprocal(other, model, x, y, controls)
        inner = phase_diagram(other.model, x=inner_axis(other, across), y=inner_axis(other, up), levels=levels,
                              store=store, executor=executor, progress=progress, **inward(other, controls))
        said = {name: controls.get(name, value) for name, value in inner.controls.items() if name != other.inner}
        said |= {name: controls[name] for name in (other.outer,) if name in controls}
        return outer_diagram(other, inner, across, up, written(model), said)
    if isinstance(model, Model) and model.solved_by != "curve" and levels:
        raise ValueError(f"levels = {levels!r}: {model.title} has no working form for them; leave levels out")
    if isinstance(model, Model) and model.solved_by == "couplings":
        return coupling_diagram(model, x=x, y=y, **controls)
    if isinstance(model, Model) and model.solved_by == "kinds":
        return state_diagram(model, x=x, y=y, store=store, executor=executor, progress=progress, **controls)
    reduced, across, up, values = checked_plane(model, x, y, controls)
    given = _levels(levels, reduced)
    run = Sweeps(store=store, executor=executor, progress=progress)
    found = search(reduced, across, up, run, given)
    lines, meetings = found.lines, found.meetings
    boundaries = boundary_table(lines, meetings, across, up)
    shown = [drawn(boundaries, k, across, up) for k in range(len(lines))]
    pieces = [{
        "model": reduced, "axis": across, "other": up, "low": low, "high": high,
        "lines": [(k, line.kind, np.stack([line.u, line.v], 1).tolist()) for k, line in enumerate(shown)
                  if line.u.min() < high and line.u.max() > low],
    } for low, high in columns(shown, across)]
    strips = itertools.chain.from_iterable(run(column_of, pieces, "regions"))
    return PhaseDiagram(
        model=written(model), x=axis_spec(axis_of("x", x)), y=axis_spec(up), controls=values, boundaries=boundaries,
        special_points=meeting_table(meetings, across, up), regions=pd.DataFrame(list(strips)),
        settings={"slices": [float(across.value(u)) for u in found.slices]},
    )


def _levels(levels: Mapping[str, Any] | None, model: Model) -> dict[str, sp.Expr]:
    """Check functions of a state.

    Raises
    ------
    TypeError, ValueError
        If they are not a mapping of new kinds to expressions in the working form's symbols.
    """
    if not isinstance(levels or {}, Mapping):
        raise TypeError(f"levels = {levels!r}: give a mapping of kinds to expressions, such as {{'replicon': ...}}")
    form = model.working_form
    known = {s.name: s for s in (*form.order_parameters, *form.companions, *model.controls)}
    found = {}
    for kind, given in (levels or {}).items():
        if kind in _KINDS:
            raise ValueError(f"levels: {kind!r} is the kind of a boundary that is found anyway: give another word")
        expr = sp.sympify(given, locals=known)
        unknown = sorted(s.name for s in expr.free_symbols - set(known.values()))
        if unknown or not expr.free_symbols:
            what = f"{unknown[0]!r} is not a symbol of the model" if unknown else "it does not depend on the state"
            raise ValueError(f"levels[{kind!r}] = {given}: {what}; its symbols: {', '.join(known)}")
        found[kind] = expr
    return found
