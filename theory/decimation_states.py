r"""The states of the first step of decimation, by their temperature, which may be 0.

**Saddle point** in the variables that stay finite at T = 0: s = r/beta^2, the variance of the field h = m xi + sqrt(s)
z; a = (u + r)/beta, the curvature; chi = beta C = E d<x>/dh; q = v - T chi.  With sums over modes, all patterns not yet
found (weight alpha(1 - t), lambda = 1) and the two of each found (weight alpha dtau),

.. math:: m = E \xi\langle x\rangle, \quad q = E\langle x\rangle^2, \quad v = E\langle x^2\rangle, \quad
   s = q\Big[\delta + \sum \frac{\lambda^2}{(1 - \lambda\chi)^2}\Big], \quad
   a = v - \delta\chi - \sum\frac\lambda{1 - \lambda\chi},

averages at exp((h x - a x^2/2)/T).  The slide deck prints r_c with a factor t in front of its integral: there is none.
Energy and entropy (relative to the prior, in nats, at most 0), S_1 the mean entropy of a component:

.. math:: e = -\frac{m^2}2 + \frac{v^2}4 - \frac{\delta\chi}2(v + q)
   - \frac12\sum\lambda\Big[\frac{T\chi}{1 - \lambda\chi} + \frac q{(1 - \lambda\chi)^2}\Big], \qquad
   S = S_1 - \frac{\delta\chi^2}4 - \frac12\sum\Big[\frac{\lambda\chi}{1 - \lambda\chi} + \ln(1 - \lambda\chi)\Big].

Replica symmetry is stable where [delta + sum lambda^2/(1 - lambda chi)^2] E (d<x>/dh)^2 < 1: nowhere at T = 0 with
atoms.  At T = 0 the atom of largest h x - a x^2/2 is chosen and the prior's weights drop out, except as those of xi:
the limit rho = 1 of sparse Rademacher atoms still may choose 0.  A prior with a density chooses x = h/a there, which
ends in the leading eigenvector of Y and in no pattern.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .decimation_free_entropy import (
    DecimationEnsemble,
    Mode,
    alpha,
    check_prior,
    delta,
    m,
    q,
    r,
    s,
    temperature,
    u,
    v,
)
from .forms import StateKind
from .parameters import formula_symbol
from .priors import Prior
from .special import PoleEntropy
from .thermal import spin_in_field
from .tilted import TiltedMean, choice_in_field, k, relative_entropy

__all__ = ["DecimationByTemperature", "Site"]

# unknowns of the states, which are positive: E <x>^2, E <x^2>, and 1 - chi or, where nothing keeps chi below 1, 1 + chi
_q, _v, _gap, _raised = map(formula_symbol, ("_q", "_v", "_gap", "_raised"))

_FEW, _FAINT = 1e-6, 1e-3  # patterns per component, and noise, at which retrieval is found first
_MANY = 0.1  # patterns per component at which a spin glass of these is found first
_NOISY = 1e3  # noise at which the spin glass is found first: all that is chosen are the outermost atoms
_WARM = 0.1  # temperature at which retrieval of a prior with a density is found first
_HOT = 100.0  # temperature at which the paramagnet is found first
_VANISHED = 14.0  # of the logarithm of an unknown: below, m^2 beside 1 has no digits left


@dataclass(frozen=True)
class Site:
    """Averages of one component x over the field h = strength xi + sqrt(noise) z, as expressions.

    Attributes
    ----------
    overlap : E xi <x>
    self_overlap : E <x>^2
    second_moment : E <x^2>
    susceptibility : E d<x>/dh
    fluctuation : E (d<x>/dh)^2, or None where it is infinite
    entropy : mean entropy relative to the prior, in nats, at most 0
    """

    overlap: sp.Expr
    self_overlap: sp.Expr
    second_moment: sp.Expr
    susceptibility: sp.Expr
    fluctuation: sp.Expr | None
    entropy: sp.Expr


@dataclass(frozen=True)
class DecimationByTemperature(DecimationEnsemble):
    """The same with the control temperature = 1/beta, which may be 0; or, on Nishimori's line, equal to delta.

    Parameters
    ----------
    prior : Prior
    nishimori : bool
    """

    prior: Prior
    nishimori: bool = False

    solved_by = "kinds"

    def __post_init__(self) -> None:
        check_prior(self.prior)

    @property
    def own_controls(self):
        return (alpha, delta) if self.nishimori else (alpha, delta, temperature)

    @property
    def temperature(self) -> sp.Symbol:
        """The control that is the temperature."""
        return delta if self.nishimori else temperature

    @property
    def free_entropy(self):
        return self.free_entropy_of(1 / self.temperature, [(alpha, sp.S.One)])

    @property
    def observables(self):
        return {"overlap": m, "self_overlap": q, "second_moment": v, "mse": 1 - 2 * m + v}

    # --- one component ---

    def site(self, T: sp.Expr, strength: sp.Expr, noise: sp.Expr, curvature: sp.Expr) -> Site:
        """Averages of one component at temperature T."""
        if self.is_binary:
            return self._spin(T, strength, noise)
        total = dict.fromkeys(("overlap", "self_overlap", "second_moment", "susceptibility", "fluctuation", "entropy"),
                              sp.S.Zero)
        for w, mu, variance in self.patterns:
            mean, spread = strength * mu, noise + strength**2 * variance
            if T == 0:
                found = choice_in_field(self.components, mean, spread, curvature)
                found |= {"self_overlap": found["square"], "fluctuation": found["susceptibility"] ** 2}
            else:
                law = (self.components, mean, spread, curvature, T)
                found = {"magnetisation": TiltedMean(k[1], *law), "square": TiltedMean(k[2] + k[1] ** 2, *law),
                         "self_overlap": TiltedMean(k[1] ** 2, *law), "susceptibility": TiltedMean(k[2], *law) / T,
                         "fluctuation": TiltedMean(k[2] ** 2, *law) / T**2,
                         "relative_entropy": TiltedMean(relative_entropy, *law)}
            # E xi f(h) by parts within the component
            total["overlap"] += w * (mu * found["magnetisation"] + variance * strength * found["susceptibility"])
            total["second_moment"] += w * found["square"]
            total["entropy"] += w * found["relative_entropy"]
            for name in ("self_overlap", "susceptibility", "fluctuation"):
                total[name] += w * found[name]
        infinite = T == 0 and not self.has_density and noise != 0
        return Site(**{**total, "fluctuation": None if infinite else total["fluctuation"]})

    def _spin(self, T: sp.Expr, strength: sp.Expr, noise: sp.Expr) -> Site:
        spin = spin_in_field(strength, noise, T)
        fluctuation = spin["quartic"] / T if T != 0 else None if noise != 0 else sp.S.Zero
        return Site(overlap=spin["magnetisation"], self_overlap=1 - T * spin["susceptibility"],
                    second_moment=sp.S.One, susceptibility=spin["susceptibility"], fluctuation=fluctuation,
                    entropy=spin["entropy"] - sp.log(2))

    # --- the kinds of states of the first step ---

    def state_kinds(self, zero: frozenset[str] = frozenset()) -> tuple[StateKind, ...]:
        T = sp.S.Zero if self.temperature.name in zero else self.temperature
        silent = {"alpha", "delta"} <= zero  # nothing is noise
        kinds = []
        if T != 0 and self.is_symmetric:
            kinds.append(self._kind("paramagnet", T, zero, sp.S.Zero, is_noisy=False))
        if not silent:
            kinds.append(self._kind("spin glass", T, zero, sp.S.Zero, is_noisy=True))
        kinds.append(self._kind("retrieval", T, zero, m, is_noisy=not silent))
        return tuple(kinds)

    def _kind(self, name: str, T: sp.Expr, zero: frozenset[str], strength: sp.Expr, is_noisy: bool) -> StateKind:
        d = sp.S.Zero if "delta" in zero else delta
        modes = [] if "alpha" in zero else [(alpha, sp.S.One)]
        # of +-1 neither x^2 nor the curvature matters, and the susceptibility is an average that contains neither
        susceptibility = None if self.is_binary else 1 - _gap if modes else _raised - 1
        second = sp.S.One if self.is_binary else _v
        curvature = sp.S.Zero if self.is_binary else _curvature(second, d, susceptibility, modes)
        noise = sp.S.Zero if not is_noisy else s if self.is_binary else _q * _coupling(d, susceptibility, modes)
        site = self.site(T, strength, noise, curvature)
        response = site.susceptibility if self.is_binary else susceptibility
        coupling = _coupling(d, response, modes)
        maps: dict[sp.Symbol, sp.Expr] = {}
        if strength != 0:
            maps[m] = site.overlap
        # the state of message passing: m and s of binary x, else m, q, v and chi
        if is_noisy:
            maps |= {s: site.self_overlap * coupling} if self.is_binary else {_q: site.self_overlap}
        if not self.is_binary:
            maps |= {_v: site.second_moment}
            maps |= {_gap: 1 - site.susceptibility} if modes else {_raised: 1 + site.susceptibility}
        overlap = second - T * response
        energy, rest = _energy(strength, second, overlap, response, T, d, modes)
        entropy = site.entropy + rest
        free_energy = energy - T * entropy if T != 0 else energy
        transverse = [site.susceptibility] if strength == 0 else []
        instability = None if site.fluctuation is None else coupling * site.fluctuation
        if not is_noisy and (d != 0 or modes):
            transverse.append(instability)
        if instability == 0:
            instability = sp.S.Zero
        positive = [1 - gain * response for _, gain in modes]
        positive += [1 + curvature * variance / T for *_, variance in self.components if variance != 0 != T]
        if T == 0 and self.has_density:
            positive.append(curvature)
        order_parameters = {m: strength, q: overlap, v: second}
        if T != 0:
            order_parameters |= {r: noise / T**2, u: (curvature - noise / T) / T}
            if self.is_binary:  # the curvature does not act, but u has a value
                order_parameters[u] = (_curvature(second, d, response, modes) - noise / T) / T
        observables = {
            "overlap": strength, "self_overlap": overlap, "second_moment": second, "susceptibility": response,
            "noise": noise, "mse": 1 - 2 * strength + second, "free_energy": free_energy, "energy": energy,
            "entropy": entropy, "replicon": -sp.oo if instability is None else 1 - instability,
        }
        return StateKind(
            name=name, branch="informative" if strength != 0 else "uninformative", maps=maps,
            transverse=tuple(transverse), positive=tuple(positive), order_parameters=order_parameters,
            free_energy=free_energy, energy=energy, entropy=entropy, observables=observables, instability=instability,
            temperature=self.temperature.name, vanished=_VANISHED, **self._where(name, maps, zero),
        )

    def _where(self, name: str, maps: Mapping[sp.Symbol, sp.Expr], zero: frozenset[str]) -> dict[str, Any]:
        """Where a kind of state is easily found, what it is there, and the way from there."""
        top = max((abs(float(mu.subs(dict.fromkeys(mu.free_symbols, sp.Rational(1, 3))))) for _, mu, _ in
                   self.components), default=1.0)
        square = sp.Float(top) ** 2
        path = ("alpha", "delta") if self.nishimori else ("temperature", "alpha", "delta")
        anchor = {"alpha": _FEW, "delta": _FAINT, "temperature": 0.0}
        if self.has_density:  # at temperatures far below the noise nothing tells a pattern from a sum of patterns
            anchor |= {"delta": _WARM if self.nishimori else _FAINT, "temperature": _WARM}
        start = {m: sp.S.One, s: delta + alpha, _q: sp.S.One, _v: sp.S.One,
                 _raised: 1 + sp.Float(0.5) * self.prior.continuous_weight}
        if name == "paramagnet":
            anchor |= {"temperature": _HOT, "delta": _HOT if self.nishimori else _FAINT}
            start |= {_v: sp.S.One, _raised: 1 + 1 / self.temperature}
            path = ("alpha", "delta") if self.nishimori else ("alpha", "temperature", "delta")
        elif name == "spin glass":
            cold = self.nishimori or self.temperature.name in zero or "delta" in zero
            anchor |= {"delta": _FAINT if cold else _NOISY, "temperature": 0.0}
            anchor["alpha"] = _MANY if cold and not (self.is_binary or self.has_density) else _FEW
            few, noisy = self._glass_of_few(), self._glass_of_noise(square)
            start = {x: sp.Piecewise((noisy[x], delta > 1), (few[x], True)) for x in few}
        start |= {_gap: 2 - start[_raised]} if _raised in start else {}
        return {"anchor": {c: anchor[c] for c in path}, "path": path,
                "scanned": s if self.is_binary else None,
                "start": {x: sp.sympify(start[x]) for x in maps}}

    def _glass_of_few(self) -> dict[sp.Symbol, sp.Expr]:
        """About the spin glass of patterns that interfere, with hardly any noise, at T = 0."""
        if self.is_binary:  # the susceptibility comes to 1 so that (1 - chi)^2 = alpha/s
            return {s: 2 / sp.pi}
        if self.has_density:  # a = 1/chi, v a^2 = s
            return {_q: sp.S.One, _v: sp.S.One, _raised: 2 - sp.sqrt(alpha)}
        return {_q: sp.S.One, _v: sp.S.One, _raised: sp.Rational(3, 2)}

    def _glass_of_noise(self, square: sp.Expr) -> dict[sp.Symbol, sp.Expr]:
        """The spin glass of strong noise at T = 0: of the outermost atoms, or with a = sqrt(delta)."""
        if self.has_density:
            second = 2 * sp.sqrt(delta)
            return {s: delta * second, _q: second, _v: second, _raised: 1 + 1 / sp.sqrt(delta)}
        return {s: square * delta, _q: square, _v: square, _raised: 1 + sp.sqrt(2 / (sp.pi * delta))}


def _curvature(second: sp.Expr, d: sp.Expr, response: sp.Expr, modes: Sequence[Mode]) -> sp.Expr:
    """a."""
    return second - d * response - sum((weight * gain / (1 - gain * response) for weight, gain in modes), sp.S.Zero)


def _coupling(d: sp.Expr, response: sp.Expr, modes: Sequence[Mode]) -> sp.Expr:
    """s/q."""
    return d + sum((weight * gain**2 / (1 - gain * response) ** 2 for weight, gain in modes), sp.S.Zero)


def _energy(strength: sp.Expr, second: sp.Expr, overlap: sp.Expr, response: sp.Expr, T: sp.Expr, d: sp.Expr,
            modes: Sequence[Mode]) -> tuple[sp.Expr, sp.Expr]:
    """Energy, and the entropy that is not that of the components."""
    energy = -(strength**2) / 2 + second**2 / 4 - d * response * (second + overlap) / 2
    entropy = -d * response**2 / 4
    for weight, gain in modes:
        gap = 1 - gain * response
        energy -= weight * gain * (T * response / gap + overlap / gap**2) / 2
        entropy -= weight * PoleEntropy(gain * response) / 2
    return energy, entropy
