"""Boundaries between phases as systems of equations in the unknowns (x, ..., u).

x = ln s is a place on the explicit curve of fixed points, u the coordinate of the second control; the first control is
eliminated, c = c(x, u).

* fold:                    d ln c/dx (x, u) = 0
* crossing of two states:  ln c(x1, u) = ln c(x2, u),  f(x1, u) = f(x2, u)
* crossing of a state with a limit state:  f(x, u) = f_limit(c(x, u), u); of two limit states: in closed form
* level of a function of the state (a replicon, say):  g(x, u) = 0
* change of a limit state (its stability, its divergence):  c = c(u), without any equation

The saddle point itself holds by construction: every point of the curve is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from .compile import compile_expressions
from .continuation import Evaluation
from .points import Points
from .surface import Surface

__all__ = ["Boundary", "Change", "Crossing", "Fold", "Level", "LimitCrossing", "LimitPair", "Vertices"]

_EPS = np.finfo(float).eps
_X_DIFFERENCE = 1e-5


@dataclass(frozen=True)
class Vertices:
    """What holds on points of a boundary, arrays over points.

    Attributes
    ----------
    u : coordinate of the second control
    log_control : ln of the first control; error : its estimated absolute error (relative, of the control)
    overlap, mse : of the state that ends or loses stability; of two that cross, the one of lower overlap
    other_overlap, other_mse : of two states that cross, the one of higher overlap; else NaN
    free_entropy : at the boundary
    turn : positive where the control has a minimum along the curve of states, negative at a maximum, NaN off folds
    x : ln s of the (last) state on the curve; NaN if there is none
    """

    u: np.ndarray
    log_control: np.ndarray
    error: np.ndarray
    overlap: np.ndarray
    mse: np.ndarray
    other_overlap: np.ndarray
    other_mse: np.ndarray
    free_entropy: np.ndarray
    turn: np.ndarray
    x: np.ndarray


@dataclass(frozen=True)
class Boundary:
    """Base: a system on a surface, with unknowns (x..., u)."""

    surface: Surface

    places = 1  #: how many x are among the unknowns

    @property
    def scales(self) -> np.ndarray:
        """x counts in units of 1, u in units of its window."""
        return np.array([1.0] * self.places + [self.surface.axis.length])

    def evaluate(self, y: np.ndarray) -> Evaluation:
        """Residual and Jacobian at rows of unknowns."""
        raise NotImplementedError

    def vertices(self, y: np.ndarray) -> Vertices:
        """What holds at rows of unknowns that solve the system."""
        raise NotImplementedError

    def _vertices(self, u, point: Points | None, **given) -> Vertices:
        nothing = np.full(len(u), np.nan)
        values = dict.fromkeys(Vertices.__dataclass_fields__, nothing) | {"u": u}
        if point is not None:
            overlap, error = self.surface.names()
            values |= {
                "x": point.x, "log_control": point.log_control, "overlap": point.states[overlap],
                "mse": point.states[error], "free_entropy": point.free_entropy,
            }
        return Vertices(**(values | given))


@dataclass(frozen=True)
class Fold(Boundary):
    """Two states merge: the control is extremal along the curve."""

    def evaluate(self, y):
        point, by_u = self.surface.with_slopes(y[:, 0], y[:, 1])
        jacobian = np.stack([point.bend, by_u.slope], axis=1)[:, None]
        return Evaluation(point.slope[:, None], jacobian, point.slope_error[:, None])

    def vertices(self, y):
        point = self.surface.at(y[:, 0], y[:, 1])
        # the control is extremal: an error of the location enters squared, and linearly at a cusp
        with np.errstate(all="ignore"):
            moved = np.maximum(np.abs(point.slope), point.slope_error) ** 2 / (2 * np.abs(point.bend))
        error = point.control_error + np.where(np.isfinite(moved), moved, 0.0) + 2 * _EPS
        return self._vertices(y[:, 1], point, error=error, turn=point.bend)


@dataclass(frozen=True)
class Crossing(Boundary):
    """Two states of the curve have equal free entropy at one control."""

    places = 2

    def evaluate(self, y):
        rows = len(y)
        both, by_u = self.surface.with_slopes(np.concatenate([y[:, 0], y[:, 1]]), np.tile(y[:, 2], 2))
        c, up = both.log_control, both.free_entropy_slope * np.exp(both.log_control)
        # f moves with the control alone: df/dx = (df/d ln c) d ln c/dx
        first, second = slice(0, rows), slice(rows, None)
        residual = np.stack([c[first] - c[second], both.free_entropy[first] - both.free_entropy[second]], axis=1)
        jacobian = np.empty((rows, 2, 3))
        jacobian[:, 0] = np.stack([both.slope[first], -both.slope[second],
                                   by_u.log_control[first] - by_u.log_control[second]], axis=1)
        jacobian[:, 1] = np.stack([(up * both.slope)[first], -(up * both.slope)[second],
                                   by_u.free_entropy[first] - by_u.free_entropy[second]], axis=1)
        noise = np.stack([both.control_error[first] + both.control_error[second],
                          both.free_entropy_error[first] + both.free_entropy_error[second]], axis=1)
        return Evaluation(residual, jacobian, np.maximum(noise, _EPS))

    def vertices(self, y):
        low, high = (self.surface.at(y[:, k], y[:, 2]) for k in (0, 1))
        gap = np.abs(low.free_entropy_slope - high.free_entropy_slope) * np.exp(low.log_control)
        with np.errstate(all="ignore"):
            moved = (low.free_entropy_error + high.free_entropy_error) / gap
        apart = np.abs(low.log_control - high.log_control)
        overlap, error = self.surface.names()
        error_c = np.maximum(low.control_error, high.control_error)
        return self._vertices(
            y[:, 2], low, error=moved + apart + error_c + 2 * _EPS, x=high.x,
            other_overlap=high.states[overlap], other_mse=high.states[error],
        )


@dataclass(frozen=True)
class LimitCrossing(Boundary):
    """A state of the curve and a limit state have equal free entropy."""

    name: str = ""

    def _gap(self, x, u) -> tuple[Points, np.ndarray, np.ndarray, np.ndarray]:
        """Points, difference of free entropies, its derivative by ln c, and its error."""
        point = self.surface.at(x, u)
        limit, errors = self.surface.limits[self.name].at(self.surface.parameters(u), len(x))
        control = np.exp(point.log_control)
        gap = point.free_entropy - limit["free_entropy"] - limit["free_entropy_slope"] * control
        return (point, gap, (point.free_entropy_slope - limit["free_entropy_slope"]) * control,
                point.free_entropy_error + errors["free_entropy"] + errors["free_entropy_slope"] * control)

    def evaluate(self, y):
        x, u, rows = y[:, 0], y[:, 1], len(y)
        above, below = self.surface.neighbours(u)
        point, gap, rate, errors = self._gap(np.tile(x, 3), np.concatenate([u, above, below]))
        by_u = (gap[rows : 2 * rows] - gap[2 * rows :]) / (above - below)
        jacobian = np.stack([(rate * point.slope)[:rows], by_u], axis=1)[:, None]
        return Evaluation(gap[:rows, None], jacobian, np.maximum(errors[:rows, None], _EPS))

    def vertices(self, y):
        point, gap, rate, errors = self._gap(y[:, 0], y[:, 1])
        limit, _ = self.surface.limits[self.name].at(self.surface.parameters(y[:, 1]), len(y))
        overlap, error = (limit[name.name] for name in self.surface.names())
        mine, its = (point.states[name] for name in self.surface.names())
        lower = mine <= overlap
        with np.errstate(all="ignore"):
            moved = np.maximum(np.abs(gap), errors) / np.abs(rate) + point.control_error
        return self._vertices(
            y[:, 1], point, error=moved + 2 * _EPS,
            overlap=np.where(lower, mine, overlap), mse=np.where(lower, its, error),
            other_overlap=np.where(lower, overlap, mine), other_mse=np.where(lower, error, its),
        )


@dataclass(frozen=True)
class Change(Boundary):
    """A limit state changes: at ``stable_above``, ``stable_below`` or ``infinite_above``, known in closed form."""

    name: str = ""
    what: str = ""

    places = 0

    def evaluate(self, y):
        return Evaluation(np.empty((len(y), 0)), np.empty((len(y), 0, 1)), np.empty((len(y), 0)))

    def vertices(self, y):
        u = y[:, 0]
        values, errors = self.surface.limits[self.name].at(self.surface.parameters(u), len(u))
        value = values[self.what]
        overlap, error = (values[name.name] for name in self.surface.names())
        with np.errstate(all="ignore"):
            entropy = values["free_entropy"] + values["free_entropy_slope"] * value
            found = self._vertices(
                u, None, log_control=np.log(value), error=errors[self.what] / np.abs(value) + 2 * _EPS,
                overlap=overlap, mse=error, free_entropy=entropy,
            )
        return found


@dataclass(frozen=True)
class LimitPair(Boundary):
    """Two limit states have equal free entropy; both are linear in the control."""

    lower: str = ""
    upper: str = ""

    places = 0

    def evaluate(self, y):
        return Evaluation(np.empty((len(y), 0)), np.empty((len(y), 0, 1)), np.empty((len(y), 0)))

    def vertices(self, y):
        u = y[:, 0]
        (low, low_error), (high, high_error) = (
            self.surface.limits[name].at(self.surface.parameters(u), len(u)) for name in (self.lower, self.upper)
        )
        with np.errstate(all="ignore"):
            rate = low["free_entropy_slope"] - high["free_entropy_slope"]
            value = (high["free_entropy"] - low["free_entropy"]) / rate
            blur = sum(errors["free_entropy"] + errors["free_entropy_slope"] * np.abs(value)
                       for errors in (low_error, high_error))
            moved = blur / np.abs(rate * value)
            overlap, error = (name.name for name in self.surface.names())
            return self._vertices(
                u, None, log_control=np.log(value), error=moved + 2 * _EPS, overlap=low[overlap], mse=low[error],
                other_overlap=high[overlap], other_mse=high[error],
                free_entropy=low["free_entropy"] + low["free_entropy_slope"] * value,
            )


class Level(Boundary):
    """A function of the state and the controls is zero: a replicon, or any quantity of interest.

    Parameters
    ----------
    surface : Surface
    function : expression
        In the symbols of the working form (order parameters, companions, controls).
    """

    def __init__(self, surface: Surface, function: sp.Expr):
        super().__init__(surface)
        form = surface.form
        along = sp.sympify(function).subs(form.control, form.value[0])
        object.__setattr__(self, "_compiled", compile_expressions([along]))

    def _value(self, x, u):
        point = self.surface.at(x, u)
        compiled, numbers = self._compiled  # type: ignore[attr-defined]
        values = {**point.states, self.surface.form.parameter: np.exp(point.x), **self.surface.parameters(u)}
        found = compiled(values | numbers, tolerance=self.surface.tolerance, scales=[1.0])
        return point, found.values[0], found.errors[0]

    def evaluate(self, y):
        x, u, rows = y[:, 0], y[:, 1], len(y)
        above, below = self.surface.neighbours(u)
        _, g, errors = self._value(np.concatenate([x, x + _X_DIFFERENCE, x - _X_DIFFERENCE, x, x]),
                                   np.concatenate([u, u, u, above, below]))
        parts = [g[k * rows : (k + 1) * rows] for k in range(5)]
        by_x = (parts[1] - parts[2]) / (2 * _X_DIFFERENCE)
        jacobian = np.stack([by_x, (parts[3] - parts[4]) / (above - below)], axis=1)
        return Evaluation(parts[0][:, None], jacobian[:, None], np.maximum(errors[:rows, None], _EPS))

    def vertices(self, y):
        point, g, errors = self._value(y[:, 0], y[:, 1])
        slope = self.evaluate(y).jacobian[:, 0, 0]
        with np.errstate(all="ignore"):
            moved = np.abs(point.slope) * np.maximum(np.abs(g), errors) / np.abs(slope)
        return self._vertices(y[:, 1], point, error=point.control_error + moved + 2 * _EPS)
