"""Thresholds along one control of a model that is known in closed form, as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from ..equations.coupling_points import checked_coupling_model
from ..equations.coupling_transitions import Transition, coupling_transitions
from ..equations.couplings import CouplingCurve, CouplingFormulas, coupling_of, formulas_of
from ..equations.criteria import criteria_of
from ..equations.result import Status
from ..theory.model import Model

__all__ = ["COLUMNS", "FORMAL", "coupling_thresholds", "measured"]

COLUMNS = ("kind", "branch", "value", "error", "status", "m_below", "m_above", "mse_below", "mse_above", "free_entropy")
FORMAL = "formal"  # branch of what is computed beyond the reach of the argument behind it
_RELATIVE = 1e-10
_LEAST = 1e-40  # where a window from 0 begins, for what has no closed form


def coupling_thresholds(model: Model, along: str, low: float, high: float, controls: dict[str, Any]) -> pd.DataFrame:
    """The table that `thresholds` returns: transitions of the free entropy, then what the model states besides."""
    concrete, own = checked_coupling_model(model, {**controls, along: high})
    formulas = formulas_of(concrete)
    couplings = {name: coupling_of(value) for name, value in own.items()}
    curve = CouplingCurve(formulas, along, couplings)
    rows = [_row(formulas, t) for t in coupling_transitions(curve)]
    within = max(low / 2, _LEAST), 2 * high
    rows += list(_criteria_rows(concrete, along, [couplings[name] for name in formulas.names], within))
    kept = [row for row in rows if low <= row["value"] <= high]
    return pd.DataFrame(kept, columns=list(COLUMNS)).sort_values("value", kind="stable", ignore_index=True)


def measured(formulas: CouplingFormulas, s: float) -> tuple[float, float]:
    """Overlap and mse at s; NaN where there is no state."""
    if math.isnan(s):
        return math.nan, math.nan
    found = formulas.at(s, [0.0] * len(formulas.names))
    return float(found["overlap"]), float(found["mse"])


def _row(formulas: CouplingFormulas, t: Transition) -> dict[str, Any]:
    (m_below, mse_below), (m_above, mse_above) = measured(formulas, t.below), measured(formulas, t.above)
    return {
        "kind": t.kind, "branch": t.branch, "value": t.value, "error": float(t.error),
        "status": _status(t.value, t.error),
        "m_below": m_below, "m_above": m_above, "mse_below": mse_below, "mse_above": mse_above,
        "free_entropy": t.free_entropy,
    }


def _criteria_rows(model: Model, along: str, couplings: list[float],
                   within: tuple[float, float]) -> Iterator[dict[str, Any]]:
    k = [control.name for control in model.own_controls].index(along)
    for formulas in criteria_of(model):
        for value, error, formal in formulas.zeros(k, couplings, within):
            said = {"kind": formulas.criterion.kind, "branch": FORMAL if formal else formulas.criterion.branch,
                    "value": value, "error": error, "status": _status(value, error)}
            yield dict.fromkeys(COLUMNS, math.nan) | said


def _status(value: float, error: float) -> str:
    return str(Status.CONVERGED if error <= _RELATIVE * value else Status.TOLERANCE_MISSED)
