"""Systems in all order parameters, conjugates kept: for models without an explicit curve, and to check those with one.

With x the order parameters (positive: unknowns are their logarithms) and a, b two controls,

* branch:  x_i df/dx_i (x, a) = 0
* fold:    x_i df/dx_i (x, a, b) = 0,  J v = 0,  v . v = 1   (Moore and Spence, SIAM J. Numer. Anal. 17, 567 (1980))

with J the Jacobian of the first by ln x.  Every derivative is SymPy's, averages included.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from ..theory.model import Model
from .compile import compile_expressions
from .continuation import Evaluation

__all__ = ["SymbolicSystem", "branch_system", "fold_system"]

class SymbolicSystem:
    """Equations = 0 in one more unknown than there are equations.

    Parameters
    ----------
    equations : sequence of expressions
        In the unknowns, and in nothing else that is not a number.
    unknowns : sequence of Symbol
        The last one is the parameter of the curve.
    scales : sequence of float, optional
        Natural unit of each unknown, 1 by default.
    tolerance : float
        Of the averages.

    Raises
    ------
    ValueError
        If the numbers of equations and unknowns do not fit, or a symbol is left over.
    """

    def __init__(self, equations: Sequence[sp.Expr], unknowns: Sequence[sp.Symbol],
                 scales: Sequence[float] | None = None, tolerance: float = 1e-12):
        if len(unknowns) != len(equations) + 1:
            raise ValueError(f"{len(equations)} equations in {len(unknowns)} unknowns: a curve needs one unknown more")
        left = set().union(*(equation.free_symbols for equation in equations)) - set(unknowns)
        if left:
            raise ValueError(f"{', '.join(sorted(s.name for s in left))}: give the other controls numbers")
        self.equations, self.unknowns, self.tolerance = tuple(equations), tuple(unknowns), tolerance
        self.scales = np.ones(len(unknowns)) if scales is None else np.asarray(scales, float)
        jacobian = [equation.diff(x) for equation in equations for x in unknowns]
        self._compiled, self._numbers = compile_expressions([*equations, *jacobian])

    def evaluate(self, y: np.ndarray) -> Evaluation:
        """Residual and Jacobian at unknowns of shape (rows, n + 1)."""
        n = len(self.equations)
        values = dict(zip(self.unknowns, np.asarray(y, float).T, strict=True))
        # a residual is small beside its terms: its averages are refined until rounding is all that is left
        scales = [0.0] * n + [np.inf] * (n * (n + 1))
        found = self._compiled(values | self._numbers, tolerance=self.tolerance, scales=scales)
        jacobian = found.values[n:].reshape(n, n + 1, len(y)).transpose(2, 0, 1)
        return Evaluation(found.values[:n].T, jacobian, found.errors[:n].T)


def _stationarity(model: Model) -> tuple[list[sp.Expr], list[sp.Symbol]]:
    """x df/dx for every order parameter of the working form, and the unknowns ln x."""
    form = model.working_form
    logs = [sp.Symbol(f"ln_{x.name}", real=True) for x in form.order_parameters]
    constrained = {companion: total - form.order_parameters[0] for companion, total in form.totals.items()}
    written = {x: sp.exp(z) for x, z in zip(form.order_parameters, logs, strict=True)}
    gradient = [(x * form.free_entropy.diff(x)).subs(constrained) for x in form.order_parameters]
    return [equation.subs(written) for equation in gradient], logs


def branch_system(model: Model, along: str, scale: float = 1.0) -> SymbolicSystem:
    """Fixed points of a model as curves in one control: unknowns (ln x..., control).

    Parameters
    ----------
    model : Model
        With numbers for all controls but `along`.
    scale : float
        Natural unit of the control.
    """
    equations, logs = _stationarity(model)
    (control,) = (s for s in model.controls if s.name == along)
    return SymbolicSystem(equations, [*logs, control], [*[1.0] * len(logs), scale])


def fold_system(model: Model, first: str, second: str, scales: tuple[float, float] = (1.0, 1.0)) -> SymbolicSystem:
    """Folds of the fixed points of a model in the plane of two controls: unknowns (ln x..., v..., first, second).

    Parameters
    ----------
    model : Model
        With numbers for all other controls.
    scales : pair of float
        Natural units of the two controls.
    """
    equations, logs = _stationarity(model)
    null = [sp.Symbol(f"v_{z.name}", real=True) for z in logs]
    singular = [sum(equation.diff(z) * v for z, v in zip(logs, null, strict=True)) for equation in equations]
    length = sum(v**2 for v in null) - 1
    controls = [next(s for s in model.controls if s.name == name) for name in (first, second)]
    return SymbolicSystem([*equations, *singular, length], [*logs, *null, *controls],
                          [*[1.0] * (2 * len(logs)), *scales])
