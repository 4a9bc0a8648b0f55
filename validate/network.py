"""Networks of associative memory against their theory: states sampled by Monte Carlo at a temperature.

Theory is that of the state in which the simulation starts, metastable or not.  Retrieval starts from the pattern; a
paramagnet from random spins; a spin glass is annealed.  Two replicas share the couplings and nothing else.  An instance
counts only if both halves of its run agree.  What the comparison cannot do is said in ``attrs["notes"]``: at zero
temperature there are fixed points of the dynamics and no equilibrium, and where replica symmetry is broken the theory
is itself an approximation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..equations.fixed_points import fixed_points
from ..equations.result import FixedPoint
from ..theory.model import Model
from .comparison import Bar, attributes, judged, summarised
from .patterns import Couplings, dreamed, noisy_hebb, sample_examples, sample_patterns, supervised, unsupervised
from .settings import checked_sizes, real_number, whole
from .spins import Chain, anneal, random_spins, schedule
from .teacher import generators

__all__ = ["Network", "crosscheck_network", "sample_network"]

Series = dict[str, NDArray[np.float64]]

STATES = ("retrieval", "spin glass", "paramagnet")
_BATCHES = 8  #: of each half of a run, whose spread says how well its mean is known
_DIFFERENT = 5.0  #: standard errors by which halves may differ, beside a quarter of 1/sqrt(N)
_STEPS = 20  #: temperatures of an annealing schedule, from twice where freezing begins
_RELAXING = 1000  #: sweeps in which zero-temperature dynamics must end


@dataclass(frozen=True, kw_only=True)
class Network:
    """One sampled network.

    Attributes
    ----------
    patterns : int8 array (N, P)
        The patterns, or the archetypes of which the network saw examples.
    couplings : Couplings
    """

    patterns: NDArray[np.int8]
    couplings: Couplings

    @property
    def ratio(self) -> float:
        """P/N as sampled; it differs from alpha by the rounding of P."""
        return self.patterns.shape[1] / self.patterns.shape[0]


def sample_network(model: Model, alpha: float, size: int, rng: Any) -> Network:
    """Draw patterns, examples where the model has them, and learn the couplings.

    Parameters
    ----------
    model : Hopfield
        Without free symbols.
    alpha : float
        P/N.
    size : int
        N; P = round(alpha N), at least as many as the model condenses.
    rng : numpy Generator or seed
    """
    rng = np.random.default_rng(rng)
    of: Any = model
    patterns = sample_patterns(size, _count(of, alpha, size), rng)
    if of.examples is None:
        learnt = noisy_hebb(patterns, float(of.dataset_entropy), rng)
    elif of.supervised:
        count, quality = int(of.examples), float(of.quality)
        totals = 2 * rng.binomial(count, (1 + quality) / 2, size=patterns.shape) - count  # of chi, over the examples
        learnt = supervised(totals * patterns, count, quality)
    else:
        quality = float(of.quality)
        learnt = unsupervised(sample_examples(patterns, int(of.examples), quality, rng), quality)
    return Network(patterns=patterns, couplings=dreamed(learnt, float(of.dreaming)))


def _count(model: Any, alpha: float, size: int) -> int:
    return max(int(model.mixture), round(alpha * size))


def crosscheck_network(
    model: Model,
    *,
    size: int = 2000,
    sizes: Any = None,
    instances: int = 16,
    rng: Any = 0,
    state: str | None = None,
    sweeps: int = 1000,
    progress: bool = False,
    **controls: Any,
) -> pd.DataFrame:
    """Compare Monte Carlo on sampled networks with the theory.

    Parameters
    ----------
    model : Hopfield
    size : int
        N; P = round(alpha N).
    sizes : sequence of int, optional
        Several sizes instead of one, to see the trend.
    instances : int
        Independent networks a size, at least 2.
    rng : int, numpy Generator or SeedSequence
        Equal seeds give equal tables (up to the rounding of BLAS).
    state : {"retrieval", "spin glass", "paramagnet"}, optional
        Which state is compared.  If it is not given: retrieval where theory has a stable state of the kind, else
        equilibrium.
    sweeps : int
        Over which is measured, after half as many without; at zero temperature they are not needed.
    progress : bool
        Show a bar on stderr.
    **controls
        alpha, temperature and the model's other controls.

    Returns
    -------
    DataFrame
        Columns quantity, theory (at P/N as sampled), simulated, standard_error, z, size, converged, instances, status.
        ``overlap`` is that with the pattern (mean of all patterns of a mixture), ``energy`` H/N as the model counts it,
        ``self_overlap`` that of two replicas (root of the mean square in a spin glass, whose replicas are in different
        states) and ``r`` that of their overlaps with the patterns that are not retrieved, N times the mean of m_mu
        m'_mu.  z counts half a spin in one of the networks beside the standard error, and differences below 1/N are not
        judged: theory is that of infinite size.  An instance is not averaged in if the halves of its run differ by more
        than their fluctuations make, or if it has left the retrieval state: if its overlap is below that of the
        unstable state that bounds it, by more than 1/sqrt(N).  ``attrs`` holds settings, seeds, a summary, notes about
        what theory or simulation leave out here, and the ``trend`` of the differences from theory with the size if
        there are at least three: slope over 1/N (N^(-2/3) in a spin glass), and difference, standard error and z at
        infinite size.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or theory has no such state.
    """
    whole("instances", instances, 2, "a standard error needs two")
    whole("sweeps", sweeps, 4 * _BATCHES, "halves of the run are compared")
    if not (state is None or state in STATES or (isinstance(state, str) and state.startswith("mixture"))):
        raise ValueError(f"state = {state!r} is not known: give one of {', '.join(map(repr, STATES))}")
    all_sizes = checked_sizes(size, sizes)
    alpha, temperature, values = _controls(model, controls)
    concrete: Any = model.at({symbol: values[symbol.name] for symbol in model.free_symbols})
    random = np.random.default_rng(rng)
    rows: list[dict[str, Any]] = []
    notes: dict[str, None] = {}
    with Bar(progress, len(all_sizes) * instances) as tick:
        for n in all_sizes:
            ratio = _count(concrete, alpha, n) / n
            target, bound = _target(concrete, state, {"alpha": ratio, "temperature": temperature})
            kind = target.state
            notes |= dict.fromkeys(_notes(target, kind, temperature, all_sizes))
            found = []
            for stream in generators(random, instances):
                network = sample_network(concrete, ratio, n, stream)
                series = _simulate(network, concrete, kind, temperature, sweeps, stream)
                if series is not None and _halves_agree(series, n) and _stays(series, bound, n):
                    found.append(_means(series, kind))
                tick()
            rows += _rows(target, kind, n, found, instances)
    rows = judged(rows)
    table = pd.DataFrame(rows)
    table.attrs.update(
        attributes(concrete, rng, random, kind, {"alpha": alpha, "temperature": temperature} | values), state=kind,
        sizes=list(all_sizes), instances=instances, sweeps=sweeps, notes=list(notes),
        trend=_trend(rows, kind),
        summary="; ".join([summarised(rows), *notes]),
    )
    return table


def _controls(model: Model, controls: dict[str, Any]) -> tuple[float, float, dict[str, Any]]:
    """Check the controls; return alpha, temperature and the others."""
    checked = {symbol.name: value for symbol, value in model.check_controls(controls).items()}
    alpha = real_number("alpha", checked.pop("alpha"), 0.0, math.inf, "it is P/N")
    temperature = real_number("temperature", checked.pop("temperature"), 0.0, math.inf, "0 is allowed")
    return alpha, temperature, checked


# ---- theory ----


def _target(model: Model, state: str | None, controls: dict[str, Any]) -> tuple[FixedPoint, float]:
    """Return the state of the theory that is compared, and the overlap of the unstable one that bounds retrieval."""
    points = fixed_points(model, **controls)
    kinds = [point.state for point in points]
    if state is None:
        stable = [(p, kind) for p, kind in zip(points, kinds, strict=True) if p.stable]
        wanted = [p for p, kind in stable if _retrieves(kind)] or [p for p, _ in stable] or list(points)
    else:
        wanted = [p for p, kind in zip(points, kinds, strict=True)
                  if kind == state or (state == "retrieval" and _retrieves(kind))]
        wanted = [p for p in wanted if p.stable] or wanted
    if not wanted:
        at = ", ".join(f"{name} = {value:g}" for name, value in controls.items())
        raise ValueError(f"state = {state!r} does not exist at {at}: theory has {', '.join(dict.fromkeys(kinds))}")
    target = wanted[0]
    below = [p.observables["overlap"] for p, kind in zip(points, kinds, strict=True)
             if kind == target.state and not p.stable]
    bound = max((x for x in below if x < target.observables["overlap"]), default=-math.inf)
    return target, float(bound)


def _retrieves(kind: str) -> bool:
    return kind not in ("spin glass", "paramagnet")


def _notes(target: FixedPoint, kind: str, temperature: float, sizes: Any) -> list[str]:
    notes = []
    if kind == "spin glass" and len(sizes) < 3:
        notes.append("effects of finite size fall as slowly as N^(-2/3) in a spin glass: give three sizes for a trend")
    if not target.observables.get("replicon", math.inf) > 0:
        notes.append("replica symmetry is broken here, so that theory is an approximation itself")
    if temperature == 0:
        notes.append("zero-temperature dynamics ends in a nearby minimum, which need not be that of theory")
    return notes


# ---- simulation ----


def _simulate(
    network: Network, model: Any, kind: str, temperature: float, sweeps: int, rng: np.random.Generator
) -> Series | None:
    """Measure after every sweep; None if zero-temperature dynamics did not end."""
    couplings, size = network.couplings, network.couplings.size
    condensed = network.patterns[:, : int(model.mixture)] if _retrieves(kind) else network.patterns[:, :1]
    total = condensed.astype(np.float32).sum(axis=1)
    starts = [_start(network, total, kind, temperature, sweeps, stream) for stream in rng.spawn(2)]
    chains = [Chain(couplings, start, stream) for start, stream in zip(starts, rng.spawn(2), strict=True)]
    strength = total / condensed.shape[1] / size
    shift = -0.5 * float(couplings.diagonal.sum()) / size if model.diagonal else 0.0  # what the model's energy counts
    if temperature == 0:
        ended = any(chains[0].sweep(0.0) == 0 for _ in range(_RELAXING))
        one = {"overlap": float(strength @ chains[0].spins), "energy": chains[0].energy / size + shift}
        return {name: np.array([value]) for name, value in one.items()} if ended else None
    with_noise = model.dreaming == 0 and model.examples is None and model.dataset_entropy == 0
    names = ["overlap", "energy", "self_overlap", *(["r"] if with_noise and kind != "spin glass" else [])]
    series: Series = {name: np.empty(sweeps) for name in names}
    for _ in range(sweeps // 2):
        for chain in chains:
            chain.sweep(temperature)
    first, second = chains
    others = slice(condensed.shape[1] if _retrieves(kind) else 0, None)
    for k in range(sweeps):
        for chain in chains:
            chain.sweep(temperature)
        series["overlap"][k] = 0.5 * float(strength @ first.spins + strength @ second.spins)
        series["energy"][k] = 0.5 * (first.energy + second.energy) / size + shift
        series["self_overlap"][k] = float(first.spins.astype(np.float32) @ second.spins) / size
        if "r" in series:
            ours, theirs = first.overlaps[others], second.overlaps[others]
            series["r"][k] = float(ours @ theirs) / size / max(len(ours), 1)
    return series


def _start(
    network: Network, total: NDArray[np.float32], kind: str, temperature: float, sweeps: int, rng: np.random.Generator
) -> NDArray[np.int8]:
    size = network.couplings.size
    spins = random_spins(size, rng)
    if _retrieves(kind):
        return np.where(total != 0, np.sign(total), spins).astype(np.int8)
    if kind == "paramagnet":
        return spins
    high = 2 * max(1 + math.sqrt(network.ratio), temperature)
    temperatures = schedule(high, temperature, _STEPS)
    each = max(sweeps // _STEPS, 1)
    return anneal(network.couplings, spins, temperatures=list(temperatures), sweeps=each, rng=rng).spins


def _halves_agree(series: Series, size: int) -> bool:
    """Whether the halves of a run differ by no more than their fluctuations make."""
    for name in ("overlap", "energy", "self_overlap"):
        if name not in series or len(series[name]) < 4 * _BATCHES:
            continue
        values = np.abs(series[name]) if name == "self_overlap" else series[name]
        halves = [np.array([part.mean() for part in np.array_split(half, _BATCHES)])
                  for half in np.array_split(values, 2)]
        error = math.sqrt(sum(float(half.var(ddof=1)) / _BATCHES for half in halves))
        if abs(halves[0].mean() - halves[1].mean()) > _DIFFERENT * error + 0.25 / math.sqrt(size):
            return False
    return True


def _stays(series: Series, bound: float, size: int) -> bool:
    """Whether a network is still in the retrieval state: its overlap is not below that of the unstable one beyond."""
    return float(series["overlap"].mean()) > bound - 1 / math.sqrt(size)


def _means(series: Series, kind: str) -> dict[str, float]:
    found = {name: float(values.mean()) for name, values in series.items()}
    if kind == "spin glass" and "self_overlap" in series:
        found["self_overlap"] = float(np.square(series["self_overlap"]).mean())
    return found


# ---- comparison ----


def _trend(rows: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Fit lines to the differences from theory over 1/N, or N^(-2/3) in a spin glass, for three sizes or more.

    ``difference`` is where they end at infinite size.
    """
    exponent = 2 / 3 if kind == "spin glass" else 1.0
    found = []
    for name in dict.fromkeys(row["quantity"] for row in rows):
        known = [row for row in rows if row["quantity"] == name and row["standard_error"] > 0]
        if len(known) < 3:
            continue
        error = np.array([row["standard_error"] for row in known])
        size = np.array([float(row["size"]) for row in known])
        difference = np.array([row["simulated"] - row["theory"] for row in known])
        design = np.stack([np.ones_like(size), size**-exponent], axis=1) / error[:, None]
        covariance = np.linalg.inv(design.T @ design)
        intercept, slope = covariance @ design.T @ (difference / error)
        uncertain = math.sqrt(covariance[0, 0])
        found.append({"quantity": name, "exponent": exponent, "slope": float(slope), "difference": float(intercept),
                      "standard_error": uncertain, "z": float(intercept) / uncertain})
    return found


def _rows(
    target: FixedPoint, kind: str, size: int, found: list[dict[str, float]], instances: int
) -> list[dict[str, Any]]:
    rows = []
    for name in list(found[0]) if found else ["overlap", "energy"]:
        theory = float(target.order_parameters["r"] if name == "r" else target.observables[name])
        values = np.array([one[name] for one in found])
        mean = float(values.mean()) if values.size else math.nan
        error = float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else math.nan
        if kind == "spin glass" and name == "self_overlap" and values.size:
            mean = math.sqrt(mean)  # <q^2> is averaged over instances before the root is taken
            error /= 2 * mean
        rows.append({
            "quantity": name, "theory": theory, "simulated": mean, "standard_error": error,
            "z": (mean - theory) / math.hypot(error, 1 / (size * max(len(found), 1))), "size": size,
            "converged": len(found), "instances": instances, "status": target.status,
            "unit": max(len(found), 1) / 4,  # by which differences below 1/N are not judged
        })
    return rows
