r"""Spiked Wishart matrices: Y = u v^T/sqrt(p) + sqrt(delta) xi, Y in R^(n x p), beta = n/p, Bayes-optimal.

u has iid components of law P_u, or is the output of a network, and so has v; xi_ij is standard normal.  With m_u, m the
overlaps of the estimates of u and v with them, every u_i is seen at the precision mhat_u = m/delta and every v_j at
mhat = beta m_u/delta.  Per component of v, in nats,

.. math:: f = \beta\,\Phi_u(\hat m_u) + \Phi_v(\hat m) + \frac{\beta\, m_u m}{2\delta}
   - \tfrac12 \beta\, m_u \hat m_u - \tfrac12 m \hat m ,

the KL divergence of Y from pure noise; I(u, v; Y)/p = beta rho_u rho_v/(2 delta) - f (Miolane, arXiv:1702.00473;
Barbier, Dia, Macris, Krzakala, Lesieur, Zdeborova, NIPS 2016).

At a fixed point mhat_u m_u = tau/beta and mhat m = tau.  A m(A) grows with A, so that each side is a function of its
own of tau; every fixed point lies on the curve 1/delta(tau) = mhat/(beta m_u).  No signal is a fixed point if both
priors are centred, and loses stability at delta^2 = beta chi_u chi_v, chi the susceptibilities of the priors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from .forms import LimitState, ParametricForm, Reciprocal
from .model import Model
from .parameters import formula_symbol, positive, symbol
from .priors import Prior
from .solved import SolvedMean

__all__ = ["Balanced", "SpikedWishart", "WishartByRatio"]

m, V, mhat, m_u, V_u, mhat_u, tau, _A = map(
    formula_symbol, ("m", "V", "mhat", "m_u", "V_u", "mhat_u", "tau", "A"))
delta, snr = map(symbol, ("delta", "snr"))


class Balanced(sp.Basic):
    """A prior as a function of tau = A m(A).

    ``args`` are its overlap, mmse and information as expressions in A, and A.  Quantities: ``precision`` (A),
    ``overlap``, ``mmse`` and ``information``.
    """

    symbol = "x"

    @classmethod
    def of(cls, prior: Prior) -> Balanced:
        """The problem of a prior."""
        return cls(prior.overlap(_A), prior.mmse(_A), prior.information(_A), _A)

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        return set().union(*(arg.free_symbols for arg in self.args[:3])) - {self.args[3]}

    @staticmethod
    def rate(kind: str, order: int) -> tuple[sp.Expr, str, int]:
        """Every derivative is solved for itself."""
        return sp.S.One, kind, order + 1


class _Wishart(Model):
    """What is the same whichever control is chosen; `ratio` is the signal-to-noise ratio in terms of it."""

    prior_u: Prior
    prior_v: Prior
    beta: Any

    title = "spiked Wishart matrix"
    units = "KL divergence of the data from pure noise, per component of v, in nats"
    references = (
        "Miolane, arXiv:1702.00473 (2017)",
        "Barbier, Dia, Macris, Krzakala, Lesieur, Zdeborova, Advances in NIPS 29 (2016)",
    )
    ratio: sp.Expr

    @property
    def rho(self) -> sp.Expr:
        """E v^2."""
        return self.prior_v.second_moment

    @property
    def _renamed(self) -> dict[sp.Symbol, sp.Symbol]:
        """Order parameters of u's layers, told apart from those of v's."""
        return {s: formula_symbol(s.name.replace("_", "_u")) for s in self.prior_u.order_parameters}

    @property
    def order_parameters(self):
        return (m, mhat, m_u, mhat_u, *self.prior_v.order_parameters, *self._renamed.values())

    @property
    def free_entropy(self):
        of_u = self.prior_u.log_evidence(mhat_u).xreplace(self._renamed)
        return (self.beta * of_u + self.prior_v.log_evidence(mhat) + self.beta * self.ratio * m_u * m / 2
                - self.beta * m_u * mhat_u / 2 - m * mhat / 2)

    @property
    def observables(self):
        """As documented: errors of both vectors and of the matrix u v^T, and information in nats per component of v."""
        f = formula_symbol("f")
        rho_u = self.prior_u.second_moment
        return {"overlap": m, "mse": V, "overlap_u": m_u, "mse_u": V_u, "matrix_mse": V * rho_u + m * V_u,
                "mutual_information": self.beta * self.ratio * self.rho * rho_u / 2 - f}


@dataclass(frozen=True)
class SpikedWishart(_Wishart):
    """Y = u v^T/sqrt(p) + sqrt(delta) xi, u_i ~ prior_u, v_j ~ prior_v, n/p = beta.

    Parameters
    ----------
    prior_u, prior_v : Prior
    beta : number or Symbol, optional
        n/p; a control if it is not given.
    """

    prior_u: Prior
    prior_v: Prior
    beta: Any = field(default_factory=lambda: symbol("beta"))

    solved_by = "reciprocal"
    ratio = 1 / delta

    def __post_init__(self) -> None:
        for name in ("prior_u", "prior_v"):
            if not isinstance(getattr(self, name), Prior):
                raise TypeError(f"{name} = {getattr(self, name)!r} is not a prior: give one such as Rademacher()")
        object.__setattr__(self, "beta", positive("beta", self.beta))

    @property
    def own_controls(self):
        return (delta,)

    @property
    def reciprocal(self) -> Reciprocal:
        """By the signal-to-noise ratio, which enters linearly."""
        return Reciprocal(model=WishartByRatio(self.prior_u, self.prior_v, self.beta), inner=snr.name,
                          outer=delta.name)


@dataclass(frozen=True)
class WishartByRatio(_Wishart):
    """The same with the control snr = 1/delta."""

    prior_u: Prior
    prior_v: Prior
    beta: Any

    ratio = snr

    @property
    def own_controls(self):
        return (snr,)

    @property
    def working_form(self):
        of_u, of_v = Balanced.of(self.prior_u), Balanced.of(self.prior_v)

        def u(kind: str) -> sp.Expr:
            return SolvedMean(kind, 0, of_u, tau / self.beta)

        def v(kind: str) -> sp.Expr:
            return SolvedMean(kind, 0, of_v, tau)

        known = (V * mhat - 2 * v("information") + self.beta * (V_u * mhat_u - 2 * u("information"))) / 2
        inner = dict(self.prior_v.order_parameters_at(v("precision")))
        inner |= {self._renamed[s]: expr for s, expr in self.prior_u.order_parameters_at(u("precision")).items()}
        return ParametricForm(
            parameter=tau, control=snr, value=v("precision") / (self.beta * u("overlap")),
            order_parameters=(V,), errors={V: v("mmse")}, companions={m: v("overlap")}, totals={m: self.rho},
            further={mhat: v("precision"), m_u: u("overlap"), mhat_u: u("precision"), V_u: u("mmse"), **inner},
            free_entropy=known + self.beta * snr * m_u * m / 2, precision=mhat,
            step=(self.beta * snr * self.prior_u.overlap(snr * m), self.prior_v.mmse(mhat), self.prior_v.overlap(mhat)),
        )

    @property
    def working_form_scale(self):
        return self.rho

    @property
    def uninformed_overlap(self):
        return self.prior_v.uninformed_overlap

    @property
    def limit_states(self):
        if self.prior_u.uninformed_overlap != 0 or self.prior_v.uninformed_overlap != 0:
            return ()
        nothing = dict.fromkeys(self.order_parameters, sp.S.Zero)
        onset = sp.sqrt(self.beta * self.prior_u.susceptibility * self.prior_v.susceptibility)
        return (LimitState(
            name="no signal", end="start", values={**nothing, V: self.rho, V_u: self.prior_u.second_moment},
            free_entropy=sp.S.Zero, stable_below=1 / onset,
        ),)
