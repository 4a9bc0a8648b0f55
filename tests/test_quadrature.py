"""The trapezoidal rule on a graded line: exact to rounding however steep, and honest about its error."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinodal.equations.features import centre_and_scale
from spinodal.equations.quadrature import graded_nodes, step_error

STEP = 0.12


def rule(centres, scales, low, high, step=STEP, hard=(False, False)):
    z, w = graded_nodes(np.atleast_2d(np.asarray(centres, float)), np.atleast_2d(np.asarray(scales, float)),
                        np.atleast_1d(low), np.atleast_1d(high), step, hard)
    return z[0], w[0]


def trapezoid(values, weights):
    f = values * weights
    f[0], f[-1] = 0.5 * f[0], 0.5 * f[-1]
    return f.sum()


def gauss(z):
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


@pytest.mark.parametrize("centre", [0.0, 1.3, -5.0, 8.9])
@pytest.mark.parametrize("width", [1.0, 1e-2, 1e-5, 1e-9, 1e-13])
def test_narrow_feature(centre, width):
    if width < 4e-16 * abs(centre):
        return
    z, w = rule([0, centre], [1, width], -9.3, 9.3)
    # 1/cosh^2 of a width far below the nodes of any even grid: int gauss(z) sech^2((z - c)/s) dz
    sech = 1 / np.cosh(np.clip((z - centre) / width, -350, 350)) ** 2
    got = trapezoid(gauss(z) * sech, w)
    with mp.workdps(30):
        c, s = mp.mpf(centre), mp.mpf(width)
        truth = mp.quad(lambda t: mp.npdf(c + s * t) * mp.sech(t) ** 2 * s, mp.linspace(-40, 40, 33)) if width < 1 else (
            mp.quad(lambda t: mp.npdf(t) * mp.sech((t - c) / s) ** 2, mp.linspace(-14, 14, 33)))
    # near c nodes are rounded to |c| eps, of width s that is |c|/s eps
    assert abs(got / float(truth) - 1) < 1e-13 + 2e-15 * abs(centre) / width * (1 + abs(centre))


def test_converges_exponentially():
    exact_z, exact_w = rule([0, 0.3], [1, 0.01], -9.3, 9.3, 0.02)
    truth = trapezoid(gauss(exact_z) * np.tanh((exact_z - 0.3) / 0.01) ** 2, exact_w)
    errors = []
    for step in (0.8, 0.4, 0.2):
        z, w = rule([0, 0.3], [1, 0.01], -9.3, 9.3, step)
        errors.append(abs(trapezoid(gauss(z) * np.tanh((z - 0.3) / 0.01) ** 2, w) - truth))
    assert errors[1] < 20 * errors[0] ** 2 + 1e-15
    assert errors[2] < 1e-11


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-12, 0.5)), min_size=0, max_size=6), st.floats(0.05, 0.5))
@settings(deadline=None, max_examples=80)
def test_nodes_are_ordered_and_weights_positive(features, step):
    centres = [0.0, *(c for c, _ in features)]
    scales = [1.0, *(max(10.0**e, 1e-15) for _, e in features)]
    z, w = rule(centres, scales, -9.3, 9.3, step)
    assert len(z) % 4 == 1
    assert z[0] == pytest.approx(-9.3, rel=1e-14)
    assert z[-1] == pytest.approx(9.3, rel=1e-14)
    assert (np.diff(z) >= 0).all()
    assert (w > 0).all()
    # in t the Gaussian is analytic up to pi/4 off the real line: the rule errs by 2 exp(-2 pi (pi/4)/h)
    assert trapezoid(gauss(z), w.copy()) == pytest.approx(1, abs=1e-13 + 4 * np.exp(-np.pi**2 / 2 / step))


@given(st.floats(-6, 6), st.floats(-10, 0.3))
@settings(deadline=None, max_examples=60)
def test_stated_error_holds(centre, log_width):
    width = 10.0**log_width
    for step in (0.2, 0.12):  # those that the compiled averages start with
        z, w = rule([0, centre], [1, width], -9.3, 9.3, step)
        f = gauss(z) * (1 + np.tanh((z - centre) / width)) ** 2
        fine = trapezoid(f.copy(), w.copy())
        half, quarter = 2 * trapezoid(f[::2].copy(), w[::2].copy()), 4 * trapezoid(f[::4].copy(), w[::4].copy())
        fine_z, fine_w = rule([0, centre], [1, width], -9.3, 9.3, 0.03)
        truth = trapezoid(gauss(fine_z) * (1 + np.tanh((fine_z - centre) / width)) ** 2, fine_w)
        rounding = 1e-15 * (4 + abs(centre) / width * width)
        assert abs(fine - truth) <= 3 * step_error(fine, half, quarter) + 20 * rounding


@pytest.mark.parametrize(("low", "high", "hard"), [
    (0.5, 9.3, (True, False)), (-9.3, 0.5, (False, True)), (-1.0, 2.0, (True, True)), (0.0, 1e-6, (True, True)),
    (5.0, 9.3, (True, False)), (-1e-9, 9.3, (True, False)),
])
def test_hard_ends(low, high, hard):
    z, w = rule([0], [1], low, high, STEP, hard)
    assert (np.diff(z) >= 0).all()
    assert z.min() >= low
    assert z.max() <= high
    with mp.workdps(30):
        truth = mp.quad(lambda t: mp.npdf(t) * (12 + t), mp.linspace(low, high, 20))
    # what a soft end leaves out counts where little is left
    assert abs(trapezoid(gauss(z) * (12 + z), w) / float(truth) - 1) < (1e-12 if low == 5 else 1e-13)


def test_rows_do_not_depend_on_each_other():
    centres, scales = np.array([[0, 1.0], [0, -2.0], [0, 0.0]]), np.array([[1, 1e-3], [1, 1e-8], [1, np.inf]])
    low, high = np.full(3, -9.3), np.full(3, 9.3)
    z, w = graded_nodes(centres, scales, low, high, STEP)
    for k in range(3):
        f = gauss(z[k]) * np.tanh((z[k] - centres[k, 1]) / min(scales[k, 1], 1.0)) ** 2
        alone_z, alone_w = rule(centres[k], scales[k], -9.3, 9.3)
        g = gauss(alone_z) * np.tanh((alone_z - centres[k, 1]) / min(scales[k, 1], 1.0)) ** 2
        assert trapezoid(f, w[k].copy()) == pytest.approx(trapezoid(g, alone_w), rel=1e-13)


def test_nested_under_halving():
    z, _ = rule([0, 1], [1, 0.1], -9.3, 9.3, 0.1)
    assert len(z[::2]) == (len(z) + 1) // 2
    assert (len(z) - 1) % 4 == 0


@given(*[st.floats(-1e3, 1e3, allow_subnormal=False)] * 3)  # below those, products have no digits
@settings(deadline=None)
def test_features_of_a_quadratic(a2, a1, a0):
    centres, scales = (row[0] for row in centre_and_scale(np.array([a2]), np.array([a1]), np.array([a0])))
    assert np.isfinite(centres).all()
    assert (scales > 0).all()
    gap = a1 * a1 - 4 * a2 * a0
    if gap > 1e-6 * (a1 * a1 + abs(a2 * a0)) and abs(a2) > 1e-6 and np.isfinite(scales).all():
        for c in centres:
            assert abs(a2 * c * c + a1 * c + a0) <= 1e-9 * (abs(a2) * c * c + abs(a1 * c) + abs(a0))


def test_a_constant_has_no_feature():
    _, scales = centre_and_scale(np.zeros(1), np.zeros(1), np.array([3.0]))
    assert np.isinf(scales).all()


def test_a_coarse_rule_that_is_good_by_accident_is_not_believed():
    """At this step T(2h) happens to be right to 2e-9, T(h) only to 5e-12."""
    import sympy

    import spinodal as sp
    from spinodal.equations.compile import compile_expressions
    from spinodal.theory.evidence import u

    v, m = sympy.symbols("V M", positive=True)
    compiled, constants = compile_expressions([sp.Sign().average(u[1] ** 2, v, m)])
    values = {k: np.array([x]) for k, x in {v: 1.0, m: 10**-1.578125, **constants}.items()}
    exact = compiled.evaluate(values, (0.01, 0.01))[0, 0, 0]
    fine, half, quarter = compiled.evaluate(values, (0.2, 0.2))[0, :3, 0]
    assert abs(fine - exact) <= step_error(fine, half, quarter) <= 1e-9
