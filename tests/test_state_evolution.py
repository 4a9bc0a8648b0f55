"""State evolution: monotone, ends at the fixed points that are listed, slow near a spinodal."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

import spinodal as sp
from spinodal.equations.compile import Compiled
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


# ---- extremes: a number with a status, without a warning ----------------------------------------------------------

EXTREME = {
    "rademacher sign": sp.GLM(sp.Rademacher(), sp.Sign()),
    "rademacher linear": sp.GLM(sp.Rademacher(), sp.Linear()),
    "gaussian linear": sp.GLM(sp.Gaussian(), sp.Linear(noise=1e-14)),
    "gaussian linear without noise": sp.GLM(sp.Gaussian(), sp.Linear()),
    "gaussian linear of much noise": sp.GLM(sp.Gaussian(), sp.Linear(noise=1e14)),
    "tiny rho": sp.GLM(sp.GaussBernoulli(1e-6), sp.Linear(noise=1e-14)),
    "tiny rho without noise": sp.GLM(sp.GaussBernoulli(1e-6), sp.Linear()),
    "tiny rho sign": sp.GLM(sp.Bernoulli(1e-6), sp.Sign()),
    "sparse rademacher": sp.GLM(sp.SparseRademacher(1e-6), sp.Linear(noise=1e-14)),
    "probit of little noise": sp.GLM(sp.Rademacher(), sp.Probit(1e-14)),
    "door": sp.GLM(sp.Rademacher(), sp.Door(0.7)),
    "gaussian relu": sp.GLM(sp.Gaussian(), sp.ReLU()),
    "gaussian abs": sp.GLM(sp.Gaussian(), sp.Abs()),
    "gaussian noisy abs": sp.GLM(sp.Gaussian(), sp.Abs(noise=1e-2)),
    "rademacher noisy abs": sp.GLM(sp.Rademacher(), sp.Abs(noise=1e-2)),
    "bernoulli relu": sp.GLM(sp.Bernoulli(0.3), sp.ReLU(input_noise=0.1)),
    "mixture sign": sp.GLM(sp.GaussianMixture([0.3, 0.7], means=[1, -0.5], variances=[0, 0.1]), sp.Sign()),
    "hard tanh of a small signal": sp.GLM(sp.Gaussian(variance=1e-4), sp.HardTanh()),
    "hard tanh of a large signal": sp.GLM(sp.Gaussian(variance=1e4), sp.HardTanh()),
    "huge signal": sp.GLM(sp.Gaussian(variance=1e150), sp.Sign()),
    "gaussian sign": sp.GLM(sp.Gaussian(), sp.Sign()),
    "laplace": sp.GLM(sp.Laplace(1.0), sp.Linear(noise=0.1)),
    "scipy": sp.GLM(sp.SciPyPrior(stats.logistic(loc=0.5)), sp.Sign()),
}


# overlaps of a law known by its density, 1e-8 of the signal and less, are differences that lose digits, and say so
UNRESOLVED = {(name, alpha) for name in ("laplace", "scipy") for alpha in (1e-20, 1e-8)}


@pytest.mark.parametrize("start", ["uninformative", "informative"])
@pytest.mark.parametrize("alpha", [1e-300, 1e-100, 1e-20, 1e-8, 1e6, 1e50, 1e300])
@pytest.mark.parametrize("name", EXTREME)
def test_extremes_give_a_number_and_a_status(name, alpha, start):
    model = EXTREME[name]
    rho, unknown = float(model.rho), float(model.rho - model.uninformed_overlap)
    steps = 5 if (name, alpha) in UNRESOLVED else 100
    result = sp.state_evolution(model, alpha=alpha, start=start, max_iterations=steps)
    mse, m = (result.trajectory[column].to_numpy() for column in ("mse", "m"))
    assert result.status in (Status.CONVERGED, Status.LIMIT, Status.OUTSIDE_RANGE) or (name, alpha) in UNRESOLVED
    assert not result.trajectory.isna().any(axis=None)
    assert ((mse >= 0) & (m >= 0) & (mse <= rho) & (m <= rho)).all()
    np.testing.assert_allclose(m + mse, rho, rtol=1e-12)
    if alpha <= 1e-20 and start == "uninformative":
        assert result.mse == pytest.approx(unknown, rel=1e-5)
    if alpha >= 1e50 and name != "gaussian linear of much noise":
        assert result.mse <= 1e-12 * rho


def test_next_to_nothing_is_the_first_order():
    # m = mhat Var(x)^2, mhat = alpha E g_out^2 = alpha 2/(pi E x^2)
    for alpha in (1e-290, 1e-31, 1e-29, 1e-12):
        last = sp.state_evolution(sp.GLM(sp.Gaussian(), sp.Sign()), alpha=alpha).trajectory.iloc[-1]
        assert last["mhat"] == pytest.approx(alpha * 2 / np.pi, rel=1e-6)
        assert last["m"] == pytest.approx(alpha * 2 / np.pi, rel=1e-6)


def test_little_noise_is_no_perfect_recovery():
    # V = rho noise/(alpha - rho): far below what counts as perfect, yet a state of its own
    model = sp.GLM(sp.GaussBernoulli(1e-6), sp.Linear(noise=1e-34))
    result = sp.state_evolution(model, alpha=1.0, tolerance=1e-12)
    assert result.status is Status.CONVERGED
    assert result.mse == pytest.approx(1e-40, rel=1e-5)


def test_an_average_that_misses_its_tolerance_is_told(monkeypatch):
    # rounding alone is 1e-15 and more
    assert sp.state_evolution(PERCEPTRON, alpha=1.0, tolerance=1e-15).status is Status.TOLERANCE_MISSED
    assert sp.state_evolution(PERCEPTRON, alpha=1.0, tolerance=1e-12).status is Status.CONVERGED
    evaluate = Compiled.__call__
    for change in ({"converged": np.array([False])}, {"errors": np.full((2, 1), 1e-6)}):
        def spoilt(self, values, change=change, **settings):
            found = evaluate(self, values, **settings)
            return dataclasses.replace(found, **{k: x[: len(found.values)] for k, x in change.items()})

        monkeypatch.setattr(Compiled, "__call__", spoilt)
        assert sp.state_evolution(PERCEPTRON, alpha=1.0).status is Status.TOLERANCE_MISSED
        assert sp.state_evolution(PERCEPTRON, alpha=1.0, max_iterations=2).status is Status.TOLERANCE_MISSED


def test_a_loose_tolerance_stops_early():
    loose, tight = (sp.state_evolution(PERCEPTRON, alpha=1.4, tolerance=x) for x in (1e-2, 1e-10))
    assert loose.status is tight.status is Status.CONVERGED
    assert loose.iterations < tight.iterations / 2
