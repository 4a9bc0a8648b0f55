"""The phase diagram in two controls: thresholds on slices, boundaries followed through them, meeting points, regions.

Slices find what there is; continuation follows it; every threshold of every slice must lie on a boundary that was
followed, else it starts one of its own; slices are added between slices until they find nothing new.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from ..equations.boundaries import Boundary, Fold, LimitCrossing
from ..equations.fixed_points import concrete, fixed_points
from ..equations.result import Status
from ..equations.surface import Axis, Surface
from ..theory.model import Model
from ..theory.parameters import number, symbol
from .diagram import AxisSpec, PhaseDiagram
from .labels import written
from .meeting import Meeting, crossings, cusp, tricritical
from .regions import Drawn, column_of, columns
from .slices import Seed, seeds_at, system_of
from .store import sweep
from .tracing import Line, lines_of, passes, trace

__all__ = ["phase_diagram"]

_SLICES = {False: 7, True: 5}  # first slices, of cheap and of dear averages
_ROUNDS = 3  # of slices between slices
_DECADES = 30.0  # ratio of a window's ends from which its axis is logarithmic
_ABOVE_ZERO = 1e-3  # of the window: where it starts if 0 is a limit of the control
_VERTEX = 1e-9  # error of ln c of a vertex, and of a meeting point, beyond which its status is not good
_MEETING = 1e-8
_SAME = 1e-6  # of the window: two meetings are one


def phase_diagram(
    model: Model, *, x: Sequence[Any], y: Sequence[Any], levels: Mapping[str, Any] | None = None, store: Any = None,
    executor: Any = None, progress: bool | Callable[..., Any] = False, **controls: Any,
) -> PhaseDiagram:
    """Follow every boundary of a model through the plane of two controls.

    Parameters
    ----------
    model : Model
    x : (name, low, high) or (name, low, high, "linear" or "log")
        A control of the model, ``("rho", 0, 1)``.  An axis over more than a decade and a half is logarithmic.
    y : the same
        The control that enters the free entropy linearly, ``("alpha", 0, 2)``.
    levels : mapping of str to expression, optional
        Functions of a state whose zeros are boundaries of their own, by kind, such as ``{"replicon": expression}``, in
        the symbols of the model's working form (``m``, ``V``, ``mhat``) and its controls.
    store : path or Store, optional
        An SQLite file that keeps every finished part: an interrupted diagram goes on from it, and the same diagram
        asked again is answered from it.
    executor : concurrent.futures.Executor, optional
        Slices, boundaries and regions are computed on it.
    progress : bool or callable
        Show bars on standard error.
    **controls : float
        Values of the other controls.

    Returns
    -------
    PhaseDiagram

    Raises
    ------
    TypeError, ValueError
        For unknown, missing or impossible controls and windows, before any computation.
    """
    reduced, across, up, values = _checked(model, x, y, controls)
    given = {kind: sp.sympify(expr) for kind, expr in (levels or {}).items()}
    run = _Runner(store, executor, progress)
    window = {"axis": astuple(across), "other": astuple(up)}
    seeds, traced = _boundaries(run, reduced, across, window, given)
    lines, meetings = _arranged(reduced, across, up, given, traced)
    boundaries = _boundary_table(lines, meetings, across, up)
    drawn = [_drawn(boundaries, k, across, up) for k in range(len(lines))]
    pieces = [{
        "model": reduced, **window, "low": low, "high": high,
        "lines": [(k, line.kind, np.stack([line.u, line.v], 1).tolist()) for k, line in enumerate(drawn)
                  if line.u.min() < high and line.u.max() > low],
    } for low, high in columns(drawn, across)]
    strips = itertools.chain.from_iterable(run(column_of, pieces, "regions"))
    return PhaseDiagram(
        model=written(model), x=_spec(across), y=_spec(up), controls=values, boundaries=boundaries,
        special_points=_meeting_table(meetings, across, up), regions=pd.DataFrame(list(strips)),
        settings={"slices": sorted({across.value(seed["u"]).item() for seed in seeds})},
    )


class _Runner:
    """Sweeps with one store, executor and progress setting."""

    def __init__(self, store: Any, executor: Any, progress: bool | Callable[..., Any]):
        self._settings = {"store": store, "executor": executor, "progress": progress}

    def __call__(self, function: Callable[..., Any], tasks: list[dict[str, Any]], description: str) -> list[Any]:
        return sweep(function, tasks, description=description, **self._settings) if tasks else []


def _checked(model, x, y, controls) -> tuple[Model, Axis, Axis, dict[str, float]]:
    """The model with numbers for all controls but two, and the axes.

    Raises
    ------
    TypeError, ValueError
        As `phase_diagram`.
    """
    if not isinstance(model, Model):
        raise TypeError(f"model = {model!r} is not a model: give one such as GLM(Rademacher(), Sign())")
    across, up = _axis("x", x), _axis("y", y)
    if across.name == up.name:
        raise ValueError(f"x and y are both {up.name!r}: give two different controls")
    for name in (across.name, up.name):
        if name in controls:
            raise ValueError(f"{name} = {controls[name]} is given a value and is an axis: leave one out")
    linear = model.linear_control.name
    ends = {across.name: across.high, up.name: up.high}
    model.check_controls({**controls, **ends})
    if up.name != linear:
        hint = f"swap the axes, y=({linear!r}, ...)" if across.name == linear else f"y=({linear!r}, ...)"
        raise ValueError(f"y = {up.name!r}: the vertical axis is {linear!r}, which enters f linearly; give {hint}")
    concrete(model, {**controls, **ends})
    if across.low == 0:  # no noise, no signal: another problem than its limit
        across = replace(across, low=across.low + _ABOVE_ZERO * (across.high - across.low))
    concrete(model, {**controls, **ends, across.name: across.low})
    if up.low < 0:
        raise ValueError(f"y: {up.name} from {up.low:g}: it is not negative; start the window at 0 or above")
    values = {symbol(name): number(name, value) for name, value in controls.items()}
    return model.at(values), across, up, {s.name: float(v) for s, v in values.items()}


def _axis(which: str, given: Sequence[Any]) -> Axis:
    try:
        name, low, high, *rest = given
        low, high = float(low), float(high)
    except (TypeError, ValueError):
        raise ValueError(f"{which} = {given!r}: give a control and its window, such as ('rho', 0, 1)") from None
    if not isinstance(name, str) or len(rest) > 1 or (rest and rest[0] not in ("linear", "log")):
        raise ValueError(f"{which} = {given!r}: give (name, low, high) and perhaps 'linear' or 'log'")
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"{which} = {given!r}: give the window of {name} as two finite numbers, the lower first")
    log = rest == ["log"] if rest else low > 0 and high / low >= _DECADES and high < 1
    if log and low <= 0:
        raise ValueError(f"{which} = {given!r}: a logarithmic axis starts above 0")
    return Axis(name, low, high, log)


def _spec(axis: Axis) -> AxisSpec:
    return AxisSpec(axis.name, axis.low, axis.high, log=axis.log)


def _boundaries(run: _Runner, model: Model, axis: Axis, window: dict[str, Any],
                levels: dict[str, sp.Expr]) -> tuple[list[Seed], list[tuple[Seed, dict[str, Any]]]]:
    """All seeds of all slices, and a traced boundary through every one of them."""
    surface = Surface(model, axis)
    low, high = float(axis.u(axis.low)), float(axis.u(axis.high))
    grid = list(np.linspace(low, high, _SLICES[surface.formulas.nested]))
    new, seeds, traced = grid, [], []
    for _ in range(_ROUNDS):
        tasks = [{"model": model, "axis": axis.name, "value": float(axis.value(u)), "u": float(u), "levels": levels}
                 for u in new]
        found = list(itertools.chain.from_iterable(run(seeds_at, tasks, "slices")))
        seeds += found
        pending = [seed for seed in found if not _is_known(seed, traced, surface, levels)]
        something_new = bool(pending)
        while pending:
            batch = list({_key(seed): seed for seed in reversed(pending)}.values())[::-1]  # one of each system at once
            tasks = [{"model": model, **window, "seed": seed, "levels": levels} for seed in batch]
            results = run(trace, tasks, "boundaries")
            traced += zip(batch, results, strict=True)
            pending = [seed for seed in pending if seed not in batch and not _is_known(seed, traced, surface, levels)]
        if not something_new and len(new) < len(grid):
            break
        grid = sorted({*grid, *new})
        new = [0.5 * (a + b) for a, b in itertools.pairwise(grid)]
        if len(new) > 2 * _SLICES[surface.formulas.nested]:
            break
    return seeds, traced


def _key(seed: Seed) -> tuple[str, ...]:
    """Which system a seed belongs to."""
    return tuple(seed.get(name, "") for name in ("kind", "system", "name", "what", "lower", "upper"))


def _is_known(seed: Seed, traced, surface: Surface, levels) -> bool:
    system = system_of(seed, surface, levels)
    return any(
        _key(other) == _key(seed) and found["points"] and passes(system, np.array(found["points"]), seed)
        for other, found in traced
    )


def _arranged(model, axis, other, levels, traced) -> tuple[list[Line], list[Meeting]]:
    """Lines in the window, cut where first-order lines cease to be transitions, and where lines meet."""
    surface = Surface(model, axis)
    lines: list[Line] = []
    systems: list[Boundary] = []
    meetings: list[Meeting] = []
    for seed, found in traced:
        system = system_of(seed, surface, levels)
        if not found["points"]:
            here = system.vertices(np.array([[*seed["x"], seed["u"]]]))
            lines.append(Line(seed["kind"], seed["branch"], seed, np.array([[*seed["x"], seed["u"]]]), here, "lost",
                              "lost"))
            systems.append(system)
            continue
        new = lines_of(system, seed, found, other)
        first = len(lines)
        lines += new
        systems += [system] * len(new)
        for index, error_u in found["cusps"]:
            y = np.array(found["points"][index])
            ids = tuple(k for k in range(first, len(lines)) if (lines[k].points[[0, -1]] == y).all(axis=1).any())
            if ids and isinstance(system, Fold):
                meetings.append(cusp(system, y, error_u, ids))
    return _cut(lines, systems, meetings, model, axis)


def _cut(lines, systems, meetings, model, axis) -> tuple[list[Line], list[Meeting]]:
    """Cut first-order lines where they meet others and keep the stretches on which both states are the best ones."""
    raw = []
    for (i, one), (j, two) in itertools.combinations(enumerate(lines), 2):
        kind = _type_of(one, two)
        if kind and len(one.points) > 1 and len(two.points) > 1:
            raw += crossings(one, two, (systems[i], systems[j]), kind, (i, j))
    kept: list[Line] = []
    kept_systems: list[Boundary] = []
    origin: list[int] = []
    for i, line in enumerate(lines):
        cuts = sorted(m.u for m in raw if i in m.lines) if line.kind == "first_order" else []
        for stretch in _stretches(line, cuts):
            if line.kind != "first_order" or len(line.points) < 2 or _is_transition(stretch, systems[i], model, axis):
                kept.append(stretch)
                kept_systems.append(systems[i])
                origin.append(i)
    found = [replace(m, lines=tuple(k for k, i in enumerate(origin) if i in m.lines)) for m in meetings]
    continuous = [k for k, line in enumerate(kept) if line.kind == "continuous" and len(line.points) > 1]
    for m in raw:
        ids = tuple(k for k, i in enumerate(origin) if i in m.lines and _touches(kept[k], m, axis))
        if sum(kept[k].kind != "continuous" for k in ids) >= (2 if m.type == "triple" else 1):
            found.append(replace(m, lines=ids))
    for k, line in enumerate(kept):
        if not (isinstance(kept_systems[k], Fold) or getattr(kept_systems[k], "name", "") == "no signal"):
            continue
        for end, why in ((0, line.start), (-1, line.stop)):
            if why == "no signal" and continuous and isinstance(kept_systems[k], (Fold, LimitCrossing)):
                c = continuous[0]
                value = _value_of(kept_systems[c])
                point = tricritical(line, kept_systems[k], line.points[end], value, (k, c))
                if point is not None and not any(
                        m.type == "tricritical" and abs(m.u - point.u) < _SAME * axis.length for m in found):
                    found.append(point)
    return kept, found


def _value_of(system: Boundary) -> Callable[[float], tuple[float, float]]:
    def value(u: float) -> tuple[float, float]:
        v = system.vertices(np.array([[u]]))
        return float(v.log_control[0]), float(v.error[0])

    return value


def _type_of(one: Line, two: Line) -> str | None:
    """The type of a meeting of two lines that cross in the plane, None if it is none."""
    kinds = {one.kind, two.kind}
    if kinds == {"first_order"}:
        same_limit = one.seed["system"] == two.seed["system"] == "Change"
        return None if same_limit else "triple"
    if "continuous" in kinds and "first_order" in kinds:
        return "critical_end"
    if "continuous" in kinds and "spinodal" in kinds and "informative" in (one.branch, two.branch):
        return "informative_end"
    return None


def _touches(line: Line, m: Meeting, axis: Axis) -> bool:
    u = line.vertices.u
    slack = _SAME * axis.length + abs(np.diff(u)).max() if len(u) > 1 else 0.0
    return bool(u.min() - slack <= m.u <= u.max() + slack)


def _stretches(line: Line, cuts: Sequence[float]) -> list[Line]:
    """The line cut at values of u."""
    u = line.vertices.u
    index = sorted({int(k) + 1 for cut in cuts for k in np.flatnonzero((u[:-1] < cut) != (u[1:] < cut))})
    ends = [0, *index, len(u)]
    found = []
    for a, b in itertools.pairwise(ends):
        start = None if a == 0 else "critical_end"
        stop = None if b == len(u) else "critical_end"
        if b > a:
            found.append(line.take(slice(a, b), start, stop))
    return found


def _is_transition(line: Line, system: Boundary, model: Model, axis: Axis) -> bool:
    """Whether at the middle of a first-order line no stable state is better than the two that cross."""
    if line.seed["system"] == "Change":
        return True
    k = len(line.points) // 2
    v = line.vertices
    control = float(np.exp(v.log_control[k]))
    states = fixed_points(model, **{axis.name: float(axis.value(v.u[k])), model.linear_control.name: control})
    stable = [state for state in states if state.stable]
    overlaps = [state.observables["overlap"] for state in stable]
    both = (v.overlap[k], v.other_overlap[k])
    if not all(any(abs(m - mine) < 1e-6 * max(1e-3, abs(mine)) for m in overlaps) for mine in both):
        return False  # one of the two is not stable there
    best = max(state.free_entropy for state in stable)
    return bool(best <= v.free_entropy[k] + 1e-9 * max(1.0, abs(best)))


def _boundary_table(lines: Sequence[Line], meetings: Sequence[Meeting], axis: Axis, other: Axis) -> pd.DataFrame:
    """Rows of all vertices, with the meeting points that lines run into as their ends."""
    tables = []
    for k, line in enumerate(lines):
        v = line.vertices
        control = np.exp(v.log_control)
        good = v.error <= _VERTEX
        end = np.full(len(v.u), "", dtype=object)
        end[0], end[-1] = line.start, line.stop
        table = pd.DataFrame({
            "curve": k, "kind": line.kind, "branch": line.branch, axis.name: axis.value(v.u), other.name: control,
            "overlap": v.overlap, "mse": v.mse, "other_overlap": v.other_overlap, "other_mse": v.other_mse,
            "free_entropy": v.free_entropy, "error": v.error * control,
            "status": np.where(good, str(Status.CONVERGED), str(Status.TOLERANCE_MISSED)), "end": end,
        })
        for side in (0, -1):
            table = _ended(table, side, k, line, meetings, axis, other)
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _ended(table: pd.DataFrame, side: int, k: int, line: Line, meetings: Sequence[Meeting], axis: Axis,
           other: Axis) -> pd.DataFrame:
    """The table with the meeting point at which the line ends as its last (or first) row, if it stops short of one."""
    why = line.start if side == 0 else line.stop
    if why not in ("cusp", "no signal", "critical_end"):
        return table
    u, v = line.vertices.u[side], line.vertices.log_control[side]
    allowed = {"cusp": ("cusp",)}.get(why, ("critical_end", "tricritical", "triple"))
    near = [m for m in meetings if m.type in allowed and abs(m.u - u) < 0.1 * axis.length
            and abs(m.log_control - v) < 0.1 * max(other.length, 1.0)]
    if not near:
        return table
    m = min(near, key=lambda m: abs(m.u - u) / axis.length + abs(m.log_control - v))
    row = table.iloc[[side]].copy()
    control = float(np.exp(m.log_control))
    changes = {axis.name: float(axis.value(m.u)), other.name: control, "free_entropy": m.free_entropy,
               "error": m.error * control, "end": m.type}
    if m.type == "cusp":
        changes |= {"overlap": m.overlap, "mse": m.mse}
        if np.isfinite(table["other_overlap"].iloc[side]):
            changes |= {"other_overlap": m.overlap, "other_mse": m.mse}
    for name, value in changes.items():
        row[name] = value
    if m.u == u:
        table.iloc[side, table.columns.get_loc("end")] = m.type
        return table
    table.iloc[side, table.columns.get_loc("end")] = ""
    return pd.concat([row, table] if side == 0 else [table, row], ignore_index=True)


def _drawn(table: pd.DataFrame, k: int, axis: Axis, other: Axis) -> Drawn:
    rows = table[table["curve"] == k]
    return Drawn(rows["kind"].iloc[0], axis.u(rows[axis.name].to_numpy()), other.u(rows[other.name].to_numpy()))


def _meeting_table(meetings: Sequence[Meeting], axis: Axis, other: Axis) -> pd.DataFrame:
    rows = []
    for m in sorted(meetings, key=lambda m: (m.u, m.log_control)):
        at, control = float(axis.value(m.u)), float(np.exp(m.log_control))
        good = m.error <= _MEETING and m.error_u <= _MEETING * max(axis.length, abs(m.u))
        rows.append({
            "type": m.type, axis.name: at, other.name: control, "error_x": m.error_u * (at if axis.log else 1.0),
            "error_y": m.error * control, "overlap": m.overlap, "mse": m.mse, "free_entropy": m.free_entropy,
            "curves": " ".join(map(str, m.lines)),
            "status": str(Status.CONVERGED if good else Status.TOLERANCE_MISSED),
        })
    return pd.DataFrame(rows)
