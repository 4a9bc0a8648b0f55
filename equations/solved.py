"""Averages that stand for the solution of equations of their own, evaluated beside Gaussian averages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from ..theory.generative import Network
from ..theory.solved import SolvedMean
from ..theory.wishart import Balanced
from .features import top_solved
from .generate import lambdify

__all__ = ["SolvedGroup", "solved_groups"]

Solver = Callable[[np.ndarray, Mapping[sp.Symbol, np.ndarray], float], Mapping[tuple[str, int], Any]]


@lru_cache(maxsize=64)
def _solver(problem: sp.Basic) -> Solver:
    """What solves the equations of a problem; kept, since its averages are compiled."""
    from .balanced import BalancedSolver  # they compile averages themselves
    from .network import NetworkSolver

    if isinstance(problem, Network):
        return NetworkSolver(problem)
    if isinstance(problem, Balanced):
        return BalancedSolver(problem)
    raise TypeError(f"{problem!r} is no problem that is known how to solve")


class SolvedGroup:
    """Quantities of one problem at one time: solved together.

    Parameters
    ----------
    means : sequence of SolvedMean
        Of equal problem and time.
    """

    def __init__(self, means: Sequence[SolvedMean]):
        self.means = list(means)
        self.problem, time = self.means[0].problem, self.means[0].time
        self.parameters = tuple(sorted(self.problem.free_symbols, key=lambda s: s.name))
        inside = top_solved([time])
        self._inside = solved_groups(inside)  # a time may be solved for itself
        self._names = {mean: sp.Symbol(f"_S{k}", real=True) for k, mean in enumerate(inside)}
        time = time.xreplace(self._names)
        self._arguments = tuple(sorted(time.free_symbols - set(self._names.values()), key=lambda s: s.name))
        self._time = lambdify((*self._arguments, *self._names.values()), [time])

    def evaluate(self, arrays: Mapping[sp.Symbol, np.ndarray], rows: int, tolerance: float,
                 ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (values, errors) of every quantity, arrays of shape (rows,)."""
        before = {mean: value for group in self._inside
                  for mean, (value, _) in zip(group.means, group.evaluate(arrays, rows, tolerance), strict=True)}
        (time,) = self._time(*(arrays[s] for s in self._arguments), *(before[mean] for mean in self._names))
        given = {s: arrays[s] for s in self.parameters}
        found = _solver(self.problem)(np.broadcast_to(np.asarray(time, float), (rows,)), given, tolerance)
        return [found[mean.kind, mean.order] for mean in self.means]


def solved_groups(means: Sequence[SolvedMean]) -> list[SolvedGroup]:
    """Group quantities by problem and time."""
    groups: dict[Any, list[SolvedMean]] = {}
    for mean in means:
        groups.setdefault((mean.problem, mean.time), []).append(mean)
    return [SolvedGroup(members) for members in groups.values()]
