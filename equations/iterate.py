"""State evolution: the iteration as the algorithm sees it."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..theory.forms import ParametricForm
from ..theory.model import Model, solve_linear
from .compile import compile_expressions, number_of
from .coupling_points import CouplingStep
from .curve import curve_of
from .fixed_points import concrete
from .reciprocal import inward
from .result import Status

__all__ = ["StateEvolution", "state_evolution"]

_STARTS = ("uninformative", "informative")
_NEXT_TO = 1e-6  # relative distance of a start next to a fixed point that a symmetry makes exact
_PERFECT = 1e-30  # relative mse that counts as perfect recovery
_LOST = 1e-14  # relative overlap that counts as no signal, where iteration has come to from above it
_RANGE = (1e-30, 1e30)  # of mhat rho: below it the first order is exact, above it the mse, at most 1/mhat, is nothing
_LEAST = 1e-100  # relative mse and overlap that averages of the channel still resolve
_FINEST = 1e-13  # tolerance below which averages are not asked for


@dataclass(frozen=True)
class StateEvolution:
    """Trajectory of the iteration.

    Attributes
    ----------
    trajectory : DataFrame
        Columns ``iteration``, ``m``, ``mhat`` (the precision that led to m; 0 at the start), ``mse``.
    status : Status
    start : str
    """

    trajectory: pd.DataFrame
    status: Status
    start: str

    @property
    def iterations(self) -> int:
        """Number of steps taken."""
        return len(self.trajectory) - 1

    @property
    def mse(self) -> float:
        """Mean-squared error reached."""
        return float(self.trajectory["mse"].iloc[-1])


def state_evolution(model: Model, *, start: str = "uninformative", max_iterations: int = 1000,
                    tolerance: float = 1e-10, overlap: float | None = None, **controls: Any) -> StateEvolution:
    """Iterate mhat = alpha E g_out^2, V = mmse(mhat), as message passing does.

    Of a generative prior, the hidden layers are iterated to their end between two steps.

    Parameters
    ----------
    model : Model
    start : {"uninformative", "informative"}
        From no knowledge beyond the prior, or from the signal itself.  Where the start is a fixed point by symmetry
        (no signal, perfect recovery), the iteration starts at a relative distance of 1e-6 from it.
    max_iterations : int
    tolerance : float
        Stop when mse and overlap change by less, relative to themselves.  Every average is held to it: one that misses
        it (relative to itself, or to 1e-14 of the signal) makes the status ``TOLERANCE_MISSED``.
    overlap : float, optional
        Start at this overlap m instead.
    **controls : float

    Returns
    -------
    StateEvolution

    Raises
    ------
    ValueError
        For an unknown start, settings that are no such numbers, an overlap outside (0, E x^2), bad controls.
    """
    if start not in _STARTS:
        raise ValueError(f"start = {start!r}: give one of {', '.join(map(repr, _STARTS))}")
    if not isinstance(max_iterations, numbers.Integral) or isinstance(max_iterations, bool) or max_iterations < 1:
        raise ValueError(f"max_iterations = {max_iterations!r}: give a positive whole number of steps")
    if not _is_real(tolerance) or not 0 < tolerance < 1:
        raise ValueError(f"tolerance = {tolerance!r}: give a relative tolerance in (0, 1), such as 1e-10")
    if isinstance(model, Model) and (other := model.reciprocal) is not None:
        model.check_controls(controls)
        model, controls = other.model, inward(other, controls)
    step: Any = (CouplingStep(model, controls) if isinstance(model, Model) and model.solved_by == "couplings"
                 else _Step(*concrete(model, controls), float(tolerance)))
    rho = step.scale
    if overlap is not None:
        if not _is_real(overlap) or not 0 < overlap < rho:
            raise ValueError(f"overlap = {overlap!r}: give a start between 0 and E x^2 = {rho:g}")
        m = float(overlap)
    elif start == "informative":
        m = rho * (1 - _NEXT_TO)
    else:
        m = rho * _NEXT_TO if "no signal" in step.limits else step.uninformed
    v = rho - m
    rows = [(0, m, 0.0, v)]
    status = Status.NOT_CONVERGED
    for iteration in range(1, int(max_iterations) + 1):
        mhat = step.precision(v, m)
        found = step.errors(mhat)
        if np.isnan(found).any():
            break
        before, (v, m) = (v, m), found
        rows.append((iteration, m, mhat, v))
        lost = m <= _LOST * rho and "no signal" in step.limits
        if lost or (v <= _PERFECT * rho and "perfect recovery" in step.limits):
            status = Status.LIMIT
            break
        if mhat * rho > _RANGE[1]:
            status = Status.OUTSIDE_RANGE
            break
        if v <= _LEAST * rho:  # it falls from step to step: to 0
            status = Status.CONVERGED
            break
        if abs(v - before[0]) <= tolerance * v and abs(m - before[1]) <= tolerance * max(m, _LOST * rho):
            status = Status.CONVERGED
            break
    if step.missed and status is not Status.OUTSIDE_RANGE:
        status = Status.TOLERANCE_MISSED
    return StateEvolution(pd.DataFrame(rows, columns=["iteration", "m", "mhat", "mse"]), status, start)


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


class _Step:
    """One step of state evolution at fixed controls, within the range of double precision.

    Attributes
    ----------
    scale : float
        rho = E x^2, what overlap and mse add up to.
    uninformed : float
        Overlap that the prior alone gives.
    limits : set of str
        Names of the limit states.
    missed : bool
        Whether an average, on any step so far, missed the tolerance.
    """

    def __init__(self, model: Model, control: float, tolerance: float):
        form, curve = model.working_form, curve_of(model)
        known = form if isinstance(form, ParametricForm) else None
        self._s = s = known.precision if known else curve.form.parameter
        (self._x,) = (y for y in form.order_parameters if y != s)
        (self._companion,) = form.companions
        self._control, self._tolerance = {form.control: control}, tolerance
        back, *on = known.step if known else (
            solve_linear(form.free_entropy.diff(self._x), s), curve.form.states[self._x],
            form.companions[self._companion])
        self._back, self._on = compile_expressions([back]), compile_expressions(on)
        self.scale = number_of(model.working_form_scale)
        self.uninformed = number_of(model.uninformed_overlap)
        self.limits = {limit.state.name for limit in curve.limits}
        self.missed = False

    def precision(self, v: float, m: float) -> float:
        """mhat = alpha E g_out^2 at mse v and overlap m."""
        if v <= 0.0:  # a prior without variance: nothing is unknown
            return np.inf
        values = {self._x: v, self._companion: max(m, _LEAST * self.scale)}
        (mhat,) = self._evaluate(self._back, values | self._control, [_LOST / self.scale])
        return mhat

    def errors(self, mhat: float) -> tuple[float, float]:
        """Mse and overlap at precision mhat; NaN if they could not be computed."""
        rho, unknown = self.scale, self.scale - self.uninformed
        if np.isnan(mhat):
            return np.nan, np.nan
        if mhat * rho > _RANGE[1]:  # linear estimation has the mse 1/(mhat + 1/Var x)
            v = min(1 / mhat, unknown)
            return v, rho - v
        if mhat * rho < _RANGE[0]:  # the first order: d mmse/d mhat = -Var(x)^2
            gain = max(mhat, 0.0) * unknown * unknown
            return unknown - gain, self.uninformed + gain
        v, m = self._evaluate(self._on, {self._s: mhat}, [_PERFECT * rho, _LOST * rho])
        if np.isnan(v + m):
            return np.nan, np.nan
        small = min(max(min(v, m), 0.0), rho / 2)  # the larger of the two by the smaller
        return (small, rho - small) if v < m else (rho - small, small)

    def _evaluate(self, compiled, values, scales):
        function, constants = compiled
        with np.errstate(all="ignore"):
            found = function(values | constants, tolerance=max(0.1 * self._tolerance, _FINEST), scales=scales)
        value, error = found.values[:, 0], found.errors[:, 0]
        k = np.argmin(value)  # the smaller one is used; others are what is left of a total
        met = found.converged[0] and error[k] <= self._tolerance * (abs(value[k]) + scales[k])
        self.missed |= not (met or np.isposinf(value[k]))
        return [float(x) for x in value]
