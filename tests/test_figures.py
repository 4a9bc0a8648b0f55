"""Figures: what they show is what the tables say, in words, without touching any global state."""

import io
import re
import subprocess
import sys

import numpy as np
import pytest
import sympy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import spinodal as sp
from spinodal.phase_diagrams.labels import _arranged, _joined, _spans, written
from spinodal.theory.parse import resolve

PERCEPTRON = sp.GLM(sp.Rademacher(), sp.Sign())
SENSING = sp.GLM(sp.GaussBernoulli(0.2), sp.Linear())
WINDOW = (0.5, 2.0)


@pytest.fixture(scope="module")
def perceptron():
    return sp.plot_branches(PERCEPTRON, between=WINDOW)


def said(ax):
    """Every text above the axes."""
    return [text.get_text() for text in ax.texts if text.get_text()]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def lines(ax, colour, style=None):
    return [
        line
        for line in ax.lines
        if to_hex(line.get_color()) == colour.lower() and style in (None, line.get_linestyle())
    ]


def test_thresholds_are_marked_with_words_and_four_digits(perceptron):
    table = sp.thresholds(PERCEPTRON, between=WINDOW)
    assert said(perceptron) == [f"first-order transition: {table['value'][0]:#.4g}",
                                f"algorithmic spinodal: {table['value'][1]:#.4g}"]  # fmt: skip
    marked = [line.get_xdata()[0] for line in perceptron.lines if len(set(line.get_xdata())) == 1]
    assert np.allclose(sorted(marked), table["value"])


def test_stable_full_unstable_dashed_equilibrium_emphasised(perceptron):
    (stable,), (unstable,) = lines(perceptron, "#0072B2"), lines(perceptron, "#D55E00")
    assert (stable.get_linestyle(), unstable.get_linestyle()) == ("-", "--")
    fold = sp.thresholds(PERCEPTRON, between=WINDOW)["value"][1]
    for line in (stable, unstable):
        assert line.get_xdata().max() == pytest.approx(fold, rel=1e-9)
    bands = sorted(lines(perceptron, "#E69F00"), key=lambda line: line.get_xdata()[0])
    crossing = sp.thresholds(PERCEPTRON, between=WINDOW)["value"][0]
    assert bands[0].get_xdata()[0] == WINDOW[0]
    assert bands[0].get_xdata()[-1] == pytest.approx(crossing, rel=1e-9)
    assert all(np.all(band.get_ydata() == 0) for band in bands[1:])
    assert "equilibrium" in legend(perceptron)
    assert "perfect recovery (a limit), stable" in legend(perceptron)


def test_lines_lie_on_the_fixed_points(perceptron):
    (stable,), (unstable,) = lines(perceptron, "#0072B2"), lines(perceptron, "#D55E00")
    for alpha in (0.7, 1.3, 1.45):
        solved = {point.stable: point.observables["mse"] for point in sp.fixed_points(PERCEPTRON, alpha=alpha)
                  if point.status is not sp.Status.LIMIT}  # fmt: skip
        for line, is_stable in ((stable, True), (unstable, False)):
            assert np.interp(alpha, *line.get_data()) == pytest.approx(solved[is_stable], abs=2e-4)


@pytest.mark.parametrize("quantity", ["m", "overlap", "free_entropy", "generalisation_error", "gibbs_error"])
def test_other_quantities(quantity):
    ax = sp.plot_branches(PERCEPTRON, between=WINDOW, quantity=quantity)
    (stable,) = lines(ax, "#0072B2")
    points = sp.fixed_points(PERCEPTRON, alpha=1.0)
    point = next(point for point in points if point.stable and point.order_parameters["m"] < 1)
    exact = {**point.order_parameters, **point.observables, "free_entropy": point.free_entropy}[quantity]
    assert np.interp(1.0, *stable.get_data()) == pytest.approx(exact, abs=2e-4)
    assert ax.get_ylabel()


def test_what_is_infinite_is_said_and_not_drawn():
    ax = sp.plot_branches(SENSING, between=(0.1, 0.6), quantity="free_entropy")
    assert "perfect recovery (a limit), stable: $f$ infinite" in legend(ax)
    assert np.isfinite(ax.get_ylim()).all()


def test_thresholds_at_one_place_share_a_label():
    ax = sp.plot_branches(SENSING, between=(0.1, 0.6))
    both = "informative spinodal = first-order transition: 0.2000"
    assert said(ax) == [both, "algorithmic spinodal: 0.3554"]


def test_no_transition_is_said():
    ax = sp.plot_branches(sp.GLM(sp.Gaussian(), sp.Sign()), between=(0.1, 10))
    assert said(ax) == [r"no transition for 0.1 < $\alpha$ < 10"]
    assert legend(ax) == ["stable", "equilibrium"]


def test_no_signal_is_drawn_as_the_limit_it_is():
    ax = sp.plot_branches(sp.GLM(sp.Rademacher(), sp.Door(0.67449)), between=(0.5, 3))
    full, dashed = sorted(lines(ax, "#CC79A7"), key=lambda line: line.get_xdata()[0])
    assert (full.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
    assert full.get_xdata()[-1] == dashed.get_xdata()[0] == pytest.approx(1.3604588)
    assert set(full.get_ydata()) == set(dashed.get_ydata()) == {1.0}


def test_title_says_model_and_controls():
    rho, noise = sympy.symbols("rho noise")
    model = sp.GLM(sp.GaussBernoulli(rho), sp.Linear(noise=noise))
    ax = sp.plot_branches(model, between=(0.1, 0.6), rho=0.2, noise=0)
    assert ax.get_title() == "GLM(GaussBernoulli(rho), Linear(noise=noise))\nat rho = 0.2, noise = 0"
    assert (ax.get_xlabel(), ax.get_ylabel()) == (r"$\alpha$", "mean-squared error $V$")


def test_names_of_models_are_what_one_types():
    for text in ("GLM(Rademacher(), Sign())", "GLM(GaussBernoulli(0.3, variance=2), Abs(noise=0.01))",
                 "GLM(Discrete([-1, 3], [0.75, 0.25]), Door(0.5))"):  # fmt: skip
        assert written(resolve(text).model) == text


def test_landscape_has_its_extrema_at_the_fixed_points():
    ax = sp.plot_landscape(PERCEPTRON, [1.1, 1.35])
    curves = [line for line in ax.lines if len(line.get_xdata()) > 1]
    assert [to_hex(line.get_color()) for line in curves] == ["#56b4e9", "#0072b2"]
    for alpha, line in zip((1.1, 1.35), curves, strict=True):
        m, f = line.get_data()
        for point in sp.fixed_points(PERCEPTRON, alpha=alpha):
            near = np.abs(m - point.order_parameters["m"]) < 0.02
            extremum = f[near].max() if point.stable else f[near].min()
            assert extremum == pytest.approx(point.free_entropy, abs=1e-4)
    assert {"equilibrium", "metastable", "unstable"} < set(legend(ax))


def test_landscape_of_a_divergence_is_finite_and_said():
    ax = sp.plot_landscape(SENSING, [0.15, 0.3])
    assert np.isfinite([*ax.get_xlim(), *ax.get_ylim()]).all()
    assert r"perfect recovery, $f \to +\infty$" in legend(ax)


def test_landscape_along_another_control():
    model = sp.GLM(sp.Rademacher(), sp.Probit(sympy.Symbol("input_noise")))
    ax = sp.plot_landscape(model, [0.01, 0.1], along="input_noise", alpha=1.2)
    assert legend(ax)[0] == "input noise = 0.01"
    assert len(sp.plot_landscape(PERCEPTRON, 1.2).get_legend().get_texts()) >= 2


def test_draws_where_it_is_told_and_keeps_later_titles_clear():
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    assert sp.plot_branches(PERCEPTRON, between=WINDOW, ax=left) is left
    assert sp.plot_landscape(PERCEPTRON, [1.2], ax=right) is right
    left.set_title("a title of one's own")
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    title = left.title.get_window_extent(renderer)
    for text in left.texts:
        if text.get_text():
            assert text.get_window_extent(renderer).ymax <= title.ymin + 1


@pytest.mark.parametrize("window", [(0.3, 2.0), (0.6, 1.6), (0.65, 1.51)])
def test_labels_meet_neither_each_other_nor_the_figure_s_edge(window):
    ax = sp.plot_branches(sp.GLM(sp.Rademacher(), sp.Probit(1e-3)), between=window)
    figure = ax.figure
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in ax.texts if text.get_text()]
    assert len(boxes) == 3
    for k, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:k])
    below = ax.get_legend().get_window_extent(renderer)
    assert below.ymax < ax.get_window_extent(renderer).ymin
    assert 0 <= below.x0 < below.x1 <= figure.bbox.x1


@pytest.mark.parametrize("places", [[10, 12, 14], [0, 200, 400], [390, 395, 399, 400], [5, 6, 200, 399], []])
def test_no_label_is_crossed_by_a_line(places):
    lengths = [120.0] * len(places)
    rows, sides = _arranged(list(map(float, places)), lengths, 400.0)
    spans = _spans(places, lengths, sides)
    for i, (a, b) in enumerate(spans):
        for j, place in enumerate(places):
            if i != j and a < place < b:
                assert rows[j] < rows[i]
            if i < j and rows[i] == rows[j]:
                assert b <= spans[j][0] or spans[j][1] <= a


def test_lines_at_one_place_are_joined():
    marks = [(0.2, "a"), (0.2 + 1e-9, "b"), (0.3, "c")]
    assert _joined(marks) == [(0.2, "a = b: 0.2000"), (0.3, "c: 0.3000")]


@pytest.mark.parametrize("form", ["pdf", "svg", "png"])
def test_every_format_is_written(perceptron, form):
    file = io.BytesIO()
    perceptron.figure.savefig(file, format=form)
    assert 5_000 < len(file.getvalue()) < 200_000


def test_global_state_is_left_alone():
    code = (
        "import sys, spinodal as sp, matplotlib\n"
        "names = [name for name in matplotlib.rcParams if name != 'backend']\n"  # it loads pyplot
        "before = [matplotlib.rcParams[name] for name in names]\n"
        "sp.plot_landscape(sp.GLM(sp.Gaussian(), sp.Sign()), 1.0)\n"
        "assert [matplotlib.rcParams[name] for name in names] == before\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sp.plot_branches(PERCEPTRON, between=(2, 1)), ["between", "lower first"]),
        (lambda: sp.plot_branches(PERCEPTRON, between=WINDOW, quantity="mes"), ["quantity = 'mes'", "mse"]),
        (lambda: sp.plot_branches(PERCEPTRON, between=WINDOW, along="alpah"), ["alpah", "alpha"]),
        (lambda: sp.plot_branches(PERCEPTRON, between=WINDOW, noise=1), ["noise", "not a control"]),
        (lambda: sp.plot_landscape(PERCEPTRON, []), ["values = []", "alpha"]),
        (lambda: sp.plot_landscape(PERCEPTRON, [-1.0]), ["alpha"]),
    ],
)
def test_misuse_is_refused(call, words):
    with pytest.raises(ValueError, match=re.escape(words[0])) as refused:
        call()
    assert all(word in str(refused.value) for word in words)
