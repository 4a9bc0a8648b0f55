r"""Spectral methods for a spiked Wigner matrix whose spike has correlated components: PCA and linearised AMP (LAMP).

Y = v v^T/sqrt(p) + sqrt(delta) xi, symmetric, rho = E|v|^2/p.  Both methods estimate v by one eigenvector u; what they
reach is the squared cosine (u.v)^2/(|u|^2 |v|^2), and the best multiple of u has the mean-squared error rho (1 -
cosine^2).  rho cosine^2 compares with the overlap q of the Bayes-optimal estimate, whose error is rho - q.

**PCA** takes the top eigenvector of Y/sqrt(p), and knows nothing of v. The outlier is at rho + delta/rho, the bulk ends
at 2 sqrt(delta), and cosine^2 = 1 - delta/rho^2 below delta = rho^2, else 0 (Baik, Ben Arous, Peche, Ann. Probab. 33,
1643 (2005); Benaych-Georges, Nadakuditi, Adv. Math. 227, 494 (2011)).

**LAMP** takes the top right eigenvector of Gamma = K (Y/sqrt(p) - rho I), K = E[v v^T | W] the second moments of v
about zero, rho = tr K/p. It is message passing to first order in the estimate: the field of v is B = (Y v_t/sqrt(p) -
rho v_(t-1))/delta, its posterior mean K B, and a stationary estimate has K (Y/sqrt(p) - rho) u = delta u. (Aubin,
Loureiro, Maillard, Krzakala, Zdeborova, NeurIPS 2019, with rho = 1.) Gamma is not symmetric, but similar to K^(1/2)
(Y/sqrt(p) - rho) K^(1/2), so its eigenvalues are real; its left eigenvector is K^-1 u.

*The outlier.* With X = xi/sqrt(p) and (v.u) = p, Gamma u = lambda u says u = R v, R = (lambda/K + rho - sqrt(delta)
X)^-1. The deterministic equivalent of R (Pastur) is K/(lambda + s K) with

.. math:: s = \rho - \delta g, \qquad g = \int \frac{x\,d\mu}{\lambda + s x}, \qquad
          1 = \frac{v^T R v}{p} = \int \frac{x^2 d\mu}{\lambda + s x},

mu the limit of the spectrum of K; the last because v^T R v concentrates at tr K R. Then lambda g + s = int x dmu = rho,
so that lambda = delta exactly, and s = q solves

.. math:: \int \frac{x^2}{\delta + q x}\,d\mu(x) = 1 .

*The overlap.*  |u|^2/p = v^T R^2 v/p = -d(v^T R v/p)/d rho at fixed lambda, which is I_3/(1 - delta I_2), I_n = int
x^n/(delta + q x)^2; and 1 = delta I_2 + q I_3 makes it 1/q.  So cosine^2 = (v.u)^2/(|v|^2 |u|^2) = q/rho: q compares
with the Bayes-optimal overlap without any rescaling.  With t = q/delta,

.. math:: \delta(t) = \int \frac{x^2}{1 + t x}\,d\mu, \qquad q = t\,\delta(t) = \rho - \int \frac{x}{1 + t x}\,d\mu ,

an explicit curve on which delta falls with t: one overlap for every delta, no transition but the one at t = 0,

.. math:: \delta_c = \int x^2 d\mu = \lim \operatorname{tr} K^2/p .

The last integral is the mean-squared error of a *Gaussian* vector of covariance K in noise of precision t = q/delta:
LAMP is as good as Bayes' optimum would be for a Gaussian spike with the same second moments, so it is optimal for a
linear generator and Gaussian latents, and has the threshold of message passing for every network.

*A mean.* If E[v | W] is not zero, K = mean mean^T + C has an eigenvalue p m, m = |mean|^2/p, an atom of weight 1/p that
counts: int x^2/(1 + t x) gets m/t beside the integral over the spectrum of C. Then delta(t) diverges at t = 0: there is
no transition, and q > m at any noise. (The second moments about the mean would throw that away: Y holds all of v.)

**K of a network** (limits of the spectrum, for given W). One layer v_i = phi(h_i), h = W x/sqrt(n), where x has the
mean mu and the covariance C given the layers below: h_i has the mean b_i, over i normal of variance |mu|^2/n, and the
variance V = tr C/n; two fields have a covariance theta_ij = (W C W^T)_ij/n = O(1/sqrt(n)). With h ~ N(b, V),

.. math:: m(b) = E\phi(h), \quad c(b) = E\phi'(h), \quad a(b) = \operatorname{Var}\phi(h) - c(b)^2 V,

.. math:: K = m m^T + \operatorname{diag}(a) + \operatorname{diag}(c)\,\frac{W C W^T}{n}\,\operatorname{diag}(c) + ...

up to sums over n >= 2 of c_n(i) c_n(j) theta_ij^n/n! (Mehler). For n >= 3 their norms vanish. For n = 2 theta_ij^2 is
its mean plus a matrix of vanishing norm: one eigenvalue of order 1, which no limit of the spectrum and no q sees, since
it is not p m (for odd phi without means c_2 = 0). So K = W W^T/k for the linear layer, (1 - 2/pi) I + (2/pi) W W^T/k
for the sign, and in general v has the second moments of a Gaussian network, layer by layer: a linear map c W x/sqrt(n),
noise a, mean m. Latents of any law with these two moments give the same.

*Spectrum of a layer.* h(t) = int x/(1 + t x), G(t) = int x^2/(1 + t x) = (tr C/p - h)/t of the layer's C follow from
those below, h' and G', at another argument tau (deterministic equivalent of W C W^T/n), alpha = p/n:

.. math:: r(b) = \frac1{1 + t w(b)}, \quad w(b) = a(b) + c(b)^2 h'(\tau), \quad \tau = \alpha\,t\,E_b[c^2 r],

.. math:: h = E_b[w r], \qquad G = E_b[w^2 r] + \alpha\,E_b[c^2]\,E_b[c^2 r]\,G'(\tau),

all terms positive. From the latents up, tau determines t, explicitly where nothing has a mean: t = tau/(alpha c^2 - tau
w). At t = 0 it is chi_l = rho_l^2 + alpha_l c_l^4 chi_(l-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .channels import Channel
from .means import GaussianMean
from .parameters import formula_symbol
from .priors import Prior
from .special import LogInterval, LogNdtr, normal_density

__all__ = [
    "LinearLayer", "LinearNetwork", "OneLayerSpectrum", "b", "linear_network", "one_layer_spectrum", "spread",
    "threshold_formulas",
]

b, spread = formula_symbol("_b"), formula_symbol("V")  #: mean and variance of a field, given the weights
_H = formula_symbol("h")
_LONG = 150  # operations
_ROUNDING = 8 * 2.0**-53  # a mean this small is none


@dataclass(frozen=True, kw_only=True)
class LinearLayer:
    """A layer's first and second moments, as functions of mean ``b`` and variance ``spread`` of its field.

    Attributes
    ----------
    ratio : expression
        alpha = n_out/n_in.
    mean, response, rest : expressions
        m(b), c(b) and a(b).
    power : expression
        E phi(h)^2, h ~ N(0, spread): rho of the output from rho of the input.
    odd : bool
        phi(-h) = -phi(h): without a mean of the field there is none of the output.
    """

    ratio: sp.Expr
    power: sp.Expr
    odd: bool
    mean: sp.Expr
    response: sp.Expr
    rest: sp.Expr


@dataclass(frozen=True, kw_only=True)
class LinearNetwork:
    """The Gaussian network with a prior's second moments.

    Attributes
    ----------
    mean_square, variance : expressions
        Of the latents' components.
    layers : tuple of LinearLayer
    """

    mean_square: sp.Expr
    variance: sp.Expr
    layers: tuple[LinearLayer, ...]

    @property
    def powers(self) -> tuple[sp.Expr | None, ...]:
        """rho_0 ... rho_L: of the latents and of the layers' outputs; None where special functions are nested."""
        found: list[sp.Expr | None] = [self.mean_square + self.variance]
        for layer in self.layers:
            below = found[-1]
            nested = below is None or below.has(LogInterval, LogNdtr)
            found.append(None if nested else layer.power.subs(spread, below))
        return tuple(found)

    @property
    def centred(self) -> bool:
        """True if nothing has a mean, given the weights."""
        return bool(self.mean_square.is_zero) and all(
            layer.odd or (below is not None and _vanishes(layer.mean.subs({b: 0, spread: below})))
            for layer, below in zip(self.layers, self.powers, strict=False))


def linear_network(prior: Prior) -> LinearNetwork:
    """Return the Gaussian network of a prior: of independent components, or generative.

    Raises
    ------
    TypeError
        If `prior` is no prior.
    """
    if not isinstance(prior, Prior):
        raise TypeError(f"prior = {prior!r} is not a prior: give one such as Generative(layers=[(Sign(), 2)])")
    latent = getattr(prior, "latent", prior)
    mean_square = latent.first_moment**2
    variance = sp.simplify(latent.second_moment - mean_square)
    layers: Sequence[tuple[Channel, Any]] = getattr(prior, "layers", ())
    return LinearNetwork(mean_square=mean_square, variance=variance,
                         layers=tuple(_layer(activation, sp.sympify(ratio)) for activation, ratio in layers))


def threshold_formulas(prior: Prior) -> dict[str, sp.Expr | None]:
    """Return the noise delta below which PCA and LAMP find the signal; infinite where its mean tells of it.

    None in the place of a formula that is too long to be read, as those of deep networks may be.
    """
    network = linear_network(prior)
    powers: Sequence[Any] = network.powers
    rho = powers[-1]
    pca = None if rho is None else _readable(rho**2)
    if not network.centred:
        return {"pca": pca, "lamp": sp.oo}
    if rho is None:
        return {"pca": None, "lamp": None}
    square = network.variance**2
    for layer, under, power in zip(network.layers, powers, powers[1:], strict=False):
        square = power**2 + layer.ratio * layer.response.subs({b: 0, spread: under}) ** 4 * square
    return {"pca": pca, "lamp": _readable(square)}


def _layer(activation: Channel, ratio: sp.Expr) -> LinearLayer:
    width = spread + activation.input_noise
    response = _mean_slope(activation, width)
    if len(activation.pieces) == 1:
        ((*_, slope, _),) = activation.pieces
        rest = activation.noise + slope**2 * activation.input_noise
    else:
        second = activation.mean_output(b, width, power=2)
        rest = activation.noise + second - activation.mean_output(b, width) ** 2 - response**2 * spread
    return LinearLayer(ratio=ratio, mean=activation.mean_output(b, width), response=response, rest=rest,
                       power=activation.output_second_moment(spread), odd=_is_odd(activation))


def _is_odd(activation: Channel) -> bool:
    pieces = activation.pieces
    return all((low, high, c, d) == (-upper, -lower, slope, -intercept)
               for (low, high, c, d), (lower, upper, slope, intercept) in zip(pieces, reversed(pieces), strict=True))


def _mean_slope(activation: Channel, width: sp.Expr) -> sp.Expr:
    """E phi'(h), h ~ N(b, width): slopes by the probability of their pieces, jumps by the density at them."""
    total, before = sp.S.Zero, None
    for low, high, slope, intercept in activation.pieces:
        if slope != 0:
            total += slope * GaussianMean(1, _H, b, width, domain=(low, high)).doit()
        if before is not None:
            jump = (slope - before[0]) * low + intercept - before[1]
            total += jump * normal_density((low - b) / sp.sqrt(width)) / sp.sqrt(width)
        before = (slope, intercept)
    return total


def _readable(expr: sp.Expr) -> sp.Expr | None:
    if expr.has(LogInterval, LogNdtr):
        return expr if expr.count_ops() < _LONG else None  # simplifying takes forever with these
    return sp.simplify(expr)


def _vanishes(mean: sp.Expr) -> bool:
    """Whether the terms of a mean cancel, exactly or to rounding; what holds probabilities cancels exactly or not."""
    if mean.has(LogInterval, LogNdtr):
        return bool(mean == 0)
    mean = sp.simplify(mean)
    value = mean.evalf()
    return bool(mean == 0 or (value.is_Float and abs(value) <= _ROUNDING))


@dataclass(frozen=True, kw_only=True)
class OneLayerSpectrum:
    """Limit of the spectrum of a I + c^2 W W^T/k, W of size p x k, alpha = p/k (Marchenko and Pastur).

    Attributes
    ----------
    shift, scale, ratio : expressions
        a, c^2 times the latents' variance, and alpha.
    """

    shift: sp.Expr
    scale: sp.Expr
    ratio: sp.Expr

    @property
    def edges(self) -> tuple[sp.Expr, sp.Expr]:
        """Ends of the continuous part."""
        root = sp.sqrt(self.ratio)
        return self.shift + self.scale * (1 - root) ** 2, self.shift + self.scale * (1 + root) ** 2

    @property
    def atom(self) -> tuple[sp.Expr, sp.Expr]:
        """Place and weight of the eigenvalue that p - k directions share, if p > k."""
        return self.shift, sp.Max(0, 1 - 1 / self.ratio)

    def density(self, x: sp.Expr) -> sp.Expr:
        """Density at x between the edges."""
        low, high = self.edges
        return sp.sqrt((high - x) * (x - low)) / (2 * sp.pi * self.ratio * self.scale * (x - self.shift))


def one_layer_spectrum(prior: Prior) -> OneLayerSpectrum:
    """Return the spectrum of the second moments of a network with one centred layer and centred latents.

    Raises
    ------
    ValueError
        If the prior has no layer, several, or a mean, with which the spectrum is not this one.
    """
    network = linear_network(prior)
    if len(network.layers) != 1:
        raise ValueError(f"prior = {prior!r} has {len(network.layers)} layers: the law of Marchenko and Pastur is that "
                         "of one; for others ask for overlaps")
    if not network.centred:
        raise ValueError(f"prior = {prior!r} has a mean, given the weights: its spectrum is not that of one centred "
                         "layer; ask for overlaps, which take it into account")
    (layer,) = network.layers
    below, rho = network.powers
    scale = layer.response.subs({b: 0, spread: below}) ** 2 * below
    shift, scale = ((part if part.has(LogInterval, LogNdtr) else sp.simplify(part)) for part in (rho - scale, scale))
    return OneLayerSpectrum(shift=shift, scale=scale, ratio=layer.ratio)
