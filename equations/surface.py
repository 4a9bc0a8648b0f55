"""The explicit curve of fixed points over a second control: a surface ln c(x, u), and what is read off it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from ..theory.model import Model
from .compile import compile_expressions
from .points import Formulas, Points

__all__ = ["Axis", "Slopes", "Surface"]

_DIFFERENCE = 1e-5  # of u, in units of the window, over which derivatives by u are taken


@dataclass(frozen=True)
class Axis:
    """A control in a window, in the coordinate u that is natural to it: itself, or its logarithm.

    Attributes
    ----------
    name : str
    low, high : float
        The window, in the control.
    log : bool
        Whether u is the logarithm.
    """

    name: str
    low: float
    high: float
    log: bool = False

    def u(self, value):
        """Coordinate of a value of the control."""
        return np.log(value) if self.log else np.asarray(value, float)

    def value(self, u):
        """Value of the control at a coordinate."""
        return np.exp(u) if self.log else np.asarray(u, float)

    @property
    def length(self) -> float:
        """Of the window, in u."""
        return float(self.u(self.high) - self.u(self.low))


@dataclass(frozen=True)
class Slopes:
    """Derivatives by u at fixed x, arrays over points: of ln c, of d ln c/dx, and of f on the surface."""

    log_control: np.ndarray
    slope: np.ndarray
    free_entropy: np.ndarray


class Surface:
    """The curve of fixed points of a model with one more control, `axis`.

    Derivatives by x are exact; those by u, which only steer Newton's method and never enter a result, are central
    differences of the same formulas in one batch: cheaper by far than exact derivatives by the parameters of a law.

    Parameters
    ----------
    model : Model
        With a symbol called ``axis.name`` besides its linear control, and no other.
    axis : Axis
    tolerance : float
        Of the averages.

    Raises
    ------
    ValueError
        If the formulas have no general form in the control.
    """

    def __init__(self, model: Model, axis: Axis, tolerance: float = 1e-12):
        (self.symbol,) = (s for s in model.controls if s.name == axis.name)
        self.model, self.axis, self.tolerance = model, axis, tolerance
        try:
            self.formulas = Formulas(model)
        except TypeError as error:  # SymPy cannot order breaks whose signs it does not know
            raise ValueError(
                f"{axis.name} decides the order of the channel's pieces, which must not change: the formulas have no "
                f"general form in it; give {axis.name} a number"
            ) from error
        self.form = self.formulas.form
        self.limits = {limit.state.name: limit for limit in self.formulas.limits}

    def parameters(self, u) -> dict[sp.Symbol, np.ndarray]:
        """Values of the second control at coordinates u."""
        # a corrector may step over the edge of the window, which may be the edge of what the control can be
        return {self.symbol: np.atleast_1d(np.clip(self.axis.value(u), self.axis.low, self.axis.high))}

    def at(self, x, u) -> Points:
        """Points of the surface, arrays over rows."""
        return self.formulas.at(x, self.parameters(u), self.tolerance)

    def with_slopes(self, x: np.ndarray, u: np.ndarray) -> tuple[Points, Slopes]:
        """Points of the surface and their derivatives by u."""
        above, below = self.neighbours(u)
        rows = len(x)
        both = self.at(np.tile(x, 3), np.concatenate([u, above, below]))
        up, down = both.take(slice(rows, 2 * rows)), both.take(slice(2 * rows, None))
        return both.take(slice(0, rows)), Slopes(*(
            (getattr(up, name) - getattr(down, name)) / (above - below)
            for name in ("log_control", "slope", "free_entropy")
        ))

    def neighbours(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates above and below u between which differences are taken: inside the window."""
        low, high = float(self.axis.u(self.axis.low)), float(self.axis.u(self.axis.high))
        h = np.full(len(u), _DIFFERENCE * self.axis.length)
        if not self.axis.log and low > 0:  # near 0 a control varies over its own size
            h = np.minimum(h, 1e-3 * np.maximum(np.abs(u), low))
        return np.minimum(u + h, np.maximum(u, high)), np.maximum(u - h, np.minimum(u, low))

    @cached_property
    def first_x(self) -> float:
        """ln s below which a state is not told from the one without signal."""
        scale, numbers = compile_expressions([self.model.working_form_scale])
        middle = self.axis.value(0.5 * (self.axis.u(self.axis.low) + self.axis.u(self.axis.high)))
        return float(np.log(1e-6 / scale({self.symbol: middle} | numbers).values[0, 0]))

    def names(self) -> tuple[sp.Symbol, sp.Symbol]:
        """Symbols of the overlap and of the error among the states of a point."""
        (overlap,), (error,) = self.form.companions, self.form.sensitivity
        return overlap, error
