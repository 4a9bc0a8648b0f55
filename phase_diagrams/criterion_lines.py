"""Boundaries that a model states as conditions, as polylines: solved across the control that decides on the onset."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from ..equations.couplings import coupling_of
from ..equations.criteria import CriterionFormulas
from .coupling_plane import CouplingPlane, Polyline, SpecialPoint, refined
from .coupling_thresholds import FORMAL

__all__ = ["criterion_lines"]

_EPS = np.finfo(float).eps
_SLICES = 60
_FINEST = 1e-9  # relative distance of slices between which there are no more
_BESIDE = 1e-7  # relative: how near a line comes to where its control alone decides, and two conditions are zero


@dataclass(frozen=True)
class Zero:
    """A vertex of a criterion's line: the values of the plane's controls, along it first; error and flag."""

    value: float
    other: float
    error: float
    formal: bool


def criterion_lines(plane: CouplingPlane, criterion: CriterionFormulas) -> tuple[list[Polyline], list[SpecialPoint]]:
    """Where a criterion begins or ceases to be met: across the control that decides, and where that alone does."""
    i = plane.along
    k, across = plane.numbers[i], plane.numbers[1 - i]
    low, high = (float(plane.axes[i].value(u)) for u in plane.window(i))
    bottom, top = (float(plane.axes[1 - i].value(u)) for u in plane.window(1 - i))

    def couplings(value: float, other: float) -> list[float]:
        both = (value, other) if i == 0 else (other, value)
        return plane.couplings(*map(coupling_of, both))

    def solve(value: float) -> list[Zero]:
        return [Zero(value, *zero) for zero in criterion.zeros(across, couplings(value, 1.0), (bottom / 10, top * 10))]

    walls = [wall for wall in criterion.walls(k, across) if low < wall < high]
    places = {*plane.places(i, _SLICES, low, high), *(w * (1 + x) for w in walls for x in (-_BESIDE, _BESIDE))}
    slices = [(value, solve(value)) for value in sorted(places)]
    slices = refined(plane, 1 - i, slices, solve, operator.attrgetter("other"), _FINEST, walls)
    lines: list[Polyline] = []
    points: list[SpecialPoint] = []
    for _, group in itertools.groupby(slices, key=lambda one: (len(one[1]), sum(wall < one[0] for wall in walls))):
        found = list(group)
        for j in range(len(found[0][1])):
            rows = [zeros[j] for _, zeros in found]
            points += _turns(plane, rows, solve, j)
            lines += _cut(plane, criterion, rows, solve, j)
    for wall in walls:
        lines += _wall(plane, criterion, wall, couplings, (bottom, top), lines)
    return lines, points


def _turns(plane: CouplingPlane, rows: Sequence[Zero], solve: Any, j: int) -> Iterator[SpecialPoint]:
    """Where the line turns back: the control at which it was solved is extremal."""
    for before, here, after in zip(rows, rows[1:], rows[2:], strict=False):
        sign = float(np.sign(here.other - before.other))
        if sign == 0 or sign * (after.other - here.other) >= 0:
            continue
        best = minimize_scalar(lambda x, sign=sign: -sign * solve(float(x))[j].other, method="bounded",
                               bounds=(before.value, after.value), options={"xatol": 1e-9 * here.value})
        at = solve(float(best.x))[j]
        # where the other control is extremal it is known to the square of the error of the place, and vice versa
        errors = np.sqrt(_EPS) * at.value, at.error + 4 * _EPS * at.other
        turned = slice(None, None, -1 if plane.along else 1)
        first, second = (at.value, at.other)[turned]
        yield SpecialPoint("turning", (first, second), (float(errors[turned][0]), float(errors[turned][1])), np.nan)


def _cut(plane: CouplingPlane, criterion: CriterionFormulas, rows: Sequence[Zero], solve: Any,
         j: int) -> list[Polyline]:
    """The line in pieces, where the argument holds and where it is formal, as far as it is in the window."""
    pieces = [[rows[0]]]
    for before, after in itertools.pairwise(rows):
        if before.formal != after.formal:
            inside, outside = before.value, after.value
            for _ in range(60):
                middle = 0.5 * (inside + outside)
                inside, outside = (middle, outside) if solve(middle)[j].formal == before.formal else (inside, middle)
            at = solve(inside)[j]
            pieces[-1].append(replace(at, formal=before.formal))
            pieces.append([replace(at, formal=after.formal)])
        pieces[-1].append(after)
    i, lines = plane.along, []
    for part in pieces:
        controls = np.array([(z.value, z.other) if i == 0 else (z.other, z.value) for z in part])
        inside_window = np.flatnonzero(plane.is_inside(controls))
        if len(part) < 2 or not len(inside_window):
            continue
        kept = slice(max(inside_window.min() - 1, 0), inside_window.max() + 2)
        lines.append(Polyline(
            criterion.criterion.kind, FORMAL if part[0].formal else criterion.criterion.branch, controls[kept],
            np.array([z.error for z in part])[kept], np.full((len(part), 2), np.nan)[kept], ["window", "window"], 1 - i,
        ))
    for one, other in itertools.pairwise(lines):
        one.ends[1], other.ends[0] = FORMAL, FORMAL
    return lines


def _wall(plane: CouplingPlane, criterion: CriterionFormulas, wall: float, couplings: Any, span: tuple[float, float],
          lines: Sequence[Polyline]) -> Iterator[Polyline]:
    """The parts of a wall at which the criterion ceases to be met, from where a line comes to it."""
    i = plane.along
    joints = [float(line.controls[side, 1 - i]) for line in lines for side in (0, -1)
              if abs(line.controls[side, i] / wall - 1) < 2 * _BESIDE]
    marks = sorted({span[0], span[1], *(x for x in joints if span[0] < x < span[1])})
    for low, high in itertools.pairwise(marks):
        middle = float(plane.axes[1 - i].value(0.5 * (plane.axes[1 - i].u(low) + plane.axes[1 - i].u(high))))
        met = [criterion.holds(couplings(wall * (1 + side), middle)) for side in (-_BESIDE, _BESIDE)]
        if met[0] == met[1]:
            continue
        places = plane.places(1 - i, 17, low, high)
        controls = np.stack([np.full(17, wall), places], axis=1)[:, :: -1 if i else 1]
        formal = criterion.is_formal(couplings(wall * (1 - 1e-4), middle))
        yield Polyline(
            criterion.criterion.kind, FORMAL if formal else criterion.criterion.branch, controls,
            np.full(17, 2 * _EPS * wall), np.full((17, 2), np.nan), ["joint" if x in joints else "window"
                                                                     for x in (low, high)], i,
        )
