r"""What a phase diagram is once it is solved: boundaries, special points and regions, to be read, drawn and written.

A boundary is a row for every solved vertex, in order along its curve.  A special point is where boundaries meet or
end.  A region is a strip of the plane between two boundaries (or the window's edge), named in the words of the field;
several strips side by side may carry one name.
"""

from __future__ import annotations

import dataclasses
import html
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..equations.result import Status
from . import tables
from .files import checked_path, replace_file, write_text
from .plane import AxisSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LOST", "POINTS", "AxisSpec", "PhaseDiagram", "advised", "boundary_words", "is_good", "read_json"]

# {x} and {y} stand for the names of the controls, {a} and {b} for those of the two measures of a state.
_COLUMNS = {
    "boundaries": "curve kind branch {x} {y} {a} {b} other_{a} other_{b} free_entropy error status end",
    "special_points": "type {x} {y} error_x error_y {a} {b} free_entropy curves status",
    "regions": "name x_low x_high below above {x} {y} states {a} {b} status",
}
_INTEGERS = {"curve", "below", "above", "states"}
_TEXTS = {"kind", "branch", "status", "end", "type", "curves", "name"}
_FORMAT = {"format": "spinodal phase diagram", "version": 2}

LOST = "lost"  # the end of a curve that the continuation could not follow further
POINTS = {
    "cusp": "cusp",
    "tricritical": "tricritical point",
    "critical_end": "critical end point",
    "triple": "triple point",
    "informative_end": "informative spinodal meets weak recovery",
    "replicon_end": "replicon line meets the spinodal",
    "turning": "turning point",
    "zero": "end on an axis",
}
_BOUNDARIES = {
    ("continuous", "uninformative"): "weak recovery",
    ("continuous", ""): "continuous transition",
    ("spinodal", "uninformative"): "algorithmic spinodal",
    ("spinodal", "informative"): "informative spinodal",
    ("first_order", "equilibrium"): "first-order (information-theoretic) transition",
    ("first_order", ""): "first-order transition",
}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PhaseDiagram:
    """Boundaries, special points and regions of a model in the plane of two controls.

    Attributes
    ----------
    model : str
        As its user would write it.
    x, y : AxisSpec
    controls : mapping of control name to float
        Values of the other controls.
    boundaries : DataFrame
        One row a vertex, in order along each curve: ``curve``, ``kind``, ``branch``, the two controls, ``overlap`` and
        ``mse`` of the state that ends or loses stability (of two that cross, the one of lower overlap),
        ``other_overlap`` and ``other_mse`` of the one of higher overlap, ``free_entropy`` (nats a component),
        ``error`` (absolute, of the control along which states are followed, alpha, at that value of the other),
        ``status``, and ``end``: why the curve ends there.
    special_points : DataFrame
        ``type``, the two controls with ``error_x`` and ``error_y``, ``overlap``, ``mse``, ``free_entropy``,
        ``curves`` (ids of those that meet, as text), ``status``.
    regions : DataFrame
        One row a strip: ``name``, its range ``x_low`` to ``x_high``, the curves ``below`` and ``above`` it (-1: edge of
        the window), an interior point that was solved, and there: ``states`` (how many are stable), ``overlap`` and
        ``mse`` of the equilibrium, ``status``.
    measures : pair of str
        What the columns say of a state, ``("overlap", "mse")``; a network of spins has ``"self_overlap"`` instead of
        an error.
    words : mapping of "kind branch" to str
        What boundaries are called where that is not what they are called in general.
    settings : mapping
        With which it was computed, in what JSON can say (tuples become lists, ``inf`` the text ``"inf"``).

    Raises
    ------
    ValueError
        If a table that is not empty lacks columns, a control has the name of another column, or a region is bounded
        by a curve that is not there.

    Notes
    -----
    The tables are copied and get their columns' types, empty ones too; more columns than these may follow.  The window
    belongs to the axes only, so ``dataclasses.replace(diagram, y=AxisSpec("alpha", 0.49, 0.51))`` is a magnified view.
    """

    model: str
    x: AxisSpec
    y: AxisSpec
    controls: Mapping[str, Any] = field(default_factory=dict)
    boundaries: pd.DataFrame = field(default_factory=pd.DataFrame)
    special_points: pd.DataFrame = field(default_factory=pd.DataFrame)
    regions: pd.DataFrame = field(default_factory=pd.DataFrame)
    settings: Mapping[str, Any] = field(default_factory=dict)
    measures: tuple[str, str] = ("overlap", "mse")
    words: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "measures", tuple(self.measures))
        a, b = self.measures
        for name, template in _COLUMNS.items():
            columns = template.format(x=self.x.name, y=self.y.name, a=a, b=b).split()
            if len({*columns}) < len(columns):
                raise ValueError(f"controls {self.x.name!r} and {self.y.name!r}: the table {name} needs a column for "
                                 "each, which no other column is called")
            object.__setattr__(self, name, _typed(getattr(self, name), name, columns))
        # what a round trip through JSON leaves, so that a diagram equals the one that is read back
        said = pd.DataFrame()
        said.attrs.update(controls=dict(self.controls), settings=dict(self.settings))
        said = tables.from_json(tables.to_json(said))
        object.__setattr__(self, "controls", {k: _number(v) for k, v in said.attrs["controls"].items()})
        object.__setattr__(self, "settings", said.attrs["settings"])
        unknown = {*self.regions["below"], *self.regions["above"]} - {-1, *self.boundaries["curve"]}
        if unknown:
            raise ValueError(f"regions are bounded by curves {sorted(unknown)}, which boundaries does not have")

    def __eq__(self, other: object) -> bool:
        """Equal in every number; an undefined value equals an undefined value."""
        if not isinstance(other, PhaseDiagram):
            return NotImplemented
        return self._said == other._said and all(getattr(self, t).equals(getattr(other, t)) for t in _COLUMNS)

    __hash__ = None  # type: ignore[assignment]  # tables can be changed in place

    def __repr__(self) -> str:
        counts = f"curves: {self.boundaries['curve'].nunique()}; special points: {len(self.special_points)}"
        names = ", ".join(dict.fromkeys(self.regions["name"])) or "none"
        return f"PhaseDiagram({self.model}, {self.x}, {self.y}; {counts}; regions: {names})"

    def _repr_html_(self) -> str:
        return "".join(f"<p>{html.escape(line)}</p>" for line in self.summary().splitlines())

    @property
    def _said(self) -> dict[str, Any]:
        """All that is not a table."""
        axes = {"x": dataclasses.asdict(self.x), "y": dataclasses.asdict(self.y)}
        return {"model": self.model, **axes, "controls": self.controls, "settings": self.settings,
                "measures": list(self.measures), "words": dict(self.words)}

    @property
    def curves(self) -> pd.DataFrame:
        """One row a boundary: kind and branch, where it begins and ends and why, largest error, number of vertices."""
        rows = []
        for curve, part in self.boundaries.groupby("curve", sort=True):
            row: dict[str, Any] = {"curve": curve, "kind": part["kind"].iloc[0], "branch": part["branch"].iloc[0]}
            for place, at in (("from", 0), ("to", -1)):
                row |= {f"{axis.name}_{place}": part[axis.name].iloc[at] for axis in (self.x, self.y)}
                row[f"end_{place}"] = part["end"].iloc[at]
            rows.append(row | {"error": part["error"].max(), "vertices": len(part)})
        return pd.DataFrame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw boundaries, special points and regions, each in words.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw, best in a figure with ``layout="constrained"``: the legend stands outside the axes.  If there
            is none, on a new figure (``.figure`` of what is returned; ``diagram_figure.write_figure`` writes it so that
            text stays text).
        """
        from .diagram_figure import plot_diagram  # matplotlib is loaded when it is needed

        return plot_diagram(self, ax)

    def summary(self) -> str:
        """Return what the diagram shows in sentences, one a line."""
        return "\n".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        at = ", ".join(f"{k} = {v:g}" if isinstance(v, float) else f"{k} = {v}" for k, v in self.controls.items())
        yield f"{self.model} in {self.x}, {self.y}{' at ' * bool(at)}{at}."
        if not len(self.boundaries):
            yield "No transition in this window: there every state changes smoothly."
        curves = self.curves.to_dict("records")
        for row in curves:
            a, b = (f"{way} {self._place(row, f'_{way}')} ({row[f'end_{way}'] or 'open'})" for way in ("from", "to"))
            yield (f"Curve {row['curve']}, {self.called(row['kind'], row['branch'])}: {a} {b}; "
                   f"error at most {row['error']:.1e}.")
        for row in self.special_points.to_dict("records"):
            x, y = (f"{axis.name} = {_measured(row[axis.name], row[f'error_{which}'])}"
                    for axis, which in ((self.x, "x"), (self.y, "y")))
            met = row["curves"].split()
            meets = f", where curves {', '.join(met)} meet" if len(met) > 1 else f", on curve {met[0]}" if met else ""
            yield f"{POINTS.get(row['type'], row['type'].replace('_', ' ')).capitalize()} at {x}, {y}{meets}."
        parts = self.regions.groupby("name", sort=False).agg({"x_low": "min", "x_high": "max"})
        if len(parts):
            spans = (f"{p.Index} ({p.x_low:.4g} < {self.x.name} < {p.x_high:.4g})" for p in parts.itertuples())
            yield f"Regions: {', '.join(spans)}."
        for last in self.boundaries[self.boundaries["end"] == LOST].to_dict("records"):
            why = "its last vertex is good" if is_good(last["status"]) else advised(last["status"])
            yield f"Curve {last['curve']} was lost at {self._place(last)}: {why}."
        for table in _COLUMNS:
            statuses = [str(status) for status in getattr(self, table)["status"]]
            for status in dict.fromkeys(statuses):
                if not is_good(status):
                    counts = f"{statuses.count(status)} of {len(statuses)} rows of {table}"
                    yield f"Not good in {counts}: {advised(status)}."

    def called(self, kind: str, branch: str) -> str:
        """Return what a boundary is called."""
        return self.words.get(f"{kind} {branch}") or boundary_words(kind, branch)

    def _place(self, row: Mapping[Any, Any], which: str = "") -> str:
        return ", ".join(f"{axis.name} = {row[axis.name + which]:.8g}" for axis in (self.x, self.y))

    def to_csv(self, path: str | PathLike[str]) -> tuple[Path, Path, Path]:
        """Write boundaries to ``NAME.csv``, and beside it ``NAME_special_points.csv`` and ``NAME_regions.csv``.

        Returns the three paths.  CSV holds tables only: model, axes and settings are in JSON.

        Raises
        ------
        ValueError
            If the name does not end in ``.csv``.
        """
        return self._beside(path, ".csv", lambda table, to: to.write_text(tables.to_csv(table), encoding="utf-8"))

    def to_parquet(self, path: str | PathLike[str]) -> tuple[Path, Path, Path]:
        """Write boundaries to ``NAME.parquet``, and beside it ``NAME_special_points`` and ``NAME_regions``.

        Returns the three paths.  Every file also says model, axes, controls and settings (``attrs`` of
        ``tables.from_parquet``).

        Raises
        ------
        ValueError
            If the name does not end in ``.parquet``, or ``pyarrow`` is missing.
        """
        return self._beside(path, ".parquet", tables.to_parquet)

    def _beside(self, path: str | PathLike[str], suffix: str,
                write: Callable[[pd.DataFrame, Path], Any]) -> tuple[Path, Path, Path]:
        first = checked_path(path, suffix)
        points, regions = (first.with_name(f"{first.stem}_{name}{suffix}") for name in ("special_points", "regions"))
        for name, to in zip(_COLUMNS, (first, points, regions), strict=True):
            table = getattr(self, name).copy()
            table.attrs.update(self._said)
            replace_file(to, partial(write, table))
        return first, points, regions

    def to_latex(self, path: str | PathLike[str] | None = None) -> str:
        """Return, and write if a path is given, LaTeX tables: `curves` (not every vertex), special points, regions.

        Raises
        ------
        ValueError
            If the name does not end in ``.tex``.
        """
        parts = {"boundaries": self.curves, "special points": self.special_points, "regions": self.regions}
        shown = [f"% {name}\n{tables.to_latex(table)}" for name, table in parts.items() if len(table)]
        said = "".join(f"% {line}\n" for line in self.summary().splitlines())
        return write_text("\n".join([said, *shown]), path, ".tex")

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return, and write if a path is given, the whole diagram; `from_json` reads it back, equal in every number.

        Raises
        ------
        ValueError
            If the name does not end in ``.json``.
        """
        head = pd.DataFrame()
        head.attrs.update(_FORMAT | self._said)
        document = json.loads(tables.to_json(head))
        document = {key: value for key, value in document.items() if key not in ("columns", "rows")}
        document |= {name: json.loads(tables.to_json(getattr(self, name))) for name in _COLUMNS}
        return write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n", path, ".json")

    @classmethod
    def from_json(cls, source: str | PathLike[str]) -> PhaseDiagram:
        """Return the diagram that `to_json` wrote.

        Parameters
        ----------
        source : str or path
            A file, or the text itself (which begins with a brace).

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it holds something else.
        """
        is_text = isinstance(source, str) and source.lstrip().startswith("{")
        text = str(source) if is_text else Path(source).read_text(encoding="utf-8")
        try:
            document = json.loads(text)
            if {name: document[name] for name in _FORMAT} != _FORMAT:
                raise KeyError("version")
            parts: dict[str, Any] = {name: document[name] for name in ("model", "controls", "settings")}
            parts |= {"measures": tuple(document["measures"]), "words": document["words"]}
            parts |= {name: AxisSpec(**document[name]) for name in ("x", "y")}
            parts |= {name: tables.from_json(json.dumps(document[name])) for name in _COLUMNS}
        except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
            name = "the text" if is_text else str(source)
            raise ValueError(f"{name} is not a phase diagram as to_json writes it: {error}") from None
        return cls(**parts)


def read_json(path: str | PathLike[str]) -> PhaseDiagram:
    """Return the phase diagram that `PhaseDiagram.to_json` wrote to a file."""
    return PhaseDiagram.from_json(Path(path))


def boundary_words(kind: str, branch: str) -> str:
    """Return what a boundary is called; a kind that a user made up is called by its name."""
    words = _BOUNDARIES.get((kind, branch)) or _BOUNDARIES.get((kind, "")) or kind.replace("_", " ")
    unsaid = branch in ("", "equilibrium") or (kind, branch) in _BOUNDARIES
    return words if unsaid else f"{words} of the {branch} state"


def is_good(status: str) -> bool:
    """Return whether a status, as text, is known and good."""
    return status in {str(known) for known in Status if known.good}


def advised(status: str) -> str:
    """A status, as text, with its advice."""
    known = {str(s): s.advice for s in Status}
    return f"{status} ({known[status]})" if status in known else status or "no status"


def _typed(given: Any, name: str, columns: list[str]) -> pd.DataFrame:
    """A copy of the table with these columns first, each of its type, also when there are no rows."""
    table = tables.plain(pd.DataFrame(given))
    if missing := [column for column in columns if column not in table]:
        if len(table):
            raise ValueError(f"{name} lacks the column {', '.join(missing)}")
        table = table.reindex(columns=[*columns, *(column for column in table if column not in columns)])
    made = {}
    for column in [*columns, *(column for column in table if column not in columns)]:
        values = table[column]
        if column in _TEXTS:
            values = pd.Series(["" if value != value else str(value) for value in values], dtype=object)
        elif column in columns:
            values = values.astype("int64" if column in _INTEGERS else "float64")
        made[column] = values
    return pd.DataFrame(made)


def _number(value: Any) -> Any:
    """A control: numbers, infinite ones too, are floats; a word (a named line in the controls) stays one."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _measured(value: float, error: float) -> str:
    """A value with the digits that its error leaves."""
    if not (0 < error < math.inf and math.isfinite(value) and value):
        return f"{value:.12g}" + " (exact)" * (error == 0)
    digits = min(max(math.ceil(math.log10(abs(value) / error)) + 1, 2), 16)
    return f"{value:.{digits}g} ± {error:.1g}"
