"""Spiked matrices: what message passing is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..equations.result import Status
from ..theory.spiked import SpikedWigner
from ..theory.wishart import SpikedWishart
from .amp import AmpRun
from .constants import numbers_of
from .layered_evolution import evolve_wigner, evolve_wishart
from .plan import Plan
from .spiked_amp import wigner_amp, wishart_amp
from .teacher import as_sampled, sample_wigner, sample_wishart

__all__ = ["spiked_plan"]

Array = np.ndarray


def spiked_plan(model: SpikedWigner | SpikedWishart, size: int, start: str, *, delta: float) -> Plan:
    """Theory of a model without free symbols at widths as they are sampled, and its instances."""
    if isinstance(model, SpikedWigner):
        return _wigner(model, size, start, delta)
    return _wishart(model, size, start, delta)


def _wigner(model: SpikedWigner, size: int, start: str, delta: float) -> Plan:
    trajectory, status = evolve_wigner(as_sampled(model.prior, size), delta, start)

    def play(stream: np.random.Generator, **settings: Any) -> tuple[dict[str, float], AmpRun]:
        instance = sample_wigner(model.prior, delta, size, stream)
        run = wigner_amp(model.prior, instance, start=start, rng=stream, **settings)
        error = _matrix_error((instance.source.signal, run.estimate), (instance.source.signal, run.estimate))
        return _renamed(run.trajectory.iloc[-1]) | {"matrix_mse": error}, run

    (rho,) = numbers_of([model.prior.second_moment])
    end = _renamed(trajectory.iloc[-1])
    end["matrix_mse"] = end["mse"] * (rho + end["overlap"])
    return _plan(delta, trajectory, status, end, {"": rho, "matrix": rho**2}, play)


def _wishart(model: SpikedWishart, size: int, start: str, delta: float) -> Plan:
    left, right = model.prior_u, model.prior_v
    (beta,) = numbers_of([model.beta])
    rows = max(1, round(beta * size))
    trajectory, status = evolve_wishart(as_sampled(left, rows), as_sampled(right, size), delta, rows / size, start)

    def play(stream: np.random.Generator, **settings: Any) -> tuple[dict[str, float], AmpRun]:
        instance = sample_wishart(left, right, delta, beta, size, stream)
        run = wishart_amp(left, right, instance, start=start, rng=stream, **settings)
        error = _matrix_error((instance.left.signal, run.others["u"]), (instance.right.signal, run.estimate))
        return _renamed(run.trajectory.iloc[-1]) | {"matrix_mse": error}, run

    rho_u, rho = numbers_of([left.second_moment, right.second_moment])
    end = _renamed(trajectory.iloc[-1])
    end["matrix_mse"] = end["mse"] * rho_u + end["overlap"] * end["mse_u"]
    return _plan(delta, trajectory, status, end, {"": rho, "_u": rho_u, "matrix": rho * rho_u}, play)


def _plan(delta: float, trajectory: pd.DataFrame, status: Status, end: dict[str, float], powers: dict[str, float],
          play: Any) -> Plan:
    scales = {"matrix_mse": powers.pop("matrix")}
    for suffix, power in powers.items():
        scales |= {f"{name}{suffix}": power for name in ("overlap", "mse", "believed_mse")}
    return Plan(controls={"delta": delta}, trajectory=trajectory, values=end, status=status, scales=scales, play=play)


def _renamed(row: pd.Series) -> dict[str, float]:
    """Quantities at the end, by the names that tables give them."""
    return {str(name).replace("variance", "believed_mse"): float(value)
            for name, value in row.items() if name != "iteration"}


def _matrix_error(left: tuple[Array, Array], right: tuple[Array, Array]) -> float:
    """|u v^T - uhat vhat^T|^2 per entry, from inner products."""
    (u, known_u), (v, known_v) = left, right
    squares = float(u @ u) * float(v @ v) + float(known_u @ known_u) * float(known_v @ known_v)
    return (squares - 2 * float(u @ known_u) * float(v @ known_v)) / (u.size * v.size)
