r"""Evidence of one component x of the signal: of a mixture of Gaussians, or of a law known by its density.

A mixture sum_k w_k N(mu_k, s_k) seen through a Gaussian channel of precision A has the log-partition

.. math:: \log Z(A, B) = \log E_x e^{B x - A x^2/2}
          = \log \sum_k w_k (1 + A s_k)^{-1/2}
            \exp\frac{s_k B^2 + 2 \mu_k B - A \mu_k^2}{2 (1 + A s_k)},

posterior mean f_a = d log Z/dB and variance f_v = d^2 log Z/dB^2; under the model B ~ sum_k w_k N(A mu_k, A + A^2 s_k).
Mutual information of x with B: I(A) = -E log[sqrt(2 pi A) p(B)] - 1/2 nats, dI/dA = mmse/2.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from .evidence import Law, bind_log_sum, cumulants, information, u
from .means import GaussianMean, Let
from .parameters import formula_symbol
from .special import LogSumExp, PosteriorFunction

__all__ = ["DensityLaw", "MixtureLaw", "WrappedDistribution"]

_B = formula_symbol("B")


class MixtureLaw(Law):
    """Evidence of a Gaussian mixture prior; ``args`` are the tuples of weights, means and variances."""

    direction = -1
    symbol = "x"

    components = property(lambda self: tuple(zip(*self.args, strict=True)))

    def log_partition(self, precision: sp.Expr, b: sp.Expr) -> sp.Expr:
        """Return log Z(A, B)."""
        return LogSumExp(*(
            sp.log(w) - sp.log(1 + precision * s) / 2
            + (s * b**2 + 2 * mu * b - precision * mu**2) / (2 * (1 + precision * s))
            for w, mu, s in self.components
        ))

    def evidence_terms(self, precision: sp.Expr, b: sp.Expr) -> list[sp.Expr]:
        """Logarithms of the terms of sqrt(2 pi A) p(B): squares are complete, so nothing large cancels."""
        return [
            sp.log(w) - sp.log(1 + precision * s) / 2
            - (b - precision * mu) ** 2 / (2 * precision * (1 + precision * s))
            for w, mu, s in self.components
        ]

    def _posteriors(self, precision: sp.Expr, b: sp.Expr) -> tuple[list[sp.Expr], list[sp.Expr]]:
        """Posterior mean and variance of x given B, within each component."""
        means = [(mu + s * b) / (1 + precision * s) for _, mu, s in self.components]
        return means, [s / (1 + precision * s) for _, _, s in self.components]

    def posterior(self, precision: sp.Expr, b: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
        """Return the posterior mean, variance and third cumulant of x given B."""
        total = LogSumExp(*(terms := self.evidence_terms(precision, b)))
        weights = [sp.exp(term - total) for term in terms] if len(terms) > 1 else [sp.S.One]
        means, variances = self._posteriors(precision, b)
        return cumulants(weights, means, variances, [sp.S.Zero] * len(means))

    def average(self, moment, *times):
        (precision,) = times
        terms = self.evidence_terms(precision, _B)
        means, variances = self._posteriors(precision, _B)
        bindings = bind_log_sum(terms, means, variances, [sp.S.Zero] * len(means))
        # u_0 is bound to log[sqrt(2 pi A) p(B)] = log Z - B^2/(2 A): nothing large cancels in the information
        moment = moment.subs(u[0], u[0] + _B**2 / (2 * precision)).subs(information, -u[0] - sp.Rational(1, 2))
        laws = [(w, precision * mu, precision + precision**2 * s) for w, mu, s in self.components]
        integrand = moment.subs(dict(bindings)) if len(terms) == 1 else Let(moment, bindings)
        return GaussianMean(integrand, _B, components=laws)


class DensityLaw(Law):
    """Evidence of a law known by its density, scaled by a parameter; averages go through quadrature.

    ``args`` are the wrapped distribution and the scale: x = scale t, t of that distribution, so that the cumulants
    of x at precision A are scale^n those of t at precision A scale^2.
    """

    direction = -1
    symbol = "x"

    def _functions(self, precision: sp.Expr) -> list[sp.Expr]:
        wrapped, scale = self.args
        unit = precision * scale**2
        standard = _B / sp.sqrt(precision)
        landmarks = [standard - sp.sqrt(unit) * sp.Float(x) for x in wrapped.landmarks]
        return [scale**n * wrapped.function(sp.Integer(n), unit, standard, *landmarks) for n in range(4)]

    def average(self, moment, *times):
        (precision,) = times
        wrapped, scale = self.args
        log_evidence, *posterior = self._functions(precision)
        bindings = list(zip(u[:4], (log_evidence, *posterior), strict=True))
        moment = moment.subs(u[0], u[0] + _B**2 / (2 * precision)).subs(information, -u[0] - sp.Rational(1, 2))
        centre, spread = sp.Float(wrapped.centre) * scale, sp.Float(wrapped.spread) * scale
        # B is averaged over a Gaussian that is wide enough for the tails, weighted to the law that it has
        mean, variance = precision * centre, precision + precision**2 * spread**2
        weight = sp.exp(log_evidence - sp.log(precision) / 2 + sp.log(variance) / 2 + (_B - mean) ** 2 / (2 * variance))
        return GaussianMean(Let(moment, bindings), _B, mean, variance, weight=weight)


class WrappedDistribution(sp.Atom):
    """A frozen ``scipy.stats`` law as a SymPy atom, with the landmarks of its density."""

    def __new__(cls, distribution: Any, kinks: tuple[float, ...]):
        self = super().__new__(cls)
        self.distribution, self.kinks = distribution, kinks
        name = f"Posterior_{distribution.dist.name}_{abs(hash(self._hashable_content())):x}"
        self.function = type(name, (PosteriorFunction,), {"distribution": distribution, "kinks": kinks})
        low, high = distribution.support()
        self.landmarks = tuple(float(x) for x in (low, *kinks, high) if abs(x) != sp.oo)
        self.centre = float(distribution.mean())
        # the window of 9 standard deviations of the average reaches where 1e-18 of the law is left
        tails = float(distribution.ppf(1e-18)), float(distribution.isf(1e-18))
        reach = max(abs(tail - self.centre) for tail in tails)
        self.spread = max(float(distribution.std()), reach / 9)
        return self

    def _hashable_content(self):
        frozen = self.distribution
        return frozen.dist.name, tuple(frozen.args), tuple(sorted(frozen.kwds.items())), self.kinks
