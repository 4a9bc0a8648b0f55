r"""The output of a noisy layer whose input is known: a law of independent components, each with side information.

Given T_{l-1}, the preactivations w of layer l are known numbers, Gaussian over the components with variance rho, and
T_l has independent components phi(w + sqrt(input_noise) xi) + sqrt(noise) xi'.  What layers of random weights above it
see of T_l enters through averages over w alone: it is a latent law like any other, known to some extent beforehand.
They are those of a layer (:mod:`spinodal.theory.layers`) at V = 0, m = rho.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from .channels import Channel
from .evidence import Law, information, u
from .layers import LayerLaw, LayerMean
from .means import GaussianMean
from .parameters import formula_symbol, positive
from .priors import Gaussian, Prior

__all__ = ["KnownInput", "output_given_input"]

_W = formula_symbol("omega")
_NAMES = {u[0]: "log_partition", u[1] ** 2: "overlap", u[2]: "mmse", information: "information",
          u[2] ** 2: "response_AA", u[3] ** 2 - 2 * u[2] ** 3: "bend_AAA"}


class _KnownInputLaw(Law):
    """``args`` are the layer's law and the variance of its known preactivations."""

    direction = -1
    symbol = "x"

    def average(self, moment, *times):
        for known, name in _NAMES.items():
            if moment == sp.expand(known):
                return LayerMean(name, self.args[0], *times, sp.S.Zero, self.args[1]).doit()
        raise NotImplementedError(f"the average of {moment} over the output of a layer is not written down")


@dataclass(frozen=True)
class KnownInput(Prior):
    """T = phi(w + sqrt(input_noise) xi) + sqrt(noise) xi', w ~ N(0, power) known.

    Parameters
    ----------
    activation : Channel
        With input noise; without it, the law is Gaussian (:func:`output_given_input`).
    power : positive number
        Variance of the preactivations.
    """

    activation: Channel
    power: Any

    def __post_init__(self):
        if not isinstance(self.activation, Channel) or self.activation.input_noise == 0:
            raise ValueError(f"activation = {self.activation!r}: give a channel with input_noise > 0")
        self._check(power=positive("power", self.power))

    @property
    def law(self) -> Law:
        return _KnownInputLaw(LayerLaw(*self.activation.law.args), self.power)

    def log_partition(self, A, B):
        raise NotImplementedError("the components have different laws: there is no denoiser of one component")

    posterior = log_partition

    @property
    def first_moment(self):
        """Root of the mean square of E[T | w], which is what is known beforehand."""
        mean = self.activation.mean_output(_W, self.activation.input_noise)
        return sp.sqrt(GaussianMean(mean**2, _W, 0, self.power).doit())

    @property
    def second_moment(self):
        return self.activation.output_second_moment(self.power)

    @property
    def susceptibility(self):
        raise NotImplementedError("something is known without observations: there is no onset")

    @property
    def continuous_weight(self):
        if self.activation.noise != 0:
            return sp.S.One
        return self.activation.continuous_probability(self.power)

    @property
    def entropy(self):
        """Per component, in nats, given w."""
        if not self.continuous_weight.is_zero:
            return sp.oo
        return -self.activation.average(u[0], sp.S.Zero, self.power)


def output_given_input(activation: Channel, power: Any) -> Prior:
    """Law of the output of a noisy layer given its input, of second moment `power`.

    Noise that is added to the output leaves phi(w) as known means: Gaussian, and only their mean square counts.

    Raises
    ------
    ValueError
        If the layer has no noise: its output is known.
    """
    if activation.input_noise != 0:
        return KnownInput(activation, power)
    if activation.noise == 0:
        raise ValueError(f"activation = {activation!r} has no noise: its output is known where its input is")
    signal = activation.output_second_moment(sp.sympify(power)) - activation.noise
    return Gaussian(sp.sqrt(signal), variance=activation.noise)
