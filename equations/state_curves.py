"""Where states of a kind are found: anchored, and followed from there to the controls asked for.

A kind of state says where it is easily found and in which order the controls are moved from there to where it is
wanted; every move follows a curve by pseudo-arclength, so that the state does not slide into another one near a fold,
and along the last control all states of the kind, stable or not, lie on one curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import sympy as sp

from ..theory.model import Model
from .continuation import Bound, at_parameter, follow, pinned
from .state_boundaries import KindFold
from .states import KindFormulas, StateCurve, exact_zeros, kinds_of, nonzero

__all__ = ["curve_along", "states_at"]

_FLOOR = 1e-3  # lowest temperature-like value from which a control is moved that is 0 at the anchor
_FARTHEST = 1e4  # value up to which a control is moved
_SCANNED = (-1.0, 16.0)  # from the guess, of the logarithm of an unknown that is scanned, with so many points at a time
_ROWS = (1200, 200, 200, 200)
_ITERATIONS = 60
_DAMPING = 0.3
_CLOSE = 1e-3  # change in an iteration from which Newton's method goes on
_SEARCHED = 1e-5  # of the upper end of a window: below that no state is looked for, curves only go on
_FAINT, _UNCERTAIN = np.log(1e-4), 0.03  # of the logarithm of an unknown: small, and not known
_TRIED = 27  # values of a control at which a state is looked for, to follow it from there
_CLOSED = 400  # points of a curve that needs no solving
_LARGEST = 1.2  # step along a curve, in logarithms


def _settled(formulas: KindFormulas, controls: Mapping[str, float], guess: np.ndarray) -> np.ndarray | None:
    """Newton's method for a state at fixed controls, from a guess of log x; None if it finds none."""
    if not len(guess):
        return guess
    curve = StateCurve(formulas, "_", controls)
    y = pinned(curve, np.append(guess, 0.0), 1e-12)
    return y[:-1] if y is not None and curve.inside(y) > 0 else None


def _moved(curve: StateCurve, x: np.ndarray, start: float, target: float) -> np.ndarray | None:
    """A state followed in one control from a value to another; None if it ends before."""
    a, b = np.log(start), np.log(target)
    if abs(a - b) < 1e-14 or not len(x):
        return x
    window = (min(a, b), max(a, b))
    try:
        found = follow(curve, np.append(x, a), window, _bounds(curve, x), largest=_LARGEST, first=0.2)
    except ValueError:
        return None
    first = int(np.argmin(np.abs(found.points - np.append(x, a)).max(axis=1)))
    ways = [found.points[first:], found.points[first::-1]]
    for way in ways:
        if len(way) > 1 and abs(way[-1, -1] - b) < 1e-12:
            return way[-1, :-1]
    return None


@lru_cache(maxsize=512)
def _anchored(model: Model, name: str, controls: tuple[tuple[str, float], ...]) -> np.ndarray | None:
    """The state at its anchor, whose own controls are among `controls`."""
    values = dict(controls)
    formulas = kinds_of(model, exact_zeros(model, values))[name]
    symbols = {sp.Symbol(c, real=True): v for c, v in values.items()}
    guess = np.array([float(sp.log(formulas.kind.start[x].subs(symbols))) for x in formulas.unknowns])
    left = nonzero(values)
    first = _settled(formulas, left, guess)
    if first is None:
        first = _scanned(formulas, left, guess)
    return first if first is not None else _iterated(formulas, left, guess)


def _iterated(formulas: KindFormulas, controls: Mapping[str, float], guess: np.ndarray) -> np.ndarray | None:
    """A state that damped iteration from the guess comes near to, solved; None if it leads nowhere."""
    x = guess[None]
    for _ in range(_ITERATIONS):
        # an unknown that would become negative is to be smaller
        change = np.clip(np.nan_to_num(formulas.at(x, controls).residual, nan=-_LARGEST), -_LARGEST, _LARGEST)
        x = x + _DAMPING * change
        if np.abs(change).max() < _CLOSE:
            break
    return _settled(formulas, controls, x[0])


def _scanned(formulas: KindFormulas, controls: Mapping[str, float], guess: np.ndarray) -> np.ndarray | None:
    """A state sought over a grid of one unknown, to which the others are iterated; the one of least noise."""
    if formulas.kind.scanned not in formulas.unknowns:
        return None
    column = formulas.unknowns.index(formulas.kind.scanned)
    low, high = guess[column] + np.array(_SCANNED)
    for rows in _ROWS:  # close to a pole of the equations a coarse grid is too far from the state
        x = np.tile(guess, (rows, 1))
        x[:, column] = np.linspace(low, high, rows)
        rest = [k for k in range(len(guess)) if k != column]
        with np.errstate(all="ignore"):
            for _ in range(_ITERATIONS):
                x[:, rest] += formulas.at(x, controls).residual[:, rest]
            found = formulas.at(x, controls)
        # beyond a pole, at which the map of the unknown is infinite, it counts as large
        gap = np.where((found.positive > 0).all(axis=1), found.residual[:, column], 1.0)
        changes = np.flatnonzero(gap[:-1] * gap[1:] < 0)
        if not len(changes):
            return None
        k = changes[0]
        low, high = x[k, column], x[k + 1, column]
        t = gap[k] / (gap[k] - gap[k + 1])
        settled = _settled(formulas, controls, x[k] + t * (x[k + 1] - x[k]))
        if settled is not None:
            return settled
    return None


@lru_cache(maxsize=512)
def _curve(model: Model, name: str, along: str, controls: tuple[tuple[str, float], ...],
           low: float, high: float) -> tuple[StateCurve, np.ndarray] | None:
    """States of a kind along the last control of its path, from the anchor, with the other controls given."""
    wanted = dict(controls)
    zero = exact_zeros(model, wanted)
    formulas = kinds_of(model, zero)[name]
    kind = formulas.kind
    path = [c for c in kind.path if c not in zero]
    at = {**wanted, **{c: min(kind.anchor[c], low) if c == along == "alpha" else kind.anchor[c] for c in path}}
    x = _anchored(model, name, tuple(sorted(at.items())))
    if x is None:
        return None
    for c in path:
        curve_formulas = kinds_of(model, exact_zeros(model, at | {c: 1.0}))[name]
        if at[c] == 0:  # leave zero by a small step
            at[c] = min(_FLOOR, low if c == along else wanted[c])
            x = _settled(curve_formulas, nonzero(at), x)
            if x is None:
                return None
        curve = StateCurve(curve_formulas, c, {k: v for k, v in nonzero(at).items() if k != c})
        if c == along:
            break
        x = _moved(curve, x, at[c], wanted[c])
        if x is None:
            return None
        at[c] = wanted[c]
    return _followed(curve, np.append(x, np.log(at[along])), low, high)


def _bounds(curve: StateCurve, x: np.ndarray) -> list[Bound]:
    """Where states of the kind cease to exist, on a curve that starts at x."""
    lowest = float(x.min(initial=0.0)) - curve.formulas.kind.vanished
    return [Bound("pole", curve.inside), Bound("vanished", lambda y: float(y[:-1].min(initial=0.0)) - lowest)]


def _followed(curve: StateCurve, start: np.ndarray, low: float, high: float) -> tuple[StateCurve, np.ndarray] | None:
    window = (min(np.log(low), start[-1]), max(np.log(high), start[-1]))
    try:
        found = follow(curve, start, window, _bounds(curve, start[:-1]), largest=_LARGEST, first=0.2)
    except ValueError:
        return None
    return curve, _with_folds(curve, found.points)


def _with_folds(curve: StateCurve, points: np.ndarray) -> np.ndarray:
    """The points of a curve with its folds among them, so that states close to a fold stand between two points."""
    steps = np.diff(points[:, -1])
    fold = KindFold(curve.formulas, (curve.along, "_"), curve.others)
    for k in np.flatnonzero(steps[:-1] * steps[1:] < 0)[::-1] + 1:
        y = pinned(fold, np.append(points[k], 0.0), 1e-12)
        if y is None:
            continue
        way = points[k + 1] - points[k - 1]
        place = (y[:-1] - points[k]) @ way
        if np.abs(y[:-1] - points[k]).max() < np.abs(way).max() and place != 0:
            points = np.insert(points, k + 1 if place > 0 else k, y[:-1], axis=0)
    return points


def curve_along(model: Model, name: str, along: str, controls: Mapping[str, float],
                window: tuple[float, float]) -> tuple[StateCurve, np.ndarray] | None:
    """States of a kind as a curve in one control, within a window of it; None if there is none.

    Parameters
    ----------
    model : Model
        With numbers for all parameters.
    name : str
        Of the kind.
    along : str
    controls : mapping
        All controls but `along`.
    window : (low, high)

    Returns
    -------
    (curve, points)
        points of shape (points, n + 1) in order, the last column log of the control.
    """
    zero = exact_zeros(model, controls)
    kinds = kinds_of(model, zero)
    if name not in kinds:
        return None
    path = [c for c in kinds[name].kind.path if c not in zero]
    low, high = window
    if along == path[-1] or not kinds[name].unknowns:
        key = tuple(sorted((c, float(v)) for c, v in controls.items()))
        if not kinds[name].unknowns:
            curve = StateCurve(kinds[name], along, nonzero(controls))
            points = np.log(np.geomspace(max(low, _SEARCHED * high), high, _CLOSED))[:, None]
            inside = (curve.at(points).positive > 0).all(axis=1)
            return (curve, points[inside]) if inside.any() else None
        return _curve(model, name, along, key, low, high)
    # the kind's curves run along another control: find one state in the window, and follow it
    values = np.geomspace(max(low, _SEARCHED * high), high, _TRIED)
    for value in values[np.argsort(np.abs(np.arange(_TRIED) - _TRIED // 2), kind="stable")]:
        states = states_at(model, {**controls, along: float(value)}, (name,))
        if states:
            curve = StateCurve(kinds[name], along, nonzero(controls))
            return _followed(curve, np.append(states[0][1], np.log(value)), low, high)
    return None


def states_at(model: Model, controls: Mapping[str, float],
              names: Sequence[str] | None = None) -> list[tuple[KindFormulas, np.ndarray]]:
    """Every state at given controls: its kind, and the logarithms of its unknowns.

    Parameters
    ----------
    model : Model
        With numbers for all parameters.
    controls : mapping
        Of the model's own controls.
    names : sequence of str, optional
        Kinds to look for; all by default.
    """
    zero = exact_zeros(model, controls)
    values = {name: float(v) for name, v in controls.items()}
    left = nonzero(values)
    found = []
    for name, formulas in kinds_of(model, zero).items():
        if names is not None and name not in names:
            continue
        if not formulas.unknowns:
            if (formulas.at(np.empty((1, 0)), left).positive > 0).all():
                found.append((formulas, np.empty(0)))
            continue
        path = [c for c in formulas.kind.path if c not in zero]
        if not path:
            start = _anchored(model, name, tuple(sorted(values.items())))
            found += [(formulas, start)] if start is not None else []
            continue
        along = path[-1]
        value = values[along]
        rest = tuple(sorted((c, v) for c, v in values.items() if c != along))
        low, high = min(formulas.kind.anchor[along] or _FLOOR, value / 2), max(_FARTHEST, 2 * value)
        traced = _curve(model, name, along, rest, low, high)
        if traced is None:
            continue
        curve, points = traced
        for y in at_parameter(curve, points, float(np.log(value))):
            new = not any(np.allclose(y[:-1], x, atol=1e-9) for f, x in found if f is formulas)
            if new and _certain(formulas, y[:-1], left):
                found.append((formulas, y[:-1]))
    return found


def _certain(formulas: KindFormulas, x: np.ndarray, controls: Mapping[str, float]) -> bool:
    """Whether rounding leaves anything of a state: at the transition at which it vanishes it does not."""
    state = formulas.at(x[None], controls)
    try:
        away = np.linalg.solve(np.eye(len(x)) - state.jacobian[0], np.diag(state.residual_error[0]))
    except np.linalg.LinAlgError:
        return True  # exactly at a fold
    lowest = x.min() < _FAINT
    return not (lowest and np.abs(away).sum(axis=1).max() > _UNCERTAIN)
