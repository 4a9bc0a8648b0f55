r"""Denoisers of priors known by their density alone: their posterior by quadrature, tabulated over the field.

A quadrature for every component in every iteration would cost far more than the products with F.  At given
precision A the posterior mean is a smooth function of the one variable s = B/sqrt(A), and a quadrature gives with
the mean its first two derivatives, the variance and the third cumulant: quintic Hermite interpolation between few
nodes suffices.  Every interval is tested in its middle against the quadrature, and halved until mean and variance are
met; the point of the test becomes a node, so that what is used is better than what was tested by the sixth power
of two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..equations.posterior import PosteriorQuadrature
from ..theory.priors import DensityLaw

__all__ = ["TabulatedPosterior"]

Array = NDArray[np.float64]

_STEP = 0.7  # of the first nodes, in asinh of the distance from a landmark
_TOLERANCE = 1e-6  # of the tested table: of the mean in posterior standard deviations, of the variance times ten
_RESOLUTION = 1e-9  # of the mean, in units of the scale of the law: finer than the quadrature at huge precisions
_ROUNDS = 12  # halvings, after which the rest is integrated directly
_FEW = 100  # components that are integrated directly


class TabulatedPosterior:
    """f(A, B) -> (f_a, f_v) for a law that goes through quadrature; A > 0 is a scalar.

    Parameters
    ----------
    law : DensityLaw
        Without free symbols.
    tolerance : float
        Error that is allowed where the table is tested.
    """

    def __init__(self, law: DensityLaw, tolerance: float = _TOLERANCE) -> None:
        wrapped, scale = law.args
        self._quadrature = PosteriorQuadrature(wrapped.distribution, wrapped.kinks)
        self._scale = float(scale)
        self._spread = float(wrapped.distribution.std())
        self._landmarks = [*wrapped.landmarks, float(wrapped.centre)]
        self._tolerance = tolerance

    def __call__(self, precision: float, field: Array) -> tuple[Array, Array]:
        field = np.asarray(field, dtype=float)
        if not (np.isfinite(field).all() and 0 < precision < np.inf):
            return np.full_like(field, np.nan), np.full_like(field, np.nan)
        # x = scale t: t has precision A scale^2, and B/sqrt(A) is the same for both
        unit, standard = precision * self._scale**2, field / np.sqrt(precision)
        mean, variance = self._standard(unit, standard.ravel()).reshape(2, *field.shape)
        return self._scale / np.sqrt(unit) * mean, self._scale**2 / unit * variance

    def _standard(self, precision: float, standard: Array) -> Array:
        """Mean and variance of sqrt(A) t, shape (2, fields)."""
        if standard.size <= _FEW:
            return self._integrate(precision, standard)[:2]
        nodes, values, unmet = self._table(precision, standard.min(), standard.max())
        after = np.clip(np.searchsorted(nodes, standard, side="right"), 1, len(nodes) - 1)
        found = _hermite(standard, nodes[after - 1], nodes[after], values[:, after - 1], values[:, after])
        direct = unmet[after - 1]
        if direct.any():
            found[:, direct] = self._integrate(precision, standard[direct])[:2]
        found[1] = np.maximum(found[1], 0.0)
        return found

    def _table(self, precision: float, low: float, high: float) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Nodes, mean and its two derivatives there, and which of the intervals miss the tolerance."""
        nodes = self._first_nodes(precision, low, high)
        values = self._integrate(precision, nodes)
        untested = np.ones(len(nodes) - 1, dtype=bool)
        for _ in range(_ROUNDS):
            left = np.flatnonzero(untested)
            middle = 0.5 * (nodes[left] + nodes[left + 1])
            exact = self._integrate(precision, middle)
            found = _hermite(middle, nodes[left], nodes[left + 1], values[:, left], values[:, left + 1])
            allowed = self._tolerance * np.sqrt(exact[1]) + _RESOLUTION * np.sqrt(precision) * self._spread
            missed = ~(
                (np.abs(found[0] - exact[0]) <= allowed)
                & (np.abs(found[1] - exact[1]) <= 10 * self._tolerance * exact[1])
            )
            nodes = np.insert(nodes, left + 1, middle)
            values = np.insert(values, left + 1, exact, axis=1)
            untested = np.repeat(untested, np.where(untested, 2, 1))
            untested[untested] = np.repeat(missed, 2)
            if not missed.any():
                break
        return nodes, values, untested

    def _first_nodes(self, precision: float, low: float, high: float) -> Array:
        """Nodes from `low` to `high`, dense by the landmarks of the density, for a start."""
        far = np.arcsinh(max(high - low, 1.0)) + _STEP
        steps = np.sinh(np.arange(-far, far, _STEP))
        around = [np.sqrt(precision) * landmark + steps for landmark in self._landmarks]
        inside = np.concatenate([*around, np.linspace(low, high, 9)])
        inside = np.unique(inside[(inside > low) & (inside < high)])
        # nodes of two landmarks may fall close together: one of them is enough
        nodes = [low]
        for node in inside:
            if node - nodes[-1] > 0.2 * _STEP:
                nodes.append(node)
        return np.array([*nodes, high if high > nodes[-1] else nodes[-1] + 1.0])

    def _integrate(self, precision: float, standard: Array) -> Array:
        """First three cumulants of sqrt(A) t: the mean and its derivatives by s."""
        precisions = np.full(standard.shape, precision)
        return np.array([
            np.sqrt(precision) ** order * self._quadrature(order, precisions, standard) for order in (1, 2, 3)
        ])


def _hermite(x: Array, low: Array, high: Array, at_low: Array, at_high: Array) -> Array:
    """Value and derivative at x of the quintic with given value and two derivatives at `low` and `high`."""
    h = high - low
    t = (x - low) / h
    rise = at_high[0] - at_low[0]
    first, last = h * at_low[1], h * at_high[1]
    bend, unbend = 0.5 * h**2 * at_low[2], 0.5 * h**2 * at_high[2]
    # f = f0 + t first + t^2 bend + t^3 (c + d t + e t^2); what the cubic part must still reach at t = 1
    value, slope, curve = rise - first - bend, last - first - 2 * bend, unbend - bend
    c, d, e = 10 * value - 4 * slope + curve, -15 * value + 7 * slope - 2 * curve, 6 * value - 3 * slope + curve
    found = at_low[0] + t * (first + t * (bend + t * (c + t * (d + t * e))))
    derivative = (first + t * (2 * bend + t * (3 * c + t * (4 * d + t * 5 * e)))) / h
    return np.array([found, derivative])
