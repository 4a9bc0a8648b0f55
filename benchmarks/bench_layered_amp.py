"""One iteration of message passing with spikes and networks against the bare products it cannot do without, one core.

Where BLAS uses more cores, the products get faster and the denoisers do not: set OPENBLAS_NUM_THREADS to see.
"""

import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is loaded, which pytest does not do

import numpy as np
import pytest

import spinodal as sp
from spinodal.validate.amp import amp
from spinodal.validate.spiked_amp import wigner_amp, wishart_amp
from spinodal.validate.teacher import sample_instance, sample_wigner, sample_wishart

P = 4000
LIMIT = 1.5  # of an iteration, in units of its products
SHORT, LONG = 2, 12
ROUNDS = 15
TWO_RELUS = sp.Generative(layers=[(sp.ReLU(), 2), (sp.ReLU(), 2)])
PRIORS = {
    "rademacher": sp.Rademacher(),
    "linear": sp.Generative(layers=[(sp.Linear(), 2)]),
    "sign": sp.Generative(layers=[(sp.Sign(), 4)]),
    "relu": sp.Generative(layers=[(sp.ReLU(), 2)]),
    "two-relus": TWO_RELUS,
    "hard-tanh-of-signs": sp.Generative(layers=[(sp.HardTanh(noise=0.1), 2)], latent=sp.Rademacher()),
}


def seconds(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def check(benchmark, iterate, matrices):
    """An iteration, from the difference of two lengths, against one product with each of `matrices`."""
    vectors = [np.ones(matrix.shape[1]) for matrix in matrices]

    def products():
        for _ in range(LONG - SHORT):
            for matrix, vector in zip(matrices, vectors, strict=True):
                matrix @ vector

    iterate(SHORT)  # compiles
    benchmark.pedantic(lambda: iterate(LONG), rounds=3)
    # In turns, so that a busy machine disturbs them alike
    taken = np.array([
        [seconds(products), seconds(lambda: iterate(LONG)), seconds(lambda: iterate(SHORT))] for _ in range(ROUNDS)
    ]) / (LONG - SHORT)
    best = taken.min(axis=0)
    ratio = (best[1] - best[2]) / best[0]
    typical = float(np.median((taken[:, 1] - taken[:, 2]) / taken[:, 0]))
    benchmark.extra_info.update(milliseconds_products=1e3 * best[0], milliseconds_iteration=1e3 * (best[1] - best[2]),
                                ratio=ratio, median_ratio=typical)
    assert min(ratio, typical) <= LIMIT


def both_ways(weights):
    return [matrix for one in weights for matrix in (one, one.T)]


@pytest.mark.parametrize("name", PRIORS)
def bench_wigner(benchmark, name):
    prior = PRIORS[name]
    instance = sample_wigner(prior, 0.3, P, 0)
    check(benchmark, lambda count: wigner_amp(prior, instance, max_iterations=count, tolerance=0.0),
          [instance.matrix, *both_ways(instance.source.weights)])


def bench_wishart(benchmark):
    left, right = sp.Gaussian(), PRIORS["relu"]
    instance = sample_wishart(left, right, 0.3, 0.5, P, 0)
    check(benchmark, lambda count: wishart_amp(left, right, instance, max_iterations=count, tolerance=0.0),
          both_ways([instance.matrix, *instance.right.weights]))


@pytest.mark.parametrize("name", ["sign", "relu", "two-relus"])
def bench_multi_layer_glm(benchmark, name):
    prior, channel = PRIORS[name], sp.Abs(noise=0.1)
    instance = sample_instance(prior, channel, 0.5, P, 0)
    check(benchmark, lambda count: amp(prior, channel, instance, max_iterations=count, tolerance=0.0),
          both_ways([instance.matrix, *instance.source.weights]))


def bench_fifty_iterations(benchmark):
    """Spiked Wigner, sign network, p = 4000: 50 iterations, sampling not counted."""
    prior = PRIORS["sign"]
    instance = sample_wigner(prior, 0.37, P, 0)
    run = benchmark.pedantic(lambda: wigner_amp(prior, instance, max_iterations=50, tolerance=0.0), rounds=3)
    assert run.iterations == 50
