"""The plane of two controls: its axes as users write them, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..equations.fixed_points import concrete
from ..equations.surface import Axis
from ..theory.model import Model
from ..theory.parameters import number, symbol
from .labels import axis_label

__all__ = ["ABOVE_ZERO", "AxisSpec", "axis_of", "axis_spec", "checked_axes", "checked_plane", "refuse_negative"]

_DECADES = 999.0  # (three, to rounding) ratio of the ends of a window from which its axis is logarithmic
ABOVE_ZERO = 1e-3  # of the window: where it starts if 0 is a limit of the control


@dataclass(frozen=True)
class AxisSpec:
    r"""A control and its window: one axis of the diagram.

    Attributes
    ----------
    name : str
        Of the control; also the name of a column of every table of the diagram.
    low, high : float
        The window.
    log : bool
        Whether the axis is logarithmic.
    label : str
        LaTeX of the axis, such as ``r"$\rho$"``; by default the control as formulas write it.

    Raises
    ------
    ValueError
        If the window is not two finite numbers, the lower first, both positive on a logarithmic axis.
    """

    name: str
    low: float
    high: float
    log: bool = False
    label: str = ""

    def __post_init__(self) -> None:
        low, high = float(self.low), float(self.high)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"{self.name}: window ({low:g}, {high:g}) must be two finite numbers, the lower first")
        if self.log and low <= 0:
            raise ValueError(f"{self.name}: window ({low:g}, {high:g}) on a logarithmic axis must be positive")
        changes = {"low": low, "high": high, "log": bool(self.log), "label": self.label or axis_label(self.name)}
        for name, value in changes.items():
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        return f"{self.low:g} < {self.name} < {self.high:g}"


def checked_plane(model: Any, x: Any, y: Any, controls: dict[str, Any]) -> tuple[Model, Axis, Axis, dict[str, float]]:
    """The model with numbers for all controls but two, and the axes.

    Raises
    ------
    TypeError, ValueError
        As `phase_diagram`.
    """
    if not isinstance(model, Model):
        raise TypeError(f"model = {model!r} is not a model: give one such as GLM(Rademacher(), Sign())")
    model.check_solvable()
    if model.solved_by != "curve":
        raise TypeError(f"model = {model!r}: its states do not lie on one explicit curve, which this needs; "
                        "phase_diagram takes it")
    across, up = checked_axes(x, y, controls)
    linear = model.linear_control.name
    ends = {across.name: across.high, up.name: up.high}
    model.check_controls({**controls, **ends})
    if up.name != linear:
        hint = "swap the axes" if across.name == linear else f"give y=({linear!r}, low, high)"
        raise ValueError(f"y = {up.name!r}: the vertical axis is {linear!r}, which enters f linearly; {hint}")
    concrete(model, {**controls, **ends})
    if across.low == 0:  # no noise, no signal: another problem than its limit
        across = replace(across, low=across.low + ABOVE_ZERO * (across.high - across.low))
    concrete(model, {**controls, **ends, across.name: across.low})
    refuse_negative(up)
    values = {symbol(name): number(name, value) for name, value in controls.items()}
    return model.at(values), across, up, {s.name: float(v) for s, v in values.items()}


def checked_axes(x: Any, y: Any, controls: dict[str, Any]) -> tuple[Axis, Axis]:
    """The two axes that a user wrote, of different controls that are not given values.

    Raises
    ------
    ValueError
    """
    across, up = axis_of("x", x), axis_of("y", y)
    if across.name == up.name:
        raise ValueError(f"x and y are both {up.name!r}: give two different controls")
    for axis in (across, up):
        if axis.name in controls:
            raise ValueError(f"{axis.name} = {controls[axis.name]} is given a value and is an axis: leave one out")
    return across, up


def refuse_negative(axis: Axis) -> None:
    """Refuse a window that begins below 0, of a control that cannot.

    Raises
    ------
    ValueError
    """
    if axis.low < 0:
        raise ValueError(f"{axis.name} from {axis.low:g}: it is not negative; start the window at 0 or above")


def axis_of(which: str, given: Sequence[Any]) -> Axis:
    """The axis that a user wrote as (name, low, high) and perhaps ``"linear"`` or ``"log"``.

    Raises
    ------
    ValueError
        If it is not that, or no window.
    """
    try:
        name, low, high, *rest = given
        low, high = float(low), float(high)
    except (TypeError, ValueError):
        raise ValueError(f"{which} = {given!r}: give a control and its window, such as ('rho', 0, 1)") from None
    if not isinstance(name, str) or len(rest) > 1 or (rest and rest[0] not in ("linear", "log")):
        raise ValueError(f"{which} = {given!r}: give (name, low, high) and perhaps 'linear' or 'log'")
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"{which} = {given!r}: give the window of {name} as two finite numbers, the lower first")
    log = rest == ["log"] if rest else low > 0 and high / low >= _DECADES
    if log and low <= 0:
        raise ValueError(f"{which} = {given!r}: a logarithmic axis starts above 0")
    return Axis(name, low, high, log)


def axis_spec(axis: Axis) -> AxisSpec:
    """The axis as a diagram keeps it."""
    return AxisSpec(axis.name, axis.low, axis.high, log=axis.log)
