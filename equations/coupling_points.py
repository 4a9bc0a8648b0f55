"""Fixed points and state evolution of models whose states are known in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from ..theory.model import Model
from ..theory.parameters import number
from .couplings import CouplingCurve, CouplingFormulas, coupling_of, formulas_of
from .result import FixedPoint, Status

__all__ = ["CouplingStep", "all_states", "checked_coupling_model", "coupling_points"]

_NEAR_FOLD = 1e-3
_CUTS = (1.0, 0.9, 1.1, 0.8, 1.2, 0.7, 1.3)  # s between small and large: the first that is not at a state


def checked_coupling_model(model: Model, controls: Mapping[str, Any]) -> tuple[Model, dict[str, float]]:
    """The model with numbers for the parameters of its parts, and the values of its own controls; inf is allowed.

    Raises
    ------
    TypeError, ValueError
        For unknown, missing or impossible controls.
    """
    own, values = {control.name for control in model.own_controls}, model.check_controls(dict(controls))
    checked: dict[sp.Symbol, Any] = {}
    for control, value in values.items():
        value = value.item() if isinstance(value, np.generic) else value
        infinite = value is sp.oo or (isinstance(value, float) and value == math.inf)
        checked[control] = sp.oo if infinite and control.name in own else number(control.name, value)
        if checked[control].free_symbols:
            raise TypeError(f"{control.name} = {value} is a symbol: give the control a number")
    numbers = {control.name: float(value) for control, value in checked.items() if control.name in own}
    model.check_point(numbers)
    return model.at({control: value for control, value in checked.items() if control.name not in own}), numbers


def coupling_points(model: Model, controls: Mapping[str, Any], tolerance: float) -> list[FixedPoint]:
    """Every fixed point at given controls, stable or not."""
    concrete, own = checked_coupling_model(model, controls)
    formulas = formulas_of(concrete)
    couplings = {name: coupling_of(own[name]) for name in formulas.names}
    return [_fixed_point(curve, s, stable, couplings[formulas.names[curve.k]], own, tolerance)
            for curve, s, stable in all_states(formulas, couplings)]


def all_states(formulas: CouplingFormulas, couplings: Mapping[str, float]) -> list[tuple[CouplingCurve, float, bool]]:
    """Every state, s increasing, with the curve on which it is known best, and whether it is stable.

    Small s along the control whose force is of the lowest order in it, which there dominates; large ones along that of
    the largest coupling, whose extrema lie well inside.
    """
    weak = CouplingCurve(formulas, formulas.lowest, couplings)
    strong = CouplingCurve(formulas, max(couplings, key=couplings.__getitem__), couplings)
    found = [(curve, curve.states(couplings[formulas.names[curve.k]])) for curve in (weak, strong)]
    places = [s for _, states in found for s, _ in states]
    cut = next((x for x in _CUTS if all(abs(s - x) > 1e-3 * x for s in places)), _CUTS[0])
    return ([(weak, s, stable) for s, stable in found[0][1] if s < cut]
            + [(strong, s, stable) for s, stable in found[1][1] if s >= cut])


def _fixed_point(curve: CouplingCurve, s: float, stable: bool, coupling: float, labels: Mapping[str, float],
                 tolerance: float) -> FixedPoint:
    couplings = curve.couplings(coupling)
    observables = curve.formulas.observed(s, couplings)
    if s == 0:
        onset = float(curve.formulas.onset(*couplings))
        return FixedPoint(
            order_parameters={curve.formulas.form.overlap.name: 0.0}, free_entropy=0.0, observables=observables,
            eigenvalues=(onset,), stable=stable, status=Status.LIMIT, controls=dict(labels), state="no signal",
        )
    found = {name: float(value) for name, value in curve.formulas.at(s, couplings).items()}
    c, slope, bend, rounding = curve(s)
    away = rounding + abs(c - coupling)
    # how far an error of the coupling moves the state: a root near a fold, linear elsewhere
    shift = 2 * away / (abs(slope) + math.sqrt(slope * slope + 2 * abs(bend) * away)) + 2e-16 * s
    # m = s/(1 + s) moves by (1 - m)^2 ds
    error = float(max(shift * found["mse"] ** 2, found["free_entropy_error"]))
    if error <= 10 * tolerance * max(1.0, abs(found["free_entropy"])):
        status = Status.CONVERGED
    else:
        status = Status.ILL_CONDITIONED if found["slope"] > 1 - _NEAR_FOLD else Status.TOLERANCE_MISSED
    return FixedPoint(
        order_parameters={curve.formulas.form.overlap.name: found["overlap"]}, free_entropy=found["free_entropy"],
        observables=observables, eigenvalues=(found["slope"],), stable=stable,
        residual=abs(found["step"] / s - 1), error=error, status=status, controls=dict(labels),
    )


class CouplingStep:
    """One step of state evolution at fixed controls, as `state_evolution` takes it.

    Attributes
    ----------
    scale : float
        What overlap and mse add up to.
    uninformed : float
        Overlap without any knowledge.
    limits : set of str
    missed : bool
        Whether a step was not known to the tolerance: never.
    """

    scale, uninformed, missed = 1.0, 0.0, False
    limits = frozenset({"no signal"})

    def __init__(self, model: Model, controls: Mapping[str, Any]):
        concrete, own = checked_coupling_model(model, controls)
        self._formulas = formulas_of(concrete)
        self._couplings = [coupling_of(own[name]) for name in self._formulas.names]

    def precision(self, v: float, m: float) -> float:
        """Signal-to-noise ratio that mse v and overlap m lead to."""
        return float(self._formulas.at(m / v, self._couplings)["step"])

    def errors(self, mhat: float) -> tuple[float, float]:
        """Mse and overlap at a signal-to-noise ratio."""
        found = self._formulas.at(mhat, self._couplings)
        return float(found["mse"]), float(found["overlap"])
