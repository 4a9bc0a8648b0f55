"""Spiked Wishart matrices: closed forms, reference values, symmetry, and the two functions of tau behind the curve."""

import math

import numpy as np
import pytest
import sympy

import spinodal as sp
from spinodal.equations.compile import compile_expressions
from spinodal.theory.solved import SolvedMean
from spinodal.theory.wishart import Balanced

TAU = sympy.Symbol("tau", positive=True)
EPS = np.finfo(float).eps


def check(state, **expected):
    for name, value in expected.items():
        assert state.observables[name] == pytest.approx(value, rel=1e-12)
        assert abs(state.observables[name] - value) <= 4 * state.error
    assert state.error < 1e-12


def test_gaussian_spike():
    """q_u and q_v of the outlier of a covariance (Baik, Ben Arous, Peche 2005), from the two quadratic equations."""
    beta, delta = 0.5, 0.4
    state = sp.equilibrium(sp.SpikedWishart(sp.Gaussian(), sp.Gaussian(), beta=beta), delta=delta)
    q_u, q_v = (beta - delta**2) / (beta + beta * delta), (beta - delta**2) / (beta + delta)
    assert q_u == pytest.approx((q_v / delta) / (1 + q_v / delta), rel=1e-14)
    check(state, overlap=q_v, overlap_u=q_u, mse=1 - q_v, mse_u=1 - q_u, matrix_mse=1 - q_u * q_v)
    known = (beta * (1 - q_u) * (1 - q_v) / (2 * delta) + math.log1p(beta * q_u / delta) / 2
             + beta * math.log1p(q_v / delta) / 2)
    check(state, mutual_information=known)


def test_reference():
    """By an independent derivation: a linear layer beside a Gaussian, and two Rademacher vectors."""
    model = sp.SpikedWishart(sp.Gaussian(), sp.Generative([(sp.Linear(), 2)]), beta=1)
    check(sp.equilibrium(model, delta=math.sqrt(3) / 2), mse_u=0.61935568420302919379, mse=0.46775712939406530144,
          mutual_information=0.55149557897327997539)
    model = sp.SpikedWishart(sp.Rademacher(), sp.Rademacher(), beta=0.5)
    check(sp.equilibrium(model, delta=0.3), mse_u=0.21357151215008445848, mse=0.36288786166803391304,
          mutual_information=0.72115112206678086382)


@pytest.mark.parametrize(("prior_u", "prior_v", "beta", "onset"), [
    (sp.Rademacher(), sp.Rademacher(), 0.5, math.sqrt(0.5)),
    (sp.Gaussian(), sp.Generative([(sp.Linear(), 2)]), 1, math.sqrt(3)),
    (sp.Generative([(sp.Linear(), 2)]), sp.Gaussian(variance=2), 0.5, math.sqrt(0.5 * 3 * 4)),
], ids=["separable", "v generative", "u generative"])
def test_weak_recovery(prior_u, prior_v, beta, onset):
    """delta^2 = beta chi_u chi_v."""
    table = sp.thresholds(sp.SpikedWishart(prior_u, prior_v, beta=beta), along="delta", between=(0.1, 4))
    row = table[table["kind"] == "continuous"].iloc[0]
    assert abs(row["value"] - onset) <= 4 * row["error"] + 4 * EPS * onset
    assert row["error"] < 1e-12


def test_transposed():
    """Y^T has n and p exchanged: beta -> 1/beta, and delta -> delta/beta in units of the other size."""
    beta, delta = 0.4, 0.2
    u, v = sp.Rademacher(), sp.GaussBernoulli(0.6)
    one = sp.equilibrium(sp.SpikedWishart(u, v, beta=beta), delta=delta)
    other = sp.equilibrium(sp.SpikedWishart(v, u, beta=1 / beta), delta=delta / beta)
    assert one.observables["mse"] == pytest.approx(other.observables["mse_u"], rel=1e-11)
    assert one.observables["mse_u"] == pytest.approx(other.observables["mse"], rel=1e-11)
    # per component of the other vector
    assert one.observables["mutual_information"] == pytest.approx(beta * other.observables["mutual_information"], rel=1e-11)


MODELS = {
    "separable": (sp.SpikedWishart(sp.Rademacher(), sp.GaussBernoulli(0.6), beta=0.4), 0.2),
    "both generative": (sp.SpikedWishart(sp.Generative([(sp.Linear(noise=0.3), 2)]), sp.Generative([(sp.Linear(), 3)]),
                                         beta=0.7), 0.5),
    "signs": (sp.SpikedWishart(sp.Generative([(sp.Sign(), 2)]), sp.Rademacher(), beta=0.7), 0.5),
    "with means": (sp.SpikedWishart(sp.Bernoulli(0.3), sp.Gaussian(0.2, variance=0.8), beta=2), 0.3),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name == "signs" else name
                                  for name in MODELS])
def test_free_entropy_is_stationary_in_every_order_parameter(name):
    """The gradient of what is printed; its derivative by 1/delta is the envelope theorem's beta m_u m/2."""
    model, delta = MODELS[name]
    state = sp.equilibrium(model, delta=delta)
    values = {s: state.order_parameters[s.name] for s in model.order_parameters} | {model.own_controls[0]: delta}
    function, numbers = compile_expressions([*(model.free_entropy.diff(s) for s in model.order_parameters),
                                             model.free_entropy])
    found = function({**{s: np.atleast_1d(float(x)) for s, x in values.items()}, **numbers}, tolerance=1e-12).values
    assert np.abs(found[:-1, 0]).max() < 1e-11
    assert found[-1, 0] == pytest.approx(state.free_entropy, rel=1e-11, abs=1e-13)
    step, rule = 1e-4, np.array([1, -8, 8, -1]) / 12
    # d I/d(1/delta) = beta matrix_mse/2
    along = [sp.equilibrium(model, delta=1 / (1 / delta + k * step)).observables["mutual_information"]
             for k in (-2, -1, 1, 2)]
    assert rule @ along / step == pytest.approx(float(model.beta) * state.observables["matrix_mse"] / 2, rel=1e-8)


@pytest.mark.parametrize("prior", [sp.Gaussian(), sp.Rademacher(), sp.Generative([(sp.Sign(), 2)])], ids=str)
def test_balanced(prior):
    """A m(A) = tau, with first and second derivatives by tau against differences."""
    problem, step = Balanced.of(prior), 1e-3
    kinds = ("precision", "overlap", "mmse", "information")
    exprs = [SolvedMean(kind, 0, problem, TAU) for kind in kinds]
    function, numbers = compile_expressions([*exprs, *(e.diff(TAU) for e in exprs[:3]),
                                             *(e.diff(TAU, 2) for e in exprs[:3])])
    stencil = np.array([-2, -1, 0, 1, 2])
    values = function({TAU: 0.7 + step * stencil, **numbers}, tolerance=1e-12).values
    precision, overlap, mmse, _ = values[:4]
    np.testing.assert_allclose(precision * overlap, 0.7 + step * stencil, rtol=1e-13)
    np.testing.assert_allclose(overlap + mmse, 1, rtol=1e-13)
    first, second = np.array([1, -8, 0, 8, -1]) / 12 / step, np.array([-1, 16, -30, 16, -1]) / 12 / step**2
    np.testing.assert_allclose(values[4:7, 2], values[:3] @ first, rtol=1e-9)
    np.testing.assert_allclose(values[7:10, 2], values[:3] @ second, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: sp.SpikedWishart(sp.Sign(), sp.Gaussian()), TypeError, "prior_u = "),
    (lambda: sp.SpikedWishart(sp.Gaussian(), 3), TypeError, "prior_v = 3"),
    (lambda: sp.SpikedWishart(sp.Gaussian(), sp.Gaussian(), beta=0), ValueError, "beta"),
    (lambda: sp.SpikedWishart(sp.Gaussian(), sp.Gaussian(), beta=-1), ValueError, "beta"),
    (lambda: sp.equilibrium(sp.SpikedWishart(sp.Gaussian(), sp.Gaussian(), beta=1), delta=0), ValueError, "delta"),
    (lambda: sp.equilibrium(sp.SpikedWishart(sp.Gaussian(), sp.Gaussian()), delta=1), ValueError, "beta"),
], ids=range(6))
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
