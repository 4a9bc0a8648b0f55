r"""Random landscapes on a sphere, sampled exactly at finite size.

H(x) = sum_p sqrt(w_p) N^(-(p-1)/2) sum_{i_1...i_p} g_{i_1...i_p} x_{i_1}...x_{i_p} with independent standard normal g.
A product of coordinates does not know the order of its indices, so the g of all orders of a monomial x^a = x_1^{a_1}
... x_N^{a_N} are added once and for all: their sum is normal of variance p!/a! (the number of orders), independent of
the others.  The covariance is then exact at every size,

    E H(x) H(y) = sum_p w_p N^(1-p) sum_{|a|=p} p!/a! x^a y^a = N sum_p w_p (x.y/N)^p,

by the multinomial theorem.  There are p! times fewer monomials than entries of a tensor: what is stored is
C(N+p-1, p) numbers a term.

Points are given as u = x/sqrt(N), |u| = 1, and values as h(u) = H/N.  The gradient of h over u is that of H over x
divided by sqrt(N); second derivatives of h over u are those of H over x.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..theory.landscape import Landscape
from .landscape_kernels import landscape as evaluated
from .landscape_kernels import multiply_by_orders
from .settings import whole

__all__ = [
    "Covariance", "SampledLandscape", "available_memory", "from_tangent", "numbers", "sample_landscape", "tangential",
]  # fmt: skip

Array = NDArray[np.float64]

_MARGIN = 2.0  #: of the memory that is free, so much is left: random numbers are drawn before they are scaled in place


@dataclass(frozen=True)
class Covariance:
    """Q of a landscape in floating-point numbers.

    Attributes
    ----------
    degrees : tuple of int
    weights : tuple of float
    spiked : bool
    """

    degrees: tuple[int, ...]
    weights: tuple[float, ...]
    spiked: bool = False

    def __call__(self, x: Any, order: int = 0) -> Any:
        """Return Q(x), or its derivative of that order; x is a number or an array."""
        x = np.asarray(x, dtype=float)
        total = np.zeros_like(x)
        for p, w in zip(self.degrees, self.weights, strict=True):
            if p >= order:
                total = total + w * math.perm(p, order) * x ** (p - order)
        return total if total.ndim else float(total)

    @property
    def parity(self) -> int:
        """1 if H(-x) = H(x) always, -1 if H(-x) = -H(x), else 0; a spike counts as the polynomial that it is."""
        odd = {p % 2 for p in self.degrees}
        return 0 if len(odd) > 1 else -1 if odd == {1} else 1


def numbers(landscape: Landscape | Covariance) -> Covariance:
    """Return the covariance as numbers.

    Raises
    ------
    TypeError, ValueError
        If something else is given, a weight is a symbol or not positive, or a degree is not a whole number from 1 on.
    """
    if isinstance(landscape, Covariance):
        return landscape
    if not isinstance(landscape, Landscape):
        raise TypeError(f"landscape = {landscape!r} is a {type(landscape).__name__}: give a Landscape(terms, spiked), "
                        "such as model.landscape")
    degrees, weights = [], []
    for p, w in landscape.terms:
        try:
            degree, weight = int(p), float(w)
        except TypeError:
            raise ValueError(f"term ({p}, {w}) of the landscape has free symbols: give their values as controls"
                             ) from None
        if degree != p or degree < 1:
            raise ValueError(f"degree = {p} of a landscape's term: give a whole number from 1 on")
        if not (weight > 0 and math.isfinite(weight)):
            raise ValueError(f"weight = {w} of degree {p} is not a finite positive number: leave the term out, or "
                             "give a positive one")
        degrees.append(degree)
        weights.append(weight)
    if not degrees:
        raise ValueError("the landscape has no terms: give at least one (degree, weight)")
    return Covariance(tuple(degrees), tuple(weights), bool(landscape.spiked))


@dataclass(frozen=True, kw_only=True)
class SampledLandscape:
    """One landscape; made by `sample_landscape`.

    Attributes
    ----------
    covariance : Covariance
    size : int
        N.
    coefficients : array (sum of C(N + p - 1, p),)
        Of the monomials of h(u) without its mean, degree after degree, in lexicographic order of i_1 <= ... <= i_p.
    signal : array (N,)
        v/sqrt(N), of length 1; empty if there is no spike.
    """

    covariance: Covariance
    size: int
    coefficients: Array
    signal: Array

    @property
    def polynomial(self) -> tuple[Array, NDArray[np.int64], Array, Array]:
        """Coefficients, degrees, weights and signal, as the compiled loops take them."""
        c = self.covariance
        return self.coefficients, np.array(c.degrees), np.array(c.weights), self.signal

    def evaluate(self, u: Array, order: int = 0) -> tuple[float, Array, Array]:
        """Return h(u), and its gradient and Hessian in R^N (empty below orders 1 and 2).

        Parameters
        ----------
        u : array (N,)
            Any point; those of the sphere have length 1.
        order : {0, 1, 2}
        """
        n = self.size
        u = np.ascontiguousarray(u, dtype=float)
        if u.shape != (n,):
            raise ValueError(f"u of shape {u.shape}: give one point, of shape ({n},)")
        gradient, hessian = np.empty(n if order > 0 else 0), np.empty((n, n) if order > 1 else (0, 0))
        return float(evaluated(*self.polynomial, u, gradient, hessian, order)), gradient, hessian

    def energy(self, u: Array) -> float:
        """H/N."""
        return self.evaluate(u)[0]

    def gradient(self, u: Array) -> Array:
        """Return the gradient of h on the sphere: the part of that in R^N that is tangential."""
        _, gradient, _ = self.evaluate(u, 1)
        return gradient - (u @ gradient) * u

    def hessian(self, u: Array) -> Array:
        """Return the Hessian of h on the sphere in an orthonormal basis of the tangent space, array (N-1, N-1).

        It is that of H on |x|^2 = N.
        """
        _, gradient, hessian = self.evaluate(u, 2)
        return tangential(hessian, u) - (u @ gradient) * np.eye(self.size - 1)

    def overlap(self, u: Array) -> float:
        """m = x.v/N."""
        if not self.signal.size:
            raise ValueError("this landscape has no signal: sample one with spiked=True")
        return float(self.signal @ u)


def tangential(matrix: Array, u: Array) -> Array:
    """Return a symmetric matrix between tangent vectors at u: Householder's reflection of u to the first axis."""
    w = np.array(u, dtype=float)
    w[0] += math.copysign(1.0, w[0])
    w /= math.sqrt(w @ w)
    product = matrix @ w
    return (matrix - 2 * np.outer(w, product) - 2 * np.outer(product, w) + 4 * (w @ product) * np.outer(w, w))[1:, 1:]


def from_tangent(vectors: Array, u: Array) -> Array:
    """Return vectors of R^N, array (k, N), from their components in the basis of `tangential`, array (k, N - 1)."""
    w = np.array(u, dtype=float)
    w[0] += math.copysign(1.0, w[0])
    w /= math.sqrt(w @ w)
    full = np.concatenate([np.zeros((len(vectors), 1)), vectors], axis=1)
    return full - 2 * np.outer(full @ w, w)


def sample_landscape(landscape: Landscape | Covariance, size: int, rng: Any) -> SampledLandscape:
    """Draw a landscape, and a signal uniform on the sphere if it is spiked.

    Parameters
    ----------
    landscape : Landscape
        Without free symbols.
    size : int
        N, at least 2.
    rng : numpy Generator or seed

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the coefficients need more than half of the free memory.
    """
    covariance = numbers(landscape)
    whole("size", size, 2, "a sphere in two dimensions is a circle")
    counts = [math.comb(size + p - 1, p) for p in covariance.degrees]
    need, free = 8 * sum(counts), available_memory()
    if need * _MARGIN > free:
        raise ValueError(f"size = {size} needs {need / 1e9:.2g} GB for {sum(counts):.3g} coefficients of degrees "
                         f"{covariance.degrees}, and {free / 1e9:.2g} GB are free: give a smaller size")
    rng = np.random.default_rng(rng)
    coefficients = rng.standard_normal(sum(counts))
    start = 0
    for p, w, count in zip(covariance.degrees, covariance.weights, counts, strict=True):
        multiply_by_orders(coefficients[start : start + count], p, size, math.sqrt(w / size))
        start += count
    signal = rng.standard_normal(size if covariance.spiked else 0)
    signal /= math.sqrt(signal @ signal) if covariance.spiked else 1.0
    return SampledLandscape(covariance=covariance, size=size, coefficients=coefficients, signal=signal)


def available_memory() -> float:
    """Bytes that can be allocated without swapping; infinity if the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return 1024.0 * int(line.split()[1])
    except OSError:
        pass
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf
