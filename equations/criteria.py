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

from ..theory.forms import Criterion
from ..theory.model import Model
from .couplings import compiled

__all__ = ["CriterionFormulas", "criteria_of"]

_EPS = np.finfo(float).eps
_SCAN = (1e-40, 1e40)  # where conditions without closed form are looked for
_FINE, _COARSE = 0.04, 0.25  # steps of the logarithm of a control there
_NEAREST = 13.0  # decades by which the scan comes near to where something else happens
_SAME = 1e-9  # relative: zeros of two conditions as near as that are one
_BESIDE = 1e-4  # relative: near to its own zero a condition is small for a reason
_NOTHING = 1e-200
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
        return self._formality(couplings) > 0

    def _formality(self, couplings: Sequence[float]) -> float:
        with np.errstate(all="ignore"):
            return -1.0 if self._formal is None else float(self._formal(*map(np.float64, couplings)))

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

    def zeros(self, k: int, couplings: Sequence[float],
              within: tuple[float, float] = _SCAN) -> list[tuple[float, float, bool]]:
        """Values of control k at which the criterion begins or ceases to be met: (value, error, is it formal there).

        Parameters
        ----------
        k : int
            Number of the control along which to look.
        couplings : sequence of float
            Of all controls; that of control k is not used.
        within : (low, high)
            Where to look, if there is no closed form.
        """
        def at(value: Any) -> list[Any]:
            return [1 / value if j == k else x for j, x in enumerate(couplings)]

        marks: list[tuple[float, float]] = []  # value, error
        candidates = sorted((x, j) for j in range(self._count) for x in self._candidates(j, k, at, couplings, within))
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
                # where dynamics meets no glass all terms may vanish: what holds beside decides
                beside = value if abs(self._formality(at(value))) > _NOTHING else value * (1 - _BESIDE)
                others = set(range(self._count)) - {j for x, j in candidates if abs(x - value) < _BESIDE * value}
                rest = [self.value(j, at(value)) for j in others]
                unknown = any(abs(x) <= 8 * _EPS * size for x, size in rest)  # on which side of zero the others are
                found.append((value, math.inf if unknown else error, self.is_formal(at(beside))))
        return found

    def _candidates(self, j: int, k: int, at: Any, couplings: Sequence[float],
                    within: tuple[float, float]) -> list[float]:
        """Zeros of condition j in control k."""
        if j < len(self._values):
            if self._couplings[k] not in self._conditions[j].free_symbols:
                return []
            if (solve := self._linear(j, k)) is not None:
                with np.errstate(all="ignore"):
                    value = float(solve(*map(np.float64, couplings)))
                return [value] if 0 < value < math.inf else []
        walls = [x for i in range(len(self._values)) if i != j and self._linear(i, k) is not None
                 for x in self._candidates(i, k, at, couplings, within)]

        def value_at(log_control: Any) -> Any:
            return self.value(j, at(np.exp(log_control)))

        return [float(np.exp(x)) for x in _zeros(value_at, _grid(within, walls, coarse=j == len(self._values)))]

    def walls(self, k: int, free: int) -> list[float]:
        """Values of control k at which a condition that does not depend on control `free` changes sign."""
        return sorted({value for j, x in enumerate(self._conditions) if self._couplings[free] not in x.free_symbols
                       for value in self._candidates(j, k, None, [1.0] * len(self._couplings), _SCAN)
                       if x.free_symbols == {self._couplings[k]}})

    @functools.cache  # noqa: B019  # formulas live as long as the model they are cached for
    def _linear(self, j: int, k: int) -> Any:
        """Where condition j is zero, as a function of all couplings, if it is linear in control k or in its inverse."""
        control, condition = sp.Dummy(positive=True), self._conditions[j]
        for x, inverse in ((condition, True), (condition.subs(self._couplings[k], 1 / control), False)):
            symbol = self._couplings[k] if inverse else control
            slope = x.diff(symbol)
            if slope != 0 and not slope.has(symbol):
                root = -x.subs(symbol, 0) / slope
                return compiled(self._couplings, 1 / root if inverse else root)
        return None

    def _error(self, j: int, value: float, at: Any) -> float:
        """From the rounding of the condition and its slope."""
        step = 1e-6 * value
        (up, _), (down, _), (here, size) = (self.value(j, at(x)) for x in (value + step, value - step, value))
        slope = float(abs(up - down)) / (2 * step)
        return float((8 * _EPS * size + abs(here)) / slope + 4 * _EPS * value) if slope else math.inf


def _grid(within: tuple[float, float], walls: Sequence[float], coarse: bool) -> np.ndarray:
    """Logarithms of controls, over the whole range, and ever denser on both sides of where something else happens."""
    low, high = np.log(within)
    grid = [np.linspace(low, high, 2 + int((high - low) / (_COARSE if coarse else _FINE)))]
    beside = 10.0 ** -np.arange(0.25, _NEAREST, 1.0 if coarse else 0.25)
    for wall in walls:
        grid += [np.log(wall) + np.log1p(beside), np.log(wall) + np.log1p(-beside)]
    return np.unique(np.concatenate(grid))


def _zeros(function: Any, grid: np.ndarray) -> list[float]:
    """Zeros of a function, which comes with the size of its terms; also pairs of them between points of the grid."""
    values, sizes = (np.broadcast_to(x, grid.shape) for x in function(grid))
    marks = list(zip(grid, values, strict=True))
    before, here, after = (np.abs(values[i : len(grid) - 2 + i]) for i in range(3))
    with np.errstate(all="ignore"):
        same = (np.sign(values[:-2]) == np.sign(values[2:])) & (here <= before) & (here <= after)
        one, two = np.diff(grid)[:-1], np.diff(grid)[1:]
        left, right = (here - before) / one, (after - here) / two
        slope, curvature = (left * two + right * one) / (one + two), 2 * (right - left) / (one + two)
        # the parabola through three points comes nearer to zero, and they are more than rounding
        dips = same & (slope**2 / (2 * curvature) > here / 4) & (here > 64 * _EPS * sizes[1:-1])
    for i in map(int, 1 + np.flatnonzero(dips)):
        sign = math.copysign(1.0, values[i - 1])
        best = minimize_scalar(lambda x, sign=sign: sign * float(function(x)[0]), bounds=(grid[i - 1], grid[i + 1]),
                               method="bounded", options={"xatol": 1e-12})
        marks.append((best.x, sign * best.fun))
    marks.sort()
    found = []
    for k, ((low, a), (high, b)) in enumerate(itertools.pairwise(marks)):
        if not (np.isfinite(a) and np.isfinite(b)) or (a > 0) == (b > 0):
            continue
        # on a grid the worst is known a little less well: the zero may lie in the next interval
        for one, other in ((low, high), (marks[max(k - 1, 0)][0], low), (high, marks[min(k + 2, len(marks) - 1)][0])):
            ends = float(function(one)[0]), float(function(other)[0])
            if np.isfinite(ends).all() and (ends[0] > 0) != (ends[1] > 0):
                found.append(float(brentq(lambda x: float(function(x)[0]), one, other, xtol=1e-15, rtol=8.9e-16)))
                break
    return found


@functools.lru_cache(maxsize=64)
def criteria_of(model: Model) -> tuple[CriterionFormulas, ...]:
    """All criteria of a model, compiled and kept."""
    return tuple(CriterionFormulas(model, criterion) for criterion in model.criteria)
