r"""Generative priors: the signal is the output of a network of random weights.

.. math:: v = \phi_L\big(W_L \cdots \phi_1(W_1 z/\sqrt{n_0}) \cdots\big), \qquad W_l \in R^{n_l \times n_{l-1}}
   \text{ with standard normal entries}, \quad \alpha_l = n_l/n_{l-1}, \quad z_i \sim P_z \text{ iid}, \quad p = n_L .

Seen through a Gaussian channel of precision A, the mutual information of v and its observation per component of v is

.. math:: I(A) = \operatorname{stat}\Big\{\sum_{l=1}^L \frac{n_l}{p} I_l(\hat m_{l+1}, V_l)
   + \frac{n_0}{p} I_z(\hat m_1) - \sum_{l=1}^L \frac{n_{l-1}}{2p}\, \hat m_l V_l\Big\}, \qquad \hat m_{L+1} = A,

with V_l the mean-squared error of the input of layer l, mhat_l the precision at which that layer shows it, and I_l the
information of one layer (:mod:`spinodal.theory.layers`).  Stationary where

.. math:: \hat m_l = \alpha_l\, E g_l^2(\hat m_{l+1}, V_l), \qquad V_1 = \mathrm{mmse}_z(\hat m_1), \quad
   V_{l+1} = \mathrm{mmse}_l(\hat m_{l+1}, V_l),

which is state evolution of multi-layer message passing (Manoel, Krzakala, Mezard, Zdeborova, ISIT 2017; Aubin,
Loureiro, Maillard, Krzakala, Zdeborova, NeurIPS 2019).  By stationarity dI/dA = mmse/2, the last layer's.

No knowledge.  If every layer is centred, E phi_l(h) = 0, and E z = 0, nothing is known of v without observations; a
faint one shows it by dq/dA = chi_L,

.. math:: \chi_l = \rho_l^2 + \alpha_l c_l^4 \chi_{l-1}, \qquad \chi_0 = \operatorname{Var}(z)^2, \qquad
   c_l = E\phi_l'(h) = E[h \phi_l(h)]/E h^2 :

the output's own variance, and what the layer below learns from mhat_l = alpha_l c_l^2 A and gives back, c_l^2 m_l.

Full knowledge.  Atoms that a layer puts out, or a discrete z, can be known exactly: a layer with a jump tells so much
of them, E g^2 ~ V^(-1/2), that the exact state is stable at any noise, however few iterations can find it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from .channels import Channel
from .evidence import EvidenceMean, u
from .layers import LayerLaw, LayerMean
from .means import GaussianMean
from .parameters import formula_symbol, positive
from .priors import Gaussian, Prior
from .solved import SolvedMean
from .special import LeastOf

__all__ = ["Generative", "Network"]

_W = formula_symbol("omega")


class Network(sp.Basic):
    """The equations of a generative prior.

    ``args`` are the layers, (law, ratio) each, the latent law, the second moments rho_0 ... rho_L of z and of the
    layers' outputs, and the overlaps m_1 ... m_L with the layers' inputs that are known without observations.

    Quantities of the last layer's output at precision A (``SolvedMean``): ``information``, ``mmse``, ``overlap``, and
    of the layers l: ``m_l``, ``mhat_l``.
    """

    symbol = "v"

    layers = property(lambda self: tuple((law, ratio) for law, ratio in self.args[0]))
    latent = property(lambda self: self.args[1])
    powers = property(lambda self: self.args[2])
    uninformed = property(lambda self: self.args[3])

    @staticmethod
    def rate(kind: str, order: int) -> tuple[sp.Expr, str, int]:
        """Derivatives by the precision: I' = mmse/2, and overlap and mmse have a constant sum."""
        if kind == "information":
            return sp.Rational(1, 2), "mmse", order
        return (-sp.S.One, "mmse", order + 1) if kind == "overlap" else (sp.S.One, kind, order + 1)


@dataclass(frozen=True)
class Generative(Prior):
    """v = phi_L(W_L ... phi_1(W_1 z/sqrt(n_0)) ...), z_i ~ latent, W_ij ~ N(0, 1).

    Parameters
    ----------
    layers : sequence of (Channel, ratio)
        Activation and n_out/n_in, the first layer first.  An activation may carry noise of its own.
    latent : Prior
        Law of the components of z, not itself a network.

    Raises
    ------
    TypeError, ValueError
        If a layer is no such pair, or the latent law no prior of independent components.
    """

    layers: Sequence[tuple[Channel, Any]]
    latent: Prior = field(default_factory=Gaussian)

    def __post_init__(self):
        example = "give pairs such as layers=[(ReLU(), 2)]"
        if not isinstance(self.layers, Sequence) or isinstance(self.layers, str) or not self.layers:
            raise ValueError(f"layers = {self.layers!r}: {example}, at least one")
        checked = []
        for k, layer in enumerate(self.layers):
            if not isinstance(layer, Sequence) or len(layer) != 2:
                raise TypeError(f"layers[{k}] = {layer!r} is not a pair (activation, ratio): {example}")
            activation, ratio = layer
            if not isinstance(activation, Channel):
                raise TypeError(f"layers[{k}] has the activation {activation!r}, which is not a channel: {example}")
            checked.append((activation, positive(f"layers[{k}] ratio", ratio)))
        if not isinstance(self.latent, Prior):
            raise TypeError(f"latent = {self.latent!r} is not a prior: give one such as Gaussian()")
        if isinstance(self.latent, Generative):
            raise ValueError("latent is itself generative: put its layers before these ones")
        self._check(layers=tuple(checked))

    @property
    def law(self) -> Network:
        """The equations whose solution gives overlap, mmse and information."""
        layers = sp.Tuple(*(sp.Tuple(LayerLaw(*activation.law.args), ratio) for activation, ratio in self.layers))
        return Network(layers, self.latent.law, sp.Tuple(*self.powers), sp.Tuple(*self.uninformed_overlaps[:-1]))

    @property
    def components(self):
        raise ValueError("the components of a generative prior are not independent: it has no law of one component")

    def log_partition(self, A, B):
        raise NotImplementedError("the components of a generative prior are not independent: use its layers")

    posterior = log_partition

    # -- what is known of the size of things -----------------------------------------------------------------------

    @property
    def powers(self) -> tuple[sp.Expr, ...]:
        """rho_0 ... rho_L: the second moments of z and of the layers' outputs."""
        found = [self.latent.second_moment]
        for activation, _ in self.layers:
            found.append(activation.output_second_moment(found[-1]))
        return tuple(found)

    @property
    def sizes(self) -> tuple[sp.Expr, ...]:
        """n_0/p ... n_L/p."""
        found = [sp.S.One]
        for _, ratio in reversed(self.layers):
            found.append(found[-1] / ratio)
        return tuple(reversed(found))

    @property
    def second_moment(self):
        return self.powers[-1]

    @property
    def uninformed_overlaps(self) -> tuple[sp.Expr, ...]:
        """What is known without any observation, from the latent mean up: E_w (E phi)^2, w ~ N(0, m_l)."""
        found = [self.latent.first_moment**2]
        for (activation, _), rho in zip(self.layers, self.powers, strict=False):
            m = found[-1]
            mean = activation.mean_output(_W, rho - m + activation.input_noise)
            found.append(mean.subs(_W, 0) ** 2 if m.is_zero else GaussianMean(mean**2, _W, 0, m).doit())
        return tuple(sp.simplify(value) if not value.has(GaussianMean) else value for value in found)

    @property
    def uninformed_overlap(self):
        return self.uninformed_overlaps[-1]

    @property
    def first_moment(self):
        """E v: zero if the last activation is centred."""
        activation, _ = self.layers[-1]
        return activation.mean_output(sp.S.Zero, self.powers[-2] + activation.input_noise)

    @property
    def susceptibilities(self) -> tuple[sp.Expr, ...]:
        """chi_0 ... chi_L of the head of this file, where nothing is known without observations."""
        found = [self.latent.susceptibility]
        for (activation, ratio), below, rho in zip(self.layers, self.powers, self.powers[1:], strict=False):
            spread = below + activation.input_noise
            found.append(rho**2 + ratio * activation.mean_slope(spread) ** 4 * found[-1])
        return tuple(found)

    @property
    def susceptibility(self):
        return self.susceptibilities[-1]

    @property
    def continuous_weight(self):
        """Information dimension of v per component: how many of its degrees of freedom A mmse(A) counts."""
        dimension = self.latent.continuous_weight
        for (activation, ratio), rho in zip(self.layers, self.powers, strict=False):
            if activation.noise != 0:
                dimension = sp.S.One
            else:
                dimension = sp.Min(dimension / ratio if activation.input_noise == 0 else sp.oo,
                                   activation.continuous_probability(rho))
        return dimension

    # -- averages --------------------------------------------------------------------------------------------------

    def overlap(self, A):
        return SolvedMean("overlap", 0, self.law, A)

    def mmse(self, A):
        return SolvedMean("mmse", 0, self.law, A)

    def information(self, A):
        return SolvedMean("information", 0, self.law, A)

    @property
    def entropy(self):
        """Of v, per component and in nats; infinite if there is a density."""
        if not self.continuous_weight.is_zero:
            return sp.oo
        flat = [k for k, (activation, _) in enumerate(self.layers) if activation.is_flat]
        if not flat:  # real numbers tell a discrete z
            return self.sizes[0] * self.latent.entropy
        last = flat[-1]
        told = replace(self, layers=self.layers[: last + 1])
        found = told.exact_state
        # by the state of least information, which is the equilibrium
        own = told.atom_entropy if found is None else LeastOf(told.atom_entropy, found[0])
        return self.sizes[last + 1] * own

    @property
    def atom_entropy(self) -> sp.Expr:
        """Of v whose last layer puts out atoms: what is known of v where they are told apart to rounding."""
        return self.information(self.telling_precision)

    @property
    def telling_precision(self) -> sp.Expr:
        """Precision at which the atoms of the last layer are told apart to rounding."""
        activation, _ = self.layers[-1]
        atoms = sorted({d for *_, d in activation.pieces})
        return _TELLING / min(b - a for a, b in itertools.pairwise(atoms)) ** 2

    # -- order parameters of the layers ----------------------------------------------------------------------------

    @property
    def order_parameters(self):
        """m_1, mhat_1, ...: overlap of the input of each layer and the precision at which the layer shows it."""
        return tuple(formula_symbol(f"{name}_{k + 1}") for k in range(len(self.layers)) for name in ("m", "mhat"))

    def order_parameters_at(self, A):
        return {s: SolvedMean(s.name, 0, self.law, A) for s in self.order_parameters}

    @property
    def known_order_parameters(self):
        """Those of a signal that is known: of every input, but for what lies behind atoms, which tell only so much."""
        flat = [k + 1 for k, (activation, _) in enumerate(self.layers) if activation.is_flat]
        return self._known_from(flat[-1] if flat else 0)

    def _known_from(self, first: int) -> dict[sp.Symbol, sp.Expr]:
        """Order parameters where the inputs of all layers from number `first` on are known."""
        behind = replace(self, layers=self.layers[:first]) if first else None
        found = dict(behind.order_parameters_at(behind.telling_precision)) if behind else {}
        names = self.order_parameters[2 * first :]
        for m, mhat, rho in zip(names[::2], names[1::2], self.powers[first:], strict=False):
            found |= {m: rho, mhat: sp.oo}
        return found

    @property
    def exact_state(self):
        """Where a layer with a jump has an input of atoms, which can then be known exactly (see above).

        Of the last such layer: the entropy of its input per component of v, and the order parameters.
        """
        for k in reversed(range(len(self.layers))):
            activation, _ = self.layers[k]
            if activation.noise != 0 or activation.input_noise != 0:
                return None
            below = replace(self, layers=self.layers[:k]) if k else self.latent
            if activation.has_jump and below.continuous_weight.is_zero:
                return self.sizes[k] * below.entropy, self._known_from(k)
        return None

    def log_evidence(self, A):
        names, total = self.order_parameters, sp.S.Zero
        pairs = [(names[2 * k], names[2 * k + 1]) for k in range(len(self.layers))]
        above = [mhat for _, mhat in pairs[1:]] + [sp.sympify(A)]
        rows = zip(self.layers, pairs, above, self.powers, self.sizes[1:], strict=False)
        for k, ((activation, ratio), (m, mhat), precision, rho, size) in enumerate(rows, start=1):
            law = LayerLaw(*activation.law.args, sp.Integer(k))
            total += size * LayerMean("log_partition", law, precision, rho - m, m) - size / ratio * m * mhat / 2
        return total + self.sizes[0] * EvidenceMean(u[0], self.latent.law, pairs[0][1])


_TELLING = 320  #: precision times gap^2 at which atoms are confused with probability e^(-320/8) = 4e-18
