"""Values of expressions in which nothing is free."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from ..equations.compile import compile_expressions

__all__ = ["numbers_of"]


def numbers_of(expressions: Sequence[sp.Expr]) -> tuple[float, ...]:
    """Values of expressions without free symbols, Gaussian averages and special functions among them."""
    compiled, constants = compile_expressions([sp.sympify(expression) for expression in expressions])
    return tuple(float(value) for value in compiled(constants).values[:, 0])
