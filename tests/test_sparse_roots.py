"""Roots in (0, 1) of polynomials with few terms."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spinodal.equations.sparse_roots import roots_in_unit_interval


@given(roots=st.lists(st.floats(0.02, 1.9), min_size=1, max_size=6, unique=True), low=st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_products_of_linear_factors(roots, low):
    roots = sorted(roots)
    assume(all(b - a > 0.05 for a, b in zip(roots[:-1], roots[1:], strict=True)) and all(abs(x - 1) > 0.02 for x in roots))
    coefficients = np.polynomial.polynomial.polyfromroots(roots)
    found = roots_in_unit_interval([(k + low, a) for k, a in enumerate(coefficients)])
    assert found == pytest.approx([x for x in roots if x < 1], rel=1e-6)


@pytest.mark.parametrize("degree", [10, 300, 10**6])
def test_few_terms_of_high_degree(degree):
    """1 - 3 x^n + x^(2n) has the root ((3 - sqrt 5)/2)^(1/n) in (0, 1)."""
    (found,) = roots_in_unit_interval([(0, 1.0), (degree, -3.0), (2 * degree, 1.0)])
    assert found == pytest.approx(((3 - 5**0.5) / 2) ** (1 / degree), rel=1e-13)


def test_real_exponents_and_scales():
    (found,) = roots_in_unit_interval([(0.5, -1e-200), (2.5, 4e-200)])
    assert found == pytest.approx(0.5, rel=1e-15)


@pytest.mark.parametrize("terms", [[], [(3, 2.0)], [(0, 1.0), (2, 1.0)], [(0, 0.0), (1, 1.0)]], ids=range(4))
def test_none(terms):
    assert roots_in_unit_interval(terms) == []


def test_tiny_roots_keep_their_digits():
    (found,) = roots_in_unit_interval([(0, -1e-40), (1, 1.0), (7, 3.0)])
    assert found == pytest.approx(1e-40, rel=1e-14)
