r"""Numeric denoisers of message passing, from the same symbolic log-partitions as the free entropy.

Input side, posterior of a signal component seen through a Gaussian channel of precision A and field B:

.. math:: f_a(A, B) = \partial_B \log Z(A, B), \qquad f_v(A, B) = \partial_B^2 \log Z(A, B).

Output side, with w the mean and V the variance of z = F x given everything but its own observation y:

.. math:: g_{out} = \partial_w \log Z(y; w, V), \qquad \partial_w g_{out} = \partial_w^2 \log Z(y; w, V).

Every log Z is the logarithm of a sum of exponentials (components of the prior, pieces of the channel), so
both derivatives are the first two cumulants over the terms, written over pairs of terms: no difference of
large numbers.  Without noise the terms that can have produced y depend on y: outputs are sorted once per
instance into those that sit on an atom and those with a given set of preimages.

Compiled with ``lambdify(cse=True)`` onto NumPy: for a few thousand components one pass costs a fraction of a
matrix-vector product (``benchmarks/bench_amp.py``), so nothing has to be compiled to machine code first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..equations.functions import NUMPY
from ..theory.channels import Channel
from ..theory.evidence import cumulants
from ..theory.priors import Prior
from ..theory.special import IntervalMills, InverseMills, LogInterval, LogNdtr, LogSumExp

__all__ = ["OutputDenoiser", "input_denoiser", "output_denoiser"]

Array = NDArray[np.float64]
Kernel = Callable[..., tuple[Array, Array]]
_A, _B, _W, _V, _Y = sp.symbols("A B omega V y", real=True)


@cache
def input_denoiser(prior: Prior) -> Kernel:
    """Return f(A, B) -> (f_a, f_v), vectorised over B; A > 0 is a scalar.

    Raises
    ------
    ValueError
        If the prior still holds symbols.
    """
    _require_numbers("prior", prior)
    mean, variance, _ = prior.posterior(_A, _B)
    return _lambdify((_A, _B), (mean, variance))


@cache
def output_denoiser(channel: Channel) -> OutputDenoiser:
    """Return the output denoiser of a channel; ``.on(y)`` binds it to the outputs of an instance.

    Raises
    ------
    ValueError
        If the channel still holds symbols.
    """
    _require_numbers("channel", channel)
    return OutputDenoiser(channel)


class OutputDenoiser:
    """g_out and its derivative for one channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        law = channel.law
        spread = _V + law.input_noise
        self._noisy: Sequence[sp.Expr] | None = None
        self._atoms: dict[float, Sequence[sp.Expr]] = {}
        self._pieces: list[tuple[float, float, sp.Expr]] = []  # (lowest y, highest y, log density)
        if not law.noise.is_zero:
            self._noisy = _terms(channel.log_partition(_Y, _W, _V))
            return
        self._atoms = {float(value): terms for value, terms in law.atom_terms(_W, spread).items()}
        for (low, high, slope, intercept), term in law.density_terms(_Y, _W, spread):
            ends = sorted(float(slope * end + intercept) for end in (low, high))
            self._pieces.append((ends[0], ends[1], term))

    def on(self, output: Array) -> Kernel:
        """Return g(w, V) -> (g_out, dg_out/dw), bound to the outputs ``y`` of an instance, of shape (n,).

        Raises
        ------
        ValueError
            If an output cannot come from this channel (noiseless, outside the image of phi).
        """
        output = np.ascontiguousarray(output, dtype=float)
        if self._noisy is not None:
            kernel = _channel_kernel(tuple(self._noisy))
            return lambda w, variance: kernel(output, w, variance)
        parts = self._sort(output)
        if len(parts) == 1:
            kernel, _, here = parts[0]
            return lambda w, variance: kernel(here, w, variance)

        def denoise(w: Array, variance: float) -> tuple[Array, Array]:
            g, slope = np.empty_like(output), np.empty_like(output)
            for kernel, where, here in parts:
                g[where], slope[where] = kernel(here, w[where], variance)
            return g, slope

        return denoise

    def _sort(self, output: Array) -> list[tuple[Kernel, NDArray[np.intp], Array]]:
        """Group the outputs of a noiseless channel by the terms that can have produced them."""
        left = np.ones(output.shape, dtype=bool)
        parts = []

        def take(mask: NDArray[np.bool_], terms: Sequence[sp.Expr]) -> None:
            where = np.flatnonzero(mask & left)
            left[where] = False
            if where.size:
                parts.append((_channel_kernel(tuple(terms)), where, output[where]))

        for value, terms in self._atoms.items():
            take(output == value, terms)
        inside = np.array([(low <= output) & (output <= high) for low, high, _ in self._pieces], dtype=bool)
        for pattern in np.unique(inside[:, left], axis=1).T if self._pieces else ():
            if pattern.any():
                terms = [term for possible, (*_, term) in zip(pattern, self._pieces, strict=True) if possible]
                take((inside == pattern[:, None]).all(axis=0), terms)
        if left.any():
            strange = output[np.argmax(left)]
            raise ValueError(
                f"output = {strange:g} cannot come from the noiseless channel {self._channel!r}: "
                f"give the channel a noise, or outputs it can produce"
            )
        return parts


@cache
def _channel_kernel(terms: tuple[sp.Expr, ...]) -> Kernel:
    return _compile((_Y, _W, _V), terms, _W)


def _terms(log_partition: sp.Expr) -> Sequence[sp.Expr]:
    return log_partition.args if isinstance(log_partition, LogSumExp) else (log_partition,)


def derivatives(terms: Sequence[sp.Expr], by: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """First and second derivative of log sum exp(terms), as cumulants over the terms."""
    total = LogSumExp(*terms)
    weights = [sp.exp(term - total) for term in terms] if len(terms) > 1 else [sp.S.One]
    slopes = [term.diff(by) for term in terms]
    bends = [slope.diff(by) for slope in slopes]
    first, second, _ = cumulants(weights, slopes, bends, [sp.S.Zero] * len(terms))
    return first, second


def _compile(arguments: tuple[sp.Symbol, ...], terms: Sequence[sp.Expr], by: sp.Symbol) -> Kernel:
    # write phi/P through log P, which cse then computes once for all its derivatives and for the weights
    values = [value.replace(IntervalMills, lambda x, a, b: _ratio(x, LogInterval(a, b)))
              for value in derivatives(terms, by)]
    if len(terms) > 1:
        values = [value.replace(InverseMills, lambda x: _ratio(x, LogNdtr(x))) for value in values]
    return _lambdify(arguments, values)


def _lambdify(arguments: tuple[sp.Symbol, ...], values: Sequence[sp.Expr]) -> Kernel:
    compiled = sp.lambdify(arguments, list(values), modules=[NUMPY, "numpy"], cse=True)

    def kernel(*values: Any) -> tuple[Array, Array]:
        shape = np.broadcast_shapes(*(np.shape(value) for value in values))
        g, slope = compiled(*values)
        # a derivative may be a constant (Gaussian prior, linear channel)
        return np.broadcast_to(g, shape), np.broadcast_to(slope, shape)

    return kernel


def _ratio(x: sp.Expr, log_probability: sp.Expr) -> sp.Expr:
    return sp.exp(-(x**2) / 2 - sp.log(2 * sp.pi) / 2 - log_probability)


def _require_numbers(what: str, part: Prior | Channel) -> None:
    if part.free_symbols:
        names = ", ".join(sorted(symbol.name for symbol in part.free_symbols))
        raise ValueError(f"{what} = {part!r} holds symbols: give values for {names}, with model.at({{...}})")
