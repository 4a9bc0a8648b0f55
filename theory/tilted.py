r"""Averages of one component whose prior is tilted by a field, P(x) exp((h x - a x^2/2)/T), over a Gaussian field.

Written in the cumulants k_n of x, the derivatives of log Z by B = h/T.  With A = a/T, d_A log Z = -(k_2 + k_1^2)/2, so

.. math:: \partial_h k_n = \frac{k_{n+1}}T, \qquad
          \partial_a k_n = -\frac1{2T}\Big[k_{n+2} + \sum_{j=0}^n \tbinom nj k_{1+j} k_{1+n-j}\Big],

and with h ~ N(mean, variance), dE F = dmean E F' + dvariance/2 E F'': averages of polynomials in cumulants are closed
under differentiation by all that they contain but T.  At T = 0 x is the value of the prior's support at which h x - a
x^2/2 is largest, whatever its weight, and everything is written with the error function.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import sympy as sp

from .evidence import cumulants
from .means import GaussianMean, Let, WrittenMean
from .parameters import formula_symbol
from .special import LogSumExp, normal_density

__all__ = ["Component", "TiltedMean", "choice_in_field", "k", "log_partition_terms", "relative_entropy"]

Component = tuple[sp.Expr, sp.Expr, sp.Expr]

_ORDER = 5
k = (None, *(formula_symbol(f"_k{n}") for n in range(1, _ORDER)))  #: cumulants of x, by order
#: minus the Kullback-Leibler divergence of the tilted law from the prior, in nats
relative_entropy = formula_symbol("_relative_entropy")
_h, _total = map(formula_symbol, ("h", "_total"))


def log_partition_terms(components: Sequence[Component], A: sp.Expr, B: sp.Expr) -> list[sp.Expr]:
    """Logarithms of the terms of E_x exp(B x - A x^2/2), one of each component of the prior."""
    return [sp.log(w) - sp.log(1 + A * s) / 2 + (s * B**2 + 2 * mu * B - A * mu**2) / (2 * (1 + A * s))
            for w, mu, s in components]


class TiltedMean(WrittenMean):
    """E F(k_1, k_2, ...) over h ~ N(mean, variance).

    Parameters
    ----------
    moment : polynomial in ``k[n]``, or ``relative_entropy``
    components : the prior, a sequence of (weight, mean, variance)
    mean, variance : expressions
        Of the field.
    curvature : expression
        a.
    temperature : expression
        T > 0.
    """

    def __new__(cls, moment: Any, components: Any, mean: Any, variance: Any, curvature: Any, temperature: Any):
        moment = sp.expand(sp.sympify(moment))
        if not moment.has(relative_entropy, *k[1:]):
            return moment
        prior = sp.Tuple(*(sp.Tuple(*map(sp.sympify, one)) for one in components))
        return super().__new__(cls, moment, prior, *map(sp.sympify, (mean, variance, curvature, temperature)))

    moment = property(lambda self: self.args[0])
    components = property(lambda self: self.args[1])
    temperature = property(lambda self: self.args[5])

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        return set().union(*(part.free_symbols for part in self.args[1:]))

    def _eval_derivative(self, t):
        _, components, mean, variance, curvature, temperature = self.args
        if temperature.has(t) or components.has(t) or self.moment.has(relative_entropy):
            raise NotImplementedError(f"an average over tilted priors is not differentiated by {t}")
        law, first = self.args[1:], _by_field(self.moment)
        return (mean.diff(t) * TiltedMean(first, *law) / temperature
                + variance.diff(t) / 2 * TiltedMean(_by_field(first), *law) / temperature**2
                - curvature.diff(t) / (2 * temperature) * TiltedMean(_by_precision(self.moment), *law))

    def doit(self, **hints):
        """Write the average as a ``GaussianMean``; over a field without variance, out."""
        _, components, mean, variance, curvature, temperature = self.args
        A, B = curvature / temperature, _h / temperature
        logs = log_partition_terms(components, A, B)
        names = [formula_symbol(f"_L{j}") for j in range(len(logs))]
        weights = [formula_symbol(f"_p{j}") for j in range(len(logs))]
        centres = [(mu + s * B) / (1 + A * s) for _, mu, s in components]
        spreads = [s / (1 + A * s) for _, _, s in components]
        first, second, third = cumulants(weights, centres, spreads, [sp.S.Zero] * len(logs))
        away = [centre - k[1] for centre in centres]
        fourth = sum(p * (3 * d**2 + 6 * d * e**2 + e**4)
                     for p, d, e in zip(weights, spreads, away, strict=True)) - 3 * k[2] ** 2
        bindings = [*zip(names, logs, strict=True), (_total, LogSumExp(*names)),
                    *((p, sp.exp(name - _total)) for p, name in zip(weights, names, strict=True)),
                    *zip(k[1:], (first, second, third, fourth), strict=True),
                    (relative_entropy, _total - B * k[1] + A * (k[2] + k[1] ** 2) / 2)]
        tilted = Let(self.moment, bindings)
        if variance == 0:
            return tilted.expand_bindings(self.moment).subs(_h, mean)
        return GaussianMean(tilted, _h, mean, variance)

    def _latex(self, printer):
        return rf"\mathbb{{E}}_h\left[{printer._print(self.moment)}\right]"

    def _sympystr(self, printer):
        return f"E_h[{printer._print(self.moment)}]"


def _by_field(moment: sp.Expr) -> sp.Expr:
    """T dF/dh."""
    return sp.Add(*(moment.diff(k[n]) * k[n + 1] for n in range(1, _ORDER - 1)), *_beyond(moment, 1))


def _by_precision(moment: sp.Expr) -> sp.Expr:
    """-2 T dF/da."""
    changes = (moment.diff(k[n]) * (k[n + 2] + sum(sp.binomial(n, j) * k[1 + j] * k[1 + n - j] for j in range(n + 1)))
               for n in range(1, _ORDER - 2))
    return sp.Add(*changes, *_beyond(moment, 2))


def _beyond(moment: sp.Expr, steps: int) -> tuple[sp.Expr, ...]:
    """Nothing, where all cumulants that a derivative needs are there.

    Raises
    ------
    NotImplementedError
    """
    if moment.has(*k[_ORDER - steps :]):
        raise NotImplementedError(f"{moment}: its derivative needs cumulants beyond order {_ORDER - 1}")
    return ()


def choice_in_field(components: Sequence[Component], mean: sp.Expr, variance: sp.Expr,
                    curvature: sp.Expr) -> dict[str, sp.Expr]:
    """Averages at T = 0 of x, which maximises h x - a x^2/2 over the prior's support, over h ~ N(mean, variance).

    Returns
    -------
    dict
        ``magnetisation`` E x, ``square`` E x^2, ``susceptibility`` E dx/dh, ``relative_entropy`` E log P(x), which is
        -oo where x has a density.  A field without variance is a number, and x the atom at mean/a.
    """
    if any(s != 0 for _, _, s in components):  # the support is the line
        return {"magnetisation": mean / curvature, "square": (variance + mean**2) / curvature**2,
                "susceptibility": 1 / curvature, "relative_entropy": -sp.oo}
    atoms = _in_order(components)
    if variance == 0:
        place = mean.subs(dict.fromkeys(mean.free_symbols, 1))  # that of the pattern: its strength is a positive symbol
        weight = next(w for w, mu, _ in atoms if sp.simplify(mu - place) == 0)
        return {"magnetisation": place, "square": place**2, "susceptibility": sp.S.Zero,
                "relative_entropy": sp.log(weight)}
    (_, lowest, _), (_, highest, _) = atoms[0], atoms[-1]
    width = sp.sqrt(variance)
    found = {"magnetisation": lowest, "square": lowest**2, "susceptibility": sp.S.Zero,
             "relative_entropy": sp.log(atoms[0][0])}
    for (w, x, _), (W, X, _) in itertools.pairwise(atoms):
        edge = curvature * (x + X) / 2
        if len(atoms) > 2:  # where a < 0 only the outermost atoms are ever chosen
            edge = sp.Piecewise((edge, curvature > 0), (curvature * (lowest + highest) / 2, True))
        above = sp.erfc((edge - mean) / (sp.sqrt(2) * width)) / 2
        found["magnetisation"] += (X - x) * above
        found["square"] += (X**2 - x**2) * above
        found["susceptibility"] += (X - x) * normal_density((edge - mean) / width) / width
        found["relative_entropy"] += (sp.log(W) - sp.log(w)) * above
    return found


def _in_order(components: Sequence[Component]) -> list[Component]:
    """Atoms from the lowest to the highest; of those that depend on symbols the order must not."""

    def place(one: Component) -> float:
        return float(one[1].subs(dict.fromkeys(one[1].free_symbols, sp.Rational(1, 3))))

    return sorted(components, key=place)
