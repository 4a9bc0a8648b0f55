r"""The trapezoidal rule on a graded line.

A smooth integrand that decays is integrated by the trapezoidal rule with an error that falls exponentially in
1/h, and T(h), T(2h), T(4h) share their nodes, so every integral comes with an error estimate at no cost.  Steep
integrands keep this property on a line graded to their features (centres c_j, widths s_j):

.. math:: t(z) = \sum_j \operatorname{asinh}\frac{z - c_j}{s_j},

uniform steps in t are steps of s_j near c_j and grow in proportion to the distance from it, so a feature of width
1e-12 costs some thirty nodes more than one of width 1.  A hard end a of the domain adds log(z - a).
"""

from __future__ import annotations

import numpy as np

__all__ = ["graded_nodes", "step_error"]

_COARSE = 40  # points a side and a centre of the table from which the map is inverted: one Newton step is often enough
_NEWTON = 5  # at most
_ASYMPTOTIC = 1e-2  # relative error of T(4h) below which the law of the error is taken to hold
_EVEN = 4e-14  # unevenness of the nodes in t below which no further step is taken
_HARD_END = 1e-17  # distance, in units of the domain, at which a hard end is cut off


@np.errstate(all="ignore")
def graded_nodes(centres, scales, low, high, step, hard=(False, False)):
    """Nodes and weights of the trapezoidal rule on [low, high], graded to features.

    Parameters
    ----------
    centres, scales : arrays, shape (rows, features)
        Where the integrand varies and over which width; an infinite scale is no feature.
    low, high : arrays, shape (rows,)
    step : float
        Step in t; all rows get the number of nodes that the longest needs, a multiple of 4 and one more.
    hard : pair of bool
        Whether the integrand stops at an end instead of decaying.

    Returns
    -------
    nodes, weights : arrays, shape (rows, n)
    """
    low, high = np.asarray(low, float)[:, None], np.asarray(high, float)[:, None]
    length = high - low
    cut_low = low + _HARD_END * length if hard[0] else low
    cut_high = high - _HARD_END * length if hard[1] else high
    edges = [edge for edge, is_hard in ((low, hard[0]), (high, hard[1])) if is_hard]

    places, inverse = centres.T[:, :, None], 1 / scales.T[:, :, None]  # features first: sums of whole arrays

    def t_of(z):
        u = (z - places) * inverse
        t = np.arcsinh(u).sum(0)
        u *= u
        u += 1
        rate = (inverse / np.sqrt(u, out=u)).sum(0)
        if hard[0]:
            gap = np.maximum(z - low, _HARD_END * length)
            t, rate = t + np.log(gap / length), rate + 1 / gap
        if hard[1]:
            gap = np.maximum(high - z, _HARD_END * length)
            t, rate = t - np.log(gap / length), rate + 1 / gap
        return t, rate

    table = _table(centres, scales, low, high, edges, hard)
    table = np.clip(table, cut_low if not hard[0] else low, cut_high if not hard[1] else high)
    table.sort(axis=-1)
    table_t, table_rate = t_of(table)
    table_t = np.maximum.accumulate(table_t, axis=-1)
    first, last = table_t[:, :1], table_t[:, -1:]
    n = 4 * max(1, int(np.ceil(np.max(last - first) / step / 4))) + 1
    t = first + (last - first) * (np.arange(n) / (n - 1))
    # one sorted list for all rows: row number + position in [0, 1/2]
    row = np.arange(len(t))[:, None]
    half = 0.5 / (last - first)
    after = np.searchsorted((row + half * (table_t - first)).ravel(), (row + half * (t - first)).ravel())
    after = np.clip(after.reshape(t.shape), row * table.shape[1] + 1, (row + 1) * table.shape[1] - 1)
    z0, z1 = table.take(after - 1), table.take(after)
    t0, t1 = table_t.take(after - 1), table_t.take(after)
    gap = np.maximum(t1 - t0, 1e-300)
    x = (t - t0) / gap
    # Hermite interpolation of z(t), dz/dt = 1/rate, then Newton
    slope0, slope1 = gap / table_rate.take(after - 1), gap / table_rate.take(after)
    z = z0 + x * (slope0 + x * (3 * (z1 - z0) - 2 * slope0 - slope1 + x * (slope0 + slope1 - 2 * (z1 - z0))))
    for remaining in reversed(range(_NEWTON + 1)):
        z = np.minimum(np.maximum(z, z0), z1)
        value, rate = t_of(z)
        value -= t
        if not remaining or np.abs(value).max() <= _EVEN:
            break
        z = z - value / rate
    return z, (last - first) / (n - 1) / rate


def _table(centres, scales, low, high, edges, hard):
    """Points spread over [low, high] like the grading, for the first guess of the inverse map."""
    grid = np.arange(_COARSE + 1) / _COARSE
    reach = np.arcsinh((high - low) / scales)[..., None] * grid
    offset = scales[..., None] * np.sinh(np.minimum(reach, 700))
    offset = np.where(np.isfinite(offset), offset, 0.0)
    points = [(centres[..., None] + sign * offset).reshape(len(low), -1) for sign in (1, -1)]
    for edge in edges:
        sign = 1 if edge is low else -1
        points.append(edge + sign * (high - low) * 0.5 ** np.arange(58))
    even = low + (high - low) * grid
    return np.concatenate([*points, even], axis=-1)


def step_error(fine, half, quarter):
    """Error of T(h) from T(h), T(2h), T(4h): the last change times (at most 1) a power of the last ratio of changes.

    An error exp(-a/h) makes the ratio the square root of the last change or less; the power 3/4 leaves room for a
    part of the integrand whose error falls more slowly than that of the rest.  The error oscillates with h, and T(2h)
    may be good by accident: by the same law the error is no less than the fourth power of that of T(4h), once that is
    small.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        change, before = np.abs(fine - half), np.abs(half - quarter)
        ratio = np.where(before > 0, change / before, 1.0)
        size = np.abs(fine)
        coarse = before / size
        floor = np.where(coarse < _ASYMPTOTIC, size * coarse**4, 0.0)
    return np.maximum(change * np.minimum(ratio, 1.0) ** 0.75, floor)
