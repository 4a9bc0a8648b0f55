r"""Free probability of a noisy matrix, and the estimators that keep its eigenvectors.

**Matrix.**  Y = xi xi^T/sqrt(N) + sqrt(delta) Z, symmetric, N x N; xi is N x P with independent entries, E xi = 0,
E xi^2 = 1, P/N = alpha; Z_ij has variance 1 for i < j.  In units in which eigenvalues stay finite,

.. math:: \frac{Y}{\sqrt N} = S + \sqrt\delta\, W, \qquad S = \frac{\xi \xi^T}{N},

W with the semicircle on [-2, 2].  As N grows S is free of W, and has the Marchenko-Pastur law of ratio alpha whatever
the law of xi (two moments are enough), so nothing below depends on the prior.

**Resolvent.**  g(z) = tr (z - Y/sqrt N)^{-1}/N; on the axis from below, g(lambda - i0) = h + i pi rho, rho the density
of eigenvalues, h(lambda) = PV int rho(y)/(lambda - y) dy (without 1/pi).  R-transforms add: R = alpha/(1 - g) of S,
which is a sum of alpha N free projectors, and R = delta g of the noise, so

.. math:: z = \frac1g + \delta g + \frac{\alpha}{1 - g} .

(Voiculescu, J. Funct. Anal. 66, 323 (1986); Marchenko, Pastur, Math. USSR Sb. 1, 457 (1967).)

**Shrinkage.**  E (z - Y/sqrt N)^{-1} = (z - delta g - S)^{-1} in the basis of S, so that

.. math:: \frac1N \operatorname{tr} S (z - Y/\sqrt N)^{-1} = (z - \delta g) g - 1 .

The jump across the axis gives the mean of S along an eigenvector of Y of eigenvalue lambda, which is the best
eigenvalue of an estimate with the eigenvectors of Y; the next moment gives the variance of S about it,

.. math:: \hat\lambda = \lambda - 2 \delta h(\lambda), \qquad
   \operatorname{Var} = \delta \big(1 - \delta (h^2 + \pi^2\rho^2)\big) = \delta\,(1 - \delta |g|^2) .

(Bun, Allez, Bouchaud, Potters, IEEE Trans. Inf. Theory 62, 7475 (2016).)  Both hold for any S that is free of W.

**The bulk is rational in the shrunk eigenvalue.**  For complex g the imaginary part of z = lambda says
1/|g|^2 = delta + alpha/|1 - g|^2.  With x = 1/|g|^2 - delta this is |1 - g|^2 = alpha/x, which gives 2 h =
1 + |g|^2 - alpha/x; put in the real part, x turns out to be the shrunk eigenvalue itself, and all is explicit in it:

.. math:: h = \tfrac12\Big(1 + \frac{1}{x + \delta} - \frac\alpha x\Big), \quad \lambda = x + 2 \delta h, \quad
   \pi^2\rho^2 = \frac{1}{x + \delta} - h^2, \quad \operatorname{Var} = \frac{\delta x}{x + \delta} .

**Matrix mse.**  In the convention (1/2N) E |S - S_hat|^2, Frobenius norm, S as above,

.. math:: \text{mse} = \tfrac12 \int \operatorname{Var} \rho\, d\lambda
   = \frac\delta2 \int \frac{x}{x + \delta} \rho(\lambda)\, d\lambda .

Nothing cancels in it, at any alpha and delta.  It is the same as both of

.. math:: \tfrac12 \Big(\delta - \tfrac43 \pi^2\delta^2 \int \rho^3 d\lambda\Big), \qquad
   \tfrac12 \Big(\alpha + \alpha^2 - \int \hat\lambda^2 \rho\, d\lambda\Big) ,

by int rho h^2 = (pi^2/3) int rho^3, and int rho lambda h = 1/2.  Limits: mse = (delta/2) (1 - (1 - alpha)^2) for small
delta and alpha < 1, delta/2 for alpha > 1; alpha/2 for large delta, when alpha times the identity is all that is known.

**Edges.**  At an edge of the bulk g is real and dz/dg = 0: with y = 1/g,

.. math:: \frac{\delta}{y^2} + \frac{\alpha}{(1 - y)^2} = 1, \qquad x = y^2 - \delta, \qquad
   \lambda = y + \frac\delta y + \frac{\alpha y}{y - 1} .

The left side is convex between its poles 0 and 1; one root is negative, one above 1, and of the two between, the ends
of a gap, there are none unless its minimum there is below 1:

.. math:: \alpha^{1/3} + \delta^{1/3} < 1 .

Then N - P eigenvalues of noise are apart from the P of the signal.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .parameters import symbol

__all__ = ["NoisyGram", "g", "r_transform_poisson", "r_transform_semicircle", "shrunk", "x", "y", "z"]

_alpha, _delta = map(symbol, ("alpha", "delta"))
g, z = sp.symbols("g z")
x = sp.Symbol("x", positive=True)  # shrunk eigenvalue
y = sp.Symbol("y", real=True)  # 1/g at an edge
eigenvalue, hilbert, rho = sp.symbols("lambda h rho", real=True)


def r_transform_semicircle(variance: sp.Expr) -> sp.Expr:
    """R-transform of the semicircle on [-2, 2] sqrt(variance), a function of g."""
    return variance * g


def r_transform_poisson(rate: sp.Expr, jump: sp.Expr | int = 1) -> sp.Expr:
    """R-transform of the free Poisson (Marchenko-Pastur) law: of a sum of rate N free projectors, times jump."""
    return rate * jump / (1 - jump * g)


def shrunk(delta: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Mean and variance of any signal along an eigenvector of eigenvalue lambda, in lambda, h and rho."""
    return eigenvalue - 2 * delta * hilbert, delta * (1 - delta * (hilbert**2 + sp.pi**2 * rho**2))


@dataclass(frozen=True)
class NoisyGram:
    """xi xi^T/N with semicircular noise, in formulas.

    Parameters
    ----------
    alpha, delta : expressions
        P/N, and the variance of the noise in an entry of Y; symbols unless given.
    """

    alpha: sp.Expr = _alpha
    delta: sp.Expr = _delta

    @property
    def r_transform(self) -> sp.Expr:
        """Return R(g) of Y/sqrt(N)."""
        return r_transform_semicircle(self.delta) + r_transform_poisson(self.alpha)

    @property
    def location(self) -> sp.Expr:
        """z, as a function of g."""
        return 1 / g + self.r_transform

    @property
    def cubic(self) -> sp.Poly:
        """The polynomial in g that vanishes at the resolvent g(z)."""
        return sp.Poly(sp.numer(sp.together(self.location - z)), g)

    @property
    def edges(self) -> sp.Poly:
        """The polynomial in y = 1/g that vanishes where dz/dg = 0."""
        return sp.Poly(sp.numer(sp.cancel(self.location.diff(g).subs(g, 1 / y))), y)

    @property
    def hilbert_transform(self) -> sp.Expr:
        """h = Re g in the bulk, as a function of x."""
        return (1 + 1 / (x + self.delta) - self.alpha / x) / 2

    @property
    def eigenvalue(self) -> sp.Expr:
        """Lambda in the bulk, as a function of x."""
        return x + 2 * self.delta * self.hilbert_transform

    @property
    def density_squared(self) -> sp.Expr:
        """rho^2 as a function of x; negative where x is no shrunk eigenvalue."""
        return (1 / (x + self.delta) - self.hilbert_transform**2) / sp.pi**2

    @property
    def variance(self) -> sp.Expr:
        """Variance of S along an eigenvector, about x; half of it is the eigenvector's share in the matrix mse."""
        return self.delta * x / (x + self.delta)

    @property
    def overlap_of_scales(self) -> sp.Expr:
        """Below 1 where noise and signal are two separate bulks of eigenvalues, 1 where they touch."""
        return sp.cbrt(self.alpha) + sp.cbrt(self.delta)
