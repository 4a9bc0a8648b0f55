r"""Priors of one component x of the signal, as finite mixtures of Gaussians with variances that may be zero.

A prior sum_k w_k N(mu_k, s_k) seen through a Gaussian channel of precision A has the log-partition

.. math:: \log Z(A, B) = \log E_x e^{B x - A x^2/2}
          = \log \sum_k w_k (1 + A s_k)^{-1/2}
            \exp\frac{s_k B^2 + 2 \mu_k B - A \mu_k^2}{2 (1 + A s_k)},

posterior mean f_a = d log Z/dB and variance f_v = d^2 log Z/dB^2; under the model B ~ sum_k w_k N(A mu_k, A + A^2 s_k).
Mutual information of x with B: I(A) = -E log[sqrt(2 pi A) p(B)] - 1/2 nats, dI/dA = mmse/2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from .evidence import EvidenceMean, Law, bind_log_sum, cumulants, information, u
from .means import GaussianMean, Let
from .parameters import Parametrised, formula_symbol, number, positive, probability
from .special import LogSumExp, PosteriorFunction

__all__ = [
    "Bernoulli", "DensityLaw", "Discrete", "GaussBernoulli", "Gaussian", "GaussianMixture", "Laplace", "MixtureLaw",
    "Prior", "Rademacher", "SciPyPrior", "SparseRademacher",
]

Component = tuple[sp.Expr, sp.Expr, sp.Expr]
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


class Prior(Parametrised):
    """Law of one component of the signal.  Subclasses state `components`, tuples (weight, mean, variance)."""

    def _check(self, **checked: sp.Expr) -> None:
        """Store checked parameters (the dataclass is frozen)."""
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def components(self) -> tuple[Component, ...]:
        """The mixture: (weight, mean, variance) of every component of nonzero weight."""
        raise NotImplementedError

    @property
    def law(self) -> Law:
        """The scalar problem whose averages are the overlap, the mmse and the mutual information."""
        kept = [c for c in self.components if not c[0].is_zero]
        return MixtureLaw(*(sp.Tuple(*column) for column in zip(*kept, strict=True)))

    def log_partition(self, A: Any, B: Any) -> sp.Expr:
        """Return log Z(A, B); its B-derivatives are the denoisers f_a, f_v of message passing."""
        return self.law.log_partition(sp.sympify(A), sp.sympify(B))

    def posterior(self, A: Any, B: Any) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
        """Return posterior mean f_a, variance f_v and third cumulant, in the form that keeps its digits."""
        return self.law.posterior(sp.sympify(A), sp.sympify(B))

    @property
    def first_moment(self) -> sp.Expr:
        """E x."""
        return sp.Add(*(w * mu for w, mu, _ in self.components))

    @property
    def second_moment(self) -> sp.Expr:
        """E x^2, the squared norm of the signal per component."""
        return sp.Add(*(w * (mu**2 + s) for w, mu, s in self.components))

    @property
    def continuous_weight(self) -> sp.Expr:
        """Probability that x is drawn from a density rather than from an atom."""
        return sp.Add(*(w for w, _, s in self.components if not s.is_zero))

    @property
    def entropy(self) -> sp.Expr:
        """Shannon entropy in nats of a discrete prior; infinite if there is a density."""
        if not self.continuous_weight.is_zero:
            return sp.oo
        atoms: dict[sp.Expr, sp.Expr] = {}
        for w, mu, _ in self.components:
            atoms[mu] = atoms.get(mu, sp.S.Zero) + w
        return -sp.Add(*(w * sp.log(w) for w in atoms.values() if not w.is_zero))

    def overlap(self, A: Any) -> sp.Expr:
        """E[f_a^2] at precision A."""
        return EvidenceMean(u[1] ** 2, self.law, A)

    def mmse(self, A: Any) -> sp.Expr:
        """E[f_v] at precision A."""
        return EvidenceMean(u[2], self.law, A)

    def information(self, A: Any) -> sp.Expr:
        """Mutual information in nats between x and its observation at precision A."""
        return EvidenceMean(information, self.law, A)


@dataclass(frozen=True)
class Gaussian(Prior):
    """N(mean, variance)."""

    mean: Any = 0
    variance: Any = field(default=1, kw_only=True)

    def __post_init__(self):
        self._check(
            mean=number("mean", self.mean),
            variance=positive("variance", self.variance, "a law without variance is Discrete([mean], [1])"),
        )

    @property
    def components(self):
        return ((sp.S.One, self.mean, self.variance),)


@dataclass(frozen=True)
class Rademacher(Prior):
    """+1 or -1 with probability 1/2."""

    @property
    def components(self):
        return ((sp.S.Half, sp.S.One, sp.S.Zero), (sp.S.Half, sp.S.NegativeOne, sp.S.Zero))


@dataclass(frozen=True)
class GaussBernoulli(Prior):
    """N(0, variance) with probability rho, else 0."""

    rho: Any
    variance: Any = field(default=1, kw_only=True)

    def __post_init__(self):
        self._check(rho=probability("rho", self.rho), variance=positive("variance", self.variance))

    @property
    def components(self):
        return ((1 - self.rho, sp.S.Zero, sp.S.Zero), (self.rho, sp.S.Zero, self.variance))


@dataclass(frozen=True)
class SparseRademacher(Prior):
    """+amplitude or -amplitude with probability rho/2 each, else 0."""

    rho: Any
    amplitude: Any = field(default=1, kw_only=True)

    def __post_init__(self):
        self._check(rho=probability("rho", self.rho), amplitude=positive("amplitude", self.amplitude))

    @property
    def components(self):
        half = self.rho / 2
        return ((1 - self.rho, sp.S.Zero, sp.S.Zero), (half, self.amplitude, sp.S.Zero),
                (half, -self.amplitude, sp.S.Zero))


@dataclass(frozen=True)
class Bernoulli(Prior):
    """1 with probability rho, else 0."""

    rho: Any

    def __post_init__(self):
        self._check(rho=probability("rho", self.rho))

    @property
    def components(self):
        return ((1 - self.rho, sp.S.Zero, sp.S.Zero), (self.rho, sp.S.One, sp.S.Zero))


@dataclass(frozen=True)
class GaussianMixture(Prior):
    """sum_k weights[k] N(means[k], variances[k]); a variance may be 0 (an atom)."""

    weights: Sequence[Any]
    means: Sequence[Any] = field(kw_only=True)
    variances: Sequence[Any] = field(kw_only=True)

    def __post_init__(self):
        columns = {name: tuple(getattr(self, name)) for name in ("weights", "means", "variances")}
        if len({len(column) for column in columns.values()}) != 1 or not columns["weights"]:
            sizes = ", ".join(f"{len(column)} {name}" for name, column in columns.items())
            raise ValueError(f"GaussianMixture got {sizes}: give equally many of each, at least one")
        self._check(
            weights=_normalised("weights", columns["weights"]),
            means=tuple(number(f"means[{k}]", x) for k, x in enumerate(columns["means"])),
            variances=tuple(number(f"variances[{k}]", x, low=0.0) for k, x in enumerate(columns["variances"])),
        )
        if self.second_moment.is_zero:
            raise ValueError("the prior is concentrated at 0: there is no signal to infer; give it a nonzero atom")

    @property
    def components(self):
        return tuple(zip(self.weights, self.means, self.variances, strict=True))


@dataclass(frozen=True)
class Discrete(Prior):
    """values[k] with probability probabilities[k]."""

    values: Sequence[Any]
    probabilities: Sequence[Any]

    def __post_init__(self):
        values, weights = tuple(self.values), tuple(self.probabilities)
        if len(values) != len(weights) or not values:
            raise ValueError(
                f"Discrete got {len(values)} values and {len(weights)} probabilities: give equally many, at least one"
            )
        self._check(
            values=tuple(number(f"values[{k}]", x) for k, x in enumerate(values)),
            probabilities=_normalised("probabilities", weights),
        )
        if self.second_moment.is_zero:
            raise ValueError("the prior is concentrated at 0: there is no signal to infer; give it a nonzero value")

    @property
    def components(self):
        return tuple((w, x, sp.S.Zero) for x, w in zip(self.values, self.probabilities, strict=True))


class _DensityPrior(Prior):
    """A prior with a density of its own instead of components."""

    def _parts(self) -> tuple[Any, tuple[float, ...], sp.Expr]:
        """The frozen scipy law, the kinks of its density, and the scale."""
        raise NotImplementedError

    @property
    def law(self):
        distribution, kinks, scale = self._parts()
        return DensityLaw(WrappedDistribution(distribution, kinks), scale)

    def log_partition(self, A, B):
        raise NotImplementedError(f"{type(self).__name__} has no closed log-partition: use a mixture of Gaussians")

    def posterior(self, A, B):
        raise NotImplementedError(f"{type(self).__name__} has no closed posterior: use a mixture of Gaussians")

    @property
    def first_moment(self):
        distribution, _, scale = self._parts()
        mean = float(distribution.mean())
        return scale * sp.Float(mean) if abs(mean) > 1e-15 * float(distribution.std()) else sp.S.Zero

    @property
    def second_moment(self):
        distribution, _, scale = self._parts()
        return scale**2 * sp.Float(float(distribution.var() + distribution.mean() ** 2))

    @property
    def continuous_weight(self):
        return sp.S.One

    @property
    def entropy(self):
        return sp.oo


@dataclass(frozen=True)
class Laplace(_DensityPrior):
    """Density exp(-|x|/scale)/(2 scale)."""

    scale: Any

    def __post_init__(self):
        self._check(scale=positive("scale", self.scale))

    def _parts(self):
        from scipy import stats

        return stats.laplace(), (0.0,), self.scale


@dataclass(frozen=True)
class SciPyPrior(_DensityPrior):
    """A frozen continuous ``scipy.stats`` law, for instance ``SciPyPrior(scipy.stats.logistic())``.

    Parameters
    ----------
    distribution : frozen continuous law of finite variance
    kinks : points inside its support where the density is not smooth
    """

    distribution: Any
    kinks: Sequence[float] = field(default=(), kw_only=True)

    def __post_init__(self):
        if not hasattr(self.distribution, "logpdf") or not hasattr(self.distribution, "dist"):
            raise TypeError(
                f"distribution = {self.distribution!r} is not a frozen continuous scipy.stats law: "
                "call one with its parameters, such as scipy.stats.logistic()"
            )
        variance = float(self.distribution.var())
        if not 0 < variance < float("inf"):
            raise ValueError(f"distribution has variance {variance}: a prior needs a finite, positive one")
        self._check(kinks=tuple(map(float, self.kinks)))

    def _parts(self):
        return self.distribution, tuple(self.kinks), sp.S.One


def _normalised(name: str, weights: Sequence[Any]) -> tuple[sp.Expr, ...]:
    checked = tuple(number(f"{name}[{k}]", w, low=0.0, high=1.0) for k, w in enumerate(weights))
    total = sp.Add(*checked)
    if not total.free_symbols and abs(total - 1) > 1e-12:
        raise ValueError(f"{name} add up to {total}: divide them by their sum")
    return checked
