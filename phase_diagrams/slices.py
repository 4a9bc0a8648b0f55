"""What a phase diagram starts from: all thresholds at one value of the second control, each with its system."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from ..equations.boundaries import Boundary, Change, Crossing, Fold, Level, LimitCrossing, LimitPair
from ..equations.curve import Curve, curve_of
from ..equations.fixed_points import concrete
from ..equations.surface import Surface
from ..theory.model import Model
from .branches import Branch, branches_of
from .transitions import Threshold, all_thresholds

__all__ = ["Seed", "seeds_at", "system_of"]

#: A place on a boundary, as plain data: kind and branch; the system's name and what it needs; u, ln c, x...
Seed = dict[str, Any]


def seeds_at(model: Model, axis: str, value: float, u: float, levels: dict[str, sp.Expr] | None = None) -> list[Seed]:
    """Thresholds of a model in its linear control, at one value of the control `axis`.

    Parameters
    ----------
    model : Model
        With no free controls but the linear one and `axis`.
    value, u : float
        Value and coordinate of `axis`.
    levels : mapping of kind to expression
        Functions of the state whose zeros are boundaries too.
    """
    reduced, _ = concrete(model, {axis: value, model.linear_control.name: 1.0})
    curve = curve_of(reduced)
    found = [_seed(t) for t in all_thresholds(curve)]
    for kind, function in (levels or {}).items():
        found += _level_seeds(curve, kind, function.subs({s: value for s in model.controls if s.name == axis}))
    return [{**seed, "u": float(u)} for seed in found]


def _seed(t: Threshold) -> Seed:
    seed: Seed = {"kind": t.kind, "branch": t.branch, "log_control": float(np.log(t.value)), "x": []}
    if t.x is not None:
        return seed | {"system": "Fold", "x": [t.x]}
    limits = [state for state in t.states if state.limit is not None]
    if t.kind != "first_order":
        change = "stable_below" if t.kind == "continuous" else "stable_above"
        return seed | {"system": "Change", "name": _name(limits[0]), "what": change}
    diverging = [state for state in limits if state.limit and np.isfinite(state.limit.infinite_above)]
    if diverging:
        return seed | {"system": "Change", "name": _name(diverging[0]), "what": "infinite_above"}
    if len(limits) == 2:
        lower, upper = sorted(limits, key=lambda state: state.x_low)
        return seed | {"system": "LimitPair", "lower": _name(lower), "upper": _name(upper)}
    places = sorted(float(state.at(t.value).x[0]) for state in t.states if state.limit is None)
    if limits:
        return seed | {"system": "LimitCrossing", "name": _name(limits[0]), "x": places}
    return seed | {"system": "Crossing", "x": places}


def _name(branch: Branch) -> str:
    return branch.limit.state.name if branch.limit else ""


def _level_seeds(curve: Curve, kind: str, function: sp.Expr) -> list[Seed]:
    """Places on the stable parts of the curve where a function of the state is zero."""
    from scipy.optimize import brentq

    from ..equations.compile import compile_expressions

    along = function.subs(curve.form.control, curve.form.value[0])
    compiled, numbers = compile_expressions([along])

    def value(x) -> np.ndarray:
        points = curve.at(x)
        return compiled({**points.states, curve.form.parameter: np.exp(points.x)} | numbers, scales=[1.0]).values[0]

    found = []
    for branch in branches_of(curve):
        if branch.limit is not None or not branch.stable:
            continue
        inside = curve.samples.x[(curve.samples.x >= branch.x_low) & (curve.samples.x <= branch.x_high)]
        x = np.unique([branch.x_low, *inside, branch.x_high])
        sign = np.sign(value(x))
        for k in np.flatnonzero(sign[:-1] * sign[1:] < 0):
            root = float(brentq(lambda t: float(value([t])[0]), x[k], x[k + 1], xtol=1e-13))
            control = float(curve.at([root]).log_control[0])
            found.append({"kind": kind, "branch": "", "system": "Level", "log_control": control, "x": [root]})
    return found


def system_of(seed: Seed, surface: Surface, levels: dict[str, sp.Expr] | None = None) -> Boundary:
    """The system whose solutions are the boundary through a seed.

    Raises
    ------
    ValueError
        If a limit state that exists at single values of the second control is not seen as a function of it.
    """
    for name in (seed[key] for key in ("name", "lower", "upper") if key in seed):
        if name not in surface.limits:
            value = float(surface.axis.value(seed["u"]))
            raise ValueError(
                f"{surface.axis.name} = {value:g} has the state {name!r}, but it is not seen for general "
                f"{surface.axis.name}: write the prior so that its mean is zero after cancelling fractions"
            )
    match seed["system"]:
        case "Fold":
            return Fold(surface)
        case "Crossing":
            return Crossing(surface)
        case "LimitCrossing":
            return LimitCrossing(surface, seed["name"])
        case "LimitPair":
            return LimitPair(surface, seed["lower"], seed["upper"])
        case "Change":
            return Change(surface, seed["name"], seed["what"])
        case _:
            return Level(surface, (levels or {})[seed["kind"]])
