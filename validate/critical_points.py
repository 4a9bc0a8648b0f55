r"""All critical points of a sampled landscape of small size: values, indices, and how sure it is that none is missing.

Newton's method solves grad h = mu u on |u| = 1 from random starts, and finds points of every index.  Half of the starts
begin with a multiplier mu drawn at random where the Kac-Rice formula has critical points, instead of u.grad h: that
finds those of extreme energies more often.  Starts are independent of each other, so that numbers of hits tell what is
missing: with f_1 points hit once and f_2 hit twice,

    unseen >= f_1 (f_1 - 1)/(2 (f_2 + 1))       (Chao, Scand. J. Stat. 11, 265 (1984), corrected for bias),

and starts end at a point not yet seen with probability f_1/starts (Good, Biometrika 40, 237 (1953)).  Both are
statistics, and blind to points with a close neighbour that takes nearly all starts: they are what such a search misses
(some per mille of all points of a cubic at N = 10).  So Newton's method is also started around every point that is
known, at random distances and mostly along soft directions of its Hessian, where close neighbours are, until that finds
nothing new; of 112 landscapes of degrees 3, 2 and 3, and 4, with 50 to 600 points, ten times more starts found one
more pair in one.  An exact test, which a complete list cannot fail, is Morse's theorem: the sum of (-1)^index is the
Euler characteristic of the sphere, 2 for odd N and 0 for even N.  It sees an odd number of missing points (pairs of
antipodes, where there is that symmetry), and nothing where degrees are odd and N is even: the terms of antipodes, of
index k and N - 1 - k, cancel then by themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .landscape_kernels import gather, newton
from .landscapes import SampledLandscape, from_tangent
from .settings import whole

__all__ = ["CriticalPoints", "critical_points"]

Array = NDArray[np.float64]

_STEPS = 60  #: of Newton's method; those that converge need ten to twenty
_TOLERANCE = 1e-11  #: of |grad|, in units of its standard deviation in a direction
_SAME = 1e-5  #: distance below which two ends are one point
_HITS = 10  #: mean number of hits a point before a list may count as complete
_AROUND = 24  #: starts around a point that is known
_FAR = 0.7  #: their largest distance
_DEGENERATE = 1e-6  #: smallest |eigenvalue| over sqrt(Q'') below which the index is not sure
_LARGEST = 50_000  #: points, of which a list is kept


@dataclass(frozen=True, kw_only=True)
class CriticalPoints:
    """A list of critical points, lowest energy first; made by `critical_points`.

    Attributes
    ----------
    points : array (K, N)
        u = x/sqrt(N), of length 1.
    energies : array (K,)
        H/N.
    radial : array (K,)
        x.grad H/N, which is p H/N where there is one degree p.
    indices : int array (K,)
        Number of negative eigenvalues of the Hessian on the sphere.
    gaps : array (K,)
        Smallest |eigenvalue| of the Hessian over sqrt(Q''(1)): how far the index is from another.
    overlaps : array (K,)
        With the signal; empty if there is none.
    starts : int
        Independent starts that converged.
    neighbours : int
        How many were found only by starts around others.
    unseen, unseen_error : float
        Chao's estimate of the number of points that independent starts miss, and its standard error.
    new_probability : float
        Good and Turing's estimate of the probability that a further start ends at a new point.
    euler : int
        Sum of (-1)^index.
    complete : bool
        Whether independent starts hit no point (or pair of antipodes) only once, and each ten times on average, starts
        around all points found nothing new, the sum of (-1)^index is that of the sphere, and no point is degenerate.
    """

    points: Array
    energies: Array
    radial: Array
    indices: NDArray[np.int64]
    gaps: Array
    overlaps: Array
    starts: int
    neighbours: int
    unseen: float
    unseen_error: float
    new_probability: float
    euler: int
    complete: bool

    def __len__(self) -> int:
        return len(self.points)

    def by_index(self) -> NDArray[np.int64]:
        """Numbers of points of index 0, 1, ..., N - 1."""
        return np.bincount(self.indices, minlength=self.points.shape[1])

    def table(self) -> pd.DataFrame:
        """Return one row a point: energy, index, radial, gap and, if there is a signal, overlap."""
        columns = {"energy": self.energies, "index": self.indices, "radial": self.radial, "gap": self.gaps}
        return pd.DataFrame(columns | ({"overlap": self.overlaps} if self.overlaps.size else {}))


def critical_points(sample: SampledLandscape, *, rng: Any = 0, max_starts: int = 200_000) -> CriticalPoints:
    """Find all critical points.

    Parameters
    ----------
    sample : SampledLandscape
        Of a size at which there are at most thousands: N of 10 to 15 for degree 3.
    rng : numpy Generator or seed
    max_starts : int
        Starts after which the search ends even if the list is not complete (the result says so).

    Raises
    ------
    ValueError
        If there are more than 50000.
    """
    whole("max_starts", max_starts, 1, "200000 is a good one")
    rng = np.random.default_rng(rng)
    search = _Search(sample)
    begun, batch = 0, 256
    while begun < max_starts:
        batch = min(batch, max_starts - begun)
        search.independent(batch, rng)
        begun += batch
        if search.saturated:
            search.around(rng)
            found = search.listed()
            if found.complete:
                return found
        batch = max(256, begun // 2)
    search.around(rng)
    return search.listed()


class _Search:
    """Points that are known and how often they were hit; of antipodes one, where there is that symmetry."""

    def __init__(self, sample: SampledLandscape) -> None:
        covariance, n = sample.covariance, sample.size
        self.sample, self.symmetry = sample, covariance.parity
        self.slope, self.curvature = math.sqrt(covariance(1.0, 1)), math.sqrt(covariance(1.0, 2)) or 1.0
        # of x.grad H/N at critical points: the edges of the semicircle, fluctuations, and the signal
        self.reach = (2.4 * self.curvature + 4 * self.slope / math.sqrt(n)
                      + (covariance(1.0, 1) if covariance.spiked else 0.0))
        self.known, self.energies, self.hits = np.empty((1024, n)), np.empty(1024), np.zeros(1024, dtype=np.int64)
        self.count = self.converged = self.searched = 0

    @property
    def saturated(self) -> bool:
        """Whether independent starts find nothing new."""
        hits = self.hits[: self.count]
        return self.count > 0 and self.converged >= _HITS * self.count and not (hits == 1).any()

    def independent(self, starts: int, rng: np.random.Generator) -> None:
        points = rng.standard_normal((starts, self.sample.size))
        shifts = np.where(np.arange(starts) % 2, self.reach * rng.uniform(-1, 1, starts), math.nan)
        self.converged += self._run(points, shifts, 1)

    def around(self, rng: np.random.Generator) -> None:
        """Start around all points around which none has started yet, and around those that are found."""
        n = self.sample.size
        while self.searched < self.count:
            centres = self.known[self.searched : self.count].copy()
            self.searched = self.count
            points = np.empty((len(centres), _AROUND, n))
            for u, starts in zip(centres, points, strict=True):
                values, basis = np.linalg.eigh(self.sample.hessian(u))
                directions = rng.standard_normal((_AROUND, n - 1)) / np.maximum(np.abs(values), 1e-3 * self.curvature)
                directions /= np.linalg.norm(directions, axis=1)[:, None]
                starts[:] = u + _FAR * rng.random((_AROUND, 1)) * from_tangent(directions @ basis.T, u)
            self._run(points.reshape(-1, n), np.full(len(points) * _AROUND, math.nan), 0)

    def _run(self, points: Array, shifts: Array, weight: int) -> int:
        points /= np.linalg.norm(points, axis=1)[:, None]
        residuals, values = np.empty(len(points)), np.empty(len(points))
        tolerance = _TOLERANCE * self.slope
        newton(*self.sample.polynomial, points, shifts, _STEPS, 1.0, tolerance, residuals, values)
        done = residuals < tolerance
        ended, values = points[done], values[done]
        if self.count + len(ended) > len(self.known):
            grown = [np.zeros((2 * (self.count + len(ended)), *old.shape[1:]), old.dtype)
                     for old in (self.known, self.energies, self.hits)]
            for old, new in zip((self.known, self.energies, self.hits), grown, strict=True):
                new[: self.count] = old[: self.count]
            self.known, self.energies, self.hits = grown
        self.count = gather(ended, values, self.known, self.energies, self.hits, self.count, weight, self.symmetry,
                            _SAME**2, 1e-6 * self.slope)
        if self.count > _LARGEST:
            raise ValueError(f"size = {self.sample.size}: the landscape has more than {_LARGEST} critical points, too "
                             "many to be listed: give a smaller size")
        return len(ended)

    def listed(self) -> CriticalPoints:
        return _listed(self.sample, self.known[: self.count], self.hits[: self.count], self.converged,
                       self.searched == self.count)


def _listed(
    sample: SampledLandscape, known: Array, hits: NDArray[np.int64], starts: int, closed: bool
) -> CriticalPoints:
    """Complete the list by antipodes, and look at every point."""
    n, symmetry = sample.size, sample.covariance.parity
    points = np.concatenate([known, -known]) if symmetry else known
    unit = math.sqrt(sample.covariance(1.0, 2)) or 1.0
    energies, radial, indices, gaps = (np.empty(len(points)) for _ in range(4))
    for k, u in enumerate(known):
        energies[k], gradient, _ = sample.evaluate(u, 1)
        radial[k] = u @ gradient
        eigenvalues = np.linalg.eigvalsh(sample.hessian(u))
        indices[k], gaps[k] = (eigenvalues < 0).sum(), np.abs(eigenvalues).min() / unit
    if symmetry:
        half = len(known)
        energies[half:], radial[half:], gaps[half:] = symmetry * energies[:half], symmetry * radial[:half], gaps[:half]
        indices[half:] = indices[:half] if symmetry > 0 else n - 1 - indices[:half]
    euler = int((1 - 2 * (indices % 2)).sum())
    once, twice = int((hits == 1).sum()), int((hits == 2).sum())
    unseen = once * (once - 1) / (2 * (twice + 1))
    variance = (unseen + once * (2 * once - 1) ** 2 / (4 * (twice + 1) ** 2)
                + once**2 * twice * (once - 1) ** 2 / (4 * (twice + 1) ** 4))
    copies = 2 if symmetry else 1
    order = np.argsort(energies, kind="stable")
    complete = (closed and len(known) > 0 and once == 0 and starts >= _HITS * len(known) and euler == 2 * (n % 2)
                and float(gaps.min()) > _DEGENERATE)
    return CriticalPoints(
        points=points[order], energies=energies[order], radial=radial[order], indices=indices[order].astype(np.int64),
        gaps=gaps[order], overlaps=points[order] @ sample.signal if sample.signal.size else np.empty(0),
        starts=starts, neighbours=copies * int((hits == 0).sum()), unseen=copies * unseen,
        unseen_error=copies * math.sqrt(variance), new_probability=once / max(starts, 1), euler=euler,
        complete=bool(complete),
    )
