"""A boundary from one of its points: followed through the window, drawn smoothly, cut at cusps."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import sympy as sp

from ..equations.boundaries import Boundary, Crossing, Fold, Level, Vertices
from ..equations.continuation import Bound, at_parameter, follow, located, polished, refined, tangents
from ..equations.surface import Axis, Surface
from ..theory.model import Model
from .slices import Seed, system_of

__all__ = ["Line", "lines_of", "passes", "trace"]

_MERGED = 0.03  # difference of ln s of two states that cross below which they are taken to meet in a cusp
_CHORD, _BOW = {False: 0.02, True: 0.04}, {False: 4e-4, True: 8e-4}  # of the figure: cheap and dear averages
_LARGEST = 0.2  # step, in units of ln s and of the window
_AWAY = 0.05  # of the figure: vertices farther outside the window are not refined
_TANGENT = 1e-5  # step along the tangent over which ln c is differenced
_EPS = np.finfo(float).eps
_SAME = 1e-11  # in units of the scales: one point, not two


@dataclass(frozen=True)
class Line:
    """A boundary in the window: a stretch of the solutions of one system.

    Attributes
    ----------
    kind, branch : str
    seed : Seed
        What it was traced from; says which system it solves.
    points : array, shape (vertices, unknowns)
    vertices : Vertices
    start, stop : str
        Why it ends.
    """

    kind: str
    branch: str
    seed: Seed
    points: np.ndarray
    vertices: Vertices
    start: str
    stop: str

    def take(self, index: slice, start: str | None = None, stop: str | None = None) -> Line:
        """A stretch of the line, with new reasons for its ends."""
        cut = Vertices(**{f.name: getattr(self.vertices, f.name)[index] for f in fields(Vertices)})
        return Line(self.kind, self.branch, self.seed, self.points[index], cut,
                    self.start if start is None else start, self.stop if stop is None else stop)

    def at(self, system: Boundary, u: float) -> tuple[np.ndarray, Vertices]:
        """Points of the line at one coordinate of the second control."""
        found = at_parameter(system, self.points, u)
        y = np.array(found) if found else np.empty((0, self.points.shape[1]))
        return y, system.vertices(y) if found else self.take(slice(0, 0)).vertices


    def passing(self, system: Boundary, log_control: float) -> list[np.ndarray]:
        """Every point of the line at which the first control has a value."""
        gap = self.vertices.log_control - log_control
        return [
            located(system, self.points[k], self.points[k + 1],
                    lambda y: float(system.vertices(y[None]).log_control[0] - log_control))
            for k in np.flatnonzero((gap[:-1] < 0) != (gap[1:] < 0))
        ]

    def rate(self, system: Boundary, y: np.ndarray) -> float:
        """d ln c/du along the line, at one of its points."""
        t = tangents(system.evaluate(y[None]).jacobian, system.scales)[0]
        step = _TANGENT * t * system.scales
        after, before = system.vertices(np.array([y + step, y - step])).log_control
        return float((after - before) / (2 * step[-1]))


def trace(model: Model, axis: Axis, other: Axis, seed: Seed,
          levels: dict[str, sp.Expr] | None = None) -> dict[str, Any]:
    """Follow the boundary through a seed; plain data, as a store keeps it.

    Parameters
    ----------
    model : Model
        With no free controls but the linear one and ``axis.name``.
    axis, other : Axis
        The second control, and the linear one.

    Returns
    -------
    dict
        ``points`` (lists of unknowns) with ``start`` and ``stop``, and ``cusps`` (index of the vertex in `points`,
        error in u); empty ``points`` if no point of the boundary was found next to the seed.
    """
    surface = Surface(model, axis)
    system = system_of(seed, surface, levels)
    low, high = float(axis.u(axis.low)), float(axis.u(axis.high))
    bounds = []
    if system.places:
        bounds.append(Bound("no signal", lambda y: y[0] - surface.first_x))
    if isinstance(system, Crossing):
        bounds.append(Bound("cusp", lambda y: y[1] - y[0] - _MERGED))
    if isinstance(system, Level):  # of stable states only
        bounds.append(Bound("spinodal", lambda y: float(surface.at(y[:1], y[1:]).slope[0])))
    try:
        found = follow(system, np.array([*seed["x"], seed["u"]]), (low, high), bounds, largest=_LARGEST)
    except ValueError as error:
        return {"points": [], "start": "lost", "stop": str(error), "cusps": []}
    dear = surface.formulas.nested
    place = _placed(system, axis, other)
    moved = np.abs(np.diff(found.points / system.scales, axis=0)).max(axis=1) > _SAME
    points = found.points[np.concatenate([[True], moved])]  # a seed on the window's edge is its own end
    points = refined(system, points, place, chord=_CHORD[dear], bow=_BOW[dear])
    points, _ = polished(system, points)
    points[:, -1] = np.clip(points[:, -1], low, high)
    cusps: list[tuple[int, float]] = []
    if isinstance(system, Fold):
        points, cusps = _with_cusps(system, points)
    start, stop = found.start, found.stop
    if system.places:  # a curve that comes to rest while its overlap goes on falling has lost the signal
        start = "no signal" if start == "limit" and points[0, 0] < points[1, 0] else start
        stop = "no signal" if stop == "limit" and points[-1, 0] < points[-2, 0] else stop
    return {"points": points.tolist(), "start": start, "stop": stop, "cusps": cusps}


def _placed(system: Boundary, axis: Axis, other: Axis) -> Callable[[np.ndarray], np.ndarray]:
    """Where rows of unknowns lie in the figure, in units of its sides."""

    def place(y: np.ndarray) -> np.ndarray:
        across = (y[:, -1] - axis.u(axis.low)) / axis.length
        with np.errstate(all="ignore"):
            up = (other.u(np.exp(system.vertices(y).log_control)) - other.u(other.low)) / other.length
        up = np.where(np.isfinite(up), up, 1.0 + _AWAY)
        return np.stack([across, np.clip(up, -_AWAY, 1 + _AWAY)], axis=1)

    return place


def _with_cusps(system: Fold, points: np.ndarray) -> tuple[np.ndarray, list[tuple[int, float]]]:
    """The points of a fold with its cusps among them: where a maximum of the control turns into a minimum."""
    turn = system.vertices(points).turn
    cusps: list[tuple[int, float]] = []
    for k in np.flatnonzero(np.sign(turn[:-1]) * np.sign(turn[1:]) < 0)[::-1]:
        y = located(system, points[k], points[k + 1], lambda y: float(system.vertices(y[None]).turn[0]))
        points = np.insert(points, k + 1, y, axis=0)
        now = system.evaluate(y[None])
        # u is extremal there: the error of the place enters squared
        error = 2 * float(np.abs(now.noise[0, 0] / now.jacobian[0, 0, 1])) + 4 * _EPS * abs(float(y[-1]))
        cusps = [(int(k) + 1, error), *((index + 1, e) for index, e in cusps)]
    return points, cusps


def lines_of(system: Boundary, seed: Seed, found: dict[str, Any], other: Axis) -> list[Line]:
    """The lines that a traced boundary is: cut at cusps, clipped to the window of the linear control."""
    points = np.array(found["points"])
    ends = [0, *(index for index, _ in found["cusps"]), len(points) - 1]
    lines = []
    for a, b in itertools.pairwise(ends):
        start = found["start"] if a == 0 else "cusp"
        stop = found["stop"] if b == len(points) - 1 else "cusp"
        piece = points[a : b + 1]
        lines += _clipped(system, seed, piece, start, stop, other)
    return lines


def _clipped(system, seed, points, start, stop, other) -> list[Line]:
    """The stretches of a line that lie in the window, their ends solved."""
    edges = np.log([max(other.low, 1e-300), other.high])

    def inside(y: np.ndarray) -> np.ndarray:
        log_control = system.vertices(y).log_control
        return np.where(np.isfinite(log_control), np.minimum(log_control - edges[0], edges[1] - log_control), -np.inf)

    within = inside(points) >= -1e-12
    runs, k = [], 0
    while k < len(points):
        if not within[k]:
            k += 1
            continue
        stretch, begin, end = [points[k]], start, stop
        if k > 0:
            stretch, begin = [_edge(system, points[k - 1], points[k], inside), points[k]], "window"
        while k + 1 < len(points) and within[k + 1]:
            k += 1
            stretch.append(points[k])
        if k + 1 < len(points):
            stretch.append(_edge(system, points[k], points[k + 1], inside))
            end = "window"
        runs.append((np.array(stretch), begin, end))
        k += 1
    return [_line(system, seed, y, begin, end) for y, begin, end in runs if len(y) > 1]


def _edge(system, a, b, inside) -> np.ndarray:
    values = [float(inside(y[None])[0]) for y in (a, b)]
    if not np.isfinite(values).all() or values[0] * values[1] >= 0:
        return a if values[0] >= values[1] else b
    return located(system, a, b, lambda y: float(inside(y[None])[0]))


def _line(system: Boundary, seed: Seed, points: np.ndarray, start: str, stop: str) -> Line:
    vertices = system.vertices(points)
    branch = seed["branch"]
    if isinstance(system, Fold):  # a maximum of the control ends the poor state, a minimum begins the good one
        branch = "uninformative" if np.nanmedian(vertices.turn) < 0 else "informative"
    return Line(seed["kind"], branch, seed, points, vertices, start, stop)


def passes(system: Boundary, points: np.ndarray, seed: Seed) -> bool:
    """Whether a traced boundary goes through a seed of the same system."""
    for y in at_parameter(system, points, seed["u"]):
        near = np.abs(system.vertices(y[None]).log_control[0] - seed["log_control"]) < 1e-7
        if near and np.allclose(y[:-1], seed["x"], atol=1e-2):
            return True
    return False
