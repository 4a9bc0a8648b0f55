"""Regions of a phase diagram: the strips between boundaries, named by solving at a point inside each.

For Bayes-optimal inference, with the algorithm's state the stable one nearest to no knowledge:

undetectable : the state without signal is the equilibrium
hard : the equilibrium is better than the algorithm's state
impossible : they are the same, and a first-order transition to a better state lies above
easy : they are the same, and none does
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..equations.curve import Curve, curve_of
from ..equations.fixed_points import concrete, fixed_points
from ..equations.result import FixedPoint
from ..equations.surface import Axis
from ..theory.model import Model
from .transitions import all_thresholds

__all__ = ["Drawn", "column_of", "columns"]

_THIN = 1e-6  # of the window: columns and strips thinner than this are not regions
_BOW = 2e-3  # of the window: a drawn line is a threshold of the slice that is no farther
_SAME = 1e-7  # of the window: two breakpoints are one


@dataclass(frozen=True)
class Drawn:
    """A boundary as it is drawn: coordinates of its vertices, u of the second control and v of the first."""

    kind: str
    u: np.ndarray
    v: np.ndarray

    def heights(self, u: float) -> list[float]:
        """Every v at which the line passes u."""
        side = self.u - u
        k = np.flatnonzero((side[:-1] < 0) != (side[1:] < 0))
        t = side[k] / (side[k] - side[k + 1])
        return list(self.v[k] + t * (self.v[k + 1] - self.v[k]))


def columns(lines: Sequence[Drawn], axis: Axis) -> list[tuple[float, float]]:
    """Ranges of u between all ends, meetings and turning points of the lines."""
    low, high = float(axis.u(axis.low)), float(axis.u(axis.high))
    marks = [low, high]
    for line in lines:
        step = np.diff(line.u)
        turns = np.flatnonzero(np.sign(step[:-1]) * np.sign(step[1:]) < 0) + 1
        marks += [*line.u[[0, -1]], *line.u[turns]]
    for one, other in itertools.combinations(lines, 2):
        marks += _meetings(one, other)
    marks = sorted(mark for mark in marks if low <= mark <= high)
    kept = [marks[0]]
    kept += [mark for mark in marks[1:] if mark - kept[-1] > _SAME * axis.length and mark < high]
    kept.append(high)
    return [(a, b) for a, b in itertools.pairwise(kept) if b - a > _THIN * axis.length]


def _meetings(one: Drawn, other: Drawn) -> list[float]:
    """u at which two drawn lines cross."""
    low, high = max(one.u.min(), other.u.min()), min(one.u.max(), other.u.max())
    grid = np.unique(np.concatenate([one.u, other.u]))
    grid = grid[(grid > low) & (grid < high)]
    heights = [[line.heights(u) for line in (one, other)] for u in grid]
    gaps = [(u, h[0] - k[0]) for u, (h, k) in zip(grid, heights, strict=True) if len(h) == 1 and len(k) == 1]
    found = []
    for (a, ga), (b, gb) in itertools.pairwise(gaps):
        if (ga < 0) != (gb < 0):
            found.append(float(a + (b - a) * ga / (ga - gb)))
    return found


def column_of(model: Model, axis: Axis, other: Axis,
              lines: Sequence[tuple[int, str, list[tuple[float, float]]]], low: float,
              high: float) -> list[dict[str, Any]]:
    """Name the strips of one column; plain data, as a store keeps it.

    Parameters
    ----------
    model : Model
        With no free controls but the linear one and ``axis.name``.
    axis, other : Axis
        The second control, and the linear one.
    lines : (id, kind, vertices (u, v))
        Boundaries that pass the column.
    low, high : float
        Its range in u.
    """
    u = 0.5 * (low + high)
    value = float(axis.value(u))
    reduced, _ = concrete(model, {axis.name: value, model.linear_control.name: 1.0})
    curve = curve_of(reduced)
    thresholds = all_thresholds(curve)
    transitions = [t.value for t in thresholds if t.kind == "first_order"]
    bottom, top = float(other.u(other.low)), float(other.u(other.high))
    edges: list[tuple[float, int, str]] = [(bottom, -1, "")]
    for number, kind, vertices in lines:
        exact = np.array([float(other.u(t.value)) for t in thresholds if t.kind == kind])
        for height in Drawn(kind, *np.array(vertices).T).heights(u):
            # chords are not the curve: a strip may be thinner than their bow
            near = exact[np.abs(exact - height) < _BOW * (top - bottom)]
            if bottom < height < top:
                edges.append((float(near[np.argmin(np.abs(near - height))]) if len(near) else height, number, kind))
    edges = [*sorted(edges), (top, -1, "")]
    found = []
    for (below, under, _), (above, over, _) in itertools.pairwise(edges):
        if above - below <= _THIN * (top - bottom):
            continue
        control = float(other.value(0.5 * (below + above)))
        better_above = any(transition > control for transition in transitions)  # in the window or above it
        found.append({
            "x_low": float(axis.value(low)), "x_high": float(axis.value(high)), "below": under, "above": over,
            axis.name: value, other.name: control, **_named(curve, control, better_above),
        })
    return found


def _named(curve: Curve, control: float, better_above: bool) -> dict[str, Any]:
    """The name of the phase at a control value, from all its states."""
    controls: dict[str, Any] = {curve.model.linear_control.name: control}
    states = fixed_points(curve.model, **controls)
    stable = [state for state in states if state.stable]
    if not stable:
        return {"name": "unknown", "states": 0, "overlap": np.nan, "mse": np.nan, "status": str(states[0].status)}
    equilibrium = max(stable, key=lambda state: state.free_entropy)
    poorest = min(stable, key=lambda state: state.observables["overlap"])
    if poorest is not equilibrium:
        name = "hard"
    elif _is_nothing(curve, equilibrium):
        name = "undetectable"
    else:
        name = "impossible" if better_above else "easy"
    return {
        "name": name, "states": len(stable), "overlap": float(equilibrium.observables["overlap"]),
        "mse": float(equilibrium.observables["mse"]), "status": str(equilibrium.status),
    }


def _is_nothing(curve: Curve, state: FixedPoint) -> bool:
    start = [limit for limit in curve.limits if limit.state.end == "start"]
    return any(state.order_parameters[name] == limit.values[name]
               for limit in start for name in state.order_parameters if np.isfinite(limit.values[name]))
