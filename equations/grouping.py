"""Expressions with averages taken apart for their compilation: by law, with what they bind and where they vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from ..theory.means import GaussianMean, Let, WrittenMean
from .features import top_means

__all__ = [
    "bodies_and_bindings", "by_law", "of_one_place", "one_of_each_sign", "without_inner_fields", "write_out",
]


def write_out(expr: sp.Expr) -> sp.Expr:
    """Evidence averages as Gaussian averages, joint fields as nested ones, closed forms where there are."""
    closed = {mean: mean.doit() for mean in [*top_means([expr]), *expr.atoms(WrittenMean)]}
    expr = expr.xreplace(closed)
    joint = {mean: mean.as_nested() for mean in top_means([expr]) if len(mean.fields) > 1}
    return expr.xreplace(joint)


def by_law(means: Sequence[GaussianMean]) -> list[list[GaussianMean]]:
    """Averages over the same law together."""
    groups: dict[Any, list[GaussianMean]] = {}
    for mean in means:
        groups.setdefault((mean.fields, mean.laws, mean.domain), []).append(mean)
    return list(groups.values())


def bodies_and_bindings(means: Sequence[GaussianMean]) -> tuple[list[sp.Expr], list[tuple[sp.Symbol, sp.Expr]]]:
    """Integrands, and all that they bind: equal names of different bindings are told apart."""
    bodies: list[sp.Expr] = []
    bindings: list[tuple[sp.Symbol, sp.Expr]] = []
    seen: dict[Any, dict[sp.Symbol, sp.Symbol]] = {}
    for mean in means:
        if not isinstance(mean.f, Let):
            bodies.append(mean.f)
            continue
        if mean.f.bindings not in seen:
            own = {name: sp.Symbol(f"{name.name}_{len(seen)}", real=True) for name, _ in mean.f.bindings}
            seen[mean.f.bindings] = own
            bindings += [(own[name], value.xreplace(own)) for name, value in mean.f.bindings]
        bodies.append(mean.f.body.xreplace(seen[mean.f.bindings]))
    return bodies, bindings


def without_inner_fields(argument: sp.Expr, means: Sequence[GaussianMean], field: sp.Symbol) -> list[sp.Expr]:
    """A feature seen from outside: inner fields stand at the means of their laws."""
    candidates = [argument]
    for mean in means:
        for inner in top_means([mean.f.body if isinstance(mean.f, Let) else mean.f]):
            (name,) = inner.fields
            candidates = [
                sp.expand(candidate.subs(name, law[1][0])) if candidate.has(name) else candidate
                for candidate in candidates for law in inner.laws
            ]
    return list(dict.fromkeys(candidates))


def one_of_each_sign(coefficients: Mapping[tuple, bool]) -> dict[tuple, bool]:
    """Drop features that are others with the opposite sign; what is one is a peak if either is."""
    kept: dict[tuple, bool] = {}
    for row, is_peak in coefficients.items():
        other = tuple(-a for a in row)
        if other in kept:
            kept[other] = kept[other] or is_peak
        else:
            kept[row] = is_peak
    return kept


def of_one_place(centres: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Scales of features, infinite for those within whose width a narrower one stands: its grading serves both."""
    if scales.shape[1] < 2:
        return scales
    near = np.abs(centres[:, :, None] - centres[:, None, :]) <= scales[:, :, None]
    order = np.arange(scales.shape[1])
    narrower = scales[:, None, :] < scales[:, :, None]
    narrower |= (scales[:, None, :] == scales[:, :, None]) & (order[None, :] < order[:, None])
    return np.where((near & narrower).any(axis=2), 1e150, scales)
