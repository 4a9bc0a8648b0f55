"""From expressions with Gaussian averages to vectorised numerical functions with error estimates.

The averages of one law are computed together: one set of nodes, one generated function for all their integrands.
Nested averages recurse: the nodes of the outer one are rows of the inner one.

Every intermediate value carries replicas in a leading axis: the value itself, its coarser versions (steps 2h and 4h
of the outer and of the inner rule) and one shifted by the rounding error of its sum.  Whatever is computed from
averages is computed from the replicas too, so an error estimate follows through any formula.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy as sp

from ..theory.means import GaussianMean, WrittenMean
from ..theory.special import PosteriorFunction
from .features import arguments, centre_and_scale, peaks, quadratic_coefficients, top_means, top_solved
from .generate import lambdify
from .grouping import (
    bodies_and_bindings,
    by_law,
    of_one_place,
    one_of_each_sign,
    without_inner_fields,
    write_out,
)
from .quadrature import graded_nodes, step_error
from .solved import solved_groups

__all__ = ["Compiled", "Evaluated", "compile_expressions", "number_of", "split_infinite"]

_FINE, _HALF, _QUARTER, _ROUNDED, _INNER_HALF, _INNER_QUARTER = range(_REPLICAS := 6)
_WIDTH = 10.0  # standard deviations kept of a Gaussian law: the rest weighs 1e-23
_PEAK = 25.0  # widths kept of a peak in the tail of the law: the rest of 1/cosh^2 weighs 1e-21
_NO_WIDTH = 1e-140  # stands for a law without variance
_POINT = 1e-13  # width over mean below which floats do not resolve a law: it is taken at its mean
# First steps in the graded variable, in which poles of tanh-like factors lie pi/2 off the real line: for tolerances
# down to 1e-8, and finer; of single averages, and of nested ones, whose cost is worth a second try
_FIRST_STEPS = {False: (0.2, 0.12), True: (0.32, 0.2)}
_LEVELS = {False: 4, True: 3}  # how many steps are tried, of single and of nested averages
_CHUNK = 40_000  # values in one array: stays in cache, bounds the memory
_EPS = np.finfo(float).eps


@dataclass(frozen=True)
class Evaluated:
    """Values of compiled expressions and their error estimates, both of shape (expressions, rows)."""

    values: np.ndarray
    errors: np.ndarray
    converged: np.ndarray  # shape (rows,)


def compile_expressions(expressions: Sequence[sp.Expr]) -> tuple[Compiled, dict[sp.Symbol, float]]:
    """Compile expressions; numbers in them become parameters, so equal structures share one compilation.

    Returns
    -------
    compiled : Compiled
    constants : dict
        Values of the parameters that stand for numbers, to be merged into the values of every call.
    """
    floats = sorted(_free_floats(expressions))
    names = {value: sp.Symbol(f"_number{k}", real=True, positive=True if value > 0 else None)
             for k, value in enumerate(floats)}
    compiled = _compile(tuple(expr.xreplace(names) for expr in expressions))
    return compiled, {name: float(value) for value, name in names.items()}


def number_of(expression: sp.Expr) -> float:
    """The value of an expression without parameters.

    SymPy itself evaluates no special functions of this package.
    """
    compiled, numbers = compile_expressions([expression])
    return float(compiled(numbers).values[0, 0])


def split_infinite(expressions: Mapping[str, sp.Expr]) -> tuple[dict[str, sp.Expr], dict[str, float]]:
    """Expressions to be computed, and the values of those that are infinite whatever their (positive) parameters."""
    infinite = {}
    for name, expr in expressions.items():
        bare = expr.xreplace(dict.fromkeys([*top_means([expr]), *expr.atoms(WrittenMean)], sp.S.One))
        if bare.has(sp.oo, -sp.oo, sp.zoo):
            infinite[name] = float(bare.subs(dict.fromkeys(bare.free_symbols, 1)))
    return {name: expr for name, expr in expressions.items() if name not in infinite}, infinite


def _free_floats(expressions: Sequence[sp.Basic]) -> set[sp.Float]:
    """Numbers that may become parameters: all but those that a law compares with each other."""
    nodes = [node for expr in expressions for node in sp.preorder_traversal(expr)]
    compared = set().union(*(node.atoms(sp.Float) for node in nodes if getattr(node, "ordered", False)))
    return {node for node in nodes if isinstance(node, sp.Float)} - compared


@lru_cache(maxsize=256)
def _compile(expressions: tuple[sp.Expr, ...]) -> Compiled:
    return Compiled(expressions)


class Compiled:
    """Numerical form of a tuple of expressions.

    Parameters
    ----------
    expressions : tuple of sympy expressions
        Built of parameters, ``GaussianMean`` and what is written as such (``WrittenMean``).
    """

    def __init__(self, expressions: tuple[sp.Expr, ...]):
        written = [write_out(expr) for expr in expressions]
        means = top_means(written)
        solved = top_solved(written)
        self.symbols: dict[sp.Expr, sp.Symbol] = {
            mean: sp.Symbol(f"_E{k}", real=True) for k, mean in enumerate([*means, *solved])}
        self.expressions = tuple(expr.xreplace(self.symbols) for expr in written)
        self.groups = [_Group(members) for members in by_law(means)]
        self.solved = solved_groups(solved)
        free = set().union(*(expr.free_symbols for expr in written)) if written else set()
        self.parameters = tuple(sorted(free, key=lambda s: s.name))
        self._outer = lambdify([*self.parameters, *self.symbols.values()], self.expressions)

    @cached_property
    def nested(self) -> bool:
        """True if a quadrature stands inside another, so that an evaluation costs the square of a single one."""
        return bool(self.solved) or any(group.inner is not None or mean.has(PosteriorFunction) for group in self.groups
                   for mean in group.means)

    def source(self) -> str:
        """Return the generated source of every function, innermost last."""
        import inspect

        texts = [inspect.getsource(self._outer)]
        for group in self.groups:
            texts.append(inspect.getsource(group._integrands))
            if group.inner is not None:
                texts.append(group.inner.source())
        return "\n".join(texts)

    def __call__(self, values: Mapping[sp.Symbol, Any], *, tolerance: float = 1e-13,
                 scales: Sequence[float] | None = None) -> Evaluated:
        """Evaluate to a tolerance, refining rows that miss it.

        Parameters
        ----------
        values : mapping of every parameter to a number or an array of shape (rows,)
        tolerance : float
            On the error of every expression over ``|value| + scale``.
        scales : one number an expression, default 0
            Absolute scale of an expression that may pass through zero; ``inf`` leaves it out of the test.
        """
        rows = np.broadcast_shapes((1,), *(np.shape(values[p]) for p in self.parameters))
        if not self.groups and not self.solved:
            return self._closed(values, rows)
        arrays = {p: _over(rows, values[p]) for p in self.parameters}
        scale = np.zeros(len(self.expressions)) if scales is None else np.asarray(scales, float)
        out = np.empty((len(self.expressions), *rows))
        errors = np.empty_like(out)
        unknown = np.zeros(rows, bool)  # what stands for no number stays none
        for array in arrays.values():
            unknown |= np.isnan(array)
        out[:, unknown] = errors[:, unknown] = np.nan
        todo = np.flatnonzero(~unknown)
        steps = (_FIRST_STEPS[self.nested][0 if tolerance > 1e-8 else 1],) * 2
        for _ in range(_LEVELS[self.nested] if len(todo) else 0):
            replicas = self.evaluate({p: a[todo] for p, a in arrays.items()}, steps, tolerance=tolerance)
            out[:, todo] = replicas[:, _FINE]
            outer = step_error(*(replicas[:, k] for k in (_FINE, _HALF, _QUARTER)))
            inner = step_error(*(replicas[:, k] for k in (_FINE, _INNER_HALF, _INNER_QUARTER)))
            with np.errstate(invalid="ignore"):
                rounding = np.abs(replicas[:, _ROUNDED] - replicas[:, _FINE])
            errors[:, todo] = outer + inner + rounding + 2 * _EPS * np.abs(replicas[:, _FINE])
            with np.errstate(invalid="ignore"):
                allowed = np.maximum(tolerance * (np.abs(replicas[:, _FINE]) + scale[:, None]), rounding)
                allowed[np.isinf(scale)] = np.inf
                lost = ~np.isfinite(replicas[:, _FINE]).all(axis=0)  # no step is small enough for those
                missed = [~(part <= allowed).all(axis=0) & ~lost for part in (2 * outer, 2 * inner)]
            open_rows = missed[0] | missed[1]
            if not open_rows.any():
                todo = todo[:0]
                break
            steps = (steps[0] / (1 + missed[0].any()), steps[1] / (1 + missed[1].any()))
            todo = todo[open_rows]
        converged = np.ones(rows, bool)
        converged[todo] = False
        converged &= np.isfinite(out).all(axis=0)
        return Evaluated(out, errors, converged)

    def _closed(self, values: Mapping[sp.Symbol, Any], rows: tuple[int, ...]) -> Evaluated:
        """Evaluate expressions without averages: nothing but rounding is in error."""
        with np.errstate(all="ignore"):
            found = self._outer(*(np.asarray(values[p], float) for p in self.parameters))
        out = np.empty((len(self.expressions), *rows))
        for k, value in enumerate(found):
            out[k] = value
        return Evaluated(out, 2 * _EPS * np.abs(out), np.asarray(np.isfinite(out).all(axis=0)))

    def evaluate(self, arrays: Mapping[sp.Symbol, np.ndarray], steps: tuple[float, float],
                 rows: int | None = None, tolerance: float = 1e-13) -> np.ndarray:
        """Return replicas of the values, shape (expressions, replicas, rows), for given steps.

        What is solved for has no steps of its own: it is solved to `tolerance`.
        """
        rows = rows or (len(next(iter(arrays.values()))) if arrays else 1)
        size = max([1, *(group.cost(steps) for group in self.groups)])
        chunk = max(1, _CHUNK // size)
        parts = [
            self._evaluate({p: a[k : k + chunk] for p, a in arrays.items()}, steps, min(chunk, rows - k), tolerance)
            for k in range(0, rows, chunk)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def _evaluate(self, arrays, steps, rows, tolerance):
        found: dict[sp.Expr, np.ndarray] = {}
        for group in self.groups:
            found.update(zip(group.means, group.average(arrays, steps, rows), strict=True))
        for other in self.solved:
            for mean, (value, error) in zip(other.means, other.evaluate(arrays, rows, tolerance), strict=True):
                found[mean] = np.tile(value, (_REPLICAS, 1))
                found[mean][_ROUNDED] += error
        with np.errstate(all="ignore"):
            values = self._outer(*(arrays[p] for p in self.parameters), *(found[mean] for mean in self.symbols))
        out = np.empty((len(values), _REPLICAS, rows))
        for k, value in enumerate(values):
            out[k] = value
        return out


class _Group:
    """Averages over one law: shared nodes, one generated function."""

    def __init__(self, means: Sequence[GaussianMean]):
        self.means = list(means)
        first = self.means[0]
        (self.field,) = first.fields
        self.domain, self.laws = first.domain, first.laws
        bodies, bindings = bodies_and_bindings(self.means)
        inner_means = top_means(bodies)
        self.inner = Compiled(tuple(inner_means)) if inner_means else None
        names = {mean: sp.Symbol(f"_I{k}", real=True) for k, mean in enumerate(inner_means)}
        self.bodies, self.bindings = [body.xreplace(names) for body in bodies], bindings
        free = set().union(*(mean.free_symbols for mean in self.means)) | {self.field}
        if self.inner is not None:
            free |= set(self.inner.parameters)
        self.parameters = tuple(sorted(free, key=lambda s: s.name))
        self._integrands = lambdify([*self.parameters, *names.values()], self.bodies, self.bindings)
        outside = tuple(p for p in self.parameters if p != self.field)
        self._outside = outside
        self._laws = lambdify(outside, [x for _, (mean,), cov in self.laws for x in (mean, cov[0, 0])])
        self._ends = lambdify(outside, list(self.domain))
        self._weights = lambdify(self.parameters, [weight for weight, *_ in self.laws])
        self.hard = tuple(end.is_finite is not False for end in self.domain)

    @cached_property
    def _features(self):
        """Which features are peaks, and the generated function of all their coefficients, in the parameters."""
        found: dict[tuple, bool] = {}
        expressions = [*(mean.f for mean in self.means), *(weight for weight, *_ in self.laws)]
        steep = peaks(expressions)
        for argument in dict.fromkeys(itertools.chain.from_iterable(map(arguments, expressions))):
            for reduced in without_inner_fields(argument, self.means, self.field):
                if (coefficients := quadratic_coefficients(reduced, self.field)) is not None:
                    found[coefficients] = found.get(coefficients, False) or argument in steep
        kept = one_of_each_sign(found)
        written = [a for coefficients in kept for a in coefficients]
        return np.array(list(kept.values()), bool), lambdify(self._outside, written)

    def cost(self, steps: tuple[float, float]) -> int:
        """Roughly how many values one row needs at a time."""
        own = 60 / steps[0]
        return int(own * (60 / steps[1] if self.inner is not None else 1))

    def average(self, arrays: Mapping[sp.Symbol, np.ndarray], steps: tuple[float, float], rows: int) -> np.ndarray:
        """Return replicas of the averages, shape (averages, replicas, rows)."""
        outside = [arrays[p] for p in self._outside]
        nodes, weights, blur = self._nodes(outside, steps[0], rows)
        columns = {p: arrays[p][:, None] for p in self._outside} | {self.field: nodes}
        inside = [] if self.inner is None else self._inner_values(self.inner, columns, nodes, steps)
        with np.errstate(all="ignore"):
            values = self._integrands(*(columns[p] for p in self.parameters), *inside)
        # an exponent of size x has an absolute rounding error of x eps, its exponential a relative one; and the nodes
        # themselves are rounded
        rounding = _EPS * (4 + blur - np.log(np.maximum(np.minimum(np.abs(weights), 1), 1e-300)))
        f = np.empty((len(values), _REPLICAS if inside else 1, *nodes.shape))
        for k, value in enumerate(values):
            np.multiply(value, weights, out=f[k])
        f[..., 0] *= 0.5
        f[..., -1] *= 0.5
        first, sums = f[:, 0], f.sum(-1)
        replicas = np.empty((len(values), _REPLICAS, rows))
        replicas[:] = sums[:, :1]
        replicas[:, _HALF] = 2 * first[..., ::2].sum(-1)
        replicas[:, _QUARTER] = 4 * first[..., ::4].sum(-1)
        # what is cut off at an end is at most as large as the last term kept
        cut = 2 * (np.abs(first[..., 0]) + np.abs(first[..., -1]))
        replicas[:, _ROUNDED] += (rounding * np.abs(first)).sum(-1) + cut
        if inside:  # averages inside averages inside: their own coarseness counts as the inner one's
            replicas[:, _INNER_HALF] = sums[:, _HALF] + sums[:, _INNER_HALF] - sums[:, _FINE]
            replicas[:, _INNER_QUARTER] = sums[:, _QUARTER] + sums[:, _INNER_QUARTER] - sums[:, _FINE]
        return replicas

    @staticmethod
    def _inner_values(inner, columns, nodes, steps):
        """Inner averages at every node, each of shape (replicas, rows, nodes)."""
        flat = {p: np.broadcast_to(columns[p], nodes.shape).ravel() for p in inner.parameters}
        found = inner.evaluate(flat, (steps[1], steps[1]), nodes.size)
        return list(found.reshape(len(found), _REPLICAS, *nodes.shape))

    def grading(self, outside: Sequence[np.ndarray], rows: int, width: float = _WIDTH):
        """Means and widths of the laws, ends of the line, and the features to which it is graded; rows first.

        `width` is how many standard deviations of every law the line keeps.
        """
        laws = _columns(self._laws(*outside), rows)
        means, widths = laws[:, ::2], np.maximum(np.sqrt(laws[:, 1::2]), _NO_WIDTH)
        low, high = ((means + sign * width * widths) for sign in (-1, 1))
        low, high = low.min(-1), high.max(-1)
        if any(self.hard):
            ends = _columns(self._ends(*outside), rows)
            low = ends[:, 0] if self.hard[0] else low
            high = ends[:, 1] if self.hard[1] else high
        if not self.hard[1]:
            high = np.maximum(high, low + width * widths.min(-1))
        elif not self.hard[0]:
            low = np.minimum(low, high - width * widths.min(-1))
        peaks, features = self._features
        count = len(peaks)
        with np.errstate(all="ignore"):
            raw = _columns(features(*outside), rows)
        centres, scales = centre_and_scale(raw[:, ::3], raw[:, 1::3], raw[:, 2::3])
        if peaks.any() and not any(self.hard):
            reach = np.where(np.isfinite(scales), _PEAK * scales, np.nan)[:, peaks].reshape(rows, -1)
            middle = centres[:, peaks].reshape(rows, -1)
            low = np.fmin(low, np.fmin.reduce(middle - reach, axis=1))
            high = np.fmax(high, np.fmax.reduce(middle + reach, axis=1))
        centres, scales = centres.reshape(rows, 2 * count), scales.reshape(rows, 2 * count)
        # what lies outside the line or is wider than the law itself needs no grading
        steep = (centres >= low[:, None]) & (centres <= high[:, None]) & (scales < widths.max(axis=1)[:, None])
        scales = np.where(steep, scales, np.inf)
        used = np.isfinite(scales).any(axis=0)
        centres = np.concatenate([means, centres[:, used]], axis=1)
        scales = np.concatenate([widths, np.minimum(scales[:, used], 1e150)], axis=1)
        return means, widths, low, high, centres, of_one_place(centres, scales)

    def _nodes(self, outside, step, rows):
        means, widths, low, high, centres, scales = self.grading(outside, rows)
        certain = (widths <= _NO_WIDTH + _POINT * np.abs(means)).all(axis=1) & (means == means[:, :1]).all(axis=1)
        with np.errstate(all="ignore"):
            scales = np.maximum(scales, 4 * _EPS * np.abs(centres))
            z, w = graded_nodes(centres, scales, low, high, step, self.hard)
            # a node is known to |z| eps; the integrand varies over step/w there
            blur = np.where(certain[:, None], 0.0, np.abs(z) * step / w)
            return *self._weighted(z, w, outside, means, widths, certain), blur

    def _weighted(self, z, w, outside, means, widths, certain):
        """Nodes and their weights under the laws; a law without variance puts all nodes where it is."""
        z = np.where(certain[:, None], means[:, :1], z)
        columns = {p: a[:, None] for p, a in zip(self._outside, outside, strict=True)} | {self.field: z}
        factors = self._weights(*(columns[p] for p in self.parameters))
        density = 0.0
        for k, factor in enumerate(factors):
            u = (z - means[:, k : k + 1]) / widths[:, k : k + 1]
            density = density + factor * np.exp(-0.5 * u * u) / (np.sqrt(2 * np.pi) * widths[:, k : k + 1])
        atom = sum(np.broadcast_to(factor, z.shape) for factor in factors) / (z.shape[1] - 1)
        return z, np.where(certain[:, None], atom, w * density)


def _over(rows: tuple[int, ...], value: Any) -> np.ndarray:
    array = np.asarray(value, float)
    return array if array.shape == rows else np.broadcast_to(array, rows)


def _columns(values: Sequence[Any], rows: int) -> np.ndarray:
    """Numbers and arrays over rows as the columns of one array."""
    table = np.empty((rows, len(values)))
    for k, value in enumerate(values):
        table[:, k] = value
    return table
