"""How many critical points a random landscape has: by overlap with the signal, by energy, by index."""

from __future__ import annotations

import dataclasses
import json
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..equations.complexity import (
    BANDS,
    Landmark,
    energy_landmarks,
    overlap_landmarks,
    spurious_energies,
)
from ..equations.counting import Counting, counting_of
from ..theory.model import Model
from . import tables
from .complexity_words import is_full, summary, summary_beside
from .files import checked_path, replace_file, write_text
from .labels import written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Complexity", "complexity", "energy_thresholds"]

_AGAINST = {"overlap": ("overlap",), "energy": ("energy",), "map": ("overlap", "energy")}
_POINTS = {1: 801, 2: 241}  # along each axis, by how many there are
_MOST = 4000  # points along an axis
_BEYOND = 0.06  # of the range of energies shown beyond what there is
_INSIDE = 1e-14  # relative, below the energy at which minima of a pure landscape end: a double may fall beyond


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Complexity:
    """Numbers of critical points, exp(N complexity) in the mean.

    Attributes
    ----------
    model : str
        As its user would write it.
    against : tuple of str
        ``("overlap",)``, ``("energy",)`` or both.
    controls : mapping of control name to float
    table : DataFrame
        One row a point: ``index`` (``"0"``, ``"1"``, ..., ``"all"``), ``overlap``, ``energy`` (that of most of these
        points, if it is not an axis), ``complexity`` (nats per spin; ``-inf`` where there are none), ``error``
        (absolute), for all indices ``index_fraction``, the part of negative eigenvalues.
    landmarks : DataFrame
        ``kind``, ``branch``, ``value`` of the energy or the overlap, ``error``, ``status``, ``complexity`` there;
        beside a signal ``overlap`` and ``energy``.  Kinds: ``ground_state``; ``band_edge``, where critical points of an
        index begin; ``threshold_energy`` (branch ``marginal``: below, typical minima have a gap; ``lower end``,
        ``upper end`` of marginal ones; of a pure landscape minima end there); ``zero`` (it ``begins`` or ``ends`` to be
        positive); ``maximum``, over the overlap, at all energies or the one that is fixed; ``isolated``, one minimum,
        the ``signal``'s, ``metastable`` or with ``no signal`` (of all critical points also a ``saddle`` or
        ``maximum``), where the complexity touches 0; ``largest`` (branch ``orthogonal``: at overlap 0, ``any
        overlap``: the highest maximum that is not isolated).
    settings : mapping
        Units, what is fixed, and what there is to say: ``summary``.
    """

    model: str
    against: tuple[str, ...]
    controls: Mapping[str, float] = field(default_factory=dict)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    landmarks: pd.DataFrame = field(default_factory=pd.DataFrame)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """What was counted, of what; the numbers are in `table` and `landmarks`."""
        at = ", ".join(f"{name}={value:g}" for name, value in {**self.controls, **self.settings["fixed"]}.items())
        return (f"Complexity({self.model}{' at ' * bool(at)}{at}, against {' and '.join(self.against)}: "
                f"{len(self.table)} points, {len(self.landmarks)} landmarks; {self.settings['summary']})")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it: complexity against an axis, or a map of both with its zero line.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw, best in a figure with ``layout="constrained"``.  If there is none, on a new figure
            (``.figure`` of what is returned), which for a landscape without a signal has a second panel for the bands.
        """
        from .complexity_figures import plot_complexity

        return plot_complexity(self, ax)

    @property
    def _said(self) -> dict[str, Any]:
        """All that is not a table."""
        return {"model": self.model, "against": list(self.against), "controls": dict(self.controls),
                "settings": dict(self.settings)}

    def to_csv(self, path: str | PathLike[str] | None = None) -> str:
        """Return, and write if a path is given, the table."""
        return write_text(tables.to_csv(self.table), path, ".csv")

    def to_latex(self, path: str | PathLike[str] | None = None) -> str:
        """Return, and write if a path is given, the landmarks as a LaTeX table, after what there is to say."""
        at = ", ".join(f"{name} = {value:g}" for name, value in {**self.controls, **self.settings["fixed"]}.items())
        said = "".join(f"% {line}\n" for line in (f"{self.model}{' at ' * bool(at)}{at}", self.settings["summary"]))
        return write_text(said + tables.to_latex(self.landmarks), path, ".tex")

    def to_parquet(self, path: str | PathLike[str]) -> tuple[Path, Path]:
        """Write the table to ``NAME.parquet``, and beside it ``NAME_landmarks.parquet``; return both paths.

        Both also say model, controls and settings (``attrs`` of ``tables.from_parquet``).

        Raises
        ------
        ValueError
            If the name does not end in ``.parquet``, or ``pyarrow`` is missing.
        """
        first = checked_path(path, ".parquet")
        paths = first, first.with_name(f"{first.stem}_landmarks.parquet")
        for table, to in zip((self.table, self.landmarks), paths, strict=True):
            table = table.copy()
            table.attrs.update(self._said)
            replace_file(to, partial(tables.to_parquet, table))
        return paths

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return, and write if a path is given, table, landmarks and all that is said of them."""
        head = pd.DataFrame()
        head.attrs.update(format="spinodal complexity", version=1, **self._said)
        document = json.loads(tables.to_json(head))
        document = {key: value for key, value in document.items() if key not in ("columns", "rows")}
        document |= {name: json.loads(tables.to_json(getattr(self, name))) for name in ("landmarks", "table")}
        return write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n", path, ".json")


def complexity(model: Model, *, against: str | Sequence[str] | None = None, between: Sequence[Any] | None = None,
               points: int | None = None, index: int | str | None = None, overlap: float | None = None,
               energy: float | None = None, **controls: Any) -> Complexity:
    """Count the critical points of a model's landscape, in the mean and to leading order in N.

    Parameters
    ----------
    model : Model
        With a landscape: ``SphericalSpinGlass``, ``MatrixTensor``.
    against : "overlap", "energy", "map" or ("overlap", "energy")
        What the complexity is a function of.  Without a signal there are energies only.
    between : (low, high), or a pair of them for a map
        The range; all there is if it is left out.
    points : int
        Along each axis.
    index : int or "all"
        Of the critical points: 0 for minima.  Left out, minima beside a signal; without one the indices 0 to 4 and
        all.
    overlap, energy : float
        At which the other one is varied.  Left out, the largest complexity over all of its values is taken.
    **controls : float
        Values of the model's controls.

    Returns
    -------
    Complexity

    Raises
    ------
    TypeError, ValueError
        For a model without a landscape, and for unknown, missing or impossible arguments.
    """
    counting, values = counting_of(model, controls)
    axes, indices = _checked_axes(counting, against), _checked_index(counting, index)
    windows, count = _checked_between(axes, between), _checked_points(axes, points)
    for name, value in (("overlap", overlap), ("energy", energy)):
        _check_fixed(counting, axes, name, value)
    overlap, energy = (None if value is None else float(value) for value in (overlap, energy))
    landmarks = _landmarks(counting, axes, indices, overlap, energy)
    ranges = {name: windows.get(name) or _range(counting, name, landmarks, overlap) for name in axes}
    table = pd.concat([_rows(counting, one, ranges, count, overlap, energy) for one in indices], ignore_index=True)
    low_high = {name: list(ranges[name]) for name in axes}
    extra = {}
    if len(axes) == 2 and 0 in indices:
        grid = table["overlap"].unique()
        extra["threshold_energy"] = {"overlap": grid.tolist(), "energy": counting.threshold_energy(grid).tolist()}
    fixed = {name: value for name, value in (("overlap", overlap), ("energy", energy)) if value is not None}
    kind = {"spiked": counting.landscape.spiked, "pure": counting.landscape.pure, "full_mixture": is_full(counting)}
    said = (summary_beside(counting, axes, landmarks, indices[0], overlap, energy) if kind["spiked"] else
            summary(counting))
    return Complexity(
        model=written(model), against=axes, controls=values, table=table, landmarks=_table(landmarks, kind["spiked"]),
        settings={"summary": said, "between": low_high, "fixed": fixed, **kind, "units": {"complexity": _UNITS},
                  "references": list(model.references), **extra},
    )


_UNITS = "log of the mean number of critical points, per component, in nats; energies per component"


# --- what is asked for ---


def _checked_axes(counting: Counting, against: Any) -> tuple[str, ...]:
    spiked = counting.landscape.spiked
    if against is None:
        return ("overlap",) if spiked else ("energy",)
    axes: Any = _AGAINST.get(against) if isinstance(against, str) else tuple(against)
    if axes not in _AGAINST.values():
        raise ValueError(f"against = {against!r}: give 'overlap', 'energy' or 'map'")
    if not spiked and "overlap" in axes:
        raise ValueError(f"against = {against!r}: without a signal there is no overlap; give 'energy'")
    return axes


def _checked_index(counting: Counting, index: Any) -> tuple[int | None, ...]:
    if index is None:
        return (0,) if counting.landscape.spiked else (*BANDS, None)
    if isinstance(index, str) and index == "all":
        return (None,)
    if isinstance(index, bool) or not isinstance(index, numbers.Integral) or index < 0:
        raise ValueError(f"index = {index!r}: give a whole number from 0 (minima) on, or 'all'")
    if counting.landscape.spiked and index:
        raise ValueError(f"index = {index}: beside a signal minima (0) and all critical points are counted; give 0 or "
                         "'all'")
    return (int(index),)


def _checked_between(axes: tuple[str, ...], between: Any) -> dict[str, tuple[float, float]]:
    if between is None:
        return {}
    given = list(between) if np.iterable(between) else [between]
    pairs = given if len(axes) == 2 else [given]
    if len(pairs) != len(axes) or any(np.shape(pair) != (2,) for pair in pairs):
        wanted = "((low, high), (low, high)) of overlap and energy" if len(axes) == 2 else "(low, high)"
        raise ValueError(f"between = {between!r}: give {wanted}")
    found = {}
    for name, pair in zip(axes, pairs, strict=True):
        low, high = map(float, pair)
        bound = 1.0 if name == "overlap" else np.inf
        if not (-bound <= low < high <= bound and np.isfinite(high - low)):
            raise ValueError(f"between = {tuple(pair)} of the {name}: give low < high"
                             + (" in [-1, 1]" if name == "overlap" else ""))
        found[name] = (low, high)
    return found


def _checked_points(axes: tuple[str, ...], points: Any) -> int:
    if points is None:
        return _POINTS[len(axes)]
    if isinstance(points, bool) or not isinstance(points, numbers.Integral) or not 2 <= int(points) <= _MOST:
        raise ValueError(f"points = {points!r}: give a whole number from 2 to {_MOST}")
    return int(points)


def _check_fixed(counting: Counting, axes: tuple[str, ...], name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not np.isfinite(float(value)):
        raise ValueError(f"{name} = {value!r}: give a finite number")
    if name in axes:
        raise ValueError(f"{name} = {value} is fixed and varied at once: leave one out")
    if name == "overlap" and not counting.landscape.spiked:
        raise ValueError(f"overlap = {value}: without a signal there is no overlap; leave it out")
    if name == "overlap" and not -1 < float(value) < 1:
        raise ValueError(f"overlap = {value}: give a number in (-1, 1)")


# --- what is computed ---


def _landmarks(counting: Counting, axes: tuple[str, ...], indices: tuple[int | None, ...],
               overlap: float | None, energy: float | None) -> tuple[Landmark, ...]:
    if not counting.landscape.spiked:
        return energy_landmarks(counting, indices=sorted({*BANDS, *(index for index in indices if index is not None)}))
    if axes == ("energy",):
        if overlap is None:
            return spurious_energies(counting, indices[0])
        return energy_landmarks(counting, overlap, indices)
    return overlap_landmarks(counting, indices[0], energy)


def _range(counting: Counting, name: str, landmarks: Sequence[Landmark],
           overlap: float | None) -> tuple[float, float]:
    if name == "overlap":
        return -1.0, 1.0
    if not counting.landscape.spiked:  # energies come in pairs E, -E of indices k, N - k
        low = min(one.value for one in landmarks)
        return low * (1 + _BEYOND), 0.0
    if overlap is not None:
        found = [one.value for one in landmarks] or [float(counting.likeliest_energy(0, overlap))]
    else:
        found = [one.energy for one in landmarks]
        for x in (one.overlap for one in landmarks if one.complexity > 0):
            found += [one.value for one in energy_landmarks(counting, x)]
    low, high = min(found), max(found)
    beyond = _BEYOND * max(high - low, 0.1 * abs(low))
    return low - beyond, high + beyond


def _rows(counting: Counting, index: int | None, ranges: Mapping[str, tuple[float, float]], count: int,
          overlap: float | None, energy: float | None) -> pd.DataFrame:
    """Points of one index."""
    columns: dict[str, Any] = {"index": "all" if index is None else str(index)}
    if "overlap" in ranges:
        low, high = ranges["overlap"]
        step = 1e-9  # the ends are points
        x: Any = np.linspace(max(low, -1 + step), min(high, 1 - step), count)
        if "energy" in ranges:
            x, e = (grid.ravel() for grid in np.meshgrid(x, np.linspace(*ranges["energy"], count), indexing="ij"))
        else:
            e = counting.likeliest_energy(index, x) if energy is None else np.full(count, float(energy))
        at = None if "energy" not in ranges and energy is None else e
    else:
        e = at = _energies(counting, index, ranges["energy"], count)
        x = 0.0 if overlap is None else float(overlap)
        if counting.landscape.spiked and overlap is None:
            _, x = counting.largest_over_overlaps(index, e)
    columns |= {"overlap": x, "energy": e, "complexity": counting.sigma(index, x, at) + 0.0 * e}
    columns["error"] = counting.rounding(index, x, at) + 0.0 * e
    if not counting.landscape.spiked:
        del columns["overlap"]
        if index is None:
            columns["index_fraction"] = counting.index_fraction(e)
        else:
            columns["index_fraction"] = 0.0
    return pd.DataFrame(columns)


def _energies(counting: Counting, index: int | None, window: tuple[float, float], count: int) -> np.ndarray:
    """Energies in a window; of a finite index from a little below where it begins to where it ends."""
    low, high = window
    if index is not None and not counting.landscape.spiked and not counting.trivial:
        ends = energy_landmarks(counting, 0.0, range(index, index + 1))
        last = max(one.value for one in ends)
        first = min(one.value for one in ends)
        low, high = max(low, first - 0.5 * (last - first)), min(high, last * (1 + _INSIDE))
    if not low < high:
        low, high = window
    return np.linspace(low, high, count)


def _table(landmarks: Sequence[Landmark], spiked: bool) -> pd.DataFrame:
    names = [one.name for one in dataclasses.fields(Landmark)]
    found = pd.DataFrame([dataclasses.asdict(one) for one in landmarks], columns=names)
    found["status"] = found["status"].map(str)
    found = found[["kind", "branch", "value", "error", "status", "complexity", "overlap", "energy"]]
    found = found.astype(dict.fromkeys(("value", "error", "complexity", "overlap", "energy"), float))  # of no rows, too
    return found if spiked else found.drop(columns=["overlap", "energy"])


def energy_thresholds(model: Model, between: Any, controls: Mapping[str, Any]) -> pd.DataFrame:
    """Energies at which critical points of each finite index begin and end, as `thresholds` returns them."""
    counting, values = counting_of(model, controls)
    if counting.landscape.spiked:
        raise ValueError("along = 'energy': beside a signal ask complexity(..., against='energy', overlap=...)")
    window = _checked_between(("energy",), between).get("energy", (-np.inf, np.inf))
    table = _table([one for one in energy_landmarks(counting) if window[0] <= one.value <= window[1]], spiked=False)
    at = ", ".join(f"{name} = {value:g}" for name, value in values.items())
    table.attrs["summary"] = summary(counting) + (f"; at {at}" if at else "")
    table.attrs["along"] = "energy"
    return table
