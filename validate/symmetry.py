"""Which signs cannot be known, and where overlap 0 is a fixed point that message passing cannot leave."""

from __future__ import annotations

import math

import numpy as np

from ..theory.channels import Channel
from ..theory.generative import Generative
from ..theory.priors import DensityLaw, Prior
from .constants import numbers_of

__all__ = ["free_signs", "has_sign_symmetry", "is_centred", "needs_nudge", "nudged_inputs"]

_ZERO = 1e-14  # of E x^2: overlaps that are zero to rounding


def needs_nudge(prior: Prior, channel: Channel) -> bool:
    """True if overlap 0 is a fixed point: the channel is even, and nothing is known of the signal beforehand."""
    return channel.is_even and is_centred(prior)


def is_centred(prior: Prior) -> bool:
    """True if nothing is known of the signal without observations."""
    return _centred_parts(prior)[-1]


def _centred_parts(prior: Prior) -> list[bool]:
    """Whether nothing is known of z, and of the layers' outputs, without observations."""
    if not isinstance(prior, Generative):
        return [float(prior.first_moment) == 0.0]
    overlaps, powers = numbers_of(prior.uninformed_overlaps), numbers_of(prior.powers)
    return [overlap <= _ZERO * rho for overlap, rho in zip(overlaps, powers, strict=True)]


def nudged_inputs(prior: Prior, nudged: bool) -> list[bool]:
    """Whether an uninformative start of z, of the layers' outputs, and last (`nudged`) of the signal gets an overlap.

    It must where nothing is known of the input of an even layer.
    """
    centred = _centred_parts(prior)
    even = [activation.is_even for activation, _ in getattr(prior, "layers", ())]
    return [a and b for a, b in zip(centred, [*even, nudged], strict=True)]


def has_sign_symmetry(prior: Prior, channel: Channel) -> bool:
    """True if x and -x are equally likely whatever the outputs: even channel and symmetric prior."""
    return channel.is_even and is_symmetric(prior)


def is_symmetric(prior: Prior) -> bool:
    """True if x and -x have the same law; of a network, with its weights given."""
    return free_signs(prior, True)[-1]


def free_signs(prior: Prior, symmetric: bool) -> list[bool]:
    """Whether the global sign of z, of the layers' outputs, and last of the signal cannot be known.

    Parameters
    ----------
    prior : Prior
    symmetric : bool
        Observations of the signal do not tell its sign.
    """
    if not isinstance(prior, Generative):
        return [symmetric and _independent_is_symmetric(prior)]
    layers = [activation for activation, _ in prior.layers]
    likely = [_independent_is_symmetric(prior.latent)]  # the law below does not tell the sign ...
    for activation in layers:
        likely.append(likely[-1] and _is_odd(activation))
    unseen = [symmetric]  # ... nor does what is seen above
    for activation in reversed(layers):
        unseen.insert(0, activation.is_even or (unseen[0] and _is_odd(activation)))
    return [a and b for a, b in zip(likely, unseen, strict=True)]


def _is_odd(channel: Channel) -> bool:
    pieces = np.array([[float(value) for value in piece] for piece in channel.pieces])
    mirrored = pieces[::-1][:, [1, 0, 2, 3]] * [-1, -1, 1, -1]
    return bool(np.allclose(mirrored, pieces, rtol=1e-12, atol=1e-12))


def _independent_is_symmetric(prior: Prior) -> bool:
    if isinstance(prior.law, DensityLaw):
        law = prior.law.args[0].distribution
        x = law.ppf(np.linspace(0.005, 0.995, 199))
        return np.allclose(law.pdf(x), law.pdf(-x), rtol=1e-9)
    laws: dict[tuple[float, float], float] = {}
    for weight, mean, variance in prior.components:
        key = (float(mean), float(variance))
        laws[key] = laws.get(key, 0.0) + float(weight)
    return all(math.isclose(laws.get((-mean, variance), 0.0), w) for (mean, variance), w in laws.items())
