"""Spectral methods on data: spikes from a data set, second moments from the rest of it; pictures of digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..equations.spectral import pca_overlap, spectrum_of_eigenvalues
from .comparison import Bar
from .second_moments import SecondMoments, real_array, second_moments_of_samples
from .settings import whole
from .spectral import SpectralEstimate, lamp, pca, spiked_matrix, squared_cosine
from .teacher import generators

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["digit_images", "digits_figure", "plot_overlaps_on_samples", "spectral_overlaps_on_samples"]

Array = NDArray[np.float64]

_COLOURS = {"lamp": "#0072B2", "pca": "#E69F00", "mean": "0.45"}  # Okabe and Ito's, as the curves of theory
_LABELS = {"lamp": "LAMP", "pca": "PCA", "mean": "mean of the samples"}
_NOISES = tuple(np.round(np.geomspace(0.1, 5, 12), 3))
_SMOOTH = 300  # points of a curve
_SHOWN = (0.1, 0.5, 1.0, 3.0)


def digit_images() -> Array:
    """Handwritten digits that come with scikit-learn, array (1797, 8, 8), from 0 to 16; nothing is downloaded.

    Raises
    ------
    ImportError
        If scikit-learn is not installed, naming the extra.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("the images of digits come with scikit-learn: pip install 'spinodal[data]'") from error
    return np.asarray(load_digits().images, dtype=float)


def spectral_overlaps_on_samples(
    samples: Any,
    *,
    delta: Sequence[float] = _NOISES,
    spikes: int = 32,
    centred: bool = False,
    shrinkage: float = 0.0,
    rng: Any = 0,
    progress: bool = False,
) -> pd.DataFrame:
    """Hide samples in noise, one at a time, and look for them by PCA and by LAMP with the second moments of the others.

    Every sample is scaled to mean square 1, so that rho = 1 for each spike and PCA's threshold is delta = 1.

    Parameters
    ----------
    samples : array (count, ...)
        Any data set, one sample each; what is behind the first axis is flattened.
    delta : sequence of positive numbers
        Variances of the noise.
    spikes : int
        How many samples, drawn at random, are hidden at every delta.
    centred : bool
        Whether the samples' mean is subtracted before they are scaled.
    shrinkage : float in [0, 1)
        Weight of the identity in the second moments.
    rng : numpy Generator or seed
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    DataFrame
        Columns method ("lamp", "pca", and "mean": the others' mean, which needs no observation), delta, overlap (mean
        squared cosine), standard_error (over spikes), theory (for large p, with the spectrum of all samples; not a
        number for the mean), spikes, converged.  ``attrs`` holds that spectrum and the settings.

    Notes
    -----
    Theory holds for large p.  LAMP fails sometimes where delta is not large beside 2/p: noise moves the outlier of Y by
    more, the eigenvalue near delta may be negative, and the top eigenvector is one of the least second moments.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """
    found = _unit(_flat(samples), centred)
    noises = real_array("delta", delta, 1, "give positive numbers")
    if (noises <= 0).any():
        raise ValueError(f"delta holds {noises.min():g}: give positive numbers")
    whole("spikes", spikes, 2, "a standard error needs two")
    values: dict[tuple[str, float], list[float]] = {}
    lost = dict.fromkeys(_LABELS, 0)
    with Bar(progress, len(noises) * spikes) as tick:
        for stream in generators(rng, spikes):
            hidden = _Hidden(found, int(stream.integers(len(found))), shrinkage)
            for noise in noises:
                for method, (estimate, converged) in hidden.estimates(float(noise), stream).items():
                    kept = values.setdefault((method, float(noise)), [])
                    if converged:
                        kept.append(squared_cosine(estimate, hidden.signal))
                    lost[method] += not converged
                tick()
    eigenvalues = _eigenvalues(found, shrinkage)
    theory = _theory(eigenvalues, noises)
    rows = []
    for (method, noise), kept in values.items():
        enough = len(kept) > 1
        rows.append({
            "method": method, "delta": noise, "overlap": float(np.mean(kept)) if kept else math.nan,
            "standard_error": float(np.std(kept, ddof=1)) / math.sqrt(len(kept)) if enough else math.nan,
            "theory": theory.get(method, {}).get(noise, math.nan), "spikes": spikes, "converged": len(kept)})
    table = pd.DataFrame(rows).sort_values(["method", "delta"], ignore_index=True)
    table.attrs.update(samples=len(found), size=found.shape[1], centred=centred, shrinkage=shrinkage, lost=lost,
                       eigenvalues=eigenvalues.tolist())
    return table


def plot_overlaps_on_samples(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw a table of `spectral_overlaps_on_samples`: means over spikes with standard errors, theory as lines."""
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(6.0, 4.2), layout="constrained").add_subplot()
    smooth = np.geomspace(table["delta"].min(), table["delta"].max(), _SMOOTH)
    curves = _theory(np.array(table.attrs["eigenvalues"]), smooth)
    for method, rows in table.groupby("method", sort=False):
        colour, label = _COLOURS[str(method)], _LABELS[str(method)]
        if method == "mean":
            ax.axhline(rows["overlap"].mean(), color=colour, linewidth=1.0, linestyle=(0, (4, 2)), label=label)
            continue
        ax.errorbar(rows["delta"], rows["overlap"], rows["standard_error"], fmt="o", markersize=4, capsize=2,
                    color=colour, label=label)
        ax.plot(smooth, list(curves[str(method)].values()), color=colour, linewidth=1.2,
                label=f"{label}, theory for large $p$ of this spectrum")
    ax.set_xscale("log")
    ax.set_ylim(-0.03, 1.03)
    ax.set_xlabel(r"noise $\Delta$ (samples scaled to mean square 1)")
    ax.set_ylabel("overlap (squared cosine with the spike)")
    ax.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    return ax


def digits_figure(*, delta: Sequence[float] = _SHOWN, images: Any = None, index: int = 0,
                  table: pd.DataFrame | None = None, rng: Any = 0, **settings: Any) -> Figure:
    """Draw one held-out image, its estimates by PCA and LAMP at several noises, and overlaps over many images.

    Parameters
    ----------
    delta : sequence of positive numbers
        Noises of the pictures.
    images : array (count, height, width), optional
        The digits of `digit_images` if they are not given.
    index : int
        Which image is hidden.
    table : DataFrame, optional
        Overlaps, as of `spectral_overlaps_on_samples`; computed if it is not given.
    rng : numpy Generator or seed
    **settings
        As of `spectral_overlaps_on_samples`; ``centred`` and ``shrinkage`` hold for the pictures too.

    Returns
    -------
    Figure
        The sign of an estimate means nothing: it is drawn with that of its overlap with the truth.
    """
    from matplotlib.figure import Figure

    pictures = real_array("images", digit_images() if images is None else images, 3, "give (count, height, width)")
    if not 0 <= whole("index", index, 0, "") < len(pictures):
        raise ValueError(f"index = {index} is beyond the {len(pictures)} images: give one from 0 on, below that")
    first, second = generators(rng, 2)
    if table is None:
        table = spectral_overlaps_on_samples(pictures, rng=second, **settings)
    hidden = _Hidden(_unit(_flat(pictures), settings.get("centred", False)), index, settings.get("shrinkage", 0.0))
    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    panels: Any = figure.subfigures(1, 2, width_ratios=[1.25, 1])
    left, right = panels
    grid = left.subplots(2, len(delta) + 1, squeeze=False)
    shape = pictures.shape[1:]
    _picture(grid[0, 0], hidden.signal.reshape(shape), "truth")
    _picture(grid[1, 0], hidden.mean.reshape(shape), "mean of\nthe others")
    for column, noise in enumerate(delta, start=1):
        found = hidden.estimates(float(noise), first)
        for row, method in enumerate(("pca", "lamp")):
            estimate, _ = found[method]
            sign = 1.0 if estimate @ hidden.signal >= 0 else -1.0
            overlap = squared_cosine(estimate, hidden.signal)
            _picture(grid[row, column], sign * estimate.reshape(shape),
                     f"{_LABELS[method]}, $\\Delta = {noise:g}$\noverlap {overlap:.2f}")
    plot_overlaps_on_samples(table, ax=right.subplots())
    return figure


def _picture(ax: Axes, image: Array, title: str) -> None:
    ax.imshow(image, cmap="gray_r", interpolation="nearest")
    ax.set_title(title, fontsize=8)
    ax.set_xticks([])
    ax.set_yticks([])


class _Hidden:
    """One sample as the spike, the others as what is known of it."""

    def __init__(self, samples: Array, index: int, shrinkage: float) -> None:
        others = np.delete(samples, index, axis=0)
        self.signal, self.mean = samples[index], others.mean(0)
        self.second_moments: SecondMoments = second_moments_of_samples(others, shrinkage=shrinkage)

    def estimates(self, delta: float, rng: np.random.Generator) -> dict[str, tuple[Array, bool]]:
        matrix = spiked_matrix(self.signal, delta, rng)

        def kept(found: SpectralEstimate) -> tuple[Array, bool]:
            return found.estimate, found.converged

        return {"lamp": kept(lamp(matrix, self.second_moments, rng=rng)), "pca": kept(pca(matrix, rng=rng)),
                "mean": (self.mean, True)}


def _flat(samples: Any) -> Array:
    try:
        found = np.asarray(samples, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"samples = {samples!r} is no array of numbers: give one each along the first axis") from None
    if found.ndim < 2 or len(found) < 3:
        raise ValueError(f"samples has the shape {found.shape}: give three or more along the first axis")
    return real_array("samples", found.reshape(len(found), -1), 2, "give one sample each along the first axis")


def _unit(samples: Array, centred: bool) -> Array:
    """Samples, less their mean if `centred`, each scaled to mean square 1."""
    found = samples - samples.mean(0) if centred else samples
    scale = np.sqrt((found**2).mean(1, keepdims=True))
    if (scale == 0).any():
        what = "equals the mean" if centred else "is zero"
        raise ValueError(f"samples[{int(np.argmin(scale))}] {what}: leave it out")
    return found / scale


def _eigenvalues(samples: Array, shrinkage: float) -> Array:
    """Spectrum of the second moments of all samples."""
    found = np.zeros(samples.shape[1])
    singular = np.linalg.svd(samples, compute_uv=False)
    found[: singular.size] = singular**2 / len(samples)
    return (1 - shrinkage) * found + shrinkage * found.mean()


def _theory(eigenvalues: Array, noises: Array) -> dict[str, dict[float, float]]:
    """Overlaps for large p, by method and noise."""
    spectrum = spectrum_of_eigenvalues(eigenvalues)
    curves = {"lamp": spectrum.overlap(noises).value, "pca": pca_overlap(noises, spectrum.second_moment)}
    return {method: dict(zip(noises.tolist(), values.tolist(), strict=True)) for method, values in curves.items()}
