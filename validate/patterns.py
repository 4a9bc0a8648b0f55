r"""Patterns, examples of them, and the couplings that a network learns from either.

Every rule here has the form J = scale F K F^T, with features F (N rows, one for each spin; as many columns as there are
patterns, or examples), and a kernel K, the identity for Hebb's rule:

.. math:: J_{ij} = \frac1N \sum_{\mu\nu} \xi^\mu_i K_{\mu\nu} \xi^\nu_j, \qquad
   H = -\tfrac12\sum_{i\neq j} J_{ij} s_i s_j.

The N x N matrix is never made.  With J_0 the couplings of Hebb's rule and C = scale F^T F, which has the same
eigenvalues but zeros, dreaming J_0 -> (1 + t) J_0 (1 + t J_0)^{-1} (Fachechi, Agliari, Barra, Neural Networks 112, 24
(2019)) is K = (1 + t)(1 + t C)^{-1}, and t = infinity the projector on the features (Personnaz, Guyon, Dreyfus,
J. Phys. Lett. 46, 359 (1985)).  The equation that it obeys, dJ/dt = (J - J^2)/(1 + t), in steps of time 1 is the
protocol J <- J + (J - J^2)/(1 + n).
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from . import kernels
from .settings import real_number

__all__ = [
    "Couplings", "dreamed", "gram", "hebb", "iterated", "learned", "noisy_hebb", "sample_examples", "sample_patterns",
    "supervised", "unsupervised",
]  # fmt: skip

_WIDTH = 32  # rows are padded with zeros to a multiple, that compiled loops have no rest
_BLOCK = 4096  # rows that are made floating-point numbers at once
_LARGEST = 127


@dataclass(frozen=True, kw_only=True)
class Couplings:
    """J = scale F K F^T without its diagonal, by its features; made by `learned`.

    Attributes
    ----------
    rows : int8 or float32 array (N, K padded), C order
        The features of each spin; columns beyond `count` are zero.
    transformed : float32 array (N, K padded), or None
        F K; None stands for K = 1.
    scale : float
    diagonal : float array (N,)
        J_ii, which neither fields nor energies count.
    count : int
        K, the number of features.
    """

    rows: NDArray[Any]
    transformed: NDArray[np.float32] | None
    scale: float
    diagonal: NDArray[np.float64]
    count: int

    @property
    def size(self) -> int:
        """N, the number of spins."""
        return int(self.rows.shape[0])

    @property
    def features(self) -> NDArray[Any]:
        """F, array (N, K)."""
        return self.rows[:, : self.count]

    @property
    def updates(self) -> NDArray[Any]:
        """What a spin adds to the overlaps that make the fields: a row of F K."""
        return self.rows if self.transformed is None else self.transformed

    def overlaps(self, spins: NDArray[np.int8]) -> NDArray[np.float64]:
        """K F^T s, array (K padded,), not divided by N."""
        total = np.zeros(self.rows.shape[1])
        kernels.overlaps(self.updates, spins, total)
        return total

    def fields(self, spins: NDArray[np.int8]) -> NDArray[np.float64]:
        """h_i = sum_{j != i} J_ij s_j, array (N,)."""
        found = np.empty(self.size)
        kernels.fields(self.rows, self.overlaps(spins), found)
        return self.scale * found - self.diagonal * spins

    def energy(self, spins: NDArray[np.int8]) -> float:
        """H, extensive."""
        return -0.5 * float(self.fields(spins) @ spins)

    def matrix(self) -> NDArray[np.float64]:
        """J with zeros on the diagonal, array (N, N): for small networks."""
        dense = self.scale * self.rows.astype(float) @ self.updates.astype(float).T
        np.fill_diagonal(dense, 0.0)
        return dense


def learned(features: Any, *, kernel: Any = None, scale: float | None = None) -> Couplings:
    """Couplings scale F K F^T.

    Parameters
    ----------
    features : array (N, K)
        Whole numbers of modulus at most 127 stay whole.
    kernel : array (K, K), symmetric, optional
        The identity if there is none.
    scale : float, optional
        1/N if it is not given.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    features = np.asarray(features)
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(f"features of shape {features.shape}: give an array (spins, features)")
    size, count = features.shape
    whole = features.dtype.kind in "iu" and int(np.abs(features).max()) <= _LARGEST
    padded = -(-count // _WIDTH) * _WIDTH
    rows = np.zeros((size, padded), dtype=np.int8 if whole else np.float32)
    rows[:, :count] = features
    transformed = None
    if kernel is not None:
        kernel = np.asarray(kernel, dtype=np.float32)
        if kernel.shape != (count, count):
            raise ValueError(f"kernel of shape {kernel.shape}: give one of shape {(count, count)}")
        transformed = np.zeros((size, padded), dtype=np.float32)
        for start in range(0, size, _BLOCK):
            block = slice(start, start + _BLOCK)
            transformed[block, :count] = rows[block, :count].astype(np.float32) @ kernel
    scale = 1 / size if scale is None else float(scale)
    diagonal = np.empty(size)
    for start in range(0, size, _BLOCK):
        block = slice(start, start + _BLOCK)
        other = rows if transformed is None else transformed
        diagonal[block] = np.einsum("ik,ik->i", rows[block], other[block], dtype=np.float64)
    return Couplings(rows=rows, transformed=transformed, scale=scale, diagonal=scale * diagonal, count=count)


# ---- rules ----


def hebb(patterns: Any) -> Couplings:
    """J = (1/N) sum_mu xi_i xi_j of patterns (N, P), of whatever numbers."""
    return learned(patterns)


def noisy_hebb(patterns: NDArray[np.int8], dataset_entropy: float, rng: Any) -> Couplings:
    """Hebb's rule on (xi + sqrt(rho) x)/sqrt(1 + rho), x normal: many examples of each archetype, averaged."""
    rho = real_number("dataset_entropy", dataset_entropy, 0.0, math.inf, "0 are the archetypes themselves")
    if rho == 0:
        return hebb(patterns)
    noise = np.random.default_rng(rng).standard_normal(patterns.shape, dtype=np.float32)
    return hebb((patterns + np.float32(math.sqrt(rho)) * noise) / np.float32(math.sqrt(1 + rho)))


def supervised(totals: NDArray[Any], examples: int, quality: float) -> Couplings:
    """J = sum_mu etabar_i etabar_j/(N R) with R = E etabar^2.

    Parameters
    ----------
    totals : integer array (N, P)
        Sums over the examples of each archetype, M etabar.
    examples : int
        M.
    quality : float
        r; R = r^2 + (1 - r^2)/M.
    """
    return learned(totals, scale=1 / (totals.shape[0] * examples**2 * _second_moment(examples, quality)))


def unsupervised(examples: NDArray[np.int8], quality: float) -> Couplings:
    """J = sum_{mu a} eta_i eta_j/(N M R) of examples (N, P, M): the rule does not know which belong together."""
    size, _, count = examples.shape
    scale = 1 / (size * count * _second_moment(count, quality))
    return learned(examples.reshape(size, -1), scale=scale)


def _second_moment(examples: int, quality: float) -> float:
    return quality**2 + (1 - quality**2) / examples


def dreamed(couplings: Couplings, dreaming: float) -> Couplings:
    """J(t) = (1 + t) J_0 (1 + t J_0)^{-1}, J_0 with its diagonal; t = inf is the projector on the features.

    Parameters
    ----------
    couplings : Couplings
        Without kernel.
    dreaming : float
        t >= 0.

    Raises
    ------
    ValueError
        If t is negative or the couplings have been dreamed already.
    """
    _without_kernel(couplings)
    if dreaming == math.inf:
        t = math.inf
    else:
        t = real_number("dreaming", dreaming, 0.0, math.inf, "math.inf is the projector on the features")
    if t == 0:
        return couplings
    correlation = couplings.scale * gram(couplings)
    if t == math.inf:
        kernel = linalg.pinvh(correlation)
    else:
        kernel = (1 + t) * linalg.inv(np.eye(couplings.count) + t * correlation)
    return learned(couplings.features, kernel=kernel, scale=couplings.scale)


def iterated(couplings: Couplings, steps: int, step: float = 1.0) -> Couplings:
    """J <- J + step (J - J^2)/(1 + t), t <- t + step, from J_0 at t = 0; with step 1 the protocol of the literature.

    It is Euler's method for dJ/dt = (J - J^2)/(1 + t), whose solution is `dreamed`; both end at the projector on the
    features.  The eigenvectors stay, and each eigenvalue of J follows x <- x + step (x - x^2)/(1 + t).

    Parameters
    ----------
    couplings : Couplings
        Without kernel.
    steps : int
    step : float

    Raises
    ------
    ValueError
        If an eigenvalue of J_0 is so large that the first step makes it negative, after which it diverges.
    """
    _without_kernel(couplings)
    if isinstance(steps, bool) or not isinstance(steps, numbers.Integral) or steps < 0:
        raise ValueError(f"steps = {steps!r}: give a whole number from 0 on")
    step = real_number("step", step, 0.0, math.inf, "1 is the protocol of the literature")
    initial, vectors = linalg.eigh(couplings.scale * gram(couplings))
    if steps and step * (initial[-1] - 1) >= 1:
        raise ValueError(f"step = {step:g} is too large: the largest eigenvalue {initial[-1]:.4g} of the couplings "
                         f"becomes negative and diverges; give a step below {1 / (initial[-1] - 1):.4g}")
    gain = np.ones_like(initial)  # of the eigenvalue: x = gain * initial, so that zeros of C are no special case
    for n in range(steps):
        gain += step / (1 + n * step) * gain * (1 - gain * initial)
    return learned(couplings.features, kernel=(vectors * gain) @ vectors.T, scale=couplings.scale)


def gram(couplings: Couplings) -> NDArray[np.float64]:
    """F^T F, array (K, K)."""
    total = np.zeros((couplings.count, couplings.count))
    for start in range(0, couplings.size, _BLOCK):
        block = couplings.features[start : start + _BLOCK].astype(np.float64)
        total += block.T @ block
    return total


def _without_kernel(couplings: Couplings) -> None:
    if couplings.transformed is not None:
        raise ValueError("couplings have a kernel already: dreaming starts from those of Hebb's rule")


# ---- samples ----


def sample_patterns(size: int, count: int, rng: Any, *, bias: float = 0.0) -> NDArray[np.int8]:
    """Draw independent patterns +-1 of mean `bias`, int8 array (size, count)."""
    rng = np.random.default_rng(rng)
    if bias == 0:
        bits = np.unpackbits(rng.integers(0, 256, size=-(-size * count // 8), dtype=np.uint8), count=size * count)
    else:
        real_number("bias", abs(bias), 0.0, 1.0, "it is the mean of a pattern")
        bits = (rng.random(size * count, dtype=np.float32) < (1 + bias) / 2).view(np.uint8)
    spins = bits.view(np.int8)
    spins *= 2
    spins -= 1
    return spins.reshape(size, count)


def sample_examples(patterns: NDArray[np.int8], examples: int, quality: float, rng: Any) -> NDArray[np.int8]:
    """Draw examples chi xi, P(chi = +-1) = (1 +- quality)/2, of each archetype: int8 array (N, P, examples)."""
    wrong = np.random.default_rng(rng).random((*patterns.shape, examples), dtype=np.float32) > (1 + quality) / 2
    return np.where(wrong, -patterns[..., None], patterns[..., None])
