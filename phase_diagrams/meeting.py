"""Meeting points of boundaries: located on the systems that meet, typed, with errors.

Types
-----
cusp : two folds merge
tricritical : a fold, or a crossing, leaves a continuous line: its overlap falls to zero
critical_end : a crossing between states that differ meets a continuous line
informative_end : the line on which the good state first exists meets a continuous line
triple : three states have equal free entropy
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ..equations.boundaries import Boundary, Fold
from .tracing import Line

__all__ = ["Meeting", "crossings", "cusp", "tricritical"]

# ln(s scale) of the points from which a line that leaves a continuous one is extrapolated to s = 0
_STARTS = (-5.0, -6.0, -7.0, -8.0, -9.0)
_EPS = np.finfo(float).eps
_MET, _KNOWN = 1e-7, 1e-5  # distance in ln c within which two lines have met, and error of what may have met


@dataclass(frozen=True)
class Meeting:
    """A special point: where, of which type, and which lines meet there."""

    type: str
    u: float
    log_control: float
    error_u: float
    error: float  # of ln c
    overlap: float
    mse: float
    free_entropy: float
    lines: tuple[int, ...]


def cusp(system: Fold, y: np.ndarray, error_u: float, lines: tuple[int, ...]) -> Meeting:
    """The cusp at a point of a fold at which the control's maximum turns into a minimum."""
    v = system.vertices(y[None])
    _, by_u = system.surface.with_slopes(y[:1], y[1:])
    return Meeting(
        "cusp", float(y[-1]), float(v.log_control[0]), error_u,
        float(v.error[0] + np.abs(by_u.log_control[0]) * error_u), float(v.overlap[0]), float(v.mse[0]),
        float(v.free_entropy[0]), lines,
    )


def crossings(one: Line, other: Line, systems: tuple[Boundary, Boundary], kind: str,
              ids: tuple[int, int]) -> list[Meeting]:
    """All points of the plane at which two lines cross, as meetings of one type."""
    found: list[Meeting] = []
    for low, high, near in _overlaps(one, other):
        def gap(u: float, near: float = near) -> float:
            a, b = (_nearest(line, system, u, near) for line, system in zip((one, other), systems, strict=True))
            return a[0] - b[0]

        ends = gap(low), gap(high)
        if not np.isfinite(ends).all() or ends[0] * ends[1] > 0:
            continue
        u = float(brentq(gap, low, high, xtol=1e-14, rtol=8.9e-16))
        a, b = (_nearest(line, system, u, near) for line, system in zip((one, other), systems, strict=True))
        # a crossing with no signal has the solution x = 0 on a continuous line, too, of which nothing is known
        if not a[1] + b[1] <= _KNOWN or not abs(a[0] - b[0]) <= _MET:
            continue
        slope = (ends[1] - ends[0]) / (high - low)
        error_u = (a[1] + b[1]) / abs(slope) if slope else np.inf
        along = abs(gap_slope(one, u))
        if any(abs(m.u - u) < 1e-10 for m in found):
            continue
        overlap, mse, entropy = a[2]
        found.append(Meeting(kind, u, a[0], error_u, a[1] + along * error_u, overlap, mse, entropy, ids))
    return found


def gap_slope(line: Line, u: float) -> float:
    """d ln c/du of a line near u, from its vertices."""
    v = line.vertices
    k = int(np.clip(np.argmin(np.abs(v.u - u)), 1, len(v.u) - 2)) if len(v.u) > 2 else 1
    du = v.u[k + 1 if k + 1 < len(v.u) else k] - v.u[k - 1]
    return float((v.log_control[min(k + 1, len(v.u) - 1)] - v.log_control[k - 1]) / du) if du else 0.0


def _nearest(line: Line, system: Boundary, u: float, near: float):
    """ln c, its error and the state of a line at u; of several points, the one next to a value of ln c."""
    _, v = line.at(system, u)
    if len(v.u) == 0:
        return np.nan, np.nan, (np.nan,) * 3
    k = int(np.argmin(np.abs(v.log_control - near)))
    return float(v.log_control[k]), float(v.error[k]), (float(v.overlap[k]), float(v.mse[k]), float(v.free_entropy[k]))


def _overlaps(one: Line, other: Line) -> list[tuple[float, float, float]]:
    """Ranges of u in which chords of two polylines cross, and ln c there."""
    a, b = one.vertices, other.vertices
    found = []
    p, q = np.stack([a.u, a.log_control], 1), np.stack([b.u, b.log_control], 1)
    d, e = np.diff(p, axis=0)[:, None], np.diff(q, axis=0)[None]
    w = q[None, :-1] - p[:-1, None]
    with np.errstate(all="ignore"):
        det = d[..., 0] * e[..., 1] - d[..., 1] * e[..., 0]
        s = (w[..., 0] * e[..., 1] - w[..., 1] * e[..., 0]) / det
        t = (w[..., 0] * d[..., 1] - w[..., 1] * d[..., 0]) / det
    slack = 0.2  # chords that just miss: the curves are not the chords
    hits = np.argwhere((s >= -slack) & (s <= 1 + slack) & (t >= -slack) & (t <= 1 + slack))
    for i, j in hits:
        low = max(min(a.u[i : i + 2]), min(b.u[j : j + 2]))
        high = min(max(a.u[i : i + 2]), max(b.u[j : j + 2]))
        if high > low:
            found.append((float(low), float(high), float(p[i, 1] + s[i, j] * d[i, 0, 1])))
    return found


def _at_zero(s: np.ndarray, u: np.ndarray) -> float:
    """The polynomial through (s, u) at s = 0 (Lagrange)."""
    weights = [np.prod([-b / (a - b) for b in s if b != a]) for a in s]
    return float(np.dot(weights, u))


def tricritical(line: Line, system: Boundary, end: np.ndarray, continuous: Callable[[float], tuple[float, float]],
                lines: tuple[int, ...]) -> Meeting | None:
    """Where a line whose overlap falls to zero leaves the continuous one; None if it ends elsewhere.

    u on the line is an analytic function of s (of the overlap): values at small s are extrapolated to s = 0 by a
    polynomial; what the one at largest s changes is the error, with the noise of the values.

    Parameters
    ----------
    line, system
        A fold, or a crossing with the state without signal.
    end : array
        The last point of the line, at small s.
    continuous : callable
        ln c of the continuous line and its error, at u.
    """
    from ..equations.continuation import corrected

    offset = float(system.surface.first_x - np.log(1e-6))
    normal = np.zeros((len(_STARTS), len(end)))
    normal[:, 0] = 1.0
    guesses = np.tile(end, (len(_STARTS), 1))
    guesses[:, 0] = np.array(_STARTS) + offset
    y, _, _, converged = corrected(system, guesses, normal)
    if not converged.all():
        return None
    s, u = np.exp(y[:, 0]), y[:, -1]
    best, rougher = _at_zero(s, u), _at_zero(s[1:], u[1:])
    now = system.evaluate(y)
    noise = np.abs(now.noise[:, 0] / now.jacobian[:, 0, -1])
    error_u = abs(best - rougher) + float(noise.max()) + 4 * _EPS * abs(best)
    value, error = continuous(best)
    reached = float(system.vertices(y[-1:]).log_control[0])
    if abs(reached - value) > 1e-2 * max(1.0, abs(value)):  # the other state is not the one without signal
        return None
    overlap, mse = 0.0, float(system.vertices(y[-1:]).mse[0])
    return Meeting("tricritical", best, value, error_u, error + abs(gap_slope(line, best)) * error_u,
                   overlap, mse, float(system.vertices(y[-1:]).free_entropy[0]), lines)
