"""What a solver returns: fixed points with their errors, and statuses whose texts advise."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["FixedPoint", "Status"]


class Status(enum.Enum):
    """How far a number can be trusted; ``advice`` says what to do about it."""

    CONVERGED = "converged"
    LIMIT = "limit"
    TOLERANCE_MISSED = "tolerance missed"
    ILL_CONDITIONED = "ill-conditioned"
    OUTSIDE_RANGE = "outside the range scanned"
    NOT_CONVERGED = "not converged"
    DISAGREES = "simulation disagrees"
    INSTANCES_LOST = "instances lost"

    @property
    def good(self) -> bool:
        """True if the number meets the tolerance asked for."""
        return self in (Status.CONVERGED, Status.LIMIT)

    @property
    def advice(self) -> str:
        """One sentence: what the status means and the cure."""
        return _ADVICE[self]

    def __str__(self) -> str:
        return self.value


_ADVICE = {
    Status.CONVERGED: "solved to the tolerance asked for",
    Status.LIMIT: "a state reached only as a limit of the order parameters (no signal, or perfect recovery); exact",
    Status.TOLERANCE_MISSED: "the quadrature did not reach the tolerance asked for: read `error`, or ask for digits=30",
    Status.ILL_CONDITIONED: "within rounding of a spinodal, where the overlap is known only to the square root of the "
    "error of the control: read `error`, or ask for digits=30",
    Status.OUTSIDE_RANGE: "the state lies beyond the range of precisions that double precision resolves",
    Status.NOT_CONVERGED: "the iteration used all its steps: give more max_iterations, or solve with fixed_points",
    Status.DISAGREES: "theory and simulation differ by more than chance: a difference that falls with the size "
    "(sizes=...) is an effect of finite size, else one of them is wrong",
    Status.INSTANCES_LOST: "some instances did not converge and are not averaged in: give more max_iterations, damping "
    "or a larger size",
}


@dataclass(frozen=True, kw_only=True)
class FixedPoint:
    """A stationary point of the free entropy.

    Attributes
    ----------
    order_parameters : mapping of symbol name to float
        As in the formulas: ``m``, ``mhat``, ...
    free_entropy : float
        +log Z per component of the signal, in nats; ``inf`` for perfect recovery of a density, and at zero temperature.
    observables : mapping of full word to float
        ``overlap``, ``mse``, ... as the model defines them.
    eigenvalues : tuple of float
        Of the Jacobian of one step of state evolution (real parts, largest first, where there are several); `stable`
        if all are below 1, so that the step, taken partially, returns to the point.
    stable : bool
    residual : float
        Largest relative violation of the saddle-point equations.
    error : float
        Estimated absolute error of the overlap and of the free entropy, whichever is larger.
    status : Status
    iterations : int
        Newton steps used.
    controls : mapping of control name to float
        Where the point was solved.
    state : str
        What it is called: ``"retrieval"``, ``"spin glass"``, ``"no signal"``, ...; empty where it is one of a curve.
    """

    order_parameters: Mapping[str, Any]
    free_entropy: Any
    observables: Mapping[str, Any] = field(default_factory=dict)
    eigenvalues: tuple[Any, ...] = ()
    stable: bool = True
    residual: Any = 0.0
    error: Any = 0.0
    status: Status = Status.CONVERGED
    iterations: int = 0
    controls: Mapping[str, Any] = field(default_factory=dict)
    state: str = ""

    def __post_init__(self) -> None:
        for name in ("order_parameters", "observables", "controls"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self):
        # mapping proxies do not pickle: rebuild from plain dictionaries
        state = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return _rebuild, ({k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in state.items()},)


def _rebuild(state: dict[str, Any]) -> FixedPoint:
    return FixedPoint(**state)
