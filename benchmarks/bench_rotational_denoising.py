"""Rotationally invariant denoising: the matrix mse over noise, a signal by its sample, and a matrix.

A matrix is denoised in a few times what its eigenvectors cost (LIMIT), though the width of the kernel is chosen anew.
"""

import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is loaded, which pytest does not do

import numpy as np
import pytest

from spinodal.phase_diagrams.rotational_denoising import denoise, noisy_spectrum, rotationally_invariant_mse

LIMIT = {"alpha": 2.0, "kernel": 4.0}  # of an estimate, in units of its eigenvectors


def noisy_matrix(size, alpha=0.03, delta=0.15):
    rng = np.random.default_rng(0)
    xi = rng.choice([-1.0, 1.0], (size, round(alpha * size)))
    noise = rng.standard_normal((size, size))
    return xi @ xi.T / np.sqrt(size) + np.sqrt(delta / 2) * (noise + noise.T)


def bench_mse_over_noise(benchmark):
    """100 values, with errors: the curve of the comparison with decimation."""
    value, error = benchmark(lambda: rotationally_invariant_mse(alpha=0.03, delta=np.geomspace(1e-3, 1, 100)))
    benchmark.extra_info.update(largest_relative_error=float((error / value).max()))
    assert benchmark.stats.stats.min < 1.0


@pytest.mark.parametrize("count", [100, 1000])
def bench_mse_of_a_sample(benchmark, count):
    signal = np.random.default_rng(0).standard_normal(count)
    found = benchmark.pedantic(lambda: noisy_spectrum(signal_eigenvalues=signal, delta=0.1).matrix_mse(), rounds=3)
    benchmark.extra_info.update(relative_error=float(found.error / found.value))


@pytest.mark.parametrize("size", [1000, 2000])
@pytest.mark.parametrize("method", LIMIT)
def bench_denoise(benchmark, size, method):
    matrix = noisy_matrix(size)
    known = {"alpha": 0.03} if method == "alpha" else {}
    begin = time.perf_counter()
    np.linalg.eigh(matrix)
    eigenvectors = time.perf_counter() - begin
    benchmark.pedantic(lambda: denoise(matrix, delta=0.15, **known), rounds=2)
    times = benchmark.stats.stats.min / eigenvectors
    benchmark.extra_info.update(times_eigenvectors=times)
    assert times < LIMIT[method]
