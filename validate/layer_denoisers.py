r"""Numeric denoisers of one layer of a network, from the same symbolic log-partition as the free entropy.

The layer v = phi(h) (:mod:`spinodal.theory.layers`) stands between what is known of its input, h ~ N(w, V), and what
is known of its output from above, the factor exp(B v - A v^2/2).  With its log-partition L(B, A, w, V)

.. math:: f_a = \partial_B L, \quad f_v = \partial_B^2 L, \quad g = \partial_w L, \quad \partial_w g = \partial_w^2 L :

posterior mean and variance of v, and what the layer tells below of h.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from ..theory.channels import Channel
from ..theory.layers import LayerLaw
from ..theory.parameters import formula_symbol
from ..theory.special import LogInterval, LogNdtr
from .denoisers import Kernel, compiled_cumulants, require_numbers

__all__ = ["layer_denoiser"]

_A, _B, _W, _V = sp.symbols("A B omega V", real=True)
_PRECISION, _VARIANCE = sp.symbols("A V", positive=True)
_FIELD, _OUTPUT = formula_symbol("omega"), formula_symbol("y")  # as the terms of a layer call them


@cache
def layer_denoiser(activation: Channel) -> Kernel:
    """Return f(B, A, w, V) -> (f_a, f_v, g, dg/dw), vectorised over B and w; A >= 0 and V > 0 are scalars.

    A = 0, B = 0 gives what is known of the output from below alone.

    Raises
    ------
    ValueError
        If the activation still holds symbols.
    """
    require_numbers("activation", activation)
    law = LayerLaw(*activation.law.args)
    written = law._terms(_PRECISION, law.noise + 1 / _PRECISION, _VARIANCE + law.input_noise)[""]
    terms = [_in_fields(term) for term in written]
    return compiled_cumulants((_B, _A, _W, _V), terms, (_B, _W))


def _in_fields(term: sp.Expr) -> sp.Expr:
    """A term of log[sqrt(2 pi/A) p(y | w)] as one of L = log[...] + B^2/(2 A), B = A y, regular at A = 0.

    Left as it is, every part would diverge there as 1/A.
    """
    term = term.subs({_OUTPUT: _B / _PRECISION, _FIELD: _W})
    parts = sp.Add.make_args(term)
    square = [part for part in parts if not part.atoms(sp.Function)]
    others = [part for part in parts if part.atoms(sp.Function)]
    tidy = sp.Add(*(part.replace(
        lambda e: isinstance(e, (sp.log, LogNdtr, LogInterval)), lambda e: e.func(*map(_linear, e.args))
    ) for part in others))
    whole = sp.Add(*square) + _B**2 / (2 * _PRECISION)
    polynomial = sp.Poly(sp.cancel(sp.together(whole)), _B, _W)
    tidy += sp.Add(*(sp.cancel(value) * _B**i * _W**j for (i, j), value in polynomial.terms()))
    return tidy.xreplace({_PRECISION: _A, _VARIANCE: _V})


def _linear(value: sp.Expr) -> sp.Expr:
    """The argument of a logarithm or a probability, linear in both fields, by its three coefficients."""
    rates = {field: value.diff(field) for field in (_B, _W)}
    rest = value.subs({_B: 0, _W: 0})
    return _simple(rest) + sum(_simple(rate) * field for field, rate in rates.items())


def _simple(value: sp.Expr) -> sp.Expr:
    """A number of each call: a rational function of A and V times roots of such."""
    root = value.replace(lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2,
                         lambda e: sp.cancel(e.base) ** e.exp)
    return sp.Mul(*(sp.cancel(factor) for factor in sp.Mul.make_args(sp.factor_terms(root))))
