r"""Semicircular noise on a signal of which the eigenvalues are given: density, Hilbert transform, shrinkage, mse.

With omega = z - delta g(z), the resolvent of Y/sqrt(N) = S + sqrt(delta) W is that of the signal elsewhere,

.. math:: g(z) = g_S(\omega) = \sum_k \frac{w_k}{\omega - s_k}, \qquad z = \omega + \delta g_S(\omega) .

The real axis of z is reached along omega = u + i v(u), v >= 0 (Biane, Indiana Univ. Math. J. 46, 705 (1997)):

.. math:: \sum_k \frac{\delta w_k}{(u - s_k)^2 + v^2} = 1, \quad \text{or } v = 0 \text{ where the left side is below 1
   already}, \qquad \lambda = u + \delta h, \quad h = \sum_k \frac{w_k (u - s_k)}{(u - s_k)^2 + v^2}, \quad
   \rho = \frac{v}{\pi\delta},

lambda an increasing function of u: no branch has to be chosen, and nothing to be searched for.  In the bulk the terms
of the first sum are the probabilities p_k of s_k along an eigenvector of eigenvalue lambda, whose mean and variance are
the shrunk eigenvalue and twice its share in the matrix mse.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .free_convolution import AxisSpectrum, Estimate, averages, increasing_root, with_one

__all__ = ["SampleSpectrum"]

_ENTRIES = 4_000_000  # of an intermediate array: 32 MB
_NODES = 16  # of Gauss and Legendre on a panel
_GRID = 200  # points that narrow the search for u
_PANELS = 100  # at once, on average over the bands
_EPSILON = float(np.finfo(float).eps)


class SampleSpectrum(AxisSpectrum):
    """Eigenvalues of S + sqrt(delta) W, for a signal S with the given eigenvalues, and their shrinkage.

    Exact for the law that has these eigenvalues with these weights; how well a sample stands for a law is not part of
    any error here.

    Parameters
    ----------
    signal_eigenvalues : array (n,)
        Of S, in any order, repeated or not.
    delta : float
        Variance of the noise W in units of 1/N, positive.
    weights : array (n,), optional
        Positive, normalised here; equal unless given.

    Attributes
    ----------
    edges : float array (2 bands,)
        Ends of the bands, in increasing order.

    Raises
    ------
    ValueError
        If there are no eigenvalues, if one is not finite, a weight is not positive, or delta is not.
    """

    def __init__(self, signal_eigenvalues: np.ndarray, delta: float, weights: np.ndarray | None = None):
        given = np.asarray(signal_eigenvalues, dtype=float)
        if given.ndim != 1 or given.size == 0 or not np.isfinite(given).all():
            raise ValueError(f"signal_eigenvalues has shape {given.shape} or holds numbers that are not finite: give a "
                             "list of at least one finite eigenvalue")
        counted = np.ones(given.size) if weights is None else np.asarray(weights, dtype=float)
        if counted.shape != given.shape or not (np.isfinite(counted) & (counted > 0)).all():
            raise ValueError(f"weights has shape {counted.shape}: give a positive number for each of {given.size} "
                             "eigenvalues")
        if not (delta > 0 and math.isfinite(delta)):
            raise ValueError(f"delta = {delta}: give a positive, finite number")
        self.delta = float(delta)
        self.signal, where = np.unique(given, return_inverse=True)
        self.weights = np.bincount(where, counted) / counted.sum()
        self._bands = self._find_bands()
        self.edges = self._on_axis(self._bands.ravel())["eigenvalue"]

    # --- the curve omega = u + i v(u) ---

    def _find_bands(self) -> np.ndarray:
        """Return the ends in u of the bands (bands, 2): where sum delta w/(u - s)^2 crosses 1."""
        s, w = self.signal, self.delta * self.weights
        # two neighbours alone close a gap narrower than this; without the others the sum is only smaller
        left = np.flatnonzero(np.diff(s) ** 2 > (np.cbrt(w[:-1]) + np.cbrt(w[1:])) ** 3)
        width = s[left + 1] - s[left]

        def turning(u, which):
            cube, fourth = self._sums(u, 3, 4)
            return -2 * cube, 6 * fourth

        lowest = increasing_root(turning, s[left] + 1e-9 * width, s[left + 1] - 1e-9 * width)
        left = left[self._sums(lowest, 2)[0] < 1]
        starts = np.concatenate([[s[0] - math.sqrt(w[0])], s[left] + np.sqrt(w[left]),
                                 s[left + 1] - np.sqrt(w[left + 1]), [s[-1] + math.sqrt(w[-1])]])
        return np.sort(self._edges(starts)).reshape(-1, 2)

    def _sums(self, u: np.ndarray, *powers: int) -> list[np.ndarray]:
        """Return sum delta w/(u - s)^p for each power, arrays of the shape (n,) of u."""
        w, count = self.delta * self.weights, max(1, _ENTRIES // self.signal.size)
        found: list[list[np.ndarray]] = [[] for _ in powers]
        for i in range(0, u.size, count):
            inverse = 1 / (u[i : i + count, None] - self.signal)
            for part, power in zip(found, powers, strict=True):
                # products, because NumPy takes other powers than squares by logarithms
                factor = inverse if power % 2 else np.ones_like(inverse)
                for _ in range(power // 2):
                    factor = factor * inverse * inverse
                part.append(factor @ w)
        return [np.concatenate(part) if part else np.zeros(0) for part in found]

    def _edges(self, u: np.ndarray) -> np.ndarray:
        """Solve sum delta w/(u - s)^2 = 1, convex, from points where it is above 1: Newton's method does not pass."""
        for _ in range(100):
            square, cube = self._sums(u, 2, 3)
            step = (square - 1) / (2 * cube)
            u = u + step
            if (np.abs(step) <= 4 * _EPSILON * np.maximum(np.abs(u), math.sqrt(self.delta))).all():
                break
        return u

    def _on_axis(self, u: np.ndarray) -> dict[str, np.ndarray]:
        """Return v, lambda, h, d lambda/du, shrunk eigenvalue and variance, arrays of the shape (n,) of u."""
        count = max(1, _ENTRIES // self.signal.size)
        parts = [self._on_axis_at(u[i : i + count]) for i in range(0, max(u.size, 1), count)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _on_axis_at(self, u: np.ndarray) -> dict[str, np.ndarray]:
        off = u[:, None] - self.signal
        w, square = self.delta * self.weights, off**2
        # 1/sum delta w/(off^2 + v^2) is increasing and concave in v^2: Newton's method comes from below
        squared = np.max(w - square, axis=1).clip(0)
        for _ in range(60):
            with np.errstate(divide="ignore", invalid="ignore"):
                terms = w / (square + squared[:, None])
                total = terms.sum(axis=1)
                step = total * (total - 1) / (terms**2 / w).sum(axis=1)
            step = np.where(total > 1, step, 0.0)
            squared = squared + step
            if (step <= 4 * _EPSILON * squared).all():
                break
        v = np.sqrt(squared)
        distance = square + squared[:, None]
        p = w / distance
        hilbert = (p * off).sum(axis=1) / self.delta
        eigenvalue = u + self.delta * hilbert
        # |F'|^2/Re F', F = omega + delta g_S; where sum p = 1, Re F' = 2 v^2 sum p/distance, and v^2 cancels
        inverse, twisted = (p / distance).sum(axis=1), (p * off / distance).sum(axis=1)
        slope = np.where(v > 0, 2 * squared * inverse + 2 * twisted**2 / inverse, 1 - p.sum(axis=1))
        in_bulk = v > 0
        shrunk = np.where(in_bulk, (p * self.signal).sum(axis=1), eigenvalue - 2 * self.delta * hilbert)
        variance = (p * (self.signal - shrunk[:, None]) ** 2).sum(axis=1)
        return {"v": v, "eigenvalue": eigenvalue, "hilbert": hilbert, "slope": slope, "shrunk": shrunk,
                "variance": np.where(in_bulk, variance, 0.0)}

    # --- on the axis ---

    def at(self, eigenvalues: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Return g and the shrunk eigenvalue, arrays of the shape of eigenvalues."""
        given = np.asarray(eigenvalues, dtype=float)
        if not np.isfinite(given).all():
            raise ValueError("eigenvalues holds numbers that are not finite: leave them out")
        flat, noise = given.ravel(), math.sqrt(self.delta)

        def excess(u, which):
            found = self._on_axis(u)
            return found["eigenvalue"] - flat[which], found["slope"]

        # abs(u - lambda) = delta abs(h) is at most sqrt(delta); and lambda(u) is increasing, so a grid narrows it
        grid = np.linspace(flat.min() - noise, flat.max() + noise, _GRID) if flat.size else np.zeros(1)
        cell = np.searchsorted(self._on_axis(grid)["eigenvalue"], flat)
        reach = noise * (1 + 1e-9)
        low = np.maximum(flat - reach, grid[np.clip(cell - 1, 0, None)])
        high = np.minimum(flat + reach, grid[np.clip(cell, None, len(grid) - 1)])
        found = self._on_axis(increasing_root(excess, low, high, noise))
        resolvent = found["hilbert"] + 1j * found["v"] / self.delta
        return resolvent.reshape(given.shape), found["shrunk"].reshape(given.shape)

    # --- averages ---

    def mean(self, function: Callable[..., np.ndarray], tolerance: float = 1e-11) -> Estimate:
        """Average over the eigenvalues; see `NoisyGramSpectrum.mean`, and `variance` is a fifth argument."""
        scalar = False

        def rows(band, angle):
            """Return 1 and the function, times the density in the angle, u = middle - half cos(angle)."""
            nonlocal scalar
            begin, end = self._bands[band].T
            u = np.where(angle < math.pi / 2, begin + (end - begin) * np.sin(angle / 2) ** 2,
                         end - (end - begin) * np.cos(angle / 2) ** 2)
            found = self._on_axis(u)
            density = found["v"] / (math.pi * self.delta)
            values = np.asarray(function(found["eigenvalue"], found["shrunk"], density, found["hilbert"],
                                         found["variance"]))
            scalar = values.ndim < 2
            return with_one(values, u) * (density * found["slope"] * 0.5 * (end - begin) * np.sin(angle))

        width = np.diff(self._bands, axis=1)[:, 0]
        rounding = 16 * _EPSILON * (1 + np.abs(self._bands).max(axis=1) / width)  # of u, in units of the band
        return averages(*_adaptive(rows, rounding, tolerance), scalar)

    def matrix_mse(self, tolerance: float = 1e-11) -> Estimate:
        """Return (1/2N) E|S - S_hat|^2 of the best estimate with the eigenvectors of the noisy matrix."""
        found = self.mean(lambda eigenvalue, shrunk, density, hilbert, variance: variance, tolerance)
        return Estimate(found.value / 2, found.error / 2)


def _adaptive(rows: Callable[[np.ndarray, np.ndarray], np.ndarray], rounding: np.ndarray,
              tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Integrate over (0, pi) of every band, halving all panels at once on which halving still matters.

    Parameters
    ----------
    rows : callable
        From bands (nodes,) and angles (nodes,) to (k, nodes).
    rounding : float array (bands,)
        Relative error of the integrands that no halving removes.
    tolerance : float
        Of the sum over panels of the difference that their last halving made, relative to the sum of magnitudes.

    Returns
    -------
    value, error : float arrays (k,)
        If the tolerance is not met with as many panels as there may be, the error says so.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)

    def integrals(panels):
        """Return integrals (k, panels) over panels (band, low, high), and those of the magnitudes."""
        band, low, high = panels
        half = 0.5 * (high - low)
        angle = (0.5 * (low + high))[:, None] + half[:, None] * nodes
        values = rows(np.repeat(band.astype(int), _NODES), angle.ravel())
        weighted = values.reshape(len(values), band.size, _NODES) * (half[:, None] * weights)
        return weighted.sum(axis=2), np.abs(weighted).sum(axis=2)

    bands = len(rounding)
    panels = np.array([np.arange(bands), np.zeros(bands), np.full(bands, math.pi)])
    coarse, magnitudes = integrals(panels)
    scale = magnitudes.sum(axis=1)
    done, error = np.zeros(len(scale)), np.zeros(len(scale))
    while True:
        band, low, high = panels
        middle = 0.5 * (low + high)
        halves = np.stack([[band, low, middle], [band, middle, high]], axis=2).reshape(3, -1)
        fine, magnitudes = (part.reshape(len(scale), -1, 2) for part in integrals(halves))
        change = np.abs(fine.sum(axis=2) - coarse)
        # a panel may spend its share of the tolerance, by its length, and what rounding leaves
        share = tolerance * (high - low) / (math.pi * bands) * scale[:, None]
        floor = rounding[band.astype(int)] * magnitudes.sum(axis=2)
        open_ = (change > np.maximum(share, floor)).any(axis=0)
        last = not open_.any() or 2 * open_.sum() > _PANELS * (bands + 100)
        taken = np.ones_like(open_) if last else ~open_
        done = done + fine[:, taken].sum(axis=(1, 2))
        error = error + np.maximum(change, floor)[:, taken].sum(axis=1)
        if last:
            return done, error
        coarse = fine[:, open_].reshape(len(scale), -1)
        panels = halves.reshape(3, -1, 2)[:, open_].reshape(3, -1)
