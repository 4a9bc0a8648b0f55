r"""Entropies of the layers of a network of random weights, and what they tell of each other.

T_0 = X has independent components, T_l = phi_l(W_l T_{l-1}/sqrt(n_{l-1}) + noise) + noise, the weights are known.  Each
T_l is the label of a generalized linear model whose signal is T_{l-1}, so that with f its free entropy per component of
the signal and alpha = n_l/n_{l-1}

.. math:: H(T_l) = -n_{l-1} f, \qquad I(T_l; T_{l-1}) = H(T_l) - n_l H(y | z), \qquad
   I(X; T_l) = H(T_l) - H(T_l | X),

where H(T_l | X) is that of the network that begins with the first noisy layer, whose input X tells
(:mod:`spinodal.theory.known_input`).  H(T_l) <= H(T_k) + H(T_l | T_k): the state in which atoms of a layer below are
known has this entropy, and is compared to the others.  (Manoel, Krzakala, Mezard, Zdeborova, ISIT 2017; Gabrie et al.,
J. Stat. Mech. 124014 (2019); Reeves, Allerton 2017.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

from ..theory.generative import Generative
from ..theory.glm import GLM
from ..theory.known_input import output_given_input
from ..theory.priors import Gaussian, Prior
from .compile import compile_expressions
from .fixed_points import equilibrium
from .result import Status

__all__ = ["layer_information"]

_EPS = np.finfo(float).eps


@dataclass(frozen=True)
class _Value:
    """An extensive quantity per component of X, in nats."""

    value: float
    error: float = 0.0
    status: Status = Status.CONVERGED

    def __add__(self, other: _Value) -> _Value:
        return self._with(self.value + other.value, other)

    def __sub__(self, other: _Value) -> _Value:
        return self._with(self.value - other.value, other)

    def _with(self, value: float, other: _Value) -> _Value:
        worse = max(self.status, other.status, key=_severity)
        rounding = _EPS * max(abs(self.value), abs(other.value)) if math.isfinite(value) else 0.0
        return _Value(value, self.error + other.error + rounding, worse)


_NOTHING, _INFINITE = _Value(0.0), _Value(math.inf, status=Status.LIMIT)


def layer_information(network: Generative) -> pd.DataFrame:
    """Entropies and mutual informations of the layers of a network of random weights, Bayes-optimal.

    Parameters
    ----------
    network : Generative
        With numbers for all parameters.  Activations carry the noise of their layers (``noise`` is added to the
        output, ``input_noise`` to the preactivation); without noise the layer is deterministic.

    Returns
    -------
    DataFrame
        One row per layer l, the first layer first; X = T_0 is the latent vector and n_l the size of T_l.

        =====================================  ===================================================================
        ``layer``, ``activation``, ``ratio``   l, phi_l, n_l/n_{l-1}
        ``size``                               n_l/n_0
        ``measure``                            ``"counting"``: `entropy` is Shannon's; else it is differential, with
                                               respect to the Lebesgue measure, plus a count of the atoms named
        ``entropy``                            H(T_l)/n_l, nats per component of T_l; -inf if T_l has a density on a
                                               manifold of fewer dimensions only
        ``latent_information``                 I(X; T_l)/n_l, nats per component of T_l
        ``input_information``                  I(T_l; T_{l-1})/n_l, nats per component of T_l
        ``..._per_latent``                     the same three over n_0: nats per component of X
        ``error``                              of the finite ones of the last three, absolute
        ``status``                             the worst of those of their states
        =====================================  ===================================================================

        Mutual information with a layer that tells real numbers without noise is infinite.

    Raises
    ------
    TypeError, ValueError
        If it is no network, or has parameters without numbers.

    Notes
    -----
    In two layers and more, a layer that several states of the layers below explain equally well is taken in the state
    of least information, or with the atoms of a layer below known.
    """
    if not isinstance(network, Generative):
        raise TypeError(f"network = {network!r} is not a network: give one such as Generative([(ReLU(), 2)])")
    if network.free_symbols:
        names = ", ".join(sorted(s.name for s in network.free_symbols))
        raise ValueError(f"network has the parameters {names}: give them numbers")
    chain = _Chain(network)
    return pd.DataFrame([chain.row(k) for k in range(1, len(network.layers) + 1)])


class _Chain:
    """The layers T_0, T_1, ...; `given` is the layer that is known, None for none."""

    def __init__(self, network: Generative):
        self.network = network
        self.layers = network.layers
        self.powers = [_number(power)[0] for power in network.powers]
        self.ratios = [float(ratio) for _, ratio in network.layers]
        self.sizes = [float(size) for size in np.cumprod([1.0, *self.ratios])]
        self.atomic = [bool(network.latent.continuous_weight.is_zero)]
        for activation, _ in self.layers:
            self.atomic.append(activation.is_flat or (self.atomic[-1] and not _noisy(activation)))
        self.entropy = cache(self._entropy)

    def row(self, k: int) -> dict[str, object]:
        """Everything about T_k."""
        (activation, _), size = self.layers[k - 1], self.sizes[k]
        entropy, latent, below = self.entropy(k, None), self.latent_information(k), self.input_information(k)
        found = {"entropy": entropy, "latent_information": latent, "input_information": below}
        return {
            "layer": k, "activation": repr(activation), "ratio": self.ratios[k - 1], "size": size,
            "measure": "counting" if self.atomic[k] else activation.reference_measure,
            **{name: each.value / size for name, each in found.items()},
            **{f"{name}_per_latent": each.value for name, each in found.items()},
            "error": max(each.error for each in found.values() if math.isfinite(each.value))
            if any(math.isfinite(each.value) for each in found.values()) else 0.0,
            "status": max((each.status for each in found.values()), key=_severity),
        }

    def input_information(self, k: int) -> _Value:
        """I(T_k; T_{k-1})."""
        if not _noisy(self.layers[k - 1][0]):
            return self.entropy(k, None) if self.atomic[k] else _INFINITE
        return self.entropy(k, None) - self.noise(k)

    def latent_information(self, k: int) -> _Value:
        """I(X; T_k)."""
        if k == 0:
            return self.entropy(0, None) if self.atomic[0] else _INFINITE
        if self.known_up_to(0, k) == k:
            return self.entropy(k, None) if self.atomic[k] else _INFINITE
        if self.tells_input(k):
            return self.latent_information(k - 1)
        return self.entropy(k, None) - self.entropy(k, 0)

    def tells_input(self, k: int) -> bool:
        """Whether T_{k-1} follows from T_k: real numbers without noise, enough of them."""
        activation, _ = self.layers[k - 1]
        if _noisy(activation) or activation.is_flat:
            return False
        return self.atomic[k - 1] or self.entropy(k, None).value == -math.inf

    def known_up_to(self, given: int, k: int) -> int:
        """The last layer up to k that follows without noise from a given one."""
        while given < k and not _noisy(self.layers[given][0]):
            given += 1
        return given

    def noise(self, k: int) -> _Value:
        """H(T_k | T_{k-1})."""
        model = GLM(Gaussian(variance=self.powers[k - 1]), self.layers[k - 1][0])
        value, error = _number(model.conditional_entropy)
        return _Value(self.sizes[k] * value, self.sizes[k] * error)

    def _entropy(self, k: int, given: int | None) -> _Value:
        """H(T_k | T_given): Shannon's if T_k has atoms only, else differential."""
        if given is not None:
            given = self.known_up_to(given, k)
            if given == k:
                return _NOTHING if self.atomic[k] else _Value(-math.inf, status=Status.LIMIT)
            if given == k - 1:
                return self.noise(k)
        if k == 0:
            value, error = _number(self.network.latent.entropy)
            return _Value(value, error)
        if self.atomic[k] and not self.layers[k - 1][0].is_flat:  # real numbers tell the atoms below
            return self.entropy(k - 1, given)
        states = [self.solved(k, given)]
        below = range(0 if given is None else given + 1, k)
        states += [self.entropy(j, given) + self.entropy(k, j) for j in below if self.atomic[j]]
        return min(states, key=lambda state: state.value)

    def solved(self, k: int, given: int | None) -> _Value:
        """The same from the equilibrium of the generalized linear model."""
        activation, ratio = self.layers[k - 1]
        state = equilibrium(GLM(self.signal(k - 1, given), activation), alpha=float(ratio))
        size = self.sizes[k - 1]
        return _Value(-size * state.free_entropy, size * state.error, state.status)

    def signal(self, k: int, given: int | None) -> Prior:
        """Law of T_k, given a layer below it or nothing."""
        first, latent = 0, self.network.latent
        if given is not None:
            first = given + 1
            latent = output_given_input(self.layers[given][0], self.powers[given])
        inside = self.layers[first:k]
        return replace(self.network, layers=inside, latent=latent) if inside else latent


def _noisy(activation) -> bool:
    return activation.noise != 0 or activation.input_noise != 0


def _severity(status: Status) -> int:
    return (Status.CONVERGED, Status.LIMIT).index(status) if status.good else 2


def _number(expression) -> tuple[float, float]:
    """Value and error of an expression without parameters."""
    if expression.is_infinite:
        return float(expression), 0.0
    function, numbers = compile_expressions([expression])
    found = function(numbers)
    return float(found.values[0, 0]), float(found.errors[0, 0])
