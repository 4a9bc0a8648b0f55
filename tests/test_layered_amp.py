"""Message passing for spiked matrices and for networks of random weights, against theory and against exact answers."""

import tracemalloc

import numpy as np
import pytest
import sympy
from scipy import integrate, stats

import spinodal as sp
from spinodal.equations.result import Status
from spinodal.validate.amp import amp
from spinodal.validate.crosscheck import crosscheck
from spinodal.validate.layer_denoisers import layer_denoiser
from spinodal.validate.layered_evolution import evolve_glm, evolve_wigner, evolve_wishart
from spinodal.validate.message_passing import amp_trajectories
from spinodal.validate.side import INFORMED, NUDGE, MatrixStage
from spinodal.validate.spiked_amp import wigner_amp, wishart_amp
from spinodal.validate.symmetry import free_signs, is_centred, nudged_inputs
from spinodal.validate.teacher import as_sampled, layer_sizes, sample_instance, sample_wigner, sample_wishart


def network(*layers, latent=None):
    return sp.Generative(layers=layers, latent=latent or sp.Gaussian())


SIGN, LINEAR, RELU = network((sp.Sign(), 4)), network((sp.Linear(), 2)), network((sp.ReLU(), 2))


def by_quantity(table):
    return table.set_index("quantity")


# ---- layers ----


def posterior_of_layer(channel, B, A, w, V):
    """Cumulants of v and h from the definition: h ~ N(w, V + input noise), v = phi(h) + noise, weight exp(B v - A v^2/2)."""
    noise, spread = float(channel.noise), V + float(channel.input_noise)
    width = np.sqrt(spread)
    shrunk = 1 + A * noise

    def moment(power_v, power_h):
        def integrand(h, slope, intercept):
            v = slope * h + intercept
            mean, variance = (v + B * noise) / shrunk, noise / shrunk
            weight = np.exp((B * v - A * v * v / 2 + B * B * noise / 2) / shrunk) / np.sqrt(shrunk)
            value = {0: 1.0, 1: mean, 2: mean**2 + variance}[power_v]
            return stats.norm.pdf(h, w, width) * weight * value * (h - w) ** power_h

        total = 0.0
        for low, high, slope, intercept in channel.pieces:
            low, high = max(float(low), w - 12 * width), min(float(high), w + 12 * width)
            if low < high:
                total += integrate.quad(integrand, low, high, args=(float(slope), float(intercept)), epsabs=1e-13,
                                        epsrel=1e-12, limit=200)[0]
        return total

    weight = moment(0, 0)
    v, vv, h, hh = (moment(*powers) / weight for powers in ((1, 0), (2, 0), (0, 1), (0, 2)))
    return v, vv - v * v, h / spread, (hh - h * h) / spread**2 - 1 / spread


@pytest.mark.parametrize(
    "channel",
    [sp.Sign(), sp.ReLU(), sp.Linear(noise=0.2), sp.Abs(), sp.LeakyReLU(0.2), sp.Door(0.7),
     sp.HardTanh(noise=0.1, input_noise=0.2)],
    ids=str,
)  # fmt: skip
def test_layer_denoiser_is_the_posterior_of_the_layer(channel):
    denoise = layer_denoiser(channel)
    for B, A, w, V in [(0.3, 0.5, -0.4, 0.7), (-3.0, 6.0, 0.9, 0.2), (0.0, 0.0, 0.5, 0.6), (9.0, 30.0, 0.2, 0.01)]:
        found = [value[0] for value in denoise(np.array([B]), A, np.array([w]), V)]
        assert found == pytest.approx(posterior_of_layer(channel, B, A, w, V), rel=1e-8, abs=1e-9)


def test_layer_denoiser_is_refused_symbols():
    with pytest.raises(ValueError, match="activation = .* holds symbols: give values for slope"):
        layer_denoiser(sp.LeakyReLU(sympy.Symbol("slope")))


# ---- instances ----


def test_networks_are_sampled_from_their_definition():
    prior = network((sp.ReLU(), 2), (sp.Sign(), 3))
    source = sample_wigner(prior, 0.5, 601, 0).source
    assert layer_sizes(prior, 601) == (100, 200, 601)
    assert [part.size for part in source.parts] == [100, 200, 601]
    assert source.parts[1] == pytest.approx(np.maximum(source.weights[0] @ source.parts[0], 0))
    assert (source.signal == np.sign(source.weights[1] @ source.parts[1])).all()
    assert [np.mean(weights**2) * weights.shape[1] for weights in source.weights] == pytest.approx([1, 1], abs=0.05)
    assert [ratio for _, ratio in as_sampled(prior, 601).layers] == [2, sympy.Rational(601, 200)]


def test_spiked_matrices_have_spike_and_noise():
    one = sample_wigner(sp.Rademacher(), 0.4, 1100, 3)
    noise = one.matrix - np.outer(one.source.signal, one.source.signal) / np.sqrt(1100)
    assert (one.matrix == one.matrix.T).all()
    above = noise[np.triu_indices(1100, 1)]
    assert above.var() == pytest.approx(0.4, rel=6 / np.sqrt(above.size))
    assert np.diag(noise).var() == pytest.approx(0.8, rel=0.2)
    # entries of different blocks are independent: the spectrum is the semicircle
    assert np.linalg.eigvalsh(noise)[-1] / np.sqrt(1100) == pytest.approx(2 * np.sqrt(0.4), rel=0.03)
    assert (sample_wigner(sp.Rademacher(), 0.4, 1100, 3).matrix == one.matrix).all()
    two = sample_wishart(sp.Gaussian(), SIGN, 0.4, 1.5, 600, 3)
    assert two.matrix.shape == (900, 600)
    noise = two.matrix - np.outer(two.left.signal, two.right.signal) / np.sqrt(600)
    assert noise.var() == pytest.approx(0.4, rel=0.02)


def test_a_symmetric_matrix_takes_little_more_than_its_own_memory():
    tracemalloc.start()
    try:
        matrix = sample_wigner(sp.Rademacher(), 0.4, 2500, 0).matrix
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.8 * matrix.nbytes


# ---- which signs can be known ----


def test_signs_of_networks():
    assert free_signs(network((sp.Sign(), 1), (sp.Linear(), 1)), True) == [True, True, True]
    assert free_signs(network((sp.Sign(), 1), (sp.Linear(), 1)), False) == [False, False, False]
    assert free_signs(network((sp.Abs(), 1), (sp.Linear(), 1)), True) == [True, False, False]
    assert free_signs(network((sp.Linear(), 1), (sp.ReLU(), 1)), True) == [False, False, False]
    assert free_signs(network((sp.Sign(), 1), latent=sp.Bernoulli(0.3)), True) == [False, False]
    assert is_centred(network((sp.HardTanh(), 2)))
    assert not is_centred(network((sp.ReLU(), 2), (sp.Sign(), 2)))
    assert nudged_inputs(network((sp.Linear(), 1), (sp.Abs(), 1)), False) == [False, True, False]
    assert nudged_inputs(SIGN, True) == [False, True]


# ---- message passing against exact answers ----


def test_linear_network_is_the_exact_posterior_mean():
    """y = F_2 F_1 z + noise: Gaussian, so the mean is known; scalar variances fluctuate at finite size."""
    prior, channel = LINEAR, sp.Linear(noise=0.3)
    instance = sample_instance(prior, channel, 1.0, 800, 0)
    run = amp(prior, channel, instance, tolerance=1e-9)
    (weights,), matrix = instance.source.weights, instance.matrix
    both = matrix @ weights
    exact = weights @ np.linalg.solve(both.T @ both / 0.3 + np.eye(400), both.T @ instance.output / 0.3)
    assert run.converged
    assert np.sqrt(np.mean((run.estimate - exact) ** 2)) < 0.02


def test_wigner_without_layers_is_the_algorithm_of_the_books():
    prior, delta, p = sp.Rademacher(), 0.4, 500
    instance = sample_wigner(prior, delta, p, 0)
    run = wigner_amp(prior, instance, max_iterations=6, tolerance=0.0, rng=5)
    estimate = wigner_amp(prior, instance, max_iterations=1, tolerance=0.0, rng=5)
    start = run.trajectory["overlap"][0]
    assert estimate.trajectory["overlap"][0] == start
    overlaps, before, now = [], None, _start_of(prior, instance, rng=5)
    for _ in range(6):
        field = instance.matrix @ now / np.sqrt(p) / delta
        if before is not None:
            field -= np.mean(1 - now**2) / delta * before
        before, now = now, np.tanh(field)
        overlaps.append(abs(now @ instance.source.signal) / p)
    assert overlaps == pytest.approx(run.trajectory["overlap"][1:].to_list(), rel=1e-9)


def _start_of(prior, instance, rng):
    from spinodal.validate.side import Side

    side = Side(prior, instance.source)
    side.begin("uninformative", True, np.random.default_rng(rng))
    return side.estimate


def test_transposed_wishart_is_the_same_problem():
    """Y^T = v u^T/sqrt(p) + ...: in units of its own n columns, the noise is that of delta p/n."""
    instance = sample_wishart(sp.Gaussian(), sp.Rademacher(), 0.3, 2.0, 500, 0)
    turned = type(instance)(matrix=np.ascontiguousarray(instance.matrix.T) * np.sqrt(0.5), left=instance.right,
                            right=instance.left, delta=0.3 * 0.5)
    # u v^T/sqrt(500) * sqrt(1/2) = u v^T/sqrt(1000)
    run = wishart_amp(sp.Gaussian(), sp.Rademacher(), instance, tolerance=1e-9)
    other = wishart_amp(sp.Rademacher(), sp.Gaussian(), turned, tolerance=1e-9)
    assert run.converged
    assert other.converged
    end, back = run.trajectory.iloc[-1], other.trajectory.iloc[-1]
    assert (end["overlap"], end["overlap_u"]) == pytest.approx((back["overlap_u"], back["overlap"]), abs=1e-6)


def test_starts_are_where_they_say():
    instance = sample_wigner(SIGN, 0.5, 800, 0)
    even = wigner_amp(SIGN, instance, max_iterations=2).trajectory.iloc[0]
    assert (even["variance"], even["m_1"]) == pytest.approx((1 - NUDGE, 0), rel=1e-6)
    informed = wigner_amp(SIGN, instance, max_iterations=2, start="informative").trajectory.iloc[0]
    assert informed["variance"] == pytest.approx(INFORMED, rel=1e-6)
    assert informed["m_1"] == pytest.approx(1, abs=0.2)
    instance = sample_wigner(RELU, 0.5, 800, 0)
    mean = wigner_amp(RELU, instance, max_iterations=2).trajectory.iloc[0]
    assert mean["variance"] == pytest.approx(0.5 - 1 / (2 * np.pi), rel=1e-9)  # not 1
    with pytest.raises(ValueError, match="start = 'warm' is not known"):
        wigner_amp(RELU, instance, start="warm")


def test_atoms_that_are_known_stay_known():
    """Two sign layers: once a hidden layer is found its g are lost in a sum of none, and the next step would forget."""
    prior = network((sp.Sign(), 2), (sp.Sign(), 2))
    run = wigner_amp(prior, sample_wigner(prior, 0.2, 1000, 0))
    assert run.converged
    assert (run.overlap, run.trajectory["m_2"].iloc[-1]) == pytest.approx((1, 1), abs=1e-6)
    assert 0.5 < run.trajectory["m_1"].iloc[-1] < 0.9


@pytest.mark.parametrize("prior", [LINEAR, RELU], ids=["linear", "relu"])
def test_damping_reaches_the_same_fixed_point(prior):
    channel = sp.Linear(noise=0.1)
    instance = sample_instance(prior, channel, 0.8, 600, 0)
    plain, damped = (amp(prior, channel, instance, tolerance=1e-8, damping=d) for d in (0.0, 0.2))
    assert plain.converged
    assert damped.converged
    assert plain.estimate == pytest.approx(damped.estimate, abs=1e-6)


def test_a_stage_keeps_its_precision_positive():
    stage = MatrixStage(np.random.default_rng(0).standard_normal((40, 20)) / np.sqrt(20))
    precision, field = stage.answer(np.zeros(20), np.zeros(40), np.linspace(-1, 1, 40))
    assert precision == 1e-30
    assert (field == 0).all()


# ---- state evolution of the layers ----


@pytest.mark.parametrize(
    ("prior", "delta", "known"),
    [(SIGN, 0.37, 0.0703869), (LINEAR, 1.3, 0.4970563), (sp.Rademacher(), 0.63, 0.5569944)],
    ids=["sign", "linear", "rademacher"],
)
@pytest.mark.parametrize("start", ["uninformative", "informative"])
def test_evolution_ends_where_the_fixed_point_is(prior, delta, known, start):
    trajectory, status = evolve_wigner(prior, delta, start)
    assert status is Status.CONVERGED
    assert trajectory["mse"].iloc[-1] == pytest.approx(known, abs=1e-7)
    (best, *_) = sp.fixed_points(sp.SpikedWigner(prior), delta=delta)
    assert trajectory["mse"].iloc[-1] == pytest.approx(best.observables["mse"], rel=1e-7)
    if "m_1" in best.order_parameters:
        assert trajectory["m_1"].iloc[-1] == pytest.approx(best.order_parameters["m_1"], rel=1e-7)


def test_evolution_of_a_relu_layer_ends_where_that_of_the_solved_network_does():
    trajectory, status = evolve_wigner(RELU, 0.1, "uninformative")
    assert status is Status.CONVERGED
    solved = sp.state_evolution(sp.SpikedWigner(RELU), delta=0.1)
    assert trajectory["mse"].iloc[-1] == pytest.approx(solved.mse, rel=1e-7)


def test_evolution_of_wishart_ends_where_the_fixed_point_is():
    trajectory, status = evolve_wishart(sp.Gaussian(), sp.Rademacher(), 0.3, 1.5, "uninformative")
    best = sp.equilibrium(sp.SpikedWishart(sp.Gaussian(), sp.Rademacher(), 1.5), delta=0.3)
    assert status is Status.CONVERGED
    for name in ("overlap", "mse", "overlap_u", "mse_u"):
        assert trajectory[name].iloc[-1] == pytest.approx(best.observables[name], rel=1e-7)


@pytest.mark.parametrize(
    ("prior", "channel", "alpha"),
    [(sp.Gaussian(), sp.Sign(), 1.0), (SIGN, sp.Sign(), 0.8), (LINEAR, sp.Linear(noise=0.1), 0.7)],
    ids=["no layers", "sign", "linear"],
)
def test_evolution_of_a_glm_ends_where_that_of_the_solved_network_does(prior, channel, alpha):
    trajectory, status = evolve_glm(prior, channel, alpha, "uninformative")
    solved = sp.state_evolution(sp.GLM(prior, channel), alpha=alpha)
    assert status is Status.CONVERGED
    assert trajectory["mse"].iloc[-1] == pytest.approx(solved.mse, rel=1e-7)


# ---- cross-check ----


def test_columns_and_quantities():
    table = crosscheck(sp.SpikedWigner(SIGN), size=300, instances=3, delta=0.4)
    assert list(table.columns) == [
        "quantity", "theory", "simulated", "standard_error", "z", "size", "converged", "instances", "status"
    ]
    assert set(table["quantity"]) == {"overlap", "mse", "believed_mse", "matrix_mse", "m_1"}
    assert table.attrs["controls"] == {"delta": 0.4}
    counts = table.attrs["iterations"][300]
    assert counts["fewest"] <= counts["mean"] <= counts["most"]
    assert abs(counts["theory"] - counts["mean"]) < 20
    wishart = crosscheck(sp.SpikedWishart(sp.Gaussian(), SIGN), size=300, instances=3, delta=0.3, beta=1.5)
    assert {"overlap_u", "mse_u", "believed_mse_u", "m_1", "matrix_mse"} < set(wishart["quantity"])
    assert wishart.attrs["controls"] == {"delta": 0.3, "beta": 1.5}
    layered = crosscheck(sp.GLM(SIGN, sp.Sign()), size=300, instances=3, alpha=0.8)
    assert {"overlap", "mse", "m_1", "generalisation_error", "bayes_vote_error"} < set(layered["quantity"])


def test_layers_of_u_have_names_of_their_own():
    table = crosscheck(sp.SpikedWishart(SIGN, RELU, 1), size=200, instances=2, delta=0.1)
    assert {"m_1", "m_u1"} < set(table["quantity"])


def test_instances_that_did_not_converge_are_reported():
    table = crosscheck(sp.SpikedWigner(LINEAR), size=200, instances=3, delta=0.5, max_iterations=3)
    assert (table["converged"] == 0).all()
    assert (table["status"] == Status.NOT_CONVERGED).all()
    assert np.isfinite(table["theory"]).all()
    assert "0 of 3 instances converged at size 200 (3 not averaged in)" in table.attrs["summary"]
    assert set(table.attrs["iterations"][200]) == {"theory"}


@pytest.mark.parametrize(
    ("model", "settings", "error", "said"),
    [
        (sp.SpikedWigner(SIGN), {"delta": 0}, ValueError, "delta = 0 is not a finite positive number"),
        (sp.SpikedWigner(SIGN), {"delta": "1"}, (TypeError, ValueError), "delta = "),
        (sp.SpikedWigner(SIGN), {}, ValueError, "'delta' has no value"),
        (sp.SpikedWigner(SIGN), {"delta": 1, "size": 5}, ValueError, "size = 5 is too small"),
        (sp.SpikedWishart(SIGN, SIGN), {"delta": 1}, ValueError, "'beta' has no value"),
    ],
)
def test_misuse_is_refused_at_once(model, settings, error, said):
    with pytest.raises(error, match=said):
        crosscheck(model, **settings)


@pytest.mark.parametrize(
    ("model", "controls"),
    [
        (sp.SpikedWigner(SIGN), {"delta": 0.37}),
        (sp.SpikedWishart(sp.Gaussian(), sp.Rademacher()), {"delta": 0.3, "beta": 1.5}),
        (sp.GLM(SIGN, sp.Sign()), {"alpha": 0.8}),
    ],
    ids=["wigner", "wishart", "glm"],
)
def test_every_iteration_follows_state_evolution(model, controls):
    table = amp_trajectories(model, size=600, instances=10, iterations=8, rng=1, **controls)
    assert (table["z"].abs() < 5).all(), table
    assert table["status"].map(lambda status: status.good).all()


def test_symbols_of_the_prior_are_controls():
    model = sp.SpikedWigner(network((sp.LeakyReLU(sympy.Symbol("slope")), 2)))
    table = by_quantity(crosscheck(model, size=300, instances=4, delta=0.1, slope=0.5))
    assert abs(table.loc["mse", "z"]) < 6


# ---- theory and simulation, with their errors ----


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "controls"),
    [
        (sp.SpikedWigner(SIGN), {"delta": 0.37}),
        (sp.SpikedWigner(LINEAR), {"delta": 0.5}),
        (sp.SpikedWigner(RELU), {"delta": 0.1}),
        (sp.SpikedWigner(sp.Rademacher()), {"delta": 0.3}),
        (sp.SpikedWigner(sp.GaussBernoulli(0.3)), {"delta": 0.025}),
        (sp.SpikedWigner(network((sp.Abs(), 2))), {"delta": 0.05}),
        (sp.SpikedWigner(network((sp.ReLU(), 2), (sp.Linear(), 2))), {"delta": 0.1}),
        (sp.SpikedWigner(network((sp.ReLU(), 2), (sp.Sign(), 2))), {"delta": 0.2}),
        (sp.SpikedWigner(network((sp.Linear(), 2), latent=sp.GaussBernoulli(0.3))), {"delta": 0.06}),
        (sp.SpikedWishart(sp.Gaussian(), sp.Rademacher(), 1.5), {"delta": 0.3}),
        (sp.SpikedWishart(network((sp.Sign(), 2)), RELU, 1.2), {"delta": 0.2}),
        (sp.GLM(SIGN, sp.Sign()), {"alpha": 0.8}),
        (sp.GLM(network((sp.ReLU(), 2), (sp.ReLU(), 2)), sp.Linear(noise=0.05)), {"alpha": 0.5}),
        (sp.GLM(network((sp.Linear(), 3)), sp.Abs(noise=0.01)), {"alpha": 0.8}),
    ],
    ids=str,
)
def test_message_passing_reaches_what_theory_says(model, controls):
    table = crosscheck(model, size=1500, instances=16, rng=2, **controls)
    assert table["converged"].iloc[0] >= 15
    assert (table["status"] != Status.DISAGREES).all(), table
    assert (table["z"].abs() < 4).all(), table


@pytest.mark.slow
@pytest.mark.parametrize(("prior", "delta", "known"), [(LINEAR, 1.3, 0.4970563), (sp.Rademacher(), 0.63, 0.5569944)])
def test_close_to_the_threshold_fluctuations_are_reported(prior, delta, known):
    near = by_quantity(crosscheck(sp.SpikedWigner(prior), size=2000, instances=16, rng=2, delta=delta))
    far = by_quantity(crosscheck(sp.SpikedWigner(prior), size=2000, instances=16, rng=2, delta=delta / 3))
    assert near.loc["mse", "theory"] == pytest.approx(known, abs=1e-7)
    assert near.loc["mse", "standard_error"] > 2 * far.loc["mse", "standard_error"]
    assert abs(near.loc["mse", "z"]) < 4
