"""Branches of fixed points: the monotone pieces of the curve of fixed points, and the limit states at its ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..equations.curve import Curve, curve_of
from ..equations.fixed_points import concrete, from_limit, from_points
from ..equations.points import Limit, Points
from ..theory.model import Model

_KNOWN = 1e-25  # relative mse of a signal that is known: its free entropy has no curvature left
_TOLERANCE = 1e-10  # of the averages, in tables that are made to be drawn

__all__ = ["Branch", "branches", "branches_of", "check_bracket"]


@dataclass(frozen=True)
class Branch:
    """One state, followed in the linear control.

    Attributes
    ----------
    curve : Curve
    low, high : float
        Range of the control in which the state exists (a limit state: in which it is stable).
    stable : bool
    x_low, x_high : float
        Range on the curve; for a limit state its end of the curve, twice.
    limit : Limit or None
    """

    curve: Curve
    low: float
    high: float
    stable: bool
    x_low: float
    x_high: float
    limit: Limit | None = None

    @property
    def name(self) -> str:
        """The limit state's name, or ``stable`` or ``unstable``."""
        return self.limit.state.name if self.limit else "stable" if self.stable else "unstable"

    def at(self, control: float) -> Points:
        """The point of the curve at a control value (not for a limit state)."""
        points, *_ = self.curve.solve([control])
        inside = np.flatnonzero((points.x >= self.x_low) & (points.x <= self.x_high))
        if len(inside) == 0:  # within rounding of an end: the end it is
            x = self.x_low if abs(np.log(control / self._end(0))) < abs(np.log(control / self._end(1))) else self.x_high
            return self.curve.at(x)
        return points.take(inside[:1])

    def _end(self, k: int) -> float:
        return float(np.exp(self.curve.at([(self.x_low, self.x_high)[k]]).log_control[0]))

    def entropy(self, control: float) -> tuple[float, float, float]:
        """Free entropy at a control value, its derivative by the control, and its error."""
        if self.limit is not None:
            error = float(self.limit.entropy_error_at(control))
            return float(self.limit.entropy_at(control)), self.limit.free_entropy_slope, error
        point = self.at(control)
        slope = float(point.free_entropy_slope[0])
        # the point solves the saddle point at a control that differs by rounding: f is linear in the difference
        shift = control - float(np.exp(point.log_control[0]))
        return float(point.free_entropy[0]) + slope * shift, slope, float(point.free_entropy_error[0])

    def overlap(self, control: float) -> tuple[float, float]:
        """Overlap and mean-squared error at a control value."""
        if self.limit is not None:
            return self.limit.values["m"], self.limit.values["V"]
        return overlap_and_mse(self.curve, self.at(control))


def overlap_and_mse(curve: Curve, point: Points) -> tuple[float, float]:
    """The companion (overlap) and order parameter (mse) at one point of the curve."""
    (overlap,), (mse,) = curve.form.companions, curve.form.sensitivity
    return float(point.states[overlap][0]), float(point.states[mse][0])


def branches_of(curve: Curve) -> list[Branch]:
    """All branches of a curve, from its start to its end."""
    samples, folds = curve.samples, curve.folds
    found = [_limit_branch(curve, limit, samples.x[0]) for limit in curve.limits if limit.state.end == "start"]
    ends = np.concatenate([[samples.x[0]], folds.x, [samples.x[-1]]])
    values = np.exp(np.concatenate([[samples.log_control[0]], folds.log_control, [samples.log_control[-1]]]))
    for k in range(len(ends) - 1):
        stable = bool(values[k + 1] > values[k])
        # all that is left to know beyond the last sample is an error too small to matter: f is linear in the control
        goes_on = stable and k == len(ends) - 2 and _is_known_signal(curve)
        found.append(Branch(
            curve=curve, low=min(values[k : k + 2]), high=np.inf if goes_on else max(values[k : k + 2]),
            stable=stable, x_low=ends[k], x_high=ends[k + 1],
        ))
    found += [_limit_branch(curve, limit, samples.x[-1]) for limit in curve.limits if limit.state.end == "stop"]
    return found


def _is_known_signal(curve: Curve) -> bool:
    """Whether the signal is known to rounding where the samples end, and no limit state stands there."""
    (error,) = curve.form.sensitivity
    scale = curve.scale
    open_end = not any(limit.state.end == "stop" for limit in curve.limits)
    return open_end and float(curve.samples.states[error][-1]) < _KNOWN * scale


def _limit_branch(curve: Curve, limit: Limit, x: float) -> Branch:
    return Branch(curve=curve, low=limit.stable_from, high=limit.stable_to, stable=True, x_low=x, x_high=x, limit=limit)


def check_bracket(name: str, between: Any) -> tuple[float, float]:
    """Check a window of a control and return it.

    Raises
    ------
    ValueError
        If it is not two finite numbers in increasing order.
    """
    try:
        low, high = (float(end) for end in between)
    except (TypeError, ValueError):
        raise ValueError(f"between = {between!r}: give two numbers, the window of {name}, such as (0.5, 2)") from None
    if not (np.isfinite(low) and np.isfinite(high)) or low >= high:
        raise ValueError(f"between = ({low:g}, {high:g}): give the window of {name} as two finite numbers, lower first")
    if low < 0:
        raise ValueError(f"between = ({low:g}, {high:g}): {name} is not negative; start the window at 0 or above")
    return low, high


def branches(model: Model, *, along: str = "alpha", between: tuple[float, float], points: int = 200,
             **controls: Any) -> pd.DataFrame:
    """Follow every branch of fixed points through a window of the control.

    Parameters
    ----------
    model : Model
    along : str
        The linear control (``"alpha"``).
    between : (low, high)
    points : int
        Points a branch; those that end at a spinodal are denser there, where the branch is vertical.
    **controls : float
        Values of the other controls.

    Returns
    -------
    DataFrame
        Columns ``branch`` (number), ``name``, ``stable``, the control, ``free_entropy``, the order parameters and
        observables, ``error``, ``status``.
    """
    low, high = check_bracket(along, between)
    reduced, _ = concrete(model, {**controls, along: high})
    linear = reduced.linear_control.name
    if along != linear:
        raise ValueError(f"along = {along!r}: branches are followed in {linear!r}, which enters f linearly")
    rows = []
    curve = curve_of(reduced)
    for number, branch in enumerate(branches_of(curve)):
        a, b = max(low, branch.low), min(high, branch.high)
        if branch.limit is not None:
            a, b = (max(low, 1e-300), high) if branch.limit.stable_from == 0 else (low, high)
            values = np.linspace(a, b, points)
            states = from_limit(curve, branch.limit, np.maximum(values, 1e-300))
            # a limit state is listed where it is a state of finite or dominant free entropy
            kept = [(v, s) for v, s in zip(values, states, strict=True) if s.stable or s.free_entropy > -np.inf]
        elif a >= b:
            continue
        else:
            # uniform in x resolves both ends: the control is quadratic there
            inside = curve.samples.x[(curve.samples.x >= branch.x_low) & (curve.samples.x <= branch.x_high)]
            c = np.exp(curve.samples.log_control[np.isin(curve.samples.x, inside)])
            window = inside[(c >= a) & (c <= b)]
            ends = [float(branch.at(end).x[0]) for end in (a, b)]
            first, last = min(*ends, *window), max(*ends, *window)
            solved = curve.at(np.linspace(first, last, points), _TOLERANCE)
            values = np.exp(solved.log_control)
            kept = list(zip(values, from_points(curve, solved, values, _TOLERANCE), strict=True))
        for value, state in kept:
            rows.append({
                "branch": number, "name": branch.name, along: value,
                "stable": branch.stable if branch.limit is None else state.stable,
                "free_entropy": state.free_entropy, **state.order_parameters, **state.observables,
                "error": state.error, "status": str(state.status),
            })
    return pd.DataFrame(rows)
