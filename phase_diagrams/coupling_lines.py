"""Boundaries of a model that is known in closed form, as polylines in the plane of two controls.

Spinodals are explicit curves of the overlap.  A first-order line is solved on slices: along the control that decides
when the state without signal loses stability, at values of the other.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ..equations.coupling_transitions import Transition, coupling_transitions
from ..equations.criteria import criteria_of
from .coupling_plane import FAR, HALVINGS, CouplingPlane, Polyline, SpecialPoint, refined
from .criterion_lines import criterion_lines

__all__ = ["all_lines"]

_EPS = np.finfo(float).eps
_SAMPLES = 2001  # of the overlap along a spinodal, before more are put between those that are far apart as drawn
_SLICES = 60
_FINEST = 1e-13  # relative distance of slices, or of overlaps, between which there are no more
_SAME = 1e-6  # of the window: ends of lines as near as that are one point


def all_lines(plane: CouplingPlane) -> tuple[list[Polyline], list[SpecialPoint]]:
    """Every boundary in the window, and where they meet."""
    points = [*_cusps(plane), *_tricritical(plane)]
    folds = list(_spinodals(plane, points))
    crossings, ends = _first_order(plane, points)
    lines = [*_continuous(plane), *folds, *crossings]
    for criterion in criteria_of(plane.model):
        found, turns = criterion_lines(plane, criterion)
        lines, ends = [*lines, *found], [*ends, *turns]
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
    couplings = plane.spinodal_at_zero
    if all(0 < x < math.inf for x in couplings) and plane.onset(plane.along) is not None:
        first, second = (1 / x for x in couplings)
        yield SpecialPoint("tricritical", (first, second), (4 * _EPS * first, 4 * _EPS * second), 0.0)


def _spinodals(plane: CouplingPlane, points: Sequence[SpecialPoint]) -> Iterator[Polyline]:
    marks = [0.0, *plane.cusps, 1.0]
    for low, high in itertools.pairwise(marks):
        t = np.linspace(0, np.pi, _SAMPLES)[1:-1]
        m = low + (high - low) * np.sin(t / 2) ** 2
        for _ in range(HALVINGS):
            far = plane.gaps(plane.spinodal_controls(m)) > FAR
            far &= np.diff(m) > _FINEST
            if not far.any():
                break
            m = np.sort(np.concatenate([m, 0.5 * (m[:-1] + m[1:])[far]]))
        controls = plane.spinodal_controls(m)
        inside = plane.is_inside(controls)
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
    way = np.concatenate([[0], np.cumsum(plane.gaps(controls))])
    count = min(len(way), max(int(3 * way[-1] / FAR), 16))
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
        found = refined(plane, i, sorted(found, key=operator.itemgetter(0)), partial(_crossings_at, plane, i),
                        operator.attrgetter("value"), _FINEST)
        for _, group in itertools.groupby(found, key=lambda one: len(one[1])):
            slices = list(group)
            for k in range(len(slices[0][1])):
                chain = [(value, rows[k]) for value, rows in slices]
                line = _clipped(plane, _chain(plane, chain, points, (start, stop)))
                lines += [line] * (len(line.controls) > 1)
    return lines, [*ends, *_triples(plane, lines)]


def _clipped(plane: CouplingPlane, line: Polyline) -> Polyline:
    """The line as far as the first vertex outside the window along the control at which it was solved."""
    low, high = plane.window(line.solved)
    u = plane.axes[line.solved].u(line.controls[:, line.solved])
    inside = np.flatnonzero((u > low) & (u < high))
    kept = slice(max(inside.min() - 1, 0), inside.max() + 2) if len(inside) else slice(0, 0)
    return replace(line, controls=line.controls[kept], errors=line.errors[kept], states=line.states[kept])


def _triples(plane: CouplingPlane, lines: Sequence[Polyline]) -> list[SpecialPoint]:
    """Where three first-order lines end in one point, known as well as the slices where their number changes."""
    tips = [(line.controls[side], line.states[side].max()) for line in lines for side in (0, -1)
            if line.ends[side] == "window" and plane.is_inside(line.controls[None, side], beyond=0.0)[0]]
    found: list[SpecialPoint] = []
    while tips:
        at, state = tips.pop()
        near = [tip for tip in tips if plane.gaps(np.array([at, tip[0]]))[0] < _SAME]
        tips = [tip for tip in tips if all(tip is not one for one in near)]
        if len(near) >= 2:
            spread = np.abs(np.array([tip[0] for tip in near]) - at).max(axis=0) + 1e-12 * at
            errors = float(spread[0]), float(spread[1])
            found.append(SpecialPoint("triple", (float(at[0]), float(at[1])), errors, state))
    for line in lines:
        for side in (0, -1):
            for point in found:
                apart = plane.gaps(np.array([line.controls[side], point.controls]))[0]
                if line.ends[side] == "window" and apart < _SAME:
                    line.ends[side] = point.kind
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
