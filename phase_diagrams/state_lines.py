"""Boundaries of a model that is solved kind by kind, followed through the plane of two controls.

Unknowns are logarithms, so a control whose window begins at 0 is followed down many decades; what stands at 0 itself,
where the equations have another form, is solved there and added as the last vertex.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..equations.continuation import Bound, at_parameter, corrected, follow, located, polished, refined, tangents
from ..equations.state_boundaries import KindCrossing, KindFold, StateBoundary
from ..equations.states import exact_zeros, kinds_of
from ..equations.surface import Axis
from ..theory.model import Model
from .state_slices import StateSeed, seeds_of, system_for

__all__ = ["Plane", "StateLine", "plane_lines"]

_FLOOR = 1e-5  # of a window that begins at 0: its lower end on a logarithmic scale
_DEEP = 1e-40  # the same for replicon lines, which end in essential singularities
_CHORD, _BOW = 0.02, 4e-4  # of the figure
_LARGEST = 0.4
_SLICES = (0.004, 0.03, 0.15, 0.35, 0.6, 0.9)  # of the second control's window


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


def plane_lines(plane: Plane) -> list[StateLine]:
    """Every boundary of the plane that a slice shows, followed both ways through the window."""
    lines: list[StateLine] = []
    for seed, second in _seeds(plane):
        if any(_passes(line, seed, second) for line in lines):
            continue
        line = _traced(plane, seed, second)
        if line is not None:
            lines.append(line)
    return lines


def _seeds(plane: Plane) -> list[tuple[StateSeed, float]]:
    """Seeds of all slices, with the logarithm of the second control."""
    found = []
    low, high = (np.exp(end) for end in plane.window(plane.first))
    bottom = max(plane.second.low, 0.0)
    for fraction in _SLICES:
        value = float(plane.second.value(plane.second.u(plane.second.low) + fraction * plane.second.length)) if (
            plane.second.log) else bottom + fraction * (plane.second.high - bottom)
        model, others = _with(plane.model, plane.others, plane.second.name, value)
        found += [(seed, float(np.log(value))) for seed in seeds_of(model, plane.first.name, others, (low, high))]
    return found


def _with(model: Model, others: Mapping[str, float], name: str, value: float) -> tuple[Model, dict[str, float]]:
    """The model and its own controls with one more value."""
    if name in {control.name for control in model.own_controls}:
        return model, {**others, name: value}
    (symbol,) = (control for control in model.controls if control.name == name)
    return model.at({symbol: value}), dict(others)


def _traced(plane: Plane, seed: StateSeed, second: float) -> StateLine | None:
    zero = exact_zeros(plane.model, plane.others)
    nonzero = {name: value for name, value in plane.others.items() if name not in zero}
    names = (plane.first.name, plane.second.name)
    system = system_for(seed, plane.model, zero, names, nonzero)
    floor = _DEEP if seed.kind == "replicon" else _FLOOR
    left, right = plane.window(plane.first)
    bounds = [Bound("window", lambda y: float(min(y[-2] - left, right - y[-2]))),
              Bound("pole", lambda y: float(system.states(y[None]).positive.min(initial=np.inf)))]
    if seed.kind in ("replicon", "first_order"):
        bounds.append(Bound("spinodal", lambda y: float(system.states(y[None]).singularity()[0])))
    try:
        found = follow(system, np.array([*seed.x, seed.log_control, second]), plane.window(plane.second, floor), bounds,
                       largest=_LARGEST)
    except ValueError:
        return None
    if len(found.points) < 2:
        return None
    points = refined(system, found.points, _placed(plane), chord=_CHORD, bow=_BOW)
    points, _ = polished(system, points)
    return StateLine(seed, system, points, system.errors(points), found.start, found.stop)


def _placed(plane: Plane) -> Any:
    """Where rows of unknowns lie in the figure, in units of its sides."""

    def place(y: np.ndarray) -> np.ndarray:
        return np.stack([(axis.u(np.exp(y[:, column])) - axis.u(axis.low)) / axis.length
                         for axis, column in ((plane.second, -1), (plane.first, -2))], axis=1)

    return place


def _passes(line: StateLine, seed: StateSeed, second: float) -> bool:
    one = line.seed
    if (one.kind, one.state, one.other, one.what) != (seed.kind, seed.state, seed.other, seed.what):
        return False
    return any(abs(y[-2] - seed.log_control) < 1e-7 for y in line.passing(-1, second))


def at_zero(plane: Plane, line: StateLine, end: int) -> np.ndarray | None:
    """The boundary where the second control is 0 itself, from the end of a line that came near it.

    Returns
    -------
    Unknowns without the second control, or None if there is no such point.
    """
    zero = exact_zeros(plane.model, plane.others) | {plane.second.name}
    try:
        system = system_for(line.seed, plane.model, zero, (plane.first.name, "_"), plane.others)
    except KeyError:  # a kind that does not exist there
        return None
    y = line.points[end]
    if system.places + 2 != len(y):
        return None
    across = np.zeros((1, len(y)))
    across[0, -1] = 1.0
    new, _, _, good = corrected(system, y[None], across, 1e-12)
    return new[0] if good[0] and abs(new[0, -2] - y[-2]) < 1e-3 else None
