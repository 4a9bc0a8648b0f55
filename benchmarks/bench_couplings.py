"""Models in closed form and landscapes, against bracketed roots of a bare function and against elementary functions.

Limits: a threshold is one root, so a table should cost a few roots each (plus what pandas takes); a complexity is a few
dozen elementary functions an overlap.
"""

import math
import time

import numpy as np
import pytest
from scipy.optimize import brentq

import spinodal as sp


def best(work, repeats=9):
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def root():
    """One bracketed root of a scalar function of NumPy numbers."""
    return brentq(lambda x: float(np.exp(x) + 0.3 * np.exp(2 * x) - 1), -30.0, 30.0, xtol=1e-15, rtol=8.9e-16)


@pytest.mark.parametrize(("p", "delta_p"), [(3, 0.5), (4, 0.27), ((3, 4), 0.27), (30, 0.01)], ids=str)
def bench_thresholds(benchmark, p, delta_p):
    """A table of thresholds, warm: milliseconds, and single roots a row."""
    others = {f"delta_{k}": delta_p for k in p} if isinstance(p, tuple) else {"delta_p": delta_p}
    model = sp.MatrixTensor(p)

    def table():
        return sp.thresholds(model, along="delta_2", between=(1e-3, 3.0), **others)

    found = benchmark(table)
    taken = best(table)
    benchmark.extra_info.update(
        milliseconds=1e3 * taken, rows=len(found), roots_a_row=taken / max(len(found), 1) / best(root),
        milliseconds_of_an_empty_table=1e3 * best(lambda: sp.thresholds(
            model, along="delta_2", between=(90.0, 91.0), **others)),
    )  # fmt: skip


def bench_fixed_points(benchmark):
    """All states at one point, warm, in single roots."""
    model = sp.MatrixTensor(3)
    work = benchmark(lambda: sp.fixed_points(model, delta_2=1.5, delta_p=0.4))
    taken = best(lambda: sp.fixed_points(model, delta_2=1.5, delta_p=0.4))
    benchmark.extra_info.update(microseconds=1e6 * taken, states=len(work), roots=taken / best(root))


@pytest.mark.parametrize("against", ["overlap", "map"])
def bench_complexity(benchmark, against):
    """Values of the complexity, against as many logarithms."""
    model, axes = sp.MatrixTensor(3), ("overlap", "energy") if against == "map" else "overlap"
    count = 400
    numbers = np.linspace(0.1, 0.9, count**2 if against == "map" else count)

    def work():
        return sp.complexity(model, against=axes, points=count, delta_2=0.5, delta_p=1)

    found = benchmark(work)
    taken = best(work, 3)
    benchmark.extra_info.update(
        milliseconds=1e3 * taken, values=len(found.table),
        logarithms_a_value=taken / best(lambda: np.log(numbers)) * len(numbers) / len(found.table),
        digits=-math.log10(found.table["error"].max()) if "error" in found.table else None,
    )  # fmt: skip
