"""The network as a Boltzmann machine: exact sums, block Gibbs sampling; message passing against the saddle point."""

import math

import numpy as np
import pytest
from scipy import stats

from spinodal.validate.boltzmann import block_gibbs, every_state, exact_network, rbm_log_partition, weights
from spinodal.validate.patterns import dreamed, hebb, iterated, learned, noisy_hebb, sample_patterns, supervised
from spinodal.validate.spins import glauber
from spinodal.validate.tap import tap


def test_every_state_is_listed_once():
    states = every_state(6)
    assert states.shape == (64, 6)
    assert len(np.unique(states, axis=0)) == 64
    assert (states[5] == [1, -1, 1, -1, -1, -1]).all()


def test_exact_sums_are_those_of_one_pair():
    # J_12 = 1/2: H = -s_1 s_2/2
    exact = exact_network(hebb(np.ones((2, 1), dtype=np.int8)), temperature=0.5)
    assert exact.log_partition == pytest.approx(math.log(4 * math.cosh(1)))
    assert exact.energy == pytest.approx(-0.5 * math.tanh(1))
    assert exact.correlations[0, 1] == pytest.approx(math.tanh(1))
    assert exact.probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize(("size", "count", "temperature"), [(4, 1, 0.4), (8, 3, 1.5), (11, 2, 0.7), (12, 3, 0.6)])
@pytest.mark.parametrize("dreaming", [0.0, 3.0, math.inf])
def test_partition_functions_of_network_and_machine_differ_by_the_diagonal(size, count, temperature, dreaming):
    plain = hebb(sample_patterns(size, count, size))
    couplings = dreamed(plain, dreaming)
    network = exact_network(couplings, temperature=temperature).log_partition
    machine = rbm_log_partition(weights(couplings), temperature=temperature)
    trace = couplings.diagonal.sum()
    if dreaming == 0:
        assert trace == pytest.approx(count)  # alpha N
    assert machine == pytest.approx(network + trace / temperature / 2, rel=1e-9 if dreaming == 0 else 1e-6)


def test_quadrature_over_hidden_units_converges():
    machine = weights(hebb(sample_patterns(10, 2, 0)))
    errors = [abs(rbm_log_partition(machine, temperature=0.7, nodes=n) - rbm_log_partition(machine, temperature=0.7))
              for n in (10, 20, 40)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-8


@pytest.mark.parametrize("make", [lambda p: hebb(p), lambda p: dreamed(hebb(p), 2.0), lambda p: noisy_hebb(p, 1.0, 0)])
def test_weights_are_a_root_of_the_couplings(make):
    couplings = make(sample_patterns(60, 9, 0))
    found = weights(couplings)
    np.testing.assert_allclose(found @ found.T, couplings.matrix() + np.diag(couplings.diagonal), atol=1e-6)


@pytest.mark.parametrize("dreaming", [0.0, 4.0])
def test_block_gibbs_samples_the_boltzmann_distribution(dreaming):
    size, temperature = 5, 0.9
    couplings = dreamed(hebb(sample_patterns(size, 2, 5)), dreaming)
    exact = exact_network(couplings, temperature=temperature)
    start = np.ones((40_000, size), dtype=np.int8)
    spins = block_gibbs(weights(couplings), start, temperature=temperature, sweeps=40, rng=3)
    assert spins.shape == start.shape
    assert spins.dtype == np.int8
    counts = np.bincount((spins > 0) @ (1 << np.arange(size)), minlength=2**size)
    assert stats.chisquare(counts, counts.sum() * exact.probabilities).pvalue > 1e-3


def test_both_simulations_of_a_network_agree():
    """The same energy and overlap, from two algorithms that share no code."""
    size, count, temperature = 600, 18, 0.5
    patterns = sample_patterns(size, count, 0)
    couplings, pattern = hebb(patterns), patterns[:, 0]
    machine = weights(couplings).astype(np.float32)
    copies = np.tile(pattern, (300, 1))
    gibbs = block_gibbs(machine, copies, temperature=temperature, sweeps=80, rng=1)
    overlaps = gibbs.astype(float) @ pattern / size
    energies = [couplings.energy(one) / size for one in gibbs]
    run = glauber(couplings, pattern, temperature=temperature, sweeps=6000, rng=2, reference=pattern)
    for series, sample in ((run.overlap, overlaps), (run.energy, energies)):
        blocks = np.array([part.mean() for part in np.array_split(series[200:], 20)])
        error = math.hypot(blocks.std(ddof=1) / math.sqrt(20), np.std(sample, ddof=1) / math.sqrt(300))
        assert abs(blocks.mean() - np.mean(sample)) < 4 * error
        assert error < 0.006


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda c: exact_network(c, temperature=0), "temperature = 0.*positive"),
        (lambda c: exact_network(c, temperature=-1.0), "temperature = -1.0"),
        (lambda c: exact_network(hebb(sample_patterns(30, 2, 0)), temperature=1.0), "size = 30.*1 to 20"),
        (lambda c: rbm_log_partition(weights(c), temperature=1.0), r"machine of shape \(8, 4\).*at most 3"),
        (lambda c: block_gibbs(weights(c), np.ones(8), temperature=0, sweeps=1), "temperature = 0"),
        (lambda c: block_gibbs(weights(c), np.ones(7), temperature=1.0, sweeps=1), "spins of shape"),
        (lambda c: weights(learned(np.eye(3), kernel=-np.eye(3))), "without negative"),
        (lambda c: tap(c, np.zeros(8), temperature=0), "temperature = 0.*relax"),
        (lambda c: tap(c, np.full(8, 2.0), temperature=1.0), r"start of shape \(8,\).*\[-1, 1\]"),
        (lambda c: tap(c, np.zeros(8), temperature=1.0, damping=1.0), "damping = 1.0"),
        (lambda c: tap(dreamed(c, 1.0), np.zeros(8), temperature=1.0), "kernel.*hebb"),
        (lambda c: tap(iterated(c, 1, 0.1), np.zeros(8), temperature=1.0), "kernel"),
    ],
)
def test_bad_input_is_refused(run, words):
    with pytest.raises(ValueError, match=words):
        run(hebb(sample_patterns(8, 4, 0)))


# ---- message passing ----

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(180)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def saddle_point(alpha, temperature, m=1.0, q=1.0):
    """m, q, r of Amit, Gutfreund and Sompolinsky (1987), by iteration."""
    beta = 1 / temperature
    for _ in range(4000):
        r = q / (1 - beta * (1 - q)) ** 2
        magnetisation = np.tanh(beta * (m + math.sqrt(alpha * r) * _NODES))
        step = _WEIGHTS @ magnetisation - m, _WEIGHTS @ magnetisation**2 - q
        m, q = m + 0.5 * step[0], q + 0.5 * step[1]
        if max(map(abs, step)) < 1e-13:
            break
    return m, q, r


@pytest.mark.parametrize(("alpha", "temperature"), [(0.02, 0.5), (0.05, 0.4), (0.1, 0.2)])
def test_message_passing_finds_the_replica_symmetric_state(alpha, temperature):
    size, instances = 2000, 10
    m, q, _ = saddle_point(alpha, temperature)
    runs = []
    for seed in range(instances):
        patterns = sample_patterns(size, round(alpha * size), seed)
        runs.append(tap(hebb(patterns), 0.9 * patterns[:, 0], temperature=temperature, reference=patterns[:, 0]))
    assert all(run.converged for run in runs)
    for expected, values in ((m, [run.overlap for run in runs]), (q, [run.self_overlap for run in runs])):
        error = np.std(values, ddof=1) / math.sqrt(instances)
        assert abs(np.mean(values) - expected) < 4 * error + 1 / size
        assert error < 0.003


def test_fixed_points_obey_the_equations_of_thouless_anderson_and_palmer():
    patterns = sample_patterns(500, 10, 0)
    couplings, temperature = hebb(patterns), 0.4
    run = tap(couplings, 0.9 * patterns[:, 0], temperature=temperature, tolerance=1e-13)
    m, q, alpha, beta = run.magnetisations, run.self_overlap, 10 / 500, 1 / temperature
    reaction = alpha * beta * (1 - q) / (1 - beta * (1 - q))
    np.testing.assert_allclose(m, np.tanh(beta * (couplings.matrix() @ m - reaction * m)), atol=1e-10)


def test_message_passing_knows_magnetisations_of_the_simulation():
    patterns = sample_patterns(1000, 20, 1)
    couplings, temperature = hebb(patterns), 0.45
    run = tap(couplings, 0.9 * patterns[:, 0], temperature=temperature)
    copies = np.tile(patterns[:, 0], (400, 1))
    sampled = block_gibbs(weights(couplings).astype(np.float32), copies, temperature=temperature, sweeps=60, rng=0)
    error = np.sqrt(np.mean((sampled.mean(axis=0) - run.magnetisations) ** 2))
    assert error < 1.15 * math.sqrt(np.mean(1 - run.magnetisations**2) / 400)


def test_message_passing_forgets_in_the_paramagnet_and_takes_averaged_examples():
    patterns = sample_patterns(1000, 100, 0)
    run = tap(hebb(patterns), 0.5 * patterns[:, 0], temperature=1.8, reference=patterns[:, 0])
    assert run.converged
    assert abs(run.overlap) < 1e-6
    totals = patterns[:, :10] * (2 * np.random.default_rng(0).binomial(7, 0.85, size=(1000, 10)) - 7)
    run = tap(supervised(totals, 7, 0.7), patterns[:, 0], temperature=0.2, reference=patterns[:, 0])
    assert run.converged
    assert run.overlap > 0.8
