"""Spherical spin glasses: how many critical points they have by energy and index, against the literature and laws."""

import math
import pickle
import re

import mpmath as mp
import numpy as np
import pytest
import sympy

import spinodal as sp
from spinodal.__main__ import main
from spinodal.equations.complexity import energy_landmarks, is_full_mixture
from spinodal.equations.counting import Counting
from spinodal.phase_diagrams.labels import written
from spinodal.theory.parse import parse_model

PURE = (3, 4, 5, 10)
MIXTURES = {
    "pure-like": {3: 1, 4: 1}, "distant": {3: 1, 16: 1}, "nearly pure": {3: 1, 4: 1e-9}, "with a field": {1: 0.1, 3: 1},
    "full": {2: 1, 4: 0.1},
}


def counting(weights):
    return Counting(sp.SphericalSpinGlass(weights).landscape)


def table(weights, **more):
    return sp.thresholds(sp.SphericalSpinGlass(weights), along="energy", **more)


def value(found, kind, branch):
    (row,) = found[(found["kind"] == kind) & (found["branch"] == branch)].to_dict("records")
    return row["value"]


# ---- known answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "index", "energy"), [
    # Auffinger, Ben Arous, Cerny (2013): zeros of Theta_k, to the digits at which they are quoted
    (3, 0, 1.656998), (3, 1, 1.652873), (4, 0, 1.794085),
])  # fmt: skip
def test_bands_begin_where_the_literature_says(p, index, energy):
    found = table({p: 1})
    kind = "band_edge" if index else "ground_state"
    assert value(found, kind, f"index {index}") == pytest.approx(-energy, abs=1e-6)


@pytest.mark.parametrize("p", PURE)
@pytest.mark.parametrize("index", [0, 1, 4])
def test_bands_against_the_formula_of_auffinger_ben_arous_cerny_at_thirty_digits(p, index):
    """Theta_k = log(p-1)/2 - (p-2) E^2/(4 (p-1)) - (k+1) I_1(E), I_1 an integral."""
    with mp.workdps(30):
        end = 2 * mp.sqrt(mp.mpf(p - 1) / p)

        def theta(e):
            cost = mp.quad(lambda z: 2 / end**2 * mp.sqrt(z * z - end**2), [end, e])
            return mp.log(p - 1) / 2 - mp.mpf(p - 2) / (4 * (p - 1)) * e * e - (index + 1) * cost

        found = table({p: 1})
        kind = "band_edge" if index else "ground_state"
        row = found[(found["kind"] == kind) & (found["branch"] == f"index {index}")].iloc[0]
        truth = mp.findroot(theta, (-row["value"] * (1 - 1e-6), -row["value"] * (1 + 1e-6)), solver="anderson")
        assert abs(row["value"] + truth) < row["error"] < 1e-12
        assert value(found, "threshold_energy", "marginal") == pytest.approx(float(-end), rel=1e-14)


@pytest.mark.parametrize("weights", [{3: 1}, {5: 2}, MIXTURES["pure-like"], MIXTURES["full"], {2: 1}], ids=str)
def test_the_band_of_the_index_that_is_asked_for(weights, capsys):
    model = sp.SphericalSpinGlass(weights)
    found, few = sp.complexity(model, index=7, points=9), sp.complexity(model, points=9)
    (row,) = found.landmarks[found.landmarks["branch"] == "index 7"].to_dict("records")
    assert row["kind"] == "band_edge"
    assert abs(float(counting(weights).sigma(7, 0.0, row["value"]))) < 1e-13
    known = found.landmarks[found.landmarks["branch"] != "index 7"].reset_index(drop=True)
    assert known.equals(few.landmarks)
    if weights == {3: 1}:
        assert row["value"] == pytest.approx(-1.644, abs=1e-3)
        assert few.landmarks["value"][4] < row["value"] < few.landmarks["value"][5]
        assert main(["complexity", "p-spin", "--index", "7"]) == 0
        assert f"{row['value']:.12g}" in capsys.readouterr().out


@pytest.mark.parametrize("p", PURE)
def test_all_critical_points_of_a_pure_landscape(p):
    """log(p-1)/2 in total; log(p-1)/2 - (p-2)/p of each finite index."""
    one = counting({p: 1})
    assert float(one.sigma(None)) == pytest.approx(math.log(p - 1) / 2, rel=1e-14)
    for index in (0, 3):
        assert float(one.sigma(index)) == pytest.approx(math.log(p - 1) / 2 - (p - 2) / p, rel=1e-13)


def test_a_matrix_has_its_eigenvectors():
    found = table({2: 1})
    assert set(found["value"]) == {-math.sqrt(2)}
    assert set(found["status"]) == {"limit"}
    assert list(found["branch"]) == [*(f"index {k}" for k in range(5)), "marginal"]
    energies = np.linspace(-1.4, 1.4, 15)
    assert counting({2: 1}).sigma(None, 0.0, energies) == pytest.approx(np.zeros(15), abs=1e-15)


@pytest.mark.parametrize("weights", [{1: 5, 3: 1}, {1: 2, 2: 1}, {1: 3.5, 2: 0.5, 3: 0.4}], ids=str)
def test_a_strong_field_leaves_two_critical_points(weights):
    """Fyodorov (2014): the mean total number is of order 1 for Q'' < Q'; the minimum is at -sqrt(Q')."""
    one = counting(weights)
    first, second = (sum(w * math.perm(p, order) for p, w in weights.items()) for order in (1, 2))
    assert second < first
    assert float(one.sigma(None)) == pytest.approx(0, abs=1e-15)
    assert float(one.sigma(0)) == pytest.approx(0, abs=1e-15)
    found = table(weights)
    assert list(found["kind"]) == ["ground_state"]
    assert found["value"][0] == pytest.approx(-math.sqrt(first), rel=1e-14)
    assert float(one.likeliest_energy(0)) == pytest.approx(-math.sqrt(first), rel=1e-14)
    assert "two critical points" in found.attrs["summary"]


# ---- mixtures -----------------------------------------------------------------------------------------------------


def criterion(weights):
    """G of Auffinger and Ben Arous (2013), eq. 1.21, after Q(1) = 1."""
    whole = sum(weights.values())
    first = sum(w * p for p, w in weights.items()) / whole
    second = sum(w * p * (p - 1) for p, w in weights.items()) / whole
    return math.log(second / first) - (second - first) * (second - first + first**2) / (second * first**2), first, second


@pytest.mark.parametrize("name", MIXTURES)
def test_the_criterion_of_full_mixtures_is_twice_the_complexity_at_the_threshold(name):
    weights = MIXTURES[name]
    one, (g, first, second) = counting(weights), criterion(weights)
    threshold = float(one.threshold_energy())
    whole = math.sqrt(sum(weights.values()))
    assert threshold == pytest.approx(-whole * (second - first + first**2) / (first * math.sqrt(second)), rel=1e-13)
    assert 2 * float(one.sigma(0, 0.0, threshold * (1 + 1e-15))) == pytest.approx(g, abs=1e-12)
    assert is_full_mixture(one) == (g < 0) == (name == "full")


@pytest.mark.parametrize("name", [name for name in MIXTURES if name != "nearly pure"])
def test_ends_of_marginal_minima_in_closed_form(name):
    """Auffinger and Ben Arous (2013), E_inf^+-, after Q(1) = 1; of full mixtures both ends are seen."""
    weights = MIXTURES[name]
    _, first, second = criterion(weights)
    scale, total = math.sqrt(sum(weights.values())), first + second
    variance, c = first + second - first**2, 1 + math.log(second / first) / 2
    root = math.sqrt(4 * second * first**2 - total * (4 * second - 2 * variance * c))
    low, high = ((-2 * math.sqrt(second) * first + side * root) / total * scale for side in (-1, 1))
    found = table(weights)
    assert value(found, "threshold_energy", "upper end") == pytest.approx(high, rel=1e-12)
    if name == "full":
        for kind, branch in (("threshold_energy", "lower end"), ("ground_state", "index 0"), ("band_edge", "index 3")):
            assert value(found, kind, branch) == pytest.approx(low, rel=1e-12)
        assert "full mixture" in found.attrs["summary"]
    else:
        starts = found["value"][:5]
        assert (np.diff(starts) > 0).all()
        assert value(found, "threshold_energy", "marginal") > starts[4]


def test_a_mixture_becomes_pure():
    """To first order in the weight of the other term; the pure case is another formula."""
    pure, mixed = table({3: 1})["value"], table({3: 1, 4: 1e-9})["value"]
    assert mixed[:5].to_numpy() == pytest.approx(pure[:5].to_numpy(), abs=3e-9)
    assert mixed[5] == pytest.approx(pure[5], abs=3e-9)
    assert 0 < mixed[6] - mixed[5] < 1e-3


@pytest.mark.parametrize("weight", [1e-12, 1e-30, 1e-300])
def test_what_is_nearly_pure_loses_no_digits(weight):
    """The variance of t at given energy, of the order of the weight, divides nothing small."""
    pure, mixed = table({3: 1}), table({3: 1, 4: weight})
    assert mixed["value"][:6].to_numpy() == pytest.approx(pure["value"].to_numpy(), abs=3 * weight + 3e-14)
    assert mixed["status"][:6].eq("converged").all()
    assert (mixed["value"][6] - mixed["value"][5]) < 1e3 * math.sqrt(weight) + mixed["error"][6]


def test_what_rounding_hides_is_said():
    """The complexity of minima of a matrix with very little of a tensor is below rounding: one energy, and how well."""
    found = table({2: 1, 3: 1e-9})
    assert list(found["status"][:5]) == ["ill-conditioned"] * 5
    assert (found["value"][:5] + math.sqrt(2)).abs().max() < 1e-8
    assert "rounding hides the difference" in found.attrs["summary"]


@pytest.mark.parametrize("weight", [1e-17, 1e-20, 1e-100, 1e-300])
def test_a_matrix_and_next_to_nothing_else_are_no_two_critical_points(weight):
    """Q'' - Q' = 3 w is seen, of however small a w."""
    one = counting({2: 1, 3: weight})
    assert not one.trivial
    assert "two critical points" not in table({2: 1, 3: weight}).attrs["summary"]
    assert (table({2: 1, 3: weight})["value"] + math.sqrt(2)).abs().max() < 1e-8
    assert counting({1: weight, 2: 1}).trivial
    assert counting({1: 3, 3: 1}).trivial


@pytest.mark.parametrize("weights", [{2: 1, 10**6: 1e-299}, {2: 1e-299, 10**6: 1}, {3: 1e-299, 4: 1}, {1: 1e-299, 3: 1},
                                     {3: 5e-324}, {3: 1e308, 4: 1e308}], ids=str)  # fmt: skip
def test_extreme_weights_are_answered(weights):
    found = sp.complexity(sp.SphericalSpinGlass(weights), points=9)
    assert np.isfinite(found.landmarks["value"]).all()
    assert not found.table["complexity"].isna().any()


def test_the_mean_of_a_full_mixture_is_no_typical_number():
    """Below the lowest minima critical points of extensive index have a positive complexity, by very little."""
    one = counting(MIXTURES["full"])
    ground = energy_landmarks(one)[0].value
    assert float(one.sigma(None, 0.0, ground)) > 1e-6
    assert float(one.index_fraction(ground)) > 0
    pure = counting({3: 1})
    assert float(pure.sigma(None, 0.0, -1.656998363527473)) == pytest.approx(0, abs=1e-14)


# ---- laws ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [{3: 1}, {4: 2}, *MIXTURES.values()], ids=str)
@pytest.mark.parametrize("factor", [1e-250, 1e-6, 0.3, 1e8, 1e250])
def test_energies_scale_with_the_root_of_the_weights(weights, factor):
    scaled = table({p: w * factor for p, w in weights.items()})
    assert scaled["value"].to_numpy() / math.sqrt(factor) == pytest.approx(table(weights)["value"].to_numpy(), rel=1e-11)
    assert scaled["complexity"].to_numpy() == pytest.approx(table(weights)["complexity"].to_numpy(), abs=1e-13)


@pytest.mark.parametrize("weights", [{3: 1}, {2: 1, 16: 1}, {2: 1, 4: 0.1}, {1: 0.1, 3: 1}], ids=str)
def test_concave_in_the_energy_and_largest_where_it_is_said(weights):
    one = counting(weights)
    scale = math.sqrt(sum(weights.values()))
    for index in (0, 2, None):
        energies = np.linspace(-2.5, -0.5, 401) * scale
        values = one.sigma(index, 0.0, energies)
        values = values[np.isfinite(values)]
        assert (np.diff(values, 2) < 1e-12).all()
        top = float(one.likeliest_energy(index)) * (1 + 1e-15 * bool(one.landscape.pure))
        assert float(one.sigma(index, 0.0, top)) == pytest.approx(float(one.sigma(index)), abs=1e-13)
        assert values.max() <= float(one.sigma(index)) + 1e-14


@pytest.mark.parametrize("weights", [{3: 1}, {2: 1, 16: 1}, {2: 1, 4: 0.1}], ids=str)
def test_indices_add_up_to_all(weights):
    """Below the threshold all critical points are as many as minima; above, those of extensive index are more."""
    one = counting(weights)
    threshold = float(one.threshold_energy())
    below = threshold * (1 + np.linspace(1e-9, 0.3, 20))
    assert one.sigma(None, 0.0, below) == pytest.approx(one.sigma(0, 0.0, below), abs=1e-13)
    assert (one.index_fraction(below) == 0).all()
    above = threshold * (1 - np.linspace(0.01, 0.9, 20))
    assert (one.sigma(None, 0.0, above) > one.sigma(0, 0.0, above)).all()
    assert (np.diff(one.index_fraction(above)) > 0).all()
    assert float(one.index_fraction(0.0)) == 0.5
    assert float(one.index_fraction(0.7) + one.index_fraction(-0.7)) == pytest.approx(1, rel=1e-14)


def test_index_fraction_is_that_of_the_semicircle():
    with mp.workdps(30):
        for energy in (-1.6, -0.7, -0.01):
            t = -mp.mpf(energy) * mp.sqrt(mp.mpf(3) / 2)
            truth = mp.quad(lambda y: mp.sqrt(4 - y * y) / (2 * mp.pi), [t, 2])
            assert float(counting({3: 1}).index_fraction(energy)) == pytest.approx(float(truth), abs=1e-14)


@pytest.mark.parametrize("weights", [{3: 1}, {2: 1, 3: 1e-3}, {2: 1, 4: 0.1}, {3: 1, 16: 1}], ids=str)
def test_errors_of_band_edges_are_true(weights):
    """Against the same expressions at 30 digits."""
    from spinodal.equations.functions import MPMATH
    from spinodal.theory.landscape import E

    landscape = sp.SphericalSpinGlass({p: sympy.Rational(repr(w)) for p, w in weights.items()}).landscape
    found = table(weights)
    with mp.workdps(40):
        for index in (0, 3):
            sigma = sympy.lambdify(E, landscape.complexity(index, 0, E), modules=[MPMATH, "mpmath"])
            row = found[found["branch"] == f"index {index}"].iloc[0]
            near = mp.mpf(row["value"])
            assert sigma(near - 2 * row["error"]) < 0 < sigma(near + 2 * row["error"])
            assert row["error"] < 1e-11


# ---- the model ----------------------------------------------------------------------------------------------------


def test_weights_are_controls_where_they_are_symbols():
    p, w = sympy.symbols("p w")
    model = sp.SphericalSpinGlass({p: 1, 2: w})
    assert [control.name for control in model.controls] == ["p", "w"]
    assert parse_model(str(model)) == model == pickle.loads(pickle.dumps(model))
    assert written(model) == str(model) == "SphericalSpinGlass({2: w, p: 1})"
    numeric = sp.thresholds(model, along="energy", p=3, w=0.5)
    assert numeric["value"].equals(table({2: 0.5, 3: 1})["value"])
    assert sp.SphericalSpinGlass({2: w, p: 1}) == model
    with pytest.raises(ValueError, match="term of this degree already"):
        sp.thresholds(model, along="energy", p=2, w=1)


@pytest.mark.parametrize(("weights", "error", "said"), [
    ({}, ValueError, "give a degree from 2 on"),
    ({1: 1}, ValueError, "two critical points"),
    ({2.5: 1}, ValueError, "p = 2.5: x^p is the covariance of a function on the sphere for whole p only (Schoenberg)"),
    ({0: 1}, ValueError, "leave it out"),
    ({-1: 1}, ValueError, "p = -1"),
    ({3: 0}, ValueError, "leave out a term that is not there"),
    ({3: -1}, ValueError, "a weight is a variance"),
    ({3: math.inf}, ValueError, "not finite"),
    ({3: math.nan}, ValueError, "not finite"),
    ({3: "a"}, TypeError, "weights[3] = 'a' is a text"),
    ({"a": 1}, TypeError, "p = 'a'"),
    ({True: 1}, TypeError, "p = True"),
    (3, TypeError, "give a mapping of degrees to weights"),
    ({3: sympy.Symbol("E")}, ValueError, "the formulas use E themselves"),
])  # fmt: skip
def test_refusals_of_weights(weights, error, said):
    with pytest.raises(error, match=re.escape(said)):
        sp.SphericalSpinGlass(weights)


@pytest.mark.parametrize("ask", [
    lambda model: sp.fixed_points(model), lambda model: sp.equilibrium(model), lambda model: sp.state_evolution(model),
    lambda model: sp.phase_diagram(model, x=("a", 0, 1), y=("b", 0, 1)),
    lambda model: sp.raster(model, x=("a", 0, 1), y=("b", 0, 1)),
    lambda model: sp.branches(model, between=(0, 1)), lambda model: sp.plot_branches(model, between=(0, 1)),
], ids=["fixed_points", "equilibrium", "state_evolution", "phase_diagram", "raster", "branches", "plot_branches"])  # fmt: skip
def test_what_needs_a_free_entropy_says_what_to_ask_instead(ask):
    with pytest.raises(ValueError, match="no free entropy to be solved: ask for complexity"):
        ask(sp.SphericalSpinGlass({3: 1}))


@pytest.mark.parametrize(("settings", "said"), [
    ({"along": "alpha"}, "say along='energy'"), ({}, "say along='energy'"),
    ({"along": "energy", "digits": 30}, "digits = 30: leave it out"),
    ({"along": "energy", "p": 3}, "'p' is not a control"),
    ({"along": "energy", "between": (1, -1)}, "give low < high"),
    ({"along": "energy", "between": 3}, "give (low, high)"),
])  # fmt: skip
def test_refusals_of_thresholds(settings, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        sp.thresholds(sp.SphericalSpinGlass({3: 1}), **settings)


def test_a_window_of_energies():
    found = table({3: 1}, between=(-1.655, -1.64))
    assert list(found["branch"]) == ["index 1", "index 2", "index 3", "index 4"]


def test_equations_state_the_complexity(capsys):
    assert main(["equations", "p-spin", "--set", "p=3"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Sigma(E, k) = -E**2/2 - k*I(t) + phi(t) + log(2)/2 + 1/2" in said
    assert "free entropy" not in said
    assert main(["equations", "SphericalSpinGlass({2: 1, 4: w})", "--format", "latex"]) == 0
    assert r"\Sigma{\left(E,t,k \right)}" in capsys.readouterr().out
    assert r"\Sigma" in sp.catalogue()["p-spin"].model._repr_latex_()


def test_thresholds_on_the_command_line(capsys):
    assert main(["thresholds", "p-spin", "--set", "p=4"]) == 0
    out = capsys.readouterr().out
    assert "-1.79408502818" in out
    assert "Subag" in out
    assert main(["thresholds", "p-spin", "--along", "alpha"]) == 2
    assert main(["thresholds", "SphericalSpinGlass({2: 1, 2: 3})"]) == 2
    assert "2 is given twice" in capsys.readouterr().err
