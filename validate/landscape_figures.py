"""Figures of landscapes: all critical points by energy and index, and the spectrum of a Hessian."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .critical_points import critical_points
from .hessians import Spectrum, descend, point_of_overlap, semicircle, spectrum_at
from .kac_rice import expected_by_index
from .landscape_check import landscape_of
from .landscapes import sample_landscape
from .settings import whole
from .teacher import generators

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["critical_point_samples", "plot_counts", "plot_layers", "plot_spectrum", "spectra_figure"]

# Okabe and Ito's colours, which all common kinds of colour vision tell apart
_BLUE, _ORANGE = "#0072B2", "#D55E00"


def critical_point_samples(
    model: Any, *, size: int = 10, instances: int = 16, rng: Any = 0, **controls: Any
) -> pd.DataFrame:
    """List the critical points of several landscapes.

    Parameters
    ----------
    model : model with a landscape, or Landscape
    size : int
        N; at most thousands of critical points can be listed.
    instances : int
    rng : numpy Generator or seed
    **controls
        The model's controls.

    Returns
    -------
    DataFrame
        Columns instance, energy, index, radial, gap and, if there is a signal, overlap; ``attrs`` holds size,
        instances, ``incomplete`` (instances whose list is not complete, and which are left out), and of landscapes
        without a spike ``theory``: the table of `expected_by_index`.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range, or there are too many critical points.
    """
    size, instances = whole("size", size, 3, "10 is a good one"), whole("instances", instances, 1, "")
    covariance, _ = landscape_of(model, controls)
    tables, incomplete = [], 0
    *streams, last = generators(rng, instances + 1)
    for instance, stream in enumerate(streams):
        found = critical_points(sample_landscape(covariance, size, stream), rng=stream)
        incomplete += not found.complete
        if found.complete:
            tables.append(found.table().assign(instance=instance))
    if not tables:
        raise ValueError(f"size = {size}: no list of critical points is complete; give a smaller size")
    table = pd.concat(tables, ignore_index=True)
    table = table[["instance", *(name for name in table.columns if name != "instance")]]
    table.attrs.update(size=size, instances=instances, incomplete=incomplete)
    if not covariance.spiked:
        table.attrs["theory"] = expected_by_index(covariance, size, rng=last)
    return table


def plot_layers(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw a table of `critical_point_samples`: the index of every critical point against its energy.

    Points of one index are spread over its band at random; bars are mean energies, diamonds those of theory.
    """
    ax = _axes(ax)
    size = table.attrs["size"]
    spread = np.random.default_rng(0).uniform(-0.32, 0.32, len(table))
    ax.scatter(table["energy"], table["index"] + spread, s=3, color=_BLUE, alpha=0.35, linewidths=0, rasterized=True)
    means = table.groupby("index")["energy"].mean()
    label = f"mean of {table['instance'].nunique()} landscapes"
    ax.vlines(means, means.index - 0.42, means.index + 0.42, color="black", linewidth=2, label=label, zorder=3)
    theory = table.attrs.get("theory")
    if theory is not None:
        ax.scatter(theory["energy"], theory["index"], marker="D", s=22, color="white", edgecolors=_ORANGE,
                   linewidths=1.4, label="theory (Kac, Rice)", zorder=4)
    ax.set_xlabel("energy $H/N$")
    ax.set_ylabel("index (negative eigenvalues)")
    ax.set_yticks(range(0, size, 1 if size < 16 else 5))
    ax.set_title(f"critical points, $N = {size}$", fontsize=10)
    ax.legend(frameon=False, loc="upper left")
    return ax


def plot_counts(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw a table of `critical_point_samples`: how many critical points have each index, beside theory."""
    ax = _axes(ax)
    size = table.attrs["size"]
    counts = table.groupby(["instance", "index"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=range(size), fill_value=0)
    error = counts.std(ddof=1) / math.sqrt(len(counts)) if len(counts) > 1 else None
    ax.bar(range(size), counts.mean(), yerr=error, color=_BLUE, alpha=0.5, capsize=2,
           label=f"mean of {len(counts)} landscapes")
    theory = table.attrs.get("theory")
    if theory is not None:
        ax.errorbar(theory["index"], theory["number"], theory["standard_error"], fmt="D", markersize=4.5, color=_ORANGE,
                    markerfacecolor="white", label="theory (Kac, Rice)")
    ax.set_xlabel("index (negative eigenvalues)")
    ax.set_ylabel("critical points")
    ax.set_xticks(range(0, size, 1 if size < 16 else 5))
    ax.set_title(f"$N = {size}$", fontsize=10)
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=2)
    return ax


def spectra_figure(model: Any, *, size: int = 500, overlap: float = 0.6, rng: Any = 0, **controls: Any) -> Figure:
    """Draw two spectra of one spiked landscape: at the minimum beside the signal, and at a point of given overlap.

    Parameters
    ----------
    model : model with a spiked landscape, or Landscape
    size : int
        N.
    overlap : float
        Of the second point, which is drawn at random.  At the minimum there is never an outlier (see `hessians`); at
        intermediate overlaps there is one if the signal is strong.
    rng : numpy Generator or seed
    **controls
        The model's controls.
    """
    from matplotlib.figure import Figure

    covariance, _ = landscape_of(model, controls)
    first, second = generators(rng, 2)
    sample = sample_landscape(covariance, size, first)
    spectra = [descend(sample), spectrum_at(sample, point_of_overlap(sample, overlap, second))]
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    names = ("minimum beside the signal", "random point")
    for ax, one, where in zip(figure.subplots(1, 2), spectra, names, strict=True):
        plot_spectrum(one, ax=ax)
        ax.set_title(rf"{where}, $m = {one.overlap:.3f}$, $\theta = {one.strength:.2f}$", fontsize=10)
    return figure


def plot_spectrum(spectrum: Spectrum, *, bins: int = 40, ax: Axes | None = None) -> Axes:
    """Draw the eigenvalues of a Hessian over sqrt(Q''(1)), the semicircle and the outlier that theory has.

    Parameters
    ----------
    spectrum : Spectrum or Minimum
        Its shift t is the centre of the semicircle; if its strength theta is beyond 1 there is an outlier,
        whose standard deviation sqrt(2 (1 - 1/theta^2)/N) is drawn as a bar.
    bins : int
        Over the semicircle.
    """
    ax = _axes(ax)
    eigenvalues, shift, strength = spectrum.eigenvalues, spectrum.shift, spectrum.strength
    low = min(shift - 2, float(eigenvalues.min()))
    width = 4 / bins
    first = shift - 2 - width * math.ceil((shift - 2 - low) / width)
    edges = np.arange(first, max(shift + 2, float(eigenvalues.max())) + width, width)
    ax.hist(eigenvalues, bins=list(edges), weights=np.full(eigenvalues.size, 1 / (eigenvalues.size * width)),
            color=_BLUE, alpha=0.4, label=f"Hessian, $N = {eigenvalues.size + 1}$")
    x = shift + 2 * np.cos(np.linspace(0, math.pi, 400))
    ax.plot(x, semicircle(x, shift), color="black", linewidth=1.5, label=f"semicircle, $t = {shift:.3f}$")
    if strength > 1:
        place = shift - strength - 1 / strength
        spread = math.sqrt(2 * (1 - 1 / strength**2) / (eigenvalues.size + 1))
        ax.errorbar([place], [0.04], xerr=[spread], marker="v", markersize=7, color=_ORANGE, linestyle="none",
                    capsize=3, zorder=4, label=rf"outlier, $t - \theta - 1/\theta = {place:.3f}$")
    ax.axvline(0, color="grey", linewidth=0.8, linestyle=(0, (4, 2)))
    ax.set_xlabel(r"eigenvalue$\,/\sqrt{Q''(1)}$")
    ax.set_ylabel("density")
    ax.set_ylim(0, 0.52)  # the semicircle ends at 1/pi: room for the legend
    ax.legend(frameon=False, fontsize=8, loc="upper center", ncols=2)
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(5.2, 3.9), layout="constrained").add_subplot()
