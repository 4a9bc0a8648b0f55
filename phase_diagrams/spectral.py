"""Spectral methods for a spiked matrix with a structured spike: overlaps of PCA and LAMP, thresholds, figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import sympy as sp

from ..equations.result import Status
from ..equations.spectral import Spectrum, lamp_overlap, pca_overlap, spectrum_of, spectrum_of_eigenvalues
from ..theory.model import Model
from ..theory.parameters import number
from ..theory.priors import Prior
from ..theory.spectral import threshold_formulas
from .figures import SERIES, new_axes
from .labels import written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_spectral_overlaps", "spectral_overlaps", "spectral_thresholds"]

_TOLERANCE = 1e-10  #: of an overlap; an error above it is a status
_SKY, _BLUE, _GREEN, _ORANGE, _VERMILLION, _PURPLE, _BLACK = SERIES
_COLOURS = {"lamp": _BLUE, "pca": _ORANGE}
_NEGATIVE = 1e-10  # relative to the largest: eigenvalues of this size are rounding of zero


def spectral_overlaps(source: Any, *, delta: Any, **controls: Any) -> pd.DataFrame:
    """Squared cosine between the spike and what PCA and linearised message passing (LAMP) estimate, for large p.

    Y = v v^T/sqrt(p) + sqrt(delta) xi; PCA is the top eigenvector of Y, LAMP that of K (Y/sqrt(p) - rho I), with K the
    second moments of v, rho = tr K/p.

    Parameters
    ----------
    source : Prior, SpikedWigner, or array of eigenvalues
        Law of v: independent components or a network, or the spectrum of K, which counts as a continuous one.
    delta : positive number or array of them
    **controls
        Values of symbols among the prior's parameters.

    Returns
    -------
    DataFrame
        Columns delta, pca, lamp (from 0 to 1; the best multiple of the estimate has the mean-squared error rho (1 -
        overlap), and rho overlap compares with the Bayes-optimal overlap q), error (absolute, estimated, of either),
        status.  ``attrs`` holds the thresholds, rho and what was asked.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or a control has no value.

    References
    ----------
    Aubin, Loureiro, Maillard, Krzakala, Zdeborova, Advances in NeurIPS 32 (2019); `theory.spectral` derives it.
    """
    noise = _noises(delta)
    prior, spectrum = _source(source, controls)
    lamp = spectrum.overlap(noise) if prior is None else lamp_overlap(prior, noise)
    rho = spectrum.second_moment
    error = np.maximum(lamp.error, np.finfo(float).eps)
    table = pd.DataFrame({
        "delta": noise, "pca": pca_overlap(noise, rho), "lamp": lamp.value, "error": error,
        "status": [Status.CONVERGED if one <= _TOLERANCE else Status.TOLERANCE_MISSED for one in error],
    })
    table.attrs.update(
        source="eigenvalues" if prior is None else written(prior), rho=rho,
        thresholds={"pca": rho**2, "lamp": spectrum.threshold},
        controls={name: float(value) for name, value in controls.items()})
    return table


def spectral_thresholds(source: Any, **controls: Any) -> pd.DataFrame:
    """Noise delta below which PCA and LAMP find something of the spike, for large p.

    Parameters
    ----------
    source : Prior, SpikedWigner, or array of eigenvalues
        As of `spectral_overlaps`.
    **controls
        Values of symbols among the prior's parameters; without any, ``value`` is not a number, ``status`` is None and
        ``formula`` is in the symbols.

    Returns
    -------
    DataFrame
        Columns method ("pca", "lamp"), kind ("continuous", or "crossover" where the mean of v tells of it at any
        noise), value, error, status, formula (SymPy; None for
        eigenvalues, and where it would be too long to be read).

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, or a control is unknown.
    """
    prior = _prior(source)
    if prior is None:
        _, spectrum = _source(source, controls)
        values = {"pca": spectrum.second_moment**2, "lamp": spectrum.threshold}
        formulas: dict[str, sp.Expr | None] = {"pca": None, "lamp": None}
    else:
        formulas = dict(threshold_formulas(prior))
        if prior.free_symbols and not controls:
            values = dict.fromkeys(formulas, math.nan)
        else:
            _, spectrum = _source(source, controls)
            values = {"pca": spectrum.second_moment**2, "lamp": spectrum.threshold}
    rows = [
        {"method": method, "kind": "crossover" if value == math.inf else "continuous", "value": value,
         "error": 0.0 if value == math.inf else 16 * float(np.finfo(float).eps) * value,
         "status": None if math.isnan(value) else Status.LIMIT if value == math.inf else Status.CONVERGED,
         "formula": formulas[method]}
        for method, value in values.items()
    ]
    return pd.DataFrame(rows)


def plot_spectral_overlaps(
    source: Any, *, delta: Any = None, ax: Axes | None = None, simulated: pd.DataFrame | None = None, **controls: Any
) -> Axes:
    """Draw overlaps of PCA and LAMP against the noise, with their thresholds.

    Parameters
    ----------
    source : Prior, SpikedWigner, or array of eigenvalues
        As of `spectral_overlaps`.
    delta : array, optional
        If it is not given, 400 points from 0 to 1.2 times the larger threshold (3 times that of PCA if LAMP has none).
    ax : Axes, optional
    simulated : DataFrame, optional
        Means over instances to draw as dots: columns quantity ("pca overlap", "lamp overlap"), delta, simulated,
        standard_error, as `spinodal.validate.spectral.spectral_check` returns them.
    **controls
        Values of symbols among the prior's parameters.

    Returns
    -------
    Axes
    """
    if delta is None:
        _, spectrum = _source(source, controls)
        pca = spectrum.second_moment**2
        largest = 1.2 * max(pca, spectrum.threshold) if math.isfinite(spectrum.threshold) else 3 * pca
        ends = [one for one in (pca, spectrum.threshold) if one < largest]
        delta = np.union1d(np.linspace(largest / 400, largest, 400), ends)
    table = spectral_overlaps(source, delta=delta, **controls)
    axes = new_axes() if ax is None else ax
    for method, colour in _COLOURS.items():
        axes.plot(table["delta"], table[method], color=colour, label=f"{method.upper()}, theory", linewidth=1.6)
        threshold = table.attrs["thresholds"][method]
        if table["delta"].min() < threshold < table["delta"].max():
            axes.axvline(threshold, color=colour, linewidth=0.8, linestyle=(0, (4, 2)))
        if simulated is not None:
            dots = simulated[simulated["quantity"] == f"{method} overlap"]
            size = ", ".join(f"{n}" for n in sorted(set(dots["size"]))) if "size" in dots else ""
            axes.errorbar(dots["delta"], dots["simulated"], dots["standard_error"], fmt="o", markersize=4,
                          color=colour, capsize=2, label=f"{method.upper()}, $p = {size}$" if size else method.upper())
    axes.set_xlabel(r"noise $\Delta$")
    axes.set_ylabel("overlap (squared cosine with the spike)")
    axes.set_xlim(0, float(table["delta"].max()))
    axes.set_ylim(-0.03, 1.03)
    axes.set_title(table.attrs["source"], fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    return axes


# --- what is asked for ---


def _prior(source: Any) -> Prior | None:
    if isinstance(source, Prior):
        return source
    prior = getattr(source, "prior", None)
    if isinstance(source, Model):
        if isinstance(prior, Prior) and [symbol.name for symbol in source.own_controls] in (["delta"], ["snr"]):
            return prior
        raise TypeError(f"source = {source!r} is no spiked Wigner matrix: give one, a prior, or eigenvalues")
    return None


def _source(source: Any, controls: dict[str, Any]) -> tuple[Prior | None, Spectrum]:
    """The prior with its symbols given values, if there is one, and its spectrum."""
    prior = _prior(source)
    if prior is None:
        if controls:
            raise ValueError(f"{next(iter(controls))!r} is no control: eigenvalues have none")
        return None, spectrum_of_eigenvalues(_eigenvalues(source))
    symbols = {symbol.name: symbol for symbol in prior.free_symbols}
    for name in controls:
        if name not in symbols:
            known = ", ".join(sorted(symbols)) or "none"
            raise ValueError(f"{name!r} is not a control of {prior!r}; its controls: {known}")
    for name in symbols:
        if name not in controls:
            raise ValueError(f"control {name!r} has no value: give {name}=..., or write a number in the prior")
    prior = prior.at({symbols[name]: number(name, value) for name, value in controls.items()})
    return prior, spectrum_of(prior)


def _eigenvalues(source: Any) -> np.ndarray:
    cure = "give a prior, a SpikedWigner, or the eigenvalues of the second moments"
    try:
        found = np.asarray(source, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"source = {source!r} is neither prior nor numbers: {cure}") from None
    if found.ndim != 1 or found.size == 0:
        raise ValueError(f"source has the shape {found.shape}: {cure}, one of them after the other")
    if not np.isfinite(found).all():
        raise ValueError(f"source has {int((~np.isfinite(found)).sum())} eigenvalues that are not finite: {cure}")
    if found.max() <= 0 or found.min() < -_NEGATIVE * found.max():
        raise ValueError(f"source has eigenvalues from {found.min():g} to {found.max():g}: second moments have no "
                         "negative ones, and not only zeros")
    return np.maximum(found, 0.0)


def _noises(delta: Any) -> np.ndarray:
    try:
        found = np.atleast_1d(np.asarray(delta, dtype=float))
    except (TypeError, ValueError):
        raise TypeError(f"delta = {delta!r} is not a number or an array of numbers") from None
    wrong = ~(np.isfinite(found) & (found > 0))
    if found.ndim > 1 or found.size == 0 or wrong.any():
        first = f"holds {found[wrong][0]}" if wrong.any() else f"has the shape {found.shape}"
        raise ValueError(f"delta {first}: give positive numbers, one or a list of them")
    return found
