r"""Message passing on one network: the equations of Thouless, Anderson and Palmer, iterated so that they converge.

The network as a Boltzmann machine with weights W (see `boltzmann`) has two layers with independent weights of variance
1/N, so approximate message passing goes back and forth between the means a of the hidden units and m of the spins: with
v_t = 1/(1 - beta (1 - q_t)), q_t the mean of m_i^2,

.. math::
    a^t &= v_t \big[\sqrt\beta\, W^T m^t - \beta (1 - q_t)\, a^{t-1}\big], \\
    m^{t+1}_i &= \tanh\big[\sqrt\beta\,(W a^t)_i - \alpha\beta\, v_t\, m^t_i\big],

each Onsager term with the index of what it corrects.  At a fixed point a = sqrt(beta) W^T m, and the spins obey the
equations of Mezard, Parisi and Virasoro (Spin Glass Theory and Beyond, ch. XIII; M. Mezard, Phys. Rev. E 95, 022117
(2017)), whose average over patterns is the replica-symmetric saddle point

.. math:: m = E \tanh\beta(m + \sqrt{\alpha r}\, z), \quad q = E \tanh^2(\cdot), \quad r = q/(1 - \beta(1 - q))^2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .patterns import Couplings
from .settings import real_number

__all__ = ["TapRun", "tap"]

_LIMIT = 1e-3  # of 1 - beta (1 - q), below which hidden variances are held: the start may know too little


@dataclass(frozen=True, kw_only=True)
class TapRun:
    """What message passing did on one network.

    Attributes
    ----------
    magnetisations : array (N,)
        m_i = <s_i>.
    trajectory : DataFrame
        Columns iteration, overlap (with the reference; nan without), self_overlap (mean of m_i^2) and change.
    converged : bool
    iterations : int
    """

    magnetisations: NDArray[np.float64]
    trajectory: pd.DataFrame
    converged: bool
    iterations: int

    @property
    def overlap(self) -> float:
        """Mean product of m_i and the reference, at the end."""
        return float(self.trajectory["overlap"].iloc[-1])

    @property
    def self_overlap(self) -> float:
        """q = mean of m_i^2, at the end."""
        return float(self.trajectory["self_overlap"].iloc[-1])


def tap(
    couplings: Couplings,
    start: Any,
    *,
    temperature: float,
    reference: Any = None,
    max_iterations: int = 1000,
    tolerance: float = 1e-8,
    damping: float = 0.0,
) -> TapRun:
    """Iterate message passing from given magnetisations.

    Parameters
    ----------
    couplings : Couplings
        Of Hebb's rule on independent features: without kernel.
    start : array (N,)
        Magnetisations in [-1, 1], such as 0.9 times a pattern.
    temperature : float
        Positive.
    reference : array (N,), optional
        The pattern with which the overlap is taken.
    max_iterations : int
    tolerance : float
        Root mean square change of the magnetisations at which the iteration has converged.  Where replica symmetry is
        broken (spin glass, retrieval close to zero temperature) it does not converge.
    damping : float in [0, 1)
        Weight of the previous messages; 0 is the algorithm that state evolution describes.

    Raises
    ------
    ValueError
        If the couplings have a kernel (their features do not act independently), or a setting is out of range.
    """
    if couplings.transformed is not None:
        raise ValueError("couplings have a kernel: the Onsager term holds for independent features; give those of "
                         "hebb, noisy_hebb or supervised")
    temperature = real_number("temperature", temperature, 0.0, math.inf, "give a positive one")
    if temperature == 0:
        raise ValueError("temperature = 0: message passing needs a positive one, zero-temperature dynamics is relax")
    damping = real_number("damping", damping, 0.0, 1.0, "0 is the algorithm that state evolution describes")
    m = np.array(start, dtype=float)
    if m.shape != (couplings.size,) or not (np.abs(m) <= 1).all():
        raise ValueError(f"start of shape {m.shape}: give {couplings.size} magnetisations in [-1, 1]")
    if reference is not None:
        reference = np.asarray(reference, dtype=float)
    beta = 1 / temperature
    machine = np.sqrt(beta * couplings.scale) * couplings.features.astype(float)  # sqrt(beta) W
    variance = float(np.square(machine).mean()) * m.size  # beta N E W^2
    ratio = couplings.count / m.size
    hidden = np.zeros(couplings.count)
    rows: list[tuple[int, float, float, float]] = []
    change, converged = math.nan, False
    for iteration in range(max_iterations + 1):
        q = float(m @ m) / m.size
        overlap = math.nan if reference is None else float(reference @ m) / m.size
        rows.append((iteration, overlap, q, change))
        converged = change < tolerance
        if converged or iteration == max_iterations:
            break
        response = variance * (1 - q)
        spread = 1 / max(1 - response, _LIMIT)
        found = spread * (m @ machine - response * hidden)
        hidden = found if iteration == 0 else (1 - damping) * found + damping * hidden
        new = np.tanh(machine @ hidden - ratio * variance * spread * m)
        new = (1 - damping) * new + damping * m
        change = math.sqrt(float(np.square(new - m).mean()))
        m = new
    table = pd.DataFrame(rows, columns=["iteration", "overlap", "self_overlap", "change"])
    return TapRun(magnetisations=m, trajectory=table, converged=converged, iterations=rows[-1][0])
