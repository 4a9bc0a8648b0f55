"""Observables of one state over the plane of two controls, solved on a grid that is finer where the state jumps."""

from __future__ import annotations

import html
import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..equations.curve import Curve, curve_of
from ..equations.fixed_points import concrete, fixed_points
from ..equations.result import FixedPoint, Status
from ..equations.surface import Axis
from ..theory.model import Model
from ..theory.parse import nearest
from . import tables
from .diagram import PhaseDiagram, advised, is_good
from .files import write_text
from .labels import quantity_label, written
from .lattice import fill, lattice, level_of, nodes_of, refined_points
from .plane import ABOVE_ZERO, AxisSpec, axis_spec, checked_plane
from .raster_figure import STATES, draw_raster
from .search import Sweeps

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

__all__ = ["Raster", "column_at", "raster"]

_MOST = 6  # levels of refinement
_MORE = ("free_entropy", "error", "states", "level", "status")  # columns beside controls and observables


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Raster:
    """Observables of one state of a model in the plane of two controls.

    The points are nodes of the finest lattice, whose spacing is that of the first grid halved `refine` times: all nodes
    of the first grid, and finer ones where the state jumps.

    Attributes
    ----------
    model : str
        As its user would write it.
    x, y : AxisSpec
    controls : mapping of str to float
        Values of the other controls.
    state : str
        ``"equilibrium"``, ``"algorithm"`` or ``"informative"``.
    observables : tuple of str
    shape : (int, int)
        Nodes of the first grid, along x and along y.
    refine : int
        How often its cells could be halved.
    labels : mapping of str to str
        What figures call the observables and the free entropy.
    points : DataFrame
        One row a point that was solved: both controls, the observables, ``free_entropy``, ``error`` (of overlap and
        free entropy), ``states`` (how many are stable), ``level`` (0: first grid), ``status``.  Where a state is not
        known, its numbers are undefined (NaN) and the status says why.
    """

    model: str
    x: AxisSpec
    y: AxisSpec
    controls: Mapping[str, float]
    state: str
    observables: tuple[str, ...]
    shape: tuple[int, int]
    refine: int
    labels: Mapping[str, str]
    points: pd.DataFrame

    def __repr__(self) -> str:
        return (f"Raster({self.model}, {self.x}, {self.y}; {self.state}: {', '.join(self.observables)}; "
                f"points: {len(self.points)})")

    def _repr_html_(self) -> str:
        return "".join(f"<p>{html.escape(line)}</p>" for line in self.summary().splitlines())

    @property
    def x_values(self) -> np.ndarray:
        """Values of the horizontal control on the finest lattice."""
        return lattice(self.x, self.shape[0], self.refine)

    @property
    def y_values(self) -> np.ndarray:
        """Values of the vertical control on the finest lattice."""
        return lattice(self.y, self.shape[1], self.refine)

    @property
    def solved(self) -> np.ndarray:
        """Which nodes of the finest lattice are points, shape (y, x)."""
        return self._spread(np.ones(len(self.points), bool), False)

    def grid(self, observable: str) -> np.ndarray:
        """Return an observable (or ``"free_entropy"``) on the finest lattice, shape (y, x).

        Solved values where there are; within the cells that were not refined, bilinear interpolation (in the logarithm
        of a control whose axis is logarithmic).

        Raises
        ------
        ValueError
            If the raster does not hold it.
        """
        known = (*self.observables, "free_entropy")
        if observable not in known:
            raise ValueError(f"observable = {observable!r} is not in this raster{nearest(observable, known)}")
        solved, is_solved = self._spread(self.points[observable].to_numpy(), np.nan), self.solved
        filled = solved.copy()
        for level in range(self.refine):  # cells of half the size overwrite what their parents interpolate
            fill(filled, solved, is_solved, 2 ** (self.refine - level))
        return np.where(is_solved, solved, filled)

    def _spread(self, values: np.ndarray, otherwise: Any) -> np.ndarray:
        """Values of the points on the finest lattice."""
        spread = np.full((len(self.y_values), len(self.x_values)), otherwise, dtype=values.dtype)
        spread[nodes_of(self.y, self.points[self.y.name], len(self.y_values)),
               nodes_of(self.x, self.points[self.x.name], len(self.x_values))] = values
        return spread

    def to_xarray(self) -> xarray.Dataset:
        """Return a dataset on the finest lattice: what `grid` returns of everything, ``solved`` and ``status``.

        ``solved`` says at which nodes the values were solved and not interpolated; ``status`` is empty at the others.

        Raises
        ------
        ImportError
            If xarray is not installed.
        """
        try:
            import xarray
        except ImportError:
            raise ImportError("Raster.to_xarray needs the package xarray: python -m pip install xarray "
                              "(or spinodal[xarray])") from None
        across = (self.y.name, self.x.name)
        names = [*self.observables, "free_entropy"]
        variables: dict[str, Any] = {
            name: (across, self.grid(name), {"long_name": self.labels[name]}) for name in names
        }
        variables["solved"] = across, self.solved
        variables["status"] = across, self._spread(self.points["status"].to_numpy(str), "")
        coordinates = {axis.name: (axis.name, values, {"long_name": axis.label})
                       for axis, values in ((self.x, self.x_values), (self.y, self.y_values))}
        return xarray.Dataset(variables, coordinates, {"model": self.model, "state": self.state, **self.controls})

    def plot(self, observable: str | None = None, ax: Axes | None = None, diagram: PhaseDiagram | None = None) -> Axes:
        """Draw an observable in colours.

        Parameters
        ----------
        observable : str, optional
            An observable of the raster, or ``"free_entropy"``; by default its first.
        ax : matplotlib Axes, optional
            Where to draw, best in a figure with ``layout="constrained"``.  If there is none, on a new figure.
        diagram : PhaseDiagram, optional
            Of the same controls; its boundaries are drawn on top.

        Raises
        ------
        ValueError
            If the raster does not hold the observable, or the diagram is one of other controls.
        """
        observable = self.observables[0] if observable is None else observable
        if diagram is not None and (diagram.x.name, diagram.y.name) != (self.x.name, self.y.name):
            raise ValueError(f"diagram is one in {diagram.x}, {diagram.y}, the raster in {self.x}, {self.y}: give one "
                             "of the same controls")
        return draw_raster(self, observable, ax, diagram)

    def to_csv(self, path: str | PathLike[str]) -> Path:
        """Write the points, and return the path.

        Raises
        ------
        ValueError
            If the name does not end in ``.csv``.
        """
        write_text(tables.to_csv(self.points), path, ".csv")
        return Path(path)

    def summary(self) -> str:
        """Return what the raster holds in sentences, one a line."""
        return "\n".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        at = ", ".join(f"{name} = {value:g}" for name, value in self.controls.items())
        yield f"{self.model} in {self.x}, {self.y}{' at ' * bool(at)}{at}: the {STATES[self.state]}."
        first, count = math.prod(self.shape), len(self.points)
        nodes = f"{len(self.x_values)} x {len(self.y_values)}"
        yield (f"{count} points were solved: {first} of a grid of {self.shape[0]} x {self.shape[1]}, and "
               f"{count - first} near jumps, where it is refined to the spacing of {nodes} points.")
        most, least = self.points["states"].max(), self.points["states"].min()
        yield f"Stable states at a point: {most}." if most == least else f"Stable states at a point: {least} to {most}."
        for name in (*self.observables, "free_entropy"):
            values = self.points[name].to_numpy()
            finite, counts = values[np.isfinite(values)], (np.isinf(values).sum(), np.isnan(values).sum())
            parts = [f"from {finite.min():.4g} to {finite.max():.4g}"] if len(finite) else []
            parts += [f"{what} at {n} points" for what, n in zip(("infinite", "not known"), counts, strict=True) if n]
            yield f"{name}: {', '.join(parts)}."
        for status, number in self.points["status"].value_counts().items():
            if not is_good(str(status)):
                yield f"Not good at {number} of {count} points: {advised(str(status))}."


def raster(
    model: Model, *, x: Sequence[Any], y: Sequence[Any], points: tuple[int, int] = (33, 33),
    observables: Sequence[str] = ("mse", "overlap"), state: str = "equilibrium", refine: int = 2, store: Any = None,
    executor: Any = None, progress: bool | Callable[..., Any] = False, **controls: Any,
) -> Raster:
    """Solve for observables of one state over the plane of two controls, more densely where they jump.

    Parameters
    ----------
    model : Model
    x : (name, low, high) or (name, low, high, "linear" or "log")
        A control of the model, ``("rho", 0, 1)``; as for `phase_diagram`.
    y : the same
        The control that enters the free entropy linearly, ``("alpha", 0, 2)``.  Windows that start at 0 start a
        thousandth of their length above.
    points : (int, int)
        Nodes of the first grid along x and y, window's edges included.  A column costs more than its points.
    observables : sequence of str
        Names among the model's observables.
    state : str
        ``"equilibrium"``: the stable state of highest free entropy; ``"algorithm"``: the stable state nearest to no
        knowledge, which message passing reaches; ``"informative"``: the stable state of largest overlap.
    refine : int
        How many times cells are halved across which the state is another branch, or an observable changes much: by more
        than 5% of its range, four times as steeply as an even change over the window.  At most 6.
    store : path or Store, optional
        An SQLite file that keeps every finished column: an interrupted raster goes on from it.
    executor : concurrent.futures.Executor, optional
        Columns are computed on it.
    progress : bool or callable
        Show bars on standard error.
    **controls : float
        Values of the other controls.

    Returns
    -------
    Raster

    Raises
    ------
    TypeError, ValueError
        For unknown, missing or impossible controls, windows, observables and settings, before any computation.
    """
    reduced, across, up, values = checked_plane(model, x, y, controls)
    names = _names(observables, reduced, (across.name, up.name))
    if state not in tuple(STATES):
        raise ValueError(f"state = {state!r} is none{nearest(str(state), STATES)}")
    shape = _shape(points)
    if isinstance(refine, bool) or not isinstance(refine, numbers.Integral) or not 0 <= int(refine) <= _MOST:
        raise ValueError(f"refine = {refine!r}: give how often cells may be halved, a whole number from 0 to {_MOST}")
    if up.low == 0:  # no samples: another problem than its limit
        up = Axis(up.name, ABOVE_ZERO * up.high, up.high, up.log)
    specs = axis_spec(across), axis_spec(up)
    xs, ys = (lattice(axis, count, int(refine)) for axis, count in zip(specs, shape, strict=True))
    run = Sweeps(store=store, executor=executor, progress=progress)
    common = {"model": reduced, "axis": across.name, "state": state, "observables": list(names)}

    def solve(nodes: Iterable[tuple[int, int]], description: str) -> dict[tuple[int, int], dict[str, Any]]:
        columns: dict[int, list[int]] = {}
        for i, j in sorted(nodes):
            columns.setdefault(i, []).append(j)
        tasks = [common | {"value": float(xs[i]), "heights": [float(ys[j]) for j in js]} for i, js in columns.items()]
        found = run(column_at, tasks, description)
        return {(i, j): row for (i, js), rows in zip(columns.items(), found, strict=True)
                for j, row in zip(js, rows, strict=True)}

    rows = refined_points(solve, shape, int(refine))
    table = pd.DataFrame([
        {across.name: xs[i], up.name: ys[j], **dict(zip(names, row["values"], strict=True)),
         "free_entropy": row["free_entropy"], "error": row["error"], "states": row["states"],
         "level": level_of(i, j, int(refine)), "status": row["status"]}
        for (i, j), row in sorted(rows.items())
    ])
    return Raster(
        model=written(model), x=specs[0], y=specs[1], controls=values, state=state, observables=names, shape=shape,
        refine=int(refine), points=table,
        labels={name: quantity_label(reduced, name) for name in (*names, "free_entropy")},
    )


def _names(observables: Any, model: Model, axes: tuple[str, str]) -> tuple[str, ...]:
    given = (observables,) if isinstance(observables, str) else tuple(observables)
    for name in given:
        if name not in model.observables:
            raise ValueError(f"observables: {name!r} is not one of this model{nearest(str(name), model.observables)}")
    if not given:
        raise ValueError(f"observables = {observables!r}: give at least one of {', '.join(model.observables)}")
    for name in axes:
        if name in (*given, *_MORE, "solved"):
            raise ValueError(f"control {name!r}: the table has another column of this name; rename the control")
    return tuple(dict.fromkeys(given))


def _shape(points: Any) -> tuple[int, int]:
    try:
        nx, ny = points
        good = all(isinstance(n, numbers.Integral) and not isinstance(n, bool) and int(n) >= 2 for n in (nx, ny))
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(f"points = {points!r}: give two whole numbers from 2 on, of x and of y, such as (33, 33)")
    return int(nx), int(ny)


# --- columns ---------------------------------------------------------------------------------------------------------


def column_at(model: Model, axis: str, value: float, heights: list[float], state: str,
              observables: list[str]) -> list[dict[str, Any]]:
    """Solve for one state at one value of the second control and several of the linear one, all together.

    Returns
    -------
    list of dict
        For every height ``values`` of the observables, ``free_entropy``, ``error``, ``states``, ``status``, and the
        ``branch``: how many spinodals the curve of fixed points passes before the state, of all ``folds``; or the name
        of a limit state.
    """
    linear = model.linear_control.name
    reduced, _ = concrete(model, {axis: value, linear: heights[0]})
    controls: dict[str, Any] = {linear: np.array(heights)}
    return [_row(curve_of(reduced), states, state, observables) for states in fixed_points(reduced, **controls)]


def _row(curve: Curve, states: Sequence[FixedPoint], which: str, observables: list[str]) -> dict[str, Any]:
    """What is kept of a point, as plain data."""
    stable = [state for state in states if state.stable]
    chosen = _chosen(stable, which) if stable else states[0]
    if not stable or chosen.status is Status.OUTSIDE_RANGE:  # no state, or the end of the curve and not the state
        return {"values": [math.nan] * len(observables), "free_entropy": math.nan, "error": math.nan,
                "states": len(stable), "status": str(chosen.status), "branch": None, "folds": len(curve.folds.x)}
    return {
        "values": [float(chosen.observables[name]) for name in observables],
        "free_entropy": float(chosen.free_entropy), "error": float(chosen.error), "states": len(stable),
        "status": str(chosen.status), "branch": _branch(curve, chosen), "folds": len(curve.folds.x),
    }


def _chosen(stable: Sequence[FixedPoint], which: str) -> FixedPoint:
    if which == "equilibrium":
        return max(stable, key=lambda state: (state.free_entropy, state.observables["overlap"]))
    return (min if which == "algorithm" else max)(stable, key=lambda state: state.observables["overlap"])


def _branch(curve: Curve, state: FixedPoint) -> int | str:
    """Which piece of the curve between spinodals a state is on; the name of a limit state."""
    if state.status is Status.LIMIT:
        ends = {limit.state.name: limit.values["V"] for limit in curve.limits}
        return min(ends, key=lambda name: abs(ends[name] - state.observables["mse"]))
    (mse,) = curve.form.sensitivity
    return int((curve.folds.states[mse] > state.observables["mse"]).sum())
