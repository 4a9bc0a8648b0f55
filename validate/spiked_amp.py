r"""Approximate message passing for spiked matrices, Bayes-optimal, with scalar variances.

**Wigner**, Y = v v^T/sqrt(p) + sqrt(delta) xi:

.. math:: B^t = \frac{1}{\delta} \Big(\frac{Y}{\sqrt p} \hat v^t - V_t\, \hat v^{t-1}\Big), \qquad
          A_t = \frac{|\hat v^t|^2}{\delta p},

V_t the mean posterior variance of v^t, which was computed with B^(t-1): what Y returns of v^(t-1) is taken off
(Lesieur, Krzakala, Zdeborova, J. Stat. Mech. 073403 (2017)).  The prior answers with v^(t+1) and V_(t+1), whether its
components are independent or come out of a network (:mod:`spinodal.validate.side`; Aubin, Loureiro, Maillard, Krzakala,
Zdeborova, NeurIPS 2019).

**Wishart**, Y = u v^T/sqrt(p) + sqrt(delta) xi, n x p, beta = n/p: u takes its turn between two estimates of v,

.. math:: B_u^t &= \frac{1}{\delta} \Big(\frac{Y}{\sqrt p} \hat v^t - V_t\, \hat u^{t-1}\Big), &
          A_{u,t} &= \frac{|\hat v^t|^2}{\delta p}, \\
          B_v^t &= \frac{1}{\delta} \Big(\frac{Y^T}{\sqrt p} \hat u^t - \beta U_t\, \hat v^t\Big), &
          A_{v,t} &= \frac{|\hat u^t|^2}{\delta p},

u^t and its variance U_t being what B_u^t gives.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..theory.priors import Prior
from .amp import AmpRun, iterate
from .side import Side, of_left
from .symmetry import is_centred, is_symmetric
from .teacher import Wigner, Wishart

__all__ = ["wigner_amp", "wishart_amp"]

Array = NDArray[np.float64]


def wigner_amp(
    prior: Prior,
    instance: Wigner,
    *,
    start: str = "uninformative",
    max_iterations: int = 200,
    tolerance: float = 1e-6,
    damping: float = 0.0,
    rng: Any = 0,
) -> AmpRun:
    """Run message passing on one spiked Wigner matrix, with the prior that it was sampled from.

    Parameters
    ----------
    prior : Prior without free symbols
    instance : Wigner
    start, max_iterations, tolerance, damping, rng
        As for `amp`.  Overlap 0 is a fixed point if nothing is known of v beforehand.

    Returns
    -------
    AmpRun
    """
    side = Side(prior, instance.source, damping)
    side.begin(start, is_centred(prior), np.random.default_rng(rng))
    return iterate(_WignerData(instance), side, symmetric=True, max_iterations=max_iterations, tolerance=tolerance)


def wishart_amp(
    left: Prior,
    right: Prior,
    instance: Wishart,
    *,
    start: str = "uninformative",
    max_iterations: int = 200,
    tolerance: float = 1e-6,
    damping: float = 0.0,
    rng: Any = 0,
) -> AmpRun:
    """Run message passing on one spiked Wishart matrix, with the priors that it was sampled from.

    Parameters
    ----------
    left, right : Prior without free symbols
        Of u and of v.
    instance : Wishart
    start, max_iterations, tolerance, damping, rng
        As for `amp`; they are about v, u following from it.  Overlap 0 is a fixed point if nothing is known beforehand
        of u nor of v: then it is v that an uninformative start is given a small overlap with.

    Returns
    -------
    AmpRun
        Of v; the trajectory has columns of u too, ``overlap_u`` and so on; ``others`` holds the estimate of u.
    """
    rng = np.random.default_rng(rng)
    u, v = Side(left, instance.left, damping), Side(right, instance.right, damping)
    v.begin(start, is_centred(left) and is_centred(right), rng)
    u.begin(start, False, rng)
    # u v^T stays what it is if both change sign: the signs can be known if one of the laws tells its own
    symmetric = is_symmetric(left) and is_symmetric(right)
    run = iterate(_WishartData(instance, u, symmetric), v, symmetric=symmetric, max_iterations=max_iterations,
                  tolerance=tolerance)
    return replace(run, others={"u": u.estimate})


class _WignerData:
    """A spiked Wigner matrix, and what it saw last."""

    explained = False  # a small variance is no reason to stop: the estimate says when it does not change

    def __init__(self, instance: Wigner) -> None:
        self._matrix, self._delta = instance.matrix, instance.delta
        self._root = math.sqrt(len(instance.matrix))
        self._before: Array | None = None

    def __call__(self, side: Side) -> tuple[float, Array]:
        found = _message(self._matrix, side, self._before, side.variance, self._root, self._delta)
        self._before = side.estimate
        return found

    def measure(self) -> dict[str, float]:
        return {}


class _WishartData:
    """A spiked Wishart matrix with all that is known of u."""

    explained = False

    def __init__(self, instance: Wishart, left: Side, symmetric: bool) -> None:
        self._matrix, self._delta, self._left = instance.matrix, instance.delta, left
        self._root = math.sqrt(instance.matrix.shape[1])
        self._before: Array | None = None
        self._symmetric = symmetric

    def __call__(self, side: Side) -> tuple[float, Array]:
        u, rows, columns = self._left, *self._matrix.shape
        u.step(*_message(self._matrix, side, self._before, side.variance, self._root, self._delta))
        self._before = u.estimate
        return _message(self._matrix.T, u, side.estimate, rows / columns * u.variance, self._root, self._delta)

    def measure(self) -> dict[str, float]:
        return of_left(self._left.measure(self._symmetric))


def _message(matrix: Array, side: Side, returned: Array | None, variance: float, root: float, delta: float
             ) -> tuple[float, Array]:
    """A and B to what stands at the rows of the matrix, given the estimate at its columns.

    `returned` is what the matrix has seen of the rows before, and `variance` how much of it comes back.
    """
    estimate = side.estimate
    field = matrix @ estimate
    field /= root
    if returned is not None:
        field -= variance * returned
    field /= delta
    return max(float(estimate @ estimate) / root**2 / delta, 1e-30), field
