"""Generalized linear models: what message passing is compared with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from ..equations.compile import compile_expressions
from ..equations.functions import NUMPY
from ..equations.iterate import state_evolution
from ..equations.result import Status
from ..theory.channels import Channel
from ..theory.generative import Generative
from ..theory.glm import GLM
from .amp import AmpRun, amp
from .constants import numbers_of
from .layered_evolution import evolve_glm
from .plan import Plan
from .side import INFORMED, NUDGE
from .symmetry import needs_nudge
from .teacher import Instance, as_sampled, sample_instance, sample_output

__all__ = ["glm_plan"]

TEST_ROWS = 100_000  #: fresh rows on which errors of the outputs are measured, an instance
MEASURED = ("overlap", "mse", "generalisation_error", "gibbs_error", "bayes_vote_error")
_W, _V = sp.symbols("omega V", real=True)
_MODULES = [NUMPY, "numpy"]
_LEAST = 1e-25  # of E x^2: mse at which averages are taken where it is nothing


def glm_plan(model: GLM, size: int, start: str, *, alpha: float) -> Plan:
    """Theory of a model without free symbols at n/p and widths as they are sampled, and its instances."""
    ratio = max(1, round(alpha * size)) / size
    prior, channel = as_sampled(model.prior, size), model.channel
    trajectory, status = _evolution(GLM(prior, channel), ratio, start)
    second, outputs = numbers_of([prior.second_moment, channel.output_second_moment(prior.second_moment)])
    scales = {"overlap": second, "mse": second, "believed_mse": second, "generalisation_error": outputs}
    measure = _Measurement(channel)

    def play(stream: np.random.Generator, **settings: Any) -> tuple[dict[str, float], AmpRun]:
        instance = sample_instance(model.prior, channel, ratio, size, stream)
        run = amp(model.prior, channel, instance, start=start, rng=stream, **settings)
        return (measure(instance, run, stream) if run.converged else {}), run

    return Plan(controls={"alpha": alpha}, trajectory=trajectory, status=status, scales=scales, play=play,
                values=_observables(GLM(prior, channel), trajectory.iloc[-1], second))


def _evolution(model: GLM, alpha: float, start: str) -> tuple[pd.DataFrame, Status]:
    """State evolution from where message passing starts, as far as it is finite."""
    prior, channel = model.prior, model.channel
    if isinstance(prior, Generative):
        return evolve_glm(prior, channel, alpha, start)
    second = float(prior.second_moment)
    # where overlap 0 is a fixed point, theory and algorithm start from an overlap visible at finite size
    nudge = start == "uninformative" and needs_nudge(prior, channel)
    overlap = NUDGE * second if nudge else (1 - INFORMED) * second if start == "informative" else None
    with np.errstate(all="ignore"):  # what is not finite is cut off
        evolution = state_evolution(model, start=start, overlap=overlap, alpha=alpha)
    finite = np.isfinite(evolution.trajectory.to_numpy()).all(axis=1)
    steps = evolution.trajectory.iloc[np.flatnonzero(finite)]
    return steps.rename(columns={"m": "overlap"}), evolution.status


def _observables(model: GLM, end: pd.Series, second: float) -> dict[str, float]:
    """What is measured, where state evolution ended."""
    (companion,) = model.working_form.companions
    variance = model.working_form.order_parameters[0]
    # perfect recovery as a limit: the averages are taken beside it, the difference is below rounding
    state = {variance: max(float(end["mse"]), _LEAST * second), companion: float(end["overlap"])}
    names = [name for name in MEASURED if name in model.observables]
    compiled, constants = compile_expressions([model.observables[name] for name in names])
    found = compiled(state | constants, tolerance=1e-11, scales=[1.0] * len(names)).values[:, 0]
    layers = {str(name): float(value) for name, value in end.items() if str(name).startswith("m_")}
    reached = {"overlap": float(end["overlap"]), "mse": float(end["mse"]), "believed_mse": float(end["mse"])}
    return dict(zip(names, map(float, found), strict=True)) | reached | layers


class _Measurement:
    """What is measured on an instance that converged; names as among the model's observables."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        prediction = channel.mean_output(_W, _V + channel.input_noise)
        self._predict = sp.lambdify((_W, _V), prediction, modules=_MODULES, cse=True)
        self._sign = type(channel).__name__ == "Sign" and channel.noise == 0 and channel.input_noise == 0

    def __call__(self, instance: Instance, run: AmpRun, stream: np.random.Generator) -> dict[str, float]:
        end = run.trajectory.iloc[-1]
        layers = {str(name): float(value) for name, value in end.items() if str(name).startswith("m_")}
        found = {"overlap": run.overlap, "mse": run.mse, "believed_mse": run.variance} | layers
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
