"""Patterns, examples, and couplings: each rule against its N x N matrix."""

import math

import numpy as np
import pytest
from scipy import linalg

from spinodal.validate.patterns import (
    dreamed,
    gram,
    hebb,
    iterated,
    learned,
    noisy_hebb,
    sample_examples,
    sample_patterns,
    supervised,
    unsupervised,
)

SIZE, COUNT = 120, 15


@pytest.fixture
def patterns():
    return sample_patterns(SIZE, COUNT, 0)


def full(couplings):
    """J with its diagonal."""
    return couplings.matrix() + np.diag(couplings.diagonal)


def test_patterns_are_signs_of_the_mean_asked_for():
    fair = sample_patterns(1000, 301, 1)
    assert fair.shape == (1000, 301)
    assert fair.dtype == np.int8
    assert set(np.unique(fair)) == {-1, 1}
    assert abs(fair.mean()) < 4 / math.sqrt(fair.size)
    assert abs(sample_patterns(1000, 300, 1, bias=0.4).mean() - 0.4) < 4 / math.sqrt(300_000)
    assert (sample_patterns(50, 7, 3) == sample_patterns(50, 7, 3)).all()


def test_hebb_is_the_sum_over_patterns(patterns):
    xi = patterns.astype(float)
    couplings = hebb(patterns)
    assert couplings.rows.dtype == np.int8
    assert couplings.rows.flags.c_contiguous
    np.testing.assert_allclose(full(couplings), xi @ xi.T / SIZE, rtol=1e-12)
    np.testing.assert_allclose(couplings.diagonal, COUNT / SIZE)
    np.testing.assert_array_equal(gram(couplings), xi.T @ xi)


def test_examples_agree_with_their_archetype_as_often_as_their_quality_says(patterns):
    examples = sample_examples(patterns, 400, 0.3, 1)
    assert examples.shape == (SIZE, COUNT, 400)
    agreement = examples * patterns[..., None]
    assert abs(agreement.mean() - 0.3) < 4 / math.sqrt(agreement.size)


def test_rules_on_examples_are_their_definitions(patterns):
    quality, count = 0.6, 5
    eta = sample_examples(patterns, count, quality, 2).astype(float)
    second = quality**2 + (1 - quality**2) / count
    mean = eta.mean(axis=2)
    np.testing.assert_allclose(
        full(supervised(eta.sum(axis=2).astype(int), count, quality)), mean @ mean.T / (SIZE * second), rtol=1e-12)
    flat = eta.reshape(SIZE, -1)
    np.testing.assert_allclose(full(unsupervised(eta.astype(np.int8), quality)), flat @ flat.T / (SIZE * count * second),
                               rtol=1e-12)


def test_perfect_examples_are_the_patterns(patterns):
    eta = sample_examples(patterns, 3, 1.0, 0)
    for couplings in (supervised(eta.sum(axis=2), 3, 1.0), unsupervised(eta, 1.0), noisy_hebb(patterns, 0, 0)):
        np.testing.assert_allclose(full(couplings), full(hebb(patterns)), rtol=1e-12)


def test_many_examples_have_the_law_of_their_dataset_entropy():
    rho, patterns = 0.5, sample_patterns(2000, 20, 0)
    features = noisy_hebb(patterns, rho, 1).features
    along = (features * patterns).mean()
    assert abs(along - 1 / math.sqrt(1 + rho)) < 4 / math.sqrt(features.size)
    assert abs(np.square(features).mean() - 1) < 0.03


# ---- dreaming ----


@pytest.mark.parametrize("t", [0.0, 0.3, 4.0, 1e4])
def test_dreaming_is_the_matrix_formula(patterns, t):
    plain = full(hebb(patterns))
    expected = (1 + t) * plain @ np.linalg.inv(np.eye(SIZE) + t * plain)
    np.testing.assert_allclose(full(dreamed(hebb(patterns), t)), expected, atol=2e-6)


def test_endless_dreaming_is_the_projector(patterns):
    projector = patterns @ np.linalg.pinv(patterns.astype(float))
    np.testing.assert_allclose(full(dreamed(hebb(patterns), math.inf)), projector, atol=2e-6)
    np.testing.assert_allclose(full(dreamed(hebb(patterns), 1e7)), projector, atol=1e-5)


def test_dreaming_projects_on_dependent_patterns_too(patterns):
    twice = np.concatenate([patterns, patterns[:, :3]], axis=1)
    projector = patterns @ np.linalg.pinv(patterns.astype(float))
    np.testing.assert_allclose(full(dreamed(hebb(twice), math.inf)), projector, atol=2e-6)


def test_dreaming_examples_is_the_matrix_formula(patterns):
    couplings = unsupervised(sample_examples(patterns, 4, 0.5, 0), 0.5)
    plain = full(couplings)
    expected = 3 * plain @ np.linalg.inv(np.eye(SIZE) + 2 * plain)
    np.testing.assert_allclose(full(dreamed(couplings, 2.0)), expected, atol=2e-6)


@pytest.mark.parametrize("step", [1.0, 0.25])
def test_protocol_is_its_matrix_iteration(patterns, step):
    matrix = full(hebb(patterns))
    for n in range(6):
        matrix = matrix + step / (1 + n * step) * (matrix - matrix @ matrix)
    np.testing.assert_allclose(full(iterated(hebb(patterns), 6, step)), matrix, atol=2e-6)


def test_protocol_moves_eigenvalues_by_the_logistic_map(patterns):
    before = linalg.eigvalsh(full(hebb(patterns)))[-COUNT:]
    after = linalg.eigvalsh(full(iterated(hebb(patterns), 2)))[-COUNT:]
    once = 2 * before - before**2
    np.testing.assert_allclose(after, np.sort(once + (once - once**2) / 2), atol=1e-5)


def test_protocol_tends_to_dreaming_with_smaller_steps_and_first_order(patterns):
    t, exact = 3.0, full(dreamed(hebb(patterns), 3.0))
    errors = [np.abs(full(iterated(hebb(patterns), round(t / step), step)) - exact).max() for step in (0.1, 0.05, 0.025)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 0.005
    np.testing.assert_allclose(orders, 1, atol=0.15)


def test_protocol_ends_at_the_projector_as_dreaming_does(patterns):
    projector = full(dreamed(hebb(patterns), math.inf))
    distance = [np.abs(full(iterated(hebb(patterns), n)) - projector).max() for n in (10, 100, 1000)]
    assert distance[0] > distance[1] > distance[2]
    assert distance[2] < 0.01  # both approach it like 1/t
    gap = [np.abs(full(iterated(hebb(patterns), n)) - full(dreamed(hebb(patterns), n))).max() for n in (10, 100, 1000)]
    assert gap[0] > gap[1] > gap[2]


# ---- refusals ----


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda c: dreamed(c, -1.0), ValueError, r"dreaming = -1.0 .*math\.inf"),
        (lambda c: dreamed(c, math.nan), ValueError, "dreaming = nan"),
        (lambda c: dreamed(c, "2"), TypeError, "dreaming = '2'"),
        (lambda c: dreamed(dreamed(c, 1.0), 1.0), ValueError, "kernel"),
        (lambda c: iterated(c, -1), ValueError, "steps = -1.*whole number"),
        (lambda c: iterated(c, 5, 40.0), ValueError, "step = 40.*give a step below"),
        (lambda c: learned(np.ones(4)), ValueError, r"features of shape \(4,\)"),
        (lambda c: learned(np.ones((4, 2)), kernel=np.eye(3)), ValueError, r"kernel of shape \(3, 3\).*\(2, 2\)"),
        (lambda c: noisy_hebb(sample_patterns(5, 2, 0), -0.1, 0), ValueError, "dataset_entropy = -0.1"),
        (lambda c: sample_patterns(5, 2, 0, bias=1.5), ValueError, "bias = 1.5"),
    ],
)
def test_bad_input_is_refused(patterns, make, error, words):
    with pytest.raises(error, match=words):
        make(hebb(patterns))
