"""The phase diagram in two controls of a model that is known in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ..equations.coupling_points import checked_coupling_model
from ..equations.coupling_transitions import coupling_transitions
from ..equations.couplings import coupling_of
from ..equations.criteria import criteria_of
from ..equations.result import Status
from ..equations.surface import Axis
from ..theory.model import Model
from .coupling_lines import all_lines
from .coupling_plane import CouplingPlane, Polyline, SpecialPoint
from .coupling_thresholds import measured
from .diagram import PhaseDiagram
from .labels import written
from .plane import axis_spec, checked_axes, refuse_negative
from .regions import Drawn, columns, strips

__all__ = ["coupling_diagram"]

_RELATIVE, _WINDOW = 1e-9, 1e-12


def coupling_diagram(model: Model, *, x: Sequence[Any], y: Sequence[Any], progress: bool | Callable[..., Any] = False,
                     **controls: Any) -> PhaseDiagram:
    """Every boundary of a model through the plane of two of its controls, as `phase_diagram` says."""
    plane, others = _checked(model, x, y, controls)
    lines, points = all_lines(plane)
    tables = [_vertices(plane, k, line) for k, line in enumerate(lines)]
    across, up = plane.axes
    drawn = [(k, Drawn(line.kind, across.u(line.controls[:, 0]), up.u(line.controls[:, 1])))
             for k, line in enumerate(lines)]
    found: list[dict[str, Any]] = []
    for low, high in columns([line for _, line in drawn], across, up):
        value = float(across.value(0.5 * (low + high)))
        passing = [(k, line.kind, np.stack([line.u, line.v], 1).tolist()) for k, line in drawn
                   if line.u.min() < high and line.u.max() > low]
        found += strips(across, up, passing, low, high, _exact(plane, value), partial(_named, plane, value))
    return PhaseDiagram(
        model=written(plane.model), x=axis_spec(across), y=axis_spec(up), controls=others,
        boundaries=pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(),
        special_points=pd.DataFrame([_point(plane, p, lines) for p in points]), regions=pd.DataFrame(found),
        words=dict(model.boundary_words),
    )


def _checked(model: Model, x: Any, y: Any, controls: dict[str, Any]) -> tuple[CouplingPlane, dict[str, float]]:
    """The plane that a user asked for.

    Raises
    ------
    TypeError, ValueError
        For unknown, missing or impossible controls and windows.
    """
    axes = checked_axes(x, y, controls)
    for axis in axes:
        refuse_negative(axis)
    concrete, own = checked_coupling_model(model, {**controls, **{axis.name: axis.high for axis in axes}})
    for axis in axes:
        if axis.name not in own:
            raise ValueError(f"{axis.name} is a parameter of a part: give it a number; x and y are two of "
                             f"{', '.join(own)}")
    others = {name: value for name, value in own.items() if name not in (axes[0].name, axes[1].name)}
    plane = CouplingPlane(concrete, axes[0], axes[1], {name: coupling_of(value) for name, value in others.items()})
    return plane, others


def _status(error: float, value: float, axis: Axis) -> str:
    """Good if a value is known to its ninth digit, or to the twelfth of its window."""
    good = error <= max(_RELATIVE * value, _WINDOW * axis.high)
    return str(Status.CONVERGED if good else Status.TOLERANCE_MISSED)


def _vertices(plane: CouplingPlane, k: int, line: Polyline) -> pd.DataFrame:
    """Rows of one boundary."""
    rows = []
    for (first, second), error, states in zip(line.controls, line.errors, line.states, strict=True):
        (m, mse), (other_m, other_mse) = (measured(plane.formulas, s) for s in states)
        f = math.nan
        if not math.isnan(states[0]):
            found = plane.formulas.at(states[0], plane.couplings(coupling_of(first), coupling_of(second)))
            f = float(found["free_entropy"]) if states[0] else 0.0
        rows.append({
            "curve": k, "kind": line.kind, "branch": line.branch, plane.axes[0].name: first,
            plane.axes[1].name: second, "overlap": m, "mse": mse, "other_overlap": other_m, "other_mse": other_mse,
            "free_entropy": f, "error": error,
            "status": _status(error, (first, second)[line.solved], plane.axes[line.solved]), "end": "",
        })
    rows[0]["end"], rows[-1]["end"] = line.ends
    return pd.DataFrame(rows)


def _point(plane: CouplingPlane, point: SpecialPoint, lines: Sequence[Polyline]) -> dict[str, Any]:
    m, mse = measured(plane.formulas, point.state)
    found = plane.formulas.at(point.state, plane.couplings(*map(coupling_of, point.controls)))
    met = [k for k, line in enumerate(lines) if plane.reaches(line, point)]
    return {
        "type": point.kind, plane.axes[0].name: point.controls[0], plane.axes[1].name: point.controls[1],
        "error_x": point.errors[0], "error_y": point.errors[1], "overlap": m, "mse": mse,
        "free_entropy": 0.0 if point.state == 0 else float(found["free_entropy"]), "curves": " ".join(map(str, met)),
        # of a turning point the place along the line is known to the root of the error of what is extremal there
        "status": (min if point.kind == "turning" else max)(map(_status, point.errors, point.controls, plane.axes)),
    }


def _exact(plane: CouplingPlane, value: float) -> dict[str, list[float]]:
    """Every boundary on the vertical at a value of the first control, by kind, in the coordinate of the second."""
    axis: Axis = plane.axes[1]
    found: dict[str, list[float]] = {}
    for t in coupling_transitions(plane.curve(1, value)):
        found.setdefault(t.kind, []).append(float(axis.u(t.value)))
    for criterion in criteria_of(plane.model):
        for zero, *_ in criterion.zeros(plane.numbers[1], plane.couplings(coupling_of(value))):
            found.setdefault(criterion.criterion.kind, []).append(float(axis.u(zero)))
    return found


def _named(plane: CouplingPlane, first: float, second: float) -> dict[str, Any]:
    """The name of the phase at a point, from all its states, and from what the criteria add where inference is easy."""
    curve, coupling = plane.curve(1, first), coupling_of(second)
    stable = [(s, curve.free_entropy(s, coupling)[0]) for s, is_stable in curve.states(coupling) if is_stable]
    best = max(stable, key=lambda state: state[1])[0]
    if best != stable[0][0]:
        name = "hard"
    elif best == 0:
        name = "undetectable"
    else:
        met = [c.criterion.phrase for c in criteria_of(plane.model) if c.holds(plane.couplings(1 / first, coupling))]
        name = "easy" if not plane.model.criteria else f"easy: {met[-1] if met else 'AMP only'}"
    m, mse = measured(plane.formulas, best)
    return {"name": name, "states": len(stable), "overlap": m, "mse": mse, "status": str(Status.CONVERGED)}
