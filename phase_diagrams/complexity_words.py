"""What there is to say of the critical points of a landscape, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..equations.complexity import Landmark, is_full_mixture
from ..equations.counting import Counting

__all__ = ["is_full", "summary", "summary_beside"]


def is_full(counting: Counting) -> bool:
    """Whether a landscape without a signal is a full mixture."""
    return not counting.landscape.spiked and is_full_mixture(counting)


def summary(counting: Counting) -> str:
    """What there is to say of a landscape without a signal."""
    if counting.trivial:
        return ("a pure matrix: every critical point is an eigenvector, and no complexity is positive"
                if counting.landscape.pure else "two critical points, a minimum and a maximum: Q'' <= Q'")
    total = float(counting.sigma(None))
    threshold = float(counting.threshold_energy())
    seen = abs(float(counting.sigma(0, 0.0, threshold))) > float(counting.rounding(0, 0.0, threshold))
    mixture = ("full mixture" if is_full(counting) else "pure-like mixture" if seen else
               "mixture so close to a full one that rounding hides the difference")
    kind = "pure" if counting.landscape.pure else mixture
    layers = ("typical minima are marginal at all energies, critical points of all finite indices begin together"
              if is_full(counting) else "critical points of each index begin above those of the one before")
    bound = "" if counting.landscape.pure else "; these are means: the ground state is at -E_0 or above"
    return f"{kind}: {layers}; complexity of all: {total:.12g}{bound}"


def summary_beside(counting: Counting, axes: tuple[str, ...], landmarks: Sequence[Landmark], index: int | None,
                   overlap: float | None, energy: float | None) -> str:
    """What there is to say beside a signal, at an overlap or an energy if there is one."""
    count = sum(one.kind == "isolated" for one in landmarks)
    isolated = f"{count} isolated point(s), where the complexity touches 0; "
    what = "critical points" if index is None else "minima"
    if overlap is not None:
        return _over_energies(counting, landmarks, index, overlap, what)
    if energy is not None:
        said = _over_overlaps(landmarks, ("no other " if count else "no ") + what)
        return isolated * bool(count) + said
    if axes == ("energy",):
        return isolated + _over_energies(counting, landmarks, index, None, f"other {what}")
    spurious = max((one.complexity for one in landmarks if one.kind == "maximum"), default=-np.inf)
    rest = f"the largest complexity beside them is {spurious:.6g}" if spurious > 0 else "no others are left"
    return isolated + rest


def _over_energies(counting: Counting, landmarks: Sequence[Landmark], index: int | None, overlap: float | None,
                   what: str) -> str:
    """From where to where there are critical points, at an overlap or at any, and where most of them are."""
    if overlap is None:
        top = next((one for one in landmarks if one.kind == "largest"), None)
        if top is None or not any(one.kind == "zero" for one in landmarks):
            return "no others are left"
        most, at = top.complexity, top.value
    else:
        most, at = float(counting.sigma(index, overlap)), float(counting.likeliest_energy(index, overlap))
        begun = any(one.branch in ("index 0", "begins") for one in landmarks)
        if not begun or most <= counting.rounding(index, overlap):
            return f"no {what} at this overlap: the complexity is at most {most:.6g}, at energy {at:.12g}"
    ends = [one.value for one in landmarks if one.kind not in ("isolated", "largest")]
    said = f"{what} from energy {min(ends):.12g} to {max(ends):.12g}, most at {at:.12g}: complexity {most:.6g}"
    marginal = next((one.value for one in landmarks if one.kind == "threshold_energy" and one.value < max(ends)), None)
    return said + (f"; typical ones are marginal above {marginal:.12g}" if marginal is not None else "")


def _over_overlaps(landmarks: Sequence[Landmark], none: str) -> str:
    """At which overlaps there are critical points of an energy."""
    top = max((one for one in landmarks if one.kind == "largest"), key=lambda one: one.complexity, default=None)
    if top is None:
        return f"{none} at this energy"
    zeros = {which: [one.value for one in landmarks if (one.kind, one.branch) == ("zero", which)]
             for which in ("begins", "ends")}
    if not zeros["begins"]:
        return f"{none} at this energy: the complexity is at most {top.complexity:.6g}, at overlap {top.value:.6g}"
    spans = " and ".join(f"from {a:.6g} to {b:.6g}" for a, b in zip(zeros["begins"], zeros["ends"], strict=True))
    where = f"{top.complexity:.6g}, at overlap {top.value:.6g}"
    return f"at this energy the largest complexity is {where}; positive {spans}"
