"""Where an integrand varies: read off the arguments of its special functions.

Every steep factor of an integrand is a special function of an argument that is affine or quadratic in the field, or
a softmax of such exponents.  It varies where the argument (or the difference of two exponents) crosses zero,
over a width of one unit of the argument.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
import sympy as sp

from ..theory.means import GaussianMean, Let
from ..theory.solved import SolvedMean
from ..theory.special import (
    BinaryEntropy,
    IntervalMills,
    InverseMills,
    LogCosh,
    LogInterval,
    LogNdtr,
    LogSumExp,
    PosteriorFunction,
    SechSquared,
    Tanh,
    TanhDeficit,
)

__all__ = ["arguments", "centre_and_scale", "peaks", "quadratic_coefficients", "top_means",
           "top_solved"]

_AFFINE = (
    LogCosh, Tanh, LogNdtr, InverseMills, LogInterval, IntervalMills, sp.tanh, sp.erf, sp.erfc, PosteriorFunction,
    SechSquared, BinaryEntropy, TanhDeficit,
)
# What vanishes away from its zero: where that is in the tail of the law, an average is what is there
_PEAKS = (SechSquared, BinaryEntropy)


def arguments(expr: sp.Expr) -> list[sp.Expr]:
    """Expressions whose zeros are the features of `expr`, in all of its fields."""
    found: dict[sp.Expr, None] = {}
    for node in _integrands(expr):
        if isinstance(node, Let):
            found.update(dict.fromkeys(_bound_arguments(node.func(sp.S.Zero, node.bindings))))
            found.update(dict.fromkeys(_arguments_of(node.body, node.expand_bindings)))
        else:
            found.update(dict.fromkeys(_arguments_of(node, lambda e: e)))
    return list(found)


@lru_cache(maxsize=64)
def _bound_arguments(bindings: Let) -> list[sp.Expr]:
    """Those of what is bound, which many averages share."""
    return [argument for _, value in bindings.bindings for argument in _arguments_of(value, bindings.expand_bindings)]


def _arguments_of(value: sp.Expr, expand: Callable[[sp.Expr], sp.Expr]) -> list[sp.Expr]:
    found = [expand(argument) for special in value.atoms(*_AFFINE) for argument in special.args
             if argument.is_finite is not False]
    for total in value.atoms(LogSumExp):
        found += [_exponent_gap(one, other) for one, other in itertools.combinations(map(expand, total.args), 2)]
    return found


def peaks(expressions: Iterable[sp.Expr]) -> set[sp.Expr]:
    """Arguments, of either sign, of functions which vanish away from their zeros."""
    found = {x for expr in expressions for peak in expr.atoms(*_PEAKS) for x in peak.args}
    return found | {-x for x in found}


def _exponent_gap(one: sp.Expr, other: sp.Expr) -> sp.Expr:
    """Difference of two exponents without their logarithms of probabilities.

    Where those are all that differs, they compete in their tails, log Phi(x) ~ -x^2/2.
    """
    gap = sp.expand(one - other)
    rest = gap.replace(lambda e: isinstance(e, _AFFINE), lambda e: sp.S.Zero)
    fields = set().union(*(e.free_symbols for e in gap.atoms(LogNdtr))) & rest.free_symbols
    return rest if fields else sp.expand(gap.replace(LogNdtr, lambda x: -(x**2) / 2))


def _integrands(expr: sp.Expr) -> Iterable[sp.Expr]:
    """`expr` without the averages in it, and the integrands and weights of all of those."""
    inner = top_means([expr])
    yield expr if isinstance(expr, Let) else expr.xreplace(dict.fromkeys(inner, sp.S.Zero))
    for mean in inner:
        yield from _integrands(mean.f)
        for weight, *_ in mean.laws:
            yield from _integrands(weight)


def top_means(expressions: Iterable[sp.Expr]) -> list[GaussianMean]:
    """Averages that stand in the expressions outside any other average, in a reproducible order."""
    return [node for node in _outermost(expressions) if isinstance(node, GaussianMean)]


def top_solved(expressions: Iterable[sp.Expr]) -> list[SolvedMean]:
    """What is solved for and stands in the expressions outside other equations, in a reproducible order."""
    return [node for node in _outermost(expressions) if isinstance(node, SolvedMean)]


def _outermost(expressions: Iterable[sp.Expr]) -> dict[sp.Expr, None]:
    found: dict[sp.Expr, None] = {}
    for expr in expressions:
        walk = sp.preorder_traversal(expr)
        for node in walk:
            if isinstance(node, (GaussianMean, SolvedMean)):
                found[node] = None
                walk.skip()
    return found


def quadratic_coefficients(argument: sp.Expr, field: sp.Symbol) -> tuple[sp.Expr, sp.Expr, sp.Expr] | None:
    """(a_2, a_1, a_0) of an argument that is at most quadratic in the field; None if it is not, or constant."""
    if not argument.has(field) or not argument.is_polynomial(field):
        return None
    poly = sp.Poly(argument, field)
    if poly.degree() not in (1, 2):
        return None
    return tuple(poly.coeff_monomial(field**k) for k in (2, 1, 0))


def centre_and_scale(a2, a1, a0):
    """Centres and widths, shape (..., 2), of a_2 h^2 + a_1 h + a_0 near zero; width inf where there is none."""
    with np.errstate(all="ignore"):
        gap = a1 * a1 - 4 * a2 * a0
        root = np.sqrt(np.maximum(gap, 0))
        width = 1 / np.sqrt(np.maximum(gap, 0) + np.abs(a2))
        q = -(a1 + np.where(a1 < 0, -root, root)) / 2
        # the stable pair q/a2 and a0/q; without real roots both stand at the vertex
        first = np.where(gap > 0, q / a2, -a1 / (2 * a2))
        second = np.where(gap > 0, a0 / q, first)
        centres = np.stack([first, second], axis=-1)
        scales = np.stack([width, width], axis=-1)
    good = np.isfinite(centres) & np.isfinite(scales) & (scales > 0)
    return np.where(good, centres, 0.0), np.where(good, scales, np.inf)
