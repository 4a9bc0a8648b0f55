r"""Decimation without a hint of the patterns: annealing, a judge that knows the theory, restarts.

Every restart anneals the energy of Y_R from a state drawn from the prior; the first one that the judge accepts is the
next estimate, and its contribution leaves the matrix.

**The judge.**  Energies alone separate badly: that of a retrieval state scatters from pattern to pattern of one
instance by about sqrt((delta + alpha)/(2N)) (the noise and the other patterns in the direction of that pattern), which
at N = 1000, alpha = 0.03 and delta = 0.08 is 0.007, and the spin glass lies only 0.011 above.  No calibration on the
instance helps, since the scatter is within it.  The local fields h = Y_R x/sqrt(N) of the same state tell more: with
h_c = m xi + sqrt(r) z the cavity field and x the state in it (the reaction is along x), the squared distance of h from
the line through x is, per component,

.. math:: S = m^2 + r - (m^2 + r C)^2/v, \qquad r \to r/\beta^2,\; C \to \beta (v - q),

to which a temperature T adds T [R(C) - R(0)], with R the R-transform of Y_R/sqrt(N).  It is a variance over the N
components of this very state, so the shift of its energy drops out: in the example S = 0.111 in a retrieval state and
0.349 in a spin glass, and the scatter of the first is sqrt(2(delta^2 + alpha)/N) = 0.009, of which most is due to the
overlaps with the P - 1 other patterns.  The bound lies between the two at equal distance in units of their scatter; on
the other side, and where no other state is known, it is six times the scatter.  An energy above the theory's by more
than six times its own scatter is refused, too (with few patterns left a spin glass may have the smaller S, but its
energy is far), and so is a state that was found before.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .. import __version__
from ..theory.priors import Prior
from .annealing import Atoms, DenseCouplings, Walk, anneal, checked_temperatures, cooling
from .decimation_instances import energy, matched, residual, symmetric, without
from .journal import Journal
from .settings import real_number, whole

__all__ = ["Decimated", "Judge", "Prediction", "decimate", "expected_residual"]

Array = NDArray[np.float64]

_SIGMAS = 6.0  # of a retrieval state's energy or residual, above which it is refused
_SAME = 0.5  # overlap, in units of the smaller norm, from which on two estimates are the same
_RETRIEVED = 0.75  # cosine with a pattern: between those of mixtures of patterns (0.5 to 0.7) and of retrieval


def expected_residual(*, m: Any, r: Any, C: Any, v: Any = 1.0, thermal: Any = 0.0) -> Any:
    """S of a replica-symmetric state; arguments may be arrays.

    Parameters
    ----------
    m : overlap with the pattern; 0 in a spin glass
    r : variance of the cavity field, in units of energy (the free entropy's conjugate divided by beta^2)
    C : response beta (v - q)
    v : mean of x^2
    thermal : T [R(C) - R(0)], 0 at zero temperature
    """
    return m**2 + r - (m**2 + r * C) ** 2 / v + thermal


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What theory says of the state that every step looks for, and of the one that it may end in instead.

    Attributes
    ----------
    energy : float or array (P,)
        Of the retrieval state at step R, per N, with the diagonal and the quartic term.
    residual : float or array (P,)
        S of the retrieval state, as of `expected_residual`.
    competing : float or array (P,)
        S of the spin glass (m = 0) at the same step; nan where there is none, or none is known.
    """

    energy: Any
    residual: Any
    competing: Any = math.nan

    @classmethod
    def of_flow(cls, flow: Any, count: int, *, competing: Any = math.nan) -> Prediction:
        """Energies and residuals of the replica-symmetric flow at t = R/P.

        Parameters
        ----------
        flow : DecimationFlow, or its Flow
            Of the same prior, alpha, delta and temperature.
        count : int
            P, the number of steps.
        competing : float or array (P,)
            As of the attribute.

        Raises
        ------
        ValueError
            If retrieval ends before the last step.
        """
        t = np.arange(whole("count", count, 1, "it is the number of patterns, P")) / count
        flow = getattr(flow, "flow", flow)
        if t[-1] >= flow.end:
            raise ValueError(f"count = {count}: in theory retrieval ends at t = {flow.end:g}, and no later step "
                             "can be judged; lower delta or alpha")
        steps, past = flow.at(t), flow.past(t)
        reaction = steps.second_moment - steps.unknowns[:, 2]  # the cavity's curvature is v - R(C)
        trace = past.unfound + (past.weight * past.trace).sum(axis=1)
        spread = expected_residual(m=steps.overlap, r=steps.noise, C=steps.susceptibility, v=steps.second_moment,
                                   thermal=flow.temperature * (reaction - trace))
        return cls(energy=steps.energy, residual=spread, competing=competing)

    def judge(self, step: int, *, size: int, delta: float, left: int, fourth: float = 1.0) -> Judge:
        """The judge of a step: `left` patterns are still in the matrix, `fourth` is E x^4 of the prior."""
        mean, own, other = (
            float(value if np.ndim(value) == 0 else value[step])
            for value in (self.energy, self.residual, self.competing)
        )
        scatter = math.sqrt(2 * (delta**2 + left / size) / size)
        bounds = [own - _SIGMAS * scatter, own + _SIGMAS * scatter]
        if not math.isnan(other):
            wide = math.sqrt(2 / size) * other  # of a variance over N components
            bounds[int(other > own)] = (own * wide + other * scatter) / (scatter + wide)
        # noise and other patterns in the direction of this one, and the scatter of its norm: dE/dv = -v/2 at m = v = 1
        spread = math.sqrt((delta + left / size) / (2 * size) + (fourth - 1) / (4 * size))
        return Judge(energy=mean, spread=spread, residual=own, scatter=scatter, bounds=(bounds[0], bounds[1]))


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Tells retrieval states from others.

    Attributes
    ----------
    energy, spread : float
        Of retrieval states, per N: theory's value and the standard deviation from pattern to pattern, to leading order.
    residual, scatter : float
        The same of S.
    bounds : pair of floats
        The smallest and the largest S that is accepted.
    """

    energy: float
    spread: float
    residual: float
    scatter: float
    bounds: tuple[float, float]

    @property
    def separation(self) -> float:
        """How many standard deviations of retrieval states the nearer bound is away."""
        return min(self.residual - self.bounds[0], self.bounds[1] - self.residual) / self.scatter

    def accepts(self, energy: float, residual: float) -> bool:
        """Whether a state of this energy and residual is a retrieval state."""
        low, high = self.bounds
        return low <= residual <= high and energy <= self.energy + _SIGMAS * self.spread


@dataclass(frozen=True, kw_only=True)
class Decimated:
    """What decimation found.

    Attributes
    ----------
    estimates : array (R, N)
        In the order found; R < P if a step was given up.
    steps : DataFrame
        One row a step: step, t = R/P, restarts (made, the accepted one included), energy, residual, theory and
        standard score of both, lowest and highest residual that is accepted, separation, accepted.
    restarts : DataFrame
        One row a restart that was judged: step, restart, energy, residual, accepted and, if patterns were given for
        measuring, overlap (the largest modulus with a pattern that is not yet found) and wrong (accepted without
        such a pattern, of cosine above 3/4, or refused with one).
    complete : bool
    """

    estimates: Array
    steps: pd.DataFrame
    restarts: pd.DataFrame
    complete: bool

    def matched(self, patterns: Array) -> pd.DataFrame:
        """Say which pattern each estimate is; see `decimation_instances.matched`."""
        return matched(self.estimates, patterns)


def decimate(
    matrix: Any,
    prior: Prior,
    *,
    count: int,
    delta: float,
    prediction: Prediction,
    temperatures: Any = None,
    relax: bool = True,
    max_restarts: int = 10_000,
    seed: int = 0,
    threads: int = 1,
    store: Any = None,
    progress: bool | Callable[[int, int], Any] = False,
    reference: Any = None,
) -> Decimated:
    """Find `count` patterns of a noisy matrix, one after the other.

    Parameters
    ----------
    matrix : array (N, N)
        Y = xi xi^T/sqrt(N) + sqrt(delta) Z, symmetric.
    prior : Prior
        Of atoms, with E x^2 = 1.
    count : int
        P.
    delta : float
        Variance of the noise, for the scatter that the judge expects.
    prediction : Prediction
        Of the theory, for every step.
    temperatures : array (sweeps,), optional
        Of a restart; ``cooling()`` by default.
    relax : bool
        End every restart at zero temperature; False leaves a sample at the last temperature.
    max_restarts : int
        After which a step, and with it the run, is given up.
    seed : int
        Restart k of step R has its own random numbers: the result does not depend on `threads`, nor on
        interruptions.
    threads : int
        Restarts that run at once.
    store : path, optional
        Of a file that keeps every step as soon as it is done.  The same call continues where the last one was ended,
        by whatever means.
    progress : bool or callable
        True: a bar on standard error; a callable gets the number of steps that are done and of all.
    reference : array (N, P), optional
        The patterns, for measuring: columns overlap and wrong of `restarts`.  They act on nothing else.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the store holds another run.
    """
    observed = symmetric("matrix", matrix)
    atoms, size = Atoms(prior), observed.shape[0]
    count = whole("count", count, 1, "it is the number of patterns, P")
    delta = real_number("delta", delta, 0.0, math.inf, "it is the variance of the noise")
    temperatures = cooling() if temperatures is None else checked_temperatures(temperatures)
    max_restarts, seed = whole("max_restarts", max_restarts, 1, ""), whole("seed", seed, 0, "")
    threads = whole("threads", threads, 1, "")
    _check_prediction(prediction, count)
    if reference is not None:
        reference = np.asarray(reference, dtype=float)
        if reference.ndim != 2 or reference.shape[0] != size:
            raise ValueError(f"reference of shape {reference.shape}: give the patterns, ({size}, P)")
    fourth = float(np.exp(atoms.logarithms) @ atoms.values**4)
    digests = [_digest(value) for value in (observed, temperatures, prediction.energy, prediction.residual,
                                            prediction.competing, () if reference is None else reference)]
    task = (__version__, repr(prior), count, delta, relax, max_restarts, seed, *digests)
    journal = None if store is None else Journal(store, hashlib.sha256(repr(task).encode()).hexdigest())
    known = [] if journal is None else list(journal.records)
    rows: list[dict[str, Any]] = []
    tried: list[dict[str, Any]] = []
    estimates: list[Array] = []
    with ThreadPoolExecutor(threads) as pool, _reporting(progress, count) as report:
        for step in range(count):
            judge = prediction.judge(step, size=size, delta=delta, left=count - step, fourth=fourth)
            if step < len(known):
                record = known[step]
            else:
                search = _Search(observed, atoms, judge, temperatures, relax, estimates, reference, (seed, step))
                record = search(pool, threads, max_restarts)
                if journal is not None:
                    journal.append(record)
            state = atoms.values[np.frombuffer(bytes.fromhex(record["state"]), dtype=np.int8)]
            tried += [{"step": step, "restart": k, **one} for k, one in enumerate(record["tried"])]
            rows.append(_row(step, count, record, judge))
            if not record["accepted"]:
                break
            estimates.append(state)
            without(observed, state)
            report(step + 1)
    return Decimated(estimates=np.array(estimates).reshape(-1, size), steps=pd.DataFrame(rows),
                     restarts=pd.DataFrame(tried), complete=len(estimates) == count)


class _Search:
    """Restarts of one step."""

    def __init__(self, matrix: Array, atoms: Atoms, judge: Judge, temperatures: Array, relax: bool,
                 found: list[Array], reference: Array | None, seed: tuple[int, int]) -> None:
        self._matrix, self._atoms, self._judge = matrix, atoms, judge
        self._temperatures, self._relax, self._seed = temperatures, relax, seed
        self._found = np.array(found).reshape(-1, matrix.shape[0])
        self._couplings = DenseCouplings(matrix)
        self._left = reference
        if reference is not None and found:
            taken = set(matched(self._found, reference)["pattern"])
            self._left = np.delete(reference, sorted(taken), axis=1)

    def restart(self, number: int) -> Walk:
        """Anneal once, with random numbers that depend on seed, step and number only."""
        rng = np.random.default_rng([*self._seed, number])
        return anneal(self._couplings, self._atoms, self._temperatures, rng=rng, relax=self._relax)

    def __call__(self, pool: Executor, together: int, most: int) -> dict[str, Any]:
        """Restart until the judge accepts: the accepted state or, if there is none, that of lowest residual."""
        tried: list[dict[str, Any]] = []
        best, lowest = b"", math.inf
        for first in range(0, most, together):
            # restarts are judged in their order, so that it does not matter how many run together
            for walk in pool.map(self.restart, range(first, min(first + together, most))):
                one = self._judged(walk.state)
                tried.append(one)
                if one["accepted"]:
                    return {"state": walk.index.tobytes().hex(), "accepted": True, "tried": tried}
                if one["residual"] < lowest:
                    best, lowest = walk.index.tobytes(), one["residual"]
        return {"state": best.hex(), "accepted": False, "tried": tried}

    def _judged(self, state: Array) -> dict[str, Any]:
        own, spread = energy(self._matrix, state), residual(self._matrix, state)
        norms = np.minimum(np.square(self._found).sum(axis=1), state @ state)
        new = bool((np.abs(self._found @ state) <= _SAME * norms).all())
        accepted = new and self._judge.accepts(own, spread)
        one: dict[str, Any] = {"energy": own, "residual": spread, "accepted": accepted}
        if self._left is not None:
            overlaps = np.abs(state @ self._left)
            cosine = float((overlaps / np.linalg.norm(self._left, axis=0)).max(initial=0.0))
            retrieved = cosine > _RETRIEVED * float(np.linalg.norm(state))
            one |= {"overlap": float(overlaps.max(initial=0.0)) / state.size, "wrong": accepted != retrieved}
        return one


def _row(step: int, count: int, record: dict[str, Any], judge: Judge) -> dict[str, Any]:
    tried = record["tried"]
    last = tried[-1] if record["accepted"] else min(tried, key=lambda one: one["residual"])
    return {"step": step, "t": step / count, "restarts": len(tried), "energy": last["energy"],
            "energy_theory": judge.energy, "z_energy": (last["energy"] - judge.energy) / judge.spread,
            "residual": last["residual"], "residual_theory": judge.residual,
            "z_residual": (last["residual"] - judge.residual) / judge.scatter, "lowest": judge.bounds[0],
            "highest": judge.bounds[1], "separation": judge.separation, "accepted": record["accepted"]}


def _check_prediction(prediction: Any, count: int) -> None:
    if not isinstance(prediction, Prediction):
        raise TypeError(f"prediction = {prediction!r} is a {type(prediction).__name__}: give a Prediction")
    for name in ("energy", "residual", "competing"):
        shape = np.shape(getattr(prediction, name))
        if shape not in ((), (count,)):
            raise ValueError(f"prediction.{name} of shape {shape}: give a number, or one for each of {count} steps")
    if not (np.isfinite(prediction.energy).all() and np.isfinite(prediction.residual).all()):
        raise ValueError("prediction has an energy or residual that is not finite: where theory knows no retrieval "
                         "state there is nothing to look for; give fewer steps as count")


def _digest(values: Any) -> str:
    found = np.ascontiguousarray(values, dtype=float)
    return hashlib.sha256(repr(found.shape).encode() + found.tobytes()).hexdigest()


@contextmanager
def _reporting(progress: bool | Callable[[int, int], Any], total: int) -> Iterator[Callable[[int], Any]]:
    """A function to be told the number of steps that are done."""
    if callable(progress):
        progress(0, total)
        yield lambda done: progress(done, total)
    elif progress:
        from tqdm import tqdm

        with tqdm(total=total, desc="patterns", unit="", leave=False) as bar:
            yield lambda done: bar.update(done - bar.n)
    else:
        yield lambda done: None
