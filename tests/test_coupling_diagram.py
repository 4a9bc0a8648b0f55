"""Phase diagrams of the matrix-tensor model: every line against its closed form, meeting points, names."""

import math

import numpy as np
import pytest

import spinodal as sp
from spinodal.equations.criteria import criteria_of

INF = math.inf


@pytest.fixture(scope="module")
def third():
    return sp.phase_diagram(sp.MatrixTensor(3), x=("delta_2", 0, 1.6), y=("delta_p", 0, 2.5))


@pytest.fixture(scope="module")
def fourth():
    return sp.phase_diagram(sp.MatrixTensor(4), x=("delta_2", 0, 1.6), y=("delta_p", 0, 1.0))


def line(diagram, kind, branch):
    rows = diagram.boundaries
    found = rows[(rows["kind"] == kind) & (rows["branch"] == branch)]
    assert len(found) > 10
    return found["delta_2"].to_numpy(), found["delta_p"].to_numpy()


def name_at(diagram, x, y):
    """The name of the region at a point, from the strips and the drawn lines."""
    rows = diagram.regions[(diagram.regions["x_low"] <= x) & (diagram.regions["x_high"] >= x)]
    edges = {-1: None}
    for curve, part in diagram.boundaries.groupby("curve"):
        order = np.argsort(part[diagram.x.name].to_numpy())
        edges[curve] = np.interp(x, part[diagram.x.name].to_numpy()[order], part[diagram.y.name].to_numpy()[order])
    for row in rows.to_dict("records"):
        low = diagram.y.low if row["below"] == -1 else edges[row["below"]]
        high = diagram.y.high if row["above"] == -1 else edges[row["above"]]
        if low <= y <= high:
            return row["name"]
    raise AssertionError(f"no region at {x}, {y}")


def test_spinodals_of_order_three(third):
    delta_2, delta_p = line(third, "spinodal", "informative")
    assert delta_2 == pytest.approx(delta_p / (2 * np.sqrt(delta_p) - 1), rel=1e-11)


def test_spinodals_of_order_four(fourth):
    """Delta_2 = 2 v^2/(3 v - 1), delta_4 = 2 (1 - v) v^2 with v = 1 - m."""
    for branch in ("informative", "uninformative"):
        delta_2, delta_p = line(fourth, "spinodal", branch)
        rows = fourth.boundaries
        v = 1 - rows[(rows["kind"] == "spinodal") & (rows["branch"] == branch)]["overlap"].to_numpy()
        assert delta_2 == pytest.approx(2 * v**2 / (3 * v - 1), rel=1e-11)
        assert delta_p == pytest.approx(2 * (1 - v) * v**2, rel=1e-11)
        assert ((v > 2 / 3 - 1e-12) if branch == "uninformative" else (v < 2 / 3 + 1e-12)).all()


def test_gradient_lines(third, fourth):
    x, y = line(third, "gradient_flow", "")
    assert y == pytest.approx(2 * x**2 / (1 - x), rel=1e-11)
    x, y = line(third, "langevin", "")
    assert y[x < 1] == pytest.approx(2 * x[x < 1] ** 2, rel=1e-11)
    assert y[x == 1].min() == pytest.approx(2, rel=1e-3)  # it goes on along the weak recovery line
    for branch, inside in (("", lambda x: x < 2 / 3 + 1e-9), ("formal", lambda x: x > 2 / 3 - 1e-9)):
        x, y = line(fourth, "langevin", branch)
        assert inside(x).all()
        assert y[x < 1] == pytest.approx(3 * x[x < 1] ** 2 * (1 - x[x < 1]), rel=1e-9)


@pytest.mark.parametrize("which", ["third", "fourth"])
def test_first_order_vertices_are_crossings(which, request):
    diagram = request.getfixturevalue(which)
    rows = diagram.boundaries[(diagram.boundaries["kind"] == "first_order") & (diagram.boundaries["end"] == "")]
    p = 3 if which == "third" else 4
    for row in rows.iloc[::7].to_dict("records"):
        states = sp.fixed_points(sp.MatrixTensor(p), delta_2=row["delta_2"], delta_p=row["delta_p"])
        best = sorted((s.free_entropy for s in states if s.stable), reverse=True)
        assert best[0] == pytest.approx(best[1], abs=1e-14)


def test_trivialisation_lines(third):
    x, y = line(third, "trivialisation", "orthogonal")
    for k in range(5, len(x), 25):
        table = sp.thresholds(sp.MatrixTensor(3), along="delta_2", between=(1e-9, 1), delta_p=y[k])
        assert table[table["branch"] == "orthogonal"]["value"].tolist() == pytest.approx([x[k]], rel=1e-9)
    low, heights = line(third, "trivialisation", "any overlap")
    inside = (heights > 0.1) & (heights < 2.4)
    assert (low[inside] < np.interp(heights[inside], y, x)).all()


def test_tricritical_point(third):
    (point,) = third.special_points.to_dict("records")
    assert point["type"] == "tricritical"
    assert (point["delta_2"], point["delta_p"]) == pytest.approx((1, 1), rel=1e-14)


def test_the_langevin_line_turns(fourth):
    """Its maximum, 4/9 at delta_2 = 2/3."""
    point = fourth.special_points.set_index("type").loc["turning"]
    assert point["delta_p"] == pytest.approx(4 / 9, rel=1e-14)
    assert abs(point["delta_2"] - 2 / 3) <= point["error_x"] < 1e-7
    assert len(point["curves"].split()) == 2


def test_cusp_and_critical_end(fourth):
    points = fourth.special_points.set_index("type")
    cusp, end = points.loc["cusp"], points.loc["critical_end"]
    assert (cusp["delta_2"], cusp["delta_p"], cusp["overlap"]) == pytest.approx((8 / 9, 8 / 27, 1 / 3), rel=1e-14)
    assert (end["delta_2"], end["delta_p"]) == pytest.approx((1, 0.23780550346110454338), rel=1e-13)
    assert len(cusp["curves"].split()) == 3


@pytest.mark.parametrize("which", ["third", "fourth"])
def test_all_is_good(which, request):
    diagram = request.getfixturevalue(which)
    for table in (diagram.boundaries, diagram.special_points, diagram.regions):
        assert set(table["status"]) == {"converged"}
    assert (diagram.boundaries["error"] < 1e-9).all()


@pytest.mark.parametrize(
    ("which", "x", "y", "name"),
    [
        ("third", 1.3, 1.0, "undetectable"), ("third", 1.3, 0.2, "hard"), ("third", 0.9, 0.5, "easy: AMP only"),
        ("third", 0.8, 2.0, "easy: Langevin"), ("third", 0.64, 2.45, "easy: gradient flow"),
        ("third", 0.3, 2.0, "easy: trivial landscape"), ("third", 0.29, 0.47, "easy: trivial at m = 0"),
        ("fourth", 0.95, 0.2, "hard"), ("fourth", 0.95, 0.9, "easy: Langevin"), ("fourth", 0.6, 0.2, "easy: AMP only"),
        ("fourth", 1.2, 0.5, "undetectable"),
    ],
)
def test_regions(which, x, y, name, request):
    assert name_at(request.getfixturevalue(which), x, y) == name


def truth(model, at):
    """The name by its definition, from all states and the conditions of the criteria."""
    stable = [state for state in sp.fixed_points(model, **at) if state.stable]
    best = max(stable, key=lambda state: state.free_entropy)
    poorest = min(stable, key=lambda state: state.order_parameters["m"])
    if best is not poorest:
        return "hard"
    if best.order_parameters["m"] == 0:
        return "undetectable"
    couplings = [1 / at[control.name] for control in model.own_controls]
    met = [c.criterion.phrase for c in criteria_of(model) if c.holds(couplings)]
    return f"easy: {met[-1] if met else 'AMP only'}"


def heights(diagram, curve, x):
    """Every place at which a curve passes x."""
    part = diagram.boundaries[diagram.boundaries["curve"] == curve]
    u, v = (np.log(part[axis.name]) if axis.log else part[axis.name] for axis in (diagram.x, diagram.y))
    u, v, x = u.to_numpy(), v.to_numpy(), np.log(x) if diagram.x.log else x
    k = np.flatnonzero((u[:-1] - x) * (u[1:] - x) < 0)
    found = v[k] + (x - u[k]) / (u[k + 1] - u[k]) * (v[k + 1] - v[k])
    return np.exp(found) if diagram.y.log else found


@pytest.mark.parametrize(
    ("model", "x", "y", "others"),
    [
        (sp.MatrixTensor(3), ("delta_p", 0.01, 3), ("delta_2", 0.01, 1.6), {}),
        (sp.MatrixTensor((3, 4)), ("delta_3", 0.05, 3), ("delta_4", 0.05, 2), {"delta_2": 0.5}),
        (sp.MatrixTensor(3), ("delta_2", 1.2, 1e6, "log"), ("delta_p", 0.01, 0.3), {}),
        (sp.MatrixTensor(3), ("delta_2", 1.2, 1e3), ("delta_p", 0.2, 0.3), {}),
        (sp.MatrixTensor(4), ("delta_2", 0.001, 3, "log"), ("delta_p", 0.001, 10, "log"), {}),
        (sp.MatrixTensor((3, 20)), ("delta_2", 0.8, 1.6), ("delta_20", 0.01, 0.1), {"delta_3": 0.9}),
        (sp.MatrixTensor(30), ("delta_2", 0.1, 2), ("delta_p", 0.001, 1), {}),
        (sp.MatrixTensor(3), ("delta_2", 1 - 1e-6, 1 + 1e-6), ("delta_p", 1 - 1e-6, 1 + 1e-6), {}),
        (sp.MatrixTensor(4, temperature=2), ("delta_2", 0.01, 1.6), ("delta_p", 0.01, 1), {}),
    ],
    ids=range(9),
)
def test_names_by_definition(model, x, y, others):
    """At random points of windows that are long, tiny, empty, exchanged, logarithmic."""
    diagram = sp.phase_diagram(model, x=x, y=y, **others)
    random = np.random.default_rng(1)
    for places in random.random((60, 2)):
        at = {}
        for axis, place in zip((diagram.x, diagram.y), places, strict=True):
            low, high = (np.log([axis.low, axis.high]) if axis.log else (axis.low, axis.high))
            value = low + place * (high - low)
            at[axis.name] = float(np.exp(value) if axis.log else value)
        first, second = at[diagram.x.name], at[diagram.y.name]
        names = set()
        for row in diagram.regions.to_dict("records"):
            if row["x_low"] <= first <= row["x_high"]:
                low = [diagram.y.low] if row["below"] == -1 else heights(diagram, row["below"], first)
                high = [diagram.y.high] if row["above"] == -1 else heights(diagram, row["above"], first)
                if any(a <= second <= b for a in low for b in high):
                    names.add(row["name"])
        assert truth(model, {**others, **at}) in names, at


def test_three_first_order_lines_meet():
    diagram = sp.phase_diagram(sp.MatrixTensor((3, 20)), x=("delta_2", 0.8, 1.6), y=("delta_20", 0.01, 0.1), delta_3=0.9)
    (point,) = diagram.special_points.to_dict("records")
    assert point["type"] == "triple"
    states = sp.fixed_points(sp.MatrixTensor((3, 20)), delta_2=point["delta_2"], delta_20=point["delta_20"], delta_3=0.9)
    entropies = [state.free_entropy for state in states if state.stable]
    assert len(entropies) == 3
    assert entropies == pytest.approx([0, 0, 0], abs=1e-10)


def test_regions_agree_with_thresholds(third):
    """The names change where `thresholds` says that something happens."""
    table = sp.thresholds(sp.MatrixTensor(3), along="delta_2", between=(0.01, 1.6), delta_p=0.6)
    marks = [0.01, *table[table["kind"] != "spinodal"]["value"], 1.6]
    names = [name_at(third, (a + b) / 2, 0.6) for a, b in zip(marks[:-1], marks[1:], strict=True)]
    assert names == ["easy: trivial landscape", "easy: trivial at m = 0", "easy: gradient flow", "easy: Langevin",
                     "easy: AMP only", "hard", "undetectable"]


def test_axes_may_be_exchanged(fourth):
    swapped = sp.phase_diagram(sp.MatrixTensor(4), x=("delta_p", 0.01, 1.0, "log"), y=("delta_2", 0.1, 10.0, "log"))
    points = swapped.special_points.set_index("type")
    assert points.loc["cusp"]["delta_2"] == pytest.approx(8 / 9, rel=1e-14)
    assert points.loc["critical_end"]["delta_p"] == pytest.approx(0.23780550346110454338, rel=1e-13)
    assert {"hard", "undetectable", "easy: AMP only"} <= set(swapped.regions["name"])


def test_two_tensors():
    """At delta_2 = 0.9 the cusp of the matrix with a tensor of order 4 moves with the noise of one of order 3."""
    diagram = sp.phase_diagram(sp.MatrixTensor((3, 4)), x=("delta_3", 5, 50), y=("delta_4", 0.05, 1), delta_2=0.9)
    (cusp,) = diagram.special_points.to_dict("records")
    assert cusp["type"] == "cusp"
    m, l3, l4 = cusp["overlap"], 1 / cusp["delta_3"], 1 / cusp["delta_4"]
    # Q' = m/(1-m) and two derivatives of it
    assert m / 0.9 + l3 * m**2 + l4 * m**3 == pytest.approx(m / (1 - m), rel=1e-12)
    assert 1 / 0.9 + 2 * l3 * m + 3 * l4 * m**2 == pytest.approx(1 / (1 - m) ** 2, rel=1e-12)
    assert 2 * l3 + 6 * l4 * m == pytest.approx(2 / (1 - m) ** 3, rel=1e-12)


def test_without_the_matrix():
    diagram = sp.phase_diagram(sp.MatrixTensor((3, 4)), x=("delta_3", 0.05, 2), y=("delta_4", 0.05, 1), delta_2=INF)
    assert set(diagram.boundaries["kind"]) == {"spinodal", "first_order"}
    assert set(diagram.regions["name"]) == {"hard", "undetectable"}


def test_round_trip(fourth):
    assert sp.PhaseDiagram.from_json(fourth.to_json()) == fourth
    assert "Langevin" in fourth.summary()


def test_no_transition():
    diagram = sp.phase_diagram(sp.MatrixTensor(3), x=("delta_2", 1.1, 2), y=("delta_p", 1.5, 2))
    assert diagram.boundaries.empty
    assert set(diagram.regions["name"]) == {"undetectable"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"x": ("delta_2", -1, 1), "y": ("delta_p", 0, 1)}, "not negative"),
        ({"x": ("delta_2", 0, 1), "y": ("delta_2", 0, 1)}, "two different"),
        ({"x": ("delta_2", 0, 1), "y": ("delta_p", 0, 1), "delta_p": 1}, "leave one out"),
        ({"x": ("delta_2", 0, 1), "y": ("alpha", 0, 1)}, "alpha"),
        ({"x": ("delta_2", 0, 1), "y": ("delta_p", 0, 1), "levels": {"a": "m"}}, "levels"),
    ],
    ids=range(5),
)
def test_refusals(more, message):
    with pytest.raises(ValueError, match=message):
        sp.phase_diagram(sp.MatrixTensor(3), **more)
