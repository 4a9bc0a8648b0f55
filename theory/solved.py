"""Quantities that are known through equations of their own: unevaluated, with derivatives of the same family.

``SolvedMean(kind, order, problem, time)`` is the derivative of that order, by `time`, of a quantity of `problem`, an
object of this package that says which equations hold; :mod:`spinodal.equations.solved` solves them.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from .means import WrittenMean

__all__ = ["SolvedMean"]


class SolvedMean(WrittenMean):
    """The `order`-th derivative by `time` of the quantity `kind` of `problem`.

    Parameters
    ----------
    kind : str
        What `problem` calls it.
    order : int
    problem : sympy.Basic
        Its ``free_symbols`` are parameters; ``rate(kind, order)`` may say the derivative as (factor, kind, order).
    time : expression
    """

    def __new__(cls, kind: Any, order: Any, problem: sp.Basic, time: Any):
        return super().__new__(cls, sp.Symbol(str(kind)), sp.sympify(order), problem, sp.sympify(time))

    kind = property(lambda self: self.args[0].name)
    order = property(lambda self: int(self.args[1]))
    problem = property(lambda self: self.args[2])
    time = property(lambda self: self.args[3])

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        return self.problem.free_symbols | self.time.free_symbols

    def _eval_derivative(self, t):
        if t in self.problem.free_symbols:
            raise NotImplementedError(f"{self.kind} is not differentiated by {t}, a parameter of the equations")
        factor, kind, order = self.problem.rate(self.kind, self.order)
        return self.time.diff(t) * factor * SolvedMean(kind, order, self.problem, self.time)

    def doit(self, **hints: Any) -> sp.Expr:
        return self

    def _latex(self, printer):
        primes = "'" * self.order
        kind = rf"\mathrm{{{self.kind.replace('_', ' ')}}}" if len(self.kind) > 2 else self.kind
        return rf"{kind}{primes}_{{\mathrm{{{self.problem.symbol}}}}}({printer._print(self.time)})"

    def _sympystr(self, printer):
        return f"{self.kind}{chr(39) * self.order}_{self.problem.symbol}({printer._print(self.time)})"
