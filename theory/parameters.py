"""Parameters of priors, channels and models: numbers that are checked, or symbols that become controls."""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import re
from collections.abc import Mapping
from typing import Any, Self

import sympy as sp

__all__ = ["Parametrised", "formula_symbol", "is_taken", "number", "positive", "probability", "symbol"]

# Names of the symbols that formulas bring themselves.  `formula_symbol` makes no other, so this list is complete.
_TAKEN = frozenset((
    "alpha", "m", "V", "mhat", "tau", "f",  # control, order parameters and free entropy of a generalized linear model
    "A", "B", "i",  # of a prior: precision, field, density of the information
    "omega", "h", "y",  # of a channel: field, its argument, output
    "E",  # energy of a landscape
    "e", "pi",  # generated code reads these as numbers
))
# derivatives u_n of a log-partition, averages I_n on a curve, order parameters of layers, derivatives with a prime,
# what is bound or generated, noises of tensors
_TAKEN_FORMS = re.compile(r"[uI]_\d.*|(m|V|mhat)_(u|u?[1-9]\d*)|.*'|_.*|delta_(p|\d+)")

# What a number may be made of to stay exact: every implementation of the averages knows these.
_EXACT = (sp.Rational, sp.NumberSymbol, sp.Add, sp.Mul, sp.Pow, sp.exp, sp.log)


def symbol(name: str) -> sp.Symbol:
    """Return the control called `name`; every control is one real symbol, so equal names are one control."""
    return sp.Symbol(name, real=True)


def is_taken(name: str) -> bool:
    """Return whether formulas use a symbol of this name themselves, so that no control can have it."""
    return name in _TAKEN or _TAKEN_FORMS.fullmatch(name) is not None


def formula_symbol(name: str) -> sp.Symbol:
    """Return a symbol that formulas use themselves: an order parameter, a field, a model's own control.

    Raises
    ------
    LookupError
        If the name is not among those that are kept from the parameters of users; add it to them.
    """
    if not is_taken(name):
        raise LookupError(f"{name!r}: add it to the names that parameters cannot have, in {__name__}")
    return symbol(name)


def number(name: str, value: Any, *, low: float = -math.inf, high: float = math.inf, open_low: bool = False,
           cure: str = "", exact: bool = True) -> sp.Expr:
    """Check one parameter and return it as a SymPy number or symbol.

    Integers and SymPy's fractions stay exact, for more digits than a double holds; so does, if `exact`, what SymPy
    writes of them with roots, pi, e, exp and log, such as ``sqrt(2)``.  All else becomes the double next to it.

    Raises
    ------
    TypeError
        If the value is neither a real number nor a symbol.
    ValueError
        If it is not finite or leaves [low, high] (open at `low` if `open_low`), or if it is a symbol that the formulas
        use themselves; the text names the cure.
    """
    if isinstance(value, str):
        raise TypeError(f"{name} = {value!r} is a text: give a number, or sympy.Symbol({value!r}) for a control")
    if isinstance(value, sp.Expr) and value.free_symbols:
        for s in sorted(value.free_symbols, key=str):
            if is_taken(s.name):
                cure = f"rename the symbol, for instance sympy.Symbol({name.split('[')[0] + '_0'!r})"
                raise ValueError(f"{name} = {value}: the formulas use {s.name} themselves: {cure}")
        return value.subs({s: symbol(s.name) for s in value.free_symbols})
    if not isinstance(value, (numbers.Real, sp.Expr)) or isinstance(value, bool):
        raise TypeError(f"{name} = {value!r} is a {type(value).__name__}: give a real number or a symbol")
    as_float = _as_float(name, value)
    cure = f"; {cure}" if cure else ""
    bounds = f"{'(' if open_low else '['}{low:g}, {high:g}{']' if math.isfinite(high) else ')'}"
    if not math.isfinite(as_float):
        raise ValueError(f"{name} = {as_float} is not finite: give a number in {bounds}{cure}")
    if not low <= as_float <= high or (open_low and as_float == low):
        raise ValueError(f"{name} = {value} is outside {bounds}: give a number in it{cure}")
    if isinstance(value, (sp.Rational, numbers.Integral)):
        return value if isinstance(value, sp.Rational) else sp.Integer(int(value))
    if as_float in (-1.0, 0.0, 1.0):
        return sp.Integer(int(as_float))
    if exact and isinstance(value, sp.Expr) and all(isinstance(part, _EXACT) for part in sp.preorder_traversal(value)):
        return value
    return sp.Float(as_float)


def _as_float(name: str, value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except TypeError:
        raise TypeError(f"{name} = {value} is not real: give a real number or a symbol") from None


def positive(name: str, value: Any, cure: str = "", exact: bool = True) -> sp.Expr:
    """Check a parameter in (0, inf)."""
    return number(name, value, low=0.0, open_low=True, cure=cure, exact=exact)


def probability(name: str, value: Any, cure: str = "") -> sp.Expr:
    """Check a parameter in (0, 1]."""
    return number(name, value, low=0.0, high=1.0, open_low=True, cure=cure)


class Parametrised:
    """A frozen dataclass whose fields may hold symbols (its controls) and can be given values later."""

    @functools.cached_property
    def free_symbols(self) -> frozenset[sp.Symbol]:
        """Symbols among the parameters: the controls this part brings to a model."""
        found: set[sp.Symbol] = set()
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            found |= _symbols(getattr(self, field.name))
        return frozenset(found)

    def at(self, values: Mapping[sp.Symbol, Any]) -> Self:
        """Return the same part with symbols replaced by values, which are checked as on construction."""
        if not self.free_symbols & set(values):
            return self
        changes = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            if field.init:
                changes[field.name] = _replace(getattr(self, field.name), values)
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


def _symbols(value: Any) -> set[sp.Symbol]:
    if isinstance(value, (sp.Basic, Parametrised)):
        return set(value.free_symbols)
    if isinstance(value, (tuple, list)):
        return set().union(*map(_symbols, value))
    return set()


def _replace(value: Any, values: Mapping[sp.Symbol, Any]) -> Any:
    if isinstance(value, Parametrised):
        return value.at(values)
    if isinstance(value, sp.Basic):
        return value.subs(values)
    if isinstance(value, tuple):
        return tuple(_replace(item, values) for item in value)
    return value
