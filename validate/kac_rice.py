r"""Expected numbers of critical points at finite size: the Kac-Rice formula, exactly.

Write n = N - 1, u = x/sqrt(N), Q' and Q'' for derivatives at 1.  At any point of the sphere, in an orthonormal basis of
its tangent space, the tangential gradient is N(mean, Q' 1), independent of the rest; the radial derivative R = x.grad H
has variance N (Q' + Q''); and the Hessian on the sphere is

    sqrt(Q''/N) (G - s - sqrt(N) theta e e^T),    s = R/sqrt(N Q''),    theta = Q''(m)(1 - m^2)/sqrt(Q''),

with G a GOE matrix of n rows (entries N(0, 1), N(0, 2) on the diagonal) independent of R.  Without a spike theta = 0, s
is N(0, tau^2) with tau^2 = (Q' + Q'')/Q'', and

    E[number] = vol(S^n) N^(n/2) (2 pi Q')^(-n/2) (Q''/N)^(n/2) E|det(G - s)|.

The weight exp(-s^2/4) |det(G - s)| prod |l_i - l_j| exp(-l_i^2/4) is that of a GOE of N rows with s one of its
eigenvalues.  With Mehta's normalisation all Gamma functions cancel:

    E[number]            = (2 sqrt(2)/tau) (Q''/Q')^(n/2) int R_N(s) exp(-c s^2) ds,   c = (Q'' - Q')/(4 (Q' + Q'')),
    E[number of index k] = (2 sqrt(2)/tau) (Q''/Q')^(n/2) E exp(-c s_k^2),

with R_N the density of the eigenvalues of N rows (of integral N) and s_0 <= s_1 <= ... the eigenvalues themselves.  For
p = 2, c = 0 and it is 2N, and 2 of every index.  Given s, H/N is normal of mean sqrt(Q''/N) s Q'/(Q' + Q'') and
variance (Q - Q'^2/(Q' + Q''))/N.

With a spike the gradient has the mean -sqrt(N(1 - m^2)) Q'(m) along e, and R the mean -N m Q'(m): the integral over m
remains, and |det| is averaged over G, brought to tridiagonal form by reflections that leave e where it is.

References: Fyodorov, Phys. Rev. Lett. 92, 240601 (2004); Auffinger, Ben Arous, Cerny, Commun. Pure Appl. Math. 66, 165
(2013), theorems 2.1 and 2.2; Ros, Ben Arous, Biroli, Cammarota, Phys. Rev. X 9, 011003 (2019) with a spike; Mehta,
Random Matrices, 3rd edition, (7.2.30); Dumitriu, Edelman, J. Math. Phys. 43, 5830 (2002), tridiagonal form.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg, special

from ..theory.landscape import Landscape
from .landscapes import Covariance, numbers
from .settings import whole
from .tridiagonal import summed_determinants

__all__ = ["ExpectedCount", "eigenvalue_density", "expected_by_index", "expected_by_overlap", "expected_number"]

Array = NDArray[np.float64]

_STEP = 0.24  #: of the coarser of two trapezoidal rules, in units of 1/sqrt(N); the density oscillates over pi of them
_POINTS = 100_000  #: of that rule, beyond which numbers would overflow anyway
_RANGE = 12.0  #: in units of the width of the edge, N^(-1/6), beyond 2 sqrt(N): the density is below 1e-18 there
_LARGEST = 150  #: rows of matrices whose determinants are averaged


@dataclass(frozen=True, kw_only=True)
class ExpectedCount:
    """A number of critical points.

    Attributes
    ----------
    value : float
        Infinite if it is too large for a floating-point number; `log` is finite always.
    log : float
    error : float
        Estimated absolute error of `log`: of quadrature and rounding, both small.
    """

    value: float
    log: float
    error: float


def _tilted_density(s: Array, size: int, exponent: float) -> Array:
    """Return the density of the eigenvalues at s, times exp(-exponent s^2).

    With orthonormal Hermite functions phi_j, Mehta's x = s/sqrt(2) and E_j = int sign(x - t)/2 phi_j(t) dt it is sum of
    phi_j^2 over j < N, plus sqrt(N/2) phi_{N-1} E_N, plus phi_{N-1}/int phi_{N-1} for odd N.  phi_j are found as
    multiples of exp(-x^2/2 + what was scaled out), which is below the smallest floating-point number where phi_N is of
    order 1 if N is beyond 700.
    """
    x = s / math.sqrt(2)
    log_scale = -0.5 * x * x  # phi = now exp(log_scale)
    tilt = -exponent * s * s
    before, now = np.zeros_like(x), np.full_like(x, math.pi**-0.25)
    density, last = np.zeros_like(x), now
    # phi_j' = sqrt(j/2) phi_{j-1} - sqrt((j+1)/2) phi_{j+1}, integrated
    integral_before, integral = np.zeros_like(x), math.sqrt(0.5) * math.pi**0.25 * special.erf(math.sqrt(0.5) * x)
    for j in range(size):
        density += np.square(now * np.exp(log_scale + 0.5 * tilt))
        last = now * np.exp(log_scale + tilt)
        integral_before, integral = integral, (
            (math.sqrt(j / 2) * integral_before - now * np.exp(log_scale)) / math.sqrt((j + 1) / 2))
        before, now = now, math.sqrt(2 / (j + 1)) * x * now - math.sqrt(j / (j + 1)) * before
        large = np.abs(now) > 1e100
        if large.any():
            before[large] *= 1e-100
            now[large] *= 1e-100
            log_scale[large] += math.log(1e100)
    density += math.sqrt(size / 2) * last * integral
    if size % 2:  # the integral of phi_{N-1}: sqrt(2) pi^(1/4) for N = 1, and from j - 2 to j a factor sqrt((j-1)/j)
        line = math.sqrt(2) * math.pi**0.25 * math.prod(math.sqrt((j - 1) / j) for j in range(2, size, 2))
        density += last / line
    return density / math.sqrt(2)


def eigenvalue_density(s: Any, size: int) -> Array:
    """Return the density of the eigenvalues of a GOE of `size` rows, of integral `size`.

    Parameters
    ----------
    s : array
        Where; entries of the matrix are N(0, 1), N(0, 2) on the diagonal, and the edges at +-2 sqrt(size).
    size : int
        Even or odd.
    """
    return _tilted_density(np.atleast_1d(np.asarray(s, dtype=float)), whole("size", size, 1, ""), 0.0)


def expected_number(landscape: Landscape | Covariance, size: int) -> ExpectedCount:
    """Return the expected number of critical points of a landscape without a spike.

    Parameters
    ----------
    landscape : Landscape
        Without free symbols and spike.
    size : int
        N, at least 2.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the landscape is spiked.
    """
    covariance = _without_spike(landscape)
    size = whole("size", size, 2, "a sphere in two dimensions is a circle")
    first, second = covariance(1.0, 1), covariance(1.0, 2)
    if second == 0:
        return ExpectedCount(value=2.0, log=math.log(2), error=0.0)  # a linear function: its two poles
    exponent, tau = _exponent(first, second), math.sqrt((first + second) / second)
    # where Q'' is small beside Q' the Gaussian of s is wider than the semicircle
    end = max(2 * math.sqrt(size) + _RANGE * size ** (-1 / 6), tau * (math.sqrt(size) + 9))
    points = 2 * math.ceil(end * math.sqrt(size) / _STEP)
    results = math.nan, math.nan
    if points < _POINTS:
        s, step = np.linspace(-end, end, 2 * points + 1, retstep=True)
        with np.errstate(over="ignore", invalid="ignore"):
            found, norm = (_tilted_density(s, size, c) * step for c in (exponent, 0.0))
        results = 2 * float(found[::2].sum()), float(found.sum())
    if not math.isfinite(results[1]):
        raise ValueError(f"size = {size} is too large for a landscape that is nearly linear (Q'(1) = {first:g}, "
                         f"Q''(1) = {second:g}): numbers overflow; give a smaller size")
    log = _log_factor(first, second, size) + math.log(results[1])
    error = abs(results[1] / results[0] - 1) + abs(float(norm.sum()) / size - 1) + 1e-15 * size
    return ExpectedCount(value=math.exp(log) if log < 709 else math.inf, log=log, error=error)


def expected_by_index(
    landscape: Landscape | Covariance, size: int, *, samples: int = 20_000, rng: Any = 0
) -> pd.DataFrame:
    """Return expected numbers of critical points by index, by averages over GOE matrices, without a spike.

    The sum over all indices is known exactly (`expected_number`); it is used as a control variate.

    Parameters
    ----------
    landscape : Landscape
        Without free symbols and spike.
    size : int
        N, at least 2.
    samples : int
        Matrices, at least 100.
    rng : numpy Generator or seed

    Returns
    -------
    DataFrame
        Columns index, number, standard_error, energy, energy_standard_error; the energy is the expected sum of H/N over
        points of this index, divided by their expected number.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the landscape is spiked.
    """
    covariance = _without_spike(landscape)
    size = whole("size", size, 2, "a sphere in two dimensions is a circle")
    samples = whole("samples", samples, 100, "20000 is a good one")
    first, second = covariance(1.0, 1), covariance(1.0, 2)
    if second == 0:
        raise ValueError("a linear landscape has a minimum and a maximum: give a term of degree 2 or more")
    exponent = _exponent(first, second)
    if exponent < -0.1:  # from -1/8 on the variance of the weights is infinite
        raise ValueError(f"Q''(1) = {second:g} is small beside Q'(1) = {first:g}, where averages over random matrices "
                         "have no standard error: use expected_number, or smaller weight of degree 1")
    s = eigenvalues(size, samples, np.random.default_rng(rng))
    # largest exponents are taken out: they are far from 0 where c < 0
    logs = -exponent * s * s
    top = float(logs.max())
    weights = np.exp(logs - top)
    factor = math.exp(_log_factor(first, second, size) + top)
    exact = expected_number(covariance, size).value / factor
    unit = math.sqrt(second / size) * first / (first + second)
    number, number_error = _controlled(weights, weights.sum(axis=1), exact)
    total, _ = _controlled(weights * s, weights.sum(axis=1), exact)
    ratio = total / number
    _, ratio_error = _controlled(weights * (s - ratio), weights.sum(axis=1), exact)
    return pd.DataFrame({
        "index": np.arange(size), "number": factor * number, "standard_error": factor * number_error,
        "energy": unit * ratio, "energy_standard_error": unit * ratio_error / number,
    })


def expected_by_overlap(
    landscape: Landscape | Covariance, size: int, *, edges: Any = None, samples: int = 20_000, rng: Any = 0
) -> pd.DataFrame:
    """Return expected numbers of critical points by overlap with the signal, and of minima among them.

    Parameters
    ----------
    landscape : Landscape
        Without free symbols; without a spike the overlap is that with any direction.
    size : int
        N, at least 3.
    edges : array, optional
        Of the bins, from -1 to 1; twenty equal ones if not given.
    samples : int
        Matrices, at least 100; the integrals over overlap and radial derivative are done for each.
    rng : numpy Generator or seed

    Returns
    -------
    DataFrame
        Columns low, high, number, standard_error, minima, minima_standard_error; the last row is the whole range.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    covariance = numbers(landscape)
    size = whole("size", size, 3, "")
    if size > _LARGEST:
        raise ValueError(f"size = {size} is too large: determinants overflow; give at most {_LARGEST}")
    samples = whole("samples", samples, 100, "20000 is a good one")
    edges = np.linspace(-1, 1, 21) if edges is None else np.asarray(edges, dtype=float)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all() or abs(edges).max() > 1:
        raise ValueError(f"edges = {edges} of bins: give increasing numbers in [-1, 1]")
    first, second = covariance(1.0, 1), covariance(1.0, 2)
    if second == 0:
        raise ValueError("a linear landscape has a minimum and a maximum: give a term of degree 2 or more")
    n, spike = size - 1, float(covariance.spiked)
    # Gauss-Legendre in every bin; the angle makes the ends of the range smooth
    nodes, unit_weights = np.polynomial.legendre.leggauss(max(4, math.ceil(4 * math.sqrt(size) / (len(edges) - 1)) + 2))
    half = np.diff(np.arcsin(edges)) / 2
    angles = ((np.arcsin(edges[1:]) + np.arcsin(edges[:-1])) / 2)[:, None] + half[:, None] * nodes
    m = np.sin(angles)
    log_m = np.log(half[:, None] * unit_weights) + (size - 2) * np.log(np.cos(angles))
    log_m -= spike * size * covariance(m, 1) ** 2 * (1 - m * m) / (2 * first)
    # vol(S^(n-1)) / (2 pi Q')^(n/2) Q''^(n/2) and the density of s, at the steps of a trapezoid
    constant = math.log(2) + n / 2 * math.log(math.pi) - math.lgamma(n / 2) + n / 2 * math.log(
        second / (2 * math.pi * first))
    tau = math.sqrt((first + second) / second)
    # the average of |det| moves s by at most tau sqrt(N), and is smooth over 1/sqrt(N)
    reach, step = (8 + math.sqrt(size)) * tau, tau / max(4.0, 1.5 * tau * math.sqrt(size))
    offsets = step * np.arange(-math.ceil(reach / step), math.ceil(reach / step) + 1)
    log_s = math.log(step / (tau * math.sqrt(2 * math.pi))) - offsets**2 / (2 * tau**2)
    shift = -spike * math.sqrt(size / second) * (m * covariance(m, 1)).ravel()
    bump = spike * math.sqrt(size / second) * (covariance(m, 2) * (1 - m * m)).ravel()
    random = np.random.default_rng(rng)
    diagonal = math.sqrt(2) * random.standard_normal((samples, n))
    squared = random.chisquare(np.arange(n - 1, 0, -1), (samples, n - 1))
    found = summed_determinants(diagonal, squared, shift, bump, offsets, log_s)
    weights = np.exp(constant + log_m)
    number, minima = (np.einsum("abcd,bc->ab", one.reshape(samples, *m.shape, 1), weights) for one in found)
    rows = []
    parts = [(low, high, slice(k, k + 1)) for k, (low, high) in enumerate(itertools.pairwise(edges))]
    for low, high, part in [*parts, (edges[0], edges[-1], slice(None))]:
        row: dict[str, float] = {"low": low, "high": high}
        for name, error, values in (("number", "standard_error", number), ("minima", "minima_standard_error", minima)):
            one = values[:, part].sum(axis=1)
            row |= {name: float(one.mean()), error: float(one.std(ddof=1)) / math.sqrt(samples)}
        rows.append(row)
    return pd.DataFrame(rows)


def eigenvalues(size: int, samples: int, rng: np.random.Generator) -> Array:
    """Draw the eigenvalues of GOE matrices, array (samples, size), each row increasing, by their tridiagonal form."""
    diagonal = math.sqrt(2) * rng.standard_normal((samples, size))
    beside = np.sqrt(rng.chisquare(np.arange(size - 1, 0, -1), (samples, size - 1)))
    if size > 64:
        return np.array([linalg.eigvalsh_tridiagonal(a, b) for a, b in zip(diagonal, beside, strict=True)])
    found = np.empty((samples, size))
    for part in np.array_split(np.arange(samples), max(1, samples * size * size // 2**20)):
        matrix = np.zeros((len(part), size, size))
        k = np.arange(size)
        matrix[:, k, k] = diagonal[part]
        matrix[:, k[1:], k[:-1]] = beside[part]  # only the lower triangle is read
        found[part] = np.linalg.eigvalsh(matrix)
    return found


def _without_spike(landscape: Landscape | Covariance) -> Covariance:
    covariance = numbers(landscape)
    if covariance.spiked:
        raise ValueError("the landscape is spiked: use expected_by_overlap(landscape, size)")
    return covariance


def _exponent(first: float, second: float) -> float:
    """c, between -1/4 and 1/4."""
    return (second - first) / (4 * (first + second))


def _log_factor(first: float, second: float, size: int) -> float:
    """Log of (2 sqrt(2)/tau) (Q''/Q')^((N-1)/2)."""
    return math.log(8 * second / (first + second)) / 2 + (size - 1) / 2 * math.log(second / first)


def _controlled(values: Array, known: Array, mean: float) -> tuple[Array, Array]:
    """Return means of columns and their standard errors, corrected by a quantity whose mean is known."""
    centred = known - known.mean()
    variance = float(centred @ centred)
    # without spread (p = 2) there is nothing to correct
    slope = (centred @ values) / variance if variance > 1e-20 * float(known @ known) else np.zeros(values.shape[1])
    estimate = values.mean(axis=0) - slope * (known.mean() - mean)
    rest = values - values.mean(axis=0) - np.outer(centred, slope)
    return estimate, rest.std(axis=0, ddof=2) / math.sqrt(len(values))
