"""Denoisers of message passing against brute-force posteriors and against numerical differentiation."""

import numpy as np
import pytest
import sympy
from scipy import stats

import spinodal as sp
from spinodal.equations.functions import NUMPY
from spinodal.validate.denoisers import input_denoiser, output_denoiser
from spinodal.validate.fast import log_interval
from spinodal.validate.teacher import activation

PRIORS = [
    sp.Gaussian(),
    sp.Gaussian(0.5, variance=2),
    sp.Rademacher(),
    sp.GaussBernoulli(0.3),
    sp.SparseRademacher(0.4, amplitude=1.5),
    sp.Bernoulli(0.2),
    sp.Discrete([0, 1, 3], [0.5, 0.3, 0.2]),
    sp.GaussianMixture([0.2, 0.3, 0.5], means=[0, 1, -1], variances=[0, 1, 0.5]),
]
ACTIVATIONS = {
    "linear": sp.Linear, "sign": sp.Sign, "abs": sp.Abs, "relu": sp.ReLU, "hard tanh": sp.HardTanh,
    "leaky": lambda **noise: sp.LeakyReLU(0.2, **noise),
    "falling": lambda **noise: sp.LeakyReLU(-0.5, **noise),
    "door": lambda **noise: sp.Door(0.67449, **noise),
    "steps": lambda **noise: sp.PiecewiseLinear(
        [-1, 0.5], slopes=[0, 1, 2], intercepts=[-1, 0, -0.5], **noise
    ),
}
NOISES = [{"noise": 0.3}, {"noise": 0.3, "input_noise": 0.2}, {}, {"input_noise": 0.2}]
H = np.linspace(-10, 10, 100_001)


def posterior(weights, values):
    mean = np.sum(weights * values) / np.sum(weights)
    return mean, np.sum(weights * (values - mean) ** 2) / np.sum(weights)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
@pytest.mark.parametrize("precision", [0.1, 1.0, 30.0])
def test_input_denoiser_is_the_posterior(prior, precision):
    fields = precision * np.array([-2.0, -0.3, 0.0, 0.7, 1.9])
    mean, variance = input_denoiser(prior)(precision, fields)
    for k, field in enumerate(fields):
        weights, values = [], []
        for w, mu, s in ([float(part) for part in component] for component in prior.components):
            grid = np.array([mu]) if s == 0 else H
            density = np.array([1.0]) if s == 0 else stats.norm.pdf(H, mu, np.sqrt(s)) * (H[1] - H[0])
            weights.append(w * density * np.exp(field * grid - precision * grid**2 / 2))
            values.append(grid)
        exact = posterior(np.concatenate(weights), np.concatenate(values))
        assert (mean[k], variance[k]) == pytest.approx(exact, rel=1e-9, abs=1e-12)


DENSITIES = {
    "laplace": (sp.Laplace(1.5), stats.laplace(scale=1.5)),
    "uniform": (sp.SciPyPrior(stats.uniform(-1, 3)), stats.uniform(-1, 3)),
    "gumbel": (sp.SciPyPrior(stats.gumbel_r(0.3)), stats.gumbel_r(0.3)),
}


@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize("precision", [1e-3, 1.0, 300.0])
def test_tabulated_input_denoiser_is_the_posterior(name, precision):
    """So many fields are interpolated; the posterior by brute force, of every hundredth."""
    prior, law = DENSITIES[name]
    rng = np.random.default_rng(3)
    fields = precision * law.rvs(2000, random_state=rng) + np.sqrt(precision) * rng.standard_normal(2000)
    mean, variance = input_denoiser(prior)(precision, fields)
    low, high = law.ppf(1e-15), law.isf(1e-15)
    grid = np.concatenate([low + (0 - low) * np.arange(0.5, 1e5) / 1e5, high * np.arange(0.5, 1e5) / 1e5])  # split at 0
    weights = law.pdf(grid) * np.where(grid < 0, -low, high)
    for k in range(0, 2000, 100):
        exact = posterior(weights * np.exp(-precision * (grid - fields[k] / precision) ** 2 / 2), grid)
        assert mean[k] == pytest.approx(exact[0], abs=2e-7 * np.sqrt(exact[1]))
        assert variance[k] == pytest.approx(exact[1], rel=2e-6)


@pytest.mark.parametrize("precision", [1e-9, 1e9])
def test_tabulated_input_denoiser_at_extreme_precisions(precision):
    signal = np.random.default_rng(0).laplace(size=500)
    mean, variance = input_denoiser(sp.Laplace(1))(precision, precision * signal)
    small = precision < 1
    assert mean == pytest.approx(np.zeros(500) if small else signal, abs=1e-7)
    assert variance == pytest.approx(2.0 if small else 1e-9, rel=1e-3)


def test_few_fields_and_fields_that_are_not_finite():
    denoise = input_denoiser(sp.Laplace(1))
    fields = np.linspace(-4, 4, 500)
    (many, _), (few, _) = denoise(2.0, fields), denoise(2.0, fields[::50])
    assert few == pytest.approx(many[::50], abs=1e-7)
    assert np.isnan(denoise(2.0, np.full(3, np.nan))).all()


@pytest.mark.parametrize("width", [1e-6, 1e-3, 0.5, 30.0])
def test_log_probability_of_an_interval(width):
    """Against the accurate function of the theory: to rounding of 1, or of itself where it is large."""
    low = np.concatenate([np.linspace(-40, 40, 161), [-1e5, 1e3]])
    exact = NUMPY["LogInterval"](low, low + width)
    assert log_interval(low, low + width) == pytest.approx(exact, rel=1e-14, abs=1e-13)


@pytest.mark.parametrize("noise", NOISES, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_output_denoiser_is_the_posterior_of_the_field(name, noise):
    """g = (E[h | y] - w)/T and dg/dw = (Var[h | y] - T)/T^2 with T = V + input_noise."""
    channel = ACTIVATIONS[name](**noise)
    outer, spread = noise.get("noise", 0), 0.6 + noise.get("input_noise", 0)
    # outputs that this channel can produce, on every piece
    y = activation(channel, np.array([-1.7, -0.4, 0.2, 0.9, 2.1])) + (0.15 if outer else 0)
    phi = activation(channel, H)
    for w in (-0.8, 0.3):
        g, slope = output_denoiser(channel).on(y)(np.full(y.shape, w), 0.6)
        for k, output in enumerate(y):
            law = stats.norm.pdf(H, w, np.sqrt(spread))
            if outer:
                exact = posterior(law * stats.norm.pdf(output, phi, np.sqrt(outer)), H)
            elif (phi == output).sum() > 2:  # an atom
                exact = posterior(law * (phi == output), H)
            else:  # preimages, each with 1/|slope|
                roots = [
                    ((output - float(d)) / float(c), abs(float(c)))
                    for low, high, c, d in channel.pieces
                    if c != 0 and float(low) <= (output - float(d)) / float(c) <= float(high)
                ]
                h, c = np.array(roots).T
                exact = posterior(stats.norm.pdf(h, w, np.sqrt(spread)) / c, h)
            expected = (exact[0] - w) / spread, (exact[1] - spread) / spread**2
            assert (g[k], slope[k]) == pytest.approx(expected, rel=2e-4, abs=2e-4)


@pytest.mark.parametrize("noise", NOISES, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("variance", [1.0, 1e-3])
def test_derivative_of_the_output_denoiser(name, noise, variance):
    channel = ACTIVATIONS[name](**noise)
    rng = np.random.default_rng(1)
    h = rng.standard_normal(200)
    y = activation(channel, h) + np.sqrt(noise.get("noise", 0)) * rng.standard_normal(200)
    w = h + np.sqrt(variance) * rng.standard_normal(200)
    denoise = output_denoiser(channel).on(y)
    step = 1e-5 * np.sqrt(variance)
    numeric = (denoise(w + step, variance)[0] - denoise(w - step, variance)[0]) / (2 * step)
    assert denoise(w, variance)[1] == pytest.approx(numeric, rel=1e-5, abs=1e-5 / variance)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_variance_is_the_derivative_of_the_mean(prior):
    field, step = np.linspace(-3, 3, 41), 1e-5
    denoise = input_denoiser(prior)
    numeric = (denoise(2.0, field + step)[0] - denoise(2.0, field - step)[0]) / (2 * step)
    assert denoise(2.0, field)[1] == pytest.approx(numeric, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
@pytest.mark.parametrize("precision", [1e-12, 1e12])
def test_input_denoiser_at_extreme_precisions(prior, precision):
    signal = np.array([float(mu) for _, mu, _ in prior.components])
    mean, variance = input_denoiser(prior)(precision, precision * signal)
    assert np.isfinite(mean).all()
    assert (variance >= 0).all()
    if precision > 1:
        assert mean == pytest.approx(signal, abs=1e-5)
        assert (variance < 1e-5).all()
    else:
        assert mean == pytest.approx(np.full(signal.shape, float(prior.first_moment)), abs=1e-9)


@pytest.mark.parametrize("noise", NOISES, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_output_denoiser_as_the_variance_vanishes(name, noise):
    channel = ACTIVATIONS[name](**noise)
    h = np.array([-1.7, -0.4, 0.2, 0.9, 2.1])
    denoise = output_denoiser(channel).on(activation(channel, h))
    for variance in (1e-6, 1e-12):
        for w in (h, h + 3 * np.sqrt(variance), h + 0.1):  # right, nearly right, and wrong
            g, slope = denoise(w, variance)
            assert np.isfinite(g).all()
            assert np.isfinite(slope).all()


def test_impossible_outputs_are_refused():
    with pytest.raises(ValueError, match=r"output = 0\.5 cannot come from"):
        output_denoiser(sp.Sign()).on(np.array([1.0, 0.5]))
    with pytest.raises(ValueError, match=r"output = -1 cannot come from"):
        output_denoiser(sp.Abs()).on(np.array([1.0, -1.0]))


def test_symbols_must_have_values():
    rho = sympy.Symbol("rho")
    with pytest.raises(ValueError, match="give values for rho"):
        input_denoiser(sp.GaussBernoulli(rho))
    with pytest.raises(ValueError, match="give values for rho"):
        output_denoiser(sp.Sign(input_noise=rho))
