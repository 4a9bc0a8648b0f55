"""Settings of comparisons, checked before anything is computed."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

from ..theory.glm import GLM
from ..theory.model import Model
from ..theory.spiked import SpikedWigner
from ..theory.wishart import SpikedWishart
from .side import STARTS

__all__ = ["check_settings", "checked_sizes", "real_number", "split_controls", "whole"]


def check_settings(
    model: Any, instances: Any, start: Any, max_iterations: Any, damping: Any, name: str = "max_iterations"
) -> None:
    """Check what all comparisons share.

    Raises
    ------
    TypeError, ValueError
        Naming the setting, its value and the cure.
    """
    if not isinstance(model, (GLM, SpikedWigner, SpikedWishart)):
        raise TypeError(f"model = {model!r} is a {type(model).__name__}: give a GLM(prior, channel), a "
                        "SpikedWigner(prior) or a SpikedWishart(prior_u, prior_v) to message passing")
    whole("instances", instances, 2, "a standard error needs two")
    whole(name, max_iterations, 1, "")
    if start not in STARTS:
        raise ValueError(f"start = {start!r} is not known: give one of {', '.join(map(repr, STARTS))}")
    real_number("damping", damping, 0.0, 1.0, "0 is the algorithm that state evolution describes")


def checked_sizes(size: Any, sizes: Any) -> tuple[int, ...]:
    """One size or several, as whole numbers from 10 on."""
    if sizes is None:
        return (whole("size", size, 10, "2000 is a good one"),)
    if isinstance(sizes, (str, numbers.Number)) or not isinstance(sizes, Iterable):
        raise TypeError(f"sizes = {sizes!r} is not a sequence: give several sizes, or one as size=...")
    checked = tuple(whole(f"sizes[{k}]", one, 10, "2000 is a good one") for k, one in enumerate(sizes))
    if not checked:
        raise ValueError("sizes is empty: give at least one")
    return checked


def whole(name: str, value: Any, low: int, cure: str) -> int:
    """A whole number from `low` on."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(f"{name} = {value!r} is not a whole number: give one of at least {low}")
    if value < low:
        raise ValueError(f"{name} = {value} is too small: give at least {low}{'; ' + cure if cure else ''}")
    return int(value)


def real_number(name: str, value: Any, low: float, high: float, cure: str) -> float:
    """A number in [low, high)."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} = {value!r} is not a number: give one in [{low:g}, {high:g}); {cure}")
    if not low <= float(value) < high:
        raise ValueError(f"{name} = {value} is outside [{low:g}, {high:g}): {cure}")
    return float(value)


def split_controls(model: Model, controls: dict[str, Any]) -> dict[str, Any]:
    """Check the controls and return them by name; the model's own ones are positive numbers.

    Raises
    ------
    TypeError, ValueError
        Naming the control, its value and the cure.
    """
    checked = {symbol.name: value for symbol, value in model.check_controls(controls).items()}
    for own in model.own_controls:
        name, value = own.name, checked[own.name]
        cure = _CURES.get(name, "a positive number")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise TypeError(f"{name} = {value!r} is not a number: give {cure}") from None
        if not (math.isfinite(number) and number > 0) or isinstance(value, (bool, str)):
            raise ValueError(f"{name} = {value} is not a finite positive number: give {cure}")
        checked[name] = number
    return checked


_CURES = {"alpha": "n/p > 0", "delta": "the variance of the noise, > 0"}
