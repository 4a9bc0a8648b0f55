"""Special functions as fast as the denoisers need them, which call them in every iteration.

Log-probabilities are exact to rounding of 1, not of themselves where they are nearly 0: they are exponentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from ..equations.functions import NUMPY

__all__ = ["FAST", "log_interval"]

_SQRT_HALF = 0.5**0.5
_LOG_2 = float(np.log(2))
_NARROW = 0.01  # in units of the width over which the density varies: narrower ones would lose digits here


def log_interval(low: Any, high: Any) -> Any:
    """log(Phi(high) - Phi(low)) for low < high, by two scaled complementary error functions."""
    far, near = np.minimum(low, -high), np.minimum(high, -low)  # mirrored so that far < 0 and |near| <= |far|
    distance = np.abs(near)
    with np.errstate(all="ignore"):
        # both tails in units of exp(-near^2/2)/2
        near_tail = special.erfcx(_SQRT_HALF * distance)
        far_tail = special.erfcx(-_SQRT_HALF * far) * np.exp(0.5 * (near - far) * (near + far))
        across, exponent = near > 0, 0.5 * near * near
        doubled = np.where(across, 2 - (near_tail + far_tail) * np.exp(-exponent), near_tail - far_tail)
        found = np.log(doubled) - np.where(across, 0.0, exponent) - _LOG_2
        narrow = (near - far) * (1 + distance) < _NARROW
    if narrow.any():
        low, high = np.broadcast_arrays(low, high)
        found = np.array(found)
        found[narrow] = NUMPY["LogInterval"](low[narrow], high[narrow])
    return found


FAST: dict[str, Callable[..., Any]] = NUMPY | {"LogInterval": log_interval}
