"""Instances, message passing on them, and the cross-check with state evolution."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import sympy
from scipy import stats

import spinodal as sp
from spinodal.__main__ import main
from spinodal.equations.functions import NUMPY
from spinodal.equations.result import Status
from spinodal.validate.amp import amp
from spinodal.validate.crosscheck import crosscheck
from spinodal.validate.judge import Judge, largest_by_chance
from spinodal.validate.message_passing import amp_trajectories
from spinodal.validate.symmetry import has_sign_symmetry, needs_nudge
from spinodal.validate.teacher import generators, sample_instance, sample_output, sample_signal

PERCEPTRON = sp.GLM(sp.Rademacher(), sp.Sign())


def by_quantity(table):
    return table.set_index("quantity")


# ---- instances ----


@pytest.mark.parametrize(
    "prior",
    [
        sp.Gaussian(0.5, variance=2), sp.GaussBernoulli(0.3), sp.SparseRademacher(0.4), sp.Bernoulli(0.3),
        sp.Laplace(2), sp.SciPyPrior(stats.gamma(3)),
    ],
    ids=lambda prior: type(prior).__name__,
)
def test_signal_has_the_moments_of_the_prior(prior):
    signal = sample_signal(prior, 200_000, np.random.default_rng(0))
    for power, moment in ((1, prior.first_moment), (2, prior.second_moment)):
        error = (signal**power).std() / np.sqrt(signal.size)
        assert abs((signal**power).mean() - float(moment)) < 4 * error


@pytest.mark.parametrize(
    "channel",
    [
        sp.Abs(noise=0.2), sp.ReLU(input_noise=0.5), sp.HardTanh(noise=0.1, input_noise=0.3), sp.Door(0.7),
        sp.LeakyReLU(0.2),
    ],
    ids=str,
)
def test_output_has_the_moments_of_the_channel(channel):
    rng = np.random.default_rng(0)
    output = sample_output(channel, np.sqrt(1.3) * rng.standard_normal(200_000), rng)
    spread = sympy.Float(1.3) + channel.input_noise
    for power, moment in (
        (1, channel.mean_output(sympy.S.Zero, spread)), (2, channel.output_second_moment(sympy.Float(1.3)))
    ):
        exact = sympy.lambdify((), moment, modules=[NUMPY, "numpy"])()
        error = (output**power).std() / np.sqrt(output.size)
        assert abs((output**power).mean() - exact) <= 4 * error + 1e-12


def test_flat_pieces_give_exact_atoms():
    field = np.random.default_rng(0).standard_normal(1000)
    assert set(sample_output(sp.Door(0.7), field, np.random.default_rng(1))) == {-1.0, 1.0}
    assert (sample_output(sp.ReLU(), field, np.random.default_rng(1)) == np.maximum(field, 0)).all()


def test_instance_is_normalised_and_reproducible():
    one, two = (sample_instance(sp.Gaussian(), sp.Linear(), 1.5, 400, 7) for _ in range(2))
    assert one.matrix.shape == (600, 400)
    assert one.matrix.flags.c_contiguous
    assert one.ratio == 1.5
    assert (one.matrix**2).sum(axis=1).mean() == pytest.approx(1, abs=0.02)
    assert one.field == pytest.approx(one.matrix @ one.signal)
    assert (one.output == one.field).all()
    assert (one.matrix == two.matrix).all()
    assert (one.signal == two.signal).all()


def test_generators_are_independent_and_reproducible():
    first = [stream.random() for stream in generators(3, 4)]
    assert len(set(first)) == 4
    assert first == [stream.random() for stream in generators(np.random.default_rng(3), 4)]


# ---- message passing ----


def test_symmetries_are_recognised():
    assert needs_nudge(sp.Gaussian(), sp.Abs())
    assert not needs_nudge(sp.Gaussian(0.1), sp.Abs())
    assert not needs_nudge(sp.Rademacher(), sp.Sign())
    assert has_sign_symmetry(sp.Rademacher(), sp.Door(1))
    assert has_sign_symmetry(sp.GaussianMixture([0.5, 0.5], means=[1, -1], variances=[1, 1]), sp.Abs())
    skewed = sp.Discrete([-2, 1], [sympy.Rational(1, 3), sympy.Rational(2, 3)])
    assert needs_nudge(skewed, sp.Abs())
    assert not has_sign_symmetry(skewed, sp.Abs())
    assert not has_sign_symmetry(sp.Gaussian(), sp.ReLU())
    assert has_sign_symmetry(sp.Laplace(2), sp.Abs())
    assert not has_sign_symmetry(sp.SciPyPrior(stats.gumbel_r(-np.euler_gamma)), sp.Abs())


def test_linear_gaussian_amp_is_the_exact_posterior_mean():
    """Ridge regression in closed form: the fixed point is exact up to the fluctuation of scalar variances."""
    prior, channel = sp.Gaussian(), sp.Linear(noise=0.3)
    instance = sample_instance(prior, channel, 1.5, 600, 0)
    run = amp(prior, channel, instance, tolerance=1e-9)
    f = instance.matrix
    exact = np.linalg.solve(f.T @ f / 0.3 + np.eye(600), f.T @ instance.output / 0.3)
    assert run.converged
    assert np.sqrt(np.mean((run.estimate - exact) ** 2)) < 0.01
    assert run.variance == pytest.approx(run.mse, rel=0.2)


def test_trajectory_starts_where_it_says():
    prior, channel = sp.Discrete([0, 1], [0.6, 0.4]), sp.Linear(noise=0.1)
    instance = sample_instance(prior, channel, 1.0, 500, 0)
    start = amp(prior, channel, instance, max_iterations=3).trajectory
    assert list(start["iteration"]) == list(range(len(start)))
    assert start["variance"][0] == pytest.approx(0.24)
    informed = amp(prior, channel, instance, max_iterations=3, start="informative").trajectory
    assert informed["variance"][0] == pytest.approx(1e-3 * 0.4, rel=1e-6)
    instance = sample_instance(sp.Gaussian(), sp.Abs(), 1.0, 500, 0)
    even = amp(sp.Gaussian(), sp.Abs(), instance, max_iterations=3)
    assert even.trajectory["variance"][0] == pytest.approx(0.99, rel=1e-6)


def test_unknown_start_is_refused():
    instance = sample_instance(sp.Gaussian(), sp.Linear(), 1.0, 50, 0)
    with pytest.raises(ValueError, match="start = 'best' is not known: give one of 'uninformative'"):
        amp(sp.Gaussian(), sp.Linear(), instance, start="best")


def test_perfect_recovery_stops_cleanly():
    prior, channel = sp.GaussBernoulli(0.2), sp.Linear()
    run = amp(prior, channel, sample_instance(prior, channel, 0.6, 1000, 0))
    assert run.converged
    assert run.mse < 1e-8
    assert np.isfinite(run.trajectory.to_numpy()).all()


def test_recovery_of_a_discrete_signal_is_kept():
    """Once every component is certain no output says more: going on would start afresh."""
    prior, channel = sp.Rademacher(), sp.Sign()
    run = amp(prior, channel, sample_instance(prior, channel, 2.0, 1000, 0), tolerance=0.0)
    assert run.converged
    assert (run.trajectory["mse"].iloc[-1], run.overlap) == pytest.approx((0, 1), abs=1e-9)


def test_below_the_threshold_it_does_not_recover():
    prior, channel = sp.GaussBernoulli(0.2), sp.Linear()
    run = amp(prior, channel, sample_instance(prior, channel, 0.25, 1000, 0))
    assert run.mse > 0.05


def test_damping_reaches_the_same_fixed_point():
    prior, channel = sp.Gaussian(), sp.HardTanh(noise=0.1)
    instance = sample_instance(prior, channel, 1.5, 500, 0)
    plain, damped = (amp(prior, channel, instance, tolerance=1e-8, damping=d) for d in (0.0, 0.3))
    assert plain.converged
    assert damped.converged
    assert plain.estimate == pytest.approx(damped.estimate, abs=1e-6)


@pytest.mark.parametrize(
    "channel", [sp.Sign(), sp.Linear(), sp.ReLU(), sp.HardTanh(), sp.Door(0.7), sp.Abs()], ids=str
)
def test_tiny_problems_end_with_numbers(channel):
    for seed in range(3):
        prior = sp.GaussBernoulli(0.3)
        run = amp(prior, channel, sample_instance(prior, channel, 0.5, 10, seed), max_iterations=50)
        assert run.iterations <= 50
        assert not run.converged or np.isfinite(run.mse)


# ---- cross-check ----


def test_equal_seeds_give_equal_tables():
    one, two, other = (crosscheck(PERCEPTRON, size=200, instances=3, rng=k, alpha=1.0) for k in (5, 5, 6))
    assert one["simulated"].to_numpy() == pytest.approx(two["simulated"].to_numpy(), rel=1e-9)
    assert one["simulated"][0] != other["simulated"][0]
    assert one.attrs["seed"] == 5
    assert one.attrs["controls"] == {"alpha": 1.0}
    assert "3 of 3 instances converged at size 200" in one.attrs["summary"]


def test_columns_and_trend_in_size():
    table = crosscheck(PERCEPTRON, sizes=(100, 200), instances=3, alpha=1.0)
    assert list(table.columns) == [
        "quantity", "theory", "simulated", "standard_error", "z", "size", "converged", "instances", "status"
    ]
    assert list(table["size"].unique()) == [100, 200]
    errors = {"generalisation_error", "gibbs_error", "bayes_vote_error"}
    assert {"overlap", "mse", "believed_mse", *errors} == set(table["quantity"])
    assert (table["converged"] <= table["instances"]).all()


def test_instances_that_did_not_converge_are_not_averaged_in():
    table = crosscheck(PERCEPTRON, size=100, instances=3, alpha=1.0, max_iterations=2)
    assert (table["converged"] == 0).all()
    assert table["simulated"].isna().all()
    assert table["z"].isna().all()
    assert np.isfinite(table["theory"]).all()
    assert (table["status"] == Status.NOT_CONVERGED).all()
    assert "0 of 3 instances converged at size 100 (3 not averaged in)" in table.attrs["summary"]


REGRESSION = sp.GLM(sp.Gaussian(), sp.Linear(noise=0.1))


@pytest.fixture
def noisier_instances(monkeypatch):
    """Instances of another model than the one that theory and algorithm assume."""
    def sampled(prior, channel, *settings):
        return sample_instance(prior, sp.Linear(noise=0.5), *settings)

    monkeypatch.setattr("spinodal.validate.glm_plan.sample_instance", sampled)


@pytest.mark.usefixtures("noisier_instances")
def test_a_disagreement_has_a_status_and_a_sentence():
    table = by_quantity(crosscheck(REGRESSION, size=400, instances=8, alpha=1.0))
    assert (table["converged"] == 8).all()
    assert table.loc["mse", "status"] is Status.DISAGREES
    assert not Status.DISAGREES.good
    assert "mse at size 400 differs from theory by more than chance" in table.attrs["summary"]
    course = amp_trajectories(REGRESSION, size=400, instances=8, iterations=10, alpha=1.0)
    assert course["status"].iloc[-1] is Status.DISAGREES
    assert course["status"].iloc[0].good
    assert "more than chance" in course.attrs["summary"]


@pytest.mark.usefixtures("noisier_instances")
@pytest.mark.parametrize("trajectory", [[], ["--trajectory"]])
def test_a_disagreement_is_the_exit_code_of_the_command_line(capsys, trajectory):
    arguments = ["--set", "alpha=1", "--size", "400", "--instances", "8", *trajectory]
    assert main(["validate", "GLM(Gaussian(), Linear(noise=0.1))", *arguments]) == 1
    assert "differs from theory by more than chance" in capsys.readouterr().out


def test_agreement_is_good_and_says_so():
    table = crosscheck(REGRESSION, size=400, instances=8, alpha=1.0)
    assert (table["status"] == Status.CONVERGED).all()
    assert table.attrs["summary"] == (
        "8 of 8 instances converged at size 400; no difference from theory is more than chance gives in 4 comparisons"
    )


def test_lost_instances_have_a_status(monkeypatch):
    """Means over those that happened to converge are not means over all."""
    def lose_the_first(*arguments, lost=[], **settings):  # noqa: B006
        run = amp(*arguments, **settings)
        lost.append(run)
        return run if len(lost) > 1 else dataclasses.replace(run, converged=False)

    monkeypatch.setattr("spinodal.validate.glm_plan.amp", lose_the_first)
    table = crosscheck(REGRESSION, size=200, instances=4, alpha=1.0)
    assert (table["converged"] == 3).all()
    assert table["z"].notna().all()
    assert (table["status"] == Status.INSTANCES_LOST).all()
    assert not Status.INSTANCES_LOST.good
    assert "3 of 4 instances converged at size 200 (1 not averaged in)" in table.attrs["summary"]


@pytest.mark.parametrize("converged", [0, 1])
def test_fewer_than_two_converged_instances_have_a_status(monkeypatch, converged):
    def lose_all_but(*arguments, runs=[], **settings):  # noqa: B006
        runs.append(amp(*arguments, **settings))
        return dataclasses.replace(runs[-1], converged=len(runs) <= converged)

    monkeypatch.setattr("spinodal.validate.glm_plan.amp", lose_all_but)
    table = crosscheck(REGRESSION, size=200, instances=3, alpha=1.0)
    assert (table["converged"] == converged).all()
    assert (table["status"] == Status.NOT_CONVERGED).all()
    assert "no comparison at size 200: a standard error needs two" in table.attrs["summary"]
    assert "more than chance" not in table.attrs["summary"]


def test_what_chance_gives_depends_on_instances_and_comparisons():
    """Student's t: few instances give large z, many comparisons too."""
    assert largest_by_chance(2, 1) > 100
    assert largest_by_chance(3, 6) > largest_by_chance(16, 6) > largest_by_chance(16, 1) > 3.2
    samples = np.random.default_rng(0).standard_normal((40_000, 6, 5))
    z = np.abs(samples.mean(axis=2)) / (samples.std(axis=2, ddof=1) / np.sqrt(5))
    alarms = (z > largest_by_chance(5, 6)).any(axis=1).mean()
    assert 0.0005 < alarms < 0.0015  # one table in a thousand


def test_a_difference_of_one_component_is_no_disagreement():
    """All instances recover, theory errs in one component of a million: no error of that kind was to be seen."""
    judge = Judge([-20.0] * 4, kept=16)
    assert judge(-20.0, 1e-6, 1 / 16_000, Status.CONVERGED).good
    assert judge(-20.0, 1e-2, 1 / 16_000, Status.CONVERGED) is Status.DISAGREES
    assert judge(-20.0, 1e-2, 1 / 16_000, Status.TOLERANCE_MISSED) is Status.TOLERANCE_MISSED


def test_symbols_of_the_model_are_controls():
    model = sp.GLM(sp.GaussBernoulli(sympy.Symbol("rho")), sp.Linear(noise=0.01))
    table = by_quantity(crosscheck(model, size=300, instances=4, alpha=0.8, rho=0.3))
    assert table.loc["mse", "theory"] < 0.3
    assert abs(table.loc["mse", "z"]) < 5


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"size": 9}, ValueError, "size = 9 is too small: give at least 10"),
        ({"size": 1e3}, TypeError, "size = 1000.0 is not a whole number"),
        ({"sizes": 500}, TypeError, "sizes = 500 is not a sequence"),
        ({"sizes": (100, 5)}, ValueError, r"sizes\[1\] = 5 is too small"),
        ({"sizes": ()}, ValueError, "sizes is empty"),
        ({"instances": 1}, ValueError, "instances = 1 is too small: give at least 2"),
        ({"start": "warm"}, ValueError, "start = 'warm' is not known"),
        ({"max_iterations": 0}, ValueError, "max_iterations = 0 is too small"),
        ({"damping": 1.0}, ValueError, "damping = 1.0 is outside"),
        ({"tolerance": -1}, ValueError, "tolerance = -1 is outside"),
        ({"alpha": 0}, ValueError, "alpha = 0 "),
        ({"alpha": float("nan")}, ValueError, "alpha = nan"),
        ({"alfa": 1}, ValueError, "did you mean 'alpha'"),
    ],
)
def test_misuse_is_refused_at_once(settings, error, said):
    with pytest.raises(error, match=said):
        crosscheck(PERCEPTRON, **({"alpha": 1.0} | settings))


def test_only_a_glm_is_sampled():
    with pytest.raises(TypeError, match="is a Rademacher: give a GLM"):
        crosscheck(sp.Rademacher(), alpha=1)


@pytest.mark.parametrize("prior", [sp.Laplace(1.5), sp.SciPyPrior(stats.uniform(-1, 2))], ids=["Laplace", "uniform"])
def test_message_passing_with_a_prior_known_by_its_density_alone(prior):
    channel = sp.Linear(noise=0.1)
    run = amp(prior, channel, sample_instance(prior, channel, 1.5, 600, 0), tolerance=1e-7)
    assert run.converged
    assert run.variance == pytest.approx(run.mse, rel=0.2)
    assert run.mse < 0.3 * float(prior.second_moment)


def test_a_prior_known_by_its_density_alone_is_compared_with_theory():
    model = sp.GLM(sp.Laplace(sympy.Symbol("scale")), sp.Sign(input_noise=0.5))
    table = by_quantity(crosscheck(model, size=400, instances=6, rng=1, alpha=0.8, scale=1))
    assert table["converged"].iloc[0] == 6
    assert (table["z"].abs() < 5).all(), table


def test_trajectories_start_and_settle_like_state_evolution():
    table = amp_trajectories(PERCEPTRON, size=300, instances=8, iterations=6, alpha=1.0)
    assert list(table["iteration"]) == list(range(7))
    assert table["theory"][0] == pytest.approx(1)
    assert table["simulated"][0] == pytest.approx(1)
    assert (table["z"].abs() < 5).all()
    with pytest.raises(ValueError, match="quantity = 'm' is not known"):
        amp_trajectories(PERCEPTRON, quantity="m", alpha=1.0)


def test_the_room_does_not_load_numba(tmp_path):
    code = "import sys, spinodal; spinodal.crosscheck; print('numba' in sys.modules, 'tqdm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == "False False"


# ---- theory and simulation, with their errors ----

# What so many instances of this size resolve: 4 standard errors, and the finite-size bias of order 1/p.  The errors
# are those of 16 instances of size 1500, at half the cost.
Z = 4.0
MANY = {"size": 800, "instances": 30}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "alpha"),
    [
        (PERCEPTRON, 1.2),
        (sp.GLM(sp.Gaussian(), sp.Sign()), 1.0),
        (sp.GLM(sp.Rademacher(), sp.Probit(0.1)), 1.2),
        (sp.GLM(sp.GaussBernoulli(0.3), sp.Linear(noise=0.01)), 0.8),
        (sp.GLM(sp.GaussBernoulli(0.2), sp.Linear()), 0.25),
        (sp.GLM(sp.Gaussian(), sp.ReLU(noise=0.1)), 1.5),
        (sp.GLM(sp.Gaussian(), sp.HardTanh(noise=0.3)), 1.5),
        (sp.GLM(sp.Bernoulli(0.3), sp.Abs(noise=0.1)), 1.0),
    ],
    ids=str,
)
def test_message_passing_reaches_the_fixed_point_of_state_evolution(model, alpha):
    table = by_quantity(crosscheck(model, **MANY, rng=1, alpha=alpha))
    assert table["converged"].iloc[0] >= 27
    assert (table["z"].abs() < Z).all(), table
    assert (table["status"] != Status.DISAGREES).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "alpha"),
    [
        (PERCEPTRON, 1.2),
        (sp.GLM(sp.GaussBernoulli(0.2), sp.Linear()), 0.5),
        (sp.GLM(sp.Gaussian(), sp.Sign()), 1.0),
        (sp.GLM(sp.SparseRademacher(0.3), sp.ReLU(noise=0.1)), 1.0),
    ],
    ids=str,
)
def test_message_passing_follows_state_evolution_step_by_step(model, alpha):
    table = amp_trajectories(model, **MANY, rng=2, iterations=12, alpha=alpha)
    assert (table["z"].abs() < Z).all(), table
    assert (table["status"] != Status.DISAGREES).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "alpha", "start"),
    [
        (PERCEPTRON, 1.9, "uninformative"),
        (PERCEPTRON, 1.45, "informative"),
        (sp.GLM(sp.GaussBernoulli(0.2), sp.Linear()), 0.5, "uninformative"),
        (sp.GLM(sp.Gaussian(), sp.Abs()), 2.5, "uninformative"),
    ],
    ids=str,
)
def test_recovery_above_the_threshold(model, alpha, start):
    table = by_quantity(crosscheck(model, size=1500, instances=8, rng=3, alpha=alpha, start=start))
    assert table["converged"].iloc[0] >= 6
    assert table.loc["mse", "theory"] < 1e-20
    assert table.loc["mse", "simulated"] < 1e-7
    assert abs(table.loc["mse", "z"]) < Z


@pytest.mark.slow
def test_phase_retrieval_below_weak_recovery_learns_nothing():
    table = by_quantity(crosscheck(sp.GLM(sp.Gaussian(), sp.Abs()), size=1500, instances=8, rng=4, alpha=0.3))
    assert table.loc["overlap", "theory"] <= 1e-14  # where state evolution counts the signal as lost
    assert table.loc["overlap", "simulated"] < 0.03
    assert table["converged"].iloc[0] >= 6
