"""Marchenko-Pastur law with semicircular noise: edges, density, Hilbert transform, and the mse of the shrinkage.

The formulas are those of ``theory/free_probability.py``; x is the shrunk eigenvalue, in which the bulk is rational.
"""

from __future__ import annotations

import functools
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import mpmath
import numpy as np
import sympy as sp

from ..theory import free_probability as theory

__all__ = [
    "AxisSpectrum", "Estimate", "NoisyGramSpectrum", "averages", "double_exponential", "increasing_root", "with_one",
]

_DIGITS = 60  # of the edges: bands are narrow, and near a cusp the ends of a gap are the square root of this apart
_LARGEST = 1e20  # of alpha and delta, and of their inverses
_FINEST = 9  # halvings of the step of a quadrature
_REACH = 3.7  # of its variable: the outermost nodes are 1e-27 of a panel from its ends
_EPSILON = float(np.finfo(float).eps)


class Estimate(NamedTuple):
    """A number, or an array of them, with an estimate of its absolute error."""

    value: np.ndarray | float
    error: np.ndarray | float


@functools.cache
def _compiled() -> dict[str, Callable[..., np.ndarray]]:
    """Functions of (x, alpha, delta), from their SymPy statements."""
    model = theory.NoisyGram()
    formulas = {"slope": model.eigenvalue.diff(theory.x), "hilbert": model.hilbert_transform,
                "variance": model.variance}
    return {name: sp.lambdify((theory.x, model.alpha, model.delta), formula, "numpy")
            for name, formula in formulas.items()}


def with_one(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return the rows of a function's values (k, nodes), above them a row of 1, whose average is the normalisation."""
    return np.vstack([np.ones_like(like), np.broadcast_to(values, np.broadcast_shapes(values.shape, like.shape))])


def averages(total: np.ndarray, error: np.ndarray, scalar: bool) -> Estimate:
    """Return averages from the integrals of `with_one`, with what the normalisation misses in their errors."""
    value, error = total[1:], error[1:] + abs(total[0] - 1) * np.abs(total[1:])
    return Estimate(float(value[0]), float(error[0])) if scalar else Estimate(value, error)


def double_exponential(sums: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
                       tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Integrate over (0, 1) what may have any algebraic singularity at either end, or near it outside.

    The trapezoidal rule in u, t = 1/(1 + exp(-pi sinh u)), its step halved until two values agree (Takahasi, Mori,
    Publ. RIMS 9, 721 (1974)).

    Parameters
    ----------
    sums : callable
        From arrays t, 1 - t and weights, all (nodes,), to (k, 2): k sums of weighted values, and of their magnitudes.
    tolerance : float
        Of the difference of the last two values, relative to the sum of magnitudes.

    Returns
    -------
    value, error : float arrays (k,)
        The error is the last difference, and rounding.  If the tolerance is not met with the finest step, it says so.
    """
    step = 0.25
    count = math.ceil(_REACH / step)
    total = sums(*_nodes(step * np.arange(-count, count + 1)))
    value, magnitude = step * total.T
    for _ in range(_FINEST):
        step, count = step / 2, 2 * count
        total = total + sums(*_nodes(step * np.arange(1 - count, count, 2)))
        last, (value, magnitude) = value, step * total.T
        change = np.abs(value - last)
        if (change <= tolerance * magnitude).all():
            break
    return value, change + 8 * _EPSILON * magnitude


def _nodes(u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return t, 1 - t, each with all its digits, and dt/du."""
    exponent = math.pi * np.sinh(u)
    t, rest = 1 / (1 + np.exp(-exponent)), 1 / (1 + np.exp(exponent))
    return t, rest, t * rest * math.pi * np.cosh(u)


def increasing_root(function: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]], low: np.ndarray,
                    high: np.ndarray, scale: float = 0.0) -> np.ndarray:
    """Return where increasing functions vanish, by Newton's method inside brackets that it narrows.

    Parameters
    ----------
    function : callable
        From arguments, and which of the functions they are of (indices), to values and derivatives.
    low, high : float arrays (n,)
        Brackets; an end is returned if the function does not change its sign.
    scale : float
        Roots are found to rounding of themselves, or of this if it is larger.
    """
    low, high = low.copy(), high.copy()
    at, previous = 0.5 * (low + high), high - low
    active = np.arange(at.size)
    for _ in range(200):  # bisection alone ends long before
        here = at[active]
        value, slope = function(here, active)
        low[active], high[active] = np.where(value <= 0, here, low[active]), np.where(value >= 0, here, high[active])
        with np.errstate(divide="ignore", invalid="ignore"):
            aim = here - value / slope
        newton = (aim >= low[active]) & (aim <= high[active]) & (np.abs(aim - here) <= 0.5 * previous[active])
        aim = np.where(newton, aim, 0.5 * (low[active] + high[active]))
        at[active], previous[active] = aim, np.abs(aim - here)
        active = active[previous[active] > 2 * _EPSILON * np.maximum(np.abs(aim), scale)]
        if not active.size:
            break
    return at


@dataclass(frozen=True)
class _Panel:
    """A stretch of a band in x: its ends and length, lambda there, and where the edges are from its nearer end."""

    ends: tuple[float, float]
    length: float  # not the difference of the rounded ends
    eigenvalues: tuple[float, float]
    edges: tuple[tuple[bool, float, float], ...]  # (to the left?, distance along the axis, distance off it)


class AxisSpectrum(ABC):
    """What follows from g and the shrunk eigenvalues on the real axis."""

    @abstractmethod
    def at(self, eigenvalues: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Return g and the shrunk eigenvalue, arrays of the shape of eigenvalues."""

    def resolvent(self, eigenvalues: np.ndarray | float) -> np.ndarray:
        """Return g = h + i pi rho at real arguments, a complex array of their shape."""
        return self.at(eigenvalues)[0]

    def density(self, eigenvalues: np.ndarray | float) -> np.ndarray:
        """Return rho; 0 outside the bulk."""
        return self.resolvent(eigenvalues).imag / math.pi

    def hilbert_transform(self, eigenvalues: np.ndarray | float) -> np.ndarray:
        """Return h = PV int rho(y)/(lambda - y) dy, without 1/pi."""
        return self.resolvent(eigenvalues).real

    def shrink(self, eigenvalues: np.ndarray | float) -> np.ndarray:
        """Return lambda - 2 delta h(lambda), outside the bulk too, where it holds for eigenvalues of finite number."""
        return self.at(eigenvalues)[1]


class NoisyGramSpectrum(AxisSpectrum):
    """Eigenvalues of Y/sqrt(N), Y = xi xi^T/sqrt(N) + sqrt(delta) Z, and their shrinkage, as N goes to infinity.

    Parameters
    ----------
    alpha, delta : float
        P/N and the variance of the noise, positive.

    Attributes
    ----------
    edges : float array (2,) or (4,)
        Ends of the bulk; four if noise and signal are apart.
    shrunk_edges : float array
        The shrunk eigenvalues there.

    Raises
    ------
    ValueError
        If alpha or delta is not positive and finite, or is outside [1e-20, 1e20].
    """

    def __init__(self, alpha: float, delta: float):
        for name, value in (("alpha", alpha), ("delta", delta)):
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} = {value}: give a positive, finite number")
            if not 1 / _LARGEST <= value <= _LARGEST:
                raise ValueError(f"{name} = {value} is outside [{1 / _LARGEST:g}, {_LARGEST:g}], where the digits "
                                 "are known to be right: use the limits in spinodal.theory.free_probability")
        self.alpha, self.delta = float(alpha), float(delta)
        with mpmath.workdps(_DIGITS):
            self._inverse, shrunk, eigenvalues, self._panels = _geometry(mpmath.mpf(self.alpha), mpmath.mpf(self.delta))
        self.edges, self.shrunk_edges = np.array(eigenvalues), np.array(shrunk)

    # --- on the axis ---

    def at(self, eigenvalues: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Return g and the shrunk eigenvalue, arrays of the shape of eigenvalues."""
        given = np.asarray(eigenvalues, dtype=float)
        if not np.isfinite(given).all():
            raise ValueError("eigenvalues holds numbers that are not finite: leave them out")
        flat = given.ravel()
        resolvent, shrunk = np.empty(flat.size, complex), np.empty(flat.size)
        inside = np.searchsorted(self.edges, flat) % 2 == 1
        for low, high, domain in self._outside():
            chosen = ~inside & (flat >= low) & (flat <= high)
            if chosen.any():
                resolvent[chosen] = 1 / self._inverse_outside(flat[chosen], domain)
                shrunk[chosen] = flat[chosen] - 2 * self.delta * resolvent[chosen].real
        for panel in self._panels:
            chosen = inside & (flat >= panel.eigenvalues[0]) & (flat <= panel.eigenvalues[1])
            if chosen.any():
                resolvent[chosen], shrunk[chosen] = self._inside(flat[chosen], panel)
        return resolvent.reshape(given.shape), shrunk.reshape(given.shape)

    def _outside(self) -> list[tuple[float, float, tuple[float, float]]]:
        """Return stretches without eigenvalues, with the range of 1/g on each."""
        y = self._inverse
        found = [(-math.inf, self.edges[0], (-math.inf, y[0])), (self.edges[-1], math.inf, (y[-1], math.inf))]
        return found + ([(self.edges[1], self.edges[2], (y[1], y[2]))] if len(y) == 4 else [])

    def _inverse_outside(self, eigenvalues: np.ndarray, domain: tuple[float, float]) -> np.ndarray:
        """Solve lambda = y + delta/y + alpha y/(y - 1) for y = 1/g where no eigenvalues are."""
        mean = eigenvalues - self.alpha  # 1/g is between this and the edge: the harmonic and the arithmetic mean
        low = np.full(eigenvalues.shape, domain[0]) if math.isfinite(domain[0]) else np.minimum(mean, domain[1])
        high = np.full(eigenvalues.shape, domain[1]) if math.isfinite(domain[1]) else np.maximum(mean, domain[0])

        def excess(y, which):
            value = y + self.delta / y + self.alpha * y / (y - 1) - eigenvalues[which]
            return value, 1 - self.delta / y**2 - self.alpha / (y - 1) ** 2

        return increasing_root(excess, low, high)

    def _inside(self, eigenvalues: np.ndarray, panel: _Panel) -> tuple[np.ndarray, np.ndarray]:
        """Solve lambda(x) = lambda for the distance of x to the nearer end of the panel, which keeps its digits."""
        resolvent, shrunk = np.empty(eigenvalues.size, complex), np.empty(eigenvalues.size)
        half = 0.5 * panel.length
        middle = panel.eigenvalues[0] + half * self._mean_slope(panel.ends[0] + half, panel.ends[0])
        for sign, end, base, chosen in ((1, 0, panel.ends[0], eigenvalues <= middle),
                                        (-1, 1, panel.ends[1], eigenvalues > middle)):
            wanted = sign * (eigenvalues[chosen] - panel.eigenvalues[end])

            def excess(distance, which, sign=sign, base=base, wanted=wanted):
                x = base + sign * distance
                slope = _compiled()["slope"](x, self.alpha, self.delta)
                return distance * self._mean_slope(x, base) - wanted[which], slope

            distance = increasing_root(excess, np.zeros(wanted.shape), np.full(wanted.shape, panel.length))
            x, rest = base + sign * distance, panel.length - distance
            density = self._density(x, distance if sign == 1 else rest, rest if sign == 1 else distance, panel)
            resolvent[chosen] = self._hilbert(eigenvalues[chosen], x) + 1j * math.pi * density
            shrunk[chosen] = x
        return resolvent, shrunk

    def _hilbert(self, eigenvalue: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return h in the bulk, in the way of writing it that cancels less."""
        direct = _compiled()["hilbert"](x, self.alpha, self.delta)
        terms = 1 + 1 / (x + self.delta) + self.alpha / x
        return np.where(terms * self.delta < np.abs(eigenvalue) + x, direct, (eigenvalue - x) / (2 * self.delta))

    def _mean_slope(self, x: np.ndarray | float, base: float) -> Any:
        """(lambda(x) - lambda(base))/(x - base), without a difference of nearly equal numbers."""
        return 1 - self.delta / ((self.delta + x) * (self.delta + base)) + self.alpha * self.delta / (x * base)

    def _density(self, x: np.ndarray, left: np.ndarray, right: np.ndarray, panel: _Panel) -> np.ndarray:
        """Return rho from the distances of x to the four edges (two of which may be off the axis)."""
        product = np.ones_like(x)
        for below, along, off in panel.edges:
            product = product * np.hypot((left if below else right) + along, off)
        return np.sqrt(product) / (2 * math.pi * x * (x + self.delta))

    # --- averages ---

    def mean(self, function: Callable[..., np.ndarray], tolerance: float = 1e-14) -> Estimate:
        """Average over the eigenvalues.

        Parameters
        ----------
        function : callable
            From arrays (nodes,) of eigenvalue, shrunk eigenvalue, density and Hilbert transform to an array (nodes,),
            or (k, nodes) for k averages at once.
        tolerance : float
            Relative to the average of the magnitude.

        Returns
        -------
        Estimate
            Of the shape (k,), or numbers.  The error includes by how much the density misses its normalisation.
        """
        scalar = False

        def sums(panel, t, rest, weights):
            nonlocal scalar
            left, right = panel.length * t, panel.length * rest
            x = np.where(t < 0.5, panel.ends[0] + left, panel.ends[1] - right)
            eigenvalue = panel.eigenvalues[0] + left * self._mean_slope(x, panel.ends[0])
            density = self._density(x, left, right, panel)
            values = np.asarray(function(eigenvalue, x, density, self._hilbert(eigenvalue, x)))
            scalar = values.ndim < 2
            slope = _compiled()["slope"](x, self.alpha, self.delta)
            weighted = with_one(values, x) * (weights * panel.length * density * slope)
            return np.stack([weighted.sum(axis=1), np.abs(weighted).sum(axis=1)], axis=1)

        found = [double_exponential(functools.partial(sums, panel), tolerance) for panel in self._panels]
        total, error = (np.sum(part, axis=0) for part in zip(*found, strict=True))
        return averages(total, error, scalar)

    def matrix_mse(self) -> Estimate:
        """Return (1/2N) E|S - S_hat|^2 of the best estimate with the eigenvectors of Y, S = xi xi^T/N."""
        found = self.mean(lambda eigenvalue, x, density, hilbert: _compiled()["variance"](x, self.alpha, self.delta))
        return Estimate(found.value / 2, found.error / 2)


def _geometry(alpha: mpmath.mpf, delta: mpmath.mpf):
    """Return, all in doubles, 1/g, x and lambda at the edges, and the panels.

    With digits to spare, because the noise is a band of width x sqrt(delta) in x, and its shape is in the difference
    of its ends.
    """
    one = mpmath.mpf(1)
    # Newton's method from where one of the two terms is 1 already; the function is convex, so it comes from one side
    lowest = _convex_root(alpha, delta, -max(mpmath.sqrt(delta), mpmath.sqrt(alpha) - 1))
    highest = _convex_root(alpha, delta, max(mpmath.sqrt(delta), mpmath.sqrt(alpha) + 1))
    # the other two have the sum 2 - lowest - highest and the product -delta/(lowest highest)
    centre = (2 - lowest - highest) / 2
    squared = centre**2 + delta / (lowest * highest)
    apart = mpmath.cbrt(alpha) + mpmath.cbrt(delta) < one - mpmath.mpf(10) ** (10 - _DIGITS)
    if apart:
        half = mpmath.sqrt(squared)
        inner = [centre - half, centre + half]
    else:
        half = mpmath.sqrt(max(-squared, mpmath.mpf(0)))
        inner = [mpmath.mpc(centre, half), mpmath.mpc(centre, -half)]
    inverse = [lowest, *(inner if apart else []), highest]

    def place(y):
        """Return lambda at an edge."""
        return y + delta / y + alpha * y / (y - 1)

    roots = [y**2 - delta for y in (lowest, *inner, highest)]
    bands = [(inverse[i], inverse[i + 1]) for i in range(0, len(inverse), 2)]
    panels = []
    for y_low, y_high in bands:
        marks = [(y_low**2 - delta, place(y_low)), (y_high**2 - delta, place(y_high))]
        pinch = mpmath.re(roots[1])
        if not apart and marks[0][0] < pinch < marks[1][0]:  # the density is smallest nearby
            marks.insert(1, (pinch, pinch + delta * (1 + 1 / (pinch + delta) - alpha / pinch)))
        for (left, from_), (right, to) in itertools.pairwise(marks):
            sides = []
            for root in roots:
                below = mpmath.re(root) <= left
                along = left - mpmath.re(root) if below else mpmath.re(root) - right
                sides.append((bool(below), float(along), float(mpmath.im(root))))
            panels.append(_Panel(ends=(float(left), float(right)), length=float(right - left),
                                 eigenvalues=(float(from_), float(to)), edges=tuple(sides)))
    shrunk = [float(y**2 - delta) for y in inverse]
    return [float(y) for y in inverse], shrunk, [float(place(y)) for y in inverse], tuple(panels)


def _convex_root(alpha: mpmath.mpf, delta: mpmath.mpf, y: mpmath.mpf) -> mpmath.mpf:
    """Solve delta/y^2 + alpha/(1 - y)^2 = 1 outside [0, 1], from a point nearer to it than the root."""
    while True:
        excess = delta / y**2 + alpha / (1 - y) ** 2 - 1
        slope = -2 * delta / y**3 + 2 * alpha / (1 - y) ** 3
        step = excess / slope
        if abs(step) <= abs(y) * mpmath.mpf(10) ** (20 - _DIGITS):  # the next one would be the square of this
            return y - step
        y -= step
