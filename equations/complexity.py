"""Energies and overlaps at which critical points of a random landscape begin, end, or are most numerous."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
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
_LEVEL = 1e-8  # of the scale of energies: one as near is that of an isolated point, as far as rounding lets us see
_NEARBY = 1e-9  # of the scale of energies: how far below an end critical points are looked for
_STEPS = 1000  # of the root finder, which creeps where a function is flat to rounding
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


def energy_landmarks(counting: Counting, overlap: float = 0.0,
                     indices: Iterable[int | None] = BANDS) -> tuple[Landmark, ...]:
    """Energies at which critical points of each index begin, at which minima become marginal, and end.

    Beside a signal `indices` is 0, for minima, or None, for all: where they begin and end.
    """
    indices = tuple(indices)
    if None in indices:
        return tuple(_ends(counting, None, overlap))
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
                        overlap=overlap, energy=threshold, status=_judged(error, abs(threshold)))
    ends = [one for one in found if one.kind == "threshold_energy"]
    return (*(one for one in found if one not in ends), *sorted([marginal, *ends], key=lambda one: one.value))


def is_full_mixture(counting: Counting, overlap: float = 0.0) -> bool:
    """Whether typical minima are marginal at all energies, so that bands do not lie in layers."""
    if counting.landscape.pure or counting.trivial:
        return False
    threshold = float(counting.threshold_energy(overlap))
    return float(counting.sigma(0, overlap, threshold)) < -float(counting.rounding(0, overlap, threshold))


def _trivial(counting: Counting, indices: Iterable[int | None]) -> Iterator[Landmark]:
    """Two critical points, or for a pure p = 2 pairs of eigenvectors, energies of all of which end at one value."""
    first, _ = counting.slopes
    ground = -math.sqrt(first) * counting.unit
    error = (1 + len(counting.weights)) * _EPS * abs(ground)
    for index in indices if counting.landscape.pure else (0,):
        yield Landmark(kind="band_edge" if index else "ground_state", branch=f"index {index}", value=ground,
                       error=error, complexity=0.0, overlap=0.0, energy=ground, status=Status.LIMIT)
    if counting.landscape.pure:
        yield Landmark(kind="threshold_energy", branch="marginal", value=ground, error=error, complexity=0.0,
                       overlap=0.0, energy=ground, status=Status.LIMIT)


def _ends(counting: Counting, index: int | None, overlap: float) -> Iterator[Landmark]:
    """Energies at which the complexity of an index is 0, on both sides of its maximum."""
    top, scale = float(counting.likeliest_energy(index, overlap)), counting.scale
    cut = counting.landscape.pure and index is not None  # above its maximum it ends and is not 0
    hidden = float(counting.rounding(index, overlap))
    kind, branch = "ground_state" if not (index or counting.landscape.spiked) else "band_edge", f"index {index}"
    if index is None:
        kind, branch = "zero", "begins"

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
                       energy=top, status=Status.ILL_CONDITIONED)
        return
    for side in (-1,) if cut else (-1, 1):
        outer = next(x for x in (top + side * scale * 2.0**k for k in range(-20, 60)) if sigma(x) < 0)
        value, error = _root(sigma, _inside(counting, sigma, top), outer, rounding)
        if side > 0:
            if index:
                continue  # all finite indices end together
            kind, branch = ("zero", "ends") if index is None else ("threshold_energy", "upper end")
        yield Landmark(kind=kind, branch=branch, value=value, error=error, complexity=0.0, overlap=overlap,
                       energy=value, status=_judged(error, max(abs(value), scale)))


def _inside(counting: Counting, sigma: Callable[[float], float], end: float) -> float:
    """Where there are critical points: of a pure landscape, or nearly so, below an end where a double may not be."""
    energy, step = end, max(abs(end), counting.scale) * _EPS
    while sigma(energy) <= 0 and abs(energy - end) < _NEARBY * counting.scale:
        energy -= step
        step *= 2
    return energy


def overlap_landmarks(counting: Counting, index: int | None = 0, energy: float | None = None) -> tuple[Landmark, ...]:
    """Overlaps at which the complexity is 0, or largest, and those of isolated minima, where it only touches 0.

    At an energy, if there is one; else over all of them.
    """
    near = math.inf if energy is None else _LEVEL * counting.scale
    isolated = [one for one in _isolated(counting, index) if energy is None or abs(one.energy - energy) <= near]
    found = list(isolated)

    def sigma(x: float) -> float:
        return max(float(counting.sigma(index, x, energy)), _NOTHING)

    def rate(x: float) -> float:
        return float(counting.rate(index, x, energy))

    def rounding(x: float) -> float:
        return float(counting.rounding(index, x, energy))

    def rate_rounding(x: float) -> float:
        return float(counting.rounding(index, x, energy, name="rate"))

    grid = overlaps(_GRID)
    slopes = np.asarray(counting.rate(index, grid, energy))
    hidden = counting.rounding(index, grid, energy, name="rate")
    hidden = hidden + counting.rounding(index, grid, energy) / np.gradient(grid)
    seen = np.flatnonzero(np.abs(slopes) > hidden)  # others are flat
    turns = [(i, j) for i, j in itertools.pairwise(seen) if (slopes[i] > 0) != (slopes[j] > 0)]
    stationary = [_turn(rate, rate_rounding, grid[i:j + 1]) for i, j in turns]
    peaks = []
    for (i, _), (x, error) in zip(turns, stationary, strict=True):
        value = sigma(x)
        touching = any(abs(x - one.value) < _SAME for one in isolated) and abs(value) < _TOUCH
        if slopes[i] > 0 and not touching:
            peaks.append((value, x, error))
    for value, x, error in peaks:
        status = _judged(error, 1.0) if abs(value) > rounding(x) else Status.ILL_CONDITIONED
        found.append(Landmark(kind="maximum", branch="", value=x, error=error, complexity=value, overlap=x,
                              energy=_at(counting, index, x, energy), status=status))
    nodes = [x for x in sorted({*grid, *(x for x, _ in stationary)})
             if not any(abs(x - one.value) < _SAME for one in isolated)]  # where rounding decides about the sign
    for (a, v), (b, w) in itertools.pairwise((x, sigma(x)) for x in nodes):
        if v and w and (v > 0) != (w > 0):
            x, error = _root(sigma, a, b, rounding)
            found.append(Landmark(kind="zero", branch="begins" if w > 0 else "ends", value=x, error=error,
                                  complexity=0.0, overlap=x, energy=_at(counting, index, x, energy),
                                  status=_judged(error, 1.0)))
    if sigma(0.0) > _NOTHING:
        found.append(_convention(counting, index, "orthogonal", 0.0, 0.0, energy))
    if peaks:
        _, x, error = max(peaks)
        found.append(_convention(counting, index, "any overlap", x, error, energy))
    return tuple(sorted(found, key=lambda one: one.value))


def _turn(rate: Callable[[float], float], rounding: Callable[[float], float],
          between: np.ndarray) -> tuple[float, float]:
    """Where a slope changes its sign, with its error; where rounding hides it the middle, and half the width."""
    low, high = float(between[0]), float(between[-1])
    if len(between) > 3 or (rate(low) > 0) == (rate(high) > 0):
        return (low + high) / 2, (high - low) / 2
    x, error = _root(rate, low, high, rounding)
    return 0.0 if abs(x) <= error and rate(0.0) == 0 else x, error  # every term of the slope has a factor m


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

    scale, cut = counting.scale, counting.landscape.pure and index is not None
    inner = _inside(counting, sigma, top.value)
    for side, branch in ((-1, "begins"),) if cut else ((-1, "begins"), (1, "ends")):
        outer = next(x for x in (top.value + side * scale * 2.0**k for k in range(-10, 60)) if sigma(x) < 0)
        x, error = _root(sigma, inner, outer, rounding)
        at = float(counting.largest_over_overlaps(index, np.array([x]))[1][0])
        found.append(Landmark(kind="zero", branch=branch, value=x, error=error, complexity=0.0, overlap=at, energy=x,
                              status=_judged(error, max(abs(x), scale))))
    if cut:  # they end at one energy, whatever the overlap
        end = float(counting.threshold_energy())
        most, place = counting.largest_over_overlaps(index, np.array([_inside(counting, sigma, end)]))
        error = 4 * _EPS * abs(end) + float(counting.passed_on("threshold_energy", 0))
        found.append(Landmark(kind="threshold_energy", branch="marginal", value=end, error=error, energy=end,
                              complexity=float(most[0]), overlap=float(place[0]), status=_judged(error, abs(end))))
    return tuple(sorted(found, key=lambda one: one.value))


def _energy(counting: Counting, index: int | None, one: Landmark, side: int) -> float:
    """How the energy of a landmark changes by the error of its overlap."""
    x = min(max(one.overlap + side * one.error, -1.0), 1.0)
    if one.kind == "isolated":
        found = (float(counting.evaluate(name, 0, x)[3]) for name in ("isolated", "isolated_above"))
        return min((energy - one.energy for energy in found), key=abs)
    return float(counting.likeliest_energy(index, x)) - one.energy


def _at(counting: Counting, index: int | None, x: float, energy: float | None) -> float:
    return float(counting.likeliest_energy(index, x)) if energy is None else energy


def _convention(counting: Counting, index: int | None, branch: str, x: float, error: float,
                energy: float | None) -> Landmark:
    found = float(counting.sigma(index, x, energy))
    seen = abs(found) > float(counting.rounding(index, x, energy))  # whether it is positive
    return Landmark(kind="largest", branch=branch, value=x, error=error, complexity=found, overlap=x,
                    energy=_at(counting, index, x, energy),
                    status=_judged(error, 1.0) if seen else Status.ILL_CONDITIONED)


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
    x = float(brentq(function, low, high, xtol=fine, rtol=4 * _EPS, maxiter=_STEPS))
    step, hidden = fine + 4 * _EPS * abs(x), rounding(x)
    while min(abs(function(x - step)), abs(function(x + step))) < hidden and step < abs(high - low):
        step *= 1.5
    return x, step


def _judged(error: float, scale: float) -> Status:
    return Status.CONVERGED if error <= _RELATIVE * scale else Status.ILL_CONDITIONED
