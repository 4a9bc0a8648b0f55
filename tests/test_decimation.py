"""Decimation, its first step: known answers, the gradient of the free entropy, limits, refusals.

References are the model's own equations written here with SciPy's quadrature, and exact limits.
"""

import math

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, special

import spinodal as sp
from spinodal.equations.compile import compile_expressions
from spinodal.theory.decimation import Decimation
from spinodal.theory.decimation_free_entropy import (
    alpha,
    chi,
    delta,
    m,
    mode_energy,
    pair_energy,
    q,
    r,
    temperature,
    u,
    v,
)
from spinodal.theory.decimation_states import DecimationByTemperature

INF = math.inf
RADEMACHER = Decimation(sp.Rademacher())


def sparse(rho):
    return sp.SparseRademacher(rho, amplitude=rho**-0.5)


PRIORS = {
    "rademacher": sp.Rademacher(), "sparse": sparse(0.2), "sparse half": sparse(0.5),
    "gauss-bernoulli": sp.GaussBernoulli(0.2, variance=5.0), "asymmetric": sp.Discrete([2.0, -0.5], [0.2, 0.8]),
    "mixture": sp.GaussianMixture([0.25, 0.5, 0.25], means=[-1.4, 0.0, 1.4], variances=[0.02, 0.02, 0.02]),
}


def retrieval(model, **controls):
    (point,) = [p for p in sp.fixed_points(model, **controls) if p.state == "retrieval" and p.stable]
    return point


# ---- known answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prior", "alpha", "delta", "beta", "overlap"),
    [
        (sp.Rademacher(), 0.03, 0.15, "nishimori", 0.9654865),
        (sp.Rademacher(), 0.03, 0.08, INF, 0.9971448),
        (sparse(0.2), 0.05, 0.08, INF, 0.9990817),
    ],
)
def test_overlap_of_the_first_step(prior, alpha, delta, beta, overlap):
    point = retrieval(Decimation(prior), alpha=alpha, delta=delta, beta=beta)
    assert abs(point.observables["overlap"] - overlap) < 1.6e-7
    assert point.error < 1e-12
    assert point.status.good


def test_energy_counts_the_diagonal_and_the_quartic_term():
    point = retrieval(RADEMACHER, alpha=0.03, delta=0.08, beta=INF)
    assert abs(point.observables["energy"] + 0.2652549) < 5e-8
    glass = next(p for p in sp.fixed_points(RADEMACHER, alpha=0.03, delta=0.08, beta=INF) if p.state == "spin glass")
    assert 0.0105 < glass.observables["energy"] - point.observables["energy"] < 0.0115


@pytest.mark.parametrize(("beta", "value"), [(INF, 0.2387316), ("nishimori", 0.2406527)])
def test_end_of_retrieval(beta, value):
    table = sp.thresholds(RADEMACHER, along="delta", between=(0, 2), alpha=0.03, beta=beta)
    (row,) = table[table["kind"] == "spinodal"].to_dict("records")
    assert abs(row["value"] - value) < 5e-8
    assert row["error"] < 1e-13
    assert row["status"] == "converged"


@pytest.mark.parametrize(("beta", "value"), [(INF, 2 / math.pi), ("nishimori", 1.0)])
def test_end_of_retrieval_without_interference(beta, value):
    table = sp.thresholds(RADEMACHER, along="delta", between=(0, 2), alpha=0, beta=beta)
    assert table["value"].to_numpy() == pytest.approx(value, abs=1e-11)
    assert (table["kind"] == "continuous").all()


@pytest.mark.parametrize("few", [0.003, 0.03, 0.1])
def test_end_of_retrieval_from_its_explicit_curve(few):
    """T = 0, Rademacher: delta(x) = m^2/(2 x^2) - alpha/(1 - chi)^2 with m = erf x."""

    def noise(x):
        overlap = special.erf(x)
        return -(overlap**2 / (2 * x * x)
                 - few / (1 - 2 * x * math.exp(-x * x) / (math.sqrt(math.pi) * overlap)) ** 2)

    best = optimize.minimize_scalar(noise, bounds=(0.05, 3), method="bounded", options={"xatol": 1e-12})
    table = sp.thresholds(RADEMACHER, along="delta", between=(0, 2), alpha=few, beta=INF)
    assert table[table["kind"] == "spinodal"]["value"].to_numpy() == pytest.approx(-best.fun, rel=1e-9)


def test_thresholds_agree_whichever_control_they_are_along():
    along = sp.thresholds(RADEMACHER, along="alpha", between=(0, 0.3), delta=0.08, beta=INF)
    few = along[along["kind"] == "spinodal"]["value"].iloc[0]
    across = sp.thresholds(RADEMACHER, along="delta", between=(0, 2), alpha=few, beta=INF)
    assert across[across["kind"] == "spinodal"]["value"].iloc[0] == pytest.approx(0.08, rel=1e-9)


def test_sides_of_a_threshold_along_beta():
    table = sp.thresholds(RADEMACHER, along="beta", between=(1, 20), alpha=0.03, delta=0.08)
    row = table[table["kind"] == "spinodal"].iloc[0]
    assert row["m_below"] == 0 < row["m_above"]
    here = retrieval(RADEMACHER, alpha=0.03, delta=0.08, beta=1.001 * row["value"])
    assert abs(row["q_above"] - here.observables["self_overlap"]) < 0.03


# ---- the free entropy ---------------------------------------------------------------------------------------------


LONG = pytest.param("mixture", 9.0, marks=pytest.mark.slow)  # narrow components need many nodes


@pytest.mark.parametrize(
    ("name", "beta"), [*((name, 9.0) for name in PRIORS if name != "mixture"), ("rademacher", 4.0), LONG])
def test_free_entropy_is_stationary_at_fixed_points(name, beta):
    """Its gradient vanishes, and its value, as it is printed, is energy less T entropy."""
    model = Decimation(PRIORS[name])
    symbols = (m, q, v, r, u)
    (value, constants), (gradient, numbers) = (
        compile_expressions(formulas)
        for formulas in ([model.free_entropy], [model.free_entropy.diff(x) for x in symbols]))
    points = [p for p in sp.fixed_points(model, alpha=0.001, delta=0.1, beta=beta) if p.observables["noise"] > 0]
    states = {p.state for p in points}
    assert states == {"retrieval", "spin glass"} or (beta == 4 and states == {"spin glass"})
    for point in points:
        at = {x: point.order_parameters[x.name] for x in symbols}
        at |= {alpha: 0.001, delta: 0.1, sympy.Symbol("beta", real=True): beta}
        slopes = gradient({p: np.array([(at | numbers)[p]]) for p in gradient.parameters}, scales=[1.0] * 5).values
        assert np.abs(slopes).max() < 1e-10
        here = value({p: np.array([(at | constants)[p]]) for p in value.parameters}).values[0, 0]
        assert here == pytest.approx(point.free_entropy, abs=1e-11)


@pytest.mark.parametrize("name", ["rademacher", "sparse", *(
    pytest.param(name, marks=pytest.mark.slow) for name in ("gauss-bernoulli", "asymmetric", "mixture"))])
def test_energy_is_the_derivative_by_beta(name):
    """Envelope theorem: -d Phi/d beta, with beta moved and nothing else."""
    model, step = Decimation(PRIORS[name]), 1e-4
    up, here, down = (retrieval(model, alpha=0.001, delta=0.1, beta=9.0 + k * step) for k in (1, 0, -1))
    slope = (up.free_entropy - down.free_entropy) / (2 * step)
    assert -slope == pytest.approx(here.observables["energy"], abs=1e-8)


def test_averages_against_scipy():
    """One sparse state from its equations, with another quadrature."""
    rho, beta = 0.2, 5.0
    point = retrieval(Decimation(sparse(rho)), alpha=0.03, delta=0.08, beta=beta)
    A = point.order_parameters["u"] + point.order_parameters["r"]
    size = rho**-0.5

    def mean(f):
        total = 0.0
        for weight, xi in ((1 - rho, 0.0), (rho, size)):
            def density(z, xi=xi):
                field = math.sqrt(point.order_parameters["r"]) * z + beta * point.order_parameters["m"] * xi
                exponents = np.array([math.log(1 - rho), math.log(rho / 2) + field * size - A * size**2 / 2,
                                      math.log(rho / 2) - field * size - A * size**2 / 2])
                weights = np.exp(exponents - special.logsumexp(exponents))
                first, second = size * (weights[1] - weights[2]), size**2 * (weights[1] + weights[2])
                return f(xi, first, second) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

            total += weight * integrate.quad(density, -9, 9, epsabs=1e-12, limit=400)[0]
        return total

    assert mean(lambda xi, x, _: xi * x) == pytest.approx(point.order_parameters["m"], abs=1e-9)
    assert mean(lambda _, x, __: x * x) == pytest.approx(point.order_parameters["q"], abs=1e-9)
    assert mean(lambda _, __, square: square) == pytest.approx(point.order_parameters["v"], abs=1e-9)


def test_two_modes_of_a_pattern_that_was_found():
    """Trace and determinant say what the two eigenvalues of [[1, -m], [m, -v]] do."""
    overlap, second, T = 0.83, 1.1, 0.2
    eigenvalues = np.linalg.eigvals(np.array([[1, -overlap], [overlap, -second]])).real
    at = {chi: 0.3, v: 0.97}
    pair = pair_energy(sympy.Float(1 - second), sympy.Float(overlap**2 - second), sympy.Float(T)).subs(at)
    modes = sum(mode_energy(sympy.Float(one), sympy.Float(T)).subs(at) for one in eigenvalues)
    assert float(pair) == pytest.approx(float(modes), abs=1e-14)


# ---- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", [sp.Rademacher(), sparse(0.5), pytest.param(sp.Gaussian(), marks=pytest.mark.slow)])
def test_few_patterns_are_the_spiked_matrix(prior):
    """alpha = 0 on Nishimori's line is the Bayes-optimal spiked matrix."""
    mine = retrieval(Decimation(prior), alpha=0, delta=0.5, beta="nishimori")
    theirs = next(p for p in sp.fixed_points(sp.SpikedWigner(prior), delta=0.5) if p.observables["overlap"] > 0.1)
    assert mine.observables["overlap"] == pytest.approx(theirs.observables["overlap"], abs=1e-10)
    assert mine.observables["overlap"] == pytest.approx(mine.observables["self_overlap"], abs=1e-10)
    assert mine.observables["second_moment"] == pytest.approx(1, abs=1e-10)


def test_no_noise_is_the_hopfield_model():
    mine = retrieval(RADEMACHER, alpha=0.05, delta=0, beta=5)
    theirs = next(p for p in sp.fixed_points(sp.Hopfield(), alpha=0.05, temperature=0.2)
                  if p.state == "retrieval" and p.stable)
    assert mine.observables["overlap"] == pytest.approx(theirs.observables["overlap"], abs=1e-12)
    # its energies leave the diagonal out, and have no quartic term
    assert mine.observables["energy"] == pytest.approx(theirs.observables["energy"] - 0.05 / 2 + 1 / 4, abs=1e-12)


def test_leading_eigenvector_at_zero_temperature():
    """A density at T = 0 without interference: m^2 = 1 - delta^2, the transition of Baik, Ben Arous and Peche."""
    point = retrieval(Decimation(sp.Gaussian()), alpha=0, delta=0.3, beta=INF)
    assert point.observables["overlap"] == pytest.approx(math.sqrt(1 - 0.09), abs=1e-12)
    assert not [p for p in sp.fixed_points(Decimation(sp.Gaussian()), alpha=0.05, delta=0.1, beta=INF)
                if p.state == "retrieval"]


@pytest.mark.parametrize("name", ["rademacher", "asymmetric"])
def test_temperature_to_zero(name):
    model = Decimation(PRIORS[name])
    cold = retrieval(model, alpha=0.02, delta=0.08, beta=INF)
    near = [abs(retrieval(model, alpha=0.02, delta=0.08, beta=beta).observables["overlap"]
                - cold.observables["overlap"]) for beta in (5e3, 5e4)]
    assert near[1] < near[0] / 5
    assert near[1] < 1e-5


def test_prior_weights_drop_out_at_zero_temperature():
    """Sparse atoms with rho to 1 may still choose 0: less is retrieved than of Rademacher ones."""
    one = retrieval(Decimation(sparse(1 - 1e-9)), alpha=0.03, delta=0.12, beta=INF)
    other = retrieval(RADEMACHER, alpha=0.03, delta=0.12, beta=INF)
    assert abs(one.observables["overlap"] - other.observables["overlap"]) > 1e-3
    exact = retrieval(Decimation(sparse(1.0)), alpha=0.03, delta=0.12, beta=INF)
    assert exact.observables["overlap"] == pytest.approx(other.observables["overlap"], abs=1e-14)


@pytest.mark.parametrize("beta", [INF, 5.0, "nishimori"])
@pytest.mark.parametrize("noise", [0, 1e-6, 0.08, 2.0])
@pytest.mark.parametrize("few", [0, 1e-5, 0.03, 0.3])
def test_every_corner_is_answered(few, noise, beta):
    points = sp.fixed_points(RADEMACHER, alpha=few, delta=noise, beta=beta)
    states = {p.state for p in points if p.stable}
    assert all(p.error < 1e-9 and (p.status.good or not p.stable) for p in points)
    assert states
    assert ("retrieval" in states) == (few < 0.2 and noise < 1)


# ---- refusals -----------------------------------------------------------------------------------------------------


def test_a_prior_without_unit_variance_is_refused_with_the_cure():
    with pytest.raises(ValueError, match=r"E xi\^2 = 0.2.*amplitude=rho\*\*-0.5"):
        Decimation(sp.SparseRademacher(0.2))
    with pytest.raises(ValueError, match="subtract the mean"):
        Decimation(sp.Discrete([0.0, 2**0.5], [0.5, 0.5]))
    with pytest.raises(ValueError, match="mixture of Gaussians"):
        Decimation(sp.Laplace(0.5**0.5))
    with pytest.raises(TypeError, match="Rademacher"):
        Decimation("rademacher")


@pytest.mark.parametrize("controls", [{"beta": "cold"}, {"beta": -1}, {"beta": 0}, {"delta": -0.1}, {"alpha": math.nan}])
def test_impossible_controls_are_refused(controls):
    name = next(iter(controls))
    with pytest.raises(ValueError, match=name):
        sp.fixed_points(RADEMACHER, **({"alpha": 0.03, "delta": 0.1, "beta": 5.0} | controls))


@settings(max_examples=5, deadline=None)
@given(few=st.floats(1e-4, 0.3), noise=st.floats(0.0, 1.5), T=st.floats(0.01, 1.5))
def test_susceptibilities_stay_below_one(few, noise, T):
    for point in sp.fixed_points(DecimationByTemperature(sp.Rademacher()), alpha=few, delta=noise, temperature=T):
        assert point.observables["susceptibility"] < 1
        assert point.observables["entropy"] <= 1e-12
        assert abs(point.observables["overlap"]) <= 1 + 1e-12


def test_symbols_of_the_theory():
    assert DecimationByTemperature(sp.Rademacher()).own_controls == (alpha, delta, temperature)
    assert DecimationByTemperature(sp.Rademacher(), nishimori=True).own_controls == (alpha, delta)
    assert [s.name for s in RADEMACHER.controls] == ["alpha", "delta", "beta"]
    assert RADEMACHER.saddle_point()


def test_pattern_and_glass_cross_where_the_glass_is_sampled_coarsely():
    """At rho = 0.1 the glass is stable from delta = 0.1 on, and the next sample of its curve stands at 0.7."""
    prior = sp.SparseRademacher(0.1, amplitude=0.1**-0.5)
    table = sp.thresholds(sp.Decimation(prior), along="delta", between=(0, 2), alpha=0.03, beta=math.inf)
    assert table["kind"].tolist() == ["first_order", "spinodal"]
    value = table["value"].iloc[0]
    states = sp.fixed_points(sp.Decimation(prior), alpha=0.03, beta=math.inf, delta=value)
    energies = [state.observables["energy"] for state in states if state.stable]
    assert energies[0] == pytest.approx(energies[1], rel=1e-11)
