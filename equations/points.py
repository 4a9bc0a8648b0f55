"""Points of the explicit curve of fixed points: everything as a function of ln s and of the controls left free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from ..theory.forms import LimitState
from ..theory.model import Model
from .compile import compile_expressions
from .derive import explicit_curve

__all__ = ["Formulas", "Limit", "LimitFormulas", "Points"]

_EPS, _TINY = np.finfo(float).eps, np.finfo(float).tiny
_SMALL_INFORMATION = 1e-6  # nats: scale of an information that a free entropy is made of, for faint and sparse signals
Parameters = Mapping[sp.Symbol, Any]


@dataclass(frozen=True)
class Points:
    """Points of the curve, arrays over points.

    Attributes
    ----------
    x : ln s
    log_control, slope, bend : ln c and its first two derivatives by x
    states : mapping of Symbol to array
        Order parameters, companions and their rates.
    free_entropy, free_entropy_slope : f on the curve and its explicit derivative by the control
    control_error : relative; free_entropy_error : absolute; state_errors : absolute, by symbol
    slope_error : absolute error of `slope`
    good : True where the quadrature met its tolerance
    """

    x: np.ndarray
    log_control: np.ndarray
    slope: np.ndarray
    bend: np.ndarray
    states: Mapping[sp.Symbol, np.ndarray]
    free_entropy: np.ndarray
    free_entropy_slope: np.ndarray
    control_error: np.ndarray
    free_entropy_error: np.ndarray
    slope_error: np.ndarray
    state_errors: Mapping[sp.Symbol, np.ndarray]
    good: np.ndarray

    def take(self, index) -> Points:
        """Return the points at `index`."""
        return self._mapped(lambda value: value[index])

    def joined(self, other: Points) -> Points:
        """Return these points followed by others."""
        return self._mapped(lambda value, more: np.concatenate([value, more]), other)

    def merged(self, other: Points) -> Points:
        """Return both sets of points, ordered by x."""
        both = self.joined(other)
        return both.take(np.argsort(both.x, kind="stable"))

    def _mapped(self, function: Callable[..., np.ndarray], *others: Points) -> Points:
        """Apply a function to every array (of these points and of others)."""
        fields: dict[str, Any] = {}
        for name, value in vars(self).items():
            rest = [getattr(other, name) for other in others]
            if isinstance(value, Mapping):
                fields[name] = {key: function(array, *(more[key] for more in rest)) for key, array in value.items()}
            else:
                fields[name] = function(value, *rest)
        return Points(**fields)


@dataclass(frozen=True)
class Limit:
    """A limit state with numbers: see ``LimitState``."""

    state: LimitState
    values: Mapping[str, float]
    free_entropy: float  # at control 0
    free_entropy_slope: float  # by the control
    errors: Mapping[str, float]  # absolute, of every number
    infinite_above: float
    stable_from: float
    stable_to: float
    slopes: Mapping[str, float]  # of values by the control

    def entropy_at(self, control):
        """Free entropy at a control value, infinite where perfect recovery of a density dominates."""
        control = np.asarray(control, float)
        if np.isnan(self.infinite_above):
            return self.free_entropy + self.free_entropy_slope * control
        return np.where(control > self.infinite_above, np.inf, -np.inf)

    def entropy_error_at(self, control):
        """Absolute error of a finite free entropy at a control value."""
        return self.errors["free_entropy"] + self.errors["free_entropy_slope"] * np.asarray(control, float)

    def stable_at(self, control):
        """Whether small deviations shrink."""
        control = np.asarray(control, float)
        return (control > self.stable_from) & (control < self.stable_to)

    def eigenvalue_at(self, control):
        """Of one step of state evolution: grows (no signal) or falls (perfect recovery) as the control does."""
        if np.isfinite(self.stable_to):
            return control / self.stable_to
        return self.stable_from / control


class Formulas:
    """The explicit curve of a model, compiled.

    Parameters
    ----------
    model : Model
        Its controls other than the linear one may be symbols: every evaluation then takes values for them.
    """

    def __init__(self, model: Model):
        self.form = form = explicit_curve(model.working_form)
        s, (c, dc, ddc) = form.parameter, form.value
        slope = s * dc / c
        bend = s * (dc + s * ddc) / c - slope**2
        # how an error of an order parameter x moves the slope: slope = s (c_s + c_x x')/c, to leading order by c_x
        sensitivities = [c_x / c for c_x in form.sensitivity.values()]
        entropy = form.free_entropy
        self._names = tuple(form.states)
        self.states, self._state_numbers = compile_expressions(list(form.states.values()))
        self.values, self._value_numbers = compile_expressions(
            [c, slope, bend, *sensitivities, entropy.subs(form.control, c), entropy.diff(form.control)]
        )
        self._totals, self._total_numbers = compile_expressions(list(form.totals.values()))
        solved = {*form.sensitivity}
        rates = {name for name in self._names if name.name.endswith("'")}
        self._state_scales = [np.inf if name.name.endswith("''") else 0.0 if name in solved or name in rates
                              else _SMALL_INFORMATION if name.name.startswith("I_") else 0.0 for name in self._names]
        self._value_scales = [0.0, 1.0, np.inf, *[np.inf] * len(sensitivities), 1.0, 1.0]
        self.limits = tuple(LimitFormulas(state, form.control) for state in model.limit_states)
        self._starts_from_nothing = any(limit.state.end == "start" for limit in self.limits)

    @cached_property
    def _wholes(self) -> np.ndarray:
        """Values of the totals of a model without free controls."""
        return self._totals(self._total_numbers).values

    @property
    def nested(self) -> bool:
        """True if quadratures stand inside others, so that an evaluation is dear."""
        return self.states.nested or self.values.nested

    def at(self, x, parameters: Parameters | None = None, tolerance: float = 1e-13) -> Points:
        """Evaluate at ln s = x, an array, and at values (numbers or arrays like x) of the controls left free."""
        with np.errstate(all="ignore"):  # far out an mse underflows: such points are not good, and say so
            return self._at(x, parameters or {}, tolerance)

    def _at(self, x, parameters: Parameters, tolerance: float) -> Points:
        x = np.atleast_1d(np.asarray(x, float))
        s = np.exp(x)
        given = {self.form.parameter: s, **parameters}
        first = self.states(given | self._state_numbers, tolerance=tolerance, scales=self._state_scales)
        shape = (len(self._names), len(x))
        gone = np.abs(first.values) < _TINY  # has no digits left to be relative to: nothing, as it is a little farther
        values, errors_ = (np.broadcast_to(np.where(gone, 0.0, a), shape) for a in (first.values, first.errors))
        states = dict(zip(self._names, values, strict=True))
        errors = dict(zip(self._names, errors_, strict=True))
        wholes = self._wholes if parameters == {} else self._totals(given | self._total_numbers).values
        for companion, whole in zip(self.form.totals, wholes, strict=True):
            (part,) = self.form.sensitivity  # the larger of two parts is the whole less the smaller
            larger = states[part] < states[companion]
            states[companion] = np.where(larger, whole - states[part], states[companion])
            errors[companion] = np.where(larger, errors[part] + _EPS * whole, errors[companion])
            states[part] = np.where(larger, states[part], whole - states[companion])
        second = self.values(states | given | self._value_numbers, tolerance=tolerance, scales=self._value_scales)
        c, slope, bend, *sensitivities, f, df = second.values
        relative = second.errors[0] / np.abs(c)
        moved = self._moved_by_errors(sensitivities, states, errors)
        rates = [self.form.rate(name) for name in (*self.form.sensitivity, *self.form.companions)]
        rate_error = sum((np.where(errors[name] == 0, 0.0, errors[name] / np.abs(states[name])) for name in rates), 0.0)
        slope_error = second.errors[1] + np.abs(1 - slope) * (rate_error + relative + 2 * moved)
        f_error = second.errors[-2] + sum((errors[n] for n in self._names if n.name.startswith("I_")), 0.0)
        log_control = np.log(c)
        good = first.converged & second.converged & np.isfinite(log_control)
        return Points(
            x=x, log_control=log_control, slope=slope, bend=bend, states=states, free_entropy=f,
            free_entropy_slope=df, control_error=relative + moved, free_entropy_error=f_error + moved * np.abs(df * c),
            slope_error=slope_error, state_errors=errors, good=good,
        )

    def _moved_by_errors(self, sensitivities, states, errors):
        """Relative error of the control from the errors of the order parameters.

        A sensitivity is large where the order parameter or its companion is small; the one that is small is also
        the one known to a small absolute error, and the other enters with its relative error.
        """
        companions = self.form.companions

        def relative(name):
            return np.where(errors[name] == 0, 0.0, errors[name] / np.abs(states[name]))

        total = sum((relative(name) for name in companions), 0.0)
        for sensitivity, name in zip(sensitivities, self.form.sensitivity, strict=True):
            smallest = np.minimum.reduce([errors[name], *(errors[other] for other in companions)])
            total = total + np.where(smallest == 0, 0.0, np.abs(sensitivity) * smallest) + relative(name)
            if self._starts_from_nothing:
                for other in companions:  # all is odd in the field near no signal: it cancels to the root of m
                    total = total + _EPS * np.sqrt(np.abs(states[name] / states[other]))
        return total


class LimitFormulas:
    """A limit state, compiled: its numbers as functions of the controls left free."""

    def __init__(self, state: LimitState, control: sp.Symbol):
        self.state = state
        infinite = state.free_entropy.is_infinite
        written = {
            "free_entropy": sp.oo if infinite else state.free_entropy.subs(control, 0),
            "free_entropy_slope": sp.S.Zero if infinite else state.free_entropy.diff(control),
            "infinite_above": state.infinite_above, "stable_above": state.stable_above,
            "stable_below": state.stable_below, **{x.name: value for x, value in state.values.items()},
            **{f"{x.name}'": slope for x, slope in state.slopes.items()},
        }
        self._fixed = {name: np.nan if expr is None else float(expr) for name, expr in written.items()
                       if expr is None or expr.is_infinite}
        self._names = tuple(name for name in written if name not in self._fixed)
        self._compiled, self._numbers = compile_expressions([written[name] for name in self._names])

    def at(self, parameters: Parameters | None = None, rows: int = 1,
           ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Values by name, arrays of shape (rows,), and their absolute errors."""
        found = self._compiled({**(parameters or {}), **self._numbers}, scales=[1.0] * len(self._names))
        values = {name: np.broadcast_to(value, (rows,)) for name, value in zip(self._names, found.values, strict=True)}
        errors = {name: np.broadcast_to(error, (rows,)) for name, error in zip(self._names, found.errors, strict=True)}
        values |= {name: np.full(rows, value) for name, value in self._fixed.items()}
        return values, errors | {name: np.zeros(rows) for name in self._fixed}

    def numbers(self) -> Limit:
        """The limit state of a model without free controls."""
        arrays, errors = self.at()
        values = {name: float(value[0]) for name, value in arrays.items()}
        above, below = values["stable_above"], values["stable_below"]
        return Limit(
            state=self.state, values={x.name: values[x.name] for x in self.state.values},
            slopes={x.name: values[f"{x.name}'"] for x in self.state.slopes},
            free_entropy=values["free_entropy"], free_entropy_slope=values["free_entropy_slope"],
            errors={name: float(error[0]) for name, error in errors.items()}, infinite_above=values["infinite_above"],
            stable_from=0.0 if np.isnan(above) else above, stable_to=np.inf if np.isnan(below) else below,
        )
