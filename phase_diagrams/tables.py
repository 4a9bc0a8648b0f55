r"""Tables of results as text, JSON, CSV, LaTeX and Parquet, and back.

Nothing is lost on the way: floats are written with the digits that give the same float back, and a status
as its text.

* JSON has no infinity: ``inf`` and ``-inf`` are the texts ``"inf"`` and ``"-inf"``, an undefined value is
  ``null``. The document is an object: what the table says of itself (``table.attrs``: summary, units,
  references), then ``columns`` (name to type) and ``rows`` (a list of objects).
* CSV holds the table only, with ``inf``, ``-inf``, ``nan``, and nothing for a missing text.
* Numbers of more digits than a double has (``digits=30``) are texts of all their digits in JSON and Parquet,
  and come back as ``mpmath.mpf``.
"""

from __future__ import annotations

import enum
import importlib.util
import io
import json
import math
import numbers
import re
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import mpmath
import numpy as np
import pandas as pd

from ..theory.exposition import escape_latex

__all__ = [
    "from_csv",
    "from_json",
    "from_parquet",
    "plain",
    "to_csv",
    "to_json",
    "to_latex",
    "to_markdown",
    "to_parquet",
    "to_text",
]

_HIGH = "high precision"  # the type of a column of mpmath numbers
_KIND = "spinodal_columns"  # under this name Parquet's metadata keep the types
_ESTIMATES = ("error", "residual", "standard_error")  # columns of error estimates: two digits are enough
_COARSE = {"z": ".2f", "simulated": ".6g"}  # columns that are known to few digits
_DOUBLE_DIGITS = 17


def to_text(table: pd.DataFrame, *, digits: int = 12, transposed: bool = False) -> str:
    """Return the table as aligned columns: values to `digits` significant digits, error estimates to two.

    If `transposed`, each row becomes a column: for tables of few rows and many columns.
    """
    table = plain(table)
    columns = [[name, *(_shown(value, name, digits) for value in table[name])] for name in _names(table)]
    if not columns:
        return ""
    right = [_kind(table[name]) != "text" for name in _names(table)]
    if transposed:
        head = ["", *map(str, range(1, len(table) + 1))]
        columns = [list(column) for column in zip(head, *columns, strict=True)]
        right = [False] * len(columns)
    aligned = []
    for cells, is_right in zip(columns, right, strict=True):
        width = max(map(len, cells))
        aligned.append([cell.rjust(width) if is_right else cell.ljust(width) for cell in cells])
    lines = ["  ".join(row).rstrip() for row in zip(*aligned, strict=True)]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines) + "\n"


def to_json(table: pd.DataFrame) -> str:
    """Return the table and what it says of itself as a JSON object."""
    table = plain(table)
    document = {
        **{key: _json_value(value) for key, value in table.attrs.items()},
        "columns": {name: _kind(table[name]) for name in table},
        "rows": [{name: _json_value(value) for name, value in row.items()} for row in _rows(table)],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> pd.DataFrame:
    """Return the table that ``to_json`` wrote."""
    document = json.loads(text)
    kinds, rows = document.pop("columns"), document.pop("rows")
    table = pd.DataFrame({name: _column([row[name] for row in rows], kind) for name, kind in kinds.items()})
    table.attrs.update(document)
    return table


def to_csv(table: pd.DataFrame) -> str:
    """Return the table as comma-separated values; what it says of itself is left out."""
    table = plain(table)
    cells = pd.DataFrame({name: [_cell(value) for value in table[name]] for name in table}, dtype=object)
    return cells.to_csv(index=False, lineterminator="\n")


def from_csv(text: str) -> pd.DataFrame:
    """Return the table that ``to_csv`` wrote; the type of each column is read off its values."""
    cells = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return pd.DataFrame({name: _column(list(cells[name]), _guess(list(cells[name]))) for name in cells})


def to_latex(table: pd.DataFrame, *, digits: int = 12) -> str:
    r"""Return the table as a LaTeX ``tabular`` with the rules of ``booktabs``."""
    table = plain(table)
    layout = "".join("l" if _kind(table[name]) == "text" else "r" for name in table)
    lines = [" & ".join(escape_latex(name.replace("_", " ")) for name in _names(table)) + r" \\", r"\midrule"]
    for row in _rows(table):
        lines.append(" & ".join(_latex_cell(value, name, digits) for name, value in row.items()) + r" \\")
    return (
        "\n".join([rf"\begin{{tabular}}{{{layout}}}", r"\toprule", *lines, r"\bottomrule", r"\end{tabular}"])
        + "\n"
    )


def to_markdown(table: pd.DataFrame, *, digits: int = 12) -> str:
    """Return the table as Markdown."""
    table = plain(table)
    rows = [_names(table), ["---" if _kind(table[name]) == "text" else "---:" for name in _names(table)]]
    rows += [
        [_shown(value, name, digits).replace("|", "\\|") for name, value in row.items()]
        for row in _rows(table)
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def to_parquet(table: pd.DataFrame, path: str | PathLike[str]) -> None:
    """Write the table to a Parquet file (needs ``pyarrow``).

    Raises
    ------
    ValueError
        If ``pyarrow`` is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise ValueError("Parquet needs pyarrow, which is missing: pip install pyarrow, or write CSV or JSON")
    import pyarrow
    import pyarrow.parquet

    table = plain(table)
    kinds = {name: _kind(table[name]) for name in table}
    cells = {
        name: table[name] if kind != _HIGH else pd.Series(list(map(_cell, table[name])), dtype=object)
        for name, kind in kinds.items()
    }
    said = {"columns": kinds, "attrs": {key: _json_value(value) for key, value in table.attrs.items()}}
    arrow = pyarrow.Table.from_pandas(pd.DataFrame(cells), preserve_index=False)
    metadata = {**(arrow.schema.metadata or {}), _KIND.encode(): json.dumps(said).encode()}
    pyarrow.parquet.write_table(arrow.replace_schema_metadata(metadata), path)


def from_parquet(path: str | PathLike[str]) -> pd.DataFrame:
    """Return the table that ``to_parquet`` wrote (pandas reads it too, but mpmath numbers as texts)."""
    import pyarrow.parquet

    arrow = pyarrow.parquet.read_table(path)
    said = json.loads(arrow.schema.metadata[_KIND.encode()])
    columns = {name: _column(arrow[name].to_pylist(), kind) for name, kind in said["columns"].items()}
    table = pd.DataFrame(columns)
    table.attrs.update(said["attrs"])
    return table


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with only numbers and texts in it: a status is its text, a missing text is ""."""
    columns = {}
    for name in table:
        values = [_plain(value) for value in table[name]]
        kind = _kind(values) if len(values) else ("number" if table[name].dtype.kind == "f" else "text")
        columns[str(name)] = _column(values, kind)
    made = pd.DataFrame(columns, columns=[str(name) for name in table])
    made.attrs.update(table.attrs)
    return made


def _names(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table]


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(_names(table), row, strict=True)) for row in table.itertuples(index=False, name=None)]


def _is_high(value: Any) -> bool:
    """True for mpmath and SymPy numbers, which know more digits than a double."""
    return hasattr(value, "_mpf_") or isinstance(value, mpmath.mpf)


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if _is_high(value):
        return value if isinstance(value, mpmath.mpf) else _high(value._mpf_)
    return value


def _high(parts: Any) -> mpmath.mpf:
    return mpmath.mp.make_mpf(parts)


def _kind(values: Sequence[Any] | pd.Series) -> str:
    """The type of a column: truth, integer, number, high precision or text."""
    if isinstance(values, pd.Series) and values.dtype.kind in "fbiu":
        return {"f": "number", "b": "truth"}.get(values.dtype.kind, "integer")
    known = [value for value in values if not _missing(value)]
    if any(isinstance(value, str) for value in known):
        return "text"
    known = [value for value in known if not (isinstance(value, float) and math.isnan(value))]
    if any(_is_high(value) for value in known):
        return _HIGH
    complete = len(known) == len(values) > 0
    if complete and all(isinstance(value, (bool, np.bool_)) for value in known):
        return "truth"
    if complete and all(isinstance(value, numbers.Integral) for value in known):
        return "integer"
    if all(isinstance(value, numbers.Real) for value in known) and (known or len(values)):
        return "number" if known or not all(_missing(value) for value in values) else "text"
    return "text"


def _column(values: Sequence[Any], kind: str) -> pd.Series:
    """A column of its type, from values as they are, or as JSON or CSV tell them."""
    if kind == "text":
        return pd.Series(["" if _missing(v) or v != v else str(v) for v in values], dtype=object)
    if kind == _HIGH:
        return pd.Series([_to_high(value) for value in values], dtype=object)
    if kind == "truth":
        return pd.Series(
            [value if isinstance(value, bool) else value == "True" for value in values], dtype=bool
        )
    if kind == "integer":
        return pd.Series([int(value) for value in values], dtype="int64")
    return pd.Series([math.nan if _missing(v) or v == "" else float(v) for v in values], dtype=float)


def _to_high(value: Any) -> mpmath.mpf:
    if _missing(value) or value == "":
        return mpmath.mpf("nan")
    if not isinstance(value, str):
        return value if _is_high(value) else mpmath.mpf(value)
    with mpmath.workdps(len(value) + 5):
        return mpmath.mpf(value)


def _high_text(value: Any) -> str:
    """All the digits of a number of high precision."""
    value = mpmath.mpf(value) if not _is_high(value) else value
    if not mpmath.isfinite(value):
        return "nan" if mpmath.isnan(value) else ("inf" if value > 0 else "-inf")
    # The mantissa drops trailing zeros: 20 bits more, for the precision at which the number was made.
    bits = max(value.man.bit_length(), 53) + 20
    with mpmath.workprec(bits):
        return mpmath.nstr(value, int(bits * math.log10(2)) + 2, strip_zeros=False)


def _cell(value: Any) -> str:
    """A value as CSV has it."""
    if isinstance(value, float):
        return repr(value)
    return _high_text(value) if _is_high(value) else str(value)


def _json_value(value: Any) -> Any:
    """A value as JSON has it."""
    value = _plain(value)
    if isinstance(value, Mapping):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else repr(value)
    if _is_high(value):
        return None if mpmath.isnan(value) else _high_text(value)
    return value if isinstance(value, (bool, int, float, str)) or value is None else str(value)


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf|nan")


def _guess(cells: Sequence[str]) -> str:
    """The type of a column of CSV."""
    known = [cell for cell in cells if cell]
    if not known or not all(_NUMBER.fullmatch(cell) for cell in known):
        return "truth" if known and set(cells) <= {"True", "False"} else "text"
    if len(known) == len(cells) and all(re.fullmatch(r"[+-]?\d{1,18}", cell) for cell in known):
        return "integer"
    longest = max(len(re.sub(r"[eE].*|\D", "", cell).lstrip("0")) for cell in known)
    return _HIGH if longest > _DOUBLE_DIGITS else "number"


def _shown(value: Any, name: str, digits: int) -> str:
    """A value for the eye."""
    if _missing(value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _COARSE and isinstance(value, float) and math.isfinite(value):
        return format(value, _COARSE[name])
    if isinstance(value, float) or _is_high(value):
        if not mpmath.isfinite(value):
            return "" if mpmath.isnan(value) else ("inf" if value > 0 else "-inf")
        if name in _ESTIMATES:
            return f"{float(value):.1e}"
        if _is_high(value) and digits > _DOUBLE_DIGITS:
            return mpmath.nstr(value, digits)
        return f"{float(value):.{min(digits, _DOUBLE_DIGITS)}g}"
    return str(value)


def _latex_cell(value: Any, name: str, digits: int) -> str:
    shown = _shown(value, name, digits)
    if isinstance(value, bool) or not (isinstance(value, numbers.Real) or _is_high(value)):
        return escape_latex(shown)
    if shown.endswith("inf"):
        return "$" + shown.replace("inf", r"\infty") + "$"
    mantissa, mark, exponent = shown.partition("e")
    return f"${mantissa} \\times 10^{{{int(exponent)}}}$" if mark else f"${shown}$" if shown else ""
