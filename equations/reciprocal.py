"""Models that are solved in the inverse of one of their controls: a noise in place of the signal-to-noise ratio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..theory.model import Reciprocal
from ..theory.parameters import positive
from .result import FixedPoint

__all__ = ["inward", "outward"]


def inward(found: Reciprocal, controls: Mapping[str, Any]) -> dict[str, Any]:
    """The controls of the model that is solved.

    Raises
    ------
    TypeError, ValueError
        If the control whose inverse is taken is not a positive number (or an array of them).
    """
    given = dict(controls)
    if found.outer in given:
        value = given.pop(found.outer)
        for one in np.ravel(np.asarray(value, object)):
            positive(found.outer, one.item() if isinstance(one, np.generic) else one)
        given[found.inner] = 1 / np.asarray(value, float) if np.ndim(value) else 1 / value
    return given


def outward(found: Reciprocal, states: tuple[Any, ...], controls: Mapping[str, Any]) -> tuple[Any, ...]:
    """The same fixed points, said to be at the controls that were asked for."""
    if states and not isinstance(states[0], FixedPoint):
        return tuple(outward(found, one, controls) for one in states)
    return tuple(replace(state, controls=_renamed(found, state.controls)) for state in states)


def _renamed(found: Reciprocal, controls: Mapping[str, Any]) -> dict[str, Any]:
    return {found.outer if name == found.inner else name: 1 / value if name == found.inner else value
            for name, value in controls.items()}
