r"""Shrinkage from the eigenvalues of the noisy matrix alone: a smoothed Hilbert transform, and its unbiased risk.

With the density of N eigenvalues smoothed by a Gaussian of standard deviation eta,

.. math:: h(\lambda) = \frac1N \sum_j \frac{\sqrt2}{\eta} D\Big(\frac{\lambda - \lambda_j}{\sqrt2\,\eta}\Big) ,

D Dawson's integral.  Its bias is of order eta^2, while that of the more common h = Re g(lambda - i eta) is of order
eta, because a Lorentzian has no variance.  Eigenvalues repel each other, so h fluctuates by 1/(N eta) only.

**Risk.**  With f_i the shrunk eigenvalues, f_ij = (f_i - f_j)/(lambda_i - lambda_j), J_ij = df_i/dlambda_j, and
Gaussian noise, which has the variance 2 delta/N along each of N (N + 1)/2 directions of unit Frobenius norm, Stein's
identity gives

.. math:: \frac1{2N} |S - \hat S|^2 \approx \frac12 \Big[ m - \delta\Big(1 + \frac1N\Big)
   + \frac{4\delta}{N^2}\Big(\sum_{i<j} f_{ij} + \sum_i J_{ii}\Big)\Big], \qquad m = \frac1N\sum_i (f_i - \lambda_i)^2,

without bias (Stein, Ann. Stat. 9, 1135 (1981)).  The square of its deviation has itself an unbiased estimate (Bellec,
Zhang, Ann. Stat. 49, 1864 (2021)),

.. math:: \frac1{4N^2} \Big[8\delta m + \frac{16\delta^2}{N^2}\Big(\sum_{i<j} f_{ij}^2 + \sum_{ij} J_{ij} J_{ji}\Big)
   - 4\delta^2\Big(1 + \frac1N\Big)\Big] .
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import dawsn

__all__ = ["best_width", "shrink_by_kernel"]

_ENTRIES = 2_000_000  # of an intermediate array: 16 MB


def shrink_by_kernel(eigenvalues: np.ndarray, delta: float, width: float) -> tuple[np.ndarray, float, float]:
    """Shrink to lambda - 2 delta h, h smoothed, and estimate the matrix mse that this leaves.

    Parameters
    ----------
    eigenvalues : float array (N,)
        Of Y/sqrt(N), in any order.
    delta : float
    width : float
        eta, in units of the eigenvalues.

    Returns
    -------
    shrunk : float array (N,)
    mse, standard_error : float
        Of (1/2N)|S - S_hat|^2; the estimate may be negative where the error is as large as itself.
    """
    count = len(eigenvalues)
    rows = max(1, _ENTRIES // count)
    hilbert, slope, couplings = np.empty(count), np.empty(count), 0.0
    for i in range(0, count, rows):
        x = (eigenvalues[i : i + rows, None] - eigenvalues) / (math.sqrt(2) * width)
        dawson = dawsn(x)
        bend = 1 - 2 * x * dawson  # Dawson's derivative; 1 for the eigenvalue's own term
        hilbert[i : i + rows] = dawson.sum(axis=1) * math.sqrt(2) / (count * width)
        slope[i : i + rows] = bend.sum(axis=1) / (count * width**2)
        couplings += (bend**2).sum()
    own = 1 / (count * width**2)  # of its own term, which moves with the eigenvalue
    shrunk = eigenvalues - 2 * delta * hilbert
    diagonal = 1 - 2 * delta * (slope - own)
    crossed = (2 * delta / (count * width**2)) ** 2 * (couplings - count) + (diagonal**2).sum()
    once, twice = 0.0, 0.0  # sums of f_ij and of its square over pairs
    for i in range(0, count, rows):
        apart = eigenvalues[i : i + rows, None] - eigenvalues
        same = apart == 0
        ratio = (shrunk[i : i + rows, None] - shrunk) / np.where(same, 1.0, apart)
        ratio = np.where(same, 1 - 2 * delta * slope[i : i + rows, None], ratio)  # of equal eigenvalues
        ratio[np.arange(len(ratio)), np.arange(i, i + len(ratio))] = 0.0
        once, twice = once + ratio.sum() / 2, twice + (ratio**2).sum() / 2
    moved = ((shrunk - eigenvalues) ** 2).mean()
    norm = delta * (1 + 1 / count)
    mse = 0.5 * (moved - norm + 4 * delta / count**2 * (once + diagonal.sum()))
    variance = 8 * delta * moved + 16 * delta**2 / count**2 * (twice + crossed) - 4 * delta * norm
    return shrunk, float(mse), math.sqrt(max(variance, 0.0)) / (2 * count)


def best_width(eigenvalues: np.ndarray, delta: float) -> float:
    """Return the width of least estimated risk, within a factor 2^(1/4).

    Searched between sqrt(delta/N) and sqrt(delta), which hold sqrt(delta) N^(-1/3).  Above, the kernel is wider than
    the noise, which makes every density smooth on the scale sqrt(delta) or below; below, h fluctuates by more than
    1/sqrt(N) of its size, and two eigenvalues that happen to be near each other decide the estimate of the risk.
    """
    def risk(width):
        return shrink_by_kernel(eigenvalues, delta, width)[1]

    lowest = math.sqrt(delta / len(eigenvalues))
    octaves = math.ceil(0.5 * math.log2(len(eigenvalues)))
    tried = {width: risk(width) for width in np.geomspace(lowest, math.sqrt(delta), octaves + 1)}
    for factor in (math.sqrt(2), 2**0.25):
        best = min(tried, key=tried.__getitem__)
        for width in (best * factor, best / factor):
            if width >= lowest:
                tried[width] = risk(width)
    return float(min(tried, key=tried.__getitem__))
