r"""Spiked matrices: a signal of rank one in Gaussian noise, Bayes-optimal.

**Wigner.**  Y = v v^T/sqrt(p) + sqrt(delta) xi, symmetric p x p, xi_ij standard normal for i < j; v has iid components
of law P, rho = E v^2.  With q the overlap of the estimate with the signal,

.. math:: \frac1p I(v; Y) = \min_q i_{RS}(\delta, q), \qquad
   i_{RS} = \frac{(\rho - q)^2}{4\delta} + I\big(x; x + \sqrt{\delta/q}\,\xi\big), \quad x \sim P.

(Lelarge, Miolane, Probab. Theory Relat. Fields 173, 859 (2019); Barbier, Dia, Macris, Krzakala, Lesieur, Zdeborova,
NIPS 2016.)  In the terms of this package, with m = q and the precision mhat = m/delta of the scalar channel, I its
mutual information and V = rho - m = mmse(mhat),

.. math:: f = \tfrac12 V \hat m - I(\hat m) + \frac{m^2}{4\delta} = \frac{\rho^2}{4\delta} - i_{RS},

the KL divergence of Y from pure noise, per component, in nats.  It is linear in the signal-to-noise ratio snr =
1/delta, for which the saddle point is solved: every fixed point lies on the curve delta(mhat) = m(mhat)/mhat.

No signal, m = 0, is a fixed point if E v = 0; it loses stability at delta = rho^2, where the largest eigenvalue of Y
leaves the bulk (Baik, Ben Arous, Peche, Ann. Probab. 33, 1643 (2005)).
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .forms import LimitState, Reciprocal, WorkingForm
from .model import Model
from .parameters import formula_symbol, symbol
from .priors import Prior
from .special import OverlapPower

__all__ = ["SpikedWigner", "WignerByRatio"]

m, V, mhat = map(formula_symbol, ("m", "V", "mhat"))
delta, snr = map(symbol, ("delta", "snr"))


class _Wigner(Model):
    """What is the same whichever control is chosen; `ratio` is the signal-to-noise ratio in terms of it."""

    prior: Prior

    title = "spiked Wigner matrix"
    units = "KL divergence of the data from pure noise, per component of the signal, in nats"
    references = (
        "Lelarge, Miolane, Probab. Theory Relat. Fields 173, 859 (2019)",
        "Barbier, Dia, Macris, Krzakala, Lesieur, Zdeborova, Advances in NIPS 29 (2016)",
    )
    ratio: sp.Expr

    @property
    def rho(self) -> sp.Expr:
        """E v^2."""
        return self.prior.second_moment

    @property
    def order_parameters(self):
        return (m, mhat, *self.prior.order_parameters)

    @property
    def free_entropy(self):
        return self.prior.log_evidence(mhat) + self.ratio * m**2 / 4 - m * mhat / 2

    @property
    def observables(self):
        """As documented: errors of the signal and of the matrix v v^T, and information in nats."""
        f = formula_symbol("f")
        return {"overlap": m, "mse": V, "matrix_mse": V * (self.rho + m),
                "mutual_information": self.ratio * self.rho**2 / 4 - f}


@dataclass(frozen=True)
class SpikedWigner(_Wigner):
    """Y = v v^T/sqrt(p) + sqrt(delta) xi, v_i ~ prior.

    Parameters
    ----------
    prior : Prior
    """

    prior: Prior

    solved_by = "reciprocal"
    ratio = 1 / delta

    def __post_init__(self) -> None:
        if not isinstance(self.prior, Prior):
            raise TypeError(f"prior = {self.prior!r} is not a prior: give one such as Rademacher()")

    @property
    def own_controls(self):
        return (delta,)

    @property
    def reciprocal(self) -> Reciprocal:
        """By the signal-to-noise ratio, which enters linearly."""
        return Reciprocal(model=WignerByRatio(self.prior), inner=snr.name, outer=delta.name)


@dataclass(frozen=True)
class WignerByRatio(_Wigner):
    """The same with the control snr = 1/delta.

    Parameters
    ----------
    prior : Prior
    """

    prior: Prior

    ratio = snr

    @property
    def own_controls(self):
        return (snr,)

    @property
    def working_form(self):
        return WorkingForm(
            free_entropy=V * mhat / 2 - self.prior.information(mhat) + snr * OverlapPower(2, V, m) / 4,
            order_parameters=(V, mhat), companions={m: self.prior.overlap(mhat)}, totals={m: self.rho}, control=snr,
            further=self.prior.order_parameters_at(mhat),
        )

    @property
    def working_form_scale(self):
        return self.rho

    @property
    def uninformed_overlap(self):
        return self.prior.uninformed_overlap

    @property
    def limit_states(self):
        states = []
        if self.prior.uninformed_overlap == 0:
            nothing = dict.fromkeys((m, mhat, *self.prior.order_parameters), sp.S.Zero)
            states.append(LimitState(
                name="no signal", end="start", values={**nothing, V: self.rho}, free_entropy=sp.S.Zero,
                stable_below=1 / self.prior.susceptibility,
            ))
        if (found := self.prior.exact_state) is not None:
            entropy, inner = found
            states.append(LimitState(
                name="perfect recovery", end="stop", values={m: self.rho, V: sp.S.Zero, mhat: sp.S.Zero, **inner},
                slopes={mhat: self.rho}, free_entropy=snr * self.rho**2 / 4 - entropy,
            ))
        return tuple(states)
