"""State evolution: monotone, ends at the fixed points that are listed, slow near a spinodal."""

import numpy as np
import pytest

import spinodal as sp
from spinodal.equations.result import Status

PERCEPTRON = sp.GLM(sp.Rademacher(), sp.Sign())
PROBIT = sp.GLM(sp.Rademacher(), sp.Probit(1e-3))
CASES = [
    (PERCEPTRON, 1.0), (PERCEPTRON, 1.4), (PERCEPTRON, 1.6), (PROBIT, 0.6), (PROBIT, 1.0), (PROBIT, 1.6),
    (sp.GLM(sp.Gaussian(), sp.Sign()), 2.0), (sp.GLM(sp.GaussBernoulli(0.2), sp.Linear(noise=1e-4)), 0.3),
    (sp.GLM(sp.GaussBernoulli(0.2), sp.Linear()), 0.3), (sp.GLM(sp.GaussBernoulli(0.2), sp.Linear()), 0.5),
    (sp.GLM(sp.Bernoulli(0.3), sp.ReLU(input_noise=0.1)), 1.0), (sp.GLM(sp.Gaussian(), sp.ReLU()), 1.5),
    (sp.GLM(sp.Rademacher(), sp.Door(0.67449)), 1.5), (sp.GLM(sp.Rademacher(), sp.Door(0.67449)), 1.2),
    (sp.GLM(sp.Gaussian(), sp.Abs(noise=0.1)), 0.9), (sp.GLM(sp.Gaussian(1.0), sp.Linear(noise=0.1)), 0.7),
]
IDS = [f"{k}-{alpha}" for k, (_, alpha) in enumerate(CASES)]


@pytest.mark.parametrize("start", ["uninformative", "informative"])
@pytest.mark.parametrize(("model", "alpha"), CASES, ids=IDS)
def test_monotone_and_ends_at_a_listed_fixed_point(model, alpha, start):
    result = sp.state_evolution(model, alpha=alpha, start=start, max_iterations=3000)
    assert result.status.good
    assert result.start == start
    rho, m = float(model.rho), result.trajectory["m"].to_numpy()
    mse = result.trajectory["mse"].to_numpy()
    assert list(result.trajectory["iteration"]) == list(range(result.iterations + 1))
    assert np.isfinite(mse).all()
    assert (mse >= 0).all()
    assert (m <= rho * (1 + 1e-12)).all()
    np.testing.assert_allclose(m + mse, rho, rtol=1e-9)
    # Bayes-optimal: from no knowledge the error falls, from the signal it rises, to the first fixed point on the way
    improves = result.trajectory["mse"][1] <= result.trajectory["mse"][0]
    # (the start next to no signal falls back to it where that is stable)
    assert improves or start == "informative" or result.trajectory["m"][0] < 1e-5
    if improves:
        assert (np.diff(mse) <= 1e-9 * mse[:-1]).all()
    else:
        assert (np.diff(mse) >= -1e-9 * mse[:-1]).all()
    listed = sp.fixed_points(model, alpha=alpha)
    nearest = min(listed, key=lambda p: abs(p.observables["mse"] - result.mse))
    assert result.mse == pytest.approx(nearest.observables["mse"], rel=1e-6, abs=1e-8 * rho if nearest.order_parameters["m"] == 0 else 1e-25 * rho)
    assert nearest.stable
    stable = [p for p in listed if p.stable]
    end = max if start == "uninformative" else min
    assert nearest.observables["mse"] == end(p.observables["mse"] for p in stable)


@pytest.mark.parametrize("model", [PROBIT, sp.GLM(sp.GaussBernoulli(0.2), sp.Linear(noise=1e-5))])
def test_slows_down_as_the_root_of_the_distance_to_a_spinodal(model):
    table = sp.thresholds(model, along="alpha", between=(0.05, 3))
    (edge,) = table[(table["kind"] == "spinodal") & (table["branch"] == "uninformative")]["value"]
    distances = np.array([1e-2, 1e-3, 1e-4, 1e-5])
    steps = np.array([sp.state_evolution(model, alpha=edge * (1 + d), max_iterations=100_000).iterations
                      for d in distances])
    ratios = steps[1:] / steps[:-1]
    assert ratios[-1] == pytest.approx(np.sqrt(10), rel=0.1)
    assert ((1.5 < ratios) & (ratios < 3.6)).all()


def test_the_algorithm_jumps_at_the_spinodal():
    table = sp.thresholds(PROBIT, along="alpha", between=(0.05, 3))
    (edge,) = table[(table["kind"] == "spinodal") & (table["branch"] == "uninformative")]["value"]
    before, after = (sp.state_evolution(PROBIT, alpha=edge * x, max_iterations=20_000) for x in (1 - 1e-4, 1 + 1e-4))
    assert before.mse > 0.1
    assert after.mse < 1e-3


def test_steps_run_out():
    result = sp.state_evolution(PERCEPTRON, alpha=1.4926318, max_iterations=20)
    assert result.status is Status.NOT_CONVERGED
    assert result.iterations == 20
    assert "max_iterations" in result.status.advice


def test_a_start_of_ones_own_between_two_states():
    found = sp.fixed_points(PROBIT, alpha=1.2)
    (saddle,) = [p for p in found if not p.stable]
    m = saddle.order_parameters["m"]
    up, down = (sp.state_evolution(PROBIT, alpha=1.2, overlap=m * x).mse for x in (1 + 1e-6, 1 - 1e-6))
    best, worst = (f(p.observables["mse"] for p in found) for f in (min, max))
    assert up == pytest.approx(best, rel=1e-6)
    assert down == pytest.approx(worst, rel=1e-6)


def test_weak_recovery_starts_from_next_to_nothing():
    model = sp.GLM(sp.Rademacher(), sp.Door(0.67449))
    assert sp.state_evolution(model, alpha=1.3).trajectory["m"].iloc[-1] < 1e-9
    reached = sp.state_evolution(model, alpha=1.4, max_iterations=5000).trajectory["m"].iloc[-1]
    (state,) = [p for p in sp.fixed_points(model, alpha=1.4) if p.stable and 0 < p.order_parameters["m"] < 1]
    assert reached == pytest.approx(state.order_parameters["m"], rel=1e-6)


def test_first_step_is_the_textbook_one():
    # y = z + noise, x ~ N(0, 1), nothing known: mhat = alpha/(1 + noise), V = 1/(1 + mhat)
    rows = sp.state_evolution(sp.GLM(sp.Gaussian(), sp.Linear(noise=0.5)), alpha=0.6).trajectory
    assert rows["mhat"][0] == 0
    assert rows["mse"][0] == 1
    assert rows["mhat"][1] == pytest.approx(0.4, rel=1e-10)
    assert rows["mse"][1] == pytest.approx(1 / 1.4, rel=1e-10)
    assert rows["mhat"][2] == pytest.approx(0.6 / (0.5 + 1 / 1.4), rel=1e-10)
