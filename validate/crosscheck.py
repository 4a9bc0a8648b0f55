"""Theory against simulation: the comparison that fits a model."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..theory.decimation import Decimation
from ..theory.hopfield import Hopfield
from ..theory.model import Model
from .message_passing import amp_trajectories, crosscheck_amp

__all__ = ["crosscheck", "trajectory"]

trajectory = amp_trajectories  #: the name under which the command line asks for it


def crosscheck(model: Model, *, size: int | None = None, instances: int = 16, rng: Any = 0, progress: bool = False,
               **settings: Any) -> pd.DataFrame:
    """Compare simulations of finite size with the theory.

    A generalized linear model and a spiked matrix are compared with message passing on sampled instances, whatever the
    prior, a network of spins with Monte Carlo on sampled networks, a random landscape with the critical points of
    sampled ones, decimation with all its steps on sampled matrices.

    Parameters
    ----------
    model : GLM, SpikedWigner, SpikedWishart, Hopfield, Decimation, SphericalSpinGlass or MatrixTensor
    size : int, optional
        Components of the signal, or spins; 2000 if it is not given, 500 of decimation.  Of landscapes, the dimension of
        the sphere's space: about 10 where critical points are counted, 300 where the minimum beside a signal is sought.
    instances : int
        Independent instances, at least 2.
    rng : int, numpy Generator or SeedSequence
        Equal seeds give equal tables (up to the rounding of BLAS).
    progress : bool
        Show a bar on stderr.
    **settings
        The model's controls, ``sizes`` (several instead of one), and what `crosscheck_amp` (start, max_iterations,
        tolerance, damping) or `crosscheck_network` (state, sweeps) or `crosscheck_landscape` (state) or
        `crosscheck_decimation` (hint) take beside.

    Returns
    -------
    DataFrame
        Columns quantity, theory, simulated, standard_error, z, size, converged, instances, status; ``attrs`` holds
        settings, seeds and a summary.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """
    shared: dict[str, Any] = {"instances": instances, "rng": rng, "progress": progress, **settings}
    if size is not None:
        shared["size"] = size
    if isinstance(model, Hopfield):
        from .network import crosscheck_network  # numba is loaded when it is needed

        return crosscheck_network(model, **shared)
    if isinstance(model, Decimation):
        from .decimation_check import crosscheck_decimation

        return crosscheck_decimation(model, **shared)
    if getattr(model, "landscape", None) is not None:
        from .landscape_check import crosscheck_landscape

        return crosscheck_landscape(model, **shared)
    return crosscheck_amp(model, **shared)  # says what is no model
