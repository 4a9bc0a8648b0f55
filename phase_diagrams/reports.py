"""What a command writes: a table in one of four formats, with all that the table says of itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ..equations.result import FixedPoint
from ..theory.catalogue import Entry
from ..theory.exposition import units
from ..theory.parameters import symbol
from .tables import to_csv, to_json, to_latex, to_text

__all__ = ["check_writable", "listing", "origin", "points_table", "report", "said"]


def report(table: pd.DataFrame, form: str, notes: Iterable[str] = (), *, digits: int = 12,
           transposed: bool = False) -> str:
    """Return the table as ``json``, ``csv``, ``latex`` or ``table``; the eye also gets notes, units and references."""
    lines = [*notes, *said(table.attrs)]
    if form == "json":
        return to_json(table)
    if form == "csv":
        return to_csv(table)
    if form == "latex":
        return "".join(f"% {line}\n" for line in lines) + to_latex(table, digits=digits)
    text = to_text(table, digits=digits, transposed=transposed) if len(table) else ""
    return text + "\n" * bool(text and lines) + "".join(f"{line}\n" for line in lines)


def said(attrs: Mapping[Any, Any]) -> list[str]:
    """Units, controls, model and references, as lines."""
    lines = [f"{name}: {text}" for name, text in attrs.get("units", {}).items()]
    if attrs.get("controls"):
        said = {name: x if isinstance(x, str) else format(x, "g") for name, x in attrs["controls"].items()}
        lines.append("at " + ", ".join(f"{name} = {x}" for name, x in said.items()))
    if "model" in attrs:
        lines.append(f"model: {attrs['model']}")
    if isinstance(attrs.get("references"), list):
        lines += [f"[{k}] {reference}" for k, reference in enumerate(attrs["references"], start=1)]
    return lines


def origin(entry: Entry, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What every table says of itself: the system, the model, its controls, units and references."""
    model = entry.model.at({symbol(name): value for name, value in settings.items()})
    return {
        "system": entry.name,
        "model": str(entry.model),
        "controls": {name: value if isinstance(value, str) else float(value) for name, value in settings.items()},
        "units": units(model),
        "references": list(entry.sources),
    }


def listing(entries: Iterable[Entry]) -> pd.DataFrame:
    """The catalogue as a table: systems, their controls, and where to look for transitions."""
    entries = list(entries)
    sources = list(dict.fromkeys(source for entry in entries for source in entry.sources))
    rows = [
        {
            "name": entry.name,
            "controls": ", ".join(
                f"{name}={entry.defaults.get(name, '')}".rstrip("=") for name in entry.controls
            ),
            "along": entry.along,
            "from": entry.between[0] if entry.between else None,
            "to": entry.between[1] if entry.between else None,
            "diagram": f"{entry.y[0]} over {entry.x[0]}" if entry.x and entry.y else "",
            "references": " ".join(f"[{1 + sources.index(source)}]" for source in entry.sources),
            "title": entry.title,
        }
        for entry in entries
    ]
    table = pd.DataFrame(rows)
    table.attrs["references"] = {f"[{k}]": source for k, source in enumerate(sources, start=1)}
    return table


def points_table(points: Iterable[FixedPoint]) -> pd.DataFrame:
    """One row a fixed point: order parameters, free entropy, observables, stability, errors."""
    points = list(points)
    named = all(point.state for point in points)  # of states that are solved kind by kind
    return pd.DataFrame([
        {
            **({"state": point.state} if named else {}),
            **point.order_parameters,
            "free_entropy": point.free_entropy,
            **{name: value for name, value in point.observables.items() if name not in point.order_parameters},
            "stable": point.stable,
            **{f"eigenvalue_{k}": value for k, value in enumerate(point.eigenvalues, start=1)},
            "residual": point.residual,
            "error": point.error,
            "status": point.status,
        }
        for point in points
    ])


def check_writable(output: Path | None) -> None:
    """Refuse a file that cannot be written, before anything is computed.

    Raises
    ------
    ValueError
        If it is a folder, in a folder that is not there, or protected.
    """
    if output is None:
        return
    if output.is_dir():
        raise ValueError(f"output = {output} is a folder: name a file in it")
    folder = output.parent
    if not folder.is_dir():
        raise ValueError(f"output = {output}: there is no folder {folder}; make it, or name another file")
    if not os.access(output if output.exists() else folder, os.W_OK):
        raise ValueError(f"output = {output} may not be written: name another file")
