"""Figures of the number of critical points: over the overlap, over the energy by index, as a map of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .figures import SERIES
from .labels import flags, legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .complexity import Complexity

__all__ = ["plot_complexity"]

_SKY, _BLUE, _GREEN, _ORANGE, _VERMILLION, _PURPLE, _BLACK = SERIES
_INDEX_COLOURS = (_BLUE, _SKY, _GREEN, _ORANGE, _VERMILLION)
_STAR: dict[str, Any] = {"marker": "*", "markersize": 11, "linestyle": "none", "markeredgewidth": 0.6,
                         "markeredgecolor": "black", "clip_on": False}
_ISOLATED = {
    "signal": ("the signal's minimum", _ORANGE), "metastable": ("isolated minimum", "white"),
    "no signal": ("the minimum", _PURPLE), "saddle": ("isolated saddle", "0.6"),
    "maximum": ("isolated maximum", "0.25"),
}
_DEEPEST = 0.6  # how far below 0 a panel goes, in units of how far above
_SHOWN = 3.0  # of the energies in which bands begin: how far they are shown
_LEVELS = 129  # of colour in a map
_NONE = -1e3  # in the place of -inf, for contours
_SIGMA = r"complexity $\Sigma$ (nats)"
_WIDE, _NARROW, _HIGH = 9.6, 6.4, 4.6  # inches


def plot_complexity(found: Complexity, ax: Axes | None = None) -> Axes:
    """Draw what `Complexity.plot` says."""
    bands = found.against == ("energy",) and not found.settings["spiked"]
    second = None
    if ax is None:
        axes = _panels(2 if bands and _has_bands(found) else 1)
        ax, second = axes[0], axes[1] if len(axes) > 1 else None
    if second is None:
        ax.set_title(_title(found), fontsize=10)
    else:
        ax.figure.suptitle(_title(found), fontsize=10)
    if found.against == ("overlap", "energy"):
        _map(found, ax)
    elif bands:
        _overview(found, ax)
        if second is not None:
            _bands(found, second)
    else:
        _curve(found, ax)
    return ax


def _panels(count: int) -> list[Axes]:
    """Axes of a new figure of its own, side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDE if count > 1 else _NARROW, _HIGH), layout="constrained")
    FigureCanvasAgg(figure)
    return list(figure.subplots(1, count, squeeze=False)[0])


def _title(found: Complexity) -> str:
    controls = ", ".join(f"{name} = {value:g}" for name, value in found.controls.items())
    fixed = ", ".join(f"{name} = {value:g}" for name, value in found.settings["fixed"].items())
    return found.model + "".join(f"\nat {', '.join(filter(None, (controls, fixed)))}" for _ in range(1)
                                 if controls or fixed)


def _name(index: str) -> str:
    return {"0": "minima", "all": "all critical points"}.get(index, f"index {index}")


def _colour(index: str) -> str:
    return _BLACK if index == "all" else _INDEX_COLOURS[int(index) % len(_INDEX_COLOURS)]


def _landmarks(found: Complexity, kind: str, branch: str | None = None) -> pd.DataFrame:
    table = found.landmarks[found.landmarks["kind"] == kind]
    return table if branch is None else table[table["branch"] == branch]


def _heights(ax: Axes, top: float) -> None:
    """From a little below 0 to a little above the largest."""
    if top > 0:
        ax.set_ylim(-_DEEPEST * top, 1.12 * top)


# --- one axis ---


def _curve(found: Complexity, ax: Axes) -> None:
    """Complexity beside a signal, against the overlap or the energy."""
    from matplotlib.lines import Line2D

    (axis,) = found.against
    handles = []
    for index, rows in _ordered(found):
        x, y = rows[axis].to_numpy(), rows["complexity"].to_numpy()
        ax.plot(x, y, color=_colour(index), linewidth=1.6, zorder=3)
        positive = y > 0
        ax.fill_between(x, 0, np.where(positive, y, 0.0), color=_colour(index), alpha=0.18, linewidth=0)
        handles.append(Line2D([], [], color=_colour(index), linewidth=1.6, label=_name(index)))
    ax.axhline(0, color="0.35", linewidth=0.8, zorder=1)
    ax.set_xlim(*found.settings["between"][axis])
    largest = _landmarks(found, "largest")
    peak = _landmarks(found, "maximum")["complexity"].max() if len(_landmarks(found, "maximum")) else 0.0
    seen = found.table["complexity"].max()
    top = max(peak, seen, largest["complexity"].max() if len(largest) else 0.0)
    _heights(ax, top if top > 1e-9 else 0.01)
    bottom, _ = ax.get_ylim()
    handles += _stars(found, ax, axis)
    for branch, marker in (("orthogonal", "o"), ("any overlap", "D")):
        points = largest[largest["branch"] == branch]
        points = points[points["complexity"] > bottom]
        if len(points):
            style: dict[str, Any] = {"marker": marker, "markersize": 6.5 if marker == "o" else 4, "linestyle": "none",
                     "color": _VERMILLION, "markerfacecolor": "white" if marker == "o" else _VERMILLION}
            ax.plot(points["value"], points["complexity"], zorder=5, **style)
            said = "at overlap 0" if branch == "orthogonal" else "at any overlap"
            handles.append(Line2D([], [], label=f"largest {said}", **style))
    ax.set_xlabel("overlap $m$ with the signal" if axis == "overlap" else "energy $E$")
    ax.set_ylabel(_SIGMA)
    legend_below(ax, handles)


def _overview(found: Complexity, ax: Axes) -> None:
    """All critical points over the energy, and where those of finite index are."""
    from matplotlib.lines import Line2D

    handles = []
    for index, rows in _ordered(found):
        rows = rows[np.isfinite(rows["complexity"])]
        ax.plot(rows["energy"], rows["complexity"], color=_colour(index), linewidth=1.6,
                zorder=4 if index == "all" else 3 - 0.1 * int(index))
        name = "every finite index" if found.settings["full_mixture"] and index != "all" else _name(index)
        handles.append(Line2D([], [], color=_colour(index), linewidth=1.6, label=name))
    ax.axhline(0, color="0.35", linewidth=0.8, zorder=1)
    ax.set_xlim(*found.settings["between"]["energy"])
    top = found.table["complexity"].max()
    _heights(ax, top if top > 1e-9 else 0.1)
    if top > 1e-9:
        ax.set_ylim(bottom=-0.12 * top)
    ax.set_xlabel("energy per spin $E$")
    ax.set_ylabel(_SIGMA)
    legend_below(ax, handles)
    flags(ax, _flags(found)[:1] + [one for one in _flags(found) if "infty" in one[1] or "end" in one[1]])


def _bands(found: Complexity, ax: Axes) -> None:
    """The bands of finite index, from the ground state to where they end together."""
    from matplotlib.ticker import MaxNLocator

    end = found.landmarks[found.landmarks["kind"] == "threshold_energy"]["value"].min()
    begins = found.landmarks[found.landmarks["kind"] != "threshold_energy"]["value"]
    if found.settings["full_mixture"]:
        end = found.landmarks["value"].max()
    else:
        end = min(end, begins.min() + _SHOWN * (begins.max() - begins.min()))
    width = end - begins.min()
    low, high = begins.min() - 0.12 * width, end + 0.12 * width
    edges = [*sorted(begins), end]
    top = 0.0
    for k, (index, rows) in enumerate(_ordered(found)):
        energies, values = rows["energy"].to_numpy(), rows["complexity"].to_numpy()
        ax.plot(energies, values, color=_colour(index), linewidth=1.6, zorder=3 if index == "all" else 4 - 0.1 * k)
        inside = (energies >= low) & (energies <= high) & np.isfinite(values)
        if index != "all" and inside.any():
            top = max(top, values[inside].max())
    if not found.settings["full_mixture"]:
        for a, b, colour in zip(edges[:-1], edges[1:], _INDEX_COLOURS, strict=False):
            ax.axvspan(a, b, color=colour, alpha=0.13, linewidth=0, zorder=0)
    ax.axhline(0, color="0.35", linewidth=0.8, zorder=1)
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    _heights(ax, top)
    ax.set_xlabel("energy per spin $E$")
    flags(ax, _flags(found))


def _flags(found: Complexity) -> list[tuple[float, str]]:
    """Energies to mark."""
    if found.settings["full_mixture"]:
        ends = _landmarks(found, "threshold_energy")
        return [(value, r"$-E^{+}$" if branch == "lower end" else r"$-E^{-}$")
                for value, branch in zip(ends["value"], ends["branch"], strict=True)]
    marks = []
    for kind, branch, value in found.landmarks[["kind", "branch", "value"]].itertuples(index=False):
        if kind in ("ground_state", "band_edge"):
            marks.append((value, f"$-E_{branch.removeprefix('index ')}$"))
        elif branch == "marginal":
            marks.append((value, r"$-E_\infty$"))
    return marks


def _ordered(found: Complexity) -> list[tuple[str, pd.DataFrame]]:
    """What is drawn, by index: of a full mixture one of the finite indices, which are all alike."""
    every = [(str(index), rows) for index, rows in found.table.groupby("index", sort=False)]
    return [one for k, one in enumerate(every) if one[0] == "all" or k == 0 or not found.settings["full_mixture"]]


def _has_bands(found: Complexity) -> bool:
    begins = found.landmarks["value"]
    return len(begins) > 1 and begins.max() > begins.min() and found.table["index"].nunique() > 1


def _stars(found: Complexity, ax: Axes, axis: str) -> list[Any]:
    """Isolated critical points, each kind with its entry for the legend."""
    from matplotlib.lines import Line2D

    handles = []
    for branch, (said, colour) in _ISOLATED.items():
        points = _landmarks(found, "isolated", branch)
        if len(points):
            style: dict[str, Any] = {**_STAR, "color": colour}
            if axis == "map":
                ax.plot(points["overlap"], points["energy"], zorder=6, **style)
            else:
                ax.plot(points["value"], np.zeros(len(points)), zorder=6, **style)
            label = said if axis == "map" else said + r" (one: $\Sigma = 0$)"
            handles.append(Line2D([], [], label=label, **style))
    return handles


# --- the map ---


def _map(found: Complexity, ax: Axes) -> None:
    """Complexity over overlap and energy where it is positive, its zero line, the threshold energy."""
    from matplotlib import colormaps
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    grid = found.table.pivot(index="energy", columns="overlap", values="complexity")
    x, y = grid.columns.to_numpy(), grid.index.to_numpy()
    values = np.where(np.isfinite(grid.to_numpy()), grid.to_numpy(), _NONE)
    handles: list[Any] = []
    if (values > 0).any():
        filled = ax.contourf(x, y, values, levels=np.linspace(0, values.max(), _LEVELS), cmap=colormaps["cividis"])
        filled.set_rasterized(True)  # hundreds of levels are no picture of lines
        bar: Any = ax.figure.colorbar(filled, ax=ax, ticks=MaxNLocator(6))
        bar.set_label(_SIGMA)
        ax.contour(x, y, values, levels=[0.0], colors=[_BLACK], linewidths=0.9)
        handles.append(Line2D([], [], color=_BLACK, linewidth=0.9, label=r"$\Sigma = 0$"))
    threshold = found.settings.get("threshold_energy")
    if threshold:
        ax.plot(threshold["overlap"], threshold["energy"], color=_VERMILLION, linewidth=1.2, linestyle=(0, (4, 2)))
        handles.append(Line2D([], [], color=_VERMILLION, linewidth=1.2, linestyle=(0, (4, 2)),
                              label=f"threshold energy: {'none' if found.settings['pure'] else 'marginal'} above"))
    handles += _stars(found, ax, "map")
    ax.set_xlim(*found.settings["between"]["overlap"])
    ax.set_ylim(*found.settings["between"]["energy"])
    ax.set_xlabel("overlap $m$ with the signal")
    ax.set_ylabel("energy $E$")
    legend_below(ax, handles)
