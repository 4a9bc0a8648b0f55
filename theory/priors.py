"""Priors of one component x of the signal.

Most are finite mixtures of Gaussians with variances that may be zero and state their components; others are known by
their density.  What follows from either is in :mod:`spinodal.theory.prior_law`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from .evidence import EvidenceMean, Law, information, u
from .parameters import Parametrised, number, positive, probability
from .prior_law import DensityLaw, MixtureLaw, WrappedDistribution

__all__ = [
    "Bernoulli", "DensityLaw", "Discrete", "GaussBernoulli", "Gaussian", "GaussianMixture", "Laplace", "MixtureLaw",
    "Prior", "Rademacher", "SciPyPrior", "SparseRademacher",
]

Component = tuple[sp.Expr, sp.Expr, sp.Expr]


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
        """E x; zero where its terms cancel, as fractions or to rounding."""
        terms = [w * mu for w, mu, _ in self.components]
        total = sp.cancel(sp.Add(*terms)) if any(term.free_symbols for term in terms) else sp.Add(*terms)
        if total.is_Float and abs(total) <= _ROUNDING * max(map(abs, terms)):
            return sp.S.Zero
        return total

    @property
    def uninformed_overlap(self) -> sp.Expr:
        """Overlap that is known without observations: (E x)^2."""
        return self.first_moment**2

    @property
    def susceptibility(self) -> sp.Expr:
        """-d mmse/dA at A = 0: how much a faint observation tells."""
        return (self.second_moment - self.first_moment**2) ** 2

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

    def log_evidence(self, A: Any) -> sp.Expr:
        """E log Z(A, B), in the order parameters of the prior if it has some."""
        return EvidenceMean(u[0], self.law, A)

    @property
    def order_parameters(self) -> tuple[sp.Symbol, ...]:
        """Order parameters that the prior brings to a model, besides the overlap with its signal."""
        return ()

    @property
    def known_order_parameters(self) -> dict[sp.Symbol, sp.Expr]:
        """Those where the signal is known."""
        return {}

    @property
    def exact_state(self) -> tuple[sp.Expr, dict[sp.Symbol, sp.Expr]] | None:
        """Entropy and order parameters of a state in which the signal is known at any noise; None if there is none."""
        return None

    def order_parameters_at(self, A: Any) -> dict[sp.Symbol, sp.Expr]:
        """Those at precision A."""
        return {}


_ROUNDING = 8 * 2.0**-53  # relative to the largest term: a mean this small is none


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
