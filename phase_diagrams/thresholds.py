"""Thresholds along one control, as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..equations.curve import curve_of
from ..equations.fixed_points import check_digits, concrete
from ..equations.reciprocal import chosen, inward
from ..equations.result import Status
from ..equations.surface import Axis
from ..theory.forms import Reciprocal
from ..theory.model import Model
from ..theory.parameters import number, symbol
from .branches import check_bracket
from .coupling_thresholds import coupling_thresholds
from .reciprocal import inner_window, outer_table
from .search import Sweeps, search
from .state_thresholds import state_thresholds
from .transitions import Threshold, all_thresholds

__all__ = ["COLUMNS", "thresholds"]

COLUMNS = ("kind", "branch", "value", "error", "status", "m_below", "m_above", "mse_below", "mse_above", "free_entropy")
_RELATIVE = 1e-10  # error of a threshold beyond which its status says that the tolerance was missed
_ABOVE_ZERO = 1e-6  # of the window: where it starts if 0 is its lower end
_DECADE = 10.0  # ratio of a window's ends beyond which it is searched on a logarithmic scale


def thresholds(model: Model, *, along: str = "alpha", between: tuple[float, float] | None = None,
               digits: int | None = None, progress: bool | Callable[..., Any] = False, **controls: Any) -> pd.DataFrame:
    """All thresholds of a model in a window of one control.

    Parameters
    ----------
    model : Model
    along : str
        Any control of the model: ``"alpha"``, a prior's ``"rho"``, a ``"noise"``; of a landscape ``"energy"``.
    between : (low, high)
        The window; of energies it may be left out.
    digits : int, optional
        Polish with mpmath to this many digits (slow); ``value`` and ``error`` are then ``mpmath.mpf``.
    progress : bool or callable
        Show a progress bar on standard error while a control that is not linear is scanned.
    **controls : float
        Values of the other controls.

    Returns
    -------
    DataFrame
        One row a threshold, by value: ``kind`` and ``branch`` in the words of the docs (``continuous``, ``spinodal``
        of the ``uninformative`` or ``informative`` state, ``first_order``); ``value`` with ``error``, an estimated
        absolute error; ``status``; overlap and mse of the states on both sides; free entropy (nats a component) at
        the threshold.  Empty if there is no transition; ``attrs["summary"]`` says so in a sentence.  Of a model that is
        solved kind by kind (a network of spins): overlaps and self-overlaps m, q in the place of m and mse, the free
        energy, and the kinds ``replicon`` and, of branch ``mixture``, what mixtures do.  Along the energy: where
        critical points of each index begin and end (``ground_state``, ``band_edge``, ``threshold_energy``).

    Raises
    ------
    ValueError, TypeError
        For unknown, missing or impossible controls and windows, before any computation.
    """
    check_digits(digits)
    if isinstance(model, Model) and model.solved_by == "counting":
        from .complexity import energy_thresholds

        if along != "energy" or digits is not None:
            what = f"along = {along!r}: say along='energy'" if along != "energy" else f"digits = {digits}: leave it out"
            raise ValueError(f"{what}; critical points of {model!r} are counted along the energy, in double precision")
        return energy_thresholds(model, between, controls)
    if isinstance(model, Model) and (other := model.reciprocal) is not None:
        return _by_reciprocal(model, chosen(other, controls), along, between, digits, progress, controls)
    low, high = check_bracket(along, between)
    lost: list[float] = []
    names = [s.name for s in model.controls] if isinstance(model, Model) else []
    if isinstance(model, Model) and along not in names:
        model.check_controls({along: high, **controls})  # raises, with the nearest name
    if along in controls:
        raise ValueError(f"{along} = {controls[along]} is given a value and is the control to go along: leave one out")
    if isinstance(model, Model) and model.solved_by in ("kinds", "couplings"):
        if digits is not None:
            raise ValueError(f"digits = {digits}: {model.title} is solved in double precision; leave digits out")
        if model.solved_by == "kinds":
            table = state_thresholds(model, along, float(low), float(high), progress, controls)
        else:
            table = coupling_thresholds(model, along, float(low), float(high), controls)
        return _summarised(table, along, float(low), float(high), controls, lost)
    reduced, _ = concrete(model, {**controls, along: high})
    linear = model.linear_control.name
    if along == linear:
        check_digits(digits, reduced)
        curve = curve_of(reduced)
        found = [t for t in all_thresholds(curve) if low <= t.value <= high]
        if digits is not None:
            from .precise import polished

            rows = [polished(curve, t, digits) for t in found]
        else:
            rows = [_row(t) for t in found]
    else:
        if digits is not None:
            raise ValueError(f"digits = {digits}: more digits are available along {linear!r} only; leave digits out")
        low = low if low > 0 else _ABOVE_ZERO * high  # no noise, no signal: another problem than its limit
        concrete(model, {**controls, along: low})
        rows, lost = _along_other(model, Axis(along, low, high, log=high > _DECADE * low), controls, progress)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("value", kind="stable", ignore_index=True)
    return _summarised(table, along, low, high, controls, lost)


def _by_reciprocal(model: Model, other: Reciprocal, along: str, between: Any, digits: int | None, progress: Any,
                   controls: dict[str, Any]) -> pd.DataFrame:
    """Thresholds of a model that is solved in the inverse of one of its controls."""
    low, high = check_bracket(along, between)
    model.check_controls({along: high, **controls})
    if along in controls:
        raise ValueError(f"{along} = {controls[along]} is given a value and is the control to go along: leave one out")
    inner, mine = inward(other, controls), along == other.outer
    window = inner_window(low, high) if mine else (low, high)
    table = thresholds(other.model, along=other.inner if mine else along, between=window, digits=digits,
                       progress=progress, **inner)
    lost: list[float] = []
    return _summarised(outer_table(other, table) if mine else table, along, float(low), float(high), controls, lost)


def _summarised(table: pd.DataFrame, along: str, low: float, high: float, controls: dict[str, Any],
                lost: list[float]) -> pd.DataFrame:
    """The table with a sentence that says what is in it."""
    settings = ", ".join(f"{k} = {v}" for k, v in controls.items())
    where = f"{low:g} < {along} < {high:g}" + (f" at {settings}" if settings else "")
    table.attrs["summary"] = f"{len(table)} threshold(s) in {where}" if len(table) else (
        f"no transition in {where}: there every state changes smoothly")
    if lost:
        table.attrs["summary"] += (f"; boundaries were lost at {along} = {', '.join(f'{v:g}' for v in sorted(lost))}: "
                                   "thresholds beyond may be missing")
    table.attrs["along"] = along
    return table


def _row(t: Threshold) -> dict[str, Any]:
    good = t.error <= _RELATIVE * abs(t.value)
    return {
        "kind": t.kind, "branch": t.branch, "value": t.value, "error": t.error,
        "status": str(Status.CONVERGED if good else Status.TOLERANCE_MISSED),
        "m_below": t.below[0], "m_above": t.above[0], "mse_below": t.below[1], "mse_above": t.above[1],
        "free_entropy": t.free_entropy,
    }


def _along_other(model: Model, axis: Axis, controls: dict[str, Any],
                 progress: bool | Callable[..., Any]) -> tuple[list[dict[str, Any]], list[float]]:
    """Thresholds in a control that is not linear: where boundaries in both controls pass the linear one's value.

    With them, the values at which boundaries were lost.
    """
    linear = model.linear_control.name
    target = float(controls[linear])
    reduced = model.at({symbol(name): number(name, value) for name, value in controls.items() if name != linear})
    # boundaries are followed as far as they go, and drawn smoothly within a decade of the value
    plane = Axis(linear, target / _DECADE, target * _DECADE, log=True)
    found = search(reduced, axis, plane, Sweeps(progress=progress))
    rows = []
    for line, system in zip(found.lines, found.systems, strict=True):
        for y in line.passing(system, np.log(target)):
            rate = line.rate(system, y)
            error = float(system.vertices(y[None]).error[0]) / abs(rate)
            value = float(axis.value(y[-1]))
            rows.append(_row_along(reduced, axis.name, value, line.kind, line.branch, target, rate) | {
                "value": value, "error": error * (value if axis.log else 1.0) + 4e-16 * value,
            })
    for row in rows:
        good = row["error"] <= _RELATIVE * abs(row["value"])
        row["status"] = str(Status.CONVERGED if good else Status.TOLERANCE_MISSED)
    lost = {float(axis.value(line.vertices.u[end])) for line in found.lines
            for end, why in ((0, line.start), (-1, line.stop)) if why == "lost"}
    return rows, sorted(lost)


def _row_along(model: Model, name: str, value: float, kind: str, branch: str, target: float,
               rate: float) -> dict[str, Any]:
    """The row of the threshold in the linear control that has the value `target` where the other control is `value`."""
    reduced, _ = concrete(model, {name: value, model.linear_control.name: target})
    same = [t for t in all_thresholds(curve_of(reduced)) if (t.kind, t.branch) == (kind, branch)]
    if not same:  # within rounding of where it ends: its sides are not known
        return dict.fromkeys(COLUMNS, np.nan) | {"kind": kind, "branch": branch}
    row = _row(min(same, key=lambda t: abs(np.log(t.value / target))))
    if rate > 0:  # more of the control acts like less of the linear one: the sides change places
        row |= {"m_below": row["m_above"], "m_above": row["m_below"], "mse_below": row["mse_above"],
                "mse_above": row["mse_below"]}
    return row
