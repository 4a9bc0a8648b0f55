"""Landscapes against their theory: critical points counted one by one at small size, and the minimum beside a signal.

Counts are compared with the exact formula at the same size, which knows no large-N limit: a difference is an error of
one of them.  The minimum beside the signal is compared with theory at infinite size, at sizes of hundreds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from ..equations.result import Status
from ..theory.landscape import Landscape
from .comparison import RESOLUTION, Bar, judged, summarised
from .critical_points import critical_points
from .hessians import conditional_edges, descend, signal_minimum
from .kac_rice import expected_by_index, expected_by_overlap, expected_number
from .landscapes import Covariance, numbers, sample_landscape
from .settings import whole
from .teacher import generators

__all__ = ["crosscheck_landscape", "landscape_of"]

STATES = ("critical points", "signal")
_MANY = 20_000.0  #: expected critical points beyond which a list takes too long
_INDICES = 3  #: the lowest ones, which have rows of their own
_MATRICES = 40_000  #: of the averages of theory over random matrices


def crosscheck_landscape(
    model: Any,
    *,
    size: int | None = None,
    sizes: Any = None,
    instances: int = 16,
    rng: Any = 0,
    state: str | None = None,
    progress: bool = False,
    **controls: Any,
) -> pd.DataFrame:
    """Compare sampled landscapes with the theory.

    Parameters
    ----------
    model : model with a landscape, or Landscape
    size : int, optional
        N.  If it is not given, 300 for the minimum beside the signal; for critical points the largest odd number, at
        which Morse's theorem tests all lists, with at most 300 expected, and at most 11: 9 for degree 3.
    sizes : sequence of int, optional
        Several sizes instead of one.
    instances : int
        Independent landscapes a size, at least 2; a hundred is a good number for critical points.
    rng : int, numpy Generator or SeedSequence
        Equal seeds give equal tables (up to the rounding of BLAS).
    state : {"critical points", "signal"}, optional
        What is compared; if it is not given, the minimum beside the signal of a spiked landscape, else critical points.
    progress : bool
        Show a bar on stderr.
    **controls
        The model's controls.

    Returns
    -------
    DataFrame
        Columns quantity, theory, simulated, standard_error, z, size, converged, instances, status.  Of critical points:
        numbers of all and of those of index 0 (minima), 1 and 2, and mean energies H/N over all points of an index in
        all instances; theory is exact at this size but for the standard error of its averages over random matrices
        (``attrs["theory_errors"]``), which z counts.  Of a spiked landscape: numbers of all, of minima, and of both
        with overlap m > 1/2.  Of the minimum beside the signal: overlap, energy, and in units of sqrt(Q''(1)) its
        ``shift`` -x.grad H/N, the centre of the spectrum of its Hessian, the edges of the spectrum from there, and
        ``pull``, N times the distance of the eigenvalues' mean from it, which the signal makes smaller by theta.
        Theory of overlap, energy and shift is that of infinite size, and that of the spectrum an average over random
        matrices at this size around it; differences below 2/N are not judged, theory leaves out as much.  An instance
        is not averaged in if its list of critical points is not complete as `critical_points` understands it, or it did
        not end in a minimum with at least half the overlap of theory.  ``attrs`` holds settings, seeds, a summary and
        notes; of critical points also the mean lowest energy, for which there is no exact theory.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, there are too many critical points, or theory has no
        minimum beside the signal.
    """
    whole("instances", instances, 2, "a standard error needs two")
    covariance, values = landscape_of(model, controls)
    if state is None:
        state = STATES[covariance.spiked]
    if state not in STATES:
        raise ValueError(f"state = {state!r} is not known: give one of {', '.join(map(repr, STATES))}")
    counting = state == STATES[0]
    all_sizes = _sizes(size, sizes, _usual(covariance) if counting else 300)
    if counting:
        for n in all_sizes:
            _check_number(covariance, n)
    compared = _Counts if counting else _Signal
    random = np.random.default_rng(rng)
    rows: list[dict[str, Any]] = []
    extra: dict[str, Any] = {}
    with Bar(progress, len(all_sizes) * instances) as tick:
        for n in all_sizes:
            one = compared(covariance, n, random)
            for stream in generators(random, instances):
                one.run(stream)
                tick()
            rows += one.rows(instances)
            for name, value in one.extra().items():
                extra.setdefault(name, {})[n] = value
    rows = judged(rows)
    table = pd.DataFrame(rows)
    notes = list(compared.notes)
    sequence = random.bit_generator.seed_seq
    entropy = str(getattr(sequence, "entropy", None))
    table.attrs.update(
        model=str(model), controls=values, start=state, state=state, sizes=list(all_sizes), instances=instances,
        seed=rng if isinstance(rng, int) else entropy, entropy=entropy,
        spawn_key=[int(key) for key in getattr(sequence, "spawn_key", ())], notes=notes,
        summary="; ".join([summarised(rows), *notes]), **extra,
    )
    return table


def landscape_of(model: Any, controls: dict[str, Any]) -> tuple[Covariance, dict[str, float]]:
    """Return the landscape of a model at values of its controls, and these values.

    Raises
    ------
    TypeError, ValueError
        If the model has no landscape, or a control is missing, unknown or not a number.
    """
    found = model if isinstance(model, (Landscape, Covariance)) else getattr(model, "landscape", None)
    if found is None:
        raise TypeError(f"model = {model!r} has no landscape: give one that has, such as SphericalSpinGlass")
    if isinstance(found, Covariance) or not hasattr(model, "check_controls"):
        if controls:
            raise ValueError(f"{next(iter(controls))!r} is no control: this landscape has none")
        return numbers(found), {}
    given = model.check_controls(controls)
    values = {}
    for symbol, value in given.items():
        try:
            values[symbol.name] = float(value)
        except (TypeError, ValueError):
            raise TypeError(f"{symbol.name} = {value!r} is not a number: give one") from None
    if hasattr(model, "check_point"):
        model.check_point(values)
    terms = [(sp.sympify(p).subs(given), sp.sympify(w).subs(given)) for p, w in found.terms]
    # without an observation, at infinite noise, there is no term
    return numbers(Landscape(tuple((p, w) for p, w in terms if w != 0), found.spiked)), values


def _sizes(size: Any, sizes: Any, usual: int) -> tuple[int, ...]:
    if sizes is None:
        return (whole("size", usual if size is None else size, 3, f"{usual} is a good one"),)
    if isinstance(sizes, str) or not np.iterable(sizes):
        raise TypeError(f"sizes = {sizes!r} is not a sequence: give several sizes, or one as size=...")
    checked = tuple(whole(f"sizes[{k}]", n, 3, f"{usual} is a good one") for k, n in enumerate(sizes))
    if not checked:
        raise ValueError("sizes is empty: give at least one")
    return checked


def _usual(covariance: Covariance) -> int:
    unspiked = Covariance(covariance.degrees, covariance.weights)
    return max(n for n in (3, 5, 7, 9, 11) if n == 3 or expected_number(unspiked, n).value < 300)


def _check_number(covariance: Covariance, size: int) -> None:
    """Refuse sizes at which there are too many critical points; a spike does not make them more."""
    unspiked = Covariance(covariance.degrees, covariance.weights)
    largest = min(size, 200)  # more are not needed to know
    log = expected_number(unspiked, largest).log
    if log <= math.log(_MANY):
        return
    good = 3
    while expected_number(unspiked, good + 1).log < math.log(1000):
        good += 1
    about = f"{'about' if size == largest else 'more than'} 10^{log / math.log(10):.0f}"
    raise ValueError(f"size = {size}: this landscape has {about} critical points, too many to be listed; give "
                     f"size={good}, which has a thousand or less")


class _Comparison:
    """What both kinds share: instances that are kept, and their rows."""

    notes: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.found: list[dict[str, float]] = []

    def extra(self) -> dict[str, Any]:
        return {}

    def values(self, name: str) -> np.ndarray:
        return np.array([one[name] for one in self.found])

    @staticmethod
    def row(name: str, theory: float, simulated: float, error: float, theory_error: float, status: Status,
            **rest: Any) -> dict[str, Any]:
        uncertain = math.hypot(error, theory_error, RESOLUTION * abs(theory))
        return {"quantity": name, "theory": theory, "simulated": simulated, "standard_error": error,
                "z": (simulated - theory) / uncertain, **rest, "status": status}


class _Counts(_Comparison):
    """Critical points of small landscapes."""

    notes = ("numbers of critical points fluctuate by a part of their mean from one landscape to the next, the more "
             "the larger N: compare small sizes and many instances",)

    def __init__(self, covariance: Covariance, size: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.covariance, self.size = covariance, size
        (stream,) = generators(rng, 1)
        if covariance.spiked:
            table = expected_by_overlap(covariance, size, edges=[-1, 0.5, 1], rng=stream, samples=_MATRICES)
            every, near = table.iloc[2], table.iloc[1]
            self.numbers = {
                "critical points": (every["number"], every["standard_error"]),
                "minima": (every["minima"], every["minima_standard_error"]),
                "critical points, m > 1/2": (near["number"], near["standard_error"]),
                "minima, m > 1/2": (near["minima"], near["minima_standard_error"]),
            }
            self.energies: dict[str, tuple[float, float]] = {}
            return
        table = expected_by_index(covariance, size, rng=stream, samples=_MATRICES)
        names = [_of_index(k) for k in range(min(_INDICES, size))]
        total = expected_number(covariance, size)
        self.numbers = {"critical points": (total.value, total.value * total.error)} | {
            name: (row["number"], row["standard_error"])
            for name, (_, row) in zip(names, table.iterrows(), strict=False)}
        self.energies = {name: (row["energy"], row["energy_standard_error"])
                         for name, (_, row) in zip(names, table.iterrows(), strict=False)}

    def run(self, rng: np.random.Generator) -> None:
        points = critical_points(sample_landscape(self.covariance, self.size, rng), rng=rng)
        if not points.complete:
            return
        minima = points.indices == 0
        one = {"critical points": len(points), "minima": minima.sum(), "lowest": points.energies[0]}
        if self.covariance.spiked:
            near = points.overlaps > 0.5
            one |= {"critical points, m > 1/2": near.sum(), "minima, m > 1/2": (near & minima).sum()}
        for k in range(_INDICES):
            one[_of_index(k)] = (points.indices == k).sum()
            one["energy: " + _of_index(k)] = points.energies[points.indices == k].sum()
        self.found.append({name: float(value) for name, value in one.items()})

    def rows(self, instances: int) -> list[dict[str, Any]]:
        kept = len(self.found)
        shared = {"size": self.size, "converged": kept, "instances": instances, "unit": 0.0}
        rows = []
        for name, (theory, uncertain) in self.numbers.items():
            values = self.values(name) if kept else np.full(1, math.nan)
            error = float(values.std(ddof=1)) / math.sqrt(kept) if kept > 1 else math.nan
            if error == 0:  # the same in every instance, as for degree 2, or too rare for these instances
                error = math.sqrt(theory / kept) if values[0] == 0 else 0.0
            rows.append(self.row(name, theory, float(values.mean()), error, uncertain, Status.CONVERGED, **shared))
        for name, (theory, uncertain) in self.energies.items():
            count, total = (self.values(prefix + name) if kept else np.full(1, math.nan) for prefix in ("", "energy: "))
            mean = total.sum() / count.sum() if count.sum() > 0 else math.nan
            rest = total - mean * count
            error = float(rest.std(ddof=1)) / math.sqrt(kept) / count.mean() if kept > 1 else math.nan
            rows.append(
                self.row(f"energy of {name}", theory, float(mean), error, uncertain, Status.CONVERGED, **shared))
        return rows

    def extra(self) -> dict[str, Any]:
        lowest = self.values("lowest") if self.found else np.full(2, math.nan)
        errors = {name: float(error) for name, (_, error) in self.numbers.items()}
        errors |= {f"energy of {name}": float(error) for name, (_, error) in self.energies.items()}
        error = float(lowest.std(ddof=1)) / math.sqrt(len(lowest)) if len(lowest) > 1 else math.nan
        return {"theory_errors": errors, "lowest_energy": (float(lowest.mean()), error)}


class _Signal(_Comparison):
    """The minimum that is reached from the signal."""

    def __init__(self, covariance: Covariance, size: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.covariance, self.size = covariance, size
        target = signal_minimum(covariance)
        (stream,) = generators(rng, 1)
        self.theory = {"overlap": (target.overlap, 0.0), "energy": (target.energy, 0.0), "shift": (target.shift, 0.0)}
        self.theory |= conditional_edges(target, size, rng=stream)

    def run(self, rng: np.random.Generator) -> None:
        found = descend(sample_landscape(self.covariance, self.size, rng))
        if found.converged and found.overlap > 0.5 * self.theory["overlap"][0]:
            self.found.append({
                "overlap": found.overlap, "energy": found.energy, "shift": found.shift,
                "lower_edge": float(found.eigenvalues[0]) - found.shift,
                "upper_edge": float(found.eigenvalues[-1]) - found.shift,
                "pull": self.size * float(found.eigenvalues.mean() - found.shift),
            })

    def rows(self, instances: int) -> list[dict[str, Any]]:
        kept = len(self.found)
        rows = []
        for name, (theory, uncertain) in self.theory.items():
            values = self.values(name) if kept else np.full(1, math.nan)
            error = float(values.std(ddof=1)) / math.sqrt(kept) if kept > 1 else math.nan
            rows.append(self.row(
                name, theory, float(values.mean()), error, uncertain, Status.CONVERGED, size=self.size, converged=kept,
                instances=instances, unit=max(kept, 1) / 2))
        return rows

    def extra(self) -> dict[str, Any]:
        return {"theory_errors": {name: error for name, (_, error) in self.theory.items()}}


def _of_index(k: int) -> str:
    return "minima" if k == 0 else f"saddles of index {k}"
