"""Expected numbers of critical points, at finite size."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate

from spinodal.validate.kac_rice import (
    eigenvalue_density,
    eigenvalues,
    expected_by_index,
    expected_by_overlap,
    expected_number,
)
from spinodal.validate.landscapes import Covariance
from spinodal.validate.tridiagonal import extreme_eigenvalues, log_determinants, summed_determinants

CUBIC = Covariance((3,), (1.0,))
MIXTURES = [CUBIC, Covariance((4,), (2.0,)), Covariance((2, 3), (1.0, 0.5)), Covariance((1, 2, 4), (0.2, 0.5, 0.1))]


def name(covariance):
    return "+".join(f"{w:g}x^{p}" for p, w in zip(covariance.degrees, covariance.weights, strict=True))


# ---- random matrices ----


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 40, 41, 900])
def test_density_of_eigenvalues_counts_them(size):
    """Its integral is N and its second moment that of the matrix, E tr G^2 = N (N + 1)."""
    s = np.linspace(-2 * math.sqrt(size) - 12, 2 * math.sqrt(size) + 12, 40 * size + 801)
    density = eigenvalue_density(s, size)
    assert integrate.trapezoid(density, s) == pytest.approx(size, rel=1e-12)
    assert integrate.trapezoid(density * s**2, s) == pytest.approx(size * (size + 1), rel=1e-12)
    assert density.min() > -1e-13


@pytest.mark.parametrize("size", [2, 3])
def test_density_of_eigenvalues_of_small_matrices(size):
    """Against the joint density exp(-sum l^2/4) prod |l_i - l_j|, integrated over the others."""
    grid = np.linspace(-14, 14, 561)
    others = np.stack(np.meshgrid(*[grid] * (size - 1), indexing="ij"))
    found = []
    points = np.array([-3.0, -0.4, 0.0, 1.7, 4.0])
    for s in np.concatenate([points, grid]) if size == 2 else points:
        every = [np.full(others.shape[1:], s), *others]
        weight = np.exp(-sum(x * x for x in every) / 4)
        for a, b in itertools.combinations(every, 2):
            weight = weight * np.abs(a - b)
        found.append(weight.sum())
    found = np.array(found)
    expected = eigenvalue_density(points, size)
    ratio = found[:5] / expected
    np.testing.assert_allclose(ratio, ratio[0], rtol=3e-4)


def test_sampled_eigenvalues_have_the_density():
    found = eigenvalues(6, 20_000, np.random.default_rng(0))
    assert (np.diff(found, axis=1) >= 0).all()
    edges = np.linspace(-6, 6, 13)
    counts = np.histogram(found, edges)[0] / 20_000
    fine = np.linspace(-6, 6, 12 * 64 + 1)
    exact = [integrate.trapezoid(eigenvalue_density(part, 6), part)
             for part in (fine[64 * k : 64 * k + 65] for k in range(12))]
    np.testing.assert_allclose(counts, exact, atol=5 * math.sqrt(1 / 20_000))
    large = eigenvalues(80, 3, np.random.default_rng(0))
    assert large.shape == (3, 80)
    assert 2 * math.sqrt(80) - 4 < large.max() < 2 * math.sqrt(80) + 3


def test_tridiagonal_matrices_are_those_of_lapack():
    rng = np.random.default_rng(0)
    diagonal, beside = rng.standard_normal((30, 7)) + 1.5, rng.standard_normal((30, 6))
    matrices = np.zeros((30, 7, 7))
    k = np.arange(7)
    matrices[:, k, k] = diagonal
    matrices[:, k[1:], k[:-1]] = matrices[:, k[:-1], k[1:]] = beside
    exact = np.linalg.eigvalsh(matrices)
    lowest, highest = extreme_eigenvalues(diagonal, beside**2)
    np.testing.assert_allclose(lowest, exact[:, 0], atol=1e-10)
    np.testing.assert_allclose(highest, exact[:, -1], atol=1e-10)
    logs, positive = log_determinants(diagonal, beside**2)
    np.testing.assert_allclose(logs, np.linalg.slogdet(matrices)[1], atol=1e-10)
    assert (positive == (exact[:, 0] > 0)).all()
    assert 0 < positive.sum() < 30
    shifts, bumps, offsets, heights = np.array([0.3, -2.0]), np.array([0.0, 0.7]), np.array([0.0, 0.5]), np.array([0.0, 1.0])
    total, minima = summed_determinants(diagonal, beside**2, shifts, bumps, offsets, np.log(heights + 1e-300))
    moved = matrices[:, None] - (shifts + 0.5)[:, None, None] * np.eye(7)
    moved[..., 0, 0] -= bumps
    determinants = np.abs(np.linalg.det(moved))
    np.testing.assert_allclose(total, determinants, rtol=1e-10)
    np.testing.assert_allclose(minima, determinants * (np.linalg.eigvalsh(moved)[..., 0] > 0), rtol=1e-10, atol=1e-200)


# ---- all critical points ----


@pytest.mark.parametrize("size", [2, 3, 4, 11, 50, 400])
def test_a_quadratic_form_has_two_critical_points_an_eigenvector(size):
    found = expected_number(Covariance((2,), (0.7,)), size)
    assert found.value == pytest.approx(2 * size, rel=1e-12)
    assert found.error < 1e-11


@pytest.mark.parametrize("covariance", MIXTURES, ids=name)
def test_on_a_circle_it_is_the_formula_of_rice(covariance):
    """A stationary process on the angle: 2 sqrt(r''''/r'') extrema, r(angle) = Q(cos(angle))."""
    first, second = covariance(1.0, 1), covariance(1.0, 2)
    assert expected_number(covariance, 2).value == pytest.approx(2 * math.sqrt((first + 3 * second) / first), rel=1e-12)


@pytest.mark.parametrize("covariance", MIXTURES, ids=name)
def test_on_the_two_dimensional_sphere_the_determinant_is_averaged_by_hand(covariance):
    """Of 2 x 2 matrices, E|x^2 - R| = x^2 - 2 + 4 exp(-x^2/2) with R exponential of mean 2."""
    first, second = covariance(1.0, 1), covariance(1.0, 2)
    tau2 = (first + second) / second
    expected = 2 * second / first * (tau2 - 1 + 4 / math.sqrt(2 + tau2))
    assert expected_number(covariance, 3).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("degree", [3, 4, 6])
def test_the_number_grows_as_it_does_at_large_size(degree):
    """log(p - 1)/2 (Fyodorov 2004), approached as log(N)/N."""
    covariance = Covariance((degree,), (1.0,))
    logs = {size: expected_number(covariance, size).log for size in (400, 800)}
    rate = (logs[800] - logs[400]) / 400
    assert rate == pytest.approx(math.log(degree - 1) / 2, abs=2e-3)


def test_numbers_beyond_floating_point_have_a_logarithm():
    found = expected_number(Covariance((5,), (1.0,)), 1200)
    assert math.isinf(found.value)
    assert found.log / 1200 == pytest.approx(math.log(4) / 2, abs=0.01)


def test_linear_functions_have_two():
    assert expected_number(Covariance((1,), (2.0,)), 9).value == 2
    # the topology is trivial where the linear term dominates
    assert expected_number(Covariance((1, 3), (1.0, 0.001)), 40).value == pytest.approx(2, abs=1e-9)


# ---- by index and overlap ----


@pytest.mark.parametrize("covariance", MIXTURES, ids=name)
def test_numbers_by_index_add_up_and_alternate(covariance):
    size = 7
    table = expected_by_index(covariance, size, samples=5000, rng=1)
    assert table["number"].sum() == pytest.approx(expected_number(covariance, size).value, rel=1e-10)
    # sum of (-1)^index is 2 on a sphere of even dimension
    alternating = (table["number"] * (-1.0) ** table["index"]).sum()
    assert abs(alternating - 2) < 5 * math.sqrt((table["standard_error"] ** 2).sum()) + 1e-9
    mirrored = table[::-1].reset_index(drop=True)  # H and -H have one law
    error = np.hypot(table["standard_error"], mirrored["standard_error"])
    assert (np.abs(table["number"] - mirrored["number"]) < 5 * error).all()
    assert (np.diff(table["energy"]) > 0).all()


def test_minima_on_a_circle_are_half_of_all():
    table = expected_by_index(CUBIC, 2, samples=4000, rng=0)
    assert (np.abs(table["number"] - math.sqrt(7)) < 4 * table["standard_error"] + 1e-9).all()


def test_eigenvectors_have_every_index():
    table = expected_by_index(Covariance((2,), (0.5,)), 6, samples=500)
    np.testing.assert_allclose(table["number"], 2, rtol=1e-12)


def test_bins_of_overlap_hold_all_without_a_spike():
    """The two evaluations share no formula: determinants of N - 1 rows here, the density of N rows there."""
    table = expected_by_overlap(CUBIC, 8, samples=4000, rng=0)
    total = table.iloc[-1]
    assert abs(total["number"] - expected_number(CUBIC, 8).value) < 4 * total["standard_error"]
    assert total["standard_error"] < 0.02 * total["number"]
    minima = expected_by_index(CUBIC, 8, rng=0).iloc[0]
    assert abs(total["minima"] - minima["number"]) < 4 * total["minima_standard_error"]
    np.testing.assert_allclose(table["number"][:20], table["number"][:20][::-1], rtol=1e-9)


def test_quadrature_over_overlaps_does_not_depend_on_the_bins():
    spiked = Covariance((2, 3), (0.5, 1.5), True)
    coarse = expected_by_overlap(spiked, 10, edges=[-1, 0.5, 1], samples=100)
    fine = expected_by_overlap(spiked, 10, edges=np.linspace(-1, 1, 41), samples=100)
    assert fine["number"][:30].sum() == pytest.approx(coarse["number"][0], rel=2e-3)
    assert fine["number"][30:40].sum() == pytest.approx(coarse["number"][1], rel=2e-3)


def test_a_spiked_matrix_has_its_eigenvectors_too():
    """Whatever the spike, 2 critical points of each index: the whole law of a deformed matrix, averaged."""
    table = expected_by_overlap(Covariance((2,), (0.9,), True), 6, edges=[-1, 0, 1], samples=20_000, rng=2)
    total = table.iloc[-1]
    assert abs(total["number"] - 12) < 4 * total["standard_error"]
    assert abs(total["minima"] - 2) < 4 * total["minima_standard_error"]
    assert total["standard_error"] < 0.2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: expected_number(Covariance((3,), (1.0,), True), 5), "spiked: use expected_by_overlap"),
        (lambda: expected_by_index(Covariance((3,), (1.0,), True), 5), "spiked: use expected_by_overlap"),
        (lambda: expected_by_index(Covariance((1, 2), (1.0, 0.01)), 5), "use expected_number"),
        (lambda: expected_by_index(Covariance((1,), (1.0,)), 5), "degree 2 or more"),
        (lambda: expected_by_overlap(Covariance((1,), (1.0,)), 5), "degree 2 or more"),
        (lambda: expected_by_overlap(CUBIC, 5, edges=[0.5, 0.2]), "increasing"),
        (lambda: expected_by_overlap(CUBIC, 5, edges=[-2, 2]), r"\[-1, 1\]"),
        (lambda: expected_by_overlap(CUBIC, 500), "at most 150"),
        (lambda: expected_number(Covariance((1, 2), (1.0, 0.001)), 2000), "nearly linear"),
        (lambda: expected_number(CUBIC, 1), "size = 1"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
