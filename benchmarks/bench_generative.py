"""Generative priors, against the special functions that their averages are made of.

Limit: an average of a layer is a double integral; at the nodes that it takes, each of its integrands needs at least the
logarithm of a normal distribution function for every end of a piece.
"""

import time

import numpy as np
import pytest
from scipy.special import log_ndtr

import spinodal as sp

NODES = 10_000  # a double integral of 100 x 100 nodes, as they are needed for 13 digits


def best(work, repeats=7):
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)


@pytest.mark.parametrize(
    "layers", [[(sp.Linear(), 2)], [(sp.Sign(), 4)], [(sp.ReLU(), 3)], [(sp.ReLU(), 3), (sp.ReLU(), 3)]], ids=str
)
def bench_point(benchmark, layers):
    """All fixed points at one noise, warm: milliseconds, and bare integrals of one special function."""
    model = sp.SpikedWigner(sp.Generative(layers))
    noises = iter(np.linspace(0.3, 0.5, 10_000))  # never the same twice: nothing is remembered

    def point():
        return sp.fixed_points(model, delta=float(next(noises)))

    point()
    benchmark(point)
    x = np.linspace(-8, 8, NODES)
    taken = best(point)
    benchmark.extra_info.update(milliseconds=1e3 * taken, integrals=taken / best(lambda: log_ndtr(x)))


def bench_wishart(benchmark):
    """The same for two separable priors."""
    model = sp.SpikedWishart(sp.Rademacher(), sp.Rademacher(), beta=0.5)
    noises = iter(np.linspace(0.2, 0.4, 100_000))

    def point():
        return sp.fixed_points(model, delta=float(next(noises)))

    point()
    benchmark(point)
    x = np.linspace(-8, 8, NODES)
    taken = best(point)
    benchmark.extra_info.update(milliseconds=1e3 * taken, integrals=taken / best(lambda: log_ndtr(x)))
