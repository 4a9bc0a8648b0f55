"""The curve on which every fixed point of a model lies, sampled, with its extrema located.

With s the curve's parameter and c(s) the control, everything is done in x = ln s and ln c: the slope
d ln c/d ln s = 1 - lambda, lambda the eigenvalue of one step of state evolution, changes sign at a spinodal and nowhere
else, and is free of scales.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np

from ..theory.model import Model
from ..theory.parameters import symbol
from .compile import compile_expressions, number_of, split_infinite
from .points import Formulas, Limit, Points

__all__ = ["Curve", "curve_of"]

_SPAN = (1e-11, 1e22)  # range of s times the scale of the signal; precisions beyond leave double precision
_SPACING = 1.0  # of the first samples in x; halved where interpolation between them misses
# The same where every sample is the solution of equations: a network has no features at the ends of that range
_SOLVED_SPAN, _SOLVED_SPACING = (1e-12, 1e10), 2.5
_END_ROUNDS, _END_POINTS = 4, 3  # by which an end of the curve between two samples is narrowed down, each 4 times
_FORGOTTEN = 1e-60  # relative mse below which nothing is left to be resolved
# Largest miss of ln c at the middle of an interval of samples: small enough that the first guess of a solution needs
# one evaluation of the curve; where averages are nested and an evaluation is dear, two
_INTERPOLATION = {False: 1e-8, True: 1e-5}
_SAMPLING_TOLERANCE = {False: 1e-9, True: 1e-6}
_SIGNIFICANT = 10.0  # a slope counts if it exceeds its error estimate this many times
_SUBDIVISIONS = 12
_MAX_STEPS = 40
_FARTHEST = 35.0  # |ln control| up to which the curve is sampled: controls from 1e-15 to 1e15
_BISECTIONS, _POLISH = 8, 4  # steps to the root of an interpolant: bisections, then Newton's
_OBSERVABLES = 1e-12  # tolerance of averages that are observables
_EPS = np.finfo(float).eps
_RESOLVED = 1e-4  # relative error of the control beyond which a sample is dropped
_TAYLOR = 2e-8  # steps in x below this are taken by the derivatives at hand: the remainder is their square


class Curve:
    """The curve of a model all of whose parameters but the linear control are numbers."""

    def __init__(self, model: Model):
        self.model = model
        self.formulas = Formulas(model)
        self.form = self.formulas.form
        self.limits = tuple(limit.numbers() for limit in self.formulas.limits)

    def at(self, x, tolerance: float = 1e-13) -> Points:
        """Evaluate the curve at ln s = x, an array."""
        return self.formulas.at(x, tolerance=tolerance)

    @cached_property
    def scale(self) -> float:
        """E x^2, the scale of the signal."""
        return number_of(self.model.working_form_scale)

    @property
    def samples(self) -> Points:
        """Points that resolve the curve, its extrema among them."""
        return self._sampled[0]

    @property
    def folds(self) -> Points:
        """Extrema of the control along the curve, in order of s, solved to full precision."""
        return self._sampled[1]

    @cached_property
    def _sampled(self) -> tuple[Points, Points]:
        scale = self.scale
        solved = bool(self.formulas.states.solved)
        low, high = (np.log(end / scale) for end in (_SOLVED_SPAN if solved else _SPAN))
        grid = np.linspace(low, high, int((high - low) / (_SOLVED_SPACING if solved else _SPACING)) + 1)
        dear = self.formulas.nested
        tolerance = _SAMPLING_TOLERANCE[dear]
        points = _longest_resolved(self.at(grid, tolerance))
        if solved:
            points = self._to_the_end(points, grid, tolerance)
            (error,) = self.form.sensitivity
            points = points.take(slice(0, 1 + int((points.states[error] > _FORGOTTEN * scale).sum())))
        untested = np.ones(len(points.x) - 1, bool)
        for _ in range(_SUBDIVISIONS):
            split = np.flatnonzero((untested | _hides_extrema(points)) & (np.diff(points.x) > 1e-4))
            if len(split) == 0:
                break
            middle = 0.5 * (points.x[split] + points.x[split + 1])
            new = self.at(middle, tolerance)
            noise = np.maximum.reduce([new.control_error, points.control_error[split], points.control_error[split + 1]])
            miss = np.abs(_interpolate(points, split, 0.5) - new.log_control) - _SIGNIFICANT * noise
            points = points.merged(new)
            # both halves of an interval are tested again if its middle was missed
            untested = np.zeros(len(points.x) - 1, bool)
            left = np.searchsorted(points.x, middle) - 1
            for half in (left, left + 1):
                untested[half] = miss > _INTERPOLATION[dear]
        sign = np.where(np.abs(points.slope) > _SIGNIFICANT * np.maximum(points.slope_error, 1e-13),
                        np.sign(points.slope), 0)
        known = np.flatnonzero(sign)
        turns = [(a, b) for a, b in itertools.pairwise(known) if sign[a] != sign[b]]
        if not turns:
            return points, points.take(slice(0, 0))
        folds = self._extrema(points, np.array(turns))
        return points.merged(folds), folds

    def _to_the_end(self, points: Points, grid: np.ndarray, tolerance: float) -> Points:
        """Samples up to where the curve ends between two of the grid: where the equations lose their solution."""
        for _ in range(_END_ROUNDS):
            beyond = grid[grid > points.x[-1]]
            if len(beyond) == 0:
                break
            grid = np.linspace(points.x[-1], beyond[0], _END_POINTS + 2)[1:]
            points = _longest_resolved(points.merged(self.at(grid[:-1], tolerance)))
        return points

    def _extrema(self, points: Points, turns: np.ndarray) -> Points:
        """Solve slope = 0 between pairs of samples, by Newton's method kept inside the bracket."""
        low, high = points.x[turns[:, 0]].copy(), points.x[turns[:, 1]].copy()
        rising = points.slope[turns[:, 0]] < 0
        x = _hermite_root(low, high, points, turns)
        for _ in range(_MAX_STEPS):
            now = self.at(x)
            below = (now.slope < 0) == rising
            low, high = np.where(below, x, low), np.where(below, high, x)
            with np.errstate(all="ignore"):
                new = x - now.slope / now.bend
            new = np.where((new > low) & (new < high), new, 0.5 * (low + high))
            small = (np.abs(now.slope) <= 4 * now.slope_error) | (np.abs(new - x) < 1e-12)
            if small.all():
                break
            x = np.where(small, x, new)
        return now

    def named_order_parameters(self, points: Points) -> dict[str, np.ndarray]:
        """The model's order parameters by name, at points of the curve."""
        values = {**points.states, self.form.parameter: np.exp(points.x)}
        return {x.name: values[x] for x in self.model.order_parameters}

    @cached_property
    def _observables(self):
        finite, infinite = split_infinite(self.model.observables)
        return tuple(finite), infinite, *compile_expressions(list(finite.values()))

    def observables(self, points: Points, control) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The model's observables at points of the curve, and their absolute errors, by name."""
        values = {
            **points.states, self.form.parameter: np.exp(points.x), self.form.control: np.asarray(control, float),
            symbol("f"): points.free_entropy,
        }
        names, infinite, compiled, constants = self._observables
        found = compiled(values | constants, tolerance=_OBSERVABLES, scales=[1.0] * len(names))
        always = {name: np.full(len(points.x), value) for name, value in infinite.items()}
        exact = {name: np.zeros(len(points.x)) for name in infinite}
        return (dict(zip(names, found.values, strict=True)) | always,
                dict(zip(names, found.errors, strict=True)) | exact)

    @cached_property
    def _limit_observables(self):
        forms, found = self.model.observables, {}
        for limit in self.limits:
            expressions = {name: expr.subs(limit.state.values) for name, expr in forms.items()}
            expressions |= self.model.observables_at(limit.state.name)
            found[limit.state.name] = tuple(expressions), *compile_expressions(list(expressions.values()))
        return found

    def limit_observables(self, limit: Limit, control, entropy) -> dict[str, np.ndarray]:
        """The model's observables in a limit state, at arrays of control values and free entropies."""
        names, compiled, constants = self._limit_observables[limit.state.name]
        values = {self.form.control: np.atleast_1d(control), symbol("f"): np.atleast_1d(entropy)} | constants
        found = compiled(values, tolerance=_OBSERVABLES, scales=[1.0] * len(names)).values
        return dict(zip(names, np.broadcast_to(found, (len(names), np.size(control))), strict=True))

    def solve(self, control, tolerance: float = 1e-13) -> tuple[Points, np.ndarray, np.ndarray]:
        """All points of the curve at the given control values.

        Parameters
        ----------
        control : array of positive numbers
        tolerance : float
            Relative tolerance of the averages.

        Returns
        -------
        points : Points
        which : array of int
            Index into `control` of every point.
        steps : array of int
            Newton steps taken for every point.
        """
        target = np.log(np.atleast_1d(np.asarray(control, float)))
        samples = self.samples
        side = np.sign(samples.log_control[None, :] - target[:, None])
        side[side == 0] = 1
        which, left = np.nonzero(side[:, :-1] != side[:, 1:])
        if len(which) == 0:
            return samples.take(slice(0, 0)), which, which
        low, high = samples.x[left].copy(), samples.x[left + 1].copy()
        goal = target[which]
        rising = samples.log_control[left + 1] > samples.log_control[left]
        x = _hermite_root(low, high, samples, np.stack([left, left + 1], 1), goal)
        steps = np.zeros(len(x), int)
        active = np.arange(len(x))
        found: Points | None = None
        order: list[int] = []
        for step_number in range(_MAX_STEPS):
            now = self.at(x[active], tolerance)
            gap = now.log_control - goal[active]
            step = _quadratic_step(gap, now.slope, now.bend)
            below = (gap < 0) == rising[active]
            low[active] = np.where(below, x[active], low[active])
            high[active] = np.where(below, high[active], x[active])
            # a step below the rounding of the control leaves the point where it is
            noise = np.maximum(now.control_error, 4e-16)
            if step_number:
                noise = np.maximum(noise, tolerance)
            settled = (np.abs(gap) <= 2 * noise) | (np.abs(step) <= _TAYLOR) | (step_number == _MAX_STEPS - 1)
            if settled.any():
                moved = np.where(np.abs(step) <= _TAYLOR, step, 0.0)[settled]
                done = self._moved(now.take(settled), moved)
                found = done if found is None else found.joined(done)
                order += list(active[settled])
            active, step = active[~settled], step[~settled]
            if len(active) == 0:
                break
            new = x[active] + step
            inside = (new > low[active]) & (new < high[active]) & np.isfinite(new)
            x[active] = np.where(inside, new, 0.5 * (low[active] + high[active]))
            steps[active] += 1
        assert found is not None
        back = np.argsort(order, kind="stable")
        return found.take(back), which, steps + 1

    def _moved(self, points: Points, dx: np.ndarray) -> Points:
        """Points moved along the curve by a tiny dx, by their derivatives."""
        ds = np.exp(points.x) * np.expm1(dx)
        states = {}
        for name, value in points.states.items():
            rate = points.states.get(self.form.rate(name))
            states[name] = value if rate is None else value + rate * ds
        log_control = points.log_control + points.slope * dx
        change = np.exp(points.log_control) * np.expm1(points.slope * dx)
        return replace(
            points, x=points.x + dx, states=states, log_control=log_control, slope=points.slope + points.bend * dx,
            free_entropy=points.free_entropy + points.free_entropy_slope * change,
        )


@lru_cache(maxsize=512)
def curve_of(model: Model) -> Curve:
    """Return the curve of a model; kept, so that solving again costs only the solving."""
    return Curve(model)


def _longest_resolved(points: Points) -> Points:
    """The longest run of samples that rounding leaves meaningful (a discrete prior's mse underflows at large s)."""
    good = np.isfinite(points.log_control) & np.isfinite(points.slope) & (points.control_error < _RESOLVED)
    near = good & (np.abs(points.log_control) < _FARTHEST)
    good = near if near.any() else good  # all far out if y says next to nothing of z
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    if len(edges) == 0:
        raise ValueError("the curve of fixed points could not be evaluated anywhere: check the parameters' magnitudes")
    starts, stops = edges[::2], edges[1::2]
    k = np.argmax(stops - starts)
    return points.take(slice(starts[k], stops[k]))


def _hides_extrema(points: Points) -> np.ndarray:
    """Intervals whose ends have slopes of one sign though a pair of extrema may lie between them."""
    slope, bend, dx = points.slope, points.bend, np.diff(points.x)
    a, b, p, q = slope[:-1], slope[1:], bend[:-1] * dx, bend[1:] * dx
    t = np.linspace(0, 1, 17)[:, None]
    hermite = _polynomial(_cubic(a, b, p, q), t)
    floor = np.minimum(np.abs(a), np.abs(b))
    noise = _SIGNIFICANT * np.maximum(points.slope_error[:-1], points.slope_error[1:]) + 1e-12
    dips = (hermite * np.sign(a) < 0.25 * floor).any(axis=0)
    return (np.sign(a) == np.sign(b)) & dips & (floor > noise) & (dx > 1e-5)


def _quintic(points: Points, i, j) -> list[np.ndarray]:
    """Coefficients, in the fraction of the way from sample i to j, of the interpolant of ln c, its slopes and bends."""
    dx = points.x[j] - points.x[i]
    y0, gap = points.log_control[i], points.log_control[j] - points.log_control[i]
    d0, d1, b0, b1 = points.slope[i] * dx, points.slope[j] * dx, points.bend[i] * dx**2, points.bend[j] * dx**2
    return [
        y0, d0, b0 / 2, 10 * gap - 6 * d0 - 4 * d1 - 1.5 * b0 + 0.5 * b1,
        -15 * gap + 8 * d0 + 7 * d1 + 1.5 * b0 - b1, 6 * gap - 3 * (d0 + d1) + 0.5 * (b1 - b0),
    ]


def _cubic(y0, y1, d0, d1) -> list[np.ndarray]:
    """Coefficients of the Hermite interpolant on [0, 1] of values and derivatives at its ends."""
    return [y0, d0, 3 * (y1 - y0) - 2 * d0 - d1, d0 + d1 - 2 * (y1 - y0)]


def _polynomial(coefficients, t):
    value = 0.0
    for a in reversed(coefficients):
        value = value * t + a
    return value


def _interpolate(points: Points, left, t):
    return _polynomial(_quintic(points, left, left + 1), t)


def _hermite_root(low, high, points: Points, pairs, goal=None) -> np.ndarray:
    """First guess of ln c = goal (or of slope = 0 if there is no goal) between two samples, on their interpolant."""
    i, j = pairs[:, 0], pairs[:, 1]
    dx = high - low
    if goal is None:
        coefficients = _cubic(points.slope[i], points.slope[j], points.bend[i] * dx, points.bend[j] * dx)
    else:
        coefficients = _quintic(points, i, j)
        coefficients[0] = coefficients[0] - goal
    t0, t1 = np.zeros_like(dx), np.ones_like(dx)
    for _ in range(_BISECTIONS):
        t = 0.5 * (t0 + t1)
        left = np.sign(_polynomial(coefficients, t)) == np.sign(coefficients[0])
        t0, t1 = np.where(left, t, t0), np.where(left, t1, t)
    t = 0.5 * (t0 + t1)
    rates = [k * a for k, a in enumerate(coefficients)][1:]
    with np.errstate(all="ignore"):
        for _ in range(_POLISH):
            new = t - _polynomial(coefficients, t) / _polynomial(rates, t)
            t = np.where((new >= t0) & (new <= t1), new, t)
    return low + t * dx


def _quadratic_step(gap, slope, bend):
    """Step to the root of gap + slope d + bend d^2/2 that continues Newton's; Newton's where there is none."""
    with np.errstate(all="ignore"):
        inside = slope * slope - 2 * gap * bend
        newton = -gap / slope
        root = -2 * gap / (slope + np.copysign(np.sqrt(np.maximum(inside, 0)), slope))
        step = np.where(inside > 0, root, newton)
    return np.where(np.isfinite(step), step, 0.0)
