r"""Generalized linear models, Bayes-optimal and replica symmetric.

Teacher and student share everything: x in R^p with iid components of law P_x, rho = E x^2; rows F_a ~ N(0, 1/p) so that
z = F x has variance rho; y_a ~ P(. | z_a), a = 1 ... n, alpha = n/p.  Free entropy (per component of x, in nats)

.. math:: f(m, \hat m) = \Phi_x(\hat m) + \alpha\, \Phi_y(m) - \tfrac12 m \hat m, \qquad
   \Phi_x(\hat m) = E_{z, x_0} \ln E_x e^{\hat m x x_0 + \sqrt{\hat m} x z - \hat m x^2/2}, \qquad
   \Phi_y(m) = E_{v,z} \int dy\, P(y | \sqrt m v + \sqrt{\rho - m} z)
   \ln E_w P(y | \sqrt m v + \sqrt{\rho - m} w).

(Barbier, Krzakala, Macris, Miolane, Zdeborova, PNAS 116, 5451 (2019).)  In terms of the mutual information
I = rho mhat/2 - Phi_x of the scalar Gaussian channel and of the mean-squared error V = rho - m it reads

.. math:: f = \tfrac12 V \hat m - I(\hat m) + \alpha\, \Phi_y(V),

whose saddle point V = mmse(mhat), mhat = alpha E[g_out^2](V) is solved for alpha: every fixed point, stable or not,
lies on the curve alpha(mhat) = mhat / E[g_out^2](mmse(mhat)).

Limits.  No signal, m = 0: a fixed point if E x = 0 and phi is even; it loses stability at
alpha = 1/(Var(x)^2 E[(d^2 ln Z/dw^2)^2]).  Perfect recovery, V = 0, without any noise: with rho_s the weight of the
density in the prior and c the probability that y is continuous, V mhat -> rho_s and V E[g^2] -> c as V -> 0, hence
f = (alpha c - rho_s)/2 ln(1/V) + O(1): stable and of f = +infinity for alpha > rho_s/c.  If c = 0 (y is discrete) a
discrete prior keeps it stable for all alpha > 0, with f = -H(x).
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .channels import Channel, Sign
from .evidence import u
from .forms import LimitState, WorkingForm
from .means import GaussianMean
from .model import Model
from .parameters import formula_symbol
from .priors import Prior

__all__ = ["GLM"]

alpha, m, V, mhat, _W = map(formula_symbol, ("alpha", "m", "V", "mhat", "omega"))


@dataclass(frozen=True)
class GLM(Model):
    """y = channel(F x), x ~ prior, F_ij ~ N(0, 1/p), alpha = n/p.

    Parameters
    ----------
    prior : Prior
    channel : Channel
    """

    prior: Prior
    channel: Channel

    title = "generalized linear model"
    references = (
        "Barbier, Krzakala, Macris, Miolane, Zdeborova, PNAS 116, 5451 (2019)",
        "Zdeborova, Krzakala, Advances in Physics 65, 453 (2016)",
    )

    def __post_init__(self):
        for name, kind in (("prior", Prior), ("channel", Channel)):
            if not isinstance(getattr(self, name), kind):
                example = "Rademacher()" if kind is Prior else "Sign()"
                raise TypeError(f"{name} = {getattr(self, name)!r} is not a {name}: give one such as {example}")

    @property
    def rho(self) -> sp.Expr:
        """E x^2 = E z^2."""
        return self.prior.second_moment

    @property
    def order_parameters(self):
        return (m, mhat, *self.prior.order_parameters)

    @property
    def own_controls(self):
        return (alpha,)

    @property
    def free_entropy(self):
        return self.prior.log_evidence(mhat) + alpha * self.channel.average(u[0], self.rho - m, m) - m * mhat / 2

    @property
    def working_form(self):
        information, output = self.prior.information(mhat), self.channel.average(u[0], V, m)
        return WorkingForm(
            free_entropy=V * mhat / 2 - information + alpha * output,
            order_parameters=(V, mhat),
            companions={m: self.prior.overlap(mhat)},
            totals={m: self.rho},
            control=alpha,
            further=self.prior.order_parameters_at(mhat),
        )

    @property
    def working_form_scale(self):
        return self.rho

    @property
    def uninformed_overlap(self):
        return self.prior.uninformed_overlap

    @property
    def observables(self):
        """As documented in the README: errors of the signal, of the labels, and information in nats."""
        f = formula_symbol("f")
        spread = V + self.channel.input_noise
        variance = self.channel.mean_output(_W, spread, power=2) - self.channel.mean_output(_W, spread) ** 2
        variance = sp.expand(variance) if variance.is_polynomial(_W) else variance
        found = {
            "overlap": m,
            "mse": V,
            "generalisation_error": self.channel.noise + GaussianMean(variance, _W, 0, m),
            "label_entropy": -f,
            "mutual_information": -f - alpha * self.conditional_entropy,
            "mutual_information_per_sample": -f / alpha - self.conditional_entropy,
        }
        if isinstance(self.channel, Sign) and self.channel.noise == 0 and self.channel.input_noise == 0:
            found["gibbs_error"] = 2 * sp.asin(sp.sqrt(V / (2 * self.rho))) / sp.pi  # arccos(m/rho)/pi
            found["bayes_vote_error"] = sp.atan2(sp.sqrt(V), sp.sqrt(m)) / sp.pi  # arccos(sqrt(m/rho))/pi
        return found

    def observables_at(self, name):
        if name != "perfect recovery":
            return {}
        information = self.prior.entropy  # all of x is known: infinite for a density
        return {"generalisation_error": sp.S.Zero, "mutual_information": information,
                "mutual_information_per_sample": information / alpha}

    @property
    def conditional_entropy(self) -> sp.Expr:
        """H(y | z) per sample in nats, relative to the channel's reference measure."""
        if self.channel.input_noise != 0:
            return -self.channel.average(u[0], sp.S.Zero, self.rho)
        if self.channel.noise != 0:
            return sp.log(2 * sp.pi * sp.E * self.channel.noise) / 2
        return -sp.oo if any(c != 0 for *_, c, _ in self.channel.pieces) else sp.S.Zero

    @property
    def limit_states(self):
        states = []
        further = self.prior.order_parameters
        if self.prior.uninformed_overlap.is_zero and self.channel.is_even:
            curvature = self.channel.average(u[2] ** 2, self.rho, sp.S.Zero)
            states.append(LimitState(
                name="no signal", end="start",
                values={**dict.fromkeys((m, mhat, *further), sp.S.Zero), V: self.rho},
                free_entropy=alpha * self.channel.average(u[0], self.rho, sp.S.Zero),
                stable_below=1 / (self.prior.susceptibility * curvature),
            ))
        if self.channel.noise == 0 and self.channel.input_noise == 0:
            density, continuous = self.prior.continuous_weight, self.channel.continuous_probability(self.rho)
            threshold = density / continuous if continuous != 0 else None
            if threshold is not None or density == 0:
                states.append(LimitState(
                    name="perfect recovery", end="stop",
                    values={m: self.rho, V: sp.S.Zero, mhat: sp.oo, **self.prior.known_order_parameters},
                    free_entropy=-self.prior.entropy if threshold is None else sp.oo, infinite_above=threshold,
                    stable_above=threshold,
                ))
        return tuple(states)
