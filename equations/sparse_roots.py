"""All roots in (0, 1) of a polynomial with few terms, of whatever degree."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from scipy.optimize import brentq

__all__ = ["roots_in_unit_interval"]


def roots_in_unit_interval(terms: Sequence[tuple[float, float]]) -> list[float]:
    """Return the roots in (0, 1) of sum of coefficient x^exponent, in increasing order.

    By Rolle's theorem there is at most one between two neighbouring roots of the derivative, which, after division by
    the lowest power, has one term less: as many derivatives are taken as there are terms.  A double root that rounding
    parts or hides is found twice or not at all.

    Parameters
    ----------
    terms : sequence of (exponent, coefficient)
        Exponents are different real numbers.
    """
    kept = sorted((e, a) for e, a in terms if a != 0)
    if len(kept) < 2:
        return []
    scale = max(abs(a) for _, a in kept)
    lowest = kept[0][0]
    reduced = [(e - lowest, a / scale) for e, a in kept]

    def value(x: float) -> float:
        return sum(a * x**e for e, a in reduced)

    turns = roots_in_unit_interval([(e - 1, e * a) for e, a in reduced[1:]])
    marks = [0.0, *turns, 1.0]
    found = []
    for low, high in itertools.pairwise(marks):
        ends = value(low), value(high)
        if ends[0] * ends[1] < 0:
            found.append(float(brentq(value, low, high, xtol=1e-300, rtol=8.9e-16, maxiter=2000)))
    return found
