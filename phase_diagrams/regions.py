"""Regions of a phase diagram: the strips between boundaries, named by solving at a point inside each.

For Bayes-optimal inference, with the algorithm's state the stable one nearest to no knowledge:

undetectable : the state without signal is the equilibrium
hard : the equilibrium is better than the algorithm's state
impossible : they are the same, and a first-order transition to a better state lies above
easy : they are the same, and none does
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..equations.curve import Curve, curve_of
from ..equations.fixed_points import concrete, fixed_points
from ..equations.result import FixedPoint
from ..equations.surface import Axis
from ..theory.model import Model
from .transitions import all_thresholds

__all__ = ["Drawn", "column_of", "columns", "strips"]

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


def columns(lines: Sequence[Drawn], axis: Axis, up: Axis | None = None) -> list[tuple[float, float]]:
    """Ranges of u between all ends, meetings and turning points of lines, and where they leave the window of `up`."""
    low, high = float(axis.u(axis.low)), float(axis.u(axis.high))
    marks = [low, high]
    for line in lines:
        step = np.diff(line.u)
        turns = np.flatnonzero(np.sign(step[:-1]) * np.sign(step[1:]) < 0) + 1
        marks += [*line.u[[0, -1]], *line.u[turns]]
        if up is not None:
            marks += [mark for edge in (up.low, up.high)
                      for mark in Drawn(line.kind, line.v, line.u).heights(float(up.u(edge)))]
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
    exact: dict[str, list[float]] = {}
    for t in thresholds:
        exact.setdefault(t.kind, []).append(float(other.u(t.value)))

    def name(control: float) -> dict[str, Any]:
        return _named(curve, control, any(transition > control for transition in transitions))  # in the window or above

    return strips(axis, other, lines, low, high, exact, name)


def strips(axis: Axis, other: Axis, lines: Sequence[tuple[int, str, list[tuple[float, float]]]], low: float,
           high: float, exact: Mapping[str, Sequence[float]],
           name: Callable[[float], dict[str, Any]]) -> list[dict[str, Any]]:
    """The strips of one column between drawn lines, named at a point inside each.

    Parameters
    ----------
    axis, other, lines, low, high
        As in `column_of`.
    exact : mapping of kind to heights
        Where boundaries really are in the middle of the column: chords are not the curve, and a strip may be thinner
        than their bow.
    name : callable
        From a value of the control `other` to ``name`` and what else is said of the strip.
    """
    u = 0.5 * (low + high)
    bottom, top = float(other.u(other.low)), float(other.u(other.high))
    edges: list[tuple[float, int]] = [(bottom, -1)]
    for number, kind, vertices in lines:
        known = np.array(exact.get(kind, ()))
        for height in Drawn(kind, *np.array(vertices).T).heights(u):
            near = known[np.abs(known - height) < _BOW * (top - bottom)]
            if bottom < height < top:
                edges.append((float(near[np.argmin(np.abs(near - height))]) if len(near) else height, number))
    edges = [*sorted(edges), (top, -1)]
    found = []
    for (below, under), (above, over) in itertools.pairwise(edges):
        if above - below <= _THIN * (top - bottom):
            continue
        control = float(other.value(0.5 * (below + above)))
        found.append({
            "x_low": float(axis.value(low)), "x_high": float(axis.value(high)), "below": under, "above": over,
            axis.name: float(axis.value(u)), other.name: control, **name(control),
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
