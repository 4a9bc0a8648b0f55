"""The number of critical points as a command: what is printed, and files by what their names end in."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Iterable
from pathlib import Path

from ..theory.catalogue import Entry
from .complexity import Complexity
from .files import write_text
from .reports import check_writable, report

__all__ = ["check_files", "put", "shown", "signed"]

_PICTURES = (".pdf", ".png", ".svg")
_SUFFIXES = (*_PICTURES, ".csv", ".json", ".parquet", ".tex")


def check_files(files: Iterable[Path], form: str | None) -> None:
    """Refuse files that could not be written, before anything is computed.

    Raises
    ------
    ValueError
        Also if the end of a name says nothing.
    """
    for file in files:
        if file.suffix not in _SUFFIXES:
            raise ValueError(f"output = {file}: its name must end in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}")
        if form is not None:
            raise ValueError(f"output = {file} and format = {form}: the name decides, leave the format out")
        if file.suffix == ".parquet":
            if importlib.util.find_spec("pyarrow") is None:
                raise ValueError(f"output = {file}: Parquet needs pyarrow, which is missing: pip install pyarrow, or "
                                 "write .csv or .json")
            check_writable(file.with_name(f"{file.stem}_landmarks{file.suffix}"))
        check_writable(file)


def put(found: Complexity, file: Path) -> Path:
    """Write a picture or the values, and return the file (of Parquet that of the values)."""
    if file.suffix == ".csv":
        found.to_csv(file)
    elif file.suffix == ".json":
        found.to_json(file)
    elif file.suffix == ".parquet":
        found.to_parquet(file)
    elif file.suffix == ".tex":
        write_text(shown(found, "latex"), file, ".tex")
    else:
        from .diagram_figure import write_figure

        write_figure(found.plot().figure, file)
    return file


def shown(found: Complexity, form: str) -> str:
    """Return it as text: what is of note for the eye and for LaTeX, values as CSV, all of it as JSON."""
    if form == "json":
        return found.to_json()
    if form == "csv":
        return found.to_csv()
    table = found.landmarks.copy()
    table.attrs.update({key: found.settings[key] for key in ("units", "references") if key in found.settings})
    table.attrs.update(controls=dict(found.controls), model=found.model)
    return report(table, form, [found.settings["summary"]])


def signed(found: Complexity, entry: Entry) -> Complexity:
    """The same, with the system's name and all its references among the settings."""
    about = {"system": entry.name, "references": list(entry.sources)}
    return dataclasses.replace(found, settings={**found.settings, **about})
