"""The main job in one go: thresholds of named systems as one table in every format, figures, and phase diagrams.

Whatever is finished is on disk: the tables are written anew after every system, so that an interruption loses
nothing that was computed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ..equations.result import Status
from ..theory.catalogue import Entry
from .files import write_text
from .tables import to_csv, to_json, to_latex, to_markdown
from .thresholds import thresholds

__all__ = ["demo"]

_BRANCHES = ("binary-perceptron", "compressed-sensing", "phase-retrieval")
_DIAGRAMS = ("binary-perceptron", "hopfield")
_LANDSCAPES = {"binary-perceptron": (1.1, 1.245, 1.35, 1.4927, 1.6)}
_WRITERS = {"csv": to_csv, "json": to_json, "md": to_markdown, "tex": to_latex}


def demo(entries: Iterable[Entry], folder: Path) -> Iterator[tuple[Path, str, list[Status]]]:
    """Compute thresholds at the default settings and draw figures into a folder that exists.

    Yields
    ------
    path : Path
        What was just written.
    said : str
        What it holds, in a phrase.
    statuses : list of Status
        Of the numbers that are new in it.
    """
    entries = list(entries)
    rows: list[dict[str, Any]] = []
    for entry in entries:
        table = entry_thresholds(entry)
        statuses = list(table["status"])
        rows += _named(entry, table)
        together = pd.DataFrame(rows)
        for suffix, writer in _WRITERS.items():
            write_text(writer(together), folder / f"thresholds.{suffix}", f".{suffix}")
        values = ", ".join(
            f"{kind} {float(x):.10g}" for kind, x in zip(table["kind"], table["value"], strict=True)
        )
        yield folder / "thresholds.csv", f"{entry.name}: {values or 'no transition'}", statuses
    for suffix in _WRITERS:
        yield folder / f"thresholds.{suffix}", "thresholds of all systems", []
    named = {entry.name: entry for entry in entries}
    yield from _figures(named, folder)
    yield from _diagrams([named[name] for name in _DIAGRAMS if name in named], folder)


def entry_thresholds(entry: Entry) -> pd.DataFrame:
    """Return the thresholds of an entry of the catalogue at its defaults."""
    between = _window(entry) if entry.varied else entry.between
    return thresholds(entry.model, along=entry.along, between=between, **entry.settings({}, entry.varied))


def _window(entry: Entry) -> tuple[float, float]:
    if entry.between is None:
        raise ValueError(f"{entry.name} does not say between which values of {entry.along} to look")
    return entry.between


def _named(entry: Entry, table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of one system, with its name; "no transition" is a row as well."""
    settings = entry.settings({}, entry.varied)
    head = {
        "system": entry.name,
        "at": ", ".join(f"{name}={value}" for name, value in settings.items()),
        "along": entry.along,
    }
    rows = [{**head, **row} for row in table.to_dict("records")]
    return rows or [{**head, "kind": "no transition", "status": Status.CONVERGED}]


def _figures(entries: dict[str, Entry], folder: Path) -> Iterator[tuple[Path, str, list[Status]]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from .figures import plot_branches, plot_landscape

    def save(name: str, draw: Any) -> Path:
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure.add_subplot())
        path = folder / f"{name}.png"
        with path.with_suffix(".part").open("wb") as file:
            figure.savefig(file, format="png", dpi=160)
        os.replace(path.with_suffix(".part"), path)
        return path

    for name in _BRANCHES:
        if name not in entries:
            continue
        entry = entries[name]

        def branches(ax: Any, entry: Entry = entry) -> None:
            settings = entry.settings({}, entry.along)
            plot_branches(entry.model, along=entry.along, between=_window(entry), ax=ax, **settings)

        yield save(f"{name}-mse", branches), f"mean-squared error along {entry.along}, all branches", []
    for name, values in _LANDSCAPES.items():
        if name not in entries:
            continue
        entry = entries[name]

        def landscape(ax: Any, entry: Entry = entry, values: tuple[float, ...] = values) -> None:
            plot_landscape(entry.model, values, ax=ax, **entry.settings({}, entry.along))

        yield (
            save(f"{name}-landscape", landscape),
            f"free entropy against the overlap, {entry.along} = {values}",
            [],
        )


def _diagrams(entries: Iterable[Entry], folder: Path) -> Iterator[tuple[Path, str, list[Status]]]:
    from .diagram_figure import write_figure
    from .two_controls import phase_diagram

    for entry in entries:
        x, y = entry.axis("x", {}), entry.axis("y", {})
        if x is None or y is None:
            raise ValueError(f"{entry.name} does not say over which controls to draw a diagram")
        across, up = x[0], y[0]
        diagram = phase_diagram(entry.model, x=x, y=y, **entry.settings({}, (across, up)))
        points = ", ".join(
            f"{kind} at {across} = {u:.10g}, {up} = {v:.10g}"
            for kind, u, v in diagram.special_points[["type", across, up]].itertuples(index=False)
        )
        tables = (diagram.boundaries, diagram.special_points, diagram.regions)
        statuses = [Status(status) for table in tables for status in table["status"]]
        path = write_figure(diagram.plot().figure, folder / f"{entry.name}-diagram.png")
        yield path, f"boundaries over {across} and {up}{'; ' * bool(points)}{points}", statuses
