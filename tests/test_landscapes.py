"""Sampled landscapes: their law, exactly at finite size, and their derivatives."""

import itertools
import math

import numpy as np
import pytest
import sympy

from spinodal.theory.landscape import Landscape
from spinodal.validate import landscapes
from spinodal.validate.landscape_kernels import multiply_by_orders
from spinodal.validate.landscapes import Covariance, from_tangent, numbers, sample_landscape, tangential

MIXED = Covariance((1, 2, 3, 4), (0.3, 1.1, 0.7, 0.2), True)


def monomials(size, degree):
    return list(itertools.combinations_with_replacement(range(size), degree))


def unit(size, seed=0):
    u = np.random.default_rng(seed).standard_normal(size)
    return u / np.linalg.norm(u)


# ---- the law ----


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [2, 5])
def test_covariance_of_monomials_is_a_power_of_the_overlap(degree, size):
    """sum_a (p!/a!) x^a y^a = (x.y)^p, the identity that makes samples exact."""
    scales = np.ones(math.comb(size + degree - 1, degree))
    multiply_by_orders(scales, degree, size, 1.0)
    x, y = np.random.default_rng(degree).standard_normal((2, size))
    terms = monomials(size, degree)
    assert len(terms) == scales.size
    total = sum(c * c * np.prod(x[list(a)]) * np.prod(y[list(a)]) for c, a in zip(scales, terms, strict=True))
    assert total == pytest.approx((x @ y) ** degree, rel=1e-12)


def test_values_have_the_covariance_of_the_model():
    """2000 landscapes at two points: every entry of the covariance within five standard errors, and the mean too."""
    size, count = 6, 2000
    u, v = unit(size), unit(size, 3)
    signal = None
    values = []
    for stream in np.random.default_rng(5).spawn(count):
        sample = sample_landscape(MIXED, size, stream)
        signal = sample.signal
        values.append([sample.energy(w) + sample.covariance(w @ signal) for w in (u, v)])
    values = math.sqrt(size) * np.array(values)
    expected = MIXED(np.array([[1.0, u @ v], [u @ v, 1.0]]))
    spread = np.sqrt((expected**2 + np.outer(np.diag(expected), np.diag(expected))) / count)
    assert (np.abs(np.cov(values.T) - expected) < 5 * spread).all()
    assert (np.abs(values.mean(axis=0)) < 5 * np.sqrt(np.diag(expected) / count)).all()


def test_equal_seeds_give_equal_landscapes():
    first, second = (sample_landscape(MIXED, 7, 3) for _ in range(2))
    assert (first.coefficients == second.coefficients).all()
    assert (first.signal == second.signal).all()
    assert not (first.coefficients == sample_landscape(MIXED, 7, 4).coefficients).all()


# ---- derivatives ----


@pytest.mark.parametrize("degrees", [(1,), (2,), (3,), (4,), (5,), (2, 3), (1, 4)], ids=str)
@pytest.mark.parametrize("spiked", [False, True])
def test_values_and_derivatives_are_those_of_the_polynomial(degrees, spiked):
    size = 5
    sample = sample_landscape(Covariance(degrees, (1.7,) * len(degrees), spiked), size, 1)
    x = sympy.symbols("x:5")
    terms = [a for p in degrees for a in monomials(size, p)]
    h = sum(c * math.prod(x[i] for i in a) for c, a in zip(sample.coefficients.tolist(), terms, strict=True))
    if spiked:
        m = sum(float(v) * y for v, y in zip(sample.signal, x, strict=True))
        h -= sum(1.7 * m**p for p in degrees)
    u = np.random.default_rng(0).standard_normal(size)
    at = dict(zip(x, u.tolist(), strict=True))
    value, gradient, hessian = sample.evaluate(u, 2)
    assert value == pytest.approx(float(h.subs(at)), rel=1e-12)
    np.testing.assert_allclose(gradient, [float(h.diff(y).subs(at)) for y in x], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(hessian, [[float(h.diff(y, z).subs(at)) for y in x] for z in x], rtol=1e-10, atol=1e-11)
    assert sample.energy(u) == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(sample.evaluate(u, 1)[1], gradient, rtol=1e-12)


def test_gradient_and_hessian_on_the_sphere_are_those_along_great_circles():
    size = 6
    sample, u = sample_landscape(MIXED, size, 2), unit(size)
    basis = from_tangent(np.eye(size - 1), u)
    np.testing.assert_allclose(basis @ basis.T, np.eye(size - 1), atol=1e-14)
    np.testing.assert_allclose(basis @ u, 0, atol=1e-14)
    direction = np.random.default_rng(1).standard_normal(size - 1)
    direction /= np.linalg.norm(direction)
    along, step = from_tangent(direction[None], u)[0], 1e-4

    def on_circle(angle):
        return sample.energy(math.cos(angle) * u + math.sin(angle) * along)

    slope = (on_circle(step) - on_circle(-step)) / (2 * step)
    curvature = (on_circle(step) - 2 * on_circle(0) + on_circle(-step)) / step**2
    assert sample.gradient(u) @ along == pytest.approx(slope, abs=1e-7)
    assert sample.gradient(u) @ u == pytest.approx(0, abs=1e-14)
    assert direction @ sample.hessian(u) @ direction == pytest.approx(curvature, abs=1e-6)
    np.testing.assert_allclose(tangential(np.diag(np.arange(6.0)), u), basis @ np.diag(np.arange(6.0)) @ basis.T,
                               atol=1e-13)


def test_parity_is_that_of_the_degrees():
    assert [Covariance(d, (1.0,) * len(d)).parity for d in ((3,), (1, 3), (2, 4), (2, 3))] == [-1, -1, 1, 0]
    sample, u = sample_landscape(Covariance((1, 3), (1.0, 1.0), True), 4, 0), unit(4)
    assert sample.energy(-u) == pytest.approx(-sample.energy(u))


# ---- refusals ----


def test_memory_that_is_not_there_is_not_asked_for(monkeypatch):
    monkeypatch.setattr(landscapes, "available_memory", lambda: 1e6)
    with pytest.raises(ValueError, match=r"size = 100 needs 0\.0014 GB.*0\.001 GB are free: give a smaller size"):
        sample_landscape(Covariance((3,), (1.0,)), 100, 0)
    monkeypatch.undo()
    assert landscapes.available_memory() > 1e6


@pytest.mark.parametrize(
    ("given", "size", "error", "words"),
    [
        (Landscape(((3, sympy.Symbol("w")),), False), 5, ValueError, "free symbols"),
        (Landscape(((3, 0.0),), False), 5, ValueError, "weight = 0.0 of degree 3"),
        (Landscape(((3, math.inf),), False), 5, ValueError, "weight = inf"),
        (Landscape(((2.5, 1.0),), False), 5, ValueError, "degree = 2.5"),
        (Landscape(((0, 1.0),), False), 5, ValueError, "degree = 0"),
        (Landscape((), False), 5, ValueError, "no terms"),
        ("p = 3", 5, TypeError, "'p = 3' is a str"),
        (Landscape(((3, 1.0),), False), 1, ValueError, "size = 1"),
        (Landscape(((3, 1.0),), False), 5.0, TypeError, "size = 5.0"),
    ],
)
def test_bad_input_is_refused(given, size, error, words):
    with pytest.raises(error, match=words):
        sample_landscape(given, size, 0)


def test_points_of_the_wrong_kind_are_refused():
    sample = sample_landscape(Covariance((3,), (1.0,)), 5, 0)
    with pytest.raises(ValueError, match=r"u of shape \(4,\).*\(5,\)"):
        sample.energy(np.ones(4))
    with pytest.raises(ValueError, match="no signal"):
        sample.overlap(np.ones(5))
    assert numbers(Landscape(((sympy.Integer(3), sympy.Rational(1, 2)),), True)) == Covariance((3,), (0.5,), True)
