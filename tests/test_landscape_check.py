"""Sampled landscapes against theory: tables, minima beside a signal, spectra, figures."""

import math

import numpy as np
import pytest
import sympy
from matplotlib.figure import Figure
from scipy import stats

import spinodal as sp
from spinodal.equations.result import Status
from spinodal.theory.landscape import Landscape
from spinodal.theory.matrix_tensor import MatrixTensor
from spinodal.theory.special import Largest
from spinodal.validate import landscape_check
from spinodal.validate.crosscheck import crosscheck
from spinodal.validate.hessians import (
    conditional_edges,
    descend,
    point_of_overlap,
    semicircle,
    signal_minimum,
    spectrum_at,
)
from spinodal.validate.landscape_check import crosscheck_landscape, landscape_of
from spinodal.validate.landscape_figures import critical_point_samples, plot_counts, plot_layers, spectra_figure
from spinodal.validate.landscapes import Covariance, sample_landscape

CUBIC = Landscape(((3, 1),), False)
SPIKED = Landscape(((2, sympy.Rational(5, 4)), (3, sympy.Rational(2, 3))), True)
MIXTURES = [((3, 2.0),), ((2, 1.0),), ((2, 0.9), (3, 1.0)), ((2, 0.5), (4, 3.0)), ((1, 0.3), (3, 2.0)), ((5, 9.0),)]


def by_quantity(table):
    return table.set_index("quantity")


# ---- the minimum beside the signal ----


@pytest.mark.parametrize("terms", MIXTURES, ids=str)
def test_minimum_beside_the_signal_is_where_the_complexity_touches_zero(terms):
    """Replica-symmetric equations here, the Kac-Rice exponent in theory/landscape.py: one point."""
    model = Landscape(tuple((sympy.Integer(p), sympy.nsimplify(w)) for p, w in terms), True)
    found = signal_minimum(model)
    m = sympy.Float(found.overlap)
    zero, positive = model.isolated(m)
    assert float(zero) == pytest.approx(0, abs=1e-9)
    assert all(float(x) > 0 for x in positive)
    assert float(model.isolated_energy(m)) == pytest.approx(found.energy, rel=1e-12)

    def complexity(at):
        return float(model.minima(at).replace(Largest, sympy.Max))

    assert complexity(m) == pytest.approx(0, abs=1e-9)
    assert complexity(m - 0.01) < 0
    assert complexity(m + 0.005) < 0
    assert found.resolvent == pytest.approx(
        math.sqrt((1 - found.overlap**2) * float(model.covariance(1, 2) / model.covariance(1, 1))), rel=1e-9)


@pytest.mark.parametrize("terms", MIXTURES, ids=str)
def test_no_eigenvalue_leaves_the_bulk_at_the_minimum(terms):
    found = signal_minimum(Landscape(terms, True))
    assert found.strength <= found.resolvent + 1e-12
    assert found.resolvent < 1
    if len(terms) == 1:
        assert found.strength == pytest.approx(found.resolvent)


def test_finite_size_of_the_spectrum_tends_to_theory():
    """Averages over weighted matrices against 2 g - theta and the law of Tracy and Widom, where the gap is wide."""
    target = signal_minimum(Landscape(((3, 8.0),), True))
    found = conditional_edges(target, 400, samples=1000)
    edge = 2 * math.sqrt(1 - 1 / 400) - 1.2065 * 400 ** (-2 / 3)
    for quantity, expected in {"pull": 2 * target.resolvent - target.strength, "upper_edge": edge, "lower_edge": -edge}.items():
        value, error = found[quantity]
        assert abs(value - expected) < 4 * error + 1 / 400
        assert error < 0.1
    # near marginality minima are those whose lowest eigenvalue stays away from zero
    target = signal_minimum(Landscape(((2, 1.0), (4, 0.625)), True))
    near = conditional_edges(target, 60)
    assert near["lower_edge"][0] + near["upper_edge"][0] > 0.03
    assert -target.shift < near["lower_edge"][0]


def test_a_weak_signal_has_no_minimum():
    """3 w m^2 (1 - m^2) = 1 has a solution from w = 4/3 on."""
    assert signal_minimum(Landscape(((3, 1.3334),), True)).overlap == pytest.approx(math.sqrt(0.5), abs=0.01)
    for terms in (((3, 1.33),), ((2, 0.5),)):
        with pytest.raises(ValueError, match="no minimum is connected to the signal"):
            signal_minimum(Landscape(terms, True))
    with pytest.raises(ValueError, match="not spiked"):
        signal_minimum(CUBIC)


def test_descent_ends_in_a_minimum_of_the_law_of_kac_and_rice():
    """One cubic of N = 200 without a signal: the spectrum at the minimum is a semicircle around the radial derivative."""
    sample = sample_landscape(CUBIC, 200, 1)
    found = descend(sample, rng=3)
    assert found.converged
    assert found.residual < 1e-8
    assert found.shift == pytest.approx(-3 * found.energy / math.sqrt(6), rel=1e-9)
    assert found.energy < -1.5  # threshold energy -1.633, at this size less
    grid = np.linspace(-2, 2, 4001)
    cumulative = np.cumsum(semicircle(grid)) * (grid[1] - grid[0])
    distance = stats.kstest(found.eigenvalues - found.shift, lambda x: np.interp(x, grid, cumulative)).statistic
    assert distance < 0.02  # eigenvalues are rigid: 200 independent numbers would give 0.06
    assert np.linalg.norm(sample.gradient(found.point)) < 1e-8


def test_signal_makes_an_outlier_where_theory_says():
    """Random points of overlap 0.6: edges and outlier of sqrt(Q'') (G + t - theta e e^T)."""
    size, overlap = 150, 0.6
    covariance = Covariance((3,), (8.0,), True)
    found = []
    for stream in np.random.default_rng(4).spawn(12):
        sample = sample_landscape(covariance, size, stream)
        one = spectrum_at(sample, point_of_overlap(sample, overlap, stream))
        assert one.overlap == pytest.approx(overlap)
        assert one.strength == pytest.approx(48 * 0.6 * 0.64 / math.sqrt(48))
        outlier = one.shift - one.strength - 1 / one.strength
        found.append([one.eigenvalues[0] - outlier, one.eigenvalues[1] - one.shift, one.eigenvalues[-1] - one.shift,
                      one.shift])
    found = np.array(found)
    error = found.std(axis=0, ddof=1) / math.sqrt(len(found))
    inside = 2 - 1.2065 * size ** (-2 / 3)  # Tracy and Widom's mean
    expected = np.array([0, -inside, inside, 0.6 * covariance(0.6, 1) / math.sqrt(48)])
    assert (np.abs(found.mean(axis=0) - expected) < 4 * error + 2 / size).all()
    assert (error < 0.06).all()


# ---- tables ----


def test_numbers_agree_with_exact_theory():
    table = crosscheck_landscape(CUBIC, size=6, instances=60, rng=1)
    assert list(table["quantity"]) == [
        "critical points", "minima", "saddles of index 1", "saddles of index 2", "energy of minima",
        "energy of saddles of index 1", "energy of saddles of index 2"]
    assert (table["status"] == Status.CONVERGED).all(), table
    assert (table["converged"] == 60).all()
    assert (table["standard_error"] < 0.06 * table["theory"].abs() + 0.01).all()
    assert table.attrs["state"] == "critical points"
    assert "60 of 60 instances converged at size 6" in table.attrs["summary"]
    assert "fluctuate" in table.attrs["summary"]
    lowest, error = table.attrs["lowest_energy"][6]
    assert lowest < by_quantity(table).loc["energy of minima", "simulated"] - 3 * error
    assert table.attrs["theory_errors"][6]["critical points"] < 1e-10


@pytest.mark.parametrize("state", ["critical points", "signal"])
def test_tables_are_those_of_other_comparisons(state):
    settings = {"size": 7 if state == "critical points" else 60, "instances": 3}
    ours = crosscheck_landscape(SPIKED, state=state, rng=2, **settings)
    others = crosscheck(sp.GLM(sp.Gaussian(), sp.Linear(noise=0.1)), size=100, instances=2, alpha=1.0)
    assert list(ours.columns) == list(others.columns)
    assert set(others.attrs) - {"max_iterations", "tolerance", "damping", "iterations"} <= set(ours.attrs)
    again = crosscheck_landscape(SPIKED, state=state, rng=2, **settings)
    assert ours.equals(again)
    assert not ours.equals(crosscheck_landscape(SPIKED, state=state, rng=3, **settings))


def test_numbers_of_a_spiked_landscape_agree():
    table = crosscheck_landscape(SPIKED, size=6, instances=60, rng=0, state="critical points")
    assert list(table["quantity"]) == [
        "critical points", "minima", "critical points, m > 1/2", "minima, m > 1/2"]
    assert (table["status"] == Status.CONVERGED).all(), table


def test_minimum_beside_the_signal_agrees_through_the_public_name():
    """Weights 1/(2 delta_2) and 1/(3 delta_p)."""
    table = crosscheck(MatrixTensor(p=3), size=100, instances=24, rng=0, delta_2=0.4, delta_p=0.5)
    assert list(table["quantity"]) == ["overlap", "energy", "shift", "lower_edge", "upper_edge", "pull"]
    assert (table["status"] == Status.CONVERGED).all(), table
    assert table.attrs["controls"] == {"delta_2": 0.4, "delta_p": 0.5}
    assert by_quantity(table).loc["overlap", "theory"] == pytest.approx(0.865187, abs=1e-6)
    assert by_quantity(table).loc["overlap", "standard_error"] < 0.01
    assert by_quantity(table).loc["pull", "standard_error"] < 0.5


def test_several_sizes_have_their_rows():
    table = crosscheck_landscape(SPIKED, sizes=(20, 30), instances=2)
    assert list(table["size"]) == [20] * 6 + [30] * 6
    assert table.attrs["sizes"] == [20, 30]


def test_a_wrong_theory_is_noticed(monkeypatch):
    right = landscape_check.expected_number

    def wrong(*args):
        return right(Covariance((3,), (1.0,)), 7)  # of another size

    monkeypatch.setattr(landscape_check, "expected_number", wrong)
    table = crosscheck_landscape(CUBIC, size=6, instances=60, rng=1)
    assert by_quantity(table).loc["critical points", "status"] is Status.DISAGREES
    assert by_quantity(table).loc["minima", "status"] is Status.CONVERGED
    assert "critical points at size 6 differs from theory" in table.attrs["summary"]


def test_incomplete_lists_are_not_averaged_in(monkeypatch):
    right, calls = landscape_check.critical_points, iter(range(100))

    def sometimes(sample, **settings):
        return right(sample, **settings, max_starts=20 if next(calls) % 3 == 0 else 10_000)

    monkeypatch.setattr(landscape_check, "critical_points", sometimes)
    table = crosscheck_landscape(CUBIC, size=6, instances=9)
    assert (table["converged"] == 6).all()
    assert (table["status"] == Status.INSTANCES_LOST).all()


def test_nothing_is_compared_if_all_are_lost(monkeypatch):
    right = landscape_check.critical_points
    monkeypatch.setattr(landscape_check, "critical_points", lambda sample, rng: right(sample, rng=rng, max_starts=2))
    table = crosscheck_landscape(CUBIC, size=6, instances=2)
    assert (table["status"] == Status.NOT_CONVERGED).all()
    assert table["simulated"].isna().all()


def test_degree_two_has_no_fluctuations():
    table = by_quantity(crosscheck_landscape(Landscape(((2, 1.0),), False), size=5, instances=8))
    assert table.loc["critical points", "simulated"] == 10
    assert table.loc["minima", "simulated"] == 2
    assert (table["status"] == Status.CONVERGED).all()


@pytest.mark.parametrize(
    ("model", "settings", "error", "words"),
    [
        (CUBIC, {"size": 2000}, ValueError, r"size = 2000: .*critical points, too many to be listed; give size=13"),
        (CUBIC, {"size": 2}, ValueError, "size = 2"),
        (CUBIC, {"instances": 1}, ValueError, "instances = 1 "),
        (CUBIC, {"state": "signal"}, ValueError, "not spiked"),
        (CUBIC, {"state": "glass"}, ValueError, "state = 'glass'.*'critical points'"),
        (CUBIC, {"alpha": 1.0}, ValueError, "'alpha' is no control"),
        (CUBIC, {"sizes": []}, ValueError, "sizes is empty"),
        (CUBIC, {"sizes": 5}, TypeError, "sizes = 5"),
        (Landscape(((3, 1.0),), True), {}, ValueError, "no minimum is connected"),
        (MatrixTensor(p=3), {"delta_2": 1.0}, ValueError, "delta_p"),
        (MatrixTensor(p=3), {"delta_2": 1.0, "delta_p": -1.0}, ValueError, "delta_p = -1"),
        (sp.Hopfield(), {}, TypeError, "has no landscape"),
    ],
)
def test_bad_input_is_refused(model, settings, error, words):
    with pytest.raises(error, match=words):
        crosscheck_landscape(model, **{"instances": 2, **settings})


def test_infinite_noise_leaves_a_term_out():
    covariance, _ = landscape_of(MatrixTensor(p=3), {"delta_2": 0.5, "delta_p": math.inf})
    assert covariance == Covariance((2,), (1.0,), True)


def test_symbols_of_weights_and_degrees_are_controls():
    w, p = sympy.Symbol("w", positive=True), sympy.Symbol("p", integer=True, positive=True)
    model = sp.SphericalSpinGlass({2: 1, p: w})
    covariance, values = landscape_of(model, {"p": 4, "w": 0.5})
    assert covariance == Covariance((2, 4), (1.0, 0.5))
    assert values == {"p": 4.0, "w": 0.5}
    with pytest.raises(ValueError, match="'w' has no value"):
        landscape_of(model, {"p": 4})


# ---- figures ----


def test_figures_show_what_the_table_holds():
    table = critical_point_samples(CUBIC, size=6, instances=4, rng=0)
    assert set(table["instance"]) == {0, 1, 2, 3}
    assert table.attrs["incomplete"] == 0
    ax = plot_layers(table)
    assert len(ax.collections[0].get_offsets()) == len(table)
    np.testing.assert_allclose(
        [segment[0][0] for segment in ax.collections[1].get_segments()], table.groupby("index")["energy"].mean())
    counts = plot_counts(table)
    assert sum(bar.get_height() for bar in counts.patches) == pytest.approx(len(table) / 4)
    spiked = critical_point_samples(SPIKED, size=6, instances=1, rng=0)
    assert "overlap" in spiked
    assert "theory" not in spiked.attrs
    plot_counts(spiked)
    plot_layers(spiked, ax=Figure().add_subplot())


def test_spectra_have_the_outlier_only_beyond_the_minimum():
    figure = spectra_figure(Landscape(((3, 8.0),), True), size=60)
    labels = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in figure.axes]
    assert not any("outlier" in one for one in labels[0])
    assert any("outlier" in one for one in labels[1])
    assert [sum(bar.get_height() * bar.get_width() for bar in ax.patches) for ax in figure.axes] == pytest.approx([1, 1])
