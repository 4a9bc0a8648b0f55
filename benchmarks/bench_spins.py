"""A sweep of heat-bath dynamics against a bare pass over the bytes it must read, on one core.

The rows of the features are read once for the fields and once more for each flip.
"""

import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is loaded, which pytest does not do

import numpy as np
import pytest
from numba import njit

from spinodal.validate.boltzmann import block_gibbs, weights
from spinodal.validate.patterns import dreamed, hebb, sample_patterns
from spinodal.validate.spins import Chain, random_spins

LIMIT = 2.0  # of a sweep, in units of a pass over the bytes it reads
ROUNDS = 30


@njit
def read(rows, out):
    """Sum every row: reads each byte once and does no more than that takes."""
    for i in range(rows.shape[0]):
        total = np.int32(0)
        for k in range(rows.shape[1]):
            total = np.int32(total + np.int32(rows[i, k]))
        out[i] = total


@njit
def stream(words):
    """Read eight bytes at a time: the fastest pass, which knows nothing of rows."""
    total = np.int64(0)
    for k in range(words.size):
        total ^= words[k]
    return total


def seconds(work):
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


@pytest.mark.parametrize("temperature", [0.2, 0.5, 1.0])
@pytest.mark.parametrize(("size", "count"), [(10_000, 500), (100_000, 2000)])
def bench_sweep(benchmark, size, count, temperature):
    """N = 1e4 and P = 500 (5 MB), N = 1e5 and P = 2000 (200 MB): from a pattern, at three temperatures."""
    patterns = sample_patterns(size, count, 0)
    couplings = hebb(patterns)
    chain = Chain(couplings, patterns[:, 0])
    out = np.empty(size, dtype=np.int32)
    words = couplings.rows.reshape(-1).view(np.int64)
    read(couplings.rows, out)
    stream(words)
    for _ in range(5):
        chain.sweep(temperature)
    benchmark.pedantic(lambda: chain.sweep(temperature), rounds=3)
    # in turns, so that a busy machine disturbs both alike
    rows = []
    for _ in range(ROUNDS if size <= 10_000 else 6):
        bare, _ = seconds(lambda: read(couplings.rows, out))
        fastest, _ = seconds(lambda: stream(words))
        swept, flips = seconds(lambda: chain.sweep(temperature))
        rows.append((bare, fastest, swept, flips / size))
    bare, fastest, swept, flips = np.array(rows).T
    bound = bare * (1 + flips)
    ratio, typical = float(swept.min() / bound.min()), float(np.median(swept / bound))
    benchmark.extra_info.update(
        milliseconds_read=1e3 * bare.min(), milliseconds_stream=1e3 * fastest.min(),
        milliseconds_sweep=1e3 * swept.min(), flips=float(flips.mean()), ratio=ratio, median_ratio=typical,
        ratio_without_flips=float(swept.min() / bare.min()),
        ratio_to_stream=float(np.median(swept / (fastest * (1 + flips)))),
    )
    assert min(ratio, typical) <= LIMIT


def bench_dreaming_sweep(benchmark):
    """N = 1e4, P = 500, floating-point overlaps: 1 byte a feature for the fields, 4 for the flips."""
    patterns = sample_patterns(10_000, 500, 0)
    chain = Chain(dreamed(hebb(patterns), 3.0), patterns[:, 0])
    benchmark(lambda: chain.sweep(0.5))


def bench_block_gibbs(benchmark):
    """Ten copies of N = 1e4 and P = 500, in single precision: two products of matrices a sweep."""
    machine = weights(hebb(sample_patterns(10_000, 500, 0))).astype(np.float32)
    spins = np.stack([random_spins(10_000, seed) for seed in range(10)])
    benchmark.pedantic(lambda: block_gibbs(machine, spins, temperature=0.5, sweeps=5), rounds=5)
