"""Thresholds in multiple precision: each as the root of its own equation, from its double-precision value."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from mpmath import mp

from ..equations.compile import compile_expressions
from ..equations.curve import Curve
from ..equations.points import Limit
from ..equations.reference import Reference, point_on_curve, working_digits
from ..equations.result import Status
from .branches import Branch

__all__ = ["polished"]

_MAX_STEPS = 12


def polished(curve: Curve, threshold: Any, digits: int) -> dict[str, Any]:
    """Solve a threshold on to `digits` digits.

    Parameters
    ----------
    curve : Curve
    threshold : Threshold
        As found in double precision.

    Returns
    -------
    dict
        The columns of the table of thresholds; ``value``, ``error`` and ``free_entropy`` are ``mpmath.mpf``.
    """
    with working_digits(digits):
        if threshold.x is not None:
            value, error, entropy = _fold(curve, threshold.x)
        elif threshold.kind == "first_order" and all(np.isnan(_divergence(state)) for state in threshold.states):
            value, error, entropy = _crossing(curve, threshold)
        else:
            value, error, entropy = _of_limit(curve, threshold)
        good = error <= mp.mpf(10) ** (2 - digits) * abs(value)
        return {
            "kind": threshold.kind, "branch": threshold.branch, "value": value, "error": error,
            "status": str(Status.CONVERGED if good else Status.TOLERANCE_MISSED),
            "m_below": threshold.below[0], "m_above": threshold.above[0],
            "mse_below": threshold.below[1], "mse_above": threshold.above[1], "free_entropy": entropy,
        }


def _divergence(state: Branch) -> float:
    return np.nan if state.limit is None else state.limit.infinite_above


def _fold(curve: Curve, x: float):
    """The extremum of the control near ln s = x."""
    *_, values, errors = point_on_curve(curve, mp.exp(mp.mpf(x)))
    c, dc, ddc, f, _ = values
    return c, errors[0] + dc**2 / abs(2 * ddc), f


def _of_limit(curve: Curve, threshold: Any):
    """The control at which a limit state changes stability or diverges, from its closed expression."""
    limit = next(state.limit for state in reversed(threshold.states) if state.limit is not None)
    expr = limit.state.stable_below if threshold.kind == "continuous" else limit.state.stable_above
    value, error = _evaluate(expr)
    return value, error, threshold.free_entropy


def _crossing(curve: Curve, threshold: Any):
    """Newton's method for equal free entropy of two states."""
    control = mp.mpf(threshold.value)
    for _ in range(_MAX_STEPS):
        (f1, d1, e1), (f2, d2, e2) = (_entropy(curve, state, control) for state in threshold.states)
        step = -(f1 - f2) / (d1 - d2)
        control += step
        if abs(step) <= mp.mpf(10) ** (4 - mp.dps) * control:
            break
    # Newton's next step would be the square of the last
    return control, (e1 + e2) / abs(d1 - d2) + step**2 / abs(control), f1


def _entropy(curve: Curve, state: Branch, control):
    """Free entropy of a state, its derivative by the control, and its error."""
    if state.limit is not None:
        return _limit_entropy(curve, state.limit, control)
    start = mp.exp(mp.mpf(float(state.at(float(control)).x[0])))
    *_, values, errors = point_on_curve(curve, start, control=control)
    c, _, _, f, df = values
    return f + df * (control - c), df, errors[3] + abs(df) * errors[0]


def _limit_entropy(curve: Curve, limit: Limit, control):
    base, e0 = _evaluate(limit.state.free_entropy.subs(curve.form.control, 0))
    slope, e1 = _evaluate(limit.state.free_entropy.diff(curve.form.control))
    return base + slope * control, slope, e0 + e1 * control


def _evaluate(expr: sp.Expr):
    compiled, constants = compile_expressions([expr])
    (value,), (error,) = Reference(compiled)(constants)
    return mp.mpf(value), mp.mpf(error)
