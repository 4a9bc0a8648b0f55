"""Thresholds and diagrams of models that are solved in the inverse of a control, in that control."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from ..equations.surface import Axis
from ..theory.forms import Reciprocal
from ..theory.model import Model
from .diagram import PhaseDiagram
from .plane import axis_spec, checked_axes, refuse_negative

__all__ = ["checked_reciprocal", "inner_axis", "inner_window", "outer_diagram", "outer_table"]

_NEAREST_ZERO = 1e-6  # of the window: where it starts if 0 is its lower end, which is an infinite inverse


def inner_window(low: float, high: float) -> tuple[float, float]:
    """The window of the inverse."""
    return 1 / high, 1 / max(low, _NEAREST_ZERO * high)


def inner_axis(found: Reciprocal, axis: Axis) -> tuple[Any, ...]:
    """An axis as `phase_diagram` takes it, of the inverse if it is the control's own."""
    if axis.name == found.outer:
        return (found.inner, *inner_window(axis.low, axis.high), "log")
    return (axis.name, axis.low, axis.high, "log" if axis.log else "linear")


def outer_table(found: Reciprocal, table: pd.DataFrame) -> pd.DataFrame:
    """Thresholds along the inverse as thresholds along the control: sides change places."""
    sides = {f"{name}_{one}": f"{name}_{other}" for name in ("m", "mse", "q") for one, other in
             (("below", "above"), ("above", "below"))}
    made = table.rename(columns={name: side for name, side in sides.items() if name in table})[list(table.columns)]
    made["value"] = [1 / value for value in table["value"]]
    made["error"] = [error / value**2 for value, error in zip(table["value"], table["error"], strict=True)]
    made = made.sort_values("value", kind="stable", ignore_index=True)
    made.attrs = {**table.attrs, "along": found.outer}
    return made


def outer_diagram(found: Reciprocal, diagram: PhaseDiagram, across: Axis, up: Axis, model: str,
                  controls: dict[str, Any]) -> PhaseDiagram:
    """A diagram over the inverse as one over the control: regions stand on their heads."""
    name = {found.inner: found.outer}
    boundaries, points, regions = (table.rename(columns=name) for table in
                                   (diagram.boundaries, diagram.special_points, diagram.regions))
    if found.outer == across.name:  # columns of regions are mirrored, and errors are of the vertical control
        for table in (boundaries, points):
            table[found.outer] = 1 / table[found.outer].to_numpy(float)
        points["error_x"] = points["error_x"].to_numpy(float) * points[found.outer].to_numpy(float) ** 2
        regions[found.outer] = 1 / regions[found.outer].to_numpy(float)
        low, high = (1 / regions[end].to_numpy(float) for end in ("x_high", "x_low"))
        regions["x_low"], regions["x_high"] = low, high
    elif found.outer == up.name:
        for table, error in ((boundaries, "error"), (points, "error_y")):
            inverse = 1 / table[found.outer].to_numpy(float)
            table[found.outer], table[error] = inverse, table[error].to_numpy(float) * inverse**2
        regions[found.outer] = 1 / regions[found.outer].to_numpy(float)
        regions = regions.rename(columns={"below": "above", "above": "below"})[list(regions.columns)]
    return replace(diagram, model=model, x=axis_spec(across), y=axis_spec(up), controls=dict(controls),
                   boundaries=boundaries, special_points=points, regions=regions, settings=dict(diagram.settings))


def checked_reciprocal(found: Reciprocal, model: Model, x: Any, y: Any, controls: dict[str, Any]) -> tuple[Axis, Axis]:
    """The axes that a user asked for; the control along which states are solved must be the vertical one.

    Raises
    ------
    ValueError
    """
    across, up = checked_axes(x, y, controls)
    model.check_controls({**controls, across.name: across.high, up.name: up.high})
    if found.model.solved_by == "kinds":  # either axis may be the one that is inverted
        for axis in (across, up):
            refuse_negative(axis)
            if axis.name == found.outer and up.name == found.outer:
                raise ValueError(f"y = {up.name!r}: states are followed along {model.linear_control.name!r}; swap the "
                                 "axes")
        return across, up
    if up.name != found.outer:
        hint = "swap the axes" if across.name == found.outer else f"give y=({found.outer!r}, low, high)"
        raise ValueError(f"y = {up.name!r}: the vertical axis is {found.outer!r}, in whose inverse states are solved; "
                         f"{hint}")
    refuse_negative(up)
    return across, up
