r"""What a signal's prior does in one iteration of message passing: independent components, or layers of a network.

Whatever the observations are, they reach the signal v as the factor exp(B.v - A |v|^2/2).  A prior of independent
components answers with f_a(A, B) and f_v(A, B).  A network v_l = phi_l(F_l v_(l-1)), F_l = W_l/sqrt(n_(l-1)), v_0 = z,
passes the message down its layers, all of them with what was known before (l = L ... 1, A_L = A, B_L = B):

.. math::
    w_l^t &= F_l \hat v_{l-1}^t - V_{l-1}^t\, g_l^{t-1}, &
    g_l^t &= \partial_w L_l(B_l^t, A_l^t, w_l^t, V_{l-1}^t), \\
    A_{l-1}^t &= -\alpha_l\, \overline{\partial_w g_l^t}, &
    B_{l-1}^t &= F_l^T g_l^t + A_{l-1}^t \hat v_{l-1}^t, \\
    \hat v_l^{t+1} &= \partial_B L_l(B_l^t, A_l^t, w_l^t, V_{l-1}^t), &
    V_l^{t+1} &= \overline{\partial_B^2 L_l},

bars being averages over components, and \hat v_0^{t+1} = f_a(A_0^t, B_0^t) (Manoel, Krzakala, Mezard, Zdeborova, ISIT
2017).  Each Onsager term belongs to one matrix: F_l sees back what it told through \hat v_{l-1}^t, which was computed
with g_l^{t-1}; A_{l-1}^t \hat v_{l-1}^t is of the time of the w_l in which that estimate stood.

A data matrix seen through a channel is such a layer too, whose g comes from the outputs: `MatrixStage` is both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..theory.priors import Prior
from .constants import numbers_of
from .denoisers import input_denoiser
from .layer_denoisers import layer_denoiser
from .symmetry import free_signs, nudged_inputs
from .teacher import Sampled

__all__ = ["INFORMED", "NUDGE", "RECOVERED", "STARTS", "MatrixStage", "Side", "of_left"]

Array = NDArray[np.float64]

STARTS = ("uninformative", "informative")
NUDGE = 0.01  #: overlap, in units of E x^2, of an uninformative start where overlap 0 is a fixed point
INFORMED = 1e-3  #: mse, in units of E x^2, of an informative start
RECOVERED = 1e-9  #: V, in units of E x^2, below which a signal is called recovered
EXPLAINED = 30.0  #: ... if mean g^2 is at most so many times -mean dg/dw, to which it is equal on average
VARIANCE_FLOOR = 1e-12  #: in units of E x^2: V is kept above, where divisions by it keep their digits


def of_left(values: Mapping[str, float]) -> dict[str, float]:
    """Quantities of v named as those of u, the signal at the rows of a spiked Wishart matrix."""
    return {name.replace("_", "_u") if name.startswith("m_") else f"{name}_u": value for name, value in values.items()}


class MatrixStage:
    """One matrix F between a signal x below and what is seen of F x above.

    Parameters
    ----------
    matrix : array (n, p)
        Entries N(0, 1/p).
    damping : float in [0, 1)
    """

    def __init__(self, matrix: Array, damping: float = 0.0) -> None:
        self._matrix, self._ratio, self._damping = matrix, matrix.shape[0] / matrix.shape[1], damping
        self._g: Array = np.zeros(matrix.shape[0])
        self._estimate: Array | None = None
        self.told: tuple[float, Array] = (0.0, np.zeros(matrix.shape[1]))  #: A and B, as last returned
        self.precision = 0.0  #: A, as averaged
        self.square = 0.0  #: alpha mean g^2, to which it is equal on average

    def field(self, estimate: Array, variance: float) -> Array:
        """Return w, the mean of F x."""
        w = self._matrix @ estimate
        w -= variance * self._g
        return w

    def answer(self, estimate: Array, g: Array, slope: Array) -> tuple[float, Array]:
        """Return A and B, given the estimate that the field was made of, and g and dg/dw there."""
        damping = 0.0 if self._estimate is None else self._damping
        self._estimate = estimate
        self._g = damped(g, self._g, damping)
        self.precision = damped(-self._ratio * float(slope.mean()), self.precision, damping)
        b = self._matrix.T @ self._g
        b += self.precision * estimate
        # -mean dg = mean g^2 on average; near overlap 0 of an even channel both are small, and the first,
        # which makes the Onsager term, is lost in its fluctuations: then the second is the precision
        self.square = self._ratio * float(self._g @ self._g) / self._g.size
        lost = self.precision <= 3 * self._ratio * _spread(slope) / math.sqrt(slope.size)
        self.told = (max(self.square, 1e-30) if lost else self.precision), b
        return self.told

    @property
    def explained(self) -> bool:
        """Whether a signal that is believed to be known explains what is seen above."""
        return self.square <= EXPLAINED * self.precision


class Side:
    """Estimates of a signal and of the layers behind it, between iterations.

    Parameters
    ----------
    prior : Prior without free symbols
    source : Sampled
        The weights, which are known, and the signal, from which starts and errors are measured.
    damping : float in [0, 1)
        Weight of the previous estimates, of all parts.

    Attributes
    ----------
    estimates : list of arrays
        Posterior means of z, the layers' outputs, and last the signal.
    variances : list of float
        Their mean-squared errors, as the algorithm believes.
    """

    def __init__(self, prior: Prior, source: Sampled, damping: float = 0.0) -> None:
        self._source, self._damping = source, damping
        self._layers = [layer_denoiser(activation) for activation, _ in getattr(prior, "layers", ())]
        latent = getattr(prior, "latent", prior)
        self._latent = input_denoiser(latent)
        # Damping of the layers' g as well as of their estimates makes a chain of layers less stable, not more
        self._stages = [MatrixStage(matrix) for matrix in source.weights]
        self._prior = prior
        self._atoms = [latent.continuous_weight == 0]
        self._atoms += [activation.is_flat for activation, _ in getattr(prior, "layers", ())]
        self._mean, *self.powers = numbers_of([latent.first_moment, *getattr(prior, "powers", (prior.second_moment,))])
        self.estimates: list[Array] = []
        self.variances: list[float] = []

    estimate = property(lambda self: self.estimates[-1], doc="Posterior mean of the signal.")
    variance = property(lambda self: self.variances[-1], doc="Its mean-squared error, as the algorithm believes.")
    scale = property(lambda self: self.powers[-1], doc="E x^2.")
    size = property(lambda self: self._source.signal.size)

    def begin(self, start: str, nudged: bool, rng: np.random.Generator) -> None:
        """Set the estimates before the first iteration.

        Parameters
        ----------
        start : {"uninformative", "informative"}
            What is known without observations, layer by layer from z up; or a state of mse 1e-3 E x^2 beside the
            signal and every layer's output.
        nudged : bool
            Give an uninformative start the overlap 0.01 E x^2 with the signal; where a layer cannot tell the sign of
            its input (`nudged_inputs`) that of its input gets one anyhow.

            Estimates that know something are posterior means given a Gaussian observation under the law of one
            component, which is not used again: so the Bayes-optimal state evolution holds from there on.
        """
        if start not in STARTS:
            raise ValueError(f"start = {start!r} is not known: give one of {', '.join(map(repr, STARTS))}")
        places = nudged_inputs(self._prior, nudged)
        self.estimates, self.variances = [], []
        for level, part in enumerate(self._source.parts):
            rho = self.powers[level]
            if start == "informative":
                self._append(*beside(self._marginal(level), part, INFORMED * rho, rho, rng))
            elif places[level]:
                self._append(*beside(self._marginal(level), part, (1 - NUDGE) * rho, rho, rng))
            elif level == 0:
                self._append(np.full_like(part, self._mean), rho - self._mean**2)
            else:
                w = self._source.weights[level - 1] @ self.estimates[-1]
                found = self._layers[level - 1](np.zeros_like(w), 0.0, w, self.variances[-1])
                self._append(np.array(found[0]), float(found[1].mean()))

    def _append(self, estimate: Array, variance: float) -> None:
        self.estimates.append(estimate)
        self.variances.append(max(variance, VARIANCE_FLOOR * self.powers[len(self.variances)]))

    def _marginal(self, level: int) -> Callable[[float, Array], tuple[Array, ...]]:
        """Denoiser of one component of a part, nothing being known of the part below."""
        if level == 0:
            return self._latent
        kernel, below = self._layers[level - 1], self.powers[level - 1]
        return lambda precision, field: kernel(field, precision, 0.0, below)[:2]

    def step(self, precision: float, field: Array) -> float:
        """Take in the messages A, B to the signal; return the mean-squared change of its estimate."""
        before = self.estimates[-1]
        for level in range(len(self._stages), 0, -1):
            stage, estimate, variance = self._stages[level - 1], self.estimates[level - 1], self.variances[level - 1]
            w = stage.field(estimate, variance)
            mean, spread, g, slope = self._layers[level - 1](field, precision, w, variance)
            # atoms that are found so surely that the layer above says nothing more of them stay what they are: a sum
            # of so few g would be lost, and the next step would start afresh
            sure = self._atoms[level - 1] and variance < RECOVERED * self.powers[level - 1]
            known = sure and stage.explained
            precision, field = stage.told if known else stage.answer(estimate, g, slope)
            self._update(level, mean, spread)
        self._update(0, *self._latent(precision, field))
        change = self.estimates[-1] - before
        return float(change @ change) / change.size

    def _update(self, level: int, mean: Array, spread: Array) -> None:
        self.estimates[level] = damped(mean, self.estimates[level], self._damping)
        variance = max(float(spread.mean()), VARIANCE_FLOOR * self.powers[level])
        self.variances[level] = damped(variance, self.variances[level], self._damping)

    def measure(self, symmetric: bool) -> dict[str, float]:
        """Overlap, mse and variance of the signal, and the overlaps m_l with the inputs of the layers.

        Parameters
        ----------
        symmetric : bool
            Observations say nothing of the global sign of the signal: where the prior does not either, nor of the
            sign of what is behind, overlaps and errors are taken up to it.
        """
        free = free_signs(self._prior, symmetric)
        overlap, error = measured(self._source.signal, self.estimate, free[-1])
        found = {"overlap": overlap, "mse": error, "variance": self.variance}
        for level in range(len(self._stages)):
            part = self._source.parts[level]
            along = float(part @ self.estimates[level]) / part.size
            found[f"m_{level + 1}"] = abs(along) if free[level] else along
        return found


def damped(new: Any, old: Any, damping: float) -> Any:
    """`new` with the weight 1 - damping."""
    return new if damping == 0 else (1 - damping) * new + damping * old


def _spread(values: Array) -> float:
    """Standard deviation, in units of which rounding of the mean may be lost: it is compared with the mean."""
    mean = float(values.mean())
    return math.sqrt(max(float(values @ values) / values.size - mean**2, 0.0))


def measured(signal: Array, estimate: Array, symmetric: bool) -> tuple[float, float]:
    """Overlap and mean squared error; up to the global sign if that cannot be known."""
    overlap = float(signal @ estimate) / signal.size
    if symmetric and overlap < 0:
        overlap, estimate = -overlap, -estimate
    error = signal - estimate  # not from the overlap: the difference would lose the digits of a small error
    return overlap, float(error @ error) / signal.size


def beside(
    denoise: Callable[[float, Array], tuple[Array, ...]], signal: Array, mse: float, scale: float,
    rng: np.random.Generator,
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
