r"""Gaussian random landscapes on a sphere, and the number of their critical points.

H is Gaussian on |x|^2 = N with covariance E H(x) H(y) - E H E H = N Q(x.y/N), Q(x) = sum_p w_p x^p.  A spiked one has
the mean -N Q(m), m = x.v/N the overlap with a signal v, |v|^2 = N; without a spike the mean is zero.

The mean number of critical points at overlap m with energy E N is exp(N Sigma(m, E)) to leading order (Kac and Rice;
Fyodorov, PRL 92, 240601 (2004); Auffinger, Ben Arous, Cerny, Comm. Pure Appl. Math. 66, 165 (2013); with a spike Ben
Arous, Mei, Montanari, Nica, ibid. 72, 2282 (2019), and Ros, Ben Arous, Biroli, Cammarota, PRX 9, 011003 (2019)).  Below
Q' and Q'' without an argument are Q'(1) and Q''(1), s = sqrt(Q'').

**Volume and gradient.**  Points of overlap m are exp(N/2 (1 + log 2 pi + log(1 - m^2))).  The gradient along the sphere
has components of variance Q' and the mean -Q'(m) v_T, |v_T|^2 = N (1 - m^2); it vanishes with the density
exp(-N/2 (log 2 pi Q' + Q'(m)^2 (1 - m^2)/Q')).  It does not depend on the energy E = H/N, nor on the radial slope
X = -x.grad H/N, which are Gaussian with

.. math:: \langle E \rangle = -Q(m), \quad \langle X \rangle = m Q'(m), \qquad
   N \operatorname{cov}(E, X) = \begin{pmatrix} Q(1) & -Q' \\ -Q' & Q' + Q'' \end{pmatrix}.

**Hessian.**  Along the sphere it is s (G + t - theta e e^T), t = X/s, theta = Q''(m) (1 - m^2)/s, G a random symmetric
matrix whose eigenvalues fill the semicircle on [-2, 2].  Its determinant is Q''^(N/2) exp(N phi(t)), with
phi(t) = t^2/4 - 1/2 for |t| < 2, beyond, where t = u + 1/u,

.. math:: \phi = \log u + \frac1{2u^2}, \qquad \frac{d\phi}{dt} = \frac1u .

**Index.**  For |t| < 2 an extensive part of the eigenvalues is negative.  For t >= 2 each that is has been pulled out
of the semicircle, at the cost I(t); and a minimum must hold back the eigenvalue that theta > 1 pulls out, to theta +
1/theta, if that is above t, at the cost L(t) (Maida, Electron. J. Probab. 12, 1131 (2007)):

.. math:: I = \int_2^t \tfrac12 \sqrt{y^2 - 4}\, dy = \tfrac14 (u^2 - u^{-2}) - \log u, \qquad
   \frac{dI}{dt} = \tfrac12 \Big(u - \frac1u\Big),

.. math:: L = \tfrac14 (\theta - u)^2 + \tfrac12\Big(1 - \frac\theta u + \log\frac\theta u\Big), \qquad
   \frac{dL}{dt} = -\tfrac12 (\theta - u) \qquad \text{for } u < \theta,

else 0.  So critical points of overlap m, of slope X = s t, of index k (or N - k at -t) number

.. math:: \Sigma = \tfrac12 \log\frac{e\, Q'' (1 - m^2)}{Q'} - \frac{Q'(m)^2 (1 - m^2)}{2 Q'}
   - \frac{(s t - \langle X \rangle)^2}{2 V} + \phi(t) - k I(t) - L(t), \qquad V = Q' + Q'',

for minima (k = 0) and where theta = 0; all of them are counted without I and L.  At the energy E,

.. math:: \langle X \rangle_E = m Q'(m) - \frac{Q'}{Q(1)} (E + Q(m)), \qquad
   V_E = \sum_{p < p'} \frac{w_p w_{p'} (p - p')^2}{Q(1)}

take the place of <X> and V, and -(E + Q(m))^2/(2 Q(1)) is added.  V_E = 0 if there is one term (a pure landscape):
then t is a function of E, there is nothing to maximise over.

**Maximised over t**, at <X> = x: each of the slopes above is linear in u and 1/u, so u solves a quadratic equation,

.. math:: \Big(Q'' + \frac{kV}2\Big) u^2 - x s u + Q'' - V - \frac{kV}2 = 0 , \qquad
   \Big(Q'' + \frac V2\Big) u^2 - \Big(x s + \frac{\theta V}2\Big) u + Q'' - V = 0

(where L acts), and as Sigma is concave in t >= 2 with the slope max(slope without L, slope with L), its maximum is at
the largest of both roots and 1.  The maximum over all t is at t = 2 x s/(2 Q'' - V) if that is below 2, else at the
first root with k = 0 (both for x >= 0; Sigma is even in x and t).

**Isolated minima.**  Sigma(m) touches 0 from below where Q'(m)^2 (1 - m^2) = Q' m^2, m Q'(m) > 0, at
u = sqrt(Q'/(Q'' (1 - m^2))) if that is above 1 and theta: the minimum beside the signal, of energy
-Q(m) - sqrt(Q' (1 - m^2)).  It is one, not exp(N Sigma) many, and no part of the complexity.  (Where u is below theta
it is a saddle; with the other sign of m Q'(m), a maximum.)

The mean bounds the typical number.  Where Sigma < 0 there are no such points; where Sigma > 0 there are if the number
is known to concentrate, as that of minima of pure landscapes (Subag, Ann. Probab. 45, 3385 (2017)).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import sympy as sp

from .parameters import formula_symbol
from .special import Largest

__all__ = ["Landscape"]

m, E = map(formula_symbol, ("m", "E"))
_t, _u, _gap = map(formula_symbol, ("_t", "_u", "_gap"))  # |t| <= 2, u >= 1, s t - <X>, where Sigma is largest

_TINY = sp.Float(1e-300)  # where all |t| < 2 are as likely: no 0/0


@dataclass(frozen=True)
class _Counted:
    """Sigma in symbols for where it is largest, what these are, and s t - <X> in u and t."""

    sigma: sp.Expr
    places: dict[sp.Symbol, sp.Expr]
    gap: sp.Expr


@dataclass(frozen=True)
class Landscape:
    """A Gaussian function on the sphere of radius sqrt(N), by its covariance.

    Parameters
    ----------
    terms : tuple of (degree, weight)
        Q(x) = sum of weight x^degree.
    spiked : bool
        Whether its mean is -N Q(m); zero if not.
    """

    terms: tuple[tuple[sp.Expr, sp.Expr], ...]
    spiked: bool

    def covariance(self, x: sp.Expr, order: int = 0) -> sp.Expr:
        """Return Q(x), or its derivative of that order."""
        x, factors = sp.sympify(x), ((w * sp.ff(p, order), p - order) for p, w in self.terms)
        return sp.Add(*(factor * x**power for factor, power in factors if factor != 0))  # 0 of them at x = 0, too

    @property
    def pure(self) -> bool:
        """Whether there is one term, so that the slope is a multiple of the energy."""
        return len(self.terms) == 1

    @property
    def conditional_variance(self) -> sp.Expr:
        """V_E, N times the variance of the slope X at given energy: a sum of squares, 0 if pure."""
        pairs = itertools.combinations(self.terms, 2)
        return sp.Add(*(w * v * (p - q) ** 2 for (p, w), (q, v) in pairs)) / self.covariance(sp.S.One)

    # --- the number of critical points ---

    def minima(self, overlap: sp.Expr | int = 0, energy: sp.Expr | None = None) -> sp.Expr:
        """Complexity of minima at an overlap with the signal, over all energies or at one; -oo where there are none."""
        return self.complexity(0, overlap, energy)

    def complexity(self, index: int | None, overlap: sp.Expr | int = 0, energy: sp.Expr | None = None) -> sp.Expr:
        """Return Sigma in closed form, maximised over the slope X.

        Parameters
        ----------
        index : int or None
            Of the critical points that are counted; None for all.
        overlap : expression
            m; without a spike, the overlap with any given point, and 0 for all of the sphere.
        energy : expression, optional
            E; all energies if it is left out.

        Raises
        ------
        ValueError
            For an index beyond 0 of a spiked landscape: two causes may pull eigenvalues out of the semicircle there.
        """
        if self.spiked and index not in (0, None):
            raise ValueError(f"index = {index!r}: beside a signal minima (0) and all critical points are counted; give "
                             "0 or 'all'")
        found = self._counted(index, sp.sympify(overlap), energy)
        return found.sigma.xreplace(found.places)

    def rate(self, by: sp.Symbol, index: int | None, overlap: sp.Expr | int = 0,
             energy: sp.Expr | None = None) -> sp.Expr:
        """Derivative of `complexity` by a symbol: at a maximum over the slope it is that at a fixed slope."""
        found = self._counted(index, sp.sympify(overlap), energy)
        if found.gap == 0:  # pure, where the energy moves the slope
            return found.sigma.xreplace(found.places).diff(by)
        return (found.sigma.diff(by) + found.sigma.diff(_gap) * found.gap.diff(by)).xreplace(found.places)

    def magnitude(self, index: int | None, overlap: sp.Expr | int = 0, energy: sp.Expr | None = None,
                  by: sp.Symbol | None = None) -> sp.Expr:
        """Sum of the absolute terms of `complexity`, or of its `rate` by a symbol: the scale of its rounding."""
        found = self._counted(index, sp.sympify(overlap), energy)
        whole = found.sigma.args[0][0] if isinstance(found.sigma, sp.Piecewise) else found.sigma
        whole = whole if by is None else whole.diff(by) + whole.diff(_gap) * found.gap.diff(by)
        return sp.Add(*map(sp.Abs, sp.Add.make_args(whole))).xreplace(found.places)

    def _counted(self, index: int | None, m: sp.Expr, energy: sp.Expr | None) -> _Counted:
        """Sigma with symbols for where its maximum over the slope is.

        There s t - <X> = V/s times the slope of the rest, or s t - <X> = 2 s - <X> at t = 2: no small difference is
        divided by a small V.
        """
        x, variance = self.slope(m, energy)
        theta, known = self.pull(m), self.prefactor(m, energy)
        s = sp.sqrt(self.covariance(sp.S.One, 2))
        if index is None:
            inside, u = self._likeliest(x, variance) if variance != 0 else _split(sp.Abs(x) / s)
            places = {_t: inside, _u: u, _gap: variance / s * (inside / 2 - 1 + 1 / u)}
            sigma, gap = known + _t**2 / 4 - 1 + _log_determinant(_u), s * (_t + _u + 1 / _u - 2) - sp.Abs(x)
        else:
            u = _outside(x / s) if variance == 0 else self._root(x, variance, theta, index)
            pulls = 1 / u - index * (u - 1 / u) / 2 + (Largest(theta - u, 0) / 2 if theta != 0 else 0)
            places = {_u: u, _gap: Largest(variance / s * pulls, 2 * s - x)}
            sigma, gap = known + _log_determinant(_u) - _cost(_u, theta, index), s * (_u + 1 / _u) - x
        if variance != 0:
            return _Counted(sigma - _gap**2 / (2 * variance), places, gap)
        if index is not None:  # of a pure landscape the energy says what t is
            sigma = sp.Piecewise((sigma, x >= 2 * s), (-sp.oo, True))
        return _Counted(sigma, places, sp.S.Zero)

    def prefactor(self, m: sp.Expr, energy: sp.Expr | None = None) -> sp.Expr:
        """What does not depend on t: volume, gradient, and the probability of the energy."""
        slope, curvature = (self.covariance(sp.S.One, order) for order in (1, 2))
        known = (1 + sp.log(curvature / slope)) / 2 + sp.log(1 - m**2) / 2
        if self.spiked:
            known -= self.covariance(m, 1) ** 2 * (1 - m**2) / (2 * slope)
        if energy is None:
            return known
        return known - (energy + self._signal(m)) ** 2 / (2 * self.covariance(sp.S.One))

    def slope(self, m: sp.Expr, energy: sp.Expr | None = None) -> tuple[sp.Expr, sp.Expr]:
        """Mean of the slope X, at given energy if there is one, and N times its variance."""
        first, second = (self.covariance(sp.S.One, order) for order in (1, 2))
        mean = m * self.covariance(m, 1) if self.spiked else sp.S.Zero
        if energy is None:
            return mean, first + second
        return mean - first / self.covariance(sp.S.One) * (energy + self._signal(m)), self.conditional_variance

    def pull(self, m: sp.Expr) -> sp.Expr:
        """theta, what the signal adds to the Hessian."""
        if not self.spiked:
            return sp.S.Zero
        return self.covariance(m, 2) * (1 - m**2) / sp.sqrt(self.covariance(sp.S.One, 2))

    def _signal(self, m: sp.Expr) -> sp.Expr:
        return self.covariance(m) if self.spiked else sp.S.Zero

    # --- where the counted points are ---

    def likeliest_energy(self, index: int | None, overlap: sp.Expr | int = 0) -> sp.Expr:
        """Energy of the most numerous critical points of an index; of all of them, of those of lower energy."""
        m = sp.sympify(overlap)
        x, variance = self.slope(m)
        s = sp.sqrt(self.covariance(sp.S.One, 2))
        if index is None:
            inside, u = self._likeliest(x, variance)
            excess = s * (inside + u + 1 / u - 2) - sp.Abs(x)
            excess = sp.Piecewise((excess, x >= 0), (-excess, True))
        else:
            u = self._root(x, variance, self.pull(m), index)
            excess = s * (u + 1 / u) - x
        return -self._signal(m) - self.covariance(sp.S.One, 1) / variance * excess

    def index_fraction(self, energy: sp.Expr) -> sp.Expr:
        """Part of the eigenvalues that is negative, at the most numerous critical points of an energy: P(G < -t)."""
        x, variance = self.slope(sp.S.Zero, energy)
        if variance == 0:
            inside, _ = _split(sp.Abs(x) / sp.sqrt(self.covariance(sp.S.One, 2)))
        else:
            inside, _ = self._likeliest(x, variance)
        beyond = (inside * sp.sqrt(4 - inside**2) / 4 + sp.asin(inside / 2)) / sp.pi
        return sp.S.Half - sp.sign(x) * beyond

    def threshold_energy(self, overlap: sp.Expr | int = 0) -> sp.Expr:
        """Energy below which minima have a gap in the spectrum of their Hessian: there t > 2 at the maximum over t.

        Above it those of a pure landscape have ended, and those of a mixed one are marginal, t = 2.
        """
        m = sp.sympify(overlap)
        curvature, variance = self.covariance(sp.S.One, 2), self.conditional_variance
        mean, _ = self.slope(m)
        least = (2 * curvature - variance * (1 + Largest(1, self.pull(m))) / 2) / sp.sqrt(curvature)
        return -self._signal(m) - self.covariance(sp.S.One) / self.covariance(sp.S.One, 1) * (least - mean)

    def isolated(self, m: sp.Expr, side: int = 1) -> tuple[sp.Expr, tuple[sp.Expr, ...]]:
        """What is 0 at the overlap of an isolated critical point, and what must be positive there.

        At t > 2 (`side` 1) or t < -2 (-1); where the first is positive it is one, where both are an extremum: a
        minimum or, at -1, a maximum; else the signal pulls one eigenvalue to the other side, and it is a saddle.
        """
        slope, curvature = (self.covariance(sp.S.One, order) for order in (1, 2))
        width = sp.sqrt(1 - m**2)
        gap = slope - curvature * (1 - m**2)  # u > 1
        held = sp.sqrt(slope) - side * self.covariance(m, 2) * width**3  # u > theta
        return self.covariance(m, 1) * width - side * sp.sqrt(slope) * m, (gap, held)

    def isolated_energy(self, m: sp.Expr, side: int = 1) -> sp.Expr:
        """Energy of an isolated critical point of overlap m."""
        return -self._signal(m) - side * sp.sqrt(self.covariance(sp.S.One, 1) * (1 - m**2))

    # --- for the reader ---

    def statements(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
        """Return what the complexity is as names and expressions, before it is maximised over t = u + 1/u."""
        x, E_, k, t, u, theta = sp.symbols("x E k t u theta", real=True)
        point = (m,) if self.spiked else ()
        mean, variance = self.slope(m, E_)
        pulled = sp.Function("I")(t) * k
        held = sp.Function("L")(t) if self.spiked else sp.S.Zero
        s = sp.sqrt(self.covariance(sp.S.One, 2))
        found = [(sp.Function("Q")(x), self.covariance(x))]
        known = self.prefactor(m, E_) if self.spiked else self.prefactor(sp.S.Zero, E_)
        phi = sp.Function("phi")(t)
        if variance == 0:
            found.append((t, mean / s))
            gap = sp.S.Zero
        else:
            gap = (s * t - mean) ** 2 / (2 * variance)
        sigma = sp.Function("Sigma")(*point, E_, *(() if variance == 0 else (t,)), *(() if self.spiked else (k,)))
        found.append((sigma, known - gap + phi - (held if self.spiked else pulled)))
        found += [(phi, sp.Piecewise((t**2 / 4 - sp.S.Half, sp.Abs(t) < 2), (sp.log(u) + 1 / (2 * u**2), True))),
                  (u, (sp.Abs(t) + sp.sqrt(t**2 - 4)) / 2)]
        if not self.spiked:
            return (*found, (sp.Function("I")(t), (u**2 - u**-2) / 4 - sp.log(u)))
        held = (theta - u) ** 2 / 4 + (1 - theta / u + sp.log(theta / u)) / 2
        return (*found, (sp.Function("L")(t), sp.Piecewise((held, u < theta), (0, True))),
                (theta, self.pull(m)))

    # --- the maximum over the slope ---

    def _root(self, x: sp.Expr, variance: sp.Expr, theta: sp.Expr, index: int) -> sp.Expr:
        """u at the maximum over t >= 2."""
        curvature = self.covariance(sp.S.One, 2)
        x, pulls = x * sp.sqrt(curvature), index * variance / 2
        free = _larger_root(curvature + pulls, x, curvature - variance - pulls)
        if theta == 0:
            return Largest(1, free)
        return Largest(1, free, _larger_root(curvature + variance / 2, x + theta * variance / 2, curvature - variance))

    def _likeliest(self, x: sp.Expr, variance: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        """|t| <= 2 and u >= 1 at the maximum over t of the sign of x: one of them is at its bound."""
        curvature = self.covariance(sp.S.One, 2)
        x, rest = sp.Abs(x) * sp.sqrt(curvature), 2 * curvature - variance
        inside = sp.Piecewise((2 * x / Largest(rest, _TINY), x < rest), (2, True))
        return inside, Largest(1, _larger_root(curvature, x, curvature - variance))


def _split(t: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """The smaller of t and 2, and u >= 1 of the larger."""
    return -Largest(-t, -2), _outside(t)


def _outside(t: sp.Expr) -> sp.Expr:
    """u >= 1 of t = u + 1/u; 1 for t < 2."""
    return (Largest(t, 2) + sp.sqrt(Largest(t - 2, 0) * (t + 2))) / 2


def _log_determinant(u: sp.Expr) -> sp.Expr:
    """phi(t) for t >= 2, log|det| of the semicircle moved by t, per dimension."""
    return sp.log(u) + 1 / (2 * u**2)


def _cost(u: sp.Expr, theta: sp.Expr, index: int) -> sp.Expr:
    """index I + L."""
    pulled = index * ((u**2 - u**-2) / 4 - sp.log(u)) if index else sp.S.Zero
    if theta == 0:
        return pulled
    ratio = Largest(theta / u, 1)  # beyond 1 where the signal's eigenvalue must be held back
    return pulled + u**2 * (ratio - 1) ** 2 / 4 + (1 - ratio + sp.log(ratio)) / 2


def _larger_root(a: sp.Expr, b: sp.Expr, c: sp.Expr) -> sp.Expr:
    """The larger root of a u^2 - b u + c, a > 0; where there is none, the minimum."""
    return (b + sp.sqrt(Largest(b**2 - 4 * a * c, 0))) / (2 * a)
