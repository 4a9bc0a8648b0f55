"""Which differences between simulation and theory chance does not make."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from scipy import special

from ..equations.result import Status

__all__ = ["FALSE_ALARM", "Judge", "largest_by_chance"]

FALSE_ALARM = 1e-3  #: how often chance alone may make a table disagree with theory


def largest_by_chance(kept: int, comparisons: int) -> float:
    """Return the |z| that no comparison of a table exceeds by chance, but in one table of a thousand.

    Bonferroni's bound with Student's t, the standard error being estimated from `kept` instances.
    """
    return float(special.stdtrit(kept - 1, 1 - FALSE_ALARM / (2 * comparisons)))


class Judge:
    """Tells differences that chance makes from others, in a table of given scores."""

    def __init__(self, scores: Iterable[float], kept: int) -> None:
        self._comparisons = int(np.isfinite(list(scores)).sum())
        self._limit = largest_by_chance(kept, self._comparisons) if self._comparisons else math.inf

    def __call__(self, z: float, difference: float, component: float, theory: Status) -> Status:
        """Return the status of a comparison; `theory` is that of the theory.

        A difference does not count that about one component more or less (of weight `component` in the mean over
        instances), wrong in one of them, would make: where errors are so rare that no instance shows one, the
        standard error is blind to them.
        """
        if not theory.good:
            return theory
        if not math.isfinite(z):  # an instance diverged, or theory has no number
            return Status.NOT_CONVERGED
        return Status.DISAGREES if self.exceeds(z) and abs(difference) > 4 * component else Status.CONVERGED

    def exceeds(self, z: float) -> bool:
        """Whether a score is larger than chance makes it."""
        return abs(z) > self._limit

    def differs(self, z: float) -> str:
        """Return in words that a score is too large."""
        return (f"differs from theory by more than chance (z = {z:.1f}; "
                f"among {self._comparisons} comparisons |z| < {self._limit:.1f})")

    @property
    def no_difference(self) -> str:
        """In words: no score is too large."""
        return f"no difference from theory is more than chance gives in {self._comparisons} comparisons"
