r"""PCA and linearised message passing (LAMP) on instances and on data, matrix-free.

LAMP wants the top right eigenvector u of K (Y/sqrt(p) - rho I), K the second moments of the spike about zero, rho =
tr K/p.  With any factor K = F F^T,

.. math:: u = F w, \qquad F^T (Y/\sqrt p - \rho) F\, w = \lambda w :

a symmetric problem with the same eigenvalues but zeros, to which Lanczos' algorithm applies (ARPACK), and which needs K
nowhere.  A step costs one product with Y, one with F and one with F^T.  F is

* of a network: the Gaussian network with its moments (`theory.spectral`), from the latents up x -> c W x/sqrt(n) +
  sqrt(a) noise, with one more column for the mean; its products are those with the weights;
* of samples: the samples themselves over the root of their number;
* of a matrix: its pivoted Cholesky factor.

**About zero or about the mean?**  Y contains v v^T of all of v, so K is E[v v^T], not the covariance: the mean is what is
known best of v, and where there is one, LAMP sees it at any noise.  `centred` is for spikes whose mean was subtracted
before Y was made of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from ..equations.generate import lambdify
from ..equations.spectral import spectrum_of
from ..theory.priors import Prior
from ..theory.spectral import b, linear_network, spread
from .settings import real_number, whole
from .teacher import sample_output, sample_signal

__all__ = [
    "SecondMoments", "SpectralEstimate", "SpikedInstance", "lamp", "pca", "sample_spiked", "second_moments_of_generator",
    "second_moments_of_matrix", "second_moments_of_samples", "squared_cosine",
]  # fmt: skip

Array = NDArray[np.float64]

_SYMMETRIC = 1e-8  # relative: differences between Y and its transpose that are taken for rounding
_WEAKER = (1e-4, 1e-2, 1.0)  # tolerances of estimates that did not converge
_NEGATIVE = 1e-8  # relative: negative part of a matrix of second moments that is taken for rounding


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
    """

    matrix: Array
    signal: Array
    weights: tuple[Array, ...]


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
    _check_prior(prior)
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
    return SpikedInstance(matrix=spiked_matrix(signal, delta, rng), signal=signal, weights=tuple(weights))


def spiked_matrix(signal: Array, delta: float, rng: np.random.Generator) -> Array:
    """Y = v v^T/sqrt(p) + sqrt(delta) xi; xi_ii has variance 2, which no limit notices."""
    size = signal.size
    noise = rng.standard_normal((size, size))
    noise = noise + noise.T
    noise *= math.sqrt(delta / 2)
    noise += np.outer(signal, signal / math.sqrt(size))
    return noise


# --- second moments ---


@dataclass(frozen=True, kw_only=True)
class SecondMoments:
    """K = F F^T, as the products with F and its transpose.

    Attributes
    ----------
    size, columns : int
        Shape of F.
    forward, backward : functions of an array (columns,), (size,)
        F w, and F^T v.
    trace : float
        Of K.
    """

    size: int
    columns: int
    forward: Callable[[Array], Array]
    backward: Callable[[Array], Array]
    trace: float

    @property
    def rho(self) -> float:
        """tr K/p."""
        return self.trace / self.size


def _of_factor(factor: Array, identity: float = 0.0) -> SecondMoments:
    """F = (sqrt(identity) I, factor)."""
    size, columns = factor.shape
    trace = float((factor**2).sum()) + identity * size
    if identity == 0:
        return SecondMoments(size=size, columns=columns, forward=lambda w: factor @ w, backward=lambda v: factor.T @ v,
                             trace=trace)
    root = math.sqrt(identity)
    return SecondMoments(
        size=size, columns=size + columns, trace=trace, forward=lambda w: root * w[:size] + factor @ w[size:],
        backward=lambda v: np.concatenate([root * v, factor.T @ v]))


def second_moments_of_samples(samples: Any, *, centred: bool = False, shrinkage: float = 0.0) -> SecondMoments:
    """Empirical second moments of any data set.

    Parameters
    ----------
    samples : array (count, p)
        One sample a row, in units in which the spike is one more of them.
    centred : bool
        Take them about the samples' mean: right only if the spike is without its mean too.
    shrinkage : float in [0, 1)
        Weight of the identity times tr K/p, for which K makes room: what the samples do not span, then, is possible.

    Raises
    ------
    TypeError, ValueError
        If the samples are not such numbers, or nothing is left of them.
    """
    found = _real_array("samples", samples, 2, "give one sample a row")
    if not isinstance(centred, bool):
        raise TypeError(f"centred = {centred!r}: give True or False")
    shrinkage = real_number("shrinkage", shrinkage, 0.0, 1.0, "it is the weight of the identity")
    count, size = found.shape
    if centred:
        found = found - found.mean(0)
        count -= 1
    scale = float((found**2).sum())
    if count < 1 or scale == 0:
        raise ValueError(f"samples of shape {np.shape(samples)} with centred = {centred} leave nothing: give several that "
                         "are not all the same")
    factor = found.T * math.sqrt((1 - shrinkage) / count)
    if factor.shape[1] > size:  # the same K by a smaller factor, without squaring its condition
        factor = np.ascontiguousarray(np.linalg.qr(factor.T, mode="r").T)
    return _of_factor(factor, shrinkage * scale / (count * size))


def second_moments_of_matrix(matrix: Any) -> SecondMoments:
    """Second moments given as a matrix K of shape (p, p), symmetric and without negative eigenvalues.

    Raises
    ------
    TypeError, ValueError
        If it is no such matrix.
    """
    found = _symmetric("covariance", matrix)
    factor, pivots, rank, info = lapack.dpstrf(found, lower=1)
    if info < 0:
        raise ValueError(f"covariance of shape {found.shape}: LAPACK refuses argument {-info}")
    lower = np.tril(factor)[:, :rank]
    place = np.empty_like(lower)
    place[pivots - 1] = lower
    lost = float(np.abs(np.diag(found) - (place**2).sum(1)).max())
    if rank == 0 or lost > _NEGATIVE * float(np.abs(np.diag(found)).max()):
        raise ValueError(f"covariance has negative eigenvalues (its Cholesky factor of rank {rank} misses {lost:g} on the "
                         "diagonal): second moments have none")
    return _of_factor(place)


def second_moments_of_generator(prior: Prior, weights: Sequence[Any] = ()) -> SecondMoments:
    """Second moments of a network of given weights.

    Parameters
    ----------
    prior : Prior without free symbols
        Its activations, and the moments of its latents; of its ratios, those of the weights count.
    weights : sequence of arrays (n_out, n_in)
        The first layer first, entries of unit variance.

    Raises
    ------
    TypeError, ValueError
        If the weights do not fit the layers, or each other.
    """
    _check_prior(prior)
    network = linear_network(prior)
    found = [_real_array(f"weights[{k}]", one, 2, "give (n_out, n_in)") for k, one in enumerate(weights)]
    if len(found) != len(network.layers):
        raise ValueError(f"{len(found)} arrays of weights for {len(network.layers)} layers: give one for each, the first "
                         "layer first")
    if not found:
        raise ValueError(f"prior = {prior!r} has independent components: K is a multiple of the identity, and LAMP is pca")
    for k, (below, above) in enumerate(zip(found, found[1:], strict=False)):
        if below.shape[0] != above.shape[1]:
            raise ValueError(f"weights[{k}] puts out {below.shape[0]}, weights[{k + 1}] takes {above.shape[1]}: give the "
                             "same")
    mean = np.full(found[0].shape[1], math.sqrt(float(network.mean_square)))
    variance = float(network.variance)
    latent_deviation = math.sqrt(variance)
    steps: list[_Step] = []
    for layer, matrix in zip(network.layers, found, strict=True):
        field = matrix @ mean / math.sqrt(matrix.shape[1])
        functions = lambdify([b, spread], [layer.mean, layer.response, layer.rest])
        mean, response, rest = (np.broadcast_to(part, field.shape) for part in functions(field, variance))
        rest = np.maximum(rest, 0.0)
        steps.append(_Step(matrix, response / math.sqrt(matrix.shape[1]), np.sqrt(rest)))
        variance = float((rest + response**2 * variance).mean())
    return _of_network(latent_deviation, steps, mean, variance)


@dataclass(frozen=True)
class _Step:
    """One layer x -> response * (W x) + noise * (noise of its own)."""

    weights: Array
    response: Array  # c/sqrt(n)
    noise: Array  # sqrt(a)


def _of_network(latent: float, steps: list[_Step], mean: Array, variance: float) -> SecondMoments:
    """F acts on the latents, the noises of all layers that have any, and the coefficient of the mean."""
    widths = [steps[0].weights.shape[1]]
    widths += [step.noise.size if step.noise.any() else 0 for step in steps]
    places = np.cumsum(widths)
    size, with_mean = mean.size, bool((mean**2).mean() > 1e-30 * variance)

    def forward(w: Array) -> Array:
        x = latent * w[: places[0]]
        for step, start, stop in zip(steps, places[:-1], places[1:], strict=True):
            x = step.response * (step.weights @ x)
            if stop > start:
                x += step.noise * w[start:stop]
        return x + mean * w[-1] if with_mean else x

    def backward(v: Array) -> Array:
        out = np.empty(places[-1] + with_mean)
        if with_mean:
            out[-1] = mean @ v
        for step, start, stop in zip(steps[::-1], places[-2::-1], places[:0:-1], strict=True):
            if stop > start:
                out[start:stop] = step.noise * v
            v = step.weights.T @ (step.response * v)
        out[: places[0]] = latent * v
        return out

    return SecondMoments(size=size, columns=int(places[-1]) + with_mean, forward=forward, backward=backward,
                         trace=size * variance + float(mean @ mean) * with_mean)


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
        False if Lanczos' algorithm used all its restarts; the estimate is then one of weaker tolerance.
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
    found = _symmetric("matrix", matrix)
    scale = 1 / math.sqrt(len(found))
    return _top(found, len(found), lambda w, product: scale * product(w), lambda w: w, tolerance, max_restarts, rng)


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
    found = _symmetric("matrix", matrix)
    K = second_moments if isinstance(second_moments, SecondMoments) else second_moments_of_matrix(second_moments)
    if K.size != len(found):
        raise ValueError(f"second_moments are of {K.size} components, the matrix of {len(found)}: give equally many")
    scale, rho = 1 / math.sqrt(len(found)), K.rho

    def symmetrised(w: Array, product: Callable[[Array], Array]) -> Array:
        v = K.forward(w)
        return K.backward(scale * product(v) - rho * v)

    return _top(found, K.columns, symmetrised, K.forward, tolerance, max_restarts, rng)


def squared_cosine(estimate: Array, signal: Array) -> float:
    """(u.v)^2/(|u|^2 |v|^2), from 0 to 1."""
    return float((estimate @ signal) ** 2 / ((estimate @ estimate) * (signal @ signal)))


def _top(matrix: Array, columns: int, apply: Callable[[Array, Callable[[Array], Array]], Array],
         finish: Callable[[Array], Array], tolerance: float, max_restarts: int, rng: Any) -> SpectralEstimate:
    tolerance = real_number("tolerance", tolerance, 0.0, 1.0, "0 is to rounding")
    whole("max_restarts", max_restarts, 1, "")
    products = 0

    def product(v: Array) -> Array:
        nonlocal products
        products += 1
        return matrix @ v

    converged, start = True, np.random.default_rng(rng).standard_normal(columns)
    if columns < 3:  # ARPACK needs more
        dense = np.stack([apply(column, product) for column in np.eye(columns)])
        values, vectors = np.linalg.eigh((dense + dense.T) / 2)
    else:
        operator = LinearOperator((columns, columns), matvec=lambda w: apply(w.ravel(), product), dtype=float)
        for weaker in (tolerance, *_WEAKER):
            try:
                values, vectors = eigsh(operator, k=1, which="LA", v0=start, tol=weaker, maxiter=max_restarts)
                break
            except ArpackNoConvergence:  # it keeps nothing of what it has: ask for less
                converged = False
        else:
            raise RuntimeError(f"no eigenvalue of the operator was found to a relative {_WEAKER[-1]}: it is not "
                               "symmetric, or not finite")
    estimate = finish(vectors[:, -1])
    norm = float(np.linalg.norm(estimate))
    if norm > 0:
        estimate = estimate * (math.sqrt(estimate.size) / norm)
    return SpectralEstimate(estimate=estimate, eigenvalue=float(values[-1]), converged=converged, products=products)


# --- what is given ---


def _check_prior(prior: Any) -> None:
    spectrum_of(prior)  # says what is no prior, has free symbols, or no variance


def _real_array(name: str, value: Any, dimensions: int, cure: str) -> Array:
    try:
        found = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} = {value!r} is no array of numbers: {cure}") from None
    if found.ndim != dimensions or 0 in found.shape:
        raise ValueError(f"{name} has the shape {found.shape}: {cure}")
    if not np.isfinite(found.sum()):  # one pass without a temporary array; the rest is for what is wrong
        raise ValueError(f"{name} has {int((~np.isfinite(found)).sum())} entries that are not finite, or too large to be "
                         "added: leave them out")
    return found


def _symmetric(name: str, value: Any) -> Array:
    found = _real_array(name, value, 2, "give (p, p)")
    if found.shape[0] != found.shape[1]:
        raise ValueError(f"{name} has the shape {found.shape}: give a symmetric one, (p, p)")
    # two products with a random vector instead of a comparison of all entries, which takes as long as twenty
    probe = np.random.default_rng(0).standard_normal(len(found))
    right, left = found @ probe, probe @ found
    difference = float(np.linalg.norm(right - left))
    if difference > _SYMMETRIC * float(np.linalg.norm(right)):
        raise ValueError(f"{name} is not symmetric (it and its transpose differ by {difference:g} on a random vector, on "
                         f"which they are {np.linalg.norm(right):g}): give (Y + Y.T)/2")
    return found
