"""Fixed points of models that are solved kind by kind, with errors, eigenvalues and observables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..theory.model import Model
from ..theory.parameters import number
from .result import FixedPoint, Status
from .states import KindFormulas, exact_zeros, states_at

__all__ = ["checked_state_model", "dominance", "fixed_point", "state_points"]

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
        low = 0.0 if control.name in own else -math.inf
        checked[control] = number(control.name, value, low=low)
        if checked[control].free_symbols:
            raise TypeError(f"{control.name} = {value} is a symbol: give the control a number")
    numbers = {control.name: float(value) for control, value in checked.items() if control.name in own}
    return model.at({control: value for control, value in checked.items() if control.name not in own}), numbers


def state_points(model: Model, controls: Mapping[str, Any], tolerance: float) -> list[FixedPoint]:
    """Every fixed point at given controls, stable or not."""
    concrete, own = checked_state_model(model, controls)
    zero = exact_zeros(concrete, own)
    nonzero = {name: value for name, value in own.items() if name not in zero}
    labels = {name: float(value) for name, value in controls.items()}
    return [fixed_point(formulas, x, nonzero, own, labels, tolerance)
            for formulas, x in states_at(concrete, own)]


def fixed_point(formulas: KindFormulas, x: np.ndarray, controls: Mapping[str, float], own: Mapping[str, float],
                labels: Mapping[str, float], tolerance: float) -> FixedPoint:
    """The fixed point that a state is: values, and how far its residual lets them be wrong."""
    state = formulas.at(x[None], controls)
    observables, order_parameters, errors = formulas.measured(x, controls)
    size = len(x)
    away = np.zeros(size)
    if size:
        left = np.maximum(np.abs(state.residual[0]), state.residual_error[0])
        away = np.abs(np.linalg.solve(np.eye(size) - state.jacobian[0], np.diag(left))).sum(1)
    spread = 0.0
    for k in range(size):  # what each unknown's uncertainty does to overlaps and energies
        step = np.zeros(size)
        step[k] = max(away[k], 1e-7)
        up, down = (formulas.measured(x + sign * step, controls) for sign in (1, -1))
        for name in ("overlap", "self_overlap", "free_energy"):
            spread += abs(up[0][name] - down[0][name]) / 2 * away[k] / step[k]
    error = spread + max(errors.get(name, 0.0) for name in ("overlap", "self_overlap", "free_energy"))
    eigenvalues = tuple(float(v) for v in np.sort(state.eigenvalues()[0])[::-1])
    temperature = own.get("temperature", 1.0)
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
