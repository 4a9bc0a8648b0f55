r"""Message passing for one step of decimation, and for all steps from starts near the patterns.

J = Y_R/sqrt(N) is a sum of free parts: noise, the patterns that are left, and pairs (xi, eta) of patterns and
estimates that were subtracted.  Its reaction on a component is therefore the R-transform of J at the response
C = beta (v - q),

.. math:: R(C) = \delta C + \frac{\alpha (1 - t)}{1 - C}
   + \frac1N \sum_{\mu \le R} \sum_\pm \frac{\lambda_\pm}{1 - \lambda_\pm C},

lambda the eigenvalues of [[1, m_mu], [-m_mu, -v_mu]] (of diag(1, -1) on the span of xi and eta), and the equations of
Thouless, Anderson and Palmer of the measure P(x) exp(-beta E(x)) are (Parisi, Potters, J. Phys. A 28, 5267 (1995);
Opper, Cakmak, Winther, J. Phys. A 49, 114002 (2016))

.. math:: B = \beta\,[J f - R(C) f], \quad A = \beta\,[v - R(C)], \quad f_i = f_a(A, B_i), \quad
   v = \overline{f_a^2 + f_v}, \quad C = \beta \overline{f_v}.

R(0) is the trace of J, which is in J f: the diagonal counts.  At a fixed point B/beta is m xi + sqrt(r) z, z a standard
Gaussian and r = q R'(C): the replica-symmetric saddle point.  In the iteration the reaction takes the means of one step
before; that is exact for the noise, and for the patterns to first order in C: it acts on the way to the fixed point and
not on where that is.

Parts are free, and the theory exact, if the estimates know the noise only through their overlap with their pattern.
Estimates of a run know more: each leans on the noise that it saw, and takes a little of it away.  Hence the fields of
later steps have both a weaker signal and less noise than the flow says (at alpha = 0.03, delta = 0.15 by one and two
percent in the end, see columns signal and field_variance), which nearly cancel in the overlap.  Estimates drawn with
the same overlaps but independent of the noise follow the flow.

Nothing here sees the patterns but through the starts.  The overlaps m_mu are estimated from the fields of their own
step: the means of h f and of h^2, h = B/beta, are m^2 + r C and m^2 + r.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..theory.priors import DensityLaw, Prior
from .annealing import Atoms, DenseCouplings, Walk
from .decimation_instances import symmetric, without
from .denoisers import input_denoiser
from .settings import real_number, whole

__all__ = ["AmpStep", "Followed", "Reaction", "amp_decimation", "amp_step", "follow"]

Array = NDArray[np.float64]

SAMPLINGS = ("gibbs", "product")


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """R-transform of Y_R/sqrt(N).

    Attributes
    ----------
    delta : float
    left : float
        Patterns that are still in the matrix, divided by N.
    pairs : array (R, 2)
        Overlap m and norm v (both per N) of the estimates that were subtracted.
    size : int
        N.
    """

    delta: float
    left: float
    pairs: Array
    size: int

    def _pairs(self, response: float) -> tuple[Array, Array, Array]:
        """Trace, determinant, and (1 - lambda_+ C)(1 - lambda_- C) of every pair."""
        overlaps, norms = np.asarray(self.pairs, dtype=float).reshape(-1, 2).T
        trace, determinant = 1 - norms, overlaps**2 - norms
        return trace, determinant, 1 - response * trace + response**2 * determinant

    def holds(self, response: float) -> bool:
        """Whether C is below all poles 1/lambda: beyond one a part of the matrix is unstable."""
        return response < 1 and bool((self._pairs(response)[2] > 0).all())

    def __call__(self, response: float) -> float:
        """R(C).

        Raises
        ------
        ValueError
            If C is beyond a pole.
        """
        if not self.holds(response):
            raise ValueError(f"response = {response:g} is beyond a pole of the reaction, 1/lambda: give a smaller one")
        trace, determinant, below = self._pairs(response)
        pairs = float(((trace - 2 * response * determinant) / below).sum()) / self.size
        return self.delta * response + self.left / (1 - response) + pairs


@dataclass(frozen=True, kw_only=True)
class AmpStep:
    """A fixed point of the equations of one step.

    Attributes
    ----------
    means : array (N,)
        f.
    precision : float
        A.
    fields : array (N,)
        B.
    response : float
        C.
    self_overlap, second_moment : float
        q and v.
    estimated_overlap : float
        m, from the fields alone.
    field_variance : float
        r/beta^2, from the fields alone.
    change : float
        Root mean square change of the means in the last iteration.
    converged : bool
        False, too, if the iteration left the state: the response ran into a pole of the reaction, or the precision
        to 0.
    iterations : int
    """

    means: Array
    precision: float
    fields: Array
    response: float
    self_overlap: float
    second_moment: float
    estimated_overlap: float
    field_variance: float
    change: float
    converged: bool
    iterations: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Followed:
    """A decimation whose steps started near the patterns.

    Attributes
    ----------
    steps : DataFrame
        One row a step.
    estimates : array (R, N)
        Those that left the matrix; R < P if a step did not converge.
    complete : bool
        Whether all steps converged.
    """

    steps: pd.DataFrame
    estimates: Array
    complete: bool


def amp_step(
    matrix: Array,
    prior: Prior,
    start: Any,
    *,
    beta: float,
    reaction: Reaction,
    max_iterations: int = 500,
    tolerance: float = 1e-9,
    damping: float = 0.5,
) -> AmpStep:
    """Iterate message passing on Y_R from given means.

    Parameters
    ----------
    matrix : array (N, N)
        Y_R.
    prior : Prior without free symbols
    start : array (N,)
        Means, such as a pattern.
    beta : float
        Inverse temperature, finite.
    reaction : Reaction
    max_iterations : int
    tolerance : float
        Of `change`.
    damping : float in [0, 1)
        Weight of the means of before; with 0, sparse components settle slowly or not at all, since their norm swings.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """
    beta = _checked_beta(beta)
    damping = real_number("damping", damping, 0.0, 1.0, "0 is the bare iteration")
    size = matrix.shape[0]
    means = np.array(start, dtype=float)
    if means.shape != (size,) or not np.isfinite(means).all():
        raise ValueError(f"start of shape {means.shape}: give {size} finite means")
    denoise = input_denoiser(prior)
    before, variance = means, 0.0
    second = float(means @ means) / size
    fields, precision = np.zeros(size), math.nan
    change, converged, iteration = math.inf, False, 0
    while not converged and iteration < max_iterations:
        response = beta * variance
        back = reaction(response) if reaction.holds(response) else math.inf
        if not second > back:  # no state of replica symmetry is near
            break
        iteration += 1
        precision = beta * (second - back)
        fields = beta * (matrix @ means / math.sqrt(size) - back * before)
        new, spread = denoise(precision, fields)
        new = (1 - damping) * new + damping * means
        variance = float(np.mean(spread))
        second = float(new @ new) / size + variance
        change = float(np.sqrt(np.square(new - means).mean()))
        before, means = means, new
        converged = change < tolerance
    # of the fields that made these means
    response = beta * variance
    square, aligned = float(np.square(fields / beta).mean()), float((fields / beta) @ means) / size
    signal = max(aligned - response * square, 0.0) / (1 - response) if response < 1 else math.nan
    return AmpStep(means=means, precision=precision, fields=fields, response=response,
                   self_overlap=second - variance, second_moment=second, estimated_overlap=math.sqrt(signal),
                   field_variance=square - signal, change=change, converged=converged, iterations=iteration)


def amp_decimation(
    matrix: Any,
    prior: Prior,
    starts: Any,
    *,
    delta: float,
    beta: float,
    rng: Any = 0,
    reference: Any = None,
    sampling: str = "gibbs",
    sweeps: int = 10,
    max_iterations: int = 500,
    tolerance: float = 1e-9,
    damping: float = 0.5,
) -> Followed:
    """Run all steps by message passing, each from a start near its pattern; estimates are samples.

    A step that does not converge ends the run: without an estimate there is no next matrix.

    Parameters
    ----------
    matrix : array (N, N)
        Y, symmetric.
    prior : Prior
    starts : array (N, P)
        Column R is the start of step R: the patterns, or something near.
    delta, beta : float
    rng : numpy Generator or seed
        Of the samples.
    reference : array (N, P), optional
        Patterns with which overlaps are taken; by default the starts.
    sampling : {"gibbs", "product"}
        How an estimate is drawn: each component from its marginal ("product"), after which "gibbs" makes `sweeps`
        sweeps of heat-bath dynamics at beta, that it is a state of the measure; a prior with a density has the first.
    sweeps, max_iterations : int
    tolerance, damping : float
        Of `amp_step`.

    Returns
    -------
    Followed
        Its ``steps``: step, t, overlap (of the means with the pattern: m), sampled (that of the estimate),
        estimated (without the pattern), signal and field_variance (of the cavity fields, which theory says are
        m xi + sqrt(r) z, r in units of energy), self_overlap (q), second_moment (v), response (C), iterations,
        converged.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """
    observed, size = symmetric("matrix", matrix), np.shape(matrix)[0]
    starts = _checked_starts(starts, size)
    reference = starts if reference is None else np.asarray(reference, dtype=float)
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling = {sampling!r} is not known: give one of {', '.join(map(repr, SAMPLINGS))}")
    delta = real_number("delta", delta, 0.0, math.inf, "it is the variance of the noise")
    beta, rng = _checked_beta(beta), np.random.default_rng(rng)
    count = starts.shape[1]
    rows: list[dict[str, Any]] = []
    pairs: list[tuple[float, float]] = []
    estimates: list[Array] = []
    for step in range(count):
        reaction = Reaction(delta=delta, left=(count - step) / size, pairs=np.array(pairs).reshape(-1, 2), size=size)
        found = amp_step(observed, prior, starts[:, step], beta=beta, reaction=reaction,
                         max_iterations=max_iterations, tolerance=tolerance, damping=damping)
        pattern, field = reference[:, step], found.fields / beta
        signal = float(pattern @ field) / float(pattern @ pattern)
        rows.append({
            "step": step, "t": step / count, "overlap": float(pattern @ found.means) / size,
            "sampled": math.nan, "estimated": found.estimated_overlap, "signal": signal,
            "self_overlap": found.self_overlap, "second_moment": found.second_moment,
            "field_variance": float(np.square(field - signal * pattern).mean()), "response": found.response,
            "iterations": found.iterations, "converged": found.converged,
        })
        if not found.converged:
            break
        estimate = sample_marginals(prior, found.precision, found.fields, rng)
        if sampling == "gibbs":
            atoms = Atoms(prior)
            walk = Walk(DenseCouplings(observed), atoms, atoms.indices(estimate), rng)
            walk.run(np.full(whole("sweeps", sweeps, 0, ""), 1 / beta))
            estimate = walk.state
        rows[-1]["sampled"] = float(pattern @ estimate) / size
        pairs.append((found.estimated_overlap, float(estimate @ estimate) / size))
        estimates.append(estimate)
        without(observed, estimate)
    return Followed(steps=pd.DataFrame(rows), estimates=np.array(estimates).reshape(-1, size),
                    complete=len(estimates) == count)


def follow(matrix: Any, prior: Prior, starts: Any, *, max_sweeps: int = 1000) -> Followed:
    """Run all steps at zero temperature: each goes from a start near its pattern down to the next minimum.

    Parameters
    ----------
    matrix : array (N, N)
        Y, symmetric.
    prior : Prior
        Of atoms.
    starts : array (N, P)
        Column R is the start of step R: the patterns, or something near; overlaps are taken with it.
    max_sweeps : int

    Returns
    -------
    Followed
        Its ``steps``: step, t, overlap, second_moment (v), energy (per N), converged.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    observed, size = symmetric("matrix", matrix), np.shape(matrix)[0]
    starts, atoms = _checked_starts(starts, size), Atoms(prior)
    rows, estimates = [], []
    for step in range(starts.shape[1]):
        walk = Walk(DenseCouplings(observed), atoms, atoms.indices(starts[:, step]))
        converged = walk.relax(max_sweeps)
        state = walk.state
        rows.append({"step": step, "t": step / starts.shape[1], "overlap": float(starts[:, step] @ state) / size,
                     "second_moment": float(state @ state) / size, "energy": walk.energies[-1], "converged": converged})
        estimates.append(state)
        without(observed, state)
    table = pd.DataFrame(rows)
    return Followed(steps=table, estimates=np.array(estimates), complete=bool(table["converged"].all()))


def sample_marginals(prior: Prior, precision: float, fields: Array, rng: np.random.Generator) -> Array:
    """Draw x_i from P(x) exp(B_i x - A x^2/2), for a mixture of Gaussians.

    Raises
    ------
    ValueError
        If the prior is not a mixture.
    """
    if isinstance(prior.law, DensityLaw):
        raise ValueError(f"prior = {prior!r} is no mixture of Gaussians: give one")
    weights, means, variances = (
        np.array([float(value) for value in column])[:, None] for column in zip(*prior.components, strict=True)
    )
    narrowed = 1 / (1 + precision * variances)  # posterior variance of a component, in units of its own
    logs = np.log(weights) + 0.5 * np.log(narrowed) + narrowed * (
        0.5 * variances * fields**2 + means * fields - 0.5 * precision * means**2)
    cumulative = np.exp(logs - logs.max(axis=0)).cumsum(axis=0)
    component = (rng.random(fields.size) * cumulative[-1] >= cumulative).sum(axis=0)
    mean = (narrowed * (means + variances * fields))[component, np.arange(fields.size)]
    deviation = np.sqrt(narrowed * variances)[component, 0]
    return mean + deviation * rng.standard_normal(fields.size)


def _checked_beta(beta: Any) -> float:
    beta = real_number("beta", beta, 0.0, math.inf, "message passing needs a finite one; follow is zero temperature")
    if beta == 0:
        raise ValueError("beta = 0: give a positive inverse temperature, such as 1/delta")
    return beta


def _checked_starts(starts: Any, size: int) -> Array:
    found = np.asarray(starts, dtype=float)
    if found.ndim != 2 or found.shape[0] != size or found.shape[1] < 1:
        raise ValueError(f"starts of shape {found.shape}: give ({size}, P), one column a step")
    return found
