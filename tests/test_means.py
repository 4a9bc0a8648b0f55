"""Gaussian averages: differentiated exactly, compared with integrals that SymPy or mpmath does itself."""

import functools

import mpmath as mp
import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import exp, oo, sqrt

from spinodal.equations.compile import compile_expressions
from spinodal.theory.means import GaussianMean, Let
from spinodal.theory.special import LogCosh, LogNdtr, LogSumExp

h, k, l = sympy.symbols("h k l", real=True)  # noqa: E741
t, mu, nu = sympy.symbols("t mu nu", real=True)
q = sympy.Symbol("q", positive=True)
r = sympy.Symbol("r", positive=True)


def integral(f, field, mean, variance):
    """E f of a polynomial by SymPy's own integration of the density, moment by moment."""
    poly = sympy.Poly(sympy.expand(f), field)
    return sympy.Add(*(c * _moment(n).subs({_M: mean, _Q: variance}, simultaneous=True) for (n,), c in poly.terms()))


_M, _Q = sympy.Symbol("M", real=True), sympy.Symbol("Q", positive=True)


@functools.cache
def _moment(n):
    density = exp(-((h - _M) ** 2) / (2 * _Q)) / sqrt(2 * sympy.pi * _Q)
    return sympy.expand(sympy.simplify(sympy.integrate(h**n * density, (h, -oo, oo))))


def value(expression, values=None, **settings_):
    compiled, constants = compile_expressions([sympy.sympify(expression)])
    result = compiled({**{s: v for s, v in (values or {}).items() if s in compiled.parameters}, **constants}, **settings_)
    assert result.converged.all()
    return result.values[0]


def is_zero(expression):
    return sympy.simplify(sympy.expand(expression)) == 0


# ---- one field ----------------------------------------------------------------------------------------------------

POLYNOMIALS = [h, h**2, h**5 - 3 * h**2 + 1, t * h**3 + t**2, (h - t) ** 4]


@pytest.mark.parametrize("f", POLYNOMIALS)
@pytest.mark.parametrize(("mean", "variance"), [(mu, q), (t, t**2 + 1), (t * mu, q * (1 + t**2)), (0, q)])
def test_polynomials_are_differentiated_like_their_integrals(f, mean, variance):
    average = GaussianMean(f, h, mean, variance)
    written = integral(f, h, mean, variance)
    assert is_zero(average.doit() - written)
    for s in (t, mu, q):
        assert is_zero(average.diff(s).doit() - written.diff(s))
        assert is_zero(average.diff(s, 2).doit() - written.diff(s, 2))


@pytest.mark.parametrize(("mean", "variance"), [(mu, q), (t, t**2 + 1), (t * mu, q * (1 + t**2))])
def test_exponentials_are_differentiated_like_their_integrals(mean, variance):
    # E exp(a h) = exp(a mean + a^2 variance/2)
    a = sympy.Symbol("a", real=True)
    closed = exp(a * mean + a**2 * variance / 2)
    average = GaussianMean(exp(a * h), h, mean, variance)
    at = {t: 0.3, mu: -0.4, q: 0.7, a: 0.8}
    for s in (t, mu, q, a):
        for order in (1, 2):
            derivative = average.diff(s, order)
            expected = float(closed.diff(s, order).subs(at))
            assert value(derivative, at)[0] == pytest.approx(expected, rel=1e-12, abs=1e-13)


def test_mixed_derivatives_commute():
    average = GaussianMean(LogCosh(t * h) * h, h, mu, q)
    at = {t: 1.3, mu: 0.4, q: 0.6}
    one, other = average.diff(t, mu, q), average.diff(q, mu, t)
    assert value(one, at)[0] == pytest.approx(value(other, at)[0], rel=1e-12)


@pytest.mark.parametrize("f", [LogCosh(h), LogNdtr(t * h - 1), LogCosh(h * t) ** 2, h * LogNdtr(h)])
@pytest.mark.parametrize("s", [t, q])
def test_special_integrands_against_finite_differences(f, s):
    average = GaussianMean(f, h, sympy.sin(t), q * (1 + t**2))
    at = {t: 0.7, q: 1.4}

    def by_quad(**changes):
        point = {**at, **changes.get("at", {})}
        mean, width = mp.sin(point[t]), mp.sqrt(point[q] * (1 + point[t] ** 2))
        g = sympy.lambdify(h, f.subs({t: point[t]}), modules=[{
            "LogCosh": lambda x: mp.log(mp.cosh(x)), "LogNdtr": lambda x: mp.log(mp.ncdf(x))}, "mpmath"])
        return mp.quad(lambda z: mp.npdf(z) * g(mean + width * z), mp.linspace(-12, 12, 25))

    with mp.workdps(20):
        slope = mp.diff(lambda v: by_quad(at={s: v}), mp.mpf(at[s]), h=mp.mpf(10) ** -7)
        assert value(average, at)[0] == pytest.approx(float(by_quad()), rel=1e-13)
        assert value(average.diff(s), at)[0] == pytest.approx(float(slope), rel=1e-10)


def test_no_root_of_the_variance_in_any_derivative():
    average = GaussianMean(LogCosh(h * t) + LogNdtr(h), h, mu, q)
    joint = GaussianMean(LogCosh(h + t * k), (h, k), (mu, 0), [[q, t * q], [t * q, r]])
    nested = GaussianMean(GaussianMean(LogCosh(h + k), k, h, q), h, 0, r)
    for expression in (average, joint, nested):
        for s in (t, q, mu, r):
            for order in (1, 2):
                derivative = expression.diff(s, order)
                for mean in derivative.atoms(GaussianMean):
                    for power in mean.f.atoms(sympy.Pow) | derivative.atoms(sympy.Pow):
                        assert not (power.base.has(q, r) and not power.exp.is_nonnegative), power


def test_variance_zero_is_no_harder():
    average = GaussianMean(LogCosh(h), h, mu, q)
    slope = average.diff(q)
    for tiny in (1e-300, 1e-30, 1e-12):
        at = {mu: 0.4, q: tiny}
        assert value(average, at)[0] == pytest.approx(np.log(np.cosh(0.4)), rel=1e-11)
        assert value(slope, at)[0] == pytest.approx(0.5 / np.cosh(0.4) ** 2, rel=1e-11)
    assert GaussianMean(LogCosh(h), h, mu, 0).doit() == LogCosh(mu)
    assert value(GaussianMean(LogCosh(h), h, mu, 0), {mu: 0.4})[0] == pytest.approx(np.log(np.cosh(0.4)), rel=1e-13)


def test_variance_that_becomes_zero_as_a_number():
    # a zero that is only seen when the parameter gets its value
    assert value(GaussianMean(LogCosh(h), h, mu, q), {mu: 0.4, q: 0.0})[0] == pytest.approx(
        np.log(np.cosh(0.4)), rel=1e-13)


@given(st.floats(-30, 30), st.floats(1e-8, 1e8), st.floats(1e-4, 1e8))
@settings(deadline=None, max_examples=25)
def test_steep_integrands_keep_their_digits(mean, variance, slope):
    """E log cosh(slope h) against mpmath split at the kink."""
    result = GaussianMean(LogCosh(t * h), h, mu, q)
    compiled, _ = compile_expressions([result])
    got = compiled({t: slope, mu: mean, q: variance}, tolerance=1e-12)
    if not got.converged[0]:
        return  # said so
    with mp.workdps(25):
        m, s, a = mp.mpf(mean), mp.sqrt(mp.mpf(variance)), mp.mpf(slope)
        kink, width = -m / s, 1 / (a * s)
        cuts = sorted({mp.mpf(x) for x in (-13, 13, *range(-12, 13, 2), *(kink + c * width for c in
                      (-60, -30, -12, -6, -3, -1, 0, 1, 3, 6, 12, 30, 60))) if -13 <= x <= 13})

        def f(z):
            x = abs(a * (m + s * z))
            return mp.npdf(z) * (x + mp.log1p(mp.exp(-2 * x)) - mp.log(2)) if x > mp.mpf("1e-3") else mp.npdf(z) * mp.log(
                mp.cosh(x))

        truth = mp.quad(f, cuts)
    assert abs(got.values[0, 0] - float(truth)) <= 5 * got.errors[0, 0] + 1e-13 * float(truth)


# ---- several fields -----------------------------------------------------------------------------------------------


def test_nested_means_are_the_joint_law():
    # k | h ~ N(nu + t h, r)
    nested = GaussianMean(GaussianMean(h**2 * k + k**3, k, nu + t * h, r), h, mu, q)
    joint = GaussianMean(h**2 * k + k**3, (h, k), (mu, nu + t * mu), [[q, t * q], [t * q, r + t**2 * q]])
    written = integral(integral(h**2 * k + k**3, k, nu + t * h, r), h, mu, q)
    at = {mu: 0.3, nu: -0.2, t: 0.7, q: 1.3, r: 0.4}
    assert is_zero(nested.doit() - written)
    assert value(joint, at)[0] == pytest.approx(float(written.subs(at)), rel=1e-12)
    # (an inner average that does not depend on the outer field must work too)
    assert value(GaussianMean(h * GaussianMean(LogCosh(k), k, 0, 1), h, 2, 1))[0] == pytest.approx(2 * 0.3745672074914)
    for s in (t, mu, nu, q, r):
        assert is_zero(nested.diff(s).doit() - written.diff(s))
        expected = float(written.diff(s).subs(at))
        assert value(nested.diff(s), at)[0] == pytest.approx(expected, rel=1e-11)
        assert value(joint.diff(s), at)[0] == pytest.approx(expected, rel=1e-11)
        assert value(joint.diff(s, 2), at)[0] == pytest.approx(float(written.diff(s, 2).subs(at)), rel=1e-10, abs=1e-11)


COVARIANCE = sympy.Matrix([[q, t * q], [t * q, r]])


def test_joint_exponential():
    # E exp(v.x) = exp(v.mean + v C v/2)
    a, b = sympy.Rational(1, 3), sympy.Rational(-2, 5)
    average = GaussianMean(exp(a * h + b * k), (h, k), (mu, nu), COVARIANCE)
    v = sympy.Matrix([a, b])
    closed = exp(a * mu + b * nu + (v.T * COVARIANCE * v)[0] / 2)
    at = {mu: 0.3, nu: -0.2, t: 0.4, q: 1.3, r: 0.9}
    for s in (None, mu, nu, t, q, r):
        got = average if s is None else average.diff(s)
        expected = closed if s is None else closed.diff(s)
        assert value(got, at)[0] == pytest.approx(float(expected.subs(at)), rel=1e-12)


@pytest.mark.parametrize("covariance", [
    [[1, 1], [1, 1]], [[1, -1], [-1, 1]], [[0, 0], [0, 1]], [[1, 0], [0, 0]], [[0, 0], [0, 0]], [[4, 2], [2, 1]],
])
def test_singular_covariance(covariance):
    average = GaussianMean(h**2 * k**2 + LogCosh(h + 2 * k) - LogCosh(h - k), (h, k), (mu, nu), covariance)
    c = np.array(covariance, float)
    values, vectors = np.linalg.eigh(c)
    root = vectors * np.sqrt(np.maximum(values, 0))
    # panels of Gauss-Legendre: the integrand varies over one unit
    x, w = np.polynomial.legendre.leggauss(20)
    z = (np.arange(-10, 10)[:, None] + 0.5 * (x + 1)).ravel()
    w = np.tile(0.5 * w, 20) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    z1, z2 = np.meshgrid(z, z, indexing="ij")
    x, y = (0.3 + root[0, 0] * z1 + root[0, 1] * z2), (-0.4 + root[1, 0] * z1 + root[1, 1] * z2)

    def log_cosh(u):
        return np.logaddexp(u, -u) - np.log(2)

    expected = (np.outer(w, w) * (x**2 * y**2 + log_cosh(x + 2 * y) - log_cosh(x - y))).sum()
    assert value(average, {mu: 0.3, nu: -0.4})[0] == pytest.approx(expected, rel=1e-11)


def test_singular_covariance_as_a_number():
    average = GaussianMean(h * k + LogCosh(h - k), (h, k), (0, 0), COVARIANCE)
    got = value(average, {q: np.array([1.0, 1.0]), t: np.array([1.0, 0.5]), r: np.array([1.0, 1.0])})
    assert got[0] == pytest.approx(1.0, abs=1e-7)  # h = k: log cosh 0 = 0; the root of rounding at most
    assert got[1] == pytest.approx(0.5 + 0.3745672074914, rel=1e-12)  # h - k ~ N(0, 1)


def test_three_joint_fields():
    covariance = [[2, 1, sympy.Rational(1, 2)], [1, 2, 1], [sympy.Rational(1, 2), 1, 2]]
    average = GaussianMean(h**2 * k * l + h * l, (h, k, l), (0, 0, mu), covariance)
    # Wick: E h^2 k (l0 + mu) = C_hh C_kl + 2 C_hk C_hl; E h l = C_hl
    assert value(average, {mu: 0.7}, tolerance=1e-9)[0] == pytest.approx(2 * 1 + 2 * 1 * 0.5 + 0.5, rel=1e-8)
    assert value(average.diff(mu), {mu: 0.7}, tolerance=1e-9)[0] == pytest.approx(0, abs=1e-8)


# ---- mixtures and domains -----------------------------------------------------------------------------------------


def test_mixture_is_the_weighted_sum():
    laws = [(t, mu, q), (1 - t, -mu, 0), (t**2, 0, r)]
    mixture = GaussianMean(h**3 + h**2, h, components=laws)
    parts = sum(w * GaussianMean(h**3 + h**2, h, m, v).doit() for w, m, v in laws)
    assert is_zero(mixture.doit() - parts)
    for s in (t, mu, q, r):
        assert is_zero(mixture.diff(s).doit() - parts.diff(s))
        assert is_zero(mixture.diff(s, 2).doit() - parts.diff(s, 2))


def test_mixture_with_an_integrand_that_moves():
    laws = [(sympy.Rational(1, 3), mu, q), (sympy.Rational(2, 3), -mu, 2 * q)]
    mixture = GaussianMean(LogCosh(t * h), h, components=laws)
    parts = sum(w * GaussianMean(LogCosh(t * h), h, m, v) for w, m, v in laws)
    at = {t: 1.7, mu: 0.6, q: 0.4}
    for s in (t, mu, q):
        assert value(mixture.diff(s), at)[0] == pytest.approx(value(parts.diff(s), at)[0], rel=1e-12)


def test_weight_that_depends_on_the_field():
    weighted = GaussianMean(h**2, h, mu, q, weight=1 + t * h)
    plain = GaussianMean(h**2 * (1 + t * h), h, mu, q)
    assert is_zero(weighted.doit() - plain.doit())
    for s in (t, mu, q):
        assert is_zero(weighted.diff(s).doit() - plain.doit().diff(s))


@pytest.mark.parametrize("domain", [(0, oo), (-oo, 1), (-1, 2)])
@pytest.mark.parametrize("f", [sympy.Integer(1), h, h**2, h**3 - h])
def test_domain(f, domain):
    average = GaussianMean(f, h, mu, q, domain=domain)
    at = {mu: 0.35, q: 0.8}
    density = exp(-((h - mu) ** 2) / (2 * q)) / sqrt(2 * sympy.pi * q)
    low, high = (float(x) if x.is_finite else (12.0 if x > 0 else -12.0) for x in map(sympy.sympify, domain))

    def by_quad(expression):
        g = sympy.lambdify(h, expression.subs(at), modules="mpmath")
        with mp.workdps(25):
            return float(mp.quad(g, mp.linspace(low, high, 30)))

    assert value(average.doit(), at)[0] == pytest.approx(by_quad(f * density), rel=1e-12, abs=1e-15)
    assert value(GaussianMean(f + LogCosh(h) - LogCosh(h), h, mu, q, domain=domain), at)[0] == pytest.approx(
        by_quad(f * density), rel=1e-12, abs=1e-14)
    for s in (mu, q):
        assert value(average.diff(s), at)[0] == pytest.approx(by_quad(f * density.diff(s)), rel=1e-11, abs=1e-12)
        assert value(average.doit().diff(s), at)[0] == pytest.approx(by_quad(f * density.diff(s)), rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("domain", [(0, oo), (-oo, 1), (-1, 2)])
@pytest.mark.parametrize("at", [{mu: 0.35, q: 0.8}, {mu: 4.0, q: 1e-3}, {mu: -2.0, q: 30.0}])
def test_domain_with_an_integrand_that_does_not_vanish_there(domain, at):
    average = GaussianMean(LogCosh(h - 1), h, mu, q, domain=domain)
    with mp.workdps(25):
        m, s = mp.mpf(at[mu]), mp.sqrt(at[q])
        low, high = (x if abs(x) != oo else None for x in domain)
        low = m - 13 * s if low is None else max(mp.mpf(low), m - 13 * s)
        high = m + 13 * s if high is None else min(mp.mpf(high), m + 13 * s)
        truth = mp.quad(lambda x: mp.npdf((x - m) / s) / s * mp.log(mp.cosh(x - 1)), mp.linspace(low, high, 60)) if (
            low < high) else mp.mpf(0)
    assert value(average, at, scales=[1e-12])[0] == pytest.approx(float(truth), rel=1e-12, abs=1e-20)


def test_domain_that_moves_is_refused():
    average = GaussianMean(h, h, mu, q, domain=(t, oo))
    with pytest.raises(ValueError, match="domain"):
        average.diff(t)


# ---- SymPy's traversals -------------------------------------------------------------------------------------------

AVERAGE = GaussianMean(LogCosh(t * h), h, mu, q)


def test_rebuilds_from_its_arguments():
    for expression in (
        AVERAGE, GaussianMean(h * k, (h, k), (mu, 0), COVARIANCE), GaussianMean(h, h, mu, q, domain=(0, oo)),
        GaussianMean(h**2, h, components=[(t, 0, 1), (1 - t, mu, q)]),
        GaussianMean(Let(k**2, [(k, LogCosh(h))]), h, mu, q),
    ):
        assert expression.func(*expression.args) == expression
        assert hash(expression.func(*expression.args)) == hash(expression)
        assert sympy.sympify(expression) is expression
        assert expression.xreplace({l: mu}) == expression


def test_equality():
    assert GaussianMean(LogCosh(t * h), h, mu, q) == AVERAGE
    assert GaussianMean(LogCosh(t * h), h, mu, r) != AVERAGE
    assert GaussianMean(LogCosh(t * h), h, mu, q) - AVERAGE == 0
    assert GaussianMean(0, h, mu, q) == 0


def test_substitution_of_parameters():
    assert AVERAGE.subs(t, 2) == GaussianMean(LogCosh(2 * h), h, mu, q)
    assert AVERAGE.subs({mu: 0, q: 3}) == GaussianMean(LogCosh(t * h), h, 0, 3)
    assert AVERAGE.xreplace({q: r}) == GaussianMean(LogCosh(t * h), h, mu, r)
    assert (2 * AVERAGE + 1).subs(t, 0) == 1


def test_bound_field_is_not_substituted():
    assert AVERAGE.subs(h, 3) == AVERAGE
    assert AVERAGE.free_symbols == {t, mu, q}
    assert AVERAGE.diff(h) == 0


def test_field_of_the_same_name_outside_is_another():
    # the law's mean is the outer h, the integrand's h the inner one
    inner = GaussianMean(h**2, h, h, q)
    assert inner.free_symbols == {h, q}
    outer = GaussianMean(inner.doit(), h, mu, r)
    nested = GaussianMean(inner, h, mu, r)
    assert is_zero(outer.doit() - (mu**2 + q + r))
    assert is_zero(nested.doit() - (mu**2 + q + r))


def test_substitution_that_captures_is_avoided():
    # replacing t by an expression in h must not bind that h
    captured = AVERAGE.subs(t, h)
    expected = GaussianMean(LogCosh(h * k), k, mu, q)
    got, want = (value(e, {h: 2.0, mu: 0.3, q: 0.5}) for e in (captured, expected))
    assert got[0] == pytest.approx(want[0], rel=1e-12)


def test_prints():
    assert r"\mathbb{E}_{h\sim \mathcal{N}\left(\mu,q\right)}" in sympy.latex(AVERAGE)
    joint = sympy.latex(GaussianMean(h * k, (h, k), (mu, 0), COVARIANCE))
    assert "(h,k)" in joint
    assert "begin{matrix}" in joint
    domain = sympy.latex(GaussianMean(LogCosh(h), h, mu, q, domain=(0, oo)))
    assert r"\infty" in domain
    mixture = sympy.latex(GaussianMean(h, h, components=[(t, 0, 1), (1 - t, mu, q)]))
    assert mixture.count(r"\mathcal{N}") == 2
    for text in (joint, domain, mixture, sympy.latex(AVERAGE.diff(q, 2)), sympy.latex(2 * AVERAGE**2)):
        assert text.count("{") == text.count("}")
        assert text.count(r"\left") == text.count(r"\right")
    assert str(AVERAGE) == "E[LogCosh(h*t) | h ~ N(mu; q)]"


@pytest.mark.parametrize(("arguments", "said"), [
    ((h, 2, 0, 1), "h = 2"),
    ((h, (h, k), (0,), sympy.eye(2)), "2 field"),
    ((h, (h, k), (0, 0), [[1]]), "2 x 2"),
    ((h, h, (0, 1), 1), "1 field"),
])
def test_misuse_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        GaussianMean(*arguments)


def test_domain_of_several_fields_is_refused():
    with pytest.raises(ValueError, match="domain"):
        GaussianMean(h, (h, k), (0, 0), sympy.eye(2), domain=(0, 1))


# ---- named intermediate values ------------------------------------------------------------------------------------


def test_let_is_the_expression_written_out():
    bound = Let(k**2 + t * l, [(k, LogCosh(t * h)), (l, k * h)])
    written = LogCosh(t * h) ** 2 + t * LogCosh(t * h) * h
    at = {t: 0.7, mu: 0.2, q: 1.2}
    assert bound.expand_bindings(bound.body) == written
    assert bound.free_symbols == {t, h}
    assert value(GaussianMean(bound, h, mu, q), at)[0] == pytest.approx(
        value(GaussianMean(written, h, mu, q), at)[0], rel=1e-13)
    for s in (t, mu, q):
        assert value(GaussianMean(bound, h, mu, q).diff(s), at)[0] == pytest.approx(
            value(GaussianMean(written, h, mu, q).diff(s), at)[0], rel=1e-12)


def test_softmax_average():
    terms = (t * h, -t * h, 0)
    average = GaussianMean(LogSumExp(*terms), h, mu, q)
    at = {t: 3.0, mu: 0.2, q: 1.2}
    with mp.workdps(25):
        f = lambda z: mp.npdf(z) * mp.log(1 + 2 * mp.cosh(3 * (mp.mpf(0.2) + mp.sqrt(mp.mpf(1.2)) * z)))  # noqa: E731
        truth = mp.quad(f, mp.linspace(-12, 12, 49))
    assert value(average, at)[0] == pytest.approx(float(truth), rel=1e-13)


# ---- the compiled form --------------------------------------------------------------------------------------------


def test_batch_is_one_by_one():
    rng = np.random.default_rng(0)
    compiled, _ = compile_expressions([AVERAGE, AVERAGE.diff(q), AVERAGE.diff(t)])
    ts, mus, qs = rng.uniform(0.1, 30, 50), rng.normal(size=50), rng.uniform(0.01, 4, 50)
    together = compiled({t: ts, mu: mus, q: qs})
    for i in range(50):
        alone = compiled({t: ts[i], mu: mus[i], q: qs[i]})
        np.testing.assert_allclose(together.values[:, i], alone.values[:, 0], rtol=2e-14, atol=1e-15)


def test_equal_structures_share_one_compilation():
    one, constants = compile_expressions([AVERAGE.subs(t, sympy.Float(1.25))])
    other, more = compile_expressions([AVERAGE.subs(t, sympy.Float(7.5))])
    assert one is other
    assert constants != more


@given(st.floats(0.01, 50), st.floats(-3, 3), st.floats(1e-3, 9))
@settings(deadline=None, max_examples=30)
def test_stated_errors_hold_and_are_not_absurd(slope, mean, variance):
    assume(abs(mean) > 1e-3)
    compiled, _ = compile_expressions([AVERAGE, AVERAGE.diff(mu), AVERAGE.diff(q)])
    for tolerance in (1e-6, 1e-13):
        got = compiled({t: slope, mu: mean, q: variance}, tolerance=tolerance)
        finer = compiled.evaluate({s: np.array([v]) for s, v in ((t, slope), (mu, mean), (q, variance))
                                   if s in compiled.parameters}, (0.02, 0.02))[:, 0, 0]
        deviation = np.abs(got.values[:, 0] - finer)
        assert (deviation <= 10 * got.errors[:, 0]).all()
        assert (got.errors[:, 0] <= 4 * tolerance * np.abs(finer) + 1e-13 * (1 + np.abs(finer))).all() or (
            not got.converged[0])


def test_generated_source_can_be_read():
    compiled, _ = compile_expressions([AVERAGE])
    assert "LogCosh" in compiled.source()
