"""Dynamics of a network's spins: to the nearest fixed point, at a temperature, or through a schedule of them.

A field costs one row of features, and so does a flip, because the overlaps of all features with the spins are
maintained: a sweep moves N K bytes for K features of +-1, and little more.  Spins are visited in turn, which leaves the
Boltzmann distribution invariant as random visits do, and reads memory in order; ``order="random"`` visits them in a
random order.
Every dynamics leaves the diagonal J_ii out of the fields.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .patterns import Couplings
from .settings import real_number

__all__ = [
    "Chain", "Trajectory", "anneal", "corrupted", "glauber", "metropolis", "parallel", "random_spins", "relax",
    "schedule",
]  # fmt: skip

Spins = NDArray[np.int8]

DYNAMICS = {"heat bath": kernels.HEAT_BATH, "metropolis": kernels.METROPOLIS}
ORDERS = ("sequential", "random")
_REFRESH = 64  # sweeps after which floating-point overlaps are summed anew, that rounding does not add up


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """What a dynamics did.

    Attributes
    ----------
    spins : int8 array (N,)
        At the end.
    energy : array (sweeps + 1,)
        H/N at the start and after each sweep.
    overlap : array (sweeps + 1,), or None
        With the reference, sum_i xi_i s_i/N.
    flips : integer array (sweeps,)
    period : int
        1 for a fixed point of zero-temperature dynamics, 2 for a cycle of two states, 0 if neither was reached.
    """

    spins: Spins
    energy: NDArray[np.float64]
    overlap: NDArray[np.float64] | None
    flips: NDArray[np.int64]
    period: int = 0

    @property
    def converged(self) -> bool:
        """True at a fixed point of zero-temperature dynamics."""
        return self.period == 1

    @property
    def sweeps(self) -> int:
        return len(self.flips)


class Chain:
    """Spins in motion: they, their overlaps with the features and their energy change in place.

    Parameters
    ----------
    couplings : Couplings
    spins : array (N,) of +-1
        Where to start; it is copied.
    rng : numpy Generator or seed

    Attributes
    ----------
    spins : int8 array (N,)
    energy : float
        H, extensive.
    """

    def __init__(self, couplings: Couplings, spins: Any, rng: Any = 0) -> None:
        self.couplings = couplings
        self.spins = checked_spins(spins, couplings.size)
        self._rng = np.random.default_rng(rng)
        self._order = np.arange(couplings.size, dtype=np.uint32)
        self._integer = couplings.transformed is None and couplings.rows.dtype == np.int8
        self._largest = int(np.abs(couplings.rows).max()) if self._integer else 0
        self._age = 0
        self.refresh()
        self.energy = couplings.energy(self.spins)

    def refresh(self) -> None:
        """Sum the overlaps anew."""
        moved = self.couplings.overlaps(self.spins)
        if self._integer:
            self._high = moved.astype(np.int64)
            self._low = np.zeros(moved.size, dtype=np.int16)
        else:
            self._moved = moved

    @property
    def overlaps(self) -> NDArray[np.float64]:
        """K F^T s, array (features,), as maintained; not divided by N."""
        moved = (self._high + self._low).astype(float) if self._integer else self._moved.copy()
        return moved[: self.couplings.count]

    def sweep(self, temperature: float, *, dynamics: str = "heat bath", order: str = "sequential") -> int:
        """Visit every spin once; return how many flipped.

        Parameters
        ----------
        temperature : float
            0 is allowed: then a spin follows its field, and stays if that is zero.
        dynamics : {"heat bath", "metropolis"}
        order : {"sequential", "random"}
        """
        size = self.couplings.size
        visits = self._order if order == "sequential" else self._rng.permutation(self._order)
        if temperature == 0:
            noise = np.zeros(size)
        elif dynamics == "heat bath":
            uniform = self._rng.random(size)
            uniform += 2.0**-54  # never 0
            noise = np.log(uniform / (1 - uniform), out=uniform)
        else:
            noise = self._rng.standard_exponential(size)
        return self.visit(visits, noise, temperature, dynamics=dynamics)

    def visit(
        self, order: NDArray[Any], noise: NDArray[np.float64], temperature: float, *, dynamics: str = "heat bath"
    ) -> int:
        """Visit the spins in `order` with given noise: logistic variates (heat bath), or exponential ones."""
        settings = (order, noise, float(temperature), self.couplings.scale, self.couplings.diagonal, DYNAMICS[dynamics])
        if self._integer:
            flips, change = kernels.sweep_integer(
                self.spins, self.couplings.rows, self._low, self._high, self._largest, *settings)
        else:
            self._age += 1
            if self._age % _REFRESH == 0:
                self.refresh()
            flips, change = kernels.sweep_real(
                self.spins, self.couplings.rows, self.couplings.updates, self._moved, *settings)
        self.energy += change
        return int(flips)


# ---- where to start ----


def checked_spins(spins: Any, size: int) -> Spins:
    """Copy `spins` as int8.

    Raises
    ------
    ValueError
        If they are not `size` numbers +-1.
    """
    found = np.array(spins)
    if found.shape != (size,):
        raise ValueError(f"spins of shape {found.shape}: give {size} of them, one for each row of the features")
    if found.dtype.kind not in "iuf" or not (np.abs(found) == 1).all():
        raise ValueError("spins are not all +1 or -1: give np.sign of them where it is not 0")
    return np.ascontiguousarray(found, dtype=np.int8)


def random_spins(size: int, rng: Any) -> Spins:
    """Draw independent spins, +1 or -1 with equal probability."""
    return (2 * np.random.default_rng(rng).integers(0, 2, size=size, dtype=np.int8) - 1).astype(np.int8)


def corrupted(pattern: Spins, overlap: float, rng: Any) -> Spins:
    """Flip round(N (1 - overlap)/2) spins of a pattern, drawn at random: its overlap with it is as close as can be."""
    if not -1 <= overlap <= 1:
        raise ValueError(f"overlap = {overlap} is outside [-1, 1]: it is the mean product with the pattern")
    spins = np.array(pattern, dtype=np.int8)
    wrong = np.random.default_rng(rng).permutation(spins.size)[: round(spins.size * (1 - overlap) / 2)]
    spins[wrong] *= -1
    return spins


def schedule(high: float, low: float, steps: int) -> NDArray[np.float64]:
    """Temperatures from `high` to `low` in equal ratios; where `low` is 0, in equal differences."""
    return np.linspace(high, low, steps) if low == 0 else np.geomspace(high, low, steps)


# ---- dynamics ----


def relax(couplings: Couplings, spins: Any, *, reference: Any = None, max_sweeps: int = 1000) -> Trajectory:
    """Turn spins against their fields, one after the other, until none is left: a local minimum of H.

    Parameters
    ----------
    couplings : Couplings
    spins : array (N,) of +-1
    reference : array (N,), optional
        With which overlaps are taken.
    max_sweeps : int

    Returns
    -------
    Trajectory
        ``period`` 1, or 0 if sweeps did not suffice.
    """
    chain = Chain(couplings, spins)
    record = _Record(chain, reference)
    for _ in range(max_sweeps):
        if record(chain.sweep(0.0)) == 0:
            return record.trajectory(period=1)
    return record.trajectory()


def glauber(
    couplings: Couplings,
    spins: Any,
    *,
    temperature: float,
    sweeps: int,
    rng: Any = 0,
    reference: Any = None,
    order: str = "sequential",
) -> Trajectory:
    """Heat-bath dynamics at a temperature: each visited spin is drawn from its distribution given the others.

    Parameters
    ----------
    couplings : Couplings
    spins : array (N,) of +-1
    temperature : float
    sweeps : int
    rng : numpy Generator or seed
    reference : array (N,), optional
        With which overlaps are taken.
    order : {"sequential", "random"}

    Raises
    ------
    ValueError
        If a setting is out of range.
    """
    return _at_temperatures(couplings, spins, [temperature] * sweeps, rng, reference, order, "heat bath")


def metropolis(
    couplings: Couplings,
    spins: Any,
    *,
    temperature: float,
    sweeps: int,
    rng: Any = 0,
    reference: Any = None,
    order: str = "random",
) -> Trajectory:
    """Metropolis' dynamics, a flip accepted with probability min(1, exp(-beta change)); arguments as of `glauber`.

    Visits are in random order because at high temperature, where all flips are accepted, visits in turn repeat
    themselves.
    """
    return _at_temperatures(couplings, spins, [temperature] * sweeps, rng, reference, order, "metropolis")


def anneal(
    couplings: Couplings,
    spins: Any,
    *,
    temperatures: Sequence[float],
    sweeps: int = 10,
    rng: Any = 0,
    reference: Any = None,
    order: str = "sequential",
) -> Trajectory:
    """Heat-bath dynamics through a schedule of temperatures, `sweeps` at each; other arguments as of `glauber`."""
    every = [T for T in temperatures for _ in range(sweeps)]
    return _at_temperatures(couplings, spins, every, rng, reference, order, "heat bath")


def parallel(
    couplings: Couplings,
    spins: Any,
    *,
    temperature: float = 0.0,
    max_sweeps: int = 1000,
    rng: Any = 0,
    reference: Any = None,
) -> Trajectory:
    """Draw all spins at once from their fields (Little's dynamics).

    At zero temperature it ends at a fixed point or in a cycle of two states (symmetric couplings allow no other), and
    ``period`` says in which; at a temperature all `max_sweeps` are made.  The energy is still H.
    """
    temperature = _temperature(temperature)
    spins, rng = checked_spins(spins, couplings.size), np.random.default_rng(rng)
    moved, fields = couplings.overlaps(spins), np.empty(couplings.size)
    before = np.zeros_like(spins)
    energy, overlap, flips, period = [], [], [], 0
    for step in range(max_sweeps + 1):
        if couplings.updates.dtype != np.int8 and step % _REFRESH == 0:
            moved = couplings.overlaps(spins)
        kernels.fields(couplings.rows, moved, fields)
        field = couplings.scale * fields - couplings.diagonal * spins
        energy.append(-0.5 * float(field @ spins) / spins.size)
        if reference is not None:
            overlap.append(float(np.dot(reference, spins.astype(float))) / spins.size)
        if step == max_sweeps or period:
            break
        noise = temperature * rng.logistic(size=spins.size) if temperature > 0 else 0.0
        turned = spins * (2 * field + noise) < 0
        after = np.where(turned, -spins, spins)
        if temperature == 0 and turned.any() and (after == before).all():
            period = 2
        before = spins.copy()
        flips.append(int(kernels.flip(spins, turned, couplings.updates, moved)))
        if temperature == 0 and flips[-1] == 0:
            period = 1
    return Trajectory(spins=spins, energy=np.array(energy), overlap=None if reference is None else np.array(overlap),
                      flips=np.array(flips, dtype=np.int64), period=period)


class _Record:
    """Energy, overlap and flips of a chain, sweep by sweep."""

    def __init__(self, chain: Chain, reference: Any) -> None:
        self._chain = chain
        self._reference = None if reference is None else np.asarray(reference, dtype=float)
        self._energy: list[float] = []
        self._overlap: list[float] = []
        self._flips: list[int] = []
        self._note()

    def _note(self) -> None:
        size = self._chain.couplings.size
        self._energy.append(self._chain.energy / size)
        if self._reference is not None:
            self._overlap.append(float(self._reference @ self._chain.spins) / size)

    def __call__(self, flips: int) -> int:
        self._flips.append(flips)
        self._note()
        return flips

    def trajectory(self, period: int = 0) -> Trajectory:
        return Trajectory(spins=self._chain.spins, energy=np.array(self._energy),
                          overlap=None if self._reference is None else np.array(self._overlap),
                          flips=np.array(self._flips, dtype=np.int64), period=period)


def _at_temperatures(
    couplings: Couplings, spins: Any, temperatures: Sequence[float], rng: Any, reference: Any, order: str, dynamics: str
) -> Trajectory:
    if order not in ORDERS:
        raise ValueError(f"order = {order!r} is not known: give one of {', '.join(map(repr, ORDERS))}")
    chain = Chain(couplings, spins, rng)
    record = _Record(chain, reference)
    for temperature in [_temperature(T) for T in temperatures]:
        record(chain.sweep(temperature, dynamics=dynamics, order=order))
    return record.trajectory()


def _temperature(value: Any) -> float:
    return real_number("temperature", value, 0.0, math.inf, "0 turns spins against their fields")
