"""Dynamics of spins: kernels against N x N matrices with the same random numbers, and against exact distributions."""

import math

import numpy as np
import pytest
from scipy import stats

from spinodal.validate import kernels
from spinodal.validate.boltzmann import exact_network
from spinodal.validate.patterns import dreamed, hebb, learned, noisy_hebb, sample_patterns, supervised
from spinodal.validate.spins import (
    Chain,
    anneal,
    corrupted,
    glauber,
    metropolis,
    parallel,
    random_spins,
    relax,
    schedule,
)

SIZE, COUNT = 150, 20


def networks():
    patterns = sample_patterns(SIZE, COUNT, 0)
    totals = np.random.default_rng(1).integers(-40, 41, size=(SIZE, COUNT))
    return {
        "hebb": hebb(patterns),
        "examples": supervised(totals, 40, 0.3),
        "normal": noisy_hebb(patterns, 0.5, 2),
        "dreaming": dreamed(hebb(patterns), 3.0),
    }


NETWORKS = networks()


def naive_sweep(matrix, spins, order, noise, temperature, dynamics):
    flips = 0
    for i, x in zip(order, noise, strict=True):
        field = matrix[i] @ spins
        if dynamics == "heat bath":
            turned = spins[i] * (2 * field + temperature * x) < 0
        else:
            turned = 2 * spins[i] * field <= temperature * x
        if turned:
            spins[i] = -spins[i]
            flips += 1
    return flips


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dynamics", ["heat bath", "metropolis"])
def test_sweeps_are_those_of_the_matrix(name, dynamics):
    couplings, rng = NETWORKS[name], np.random.default_rng(3)
    matrix, chain = couplings.matrix(), Chain(NETWORKS[name], random_spins(SIZE, 4))
    spins = chain.spins.copy()
    for temperature in (0.7, 0.7, 0.1, 2.0, 0.0):
        order = rng.permutation(SIZE).astype(np.uint32)
        noise = rng.logistic(size=SIZE) if dynamics == "heat bath" else rng.standard_exponential(SIZE)
        flips = chain.visit(order, noise, temperature, dynamics=dynamics)
        assert flips == naive_sweep(matrix, spins, order, noise, temperature, dynamics)
        assert (chain.spins == spins).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_overlaps_and_energy_are_kept(name):
    couplings = NETWORKS[name]
    chain = Chain(couplings, random_spins(SIZE, 1), 2)
    for _ in range(200):
        chain.sweep(1.0)
    unit = np.abs(couplings.updates).sum()
    np.testing.assert_allclose(chain.overlaps, couplings.overlaps(chain.spins)[:COUNT], atol=1e-12 * unit)
    # single precision of the transformed features makes the couplings asymmetric by as much
    assert chain.energy == pytest.approx(couplings.energy(chain.spins), abs=1e-3 if name == "dreaming" else 1e-9)
    assert couplings.energy(chain.spins) == pytest.approx(
        -0.5 * chain.spins @ couplings.matrix() @ chain.spins, rel=1e-9)
    np.testing.assert_allclose(couplings.fields(chain.spins), couplings.matrix() @ chain.spins, atol=1e-6)


def test_overlaps_beyond_16_bits_do_not_overflow():
    """127 times 3000 spins is far beyond 32767: low and high parts, and rebasing in the middle of a sweep."""
    features = np.random.default_rng(0).integers(-127, 128, size=(3000, 3))
    features[:, 0] = 127
    couplings = learned(features)
    chain = Chain(couplings, np.ones(3000))
    for temperature in (1e6, 1e6, 1.0, 0.0, 1e6):
        chain.sweep(temperature, order="random")
        np.testing.assert_array_equal(chain.overlaps, chain.spins.astype(int) @ features)
    chain.sweep(0.0)
    assert abs(chain.overlaps[0]) > 2**16
    assert chain.energy == pytest.approx(couplings.energy(chain.spins), rel=1e-12)


def test_products_of_many_features_are_summed_in_parts():
    """130 000 features at their largest overlaps: the sum of products exceeds 32 bits."""
    count = 130_000
    couplings = learned(np.ones((20_000, 1), dtype=np.int8) * np.ones((1, 4), dtype=np.int8))
    spins = np.ones(2, dtype=np.int8)
    rows = np.ones((2, count), dtype=np.int8)
    low, high = np.full(count, 16_383, dtype=np.int16), np.zeros(count, dtype=np.int64)
    settings = (1, np.arange(2, dtype=np.uint32), np.full(2, 1.0), 0.0, 1.0, np.zeros(2), kernels.HEAT_BATH)
    flips, change = kernels.sweep_integer(spins, rows, low, high, *settings)
    assert (flips, change) == (0, 0.0)  # the field is positive: an overflow would have turned the spins
    assert couplings.fields(np.ones(20_000, dtype=np.int8))[0] == pytest.approx(4 * (1 - 1 / 20_000))


# ---- the Boltzmann distribution ----


@pytest.mark.parametrize(
    ("run", "order"), [(glauber, "sequential"), (glauber, "random"), (metropolis, "random")])
@pytest.mark.parametrize("dreaming", [0.0, 2.0])
def test_dynamics_samples_the_boltzmann_distribution(run, order, dreaming):
    size, temperature, sweeps, thinning = 5, 0.8, 60_000, 5
    couplings = dreamed(hebb(sample_patterns(size, 2, 5)), dreaming)
    exact = exact_network(couplings, temperature=temperature)
    chain = Chain(couplings, np.ones(size), 7)
    dynamics = "heat bath" if run is glauber else "metropolis"
    weights, counts = 1 << np.arange(size), np.zeros(2**size)
    for sweep in range(sweeps):
        chain.sweep(temperature, dynamics=dynamics, order=order)
        if sweep % thinning == 0:
            counts[weights @ (chain.spins > 0)] += 1
    # neighbouring samples are correlated a little: the thinned ones are not, to the resolution of the test
    assert stats.chisquare(counts, counts.sum() * exact.probabilities).pvalue > 1e-3


def test_one_visit_obeys_detailed_balance():
    """p(s) W(s -> s') = p(s') W(s' -> s) for the probability that the visited spin turns, by counting."""
    couplings, temperature = hebb(sample_patterns(4, 2, 1)), 1.3
    exact = exact_network(couplings, temperature=temperature)
    draws = 20_000
    rng = np.random.default_rng(0)
    rates = {}
    for state, spins in enumerate(exact.states):
        for i in range(4):
            field = couplings.matrix()[i] @ spins
            noise = rng.logistic(size=draws)
            rates[state, i] = np.mean(spins[i] * (2 * field + temperature * noise) < 0)
    for (state, i), rate in rates.items():
        other = state ^ (1 << i)
        forth, back = exact.probabilities[state] * rate, exact.probabilities[other] * rates[other, i]
        assert forth == pytest.approx(back, abs=5 * max(exact.probabilities[[state, other]]) / math.sqrt(draws))


# ---- runs ----


def test_relaxation_ends_in_a_minimum_and_energy_falls():
    couplings = NETWORKS["hebb"]
    run = relax(couplings, random_spins(SIZE, 5), reference=np.ones(SIZE))
    assert run.converged
    assert run.flips[-1] == 0
    assert (np.diff(run.energy) <= 1e-12).all()
    assert (run.spins * couplings.fields(run.spins) >= 0).all()
    assert run.overlap[-1] == pytest.approx(run.spins.mean())
    assert not relax(couplings, random_spins(SIZE, 5), max_sweeps=1).converged


def test_few_patterns_are_retrieved():
    patterns = sample_patterns(500, 10, 0)
    for couplings in (hebb(patterns), dreamed(hebb(patterns), math.inf)):
        for run in (relax, parallel):
            found = run(couplings, corrupted(patterns[:, 3], 0.6, 1), reference=patterns[:, 3])
            assert found.overlap[0] == pytest.approx(0.6, abs=2 / 500)
            assert found.overlap[-1] == 1
            assert found.period == 1
            assert len(found.energy) == found.sweeps + 1


@pytest.mark.parametrize("name", NETWORKS)
def test_parallel_dynamics_is_that_of_the_matrix(name):
    couplings, spins = NETWORKS[name], random_spins(SIZE, 9)
    run = parallel(couplings, spins, max_sweeps=3)
    expected = spins.astype(float)
    for _ in range(run.sweeps):
        field = couplings.matrix() @ expected
        expected = np.where(field * expected < 0, -expected, expected)
    np.testing.assert_array_equal(run.spins, expected)
    assert run.energy[-1] == pytest.approx(couplings.energy(run.spins) / SIZE, rel=1e-9)


def test_parallel_dynamics_detects_cycles():
    # one pattern with a negative sign: every spin is told to turn by all others, and all do
    couplings = learned(np.ones((20, 1), dtype=np.int8), scale=-1 / 20)
    run = parallel(couplings, np.ones(20))
    assert run.period == 2
    assert not run.converged
    assert relax(couplings, np.ones(20)).converged  # one after the other they come to rest


def test_parallel_dynamics_at_a_temperature_forgets():
    couplings, start = NETWORKS["hebb"], np.ones(SIZE)
    run = parallel(couplings, start, temperature=50.0, max_sweeps=200, rng=1, reference=start)
    assert run.sweeps == 200
    assert run.period == 0
    assert abs(run.overlap[50:].mean()) < 5 / math.sqrt(150 * SIZE)


def test_annealing_is_deeper_than_quenching():
    couplings = hebb(sample_patterns(400, 200, 0))
    starts = [random_spins(400, k) for k in range(6)]
    quenched = np.mean([relax(couplings, s).energy[-1] for s in starts])
    temperatures = schedule(2.0, 0.0, 40)
    annealed = [anneal(couplings, s, temperatures=temperatures, sweeps=5, rng=k) for k, s in enumerate(starts)]
    assert annealed[0].sweeps == 200
    assert np.mean([run.energy[-1] for run in annealed]) < quenched - 0.01


def test_equal_seeds_give_equal_runs():
    couplings, start = NETWORKS["hebb"], random_spins(SIZE, 0)
    settings = {"temperature": 0.5, "sweeps": 10}
    first, second, other = (glauber(couplings, start, rng=seed, **settings) for seed in (1, 1, 2))
    assert (first.spins == second.spins).all()
    assert not (first.spins == other.spins).all()
    assert (start == random_spins(SIZE, 0)).all()  # where a run starts is not changed


def test_corruption_has_the_overlap_asked_for():
    pattern = sample_patterns(1000, 1, 0)[:, 0]
    for overlap in (1.0, 0.3, 0.0, -1.0):
        assert pattern.astype(int) @ corrupted(pattern, overlap, 1) / 1000 == pytest.approx(overlap, abs=1e-12)


@pytest.mark.parametrize(
    ("run", "error", "words"),
    [
        (lambda c: glauber(c, np.ones(SIZE), temperature=-1.0, sweeps=1), ValueError, "temperature = -1.0"),
        (lambda c: glauber(c, np.ones(SIZE), temperature=math.nan, sweeps=1), ValueError, "temperature = nan"),
        (lambda c: glauber(c, np.ones(SIZE), temperature="1", sweeps=1), TypeError, "temperature = '1'"),
        (lambda c: glauber(c, np.ones(SIZE), temperature=1.0, sweeps=1, order="up"), ValueError, "order = 'up'.*random"),
        (lambda c: parallel(c, np.ones(SIZE), temperature=-2.0), ValueError, "temperature = -2.0"),
        (lambda c: relax(c, np.ones(3)), ValueError, rf"spins of shape \(3,\).*{SIZE}"),
        (lambda c: relax(c, np.zeros(SIZE)), ValueError, r"not all \+1 or -1"),
        (lambda c: relax(c, np.full(SIZE, 1.5)), ValueError, r"not all \+1 or -1"),
        (lambda c: corrupted(np.ones(SIZE), 1.2, 0), ValueError, r"overlap = 1.2 .*\[-1, 1\]"),
    ],
)
def test_bad_input_is_refused(run, error, words):
    with pytest.raises(error, match=words):
        run(NETWORKS["hebb"])
