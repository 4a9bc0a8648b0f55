"""Figures of depth and width, and diagrams beside each other: the curves are the rows of the table."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import spinodal as sp
from spinodal.phase_diagrams.generative_figures import DEPTH_COLUMNS


def row(observation, activation, depth, compression, kind, branch, value):
    return dict(zip(DEPTH_COLUMNS, (observation, activation, depth, compression, kind, branch, value, 1e-15, "converged"), strict=True))


TABLE = pd.DataFrame([
    row("compressed sensing", "linear", 2, 3.0, "first_order", "equilibrium", 1 / 3),
    row("compressed sensing", "linear", 1, 3.0, "first_order", "equilibrium", 1 / 3),
    row("compressed sensing", "sign", 1, 3.0, "spinodal", "uninformative", 0.28),
    row("compressed sensing", "sign", 2, 3.0, "none", "", np.nan),
    row("phase retrieval", "linear", 1, 3.0, "spinodal", "uninformative", 0.359),
    row("phase retrieval", "linear", 1, 6.0, "spinodal", "uninformative", 0.178),
    row("phase retrieval", "linear", 2, 3.0, "spinodal", "uninformative", 0.343),
    row("phase retrieval", "linear", 1, 3.0, "spinodal", "informative", 0.333),
])  # fmt: skip


def curves(ax):
    return [(to_hex(line.get_color()), list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]


def test_a_curve_for_each_activation_kind_and_compression_sorted_by_depth():
    figure = sp.plot_depth(TABLE, per="component")
    left, right = figure.axes
    assert [(x, y) for _, x, y in curves(left)] == [([1, 2], [1 / 3, 1 / 3]), ([1], [0.28])]
    assert [(x, y) for _, x, y in curves(right)] == [([1, 2], [0.359, 0.343]), ([1], [0.178])]
    (linear, *_), (sign, *_) = curves(left)
    assert linear != sign
    assert linear == curves(right)[0][0]
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == ["linear", "sign", "algorithmic spinodal", "first-order transition"]


def test_samples_are_counted_per_latent_variable():
    _, right = sp.plot_depth(TABLE, against="compression").axes
    assert [(x, pytest.approx(y)) for _, x, y in curves(right)] == [([3, 6], [1.077, 1.068]), ([3], [1.029])]
    assert "n/k" in sp.plot_depth(TABLE).axes[0].get_ylabel()


def test_what_is_the_same_for_all_is_said_in_the_title():
    one_layer = sp.plot_depth(TABLE[TABLE["depth"] == 1], against="compression")
    assert [ax.get_title() for ax in one_layer.axes] == ["compressed sensing, 1 layer", "phase retrieval, 1 layer"]
    assert [text.get_text() for text in one_layer.axes[1].get_xticklabels()] == ["3", "6"]


def test_a_table_survives_a_file():
    text = TABLE.to_csv(index=False)
    same = sp.plot_depth(pd.read_csv(io.StringIO(text)))
    assert [curves(ax) for ax in same.axes] == [curves(ax) for ax in sp.plot_depth(TABLE).axes]


def test_a_table_holds_the_thresholds(tmp_path):
    asked = {"depths": (1, 2), "activations": {"linear": sp.Linear()}, "observations": {"sensing": sp.Linear()}, "store": tmp_path / "kept.db"}
    table = sp.depth_table(**asked)
    assert tuple(table.columns) == DEPTH_COLUMNS
    assert set(table["depth"]) == {1, 2}
    assert table["value"].to_numpy() == pytest.approx(1 / 3, abs=1e-12)
    told = []
    again = sp.depth_table(**asked, progress=lambda done, total: told.append((done, total)))
    pd.testing.assert_frame_equal(again, table)
    assert told[0] == (2, 2)


def test_no_transition_is_a_row():
    table = sp.depth_table(depths=(1,), activations={"linear": sp.Linear()}, observations={"noisy": sp.Linear(noise=0.1)})
    assert list(table["kind"]) == ["none"]
    assert table["value"].isna().all()


@pytest.mark.parametrize(("call", "error", "said"), [
    (lambda: sp.plot_depth([1]), TypeError, r"table = \[1\]"),
    (lambda: sp.plot_depth(TABLE.drop(columns="depth")), ValueError, "no column 'depth'"),
    (lambda: sp.plot_depth(TABLE[:0]), ValueError, "table is empty"),
    (lambda: sp.plot_depth(TABLE, against="width"), ValueError, "against = 'width'"),
    (lambda: sp.plot_depth(TABLE, per="sample"), ValueError, "per = 'sample'"),
    (lambda: sp.plot_depth(TABLE, axes=[]), ValueError, "0 axes for 2 observations"),
    (lambda: sp.depth_table(depths=(0,)), ValueError, "depths holds 0"),
    (lambda: sp.depth_table(depths=3), TypeError, "depths = 3"),
    (lambda: sp.depth_table(compressions=(-1,)), ValueError, "compressions = -1"),
    (lambda: sp.depth_table(activations={"ReLU": 1}), TypeError, r"activations\['ReLU'\] = 1"),
    (lambda: sp.depth_table(observations={}), TypeError, "observations = {}"),
    (lambda: sp.plot_side_by_side([]), ValueError, "diagrams is empty"),
    (lambda: sp.plot_side_by_side([TABLE]), TypeError, r"diagrams\[0\]"),
])  # fmt: skip
def test_refusals(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_diagrams_stand_beside_each_other():
    diagram = sp.phase_diagram(sp.catalogue()["linear-generative-pca"].model, x=("ratio", 0.5, 2.0), y=("delta", 1.0, 4.0))
    figure = sp.plot_side_by_side([diagram, diagram], titles=["one", "two"])
    assert [ax.get_title() for ax in figure.axes] == ["one", "two"]
    assert all(ax.lines for ax in figure.axes)
    with pytest.raises(ValueError, match="1 titles for 2 diagrams"):
        sp.plot_side_by_side([diagram, diagram], titles=["one"])
