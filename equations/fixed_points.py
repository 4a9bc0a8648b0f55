"""All fixed points of a model at given controls, stable or not."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ..theory.model import Model
from ..theory.parameters import number, positive
from .coupling_points import coupling_points
from .curve import Curve, curve_of
from .points import Limit, Points
from .reciprocal import chosen, inward, outward
from .result import FixedPoint, Status
from .state_points import dominance, state_points

__all__ = ["check_digits", "concrete", "equilibrium", "fixed_points"]

_NEAR_FOLD = 1e-3  # slope d ln control/d ln mhat below which an error is blamed on a spinodal
_TOLERANCE = 1e-12
_SOLVERS = {"kinds": state_points, "couplings": coupling_points}  # of models without one explicit curve


def fixed_points(model: Model, *, tolerance: float = _TOLERANCE, digits: int | None = None,
                 **controls: Any) -> tuple[Any, ...]:
    """All fixed points, stable or not, highest free entropy first.

    Parameters
    ----------
    model : Model
    tolerance : float
        Relative tolerance of the averages; a result that missed it says so in its status.
    digits : int, optional
        Solve on with mpmath to this many digits (slow: seconds a point); values are then ``mpmath.mpf``.
    **controls : float or array
        A value for every control of the model, ``alpha=1.3``.  Arrays broadcast against each other; all their points
        are solved together, far cheaper a point than one by one.

    Returns
    -------
    tuple of FixedPoint, or for array controls a tuple of such tuples, one for each point in C order.

    Raises
    ------
    ValueError
        Unknown, missing or impossible controls, with the cure.
    TypeError
        If `model` is not a model.
    """
    if not isinstance(tolerance, numbers.Real) or not 0 < tolerance < 1:
        raise ValueError(f"tolerance = {tolerance!r}: give a relative tolerance in (0, 1), such as 1e-12")
    check_digits(digits)
    if not isinstance(model, Model):
        raise TypeError(f"model = {model!r} is not a model: give one such as GLM(Rademacher(), Sign())")
    model.check_solvable()
    model.check_controls(controls)
    if (other := model.reciprocal) is not None:
        other = chosen(other, controls)
        inner = inward(other, controls)
        return outward(other, fixed_points(other.model, tolerance=tolerance, digits=digits, **inner), controls)
    names = list(controls)
    is_batch = any(np.ndim(value) > 0 for value in controls.values())
    points = [dict(zip(names, values, strict=True)) for values in _broadcast(controls)]
    if model.solved_by in _SOLVERS:
        if digits is not None:
            raise ValueError(f"digits = {digits}: {model.title} is solved in double precision; leave digits out")
        solve = _SOLVERS[model.solved_by]
        found = [tuple(sorted(solve(model, point, tolerance), key=dominance, reverse=True)) for point in points]
        return tuple(found) if is_batch else found[0]
    members: dict[tuple, list[int]] = {}  # points that share everything but the linear control share a curve
    linear = model.linear_control.name
    for k, values in enumerate(points):
        members.setdefault(tuple((n, v) for n, v in values.items() if n != linear), []).append(k)
    answers: list[tuple[FixedPoint, ...]] = [()] * len(points)
    for indices in members.values():
        solved = [concrete(model, points[indices[0]])]
        solved += [(solved[0][0], float(positive(linear, points[k][linear]))) for k in indices[1:]]
        check_digits(digits, solved[0][0])
        curve, control = curve_of(solved[0][0]), np.array([value for _, value in solved])
        labels = [{name: float(value) for name, value in points[k].items()} for k in indices]
        for k, states in zip(indices, _solve(curve, control, tolerance, labels), strict=True):
            if digits is not None:
                from .reference import refined

                states = [refined(curve, state, sp.sympify(points[k][linear]), digits) for state in states]
            answers[k] = tuple(sorted(states, key=_rank, reverse=True))
    return tuple(answers) if is_batch else answers[0]


def _rank(point: FixedPoint) -> tuple[Any, Any]:
    return point.free_entropy, point.order_parameters.get("m", 0)


def _broadcast(controls: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    if not controls:
        return [()]
    grids = np.broadcast_arrays(*(np.asarray(value, object) for value in controls.values()))
    return list(zip(*(map(_plain, grid.ravel()) for grid in grids), strict=True))


def check_digits(digits: Any, model: Model | None = None) -> None:
    """Check a number of digits asked for, of a model if one is given.

    Raises
    ------
    ValueError
        If it is not a whole number from 16 on, or the model's averages are solutions of equations, which are solved in
        double precision only.
    """
    if digits is not None and model is not None and curve_of(model).formulas.states.solved:
        raise ValueError(f"digits = {digits}: {model!r} holds equations that are solved in double precision; "
                         "leave digits out")
    if digits is not None and (not isinstance(digits, numbers.Integral) or digits < 16):
        raise ValueError(f"digits = {digits}: give a whole number of digits from 16 on, or leave it out")


def equilibrium(model: Model, **controls: Any) -> Any:
    """The stable fixed point of highest free entropy (for arrays of controls: a tuple of them).

    Beside replica-symmetric states that condense noise, unstable ones have a higher free entropy: the paramagnet below
    the spin-glass transition does.  Takes the same arguments as :func:`fixed_points`.
    """
    found = fixed_points(model, **controls)
    return _dominant(found) if found and isinstance(found[0], FixedPoint) else tuple(map(_dominant, found))


def _dominant(states: tuple[FixedPoint, ...]) -> FixedPoint:
    return next((state for state in states if state.stable), states[0])


def concrete(model: Model, controls: Mapping[str, Any]) -> tuple[Model, float]:
    """Check controls; return the model with numbers for all of them but the linear one, and that one's value.

    Raises
    ------
    TypeError, ValueError
        As :func:`fixed_points`.
    """
    if not isinstance(model, Model):
        raise TypeError(f"model = {model!r} is not a model: give one such as GLM(Rademacher(), Sign())")
    model.check_solvable()
    if model.solved_by != "curve":
        takes = f"or give it {model.reciprocal.model!r}" if model.reciprocal else "which this needs"
        raise TypeError(f"model = {model!r}: its states do not lie on one explicit curve of a control, {takes}; "
                        "fixed_points, equilibrium, thresholds and phase_diagram solve them")
    values = model.check_controls(dict(controls))
    linear = model.linear_control
    checked = {s: number(s.name, _plain(v)) for s, v in values.items()}
    checked[linear] = positive(linear.name, _plain(values[linear]))
    for s, v in checked.items():
        if v.free_symbols:
            raise TypeError(f"{s.name} = {v} is a symbol: give the control a number")
    value = float(checked.pop(linear))
    return model.at(checked), value


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _solve(curve: Curve, control: np.ndarray, tolerance: float,
           labels: list[dict[str, float]]) -> list[list[FixedPoint]]:
    """All fixed points at every value of the linear control."""
    points, which, steps = curve.solve(control, 0.1 * tolerance)
    answers: list[list[FixedPoint]] = [[] for _ in control]
    on_curve = from_points(curve, points, control[which], tolerance, steps, [labels[k] for k in which])
    for k, point in zip(which, on_curve, strict=True):
        answers[k].append(point)
    for limit in curve.limits:
        for k, point in enumerate(from_limit(curve, limit, control, labels)):
            answers[k].append(point)
    for k, states in enumerate(answers):
        if not states or _is_beyond(curve, np.log(control[k])):
            states.append(_outside(curve, control[k], labels[k]))
    return answers


def _is_beyond(curve: Curve, log_control: float) -> bool:
    """Whether a state stands on the curve past an end of its samples, where no limit state closes it."""
    samples, closed = curve.samples, {limit.state.end for limit in curve.limits}
    start, stop = samples.log_control[0], samples.log_control[-1]
    before = "start" not in closed and (log_control < start) == (samples.slope[0] > 0)
    after = "stop" not in closed and (log_control > stop) == (samples.slope[-1] > 0)
    return bool(before or after)


def from_points(curve: Curve, points: Points, control: np.ndarray, tolerance: float, steps: np.ndarray | None = None,
                labels: list[dict[str, float]] | None = None) -> list[FixedPoint]:
    """Fixed points from points of the curve, with errors, eigenvalues and observables."""
    if len(points.x) == 0:
        return []
    form, s = curve.form, np.exp(points.x)
    order_parameters = curve.named_order_parameters(points)
    observables, observable_errors = curve.observables(points, control)
    error_x = _displacement(points)
    rates = [np.abs(points.states[sp.Symbol(name.name + "'", real=True)]) * s * error_x + points.state_errors[name]
             for name in form.sensitivity]
    floor = np.finfo(float).eps * np.maximum(np.abs(points.free_entropy), 1e-300)
    error = np.maximum.reduce([*rates, points.free_entropy_error, floor])
    residual = np.abs(np.expm1(points.log_control - np.log(control)))
    answers = []
    for k in range(len(s)):
        if error[k] <= 10 * tolerance * max(1.0, abs(points.free_entropy[k])):
            status = Status.CONVERGED
        else:
            near_fold = points.good[k] and abs(points.slope[k]) < _NEAR_FOLD
            status = Status.ILL_CONDITIONED if near_fold else Status.TOLERANCE_MISSED
        if status is Status.CONVERGED and not all(
            observable_errors[name][k] <= 10 * tolerance * max(1.0, abs(value[k]))
            for name, value in observables.items()
        ):
            status = Status.TOLERANCE_MISSED
        answers.append(FixedPoint(
            order_parameters={name: float(value[k]) for name, value in order_parameters.items()},
            free_entropy=float(points.free_entropy[k]),
            observables={name: float(value[k]) for name, value in observables.items()},
            eigenvalues=(float(1 - points.slope[k]),), stable=bool(points.slope[k] > 0), residual=float(residual[k]),
            error=float(error[k]), status=status, iterations=int(steps[k]) if steps is not None else 0,
            controls=labels[k] if labels else {},
        ))
    return answers


def _displacement(points: Points) -> np.ndarray:
    """How far in x an error of the control moves a fixed point: a root near a fold, linear elsewhere."""
    e, a, b = points.control_error, np.abs(points.slope), np.abs(points.bend)
    return np.where(e > 0, 2 * e / np.maximum(a + np.sqrt(a * a + 2 * b * e), 1e-300), 0.0)


def from_limit(curve: Curve, limit: Limit, control: np.ndarray,
               labels: list[dict[str, float]] | None = None) -> list[FixedPoint]:
    """The fixed points that a limit state is at control values."""
    entropy = np.broadcast_to(limit.entropy_at(control), control.shape)
    observables = curve.limit_observables(limit, control, entropy)
    eigenvalue = np.broadcast_to(limit.eigenvalue_at(control), control.shape)
    stable = limit.stable_at(control)
    order_parameters = [
        {x.name: limit.values[x.name] + limit.slopes.get(x.name, 0.0) * value for x in curve.model.order_parameters}
        for value in map(float, control)
    ]
    return [
        FixedPoint(
            order_parameters=order_parameters[k], free_entropy=float(entropy[k]),
            observables={name: float(value[k]) for name, value in observables.items()},
            eigenvalues=(float(eigenvalue[k]),), stable=bool(stable[k]), residual=0.0,
            error=float(max(limit.entropy_error_at(control[k]), *limit.errors.values())), status=Status.LIMIT,
            controls=labels[k] if labels else {}, state=limit.state.name,
        )
        for k in range(len(control))
    ]


def _outside(curve: Curve, control: float, label: dict[str, float]) -> FixedPoint:
    """The end of the sampled curve that is nearest, marked as not the answer."""
    ends = curve.samples.take(np.array([0, -1]))
    nearest = ends.take(np.array([np.argmin(np.abs(ends.log_control - np.log(control)))]))
    (point,) = from_points(curve, nearest, np.exp(nearest.log_control), 1.0)
    gap = float(nearest.log_control[0] - np.log(control))
    # f by its slope: exact where the end of the samples is a signal that is known
    moved = float(nearest.free_entropy_slope[0]) * (control - float(np.exp(nearest.log_control[0])))
    return replace(
        point, free_entropy=point.free_entropy + moved, status=Status.OUTSIDE_RANGE,
        residual=abs(float(np.expm1(gap))), controls=label,
    )
