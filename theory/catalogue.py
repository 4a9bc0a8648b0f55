"""The catalogue: systems of the literature by name, with the ranges in which their transitions lie.

One entry each.  Every entry shares one set of control names: ``alpha`` (samples per component, n/p), ``rho``
(density of nonzeros of the signal), ``noise`` (variance added to the output), ``input_noise`` (variance added
before the output function), ``width`` (half-width of a symmetric door).  Of networks, ``alpha`` is the number of
patterns per spin, beside ``temperature``, ``dreaming`` (time) and ``dataset_entropy``.  ``delta_2`` and ``delta_p``
are the noises of a matrix and of a tensor of order ``p``, which is also the degree of a random polynomial.  ``delta``
is the noise of a spiked matrix, and ``ratio`` the size of a generated signal over that of its latent variables.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import sympy as sp

from .channels import Abs, Door, Linear, ReLU, Sign
from .decimation import Decimation
from .generative import Generative
from .glm import GLM
from .hopfield import Hopfield
from .matrix_tensor import MatrixTensor
from .model import Model
from .parameters import symbol
from .parse import nearest
from .priors import GaussBernoulli, Gaussian, Rademacher, SparseRademacher
from .spiked import SpikedWigner
from .spin_glass import SphericalSpinGlass

__all__ = ["Entry", "catalogue"]

_GYORGYI = "Gyorgyi, Phys. Rev. A 41, 7097 (1990)"
_SOMPOLINSKY = "Sompolinsky, Tishby, Seung, Phys. Rev. Lett. 65, 1683 (1990)"
_OPPER = "Opper, Haussler, Phys. Rev. Lett. 66, 2677 (1991)"
_TANAKA = "Tanaka, IEEE Trans. Inf. Theory 48, 2888 (2002)"
_DONOHO = "Donoho, Maleki, Montanari, PNAS 106, 18914 (2009)"
_WU = "Wu, Verdu, IEEE Trans. Inf. Theory 56, 3721 (2010)"
_KRZAKALA = "Krzakala, Mezard, Sausset, Sun, Zdeborova, Phys. Rev. X 2, 021005 (2012)"
_MONDELLI = "Mondelli, Montanari, Found. Comput. Math. 19, 703 (2019)"
_BARBIER = "Barbier, Krzakala, Macris, Miolane, Zdeborova, PNAS 116, 5451 (2019)"
_LESIEUR = "Lesieur, Krzakala, Zdeborova, J. Stat. Mech. 073403 (2017)"
_AUBIN_SPIKED = "Aubin, Loureiro, Maillard, Krzakala, Zdeborova, NeurIPS (2019)"
_AUBIN_RETRIEVAL = "Aubin, Loureiro, Baker, Krzakala, Zdeborova, MSML (2020)"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One named system.

    Attributes
    ----------
    name : str
        What it is called on the command line.
    title : str
        What it is, in a phrase.
    model : Model
    along : str
        The control that is varied to look for transitions; the energy, of a model whose critical points are counted.
    between : pair of float, optional
        The range of that control in which to look.
    defaults : mapping of control name to number
        Values of the other controls where none is given.
    x, y : (name, low, high) or (name, low, high, "linear" or "log"), optional
        Axes of its phase diagram; None if it has one control only.  Ends may be expressions in the other controls.
    written : tuple of str
        Controls that stand at their defaults where equations are written, unless they are given: more general than the
        system's name says.
    references : tuple of str
        Where its transitions were computed.
    """

    name: str
    title: str
    model: Model
    along: str = "alpha"
    between: tuple[float, float] | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    x: tuple[Any, ...] | None = None
    y: tuple[Any, ...] | None = None
    references: tuple[str, ...] = ()
    written: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "defaults", MappingProxyType(dict(self.defaults)))
        object.__setattr__(self, "references", tuple(self.references))

    @property
    def sources(self) -> tuple[str, ...]:
        """References of the entry and of its model, each once."""
        return tuple(dict.fromkeys((*self.references, *self.model.references)))

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the model's controls."""
        return tuple(control.name for control in self.model.controls)

    @property
    def varied(self) -> tuple[str, ...]:
        """`along` where it is a control, which then has no default."""
        return (self.along,) if self.along in self.controls else ()

    def axis(self, which: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Return the axis ``"x"`` or ``"y"`` at values of the other controls (defaults where none is given)."""
        found = getattr(self, which)
        if found is None:
            return None
        at = {symbol(name): value for name, value in {**self.defaults, **values}.items()}
        return tuple(float(end.subs(at)) if isinstance(end, sp.Expr) else end for end in found)

    def settings(
        self, given: Mapping[str, Any], along: str | Iterable[str] | None = None, *, exact: bool = False
    ) -> dict[str, Any]:
        """Return a value for every control but `along` (one, or several): the given one, else the default.

        If `exact`, defaults are the rationals that their decimals say (0.2 is 1/5), for more digits than a
        double holds.

        Raises
        ------
        ValueError
            If the model has no such control, or one has neither a given value nor a default.
        """
        varied = (along,) if isinstance(along, str) else tuple(along or ())
        for name in (*given, *varied):
            if name not in self.controls:
                raise ValueError(f"{name} is not a control of {self.name}{nearest(name, self.controls)}")
        for name in varied:
            if name in given:
                raise ValueError(f"{name} = {given[name]} is fixed and varied at once: leave one out")
        defaults = {name: sp.Rational(repr(x)) if exact and isinstance(x, (int, float)) else x
                    for name, x in self.defaults.items()}
        values = {**defaults, **given}
        missing = [name for name in self.controls if name not in varied and name not in values]
        if missing:
            raise ValueError(f"{self.name} needs a value of {' and '.join(missing)}: give {missing[0]}=...")
        return {name: values[name] for name in self.controls if name not in varied}


@functools.cache
def catalogue() -> Mapping[str, Entry]:
    """Return the entries by name, in the order in which they are listed."""
    return MappingProxyType({entry.name: entry for entry in _entries()})


def _entries() -> tuple[Entry, ...]:
    rho, noise, input_noise, width = map(symbol, ("rho", "noise", "input_noise", "width"))
    dreaming, dataset_entropy = map(symbol, ("dreaming", "dataset_entropy"))
    p, temperature, ratio = map(symbol, ("p", "temperature", "ratio"))

    def generated(activation: Any) -> Generative:
        return Generative([(activation, ratio)])

    return (
        Entry(
            name="binary-perceptron",
            title="binary weights learning from a teacher (probit output if input_noise > 0)",
            model=GLM(Rademacher(), Sign(input_noise=input_noise)),
            between=(0.2, 3.0),
            defaults={"input_noise": 0},
            x=("input_noise", 1e-4, 0.03, "linear"),
            y=("alpha", 0.2, 2.0),
            references=(_GYORGYI, _SOMPOLINSKY, _BARBIER),
        ),
        Entry(
            name="spherical-perceptron",
            title="Gaussian weights learning from a teacher",
            model=GLM(Gaussian(), Sign()),
            between=(0.1, 10.0),
            references=(_OPPER, _BARBIER),
        ),
        Entry(
            name="symmetric-door",
            title="binary weights seen through y = sign(|z| - width)",
            model=GLM(Rademacher(), Door(width)),
            between=(0.5, 3.0),
            defaults={"width": 0.67449},
            x=("width", 0.3, 1.2),
            y=("alpha", 0.5, 3.0),
            references=(_BARBIER,),
        ),
        Entry(
            name="compressed-sensing",
            title="sparse Gaussian signal from linear measurements",
            model=GLM(GaussBernoulli(rho), Linear(noise=noise)),
            between=(0.02, 0.6),
            defaults={"rho": 0.2, "noise": 0},
            x=("rho", 0.0, 1.0),
            y=("alpha", 0.0, 1.2),
            references=(_DONOHO, _WU, _KRZAKALA),
        ),
        Entry(
            name="phase-retrieval",
            title="Gaussian signal from the moduli of real linear measurements",
            model=GLM(Gaussian(), Abs()),
            between=(0.2, 2.0),
            references=(_MONDELLI, _BARBIER),
        ),
        Entry(
            name="sparse-phase-retrieval",
            title="sparse Gaussian signal from the moduli of real linear measurements",
            model=GLM(GaussBernoulli(rho), Abs()),
            between=(0.1, 2.0),
            defaults={"rho": 0.3},
            x=("rho", 0.01, 0.9, "linear"),
            y=("alpha", 0.0, 1.5),
            references=(_MONDELLI, _BARBIER),
        ),
        Entry(
            name="relu-regression",
            title="Gaussian weights seen through a rectified linear output",
            model=GLM(Gaussian(), ReLU()),
            between=(0.5, 4.0),
            references=(_BARBIER,),
        ),
        Entry(
            name="binary-linear",
            title="binary signal from noisy linear measurements (multiuser detection)",
            model=GLM(Rademacher(), Linear(noise=noise)),
            between=(0.05, 1.0),
            defaults={"noise": 0.05},
            x=("noise", 0.001, 0.15, "log"),
            y=("alpha", 0.1, 1.0),
            references=(_TANAKA, _BARBIER),
        ),
        Entry(
            name="sparse-pca",
            title="sparse binary spike in a noisy symmetric matrix",
            model=SpikedWigner(SparseRademacher(rho)),
            along="delta",
            between=(1e-6, 1.5),
            defaults={"rho": 0.05},
            x=("rho", 0.02, 0.15, "log"),
            y=("delta", 3e-4, 0.03, "log"),
            references=(_LESIEUR,),
        ),
        Entry(
            name="gauss-bernoulli-pca",
            title="sparse Gaussian spike in a noisy symmetric matrix",
            model=SpikedWigner(GaussBernoulli(rho)),
            along="delta",
            between=(1e-6, 1.5),
            defaults={"rho": 0.05},
            x=("rho", 0.02, 0.15, "log"),
            y=("delta", 3e-4, 0.03, "log"),
            references=(_LESIEUR,),
        ),
        Entry(
            name="linear-generative-pca",
            title="spike made of fewer latent variables by a random matrix, in a noisy symmetric matrix",
            model=SpikedWigner(generated(Linear())),
            along="delta",
            between=(0.01, 20.0),
            defaults={"ratio": 2},
            x=("ratio", 0.1, 6.0),
            y=("delta", 0.05, 8.0),
            references=(_AUBIN_SPIKED,),
        ),
        Entry(
            name="sign-generative-pca",
            title="binary spike, the signs of a random layer, in a noisy symmetric matrix",
            model=SpikedWigner(generated(Sign())),
            along="delta",
            between=(0.01, 20.0),
            defaults={"ratio": 4},
            x=("ratio", 0.1, 6.0),
            y=("delta", 0.05, 4.0),
            references=(_AUBIN_SPIKED,),
        ),
        Entry(
            name="relu-generative-pca",
            title="spike behind a rectified random layer, in a noisy symmetric matrix",
            model=SpikedWigner(generated(ReLU())),
            along="delta",
            between=(0.01, 20.0),
            defaults={"ratio": 2},
            x=("ratio", 0.1, 6.0),
            y=("delta", 0.05, 2.0),
            references=(_AUBIN_SPIKED,),
        ),
        Entry(
            name="generative-phase-retrieval",
            title="signal made of fewer latent variables by a random matrix, from moduli",
            model=GLM(generated(Linear()), Abs()),
            between=(0.01, 3.0),
            defaults={"ratio": 3},
            x=("ratio", 1.5, 6.0),
            y=("alpha", 0.0, 1.5),
            references=(_AUBIN_RETRIEVAL,),
        ),
        Entry(
            name="generative-compressed-sensing",
            title="signal behind a rectified random layer, from linear measurements",
            model=GLM(generated(ReLU()), Linear()),
            between=(0.01, 3.0),
            defaults={"ratio": 3},
            x=("ratio", 2.2, 6.0),  # at 2 the rectified outputs cease to tell all latent variables
            y=("alpha", 0.0, 0.8),
            references=(_AUBIN_RETRIEVAL,),
        ),
        Entry(
            name="hopfield",
            title="associative memory, also dreaming or learning from noisy examples",
            model=Hopfield(dreaming=dreaming, dataset_entropy=dataset_entropy),
            between=(0.0, 2.0),
            defaults={"temperature": 0, "dreaming": 0, "dataset_entropy": 0},
            # retrieval states reach 0.14 without, and 1.07 with dreaming
            x=("alpha", 0.0, (0.16 + dreaming / (dreaming + 2.5)) / (1 + 8 * dataset_entropy)),
            y=("temperature", 0.0, 1.4),
            written=("dreaming", "dataset_entropy"),
        ),
        Entry(
            name="decimation",
            title="a matrix of many binary patterns, taken apart by an associative memory: the first step",
            model=Decimation(Rademacher()),
            along="delta",
            between=(0.0, 2.0),
            defaults={"alpha": 0.03, "beta": sp.oo},
            x=("alpha", 0.0, 0.14),
            y=("delta", 0.0, 0.7),
        ),
        Entry(
            name="sparse-decimation",
            title="the same with patterns of few nonzero components",
            model=Decimation(SparseRademacher(rho, amplitude=rho ** sp.Rational(-1, 2))),
            along="delta",
            between=(0.0, 2.0),
            defaults={"alpha": 0.03, "beta": sp.oo, "rho": 0.2},
            x=("rho", 0.05, 1.0),
            y=("delta", 0.0, 0.7),
        ),
        Entry(
            name="matrix-tensor",
            title="spherical signal seen through a noisy matrix and a noisy tensor of order p",
            model=MatrixTensor(p, temperature),
            along="delta_2",
            between=(0.01, 3.0),
            defaults={"delta_p": 1, "p": 3, "temperature": 1},
            x=("delta_2", 0.0, 1.6),
            y=("delta_p", 0.0, sp.Rational(45, 2) / p**2),
            written=("p", "temperature"),
        ),
        Entry(
            name="p-spin",
            title="random polynomial of degree p on a sphere, critical points by energy and index",
            model=SphericalSpinGlass({p: 1}),
            along="energy",
            defaults={"p": 3},
        ),
    )
