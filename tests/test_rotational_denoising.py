"""Rotationally invariant denoising: formulas, spectrum, matrix mse, and the estimator on sampled matrices."""

import math

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from spinodal.equations.free_convolution import NoisyGramSpectrum
from spinodal.equations.subordination import SampleSpectrum
from spinodal.phase_diagrams.empirical_shrinkage import best_width, shrink_by_kernel
from spinodal.phase_diagrams.rotational_denoising import (
    denoise,
    noisy_spectrum,
    rotationally_invariant_mse,
    spectrum_table,
)
from spinodal.phase_diagrams.rotational_figures import plot_denoising
from spinodal.theory import free_probability as theory

POINTS = [(0.03, 0.15), (0.03, 0.08), (0.125, 0.125), (0.125, 0.1249999), (1.0, 0.1), (2.0, 0.5), (0.5, 3.0), (20.0, 1.0)]
EXTREMES = [(0.03, 1e-12), (1.0, 1e-14), (5.0, 1e-10), (1e-12, 1.0), (1e-12, 0.5), (0.03, 1e12), (1e6, 1e-6)]


def goe(size, rng):
    """Symmetric, off-diagonal variance 1, diagonal variance 2."""
    g = rng.standard_normal((size, size))
    return (g + g.T) / math.sqrt(2)


def sample(size, alpha, delta, rng, prior="rademacher"):
    """Return S = xi xi^T/N and Y."""
    shape = (size, round(alpha * size))
    if prior == "rademacher":
        xi = rng.choice([-1.0, 1.0], shape)
    elif prior == "gaussian":
        xi = rng.standard_normal(shape)
    else:  # atoms 0 and +-1/sqrt(rho), rho = 0.2
        xi = rng.choice([-1.0, 1.0], shape) * (rng.random(shape) < 0.2) / math.sqrt(0.2)
    signal = xi @ xi.T / size
    return signal, math.sqrt(size) * signal + math.sqrt(delta) * goe(size, rng)


def loss(signal, estimate):
    return ((signal - estimate) ** 2).sum() / (2 * len(signal))


def reference_resolvent(alpha, delta, eigenvalue):
    """Return the root of the cubic with positive imaginary part; in a gap or outside, the real one with dg/dz < 0."""
    a, d, z = (mpmath.mpf(v) for v in (alpha, delta, eigenvalue))
    roots = mpmath.polyroots([-d, d + z, a - 1 - z, 1], maxsteps=500, extraprec=300)
    above = [r for r in roots if mpmath.im(r) > 0]
    if not above:
        above = [mpmath.re(r) for r in roots if -1 / r**2 + d + a / (1 - r) ** 2 < 0]
    assert len(above) == 1
    return above[0]


# ---- formulas ----


def test_r_transforms_are_those_of_known_moments():
    """Series of g(z) in 1/z: Catalan numbers for the semicircle, Narayana polynomials for Marchenko-Pastur."""
    z, alpha, delta = sp.symbols("z alpha delta", positive=True)

    def moments(r_transform, count):
        w = sp.symbols("w")  # 1/z
        g = w
        for _ in range(count):  # g = 1/(z - R(g))
            g = sp.series(w / (1 - w * r_transform.subs(theory.g, g)), w, 0, count + 2).removeO()
        return [sp.expand(g.coeff(w, n + 1)) for n in range(count + 1)]

    assert moments(theory.r_transform_semicircle(delta), 6) == [1, 0, delta, 0, 2 * delta**2, 0, 5 * delta**3]
    narayana = [1] + [sum(sp.binomial(n, k) * sp.binomial(n, k - 1) * alpha**k for k in range(1, n + 1)) / n
                      for n in range(1, 5)]
    assert [sp.expand(a - b) for a, b in zip(moments(theory.r_transform_poisson(alpha), 4), narayana, strict=True)] == [0] * 5


def test_bulk_is_rational_in_the_shrunk_eigenvalue():
    """The parametrisation by x solves the cubic, and x is lambda - 2 delta h, with the variance of the general formula."""
    model = theory.NoisyGram()
    x, h = theory.x, model.hilbert_transform
    square = sp.Symbol("s")  # stands for (pi rho)^2
    value = model.cubic.as_expr().subs({theory.z: model.eigenvalue, theory.g: h + sp.I * sp.sqrt(square)})
    value = sp.expand(value).subs(square, sp.pi**2 * model.density_squared)
    assert sp.simplify(value.subs(sp.sqrt(square), sp.pi * sp.sqrt(model.density_squared))) == 0
    mean, variance = theory.shrunk(model.delta)
    at = {theory.eigenvalue: model.eigenvalue, theory.hilbert: h, theory.rho: sp.sqrt(model.density_squared)}
    assert sp.simplify(mean.subs(at) - x) == 0
    assert sp.simplify(variance.subs(at) - model.variance) == 0


def test_edges_are_double_roots_of_the_cubic():
    model = theory.NoisyGram(sp.Rational(3, 100), sp.Rational(3, 20))
    discriminant = sp.Poly(model.cubic.as_expr(), theory.g).discriminant()
    places = sp.Poly(discriminant, theory.z).nroots(n=30)
    real = sorted(float(z) for z in places if abs(sp.im(z)) < 1e-20)
    assert NoisyGramSpectrum(0.03, 0.15).edges == pytest.approx(real, rel=1e-14)
    y = [complex(r) for r in model.edges.nroots(n=30)]
    z = [complex(model.location.subs(theory.g, 1 / r)) for r in y]
    assert sorted(v.real for v in z) == pytest.approx(real, rel=1e-13)


def test_gap_closes_where_cube_roots_add_to_one():
    alpha = 0.05
    closing = (1 - alpha ** (1 / 3)) ** 3
    assert float(theory.NoisyGram(sp.Float(alpha), sp.Float(closing)).overlap_of_scales) == pytest.approx(1, rel=1e-14)
    for factor, count in ((1 - 1e-9, 4), (1 + 1e-9, 2)):
        assert NoisyGramSpectrum(alpha, closing * factor).edges.size == count
    # two square-root edges meet: the gap closes as distance^(3/2)
    gaps = [np.diff(NoisyGramSpectrum(alpha, closing * (1 - e)).edges)[1] for e in (1e-4, 1e-6)]
    assert gaps[0] / gaps[1] == pytest.approx(1000, rel=1e-3)


# ---- spectrum ----


@pytest.mark.parametrize(("alpha", "delta"), POINTS + [(3.0, 1e-6), (0.03, 1e-9), (1e-6, 1.0), (0.5, 1e6)])
def test_resolvent_is_the_root_of_the_cubic(alpha, delta):
    """At many places of every band, in the gap and outside; the error allowed is what rounding lambda does there."""
    spectrum = NoisyGramSpectrum(alpha, delta)
    low, high = spectrum.edges[::2], spectrum.edges[1::2]
    fractions = np.array([1e-6, 0.003, 0.11, 0.37, 0.52, 0.77, 0.93, 0.9999])
    width = high[-1] - low[0]
    places = np.concatenate([(low[:, None] + (high - low)[:, None] * fractions).ravel(),
                             [low[0] - 0.1 * width, low[0] - 7 * width, high[-1] + 1e-3 * width, high[-1] + 9 * width],
                             0.5 * (high[:-1] + low[1:])])
    resolvent, shrunk = spectrum.at(places)
    with mpmath.workdps(40):
        for place, g, x in zip(places, resolvent, shrunk, strict=True):
            exact = reference_resolvent(alpha, delta, place)
            nearby = reference_resolvent(alpha, delta, np.nextafter(place, math.inf))
            allowed = 4e-14 * abs(exact) + 10 * abs(nearby - exact)
            assert abs(mpmath.mpc(g) - exact) <= allowed
            assert abs(x - (place - 2 * mpmath.mpf(delta) * mpmath.re(exact))) <= 2 * delta * allowed + 1e-14 * abs(place)


@pytest.mark.parametrize(("alpha", "delta"), POINTS + EXTREMES)
def test_moments_and_masses(alpha, delta):
    spectrum = NoisyGramSpectrum(alpha, delta)
    value, error = spectrum.mean(lambda z, x, density, h: np.stack(
        [np.ones_like(z), z, z**2, h, z * h, x, (np.diff(spectrum.edges)[0] + spectrum.edges[0] >= z).astype(float)]))
    scale = math.sqrt(alpha + alpha**2 + delta)
    assert value[0] == pytest.approx(1, abs=1e-13)
    assert value[1] == pytest.approx(alpha, abs=1e-13 * scale)
    assert value[2] == pytest.approx(alpha + alpha**2 + delta, rel=1e-13)
    assert value[3] == pytest.approx(0, abs=1e-12 / math.sqrt(delta))
    assert value[4] == pytest.approx(0.5, abs=1e-11)
    assert value[5] == pytest.approx(alpha, rel=1e-12)
    if spectrum.edges.size == 4:
        assert value[6] == pytest.approx(1 - alpha, rel=1e-13)


def test_density_at_the_closing_gap_is_a_cube_root():
    spectrum = NoisyGramSpectrum(0.125, 0.125)
    assert spectrum.edges.size == 2
    place = 0.5 + 0.125 / 0.5 - 0.125  # lambda at y = 1/2
    for side in (1, -1):
        near, nearer = spectrum.density(place + side * np.array([1e-6, 1e-9]))
        assert near / nearer == pytest.approx(10, rel=0.02)


@given(st.floats(-6, 4), st.floats(-8, 4))
@settings(max_examples=60, deadline=None)
def test_any_parameters(log_alpha, log_delta):
    """Bounds that hold for any: below the noise and the prior variance; increasing, non-negative shrinkage."""
    alpha, delta = 10**log_alpha, 10**log_delta
    value, error = rotationally_invariant_mse(alpha=alpha, delta=delta)
    assert 0 < error < 1e-13 * value
    assert value <= 0.5 * min(delta, alpha) * (1 + 1e-12)
    assert rotationally_invariant_mse(alpha=alpha, delta=1.01 * delta).value > value
    spectrum = NoisyGramSpectrum(alpha, delta)
    for low, high in spectrum.edges.reshape(-1, 2):
        inside = low + (high - low) * np.linspace(0.01, 0.99, 9)
        shrunk = spectrum.shrink(inside)
        assert (shrunk > 0).all()
        assert (np.diff(shrunk) > 0).all()


# ---- matrix mse ----


def test_reference_value():
    value, error = rotationally_invariant_mse(alpha=0.03, delta=0.15)
    assert value == pytest.approx(0.00406992, abs=5e-9)
    assert error < 1e-16


@pytest.mark.parametrize(("alpha", "delta"), [(0.03, 0.15), (1.0, 0.1), (0.5, 3.0)])
def test_against_mpmath(alpha, delta):
    """Quadrature of rho^3 from the roots of the cubic: nothing in common but the cubic."""
    spectrum = NoisyGramSpectrum(alpha, delta)
    with mpmath.workdps(25):
        total = mpmath.mpf(0)
        for low, high in spectrum.edges.reshape(-1, 2):
            low, high = mpmath.mpf(low), mpmath.mpf(high)

            def integrand(angle, low=low, high=high):
                density = mpmath.im(reference_resolvent(alpha, delta, (low + high - (high - low) * mpmath.cos(angle)) / 2))
                return density**3 * (high - low) / 2 * mpmath.sin(angle)

            inside = mpmath.mpf(10) ** -7  # rounded edges: beyond, the density may be zero
            total += mpmath.quad(integrand, [inside, mpmath.pi / 2, mpmath.pi - inside], maxdegree=5)
        delta = mpmath.mpf(delta)
        expected = (delta - mpmath.mpf(4) / 3 * delta**2 * total / mpmath.pi) / 2
    assert spectrum.matrix_mse().value == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(("alpha", "delta"), POINTS)
def test_three_ways(alpha, delta):
    spectrum = NoisyGramSpectrum(alpha, delta)
    value, error = spectrum.mean(lambda z, x, density, h: np.stack([density**2, x**2]))
    mse = spectrum.matrix_mse().value
    assert mse == pytest.approx((delta - 4 / 3 * math.pi**2 * delta**2 * value[0]) / 2, rel=1e-12)
    assert mse == pytest.approx((alpha + alpha**2 - value[1]) / 2, rel=1e-12)


def test_limits():
    def mse(alpha, delta):
        return rotationally_invariant_mse(alpha=alpha, delta=delta).value

    for alpha in (1e-6, 0.03, 0.7):
        assert mse(alpha, 1e-12) == pytest.approx(0.5e-12 * alpha * (2 - alpha), rel=1e-9)
    assert mse(3.0, 1e-12) == pytest.approx(0.5e-12, rel=1e-9)
    assert mse(0.4, 1e12) == pytest.approx(0.2, rel=1e-9)
    # few patterns: each is a spike of strength 1, of which 1 - delta^2 is recovered, if delta < 1
    for delta in (0.3, 0.9):
        assert mse(1e-12, delta) == pytest.approx(0.5e-12 * (1 - (1 - delta) ** 2), rel=1e-4)
    assert mse(1e-12, 1.5) == pytest.approx(0.5e-12, rel=1e-4)


def test_arrays_are_broadcast():
    value, error = rotationally_invariant_mse(alpha=[[0.03], [0.5]], delta=[0.1, 0.15, 0.2])
    assert value.shape == error.shape == (2, 3)
    assert value[0, 1] == rotationally_invariant_mse(alpha=0.03, delta=0.15).value


# ---- other signals ----


def test_signal_of_two_atoms_is_a_cubic():
    """S = 0 or 1: omega (omega - 1) (z - omega) = delta (omega - 1 + p), with g = (z - omega)/delta."""
    p, delta = 0.7, 0.2
    spectrum = SampleSpectrum([0.0, 1.0], delta, weights=[p, 1 - p])
    places = np.linspace(-1.5, 2.5, 41)
    resolvent = spectrum.resolvent(places)
    for place, g in zip(places, resolvent, strict=True):
        roots = np.roots([-1, 1 + place, -place - delta, delta * p])  # of the above, in omega
        candidates = (place - roots) / delta
        nearest = candidates[np.abs(candidates - g).argmin()]
        assert abs(g - nearest) < 1e-9
        assert (np.abs(roots.imag).max() > 1e-7) == (g.imag > 1e-7)
    value, error = spectrum.mean(lambda z, x, density, h, variance: np.stack([z, z**2, density**2, x**2, variance]))
    assert value[0] == pytest.approx(1 - p, rel=1e-11)
    assert value[1] == pytest.approx(1 - p + delta, rel=1e-11)
    mse = spectrum.matrix_mse().value
    assert mse == pytest.approx((delta - 4 / 3 * math.pi**2 * delta**2 * value[2]) / 2, rel=1e-11)
    assert mse == pytest.approx((1 - p - value[3]) / 2, rel=1e-11)


def test_no_signal_is_a_semicircle_and_a_spike_stands_out():
    delta, spike = 0.5, 1.3
    spectrum = SampleSpectrum([0.0], delta)
    assert spectrum.edges == pytest.approx([-2 * math.sqrt(delta), 2 * math.sqrt(delta)], rel=1e-12)
    inside = np.linspace(-1.4, 1.4, 9)
    assert spectrum.density(inside) == pytest.approx(np.sqrt(4 * delta - inside**2) / (2 * math.pi * delta), rel=1e-12)
    assert spectrum.shrink(inside) == pytest.approx(np.zeros(9), abs=1e-14)
    # the outlier of a spike, and its squared overlap 1 - delta/spike^2
    assert spectrum.shrink(spike + delta / spike) == pytest.approx(spike - delta / spike, rel=1e-12)
    assert spectrum.matrix_mse().value == pytest.approx(0, abs=1e-20)


def test_semicircular_signal_is_shrunk_linearly():
    """Wiener's filter lambda/(1 + delta); the sample has the quantiles of the law."""
    delta, errors = 0.4, []
    for count in (100, 400):
        middle = (np.arange(count) + 0.5) / count
        angle = mpmath_quantiles(middle)
        spectrum = SampleSpectrum(-2 * np.cos(angle), delta)
        errors.append(abs(spectrum.matrix_mse().value / (0.5 * delta / (1 + delta)) - 1))
        places = np.linspace(-2, 2, 11)
        assert spectrum.shrink(places) == pytest.approx(places / (1 + delta), abs=4 / count)
    assert errors[1] < errors[0] / 3
    assert errors[1] < 2e-3


def mpmath_quantiles(probability):
    """Solve (angle - sin(angle) cos(angle))/pi = probability by bisection."""
    low, high = np.zeros(len(probability)), np.full(len(probability), math.pi)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = (middle - np.sin(middle) * np.cos(middle)) / math.pi < probability
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low


def test_sample_of_the_pattern_matrix_tends_to_the_closed_form():
    alpha, delta, rng = 0.5, 0.3, np.random.default_rng(2)
    deviation = []
    for size in (100, 800):
        signal, _ = sample(size, alpha, delta, rng)
        spectrum = noisy_spectrum(signal_eigenvalues=np.linalg.eigvalsh(signal), delta=delta)
        deviation.append(abs(spectrum.matrix_mse().value / rotationally_invariant_mse(alpha=alpha, delta=delta).value - 1))
    assert deviation[1] < 2e-3
    assert deviation[0] < 2e-2


@pytest.mark.parametrize("delta", [1e-7, 1e-3, 0.15, 10.0])
def test_any_sample_is_normalised_at_any_noise(delta):
    """From a band for each eigenvalue to one band; the three ways to the mse agree where they do not cancel."""
    signal = np.random.default_rng(0).standard_normal(60)
    spectrum = SampleSpectrum(signal, delta)
    assert spectrum.edges.size == (120 if delta == 1e-7 else spectrum.edges.size)
    value, error = spectrum.mean(lambda z, x, density, h, variance: np.stack([np.ones_like(z), z, z**2, density**2]))
    assert value[0] == pytest.approx(1, abs=1e-10)
    assert value[1] == pytest.approx(signal.mean(), abs=1e-10)
    assert value[2] == pytest.approx((signal**2).mean() + delta, rel=1e-10)
    mse = spectrum.matrix_mse()
    assert mse.error < 1e-9 * mse.value
    assert mse.value == pytest.approx((delta - 4 / 3 * math.pi**2 * delta**2 * value[3]) / 2, rel=1e-9)


def test_repeated_eigenvalues_are_weights():
    repeated, weighted = SampleSpectrum([0.0, 0.0, 0.0, 2.0], 0.3), SampleSpectrum([2.0, 0.0], 0.3, weights=[1, 3])
    assert repeated.matrix_mse().value == pytest.approx(weighted.matrix_mse().value, rel=1e-13)
    assert repeated.edges == pytest.approx(weighted.edges, rel=1e-14)


# ---- the estimator ----


@pytest.mark.parametrize("prior", ["rademacher", "gaussian", "sparse"])
def test_simulation_has_the_asymptotic_mse_whatever_the_prior(prior):
    """Mean over instances within 4 standard errors and the effect of finite size, which is of order 1/N."""
    alpha, delta, size = 0.03, 0.15, 500
    rng = np.random.default_rng(11)
    found = []
    for _ in range(8):
        signal, noisy = sample(size, alpha, delta, rng, prior)
        found.append(loss(signal, denoise(noisy, delta=delta, alpha=alpha).estimate))
    expected = rotationally_invariant_mse(alpha=alpha, delta=delta).value
    spread = np.std(found, ddof=1) / math.sqrt(len(found))
    assert abs(np.mean(found) - expected) < 4 * spread + 3 * expected / size
    assert spread < 0.03 * expected


@pytest.mark.slow
def test_large_simulation():
    """N = 1000: three parameters, the estimator that knows alpha and the one that knows nothing but delta."""
    rng = np.random.default_rng(5)
    for alpha, delta in ((0.03, 0.15), (0.5, 0.5), (1.5, 0.05)):
        expected = rotationally_invariant_mse(alpha=alpha, delta=delta).value
        ratios = []
        for _ in range(4):
            signal, noisy = sample(1000, alpha, delta, rng)
            informed, empirical = denoise(noisy, delta=delta, alpha=alpha), denoise(noisy, delta=delta)
            ratios.append([loss(signal, informed.estimate) / expected, loss(signal, empirical.estimate) / expected])
            assert abs(empirical.matrix_mse - loss(signal, empirical.estimate)) < 4 * empirical.matrix_mse_error
        spread = np.std(ratios, axis=0, ddof=1)[0] / math.sqrt(4)
        informed, empirical = np.mean(ratios, axis=0)
        assert spread < 0.01
        assert abs(informed - 1) < 4 * spread + 3 / 1000
        assert informed < empirical < informed + 0.015


def test_stein_estimate_is_unbiased_with_the_error_it_states():
    alpha, delta, size = 0.3, 0.4, 60
    rng = np.random.default_rng(1)
    scores = []
    for _ in range(300):
        signal, noisy = sample(size, alpha, delta, rng)
        found = denoise(noisy, delta=delta, width=0.15)
        scores.append((found.matrix_mse - loss(signal, found.estimate)) / found.matrix_mse_error)
    assert abs(np.mean(scores)) < 4 / math.sqrt(300)
    assert np.std(scores) == pytest.approx(1, abs=0.2)


def test_derivatives_in_the_risk_are_those_of_the_estimator():
    """Stein's divergence by finite differences along every symmetric direction of a small matrix."""
    rng = np.random.default_rng(4)
    size, delta, width, step = 6, 0.5, 0.3, 1e-5
    matrix = goe(size, rng) / math.sqrt(size)

    def estimate(m):
        values, vectors = np.linalg.eigh(m)
        return (vectors * shrink_by_kernel(values, delta, width)[0]) @ vectors.T

    directions = []
    for i in range(size):
        for j in range(i, size):
            e = np.zeros((size, size))
            e[i, j] = e[j, i] = 1 if i == j else math.sqrt(0.5)
            directions.append(e)
    jacobian = np.array([[((estimate(matrix + step * e) - estimate(matrix - step * e)) * f).sum() / (2 * step)
                          for f in directions] for e in directions])
    sigma2, moved = 2 * delta / size, ((estimate(matrix) - matrix) ** 2).sum()
    expected = (moved + 2 * sigma2 * np.trace(jacobian) - sigma2 * len(directions)) / (2 * size)
    variance = 4 * sigma2 * moved + 4 * sigma2**2 * np.trace(jacobian @ jacobian) - 2 * sigma2**2 * len(directions)
    _, mse, error = shrink_by_kernel(np.linalg.eigvalsh(matrix), delta, width)
    assert mse == pytest.approx(expected, rel=1e-7)
    assert error == pytest.approx(math.sqrt(variance) / (2 * size), rel=1e-7)


def test_width_falls_and_the_loss_by_not_knowing_too():
    alpha, delta = 0.5, 0.5
    expected = rotationally_invariant_mse(alpha=alpha, delta=delta).value
    widths, excess = [], []
    for size, count in ((64, 24), (512, 6)):
        rng = np.random.default_rng(size)
        found = []
        for _ in range(count):
            signal, noisy = sample(size, alpha, delta, rng)
            informed, empirical = denoise(noisy, delta=delta, alpha=alpha), denoise(noisy, delta=delta)
            found.append([empirical.width, (loss(signal, empirical.estimate) - loss(signal, informed.estimate)) / expected])
        width, lost = np.mean(found, axis=0)
        widths.append(width)
        excess.append(lost)
    assert 1.3 < widths[0] / widths[1] < 3.5  # 8^(1/3) = 2
    assert excess[1] < excess[0] / 4
    assert excess[1] < 0.01


def test_estimate_turns_with_the_matrix():
    rng = np.random.default_rng(8)
    _, noisy = sample(40, 0.5, 0.2, rng)
    turn = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    for known in ({"alpha": 0.5}, {"width": 0.1}, {"signal_eigenvalues": np.linspace(0, 2, 20)}):
        turned = (turn @ noisy @ turn.T + (turn @ noisy @ turn.T).T) / 2
        one, other = denoise(noisy, delta=0.2, **known), denoise(turned, delta=0.2, **known)
        assert np.abs(turn @ one.estimate @ turn.T - other.estimate).max() < 1e-10
        assert one.estimate == pytest.approx((one.eigenvectors * one.shrunk_eigenvalues) @ one.eigenvectors.T)


def test_equal_eigenvalues_do_not_divide_by_zero():
    found = denoise(2 * np.eye(10), delta=0.1, width=0.2)
    assert found.shrunk_eigenvalues == pytest.approx(np.full(10, 2 / math.sqrt(10)), rel=1e-14)
    assert math.isfinite(found.matrix_mse)
    assert best_width(np.zeros(10), 0.1) > 0


# ---- what is refused ----


@pytest.mark.parametrize("given", [0, 0.0, -1, math.nan, math.inf])
def test_parameters_that_are_refused(given):
    with pytest.raises(ValueError, match=r"alpha = .*: give a positive, finite number"):
        rotationally_invariant_mse(alpha=given, delta=0.1)
    with pytest.raises(ValueError, match=r"delta = .*: give a positive, finite number"):
        rotationally_invariant_mse(alpha=[0.1, 0.2], delta=[0.1, given])
    with pytest.raises(ValueError, match="delta = "):
        NoisyGramSpectrum(0.1, given)
    with pytest.raises(ValueError, match="delta = "):
        SampleSpectrum([1.0], given)


@pytest.mark.parametrize("alpha", [1e-20, 1e-8, 1.0, 1e8, 1e20])
@pytest.mark.parametrize("delta", [1e-20, 1e-8, 1.0, 1e8, 1e20])
def test_corners_of_the_range(alpha, delta):
    value, error = rotationally_invariant_mse(alpha=alpha, delta=delta)
    assert 0 < error < 1e-11 * value
    assert value <= 0.5 * min(alpha, delta) * (1 + 1e-11)


def test_beyond_the_range_is_refused():
    with pytest.raises(ValueError, match=r"alpha = 1e-30 is outside \[1e-20, 1e\+20\]"):
        rotationally_invariant_mse(alpha=1e-30, delta=0.1)


def test_no_patterns_are_refused_with_the_answer():
    with pytest.raises(ValueError, match=r"alpha = 0.*nothing to estimate: S = 0, and the mse is 0"):
        rotationally_invariant_mse(alpha=0, delta=0.1)


@pytest.mark.parametrize("given", ["1", None, 1j, True])
def test_types_that_are_refused(given):
    with pytest.raises(TypeError, match="alpha = "):
        rotationally_invariant_mse(alpha=given, delta=0.1)


@pytest.mark.parametrize(("matrix", "text"), [
    (np.zeros((9, 8)), "square"),
    (np.zeros(9), "square"),
    (np.triu(np.ones((9, 9))), "transpose"),
    (np.full((9, 9), np.nan), "not finite"),
    (np.eye(3), "at least 8"),
])
def test_matrices_that_are_refused(matrix, text):
    with pytest.raises(ValueError, match=text):
        denoise(matrix, delta=0.1)


def test_choices_that_are_refused():
    with pytest.raises(TypeError, match="complex"):
        denoise(np.eye(9) * 1j, delta=0.1)
    with pytest.raises(ValueError, match="one of alpha and signal_eigenvalues"):
        noisy_spectrum(delta=0.1)
    with pytest.raises(ValueError, match="alpha and signal_eigenvalues given"):
        denoise(np.eye(9), delta=0.1, alpha=0.1, signal_eigenvalues=[1.0])
    with pytest.raises(ValueError, match="width"):
        denoise(np.eye(9), delta=0.1, alpha=0.1, width=0.1)
    with pytest.raises(ValueError, match="signal_eigenvalues"):
        noisy_spectrum(delta=0.1, signal_eigenvalues=[])
    with pytest.raises(ValueError, match="weights"):
        SampleSpectrum([1.0, 2.0], 0.1, weights=[1.0])
    with pytest.raises(ValueError, match="eigenvalues"):
        NoisyGramSpectrum(0.1, 0.1).density(math.nan)
    with pytest.raises(TypeError, match="delta has shape"):
        noisy_spectrum(delta=[0.1, 0.2], alpha=0.1)
    with pytest.raises(ValueError, match="points = 3"):
        spectrum_table(NoisyGramSpectrum(0.1, 0.1), 3)


# ---- table and figure ----


@pytest.mark.parametrize("known", [{"alpha": 0.03}, {"signal_eigenvalues": [0.0] * 97 + [0.9, 1.0, 1.1]}])
def test_table_and_figure(known, tmp_path):
    spectrum = noisy_spectrum(delta=0.15, **known)
    table = spectrum_table(spectrum, 100)
    assert list(table) == ["eigenvalue", "density", "hilbert", "shrunk", "error", "bulk"]
    assert table["eigenvalue"].is_monotonic_increasing
    assert (table["density"] >= 0).all()
    assert (table.loc[~table["bulk"], "density"] == 0).all()
    assert table["shrunk"].to_numpy() == pytest.approx(
        (table["eigenvalue"] - 2 * 0.15 * table["hilbert"]).to_numpy(), abs=1e-12)
    assert table["error"].max() < 1e-6
    _, noisy = sample(100, 0.03, 0.15, np.random.default_rng(0))
    figure = plot_denoising(spectrum, denoised=denoise(noisy, delta=0.15), points=50)
    figure.savefig(tmp_path / "figure.png")
    assert len(figure.axes) == 2
    assert "density" in figure.axes[0].get_ylabel()
    assert [text.get_text() for text in figure.axes[1].get_legend().get_texts()][-1] == "theory, outliers"
