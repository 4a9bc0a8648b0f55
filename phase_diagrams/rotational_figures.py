"""The figure of a noisy spectrum: density of eigenvalues, with a histogram, over what each of them is shrunk to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .rotational_denoising import DenoisedMatrix, Spectrum, spectrum_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_denoising"]

# Okabe and Ito's colours, which all common kinds of colour vision tell apart
_BLUE, _ORANGE, _GREY = "#0072B2", "#E69F00", "0.55"
_BINS = 80
_TALLEST = 1.15  # of the window, in units of the highest theoretical density


def plot_denoising(spectrum: Spectrum, *, denoised: DenoisedMatrix | None = None, points: int = 400,
                   figure: Figure | None = None) -> Figure:
    """Draw the density of eigenvalues of Y/sqrt(N), and below it the shrinkage.

    Parameters
    ----------
    spectrum : NoisyGramSpectrum or SampleSpectrum
        From `noisy_spectrum`.
    denoised : DenoisedMatrix, optional
        Of one matrix: the histogram of its eigenvalues, and what they were shrunk to.
    points : int
        See `spectrum_table`, of which this is the picture.
    figure : matplotlib Figure, optional
        Where to draw, two axes above each other; best with ``layout="constrained"``.  Else a new one.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If points is below 8.
    """
    table = spectrum_table(spectrum, points)
    figure = _new_figure() if figure is None else figure
    above, below = figure.subplots(2, 1, sharex=True)
    eigenvalues = table["eigenvalue"].to_numpy()
    if denoised is not None:
        found = denoised.eigenvalues
        edges = np.linspace(min(eigenvalues[0], found[0]), max(eigenvalues[-1], found[-1]), _BINS + 1)
        above.hist(found, bins=list(edges), density=True, color=_ORANGE, alpha=0.5,
                   label=f"eigenvalues of one matrix, N = {len(found)}")
    density = table["density"].to_numpy()
    above.plot(eigenvalues, density, color=_BLUE, linewidth=1.5, label="theory")
    above.set_ylim(0, _TALLEST * density.max())
    above.set_ylabel(r"density $\rho(\lambda)$")
    above.legend(frameon=False, fontsize=8)

    shrunk = table["shrunk"].to_numpy()
    below.plot(eigenvalues, eigenvalues, color=_GREY, linewidth=0.8, linestyle=(0, (1, 2)), label="not shrunk")
    if denoised is not None:
        below.plot(denoised.eigenvalues, denoised.shrunk_eigenvalues, color=_ORANGE, linestyle="none", marker=".",
                   markersize=3, label=_SOURCES[denoised.method])
    # in the bulk a full line; elsewhere, where at most a finite number of eigenvalues is, a dashed one
    bulk = table["bulk"].to_numpy()
    below.plot(eigenvalues, np.where(bulk, shrunk, np.nan), color=_BLUE, linewidth=1.5, label="theory, in the bulk")
    below.plot(eigenvalues, np.where(bulk, np.nan, shrunk), color=_BLUE, linewidth=1, linestyle=(0, (4, 2)),
               label="theory, outliers")
    # the diagonal would hide the shape of the shrinkage where the noise is large
    span = np.ptp(shrunk[bulk])
    below.set_ylim(shrunk[bulk].min() - 0.2 * span, shrunk[bulk].max() + 0.2 * span)
    below.set_xlabel(r"eigenvalue $\lambda$ of $Y/\sqrt{N}$")
    below.set_ylabel(r"shrunk eigenvalue $\hat\lambda$")
    below.legend(frameon=False, fontsize=8)
    return figure


_SOURCES = {
    "alpha": "one matrix, shrunk by the theory",
    "signal_eigenvalues": "one matrix, shrunk by the theory",
    "kernel": "one matrix, shrunk by its own eigenvalues",
}


def _new_figure() -> Any:
    """A figure known to no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
