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
one product with F and one with F^T.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..theory.channels import Channel
from ..theory.priors import DensityLaw, Prior
from .denoisers import Kernel, input_denoiser, output_denoiser
from .teacher import Instance

__all__ = ["STARTS", "AmpRun", "amp", "has_sign_symmetry", "needs_nudge"]

Array = NDArray[np.float64]

STARTS = ("uninformative", "informative")
NUDGE = 0.01  #: overlap, in units of E x^2, of an uninformative start where overlap 0 is a fixed point
INFORMED = 1e-3  #: mse, in units of E x^2, of an informative start
RECOVERED = 1e-9  #: V, in units of E x^2, below which the signal is called recovered
EXPLAINED = 30.0  #: ... if mean g^2 is at most so many times -mean dg/dw, to which it is equal on average
VARIANCE_FLOOR = 1e-12  #: in units of E x^2: V is kept above, where divisions by it keep their digits


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
        Columns iteration, overlap (x.xhat/p), mse and variance; iteration 0 is the start.
    converged : bool
        True if the root mean square change of the estimate fell below the tolerance, in units of that of the
        signal, or if the signal is recovered (V < 1e-9 E x^2, and the outputs are explained).
    change : float
        That change, in the last iteration.
    iterations : int
    """

    estimate: Array
    variance: float
    trajectory: pd.DataFrame
    converged: bool
    change: float
    iterations: int

    @property
    def overlap(self) -> float:
        """x.xhat/p at the end (its modulus where the sign of x cannot be known)."""
        return float(self.trajectory["overlap"].iloc[-1])

    @property
    def mse(self) -> float:
        """|x - xhat|^2/p at the end (up to the sign of x where that cannot be known)."""
        return float(self.trajectory["mse"].iloc[-1])


def needs_nudge(prior: Prior, channel: Channel) -> bool:
    """True if overlap 0 is a fixed point: the channel is even and the prior has mean 0."""
    return channel.is_even and float(prior.first_moment) == 0.0


def has_sign_symmetry(prior: Prior, channel: Channel) -> bool:
    """True if x and -x are equally likely whatever the outputs: even channel and symmetric prior."""
    return channel.is_even and _is_symmetric(prior)


def _is_symmetric(prior: Prior) -> bool:
    if isinstance(prior.law, DensityLaw):
        law = prior.law.args[0].distribution
        x = law.ppf(np.linspace(0.005, 0.995, 199))
        return np.allclose(law.pdf(x), law.pdf(-x), rtol=1e-9)
    laws: dict[tuple[float, float], float] = {}
    for weight, mean, variance in prior.components:
        key = (float(mean), float(variance))
        laws[key] = laws.get(key, 0.0) + float(weight)
    return all(math.isclose(laws.get((-mean, variance), 0.0), w) for (mean, variance), w in laws.items())


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
        evolution holds from there on; the observation is not used again.
    max_iterations : int
    tolerance : float
        Stop when the root mean square change of the estimate is below it, in units of that of the signal;
        0 never stops early.
    damping : float in [0, 1)
        Weight of the previous messages; 0 is the algorithm that state evolution describes.  It may save a
        noiseless problem close to its threshold at small sizes, and it may trap an even channel at overlap 0.
    rng : numpy Generator or seed
        For the starts that know something of the signal.

    Returns
    -------
    AmpRun
    """
    denoise_input, denoise_output = input_denoiser(prior), output_denoiser(channel).on(instance.output)
    matrix, signal = instance.matrix, instance.signal
    scale = float(prior.second_moment)
    floor, enough = VARIANCE_FLOOR * scale, tolerance**2 * scale
    symmetric = has_sign_symmetry(prior, channel)
    ratio = instance.ratio

    estimate, variance = _start(prior, channel, denoise_input, signal, start, np.random.default_rng(rng))
    g, precision = np.zeros_like(instance.output), 0.0
    rows = [(0, *_measure(signal, estimate, symmetric), variance)]
    converged, change = False, math.inf
    with np.errstate(all="ignore"):  # what is not finite is looked at below
        for iteration in range(1, max_iterations + 1):
            w = matrix @ estimate
            w -= variance * g
            new, slope = denoise_output(w, variance)
            g = _damp(new, g, damping if iteration > 1 else 0.0)
            precision = _damp(-ratio * float(slope.mean()), precision, damping if iteration > 1 else 0.0)
            b = matrix.T @ g
            b += precision * estimate
            # -mean dg = mean g^2 on average; near overlap 0 of an even channel both are small, and the first,
            # which makes the Onsager term, is lost in its fluctuations: then the second is the precision
            square = ratio * float(g @ g) / g.size
            lost = precision <= 3 * ratio * _spread(slope) / math.sqrt(slope.size)
            positive = max(square, 1e-30) if lost else precision
            new, variances = denoise_input(positive, b)
            new = _damp(new, estimate, damping)
            variance = _damp(max(float(variances.mean()), floor), variance, damping)
            step = new - estimate
            change = float(step @ step) / step.size
            estimate = new
            rows.append((iteration, *_measure(signal, estimate, symmetric), variance))
            if not math.isfinite(change):
                break
            # recovered: beyond this point V falls on its own (or the atoms of the prior are found so surely
            # that no output says anything more, and the next step would start afresh); believed only if the
            # outputs are explained
            explained = square <= EXPLAINED * precision
            recovered = variance < RECOVERED * scale and explained
            if change < enough or recovered:
                converged = True
                break
    return AmpRun(
        estimate=estimate,
        variance=variance,
        trajectory=pd.DataFrame(rows, columns=["iteration", "overlap", "mse", "variance"]),
        converged=converged,
        change=math.sqrt(change / scale),
        iterations=rows[-1][0],
    )


def _damp(new: Any, old: Any, damping: float) -> Any:
    return new if damping == 0 else (1 - damping) * new + damping * old


def _spread(values: Array) -> float:
    """Standard deviation, in units of which rounding of the mean may be lost: it is compared with the mean."""
    mean = float(values.mean())
    return math.sqrt(max(float(values @ values) / values.size - mean**2, 0.0))


def _measure(signal: Array, estimate: Array, symmetric: bool) -> tuple[float, float]:
    """Overlap and mean squared error; up to the global sign if that cannot be known."""
    overlap = float(signal @ estimate) / signal.size
    if symmetric and overlap < 0:
        overlap, estimate = -overlap, -estimate
    error = signal - estimate  # not from the overlap: the difference would lose the digits of a small error
    return overlap, float(error @ error) / signal.size


def _start(
    prior: Prior, channel: Channel, denoise: Kernel, signal: Array, start: str, rng: np.random.Generator
) -> tuple[Array, float]:
    if start not in STARTS:
        raise ValueError(f"start = {start!r} is not known: give one of {', '.join(map(repr, STARTS))}")
    mean, second = float(prior.first_moment), float(prior.second_moment)
    if start == "informative":
        return _beside(denoise, signal, INFORMED * second, second, rng)
    if needs_nudge(prior, channel):
        return _beside(denoise, signal, (1 - NUDGE) * second, second, rng)
    return np.full_like(signal, mean), second - mean**2


def _beside(
    denoise: Kernel, signal: Array, mse: float, scale: float, rng: np.random.Generator
) -> tuple[Array, float]:
    """Posterior mean given B = A x + sqrt(A) xi, with A such that the posterior variance is `mse`."""
    noise = rng.standard_normal(signal.size)

    def observe(log_precision: float) -> tuple[Array, float]:
        precision = math.exp(log_precision)
        estimate, variances = denoise(precision, precision * signal + math.sqrt(precision) * noise)
        return estimate, float(variances.mean())

    def excess(log_precision: float) -> float:
        return math.log(max(observe(log_precision)[1], 1e-300) / mse)

    low, high = math.log(1e-6 / scale), math.log(1e12 / scale)
    if excess(low) <= 0:  # the prior alone knows as much
        return observe(low)
    return observe(brentq(excess, low, high, xtol=1e-8))  # the mean posterior variance falls with the precision
