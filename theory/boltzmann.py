"""The Hopfield model under its other name: a restricted Boltzmann machine with Gaussian hidden units."""

from __future__ import annotations

from .hopfield import Hopfield

__all__ = ["GaussianBernoulliRBM"]


class GaussianBernoulliRBM(Hopfield):
    r"""The Boltzmann machine of +-1 visible and Gaussian hidden units whose marginal is the Hopfield model.

    p(s, z) = exp(-z.z/2 + sqrt(beta) s.W z)/Z with W = xi/sqrt(N): integrating the P hidden units z gives exp(beta
    sum_{ij} J_ij s_i s_j/2), diagonal included, so ln Z exceeds that of ``Hopfield`` by alpha beta/2 per spin and its
    energy is lower by alpha/2.  Parameters, controls and states are those of ``Hopfield``.

    References
    ----------
    Barra, Bernacchia, Santucci, Contucci, Neural Networks 34, 1 (2012).
    """

    title = "Gaussian-Bernoulli restricted Boltzmann machine"
    units = "+log Z per visible unit, in nats; energies per visible unit count the diagonal of the couplings"
    diagonal = True
