r"""Decimation: a matrix of extensive rank, taken apart one pattern at a time by an associative memory.

.. math:: Y = \frac{\xi\xi^T}{\sqrt N} + \sqrt\delta Z,

xi of N x P independent components of law P_xi with mean 0 and E xi^2 = 1, P = alpha N, Z symmetric with off-diagonal
variance 1.  After R = t P estimates eta, Y_R = Y - sum eta eta^T/sqrt(N), and the next one is drawn at inverse
temperature beta = 1/T from P_xi(x) exp(-beta E),

.. math:: -E(x|Y_R) = \frac{x^T Y_R x}{2\sqrt N} - \frac{|x|^4}{4N}.

(Camilli, Mezard, Phys. Rev. E 107, 064308 (2023), arXiv:2212.02105.)  Energies here are E/N as it stands: with the
diagonal of Y_R, which adds -alpha(1 - t)/2 and so on, and with the quartic term, which is +1/4 for |x|^2 = N.

Exact facts.  alpha = 0: the first step succeeds for delta < 2/pi (Rademacher, T = 0) and delta < 1 (any prior with
this transition continuous, beta = 1/delta, the Bayes-optimal spiked matrix).  Rademacher, T = 0, explicit: with x =
m/sqrt(2 s), m = erf x, chi = exp(-x^2)/sqrt(pi s), delta = s - alpha/(1 - chi)^2.

The free entropy is derived in `decimation_free_entropy`, its saddle point in `decimation_states`.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .decimation_free_entropy import DecimationEnsemble, alpha, beta, check_prior, delta, m, q, temperature, v
from .decimation_states import DecimationByTemperature
from .forms import Reciprocal
from .priors import Prior

__all__ = ["Decimation"]


@dataclass(frozen=True)
class Decimation(DecimationEnsemble):
    """Its first step; `decimation_flow` takes the others.  Controls alpha = P/N, delta, beta.

    beta is a number, ``inf`` (the state of least energy) or ``"nishimori"``, which is 1/delta.

    Parameters
    ----------
    prior : Prior
        A mixture of Gaussians with mean 0 and E xi^2 = 1.

    Raises
    ------
    TypeError, ValueError
        If it is no prior, or not such a one; the text names the cure.
    """

    prior: Prior

    solved_by = "reciprocal"

    def __post_init__(self) -> None:
        check_prior(self.prior)

    @property
    def own_controls(self):
        return (alpha, delta, beta)

    @property
    def free_entropy(self):
        return self.free_entropy_of(beta, [(alpha, sp.S.One)])

    @property
    def observables(self):
        """Overlap with the pattern, that of two replicas, E <x^2>, error of one component."""
        return {"overlap": m, "self_overlap": q, "second_moment": v, "mse": 1 - 2 * m + v}

    @property
    def reciprocal(self) -> Reciprocal:
        """By the temperature, which may be 0."""
        return Reciprocal(model=DecimationByTemperature(self.prior), inner=temperature.name, outer=beta.name,
                          words={"nishimori": DecimationByTemperature(self.prior, nishimori=True)}, infinite=True)
