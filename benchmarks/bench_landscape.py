"""Landscapes: seconds of what a comparison is made of, beside the limit of the machine.

Derivatives of large landscapes read every coefficient once: the limit is the time in which NumPy adds as many numbers.
Newton steps of small ones solve a dense system: the limit is LAPACK's time for the same systems, which are given to it
all at once.
"""

import time

import numpy as np
import pytest

from spinodal.validate.critical_points import critical_points
from spinodal.validate.hessians import descend
from spinodal.validate.kac_rice import expected_by_index, expected_by_overlap, expected_number
from spinodal.validate.landscape_kernels import newton
from spinodal.validate.landscapes import Covariance, sample_landscape

CUBIC = Covariance((3,), (1.0,))


def seconds(run, rounds=5):
    """The shortest of several times."""
    found = []
    for _ in range(rounds):
        begun = time.perf_counter()
        run()
        found.append(time.perf_counter() - begun)
    return min(found)


@pytest.mark.parametrize("order", [0, 1, 2], ids=["energy", "gradient", "hessian"])
@pytest.mark.parametrize(("degree", "size"), [(3, 300), (3, 500), (4, 100)])
def bench_derivatives(benchmark, degree, size, order):
    """Ratio to the sum of all coefficients, which reads them and does nothing else."""
    sample = sample_landscape(Covariance((degree,), (1.0,)), size, 0)
    u = np.full(size, size**-0.5)
    sample.evaluate(u, order)  # compiles the kernel
    limit = seconds(sample.coefficients.sum)
    benchmark.pedantic(lambda: sample.evaluate(u, order), rounds=5)
    benchmark.extra_info.update(
        gigabytes_per_second=sample.coefficients.nbytes / benchmark.stats.stats.min / 1e9,
        times_limit=benchmark.stats.stats.min / limit)


@pytest.mark.parametrize(("degree", "size"), [(3, 10), (3, 14), (4, 8)])
def bench_newton(benchmark, degree, size):
    """One Newton step from each of 2000 starts, derivatives included, beside 2000 systems in LAPACK without them."""
    sample = sample_landscape(Covariance((degree,), (1.0,)), size, 0)
    starts = np.random.default_rng(0).standard_normal((2000, size))
    starts /= np.linalg.norm(starts, axis=1)[:, None]
    shifts, residuals, values = np.full(2000, np.nan), np.empty(2000), np.empty(2000)

    def step():
        newton(*sample.polynomial, starts.copy(), shifts, 1, 1.0, 1e-11, residuals, values)

    step()
    matrices = np.random.default_rng(1).standard_normal((2000, size + 1, size + 1))
    sides = np.ones((2000, size + 1, 1))
    limit = seconds(lambda: np.linalg.solve(matrices, sides))
    benchmark.pedantic(step, rounds=10)
    benchmark.extra_info.update(
        microseconds_per_step=1e6 * benchmark.stats.stats.min / 2000, times_limit=benchmark.stats.stats.min / limit)


@pytest.mark.parametrize(("degree", "size"), [(3, 10), (3, 12), (4, 7)])
def bench_critical_points(benchmark, degree, size):
    """All critical points of one landscape."""
    sample = sample_landscape(Covariance((degree,), (1.0,)), size, 0)
    critical_points(sample, max_starts=10)
    found = benchmark.pedantic(lambda: critical_points(sample), rounds=3)
    benchmark.extra_info.update(points=len(found), starts=found.starts, complete=found.complete)


@pytest.mark.parametrize("size", [100, 300])
def bench_minimum(benchmark, size):
    """The minimum beside a signal, with the spectrum there; the limit is the eigenvalues alone."""
    sample = sample_landscape(Covariance((3,), (2.0,), True), size, 0)
    descend(sample)
    matrix = np.random.default_rng(0).standard_normal((size, size))
    limit = seconds(lambda: np.linalg.eigvalsh(matrix + matrix.T))
    benchmark.pedantic(lambda: descend(sample), rounds=5)
    benchmark.extra_info.update(times_eigenvalues=benchmark.stats.stats.min / limit)


@pytest.mark.parametrize("size", [10, 1000])
def bench_expected_number(benchmark, size):
    found = benchmark.pedantic(lambda: expected_number(CUBIC, size), rounds=3)
    benchmark.extra_info.update(error=float(found.error))


def bench_expected_by_index(benchmark):
    table = benchmark.pedantic(lambda: expected_by_index(CUBIC, 12), rounds=3)
    benchmark.extra_info.update(relative_error=float((table["standard_error"] / table["number"]).max()))


def bench_expected_by_overlap(benchmark):
    spiked = Covariance((3,), (1.5,), True)
    expected_by_overlap(spiked, 10, samples=100)
    table = benchmark.pedantic(lambda: expected_by_overlap(spiked, 10, samples=2000), rounds=2)
    benchmark.extra_info.update(relative_error=float(table.iloc[-1]["standard_error"] / table.iloc[-1]["number"]))
