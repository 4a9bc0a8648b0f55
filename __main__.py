"""The command line: ``spinodal VERB SYSTEM ...``, the verbs of the package on systems of the catalogue.

Exit codes: 0, all is well; 1, computed, but the status of some number is not good; 2, misuse (one line on
standard error says what to change); 3, a fault of the program; 130, interrupted.
"""

from __future__ import annotations

import argparse
import difflib
import linecache
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__

if TYPE_CHECKING:
    import pandas as pd

    from .theory.catalogue import Entry

GOOD, STATUS_NOT_GOOD, MISUSE, FAULT, INTERRUPTED = 0, 1, 2, 3, 130

_SYSTEM = 'a name of `spinodal list`, or a model such as "GLM(GaussBernoulli(0.3), Abs())"'
_FORMATS = ("table", "json", "csv", "latex")
_SUFFIXES = {".json": "json", ".csv": "csv", ".tex": "latex"}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    kept: list[str] = []  # what an interruption leaves behind
    try:
        options = _parse(arguments)
        if options.exports:
            _check(options.output)
            options.format = _format(options)
        code = options.run(options, kept)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, `spinodal list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except KeyboardInterrupt as stop:
        said = f"kept are {', '.join(kept)}" if kept else str(stop) or "nothing had been written"
        _complain(f"interrupted; {said}")
        return INTERRUPTED
    except Exception as error:
        if os.environ.get("SPINODAL_TRACEBACK"):
            raise
        if isinstance(error, OSError) or (isinstance(error, (ValueError, TypeError)) and _is_refusal(error)):
            _complain(str(error))
            return MISUSE
        _complain(
            f"a fault of the program, {type(error).__name__}: {error} (SPINODAL_TRACEBACK=1 shows where)"
        )
        return FAULT
    return code


def _complain(message: str) -> None:
    print("spinodal:", " ".join(message.split()), file=sys.stderr)


def _is_refusal(error: Exception) -> bool:
    """True if the package itself raised the error: others are faults, not misuse."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return True
    file = trace.tb_frame.f_code.co_filename
    line = linecache.getline(file, trace.tb_lineno).lstrip()
    return Path(file).is_relative_to(Path(__file__).parent) and (not line or line.startswith("raise"))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="spinodal",
        description="From one replica-symmetric free entropy to fixed points, thresholds and a cross-check.",
        epilog="exit codes: 0 good, 1 computed but a status is not good, 2 misuse, 3 fault, 130 interrupted",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"spinodal {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(name: str, run: Any, about: str, *, system: bool = True, export: bool = True) -> _Parser:
        made: _Parser = verbs.add_parser(name, help=about, description=about, allow_abbrev=False)
        made.set_defaults(run=run, exports=export)
        if system:
            made.add_argument("system", metavar="SYSTEM", help=_SYSTEM)
        if export:
            made.add_argument(
                "--format", choices=_FORMATS, help="of what is written (as FILE ends: .json, .csv, .tex; else table)"
            )
            made.add_argument("--output", metavar="FILE", type=Path, help="write there instead of printing")
        return made

    def controls(made: _Parser) -> None:
        made.add_argument(
            "--set", metavar="NAME=VALUE", action="append", default=[], help="the value of a control"
        )

    verb("list", _list, "the catalogue: named systems, their controls and references", system=False)
    equations = verb("equations", _equations, "free entropy, saddle point, what is measured, and in which units")
    complexity = verb("complexity", _complexity, "how many critical points a landscape has, by overlap, energy, index",
                      export=False)
    complexity.add_argument("--against", choices=("overlap", "energy", "map"), help="what it depends on (map: both)")
    complexity.add_argument("--between", nargs=2, metavar=("LO", "HI"), help="the range of it")
    complexity.add_argument("--index", metavar="K", help="of the critical points: 0 minima, 1, 2, ..., or all")
    complexity.add_argument("--overlap", metavar="M", help="at this overlap with the signal")
    complexity.add_argument("--energy", metavar="E", help="at this energy")
    complexity.add_argument("--points", metavar="N", help="along each axis")
    complexity.add_argument("--output", metavar="FILE", type=Path, action="append", default=[],
                            help="a picture (.pdf .png .svg) or the values (.csv .json .parquet .tex); may be repeated")
    complexity.add_argument("--format", choices=_FORMATS, help="of what is printed (table: what is of note)")
    solve = verb("solve", _solve, "all fixed points, stable or not, highest free entropy first")
    thresholds = verb("thresholds", _thresholds, "the transitions along a control, with error estimates")
    thresholds.add_argument("--along", metavar="NAME", help="the control that is varied (alpha)")
    thresholds.add_argument("--between", nargs=2, metavar=("LO", "HI"), help="the range of it to search")
    diagram = verb("diagram", _diagram, "the boundaries, meeting points and regions over two controls", export=False)
    for axis, which in (("--x", "across: any control"), ("--y", "up: the control of `thresholds`, alpha")):
        diagram.add_argument(axis, nargs="+", metavar=("NAME LO HI", "linear|log"), help=f"the axis {which}")
    diagram.add_argument("--output", metavar="FILE", type=Path, action="append", default=[],
                         help="a picture (.pdf .png .svg) or tables (.csv .json .parquet .tex); may be repeated")
    diagram.add_argument("--format", choices=_FORMATS, help="of what is printed (table: a summary)")
    diagram.add_argument("--resume", metavar="FILE", type=Path, help="keep what is finished there, and go on from it")
    diagram.add_argument("--workers", metavar="N", default="1", help="processes that compute (1)")
    validate = verb("validate", _validate, "simulations of finite size against theory")
    validate.add_argument("--size", metavar="P", help="components of the signal, or spins (2000; of landscapes fewer)")
    validate.add_argument("--instances", metavar="N", default="16", help="independent instances (16)")
    validate.add_argument("--seed", metavar="N", default="0", help="of the random numbers (0)")
    validate.add_argument("--sizes", metavar="P,P,...", help="several sizes instead of one, to see the trend")
    validate.add_argument("--state", metavar="NAME", help="of a network: retrieval, 'spin glass' or "
                          "paramagnet; of a landscape: 'critical points' or signal")
    validate.add_argument("--sweeps", metavar="N", help="of a network: Monte Carlo sweeps that are measured (1000)")
    validate.add_argument("--trajectory", action="store_true", help="the algorithm step by step")
    for made in (equations, complexity, solve, thresholds, diagram, validate):
        controls(made)
    for made in (solve, thresholds):
        made.add_argument("--digits", metavar="N", help="go on to N digits with mpmath (slow)")
    solve.add_argument("--tolerance", metavar="X", default="1e-12", help="of the averages, relative (1e-12)")
    demo = verb("demo", _demo, "thresholds of the whole catalogue, and figures", system=False, export=False)
    demo.add_argument(
        "--output", metavar="FOLDER", type=Path, default=Path("out"), help="where to write (out)"
    )

    known = list(verbs.choices)
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    if first is not None and first not in known:
        near = difflib.get_close_matches(first, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        raise ValueError(f"there is no verb {first!r}; {hint}")
    return parser.parse_args(arguments)


def _list(options: argparse.Namespace, kept: list[str]) -> int:
    from .phase_diagrams.reports import listing
    from .theory.catalogue import catalogue

    table = listing(catalogue().values())
    notes = [
        "controls: name=default; thresholds are looked for along one of them, from ... to ...; a diagram is over two"
    ]
    notes += [f"{mark} {source}" for mark, source in table.attrs["references"].items()]
    _write(options, table, notes, kept=kept)
    return GOOD


def _equations(options: argparse.Namespace, kept: list[str]) -> int:
    import dataclasses

    import pandas as pd

    from .theory.exposition import as_latex, as_text, exposition
    from .theory.parameters import symbol

    entry, given = _system(options)
    model = entry.model.at({symbol(name): value for name, value in _written(entry, given).items()})
    lines = exposition(model, entry.sources)
    table = pd.DataFrame([dataclasses.asdict(line) for line in lines])
    table.attrs.update(system=entry.name, title=entry.title, model=str(model))
    if options.format in ("json", "csv"):
        _write(options, table, kept=kept)
        return GOOD
    if options.format == "latex":
        said = f"% {entry.name}: {entry.title}\n% {model}\n\n{as_latex(lines)}"
    else:
        said = f"{entry.name}: {entry.title}\n{model}\n\n{as_text(lines)}"
    _put(options, said, kept)
    return GOOD


def _written(entry: Entry, given: dict[str, Any]) -> dict[str, Any]:
    """Values of parameters at which equations are written: those given, and what the entry leaves at its default."""
    for name in given:
        if name not in entry.controls:
            raise ValueError(f"{name} is not a control of {entry.name}: its controls are {', '.join(entry.controls)}")
    own = {control.name for control in entry.model.own_controls}
    kept = {name: entry.defaults[name] for name in entry.written}
    return {name: value for name, value in {**kept, **given}.items() if name not in own}


def _solve(options: argparse.Namespace, kept: list[str]) -> int:
    from .theory.parse import parse_number

    digits = _digits(options)
    tolerance = float(parse_number("tolerance", options.tolerance))
    entry, given = _system(options, exact=digits is not None)
    settings = entry.settings(given, exact=digits is not None)
    from .equations.fixed_points import fixed_points
    from .phase_diagrams.reports import origin, points_table

    points = fixed_points(entry.model, tolerance=tolerance, digits=digits, **settings)
    table = points_table(points)
    table.attrs.update(origin(entry, settings))
    notes = ["fixed points, stable or not, highest free entropy first; error: of overlap and free entropy"]
    _write(options, table, notes, digits=digits or 12, transposed=True, kept=kept)
    return _judge(point.status for point in points)


def _thresholds(options: argparse.Namespace, kept: list[str]) -> int:
    digits = _digits(options)
    entry, given = _system(options, exact=digits is not None)
    along = options.along or entry.along
    counts = entry.model.solved_by == "counting"  # along the energy, which is no control and has an end on both sides
    settings = entry.settings(given, () if counts else along, exact=digits is not None)
    unbounded = counts and options.between is None
    between = None if unbounded else _between(options.between, entry, along, exact=digits is not None)
    from .phase_diagrams.reports import origin
    from .phase_diagrams.thresholds import thresholds

    bar = sys.stderr.isatty()
    table = thresholds(entry.model, along=along, between=between, digits=digits, progress=bar, **settings)
    table.attrs.update(origin(entry, settings), along=along, between=between and [float(end) for end in between])
    notes = [table.attrs["summary"]] if table.attrs.get("summary") else []
    _write(options, table, notes, digits=digits or 12, kept=kept)
    if table.empty and options.format == "csv":  # which has no place for a sentence
        _complain(table.attrs["summary"])
    return _judge(table["status"])


def _complexity(options: argparse.Namespace, kept: list[str]) -> int:
    from .equations.counting import check_landscape
    from .phase_diagrams import complexity_commands as commands
    from .theory.parse import parse_number, parse_whole

    commands.check_files(options.output, options.format)
    entry, given = _system(options)
    check_landscape(entry.model)
    asked: dict[str, Any] = {name: float(parse_number(name, said)) for name in ("overlap", "energy")
                             if (said := getattr(options, name)) is not None}
    if options.points is not None:
        asked["points"] = parse_whole("points", options.points, 2)
    if options.between is not None:
        asked["between"] = tuple(float(parse_number("between", end)) for end in options.between)
    index = options.index if options.index in (None, "all") else parse_whole("index", options.index, 0)
    from .phase_diagrams.complexity import complexity

    found = complexity(entry.model, against=options.against, index=index, **asked, **entry.settings(given))
    found = commands.signed(found, entry)
    for file in options.output:
        kept.append(str(commands.put(found, file)))
    if not options.output:
        sys.stdout.write(commands.shown(found, options.format or "table"))
    return _judge(found.landmarks["status"])


def _diagram(options: argparse.Namespace, kept: list[str]) -> int:
    from .phase_diagrams import commands
    from .theory.parse import parse_whole

    count = parse_whole("workers", options.workers, 1, 1000)
    commands.check_files(options.output, options.format)
    entry, given = _system(options)
    x, y = commands.axes_of(entry, options.x, options.y, given)
    settings = entry.settings(given, (x[0], y[0]))
    from .phase_diagrams.two_controls import phase_diagram

    try:
        with commands.workers(count) as executor:
            diagram = phase_diagram(entry.model, x=x, y=y, store=options.resume, executor=executor,
                                    progress=sys.stderr.isatty(), **settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"what is finished is kept in {options.resume}, and the same command goes on from it" if options.resume
            else "nothing had been written; with --resume FILE what is finished is kept"
        ) from None
    diagram = commands.signed(diagram, entry)
    for file in options.output:
        try:
            kept += map(str, commands.put(diagram, file, options.format))
        except OSError as error:  # not lost for that
            sys.stdout.write(commands.shown(diagram, "json"))
            raise ValueError(f"output = {file}: {error.strerror}; printed instead, as JSON") from None
    if not options.output:
        sys.stdout.write(commands.shown(diagram, options.format or "table"))
        if options.format == "csv":
            _complain("these are the boundaries; --output NAME.csv writes special points and regions, too")
    lost = commands.faults(diagram)
    for sentence in lost:
        _complain(sentence)
    tables = (diagram.boundaries, diagram.special_points, diagram.regions)
    return max(STATUS_NOT_GOOD * bool(lost), _judge(status for table in tables for status in table["status"]))


def _validate(options: argparse.Namespace, kept: list[str]) -> int:
    from .theory.parse import parse_whole

    size = None if options.size is None else parse_whole("size", options.size, 2)
    instances = parse_whole("instances", options.instances, 2)
    seed = parse_whole("seed", options.seed, 0)
    entry, given = _system(options)
    settings = entry.settings(given)
    from .phase_diagrams.reports import origin
    from .validate import crosscheck as room

    check: Any = room.trajectory if options.trajectory else room.crosscheck
    if options.sizes:
        settings["sizes"] = [parse_whole("sizes", one, 2) for one in options.sizes.split(",")]
    is_network, is_landscape = entry.model.solved_by == "kinds", entry.model.landscape is not None
    if options.state is not None and not (is_network or is_landscape):
        raise ValueError(f"state = {options.state}: only networks and landscapes take it, and {entry.name} is neither")
    if options.sweeps is not None and not is_network:
        raise ValueError(f"sweeps = {options.sweeps}: only networks take it, and {entry.name} is none")
    more = {"size": size, "state": options.state, "sweeps": options.sweeps and parse_whole("sweeps", options.sweeps, 1)}
    more = {name: value for name, value in more.items() if value is not None}
    bar = sys.stderr.isatty()
    table = check(entry.model, instances=instances, rng=seed, progress=bar, **settings, **more)
    settings.pop("sizes", None)
    sizes = [int(one) for one in dict.fromkeys(table["size"])] if "size" in table else [size]
    table.attrs.update(origin(entry, settings), size=sizes[0] if len(sizes) == 1 else sizes, instances=instances,
                       seed=seed)
    notes = [table.attrs["summary"]] if table.attrs.get("summary") else []
    notes += [f"{fit['quantity']}, extrapolated to infinite size, differs from theory by {fit['difference']:.2g} with "
              f"standard error {fit['standard_error']:.2g}" for fit in table.attrs.get("trend", ())]
    notes.append("z: the difference of simulation and theory in standard errors")
    _write(options, table, notes, kept=kept)
    return _judge(table["status"]) if "status" in table else GOOD


def _demo(options: argparse.Namespace, kept: list[str]) -> int:
    folder: Path = options.output
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"output = {folder} is not a folder: name another")
    folder.mkdir(parents=True, exist_ok=True)
    from .phase_diagrams.demo import demo
    from .theory.catalogue import catalogue

    statuses: list[Any] = []
    for path, said, found in demo(catalogue().values(), folder):
        kept[:] = [f"the finished tables and figures in {folder}"]
        statuses += found
        print(f"{path}  {said}", flush=True)
    return _judge(statuses)


def _system(options: argparse.Namespace, exact: bool = False) -> tuple[Entry, dict[str, Any]]:
    """Return the system that is named and the values that are set."""
    from .theory.parse import parse_settings, resolve

    return resolve(options.system, exact=exact), parse_settings(options.set, exact=exact)


def _between(said: Sequence[str] | None, entry: Entry, along: str, exact: bool) -> tuple[Any, Any]:
    """Return the range to search."""
    from .theory.parse import parse_number

    if said is None:
        if entry.between is None or along != entry.along:
            raise ValueError(
                f"between is not given: say where to look for transitions, --between LO HI of {along}"
            )
        return entry.between
    low, high = (parse_number("between", end, exact=exact) for end in said)
    if not low < high:
        raise ValueError(
            f"between = {said[0]} {said[1]}: the lower end must come first and differ from the upper"
        )
    return low, high


def _digits(options: argparse.Namespace) -> int | None:
    from .theory.parse import parse_whole

    return None if options.digits is None else parse_whole("digits", options.digits, 16, 1000)


def _check(output: Path | None) -> None:
    """Refuse a file that cannot be written, before anything is computed."""
    from .phase_diagrams.reports import check_writable

    check_writable(output)


def _format(options: argparse.Namespace) -> str:
    """Return the format that is said, or that the name of the file says."""
    suffix = "" if options.output is None else options.output.suffix
    if suffix in (".pdf", ".png", ".svg", ".parquet"):
        raise ValueError(f"output = {options.output}: this verb writes {', '.join(_SUFFIXES)} or text; pictures are "
                         "drawn by diagram and complexity")
    return options.format or _SUFFIXES.get(suffix, "table")


def _write(options: argparse.Namespace, table: pd.DataFrame, notes: Iterable[str] = (), *, kept: list[str],
           digits: int = 12, transposed: bool = False) -> None:
    """Write a table in the format asked for."""
    from .phase_diagrams.reports import report

    _put(options, report(table, options.format, notes, digits=digits, transposed=transposed), kept)


def _put(options: argparse.Namespace, text: str, kept: list[str]) -> None:
    if options.output is None:
        sys.stdout.write(text)
        return
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:  # not lost for that
        sys.stdout.write(text)
        raise ValueError(f"output = {options.output}: {error.strerror}; printed instead") from None
    kept.append(str(options.output))


def _judge(statuses: Iterable[Any]) -> int:
    """Return the exit code, after saying what the statuses that are not good advise."""
    from .equations.result import Status

    bad = {status for status in map(Status, statuses) if not status.good}
    for status in sorted(bad, key=str):
        _complain(f"{status}: {status.advice}")
    return STATUS_NOT_GOOD if bad else GOOD


if __name__ == "__main__":
    sys.exit(main())
