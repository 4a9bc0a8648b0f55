"""All steps of decimation on sampled matrices against the flow of theory.

At a finite temperature every step is message passing from its pattern, and the estimate a sample; at zero temperature
it is the minimum below the pattern, or what annealing finds without a hint.  Theory is the replica-symmetric flow at
the times t = R/P of the steps, P/N as sampled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from ..equations.decimation import Flow, checked_controls, flow_of
from ..equations.result import Status
from ..theory.decimation import Decimation
from ..theory.decimation_states import DecimationByTemperature
from ..theory.priors import Prior
from .comparison import Bar, attributes, judged, score, summarised
from .decimation_amp import amp_decimation, follow
from .decimation_instances import Factorization, matrix_error, sample_factorization
from .oracle import Prediction, decimate
from .settings import checked_sizes, whole
from .teacher import generators

__all__ = ["crosscheck_decimation"]

_TOLERANCE = 1e-9  # of the flow's overlaps
_GRADIENT = 1e-10  # of Phi, beyond which the theory of a step is not good
_QUARTERS = 4
_ENOUGH = 8  # patterns from which on quarters are told apart
_RETRIEVED = 0.75  # cosine with a pattern, below which an estimate is not one of it
_RESTARTS = 3000  # of annealing, in a step
_LARGEST = 20_000  # three matrices of doubles in memory are 10 GB

_CORRELATED = ("theory leaves out that estimates lean on the noise which later steps see: message passing at alpha = "
               "0.03, delta = 0.15, beta = 1/delta was up to 1.3e-3 away from it in the overlap of later quarters")
_CROSS = ("matrix_mse of theory is without the cross terms of different patterns, which the simulated one has; it is "
          "no exact asymptotic statement")
_GLASSY = "the minimum next to a pattern need not be the state of theory, which is replica-symmetric"
_LEFT = "theory is that of infinite size: it counts the pattern that is retrieved among those that interfere, too"
_ENERGY = "and at size N the energy is higher by 1/(2 N) for that alone"


def crosscheck_decimation(
    model: Decimation,
    *,
    size: int = 500,
    sizes: Any = None,
    instances: int = 16,
    rng: Any = 0,
    hint: bool = True,
    progress: bool = False,
    **controls: Any,
) -> pd.DataFrame:
    """Compare decimations of sampled matrices with the flow.

    Parameters
    ----------
    model : Decimation
    size : int
        N; P = round(alpha N), at least 1.
    sizes : sequence of int, optional
        Several sizes instead of one.
    instances : int
        Independent matrices a size, at least 2.
    rng : int, numpy Generator or SeedSequence
        Equal seeds give equal tables (up to the rounding of BLAS).
    hint : bool
        Whether every step starts from its pattern.  False, at beta = inf and for atoms only: annealing with restarts,
        which the theory's energy and residual judge, as `decimate` does it.
    progress : bool
        Show a bar on stderr.
    **controls
        alpha, delta, beta (a number, inf or ``"nishimori"``) and the prior's parameters.

    Returns
    -------
    DataFrame
        Columns quantity, theory, simulated, standard_error, z, size, converged, instances, status.  ``m(0)`` is the
        overlap in the first step, ``m, first quarter`` and so on its mean over the steps in a quarter of t (of fewer
        than 8 patterns ``m``, over all steps), ``energy`` at beta = inf the mean of E/N over the steps, with the
        diagonal and the quartic term, and ``matrix_mse`` that of the estimates together, cross terms included.
        z counts one component, wrong in one of the estimates, beside the standard error.  Differences below 2/N of
        overlap or energy, and what such a one of all overlaps makes of the mse, are not judged: theory is that of
        infinite size.  An instance is not averaged in if a step does not settle, or its estimate has a cosine below
        3/4 with its pattern.  ``attrs`` holds settings, seeds, a summary and notes about what theory leaves out;
        without a hint also ``restarts`` (all of them) and ``wrong_accepts``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or theory has no retrieval in one of the steps.
    """
    whole("instances", instances, 2, "a standard error needs two")
    if not isinstance(hint, bool):
        raise TypeError(f"hint = {hint!r}: give True, for a start from each pattern, or False")
    prior, alpha, delta, beta, values = _checked(model, controls)
    has_density = not prior.continuous_weight.is_zero
    if has_density and beta == math.inf:
        raise ValueError(f"beta = inf with {prior!r}: with a density the state of least energy is an eigenvector of Y "
                         "and no pattern; give a finite beta, such as 'nishimori'")
    if not hint and beta < math.inf:
        raise ValueError(f"hint = False at beta = {beta:g}: annealing looks for the state of least energy; give "
                         "beta=inf, or hint=True")
    all_sizes = checked_sizes(size, sizes)
    problems = [_Problem(prior, alpha, delta, beta, n, hint, has_density) for n in all_sizes]
    random = np.random.default_rng(rng)
    rows: list[dict[str, Any]] = []
    with Bar(progress, len(all_sizes) * instances) as tick:
        for problem in problems:
            found = []
            for stream in generators(random, instances):
                one = problem.run(stream)
                if one is not None:
                    found.append(one)
                tick()
            rows += problem.rows(found, instances)
    rows = judged(rows)
    notes = [_CORRELATED, _CROSS, _LEFT] if beta < math.inf else [_GLASSY, _CROSS, f"{_LEFT}, {_ENERGY}"]
    table = pd.DataFrame(rows)
    table.attrs.update(
        attributes(model, rng, random, "pattern" if hint else "annealing", values | {"beta": beta}),
        sizes=list(all_sizes), instances=instances, notes=notes, summary="; ".join([summarised(rows), *notes]),
    )
    if not hint:
        table.attrs["restarts"] = sum(problem.restarts for problem in problems)
        table.attrs["wrong_accepts"] = sum(problem.wrong for problem in problems)
    return table


def _checked(model: Decimation, controls: dict[str, Any]) -> tuple[Prior, float, float, float, dict[str, Any]]:
    """The prior with numbers, alpha, delta, beta, and the controls by name."""
    given = {symbol.name: value for symbol, value in model.check_controls(controls).items()}
    plain = {name: float(value) if isinstance(value, sp.Basic) else value for name, value in given.items()}
    alpha, delta, temperature = checked_controls(plain["alpha"], plain["delta"], plain["beta"])
    concrete: Any = model.at({symbol: given[symbol.name] for symbol in model.free_symbols})
    beta = 1 / temperature if temperature > 0 else math.inf
    others = {name: value for name, value in plain.items() if name not in ("alpha", "delta", "beta")}
    return concrete.prior, alpha, delta, beta, {"alpha": alpha, "delta": delta} | others


@dataclass
class _Problem:
    """Decimations of one size; made before anything is simulated, so that it refuses early."""

    prior: Prior
    alpha: float
    delta: float
    beta: float
    size: int
    hint: bool
    has_density: bool
    restarts: int = 0
    wrong: int = 0

    def __post_init__(self) -> None:
        if self.size > _LARGEST:
            raise ValueError(f"size = {self.size}: a matrix of it takes too much memory; give at most {_LARGEST}")
        self.count = max(1, round(self.alpha * self.size))
        self.flow: Flow = flow_of(DecimationByTemperature(self.prior), self.count / self.size, self.delta,
                                  1 / self.beta, _TOLERANCE)
        t = np.arange(self.count) / self.count
        if t[-1] >= self.flow.end:
            where = (f"retrieval ends at t = {self.flow.end:g}" if self.flow.end > 0 else
                     "the first step has no retrieval state")
            raise ValueError(f"delta = {self.delta:g}, with {self.count} patterns at size = {self.size}: in theory "
                             f"{where}, and later steps cannot be compared; lower delta or alpha")
        steps = self.flow.at(t)
        good = steps.is_solved & (steps.gradient < _GRADIENT)
        self.status = Status.CONVERGED if good.all() else Status.NOT_CONVERGED
        m, v = steps.overlap, steps.second_moment
        self.theory = self._measured(m, steps.energy, float(np.sum(1 - 2 * m**2 + v**2)) / (2 * self.size))
        atoms = [] if self.has_density else [float(value) for _, value, _ in self.prior.components]
        self.grain = max(map(abs, atoms), default=0.0) * (max(atoms, default=0.0) - min(atoms, default=0.0)) / self.size

    def _measured(self, overlaps: np.ndarray, energies: np.ndarray | None, error: float) -> dict[str, float]:
        found = {"m(0)": float(overlaps[0])}
        if self.count < _ENOUGH:
            found["m"] = float(overlaps.mean())
        else:
            quarter = np.arange(self.count) * _QUARTERS // self.count
            found |= {f"m, {name} quarter": float(overlaps[quarter == k].mean())
                      for k, name in enumerate(("first", "second", "third", "last"))}
        if self.beta == math.inf and energies is not None:
            found["energy"] = float(energies.mean())
        return found | {"matrix_mse": error}

    def run(self, rng: np.random.Generator) -> dict[str, float] | None:
        """One instance; None if a step of it fails."""
        instance = sample_factorization(self.prior, alpha=self.alpha, delta=self.delta, size=self.size, rng=rng)
        if not self.hint:
            return self._annealed(instance, rng)
        if self.beta < math.inf:
            found = amp_decimation(instance.observed, self.prior, instance.patterns, delta=self.delta, beta=self.beta,
                                   rng=rng, sampling="product" if self.has_density else "gibbs")
        else:
            found = follow(instance.observed, self.prior, instance.patterns)
        if not found.complete or not _retrieved(found.estimates, instance.patterns):
            return None
        energies = found.steps["energy"].to_numpy() if "energy" in found.steps else None
        return self._measured(found.steps["overlap"].to_numpy(), energies,
                              matrix_error(found.estimates, instance.patterns))

    def _annealed(self, instance: Factorization, rng: np.random.Generator) -> dict[str, float] | None:
        found = decimate(
            instance.observed, self.prior, count=self.count, delta=self.delta, max_restarts=_RESTARTS,
            prediction=Prediction.of_flow(self.flow, self.count), seed=int(rng.integers(2**31)),
            reference=instance.patterns)
        self.restarts += len(found.restarts)
        self.wrong += int((found.restarts["wrong"] & found.restarts["accepted"]).sum())
        table = found.matched(instance.patterns)
        order = table["pattern"].to_numpy()
        if not found.complete or table["duplicate"].any():
            return None
        if not _retrieved(found.estimates, instance.patterns[:, order]):
            return None
        return self._measured(table["overlap"].to_numpy(), found.steps["energy"].to_numpy(),
                              matrix_error(found.estimates, instance.patterns))

    def rows(self, found: list[dict[str, float]], instances: int) -> list[dict[str, Any]]:
        rows = []
        steps = {"m(0)": 1, "m": self.count, "energy": math.inf, "matrix_mse": self.size / 2}
        for name, theory in self.theory.items():
            values = np.array([one[name] for one in found])
            mean = float(values.mean()) if values.size else math.nan
            error = float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else math.nan
            # where errors are rare, estimates without any make no standard error
            grain = self.grain / (steps.get(name, self.count / _QUARTERS) * max(values.size, 1))
            # what a change 2/N of all overlaps makes; the judge allows four of these units
            unit = len(found) / 2 * (2 * self.count / self.size if name == "matrix_mse" else 1.0)
            z = float(score(mean - theory, math.hypot(error, grain), 1.0))
            rows.append({
                "quantity": name, "theory": theory, "simulated": mean, "standard_error": error, "z": z,
                "size": self.size, "converged": len(found), "instances": instances, "status": self.status, "unit": unit,
            })
        return rows


def _retrieved(estimates: np.ndarray, patterns: np.ndarray) -> bool:
    """Whether estimate k (rows) is one of pattern k (columns)."""
    if len(estimates) < patterns.shape[1]:
        return False
    aligned = np.abs(np.einsum("ki,ik->k", estimates, patterns))
    norms = np.linalg.norm(estimates, axis=1) * np.linalg.norm(patterns, axis=0)
    return bool((aligned > _RETRIEVED * norms).all())
