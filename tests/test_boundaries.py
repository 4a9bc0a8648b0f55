"""Boundaries as systems: Jacobians, vertices against independent routes, meeting points, several order parameters."""

import functools

import numpy as np
import pytest

import spinodal as sp
from spinodal.equations.boundaries import Change, Crossing, Fold, Level, LimitCrossing, LimitPair
from spinodal.equations.continuation import Bound, follow, polished
from spinodal.equations.curve import curve_of
from spinodal.equations.saddle import SymbolicSystem, branch_system, fold_system
from spinodal.equations.surface import Axis, Surface
from spinodal.theory.parameters import symbol

p = symbol("p")


@functools.cache
def surface(name):
    model, axis = {
        "perceptron": (sp.GLM(sp.Rademacher(), sp.Probit(p)), Axis("p", 1e-4, 0.03)),
        "sensing": (sp.GLM(sp.GaussBernoulli(p), sp.Linear()), Axis("p", 1e-3, 1.0)),
        "door": (sp.GLM(sp.Rademacher(), sp.Door(p)), Axis("p", 0.3, 1.2)),
        "noisy sensing": (sp.GLM(sp.GaussBernoulli(0.2), sp.Linear(noise=p)), Axis("p", 1e-5, 1e-2, log=True)),
        "retrieval": (sp.GLM(sp.GaussBernoulli(p), sp.Abs()), Axis("p", 0.01, 0.9)),
    }[name]
    return Surface(model, axis)


SYSTEMS = {
    "fold, perceptron": lambda: (Fold(surface("perceptron")), [1.3, 0.003]),
    "fold, sparse signal": lambda: (Fold(surface("sensing")), [2.4, 0.3]),
    "fold, logarithmic axis": lambda: (Fold(surface("noisy sensing")), [2.0, np.log(3e-4)]),
    "fold, |z|": lambda: (Fold(surface("retrieval")), [1.0, 0.4]),
    "crossing": lambda: (Crossing(surface("perceptron")), [0.6, 3.3, 0.002]),
    "crossing, sparse signal": lambda: (Crossing(surface("noisy sensing")), [1.5, 7.0, np.log(1e-4)]),
    "limit crossing": lambda: (LimitCrossing(surface("door"), "perfect recovery"), [-1.0, 1.0]),
    "level": lambda: (Level(surface("perceptron"), symbol("V") - 0.1 * symbol("m")), [1.3, 0.003]),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_jacobian_is_that_of_the_residual(name):
    """Against differences of fourth order of the residual itself, in every unknown."""
    system, y = SYSTEMS[name]()
    y = np.array(y)
    jacobian = system.evaluate(y[None]).jacobian[0]
    for k, scale in enumerate(system.scales):
        h = 2e-3 * scale if k < len(y) - 1 else 1e-4 * scale
        step = np.zeros(len(y))
        step[k] = h
        f = system.evaluate(np.array([y - 2 * step, y - step, y + step, y + 2 * step])).residual
        numeric = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)
        np.testing.assert_allclose(jacobian[:, k], numeric, rtol=2e-5, atol=1e-7 / scale)


@pytest.mark.parametrize("name", ["perceptron", "sensing", "noisy sensing", "door"])
def test_a_surface_is_the_curve_at_every_value_of_its_second_control(name):
    s = surface(name)
    u = np.linspace(*(float(s.axis.u(end)) for end in (s.axis.low, s.axis.high)), 5)[1:4]
    x = np.array([-1.0, 0.5, 2.0])
    points = s.at(x, u)
    for k in range(3):
        one = curve_of(s.model.at({p: float(s.axis.value(u[k]))})).at(x[k])
        assert points.log_control[k] == pytest.approx(one.log_control[0], abs=1e-11)
        assert points.slope[k] == pytest.approx(one.slope[0], abs=1e-10)
        assert points.free_entropy[k] == pytest.approx(one.free_entropy[0], abs=1e-11)


def test_limit_states_over_the_second_control():
    s = surface("door")
    u = np.array([0.5, 0.9])
    lines = (Change(s, "no signal", "stable_below"), LimitPair(s, "no signal", "perfect recovery"))
    weak, pair = (line.vertices(u[:, None]) for line in lines)
    for k in range(2):
        model = sp.GLM(sp.Rademacher(), sp.Door(float(u[k])))
        nothing, perfect = curve_of(model).limits
        assert np.exp(weak.log_control[k]) == pytest.approx(nothing.stable_to, rel=1e-12)
        equal = (perfect.free_entropy - nothing.free_entropy) / nothing.free_entropy_slope
        assert np.exp(pair.log_control[k]) == pytest.approx(equal, rel=1e-12)


def test_the_cusp_of_the_perceptron_is_passed_by_its_fold():
    """Both folds are one curve; the control of its cusp is where the noise is largest."""
    system = Fold(surface("perceptron"))
    start = curve_of(sp.GLM(sp.Rademacher(), sp.Probit(1e-3))).folds.x[0]
    trace = follow(system, np.array([start, 1e-3]), (1e-4, 0.03))
    assert (trace.start, trace.stop) == ("window", "window")
    turn = system.vertices(trace.points).turn
    assert (turn[0] < 0) != (turn[-1] < 0)
    assert trace.points[:, 1].max() == pytest.approx(0.01725, abs=1e-4)


def test_the_crossing_ends_where_its_states_merge():
    system = Crossing(surface("perceptron"))
    bound = Bound("cusp", lambda y: y[1] - y[0] - 0.03)
    trace = follow(system, np.array([0.5875, 3.405, 1e-3]), (1e-4, 0.03), [bound])
    assert {trace.start, trace.stop} == {"window", "cusp"}
    points, good = polished(system, trace.points)
    assert good.all()
    v = system.vertices(points)
    for k in (0, len(points) // 2, len(points) - 4):  # at equal controls two states of equal free entropy
        states = sp.fixed_points(surface("perceptron").model, p=float(points[k, -1]),
                                 alpha=float(np.exp(v.log_control[k])))
        stable = [state for state in states if state.stable]
        assert len(stable) == 2
        assert stable[0].free_entropy == pytest.approx(stable[1].free_entropy, abs=1e-11)


def test_order_parameters_with_their_conjugates_give_the_same_branch():
    """Unknowns (ln V, ln mhat, alpha), no elimination: the same fixed points."""
    model = sp.GLM(sp.Rademacher(), sp.Probit(1e-3))
    system = branch_system(model, "alpha")
    (state, *_) = sp.fixed_points(model, alpha=1.4)
    start = np.array([np.log(state.observables["mse"]), np.log(state.order_parameters["mhat"]), 1.4])
    trace = follow(system, start, (0.3, 2.0))
    points, good = polished(system, trace.points)
    assert good.all()
    assert (trace.start, trace.stop) == ("window", "window")
    turns = np.diff(np.sign(np.diff(points[:, 2]))) != 0
    assert turns.sum() == 2  # it went around both spinodals
    curve = curve_of(model)
    same = curve.at(points[:, 1])
    np.testing.assert_allclose(np.exp(same.log_control), points[:, 2], rtol=1e-10)
    np.testing.assert_allclose(same.states[symbol("V")], np.exp(points[:, 0]), rtol=1e-10)


@pytest.mark.parametrize(
    ("model", "first", "window", "at"),
    [
        (sp.GLM(sp.Rademacher(), sp.Probit(p)), 1e-3, (1e-4, 0.03), [3e-4, 5e-3]),
        (sp.GLM(sp.GaussBernoulli(p), sp.Linear()), 0.3, (0.1, 0.8), [0.15, 0.6]),
    ],
    ids=["noise of a channel", "density of a prior"],
)
def test_order_parameters_with_their_conjugates_give_the_same_fold(model, first, window, at):
    """The Moore-Spence system, derived by SymPy (the averages by the second control too), against the explicit curve."""
    curve = curve_of(model.at({p: first}))
    fold = curve.folds.take(slice(0, 1))
    logs = [float(np.log(fold.states[symbol("V")][0])), float(fold.x[0])]
    control = float(np.exp(fold.log_control[0]))
    jacobian = branch_system(model.at({p: first}), "alpha").evaluate(np.array([[*logs, control]])).jacobian[0]
    null = np.linalg.svd(jacobian[:, :2])[2][-1]
    system = fold_system(model, "alpha", "p", (1.0, window[1]))
    trace = follow(system, np.array([*logs, *null, control, first]), window)
    points, good = polished(system, trace.points)
    assert good.all()
    for value in at:
        folds = curve_of(model.at({p: value})).folds
        k = np.flatnonzero(np.diff(np.sign(points[:, -1] - value)) != 0)
        assert len(k) == len(folds.x)
    middle = points[len(points) // 3]
    folds = curve_of(model.at({p: float(middle[-1])})).folds
    assert np.min(np.abs(np.exp(folds.log_control) / middle[-2] - 1)) < 1e-10


def test_a_system_that_is_no_curve_is_refused():
    a, b, c = symbol("a"), symbol("b"), symbol("c")
    with pytest.raises(ValueError, match="one unknown more"):
        SymbolicSystem([a + b], [a])
    with pytest.raises(ValueError, match="c"):
        SymbolicSystem([a + b + c], [a, b])
