"""Figures: every branch of fixed points along a control; the free entropy as a landscape over the overlap."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..equations.curve import curve_of
from ..equations.fixed_points import concrete
from ..theory.model import Model
from ..theory.parse import nearest
from .branches import branches_of, check_bracket
from .labels import axis_label, flags, legend_below, quantity_label, title
from .lines import Landscape, State, dominant, heights
from .thresholds import thresholds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SERIES", "new_axes", "plot_branches", "plot_landscape"]

# Okabe and Ito's colours, which all common kinds of colour vision tell apart
_BLUE, _ORANGE, _GREEN, _VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
_PURPLE, _SKY, _BLACK = "#CC79A7", "#56B4E9", "#000000"
SERIES = (_SKY, _BLUE, _GREEN, _ORANGE, _VERMILLION, _PURPLE, _BLACK)
_LIMITS = {"no signal": _PURPLE, "perfect recovery": _GREEN}
_STYLE: dict[bool, Any] = {True: "-", False: (0, (4, 2))}  # of stable and of unstable states
_BAND: dict[str, Any] = {"color": _ORANGE, "alpha": 0.4, "linewidth": 7}  # under the equilibrium
_KINDS = {
    ("continuous", "uninformative"): "weak recovery",
    ("spinodal", "uninformative"): "algorithmic spinodal",
    ("spinodal", "informative"): "informative spinodal",
    ("first_order", "equilibrium"): "first-order transition",
}
_DIVERGES = r"perfect recovery, $f \to +\infty$"
_MARKS = {  # marker, size, filled
    "equilibrium": ("*", 9.5, True),
    "metastable": ("o", 5.5, True),
    "unstable": ("o", 5.5, False),
    _DIVERGES: ("^", 5.5, True),
}


def plot_branches(
    model: Model,
    *,
    along: str = "alpha",
    between: tuple[float, float],
    ax: Axes | None = None,
    quantity: str = "mse",
    **controls: Any,
) -> Axes:
    """Draw every state, stable or not, along a control, with its thresholds.

    Stable states are full lines, unstable ones dashed, the equilibrium has a band under it.

    Parameters
    ----------
    model : Model
    along : str
        The linear control (``"alpha"``).
    between : (low, high)
        Its window.
    ax : matplotlib Axes, optional
        Where to draw, best in a figure with ``layout="constrained"``: labels and legend stand outside the
        axes.  If there is none, on a new figure (``.figure`` of what is returned).
    quantity : str
        An order parameter, an observable of the model, or ``"free_entropy"``.
    **controls : float
        Values of the other controls.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For an unknown quantity, and for unknown, missing or impossible controls and windows.
    """
    from matplotlib.lines import Line2D

    low, high = check_bracket(along, between)
    reduced, _ = concrete(model, {**controls, along: high})
    if along != (linear := reduced.linear_control.name):
        raise ValueError(
            f"along = {along!r}: branches are drawn in {linear!r}, which enters the free entropy linearly"
        )
    names = [*(s.name for s in model.order_parameters), *reduced.observables, "free_entropy"]
    if quantity not in names:
        raise ValueError(f"quantity = {quantity!r} is not measured{nearest(quantity, names)}")
    table = thresholds(model, along=along, between=(low, high), **controls)
    curve = curve_of(reduced)
    states = [State(curve, branch, quantity, low, high) for branch in branches_of(curve)]
    ax = new_axes() if ax is None else ax
    entries: dict[tuple[str, str, bool | None], None] = {}
    for state in states:
        name, colour = _named(state)
        for control, values, stable in state.pieces(low, high):
            ax.plot(control, values, color=colour, linestyle=_STYLE[stable], linewidth=1.6, zorder=3,
                    solid_capstyle="butt")  # fmt: skip
            label = name + ("stable" if stable else "unstable")
            infinite = not np.isfinite(values).any()
            entries[label + ": $f$ infinite" * infinite, colour, None if infinite else stable] = None
    steps = [low, *(value for value in table["value"] if low < value < high), high]
    for a, b in itertools.pairwise(steps):
        if (equilibrium := dominant(states, 0.5 * (a + b))) is not None:
            ax.plot(*equilibrium.between(a, b), **_BAND, solid_capstyle="butt", zorder=2)
    ax.set_xlim(low, high)
    ax.margins(y=0.06)
    ax.set_xlabel(axis_label(along))
    ax.set_ylabel(quantity_label(reduced, quantity))
    ax.set_title(title(model, controls), fontsize=10)
    handles = [
        Line2D([], [], color=colour, linestyle="none" if stable is None else _STYLE[stable], label=label)
        for label, colour, stable in entries
    ]
    legend_below(ax, [*handles, Line2D([], [], label="equilibrium", **_BAND)])
    columns = (table[name] for name in ("value", "kind", "branch"))
    marks = [
        (float(value), _KINDS.get((kind, branch), f"{kind} of {branch}"))
        for value, kind, branch in zip(*columns, strict=True)
    ]
    flags(ax, marks, "" if marks else f"no transition for {low:g} < {axis_label(along)} < {high:g}")
    return ax


def plot_landscape(
    model: Model,
    values: Sequence[float] | float,
    *,
    ax: Axes | None = None,
    along: str = "alpha",
    **controls: Any,
) -> Axes:
    r"""Draw the free entropy as a function of the overlap m, mhat eliminated, at values of a control.

    f(m) = V mhat/2 - I(mhat) + alpha Phi_y(V) at V = rho - m = mmse(mhat): its maxima are the stable states,
    its minima the unstable ones, and the highest maximum is the equilibrium.

    Parameters
    ----------
    model : Model
    values : numbers
        Of the control `along`: one line each.
    ax : matplotlib Axes, optional
        Where to draw, best in a figure with ``layout="constrained"``: the legend stands outside the axes.  If
        there is none, on a new figure (``.figure`` of what is returned).
    along : str
        Any control of the model.
    **controls : float
        Values of the other controls.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there are no values, and for unknown, missing or impossible controls.
    """
    from matplotlib import colormaps
    from matplotlib.lines import Line2D

    numbers = np.atleast_1d(np.asarray(values, float))
    if numbers.ndim != 1 or len(numbers) == 0:
        raise ValueError(f"values = {values!r}: give one value of {along} or a list of them")
    lines = [Landscape(model, along, float(value), controls) for value in numbers]
    ax = new_axes() if ax is None else ax
    shades = [colormaps["cividis"](k / max(len(lines) - 1, 1)) for k in range(len(lines))]
    colours: Sequence[Any] = SERIES if len(lines) <= len(SERIES) else shades
    bottom, top = heights(lines)
    met = set()
    for line, colour in zip(lines, colours, strict=False):
        ax.plot(*line.points(bottom, top), color=colour, linewidth=1.5, zorder=3)
        for m, f, stable, highest in line.stationary():
            kind = _DIVERGES if np.isinf(f) else _kind(stable, highest)
            met.add(kind)
            ax.plot(m, min(max(f, bottom), top), **_mark(kind, colour), zorder=4 + highest, clip_on=False)
    ax.set_xlim(0, max(line.rho for line in lines))
    ax.set_ylim(bottom, top)
    ax.set_xlabel("overlap $m$")
    ax.set_ylabel("free entropy $f(m)$ (nats per component)")
    ax.set_title(title(model, controls), fontsize=10)
    series = [
        Line2D([], [], color=colour, linewidth=1.5, label=f"{axis_label(along)} = {value:.6g}")
        for value, colour in zip(numbers, colours, strict=False)
    ]
    legend_below(
        ax, series, [Line2D([], [], label=kind, **_mark(kind, "0.25")) for kind in _MARKS if kind in met]
    )
    return ax


def _named(state: State) -> tuple[str, str]:
    """What the legend calls a state (its stability follows), and its colour."""
    if state.limit is not None:
        name = state.limit.state.name
        return f"{name} (a limit), ", _LIMITS.get(name, _PURPLE)
    return "", _BLUE if state.branch.stable else _VERMILLION


def _kind(stable: bool, highest: bool) -> str:
    return "equilibrium" if highest else "metastable" if stable else "unstable"


def _mark(kind: str, colour: Any) -> dict[str, Any]:
    """How a stationary point is drawn."""
    marker, size, filled = _MARKS[kind]
    return {
        "marker": marker,
        "markersize": size,
        "color": colour,
        "markerfacecolor": colour if filled else "white",
        "markeredgewidth": 1.2,
        "linestyle": "none",
    }


def new_axes() -> Axes:
    """Axes of a new figure of its own, known to no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()
