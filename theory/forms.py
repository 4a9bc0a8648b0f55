"""Forms in which a model states its equations to the engine that solves them, and what it states beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sympy as sp

if TYPE_CHECKING:
    from .model import Model

__all__ = [
    "CouplingForm", "Criterion", "LimitState", "ParametricForm", "Reciprocal", "StateKind", "WorkingForm",
]


@dataclass(frozen=True, kw_only=True)
class WorkingForm:
    """The free entropy in the variables that keep their digits (the mse instead of rho - m).

    Attributes
    ----------
    free_entropy : expression in `order_parameters` and the controls
    order_parameters : tuple of Symbol
    companions : mapping of Symbol to expression
        Further quantities that appear in the averages, each with an expression of its own (the overlap m beside
        the mse V, so that neither is a difference of the other).
    control : Symbol
        The model's `linear_control`.
    totals : mapping of companion to expression
        What a companion and its order parameter add up to.
    further : mapping of Symbol to expression
        Other order parameters of the model, in those above.
    """

    free_entropy: sp.Expr
    order_parameters: tuple[sp.Symbol, ...]
    companions: Mapping[sp.Symbol, sp.Expr]
    control: sp.Symbol
    totals: Mapping[sp.Symbol, sp.Expr]
    further: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ParametricForm:
    """Fixed points as an explicit curve, control = value(parameter), where they are known as one.

    Attributes
    ----------
    parameter : Symbol
        s, over (0, inf).
    control : Symbol
    value : expression in s
        Of the control.
    order_parameters : tuple of Symbol
        The mse V.
    errors, companions : mapping of Symbol to expression in s
        V; the overlap m.
    totals, further : as of a `WorkingForm`
        `further` are expressions in s.
    free_entropy : expression in all of those symbols, s and the control
    precision : Symbol
        mhat, through which state evolution goes: m -> mhat -> (V, m).
    step : tuple of three expressions
        mhat in m and the control; V and m in mhat.
    """

    parameter: sp.Symbol
    control: sp.Symbol
    value: sp.Expr
    order_parameters: tuple[sp.Symbol, ...]
    errors: Mapping[sp.Symbol, sp.Expr]
    companions: Mapping[sp.Symbol, sp.Expr]
    totals: Mapping[sp.Symbol, sp.Expr]
    further: Mapping[sp.Symbol, sp.Expr]
    free_entropy: sp.Expr
    precision: sp.Symbol
    step: tuple[sp.Expr, sp.Expr, sp.Expr]


@dataclass(frozen=True, kw_only=True)
class LimitState:
    """A fixed point that exists for every control value but only as a limit of the order parameters.

    Attributes
    ----------
    name : str
        ``"no signal"`` or ``"perfect recovery"``.
    end : str
        The end of the curve of fixed points at which it stands, ``"start"`` or ``"stop"``.
    values : mapping of Symbol to expression
        Order parameters (``oo`` allowed).
    free_entropy : expression in the control
        Where it is finite.
    infinite_above : expression or None
        The free entropy is +infinity for controls above this value (and -infinity below it).
    stable_above, stable_below : expression or None
        Control value at which its stability changes; always stable if both are None.
    slopes : mapping of Symbol to expression
        By how much order parameters grow with the control.
    """

    name: str
    end: str
    values: Mapping[sp.Symbol, sp.Expr]
    free_entropy: sp.Expr
    infinite_above: sp.Expr | None = None
    stable_above: sp.Expr | None = None
    stable_below: sp.Expr | None = None
    slopes: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StateKind:
    """States of one kind as solutions of x = map(x), for models whose order parameters are not tied to each other.

    Attributes
    ----------
    name : str
        ``"retrieval"``, ``"spin glass"``, ``"paramagnet"``.
    branch : str
        ``"informative"`` or ``"uninformative"``, as tables of thresholds say it; another word for states that are
        never the equilibrium.
    maps : mapping of Symbol to expression
        The saddle point: every unknown, which is positive, as a function of all of them and the controls.
    transverse : tuple of expressions
        Eigenvalues of the same iteration in directions in which this state has no component; below 1 if it is stable.
    positive : tuple of expressions
        Positive where such a state can be.
    order_parameters : mapping of Symbol to expression
        Those of the free entropy, in the unknowns.
    free_energy, energy, entropy : expression
    observables : mapping of str to expression
    instability : expression or None
        The sum whose value 1 is the replicon's instability, below 1 if replica symmetry is stable; None if infinite.
    anchor : mapping of control name to number
        Where such a state is found by Newton's method from `start`.
    start : mapping of Symbol to expression
    scanned : Symbol or None
        The unknown over which such a state is sought if Newton's method finds none from `start`.
    path : tuple of control names
        In which order the controls are moved from the anchor to where the state is wanted.  Along the last one every
        state of the kind lies on one curve.
    temperature : str
        Name of the control that is the temperature.
    vanished : float
        By which the logarithm of an unknown falls where the state becomes one of another kind.
    """

    name: str
    branch: str
    maps: Mapping[sp.Symbol, sp.Expr]
    transverse: tuple[sp.Expr, ...]
    positive: tuple[sp.Expr, ...]
    order_parameters: Mapping[sp.Symbol, sp.Expr]
    free_energy: sp.Expr
    energy: sp.Expr
    entropy: sp.Expr
    observables: Mapping[str, sp.Expr]
    instability: sp.Expr | None
    anchor: Mapping[str, float]
    start: Mapping[sp.Symbol, sp.Expr]
    scanned: sp.Symbol | None
    path: tuple[str, ...]
    temperature: str = "temperature"
    vanished: float = 20.0


@dataclass(frozen=True, kw_only=True)
class CouplingForm:
    """A free entropy that is linear in couplings, with states in closed form along one parameter.

    Attributes
    ----------
    parameter : Symbol
        s, over (0, inf); s = 0 is the state without signal, which exists for all couplings and has f = 0.
    overlap, mse : Symbol
        As observables are written in them.
    overlap_at, mse_at : expression in s
        The overlap grows with s from 0 to 1.
    entropy : expression in s
        The part of f without couplings.
    terms : mapping of control to expression in the overlap
        f = entropy + sum of term/control: the coupling is 1/control, 0 at an infinite control.
    forces : mapping of control to polynomial in the overlap
        State evolution s -> sum of force/control, whose fixed points are those of f.
    """

    parameter: sp.Symbol
    overlap: sp.Symbol
    mse: sp.Symbol
    overlap_at: sp.Expr
    mse_at: sp.Expr
    entropy: sp.Expr
    terms: Mapping[sp.Symbol, sp.Expr]
    forces: Mapping[sp.Symbol, sp.Expr]


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """A boundary that does not follow from the free entropy: where conditions on the controls begin or cease to hold.

    Attributes
    ----------
    kind, branch : str
        As tables call it.
    conditions : tuple of expressions in the controls
        All positive where an algorithm succeeds, or the landscape is trivial.
    worst : tuple of (symbol, expression, mask), or None
        One more condition: the expression is positive at 0, and for -1 < symbol < 0 wherever the mask is.
    formal : expression in the controls, or None
        Positive where the argument behind the conditions is not justified.
    phrase : str
        What holds where the conditions do, in the name of a region.
    """

    kind: str
    branch: str
    conditions: tuple[sp.Expr, ...]
    worst: tuple[sp.Symbol, sp.Expr, sp.Expr] | None = None
    formal: sp.Expr | None = None
    phrase: str = ""


@dataclass(frozen=True, kw_only=True)
class Reciprocal:
    """How a model is solved in the inverse of one of its controls, which enters linearly.

    Attributes
    ----------
    model : Model
        The same model with the inverse as its control.
    inner, outer : str
        The inverse's name, and the control's.
    words : mapping of str to Model
        What may be said of the control in place of a number, each with the model in which it is built.
    infinite : bool
        Whether the control may be infinite, where the inverse is 0.
    """

    model: Model
    inner: str
    outer: str
    words: Mapping[str, Model] = field(default_factory=dict)
    infinite: bool = False
