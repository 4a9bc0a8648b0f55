r"""Generalized approximate message passing (Rangan 2011) for a GLM, Bayes-optimal, with scalar variances.

For F_ij ~ N(0, 1/p) and alpha = n/p the variances concentrate, and one iteration t -> t + 1 reads

.. math::
    w^t &= F \hat x^t - V_t\, g^{t-1}, &
    g^t &= g_{out}(y, w^t, V_t), \\
    A_t &= -\alpha\, \overline{\partial_w g_{out}(y, w^t, V_t)}, &
    B^t &= F^T g^t + A_t \hat x^t, \\
    \hat x^{t+1} &= f_a(A_t, B^t), &
    V_{t+1} &= \overline{f_v(A_t, B^t)},

bars being averages over components; both Onsager terms carry the index at which their function was evaluated.
In the limit p -> infinity the overlap x.xhat^t/p obeys state evolution step by step.  Every iteration costs
one product with F and one with F^T.  Where the signal is the output of a network, its layers take the place of f_a
and f_v (:mod:`spinodal.validate.side`): multi-layer message passing, with two products a layer more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..theory.channels import Channel
from ..theory.priors import Prior
from .denoisers import output_denoiser
from .side import RECOVERED, STARTS, MatrixStage, Side
from .symmetry import needs_nudge
from .teacher import Instance

__all__ = ["STARTS", "AmpRun", "Observation", "amp", "iterate"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class AmpRun:
    """What message passing did on one instance.

    Attributes
    ----------
    estimate : array (p,)
        Posterior mean of the signal.
    variance : float
        V, the mse that the algorithm believes in.
    trajectory : DataFrame
        Columns iteration, overlap (x.xhat/p), mse and variance, for a network m_1 ..., the overlaps with the inputs
        of its layers, and for a spiked Wishart matrix the same of u; iteration 0 is the start.
    converged : bool
        True if the root mean square change of the estimate fell below the tolerance, in units of that of the
        signal, or if the signal is recovered (V < 1e-9 E x^2, and the outputs are explained).
    change : float
        That change, in the last iteration.
    iterations : int
    others : mapping of str to array
        Estimates of whatever else is inferred.
    """

    estimate: Array
    variance: float
    trajectory: pd.DataFrame
    converged: bool
    change: float
    iterations: int
    others: Mapping[str, Array] = field(default_factory=dict)

    @property
    def overlap(self) -> float:
        """x.xhat/p at the end (its modulus where the sign of x cannot be known)."""
        return float(self.trajectory["overlap"].iloc[-1])

    @property
    def mse(self) -> float:
        """|x - xhat|^2/p at the end (up to the sign of x where that cannot be known)."""
        return float(self.trajectory["mse"].iloc[-1])


def amp(
    prior: Prior,
    channel: Channel,
    instance: Instance,
    *,
    start: str = "uninformative",
    max_iterations: int = 200,
    tolerance: float = 1e-6,
    damping: float = 0.0,
    rng: Any = 0,
) -> AmpRun:
    """Run message passing on one instance, with the prior and the channel that it was sampled from.

    Parameters
    ----------
    prior, channel : without free symbols
    instance : Instance
    start : {"uninformative", "informative"}
        The prior mean, or a state of mse 1e-3 E x^2 beside the signal.  Where overlap 0 is a fixed point
        (`needs_nudge`) the uninformative start has the small overlap 0.01 E x^2.  Starts that know something
        of the signal are posterior means given a Gaussian observation of it, so that the Bayes-optimal state
        evolution holds from there on; the observation is not used again (`Side.begin`).
    max_iterations : int
    tolerance : float
        Stop when the root mean square change of the estimate is below it, in units of that of the signal;
        0 never stops early.
    damping : float in [0, 1)
        Weight of the previous messages; 0 is the algorithm that state evolution describes.  It may save a
        noiseless problem close to its threshold at small sizes (0.1 with a generator of ReLUs), and it may trap an
        even channel at overlap 0, or make a noiseless problem with a linear generator diverge.
    rng : numpy Generator or seed
        For the starts that know something of the signal.

    Returns
    -------
    AmpRun
    """
    side = Side(prior, instance.source, damping)
    side.begin(start, needs_nudge(prior, channel), np.random.default_rng(rng))
    return iterate(_Outputs(channel, instance, damping), side, symmetric=channel.is_even,
                   max_iterations=max_iterations, tolerance=tolerance)


class Observation(Protocol):
    """What is seen of a signal, between iterations."""

    @property
    def explained(self) -> bool:
        """Whether a signal that is believed to be known explains what is seen."""

    def __call__(self, side: Side) -> tuple[float, Array]:
        """Return the messages A and B to the signal, given its estimate."""

    def measure(self) -> dict[str, float]:
        """Errors of whatever else is inferred."""


def iterate(
    observe: Observation, side: Side, *, symmetric: bool, max_iterations: int, tolerance: float
) -> AmpRun:
    """Run message passing between what is seen of a signal and what its prior says, from where `side` stands.

    Parameters
    ----------
    observe : Observation
    side : Side
    symmetric : bool
        What is seen says nothing of the global sign of the signal.
    max_iterations, tolerance
        As for `amp`.
    """
    scale = side.scale
    enough = tolerance**2 * scale

    def row(iteration: int) -> dict[str, float]:
        return {"iteration": iteration} | side.measure(symmetric) | observe.measure()

    rows = [row(0)]
    converged, change = False, math.inf
    with np.errstate(all="ignore"):  # what is not finite is looked at below
        for iteration in range(1, max_iterations + 1):
            change = side.step(*observe(side))
            rows.append(row(iteration))
            if not math.isfinite(change):
                break
            # recovered: beyond this point V falls on its own (or the atoms of the prior are found so surely
            # that no output says anything more, and the next step would start afresh); believed only if the
            # outputs are explained
            recovered = side.variance < RECOVERED * scale and observe.explained
            if change < enough or recovered:
                converged = True
                break
    return AmpRun(
        estimate=side.estimate,
        variance=side.variance,
        trajectory=pd.DataFrame(rows),
        converged=converged,
        change=math.sqrt(change / scale),
        iterations=len(rows) - 1,
    )


class _Outputs:
    """The outputs of a generalized linear model."""

    def __init__(self, channel: Channel, instance: Instance, damping: float) -> None:
        self._denoise = output_denoiser(channel).on(instance.output)
        self._stage = MatrixStage(instance.matrix, damping)

    def __call__(self, side: Side) -> tuple[float, Array]:
        estimate, variance = side.estimate, side.variance
        g, slope = self._denoise(self._stage.field(estimate, variance), variance)
        return self._stage.answer(estimate, g, slope)

    @property
    def explained(self) -> bool:
        return self._stage.explained

    def measure(self) -> dict[str, float]:
        return {}
