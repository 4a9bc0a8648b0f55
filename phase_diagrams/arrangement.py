"""Boundaries as they stand in the plane: cut where they cease to be transitions, with the points where they meet."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ..equations.boundaries import Boundary, Fold, LimitCrossing
from ..equations.fixed_points import fixed_points
from ..equations.surface import Axis, Surface
from ..theory.model import Model
from .meeting import Meeting, crossings, cusp, tricritical
from .slices import Seed, system_of
from .tracing import Line, lines_of

__all__ = ["arranged"]

_SAME = 1e-6  # of the window: two meetings are one


def arranged(model: Model, axis: Axis, other: Axis, levels: dict[str, sp.Expr],
             traced: Sequence[tuple[Seed, dict[str, Any]]]) -> tuple[list[Line], list[Boundary], list[Meeting]]:
    """Lines in the window, cut where first-order lines cease to be transitions, and where lines meet.

    Parameters
    ----------
    model : Model
        With no free controls but the linear one and ``axis.name``.
    axis, other : Axis
        The second control, and the linear one.
    traced : pairs of a seed and what `trace` made of it
    """
    surface = Surface(model, axis)
    lines: list[Line] = []
    systems: list[Boundary] = []
    meetings: list[Meeting] = []
    for seed, found in traced:
        system = system_of(seed, surface, levels)
        if not found["points"]:
            here = system.vertices(np.array([[*seed["x"], seed["u"]]]))
            lines.append(Line(seed["kind"], seed["branch"], seed, np.array([[*seed["x"], seed["u"]]]), here, "lost",
                              "lost"))
            systems.append(system)
            continue
        new = lines_of(system, seed, found, other)
        first = len(lines)
        lines += new
        systems += [system] * len(new)
        for index, error_u in found["cusps"]:
            y = np.array(found["points"][index])
            ids = tuple(k for k in range(first, len(lines)) if (lines[k].points[[0, -1]] == y).all(axis=1).any())
            if ids and isinstance(system, Fold):
                meetings.append(cusp(system, y, error_u, ids))
    return _cut(lines, systems, meetings, model, axis)


def _cut(lines, systems, meetings, model, axis) -> tuple[list[Line], list[Boundary], list[Meeting]]:
    """Cut first-order lines where they meet others and keep the stretches on which both states are the best ones."""
    raw = []
    for (i, one), (j, two) in itertools.combinations(enumerate(lines), 2):
        kind = _type_of(one, two)
        if kind and len(one.points) > 1 and len(two.points) > 1:
            raw += crossings(one, two, (systems[i], systems[j]), kind, (i, j))
    kept: list[Line] = []
    kept_systems: list[Boundary] = []
    origin: list[int] = []
    for i, line in enumerate(lines):
        cuts = [(m.u, m.type) for m in raw if i in m.lines] if line.kind == "first_order" else []
        for cut, _ in cuts:
            line = _with_vertex(line, systems[i], cut)
        for stretch in _stretches(line, cuts):
            if line.kind != "first_order" or len(line.points) < 2 or _is_transition(stretch, systems[i], model, axis):
                kept.append(stretch)
                kept_systems.append(systems[i])
                origin.append(i)
    found = [replace(m, lines=tuple(k for k, i in enumerate(origin) if i in m.lines)) for m in meetings]
    continuous = [k for k, line in enumerate(kept) if line.kind == "continuous" and len(line.points) > 1]
    for m in raw:
        ids = tuple(k for k, i in enumerate(origin) if i in m.lines and _touches(kept[k], m, axis))
        if sum(kept[k].kind != "continuous" for k in ids) >= (2 if m.type == "triple" else 1):
            found.append(replace(m, lines=ids))
    for k, line in enumerate(kept):  # crossings stop short of the cusp, or of the line, in which a state is lost
        if line.kind != "first_order":
            continue
        for end, why in ((0, line.start), (-1, line.stop)):
            met = "critical_end" if why == "no signal" else why
            near = [n for n, m in enumerate(found) if m.type == met]
            if near:
                n = min(near, key=lambda n: abs(found[n].u - line.vertices.u[end]))
                found[n] = replace(found[n], lines=tuple(sorted({*found[n].lines, k})))
    for k, line in enumerate(kept):
        if not (isinstance(kept_systems[k], Fold) or getattr(kept_systems[k], "name", "") == "no signal"):
            continue
        for end, why in ((0, line.start), (-1, line.stop)):
            if why == "no signal" and continuous and isinstance(kept_systems[k], (Fold, LimitCrossing)):
                c = continuous[0]
                value = _value_of(kept_systems[c])
                point = tricritical(line, kept_systems[k], line.points[end], value, (k, c))
                if point is not None and not any(
                        m.type == "tricritical" and abs(m.u - point.u) < _SAME * axis.length for m in found):
                    found.append(point)
    return kept, kept_systems, found


def _value_of(system: Boundary) -> Callable[[float], tuple[float, float]]:
    def value(u: float) -> tuple[float, float]:
        v = system.vertices(np.array([[u]]))
        return float(v.log_control[0]), float(v.error[0])

    return value


def _type_of(one: Line, two: Line) -> str | None:
    """The type of a meeting of two lines that cross in the plane, None if it is none."""
    kinds = {one.kind, two.kind}
    if kinds == {"first_order"}:
        same_limit = one.seed["system"] == two.seed["system"] == "Change"
        return None if same_limit else "triple"
    if "continuous" in kinds and "first_order" in kinds:
        return "critical_end"
    if "continuous" in kinds and "spinodal" in kinds and "informative" in (one.branch, two.branch):
        return "informative_end"
    return None


def _touches(line: Line, m: Meeting, axis: Axis) -> bool:
    u = line.vertices.u
    slack = _SAME * axis.length + abs(np.diff(u)).max() if len(u) > 1 else 0.0
    return bool(u.min() - slack <= m.u <= u.max() + slack)


def _with_vertex(line: Line, system: Boundary, u: float) -> Line:
    """The line with vertices where it passes u."""
    side = line.vertices.u - u
    passes = np.flatnonzero((side[:-1] < 0) != (side[1:] < 0))
    y, _ = line.at(system, u)
    if len(y) != len(passes):  # a vertex is there
        return line
    points = np.insert(line.points, passes + 1, y, axis=0)
    return replace(line, points=points, vertices=system.vertices(points))


def _stretches(line: Line, cuts: Sequence[tuple[float, str]]) -> list[Line]:
    """The line cut at vertices with given u, with the type of the meeting as the reason."""
    reasons = {int(k): why for cut, why in cuts for k in np.flatnonzero(line.vertices.u == cut)}
    last = len(line.points) - 1
    ends = [0, *sorted(k for k in reasons if 0 < k < last), last]
    return [line.take(slice(a, b + 1), reasons.get(a), reasons.get(b)) for a, b in itertools.pairwise(ends)]


def _is_transition(line: Line, system: Boundary, model: Model, axis: Axis) -> bool:
    """Whether at the middle of a first-order line no stable state is better than the two that cross."""
    if line.seed["system"] == "Change":
        return True
    k = len(line.points) // 2
    v = line.vertices
    control = float(np.exp(v.log_control[k]))
    controls: dict[str, Any] = {axis.name: float(axis.value(v.u[k])), model.linear_control.name: control}
    states = fixed_points(model, **controls)
    stable = [state for state in states if state.stable]
    overlaps = [state.observables["overlap"] for state in stable]
    both = (v.overlap[k], v.other_overlap[k])
    if not all(any(abs(m - mine) < 1e-6 * max(1e-3, abs(mine)) for m in overlaps) for mine in both):
        return False  # one of the two is not stable there
    best = max(state.free_entropy for state in stable)
    return bool(best <= v.free_entropy[k] + 1e-9 * max(1.0, abs(best)))
