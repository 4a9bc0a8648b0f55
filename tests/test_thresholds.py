"""Thresholds: one table along any control, against root-finding along alpha and against fixed points on both sides."""

import numpy as np
import pandas as pd
import pytest
import sympy
from scipy.optimize import brentq

import spinodal as sp

RHO, NOISE, INPUT, WIDTH = (sympy.Symbol(name) for name in ("rho", "noise", "input_noise", "width"))
SENSING = sp.GLM(sp.GaussBernoulli(RHO), sp.Linear(noise=NOISE))
PROBIT = sp.GLM(sp.Rademacher(), sp.Sign(input_noise=INPUT))
DOOR = sp.GLM(sp.Rademacher(), sp.Door(WIDTH))
COLUMNS = ["kind", "branch", "value", "error", "status", "m_below", "m_above", "mse_below", "mse_above", "free_entropy"]
KINDS = {("continuous", "uninformative"), ("spinodal", "uninformative"), ("spinodal", "informative"),
         ("first_order", "equilibrium")}


def value(model, kind, branch, between=(0.02, 3), **controls):
    table = sp.thresholds(model, along="alpha", between=between, **controls)
    chosen = table[(table["kind"] == kind) & (table["branch"] == branch)]
    return float(chosen["value"].iloc[0]) if len(chosen) else None


TABLES = {
    "sensing": (SENSING, {"rho": 0.1, "noise": 1e-5}, (0.02, 1.0)),
    "sensing without noise": (SENSING, {"rho": 0.1, "noise": 0}, (0.02, 1.0)),
    "probit": (PROBIT, {"input_noise": 1e-3}, (0.1, 3.0)),
    "perceptron": (PROBIT, {"input_noise": 0}, (0.1, 3.0)),
    "door": (DOOR, {"width": 0.67449}, (0.5, 3.0)),
    "binary linear": (sp.GLM(sp.Rademacher(), sp.Linear(noise=0.01)), {}, (0.05, 3.0)),
    "bernoulli": (sp.GLM(sp.Bernoulli(0.02), sp.Linear(noise=1e-4)), {}, (0.005, 1.0)),
}


@pytest.fixture(scope="module", params=TABLES)
def table(request):
    model, controls, between = TABLES[request.param]
    return model, controls, between, sp.thresholds(model, along="alpha", between=between, **controls)


def test_columns_and_words(table):
    _, _, between, found = table
    assert list(found.columns) == COLUMNS
    assert set(zip(found["kind"], found["branch"], strict=True)) <= KINDS
    assert found["value"].is_monotonic_increasing
    assert found["value"].between(*between).all()
    assert (found["error"] >= 0).all()
    assert (found["error"] < 1e-11 * found["value"]).all()
    assert (found["status"] == "converged").all()
    assert (found["mse_above"] <= found["mse_below"] + 1e-12).all()
    assert found.attrs["along"] == "alpha"


def test_states_on_both_sides_are_fixed_points(table):
    """What the row says of either side is what fixed_points finds a little away from it."""
    model, controls, _, found = table
    for _, row in found.iterrows():
        step = 1e-7
        for side, sign in (("below", -1), ("above", 1)):
            states = sp.fixed_points(model, alpha=row["value"] * (1 + sign * step), **controls)
            stable = [p for p in states if p.stable]
            if row["kind"] == "first_order":
                best = max(stable, key=lambda p: p.free_entropy)
                assert best.observables["mse"] == pytest.approx(row[f"mse_{side}"], rel=1e-3, abs=1e-9)
            else:
                nearest = min(abs(p.observables["mse"] - row[f"mse_{side}"]) for p in stable)
                assert nearest < 5e-3 * max(row["mse_below"], 1e-9) + 1e-9


def test_number_of_states_changes_by_two_at_a_spinodal(table):
    model, controls, _, found = table
    for _, row in found[found["kind"] == "spinodal"].iterrows():
        below, above = (
            [p for p in sp.fixed_points(model, alpha=row["value"] * (1 + s), **controls) if 0 < p.observables["mse"]
             and p.order_parameters["m"] > 0] for s in (-1e-9, 1e-9))
        perfect = row["mse_above"] == 0 and row["branch"] == "informative"
        change = len(above) - len(below)
        assert change == (1 if perfect else 2) * (-1 if row["branch"] == "uninformative" else 1) or perfect


def test_free_entropies_are_equal_at_a_first_order_transition(table):
    model, controls, _, found = table
    for _, row in found[found["kind"] == "first_order"].iterrows():
        if not np.isfinite(row["free_entropy"]) or row["mse_above"] == 0 and controls.get("noise") == 0:
            continue
        states = [p for p in sp.fixed_points(model, alpha=row["value"], **controls) if p.stable]
        assert states[0].free_entropy == pytest.approx(row["free_entropy"], abs=1e-12)
        assert states[1].free_entropy == pytest.approx(row["free_entropy"], abs=1e-12)


# ---- windows ------------------------------------------------------------------------------------------------------


def test_window_keeps_what_lies_in_it():
    everything = sp.thresholds(PROBIT, along="alpha", between=(0.1, 3), input_noise=1e-3)
    values = list(everything["value"])
    assert len(values) == 3
    for k in range(3):
        one = sp.thresholds(PROBIT, along="alpha", between=(values[k] - 1e-6, values[k] + 1e-6), input_noise=1e-3)
        pd.testing.assert_frame_equal(one, everything.iloc[[k]].reset_index(drop=True))
        # the edges belong to the window
        assert len(sp.thresholds(PROBIT, along="alpha", between=(values[k], values[k] + 1e-9), input_noise=1e-3)) == 1
        assert len(sp.thresholds(PROBIT, along="alpha", between=(values[k] - 1e-9, values[k]), input_noise=1e-3)) == 1
    empty = sp.thresholds(PROBIT, along="alpha", between=(values[2] + 1e-9, 3), input_noise=1e-3)
    assert len(empty) == 0


def test_window_may_start_at_zero():
    assert len(sp.thresholds(PROBIT, along="alpha", between=(0, 3), input_noise=1e-3)) == 3


def test_no_transition_is_an_answer():
    found = sp.thresholds(SENSING, along="alpha", between=(0.02, 3), rho=0.4, noise=1e-2)
    assert len(found) == 0
    assert list(found.columns) == COLUMNS
    assert "no transition" in found.attrs["summary"]
    assert "0.4" in found.attrs["summary"]


@pytest.mark.parametrize("model", [
    sp.GLM(sp.Gaussian(), sp.Linear(noise=0.1)), sp.GLM(sp.Gaussian(), sp.Probit(0.1)),
    sp.GLM(sp.Gaussian(1.0), sp.Sign()), sp.GLM(sp.Rademacher(), sp.Linear(noise=1.0)),
])
def test_smooth_models_have_none(model):
    assert len(sp.thresholds(model, along="alpha", between=(0.01, 50))) == 0


# ---- along other controls -----------------------------------------------------------------------------------------


def rows_of(table, kind, branch):
    return table[(table["kind"] == kind) & (table["branch"] == branch)]


@pytest.mark.slow
def test_along_rho_agrees_with_root_finding_along_alpha():
    found = sp.thresholds(SENSING, along="rho", between=(0.02, 0.5), alpha=0.3, noise=1e-5)
    assert len(found)
    assert found.attrs["along"] == "rho"
    for _, row in found.iterrows():
        def gap(r, row=row):
            return value(SENSING, row["kind"], row["branch"], rho=r, noise=1e-5) - 0.3

        root = brentq(gap, row["value"] * 0.99, row["value"] * 1.01, xtol=1e-13)
        assert row["value"] == pytest.approx(root, rel=1e-10)
    # more nonzeros are harder: the good side is below
    assert (found["mse_above"] >= found["mse_below"]).all()


@pytest.mark.slow
def test_along_noise_agrees_with_root_finding_along_alpha():
    found = sp.thresholds(PROBIT, along="input_noise", between=(1e-4, 0.05), alpha=1.4)
    assert len(found)
    for _, row in found.iterrows():
        def gap(x, row=row):
            return value(PROBIT, row["kind"], row["branch"], input_noise=x) - 1.4

        root = brentq(gap, row["value"] * 0.99, row["value"] * 1.01, xtol=1e-14)
        assert row["value"] == pytest.approx(root, rel=1e-9)


def test_along_rho_where_the_threshold_is_known():
    """Noiseless linear measurements: information threshold alpha = rho, once, at a value of the first grid too."""
    for between in ((0.25, 0.75), (0.1, 0.83)):
        found = sp.thresholds(SENSING, along="rho", between=between, alpha=0.5, noise=0)
        first = rows_of(found, "first_order", "equilibrium")
        assert list(first["value"]) == pytest.approx([0.5], rel=1e-12), found.to_string()
        spinodal = rows_of(found, "spinodal", "uninformative")
        assert len(spinodal) == 1
        back = value(SENSING, "spinodal", "uninformative", rho=float(spinodal["value"].iloc[0]), noise=0)
        assert back == pytest.approx(0.5, rel=1e-10)


def test_along_width_of_the_door():
    # weak recovery 1.36 at width 0.67449: where does it happen at that alpha?
    at = value(DOOR, "continuous", "uninformative", width=0.67449)
    found = rows_of(sp.thresholds(DOOR, along="width", between=(0.5, 0.8), alpha=at), "continuous", "uninformative")
    assert found["value"].to_numpy() == pytest.approx([0.67449], rel=1e-9)


def test_along_a_control_with_the_target_outside():
    found = sp.thresholds(SENSING, along="rho", between=(0.3, 0.4), alpha=0.9, noise=0)
    assert len(found) == 0


# ---- near each other ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.01, 0.02, 0.05])
def test_weak_recovery_and_spinodal_of_sparse_phase_retrieval(rho):
    found = sp.thresholds(sp.GLM(sp.GaussBernoulli(rho), sp.Abs()), along="alpha", between=(0.4, 0.6))
    kinds = list(found["kind"])
    assert kinds[0] == "continuous"
    assert found["value"][0] == pytest.approx(0.5, rel=1e-12)
    if rho == 0.02:
        assert kinds == ["continuous", "spinodal"]
        assert found["value"][1] == pytest.approx(0.50085835558748, rel=1e-12)


def test_a_spinodal_pair_about_to_merge():
    """Binary linear: the two spinodals approach each other as the noise grows, until none is left."""
    gaps = []
    for noise in (0.05, 0.07, 0.08, 0.085):
        found = sp.thresholds(sp.GLM(sp.Rademacher(), sp.Linear(noise=noise)), along="alpha", between=(0.05, 3))
        folds = found[found["kind"] == "spinodal"]["value"].to_numpy()
        gaps.append(folds[1] - folds[0] if len(folds) == 2 else 0.0)
        assert len(folds) in (0, 2)
        assert len(found) == (3 if len(folds) == 2 else 0)
        if len(folds) == 2:
            (middle,) = found[found["kind"] == "first_order"]["value"]
            assert folds[0] < middle < folds[1]
    assert all(a > b or b == 0 for a, b in zip(gaps, gaps[1:], strict=False))


def test_spinodals_just_before_the_cusp():
    """Close to the cusp the gap of the control is (noise_c - noise)^(3/2): found by solving, not by sampling."""
    def gap(noise):
        found = sp.thresholds(sp.GLM(sp.Rademacher(), sp.Linear(noise=noise)), along="alpha", between=(0.05, 3))
        folds = found[found["kind"] == "spinodal"]["value"].to_numpy()
        return folds[1] - folds[0] if len(folds) == 2 else 0.0

    low, high = 0.05, 0.2
    for _ in range(22):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if gap(middle) > 0 else (low, middle)
    one, other = gap(low - 1e-3), gap(low - 4e-3)
    assert other / one == pytest.approx(8, rel=0.1)


# ---- branches -----------------------------------------------------------------------------------------------------


def test_branches_are_fixed_points():
    found = sp.branches(PROBIT, along="alpha", between=(0.5, 1.7), points=30, input_noise=1e-3)
    assert set(found["stable"]) == {True, False}
    assert found["branch"].nunique() == 3
    for _, row in found.iloc[::11].iterrows():
        states = sp.fixed_points(PROBIT, alpha=row["alpha"], input_noise=1e-3)
        nearest = min(states, key=lambda p: abs(np.log(p.order_parameters["mhat"] / row["mhat"])))
        assert nearest.free_entropy == pytest.approx(row["free_entropy"], abs=1e-9)


def test_branches_end_at_the_spinodals():
    table_ = sp.thresholds(PROBIT, along="alpha", between=(0.1, 3), input_noise=1e-3)
    low, high = table_[table_["kind"] == "spinodal"]["value"]
    found = sp.branches(PROBIT, along="alpha", between=(0.1, 3), points=50, input_noise=1e-3)
    unstable = found[~found["stable"]]
    assert unstable["alpha"].min() == pytest.approx(low, rel=1e-9)
    assert unstable["alpha"].max() == pytest.approx(high, rel=1e-9)
    assert found["alpha"].between(0.1 * (1 - 1e-9), 3 * (1 + 1e-9)).all()
