r"""Instances sampled from the definitions of the models.

A signal x of p components from the prior, independent or the output of a network of random weights, seen

* in a generalized linear model through a matrix F of n x p independent N(0, 1/p) entries, as outputs
  y = phi(z + sqrt(input_noise) xi) + sqrt(noise) xi' of the field z = F x, with n = round(alpha p),
* in a spiked Wigner matrix as x x^T/sqrt(p), in a spiked Wishart matrix as u x^T/sqrt(p), u another such signal of
  n = round(beta p) components, both in Gaussian noise of variance delta.

The widths of a network are rounded from its ratios, from its output down.  Nothing here uses the free entropy or what
was derived from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..theory.channels import Channel
from ..theory.generative import Generative
from ..theory.priors import DensityLaw, Prior

__all__ = [
    "Instance", "Sampled", "Wigner", "Wishart", "as_sampled", "generators", "layer_sizes", "sample_instance",
    "sample_output", "sample_signal", "sample_source", "sample_wigner", "sample_wishart",
]  # fmt: skip

Array = NDArray[np.float64]

BLOCK = 512  #: rows of a symmetric matrix that are drawn at once


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """A sampled signal and the network it came out of.

    Attributes
    ----------
    parts : tuple of arrays (n_l,)
        z, the outputs of the layers, and last the signal; the signal alone if its components are independent.
    weights : tuple of arrays (n_l, n_(l-1)), C order
        W_l/sqrt(n_(l-1)), entries N(0, 1/n_(l-1)): the first layer first.
    """

    parts: tuple[Array, ...]
    weights: tuple[Array, ...] = ()

    @property
    def signal(self) -> Array:
        """What is to be inferred."""
        return self.parts[-1]


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One sampled problem.

    Attributes
    ----------
    matrix : array (n, p), C order
        F, entries N(0, 1/p).
    source : Sampled
        x, what is to be inferred, and the network behind it.
    field : array (n,)
        z = F x.
    output : array (n,)
        y, what is observed.
    """

    matrix: Array
    source: Sampled
    field: Array
    output: Array

    @property
    def signal(self) -> Array:
        """x, of shape (p,)."""
        return self.source.signal

    @property
    def ratio(self) -> float:
        """n/p as sampled; it differs from alpha by the rounding of n."""
        return self.matrix.shape[0] / self.matrix.shape[1]


@dataclass(frozen=True, kw_only=True)
class Wigner:
    """One spiked Wigner matrix.

    Attributes
    ----------
    matrix : array (p, p), symmetric
        Y = v v^T/sqrt(p) + sqrt(delta) xi; xi_ii has variance 2, which no limit notices.
    source : Sampled
        v.
    delta : float
    """

    matrix: Array
    source: Sampled
    delta: float


@dataclass(frozen=True, kw_only=True)
class Wishart:
    """One spiked Wishart matrix.

    Attributes
    ----------
    matrix : array (n, p), C order
        Y = u v^T/sqrt(p) + sqrt(delta) xi.
    left, right : Sampled
        u, of n components, and v, of p.
    delta : float
    """

    matrix: Array
    left: Sampled
    right: Sampled
    delta: float


def layer_sizes(prior: Prior, size: int) -> tuple[int, ...]:
    """n_0 ... n_L of a network with `size` outputs: each rounded from the next one, at least 1; (size,) without."""
    sizes = [size]
    for _, ratio in reversed(getattr(prior, "layers", ())):
        sizes.append(max(1, round(sizes[-1] / float(ratio))))
    return tuple(reversed(sizes))


def as_sampled(prior: Prior, size: int) -> Prior:
    """Return the prior with the ratios of whole numbers that an instance has."""
    if not isinstance(prior, Generative):
        return prior
    sizes = layer_sizes(prior, size)
    layers = [(activation, sp.Rational(n_out, n_in))
              for (activation, _), n_in, n_out in zip(prior.layers, sizes[:-1], sizes[1:], strict=True)]
    return replace(prior, layers=layers)


def sample_source(prior: Prior, size: int, rng: np.random.Generator) -> Sampled:
    """Draw a signal of `size` components from a prior without free symbols, with the network behind it if any."""
    if not isinstance(prior, Generative):
        return Sampled(parts=(sample_signal(prior, size, rng),))
    sizes = layer_sizes(prior, size)
    parts, weights = [sample_signal(prior.latent, sizes[0], rng)], []
    for (activation, _), n_in, n_out in zip(prior.layers, sizes[:-1], sizes[1:], strict=True):
        weights.append(rng.standard_normal((n_out, n_in)))
        weights[-1] *= n_in**-0.5
        parts.append(sample_output(activation, weights[-1] @ parts[-1], rng))
    return Sampled(parts=tuple(parts), weights=tuple(weights))


def sample_signal(prior: Prior, size: int, rng: np.random.Generator) -> Array:
    """Draw `size` independent components from a prior without free symbols."""
    if isinstance(prior.law, DensityLaw):
        wrapped, scale = prior.law.args
        return float(scale) * wrapped.distribution.rvs(size=size, random_state=rng)
    weights, means, variances = (
        np.array([float(value) for value in column]) for column in zip(*prior.components, strict=True)
    )
    component = rng.choice(weights.size, size=size, p=weights / weights.sum())
    signal = means[component]
    spread = np.sqrt(variances)[component]
    wide = spread > 0
    signal[wide] += spread[wide] * rng.standard_normal(int(wide.sum()))
    return signal


def sample_output(channel: Channel, field: Array, rng: np.random.Generator) -> Array:
    """Draw the outputs y given the fields z, for a channel without free symbols.

    The value of a flat piece is returned exactly, so that a noiseless atom can be recognised by equality.
    """
    noise, input_noise = float(channel.noise), float(channel.input_noise)
    field = np.asarray(field, dtype=float)
    if input_noise > 0:
        field = field + np.sqrt(input_noise) * rng.standard_normal(field.shape)
    output = activation(channel, field)
    if noise > 0:
        output += np.sqrt(noise) * rng.standard_normal(field.shape)
    return output


def activation(channel: Channel, field: Array) -> Array:
    """phi at `field`; at a break, the piece on its right."""
    pieces = np.array([[float(value) for value in piece] for piece in channel.pieces])
    piece = np.searchsorted(pieces[1:, 0], field, side="right")
    slopes, intercepts = pieces[:, 2], pieces[:, 3]
    return slopes[piece] * field + intercepts[piece]


def sample_instance(
    prior: Prior, channel: Channel, alpha: float, size: int, rng: np.random.Generator | int
) -> Instance:
    """Draw one instance with p = `size` and n = round(alpha p), at least 1.

    Parameters
    ----------
    prior, channel : without free symbols
    alpha : float
        n/p.
    size : int
        p.
    rng : numpy Generator or seed
    """
    rng = np.random.default_rng(rng)
    rows = max(1, round(alpha * size))
    source = sample_source(prior, size, rng)
    matrix = rng.standard_normal((rows, size))
    matrix *= size**-0.5
    field = matrix @ source.signal
    return Instance(matrix=matrix, source=source, field=field, output=sample_output(channel, field, rng))


def sample_wigner(prior: Prior, delta: float, size: int, rng: np.random.Generator | int) -> Wigner:
    """Draw a spiked Wigner matrix; beside the matrix itself, memory for a few of its rows is needed.

    Parameters
    ----------
    prior : Prior without free symbols
    delta : float
        Variance of the noise.
    size : int
        p.
    rng : numpy Generator or seed
    """
    rng = np.random.default_rng(rng)
    source = sample_source(prior, size, rng)
    left = source.signal / math.sqrt(size)
    matrix = np.empty((size, size))
    for low in range(0, size, BLOCK):
        high = min(low + BLOCK, size)
        rows = rng.standard_normal((high - low, high))
        corner = rows[:, low:]
        corner += corner.T.copy()
        corner *= math.sqrt(0.5)
        rows *= math.sqrt(delta)
        rows += np.outer(left[low:high], source.signal[:high])
        matrix[low:high, :high] = rows
        matrix[:low, low:high] = rows[:, :low].T
    return Wigner(matrix=matrix, source=source, delta=delta)


def sample_wishart(
    left: Prior, right: Prior, delta: float, beta: float, size: int, rng: np.random.Generator | int
) -> Wishart:
    """Draw a spiked Wishart matrix with p = `size` columns and n = round(beta p) rows, at least 1.

    Parameters
    ----------
    left, right : Prior without free symbols
        Of u and of v.
    delta : float
        Variance of the noise.
    beta : float
        n/p.
    size : int
        p.
    rng : numpy Generator or seed
    """
    rng = np.random.default_rng(rng)
    rows = max(1, round(beta * size))
    u, v = sample_source(left, rows, rng), sample_source(right, size, rng)
    matrix = rng.standard_normal((rows, size))
    matrix *= math.sqrt(delta)
    scaled = u.signal / math.sqrt(size)
    for low in range(0, rows, BLOCK):
        matrix[low : low + BLOCK] += np.outer(scaled[low : low + BLOCK], v.signal)
    return Wishart(matrix=matrix, left=u, right=v, delta=delta)


def generators(rng: Any, count: int) -> list[np.random.Generator]:
    """Return `count` independent generators, spawned from a seed or from a generator.

    A generator's stream does not move, but it counts its children: a second call returns other ones.
    """
    return np.random.default_rng(rng).spawn(count)
