"""A model written out for the reader: free entropy, saddle point, what the averages mean, units, sources."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .channel_law import ChannelLaw
from .coupling_lines import statements
from .evidence import EvidenceMean, Law
from .layers import LayerLaw, LayerMean
from .model import Model
from .parameters import formula_symbol, symbol
from .prior_law import MixtureLaw

__all__ = ["Line", "as_latex", "as_text", "escape_latex", "exposition", "units"]

_NAMES_ONLY = ("order parameters", "controls")
_RESERVED = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
    "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One statement about a model: the part it belongs to, its name, as text, as LaTeX (without dollars)."""

    part: str
    name: str
    text: str
    latex: str = ""


def exposition(model: Model, references: Iterable[str] | None = None) -> tuple[Line, ...]:
    """Return all there is to say of a model before any number, in the order in which it is read.

    Parameters
    ----------
    model : Model
    references : iterable of str, optional
        In place of the model's own.
    """
    names = {s: rf"\mathrm{{{escape_latex(s.name)}}}" for s in model.controls if _is_word(s)}

    def latex(expression: Any) -> str:
        return str(sp.latex(expression, symbol_names=names))

    lines = [] if model.solved_by == "counting" else _free_entropy(model, latex)
    if model.solved_by == "couplings":
        lines += [Line("boundaries", name, f"{x.lhs} = {x.rhs}",
                       rf"\text{{{name}}}:\quad {latex(x.lhs)} = {latex(x.rhs)}") for name, x in statements(model)]
    if model.reciprocal is not None:
        lines += _weak_recovery(model, latex)
    if model.landscape is not None:
        lines += [Line("complexity", str(name), str(x), f"{latex(name)} = {latex(x)}")
                  for name, x in model.landscape.statements()]
    lines += [Line("order parameters", str(s), "", latex(s)) for s in model.order_parameters]
    lines += [Line("controls", s.name, "", latex(s)) for s in model.controls]
    lines += [Line("observables", name, str(x), latex(x)) for name, x in model.observables.items()]
    lines += [Line("units", name, text) for name, text in units(model).items()]
    sources = model.references if references is None else references
    lines += [Line("references", str(k), text) for k, text in enumerate(sources, start=1)]
    return tuple(lines)


def _free_entropy(model: Model, latex: Any) -> list[Line]:
    """Free entropy, saddle point, and what the averages in them mean."""
    entropy = model.free_entropy
    lines = [Line("free entropy", "f", str(entropy), f"f = {latex(entropy)}")]
    for equation in model.saddle_point():
        sides = (equation.lhs, equation.rhs)
        lines.append(Line("saddle point", str(sides[0]), str(sides[1]), " = ".join(map(latex, sides))))
    laws = dict.fromkeys(mean.law for mean in sorted(entropy.atoms(EvidenceMean, LayerMean), key=str))
    return lines + [_definition(law, latex) for law in laws]


def _weak_recovery(model: Model, latex: Any) -> list[Line]:
    """Where the state without signal loses stability, of a model that is solved in the inverse of a noise."""
    inner = model.reciprocal
    assert inner is not None
    found = []
    for state in inner.model.limit_states:
        if state.stable_below is not None:
            value = sp.simplify(1 / state.stable_below)
            found.append(Line("boundaries", "weak recovery", f"{inner.outer} = {value}",
                              rf"\text{{weak recovery}}:\quad {latex(symbol(inner.outer))} = {latex(value)}"))
    return found


def units(model: Model) -> dict[str, str]:
    """Return in words which entropy the free entropy is, per what, in which unit, and relative to what."""
    said = {"complexity" if model.solved_by == "counting" else "free_entropy": model.units}
    measure = getattr(getattr(model, "channel", None), "reference_measure", None)
    if measure is not None:
        said["reference_measure"] = (
            f"of the output y: {measure}; the free entropy depends on it, thresholds do not"
        )
    return said


def as_text(lines: Sequence[Line], width: int = 110) -> str:
    """Return the lines as paragraphs, one for each part."""
    said: list[str] = []
    for part, members in _parts(lines).items():
        said += ["", part]
        if part in _NAMES_ONLY:
            said.append("  " + ", ".join(line.name for line in members))
            continue
        sign = {"references": ". ", "units": ": ", "averages": ": ", "boundaries": ": "}.get(part, " = ")
        for line in members:
            said += textwrap.wrap(
                f"{line.name}{sign}{line.text}", width, initial_indent="  ", subsequent_indent="      ",
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return "\n".join(said[1:]) + "\n"


def as_latex(lines: Sequence[Line]) -> str:
    """Return the lines as LaTeX paragraphs (``amsmath`` and ``amssymb`` are needed)."""
    said: list[str] = []
    for part, members in _parts(lines).items():
        said += ["", rf"\paragraph{{{part.capitalize()}}}"]
        if part in _NAMES_ONLY:
            said.append(", ".join(f"${line.latex}$" for line in members))
        elif part == "observables":
            said += [
                rf"{escape_latex(x.name.replace('_', ' '))}: $\displaystyle {x.latex}$\par" for x in members
            ]
        elif part in ("units", "references"):
            said += [
                rf"{escape_latex(x.name.replace('_', ' '))}: {escape_latex(x.text)}\par" for x in members
            ]
        else:
            said += [rf"\[ {line.latex} \]" for line in members]
    return "\n".join(said[1:]) + "\n"


def escape_latex(text: str) -> str:
    """Return the text with the characters that LaTeX reserves written out."""
    return "".join(_RESERVED.get(character, character) for character in text)


def _parts(lines: Sequence[Line]) -> dict[str, list[Line]]:
    parts: dict[str, list[Line]] = {}
    for line in lines:
        parts.setdefault(line.part, []).append(line)
    return parts


def _is_word(s: sp.Symbol) -> bool:
    """True for a name such as ``input_noise``, which LaTeX would set as a product of letters."""
    return len(s.name) > 1 and "\\" not in sp.latex(s)


def _pieces(law: ChannelLaw, latex: Any) -> tuple[str, str]:
    """phi, as text and as LaTeX's cases."""
    h = formula_symbol("h")
    pieces = [(sp.expand(c * h + d), low, high) for low, high, c, d in law.pieces]
    return (", ".join(f"{value} on ({low}, {high})" for value, low, high in pieces),
            r" \\ ".join(rf"{latex(value)} & {latex(low)} < h < {latex(high)}" for value, low, high in pieces))


def _definition(law: Law, latex: Any) -> Line:
    """What the average over the evidence of a law means."""
    if isinstance(law, MixtureLaw):
        log_partition = law.log_partition(formula_symbol("A"), formula_symbol("B"))
        text = (
            "average over x ~ prior, B ~ N(A x, A) at precision A; u_n the n-th derivative by B of "
            f"u_0 = log Z(A, B) = {log_partition}"
        )
        formula = rf"u_0 = \log Z(A, B) = {latex(log_partition)},\quad u_n = \partial_B^n u_0"
        return Line("averages", "E_x[F(u)](A)", text, rf"\mathbb{{E}}_\mathrm{{x}}[F(u)](A):\quad {formula}")
    if isinstance(law, LayerLaw):
        phi, cases = _pieces(law, latex)
        text = (
            f"layer {law.symbol}, v = phi(h) seen at precision A, h ~ N(omega, V), omega ~ N(0, m), B ~ N(A v, A): "
            "log_partition = E L, overlap = E (dL/dB)**2, gain = E (dL/domega)**2, "
            f"L = log E_h exp(B phi(h) - A phi(h)**2/2); phi(h) = {phi}"
        )
        formula = (
            r"L = \log \mathbb{E}_{h \sim N(\omega, V)} e^{B \phi(h) - A \phi(h)^2/2},\quad "
            rf"\phi(h) = \begin{{cases}} {cases} \end{{cases}}"
        )
        return Line("averages", f"log_partition, overlap, gain _{law.symbol}(A, V)", text,
                    rf"\text{{layer {law.symbol}}}:\quad {formula}")
    if isinstance(law, ChannelLaw):
        phi, cases = _pieces(law, latex)
        before = f" + sqrt({law.input_noise})*xi" if law.input_noise != 0 else ""
        after = f" + sqrt({law.noise})*xi'" if law.noise != 0 else ""
        text = (
            "average over omega ~ N(0, m), z ~ N(omega, V), y ~ P(y | z); u_n the n-th derivative by omega "
            f"of u_0 = log Z(y; omega, V), Z = E_z P(y | z); y = phi(z{before}){after}; phi(h) = {phi}"
        )
        noises = [rf" + \sqrt{{{latex(x)}}}\,\xi" if x != 0 else "" for x in (law.input_noise, law.noise)]
        formula = (
            r"u_0 = \log \mathbb{E}_{z \sim N(\omega, V)} P(y | z),\quad u_n = \partial_\omega^n u_0,\quad "
            + rf"y = \phi(z{noises[0]}){noises[1] + chr(39) * bool(noises[1])},\quad "
            + rf"\phi(h) = \begin{{cases}} {cases} \end{{cases}}"
        )
        return Line("averages", "E_y[F(u)](V)", text, rf"\mathbb{{E}}_\mathrm{{y}}[F(u)](V):\quad {formula}")
    return Line("averages", f"E_{getattr(law, 'symbol', '')}", str(law), latex(law))
