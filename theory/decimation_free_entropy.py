r"""The free entropy of decimation, at one step of it, and which priors it takes.

**Free entropy**, +log Z per component, in nats.  m is the overlap with the pattern that is retrieved, q that of two
replicas, v = <|x|^2>/N, r and u their conjugates, C = v - q.  The noise Z gives exp(beta^2 delta N q_ab^2/4); each
pattern not yet found contributes det(1 - beta Q)^(-1/2); each one found at time tau, the pair (xi.x, eta.x)/sqrt(N)
with covariance [[1, m], [m, v]] x Q, weighted by beta((xi.x)^2 - (eta.x)^2)/2N: det(1 - beta lambda Q)^(-1/2) for the
two eigenvalues lambda of [[1, -m], [m, -v]], all taken at tau.  They are real, since 2 m <= 2 sqrt(v) <= 1 + v, of
opposite signs, and at most 1; for x = +-1, lambda = +-sqrt(1 - m^2).  Replica symmetry, the limit of no replicas:

.. math:: \Phi = \frac{uv + rq}2 - \frac{\beta m^2}2 - \frac{\beta v^2}4 + \frac{\beta^2\delta}4(v^2 - q^2)
   - \frac{\alpha(1-t)}2 \ell(1) - \frac\alpha2 \int_0^t \sum_\pm \ell(\lambda_\pm(\tau)) d\tau
   + E \ln\int dP(x)\, e^{(\sqrt r z + \beta m \xi) x - (u + r) x^2/2}, \qquad
   \ell(\lambda) = \ln(1 - \beta\lambda C) - \frac{\beta\lambda q}{1 - \beta\lambda C}.

The estimates are taken to know the noise and the other patterns only through what they overlap with: their own
correlations with Z are left out, as in the reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import sympy as sp

from .means import GaussianMean
from .model import Model
from .parameters import formula_symbol, symbol
from .priors import Prior
from .special import LogSumExp
from .tilted import Component, choice_in_field, log_partition_terms

__all__ = ["DecimationEnsemble", "Mode", "check_prior", "free_energy_functional", "mode_energy", "pair_energy"]

alpha, m = map(formula_symbol, ("alpha", "m"))
delta, beta, temperature, q, v, r, u = map(symbol, ("delta", "beta", "temperature", "q", "v", "r", "u"))
# unknowns that stay finite at T = 0: noise of the field, curvature, susceptibility
s, a, chi = map(formula_symbol, ("_s", "_a", "_chi"))
_h = formula_symbol("h")

Mode = tuple[sp.Expr, sp.Expr]  # (weight, lambda)

_SAMPLES = (sp.Rational(1, 7), sp.Rational(1, 3), sp.Rational(4, 5))  # of symbols, at which a prior is checked
_UNIT = 1e-9


class DecimationEnsemble(Model):
    """What is the same whichever control says the temperature."""

    prior: Prior

    title = "decimation of a matrix of extensive rank"
    units = ("+log Z per component, in nats, relative to the prior; energies E/N with the diagonal of the matrix and "
             "the quartic term |x|^4/(4 N), which is +1/4 where |x|^2 = N")
    boundary_words = MappingProxyType({
        "spinodal informative": "the first step retrieves a pattern below",
        "first_order equilibrium": "retrieval is the equilibrium below",
        "continuous uninformative": "the state without a pattern becomes unstable",
        "replicon informative": "replica symmetry breaks in retrieval",
        "continuous informative": "retrieval becomes unstable",
    })
    references = (
        "Camilli, Mezard, Phys. Rev. E 107, 064308 (2023), arXiv:2212.02105",
        "Camilli, Mezard, arXiv:2307.16564 (2023)",
    )

    @property
    def order_parameters(self):
        """Overlap with the pattern, overlap of two replicas, <|x|^2>/N, and the conjugates of the last two."""
        return (m, q, v, r, u)

    @property
    def linear_control(self):
        """States are followed along the noise."""
        return delta

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """Of the prior, as tuples (weight, mean, variance)."""
        return tuple((w, mu, variance) for w, mu, variance in self.prior.components if not sp.sympify(w).is_zero)

    @property
    def has_density(self) -> bool:
        """Whether x can be anything at T = 0."""
        return any(variance != 0 for *_, variance in self.components)

    @cached_property
    def is_symmetric(self) -> bool:
        """Whether x and -x have the same law."""
        return all((w, -mu, variance) in self.components for w, mu, variance in self.components)

    @cached_property
    def is_binary(self) -> bool:
        """Whether x = +-1, so that x^2 does not fluctuate."""
        return {(w, mu, variance) for w, mu, variance in self.components} == {
            (sp.S.Half, sp.S.One, sp.S.Zero), (sp.S.Half, sp.S.NegativeOne, sp.S.Zero)}

    @cached_property
    def patterns(self) -> tuple[Component, ...]:
        """The law of xi; of a symmetric one the half that matters, where all averages are even."""
        if not self.is_symmetric:
            return self.components
        return tuple((w if mu == 0 else 2 * w, mu, variance) for w, mu, variance in self.components
                     if not _is_negative(mu))

    def free_entropy_of(self, beta: sp.Expr, modes: Sequence[Mode]) -> sp.Expr:
        """Phi as it is printed, at an inverse temperature, with modes (weight, lambda)."""
        C, A = v - q, u + r
        laws = [(w, beta * m * mu, r + (beta * m) ** 2 * variance) for w, mu, variance in self.patterns]
        site = GaussianMean(LogSumExp(*log_partition_terms(self.components, A, _h)), _h, components=laws)
        noise = sum((weight * (sp.log(1 - beta * gain * C) - beta * gain * q / (1 - beta * gain * C))
                     for weight, gain in modes), sp.S.Zero)
        return ((u * v + r * q) / 2 - beta * m**2 / 2 - beta * v**2 / 4 + beta**2 * delta * (v**2 - q**2) / 4
                - noise / 2 + site)


def check_prior(prior: Any) -> None:
    """Refuse what is no prior, is not a mixture, is not centred, or has no unit variance.

    Raises
    ------
    TypeError, ValueError
    """
    if not isinstance(prior, Prior):
        raise TypeError(f"prior = {prior!r} is not a prior: give one such as Rademacher()")
    try:
        components = prior.components
    except NotImplementedError:
        raise ValueError(f"prior = {prior!r} is known by its density only: give a mixture of Gaussians, such as "
                         "GaussianMixture(weights, means=..., variances=...)") from None
    names = set().union(*(sp.sympify(x).free_symbols for one in components for x in one))
    for sample in _SAMPLES if names else (sp.S.Zero,):
        at = dict.fromkeys(names, sample)
        first, second = (float(sp.sympify(x).subs(at)) for x in (prior.first_moment, prior.second_moment))
        if abs(first) > _UNIT:
            raise ValueError(f"prior = {prior!r} has mean {first:g}: patterns are centred; subtract the mean from its "
                             "values")
        if abs(second - 1) > _UNIT:
            raise ValueError(
                f"prior = {prior!r} has E xi^2 = {second:g}: patterns have E xi^2 = 1, divide its values by "
                f"{second**0.5:g} (SparseRademacher(rho, amplitude=rho**-0.5), GaussBernoulli(rho, variance=1/rho))")


def _is_negative(mu: sp.Expr) -> bool:
    return bool(float(mu.subs(dict.fromkeys(mu.free_symbols, sp.Rational(1, 3)))) < 0)


def mode_energy(gain: sp.Expr, T: sp.Expr) -> sp.Expr:
    """T times the term of one mode of unit weight in Phi, in (v, chi): regular at T = 0."""
    gap = 1 - gain * chi
    return gain * (v - T * chi) / (2 * gap) - (T * sp.log(gap) / 2 if T != 0 else 0)


def pair_energy(trace: sp.Expr, determinant: sp.Expr, T: sp.Expr) -> sp.Expr:
    """The same of both modes of a pattern that was found, from the trace and the determinant of [[1, -m], [m, -v]].

    prod (1 - lambda chi) = 1 - trace chi + determinant chi^2, and sum lambda/(1 - lambda chi) is minus the derivative
    of its logarithm: no eigenvalue is needed, nor the root in which they lose their digits where m is nearly 1.
    """
    gap = 1 - trace * chi + determinant * chi**2
    return (v - T * chi) * (trace - 2 * determinant * chi) / (2 * gap) - (T * sp.log(gap) / 2 if T != 0 else 0)


def free_energy_functional(model: DecimationEnsemble, T: sp.Expr, unfound: sp.Expr) -> sp.Expr:
    """T Phi without the patterns found, as a function of (m, v, chi, s, a), whose gradient the saddle point makes zero.

    Parameters
    ----------
    model : DecimationEnsemble
    T : expression
        May be 0.
    unfound : expression
        alpha (1 - t).
    """
    total = (a * v - s * chi) / 2 - m**2 / 2 - v**2 / 4 + delta * chi * (2 * v - T * chi) / 4
    total += unfound * mode_energy(sp.S.One, T)
    if T != 0:
        laws = [(w, m * mu, s + m**2 * variance) for w, mu, variance in model.patterns]
        terms = log_partition_terms(model.components, a / T, _h / T)
        return total + T * GaussianMean(LogSumExp(*terms), _h, components=laws)
    for w, mu, variance in model.patterns:
        found = choice_in_field(model.components, m * mu, s + m**2 * variance, a)
        # E h x by parts, less a E x^2/2
        aligned = m * mu * found["magnetisation"] + (s + m**2 * variance) * found["susceptibility"]
        total += w * (aligned - a * found["square"] / 2)
    return total
