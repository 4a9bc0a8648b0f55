"""Figures of generative priors: thresholds against depth and width, and phase diagrams beside each other.

A point of the table takes seconds, so `depth_table` computes, and `plot_depth` draws.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..equations.result import Status
from ..theory.channels import Abs, Channel, Linear, ReLU, Sign
from ..theory.generative import Generative
from ..theory.glm import GLM
from ..theory.parameters import positive
from .diagram import PhaseDiagram
from .figures import SERIES
from .search import Sweeps
from .thresholds import thresholds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DEPTH_COLUMNS", "depth_table", "plot_depth", "plot_side_by_side"]

DEPTH_COLUMNS = ("observation", "activation", "depth", "compression", "kind", "branch", "value", "error", "status")

_SKY, _BLUE, _GREEN, _ORANGE, _VERMILLION, _PURPLE, _BLACK = SERIES
_COLOURS = (_BLUE, _VERMILLION, _GREEN, _ORANGE, _PURPLE, _SKY, _BLACK)
_KINDS: dict[tuple[str, str], tuple[str, str, Any, bool]] = {  # words, marker, dashes, filled
    ("spinodal", "uninformative"): ("algorithmic spinodal", "o", "-", True),
    ("first_order", "equilibrium"): ("first-order transition", "s", (0, (4, 2)), False),
    ("continuous", "uninformative"): ("weak recovery", "v", (0, (1.2, 1.6)), True),
}
_AGAINST = {"depth": "depth (number of layers)", "compression": "compression ratio $p/k$"}
_PER = {"component": "samples per component of the signal, $n/p$", "latent": "samples per latent variable, $n/k$"}
_TOP = 1.1  # of an axis, over the highest point
_PANEL = (6.4, 4.6)  # inches, as of a figure with one diagram
_OBSERVATIONS = {"compressed sensing": Linear(), "phase retrieval": Abs()}
_ACTIVATIONS = {"linear": Linear(), "ReLU": ReLU(), "sign": Sign()}


def depth_table(*, depths: Sequence[int] = (1, 2, 3), compressions: Sequence[float] = (3.0,),
                activations: Mapping[str, Channel] | None = None, observations: Mapping[str, Channel] | None = None,
                between: tuple[float, float] = (0.01, 3.0), store: Any = None, executor: Any = None,
                progress: bool | Callable[[int, int], Any] = False) -> pd.DataFrame:
    """Thresholds of linear models whose signal is made by a network, for several depths and widths.

    A network of depth L and compression c = p/k has L layers of equal ratio c^(1/L) between k latent Gaussian
    variables and the p components of the signal.

    Parameters
    ----------
    depths : sequence of int
    compressions : sequence of positive numbers
        p/k.
    activations : mapping of name to Channel, optional
        Of all layers; linear, ReLU and sign if it is not given.
    observations : mapping of name to Channel, optional
        How the signal is seen; compressed sensing and phase retrieval, both without noise, if it is not given.
    between : (low, high)
        Window of alpha = n/p.
    store, executor, progress
        As of `phase_diagram`: finished networks are kept in a file, several are computed at once, a bar is shown.

    Returns
    -------
    DataFrame
        A row a threshold: observation, activation, depth, compression, kind, branch, value (alpha = n/p), error,
        status.  A network without any has one row of the kind ``none``, without value.  Half a second to a minute for
        each network; save it with ``to_csv``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """
    observations = _channels("observations", _OBSERVATIONS if observations is None else observations)
    activations = _channels("activations", _ACTIVATIONS if activations is None else activations)
    cases = [(seen, name, depth, compression) for seen in observations for name in activations
             for depth in _several("depths", depths) for compression in _several("compressions", compressions)]
    for _, _, depth, compression in cases:
        if isinstance(depth, bool) or not isinstance(depth, numbers.Integral) or depth < 1:
            raise ValueError(f"depths holds {depth!r}: give whole numbers from 1 on")
        positive("compressions", compression, "give numbers")
    tasks = [{"model": GLM(Generative([(activations[name], compression ** (1 / depth))] * int(depth)),
                           observations[seen]), "between": list(between)}
             for seen, name, depth, compression in cases]
    found = Sweeps(store=store, executor=executor, progress=progress)(_thresholds, tasks, "networks")
    rows = [{"observation": seen, "activation": name, "depth": int(depth), "compression": float(compression)} | row
            for (seen, name, depth, compression), part in zip(cases, found, strict=True) for row in part]
    return pd.DataFrame(rows, columns=list(DEPTH_COLUMNS))


def _thresholds(model: GLM, between: list[float]) -> list[dict[str, Any]]:
    """Rows of one network; the task of a sweep."""
    found = thresholds(model, along="alpha", between=(between[0], between[1]))
    rows = found[["kind", "branch", "value", "error", "status"]].to_dict("records")
    none = {"kind": "none", "branch": "", "value": math.nan, "error": math.nan, "status": str(Status.CONVERGED)}
    return [{str(name): value for name, value in row.items()} for row in rows] or [none]


def plot_depth(table: pd.DataFrame, *, against: str = "depth", per: str = "latent",
               axes: Sequence[Axes] | None = None) -> Figure:
    """Draw thresholds against depth or compression, an observation a panel, an activation a colour.

    Parameters
    ----------
    table : DataFrame
        As `depth_table` returns it, or read from a file.  Rows that differ in the other one of depth and compression
        are curves of their own.
    against : "depth" or "compression"
    per : "latent" or "component"
        Samples per what: n/k, in which counting of unknowns puts the transition to 1, or n/p = alpha.
    axes : sequence of Axes, optional
        One for each observation.

    Returns
    -------
    Figure

    Raises
    ------
    TypeError, ValueError
        If the table lacks a column, or an argument is out of range.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"table = {table!r} is no DataFrame: give one of depth_table")
    if missing := [name for name in DEPTH_COLUMNS if name not in table]:
        raise ValueError(f"table has no column {missing[0]!r}: give one of depth_table")
    for name, value, known in (("against", against, _AGAINST), ("per", per, _PER)):
        if value not in known:
            raise ValueError(f"{name} = {value!r}: give {' or '.join(map(repr, known))}")
    panels = list(dict.fromkeys(table["observation"]))
    if not panels:
        raise ValueError("table is empty: give one of depth_table, with a network at least")
    if axes is None:
        figure = Figure(figsize=(4.4 * len(panels) + 0.4, 4.4), layout="constrained")
        axes = list(figure.subplots(1, len(panels), squeeze=False)[0])
    if len(axes) != len(panels):
        raise ValueError(f"{len(axes)} axes for {len(panels)} observations ({', '.join(panels)}): give one each")
    colours = {name: _COLOURS[k % len(_COLOURS)] for k, name in enumerate(dict.fromkeys(table["activation"]))}
    other = "compression" if against == "depth" else "depth"
    shown = table[[(kind, branch) in _KINDS for kind, branch in zip(table["kind"], table["branch"], strict=True)]]
    for ax, panel in zip(axes, panels, strict=True):
        highest = 0.0
        for (name, kind, branch), rows in _curves(shown[shown["observation"] == panel], other):
            _, marker, dashes, filled = _KINDS[kind, branch]
            scale = rows["compression"] if per == "latent" else 1.0
            heights = rows["value"] * scale
            highest = max(highest, float(heights.max()))
            ax.plot(rows[against], heights, color=colours[name], linestyle=dashes, marker=marker,
                    markersize=5.5 if filled else 8, markerfacecolor=colours[name] if filled else "none", linewidth=1.3)
        ax.set_xlabel(_AGAINST[against])
        ax.set_title(panel if table[other].nunique() > 1 else f"{panel}, {_said(other, table[other].iloc[0])}",
                     fontsize=10)
        values = sorted(set(table[against]))
        if against == "compression":
            ax.set_xscale("log")
            ax.set_xticks([], minor=True)
        ax.set_xticks(values, [f"{value:g}" for value in values])
        ax.set_ylim(0, _TOP * highest or 1.0)
    axes[0].set_ylabel(_PER[per])
    kinds = [key for key in _KINDS if key in set(zip(shown["kind"], shown["branch"], strict=True))]
    handles: list[Any] = [Line2D([], [], color=colour, linewidth=4, label=name) for name, colour in colours.items()]
    handles += [Line2D([], [], color="0.3", marker=marker, linestyle=dashes, linewidth=1.3,
                       markersize=5.5 if filled else 8, markerfacecolor="0.3" if filled else "none", label=words)
                for words, marker, dashes, filled in (_KINDS[key] for key in kinds)]
    whole: Any = axes[0].figure.figure
    whole.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8)
    return whole


def plot_side_by_side(diagrams: Sequence[PhaseDiagram], *, titles: Sequence[str] | None = None) -> Figure:
    """Draw phase diagrams beside each other, as of a sparse and of a generative prior.

    Parameters
    ----------
    diagrams : sequence of PhaseDiagram
    titles : sequence of str, optional
        In the place of the models; one each.

    Returns
    -------
    Figure

    Raises
    ------
    TypeError, ValueError
        If something else than diagrams is given, none, or another number of titles.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    several = _several("diagrams", diagrams)
    for k, diagram in enumerate(several):
        if not isinstance(diagram, PhaseDiagram):
            raise TypeError(f"diagrams[{k}] = {diagram!r} is no phase diagram: give those of phase_diagram")
    if titles is not None and len(titles) != len(several):
        raise ValueError(f"{len(titles)} titles for {len(several)} diagrams: give one each")
    width, height = _PANEL
    figure = Figure(figsize=(width * len(several), height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(several), squeeze=False)[0]
    figure.draw_without_rendering()  # legends are arranged by the width of their axes
    for k, (ax, diagram) in enumerate(zip(panels, several, strict=True)):
        diagram.plot(ax)
        if titles is not None:
            ax.set_title(titles[k], fontsize=10)
    return figure


def _curves(rows: pd.DataFrame, other: str) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
    """What is one curve each: an activation, a kind and branch, and a value of what is not on the axis."""
    for (name, kind, branch, _), part in rows.groupby(["activation", "kind", "branch", other], sort=False):
        yield (str(name), str(kind), str(branch)), part.sort_values(["depth", "compression"])


def _said(name: str, value: float) -> str:
    return f"$p/k = {value:g}$" if name == "compression" else f"{value:g} layer" + "s" * bool(value != 1)


def _channels(name: str, given: Mapping[str, Channel]) -> dict[str, Channel]:
    if not isinstance(given, Mapping) or not given:
        raise TypeError(f"{name} = {given!r}: give a mapping such as {{'ReLU': ReLU()}}")
    for key, value in given.items():
        if not isinstance(value, Channel):
            raise TypeError(f"{name}[{key!r}] = {value!r} is not a channel: give one such as ReLU()")
    return dict(given)


def _several(name: str, given: Any) -> list[Any]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TypeError(f"{name} = {given!r}: give a list")
    if not given:
        raise ValueError(f"{name} is empty: give one at least")
    return list(given)
