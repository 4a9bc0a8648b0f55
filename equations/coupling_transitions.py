"""Transitions of a model that is linear in its couplings, along one control: each in closed form or one bracketed root.

Values are those of the control, delta = 1/lambda; a state that exists from a coupling on exists below a control.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from .couplings import CouplingCurve

__all__ = ["Transition", "coupling_transitions"]

_EPS = np.finfo(float).eps
_ORDER = {"continuous": 0, "spinodal": 1, "first_order": 2}


@dataclass(frozen=True)
class Transition:
    """One transition along a control.

    Attributes
    ----------
    kind, branch : str
    value, error : float
        Of the control.
    below, above : float
        s of the states on both sides; NaN if the transition is not one between states.
    free_entropy : float
    states : tuple of float
        s of the states at the transition.
    """

    kind: str
    branch: str
    value: float
    error: float
    below: float = math.nan
    above: float = math.nan
    free_entropy: float = math.nan
    states: tuple[float, ...] = ()


def coupling_transitions(curve: CouplingCurve) -> list[Transition]:
    """Every transition of the free entropy along a curve, by value of the control."""
    found = [*_continuous(curve), *_spinodals(curve), *_crossings(curve)]
    return sorted(found, key=lambda t: (t.value, _ORDER[t.kind]))


def _inverse(coupling: float, error: float) -> tuple[float, float]:
    """Value of the control and its error."""
    value = 1 / coupling
    return value, value * (error / coupling + 2 * _EPS)


def _continuous(curve: CouplingCurve) -> Iterator[Transition]:
    """Where the state without signal loses stability, if this control decides."""
    coupling = curve.onset
    if coupling is None or coupling <= 0:
        return
    value, error = _inverse(coupling, _EPS * coupling)
    # the next state, if the curve leaves towards smaller couplings: a jump
    first = curve.branches[0]
    jump = 0.0 if first.stable else min((s for s, stable in curve.states(coupling) if stable and s > 0), default=0.0)
    yield Transition("continuous", "uninformative", value, error, below=jump, above=0.0, free_entropy=0.0,
                     states=(0.0,))


def _spinodals(curve: CouplingCurve) -> Iterator[Transition]:
    for s in curve.folds:
        coupling, slope, bend, rounding = curve(s)
        if not coupling > 0:
            continue
        value, error = _inverse(coupling, rounding + slope**2 / (2 * abs(bend)) if bend else rounding)
        ends = bend < 0  # a state ends as the coupling grows
        stable = [x for x, is_stable in curve.states(coupling) if is_stable]
        other = (min((x for x in stable if x > s * (1 + 1e-6)), default=s) if ends
                 else max((x for x in stable if x < s * (1 - 1e-6)), default=s))
        below, above = (other, s) if ends else (s, other)
        yield Transition("spinodal", "uninformative" if ends else "informative", value, error, below=below, above=above,
                         free_entropy=curve.free_entropy(s, coupling)[0], states=(s,))


def _crossings(curve: CouplingCurve) -> Iterator[Transition]:
    """Where two stable states exchange global dominance."""
    onset = next((1 / t.value for t in _continuous(curve)), math.inf if curve.uninformed_is_stable(0.0) else 0.0)
    pieces: list[Any] = [(0.0, onset, None)] * (onset > 0)
    pieces += [(max(b.start, 0.0), b.stop, b) for b in curve.branches if b.stable and b.stop > 0]

    def at(branch: Any, coupling: float) -> float:
        return 0.0 if branch is None else curve.on(branch, coupling)

    for one, other in itertools.combinations(pieces, 2):
        low, high = max(one[0], other[0]), min(one[1], other[1])

        def gap(coupling: float, pair: Any = (one[2], other[2])) -> float:
            first, second = (curve.free_entropy(at(branch, coupling), coupling)[0] for branch in pair)
            return second - first

        if not low < high:
            continue
        high = min(high, max(1e3 * low, 1e6))
        ends = gap(low), gap(high)
        known = [sum(curve.free_entropy(at(b, x), x)[1] for b in (one[2], other[2])) for x in (low, high)]
        if all(abs(end) < error for end, error in zip(ends, known, strict=True)):
            coupling = 0.5 * (low + high)  # beside a cusp the free entropies are not known well enough to differ
        elif ends[0] * ends[1] < 0:
            coupling = float(brentq(gap, low, high, xtol=1e-300, rtol=8.9e-16))
        else:
            continue
        states = at(one[2], coupling), at(other[2], coupling)
        entropies = [curve.free_entropy(s, coupling) for s in states]
        rivals = [at(branch, coupling) for a, b, branch in pieces
                  if branch not in (one[2], other[2]) and a <= coupling <= b]
        if any(curve.free_entropy(s, coupling)[0] > max(f for f, _ in entropies) for s in rivals):
            continue
        rate = abs(curve.formulas.term(states[1], curve.k) - curve.formulas.term(states[0], curve.k))
        moved = min(sum(e for _, e in entropies) / rate, high - low) if rate else high - low
        value, error = _inverse(coupling, moved + _EPS * coupling)
        yield Transition("first_order", "equilibrium", value, error, below=states[1], above=states[0],
                         free_entropy=entropies[0][0], states=states)
