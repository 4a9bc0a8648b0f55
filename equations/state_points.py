"""Fixed points of models that are solved kind by kind, with errors, eigenvalues and observables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from ..theory.model import Model
from ..theory.parameters import number
from .result import FixedPoint, Status
from .state_curves import states_at
from .states import KindFormulas, nonzero

__all__ = ["checked_state_model", "dominance", "fixed_point", "state_points"]

_JUDGED = ("overlap", "self_overlap", "free_energy")  # what the error of a fixed point covers
_NEAR_FOLD = 1e-3  # det(1 - Jacobian) below which an error is blamed on a spinodal


def checked_state_model(model: Model, controls: Mapping[str, Any]) -> tuple[Model, dict[str, float]]:
    """The model with numbers for all parameters, and the values of its own controls.

    Raises
    ------
    TypeError, ValueError
        For unknown, missing or impossible controls.
    """
    values = model.check_controls(dict(controls))
    own = {control.name for control in model.own_controls}
    checked = {}
    for control, value in values.items():
        value = value.item() if isinstance(value, np.generic) else value
        if control.name not in own and isinstance(value, float) and math.isinf(value):
            checked[control] = sp.oo if value > 0 else -sp.oo  # the model says whether that is a limit of it
            continue
        low = 0.0 if control.name in own else -math.inf
        checked[control] = number(control.name, value, low=low)
        if checked[control].free_symbols:
            raise TypeError(f"{control.name} = {value} is a symbol: give the control a number")
    numbers = {control.name: float(value) for control, value in checked.items() if control.name in own}
    concrete = model.at({control: value for control, value in checked.items() if control.name not in own})
    concrete.check_point(numbers)
    return concrete, numbers


def state_points(model: Model, controls: Mapping[str, Any], tolerance: float) -> list[FixedPoint]:
    """Every fixed point at given controls, stable or not."""
    concrete, own = checked_state_model(model, controls)
    labels = {name: float(value) for name, value in controls.items()}
    return [fixed_point(formulas, x, nonzero(own), own, labels, tolerance)
            for formulas, x in states_at(concrete, own)]


def fixed_point(formulas: KindFormulas, x: np.ndarray, controls: Mapping[str, float], own: Mapping[str, float],
                labels: Mapping[str, float], tolerance: float) -> FixedPoint:
    """The fixed point that a state is: values, and how far its residual lets them be wrong."""
    state = formulas.at(x[None], controls)
    size = len(x)
    away = np.zeros(size)
    if size:
        left = np.maximum(np.abs(state.residual[0]), state.residual_error[0])
        away = np.abs(np.linalg.solve(np.eye(size) - state.jacobian[0], np.diag(left))).sum(1)
    # what each unknown's uncertainty does to overlaps and energies
    steps = np.diag(np.maximum(away, 1e-7))
    found = formulas.measured(x + np.concatenate([np.zeros((1, size)), steps, -steps]), controls)
    observables = {name: float(values[0]) for name, values in found.observables.items()}
    order_parameters = {name: float(values[0]) for name, values in found.order_parameters.items()}
    error = max(float(found.errors.get(name, [0.0])[0]) for name in _JUDGED)
    for name in _JUDGED:
        up, down = found.observables[name][1 : size + 1], found.observables[name][size + 1 :]
        error += float((np.abs(up - down) / 2 * away / np.diag(steps)).sum())
    eigenvalues = tuple(float(v) for v in np.sort(state.eigenvalues()[0])[::-1])
    temperature = own.get(formulas.kind.temperature, 1.0)
    energy = observables["free_energy"]
    entropy = -energy / temperature if temperature else -math.copysign(math.inf, energy)
    if error <= 10 * tolerance * max(1.0, abs(energy)):
        status = Status.CONVERGED
    else:
        status = Status.ILL_CONDITIONED if abs(state.singularity()[0]) < _NEAR_FOLD else Status.TOLERANCE_MISSED
    return FixedPoint(
        state=formulas.kind.name, order_parameters=order_parameters, free_entropy=entropy, observables=observables,
        eigenvalues=eigenvalues, stable=all(value < 1 for value in eigenvalues),
        residual=float(np.abs(state.residual[0]).max(initial=0.0)), error=float(error), status=status,
        controls=dict(labels),
    )


def dominance(point: FixedPoint) -> Any:
    """What is largest at equilibrium: the free entropy, or at zero temperature minus the free energy."""
    return -point.observables["free_energy"] if "free_energy" in point.observables else point.free_entropy
