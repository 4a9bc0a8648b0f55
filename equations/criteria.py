"""Boundaries that a model states as conditions on its controls: where they begin or cease to hold along one of them."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
from scipy.optimize import brentq, minimize_scalar

from ..theory.model import Criterion, Model
from .couplings import compiled
from .sparse_roots import roots_in_unit_interval

__all__ = ["CriterionFormulas", "criteria_of"]

_EPS = np.finfo(float).eps
_SCAN = (1e-12, 1e12)  # where conditions without closed form are looked for
_SCANNED = 240
_NEAR = 1e-6  # relative error of the roots of an expanded polynomial
_SAME = 1e-9  # relative: zeros of two conditions as near as that are one
_BESIDE = 1e-4  # relative: near to its own zero a condition is small for a reason
_GRID = np.linspace(0.0, -1.0, 129)[:-1]


class CriterionFormulas:
    """The conditions of a criterion, compiled as functions of all couplings 1/control.

    Parameters
    ----------
    model : Model
    criterion : Criterion
    """

    def __init__(self, model: Model, criterion: Criterion):
        self.criterion = criterion
        self._couplings = tuple(sp.Symbol(f"lambda_{control.name}", positive=True) for control in model.own_controls)
        self._inverse = {control: 1 / x for control, x in zip(model.own_controls, self._couplings, strict=True)}
        self._conditions = [sp.sympify(x).xreplace(self._inverse) for x in criterion.conditions]
        parts = [sp.Add(*map(sp.Abs, sp.Add.make_args(x))) for x in self._conditions]
        self._values = [compiled(self._couplings, pair) for pair in zip(self._conditions, parts, strict=True)]
        self._formal = None
        if criterion.formal is not None:
            self._formal = compiled(self._couplings, criterion.formal.xreplace(self._inverse))
        self._worst = None
        if criterion.worst is not None:
            over, expression, mask = criterion.worst
            self._worst = compiled((over, *self._couplings), [x.xreplace(self._inverse) for x in (expression, mask)])

    def value(self, j: int, couplings: Sequence[Any]) -> tuple[np.ndarray, Any]:
        """Condition j at couplings (arrays broadcast), and the size of what it is the sum of."""
        given = [np.asarray(x, float)[()] for x in couplings]  # division of which by zero is infinite, and no error
        with np.errstate(all="ignore"):
            if j < len(self._values):
                value, size = self._values[j](*given)
                return np.broadcast_arrays(value, *given)[0], size
            return self._least(given), 1.0

    def holds(self, couplings: Sequence[float]) -> bool:
        """Whether the criterion is met."""
        return all(self.value(j, couplings)[0] > 0 for j in range(self._count))

    def is_formal(self, couplings: Sequence[float]) -> bool:
        """Whether the argument behind the criterion is not justified."""
        with np.errstate(all="ignore"):
            return self._formal is not None and bool(self._formal(*map(np.float64, couplings)) > 0)

    @property
    def _count(self) -> int:
        return len(self._values) + (self._worst is not None)

    def _least(self, couplings: Sequence[Any]) -> np.ndarray:
        """The condition that must hold for a range of its symbol, where it is worst; at arrays, on a grid of it."""
        assert self._worst is not None
        shape = np.broadcast_shapes(*map(np.shape, couplings))
        arrays = [np.broadcast_to(x, shape).ravel() for x in couplings]
        value, mask = self._worst(_GRID, *(x[..., None] for x in arrays))
        seen = np.where((mask > 0) | (_GRID == 0), value, np.inf)
        found = np.min(seen, axis=-1)
        if shape == ():  # the exact minimum, between the neighbours of the lowest
            k, at = int(np.argmin(seen[0])), [float(x[0]) for x in arrays]
            if 0 < k < len(_GRID) - 1 and np.isfinite(seen[0, k - 1 : k + 2]).all():
                best = minimize_scalar(lambda x: float(self._worst(x, *at)[0]), method="bounded",
                                       bounds=(_GRID[k + 1], _GRID[k - 1]), options={"xatol": 1e-11})
                found[0] = min(float(best.fun), found[0])
        return found.reshape(shape)[()]

    def zeros(self, k: int, couplings: Sequence[float]) -> list[tuple[float, float, bool]]:
        """Values of control k at which the criterion begins or ceases to be met: (value, error, is it formal there).

        Parameters
        ----------
        k : int
            Number of the control along which to look.
        couplings : sequence of float
            Of all controls; that of control k is not used.
        """
        def at(value: Any) -> list[Any]:
            return [1 / value if j == k else x for j, x in enumerate(couplings)]

        marks: list[tuple[float, float]] = []  # value, error
        candidates = sorted((x, j) for j in range(self._count) for x in self._candidates(j, k, at, couplings))
        for value, j in candidates:
            mark = value, self._error(j, value, at)
            if not marks or value > marks[-1][0] * (1 + _SAME):
                marks.append(mark)
            else:  # both conditions are zero there: the one that crosses it steeply says where
                marks[-1] = min(marks[-1], mark, key=operator.itemgetter(1))
        if not marks:
            return []
        values = [value for value, _ in marks]
        between = [values[0] / 2, *(math.sqrt(a * b) for a, b in itertools.pairwise(values)), 2 * values[-1]]
        met = [self.holds(at(x)) for x in between]
        found = []
        for (value, error), below, above in zip(marks, met[:-1], met[1:], strict=True):
            if below != above:
                others = set(range(self._count)) - {j for x, j in candidates if abs(x - value) < _BESIDE * value}
                rest = [self.value(j, at(value)) for j in others]
                unknown = any(abs(x) <= 8 * _EPS * size for x, size in rest)  # on which side of zero the others are
                found.append((value, math.inf if unknown else error, self.is_formal(at(value * (1 - _SAME)))))
        return found

    def _candidates(self, j: int, k: int, at: Any, couplings: Sequence[float]) -> list[float]:
        """Zeros of condition j in control k."""
        def value(log_control: Any) -> Any:
            return self.value(j, at(np.exp(log_control)))[0]

        def root(low: float, high: float) -> float:
            return float(np.exp(brentq(value, low, high, xtol=1e-15, rtol=8.9e-16)))

        if j < len(self._values):
            if self._couplings[k] not in self._conditions[j].free_symbols:
                return []
            terms = self._polynomial(j, k)
            if terms is not None:
                found = _positive_roots([(e, float(a(*map(np.float64, couplings)))) for e, a in terms])
                # the polynomial is expanded, which loses digits; the condition as it is written keeps them
                near = [(math.log(x) - _NEAR, math.log(x) + _NEAR) for x in found]
                return [root(*ends) if value(ends[0]) * value(ends[1]) < 0 else x
                        for x, ends in zip(found, near, strict=True)]
        grid = np.linspace(math.log(_SCAN[0]), math.log(_SCAN[1]), _SCANNED)
        signs = np.sign(value(grid))
        found = []
        for i in map(int, np.flatnonzero(signs[:-1] * signs[1:] < 0)):
            # on a grid the worst is known a little less well: the zero may lie in the next interval
            for low, high in ((i, i + 1), (max(i - 1, 0), i), (i + 1, min(i + 2, len(grid) - 1))):
                ends = value(grid[low]), value(grid[high])
                if np.isfinite(ends).all() and ends[0] * ends[1] < 0:
                    found.append(root(grid[low], grid[high]))
                    break
        return found

    @functools.cache  # noqa: B019  # formulas live as long as the model they are cached for
    def _polynomial(self, j: int, k: int) -> list[tuple[int, Any]] | None:
        """Terms (exponent, coefficient of all couplings) in control k of condition j, if it is rational in it."""
        control, x = sp.Dummy(positive=True), self._conditions[j].subs(self._couplings[k], sp.Symbol("x"))
        if not x.is_rational_function(sp.Symbol("x")):
            return None
        numerator = sp.numer(sp.cancel(sp.together(x.subs(sp.Symbol("x"), 1 / control))))
        return [(e, compiled(self._couplings, a)) for (e,), a in sp.Poly(numerator, control).terms()]

    def _error(self, j: int, value: float, at: Any) -> float:
        """From the rounding of the condition and its slope."""
        step = 1e-6 * value
        (up, _), (down, _), (here, size) = (self.value(j, at(x)) for x in (value + step, value - step, value))
        slope = float(abs(up - down)) / (2 * step)
        return float((8 * _EPS * size + abs(here)) / slope + 4 * _EPS * value) if slope else math.inf


def _positive_roots(terms: list[tuple[int, float]]) -> list[float]:
    """Positive roots of a polynomial: those below 1, and the inverses of those of the mirrored one."""
    degree = max(e for e, _ in terms)
    small = roots_in_unit_interval(terms)
    large = [1 / x for x in roots_in_unit_interval([(degree - e, a) for e, a in terms])]
    at_one = [1.0] if abs(sum(a for _, a in terms)) <= 8 * _EPS * sum(abs(a) for _, a in terms) else []
    return sorted([*small, *at_one, *large])


@functools.lru_cache(maxsize=64)
def criteria_of(model: Model) -> tuple[CriterionFormulas, ...]:
    """All criteria of a model, compiled and kept."""
    return tuple(CriterionFormulas(model, criterion) for criterion in model.criteria)
