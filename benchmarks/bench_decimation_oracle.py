"""A sweep of annealing at N = 1300 against a bare pass over the couplings, on one core, in one run.

A sweep reads a row for every component that changes, so the pass over the whole matrix bounds it from above rather than
from below where few change: the ratio is stated with the number of changes.
"""

import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is loaded, which pytest does not do

import numpy as np
import pytest
from numba import njit

import spinodal as sp
from spinodal.validate.annealing import Atoms, DenseCouplings, Walk, anneal, cooling
from spinodal.validate.decimation_instances import sample_factorization

LIMIT = 2.0  # of a sweep, in units of a pass over the couplings
ROUNDS = 60
SIZE = 1300
CASES = {
    "ising": (sp.Rademacher(), 0.03),
    "sparse": (sp.SparseRademacher(0.2, amplitude=0.2**-0.5), 0.05),
}


@njit(fastmath=True)
def read(rows, out):
    """Sum every row: reads each number once and does no more than that takes."""
    for i in range(rows.shape[0]):
        total = np.float32(0)
        for k in range(rows.shape[1]):
            total += rows[i, k]
        out[i] = total


def seconds(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@pytest.mark.parametrize("temperature", [2.0, 1.0, 0.5, 0.1])
@pytest.mark.parametrize("name", CASES)
def bench_sweep(benchmark, name, temperature):
    """One sweep from equilibrium-like states at four temperatures: the hotter, the more rows are read."""
    prior, alpha = CASES[name]
    instance = sample_factorization(prior, alpha=alpha, delta=0.08, size=SIZE, rng=0)
    couplings = DenseCouplings(instance.observed)
    walk = Walk(couplings, Atoms(prior), rng=1)
    walk.run(np.full(50, temperature))
    out = np.empty(SIZE, dtype=np.float32)
    read(couplings.rows, out)
    benchmark.pedantic(lambda: walk.run([temperature]), rounds=3)
    # in turns, so that a busy machine disturbs both alike
    taken = np.array([
        (seconds(lambda: read(couplings.rows, out)), seconds(lambda: walk.run([temperature]))) for _ in range(ROUNDS)
    ])
    bare, swept = taken.min(axis=0)
    ratio, typical = float(swept / bare), float(np.median(taken[:, 1] / taken[:, 0]))
    benchmark.extra_info.update(
        microseconds_read=1e6 * bare, microseconds_sweep=1e6 * swept, ratio=ratio, median_ratio=typical,
        changes=float(np.mean(walk.changes[-ROUNDS:])) / SIZE,
    )
    assert min(ratio, typical) <= LIMIT


def bench_restart(benchmark):
    """A whole restart at N = 1300: 30 sweeps and the descent; they are summed anew once in 32 sweeps."""
    prior, alpha = CASES["ising"]
    couplings = DenseCouplings(sample_factorization(prior, alpha=alpha, delta=0.08, size=SIZE, rng=0).observed)
    out = np.empty(SIZE, dtype=np.float32)
    read(couplings.rows, out)
    bare = min(seconds(lambda: read(couplings.rows, out)) for _ in range(ROUNDS))
    seeds = iter(range(10_000))
    sweeps = []

    def restart():
        sweeps.append(len(anneal(couplings, Atoms(prior), cooling(), rng=next(seeds)).changes))

    benchmark.pedantic(restart, rounds=40, warmup_rounds=2)
    each = benchmark.stats.stats.median / np.mean(sweeps)
    benchmark.extra_info.update(microseconds_a_sweep=1e6 * each, ratio=each / bare)
    assert each <= LIMIT * bare
