r"""Averages of a spin in a Gaussian field at temperature tau, regular at tau = 0.

With h ~ N(mean, variance) and f_p(h) = cosh(h/tau)^(-2p)/tau, a peak of width tau that tends to c_p delta(h),
c_1 = 2, c_2 = 4/3,

=================================  ================================  =======================================
average                            meaning                           at tau = 0
=================================  ================================  =======================================
``ThermalAbs``                     E tau log 2 cosh(h/tau)           E abs h
``ThermalSign``                    E tanh(h/tau)                     E sign h
``ThermalDeficit(p)``              E (1 - tanh(h/tau))^p, p = 1, 2   p E (1 - sign h)
``ThermalPeak(weight, p)``         E weight(h) f_p(h)                c_p weight(0) N(0; mean, variance)
``ThermalEntropy``                 entropy of the spin, in nats      0
=================================  ================================  =======================================

The family is closed under differentiation.  A derivative of a peak by the law of the field falls on the density of
the law, one by tau is an integration by parts,

.. math:: \partial_\mu E w f = E\Big[\frac{h-\mu}{v} w f\Big],\quad
   \partial_v E w f = \tfrac12 E\Big[\Big(\frac{(h-\mu)^2}{v^2} - \frac1v\Big) w f\Big],\quad
   \tau\,\partial_\tau E w f = E\Big[h\Big(w' - \frac{h-\mu}{v} w\Big) f\Big],

so that nothing but the peak itself is integrated and no digit is lost however low the temperature.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from .means import GaussianMean, WrittenMean
from .parameters import formula_symbol
from .special import BinaryEntropy, LogCosh, SechSquared, Tanh, TanhDeficit, normal_density

__all__ = [
    "ThermalAbs", "ThermalDeficit", "ThermalEntropy", "ThermalMean", "ThermalPeak", "ThermalSign", "spin_in_field",
]

_h = formula_symbol("h")


class ThermalMean(WrittenMean):
    """An average over h ~ N(mean, variance) of a function of h/tau; arguments (mean, variance, tau)."""

    def __new__(cls, *args: Any):
        return super().__new__(cls, *map(sp.sympify, args))

    mean = property(lambda self: self.args[-3])
    variance = property(lambda self: self.args[-2])
    tau = property(lambda self: self.args[-1])

    def _average(self, f: sp.Expr) -> sp.Expr:
        return GaussianMean(f, _h, self.mean, self.variance)

    def _latex(self, printer):
        return printer._print(self._average(self._integrand()))

    def _sympystr(self, printer):
        return printer._print(self._average(self._integrand()))

    def _integrand(self) -> sp.Expr:
        """What is averaged, as it is written."""
        raise NotImplementedError

    def _eval_derivative(self, t):
        by_mean, by_variance, by_tau = self._slopes()
        return self.mean.diff(t) * by_mean + self.variance.diff(t) * by_variance + self.tau.diff(t) * by_tau

    def _slopes(self) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
        """Derivatives by mean, variance and tau."""
        raise NotImplementedError(f"{type(self).__name__} is not differentiated by anything")


class ThermalAbs(ThermalMean):
    """E tau log 2 cosh(h/tau); E abs h at tau = 0."""

    def _integrand(self):
        return self.tau * (sp.log(2) + LogCosh(_h / self.tau)) if self.tau != 0 else sp.Abs(_h)

    def doit(self, **hints):
        if self.tau != 0:
            return self.tau * (sp.log(2) + self._average(LogCosh(_h / self.tau)))
        width = sp.sqrt(self.variance)
        ratio = self.mean / width
        return 2 * width * normal_density(ratio) + self.mean * sp.erf(ratio / sp.sqrt(2))

    def _slopes(self):
        law = (self.mean, self.variance, self.tau)
        return ThermalSign(*law), ThermalPeak(1, 1, *law) / 2, ThermalEntropy(*law)


class ThermalSign(ThermalMean):
    """E tanh(h/tau); E sign h at tau = 0."""

    def __new__(cls, mean: Any, variance: Any, tau: Any):
        return sp.S.Zero if mean == 0 else super().__new__(cls, mean, variance, tau)

    def _integrand(self):
        return Tanh(_h / self.tau) if self.tau != 0 else sp.sign(_h)

    def doit(self, **hints):
        if self.tau == 0:
            return sp.erf(self.mean / sp.sqrt(2 * self.variance))
        return self._average(Tanh(_h / self.tau))

    def _slopes(self):
        law = (self.mean, self.variance, self.tau)
        score = (_h - self.mean) / self.variance
        by_tau = -ThermalPeak(_h, 1, *law) / self.tau if self.tau != 0 else sp.S.Zero
        return ThermalPeak(1, 1, *law), ThermalPeak(score, 1, *law) / 2, by_tau


class ThermalDeficit(ThermalMean):
    """E (1 - tanh(h/tau))^p for p = 1 or 2, what is lacking in E tanh; arguments (p, mean, variance, tau)."""

    power = property(lambda self: self.args[0])

    def _integrand(self):
        return (TanhDeficit(_h / self.tau) if self.tau != 0 else 1 - sp.sign(_h)) ** self.power

    def doit(self, **hints):
        if self.tau == 0:
            return self.power * sp.erfc(self.mean / sp.sqrt(2 * self.variance))
        return self._average(self._integrand())

    def _eval_derivative(self, t):
        law = (self.mean, self.variance, self.tau)
        change = -ThermalSign(*law).diff(t)
        if self.power == 1:
            return change
        return 2 * change - (self.tau * ThermalPeak(1, 1, *law)).diff(t)  # (1 - tanh)^2 = 2 (1 - tanh) - 1/cosh^2


class ThermalPeak(ThermalMean):
    """E weight(h) cosh(h/tau)^(-2p)/tau; arguments (weight, p, mean, variance, tau), weight a polynomial in h."""

    def __new__(cls, weight: Any, power: Any, mean: Any, variance: Any, tau: Any):
        return sp.S.Zero if weight == 0 else super().__new__(cls, weight, power, mean, variance, tau)

    weight = property(lambda self: self.args[0])
    power = property(lambda self: self.args[1])

    @property
    def free_symbols(self):
        return super().free_symbols - {_h}

    def _integrand(self):
        return self.weight * SechSquared(_h / self.tau) ** self.power / self.tau if self.tau != 0 else (
            self._mass * self.weight * sp.DiracDelta(_h))

    @property
    def _mass(self) -> sp.Expr:
        """Integral of cosh(x)^(-2p)."""
        return sp.sqrt(sp.pi) * sp.gamma(self.power) / sp.gamma(self.power + sp.Rational(1, 2))

    def doit(self, **hints):
        if self.tau != 0:
            return self._average(self._integrand())
        width = sp.sqrt(self.variance)
        return self._mass * self.weight.subs(_h, 0) * normal_density(self.mean / width) / width

    def _eval_derivative(self, t):
        law = (self.power, self.mean, self.variance, self.tau)
        return ThermalPeak(self.weight.diff(t), *law) + super()._eval_derivative(t)

    def _slopes(self):
        law = (self.power, self.mean, self.variance, self.tau)
        score = (_h - self.mean) / self.variance
        moved = _h * (self.weight.diff(_h) - score * self.weight)
        by_tau = ThermalPeak(moved, *law) / self.tau if self.tau != 0 else sp.S.Zero
        return (ThermalPeak(score * self.weight, *law),
                ThermalPeak((score**2 - 1 / self.variance) * self.weight, *law) / 2, by_tau)


class ThermalEntropy(ThermalMean):
    """E of the entropy log 2 cosh x - x tanh x of a spin with x = h/tau, in nats."""

    def _integrand(self):
        return BinaryEntropy(_h / self.tau) if self.tau != 0 else sp.S.Zero

    def doit(self, **hints):
        return self._average(BinaryEntropy(_h / self.tau)) if self.tau != 0 else sp.S.Zero


def spin_in_field(mean: sp.Expr, variance: sp.Expr, tau: sp.Expr) -> dict[str, sp.Expr]:
    """Averages of a spin in the field h ~ N(mean, variance) at temperature tau.

    Returns
    -------
    dict
        ``magnetisation`` E tanh x, ``susceptibility`` E cosh(x)^-2/tau, ``quartic`` E cosh(x)^-4/tau, ``entropy`` and
        ``free_energy`` -E tau log 2 cosh x, with x = h/tau.  A field without variance is a number.
    """
    if variance != 0:
        law = (mean, variance, tau)
        return {
            "magnetisation": ThermalSign(*law), "susceptibility": ThermalPeak(1, 1, *law),
            "quartic": ThermalPeak(1, 2, *law), "entropy": ThermalEntropy(*law), "free_energy": -ThermalAbs(*law),
        }
    if tau == 0:  # nothing is left to chance; the strength in mean is a positive symbol
        side = sp.sign(mean.subs(dict.fromkeys(mean.free_symbols, 1)))
        return {"magnetisation": side, "susceptibility": sp.S.Zero, "quartic": sp.S.Zero, "entropy": sp.S.Zero,
                "free_energy": -side * mean}
    x = mean / tau
    return {
        "magnetisation": Tanh(x), "susceptibility": SechSquared(x) / tau, "quartic": SechSquared(x) ** 2 / tau,
        "entropy": BinaryEntropy(x), "free_energy": -tau * (sp.log(2) + LogCosh(x)),
    }
