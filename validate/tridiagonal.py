"""Compiled loops over random tridiagonal matrices, given by their diagonals and squared off-diagonal entries.

The pivots of elimination, d_i = a_i - b_{i-1}^2/d_{i-1}, have the determinant as their product, and as many are
negative as eigenvalues are.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["extreme_eigenvalues", "log_determinants", "summed_determinants"]

_TINY = 1e-300  # takes the place of a pivot that is 0


@njit
def summed_determinants(diagonal, squared, shifts, bumps, offsets, logs):
    """Return sums over s of exp(log) |det(G - s - bump e e^T)|, of all and of positive definite matrices.

    Parameters
    ----------
    diagonal : float array (samples, n)
    squared : float array (samples, n - 1)
    shifts, bumps : float arrays (k,)
        s = shift + offset; e is the first axis.
    offsets, logs : float arrays (j,)

    Returns
    -------
    total, minima : float arrays (samples, k)
    """
    samples, n = diagonal.shape
    total, minima = np.zeros((samples, shifts.size)), np.zeros((samples, shifts.size))
    for sample in range(samples):
        for k in range(shifts.size):
            for j in range(offsets.size):
                s = shifts[k] + offsets[j]
                pivot = diagonal[sample, 0] - s - bumps[k]
                product, positive = abs(pivot), pivot > 0
                for i in range(1, n):
                    if pivot == 0.0:
                        pivot = _TINY
                    pivot = diagonal[sample, i] - s - squared[sample, i - 1] / pivot
                    product *= abs(pivot)
                    positive = positive and pivot > 0
                weight = np.exp(logs[j]) * product
                total[sample, k] += weight
                if positive:
                    minima[sample, k] += weight
    return total, minima


@njit
def log_determinants(diagonal, squared):
    """Return log|det| of every matrix, and whether it is positive definite."""
    samples, n = diagonal.shape
    logs, positive = np.zeros(samples), np.ones(samples, np.bool_)
    for sample in range(samples):
        pivot = 1.0
        for i in range(n):
            pivot = diagonal[sample, i] - (squared[sample, i - 1] / pivot if i > 0 else 0.0)
            if pivot == 0.0:
                pivot = _TINY
            logs[sample] += np.log(abs(pivot))
            positive[sample] &= pivot > 0
    return logs, positive


@njit
def _negative(diagonal, squared, s):
    """Return how many eigenvalues are below s."""
    count, pivot = 0, 1.0
    for i in range(diagonal.size):
        pivot = diagonal[i] - s - (squared[i - 1] / pivot if i > 0 else 0.0)
        if pivot == 0.0:
            pivot = _TINY
        count += pivot < 0
    return count


@njit
def extreme_eigenvalues(diagonal, squared):
    """Return the smallest and the largest eigenvalue of every matrix, by bisection to twelve digits."""
    samples, n = diagonal.shape
    lowest, highest = np.empty(samples), np.empty(samples)
    for sample in range(samples):
        a, b = diagonal[sample], squared[sample]
        radius = np.abs(a).max() + 2 * np.sqrt(b.max() if n > 1 else 0.0)  # Gershgorin
        for wanted, out in ((0, lowest), (n - 1, highest)):
            low, high = -radius, radius
            while high - low > 1e-12 * radius:
                middle = 0.5 * (low + high)
                if _negative(a, b, middle) > wanted:
                    high = middle
                else:
                    low = middle
            out[sample] = 0.5 * (low + high)
    return lowest, highest
