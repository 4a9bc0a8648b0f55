"""Pseudo-arclength continuation on curves known in closed form, and its order."""

from dataclasses import dataclass

import numpy as np
import pytest

from spinodal.equations.continuation import (
    Bound,
    Evaluation,
    at_parameter,
    corrected,
    follow,
    located,
    polished,
    refined,
    tangents,
)


@dataclass
class Planar:
    """F(x, p) = 0 from functions of value and gradient."""

    value: object
    gradient: object
    scales: np.ndarray = None

    def __post_init__(self):
        self.scales = np.ones(2) if self.scales is None else self.scales
        self.calls = 0

    def evaluate(self, y):
        self.calls += 1
        x, p = y.T
        dx, dp = self.gradient(x, p)
        jacobian = np.stack([np.broadcast_to(dx, x.shape), np.broadcast_to(dp, x.shape)], axis=1)[:, None]
        return Evaluation(self.value(x, p)[:, None], jacobian, np.full((len(y), 1), 1e-15))


CIRCLE = Planar(lambda x, p: x**2 + p**2 - 1, lambda x, p: (2 * x, 2 * p))
CUBIC = Planar(lambda x, p: p - x + x**3, lambda x, p: (-1 + 3 * x**2, 1.0))


def test_a_circle_is_followed_past_its_turning_points_until_it_closes():
    trace = follow(CIRCLE, np.array([1.0, 0.0]), (-2.0, 2.0))
    assert (trace.start, trace.stop) == ("closed", "closed")
    np.testing.assert_allclose(np.hypot(*trace.points.T), 1, atol=1e-11)
    angles = np.unwrap(np.arctan2(*trace.points.T))
    assert abs(abs(angles[-1] - angles[0]) - 2 * np.pi) < 1e-9


def test_an_s_shaped_curve_has_three_points_at_one_parameter():
    trace = follow(CUBIC, np.array([0.0, 0.0]), (-1.0, 1.0))
    assert (trace.start, trace.stop) == ("window", "window")
    assert sorted(abs(trace.points[[0, -1], -1])) == [1.0, 1.0]  # the edge itself, to the last bit
    points, good = polished(CUBIC, trace.points)
    assert good.all()
    found = sorted(y[0] for y in at_parameter(CUBIC, points, 0.1))
    np.testing.assert_allclose(found, sorted(np.roots([1, 0, -1, 0.1]).real), atol=1e-13)


def test_a_bound_is_reached_exactly_and_named():
    trace = follow(CUBIC, np.array([0.0, 0.0]), (-1.0, 1.0), [Bound("far", lambda y: 0.9 - y[0])])
    ends = {trace.start: trace.points[0], trace.stop: trace.points[-1]}
    assert set(ends) == {"far", "window"}
    assert ends["far"][0] == pytest.approx(0.9, abs=1e-12)


def test_the_turning_point_is_located():
    trace = follow(CUBIC, np.array([0.0, 0.0]), (-1.0, 1.0))
    slope = CUBIC.evaluate(trace.points).jacobian[:, 0, 0]
    (first, _) = np.flatnonzero(np.diff(np.sign(slope)))
    y = located(CUBIC, trace.points[first], trace.points[first + 1], lambda y: 3 * y[0] ** 2 - 1)
    assert abs(y[0]) == pytest.approx(3**-0.5, abs=1e-12)
    assert abs(y[1]) == pytest.approx(2 * 3**-1.5, abs=1e-12)


def test_a_curve_that_runs_away_while_its_parameter_rests_ends_in_a_limit():
    decay = Planar(lambda x, p: p - np.exp(-x), lambda x, p: (np.exp(-x), 1.0))
    trace = follow(decay, np.array([0.0, 1.0]), (-1.0, 2.0))
    ends = {trace.start: trace.points[0], trace.stop: trace.points[-1]}
    assert set(ends) == {"limit", "window"}
    assert abs(ends["limit"][1]) < 1e-5


def test_a_curve_that_cannot_be_continued_says_so():
    """x = sqrt(p) ends at p = 0, where its formula does."""
    def value(x, p):
        with np.errstate(all="ignore"):
            return x - np.sqrt(p)

    def gradient(x, p):
        with np.errstate(all="ignore"):
            return np.ones_like(x), -0.5 / np.sqrt(p)

    trace = follow(Planar(value, gradient), np.array([1.0, 1.0]), (-1.0, 2.0))
    assert "lost" in (trace.start, trace.stop)
    assert min(trace.points[:, 1]) < 1e-3  # it was followed up to there


def test_a_start_off_the_curve_is_refused_if_none_is_near():
    nothing = Planar(lambda x, p: x**2 + p**2 + 1, lambda x, p: (2 * x, 2 * p))
    with pytest.raises(ValueError, match="start"):
        follow(nothing, np.array([0.3, 0.1]), (-1.0, 1.0))


def test_steps_far_apart_in_scale():
    """An unknown of size 1e-6 beside one of size 1, told by the scales."""
    small = Planar(lambda x, p: x * 1e6 - np.sin(p), lambda x, p: (1e6 * np.ones_like(x), -np.cos(p)),
                   np.array([1e-6, 1.0]))
    trace = follow(small, np.array([0.0, 0.0]), (-3.0, 3.0))
    np.testing.assert_allclose(trace.points[:, 0] * 1e6, np.sin(trace.points[:, 1]), atol=1e-11)
    assert len(trace.points) < 100


def test_the_corrector_converges_quadratically():
    """One more step squares the error: from 1e-2 to 1e-4, 1e-8, 1e-16, up to constants."""
    errors = []
    for tolerance in (1e-1, 1e-3, 1e-7):
        guess = np.array([[1.02, 0.05]])
        y, *_ = corrected(CIRCLE, guess, np.array([[0.0, 1.0]]), tolerance)
        errors.append(abs(y[0, 0] - np.sqrt(1 - 0.05**2)) + 1e-17)
    slopes = np.diff(np.log(errors)) / np.log([errors[0], errors[1]])
    assert (slopes > 0.8).all(), errors  # log e' = 2 log e + const


def test_refined_points_lie_on_the_curve_and_close_together():
    trace = follow(CIRCLE, np.array([1.0, 0.0]), (-2.0, 2.0))
    points = refined(CIRCLE, trace.points, lambda y: y, chord=0.02, bow=1e-5)
    np.testing.assert_allclose(np.hypot(*points.T), 1, atol=1e-10)
    chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert chords.max() < 0.021
    assert (chords**2 / 8).max() < 2e-5  # the bow of an arc of radius 1


def test_the_order_of_the_predictor():
    """The distance between the tangent predictor and the curve falls as the square of the step."""
    y = np.array([[np.cos(0.3), np.sin(0.3)]])
    t = tangents(CIRCLE.evaluate(y).jacobian, CIRCLE.scales)
    misses = [abs(np.hypot(*(y + h * t)[0]) - 1) for h in (1e-1, 1e-2, 1e-3)]
    orders = -np.diff(np.log10(misses))
    np.testing.assert_allclose(orders, 2, atol=0.05)


def test_systems_without_equations_are_followed_too():
    class Free:
        scales = np.ones(1)

        def evaluate(self, y):
            return Evaluation(np.empty((len(y), 0)), np.empty((len(y), 0, 1)), np.empty((len(y), 0)))

    trace = follow(Free(), np.array([0.5]), (0.0, 1.0))
    assert sorted(trace.points[[0, -1], 0]) == [0.0, 1.0]
    assert (trace.start, trace.stop) == ("window", "window")
