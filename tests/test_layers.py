"""Averages of one layer against integrals written here from its definition, and their derivatives.

v = phi(h + sqrt(input_noise) xi) + sqrt(noise) xi', h ~ N(w, V), w ~ N(0, m), seen as y = v + xi''/sqrt(A).  The
log-partition's derivatives by the fields are joint cumulants of (v, h/T) under the posterior of (h, v): nothing of the
package's formulas enters the reference, whose three integrals are Gauss-Legendre panels between the breaks of phi.
"""

import functools
import itertools

import numpy as np
import pytest
import sympy

import spinodal as sp
from spinodal.equations.compile import compile_expressions
from spinodal.theory.layers import LayerLaw, LayerMean
from spinodal.theory.parameters import formula_symbol

A, V, M = map(formula_symbol, ("A", "V", "m"))
NAMES = ("log_partition", "information", "overlap", "mmse", "gain", "response_AA", "response_AV", "response_VV",
         "bend_AAA", "bend_AAV", "bend_AVV", "bend_VVV")
FEW = ("mmse", "gain")
REACH = 9.0
GL = np.polynomial.legendre.leggauss(20)


def panels(low, high, breaks, width):
    """Gauss-Legendre nodes and weights between low and high, split at breaks and to panels of the width at most."""
    edges = [low, *sorted(b for b in breaks if low < b < high), high]
    cuts = np.unique(np.concatenate([np.linspace(a, b, 2 + int((b - a) / width)) for a, b in itertools.pairwise(edges)]))
    half, centre = np.diff(cuts) / 2, (cuts[1:] + cuts[:-1]) / 2
    return (centre[:, None] + half[:, None] * GL[0]).ravel(), (half[:, None] * GL[1]).ravel()


def normal(x, variance):
    return np.exp(-x * x / (2 * variance)) / np.sqrt(2 * np.pi * variance)


def pieces_of(activation):
    return [tuple(map(float, piece)) for piece in activation.pieces]


def phi(pieces, h):
    return np.select([h < high for _, high, _, _ in pieces], [c * h + d for *_, c, d in pieces])


def given_w(pieces, w, A, T, noise):
    """All averages over y at one w, in the order of NAMES without the log-partition."""
    breaks = [high for _, high, _, _ in pieces[:-1]]
    h, weight = panels(w - REACH * np.sqrt(T), w + REACH * np.sqrt(T), breaks, 2 * np.sqrt(T))
    level, total = phi(pieces, h), noise + 1 / A
    reach, width = REACH * np.sqrt(total), min(1.5 * np.sqrt(total), 3 / A)  # 1/A: between the atoms of a sign
    y, dy = panels(level.min() - reach, level.max() + reach, [], width)
    joint = weight * normal(h - w, T) * normal(y[:, None] - level, total)
    p = joint.sum(axis=1)
    posterior = joint / p[:, None]

    def mean(values):
        return (posterior * values).sum(axis=1)

    v = (level + A * noise * y[:, None]) / (1 + A * noise)  # posterior mean of v given h as well
    fields = {"B": (v - mean(v)[:, None]), "w": (h - mean(h)[:, None]) / T}
    k = {"B": mean(v), "w": (mean(h) - w) / T}
    k |= {x + z: mean(fields[x] * fields[z]) for x, z in ("BB", "Bw", "ww")}
    k |= {"".join(t): mean(fields[t[0]] * fields[t[1]] * fields[t[2]]) for t in ("BBB", "BBw", "Bww", "www")}
    k["BB"] = k["BB"] + noise / (1 + A * noise)
    k["ww"] = k["ww"] - 1 / T
    rows = [
        -np.log(np.sqrt(2 * np.pi / A) * p) - 0.5, k["B"] ** 2, k["BB"], k["w"] ** 2,
        k["BB"] ** 2, k["Bw"] ** 2, k["ww"] ** 2,
        k["BBB"] ** 2 - 2 * k["BB"] ** 3, k["BBw"] ** 2 - 2 * k["BB"] * k["Bw"] ** 2,
        k["Bww"] ** 2 - 2 * k["ww"] * k["Bw"] ** 2, k["www"] ** 2 - 2 * k["ww"] ** 3,
    ]
    return np.array([(dy * p * row).sum() for row in rows])


def by_hand(activation, A, V, m):
    """The averages of NAMES from their definition."""
    pieces, noise, extra = pieces_of(activation), float(activation.noise), float(activation.input_noise)
    breaks = [high for _, high, _, _ in pieces[:-1]]
    if m == 0:
        found = given_w(pieces, 0.0, A, V + extra, noise)
    else:
        width = min(np.sqrt(m), np.sqrt(V + extra))
        w, weight = panels(-REACH * np.sqrt(m), REACH * np.sqrt(m), breaks, 1.5 * width)
        found = sum(g * given_w(pieces, x, A, V + extra, noise) for x, g in zip(w, weight * normal(w, m), strict=True))
    return dict(zip(NAMES, [A * (found[1] + found[2]) / 2 - found[0], *found], strict=True))


@functools.cache
def compiled(activation, names):
    return compile_expressions([LayerMean(name, LayerLaw(*activation.law.args), A, V, M) for name in names])


def values(activation, names, A_, V_, m_, tolerance=1e-12):
    """Values and errors, (names, rows)."""
    function, numbers = compiled(activation, names)
    rows = np.broadcast_arrays(*map(np.atleast_1d, (A_, V_, m_)))
    found = function({A: rows[0], V: rows[1], M: rows[2], **numbers}, tolerance=tolerance)
    return found.values, found.errors


CASES = [
    (sp.Sign(), NAMES, 2.75, 0.375, 0.625),
    (sp.Sign(), NAMES, 12.0, 0.05, 0.95),
    (sp.Sign(noise=0.3, input_noise=0.2), NAMES, 1.3, 0.5, 0.7),
    (sp.ReLU(), NAMES, 2.75, 0.375, 0.625),
    (sp.ReLU(), NAMES, 0.2, 0.9, 0.1),
    (sp.ReLU(noise=0.1), FEW, 5.0, 0.1, 1.9),
    (sp.ReLU(), NAMES, 2.0, 1.0, 0.0),
    (sp.Linear(noise=0.1, input_noise=0.4), NAMES, 2.0, 0.3, 0.7),
]


def check(activation, names, *times):
    found, errors = values(activation, names, *times)
    reference = by_hand(activation, *times)
    for name, value, error in zip(names, found[:, 0], errors[:, 0], strict=True):
        assert value == pytest.approx(reference[name], rel=1e-10, abs=1e-12), name
        assert abs(value - reference[name]) <= 5 * error + 1e-11 * abs(reference[name]), name


@pytest.mark.parametrize(("activation", "names", "A", "V", "m"), CASES, ids=range(len(CASES)))
def test_averages_against_their_definition(activation, names, A, V, m):
    check(activation, names, A, V, m)


@pytest.mark.parametrize(("A", "V", "m"), [
    (4.0, 0.4, 0.6), (4.0, 0.99, 0.01),
    (4.0, 1.0, 0.0),
])
def test_ends_away_from_zero(A, V, m):
    """Where little or nothing is known of the input, the pieces' ends lie far from what is known."""
    check(sp.HardTanh(), FEW, A, V, m)


STENCIL, RULE = np.array([-3, -2, -1, 1, 2, 3]), np.array([-1, 9, -45, 45, -9, 1]) / 60


@pytest.mark.parametrize("activation", [sp.Sign(), sp.ReLU()], ids=str)
@pytest.mark.parametrize("name", NAMES[:8])
def test_derivatives_against_differences(activation, name):
    """By A, and by V at fixed m + V."""
    A_, V_, m_, step = 1.7, 0.4, 0.6, 3e-3
    law, names = LayerLaw(*activation.law.args), NAMES
    table, _ = values(activation, names, A_, V_, m_)
    at = {LayerMean(other, law, A, V, 1 - V): value for other, value in zip(names, table[:, 0], strict=True)}
    mean = LayerMean(name, law, A, V, 1 - V)
    row = names.index(name)
    along = {A: values(activation, names, A_ + step * STENCIL, V_, m_)[0][row],
             V: values(activation, names, A_, V_ + step * STENCIL, m_ - step * STENCIL)[0][row]}
    for by, samples in along.items():
        assert float(mean.diff(by).xreplace(at)) == pytest.approx(samples @ RULE / step, rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("activation", [sp.Sign(), sp.ReLU()], ids=str)
def test_sums_and_signs(activation):
    """Overlap and mmse add up to E v^2; information and gain grow with A."""
    precisions = np.array([1e-6, 1e-2, 1.0, 30.0, 1e3])
    found, errors = values(activation, NAMES, precisions, 0.3, 0.7)
    table = dict(zip(NAMES, found, strict=True))
    rho = float(activation.output_second_moment(sympy.Integer(1)))
    np.testing.assert_allclose(table["overlap"] + table["mmse"], rho, rtol=1e-12)
    assert (np.diff(table["information"]) > 0).all()
    assert (np.diff(table["gain"]) > 0).all()
    assert (table["response_AA"] > 0).all()
    assert (table["information"] > 0).all()
    assert (errors[1:5] < 1e-11).all()


def test_nearly_known_input():
    """V -> 0: a sign tells of its input as a threshold does, E g^2 ~ V^(-1/2); a linear layer A/(1 + A V)."""
    small = np.array([1e-6, 1e-8, 1e-10])
    found, _ = values(sp.Sign(), FEW, 4.0, small, 1 - small)
    scaled = found[1] * np.sqrt(small)
    assert scaled[2] == pytest.approx(scaled[1], rel=1e-6)
    assert scaled[1] == pytest.approx(scaled[0], rel=1e-5)
    found, _ = values(sp.Linear(), FEW, 4.0, small, 1 - small)
    np.testing.assert_allclose(found[1], 4 / (1 + 4 * small), rtol=1e-14)
    np.testing.assert_allclose(found[0], small / (1 + 4 * small), rtol=1e-14)


def test_slope_one_is_linear():
    assert LayerLaw(*sp.LeakyReLU(1).law.args) == LayerLaw(*sp.Linear().law.args)
    assert LayerLaw(*sp.LeakyReLU(1).law.args).is_linear


def test_it_prints():
    mean = LayerMean("gain", LayerLaw(*sp.Sign().law.args), A, V, M)
    assert str(mean).startswith("gain_")
    assert str(mean).endswith("(A, V)")
    assert "gain" in sympy.latex(mean)
