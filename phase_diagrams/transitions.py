"""Transitions in the linear control: where states appear, disappear, lose stability or exchange dominance."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ..equations.curve import Curve
from .branches import Branch, branches_of, overlap_and_mse

__all__ = ["Threshold", "all_thresholds"]

_ORDER = {"continuous": 0, "spinodal": 1, "first_order": 2}


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
            kind="continuous", branch="uninformative", value=value, below=here,
            error=state.limit.errors["stable_below"] + 4e-16 * value,
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
            error=state.limit.errors["stable_above"] + 4e-16 * value,
            below=other.overlap(value) if other else perfect, above=perfect,
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
                kind="first_order", branch="equilibrium", value=value,
                error=state.limit.errors["infinite_above"] + 4e-16 * value,
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
        return value, limit.errors["infinite_above"] + 4e-16 * value, one.entropy(value)[0]
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
