"""What there is on a slice, the states of a model along one control with all others fixed: seeds of boundaries.

For models that are solved kind by kind.  On the curve of the informative states: extrema of the control, and places
where the free energy of an uninformative state or a level of a function is passed; on the other kinds: levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq

from ..equations.continuation import at_parameter, pinned
from ..equations.state_boundaries import KindCrossing, KindFold, KindLevel, StateBoundary
from ..equations.state_curves import curve_along
from ..equations.states import StateCurve, States, exact_zeros, kinds_of, nonzero
from ..theory.model import Model

__all__ = ["StateSeed", "seeds_of", "system_for"]

_FAINT, _SAME_ONSET = np.log(1e-2), 1e-6  # of logarithms, of an unknown and of the control
_NOTHING = "_"  # stands for the second control of a system on a slice


@dataclass(frozen=True)
class StateSeed:
    """A point near a boundary, and which boundary it is.

    Attributes
    ----------
    kind, branch : str
        In the words of tables: ``spinodal`` of the ``informative`` state.
    state, other : str
        Kind of the state, and of the one it crosses.
    what : int
        Transverse eigenvalue that reaches 1, -1 for the replicon.
    x : tuple of float
        Logarithms of the unknowns of the state (and of the other one).
    controls : tuple of float
        Logarithms of the controls that are not fixed: of the one along the slice, or of both of a plane.
    """

    kind: str
    branch: str
    state: str
    other: str
    what: int
    x: tuple[float, ...]
    controls: tuple[float, ...]


def system_for(seed: StateSeed, model: Model, zero: frozenset[str], controls: tuple[str, str],
               others: Mapping[str, float]) -> StateBoundary:
    """The system whose solutions are the boundary through a seed."""
    kinds = kinds_of(model, zero)
    if seed.kind == "spinodal":
        return KindFold(kinds[seed.state], controls, others)
    if seed.kind == "first_order":
        return KindCrossing(kinds[seed.state], controls, others, kinds[seed.other])
    return KindLevel(kinds[seed.state], controls, others, seed.what)


def seeds_of(model: Model, along: str, others: Mapping[str, float], window: tuple[float, float]) -> list[StateSeed]:
    """Every boundary that a slice shows within a window of its control, solved on it.

    Parameters
    ----------
    model : Model
        With numbers for all parameters.
    along : str
        The control along the slice; `others` are the model's other own controls.
    window : (low, high)
        Of the control along the slice, positive.
    """
    zero = exact_zeros(model, others)
    curves: dict[str, Any] = {}
    for name in kinds_of(model, zero):
        found = curve_along(model, name, along, others, window)
        if found is not None:
            curves[name] = (*found, found[0].at(found[1]))
    rough = [seed for name, (curve, points, states) in curves.items() for seed in _on(name, curve, points, states)]
    rough += _crossings(curves)
    low, high = np.log(window[0]) - 1e-9, np.log(window[1]) + 1e-9
    solved: list[StateSeed] = []
    for seed in rough:
        exact = _solved(seed, system_for(seed, model, zero, (along, _NOTHING), nonzero(others)))
        if exact is not None and low <= exact.controls[0] <= high and not any(_same(exact, one) for one in solved):
            solved.append(exact)
    onsets = [seed.controls[0] for seed in solved if seed.kind == "continuous" and not _is_faint(seed)]
    return [seed for seed in solved if not _is_faint(seed) or
            all(abs(seed.controls[0] - onset) > _SAME_ONSET for onset in onsets)]


def _is_faint(seed: StateSeed) -> bool:
    """Whether a state is about to vanish: what happens to it there is the transition of the state that is left."""
    return min(seed.x, default=0.0) < _FAINT


def _solved(seed: StateSeed, system: StateBoundary) -> StateSeed | None:
    y = pinned(system, np.array([*seed.x, *seed.controls, 0.0]), 1e-12)
    if y is None or system.states(y[None]).positive.min(initial=np.inf) <= 0:
        return None
    return replace(seed, x=tuple(map(float, y[:-2])), controls=(float(y[-2]),))


def _same(one: StateSeed, other: StateSeed) -> bool:
    return (one.kind, one.state, one.other, one.what) == (other.kind, other.state, other.other, other.what) and (
        abs(one.controls[0] - other.controls[0]) < 1e-9)


def _on(name: str, curve: StateCurve, points: np.ndarray, states: States) -> Iterator[StateSeed]:
    """Extrema of the control along the curve of a kind, and levels that its stable states pass."""
    control, kind = points[:, -1], curve.formulas.kind
    steps = np.diff(control)
    for k in np.flatnonzero(steps[:-1] * steps[1:] < 0) + 1:
        yield StateSeed("spinodal", kind.branch, name, "", 0, tuple(points[k, :-1]), (float(control[k]),))
    eigenvalues = states.eigenvalues()
    n = points.shape[1] - 1
    levels = {n + j: states.transverse[:, j] for j in range(states.transverse.shape[1])}
    # without a signal the replicon reaches 0 where the noise condenses, the continuous transition, and stays negative
    if kind.branch != "uninformative" and np.isfinite(states.instability).all():
        levels[-1] = states.instability
    for column, values in levels.items():
        rest = np.delete(eigenvalues, column, axis=1) if column >= 0 else eigenvalues
        stable: Any = (rest < 1).all(axis=1)
        turned: Any = np.diff(np.sign(values - 1.0))
        for k in np.flatnonzero((turned != 0) & (stable[:-1] | stable[1:])):
            t = float(np.clip((1 - values[k]) / (values[k + 1] - values[k]), 0, 1))
            y = points[k] + t * (points[k + 1] - points[k])
            yield StateSeed("replicon" if column < 0 else "continuous", kind.branch, name, "",
                            -1 if column < 0 else column - n, tuple(y[:-1]), (float(y[-1]),))


def _crossings(curves: Mapping[str, tuple[StateCurve, np.ndarray, States]]) -> Iterator[StateSeed]:
    """Where a stable informative and a stable uninformative state have equal free energy."""
    for name, (curve, points, states) in curves.items():
        if curve.formulas.kind.branch != "informative":
            continue
        stable: Any = (states.eigenvalues() < 1).all(axis=1)
        for other, (rival, its_points, its_states) in curves.items():
            if rival.formulas.kind.branch != "uninformative":
                continue
            # up to the samples beside the stable ones: where between them stability is lost is seen at the crossing
            good: Any = (its_states.eigenvalues() < 1).all(axis=1)
            beside = np.zeros_like(good)
            beside[1:] |= good[:-1]
            beside[:-1] |= good[1:]
            its = its_points[good | beside]
            if len(its) < 2:
                continue
            its = its[np.argsort(its[:, -1])]
            control = points[:, -1]
            both = stable[:-1] & stable[1:] & (np.minimum(control[:-1], control[1:]) >= its[0, -1])
            for k in np.flatnonzero(both & (np.maximum(control[:-1], control[1:]) <= its[-1, -1])):
                at = _equal(curve, points[k : k + 2], rival, its)
                x: list[Any] = [] if at is None else [_nearest(curve, points[k : k + 2], at), _nearest(rival, its, at)]
                if at is not None and all(_is_stable(one, y, at) for one, y in zip((curve, rival), x, strict=True)):
                    yield StateSeed("first_order", "equilibrium", name, other, 0, tuple(np.concatenate(x)), (at,))


def _is_stable(curve: StateCurve, x: np.ndarray, at: float) -> bool:
    return bool((curve.at(np.append(x, at)[None]).eigenvalues() < 1).all())


def _equal(one: StateCurve, points: np.ndarray, other: StateCurve, its: np.ndarray) -> float | None:
    """Logarithm of the control between two points of a curve at which a state of another one has its free energy."""

    def gap(at: float) -> float:
        energies = []
        for curve, stretch in ((one, points), (other, its)):
            x = _nearest(curve, stretch, at)
            if x is None:
                return np.nan
            energies.append(float(curve.at(np.append(x, at)[None]).free_energy[0]))
        return energies[0] - energies[1]

    low, high = points[0, -1], points[1, -1]
    ends = gap(low), gap(high)
    if not ends[0] * ends[1] < 0:
        return None
    try:
        return float(brentq(gap, low, high, xtol=1e-6))
    except ValueError:  # a state is not there between two places where it is
        return None


def _nearest(curve: StateCurve, points: np.ndarray, at: float) -> np.ndarray | None:
    """The state of a stretch of a curve at a value of the logarithm of its control."""
    if points.shape[1] == 1:
        return np.empty(0)
    found = at_parameter(curve, points, at)
    return found[0][:-1] if found else None
