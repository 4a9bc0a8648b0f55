r"""State evolution of message passing with layers, step by step and in the order of the algorithm.

With m_l the overlap of the estimate of v_l (v_0 = z) and V_l its mean-squared error, one iteration
(:mod:`spinodal.validate.side`) reads, mhat_{L+1} being the precision at which the observations show the signal,

.. math:: \hat m_l^t = \alpha_l E g_l^2(\hat m_{l+1}^t, V_{l-1}^t, m_{l-1}^t), \qquad
          m_l^{t+1} = \mathrm{overlap}_l(\hat m_{l+1}^t, V_{l-1}^t, m_{l-1}^t),

from l = L down to 1, and m_0^(t+1) = overlap_z(mhat_1^t).  The averages are those of the free entropy; its fixed points
are those of the model, but here every layer moves by one step at a time, as on an instance, while
`spinodal.state_evolution` solves the network at every step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from ..equations.compile import compile_expressions
from ..equations.result import Status
from ..theory.channels import Channel
from ..theory.evidence import EvidenceMean, u
from ..theory.generative import Generative
from ..theory.layers import LayerLaw, LayerMean
from ..theory.parameters import formula_symbol
from ..theory.priors import Prior
from .constants import numbers_of
from .side import INFORMED, NUDGE, of_left
from .symmetry import is_centred, needs_nudge, nudged_inputs

__all__ = ["SideEvolution", "evolve_glm", "evolve_wigner", "evolve_wishart"]

_A, _V, _M = map(formula_symbol, ("A", "V", "m"))
_TOLERANCE = 1e-10  # relative change of every order parameter at the end
_AVERAGES = 1e-12  # tolerance of averages, relative to what they are averages of
_LEAST = 1e-12  # of E x^2: below this mse a signal is recovered; message passing stops before
_FAINT = 1e-20  # precision times E x^2 that is none
_NOTHING = 1e-100  # of E x^2: overlap that is none, which averages still resolve
_STEPS = 5000  # iterations, at most

Row = dict[str, float]


class SideEvolution:
    """Overlaps and errors of a signal and of the layers behind it, between iterations.

    Parameters
    ----------
    prior : Prior without free symbols

    Attributes
    ----------
    m, V : list of float
        Of z, the layers' outputs, and last the signal.
    missed : bool
        Whether an average missed its tolerance.
    """

    def __init__(self, prior: Prior) -> None:
        self._prior = prior
        layers = prior.layers if isinstance(prior, Generative) else ()
        latent = prior.latent if isinstance(prior, Generative) else prior
        self._layers = [
            compile_expressions([LayerMean(name, LayerLaw(*activation.law.args), _A, _V, _M)
                                 for name in ("overlap", "mmse", "gain")])
            for activation, _ in layers
        ]
        self._latent = compile_expressions([EvidenceMean(moment, latent.law, _A) for moment in (u[1] ** 2, u[2])])
        found = numbers_of([*(ratio for _, ratio in layers), *getattr(prior, "powers", (prior.second_moment,)),
                            *getattr(prior, "uninformed_overlaps", (prior.uninformed_overlap,))])
        depth = len(layers)
        self._ratios, self._powers = found[:depth], found[depth : 2 * depth + 1]
        self._uninformed = found[2 * depth + 1 :]
        self.m: list[float] = []
        self.V: list[float] = []
        self.missed = False

    scale = property(lambda self: self._powers[-1], doc="E x^2.")

    def begin(self, start: str, nudged: bool) -> None:
        """Start where `Side.begin` does."""
        if start == "informative":
            self.V = [INFORMED * rho for rho in self._powers]
        else:
            self.V = [(1 - NUDGE) * rho if place else rho - known for place, rho, known in
                      zip(nudged_inputs(self._prior, nudged), self._powers, self._uninformed, strict=True)]
        self.m = [rho - V for rho, V in zip(self._powers, self.V, strict=True)]

    def step(self, precision: float) -> None:
        """Take in the precision at which the signal is seen."""
        for level in range(len(self._layers), 0, -1):
            rho, below = self._powers[level], self._powers[level - 1]
            at = {_A: max(precision, _FAINT / rho), _V: max(self.V[level - 1], _LEAST * below),
                  _M: max(self.m[level - 1], _NOTHING * below)}
            overlap, mmse, gain = self._averages(self._layers[level - 1], at, (rho, rho, 1 / below))
            precision = self._ratios[level - 1] * gain
            self._set(level, overlap, mmse)
        rho = self._powers[0]
        self._set(0, *self._averages(self._latent, {_A: max(precision, _FAINT / rho)}, (rho, rho)))

    def _set(self, level: int, overlap: float, mmse: float) -> None:
        """The larger of the two by the smaller, which is more precise."""
        rho = self._powers[level]
        self.m[level], self.V[level] = (overlap, rho - overlap) if overlap < mmse else (rho - mmse, mmse)

    def _averages(self, compiled: Any, values: dict[sp.Symbol, float], scales: tuple[float, ...]) -> list[float]:
        function, constants = compiled
        if not np.isfinite(list(values.values())).all():  # a step before had no number
            return [np.nan] * len(scales)
        with np.errstate(all="ignore"):
            found = function(values | constants, tolerance=_AVERAGES, scales=scales)
        self.missed |= bool((found.errors[:, 0] > 10 * _TOLERANCE * (np.abs(found.values[:, 0]) + scales)).any())
        return [float(value) for value in found.values[:, 0]]

    def row(self) -> Row:
        """What `Side.measure` measures."""
        layers = {f"m_{level + 1}": m for level, m in enumerate(self.m[:-1])}
        return {"overlap": self.m[-1], "mse": self.V[-1], "variance": self.V[-1], **layers}


def _evolve(step: Callable[[], None], row: Callable[[], Row], sides: tuple[SideEvolution, ...]
            ) -> tuple[pd.DataFrame, Status]:
    """Iterate to the end; the first side is the signal's."""
    rows, status = [{"iteration": 0} | row()], Status.NOT_CONVERGED
    for iteration in range(1, _STEPS + 1):
        before = [np.array([side.m, side.V]) for side in sides]
        step()
        rows.append({"iteration": iteration} | row())
        after = [np.array([side.m, side.V]) for side in sides]
        if not all(np.isfinite(values).all() for values in after):
            break
        if sides[0].V[-1] < _LEAST * sides[0].scale:
            status = Status.LIMIT
            break
        if all((np.abs(new - old) <= _TOLERANCE * np.maximum(np.abs(new), _LEAST)).all()
               for old, new in zip(before, after, strict=True)):
            status = Status.CONVERGED
            break
    if any(side.missed for side in sides):
        status = Status.TOLERANCE_MISSED
    return pd.DataFrame(rows), status


def evolve_wigner(prior: Prior, delta: float, start: str) -> tuple[pd.DataFrame, Status]:
    """Follow message passing on spiked Wigner matrices.

    Returns
    -------
    trajectory : DataFrame
        Columns iteration, overlap, mse, variance (the mse), and of a network m_1 ...
    status : Status
    """
    side = SideEvolution(prior)
    side.begin(start, is_centred(prior))
    return _evolve(lambda: side.step(side.m[-1] / delta), side.row, (side,))


def evolve_wishart(left: Prior, right: Prior, delta: float, beta: float, start: str) -> tuple[pd.DataFrame, Status]:
    """Follow message passing on spiked Wishart matrices; columns of u: overlap_u ..., m_u1 ..."""
    left_side, side = SideEvolution(left), SideEvolution(right)
    side.begin(start, is_centred(left) and is_centred(right))
    left_side.begin(start, False)

    def step() -> None:
        left_side.step(side.m[-1] / delta)
        side.step(beta * left_side.m[-1] / delta)

    def row() -> Row:
        return side.row() | of_left(left_side.row())

    return _evolve(step, row, (side, left_side))


def evolve_glm(prior: Prior, channel: Channel, alpha: float, start: str) -> tuple[pd.DataFrame, Status]:
    """Follow multi-layer message passing for a generalized linear model."""
    side = SideEvolution(prior)
    side.begin(start, needs_nudge(prior, channel))
    compiled = compile_expressions([channel.average(u[1] ** 2, _V, _M)])

    def step() -> None:
        at = {_V: max(side.V[-1], _LEAST * side.scale), _M: max(side.m[-1], _NOTHING * side.scale)}
        (gain,) = side._averages(compiled, at, (1 / side.scale,))
        side.step(alpha * gain)

    return _evolve(step, side.row, (side,))
