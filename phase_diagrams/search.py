"""All boundaries in the plane of two controls.

Slices find what there is; continuation follows it; every threshold of every slice must lie on a boundary that was
followed, else it starts one of its own; slices are added between slices until they find nothing new.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from ..equations.boundaries import Boundary
from ..equations.surface import Axis, Surface
from ..theory.model import Model
from .arrangement import arranged
from .meeting import Meeting
from .slices import Seed, seeds_at, system_of
from .store import sweep
from .tracing import Line, passes, trace

__all__ = ["Boundaries", "Sweeps", "search"]

_SLICES = {False: 7, True: 5}  # first slices, of cheap and of dear averages
_ROUNDS = 5  # of slices between slices: as long as they find something new


class Sweeps:
    """Sweeps over tasks with one store, executor and progress setting."""

    def __init__(self, *, store: Any = None, executor: Any = None, progress: bool | Callable[..., Any] = False):
        self._settings = {"store": store, "executor": executor, "progress": progress}

    def __call__(self, function: Callable[..., Any], tasks: list[dict[str, Any]], description: str) -> list[Any]:
        return sweep(function, tasks, description=description, **self._settings) if tasks else []


@dataclass(frozen=True)
class Boundaries:
    """What was found: lines in the window with their systems, the points where they meet, thresholds of all slices."""

    lines: list[Line]
    systems: list[Boundary]
    meetings: list[Meeting]
    slices: list[float]  # coordinates u at which thresholds were looked for


def search(model: Model, axis: Axis, other: Axis, run: Sweeps, levels: dict[str, sp.Expr] | None = None) -> Boundaries:
    """Find and follow all boundaries.

    Parameters
    ----------
    model : Model
        With no free controls but the linear one and ``axis.name``.
    axis, other : Axis
        The second control, and the linear one.
    run : Sweeps
    levels : mapping of kind to expression
        Functions of the state whose zeros are boundaries too.
    """
    slices, traced = _traced(run, model, axis, other, levels or {})
    return Boundaries(*arranged(model, axis, other, levels or {}, traced), slices)


def _traced(run: Sweeps, model: Model, axis: Axis, other: Axis,
            levels: dict[str, sp.Expr]) -> tuple[list[float], list[tuple[Seed, dict[str, Any]]]]:
    """All slices, and traced boundaries through every threshold of every one of them."""
    surface = Surface(model, axis)
    low, high = float(axis.u(axis.low)), float(axis.u(axis.high))
    grid = list(np.linspace(low, high, _SLICES[surface.formulas.nested]))
    new, slices = grid, list(grid)
    traced: list[tuple[Seed, dict[str, Any]]] = []
    for _ in range(_ROUNDS):
        tasks = [{"model": model, "axis": axis.name, "value": float(axis.value(u)), "u": float(u), "levels": levels}
                 for u in new]
        found = list(itertools.chain.from_iterable(run(seeds_at, tasks, "slices")))
        pending = [seed for seed in found if not _is_known(seed, traced, surface, levels)]
        something_new = bool(pending)
        while pending:
            batch = list({_key(seed): seed for seed in reversed(pending)}.values())[::-1]  # one of each system at once
            tasks = [{"model": model, "axis": axis, "other": other, "seed": seed, "levels": levels} for seed in batch]
            results = run(trace, tasks, "boundaries")
            for seed, followed in zip(batch, results, strict=True):
                if not _is_known(_middle(seed, followed, surface, levels), traced, surface, levels):
                    traced.append((seed, followed))
                if followed["points"] and low < seed["u"] < high and not _is_known(seed, traced, surface, levels):
                    traced.append((seed, {"points": [], "start": "lost", "stop": "lost", "cusps": []}))
            pending = [seed for seed in pending if seed not in batch and not _is_known(seed, traced, surface, levels)]
        if not something_new and len(new) < len(grid):
            break
        grid = sorted({*grid, *new})
        new = [0.5 * (a + b) for a, b in itertools.pairwise(grid)]
        slices += new
    # a seed from which nothing could be followed, say on the window's edge, is no loss if a boundary passes it
    kept = [(seed, found) for seed, found in traced
            if found["points"] or not _is_known(seed, traced, surface, levels)]
    return sorted(slices), kept


def _middle(seed: Seed, found: dict[str, Any], surface: Surface, levels: dict[str, sp.Expr]) -> Seed:
    """A seed in the middle of a traced boundary: what is followed again from an end that is singular is known there."""
    if not found["points"]:
        return seed
    y = np.array(found["points"][len(found["points"]) // 2])
    control = system_of(seed, surface, levels).vertices(y[None]).log_control[0]
    return {**seed, "u": float(y[-1]), "x": y[:-1].tolist(), "log_control": float(control)}


def _key(seed: Seed) -> tuple[str, ...]:
    """Which system a seed belongs to."""
    return tuple(seed.get(name, "") for name in ("kind", "system", "name", "what", "lower", "upper"))


def _is_known(seed: Seed, traced, surface: Surface, levels) -> bool:
    system = system_of(seed, surface, levels)
    return any(
        _key(other) == _key(seed) and found["points"] and passes(system, np.array(found["points"]), seed)
        for other, found in traced
    )
