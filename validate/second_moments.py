r"""Second moments of a spike, K = F F^T: of a network of given weights, of samples, of a matrix.

F is

* of a network: the Gaussian network with its moments (`theory.spectral`), from the latents up x -> c W x/sqrt(n) +
  sqrt(a) noise, with one more column for the mean; its products are those with the weights, and K is nowhere;
* of samples: the samples themselves over the root of their number;
* of a matrix: its pivoted Cholesky factor.

**About zero or about the mean?**  A spiked matrix contains v v^T of all of v, so K is E[v v^T], not the covariance: the
mean is what is known best of v, and where there is one, LAMP sees it at any noise.  `centred` is for spikes whose mean
was subtracted before the matrix was made of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ..equations.generate import lambdify
from ..equations.spectral import spectrum_of
from ..theory.priors import Prior
from ..theory.spectral import b, linear_network, spread
from .settings import real_number

__all__ = [
    "SecondMoments", "second_moments_of_generator", "second_moments_of_independent", "second_moments_of_matrix",
    "second_moments_of_samples", "symmetric",
]  # fmt: skip

Array = NDArray[np.float64]

_SYMMETRIC = 1e-8  # relative: differences between a matrix and its transpose that are taken for rounding
_NEGATIVE = 1e-8  # relative: negative part of a matrix of second moments that is taken for rounding


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
    found = real_array("samples", samples, 2, "give one sample a row")
    if not isinstance(centred, bool):
        raise TypeError(f"centred = {centred!r}: give True or False")
    shrinkage = real_number("shrinkage", shrinkage, 0.0, 1.0, "it is the weight of the identity")
    count, size = found.shape
    if centred:
        found = found - found.mean(0)
        count -= 1
    scale = float((found**2).sum())
    if count < 1 or scale == 0:
        raise ValueError(f"samples of shape {np.shape(samples)} with centred = {centred} leave nothing: give several "
                         "that are not all the same")
    factor = found.T * math.sqrt((1 - shrinkage) / count)
    if factor.shape[1] > size:  # the same K by a smaller factor, without squaring its condition
        factor = np.ascontiguousarray(linalg.qr(factor.T, mode="r")[0][:size].T)
    return _of_factor(factor, shrinkage * scale / (count * size))


def second_moments_of_matrix(matrix: Any) -> SecondMoments:
    """Second moments given as a matrix K of shape (p, p), symmetric and without negative eigenvalues.

    Raises
    ------
    TypeError, ValueError
        If it is no such matrix.
    """
    found = symmetric("covariance", matrix)
    factor, pivots, rank, info = linalg.lapack.dpstrf(found, lower=1)
    if info < 0:
        raise ValueError(f"covariance of shape {found.shape}: LAPACK refuses argument {-info}")
    lower = np.tril(factor)[:, :rank]
    place = np.empty_like(lower)
    place[pivots - 1] = lower
    lost = float(np.abs(np.diag(found) - (place**2).sum(1)).max())
    if rank == 0 or lost > _NEGATIVE * float(np.abs(np.diag(found)).max()):
        raise ValueError(f"covariance has negative eigenvalues (its Cholesky factor of rank {rank} misses {lost:g} on "
                         "the diagonal): second moments have none")
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
    spectrum_of(prior)  # says what is no prior, has free symbols, or no variance
    network = linear_network(prior)
    found = [real_array(f"weights[{k}]", one, 2, "give (n_out, n_in)") for k, one in enumerate(weights)]
    if len(found) != len(network.layers):
        raise ValueError(f"{len(found)} arrays of weights for {len(network.layers)} layers: give one for each, the "
                         "first layer first")
    if not found:
        raise ValueError(f"prior = {prior!r} has independent components, and no weights: use "
                         "second_moments_of_independent")
    for k, (below, above) in enumerate(itertools.pairwise(found)):
        if below.shape[0] != above.shape[1]:
            raise ValueError(f"weights[{k}] puts out {below.shape[0]}, weights[{k + 1}] takes {above.shape[1]}: give "
                             "the same")
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


def second_moments_of_independent(prior: Prior, size: int) -> SecondMoments:
    """Second moments of independent components: the variance times the identity, and the mean."""
    network = linear_network(prior)
    mean = np.full((size, 1), math.sqrt(float(network.mean_square)))
    return _of_factor(mean, float(network.variance))


# --- what is given ---


def real_array(name: str, value: Any, dimensions: int, cure: str) -> Array:
    """An array of finite numbers of given dimensions."""
    try:
        found = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} = {value!r} is no array of numbers: {cure}") from None
    if found.ndim != dimensions or 0 in found.shape:
        raise ValueError(f"{name} has the shape {found.shape}: {cure}")
    if not np.isfinite(found.sum()):  # one pass without a temporary array; the rest is for what is wrong
        raise ValueError(f"{name} has {int((~np.isfinite(found)).sum())} entries that are not finite, or too large to "
                         "be added: leave them out")
    return found


def symmetric(name: str, value: Any) -> Array:
    """A symmetric matrix of finite numbers.

    Raises
    ------
    TypeError, ValueError
        Naming it and what is wrong.
    """
    found = real_array(name, value, 2, "give (p, p)")
    if found.shape[0] != found.shape[1]:
        raise ValueError(f"{name} has the shape {found.shape}: give a symmetric one, (p, p)")
    # two products with a random vector instead of a comparison of all entries, which takes as long as twenty
    probe = np.random.default_rng(0).standard_normal(len(found))
    right, left = found @ probe, probe @ found
    difference = float(np.linalg.norm(right - left))
    if difference > _SYMMETRIC * float(np.linalg.norm(right)):
        raise ValueError(f"{name} is not symmetric (it and its transpose differ by {difference:g} on a random vector, "
                         f"on which they are {np.linalg.norm(right):g}): give (Y + Y.T)/2")
    return found
