"""States of models that are solved kind by kind: x = map(x) in all order parameters, by the logarithms of the unknowns.

Compiled equations of a kind of state, and its states as a system in these logarithms and that of one control.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy as sp

from ..theory.forms import StateKind
from ..theory.model import Model
from .compile import compile_expressions
from .continuation import Evaluation

__all__ = ["DifferencedSystem", "KindFormulas", "Measured", "StateCurve", "States", "exact_zeros", "kinds_of",
           "nonzero"]

_TOLERANCE = 1e-13
_DIFFERENCE = 1e-5  # of unknowns, in units of the scales, over which Jacobians are taken
_EPS = np.finfo(float).eps


@dataclass(frozen=True)
class States:
    """States of one kind, arrays over rows; every error is absolute.

    Attributes
    ----------
    residual, residual_error : shape (rows, n)
        log(map(x)/x)
    jacobian : shape (rows, n, n)
        d log map/d log x
    transverse : shape (rows, directions)
    positive : shape (rows, conditions)
    free_energy, free_energy_error, instability : shape (rows,)
    """

    residual: np.ndarray
    residual_error: np.ndarray
    jacobian: np.ndarray
    transverse: np.ndarray
    positive: np.ndarray
    free_energy: np.ndarray
    free_energy_error: np.ndarray
    instability: np.ndarray

    def singularity(self) -> np.ndarray:
        """det(1 - Jacobian), zero at a fold."""
        n = self.jacobian.shape[1]
        return np.linalg.det(np.eye(n) - self.jacobian) if n else np.ones(len(self.jacobian))

    def eigenvalues(self) -> np.ndarray:
        """Real parts of those of the iteration, transverse ones last, shape (rows, n + directions)."""
        if not self.jacobian.shape[1]:
            return self.transverse
        finite = np.isfinite(self.jacobian).all(axis=(1, 2))
        own = np.full(self.jacobian.shape[:2], np.nan)
        own[finite] = np.linalg.eigvals(self.jacobian[finite]).real
        return np.concatenate([own, self.transverse], axis=1)


@dataclass(frozen=True)
class Measured:
    """What is measured at states, arrays over rows by name, and the absolute errors of its averages."""

    observables: dict[str, np.ndarray]
    order_parameters: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]


class KindFormulas:
    """The compiled equations of a kind of state."""

    def __init__(self, kind: StateKind):
        self.kind, self.unknowns = kind, tuple(kind.maps)
        n = len(self.unknowns)
        residual = [sp.log(mapped / x) for x, mapped in kind.maps.items()]
        jacobian = [x * mapped.diff(x) / mapped for mapped in kind.maps.values() for x in self.unknowns]
        instability = sp.S.Zero if kind.instability is None else kind.instability
        self._sizes = (n, n * n, len(kind.transverse), len(kind.positive), 1, 1)
        self._compiled, self._numbers = compile_expressions(
            [*residual, *jacobian, *kind.transverse, *kind.positive, kind.free_energy, instability])
        # residuals are differences of logarithms; what only steers or is compared with 1 needs no more than that
        self._scales = [1.0] * n + [np.inf] * (n * n) + [1.0] * (len(kind.transverse) + len(kind.positive)) + [1.0, 1.0]

    def at(self, x: np.ndarray, controls: Mapping[str, Any]) -> States:
        """Evaluate at logarithms of the unknowns, shape (rows, n), and controls, numbers or arrays over rows."""
        rows = len(x)
        values: dict[sp.Symbol, Any] = {name: np.exp(x[:, k]) for k, name in enumerate(self.unknowns)}
        values |= {sp.Symbol(name, real=True): np.broadcast_to(np.asarray(v, float), (rows,))
                   for name, v in controls.items()}
        values |= self._numbers
        with np.errstate(all="ignore"):
            found = self._compiled(
                {p: values[p] for p in self._compiled.parameters} if self._compiled.parameters else
                {sp.Symbol("_"): np.zeros(rows)}, tolerance=_TOLERANCE, scales=self._scales)
        parts = np.split(np.broadcast_to(found.values, (len(found.values), rows)), np.cumsum(self._sizes)[:-1])
        errors = np.split(np.broadcast_to(found.errors, (len(found.errors), rows)), np.cumsum(self._sizes)[:-1])
        n = len(self.unknowns)
        infinite = self.kind.instability is None
        return States(
            residual=parts[0].T, residual_error=errors[0].T + _EPS, jacobian=parts[1].T.reshape(rows, n, n),
            transverse=parts[2].T, positive=parts[3].T, free_energy=parts[4][0], free_energy_error=errors[4][0] + _EPS,
            instability=np.full(rows, np.inf) if infinite else parts[5][0],
        )

    @cached_property
    def _measured(self):
        finite = {name: expr for name, expr in self.kind.observables.items() if expr.is_infinite is not True}
        infinite = {name: float(expr) for name, expr in self.kind.observables.items() if name not in finite}
        named = {f"_{x.name}": expr for x, expr in self.kind.order_parameters.items()}
        return [*finite, *named], compile_expressions([*finite.values(), *named.values()]), infinite

    def measured(self, x: np.ndarray, controls: Mapping[str, Any]) -> Measured:
        """Measure at logarithms of the unknowns, shape (rows, n), and controls, numbers or arrays over rows."""
        rows = len(x)
        names, (compiled, numbers), infinite = self._measured
        values: dict[sp.Symbol, Any] = {name: np.exp(x[:, k]) for k, name in enumerate(self.unknowns)}
        values |= {sp.Symbol(name, real=True): np.broadcast_to(np.asarray(v, float), (rows,))
                   for name, v in controls.items()}
        with np.errstate(all="ignore"):
            found = compiled(values | numbers, tolerance=_TOLERANCE, scales=[1.0] * len(names))
        every = {name: np.broadcast_to(v, (rows,)) for name, v in zip(names, found.values, strict=True)}
        errors = {name: np.broadcast_to(e, (rows,)) for name, e in zip(names, found.errors, strict=True)}
        observables = {name: every[name] if name in every else np.full(rows, infinite[name])
                       for name in self.kind.observables}
        return Measured(observables, {name[1:]: v for name, v in every.items() if name.startswith("_")}, errors)


class DifferencedSystem:
    """A system whose Jacobian is a central difference of its residuals, all points of it in one evaluation.

    The Jacobian only steers Newton's method: what it leaves is measured by the residual.
    """

    scales: np.ndarray

    def residual(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals and their absolute errors, shape (rows, equations), at rows of unknowns."""
        raise NotImplementedError

    def evaluate(self, y: np.ndarray) -> Evaluation:
        """Residual and Jacobian at unknowns of shape (rows, n + 1)."""
        y = np.asarray(y, float)
        rows, size = y.shape
        h = _DIFFERENCE * self.scales
        shifts = np.concatenate([np.zeros((1, size)), np.diag(h), -np.diag(h)])
        values, noise = self.residual((y[None] + shifts[:, None]).reshape(-1, size))
        values = values.reshape(len(shifts), rows, -1)
        with np.errstate(invalid="ignore"):  # beside a pole, where residuals are infinite
            jacobian = (values[1 : size + 1] - values[size + 1 :]) / (2 * h[:, None, None])
        return Evaluation(values[0], jacobian.transpose(1, 2, 0), noise[:rows])


class StateCurve(DifferencedSystem):
    """States of one kind as a curve in one control: unknowns (log x..., log control)."""

    def __init__(self, formulas: KindFormulas, along: str, others: Mapping[str, float]):
        self.formulas, self.along, self.others = formulas, along, dict(others)
        self.scales = np.ones(len(formulas.unknowns) + 1)

    def at(self, y: np.ndarray) -> States:
        """The states at rows of unknowns."""
        return self.formulas.at(y[:, :-1], self.others | {self.along: np.exp(y[:, -1])})

    def residual(self, y):
        found = self.at(y)
        return found.residual, found.residual_error

    def inside(self, y: np.ndarray) -> float:
        """Positive where such states can be."""
        return float(self.at(y[None]).positive.min(initial=np.inf))


def exact_zeros(model: Model, controls: Mapping[str, Any]) -> frozenset[str]:
    """Names of the model's own controls that are exactly zero."""
    return frozenset(c.name for c in model.own_controls if c.name in controls and controls[c.name] == 0)


def nonzero(controls: Mapping[str, float]) -> dict[str, float]:
    """The controls that equations at exact zeros still contain."""
    return {name: value for name, value in controls.items() if value != 0}


@lru_cache(maxsize=64)
def kinds_of(model: Model, zero: frozenset[str]) -> dict[str, KindFormulas]:
    """Compiled kinds of states by name."""
    return {kind.name: KindFormulas(kind) for kind in model.state_kinds(zero)}
