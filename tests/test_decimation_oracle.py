"""Decimation by annealing and by message passing, on instances sampled from the definition.

The replica-symmetric numbers that judge are solved here once more, for +-1 and a given past, by a few lines that share
nothing with the package.
"""

import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import erf

import spinodal as sp
from spinodal.phase_diagrams.decimation import decimation_flow
from spinodal.validate import oracle
from spinodal.validate.annealing import Atoms, DenseCouplings, Walk, anneal, cooling, energy_traces
from spinodal.validate.decimation_amp import Reaction, amp_decimation, amp_step, follow, sample_marginals
from spinodal.validate.decimation_figures import plot_judgement, plot_overlaps, plot_traces
from spinodal.validate.decimation_instances import (
    energy,
    matched,
    matrix_error,
    residual,
    sample_factorization,
    symmetric,
    without,
)
from spinodal.validate.denoisers import input_denoiser
from spinodal.validate.journal import Journal
from spinodal.validate.oracle import Prediction, decimate, expected_residual

SPARSE = sp.SparseRademacher(0.2, amplitude=0.2**-0.5)


# ---- the replica-symmetric theory of +-1, for comparison ----


def couplings_of(C, delta, left, past):
    """R(C) and R'(C); `past` holds (weight, m) of what was found."""
    value, slope = delta * C + left / (1 - C), delta + left / (1 - C) ** 2
    for weight, m in past:
        c = 1 - m * m
        value += weight * 2 * c * C / (1 - c * C * C)
        slope += weight * 2 * c * (1 + c * C * C) / (1 - c * C * C) ** 2
    return value, slope


def ground_state(delta, left, past=(), retrieval=True):
    """m, r, C, energy and residual at T = 0; explicit in x = m/sqrt(2 r)."""
    def noise(x):
        m = erf(x) if retrieval else 0.0

        def gap(r):
            C = np.exp(-x * x) * np.sqrt(2 / (np.pi * r))
            return r - couplings_of(C, delta, left, past)[1]

        low = (2 / np.pi) * np.exp(-2 * x * x)  # where C = 1
        return m, brentq(gap, low * (1 + 1e-9), 50.0, xtol=1e-14)

    x = 0.0
    if retrieval:
        x = brentq(lambda x: x * np.sqrt(2 * noise(x)[1]) - erf(x), 1.3, 8.0, xtol=1e-13)
    m, r = noise(x)
    C = np.exp(-x * x) * np.sqrt(2 / (np.pi * r))
    R = couplings_of(C, delta, left, past)[0]
    return {"m": m, "r": r, "C": C, "energy": -(m * m + r * C + R) / 2 + 0.25,
            "residual": expected_residual(m=m, r=r, C=C)}


def warm_state(beta, delta, left):
    """m, q, r, C of retrieval at inverse temperature beta."""
    z = np.linspace(-9, 9, 2001)
    w = np.exp(-z * z / 2)
    w /= w.sum()
    m, q = 0.99, 0.99
    for _ in range(500):
        C = beta * (1 - q)
        r = q * couplings_of(C, delta, left, ())[1]
        mean = np.tanh(beta * (m + np.sqrt(r) * z))
        m, q = 0.5 * (m + w @ mean), 0.5 * (q + w @ mean**2)
    return m, q, r, C


def prediction(delta, size, count):
    past, rows = [], []
    for step in range(count):
        found = ground_state(delta, (count - step) / size, past)
        glass = ground_state(delta, (count - step) / size, past, retrieval=False)
        rows.append((found["energy"], found["residual"], glass["residual"], found["m"]))
        past.append((1 / size, found["m"]))
    e, s, g, m = np.array(rows).T
    return Prediction(energy=e, residual=s, competing=g), m


def test_the_theory_that_judges():
    found = ground_state(0.08, 0.03)
    assert found["m"] == pytest.approx(0.9971448, abs=5e-8)
    assert found["energy"] == pytest.approx(-0.2652549, abs=5e-8)
    assert ground_state(0.08, 0.03, retrieval=False)["energy"] - found["energy"] == pytest.approx(0.011, abs=5e-4)
    assert warm_state(1 / 0.15, 0.15, 0.03)[0] == pytest.approx(0.9654865, abs=5e-7)


# ---- instances ----


def test_instance_is_what_it_says():
    found = sample_factorization(SPARSE, alpha=0.05, delta=0.3, size=600, rng=3)
    assert (found.size, found.count, found.alpha) == (600, 30, 0.05)
    assert set(np.unique(found.patterns)) == {-(0.2**-0.5), 0.0, 0.2**-0.5}
    noise = found.observed - found.patterns @ found.patterns.T / np.sqrt(600)
    off = noise[np.triu_indices(600, 1)]
    assert (noise == noise.T).all()
    assert abs(off.var() / 0.3 - 1) < 5 * np.sqrt(2 / off.size)
    assert abs(noise.diagonal().var() / 0.6 - 1) < 5 * np.sqrt(2 / 600)


def test_energy_residual_and_error_by_their_definitions():
    rng = np.random.default_rng(0)
    instance = sample_factorization(SPARSE, alpha=0.05, delta=0.1, size=60, rng=rng)
    Y, N, x = instance.observed, 60, instance.patterns[:, 0]
    assert energy(Y, x) == pytest.approx((-x @ Y @ x / (2 * np.sqrt(N)) + (x @ x) ** 2 / (4 * N)) / N)
    h = Y @ x / np.sqrt(N)
    best = min(((h - k * x) ** 2).sum() / N for k in np.linspace(0, 3, 30001))
    assert residual(Y, x) == pytest.approx(best, rel=1e-6)
    assert residual(Y, 0 * x) == 0
    estimates = rng.choice([-1.0, 1.0], size=(2, N))
    direct = (estimates.T @ estimates - instance.patterns @ instance.patterns.T) / N
    assert matrix_error(estimates, instance.patterns) == pytest.approx((direct**2).sum() / (2 * N))
    left = Y.copy()
    without(left, x)
    np.testing.assert_allclose(left, Y - np.outer(x, x) / np.sqrt(N), atol=1e-13)
    assert (left == left.T).all()


def test_matching_tells_duplicates():
    patterns = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 3)))[0] * np.sqrt(50)
    table = matched(np.array([-patterns[:, 2], patterns[:, 0], patterns[:, 2]]), patterns)
    assert table["pattern"].tolist() == [2, 0, 2]
    assert table["duplicate"].tolist() == [False, False, True]
    np.testing.assert_allclose(table["overlap"], 1)


@pytest.mark.parametrize(("changed", "message"), [
    ({"prior": sp.SparseRademacher(0.2)}, "amplitude=rho"),
    ({"alpha": -0.1}, "alpha"),
    ({"delta": -1.0}, "delta"),
    ({"size": 3}, "size"),
])
def test_instances_refused(changed, message):
    settings = {"prior": sp.Rademacher(), "alpha": 0.03, "delta": 0.1, "size": 100} | changed
    with pytest.raises(ValueError, match=message):
        sample_factorization(settings.pop("prior"), **settings)


def test_matrices_refused():
    with pytest.raises(ValueError, match="not symmetric"):
        symmetric("matrix", np.arange(9.0).reshape(3, 3))
    with pytest.raises(ValueError, match="square"):
        symmetric("matrix", np.zeros((3, 4)))
    with pytest.raises(ValueError, match="finite"):
        symmetric("matrix", np.full((3, 3), np.nan))


# ---- dynamics ----


@pytest.mark.parametrize("prior", [sp.Rademacher(), SPARSE, sp.Discrete([-1.5, 0.5], [0.25, 0.75])])
def test_heat_bath_samples_the_measure(prior):
    """All states of four components, by their weights P(x) exp(-beta E), diagonal and quartic term included."""
    rng = np.random.default_rng(5)
    Y = rng.standard_normal((4, 4))
    Y = Y + Y.T
    atoms = Atoms(prior)
    states = list(itertools.product(range(atoms.values.size), repeat=4))
    weights = np.array([
        np.exp(atoms.logarithms[list(one)].sum() - 4 * energy(Y, atoms.values[list(one)]) / 1.3) for one in states
    ])
    weights /= weights.sum()
    walk = Walk(DenseCouplings(Y), atoms, rng=1)
    counts, blocks = np.zeros((20, len(states))), 20
    place = {one: k for k, one in enumerate(states)}
    for block in range(blocks):
        for _ in range(500):
            walk.run([1.3, 1.3])
            counts[block, place[tuple(walk.index.tolist())]] += 1
    share = counts / 500
    error = np.maximum(share.std(axis=0, ddof=1) / np.sqrt(blocks), np.sqrt(weights / 10_000))
    assert (np.abs(share.mean(axis=0) - weights) < 4.5 * error + 1e-4).all()


@pytest.mark.parametrize("prior", [sp.Rademacher(), SPARSE])
def test_energies_are_maintained_and_the_end_is_a_minimum(prior):
    instance = sample_factorization(prior, alpha=0.05, delta=0.1, size=200, rng=2)
    atoms = Atoms(prior)
    walk = Walk(DenseCouplings(instance.observed), atoms, rng=3)
    for _ in range(5):
        walk.run(np.full(13, 0.4))
        assert walk.energies[-1] == pytest.approx(energy(instance.observed, walk.state), abs=1e-6)
    assert len(walk.energies) == len(walk.changes) + 1 == 66
    assert walk.relax()
    own = energy(instance.observed, walk.state)
    for i, value in itertools.product(range(200), atoms.values):
        other = walk.state
        other[i] = value
        assert energy(instance.observed, other) >= own - 1e-8


def test_schedule():
    np.testing.assert_allclose(1 / cooling(), np.arange(1, 31))
    for bad in ({"hot": 0.1, "cold": 0.2}, {"cold": 0.0}, {"sweeps": 1}, {"hot": -1.0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            cooling(**bad)
    with pytest.raises(ValueError, match="density"):
        Atoms(sp.Gaussian())


def test_traces_of_a_golf_course():
    """Few sparse patterns: flat for long, and then down to the energy of a pattern at once."""
    prior = sp.SparseRademacher(0.15, amplitude=0.15**-0.5)
    instance = sample_factorization(prior, alpha=0.002, delta=0.08, size=1500, rng=1)
    table = energy_traces(instance.observed, prior, np.full(600, 0.3), restarts=4, reference=instance.patterns, every=5)
    assert len(table) == 4 * 120
    for _, trace in table.groupby("restart"):
        flat = trace[(trace["overlap"] < 0.3) & (trace["sweep"] > 5)]
        fallen = trace[trace["overlap"] > 0.75]
        assert len(fallen) > 0
        assert flat["energy"].between(-0.03, 0.03).all()
        assert (fallen["energy"] < -0.15).all()
        between = trace[(trace["overlap"] >= 0.3) & (trace["overlap"] <= 0.75)]
        assert len(between) < 10


# ---- the judge ----


def test_scatter_of_retrieval_states_is_what_the_judge_expects():
    """Energies and residuals of minima next to patterns, many of a few instances: standard scores of unit width."""
    size, count = 800, 24
    judge = prediction(0.08, size, count)[0].judge(0, size=size, delta=0.08, left=count)
    scores = []
    for seed in range(5):
        instance = sample_factorization(sp.Rademacher(), alpha=count / size, delta=0.08, size=size, rng=seed)
        couplings, atoms = DenseCouplings(instance.observed), Atoms(sp.Rademacher())
        for pattern in instance.patterns.T:
            walk = Walk(couplings, atoms, atoms.indices(pattern))
            walk.relax()
            own, spread = energy(instance.observed, walk.state), residual(instance.observed, walk.state)
            scores.append(((own - judge.energy) / judge.spread, (spread - judge.residual) / judge.scatter))
            assert judge.accepts(own, spread)
    width = np.std(scores, axis=0)
    assert (np.abs(width - 1) < 0.3).all()
    assert (np.abs(np.mean(scores, axis=0)) < 0.6).all()  # of one matrix they go together
    assert judge.separation == pytest.approx(6)
    assert judge.bounds[1] > judge.residual + 8 * judge.scatter  # towards the spin glass there is more room


def test_judge_refuses_what_is_lower_on_either_side():
    """With one pattern left the spin glass is that of Sherrington and Kirkpatrick: S = delta (1 - 2/pi), above -0.25."""
    judge = Prediction(energy=-0.25, residual=0.08, competing=0.08 * (1 - 2 / np.pi)).judge(
        0, size=1000, delta=0.08, left=1)
    assert judge.accepts(-0.25, 0.08)
    assert not judge.accepts(-0.25, 0.08 * (1 - 2 / np.pi))
    assert not judge.accepts(0.034, 0.08)
    assert judge.bounds[0] < 0.08 < judge.bounds[1] == pytest.approx(0.08 + 6 * judge.scatter)


def test_prediction_of_the_flow():
    """The package's flow, and the lines above whose past is a sum over patterns: the difference is of order 1/P."""
    flow = decimation_flow(sp.Rademacher(), alpha=0.03, delta=0.08, beta=np.inf)
    found, (own, _) = Prediction.of_flow(flow, 39), prediction(0.08, 1300, 39)
    np.testing.assert_allclose(found.energy[0], own.energy[0], atol=1e-9)
    np.testing.assert_allclose(found.energy, own.energy, atol=1e-5)
    np.testing.assert_allclose(found.residual[0], own.residual[0], atol=1e-9)
    np.testing.assert_allclose(found.residual, own.residual, atol=1e-4)
    warm = decimation_flow(sp.Rademacher(), alpha=0.005, delta=0.4, beta="nishimori")
    m, q, r, C = warm_state(2.5, 0.4, 0.005)
    thermal = 0.4 * (couplings_of(C, 0.4, 0.005, ())[0] - 0.005)
    assert Prediction.of_flow(warm, 5).residual[0] == pytest.approx(
        expected_residual(m=m, r=r, C=C, thermal=thermal), abs=1e-8)
    for count in (1, 10):
        with pytest.raises(ValueError, match="retrieval ends at"):
            Prediction.of_flow(decimation_flow(sp.Rademacher(), alpha=0.03, delta=0.5, beta=np.inf), count)


def test_residual_at_a_temperature():
    """T [R(C) - R(0)] is added by thermal fluctuations of the fields."""
    size, count, delta = 1000, 5, 0.4
    beta = 1 / delta
    m, q, r, C = warm_state(beta, delta, count / size)
    thermal = (couplings_of(C, delta, count / size, ())[0] - count / size) / beta
    theory = expected_residual(m=m, r=r, C=C, thermal=thermal)
    means = []
    for seed in range(8):
        instance = sample_factorization(sp.Rademacher(), alpha=count / size, delta=delta, size=size, rng=seed)
        couplings, atoms, found = DenseCouplings(instance.observed), Atoms(sp.Rademacher()), []
        for pattern in instance.patterns.T:
            walk = Walk(couplings, atoms, atoms.indices(pattern), rng=seed)
            walk.run(np.full(100, delta))
            for _ in range(20):
                walk.run(np.full(20, delta))
                found.append(residual(instance.observed, walk.state))
        means.append(np.mean(found))
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    assert abs(np.mean(means) - theory) < 4.5 * error  # of 8: Student's distribution
    assert error < thermal / 10  # so that a missing term would be seen


def test_predictions_refused():
    instance = sample_factorization(sp.Rademacher(), alpha=0.03, delta=0.08, size=100, rng=0)
    settings = {"count": 3, "delta": 0.08}
    for bad, message in (
        (Prediction(energy=[-0.2, -0.2], residual=0.1), "energy of shape"),
        (Prediction(energy=np.nan, residual=0.1), "not finite"),
        (Prediction(energy=-0.2, residual=0.1, competing=[0.05]), "competing of shape"),
    ):
        with pytest.raises(ValueError, match=message):
            decimate(instance.observed, sp.Rademacher(), prediction=bad, **settings)
    with pytest.raises(TypeError, match="Prediction"):
        decimate(instance.observed, sp.Rademacher(), prediction=-0.2, **settings)
    good = Prediction(energy=-0.25, residual=0.1)
    with pytest.raises(ValueError, match="temperatures"):
        decimate(instance.observed, sp.Rademacher(), prediction=good, temperatures=[-1.0], **settings)
    with pytest.raises(ValueError, match="reference of shape"):
        decimate(instance.observed, sp.Rademacher(), prediction=good, reference=np.zeros((5, 3)), **settings)


# ---- the whole decimation ----

SIZE, COUNT = 500, 15


@pytest.fixture(scope="module")
def small():
    instance = sample_factorization(sp.Rademacher(), alpha=COUNT / SIZE, delta=0.08, size=SIZE, rng=4)
    return instance, prediction(0.08, SIZE, COUNT)[0]


def run(small, **settings):
    instance, judged = small
    return decimate(instance.observed, sp.Rademacher(), count=COUNT, delta=0.08, prediction=judged, seed=7, **settings)


def same(one, other):
    assert (one.estimates == other.estimates).all()
    for table in ("steps", "restarts"):
        assert getattr(one, table).equals(getattr(other, table))


def test_all_patterns_without_a_hint(small):
    found = run(small, reference=small[0].patterns)
    table = found.matched(small[0].patterns)
    assert found.complete
    assert sorted(table["pattern"]) == list(range(COUNT))
    assert not table["duplicate"].any()
    assert (table["overlap"] > 0.96).all()
    assert not found.restarts["wrong"].any()
    assert found.steps["restarts"].sum() == len(found.restarts)


def test_known_answer_of_the_deck():
    """N = 1300, alpha = 0.03, delta = 0.08: all 39 patterns, none twice, no wrong verdict, within ten minutes of CPU."""
    size, count = 1300, 39
    judged, m = prediction(0.08, size, count)
    instance = sample_factorization(sp.Rademacher(), alpha=0.03, delta=0.08, size=size, rng=0)
    begin = time.process_time()
    found = decimate(instance.observed, sp.Rademacher(), count=count, delta=0.08, prediction=judged,
                     reference=instance.patterns)
    assert time.process_time() - begin < 600
    table = found.matched(instance.patterns)
    assert found.complete
    assert sorted(table["pattern"]) == list(range(count))
    assert not found.restarts["wrong"].any()
    assert abs(table["overlap"] - m).max() < 0.02
    gap = found.restarts.groupby("accepted")["residual"].agg(["min", "max"])
    assert gap.loc[True, "max"] + 0.03 < gap.loc[False, "min"]  # of the residuals; energies overlap


def test_threads_and_progress_change_nothing(small):
    seen = []
    same(run(small), run(small, threads=3, progress=lambda done, total: seen.append((done, total))))
    assert seen == [(k, COUNT) for k in range(COUNT + 1)]


def test_bar(small, capfd):
    run(small, progress=True)
    assert "patterns" in capfd.readouterr().err


def test_interrupted_run_continues(small, tmp_path, monkeypatch):
    def interrupt(done, total):
        if done == 4:
            raise KeyboardInterrupt

    whole = run(small)
    with pytest.raises(KeyboardInterrupt):
        run(small, store=tmp_path / "run.jsonl", progress=interrupt)
    searched = []
    search = oracle._Search.__call__
    monkeypatch.setattr(oracle._Search, "__call__", lambda self, *args: searched.append(1) or search(self, *args))
    same(whole, run(small, store=tmp_path / "run.jsonl"))
    assert len(searched) == COUNT - 4
    searched.clear()
    same(whole, run(small, store=tmp_path / "run.jsonl"))
    assert searched == []
    instance, judged = small
    with pytest.raises(ValueError, match="another run"):
        decimate(instance.observed, sp.Rademacher(), count=COUNT, delta=0.08, prediction=judged, seed=8,
                 store=tmp_path / "run.jsonl")


def test_journal_refuses_what_it_did_not_write(tmp_path):
    path = tmp_path / "notes"
    for content in (b"hello", b"hello\n", b'{"run": "other"}\n'):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="new file"):
            Journal(path, "one")
        assert path.read_bytes() == content
    with pytest.raises(IsADirectoryError, match="folder"):
        Journal(tmp_path, "one")
    path.write_bytes(b'{"ru')  # died at its first line
    Journal(path, "one").append([1, 0.1])
    assert Journal(path, "one").records == [[1, 0.1]]


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_decimation_oracle import COUNT, SIZE, prediction, run, sample_factorization, sp
small = sample_factorization(sp.Rademacher(), alpha=COUNT / SIZE, delta=0.08, size=SIZE, rng=4), prediction(
    0.08, SIZE, COUNT)[0]
run(small, store={store!r}, progress=lambda done, total: done == 5 and os.kill(os.getpid(), signal.SIGKILL))
"""


def test_killed_run_loses_one_step_at_most(small, tmp_path):
    store = tmp_path / "run.jsonl"
    script = KILLED.format(tests=os.path.dirname(__file__), store=str(store))
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len(store.read_bytes().splitlines()) == 1 + 5
    with open(store, "ab") as file:
        file.write(b'{"state": "00')  # as if it had died while it wrote
    same(run(small), run(small, store=store))


def test_a_step_is_given_up(small):
    instance, judged = small
    blind = Prediction(energy=judged.energy, residual=1e-6)
    found = decimate(instance.observed, sp.Rademacher(), count=COUNT, delta=0.0, prediction=blind, max_restarts=3)
    assert not found.complete
    assert found.estimates.shape == (0, SIZE)
    assert found.steps["accepted"].tolist() == [False]
    assert found.steps["restarts"].tolist() == [3]


def test_sparse_patterns_without_a_hint():
    size, count = 800, 40
    flow = decimation_flow(SPARSE, alpha=0.05, delta=0.08, beta=np.inf)
    instance = sample_factorization(SPARSE, alpha=0.05, delta=0.08, size=size, rng=51)
    found = decimate(instance.observed, SPARSE, count=count, delta=0.08, reference=instance.patterns,
                     prediction=Prediction.of_flow(flow, count))
    assert found.complete
    assert sorted(found.matched(instance.patterns)["pattern"]) == list(range(count))
    assert not found.restarts["wrong"].any()


# ---- message passing ----


def test_reaction_is_the_r_transform():
    """By the resolvent of an instance whose estimates are independent of its noise."""
    size, count, found = 1500, 150, 60
    rng = np.random.default_rng(8)
    instance = sample_factorization(sp.Rademacher(), alpha=count / size, delta=0.1, size=size, rng=rng)
    matrix = instance.observed
    for pattern in instance.patterns.T[:found]:
        without(matrix, np.where(rng.random(size) < 0.9, pattern, -pattern))
    levels = np.linalg.eigvalsh(matrix / np.sqrt(size))
    reaction = Reaction(delta=0.1, left=(count - found) / size, pairs=np.tile([0.8, 1.0], (found, 1)), size=size)
    for z in (3.0, 4.0, 6.0):
        response = np.mean(1 / (z - levels))
        assert reaction(response) == pytest.approx(z - 1 / response, abs=3e-3)
    value, slope = couplings_of(0.3, 0.1, (count - found) / size, [(found / size, 0.8)])
    assert reaction(0.3) == pytest.approx(value)
    with pytest.raises(ValueError, match="pole"):
        reaction(1.0)
    assert reaction.holds(0.9)
    assert not reaction.holds(1.0)
    with pytest.raises(ValueError, match="pole"):
        Reaction(delta=0.1, left=0.0, pairs=np.array([[0.0, 1.5]]), size=10)(-0.8)


def test_message_passing_is_at_the_saddle_point():
    """The first step from patterns of a few instances; means, self-overlap, response and noise of the fields."""
    size, beta, delta = 1000, 1 / 0.15, 0.15
    theory = np.array(warm_state(beta, delta, 0.03 - 0.5 / size))  # between P and P - 1 patterns: 1/N is not resolved
    rows = []
    for seed in range(6):
        instance = sample_factorization(sp.Rademacher(), alpha=0.03, delta=delta, size=size, rng=100 + seed)
        reaction = Reaction(delta=delta, left=0.03, pairs=np.zeros((0, 2)), size=size)
        found = []
        for pattern in instance.patterns.T[:12]:
            step = amp_step(instance.observed, sp.Rademacher(), pattern, beta=beta, reaction=reaction)
            assert step.converged
            expected = np.tanh(beta * (instance.observed @ step.means / np.sqrt(size)
                                       - reaction(step.response) * step.means))
            np.testing.assert_allclose(step.means, expected, atol=1e-7)
            field = step.fields / beta
            noise = np.square(field - (field @ pattern) / size * pattern).mean()
            found.append((step.means @ pattern / size, step.self_overlap, noise, step.response, step.estimated_overlap))
        rows.append(np.mean(found, axis=0))
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(len(rows))
    assert (np.abs(mean[:4] - theory) < 4 * error[:4]).all()
    assert abs(mean[4] - theory[0]) < 4 * error[4]
    assert error[0] < 2e-3


def test_decimation_by_message_passing():
    size = 400
    instance = sample_factorization(sp.Rademacher(), alpha=0.03, delta=0.15, size=size, rng=1)
    starts = 0.9 * instance.patterns

    def decimated(**settings):
        return amp_decimation(instance.observed, sp.Rademacher(), starts, delta=0.15, beta=1 / 0.15, **settings)

    found, again = (decimated(rng=2, reference=instance.patterns) for _ in range(2))
    table = found.steps
    assert table.equals(again.steps)
    assert (found.estimates == again.estimates).all()
    assert found.complete
    assert table["converged"].all()
    assert table["overlap"].between(0.92, 1).all()
    assert table["overlap"].iloc[-4:].mean() > table["overlap"].iloc[:4].mean()
    assert np.abs(table["sampled"] - table["overlap"]).max() < 6 * np.sqrt(0.05 / size)
    assert found.estimates.shape == (12, size)
    assert abs(decimated(sampling="product").steps["overlap"].mean() / 0.9 - table["overlap"].mean()) < 0.01
    assert plot_overlaps([table, again.steps]).containers


def test_message_passing_that_loses_the_pattern_says_so():
    """At delta = 0.6 there is no retrieval state: the iteration ends in none, and decimation at its first step."""
    instance = sample_factorization(SPARSE, alpha=0.1, delta=0.6, size=300, rng=1)
    found = amp_decimation(instance.observed, SPARSE, instance.patterns, delta=0.6, beta=20.0, max_iterations=200)
    table = found.steps
    assert table["converged"].tolist() == [True] * (len(table) - 1) + [False]
    assert len(table) < instance.count
    assert not found.complete
    assert len(found.estimates) == len(table) - 1
    assert np.isnan(table["sampled"].iloc[-1])


@pytest.mark.parametrize("prior", [sp.GaussBernoulli(0.3, variance=1 / 0.3), SPARSE, sp.Rademacher()])
def test_marginals_are_sampled(prior):
    rng = np.random.default_rng(0)
    precision, fields = 2.0, np.repeat([-3.0, 0.4, 2.0], 40_000)
    drawn = sample_marginals(prior, precision, fields, rng).reshape(3, -1)
    mean, variance = input_denoiser(prior)(precision, np.array([-3.0, 0.4, 2.0]))
    assert (np.abs(drawn.mean(axis=1) - mean) < 5 * np.sqrt(variance / 40_000)).all()
    fourth = ((drawn - mean[:, None]) ** 4).mean(axis=1)
    assert (np.abs(drawn.var(axis=1) - variance) < 5 * np.sqrt(fourth / 40_000)).all()


def test_sparse_message_passing_is_cold_near_the_minimum():
    """From beta = 1/delta the means of sparse components agree with the minimum next to the pattern where both are sure."""
    instance = sample_factorization(SPARSE, alpha=0.02, delta=0.08, size=800, rng=6)
    pattern = instance.patterns[:, 0]
    reaction = Reaction(delta=0.08, left=0.02, pairs=np.zeros((0, 2)), size=800)
    step = amp_step(instance.observed, SPARSE, pattern, beta=1 / 0.08, reaction=reaction)
    near = follow(instance.observed, SPARSE, instance.patterns[:, :1])
    assert step.converged
    sure = np.abs(step.means - near.estimates[0]) < 0.2
    assert sure.mean() > 0.97


def test_first_minimum_of_sparse_patterns():
    """m(0) = 0.9990817 of the zero-temperature theory, the norm of each pattern divided out."""
    ratios = []
    for seed in range(4):
        instance = sample_factorization(SPARSE, alpha=0.05, delta=0.08, size=1000, rng=seed)
        couplings, atoms, found = DenseCouplings(instance.observed), Atoms(SPARSE), []
        for pattern in instance.patterns.T:
            walk = Walk(couplings, atoms, atoms.indices(pattern))
            assert walk.relax()
            found.append((pattern @ walk.state) / (pattern @ pattern))
        ratios.append(np.mean(found))
    error = np.std(ratios, ddof=1) / 2
    assert abs(np.mean(ratios) - 0.9990817) < 6 * error + 1 / 1000  # corrections of relative order 1/N remain


def test_message_passing_refusals():
    Y = np.eye(20)
    reaction = Reaction(delta=0.1, left=0.1, pairs=np.zeros((0, 2)), size=20)
    with pytest.raises(ValueError, match="start of shape"):
        amp_step(Y, sp.Rademacher(), np.ones(3), beta=2.0, reaction=reaction)
    with pytest.raises(ValueError, match="beta"):
        amp_step(Y, sp.Rademacher(), np.ones(20), beta=np.inf, reaction=reaction)
    with pytest.raises(ValueError, match="beta = 0"):
        amp_step(Y, sp.Rademacher(), np.ones(20), beta=0.0, reaction=reaction)
    with pytest.raises(ValueError, match="starts of shape"):
        amp_decimation(Y, sp.Rademacher(), np.ones(20), delta=0.1, beta=2.0)
    with pytest.raises(ValueError, match="sampling"):
        amp_decimation(Y, sp.Rademacher(), np.ones((20, 1)), delta=0.1, beta=2.0, sampling="mean")


# ---- figures ----


def test_figures(small):
    found = run(small)
    table = found.matched(small[0].patterns)
    t = np.linspace(0, 1, 5)
    ax = plot_overlaps(table, theory=(t, 0.99 + 0 * t))
    assert [line.get_label() for line in ax.lines] == ["found", "theory"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), table["overlap"])
    assert plot_overlaps([table, table]).containers
    with pytest.raises(ValueError, match="empty"):
        plot_overlaps([])
    with pytest.raises(ValueError, match="no overlaps"):
        plot_overlaps(found.steps)
    shown = plot_judgement(found)
    assert sum(len(line.get_xdata()) for line in shown.lines[:2]) == len(found.restarts)
    traces = energy_traces(small[0].observed, sp.Rademacher(), cooling(), restarts=3)
    drawn = plot_traces(traces, energy=-0.26)
    assert len(drawn.lines) == 4
    drawn.figure.canvas.draw()


def test_anneal_can_stay_warm(small):
    walk = anneal(DenseCouplings(small[0].observed), Atoms(sp.Rademacher()), np.full(10, 5.0), rng=0, relax=False)
    assert len(walk.changes) == 10
    assert walk.changes[-1] > SIZE / 4
