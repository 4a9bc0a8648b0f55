"""The diagram as a command: axes from words, files by what their names end in, processes that share the work."""

from __future__ import annotations

import dataclasses
import importlib.util
import multiprocessing
import shlex
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..theory.catalogue import Entry
from ..theory.parse import parse_number
from .diagram import LOST, PhaseDiagram
from .reports import check_writable, origin
from .tables import to_csv

__all__ = ["axes_of", "check_files", "faults", "put", "shown", "signed", "workers"]

_PICTURES = (".pdf", ".png", ".svg")
_TABLES = {".csv": "csv", ".json": "json", ".parquet": "", ".tex": "latex"}  # and the format that says the same
_ONE_CONTROL = (
    "{name} has one control, {control}, and a diagram needs two: type `spinodal thresholds {quoted}` for its "
    "transitions, or write a name in the place of a number, as in "
    "`spinodal diagram \"GLM(GaussBernoulli(rho), Abs())\" --x rho 0.1 0.9 --y alpha 0.1 1.5`"
)
_MOMENT = 0.2  # seconds
_SUFFIXES = (*_PICTURES, *_TABLES)


def axes_of(entry: Entry, x: Sequence[str] | None, y: Sequence[str] | None,
            given: Mapping[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the axes that are said as ``NAME LO HI`` and perhaps ``linear`` or ``log``, else those of the catalogue.

    Raises
    ------
    ValueError
        If there is no second control, an axis is said neither here nor there, or it is not of this form.
    """
    entry.model.check_solvable()
    if len(entry.controls) < 2:
        raise ValueError(_ONE_CONTROL.format(name=entry.name, control=entry.along, quoted=shlex.quote(entry.name)))
    up = _axis("y", y) if y else entry.axis("y", given)
    if x:
        across = _axis("x", x)
    else:
        free = [name for name in entry.controls if name not in (entry.along, *given)]
        known = entry.axis("x", given)
        if known is None or known[0] in given:
            why = f", as {known[0]} has a value" if known else ""
            raise ValueError(f"x is not given{why}: say --x NAME LO HI of one of {', '.join(free or entry.controls)}")
        across = known
    if entry.model.solved_by != "curve" and up is not None:
        return across, up
    linear = entry.model.linear_control.name
    if up is None:
        raise ValueError(f"y is not given: say --y {linear} LO HI")
    if up[0] != linear and up[0] in entry.controls:
        raise ValueError(f"--y {up[0]}: up goes {linear}, and across any other control: --x {up[0]} LO HI "
                         f"--y {linear} LO HI")
    return across, up


def _axis(which: str, said: Sequence[str]) -> tuple[Any, ...]:
    if len(said) not in (3, 4):
        raise ValueError(f"--{which} {' '.join(said)}: write --{which} NAME LO HI, and perhaps linear or log")
    name, low, high, *scale = said
    if scale and scale[0] not in ("linear", "log"):
        raise ValueError(f"--{which} {' '.join(said)}: the fourth word is linear or log")
    return (name, *(float(parse_number(name, end)) for end in (low, high)), *scale)


def check_files(files: Iterable[Path], form: str | None) -> None:
    """Refuse files that could not be written, before anything is computed.

    Raises
    ------
    ValueError
        Also if the end of a name says nothing, or something else than the format that was asked for.
    """
    for file in files:
        if file.suffix not in _SUFFIXES and form is None:
            raise ValueError(f"output = {file}: its name must end in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}, "
                             "or --format must say what to write")
        if file.suffix in _SUFFIXES and form not in (None, _TABLES.get(file.suffix)):
            raise ValueError(f"output = {file} and format = {form}: the name decides, leave the format out")
        if file.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
            raise ValueError(f"output = {file}: Parquet needs pyarrow, which is missing: pip install pyarrow, or write "
                             ".csv or .json")
        for path in _written(file):
            check_writable(path)


def _written(file: Path) -> list[Path]:
    """All files that `put` writes."""
    if file.suffix not in (".csv", ".parquet"):
        return [file]
    return [file, *(file.with_name(f"{file.stem}_{part}{file.suffix}") for part in ("special_points", "regions"))]


def put(diagram: PhaseDiagram, file: Path, form: str | None) -> list[Path]:
    """Write a picture or tables, and return the files."""
    match file.suffix:
        case ".csv":
            return list(diagram.to_csv(file))
        case ".parquet":
            return list(diagram.to_parquet(file))
        case ".json":
            diagram.to_json(file)
        case suffix if suffix in _PICTURES:
            from .diagram_figure import write_figure

            write_figure(diagram.plot().figure, file)
        case _:
            file.write_text(shown(diagram, form or "latex"), encoding="utf-8")
    return [file]


def shown(diagram: PhaseDiagram, form: str) -> str:
    """Return the diagram as text: its summary for the eye, or all of it (of CSV the boundaries)."""
    sources = [f"[{k}] {source}\n" for k, source in enumerate(diagram.settings.get("references", ()), start=1)]
    if form == "json":
        return diagram.to_json()
    if form == "csv":
        return to_csv(diagram.boundaries)
    if form == "latex":
        return "".join(f"% {line}" for line in sources) + diagram.to_latex()
    return "".join([diagram.summary(), "\n\n", *sources])


def signed(diagram: PhaseDiagram, entry: Entry) -> PhaseDiagram:
    """The diagram, with the system's name, units and references among its settings."""
    about = {key: value for key, value in origin(entry, {}).items() if key in ("system", "units", "references")}
    return dataclasses.replace(diagram, settings={**diagram.settings, **about})


def faults(diagram: PhaseDiagram) -> list[str]:
    """Where boundaries were lost, a sentence each."""
    ends = diagram.boundaries[diagram.boundaries["end"] == LOST].drop_duplicates()
    return [
        f"curve {row['curve']} was lost at {diagram.x.name} = {row[diagram.x.name]:.8g}, {diagram.y.name} = "
        f"{row[diagram.y.name]:.8g}: what lies beyond is not known; another window may show it"
        for row in ends.to_dict("records")
    ]


@contextmanager
def workers(count: int) -> Iterator[Executor | None]:
    """Processes to compute on, None if one is enough; an interruption ends them at once."""
    if count == 1:
        yield None
        return
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_undisturbed)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        time.sleep(_MOMENT)  # in which the pool forgets what was cancelled; without, it stumbles over it (Python 3.11)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    pool.shutdown()


def _undisturbed() -> None:
    """A terminal interrupts all processes; the first one tells the others what to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
