"""Boundaries of a model that is solved kind by kind, followed through the plane of two controls.

Unknowns are logarithms, so a control whose window begins at 0 is followed down many decades; what stands at 0 itself,
where the equations have another form, is solved there and added as the last vertex.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ..equations.continuation import Bound, at_parameter, follow, located, pinned, polished, refined, tangents
from ..equations.state_boundaries import KindCrossing, KindLevel, StateBoundary
from ..equations.states import States, exact_zeros, kinds_of, nonzero
from ..equations.surface import Axis
from ..theory.model import Model
from .search import Sweeps
from .state_slices import StateSeed, seeds_of, system_for

__all__ = ["Plane", "StateLine", "at_zero", "onset_at_zero", "plane_lines", "slice_of", "trace_state", "with_control"]

_FLOOR = 1e-5  # of a window that begins at 0: its lower end on a logarithmic scale
_LOW = 1e-9  # the same of the second control, where boundaries are resolved however small it is
_DEEP = 1e-40  # and for replicon lines, which end in essential singularities
_CHORD, _BOW = 0.02, 4e-4  # of the figure
_LARGEST = 0.4
_SAME = 1e-6  # in logarithms of controls: a seed lies on a line
_FIRSTS = (0.06, 0.4)  # of the first control's window, at which to look along the second
_SLICES = (0.01, 0.1, 0.35, 0.75)  # of the second control's window


@dataclass(frozen=True)
class Plane:
    """Two controls with their windows, and the values of the others.

    Attributes
    ----------
    model : Model
        With numbers for all parameters that are not axes.
    first, second : Axis
        The control along which states are followed, and the other one.
    others : mapping of control name to float
        Own controls that are not axes.
    """

    model: Model
    first: Axis
    second: Axis
    others: Mapping[str, float]

    def window(self, axis: Axis, floor: float = _FLOOR) -> tuple[float, float]:
        """Logarithms of an axis' ends, of the floor in the place of 0."""
        return float(np.log(max(axis.low, floor * axis.high))), float(np.log(axis.high))


@dataclass(frozen=True)
class StateLine:
    """A boundary in the window.

    Attributes
    ----------
    seed : StateSeed
    system : StateBoundary
    points : array, shape (vertices, unknowns)
        Logarithms; the last two are those of the controls.
    errors : array, shape (vertices,)
        Of the logarithm of the first control at fixed second control.
    start, stop : str
        Why it ends.
    """

    seed: StateSeed
    system: StateBoundary
    points: np.ndarray
    errors: np.ndarray
    start: str
    stop: str

    def passing(self, column: int, value: float) -> list[np.ndarray]:
        """Points at which the control in a column (-1 or -2) has the logarithm `value`."""
        if column == -1:
            return at_parameter(self.system, self.points, value)
        gap = self.points[:, -2] - value
        return [located(self.system, self.points[k], self.points[k + 1], lambda y: float(y[-2] - value))
                for k in np.flatnonzero((gap[:-1] < 0) != (gap[1:] < 0))]

    def tangent(self, y: np.ndarray) -> np.ndarray:
        """Unit tangent at a point of the line."""
        return tangents(self.system.evaluate(y[None]).jacobian, self.system.scales)[0]


def plane_lines(plane: Plane, run: Sweeps,
                firsts: Sequence[float] | None = None,
                seconds: Sequence[float] = _SLICES) -> tuple[list[StateLine], list[float]]:
    """Every boundary of the plane that a slice shows, followed both ways through the window.

    Parameters
    ----------
    plane : Plane
    run : Sweeps
    firsts : sequence of float, optional
        Values of the first control at which to look along the second one too; by default a few of the window.
    seconds : sequence of float
        Places in the second control's window, from 0 to 1, at which to look along the first.

    Returns
    -------
    lines : list of StateLine
    slices : list of float
        Values of the second control at which was looked.
    """
    tasks: list[dict[str, Any]] = [{"plane": plane, "at": plane.second.name, "value": value}
                                   for value in _slices(plane.second, seconds)]
    if plane.second.name in {control.name for control in plane.model.own_controls}:
        values = _slices(plane.first, _FIRSTS) if firsts is None else list(firsts)
        tasks += [{"plane": plane, "at": plane.first.name, "value": value} for value in values]
    seeds = [StateSeed(**seed) for found in run(slice_of, tasks, "slices") for seed in found]
    lines: list[StateLine] = []
    while seeds:
        # one of each boundary at a time: the others of a slice most often lie on it
        first = list({(seed.kind, seed.state, seed.other, seed.what): seed for seed in reversed(seeds)}.values())
        found = run(trace_state, [{"plane": plane, "seed": asdict(seed)} for seed in first], "boundaries")
        new = [_line(plane, seed, part) for seed, part in zip(first, found, strict=True)]
        lines += [line for line in new if line is not None]
        seeds = [seed for seed in seeds if seed not in first and not any(_passes(line, seed) for line in lines)]
    return lines, [task["value"] for task in tasks if task["at"] == plane.second.name]


def _slices(axis: Axis, fractions: Sequence[float]) -> list[float]:
    """Values of a control at which to look."""
    low = axis.low if axis.log else max(axis.low, 0.0)
    start, stop = float(axis.u(low)), float(axis.u(axis.high))
    return [float(axis.value(start + fraction * (stop - start))) for fraction in fractions]


def slice_of(plane: Plane, at: str, value: float) -> list[dict[str, Any]]:
    """Seeds on the slice at a value of one of the controls; plain data, as a store keeps it."""
    along, floor = (plane.first, _FLOOR) if at == plane.second.name else (
        plane.second, _DEEP if _reaches_zero(plane) else _FLOOR)
    low, high = (float(np.exp(end)) for end in plane.window(along, floor))
    model, others = with_control(plane.model, plane.others, at, value)
    found = seeds_of(model, along.name, others, (low, high))
    order = (lambda c: (c, np.log(value))) if along is plane.first else (lambda c: (np.log(value), c))
    return [asdict(replace(seed, controls=tuple(map(float, order(seed.controls[0]))))) for seed in found]


def _reaches_zero(plane: Plane) -> bool:
    """Whether boundaries are resolved however small the second control is.

    They are not where states can be found beside its 0 only, of few patterns that still are too many.
    """
    kinds = kinds_of(plane.model, exact_zeros(plane.model, plane.others))
    return any(formulas.kind.anchor.get(plane.second.name, 0.0) == 0 for formulas in kinds.values())


def with_control(model: Model, others: Mapping[str, float], name: str, value: float) -> tuple[Model, dict[str, float]]:
    """The model and its own controls with one more value."""
    if name in {control.name for control in model.own_controls}:
        return model, {**others, name: value}
    (symbol,) = (control for control in model.controls if control.name == name)
    return model.at({symbol: value}), dict(others)


def trace_state(plane: Plane, seed: dict[str, Any]) -> dict[str, Any]:
    """Follow the boundary through a seed; plain data, as a store keeps it.

    Returns
    -------
    dict
        ``points`` (lists of logarithms of unknowns) with ``start`` and ``stop``; empty ``points`` if no point of the
        boundary was found next to the seed.
    """
    start = StateSeed(**seed)
    system = _system(plane, start)
    low = _LOW if _reaches_zero(plane) else _FLOOR
    floor = _DEEP if start.kind == "replicon" else low
    left, right = plane.window(plane.first)

    @lru_cache(maxsize=4)
    def state(y: tuple[float, ...]) -> States:
        return system.states(np.array([y]))

    bounds = [Bound("window", lambda y: float(min(y[-2] - left, right - y[-2]))),
              Bound("pole", lambda y: float(state(tuple(y)).positive.min(initial=np.inf)))]
    if start.kind in ("replicon", "first_order"):
        bounds.append(Bound("spinodal", lambda y: float(state(tuple(y)).singularity()[0])))
    try:
        found = follow(system, np.array([*start.x, *start.controls]), plane.window(plane.second, floor), bounds,
                       largest=_LARGEST)
    except ValueError as error:
        return {"points": [], "start": "lost", "stop": str(error)}
    points = refined(system, found.points, _placed(plane), chord=_CHORD, bow=_BOW)
    points, _ = polished(system, points)
    return {"points": points.tolist(), "start": found.start, "stop": found.stop}


def _system(plane: Plane, seed: StateSeed) -> StateBoundary:
    zero = exact_zeros(plane.model, plane.others)
    return system_for(seed, plane.model, zero, (plane.first.name, plane.second.name), nonzero(plane.others))


def _line(plane: Plane, seed: StateSeed, found: Mapping[str, Any]) -> StateLine | None:
    points = np.array(found["points"])
    if len(points) < 2:
        return None
    system = _system(plane, seed)
    return StateLine(seed, system, points, system.errors(points), found["start"], found["stop"])


def _placed(plane: Plane) -> Any:
    """Where rows of unknowns lie in the figure, in units of its sides."""

    def place(y: np.ndarray) -> np.ndarray:
        return np.stack([(axis.u(np.exp(y[:, column])) - axis.u(axis.low)) / axis.length
                         for axis, column in ((plane.second, -1), (plane.first, -2))], axis=1)

    return place


def _passes(line: StateLine, seed: StateSeed) -> bool:
    one = line.seed
    if (one.kind, one.state, one.other, one.what) != (seed.kind, seed.state, seed.other, seed.what):
        return False
    first, second = seed.controls
    return any(abs(y[-2] - first) < _SAME for y in line.passing(-1, second)) or (
        any(abs(y[-1] - second) < _SAME for y in line.passing(-2, first)))


def at_zero(plane: Plane, line: StateLine, end: int) -> np.ndarray | None:
    """The boundary where the second control is 0 itself, from the end of a line that came near it.

    Returns
    -------
    Unknowns without the second control, or None if there is no such point.
    """
    model, others = with_control(plane.model, plane.others, plane.second.name, 0)
    zero = exact_zeros(model, others)
    try:
        system = system_for(line.seed, model, zero, (plane.first.name, "_"), nonzero(others))
    except KeyError:  # a kind that does not exist there
        return None
    if line.seed.kind == "replicon" and system.formulas.kind.instability is None:
        return None
    # there may be fewer unknowns at zero
    known = dict(zip(_names(line.system), line.points[end][:-2], strict=True))
    try:
        guess = np.array([*(known[name] for name in _names(system)), line.points[end][-2], 0.0])
    except KeyError:
        return None
    new = pinned(system, guess, 1e-12)
    return new if new is not None and abs(new[-2] - guess[-2]) < 1e-3 else None


def _names(system: StateBoundary) -> list[tuple[str, str]]:
    """The unknowns of a system that are order parameters, each with the kind of state it belongs to."""
    kinds = [system.formulas, *([system.other] if isinstance(system, KindCrossing) else [])]
    return [(formulas.kind.name, x.name) for formulas in kinds for x in formulas.unknowns]


def onset_at_zero(plane: Plane) -> float | None:
    """The second control at which a state without signal becomes unstable where the first control is 0.

    There, all that a network stores is what it retrieves, and every boundary ends.
    """
    if plane.second.name not in {control.name for control in plane.model.own_controls}:
        return None
    zero = exact_zeros(plane.model, plane.others) | {plane.first.name}
    for formulas in kinds_of(plane.model, zero).values():
        if formulas.kind.branch == "uninformative" and not formulas.unknowns and formulas.kind.transverse:
            system = KindLevel(formulas, (plane.second.name, "_"), plane.others, 0)
            y = pinned(system, np.zeros(2), 1e-13)
            if y is not None:
                return float(np.exp(y[0]))
    return None
