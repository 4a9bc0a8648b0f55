"""Figures of decimation's simulations beside theory, which is handed in as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .oracle import Decimated

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_judgement", "plot_overlaps", "plot_traces"]

# Okabe and Ito's colours, which all common kinds of colour vision tell apart
_BLUE, _ORANGE, _GREEN = "#0072B2", "#D55E00", "#009E73"


def plot_overlaps(
    simulated: Any, *, theory: Any = None, label: str = "found", theory_label: str = "theory", ax: Axes | None = None
) -> Axes:
    """Draw overlaps of estimates with their patterns in the order found, against t = R/P.

    Parameters
    ----------
    simulated : DataFrame, or sequence of them
        Columns t and overlap (as the steps of `amp_decimation` and `follow`), or step and overlap (as of `matched`:
        then all P patterns must have been found).  Of several instances the mean at each t is drawn with its standard
        error.
    theory : pair of arrays (t, m), optional
        The flow.
    label, theory_label : str
        For the legend.
    ax : Axes, optional

    Raises
    ------
    ValueError
        If there is no table, or one has no overlaps.
    """
    tables = [simulated] if isinstance(simulated, pd.DataFrame) else list(simulated)
    if not tables:
        raise ValueError("simulated is empty: give at least one table")
    ax = _axes(ax)
    parts = []
    for table in tables:
        if "overlap" not in table or len(table) == 0:
            raise ValueError(f"a table of columns {list(table)} and {len(table)} rows has no overlaps: give one of "
                             "matched, amp_decimation or follow")
        parts.append(table.assign(t=table["step"] / len(table)) if "t" not in table else table)
    grouped = pd.concat(parts).groupby("t")["overlap"]
    mean = grouped.mean()
    if len(tables) > 1:
        ax.errorbar(mean.index, mean, yerr=grouped.sem(), fmt="o", markersize=3, linewidth=0.8, color=_BLUE,
                    label=f"{label}, mean of {len(tables)}")
    else:
        ax.plot(mean.index, mean, "o", markersize=3, color=_BLUE, label=label)
    if theory is not None:
        ax.plot(*theory, color=_ORANGE, label=theory_label, zorder=3)
    ax.set_xlabel("t = R/P, fraction of the patterns that were found before")
    ax.set_ylabel("overlap m")
    ax.legend(frameon=False)
    return ax


def plot_judgement(found: Decimated, *, ax: Axes | None = None) -> Axes:
    """Draw energy and residual of every restart: what the judge accepts and what it refuses.

    Energies overlap, residuals do not; crosses are the theory's retrieval states of all steps.
    """
    ax = _axes(ax)
    for accepted, color, label in ((False, _GREEN, "refused"), (True, _BLUE, "accepted")):
        part = found.restarts[found.restarts["accepted"] == accepted]
        ax.plot(part["energy"], part["residual"], ".", markersize=3, color=color, label=f"{label} ({len(part)})")
    steps = found.steps
    ax.plot(steps["energy_theory"], steps["residual_theory"], "+", markersize=4, color=_ORANGE,
            label="theory, retrieval")
    ax.axhspan(steps["highest"].min(), steps["highest"].max(), color="0.85", zorder=0,
               label="largest accepted, of all steps")
    ax.set_xlabel("energy E/N, with the diagonal and +1/4")
    ax.set_ylabel("residual S of the local fields")
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_traces(table: pd.DataFrame, *, energy: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw a table of `annealing.energy_traces`.

    Parameters
    ----------
    table : DataFrame
    energy : float, optional
        The theory's energy of a retrieval state, as a line.
    ax : Axes, optional
    """
    ax = _axes(ax)
    shades = np.linspace(0.35, 1.0, table["restart"].nunique())
    for shade, (_, trace) in zip(shades, table.groupby("restart"), strict=True):
        ax.plot(trace["sweep"], trace["energy"], linewidth=0.8, color=_BLUE, alpha=shade)
    if energy is not None:
        ax.axhline(energy, color=_ORANGE, linestyle="--", label="theory, retrieval")
        ax.legend(frameon=False)
    ax.set_xlabel("sweeps")
    ax.set_ylabel("energy E/N")
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(6, 4), layout="constrained").subplots()
