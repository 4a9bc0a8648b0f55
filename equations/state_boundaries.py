"""Boundaries between states that are solved kind by kind, as systems in (log x..., log a, log b), a and b two controls.

* fold:      x = map(x),  det(1 - Jacobian) = 0
* crossing:  x = map(x),  x' = map'(x'),  f(x) = f'(x')
* level:     x = map(x),  a function of the state is zero: a transverse eigenvalue reaches 1, the replicon 0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .states import DifferencedSystem, KindFormulas, States

__all__ = ["SINGULARITY_ERROR", "KindCrossing", "KindFold", "KindLevel", "StateBoundary"]

# Of a determinant of up to four rows: entries of the Jacobian were measured to 4e-14 of max(1, |entry|)
SINGULARITY_ERROR = 1e-12
_EPS = np.finfo(float).eps


@dataclass(frozen=True)
class StateBoundary(DifferencedSystem):
    """Base: one kind's states in two controls.

    Parameters
    ----------
    formulas : KindFormulas
    controls : pair of control names
        The last two unknowns are their logarithms.
    others : mapping of control name to float
    """

    formulas: KindFormulas
    controls: tuple[str, str]
    others: Mapping[str, float]

    @property
    def places(self) -> int:
        """How many unknowns are logarithms of order parameters."""
        return len(self.formulas.unknowns)

    @property
    def scales(self) -> np.ndarray:  # type: ignore[override]
        return np.ones(self.places + 2)

    def values(self, y: np.ndarray) -> dict[str, Any]:
        """Values of all controls at rows of unknowns."""
        return {**self.others, **{name: np.exp(y[:, k - 2]) for k, name in enumerate(self.controls)}}

    def controls_at(self, y: np.ndarray) -> dict[str, float]:
        """Values of all controls at one point."""
        return {name: float(np.ravel(v)[0]) for name, v in self.values(y[None]).items() if name != "_"}

    def states(self, y: np.ndarray) -> States:
        """The (first) states at rows of unknowns."""
        return self.formulas.at(y[:, : len(self.formulas.unknowns)], self.values(y))

    def condition(self, found: States) -> tuple[np.ndarray, np.ndarray]:
        """What is zero on the boundary, and its error."""
        raise NotImplementedError

    def residual(self, y):
        found = self.states(y)
        value, error = self.condition(found)
        return (np.concatenate([found.residual, value[:, None]], axis=1),
                np.concatenate([found.residual_error, error[:, None]], axis=1))

    def errors(self, y: np.ndarray) -> np.ndarray:
        """Errors of the logarithm of the first control, at a fixed value of the second, shape (rows,)."""
        now = self.evaluate(y)
        left = np.maximum(np.abs(now.residual), now.noise)
        with np.errstate(all="ignore"):
            try:
                inverse = np.linalg.inv(now.jacobian[:, :, :-1])
            except np.linalg.LinAlgError:
                return np.full(len(y), np.inf)
        return (np.abs(inverse[:, -1]) * left).sum(1) + 2 * _EPS


class KindFold(StateBoundary):
    """Two states of one kind merge."""

    def condition(self, found):
        value = found.singularity()
        return value, np.full(len(value), SINGULARITY_ERROR)


@dataclass(frozen=True)
class KindLevel(StateBoundary):
    """A state of one kind becomes unstable in a direction of its own: ``what`` is a transverse direction or -1.

    Attributes
    ----------
    what : int
        Number of the transverse eigenvalue that is 1, or -1 for the replicon.
    """

    what: int = -1

    def condition(self, found):
        value = found.instability if self.what < 0 else found.transverse[:, self.what]
        with np.errstate(all="ignore"):
            return np.log(value), np.full(len(value), 1e-13)


@dataclass(frozen=True)
class KindCrossing(StateBoundary):
    """States of two kinds have equal free energy."""

    other: KindFormulas

    @property
    def places(self):
        return len(self.formulas.unknowns) + len(self.other.unknowns)

    def others_states(self, y: np.ndarray) -> States:
        """The states of the second kind at rows of unknowns."""
        n = len(self.formulas.unknowns)
        return self.other.at(y[:, n : n + len(self.other.unknowns)], self.values(y))

    def residual(self, y):
        one, two = self.states(y), self.others_states(y)
        gap = (one.free_energy - two.free_energy)[:, None]
        noise = (one.free_energy_error + two.free_energy_error)[:, None]
        return (np.concatenate([one.residual, two.residual, gap], axis=1),
                np.concatenate([one.residual_error, two.residual_error, noise], axis=1))
