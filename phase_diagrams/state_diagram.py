"""The phase diagram in two controls of a model that is solved kind by kind.

Regions are named by the equilibrium, the stable state of lowest free energy, and by the informative state beside it
if that is only metastable: "retrieval", "spin glass, retrieval metastable", "spin glass", "paramagnet".
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..equations.continuation import located
from ..equations.result import Status
from ..equations.state_boundaries import SINGULARITY_ERROR, KindCrossing
from ..equations.state_curves import states_at
from ..equations.state_points import checked_state_model, fixed_point
from ..equations.states import KindFormulas, nonzero
from ..equations.surface import Axis
from ..theory.model import Model
from ..theory.parameters import number
from .diagram import PhaseDiagram
from .labels import written
from .plane import axis_spec, checked_axes, refuse_negative
from .regions import Drawn, columns, strips
from .search import Sweeps
from .state_lines import Plane, StateLine, at_zero, onset_at_zero, plane_lines, with_control

__all__ = ["checked_state_plane", "state_diagram", "strips_of"]

MEASURES = ("overlap", "self_overlap")
_VERTEX = 1e-9  # error of the logarithm of the first control beyond which a vertex is not good
_WINDOW = 1e-12
_NEAR = 1e-8  # of the window: a line that ends below goes on to 0
_SLOPE = 1e-9  # error of a slope: residuals, known to 1e-14, are differenced over 1e-5
_NO_REGION = ("replicon",)  # boundaries that do not part regions: the states are the same on both sides


def checked_state_plane(model: Model, x: Any, y: Any,
                        controls: dict[str, Any]) -> tuple[Plane, Axis, Axis]:
    """The plane that a user asked for, with its axes as they are drawn.

    Raises
    ------
    TypeError, ValueError
        For unknown, missing or impossible controls and windows.
    """
    across, up = checked_axes(x, y, controls)
    for axis in (across, up):
        refuse_negative(axis)
    model.check_controls({**controls, across.name: across.high, up.name: up.high})
    first = model.linear_control.name
    if first not in (across.name, up.name):
        raise ValueError(f"x = {across.name!r}, y = {up.name!r}: one of them must be {first!r}, along which states are "
                         "followed")
    checked_state_model(model, {**controls, across.name: across.high, up.name: up.high})
    own = {control.name for control in model.own_controls}
    symbols = {control: number(control.name, controls[control.name]) for control in model.controls
               if control.name in controls and control.name not in own}
    others = {name: float(value) for name, value in controls.items() if name in own}
    axes = (across, up) if across.name == first else (up, across)
    return Plane(model.at(symbols), *axes, others), across, up


def state_diagram(model: Model, *, x: Sequence[Any], y: Sequence[Any], store: Any = None, executor: Any = None,
                  progress: bool | Callable[..., Any] = False, **controls: Any) -> PhaseDiagram:
    """Follow every boundary of a model through the plane of two controls, as `phase_diagram` says."""
    plane, across, up = checked_state_plane(model, x, y, controls)
    run = Sweeps(store=store, executor=executor, progress=progress)
    lines, slices = plane_lines(plane, run)
    tables = [_vertices(plane, k, line) for k, line in enumerate(lines)]
    boundaries = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    points = pd.DataFrame(list(_special_points(plane, lines, tables, across, up)))
    drawn = [(k, Drawn(line.seed.kind, across.u(_above(across, table[across.name])), up.u(_above(up, table[up.name]))))
             for k, (line, table) in enumerate(zip(lines, tables, strict=True)) if line.seed.kind not in _NO_REGION]
    pieces = [{
        "plane": plane, "across": across, "up": up, "low": low, "high": high,
        "lines": [(k, line.kind, np.stack([line.u, line.v], 1).tolist()) for k, line in drawn
                  if line.u.min() < high and line.u.max() > low],
    } for low, high in columns([line for _, line in drawn], across)]
    strips = itertools.chain.from_iterable(run(strips_of, pieces, "regions"))
    return PhaseDiagram(
        model=written(plane.model), x=axis_spec(across), y=axis_spec(up), controls=plane.others, boundaries=boundaries,
        special_points=points, regions=pd.DataFrame(list(strips)), measures=MEASURES, words=dict(model.boundary_words),
        settings={"slices": slices},
    )


def _above(axis: Axis, values: Any) -> np.ndarray:
    """Values of a control, on a logarithmic axis none below its window."""
    return np.maximum(np.asarray(values, float), axis.low) if axis.log else np.asarray(values, float)


def _measured(line: StateLine, y: np.ndarray) -> pd.DataFrame:
    """Measures of the states at rows of vertices; of two that cross, the uninformative one first."""
    n = len(line.system.formulas.unknowns)
    controls = {name: value for name, value in line.system.values(y).items() if name != "_"}
    own = _measures(line.system.formulas, y[:, :n], controls)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -own.pop("free_energy") / controls.get(line.system.formulas.kind.temperature, 0.0)
    if isinstance(line.system, KindCrossing):
        first, second = _measures(line.system.other, y[:, n:-2], controls), own
        first.pop("free_energy")
    else:
        first, second = own, dict.fromkeys(own, np.nan)
    return pd.DataFrame({"free_entropy": entropy, **first, **{f"other_{name}": v for name, v in second.items()}})


def _measures(formulas: KindFormulas, x: np.ndarray, controls: dict[str, Any]) -> dict[str, Any]:
    observables = formulas.measured(x, controls).observables
    return {name: observables[name] for name in (*MEASURES, "free_energy")}


def _vertices(plane: Plane, k: int, line: StateLine) -> pd.DataFrame:
    """Rows of one boundary; where it comes to an axis of the plane, the point on the axis is the last one."""
    first, second = np.exp(line.points[:, -2]), np.exp(line.points[:, -1])
    table = pd.DataFrame({
        "curve": k, "kind": line.seed.kind, "branch": line.seed.branch, plane.first.name: first,
        plane.second.name: second, **_measured(line, line.points), "error": line.errors * first,
        "status": [_status(error, value, plane.first) for error, value in zip(line.errors, first, strict=True)],
        "end": "",
    })
    rows: list[Any] = table.to_dict("records")
    ends = []
    for side, why in ((0, line.start), (-1, line.stop)):
        row = _on_axis(plane, line, side, rows[side])
        rows[side]["end"] = "" if row else why
        ends.append([row | {"end": "zero"}] if row else [])
    return pd.DataFrame([*ends[0], *rows, *ends[1]])


def _status(error: float, value: float, axis: Axis) -> str:
    """Good if a value is known to its ninth digit, or to the twelfth of its window."""
    good = error <= _VERTEX or error * value <= _WINDOW * axis.high
    return str(Status.CONVERGED if good else Status.TOLERANCE_MISSED)


def _on_axis(plane: Plane, line: StateLine, side: int, last: dict[str, Any]) -> dict[str, Any] | None:
    """The row of the end of a line that lies on an axis of the plane; None if it ends elsewhere."""
    first, second = plane.first, plane.second
    low_first = plane.window(first)[0]
    y = line.points[side]
    if second.low == 0 and np.exp(y[-1]) < _NEAR * second.high and (exact := at_zero(plane, line, side)) is not None:
        return last | {second.name: 0.0, first.name: float(np.exp(exact[-2])), "free_entropy": float("inf")}
    if first.low == 0 and y[-2] < low_first + 1e-6:
        if line.seed.kind == "replicon":
            return last | {second.name: 0.0, first.name: 0.0}
        onset = onset_at_zero(plane)
        if onset is not None:
            both = [*MEASURES, *(f"other_{name}" for name in MEASURES if np.isfinite(last[f"other_{name}"]))]
            return last | {first.name: 0.0, second.name: onset, "error": 0.0, **dict.fromkeys(both, 0.0)}
    return None


def _special_points(plane: Plane, lines: Sequence[StateLine], tables: Sequence[pd.DataFrame], across: Axis,
                    up: Axis) -> Iterator[dict[str, Any]]:
    """Ends on the axes, turning points, and where a replicon line meets the spinodal."""
    first, second = plane.first.name, plane.second.name
    spinodals = [k for k, line in enumerate(lines) if line.seed.kind == "spinodal"]

    def row(kind: str, values: dict[str, float], errors: dict[str, float], said: Any, curves: str) -> dict[str, Any]:
        return {
            "type": kind, **values, "error_x": errors[across.name], "error_y": errors[up.name],
            **{name: said[name] for name in (*MEASURES, "free_entropy")}, "curves": curves,
            "status": _status(errors[first] / max(values[first], 1e-300), values[first], plane.first),
        }

    seen: dict[tuple[float, float], list[Any]] = {}
    for k, table in enumerate(tables):
        for side in (0, -1):
            end = table.iloc[side]
            if end["end"] == "zero":
                seen.setdefault((end[first], end[second]), []).append((k, end))
    for (a, b), members in seen.items():
        end = members[0][1]
        if a == 0 and b == 0:
            continue  # a replicon line's essential singularity: nothing ends there
        yield row("zero", {first: a, second: b}, {first: end["error"], second: 0.0}, end,
                  " ".join(str(k) for k, _ in members))
    for k, line in enumerate(lines):
        if line.seed.kind == "replicon" and "spinodal" in (line.start, line.stop):
            side, before = (0, 1) if line.start == "spinodal" else (-1, -2)
            y, neighbour = line.points[side], line.points[before]
            a, b = (float(np.exp(v)) for v in y[-2:])
            # the determinant is zero there: its error over its slope along the line
            slope = line.system.states(neighbour[None]).singularity()[0] / (neighbour[-1] - y[-1])
            spread = SINGULARITY_ERROR / abs(float(slope))
            met = [j for j in spinodals if lines[j].seed.state == line.seed.state]
            yield row("replicon_end", {first: a, second: b}, {first: float(line.errors[side]) * a, second: spread * b},
                      _measured(line, y[None]).iloc[0], " ".join(map(str, [k, *met])))
        if line.seed.kind in ("spinodal", "first_order"):
            for y, spread in _turns(line):
                a, b = (float(np.exp(v)) for v in y[-2:])
                error = float(line.system.errors(y[None])[0])
                yield row("turning", {first: a, second: b}, {first: error * a, second: spread * b},
                          _measured(line, y[None]).iloc[0], str(k))


def _turns(line: StateLine) -> Iterator[tuple[np.ndarray, float]]:
    """Points at which the first control is extremal along the line, and the error of the second's logarithm there."""
    slopes = np.array([line.tangent(y)[-2:] for y in line.points])
    slopes *= np.sign(slopes[:, 1:])
    ratio = slopes[:, 0] / slopes[:, 1]
    steep = np.abs(ratio) > _SLOPE
    for k in np.flatnonzero((ratio[:-1] * ratio[1:] < 0) & steep[:-1] & steep[1:]):

        def rate(y: np.ndarray) -> float:
            t = line.tangent(y)
            return float(t[-2] / t[-1])

        y = located(line.system, line.points[k], line.points[k + 1], rate)
        bend = abs(ratio[k + 1] - ratio[k]) / abs(line.points[k + 1, -1] - line.points[k, -1])
        yield y, _SLOPE / bend


def strips_of(plane: Plane, across: Axis, up: Axis, lines: Sequence[tuple[int, str, list[tuple[float, float]]]],
              low: float, high: float) -> list[dict[str, Any]]:
    """Name the strips of one column; plain data, as a store keeps it."""
    value = float(across.value(0.5 * (low + high)))
    return strips(across, up, lines, low, high, {}, lambda height: _named(plane, {across.name: value, up.name: height}))


def _named(plane: Plane, at: dict[str, float]) -> dict[str, Any]:
    """The name of the phase at a point, from all its states."""
    model, own = plane.model, dict(plane.others)
    for name, value in at.items():
        model, own = with_control(model, own, name, value)
    states = [(formulas.kind, fixed_point(formulas, x, nonzero(own), own, own, 1e-12))
              for formulas, x in states_at(model, own)]
    stable = [(kind, point) for kind, point in states if point.stable]
    if not stable:
        return {"name": "unknown", "states": 0, **dict.fromkeys(MEASURES, float("nan")),
                "status": str(Status.NOT_CONVERGED)}
    kind, best = min(stable, key=lambda state: state[1].observables["free_energy"])
    beside = [other.name for other, _ in stable if other.branch != "uninformative" and other.name != kind.name]
    name = ", ".join([best.state, *(f"{other} metastable" for other in dict.fromkeys(beside))])
    return {"name": name, "states": len(stable), **{m: float(best.observables[m]) for m in MEASURES},
            "status": str(best.status)}
