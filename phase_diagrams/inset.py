"""The inset of a phase diagram: boundaries that run down many decades, over a logarithmic scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .diagram import PhaseDiagram
from .region_names import Page, in_axes, polylines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_inset"]

_SIZE = 0.36, 0.34  # of the axes
_MARGIN = 38, 26, 10  # points beside it on the left, below, and elsewhere: its ticks and labels
_DECADES = 9  # that it shows
_SEEN = 1e-3  # of the window: what is below cannot be seen without it


def draw_inset(diagram: PhaseDiagram, ax: Axes, page: Page, style: Callable[[str, str], dict[str, Any]]) -> Axes | None:
    """Show what a replicon line does near the edge, where the diagram cannot, in a place that no line passes.

    Nothing is drawn if there is no such line, the axis is logarithmic anyway, or there is no room.
    """
    deep = diagram.boundaries[(diagram.boundaries["kind"] == "replicon")]
    below = deep[(deep[diagram.y.name] > 0) & (deep[diagram.y.name] < _SEEN * diagram.y.high)]
    if diagram.y.log or diagram.y.low > 0 or len(below) < 3:
        return None
    for line in polylines(diagram).values():
        page.block_line(line)
    for place in in_axes(diagram, diagram.special_points):
        page.block(place, (14, 14))
    height, width = page.shape
    size = np.array([_SIZE[0] * width, _SIZE[1] * height])
    left, bottom, rest = _MARGIN
    whole = size + np.array([left + rest, bottom + rest])
    room = np.argwhere(page.room(page.free, whole))
    if not len(room):
        return None
    right = room[np.argmax(room @ [0.4, 1.0])]  # to the right, and up
    middle = page.place(right)
    corner = middle * [width, height] - whole / 2 + [left, bottom]
    across, up = corner / [width, height]
    small = ax.inset_axes((across, up, *_SIZE))
    for (kind, branch), part in diagram.boundaries.groupby(["kind", "branch"], sort=False):
        for _, one in part[part[diagram.y.name] > 0].groupby("curve"):
            small.plot(one[diagram.x.name], one[diagram.y.name], **style(str(kind), str(branch)))
    high = diagram.y.high
    small.set(yscale="log", xlim=(diagram.x.low, diagram.x.high), ylim=(high * 10.0**-_DECADES, high))
    small.tick_params(labelsize=7)
    small.set_ylabel(diagram.y.label, fontsize=7, labelpad=1)
    small.set_xlabel(diagram.x.label, fontsize=7, labelpad=0)
    page.block(middle, whole)
    return small
