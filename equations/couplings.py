"""States of a model that is linear in its couplings: one control along an explicit curve, the others fixed.

With lambda = 1/control, every fixed point of s = sum_k lambda_k F_k(s) lies on the curve lambda_a = c(s) = (s -
sum_{k != a} lambda_k F_k)/F_a, whose extrema are the roots of a polynomial in the overlap: all states and all
spinodals are found, none is searched for.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from ..theory.forms import CouplingForm
from ..theory.model import Model
from .functions import NUMPY
from .sparse_roots import roots_in_unit_interval

__all__ = ["CouplingBranch", "CouplingCurve", "CouplingFormulas", "coupling_of", "overlap_roots"]

_EPS = np.finfo(float).eps
_ROUNDING = 8 * _EPS  # of sums of a few terms, each with a few operations
_FARTHEST = (1e-300, 1e300)  # of s


def coupling_of(value: float) -> float:
    """1/control: 0 at an infinite control."""
    return 0.0 if np.isinf(value) else 1.0 / value


def compiled(arguments: Any, expressions: Any) -> Any:
    """A NumPy function of the arguments; expressions may hold the special functions of ``theory``."""
    return sp.lambdify(arguments, expressions, modules=[NUMPY, "numpy"], cse=True)


def overlap_roots(expr: sp.Expr, form: CouplingForm) -> list[tuple[int, sp.Expr]]:
    """Terms (exponent, coefficient) of a polynomial in the overlap of the sign of an expression in s and m."""
    m = form.overlap
    (s_at,) = sp.solve(form.overlap_at - m, form.parameter)
    numerator, denominator = sp.fraction(sp.cancel(sp.together(expr.subs(form.parameter, s_at))))
    sign = sp.sign(denominator.subs(m, sp.Rational(1, 2)))  # it has no zero for 0 < m < 1
    return [(e, sign * coefficient) for (e,), coefficient in sp.Poly(numerator, m).terms()]


class CouplingFormulas:
    """What a coupling form says, compiled; couplings (lambda) in the order of the form's controls.

    Attributes
    ----------
    form : CouplingForm
    names : tuple of str
        Of the controls.
    couplings : tuple of Symbol
    """

    def __init__(self, model: Model):
        self.model, self.form = model, model.coupling_form
        form, symbols = self.form, tuple(self.form.forces)
        self.names = tuple(control.name for control in symbols)
        self.couplings = tuple(sp.Symbol(f"lambda_{name}", nonnegative=True) for name in self.names)
        pairs, s = list(zip(self.couplings, symbols, strict=True)), form.parameter
        #: m, dm/ds, d2m/ds2
        self.moves = (form.overlap, *sp.symbols("m_1 m_2", real=True))
        self._moves = compiled((s,), [sp.factor(form.overlap_at.diff(s, n)) for n in range(3)])
        orders = {x: min(e for (e,), _ in sp.Poly(force, form.overlap).terms()) for x, force in form.forces.items()}
        self.lowest = min(symbols, key=orders.__getitem__).name  #: whose force is of the lowest order in the overlap
        self.step = sp.Add(*(x * form.forces[k] for x, k in pairs))
        self.free_entropy = form.entropy + sp.Add(*(x * form.terms[k] for x, k in pairs))
        parts = [form.entropy, *(x * form.terms[k] for x, k in pairs)]
        self._values = compiled((s, *self.moves, *self.couplings), [
            form.overlap, form.mse_at, self.free_entropy, sp.Add(*map(sp.Abs, parts)), self.along(self.step), self.step,
        ])
        self.observables = dict(model.observables)
        inverse = {control: 1 / x for x, control in pairs}
        self._observables = compiled((s, *self.moves, *self.couplings), [
            sp.sympify(x).xreplace({**inverse, form.mse: form.mse_at}) for x in self.observables.values()
        ])
        self.onset = compiled(self.couplings, sp.limit(self.step.subs(form.overlap, form.overlap_at) / s, s, 0))
        self._terms = compiled((form.overlap,), list(form.terms.values()))
        growth = sorted(overlap_roots(self.step - s, form), key=lambda term: term[0])
        self._growth = compiled(self.couplings, [coefficient for _, coefficient in growth])

    def growth(self, couplings: Any) -> list[float]:
        """How a little signal grows under state evolution, in rising orders of the overlap; linear in couplings."""
        return [float(x) for x in self._growth(*couplings)]

    def grows(self, couplings: Any) -> bool:
        """Whether a little signal grows: the lowest order that is there decides."""
        return next((x for x in self.growth(couplings) if x != 0), 0.0) > 0

    def along(self, expr: sp.Expr) -> sp.Expr:
        """Total derivative by s of an expression in s, m and dm/ds."""
        m, first, second = self.moves
        return expr.diff(self.form.parameter) + expr.diff(m) * first + expr.diff(first) * second

    def evaluated(self, function: Any, s: Any, couplings: Any) -> Any:
        """A compiled function of s, m, its derivatives and all couplings."""
        with np.errstate(all="ignore"):
            s = np.asarray(s, float)[()]
            return function(s, *self._moves(s), *couplings)

    def at(self, s: Any, couplings: Any) -> dict[str, np.ndarray]:
        """Overlap, mse, free entropy with its error, and the slope of state evolution, at s."""
        overlap, mse, f, size, slope, step = self.evaluated(self._values, s, couplings)
        return {"overlap": overlap, "mse": mse, "free_entropy": f, "free_entropy_error": _ROUNDING * size,
                "slope": slope, "step": step}

    def observed(self, s: float, couplings: Any) -> dict[str, float]:
        """Observables of a state."""
        found = self.evaluated(self._observables, s, couplings)
        return dict(zip(self.observables, map(float, found), strict=True))

    def term(self, s: float, k: int) -> float:
        """Derivative of the free entropy by coupling k."""
        return float(self._terms(self.at(s, [0.0] * len(self.names))["overlap"])[k])

    @functools.cache  # noqa: B019  # formulas live as long as the model they are cached for
    def curve(self, k: int) -> tuple[Any, list[tuple[int, Any]]]:
        """Coupling k along s (value, two derivatives by s, size of its terms), and the polynomial of its extrema.

        The polynomial in the overlap is a list of (exponent, coefficient as a function of all couplings).
        """
        s, a = self.form.parameter, self.couplings[k]
        force, rest = self.step.coeff(a), self.step.subs(a, 0)
        c, size = (s - rest) / force, (s + rest) / force
        slope = self.along(c)
        function = compiled((s, *self.moves, *self.couplings), [c, slope, self.along(slope), size])
        terms = overlap_roots(c.subs(self.form.overlap, self.form.overlap_at).diff(s), self.form)
        return function, [(e, compiled(self.couplings, coefficient)) for e, coefficient in terms]


@functools.lru_cache(maxsize=64)
def formulas_of(model: Model) -> CouplingFormulas:
    """Formulas of a model, kept."""
    return CouplingFormulas(model)


@dataclass(frozen=True)
class CouplingBranch:
    """A monotone piece of the curve: s from `low` to `high`, the coupling from `start` to `stop`.

    `blur` is how far `start` is rounded where s = 0, the state without signal, and not another one.
    """

    low: float
    high: float
    start: float
    stop: float
    blur: float = 0.0

    @property
    def stable(self) -> bool:
        """Whether the coupling grows with s."""
        return self.stop > self.start

    def holds(self, coupling: float) -> bool:
        """Whether the branch has a state at a value of the coupling; the first point belongs to the one before."""
        start = self.start + (self.blur if self.stable else -self.blur)
        return start < coupling <= self.stop if self.stable else self.stop <= coupling < start


class CouplingCurve:
    """The curve of all fixed points in one control, the couplings of all others fixed.

    Parameters
    ----------
    formulas : CouplingFormulas
    along : str
    fixed : mapping of control name to coupling
        Of all other controls.
    """

    def __init__(self, formulas: CouplingFormulas, along: str, fixed: Mapping[str, float]):
        self.formulas, self.k = formulas, formulas.names.index(along)
        self._fixed = [float(fixed.get(name, 0.0)) for name in formulas.names]
        self._function, self._extrema = formulas.curve(self.k)

    def couplings(self, value: float) -> list[float]:
        """All couplings, with this one's value."""
        return [value if k == self.k else x for k, x in enumerate(self._fixed)]

    def __call__(self, s: Any) -> tuple[Any, ...]:
        """Coupling at s, its first two derivatives by s, and its rounding error."""
        c, slope, bend, size = self.formulas.evaluated(self._function, s, self._fixed)
        return float(c), float(slope), float(bend), _ROUNDING * float(size)

    @cached_property
    def folds(self) -> list[float]:
        """s at the extrema of the coupling, increasing."""
        terms = [(e, float(coefficient(*self._fixed))) for e, coefficient in self._extrema]
        found = []
        for m in roots_in_unit_interval(terms):
            s = m / (1 - m)
            for _ in range(3):  # what 1 - m has lost near 1
                _, slope, bend, _ = self(s)
                step = slope / bend if bend else 0.0
                s = s - step if abs(step) < 0.1 * s else s
            found.append(s)
        return found

    @cached_property
    def onset(self) -> float | None:
        """The coupling at which the state without signal loses stability; None if this one does not decide.

        It may be negative; the lowest order of the growth of a little signal that is there decides.
        """
        rest, whole = (self.formulas.growth(self.couplings(x)) for x in (0.0, 1.0))
        order = next((k for k, x in enumerate(rest) if x != 0 or whole[k] != 0), None)
        if order is None or whole[order] == rest[order]:
            return None
        return rest[order] / (rest[order] - whole[order])

    @cached_property
    def branches(self) -> list[CouplingBranch]:
        """All monotone pieces, from s = 0 to infinity."""
        start = _FARTHEST[0]
        while not self(start)[3] < 1e-3 * abs(self(start)[0]) and start < 1e-3:
            start *= 10  # the other couplings alone make the state without signal marginal: lower orders cancel
        marks = [start, *self.folds, _FARTHEST[1]]
        exact = self.onset  # where it exists, lower orders may have cancelled in the curve's own value
        values = [self(start)[0] if exact is None else exact, *(self(s)[0] for s in marks[1:])]
        found = [CouplingBranch(*ends) for ends in zip(marks[:-1], marks[1:], values[:-1], values[1:], strict=True)]
        return [replace(found[0], blur=2 * _EPS * abs(values[0]) if np.isfinite(values[0]) else 0.0), *found[1:]]

    def on(self, branch: CouplingBranch, coupling: float) -> float:
        """S of the state on a branch at a coupling that it holds."""
        def gap(x: float) -> float:
            return self(np.exp(x))[0] - coupling

        low, high = np.log(branch.low), np.log(branch.high)
        ends = gap(low), gap(high)
        if not (np.sign(ends[0]) * np.sign(ends[1]) < 0):
            return branch.low if abs(ends[0]) < abs(ends[1]) else branch.high
        s = float(np.exp(brentq(gap, low, high, xtol=1e-15, rtol=8.9e-16, maxiter=500)))
        c, slope, _, _ = self(s)
        step = (c - coupling) / slope if slope else 0.0
        return s - step if abs(step) < 1e-9 * s else s

    def uninformed_is_stable(self, coupling: float) -> bool:
        """Whether the state without signal is stable."""
        return not self.formulas.grows(self.couplings(coupling))

    def states(self, coupling: float) -> list[tuple[float, bool]]:
        """All fixed points at a coupling: (s, stable), s increasing, s = 0 first."""
        found = [(0.0, self.uninformed_is_stable(coupling))]
        return found + [(self.on(b, coupling), b.stable) for b in self.branches if b.holds(coupling)]

    def free_entropy(self, s: float, coupling: float) -> tuple[float, float]:
        """Free entropy and its error at s."""
        if s == 0:
            return 0.0, 0.0
        found = self.formulas.at(s, self.couplings(coupling))
        return float(found["free_entropy"]), float(found["free_entropy_error"])
