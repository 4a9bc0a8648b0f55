"""Special functions: NumPy and mpmath against definitions at 50 digits, far into every tail."""

import itertools

import mpmath as mp
import numpy as np
import pytest
import sympy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spinodal.equations.functions import MPMATH, NUMPY
from spinodal.theory.special import (
    IntervalMills,
    InverseMills,
    LogCosh,
    LogInterval,
    LogNdtr,
    LogSumExp,
    Tanh,
    normal_density,
)

DIGITS = 50
EPS = np.finfo(float).eps


# ---- definitions, written here from scratch -----------------------------------------------------------------------


def density(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def ndtr(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def interval(a, b):
    """Normal probability of (a, b), with digits to spare for the difference."""
    with mp.workdps(DIGITS + 450):
        if a + b > 0:
            a, b = -b, -a
        return ndtr(b) - ndtr(a)


DEFINITIONS = {
    "LogCosh": lambda x: mp.log(mp.cosh(x)),
    "LogNdtr": lambda x: mp.log(ndtr(x)) if x < 0 else mp.log1p(-ndtr(-x)),
    "InverseMills": lambda x: density(x) / ndtr(x),
    "LogInterval": lambda a, b: mp.log(interval(a, b)),
    "IntervalMills": lambda x, a, b: density(x) / interval(a, b),
    "LogSumExp": lambda *terms: mp.log(sum(mp.exp(t) for t in terms)),
}


def exact(name, *arguments):
    with mp.workdps(DIGITS):
        return DEFINITIONS[name](*(mp.mpf(float(x)) for x in arguments))


def deviation(name, *arguments, floor=0.0):
    """Relative deviation of the NumPy value; an exponent of size x cannot be better known than x eps."""
    truth = exact(name, *arguments)
    value = float(NUMPY[name](*(np.float64(x) for x in arguments)))
    assert np.isfinite(value), f"{name}{arguments} = {value}, is {mp.nstr(truth, 20)}"
    return float(abs(mp.mpf(value) - truth) / (abs(truth) + floor))


WIDE = [0.0, 1e-300, 1e-12, 1e-8, 1e-4, 0.01, 0.3, 0.49, 0.5, 0.99, 1.0, 1.01, 2.0, 5.0, 8.0, 20.0, 37.0, 40.0]


@pytest.mark.parametrize("x", [s * x for x in (*WIDE, 300.0, 710.0, 1e3, 1e6, 1e150) for s in (1, -1)])
def test_log_cosh(x):
    if abs(x) < 1e-150:
        assert NUMPY["LogCosh"](x) == 0  # x^2/2 underflows
        return
    if abs(x) > 1e5:
        assert NUMPY["LogCosh"](x) == pytest.approx(abs(x) - np.log(2), rel=1e-15)
        return
    assert deviation("LogCosh", x) < 4 * EPS


@pytest.mark.parametrize("x", [s * x for x in (*WIDE, 100.0, 1e3, 1e6) for s in (1, -1)])
def test_log_ndtr_and_inverse_mills(x):
    if x > 38:
        assert abs(NUMPY["LogNdtr"](x)) < 1e-300
        assert NUMPY["InverseMills"](x) < 1e-300
        return
    if x < -1e5:
        assert NUMPY["LogNdtr"](x) == pytest.approx(-x * x / 2 - np.log(-x) - np.log(2 * np.pi) / 2, rel=1e-14)
        assert NUMPY["InverseMills"](x) == pytest.approx(-x - 1 / x, rel=1e-14)
        return
    assert deviation("LogNdtr", x) < 2e-14 + (4 * EPS * x * x if x > 0 else 0)
    # exp(-x^2/2) is known to x^2/2 eps
    assert deviation("InverseMills", x) < 8 * EPS * (1 + x * x)


CENTRES = [0.0, 1e-9, 0.2, 1.0, 3.0, 6.0, 10.0, 25.0, 37.0, 60.0]
WIDTHS = [1e-12, 1e-8, 1e-4, 0.01, 0.3, 0.4999, 0.5, 0.5001, 0.7, 1.0, 2.0, 5.0, 20.0]


@pytest.mark.parametrize(("centre", "width"), list(itertools.product([s * c for c in CENTRES for s in (1, -1)], WIDTHS)))
def test_interval(centre, width):
    a, b = centre - width / 2, centre + width / 2
    if not a < b:
        pytest.skip("the interval is narrower than the spacing of floats")
    allowed = 30 * EPS * (1 + max(abs(a), abs(b)) ** 2)
    with mp.workdps(DIGITS):
        truth = exact("LogInterval", a, b)
        # the logarithm is good to the relative rounding of the probability
        assert abs(mp.mpf(float(NUMPY["LogInterval"](a, b))) - truth) < allowed * (1 + float(abs(truth))) ** 0.5 + (
            4 * EPS * float(abs(truth)))
    for x in (a, b):
        value, is_ = float(NUMPY["IntervalMills"](x, a, b)), exact("IntervalMills", x, a, b)
        if is_ > mp.mpf("1e-300"):
            assert np.isfinite(value)
            # near its end an argument is rounded: the exponent (b^2 - x^2)/2 carries it
            assert abs(value / is_ - 1) < allowed + 8 * EPS * abs(b - a) * max(abs(a), abs(b)), (x, a, b)
        else:
            assert value < 1e-299


@given(st.floats(-50, 50), st.floats(-14, 1.7))
@settings(deadline=None, max_examples=150)
def test_interval_anywhere(centre, log_width):
    width = 10.0**log_width
    a, b = centre - width / 2, centre + width / 2
    if not a < b:
        return
    truth = exact("LogInterval", a, b)
    value = float(NUMPY["LogInterval"](a, b))
    assert abs(value - float(truth)) < 40 * EPS * (1 + max(abs(a), abs(b)) ** 2)


def test_interval_arrays_agree_with_scalars():
    # one narrow member sends the whole array through the other code
    a = np.array([-1.0, 0.1, 30.0, -8.0, 2.0])
    b = np.array([1.0, 0.1001, 30.2, -7.0, 40.0])
    for name, arguments in (("LogInterval", (a, b)), ("IntervalMills", (a, a, b)), ("IntervalMills", (b, a, b))):
        together = NUMPY[name](*arguments)
        alone = [float(NUMPY[name](*row)) for row in zip(*arguments, strict=True)]
        np.testing.assert_allclose(together, alone, rtol=1e-15)


def test_infinite_ends():
    for x in (-30.0, -1.0, 0.5, 9.0):
        assert float(NUMPY["LogInterval"](-np.inf, x)) == pytest.approx(float(exact("LogNdtr", x)), rel=1e-13)
        assert float(NUMPY["LogInterval"](x, np.inf)) == pytest.approx(float(exact("LogNdtr", -x)), rel=1e-13)
    assert LogInterval(-sympy.oo, sympy.Symbol("b")) == LogNdtr(sympy.Symbol("b"))
    assert LogInterval(sympy.Symbol("a"), sympy.oo) == LogNdtr(-sympy.Symbol("a"))


@given(st.lists(st.floats(-800, 800), min_size=2, max_size=5))
@settings(deadline=None, max_examples=100)
@example([0.0, -800.0])
@example([-750.0, -750.0])
@example([-800.0, -800.0, -799.0])
def test_log_sum_exp(terms):
    value, truth = float(NUMPY["LogSumExp"](*map(np.float64, terms))), float(exact("LogSumExp", *terms))
    assert abs(value - truth) <= 4 * EPS * (max(map(abs, terms)) + 1)


def test_log_sum_exp_of_absent_terms():
    a = sympy.Symbol("a", real=True)
    assert LogSumExp(a) == a
    assert LogSumExp(a, -sympy.oo) == a
    with np.errstate(all="ignore"):
        assert float(NUMPY["LogSumExp"](np.float64(-np.inf), np.float64(2.0))) == 2.0
        # a probability zero is a value, not a failure
        assert float(NUMPY["LogSumExp"](np.float64(-np.inf), np.float64(-np.inf))) == -np.inf


# ---- symbols ------------------------------------------------------------------------------------------------------

x, a, b, c = sympy.symbols("x a b c", real=True)
FAMILY = (LogCosh, Tanh, LogNdtr, InverseMills, LogInterval, IntervalMills, LogSumExp)
MEMBERS = {
    "LogCosh": (LogCosh(x), (x,)),
    "Tanh": (Tanh(x), (x,)),
    "LogNdtr": (LogNdtr(x), (x,)),
    "InverseMills": (InverseMills(x), (x,)),
    "LogInterval": (LogInterval(a, b), (a, b)),
    "IntervalMills": (IntervalMills(x, a, b), (x, a, b)),
    "LogSumExp": (LogSumExp(a, b, c), (a, b, c)),
}
MP_ALL = [{**MPMATH, "tanh": mp.tanh}, "mpmath"]
POINTS = [(0.3, -0.7, 1.1), (2.5, -4.0, -3.5), (-6.0, 2.0, 2.125), (0.0, -1.0, 9.0)]


def in_mpmath(arguments, expression):
    return sympy.lambdify(arguments, expression, modules=MP_ALL)


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_agree_with_numerical_ones(name, order):
    member, arguments = MEMBERS[name]
    with mp.workdps(60):
        for point in POINTS:
            at = [mp.mpf(v) for v in (point[1:] if name == "LogInterval" else point)[: len(arguments)]]
            f = in_mpmath(arguments, member)
            for k, symbol in enumerate(arguments):
                symbolic = in_mpmath(arguments, member.diff(symbol, order))(*at)
                n = tuple(order if j == k else 0 for j in range(len(at)))
                numerical = mp.diff(f, tuple(at), n)
                assert abs(symbolic - numerical) < mp.mpf(10) ** -12 * (1 + abs(numerical))


def test_mixed_derivatives():
    with mp.workdps(60):
        mixed = in_mpmath((a, b), LogInterval(a, b).diff(a, b))(mp.mpf(-1), mp.mpf("0.25"))
        numerical = mp.diff(in_mpmath((a, b), LogInterval(a, b)), (mp.mpf(-1), mp.mpf("0.25")), (1, 1))
        assert abs(mixed - numerical) < mp.mpf(10) ** -12
        mixed = in_mpmath((x, a, b), IntervalMills(x, a, b).diff(x, a, b))(mp.mpf(1), mp.mpf(-1), mp.mpf("0.25"))
        numerical = mp.diff(in_mpmath((x, a, b), IntervalMills(x, a, b)),
                            (mp.mpf(1), mp.mpf(-1), mp.mpf("0.25")), (1, 1, 1))
        assert abs(mixed - numerical) < mp.mpf(10) ** -12


@pytest.mark.parametrize("name", MEMBERS)
def test_no_derivative_leaves_the_family(name):
    member, arguments = MEMBERS[name]
    expression = member
    for _ in range(4):
        expression = sum(expression.diff(s) for s in arguments)
        assert not expression.atoms(sympy.Derivative, sympy.Subs, sympy.Integral)
        foreign = {f.func for f in expression.atoms(sympy.Function)} - set(FAMILY) - {sympy.exp}
        assert not foreign
        # the only exponentials are softmax weights and 1/cosh^2, whose exponents are not positive
        for e in expression.atoms(sympy.exp):
            assert e.args[0].has(LogSumExp, LogCosh)


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_numpy_and_mpmath_implementations_agree(name, order):
    member, arguments = MEMBERS[name]
    for symbol in arguments:
        expression = member.diff(symbol, order)
        fast = sympy.lambdify(arguments, expression, modules=[NUMPY, "numpy"])
        for point in POINTS:
            at = (point[1:] if name == "LogInterval" else point)[: len(arguments)]
            with mp.workdps(DIGITS):
                slow = in_mpmath(arguments, expression)(*map(mp.mpf, at))
            assert float(fast(*map(np.float64, at))) == pytest.approx(float(slow), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("x", ["-40", "-3", "-1e-5", "0", "0.5", "7", "20"])
def test_mpmath_implementations_against_integrals(x):
    cuts = [0, 0.05, 0.2, 1, 3, 10, 20]
    with mp.workdps(30):
        x = mp.mpf(x)
        # the density at x is taken out: quad stops at an absolute error
        tail = density(x) * mp.quad(lambda t: mp.exp(-t * t / 2 - abs(x) * t), cuts)
        if x < 0:
            assert abs(MPMATH["LogNdtr"](x) - mp.log(tail)) < mp.mpf(10) ** -24 * abs(mp.log(tail))
            assert abs(MPMATH["InverseMills"](x) * tail / density(x) - 1) < mp.mpf(10) ** -24
        else:
            assert abs(MPMATH["LogNdtr"](x) - mp.log1p(-tail)) < mp.mpf(10) ** -24 * tail
        for width in (mp.mpf("1e-6"), mp.mpf("0.3"), mp.mpf(4)):
            p = mp.quad(lambda t: mp.exp(-t * t / 2 - x * t), mp.linspace(0, width, 9))
            log_p = mp.log(p) + mp.log(density(x))
            assert abs(MPMATH["LogInterval"](x, x + width) - log_p) < mp.mpf(10) ** -22 * (1 + abs(log_p))
            for end in (x, x + width):
                ratio = mp.exp((x * x - end * end) / 2) / p
                assert abs(MPMATH["IntervalMills"](end, x, x + width) / ratio - 1) < mp.mpf(10) ** -22


def test_mpmath_interval_keeps_all_digits_far_out():
    with mp.workdps(30):
        a, b = mp.mpf(30), mp.mpf(30) + mp.mpf(10) ** -40
        width = b - a
        if width == 0:  # not representable at 30 digits
            a, b = mp.mpf(30), mp.mpf(30) + mp.mpf(10) ** -25
            width = b - a
        truth = mp.log(density(a) * width)
        assert abs(MPMATH["LogInterval"](a, b) - truth) < mp.mpf(10) ** -22


def test_normal_density_is_normalised():
    t = sympy.Symbol("t", real=True)
    assert sympy.integrate(normal_density(t), (t, -sympy.oo, sympy.oo)) == 1


def test_symmetries():
    assert LogCosh(-x) == LogCosh(x)
    assert LogCosh(0) == 0
    assert LogNdtr(0) == -sympy.log(2)
    assert LogNdtr(sympy.oo) == 0
    assert LogNdtr(-sympy.oo) == -sympy.oo
    assert InverseMills(sympy.oo) == 0


@pytest.mark.parametrize("name", MEMBERS)
def test_prints_as_latex(name):
    member, _ = MEMBERS[name]
    for expression in (member, member**2, 1 / (1 + member)):
        text = sympy.latex(expression)
        assert text.count("{") == text.count("}")
        assert name not in text  # a formula, not the name of a class
