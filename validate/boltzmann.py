r"""The network as a restricted Boltzmann machine, and exact sums over all states of small ones.

With weights W such that J = W W^T, diagonal included (W = xi/sqrt(N) for Hebb's rule), the spins of

.. math:: p(s, z) \propto \exp\big(-\tfrac12 z\cdot z + \sqrt\beta\, s\cdot W z\big), \qquad s_i = \pm1,\ z \in R^P,

have the Boltzmann distribution of the network: integrating z gives exp(beta sum_{ij} J_ij s_i s_j/2), which is
exp(-beta H) times the constant exp(beta tr J/2), tr J = alpha N for Hebb's rule (Barra, Bernacchia, Santucci, Contucci,
Neural Networks 34, 1 (2012)).  Given one layer, the units of the other are independent, so all are drawn at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from .patterns import Couplings
from .settings import real_number
from .spins import checked_spins

__all__ = ["ExactNetwork", "block_gibbs", "every_state", "exact_network", "rbm_log_partition", "weights"]

Array = NDArray[np.float64]

_LARGEST = 20  # spins whose states are enumerated
_HIDDEN = 3  # hidden units over which a product quadrature goes


@dataclass(frozen=True, kw_only=True)
class ExactNetwork:
    """Sums over all states of a network at one temperature.

    Attributes
    ----------
    states : int8 array (2^N, N)
        Spin i of state k is +1 if bit i of k is set.
    energies : array (2^N,)
        H, extensive, without the diagonal.
    probabilities : array (2^N,)
    log_partition : float
        ln sum_s exp(-H/T), extensive.
    energy : float
        <H>, extensive.
    correlations : array (N, N)
        <s_i s_j>.
    """

    states: NDArray[np.int8]
    energies: Array
    probabilities: Array
    log_partition: float
    energy: float
    correlations: Array


def every_state(size: int) -> NDArray[np.int8]:
    """All states of `size` spins, int8 array (2^size, size): spin i of state k is +1 if bit i of k is set."""
    if not 1 <= size <= _LARGEST:
        raise ValueError(f"size = {size}: give from 1 to {_LARGEST} spins, or sample with block_gibbs")
    bits = np.arange(2**size)[:, None] >> np.arange(size) & 1
    return (2 * bits - 1).astype(np.int8)


def exact_network(couplings: Couplings, *, temperature: float) -> ExactNetwork:
    """Enumerate all states of a network of at most 20 spins.

    Raises
    ------
    ValueError
        If there are more, or the temperature is not positive.
    """
    temperature = _positive(temperature)
    states = every_state(couplings.size)
    energies = -0.5 * np.einsum("ki,ki->k", states @ couplings.matrix(), states)
    log_partition = float(special.logsumexp(-energies / temperature))
    probabilities = np.exp(-energies / temperature - log_partition)
    return ExactNetwork(
        states=states, energies=energies, probabilities=probabilities, log_partition=log_partition,
        energy=float(probabilities @ energies), correlations=(states * probabilities[:, None]).T @ states,
    )


def weights(couplings: Couplings) -> Array:
    """W, array (N, K), with W W^T = J, diagonal included.

    Raises
    ------
    ValueError
        If J is not positive semidefinite.
    """
    features = couplings.features.astype(float)
    if couplings.transformed is None:
        return math.sqrt(couplings.scale) * features
    # F K F^T = Q (R K R^T) Q^T with F = Q R
    vectors, triangle = linalg.qr(features, mode="economic")
    inner = vectors.T @ couplings.transformed[:, : couplings.count] @ triangle.T
    values, rotation = linalg.eigh(0.5 * (inner + inner.T))
    if values[0] < -1e-5 * abs(values[-1]):
        raise ValueError(f"couplings have the eigenvalue {couplings.scale * values[0]:.3g}: a Boltzmann machine with "
                         "real weights needs couplings without negative ones")
    return math.sqrt(couplings.scale) * vectors @ rotation * np.sqrt(np.maximum(values, 0.0))


def rbm_log_partition(machine: Array, *, temperature: float, nodes: int = 120) -> float:
    """ln of the sum over s and integral over z of exp(-z.z/2 + sqrt(beta) s.W z)/(2 pi)^(P/2).

    The sum over s is done for each z, where the spins are independent; the integral by Gauss-Hermite quadrature.

    Parameters
    ----------
    machine : array (N, P)
        W, with P at most 3.
    temperature : float
    nodes : int
        In each dimension.  The integrand extends to abs z = sqrt(N/T), where nodes must still be dense.

    Raises
    ------
    ValueError
        If P is larger.
    """
    temperature = _positive(temperature)
    hidden = machine.shape[1]
    if hidden > _HIDDEN:
        raise ValueError(f"machine of shape {machine.shape}: give at most {_HIDDEN} hidden units, or use exact_network")
    points, mass = special.roots_hermitenorm(nodes)
    grid = np.stack(np.meshgrid(*[points] * hidden, indexing="ij"), axis=-1).reshape(-1, hidden)
    with np.errstate(divide="ignore"):
        log_mass = np.log(mass) - 0.5 * math.log(2 * math.pi)
    logs = np.sum(np.meshgrid(*[log_mass] * hidden, indexing="ij"), axis=0).reshape(-1)
    local = grid @ machine.T / math.sqrt(temperature)
    return float(special.logsumexp(logs + np.logaddexp(local, -local).sum(axis=1)))


def block_gibbs(machine: Any, spins: Any, *, temperature: float, sweeps: int, rng: Any = 0) -> NDArray[np.int8]:
    """Draw all hidden units given the spins, then all spins given them, again and again.

    Parameters
    ----------
    machine : array (N, P)
        W; see `weights`.  Products are made in its precision: float32 is twice as fast.
    spins : array (N,) or (copies, N) of +-1
        Where to start; several copies are moved at once, independently.
    temperature : float
        Positive.
    sweeps : int
    rng : numpy Generator or seed

    Returns
    -------
    int8 array, shape of `spins`

    Raises
    ------
    ValueError
        If the temperature is not positive or the spins are not +-1.
    """
    temperature = _positive(temperature)
    machine = np.asarray(machine)
    machine = machine / machine.dtype.type(math.sqrt(temperature))  # sqrt(beta) W
    start = np.atleast_2d(np.asarray(spins))
    state = np.stack([checked_spins(one, machine.shape[0]) for one in start]).astype(machine.dtype)
    rng = np.random.default_rng(rng)
    for _ in range(sweeps):
        hidden = state @ machine
        hidden += rng.standard_normal(hidden.shape, dtype=machine.dtype.type)
        field = hidden @ machine.T
        # a logistic variate decides: P(2 h + x > 0) = 1/(1 + exp(-2 h))
        state = np.where(2 * field + rng.logistic(size=field.shape) > 0, 1, -1).astype(machine.dtype)
    return state.astype(np.int8).reshape(np.shape(spins))


def _positive(temperature: Any) -> float:
    found = real_number("temperature", temperature, 0.0, math.inf, "give a positive one")
    if found == 0:
        raise ValueError("temperature = 0: all probability is on the ground states there; give a positive one")
    return found
