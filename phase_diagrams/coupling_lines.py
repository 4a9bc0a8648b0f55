"""Boundaries of a model that is known in closed form, as polylines in the plane of two controls.

Spinodals are explicit curves of the overlap.  A first-order line is solved on slices: along the control that decides
when the state without signal loses stability, at values of the other.  Criteria are solved the other way round.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from ..equations.coupling_transitions import Transition, coupling_transitions
from ..equations.couplings import CouplingCurve, compiled, coupling_of, formulas_of, overlap_roots
from ..equations.criteria import CriterionFormulas, criteria_of
from ..equations.sparse_roots import roots_in_unit_interval
from ..equations.surface import Axis
from ..theory.coupling_lines import spinodal_line
from ..theory.model import Model
from .coupling_thresholds import FORMAL

__all__ = ["CouplingPlane", "Polyline", "SpecialPoint", "all_lines"]

_EPS = np.finfo(float).eps
_SAMPLES = 20001  # of the overlap, from which vertices are chosen
_VERTICES = 200
_SLICES = 120
_BEYOND = 0.02  # of the window: how far lines go on outside it
_FAR, _HALVINGS = 0.02, 6  # of the window: vertices of a first-order line that are farther apart get more between them
_BESIDE = 1e-4  # relative: how near a line comes to where its control alone decides, and two conditions are zero


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

    def spinodal(self, m: Any) -> tuple[Any, Any]:
        """Both couplings at which the state of overlap m merges with another."""
        with np.errstate(all="ignore"):
            first, second = (np.broadcast_to(x, np.shape(m))[()] for x in self._spinodals[0](m, *self.couplings()))
        return first, second


def all_lines(plane: CouplingPlane) -> tuple[list[Polyline], list[SpecialPoint]]:
    """Every boundary in the window, and where they meet."""
    points = [*_cusps(plane), *_tricritical(plane)]
    folds = list(_spinodals(plane, points))
    crossings, ends = _first_order(plane, points)
    lines = [*_continuous(plane), *folds, *crossings]
    for criterion in criteria_of(plane.model):
        lines += _criterion(plane, criterion)
    return lines, [p for p in (*points, *ends) if all(
        axis.low <= value <= axis.high for axis, value in zip(plane.axes, p.controls, strict=True))]


def _cusps(plane: CouplingPlane) -> Iterator[SpecialPoint]:
    for m in plane.cusps:
        first, second = plane.spinodal(m)
        controls = float(1 / first), float(1 / second)
        # both couplings turn there: an error of the overlap enters squared
        yield SpecialPoint("cusp", controls, (8 * _EPS * controls[0], 8 * _EPS * controls[1]), m / (1 - m))


def _tricritical(plane: CouplingPlane) -> Iterator[SpecialPoint]:
    """Where the spinodal comes to the state without signal at finite controls."""
    couplings = [float(x) for x in plane.spinodal(1e-12)]
    if all(0 < x < 1e9 for x in couplings) and plane.onset(plane.along) is not None:
        exact = [float(x) for x in plane.spinodal(1e-30)]
        yield SpecialPoint("tricritical", (1 / exact[0], 1 / exact[1]), (4 * _EPS / exact[0], 4 * _EPS / exact[1]), 0.0)


def _spinodals(plane: CouplingPlane, points: Sequence[SpecialPoint]) -> Iterator[Polyline]:
    marks = [0.0, *plane.cusps, 1.0]
    bounds = [plane.window(i) for i in (0, 1)]
    for low, high in itertools.pairwise(marks):
        t = np.linspace(0, np.pi, _SAMPLES)[1:-1]
        m = low + (high - low) * np.sin(t / 2) ** 2
        first, second = plane.spinodal(m)
        with np.errstate(all="ignore"):
            controls = np.stack([1 / first, 1 / second], axis=1)
            inside = (first > 0) & (second > 0)
            for i in (0, 1):
                u = plane.axes[i].u(controls[:, i])
                inside &= (u > bounds[i][0]) & (u < bounds[i][1])
        for part in np.split(np.arange(len(m)), np.flatnonzero(np.diff(inside)) + 1):
            if len(part) < 2 or not inside[part[0]]:
                continue
            chosen = part[_evenly(plane, controls[part])]
            s = m[chosen] / (1 - m[chosen])
            at, ends = controls[chosen], ["window", "window"]
            for side, edge, mark in ((0, part[0] == 0, low), (1, part[-1] == len(m) - 1, high)):
                for point in points:
                    reached = point.state == (mark / (1 - mark) if mark < 1 else math.inf)
                    if edge and reached and point.kind in ("cusp", "tricritical"):
                        ends[side] = point.kind
                        at = np.insert(at, len(at) * side, point.controls, axis=0)
                        s = np.insert(s, len(s) * side, point.state)
            informative = _begins(plane, m[chosen[len(chosen) // 2]])
            errors = 16 * _EPS * at[:, 0] * (1 + s)  # 1 - m has lost so much
            yield Polyline("spinodal", "informative" if informative else "uninformative", at, errors,
                           np.stack([s, np.full(len(s), np.nan)], axis=1), ends)


def _begins(plane: CouplingPlane, m: float) -> bool:
    """Whether the state that merges at a spinodal exists at larger couplings."""
    first, second = plane.spinodal(m)
    i = plane.along
    return plane.curve(i, 1 / (second, first)[i])(m / (1 - m))[2] > 0


def _evenly(plane: CouplingPlane, controls: np.ndarray) -> np.ndarray:
    """Indices of vertices that are evenly apart as drawn, the first and the last among them."""
    places = np.stack([axis.u(controls[:, i]) / axis.length for i, axis in enumerate(plane.axes)], axis=1)
    way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(places, axis=0).T))])
    count = min(len(way), max(int(_VERTICES * way[-1]), 16))
    return np.unique(np.searchsorted(way, np.linspace(0, way[-1], count)).clip(0, len(way) - 1))


def _continuous(plane: CouplingPlane) -> Iterator[Polyline]:
    for i in (0, 1):
        value = plane.onset(i)
        if value is None or not plane.window(i)[0] < plane.axes[i].u(value) < plane.window(i)[1]:
            continue
        other = plane.axes[1 - i]
        across = plane.places(1 - i, 33, *map(float, map(other.value, plane.window(1 - i))))
        controls = np.stack([np.full(len(across), value), across], axis=1)[:, :: -1 if i else 1]
        yield Polyline("continuous", "uninformative", controls, np.full(len(across), 2 * _EPS * value),
                       np.stack([np.zeros(len(across)), np.full(len(across), np.nan)], 1), ["window", "window"], i)


def _first_order(plane: CouplingPlane, points: Sequence[SpecialPoint]) -> tuple[list[Polyline], list[SpecialPoint]]:
    """Chains of first-order transitions on slices, and where they change the state without signal for another."""
    i = plane.along
    low, high = (float(plane.axes[1 - i].value(u)) for u in plane.window(1 - i))
    marks = sorted({low, high, *(p.controls[1 - i] for p in points if low < p.controls[1 - i] < high)})
    ends: list[SpecialPoint] = []
    onset = plane.onset(i)
    if onset is not None:
        for t in _crossings_at(plane, 1 - i, onset):
            if low < t.value < high and t.states[0] == 0:
                controls = (onset, t.value) if i == 0 else (t.value, onset)
                errors = (0.0, t.error) if i == 0 else (t.error, 0.0)
                ends.append(SpecialPoint("critical_end", controls, errors, t.states[1]))
    lines: list[Polyline] = []
    for start, stop in itertools.pairwise(marks):
        # slices are denser towards both ends, where lines bend
        way = 0.5 * (1 - np.cos(np.pi * (np.arange(_SLICES) + 0.5) / _SLICES))
        axis = plane.axes[1 - i]
        values = [float(axis.value(axis.u(start) + x * (axis.u(stop) - axis.u(start)))) for x in way]
        found = [(value, _crossings_at(plane, i, value)) for value in values]
        found += [(p.controls[1 - i], [Transition("first_order", "equilibrium", p.controls[i], 2 * _EPS * p.controls[i],
                                                  states=(0.0, p.state))])
                  for p in ends if start < p.controls[1 - i] < stop]
        found = _refined(plane, sorted(found, key=operator.itemgetter(0)))
        for _, group in itertools.groupby(found, key=lambda one: len(one[1])):
            slices = list(group)
            for k in range(len(slices[0][1])):
                chain = [(value, rows[k]) for value, rows in slices]
                line = _clipped(plane, _chain(plane, chain, points, (start, stop)))
                lines += [line] * (len(line.controls) > 1)
    return lines, ends


def _clipped(plane: CouplingPlane, line: Polyline) -> Polyline:
    """The line as far as the first vertex outside the window along the control at which it was solved."""
    low, high = plane.window(line.solved)
    u = plane.axes[line.solved].u(line.controls[:, line.solved])
    inside = np.flatnonzero((u > low) & (u < high))
    kept = slice(max(inside.min() - 1, 0), inside.max() + 2) if len(inside) else slice(0, 0)
    return replace(line, controls=line.controls[kept], errors=line.errors[kept], states=line.states[kept])


def _refined(plane: CouplingPlane, found: list[tuple[float, list[Transition]]]) -> list[tuple[float, list[Transition]]]:
    """Slices with more between those whose transitions are far apart as drawn."""
    i, axis = plane.along, plane.axes[plane.along]
    for _ in range(_HALVINGS):
        more = []
        for (a, one), (b, other) in itertools.pairwise(found):
            apart = [abs(float(axis.u(s.value)) - float(axis.u(t.value))) for s, t in zip(one, other, strict=False)]
            inside = any(axis.low < t.value < axis.high for t in (*one, *other))
            if inside and len(one) == len(other) and max(apart, default=0.0) > _FAR * axis.length:
                middle = float(plane.axes[1 - i].value(0.5 * sum(map(float, map(plane.axes[1 - i].u, (a, b))))))
                more.append((middle, _crossings_at(plane, i, middle)))
        if not more:
            break
        found = sorted([*found, *more], key=operator.itemgetter(0))
    return found


def _crossings_at(plane: CouplingPlane, i: int, value: float) -> list[Transition]:
    return [t for t in coupling_transitions(plane.curve(i, value)) if t.kind == "first_order"]


def _chain(plane: CouplingPlane, slices: Sequence[tuple[float, Transition]], points: Sequence[SpecialPoint],
           span: tuple[float, float]) -> Polyline:
    i = plane.along
    rows = [((t.value, value) if i == 0 else (value, t.value), t) for value, t in slices]
    controls, errors = [at for at, _ in rows], [t.error for _, t in rows]
    states, ends = [t.states for _, t in rows], ["window", "window"]
    for side, mark in ((0, span[0]), (1, span[1])):
        for point in points:
            near = controls[-side]
            gap = [abs(float(axis.u(a)) - float(axis.u(b))) / axis.length
                   for axis, a, b in zip(plane.axes, near, point.controls, strict=True)]
            if point.controls[1 - i] == mark and max(gap) < 0.05:
                ends[side] = point.kind
                at = len(controls) * side
                controls.insert(at, point.controls)
                errors.insert(at, point.errors[i])
                states.insert(at, (point.state, point.state))
    return Polyline("first_order", "equilibrium", np.array(controls), np.array(errors, float), np.array(states, float),
                    ends, i)


def _criterion(plane: CouplingPlane, criterion: CriterionFormulas) -> list[Polyline]:
    """Where a criterion begins to hold: across the control that decides, and where that control's own limit does."""
    i = plane.along
    k, across = plane.numbers[i], plane.numbers[1 - i]
    low, high = (float(plane.axes[i].value(u)) for u in plane.window(i))
    bottom, top = (float(plane.axes[1 - i].value(u)) for u in plane.window(1 - i))

    def couplings(value: float, other: float = math.inf) -> list[float]:
        both = (value, other) if i == 0 else (other, value)
        return plane.couplings(*map(coupling_of, both))

    limit = max((x for x, _, _ in criterion.zeros(k, couplings(math.inf))), default=math.inf)
    if limit <= low:
        return []
    places = list(plane.places(i, _SLICES, low, min(high, limit * (1 - _BESIDE))))
    rows: list[tuple[float, float, float, bool]] = []

    def solve(value: float) -> list[tuple[float, float, float, bool]]:
        return [(value, *zero) for zero in criterion.zeros(across, couplings(value))]

    for value in places:
        rows += solve(value)[:1]
    for (before, after) in itertools.pairwise(list(rows)):
        if before[3] != after[3]:  # where the argument ceases to be justified
            inside, outside = before[0], after[0]
            for _ in range(60):
                middle = 0.5 * (inside + outside)
                found = solve(middle)[:1]
                inside, outside = (middle, outside) if found and found[0][3] == before[3] else (inside, middle)
            rows += [(*solve(inside)[0][:3], before[3]), (*solve(outside)[0][:3], after[3])]
    rows.sort()
    if rows and math.isfinite(limit) and limit < high:
        start = rows[-1][1]
        reach = [*plane.places(1 - i, 33, max(start, bottom), top)] if start < top else []
        reach = [x for x in reach if criterion.holds(couplings(limit * (1 - _BESIDE), x)) or x == start]
        last = criterion.is_formal(couplings(limit * (1 - _BESIDE), start))
        rows += [(limit, x, 2 * _EPS * x, last) for x in reach]
    lines = []
    for formal, group in itertools.groupby(rows, key=lambda row: row[3]):
        part = [row for row in group if row[1] <= 1.5 * top]
        if len(part) < 2:
            continue
        controls = np.array([(a, b) if i == 0 else (b, a) for a, b, _, _ in part])
        lines.append(Polyline(
            criterion.criterion.kind, FORMAL if formal else criterion.criterion.branch, controls,
            np.array([error for *_, error, _ in part]), np.full((len(part), 2), np.nan), ["window", "window"], 1 - i,
        ))
    for one, other in itertools.pairwise(lines):
        one.ends[1], other.ends[0] = FORMAL, FORMAL
    return lines
