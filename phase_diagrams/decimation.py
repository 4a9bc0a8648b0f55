"""Decimation step after step: what is retrieved, at which energy and with which error, as a table and a figure."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..equations.decimation import Flow, checked_controls, flow_of
from ..equations.result import Status
from ..theory.decimation import Decimation
from ..theory.decimation_states import DecimationByTemperature
from .labels import written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DecimationFlow", "decimation_flow", "decimation_mse"]

_COLUMNS = ("t", "m", "q", "v", "r", "r_a", "r_b", "r_c", "noise", "energy", "entropy", "replicon", "matrix_mse",
            "gradient", "error", "status")
_GRADIENT = 1e-10  # of Phi, beyond which a point is not good
_RETRIEVED = "No step retrieves a pattern"


@dataclass(frozen=True, kw_only=True, eq=False)
class DecimationFlow:
    """All steps of a decimation, t = R/P of the patterns having been found.

    Attributes
    ----------
    model : Decimation
    controls : mapping
        alpha, delta and beta, as they were asked for.
    temperature : float
        1/beta.
    table : DataFrame
        One row a time: ``t``; ``m``, ``q``, ``v`` (overlap with the pattern, of two replicas, E <x^2>); ``r`` and its
        parts ``r_a`` of the noise Z, ``r_b`` of the patterns not yet found, ``r_c`` of those found, as in the free
        entropy, but at beta = inf divided by beta^2; ``noise``, r/beta^2 always; ``energy`` E/N with the diagonal and
        the quartic term; ``entropy`` in nats relative to the prior; ``replicon``, positive where replica symmetry is
        stable;
        ``matrix_mse`` of the patterns found so far; ``gradient``, the largest derivative of Phi (of Phi/beta at beta =
        inf) by an order parameter; ``error``, absolute, of m, q, v and the energy, whichever is largest; ``status``.
    failed_at : float or None
        Time at which retrieval ends, 0 if the first step has none, None if every pattern is retrieved.
    failed_at_error : float
    matrix_mse, matrix_mse_error : float
        (1/2N)|S - xi xi^T/N|^2 at the end, S the sum of the estimates; patterns that are not retrieved count by their
        norm, as if they were left out.  Cross terms of different patterns are left out, so it is no exact asymptotic
        statement: `matrix_mse_error` is that of the integral.
    flow : Flow
        The solution, to be asked at other times with ``flow.at(numpy.array([...]))``.
    """

    model: Decimation
    controls: Mapping[str, Any]
    temperature: float
    table: pd.DataFrame = field(repr=False)
    failed_at: float | None
    failed_at_error: float
    matrix_mse: float
    matrix_mse_error: float
    flow: Flow = field(repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether every pattern is retrieved."""
        return self.failed_at is None

    @property
    def corrupts_itself(self) -> bool:
        """Whether a later step retrieves worse than the first, or not at all."""
        m = self.table["m"].to_numpy(float)
        return self.failed_at is not None or bool(len(m) and (m < m[0] - 2 * self.table["error"].iloc[0]).any())

    @property
    def answer(self) -> str:
        """Whether decimation corrupts itself, in words."""
        if self.failed_at == 0:
            return f"{_RETRIEVED}: at the first one there is no retrieval state; lower delta or alpha."
        m, t = self.table["m"].to_numpy(float), self.table["t"].to_numpy(float)
        if self.failed_at is not None:
            return (f"Yes: retrieval ends at t = {self.failed_at:.7g} +- {self.failed_at_error:.1g}, where the "
                    f"overlap, {m[0]:.7g} at first, has fallen to {m[-1]:.4g}; {1 - self.failed_at:.2%} of the "
                    "patterns are lost.")
        if not self.corrupts_itself:
            return (f"No: the overlap grows from {m[0]:.7g} to {m[-1]:.7g}; each pattern found takes "
                    "away more interference than the error of its estimate adds." if m[-1] > m[0] else
                    f"No: the overlap stays {m[0]:.7g}.")
        k = int(np.argmin(m))
        where = "the last step" if k == len(m) - 1 else f"t = {t[k]:.3g}"
        return (f"A little: every pattern is retrieved, but the overlap, {m[0]:.7g} at first, falls to {m[k]:.7g} at "
                f"{where}.")

    def summary(self) -> str:
        """Parameters, answer and matrix error, in sentences."""
        said = ", ".join(f"{name} = {value}" for name, value in self.controls.items())
        return (f"{written(self.model)} at {said}. {self.answer} Matrix mse {self.matrix_mse:.6g} "
                f"+- {self.matrix_mse_error:.1g}, without cross terms.")

    def _repr_html_(self) -> str:
        return f"<p>{self.summary()}</p>{self.table.to_html(index=False)}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw overlap, self-overlap and matrix error against t.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; on a new figure if there is none.
        """
        from matplotlib.figure import Figure

        ax = Figure(figsize=(6.4, 4.2), layout="constrained").add_subplot() if ax is None else ax
        t = self.table["t"]
        ax.plot(t, self.table["m"], color="#0072B2", label="overlap $m$")
        if not np.allclose(self.table["q"], self.table["v"], atol=1e-12):
            ax.plot(t, self.table["q"], color="#009E73", linestyle="--", label="self-overlap $q$")
        if self.model.prior.components and not np.allclose(self.table["v"], 1, atol=1e-12):
            ax.plot(t, self.table["v"], color="#CC79A7", linestyle=":", label=r"second moment $v$")
        if self.failed_at is not None and self.failed_at > 0:
            ax.axvline(self.failed_at, color="#D55E00", linewidth=1, label="retrieval ends")
        said = ", ".join(f"{name} = {_short(value)}" for name, value in self.controls.items())
        ax.set(xlim=(0, 1), xlabel="$t$, fraction of the patterns found", title=f"{written(self.model)}\n{said}")
        if len(t):
            ax.legend(frameon=False)
        else:
            ax.text(0.5, 0.5, "no retrieval at the first step", ha="center", transform=ax.transAxes)
        return ax


def _short(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def decimation_flow(prior: Any, *, alpha: float, delta: float, beta: Any, tolerance: float = 1e-9,
                    points: int = 41) -> DecimationFlow:
    """Follow the decimation of a matrix from its first step to its last.

    Parameters
    ----------
    prior : Prior
        Of the patterns' components, a mixture of Gaussians with mean 0 and E xi^2 = 1; or a `Decimation` of one.
    alpha : float
        Patterns per component, P/N; 0 is the limit of few.
    delta : float
        Variance of the noise, 0 allowed.
    beta : float, inf or "nishimori"
        Inverse temperature of the sampling; ``"nishimori"`` is 1/delta.
    tolerance : float
        Absolute, of the overlap at every time.
    points : int
        Rows of the table, evenly spaced in t.

    Returns
    -------
    DecimationFlow

    Raises
    ------
    TypeError, ValueError
        For a prior or a parameter that is none, with the cure.
    """
    model = prior if isinstance(prior, Decimation) else Decimation(prior)
    if model.free_symbols:
        names = ", ".join(sorted(symbol.name for symbol in model.free_symbols))
        raise ValueError(f"prior = {model.prior!r}: give {names} a number")
    few, noise, T = checked_controls(alpha, delta, beta)
    if not isinstance(tolerance, numbers.Real) or not 1e-12 <= tolerance <= 1e-2:
        raise ValueError(f"tolerance = {tolerance!r}: give an absolute tolerance from 1e-12 to 1e-2")
    if isinstance(points, bool) or not isinstance(points, numbers.Integral) or points < 2:
        raise ValueError(f"points = {points!r}: give a whole number from 2 on")
    flow = flow_of(DecimationByTemperature(model.prior), few, noise, T, float(tolerance))
    failed = flow.end < 1
    t = np.linspace(0, 1, int(points))
    t = np.append(t[t < flow.end], flow.end) if flow.end > 0 else np.empty(0)
    table = _table(flow, t, float(tolerance))
    found, error = flow.matrix_mse(np.array([flow.end])) if flow.end > 0 else (np.zeros(1), np.zeros(1))
    lost = few * (1 - flow.end) / 2
    return DecimationFlow(
        model=model, controls={"alpha": few, "delta": noise, "beta": beta if isinstance(beta, str) else float(beta)},
        temperature=T, table=table, failed_at=flow.end if failed else None, failed_at_error=flow.end_error,
        matrix_mse=float(found[0]) + lost, matrix_mse_error=float(error[0]) + few * flow.end_error / 2, flow=flow,
    )


def _table(flow: Flow, t: np.ndarray, tolerance: float) -> pd.DataFrame:
    if not len(t):
        empty = {name: pd.Series([], dtype=object if name == "status" else float) for name in _COLUMNS}
        return pd.DataFrame(empty)
    steps = flow.at(t)
    unit = flow.temperature**-2 if flow.temperature > 0 else 1.0
    error = steps.error + flow.interpolation_error
    good = steps.is_solved & (steps.gradient < _GRADIENT) & (error <= tolerance)
    return pd.DataFrame({
        "t": t, "m": steps.overlap, "q": steps.self_overlap, "v": steps.second_moment, "r": unit * steps.noise,
        "r_a": unit * steps.r_a, "r_b": unit * steps.r_b, "r_c": unit * steps.r_c, "noise": steps.noise,
        "energy": steps.energy, "entropy": steps.entropy, "replicon": steps.replicon,
        "matrix_mse": flow.matrix_mse(t)[0], "gradient": steps.gradient, "error": error,
        "status": [str(_status(one, solved)) for one, solved in zip(good, steps.is_solved, strict=True)],
    })


def _status(is_good: bool, is_solved: bool) -> Status:
    return Status.CONVERGED if is_good else Status.ILL_CONDITIONED if is_solved else Status.NOT_CONVERGED


def decimation_mse(prior: Any, *, alpha: float, deltas: Any, betas: Any = ("nishimori", math.inf),
                   tolerance: float = 1e-9) -> pd.DataFrame:
    """Matrix mse of decimation over the noise, from its flow.

    Parameters
    ----------
    prior, alpha, tolerance : as `decimation_flow`
    deltas : sequence of float
    betas : sequence of float, inf or "nishimori"

    Returns
    -------
    DataFrame
        One row a noise and inverse temperature: ``delta``, ``beta`` (text), ``matrix_mse``, its ``error``,
        ``failed_at`` (NaN if every pattern is retrieved, 0 if none is) and ``status``.
    """
    rows = []
    for beta in betas:
        for delta in deltas:
            one = decimation_flow(prior, alpha=alpha, delta=delta, beta=beta, tolerance=tolerance, points=2)
            bad = [status for status in one.table["status"] if status != str(Status.CONVERGED)]
            rows.append({
                "delta": float(delta), "beta": _short(beta), "matrix_mse": one.matrix_mse,
                "error": one.matrix_mse_error, "failed_at": math.nan if one.is_complete else one.failed_at,
                "status": bad[0] if bad else str(Status.CONVERGED),
            })
    return pd.DataFrame(rows, columns=["delta", "beta", "matrix_mse", "error", "failed_at", "status"])
