"""Generated functions: one of several expressions, with intermediate values named and shared."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sympy as sp

from ..theory.special import PosteriorFunction
from .functions import NUMPY
from .posterior import PosteriorQuadrature

__all__ = ["lambdify"]

_LARGE_INTEGER = 2**31  # beyond it NumPy may make objects of integers


def lambdify(arguments_: Sequence[sp.Symbol], expressions: Sequence[sp.Expr], bindings=(), modules=None):
    """Generate one NumPy function of several expressions, with named intermediate values in order."""
    names = [name for name, _ in bindings]
    expressions, bindings = _of_floats(expressions, bindings) if modules is None else (expressions, bindings)

    def share(values):
        both, reduced = sp.cse([value for _, value in bindings] + list(values), order="none",
                               symbols=sp.numbered_symbols("_x"))
        pending = both + list(zip(names, reduced[: len(names)], strict=True))
        waiting = {name for name, _ in pending}
        ordered = []
        while pending:
            ready = [(name, value) for name, value in pending if not value.free_symbols & waiting]
            ordered += ready
            waiting -= {name for name, _ in ready}
            pending = [pair for pair in pending if pair[0] in waiting]
        needed, kept = set().union(*(e.free_symbols for e in reduced[len(names):])), []
        for name, value in reversed(ordered):
            if name in needed:
                kept.append((name, value))
                needed |= value.free_symbols
        return kept[::-1], reduced[len(names):]

    if modules is None:
        found = set().union(*(e.atoms(PosteriorFunction) for e in [*expressions, *(value for _, value in bindings)]))
        modules = [NUMPY | {f.func.__name__: _quadrature_of(f.func) for f in found}, "numpy"]
    return sp.lambdify(list(arguments_), list(expressions), modules=modules, cse=share)


def _of_floats(expressions, bindings):
    """The same with rationals that a machine integer does not hold as floating-point numbers."""
    every = [*expressions, *(value for _, value in bindings)]
    large = {n: sp.Float(n) for e in every for n in e.atoms(sp.Rational) if max(abs(n.p), n.q) > _LARGE_INTEGER}
    if not large:
        return expressions, bindings
    return [e.xreplace(large) for e in expressions], [(name, value.xreplace(large)) for name, value in bindings]


@lru_cache(maxsize=64)
def _quadrature_of(function: Any):
    """The implementation of a posterior cumulant: by quadrature over the density that the function carries."""
    quadrature = PosteriorQuadrature(function.distribution, function.kinks)
    return lambda order, precision, standard, *landmarks: quadrature(int(order), precision, standard)
