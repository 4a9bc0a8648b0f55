"""A network that remembers pictures, which are correlated: what Hebb's rule confuses, dreaming keeps apart.

Pictures are +-1 on a square: characters drawn by matplotlib, or the handwritten digits of scikit-learn where that is
installed.  The dynamics is that of zero temperature.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .patterns import dreamed, hebb
from .settings import real_number, whole
from .spins import Chain, corrupted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Frames", "frames_figure", "glyphs", "handwritten_digits", "retrieval_frames"]

CHARACTERS = "ABCDEFGHKLMNPRSTUVXYZ"


@dataclass(frozen=True, kw_only=True)
class Frames:
    """One picture while it is retrieved.

    Attributes
    ----------
    picture : int8 array (side, side)
        What is to be retrieved.
    frames : int8 array (frames, side, side)
        The first is the start, the last the fixed point (or where sweeps ended).
    visits : integer array (frames,)
        Spins visited up to each frame.
    overlaps : array (frames,)
        Mean product of frame and picture.
    name : str
        What the row is called in figures.
    """

    picture: NDArray[np.int8]
    frames: NDArray[np.int8]
    visits: NDArray[np.int64]
    overlaps: NDArray[np.float64]
    name: str = ""


def glyphs(characters: str = CHARACTERS, *, side: int = 32) -> NDArray[np.int8]:
    """Draw characters as pictures of +-1, int8 array (characters, side, side); ink is +1.

    Raises
    ------
    ValueError
        If there are no characters or the side is below 8.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    whole("side", side, 8, "32 is a good one")
    if not characters:
        raise ValueError("characters = '' is empty: give at least one")
    pictures = []
    for character in characters:
        figure = Figure(figsize=(1, 1), dpi=side)
        canvas = FigureCanvasAgg(figure)
        figure.text(0.5, 0.5, character, fontsize=0.95 * 72, fontweight="bold", family="DejaVu Sans",
                    horizontalalignment="center", verticalalignment="center_baseline")
        canvas.draw()
        grey = np.asarray(canvas.buffer_rgba())[..., 0]
        pictures.append(np.where(grey < 128, 1, -1))
    return np.array(pictures, dtype=np.int8)


def handwritten_digits(count: int = 20) -> NDArray[np.int8]:
    """Return the first `count` digits of scikit-learn, 8 x 8 pictures of +-1 doubled to 16 x 16.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    """
    whole("count", count, 1, "")
    try:
        load_digits = importlib.import_module("sklearn.datasets").load_digits
    except ImportError:
        raise ImportError("handwritten digits need scikit-learn: python -m pip install scikit-learn, "
                          "or use glyphs()") from None
    pictures = np.where(load_digits().images[:count] > 7.5, 1, -1).astype(np.int8)
    return np.kron(pictures, np.ones((1, 2, 2), dtype=np.int8))


def retrieval_frames(
    pictures: NDArray[np.int8],
    *,
    which: int = 0,
    overlap: float = 0.5,
    dreaming: float = 0.0,
    frames: int = 6,
    max_sweeps: int = 50,
    rng: Any = 0,
    name: str | None = None,
) -> Frames:
    """Store pictures, show the network a corrupted one, and look at it while spins turn.

    Parameters
    ----------
    pictures : array (P, side, side) of +-1
    which : int
        The one that is shown.
    overlap : float in [-1, 1]
        Of what is shown with the picture: (1 - overlap)/2 of the spins are flipped, at random.
    dreaming : float
        t of the couplings; 0 is Hebb's rule, ``math.inf`` the projector.
    frames : int
        At least 2: the start, equal parts of the first sweep, and the end.  Spins are visited in random order.
    max_sweeps : int
    rng : numpy Generator or seed
    name : str, optional
        What the row is called; by default what the couplings are.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim != 3 or not (np.abs(pictures) == 1).all():
        raise ValueError(f"pictures of shape {pictures.shape}: give +-1 as an array (pictures, rows, columns)")
    if not -len(pictures) <= which < len(pictures):
        raise ValueError(f"which = {which}: there are {len(pictures)} pictures, give a number below")
    whole("frames", frames, 2, "the start and the end")
    if dreaming != math.inf:
        real_number("dreaming", dreaming, 0.0, math.inf, "math.inf is the projector on the pictures")
    rng = np.random.default_rng(rng)
    patterns = pictures.reshape(len(pictures), -1).T.astype(np.int8)
    size = patterns.shape[0]
    pattern = patterns[:, which]
    chain = Chain(dreamed(hebb(patterns), dreaming), corrupted(pattern, overlap, rng), rng)
    kept, visits = [chain.spins.copy()], [0]
    order = rng.permutation(size).astype(np.uint32)
    for part in np.array_split(order, frames - 2) if frames > 2 else []:
        chain.visit(part, np.zeros(len(part)), 0.0)
        kept.append(chain.spins.copy())
        visits.append(visits[-1] + len(part))
    swept = visits[-1]
    for _ in range(max_sweeps):
        swept += size
        if chain.sweep(0.0, order="random") == 0:
            break
    stack = np.array([*kept, chain.spins])
    if name is None:
        name = "Hebb" if dreaming == 0 else r"$t = \infty$" if dreaming == math.inf else f"$t = {dreaming:g}$"
    return Frames(
        picture=pictures[which].astype(np.int8), frames=stack.reshape(-1, *pictures.shape[1:]),
        visits=np.array([*visits, swept]), overlaps=stack @ pattern.astype(float) / size, name=name,
    )


def frames_figure(*rows: Frames) -> Figure:
    """Draw runs below each other: the picture, what the network is shown, and what it makes of it.

    Numbers below the frames are overlaps with the picture.
    """
    from matplotlib.figure import Figure

    if not rows:
        raise ValueError("frames_figure() without runs: give those of retrieval_frames")
    columns = 1 + max(len(row.frames) for row in rows)
    figure = Figure(figsize=(1.15 * columns, 1.45 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        for ax in line:
            ax.set_axis_off()
        line[0].imshow(row.picture, cmap="binary", vmin=-1, vmax=1)
        line[0].text(-0.12, 0.5, row.name, transform=line[0].transAxes, rotation=90, va="center", ha="right")
        size = row.picture.size
        for k, (ax, frame, visits) in enumerate(zip(line[1:], row.frames, row.visits, strict=False)):
            ax.imshow(frame, cmap="binary", vmin=-1, vmax=1)
            ax.text(0.5, -0.04, f"{row.overlaps[k]:.2f}", transform=ax.transAxes, ha="center", va="top", fontsize=8)
            if row is rows[0]:
                last = k == len(row.frames) - 1
                ax.set_title("shown" if k == 0 else "end" if last else f"{visits / size:.2g} sweep", fontsize=9)
    axes[0, 0].set_title("stored", fontsize=9)
    return figure
