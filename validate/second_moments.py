r"""Second moments of a spike, K = H C H^T: of a network of given weights, of samples, of a matrix.

H has no kernel and C no zero eigenvalue, so that K (Y/sqrt(p) - rho) has the eigenvalues of C H^T (Y/sqrt(p) - rho) H
but for zeros, which would be in the way: in a small instance of little noise the one that counts may be negative.

* Of samples: H their left singular vectors times the singular values over the root of their number, C = 1.
* Of a matrix: H its pivoted Cholesky factor, C = 1.
* Of a network: the Gaussian network with its moments (`theory.spectral`); C_l = diag(a) + diag(c) W C_(l-1) W^T
  diag(c)/n + mean mean^T is that of the narrowest layer above which all is linear, H what is above.  Its products are
  those with the weights, and K is nowhere.

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
_RANK = 1e-12  # relative: singular values of samples that are taken for zero
_NO_MEAN = 1e-30  # relative: squares of means that are taken for zero
_NEGATIVE = 1e-8  # relative: negative part of a matrix of second moments that is taken for rounding


@dataclass(frozen=True, kw_only=True)
class SecondMoments:
    """K = H C H^T, as products.

    Attributes
    ----------
    size, columns : int
        Shape of H.
    forward, backward : functions of an array (columns,), (size,)
        H w, and H^T v.
    inner : function of an array (columns,), or None
        C w; None if C is the identity.
    trace : float
        Of K; of a network its limit for large p, from which it differs by a part of order 1/p.
    """

    size: int
    columns: int
    forward: Callable[[Array], Array]
    backward: Callable[[Array], Array]
    inner: Callable[[Array], Array] | None = None
    trace: float

    @property
    def rho(self) -> float:
        """tr K/p."""
        return self.trace / self.size


def _of_factor(factor: Array) -> SecondMoments:
    size, columns = factor.shape
    return SecondMoments(size=size, columns=columns, forward=lambda w: factor @ w, backward=lambda v: factor.T @ v,
                         trace=float((factor**2).sum()))


def _of_identity_and_factor(identity: float, factor: Array) -> SecondMoments:
    """K = identity + factor factor^T, which has no kernel."""
    size = len(factor)
    return SecondMoments(size=size, columns=size, forward=lambda w: w, backward=lambda v: v,
                         inner=lambda w: identity * w + factor @ (factor.T @ w),
                         trace=float((factor**2).sum()) + identity * size)


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
    scaled = found * math.sqrt((1 - shrinkage) / count)
    if len(scaled) > 2 * size:  # the same K by fewer rows
        scaled = linalg.qr(scaled, mode="r")[0][:size]
    _, singular, directions = np.linalg.svd(scaled, full_matrices=False)
    kept = singular > _RANK * singular[0]
    factor = np.ascontiguousarray(directions[kept].T * singular[kept])
    return _of_identity_and_factor(shrinkage * scale / (count * size), factor) if shrinkage > 0 else _of_factor(factor)


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
    steps, means, latents = [], [mean], variance
    for layer, matrix in zip(network.layers, found, strict=True):
        field = matrix @ mean / math.sqrt(matrix.shape[1])
        functions = lambdify([b, spread], [layer.mean, layer.response, layer.rest])
        mean, response, rest = (np.broadcast_to(part, field.shape) for part in functions(field, variance))
        rest = np.maximum(rest, 0.0)  # a difference: where phi is linear around b, rounding
        steps.append(_Step(matrix, response / math.sqrt(matrix.shape[1]), rest, layer.mean == layer.response * b))
        means.append(mean)
        variance = float((rest + response**2 * variance).mean())
    return _of_network(latents, steps, means, variance)


@dataclass(frozen=True)
class _Step:
    """One layer of the Gaussian network: C -> rest + response W C W^T response."""

    weights: Array
    response: Array  # c/sqrt(n)
    rest: Array  # a
    proportional: bool  # the mean is c times that of the field

    @property
    def linear(self) -> bool:
        return self.proportional and not self.rest.any()

    def forward(self, x: Array) -> Array:
        return self.response * (self.weights @ x)

    def backward(self, x: Array) -> Array:
        return self.weights.T @ (self.response * x)


def _of_network(latents: float, steps: list[_Step], means: list[Array], variance: float) -> SecondMoments:
    lowest = len(steps)
    while lowest > 0 and steps[lowest - 1].linear:
        lowest -= 1
    place = min(range(lowest, len(steps) + 1), key=lambda k: (means[k].size, k))
    mean = means[place]
    with_mean = bool((mean**2).mean() > _NO_MEAN * variance)

    def forward(w: Array) -> Array:
        for step in steps[place:]:
            w = step.forward(w)
        return w

    def backward(v: Array) -> Array:
        for step in reversed(steps[place:]):
            v = step.backward(v)
        return v

    def covariance(w: Array) -> Array:
        passed = []
        for step in reversed(steps[:place]):
            passed.append((step, w))
            w = step.backward(w)
        w = latents * w
        for step, above in reversed(passed):
            w = step.rest * above + step.forward(w)
        return w

    def inner(w: Array) -> Array:
        return covariance(w) + mean * (mean @ w) if with_mean else covariance(w)

    size, last = means[-1].size, means[-1]
    trace = size * variance + (float(last @ last) if with_mean else 0.0)
    if place == 0 and not with_mean:
        root = math.sqrt(latents)
        return SecondMoments(size=size, columns=mean.size, forward=lambda w: root * forward(w),
                             backward=lambda v: root * backward(v), trace=trace)
    return SecondMoments(size=size, columns=mean.size, forward=forward, backward=backward, inner=inner, trace=trace)


def second_moments_of_independent(prior: Prior, size: int) -> SecondMoments:
    """Second moments of independent components: the variance times the identity, and the mean."""
    network = linear_network(prior)
    mean = np.full((size, 1), math.sqrt(float(network.mean_square)))
    return _of_identity_and_factor(float(network.variance), mean)


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
