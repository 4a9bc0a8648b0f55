"""From the free entropy to the explicit curve on which all fixed points lie.

Where the saddle point can be solved one unknown at a time, each linearly, with a control solved last, every fixed
point, stable or not, lies on the curve control = c(s) of one parameter s: spinodals are its extrema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from ..theory.evidence import EvidenceMean
from ..theory.forms import ParametricForm, WorkingForm
from ..theory.means import GaussianMean
from ..theory.model import solve_linear
from ..theory.solved import SolvedMean

__all__ = ["ExplicitCurve", "explicit_curve"]


@dataclass(frozen=True, kw_only=True)
class ExplicitCurve:
    """control = c(s), with every quantity as an expression in s and in those solved before it.

    Attributes
    ----------
    parameter : Symbol
        s, an order parameter that runs over (0, inf).
    states : mapping of Symbol to expression
        Order parameters and companions; their s-derivatives (named with one prime, those of order parameters with
        two as well); averages in the free entropy that depend on s alone.
    control : Symbol
    value : tuple of three expressions
        c(s) and its first two total derivatives, in the symbols of `states`.
    sensitivity : mapping of Symbol to expression
        Partial derivatives of c by the order parameters: how an error in them moves the control.
    companions : tuple of Symbol
        Quantities that move with the order parameters and have expressions of their own.
    totals : mapping of companion to expression
        Its sum with the order parameter, a function of the controls alone.
    free_entropy : expression in the symbols of `states` and the control
    """

    parameter: sp.Symbol
    states: Mapping[sp.Symbol, sp.Expr]
    control: sp.Symbol
    value: tuple[sp.Expr, sp.Expr, sp.Expr]
    sensitivity: Mapping[sp.Symbol, sp.Expr]
    companions: tuple[sp.Symbol, ...]
    totals: Mapping[sp.Symbol, sp.Expr]
    free_entropy: sp.Expr

    @staticmethod
    def rate(x: sp.Symbol) -> sp.Symbol:
        """The symbol of the s-derivative of a state."""
        return sp.Symbol(x.name + "'", real=True)


def explicit_curve(form: WorkingForm | ParametricForm) -> ExplicitCurve:
    """Solve the saddle point of a working form for its control, one unknown at a time; or take a curve that is known.

    Raises
    ------
    ValueError
        If no order of the unknowns makes every equation linear in the next one.
    """
    if isinstance(form, ParametricForm):
        s, control, solved = form.parameter, form.value, dict(form.errors)
    else:
        gradient = {x: form.free_entropy.diff(x) for x in form.order_parameters}
        for s in form.order_parameters:
            if (found := _solve_in_turn(gradient, s, form.control)) is not None:
                break
        else:
            raise ValueError("the saddle point is not linear in one unknown after another: there is no explicit curve")
        solved = found
        control = solved.pop(form.control)
    states, rates = dict(solved), {}
    for order in (1, 2):
        for x, expr in list(solved.items()):
            rates[x, order] = sp.Symbol(x.name + "'" * order, real=True)
            states[rates[x, order]] = expr.diff(s, order)
    for x, expr in form.companions.items():
        states |= {x: expr, sp.Symbol(x.name + "'", real=True): expr.diff(s)}
    for x, expr in form.further.items():
        states[x] = expr
        if expr.has(s):
            states[ExplicitCurve.rate(x)] = expr.diff(s)

    def along(expr: sp.Expr) -> sp.Expr:
        total = expr.diff(s)
        for x in solved:
            total += expr.diff(x) * rates[x, 1] + expr.diff(rates[x, 1]) * rates[x, 2]
        return total

    slope = along(control)
    free_entropy = form.free_entropy
    unknowns = set(form.order_parameters) | set(form.companions) | {form.control, s}
    for k, mean in enumerate(sorted(free_entropy.atoms(EvidenceMean, GaussianMean, SolvedMean), key=str)):
        if mean.free_symbols & unknowns == {s}:
            name = sp.Symbol(f"I_{k}", real=True)
            states[name] = mean
            free_entropy = free_entropy.xreplace({mean: name})
    return ExplicitCurve(
        parameter=s, states=states, control=form.control, value=(control, slope, along(slope)),
        sensitivity={x: control.diff(x) for x in solved}, companions=tuple(form.companions),
        totals=dict(form.totals),
        free_entropy=free_entropy,
    )


def _solve_in_turn(gradient, s, control):
    """Each unknown in terms of s (the control: of all of them), or None."""
    order_parameters = set(gradient)
    solved: dict[sp.Symbol, sp.Expr] = {}
    equations = list(gradient.values())
    while equations:
        known = {s} | set(solved)
        for equation in equations:
            new = (equation.free_symbols & (order_parameters | {control})) - known
            if len(new) != 1:
                continue
            (x,) = new
            solution = solve_linear(equation, x)
            if solution is None or (x != control and solution.free_symbols & (order_parameters - {s})):
                continue
            solved[x] = solution
            equations.remove(equation)
            break
        else:
            return None
    return solved if control in solved else None
