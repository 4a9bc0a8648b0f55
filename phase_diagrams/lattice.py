"""A grid that is halved where it must be: nodes on a lattice, cells of several sizes, what lies between corners."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..equations.surface import Axis
from .plane import AxisSpec

__all__ = ["Cell", "Node", "fill", "lattice", "level_of", "nodes_of", "refined_points", "scale_of"]

_SMALL = 0.05  # of an observable's range: steps below are none
_STEEP = 4.0  # how many times steeper than an even change over the whole window a jump is
_ROUNDING = 1e-9  # of an observable: differences below are none

def lattice(axis: AxisSpec, count: int, refine: int) -> np.ndarray:
    """Values of a control on the finest lattice, evenly spaced on its axis."""
    scale = scale_of(axis)
    values = scale.value(np.linspace(scale.u(axis.low), scale.u(axis.high), (count - 1) * 2**refine + 1))
    values[[0, -1]] = axis.low, axis.high  # free of rounding
    return values


def nodes_of(axis: AxisSpec, values: Any, count: int) -> np.ndarray:
    """Which nodes of the lattice values of a control are: the nearest, whatever a file may have rounded."""
    scale = scale_of(axis)
    places = (scale.u(np.asarray(values)) - scale.u(axis.low)) / scale.length
    return np.rint(places * (count - 1)).astype(int)


def scale_of(axis: AxisSpec) -> Axis:
    """The coordinate in which an axis is evenly divided."""
    return Axis(axis.name, axis.low, axis.high, axis.log)


def level_of(i: int, j: int, refine: int) -> int:
    """How often the first grid was halved until it had this node."""
    return next(level for level in range(refine + 1) if all(k % 2 ** (refine - level) == 0 for k in (i, j)))


Node = tuple[int, int]
Cell = tuple[int, int, int]  # lower left node and size, in spacings of the finest lattice


def refined_points(solve: Callable[[Iterable[Node], str], dict[Node, dict[str, Any]]], shape: tuple[int, int],
             refine: int) -> dict[Node, dict[str, Any]]:
    """Rows at the nodes of the first grid, and of the cells that are halved until no jump is in a large one."""
    size = 2**refine
    width, height = ((count - 1) * size for count in shape)
    rows = solve(itertools.product(range(0, width + 1, size), range(0, height + 1, size)), "columns")
    is_jump = _Jumps(rows.values(), width, height)
    cells: list[Cell] = [(i, j, size) for i in range(0, width, size) for j in range(0, height, size)]
    number = 0
    while True:
        cells = [cell for cell in cells if cell[2] > 1]
        halved = [cell for cell in cells if any(is_jump(rows, a, b) for a, b in _sides(cell, rows))]
        if not halved:
            return rows
        number += 1
        parts = [(i + di, j + dj, s // 2) for i, j, s in halved for di in (0, s // 2) for dj in (0, s // 2)]
        corners = {(i + di, j + dj) for i, j, s in parts for di in (0, s) for dj in (0, s)}
        rows |= solve(corners - rows.keys(), f"refinement {number}")
        cells = [*({*cells} - {*halved}), *parts]


def _sides(cell: Cell, rows: Mapping[Node, Any]) -> Iterator[tuple[Node, Node]]:
    """Pairs of neighbours among the nodes around a cell: corners, and those that finer cells beside it have."""
    i, j, s = cell
    steps = range(s + 1)
    for side in ([(i + k, j) for k in steps], [(i + k, j + s) for k in steps],
                 [(i, j + k) for k in steps], [(i + s, j + k) for k in steps]):
        yield from itertools.pairwise(node for node in side if node in rows)


class _Jumps:
    """Whether the state of one node is on another branch than its neighbour's, or differs much from it."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], width: int, height: int):
        table = np.array([row["values"] for row in rows])
        self.width, self.height = width, height
        self.ranges = [float(np.ptp(finite)) if len(finite := column[np.isfinite(column)]) else 0.0
                       for column in table.T]

    def __call__(self, rows: Mapping[Node, Mapping[str, Any]], a: Node, b: Node) -> bool:
        one, other = rows[a], rows[b]
        branches = one["branch"], other["branch"]
        if None in branches:  # not known: it tells nothing of a jump
            return False
        is_limit = [isinstance(branch, str) for branch in branches]
        # between columns pieces of the curve are told from each other by their number if there are equally many
        if (any(is_limit) or one["folds"] == other["folds"]) and branches[0] != branches[1]:
            return True
        step = max(abs(a[0] - b[0]) / self.width, abs(a[1] - b[1]) / self.height)
        limit = max(_SMALL, _STEEP * step)
        return any(_differ(u, v, limit * whole)
                   for u, v, whole in zip(one["values"], other["values"], self.ranges, strict=True))


def _differ(u: float, v: float, limit: float) -> bool:
    if math.isinf(u) or math.isinf(v):
        return u != v
    return abs(u - v) > max(limit, _ROUNDING * max(abs(u), abs(v)))


def fill(filled: np.ndarray, solved: np.ndarray, is_solved: np.ndarray, size: int) -> None:
    """Interpolate within the cells of one size: those whose four corners are solved."""
    known = is_solved[::size, ::size]
    is_cell = known[:-1, :-1] & known[1:, :-1] & known[:-1, 1:] & known[1:, 1:]
    row, column = (indices * size for indices in np.nonzero(is_cell))
    t, at = np.linspace(0, 1, size + 1), np.arange(size + 1)
    total = np.zeros((len(row), size + 1, size + 1))
    for down, left in itertools.product((True, False), (True, False)):
        weight = np.outer(1 - t if down else t, 1 - t if left else t)
        corner = solved[row + size * (not down), column + size * (not left)][:, None, None]
        with np.errstate(invalid="ignore"):  # infinite of both signs: undefined between; times zero: not there
            total += np.where(weight > 0, weight * corner, 0.0)
    filled[row[:, None, None] + at[:, None], column[:, None, None] + at] = total
