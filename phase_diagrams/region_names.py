"""Places on the page: where the vertices of a diagram lie, and where the names of its regions find room."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import distance_transform_edt, minimum_filter

from .diagram import LOST, AxisSpec, PhaseDiagram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Page", "Strip", "in_axes", "name_regions", "places_of", "polylines", "values_of"]

Strip = tuple[np.ndarray, np.ndarray, np.ndarray]  # places: x, and y of the lower and of the upper edge there

_NAME_SIZES = (10.0, 8.5, 7.5)  # points, of the names of regions: the largest that fits
_PAD = 4  # points around a name
_LEADER = 9.0  # points, its shortest length
_NOTE = "no transition in this window"


def places_of(axis: AxisSpec, values: Any) -> np.ndarray:
    """Places on an axis, in units of it; far outside is as good as infinitely far."""
    values, ends = np.asarray(values, float), np.array([axis.low, axis.high])
    if axis.log:
        values, ends = np.log(np.maximum(values, np.finfo(float).tiny)), np.log(ends)
    return np.clip((values - ends[0]) / (ends[1] - ends[0]), -9, 10)


def values_of(axis: AxisSpec, places: np.ndarray) -> np.ndarray:
    """Inverse of `places_of`."""
    if axis.log:
        return np.exp(np.log(axis.low) + places * (np.log(axis.high) - np.log(axis.low)))
    return axis.low + places * (axis.high - axis.low)


def polylines(diagram: PhaseDiagram) -> dict[int, np.ndarray]:
    """Vertices of every curve, shape (vertices, 2), in units of the axes."""
    every, ids = in_axes(diagram, diagram.boundaries), diagram.boundaries["curve"].to_numpy()
    return {int(curve): every[ids == curve] for curve in dict.fromkeys(ids)}


def in_axes(diagram: PhaseDiagram, table: Any) -> np.ndarray:
    """Where the rows of a table are, shape (rows, 2), in units of the axes."""
    return np.column_stack([places_of(axis, table[axis.name]) for axis in (diagram.x, diagram.y)])


class Page:
    """The axes as cells of one point (1/72 inch) by one: which are free of lines, marks and text."""

    def __init__(self, ax: Axes):
        box = ax.get_window_extent()
        self.scale = 72 / ax.figure.dpi
        self.shape = max(int(box.height * self.scale), 8), max(int(box.width * self.scale), 8)
        self.free = np.ones(self.shape, bool)

    def size(self, text: Any) -> tuple[float, float]:
        """Width and height of a text in points."""
        box = text.get_window_extent()
        return box.width * self.scale, box.height * self.scale

    def block(self, place: Any, size: Any) -> None:
        """Nothing else may be written in a box around a place."""
        middle, half = np.multiply(place, self.shape[::-1]), np.asarray(size) / 2
        (left, bottom), (right, top) = (np.maximum(edge, 0).astype(int) for edge in (middle - half, middle + half + 1))
        self.free[bottom:top, left:right] = False

    def block_line(self, line: np.ndarray) -> None:
        """Nothing may be written over a polyline."""
        at = np.clip(line, -1, 2) * self.shape[::-1]
        way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(at, axis=0).T))])
        steps = np.linspace(0, way[-1], int(2 * way[-1]) + 2)
        j, i = (np.floor(np.interp(steps, way, column)).astype(int) for column in at.T)
        seen = (i >= 0) & (i < self.shape[0]) & (j >= 0) & (j < self.shape[1])
        self.free[i[seen], j[seen]] = False

    def place(self, cell: Any) -> np.ndarray:
        """Middle of a cell in units of the axes, as (x, y)."""
        return ((np.asarray(cell) + 0.5) / self.shape)[::-1]

    def covered(self, strips: list[Strip]) -> np.ndarray:
        """Cells inside strips."""
        x, y = ((np.arange(count) + 0.5) / count for count in self.shape[::-1])
        inside = np.zeros(self.shape, bool)
        for grid, low, high in strips:
            across = (x >= grid[0]) & (x <= grid[-1])
            low, high = (np.interp(x[across], grid, edge) for edge in (low, high))
            inside[:, across] |= (y[:, None] >= low) & (y[:, None] <= high)
        return inside

    def room(self, cells: np.ndarray, size: Any) -> np.ndarray:
        """Cells around which a text of a (width, height) in points covers only such cells."""
        width, height = (int(np.ceil(length)) + 2 * _PAD for length in size)
        return minimum_filter(cells, size=(height, width), mode="constant", cval=False)


def name_regions(diagram: PhaseDiagram, ax: Axes, page: Page, named: dict[str, list[Strip]]) -> None:
    """Write each name where there is most room around it in its region, or beside it with a leader."""
    for line in polylines(diagram).values():
        page.block_line(line)
    for table in (diagram.special_points, diagram.boundaries[diagram.boundaries["end"] == LOST]):
        for at in in_axes(diagram, table):
            page.block(at, (14, 14))
    if not len(diagram.boundaries):
        note = ax.text(0.5, 0.5, _NOTE, transform=ax.transAxes, ha="center", va="center", fontsize=_NAME_SIZES[0])
        page.block((0.5, 0.5), page.size(note))
        for side in (0, 1):  # the region's name goes above or below it
            page.block((side, 0.5), (0.7 * page.shape[1], page.shape[0]))

    def data(place: Any) -> tuple[float, float]:
        return float(values_of(diagram.x, place[0])), float(values_of(diagram.y, place[1]))

    small = {}
    for name, strips in named.items():
        inside = page.covered(strips)
        text = ax.text(0.5, 0.5, name, transform=ax.transAxes, ha="center", va="center", color="0.1", zorder=6,
                       clip_on=True)  # fmt: skip
        for points in _NAME_SIZES:
            text.set_fontsize(points)
            room = page.room(inside & page.free, page.size(text))
            if room.any():
                place = page.place(_deepest(room))
                text.set(position=data(place), transform=ax.transData)  # stays in its region when the view moves
                page.block(place, page.size(text))
                break
        else:
            small[name] = _anchor(page, inside, strips)
            text.remove()
    for name, anchor in small.items():  # when all names with room of their own have it
        _lead(ax, page, name, anchor, data)


def _deepest(cells: np.ndarray) -> Any:
    """The cell farthest from those that are not in the set, and from the edge of the page.

    Of the many that a long region has, the one in its middle.
    """
    depth = distance_transform_edt(np.pad(cells, 1))[1:-1, 1:-1]
    deep = np.argwhere(depth >= max(0.9 * depth.max(), depth.max() - 4))
    return deep[np.argmin(np.hypot(*(deep - deep.mean(axis=0)).T))]


def _anchor(page: Page, inside: np.ndarray, strips: list[Strip]) -> np.ndarray:
    """A place well inside a small region, which may be thinner than a cell."""
    if (inside & page.free).any():
        return page.place(_deepest(inside & page.free))
    x, low, high = max(strips, key=lambda strip: float(np.trapezoid(strip[2] - strip[1], strip[0])))
    grid = np.linspace(x[0], x[-1], 101)
    middle, height = (np.interp(grid, x, values) for values in ((low + high) / 2, high - low))
    best = np.argmax(height * np.minimum(grid - grid[0], grid[-1] - grid))  # not at the tips
    return np.array([grid[best], middle[best]])


def _lead(ax: Axes, page: Page, name: str, anchor: np.ndarray, data: Callable[[Any], tuple[float, float]]) -> None:
    """Write a name at the nearest place with room, and lead a thin line from it to its region."""
    note = ax.annotate(
        name, data(anchor), data(anchor), ha="center", va="center", fontsize=_NAME_SIZES[1], color="0.1", zorder=6,
        bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "0.4", "linewidth": 0.6},
        arrowprops={"arrowstyle": "-", "color": "0.2", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0},
        annotation_clip=True,
    )  # fmt: skip
    ax.plot(*([value] for value in data(anchor)), marker="o", markersize=2.6, color="0.1", zorder=6)
    box = np.array(page.size(note)) + 4  # its frame
    page.block(anchor, (3, 3))
    room = np.argwhere(page.room(page.free, box))
    if not len(room):
        note.remove()
        return
    away = np.abs(room[:, ::-1] + 0.5 - anchor * page.shape[::-1])
    gap = np.hypot(*np.maximum(away - box / 2, 0).T)
    gap[gap < _LEADER] = np.inf  # too short to be seen
    place = page.place(room[np.argmin(gap + 0.1 * away.sum(axis=1))])  # of those as near, the one in the middle
    note.set_position(data(place))
    page.block(place, box + 4)
