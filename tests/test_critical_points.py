"""Lists of critical points: against exact solutions, Morse's theorem, and expected numbers."""

import itertools
import math

import numpy as np
import pytest

from spinodal.validate import critical_points as module
from spinodal.validate.critical_points import critical_points
from spinodal.validate.kac_rice import expected_by_index, expected_number
from spinodal.validate.landscape_kernels import gather
from spinodal.validate.landscapes import Covariance, sample_landscape

CUBIC = Covariance((3,), (1.0,))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("covariance", [
    CUBIC, Covariance((5,), (1.0,)), Covariance((2, 3), (1.0, 0.7)), Covariance((4,), (1.0,), True)], ids=str)  # fmt: skip
def test_on_a_circle_they_are_the_roots_of_a_trigonometric_polynomial(covariance, seed):
    sample = sample_landscape(covariance, 2, seed)
    found = critical_points(sample, rng=seed)
    top = max(covariance.degrees)
    angles = 2 * math.pi * np.arange(4 * top) / (4 * top)
    slopes = [sample.evaluate(np.array([math.cos(a), math.sin(a)]), 1)[1] @ [-math.sin(a), math.cos(a)] for a in angles]
    harmonics = np.fft.fft(slopes) / len(slopes)
    # sum_k c_k z^k of |k| <= top, as a polynomial of degree 2 top in z = exp(i angle)
    roots = np.roots([harmonics[k] for k in range(top, -top - 1, -1)])
    exact = np.sort(np.angle(roots[np.abs(np.abs(roots) - 1) < 1e-8]))
    assert found.complete
    assert len(found) == exact.size
    np.testing.assert_allclose(np.sort(np.arctan2(found.points[:, 1], found.points[:, 0])), exact, atol=1e-8)


@pytest.mark.parametrize("size", [4, 9])
def test_of_a_quadratic_form_they_are_the_eigenvectors(size):
    sample = sample_landscape(Covariance((2,), (1.3,)), size, 0)
    found = critical_points(sample)
    assert found.complete
    _, _, hessian = sample.evaluate(np.ones(size), 2)
    np.testing.assert_allclose(found.energies, np.repeat(np.linalg.eigvalsh(hessian) / 2, 2), atol=1e-12)
    assert found.by_index().tolist() == [2] * size
    assert (found.indices == np.repeat(np.arange(size), 2)).all()


def continued(sample, rng, steps):
    """Solutions of grad h = l x of a cubic in complex space, array (2^N - 1, N), by continuation; paths may meet.

    From h = sum c_i x_i^3/3, whose solutions are x_i = 0 or l/c_i, along the straight line with complex c.
    """
    n = sample.size
    last = np.array([sample.evaluate(e, 2)[2] for e in np.eye(n)]) / 2  # grad h = T x x
    first = np.zeros((n, n, n), dtype=complex)
    first[range(n), range(n), range(n)] = 0.3 * np.exp(2j * np.pi * rng.random(n))
    chart = rng.standard_normal(n) + 1j * rng.standard_normal(n)  # chart.x = 1
    x = ((np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1) / np.diagonal(np.diagonal(first))
    multiplier = 1 / (x @ chart)
    x = x * multiplier[:, None]

    def system(t, x, multiplier):
        tensor = (1 - t) * first + t * last
        slopes = np.einsum("ijk,bk->bij", tensor, x)
        jacobian = np.zeros((len(x), n + 1, n + 1), dtype=complex)
        jacobian[:, :n, :n] = 2 * slopes - multiplier[:, None, None] * np.eye(n)
        jacobian[:, :n, n], jacobian[:, n, :n] = -x, chart
        value = np.einsum("bij,bj->bi", slopes, x) - multiplier[:, None] * x
        return jacobian, np.concatenate([value, (x @ chart - 1)[:, None]], axis=1)

    def moved(t, x, multiplier):
        jacobian, _ = system(t, x, multiplier)
        speed = np.einsum("ijk,bj,bk->bi", last - first, x, x, optimize=True)
        return np.linalg.solve(jacobian, -np.concatenate([speed, np.zeros((len(x), 1))], axis=1)[..., None])[..., 0]

    # fine where paths are fast: at both ends
    times = (1 - np.cos(np.pi * np.arange(steps + 1) / steps)) / 2
    for before, after in itertools.pairwise(times):
        step = after - before
        half = moved(before, x, multiplier)
        middle = moved(before + step / 2, x + step / 2 * half[:, :n], multiplier + step / 2 * half[:, n])
        x, multiplier = x + step * middle[:, :n], multiplier + step * middle[:, n]
        for _ in range(2):
            jacobian, value = system(after, x, multiplier)
            change = np.linalg.solve(jacobian, -value[..., None])[..., 0]
            x, multiplier = x + change[:, :n], multiplier + change[:, n]
    return x[np.linalg.norm(change, axis=1) < 1e-9]


def complex_eigenvectors(sample, rng, steps=300):
    """All of them, of length 1: 2^N - 1 (Cartwright and Sturmfels, Linear Algebra Appl. 438, 942 (2013)).

    Continued from different starts until there are so many different ones.
    """
    found = np.empty((0, sample.size), dtype=complex)
    for _ in range(8):
        for x in continued(sample, rng, steps):
            x = x / np.linalg.norm(x)
            if not (np.abs(found.conj() @ x) > 1 - 1e-9).any():
                found = np.concatenate([found, x[None]])
        if len(found) == 2**sample.size - 1:
            return found
    raise AssertionError(f"{2**sample.size - 1 - len(found)} solutions are missing")


@pytest.mark.parametrize(
    ("size", "seed"), [(5, 0), (6, 1), (7, 2), pytest.param(9, 3, marks=pytest.mark.slow),
                       pytest.param(10, 30, marks=pytest.mark.slow)])  # fmt: skip
def test_cubics_have_the_real_ones_of_all_complex_eigenvectors(size, seed):
    """Lists that are known to be complete."""
    sample = sample_landscape(CUBIC, size, seed)
    x = complex_eigenvectors(sample, np.random.default_rng(seed))
    phases = np.exp(-1j * np.angle(x[np.arange(len(x)), np.abs(x).argmax(axis=1)]))
    turned = x * phases[:, None]
    real = turned[np.abs(turned.imag).max(axis=1) < 1e-7].real
    found = critical_points(sample, rng=seed)
    assert len(found) == 2 * len(real)
    assert (np.abs(found.points @ real.T).max(axis=0) > 1 - 1e-9).all()


@pytest.mark.parametrize(
    ("covariance", "size"),
    [(CUBIC, 7), (CUBIC, 8), (Covariance((4,), (1.0,)), 5), (Covariance((2, 3), (1.0, 0.5)), 8),
     (Covariance((3,), (1.5,), True), 7), (Covariance((1, 3), (0.3, 1.0), True), 7)],
    ids=lambda x: str(x),
)  # fmt: skip
def test_lists_obey_morse_and_their_symmetry(covariance, size):
    sample = sample_landscape(covariance, size, 1)
    found = critical_points(sample, rng=2)
    assert found.complete
    assert found.euler == (1 + (-1) ** (size - 1))
    assert found.by_index()[0] >= 1
    assert found.by_index()[-1] >= 1
    for u, energy, radial in zip(found.points, found.energies, found.radial, strict=True):
        assert u @ u == pytest.approx(1, abs=1e-13)
        assert np.linalg.norm(sample.gradient(u)) < 1e-9
        assert sample.energy(u) == pytest.approx(energy, abs=1e-12)
        if len(covariance.degrees) == 1 and not covariance.spiked:
            assert radial == pytest.approx(covariance.degrees[0] * energy, abs=1e-10)
    distances = np.linalg.norm(found.points[:, None] - found.points[None], axis=2) + 9 * np.eye(len(found))
    assert distances.min() > 1e-4
    if covariance.parity:
        antipodes = np.abs(found.points @ found.points.T + 1) < 1e-10
        assert (antipodes.sum(axis=1) == 1).all()
        partner = antipodes.argmax(axis=1)
        expected = size - 1 - found.indices if covariance.parity < 0 else found.indices
        assert (found.indices[partner] == expected).all()
    assert (found.overlaps.size > 0) == covariance.spiked
    assert list(found.table().columns[:4]) == ["energy", "index", "radial", "gap"]


def test_another_search_finds_the_same():
    for seed in range(4):
        sample = sample_landscape(CUBIC, 9, seed)
        first, second = (critical_points(sample, rng=k) for k in (1, 2))
        assert first.complete
        np.testing.assert_allclose(first.energies, second.energies, atol=1e-11)


def test_numbers_are_those_of_kac_and_rice():
    """120 landscapes: all, and by index, within four standard errors; a per cent of missing points would not be seen."""
    size, counts = 6, []
    for stream in np.random.default_rng(11).spawn(120):
        found = critical_points(sample_landscape(CUBIC, size, stream), rng=stream)
        assert found.complete
        counts.append(found.by_index())
    counts = np.array(counts)
    error = counts.std(axis=0, ddof=1) / math.sqrt(len(counts))
    theory = expected_by_index(CUBIC, size, rng=0)
    assert (np.abs(counts.mean(axis=0) - theory["number"]) < 4 * np.hypot(error, theory["standard_error"])).all()
    total = counts.sum(axis=1)
    assert total.std(ddof=1) / math.sqrt(len(counts)) < 0.05 * total.mean()
    assert abs(total.mean() - expected_number(CUBIC, size).value) < 4 * total.std(ddof=1) / math.sqrt(len(counts))


@pytest.mark.slow
@pytest.mark.parametrize(("covariance", "size"), [(CUBIC, 10), (Covariance((4,), (1.0,)), 7)], ids=["3", "4"])
def test_ten_times_more_starts_find_hardly_more(covariance, size, monkeypatch):
    missing = 0
    for seed in range(12):
        sample = sample_landscape(covariance, size, seed)
        monkeypatch.setattr(module, "_HITS", 10)
        once = critical_points(sample, rng=seed)
        monkeypatch.setattr(module, "_HITS", 100)
        missing += len(critical_points(sample, rng=1000 + seed)) - len(once)
    assert 0 <= missing <= 2


def test_a_list_that_is_cut_short_says_so():
    sample = sample_landscape(CUBIC, 11, 0)
    full, short = critical_points(sample), critical_points(sample, max_starts=100)
    assert full.complete
    assert not short.complete
    assert short.starts <= 100
    assert short.unseen > 0
    assert 0 < short.new_probability <= 1
    assert len(short) <= len(full)
    assert full.unseen == 0


def test_starts_around_others_find_close_neighbours():
    """Seed 30 has three pairs that independent starts missed; with them the list is what a tenfold search finds."""
    sample = sample_landscape(CUBIC, 10, 30)
    assert len(critical_points(sample, rng=1030)) == len(critical_points(sample, rng=5030))


def test_estimate_of_what_is_missing_is_that_of_chao():
    """Twenty equally likely points, hit thirty times at random: right on average, and as uncertain as it says."""
    rng, estimates, missing, errors = np.random.default_rng(0), [], [], []
    sample = sample_landscape(Covariance((2,), (1.0,)), 20, 0)
    vectors = np.linalg.eigh(sample.evaluate(np.ones(20), 2)[2])[1].T
    for _ in range(200):
        hits = np.bincount(rng.integers(20, size=30), minlength=20)
        found = module._listed(sample, vectors[hits > 0], hits[hits > 0], 30, True)
        assert found.new_probability == pytest.approx((hits == 1).sum() / 30)
        estimates.append(found.unseen)
        errors.append(found.unseen_error)
        missing.append(2 * (hits == 0).sum())  # antipodes
    differences = np.subtract(estimates, missing)
    assert np.mean(missing) > 7
    assert abs(differences.mean()) < 4 * differences.std() / math.sqrt(200) + 0.05 * np.mean(missing)
    assert 0.5 < np.sqrt(np.mean(np.square(errors))) / differences.std() < 2


def test_ends_are_told_apart():
    known, energies, hits = np.zeros((9, 3)), np.zeros(9), np.zeros(9, dtype=np.int64)
    e = np.eye(3)
    ended = np.array([e[0], -e[0], e[1], e[0]])
    settings = (known, energies, hits, 0, 1)
    assert gather(ended, np.array([1.0, -1.0, 1.0, 1.0]), *settings, 0, 1e-10, 1e-6) == 3
    assert hits[:3].tolist() == [2, 1, 1]
    hits[:] = 0
    assert gather(ended, np.array([1.0, -1.0, 1.0, 1.0]), *settings, -1, 1e-10, 1e-6) == 2
    assert hits[:2].tolist() == [3, 1]
    hits[:] = 0
    assert gather(ended, np.array([1.0, -1.0, 1.0, 1.0]), *settings, 1, 1e-10, 1e-6) == 3  # energies tell them apart


def test_bad_input_is_refused(monkeypatch):
    sample = sample_landscape(CUBIC, 6, 0)
    with pytest.raises(ValueError, match="max_starts = 0 "):
        critical_points(sample, max_starts=0)
    monkeypatch.setattr(module, "_LARGEST", 5)
    with pytest.raises(ValueError, match="size = 6: the landscape has more than 5 critical points"):
        critical_points(sample)
