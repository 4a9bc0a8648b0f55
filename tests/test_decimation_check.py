"""Decimation against simulation, as `crosscheck` compares them."""

import math

import pytest
import sympy

import spinodal as sp

RADEMACHER = sp.Decimation(sp.Rademacher())
COLUMNS = ["quantity", "theory", "simulated", "standard_error", "z", "size", "converged", "instances", "status"]


def test_minima_next_to_the_patterns():
    table = sp.crosscheck(RADEMACHER, alpha=0.03, delta=0.08, beta=math.inf, size=400, instances=8, rng=3)
    assert list(table.columns) == COLUMNS
    assert table["quantity"].tolist() == [
        "m(0)", "m, first quarter", "m, second quarter", "m, third quarter", "m, last quarter", "energy", "matrix_mse"]
    assert table["theory"].iloc[0] == pytest.approx(0.9971448, abs=2e-7)
    assert all(status.good for status in table["status"])
    assert (table["converged"] == 8).all()
    assert any("cross terms" in note for note in table.attrs["notes"])
    again = sp.crosscheck(RADEMACHER, alpha=0.03, delta=0.08, beta=sympy.oo, sizes=[400], instances=8, rng=3)
    assert table["simulated"].to_numpy() == pytest.approx(again["simulated"].to_numpy(), rel=1e-12)


def test_message_passing():
    table = sp.crosscheck(RADEMACHER, alpha=0.03, delta=0.15, beta="nishimori", size=300, instances=8)
    assert table["theory"].iloc[0] == pytest.approx(0.9654865, abs=2e-7)
    assert all(status.good for status in table["status"])
    assert (table["simulated"].iloc[:-1] - table["theory"].iloc[:-1]).abs().max() < 0.03
    assert any("lean on the noise" in note for note in table.attrs["notes"])


def test_annealing_without_a_hint():
    table = sp.crosscheck(RADEMACHER, alpha=0.02, delta=0.08, beta=math.inf, size=400, instances=3, hint=False)
    assert (table["converged"] == 3).all()
    assert table.attrs["wrong_accepts"] == 0
    assert table.attrs["restarts"] >= 24


def test_few_patterns_have_no_quarters():
    table = sp.crosscheck(RADEMACHER, alpha=0.01, delta=0.05, beta=math.inf, size=200, instances=2)
    assert table["quantity"].tolist() == ["m(0)", "m", "energy", "matrix_mse"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"delta": 0.3}, "no retrieval state"), ({"hint": 1}, "hint"), ({"beta": 5.0, "hint": False}, "annealing"),
        ({"size": 3}, "size"), ({"instances": 1}, "instances"), ({"size": 10**6}, "memory"), ({"beta": -1}, "beta"),
        ({"gamma": 1}, "gamma"),
    ],
)
def test_refused(change, words):
    with pytest.raises((TypeError, ValueError), match=words):
        sp.crosscheck(RADEMACHER, **({"alpha": 0.03, "delta": 0.08, "beta": math.inf, "size": 200} | change))


def test_a_density_has_no_pattern_of_least_energy():
    with pytest.raises(ValueError, match="eigenvector"):
        sp.crosscheck(sp.Decimation(sp.GaussBernoulli(0.2, variance=5.0)), alpha=0.01, delta=0.1, beta=math.inf)
