"""Thresholds along one control: where states appear, disappear, lose stability or exchange dominance."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from ..equations.curve import Curve, curve_of
from ..equations.fixed_points import check_digits, concrete
from ..equations.result import Status
from ..theory.model import Model
from .branches import Branch, branches_of, check_bracket, overlap_and_mse

__all__ = ["COLUMNS", "thresholds"]

COLUMNS = ("kind", "branch", "value", "error", "status", "m_below", "m_above", "mse_below", "mse_above", "free_entropy")
_ORDER = {"continuous": 0, "spinodal": 1, "first_order": 2}
_GRID = 13  # first points of a window in a control that is not linear
_DEPTH = 9  # halvings of an interval in which thresholds appear or vanish
_RELATIVE = 1e-10  # error of a threshold beyond which its status says that the tolerance was missed


@dataclass(frozen=True)
class Threshold:
    """One threshold in the linear control, with the states (overlap, mse) on both sides of it."""

    kind: str
    branch: str
    value: float
    error: float
    below: tuple[float, float]
    above: tuple[float, float]
    free_entropy: float
    states: tuple[Branch, ...] = ()  # those that cross, or the limit state whose stability changes
    x: float | None = None  # of a fold

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it when another control changes."""
        return self.kind, self.branch


def thresholds(model: Model, *, along: str = "alpha", between: tuple[float, float], digits: int | None = None,
               progress: bool | Callable[..., Any] = False, **controls: Any) -> pd.DataFrame:
    """All thresholds of a model in a window of one control.

    Parameters
    ----------
    model : Model
    along : str
        Any control of the model: ``"alpha"``, a prior's ``"rho"``, a ``"noise"``.
    between : (low, high)
        The window.
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
        the threshold.  Empty if there is no transition; ``attrs["summary"]`` says so in a sentence.

    Raises
    ------
    ValueError, TypeError
        For unknown, missing or impossible controls and windows, before any computation.
    """
    low, high = check_bracket(along, between)
    check_digits(digits)
    names = [s.name for s in model.controls] if isinstance(model, Model) else []
    if isinstance(model, Model) and along not in names:
        model.check_controls({along: high, **controls})  # raises, with the nearest name
    if along in controls:
        raise ValueError(f"{along} = {controls[along]} is given a value and is the control to go along: leave one out")
    reduced, _ = concrete(model, {**controls, along: high})
    linear = model.linear_control.name
    if along == linear:
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
        concrete(model, {**controls, along: low if low > 0 else high})
        rows = _along_other(model, along, low, high, controls, linear, progress)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("value", kind="stable", ignore_index=True)
    settings = ", ".join(f"{k} = {v}" for k, v in controls.items())
    where = f"{low:g} < {along} < {high:g}" + (f" at {settings}" if settings else "")
    table.attrs["summary"] = f"{len(table)} threshold(s) in {where}" if len(table) else (
        f"no transition in {where}: there every state changes smoothly")
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


def all_thresholds(curve: Curve) -> list[Threshold]:
    """Every threshold of a curve in its linear control, by value."""
    states = branches_of(curve)
    found = [*_continuous(curve, states), *_spinodals(curve, states), *_crossings(states)]
    return sorted(found, key=lambda t: (t.value, _ORDER[t.kind]))


def _neighbour(states: list[Branch], control: float, x: float, side: int) -> Branch | None:
    """The stable state at a control value next to x on the curve, on one side of it."""
    candidates = [
        branch for branch in states
        if branch.stable and branch.low <= control <= branch.high
        and (branch.x_low >= x if side > 0 else branch.x_high <= x)
    ]
    if not candidates:
        return None
    return min(candidates, key=lambda b: b.x_low) if side > 0 else max(candidates, key=lambda b: b.x_high)


def _continuous(curve: Curve, states: list[Branch]) -> list[Threshold]:
    """Where the state without signal loses linear stability."""
    found = []
    for state in states:
        if state.limit is None or not np.isfinite(state.high):
            continue
        value = state.high
        here = state.overlap(value)
        first = next(branch for branch in states if branch.limit is None)
        # the curve leaves the state without signal upwards (its overlap grows from 0) or downwards (a jump)
        jump = None if first.stable else _neighbour(states, value * (1 + 1e-9), first.x_high, +1)
        found.append(Threshold(
            kind="continuous", branch="uninformative", value=value, error=state.limit.error + 4e-16 * value, below=here,
            above=jump.overlap(value) if jump else here, free_entropy=state.entropy(value)[0], states=(state,),
        ))
    return found


def _spinodals(curve: Curve, states: list[Branch]) -> list[Threshold]:
    """Folds of the curve, and the control at which perfect recovery becomes stable."""
    found = []
    folds = curve.folds
    bend_down = folds.bend < 0
    for k in range(len(folds.x)):
        point = folds.take(slice(k, k + 1))
        value = float(np.exp(point.log_control[0]))
        here = overlap_and_mse(curve, point)
        # the control is extremal: an error of the location enters squared
        error = value * float(point.control_error[0] + 0.5 * point.slope[0] ** 2 / abs(point.bend[0])) + 4e-16 * value
        other = _neighbour(states, value, point.x[0], +1 if bend_down[k] else -1)
        there = other.overlap(value) if other else here
        below, above = (here, there) if bend_down[k] else (there, here)
        found.append(Threshold(
            kind="spinodal", branch="uninformative" if bend_down[k] else "informative", value=value, error=error,
            below=below, above=above, free_entropy=float(point.free_entropy[0]), x=float(point.x[0]),
        ))
    for state in states:
        if state.limit is None or state.limit.state.end != "stop" or state.low <= 0:
            continue
        value = state.low
        from_below = bool(curve.samples.log_control[-1] > curve.samples.log_control[-2]) if len(folds.x) == 0 else bool(
            folds.bend[-1] > 0)
        rest = [branch for branch in states if branch is not state]
        other = None if from_below else _neighbour(rest, value, curve.samples.x[-1], -1)
        perfect = state.overlap(value)
        found.append(Threshold(
            kind="spinodal", branch="uninformative" if from_below else "informative", value=value,
            error=state.limit.error + 4e-16 * value, below=other.overlap(value) if other else perfect, above=perfect,
            free_entropy=other.entropy(value)[0] if other else np.inf, states=(state,),
        ))
    return found


def _crossings(states: list[Branch]) -> list[Threshold]:
    """Where two stable states exchange global dominance."""
    stable = [branch for branch in states if branch.stable]
    found = []
    for one, other in itertools.combinations(stable, 2):
        crossing = _diverging(one, other) or _crossing(one, other)
        if crossing is None:
            continue
        value, error, entropy = crossing
        rivals = [branch for branch in stable if branch not in (one, other) and branch.low < value < branch.high]
        if any(rival.entropy(value)[0] > entropy for rival in rivals):
            continue
        found.append(Threshold(
            kind="first_order", branch="equilibrium", value=value, error=error, below=one.overlap(value),
            above=other.overlap(value), free_entropy=entropy, states=(one, other),
        ))
    for state in stable:  # perfect recovery of a density is dominant even where no other state stands beside it
        if state.limit is None or not np.isfinite(state.limit.infinite_above):
            continue
        value = state.limit.infinite_above
        if value > 0 and not any(t.value == value for t in found):
            perfect = state.overlap(value)
            found.append(Threshold(
                kind="first_order", branch="equilibrium", value=value, error=state.limit.error + 4e-16 * value,
                below=perfect, above=perfect, free_entropy=np.inf, states=(state, state),
            ))
    return found


def _diverging(one: Branch, other: Branch) -> tuple[float, float, float] | None:
    """The control at which the free entropy of perfect recovery jumps to +infinity, if `one` is there beside it."""
    limit = other.limit
    if limit is None or np.isnan(limit.infinite_above):
        return None
    value = limit.infinite_above
    if value > 0 and one.low < value < one.high:
        return value, limit.error + 4e-16 * value, one.entropy(value)[0]
    return None


def _crossing(one: Branch, other: Branch) -> tuple[float, float, float] | None:
    """Control, error and free entropy where two states have equal free entropy, if anywhere."""
    low, high = max(one.low, other.low, 1e-300), min(one.high, other.high)
    if not low < high or any(b.limit is not None and np.isfinite(b.limit.infinite_above) for b in (one, other)):
        return None
    samples = one.curve.samples.log_control
    low, high = max(low, np.exp(samples.min())), min(high, np.exp(samples.max()) * 10)

    def gap(log_control: float) -> float:
        control = np.exp(log_control)
        return one.entropy(control)[0] - other.entropy(control)[0]

    a, b = np.log(low), np.log(high)
    ends = gap(a), gap(b)
    if not np.isfinite(ends).all() or ends[0] * ends[1] >= 0:
        return None
    value = float(np.exp(brentq(gap, a, b, xtol=1e-15, rtol=8.9e-16)))
    (f1, d1, e1), (f2, d2, e2) = one.entropy(value), other.entropy(value)
    return value, (e1 + e2) / abs(d1 - d2) + 4e-16 * value, max(f1, f2)


def _along_other(model: Model, along: str, low: float, high: float, controls: dict[str, Any], linear: str,
                 progress: bool | Callable[..., Any]) -> list[dict[str, Any]]:
    """Thresholds in a control that is not linear: where a threshold in the linear one takes the value given."""
    target = float(controls[linear])
    table: dict[float, dict[tuple[str, str, int], Threshold]] = {}
    bar = _bar(progress, along)

    def at(c: float) -> dict[tuple[str, str, int], Threshold]:
        if c not in table:
            reduced, _ = concrete(model, {**controls, along: c})
            count: dict[tuple[str, str], int] = {}
            table[c] = {}
            for t in all_thresholds(curve_of(reduced)):
                number = count[t.key] = count.get(t.key, -1) + 1
                table[c][(*t.key, number)] = t
            bar(1)
        return table[c]

    rows: list[dict[str, Any]] = []

    def search(a: float, b: float, depth: int) -> None:
        here, there = at(a), at(b)
        for key in here.keys() & there.keys():
            before, after = (np.log(side[key].value / target) for side in (here, there))
            if (before < 0) != (after < 0):  # half open: a root on the grid is found once
                rows.append(_cross(at, key, a, b, target))
        # a threshold that comes or goes between a and b may cross the target before it does: look closer
        if here.keys() != there.keys() and depth < _DEPTH:
            middle = 0.5 * (a + b)
            lost = here.keys() ^ there.keys()
            rows[:] = [row for row in rows if not a <= row["value"] <= b] if lost else rows
            search(a, middle, depth + 1)
            search(middle, b, depth + 1)

    start = low if low > 0 or _allows_zero(model, along, controls) else low + 1e-6 * (high - low)
    grid = np.linspace(start, high, _GRID)
    for a, b in itertools.pairwise(grid):
        search(float(a), float(b), 0)
    bar(None)
    return rows


def _allows_zero(model: Model, along: str, controls: dict[str, Any]) -> bool:
    try:
        concrete(model, {**controls, along: 0.0})
    except ValueError:
        return False
    return True


def _cross(at, key, a: float, b: float, target: float) -> dict[str, Any]:
    """The control at which threshold `key` takes the target value, between a and b."""

    def gap(c: float) -> float:
        return float(np.log(at(c)[key].value / target))

    value = float(brentq(gap, a, b, xtol=1e-15 * max(abs(a), abs(b)), rtol=8.9e-16))
    step = 1e-4 * (b - a)
    near = (max(value - step, a), min(value + step, b))
    slope = (gap(near[1]) - gap(near[0])) / (near[1] - near[0])
    t = at(value)[key]
    rising = slope > 0  # more of the control acts like less of the linear one: the sides change places
    error = t.error / t.value / abs(slope) + 4e-16 * value
    row = _row(t) | {"value": value, "error": error}
    if rising:
        row |= {"m_below": row["m_above"], "m_above": row["m_below"], "mse_below": row["mse_above"],
                "mse_above": row["mse_below"]}
    row["status"] = str(Status.CONVERGED if error <= _RELATIVE * abs(value) else Status.TOLERANCE_MISSED)
    return row


def _bar(progress: bool | Callable[..., Any], along: str) -> Callable[[int | None], None]:
    if callable(progress):
        return lambda n: progress(n)
    if not progress:
        return lambda n: None
    from tqdm import tqdm

    bar = tqdm(desc=f"curves along {along}", unit="curve")

    def advance(n: int | None) -> None:
        bar.close() if n is None else bar.update(n)

    return advance
