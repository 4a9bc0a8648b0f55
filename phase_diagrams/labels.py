"""Words and labels of figures: model names, axis labels, and labels of vertical lines that do not collide."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ..theory.model import Model
from ..theory.parameters import Parametrised, symbol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axis_label", "flags", "legend_below", "quantity_label", "title", "written"]

_SIZE = 8.0  # points
_ROW = 11.5  # points from one label to the next
_CHARACTER = 0.5  # mean width of a character, in units of the font size
_COLUMNS = 3  # of a legend of one row
_HANDLE = 4.8 * _SIZE  # points beside the text in a column of a legend
_GAP = 3.0  # points between a line and its label

_WORDS = {
    "mse": "mean-squared error",
    "generalisation_error": "generalisation error",
    "free_entropy": "free entropy $f$ (nats per component)",
    "label_entropy": "entropy of the labels (nats per component)",
    "mutual_information": "mutual information (nats per component)",
    "mutual_information_per_sample": "mutual information (nats per sample)",
    "gibbs_error": "Gibbs error",
    "bayes_vote_error": "error of the Bayes vote",
}


def written(part: Any) -> str:
    """A model as its user would type it: without the names of leading fields and without defaults."""
    if isinstance(part, Parametrised):
        said, by_name = [], False
        for field in dataclasses.fields(part):  # type: ignore[arg-type]
            value = getattr(part, field.name)
            by_name = by_name or field.kw_only is True
            default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
            if default is not dataclasses.MISSING and value == default:
                by_name = True
                continue
            said.append(f"{field.name}={written(value)}" if by_name else written(value))
        return f"{type(part).__name__}({', '.join(said)})"
    if part is sp.oo:
        return "inf"
    if isinstance(part, (tuple, list)):
        text = ", ".join(map(written, part))
        return f"({text})" if any(isinstance(one, Parametrised) for one in part) else f"[{text}]"
    return f"{float(part):.6g}" if getattr(part, "is_Float", False) else str(part)


def title(model: Model, controls: Mapping[str, Any]) -> str:
    """The model, and the values of its other controls."""
    values = ", ".join(f"{name} = {value if isinstance(value, str) else format(float(value), 'g')}"
                       for name, value in controls.items())
    return written(model) + (f"\nat {values}" if values else "")


def axis_label(name: str) -> str:
    """A control, as the model's formulas write it."""
    return _mathematics(symbol(name))


def quantity_label(model: Model, name: str) -> str:
    """A measured quantity in words, with its symbol where it is one."""
    words = _WORDS.get(name, "" if symbol(name) in model.order_parameters else name.replace("_", " "))
    expression = model.observables.get(name, symbol(name))
    if not words:
        words = next((other for other, same in model.observables.items() if same == expression), "")
    known = {*model.order_parameters, *model.working_form.order_parameters}
    return " ".join(filter(None, (words, _mathematics(expression) if expression in known else "")))


def _mathematics(s: sp.Symbol) -> str:
    latex = sp.latex(s)
    if len(s.name) > 1 and "\\" not in latex:  # a word: LaTeX would set it as a product of letters
        return s.name.replace("_", " ")
    return f"${latex}$"


def flags(ax: Axes, lines: Sequence[tuple[float, str]], note: str = "") -> None:
    """Vertical lines, each with its label above the axes, in rows so that no label meets another or a line.

    The title moves up to make room.  `note` is one more line of text, centred, above the axes.
    """
    from matplotlib.transforms import ScaledTranslation

    figure: Any = ax.figure.figure  # the whole, if the axes are in a part of one
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()  # the width of the axes is known from now on
    across = ax.get_xaxis_transform()
    low, high = ax.get_xlim()
    width = ax.get_window_extent().width / ax.figure.dpi * 72
    marks = sorted((value, label) for value, label in _joined(lines) if low <= value <= high)
    places = [(value - low) / (high - low) * width for value, _ in marks]
    lengths = [_GAP + _CHARACTER * _SIZE * len(label) for _, label in marks]
    rows, sides = _arranged(places, lengths, width)
    for (value, label), row, side in zip(marks, rows, sides, strict=True):
        ax.axvline(value, color="0.35", linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=1)
        ax.annotate(
            "",
            (value, 1),
            (0, (row + 1) * _ROW),
            xycoords=across,
            textcoords="offset points",
            arrowprops={"arrowstyle": "-", "color": "0.35", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
            annotation_clip=False,
        )
        ax.annotate(
            label,
            (value, 1),
            (side * _GAP, (row + 0.5) * _ROW),
            xycoords=across,
            fontsize=_SIZE,
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            annotation_clip=False,
        )
    if note:
        ax.annotate(
            note,
            (0.5, 1),
            (0, 0.5 * _ROW),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_SIZE,
            annotation_clip=False,
        )
    height = (max(rows, default=-1) + 1 if marks else bool(note)) * _ROW
    if height:  # an invisible child as high as the labels: titles stand above children
        shift = ScaledTranslation(0, height / 72, ax.figure.dpi_scale_trans)
        room = ax.inset_axes((0, 0.5, 1, 0.5), transform=ax.transAxes + shift, zorder=-10)
        room.set_axis_off()
        room.set_navigate(False)


def _joined(lines: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Lines at one place (to the digits shown) get one label."""
    joined: dict[str, tuple[float, list[str]]] = {}
    for value, words in lines:
        joined.setdefault(f"{value:#.4g}", (value, []))[1].append(words)
    return [(value, f"{' = '.join(words)}: {shown}") for shown, (value, words) in joined.items()]


def _arranged(places: list[float], lengths: list[float], width: float) -> tuple[list[int], tuple[int, ...]]:
    """Row and side (+1: to the right of its line) of every label, places increasing: fewest rows that fit."""
    best: tuple[float, list[int], tuple[int, ...]] = (float("inf"), [], ())
    for sides in itertools.product((1, -1), repeat=len(places)):
        rows = _rows(places, lengths, sides)
        if rows is None:
            continue
        spans = _spans(places, lengths, sides)
        outside = sum(max(0.0, -a) + max(0.0, b - width) for a, b in spans)
        cost = max(rows, default=0) + 0.5 * outside - 1e-3 * sum(sides)
        best = min(best, (cost, rows, sides))
    return best[1], best[2]


def _spans(places: list[float], lengths: list[float], sides: tuple[int, ...]) -> list[list[float]]:
    """Where labels begin and end."""
    return [sorted((x, x + side * length)) for x, side, length in zip(places, sides, lengths, strict=True)]


def _rows(places: list[float], lengths: list[float], sides: tuple[int, ...]) -> list[int] | None:
    """Lowest rows in which a label stands above every line that crosses it; None if there are none."""
    n = len(places)
    spans = _spans(places, lengths, sides)
    above = set()  # a label is crossed by the lines between its own and a gap behind its end
    for i, side in enumerate(sides):
        near, far = sorted((places[i], places[i] + side * (lengths[i] + _GAP)))
        above |= {(i, j) for j in range(n) if j != i and near < places[j] < far}
    rows = [0] * n
    for _ in range(n * n):
        changed = False
        for i, j in itertools.product(range(n), range(n)):
            meets = i < j and rows[i] == rows[j] and spans[i][0] < spans[j][1] and spans[j][0] < spans[i][1]
            if meets or ((i, j) in above and rows[i] <= rows[j]):
                rows[i], changed = rows[j] + 1, True
        if not changed:
            return rows
    return None


def legend_below(ax: Axes, handles: Sequence[Any], others: Sequence[Any] = ()) -> None:
    """A legend under the axis label, where no data can be; `others` start a column of their own."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    room = 1.25 * ax.get_window_extent().width / ax.figure.dpi * 72
    for rows in itertools.count(1):
        blank = [Line2D([], [], linestyle="none", label=" ") for _ in range(-len(handles) % rows)]
        filled = [*handles, *blank, *others] if others else list(handles)
        count = -(-len(filled) // rows)
        columns = [[filled[k] for k in part] for part in np.array_split(range(len(filled)), count)]  # as a legend does
        width = sum(
            _HANDLE + _CHARACTER * _SIZE * max(len(h.get_label()) for h in column) for column in columns
        )
        narrowest = rows >= max(len(handles), len(others))  # a column each
        if narrowest or (width < room and (rows > 1 or len(filled) <= _COLUMNS)):
            break
    below = ax.transAxes + ScaledTranslation(0, -36 / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        handles=filled,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=below,
        frameon=False,
        ncols=len(columns),
        fontsize=_SIZE,
        borderaxespad=0,
        handlelength=2.4,
        columnspacing=1.6,
    )
