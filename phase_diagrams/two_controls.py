"""The phase diagram in two controls: boundaries, meeting points, and the regions between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from ..equations.fixed_points import concrete
from ..equations.surface import Axis
from ..theory.model import Model
from ..theory.parameters import number, symbol
from .diagram import AxisSpec, PhaseDiagram
from .labels import written
from .regions import column_of, columns
from .search import Sweeps, search
from .vertices import boundary_table, drawn, meeting_table

__all__ = ["phase_diagram"]

_DECADES = 30.0  # ratio of a window's ends from which its axis is logarithmic
_ABOVE_ZERO = 1e-3  # of the window: where it starts if 0 is a limit of the control


def phase_diagram(
    model: Model, *, x: Sequence[Any], y: Sequence[Any], levels: Mapping[str, Any] | None = None, store: Any = None,
    executor: Any = None, progress: bool | Callable[..., Any] = False, **controls: Any,
) -> PhaseDiagram:
    """Follow every boundary of a model through the plane of two controls.

    Parameters
    ----------
    model : Model
    x : (name, low, high) or (name, low, high, "linear" or "log")
        A control of the model, ``("rho", 0, 1)``.  An axis over more than a decade and a half is logarithmic.
    y : the same
        The control that enters the free entropy linearly, ``("alpha", 0, 2)``.
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
    reduced, across, up, values = _checked(model, x, y, controls)
    given = {kind: sp.sympify(expr) for kind, expr in (levels or {}).items()}
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
        model=written(model), x=_spec(_axis("x", x)), y=_spec(up), controls=values, boundaries=boundaries,
        special_points=meeting_table(meetings, across, up), regions=pd.DataFrame(list(strips)),
        settings={"slices": sorted({across.value(seed["u"]).item() for seed in found.seeds})},
    )


def _checked(model, x, y, controls) -> tuple[Model, Axis, Axis, dict[str, float]]:
    """The model with numbers for all controls but two, and the axes.

    Raises
    ------
    TypeError, ValueError
        As `phase_diagram`.
    """
    if not isinstance(model, Model):
        raise TypeError(f"model = {model!r} is not a model: give one such as GLM(Rademacher(), Sign())")
    across, up = _axis("x", x), _axis("y", y)
    if across.name == up.name:
        raise ValueError(f"x and y are both {up.name!r}: give two different controls")
    for name in (across.name, up.name):
        if name in controls:
            raise ValueError(f"{name} = {controls[name]} is given a value and is an axis: leave one out")
    linear = model.linear_control.name
    ends = {across.name: across.high, up.name: up.high}
    model.check_controls({**controls, **ends})
    if up.name != linear:
        hint = "swap the axes" if across.name == linear else f"give y=({linear!r}, low, high)"
        raise ValueError(f"y = {up.name!r}: the vertical axis is {linear!r}, which enters f linearly; {hint}")
    concrete(model, {**controls, **ends})
    if across.low == 0:  # no noise, no signal: another problem than its limit
        across = replace(across, low=across.low + _ABOVE_ZERO * (across.high - across.low))
    concrete(model, {**controls, **ends, across.name: across.low})
    if up.low < 0:
        raise ValueError(f"y: {up.name} from {up.low:g}: it is not negative; start the window at 0 or above")
    values = {symbol(name): number(name, value) for name, value in controls.items()}
    return model.at(values), across, up, {s.name: float(v) for s, v in values.items()}


def _axis(which: str, given: Sequence[Any]) -> Axis:
    try:
        name, low, high, *rest = given
        low, high = float(low), float(high)
    except (TypeError, ValueError):
        raise ValueError(f"{which} = {given!r}: give a control and its window, such as ('rho', 0, 1)") from None
    if not isinstance(name, str) or len(rest) > 1 or (rest and rest[0] not in ("linear", "log")):
        raise ValueError(f"{which} = {given!r}: give (name, low, high) and perhaps 'linear' or 'log'")
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"{which} = {given!r}: give the window of {name} as two finite numbers, the lower first")
    log = rest == ["log"] if rest else low > 0 and high / low >= _DECADES and high < 1
    if log and low <= 0:
        raise ValueError(f"{which} = {given!r}: a logarithmic axis starts above 0")
    return Axis(name, low, high, log)


def _spec(axis: Axis) -> AxisSpec:
    return AxisSpec(axis.name, axis.low, axis.high, log=axis.log)
