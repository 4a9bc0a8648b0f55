"""Decimation: milliseconds of the states of a step, seconds of a flow, of a boundary and of a curve of errors."""

import itertools
import math

import pytest

import spinodal as sp
from spinodal.phase_diagrams.decimation import decimation_flow, decimation_mse
from spinodal.theory.decimation import Decimation

PRIORS = {
    "rademacher": (sp.Rademacher(), 0.03, 0.08),
    "sparse": (sp.SparseRademacher(0.2, amplitude=0.2**-0.5), 0.05, 0.08),
    "gauss-bernoulli": (sp.GaussBernoulli(0.2, variance=5.0), 0.01, 0.2),
}
BETAS = {"zero": math.inf, "nishimori": "nishimori"}


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("name", PRIORS)
def bench_flow(benchmark, name, beta):
    """The whole flow to 1e-9 and its table; at every round another noise, compiled formulas are kept."""
    prior, alpha, delta = PRIORS[name]
    values = (delta * (1 + 1e-3 * k) for k in itertools.count())
    benchmark(lambda: decimation_flow(prior, alpha=alpha, delta=next(values), beta=BETAS[beta]))


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("name", ["rademacher", "sparse"])
def bench_first_step(benchmark, name, beta):
    """All states of the first step, stable or not."""
    prior, alpha, delta = PRIORS[name]
    model, values = Decimation(prior), (alpha * (1 + 1e-4 * k) for k in itertools.count())
    benchmark.pedantic(lambda: sp.fixed_points(model, alpha=next(values), delta=delta, beta=BETAS[beta]), rounds=3,
                       iterations=1, warmup_rounds=1)


@pytest.mark.parametrize("beta", BETAS)
def bench_diagram(benchmark, beta):
    """The phase diagram of the first step over alpha and delta, from nothing."""
    benchmark.pedantic(lambda: sp.phase_diagram(Decimation(sp.Rademacher()), x=("alpha", 0, 0.14),
                                                y=("delta", 0, 0.7), beta=BETAS[beta]), rounds=1, iterations=1)


def bench_mse(benchmark):
    """Forty noises at two temperatures."""
    deltas = [0.01 * k for k in range(1, 41)]
    benchmark.pedantic(lambda: decimation_mse(sp.Rademacher(), alpha=0.03, deltas=deltas), rounds=1, iterations=1)
