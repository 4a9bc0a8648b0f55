r"""One layer of a network of random weights: v = phi(h + sqrt(input_noise) xi) + sqrt(noise) xi', phi piecewise linear.

The layer stands between what is known of its input, h ~ N(w, V) with w ~ N(0, m), and a Gaussian observation of its
output at precision A.  It is the channel y = v + xi/sqrt(A) of :mod:`spinodal.theory.channel_law`, and at the same
time the prior of v, with the log-partition

.. math:: L(B, w) = \ln \int dh\, N(h; w, V) \int dv\, P(v|h)\, e^{B v - A v^2/2}, \qquad B = A y .

Its derivatives by both fields, kappa_{B..w..}, are cumulants: f = L_B is the posterior mean of v, L_BB its variance,
g = L_w the channel's score.  Averages over w and B under the law that the layer implies:

======================  ==============================================================
``log_partition``       E L
``information``         I(v; B | w) = A rho/2 - E L, nats
``overlap``, ``mmse``   E L_B^2 and E L_BB, which add up to rho = E v^2
``gain``                E L_w^2
``response_AA`` ...     E L_BB^2, E L_Bw^2, E L_ww^2
``bend_AAA`` ...        E[L_BBB^2 - 2 L_BB^3], E[L_BBw^2 - 2 L_BB L_Bw^2],
                        E[L_Bww^2 - 2 L_ww L_Bw^2], E[L_www^2 - 2 L_ww^3]
======================  ==============================================================

Since d_A e^L = -1/2 d_B^2 e^L and d_V e^L = +1/2 d_w^2 e^L, at fixed m + V every derivative is one of them again:
for each pair x, y of fields

.. math:: \frac{d}{dA} E\kappa_{xy}^2 = E[\kappa_{Bxy}^2 - 2 \kappa_{xy}\kappa_{Bx}\kappa_{By}], \qquad
          \frac{d}{dV} E\kappa_{xy}^2 = -E[\kappa_{wxy}^2 - 2 \kappa_{xy}\kappa_{wx}\kappa_{wy}],

dI/dA = mmse/2, dI/dV = gain/2, d mmse/dA = -E L_BB^2, d mmse/dV = d gain/dA = E L_Bw^2, d gain/dV = -E L_ww^2.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from .channel_law import ChannelLaw
from .means import GaussianMean, Let, WrittenMean
from .parameters import formula_symbol
from .special import Largest, LogInterval, LogSumExp

__all__ = ["LayerLaw", "LayerMean"]

_W, _Y, _MU = map(formula_symbol, ("omega", "y", "_mu"))
_A, _T, _N = map(formula_symbol, ("_A", "_T", "_N"))
_TENSORS = ("B", "w", "BB", "Bw", "ww", "BBB", "BBw", "Bww", "www")
_KAPPA = {index: formula_symbol(f"_kappa_{index}") for index in _TENSORS}
_LOG = formula_symbol("_log")  # log[sqrt(2 pi/A) p(y | w)]


_NOTHING = 690  # e^-690 is next to the smallest double


def _k(index: str) -> sp.Symbol:
    return _KAPPA[index]


#: what is averaged, by name (`log_partition` is the information in another reference, see `LayerMean.doit`)
_MOMENTS: Mapping[str, sp.Expr] = {
    "information": -_LOG - sp.Rational(1, 2),
    "overlap": _k("B") ** 2, "mmse": _k("BB"), "gain": _k("w") ** 2,
    "response_AA": _k("BB") ** 2, "response_AV": _k("Bw") ** 2, "response_VV": _k("ww") ** 2,
    "bend_AAA": _k("BBB") ** 2 - 2 * _k("BB") ** 3,
    "bend_AAV": _k("BBw") ** 2 - 2 * _k("BB") * _k("Bw") ** 2,
    "bend_AVV": _k("Bww") ** 2 - 2 * _k("ww") * _k("Bw") ** 2,
    "bend_VVV": _k("www") ** 2 - 2 * _k("ww") ** 3,
}
_HALF = sp.Rational(1, 2)
#: derivatives by A and by V (at fixed m + V): factor and name
_DERIVATIVES: Mapping[str, tuple[tuple[sp.Expr, str], tuple[sp.Expr, str]]] = {
    "log_partition": ((_HALF, "overlap"), (-_HALF, "gain")),
    "information": ((_HALF, "mmse"), (_HALF, "gain")),
    "overlap": ((sp.S.One, "response_AA"), (-sp.S.One, "response_AV")),
    "mmse": ((-sp.S.One, "response_AA"), (sp.S.One, "response_AV")),
    "gain": ((sp.S.One, "response_AV"), (-sp.S.One, "response_VV")),
    "response_AA": ((sp.S.One, "bend_AAA"), (-sp.S.One, "bend_AAV")),
    "response_AV": ((sp.S.One, "bend_AAV"), (-sp.S.One, "bend_AVV")),
    "response_VV": ((sp.S.One, "bend_AVV"), (-sp.S.One, "bend_VVV")),
}


class LayerLaw(ChannelLaw):
    """A layer as the law of its output.

    ``args`` are the pieces, the noise and the input noise; and, where formulas are to be read, the layer's number.
    """

    ordered = False  # seen through Gaussian noise, pieces are added, not compared

    @property
    def symbol(self) -> str:  # type: ignore[override]
        """What formulas call the layer."""
        return "".join(f"{number}" for number in self.args[3:])

    @property
    def is_linear(self) -> bool:
        """True if all averages are rational functions."""
        return len(self.pieces) == 1

    def _terms(self, precision: sp.Expr, noise: sp.Expr, spread: sp.Expr) -> dict[str, list[sp.Expr]]:
        """By piece: log[sqrt(2 pi/A) p(y, piece | w)], and the derivatives by B and w of its log-partition."""
        found: dict[str, list[sp.Expr]] = {index: [] for index in ("", *_TENSORS)}
        for low, high, c, d in self.pieces:
            total = noise + c**2 * spread  # variance of y around c w + d; of v: that less 1/A
            own = self.noise + c**2 * spread
            shift = c * spread / total
            centre = _W + shift * (_Y - c * _W - d)  # the mean of h given y and w
            width = sp.sqrt(spread * noise / total)
            unbounded = low is -sp.oo and high is sp.oo
            inside = sp.S.Zero if unbounded else LogInterval(
                *((end - _MU) / width if end.is_finite else end for end in (low, high)))
            rates = [inside.diff(_MU, n).subs(_MU, centre) for n in (1, 2, 3)]
            by = {"B": shift / precision, "w": noise / total}  # derivatives of that mean
            gauss = {
                "B": (precision * own * _Y + c * _W + d) / (1 + precision * own), "w": c * (_Y - c * _W - d) / total,
                "BB": own / (1 + precision * own), "Bw": c / (precision * total), "ww": -c**2 / total,
            }
            found[""].append(-((_Y - c * _W - d) ** 2) / (2 * total) - sp.log(precision * total) / 2
                             + inside.subs(_MU, centre))
            for index in _TENSORS:
                found[index].append(gauss.get(index, sp.S.Zero)
                                    + rates[len(index) - 1] * sp.Mul(*(by[x] for x in index)))
        return found

    def averages(self, name: str, precision: sp.Expr, variance: sp.Expr, known: sp.Expr) -> sp.Expr:
        """Return an average as nested Gaussian averages.

        Far from the ends of the pieces, in units of sqrt(T), T the variance of h around w, the layer is one linear
        function, for which the average over y is a number.  Those numbers, weighted by the probabilities of the
        pieces, are a closed form; what is left of the integrand lives within some sqrt(T) of an end, and its average
        over w is taken there: over laws like N(w; 0, m) N(w; end, T), weighted to the law that w has.
        """
        spread, noise = variance + self.input_noise, self.noise + 1 / precision
        whole, scale = known + spread, sp.sqrt(known + spread)
        limits = [self._limit(name, c, precision, spread) for *_, c, _ in self.pieces]
        total = sp.Add(*(
            limit * _probability(low, high, sp.S.Zero, scale)
            for limit, (low, high, *_) in zip(limits, self.pieces, strict=True)
        ))
        mean = self.mean_output(_W, spread)
        if name == "overlap":  # E f^2 = E (E v)^2 + E (f - E v)^2, v given w
            total += GaussianMean(mean**2, _W, 0, known).doit()
        if self.is_linear:
            return total
        local = [(_A, precision), (_T, spread), (_N, noise)]
        moment = _MOMENTS[name] if name != "overlap" else (_k("B") - self.mean_output(_W, _T)) ** 2
        channel = ChannelLaw(self.pieces, noise, sp.S.Zero)
        laws = []
        for piece in self.pieces:
            _, log_inside, law = channel._noisy_piece(piece, _Y, _W, spread)
            laws.append((sp.exp(log_inside), *law))
        width = sp.sqrt(spread)
        bindings = local + _bindings(self._terms(_A, _N, _T))
        rest = GaussianMean(Let(moment, bindings), _Y, components=laws) - sp.Add(*(
            limit * _probability(low, high, _W, width)
            for limit, (low, high, *_) in zip(limits, self.pieces, strict=True)
        ))
        ends = [low for low, *_ in self.pieces if low.is_finite is not False]
        share = known / whole
        # N(w; 0, m) over the sum of those laws, with the squares of w/m taken out of both
        below = LogSumExp(*(
            end * _W / spread - share * end**2 / (2 * spread) - _W**2 / (2 * spread) for end in ends
        ))
        # far from all ends, where nothing is left, those laws are less than a double holds
        weight = sp.exp(sp.log(spread / whole) / 2 - Largest(below, -_NOTHING))
        return total + GaussianMean(rest, _W, components=[(weight, share * end, share * spread) for end in ends])

    def _limit(self, name: str, c: sp.Expr, precision: sp.Expr, spread: sp.Expr) -> sp.Expr:
        """The average over y, given w, of a layer that is c h + d."""
        own = self.noise + c**2 * spread
        told = 1 + precision * own
        if name == "overlap":
            return precision * own**2 / told
        values = {"BB": own / told, "Bw": c / told, "ww": -precision * c**2 / told}
        if name == "information":
            return sp.log(told) / 2
        if name == "gain":
            return precision * c**2 / told
        return _MOMENTS[name].subs({_k(index): values.get(index, sp.S.Zero) for index in _TENSORS})

    def mean_output(self, w: sp.Expr, spread: sp.Expr) -> sp.Expr:
        """E phi(h), h ~ N(w, spread)."""
        h = formula_symbol("h")
        return sp.Add(*(GaussianMean(c * h + d, h, w, spread, domain=(low, high)).doit()
                        for low, high, c, d in self.pieces))


def _probability(low: sp.Expr, high: sp.Expr, mean: sp.Expr, width: sp.Expr) -> sp.Expr:
    """P(low < h < high), h ~ N(mean, width^2)."""
    return sp.exp(LogInterval(*((end - mean) / width if end.is_finite is not False else end for end in (low, high))))


def _bindings(terms: Mapping[str, Sequence[sp.Expr]]) -> list[tuple[sp.Symbol, sp.Expr]]:
    """Name the terms, their weights, and the cumulants over the pieces, written over pairs of pieces.

    A covariance w_k w_l (a_k - a_l)(b_k - b_l) keeps its digits where a weight is exponentially small.
    """
    count = range(len(terms[""]))
    if len(count) == 1:
        return [(_LOG, terms[""][0]), *((_k(index), terms[index][0]) for index in _TENSORS)]
    names = {index: [formula_symbol(f"_t{k}_{index}") for k in count] for index in terms}
    weights = [formula_symbol(f"_w{k}") for k in count]
    found = list(zip(names[""], terms[""], strict=True))
    found.append((_LOG, LogSumExp(*names[""])))
    found += [(w, sp.exp(name - _LOG)) for w, name in zip(weights, names[""], strict=True)]
    for index in _TENSORS:
        found += list(zip(names[index], terms[index], strict=True))
    for index in _TENSORS:
        total = sum(w * t for w, t in zip(weights, names[index], strict=True))
        for k, j in itertools.combinations(count, 2):
            def gap(part: str, k: int = k, j: int = j) -> sp.Expr:
                return names[part][k] - names[part][j]

            both = weights[k] * weights[j]
            if len(index) == 2:
                total += both * gap(index[0]) * gap(index[1])
            if len(index) == 3:
                x, y, z = tuple(index)
                third = names[z][k] + names[z][j] - 2 * _k(z)
                total += both * (gap(x) * gap(y + z) + gap(y) * gap(x + z) + gap(z) * gap(x + y)
                                 + gap(x) * gap(y) * third)
        found.append((_k(index), total))
    return found


class LayerMean(WrittenMean):
    """The average called `name` of a layer at precision A of its output and variance V of its input.

    Parameters
    ----------
    name : str
        One of the names in the head of this file.
    law : LayerLaw
    precision, variance, known : expressions
        A, V and m; m + V is constant under differentiation.
    """

    def __new__(cls, name: Any, law: LayerLaw, *times: Any):
        return super().__new__(cls, sp.Symbol(str(name)), law, *map(sp.sympify, times))

    name = property(lambda self: self.args[0].name)
    law = property(lambda self: self.args[1])
    times = property(lambda self: self.args[2:])

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        return set().union(self.law.free_symbols, *(time.free_symbols for time in self.times))

    def _eval_derivative(self, t):
        _, variance, known = self.times
        if t in self.law.free_symbols or (known.has(t) and (variance + known).diff(t) != 0):
            return self.doit().diff(t)
        return sp.Add(*(
            factor * time.diff(t) * LayerMean(name, self.law, *self.times)
            for time, (factor, name) in zip(self.times, _DERIVATIVES[self.name], strict=False) if time.has(t)
        ))

    def doit(self, **hints: Any) -> sp.Expr:
        """Write the average out as Gaussian averages."""
        if self.name == "log_partition":  # A rho/2 - I, rho the sum of the two parts of E v^2
            precision = self.times[0]
            part = {name: LayerMean(name, self.law, *self.times).doit() for name in ("information", "overlap", "mmse")}
            return precision * (part["overlap"] + part["mmse"]) / 2 - part["information"]
        return self.law.averages(self.name, *self.times)

    def _latex(self, printer):
        times = ",".join(printer._print(time) for time in self.times[:2])
        return rf"\mathrm{{{self.name.replace('_', ' ')}}}_{{{self.law.symbol}}}({times})"

    def _sympystr(self, printer):
        return f"{self.name}_{self.law.symbol}({', '.join(printer._print(time) for time in self.times[:2])})"
