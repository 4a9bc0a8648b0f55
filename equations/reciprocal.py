"""Models that are solved in the inverse of one of their controls: a noise in place of the signal-to-noise ratio."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..theory.forms import Reciprocal
from ..theory.parameters import positive
from .result import FixedPoint

__all__ = ["chosen", "inward", "outward"]


def chosen(found: Reciprocal, controls: Mapping[str, Any]) -> Reciprocal:
    """How a model is solved if its control is given as a word, such as ``"nishimori"``; else what was found.

    Raises
    ------
    ValueError
        If it is no word that is known.
    """
    value = controls.get(found.outer)
    if not isinstance(value, str):
        return found
    if value not in found.words:
        known = f", or one of {', '.join(map(repr, found.words))}" if found.words else ""
        raise ValueError(f"{found.outer} = {value!r}: give a number{known}")
    return replace(found, model=found.words[value])


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
        if isinstance(value, str):  # the model that was chosen has it built in
            return given
        for one in np.ravel(np.asarray(value, object)):
            one = one.item() if isinstance(one, np.generic) else one
            if not (found.infinite and one == math.inf):
                positive(found.outer, one)
        given[found.inner] = 1 / np.asarray(value, float) if np.ndim(value) else 1 / value
    return given


def outward(found: Reciprocal, states: tuple[Any, ...], controls: Mapping[str, Any]) -> tuple[Any, ...]:
    """The same fixed points, said to be at the controls that were asked for."""
    if states and not isinstance(states[0], FixedPoint):
        return tuple(outward(found, one, controls) for one in states)
    return tuple(replace(state, controls=_renamed(found, state.controls)) for state in states)


def _renamed(found: Reciprocal, controls: Mapping[str, Any]) -> dict[str, Any]:
    return {found.outer if name == found.inner else name: _inverse(value) if name == found.inner else value
            for name, value in controls.items()}


def _inverse(value: float) -> float:
    return 1 / value if value else math.inf
