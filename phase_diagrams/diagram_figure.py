"""The figure of a phase diagram: boundaries in the styles of their kinds, special points, regions named inside.

Places are computed in units of the axes, from 0 to 1 across the window: there a boundary is straight between its
vertices, on a logarithmic axis too, and what is drawn and what is filled agree.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .diagram import LOST, POINTS, PhaseDiagram, is_good
from .figures import SERIES, new_axes
from .inset import draw_inset
from .labels import legend_below
from .region_names import Page, Strip, in_axes, name_regions, places_of, polylines, values_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["plot_diagram", "write_figure"]

_SKY, _BLUE, _GREEN, _ORANGE, _VERMILLION, _PURPLE, _BLACK = SERIES
# Colour, dashes and width, in the order of drawing: of boundaries at one place, which are common (a spinodal near a
# continuous line, or on a first-order one), the narrow and interrupted ones lie on top, and both are seen.
_STYLES: dict[tuple[str, str], tuple[str, Any, float]] = {
    ("first_order", "equilibrium"): (_VERMILLION, "-", 2.2),
    ("continuous", "uninformative"): (_GREEN, (0, (6, 1.5, 1.3, 1.5)), 2.0),
    ("spinodal", "uninformative"): (_BLUE, (0, (4.5, 2.2)), 1.2),
    ("spinodal", "informative"): (_BLACK, (0, (1.2, 1.8)), 1.2),
    ("replicon", "equilibrium"): (_PURPLE, (0, (7, 2, 1.3, 2, 1.3, 2)), 1.4),
}
_STYLES |= {
    ("langevin", ""): (_ORANGE, (0, (6, 1.5, 1.3, 1.5)), 1.6),
    ("langevin", "formal"): (_ORANGE, (0, (1.3, 2)), 1.4),
    ("gradient_flow", ""): (_BLUE, (0, (9, 2)), 1.6),
    ("gradient_flow", "formal"): (_BLUE, (0, (1.3, 2)), 1.4),
    ("trivialisation", "orthogonal"): (_PURPLE, (0, (4.5, 1.8)), 1.4),
    ("trivialisation", "any overlap"): (_PURPLE, (0, (1.3, 1.8)), 1.6),
}
_STYLES["replicon", "informative"] = _STYLES["replicon", "equilibrium"]
_MORE_STYLES = (  # of kinds made up by users
    (_SKY, (0, (10, 3)), 1.4),
    (_ORANGE, (0, (3, 1.5, 1.3, 1.5)), 1.4),
    (_BLACK, (0, (1.3, 4)), 1.4),
    (_PURPLE, (0, (2.5, 2.5)), 1.4),
)
_DEFAULT_BRANCH = {"first_order": "equilibrium", "continuous": "uninformative", "replicon": "equilibrium"}
_FILLS = {  # an Okabe-Ito colour, and how much of it there is in white
    "undetectable": (_BLACK, 0.18),
    "impossible": (_PURPLE, 0.34),
    "hard": (_ORANGE, 0.30),
    "easy": (_SKY, 0.20),
    "easy: AMP only": (_VERMILLION, 0.18),
    "easy: Langevin": (_SKY, 0.14),
    "easy: gradient flow": (_SKY, 0.36),
    "easy: trivial at m = 0": (_GREEN, 0.16),
    "easy: trivial landscape": (_GREEN, 0.32),
    "retrieval": (_GREEN, 0.22),
    "spin glass, retrieval metastable": (_ORANGE, 0.24),
    "spin glass": (_SKY, 0.26),
    "paramagnet": (_BLACK, 0.08),
}
_MORE_FILLS = ((_GREEN, 0.22), (_VERMILLION, 0.22), (_BLUE, 0.22), (_BLACK, 0.08))
_MARKERS = {"cusp": ("^", 7.5), "tricritical": ("D", 6), "critical_end": ("s", 6.5), "triple": ("*", 11),
            "informative_end": ("o", 11)}  # fmt: skip
_RING = "informative_end"  # often at a critical end point: open and wide, so that both are seen
_FORMATS = (".pdf", ".svg", ".png")


def plot_diagram(diagram: PhaseDiagram, ax: Axes | None = None) -> Axes:
    """Draw a phase diagram; see `PhaseDiagram.plot`."""
    from matplotlib.ticker import NullFormatter

    ax = new_axes() if ax is None else ax
    for axis, which in ((diagram.x, "x"), (diagram.y, "y")):
        getattr(ax, f"set_{which}scale")("log" if axis.log else "linear")
        getattr(ax, f"set_{which}lim")(axis.low, axis.high)
        getattr(ax, f"set_{which}label")(axis.label)
        if axis.log and axis.high > 10 * axis.low:  # labels of the decades are enough, and do not collide
            getattr(ax, f"{which}axis").set_minor_formatter(NullFormatter())
    ax.set_title(_title(diagram), fontsize=10)
    fills = _fill(diagram, ax)
    handles = [*_draw_boundaries(diagram, ax), *_draw_seams(diagram, ax), *_draw_points(diagram, ax),
               *_draw_lost(diagram, ax)]
    if handles:
        legend_below(ax, handles)
    figure: Any = ax.figure.figure  # the whole, if the axes are in a part of one
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()  # the size of the axes is known from now on
    page = Page(ax)
    ax.title.set_fontsize(max(min(10, 10 * 1.1 * page.shape[1] / page.size(ax.title)[0]), 6))
    draw_inset(diagram, ax, page, _style)
    name_regions(diagram, ax, page, fills)
    return ax


def write_figure(figure: Figure | SubFigure, path: str | PathLike[str]) -> Path:
    """Write a figure as PDF or SVG, in which text stays text, or as PNG, at 300 dots an inch.

    Raises
    ------
    ValueError
        If the name ends in something else.
    """
    from matplotlib import rc_context

    whole: Any = figure.figure
    path = Path(path)
    if path.suffix not in _FORMATS:
        raise ValueError(f"path = {str(path)!r} must end in {', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}")
    part = path.with_name(path.name + ".part")
    try:
        # what these settings say is read when a file is written; outside they stay as they are
        with part.open("wb") as file, rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}):
            whole.savefig(file, format=path.suffix[1:], dpi=300)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _title(diagram: PhaseDiagram) -> str:
    said = (f"{k} = {v:g}" if isinstance(v, float) else f"{k} = {v}" for k, v in diagram.controls.items())
    values = ", ".join(said)
    return diagram.model + (f"\nat {values}" if values else "")


# --- regions ---------------------------------------------------------------------------------------------------------

def _strips(diagram: PhaseDiagram) -> dict[str, list[Strip]]:
    """The strips of each name."""
    lines = polylines(diagram)
    named: dict[str, list[Strip]] = {}
    for row in diagram.regions.to_dict("records"):
        a, b = places_of(diagram.x, [row["x_low"], row["x_high"]])
        inside = places_of(diagram.x, row[diagram.x.name]), places_of(diagram.y, row[diagram.y.name])
        low, high = (_edge(lines.get(row[side]), inside, sign) for side, sign in (("below", -1), ("above", 1)))
        own = [line[(line[:, 0] > a) & (line[:, 0] < b), 0] for line in (low, high)]
        x = np.unique([a, b, *np.concatenate(own)])
        named.setdefault(row["name"], []).append((x, np.interp(x, *low.T), np.interp(x, *high.T)))
    return named


def _edge(line: np.ndarray | None, inside: Any, side: int) -> np.ndarray:
    """The part of a curve that bounds a strip, x increasing.

    A curve may turn back in x: of its parts over the interior point, the next one below or above it counts.
    """
    if line is None:  # the edge of the window
        return np.array([[-9.0, side > 0], [10.0, side > 0]])
    x, y = inside
    parts = list(_monotone(line))
    over = [part for part in parts if part[0, 0] <= x <= part[-1, 0]] or parts
    gaps = [side * (np.interp(x, *part.T) - y) for part in over]
    return over[min(range(len(over)), key=lambda k: (gaps[k] < 0, abs(gaps[k])))]


def _monotone(line: np.ndarray) -> Iterator[np.ndarray]:
    """Cut a polyline where it turns back in x; every part runs to the right."""
    ways = np.sign(np.diff(line[:, 0]))
    moving = np.flatnonzero(ways)
    turns = [int(b) for a, b in itertools.pairwise(moving) if ways[a] != ways[b]]
    for a, b in itertools.pairwise([0, *turns, len(line) - 1]):
        part = line[a : b + 1]
        yield part if part[0, 0] <= part[-1, 0] else part[::-1]


def _fill(diagram: PhaseDiagram, ax: Axes) -> dict[str, list[Strip]]:
    """Fill the strips: those of one name are one path, so that no seam shows where they join."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    named, more = _strips(diagram), itertools.cycle(_MORE_FILLS)
    for name, strips in named.items():
        colour, part = _FILLS.get(name) or next(more)
        tint = tuple(1 - part * (1 - channel) for channel in to_rgb(colour))
        outlines = []
        for x, low, high in strips:
            xs, ys = np.concatenate([x, x[::-1], x[:1]]), np.concatenate([low, high[::-1], low[:1]])
            vertices = np.column_stack([values_of(diagram.x, xs), values_of(diagram.y, ys)])
            outlines.append(Outline(vertices, closed=True))
        # the thin edge covers the hairline that viewers leave between neighbours
        ax.add_patch(PathPatch(Outline.make_compound_path(*outlines), facecolor=tint, edgecolor=tint,
                               linewidth=0.4, joinstyle="bevel", zorder=0.5))  # fmt: skip
    return named


# --- boundaries and points -------------------------------------------------------------------------------------------


def _draw_boundaries(diagram: PhaseDiagram, ax: Axes) -> list[Any]:
    """Draw the curves, and return what the legend shows: one entry a style that is seen in the window."""
    from matplotlib.lines import Line2D
    from matplotlib.path import Path as Outline
    from matplotlib.transforms import Bbox

    window = Bbox([[-1e-9, -1e-9], [1 + 1e-9, 1 + 1e-9]])  # a curve may run along the edge

    curves: dict[tuple[str, str], list[Any]] = {}
    for _, part in diagram.boundaries.groupby("curve", sort=False):
        kind, branch = part["kind"].iloc[0], part["branch"].iloc[0]
        curves.setdefault((kind, branch or _DEFAULT_BRANCH.get(kind, "")), []).append(part)
    known = [key for key in _STYLES if key in curves]
    made_up = sorted({*curves} - {*known})
    styles = [*(_STYLES[key] for key in known), *itertools.islice(itertools.cycle(_MORE_STYLES), len(made_up))]
    handles = []
    for level, (key, style) in enumerate(zip([*known, *made_up], styles, strict=True)):
        look: dict[str, Any] = dict(zip(("color", "linestyle", "linewidth"), style, strict=True))
        for part in curves[key]:
            ax.plot(part[diagram.x.name], part[diagram.y.name], **look, dash_capstyle="butt", solid_capstyle="butt",
                    solid_joinstyle="round", zorder=2 + 0.1 * level)  # fmt: skip
        if any(Outline(in_axes(diagram, part)).intersects_bbox(window, filled=False) for part in curves[key]):
            handles.append(Line2D([], [], label=diagram.called(*key), **look))
    return handles


def _style(kind: str, branch: str) -> dict[str, Any]:
    """How a boundary is drawn; all kinds made up by users alike."""
    style = _STYLES.get((kind, branch or _DEFAULT_BRANCH.get(kind, "")), _MORE_STYLES[0])
    return dict(zip(("color", "linestyle", "linewidth"), style, strict=True))


def _draw_seams(diagram: PhaseDiagram, ax: Axes) -> list[Any]:
    """Dot the verticals on which a name changes though nothing else does: beside a cusp states are told apart, beyond
    it they are one.
    """
    ends = diagram.special_points[diagram.special_points["type"] == "cusp"]
    lines = []
    for end in ends.itertuples():
        x = getattr(end, diagram.x.name)
        sides = [diagram.regions[np.isclose(diagram.regions[side], x, rtol=1e-9, atol=0)]
                 for side in ("x_high", "x_low")]
        lowest = [side[side["below"] == -1]["name"].tolist()[:1] for side in sides]
        if all(lowest) and lowest[0] != lowest[1]:
            lines.append(ax.plot([x, x], [diagram.y.low, getattr(end, diagram.y.name)], color="0.45", linewidth=0.8,
                                 linestyle=(0, (1, 2)), label="beyond: one state, no transition", zorder=1)[0])
    return lines[:1]


def _draw_points(diagram: PhaseDiagram, ax: Axes) -> list[Any]:
    """Mark the special points; those whose status is not good are hollow, and the legend says why."""
    more, handles = itertools.cycle("PXv<>h"), {}
    for key, part in diagram.special_points.groupby(["type", "status"], sort=False):
        kind, status = map(str, key)
        marker, size = _MARKERS.get(kind) or (next(more), 7)
        good = is_good(status)
        face, edge = ("none", "black") if kind == _RING else ("black", "white") if good else ("white", "black")
        look: dict[str, Any] = {
            "marker": marker, "markersize": size, "linestyle": "none", "markeredgewidth": 1.2 if kind == _RING else 0.8,
            "markerfacecolor": face, "markeredgecolor": edge,
            "label": POINTS.get(kind, kind.replace("_", " ")) + ("" if good else f" ({status})"),
        }  # fmt: skip
        (line,) = ax.plot(part[diagram.x.name], part[diagram.y.name], **look, zorder=5)
        within = _within(diagram, part)
        line.set_clip_on(not within.all())  # whole on the window's edge, not outside it
        if within.any():
            handles[look["label"]] = line
    return list(handles.values())


def _draw_lost(diagram: PhaseDiagram, ax: Axes) -> list[Any]:
    """Cross the ends at which the continuation was lost."""
    ends = diagram.boundaries[diagram.boundaries["end"] == LOST]
    if not (within := _within(diagram, ends)).any():
        return []
    (line,) = ax.plot(ends[diagram.x.name], ends[diagram.y.name], marker="x", markersize=5, markeredgewidth=1.2,
                      color="0.15", linestyle="none", label="continuation lost", zorder=4)  # fmt: skip
    line.set_clip_on(not within.all())
    return [line]


def _within(diagram: PhaseDiagram, table: Any) -> np.ndarray:
    """Which rows of a table lie in the window."""
    places = in_axes(diagram, table)
    return np.all((places > -1e-9) & (places < 1 + 1e-9), axis=1)
