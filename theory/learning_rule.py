"""What a network of associative memory stores, and how: features with gains, and the law of those that are condensed.

``theory.hopfield`` says what each of them is and does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from .parameters import formula_symbol

__all__ = ["Delta_0", "LearningRule"]

alpha, Delta_0 = formula_symbol("alpha"), formula_symbol("_Delta_0")


@dataclass(frozen=True, kw_only=True)
class LearningRule:
    """Couplings (1 + t) J_0/(1 + t J_0), J_0 the sum over features of gain g; parameters as of ``Hopfield``."""

    dreaming: Any
    examples: Any
    quality: Any
    dataset_entropy: Any
    supervised: bool
    condensed: int

    @cached_property
    def k(self) -> sp.Expr:
        """t/(1 + t)."""
        return sp.S.One if self.dreaming == sp.oo else self.dreaming / (1 + self.dreaming)

    @cached_property
    def epsilon(self) -> sp.Expr:
        """1/(1 + t)."""
        return sp.S.Zero if self.dreaming == sp.oo else 1 / (1 + self.dreaming)

    @cached_property
    def signal(self) -> tuple[tuple[sp.Expr, sp.Expr, sp.Expr], ...]:
        """Law of S where the archetype is +1: (weight, mean, variance) of its normal parts."""
        n = int(self.condensed)
        if n > 1:  # the sign of S is that of z: one half of the binomial law is enough
            half = [(sp.binomial(n, j) / sp.Integer(2) ** (n - 1), n - 2 * j) for j in range((n + 1) // 2)]
            middle = [(sp.binomial(n, n // 2) / sp.Integer(2) ** n, 0)] if n % 2 == 0 else []
            return tuple((weight, sp.Integer(total), sp.S.Zero) for weight, total in half + middle)
        if self.examples is not None:
            count, good = int(self.examples), (1 + self.quality) / 2
            unit = count * sp.sqrt(self.second_moment)
            ups = range(count + 1) if good != 1 else [count]  # how many of an archetype's examples agree with it
            return tuple((sp.binomial(count, j) * good**j * (1 - good) ** (count - j), (2 * j - count) / unit,
                          sp.S.Zero) for j in ups)
        rho = self.dataset_entropy
        return ((sp.S.One, 1 / sp.sqrt(1 + rho), rho / (1 + rho)),)

    @property
    def plain(self) -> bool:
        """Whether one pattern is condensed as it is."""
        return bool(self.signal == ((1, 1, 0),))

    @property
    def second_moment(self) -> sp.Expr:
        """R = E etabar^2."""
        return self.quality**2 + (1 - self.quality**2) / self.examples

    @cached_property
    def modes(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
        """(features per spin over alpha, gain)."""
        if self.supervised or self.examples == 1 or self.quality == 1:
            return ((sp.S.One, sp.S.One),)
        gain = (1 - self.quality**2) / (self.examples * self.second_moment)
        return ((sp.S.One, sp.S.One), (sp.Integer(self.examples) - 1, gain))

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr] | None:
        """M R, and the gain of features that tell examples of one archetype apart; None if the rule has none."""
        if len(self.modes) == 1:
            return None
        return self.examples * self.second_moment, self.modes[1][1]

    @cached_property
    def delta_0(self) -> sp.Expr:
        """Delta_0, the positive root of its equation; an unknown of its own if features have two gains."""
        k, epsilon = self.k, self.epsilon
        if k == 0:
            return sp.S.One
        if len(self.modes) > 1:
            return Delta_0
        b = 1 - k * alpha
        return 1 + 2 * k * alpha / (b + sp.sqrt(b**2 + 4 * epsilon * k * alpha))

    @property
    def trace(self) -> sp.Expr:
        """tr J/N."""
        return sum(alpha * a * g / (self.epsilon * self.delta_0 + self.k * g) for a, g in self.modes)

    @property
    def log_determinant(self) -> sp.Expr:
        """ln det(1 + t J_0)/N."""
        d = self.delta_0
        if self.k == 0:
            return sp.S.Zero
        return sp.log(d) + 1 / d - 1 + sum(alpha * a * sp.log(1 + self.dreaming * g / d) for a, g in self.modes)
