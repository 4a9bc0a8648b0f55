"""Theory against simulation: message passing on sampled instances, and the state evolution it should obey.

Message passing does not find the equilibrium but the fixed point that state evolution reaches from the same
start: that is the theory here.  Numbers are means over independent instances with their standard errors; an
instance whose iteration did not converge is counted, not averaged in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from ..equations.compile import compile_expressions
from ..equations.functions import NUMPY
from ..equations.iterate import state_evolution
from ..equations.result import Status
from ..theory.channels import Channel
from ..theory.glm import GLM
from ..theory.priors import Prior
from .amp import AmpRun, amp
from .comparison import Bar, attributes, judged, score, summarised
from .judge import Judge
from .settings import check_settings, checked_sizes, real_number, split_controls
from .side import INFORMED, NUDGE
from .symmetry import needs_nudge
from .teacher import Instance, generators, sample_instance, sample_output

__all__ = ["amp_trajectories", "crosscheck_amp"]

TEST_ROWS = 100_000  #: fresh rows on which errors of the outputs are measured, an instance
MEASURED = ("overlap", "mse", "generalisation_error", "gibbs_error", "bayes_vote_error")
_W, _V = sp.symbols("omega V", real=True)
_MODULES = [NUMPY, "numpy"]


def crosscheck_amp(
    model: GLM,
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
    model : GLM
    size : int
        p, the number of components of the signal; n = round(alpha p).
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
        alpha and the model's other controls.

    Returns
    -------
    DataFrame
        Columns quantity, theory (at n/p as sampled), simulated, standard_error, z, size, converged,
        instances, status.  z counts what the runs leave open (1e-8 of the quantity's scale) beside the
        standard error.  The status is that of the theory unless fewer than two instances converged, a z is
        larger than chance gives among so many rows in 999 of 1000 tables, or an instance was lost.
        ``believed_mse`` is the variance that the algorithm computes without knowing the
        signal.  Where the sign of the signal cannot be known, overlap and mse are taken up to it.  ``attrs``
        holds settings, seeds and a summary.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """
    check_settings(model, instances, start, max_iterations, damping)
    tolerance = real_number("tolerance", tolerance, 0.0, 1.0, "1e-5 is a good one")
    all_sizes = checked_sizes(size, sizes)
    alpha, values = split_controls(model, controls)
    rows: list[dict[str, Any]] = []
    random = np.random.default_rng(rng)
    with Bar(progress, len(all_sizes) * instances) as tick:
        for p in all_sizes:
            plan = _plan(model, p, alpha, values, start)
            measure = _Measurement(plan.channel)
            found: list[dict[str, float]] = []
            settings = {"max_iterations": max_iterations, "tolerance": tolerance, "damping": damping}
            for instance, run, stream in _runs(plan, p, instances, random, **settings):
                if run.converged:
                    found.append(measure(instance, run, stream))
                tick()
            rows += _compare(plan, p, found, instances)
    rows = judged(rows)
    table = pd.DataFrame(rows)
    table.attrs.update(
        attributes(model, rng, random, start, values, alpha), sizes=list(all_sizes), instances=instances,
        max_iterations=max_iterations, tolerance=tolerance, damping=damping, summary=summarised(rows),
    )
    return table


def amp_trajectories(
    model: GLM,
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
    alpha, values = split_controls(model, controls)
    random = np.random.default_rng(rng)
    plan = _plan(model, p, alpha, values, start)
    theory = _padded(plan.trajectory["mse" if quantity == "mse" else "m"].to_numpy(float), iterations)
    simulated = []
    with Bar(progress, instances) as tick:
        for _, run, _ in _runs(plan, p, instances, random, max_iterations=iterations, tolerance=0.0):
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
    table.attrs.update(attributes(model, rng, random, start, values, alpha), size=p, instances=instances,
                       quantity=quantity, summary=summary)
    return table


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Theory at one size, and how to start message passing so that it applies."""

    prior: Prior
    channel: Channel
    alpha: float
    start: str
    trajectory: pd.DataFrame
    values: dict[str, float]
    status: Status
    scales: dict[str, float]


def _plan(model: GLM, p: int, alpha: float, values: dict[str, Any], start: str) -> _Plan:
    concrete = model.at({symbol: values[symbol.name] for symbol in model.free_symbols})
    ratio = max(1, round(alpha * p)) / p  # theory at the ratio that is sampled
    prior, channel = concrete.prior, concrete.channel
    second = float(prior.second_moment)
    # where overlap 0 is a fixed point, theory and algorithm start from an overlap visible at finite size
    nudge = start == "uninformative" and needs_nudge(prior, channel)
    overlap = NUDGE * second if nudge else (1 - INFORMED) * second if start == "informative" else None
    with np.errstate(all="ignore"):  # what is not finite is cut off
        evolution = state_evolution(concrete, start=start, overlap=overlap, alpha=ratio)
    finite = np.isfinite(evolution.trajectory.to_numpy()).all(axis=1)
    steps = evolution.trajectory.iloc[np.flatnonzero(finite)]
    outputs = float(sp.lambdify((), channel.output_second_moment(prior.second_moment), modules=_MODULES)())
    scales = {"overlap": second, "mse": second, "believed_mse": second, "generalisation_error": outputs}
    return _Plan(prior=prior, channel=channel, alpha=ratio, start=start, trajectory=steps,
                 values=_observables(concrete, steps.iloc[-1]), status=evolution.status, scales=scales)


def _observables(model: GLM, end: pd.Series) -> dict[str, float]:
    """What is measured, where state evolution ended."""
    second = float(model.prior.second_moment)
    (companion,) = model.working_form.companions
    variance = model.working_form.order_parameters[0]
    # perfect recovery as a limit: the averages are taken beside it, the difference is below rounding
    state = {variance: max(float(end["mse"]), 1e-25 * second), companion: float(end["m"])}
    names = [name for name in MEASURED if name in model.observables]
    compiled, constants = compile_expressions([model.observables[name] for name in names])
    found = compiled(state | constants, tolerance=1e-11, scales=[1.0] * len(names)).values[:, 0]
    reached = {"overlap": float(end["m"]), "mse": float(end["mse"]), "believed_mse": float(end["mse"])}
    return dict(zip(names, map(float, found), strict=True)) | reached


def _runs(
    plan: _Plan, p: int, instances: int, random: np.random.Generator, **settings: Any
) -> Iterable[tuple[Instance, AmpRun, np.random.Generator]]:
    for stream in generators(random, instances):
        instance = sample_instance(plan.prior, plan.channel, plan.alpha, p, stream)
        run = amp(plan.prior, plan.channel, instance, start=plan.start, rng=stream, **settings)
        yield instance, run, stream


class _Measurement:
    """What is measured on an instance that converged; names as among the model's observables."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        prediction = channel.mean_output(_W, _V + channel.input_noise)
        self._predict = sp.lambdify((_W, _V), prediction, modules=_MODULES, cse=True)
        self._sign = type(channel).__name__ == "Sign" and channel.noise == 0 and channel.input_noise == 0

    def __call__(self, instance: Instance, run: AmpRun, stream: np.random.Generator) -> dict[str, float]:
        found = {"overlap": run.overlap, "mse": run.mse, "believed_mse": run.variance}
        field, known = self._fresh_rows(instance, run, stream)
        output = sample_output(self._channel, field, stream)
        with np.errstate(all="ignore"):
            error = output - self._predict(known, run.variance)
        found["generalisation_error"] = float(error @ error) / error.size
        if self._sign:
            guess = known + math.sqrt(run.variance) * stream.standard_normal(known.size)
            found["gibbs_error"] = float(np.mean(np.sign(guess) != output))
            found["bayes_vote_error"] = float(np.mean(np.sign(known) != output))
        return found

    @staticmethod
    def _fresh_rows(
        instance: Instance, run: AmpRun, stream: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """a.x and a.xhat for fresh rows a ~ N(0, 1/p): exactly two correlated Gaussians, drawn as such."""
        x, estimate = instance.signal, run.estimate
        p = x.size
        norm = math.sqrt(float(x @ x) / p)
        along = float(x @ estimate) / p / norm
        across = estimate - (along / norm) * x
        first, second = stream.standard_normal((2, TEST_ROWS))
        return norm * first, along * first + math.sqrt(float(across @ across) / p) * second


def _compare(plan: _Plan, p: int, found: list[dict[str, float]], instances: int) -> list[dict[str, Any]]:
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


