"""Pseudo-arclength continuation of curves F(y) = 0 with one more unknown than equations.

A predictor steps along the tangent, a bordered Newton method returns to the curve in the plane normal to the tangent:

    [ J(y) ]           [ F(y)            ]
    [ t    ] delta = - [ t . (y - guess) ]

so that turning points of any unknown are passed like other points (Keller, in Applications of Bifurcation Theory,
1977; Allgower and Georg, Introduction to Numerical Continuation Methods, 2003).  Unknowns are measured in the system's
`scales`.  Whether F has order parameters, their conjugates or null vectors among its unknowns makes no difference here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import brentq

__all__ = ["Bound", "Evaluation", "System", "Trace", "at_parameter", "corrected", "follow", "located", "pinned",
           "polished", "refined", "tangents"]

_NEWTON = 12  # steps of the corrector at most
_EASY = 3  # corrector steps up to which the next step may be longer
_GROWTH, _CUT = 1.6, 0.4  # of the step after an easy, and after a failed correction
_TURN = 0.35  # largest angle between successive tangents, in radians
_SMALLEST = 1e-6  # step, in units of the scales, at which a curve counts as lost
_LOOSE = 1e-6  # last step of the corrector on the way: Newton's next one would be its square
_ROUNDING = 1e-9  # step below which one that is no shorter than the last is taken for rounding
_ASIDE = 0.5  # how far beyond a chord, in units of it, a point of its curve may project
_SAME = 1e-12  # of the last unknown, in units of its scale: no difference
# A curve has come to a limit if its last unknown moves less in so many steps in which another one moves more
_STILL, _RUNS, _PATIENCE = 1e-6, 1e-2, 6


@dataclass(frozen=True)
class Evaluation:
    """A system at rows of unknowns: n equations, n + 1 unknowns.

    Attributes
    ----------
    residual : array, shape (rows, n)
    jacobian : array, shape (rows, n, n + 1)
    noise : array, shape (rows, n)
        Absolute error of the residual: below it nothing is left to correct.
    """

    residual: np.ndarray
    jacobian: np.ndarray
    noise: np.ndarray


class System(Protocol):
    """n equations in n + 1 unknowns, evaluated for many rows at once."""

    @property
    def scales(self) -> np.ndarray:
        """Natural unit of each unknown, shape (n + 1,)."""

    def evaluate(self, y: np.ndarray) -> Evaluation:
        """Residual and Jacobian at unknowns of shape (rows, n + 1)."""


@dataclass(frozen=True)
class Bound:
    """A curve is followed while ``inside(y) > 0`` and ends, for `reason`, where that is zero."""

    reason: str
    inside: Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Trace:
    """Points of a curve in order, and why it ends on either side.

    Attributes
    ----------
    points : array, shape (points, n + 1)
    start, stop : str
        Reasons: ``"window"``, that of a bound, ``"closed"``, ``"limit"`` where the other unknowns run away while the
        last one comes to rest, or ``"lost"`` where no step, however small, could be corrected.
    """

    points: np.ndarray
    start: str
    stop: str


def tangents(jacobian: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Unit null vectors, in scaled unknowns, of Jacobians of shape (rows, n, n + 1)."""
    if jacobian.shape[1] == 0:
        return np.ones((len(jacobian), 1))
    scaled = jacobian * scales
    size = np.abs(scaled).max(axis=2, keepdims=True)
    return np.linalg.svd(scaled / np.where(size > 0, size, 1.0))[2][:, -1]


def corrected(system: System, guess: np.ndarray, normal: np.ndarray, tolerance: float = 1e-10):
    """Newton's method in the planes through the guesses that are normal to `normal` (in scaled unknowns).

    Parameters
    ----------
    guess, normal : arrays, shape (rows, n + 1)
    tolerance : float
        Of a step, in units of the scales.

    Returns
    -------
    y : array, shape (rows, n + 1)
    jacobian : array, shape (rows, n, n + 1)
    steps : int
    converged : array of bool, shape (rows,)
    """
    y, scales, n = np.array(guess, float), system.scales, guess.shape[1] - 1
    if n == 0:
        return y, np.empty((len(y), 0, 1)), 0, np.ones(len(y), bool)
    before = np.full(len(y), np.inf)
    active = np.arange(len(y))
    converged = np.zeros(len(y), bool)
    jacobian = np.zeros((len(y), n, n + 1))
    for steps in range(1, _NEWTON + 1):
        now = system.evaluate(y[active])
        jacobian[active] = now.jacobian
        with np.errstate(all="ignore"):
            matrix = np.concatenate([now.jacobian * scales, normal[active, None, :]], axis=1)
            size = np.abs(matrix).max(axis=2, keepdims=True)
            right = np.concatenate([-now.residual, np.zeros((len(active), 1))], axis=1) / size[..., 0]
            fit = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
            step = np.full(right.shape, np.nan)
            step[fit] = _solved(matrix[fit] / size[fit], right[fit])
        length = np.abs(step).max(axis=1)
        exhausted = (np.abs(now.residual) <= 2 * now.noise).all(axis=1)
        stagnant = (length < _ROUNDING) & (length >= before[active])  # steps that shrink no more are rounding
        done = fit & (exhausted | (length <= tolerance) | stagnant)
        moving = fit & ~exhausted & (length < 2.0) & ~((steps > 3) & (length > before[active]))
        y[active[moving]] += step[moving] * scales
        converged[active[done]] = True
        before[active] = length
        active = active[moving & ~done]
        if len(active) == 0:
            break
    return y, jacobian, steps, converged


def pinned(system: System, guess: np.ndarray, tolerance: float = 1e-10) -> np.ndarray | None:
    """The point of the curve next to a guess at the guess' last unknown; None if Newton's method finds none."""
    across = np.zeros((1, len(guess)))
    across[0, -1] = 1.0
    y, _, _, converged = corrected(system, guess[None], across, tolerance)
    return y[0] if converged[0] else None


def _solved(matrices: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solutions of linear systems, NaN for singular ones."""
    try:
        return np.linalg.solve(matrices, right[..., None])[..., 0]
    except np.linalg.LinAlgError:  # one of them is singular
        found = np.full(right.shape, np.nan)
        for k, (matrix, b) in enumerate(zip(matrices, right, strict=True)):
            if np.linalg.matrix_rank(matrix) == len(matrix):
                found[k] = np.linalg.solve(matrix, b)
        return found


def polished(system: System, points: np.ndarray, tolerance: float = 1e-12) -> tuple[np.ndarray, np.ndarray]:
    """Points of a curve solved on to full precision, each in the plane normal to the curve; and whether it was."""
    y, _, _, converged = corrected(system, points, tangents(system.evaluate(points).jacobian, system.scales), tolerance)
    return np.where(converged[:, None], y, points), converged


def follow(system: System, start: np.ndarray, window: tuple[float, float], bounds: Sequence[Bound] = (), *,
           largest: float = 0.2, first: float = 0.02, most: int = 2000) -> Trace:
    """Follow the curve through `start` both ways, until the last unknown leaves its window or a bound ends it.

    The system is not evaluated outside the window, but for corrections of a step that stays inside.

    Parameters
    ----------
    system : System
    start : array, shape (n + 1,)
        A point on the curve (corrected first).
    window : (low, high)
        Of the last unknown.
    bounds : sequence of Bound
    largest, first : float
        Longest and first step, in units of the scales.
    most : int
        Points either way; a curve longer than that ends with the reason ``"lost"``.

    Raises
    ------
    ValueError
        If no point of the curve is found next to `start`.
    """
    e = np.zeros((1, len(start)))
    e[0, -1] = 1.0
    y, jacobian, _, converged = corrected(system, np.asarray(start, float)[None], e)
    if not converged[0]:
        raise ValueError(f"start = {start}: no point of the curve was found next to it")
    t = tangents(jacobian, system.scales)[0]
    forward, stop = _one_way(system, y[0], t, window, bounds, largest, first, most)
    if stop == "closed":
        return Trace(np.array([y[0], *forward]), "closed", "closed")
    backward, begin = _one_way(system, y[0], -t, window, bounds, largest, first, most)
    return Trace(np.array([*backward[::-1], y[0], *forward]), begin, stop)


def _one_way(system, y, t, window, bounds, largest, first, most):
    """Points after y in direction t, and why they end."""
    scales, origin, beginning, h, still = system.scales, y, t, first, 0
    points: list[np.ndarray] = []
    for _ in range(most):
        new, turn, steps, reason = _stepped(system, y, t, window, bounds, h)
        if reason == "shorter":
            h *= _CUT
            if h < _SMALLEST:
                return points, "lost"
            continue
        if reason:
            return [*points, new], reason
        away = (new - origin) / scales
        near = len(points) > 3 and np.linalg.norm(away) < 1.5 * h and away @ turn < 0 < (away + h * turn) @ turn
        if near and turn @ beginning > 0:  # in the direction in which it began: it has not turned back
            return [*points, new, origin], "closed"
        step = np.abs(new - y) / scales
        still = still + 1 if step[-1] < _STILL and step.max() > _RUNS else 0
        points.append(new)
        if still == _PATIENCE:
            return points, "limit"
        y, t = new, turn
        h = min(largest, h * _GROWTH if steps <= _EASY else h)
    return points, "lost"


def _stepped(system, y, t, window, bounds, h):
    """The next point, the tangent there, the corrector's steps, and why the curve ends at it: ``""`` if it goes on,
    ``"shorter"`` if the step was too long.
    """
    again = y, t, 0, "shorter"
    guess = y + h * t * system.scales
    beyond = guess
    if window[0] <= guess[-1] <= window[1]:
        new, jacobian, steps, converged = corrected(system, guess[None], t[None], _LOOSE)
        turn = tangents(jacobian, system.scales)[0] if converged[0] else t
        turn = turn if turn @ t >= 0 else -turn
        if not converged[0] or turn @ t < np.cos(_TURN):
            return again
        beyond = new[0]
    if not window[0] <= beyond[-1] <= window[1]:
        edge = _at_edge(system, y, beyond, window, h)
        inside = edge is not None and all(bound.inside(edge) > 0 for bound in bounds)
        return (edge, t, 0, "window") if inside else again
    outside = next((bound for bound in bounds if not bound.inside(beyond) > 0), None)
    if outside is None:
        return beyond, turn, steps, ""
    try:
        return located(system, y, beyond, outside.inside), turn, steps, outside.reason
    except ValueError:  # the step has jumped to another curve
        return again


def _at_edge(system, y, beyond, window, h):
    """The point of the curve on the edge of the window that a step from y leaves; None if it is not found nearby."""
    edge = window[0] if beyond[-1] < window[0] else window[1]
    guess = y + (edge - y[-1]) / (beyond[-1] - y[-1]) * (beyond - y)
    guess[-1] = edge
    new = pinned(system, guess)
    return new if new is not None and np.linalg.norm((new - y) / system.scales) <= 2 * h else None


def located(system: System, a: np.ndarray, b: np.ndarray, function: Callable[[np.ndarray], float]) -> np.ndarray:
    """The point of the curve between two of its points at which a function changes sign.

    Raises
    ------
    ValueError
        If it has the same sign at both, or the curve is lost between them.
    """
    chord = (b - a) / system.scales
    normal = (chord / np.linalg.norm(chord))[None]

    def at(t: float) -> np.ndarray:
        if t in (0.0, 1.0):
            return a if t == 0.0 else b
        y, _, _, converged = corrected(system, (a + t * (b - a))[None], normal)
        if not converged[0]:
            raise ValueError(f"the curve is lost between {a} and {b}")
        return y[0]

    return at(brentq(lambda t: function(at(t)), 0.0, 1.0, xtol=1e-14, rtol=8.9e-16))


def at_parameter(system: System, points: np.ndarray, u: float) -> list[np.ndarray]:
    """Every point of a curve, given by points in order, at which the last unknown is u."""
    side = points[:, -1] - u
    found = [points[k] for k in (0, -1) if abs(side[k]) <= _SAME * system.scales[-1]]
    for k in np.flatnonzero((side[:-1] < 0) != (side[1:] < 0)):
        t = side[k] / (side[k] - side[k + 1])
        guess = points[k] + t * (points[k + 1] - points[k])
        guess[-1] = u
        y = pinned(system, guess)
        chord = (points[k + 1] - points[k]) / system.scales
        if y is not None and -_ASIDE < (y - points[k]) / system.scales @ chord / (chord @ chord) < 1 + _ASIDE:
            found.append(y)
            continue
        try:  # a strongly bent stretch: along the curve itself
            found.append(located(system, points[k], points[k + 1], lambda y: float(y[-1] - u)))
        except ValueError:
            continue
    return found


def refined(system: System, points: np.ndarray, place: Callable[[np.ndarray], np.ndarray], *, chord: float,
            bow: float, rounds: int = 8) -> np.ndarray:
    """Insert points between those of a curve until it is drawn smoothly, all new ones of a round solved together.

    Parameters
    ----------
    points : array, shape (points, n + 1)
    place : callable
        Coordinates, in units of the figure, of rows of unknowns.
    chord, bow : float
        Longest chord and largest distance of the curve from it, in those units.

    Returns
    -------
    points : array, shape (more points, n + 1)
        Every one solved (`polished` to full precision); a chord whose middle could not be stays as it is.
    """
    is_open = np.ones(len(points) - 1, bool)
    for _ in range(rounds):
        shown = place(points)
        lengths = np.linalg.norm(np.diff(shown, axis=0), axis=1)
        split = np.flatnonzero(is_open & (lengths > 1e-9) & ((lengths > chord) | (_bows(shown) > bow)))
        if len(split) == 0:
            break
        middle = _midpoints(points / system.scales, split) * system.scales
        normal = (points[split + 1] - points[split]) / system.scales
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        new, _, _, converged = corrected(system, middle, normal, _LOOSE)
        after = ((new - points[split]) / system.scales * normal).sum(1) > 0
        before = ((points[split + 1] - new) / system.scales * normal).sum(1) > 0
        good = converged & after & before
        is_open[split[~good]] = False
        points = np.insert(points, split[good] + 1, new[good], axis=0)
        is_open = np.insert(is_open, split[good] + 1, True)
    return points


def _bows(shown: np.ndarray) -> np.ndarray:
    """How far a smooth curve through the points leaves each chord, from the turns at its ends."""
    if len(shown) < 3:
        return np.zeros(len(shown) - 1)
    chords = np.diff(shown, axis=0)
    lengths = np.linalg.norm(chords, axis=1)
    unit = chords / np.maximum(lengths, 1e-300)[:, None]
    turn = np.linalg.norm(np.diff(unit, axis=0), axis=1)
    at_ends = np.concatenate([[turn[0]], turn, [turn[-1]]])
    return lengths * np.maximum(at_ends[:-1], at_ends[1:]) / 8


def _midpoints(points: np.ndarray, split: np.ndarray) -> np.ndarray:
    """Guesses halfway between neighbours, on the cubic through four points where there are four."""
    n = len(points)
    middle = 0.5 * (points[split] + points[split + 1])
    inner = (split > 0) & (split < n - 2)
    k = split[inner]
    # parametrise by accumulated chord length and interpolate (Lagrange) at the middle of the inner chord
    knots = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = 0.5 * (knots[k] + knots[k + 1])
    four = np.stack([k - 1, k, k + 1, k + 2])
    weights = np.ones(four.shape)
    for i in range(4):
        for j in range(4):
            if i != j:
                weights[i] *= (at - knots[four[j]]) / (knots[four[i]] - knots[four[j]])
    cubic = (weights[..., None] * points[four]).sum(axis=0)
    good = np.isfinite(cubic).all(axis=1)
    middle[np.flatnonzero(inner)[good]] = cubic[good]
    return middle
