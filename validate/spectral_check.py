"""PCA and LAMP on sampled instances of finite size against their theory for large ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from ..equations.result import Status
from ..equations.spectral import lamp_overlap, pca_overlap, spectrum_of
from ..theory.priors import Prior
from .comparison import RESOLUTION, Bar, judged, summarised
from .settings import checked_sizes, whole
from .spectral import lamp, pca, sample_spiked, squared_cosine
from .teacher import generators

__all__ = ["spectral_check"]

_LEFT_OUT = 2.0  # differences below this over p are not judged: theory leaves out as much
_NOTE = ("in the critical window, p^(-1/3) wide around a threshold, overlaps fluctuate by p^(-1/3): compare away from "
         "it, or sizes")


def spectral_check(
    source: Any,
    *,
    delta: Any,
    size: int = 1000,
    sizes: Any = None,
    instances: int = 16,
    rng: Any = 0,
    tolerance: float = 1e-8,
    max_restarts: int = 1000,
    progress: bool = False,
) -> pd.DataFrame:
    """Compare PCA and LAMP on sampled spiked Wigner matrices with `spectral_overlaps`.

    Parameters
    ----------
    source : Prior without free symbols, or SpikedWigner of one
    delta : positive number or sequence of them
        Variance of the noise; each has instances of its own.
    size : int
        p.
    sizes : sequence of int, optional
        Several sizes instead of one.
    instances : int
        Independent instances of each delta, at least 2.
    rng : int, numpy Generator or SeedSequence
        Equal seeds give equal tables (up to the rounding of BLAS).
    tolerance, max_restarts
        Of Lanczos' algorithm, as `lamp` takes them.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    DataFrame
        Columns quantity, theory, simulated, standard_error, z, size, converged, instances, status, delta.  Quantities
        are the squared cosines ``pca overlap`` and ``lamp overlap``, and below the thresholds the eigenvalues, rho +
        delta/rho and delta for large p.  An instance is not averaged in if either method did not converge.  Differences
        below 2/p are not judged, nor, where theory has no overlap, below p^(-1/3).  ``attrs`` holds settings, seeds, a
        summary and notes.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """
    prior = source if isinstance(source, Prior) else getattr(source, "prior", source)
    spectrum = spectrum_of(prior)  # says what is no prior, or has free symbols
    whole("instances", instances, 2, "a standard error needs two")
    all_sizes, noises = checked_sizes(size, sizes), _noises(delta)
    theory = _theory(prior, noises, spectrum.second_moment)
    random = np.random.default_rng(rng)
    rows: list[dict[str, Any]] = []
    with Bar(progress, len(all_sizes) * len(noises) * instances) as tick:
        for n in all_sizes:
            for noise, expected in zip(noises, theory, strict=True):
                found = []
                for stream in generators(random, instances):
                    one = _run(prior, noise, n, stream, tolerance, max_restarts)
                    found += [one] if one is not None else []
                    tick()
                rows += [_row(name, value, [one[name] for one in found], n, instances) | {"delta": noise}
                         for name, value in expected.items()]
    rows = judged(rows)
    sequence = random.bit_generator.seed_seq
    entropy = str(getattr(sequence, "entropy", None))
    table = pd.DataFrame(rows)
    table.attrs.update(
        model=str(prior), controls={"delta": list(noises)}, sizes=list(all_sizes), instances=instances, notes=[_NOTE],
        thresholds={"pca": spectrum.second_moment**2, "lamp": spectrum.threshold},
        seed=rng if isinstance(rng, int) else entropy, entropy=entropy,
        spawn_key=[int(key) for key in getattr(sequence, "spawn_key", ())],
        summary="; ".join([summarised(rows), _NOTE]))
    return table


def _theory(prior: Prior, noises: tuple[float, ...], rho: float) -> list[dict[str, float]]:
    lamps = lamp_overlap(prior, np.array(noises)).value
    expected = []
    for delta, one in zip(noises, lamps, strict=True):
        values = {"pca overlap": float(pca_overlap(np.array(delta), rho)), "lamp overlap": float(one)}
        if values["pca overlap"] > 0:
            values["pca eigenvalue"] = rho + delta / rho
        if one > 0:
            values["lamp eigenvalue"] = delta
        expected.append(values)
    return expected


def _run(prior: Prior, delta: float, size: int, rng: np.random.Generator, tolerance: float,
         max_restarts: int) -> dict[str, float] | None:
    """Return overlaps and eigenvalues of one instance, None if a method did not converge."""
    instance = sample_spiked(prior, delta=delta, size=size, rng=rng)
    settings: dict[str, Any] = {"tolerance": tolerance, "max_restarts": max_restarts, "rng": rng}
    found = {"pca": pca(instance.matrix, **settings),
             "lamp": lamp(instance.matrix, instance.second_moments, **settings)}
    if not all(one.converged for one in found.values()):
        return None
    values = {f"{name} overlap": squared_cosine(one.estimate, instance.signal) for name, one in found.items()}
    return values | {f"{name} eigenvalue": one.eigenvalue for name, one in found.items()}


def _row(name: str, theory: float, values: list[float], size: int, instances: int) -> dict[str, Any]:
    kept = len(values)
    mean = float(np.mean(values)) if kept else math.nan
    error = float(np.std(values, ddof=1)) / math.sqrt(kept) if kept > 1 else math.nan
    left_out = size ** (-1 / 3) if theory == 0 else _LEFT_OUT / size
    return {"quantity": name, "theory": theory, "simulated": mean, "standard_error": error,
            "z": (mean - theory) / math.hypot(error, RESOLUTION * abs(theory)), "size": size, "converged": kept,
            "instances": instances, "unit": left_out * size * kept / 4, "status": Status.CONVERGED}


def _noises(delta: Any) -> tuple[float, ...]:
    try:
        found = np.atleast_1d(np.asarray(delta, dtype=float)).ravel()
    except (TypeError, ValueError):
        raise TypeError(f"delta = {delta!r} is not a number or a sequence of numbers") from None
    if found.size == 0 or not (np.isfinite(found) & (found > 0)).all():
        raise ValueError(f"delta = {delta}: give positive numbers, one or several")
    return tuple(map(float, found))
