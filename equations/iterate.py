"""State evolution: the iteration as the algorithm sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from ..theory.model import Model, solve_linear
from .compile import compile_expressions
from .curve import curve_of
from .fixed_points import concrete
from .result import Status

__all__ = ["StateEvolution", "state_evolution"]

_STARTS = ("uninformative", "informative")
_NEXT_TO = 1e-6  # relative distance of a start next to a fixed point that a symmetry makes exact
_PERFECT = 1e-30  # relative mse that counts as perfect recovery
_LOST = 1e-14  # relative overlap that counts as no signal, where iteration has come to from above it


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

    Parameters
    ----------
    model : Model
    start : {"uninformative", "informative"}
        From no knowledge beyond the prior, or from the signal itself.  Where the start is a fixed point by symmetry
        (no signal, perfect recovery), the iteration starts at a relative distance of 1e-6 from it.
    max_iterations : int
    tolerance : float
        Stop when the mse changes by less, relative to itself.
    overlap : float, optional
        Start at this overlap m instead.
    **controls : float

    Returns
    -------
    StateEvolution

    Raises
    ------
    ValueError
        For an unknown start, an overlap outside (0, E x^2), bad controls.
    """
    if start not in _STARTS:
        raise ValueError(f"start = {start!r}: give one of {', '.join(map(repr, _STARTS))}")
    if max_iterations < 1:
        raise ValueError(f"max_iterations = {max_iterations}: give a positive number of steps")
    reduced, control = concrete(model, controls)
    form, curve = reduced.working_form, curve_of(reduced)
    s = curve.form.parameter
    (x,) = (y for y in form.order_parameters if y != s)
    (companion,) = form.companions
    rho = float(reduced.working_form_scale)
    step_back, constants = compile_expressions([solve_linear(form.free_entropy.diff(x), s)])
    step_on, more = compile_expressions([curve.form.states[x], form.companions[companion]])
    limits = {limit.state.name: limit for limit in curve.limits}
    if overlap is not None:
        if not 0 < overlap < rho:
            raise ValueError(f"overlap = {overlap}: give a start between 0 and E x^2 = {rho:g}")
        m = float(overlap)
    elif start == "informative":
        m = rho * (1 - _NEXT_TO)
    else:
        m = rho * _NEXT_TO if "no signal" in limits else float(sp.N(reduced.uninformed_overlap))
    v = rho - m
    rows = [(0, m, 0.0, v)]
    status = Status.NOT_CONVERGED
    for iteration in range(1, max_iterations + 1):
        back = step_back({x: v, companion: m, form.control: control} | constants, tolerance=1e-11)
        mhat = float(back.values[0, 0])
        on = step_on({s: mhat} | more, tolerance=1e-11) if np.isfinite(mhat) else back
        if not np.isfinite(mhat) or not np.isfinite(on.values).all():
            status = Status.TOLERANCE_MISSED
            break
        previous, (v, m) = v, (float(value) for value in on.values[:, 0])
        v, m = (v, rho - v) if v < m else (rho - m, m)  # the larger of the two by the smaller
        rows.append((iteration, m, mhat, v))
        lost = "no signal" in limits and m <= _LOST * rho
        if v <= _PERFECT * rho or lost:
            status = Status.LIMIT
            break
        if abs(v - previous) <= tolerance * v and abs(rows[-2][1] - m) <= tolerance * m:
            status = Status.CONVERGED
            break
    return StateEvolution(pd.DataFrame(rows, columns=["iteration", "m", "mhat", "mse"]), status, start)
