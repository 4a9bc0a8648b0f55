"""What message passing is compared with: theory at one size, and how instances of that size are made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..equations.result import Status
from .amp import AmpRun
from .side import RECOVERED

__all__ = ["Plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Theory at one size, and how to start message passing so that it applies.

    Attributes
    ----------
    controls : dict
        The model's own controls, as they were given.
    trajectory : DataFrame
        State evolution: columns iteration, overlap, mse, beginning where message passing does.
    values : dict
        Where it ends, by the names of what is measured.
    status : Status
    scales : dict
        Typical sizes of what is measured; 1 if not given.
    play : function of a generator and the settings of `amp`
        Draws an instance and runs message passing on it; returns what is measured at the end, and the run.
    """

    controls: dict[str, float]
    trajectory: pd.DataFrame
    values: dict[str, float]
    status: Status
    scales: dict[str, float]
    play: Callable[..., tuple[dict[str, float], AmpRun]]

    def iterations(self, tolerance: float) -> float:
        """Iterations of state evolution until message passing changes its estimate by less than the tolerance.

        Where theory and algorithm know the same, |x^(t+1) - x^t|^2/p is the difference of the overlaps.
        """
        scale = self.scales["mse"]
        change = np.abs(np.diff(self.trajectory["overlap"].to_numpy(float)))
        ended = (change < tolerance**2 * scale) | (self.trajectory["mse"].to_numpy(float)[1:] < RECOVERED * scale)
        return float(np.argmax(ended) + 1) if ended.any() else math.nan

