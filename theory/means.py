r"""Gaussian averages as unevaluated expressions that differentiate exactly.

``GaussianMean(f, h, mean, variance)`` is E f(h), h ~ N(mean, variance).  It is closed under
differentiation and never produces 1/sqrt(variance):

.. math:: \frac{d}{dt} E f = E\,\partial_t f + \dot\mu_i\, E\,\partial_i f + \tfrac12 \dot C_{ij}\, E\,\partial_{ij} f.

Jointly Gaussian fields take tuples and a covariance matrix; nested fields are averages inside averages; a
mixture of Gaussians takes ``components``.  Every saddle point, Jacobian and stability matrix is a sum of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp

from .special import LogInterval, normal_density

__all__ = ["GaussianMean", "Let", "WrittenMean"]

_LINE = (-sp.oo, sp.oo)


class Let(sp.Expr):
    """An expression in symbols that are bound, in order, to other expressions: ``body`` where name = value, ...

    A log-partition and its derivatives are long, a moment of them is short; named once, the long ones are never
    copied, by SymPy or by the compiled code.
    """

    is_commutative = True
    _eval_is_real = lambda self: True  # noqa: E731

    def __new__(cls, body: Any, bindings: Iterable[tuple[sp.Symbol, Any]]):
        return super().__new__(cls, sp.sympify(body), sp.Tuple(*(sp.Tuple(*pair) for pair in bindings)))

    body = property(lambda self: self.args[0])
    bindings = property(lambda self: self.args[1])

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        free = set(self.body.free_symbols)
        for name, value in reversed(self.bindings):
            if name in free:
                free = (free - {name}) | value.free_symbols
        return free

    def expand_bindings(self, expr: sp.Expr) -> sp.Expr:
        """Write the bound names in `expr` out."""
        for name, value in reversed(self.bindings):
            expr = expr.xreplace({name: value})
        return expr

    def _eval_subs(self, old, new):
        return self if old in {name for name, _ in self.bindings} else None

    def _eval_derivative(self, t):
        return self.expand_bindings(self.body).diff(t)

    def doit(self, **hints):
        return self


class WrittenMean(sp.Expr):
    """An average with rules of its own for derivatives, which ``doit`` writes in closed form or as ``GaussianMean``."""

    is_commutative = True
    _eval_is_real = lambda self: True  # noqa: E731


class GaussianMean(sp.Expr):
    """E f(h) under a Gaussian law, or a mixture of Gaussian laws, of one or several fields.

    Parameters
    ----------
    f : sympy expression
        The integrand.
    h : Symbol or tuple of Symbol
        The field or fields, bound by the average.
    mean : expression or tuple
        Mean of each field.
    variance : expression or matrix
        Variance of one field, or covariance matrix of several.
    weight : expression
        Factor of the Gaussian law; it may depend on the fields (the mixture's other components follow in
        `components`).
    components : sequence of (weight, mean, variance), optional
        A mixture of laws, in place of `mean`, `variance` and `weight`: E f = sum_k E_k[weight_k f].
    domain : (lower, upper)
        For one field: the average is of f restricted to this interval (not renormalised).  Its ends must not
        depend on a variable of differentiation.

    Raises
    ------
    ValueError
        If the shapes of fields, means and variances disagree, or a domain is given for several fields.
    """

    is_commutative = True
    _eval_is_real = lambda self: True  # noqa: E731

    def __new__(
        cls,
        f: Any,
        h: Any,
        mean: Any = 0,
        variance: Any = 1,
        *,
        weight: Any = 1,
        components: Iterable[Sequence[Any]] | None = None,
        domain: tuple[Any, Any] = _LINE,
    ):
        f = sp.sympify(f)
        fields = sp.Tuple(*h) if isinstance(h, (tuple, list, sp.Tuple)) else sp.Tuple(h)
        if not all(isinstance(field, sp.Symbol) for field in fields):
            raise ValueError(f"h = {h!r}: the fields of a GaussianMean are symbols, sympy.Symbol('h')")
        laws = [(weight, mean, variance)] if components is None else list(components)
        laws = [cls._law(len(fields), *law) for law in laws]
        ends = sp.Tuple(*map(sp.sympify, domain))
        if len(fields) > 1 and tuple(ends) != _LINE:
            raise ValueError(f"domain = {domain!r}: only a single field can be restricted to an interval")
        if f.is_zero:
            return sp.S.Zero
        return super().__new__(cls, f, fields, sp.Tuple(*laws), ends)

    @staticmethod
    def _law(dimension: int, weight: Any, mean: Any, variance: Any) -> sp.Tuple:
        means = sp.Tuple(*mean) if isinstance(mean, (tuple, list, sp.Tuple)) else sp.Tuple(mean)
        is_matrix = isinstance(variance, (list, tuple, sp.MatrixBase))
        covariance = sp.ImmutableMatrix(variance if is_matrix else [[variance]])
        if len(means) != dimension or covariance.shape != (dimension, dimension):
            raise ValueError(
                f"mean = {mean!r}, variance = {variance!r}: {dimension} field(s) need {dimension} mean(s) "
                f"and a {dimension} x {dimension} covariance"
            )
        return sp.Tuple(sp.sympify(weight), means, covariance)

    @property
    def func(self):
        """Rebuild from ``args``, as SymPy's traversals do."""
        return GaussianMean._from_args

    @staticmethod
    def _from_args(f, fields, laws, domain):
        components = [(weight, tuple(means), covariance) for weight, means, covariance in laws]
        return GaussianMean(f, tuple(fields), components=components, domain=tuple(domain))

    f = property(lambda self: self.args[0])
    fields = property(lambda self: self.args[1])
    laws = property(lambda self: self.args[2])
    domain = property(lambda self: self.args[3])

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        bound = set(self.fields)
        free = (self.f.free_symbols | self.domain.free_symbols) - bound
        for weight, means, covariance in self.laws:
            free |= (weight.free_symbols - bound) | means.free_symbols | covariance.free_symbols
        return free

    bound_symbols = property(lambda self: list(self.fields))

    def _eval_subs(self, old, new):
        if old in set(self.fields):
            return self
        captured = {h: sp.Dummy(h.name, **h.assumptions0) for h in self.fields if sp.sympify(new).has(h)}
        return self.xreplace(captured).subs(old, new) if captured else None

    def _with(self, f: sp.Expr, law: sp.Tuple) -> sp.Expr:
        """E_law[weight f] with the weight folded into f (as the terms of a derivative need it)."""
        return GaussianMean(f, tuple(self.fields), components=[(1, law[1], law[2])], domain=tuple(self.domain))

    def _eval_derivative(self, t):
        if t in set(self.fields):
            return sp.S.Zero
        if self.domain.has(t):
            raise ValueError(f"{t}: the ends of the domain {tuple(self.domain)} must not depend on it")
        weights_fixed = all(not law[0].has(t) and not law[0].has(*self.fields) for law in self.laws)
        total = sp.S.Zero
        if weights_fixed:
            total += GaussianMean(
                self.f.diff(t), tuple(self.fields), components=self.laws, domain=tuple(self.domain)
            )
        for law in self.laws:
            weight, means, covariance = law
            f = weight * (self.f.expand_bindings(self.f.body) if isinstance(self.f, Let) else self.f)
            if not weights_fixed:
                total += self._with(f.diff(t), law)
            shift, spread = [mean.diff(t) for mean in means], covariance.diff(t)
            if tuple(self.domain) == _LINE:
                total += self._flow(f, law, shift, spread)
            else:  # the heat equation would leave boundary terms: differentiate the density instead
                score = (self.fields[0] - means[0]) / covariance[0, 0]
                total += shift[0] * self._with(score * f, law)
                total += spread[0, 0] / 2 * self._with((score**2 - 1 / covariance[0, 0]) * f, law)
        return total

    def _flow(self, f: sp.Expr, law: sp.Tuple, shift: list[sp.Expr], spread: sp.MatrixBase) -> sp.Expr:
        total = sp.S.Zero
        for i, h in enumerate(self.fields):
            if shift[i] != 0:
                total += shift[i] * self._with(f.diff(h), law)
            for j, k in enumerate(self.fields):
                if spread[i, j] != 0:
                    total += spread[i, j] / 2 * self._with(f.diff(h, k), law)
        return total

    def doit(self, **hints: Any) -> sp.Expr:
        """Evaluate in closed form what can be: averages of polynomials, laws without variance."""
        f = self.f.doit(**hints) if hints.get("deep", True) else self.f
        if len(self.fields) > 1:
            return GaussianMean(f, tuple(self.fields), components=self.laws, domain=tuple(self.domain))
        (h,) = self.fields
        done, left = sp.S.Zero, []
        for weight, (mean,), covariance in self.laws:
            variance, value = covariance[0, 0], weight * f
            if variance.is_zero and tuple(self.domain) == _LINE:
                value = f.expand_bindings(f.body) if isinstance(f, Let) else f
                done += (weight * value).subs(h, mean)
            elif not value.has(GaussianMean, Let) and value.is_polynomial(h):
                done += _polynomial_mean(sp.Poly(value, h), mean, variance, tuple(self.domain))
            else:
                left.append((weight, mean, variance))
        return done + (GaussianMean(f, h, components=left, domain=tuple(self.domain)) if left else 0)

    def as_nested(self) -> sp.Expr:
        """Rewrite jointly Gaussian fields as nested averages over independent standard fields."""
        if len(self.fields) == 1:
            return self
        total = sp.S.Zero
        for weight, means, covariance in self.laws:
            normal = [sp.Dummy(f"z_{h.name}", real=True) for h in self.fields]
            factor = _cholesky(covariance)
            value = {h: mean + (factor * sp.Matrix(normal))[i]
                     for i, (h, mean) in enumerate(zip(self.fields, means, strict=True))}
            inner = (weight * self.f).subs(value, simultaneous=True)
            for z in reversed(normal):
                inner = GaussianMean(inner, z, 0, 1)
            total += inner
        return total

    def _latex(self, printer):
        names = [printer._print(h) for h in self.fields]
        laws = []
        for weight, means, covariance in self.laws:
            one = len(names) == 1
            mean = printer._print(means[0] if one else sp.Matrix(means))
            variance = printer._print(covariance[0, 0] if one else covariance)
            factor = "" if weight == 1 else printer._print(weight) + r"\,"
            laws.append(rf"{factor}\mathcal{{N}}\left({mean},{variance}\right)")
        name = names[0] if len(names) == 1 else rf"({','.join(names)})"
        if tuple(self.domain) != _LINE:
            name += rf"\in\left({','.join(printer._print(x) for x in self.domain)}\right),\," + name
        return rf"\mathbb{{E}}_{{{name}\sim {'+'.join(laws)}}}\left[{printer._print(self.f)}\right]"

    def _sympystr(self, printer):
        laws = " + ".join(
            ("" if weight == 1 else f"({printer._print(weight)})*")
            + f"N({', '.join(map(printer._print, means))}; {', '.join(map(printer._print, covariance))})"
            for weight, means, covariance in self.laws
        )
        names = ", ".join(map(printer._print, self.fields))
        where = "" if tuple(self.domain) == _LINE else f", {names} in {tuple(self.domain)}"
        return f"E[{printer._print(self.f)} | {names} ~ {laws}{where}]"


def _polynomial_mean(poly: sp.Poly, mean: sp.Expr, variance: sp.Expr, domain: tuple[Any, Any]) -> sp.Expr:
    """E[p(h) 1(domain)] for h ~ N(mean, variance), by the recursion of the truncated moments."""
    if domain == _LINE:
        moments = [sp.S.One, mean]
        for k in range(2, poly.degree() + 1):
            moments.append(mean * moments[-1] + (k - 1) * variance * moments[-2])
        return sp.Add(*(c * moments[k] for (k,), c in poly.terms()))
    scale = sp.sqrt(variance)
    low, high = ((end - mean) / scale if end.is_finite else end for end in map(sp.sympify, domain))

    def edge(x: sp.Expr, k: int) -> sp.Expr:
        return x**k * normal_density(x) if x.is_finite is not False else sp.S.Zero

    moments = [sp.exp(LogInterval(low, high)), edge(low, 0) - edge(high, 0)]
    for k in range(2, poly.degree() + 1):
        moments.append((k - 1) * moments[-2] + edge(low, k - 1) - edge(high, k - 1))
    return sp.Add(*(
        c * sp.Add(*(sp.binomial(k, j) * mean ** (k - j) * scale**j * moments[j] for j in range(k + 1)))
        for (k,), c in poly.terms()
    ))


def _cholesky(covariance: sp.MatrixBase) -> sp.MatrixBase:
    """Lower triangular L, L L^T = covariance; a field without variance of its own gets a zero column."""
    n = covariance.shape[0]
    factor = sp.zeros(n, n)
    for j in range(n):
        pivot = sp.sqrt(covariance[j, j] - sum(factor[j, k] ** 2 for k in range(j)))
        factor[j, j] = pivot
        for i in range(j + 1, n):
            rest = covariance[i, j] - sum(factor[i, k] * factor[j, k] for k in range(j))
            if rest != 0:
                factor[i, j] = sp.Piecewise((rest / pivot, pivot > 0), (0, True))
    return factor
