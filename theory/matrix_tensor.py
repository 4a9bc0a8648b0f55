r"""The spiked matrix-tensor model: one signal, seen through a noisy matrix and a noisy tensor.

Signal v on the sphere |v|^2 = N, uniform; Y_ij = v_i v_j/sqrt(N) + noise of variance delta_2, and T_{i_1...i_p} =
sqrt((p-1)!) v_{i_1}...v_{i_p}/N^((p-1)/2) + noise of variance delta_p, i_1 < ... < i_p.  The log-likelihood -H(x) is
Gaussian on the sphere |x|^2 = N, with m = x.v/N

.. math:: E[-H] = N Q(m), \qquad \mathrm{Cov}[H(x), H(y)] = N Q(x.y/N), \qquad
   Q(x) = \frac{x^2}{2 \delta_2} + \frac{x^p}{p\,\delta_p}.

(Sarao Mannelli, Biroli, Cammarota, Krzakala, Urbani, Zdeborova, Phys. Rev. X 10, 011057 (2020).)

**Bayes-optimal inference.**  Free entropy per component, in nats, relative to pure noise,

.. math:: \Phi(m) = \tfrac12 \ln(1 - m) + \tfrac m2 + \tfrac12 Q(m), \qquad Q'(m) = \frac{m}{1 - m} .

With mhat = m/(1 - m), the signal-to-noise ratio of a component, m = mhat/(1 + mhat) and the mean-squared error is
1/(1 + mhat): nothing cancels as m comes near 0 or 1.  State evolution is mhat -> Q'(m).  The couplings 1/delta enter
linearly, hence all boundaries are explicit curves of the overlap (``theory/coupling_lines.py``): a spinodal
is where mhat = Q'(m), 1 = Q''(m) dm/dmhat, two linear equations for 1/delta_2 and 1/delta_p,

.. math:: \frac{1}{\delta_2} = \frac{(p-1)(1-m) - 1}{(p-2)(1-m)^2}, \qquad
   \frac1{\delta_p} = \frac{1}{(p-2) m^{p-3} (1-m)^2},

for p = 3 delta_p = (1-m)^2 and delta_2 = delta_p/(2 sqrt(delta_p) - 1), from the tricritical point (1, 1) on.  For
p >= 4 two spinodals meet in a cusp at m = (p-3)/(p-1): delta_2 = 4 (p-2)/(p-1)^2.  The state m = 0 is stable for
delta_2 > 1.  The mutual information is I/N = Q(1)/2 - Phi.

**Gradient-based algorithms.**  Langevin dynamics at temperature T (1: it samples the posterior; 0: gradient flow)
comes from high temperature to the threshold states of the landscape, of self-overlap q with T^2/(1-q)^2 = Q''(q)
(marginal: the replicon is zero), and escapes to the signal if m = 0 is unstable there, m -> (1-q)/T Q'(m), that is
(1-q)/T > delta_2.  (At fixed q the tensor enters with the power p - 1 of m: it does not act at m = 0.)  Together

.. math:: \frac{1}{\delta_2^2} = \frac1{\delta_2} + \frac{(p-1)(1 - T \delta_2)^{p-2}}{\delta_p}, \quad
   \delta_p = \frac{(p-1)(1 - T\delta_2)^{p-2} \delta_2^2}{1 - \delta_2}:

success above.  At T delta_2 = 1, q = 0: no glass is in the way, and for T >= 1 success ends there.  The argument takes
one q only.  Relaxation below it is a single aging sector where x(q) = T Q'''(q)/(2 Q''(q)^(3/2)) is below 1 and falls
with q; where it grows, Q'''' Q'' > (3/2) Q'''^2, replica symmetry is broken in full and the line is formal: for every T
beyond delta_2 = p/(3 (p-2)), which for p = 3 is 1.  It is formal where x > 1, too: at T = 1 that is stricter for p > 6,
delta_2 > 2/(p-2); at T > 1 it happens for every p as T delta_2 comes to 1.  (Sarao Mannelli, Krzakala, Urbani,
Zdeborova, ICML 2019.)

**Landscape.**  It is trivial where spurious minima are no longer exponentially many: Sigma(m) < 0, the annealed
complexity of ``theory/landscape.py``, at m = 0, or at any m but that of isolated minima, where Sigma touches 0.  For
odd p minima survive longer at m < 0, in one of two ways: around a maximum of Sigma near 0, where an eigenvalue is held
back (theta > 1), or around the isolated minimum opposite to the signal, which with little tensor is as -v in place of
v: it becomes marginal where Q'(m)/m = sqrt(Q''(1)), m^2 = 1 - Q'(1)/Q''(1).

With several tensors, p = (3, 4), Q has a term for each, and each its delta_p.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import sympy as sp

from .forms import CouplingForm, Criterion
from .landscape import Landscape
from .model import Model
from .parameters import formula_symbol, number
from .special import PoleEntropy

__all__ = ["MatrixTensor"]

_HIGHEST = 300  # order: overlaps are taken to this power
_LEAST = 1e-200  # noise: couplings are squared

m, V, mhat = map(formula_symbol, ("m", "V", "mhat"))


@dataclass(frozen=True)
class MatrixTensor(Model):
    """A matrix and tensors of rank one in Gaussian noise, with one spherical signal.

    Parameters
    ----------
    p : int or tuple of int
        Order of the tensor, 3 or more; of several, each its control: ``p=(3, 4)`` has delta_2, delta_3, delta_4.
    temperature : number
        Of the Langevin dynamics whose threshold is looked for beside that of gradient flow.
    """

    p: Any = 3
    temperature: Any = 1

    title = "spiked matrix-tensor model"
    units = "KL divergence of the data from pure noise, per component of the signal, in nats"
    solved_by = "couplings"
    boundary_words = MappingProxyType({
        "continuous uninformative": "AMP: weak recovery",
        "spinodal uninformative": "AMP: algorithmic spinodal",
        "langevin ": "Langevin dynamics",
        "langevin formal": "Langevin dynamics, formal (full RSB)",
        "gradient_flow ": "gradient flow",
        "gradient_flow formal": "gradient flow, formal (full RSB)",
        "trivialisation orthogonal": "trivialisation at m = 0",
        "trivialisation any overlap": "trivialisation at any m",
    })
    references = (
        "Sarao Mannelli, Biroli, Cammarota, Krzakala, Urbani, Zdeborova, Phys. Rev. X 10, 011057 (2020)",
        "Sarao Mannelli, Krzakala, Urbani, Zdeborova, Proc. ICML 97, 4333 (2019)",
        "Ros, Ben Arous, Biroli, Cammarota, Phys. Rev. X 9, 011003 (2019)",
    )

    def __post_init__(self) -> None:
        several = isinstance(self.p, (tuple, list))
        orders = tuple(map(_order, self.p)) if several else (_order(self.p),)
        if not orders or (several and sorted(set(orders)) != list(orders)):
            raise ValueError(f"p = {self.p!r}: give different orders, the lowest first, such as (3, 4)")
        object.__setattr__(self, "p", orders if several else orders[0])
        object.__setattr__(self, "temperature", number("temperature", self.temperature, low=0.0))

    @cached_property
    def noises(self) -> Mapping[Any, sp.Symbol]:
        """The control of each order: delta_2, and delta_p or, of several tensors, delta_3, delta_4, ..."""
        if isinstance(self.p, tuple):
            return {k: formula_symbol(f"delta_{k}") for k in (2, *self.p)}
        return {2: formula_symbol("delta_2"), self.p: formula_symbol("delta_p")}

    @property
    def order_parameters(self):
        return (m,)

    @property
    def own_controls(self):
        return tuple(self.noises.values())

    @property
    def landscape(self) -> Landscape:
        """-log-likelihood as a random function of the estimate: covariance N Q(x.y/N), mean -N Q(m)."""
        return Landscape(tuple((sp.sympify(k), 1 / (k * delta)) for k, delta in self.noises.items()), spiked=True)

    @property
    def free_entropy(self):
        return sp.log(1 - m) / 2 + m / 2 + self.landscape.covariance(m) / 2

    def saddle_point(self) -> tuple[sp.Eq, ...]:
        """Q'(m) = m/(1 - m)."""
        return (sp.Eq(self.landscape.covariance(m, 1), m / (1 - m), evaluate=False),)

    @property
    def coupling_form(self) -> CouplingForm:
        return CouplingForm(
            parameter=mhat, overlap=m, mse=V, overlap_at=mhat / (1 + mhat), mse_at=1 / (1 + mhat),
            entropy=-PoleEntropy(-mhat) / 2,
            terms={delta: m**k / (2 * k) for k, delta in self.noises.items()},
            forces={delta: m ** (k - 1) for k, delta in self.noises.items()},
        )

    @property
    def observables(self):
        """As documented in the README: errors of the signal, the matrix and the tensors; information in nats."""
        tensors = {f"tensor_mse_{k}" if isinstance(self.p, tuple) else "tensor_mse": _unknown(k)
                   for k in self.noises if k != 2}
        left = sp.Add(*(_unknown(k) / (2 * k * delta) for k, delta in self.noises.items()))
        return {
            "overlap": m, "mse": V, "matrix_mse": _unknown(2), **tensors,
            "mutual_information": left - (sp.log(V) + m) / 2,  # Q(1)/2 - f
        }

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return (*self._escapes(), *self._trivial_landscapes())

    def _escapes(self) -> Iterator[Criterion]:
        """Where dynamics at a temperature escapes from the threshold states of m = 0."""
        noise = self.noises[2]
        for kind, temperature in {"langevin": self.temperature, "gradient_flow": sp.S.Zero}.items():
            q = 1 - temperature * noise
            second, third, fourth = (self.landscape.covariance(q, order) for order in (2, 3, 4))
            tensors = sp.Add(*((k - 1) * q ** (k - 2) / delta for k, delta in self.noises.items() if k != 2))
            yield Criterion(
                kind=kind, branch="", conditions=((1 - noise) / noise**2 - tensors, q, 1 - noise),
                formal=sp.Max(fourth * second - sp.Rational(3, 2) * third**2,
                              temperature * third - 2 * second ** sp.Rational(3, 2)),
                phrase="Langevin" if kind == "langevin" else "gradient flow",
            )

    def _trivial_landscapes(self) -> Iterator[Criterion]:
        """Where minima that are exponentially many have gone, at m = 0 or wherever m <= 0."""
        at_0, everywhere = -self.landscape.minima(sp.S.Zero), -self.landscape.minima(m)
        weak = 1 - self.noises[2]
        is_odd = any(order % 2 for order in self.noises)
        yield Criterion(kind="trivialisation", branch="orthogonal", conditions=(at_0, weak),
                        phrase="trivial landscape" if not is_odd else "trivial at m = 0")
        if is_odd:
            first, second = (self.landscape.covariance(sp.S.One, order) for order in (1, 2))
            end = -sp.sqrt(1 - first / second)
            opposite = sp.Add(*(end ** (k - 2) / delta for k, delta in self.noises.items())) - sp.sqrt(second)
            held_back = self.landscape.covariance(m, 2) * (1 - m**2) - sp.sqrt(second)
            yield Criterion(kind="trivialisation", branch="any overlap", conditions=(opposite, weak),
                            worst=(m, everywhere, held_back), phrase="trivial landscape")

    def check_point(self, values: Mapping[str, float]) -> None:
        """Refuse noise that is zero or negative; infinite noise says that there is no such observation.

        Raises
        ------
        ValueError
        """
        for name, value in values.items():
            if not value >= _LEAST:
                limit = (": without noise the signal is known exactly, m = 1" if value == 0 else " is no variance"
                         if not value > 0 else f": the signal is known to more than {-math.log10(_LEAST):.0f} digits")
                raise ValueError(f"{name} = {value:g}{limit}; give a number from {_LEAST:g} on, or inf for no such "
                                 "observation")


def _unknown(k: Any) -> sp.Expr:
    """1 - m^k by V = 1 - m, of which no digits are lost where it is small."""
    return V * sp.Add(*(m**j for j in range(k))) if isinstance(k, int) else 1 - m**k


def _order(p: Any) -> Any:
    """Check the order of a tensor: a whole number from 3 on, or a symbol.

    Raises
    ------
    TypeError, ValueError
    """
    if isinstance(p, sp.Symbol):
        return number("p", p)
    if isinstance(p, bool) or not isinstance(p, (numbers.Real, sp.Number)):
        raise TypeError(f"p = {p!r}: give the order of the tensor as a whole number from 3 on")
    if p == 2:
        raise ValueError("p = 2: a tensor of order 2 is a matrix, whose noise adds to that of the first as 1/delta_2 = "
                         "1/delta + 1/delta'; leave it out")
    if not math.isfinite(p) or not p <= _HIGHEST:
        raise ValueError(f"p = {p}: give the order of the tensor as a whole number from 3 to {_HIGHEST}")
    if p != int(float(p)):
        raise ValueError(f"p = {p}: x^p is the covariance of a function on the sphere for whole p only (Schoenberg, "
                         "Duke Math. J. 9, 96 (1942)); give a whole number from 3 on")
    if p < 3:
        raise ValueError(f"p = {p}: give the order of the tensor as a whole number from 3 on")
    return int(float(p))
