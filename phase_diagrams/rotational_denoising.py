"""Denoising a symmetric matrix when nothing is known of the eigenvectors of its signal: theory and estimator.

The benchmark of matrix factorization: whatever the prior of the factors, this uses their number alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..equations.free_convolution import Estimate, NoisyGramSpectrum
from ..equations.subordination import SampleSpectrum
from .empirical_shrinkage import best_width, shrink_by_kernel

__all__ = ["DenoisedMatrix", "denoise", "noisy_spectrum", "rotationally_invariant_mse", "spectrum_table"]

Spectrum = NoisyGramSpectrum | SampleSpectrum

_ASYMMETRY = 1e-8  # of a matrix that is taken for symmetric, relative to its largest entry
_SMALLEST = 8  # eigenvalues of a sample from which a density is estimated


def rotationally_invariant_mse(*, alpha: Any, delta: Any) -> Estimate:
    r"""Matrix mse of the best estimate of xi xi^T that keeps the eigenvectors of Y, as N goes to infinity.

    Y = xi xi^T/sqrt(N) + sqrt(delta) Z, symmetric, off-diagonal entries of Z of variance 1, xi of shape (N, alpha N)
    with independent entries of mean 0 and variance 1, whose law does not matter otherwise.  The mse is
    (1/2N) E|S - S_hat|^2, Frobenius norm, S = xi xi^T/N: in units in which its eigenvalues stay finite.

    Parameters
    ----------
    alpha : float or array
        P/N, positive.
    delta : float or array
        Variance of the noise of an off-diagonal entry of Y, positive.  Arrays are broadcast.

    Returns
    -------
    Estimate
        ``value`` and ``error`` (absolute), floats or arrays of the common shape.  About 0.5 ms a point.

    Raises
    ------
    TypeError
        If a parameter is no real number.
    ValueError
        If one is not positive and finite, or is outside [1e-20, 1e20].

    References
    ----------
    Bun, Allez, Bouchaud, Potters, IEEE Trans. Inf. Theory 62, 7475 (2016).

    Examples
    --------
    >>> value, error = rotationally_invariant_mse(alpha=0.03, delta=0.15)
    >>> print(f"{value:.12f}")
    0.004069919493
    """
    alphas, deltas = np.broadcast_arrays(_positive("alpha", alpha), _positive("delta", delta))
    found = [NoisyGramSpectrum(a, d).matrix_mse() for a, d in zip(alphas.flat, deltas.flat, strict=True)]
    value, error = np.array(found, dtype=float).reshape(-1, 2).T.reshape(2, *alphas.shape)
    return Estimate(value, error) if alphas.ndim else Estimate(float(value), float(error))


def noisy_spectrum(*, delta: float, alpha: float | None = None, signal_eigenvalues: Any = None) -> Spectrum:
    """Return the law of the eigenvalues of Y/sqrt(N) = S + sqrt(delta) W, as N goes to infinity.

    Parameters
    ----------
    delta : float
        Variance of the noise of an off-diagonal entry of Y, positive.
    alpha : float, optional
        For S = xi xi^T/N with alpha N columns xi.
    signal_eigenvalues : array (n,), optional
        For any other S: its eigenvalues, or a sample of their law.  Give one of the two.

    Returns
    -------
    NoisyGramSpectrum or SampleSpectrum
        With ``edges``, ``density(x)``, ``hilbert_transform(x)`` (without 1/pi), ``shrink(x)``, ``mean(function)``,
        ``matrix_mse()``.

    Raises
    ------
    TypeError, ValueError
        As `rotationally_invariant_mse`; or if both or none of alpha and signal_eigenvalues are given.
    """
    _one_of(alpha=alpha, signal_eigenvalues=signal_eigenvalues)
    delta = float(_positive("delta", delta, scalar=True))
    if alpha is not None:
        return NoisyGramSpectrum(float(_positive("alpha", alpha, scalar=True)), delta)
    return SampleSpectrum(signal_eigenvalues, delta)


def spectrum_table(spectrum: Spectrum, points: int = 400) -> pd.DataFrame:
    """Tabulate density, Hilbert transform and shrinkage over the bands and what is between them.

    Parameters
    ----------
    spectrum : NoisyGramSpectrum or SampleSpectrum
    points : int
        In each band, closer near its ends, where the density is a square root; a quarter of it in each gap and
        outside.

    Returns
    -------
    DataFrame
        ``eigenvalue``, ``density``, ``hilbert``, ``shrunk``, ``error`` (of the worst of the three: what a change of
        the eigenvalue in its last digits changes), ``bulk`` (whether a band holds the eigenvalue).

    Raises
    ------
    ValueError
        If points is below 8.
    """
    if points < 8:
        raise ValueError(f"points = {points}: give at least 8")
    edges = spectrum.edges
    margin = 0.15 * (edges[-1] - edges[0])
    marks = np.concatenate([[edges[0] - margin], edges, [edges[-1] + margin]])
    pieces = []
    for k in range(len(marks) - 1):
        count = points if k % 2 else max(points // 4, 2)
        fraction = 0.5 - 0.5 * np.cos(math.pi * (np.arange(count) + 0.5) / count)
        pieces.append(marks[k] + (marks[k + 1] - marks[k]) * fraction)
    eigenvalues = np.concatenate(pieces)
    bulk = np.searchsorted(edges, eigenvalues) % 2 == 1

    def columns(at):
        resolvent, shrunk = spectrum.at(at)
        return np.stack([resolvent.imag / math.pi, resolvent.real, shrunk])

    nudge = 4 * np.spacing(np.abs(eigenvalues))
    value = columns(eigenvalues)
    error = np.maximum(*(np.abs(columns(eigenvalues + shift) - value) for shift in (nudge, -nudge)))
    error = (error + 8 * np.finfo(float).eps * np.abs(value)).max(axis=0)
    density, hilbert, shrunk = value
    return pd.DataFrame({"eigenvalue": eigenvalues, "density": density, "hilbert": hilbert, "shrunk": shrunk,
                         "error": error, "bulk": bulk})


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DenoisedMatrix:
    """An estimate of the signal of a noisy matrix, with the eigenvectors of that matrix.

    Attributes
    ----------
    estimate : float array (N, N)
        Of S, where Y = sqrt(N) S + sqrt(delta) Z; of xi xi^T/N in the factorization problem.
    eigenvalues, shrunk_eigenvalues : float arrays (N,)
        Of Y/sqrt(N), increasing, and of the estimate along the same eigenvectors.
    eigenvectors : float array (N, N)
        Columns.
    method : str
        ``"alpha"``, ``"signal_eigenvalues"`` or ``"kernel"``: where the Hilbert transform is from.
    width : float or None
        Of the kernel, in units of the eigenvalues.
    matrix_mse, matrix_mse_error : float
        (1/2N)|S - estimate|^2: with a kernel, Stein's unbiased estimate of it from the data alone, and its standard
        error; else its limit as N goes to infinity and the error of that number (this matrix is off by order delta/N).
    """

    estimate: np.ndarray
    eigenvalues: np.ndarray
    shrunk_eigenvalues: np.ndarray
    eigenvectors: np.ndarray
    method: str
    width: float | None
    matrix_mse: float
    matrix_mse_error: float

    def __repr__(self) -> str:
        return (f"DenoisedMatrix(size={len(self.eigenvalues)}, method={self.method!r}, width={self.width}, "
                f"matrix_mse={self.matrix_mse:.6g} +- {self.matrix_mse_error:.2g})")


def denoise(matrix: Any, *, delta: float, alpha: float | None = None, signal_eigenvalues: Any = None,
            width: float | None = None) -> DenoisedMatrix:
    r"""Estimate S from Y = sqrt(N) S + sqrt(delta) Z by shrinking the eigenvalues of Y/sqrt(N) to lambda - 2 delta h.

    h is the Hilbert transform PV int rho(y)/(lambda - y) dy of the density of eigenvalues: exact for
    S = xi xi^T/N if `alpha` is given, or for a signal of `signal_eigenvalues`; else of the eigenvalues of Y themselves,
    smoothed by a Gaussian.  Then nothing but the variance of the noise needs to be known of Y.  With a known signal the
    shrunk eigenvalues are kept between its extreme ones.

    Parameters
    ----------
    matrix : array (N, N)
        Y, symmetric.  (Of a matrix M = S + noise of variance v in an entry, give sqrt(N) M and delta = N v.)
    delta : float
        Variance of the noise in an off-diagonal entry of Y, positive.
    alpha : float, optional
        P/N, for S = xi xi^T/N.
    signal_eigenvalues : array (n,), optional
        Of S, or a sample of their law.
    width : float, optional
        Standard deviation of the Gaussian kernel, in units of the eigenvalues of Y/sqrt(N).  The bias of h is of order
        width^2, its fluctuation of order 1/(N width), so the best width falls as N^(-1/3); its factor depends on the
        signal.  Unless given, it is the one of least estimated risk (Stein), within a factor of 1.2.

    Returns
    -------
    DenoisedMatrix

    Raises
    ------
    TypeError, ValueError
        If the matrix is not square, real, finite and symmetric, if a parameter is not positive, if two of alpha,
        signal_eigenvalues and width are given, or if the matrix is too small to estimate a density from (N < 8).

    Notes
    -----
    Stein's estimate (Ann. Stat. 9, 1135 (1981)) is unbiased for Gaussian noise whose diagonal has variance 2 delta; for
    another diagonal it is off by order delta/N.
    """
    if alpha is not None or signal_eigenvalues is not None:
        if width is not None:
            raise ValueError(f"width = {width} beside a known signal: its Hilbert transform is exact; leave width out")
        spectrum = noisy_spectrum(delta=delta, alpha=alpha, signal_eigenvalues=signal_eigenvalues)
    else:
        spectrum = None
    delta = float(_positive("delta", delta, scalar=True))
    if width is not None:
        width = float(_positive("width", width, scalar=True))
    values = _symmetric(matrix, smallest=_SMALLEST if spectrum is None else 1)
    eigenvalues, eigenvectors = np.linalg.eigh(values / math.sqrt(len(values)))
    if spectrum is not None:
        # <v|S|v> is between the extreme eigenvalues of S; the formula leaves them as a square root where an eigenvalue
        # of a finite matrix lies beyond the edge of the bulk
        shrunk = np.clip(spectrum.shrink(eigenvalues), *_range(spectrum))
        mse, error = spectrum.matrix_mse()
        method = "alpha" if alpha is not None else "signal_eigenvalues"
    else:
        method = "kernel"
        width = best_width(eigenvalues, delta) if width is None else width
        shrunk, mse, error = shrink_by_kernel(eigenvalues, delta, width)
    return DenoisedMatrix(
        estimate=(eigenvectors * shrunk) @ eigenvectors.T, eigenvalues=eigenvalues, shrunk_eigenvalues=shrunk,
        eigenvectors=eigenvectors, method=method, width=width, matrix_mse=float(mse), matrix_mse_error=float(error),
    )


def _range(spectrum: Spectrum) -> tuple[float, float]:
    """Return between which numbers the eigenvalues of the signal are."""
    if isinstance(spectrum, SampleSpectrum):
        return float(spectrum.signal[0]), float(spectrum.signal[-1])
    return 0.0, math.inf


def _symmetric(matrix: Any, smallest: int) -> np.ndarray:
    """Check a matrix."""
    given = np.asarray(matrix)
    if given.dtype.kind not in "fiu":
        raise TypeError(f"matrix holds {given.dtype}: give real numbers")
    if given.ndim != 2 or given.shape[0] != given.shape[1]:
        raise ValueError(f"matrix has shape {given.shape}: give a square one")
    if given.shape[0] < smallest:
        raise ValueError(f"matrix has {given.shape[0]} rows: give at least {smallest}, or alpha or signal_eigenvalues")
    if not np.isfinite(given).all():
        raise ValueError("matrix holds entries that are not finite: replace them")
    values = given.astype(float)
    asymmetry, largest = np.abs(values - values.T).max(), np.abs(values).max()
    if asymmetry > _ASYMMETRY * largest:
        raise ValueError(f"matrix differs from its transpose by {asymmetry:.3g}, its largest entry being "
                         f"{largest:.3g}: give (matrix + matrix.T)/2, whose noise has half the variance")
    return values


def _positive(name: str, value: Any, scalar: bool = False) -> np.ndarray:
    """Check a parameter, or an array of its values."""
    given = np.asarray(value)
    if given.dtype.kind not in "fiu":
        raise TypeError(f"{name} = {value!r}: give a real number{'' if scalar else ', or an array of them'}")
    if scalar and given.ndim:
        raise TypeError(f"{name} has shape {given.shape}: give one number")
    wrong = given[~((given > 0) & np.isfinite(given))]
    if wrong.size:
        cure = {"alpha": "; without patterns (alpha = 0) there is nothing to estimate: S = 0, and the mse is 0",
                "delta": "; without noise (delta = 0) the matrix is the signal, and the mse is 0"}.get(name, "")
        raise ValueError(f"{name} = {wrong.flat[0]}: give a positive, finite number{cure}")
    return given.astype(float)


def _one_of(**given: Any) -> None:
    """Check that one of two is given."""
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        raise ValueError(f"{' and '.join(names) or 'neither of ' + ', '.join(given)} given: give one of "
                         f"{' and '.join(given)}")
