"""What a network remembers: basins of attraction, the fraction retrieved against alpha and size, overlap distributions.

Basins and fractions are of zero-temperature dynamics, spin by spin.  Every function returns a table, and `plot_map`,
`plot_scaling` and `plot_overlaps` draw them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..theory.model import Model
from .network import _controls, _count, _simulate, _target, sample_network
from .patterns import dreamed, hebb, sample_patterns
from .settings import checked_sizes, real_number, whole
from .spins import corrupted, relax
from .teacher import generators

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["overlap_samples", "plot_map", "plot_overlaps", "plot_scaling", "retrieval_map", "retrieval_scaling"]

RETRIEVED = 0.8  #: overlap from which a pattern counts as retrieved; states at Hebb's capacity have 0.97 and about 0.35
# Okabe and Ito's colours, which all common kinds of colour vision tell apart
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
_MARKERS = "os^Dvp"


def retrieval_map(
    *,
    alphas: Iterable[float],
    starts: Iterable[float],
    size: int = 1000,
    instances: int = 8,
    dreaming: float = 0.0,
    rng: Any = 0,
) -> pd.DataFrame:
    """Start at given overlaps with a pattern and see where zero-temperature dynamics ends.

    Parameters
    ----------
    alphas : sequence of float
        P/N; P is rounded, and at least 1.
    starts : sequence of float in [0, 1]
        Initial overlaps: of the pattern, so many spins are flipped at random.
    size : int
        N.
    instances : int
        Networks for each alpha, at least 2; each is started once from every initial overlap, with its first pattern.
    dreaming : float
        t of the couplings; ``math.inf`` is the projector.
    rng : numpy Generator or seed

    Returns
    -------
    DataFrame
        Columns alpha (as sampled), start, overlap, standard_error, retrieved (fraction that ends above 0.8), size,
        instances.
    """
    (size,) = checked_sizes(size, None)
    whole("instances", instances, 2, "a standard error needs two")
    wanted = [real_number("starts", start, 0.0, 1.0 + 1e-12, "it is an overlap") for start in starts]
    rows = []
    for alpha, stream in _streams(alphas, rng):
        final = np.array([_final(alpha, size, wanted, dreaming, one) for one in generators(stream, instances)])
        error = final.std(axis=0, ddof=1) / math.sqrt(instances)
        for k, start in enumerate(wanted):
            rows.append({
                "alpha": max(1, round(alpha * size)) / size, "start": start, "overlap": final[:, k].mean(),
                "standard_error": error[k], "retrieved": float((final[:, k] > RETRIEVED).mean()), "size": size,
                "instances": instances,
            })
    return pd.DataFrame(rows)


def retrieval_scaling(
    *,
    alphas: Iterable[float],
    sizes: Sequence[int] = (250, 500, 1000, 2000),
    instances: int = 32,
    dreaming: float = 0.0,
    rng: Any = 0,
) -> pd.DataFrame:
    """Start at a pattern: the fraction of networks that keep it, for several sizes.

    The fractions of different sizes cross near the largest alpha at which patterns are minima with overlap close to 1
    (0.1379 for Hebb's rule by replica-symmetric theory), and grow steeper with size.

    Parameters
    ----------
    alphas, instances, dreaming, rng
        As for `retrieval_map`.
    sizes : sequence of int

    Returns
    -------
    DataFrame
        Columns size, alpha (as sampled), retrieved, standard_error (of the fraction, by Laplace's rule of succession,
        so that 0 of n is not sure), overlap, instances.
    """
    whole("instances", instances, 2, "a standard error needs two")
    rows = []
    alphas = list(alphas)
    for size, source in zip(checked_sizes(None, sizes), generators(rng, len(sizes)), strict=True):
        for alpha, stream in _streams(alphas, source):
            final = np.array([_final(alpha, size, [1.0], dreaming, one)[0] for one in generators(stream, instances)])
            kept = int((final > RETRIEVED).sum())
            guess = (kept + 1) / (instances + 2)
            rows.append({
                "size": size, "alpha": max(1, round(alpha * size)) / size, "retrieved": kept / instances,
                "standard_error": math.sqrt(guess * (1 - guess) / instances), "overlap": final.mean(),
                "instances": instances,
            })
    return pd.DataFrame(rows)


def overlap_samples(
    model: Model,
    *,
    size: int = 1000,
    instances: int = 16,
    sweeps: int = 1000,
    state: str | None = None,
    rng: Any = 0,
    **controls: Any,
) -> pd.DataFrame:
    """Sample the overlap with the pattern and that of two replicas, in the state that `crosscheck_network` compares.

    Returns
    -------
    DataFrame
        Columns instance, sweep, overlap, self_overlap; ``attrs["theory"]`` holds where replica-symmetric theory puts
        each, ``attrs["state"]`` the state.

    Raises
    ------
    TypeError, ValueError
        As `crosscheck_network`; also at temperature 0, where nothing moves.
    """
    (size,) = checked_sizes(size, None)
    whole("instances", instances, 1, "")
    whole("sweeps", sweeps, 1, "")
    alpha, temperature, values = _controls(model, controls)
    if temperature == 0:
        raise ValueError("temperature = 0: a network stays in its minimum there; give a positive one")
    concrete: Any = model.at({symbol: values[symbol.name] for symbol in model.free_symbols})
    ratio = _count(concrete, alpha, size) / size
    target, _ = _target(concrete, state, {"alpha": ratio, "temperature": temperature})
    kind = target.state
    tables = []
    for instance, stream in enumerate(generators(rng, instances)):
        network = sample_network(concrete, ratio, size, stream)
        series = _simulate(network, concrete, kind, temperature, sweeps, stream)
        assert series is not None
        tables.append(pd.DataFrame({
            "instance": instance, "sweep": np.arange(sweeps), "overlap": series["overlap"],
            "self_overlap": series["self_overlap"],
        }))
    table = pd.concat(tables, ignore_index=True)
    table.attrs.update(state=kind, size=size,
                       theory={name: float(target.observables[name]) for name in ("overlap", "self_overlap")})
    return table


def _streams(alphas: Iterable[float], rng: Any) -> list[tuple[float, np.random.Generator]]:
    found = [real_number("alphas", alpha, 0.0, math.inf, "it is P/N") for alpha in alphas]
    return list(zip(found, generators(rng, len(found)), strict=True))


def _final(alpha: float, size: int, starts: list[float], dreaming: float, rng: np.random.Generator) -> list[float]:
    patterns = sample_patterns(size, max(1, round(alpha * size)), rng)
    couplings = dreamed(hebb(patterns), dreaming)
    pattern = patterns[:, 0]
    ends = [relax(couplings, corrupted(pattern, start, rng)).spins for start in starts]
    return [float(pattern.astype(float) @ end) / size for end in ends]


# ---- figures ----


def plot_map(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw a table of `retrieval_map`: final overlap, by colour, against alpha and initial overlap.

    The line is where half of the networks retrieve.
    """
    ax = _axes(ax)
    final = table.pivot_table(index="start", columns="alpha", values="overlap")
    mesh = ax.pcolormesh(final.columns, final.index, final.to_numpy(), vmin=0, vmax=1, cmap="cividis",
                         shading="nearest", rasterized=True)
    retrieved = table.pivot_table(index="start", columns="alpha", values="retrieved")
    if min(retrieved.shape) > 1 and retrieved.to_numpy().min() < 0.5 < retrieved.to_numpy().max():
        ax.contour(retrieved.columns, retrieved.index, retrieved.to_numpy(), levels=[0.5], colors=_COLOURS[3],
                   linewidths=2)
        ax.plot([], [], color=_COLOURS[3], linewidth=2, label="half are retrieved")
        ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    ax.figure.colorbar(mesh, ax=ax, label="final overlap")
    ax.set_xlabel(r"$\alpha = P/N$")
    ax.set_ylabel("initial overlap")
    return ax


def plot_scaling(table: pd.DataFrame, *, capacity: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw a table of `retrieval_scaling`, one line a size, and the capacity of theory if it is given."""
    ax = _axes(ax)
    for k, (size, rows) in enumerate(table.groupby("size")):
        ax.errorbar(rows["alpha"], rows["retrieved"], rows["standard_error"], color=_COLOURS[k % len(_COLOURS)],
                    marker=_MARKERS[k % len(_MARKERS)], markersize=4, linewidth=1.2, capsize=2, label=f"$N = {size}$")
    if capacity is not None:
        ax.axvline(capacity, color="black", linestyle=(0, (4, 2)), linewidth=1, label=rf"$\alpha_c = {capacity:.4g}$")
    ax.set_xlabel(r"$\alpha = P/N$")
    ax.set_ylabel("fraction retrieved")
    ax.set_ylim(-0.04, 1.04)
    ax.legend(frameon=False)
    return ax


def plot_overlaps(table: pd.DataFrame, *, bins: int = 60, ax: Axes | None = None) -> Axes:
    """Draw the distributions of a table of `overlap_samples`; dashed lines are where theory puts them."""
    ax = _axes(ax)
    names = {"overlap": "with the pattern, $m$", "self_overlap": "of two replicas, $q$"}
    every = table[list(names)].to_numpy()
    # overlaps are 1 - 2 k/N: every bin holds the same number of them
    low, high, grain = every.min() - 0.02, every.max() + 0.02, 2 / table.attrs["size"]
    step = grain * max(1, round((high - low) / bins / grain))
    edges = 1 + grain / 2 - step * np.arange(np.ceil((1 - low) / step) + 1)[::-1]
    edges = edges[edges < high + step]
    for (name, label), colour in zip(names.items(), _COLOURS, strict=False):
        ax.hist(table[name], bins=list(edges), density=True, histtype="stepfilled", alpha=0.35, color=colour,
                label=label)
        place = table.attrs.get("theory", {}).get(name)
        places = [] if place is None else [place]
        if name == "self_overlap" and table.attrs.get("state") == "spin glass":
            places = [-x for x in places] + places  # a state and its mirror image have the same energy
        for x in places:
            ax.axvline(x, color=colour, linestyle=(0, (4, 2)), linewidth=1.4)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_xlabel("overlap")
    ax.set_ylabel("density")
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(5.2, 3.6), layout="constrained").add_subplot()
