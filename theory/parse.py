"""Models written as text: ``GLM(GaussBernoulli(0.3), Abs())``.

The text is read with :mod:`ast` and rebuilt from the constructors listed here; nothing of it is executed.
Allowed are those constructors with their own keywords, numbers and arithmetic of numbers, lists, tuples, mappings,
and bare names, which become controls: ``GLM(GaussBernoulli(rho), Linear(noise=1e-3))`` has alpha and rho.  Formulas of
controls may be written too: ``SparseRademacher(rho, amplitude=1/sqrt(rho))``.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import math
import operator
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy as sp

from .parameters import symbol

if TYPE_CHECKING:
    from .catalogue import Entry
    from .model import Model

__all__ = ["nearest", "parse_model", "parse_number", "parse_settings", "parse_whole", "resolve"]

_MODELS = ("GLM", "Hopfield", "GaussianBernoulliRBM", "MatrixTensor", "SphericalSpinGlass", "SpikedWigner",
           "SpikedWishart", "Decimation")
_SWITCHES = ("supervised",)
_WORDS = {"beta": ("nishimori",)}  # what may be a word
_INFINITE = ("beta", "dreaming", "delta_p", *(f"delta_{k}" for k in range(2, 100)))  # what may be infinite
_PRIORS = (
    "Gaussian",
    "Rademacher",
    "GaussBernoulli",
    "SparseRademacher",
    "Bernoulli",
    "Discrete",
    "GaussianMixture",
    "Laplace",
    "Generative",
)
_CHANNELS = (
    "Linear",
    "Sign",
    "Abs",
    "ReLU",
    "LeakyReLU",
    "HardTanh",
    "Door",
    "PiecewiseLinear",
    "Probit",
)
_MAPPINGS = {"SphericalSpinGlass": "weights"}  # whose parameter is a mapping
#: Arguments that take one of these parts, and no number.
_PARTS = {"prior": _PRIORS, "prior_u": _PRIORS, "prior_v": _PRIORS, "latent": _PRIORS, "channel": _CHANNELS}

_LONGEST_TEXT = 2000  # characters; keeps hostile input from costing time or stack
_DEEPEST = 50
_LARGEST_POWER = 4096  # bits of an exact power


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    """base ** exponent, exact where it is a rational of moderate size."""
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if exponent.denominator == 1 and bits * abs(exponent.numerator) <= _LARGEST_POWER:
        return base**exponent.numerator
    if base < 0:
        raise ArithmeticError("not real")
    return Fraction(repr(float(base) ** float(exponent)))


_OPERATORS: dict[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: _power,
}
_NOT_FINITE = ("inf", "infinity", "nan", "oo")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest known name, or all of them if none is near."""
    names = list(known)
    lowered = {n.lower(): n for n in reversed(names)}
    found = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    if found:
        return f"; did you mean {lowered[found[0]]!r}?"
    return f"; known are {', '.join(names)}" if names else ""


def parse_number(name: str, text: str, *, exact: bool = False) -> Any:
    """Return the number that `text` says: a float or int, or a SymPy rational if `exact`.

    Raises
    ------
    ValueError
        If it is no number, or not a finite one.
    """
    cure = "write it as 0.5, 1e-3 or 1/3"
    try:
        tree = _tree(text, "a number")
    except ValueError:
        raise ValueError(f"{name} = {text!r} is not a number: {cure}") from None
    if name in _SWITCHES and isinstance(tree, ast.Constant) and isinstance(tree.value, bool):
        return tree.value
    if isinstance(tree, ast.Name) and tree.id == "inf" and name in _INFINITE:
        return sp.oo
    if isinstance(tree, ast.Name) and tree.id in _WORDS.get(name, ()):
        return tree.id
    if isinstance(tree, ast.Name) and tree.id.lower() not in _NOT_FINITE:
        raise ValueError(f"{name} = {text!r} is not a number: {cure}")
    return _plain(_number(tree, name), exact)


def parse_whole(name: str, text: str, low: int, high: int = 10**9) -> int:
    """Return the whole number in [low, high] that `text` says.

    Raises
    ------
    ValueError
        If it is not one.
    """
    value = parse_number(name, text)
    if value != int(value) or not low <= value <= high:
        raise ValueError(f"{name} = {text}: give a whole number from {low} to {high}")
    return int(value)


def parse_settings(said: Iterable[str], *, exact: bool = False) -> dict[str, Any]:
    """Return the values that texts like ``"alpha=1.3"`` set, by name.

    Raises
    ------
    ValueError
        If a text is not of this form, or a name is set twice.
    """
    given: dict[str, Any] = {}
    for text in said:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ValueError(f"--set {text}: write --set name=value")
        if name in given:
            raise ValueError(f"{name} = {value} is set twice: give it once")
        given[name] = parse_number(name, value, exact=exact)
    return given


def parse_model(text: str, *, exact: bool = False) -> Model:
    """Build the model that a text describes.

    Parameters
    ----------
    text : str
        For example ``"GLM(GaussBernoulli(0.3), Abs())"``.
    exact : bool
        Take decimals as exact rationals (0.3 is 3/10): for answers of more digits than a double holds.

    Raises
    ------
    ValueError
        If the text is not a model: the offending piece is named, with the nearest known name.
    """
    tree = _tree(text, "a model")
    if isinstance(tree, ast.Name) and tree.id not in _MODELS:
        raise ValueError(
            f"{text!r} is not a model{nearest(tree.id, _MODELS)}: write GLM(Rademacher(), Sign())"
        )
    return _part(tree, "model", _MODELS, exact)


def resolve(text: str, *, exact: bool = False) -> Entry:
    """Return the catalogue entry called `text`, or make one of a model written as text.

    Raises
    ------
    ValueError
        If `text` is neither; the nearest name of the catalogue is suggested.
    """
    from .catalogue import Entry, catalogue

    entries = catalogue()
    name = text.strip()
    if name in entries:
        return entries[name]
    if "(" in name:
        model = parse_model(name, exact=exact)
        along = "energy" if model.solved_by == "counting" else model.linear_control.name
        return Entry(name=name, title=model.title, model=model, along=along, references=model.references)
    raise ValueError(f"no system is called {name!r}{nearest(name, entries)}")


def _tree(text: str, what: str) -> ast.expr:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(
            f"the text of {len(text)} characters is too long for {what}: at most {_LONGEST_TEXT}"
        )
    cure = "write it as GLM(Rademacher(), Sign())" if what == "a model" else "write a number"
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        where = getattr(error, "msg", None) or "it is nested too deeply, or no text"
        raise ValueError(f"{text!r} is not {what}: {where}; {cure}") from None
    level: list[ast.AST] = [tree]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise ValueError(f"{text[:60]!r}... is not {what}: it is nested too deeply; {cure}")
    return tree


def _said(tree: ast.AST) -> str:
    """The source of a piece, shortened, for a message."""
    try:
        text = ast.unparse(tree)
    except RecursionError:
        return "this"
    return text if len(text) <= 60 else text[:57] + "..."


def _constructors() -> dict[str, Callable[..., Any]]:
    from . import (
        boltzmann,
        channels,
        decimation,
        generative,
        glm,
        hopfield,
        matrix_tensor,
        priors,
        spiked,
        spin_glass,
        wishart,
    )

    homes = {
        **dict.fromkeys(_PRIORS, priors),
        **dict.fromkeys(_CHANNELS, channels),
        "Generative": generative,
        "GLM": glm,
        "Hopfield": hopfield,
        "Decimation": decimation,
        "GaussianBernoulliRBM": boltzmann,
        "MatrixTensor": matrix_tensor,
        "SphericalSpinGlass": spin_glass,
        "SpikedWigner": spiked,
        "SpikedWishart": wishart,
    }
    return {name: getattr(home, name) for name, home in homes.items() if hasattr(home, name)}


def _part(tree: ast.expr, role: str, allowed: Iterable[str], exact: bool) -> Any:
    """Build the call of one of the `allowed` constructors."""
    known = _constructors()
    allowed = [name for name in allowed if name in known]
    if isinstance(tree, ast.Name):
        cure = f"write {tree.id}()" if tree.id in allowed else f"give a {role}{nearest(tree.id, allowed)}"
        raise ValueError(f"{role} = {tree.id} lacks its parentheses or is no {role}: {cure}")
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise ValueError(f"{role} = {_said(tree)} is not a {role}: give one of {', '.join(allowed)}")
    name = tree.func.id
    if name not in allowed:
        if name in known:
            raise ValueError(f"{role} = {_said(tree)}: it is no {role}; give one of {', '.join(allowed)}")
        raise ValueError(f"{role} = {_said(tree)}: there is no {name!r}{nearest(name, allowed)}")
    return _call(known[name], name, tree, exact)


def _call(constructor: Callable[..., Any], name: str, tree: ast.Call, exact: bool) -> Any:
    signature = inspect.signature(constructor)
    parameters = [p for p in signature.parameters if not p.startswith("_")]
    usage = f"write {name}{_usage(signature)}"
    arguments: dict[str, ast.expr] = {}
    positional = [p for p in parameters if signature.parameters[p].kind is not inspect.Parameter.KEYWORD_ONLY]
    if len(tree.args) > len(positional):
        raise ValueError(
            f"{name} got {len(tree.args)} arguments without a name, not {len(positional)}: {usage}"
        )
    for parameter, argument in zip(positional, tree.args, strict=False):
        arguments[parameter] = argument
    for keyword in tree.keywords:
        if keyword.arg not in parameters:
            said = keyword.arg or "**"
            raise ValueError(f"{name} has no parameter {said!r}{nearest(said, parameters)}")
        if keyword.arg in arguments:
            raise ValueError(f"{name} got {keyword.arg} twice: {usage}")
        arguments[keyword.arg] = keyword.value
    missing = [
        p
        for p in parameters
        if p not in arguments and signature.parameters[p].default is inspect.Parameter.empty
    ]
    if missing:
        raise ValueError(f"{name} lacks {' and '.join(missing)}: {usage}")
    values = {parameter: (_mapping if _MAPPINGS.get(name) == parameter else _value)(argument, parameter, exact)
              for parameter, argument in arguments.items()}
    try:
        return constructor(**values)
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from None


def _usage(signature: inspect.Signature) -> str:
    """The parameters of a constructor without their annotations."""
    shown = []
    for name, parameter in signature.parameters.items():
        default = parameter.default
        shown.append(name if default is inspect.Parameter.empty else f"{name}={default}")
    return f"({', '.join(shown)})"


def _value(tree: ast.expr, name: str, exact: bool) -> Any:
    """One argument: a part of the model, a list, a control or a number."""
    if name in _PARTS:
        return _part(tree, name, _PARTS[name], exact)
    if name == "layers":
        return _layers(tree, exact)
    if isinstance(tree, (ast.List, ast.Tuple)):
        return tuple(_value(item, f"{name}[{k}]", exact) for k, item in enumerate(tree.elts))
    if name in _SWITCHES and isinstance(tree, ast.Constant) and isinstance(tree.value, bool):
        return tree.value
    if isinstance(tree, ast.Name) and tree.id == "inf" and name in _INFINITE:
        return sp.oo
    if isinstance(tree, ast.Name) and tree.id.lower() not in _NOT_FINITE:
        if tree.id in (*_MODELS, *_PRIORS, *_CHANNELS):
            raise ValueError(f"{name} = {tree.id} is not a number: give a number, or the name of a control")
        return symbol(tree.id)
    if any(isinstance(node, ast.Name) and node is not getattr(part, "func", None)
           for part in ast.walk(tree) for node in ast.iter_child_nodes(part)):
        return _formula(tree, name, exact)
    return _plain(_number(tree, name), exact)


_SYMBOLIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def _formula(tree: ast.expr, name: str, exact: bool) -> Any:
    """Arithmetic of controls and numbers, and sqrt of it."""
    if isinstance(tree, ast.Name) and tree.id.lower() not in _NOT_FINITE:
        return symbol(tree.id)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return -_formula(tree.operand, name, exact)
    if isinstance(tree, ast.BinOp) and type(tree.op) in _SYMBOLIC:
        left, right = _formula(tree.left, name, exact), _formula(tree.right, name, exact)
        return _SYMBOLIC[type(tree.op)](sp.sympify(left), sp.sympify(right))
    called = tree.func if isinstance(tree, ast.Call) else None
    if isinstance(tree, ast.Call) and isinstance(called, ast.Name) and called.id == "sqrt" and len(tree.args) == 1:
        return sp.sqrt(_formula(tree.args[0], name, exact))
    return _plain(_number(tree, name), exact)


def _layers(tree: ast.expr, exact: bool) -> tuple[tuple[Any, Any], ...]:
    """A list of pairs of an activation and a ratio."""
    pairs = tree.elts if isinstance(tree, (ast.List, ast.Tuple)) else None
    if pairs is None or not all(isinstance(pair, (ast.List, ast.Tuple)) and len(pair.elts) == 2 for pair in pairs):
        raise ValueError(f"layers = {_said(tree)}: write a list of pairs, such as [(ReLU(), 2)]")
    return tuple((_part(pair.elts[0], f"layers[{k}]", _CHANNELS, exact),  # type: ignore[attr-defined]
                  _value(pair.elts[1], f"layers[{k}] ratio", exact))  # type: ignore[attr-defined]
                 for k, pair in enumerate(pairs))


def _mapping(tree: ast.expr, name: str, exact: bool) -> dict[Any, Any]:
    """A mapping of numbers or controls to numbers or controls."""
    if not isinstance(tree, ast.Dict) or None in tree.keys:
        raise ValueError(f"{name} = {_said(tree)}: write a mapping of degrees to weights, such as {{3: 1}}")
    found: dict[Any, Any] = {}
    for key, value in zip(tree.keys, tree.values, strict=True):
        degree = _value(key, f"{name}: {_said(key)}", exact)  # type: ignore[arg-type]
        if degree in found:
            raise ValueError(f"{name} = {_said(tree)}: {degree} is given twice; give it once")
        found[degree] = _value(value, f"{name}[{_said(key)}]", exact)  # type: ignore[arg-type]
    return found


def _number(tree: ast.expr, name: str) -> Fraction:
    """Evaluate arithmetic of numbers, exactly: decimals as they are written."""
    if isinstance(tree, ast.Name) and tree.id.lower() in _NOT_FINITE:
        raise ValueError(f"{name} = {tree.id} is not finite: give a finite number")
    if isinstance(tree, ast.Constant) and type(tree.value) in (int, float):
        if not math.isfinite(_float(tree.value, name)):
            raise ValueError(f"{name} = {_said(tree)} is not finite: give a finite number")
        return Fraction(repr(tree.value))
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, (ast.USub, ast.UAdd)):
        value = _number(tree.operand, name)
        return -value if isinstance(tree.op, ast.USub) else value
    if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATORS:
        left, right = _number(tree.left, name), _number(tree.right, name)
        try:
            value = _OPERATORS[type(tree.op)](left, right)
        except (ZeroDivisionError, OverflowError):
            raise ValueError(f"{name} = {_said(tree)} is not finite: give a finite number") from None
        except ArithmeticError:
            raise ValueError(f"{name} = {_said(tree)} is not real: give a real number") from None
        _float(value, name)
        return value
    raise ValueError(f"{name} = {_said(tree)} is not a number: give one (0.3, 1e-3, 1/3) or a control (rho)")


def _float(value: Any, name: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is larger than any double: give a smaller number") from None


def _plain(value: Fraction, exact: bool) -> Any:
    if value.denominator == 1:
        return int(value)
    return sp.Rational(value.numerator, value.denominator) if exact else float(value)
