"""Lines and meeting points as the tables of a phase diagram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..equations.result import Status
from ..equations.surface import Axis
from .meeting import Meeting
from .regions import Drawn
from .tracing import Line

__all__ = ["boundary_table", "drawn", "meeting_table"]

_VERTEX = 1e-9  # error of ln c of a vertex, and of a meeting point, beyond which its status is not good
_MEETING = 1e-8


def boundary_table(lines: Sequence[Line], meetings: Sequence[Meeting], axis: Axis, other: Axis) -> pd.DataFrame:
    """Rows of all vertices, with the meeting points that lines run into as their ends."""
    tables = []
    for k, line in enumerate(lines):
        v = line.vertices
        control = np.exp(v.log_control)
        good = v.error <= _VERTEX
        end = np.full(len(v.u), "", dtype=object)
        end[0], end[-1] = line.start, line.stop
        table = pd.DataFrame({
            "curve": k, "kind": line.kind, "branch": line.branch,
            axis.name: np.clip(axis.value(v.u), axis.low, axis.high), other.name: control,
            "overlap": v.overlap, "mse": v.mse, "other_overlap": v.other_overlap, "other_mse": v.other_mse,
            "free_entropy": v.free_entropy, "error": v.error * control,
            "status": np.where(good, str(Status.CONVERGED), str(Status.TOLERANCE_MISSED)), "end": end,
        })
        for side in (0, -1):
            table = _ended(table, side, k, line, meetings, axis, other)
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _ended(table: pd.DataFrame, side: int, k: int, line: Line, meetings: Sequence[Meeting], axis: Axis,
           other: Axis) -> pd.DataFrame:
    """The table with the meeting point at which the line ends as its last (or first) row, if it stops short of one."""
    why = line.start if side == 0 else line.stop
    if why not in ("cusp", "no signal", "critical_end"):
        return table
    u, v = line.vertices.u[side], line.vertices.log_control[side]
    allowed = {"cusp": ("cusp",)}.get(why, ("critical_end", "tricritical", "triple"))
    near = [m for m in meetings if m.type in allowed and abs(m.u - u) < 0.1 * axis.length
            and abs(m.log_control - v) < 0.1 * max(other.length, 1.0)]
    if not near:
        return table
    m = min(near, key=lambda m: abs(m.u - u) / axis.length + abs(m.log_control - v))
    row = table.iloc[[side]].copy()
    control = float(np.exp(m.log_control))
    changes: dict[str, Any] = {axis.name: float(axis.value(m.u)), other.name: control, "free_entropy": m.free_entropy,
               "error": m.error * control, "end": m.type}
    if m.type == "cusp":
        changes |= {"overlap": m.overlap, "mse": m.mse}
        if np.isfinite(table["other_overlap"].iloc[side]):
            changes |= {"other_overlap": m.overlap, "other_mse": m.mse}
    row = row.assign(**changes)
    last = table.index[side]
    table.loc[last, "end"] = m.type if m.u == u else ""
    if m.u == u:
        return table
    return pd.concat([row, table] if side == 0 else [table, row], ignore_index=True)


def drawn(table: pd.DataFrame, k: int, axis: Axis, other: Axis) -> Drawn:
    """A boundary of the table in the coordinates of the figure."""
    rows = table[table["curve"] == k]
    return Drawn(rows["kind"].iloc[0], axis.u(rows[axis.name].to_numpy()), other.u(rows[other.name].to_numpy()))


def meeting_table(meetings: Sequence[Meeting], axis: Axis, other: Axis) -> pd.DataFrame:
    """Rows of all meeting points, from left to right."""
    rows = []
    for m in sorted(meetings, key=lambda m: (m.u, m.log_control)):
        at, control = float(axis.value(m.u)), float(np.exp(m.log_control))
        good = m.error <= _MEETING and m.error_u <= _MEETING * max(axis.length, abs(m.u))
        rows.append({
            "type": m.type, axis.name: at, other.name: control, "error_x": m.error_u * (at if axis.log else 1.0),
            "error_y": m.error * control, "overlap": m.overlap, "mse": m.mse, "free_entropy": m.free_entropy,
            "curves": " ".join(map(str, m.lines)),
            "status": str(Status.CONVERGED if good else Status.TOLERANCE_MISSED),
        })
    return pd.DataFrame(rows)
