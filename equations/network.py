r"""Networks of random weights, solved: what is known of every layer when the last one is seen at precision A.

Unknowns are V_l, the mean-squared errors of the layers' inputs, in y_l = ln(m_l/V_l), m_l + V_l = rho_l.  One sweep of
state evolution goes down the layers, mhat_l = alpha_l gain_l(mhat_{l+1}, V_l), and up, V_{l+1} = mmse_l; it is
monotone, so that from no knowledge it rises to the poorest solution.  Newton's method with its exact Jacobian ends it,
and the first two derivatives by A follow from the same moments: all of them are averages of theory/layers.py.

Where the equations have several solutions at one A, it is the poorest that is found, the one that message passing from
no knowledge sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from scipy.special import expit

from ..theory.evidence import EvidenceMean, information, u
from ..theory.generative import Network
from ..theory.layers import LayerMean
from ..theory.parameters import formula_symbol
from .compile import compile_expressions

__all__ = ["NetworkSolver"]

Array = np.ndarray
_A, _V, _M = map(formula_symbol, ("A", "V", "m"))
_STEP = ("overlap", "mmse", "gain")
_NEWTON = (*_STEP, "response_AA", "response_AV", "response_VV")
_ALL = (*_NEWTON, "information", "bend_AAA", "bend_AAV", "bend_AVV", "bend_VVV")
_COARSE = 1e-4  # tolerance of the averages while the iteration is far from its end
_NEAR = 0.3  # change of y by a sweep below which Newton's method may take over
_LONGEST = 0.5  # step of Newton's method in y
_SMALL = 1e-7  # error of y whose square is below rounding: the rest is done by derivatives
_LAST = 1e-3  # a step that leaves an error of its square, and of the coarse averages
_TURNS = 12  # Newton's steps in a row, and sweeps in a row
_EXACT = 1e-280  # of rho: a layer's input is known
_FAMILIES = 64  # sets of parameters whose solutions are kept
_APART = 2.0  # in ln A, of solutions between which others are guessed
_GUESSED = 0.3  # Newton's step in y from a guess that is one
_POLISH = 4  # passes to the full tolerance, at most
_MOST = 4000  # sweeps; a sweep gains a factor 1/(distance to a fold)^(1/2)
_EPS = np.finfo(float).eps


@dataclass(frozen=True)
class _Layer:
    """Averages of one layer, compiled, by name."""

    step: Any
    newton: Any
    every: Any


class NetworkSolver:
    """Solve the equations of a network at arrays of precisions and of its parameters.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network):
        self.network = network
        self.depth = len(network.layers)
        self._layers = [
            _Layer(*(compile_expressions([LayerMean(name, law, _A, _V, _M) for name in names])
                     for names in (_STEP, _NEWTON, _ALL)))
            for law, _ in network.layers
        ]
        law = network.latent
        mmse = EvidenceMean(u[2], law, _A)
        self._latent = _Layer(
            step=compile_expressions([EvidenceMean(u[1] ** 2, law, _A), mmse]),
            newton=compile_expressions([EvidenceMean(u[1] ** 2, law, _A), mmse, -mmse.diff(_A)]),
            every=compile_expressions([EvidenceMean(u[1] ** 2, law, _A), mmse, -mmse.diff(_A),
                                       EvidenceMean(information, law, _A), -mmse.diff(_A, 2)]),
        )
        ratios = [ratio for _, ratio in network.layers]
        self._sizes = compile_expressions([*ratios, *network.powers, *network.uninformed])

        self._known: dict[tuple[float, ...], tuple[Array, Array]] = {}  # by parameters: ln A, and V, m and dV/dln A

    def __call__(self, precision: Array, parameters: Mapping[sp.Symbol, Array], tolerance: float,
                 ) -> dict[tuple[str, int], tuple[Array, Array]]:
        """Values and absolute errors of every quantity, by kind and order, at rows of precisions."""
        rows = _Rows(self, np.asarray(precision, float), parameters)
        values, errors = rows.solved(tolerance)
        return {key: (values[key], errors[key]) for key in values}

    def remember(self, key: tuple[float, ...], log_precision: Array, states: Array) -> None:
        """Keep solutions, (3, L, rows), as first guesses of others."""
        if key in self._known:
            places, before = self._known[key]
            log_precision = np.concatenate([places, log_precision])
            states = np.concatenate([before, states], axis=-1)
        _, kept = np.unique(log_precision, return_index=True)
        if len(self._known) > _FAMILIES:
            self._known.clear()
        self._known[key] = log_precision[kept], states[..., kept]

    def below(self, key: tuple[float, ...], log_precision: float) -> tuple[Array, Array] | None:
        """(V, m) of the solution known at the next lower precision, (L, 1); None if there is none."""
        places, (V, m, _) = self._known.get(key, (np.empty(0), np.empty((3, 0, 0))))
        before = np.flatnonzero(places < log_precision)
        return (V[:, before[-1:]], m[:, before[-1:]]) if len(before) else None

    def guess(self, key: tuple[float, ...], log_precision: Array) -> tuple[Array, Array]:
        """y between solutions that are known, (L, rows), and where there are two to stand between."""
        shape = (self.depth, len(log_precision))
        if key not in self._known or len(self._known[key][0]) < 2:
            return np.zeros(shape), np.zeros(shape[1], bool)
        places, (V, m, rate) = self._known[key]
        after = np.clip(np.searchsorted(places, log_precision), 1, len(places) - 1)
        gap = places[after] - places[after - 1]
        t = (log_precision - places[after - 1]) / gap
        good = (t >= 0) & (t <= 1) & (gap <= _APART)
        y = np.log(m) - np.log(V)
        slope = -rate * (m + V) / (m * V)
        low, high, a, b = y[:, after - 1], y[:, after], slope[:, after - 1] * gap, slope[:, after] * gap
        return low + t * (a + t * (3 * (high - low) - 2 * a - b + t * (a + b - 2 * (high - low)))), good


class _Rows:
    """The equations at given rows of precisions and parameters."""

    def __init__(self, solver: NetworkSolver, precision: Array, parameters: Mapping[sp.Symbol, Array]):
        self.solver, self.precision, self.parameters = solver, precision, parameters
        depth = solver.depth
        sizes, numbers = solver._sizes
        found = sizes({**parameters, **numbers}).values
        found = np.broadcast_to(found, (len(found), len(precision)))
        self.ratio, self.power, self.known = found[:depth], found[depth : 2 * depth + 1], found[2 * depth + 1 :]

    def take(self, index: Array) -> _Rows:
        """These rows only."""
        part = object.__new__(_Rows)
        part.solver, part.precision = self.solver, self.precision[index]
        part.parameters = {s: np.broadcast_to(a, self.precision.shape)[index] for s, a in self.parameters.items()}
        part.ratio, part.power, part.known = self.ratio[:, index], self.power[:, index], self.known[:, index]
        return part

    def _evaluate(self, compiled: Any, A: Array, V: Array | None, m: Array | None, tolerance: float):
        function, numbers = compiled
        values: dict[sp.Symbol, Any] = {**self.parameters, **numbers, _A: A}
        if V is not None:
            values |= {_V: V, _M: m}
        scales = [0.0, 0.0, 0.0, *[np.inf] * (len(function.expressions) - 3)][: len(function.expressions)]
        found = function(values, tolerance=tolerance, scales=scales)
        shape = (len(function.expressions), len(self.precision))
        return np.broadcast_to(found.values, shape), np.broadcast_to(found.errors, shape)

    def moments(self, V: Array, m: Array, which: str, tolerance: float) -> tuple[list[Array], list[Array]]:
        """Averages of the latent law and of every layer from the bottom up, and their errors, at given V and m."""
        depth, above = self.solver.depth, self.precision
        values: list[Array] = [np.empty(0)] * (depth + 1)
        errors = list(values)
        for k in reversed(range(depth)):
            values[k + 1], errors[k + 1] = self._evaluate(getattr(self.solver._layers[k], which), above, V[k], m[k],
                                                          tolerance)
            above = self.ratio[k] * values[k + 1][2]
        values[0], errors[0] = self._evaluate(getattr(self.solver._latent, which), above, None, None, tolerance)
        return values, errors

    def _outcome(self, values: Sequence[Array]) -> tuple[Array, Array]:
        """(V, m) of every layer's input after a sweep; the larger of the two by the smaller."""
        m, V = (np.stack([values[k][n] for k in range(self.solver.depth)]) for n in (0, 1))
        rho = self.power[:-1]
        return np.where(m > V, V, rho - m), np.where(m > V, rho - V, m)

    def jacobian(self, values: Sequence[Array]) -> tuple[Array, Array]:
        """Derivatives of a sweep's V by V, (rows, L, L), and by A, (rows, L)."""
        depth, rows = self.solver.depth, len(self.precision)
        by = np.zeros((depth + 1, depth + 1, rows))  # of mhat_{l+1} by V_1 ... V_L and by A; mhat_{L+1} is A
        by[depth, depth] = 1.0
        for k in reversed(range(depth)):
            _, _, _, _, cross, own = values[k + 1][:6]
            by[k] = self.ratio[k] * cross * by[k + 1]
            by[k, k] -= self.ratio[k] * own
        out = np.empty((depth, depth + 1, rows))
        out[0] = -values[0][2] * by[0]
        for k in range(1, depth):
            _, _, _, self_, cross, _ = values[k][:6]
            out[k] = -self_ * by[k]
            out[k, k - 1] += cross
        return np.moveaxis(out[:, :depth], -1, 0), np.moveaxis(out[:, depth], -1, 0)

    def solved(self, tolerance: float) -> tuple[dict[tuple[str, int], Array], dict[tuple[str, int], Array]]:
        """Iterate, finish by Newton's method, and evaluate once more to the tolerance."""
        V, m, found = self._begun()
        if not found.all():
            return self._without(np.flatnonzero(~found), tolerance)
        for left in reversed(range(_POLISH)):
            values, errors = self.moments(V, m, "every", tolerance)
            shift = self._newton(V, m, values)
            if (np.abs(shift) <= _SMALL).all() or not left:  # a step that is left undone is an error that is stated
                break
            V, m = self._moved(V, m, shift)
        base, rest = self._quantities(V, m, values)
        self._remember(V, m, values)
        error = {key: 8 * _EPS * np.abs(value) + rest[key] for key, value in base.items()}
        for k, table in enumerate(values):
            for n in range(len(table)):
                if not errors[k][n].any():
                    continue
                bumped = list(values)
                bumped[k] = table.copy()
                bumped[k][n] += errors[k][n]
                moved, _ = self._quantities(V, m, bumped)
                for key in base:
                    error[key] = error[key] + np.abs(moved[key] - base[key])
        return base, error

    @cached_property
    def _key(self) -> tuple[float, ...] | None:
        """The parameters, if all rows share them."""
        table = np.concatenate([self.ratio, self.power, self.known])
        numbers = [a for a in self.parameters.values() if np.size(a)]
        if (table != table[:, :1]).any() or any((a != np.ravel(a)[0]).any() for a in numbers):
            return None
        return (*table[:, 0], *(float(np.ravel(a)[0]) for a in numbers))

    def _remember(self, V: Array, m: Array, values: Sequence[Array]) -> None:
        if self._key is not None:
            jacobian, by_A = self.jacobian(values)
            rate = np.linalg.solve(np.eye(self.solver.depth) - jacobian, by_A[..., None])[..., 0].T * self.precision
            self.solver.remember(self._key, np.log(self.precision), np.stack([V, m, rate]))

    def _begun(self) -> tuple[Array, Array, Array]:
        """(V, m) near the solution and where it was found: from neighbours, or by iteration."""
        if self._key is None:
            return self._iterated()
        y, good = self.solver.guess(self._key, np.log(self.precision))
        V, m = self._moved(np.ones_like(y), np.ones_like(y), y)
        found = good.copy()
        if good.any():
            some = np.flatnonzero(good)
            part = self.take(some)
            values, _ = part.moments(V[:, some], m[:, some], "newton", _COARSE)
            with np.errstate(all="ignore"):
                step = part._newton(V[:, some], m[:, some], values)
            good[some] = near = (np.abs(step) < _GUESSED).all(axis=0)
            step = np.where(near, step, 0.0)
            V[:, some], m[:, some] = part._moved(V[:, some], m[:, some], step)
        # the state at a lower precision lies below the one that is sought: a start that no sweep overshoots
        rest = np.flatnonzero(~good)
        for row in rest[np.argsort(self.precision[rest], kind="stable")]:
            one = self.take(np.array([row]))
            below = self.solver.below(self._key, float(np.log(self.precision[row])))
            V[:, [row]], m[:, [row]], found[row] = one._iterated(below)
            if found[row]:
                one._remember(V[:, [row]], m[:, [row]], one.moments(V[:, [row]], m[:, [row]], "newton", _COARSE)[0])
        return V, m, found

    def _without(self, lost: Array, tolerance: float):
        """The same where some rows have no solution: NaN there."""
        kept = np.setdiff1d(np.arange(len(self.precision)), lost)
        nothing = np.full(len(self.precision), np.nan)
        if len(kept) == 0:
            return dict.fromkeys(self.keys, nothing), dict.fromkeys(self.keys, nothing)
        tables = self.take(kept).solved(tolerance)
        for table in tables:
            for key, value in table.items():
                table[key] = nothing.copy()
                table[key][kept] = value
        return tables

    @property
    def keys(self) -> list[tuple[str, int]]:
        """What is solved for: kinds and orders."""
        names = [(f"{name}_{k + 1}", order) for k in range(self.solver.depth) for name in ("m", "mhat")
                 for order in (0, 1)]
        return [("information", 0), ("mmse", 0), ("overlap", 0), ("mmse", 1), ("mmse", 2), *names]

    def _newton(self, V: Array, m: Array, values: Sequence[Array]) -> Array:
        """Step in y to the solution, by Newton's method."""
        new_V, new_m = self._outcome(values)
        gap = np.log(new_m) - np.log(new_V) - np.log(m) + np.log(V)
        jacobian, _ = self.jacobian(values)
        scale = V * m / self.power[:-1]  # -dV/dy
        after = new_V * new_m / self.power[:-1]
        matrix = jacobian * np.moveaxis(scale[None], -1, 0) / np.moveaxis(after[:, None], -1, 0)
        identity = np.eye(self.solver.depth)
        return np.linalg.solve(identity - matrix, gap.T[..., None])[..., 0].T

    def _moved(self, V: Array, m: Array, step: Array) -> tuple[Array, Array]:
        rho = self.power[:-1]
        y = np.log(m) - np.log(V) + step
        return rho * expit(-y), rho * expit(y)

    def _iterated(self, start: tuple[Array, Array] | None = None) -> tuple[Array, Array, Array]:
        """(V, m) to some six digits, from no knowledge (or a start) upwards, and where it was found.

        It is not where a layer's input becomes known exactly: a limit, and no solution with numbers of its own.
        """
        shape = (self.solver.depth, len(self.precision))
        if start is None:
            m = np.broadcast_to(self.known, shape).copy()
            V = self.power[:-1] - m
        else:
            V, m = (np.broadcast_to(a, shape).copy() for a in start)
        todo, found = np.arange(shape[1]), np.zeros(shape[1], bool)
        for sweep in range(_MOST):
            part = self.take(todo)
            near = sweep > 0 or start is not None
            values, _ = part.moments(V[:, todo], m[:, todo], "newton" if near else "step", _COARSE)
            new_V, new_m = part._outcome(values)
            if not near:
                V[:, todo], m[:, todo] = new_V, new_m
                continue
            with np.errstate(all="ignore"):
                change = np.abs(np.log(new_m / new_V) - np.log(m[:, todo] / V[:, todo]))
                step = part._newton(V[:, todo], m[:, todo], values)
                # a sweep only knows more: where Newton's method says so too, it goes on, a bounded step at a time
                good = (change < _NEAR).all(axis=0) & np.isfinite(step).all(axis=0)
                good &= ((step > 0).all(axis=0) | (np.abs(step) < _LONGEST).all(axis=0))
                shortened = step * np.minimum(1, _LONGEST / np.abs(step).max(axis=0))
                by_newton = part._moved(V[:, todo], m[:, todo], shortened)
                # beside a solution that is just not there Newton's method leads nowhere: sweeps pass by
                good &= (sweep // _TURNS) % 2 == 0
            V[:, todo], m[:, todo] = (np.where(good, a, b) for a, b in zip(by_newton, (new_V, new_m), strict=True))
            found[todo] = good & (np.abs(step) < _LAST).all(axis=0)
            exact = ~((V[:, todo] > _EXACT * self.power[:-1, todo]).all(axis=0))
            todo = todo[~found[todo] & ~exact]
            if len(todo) == 0:
                break
        return V, m, found

    def _quantities(self, V: Array, m: Array, values: Sequence[Array]):
        """Everything by kind and order, and what the last step in V leaves undone."""
        depth = self.solver.depth
        jacobian, by_A = self.jacobian(values)
        inverse = np.linalg.inv(np.eye(depth) - jacobian)
        new_V, new_m = self._outcome(values)
        less = np.where(new_V < new_m, new_V - V, m - new_m)  # change of V in a sweep
        shift = np.einsum("rij,jr->ir", inverse, less)
        rate = np.einsum("rij,rj->ir", inverse, by_A)
        # precisions mhat_1 ... mhat_{L+1}, their total derivatives, and their second ones at fixed V'
        at, slope, bend = [self.precision], [np.ones_like(self.precision)], [np.zeros_like(self.precision)]
        moved = [np.zeros_like(self.precision)]
        for k in reversed(range(depth)):
            _, _, gain, _, cross, own, _, _, aav, avv, vvv = values[k + 1]
            p, r, v = slope[0], self.ratio[k], rate[k]
            at.insert(0, r * gain)
            moved.insert(0, r * (cross * moved[0] - own * shift[k]))
            slope.insert(0, r * (cross * p - own * v))
            bend.insert(0, r * (cross * bend[0] + aav * p**2 - 2 * avv * p * v + vvv * v**2))

        def second(k: int) -> Array:
            """Of the mmse of layer k (0: of z) at fixed second derivatives of V."""
            if k == 0:
                return -values[0][2] * bend[0] - values[0][4] * slope[0] ** 2
            _, _, _, self_, _, _, _, aaa, aav, avv, _ = values[k]
            p, v = slope[k], rate[k - 1]
            return -self_ * bend[k] - aaa * p**2 + 2 * aav * p * v - avv * v**2

        curvature = np.einsum("rij,jr->ir", inverse, np.stack([second(k) for k in range(depth)]))
        overlap, mmse, _, self_, cross, _, *_ = values[depth]
        up = cross * shift[-1]
        size = np.ones_like(self.precision)
        info, blur = values[depth][6].copy(), np.zeros_like(self.precision)
        for k in reversed(range(depth)):
            size = size / self.ratio[k]
            own, paid = values[k][6 if k else 3], at[k] * V[k] / 2
            info += size * (own - paid)
            blur += 4 * _EPS * size * (0.5 + np.abs(own) + paid)  # they cancel where a layer says little
        found = {
            ("information", 0): info, ("mmse", 0): mmse + up, ("overlap", 0): overlap - up,
            ("mmse", 1): -self_ + cross * rate[-1], ("mmse", 2): second(depth) + cross * curvature[-1],
        }
        for k in range(depth):
            found |= {(f"m_{k + 1}", 0): m[k] - shift[k], (f"m_{k + 1}", 1): -rate[k],
                      (f"mhat_{k + 1}", 0): at[k] + moved[k], (f"mhat_{k + 1}", 1): slope[k]}
        # the step's square: what derivatives of the next order would add
        undone = np.abs(shift / np.minimum(V, m)).max(axis=0) ** 2
        rest = {key: undone * np.abs(value) for key, value in found.items()}
        rest["information", 0] = rest["information", 0] + blur
        return found, rest
