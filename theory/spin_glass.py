r"""Spherical spin glasses, pure and mixed: random polynomials on a sphere.

H = sum_p sqrt(w_p) N^(-(p-1)/2) sum_{i_1...i_p} g_{i_1...i_p} x_{i_1}...x_{i_p} with standard normal g on |x|^2 = N, so
that E H(x) H(y) = N sum_p w_p (x.y/N)^p.  (Crisanti, Sommers, Z. Phys. B 87, 341 (1992).)  With weights w_p >= 0 these
are all covariances that depend on the angle only, in every dimension (Schoenberg, Duke Math. J. 9, 96 (1942)).  What is
known of them here is how many critical points they have, by energy and index: ``theory/landscape.py``.

Pure, Q(x) = x^p, p >= 3: all critical points of an energy have the same t = -E sqrt(p/(p-1)).  Below -E_inf =
-2 sqrt((p-1)/p) their index is finite, with

.. math:: \Theta_k(E) = \tfrac12 \log(p-1) - \frac{p-2}{4(p-1)} E^2 - (k+1)\, I(t), \qquad \Theta_k(-E_k) = 0,

E_0 > E_1 > ... > E_inf: minima from -E_0 on (the ground state), saddles of index k from -E_k on.  Above -E_inf the
index is extensive, the fraction of the semicircle beyond t.  In total log(p-1)/2.  p = 2 has N pairs of critical
points, the eigenvectors, with energies from -sqrt 2 to sqrt 2: every complexity is 0.

Mixed: at an energy t is not fixed, and Theta_k is the maximum over t.  Typical minima have a gap below -E'_inf, where
t > 2 at the maximum, and are marginal (t = 2) above, up to an end -E^-, where all finite indices are alike.  So

.. math:: G = 2\,\Theta_0(-E'_\infty) = \log\frac{Q''}{Q'} - \frac{(Q''-Q') (Q''-Q'+Q'^2/Q)\, Q}{Q''\, Q'^2}

tells (Auffinger, Ben Arous, Ann. Probab. 41, 4214 (2013), with Q(1) = 1) whether a mixture is *pure-like*, G > 0, with
bands E_0 > E_1 > ... > E'_inf in layers; or a *full mixture*, G < 0: then every minimum is marginal, all E_k are equal,
and in the mean critical points of extensive index begin below -E_0, where there are none: the mean number is no
typical one, and -E_0 a lower bound of the ground state.  Where Q'' < Q', as in a strong field (a term p = 1), there are
two critical points; the minimum has the energy -sqrt(Q').

Losses of networks of H layers of rectified linear units have been related to the pure p = H (Choromanska et al.,
AISTATS 2015): critical points of low index lie in layers above the lowest minima.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import sympy as sp

from .landscape import Landscape
from .model import Model
from .parameters import number, positive

__all__ = ["SphericalSpinGlass"]

_HIGHEST = 10**6  # degree: beyond it weights of derivatives lose digits that energies need


@dataclass(frozen=True, repr=False)
class SphericalSpinGlass(Model):
    """Random polynomial on the sphere |x|^2 = N, of covariance N sum_p weight_p (x.y/N)^p.

    Parameters
    ----------
    weights : mapping of degree p to weight
        Weights are variances.  Degrees are whole numbers from 1 on, at least one above 1; a symbol for a degree or a
        weight is a control.

    Raises
    ------
    TypeError, ValueError
        For anything else, with the cure.
    """

    weights: Any

    title = "spherical spin glass"
    solved_by = "counting"
    units = "log of the mean number of critical points, per spin, in nats; energies are H/N, per spin"
    references = (
        "Auffinger, Ben Arous, Cerny, Comm. Pure Appl. Math. 66, 165 (2013)",
        "Auffinger, Ben Arous, Ann. Probab. 41, 4214 (2013)",
        "Subag, Ann. Probab. 45, 3385 (2017)",
        "Choromanska, Henaff, Mathieu, Ben Arous, LeCun, AISTATS, PMLR 38, 192 (2015)",
    )

    def __post_init__(self) -> None:
        given = self.weights
        if not isinstance(given, (Mapping, sp.Dict)):
            raise TypeError(f"weights = {given!r}: give a mapping of degrees to weights, such as {{3: 1}}")
        terms = {_degree(p): positive(f"weights[{p}]", w, cure="a weight is a variance: leave out a term that is not "
                                                               "there") for p, w in given.items()}
        if len(terms) < len(given):
            raise ValueError(f"weights = {given}: one degree is given twice; add its weights up")
        if not terms or all(p == 1 for p in terms):
            raise ValueError(f"weights = {dict(given)}: a linear function on the sphere has two critical points, "
                             "nothing to count; give a degree from 2 on")
        object.__setattr__(self, "weights", sp.Dict(terms))

    def __repr__(self) -> str:
        said = (f"{p}: {float(w)!r}" if w.is_Float else f"{p}: {w}" for p, w in self.landscape.terms)
        return f"{type(self).__name__}({{{', '.join(said)}}})"

    def at(self, values: Mapping[sp.Symbol, Any]) -> Self:
        """Return the same model with symbols replaced by values.

        Raises
        ------
        ValueError
            If two degrees become one.
        """
        if not self.free_symbols & set(values):
            return self
        terms: dict[Any, Any] = {}
        for p, w in self.weights.items():
            degree = p.subs(values)
            if degree in terms:
                raise ValueError(f"{p} = {degree}: there is a term of this degree already; give another value")
            terms[degree] = w.subs(values)
        return type(self)(terms)

    @property
    def own_controls(self):
        """None: its controls are the symbols among degrees and weights."""
        return ()

    @property
    def order_parameters(self):
        """None: nothing is extremised."""
        return ()

    @property
    def landscape(self) -> Landscape:
        """H, by its covariance."""
        terms = sorted(self.weights.items(), key=lambda term: sp.default_sort_key(term[0]))
        return Landscape(tuple(terms), spiked=False)

    def _repr_latex_(self) -> str:
        from .exposition import as_latex, exposition

        return as_latex([line for line in exposition(self) if line.part == "complexity"])


def _degree(given: Any) -> sp.Expr:
    """Check a degree.

    Raises
    ------
    TypeError, ValueError
        If it is neither a whole number from 1 on nor a symbol.
    """
    if isinstance(given, sp.Expr) and given.free_symbols:
        return number("p", given)
    if isinstance(given, bool) or not isinstance(given, (numbers.Real, sp.Expr)):
        raise TypeError(f"p = {given!r}: give a degree as a whole number from 1 on")
    p: Any = given
    if not 1 <= p <= _HIGHEST:
        constant = ": x^0 adds the same number to all energies; leave it out" if p == 0 else ""
        raise ValueError(f"p = {p}{constant or f': give a degree as a whole number from 1 to {_HIGHEST}'}")
    if p != int(p):
        raise ValueError(f"p = {float(p):.12g}: x^p is the covariance of a function on the sphere for whole p only "
                         "(Schoenberg); give a whole number from 1 on")
    return sp.Integer(int(p))
