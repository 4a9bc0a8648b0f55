"""What figures draw, not how: states over a control and landscapes over the overlap, as smooth lines."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..equations.curve import Curve, curve_of
from ..equations.fixed_points import concrete
from ..equations.points import Limit, Points
from ..theory.model import Model
from .branches import Branch

__all__ = ["Landscape", "State", "dominant", "heights"]

_LARGEST = 1e8  # times the control that is shown, beyond which the point of a curve says nothing of f there
_TOLERANCE = 1e-7  # of what is drawn
_CHORD = 1 / 25  # longest stretch without a point of its own, in units of the axes; splines join the points
_ROUNDS = 6  # of halving stretches that are longer
_DENSE = 10  # straight pieces drawn for a stretch that long


class State:
    """One branch of the curve, or one limit state, as lines of a quantity over the control."""

    def __init__(self, curve: Curve, branch: Branch, quantity: str, low: float, high: float):
        self.branch, self.limit = branch, branch.limit
        if branch.limit is not None:
            self.control = np.unique([low, *np.linspace(low, high, 101), high])
            self.control[0] = max(self.control[0], 1e-9 * high)
            self.values = _at_limit(curve, branch.limit, self.control, quantity)
            self.entropy = branch.limit.entropy_at(self.control)
            return

        def shown(points: Points) -> tuple[np.ndarray, ...]:
            control = np.exp(points.log_control)
            return control, _on_curve(curve, points, control, quantity), points.free_entropy

        drawn = _smooth(curve, branch.x_low, branch.x_high, shown, (low, high))
        order = np.argsort(drawn[0], kind="stable")
        self.control, self.values, self.entropy = (column[order] for column in drawn)

    def between(self, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        """Control and quantity from low to high, as far as the state exists."""
        inside = self.control[(self.control > low) & (self.control < high)]
        control = np.array([low, *inside, high])
        if self.limit is None and len(self.control):
            control = np.unique(np.clip(control, self.control[0], self.control[-1]))
        return control, np.interp(control, self.control, self.values)

    def pieces(self, low: float, high: float) -> list[tuple[np.ndarray, np.ndarray, bool]]:
        """Lines of one stability each."""
        if self.limit is None:
            if len(self.control) < 2 or self.control[-1] < low or self.control[0] > high:
                return []
            return [(self.control, self.values, self.branch.stable)]
        found = []
        edges = np.unique(np.clip([low, self.limit.stable_from, self.limit.stable_to, high], low, high))
        for a, b in itertools.pairwise(edges):
            middle = 0.5 * (a + b)
            stable = bool(self.limit.stable_at(middle))
            if stable or self.limit.entropy_at(middle) > -np.inf:
                found.append((*self.between(a, b), stable))
        return found


def dominant(states: Sequence[State], control: float) -> State | None:
    """The stable state of highest free entropy."""
    there = [
        state
        for state in states
        if len(state.control) and state.branch.stable and state.branch.low < control < state.branch.high
    ]
    if not there:
        return None

    def entropy(state: State) -> float:
        return float(
            state.limit.entropy_at(control)
            if state.limit
            else np.interp(control, state.control, state.entropy)
        )

    return max(there, key=entropy)


def _on_curve(curve: Curve, points: Points, control: np.ndarray, quantity: str) -> np.ndarray:
    """A quantity at points of the curve; only what has to be averaged is averaged."""
    if quantity == "free_entropy":
        return points.free_entropy
    order_parameters = curve.named_order_parameters(points)
    if quantity in order_parameters:
        return order_parameters[quantity]
    expression = curve.model.observables[quantity]
    if expression in points.states:
        return points.states[expression]
    values = curve.observables(points, control)[0][quantity]
    return np.where(np.isfinite(values), values, np.nan)


def _at_limit(curve: Curve, limit: Limit, control: np.ndarray, quantity: str) -> np.ndarray:
    """A quantity of a limit state, NaN where it is infinite."""
    entropy = limit.entropy_at(control)
    if quantity == "free_entropy":
        values = entropy
    elif quantity in {s.name for s in curve.model.order_parameters}:
        values = np.full(control.shape, limit.values[quantity])
    else:
        expression = curve.model.observables[quantity]
        values = (
            np.full(control.shape, limit.values[expression.name])
            if expression.is_Symbol and (expression.name in limit.values)
            else curve.limit_observables(limit, control, entropy)[quantity]
        )
    return np.where(np.isfinite(values), values, np.nan)


def _smooth(
    curve: Curve,
    x_low: float,
    x_high: float,
    shown: Callable[[Points], tuple[np.ndarray, ...]],
    window: tuple[float, float],
    heights: tuple[float, float] | None = None,
) -> tuple[np.ndarray, ...]:
    """A stretch of the curve as a line that looks smooth: what `shown` makes of it, abscissa first."""
    from scipy.interpolate import CubicSpline

    samples = curve.samples
    points = samples.take((samples.x >= x_low) & (samples.x <= x_high))
    for last in [False] * _ROUNDS + [True]:
        across, up, *_ = shown(points)
        side = np.where(across < window[0], -1, np.where(across > window[1], 1, 0))
        near = side == 0  # and the ends of every stretch that enters the window
        enters = (side[:-1] == 0) | (side[1:] == 0) | (side[:-1] != side[1:])
        near[:-1] |= enters
        near[1:] |= enters
        points, across, up = points.take(near), across[near], up[near]
        if len(across) < 2:
            return shown(points)
        if np.isnan(up).any():  # infinite: not shown
            return shown(points)
        bottom, top = heights or (up.min(), up.max())
        width, height = window[1] - window[0], max(top - bottom, 1e-12)
        chords = np.hypot(
            np.diff(np.clip(across, *window)) / width, np.diff(np.clip(up, bottom, top)) / height
        )
        split = np.flatnonzero((chords > _CHORD) & (np.diff(points.x) > 1e-6))
        if last or len(split) == 0:
            break
        points = points.merged(curve.at(0.5 * (points.x[split] + points.x[split + 1]), _TOLERANCE))
    pieces = np.clip(np.ceil(chords / _CHORD * _DENSE), 1, _DENSE).astype(int)
    x = np.concatenate([*map(np.linspace, points.x[:-1], points.x[1:], pieces + 1)])
    x = np.unique(x)
    return tuple(CubicSpline(points.x, column)(x) for column in shown(points))


class Landscape:
    """f(m) at one value of a control."""

    def __init__(self, model: Model, along: str, value: float, controls: dict[str, Any]):
        reduced, self.control = concrete(model, {**controls, along: value})
        self.curve = curve_of(reduced)
        self.rho = self.curve.scale
        (self.overlap,), (self.mse,) = self.curve.form.companions, self.curve.form.sensitivity

    def shown(self, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """Overlap and free entropy: f is linear in the control, and each point has one of its own."""
        away = self.control - np.exp(points.log_control)
        return points.states[self.overlap], points.free_entropy + away * points.free_entropy_slope

    def points(self, bottom: float, top: float) -> tuple[np.ndarray, ...]:
        """The line, smooth within a window of heights."""
        samples = self.curve.samples
        x = samples.x[samples.log_control < np.log(_LARGEST * self.control)]
        return _smooth(self.curve, x[0], x[-1], self.shown, (0.0, self.rho), (bottom, top))

    def stationary(self) -> list[tuple[float, float, bool, bool]]:
        """(overlap, free entropy, stable, dominant) of every fixed point, limit states among them."""
        points, *_ = self.curve.solve([self.control])
        m, f = self.shown(points)
        found = list(zip(m, f, points.slope > 0, strict=True))
        found += [
            (limit.values["m"], float(limit.entropy_at(self.control)), bool(limit.stable_at(self.control)))
            for limit in self.curve.limits
        ]
        found = [entry for entry in found if entry[1] > -np.inf or entry[2]]
        highest = max((f for _, f, stable in found if stable), default=np.nan)
        return [(float(m), float(f), bool(stable), bool(stable and f == highest)) for m, f, stable in found]


def heights(lines: Sequence[Landscape]) -> tuple[float, float]:
    """Range of f to show: all stationary points, and what lies around them."""
    f = np.concatenate(
        [
            line.shown(line.curve.samples)[1][line.curve.samples.states[line.mse] > 0.02 * line.rho]
            for line in lines
        ]
    )
    still = [f for line in lines for _, f, *_ in line.stationary() if np.isfinite(f)]
    top, bottom = max([*f, *still]), min([*f, *still])
    margin = 0.06 * (top - bottom)
    return float(bottom - margin), float(top + margin)
