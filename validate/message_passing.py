"""Theory against simulation: message passing on sampled instances, and the state evolution it should obey.

Message passing does not find the equilibrium but the fixed point that state evolution reaches from the same
start: that is the theory here.  Numbers are means over independent instances with their standard errors; an
instance whose iteration did not converge is counted, not averaged in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..equations.result import Status
from ..theory.glm import GLM
from ..theory.model import Model
from .comparison import Bar, attributes, judged, score, summarised
from .glm_plan import glm_plan
from .judge import Judge
from .plan import Plan
from .settings import check_settings, checked_sizes, real_number, split_controls
from .spiked_plan import spiked_plan
from .teacher import generators

__all__ = ["amp_trajectories", "crosscheck_amp"]


def crosscheck_amp(
    model: Model,
    *,
    size: int = 2000,
    sizes: Sequence[int] | None = None,
    instances: int = 16,
    rng: Any = 0,
    start: str = "uninformative",
    max_iterations: int = 500,
    tolerance: float = 1e-5,
    damping: float = 0.0,
    progress: bool = False,
    **controls: Any,
) -> pd.DataFrame:
    """Compare message passing on sampled instances with the theory.

    Parameters
    ----------
    model : GLM, SpikedWigner or SpikedWishart
        With a prior of independent components or a network.
    size : int
        p, the number of components of the signal; n = round(alpha p), of a spiked Wishart matrix round(beta p), and
        the widths of a network are rounded from its ratios.
    sizes : sequence of int, optional
        Several sizes instead of one, to see the trend.
    instances : int
        Independent instances a size, at least 2.
    rng : int, numpy Generator or SeedSequence
        Equal seeds give equal tables (up to the rounding of BLAS).
    start : {"uninformative", "informative"}
        Where overlap 0 is a fixed point, the uninformative start of algorithm and theory is a small overlap.
    max_iterations : int
        Message-passing iterations after which an instance counts as not converged.
    tolerance : float
        Root mean square change of the estimate, in units of the signal's, at which an instance has converged.
    damping : float in [0, 1)
    progress : bool
        Show a bar on stderr.
    **controls
        The model's controls.

    Returns
    -------
    DataFrame
        Columns quantity, theory (at the sizes as sampled, whole numbers), simulated, standard_error, z, size,
        converged, instances, status.  z counts what the runs leave open (1e-8 of the quantity's scale) beside the
        standard error.  The status is that of the theory unless fewer than two instances converged, a z is
        larger than chance gives among so many rows in 999 of 1000 tables, or an instance was lost.
        ``believed_mse`` is the variance that the algorithm computes without knowing the
        signal.  Where the sign of the signal cannot be known, overlap and mse are taken up to it.  Of a network
        there are the overlaps m_1 ... with the inputs of its layers, of a spiked Wishart matrix the quantities of u.
        ``attrs`` holds settings, seeds, a summary, and under ``iterations`` by size how many state evolution takes
        to the tolerance, and how many those instances took that converged: mean, fewest and most.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """
    check_settings(model, instances, start, max_iterations, damping)
    tolerance = real_number("tolerance", tolerance, 0.0, 1.0, "1e-5 is a good one")
    all_sizes = checked_sizes(size, sizes)
    values = split_controls(model, controls)
    rows: list[dict[str, Any]] = []
    random = np.random.default_rng(rng)
    iterations: dict[int, dict[str, float]] = {}
    with Bar(progress, len(all_sizes) * instances) as tick:
        for p in all_sizes:
            plan = plan_of(model, p, values, start)
            found, taken = [], []
            for stream in generators(random, instances):
                measured, run = plan.play(stream, max_iterations=max_iterations, tolerance=tolerance, damping=damping)
                if run.converged:
                    found.append(measured)
                    taken.append(run.iterations)
                tick()
            rows += _compare(plan, p, found, instances)
            iterations[p] = _counts(plan, taken, tolerance)
    rows = judged(rows)
    table = pd.DataFrame(rows)
    table.attrs.update(
        attributes(model, rng, random, start, plan.controls | values), sizes=list(all_sizes), instances=instances,
        max_iterations=max_iterations, tolerance=tolerance, damping=damping, summary=summarised(rows),
        iterations=iterations,
    )
    return table


def amp_trajectories(
    model: Model,
    *,
    size: int = 2000,
    instances: int = 16,
    rng: Any = 0,
    start: str = "uninformative",
    iterations: int = 20,
    quantity: str = "mse",
    progress: bool = False,
    **controls: Any,
) -> pd.DataFrame:
    """Compare message passing with state evolution, iteration by iteration.

    Every instance counts, converged or not: state evolution says what happens in each step.  An instance that
    has recovered its signal keeps its last value.

    Parameters
    ----------
    model, size, instances, rng, start, progress, controls
        As for `crosscheck_amp`.
    iterations : int
    quantity : {"mse", "overlap"}

    Returns
    -------
    DataFrame
        Columns iteration, theory, simulated, standard_error, z, status; iteration 0 is the start (`amp` says
        which).
    """
    check_settings(model, instances, start, iterations, 0.0, name="iterations")
    if quantity not in ("mse", "overlap"):
        raise ValueError(f"quantity = {quantity!r} is not known: give 'mse' or 'overlap'")
    (p,) = checked_sizes(size, None)
    values = split_controls(model, controls)
    random = np.random.default_rng(rng)
    plan = plan_of(model, p, values, start)
    theory = _padded(plan.trajectory[quantity].to_numpy(float), iterations)
    simulated = []
    with Bar(progress, instances) as tick:
        for stream in generators(random, instances):
            _, run = plan.play(stream, max_iterations=iterations, tolerance=0.0)
            simulated.append(_padded(run.trajectory[quantity].to_numpy(float), iterations))
            tick()
    columns = np.array(simulated)
    mean = columns.mean(axis=0)
    error = columns.std(axis=0, ddof=1) / math.sqrt(instances)
    unit = plan.scales["mse"]
    table = pd.DataFrame({
        "iteration": np.arange(iterations + 1), "theory": theory, "simulated": mean, "standard_error": error,
        "z": score(mean - theory, error, unit),
    })
    judge = Judge(table["z"], instances)
    table["status"] = pd.Series([
        judge(z, difference, unit / (p * instances), plan.status)
        for z, difference in zip(table["z"], mean - theory, strict=True)
    ])
    summary = judge.no_difference
    strange = np.flatnonzero(table["status"] == Status.DISAGREES)
    if len(strange):
        first = int(strange[0])
        summary = f"{quantity} {judge.differs(float(table['z'][first]))}, first in iteration {first}"
    table.attrs.update(attributes(model, rng, random, start, plan.controls | values), size=p, instances=instances,
                       quantity=quantity, summary=summary)
    return table


def plan_of(model: Model, size: int, values: dict[str, Any], start: str) -> Plan:
    """Theory at one size, and how to sample and run instances."""
    concrete = model.at({symbol: values[symbol.name] for symbol in model.free_symbols})
    own = {symbol.name: values[symbol.name] for symbol in model.own_controls}
    make: Any = glm_plan if isinstance(model, GLM) else spiked_plan
    return make(concrete, size, start, **own)


def _counts(plan: Plan, taken: list[int], tolerance: float) -> dict[str, float]:
    """Iterations, as state evolution takes them and as instances did."""
    counts = np.array(taken, dtype=float)
    if not counts.size:
        return {"theory": plan.iterations(tolerance)}
    return {"theory": plan.iterations(tolerance), "mean": float(counts.mean()), "fewest": float(counts.min()),
            "most": float(counts.max())}


def _compare(plan: Plan, p: int, found: list[dict[str, float]], instances: int) -> list[dict[str, Any]]:
    """Rows of one size; their status is given when all are there."""
    names = list(found[0]) if found else ["overlap", "mse"]
    rows = []
    for name in names:
        theory = plan.values.get(name, math.nan)
        values = np.array([one[name] for one in found])
        mean = float(values.mean()) if values.size else math.nan
        error = float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else math.nan
        unit = plan.scales.get(name, 1.0)
        rows.append({
            "quantity": name, "theory": theory, "simulated": mean, "standard_error": error,
            "z": float(score(mean - theory, error, unit)), "size": p,
            "converged": len(found), "instances": instances, "status": plan.status, "unit": unit,
        })
    return rows


def _padded(values: np.ndarray, iterations: int) -> np.ndarray:
    return values[np.minimum(np.arange(iterations + 1), len(values) - 1)]


