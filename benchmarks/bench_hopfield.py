"""Networks: milliseconds of a fixed point and of a table of thresholds, seconds of a diagram and of a cross-check.

States are sought anew at every point, so each round has a value of alpha of its own: what is kept from one call to the
next (compiled formulas, where a state is easily found) is what a sweep finds kept, too.
"""

import itertools
import math
import time

import pytest

import spinodal as sp

MODELS = {
    "hebb": (sp.Hopfield(), 0.05),
    "dreaming": (sp.Hopfield(dreaming=1), 0.2),
    "projector": (sp.Hopfield(dreaming=math.inf), 0.2),
    "entropy": (sp.Hopfield(dataset_entropy=0.1), 0.03),
    "supervised": (sp.Hopfield(examples=20, quality=0.8), 0.03),
    "unsupervised": (sp.Hopfield(examples=20, quality=0.8, supervised=False), 0.03),
}
SETTINGS = {
    "hebb": {},
    "dreaming": {"dreaming": 1.0},
    "entropy": {"dataset_entropy": 0.1},
}


def others(alpha):
    """Values of alpha near one, no two alike."""
    return (alpha * (1 + 1e-4 * k) for k in itertools.count())


@pytest.mark.parametrize("temperature", [0.2, 0.0])
@pytest.mark.parametrize("name", MODELS)
def bench_fixed_points(benchmark, name, temperature):
    """All fixed points, stable or not, of all kinds; the first time, derivation and compilation included, beside it."""
    model, alpha = MODELS[name]
    values = others(alpha)
    begun = time.perf_counter()
    states = sp.fixed_points(model, alpha=next(values), temperature=temperature)
    first = time.perf_counter() - begun
    benchmark.pedantic(lambda: sp.fixed_points(model, alpha=next(values), temperature=temperature), rounds=10)
    benchmark.extra_info.update(seconds_first=first, states=len(states))


@pytest.mark.parametrize("name", MODELS)
def bench_thresholds(benchmark, name):
    """Capacity and dominance at T = 0, along alpha."""
    model, alpha = MODELS[name]
    ends = (20 * value for value in others(alpha))

    def table():
        return sp.thresholds(model, along="alpha", between=(0.0, next(ends)), temperature=0.0)

    table()
    found = benchmark.pedantic(table, rounds=5)
    benchmark.extra_info.update(rows=len(found))


@pytest.mark.parametrize("name", SETTINGS)
def bench_diagram(benchmark, name):
    """Over alpha and temperature, with regions and special points."""
    entry = sp.catalogue()["hopfield"]
    given = SETTINGS[name]
    settings = entry.settings(given, ("alpha", "temperature"))
    x, y = entry.axis("x", given), entry.axis("y", given)
    diagram = benchmark.pedantic(lambda: sp.phase_diagram(entry.model, x=x, y=y, **settings), rounds=1)
    benchmark.extra_info.update(vertices=len(diagram.boundaries), special_points=len(diagram.special_points))


@pytest.mark.parametrize("axis", [("dataset_entropy", 0.0, 0.6, 0.16), ("dreaming", 0.0, 20.0, 1.1)],
                         ids=["entropy", "dreaming"])  # fmt: skip
def bench_capacity(benchmark, axis):
    """Capacity and dominance at T = 0 against another control."""
    name, low, high, top = axis
    entry = sp.catalogue()["hopfield"]
    settings = entry.settings({"temperature": 0}, (name, "alpha"))
    diagram = benchmark.pedantic(
        lambda: sp.phase_diagram(entry.model, x=(name, low, high), y=("alpha", 0.0, top), **settings), rounds=1)
    benchmark.extra_info.update(vertices=len(diagram.boundaries))


@pytest.mark.parametrize("size", [1000, 4000])
def bench_crosscheck(benchmark, size):
    """Monte Carlo on two networks in the retrieval state, a thousand sweeps that are measured."""
    settings = {"alpha": 0.05, "temperature": 0.2}
    sp.crosscheck(sp.Hopfield(), size=200, instances=2, sweeps=64, **settings)  # compiles the kernels
    benchmark.pedantic(lambda: sp.crosscheck(sp.Hopfield(), size=size, instances=2, **settings), rounds=2)
