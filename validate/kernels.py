"""Compiled loops over spins and features; they are given every random number they use, and keep nothing.

The fields of the spins are products of a row of features with the overlaps of all features, which are maintained: a
field reads one row, a flip reads one row again.  Features of small whole numbers are int8, and their overlaps are kept
as int16 so that a processor multiplies sixteen and more pairs in an instruction.  The few overlaps that do not fit
(those with retrieved patterns, of a large network) have a second part; no sum can overflow.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "HEAT_BATH", "METROPOLIS", "fields", "flip", "overlaps", "rebase", "sweep_integer", "sweep_real",
]  # fmt: skip

HEAT_BATH, METROPOLIS = 0, 1

_HALF = 16383  # an overlap whose low part is at most so large may change by as much again before int16 overflows
_CHUNK = 65536  # products of a feature +-1 with an int16 whose sum surely fits 32 bits
_RELAXED = {"reassoc", "nsz", "contract", "arcp"}  # sums may be reordered; infinities and nan stay what they are


@njit
def rebase(low, high, where):
    """Split the overlaps low + high so that |low| <= 16383; list where high is not 0, and return how many."""
    count = 0
    for k in range(low.size):
        value = high[k] + low[k]
        if -_HALF <= value <= _HALF:
            low[k], high[k] = value, 0
        else:
            low[k], high[k] = 0, value
            where[count] = k
            count += 1
    return count


@njit
def _product(row, low):
    total = np.int32(0)
    for k in range(row.size):
        total = np.int32(total + np.int32(np.int32(row[k]) * np.int32(low[k])))
    return total


@njit
def _add(step, row, low):
    for k in range(row.size):
        low[k] = np.int16(low[k] + np.int16(step * np.int16(row[k])))


@njit
def sweep_integer(spins, rows, low, high, largest, order, noise, temperature, scale, diagonal, rule):
    """Visit spins in `order`; overlaps are low + high.

    Parameters
    ----------
    spins : int8 array (N,), changed
    rows : int8 array (N, K)
    low : int16 array (K,), changed
    high : int64 array (K,), changed
    largest : int
        The largest modulus of a feature.
    order : uint32 array (n,)
    noise : float array (n,)
        Logistic variates for heat-bath dynamics, exponential ones for Metropolis'.
    temperature, scale : float
    diagonal : float array (N,)
        J_ii, which the fields leave out.
    rule : int

    Returns
    -------
    flips : int
    change : float
        Of the energy, extensive.
    """
    width = rows.shape[1]
    chunk = max(_CHUNK // largest // 32 * 32, 32)
    where = np.empty(width, np.int64)
    count = rebase(low, high, where)
    budget = max(_HALF // (2 * largest), 1)
    left, flips, change = budget, 0, 0.0
    for visit in range(order.size):
        i = order[visit]
        spin = spins[i]
        product = np.int64(_product(rows[i, :chunk], low[:chunk]))
        for start in range(chunk, width, chunk):
            product += _product(rows[i, start : start + chunk], low[start : start + chunk])
        for listed in range(count):
            product += rows[i, where[listed]] * high[where[listed]]
        field = scale * product - diagonal[i] * spin
        if rule == HEAT_BATH:
            turned = spin * (2 * field + temperature * noise[visit]) < 0
        else:
            turned = 2 * spin * field <= temperature * noise[visit]
        if turned:
            _add(np.int16(-2 * spin), rows[i], low)
            spins[i] = -spin
            change += 2 * spin * field
            flips += 1
            left -= 1
            if left == 0:
                count = rebase(low, high, where)
                left = budget
    return flips, change


@njit(fastmath=_RELAXED)
def sweep_real(spins, rows, updates, moved, order, noise, temperature, scale, diagonal, rule):
    """Visit spins in `order`, where a flip moves the overlaps by -2 s_i times a row of `updates`.

    As `sweep_integer`, but for

    Parameters
    ----------
    rows, updates : arrays (N, K)
        The same, or features and their product with a kernel.
    moved : float array (K,), changed
        The overlaps of `updates` with the spins.
    """
    flips, change = 0, 0.0
    for visit in range(order.size):
        i = order[visit]
        spin = spins[i]
        product = 0.0
        for k in range(moved.size):
            product += rows[i, k] * moved[k]
        field = scale * product - diagonal[i] * spin
        if rule == HEAT_BATH:
            turned = spin * (2 * field + temperature * noise[visit]) < 0
        else:
            turned = 2 * spin * field <= temperature * noise[visit]
        if turned:
            step = -2.0 * spin
            for k in range(moved.size):
                moved[k] += step * updates[i, k]
            spins[i] = -spin
            change += 2 * spin * field
            flips += 1
    return flips, change


@njit(fastmath=_RELAXED)
def overlaps(rows, spins, total):
    """Add sum_i spins_i rows_i to `total`, float array (K,)."""
    for i in range(spins.size):
        spin = float(spins[i])
        for k in range(total.size):
            total[k] += spin * rows[i, k]


@njit(fastmath=_RELAXED)
def fields(rows, moved, found):
    """Write the products of rows (N, K) with the float array `moved` (K,) into `found` (N,)."""
    for i in range(found.size):
        product = 0.0
        for k in range(moved.size):
            product += rows[i, k] * moved[k]
        found[i] = product


@njit
def flip(spins, turned, updates, moved):
    """Flip the spins marked in `turned`, all at once, and move the overlaps of `updates`; return how many."""
    flips = 0
    for i in range(spins.size):
        if turned[i]:
            step = -2.0 * spins[i]
            for k in range(moved.size):
                moved[k] += step * updates[i, k]
            spins[i] = -spins[i]
            flips += 1
    return flips
