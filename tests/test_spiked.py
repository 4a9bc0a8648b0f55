"""Spiked Wigner matrices with separable priors, solved in the inverse of the noise."""

import math

import numpy as np
import pytest
import sympy
from scipy import integrate

import spinodal as sp


def close(found, expected, digits=10):
    return found == pytest.approx(expected, rel=10.0**-digits)


@pytest.mark.parametrize("delta", [0.01, 0.3, 0.63, 0.99])
def test_gaussian_spike(delta):
    """m = 1 - delta, as of the eigenvector of the outlier (Baik, Ben Arous, Peche 2005; its overlap squared is m)."""
    state = sp.equilibrium(sp.SpikedWigner(sp.Gaussian()), delta=delta)
    assert close(state.order_parameters["m"], 1 - delta)
    assert close(state.observables["mse"], delta)
    assert close(state.free_entropy, math.log(delta) / 2 + (1 - delta) / 2 + (1 - delta) ** 2 / (4 * delta))
    assert state.controls == {"delta": pytest.approx(delta)}


def rademacher(m, delta):
    """E tanh(mhat + sqrt(mhat) z) - m at mhat = m/delta, by adaptive quadrature."""
    mhat = m / delta
    density = lambda z: math.tanh(mhat + math.sqrt(mhat) * z) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    return integrate.quad(density, -12, 12, epsabs=1e-14, epsrel=1e-13, limit=200)[0] - m


@pytest.mark.parametrize("delta", [0.2, 0.63, 0.9])
def test_rademacher_spike(delta):
    state = sp.equilibrium(sp.SpikedWigner(sp.Rademacher()), delta=delta)
    assert abs(rademacher(state.order_parameters["m"], delta)) < 1e-12


def test_published_value():
    assert sp.equilibrium(sp.SpikedWigner(sp.Rademacher()), delta=0.63).observables["mse"] == pytest.approx(0.5569944, abs=5e-8)


def test_sparse_spike():
    """Two spinodals and a first-order transition, and weak recovery at rho^2 apart from the lower spinodal."""
    table = sp.thresholds(sp.SpikedWigner(sp.SparseRademacher(0.05)), along="delta", between=(0, 0.01))
    assert table["kind"].tolist() == ["spinodal", "continuous", "first_order", "spinodal"]
    assert table["branch"].tolist() == ["uninformative", "uninformative", "equilibrium", "informative"]
    assert table["value"].tolist() == pytest.approx([0.0024866, 0.0025, 0.0033453, 0.0034654], abs=6e-8)
    assert (table["value"].diff().dropna() > 0).all()
    assert (table["m_below"] >= table["m_above"]).all()  # less noise, more signal
    assert (table["error"] < 1e-12).all()


@pytest.mark.parametrize(("prior", "gap"), [(sp.SparseRademacher(0.02), 7e-4), (sp.GaussBernoulli(0.02), 7e-5)], ids=str)
def test_the_spinodal_just_below_weak_recovery(prior, gap):
    """The relative distance is known to one digit."""
    table = sp.thresholds(sp.SpikedWigner(prior), along="delta", between=(0, 0.01))
    low, onset = table["value"].iloc[:2]
    assert close(onset, 0.0004)
    assert float(f"{1 - low / onset:.0e}") == gap


def test_more_digits_and_the_other_control():
    model = sp.SpikedWigner(sp.SparseRademacher(sympy.Rational(1, 20)))
    short = sp.thresholds(model, along="delta", between=(0.001, 0.01))
    long = sp.thresholds(model, along="delta", between=(0.001, 0.01), digits=25)
    for a, e, b in zip(short["value"], short["error"], long["value"], strict=True):
        assert abs(a - float(b)) <= 4 * e
    rho = sympy.Symbol("rho")
    along = sp.thresholds(sp.SpikedWigner(sp.SparseRademacher(rho)), along="rho", between=(0.03, 0.1),
                          delta=float(short["value"].iloc[3]))
    assert along[along["branch"] == "informative"]["value"].tolist() == pytest.approx([0.05], rel=1e-8)


def test_arrays_and_state_evolution():
    model = sp.SpikedWigner(sp.Rademacher())
    deltas = np.array([0.3, 0.63])
    for delta, states in zip(deltas, sp.fixed_points(model, delta=deltas), strict=True):
        (single, *_), (one, *_) = sp.fixed_points(model, delta=float(delta)), states
        assert close(one.observables["mse"], single.observables["mse"])
        assert one.controls["delta"] == pytest.approx(delta)
        assert sp.state_evolution(model, delta=float(delta)).mse == pytest.approx(one.observables["mse"], rel=1e-8)


@pytest.mark.parametrize("prior", [sp.Rademacher(), sp.GaussBernoulli(0.3), sp.Gaussian(0.5, variance=0.75)], ids=str)
def test_information_by_the_signal_to_noise_ratio(prior):
    """d I/d(1/delta) = E |v v^T - <v v^T>|^2/(4 p^2): a quarter of matrix_mse (Nishimori)."""
    model, step = sp.SpikedWigner(prior), 1e-4
    rho = float(prior.second_moment)
    ratio = 2 / rho**2
    up, down = (sp.equilibrium(model, delta=1 / (ratio + side * step)).observables for side in (1, -1))
    rate = (up["mutual_information"] - down["mutual_information"]) / (2 * step)
    assert rate == pytest.approx(sp.equilibrium(model, delta=1 / ratio).observables["matrix_mse"] / 4, rel=1e-6)


@pytest.mark.slow
def test_diagram():
    rho = sympy.Symbol("rho")
    diagram = sp.phase_diagram(sp.SpikedWigner(sp.SparseRademacher(rho)), x=("rho", 0.03, 0.2), y=("delta", 0, 0.05))
    assert set(diagram.regions["name"]) == {"undetectable", "hard", "easy", "impossible"}
    points = diagram.special_points.set_index("type")
    assert set(points.index) == {"critical_end", "informative_end", "cusp"}
    for _, point in points.loc[["critical_end", "informative_end"]].iterrows():
        assert point["delta"] == pytest.approx(point["rho"] ** 2, rel=1e-8)
    recovery = diagram.boundaries[diagram.boundaries["kind"] == "continuous"]
    assert recovery["delta"].to_numpy() == pytest.approx(recovery["rho"].to_numpy() ** 2, rel=1e-12)
    for row in diagram.regions.to_dict("records"):
        states = sp.fixed_points(sp.SpikedWigner(sp.SparseRademacher(row["rho"])), delta=row["delta"])
        best = next(state for state in states if state.stable)
        assert (best.state == "no signal") == (row["name"] == "undetectable")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sp.SpikedWigner(sp.Sign()), TypeError, "not a prior"),
        (lambda: sp.fixed_points(sp.SpikedWigner(sp.Gaussian()), delta=0), ValueError, "delta = 0"),
        (lambda: sp.fixed_points(sp.SpikedWigner(sp.Gaussian()), snr=1), ValueError, "delta"),
        (lambda: sp.thresholds(sp.SpikedWigner(sp.Gaussian()), along="delta", between=(0, 1), delta=1), ValueError, "leave one"),
        (lambda: sp.phase_diagram(sp.SpikedWigner(sp.GaussBernoulli(sympy.Symbol("rho"))), x=("delta", 0, 1),
                                  y=("rho", 0, 1)), ValueError, "swap the axes"),
        (lambda: sp.branches(sp.SpikedWigner(sp.Gaussian()), along="delta", between=(0.1, 1)), TypeError, "WignerByRatio"),
    ],
    ids=range(6),
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_axes_of_one_control_are_refused():
    with pytest.raises(ValueError, match="x and y are both 'delta': give two different controls"):
        sp.phase_diagram(sp.SpikedWigner(sp.Rademacher()), x=("delta", 0, 1), y=("delta", 0, 2))
