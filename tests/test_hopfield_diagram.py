"""Thresholds and phase diagrams of networks: reference values computed independently with mpmath at 30 digits."""

import numpy as np
import pytest
import sympy

import spinodal as sp
from spinodal.phase_diagrams.state_slices import seeds_of

# Amit, Gutfreund, Sompolinsky, Ann. Phys. 173, 30 (1987) give the first two or three digits of those of the plain network
ALPHA_C, EQUILIBRIUM = 0.13790556649493173784, 0.051854330918917056669
REPLICON_END = (0.138185914960458805, 0.0250683717073772441)
TURNING = (0.138188511164658252, 0.0228735496672562144)


def values(table, kind):
    return table[table["kind"] == kind]["value"].to_numpy()


def close(found, expected):
    """To ten digits, as the tables state."""
    return found == pytest.approx(expected, rel=1e-10)


@pytest.fixture(scope="module")
def diagram():
    return sp.phase_diagram(sp.Hopfield(), x=("alpha", 0, 0.16), y=("temperature", 0, 1.4))


@pytest.mark.parametrize(
    ("model", "spinodal"),
    [
        (sp.Hopfield(), ALPHA_C),
        (sp.Hopfield(dreaming=0.1), 0.16513977386589098914),
        (sp.Hopfield(dreaming=1), 0.38659596383947734731),
        (sp.Hopfield(dreaming=10), 0.86965276348361701639),
        (sp.Hopfield(dreaming=100), 1.0462412564089629042),
        (sp.Hopfield(dataset_entropy=0.1), 0.07154129674411747459),
        (sp.Hopfield(dataset_entropy=0.3), 0.022488264884324160976),
        (sp.Hopfield(examples=5, quality=0.8), 0.069953058691381625504),
        (sp.Hopfield(examples=5, quality=0.8, supervised=False), 0.068846524234278373967),
        (sp.Hopfield(dreaming=1, dataset_entropy=0.1), 0.18360024117366076835),
        (sp.Hopfield(dreaming=1, examples=5, quality=0.8), 0.17672125872406313996),
        (sp.Hopfield(dreaming=1, examples=5, quality=0.8, supervised=False), 0.16360969856846026917),
    ],
    ids=str,
)
def test_retrieval_ends_at_zero_temperature(model, spinodal):
    table = sp.thresholds(model, along="alpha", between=(0, 2), temperature=0)
    assert close(values(table, "spinodal"), [spinodal])
    assert (table["error"] < 1e-12).all()
    assert set(table["status"]) == {"converged"}


def test_equilibrium_at_zero_temperature():
    table = sp.thresholds(sp.Hopfield(), along="alpha", between=(0, 0.2), temperature=0)
    assert close(values(table, "first_order"), [EQUILIBRIUM])
    assert close(values(sp.thresholds(sp.Hopfield(dreaming=1), along="alpha", between=(0, 2), temperature=0), "first_order"),
                 [0.13671868345429652601])  # fmt: skip
    row = table[table["kind"] == "spinodal"].iloc[0]
    assert (row["m_below"], row["m_above"]) == (pytest.approx(0.96741711568529159, abs=1e-8), 0)


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (0.05, {"spinodal": [0.54225503791808526584], "replicon": [5.4192428067477876411e-6],
                "continuous": [1 + np.sqrt(0.05)]}),
        (0.1, {"spinodal": [0.3154322236817979878], "first_order": [], "replicon": [0.0014502472913551235749]}),
        (0.04, {"first_order": [0.36523145918096148721]}),
        # retrieval exists between two temperatures
        (0.138, {"spinodal": [0.0041989385894819224713, 0.041605907748472319054]}),
        # sqrt(8 alpha/9 pi) exp(-1/2 alpha) to leading order
        (0.01, {"replicon": [1.025946483560855913e-23], "continuous": [1.1]}),
    ],
)  # fmt: skip
def test_thresholds_along_the_temperature(alpha, expected):
    table = sp.thresholds(sp.Hopfield(), along="temperature", between=(0, 1.5), alpha=alpha)
    for kind, known in expected.items():
        assert close(values(table, kind), known), kind
    assert set(table["status"]) == {"converged"}
    assert (np.abs(table["error"]) <= 1e-10 * table["value"]).all()


def test_temperature_scale_of_dreaming_networks():
    table = sp.thresholds(sp.Hopfield(dreaming=1), along="temperature", between=(0, 1.0), alpha=0.2)
    assert close(values(table, "spinodal"), [0.38128718887530484223])
    assert close(values(table, "continuous"), [0.56784844738903929045])


def test_the_spin_glass_transition_of_a_dreaming_network_in_closed_form():
    t, alpha = 3.0, np.array([0.05, 0.3, 0.8])
    root = np.sqrt(alpha)
    exact = (1 + t) * (1 + root) / ((1 + t * root * (1 + root)) * (1 + t * (1 + root) ** 2))
    for a, temperature in zip(alpha, exact, strict=True):
        found = [seed for seed in seeds_of(sp.Hopfield(dreaming=t), "temperature", {"alpha": a}, (1e-3, 2))
                 if seed.kind == "continuous"]  # fmt: skip
        assert close([np.exp(seed.controls[0]) for seed in found], [temperature])


def test_mixtures_of_three_are_stable_below():
    table = sp.thresholds(sp.Hopfield(mixture=3), along="temperature", between=(0, 1.2), alpha=1e-6)
    (stable,) = table[(table["kind"] == "continuous") & (table["branch"] == "mixture")]["value"]
    # at alpha = 0: 0.45979423987778542564; the noise moves it by a multiple of sqrt(alpha)
    assert stable == pytest.approx(0.45979423987778542564, abs=5e-4)
    assert close(values(sp.thresholds(sp.Hopfield(mixture=3), along="alpha", between=(0, 1), temperature=0), "spinodal"),
                 [0.029941757375778783974])  # fmt: skip


def test_a_parameter_of_the_rule_is_a_control():
    model = sp.Hopfield(dataset_entropy=sympy.Symbol("dataset_entropy"))
    table = sp.thresholds(model, along="dataset_entropy", between=(0, 1), alpha=0.07154129674411747459, temperature=0)
    assert close(values(table, "spinodal"), [0.1])
    diagram = sp.phase_diagram(model, x=("dataset_entropy", 0, 0.6), y=("alpha", 0, 0.16), temperature=0)
    curve = diagram.boundaries[diagram.boundaries["kind"] == "spinodal"].sort_values("dataset_entropy")
    assert curve["alpha"].iloc[0] == pytest.approx(ALPHA_C, rel=1e-10)
    known = np.interp(0.3, curve["dataset_entropy"], curve["alpha"])
    assert known == pytest.approx(0.022488264884324160976, rel=1e-3)


def test_vertices_are_solved(diagram):
    """Every vertex of every boundary is what a slice at its temperature finds."""
    boundaries = diagram.boundaries
    chosen = boundaries[(boundaries["temperature"] > 0.05) & (boundaries["alpha"] > 1e-3)]
    rows = pytest.importorskip("pandas").concat([part.iloc[[len(part) // 2]] for _, part in chosen.groupby("curve")])
    for row in rows.itertuples():
        seeds = seeds_of(sp.Hopfield(), "alpha", {"temperature": row.temperature}, (1e-5, 1.0))
        found = [np.exp(seed.controls[0]) for seed in seeds if seed.kind == row.kind]
        assert min(abs(np.array(found) - row.alpha)) < 1e-10


def test_the_diagram_has_the_textbook_lines(diagram):
    kinds = diagram.boundaries.groupby("curve")["kind"].first()
    assert sorted(kinds) == ["continuous", "first_order", "replicon", "spinodal"]
    assert set(diagram.boundaries["status"]) == {"converged"}
    continuous = diagram.boundaries[diagram.boundaries["kind"] == "continuous"]
    np.testing.assert_allclose(continuous["temperature"], 1 + np.sqrt(continuous["alpha"]), rtol=1e-10)
    spinodal = diagram.boundaries[diagram.boundaries["kind"] == "spinodal"]
    ends = spinodal[["alpha", "temperature"]].iloc[[0, -1]].to_numpy()
    np.testing.assert_allclose(sorted(ends.tolist()), [[0, 1], [ALPHA_C, 0]], rtol=1e-10)
    replicon = diagram.boundaries[diagram.boundaries["kind"] == "replicon"]
    small = replicon[(replicon["alpha"] < 0.012) & (replicon["alpha"] > 0)]
    leading = np.sqrt(8 * small["alpha"] / (9 * np.pi)) * np.exp(-1 / (2 * small["alpha"]))
    assert len(small) > 3
    np.testing.assert_allclose(small["temperature"], leading, rtol=1e-9)


def test_its_points(diagram):
    points = diagram.special_points
    (end,) = points[points["type"] == "replicon_end"][["alpha", "temperature"]].to_numpy()
    assert close(end, REPLICON_END)
    turns = points[points["type"] == "turning"].sort_values("alpha")
    for (a, b), row in zip([(0.0531320828182563, 0.085064), TURNING], turns.itertuples(), strict=True):
        assert row.alpha == pytest.approx(a, rel=1e-10)
        assert row.temperature == pytest.approx(b, abs=max(10 * row.error_y, 1e-5 * (a < 0.1)))
    zeros = points[points["type"] == "zero"][["alpha", "temperature"]].sort_values("alpha").to_numpy()
    np.testing.assert_allclose(zeros, [[0, 1], [EQUILIBRIUM, 0], [ALPHA_C, 0]], rtol=1e-10)


def test_its_regions(diagram):
    assert set(diagram.regions["name"]) == {"retrieval", "spin glass, retrieval metastable", "spin glass", "paramagnet"}
    assert set(diagram.regions["status"]) == {"converged"}
    for row in diagram.regions.itertuples():
        equilibrium = sp.equilibrium(sp.Hopfield(), alpha=row.alpha, temperature=row.temperature)
        assert row.name.split(",")[0] == equilibrium.state
        assert row.overlap == pytest.approx(equilibrium.observables["overlap"], abs=1e-12)


def test_it_is_written_and_drawn(diagram, tmp_path):
    path = tmp_path / "hopfield.json"
    diagram.to_json(path)
    assert sp.PhaseDiagram.from_json(path) == diagram
    ax = diagram.plot()
    assert len(ax.child_axes) == 1  # what the replicon line does below what can be seen
    assert ax.child_axes[0].get_yscale() == "log"
    said = diagram.summary()
    assert "spin-glass transition" in said
    assert "Not good" not in said


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"x": ("alpha", 0, 0.2), "y": ("alpha", 0, 1)}, ValueError, "both 'alpha'"),
        ({"x": ("alpha", -0.1, 0.2), "y": ("temperature", 0, 1)}, ValueError, "alpha from -0.1"),
        ({"x": ("alpha", 0, 0.2), "y": ("temperature", 0, 1), "temperature": 1}, ValueError, "temperature = 1"),
        ({"x": ("alpha", 0, 0.2), "y": ("temprature", 0, 1)}, ValueError, "did you mean 'temperature'"),
        ({"x": ("alpha", 0, 0.2), "y": ("temperature", 0, 1), "levels": {"a": "m"}}, ValueError, "leave levels out"),
    ],
)
def test_refusals(arguments, error, said):
    with pytest.raises(error, match=said):
        sp.phase_diagram(sp.Hopfield(), **arguments)


def test_what_needs_an_explicit_curve_refuses():
    with pytest.raises(TypeError, match="explicit curve"):
        sp.state_evolution(sp.Hopfield(), alpha=0.1, temperature=0.1)
    with pytest.raises(TypeError, match="explicit curve"):
        sp.branches(sp.Hopfield(), along="alpha", between=(0.1, 0.2), temperature=0.1)
    with pytest.raises(TypeError, match="explicit curve"):
        sp.raster(sp.Hopfield(), x=("temperature", 0.1, 1.0), y=("alpha", 0.1, 0.2))


def test_an_interrupted_diagram_goes_on(tmp_path):
    asked = {"x": ("alpha", 0.01, 0.05), "y": ("temperature", 0.2, 0.6), "store": tmp_path / "parts.sqlite"}
    first = sp.phase_diagram(sp.Hopfield(), **asked)
    assert sp.phase_diagram(sp.Hopfield(), **asked) == first
