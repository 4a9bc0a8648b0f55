"""Energies and overlaps at which critical points of a random landscape begin, end, or are most numerous."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from .counting import Counting, overlaps
from .result import Status

__all__ = ["BANDS", "Landmark", "energy_landmarks", "is_full_mixture", "overlap_landmarks", "spurious_energies"]

BANDS = range(5)  # indices whose bands are shown
_EPS = float(np.finfo(float).eps)
_RELATIVE = 1e-10  # error beyond which a landmark is ill-conditioned
_GRID = 2001  # overlaps among which maxima are sought, twice as dense near the ends
_SAME = 1e-5  # distance in overlap within which a maximum is an isolated minimum
_TOUCH = 1e-10  # and how far from 0 it may be
_NOTHING = -1e300  # in the place of -inf, for the root finder


@dataclass(frozen=True, kw_only=True)
class Landmark:
    """A special value of the energy or the overlap.

    Attributes
    ----------
    kind, branch : str
    value, error : float
        Energy per spin or overlap, with its estimated absolute error.
    complexity : float
        Sigma there, nats per spin.
    overlap, energy : float
        The other coordinate, where there is one.
    status : Status
    """

    kind: str
    branch: str
    value: float
    error: float
    complexity: float = math.nan
    overlap: float = math.nan
    energy: float = math.nan
    status: Status = Status.CONVERGED


def energy_landmarks(counting: Counting, overlap: float = 0.0, indices: range = BANDS) -> tuple[Landmark, ...]:
    """Energies at which critical points of each index begin, at which minima become marginal, and end."""
    if counting.trivial:
        return tuple(_trivial(counting, indices))
    found: list[Landmark] = []
    full = is_full_mixture(counting, overlap)
    for index in (0,) if counting.landscape.spiked or full else indices:
        found += _ends(counting, index, overlap)
    if full and found:
        ground, *end = found
        alike = [replace(ground, kind="band_edge", branch=f"index {index}") for index in indices if index]
        found = [ground, *(alike if not counting.landscape.spiked else ()),
                 replace(ground, kind="threshold_energy", branch="lower end"), *end]
    if full or not found:
        return tuple(found)
    threshold = float(counting.threshold_energy(overlap))
    error = 4 * _EPS * abs(threshold) + float(counting.passed_on("threshold_energy", 0, overlap))
    # the energy at which minima of a pure landscape end is that of most of them; a double may be beyond it
    there = float(counting.sigma(0, overlap, None if counting.landscape.pure else threshold))
    marginal = Landmark(kind="threshold_energy", branch="marginal", value=threshold, error=error, complexity=there,
                        overlap=overlap, status=_judged(error, abs(threshold)))
    ends = [one for one in found if one.kind == "threshold_energy"]
    return (*(one for one in found if one not in ends), *sorted([marginal, *ends], key=lambda one: one.value))


def is_full_mixture(counting: Counting, overlap: float = 0.0) -> bool:
    """Whether typical minima are marginal at all energies, so that bands do not lie in layers."""
    if counting.landscape.pure or counting.trivial:
        return False
    threshold = float(counting.threshold_energy(overlap))
    return float(counting.sigma(0, overlap, threshold)) < -float(counting.rounding(0, overlap, threshold))


def _trivial(counting: Counting, indices: range) -> Iterator[Landmark]:
    """Two critical points, or for a pure p = 2 pairs of eigenvectors, energies of all of which end at one value."""
    first, _ = counting.slopes
    ground = -math.sqrt(first) * counting.unit
    error = (1 + len(counting.weights)) * _EPS * abs(ground)
    for index in indices if counting.landscape.pure else (0,):
        yield Landmark(kind="band_edge" if index else "ground_state", branch=f"index {index}", value=ground,
                       error=error, complexity=0.0, overlap=0.0, status=Status.LIMIT)
    if counting.landscape.pure:
        yield Landmark(kind="threshold_energy", branch="marginal", value=ground, error=error, complexity=0.0,
                       overlap=0.0, status=Status.LIMIT)


def _ends(counting: Counting, index: int, overlap: float) -> Iterator[Landmark]:
    """Energies at which the complexity of an index is 0, on both sides of its maximum."""
    pure, top = counting.landscape.pure, float(counting.likeliest_energy(index, overlap))
    scale, hidden = counting.scale, float(counting.rounding(index, overlap))
    kind, branch = "ground_state" if not (index or counting.landscape.spiked) else "band_edge", f"index {index}"

    def sigma(energy: float) -> float:
        return max(float(counting.sigma(index, overlap, energy)), _NOTHING)

    def rounding(energy: float) -> float:
        return float(counting.rounding(index, overlap, energy))

    largest = float(counting.sigma(index, overlap))
    if largest < -hidden:
        return
    if largest <= hidden:  # a single energy, as far as rounding lets us see
        error = next(x for x in (scale * _EPS * 2.0**k for k in range(60)) if sigma(top - x) < -hidden)
        yield Landmark(kind=kind, branch=branch, value=top, error=error, complexity=largest, overlap=overlap,
                       status=Status.ILL_CONDITIONED)
        return
    for side in (-1,) if pure else (-1, 1):
        inner = top
        while pure and sigma(inner) == _NOTHING and abs(inner - top) < 1e-9 * scale:  # a double beyond the end
            inner -= max(abs(top), scale) * _EPS
        outer = next(x for x in (top + side * scale * 2.0**k for k in range(-20, 60)) if sigma(x) < 0)
        value, error = _root(sigma, inner, outer, rounding)
        if side > 0:
            if index:
                continue  # all finite indices end together
            kind, branch = "threshold_energy", "upper end"
        yield Landmark(kind=kind, branch=branch, value=value, error=error, complexity=0.0, overlap=overlap,
                       status=_judged(error, max(abs(value), scale)))


def overlap_landmarks(counting: Counting, index: int | None = 0) -> tuple[Landmark, ...]:
    """Overlaps at which the complexity is 0, or largest, and those of isolated minima, where it only touches 0."""
    isolated = list(_isolated(counting, index))
    found = list(isolated)

    def sigma(x: float) -> float:
        return float(counting.sigma(index, x))

    def rate(x: float) -> float:
        return float(counting.rate(index, x))

    def rounding(x: float) -> float:
        return float(counting.rounding(index, x))

    def rate_rounding(x: float) -> float:
        return float(counting.rounding(index, x, name="rate"))

    grid = overlaps(_GRID)
    slopes = np.asarray(counting.rate(index, grid))
    seen = np.flatnonzero(np.abs(slopes) > counting.rounding(index, grid, name="rate"))  # others are flat
    turns = [(i, j) for i, j in itertools.pairwise(seen) if (slopes[i] > 0) != (slopes[j] > 0)]
    stationary = [_turn(rate, rate_rounding, grid[i:j + 1]) for i, j in turns]
    peaks = []
    for (i, _), (x, error) in zip(turns, stationary, strict=True):
        value = sigma(x)
        touching = any(abs(x - one.value) < _SAME for one in isolated) and abs(value) < _TOUCH
        if slopes[i] > 0 and not touching:
            peaks.append((value, x, error))
    for value, x, error in peaks:
        status = Status.CONVERGED if abs(value) > rounding(x) else Status.ILL_CONDITIONED
        found.append(Landmark(kind="maximum", branch="", value=x, error=error, complexity=value, overlap=x,
                              energy=float(counting.likeliest_energy(index, x)), status=status))
    nodes = [x for x in sorted({*grid, *(x for x, _ in stationary)})
             if not any(abs(x - one.value) < _SAME for one in isolated)]  # where rounding decides about the sign
    for (a, v), (b, w) in itertools.pairwise((x, sigma(x)) for x in nodes):
        if v and w and (v > 0) != (w > 0):
            x, error = _root(sigma, a, b, rounding)
            found.append(Landmark(kind="zero", branch="begins" if w > 0 else "ends", value=x, error=error,
                                  complexity=0.0, overlap=x, energy=float(counting.likeliest_energy(index, x)),
                                  status=_judged(error, 1.0)))
    found.append(_convention(counting, index, "orthogonal", 0.0, 0.0))
    if peaks:
        _, x, error = max(peaks)
        found.append(_convention(counting, index, "any overlap", x, error))
    return tuple(sorted(found, key=lambda one: one.value))


def _turn(rate: Callable[[float], float], rounding: Callable[[float], float],
          between: np.ndarray) -> tuple[float, float]:
    """Where a slope changes its sign, with its error; of a plateau the middle, and half its width."""
    if len(between) > 3:
        return float(between[0] + between[-1]) / 2, float(between[-1] - between[0]) / 2
    return _root(rate, float(between[0]), float(between[-1]), rounding)


def spurious_energies(counting: Counting, index: int | None = 0) -> tuple[Landmark, ...]:
    """Energies of isolated minima, and of the others, at any overlap: of most of them, where they begin and end."""
    found = []
    for one in overlap_landmarks(counting, index):
        if one.kind == "isolated" or (one.kind == "largest" and one.branch == "any overlap"):
            error = 8 * _EPS * abs(one.energy) + sum(abs(_energy(counting, index, one, side)) for side in (-1, 1)) / 2
            found.append(replace(one, value=one.energy, error=error, status=_judged(error, abs(one.energy))))
    top = next((one for one in found if one.kind == "largest"), None)
    if top is None or top.complexity <= counting.rounding(index, top.overlap):
        return tuple(sorted(found, key=lambda one: one.value))

    def sigma(energy: float) -> float:
        return max(float(counting.largest_over_overlaps(index, np.array([energy]))[0][0]), _NOTHING)

    def rounding(energy: float) -> float:
        at = float(counting.largest_over_overlaps(index, np.array([energy]))[1][0])
        return float(counting.rounding(index, at, energy))

    scale = counting.scale
    for side, branch in ((-1, "begins"), (1, "ends")):
        outer = next(x for x in (top.value + side * scale * 2.0**k for k in range(-10, 60)) if sigma(x) < 0)
        x, error = _root(sigma, top.value, outer, rounding)
        at = float(counting.largest_over_overlaps(index, np.array([x]))[1][0])
        found.append(Landmark(kind="zero", branch=branch, value=x, error=error, complexity=0.0, overlap=at, energy=x,
                              status=_judged(error, max(abs(x), scale))))
    return tuple(sorted(found, key=lambda one: one.value))


def _energy(counting: Counting, index: int | None, one: Landmark, side: int) -> float:
    """How the energy of a landmark changes by the error of its overlap."""
    x = one.overlap + side * one.error
    if one.kind == "isolated":
        found = (float(counting.evaluate(name, 0, x)[3]) for name in ("isolated", "isolated_above"))
        return min((energy - one.energy for energy in found), key=abs)
    return float(counting.likeliest_energy(index, x)) - one.energy


def _convention(counting: Counting, index: int | None, branch: str, x: float, error: float) -> Landmark:
    found = float(counting.sigma(index, x))
    seen = abs(found) > float(counting.rounding(index, x))  # whether it is positive
    return Landmark(kind="largest", branch=branch, value=x, error=error, complexity=found, overlap=x,
                    energy=float(counting.likeliest_energy(index, x)),
                    status=Status.CONVERGED if seen else Status.ILL_CONDITIONED)


def _isolated(counting: Counting, index: int | None) -> Iterator[Landmark]:
    """Isolated critical points: minima, of which those of lowest energy are the signal's, or all of them."""
    if not counting.landscape.spiked:
        return
    grid = np.array([-1.0, *overlaps(_GRID), 1.0])
    slope, _ = counting.slopes
    found = []
    for name in ("isolated",) if index == 0 else ("isolated", "isolated_above"):

        def zero(x: float, name: str = name) -> float:
            return float(counting.evaluate(name, 0, x)[0])

        condition = counting.evaluate(name, 0, grid)[0]
        for k in np.flatnonzero((condition[:-1] > 0) != (condition[1:] > 0)):
            x, error = _root(zero, grid[k], grid[k + 1], lambda x: 16 * _EPS * math.sqrt(slope))
            _, gap, held, energy = map(float, counting.evaluate(name, 0, x))
            extremum = held >= -8 * _EPS * slope
            if gap >= -8 * _EPS * slope and (extremum or index is None):  # 0 for a matrix alone, at overlap 0
                what = "saddle" if not extremum else "maximum" if name != "isolated" else ""
                found.append((energy, x, error, what))
    lowest = min((energy for energy, *_ in found), default=0.0)
    for energy, x, error, what in sorted(found, key=lambda one: one[1]):
        branch = "no signal" if abs(x) <= error else "signal" if energy <= lowest * (1 - 1e-12) else "metastable"
        yield Landmark(kind="isolated", branch=what or branch, value=x, error=error, complexity=0.0, overlap=x,
                       energy=energy, status=_judged(error, 1.0))



def _root(function: Callable[[float], float], low: float, high: float,
          rounding: Callable[[float], float]) -> tuple[float, float]:
    """Zero of a function between values of opposite signs, and its error: as far as rounding hides the sign."""
    fine = 4 * _EPS * min(max(abs(low), abs(high)), 1)
    x = float(brentq(function, low, high, xtol=fine, rtol=4 * _EPS))
    step, hidden = fine + 4 * _EPS * abs(x), rounding(x)
    while min(abs(function(x - step)), abs(function(x + step))) < hidden and step < abs(high - low):
        step *= 1.5
    return x, step


def _judged(error: float, scale: float) -> Status:
    return Status.CONVERGED if error <= _RELATIVE * scale else Status.ILL_CONDITIONED
