"""The figure of a raster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .lattice import scale_of
from .plane import AxisSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .diagram import PhaseDiagram
    from .rasters import Raster

__all__ = ["STATES", "draw_raster"]

STATES = {  # what is called how in figures
    "equilibrium": "equilibrium",
    "algorithm": "state that message passing reaches",
    "informative": "informative state",
}
_COLOURS = "cividis"  # perceptually uniform, and the same to all common kinds of colour vision
_INFINITE, _MINUS_INFINITE, _UNKNOWN = "#FFFFFF", "#000000", "#CC79A7"


def draw_raster(raster: Raster, observable: str, ax: Axes | None, diagram: PhaseDiagram | None) -> Axes:
    """Draw an observable in colour; see `Raster.plot`."""
    from matplotlib import colormaps
    from matplotlib.legend import Legend
    from matplotlib.patches import Patch
    from matplotlib.patheffects import Normal, Stroke

    from .figures import new_axes

    values = raster.grid(observable)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5 * abs(low or 1), high + 0.5 * abs(high or 1)
    others = [  # values that no place on the scale stands for: colour, words
        (values == np.inf, _INFINITE, "infinite"),
        (values == -np.inf, _MINUS_INFINITE, "minus infinity"),
        (np.isnan(values), _UNKNOWN, "not known"),
    ]
    ax = new_axes() if ax is None else ax
    mesh = ax.pcolormesh(
        *(_edges(axis, nodes) for axis, nodes in ((raster.x, raster.x_values), (raster.y, raster.y_values))),
        np.clip(values, low - 0.1 * (high - low), high + 0.1 * (high - low)), vmin=low, vmax=high, zorder=0.8,
        cmap=colormaps[_COLOURS].with_extremes(bad=_UNKNOWN, over=_INFINITE, under=_MINUS_INFINITE),
        rasterized=True,  # in a vector format one image instead of a polygon for every node
    )
    marks = [Patch(facecolor=colour, edgecolor="0.4", linewidth=0.6, label=words)
             for found, colour, words in others if found.any()]
    where, at = ax, (1.02, 1.0)  # of the key to the marks: beside the axes, or as more colours under the bar
    if len(finite):
        where, at = ax.figure.colorbar(mesh, ax=ax, label=raster.labels[observable]).ax, (-0.4, -0.04)
    if diagram is not None:
        before = {*ax.lines, *ax.texts}
        replace(diagram, x=raster.x, y=raster.y).plot(ax)
        for text in {*ax.texts} - before:  # readable on every colour
            text.set_path_effects([Stroke(linewidth=2, foreground="white", alpha=0.9), Normal()])
        for line in {*ax.lines} - before:
            if line.get_linestyle() != "None":
                width, under = line.get_linewidth(), min(line.get_zorder() - 0.05, 1.5)  # under every other line, too
                ax.plot(*line.get_data(), color="white", linewidth=width + min(width, 1.8), zorder=under)
    if marks:
        where.add_artist(Legend(where, marks, [str(mark.get_label()) for mark in marks], loc="upper left", fontsize=8,
                                bbox_to_anchor=at, frameon=False, handlelength=1.3, borderaxespad=0, borderpad=0))
    for axis, which in ((raster.x, "x"), (raster.y, "y")):
        ax.set(**{f"{which}scale": "log" if axis.log else "linear"})
        ax.set(**{f"{which}lim": (axis.low, axis.high), f"{which}label": axis.label})
    said = ", ".join([STATES[raster.state], *(f"{name} = {value:g}" for name, value in raster.controls.items())])
    ax.set_title(f"{raster.model}\n{said}", fontsize=10)
    _fit_title(ax)
    return ax


def _fit_title(ax: Axes) -> None:
    """A long title gets smaller letters, so that it stays over its axes."""
    figure: Any = ax.figure.figure  # the whole, if the axes are in a part of one
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()  # the width of the axes is known from now on
    room = 1.1 * ax.get_window_extent().width / ax.title.get_window_extent().width
    ax.title.set_fontsize(max(6.0, 10.0 * min(1.0, room)))


def _edges(axis: AxisSpec, nodes: np.ndarray) -> np.ndarray:
    """Where the colour of one node ends and its neighbour's begins."""
    scale = scale_of(axis)
    u = scale.u(nodes)
    return np.concatenate([nodes[:1], scale.value(0.5 * (u[:-1] + u[1:])), nodes[-1:]])
