"""Posterior of a law with a density under a Gaussian observation, by quadrature: behind priors without closed form."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .quadrature import graded_nodes

__all__ = ["PosteriorQuadrature"]

_STEP = 0.15  # of the graded rule; a density analytic between its kinks is integrated to rounding
_TAIL = 1e-18  # probability left out at either end of an unbounded support
_REACH = 9.5  # standard deviations of the observation kept around it
_CHUNK = 2000


class PosteriorQuadrature:
    """Cumulants of x given B at precision A, for x of a frozen ``scipy.stats`` law.

    Parameters
    ----------
    distribution : frozen continuous scipy.stats law
    kinks : sequence of float
        Points where the density is not smooth.
    """

    def __init__(self, distribution: Any, kinks: tuple[float, ...] = ()):
        self.distribution = distribution
        low, high = distribution.support()
        self.hard = np.isfinite(low), np.isfinite(high)
        edges = [low if self.hard[0] else distribution.ppf(_TAIL), *kinks,
                 high if self.hard[1] else distribution.isf(_TAIL)]
        self.pieces = list(itertools.pairwise(edges))
        self.centre, self.scale = float(distribution.median()), float(distribution.std())
        self._last: tuple[Any, ...] | None = None

    def __call__(self, order: int, precision, standard):
        """Return log[sqrt(2 pi A) p(B)] (order 0) or the posterior cumulant of that order (1 to 3).

        Parameters
        ----------
        precision : array, A
        standard : array, B/sqrt(A)
        """
        precision, standard = np.broadcast_arrays(np.asarray(precision, float), np.asarray(standard, float))
        last = self._last
        if last is None or not (np.array_equal(last[0], precision) and np.array_equal(last[1], standard)):
            flat = [x.ravel() for x in (precision, standard)]
            parts = [self._cumulants(*(x[k : k + _CHUNK] for x in flat)) for k in range(0, precision.size, _CHUNK)]
            found = np.concatenate(parts, axis=1).reshape(4, *precision.shape)
            self._last = last = precision.copy(), standard.copy(), found
        return last[2][order]

    def _cumulants(self, precision, standard):
        observed, width = standard / np.sqrt(precision), 1 / np.sqrt(precision)
        nodes, weights = [], []
        for k, (low, high) in enumerate(self.pieces):
            hard = (k > 0 or self.hard[0], k < len(self.pieces) - 1 or self.hard[1])
            # near the observation, or, where it lies outside, up to the nearest end
            near = np.clip(observed, low, high)
            left = np.full_like(near, low) if hard[0] else np.maximum(low, near - self._reach(near, observed, width))
            right = np.full_like(near, high) if hard[1] else np.minimum(high, near + self._reach(near, observed, width))
            centres = np.stack([near, np.full_like(near, np.clip(self.centre, low, high))], axis=1)
            scales = np.stack([width, np.full_like(width, self.scale)], axis=1)
            x, w = graded_nodes(centres, scales, left, np.maximum(right, left + 1e-12 * self.scale), _STEP, hard)
            w[:, [0, -1]] *= 0.5
            nodes.append(x)
            weights.append(w)
        x, w = np.concatenate(nodes, axis=1), np.concatenate(weights, axis=1)
        with np.errstate(all="ignore"):
            logs = self.distribution.logpdf(x) - 0.5 * (x / width[:, None] - standard[:, None]) ** 2
            top = np.max(np.where(np.isnan(logs), -np.inf, logs), axis=1, keepdims=True)
            density = np.where(np.isfinite(logs), np.exp(logs - top), 0.0) * w
            total = density.sum(1)
            mean = (density * (x - observed[:, None])).sum(1) / total
            shifted = x - observed[:, None] - mean[:, None]
            second = (density * shifted**2).sum(1) / total
            third = (density * shifted**3).sum(1) / total
            return np.stack([np.log(total) + top[:, 0], mean + observed, second, third])

    def _reach(self, near, observed, width):
        # where the observation lies in the tail the prior shifts the posterior: keep the whole scale of the law too
        return _REACH * width + np.abs(near - observed) + 40 * self.scale
