"""A model: a replica-symmetric free entropy, its order parameters, controls and observables."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import sympy as sp

from .forms import CouplingForm, Criterion, LimitState, ParametricForm, Reciprocal, StateKind, WorkingForm
from .landscape import Landscape
from .parameters import Parametrised

__all__ = ["Model", "solve_linear"]


class Model(Parametrised):
    """Base of the models in ``theory``: a frozen dataclass that states its free entropy symbolically."""

    title: str = ""
    references: tuple[str, ...] = ()
    #: what the free entropy is, per what, in which unit
    units: str = "+log Z per component of the signal, in nats"
    #: how its states are found: along one explicit "curve" (`working_form`), by "kinds" (`state_kinds`), in closed form
    #: by "couplings" (`coupling_form`), or as another model's, with a "reciprocal" control; "counting" if there is
    #: only a `landscape` whose critical points are counted
    solved_by: str = "curve"
    #: what boundaries are called in this model's field, by "kind branch"
    boundary_words: Mapping[str, str] = MappingProxyType({})

    @property
    def free_entropy(self) -> sp.Expr:
        """Free entropy, +log Z per component in nats, as a function of order parameters and controls."""
        raise NotImplementedError

    @property
    def order_parameters(self) -> tuple[sp.Symbol, ...]:
        """Symbols at which the free entropy is made stationary."""
        raise NotImplementedError

    @property
    def own_controls(self) -> tuple[sp.Symbol, ...]:
        """Controls that the model brings besides the free symbols of its parts."""
        raise NotImplementedError

    @functools.cached_property
    def controls(self) -> tuple[sp.Symbol, ...]:
        """Every control: the model's own first, then the symbols among its parameters, by name."""
        rest = sorted(self.free_symbols - set(self.own_controls), key=lambda s: s.name)
        return (*self.own_controls, *rest)

    @property
    def linear_control(self) -> sp.Symbol:
        """The control that enters the free entropy linearly, for which the saddle point is solved."""
        return self.own_controls[0]

    @property
    def observables(self) -> Mapping[str, sp.Expr]:
        """What is measured at a fixed point, by full word, as expressions in the working variables."""
        return {}

    def observables_at(self, name: str) -> Mapping[str, sp.Expr]:
        """Observables of the limit state called `name` (those that differ from their generic expressions)."""
        return {}

    @property
    def working_form(self) -> WorkingForm | ParametricForm:
        """The free entropy as the engine solves it."""
        raise NotImplementedError

    @property
    def working_form_scale(self) -> sp.Expr:
        """Scale of the signal: the curve's parameter matters where it is comparable to 1/scale."""
        return sp.S.One

    def state_kinds(self, zero: frozenset[str] = frozenset()) -> tuple[StateKind, ...]:
        """Return the kinds of states of a model that is solved kind by kind; none if it has a `working_form`.

        Parameters
        ----------
        zero : names of own controls that are exactly zero, where the equations have another form
        """
        return ()

    @property
    def reciprocal(self) -> Reciprocal | None:
        """The model in the inverse of a control, if that is how it is solved."""
        return None

    @property
    def coupling_form(self) -> CouplingForm:
        """The free entropy of a model whose states are known in closed form."""
        raise NotImplementedError

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """Boundaries that do not follow from the free entropy, in the order in which success becomes harder."""
        return ()

    @property
    def landscape(self) -> Landscape | None:
        """The random function whose critical points can be counted, if there is one."""
        return None

    @property
    def uninformed_overlap(self) -> sp.Expr:
        """Overlap that the prior alone gives, where iteration from no knowledge starts."""
        return sp.S.Zero

    @property
    def limit_states(self) -> tuple[LimitState, ...]:
        """Fixed points that exist as limits of the order parameters."""
        return ()

    def saddle_point(self) -> tuple[sp.Eq, ...]:
        """Return the saddle-point equations, the gradient of the free entropy solved for an order parameter each."""
        equations, unsolved = [], list(self.order_parameters)
        for x in self.order_parameters:
            gradient = self.free_entropy.diff(x)
            for y in unsolved:
                if (solution := solve_linear(gradient, y)) is not None:
                    equations.append(sp.Eq(y, solution, evaluate=False))
                    unsolved.remove(y)
                    break
            else:
                equations.append(sp.Eq(gradient, 0, evaluate=False))
        return tuple(equations)

    def check_point(self, values: Mapping[str, float]) -> None:
        """Refuse values of the own controls that are possible one by one but not together.

        Raises
        ------
        ValueError
        """

    def check_solvable(self) -> None:
        """Refuse a model without a free entropy, where fixed points are asked for.

        Raises
        ------
        ValueError
        """
        if self.solved_by == "counting":
            raise ValueError(f"model = {self!r} has a landscape, and no free entropy to be solved: ask for complexity, "
                             "or for thresholds along='energy'")

    def check_controls(self, values: Mapping[str, Any]) -> dict[sp.Symbol, Any]:
        """Check names and values of controls; return them by symbol.

        Raises
        ------
        ValueError
            For unknown names (the nearest known one is suggested), missing ones, and for a parameter of a part that has
            the name of a symbol of the model itself.
        """
        import difflib

        for s in (*self.own_controls, *self.order_parameters):
            if s in self.free_symbols:
                raise ValueError(f"{s.name} is a symbol of the model and of one of its parts: rename the parameter")
        known = {s.name: s for s in self.controls}
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(
                    f"{name!r} is not a control of this model{hint or '.'} Its controls: {', '.join(known)}"
                )
        missing = [name for name in known if name not in values]
        if missing:
            raise ValueError(
                f"control {missing[0]!r} has no value: give {missing[0]}=..., or write a number in the model"
            )
        return {known[name]: value for name, value in values.items()}

    def _repr_latex_(self) -> str:
        lines = [sp.latex(self.free_entropy), *(sp.latex(equation) for equation in self.saddle_point())]
        return r"$$\begin{gathered} \Phi = " + r"\\ ".join(lines) + r"\end{gathered}$$"


def solve_linear(equation: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
    """Return the solution x of equation = 0 if it is linear in x, else None."""
    slope = equation.diff(x)
    if slope == 0 or slope.has(x):
        return None
    return sp.expand(-(equation.subs(x, 0)) / slope)


