r"""Noisy matrices of extensive rank, and what decimation reads off them.

.. math:: Y = \frac{\xi\xi^T}{\sqrt N} + \sqrt\delta\, Z, \qquad
   Y_R = Y - \sum_{\mu \le R} \frac{\eta^\mu \eta^{\mu T}}{\sqrt N},

with xi an N x P matrix of independent components of the prior, E xi^2 = 1, and Z symmetric with N(0, 1) off its
diagonal and N(0, 2) on it.  The next estimate eta is a state of low energy of

.. math:: E(x) = -\frac{1}{2\sqrt N}\, x^T Y_R\, x + \frac{|x|^4}{4N}.

Energies here are E/N, with the diagonal of Y_R and with the quartic term: for Ising components both are constants,
-(P - R)/(2N) to leading order and +1/4.  Nothing here uses the free entropy or what was derived from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..theory.priors import Prior
from .settings import real_number, whole
from .teacher import sample_signal

__all__ = [
    "Factorization", "energy", "matched", "matrix_error", "residual", "sample_factorization", "symmetric", "without",
]  # fmt: skip

Array = NDArray[np.float64]

_ROUNDING = 1e-9  # relative to 1; E x^2 of a prior given by decimal fractions, symmetry of a matrix made by products


@dataclass(frozen=True, kw_only=True)
class Factorization:
    """One sampled problem.

    Attributes
    ----------
    patterns : array (N, P)
        xi, what is to be found.
    observed : array (N, N)
        Y, symmetric.
    delta : float
        Variance of the noise.
    """

    patterns: Array
    observed: Array
    delta: float

    @property
    def size(self) -> int:
        """N."""
        return int(self.patterns.shape[0])

    @property
    def count(self) -> int:
        """P."""
        return int(self.patterns.shape[1])

    @property
    def alpha(self) -> float:
        """P/N as sampled; it differs from what was asked for by the rounding of P."""
        return self.count / self.size


def sample_factorization(prior: Prior, *, alpha: float, delta: float, size: int, rng: Any = 0) -> Factorization:
    """Draw patterns and noise, with P = round(alpha N), at least 1.

    Parameters
    ----------
    prior : Prior without free symbols, with E x^2 = 1
    alpha : float
        P/N.
    delta : float
        Variance of the noise of an entry of Y off its diagonal, where that of the patterns' part is alpha.
    size : int
        N.
    rng : numpy Generator or seed

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range, or the prior's second moment is not 1.
    """
    if not isinstance(prior, Prior):
        raise TypeError(f"prior = {prior!r} is a {type(prior).__name__}: give a prior such as Rademacher()")
    if prior.free_symbols:
        raise ValueError(f"prior = {prior!r} holds symbols: give numbers for them")
    second = float(prior.second_moment)
    if abs(second - 1) > _ROUNDING:
        raise ValueError(f"prior = {prior!r} has E x^2 = {second:g}: decimation needs 1; scale it, as in "
                         "SparseRademacher(rho, amplitude=rho**-0.5)")
    alpha = real_number("alpha", alpha, 0.0, np.inf, "it is P/N")
    delta = real_number("delta", delta, 0.0, np.inf, "it is a variance")
    size = whole("size", size, 10, "1000 is a good one")
    rng = np.random.default_rng(rng)
    count = max(1, round(alpha * size))
    patterns = sample_signal(prior, size * count, rng).reshape(size, count)
    noise = rng.standard_normal((size, size))
    observed = (noise + noise.T) * np.sqrt(delta / 2) + patterns @ patterns.T / np.sqrt(size)
    return Factorization(patterns=patterns, observed=observed, delta=delta)


def symmetric(name: str, matrix: Any) -> Array:
    """A real symmetric matrix, as a new array of doubles in C order.

    Raises
    ------
    TypeError, ValueError
        If it is not square, not finite or not symmetric.
    """
    found = np.array(matrix, dtype=np.float64, order="C")
    if found.ndim != 2 or found.shape[0] != found.shape[1] or found.shape[0] < 2:
        raise ValueError(f"{name} of shape {found.shape}: give a square matrix of at least two rows")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} has entries that are not finite: give numbers")
    if np.abs(found - found.T).max() > _ROUNDING * np.abs(found).max():
        raise ValueError(f"{name} is not symmetric: give (Y + Y.T)/2, whose noise has half the variance of an "
                         "unsymmetric one's")
    return found


def without(matrix: Array, estimate: Array) -> None:
    """Subtract eta eta^T/sqrt(N) from a matrix (N, N), in place."""
    scaled = estimate / matrix.shape[0] ** 0.25
    for row, value in zip(matrix, scaled, strict=True):  # no temporary of the size of the matrix
        if value != 0:
            row -= value * scaled


def energy(matrix: Array, state: Array) -> float:
    """E(x | Y_R)/N of a state (N,), with the diagonal and the quartic term."""
    size = state.size
    norm = float(state @ state) / size
    return -float(state @ (matrix @ state)) / (2 * size**1.5) + norm**2 / 4


def residual(matrix: Array, state: Array) -> float:
    """Squared distance of the local fields Y_R x/sqrt(N) from the line through x, divided by N.

    It is 0 for an eigenvector.  For Ising components it is the variance over i of the aligned fields x_i h_i: narrow
    in a retrieval state, where they scatter about one value, wide in a spin glass.
    """
    size = state.size
    fields = matrix @ state / np.sqrt(size)
    norm = float(state @ state)
    if norm == 0:
        return 0.0
    return float(np.square(fields - (float(state @ fields) / norm) * state).sum()) / size


def matched(estimates: Array, patterns: Array) -> pd.DataFrame:
    """Say which pattern each estimate is.

    Parameters
    ----------
    estimates : array (R, N)
    patterns : array (N, P)

    Returns
    -------
    DataFrame
        One row an estimate: step, pattern (the one of largest overlap), overlap (its modulus: the sign is lost in
        Y), second (the next largest modulus) and duplicate (an earlier estimate is the same pattern).
    """
    rows = []
    seen: set[int] = set()
    for step, overlaps in enumerate(np.abs(np.asarray(estimates) @ patterns) / patterns.shape[0]):
        best = int(np.argmax(overlaps))
        second = float(np.delete(overlaps, best).max()) if overlaps.size > 1 else float("nan")
        rows.append((step, best, float(overlaps[best]), second, best in seen))
        seen.add(best)
    return pd.DataFrame(rows, columns=["step", "pattern", "overlap", "second", "duplicate"])


def matrix_error(estimates: Array, patterns: Array) -> float:
    """|sum eta eta^T - xi xi^T|^2/(2 N^3): the matrix mean squared error of S = xi xi^T/N, diagonal included.

    By Gram matrices of the patterns and estimates: nothing of size N x N is made.
    """
    size = patterns.shape[0]
    own, planted, mixed = estimates @ estimates.T, patterns.T @ patterns, estimates @ patterns
    total = np.square(own).sum() + np.square(planted).sum() - 2 * np.square(mixed).sum()
    return float(total) / (2 * size**3)
