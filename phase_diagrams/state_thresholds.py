"""Thresholds along one control of a model that is solved kind by kind, as a table.

Along the control in which states are followed, one slice shows them; along another control they are where boundaries
in both controls pass the value of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from ..equations.result import Status
from ..equations.state_boundaries import KindCrossing, StateBoundary
from ..equations.state_curves import states_at
from ..equations.state_points import checked_state_model
from ..equations.states import KindFormulas, exact_zeros, kinds_of, nonzero
from ..equations.surface import Axis
from ..theory.model import Model
from ..theory.parameters import number
from .search import Sweeps
from .state_lines import Plane, plane_lines, with_control
from .state_slices import StateSeed, seeds_of, system_for

__all__ = ["STATE_COLUMNS", "state_thresholds"]

STATE_COLUMNS = ("kind", "branch", "value", "error", "status", "m_below", "m_above", "q_below", "q_above",
                 "free_energy")
_RELATIVE = 1e-10
_FLOOR = 1e-6  # of the window: where it starts if 0 is its lower end
_DECADE = 10.0
_SLICES = (0.02, 0.35)  # of the window: beside the slice at the value asked for, in which a narrow range may be missed


def state_thresholds(model: Model, along: str, low: float, high: float, progress: bool | Callable[..., Any],
                     controls: dict[str, Any]) -> pd.DataFrame:
    """The table that `thresholds` returns, with overlaps and self-overlaps m, q of the states on both sides."""
    concrete, own = checked_state_model(model, {**controls, along: high})
    if low < 0:
        raise ValueError(f"between: {along} from {low:g}: it is not negative; start at 0 or above")
    first = model.linear_control.name
    if along == first or (own.get(first) == 0 and along in own):  # without patterns no boundary is followed to here
        others = {name: value for name, value in own.items() if name != along}
        rows = list(_on_slice(concrete, along, others, (max(low, _FLOOR * high), high)))
    else:
        rows = list(_across(model, first, Axis(along, low, high), controls, progress))
    kept = [row for row in rows if low <= row["value"] <= high]
    return pd.DataFrame(kept, columns=list(STATE_COLUMNS)).sort_values("value", kind="stable", ignore_index=True)


def _on_slice(model: Model, along: str, others: dict[str, float],
              window: tuple[float, float]) -> Iterator[dict[str, Any]]:
    zero = exact_zeros(model, others)
    for seed in seeds_of(model, along, others, window):
        system = system_for(seed, model, zero, (along, "_"), nonzero(others))
        y = np.array([*seed.x, *seed.controls, 0.0])
        value = float(np.exp(seed.controls[0]))
        # the informative state exists, and dominates, below
        yield _row(seed, system, y, value, float(system.errors(y[None])[0]) * value, model, others | {along: value}, -1)


def _across(model: Model, first: str, axis: Axis, controls: dict[str, Any],
            progress: bool | Callable[..., Any]) -> Iterator[dict[str, Any]]:
    target = float(controls[first])
    if target == 0:
        raise ValueError(f"{first} = 0: nothing depends on {axis.name} there; give a positive {first}")
    names = {control.name for control in model.own_controls}
    symbols = {control: number(control.name, controls[control.name]) for control in model.controls
               if control.name in controls and control.name not in names}
    others = {name: float(value) for name, value in controls.items() if name in names and name != first}
    plane = Plane(model.at(symbols), Axis(first, target / _DECADE, target * _DECADE, log=True), axis, others)
    lines, _ = plane_lines(plane, Sweeps(progress=progress), [target], _SLICES)
    for line in lines:
        for y in line.passing(-2, float(np.log(target))):
            value = float(np.exp(y[-1]))
            t = line.tangent(y)
            rate = float(t[-2] / t[-1])  # d log first/d log along
            error = float(line.system.errors(y[None])[0]) / max(abs(rate), 1e-300) * value
            concrete, own = with_control(plane.model, plane.others, axis.name, value)
            yield _row(line.seed, line.system, y, value, error, concrete, {**own, first: target}, -1 if rate < 0 else 1)


def _row(seed: StateSeed, system: StateBoundary, y: np.ndarray, value: float, error: float, model: Model,
         own: dict[str, float], side: int) -> dict[str, Any]:
    """One threshold; `side` is where its informative state is, -1 below and 1 above the value."""
    controls, zero = system.controls_at(y), exact_zeros(model, own)
    n = len(system.formulas.unknowns)
    here = _measures(system.formulas, y[:n], controls)
    there = here
    if isinstance(system, KindCrossing):
        there = _measures(system.other, y[n:-2], controls)
    elif seed.kind == "spinodal":
        poor = [name for name, one in kinds_of(model, zero).items() if one.kind.branch == "uninformative"]
        rivals = [_measures(formulas, x, controls) for formulas, x in states_at(model, own, poor)
                  if (formulas.at(x[None], controls).eigenvalues() < 1).all()]
        there = rivals[0] if rivals else dict.fromkeys(here, float("nan"))
    below, above = (here, there) if side < 0 else (there, here)
    good = error <= _RELATIVE * abs(value)
    return {
        "kind": seed.kind, "branch": seed.branch, "value": value, "error": error + 4e-16 * value,
        "status": str(Status.CONVERGED if good else Status.TOLERANCE_MISSED),
        "m_below": below["overlap"], "m_above": above["overlap"], "q_below": below["self_overlap"],
        "q_above": above["self_overlap"], "free_energy": here["free_energy"],
    }


def _measures(formulas: KindFormulas, x: np.ndarray, controls: dict[str, float]) -> dict[str, float]:
    observables = formulas.measured(x[None], controls).observables
    return {name: float(observables[name][0]) for name in ("overlap", "self_overlap", "free_energy")}
