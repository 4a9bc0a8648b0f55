"""All steps of decimation: the flow of retrieval, a problem with memory.

The flow is collocated on panels of [0, 1], most often a single one: trace and determinant of the modes of what was
found, on Chebyshev points, their interpolants integrated by Gauss-Legendre up to each point, all points solved
together, and again with what was found until nothing moves.  A panel that cannot be solved, or whose last Chebyshev
coefficients are too large, is halved.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..theory.decimation_states import DecimationByTemperature
from ..theory.parameters import number
from .decimation_steps import LOST, Past, StepProblem, Steps
from .state_curves import states_at

__all__ = ["Flow", "Panel", "checked_controls", "flow_of"]

_POINTS = 17  # Chebyshev points of a panel
_GAUSS = 24  # Gauss-Legendre nodes up to each of them
_SHORTEST = 1e-8  # panel: where the flow ends is known to about that
_SWEEPS = 40
_EPS = np.finfo(float).eps
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(_GAUSS)


@dataclass(frozen=True)
class Panel:
    """A stretch of the flow: trace and determinant of what is found there, on Chebyshev points."""

    start: float
    stop: float
    trace: np.ndarray
    determinant: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """Chebyshev points, both ends among them."""
        return self.start + (self.stop - self.start) * (1 - np.cos(np.pi * np.arange(_POINTS) / (_POINTS - 1))) / 2

    def found_before(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gauss-Legendre weights of dtau up to times within the panel, or all of it, with traces and determinants.

        Arrays of shape (times, nodes).
        """
        half = (np.minimum(t, self.stop) - self.start)[:, None] / 2
        matrix = _interpolation(np.clip(half * (_NODES + 1) / (self.stop - self.start), 0, 1))
        return half * _WEIGHTS, matrix @ self.trace, matrix @ self.determinant

    def tail(self) -> float:
        """Size of the last Chebyshev coefficients: what the interpolants may lack."""
        both = np.stack([self.trace, self.determinant])
        mirrored = np.concatenate([both, both[:, -2:0:-1]], axis=1)
        coefficients = np.abs(np.fft.rfft(mirrored).real) / (_POINTS - 1)
        return float(coefficients[:, -3:].max())


def _interpolation(x: np.ndarray) -> np.ndarray:
    """Matrix from values at a panel's points to values at places x in [0, 1], by the barycentric formula."""
    points = (1 - np.cos(np.pi * np.arange(_POINTS) / (_POINTS - 1))) / 2
    signs = (-1.0) ** np.arange(_POINTS)
    signs[[0, -1]] /= 2
    gap = x[..., None] - points
    exact = gap == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = signs / gap
        matrix = terms / terms.sum(-1, keepdims=True)
    return np.where(exact.any(-1, keepdims=True), exact, matrix)


@dataclass(frozen=True)
class Flow:
    """All steps of a decimation.

    Attributes
    ----------
    panels : tuple of Panel
    end : float
        1, or the time at which retrieval ends; 0 if there is none.
    end_error : float
    interpolation_error : float
        What the interpolants lack, absolute.
    """

    model: DecimationByTemperature
    alpha: float
    delta: float
    temperature: float
    panels: tuple[Panel, ...]
    end: float
    end_error: float
    interpolation_error: float
    first: np.ndarray

    def _times(self, t: ArrayLike) -> np.ndarray:
        """Times as an array (times,), all of them in the flow.

        Raises
        ------
        ValueError
        """
        times = np.asarray(t, dtype=float)
        if self.end == 0:
            raise ValueError(f"t = {t!r}: at alpha = {self.alpha:g}, delta = {self.delta:g} and temperature "
                             f"{self.temperature:g} the first step has no retrieval state, so that there is no flow; "
                             "lower delta or alpha")
        if times.ndim != 1 or not ((times >= 0) & (times <= self.end)).all():
            raise ValueError(f"t = {t!r}: give times from 0 to {self.end:g}, where the flow ends, as a sequence")
        return times

    def past(self, t: ArrayLike) -> Past:
        """What was found before times in [0, end]; refuses other times with a ValueError."""
        return _past(self.panels, self._times(t), self.alpha)

    def at(self, t: ArrayLike) -> Steps:
        """The steps at times in [0, end], each solved; refuses other times with a ValueError."""
        t = self._times(t)
        problem, past = StepProblem(self.model, self.delta, self.temperature, self.alpha), self.past(t)
        # the flow is smooth: from the nearest time that is solved already, in order
        y = np.repeat(self.first, len(t), axis=0)
        found, solved = problem.newton(y, past)
        for k in np.flatnonzero(~solved):
            one = Past(past.weight[k : k + 1], past.trace[k : k + 1], past.determinant[k : k + 1],
                       past.unfound[k : k + 1])
            near = found[k - 1 : k] if k else self.first
            found[k : k + 1], solved[k : k + 1] = problem.newton(near, one)
        steps = problem.finished(found, solved, past)
        good = steps.is_solved & (steps.determinant > 0)
        return replace(steps, is_solved=good)

    def matrix_mse(self, t: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """(1/2N)|eta eta^T - xi xi^T|^2/N^2 of the patterns found before t, without cross terms, and its error."""
        t = self._times(t)
        past = self.past(t)
        square = past.trace**2 - 2 * past.determinant
        value = (past.weight * square).sum(1) / 2
        return value, self.alpha * t * (2 * self.interpolation_error + 4 * _EPS) + 2 * _EPS * np.abs(value)


def _past(panels: Sequence[Panel], t: np.ndarray, alpha: float) -> Past:
    parts = [panel.found_before(t) for panel in panels if panel.start < t.max(initial=0.0)]
    empty = np.zeros((len(t), 0))
    weight, trace, determinant = (np.concatenate([empty, *(part[k] for part in parts)], axis=1) for k in range(3))
    # a panel that begins after t has found nothing
    return Past(alpha * np.maximum(weight, 0.0), trace, determinant, alpha * (1 - t))


def checked_controls(alpha: Any, delta: Any, beta: Any) -> tuple[float, float, float]:
    """Numbers for alpha, delta and the temperature 1/beta.

    Raises
    ------
    TypeError, ValueError
    """
    few, noise = (float(number(name, value, low=0.0)) for name, value in (("alpha", alpha), ("delta", delta)))
    if isinstance(beta, str):
        if beta != "nishimori":
            raise ValueError(f"beta = {beta!r}: give a positive number, inf, or 'nishimori' for 1/delta")
        return few, noise, noise
    if isinstance(beta, numbers.Real) and float(beta) == math.inf:
        return few, noise, 0.0
    return few, noise, 1 / float(number("beta", beta, low=0.0, open_low=True,
                                        cure="give inf for the state of least energy, 'nishimori' for 1/delta"))


def flow_of(model: DecimationByTemperature, alpha: float, delta: float, T: float, tolerance: float) -> Flow:
    """Follow retrieval from the first step to the last, or to where it ends.

    Parameters
    ----------
    model : DecimationByTemperature
    alpha, delta, T : float
        T = 0 allowed.
    tolerance : float
        Absolute, of the overlap.
    """
    problem = StepProblem(model, delta, T, alpha)
    first = _first(problem, alpha)
    if first is None:
        return Flow(model, alpha, delta, T, (), 0.0, 0.0, 0.0, np.full((1, 3), np.nan))
    panels: list[Panel] = []
    start, length, worst, guess, was_halved = 0.0, 1.0, 0.0, first, False
    while start < 1:
        length = min(length, 1 - start)
        solved = _panel(problem, alpha, panels, start, start + length if start + length < 1 - _SHORTEST else 1.0, guess)
        if solved is None or solved[0].tail() > 0.1 * tolerance:
            length, was_halved = length / 2, True
            if length < _SHORTEST:
                return Flow(model, alpha, delta, T, tuple(panels), start, 4 * _SHORTEST, worst, first)
            continue
        panel, guess = solved
        panels.append(panel)
        worst = max(worst, panel.tail())
        start, length, was_halved = panel.stop, length if was_halved else 2 * length, False
    return Flow(model, alpha, delta, T, tuple(panels), 1.0, 0.0, worst, first)


def _first(problem: StepProblem, alpha: float) -> np.ndarray | None:
    """Retrieval at the first step, as (m, s, a); None if there is none."""
    past = _past((), np.zeros(1), alpha)
    start = problem.iterated(past)
    if start is not None:
        y, solved = problem.newton(start, past)
        if solved.all() and problem.finished(y, solved, past).determinant[0] > 0 and y[0, 0] > LOST:
            return y
    # beside the fold iteration takes forever: ask for every state
    controls = {"alpha": alpha, "delta": problem.delta, "temperature": problem.T}
    best: np.ndarray | None = None
    for formulas, x in states_at(problem.model, controls, ("retrieval",)):
        left = {name: value for name, value in controls.items() if value != 0}
        state = formulas.at(x[None], left)
        measured = {name: float(value[0]) for name, value in formulas.measured(x[None], left).observables.items()}
        response = np.array([measured["susceptibility"]])
        curvature = measured["second_moment"] - problem.delta * response[0] - past.sums(response)[0][0]
        y, solved = problem.newton(np.array([[measured["overlap"], measured["noise"], curvature]]), past)
        stable = (state.eigenvalues() < 1).all() and solved.all()
        if stable and (best is None or y[0, 0] > best[0, 0]):
            best = y
    return best


def _panel(problem: StepProblem, alpha: float, before: Sequence[Panel], start: float, stop: float,
           guess: np.ndarray) -> tuple[Panel, np.ndarray] | None:
    """A panel solved, and the unknowns at its end; None if a step in it has no retrieval or they do not settle."""
    y = np.repeat(guess, _POINTS, axis=0)
    panel: Panel | None = None
    before_last = np.inf
    for _ in range(_SWEEPS):
        if panel is None:
            values, _ = problem.site(guess)
            trace, determinant = 1 - values[2], guess[:, 0] ** 2 - values[2]
            panel = Panel(start, stop, np.repeat(trace, _POINTS), np.repeat(determinant, _POINTS))
        past = _past([*before, panel], panel.points, alpha)
        y, solved = problem.newton(y, past)
        if not solved.all():
            return None
        values, _ = problem.site(y)
        if (past.gap(values[3]) <= 0).any():
            return None
        new = Panel(start, stop, 1 - values[2], y[:, 0] ** 2 - values[2])
        change = max(np.abs(new.trace - panel.trace).max(), np.abs(new.determinant - panel.determinant).max())
        panel = new
        if change < 4 * _EPS or (change < 1e-13 and change >= before_last):
            _, _, jacobian = problem.equations(y, past)
            # beyond a fold Newton's method may find the unstable state
            return (panel, y[-1:]) if (np.linalg.det(-jacobian) > 0).all() else None
        before_last = change
    return None
