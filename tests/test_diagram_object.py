"""Phase diagrams as objects: what is written is read back, the summary says all, and the figure shows it in words."""

import copy
import dataclasses
import html
import io
import itertools
import json
import math
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.text import Text

from spinodal.equations.result import Status
from spinodal.phase_diagrams import tables
from spinodal.phase_diagrams.diagram import AxisSpec, PhaseDiagram, boundary_words, read_json
from spinodal.phase_diagrams.diagram_figure import write_figure

NAN, INF = math.nan, math.inf
RHO, ALPHA = AxisSpec("rho", 0, 1, label=r"$\rho$"), AxisSpec("alpha", 0, 1)
TABLES = ("boundaries", "special_points", "regions")


def curve(number, kind, branch, x, y, ends=("window", "window"), name="rho", status="converged"):
    n = len(x)
    return pd.DataFrame({"curve": number, "kind": kind, "branch": branch, name: x, "alpha": y,
                         "overlap": np.linspace(0.1, 0.2, n), "mse": np.linspace(0.3, 0.2, n), "other_overlap": NAN,
                         "other_mse": NAN, "free_entropy": -INF, "error": 1e-13, "status": status,
                         "end": [ends[0], *[""] * (n - 2), ends[1]]})  # fmt: skip


def point(kind, x, y, curves, name="rho", status="converged"):
    return {"type": kind, name: x, "alpha": y, "error_x": 2e-12, "error_y": 0.0, "overlap": 0.4, "mse": 0.2,
            "free_entropy": -0.2, "curves": curves, "status": status}  # fmt: skip


def region(name, low, high, below, above, x, y, control="rho"):
    return {"name": name, "x_low": low, "x_high": high, "below": below, "above": above, control: x, "alpha": y,
            "states": 1, "overlap": 0.5, "mse": 0.1, "status": "converged"}  # fmt: skip


def sensing():
    """As compressed sensing: a hard phase between the diagonal and a spinodal above it."""
    rho = np.linspace(0, 1, 101)
    above = rho + 0.55 * np.sqrt(rho) * (1 - rho)
    return PhaseDiagram(
        model="GLM(GaussBernoulli(rho), Linear())", x=RHO, y=ALPHA, controls={"noise": 0},
        boundaries=pd.concat([curve(0, "first_order", "equilibrium", rho, rho),
                              curve(1, "spinodal", "uninformative", rho, above)]),
        regions=pd.DataFrame([region("impossible", 0, 1, -1, 0, 0.5, 0.2), region("hard", 0, 1, 0, 1, 0.3, 0.4),
                              region("easy", 0, 1, 1, -1, 0.3, 0.9)]),
        settings={"tolerance": 1e-10, "limits": (0, INF), "of": {"digits": None}},
    )  # fmt: skip


def cusp():
    """Two spinodals and the first-order line between them end in a point, on a logarithmic axis."""
    end, name = 0.0172, "input_noise"
    x = np.geomspace(1e-4, end, 60)
    t = np.log(end / x)
    middle = 0.35 - 0.02 * t
    lines = [("spinodal", "informative", middle - 0.004 * t**1.5), ("first_order", "equilibrium", middle),
             ("spinodal", "uninformative", middle + 0.006 * t**1.5)]  # fmt: skip
    return PhaseDiagram(
        model="GLM(GaussBernoulli(0.2), Linear(input_noise=input_noise))", x=AxisSpec(name, 1e-4, 0.03, log=True),
        y=AxisSpec("alpha", 0.1, 0.5),
        boundaries=pd.concat([curve(k, kind, branch, x, y, ("window", "cusp"), name)
                              for k, (kind, branch, y) in enumerate(lines)]),
        special_points=pd.DataFrame([point("cusp", end, 0.35, "0 1 2", name)]),
        regions=pd.DataFrame([region("impossible", 1e-4, end, -1, 1, 1e-3, 0.12, name),
                              region("hard", 1e-4, end, 1, 2, 1e-3, 0.31, name),
                              region("easy", 1e-4, end, 2, -1, 1e-3, 0.4, name),
                              region("easy", end, 0.03, -1, -1, 0.02, 0.4, name)]),
    )  # fmt: skip


def retrieval():
    """As sparse phase retrieval: a spinodal 5e-3 to 9e-4 above a continuous line, with a region between them."""
    rho = np.linspace(0.01, 1, 100)
    near = 0.5 + 9e-4 + 4.1e-3 * (1 - rho) ** 2
    return PhaseDiagram(
        model="GLM(GaussBernoulli(rho), Abs())", x=AxisSpec("rho", 0.01, 1), y=AxisSpec("alpha", 0, 1.2),
        boundaries=pd.concat([curve(0, "continuous", "uninformative", rho, 0 * rho + 0.5),
                              curve(1, "spinodal", "uninformative", rho, near, ("window", "lost"),
                                    status=[*["converged"] * 99, "not converged"]),
                              curve(2, "first_order", "equilibrium", rho, rho)]),
        special_points=pd.DataFrame([point("critical_end", 0.5, 0.5, "0 2")]),
        regions=pd.DataFrame([region("undetectable", 0.01, 0.5, -1, 2, 0.3, 0.1), region("hard", 0.01, 0.5, 2, 0, 0.2, 0.3),
                              region("glassy", 0.01, 0.5, 0, 1, 0.2, 0.501), region("easy", 0.01, 0.5, 1, -1, 0.3, 0.9),
                              region("undetectable", 0.5, 1, -1, 0, 0.8, 0.1),
                              region("glassy", 0.5, 1, 0, 1, 0.8, 0.5005),
                              region("impossible", 0.5, 1, 1, 2, 0.8, 0.6), region("easy", 0.5, 1, 2, -1, 0.8, 1.1)]),
    )  # fmt: skip


def empty():
    return PhaseDiagram(model="GLM(Gaussian(), Sign())", x=AxisSpec("noise", 1e-3, 1, log=True), y=ALPHA,
                        regions=pd.DataFrame([region("easy", 1e-3, 1, -1, -1, 0.1, 0.5, "noise")]))  # fmt: skip


def nothing():
    return PhaseDiagram(model="GLM(Gaussian(), Sign())", x=RHO, y=ALPHA)


DIAGRAMS = {made.__name__: made() for made in (sensing, cusp, retrieval, empty, nothing)}
EVERY = pytest.mark.parametrize("diagram", DIAGRAMS.values(), ids=DIAGRAMS)


# --- tables ----------------------------------------------------------------------------------------------------------


@EVERY
def test_columns_have_their_types_in_empty_tables_too(diagram):
    x, y = diagram.x.name, diagram.y.name
    assert list(diagram.boundaries) == ["curve", "kind", "branch", x, y, "overlap", "mse", "other_overlap",
                                        "other_mse", "free_entropy", "error", "status", "end"]  # fmt: skip
    assert list(diagram.special_points) == ["type", x, y, "error_x", "error_y", "overlap", "mse", "free_entropy",
                                            "curves", "status"]  # fmt: skip
    assert list(diagram.regions) == ["name", "x_low", "x_high", "below", "above", x, y, "states", "overlap", "mse",
                                     "status"]  # fmt: skip
    for name, table in ((name, getattr(diagram, name)) for name in TABLES):
        kinds = {column: table[column].dtype.kind for column in table}
        assert {kinds[column] for column in kinds if column in ("curve", "below", "above", "states")} <= {"i"}, name
        assert {kinds[column] for column in (x, y, "mse")} == {"f"}
        assert kinds["status"] == "O"
        assert list(table.index) == list(range(len(table)))


@EVERY
def test_json_is_read_back_equal(diagram, tmp_path):
    text = diagram.to_json(tmp_path / "diagram.json")
    json.loads(text, parse_constant=pytest.fail)  # strict: no NaN, no Infinity
    for back in (PhaseDiagram.from_json(text), PhaseDiagram.from_json(tmp_path / "diagram.json"),
                 PhaseDiagram.from_json(str(tmp_path / "diagram.json")), read_json(tmp_path / "diagram.json")):  # fmt: skip
        assert back == diagram
        assert back.to_json() == text
        for name in TABLES:
            pd.testing.assert_frame_equal(getattr(back, name), getattr(diagram, name), check_exact=True)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(), min_size=2, max_size=8), st.floats(allow_nan=False), st.text(max_size=5))
def test_every_float_and_text_is_read_back(values, control, text):
    table = curve(3, "first_order", text, values, values[::-1])
    diagram = PhaseDiagram(model=text, x=RHO, y=ALPHA, controls={"beta": control}, boundaries=table,
                           settings={"note": [control, text]})  # fmt: skip
    back = PhaseDiagram.from_json(diagram.to_json())
    assert back == diagram
    assert back.boundaries["rho"].to_numpy().tobytes() == np.array(
        [NAN if math.isnan(v) else v for v in values]).tobytes()  # fmt: skip


def test_controls_and_settings_are_what_json_can_say():
    diagram = dataclasses.replace(sensing(), controls={"noise": 0, "beta": INF, "line": "nishimori"})
    assert diagram.controls == {"noise": 0.0, "beta": INF, "line": "nishimori"}
    assert diagram.settings == {"tolerance": 1e-10, "limits": [0, "inf"], "of": {"digits": None}}
    assert PhaseDiagram.from_json(diagram.to_json()) == diagram


def test_statuses_may_be_objects_and_tables_are_copies():
    given_table = curve(0, "spinodal", "", [0.1, 0.9], [0.1, 0.9], status=Status.LIMIT)
    diagram = PhaseDiagram(model="m", x=RHO, y=ALPHA, boundaries=given_table)
    given_table.loc[0, "rho"] = 7.0
    assert list(diagram.boundaries["status"]) == ["limit", "limit"]
    assert diagram.boundaries["rho"][0] == 0.1


def test_more_columns_may_follow():
    table = curve(0, "spinodal", "", [0.1, 0.9], [0.1, 0.9]).assign(m=[1, 2], note=None)
    diagram = PhaseDiagram(model="m", x=RHO, y=ALPHA, boundaries=table)
    assert list(diagram.boundaries)[-2:] == ["m", "note"]
    assert PhaseDiagram.from_json(diagram.to_json()) == diagram


def test_equality_sees_the_last_bit_and_nothing_else():
    one, other = sensing(), sensing()
    assert one == other
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    changed = one.boundaries.copy()
    changed.loc[5, "alpha"] = np.nextafter(changed["alpha"][5], 2)
    assert dataclasses.replace(one, boundaries=changed) != one
    assert dataclasses.replace(one, model="another") != one
    assert one != "a diagram"


@EVERY
def test_csv_and_parquet_are_three_files(diagram, tmp_path):
    names = ["d.{}", "d_special_points.{}", "d_regions.{}"]
    for suffix, write, read in (
        ("csv", diagram.to_csv, lambda path: tables.from_csv(path.read_text(encoding="utf-8"))),
        ("parquet", diagram.to_parquet, tables.from_parquet),
    ):
        paths = write(tmp_path / f"d.{suffix}")
        assert [path.name for path in paths] == [name.format(suffix) for name in names]
        for name, path in zip(TABLES, paths, strict=True):
            table, back = getattr(diagram, name), read(path)
            assert list(back) == list(table)
            if len(table):
                shown = [column for column in table if column not in ("branch", "curves")]  # CSV cannot tell 0 from "0"
                pd.testing.assert_frame_equal(back[shown], table[shown], check_exact=True)
    assert len(list(tmp_path.iterdir())) == 6
    assert read(paths[0]).attrs["model"] == diagram.model
    assert read(paths[2]).attrs["x"]["low"] == diagram.x.low


def test_a_failure_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "d.csv"
    sensing().to_csv(path)
    before = path.read_bytes()

    def broken(table):
        raise OSError("no space left")

    monkeypatch.setattr(tables, "to_csv", broken)
    with pytest.raises(OSError, match="no space left"):
        cusp().to_csv(path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_latex_has_ends_points_and_regions(tmp_path):
    text = retrieval().to_latex(tmp_path / "d.tex")
    assert (tmp_path / "d.tex").read_text(encoding="utf-8") == text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 3
    assert r"first\_order" in text
    assert len(text) < 5000  # not every vertex
    assert all(line.startswith("%") for line in nothing().to_latex().splitlines() if line)


def test_curves_are_one_row_each():
    table = retrieval().curves
    assert list(table["curve"]) == [0, 1, 2]
    row = table.iloc[1]
    assert (row["rho_from"], row["rho_to"], row["end_from"], row["end_to"]) == (0.01, 1, "window", "lost")
    assert (row["vertices"], row["error"]) == (100, 1e-13)
    assert len(nothing().curves) == 0


# --- words -----------------------------------------------------------------------------------------------------------


def test_summary_says_where_boundaries_run_and_where_they_meet():
    said = cusp().summary()
    assert "1e-04 < input_noise < 0.03" in said or "0.0001 < input_noise < 0.03" in said
    assert "Curve 0, informative spinodal: from input_noise = 0.0001" in said
    assert "to input_noise = 0.0172, alpha = 0.35 (cusp); error at most 1.0e-13." in said
    assert "Cusp at input_noise = 0.0172 ± 2e-12, alpha = 0.35 (exact), where curves 0, 1, 2 meet." in said
    assert "easy (0.0001 < input_noise < 0.03)" in said
    assert "Not good" not in said
    assert "lost" not in said


def test_summary_says_what_is_lost_and_what_is_not_good():
    said = retrieval().summary()
    advice = f"not converged ({Status.NOT_CONVERGED.advice})"
    assert f"Curve 1 was lost at rho = 1, alpha = 0.5009: {advice}." in said
    assert f"Not good in 1 of 300 rows of boundaries: {advice}." in said


@pytest.mark.parametrize("made", [empty, nothing])
def test_summary_says_no_transition(made):
    assert "No transition in this window: there every state changes smoothly." in made().summary()


@EVERY
def test_representations_are_short(diagram):
    assert len(repr(diagram)) < 250
    assert repr(diagram).startswith(f"PhaseDiagram({diagram.model}, ")
    assert all(html.escape(line) in diagram._repr_html_() for line in diagram.summary().splitlines())


def test_words_of_boundaries():
    assert boundary_words("continuous", "uninformative") == "weak recovery"
    assert boundary_words("first_order", "equilibrium") == "first-order (information-theoretic) transition"
    assert boundary_words("first_order", "") == "first-order transition"
    assert boundary_words("my_line", "") == boundary_words("my_line", "equilibrium") == "my line"
    assert boundary_words("replicon", "informative") == "replicon of the informative state"


# --- misuse ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda folder: sensing().to_csv(folder / "d.txt"), ["d.txt", ".csv"]),
        (lambda folder: sensing().to_parquet(folder / "d.csv"), ["d.csv", ".parquet"]),
        (lambda folder: sensing().to_json(folder / "d"), ["d", ".json"]),
        (lambda folder: sensing().to_latex(folder / "d.pdf"), ["d.pdf", ".tex"]),
        (lambda folder: write_figure(Figure(), folder / "d.gif"), ["d.gif", ".svg", ".png"]),
        (lambda folder: PhaseDiagram.from_json("{}"), ["the text is not a phase diagram"]),
        (lambda folder: PhaseDiagram.from_json("{nonsense"), ["the text is not a phase diagram"]),
        (lambda folder: PhaseDiagram.from_json(tables.to_json(sensing().boundaries)), ["not a phase diagram"]),
        (lambda folder: AxisSpec("rho", 1, 0), ["rho", "lower first"]),
        (lambda folder: AxisSpec("rho", 0, INF), ["rho", "finite"]),
        (lambda folder: AxisSpec("rho", 0, 1, log=True), ["rho", "positive"]),
        (lambda folder: PhaseDiagram(model="m", x=RHO, y=RHO), ["'rho'", "column"]),
        (lambda folder: PhaseDiagram(model="m", x=AxisSpec("mse", 0, 1), y=ALPHA), ["'mse'", "column"]),
        (lambda folder: dataclasses.replace(sensing(), boundaries=sensing().boundaries[["curve", "rho"]]),
         ["boundaries lacks the column", "alpha"]),
        (lambda folder: dataclasses.replace(sensing(), boundaries=pd.DataFrame()), ["curves [0, 1]"]),
    ],
)  # fmt: skip
def test_misuse_is_refused(call, words, tmp_path):
    with pytest.raises(ValueError, match=re.escape(words[0])) as refused:
        call(tmp_path)
    assert all(word in str(refused.value) for word in words)
    assert not list(tmp_path.iterdir())


# --- the figure ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn():
    axes = {name: diagram.plot() for name, diagram in DIAGRAMS.items()}
    for ax in axes.values():
        ax.figure.draw_without_rendering()
    return axes


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []


def names(ax):
    return {text.get_text(): text for text in ax.texts}


def curves(ax):
    return [line for line in ax.lines if len(line.get_xdata()) > 2 and line.get_linestyle() != "None"]


def test_legend_is_in_words(drawn):
    assert legend(drawn["sensing"]) == ["first-order (information-theoretic) transition", "algorithmic spinodal"]
    assert legend(drawn["cusp"])[-3:] == ["informative spinodal", "beyond: one state, no transition", "cusp"]
    assert legend(drawn["retrieval"])[1:] == ["weak recovery", "algorithmic spinodal", "critical end point",
                                              "continuation lost"]  # fmt: skip
    assert legend(drawn["empty"]) == []


def test_every_style_differs_in_colour_and_in_grey():
    kinds = [("continuous", "uninformative"), ("spinodal", "uninformative"), ("spinodal", "informative"),
             ("first_order", "equilibrium"), ("replicon", ""), ("my_line", ""), ("yours", "informative")]  # fmt: skip
    x = np.linspace(0, 1, 5)
    table = pd.concat([curve(k, *kind, x, x / (k + 1)) for k, kind in enumerate(kinds)])
    ax = PhaseDiagram(model="m", x=RHO, y=ALPHA, boundaries=table).plot()
    assert len(legend(ax)) == len(set(legend(ax))) == len(kinds)
    styles = [(to_hex(line.get_color()), str(line._unscaled_dash_pattern)) for line in curves(ax)]
    assert len({colour for colour, _ in styles}) == len({dashes for _, dashes in styles}) == len(kinds)


def test_curves_of_one_kind_share_a_style():
    x = np.linspace(0, 1, 5)
    table = pd.concat([curve(k, "continuous", branch, x, x / (k + 1)) for k, branch in enumerate(["", "uninformative"])])
    ax = PhaseDiagram(model="m", x=RHO, y=ALPHA, boundaries=table).plot()
    assert legend(ax) == ["weak recovery"]
    assert len({line.get_color() for line in curves(ax)}) == 1


@EVERY
def test_window_labels_and_scales(diagram, drawn, request):
    ax = drawn[request.node.callspec.id]
    assert (*ax.get_xlim(), *ax.get_ylim()) == (diagram.x.low, diagram.x.high, diagram.y.low, diagram.y.high)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (diagram.x.label, r"$\alpha$")
    assert (ax.get_xscale() == "log") == diagram.x.log
    assert ax.get_title().startswith(diagram.model)


@EVERY
def test_names_stand_in_their_regions_clear_of_lines_and_of_each_other(diagram, drawn, request):
    ax = drawn[request.node.callspec.id]
    assert set(diagram.regions["name"]) <= set(names(ax))
    boxes = [Text.get_window_extent(text) for text in ax.texts]  # of an annotation without its leader
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    inside = ax.get_window_extent()
    for box in boxes:
        assert inside.x0 < box.x0 < box.x1 < inside.x1
        assert inside.y0 < box.y0 < box.y1 < inside.y1
        for line in curves(ax):
            vertices = ax.transData.transform(line.get_xydata())
            steps = np.linspace(0, len(vertices) - 1, 20_000)
            x, y = (np.interp(steps, range(len(vertices)), column) for column in vertices.T)
            assert not ((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)).any()


@EVERY
def test_fills_are_what_the_solver_said_inside(diagram, drawn, request):
    """The interior point of every region lies in the fill of its name and in no other, which are seamless."""
    ax = drawn[request.node.callspec.id]
    patches = [patch for patch in ax.patches if isinstance(patch, PathPatch)]
    distinct = list(dict.fromkeys(diagram.regions["name"]))
    assert len(patches) == len(distinct) == len({to_hex(patch.get_facecolor()) for patch in patches})
    for row in diagram.regions.to_dict("records"):
        at = (row[diagram.x.name], row[diagram.y.name])
        assert [patch.get_path().contains_point(at) for patch in patches] == [name == row["name"] for name in distinct]


def test_a_thin_region_gets_a_leader(drawn):
    note = names(drawn["retrieval"])["glassy"]
    assert note.arrow_patch is not None
    x, y = note.xy
    assert 0.5 < y < 0.5 + 9e-4 + 4.1e-3 * (1 - x) ** 2
    assert names(drawn["sensing"])["hard"].__class__.__name__ == "Text"


def test_close_lines_are_both_seen(drawn):
    """Of a continuous line and a spinodal within its width, the narrow interrupted one lies on top."""
    continuous, spinodal = (line for line in curves(drawn["retrieval"]) if line.get_linestyle() != "-")
    assert spinodal.get_zorder() > continuous.get_zorder()
    assert spinodal.get_linewidth() < 0.7 * continuous.get_linewidth()


def test_a_magnified_view_has_room_for_the_thin_region():
    view = dataclasses.replace(retrieval(), y=AxisSpec("alpha", 0.494, 0.51))
    ax = view.plot()
    assert names(ax)["glassy"].__class__.__name__ == "Text"
    assert ax.get_ylim() == (0.494, 0.51)
    corner = dataclasses.replace(view, x=AxisSpec("rho", 0.7, 0.8)).plot()
    assert legend(corner) == ["weak recovery", "algorithmic spinodal"]  # what is seen there


def test_empty_diagram_says_so(drawn):
    for name in ("empty", "nothing"):
        note = names(drawn[name])["no transition in this window"]
        assert note.get_position() == (0.5, 0.5)
        assert not curves(drawn[name])


def test_points_whose_status_is_not_good_are_hollow():
    table = pd.DataFrame([point(kind, 0.1 * k, 0.9, "0") for k, kind in enumerate(
        ["cusp", "tricritical", "critical_end", "triple", "informative_end", "odd_point"], 1)]
        + [point("cusp", 0.8, 0.1, "0", status="tolerance missed")])  # fmt: skip
    ax = dataclasses.replace(sensing(), special_points=table).plot()
    assert legend(ax)[2:] == ["cusp", "tricritical point", "critical end point", "triple point",
                              "informative spinodal meets weak recovery", "odd point", "cusp (tolerance missed)"]  # fmt: skip
    marks = [line for line in ax.lines if line.get_label() in legend(ax)[2:]]
    assert len({line.get_marker() for line in marks}) == 6
    assert marks[-1].get_markerfacecolor() == "white"


def test_an_informative_end_at_a_critical_end_point_is_a_ring_around_it():
    table = pd.DataFrame([point("critical_end", 0.5, 0.5, "0"), point("informative_end", 0.5, 0.5, "0")])
    ax = dataclasses.replace(sensing(), special_points=table).plot()
    square, ring = (line for line in ax.lines if line.get_label() in ("critical end point", "informative spinodal meets weak recovery"))
    assert ring.get_markerfacecolor() == "none"
    assert ring.get_markersize() > 1.5 * square.get_markersize()


def test_a_curve_that_turns_back_bounds_from_both_sides():
    angle = np.linspace(0, 2 * np.pi, 81)
    island = curve(0, "spinodal", "", 0.5 + 0.3 * np.cos(angle), 0.5 + 0.2 * np.sin(angle), ("closed", "closed"))
    diagram = PhaseDiagram(model="m", x=RHO, y=ALPHA, boundaries=island, regions=pd.DataFrame([
        region("inside", 0.2, 0.8, 0, 0, 0.5, 0.5), region("outside", 0.2, 0.8, -1, 0, 0.5, 0.1),
        region("outside", 0.2, 0.8, 0, -1, 0.5, 0.9)]))  # fmt: skip
    inside, outside = diagram.plot().patches
    for y, is_inside in ((0.05, False), (0.29, False), (0.31, True), (0.69, True), (0.71, False)):
        assert inside.get_path().contains_point((0.5, y)) == is_inside
        assert outside.get_path().contains_point((0.5, y)) == (not is_inside)


def test_draws_where_it_is_told_in_narrow_axes_too():
    figure = Figure(figsize=(6, 3), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    assert cusp().plot(left) is left
    assert retrieval().plot(ax=right) is right
    figure.draw_without_rendering()
    for ax in (left, right):
        title = ax.title.get_window_extent()
        assert figure.bbox.x0 <= title.x0 < title.x1 <= figure.bbox.x1


@EVERY
def test_text_stays_text_and_lines_stay_lines(diagram, drawn, request, tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    figure = drawn[request.node.callspec.id].figure
    svg = write_figure(figure, tmp_path / "d.svg").read_text(encoding="utf-8")
    pdf = write_figure(figure, tmp_path / "d.pdf").read_bytes()
    assert dict(matplotlib.rcParams) == before
    assert "<image" not in svg
    assert all(f">{name}</text>" in svg for name in {*diagram.regions["name"], *legend(drawn[request.node.callspec.id])})
    assert b"/Subtype /Image" not in pdf
    assert b"/TrueType" in pdf or b"/CIDFontType2" in pdf
    assert len(list(tmp_path.iterdir())) == 2


def test_png_is_written_by_savefig_as_well(drawn):
    file = io.BytesIO()
    drawn["sensing"].figure.savefig(file, format="png")
    assert 5_000 < len(file.getvalue()) < 300_000
