r"""Minima of large landscapes, the Hessian there, and where theory puts both for the minimum that knows the signal.

The Hessian at a critical point of overlap m, over sqrt(Q''(1)), is (module kac_rice) a GOE matrix with spectrum on
[-2, 2], shifted by t = -x.grad H/(N sqrt(Q''(1))), minus theta e e^T with e along the signal and
theta = Q''(m)(1 - m^2)/sqrt(Q''(1)).  Its spectrum is the semicircle on [t - 2, t + 2] and, if theta > 1, an eigenvalue
t - theta - 1/theta below it (Edwards, Jones, J. Phys. A 9, 1595 (1976)).  The same is true at any point that is chosen
without looking at the landscape, where t = m Q'(m)/sqrt(Q''(1)) up to a fluctuation of order 1/sqrt(N).

The minimum connected to the signal is the ground state in the replica-symmetric theory at zero temperature.  With
q = 1 - T chi the energy is

    e(m, chi) = -Q(m) - (chi Q'(1) + (1 - m^2)/chi)/2,

and it is stationary at chi = sqrt((1 - m^2)/Q'(1)), Q'(m) = m/chi:

    Q'(m)^2 (1 - m^2) = m^2 Q'(1),    H/N = -Q(m) - chi Q'(1),    t = g + 1/g with g = chi sqrt(Q''(1)).

It is stable against breaking of replica symmetry if g < 1, which is t > 2 on the branch where chi is the trace of the
inverse Hessian.  The same point has zero complexity: there the annealed complexity of minima is stationary.

At finite size the weight |det| of the Kac-Rice formula, and that minima are positive definite, count.  The mean of the
N - 1 eigenvalues moves from t by 2 g/N: dlog|det|/dG_ii is an element of the inverse, of mean g, and the variance of
G_ii is 2/N.  The signal moves it by -theta/N.  The lower edge is repelled from 0; `conditional_edges` averages over it.

No eigenvalue leaves the bulk of its Hessian: theta/g = k(m)/k(1) with k(m) = m Q''(m)/Q'(m), the mean of p - 1 with
the weights p w_p m^(p-1), which does not fall with m; so theta <= g < 1.  (For one degree theta = g.)  And there is
one root m at most: Q'(m)^2 (1 - m^2)/m^2 falls where k(m) (1 - m^2) < 1, which is at most k(1) (1 - m^2) = g^2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from ..theory.landscape import Landscape
from .landscapes import Covariance, SampledLandscape, numbers, tangential
from .settings import real_number, whole
from .tridiagonal import extreme_eigenvalues, log_determinants

__all__ = [
    "Minimum", "SignalMinimum", "Spectrum", "conditional_edges", "descend", "point_of_overlap", "semicircle",
    "signal_minimum", "spectrum_at",
]  # fmt: skip

Array = NDArray[np.float64]

_TOLERANCE = 1e-9  #: of |grad|, in units of its standard deviation in a direction
_NEWTON = 20


@dataclass(frozen=True, kw_only=True)
class SignalMinimum:
    """Where theory puts the minimum that is connected to the signal, at infinite size.

    Attributes
    ----------
    overlap : float
        m = x.v/N.
    energy : float
        H/N.
    shift : float
        t, the centre of the Hessian's spectrum; it and what follows in units of sqrt(Q''(1)).
    strength : float
        theta, of the perturbation along the signal.
    lower_edge, upper_edge : float
        t - 2 and t + 2.
    resolvent : float
        g, the mean inverse eigenvalue.
    """

    overlap: float
    energy: float
    shift: float
    strength: float

    @property
    def lower_edge(self) -> float:
        return self.shift - 2

    @property
    def upper_edge(self) -> float:
        return self.shift + 2

    @property
    def resolvent(self) -> float:
        return self.shift / 2 - math.sqrt(self.shift**2 / 4 - 1)


def signal_minimum(landscape: Landscape | Covariance) -> SignalMinimum:
    """Solve for the minimum that is connected to the signal: of the largest overlap.

    Raises
    ------
    TypeError, ValueError
        If something else is given, the landscape has no spike, or there is no such minimum.
    """
    covariance = numbers(landscape)
    if not covariance.spiked:
        raise ValueError("the landscape is not spiked, so that no minimum is connected to a signal: give one that is")
    unit = np.polynomial.Polynomial([1.0])
    slope = np.polynomial.Polynomial([0.0])
    for p, w in zip(covariance.degrees, covariance.weights, strict=True):
        slope = slope + w * p * unit * np.polynomial.Polynomial([0, 1]) ** (p - 1)
    square = np.polynomial.Polynomial([0, 0, 1])
    first, second = covariance(1.0, 1), covariance(1.0, 2)
    roots = (slope * slope * (1 - square) - first * square).roots()
    for m in sorted((float(r.real) for r in roots if abs(r.imag) < 1e-9 and 1e-9 < r.real < 1), reverse=True):
        chi = math.sqrt((1 - m * m) / first)
        g = chi * math.sqrt(second)
        if second == 0:  # a linear function has no curvature but that of the sphere
            continue
        found = SignalMinimum(
            overlap=m, energy=-covariance(m) - chi * first, shift=g + 1 / g,
            strength=float(covariance(m, 2)) * (1 - m * m) / math.sqrt(second))
        if g < 1:
            return found
    raise ValueError(f"no minimum is connected to the signal for Q(x) = {covariance}: its weights are too small beside "
                     "the noise; give larger ones")


def conditional_edges(
    target: SignalMinimum, size: int, *, samples: int = 2000, rng: Any = 0
) -> dict[str, tuple[float, float]]:
    """Average over the Hessian of a minimum of given shift and strength, at finite size.

    Parameters
    ----------
    target : SignalMinimum
    size : int
        N, at least 3.
    samples : int
        Random matrices, weighted with |det| if they are positive definite.
    rng : numpy Generator or seed

    Returns
    -------
    dict
        ``lower_edge``, ``upper_edge``: smallest and largest eigenvalue, ``pull``: N times the mean of all, each from
        the shift; with standard errors.
    """
    size, samples = whole("size", size, 3, ""), whole("samples", samples, 100, "2000 is a good one")
    random = np.random.default_rng(rng)
    diagonal = math.sqrt(2 / size) * random.standard_normal((samples, size - 1))
    diagonal[:, 0] -= target.strength
    squared = random.chisquare(np.arange(size - 2, 0, -1), (samples, size - 2)) / size
    lowest, highest = extreme_eigenvalues(diagonal, squared)
    logs, positive = log_determinants(diagonal + target.shift, squared)
    weights = positive * np.exp(logs - logs.max())
    found = {}
    for name, values in {"lower_edge": lowest, "upper_edge": highest,
                         "pull": diagonal.sum(axis=1) * size / (size - 1)}.items():
        mean = float(weights @ values / weights.sum())
        error = float(np.sqrt(np.square(weights * (values - mean)).sum()) / weights.sum())
        found[name] = (mean, error)
    return found


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """The Hessian at a point of a sampled landscape.

    Attributes
    ----------
    point : array (N,)
        u = x/sqrt(N).
    energy : float
        H/N.
    overlap : float
        With the signal; nan if there is none.
    shift : float
        t = -x.grad H/(N sqrt(Q''(1))).
    strength : float
        theta = Q''(m)(1 - m^2)/sqrt(Q''(1)); 0 if there is no signal.
    eigenvalues : array (N - 1,)
        Of the Hessian on the sphere over sqrt(Q''(1)), increasing.
    residual : float
        |grad h| on the sphere.
    """

    point: Array
    energy: float
    overlap: float
    shift: float
    strength: float
    eigenvalues: Array
    residual: float


def spectrum_at(sample: SampledLandscape, u: Array) -> Spectrum:
    """Diagonalise the Hessian at a point.

    Parameters
    ----------
    sample : SampledLandscape
        With a term of degree 2 or more.
    u : array (N,)
        Of length 1.
    """
    energy, gradient, hessian = sample.evaluate(u, 2)
    radial, covariance = float(u @ gradient), sample.covariance
    unit = math.sqrt(covariance(1.0, 2))
    if unit == 0:
        raise ValueError("a linear landscape has no Hessian of its own: give a term of degree 2 or more")
    overlap = float(sample.signal @ u) if covariance.spiked else math.nan
    return Spectrum(
        point=u, energy=energy, overlap=overlap, shift=-radial / unit,
        strength=covariance(overlap, 2) * (1 - overlap**2) / unit if covariance.spiked else 0.0,
        eigenvalues=np.asarray((np.linalg.eigvalsh(tangential(hessian, u)) - radial) / unit, dtype=np.float64),
        residual=float(np.linalg.norm(gradient - radial * u)),
    )


def point_of_overlap(sample: SampledLandscape, overlap: float, rng: Any) -> Array:
    """Draw a point of given overlap with the signal, knowing nothing else of the landscape.

    Raises
    ------
    TypeError, ValueError
        If the overlap is not in [-1, 1), or there is no signal.
    """
    real_number("overlap", overlap, -1.0, 1.0, "it is a cosine")
    v = sample.signal
    if not v.size:
        raise ValueError("this landscape has no signal: sample a spiked one")
    across = np.random.default_rng(rng).standard_normal(sample.size)
    across -= (across @ v) * v
    return overlap * v + math.sqrt(1 - overlap**2) * across / np.linalg.norm(across)


@dataclass(frozen=True, kw_only=True)
class Minimum(Spectrum):
    """A minimum of one sampled landscape; made by `descend`.

    Attributes
    ----------
    converged : bool
        Whether it is a minimum, to rounding.
    """

    converged: bool


def descend(sample: SampledLandscape, start: Array | None = None, *, rng: Any = 0) -> Minimum:
    """Go down from a point to a minimum: quasi-Newton on the sphere, then Newton's method.

    Parameters
    ----------
    sample : SampledLandscape
    start : array (N,), optional
        The signal if it is not given, and a random point if there is no signal.
    rng : numpy Generator or seed
        For the random point.
    """
    n = sample.size
    if start is None:
        start = sample.signal if sample.signal.size else np.random.default_rng(rng).standard_normal(n)
    start = np.asarray(start, dtype=float)
    if start.shape != (n,) or not start.any():
        raise ValueError(f"start of shape {start.shape}: give one point that is not 0, of shape ({n},)")

    def scale_free(x: Array) -> tuple[float, Array]:
        length = math.sqrt(x @ x)
        u = x / length
        energy, gradient, _ = sample.evaluate(u, 1)
        return energy, (gradient - (u @ gradient) * u) / length

    rough = optimize.minimize(scale_free, start / math.sqrt(start @ start), jac=True, method="L-BFGS-B",
                              options={"maxiter": 5000, "maxfun": 20_000, "gtol": 1e-6, "ftol": 0.0, "maxcor": 20})
    u = rough.x / math.sqrt(rough.x @ rough.x)
    tolerance = _TOLERANCE * math.sqrt(sample.covariance(1.0, 1))
    for _ in range(_NEWTON):
        _, gradient, hessian = sample.evaluate(u, 2)
        radial = float(u @ gradient)
        tangent = gradient - radial * u
        if math.sqrt(tangent @ tangent) < tolerance:
            break
        # on the tangent space; along u the matrix is 1 and the right-hand side 0
        projected = hessian - np.outer(u, u @ hessian) - np.outer(hessian @ u, u)
        projected += (u @ hessian @ u + 1 + radial) * np.outer(u, u)
        projected[np.diag_indices(n)] -= radial
        u = u - linalg.solve(projected, tangent, assume_a="sym")
        u /= math.sqrt(u @ u)
    found = spectrum_at(sample, u)
    return Minimum(**vars(found), converged=bool(found.residual < tolerance and found.eigenvalues[0] > 0))


def semicircle(x: Any, centre: float = 0.0) -> Array:
    """Return the density of the semicircle of radius 2 around `centre`."""
    return np.sqrt(np.maximum(4 - (np.asarray(x, dtype=float) - centre) ** 2, 0)) / (2 * math.pi)
