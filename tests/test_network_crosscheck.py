"""Sampled networks against the theory of the Hopfield model."""

import dataclasses
import math

import numpy as np
import pytest
import sympy

import spinodal as sp
from spinodal.equations.result import Status
from spinodal.theory.boltzmann import GaussianBernoulliRBM
from spinodal.validate import network
from spinodal.validate.crosscheck import crosscheck
from spinodal.validate.network import crosscheck_network, sample_network

MODEL = sp.Hopfield()


def by_quantity(table):
    return table.set_index("quantity")


# ---- samples ----


@pytest.mark.parametrize(
    ("model", "features"),
    [
        (sp.Hopfield(), 40), (sp.Hopfield(dreaming=2), 40), (sp.Hopfield(dataset_entropy=0.4), 40),
        (sp.Hopfield(examples=3, quality=0.8), 40), (sp.Hopfield(examples=3, quality=0.8, supervised=False), 120),
    ],
    ids=["hebb", "dreaming", "entropy", "supervised", "unsupervised"],
)
def test_networks_have_couplings_of_the_model(model, features):
    found = sample_network(model, 0.1, 400, 0)
    assert found.patterns.shape == (400, 40)
    assert found.ratio == 0.1
    assert found.couplings.count == features
    # on average J_ij is the Hebbian one of the archetypes times the square of a feature's mean in its archetype
    dense = found.couplings.matrix()
    hebb = found.patterns @ found.patterns.T.astype(float) / 400
    np.fill_diagonal(hebb, 0)
    slope = (dense * hebb).sum() / (hebb**2).sum()
    rho = {3: (1 - 0.64) / (3 * 0.64)}.get(model.examples, float(model.dataset_entropy))
    if model.dreaming == 0:
        assert slope == pytest.approx(1 / (1 + rho), abs=0.03)
        unit = 0.1 / (0.64 + 0.12) if not model.supervised else 0.1  # P M single examples/(N M R), or unit variance
        assert found.couplings.diagonal.mean() == pytest.approx(unit, rel=0.05)
    else:
        assert slope > 0


def test_as_many_patterns_are_drawn_as_the_model_condenses():
    assert sample_network(sp.Hopfield(mixture=3), 0.0, 100, 0).patterns.shape == (100, 3)


# ---- comparison ----


def test_table_is_that_of_other_comparisons():
    ours = crosscheck_network(MODEL, size=200, instances=2, sweeps=64, alpha=0.05, temperature=0.3)
    others = crosscheck(sp.GLM(sp.Gaussian(), sp.Linear(noise=0.1)), size=100, instances=2, alpha=1.0)
    assert list(ours.columns) == list(others.columns)
    assert set(others.attrs) - {"max_iterations", "tolerance", "damping", "iterations"} <= set(ours.attrs)
    assert list(ours["quantity"]) == ["overlap", "energy", "self_overlap", "r"]
    assert ours.attrs["state"] == "retrieval"
    assert ours.attrs["controls"] == {"alpha": 0.05, "temperature": 0.3}
    assert "instances converged at size 200" in ours.attrs["summary"]


@pytest.mark.parametrize(
    ("model", "state", "controls"),
    [
        (MODEL, "retrieval", {"alpha": 0.05, "temperature": 0.2}),
        (MODEL, "paramagnet", {"alpha": 0.1, "temperature": 1.6}),
        (sp.Hopfield(dreaming=2), "retrieval", {"alpha": 0.2, "temperature": 0.3}),
        (sp.Hopfield(dreaming=math.inf), "retrieval", {"alpha": 0.2, "temperature": 0.2}),
        (sp.Hopfield(examples=5, quality=0.9), "retrieval", {"alpha": 0.02, "temperature": 0.2}),
        (sp.Hopfield(examples=5, quality=0.9, supervised=False), "retrieval", {"alpha": 0.02, "temperature": 0.2}),
        (GaussianBernoulliRBM(), "retrieval", {"alpha": 0.05, "temperature": 0.3}),
    ],
    ids=["retrieval", "paramagnet", "dreaming", "projector", "supervised", "unsupervised", "machine"],
)
def test_simulation_agrees_with_theory(model, state, controls):
    table = crosscheck_network(model, size=1000, instances=12, sweeps=400, rng=1, **controls)
    assert table.attrs["state"] == state
    assert table.attrs["notes"] == []
    assert (table["status"] == Status.CONVERGED).all(), table
    assert (table["converged"] == 12).all()
    assert (table["standard_error"] < 0.15).all()
    assert (by_quantity(table).loc[["overlap", "energy"], "standard_error"] < 0.006).all()


def test_states_that_are_metastable_can_be_asked_for():
    table = crosscheck_network(
        MODEL, size=400, instances=4, sweeps=100, state="spin glass", alpha=0.05, temperature=0.9)
    assert table.attrs["state"] == "spin glass"
    assert any("replica symmetry is broken" in note for note in table.attrs["notes"])
    assert any("three sizes" in note for note in table.attrs["notes"])
    assert "r" not in set(table["quantity"])


@pytest.mark.slow
def test_spin_glass_tends_to_theory_like_a_spin_glass():
    """Close to T_g, where replica symmetry is hardly broken: the energy misses theory by c N^(-2/3)."""
    table = crosscheck_network(
        MODEL, sizes=(250, 500, 1000, 2000), instances=16, sweeps=1000, rng=0, alpha=0.2, temperature=1.2)
    assert table.attrs["state"] == "spin glass"
    (trend,) = [one for one in table.attrs["trend"] if one["quantity"] == "energy"]
    assert trend["exponent"] == pytest.approx(2 / 3)
    assert trend["slope"] > 0.8
    assert abs(trend["z"]) < 3
    assert trend["standard_error"] < 0.005
    glass = table[(table["quantity"] == "self_overlap") & (table["size"] == 2000)].iloc[0]
    assert abs(glass["z"]) < 4


def test_zero_temperature_says_what_it_compares():
    table = crosscheck_network(MODEL, size=1000, instances=6, alpha=0.08, temperature=0)
    assert list(table["quantity"]) == ["overlap", "energy"]
    assert by_quantity(table).loc["overlap", "simulated"] > 0.99
    assert any("zero-temperature dynamics" in note for note in table.attrs["notes"])
    assert "replica symmetry" in table.attrs["summary"]


def test_equal_seeds_give_equal_tables_and_sizes_their_rows():
    settings = {"sizes": (100, 150), "instances": 3, "sweeps": 40, "alpha": 0.05, "temperature": 0.3}
    first, second = (crosscheck_network(MODEL, rng=5, **settings) for _ in range(2))
    assert first.equals(second)
    assert list(first["size"]) == [100] * 4 + [150] * 4
    assert not first.equals(crosscheck_network(MODEL, rng=6, **settings))
    assert first.attrs["trend"] == []  # two sizes are no trend


def test_symbols_are_controls():
    model = sp.Hopfield(dreaming=sympy.Symbol("t", nonnegative=True))
    table = crosscheck_network(model, size=200, instances=2, sweeps=40, alpha=0.1, temperature=0.3, t=1.0)
    assert table.attrs["controls"]["t"] == 1.0


def test_a_wrong_theory_is_noticed(monkeypatch):
    right = network.fixed_points

    def wrong(*args, **controls):
        return tuple(
            dataclasses.replace(p, observables={**p.observables, "energy": p.observables["energy"] + 0.02})
            for p in right(*args, **controls))

    monkeypatch.setattr(network, "fixed_points", wrong)
    table = crosscheck_network(MODEL, size=1000, instances=12, sweeps=200, alpha=0.05, temperature=0.3)
    assert by_quantity(table).loc["energy", "status"] is Status.DISAGREES
    assert by_quantity(table).loc["overlap", "status"] is Status.CONVERGED
    assert "energy at size 1000 differs from theory" in table.attrs["summary"]


def test_networks_that_drift_or_leave_are_not_averaged_in(monkeypatch):
    rng = np.random.default_rng(0)
    still = {"overlap": 0.9 + 0.01 * rng.standard_normal(400), "energy": 0.01 * rng.standard_normal(400)}
    drifting = {**still, "overlap": still["overlap"] - np.linspace(0, 0.3, 400)}
    assert network._halves_agree(still, 1000)
    assert not network._halves_agree(drifting, 1000)
    runs = iter([still, drifting, None, {**still, "overlap": still["overlap"] - 0.5}] + 8 * [still])
    monkeypatch.setattr(network, "_simulate", lambda *args: next(runs))
    table = crosscheck_network(MODEL, size=1000, instances=12, alpha=0.05, temperature=0.3)
    assert list(table["converged"]) == [9, 9]
    assert "9 of 12 instances converged" in table.attrs["summary"]


def test_nothing_is_compared_if_all_are_lost(monkeypatch):
    monkeypatch.setattr(network, "_simulate", lambda *args: None)
    table = crosscheck_network(MODEL, size=100, instances=2, alpha=0.05, temperature=0.3)
    assert (table["status"] == Status.NOT_CONVERGED).all()
    assert table["simulated"].isna().all()


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"temperature": -1.0}, ValueError, "temperature"),
        ({"alpha": -0.1}, ValueError, "alpha"),
        ({"size": 3}, ValueError, "size = 3 "),
        ({"instances": 1}, ValueError, "instances = 1 "),
        ({"sweeps": 3}, ValueError, "sweeps = 3 .*at least 32"),
        ({"state": "liquid"}, ValueError, "state = 'liquid'.*'retrieval'"),
        ({"state": "retrieval", "temperature": 1.5}, ValueError, "state = 'retrieval' does not exist.*paramagnet"),
        ({"gamma": 1.0}, (TypeError, ValueError), "gamma"),
    ],
)
def test_bad_input_is_refused(settings, error, words):
    with pytest.raises(error, match=words):
        crosscheck_network(MODEL, **{"alpha": 0.05, "temperature": 0.3, "size": 100, "instances": 2, **settings})
