r"""Averages over the evidence of a Bayes-optimal scalar problem, differentiated by its own identities.

Both halves of a Bayes-optimal free entropy are of one kind.  A log-partition u_0 = log Z depends on a Gaussian
field and on the precision at which the field is known, obeys a heat equation in it, and is averaged over the law
of the field that the model itself implies:

* prior:    Z(A, B) = E_x exp(B x - A x^2/2),      d_A Z = -1/2 d_B^2 Z,       field B, "time" -A;
* channel:  Z(y; w, V) = int N(h; w, V) P(y|h) dh,  d_V Z = +1/2 d_w^2 Z,      field w ~ N(0, m), m + V fixed.

With u_n the n-th derivative of u_0 by the field, both give for every function F of (u_1, u_2, ...)

.. math:: \frac{d}{dV} E F = E\left[\partial_V F - \tfrac12 F'' - u_1 F'\right],\qquad
          \partial_V u_n = \tfrac12 \Big(u_{n+2} + \sum_j \tbinom nj u_{j+1} u_{n-j+1}\Big),

with the opposite sign for A.  So d E u_0/dV = -E u_1^2/2, d E u_1^2/dV = -E u_2^2, and so on: sums of squares
that neither cancel nor lose their digits where they are exponentially small (Nishimori identities, I-MMSE).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import sympy as sp

from .means import WrittenMean
from .parameters import formula_symbol
from .special import LogSumExp

__all__ = ["EvidenceMean", "Law", "bind_log_sum", "cumulants", "information", "u"]

_ORDER = 9
u = tuple(formula_symbol(f"u_{n}") for n in range(_ORDER))  #: derivatives of the log-partition by its field
information = formula_symbol("i")  #: density of the mutual information, whose mean grows by E u_2/2


class Law(sp.Basic):
    """The scalar problem behind an ``EvidenceMean``; parameters are its SymPy ``args``."""

    #: +1 where the log-partition obeys the heat equation in its time (a channel's V), -1 backwards (a prior's A)
    direction: int

    @abstractmethod
    def average(self, moment: sp.Expr, *times: sp.Expr) -> sp.Expr:
        """Return E moment(u_0, u_1, ...) as a sum of ``GaussianMean``."""


class EvidenceMean(WrittenMean):
    """E F(u_0, u_1, ...) over the evidence of `law` at `time`.

    Parameters
    ----------
    moment : expression in ``u[n]`` (and, for a prior, ``information``)
    law : Law
    time : expression
        The precision A of a prior, or the variance V of a channel.
    complement : expression, optional
        For a channel, the variance m of the known part of the field, given apart from V so that neither is a
        difference; m + V is constant under differentiation.
    """

    def __new__(cls, moment: Any, law: Law, time: Any, *complement: Any):
        moment = sp.expand(sp.sympify(moment))
        if not moment.has(information, *u):
            return moment
        factor, moment = moment.as_coeff_Mul()
        content, moment = moment.primitive() if moment.is_Add else (sp.S.One, moment)
        return factor * content * super().__new__(cls, moment, law, sp.sympify(time), *map(sp.sympify, complement))

    moment = property(lambda self: self.args[0])
    law = property(lambda self: self.args[1])
    times = property(lambda self: self.args[2:])

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        return set().union(self.law.free_symbols, *(time.free_symbols for time in self.times))

    def _eval_derivative(self, t):
        # no identity holds where the law changes, or the variance of the field as a whole: then the Gaussian averages
        # themselves are differentiated
        widened = any(part.has(t) and (self.times[0] + part).diff(t) != 0 for part in self.times[1:])
        if t in self.law.free_symbols or widened:
            return self.doit(closed=False).diff(t)
        rate = self.times[0].diff(t)
        if rate == 0:
            return sp.S.Zero
        return rate * EvidenceMean(_rate(self.moment, self.law.direction), self.law, *self.times)

    def doit(self, closed: bool = True, **hints: Any) -> sp.Expr:
        """Write the average out as Gaussian averages; `closed` evaluates those of polynomials."""
        average = self.law.average(self.moment, *self.times)
        return average.doit() if closed else average

    def _latex(self, printer):
        times = printer._print(self.times[0])
        return rf"\mathbb{{E}}_{{\mathrm{{{self.law.symbol}}}}}\left[{printer._print(self.moment)}\right]({times})"

    def _sympystr(self, printer):
        times = printer._print(self.times[0])
        return f"E_{self.law.symbol}[{printer._print(self.moment)}]({times})"


def _rate(moment: sp.Expr, direction: int) -> sp.Expr:
    """The integrand of dE[moment]/d(time), by the rule in the head of this file."""
    along = sp.S.Zero
    if moment.has(information):
        along += moment.coeff(information) * u[2] / 2
        moment = moment.subs(information, 0)
    prime = sum((moment.diff(u[n]) * u[n + 1] for n in range(_ORDER - 1)), sp.S.Zero)
    second = sum((prime.diff(u[n]) * u[n + 1] for n in range(_ORDER - 1)), sp.S.Zero)
    heat = sum(
        (moment.diff(u[n]) * (u[n + 2] + sum(sp.binomial(n, j) * u[j + 1] * u[n - j + 1] for j in range(n + 1))) / 2
         for n in range(_ORDER - 2)),
        sp.S.Zero,
    )
    return sp.expand(along + direction * (heat - second / 2 - u[1] * prime))


def bind_log_sum(
    logs: Sequence[sp.Expr], slopes: Sequence[sp.Expr], bends: Sequence[sp.Expr], jerks: Sequence[sp.Expr]
) -> list[tuple[sp.Symbol, sp.Expr]]:
    """Bindings that define u_0 ... u_3 of log sum_k exp(logs[k]) by its terms and their field derivatives."""
    n = range(len(logs))
    if len(logs) == 1:
        return list(zip(u[:4], (logs[0], slopes[0], bends[0], jerks[0]), strict=True))
    columns = {"L": logs, "a": slopes, "b": bends, "c": jerks}
    names = {kind: [x if x.is_number else formula_symbol(f"_{kind}{k}") for k, x in enumerate(column)]
             for kind, column in columns.items()}
    names["w"] = [formula_symbol(f"_w{k}") for k in n]
    columns["w"] = [sp.exp(log - u[0]) for log in names["L"]]
    derivatives = cumulants(names["w"], names["a"], names["b"], names["c"])
    bindings = [*zip(names["L"], logs, strict=True), (u[0], LogSumExp(*names["L"]))]
    for kind in ("w", "a", "b", "c"):
        bindings += [pair for pair in zip(names[kind], columns[kind], strict=True) if pair[0] != pair[1]]
    return [*bindings, *zip(u[1:4], derivatives, strict=True)]


def cumulants(
    weights: Sequence[sp.Expr], slopes: Sequence[sp.Expr], bends: Sequence[sp.Expr], jerks: Sequence[sp.Expr]
) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """First three field derivatives of log sum_k exp L_k, from the weights softmax(L) and L', L'', L'''.

    Written over pairs of terms, so that a variance w_k w_l (L'_k - L'_l)^2 keeps its digits when one weight is
    exponentially small.
    """
    n = len(weights)
    pairs = [(k, j) for k in range(n) for j in range(k)]
    first = sum(w * a for w, a in zip(weights, slopes, strict=True))
    second = sum(w * b for w, b in zip(weights, bends, strict=True))
    third = sum(w * c for w, c in zip(weights, jerks, strict=True))
    for k, j in pairs:
        both, gap = weights[k] * weights[j], slopes[k] - slopes[j]
        second += both * gap**2
        third += both * gap * (3 * (bends[k] - bends[j]) + gap * (slopes[k] + slopes[j] - 2 * first))
    return first, second, third
