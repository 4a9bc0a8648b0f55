"""Where the first step of decimation succeeds: over patterns per component, sparsity and inverse temperature."""

import math

import numpy as np
import pytest
import sympy
from scipy import optimize, special

import spinodal as sp
from spinodal.theory.decimation import Decimation

INF = math.inf
RADEMACHER = Decimation(sp.Rademacher())
RHO = sympy.Symbol("rho")
SPARSE = Decimation(sp.SparseRademacher(RHO, amplitude=RHO ** sympy.Rational(-1, 2)))


def line(diagram, kind="spinodal"):
    """Vertices of the (only) boundary of a kind, lowest x first."""
    part = diagram.boundaries[diagram.boundaries["kind"] == kind]
    assert part["curve"].nunique() == 1
    return part.sort_values(diagram.x.name)


@pytest.fixture(scope="module")
def over_alpha():
    return sp.phase_diagram(RADEMACHER, x=("alpha", 0, 0.14), y=("delta", 0, 0.7), beta=INF)


@pytest.fixture(scope="module")
def over_rho():
    return sp.phase_diagram(SPARSE, x=("rho", 0.05, 1), y=("delta", 0, 0.7), alpha=0.03, beta=INF)


def test_boundary_over_alpha_is_the_explicit_curve(over_alpha):
    """Every vertex: delta = m^2/(2 x^2) - alpha/(1 - chi)^2 is largest there, with m = erf x."""
    table = line(over_alpha)
    for row in table.iloc[::8].to_dict("records"):
        def noise(x, few=row["alpha"]):
            m = special.erf(x)
            chi = 2 * x * math.exp(-x * x) / (math.sqrt(math.pi) * m)
            return -(m * m / (2 * x * x) - few / (1 - chi) ** 2)

        best = optimize.minimize_scalar(noise, bounds=(1e-3, 4), method="bounded", options={"xatol": 1e-12})
        assert row["delta"] == pytest.approx(-best.fun, rel=1e-8, abs=1e-12)
    assert (table["error"] < 1e-12).all()
    assert (table["status"] == "converged").all()


def test_ends_of_the_boundary(over_alpha):
    table = line(over_alpha)
    # without noise the capacity of the Hopfield model at T = 0, Amit, Gutfreund, Sompolinsky (1987)
    assert table["alpha"].max() == pytest.approx(0.1379055665, rel=2e-4)
    # without interference 2/pi, which is approached as slowly as a power of alpha
    assert 0.61 < table["delta"].max() < 2 / math.pi


def test_regions_over_alpha(over_alpha):
    names = set(over_alpha.regions["name"])
    assert names == {"retrieval", "spin glass, retrieval metastable", "spin glass"}
    assert over_alpha.controls == {"beta": INF}
    assert "first step retrieves" in over_alpha.summary()
    assert "temperature" not in over_alpha.summary()
    assert over_alpha.plot().get_xlabel()


def test_round_trip(over_alpha):
    assert type(over_alpha).from_json(over_alpha.to_json()) == over_alpha


def test_sparsity_does_not_help_monotonically(over_rho):
    """The largest noise of the first step falls with rho, nearly to nothing, and rises again."""
    table = line(over_rho)
    (turn,) = over_rho.special_points[over_rho.special_points["type"] == "turning"].to_dict("records")
    assert 0.8 < turn["rho"] < 0.9
    assert turn["delta"] < 0.03
    assert table["delta"].iloc[0] > 0.5
    assert table["delta"].iloc[-1] > 0.15
    # between: at rho = 1 the weights have dropped out but 0 may still be chosen, so it is not Rademacher's
    rademacher = sp.thresholds(RADEMACHER, along="delta", between=(0, 1), alpha=0.03, beta=INF)
    edge = rademacher[rademacher["kind"] == "spinodal"]["value"].iloc[0]
    assert edge - table["delta"].iloc[-1] > 0.05


def test_vertices_over_rho_are_those_of_thresholds(over_rho):
    table = line(over_rho)
    row = table.iloc[len(table) // 3]
    model = Decimation(sp.SparseRademacher(row["rho"], amplitude=row["rho"] ** -0.5))
    found = sp.thresholds(model, along="delta", between=(0, 1), alpha=0.03, beta=INF)
    assert found[found["kind"] == "spinodal"]["value"].to_numpy() == pytest.approx(row["delta"], rel=1e-9)


@pytest.mark.slow
def test_over_beta():
    """An optimal temperature: the first step stands most noise neither at T = 0 nor at the noise's own temperature."""
    diagram = sp.phase_diagram(RADEMACHER, x=("beta", 4, 20), y=("delta", 0.05, 0.4), alpha=0.03)
    table = line(diagram)
    best = table.loc[table["delta"].idxmax()]
    assert 7 < best["beta"] < 8.5
    assert best["delta"] > 0.2505
    (zero, own) = (sp.thresholds(RADEMACHER, along="delta", between=(0, 1), alpha=0.03, beta=beta)
                   for beta in (INF, "nishimori"))
    for found in (zero, own):
        assert found[found["kind"] == "spinodal"]["value"].iloc[0] < best["delta"]
    # every strip of regions lies in the window, with the lower end first
    assert (diagram.regions["x_low"] < diagram.regions["x_high"]).all()
    assert diagram.regions["x_low"].min() >= 4 - 1e-9
    assert diagram.regions["x_high"].max() <= 20 + 1e-9
    there = sp.thresholds(RADEMACHER, along="delta", between=(0, 1), alpha=0.03, beta=float(table["beta"].iloc[20]))
    assert there[there["kind"] == "spinodal"]["value"].iloc[0] == pytest.approx(table["delta"].iloc[20], rel=1e-9)


def test_axes_are_refused():
    with pytest.raises(ValueError, match="delta"):
        sp.phase_diagram(RADEMACHER, x=("alpha", 0, 0.1), y=("beta", 1, 5), delta=0.1)
    with pytest.raises(ValueError, match="nishimori"):
        sp.phase_diagram(RADEMACHER, x=("alpha", 0, 0.1), y=("delta", 0, 0.5), beta="cold")
    with pytest.raises(ValueError, match="is given a value and is an axis"):
        sp.phase_diagram(RADEMACHER, x=("alpha", 0, 0.1), y=("delta", 0, 0.5), beta=INF, alpha=0.1)


def test_numbers_of_vertices_are_modest(over_alpha, over_rho):
    for diagram in (over_alpha, over_rho):
        assert diagram.boundaries.groupby("curve").size().max() < 400
        assert np.isfinite(diagram.boundaries[["delta", "error"]].to_numpy(float)).all()
