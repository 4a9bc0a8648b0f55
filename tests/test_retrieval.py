"""Basins, capacity, overlap distributions, pictures: tables and what is drawn of them."""

import math
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import spinodal as sp
from spinodal.validate.images import frames_figure, glyphs, handwritten_digits, retrieval_frames
from spinodal.validate.retrieval import (
    overlap_samples,
    plot_map,
    plot_overlaps,
    plot_scaling,
    retrieval_map,
    retrieval_scaling,
)


@pytest.fixture(scope="module")
def basins():
    return retrieval_map(alphas=[0.02, 0.1, 0.3], starts=[0.0, 0.3, 1.0], size=400, instances=6, rng=1)


def test_basins_shrink_with_the_number_of_patterns(basins):
    final = basins.pivot_table(index="start", columns="alpha", values="overlap")
    assert list(basins.columns) == ["alpha", "start", "overlap", "standard_error", "retrieved", "size", "instances"]
    assert final.loc[1.0, 0.02] > 0.999
    assert final.loc[0.3, 0.02] > 0.99
    assert final.loc[0.3, 0.3] < 0.6
    assert final.loc[1.0, 0.3] < 0.8
    assert final.loc[0.0].abs().max() < 0.3


def test_dreaming_widens_basins():
    settings = {"alphas": [0.2], "starts": [0.8], "size": 300, "instances": 6}
    plain, dreaming = (retrieval_map(dreaming=t, **settings)["overlap"][0] for t in (0, math.inf))
    assert plain < 0.8
    assert dreaming > 0.99


def test_capacity_sharpens_with_size():
    table = retrieval_scaling(alphas=[0.1, 0.2], sizes=(200, 1200), instances=16, rng=0)
    kept = table.pivot_table(index="size", columns="alpha", values="retrieved")
    assert (kept[0.1] > 0.8).all()
    assert kept.loc[1200, 0.2] < 0.3
    assert kept.loc[1200, 0.2] <= kept.loc[200, 0.2]
    assert (table["standard_error"] > 0).all()


def test_equal_seeds_give_equal_tables(basins):
    again = retrieval_map(alphas=[0.02, 0.1, 0.3], starts=[0.0, 0.3, 1.0], size=400, instances=6, rng=1)
    assert again.equals(basins)


def test_overlap_distributions_are_about_the_theory():
    model = sp.Hopfield()
    table = overlap_samples(model, size=800, instances=4, sweeps=200, alpha=0.05, temperature=0.4)
    assert table.attrs["state"] == "retrieval"
    for name, place in table.attrs["theory"].items():
        assert table[name].mean() == pytest.approx(place, abs=0.02)
    glass = overlap_samples(model, size=300, instances=2, sweeps=50, alpha=0.2, temperature=1.0, state="spin glass")
    for one in (table, glass):
        ax = plot_overlaps(one)
        assert ax.get_xlabel() == "overlap"
        assert len(ax.get_legend().get_texts()) == 2
    assert len(plot_overlaps(glass).lines) == 3  # a spin glass has the overlaps q and -q


def test_tables_are_drawn_where_they_are_told_to_be(basins):
    first, second = Figure().subplots(1, 2)
    assert plot_map(basins, ax=first) is first
    assert first.get_ylabel() == "initial overlap"
    scaling = retrieval_scaling(alphas=[0.05, 0.25], sizes=(100, 200), instances=3)
    assert plot_scaling(scaling, capacity=0.1379, ax=second) is second
    assert {text.get_text() for text in second.get_legend().get_texts()} == {
        "$N = 100$", "$N = 200$", r"$\alpha_c = 0.1379$"}
    assert plot_scaling(scaling).figure is not second.figure


@pytest.mark.parametrize(
    ("run", "error", "words"),
    [
        (lambda: retrieval_map(alphas=[-0.1], starts=[1.0]), ValueError, "alphas = -0.1"),
        (lambda: retrieval_map(alphas=[0.1], starts=[1.5]), ValueError, "starts = 1.5"),
        (lambda: retrieval_map(alphas=[0.1], starts=[1.0], instances=1), ValueError, "instances = 1 "),
        (lambda: retrieval_map(alphas=[0.1], starts=[1.0], size=2), ValueError, "size = 2 "),
        (lambda: retrieval_scaling(alphas=[0.1], sizes=[]), ValueError, "sizes is empty"),
        (lambda: retrieval_scaling(alphas=[0.1], dreaming=-1, sizes=[50]), ValueError, "dreaming = -1"),
        (lambda: overlap_samples(sp.Hopfield(), alpha=0.1, temperature=0), ValueError, "temperature = 0"),
    ],
)
def test_bad_input_is_refused(run, error, words):
    with pytest.raises(error, match=words):
        run()


# ---- pictures ----


@pytest.fixture(scope="module")
def pictures():
    return glyphs("ABCDEFGHKLMN", side=24)


def test_glyphs_are_pictures_with_ink(pictures):
    assert pictures.shape == (12, 24, 24)
    assert set(np.unique(pictures)) == {-1, 1}
    ink = (pictures == 1).mean(axis=(1, 2))
    assert (ink > 0.08).all()
    assert (ink < 0.6).all()
    assert len(np.unique(pictures.reshape(12, -1), axis=0)) == 12


def test_correlated_pictures_need_dreaming(pictures):
    plain, dreaming = (retrieval_frames(pictures, which=1, overlap=0.6, dreaming=t, rng=0) for t in (0, 20.0))
    assert plain.overlaps[-1] < 0.95
    assert dreaming.overlaps[-1] == 1
    assert dreaming.overlaps[0] == pytest.approx(0.6, abs=0.01)
    assert dreaming.frames.shape == (6, 24, 24)
    assert list(dreaming.visits[:5]) == [0, 144, 288, 432, 576]
    np.testing.assert_array_equal(dreaming.frames[-1], pictures[1])
    figure = frames_figure(plain, dreaming)
    assert len(figure.axes) == 14
    assert [ax.get_title() for ax in figure.axes[:2]] == ["stored", "shown"]


def test_digits_come_from_scikit_learn_or_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"pip install scikit-learn.*glyphs\(\)"):
        handwritten_digits(3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"which": 12}, "which = 12.*12 pictures"),
        ({"overlap": 2.0}, "overlap = 2.0"),
        ({"dreaming": -1.0}, "dreaming = -1.0"),
        ({"frames": 1}, "frames = 1 "),
    ],
)
def test_bad_settings_of_pictures_are_refused(pictures, settings, words):
    with pytest.raises(ValueError, match=words):
        retrieval_frames(pictures, **settings)


def test_bad_pictures_are_refused(pictures):
    with pytest.raises(ValueError, match=r"pictures of shape \(24, 24\)"):
        retrieval_frames(pictures[0])
    with pytest.raises(ValueError, match="characters"):
        glyphs("")
    with pytest.raises(ValueError, match="side = 4"):
        glyphs("A", side=4)
    with pytest.raises(ValueError, match="retrieval_frames"):
        frames_figure()
