"""Rasters: the values of the state that was asked for, solved more densely where it jumps and nowhere else."""

import io
import itertools
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sympy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import spinodal as sp
from spinodal.phase_diagrams import rasters
from spinodal.phase_diagrams.diagram import AxisSpec, PhaseDiagram
from spinodal.phase_diagrams.lattice import level_of, refined_points
from spinodal.phase_diagrams.rasters import Raster
from spinodal.phase_diagrams.tables import from_csv

MODEL = sp.GLM(sp.Rademacher(), sp.Linear(noise=sympy.Symbol("noise")))
PLANE = {"x": ("noise", 0.02, 0.15), "y": ("alpha", 0.3, 0.9)}
CUSP = 0.10163111594  # of the noise: behind it nothing jumps
SMALL = {"x": ("noise", 0.02, 0.06), "y": ("alpha", 0.3, 0.6), "points": (3, 4), "refine": 1}
DENSITY = sp.GLM(sp.GaussBernoulli(sympy.Symbol("rho")), sp.Linear())  # without noise: information is infinite


@pytest.fixture(scope="module")
def made():
    return {state: sp.raster(MODEL, **PLANE, points=(9, 9), refine=2, state=state)
            for state in ("equilibrium", "algorithm", "informative")}


@pytest.fixture(scope="module")
def infinite():
    return sp.raster(DENSITY, x=("rho", 0.2, 0.6), y=("alpha", 0, 0.9), points=(3, 3), refine=0,
                     observables=("mse", "mutual_information"))


# --- the values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "choice"), [
    ("equilibrium", lambda found: found[0]),
    ("algorithm", lambda found: min((s for s in found if s.stable), key=lambda s: s.order_parameters["m"])),
    ("informative", lambda found: max((s for s in found if s.stable), key=lambda s: s.order_parameters["m"])),
])
def test_values_are_those_of_fixed_points_at_the_same_controls(made, state, choice):
    table = made[state].points
    for row in table.iloc[:: len(table) // 12].to_dict("records"):
        found = sp.fixed_points(MODEL, noise=row["noise"], alpha=row["alpha"])
        expected = choice(found)
        for name in ("mse", "overlap"):
            assert row[name] == pytest.approx(expected.observables[name], rel=1e-9)
        assert row["free_entropy"] == pytest.approx(expected.free_entropy, rel=1e-11)
        assert row["states"] == sum(s.stable for s in found)
        assert row["status"] == str(expected.status) == "converged"
        assert 0 < row["error"] < 1e-9


def test_equilibrium_is_the_equilibrium(made):
    rows = made["equilibrium"].points.query("noise == 0.02")
    states = sp.equilibrium(MODEL, noise=0.02, alpha=rows["alpha"].to_numpy())
    assert np.allclose(rows["mse"], [s.observables["mse"] for s in states], rtol=1e-9, atol=0)


def test_states_part_in_the_hard_phase_only(made):
    poor, dominant, good = (made[state].points.query("level == 0").reset_index(drop=True)
                            for state in ("algorithm", "equilibrium", "informative"))
    assert (poor["overlap"] <= dominant["overlap"] + 1e-12).all()
    assert (dominant["overlap"] <= good["overlap"] + 1e-12).all()
    several = poor["states"] > 1
    assert several.any()
    assert ((good["overlap"] > poor["overlap"] + 1e-9) == several).all()
    assert (poor.loc[several, "noise"] < CUSP).all()


def test_other_controls_are_fixed():
    model = sp.GLM(sp.Rademacher(), sp.Linear(noise=sympy.Symbol("noise"), input_noise=sympy.Symbol("inside")))
    made = sp.raster(model, x=("noise", 0.02, 0.04), y=("alpha", 0.3, 0.6), points=(2, 3), refine=0, inside=0.01)
    assert made.controls == {"inside": 0.01}
    row = made.points.iloc[1]
    expected = sp.equilibrium(model, inside=0.01, noise=row["noise"], alpha=row["alpha"])
    assert row["mse"] == pytest.approx(expected.observables["mse"], rel=1e-9)
    assert "at inside = 0.01" in made.summary()


def test_infinite_values_stay_infinite(infinite):
    assert np.isposinf(infinite.points["mutual_information"]).all()
    assert np.isposinf(infinite.grid("mutual_information")).all()
    perfect = infinite.points["mse"] == 0
    assert perfect.any()
    assert np.isposinf(infinite.points["free_entropy"][perfect]).all()
    assert (infinite.points["status"][perfect] == "limit").all()
    assert infinite.points["alpha"].min() == pytest.approx(9e-4)  # a window from 0 on starts just above
    assert "mutual_information: infinite at 9 points" in infinite.summary()


# --- where there are points ------------------------------------------------------------------------------------------


def test_refinement_is_near_the_threshold_only(made):
    step = np.array([0.13, 0.6]) / 8  # of the first grid
    columns = np.linspace(0.02, CUSP - 1e-4, 30)
    for state, kind in (("equilibrium", "first_order"), ("algorithm", "spinodal")):
        line = []
        for noise in columns:
            table = sp.thresholds(MODEL, between=(0.3, 0.9), noise=noise)
            chosen = table[(table["kind"] == kind) & (table["branch"] != "informative")]
            line.append((noise, chosen["value"].iloc[0]))
        points = made[state].points
        for level in (1, 2):
            finer = points[points["level"] == level][["noise", "alpha"]].to_numpy()
            gaps = np.linalg.norm((finer[:, None] - np.array(line)) / step, axis=2).min(axis=1)
            # in a cell of the level before that the line crosses, and a bit more, as the line is sampled here;
            # behind the cusp the change is continuous and at first as steep as a jump
            before = finer[:, 0] < CUSP
            assert gaps[before].max() < 2 ** (1.5 - level) + 0.1, (state, level)
            assert gaps[~before].max() < 1.5, (state, level)
            assert len(finer) > 10
        assert len(points) < 0.25 * made[state].solved.size


def test_jump_is_enclosed_within_the_finest_spacing(made):
    made = made["equilibrium"]
    spacing = made.y_values[1] - made.y_values[0]
    for noise in (0.02, 0.06875, 0.085):
        (value,) = sp.thresholds(MODEL, between=(0.3, 0.9), noise=noise).query("kind == 'first_order'")["value"]
        heights = made.points["alpha"][made.points["noise"] == noise]
        assert heights[heights > value].min() - heights[heights < value].max() == pytest.approx(spacing)


def test_points_are_nodes_of_the_lattice(made):
    made = made["equilibrium"]
    assert (made.x_values[[0, -1]] == (0.02, 0.15)).all()
    assert (made.y_values[[0, -1]] == (0.3, 0.9)).all()
    assert made.solved.shape == (33, 33)
    assert made.solved[::4, ::4].all()
    assert made.solved.sum() == len(made.points) == len(made.points.drop_duplicates(["noise", "alpha"]))
    assert (made.points["level"] == 0).sum() == 81


def test_no_refinement_without_levels():
    made = sp.raster(MODEL, **SMALL | {"refine": 0, "observables": "mse"})
    assert made.observables == ("mse",)
    assert list(made.points) == ["noise", "alpha", "mse", "free_entropy", "error", "states", "level", "status"]
    assert len(made.points) == 12
    assert made.solved.all()


def test_logarithmic_axis_is_evenly_spaced_in_its_logarithm():
    made = sp.raster(MODEL, x=("noise", 0.01, 0.04, "log"), y=("alpha", 0.2, 0.3), points=(3, 2), refine=0)
    assert made.x_values == pytest.approx([0.01, 0.02, 0.04], rel=1e-14)


class Plane:
    """A made-up state over the unit square: inside a circle it is another one."""

    def __init__(self, shape, refine, outside=0.0, lost=lambda x, y: False):
        self.size = [(count - 1) * 2**refine for count in shape]
        self.outside, self.lost, self.asked = outside, lost, []

    def at(self, node):
        return [k / n for k, n in zip(node, self.size, strict=True)]

    def __call__(self, nodes, description):
        nodes = sorted(nodes)
        self.asked += nodes
        rows = {}
        for node in nodes:
            x, y = self.at(node)
            inside = math.hypot(x - 0.52, y - 0.47) < 0.3
            value = 1 + x + y + x * y if inside else self.outside
            gone = self.lost(x, y)
            rows[node] = {"values": [math.nan if gone else value], "branch": None if gone else int(inside), "folds": 1,
                          "free_entropy": 0.0, "error": 0.0, "states": 1, "status": "?" if gone else "converged"}
        return rows


def as_raster(rows, plane, shape, refine):
    table = pd.DataFrame([
        {"x": plane.at(node)[0], "y": plane.at(node)[1], "v": row["values"][0], "free_entropy": 0.0, "states": 1,
         "level": level_of(*node, refine), "status": row["status"]} for node, row in sorted(rows.items())
    ])
    axes = {name: AxisSpec(name, 0, 1, label=name) for name in "xy"}
    return Raster(model="made up", **axes, controls={}, state="equilibrium", observables=("v",), shape=shape,
                  refine=refine, labels={"v": "value", "free_entropy": "f"}, points=table)


@pytest.mark.parametrize(("shape", "refine"), [((9, 5), 3), ((5, 5), 5), ((2, 2), 6), ((7, 9), 0)])
def test_every_part_of_a_closed_line_is_found_once(shape, refine):
    plane = Plane(shape, refine)
    rows = refined_points(plane, shape, refine)
    assert len(plane.asked) == len(set(plane.asked)) == len(rows)
    made = as_raster(rows, plane, shape, refine)
    # neighbours of the finest lattice between which the state changes, next to any that is solved: both are solved
    inside = np.hypot(*(np.meshgrid(made.x_values - 0.52, made.y_values - 0.47))) < 0.3
    if shape == (2, 2):  # no corner is inside: nothing is seen, and nothing is refined
        assert len(rows) == 4
        return
    changes = inside[1:] != inside[:-1]
    assert changes.any()
    assert (made.solved[1:][changes] & made.solved[:-1][changes]).all()
    assert len(rows) < 12 * changes.sum() + math.prod(shape)
    # within the cells that were not refined the function is bilinear there
    x, y = np.meshgrid(made.x_values, made.y_values)
    assert np.allclose(made.grid("v"), np.where(inside, 1 + x + y + x * y, 0), rtol=1e-13)


def test_infinite_and_unknown_values_do_not_spread():
    shape, refine = (9, 9), 3
    plane = Plane(shape, refine, outside=math.inf, lost=lambda x, y: x < 0.05 and y > 0.9)
    made = as_raster(refined_points(plane, shape, refine), plane, shape, refine)
    grid = made.grid("v")
    x, y = np.meshgrid(made.x_values, made.y_values)
    inside = np.hypot(x - 0.52, y - 0.47) < 0.3
    unknown = (x < 0.125) & (y > 0.875)  # the cells at which an unknown corner is
    assert np.isposinf(grid[~inside & ~unknown]).all()
    assert np.allclose(grid[inside], (1 + x + y + x * y)[inside])
    assert np.isnan(grid[unknown]).all()
    assert (made.points["status"] == "?").sum() == np.isnan(made.points["v"]).sum() == 1
    assert "v: " in made.summary()
    assert "not known at 1 points" in made.summary()
    assert "Not good at 1 of" in made.summary()
    words = [text.get_text() for axes in made.plot().figure.axes for key in legends(axes) for text in key.get_texts()]
    assert words == ["infinite", "not known"]


def legends(axes):
    from matplotlib.legend import Legend

    return [child for child in axes.get_children() if isinstance(child, Legend)]


def test_state_beyond_double_precision_is_carried_as_unknown(monkeypatch):
    lost = sp.Status.OUTSIDE_RANGE

    def outside(model, **controls):
        found = sp.fixed_points(model, **controls)
        return (tuple(replace(state, status=lost) for state in found[0]), *found[1:])

    monkeypatch.setattr(rasters, "fixed_points", outside)
    made = sp.raster(MODEL, **SMALL)
    first = made.points[made.points["status"] == str(lost)]
    assert (made.points.query("level == 0 and alpha == 0.3")["status"] == str(lost)).all()
    assert first[["mse", "overlap", "free_entropy", "error"]].isna().all(axis=None)
    assert made.points.drop(first.index).notna().all(axis=None)
    assert np.isnan(made.grid("mse")[0, ::2]).all()
    assert lost.advice in made.summary()


# --- stores, executors, tables ---------------------------------------------------------------------------------------


def test_interrupted_raster_goes_on_to_the_identical_table(tmp_path):
    plain = sp.raster(MODEL, **SMALL)
    assert (plain.points["level"] == 1).any()
    told = []

    def interrupt(done, total):
        told.append((done, total))
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sp.raster(MODEL, **SMALL, store=tmp_path / "kept", progress=interrupt)
    assert told == [(0, 3), (1, 3), (2, 3)]
    with ThreadPoolExecutor(1) as pool:
        resumed = sp.raster(MODEL, **SMALL, store=tmp_path / "kept", executor=pool,
                            progress=lambda *counts: told.append(counts))
    assert told[3] == (2, 3)
    again = sp.raster(MODEL, **SMALL, store=tmp_path / "kept")
    for other in (resumed, again):
        pd.testing.assert_frame_equal(plain.points, other.points, check_exact=True)


def test_csv_holds_every_digit(made, tmp_path):
    made = made["equilibrium"]
    path = made.to_csv(tmp_path / "raster.csv")
    pd.testing.assert_frame_equal(from_csv(path.read_text(encoding="utf-8")), made.points, check_exact=True,
                                  check_dtype=False)
    with pytest.raises(ValueError, match=r"must end in \.csv"):
        made.to_csv(tmp_path / "raster.txt")


def test_summary_says_what_was_solved(made):
    made = made["algorithm"]
    said = made.summary()
    assert said.startswith("GLM(Rademacher(), Linear(noise=noise)) in 0.02 < noise < 0.15, 0.3 < alpha < 0.9: the state")
    assert f"{len(made.points)} points were solved: 81 of a grid of 9 x 9" in said
    assert "33 x 33 points" in said
    assert "Stable states at a point: 1 to 2." in said
    assert "Not good" not in said
    assert made._repr_html_().count("<p>") == len(said.splitlines())
    assert repr(made).startswith("Raster(GLM(")


def test_dataset_is_the_table_on_the_lattice(made, tmp_path):
    xarray = pytest.importorskip("xarray")
    made = made["equilibrium"]
    data = made.to_xarray()
    assert data["mse"].dims == ("alpha", "noise")
    assert data["solved"].dtype == bool
    assert data.attrs == {"model": "GLM(Rademacher(), Linear(noise=noise))", "state": "equilibrium"}
    back = data.to_dataframe().query("solved").reset_index().sort_values(["noise", "alpha"], ignore_index=True)
    columns = ["noise", "alpha", "mse", "overlap", "free_entropy", "status"]
    pd.testing.assert_frame_equal(back[columns], made.points[columns], check_exact=True, check_dtype=False)
    between = data.where(~data["solved"], drop=True)
    assert np.isfinite(between["mse"].to_numpy()[~data["solved"].to_numpy()]).all()
    assert set(data["status"].to_numpy().ravel()) == {"", "converged"}
    # interpolation errs by what is smooth
    middle = data["mse"].sel(noise=made.x_values[2], alpha=made.y_values[2], method="nearest")
    exact = sp.equilibrium(MODEL, noise=made.x_values[2], alpha=made.y_values[2]).observables["mse"]
    assert float(middle) == pytest.approx(exact, rel=0.02)
    assert xarray.Dataset.from_dict(data.to_dict()).equals(data)
    data.to_netcdf(tmp_path / "raster.nc", engine="scipy")
    with xarray.open_dataset(tmp_path / "raster.nc", engine="scipy") as read:
        assert (read["mse"].to_numpy() == data["mse"].to_numpy()).all()
        assert (read["solved"].to_numpy().astype(bool) == made.solved).all()


def test_missing_xarray_is_told_with_the_cure(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match="pip install xarray"):
        made["equilibrium"].to_xarray()


# --- figures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def diagram():
    return PhaseDiagram(
        model="made up", x=AxisSpec("noise", 0.01, 0.2), y=AxisSpec("alpha", 0.1, 1.0),
        boundaries=[
            {"curve": 0, "kind": "first_order", "branch": "equilibrium", "noise": noise, "alpha": alpha, "overlap": 0.5,
             "mse": 0.5, "other_overlap": 0.9, "other_mse": 0.1, "free_entropy": -1.0, "error": 1e-12,
             "status": "converged", "end": end}
            for noise, alpha, end in ((0.02, 0.373, "window"), (0.06, 0.54, ""), (0.1016, 0.678, "cusp"))
        ],
    )


def test_figure_says_what_it_shows(made, diagram):
    ax = made["algorithm"].plot(diagram=diagram)
    assert (ax.get_xlim(), ax.get_ylim()) == ((0.02, 0.15), (0.3, 0.9))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("noise", r"$\alpha$")
    assert ax.get_title() == "GLM(Rademacher(), Linear(noise=noise))\nstate that message passing reaches"
    _, bar = ax.figure.axes
    assert bar.get_ylabel().startswith("mean-squared error")
    (mesh,) = ax.collections
    assert mesh.get_array().shape == (33, 33)
    assert mesh.get_array().min() == made["algorithm"].points["mse"].min()
    (line,) = [line for line in ax.lines if line.get_color() == "#D55E00"]
    assert mesh.get_zorder() < line.get_zorder()
    assert line.get_xydata()[0] == pytest.approx([0.02, 0.373])
    for form in ("png", "svg"):
        ax.figure.savefig(io.BytesIO(), format=form)


def test_figure_on_given_axes(made, infinite):
    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    one, other = figure.subplots(1, 2)
    assert made["equilibrium"].plot("overlap", ax=one) is one
    infinite.plot("mutual_information", ax=other)
    assert [text.get_text() for key in legends(other) for text in key.get_texts()] == ["infinite"]
    assert len(figure.axes) == 3  # no bar where there is no finite value
    figure.savefig(io.BytesIO(), format="png")


def test_figure_of_one_value(made):
    flat = replace(made["equilibrium"], points=made["equilibrium"].points.assign(mse=0.25))
    flat.plot("mse").figure.draw_without_rendering()


def test_unknown_observable_of_a_figure_is_refused(made, diagram):
    with pytest.raises(ValueError, match="'overlp' is not in this raster; did you mean 'overlap'"):
        made["equilibrium"].plot("overlp")
    with pytest.raises(ValueError, match="give one of the same controls"):
        made["equilibrium"].plot(diagram=PhaseDiagram(model="", x=diagram.y, y=diagram.x))


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wrong", "said"), [
    ({"observables": ("mse", "overlp")}, "'overlp' is not one of this model; did you mean 'overlap'"),
    ({"observables": ()}, "give at least one of overlap, mse"),
    ({"points": (1, 9)}, r"points = \(1, 9\): give two whole numbers from 2 on"),
    ({"points": (9, 4.5)}, "give two whole numbers"),
    ({"points": 33}, "give two whole numbers"),
    ({"points": (True, 9)}, "give two whole numbers"),
    ({"refine": -1}, "refine = -1: give how often"),
    ({"refine": 7}, "whole number from 0 to 6"),
    ({"refine": 1.5}, "whole number from 0 to 6"),
    ({"state": "equilibirum"}, "state = 'equilibirum' is none; did you mean 'equilibrium'"),
    ({"state": None}, "state = None is none"),
    ({"x": ("alpha", 0.3, 0.9), "y": ("noise", 0.02, 0.15)}, "swap the axes"),
    ({"y": ("alpha", 0.9, 0.3)}, "two finite numbers"),
    ({"x": ("nois", 0.02, 0.15)}, "nois"),
    ({"rho": 0.3}, "rho"),
    ({"noise": 0.3}, "is given a value and is an axis"),
])
def test_misuse_is_refused_before_any_computation(monkeypatch, wrong, said):
    monkeypatch.setattr(rasters, "column_at", None)
    with pytest.raises(ValueError, match=said):
        sp.raster(MODEL, **(PLANE | wrong))


def test_control_called_like_a_column_is_refused():
    model = sp.GLM(sp.Rademacher(), sp.Linear(noise=sympy.Symbol("level")))
    with pytest.raises(ValueError, match="rename the control"):
        sp.raster(model, x=("level", 0.02, 0.15), y=("alpha", 0.3, 0.9))


def test_levels_of_nodes():
    assert [level_of(i, j, 2) for i, j in itertools.product((0, 1, 2, 4), (0, 4))] == [0, 0, 2, 2, 1, 1, 0, 0]
