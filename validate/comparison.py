"""What all comparisons of theory and simulation share: statuses of rows, sentences, seeds, a progress bar."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..equations.result import Status
from ..theory.model import Model
from .judge import Judge

__all__ = ["RESOLUTION", "Bar", "attributes", "judged", "score", "summarised"]

RESOLUTION = 1e-8  #: relative; what the runs themselves leave open, added to the standard error in z


def judged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give every row its status, knowing how many comparisons were made."""
    scores = [row["z"] for row in rows]
    for row in rows:
        kept, unit, difference = row["converged"], row.pop("unit"), row["simulated"] - row["theory"]
        if kept < 2:
            row["status"] = Status.NOT_CONVERGED
            continue
        row["status"] = Judge(scores, kept)(row["z"], difference, unit / (row["size"] * kept), row["status"])
        if row["status"].good and kept < row["instances"]:
            row["status"] = Status.INSTANCES_LOST
    return rows


def score(difference: Any, error: Any, scale: float) -> Any:
    """Differences in standard errors, beside which what the runs leave open counts."""
    return difference / np.hypot(error, RESOLUTION * scale)


def summarised(rows: list[dict[str, Any]]) -> str:
    """Say in words how many instances converged and what differs."""
    parts, strange = [], []
    scores = [row["z"] for row in rows]
    for size, group in itertools.groupby(rows, key=operator.itemgetter("size")):
        found = list(group)
        kept, run = found[0]["converged"], found[0]["instances"]
        lost = f" ({run - kept} not averaged in)" if kept < run else ""
        parts.append(f"{kept} of {run} instances converged at size {size}{lost}")
        if kept < 2:
            parts.append(f"no comparison at size {size}: a standard error needs two")
            continue
        judge = Judge(scores, kept)
        strange += [f"{row['quantity']} at size {size} {judge.differs(row['z'])}"
                    for row in found if row["status"] is Status.DISAGREES and judge.exceeds(row["z"])]
    if not strange and any(map(math.isfinite, scores)):
        strange = [Judge(scores, 2).no_difference]
    return "; ".join(parts + strange)


def attributes(
    model: Model, rng: Any, random: np.random.Generator, start: str, controls: dict[str, Any]
) -> dict[str, Any]:
    """Settings and seeds, as a table keeps them."""
    sequence = random.bit_generator.seed_seq
    entropy = getattr(sequence, "entropy", None)
    return {"model": str(model), "controls": {k: float(v) for k, v in controls.items()},
            "start": start, "seed": rng if isinstance(rng, int) else str(entropy), "entropy": str(entropy),
            "spawn_key": [int(key) for key in getattr(sequence, "spawn_key", ())]}


class Bar:
    """A progress bar, or nothing; tqdm is imported only if it shows."""

    def __init__(self, show: bool, total: int) -> None:
        self._show, self._total = show, total

    def __enter__(self) -> Callable[[], Any]:
        if not self._show:
            return lambda: None
        from tqdm import tqdm

        self._tqdm = tqdm(total=self._total, desc="instances", unit="")
        return self._tqdm.update

    def __exit__(self, *reason: object) -> None:
        if self._show:
            self._tqdm.close()
