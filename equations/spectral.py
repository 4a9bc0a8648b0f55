r"""Overlaps of PCA and LAMP with the spike, from the spectrum of its second moments (derived in `theory.spectral`).

A spectrum is a sum of atoms (eigenvalues that are given, or the one variance of independent components) seen through
any number of layers.  All of it is evaluated along one explicit curve, from the latents' argument tau up:

.. math:: \tau \to t \to \delta(t) = \frac mt + \int \frac{x^2}{1 + t x}\,d\mu(x), \qquad q = t\,\delta(t),

on which delta falls from its threshold (or from infinity, with a mean m) to 0. So the overlap at a given delta is found
by bisection in tau, to the last bit, for all deltas at once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..theory.priors import Prior
from ..theory.spectral import LinearLayer, b, linear_network, spread
from .generate import lambdify

__all__ = ["Overlaps", "Spectrum", "lamp_overlap", "pca_overlap", "spectrum_of", "spectrum_of_eigenvalues"]

Array = NDArray[np.float64]

_STEP = 0.125  # of the trapezoidal rule over b, in units of its standard deviation or of that of the field around it
_REACH = 9.0  # standard deviations
_EPSILON = float(np.finfo(float).eps)
_RANGE = 1e60  # of tau times the variance of the latents
_NEWTON = 100  # steps at most; a handful are enough
_SMALLEST = 1e-60  # 1/t, in units of what it is at most


class Overlaps(NamedTuple):
    """LAMP's squared cosine with the spike, arrays like delta, and its estimated absolute error."""

    value: Array
    error: Array


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """A layer at the nodes of its average over b."""

    ratio: float
    weights: Array
    gain: Array  # c^2
    rest: Array  # a

    def up(self, tau: Array, h: Array, G: Array) -> tuple[Array, Array, Array]:
        """Return t, h(t), G(t) of the output from tau, h(tau), G(tau) of the input; t is infinite where it is none."""
        w = self.rest + self.gain * h[..., None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            t = 1 / self._inverse(tau, w)
        r = 1 / (1 + np.where(np.isfinite(t), t, 0.0)[..., None] * w)
        seen = (self.weights * self.gain * r).sum(-1)
        total = (self.weights * self.gain).sum()
        return t, (self.weights * w * r).sum(-1), (self.weights * w**2 * r).sum(-1) + self.ratio * total * seen * G

    def _inverse(self, tau: Array, w: Array) -> Array:
        """s = 1/t where alpha E[c^2/(s + w)] = tau, or 0 if the left side is smaller for all s > 0.

        The root is at most alpha E c^2/tau, because w is positive; and by Jensen's inequality at least that less the
        mean of w with weights c^2, which is the root if w is constant.  Between the two, Newton's steps in logarithms,
        and halves of the interval where they leave it: a saturated phi has c and w that differ by hundreds of orders.
        """
        weights = self.weights * self.gain
        total = weights.sum()
        high = self.ratio * total / tau
        low = high - (weights * w).sum(-1) / total
        if len(weights) == 1:
            return np.maximum(low, 0.0)
        bounded = low > high * _SMALLEST
        low, high = np.log(np.where(bounded, low, high * _SMALLEST)), np.log(high)
        x, target = low, np.log(tau / self.ratio)
        for step in range(_NEWTON):
            s = np.exp(x)[..., None]
            inverse = 1 / (s + w)
            value = (weights * inverse).sum(-1)
            slope = -(weights * s * inverse**2).sum(-1) / value
            gap = np.log(value) - target
            if step == 0:
                none = ~bounded & (gap < 0)  # not even for the largest t
            low, high = np.where(gap > 0, x, low), np.where(gap > 0, high, x)
            after = x - gap / slope
            after = np.where((low <= after) & (after <= high), after, (low + high) / 2)
            if (np.abs(after - x) <= 8 * _EPSILON * np.maximum(np.abs(x), 1.0)).all():
                break
            x = after
        return np.where(none, 0.0, np.exp(after))


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """Limit of the spectrum of K = E[v v^T | W].

    Attributes
    ----------
    atoms, weights : arrays
        Eigenvalues of the latents' covariance; weights add up to 1.
    layers : tuple
    mean_square : float
        m = |E[v|W]|^2/p, whose eigenvalue p m is apart from the rest.
    variance : float
        tr C/p of the rest.
    second_moment : float
        rho = m + tr C/p.
    square : float
        tr C^2/p.
    """

    atoms: Array
    weights: Array
    layers: tuple[_Layer, ...] = ()
    mean_square: float = 0.0
    variance: float
    second_moment: float
    square: float

    @property
    def averaged(self) -> bool:
        """Whether anything here is an average over b, with an error of quadrature."""
        return any(len(layer.weights) > 1 for layer in self.layers) or len(set(self.weights)) > 1

    @property
    def threshold(self) -> float:
        """Noise delta below which LAMP has an overlap: lim tr K^2/p, infinite with a mean."""
        return np.inf if self.mean_square > 0 else self.square

    def curve(self, tau: Array) -> tuple[Array, Array, Array]:
        """Return t, h(t) = int x/(1 + t x) and G(t) = int x^2/(1 + t x) of C from the latents' tau."""
        shrunk = self.atoms / (1 + tau[..., None] * self.atoms)
        t, h, G = tau, (self.weights * shrunk).sum(-1), (self.weights * self.atoms * shrunk).sum(-1)
        for layer in self.layers:
            t, h, G = layer.up(t, h, G)
        return t, h, G

    def noise(self, tau: Array) -> Array:
        """delta on the curve; 0 beyond its end, where t is infinite."""
        t, _, G = self.curve(tau)
        inside = np.isfinite(t)
        return np.where(inside, G + self.mean_square / np.where(inside, t, 1.0), 0.0)

    def overlap(self, delta: Array) -> Overlaps:
        """LAMP's squared cosine with the spike.

        Parameters
        ----------
        delta : array of positive numbers

        Returns
        -------
        Overlaps
            The error is what the last bits of tau leave open, and the rounding of the sums.
        """
        delta = np.atleast_1d(np.asarray(delta, dtype=float))
        scale = 1 / (self.weights * self.atoms).sum()
        low, high = np.full(delta.shape, scale / _RANGE), np.full(delta.shape, scale * _RANGE)
        above = delta < self.noise(low)  # else no signal
        while True:
            middle = np.where(high > 2 * low, np.sqrt(low) * np.sqrt(high), low + (high - low) / 2)
            if not ((low < middle) & (middle < high)).any():
                break
            left = self.noise(middle) > delta
            low, high = np.where(left, middle, low), np.where(left, high, middle)
        ends = [self._cosine(end) for end in (low, high)]
        value = np.where(np.isfinite(ends[0]), ends[0], 1.0)
        error = np.abs(np.where(np.isfinite(ends[1]), ends[1], 1.0) - value) + 8 * _EPSILON * (1 + len(self.layers))
        return Overlaps(np.where(above, value, 0.0), np.where(above, error, 0.0))

    def _cosine(self, tau: Array) -> Array:
        """q/rho; infinite beyond the end of the curve."""
        t, _, G = self.curve(tau)
        with np.errstate(invalid="ignore"):
            return np.where(np.isfinite(t), (self.mean_square + t * G) / self.second_moment, np.inf)


def pca_overlap(delta: Array, second_moment: float) -> Array:
    """Squared cosine of the top eigenvector of Y with the spike."""
    return np.maximum(0.0, 1 - np.asarray(delta, dtype=float) / second_moment**2)


def spectrum_of_eigenvalues(eigenvalues: Any, mean_square: float = 0.0) -> Spectrum:
    """Spectrum with equal weights at given eigenvalues, none of them negative, not all zero."""
    x = np.asarray(eigenvalues, dtype=float)
    weights = np.full(x.size, 1 / x.size)
    variance = float(x.mean())
    return Spectrum(atoms=x, weights=weights, mean_square=mean_square, variance=variance,
                    second_moment=mean_square + variance, square=float((x**2).mean()))


@functools.lru_cache(maxsize=64)
def spectrum_of(prior: Prior, step: float = _STEP) -> Spectrum:
    """Limit of the spectrum for a prior without free symbols.

    Parameters
    ----------
    prior : Prior
        Of independent components, or a network.
    step : float
        Of the averages over b, in the units of this module.

    Raises
    ------
    TypeError, ValueError
        If it is no prior, or has free symbols, or there is nothing random in it.
    """
    network = linear_network(prior)
    if prior.free_symbols:
        names = ", ".join(sorted(symbol.name for symbol in prior.free_symbols))
        raise ValueError(f"prior = {prior!r} has free symbols: give values of {names}")
    known, variance = float(network.mean_square), float(network.variance)
    if variance <= _EPSILON * known:
        raise ValueError(f"prior = {prior!r} has no variance: there is nothing to be estimated")
    atoms, atom_weights, square = np.array([variance]), np.ones(1), variance**2
    layers: list[_Layer] = []
    rho = known + variance  # in closed form, unlike its parts
    for symbolic in network.layers:
        ratio = float(symbolic.ratio)
        nodes, weights = _normal_nodes(known, variance, step)
        mean, response, rest = (np.broadcast_to(part, nodes.shape) for part in _moments(symbolic)(nodes, variance))
        rho = float(_functions((symbolic.power,))(0.0, rho)[0])
        gain, rest = response**2, np.maximum(rest, 0.0)  # a difference: where phi is linear around b, rounding
        own = rest + gain * variance
        total = float((weights * gain).sum())
        square = float((weights * own**2).sum()) + ratio * total**2 * square
        if total * variance <= _EPSILON**2 * (weights * own).sum():
            layers, atoms, atom_weights = [], rest, weights  # an even function: independent components
        else:
            layers.append(_Layer(ratio=ratio, weights=weights, gain=gain, rest=rest))
        known, variance = float((weights * mean**2).sum()), float((weights * own).sum())
        known = 0.0 if known <= (8 * _EPSILON) ** 2 * variance else known
    return Spectrum(atoms=atoms, weights=atom_weights, layers=tuple(layers), mean_square=known, variance=variance,
                    second_moment=rho, square=square)


def lamp_overlap(prior: Prior, delta: Array) -> Overlaps:
    """LAMP's squared cosine with a spike from a prior without free symbols.

    The error adds to that of `Spectrum.overlap` what a double step of the averages over b changes.
    """
    fine, coarse = spectrum_of(prior), spectrum_of(prior, 2 * _STEP)
    found = fine.overlap(delta)
    if not fine.averaged:
        return found
    return Overlaps(found.value, found.error + np.abs(found.value - coarse.overlap(delta).value))


def _normal_nodes(known: float, variance: float, step: float) -> tuple[Array, Array]:
    """Nodes b and weights of an average over N(0, known); functions of b vary over sqrt(variance) at least."""
    if known == 0:
        return np.zeros(1), np.ones(1)
    deviation = np.sqrt(known)
    half = int(np.ceil(_REACH / (step * min(1.0, np.sqrt(variance) / deviation))))
    z = np.linspace(-_REACH, _REACH, 2 * half + 1)
    density = np.exp(-(z**2) / 2)
    return deviation * z, density / density.sum()


def _moments(layer: LinearLayer) -> Any:
    return _functions((layer.mean, layer.response, layer.rest))


@functools.lru_cache(maxsize=64)
def _functions(expressions: tuple[sp.Expr, ...]) -> Any:
    """One NumPy function of b and V."""
    return lambdify([b, spread], list(expressions))
