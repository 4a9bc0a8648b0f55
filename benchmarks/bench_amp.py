"""One iteration of message passing against two bare BLAS products on the same matrix, on one core.

Where BLAS uses more cores, the products get faster and the denoisers do not: set OPENBLAS_NUM_THREADS to see.
"""

import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is loaded, which pytest does not do

import numpy as np
import pytest

import spinodal as sp
from spinodal.validate.amp import amp
from spinodal.validate.teacher import sample_instance

SYSTEMS = {
    "sign": (sp.Rademacher(), sp.Sign()),
    "probit": (sp.Rademacher(), sp.Probit(0.1)),
    "door": (sp.Rademacher(), sp.Door(0.67449)),
    "perceptron": (sp.Gaussian(), sp.Sign()),
    "linear": (sp.GaussBernoulli(0.2), sp.Linear()),
    "linear-noise": (sp.GaussBernoulli(0.2), sp.Linear(noise=0.1)),
    "binary-linear": (sp.Rademacher(), sp.Linear(noise=0.05)),
    "abs": (sp.Gaussian(), sp.Abs()),
    "sparse-abs": (sp.GaussBernoulli(0.3), sp.Abs()),
    "abs-noise": (sp.Gaussian(), sp.Abs(noise=0.1)),
    "relu": (sp.Gaussian(), sp.ReLU()),
    "hard-tanh-noise": (sp.Gaussian(), sp.HardTanh(noise=0.1)),
    "door-noise": (sp.SparseRademacher(0.3), sp.Door(0.67449, noise=0.1)),
}
ITERATIONS = 10
FEW = 2
LIMIT = 1.5  # of an iteration, in units of the two products


def seconds(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize(("p", "alpha"), [(2000, 1.0), (4000, 0.5)])
def bench_iteration(benchmark, name, p, alpha):
    """An iteration may cost LIMIT times the two products it cannot do without; here n p = 4e6 and 8e6."""
    prior, channel = SYSTEMS[name]
    instance = sample_instance(prior, channel, alpha, p, 0)
    signal, output = instance.signal, np.ones_like(instance.output)

    def products():
        for _ in range(ITERATIONS - FEW):
            instance.matrix @ signal
            instance.matrix.T @ output

    def iterate(count=ITERATIONS):
        return amp(prior, channel, instance, max_iterations=count, tolerance=0.0)

    assert iterate().iterations == ITERATIONS
    benchmark.pedantic(iterate, rounds=3)
    # In turns, so that a busy machine disturbs them alike.  The difference of two lengths leaves out what is done
    # once an instance (sorting the outputs, making the table).
    taken = np.array([
        [seconds(products), seconds(iterate), seconds(lambda: iterate(FEW))] for _ in range(15)
    ]) / (ITERATIONS - FEW)
    best = taken.min(axis=0)
    ratio = (best[1] - best[2]) / best[0]
    typical = float(np.median((taken[:, 1] - taken[:, 2]) / taken[:, 0]))
    benchmark.extra_info.update(
        n=instance.matrix.shape[0], p=p, milliseconds_two_products=1e3 * best[0],
        milliseconds_iteration=1e3 * (best[1] - best[2]), ratio=ratio, median_ratio=typical,
    )
    assert min(ratio, typical) <= LIMIT


def bench_fifty_iterations(benchmark):
    """Binary perceptron, p = 2000, alpha = 1.3: 50 iterations, sampling not counted."""
    prior, channel = SYSTEMS["sign"]
    instance = sample_instance(prior, channel, 1.3, 2000, 0)
    run = benchmark(lambda: amp(prior, channel, instance, max_iterations=50, tolerance=0.0))
    assert run.iterations == 50
