"""Tables: what is written is read back, in every format, and the texts are readable."""

import enum
import json
import math

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinodal.phase_diagrams.tables import (
    from_csv,
    from_json,
    from_parquet,
    plain,
    to_csv,
    to_json,
    to_latex,
    to_parquet,
    to_text,
)


class State(enum.Enum):
    GOOD = "converged"
    LOST = "tolerance missed"

    def __str__(self) -> str:
        return self.value


def example() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "kind": ["continuous", "first_order", "spinodal"],
            "branch": [None, None, "uninformative"],
            "value": [0.5, 1.2449236412131415, 1e-300],
            "error": [1e-15, 3.14159e-13, 0.0],
            "free_entropy": [math.inf, -math.inf, math.nan],
            "status": [State.GOOD, State.LOST, State.GOOD],
            "iterations": [1, 20, 300],
            "stable": [True, False, True],
        }
    )
    table.attrs.update(summary="three transitions, 50% & more", between=(0.2, 3.0), top=math.inf)
    return table


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def written_and_read(table: pd.DataFrame, how: str, folder) -> pd.DataFrame:
    if how == "parquet":
        to_parquet(table, folder / "table.parquet")
        return from_parquet(folder / "table.parquet")
    return from_json(to_json(table)) if how == "json" else from_csv(to_csv(table))


@pytest.mark.parametrize("how", ["json", "csv", "parquet"])
def test_what_is_written_is_read_back(how, tmp_path):
    same(written_and_read(example(), how, tmp_path), plain(example()))


@pytest.mark.parametrize("how", ["json", "csv", "parquet"])
def test_an_empty_table_keeps_its_columns(how, tmp_path):
    empty = example().iloc[:0]
    back = written_and_read(empty, how, tmp_path)
    assert list(back) == list(empty)
    assert len(back) == 0


@pytest.mark.parametrize("how", ["json", "parquet"])
def test_what_the_table_says_of_itself_is_kept(how, tmp_path):
    back = written_and_read(example(), how, tmp_path)
    assert back.attrs == {"summary": "three transitions, 50% & more", "between": [0.2, 3.0], "top": "inf"}


@given(st.lists(st.floats(), min_size=1, max_size=20))
def test_every_float_is_read_back(values):
    table = pd.DataFrame({"value": values})
    for back in (from_json(to_json(table)), from_csv(to_csv(table))):
        same(back, table)


@pytest.mark.parametrize("how", ["json", "csv", "parquet"])
def test_thirty_digits_are_read_back(how, tmp_path):
    with mpmath.workdps(30):
        values = [mpmath.pi, mpmath.mpf(1) / 3, mpmath.mpf("1e-40") / 7, mpmath.inf, mpmath.nan]
        values = [+value for value in values]
    back = written_and_read(pd.DataFrame({"value": pd.Series(values, dtype=object)}), how, tmp_path)
    with mpmath.workdps(30):
        assert [+value for value in back["value"][:4]] == values[:4]
    assert mpmath.isnan(back["value"][4])
    with mpmath.workdps(30):
        assert mpmath.nstr(values[0], 30) in to_text(pd.DataFrame({"value": values}), digits=30)


def test_json_is_strict_and_has_rows():
    document = json.loads(to_json(example()), parse_constant=pytest.fail)
    assert document["rows"][0] == {
        "kind": "continuous",
        "branch": "",
        "value": 0.5,
        "error": 1e-15,
        "free_entropy": "inf",
        "status": "converged",
        "iterations": 1,
        "stable": True,
    }
    assert document["rows"][2]["free_entropy"] is None
    assert document["columns"]["value"] == "number"


def test_csv_is_what_pandas_reads(tmp_path):
    (tmp_path / "table.csv").write_text(to_csv(example()), encoding="utf-8")
    table = pd.read_csv(tmp_path / "table.csv")
    assert list(table["value"]) == pytest.approx(list(example()["value"]), rel=1e-15)
    assert list(table["free_entropy"][:2]) == [math.inf, -math.inf]


def test_text_shows_twelve_digits_and_short_errors():
    lines = to_text(example()).splitlines()
    assert lines[0].split() == list(example())
    assert lines[3].split() == [
        "first_order",
        "1.24492364121",
        "3.1e-13",
        "-inf",
        "tolerance",
        "missed",
        "20",
        "no",
    ]
    assert len({len(line) for line in lines[:2]}) == 1


def test_transposed_text_has_a_line_for_each_quantity():
    lines = to_text(example(), transposed=True).splitlines()
    assert lines[0].split() == ["1", "2", "3"]
    assert [line.split()[0] for line in lines[2:]] == list(example())
    assert lines[4].split() == ["value", "0.5", "1.24492364121", "1e-300"]


def test_latex_escapes_and_sets_powers_of_ten():
    text = to_latex(example())
    assert r"first\_order" in text
    assert r"$3.1 \times 10^{-13}$" in text
    assert r"$\infty$" in text
    assert r"$-\infty$" in text
    assert text.count(r"\\") == 4


def test_numbers_of_numpy_are_numbers():
    table = pd.DataFrame({"value": pd.Series([np.float64(0.1), np.int64(2)], dtype=object)})
    assert json.loads(to_json(table))["rows"] == [{"value": 0.1}, {"value": 2.0}]


def test_parquet_without_pyarrow_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install pyarrow"):
        to_parquet(example(), tmp_path / "table.parquet")
