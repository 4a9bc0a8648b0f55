"""Boundaries in closed form: where a free entropy is linear in two couplings, they are explicit curves of the overlap.

At a spinodal s = sum_k lambda_k F_k and 1 = sum_k lambda_k dF_k/ds; where a state has the free entropy of the state
without signal, 0 = entropy + sum_k lambda_k terms_k in place of the second.  Both pairs are linear in two couplings
lambda = 1/control, all others fixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .forms import CouplingForm, Criterion
from .model import Model, solve_linear

__all__ = ["Line", "coexistence_line", "cusps", "spinodal_line", "statements"]


@dataclass(frozen=True)
class Line:
    """Two couplings along a boundary, as expressions in the overlap (and in all other controls)."""

    overlap: sp.Symbol
    first: sp.Expr
    second: sp.Expr

    def relation(self, first: sp.Symbol, second: sp.Symbol) -> sp.Eq | None:
        """The first control as a function of the second, if the overlap can be eliminated with one branch."""
        m = sp.Symbol("m", positive=True)  # so that roots are simplified
        delta = sp.Symbol(second.name, positive=True)
        found = [x for x in sp.solve(sp.Eq(self.second.subs(self.overlap, m), 1 / delta), m)
                 if x.subs(delta, sp.Rational(1, 100)).is_real and 0 < x.subs(delta, sp.Rational(1, 100)) < 1]
        if len(found) != 1:
            return None
        value = sp.simplify(1 / self.first.subs(self.overlap, found[0]))
        return sp.Eq(first, value.subs(delta, second), evaluate=False)


def _speed(form: CouplingForm) -> tuple[sp.Expr, sp.Expr]:
    """S and dm/ds as functions of the overlap."""
    (s,) = sp.solve(form.overlap_at - form.overlap, form.parameter)
    return s, sp.factor(form.overlap_at.diff(form.parameter).subs(form.parameter, s))


def _solved(form: CouplingForm, first: sp.Symbol, second: sp.Symbol, one: list[sp.Expr], other: list[sp.Expr]) -> Line:
    """Two linear equations; each is given as its constant and the factors of the couplings, by control."""
    controls = list(form.forces)
    a, b = (1 + controls.index(x) for x in (first, second))
    rest = [
        row[0] + sp.Add(*(row[1 + k] / x for k, x in enumerate(controls) if x not in (first, second)))
        for row in (one, other)
    ]
    determinant = one[a] * other[b] - one[b] * other[a]
    values = [(rest[1] * one[b] - rest[0] * other[b]) / determinant,
              (rest[0] * other[a] - rest[1] * one[a]) / determinant]
    return Line(form.overlap, *(sp.factor(sp.cancel(sp.together(x))) for x in values))


def spinodal_line(form: CouplingForm, first: sp.Symbol, second: sp.Symbol) -> Line:
    """Where two states merge, in the plane of two controls."""
    s, speed = _speed(form)
    forces = list(form.forces.values())
    return _solved(form, first, second, [-s, *forces],
                   [sp.S.NegativeOne, *(force.diff(form.overlap) * speed for force in forces)])


def coexistence_line(form: CouplingForm, first: sp.Symbol, second: sp.Symbol) -> Line:
    """Where a state has the free entropy of the state without signal, in the plane of two controls."""
    s, _ = _speed(form)
    entropy = sp.Symbol("entropy", real=True)
    line = _solved(form, first, second, [-s, *form.forces.values()], [entropy, *form.terms.values()])
    value = sp.simplify(form.entropy.subs(form.parameter, s).doit()).replace(
        sp.log, lambda x: -sp.log(sp.simplify(1 / x)))  # log(1 - m), not log(1/(1 - m))
    logarithm = sp.log(1 - form.overlap)
    found = []
    for x in (line.first, line.second):
        numerator, denominator = sp.fraction(x)
        found.append(sp.collect(sp.expand(numerator.subs(entropy, value)), logarithm) / denominator)
    return Line(form.overlap, *found)


def cusps(line: Line) -> sp.Expr:
    """A polynomial in the overlap that is zero where two spinodals meet: both couplings turn there."""
    return sp.numer(sp.cancel(sp.together(line.first.diff(line.overlap))))


def statements(model: Model) -> list[tuple[str, sp.Eq]]:
    """The boundaries over a model's first two controls, each as equations with its name."""
    form, controls = model.coupling_form, list(model.coupling_form.forces)
    first, second, *_ = controls
    found = [("continuous", sp.Eq(_onset(form), 1, evaluate=False))]
    for name, line in (("spinodal", spinodal_line(form, first, second)),
                       ("first order, from m = 0", coexistence_line(form, first, second))):
        found += [(name, sp.Eq(1 / x, value, evaluate=False))
                  for x, value in ((first, line.first), (second, line.second))]
        if name == "spinodal" and len(controls) == 2:
            found += [(name, relation) for relation in [line.relation(first, second)] if relation is not None]
            found += [("cusp", sp.Eq(form.overlap, m, evaluate=False))
                      for m in sp.roots(cusps(line), form.overlap) if m.is_real and 0 < m < 1]
    return found + [(c.kind, equation) for c in model.criteria for equation in _explicit(c, second)]


def _explicit(criterion: Criterion, control: sp.Symbol) -> list[sp.Eq]:
    """The first condition of a criterion, solved for a control in whose inverse it is linear."""
    coupling = sp.Dummy()
    solution = solve_linear(sp.expand(criterion.conditions[0].subs(control, 1 / coupling)), coupling) \
        if criterion.conditions[0].is_rational_function(control) else None
    return [] if solution is None else [sp.Eq(control, sp.factor(1 / solution), evaluate=False)]


def _onset(form: CouplingForm) -> sp.Expr:
    """What is 1 where the state without signal loses stability, as a function of the controls."""
    s, m = form.parameter, form.overlap
    rates = {control: sp.limit(force.subs(m, form.overlap_at) / s, s, 0) for control, force in form.forces.items()}
    return sp.Add(*(rate / control for control, rate in rates.items()))
