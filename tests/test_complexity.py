"""The number of critical points of random landscapes (Kac and Rice): the closed form, what it claims, figures, commands."""

import dataclasses
import functools
import json
import math
import re
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
import sympy
from scipy.optimize import brentq, minimize_scalar

import spinodal as sp
from spinodal.__main__ import main
from spinodal.equations.complexity import energy_landmarks, overlap_landmarks, spurious_energies
from spinodal.equations.counting import Counting
from spinodal.equations.functions import MPMATH
from spinodal.phase_diagrams.tables import from_csv, from_parquet, plain
from spinodal.theory.landscape import E, Landscape, m


def landscape(weights, spiked=True):
    return Landscape(tuple((sympy.Integer(p), sympy.sympify(w)) for p, w in weights.items()), spiked)


@functools.cache
def matrix_tensor(delta_2, delta_3=1.0):
    """A matrix and a tensor of order 3."""
    return Counting(landscape({2: 1 / (2 * delta_2), 3: 1 / (3 * delta_3)}))


LANDSCAPES = {
    "matrix-tensor": ({2: 1.0, 3: 1 / 3}, True), "strong matrix": ({2: 1.3, 3: 0.3}, True), "tensor": ({3: 2.0}, True),
    "three": ({2: 0.7, 3: 0.4, 4: 0.1}, True), "field": ({1: 0.3, 4: 0.8}, True),
    "glass": ({2: 0.7, 3: 0.4, 4: 0.1}, False), "pure glass": ({4: 1.0}, False), "weak glass": ({1: 1.0, 2: 1.0, 3: 0.1}, False),
}
OVERLAPS = (-0.8, -0.3, 0.05, 0.4, 0.85)


# ---- from its definition, with integrals and a numerical maximum ----------------------------------------------------


def phi(t):
    """The average of log|t - x| over the semicircle, as an integral."""
    return mp.quad(lambda y: mp.log(abs(t - y)) * mp.sqrt(4 - y * y) / (2 * mp.pi), [-2, max(min(t, 2), -2), 2])


def pulled(t):
    return mp.quad(lambda y: mp.sqrt(y * y - 4) / 2, [2, t])


def held(theta, t):
    """Maida (2007): the largest eigenvalue of a spiked matrix below where it wants to be."""
    place = theta + 1 / theta if theta > 1 else 0
    if t >= place:
        return mp.mpf(0)
    return mp.quad(lambda y: mp.sqrt(y * y - 4), [place, t]) / 4 - theta / 2 * (t - place) + (t * t - place**2) / 8


class Definition:
    """Sigma from the joint law of energy and slope, at given t."""

    def __init__(self, weights, spiked):
        self.weights, self.spiked = weights, spiked

    def q(self, x, order=0):
        return sum(w * math.perm(p, order) * x ** (p - order) for p, w in self.weights.items() if p >= order)

    def sigma(self, t, x, index, energy=None, fast=False):
        first, second = self.q(1, 1), self.q(1, 2)
        s, theta = math.sqrt(second), 0.0
        total = 0.5 + math.log(second / first) / 2 + math.log1p(-x * x) / 2
        mean = np.zeros(2)
        if self.spiked:
            theta = self.q(x, 2) * (1 - x * x) / s
            total -= self.q(x, 1) ** 2 * (1 - x * x) / (2 * first)
            mean = np.array([-self.q(x), x * self.q(x, 1)])
        covariance = np.array([[self.q(1), -first], [-first, first + second]])
        if energy is None:
            total -= (s * t - mean[1]) ** 2 / (2 * covariance[1, 1])
        elif len(self.weights) == 1:  # the slope is a multiple of the energy
            total -= (energy - mean[0]) ** 2 / (2 * covariance[0, 0])
        else:
            off = np.array([energy, s * t]) - mean
            total -= off @ np.linalg.solve(covariance, off) / 2
        parts = FAST if fast else (phi, pulled, held)
        total += float(parts[0](t))
        if index is not None:
            total -= float(index * parts[1](t) + parts[2](theta, t))
        return total

    def largest(self, x, index, energy=None):
        low = 2.0 if index is not None else -9.0
        grid = np.linspace(low, 9.0, 600)
        values = [self.sigma(t, x, index, energy, fast=True) for t in grid]
        k = int(np.argmax(values))
        around = (grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)])
        found = minimize_scalar(lambda t: -self.sigma(t, x, index, energy, fast=True), bounds=around, method="bounded",
                                options={"xatol": 1e-9})
        return max((values[k], grid[k]), (-found.fun, found.x))


def fast_phi(t):
    t = abs(t)
    return t * t / 4 - 0.5 - (fast_pulled(t) if t > 2 else 0)


def fast_pulled(t):
    root = math.sqrt(max(t * t - 4, 0))
    return t * root / 4 - math.log((t + root) / 2)


def fast_held(theta, t):
    if theta <= 1 or t >= theta + 1 / theta:
        return 0.0
    place = theta + 1 / theta
    return (fast_pulled(t) - fast_pulled(place)) / 2 - theta / 2 * (t - place) + (t * t - place**2) / 8


FAST = (fast_phi, fast_pulled, fast_held)


@pytest.mark.parametrize("name", LANDSCAPES)
@pytest.mark.parametrize("energy", [None, -1.7], ids=["all energies", "one energy"])
def test_the_closed_form_is_the_maximum_over_the_slope(name, energy):
    """Searched on a grid and refined, then the definition at that place, with integrals."""
    weights, spiked = LANDSCAPES[name]
    truth, one = Definition(weights, spiked), Counting(landscape(weights, spiked))
    for x in OVERLAPS if spiked else (0.0,):
        for index in (0, None) if spiked else (0, 2, None):
            found = float(one.sigma(index, x, energy))
            if len(weights) == 1 and energy is not None:
                p, w = next(iter(weights.items()))
                mean = (x * truth.q(x, 1), truth.q(x)) if spiked else (0.0, 0.0)
                t = (mean[0] - p * (energy + mean[1])) / math.sqrt(truth.q(1, 2))
                if index is not None and t < 2:
                    assert found == -math.inf
                    continue
                value = truth.sigma(t, x, index, energy)
            else:
                _, t = truth.largest(x, index, energy)
                value = truth.sigma(t, x, index, energy)
            assert found == pytest.approx(value, abs=2e-12), (x, index)


@pytest.mark.parametrize("name", LANDSCAPES)
def test_energy_of_the_most_numerous(name):
    """There the complexity at that energy is that over all energies; of a pure landscape a little below."""
    weights, spiked = LANDSCAPES[name]
    one = Counting(landscape(weights, spiked))
    for x in OVERLAPS if spiked else (0.0,):
        for index in (0, None):
            energy = float(one.likeliest_energy(index, x))
            at = max(float(one.sigma(index, x, energy + step)) for step in (0.0, -4e-15))
            assert at == pytest.approx(float(one.sigma(index, x)), abs=1e-12)
            around = one.sigma(index, x, energy + np.linspace(-0.1, 0.1, 21))
            assert np.nanmax(around) <= at + 1e-13


@pytest.mark.parametrize("name", LANDSCAPES)
@pytest.mark.parametrize("at_energy", [False, True], ids=["all energies", "one energy"])
def test_numpy_against_mpmath(name, at_energy):
    """The same expression at 30 digits, within the estimate of the rounding."""
    weights, spiked = LANDSCAPES[name]
    one = Counting(landscape(weights, spiked))
    exact = landscape({p: sympy.Float(w, 40) for p, w in weights.items()}, spiked)
    energy = E if at_energy else None
    with mp.workdps(30):
        for index in (0, None) if spiked else (0, 3, None):
            slow = sympy.lambdify([m, E], exact.complexity(index, m, energy), modules=[MPMATH, "mpmath"])
            for x in OVERLAPS if spiked else (0.0,):
                e = -1.9 if at_energy else None
                truth, found = slow(mp.mpf(x), mp.mpf(-1.9)), float(one.sigma(index, x, e))
                if mp.isinf(truth):
                    assert found == -math.inf
                else:
                    assert abs(found - truth) < float(one.rounding(index, x, e)) < 1e-13


@pytest.mark.parametrize("name", LANDSCAPES)
def test_rate_is_the_derivative(name):
    weights, spiked = LANDSCAPES[name]
    one, h = Counting(landscape(weights, spiked)), 1e-5
    for x in OVERLAPS:
        for index in (0, None):
            slope = (float(one.sigma(index, x + h)) - float(one.sigma(index, x - h))) / (2 * h)
            assert float(one.rate(index, x)) == pytest.approx(slope, rel=1e-7, abs=1e-8)
    symbolic = landscape(weights, spiked)
    for index in (0, None):
        rate = sympy.lambdify([m, E], [symbolic.rate(E, index, m, E), symbolic.complexity(index, m, E)],
                              modules=[MPMATH, "mpmath"])
        e, step = mp.mpf("-2.5"), mp.mpf("1e-8")
        with mp.workdps(30):
            slope = (rate(mp.mpf("0.2"), e + step)[1] - rate(mp.mpf("0.2"), e - step)[1]) / (2 * step)
            assert abs(rate(mp.mpf("0.2"), e)[0] - slope) < 1e-10


@pytest.mark.parametrize("name", [name for name, (_, spiked) in LANDSCAPES.items() if spiked])
@pytest.mark.parametrize("index", [0, None])
def test_rate_at_one_energy_is_the_derivative(name, index):
    one, h = Counting(landscape(*LANDSCAPES[name])), 1e-5
    for x in (*OVERLAPS, 0.0):
        for energy in (-2.5, -1.2):
            low, high = (float(one.sigma(index, x + side * h, energy)) for side in (-1, 1))
            if np.isfinite(low + high):
                slope, found = (high - low) / (2 * h), float(one.rate(index, x, energy))
                assert found == pytest.approx(slope, rel=1e-7, abs=1e-8)
                assert float(one.rounding(index, x, energy, name="rate")) < 1e-12


@pytest.mark.parametrize(("p", "delta"), [(3, 0.3), (4, 0.1)])
def test_without_a_matrix_the_signal_is_not_seen_at_overlap_zero(p, delta):
    spiked, free = (Counting(landscape({p: 1 / (p * delta)}, spiked)) for spiked in (True, False))
    energies = np.linspace(-4, -1, 31)
    for index in (0, None):
        assert float(spiked.sigma(index)) == pytest.approx(float(free.sigma(index)), abs=1e-14)
        assert spiked.sigma(index, 0.0, energies) == pytest.approx(free.sigma(index, 0.0, energies), abs=1e-13)


def test_the_signal_of_a_matrix_acts_at_overlap_zero():
    """theta = Q''(0)/sqrt(Q''(1)) > 1 costs minima, and all critical points nothing."""
    weights = {2: 1 / (2 * 0.45), 3: 1 / 3}
    spiked, free = (Counting(landscape(weights, spiked)) for spiked in (True, False))
    assert 0 < float(spiked.sigma(0)) < float(free.sigma(0)) - 1e-5
    assert float(spiked.sigma(None)) == pytest.approx(float(free.sigma(None)), abs=1e-15)


# ---- known answers ------------------------------------------------------------------------------------------------


def test_trivialisation_at_overlap_zero():
    """Sigma(0) = 0 at delta_p = 1, p = 3 (Sarao Mannelli et al., PRX 10, 011057 (2020)), by another route."""
    found = brentq(lambda d: float(matrix_tensor.__wrapped__(d).sigma(0)), 0.39, 0.42, xtol=1e-15)
    assert found == pytest.approx(0.4060495, abs=5e-8)
    weights = {2: 1 / (2 * found), 3: 1 / 3}
    assert Definition(weights, True).largest(0.0, 0)[0] == pytest.approx(0, abs=1e-10)


def test_the_last_minima_at_negative_overlap_become_one():
    """At delta_2 = 1/a, a^3 + a^2 - 6 a - 9 = 0: u = 1 at an isolated minimum, Q'(m)^2 = Q'' m^2, Q'' (1 - m^2) = Q'."""
    a = max(float(root) for root in np.roots([1, 1, -6, -9]).real)
    assert 1 / a == pytest.approx(0.38263, abs=5e-6)
    above, below = (overlap_landmarks(matrix_tensor(side / a)) for side in (1 + 3e-3, 1 - 3e-3))
    many = [one for one in above if one.kind == "maximum" and one.value < -0.3]
    single = [one for one in below if one.kind == "isolated" and one.value < 0]
    assert (len(many), len(single)) == (1, 1)
    assert many[0].complexity > 0
    assert (single[0].branch, single[0].complexity) == ("metastable", 0.0)
    assert single[0].value == pytest.approx(-1 / math.sqrt(a + 2), abs=5e-3)
    assert not [one for one in above if one.kind == "isolated" and one.value < 0]
    assert max(one.complexity for one in below if one.kind == "maximum") < -1e-4


def test_minima_survive_longer_at_negative_overlap():
    for delta, orthogonal, anywhere in ((0.5, True, True), (0.4, False, True), (0.37, False, False)):
        found = {one.branch: one for one in overlap_landmarks(matrix_tensor(delta)) if one.kind == "largest"}
        assert (found["orthogonal"].complexity > 0) == orthogonal
        assert (found["any overlap"].complexity > 0) == anywhere
        assert found["any overlap"].value <= 0


@pytest.mark.parametrize("delta", [0.7, 0.5, 0.42, 0.3])
def test_the_signal_s_minimum_touches_zero(delta):
    """m^2 Q' = Q'(m)^2 (1 - m^2); one minimum, left out of zeros and of the largest complexity."""
    one = matrix_tensor(delta)
    found = overlap_landmarks(one)
    (signal,) = [mark for mark in found if mark.branch == "signal"]
    x = signal.value
    q = Definition({2: 1 / (2 * delta), 3: 1 / 3}, True).q
    assert x**2 * q(1, 1) == pytest.approx(q(x, 1) ** 2 * (1 - x * x), rel=1e-13)
    assert float(one.sigma(0, x)) == pytest.approx(0, abs=1e-15)
    assert float(one.rate(0, x)) == pytest.approx(0, abs=1e-12)
    assert float(one.sigma(0, x, signal.energy)) == pytest.approx(0, abs=1e-14)
    assert signal.energy == pytest.approx(-q(x) - math.sqrt(q(1, 1) * (1 - x * x)), rel=1e-14)
    assert (one.sigma(0, x + np.array([-1e-3, 1e-3])) < 0).all()
    assert all(abs(mark.value - x) > 0.01 for mark in found if mark is not signal)


@pytest.mark.parametrize("delta", [0.3, 0.7, 0.99, 1.5, 30.0])
def test_a_matrix_has_its_largest_eigenvector(delta):
    """Overlap sqrt(1 - delta) with the signal below delta = 1, none above; elsewhere no minima."""
    found = overlap_landmarks(Counting(landscape({2: 1 / (2 * delta)})))
    isolated = [one for one in found if one.kind == "isolated"]
    truth = [-math.sqrt(1 - delta), math.sqrt(1 - delta)] if delta < 1 else [0.0]
    assert [one.value for one in isolated] == pytest.approx(truth, abs=1e-13)
    assert {one.branch for one in isolated} == {"signal" if delta < 1 else "no signal"}
    energy = -(1 + delta) / (2 * delta) if delta < 1 else -1 / math.sqrt(delta)
    assert [one.energy for one in isolated] == pytest.approx([energy] * len(truth), rel=1e-14)
    assert not [one for one in found if one.kind in ("zero", "maximum")]


def test_isolated_saddles_and_maxima_among_all_critical_points():
    """Of an odd landscape the maximum is opposite to the minimum; of a matrix the noise's eigenvectors are left."""
    found = {one.branch: one for one in overlap_landmarks(Counting(landscape({3: 2.0})), None) if one.kind == "isolated"}
    assert set(found) == {"signal", "maximum"}
    assert found["maximum"].value == pytest.approx(-found["signal"].value, rel=1e-14)
    assert found["maximum"].energy == pytest.approx(-found["signal"].energy, rel=1e-14)
    one = Counting(landscape({2: 0.7}))
    found = [mark for mark in overlap_landmarks(one, None) if mark.kind == "isolated"]
    assert [mark.branch for mark in found] == ["signal", "saddle", "maximum", "signal"]
    for mark in found:
        assert float(one.sigma(None, mark.value, mark.energy)) == pytest.approx(0, abs=1e-14)


def test_zeros_and_maxima_over_the_overlap():
    """Two windows of minima, one beside the equator and one beyond it."""
    one = matrix_tensor(0.42)
    found = overlap_landmarks(one)
    zeros = [mark for mark in found if mark.kind == "zero"]
    assert [mark.branch for mark in zeros] == ["begins", "ends", "begins", "ends"]
    inside = np.linspace(-0.999, 0.999, 4001)
    positive = one.sigma(0, inside) > 1e-12
    windows = [(zeros[k].value, zeros[k + 1].value) for k in (0, 2)]
    assert (positive == np.any([(inside > a) & (inside < b) for a, b in windows], axis=0)).all()
    for mark in zeros:
        step = 2 * mark.error
        assert float(one.sigma(0, mark.value - step)) * float(one.sigma(0, mark.value + step)) < 0
    peaks = [mark for mark in found if mark.kind == "maximum"]
    assert len(peaks) == 2
    assert all(mark.error < 1e-12 and abs(float(one.rate(0, mark.value))) < 1e-11 for mark in peaks)


@pytest.mark.parametrize(("name", "index", "energy"), [
    ("matrix-tensor", 0, -1.72), ("matrix-tensor", None, -1.3), ("three", 0, -1.7), ("three", None, -1.7), ("field", 0, -1.6),
    ("tensor", 0, -2.32), ("tensor", None, 0.4), ("strong matrix", None, 0.0),
])  # fmt: skip
def test_zeros_and_maxima_over_the_overlap_at_one_energy(name, index, energy):
    """Against a fine grid; isolated points have another energy."""
    one = Counting(landscape(*LANDSCAPES[name]))
    found = overlap_landmarks(one, index, energy)
    assert {mark.energy for mark in found} == {energy}
    assert not [mark for mark in found if mark.kind == "isolated"]
    x = np.sin(np.pi / 2 * np.linspace(-1, 1, 40003)[1:-1])
    values = one.sigma(index, x, energy)
    flips = np.flatnonzero((values[:-1] > 0) != (values[1:] > 0))
    zeros = [mark for mark in found if mark.kind == "zero"]
    assert len(zeros) == len(flips) > 0
    assert all(x[k] <= mark.value <= x[k + 1] for k, mark in zip(flips, zeros, strict=True))
    assert [mark.branch for mark in zeros] == ["begins", "ends"] * (len(zeros) // 2)
    tops = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] > values[2:])) + 1
    peaks = [mark for mark in found if mark.kind == "maximum"]
    assert [mark.value for mark in peaks] == pytest.approx(x[tops], abs=1e-4)
    (largest,) = [mark for mark in found if (mark.kind, mark.branch) == ("largest", "any overlap")]
    assert largest.complexity == max(mark.complexity for mark in peaks) == pytest.approx(values.max(), abs=1e-7)
    for mark in found:
        assert mark.complexity == pytest.approx(float(one.sigma(index, mark.value, energy)), abs=1e-13)


@pytest.mark.parametrize("name", ["matrix-tensor", "three"])
def test_an_isolated_minimum_is_seen_at_its_own_energy(name):
    one = Counting(landscape(*LANDSCAPES[name]))
    (signal,) = [mark for mark in overlap_landmarks(one) if mark.branch == "signal"]
    near = [overlap_landmarks(one, 0, signal.energy + off) for off in (0.0, 1e-6, 1e-2)]
    assert [[mark for mark in found if mark.kind == "isolated"] for found in near] == [[signal], [], []]
    for found in near[1:]:  # a maximum below 0
        beside = [mark for mark in found if abs(mark.value - signal.value) < 0.1 and mark.kind != "largest"]
        assert [mark.kind for mark in beside] == ["maximum"]
        assert -0.1 < beside[0].complexity < 0
    assert not [mark for mark in near[0] if mark != signal and abs(mark.value - signal.value) < 0.1]


@pytest.mark.parametrize("delta", [0.7, 0.5, 0.42])
def test_minima_over_the_energy(delta):
    """From where to where there are minima at any overlap, against a fine grid."""
    one = matrix_tensor(delta)
    ends = {mark.branch: mark.value for mark in spurious_energies(one) if mark.kind == "zero"}
    x, e = np.linspace(-0.9, 0.5, 801), np.linspace(ends["begins"] - 0.01, ends["ends"] + 0.01, 801)
    positive = e[(one.sigma(0, x, e[:, None]) > 0).any(1)]
    step = e[1] - e[0]
    assert abs(positive.min() - ends["begins"]) < 2 * step
    assert abs(positive.max() - ends["ends"]) < 2 * step


@pytest.mark.parametrize("p", [3, 4])
@pytest.mark.parametrize("delta", [1e-3, 1, 30.0])
def test_minima_of_a_tensor_alone_end_at_the_threshold(p, delta):
    """There Sigma ends, and is not 0."""
    one = Counting(landscape({p: 1 / (p * delta)}))
    begins, *_, end = [mark for mark in spurious_energies(one) if mark.kind != "isolated"]
    assert (begins.kind, begins.branch, end.kind, end.branch) == ("zero", "begins", "threshold_energy", "marginal")
    assert end.value == pytest.approx(-2 * math.sqrt((p - 1) / delta) / p, rel=1e-14)
    at = float(one.sigma(0, end.overlap, end.value * (1 + 1e-14)))
    assert end.complexity == pytest.approx(at, abs=1e-12)
    assert end.complexity > 0.01
    assert float(one.sigma(0, end.overlap, end.value * (1 - 1e-14))) == -math.inf
    both = [mark for mark in spurious_energies(one, None) if mark.kind == "zero"]  # all of them go on
    assert [mark.branch for mark in both] == ["begins", "ends"]


def test_what_is_stationary_at_overlap_zero_is_so_exactly():
    for model in (sp.MatrixTensor(3), sp.MatrixTensor(4)):
        for asked in ({"delta_2": 0.5}, {"delta_2": math.inf}, {"delta_2": 0.9, "index": "all"}, {"delta_2": 0.5, "energy": -1.7}):
            found = sp.complexity(model, delta_p=1, **asked).landmarks
            peaks = found[found["kind"].isin(["maximum", "largest"]) & (found["value"].abs() < 1e-3)]
            assert (peaks["value"] == 0).all()
            assert {"any overlap", "orthogonal"} & {*peaks["branch"]} or "energy" in asked
            assert (peaks["error"] < 1e-12).all()
    found = sp.complexity(sp.MatrixTensor(3), delta_2=0.5, delta_p=1, against="energy")
    ends = found.landmarks.set_index("branch").loc["ends"]
    assert ends["overlap"] == 0
    assert found.table["overlap"][found.table["energy"] > ends["value"]].iloc[0] == 0


def test_minima_at_one_overlap_begin_and_end():
    one = matrix_tensor(0.5)
    low, threshold, high = energy_landmarks(one, 0.1)
    assert [mark.branch for mark in (low, threshold, high)] == ["index 0", "marginal", "upper end"]
    assert low.value < threshold.value < high.value
    for mark in (low, high):
        assert float(one.sigma(0, 0.1, mark.value)) == pytest.approx(0, abs=1e-13)


@pytest.mark.parametrize("name", ["matrix-tensor", "three", "strong matrix"])
def test_threshold_energy_is_where_the_gap_closes(name):
    """Below it the definition is largest at t > 2, above at t = 2."""
    weights, spiked = LANDSCAPES[name]
    one, truth = Counting(landscape(weights, spiked)), Definition(weights, spiked)
    for x in (-0.3, 0.0, 0.2, 0.5):
        energy = float(one.threshold_energy(x))
        assert truth.largest(x, 0, energy - 1e-3)[1] > 2 + 1e-5
        assert truth.largest(x, 0, energy + 1e-3)[1] < 2 + 1e-7


# ---- determinants and eigenvalues of sampled matrices -----------------------------------------------------------------


@pytest.mark.parametrize(("t", "theta"), [(0.7, 0.0), (2.4, 0.0), (2.6, 1.5)])
def test_determinants_and_outliers_of_sampled_matrices(t, theta):
    """phi within the fluctuations, which are of order 1/n; an outlier of order 1 at theta + 1/theta."""
    rng, n = np.random.default_rng(3), 300
    noise = rng.normal(size=(n, n)) / math.sqrt(2 * n)
    spectrum = np.linalg.eigvalsh(noise + noise.T + theta * np.outer(np.eye(n)[0], np.eye(n)[0]))
    assert np.log(np.abs(t - spectrum)).mean() == pytest.approx(fast_phi(t), abs=0.02)
    place = theta + 1 / theta if theta > 1 else 2.0
    assert spectrum[-1] == pytest.approx(place, abs=0.15)


def test_the_cost_of_holding_an_eigenvalue_back():
    """P(largest eigenvalue < t) falls as n^(-1/2) exp(-n L) over the sizes sampled."""
    rng, theta, t = np.random.default_rng(5), 2.5, 2.1
    logs = []
    for n in (8, 16):
        noise = rng.normal(size=(40000, n, n)) / math.sqrt(2 * n)
        noise += noise.transpose(0, 2, 1).copy()
        noise[:, 0, 0] += theta
        logs.append(math.log((np.linalg.eigvalsh(noise)[:, -1] < t).mean()) + math.log(n) / 2)
    assert (logs[0] - logs[1]) / 8 == pytest.approx(fast_held(theta, t), abs=0.025)


# ---- what is returned, drawn and written ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Spiked(sp.Model):
    """A matrix and a tensor, to be independent of the models of the package."""

    title = "test"
    solved_by = "counting"
    delta: object = 0.42
    order: int = 3

    @property
    def own_controls(self):
        return ()

    @property
    def order_parameters(self):
        return ()

    @property
    def landscape(self):
        return landscape({2: 1 / (2 * sympy.sympify(self.delta)), self.order: sympy.Rational(1, self.order)})


@pytest.mark.parametrize(("model", "asked", "columns", "rows"), [
    (sp.SphericalSpinGlass({3: 1}), {}, ["index", "energy", "complexity", "error", "index_fraction"], 6 * 801),
    (sp.SphericalSpinGlass({3: 1}), {"index": "all", "points": 50}, ["index", "energy", "complexity", "error", "index_fraction"], 50),
    (sp.SphericalSpinGlass({2: 1, 4: 0.1}), {"index": 7, "points": 30}, ["index", "energy", "complexity", "error", "index_fraction"], 30),
    (Spiked(), {}, ["index", "overlap", "energy", "complexity", "error"], 801),
    (Spiked(), {"energy": -1.85, "index": "all"}, ["index", "overlap", "energy", "complexity", "error"], 801),
    (Spiked(), {"against": "energy", "points": 40}, ["index", "overlap", "energy", "complexity", "error"], 40),
    (Spiked(), {"against": "energy", "overlap": -0.05}, ["index", "overlap", "energy", "complexity", "error"], 801),
    (Spiked(), {"against": ("overlap", "energy"), "points": 60}, ["index", "overlap", "energy", "complexity", "error"], 3600),
], ids=lambda x: str(x)[:40])  # fmt: skip
def test_complexity_is_a_table_landmarks_and_a_figure(model, asked, columns, rows, tmp_path):
    found = sp.complexity(model, **asked)
    assert list(found.table) == columns
    assert len(found.table) == rows
    assert (found.table["error"] < 1e-8).all()
    assert set(found.landmarks["status"]) <= {"converged", "limit"}
    assert from_csv(found.to_csv())["complexity"].equals(found.table["complexity"])
    document = json.loads(found.to_json(tmp_path / "found.json"))
    assert len(document["table"]["rows"]) == rows
    assert "nats" in document["settings"]["units"]["complexity"]
    ax = found.plot()
    ax.figure.savefig(tmp_path / "found.png", dpi=40)
    one, inner = Counting(model.landscape), found.table[columns[-2] if "index_fraction" not in columns else "error"]
    assert len(inner) == rows
    row = found.table.iloc[rows // 3]
    index = None if row["index"] == "all" else int(row["index"])
    at = None if found.against == ("overlap",) and "energy" not in asked else row["energy"]
    assert row["complexity"] == float(one.sigma(index, row.get("overlap", 0.0), at))


def summary(model, **asked):
    return sp.complexity(model, points=20, **asked).settings["summary"]


def test_summaries_say_what_there_is():
    model, tensor = sp.MatrixTensor(3), {"delta_2": 0.5, "delta_p": 1}
    isolated = "1 isolated point(s), where the complexity touches 0; "
    a, b = (mark.value for mark in overlap_landmarks(matrix_tensor(0.5), 0, -1.715) if mark.kind == "zero")
    assert summary(model, **tensor, energy=-1.715) == (
        f"at this energy the largest complexity is 0.000978536, at overlap 0; positive from {a:.6g} to {b:.6g}")
    assert summary(model, **tensor, energy=-1.84).startswith("no minima at this energy: the complexity is at most -7.")
    assert "no critical points at this energy: " in summary(model, **tensor, energy=9.0, index="all")
    own = overlap_landmarks(matrix_tensor(0.5))[-1].energy
    assert summary(model, **tensor, energy=own).startswith(f"{isolated}no other minima at this energy: the complexity is at most -")
    assert summary(model, delta_2=math.inf, delta_p=1, energy=-0.5) == "no minima at this energy"
    a, b = (mark.value for mark in spurious_energies(matrix_tensor(0.5)) if mark.kind == "zero")
    assert summary(model, **tensor, against="energy") == (
        f"{isolated}other minima from energy {a:.12g} to {b:.12g}, most at -1.71428571429: complexity 0.000983893")
    assert summary(model, delta_2=0.3, delta_p=1, against="energy") == "2 isolated point(s), where the complexity touches 0; no others are left"
    a, threshold, b = (mark.value for mark in energy_landmarks(matrix_tensor(0.5)))
    assert summary(model, **tensor, against="energy", overlap=0) == (
        f"minima from energy {a:.12g} to {b:.12g}, most at -1.71428571429: complexity 0.000983893; typical ones are marginal above "
        f"{threshold:.12g}")
    assert summary(model, **tensor, against="energy", overlap=0.9) == (
        "no minima at this overlap: the complexity is at most -0.0519701, at energy -1.97121360917")
    assert summary(model, **tensor, against="energy", overlap=0, index="all").startswith("critical points from energy -1.7")
    assert summary(model, delta_2=math.inf, delta_p=1, against="energy", overlap=0) == (
        "minima from energy -0.956668451229 to -0.942809041582, most at -0.942809041582: complexity 0.0132403")


def test_landmarks_against_the_energy_have_an_energy_and_an_overlap():
    model, tensor = sp.MatrixTensor(3), {"delta_2": 0.5, "delta_p": 1, "against": "energy", "points": 20}
    for asked in ({}, {"overlap": 0}, {"overlap": 0.1}, {"overlap": 0, "index": "all"}, {"index": "all"}):
        found = sp.complexity(model, **tensor, **asked).landmarks
        assert found["energy"].equals(found["value"])
        assert found["overlap"].dtype == float
        assert len(found)


def test_all_critical_points_at_one_overlap_begin_and_end():
    found = sp.complexity(sp.MatrixTensor(3), delta_2=0.5, delta_p=1, against="energy", overlap=0.1, index="all").landmarks
    assert list(zip(found["kind"], found["branch"], strict=True)) == [("zero", "begins"), ("zero", "ends")]
    for value in found["value"]:
        assert float(matrix_tensor(0.5).sigma(None, 0.1, value)) == pytest.approx(0, abs=1e-13)


def test_a_map_has_the_isolated_minimum_and_the_threshold():
    found = sp.complexity(Spiked(), against="map", between=((-0.5, 0.9), (-2.1, -1.7)), points=30)
    assert found.settings["between"] == {"overlap": [-0.5, 0.9], "energy": [-2.1, -1.7]}
    assert len(found.settings["threshold_energy"]["energy"]) == 30
    labels = [text.get_text() for text in found.plot().get_legend().get_texts()]
    assert "the signal's minimum" in labels


def test_a_figure_on_given_axes():
    from matplotlib.figure import Figure

    ax = Figure(layout="constrained").add_subplot()
    assert sp.complexity(sp.SphericalSpinGlass({3: 1})).plot(ax) is ax
    assert len(ax.figure.axes) == 1
    assert len(sp.complexity(sp.SphericalSpinGlass({3: 1})).plot().figure.axes) == 2


@pytest.mark.parametrize(("model", "asked", "error", "said"), [
    (3, {}, TypeError, "is not a model"),
    (sp.Hopfield(), {}, ValueError, "has no landscape"),
    (sp.SphericalSpinGlass({3: 1}), {"against": "overlap"}, ValueError, "without a signal there is no overlap"),
    (sp.SphericalSpinGlass({3: 1}), {"overlap": 0.1}, ValueError, "without a signal there is no overlap"),
    (sp.SphericalSpinGlass({3: 1}), {"against": "E"}, ValueError, "give 'overlap', 'energy' or 'map'"),
    (sp.SphericalSpinGlass({3: 1}), {"index": -1}, ValueError, "index = -1"),
    (sp.SphericalSpinGlass({3: 1}), {"index": 1.5}, ValueError, "index = 1.5"),
    (sp.SphericalSpinGlass({3: 1}), {"points": 1}, ValueError, "points = 1"),
    (sp.SphericalSpinGlass({3: 1}), {"between": (0, -1)}, ValueError, "give low < high"),
    (sp.SphericalSpinGlass({3: 1}), {"q": 3}, ValueError, "'q' is not a control"),
    (sp.SphericalSpinGlass({sympy.Symbol("p"): 1}), {}, ValueError, "control 'p' has no value"),
    (sp.SphericalSpinGlass({sympy.Symbol("p"): 1}), {"p": 2.5}, ValueError, "Schoenberg"),
    (Spiked(delta=1e-90), {}, ValueError, "doubles do not hold its powers"),
    (sp.SphericalSpinGlass({2: 1e-200, 3: 1e200}), {}, ValueError, "weights 1e-200 and 1e+200: doubles do not hold the one beside"),
    (sp.SphericalSpinGlass({2: 1e200, 3: 1e-200}), {}, ValueError, "or leave the smaller one out"),
    (Spiked(), {"index": 1}, ValueError, "beside a signal minima (0) and all critical points"),
    (Spiked(), {"overlap": 0.1}, ValueError, "overlap = 0.1 is fixed and varied at once"),
    (Spiked(), {"against": "energy", "overlap": 1.0}, ValueError, "give a number in (-1, 1)"),
    (Spiked(), {"against": "map", "between": (0, 1)}, ValueError, "((low, high), (low, high))"),
    (Spiked(), {"between": (-2, 1)}, ValueError, "in [-1, 1]"),
    (Spiked(), {"energy": math.nan}, ValueError, "energy = nan"),
], ids=lambda x: str(x)[:40])  # fmt: skip
def test_refusals(model, asked, error, said):
    with pytest.raises(error, match=re.escape(said)):
        sp.complexity(model, **asked)


@pytest.mark.parametrize(("p", "delta_2", "delta_p"), [
    (3, 1e-24, 1e-24), (3, 1, 1e-24), (3, math.inf, 1e-24), (3, 1e20, 1e-7), (4, 1, 1e-24), (4, 1e20, 1e-7), (10, 1e-20, 1e20),
    (10, 1e-7, math.inf),
])  # fmt: skip
@pytest.mark.parametrize("asked", [{}, {"against": "energy"}, {"against": "energy", "overlap": 0}, {"energy": -1},
                                   {"index": "all", "against": "energy"}], ids=str)  # fmt: skip
def test_extreme_noise_is_answered(p, delta_2, delta_p, asked):
    found = sp.complexity(sp.MatrixTensor(p), delta_2=delta_2, delta_p=delta_p, points=5, **asked)
    assert np.isfinite(found.landmarks["value"]).all()
    assert not found.table["complexity"].isna().any()


def test_indices_beside_a_signal_are_refused_in_the_theory_too():
    with pytest.raises(ValueError, match="two causes|beside a signal"):
        landscape({3: 1}).complexity(1, m)


def test_expressions_are_plain():
    """Symbols of the weights and m only; vectorised; at m = 0, too."""
    d2, d3 = sympy.symbols("delta_2 delta_3", positive=True)
    symbolic = landscape({2: 1 / (2 * d2), 3: 1 / (3 * d3)})
    assert symbolic.minima(0).free_symbols == {d2, d3}
    assert symbolic.minima(m).free_symbols == {m, d2, d3}
    assert symbolic.minima(m, E).free_symbols == {m, E, d2, d3}
    assert landscape({1: d2, 3: d3}).covariance(0, 2) == 0
    assert landscape({1: d2, 3: d3}).covariance(0, 1) == d2


# ---- the command line -------------------------------------------------------------------------------------------------


def run(capsys, *arguments):
    code = main(list(arguments))
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return code, printed.out, printed.err


@pytest.mark.parametrize("form", ["table", "json", "csv", "latex"])
def test_command(capsys, form):
    code, out, err = run(capsys, "complexity", "p-spin", "--set", "p=4", "--format", form, "--points", "20")
    assert (code, err) == (0, "")
    assert ("1.794085028" in out) == (form != "csv")
    if form == "csv":
        assert len(from_csv(out)) == 6 * 20


def test_command_writes_files(capsys, tmp_path):
    pytest.importorskip("pyarrow")
    files = [tmp_path / f"found.{end}" for end in ("png", "svg", "csv", "json", "tex", "parquet")]
    outputs = [word for file in files for word in ("--output", str(file))]
    assert run(capsys, "complexity", "SphericalSpinGlass({3: 1, 4: 0.5})", *outputs) == (0, "", "")
    assert all(file.stat().st_size > 1000 for file in files)
    values, landmarks = (from_parquet(tmp_path / f"found{end}.parquet") for end in ("", "_landmarks"))
    assert values.equals(from_csv((tmp_path / "found.csv").read_text()).astype({"index": object}))
    assert "upper end" in set(landmarks["branch"])
    assert values.attrs["system"] if "system" in values.attrs else values.attrs["settings"]["system"]
    assert run(capsys, "complexity", "SphericalSpinGlass({3: 1, 4: 0.5})", "--format", "latex")[1] == (tmp_path / "found.tex").read_text()


def test_latex_and_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    found = sp.complexity(sp.MatrixTensor(3), delta_2=0.5, delta_p=1, points=20)
    text = found.to_latex(tmp_path / "found.tex")
    assert (tmp_path / "found.tex").read_text() == text
    assert text.count(r"\begin{tabular}") == 1
    assert f"% {found.settings['summary']}\n" in text
    paths = found.to_parquet(tmp_path / "found.parquet")
    assert [path.name for path in paths] == ["found.parquet", "found_landmarks.parquet"]
    for path, table in zip(paths, (found.table, found.landmarks), strict=True):
        back = from_parquet(path)
        assert back.equals(plain(table))
        assert back.attrs["model"] == "MatrixTensor()"
        assert back.attrs["controls"] == {"delta_2": 0.5, "delta_p": 1.0}
        assert back.attrs["settings"]["summary"] == found.settings["summary"]
    for write, name in ((found.to_latex, "found.csv"), (found.to_parquet, "found.csv")):
        with pytest.raises(ValueError, match=re.escape("must end in")):
            write(tmp_path / name)


def test_the_concepts_name_the_kinds_that_there_are():
    path = Path(__file__).parents[1] / "docs" / "concepts.md"
    section = path.read_text(encoding="utf-8").partition("\n## Landscapes\n")[2].partition("\n## ")[0]
    named = {kind for row in section.splitlines() if row.startswith("| `") for kind in re.findall(r"`(\w+)`", row.split("|")[1])}
    model = sp.MatrixTensor(3)
    asked = [{}, {"against": "energy"}, {"against": "energy", "overlap": 0}, {"energy": -1.7}]
    tables = [sp.complexity(model, delta_2=0.5, delta_p=1, points=5, **more).landmarks for more in asked]
    tables += [sp.complexity(sp.SphericalSpinGlass({3: 1}), points=5).landmarks]
    assert named == {kind for table in tables for kind in table["kind"]}
    assert all(f"``{kind}``" in sp.Complexity.__doc__ for kind in named)
    words = set(re.findall(r"`([a-z]\w*_\w+)`", section))
    assert words <= named


@pytest.mark.parametrize(("arguments", "said"), [
    (["complexity", "hopfield"], "has no landscape"),
    (["complexity", "p-spin", "--output", "found.txt"], "its name must end in"),
    (["complexity", "p-spin", "--output", "found.png", "--format", "csv"], "leave the format out"),
    (["complexity", "p-spin", "--against", "overlap"], "without a signal"),
    (["complexity", "p-spin", "--index", "x"], "index = 'x'"),
    (["complexity", "p-spin", "--set", "p=2.5"], "Schoenberg"),
    (["complexity", "p-spin", "--set", "q=3"], "q is not a control"),
    (["complexity", "p-spin", "--between", "1", "0"], "give low < high"),
    (["solve", "p-spin"], "no free entropy"),
    (["diagram", "p-spin"], "no free entropy"),
], ids=" ".join)  # fmt: skip
def test_misuse(capsys, arguments, said):
    code, out, err = run(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
