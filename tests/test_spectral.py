"""PCA and LAMP: second moments of networks, the explicit curve of overlaps, instances and data against it."""

import dataclasses
import itertools
import math
import sys

import mpmath
import numpy as np
import pandas as pd
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy import integrate, optimize, stats

import spinodal as sp
from spinodal.equations import spectral as numerics
from spinodal.equations.result import Status
from spinodal.equations.spectral import lamp_overlap, spectrum_of, spectrum_of_eigenvalues
from spinodal.phase_diagrams.spectral import plot_spectral_overlaps, spectral_overlaps, spectral_thresholds
from spinodal.theory.generative import Generative
from spinodal.theory.spectral import linear_network, one_layer_spectrum, threshold_formulas
from spinodal.validate.second_moments import (
    second_moments_of_generator,
    second_moments_of_matrix,
    second_moments_of_samples,
)
from spinodal.validate.spectral import lamp, pca, sample_spiked, spiked_matrix, squared_cosine
from spinodal.validate.spectral_check import spectral_check
from spinodal.validate.spectral_figures import (
    digit_images,
    digits_figure,
    plot_overlaps_on_samples,
    spectral_overlaps_on_samples,
)
from spinodal.validate.teacher import activation as activated

LEAKY = sp.LeakyReLU(0.3)
SHIFTED = sp.PiecewiseLinear([-0.5, 1.0], slopes=[0.2, 1.0, -0.5], intercepts=[0.0, 0.3, 2.0], input_noise=0.2)
ACTIVATIONS = [sp.Linear(), sp.Sign(), sp.Sign(input_noise=0.3), sp.ReLU(), LEAKY, sp.HardTanh(noise=0.1), sp.Abs(),
               sp.Door(0.5), SHIFTED]


def one_layer(activation, ratio, **rest):
    return Generative(layers=[(activation, ratio)], **rest)


# ---- theory ----


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (0.7, 0.4), (-2.0, 0.05)])
def test_moments_of_a_layer_are_those_of_its_function(activation, mean, variance):
    """By adaptive quadrature of phi itself; the response by Stein's lemma, E phi' = E (h - b) phi/V."""
    layer = linear_network(one_layer(activation, 2)).layers[0]
    found = numerics._functions((layer.mean, layer.response, layer.rest))(mean, variance)
    width = variance + float(activation.input_noise)
    law = stats.norm(mean, math.sqrt(width))
    breaks = [float(low) for low, *_ in activation.pieces[1:]]

    def average(f):
        edges = [law.mean() - 12 * law.std(), *breaks, law.mean() + 12 * law.std()]
        edges = np.clip(edges, edges[0], edges[-1])
        return sum(integrate.quad(lambda h: f(h, activated(activation, np.array([h]))[0]) * law.pdf(h), a, c,
                                  epsabs=1e-14, limit=200)[0] for a, c in itertools.pairwise(edges) if c > a)

    first, slope = average(lambda h, y: y), average(lambda h, y: (h - mean) * y) / width
    second = average(lambda h, y: y * y) + float(activation.noise)
    assert found == pytest.approx([first, slope, second - first**2 - slope**2 * variance], abs=1e-10)


def test_thresholds_are_formulas():
    a, c = sympy.symbols("a c", positive=True)
    ratio = sympy.Symbol("a", real=True)
    assert threshold_formulas(one_layer(sp.Linear(), a))["lamp"] == 1 + ratio
    assert sympy.simplify(threshold_formulas(one_layer(sp.Sign(), a))["lamp"] - 1 - 4 * ratio / sympy.pi**2) == 0
    two = threshold_formulas(Generative(layers=[(sp.Linear(), a), (sp.Linear(), c)]))["lamp"]
    assert sympy.expand(two - (1 + sympy.Symbol("c", real=True) * (1 + ratio))) == 0
    assert threshold_formulas(one_layer(sp.ReLU(), a)) == {"pca": sympy.Rational(1, 4), "lamp": sympy.oo}
    assert threshold_formulas(one_layer(LEAKY, a))["lamp"] == sympy.oo
    assert threshold_formulas(one_layer(sp.LeakyReLU(1), a))["lamp"] == 1 + ratio
    assert threshold_formulas(one_layer(sp.Linear(), a, latent=sp.Gaussian(1)))["lamp"] == sympy.oo


@pytest.mark.parametrize("layers", [
    [(sp.Linear(), 2)], [(sp.Sign(), 0.7)], [(sp.HardTanh(noise=0.2), 2), (sp.Sign(input_noise=0.1), 3)],
], ids=str)
@pytest.mark.parametrize("latent", [sp.Gaussian(), sp.GaussBernoulli(0.3, variance=2)], ids=str)
def test_threshold_is_the_susceptibility_of_the_prior(layers, latent):
    """lim tr K^2/p = chi_L, as message passing becomes unstable without knowledge."""
    prior = Generative(layers=layers, latent=latent)
    chi = latent.second_moment**2
    rho = latent.second_moment
    for activation, ratio in layers:
        slope = linear_network(one_layer(activation, 1)).layers[0].response
        c = numerics._functions((slope,))(0.0, float(rho))[0]
        rho = activation.output_second_moment(rho)
        rho = numerics._functions((sympy.sympify(rho),))(0.0, 0.0)[0]
        chi = rho**2 + ratio * c**4 * chi
    assert spectrum_of(prior).threshold == pytest.approx(float(chi), rel=1e-13)
    delta = spectrum_of(prior).threshold * np.array([1 - 1e-9, 1 + 1e-9])
    assert 0 < lamp_overlap(prior, delta).value[0] < 1e-8
    assert lamp_overlap(prior, delta).value[1] == 0


@pytest.mark.parametrize(("activation", "ratio"), [
    (sp.Linear(), 0.4), (sp.Linear(), 1), (sp.Linear(), 3), (sp.Sign(), 0.3), (sp.Sign(), 4), (sp.HardTanh(), 2),
], ids=str)
def test_curve_against_the_law_of_marchenko_and_pastur(activation, ratio):
    """The overlap solves int x^2/(delta + q x) = 1 over density and atom, by adaptive quadrature."""
    prior = one_layer(activation, ratio)
    law = one_layer_spectrum(prior)
    values = numerics._functions((law.shift, law.scale, *law.edges, sympy.sympify(law.atom[1])))(0.0, 0.0)
    shift, scale, low, high, weight = map(float, values)

    def mean(f):
        def on_arc(angle):  # x = low + (high - low) sin^2: the roots at the edges are smooth
            x = low + (high - low) * math.sin(angle) ** 2
            density = (high - low) * math.sin(angle) * math.cos(angle) / (2 * math.pi * ratio * scale)
            jacobian = 2 * (high - low) * math.sin(angle) * math.cos(angle)
            gap = x - shift
            return f(x) * density * jacobian / gap if gap > 0 else 0.0

        return integrate.quad(on_arc, 0, math.pi / 2, epsabs=1e-13, epsrel=1e-13, limit=200)[0] + weight * f(shift)

    rho = spectrum_of(prior).second_moment
    assert mean(lambda x: 1.0) == pytest.approx(1, abs=1e-11)
    assert mean(lambda x: x) == pytest.approx(rho, abs=1e-11)
    assert mean(lambda x: x * x) == pytest.approx(spectrum_of(prior).threshold, rel=1e-11)
    for share in (0.03, 0.4, 0.9):
        delta = share * spectrum_of(prior).threshold
        q = optimize.brentq(lambda q, d=delta: mean(lambda x: x * x / (d + q * x)) - 1, 1e-9, 1.1 * rho, xtol=1e-14)
        found = lamp_overlap(prior, np.array([delta]))
        assert found.value[0] == pytest.approx(q / rho, abs=1e-11)
        assert found.error[0] < 1e-13


def test_spectrum_of_other_networks_is_refused():
    with pytest.raises(ValueError, match="2 layers"):
        one_layer_spectrum(Generative(layers=[(sp.Sign(), 1), (sp.Sign(), 1)]))
    with pytest.raises(ValueError, match="has a mean"):
        one_layer_spectrum(one_layer(sp.ReLU(), 1))
    with pytest.raises(ValueError, match="has a mean"):
        one_layer_spectrum(one_layer(sp.Linear(), 1, latent=sp.Bernoulli(0.5)))
    assert one_layer_spectrum(one_layer(sp.Sign(), 4)).atom[1] == sympy.Rational(3, 4)


# ---- the curve ----


def test_linear_generator_reaches_the_bayes_optimal_error():
    """Published: ratio 2, delta 1.3, mmse 0.4970563."""
    table = spectral_overlaps(one_layer(sp.Linear(), 2), delta=1.3)
    assert 1 - table["lamp"][0] == pytest.approx(0.4970563, abs=5e-8)
    assert table["pca"][0] == 0
    assert table["status"][0] is Status.CONVERGED


def test_sign_generator_is_better_estimated_by_bayes():
    """Published: ratio 4, delta 0.37, mmse 0.0703869; the best multiple of LAMP's estimate has more."""
    assert 1 - spectral_overlaps(one_layer(sp.Sign(), 4), delta=0.37)["lamp"][0] > 0.0703869


@pytest.mark.parametrize("delta", [0.01, 1.3, 2.9])
def test_linear_generator_against_thirty_digits(delta):
    """One layer on Gaussian latents: 1/t = (1/m - 1/(1 + alpha m)) with q = 1 - h(t), solved by mpmath."""
    alpha = mpmath.mpf(2)
    with mpmath.workdps(30):
        def t_of(m):
            return 1 / (1 / m - 1 / (1 + alpha * m))

        def gap(m):
            t = t_of(m)
            r = 1 / (1 + t / (1 + alpha * m))
            q = 1 - r / (1 + alpha * m)
            return q / t - mpmath.mpf(delta)

        m = mpmath.findroot(gap, (mpmath.mpf("1e-3"), mpmath.mpf("1e3")), solver="anderson", tol=1e-28)
        exact = float(t_of(m) * mpmath.mpf(delta))
    found = lamp_overlap(one_layer(sp.Linear(), 2), np.array([delta]))
    assert abs(found.value[0] - exact) <= found.error[0]
    assert found.error[0] < 1e-14


def test_independent_components():
    """PCA and LAMP agree without a mean; with one, a quadratic equation for q."""
    delta = np.array([0.001, 0.02, 0.08, 0.2])
    table = spectral_overlaps(sp.GaussBernoulli(0.3), delta=delta)
    assert table["lamp"].to_numpy() == pytest.approx(np.maximum(0, 1 - delta / 0.09), abs=1e-14)
    assert table["pca"].to_numpy() == pytest.approx(np.maximum(0, 1 - delta / 0.09), abs=1e-14)
    m, variance = 0.09, 0.21  # Bernoulli(0.3)
    t = [(m * variance - d + variance**2 + math.sqrt((m * variance - d + variance**2) ** 2 + 4 * d * variance * m))
         / (2 * d * variance) for d in delta]
    assert spectral_overlaps(sp.Bernoulli(0.3), delta=delta)["lamp"].to_numpy() == pytest.approx(t * delta / 0.3, abs=1e-13)


def test_limits():
    delta = np.array([0.05, 0.5, 0.95])
    wide = lamp_overlap(one_layer(sp.Sign(), 1e-9), delta).value
    assert wide == pytest.approx(1 - delta, abs=1e-8)  # many latents: independent components
    odd = lamp_overlap(one_layer(sp.LeakyReLU(1), 3), delta).value
    assert odd == pytest.approx(lamp_overlap(one_layer(sp.Linear(), 3), delta).value, abs=1e-14)
    even = Generative(layers=[(sp.Linear(), 2), (sp.Abs(), 3)])  # nothing of the first layer is seen
    assert lamp_overlap(even, delta).value == pytest.approx(lamp_overlap(one_layer(sp.Abs(), 1), delta).value, abs=1e-14)
    noisy = Generative(layers=[(sp.Linear(), 2), (sp.Linear(noise=0.5), 1e-12)])
    assert spectrum_of(noisy).threshold == pytest.approx(1.5**2)


@pytest.mark.parametrize("prior", [
    Generative(layers=[(sp.HardTanh(), 2)] * 3, latent=sp.Gaussian(3)),
    Generative(layers=[(sp.ReLU(), 2), (sp.ReLU(), 3), (sp.Sign(), 1.5)]),
    Generative(layers=[(sp.Sign(), 2), (LEAKY, 0.5)]),
    Generative(layers=[(SHIFTED, 2)], latent=sp.Bernoulli(0.2)),
], ids=["saturated", "ReLU", "leaky", "shifted"])
def test_means_and_errors(prior):
    """Overlaps fall with the noise, from 1 to the part of the mean, within the errors that are stated."""
    delta = np.geomspace(1e-7, 1e7, 29) * float(spectrum_of(prior).second_moment) ** 2
    found = lamp_overlap(prior, delta)
    known = spectrum_of(prior).mean_square / spectrum_of(prior).second_moment
    assert found.value[0] > 1 - 1e-3
    assert (np.diff(found.value) < 0).all()
    assert found.value[-1] == pytest.approx(known, rel=1e-5)
    assert (found.error < 1e-12).all()
    finer = numerics.spectrum_of(prior, 1 / 32).overlap(delta).value
    assert (np.abs(finer - found.value) <= found.error).all()
    assert math.isinf(spectrum_of(prior).threshold)


def test_a_coarse_average_says_its_error(monkeypatch):
    prior = Generative(layers=[(sp.ReLU(), 2), (sp.Sign(), 3)])
    monkeypatch.setattr(numerics, "_STEP", 2.0)
    monkeypatch.setattr(numerics, "spectrum_of", lambda prior, step=2.0: spectrum_of(prior, step))
    table = spectral_overlaps(prior, delta=0.5)
    monkeypatch.undo()
    assert table["status"][0] is Status.TOLERANCE_MISSED
    assert abs(table["lamp"][0] - spectral_overlaps(prior, delta=0.5)["lamp"][0]) < table["error"][0]


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 20), st.floats(1e-3, 0.999), st.sampled_from([sp.Linear(), sp.Sign(), sp.HardTanh()]))
def test_curve_is_the_error_of_a_gaussian_vector(ratio, share, activation):
    """q = rho - h(q/delta) and q = t delta(t), two expressions of the same point."""
    spectrum = spectrum_of(one_layer(activation, ratio))
    delta = share * spectrum.threshold
    q = spectrum.second_moment * float(spectrum.overlap(np.array([delta])).value[0])
    tau = optimize.brentq(lambda x: float(spectrum.noise(np.array([math.exp(x)]))[0]) - delta, -60, 60, xtol=1e-14)
    t, h, _ = (float(one[0]) for one in spectrum.curve(np.array([math.exp(tau)])))
    assert q == pytest.approx(spectrum.second_moment - h, abs=1e-10)
    assert q == pytest.approx(t * delta, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("prior", [
    Generative(layers=[(sp.Sign(), 2), (sp.Sign(), 1.5)]),
    Generative(layers=[(sp.ReLU(), 2), (sp.Abs(), 0.7)]),
    Generative(layers=[(sp.Linear(), 0.5), (sp.ReLU(), 2), (LEAKY, 2)], latent=sp.Bernoulli(0.5)),
], ids=["sign-sign", "relu-abs", "linear-relu-leaky"])
def test_recursion_against_eigenvalues_of_one_matrix(prior):
    """The Gaussian network's covariance for sampled weights, to what a finite matrix allows."""
    instance = sample_spiked(prior, delta=0.1, size=800, rng=3)
    x = np.linalg.eigvalsh(dense(instance.second_moments))
    spectrum = spectrum_of(prior)
    if spectrum.mean_square > 0:
        assert x[-1] / 800 == pytest.approx(spectrum.mean_square, rel=0.3)
    delta = np.array([0.05, 0.5, 1.0]) * spectrum.second_moment**2
    assert spectrum_of_eigenvalues(x).overlap(delta).value == pytest.approx(lamp_overlap(prior, delta).value, abs=0.03)


# ---- tables and figures ----


def test_tables():
    prior = one_layer(sp.Sign(), sympy.Symbol("ratio"))
    formulas = spectral_thresholds(prior)
    assert formulas["value"].isna().all()
    assert formulas["status"].isna().all()
    table = spectral_thresholds(prior, ratio=2).set_index("method")
    assert table.loc["lamp", "value"] == pytest.approx(1 + 8 / math.pi**2, abs=1e-14)
    assert table.loc["pca", "value"] == 1
    none = spectral_thresholds(one_layer(sp.ReLU(), 2)).set_index("method")
    assert none.loc["lamp", "kind"] == "crossover"
    assert none.loc["lamp", "status"] is Status.LIMIT
    overlaps = spectral_overlaps(sp.SpikedWigner(prior), delta=[0.1, 1.0], ratio=2)
    assert list(overlaps.columns) == ["delta", "pca", "lamp", "error", "status"]
    assert overlaps.attrs["thresholds"]["lamp"] == pytest.approx(1 + 8 / math.pi**2)
    assert overlaps.equals(spectral_overlaps(one_layer(sp.Sign(), 2), delta=[0.1, 1.0]))
    assert spectral_thresholds([1.0, 3.0]).set_index("method")["value"].to_dict() == {"pca": 4.0, "lamp": 5.0}
    assert spectral_overlaps([2.0], delta=1.0)["lamp"][0] == pytest.approx(0.75)


@pytest.mark.parametrize(("source", "options", "error", "words"), [
    (sp.Rademacher(), {"delta": 0.0}, ValueError, "delta holds 0.0: give positive"),
    (sp.Rademacher(), {"delta": [1.0, math.nan]}, ValueError, "delta holds nan"),
    (sp.Rademacher(), {"delta": "much"}, TypeError, "delta = 'much'"),
    (sp.Rademacher(), {"delta": 1.0, "ratio": 2}, ValueError, "'ratio' is not a control of .*; its controls: none"),
    (sp.GaussBernoulli(sympy.Symbol("rho")), {"delta": 1.0}, ValueError, "'rho' has no value"),
    (sp.GaussBernoulli(sympy.Symbol("rho")), {"delta": 1.0, "rho": 2}, ValueError, "rho = 2 is outside"),
    (sp.GLM(sp.Gaussian(), sp.Sign()), {"delta": 1.0}, TypeError, "is no spiked Wigner matrix"),
    (sp.Discrete([1], [1]), {"delta": 1.0}, ValueError, "has no variance"),
    ("covariance", {"delta": 1.0}, TypeError, "neither prior nor numbers"),
    (np.eye(3), {"delta": 1.0}, ValueError, r"the shape \(3, 3\)"),
    ([1.0, -1.0], {"delta": 1.0}, ValueError, "negative"),
    ([1.0, math.inf], {"delta": 1.0}, ValueError, "1 eigenvalues that are not finite"),
    ([1.0], {"delta": 1.0, "ratio": 2}, ValueError, "'ratio' is no control"),
])
def test_bad_input_is_refused(source, options, error, words):
    with pytest.raises(error, match=words):
        spectral_overlaps(source, **options)


def test_figure_of_overlaps():
    table = spectral_check(one_layer(sp.Linear(), 2), delta=[0.5, 1.5], size=60, instances=2)
    ax = plot_spectral_overlaps(one_layer(sp.Linear(), 2), simulated=table, ax=Figure().add_subplot())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "LAMP, theory", "PCA, theory", "LAMP, $p = 60$", "PCA, $p = 60$"]
    assert plot_spectral_overlaps(one_layer(sp.ReLU(), 2)).get_xlim()[1] == 0.75


# ---- instances ----


def dense(moments):
    """K as a matrix, by its products."""
    H = np.stack([moments.forward(one) for one in np.eye(moments.columns)], axis=1)
    back = np.stack([moments.backward(one) for one in np.eye(moments.size)], axis=1)
    np.testing.assert_allclose(back, H.T, atol=1e-12)
    C = np.eye(moments.columns)
    if moments.inner is not None:
        C = np.stack([moments.inner(one) for one in C], axis=1)
    return H @ C @ H.T


def test_sampled_matrix_is_as_defined():
    instance = sample_spiked(one_layer(sp.Sign(), 2), delta=0.25, size=400, rng=0)
    (W,) = instance.weights
    assert W.shape == (400, 200)
    assert set(np.unique(instance.signal)) == {-1.0, 1.0}
    noise = instance.matrix - np.outer(instance.signal, instance.signal) / 20
    assert (instance.matrix == instance.matrix.T).all()
    assert noise[np.triu_indices(400, 1)].var() == pytest.approx(0.25, rel=0.02)
    assert abs(W.var() - 1) < 0.02
    assert sample_spiked(sp.Rademacher(), delta=0, size=10).weights == ()


def test_second_moments_of_one_layer():
    p, k = 90, 30
    W = np.random.default_rng(0).standard_normal((p, k))
    linear = second_moments_of_generator(one_layer(sp.Linear(), 3), [W])
    np.testing.assert_allclose(dense(linear), W @ W.T / k, atol=1e-12)
    assert linear.columns == k
    sign = second_moments_of_generator(one_layer(sp.Sign(), 3), [W])
    np.testing.assert_allclose(dense(sign), (1 - 2 / math.pi) * np.eye(p) + 2 / math.pi * W @ W.T / k, atol=1e-12)
    assert sign.rho == pytest.approx(1)
    relu = second_moments_of_generator(one_layer(sp.ReLU(), 3), [W])
    expected = np.full((p, p), 1 / (2 * math.pi)) + (1 / 4 - 1 / (2 * math.pi)) * np.eye(p) + W @ W.T / (4 * k)
    np.testing.assert_allclose(dense(relu), expected, atol=1e-12)
    assert relu.rho == pytest.approx(0.5)


def test_second_moments_of_deep_networks():
    """A narrow linear end is used; what is not linear on top has no kernel."""
    rng = np.random.default_rng(1)
    W1, W2, W3 = rng.standard_normal((20, 30)), rng.standard_normal((60, 20)), rng.standard_normal((50, 60))
    layers = [(sp.Sign(), 2 / 3), (sp.Linear(), 3), (sp.Linear(), 5 / 6)]
    K1 = (1 - 2 / math.pi) * np.eye(20) + 2 / math.pi * W1 @ W1.T / 30
    found = second_moments_of_generator(Generative(layers=layers), [W1, W2, W3])
    assert found.columns == 20
    np.testing.assert_allclose(dense(found), W3 @ (W2 @ K1 @ W2.T / 20) @ W3.T / 60, atol=1e-11)
    above = second_moments_of_generator(Generative(layers=[(sp.Linear(), 2 / 3), (sp.Sign(), 3)]), [W1, W2])
    assert above.columns == 60
    np.testing.assert_allclose(
        dense(above), (1 - 2 / math.pi) * np.eye(60) + 2 / math.pi * W2 @ (W1 @ W1.T / 30) @ W2.T / 20, atol=1e-11)
    mean = Generative(layers=[(sp.Linear(), 2 / 3)], latent=sp.Gaussian(2, variance=3))
    m = 2 * W1.sum(1) / math.sqrt(30)
    np.testing.assert_allclose(dense(second_moments_of_generator(mean, [W1])), 3 * W1 @ W1.T / 30 + np.outer(m, m),
                               atol=1e-11)


def test_second_moments_of_samples():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((50, 20)) + 1
    np.testing.assert_allclose(dense(second_moments_of_samples(X)), X.T @ X / 50, atol=1e-12)
    np.testing.assert_allclose(dense(second_moments_of_samples(X, centred=True)), np.cov(X.T), atol=1e-12)
    few = second_moments_of_samples(X[:5])
    assert few.columns == 5
    shrunk = second_moments_of_samples(X[:5], shrinkage=0.1)
    K = X[:5].T @ X[:5] / 5
    np.testing.assert_allclose(dense(shrunk), 0.9 * K + 0.1 * np.trace(K) / 20 * np.eye(20), atol=1e-12)
    assert shrunk.rho == pytest.approx(few.rho)
    np.testing.assert_allclose(dense(second_moments_of_matrix(K)), K, atol=1e-12)
    assert second_moments_of_matrix(K).columns == 5


@pytest.mark.parametrize("size", [60, 240], ids=["all eigenvalues", "one"])
@pytest.mark.parametrize("activation", [sp.Linear(), sp.Sign(), sp.ReLU()], ids=str)
def test_lamp_is_the_top_right_eigenvector(activation, size):
    """Of the matrix itself, which is not symmetric; the left one has less overlap with the signal."""
    instance = sample_spiked(one_layer(activation, 2), delta=0.6, size=size, rng=5)
    K = dense(instance.second_moments)
    values, vectors = np.linalg.eig(K @ (instance.matrix / math.sqrt(size) - instance.second_moments.rho * np.eye(size)))
    top = np.argmax(np.where(np.abs(values) > 1e-9, values.real, -np.inf))  # not in the kernel of K
    found = lamp(instance.matrix, instance.second_moments)
    assert found.converged
    assert found.products > 1
    assert found.eigenvalue == pytest.approx(values[top].real, abs=1e-8)
    assert squared_cosine(found.estimate, vectors[:, top].real) == pytest.approx(1, abs=1e-7)
    assert np.mean(found.estimate**2) == pytest.approx(1)
    wrong = np.linalg.lstsq(K, found.estimate, rcond=1e-10)[0]  # the left one
    assert squared_cosine(wrong, instance.signal) < squared_cosine(found.estimate, instance.signal)


def test_lamp_takes_a_matrix():
    instance = sample_spiked(one_layer(sp.Linear(), 2), delta=0.5, size=200, rng=0)
    K = dense(instance.second_moments)
    by_matrix = lamp(instance.matrix, K)
    assert np.trace(K) == pytest.approx(instance.second_moments.trace, rel=5 / 200)
    by_weights = lamp(instance.matrix, dataclasses.replace(instance.second_moments, trace=np.trace(K)))
    assert squared_cosine(by_matrix.estimate, by_weights.estimate) == pytest.approx(1, abs=1e-7)
    assert by_matrix.eigenvalue == pytest.approx(by_weights.eigenvalue, abs=1e-6)


def test_pca_is_the_top_eigenvector():
    instance = sample_spiked(sp.Rademacher(), delta=0.5, size=300, rng=0)
    values, vectors = np.linalg.eigh(instance.matrix / math.sqrt(300))
    found = pca(instance.matrix)
    assert found.eigenvalue == pytest.approx(values[-1], rel=1e-8)
    assert squared_cosine(found.estimate, vectors[:, -1]) == pytest.approx(1, abs=1e-7)
    same = lamp(instance.matrix, np.eye(300))
    assert same.eigenvalue == pytest.approx(values[-1] - 1, rel=1e-7)


def test_unfinished_runs_say_so():
    matrix = spiked_matrix(np.zeros(400), 1.0, np.random.default_rng(0))
    run = pca(matrix, tolerance=0.0, max_restarts=1)
    assert not run.converged
    assert np.mean(run.estimate**2) == pytest.approx(1)
    table = spectral_check(sp.Rademacher(), delta=0.9, size=300, instances=2, tolerance=0.0, max_restarts=1)
    assert (table["converged"] == 0).all()
    assert (table["status"] == Status.NOT_CONVERGED).all()


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: pca(np.ones((2, 3))), ValueError, r"matrix has the shape \(2, 3\)"),
    (lambda: pca(np.arange(9.0).reshape(3, 3)), ValueError, r"matrix is not symmetric .*give \(Y \+ Y.T\)/2"),
    (lambda: pca(np.full((3, 3), np.nan)), ValueError, "9 entries that are not finite"),
    (lambda: pca("Y"), TypeError, "matrix = 'Y' is no array"),
    (lambda: pca(np.eye(3), max_restarts=0), ValueError, "max_restarts = 0"),
    (lambda: pca(np.eye(3), tolerance=2), ValueError, "tolerance = 2"),
    (lambda: lamp(np.eye(3), np.eye(4)), ValueError, "are of 4 components, the matrix of 3"),
    (lambda: lamp(np.eye(2), [[1, 2], [2, 1]]), ValueError, "covariance has negative eigenvalues"),
    (lambda: lamp(np.eye(2), np.zeros((2, 2))), ValueError, "covariance has negative eigenvalues|nothing"),
    (lambda: second_moments_of_samples(np.ones(3)), ValueError, r"samples has the shape \(3,\)"),
    (lambda: second_moments_of_samples(np.ones((3, 2)), centred=True), ValueError, "leave nothing"),
    (lambda: second_moments_of_samples(np.ones((3, 2)), centred=1), TypeError, "centred = 1"),
    (lambda: second_moments_of_samples(np.ones((3, 2)), shrinkage=1), ValueError, "shrinkage = 1"),
    (lambda: second_moments_of_generator(one_layer(sp.Sign(), 1), []), ValueError, "0 arrays of weights for 1 layers"),
    (lambda: second_moments_of_generator(sp.Gaussian()), ValueError, "independent components"),
    (lambda: second_moments_of_generator(Generative(layers=[(sp.Sign(), 1)] * 2), [np.eye(3), np.eye(4)]), ValueError,
     r"weights\[0\] puts out 3, weights\[1\] takes 4"),
    (lambda: sample_spiked(sp.Gaussian(), delta=-1, size=10), ValueError, "delta = -1"),
    (lambda: sample_spiked(sp.Gaussian(), delta=1, size=1), ValueError, "size = 1"),
    (lambda: sample_spiked(sp.GaussBernoulli(sympy.Symbol("rho")), delta=1, size=9), ValueError, "free symbols.*rho"),
    (lambda: sample_spiked("sign", delta=1, size=9), TypeError, "prior = 'sign' is not a prior"),
    (lambda: spectral_check(sp.Gaussian(), delta=[], size=20), ValueError, "delta = "),
    (lambda: spectral_check(sp.Gaussian(), delta=1, instances=1), ValueError, "instances = 1"),
])
def test_bad_instances_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


# ---- simulation against theory ----


@pytest.mark.parametrize(("prior", "delta"), [
    (one_layer(sp.Linear(), 2), [0.3, 0.8]),
    (one_layer(sp.Sign(), 4), [0.2, 0.7]),
    (Generative(layers=[(sp.Sign(), 2), (sp.Sign(), 1.5)]), [0.4]),
    (one_layer(sp.ReLU(), 2), [0.05, 1.5]),
    (Generative(layers=[(sp.ReLU(), 1), (LEAKY, 1.5)], latent=sp.Rademacher()), [0.02]),
    (one_layer(sp.HardTanh(), 2, latent=sp.Bernoulli(0.3)), [0.01]),
    (sp.Bernoulli(0.3), [0.02, 0.5]),
], ids=["linear", "sign", "sign-sign", "relu", "relu-leaky", "mean of latents", "independent"])
def test_instances_agree_with_theory(prior, delta):
    table = spectral_check(prior, delta=delta, size=600, instances=16, rng=1)
    assert (table["converged"] == 16).all()
    assert (table["status"] == Status.CONVERGED).all(), table
    lamps = table[(table["quantity"] == "lamp overlap")]
    assert (lamps["standard_error"] < 0.025).all()


def test_table_of_instances():
    table = spectral_check(one_layer(sp.Linear(), 1), delta=[0.5, 1.5], sizes=(40, 60), instances=2, rng=0)
    assert list(table.columns) == ["quantity", "theory", "simulated", "standard_error", "z", "size", "converged",
                                   "instances", "status", "delta"]
    assert list(table["quantity"]) == 2 * ["pca overlap", "lamp overlap", "pca eigenvalue", "lamp eigenvalue",
                                           "pca overlap", "lamp overlap", "lamp eigenvalue"]
    assert table.equals(spectral_check(one_layer(sp.Linear(), 1), delta=[0.5, 1.5], sizes=(40, 60), instances=2, rng=0))
    assert "2 of 2 instances converged at size 40" in table.attrs["summary"]
    assert table.attrs["thresholds"] == {"pca": 1.0, "lamp": 2.0}


def test_a_wrong_theory_is_noticed():
    """PCA for LAMP."""
    from spinodal.validate import spectral_check as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "lamp", lambda matrix, moments, **options: pca(matrix, **options))
        table = spectral_check(one_layer(sp.Linear(), 2), delta=0.8, size=400, instances=16)
    assert table.set_index("quantity").loc["lamp overlap", "status"] is Status.DISAGREES


# ---- data ----


def test_samples_of_a_network_are_as_good_as_its_weights():
    """Many samples of one network: the spike is one more, K their second moments."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((120, 60))
    samples = np.sign(rng.standard_normal((4000, 60)) @ W.T)
    table = spectral_overlaps_on_samples(samples, delta=[0.3, 0.7], spikes=24).set_index(["method", "delta"])
    for delta in (0.3, 0.7):
        expected = spectral_overlaps(one_layer(sp.Sign(), 2), delta=delta)
        for method in ("pca", "lamp"):
            row = table.loc[(method, delta)]
            assert row["overlap"] == pytest.approx(expected[method][0], abs=5 * row["standard_error"] + 2 / 120)
            assert row["theory"] == pytest.approx(expected[method][0], abs=0.02)


def test_digits():
    pytest.importorskip("sklearn")
    images = digit_images()
    assert images.shape == (1797, 8, 8)
    table = spectral_overlaps_on_samples(images, delta=[0.2, 1.0, 3.0], spikes=12)
    by = table.set_index(["method", "delta"])
    assert by.loc[("lamp", 1.0), "overlap"] > by.loc[("mean", 1.0), "overlap"] > by.loc[("pca", 1.0), "overlap"]
    assert (table["converged"] == 12).all()
    figure = digits_figure(table=table, delta=(0.5, 2.0), index=3)
    panels = [ax for sub in figure.subfigs for ax in sub.axes]
    assert len(panels) == 7
    assert plot_overlaps_on_samples(table).get_ylim()[1] > 1
    centred = spectral_overlaps_on_samples(images, delta=[1.0], spikes=12, centred=True).set_index("method")
    assert centred.loc["lamp", "overlap"] < by.loc[("lamp", 1.0), "overlap"]  # the mean was known, and is taken away


def test_missing_images_name_their_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"spinodal\[data\]"):
        digit_images()


@pytest.mark.parametrize(("samples", "options", "error", "words"), [
    ("digits", {}, TypeError, "samples = 'digits'"),
    (np.ones((2, 4)), {}, ValueError, r"shape \(2, 4\)"),
    (np.zeros((5, 4)), {}, ValueError, r"samples\[0\] is zero"),
    (np.ones((5, 4)), {"centred": True}, ValueError, r"samples\[0\] equals the mean"),
    (np.ones((5, 4)), {"delta": [0.0]}, ValueError, "delta holds 0"),
    (np.ones((5, 4)), {"spikes": 1}, ValueError, "spikes = 1"),
])
def test_bad_samples_are_refused(samples, options, error, words):
    with pytest.raises(error, match=words):
        spectral_overlaps_on_samples(samples, **options)


def test_bad_pictures_are_refused():
    table = pd.DataFrame()
    with pytest.raises(ValueError, match=r"images has the shape \(4, 4\)"):
        digits_figure(images=np.ones((4, 4)), table=table)
    with pytest.raises(ValueError, match="index = 7 is beyond the 5 images"):
        digits_figure(images=np.ones((5, 4, 4)), index=7, table=table)
