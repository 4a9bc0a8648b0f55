"""A prior as a function of tau = A m(A), which grows with the precision A: one root, found by Newton's method."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from ..theory.wishart import Balanced
from .compile import compile_expressions

__all__ = ["BalancedSolver"]

Array = np.ndarray
_EPS = np.finfo(float).eps
_MOST = 60
_ENDS = (-40.0, 60.0)  # of ln A


class BalancedSolver:
    """Solve ln A + ln m(A) = ln tau at rows; its slope by ln A is at least 1.

    Parameters
    ----------
    problem : Balanced
    """

    def __init__(self, problem: Balanced):
        overlap, mmse, information, self._A = problem.args
        first = overlap.diff(self._A)
        self._few = compile_expressions([overlap, first])
        self._all = compile_expressions([overlap, first, first.diff(self._A), mmse, information])

    def __call__(self, tau: Array, parameters: Mapping[sp.Symbol, Array], tolerance: float,
                 ) -> dict[tuple[str, int], tuple[Array, Array]]:
        """Values and absolute errors of every quantity, by kind and order."""
        tau = np.asarray(tau, float)
        function, numbers = self._few
        x, goal = np.zeros(len(tau)), np.log(tau)
        low, high = np.full(len(tau), _ENDS[0]), np.full(len(tau), _ENDS[1])
        for _ in range(_MOST):
            found = function({**parameters, **numbers, self._A: np.exp(x)}, tolerance=1e-8, scales=[0.0, np.inf])
            overlap, rate = np.broadcast_to(found.values, (2, len(tau)))
            gap = x + np.log(overlap) - goal
            low, high = np.where(gap < 0, x, low), np.where(gap < 0, high, x)
            new = x - gap / (1 + np.exp(x) * rate / overlap)
            new = np.where((new > low) & (new < high), new, 0.5 * (low + high))
            done = np.abs(new - x).max() < 1e-7
            x = new
            if done:
                break
        function, numbers = self._all
        A = np.exp(x)
        found = function({**parameters, **numbers, self._A: A}, tolerance=tolerance,
                         scales=[0.0, np.inf, np.inf, 0.0, 1.0])
        values = np.broadcast_to(found.values, (5, len(tau)))
        errors = np.broadcast_to(found.errors, (5, len(tau)))
        base = _quantities(tau, A, values)
        error = {key: 8 * _EPS * np.abs(value) for key, value in base.items()}
        for k in range(5):
            bumped = values.copy()
            bumped[k] += errors[k]
            for key, moved in _quantities(tau, A, bumped).items():
                error[key] = error[key] + np.abs(moved - base[key])
        return {key: (base[key], error[key]) for key in base}


def _quantities(tau: Array, A: Array, values: Array) -> dict[tuple[str, int], Array]:
    """Everything at the root next to A, by derivatives: m, m', m'', mmse and I are given at A."""
    m, m1, m2, mmse, information = values
    slope = m + A * m1
    step = (tau - A * m) / slope  # one more step of Newton's method, of the size of rounding
    first = 1 / slope
    second = -(2 * m1 + A * m2) * first**3
    return {
        ("precision", 0): A + step, ("precision", 1): first, ("precision", 2): second,
        ("overlap", 0): m + m1 * step, ("overlap", 1): m1 * first, ("overlap", 2): m2 * first**2 + m1 * second,
        ("mmse", 0): mmse - m1 * step, ("mmse", 1): -m1 * first, ("mmse", 2): -(m2 * first**2 + m1 * second),
        ("information", 0): information + mmse * step / 2,
    }
