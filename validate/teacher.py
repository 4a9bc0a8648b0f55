r"""Instances sampled from the definition of a generalized linear model.

A signal x of p independent components from the prior, a matrix F of n x p independent N(0, 1/p) entries, and
outputs y = phi(z + sqrt(input_noise) xi) + sqrt(noise) xi' of the field z = F x, with n = round(alpha p).
Nothing here uses the free entropy or what was derived from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..theory.channels import Channel
from ..theory.priors import DensityLaw, Prior

__all__ = ["Instance", "generators", "sample_instance", "sample_output", "sample_signal"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One sampled problem.

    Attributes
    ----------
    matrix : array (n, p), C order
        F, entries N(0, 1/p).
    signal : array (p,)
        x, what is to be inferred.
    field : array (n,)
        z = F x.
    output : array (n,)
        y, what is observed.
    """

    matrix: Array
    signal: Array
    field: Array
    output: Array

    @property
    def ratio(self) -> float:
        """n/p as sampled; it differs from alpha by the rounding of n."""
        return self.matrix.shape[0] / self.matrix.shape[1]


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
    signal = sample_signal(prior, size, rng)
    matrix = rng.standard_normal((rows, size))
    matrix *= size**-0.5
    field = matrix @ signal
    return Instance(matrix=matrix, signal=signal, field=field, output=sample_output(channel, field, rng))


def generators(rng: Any, count: int) -> list[np.random.Generator]:
    """Return `count` independent generators, spawned from a seed or from a generator.

    A generator's stream does not move, but it counts its children: a second call returns other ones.
    """
    return np.random.default_rng(rng).spawn(count)
