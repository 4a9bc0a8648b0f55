r"""PCA and linearised message passing (LAMP) on instances and on data, matrix-free.

LAMP wants the top right eigenvector u of K (Y/sqrt(p) - rho I), K the second moments of the spike about zero, rho =
tr K/p.  With K = H C H^T (:mod:`spinodal.validate.second_moments`),

.. math:: u = H w, \qquad C H^T (Y/\sqrt p - \rho) H\, w = \lambda w :

for C = 1 a symmetric problem, which Lanczos' algorithm solves, else Arnoldi's (ARPACK does both).  All eigenvalues are
real.  A step costs one product with Y and one with K; K itself is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs, eigsh

from ..equations.spectral import spectrum_of
from ..theory.priors import Prior
from .second_moments import (
    SecondMoments,
    second_moments_of_generator,
    second_moments_of_independent,
    second_moments_of_matrix,
    symmetric,
)
from .settings import real_number, whole
from .teacher import sample_output, sample_signal

__all__ = ["SpectralEstimate", "SpikedInstance", "lamp", "pca", "sample_spiked", "spiked_matrix", "squared_cosine"]

Array = NDArray[np.float64]

_DENSE = 100  # dimensions below which all eigenvalues are found faster than one
_WEAKER = (1e-4, 1e-2, 1.0)  # tolerances of estimates that did not converge


# --- instances ---


@dataclass(frozen=True, kw_only=True)
class SpikedInstance:
    """One sampled spiked Wigner matrix.

    Attributes
    ----------
    matrix : array (p, p), symmetric
        Y = v v^T/sqrt(p) + sqrt(delta) xi.
    signal : array (p,)
        v.
    weights : tuple of arrays (n_out, n_in)
        Of the layers of a network, the first layer first; empty for independent components.
    prior : Prior
    """

    matrix: Array
    signal: Array
    weights: tuple[Array, ...]
    prior: Prior

    @property
    def second_moments(self) -> SecondMoments:
        """K of these weights."""
        if not self.weights:
            return second_moments_of_independent(self.prior, self.signal.size)
        return second_moments_of_generator(self.prior, self.weights)


def sample_spiked(prior: Prior, *, delta: float, size: int, rng: Any = 0) -> SpikedInstance:
    """Draw a spiked Wigner matrix from its definition.

    Parameters
    ----------
    prior : Prior without free symbols
        Of independent components, or a network, whose widths are rounded from its ratios.
    delta : float
        Variance of the noise; 0 is allowed.
    size : int
        p.
    rng : numpy Generator or seed

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """
    spectrum_of(prior)  # says what is no prior, has free symbols, or no variance
    delta = real_number("delta", delta, 0.0, math.inf, "it is the variance of the noise")
    size = whole("size", size, 2, "2000 is a good one")
    rng = np.random.default_rng(rng)
    layers = getattr(prior, "layers", ())
    sizes = [size]
    for _, ratio in reversed(layers):
        sizes.append(max(1, round(sizes[-1] / float(ratio))))
    sizes.reverse()
    signal = sample_signal(getattr(prior, "latent", prior), sizes[0], rng)
    weights = []
    for (activation, _), n_in, n_out in zip(layers, sizes[:-1], sizes[1:], strict=True):
        weights.append(rng.standard_normal((n_out, n_in)))
        signal = sample_output(activation, weights[-1] @ signal / math.sqrt(n_in), rng)
    return SpikedInstance(matrix=spiked_matrix(signal, delta, rng), signal=signal, weights=tuple(weights),
                          prior=prior)


def spiked_matrix(signal: Array, delta: float, rng: np.random.Generator) -> Array:
    """Y = v v^T/sqrt(p) + sqrt(delta) xi; xi_ii has variance 2, which no limit notices."""
    size = signal.size
    noise = rng.standard_normal((size, size))
    noise = noise + noise.T
    noise *= math.sqrt(delta / 2)
    noise += np.outer(signal, signal / math.sqrt(size))
    return noise


# --- estimates ---


@dataclass(frozen=True, kw_only=True)
class SpectralEstimate:
    """What a spectral method found.

    Attributes
    ----------
    estimate : array (p,)
        Right eigenvector of norm sqrt(p); its sign means nothing.
    eigenvalue : float
        Of Y/sqrt(p), or of K (Y/sqrt(p) - rho).
    converged : bool
        False if ARPACK used all its restarts; the estimate is then one of weaker tolerance, or if there is none, its
        first vector with the eigenvalue not a number.
    products : int
        How often Y was multiplied.
    """

    estimate: Array
    eigenvalue: float
    converged: bool
    products: int


def pca(matrix: Any, *, tolerance: float = 1e-8, max_restarts: int = 1000, rng: Any = 0) -> SpectralEstimate:
    """Estimate the spike by the top eigenvector of Y.

    Parameters
    ----------
    matrix : array (p, p), symmetric
        Y = v v^T/sqrt(p) + noise.
    tolerance : float
        Relative, of the eigenvalue's residual.
    max_restarts : int
        Of Lanczos' algorithm.
    rng : numpy Generator or seed
        Of its first vector.

    Returns
    -------
    SpectralEstimate

    Raises
    ------
    TypeError, ValueError
        If the matrix is not symmetric and of finite numbers, or a setting is out of range.
    """
    found = symmetric("matrix", matrix)
    size, scale = len(found), 1 / math.sqrt(len(found))
    return _top(found, size, lambda w, product: scale * product(w), lambda w: w, True, tolerance, max_restarts, rng)


def lamp(matrix: Any, second_moments: Any, *, tolerance: float = 1e-8, max_restarts: int = 1000,
         rng: Any = 0) -> SpectralEstimate:
    """Estimate the spike by linearised message passing: the top right eigenvector of K (Y/sqrt(p) - rho I).

    Parameters
    ----------
    matrix : array (p, p), symmetric
        Y = v v^T/sqrt(p) + noise.
    second_moments : SecondMoments, or array (p, p)
        K = E[v v^T], in the units of v: of samples, of a network's weights (see `second_moments_of_samples`,
        `second_moments_of_generator`), or as a matrix.
    tolerance, max_restarts, rng
        As of `pca`.

    Returns
    -------
    SpectralEstimate
        Its eigenvalue is near the variance delta of the noise where the spike was found.

    Raises
    ------
    TypeError, ValueError
        If a matrix is not symmetric, K has negative eigenvalues or another size, or a setting is out of range.
    """
    found = symmetric("matrix", matrix)
    K = second_moments if isinstance(second_moments, SecondMoments) else second_moments_of_matrix(second_moments)
    if K.size != len(found):
        raise ValueError(f"second_moments are of {K.size} components, the matrix of {len(found)}: give equally many")
    scale, rho = 1 / math.sqrt(len(found)), K.rho

    def reduced(w: Array, product: Callable[[Array], Array]) -> Array:
        v = K.forward(w)
        w = K.backward(scale * product(v) - rho * v)
        return w if K.inner is None else K.inner(w)

    return _top(found, K.columns, reduced, K.forward, K.inner is None, tolerance, max_restarts, rng)


def squared_cosine(estimate: Array, signal: Array) -> float:
    """(u.v)^2/(|u|^2 |v|^2), from 0 to 1."""
    return float((estimate @ signal) ** 2 / ((estimate @ estimate) * (signal @ signal)))


def _top(matrix: Array, columns: int, apply: Callable[[Array, Callable[[Array], Array]], Array],
         finish: Callable[[Array], Array], is_symmetric: bool, tolerance: float, max_restarts: int,
         rng: Any) -> SpectralEstimate:
    """The eigenvector of the largest eigenvalue, all being real: Lanczos' algorithm, or Arnoldi's."""
    tolerance = real_number("tolerance", tolerance, 0.0, 1.0, "0 is to rounding")
    whole("max_restarts", max_restarts, 1, "")
    products = 0

    def product(v: Array) -> Array:
        nonlocal products
        products += 1
        return matrix @ v

    converged, start = True, np.random.default_rng(rng).standard_normal(columns)
    if columns < _DENSE:
        dense = np.stack([apply(column, product) for column in np.eye(columns)], axis=1)
        values, vectors = np.linalg.eigh((dense + dense.T) / 2) if is_symmetric else np.linalg.eig(dense)
    else:
        operator = LinearOperator((columns, columns), matvec=lambda w: apply(w.ravel(), product), dtype=float)
        solve, which = (eigsh, "LA") if is_symmetric else (eigs, "LR")
        for weaker in (tolerance, *_WEAKER):
            try:
                values, vectors = solve(operator, k=1, which=which, v0=start, tol=weaker, maxiter=max_restarts)
                break
            except ArpackNoConvergence:  # it keeps nothing of what it has: ask for less
                converged = False
        else:
            values, vectors = np.array([math.nan]), start[:, None]
    top = int(np.argmax(values.real))
    estimate = finish(vectors[:, top].real)
    estimate *= math.sqrt(estimate.size) / float(np.linalg.norm(estimate))
    return SpectralEstimate(estimate=estimate, eigenvalue=float(values[top].real), converged=converged,
                            products=products)
