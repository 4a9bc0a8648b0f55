"""Fixed points, batches, thresholds and the import, each against the limit that it cannot beat.

Times of one run go into ``extra_info`` (milliseconds, ratios): compare ratios, they hold on other machines.
"""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

import spinodal as sp
from spinodal.equations import compile as compiling
from spinodal.equations import curve
from spinodal.equations.functions import NUMPY

ONE_DIMENSIONAL = {
    "sign": "GLM(Rademacher(), Sign())",
    "probit": "GLM(Rademacher(), Probit(0.001))",
    "linear": "GLM(GaussBernoulli(0.2), Linear(noise=0.01))",
    "relu": "GLM(Gaussian(), ReLU())",
    "door": "GLM(Rademacher(), Door(0.67449))",
}
TWO_DIMENSIONAL = {
    "abs": "GLM(Gaussian(), Abs())",
    "abs-noise": "GLM(Gaussian(), Abs(noise=0.01))",
    "relu-noise": "GLM(Gaussian(), ReLU(noise=0.01))",
}
ALPHA = 0.8
TRANSCENDENTAL = {**NUMPY, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh}

FRESH = """
import json, sys, time
import spinodal as sp
from spinodal.theory.parse import resolve
import spinodal.phase_diagrams.thresholds
model = resolve(sys.argv[1]).model
begin = time.perf_counter()
first = sp.thresholds(model, along="alpha", between=(0.1, 3.0))
middle = time.perf_counter()
again = sp.thresholds(model, along="alpha", between=(0.1, 3.0))
print(json.dumps([middle - begin, time.perf_counter() - middle, len(first)]))
"""


def model_of(text):
    from spinodal.theory.parse import resolve

    return resolve(text).model


def best(work, repeats=7):
    """Best of several runs: what the machine can do, undisturbed."""
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def forget():
    """Drop everything compiled and every curve sampled."""
    compiling._compile.cache_clear()
    curve.curve_of.cache_clear()


def evaluations(work, monkeypatch):
    """How many values of every transcendental function a piece of work asks for."""
    counts = dict.fromkeys(TRANSCENDENTAL, 0)

    def counted(name, function):
        def count(*arguments):
            value = function(*arguments)
            counts[name] += np.size(value)
            return value

        return count

    with monkeypatch.context() as patch:
        for name, function in TRANSCENDENTAL.items():
            patch.setitem(NUMPY, name, counted(name, function))
        forget()
        work()
        for name in counts:
            counts[name] = 0
        work()
    forget()
    work()
    return {name: count for name, count in counts.items() if count}


def bare(counts, size=4096):
    """Time of that many values of the same functions, from arrays that stay in cache."""
    rng = np.random.default_rng(0)
    x, a, b = rng.uniform(-3, 0, size), rng.uniform(-3, 0, size), rng.uniform(0.5, 3, size)
    total = 0.0
    for name, count in counts.items():
        function = TRANSCENDENTAL[name]
        arguments = {"LogInterval": (a, b), "IntervalMills": (a, a, b), "LogSumExp": (a, b)}.get(name, (x,))
        if name in ("log", "sqrt"):
            arguments = (b,)
        total += best(lambda f=function, args=arguments: f(*args)) * count / size
    return total


@pytest.mark.parametrize("name", [*ONE_DIMENSIONAL, *TWO_DIMENSIONAL])
def bench_fixed_points_again(benchmark, monkeypatch, name):
    """All fixed points of a model that was solved before: 2 ms (average over one field), 0.5 s (over two)."""
    model = model_of({**ONE_DIMENSIONAL, **TWO_DIMENSIONAL}[name])
    counts = evaluations(lambda: sp.fixed_points(model, alpha=ALPHA), monkeypatch)
    limit = bare(counts)
    points = benchmark(lambda: sp.fixed_points(model, alpha=ALPHA))
    assert any(point.status.good for point in points)
    taken = best(lambda: sp.fixed_points(model, alpha=ALPHA))
    coarse = best(lambda: sp.fixed_points(model, alpha=ALPHA, tolerance=1e-8))
    benchmark.extra_info.update(
        milliseconds=1e3 * taken, milliseconds_eight_digits=1e3 * coarse, milliseconds_bare=1e3 * limit,
        ratio=taken / limit, values=sum(counts.values()),
    )  # fmt: skip


@pytest.mark.parametrize("name", ONE_DIMENSIONAL)
def bench_batch(benchmark, name):
    """A thousand values of alpha at once, against one by one: at least 5 times cheaper a point."""
    model, alphas = model_of(ONE_DIMENSIONAL[name]), np.linspace(0.3, 1.9, 1000)
    sp.fixed_points(model, alpha=ALPHA)
    found = benchmark.pedantic(lambda: sp.fixed_points(model, alpha=alphas), rounds=3)
    assert len(found) == len(alphas)
    together = best(lambda: sp.fixed_points(model, alpha=alphas), 3)
    some = alphas[::20]
    one_by_one = best(lambda: [sp.fixed_points(model, alpha=alpha) for alpha in some], 3)
    ratio = one_by_one / len(some) / (together / len(alphas))
    benchmark.extra_info.update(milliseconds_a_point=together, ratio=ratio)


@pytest.mark.parametrize("name", [*ONE_DIMENSIONAL, *TWO_DIMENSIONAL])
def bench_thresholds_first_time(benchmark, name):
    """A table in a fresh process: derivation, compilation, sampling and solving, the import not counted."""

    def fresh():
        command = [sys.executable, "-c", FRESH, {**ONE_DIMENSIONAL, **TWO_DIMENSIONAL}[name]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
        return json.loads(done.stdout)

    first, again, rows = benchmark.pedantic(fresh, rounds=1)
    benchmark.extra_info.update(seconds_first=first, seconds_again=again, rows=rows)


@pytest.mark.parametrize("statement", ["import spinodal", "import spinodal; spinodal.thresholds"])
def bench_import(benchmark, statement):
    """The import, against that of what it needs; it must stay under 1.5 s."""

    def spent(code):
        timed = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
        return float(subprocess.run([sys.executable, "-c", timed], capture_output=True, check=True).stdout)

    benchmark.pedantic(lambda: spent(statement), rounds=3)
    own = min(spent(statement) for _ in range(3))
    others = min(spent("import numpy, scipy.optimize, scipy.special, sympy, pandas, mpmath") for _ in range(3))
    benchmark.extra_info.update(seconds=own, seconds_of_dependencies=others, ratio=own / others)
