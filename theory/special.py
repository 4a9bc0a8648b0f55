"""Special functions that neither overflow nor cancel, closed under differentiation.

Raw ``exp``, ``cosh`` or ``log`` of a sum of exponentials never appear in an integrand; these do:

==========================  ===========================================  =========================
function                    meaning                                      derivative
==========================  ===========================================  =========================
``LogCosh(x)``              log cosh x                                   ``Tanh(x)``
``Tanh(x)``                 tanh x                                       exp(-2 log cosh x)
``TanhDeficit(x)``          1 - tanh x                                   -1/cosh^2 x
``SechSquared(x)``          1/cosh^2 x                                   -2 tanh x/cosh^2 x
``BinaryEntropy(x)``        log 2 cosh x - x tanh x                      -x/cosh^2 x
``PoleEntropy(y)``          y/(1 - y) + log(1 - y), y < 1                y/(1 - y)^2
``LogNdtr(x)``              log Phi(x), Phi the normal distribution      ``InverseMills(x)``
``InverseMills(x)``         phi(x)/Phi(x), phi the normal density        -r (x + r)
``LogInterval(a, b)``       log(Phi(b) - Phi(a)), a < b                  ``IntervalMills``
``IntervalMills(x, a, b)``  phi(x)/(Phi(b) - Phi(a))                     stays in the family
``LogSumExp(a, b, ...)``    log(exp a + exp b + ...)                     softmax averages
``Largest(a, b, ...)``      the largest of them                          1 for it, 0 for the others
``LeastOf(a, b, ...)``      the smallest of those that are numbers       none
==========================  ===========================================  =========================

Their NumPy and mpmath implementations are in ``spinodal.equations.functions``.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

__all__ = [
    "BinaryEntropy", "IntervalMills", "InverseMills", "Largest", "LeastOf", "LogCosh", "LogInterval", "LogNdtr",
    "LogSumExp", "OverlapPower", "PoleEntropy", "PosteriorFunction", "SechSquared", "Tanh", "TanhDeficit",
    "normal_density",
]


def normal_density(x: sp.Expr) -> sp.Expr:
    """Return the standard normal density at ``x``."""
    return sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)


class LogCosh(sp.Function):
    """log cosh x, linear in |x| far from 0 without overflow."""

    nargs = 1

    @classmethod
    def eval(cls, x):
        if x.is_zero:
            return sp.S.Zero
        if x.could_extract_minus_sign():
            return cls(-x)
        return None

    def fdiff(self, argindex=1):
        return Tanh(self.args[0])

    def _latex(self, printer, exp=None):
        return rf"\log\cosh\left({printer._print(self.args[0])}\right)" + (f"^{{{exp}}}" if exp else "")


class Tanh(sp.Function):
    """tanh x; its derivative 1/cosh^2 x = exp(-2 log cosh x) keeps its digits where tanh x is nearly 1."""

    nargs = 1

    @classmethod
    def eval(cls, x):
        if x.is_zero:
            return sp.S.Zero
        return -cls(-x) if x.could_extract_minus_sign() else None

    def fdiff(self, argindex=1):
        return sp.exp(-2 * LogCosh(self.args[0]))

    def _latex(self, printer, exp=None):
        return rf"\tanh{f'^{{{exp}}}' if exp else ''}\left({printer._print(self.args[0])}\right)"


class TanhDeficit(sp.Function):
    """1 - tanh x, to relative accuracy where tanh x is nearly 1."""

    nargs = 1

    def fdiff(self, argindex=1):
        return -SechSquared(self.args[0])

    def _latex(self, printer, exp=None):
        body = rf"1-\tanh\left({printer._print(self.args[0])}\right)"
        return rf"\left({body}\right)" + (f"^{{{exp}}}" if exp else "")


class SechSquared(sp.Function):
    """1/cosh^2 x, to relative accuracy however small."""

    nargs = 1

    @classmethod
    def eval(cls, x):
        if x.is_zero:
            return sp.S.One
        return cls(-x) if x.could_extract_minus_sign() else None

    def fdiff(self, argindex=1):
        return -2 * Tanh(self.args[0]) * self

    def _latex(self, printer, exp=None):
        power = printer._print(-2 * (sp.sympify(exp) if exp else 1))
        return rf"\cosh^{{{power}}}\left({printer._print(self.args[0])}\right)"


class BinaryEntropy(sp.Function):
    """log 2 cosh x - x tanh x: entropy in nats of a spin in the field x, to relative accuracy however small."""

    nargs = 1

    @classmethod
    def eval(cls, x):
        if x.is_zero:
            return sp.log(2)
        return cls(-x) if x.could_extract_minus_sign() else None

    def fdiff(self, argindex=1):
        return -self.args[0] * SechSquared(self.args[0])

    def _latex(self, printer, exp=None):
        return rf"S\left({printer._print(self.args[0])}\right)" + (f"^{{{exp}}}" if exp else "")


class PoleEntropy(sp.Function):
    """y/(1 - y) + log(1 - y) for y < 1, which begins as y^2/2, to relative accuracy near 0."""

    nargs = 1

    @classmethod
    def eval(cls, y):
        return sp.S.Zero if y.is_zero else None

    def fdiff(self, argindex=1):
        (y,) = self.args
        return y / (1 - y) ** 2

    def doit(self, **hints):
        (y,) = self.args
        return y / (1 - y) + sp.log(1 - y)

    def _latex(self, printer, exp=None):
        return printer._print(self.doit()) if exp is None else rf"\left({printer._print(self.doit())}\right)^{{{exp}}}"


class LogNdtr(sp.Function):
    """log Phi(x), Phi the standard normal distribution function."""

    nargs = 1

    @classmethod
    def eval(cls, x):
        if x is sp.oo:
            return sp.S.Zero
        if x is -sp.oo:
            return -sp.oo
        return -sp.log(2) if x.is_zero else None

    def fdiff(self, argindex=1):
        return InverseMills(self.args[0])

    def _latex(self, printer, exp=None):
        return rf"\log\Phi\left({printer._print(self.args[0])}\right)" + (f"^{{{exp}}}" if exp else "")


class InverseMills(sp.Function):
    """r(x) = phi(x)/Phi(x); r' = -r (x + r)."""

    nargs = 1

    @classmethod
    def eval(cls, x):
        if x is sp.oo:
            return sp.S.Zero
        return None

    def fdiff(self, argindex=1):
        (x,) = self.args
        return -self * (x + self)

    def _latex(self, printer, exp=None):
        return rf"r\left({printer._print(self.args[0])}\right)" + (f"^{{{exp}}}" if exp else "")


class LogInterval(sp.Function):
    """log of the normal probability of (a, b); half-lines reduce to ``LogNdtr``."""

    nargs = 2

    @classmethod
    def eval(cls, a, b):
        if a is -sp.oo:
            return LogNdtr(b)
        if b is sp.oo:
            return LogNdtr(-a)
        return None

    def fdiff(self, argindex=1):
        a, b = self.args
        return -IntervalMills(a, a, b) if argindex == 1 else IntervalMills(b, a, b)

    def _latex(self, printer, exp=None):
        a, b = (printer._print(x) for x in self.args)
        return rf"\log\left[\Phi\left({b}\right)-\Phi\left({a}\right)\right]" + (f"^{{{exp}}}" if exp else "")


class IntervalMills(sp.Function):
    """phi(x)/(Phi(b) - Phi(a)), for x = a or x = b; exponents are combined before they are taken."""

    nargs = 3

    def fdiff(self, argindex=1):
        x, a, b = self.args
        if argindex == 1:
            return -x * self
        return self * IntervalMills(a, a, b) if argindex == 2 else -self * IntervalMills(b, a, b)

    def _latex(self, printer, exp=None):
        x, a, b = (printer._print(x) for x in self.args)
        body = rf"\frac{{\phi({x})}}{{\Phi({b})-\Phi({a})}}"
        return rf"\left({body}\right)^{{{exp}}}" if exp else body


class PosteriorFunction(sp.Function):
    """Cumulant of x given a Gaussian observation, for a law known by its density alone.

    Arguments: order n (0: log evidence, see ``theory.priors.DensityLaw``), precision A, B/sqrt(A), and landmarks
    whose zeros mark where it varies.  Subclasses carry the `distribution` and its `kinks`.
    """

    distribution: Any = None
    kinks: tuple[float, ...] = ()


class LogSumExp(sp.Function):
    """log sum_k exp(a_k); one term is that term."""

    @classmethod
    def eval(cls, *terms):
        kept = [term for term in terms if term is not -sp.oo]
        if len(kept) == 1:
            return kept[0]
        if len(kept) < len(terms):
            return cls(*kept)
        return None

    def fdiff(self, argindex=1):
        return self.softmax(argindex - 1)

    def softmax(self, k: int) -> sp.Expr:
        """Return the weight exp(a_k - log sum exp a) of term ``k`` (counted from 0)."""
        return sp.exp(self.args[k] - self)

    def _latex(self, printer, exp=None):
        body = "+".join(rf"e^{{{printer._print(x)}}}" for x in self.args)
        return rf"\log\left[{body}\right]" + (f"^{{{exp}}}" if exp else "")


class OverlapPower(sp.Function):
    """m^n as a function of the mse V, where m + V is constant: m is given apart, so that it is no difference.

    ``OverlapPower(n, V, m)``; its derivative by V is -n m^(n-1), that by m is none of its own.
    """

    nargs = 3

    @classmethod
    def eval(cls, n, V, m):
        return sp.S.One if n == 0 else None

    def fdiff(self, argindex=1):
        n, V, m = self.args
        if argindex == 1:
            raise ValueError(f"n = {n}: the order is a number, not a variable")
        return -n * OverlapPower(n - 1, V, m) if argindex == 2 else sp.S.Zero

    def doit(self, **hints):
        n, _, m = self.args
        return m**n

    def _latex(self, printer, exp=None):
        return printer._print(self.doit() if exp is None else self.doit() ** exp)


class LeastOf(sp.Function):
    """The smallest of several numbers that are known; one of a state that does not exist is none, and passed over."""

    def _latex(self, printer, exp=None):
        body = rf"\min\left({', '.join(map(printer._print, self.args))}\right)"
        return rf"{body}^{{{exp}}}" if exp else body


class Largest(sp.Function):
    """The largest of several numbers; unlike ``Max`` it does not try to find out which while they are symbols."""

    @classmethod
    def eval(cls, *terms):
        return sp.Max(*terms) if all(term.is_Number for term in terms) else None

    def fdiff(self, argindex=1):
        terms = list(self.args)
        term = terms.pop(argindex - 1)
        return sp.Piecewise((1, sp.And(*(term >= other for other in terms))), (0, True))

    def _latex(self, printer, exp=None):
        body = rf"\max\left({', '.join(map(printer._print, self.args))}\right)"
        return rf"{body}^{{{exp}}}" if exp else body
