"""Output channels y = phi(z + sqrt(input_noise) xi) + sqrt(noise) xi', phi piecewise linear.

A channel states its pieces; what they imply is in :mod:`spinodal.theory.channel_law`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from .channel_law import ChannelLaw, Piece
from .evidence import EvidenceMean
from .means import GaussianMean
from .parameters import Parametrised, formula_symbol, number, positive

__all__ = [
    "Abs", "Channel", "ChannelLaw", "Door", "HardTanh", "LeakyReLU", "Linear", "PiecewiseLinear", "Probit", "ReLU",
    "Sign",
]

_H = formula_symbol("h")


class Channel(Parametrised):
    """P(y | z).  Subclasses are frozen dataclasses that state `pieces`; all carry `noise` and `input_noise`.

    Numbers of the pieces are compared with each other, so they are rational or floating-point: ``exact=False``.
    """

    noise: Any
    input_noise: Any

    def _check(self, **checked: Any) -> None:
        """Store checked parameters (the dataclass is frozen), the two noises among them."""
        cure = "noise = 0 is the noiseless channel"
        checked |= {name: number(name, getattr(self, name), low=0.0, cure=cure) for name in ("noise", "input_noise")}
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __post_init__(self):
        self._check()

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """phi as (lower end, upper end, slope, intercept) from left to right."""
        raise NotImplementedError

    @property
    def law(self) -> ChannelLaw:
        """The scalar problem whose averages enter the free entropy."""
        pieces = sp.Tuple(*(sp.Tuple(*map(sp.sympify, piece)) for piece in self.pieces))
        return ChannelLaw(pieces, sp.sympify(self.noise), sp.sympify(self.input_noise))

    def log_partition(self, y: Any, w: Any, variance: Any) -> sp.Expr:
        """Return log Z(y; w, V) for a channel with noise; its w-derivative is g_out."""
        return self.law.log_partition(sp.sympify(y), sp.sympify(w), sp.sympify(variance))

    def average(self, moment: sp.Expr, variance: Any, known: Any) -> sp.Expr:
        """Return E moment(u_0, u_1, ...) over w ~ N(0, known), y ~ Z(y; w, variance)."""
        return EvidenceMean(moment, self.law, variance, known)

    def mean_output(self, w: sp.Expr, spread: sp.Expr, power: int = 1) -> sp.Expr:
        """E phi(h)^power, h ~ N(w, spread), in closed form."""
        return sp.Add(*(
            GaussianMean((c * _H + d) ** power, _H, w, spread, domain=(low, high)).doit()
            for low, high, c, d in self.pieces
        ))

    def mean_slope(self, spread: sp.Expr) -> sp.Expr:
        """E phi'(h) = E[h phi(h)]/spread, h ~ N(0, spread), in closed form; a jump counts as a slope."""
        total = sp.Add(*(
            GaussianMean(_H * (c * _H + d), _H, 0, spread, domain=(low, high)).doit()
            for low, high, c, d in self.pieces
        ))
        return sp.simplify(total / spread)

    @property
    def is_flat(self) -> bool:
        """True if y has atoms only: no noise, no sloped piece."""
        return self.noise == 0 and all(c == 0 for *_, c, _ in self.pieces)

    @property
    def has_jump(self) -> bool:
        """True if phi is discontinuous somewhere."""
        return any(sp.simplify((c - c2) * high + d - d2) != 0
                   for (_, high, c, d), (_, _, c2, d2) in itertools.pairwise(self.pieces))

    def output_second_moment(self, variance: sp.Expr) -> sp.Expr:
        """E y^2 for z ~ N(0, variance), in closed form."""
        return self.noise + self.mean_output(sp.S.Zero, variance + self.input_noise, power=2)

    @property
    def is_even(self) -> bool:
        """True if phi(-h) = phi(h): then y knows nothing of the sign of z, and overlap 0 is a fixed point."""
        mirrored = [(-high, -low, -c, d) for low, high, c, d in reversed(self.pieces)]
        return all(sp.simplify(a - b) == 0 if (a - b).is_finite is not False else a == b
                   for one, other in zip(mirrored, self.pieces, strict=True)
                   for a, b in zip(one, other, strict=True) if a != b)

    def continuous_probability(self, variance: sp.Expr) -> sp.Expr:
        """Probability that a noiseless y lies on a sloped piece, for z ~ N(0, variance)."""
        spread = variance + self.input_noise
        return sp.Add(*(
            GaussianMean(1, _H, 0, spread, domain=(low, high)).doit() for low, high, c, d in self.pieces if c != 0
        ))

    @property
    def reference_measure(self) -> str:
        """The measure against which P(y | z) is a density; the free entropy depends on it."""
        flat = sorted({d for *_, c, d in self.pieces if c == 0}, key=str)
        if self.noise != 0 or not flat:
            return "Lebesgue"
        if all(c == 0 for *_, c, _ in self.pieces):
            return "counting"
        return f"Lebesgue plus atoms at {', '.join(map(str, flat))}"


@dataclass(frozen=True)
class PiecewiseLinear(Channel):
    """phi(h) = slopes[k] h + intercepts[k] between breaks[k-1] and breaks[k].

    Parameters
    ----------
    breaks : increasing numbers, n of them
    slopes, intercepts : n + 1 numbers each
    noise, input_noise : variances
    """

    breaks: Sequence[Any]
    slopes: Sequence[Any] = field(kw_only=True)
    intercepts: Sequence[Any] = field(kw_only=True)
    noise: Any = field(default=0, kw_only=True)
    input_noise: Any = field(default=0, kw_only=True)

    def __post_init__(self):
        checked = {
            name: tuple(number(f"{name}[{k}]", x, exact=False) for k, x in enumerate(getattr(self, name)))
            for name in ("breaks", "slopes", "intercepts")
        }
        n = len(checked["breaks"])
        if len(checked["slopes"]) != n + 1 or len(checked["intercepts"]) != n + 1:
            raise ValueError(
                f"PiecewiseLinear got {n} breaks, {len(checked['slopes'])} slopes and {len(checked['intercepts'])} "
                f"intercepts: n breaks need n + 1 of each"
            )
        if any((b - a).is_positive is False for a, b in zip(checked["breaks"], checked["breaks"][1:], strict=False)):
            raise ValueError(f"breaks = {checked['breaks']}: give them in increasing order")
        if all(c == 0 for c in checked["slopes"]) and len(set(checked["intercepts"])) == 1:
            raise ValueError("PiecewiseLinear is constant: y says nothing of z; give it a slope or a step")
        self._check(**checked)

    @property
    def pieces(self):
        ends = (-sp.oo, *self.breaks, sp.oo)
        merged: list[Piece] = []
        for piece in zip(ends[:-1], ends[1:], self.slopes, self.intercepts, strict=True):
            if merged and merged[-1][2:] == piece[2:]:
                merged[-1] = (merged[-1][0], *piece[1:])
            else:
                merged.append(piece)
        return tuple(merged)


@dataclass(frozen=True)
class Linear(Channel):
    """phi(h) = h."""

    noise: Any = field(default=0, kw_only=True)
    input_noise: Any = field(default=0, kw_only=True)

    @property
    def pieces(self):
        return ((-sp.oo, sp.oo, sp.S.One, sp.S.Zero),)


@dataclass(frozen=True)
class Sign(Channel):
    """phi(h) = sign(h)."""

    noise: Any = field(default=0, kw_only=True)
    input_noise: Any = field(default=0, kw_only=True)

    @property
    def pieces(self):
        return ((-sp.oo, sp.S.Zero, sp.S.Zero, sp.S.NegativeOne), (sp.S.Zero, sp.oo, sp.S.Zero, sp.S.One))


def Probit(noise: Any) -> Sign:
    """y = sign(z + sqrt(noise) xi), the probit channel: ``Sign(input_noise=noise)``."""
    return Sign(input_noise=noise)


@dataclass(frozen=True)
class Abs(Channel):
    """phi(h) = |h|."""

    noise: Any = field(default=0, kw_only=True)
    input_noise: Any = field(default=0, kw_only=True)

    @property
    def pieces(self):
        return ((-sp.oo, sp.S.Zero, sp.S.NegativeOne, sp.S.Zero), (sp.S.Zero, sp.oo, sp.S.One, sp.S.Zero))


@dataclass(frozen=True)
class ReLU(Channel):
    """phi(h) = max(h, 0)."""

    noise: Any = field(default=0, kw_only=True)
    input_noise: Any = field(default=0, kw_only=True)

    @property
    def pieces(self):
        return ((-sp.oo, sp.S.Zero, sp.S.Zero, sp.S.Zero), (sp.S.Zero, sp.oo, sp.S.One, sp.S.Zero))


@dataclass(frozen=True)
class LeakyReLU(Channel):
    """phi(h) = h for h > 0, slope h for h < 0."""

    slope: Any
    noise: Any = field(default=0, kw_only=True)
    input_noise: Any = field(default=0, kw_only=True)

    def __post_init__(self):
        self._check(slope=number("slope", self.slope, exact=False))

    @property
    def pieces(self):
        if self.slope == 1:
            return Linear().pieces
        return ((-sp.oo, sp.S.Zero, self.slope, sp.S.Zero), (sp.S.Zero, sp.oo, sp.S.One, sp.S.Zero))


@dataclass(frozen=True)
class HardTanh(Channel):
    """phi(h) = h clipped to [-1, 1]."""

    noise: Any = field(default=0, kw_only=True)
    input_noise: Any = field(default=0, kw_only=True)

    @property
    def pieces(self):
        one = sp.S.One
        return ((-sp.oo, -one, sp.S.Zero, -one), (-one, one, one, sp.S.Zero), (one, sp.oo, sp.S.Zero, one))


@dataclass(frozen=True)
class Door(Channel):
    """phi(h) = sign(|h| - width), the symmetric door."""

    width: Any
    noise: Any = field(default=0, kw_only=True)
    input_noise: Any = field(default=0, kw_only=True)

    def __post_init__(self):
        self._check(width=positive("width", self.width, exact=False))

    @property
    def pieces(self):
        w, one = self.width, sp.S.One
        return ((-sp.oo, -w, sp.S.Zero, one), (-w, w, sp.S.Zero, -one), (w, sp.oo, sp.S.Zero, one))
