"""A random landscape in numbers: how many critical points it has at overlaps and energies, with rounding estimates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from ..theory.landscape import E, Landscape, m
from ..theory.model import Model
from ..theory.parameters import number
from .generate import lambdify

__all__ = ["Counting", "check_landscape", "counting_of", "overlaps"]

_INDEX = sp.Symbol("_k", integer=True, nonnegative=True)
_EPS = float(np.finfo(float).eps)
_ROUNDINGS = 8.0  # units in the last place that a term of a sum may be off
_STEP = 1e-6  # relative, of the differences that tell how rounding of the arguments is passed on
_LEAST = 1e-25  # weight beside a signal, whose minima lie nearer to overlap 0 the larger it is
_RATIO = 1e-300  # of weights without one, whose products must not vanish
_COARSE = 501  # overlaps at which a maximum over them is sought first
_SECTIONS = 60  # golden: the interval shrinks below rounding


@lru_cache(maxsize=64)
def _compiled(degrees: tuple[int, ...], spiked: bool, name: str, counts_all: bool, at_energy: bool) -> Callable:
    """A function of index, overlap, energy and weights: the landscape's method of that name."""
    weights = [sp.Symbol(f"_w{k}", positive=True) for k in range(len(degrees))]
    landscape = Landscape(tuple(zip(map(sp.Integer, degrees), weights, strict=True)), spiked)
    energy, index = E if at_energy else None, None if counts_all else 0 if spiked else _INDEX
    match name:
        case "complexity" | "magnitude":
            expressions = [getattr(landscape, name)(index, m, energy)]
        case "rate":
            expressions = [landscape.rate(m, index, m, energy)]
        case "rate_magnitude":
            expressions = [landscape.magnitude(index, m, energy, by=m)]
        case "likeliest_energy":
            expressions = [landscape.likeliest_energy(index, m)]
        case "isolated" | "isolated_above":
            side = 1 if name == "isolated" else -1
            zero, positive = landscape.isolated(m, side)
            expressions = [zero, *positive, landscape.isolated_energy(m, side)]
        case "index_fraction":
            expressions = [landscape.index_fraction(E)]
        case _:
            expressions = [getattr(landscape, name)(m)]
    return lambdify([_INDEX, m, E, *weights], expressions)


def check_landscape(model: Any) -> None:
    """Refuse what has no landscape.

    Raises
    ------
    TypeError, ValueError
    """
    if not isinstance(model, Model):
        raise TypeError(f"model = {model!r} is not a model: give one such as SphericalSpinGlass({{3: 1}})")
    if model.landscape is None:
        raise ValueError(f"model = {model!r} has no landscape whose critical points are counted: give one such as "
                         "SphericalSpinGlass({3: 1}), a polynomial on a sphere")


def counting_of(model: Model, controls: Mapping[str, Any]) -> tuple[Counting, dict[str, float]]:
    """Check a model and its controls; return its landscape in numbers, and the controls.

    Raises
    ------
    TypeError, ValueError
        If the model has no landscape, or for unknown, missing or impossible controls.
    """
    check_landscape(model)
    values = {}
    for s, given in model.check_controls(dict(controls)).items():
        infinite = s in model.own_controls and given in (math.inf, sp.oo)
        values[s] = sp.oo if infinite else number(s.name, given)
        if values[s].free_symbols:
            raise TypeError(f"{s.name} = {given} is a symbol: give the control a number")
    model.check_point({s.name: float(values[s]) for s in model.own_controls})
    concrete = model.at({s: value for s, value in values.items() if s not in model.own_controls})
    landscape: Any = concrete.landscape
    terms = [(p.subs(values), sp.sympify(w).subs(values)) for p, w in landscape.terms]
    terms = [(p, w) for p, w in terms if w != 0]
    if not any(p > 1 for p, _ in terms):
        said = ", ".join(f"{s.name} = {value}" for s, value in values.items())
        raise ValueError(f"{said}: nothing is left of the landscape but what is linear; give a finite value")
    for p, w in terms:
        if landscape.spiked and not _LEAST < float(w) < 1 / _LEAST:
            raise ValueError(f"weight {float(w):g} of x^{p}: doubles do not hold its powers; give noise within "
                             f"{_LEAST:g} and {1 / _LEAST:g}, or inf for no such observation")
    least, most = (choose(float(w) for _, w in terms) for choose in (min, max))
    if least < _RATIO * most:
        raise ValueError(f"weights {least:g} and {most:g}: doubles do not hold the one beside the other; give weights "
                         f"within a factor of {1 / _RATIO:g}, or leave the smaller one out")
    return Counting(Landscape(tuple(terms), landscape.spiked)), {s.name: float(value) for s, value in values.items()}


@dataclass(frozen=True)
class Counting:
    """A landscape in numbers.

    Parameters
    ----------
    landscape : Landscape
        Degrees and weights without symbols.

    Attributes
    ----------
    unit : float
        Of energies, in which the weights are those given.
    """

    landscape: Landscape
    degrees: tuple[int, ...] = field(init=False)
    weights: tuple[float, ...] = field(init=False)
    unit: float = field(init=False)

    def __post_init__(self) -> None:
        weights = [float(w) for _, w in self.landscape.terms]
        # energies without a signal scale with the root of the weights: a power of 2 keeps squares in range, exactly
        unit = 1.0 if self.landscape.spiked else 2.0 ** (math.frexp(max(weights))[1] // 2)
        object.__setattr__(self, "unit", unit)
        object.__setattr__(self, "degrees", tuple(int(p) for p, _ in self.landscape.terms))
        object.__setattr__(self, "weights", tuple(w / unit / unit for w in weights))

    @property
    def scale(self) -> float:
        """Scale of the energies."""
        return self.unit * math.sqrt(sum(self.weights))

    @property
    def slopes(self) -> tuple[float, float]:
        """Q'(1) and Q''(1), of energies in units of `unit`."""
        terms = list(zip(self.degrees, self.weights, strict=True))
        return sum(w * p for p, w in terms), sum(w * p * (p - 1) for p, w in terms)

    @property
    def trivial(self) -> bool:
        """Whether there are two critical points, or, for a pure p = 2, pairs of eigenvectors."""
        terms = zip(self.degrees, self.weights, strict=True)
        return not self.landscape.spiked and sum(w * p * (p - 2) for p, w in terms) <= 0  # Q'' <= Q', no digits lost

    def evaluate(self, name: str, index: int | None = 0, overlap: Any = 0.0, energy: Any = None,
                 weights: tuple[float, ...] | None = None) -> list[Any]:
        """Evaluate a method of the landscape, at arrays of overlaps and energies that broadcast."""
        function = _compiled(self.degrees, self.landscape.spiked, name, index is None, energy is not None)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # no points at overlap 1: log 0 = -inf
            energy = 0.0 if energy is None else energy / self.unit
            found = function(index or 0, overlap, energy, *(weights or self.weights))
        return [value * self.unit for value in found] if name.endswith("_energy") else found

    def sigma(self, index: int | None, overlap: Any = 0.0, energy: Any = None) -> Any:
        """Complexity, nats per spin; -inf where there is no such point."""
        return np.asarray(self.evaluate("complexity", index, overlap, energy)[0]) + 0.0 * np.asarray(overlap)

    def rate(self, index: int | None, overlap: Any = 0.0, energy: Any = None) -> Any:
        """Its derivative by the overlap."""
        return self.evaluate("rate", index, overlap, energy)[0] + 0.0 * np.asarray(overlap)

    def rounding(self, index: int | None, overlap: Any = 0.0, energy: Any = None, *, name: str = "complexity") -> Any:
        """Error of the complexity, or its ``"rate"``, by rounding: of its terms, and of its arguments, passed on."""
        scale = "rate_magnitude" if name == "rate" else "magnitude"
        terms = np.asarray(self.evaluate(scale, index, overlap, energy)[0], float)
        total = _ROUNDINGS * _EPS * np.where(np.isfinite(terms), terms, 0.0)
        return total + self.passed_on(name, index, overlap, energy)

    def passed_on(self, name: str, index: int | None, overlap: Any = 0.0, energy: Any = None) -> Any:
        """What half a unit in the last place of overlap, energy and weights makes of a method of the landscape."""
        total = np.zeros(())
        terms = zip(self.degrees, self.weights, strict=True) if self.landscape.spiked else ()
        # energies are seen from -Q(m)
        size = np.abs(0.0 if energy is None else energy) + sum(w * np.abs(overlap) ** p for p, w in terms)
        here = np.asarray(self.evaluate(name, index, overlap, energy)[0], float)
        for which in range(-2, len(self.weights)):
            changes = []
            for factor in (1 - _STEP, 1 + _STEP):
                m = overlap * factor if which == -2 else overlap
                e = energy + (factor - 1) * size if which == -1 and energy is not None else energy
                weights = tuple(w * factor if k == which else w for k, w in enumerate(self.weights))
                with np.errstate(invalid="ignore"):
                    change = np.abs(np.asarray(self.evaluate(name, index, m, e, weights)[0], float) - here)
                changes.append(np.where(np.isfinite(change), change, 0.0))  # beyond the end of a pure landscape
            total = total + np.maximum(*changes) / _STEP * _EPS / 2
        return total

    def likeliest_energy(self, index: int | None, overlap: Any = 0.0) -> Any:
        """Energy of the most numerous critical points at an overlap."""
        return self.evaluate("likeliest_energy", index, overlap)[0] + 0.0 * np.asarray(overlap)

    def index_fraction(self, energy: Any) -> Any:
        """Part of the Hessian's eigenvalues that is negative, at the most numerous critical points of an energy."""
        return self.evaluate("index_fraction", None, 0.0, energy)[0] + 0.0 * np.asarray(energy)

    def threshold_energy(self, overlap: Any = 0.0) -> Any:
        """Energy below which minima have a gap."""
        return self.evaluate("threshold_energy", 0, overlap)[0] + 0.0 * np.asarray(overlap)

    def largest_over_overlaps(self, index: int | None, energies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Complexity at energies, at the overlap where it is largest, and these overlaps."""
        grid = overlaps(_COARSE)
        values = self.sigma(index, grid, energies[:, None])
        best = np.where(np.isnan(values), -np.inf, values).argmax(1)
        low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, len(grid) - 1)]
        ratio = (math.sqrt(5) - 1) / 2  # golden section, all energies together
        for _ in range(_SECTIONS):
            a, b = high - ratio * (high - low), low + ratio * (high - low)
            left = self.sigma(index, a, energies) >= self.sigma(index, b, energies)
            low, high = np.where(left, low, a), np.where(left, b, high)
        overlap = (low + high) / 2
        found = self.sigma(index, overlap, energies)
        coarse = np.take_along_axis(values, best[:, None], 1)[:, 0]
        found, overlap = np.maximum(found, coarse), np.where(found >= coarse, overlap, grid[best])
        centre = self.sigma(index, 0.0, energies)  # where it is largest to rounding, if it is even
        return np.maximum(found, centre), np.where(centre >= found - 4 * _EPS, 0.0, overlap)


def overlaps(count: int) -> np.ndarray:
    """Overlaps in (-1, 1), denser near the ends."""
    return np.sin(np.pi / 2 * np.linspace(-1, 1, count + 2)[1:-1])
