r"""One step of decimation at given past: averages of a component, compiled, and their solution.

With m(tau), v(tau) of the patterns found before t, each is the pair of modes of [[1, -m], [m, -v]], which enter by the
trace p = 1 - v and the determinant d = m^2 - v: with D = 1 - p chi + d chi^2 and n = p - 2 d chi,

.. math:: \sum_\pm \frac\lambda{1 - \lambda\chi} = \frac nD, \qquad
          \sum_\pm \frac{\lambda^2}{(1 - \lambda\chi)^2} = \frac{n^2}{D^2} - \frac{2 d}D.

A step is solved for (m, s, a), the field's strength, its noise and the curvature, by Newton's method with exact
derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp

from ..theory.decimation_free_entropy import a, chi, free_energy_functional, m, pair_energy, s, temperature, v
from ..theory.decimation_states import DecimationByTemperature
from .compile import compile_expressions

__all__ = ["LOST", "Past", "StepProblem", "Steps"]

_NEWTON = 16
_ITERATIONS = 400  # of message passing from the pattern itself
_DAMPING = 0.7
LOST = 1e-3  # overlap below which iteration from the pattern has left it
_SILENT = 1e-30  # noise of the field that stands for none
_SETTLED = 1e-14
_EPS = np.finfo(float).eps
_VALUES = ("overlap", "self_overlap", "second_moment", "susceptibility", "entropy")
_UNFOUND, _DELTA = sp.Symbol("_unfound", real=True), sp.Symbol("delta", real=True)
_TRACE, _DETERMINANT = sp.symbols("_trace _determinant", real=True)


class _Formulas:
    """Compiled averages of one component, and the gradient of the free entropy."""

    def __init__(self, model: DecimationByTemperature, is_zero: bool, is_silent: bool):
        T = sp.S.Zero if is_zero else temperature
        site = model.site(T, m, sp.S.Zero if is_silent else s, a)
        values = [getattr(site, name) for name in _VALUES]
        values[-1] = sp.S.Zero if values[-1].is_infinite else values[-1]  # of a density at T = 0
        slopes = [value.diff(x) for value in values[:4] for x in (m, s, a)]
        infinite = site.fluctuation is None
        self.fluctuates = not infinite
        self.site = compile_expressions([*values, sp.S.Zero if infinite else site.fluctuation, *slopes])
        self.scales = [1.0] * 6 + [np.inf] * 12
        energy = free_energy_functional(model, T, _UNFOUND)
        self.gradient = compile_expressions([energy.diff(x) for x in (m, v, chi, s, a)])
        pair = pair_energy(_TRACE, _DETERMINANT, T)
        self.pair = compile_expressions([pair.diff(x) for x in (v, chi)])


@lru_cache(maxsize=32)
def _formulas(model: DecimationByTemperature, is_zero: bool, is_silent: bool) -> _Formulas:
    return _Formulas(model, is_zero, is_silent)


@dataclass(frozen=True)
class Past:
    """Patterns found before each of several steps.

    Attributes
    ----------
    weight, trace, determinant : arrays, shape (steps, modes)
        weight is alpha dtau.
    unfound : array, shape (steps,)
        alpha (1 - t).
    """

    weight: np.ndarray
    trace: np.ndarray
    determinant: np.ndarray
    unfound: np.ndarray

    def sums(self, response: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums over modes of lambda/(1 - lambda chi), of its derivative by chi, and of that one's, shape (steps,)."""
        x = response[:, None]
        gap = 1 - self.trace * x + self.determinant * x**2
        n = self.trace - 2 * self.determinant * x
        first, second = n / gap, (n / gap) ** 2 - 2 * self.determinant / gap
        third = 2 * first**3 - 6 * self.determinant * first / gap
        rest = 1 - response
        powers = [self.unfound * factor / rest**k for k, factor in ((1, 1), (2, 1), (3, 2))]
        return tuple((self.weight * part).sum(1) + power
                     for part, power in zip((first, second, third), powers, strict=True))

    def found(self, response: np.ndarray) -> np.ndarray:
        """Sum of lambda^2/(1 - lambda chi)^2 over the modes of patterns found, shape (steps,)."""
        x = response[:, None]
        gap = 1 - self.trace * x + self.determinant * x**2
        first = (self.trace - 2 * self.determinant * x) / gap
        return (self.weight * (first**2 - 2 * self.determinant / gap)).sum(1)

    def gap(self, response: np.ndarray) -> np.ndarray:
        """The least 1 - lambda chi of all modes, which must be positive, shape (steps,)."""
        largest = self.trace / 2 + np.sqrt(np.maximum(self.trace**2 / 4 - self.determinant, 0.0))
        top = np.maximum(largest.max(1, initial=0.0), np.where(self.unfound > 0, 1.0, 0.0))
        return 1 - top * response

    def logarithms(self, response: np.ndarray) -> np.ndarray:
        """Sum over modes of ln(1 - lambda chi), shape (steps,)."""
        x = response[:, None]
        found = (self.weight * np.log1p(self.determinant * x**2 - self.trace * x)).sum(1)
        return found + self.unfound * np.log1p(-response)


@dataclass(frozen=True)
class Steps:
    """Solved steps, arrays over them; r_a, r_b, r_c are divided by beta^2, and add up to `noise`.

    Attributes
    ----------
    unknowns : array, shape (steps, 3)
        m, s, a.
    determinant : array
        Of the Jacobian of the equations: zero where retrieval ends.
    residual : array
        Largest violation of the equations.
    gradient : array
        Largest derivative of Phi (of T Phi at T = 0) by any order parameter.
    error : array
        Absolute, of the overlap, q, v and the energy, whichever is largest.
    """

    unknowns: np.ndarray
    self_overlap: np.ndarray
    second_moment: np.ndarray
    susceptibility: np.ndarray
    r_a: np.ndarray
    r_b: np.ndarray
    r_c: np.ndarray
    energy: np.ndarray
    entropy: np.ndarray
    replicon: np.ndarray
    determinant: np.ndarray
    residual: np.ndarray
    gradient: np.ndarray
    error: np.ndarray
    is_solved: np.ndarray

    @property
    def overlap(self) -> np.ndarray:
        return self.unknowns[:, 0]

    @property
    def noise(self) -> np.ndarray:
        return self.unknowns[:, 1]


class StepProblem:
    """A step of decimation at given noise and temperature; where there are no patterns either, nothing is noise."""

    def __init__(self, model: DecimationByTemperature, delta: float, T: float, alpha: float):
        self.model, self.delta, self.T = model, delta, T
        self.formulas = _formulas(model, T == 0, alpha == delta == 0)

    def site(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Averages and their derivatives at rows (m, s, a), with errors, shape (18, rows)."""
        compiled, numbers = self.formulas.site
        values = {m: y[:, 0], s: np.maximum(y[:, 1], _SILENT), a: y[:, 2], temperature: np.full(len(y), self.T)}
        with np.errstate(all="ignore"):
            found = compiled({p: (values | numbers)[p] for p in compiled.parameters}, scales=self.formulas.scales)
        shape = len(found.values), len(y)
        return np.broadcast_to(found.values, shape), np.broadcast_to(found.errors, shape)

    def equations(self, y: np.ndarray, past: Past) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Residuals, their errors and the Jacobian at rows (m, s, a)."""
        values, errors = self.site(y)
        overlap, q, second, x = values[:4]
        by = values[6:].reshape(4, 3, -1)
        one, two, three = past.sums(x)
        coupling = self.delta + two
        residual = np.stack([overlap - y[:, 0], q * coupling - y[:, 1], second - self.delta * x - one - y[:, 2]], 1)
        jacobian = np.stack([by[0], by[1] * coupling + q * three * by[3], by[2] - coupling * by[3]]).transpose(2, 0, 1)
        noise = np.stack([errors[0], errors[1] * coupling + np.abs(q * three) * errors[3],
                          errors[2] + coupling * errors[3]], 1) + 2 * _EPS * (np.array([1, 0, 1]) + np.abs(y))
        return residual, noise, jacobian - np.eye(3)

    def newton(self, y: np.ndarray, past: Past) -> tuple[np.ndarray, np.ndarray]:
        """Solved rows (m, s, a), and which of them are."""
        y = y.copy()
        before = np.full(len(y), np.inf)
        for _ in range(_NEWTON):
            residual, noise, jacobian = self.equations(y, past)
            if not np.isfinite(residual).all() or not np.isfinite(jacobian).all():
                return y, np.zeros(len(y), bool)
            step = np.linalg.solve(jacobian, residual[:, :, None])[:, :, 0]
            # the noise stays positive, however far the first steps reach
            far = np.maximum(step[:, 1] / (0.8 * np.maximum(y[:, 1], _SILENT)), 1.0)
            y -= step / far[:, None]
            size = np.abs(step).max(1)
            if (size < _SETTLED).all() or ((size < 1e-12) & (size >= before)).all():
                break
            before = size
        residual, noise, _ = self.equations(y, past)
        solved = (np.abs(residual) <= np.maximum(50 * noise, 1e-13)).all(1) & (y[:, 0] > 0)
        return y, solved

    def iterated(self, past: Past) -> np.ndarray | None:
        """Where message passing goes from the pattern itself, shape (1, 3); None if it leaves it.

        `past` is that of one step.
        """
        start = past.sums(np.zeros(1))
        y = np.array([[1.0, self.delta + start[1][0], 1.0 - start[0][0]]])
        with np.errstate(all="ignore"):
            for _ in range(_ITERATIONS):
                residual, _, _ = self.equations(y, past)
                y = y + _DAMPING * residual
                if not np.isfinite(y).all() or y[0, 0] < LOST:
                    return None
                if np.abs(residual).max() < 1e-3 * LOST:
                    break
        return y

    def finished(self, y: np.ndarray, is_solved: np.ndarray, past: Past) -> Steps:
        """All that is said of steps."""
        residual, noise, jacobian = self.equations(y, past)
        values, errors = self.site(y)
        overlap, T = y[:, 0], self.T
        q, second, x, entropy, fluctuation = values[1], values[2], values[3], values[4], values[5]
        one, two, _ = past.sums(x)
        energy = (-(overlap**2) / 2 + second**2 / 4 - self.delta * x * (second + q) / 2
                  - (T * x * one + q * (one + x * two)) / 2)
        # sum of lambda chi/(1 - lambda chi) + ln(1 - lambda chi)
        total = entropy - self.delta * x**2 / 4 - (x * one + past.logarithms(x)) / 2
        inverse = np.linalg.inv(jacobian)
        away = (np.abs(inverse) * np.maximum(np.abs(residual), noise)[:, None]).sum(2)
        by = values[6:].reshape(4, 3, -1)
        moved = np.abs(by[1:]) * away.T  # of q, v, chi
        spread = [away[:, 0], *(part.sum(0) + errors[k] for k, part in enumerate(moved, 1))]
        rates = [overlap, (self.delta * x + one + x * two) / 2, np.abs(second - self.delta * x) / 2,
                 (self.delta * (second + q) + T * one + q * two) / 2 + 1]
        error = np.maximum.reduce([*spread[:3], sum(abs(r) * e for r, e in zip(rates, spread, strict=True))])
        return Steps(
            unknowns=y, self_overlap=q, second_moment=second, susceptibility=x, r_a=self.delta * q,
            r_b=past.unfound * q / (1 - x) ** 2, r_c=q * past.found(x), energy=energy, entropy=total,
            replicon=1 - (self.delta + two) * fluctuation if self.formulas.fluctuates else np.full(len(y), -np.inf),
            determinant=np.linalg.det(-jacobian), residual=np.abs(residual).max(1), gradient=self._gradient(y, past),
            error=error, is_solved=is_solved & (past.gap(x) > 0),
        )

    def _gradient(self, y: np.ndarray, past: Past) -> np.ndarray:
        """Largest derivative of the free entropy, from its expression and not from the equations solved here."""
        values, _ = self.site(y)
        _q, second, x = values[1], values[2], values[3]
        places = {m: y[:, 0], v: second, chi: x, s: np.maximum(y[:, 1], _SILENT), a: y[:, 2],
                  temperature: np.full(len(y), self.T), _UNFOUND: past.unfound, _DELTA: np.full(len(y), self.delta)}
        compiled, numbers = self.formulas.gradient
        with np.errstate(all="ignore"):
            parts = compiled({p: (places | numbers)[p] for p in compiled.parameters}, scales=[1.0] * 5).values.copy()
        compiled, numbers = self.formulas.pair
        shape = past.weight.shape
        if shape[1]:
            wide = {key: np.broadcast_to(value[:, None], shape).ravel() for key, value in places.items()}
            wide |= {_TRACE: past.trace.ravel(), _DETERMINANT: past.determinant.ravel()} | numbers
            pairs = compiled({p: wide[p] for p in compiled.parameters}).values.reshape(2, *shape)
            parts[1:3] += (past.weight * pairs).sum(2)
        by_m, by_v, by_chi, by_s, by_a = parts
        if self.T == 0:
            return np.abs(parts).max(0)
        # in the variables of Phi: chi = beta (v - q), s = r/beta^2, a = (u + r)/beta
        beta = 1 / self.T
        every = [beta * by_m, beta * by_v + beta**2 * by_chi, beta**2 * by_chi, by_s / beta + by_a, by_a]
        return np.abs(every).max(0)
