"""Averages of a spin in a Gaussian field, and the functions they are made of, against mpmath far into every tail.

E w(h) f(h/tau) = int dx tau N(tau x) w(tau x) f(x): in x the peak has width 1, and any tau can be integrated.
"""

import functools
import math

import mpmath as mp
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from spinodal.equations.compile import compile_expressions
from spinodal.equations.functions import MPMATH, NUMPY
from spinodal.theory.parameters import formula_symbol
from spinodal.theory.special import BinaryEntropy, LogCosh, PoleEntropy, SechSquared, Tanh
from spinodal.theory.thermal import ThermalAbs, ThermalEntropy, ThermalPeak, ThermalSign, spin_in_field

EPS = np.finfo(float).eps
A, V, TAU = (sympy.Symbol(name, real=True) for name in ("a", "v", "tau_0"))
LAW = (A, V, TAU)
h = formula_symbol("h")  # the field itself, in weights of peaks


# ---- special functions --------------------------------------------------------------------------------------------

DEFINITIONS = {
    "SechSquared": lambda x: 1 / mp.cosh(x) ** 2,
    "BinaryEntropy": lambda x: mp.log(2 * mp.cosh(x)) - x * mp.tanh(x),
    "PoleEntropy": lambda y: y / (1 - y) + mp.log(1 - y),
}
FIELDS = [0.0, 1e-300, 1e-160, 1e-12, 1e-8, 1e-3, 0.1, 0.5, 1.0, 2.0, 5.0, 17.0, 40.0, 150.0, 340.0]
POLES = [1e-300, 1e-155, 1e-100, 1e-30, 1e-12, 1e-8, 1e-4, 0.01, 0.19999, 0.2, 0.20001, 0.5]


def exact(name, x):
    with mp.workdps(700):  # both cancel from 1e-300 on
        return DEFINITIONS[name](mp.mpf(float(x)))


@pytest.mark.parametrize("x", [s * x for x in FIELDS for s in (1, -1)])
@pytest.mark.parametrize("name", ["SechSquared", "BinaryEntropy"])
def test_functions_of_a_field_keep_relative_accuracy(name, x):
    # exp(-2x) is known to 2 x eps
    assert abs(float(NUMPY[name](x)) / exact(name, x) - 1) < (4 + 3 * abs(x)) * EPS


@pytest.mark.parametrize("name", ["SechSquared", "BinaryEntropy"])
def test_functions_of_a_huge_field_vanish(name):
    for x in (400.0, 1e4, 1e150, 1e300, np.inf):
        with np.errstate(invalid="ignore"):
            value = float(NUMPY[name](-x))
        assert value == 0 or (name == "BinaryEntropy" and x == np.inf)


@pytest.mark.parametrize("y", [s * y for y in POLES for s in (1, -1)] + [
    0.9, 0.999, 1 - 1e-12, -3.0, -1e3, -1e8, -1e150])
def test_pole_entropy_keeps_relative_accuracy(y):
    truth = exact("PoleEntropy", y)
    if abs(truth) < mp.mpf("1e-290"):
        assert abs(float(NUMPY["PoleEntropy"](y))) <= 1e-290
        return
    rounding = 1 / (1 - y) if y > 0.5 else 1  # 1 - y is rounded
    assert abs(float(NUMPY["PoleEntropy"](y)) / truth - 1) < 40 * EPS * rounding


@given(st.floats(-350, 350), st.floats(-1e6, 1 - 1e-6))
@settings(deadline=None, max_examples=60)
def test_functions_anywhere(x, y):
    assert abs(float(NUMPY["SechSquared"](x)) / exact("SechSquared", x) - 1) < (4 + 3 * abs(x)) * EPS
    assert abs(float(NUMPY["BinaryEntropy"](x)) / exact("BinaryEntropy", x) - 1) < (4 + 3 * abs(x)) * EPS
    truth = exact("PoleEntropy", y)
    assert abs(float(NUMPY["PoleEntropy"](y)) - truth) <= 60 * EPS * abs(truth) / (1 - max(y, 0)) + 1e-300


@pytest.mark.parametrize("name", DEFINITIONS)
def test_arrays_agree_with_scalars(name):
    x = np.array([[-0.3, 0.0, 1e-9], [0.15, 0.25, 0.7]])
    together = NUMPY[name](x)
    assert together.shape == x.shape
    np.testing.assert_array_equal(together, [[float(NUMPY[name](v)) for v in row] for row in x])


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("x", ["-7", "-0.3", "-1e-20", "1e-20", "0.01", "0.9"])
def test_multiple_precision_keeps_all_digits(name, x):
    with mp.workdps(40):
        value = MPMATH[name](mp.mpf(x))
    with mp.workdps(120):
        truth = DEFINITIONS[name](mp.mpf(x))
        assert abs(value / truth - 1) < mp.mpf(10) ** -37


def test_symbols():
    x = sympy.Symbol("x", real=True)
    assert SechSquared(0) == 1
    assert BinaryEntropy(0) == sympy.log(2)
    assert PoleEntropy(0) == 0
    assert SechSquared(-x) == SechSquared(x)
    assert BinaryEntropy(-x) == BinaryEntropy(x)
    assert PoleEntropy(-x) != PoleEntropy(x)
    assert SechSquared(x).diff(x) == -2 * Tanh(x) * SechSquared(x)
    assert BinaryEntropy(x).diff(x) == -x * SechSquared(x)
    assert PoleEntropy(x).doit() == x / (1 - x) + sympy.log(1 - x)


@pytest.mark.parametrize("function", [SechSquared, BinaryEntropy, PoleEntropy])
def test_derivatives_of_functions(function):
    x = sympy.Symbol("x", real=True)
    modules = [{**MPMATH, "tanh": mp.tanh}, "mpmath"]
    expression = function(x)
    for order in (1, 2, 3):
        expression = expression.diff(x)
        with mp.workdps(50):
            for at in ("-2.5", "0.3", "0.7"):
                numerical = mp.diff(DEFINITIONS[function.__name__], mp.mpf(at), order)
                assert abs(sympy.lambdify(x, expression, modules)(mp.mpf(at)) - numerical) < mp.mpf(10) ** -15 * (
                    1 + abs(numerical))


@pytest.mark.parametrize("function", [SechSquared, BinaryEntropy, PoleEntropy])
def test_functions_print_as_latex(function):
    member = function(sympy.Symbol("x", real=True))
    for expression in (member, member**2, 1 / (1 + member)):
        text = sympy.latex(expression)
        assert text.count("{") == text.count("}")
        assert text.count(r"\left") == text.count(r"\right")


# ---- averages -----------------------------------------------------------------------------------------------------


def gauss(z):
    return mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)


def by_peak(f, p, mean, sd, tau):
    """int dx N(tau x) f(x), f falling off as 1/cosh(x)^(2p), over intervals that end around every maximum."""
    bulk = max(abs(mean) / tau - 2 * p * (sd / tau) ** 2, 0) * mp.sign(mean)  # of the density times exp(-2p|x|)
    steps = {s * x for x in (0, 1, 3, 6, 10, 16) for s in (1, -1)}
    ends = sorted({*(3 * x for x in steps), *(centre + x * sd / tau for x in steps for centre in (mean / tau, bulk))})

    def log_size(x):
        return -(((tau * x - mean) / sd) ** 2) / 2 - 2 * p * abs(x)

    top = max(map(log_size, ends))  # taken out: quad stops at an absolute error
    own = mp.quad(lambda x: mp.exp(-(((tau * x - mean) / sd) ** 2) / 2 - top) * f(x), ends, maxdegree=7)
    return own * mp.exp(top) / (sd * mp.sqrt(2 * mp.pi))


def average(name, mean, variance, tau):
    """What the averages are, smooth parts in closed form: tanh x = int sech^2(u) sign(x - u) du/2."""
    with mp.workdps(24):
        mean, variance, tau = map(mp.mpf, (mean, variance, tau))
        sd = mp.sqrt(variance)
        if name == "peak":
            return by_peak(lambda x: mp.sech(x) ** 2, 1, mean, sd, tau)
        if name == "quartic":
            return by_peak(lambda x: mp.sech(x) ** 4, 2, mean, sd, tau)
        if name == "weighted":
            return by_peak(lambda x: (1 + tau * x + (tau * x) ** 2) * mp.sech(x) ** 2, 1, mean, sd, tau)
        if name == "entropy":
            return tau * by_peak(lambda x: mp.log1p(mp.exp(-2 * abs(x))) + 2 * abs(x) / (1 + mp.exp(2 * abs(x))),
                                 1, mean, sd, tau)

        def smooth(shift):
            x = (mean - tau * shift) / sd
            sign = mp.erf(x / mp.sqrt(2))
            return sign if name == "sign" else sd * (2 * gauss(x) + x * sign)

        ends = sorted({*(s * x for x in (0, 1, 3, 8, 20, 45) for s in (1, -1)),
                       *(x for s in (-6, -2, 0, 2, 6) if abs(x := (mean + s * sd) / tau) < 45)})
        return mp.quad(lambda u: mp.sech(u) ** 2 * smooth(u), ends, maxdegree=6) / 2


AVERAGES = {
    "abs": ThermalAbs(*LAW), "sign": ThermalSign(*LAW), "peak": ThermalPeak(1, 1, *LAW),
    "quartic": ThermalPeak(1, 2, *LAW), "weighted": ThermalPeak(1 + h + h**2, 1, *LAW), "entropy": ThermalEntropy(*LAW),
}
# (mean, variance, tau): ordinary, cold, coldest at mean/sd = 10, far in the tail, no mean, a narrow law, hot, and one
# whose averages come from between the law and the peak
POINTS = [
    (0.7, 0.3, 0.2), (1.0, 0.05, 0.01), (1.0, 0.01, 1e-3), (1.0, 0.01, 1e-23), (1.0, 0.0015, 1e-6), (0.0, 0.9, 0.3),
    (2.0, 1e-4, 0.5), (0.3, 1e-8, 0.1), (0.02, 1.5, 3.0), (-0.4, 0.2, 0.1), (1e-3, 1e-6, 2e-4), (82.0, 7.0, 0.8),
]


@functools.cache
def compiled(*expressions):
    return compile_expressions([sympy.sympify(expr) for expr in expressions])


def values(expressions, point):
    """Values and errors of expressions at a law."""
    function, numbers = compiled(*expressions)
    at = dict(zip(LAW, point, strict=True)) | numbers
    found = function({p: np.array([at[p]]) for p in function.parameters}, tolerance=1e-13,
                     scales=[1e-300] * len(expressions))
    return found.values[:, 0], found.errors[:, 0]


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_averages(point):
    """To relative accuracy, be they 1e-50, and with an honest error."""
    found, errors = values(tuple(AVERAGES.values()), point)
    for name, value, error in zip(AVERAGES, found, errors, strict=True):
        truth = average(name, *point)
        off = abs(mp.mpf(float(value)) - truth)
        assert off <= 10 * error + 4 * EPS * abs(truth), (name, value, mp.nstr(truth, 20), error)
        # a law much narrower than its mean is known to eps mean/sd only
        assert off <= 1e-12 * abs(truth) * max(1, 1e-3 * abs(point[0]) / math.sqrt(point[1])) + (
            1e-16 if name == "sign" else 0), (name, value, truth)


@pytest.mark.parametrize("name", AVERAGES)
def test_averages_at_zero_are_closed_forms(name):
    """tau = 0: E|h|, E sign h, 2 N(0), 4/3 N(0), 0; and close to it the next term of each in tau."""
    cold = AVERAGES[name].subs(TAU, 0)
    for mean, variance in ((0.7, 0.3), (1.0, 0.01), (-0.4, 0.2)):
        sd = mp.sqrt(variance)
        x = mp.mpf(mean) / sd
        density = gauss(x) / sd
        at_zero = {"abs": sd * (2 * gauss(x) + x * mp.erf(x / mp.sqrt(2))), "sign": mp.erf(x / mp.sqrt(2)),
                   "peak": 2 * density, "quartic": 4 * density / 3, "weighted": 2 * density, "entropy": mp.mpf(0)}[name]
        function, numbers = compiled(cold)
        at = {A: mean, V: variance, **numbers}
        value = function({p: np.array([at[p]]) for p in function.parameters}).values[0, 0]
        assert abs(value - at_zero) <= 100 * EPS * abs(at_zero)
        if name == "entropy":
            # int (ln 2 cosh x - x tanh x) dx = pi^2/6
            (near,), _ = values((AVERAGES[name],), (mean, variance, 1e-9))
            assert abs(near / (mp.mpf(1e-9) * density * mp.pi**2 / 6) - 1) < 1e-11
            continue
        (near,), _ = values((AVERAGES[name],), (mean, variance, 1e-9))
        assert abs(near / at_zero - 1) < (2e-8 if name == "weighted" else 1e-12)
        # 1/cosh^2 has the moment int x^2/cosh^2 x = pi^2/6
        tau = 1e-3 * float(sd)
        (near,), _ = values((AVERAGES[name],), (mean, variance, tau))
        score = (x * x - 1) / variance
        curvature = {"abs": mp.pi**2 / 12 * density, "sign": -mp.pi**2 / 12 * density * mp.mpf(mean) / variance,
                     "peak": mp.pi**2 / 12 * density * score,
                     "quartic": (mp.pi**2 / 9 - mp.mpf(2) / 3) * density * score / 2, "weighted": None}[name]
        if curvature is not None:
            assert abs(near - at_zero - tau**2 * curvature) < 1e-4 * tau**2 * abs(curvature) + 8 * EPS * abs(at_zero)


@pytest.mark.parametrize(("name", "point"), [
    *((name, (0.7, 0.3, 0.2)) for name in ("abs", "sign", "peak", "quartic", "weighted")), ("sign", (1.0, 0.04, 0.01)),
    ("weighted", (1.0, 0.04, 0.01))], ids=str)
def test_derivatives(name, point):
    """By mean, variance and tau against differences of the integrals at 24 digits."""
    derivatives = tuple(AVERAGES[name].diff(x) for x in LAW)
    found, errors = values(derivatives, point)
    with mp.workdps(24):
        for k, (value, error) in enumerate(zip(found, errors, strict=True)):
            step = mp.mpf(point[k]) * mp.mpf("1e-4")

            def at(shift, k=k):
                return average(name, *(mp.mpf(x) + (shift if j == k else 0) for j, x in enumerate(point)))

            # five points: the error is of the fourth power of the relative step
            truth = (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)
            assert abs(value - truth) <= 1e-11 * abs(truth) + 10 * error, (LAW[k], value, mp.nstr(truth, 16))
            assert error <= 1e-11 * abs(truth)


@pytest.mark.parametrize("name", ["abs", "sign", "peak", "quartic"])
@pytest.mark.parametrize("x", [(A,), (V,), (A, A), (A, V), (V, V)], ids=str)
def test_derivatives_of_the_coldest_average_are_those_of_the_closed_form(name, x):
    """However low the temperature: no 1/tau is left over, no digit is lost."""
    derivative = AVERAGES[name].diff(*x)
    cold = AVERAGES[name].subs(TAU, 0).doit().diff(*x)
    for mean, variance in ((0.7, 0.3), (1.0, 0.01)):
        (value,), (error,) = values((derivative,), (mean, variance, 1e-23))
        truth = float(cold.subs({A: mean, V: variance}).evalf(30))
        assert value == pytest.approx(truth, rel=1e-12)
        assert error <= 1e-12 * abs(value)


def test_entropy_is_minus_the_derivative_by_temperature():
    # d(tau ln 2 cosh h/tau)/d tau = ln 2 cosh - (h/tau) tanh
    assert ThermalAbs(*LAW).diff(TAU) == ThermalEntropy(*LAW)
    assert ThermalAbs(*LAW).diff(A) == ThermalSign(*LAW)
    assert ThermalSign(*LAW).diff(A) == ThermalPeak(1, 1, *LAW)
    assert 2 * ThermalAbs(*LAW).diff(V) == ThermalPeak(1, 1, *LAW)
    with pytest.raises(NotImplementedError, match="ThermalEntropy is not differentiated"):
        ThermalEntropy(*LAW).diff(TAU)


def test_the_chain_rule_reaches_all_arguments():
    x = sympy.Symbol("x", real=True)
    law = (x, 0.3 + x**2 / 5, sympy.exp(-x))
    for make in (ThermalAbs, ThermalSign, lambda *law: ThermalPeak(x * h, 1, *law)):
        derivative, numbers = compile_expressions([make(*law).diff(x)])
        original, others = compile_expressions([make(*law)])

        def at(value, function=original, constants=others):
            return function({x: np.array([value]), **constants}, tolerance=1e-14).values[0, 0]

        step = 1e-4
        numerical = (8 * (at(0.6 + step) - at(0.6 - step)) - (at(0.6 + 2 * step) - at(0.6 - 2 * step))) / (12 * step)
        assert at(0.6, derivative, numbers) == pytest.approx(numerical, rel=1e-9)


def test_what_vanishes():
    assert ThermalSign(0, V, TAU) == 0
    assert ThermalPeak(0, 1, *LAW) == 0
    assert ThermalEntropy(A, V, 0).doit() == 0
    # the field of a weight is bound
    assert ThermalPeak(h, 1, *LAW).free_symbols == set(LAW)
    assert ThermalPeak(h, 1, *LAW).diff(h) == 0


@pytest.mark.parametrize("mean", [0.9, -0.3])
@pytest.mark.parametrize("tau", [0.7, 0.05])
def test_a_field_without_variance_is_a_number(mean, tau):
    found = spin_in_field(sympy.Float(mean), sympy.S.Zero, sympy.Float(tau))
    x = mp.mpf(mean) / mp.mpf(tau)
    truth = {"magnetisation": mp.tanh(x), "susceptibility": mp.sech(x) ** 2 / tau, "quartic": mp.sech(x) ** 4 / tau,
             "entropy": mp.log(2 * mp.cosh(x)) - x * mp.tanh(x), "free_energy": -tau * mp.log(2 * mp.cosh(x))}
    assert found.keys() == truth.keys()
    for name, expression in found.items():
        function, numbers = compile_expressions([expression])
        value = function({**numbers} or {sympy.Symbol("_"): np.zeros(1)}).values[0, 0]
        assert value == pytest.approx(float(truth[name]), rel=1e-13), name
    # as the limit of a narrow law
    narrow = spin_in_field(A, V, TAU)
    for name, expression in narrow.items():
        (value,), _ = values((expression,), (mean, 1e-16, tau))
        assert value == pytest.approx(float(truth[name]), rel=1e-7), name


def test_a_field_without_variance_at_zero_temperature():
    strength = sympy.Symbol("mu", positive=True)
    up, down = (spin_in_field(s * strength, sympy.S.Zero, sympy.S.Zero) for s in (1, -1))
    assert up["magnetisation"] == 1
    assert down["magnetisation"] == -1
    for found in (up, down):
        assert found["free_energy"] == -strength
        assert found["entropy"] == found["susceptibility"] == found["quartic"] == 0


def test_averages_over_rows_agree_with_single_ones():
    function, numbers = compiled(*AVERAGES.values())
    rows = np.array(POINTS).T
    together = function(dict(zip(LAW, rows, strict=True)) | numbers, tolerance=1e-13, scales=[1e-300] * len(AVERAGES))
    for k, point in enumerate(POINTS):
        alone, _ = values(tuple(AVERAGES.values()), point)
        np.testing.assert_allclose(together.values[:, k], alone, atol=1e-300 if point[0] else 1e-16,
                                   rtol=2e-12 * max(1, 1e-3 * abs(point[0]) / point[1] ** 0.5))


@given(st.floats(-2, 2), st.floats(-3, 0.5), st.floats(-6, 0.5))
@settings(deadline=None, max_examples=25)
def test_inequalities(mean, log_variance, log_tau):
    """|E tanh| < 1, E sech^4 < E sech^2 < 2 max N, E|h| < E tau ln 2 cosh < E|h| + tau ln 2, 0 < entropy < ln 2."""
    variance, tau = 10.0**log_variance, 10.0**log_tau
    (free, sign, peak, quartic, _, entropy), errors = values(tuple(AVERAGES.values()), (mean, variance, tau))
    slack = 10 * errors.max()
    assert abs(sign) <= 1 + slack
    assert math.copysign(1.0, sign) == math.copysign(1.0, mean) or abs(sign) < slack
    assert 0 <= quartic <= peak <= min(1 / tau, 2 / math.sqrt(2 * math.pi * variance)) + slack
    magnitude = float(sympy.re(ThermalAbs(mean, variance, 0).doit().evalf()))
    assert magnitude - slack <= free <= magnitude + tau * math.log(2) + slack
    assert 0 <= entropy <= math.log(2) + slack
    # F = E - T S at fixed field: E h tanh(h/tau) = E|h|-like, free - tau entropy = mean sign + variance peak (Stein)
    assert free - tau * entropy == pytest.approx(mean * sign + variance * peak, abs=1e-11 + slack)


@pytest.mark.parametrize("name", AVERAGES)
def test_averages_print_as_what_they_are(name):
    for average_of in (AVERAGES[name], AVERAGES[name].subs(TAU, 0)):
        text = sympy.latex(average_of)
        assert text.count("{") == text.count("}")
        assert "E" in str(average_of) or average_of.doit() == 0 or average_of.tau == 0


def test_log_cosh_and_entropy_are_consistent():
    # BinaryEntropy + x tanh x = ln 2 + LogCosh
    x = np.linspace(-30, 30, 241)
    np.testing.assert_allclose(NUMPY["BinaryEntropy"](x) + x * np.tanh(x), math.log(2) + NUMPY["LogCosh"](x),
                               rtol=1e-14)
    t = sympy.Symbol("t", real=True)
    assert (sympy.log(2) + LogCosh(t) - t * Tanh(t) - BinaryEntropy(t)).diff(t).subs(t, 0) == 0
