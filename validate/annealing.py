r"""Heat-bath dynamics and simulated annealing of discrete components on a dense symmetric matrix.

The measure is that of decimation, with J = Y/sqrt(N):

.. math:: \prod_i P(x_i)\; e^{-\beta E(x)}, \qquad
   E(x) = -\tfrac12 x^T J x + \frac{|x|^4}{4N}.

Local fields of all components are maintained in single precision, so a visit costs a few operations and only a change
of a component costs a row of J (N numbers of four bytes): when most proposals are rejected a sweep reads much less
than the matrix.  Fields are summed anew every few sweeps, and energies that decide are computed in double precision.
At temperature zero the weights of the prior drop out, and a component takes the atom of lowest energy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from ..theory.priors import Prior
from .decimation_instances import symmetric
from .settings import real_number, whole

__all__ = ["Atoms", "DenseCouplings", "Walk", "anneal", "cooling", "energy_traces"]

Array = NDArray[np.float64]

_SWEEPS = 30  # of the default schedule
_REFRESH = 32  # sweeps after which the fields are summed anew, that single precision does not add up
_CERTAIN = 40.0  # in units of temperature: what changes with probability exp(-40) stays


class Atoms:
    """Values that a component can take and the logarithms of their probabilities.

    Parameters
    ----------
    prior : Prior
        Of atoms only, without free symbols.

    Attributes
    ----------
    values, logarithms : arrays (K,)
    ising : bool
        Whether they are two opposite values of equal weight.

    Raises
    ------
    ValueError
        If the prior has a density, or holds symbols.
    """

    def __init__(self, prior: Prior) -> None:
        if prior.free_symbols:
            raise ValueError(f"prior = {prior!r} holds symbols: give numbers for them")
        if not prior.continuous_weight.is_zero:
            raise ValueError(f"prior = {prior!r} has a density: annealing moves between atoms; give a discrete prior")
        kept = [(float(weight), float(value)) for weight, value, _ in prior.components if float(weight) > 0]
        weights, self.values = np.array([w for w, _ in kept]), np.array([value for _, value in kept])
        self.logarithms = np.log(weights)
        self.ising = self.values.size == 2 and self.values[0] == -self.values[1] and weights[0] == weights[1]

    def draw(self, size: int, rng: np.random.Generator) -> NDArray[np.int8]:
        """Draw indices of atoms, (size,), from the prior."""
        weights = np.exp(self.logarithms)
        return rng.choice(weights.size, size=size, p=weights / weights.sum()).astype(np.int8)

    def indices(self, state: Any) -> NDArray[np.int8]:
        """Index of the atom nearest to each component of a state (N,)."""
        return np.abs(np.asarray(state, dtype=float)[:, None] - self.values).argmin(axis=1).astype(np.int8)


class DenseCouplings:
    """J = Y/sqrt(N) in single precision, its diagonal apart.

    Parameters
    ----------
    matrix : array (N, N)
        Y, or Y_R.
    """

    def __init__(self, matrix: Array) -> None:
        self.size = int(matrix.shape[0])
        scale = 1 / math.sqrt(self.size)
        self.diagonal = matrix.diagonal() * scale
        self.rows = np.multiply(matrix, scale, dtype=np.float32, casting="same_kind")
        np.fill_diagonal(self.rows, 0)


class Walk:
    """A state in motion: it and its fields change in place.

    Parameters
    ----------
    couplings : DenseCouplings
    atoms : Atoms
    start : int8 array (N,), optional
        Indices of atoms; drawn from the prior by default.
    rng : numpy Generator or seed

    Attributes
    ----------
    index : int8 array (N,)
    energies : list of float
        E/N, with the diagonal and the quartic term, at the start and after every sweep.
    changes : list of int
        Components changed in each sweep.
    """

    def __init__(self, couplings: DenseCouplings, atoms: Atoms, start: Any = None, rng: Any = 0) -> None:
        self._couplings, self._atoms = couplings, atoms
        self._rng = np.random.default_rng(rng)
        self.index = atoms.draw(couplings.size, self._rng) if start is None else np.array(start, dtype=np.int8)
        self._fields = np.empty(couplings.size, dtype=np.float32)
        self._age = 0
        self.changes: list[int] = []
        self.energies = [self.refresh()]

    @property
    def state(self) -> Array:
        """x, array (N,)."""
        return self._atoms.values[self.index]

    def refresh(self) -> float:
        """Sum the fields anew; return E/N."""
        state, couplings = self.state, self._couplings
        _sum_fields(couplings.rows, state.astype(np.float32), self._fields)
        square = np.square(state)
        pair = -0.5 * float(state @ self._fields) - 0.5 * float(couplings.diagonal @ square)
        return (pair + float(square.sum()) ** 2 / (4 * couplings.size)) / couplings.size

    def run(self, temperatures: Any) -> None:
        """Make one sweep at every temperature of an array."""
        temperatures = np.asarray(temperatures, dtype=float)
        for first in range(0, temperatures.size, _REFRESH):
            part = temperatures[first : first + _REFRESH]
            change, changed = np.empty(part.size), np.empty(part.size, dtype=np.int64)
            if self._atoms.ising:
                _sweep_ising(self.index, self._fields, self._couplings.rows, self._atoms.values, part, self._rng,
                             change, changed)
            else:
                _sweep_atoms(self.index, self._fields, self._couplings.rows, self._couplings.diagonal,
                             self._atoms.values, self._atoms.logarithms, part, self._rng, change, changed)
            self.energies += list(self.energies[-1] + np.cumsum(change) / self._couplings.size)
            self.changes += changed.tolist()
            self._age += part.size
            if self._age >= _REFRESH:
                self.energies[-1] = self.refresh()
                self._age = 0

    def relax(self, max_sweeps: int = 1000) -> bool:
        """Sweep at temperature zero until no component changes; say whether that was reached."""
        for _ in range(max_sweeps):
            self.run([0.0])
            if self.changes[-1] == 0:
                self.energies[-1] = self.refresh()
                return True
        return False


def cooling(*, hot: float = 1.0, cold: float = 1 / _SWEEPS, sweeps: int = _SWEEPS) -> Array:
    """Temperatures whose inverses grow in equal steps from 1/hot to 1/cold, array (sweeps,).

    By default the inverse grows by 1 a sweep.  Slower cooling costs more and does not find more: at N = 1300, alpha =
    0.03, delta = 0.08 restarts of 1000 sweeps end in mixtures of patterns on most instances, while one in twenty of 30
    sweeps, or even of a bare descent, falls into a pattern.  Sparse patterns (rho = 0.2, alpha = 0.05) are found in
    half the time with ``cooling(hot=1, cold=0.1, sweeps=100)``.

    Parameters
    ----------
    hot, cold : float
        Temperatures, hot > cold > 0.
    sweeps : int

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """
    hot = real_number("hot", hot, 0.0, math.inf, "it is a temperature")
    cold = real_number("cold", cold, 0.0, math.inf, "it is a temperature; annealing ends by a relaxation to zero")
    if not hot > cold > 0:
        raise ValueError(f"hot = {hot} and cold = {cold}: give two temperatures, hot > cold > 0")
    return 1 / np.linspace(1 / hot, 1 / cold, whole("sweeps", sweeps, 2, "500 is a good one"))


def anneal(
    couplings: DenseCouplings, atoms: Atoms, temperatures: Array, *, start: Any = None, rng: Any = 0, relax: bool = True
) -> Walk:
    """Sweep once at every temperature, then down to a state that no change of one component improves.

    Parameters
    ----------
    couplings : DenseCouplings
    atoms : Atoms
    temperatures : array (sweeps,)
    start : int8 array (N,), optional
        Indices of atoms; drawn from the prior by default.
    rng : numpy Generator or seed
    relax : bool
        False leaves the state a sample at the last temperature.
    """
    walk = Walk(couplings, atoms, start, rng)
    walk.run(temperatures)
    if relax:
        walk.relax()
    return walk


def energy_traces(
    matrix: Array, prior: Prior, temperatures: Any, *, restarts: int = 8, seed: int = 0, reference: Any = None,
    every: int = 1,
) -> pd.DataFrame:
    """Follow the energy of several restarts sweep by sweep: a golf course is flat until a ball falls into a hole.

    Parameters
    ----------
    matrix : array (N, N)
        Y, or Y_R.
    prior : Prior
        Of atoms.
    temperatures : array (sweeps,)
        One of each sweep; a constant one shows plateaus best.
    restarts, seed : int
        Restart k has its own random numbers.
    reference : array (N, P), optional
        Patterns, for measuring: the column overlap is the largest modulus with one.
    every : int
        Sweeps between rows.

    Returns
    -------
    DataFrame
        Columns restart, sweep, temperature, energy (per N) and overlap (nan without a reference).

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """
    matrix, atoms = symmetric("matrix", matrix), Atoms(prior)
    temperatures, every = checked_temperatures(temperatures), whole("every", every, 1, "")
    patterns = None if reference is None else np.asarray(reference, dtype=float)
    couplings, parts = DenseCouplings(matrix), []
    for restart in range(whole("restarts", restarts, 1, "")):
        walk = Walk(couplings, atoms, rng=np.random.default_rng([whole("seed", seed, 0, ""), restart]))
        rows = []
        for first in range(0, temperatures.size, every):
            walk.run(temperatures[first : first + every])
            overlap = math.nan if patterns is None else float(np.abs(walk.state @ patterns).max()) / couplings.size
            rows.append((restart, len(walk.changes), temperatures[len(walk.changes) - 1], walk.energies[-1], overlap))
        parts.append(pd.DataFrame(rows, columns=["restart", "sweep", "temperature", "energy", "overlap"]))
    return pd.concat(parts, ignore_index=True)


def checked_temperatures(value: Any) -> Array:
    """Temperatures of sweeps, one each.

    Raises
    ------
    ValueError
        If they are no array, or one is negative or not finite.
    """
    found = np.asarray(value, dtype=float)
    if found.ndim != 1 or found.size == 0 or not (np.isfinite(found) & (found >= 0)).all():
        raise ValueError(f"temperatures = {value!r}: give an array of temperatures from 0 on, one a sweep, such as "
                         "cooling(hot=1.0, cold=0.03, sweeps=30)")
    return found


# ---- compiled loops; they let other threads run ----


@njit(nogil=True)
def _sum_fields(rows, state, fields):
    """Write J x into `fields`, adding rows in order: the sum is the same on every machine."""
    fields[:] = 0
    for i in range(state.size):
        if state[i] != 0:
            step = state[i]
            row = rows[i]
            for j in range(fields.size):
                fields[j] += step * row[j]


@njit(nogil=True)
def _sweep_ising(index, fields, rows, values, temperatures, rng, change, changed):
    """Visit all spins once at every temperature; the diagonal and the quartic term do not act.

    Parameters
    ----------
    index : int8 array (N,), changed
    fields : float32 array (N,), changed
        J x without the diagonal.
    rows : float32 array (N, N)
        J, its diagonal zero.
    values : array (2,)
        Opposite.
    temperatures : array (K,)
    rng : numpy Generator
    change : array (K,), written
        Of the energy in each sweep, extensive.
    changed : int64 array (K,), written
    """
    for sweep in range(temperatures.size):
        temperature = temperatures[sweep]
        total, flips = 0.0, 0
        for i in range(index.size):
            value = values[index[i]]
            cost = 2 * value * fields[i]
            if cost > _CERTAIN * temperature or (temperature == 0 and cost >= 0):
                continue
            if temperature > 0 and rng.random() * (1 + math.exp(cost / temperature)) >= 1:
                continue
            step = np.float32(-2 * value)
            row = rows[i]
            for j in range(fields.size):
                fields[j] += step * row[j]
            index[i] = 1 - index[i]
            total += cost
            flips += 1
        change[sweep], changed[sweep] = total, flips


@njit(nogil=True)
def _sweep_atoms(index, fields, rows, diagonal, values, logarithms, temperatures, rng, change, changed):
    """As `_sweep_ising`, for any atoms.

    Parameters
    ----------
    diagonal : array (N,)
        J_ii.
    values, logarithms : arrays (K,)
        Atoms and the logarithms of their probabilities.
    """
    size = index.size
    norm = 0.0
    for i in range(size):
        norm += values[index[i]] ** 2
    costs, weights = np.empty(values.size), np.empty(values.size)
    for sweep in range(temperatures.size):
        temperature = temperatures[sweep]
        total, moves = 0.0, 0
        for i in range(size):
            old = index[i]
            value = values[old]
            others = norm - value * value
            for k in range(values.size):
                square = values[k] * values[k]
                costs[k] = (-fields[i] * values[k] - 0.5 * diagonal[i] * square
                            + square * (2 * others + square) / (4 * size))
            new = old
            if temperature == 0:
                for k in range(values.size):
                    if costs[k] < costs[new]:
                        new = k
            else:
                top = -math.inf
                for k in range(values.size):
                    weights[k] = logarithms[k] - costs[k] / temperature
                    top = max(top, weights[k])
                everything = 0.0
                for k in range(values.size):
                    weights[k] = math.exp(weights[k] - top)
                    everything += weights[k]
                left = rng.random() * everything
                new = 0
                while new < values.size - 1 and left >= weights[new]:
                    left -= weights[new]
                    new += 1
            if new != old:
                step = np.float32(values[new] - value)
                row = rows[i]
                for j in range(size):
                    fields[j] += step * row[j]
                norm = others + values[new] * values[new]
                total += costs[new] - costs[old]
                index[i] = new
                moves += 1
        change[sweep], changed[sweep] = total, moves
