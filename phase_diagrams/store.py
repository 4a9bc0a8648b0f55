"""Long work in many tasks: each result is kept the moment it is there, and none is computed twice.

A sweep that was killed is started again by the same call with the same store: it computes what is missing and returns
what an uninterrupted run would have returned, bit for bit, because every result, stored or fresh, has made the same
round trip through JSON (Python's floats survive it exactly).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, as_completed, wait
from contextlib import closing, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Self

import sympy as sp

from .. import __version__
from ..theory.parameters import Parametrised

__all__ = ["Store", "fingerprint", "sweep"]

_ROOT = Path(__file__).resolve().parent.parent
_ROOMS = ("theory", "equations", "phase_diagrams")  # whose formulas every result depends on
_APPLICATION = 0x73706E64  # "spnd": marks the SQLite files that are stores
_FORMAT = 1
_PATIENCE = 60.0  # seconds to wait for another process that is writing


class Store:
    """Results by key, in one SQLite file that survives the death of the process at any moment.

    Every `put` is a transaction of its own. Several processes may use one file at once.

    Parameters
    ----------
    path : str or path
        Made if it does not exist.

    Raises
    ------
    ValueError
        If the file is not a store, or a store of another version of the format.
    OSError
        If the path is a folder, or cannot be opened for writing.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path).absolute()  # absolute: SQLite gives names such as ":memory:" a meaning
        if os.path.isdir(self.path):  # False, too, if one may not know
            raise IsADirectoryError(f"store = {str(path)!r} is a folder: give the name of a file in it")
        try:
            if self.path.exists() and self.path.stat().st_size == 1:  # SQLite would take it for an empty one
                raise sqlite3.DatabaseError("file is not a database")
            # SQLite's rollback journal, not its write-ahead log: that needs memory shared by all processes, which the
            # network file systems of clusters do not offer.
            self._db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        except (OSError, sqlite3.OperationalError) as error:
            raise OSError(f"store = {str(path)!r}: {error}: give a file in a folder you may write to") from error
        except sqlite3.DatabaseError as error:
            raise ValueError(f"store = {str(path)!r}: {error}: give a store, or the name of a new file") from error

    def _prepare(self) -> None:
        """Make the table in a new file, in one transaction; refuse what is not a store."""
        self._db.execute("BEGIN IMMEDIATE")
        (application,), (version,), (tables,) = (
            self._db.execute(query).fetchone()
            for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
        if (application, version, tables) == (0, 0, 0):
            self._db.execute("CREATE TABLE results (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        elif application != _APPLICATION:
            raise sqlite3.DatabaseError("this SQLite file holds something else")
        elif version != _FORMAT:
            raise sqlite3.DatabaseError(f"this store has format {version}, this version of spinodal uses {_FORMAT}")
        self._db.execute(f"PRAGMA application_id = {_APPLICATION}")  # every time: fails if the file may only be read
        self._db.execute(f"PRAGMA user_version = {_FORMAT}")
        self._db.execute("COMMIT")

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or `default` if there is none."""
        text = self._read(key)
        return default if text is None else json.loads(text)

    def put(self, key: str, value: Any) -> None:
        """Keep a value; an older one is replaced.

        Tuples come back as lists, and keys of dictionaries as strings.

        Raises
        ------
        TypeError, ValueError
            If JSON cannot say the value.
        """
        self._write(key, _json(value))

    def _read(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM results WHERE key = ?", (key,)).fetchone()
        return row and row[0]

    def _write(self, key: str, text: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO results VALUES (?, ?)", (key, text))  # commits itself

    def __contains__(self, key: object) -> bool:
        return self._db.execute("SELECT 1 FROM results WHERE key = ?", (key,)).fetchone() is not None

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM results").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _json(value: Any) -> str:
    text = json.dumps(value)
    if json.dumps(json.loads(text)) != text:
        raise ValueError(f"{value!r} has keys that JSON cannot tell apart: use strings")
    return text


def fingerprint(task: Any) -> str:
    """Return a key for a task: equal for equal tasks, in every process, and another one if a result might differ.

    It covers the version of the package, the source of its formulas, and of user-defined functions and classes the
    source file that defines them (not what that file imports).

    Parameters
    ----------
    task : nested dicts, lists and tuples of str, int, float, bool, None, SymPy numbers, models and their parts,
        frozen laws of scipy.stats, functions and classes that a module can be asked for

    Raises
    ------
    TypeError
        If anything else is in it: it could change without the fingerprint changing.
    """
    return hashlib.sha256(f"{__version__} {_formulas()} {_text(task)}".encode()).hexdigest()


def _text(value: Any) -> str:
    """A text from which the value could be made again."""
    if value is None or type(value) in (bool, int, str):
        return repr(value)
    if isinstance(value, float):
        return float.hex(value)
    if type(value) in (list, tuple):
        return type(value).__name__ + "[" + ", ".join(map(_text, value)) + "]"
    if type(value) is dict:
        return "{" + ", ".join(sorted(f"{_text(key)}: {_text(item)}" for key, item in value.items())) + "}"
    if isinstance(value, sp.Basic) and all(_plain(node) for node in sp.preorder_traversal(value)):
        return f"sympy {sp.srepr(value)}"  # str would round
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and _is_frozen(type(value)):
        # a model, a part of one, an axis; a class inherits formulas from bases that may come from other files
        bases = [base for base in type(value).__mro__ if dataclasses.is_dataclass(base) or base is Parametrised]
        parts = [f"{field.name}={_text(getattr(value, field.name))}" for field in dataclasses.fields(value)]
        return f"{' '.join(map(_definition, bases))} ({', '.join(parts)})"
    if hasattr(value, "dist") and hasattr(value, "args"):  # a frozen law
        from scipy import stats

        law = value.dist
        known: Any = getattr(stats, str(law.name), None)
        if type(known) is type(law) and (known.a, known.b) == (law.a, law.b):  # else it has a state of its own
            return f"scipy.stats.{law.name}({_text(value.args)}, {_text(value.kwds)})"
    elif callable(value):
        return _definition(value)
    raise TypeError(f"{value!r} ({type(value).__name__}) has no fingerprint: give numbers, texts, models, and lists "
                    "and dictionaries of them")


def _is_frozen(kind: Any) -> bool:
    return bool(kind.__dataclass_params__.frozen)


def _plain(node: Any) -> bool:
    """Whether srepr says all of a SymPy object: one of SymPy's own, and not numbered anew in every process."""
    return str(type(node).__module__).startswith("sympy.") and not isinstance(node, sp.Dummy)


def _definition(thing: Any) -> str:
    """Name of a function or class, and a hash of the code that defines it."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if name is None or getattr(sys.modules.get(module or ""), name, None) is not thing:
        raise TypeError(f"{thing!r} has no fingerprint: define it with def or class at the top level of a module")
    return f"{module}.{name}:{_source(module)}"


@cache
def _source(module: str) -> str:
    """Hash of the source of a module; nothing for Python's own."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return ""
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:
        raise TypeError(f"what module {module} defines has no fingerprint, since it has no source file: "
                        "move the definition from the interactive session to a file and import it")
    package = __name__.partition(".")[0]  # of which a whole room counts, not one file
    return _hash(Path(file).parent.glob("*.py") if module.startswith(f"{package}.") else [Path(file)])


@cache
def _formulas() -> str:
    return _hash(path for room in _ROOMS for path in (_ROOT / room).glob("*.py"))


def _hash(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        text = path.read_bytes()
        digest.update(f"{path.name} {len(text)} ".encode() + text)
    return digest.hexdigest()


def sweep(function: Callable[..., Any], tasks: Iterable[Mapping[str, Any]], *,
          store: Store | str | os.PathLike[str] | None = None, executor: Executor | None = None,
          progress: bool | Callable[[int, int], Any] = False, description: str = "") -> list[Any]:
    """Return ``function(**task)`` for every task, in their order; with a store, compute only what it does not hold.

    Parameters
    ----------
    function : callable at the top level of a module
        Returns nested lists and dicts of str, int, float (inf and nan too), bool and None.
    tasks : iterable of dict
        What `fingerprint` takes, if there is a store. Equal tasks are then computed once.
    store : Store or path, optional
        Each result is in it as soon as it is known here.
    executor : concurrent.futures.Executor, optional
        Of processes, ``dask.distributed.Client(...).get_executor()``, ``mpi4py.futures.MPIPoolExecutor()``; default:
        this process. It is not shut down.
    progress : bool or callable
        True: a bar on stderr; a callable gets the number of tasks that are done and of all.
    description : str
        Of the bar.

    Returns
    -------
    list
        Results after a round trip through JSON: tuples are lists, keys of dictionaries are strings.

    Raises
    ------
    Exception
        Of a task, with a note that names it. The others are cancelled; those that have begun are waited for and stored.
    KeyboardInterrupt
        On an interrupt. The others are cancelled; those that are finished are stored, none is waited for.
    TypeError, ValueError
        If a task has no fingerprint, a result no JSON, or the executor is none.
    """
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(f"executor = {executor!r} is not a concurrent.futures.Executor: for a Client of dask give "
                        "client.get_executor()")
    calls = [dict(task) for task in tasks]
    with nullcontext(store) if store is None or isinstance(store, Store) else Store(store) as opened:
        keys: list[Any] = list(range(len(calls)))
        done: dict[Any, str] = {}
        if opened is not None:
            keys = [fingerprint((function, task)) for task in calls]
            done = {key: text for key in keys if (text := opened._read(key)) is not None}
        copies = Counter(keys)
        missing = {key: task for key, task in zip(keys, calls, strict=True) if key not in done}

        def keep(key: Any, text: str) -> None:
            if opened is not None:
                opened._write(key, text)
            done[key] = text

        count = sum(copies[key] for key in done)
        with (
            _reporting(progress, description, count, len(calls)) as report,
            closing(_computed(function, missing, executor, keep)) as computed,  # at once, while the store is open
        ):
            for key in computed:
                count += copies[key]
                report(count)
    return [json.loads(done[key]) for key in keys]


def _call(function: Callable[..., Any], task: dict[str, Any]) -> str:
    """What workers do. They get the task as a whole: executors take some keywords for themselves."""
    return _json(function(**task))


def _computed(function: Callable[..., Any], tasks: dict[Any, dict[str, Any]], executor: Executor | None,
              keep: Callable[[Any, str], None]) -> Generator[Any, None, None]:
    """Compute tasks, keep their results and yield their keys."""
    if executor is None:
        for key, task in tasks.items():
            with _naming(function, task):
                text = _call(function, task)
            keep(key, text)
            yield key
        return
    futures: dict[Future[str], Any] = {}
    kept = set()
    try:
        for key, task in tasks.items():
            futures[executor.submit(_call, function, task)] = key
        for future in as_completed(futures):
            key = futures[future]
            with _naming(function, tasks[key]):
                text = future.result()
            keep(key, text)
            kept.add(key)
            yield key
    except Exception:
        wait([future for future in futures if not future.cancel()])
        raise
    finally:
        finished = [future for future in futures if not future.cancel() and future.done()]
        for future in finished:
            if futures[future] not in kept and future.exception() is None:
                keep(futures[future], future.result())


@contextmanager
def _naming(function: Callable[..., Any], task: dict[str, Any]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        said = ", ".join(f"{name}={value!r}" for name, value in task.items())
        error.add_note(f"in the task {getattr(function, '__qualname__', function)}({said})")
        raise


@contextmanager
def _reporting(progress: bool | Callable[[int, int], Any], description: str, done: int,
               total: int) -> Iterator[Callable[[int], Any]]:
    """A function to be told the number of tasks that are done; it shows what a store already had at once."""
    if callable(progress):
        progress(done, total)
        yield lambda count: progress(count, total)
    elif progress:
        from tqdm import tqdm

        with tqdm(total=total, initial=done, desc=description or None, leave=False) as bar:
            yield lambda count: bar.update(count - bar.n)
    else:
        yield lambda count: None
