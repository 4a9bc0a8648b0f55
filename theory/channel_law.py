r"""Evidence of a channel y = phi(z + sqrt(input_noise) xi) + sqrt(noise) xi', phi piecewise linear.

With h = z + sqrt(input_noise) xi ~ N(w, T), T = V + input_noise, the partition function is

.. math:: Z(y; w, V) = \int dh\, N(h; w, T)\, N(y; \phi(h), \Delta) .

* noise Delta > 0: every piece phi = c h + d on (l, r) gives a Gaussian in y times a normal interval probability,
  N(y; c w + d, Delta + c^2 T) P(l < h < r | y, w), h | y, w ~ N(mu, s^2) the Gaussian posterior of that piece
  (for c = 0 the prior, N(w, T)): log Z is one LogSumExp, and y has a density (reference measure: Lebesgue).
* Delta = 0: flat pieces give atoms of y (counting measure at their values), the others a density (Lebesgue
  measure), a sum over the preimages of y.

E over the evidence: w ~ N(0, m), then y ~ Z(y; w, V).  The free entropy depends on the reference measure of y;
overlaps and thresholds do not.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import sympy as sp

from .evidence import Law, bind_log_sum, u
from .means import GaussianMean, Let
from .parameters import formula_symbol
from .special import LogInterval, LogSumExp

__all__ = ["ChannelLaw", "Piece"]

Piece = tuple[sp.Expr, sp.Expr, sp.Expr, sp.Expr]  #: (lower end, upper end, slope c, intercept d)
_W, _H, _Y = map(formula_symbol, ("omega", "h", "y"))
_E, _T, _DELTA = map(formula_symbol, ("_e", "_T", "_Delta"))
_HALF_LOG_2PI = sp.log(2 * sp.pi) / 2
_ROUNDING = 1e-12  # distance of ends of images that are meant to be equal


class ChannelLaw(Law):
    """Evidence of a piecewise-linear channel; ``args`` are the pieces, the noise and the input noise."""

    direction = 1
    symbol = "y"

    pieces = property(lambda self: self.args[0])
    noise = property(lambda self: self.args[1])
    input_noise = property(lambda self: self.args[2])

    @property
    def ordered(self) -> bool:
        """True if the numbers of the pieces decide which preimages y has, so that they must stay numbers."""
        return self.noise.is_zero and any(slope != 0 for *_, slope, _ in self.pieces)

    def average(self, moment, *times):
        variance, known = times
        spread = variance + self.input_noise
        if self.noise.is_zero:
            return self._noiseless(moment, spread, known)
        local = [(_T, spread), (_DELTA, self.noise)]
        symbolic = ChannelLaw(self.pieces, _DELTA, 0)
        terms, laws = [], []
        for piece in self.pieces:
            log_density, log_inside, _ = symbolic._noisy_piece(piece, _Y, _W, _T)
            terms.append(log_density + log_inside)
            _, log_inside, law = self._noisy_piece(piece, _Y, _W, spread)
            laws.append((sp.exp(log_inside), *law))
        inner = GaussianMean(_moment(moment, terms, _W, local), _Y, components=laws)
        return GaussianMean(inner, _W, 0, known)

    def _noisy_piece(self, piece, y, w, spread):
        """log N(y; c w + d, Delta + c^2 T), log P(l < h < r | y, w), and (mean, variance) of y."""
        low, high, slope, intercept = piece
        total = self.noise + slope**2 * spread
        mean = slope * w + intercept
        centre = (w * self.noise + slope * spread * (y - intercept)) / total if slope != 0 else w
        width = sp.sqrt(spread * self.noise / total if slope != 0 else spread)
        log_density = -((y - mean) ** 2) / (2 * total) - sp.log(total) / 2 - _HALF_LOG_2PI
        return log_density, _log_inside(low, high, centre, width), (mean, total)

    def log_partition(self, y: sp.Expr, w: sp.Expr, variance: sp.Expr) -> sp.Expr:
        """Return log Z(y; w, V) of a channel with noise, by its pieces."""
        spread = variance + self.input_noise
        return LogSumExp(*(sum(self._noisy_piece(piece, y, w, spread)[:2]) for piece in self.pieces))

    def _noiseless(self, moment: sp.Expr, spread: sp.Expr, known: sp.Expr) -> sp.Expr:
        local = [(_T, spread)]
        total = sp.S.Zero
        for multiplicity, terms in _up_to_reflection(list(self.atom_terms(_W, _T).values())):
            integrand = _moment(moment, terms, _W, local, weight=multiplicity * sp.exp(u[0]))
            total += GaussianMean(integrand, _W, 0, known)
        prior = known + spread
        for (low, high), terms in _merged(self._preimages(_H, _H - _E, _T)):
            # the field w = h - e enters by its deviation e | h ~ N(h T/R, m T/R), small with T
            integrand = _moment(moment, terms, -_E, local)
            inner = GaussianMean(integrand, _E, _H * spread / prior, known * spread / prior)
            total += GaussianMean(inner, _H, 0, prior, domain=(low, high))
        return total

    def atom_terms(self, w: sp.Expr, spread: sp.Expr) -> dict[sp.Expr, list[sp.Expr]]:
        """Without noise: for every atom of y, the logarithms of the probabilities of its pieces."""
        atoms: dict[sp.Expr, list[sp.Expr]] = {}
        for low, high, slope, intercept in self.pieces:
            if slope == 0:
                atoms.setdefault(intercept, []).append(_log_inside(low, high, w, sp.sqrt(spread)))
        return atoms

    def density_terms(self, y: sp.Expr, w: sp.Expr, spread: sp.Expr) -> list[tuple[Piece, sp.Expr]]:
        """Without noise: for every sloped piece, the log density that it gives to y in its image."""
        return [
            (piece, self._log_preimage((y - piece[3]) / piece[2], piece[2], w, spread))
            for piece in self.pieces if piece[2] != 0
        ]

    @staticmethod
    def _log_preimage(h: sp.Expr, slope: sp.Expr, w: sp.Expr, spread: sp.Expr) -> sp.Expr:
        return -((h - w) ** 2) / (2 * spread) - sp.log(spread) / 2 - _HALF_LOG_2PI - sp.log(abs(slope))

    def _preimages(self, h: sp.Expr, w: sp.Expr, spread: sp.Expr) -> list[tuple[sp.Expr, sp.Expr, list[sp.Expr]]]:
        """Split every sloped piece where the set of preimages of y = phi(h) changes.

        Returns (lower end, upper end, logarithms of the densities that the preimages of phi(h) contribute).
        """
        sloped = [piece for piece in self.pieces if piece[2] != 0]
        images = [tuple(sorted((c * low + d, c * high + d))) for low, high, c, d in sloped]
        edges: list[sp.Expr] = []
        for end in sorted({end for image in images for end in image}):
            # ends that differ by rounding are one
            if not edges or not end.is_finite or not edges[-1].is_finite or abs(end - edges[-1]) > _ROUNDING:
                edges.append(end)
        parts = []
        for left, right in itertools.pairwise(edges):
            inside = _between(left, right)
            members = [piece for piece, image in zip(sloped, images, strict=True) if image[0] < inside < image[1]]
            for _, _, c, d in members:
                low, high = sorted(((left - d) / c, (right - d) / c))
                terms = [self._log_preimage(sp.expand((c * h + d - d2) / c2), c2, w, spread)
                         for _, _, c2, d2 in members]
                parts.append((low, high, terms))
        return parts


def _between(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """A point inside an interval whose ends may be infinite."""
    if left.is_finite and right.is_finite:
        return (left + right) / 2
    return right - 1 if right.is_finite else left + 1 if left.is_finite else sp.S.Zero


def _log_inside(low: sp.Expr, high: sp.Expr, centre: sp.Expr, width: sp.Expr) -> sp.Expr:
    """log P(low < h < high), h ~ N(centre, width^2)."""
    if low is -sp.oo and high is sp.oo:
        return sp.S.Zero
    return LogInterval(*((end - centre) / width if end.is_finite else end for end in (low, high)))


def _moment(moment: sp.Expr, terms: Sequence[sp.Expr], field_: sp.Expr, local: list[tuple[sp.Symbol, sp.Expr]],
            weight: sp.Expr = sp.S.One) -> sp.Expr:
    """Write u_0 ... u_3 of log sum exp(terms), derivatives by the field w, into a moment.

    `field_` is w, or -e where the terms are written in e = h - w.
    """
    symbol, sign = (field_, 1) if isinstance(field_, sp.Symbol) else (-field_, -1)
    slopes = [sign * term.diff(symbol) for term in terms]
    bends = [sign * slope.diff(symbol) for slope in slopes]
    jerks = [sign * bend.diff(symbol) for bend in bends]
    bindings = bind_log_sum(terms, slopes, bends, jerks)
    if len(terms) == 1 and terms[0].is_polynomial(symbol):
        return (weight * moment).subs(dict(bindings)).subs(dict(local))
    return Let(weight * moment, local + bindings)


def _up_to_reflection(atoms: list[list[sp.Expr]]) -> list[tuple[int, list[sp.Expr]]]:
    """Atoms of y whose probabilities are mirror images in w give equal averages: keep one, with its multiplicity."""
    kept: list[tuple[int, list[sp.Expr]]] = []
    for terms in atoms:
        mirrored = {term.subs(_W, -_W) for term in terms}
        for k, (multiplicity, others) in enumerate(kept):
            if mirrored == set(others):
                kept[k] = (multiplicity + 1, others)
                break
        else:
            kept.append((1, terms))
    return kept


def _merged(parts):
    """Join neighbouring intervals whose preimages contribute the same density (|z|: the whole line)."""
    joined: list[tuple[sp.Expr, sp.Expr, list[sp.Expr]]] = []
    for low, high, terms in sorted(parts, key=lambda part: part[:1]):
        if joined and joined[-1][1] == low and set(joined[-1][2]) == set(terms):
            joined[-1] = (joined[-1][0], high, terms)
        else:
            joined.append((low, high, terms))
    return [((low, high), terms) for low, high, terms in joined]
