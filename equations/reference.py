"""The same formulas in mpmath: a slow reference at any precision.

The averages are those of ``spinodal.equations.compile``, on the same kind of line, with nodes, weights and integrands
in multiple precision.  A one-dimensional average takes a fraction of a second at 30 digits, a nested one a minute.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from mpmath import mp

from ..theory.parameters import symbol
from .compile import Compiled, _Group, compile_expressions
from .curve import Curve
from .functions import MPMATH
from .generate import lambdify
from .quadrature import graded_nodes
from .result import FixedPoint, Status

__all__ = ["Reference", "point_on_curve", "refined", "working_digits"]

_GUARD = 8  # digits carried beyond those asked for
_MAX_NEWTON = 12
_HALVINGS = 3


def working_digits(digits: int):
    """Return a context with the precision that delivers `digits` digits."""
    return mp.workdps(digits + _GUARD)


def _mp_function(arguments: Sequence[sp.Symbol], expressions: Sequence[sp.Expr], bindings=()):
    return lambdify(arguments, expressions, bindings, modules=[MPMATH, "mpmath"])


class Reference:
    """mpmath form of compiled expressions: call it with ``mpf`` values, get ``mpf`` values and errors."""

    def __init__(self, compiled: Compiled):
        self.compiled = compiled
        self.groups = [_ReferenceGroup(group) for group in compiled.groups]
        self._outer = _mp_function([*compiled.parameters, *compiled.symbols.values()], compiled.expressions)

    def __call__(self, values: Mapping[sp.Symbol, Any]) -> tuple[list[Any], list[Any]]:
        """Return values and error estimates at the working precision of ``mpmath.mp``."""
        known = {p: mp.mpf(values[p]) for p in self.compiled.parameters}
        found: dict[Any, tuple[Any, Any]] = {}
        for group in self.groups:
            found.update(zip(group.group.means, group.averages(known), strict=True))
        arguments = [known[p] for p in self.compiled.parameters]
        means = [found[mean] for mean in self.compiled.symbols]
        centre = self._outer(*arguments, *(value for value, _ in means))
        errors = [mp.eps * abs(value) for value in centre]
        for k, (value, error) in enumerate(means):  # move one average at a time by its error
            if error == 0:
                continue
            moved = [other for other, _ in means]
            moved[k] = value + error
            shifted = self._outer(*arguments, *moved)
            errors = [e + abs(b - a) for e, a, b in zip(errors, centre, shifted, strict=True)]
        return list(centre), errors


class _ReferenceGroup:
    def __init__(self, group: _Group):
        self.group = group
        self.inner = None if group.inner is None else Reference(group.inner)
        count = 0 if group.inner is None else len(group.inner.expressions)
        inner_names = [sp.Symbol(f"_I{k}", real=True) for k in range(count)]
        self._integrands = _mp_function([*group.parameters, *inner_names], group.bodies, group.bindings)
        self._weights = _mp_function(group.parameters, [weight for weight, *_ in group.laws])
        self._laws = _mp_function(group._outside, [x for _, (mean,), cov in group.laws for x in (mean, cov[0, 0])])

    def averages(self, known: Mapping[sp.Symbol, Any]) -> list[tuple[Any, Any]]:
        """(value, error) of every average of the group."""
        step = 1.6 / (mp.dps + 4)  # T(h) errs by exp(-2 pi d/h), d of order one
        for _ in range(_HALVINGS):
            found = self._trapezoid(known, step)
            if all(error <= mpmath.mpf(10) ** (4 - mp.dps) * (abs(value) + mp.eps) for value, error in found):
                break
            step /= 2
        return found

    def _trapezoid(self, known, step):
        group = self.group
        width = float(mpmath.sqrt(2 * mp.dps * mpmath.log(10))) + 1.5
        outside = [np.array([float(known[p])]) for p in group._outside]
        *_, low, high, centres, scales = group.grading(outside, 1, width)
        z, _ = graded_nodes(centres, np.maximum(scales, 4e-16 * np.abs(centres)), low, high, step, group.hard)
        nodes, weights = _exact_nodes(z[0], centres[0], scales[0], low[0], high[0], group.hard)
        laws = self._laws(*(known[p] for p in group._outside))
        laws = [(laws[k], mpmath.sqrt(laws[k + 1])) for k in range(0, len(laws), 2)]
        sums = [[mp.mpf(0)] * 3 for _ in group.means]
        spread = [mp.mpf(0)] * len(group.means)
        for index, (node, weight) in enumerate(zip(nodes, weights, strict=True)):
            values = {**known, group.field: node}
            arguments = [values[p] for p in group.parameters]
            factors = self._weights(*arguments)
            density = mpmath.fsum(
                factor * mpmath.exp(-(((node - mean) / sigma) ** 2) / 2) / (sigma * mpmath.sqrt(2 * mp.pi))
                for factor, (mean, sigma) in zip(factors, laws, strict=True)
            )
            if density < mp.eps**2 and self.inner is not None:
                continue
            inner, inner_errors = ([], []) if self.inner is None else self.inner(values)
            integrands = self._integrands(*arguments, *inner)
            for k, f in enumerate(integrands):
                term = f * weight * density
                for level, stride in enumerate((1, 2, 4)):
                    if index % stride == 0:
                        sums[k][level] += stride * term
                if inner:
                    spread[k] += abs(term) * max(e / max(abs(v), mp.eps) for v, e in
                                                 zip(inner, inner_errors, strict=True))
        found = []
        for (fine, half, quarter), inner_error in zip(sums, spread, strict=True):
            change, before = abs(fine - half), abs(half - quarter)
            error = change * min(change / before, 1) if before > 0 else change
            found.append((fine, error + inner_error + 10 * mp.eps * abs(fine)))
        return found


def _exact_nodes(z, centres, scales, low, high, hard):
    """Nodes and weights of the trapezoidal rule in multiple precision, from their doubles by Newton's method."""
    features = [(mp.mpf(float(c)), mp.mpf(float(s))) for c, s in zip(centres, scales, strict=True) if s < 1e140]
    low, high = mp.mpf(float(low)), mp.mpf(float(high))

    def t_of(x):
        t, rate = mp.mpf(0), mp.mpf(0)
        for c, s in features:
            u = (x - c) / s
            t += mpmath.asinh(u)
            rate += 1 / (s * mpmath.sqrt(1 + u * u))
        if hard[0]:
            t, rate = t + mpmath.log(x - low), rate + 1 / (x - low)
        if hard[1]:
            t, rate = t - mpmath.log(high - x), rate + 1 / (high - x)
        return t, rate

    cut = (high - low) * mp.eps
    first, _ = t_of(low + cut if hard[0] else low)
    last, _ = t_of(high - cut if hard[1] else high)
    n = len(z)
    step = (last - first) / (n - 1)
    nodes, weights = [], []
    for k in range(n):
        goal, x = first + k * step, mp.mpf(float(z[k]))
        x = min(max(x, low + cut if hard[0] else low), high - cut if hard[1] else high)
        for _ in range(60):
            t, rate = t_of(x)
            new = x - (t - goal) / rate
            if hard[0] and new <= low:
                new = (x + low) / 2
            if hard[1] and new >= high:
                new = (x + high) / 2
            done = abs(new - x) <= mp.eps ** mp.mpf("0.6") * abs(mpmath.mpf(1) / rate)
            x = new
            if done:
                break
        t, rate = t_of(x)
        nodes.append(x)
        weights.append(step / rate * (mp.mpf("0.5") if k in (0, n - 1) else 1))
    return nodes, weights


class _ReferenceCurve:
    """c(s), its derivatives and the free entropy in multiple precision."""

    def __init__(self, curve: Curve):
        form = curve.form
        names = tuple(form.states)
        states, constants = compile_expressions(list(form.states.values()))
        c, dc, ddc = form.value
        values, more = compile_expressions(
            [c, dc, ddc, form.free_entropy.subs(form.control, c), form.free_entropy.diff(form.control)])
        self.names, self.parameter = names, form.parameter
        self.states, self.constants = Reference(states), constants
        self.values, self.more = Reference(values), more

    def __call__(self, s):
        states, state_errors = self.states({self.parameter: s} | self.constants)
        known = dict(zip(self.names, states, strict=True))
        values, errors = self.values(known | {self.parameter: s} | self.more)
        return known, dict(zip(self.names, state_errors, strict=True)), values, errors


def reference_of(curve: Curve) -> _ReferenceCurve:
    """Return the curve in multiple precision, made once."""
    if not hasattr(curve, "_reference"):
        curve._reference = _ReferenceCurve(curve)  # type: ignore[attr-defined]
    return curve._reference  # type: ignore[attr-defined]


def point_on_curve(curve: Curve, s, *, control=None):
    """Solve c(s) = control, or c'(s) = 0 if no control is given, from a double-precision s by Newton's method.

    Returns
    -------
    s, states, state_errors, (c, c', c'', f, df/dc), errors, all at the working precision of ``mpmath.mp``.
    """
    reference = reference_of(curve)
    s = mp.mpf(s)
    for _ in range(_MAX_NEWTON):
        states, state_errors, values, errors = reference(s)
        c, dc, ddc, *_ = values
        step = -(c - control) / dc if control is not None else -dc / ddc
        if abs(step) <= mp.mpf(10) ** (_GUARD // 2 - mp.dps) * abs(s):
            break
        s += step
    return s, states, state_errors, values, errors


def refined(curve: Curve, point: FixedPoint, control: sp.Expr, digits: int) -> FixedPoint:
    """Solve a fixed point on to more digits.

    Parameters
    ----------
    curve : Curve
    point : FixedPoint
        In double precision.
    control : SymPy number
        Value of the linear control; a rational one is exact.
    digits : int
    """
    if point.status is Status.OUTSIDE_RANGE:
        return point
    with working_digits(digits):
        exact = mp.mpf(str(sp.N(control, mp.dps)))
        if point.status is Status.LIMIT:
            return _refined_limit(curve, point, exact, digits)
        start = point.order_parameters[curve.form.parameter.name]
        s, states, state_errors, values, errors = point_on_curve(curve, start, control=exact)
        c, dc, _, f, df = values
        states = states | {curve.form.parameter: s}
        moved = (errors[0] + abs(c - exact)) / abs(dc)  # of s, by the error of the control and by what Newton left
        rates = [abs(states[sp.Symbol(x.name + "'", real=True)]) * moved for x in curve.form.sensitivity]
        error = max([errors[3], *(state_errors[x] for x in curve.form.sensitivity), *rates])
        f += df * (exact - c)
        names = tuple(curve.model.observables)
        compiled, constants = compile_expressions(list(curve.model.observables.values()))
        found, _ = Reference(compiled)(states | {curve.form.control: exact, symbol("f"): f} | constants)
        return dataclasses.replace(
            point, order_parameters={x.name: states[x] for x in curve.model.order_parameters},
            free_entropy=f, residual=abs(c / exact - 1), error=error, eigenvalues=(1 - s * dc / c,),
            observables=dict(zip(names, found, strict=True)), status=_status(error, digits),
        )


def _status(error: Any, digits: int) -> Status:
    return Status.CONVERGED if error < mp.mpf(10) ** (2 - digits) else Status.TOLERANCE_MISSED


def _refined_limit(curve: Curve, point: FixedPoint, control: Any, digits: int) -> FixedPoint:
    """A limit state in multiple precision: its closed expressions and averages, evaluated."""
    limit = next(limit for limit in curve.limits if limit.values["mhat"] == point.order_parameters["mhat"])
    state = limit.state

    def number(expr: sp.Expr) -> tuple[Any, Any]:
        if expr.is_infinite:
            return (mp.inf if expr is sp.oo else -mp.inf), mp.mpf(0)
        compiled, constants = compile_expressions([expr])
        (value,), (error,) = Reference(compiled)(constants)
        return value, error

    f, error = mp.mpf(point.free_entropy), mp.mpf(0)
    if np.isfinite(point.free_entropy):
        (base, e0), (slope, e1) = (number(expr) for expr in (state.free_entropy.subs(curve.form.control, 0),
                                                             state.free_entropy.diff(curve.form.control)))
        f, error = base + slope * control, e0 + e1 * control
    names, compiled, constants = curve._limit_observables[state.name]
    found, _ = Reference(compiled)({curve.form.control: control, symbol("f"): f} | constants)
    values = {x.name: number(state.values[x]) for x in curve.model.order_parameters}
    error = max([error, *(e for _, e in values.values())])
    return dataclasses.replace(
        point, order_parameters={name: value for name, (value, _) in values.items()}, free_entropy=f,
        observables=dict(zip(names, found, strict=True)), error=error,
        status=Status.LIMIT if error < mp.mpf(10) ** (2 - digits) else Status.TOLERANCE_MISSED,
    )
