"""Decimation step after step: known answers, an independent solution of the same problem, its end, refusals."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import special

import spinodal as sp
from spinodal.equations.decimation import flow_of
from spinodal.equations.decimation_steps import Past, Steps
from spinodal.phase_diagrams.decimation import decimation_flow, decimation_mse
from spinodal.theory.decimation import Decimation
from spinodal.theory.decimation_states import DecimationByTemperature

INF = math.inf
RADEMACHER = sp.Rademacher()


def sparse(rho):
    return sp.SparseRademacher(rho, amplitude=rho**-0.5)


CASES = {
    "nishimori": (RADEMACHER, 0.03, 0.15, "nishimori"), "zero": (RADEMACHER, 0.03, 0.08, INF),
    "warm": (RADEMACHER, 0.03, 0.1, 3.0), "sparse zero": (sparse(0.2), 0.05, 0.08, INF),
    "sparse": (sparse(0.2), 0.05, 0.08, "nishimori"),
    "gauss-bernoulli": (sp.GaussBernoulli(0.2, variance=5.0), 0.01, 0.2, "nishimori"),
    "asymmetric": (sp.Discrete([2.0, -0.5], [0.2, 0.8]), 0.02, 0.1, 8.0), "fold": (RADEMACHER, 0.03, 0.2387, INF),
}


@pytest.fixture(scope="module", params=CASES)
def flow(request):
    prior, alpha, delta, beta = CASES[request.param]
    return decimation_flow(prior, alpha=alpha, delta=delta, beta=beta, points=11)


# ---- known answers ------------------------------------------------------------------------------------------------


def test_overlaps_at_nishimori_temperature():
    found = decimation_flow(RADEMACHER, alpha=0.03, delta=0.15, beta="nishimori")
    assert abs(found.table["m"].iloc[0] - 0.9654865) < 5e-8
    assert abs(found.table["m"].iloc[-1] - 0.9830861) < 5e-8
    assert abs(found.matrix_mse - 1.461e-3) < 5e-7
    assert found.matrix_mse_error < 1e-12
    assert found.answer.startswith("No")
    assert not found.corrupts_itself
    assert found.is_complete


def test_energy_at_zero_temperature():
    table = decimation_flow(RADEMACHER, alpha=0.03, delta=0.08, beta=INF).table
    assert abs(table["m"].iloc[0] - 0.9971448) < 5e-8
    assert abs(table["energy"].iloc[0] + 0.2652549) < 5e-8


def test_every_point_is_good(flow):
    table = flow.table
    assert (table["status"] == "converged").all()
    assert (table["gradient"] < 1e-10).all()
    assert (table["error"] < 1e-9).all()
    assert (table["m"] ** 2 <= table["v"]).all()
    assert (table["q"] <= table["v"] + 1e-12).all()
    assert np.allclose(table["r"], table["r_a"] + table["r_b"] + table["r_c"], rtol=1e-12)
    assert table["r_c"].iloc[0] == 0
    assert table["r_b"].iloc[-1] == 0


def test_first_row_is_the_first_step(flow):
    (point,) = [p for p in sp.fixed_points(flow.model, **flow.controls) if p.state == "retrieval" and p.stable]
    first = flow.table.iloc[0]
    for column, name in (("m", "overlap"), ("q", "self_overlap"), ("v", "second_moment"), ("noise", "noise"),
                         ("energy", "energy"), ("entropy", "entropy"), ("replicon", "replicon")):
        assert first[column] == pytest.approx(point.observables[name], abs=1e-10)


def test_halving_the_panels_changes_nothing(flow):
    """The whole flow from four panels: the interpolants' error is as small as it is said to be."""
    from spinodal.equations.decimation import _first, _panel, _past
    from spinodal.equations.decimation_steps import StepProblem

    alpha, delta = flow.controls["alpha"], flow.controls["delta"]
    problem = StepProblem(DecimationByTemperature(flow.model.prior), delta, flow.temperature, alpha)
    guess, panels = _first(problem, alpha), []
    edges = np.concatenate([[0.0], np.geomspace(1 / 64, 1, 7)])
    for low, high in zip(edges, edges[1:], strict=False):
        panel, guess = _panel(problem, alpha, panels, low, high, guess)
        panels.append(panel)
    steps = problem.finished(guess, np.ones(1, bool), _past(panels, np.ones(1), alpha))
    last = flow.table.iloc[-1]
    assert abs(steps.overlap[0] - last["m"]) <= 1e-9
    assert abs(steps.energy[0] - last["energy"]) <= 1e-9


def test_flow_against_plain_stepping():
    """Rademacher at T = 0: the slide's r_c, without its factor t, summed over 2000 steps by the midpoint rule."""
    alpha, delta, steps = 0.03, 0.15, 2000
    c, m = np.empty(steps), None
    for k in range(steps):
        t = (k + 0.5) / steps
        s = delta + alpha
        for _ in range(80):
            m = special.erf(1 / math.sqrt(2 * s)) if m is None else special.erf(m / math.sqrt(2 * s))
            chi = math.sqrt(2 / (math.pi * s)) * math.exp(-(m**2) / (2 * s))
            past = np.append(c[:k], 0.5 * (1 - m * m))  # half of the present step lies in the past
            f = past / (1 - past * chi**2)
            noise = delta + alpha * (1 - t) / (1 - chi) ** 2
            s = noise + 2 * alpha / steps * (f * (1 + 2 * chi**2 * f)).sum()
        c[k] = 1 - m * m
    found = decimation_flow(RADEMACHER, alpha=alpha, delta=delta, beta=INF)
    assert abs(alpha * c.mean() - found.matrix_mse) < 1e-8
    assert abs(m - found.flow.at(np.array([1 - 0.5 / steps])).overlap[0]) < 1e-6


def test_matrix_mse_is_the_integral_over_patterns(flow):
    x, weights = np.polynomial.legendre.leggauss(16)
    edges = np.concatenate([[0.0], np.geomspace(1e-6, 1, 14)])  # finer at first: beside a fold that is steep
    half = np.diff(edges)[:, None] / 2
    steps = flow.flow.at((edges[:-1, None] + half * (1 + x)).ravel())
    mse = flow.controls["alpha"] / 2 * ((half * weights).ravel() * (
        1 - 2 * steps.overlap**2 + steps.second_moment**2)).sum()
    assert mse == pytest.approx(flow.matrix_mse, abs=1e-10)


def test_sums_over_modes():
    """Trace and determinant against eigenvalues, and derivatives against differences."""
    overlap, second, x = 0.9, 1.05, np.array([0.4])
    past = Past(np.array([[0.02]]), np.array([[1 - second]]), np.array([[overlap**2 - second]]), np.array([0.01]))
    gains = np.append(np.linalg.eigvals(np.array([[1, -overlap], [overlap, -second]])).real, 1)
    weights = np.array([0.02, 0.02, 0.01])
    one, two, three = past.sums(x)
    assert one[0] == pytest.approx((weights * gains / (1 - gains * x)).sum(), abs=1e-15)
    assert two[0] == pytest.approx((weights * gains**2 / (1 - gains * x) ** 2).sum(), abs=1e-15)
    assert three[0] == pytest.approx((2 * weights * gains**3 / (1 - gains * x) ** 3).sum(), abs=1e-15)
    assert past.logarithms(x)[0] == pytest.approx((weights * np.log(1 - gains * x)).sum(), abs=1e-15)
    assert past.gap(x)[0] == pytest.approx((1 - gains.max() * x)[0], abs=1e-15)


# ---- where it ends, and limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("delta", [0.0, 0.05])
def test_beyond_retrieval_is_an_answer(delta):
    found = decimation_flow(RADEMACHER, alpha=0.2, delta=delta, beta=INF)
    assert found.failed_at == 0
    assert len(found.table) == 0
    assert found.corrupts_itself
    assert found.matrix_mse == pytest.approx(0.1)
    assert "no retrieval" in found.answer
    assert found.plot() is not None


def test_first_step_ends_where_the_boundary_is():
    table = sp.thresholds(Decimation(RADEMACHER), along="delta", between=(0, 2), alpha=0.03, beta=INF)
    edge = table[table["kind"] == "spinodal"]["value"].iloc[0]
    below = decimation_flow(RADEMACHER, alpha=0.03, delta=edge * (1 - 1e-6), beta=INF)
    assert below.is_complete
    assert below.table["m"].iloc[0] < 0.84
    assert decimation_flow(RADEMACHER, alpha=0.03, delta=edge * (1 + 1e-6), beta=INF).failed_at == 0


def test_sampling_of_a_density_corrupts_itself_a_little():
    """With Gauss-Bernoulli components samples, not estimates of least error, are subtracted."""
    found = decimation_flow(sp.GaussBernoulli(0.2, variance=5.0), alpha=0.01, delta=0.2, beta="nishimori")
    assert found.corrupts_itself
    assert found.is_complete
    assert found.answer.startswith("A little")


def test_a_flow_is_asked_within_its_times():
    """Below the noise at which the first step has a retrieval state there are times, elsewhere there are none."""
    none = decimation_flow(sparse(0.5), alpha=0.03, delta=0.15, beta="nishimori")
    assert none.failed_at == 0
    with pytest.raises(ValueError, match="the first step has no retrieval state"):
        none.flow.at([0.0])
    found = decimation_flow(RADEMACHER, alpha=0.03, delta=0.15, beta="nishimori", points=2)
    assert found.flow.at([0.0, 1.0]).overlap == pytest.approx(found.table["m"].to_numpy(), abs=1e-13)
    for wrong in ([-0.1], [1.1], [math.nan], 0.5):
        with pytest.raises(ValueError, match="times from 0 to 1"):
            found.flow.at(wrong)


def test_no_noise_and_few_patterns():
    for beta in (INF, 5.0):
        for alpha, delta in ((0.0, 0.0), (0.0, 0.2), (0.01, 0.0), (1e-6, 1e-6)):
            found = decimation_flow(RADEMACHER, alpha=alpha, delta=delta, beta=beta, points=3)
            assert (found.table["status"] == "converged").all()
            assert found.is_complete
            if alpha == 0:
                assert found.matrix_mse == 0
                assert np.ptp(found.table["m"]) < 1e-14


def test_density_at_zero_temperature_is_an_answer():
    assert decimation_flow(sp.Gaussian(), alpha=0.03, delta=0.08, beta=INF).failed_at == 0


def test_mse_over_the_noise():
    table = decimation_mse(RADEMACHER, alpha=0.03, deltas=[0.05, 0.15, 0.3])  # the last one is beyond retrieval
    assert list(table["beta"].unique()) == ["nishimori", "inf"]
    assert (table["status"] == "converged").all()
    assert table[table["delta"] == 0.3]["matrix_mse"].to_numpy() == pytest.approx(0.015)
    assert (table[table["delta"] == 0.3]["failed_at"] == 0).all()
    first = table[table["beta"] == "nishimori"]["matrix_mse"].to_numpy()
    assert (np.diff(first) > 0).all()


def test_tables_say_the_same_at_any_number_of_points():
    coarse, fine = (decimation_flow(RADEMACHER, alpha=0.03, delta=0.2, beta=3.0, points=n) for n in (3, 5))
    merged = coarse.table.merge(fine.table, on="t")
    assert np.abs(merged["m_x"] - merged["m_y"]).max() < 1e-14
    assert len(merged) == 3


def test_plot_and_words():
    found = decimation_flow(sparse(0.2), alpha=0.05, delta=0.08, beta=INF, points=5)
    ax = found.plot()
    assert ax.get_xlabel().startswith("$t$")
    assert "Matrix mse" in found.summary()
    assert "<table" in found._repr_html_()
    assert isinstance(found.flow.at(np.array([0.3])), Steps)


# ---- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"beta": "cold"}, "nishimori"), ({"beta": 0}, "beta"), ({"beta": -2.0}, "beta"), ({"delta": -1}, "delta"),
        ({"alpha": math.inf}, "alpha"), ({"tolerance": 0}, "tolerance"), ({"tolerance": 1e-14}, "tolerance"),
        ({"points": 1}, "points"), ({"points": 2.5}, "points"),
    ],
)
def test_impossible_parameters_are_refused(change, words):
    with pytest.raises((TypeError, ValueError), match=words):
        decimation_flow(RADEMACHER, **({"alpha": 0.03, "delta": 0.1, "beta": 5.0} | change))


def test_a_prior_with_symbols_or_of_another_size_is_refused():
    import sympy

    rho = sympy.Symbol("rho")
    with pytest.raises(ValueError, match="give rho a number"):
        decimation_flow(sp.SparseRademacher(rho, amplitude=rho ** sympy.Rational(-1, 2)), alpha=0.1, delta=0.1, beta=1)
    with pytest.raises(ValueError, match=r"amplitude=rho"):
        decimation_flow(sp.SparseRademacher(0.2), alpha=0.1, delta=0.1, beta=1)


def test_flow_of_is_quick_on_the_second_call():
    import time

    model = DecimationByTemperature(RADEMACHER)
    flow_of(model, 0.03, 0.15, 0.15, 1e-9)
    start = time.perf_counter()
    flow_of(model, 0.03, 0.151, 0.151, 1e-9)
    assert time.perf_counter() - start < 5


@pytest.fixture
def noisy_past(monkeypatch):
    """Every pattern found adds thirty times the interference that its error does: then retrieval ends midway."""
    from spinodal.equations import decimation as room

    plain = room._past

    def noisy(panels, t, alpha):
        past = plain(panels, t, alpha)
        return replace(past, weight=30 * past.weight)

    monkeypatch.setattr(room, "_past", noisy)


def test_where_retrieval_ends_midway(noisy_past):
    found = decimation_flow(RADEMACHER, alpha=0.03, delta=0.2, beta="nishimori")
    assert 0 < found.failed_at < 1
    assert found.failed_at_error < 1e-6
    assert found.corrupts_itself
    assert not found.is_complete
    assert found.answer.startswith("Yes: retrieval ends at t = 0.")
    # a fold: the determinant vanishes as the root of the distance to it
    times = found.failed_at - np.array([4e-4, 1e-4])
    far, near = found.flow.at(times).determinant
    assert far / near == pytest.approx(2, rel=0.05)
    assert found.table["t"].iloc[-1] == found.failed_at
    assert (found.table["status"].iloc[:-1] == "converged").all()
    lost = 0.03 * (1 - found.failed_at) / 2
    assert found.matrix_mse - found.table["matrix_mse"].iloc[-1] == pytest.approx(lost, rel=1e-9)
