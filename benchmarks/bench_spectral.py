"""A run of LAMP against its bare products on the same arrays, on one core, and the curve of theory."""

import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is loaded, which pytest does not do

import numpy as np
import pytest

import spinodal as sp
from spinodal.equations.spectral import lamp_overlap, spectrum_of
from spinodal.theory.generative import Generative
from spinodal.validate.spectral import lamp, pca, sample_spiked

SIZE = 4000
LIMIT = 1.5  # of a run, in units of the products that it makes
SYSTEMS = {
    "linear": Generative(layers=[(sp.Linear(), 2)]),
    "sign": Generative(layers=[(sp.Sign(), 2)]),
    "sign-sign": Generative(layers=[(sp.Sign(), 2), (sp.Sign(), 2)]),
    "relu": Generative(layers=[(sp.ReLU(), 2)]),
}


def seconds(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@pytest.mark.parametrize("name", SYSTEMS)
def bench_lamp(benchmark, name):
    """Arnoldi's vectors, the check of the matrix and Python may cost half of the products with Y and the weights."""
    prior = SYSTEMS[name]
    instance = sample_spiked(prior, delta=0.3 * float(prior.second_moment) ** 2, size=SIZE, rng=0)
    moments = instance.second_moments
    count = lamp(instance.matrix, moments).products
    signal = instance.signal
    vectors = [np.ones(W.shape[1]) for W in instance.weights]
    outputs = [np.ones(W.shape[0]) for W in instance.weights]

    def products():
        for _ in range(count):
            instance.matrix @ signal
            for W, x, y in zip(instance.weights, vectors, outputs, strict=True):
                W @ x
                W.T @ y

    benchmark.pedantic(lambda: lamp(instance.matrix, moments), rounds=1)
    # in turns, so that a busy machine disturbs them alike
    taken = np.array([[seconds(products), seconds(lambda: lamp(instance.matrix, moments))] for _ in range(4)])
    best = taken.min(axis=0)
    ratio, typical = best[1] / best[0], float(np.median(taken[:, 1] / taken[:, 0]))
    benchmark.extra_info.update(products=count, seconds_products=best[0], seconds_lamp=best[1], ratio=ratio,
                                median_ratio=typical)
    assert min(ratio, typical) <= LIMIT


def bench_pca(benchmark):
    instance = sample_spiked(sp.Rademacher(), delta=0.3, size=SIZE, rng=0)
    assert benchmark.pedantic(lambda: pca(instance.matrix), rounds=2).converged


@pytest.mark.parametrize("layers", [[(sp.Sign(), 2)], [(sp.ReLU(), 2), (sp.ReLU(), 2)]], ids=["sign", "relu-relu"])
def bench_curve(benchmark, layers):
    """Overlaps at a hundred noises, warm."""
    prior, delta = Generative(layers=layers), np.geomspace(1e-2, 1.0, 100)
    spectrum_of(prior)
    assert (benchmark(lambda: lamp_overlap(prior, delta)).error < 1e-12).all()
