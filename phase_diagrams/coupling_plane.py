"""The plane of two controls of a model that is known in closed form, and what is drawn in it."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from ..equations.couplings import CouplingCurve, compiled, coupling_of, formulas_of, overlap_roots
from ..equations.sparse_roots import roots_in_unit_interval
from ..equations.surface import Axis
from ..theory.coupling_lines import spinodal_line
from ..theory.model import Model

__all__ = ["FAR", "HALVINGS", "CouplingPlane", "Polyline", "SpecialPoint", "refined"]

FAR = 0.015  # of the window: vertices that are farther apart get more between them ...
HALVINGS = 44  # ... so many times
_BEYOND = 0.02  # of the window: how far lines go on outside it


@dataclass
class Polyline:
    """Vertices of one boundary.

    Attributes
    ----------
    kind, branch : str
    controls : array (vertices, 2)
        Along the plane's first and second control.
    errors : array (vertices,)
        Absolute, of the control at which the boundary was solved: `solved`.
    states : array (vertices, 2)
        s of the state of lower and of higher overlap; NaN where there is none.
    ends : pair of str
        Why it begins and ends.
    solved : int
        0 or 1: of which control the errors are.
    """

    kind: str
    branch: str
    controls: np.ndarray
    errors: np.ndarray
    states: np.ndarray
    ends: list[str] = field(default_factory=lambda: ["", ""])
    solved: int = 0


@dataclass(frozen=True)
class SpecialPoint:
    """Where boundaries meet: type, controls with errors, s of the state there."""

    kind: str
    controls: tuple[float, float]
    errors: tuple[float, float]
    state: float


class CouplingPlane:
    """The plane of two controls of a model in closed form, all others fixed.

    Parameters
    ----------
    model : Model
    x, y : Axis
    couplings : mapping of name to coupling
        Of the other controls.
    """

    def __init__(self, model: Model, x: Axis, y: Axis, couplings: dict[str, float]):
        self.model, self.axes, self.fixed = model, (x, y), couplings
        self.formulas = formulas_of(model)
        self.numbers = tuple(self.formulas.names.index(axis.name) for axis in self.axes)
        self.symbols = tuple(list(self.formulas.form.forces)[k] for k in self.numbers)
        # along the control that decides on the onset; if both or none do, along x
        self.along = next((i for i in (0, 1) if self.onset(i) is not None), 0)

    def couplings(self, first: float = 0.0, second: float = 0.0) -> list[float]:
        """All couplings, from those of x and y."""
        given = self.fixed | {axis.name: value for axis, value in zip(self.axes, (first, second), strict=True)}
        return [given[name] for name in self.formulas.names]

    def onset(self, i: int) -> float | None:
        """Value of axis i at which the state without signal loses stability, if it alone decides in the plane."""
        base, one, other = (float(self.formulas.onset(*self.couplings(*at))) for at in ((0, 0), (1, 0), (0, 1)))
        rate, rest = (one, other) if i == 0 else (other, one)
        return (rate - base) / (1 - base) if rate > base and rest == base and base < 1 else None

    def curve(self, i: int, value: float) -> CouplingCurve:
        """The curve along axis i at a value of the other."""
        return CouplingCurve(self.formulas, self.axes[i].name,
                             self.fixed | {self.axes[1 - i].name: coupling_of(value)})

    def window(self, i: int) -> tuple[float, float]:
        """Of axis i, with a margin, in its natural coordinate; positive."""
        axis = self.axes[i]
        low, high = float(axis.u(axis.low)), float(axis.u(axis.high))
        low, high = low - _BEYOND * axis.length, high + _BEYOND * axis.length
        return (low, high) if axis.log else (max(low, 1e-6 * axis.high), high)

    def places(self, i: int, count: int, low: float, high: float) -> np.ndarray:
        """Values of axis i, evenly over a range in its natural coordinate."""
        axis = self.axes[i]
        return np.asarray(axis.value(np.linspace(axis.u(low), axis.u(high), count)))

    @cached_property
    def cusps(self) -> list[float]:
        """Overlaps at which two spinodals meet."""
        form = self.formulas.form
        (_, line) = self._spinodals
        terms = overlap_roots(self._coupled(line.first).diff(line.overlap), form)
        values = [(e, float(compiled(self.formulas.couplings, a)(*self.couplings()))) for e, a in terms]
        return [m for m in roots_in_unit_interval(values) if min(self.spinodal(m)) > 0]

    @cached_property
    def _spinodals(self) -> tuple[Any, Any]:
        line = spinodal_line(self.formulas.form, *self.symbols)
        arguments = (line.overlap, *self.formulas.couplings)
        return compiled(arguments, [self._coupled(x) for x in (line.first, line.second)]), line

    def _coupled(self, expr: Any) -> Any:
        inverse = {c: 1 / x for c, x in zip(self.formulas.form.forces, self.formulas.couplings, strict=True)}
        return sp.cancel(sp.together(expr.xreplace(inverse)))  # no 1/lambda is left: it may be 0

    def is_inside(self, controls: np.ndarray, beyond: float = _BEYOND) -> np.ndarray:
        """Which rows (first, second control) lie in the window, or not far outside."""
        inside = np.ones(len(controls), bool)
        for i, axis in enumerate(self.axes):
            low, high = float(axis.u(axis.low)), float(axis.u(axis.high))
            with np.errstate(all="ignore"):
                u = axis.u(controls[:, i])
            inside &= (controls[:, i] > 0) & (u > low - beyond * axis.length) & (u < high + beyond * axis.length)
        return inside

    def gaps(self, controls: np.ndarray) -> np.ndarray:
        """Distances between neighbouring rows as drawn, in windows; outside of the window all places are one."""
        places = []
        for i, axis in enumerate(self.axes):
            low, high = self.window(i)
            with np.errstate(all="ignore"):
                u = np.where(controls[:, i] > 0, axis.u(np.abs(controls[:, i])), high)
            places.append(np.clip(np.nan_to_num(u, nan=high), low, high) / axis.length)
        return np.hypot(*np.diff(np.array(places), axis=1))

    def reaches(self, line: Polyline, point: SpecialPoint) -> bool:
        """Whether a point lies on a line, or (a turning point, between vertices) all but does."""
        near = 2 * FAR if point.kind == "turning" else 1e-9
        ends = np.array([self.gaps(np.array([at, point.controls]))[0] for at in line.controls])
        return bool(ends.min() < near) and (point.kind != "turning" or np.isnan(line.states).all())

    def spinodal_controls(self, m: np.ndarray) -> np.ndarray:
        """Both controls at which the state of overlap m merges with another, shape (len(m), 2); negative: nowhere."""
        with np.errstate(all="ignore"):
            return np.stack([1 / x for x in self.spinodal(m)], axis=1)

    @cached_property
    def spinodal_at_zero(self) -> tuple[float, float]:
        """Both couplings of the spinodal at vanishing overlap; infinite ones too."""
        line, found = self._spinodals[1], []
        for expr in (line.first, line.second):
            numerator, denominator = (sp.Poly(x, line.overlap).terms()[-1] for x in sp.fraction(self._coupled(expr)))
            (a, x), (b, y) = ((e, float(compiled(self.formulas.couplings, c)(*self.couplings())))
                              for (e,), c in (numerator, denominator))
            found.append(x / y if a == b else 0.0 if a > b else math.copysign(math.inf, x / y))
        return found[0], found[1]

    def spinodal(self, m: Any) -> tuple[Any, Any]:
        """Both couplings at which the state of overlap m merges with another."""
        with np.errstate(all="ignore"):
            first, second = (np.broadcast_to(x, np.shape(m))[()] for x in self._spinodals[0](m, *self.couplings()))
        return first, second


def refined(plane: CouplingPlane, solved: int, slices: list[tuple[float, list[Any]]],
            solve: Callable[[float], list[Any]], value: Callable[[Any], float], finest: float,
            walls: Sequence[float] = ()) -> list[tuple[float, list[Any]]]:
    """Slices with more between those whose solutions are far apart as drawn, or are not as many.

    Parameters
    ----------
    plane : CouplingPlane
    solved : int
        The axis along which slices are solved; they are at values of the other.
    slices : list of (value, solutions), in increasing order
    solve : callable
        From a value to the solutions there.
    value : callable
        From a solution to its control.
    finest : float
        Relative distance of slices between which there are no more.
    walls : sequence of float
        Values of the other axis at which solutions jump.
    """
    axis, other, (low, high) = plane.axes[solved], plane.axes[1 - solved], plane.window(solved)
    for _ in range(HALVINGS):
        more = []
        for (a, one), (b, two) in itertools.pairwise(slices):
            if abs(a - b) <= finest * abs(b) or any(a < wall < b for wall in walls):
                continue
            u, v = ([float(np.clip(axis.u(value(x)), low, high)) for x in found] for found in (one, two))
            if len(u) == len(v):
                needed = any(abs(x - y) > FAR * axis.length for x, y in zip(u, v, strict=True))
            else:
                needed = any(low < x < high for x in (*u, *v))
            if needed:
                middle = float(other.value(0.5 * (float(other.u(a)) + float(other.u(b)))))
                more.append((middle, solve(middle)))
        if not more:
            break
        slices = sorted([*slices, *more], key=operator.itemgetter(0))
    return slices
