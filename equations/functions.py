"""NumPy and mpmath implementations of the special functions of ``spinodal.theory.special``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from scipy import special

__all__ = ["MPMATH", "NUMPY"]

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
_LEGENDRE_X, _LEGENDRE_W = np.polynomial.legendre.leggauss(16)
_SERIES = 0.2  # |y| below which the series of pole_entropy converges to rounding with the terms kept
_POLE_SERIES = 1 - 1 / np.arange(2, 28)
_NARROW = 0.5  # widest interval on which 16 Gauss-Legendre nodes integrate exp(-x t - t^2/2) to rounding


def log_cosh(x):
    """Log cosh x, to relative accuracy near 0 (where cosh x - 1 = 2 sinh^2(x/2)) and without overflow."""
    x = np.abs(x)
    near = np.log1p(2 * np.sinh(np.minimum(x, 1) / 2) ** 2)
    return np.where(x < 1, near, x + np.log1p(np.exp(-2 * x)) - np.log(2))


def sech_squared(x):
    """1/cosh^2 x without overflow."""
    e = np.exp(-2 * np.abs(x))
    return 4 * e / (1 + e) ** 2


def binary_entropy(x):
    """Log 2 cosh x - x tanh x: both parts are of one sign."""
    x = np.abs(x)
    e = np.exp(-2 * x)
    return np.log1p(e) + 2 * x * e / (1 + e)


def pole_entropy(y):
    """y/(1 - y) + log(1 - y), near 0 by its series sum_n (1 - 1/n) y^n."""
    y = np.asarray(y, float)
    small = np.where(np.abs(y) < _SERIES, y, 0.0)
    near = small**2 * np.polynomial.polynomial.polyval(small, _POLE_SERIES)
    return np.where(np.abs(y) < _SERIES, near, y / (1 - y) + np.log1p(-y))


def inverse_mills(x):
    """phi(x)/Phi(x) = sqrt(2/pi)/erfcx(-x/sqrt 2)."""
    return np.sqrt(2 / np.pi) / special.erfcx(-np.asarray(x) / np.sqrt(2))


def _from_left(a, b):
    """The interval (a, b) or its mirror image, whichever has its nearer end in the left tail or across 0."""
    a, b = np.broadcast_arrays(np.asarray(a, float), np.asarray(b, float))
    flip = a + b > 0  # both tails are measured from the left, where log_ndtr and erfcx keep their digits
    return np.where(flip, -b, a), np.where(flip, -a, b), flip


def _narrow_integral(low, high):
    """Where the interval is narrow: mask, centre c, and int exp(-c t - t^2/2) dt over it by Gauss-Legendre."""
    width, centre = high - low, 0.5 * (low + high)
    with np.errstate(invalid="ignore"):
        narrow = (width < _NARROW) & (np.abs(centre) * width < 4)
    half, centre = 0.5 * np.where(narrow, width, 0.0)[..., None], np.where(narrow, centre, 0.0)
    t = half * _LEGENDRE_X
    return narrow, centre, (half * _LEGENDRE_W * np.exp(-centre[..., None] * t - 0.5 * t * t)).sum(-1)


def log_interval(a, b):
    """log(Phi(b) - Phi(a)) for a < b, to relative accuracy for narrow and for far intervals."""
    low, high, _ = _from_left(a, b)
    with np.errstate(all="ignore"):
        log_high = special.log_ndtr(high)
        wide = log_high + np.log(-np.expm1(special.log_ndtr(low) - log_high))
        outside = special.ndtr(low) + special.ndtr(-high)  # where it is small its digits are those of the logarithm
        wide = np.where(outside < 0.5, np.log1p(-np.minimum(outside, 0.5)), wide)
        if not (high - low < _NARROW).any():
            return wide
        narrow, centre, integral = _narrow_integral(low, high)
        return np.where(narrow, np.log(integral) - 0.5 * centre**2 - _LOG_SQRT_2PI, wide)


def interval_mills(x, a, b):
    """phi(x)/(Phi(b) - Phi(a)) for x = a or x = b; squares enter as products of differences, so none is large."""
    low, high, flip = _from_left(a, b)
    x = np.where(flip, -np.asarray(x, float), x)
    with np.errstate(all="ignore"):
        probability = -np.expm1(special.log_ndtr(low) - special.log_ndtr(high))
        wide = inverse_mills(high) / probability * np.exp(0.5 * (high - x) * (high + x))
        if not (high - low < _NARROW).any():
            return wide
        narrow, centre, integral = _narrow_integral(low, high)
        near = np.exp(0.5 * (centre - x) * (centre + x)) / integral
        return np.where(narrow, near, wide)


def log_sum_exp(*terms):
    """log sum_k exp(a_k), the largest exponent taken out."""
    top = -np.finfo(float).max  # finite even if every term is -inf
    for term in terms:
        top = np.maximum(top, term)
    total = 0.0
    for term in terms:
        total = total + np.exp(term - top)
    return top + np.log(total)


def largest(*terms):
    """The largest of several numbers or arrays, element by element."""
    return functools.reduce(np.maximum, terms)


def least_of(*terms):
    """The smallest of those that are numbers, element by element."""
    return functools.reduce(np.fmin, terms)


def _mp_log_ndtr(x):
    if x > 0:
        return mpmath.log1p(-mpmath.erfc(x / mpmath.sqrt(2)) / 2)
    return mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)


def _mp_interval(a, b):
    if a + b > 0:
        a, b = -b, -a
    root = mpmath.sqrt(2)
    # the difference cancels at most the digits of the ratio of the two tails: work with twice the precision
    with mpmath.workprec(2 * mpmath.mp.prec):
        return (mpmath.erfc(-b / root) - mpmath.erfc(-a / root)) / 2


def _mp_log_sum_exp(*terms):
    top = max(terms)
    return top + mpmath.log(mpmath.fsum(mpmath.exp(term - top) for term in terms))


def _mp_density(x):
    return mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)


def _mp_binary_entropy(x):
    e = mpmath.exp(-2 * x)
    return mpmath.log1p(e) + 2 * x * e / (1 + e)


def _mp_pole_entropy(y):
    lost = 2 * max(0, -mpmath.mag(y)) if y else 0  # bits that cancel: the sum begins as y^2/2
    with mpmath.workprec(mpmath.mp.prec + lost + 10):
        return y / (1 - y) + mpmath.log1p(-y)


NUMPY: dict[str, Callable[..., Any]] = {
    "LogCosh": log_cosh,
    "Tanh": np.tanh,
    "TanhDeficit": lambda x: 2 * special.expit(-2 * np.asarray(x)),
    "SechSquared": sech_squared,
    "BinaryEntropy": binary_entropy,
    "PoleEntropy": pole_entropy,
    "LogNdtr": special.log_ndtr,
    "InverseMills": inverse_mills,
    "LogInterval": log_interval,
    "IntervalMills": interval_mills,
    "LogSumExp": log_sum_exp,
    "Largest": largest,
    "LeastOf": least_of,
    "OverlapPower": lambda n, V, m: m**n,
    "erf": special.erf,
    "erfc": special.erfc,
}

MPMATH: dict[str, Callable[..., Any]] = {
    "Tanh": mpmath.tanh,
    "TanhDeficit": lambda x: 2 / (1 + mpmath.exp(2 * x)),
    "SechSquared": lambda x: mpmath.sech(x) ** 2,
    "BinaryEntropy": lambda x: _mp_binary_entropy(abs(x)),
    "PoleEntropy": _mp_pole_entropy,
    "LogCosh": lambda x: abs(x) + mpmath.log1p(mpmath.exp(-2 * abs(x))) - mpmath.log(2),
    "LogNdtr": _mp_log_ndtr,
    "InverseMills": lambda x: _mp_density(x) * mpmath.exp(-_mp_log_ndtr(x)),
    "LogInterval": lambda a, b: mpmath.log(_mp_interval(a, b)),
    "IntervalMills": lambda x, a, b: _mp_density(x) / _mp_interval(a, b),
    "LogSumExp": _mp_log_sum_exp,
    "Largest": max,
    "LeastOf": min,
    "OverlapPower": lambda n, V, m: m**n,
}
