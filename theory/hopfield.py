r"""Networks of associative memory: the Hopfield model and its variants, replica symmetric.

N spins s_i = +-1 at temperature T = 1/beta, P = alpha N patterns xi^mu of independent +-1,

.. math:: H = -\tfrac12 \sum_{i \neq j} J_{ij} s_i s_j, \qquad J = \frac1N \sum_\mu \xi^\mu_i \xi^\mu_j.

(Hopfield, PNAS 79, 2554 (1982); Amit, Gutfreund, Sompolinsky, Ann. Phys. 173, 30 (1987).)  Free entropy per spin, in
nats, with m the overlap with the pattern that is retrieved, q that of two replicas, alpha r the variance of the noise
of all other patterns, C = beta (1 - q),

.. math:: \Phi = -\tfrac\beta2 m^2 - \tfrac\alpha2\Big[\ln(1 - C) - \frac{\beta q}{1 - C}\Big]
   - \tfrac{\alpha\beta^2}2 r (1 - q) + E\ln 2\cosh\beta(m + \sqrt{\alpha r} z) - \tfrac{\alpha\beta}2 .

The last term, alpha/2 of the energy, is the diagonal J_ii = alpha, which H leaves out.  Everything below is this
calculation done once for a wider class.

**Features.**  J = J_0 = (1/N) sum_k g_k F^k_i F^k_j with features F of unit variance, alpha_k N of gain g_k.  Hebb's
rule on patterns: one kind, g = 1.  On M noisy examples eta = chi xi of each archetype xi, P(chi = +-1) = (1 +- r)/2,
with R = r^2 + (1 - r^2)/M:

* supervised, J = sum_mu etabar etabar/(N R), etabar the mean of an archetype's examples: alpha features zeta =
  etabar/sqrt(R), g = 1.  For M to infinity at fixed dataset entropy rho = (1 - r^2)/(M r^2), zeta = (xi + sqrt(rho)
  x)/sqrt(1 + rho) with x normal.  (Alemanno et al., EPL 141, 11001 (2023).)
* unsupervised, J = sum_{mu a} eta eta/(N M R): the covariance of an archetype's M examples has the eigenvalue M R once,
  and 1 - r^2 otherwise: besides alpha features zeta of gain 1 there are alpha (M - 1) of gain (1 - r^2)/(M R) =
  rho/(1 + rho).  Their noise, (M - 1) rho^2/(1 + rho)^2, diverges with M at fixed rho, so there is no such limit.
  (Agliari, Alemanno, Barra, De Marzo, Neural Networks 148, 232 (2022).)

**Dreaming.**  J(t) = (1 + t) J_0/(1 + t J_0), which is (1/N) sum xi ((1 + t)/(1 + t C)) xi with C the overlaps of the
patterns; t to infinity is the projector on them.  (Fachechi, Agliari, Barra, Neural Networks 112, 24 (2019).)  With a
normal z of variance 1 + t for each feature and a normal phi_i for each site,

.. math:: e^{-\beta H} \propto E_{z,\phi}\exp\Big[\sqrt\beta \sum_i \sigma_i \sum_k \sqrt{g_k/N} F^k_i z_k\Big], \qquad
   \sigma_i = s_i + \mathrm i \sqrt{kT}\,\phi_i, \quad k = \frac{t}{1 + t},

the plain model with sigma in the place of s, <sigma sigma> no longer 1.  Its conjugate w enters ln Z of a site in the
field h as beta w sigma^2/2, and phi is integrated: with Delta = 1 + k w,

.. math:: \ln Z_1 = -\tfrac12\ln\Delta + \frac{\beta w}{2\Delta} - \frac{k \beta h^2}{2\Delta}
   + \ln 2\cosh\frac{\beta h}{\Delta}.

Saddle point, with h = mu S + sqrt(s) z, S the sum of the features of the n patterns that are condensed with equal
strength mu (n = 1 but for mixtures), tau = T Delta, epsilon = 1 - k, C = E cosh(h/tau)^-2/tau,
N_k = epsilon Delta + g_k (k - C) > 0:

.. math:: \mu = \frac{E S \tanh(h/\tau)}{n(\epsilon\Delta + k)}, \quad
   s = \sum_k \alpha_k \frac{g_k^2}{N_k^2} E\big[(\tanh(h/\tau) - k h)^2\big], \quad
   \Delta = 1 + k \Delta \sum_k \frac{\alpha_k g_k}{N_k},

all of which are regular at T = 0 and at t = infinity; at t = 0, mu = m, s = alpha r, Delta = 1.  Energy and entropy
per spin, with H(x) = ln 2 cosh x - x tanh x, y_k = g_k (C - k)/(epsilon Delta):

.. math:: e = -\tfrac n2 \mu^2\Big(\epsilon + \frac k\Delta\Big) - \frac{s C}{2\Delta}
   - \tfrac12\sum_k\frac{\alpha_k g_k}{N_k} + \tfrac12 \frac{\operatorname{tr} J}{N},

.. math:: S = E H(h/\tau) - \tfrac12\Big[\sum_k \alpha_k \Big(\ln(1 - y_k) + \frac{y_k}{1 - y_k}\Big)
   + \ln\Delta - \frac{\ln\det(1 + t J_0)}{N}\Big].

The trace and the determinant do not depend on the state: with Delta_0 = 1 + k Delta_0 sum_k alpha_k g_k/(epsilon
Delta_0 + k g_k), tr J/N = sum_k alpha_k g_k/(epsilon Delta_0 + k g_k), ln det/N = ln Delta_0 + sum_k alpha_k ln(1 + t
g_k/Delta_0) + 1/Delta_0 - 1.

Replica symmetry is stable where the replicon 1 - sum_k (alpha_k g_k^2/N_k^2) E[(cosh(h/tau)^-2/tau - k)^2] is positive
(for t = 0: Amit, Gutfreund, Sompolinsky, eq. 5.7): nowhere at T = 0, and nowhere in the spin glass.

Exact facts.  T_g = 1 + sqrt(alpha); T_R = sqrt(8 alpha/9 pi) exp(-1/2 alpha) for small alpha; at alpha = 0, m =
tanh(m/T), and mixtures of 3 patterns are stable below T = 0.4598.  T to 0 and t to infinity do not commute: a network
with t = infinity retrieves up to alpha = 1 at T = 0.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any

import sympy as sp

from .forms import StateKind
from .learning_rule import Delta_0, LearningRule
from .model import Model, solve_linear
from .parameters import formula_symbol, number, symbol
from .special import PoleEntropy
from .thermal import ThermalDeficit, ThermalMean, spin_in_field

__all__ = ["Hopfield"]

alpha, m = map(formula_symbol, ("alpha", "m"))
temperature, q, r, C, w = map(symbol, ("temperature", "q", "r", "C", "w"))
mu, s, Delta = map(formula_symbol, ("_mu", "_s", "_Delta"))  # unknowns of the saddle point, not shown

_FEW = 1e-6  # patterns per spin at which a state is sought first
_DREAMING = 1e5  # longest finite time: the noise of a pattern falls as its inverse square
_HOT = 100.0  # temperature at which the paramagnet is sought first


@dataclass(frozen=True, kw_only=True, repr=False)
class Hopfield(Model):
    """A network of associative memory; controls alpha = P/N and temperature, which may be 0.

    Parameters
    ----------
    dreaming : number or Symbol
        t of the couplings (1 + t) J/(1 + t J), from 0 (Hebb's rule) to infinity (the projector on the patterns).
    examples : int, optional
        Noisy examples of each archetype from which Hebb's rule is computed; with `quality`.
    quality : number or Symbol in (0, 1], optional
        Mean product of an example and its archetype, at a site.
    dataset_entropy : number or Symbol
        rho = (1 - quality^2)/(examples quality^2) in the limit of many examples; 0 for the archetypes themselves.
    supervised : bool
        Whether the rule knows which examples belong to one archetype (and averages them first).
    mixture : int
        How many patterns are condensed with equal strength in the informative state: 1 is retrieval.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range, or two say different things.
    """

    dreaming: Any = 0
    examples: Any = None
    quality: Any = None
    dataset_entropy: Any = 0
    supervised: bool = True
    mixture: int = 1

    title = "Hopfield model"
    solved_by = "kinds"
    units = ("+log Z per spin, in nats; energies per spin of H, which leaves out the diagonal of the couplings: "
             "with it they are lower by half its mean, alpha/2 for Hebb's rule")
    boundary_words = MappingProxyType({
        "continuous uninformative": "spin-glass transition",
        "continuous mixture": "mixture becomes unstable",
        "spinodal informative": "retrieval states exist below",
        "spinodal mixture": "mixtures exist below",
        "first_order equilibrium": "retrieval is the equilibrium below",
        "replicon informative": "replica symmetry breaks in retrieval",
        "replicon mixture": "replica symmetry breaks in mixtures",
        "continuous informative": "retrieval becomes unstable to noise",
    })
    references = (
        "Amit, Gutfreund, Sompolinsky, Ann. Phys. 173, 30 (1987)",
        "Fachechi, Agliari, Barra, Neural Networks 112, 24 (2019)",
        "Alemanno et al., EPL 141, 11001 (2023)",
        "Agliari, Alemanno, Barra, De Marzo, Neural Networks 148, 232 (2022)",
    )
    #: whether the energy counts the diagonal of the couplings
    diagonal = False

    def __post_init__(self):
        infinite = self.dreaming == sp.oo or self.dreaming == float("inf")
        dreaming = sp.oo if infinite else number(
            "dreaming", self.dreaming, low=0.0, high=_DREAMING,
            cure="beyond, doubles do not tell it from infinity; give inf for the projector")
        object.__setattr__(self, "dreaming", dreaming)
        object.__setattr__(self, "dataset_entropy", number("dataset_entropy", self.dataset_entropy, low=0.0))
        if not isinstance(self.supervised, bool):
            raise TypeError(f"supervised = {self.supervised!r}: give True or False")
        for name in ("examples", "mixture"):
            value = getattr(self, name)
            if value is None and name == "examples":
                continue
            if isinstance(value, bool) or not isinstance(value, (numbers.Integral, sp.Integer)) or value < 1:
                raise ValueError(f"{name} = {value!r}: give a whole number from 1 on")
            object.__setattr__(self, name, int(value))
        if (self.examples is None) != (self.quality is None):
            lacking, given = ("quality", "examples") if self.quality is None else ("examples", "quality")
            raise ValueError(f"{given} = {getattr(self, given)} without {lacking}: give both, or dataset_entropy for "
                             "the limit of many examples")
        if self.quality is not None:
            quality = number("quality", self.quality, low=0.0, high=1.0, open_low=True)
            object.__setattr__(self, "quality", quality)
            if self.dataset_entropy != 0:
                raise ValueError(f"dataset_entropy = {self.dataset_entropy} beside examples = {self.examples}: it is "
                                 "the limit of many examples; leave one out")
        if not self.supervised and self.examples is None:
            raise ValueError("supervised = False needs examples and quality: with many examples at fixed dataset "
                             "entropy the noise of the unsupervised rule diverges")
        if self.mixture > 1 and (self.examples is not None or self.dataset_entropy != 0):
            raise ValueError(f"mixture = {self.mixture}: mixtures are of patterns that are stored as they are; leave "
                             "examples, quality and dataset_entropy out")

    def __repr__(self) -> str:
        said = ((part, getattr(self, part.name)) for part in fields(self))
        given = (f"{part.name}={value}" for part, value in said if value != part.default)
        return f"{type(self).__name__}({', '.join(given)})"

    @property
    def own_controls(self):
        return (alpha, temperature)

    def check_point(self, values):
        if self.dreaming == sp.oo and values.get("alpha", 0) >= 1:
            raise ValueError(f"alpha = {values['alpha']} with dreaming = inf: the projector on as many patterns as "
                             "spins couples nothing; give alpha below 1, or a finite time")

    @property
    def order_parameters(self):
        """Field m of the pattern, overlap q, noise r; with dreaming also C and the conjugate w of <sigma sigma>."""
        return (m, q, r) if self.dreaming == 0 else (m, q, r, C, w)

    @property
    def observables(self):
        """Of the informative state: overlap with the archetype, E tanh^2, energies per spin, entropy, replicon."""
        kind = self._kind("retrieval", temperature, frozenset(), mu, s)
        written = {mu: m, s: alpha * r, Delta: 1 + self.rule.k * w}
        return {name: expr.xreplace(written) for name, expr in kind.observables.items()}

    @cached_property
    def rule(self) -> LearningRule:
        """What the network stores, and how."""
        return LearningRule(dreaming=self.dreaming, examples=self.examples, quality=self.quality,
                            dataset_entropy=self.dataset_entropy, supervised=self.supervised, condensed=self.mixture)

    # --- the free entropy ---

    @property
    def free_entropy(self):
        beta, n, k, t = 1 / temperature, self.mixture, self.rule.k, self.dreaming
        if t == sp.oo:
            raise ValueError("dreaming = oo: the free entropy has its limit in the saddle point; give a finite number")
        susceptibility = beta * (1 - q) if t == 0 else C
        conjugate = sp.S.Zero if t == 0 else w
        delta = 1 + k * conjugate
        noise = -sum(alpha * a * (sp.log(1 - (1 + t) * g * susceptibility)
                                  - (1 + t) * g * beta * q / (1 - (1 + t) * g * susceptibility)) / 2
                     for a, g in self.rule.modes)
        site = -sp.log(delta) / 2 + beta * conjugate / (2 * delta) - k * beta * (n * m**2 + alpha * r) / (2 * delta)
        site -= beta * self._spin(m, alpha * r, temperature * delta)["free_energy"] / delta
        tied = (conjugate * (beta * q + susceptibility) + beta * alpha * r * susceptibility) / 2
        return -beta * n * m**2 / (2 * (1 + t)) - tied + noise + site + self._constant(beta)

    def _constant(self, beta: sp.Expr) -> sp.Expr:
        """ln det(1 + t J_0)/2N, and the diagonal."""
        return self.rule.log_determinant / 2 - (0 if self.diagonal else beta * self.rule.trace / 2)

    def _spin(self, strength: sp.Expr, variance: sp.Expr, tau: sp.Expr) -> dict[str, sp.Expr]:
        """Averages over S and z of a spin in the field strength S + sqrt(variance) z.

        ``signal`` is E S tanh(h/tau)/n, ``archetype`` the overlap of the spin with one archetype, ``asymmetric`` the
        response to fields that raise one condensed pattern, or example, and lower another.
        """
        n = sp.Integer(self.mixture)
        total = dict.fromkeys(("free_energy", "entropy", "susceptibility", "quartic", "signal", "archetype",
                               "asymmetric"), sp.S.Zero)
        for weight, mean, spread in self.rule.signal:
            spin = spin_in_field(strength * mean, variance + strength**2 * spread, tau)
            for name in ("free_energy", "entropy", "susceptibility", "quartic"):
                total[name] += weight * spin[name]
            total["signal"] += weight * (mean * spin["magnetisation"] + spread * strength * spin["susceptibility"]) / n
            total["archetype"] += weight * spin["magnetisation"] * (mean / n if n > 1 else 1)
            if n > 1:
                total["asymmetric"] += weight * spin["susceptibility"] * (n**2 - mean**2) / (n * (n - 1))
            elif self.rule.shape is not None:  # of the examples of one archetype, whose sum is M sqrt(R) mean
                examples, second = sp.Integer(self.examples), self.rule.second_moment
                alike = (examples**2 * second * mean**2 - examples) / (examples * (examples - 1))
                total["asymmetric"] += weight * spin["susceptibility"] * (1 - alike)
        return total

    def saddle_point(self):
        """Return the saddle-point equations, the gradient solved for one order parameter each.

        With dreaming they are those of the head of this file, in which equations are already inserted in each other.
        """
        if self.dreaming != 0:
            kind = self._kind("retrieval", temperature, frozenset(), mu, s)
            names = {mu: m, s: alpha * r, Delta: 1 + self.rule.k * w}
            maps = {**kind.order_parameters, m: kind.maps[mu], r: kind.maps[s] / alpha}
            return tuple(sp.Eq(x, maps[x].xreplace(names), evaluate=False) for x in self.order_parameters)
        equations, unsolved = [], list(self.order_parameters)
        for x in self.order_parameters:
            gradient = self.free_entropy.diff(x)
            names = {mean: sp.Dummy() for mean in gradient.atoms(ThermalMean)}
            opaque = gradient.xreplace(names)
            solved = ((y, solve_linear(opaque, y)) for y in unsolved)
            y, solution = next(((y, found) for y, found in solved if found is not None), (None, None))
            if y is None:
                equations.append(sp.Eq(gradient, 0, evaluate=False))
                continue
            unsolved.remove(y)
            back = {name: mean for mean, name in names.items()}
            equations.append(sp.Eq(y, sp.factor(solution).xreplace(back), evaluate=False))
        return tuple(equations)

    # --- the kinds of states ---

    def state_kinds(self, zero: frozenset[str] = frozenset()) -> tuple[StateKind, ...]:
        T = sp.S.Zero if "temperature" in zero else temperature
        kinds = []
        if T != 0:
            kinds.append(self._kind("paramagnet", T, zero, sp.S.Zero, sp.S.Zero))
        if "alpha" not in zero:
            kinds.append(self._kind("spin glass", T, zero, sp.S.Zero, s))
        name = "retrieval" if self.mixture == 1 else f"mixture of {self.mixture}"
        # a pattern is an eigenvector of the projector: tanh(h/tau) = h at every site, and nothing is left to be noise
        silent = "alpha" in zero or (self.rule.k == 1 and self.rule.plain)
        kinds.append(self._kind(name, T, zero, mu, sp.S.Zero if silent else s))
        return tuple(kinds)

    def _kind(self, name: str, T: sp.Expr, zero: frozenset[str], strength: sp.Expr, variance: sp.Expr) -> StateKind:
        a = sp.S.Zero if "alpha" in zero else alpha
        n, k, epsilon = sp.Integer(self.mixture), self.rule.k, self.rule.epsilon
        delta = sp.S.One if k == 0 or a == 0 else Delta
        tau = T * delta
        spin = self._spin(strength, variance, tau)
        chi, signal = spin["susceptibility"], spin["signal"]
        modes = [(a * part, g, epsilon * delta + g * (k - chi)) for part, g in self.rule.modes]
        if strength != 0 != variance and self.rule.plain:  # all spins alike: what is left is small when k is nearly 1
            lacking, lacking_2 = (ThermalDeficit(p, strength, variance, tau) for p in (1, 2))
            signal = spin["archetype"] = 1 - lacking
            square = lacking_2 - lacking**2 + (1 - k * strength - lacking) ** 2 + k * variance * (k - 2 * chi)
        else:
            aligned = n * strength * signal + variance * chi  # E h tanh(h/tau)
            square = 1 - tau * chi - 2 * k * aligned + k**2 * (n * strength**2 + variance)
        rest = epsilon * delta + k

        maps: dict[sp.Symbol, sp.Expr] = {}
        if strength != 0:
            maps[mu] = signal / rest
        if variance != 0:
            maps[s] = square * sum(count * g**2 / gap**2 for count, g, gap in modes)
        if delta == Delta:
            maps[Delta] = 1 + k * delta * sum(count * g / gap for count, g, gap in modes)
        d = self.rule.delta_0.subs(alpha, a)
        if d == Delta_0:
            maps[Delta_0] = 1 + k * d * sum(count * g / (epsilon * d + k * g) for count, g, _ in modes)
        trace = sum(count * g / (epsilon * d + k * g) for count, g, _ in modes)

        coupled = sum(count * g / gap for count, g, gap in modes)
        common = n * strength**2 * (epsilon + k / delta)
        # sum_k alpha_k g_k/N_k, less the trace unless the diagonal counts: without differences of large numbers
        released = sum(count * g * (epsilon * (d - delta) + g * chi) / (gap * (epsilon * d + k * g))
                       for count, g, gap in modes) + (trace if self.diagonal else 0)
        energy = -common / 2 - variance * chi / (2 * delta) - released / 2
        noise = self._noise_entropy(modes, delta, d, chi)
        free_energy = common / 2 + (variance * chi / 2 + spin["free_energy"]) / delta - released / 2 - T * noise
        # the response of a direction in which the state has no component: another pattern, the noise, a mixture's shape
        transverse = [] if strength != 0 else [chi / rest]
        if strength != 0 and n > 1:
            transverse.append(spin["asymmetric"] / rest)
        if strength != 0 and self.rule.shape is not None:
            count, gain = self.rule.shape
            transverse.append(spin["asymmetric"] / (count * (epsilon * delta + k * gain)))
        fluctuation = (spin["quartic"] / tau if spin["quartic"] != 0 != a else 0) - 2 * k * chi + k**2
        response = fluctuation * sum((count * g**2 / gap**2 for count, g, gap in modes), sp.S.Zero)
        if variance == 0 and a != 0:
            transverse.append(response)
        instability = response if T != 0 or variance == 0 else None
        overlap = 1 - tau * chi
        susceptibility = (chi - k) / delta
        named = {
            m: strength, q: square / delta**2 if k != 0 else overlap,
            r: variance / alpha if variance != 0 else square * sum(
                part * g**2 / gap**2 for (part, g), (*_, gap) in zip(self.rule.modes, modes, strict=True)),
            C: susceptibility, w: delta * coupled,
        }
        observables = {
            "overlap": spin["archetype"], "self_overlap": overlap, "free_energy": free_energy, "energy": energy,
            "entropy": spin["entropy"] + noise, "replicon": -sp.oo if instability is None else 1 - instability,
        }
        return StateKind(
            name=name, branch="uninformative" if strength == 0 else "informative" if n == 1 else "mixture", maps=maps,
            transverse=tuple(transverse), positive=() if a == 0 else (modes[0][2], *([1 - a] if k == 1 else [])),
            order_parameters={x: named[x] for x in self.order_parameters}, free_energy=free_energy, energy=energy,
            entropy=observables["entropy"], observables=observables, instability=instability,
            **self._where(name, strength, maps),
        )

    def _noise_entropy(self, modes: Any, delta: sp.Expr, d: sp.Expr, chi: sp.Expr) -> sp.Expr:
        """-[sum_k alpha_k (ln(1 - y_k) + y_k/(1 - y_k)) + ln Delta - ln det(1 + t J_0)/N]/2."""
        k, epsilon = self.rule.k, self.rule.epsilon
        if k == 0:
            return -sum((count * PoleEntropy(g * chi) for count, g, _ in modes), sp.S.Zero) / 2
        shift = sp.log(delta) - sp.log(d) - 1 / d + 1
        if k == 1:
            return -(shift + sum(count * (g * (chi - k) / gap + sp.log(gap * d / (delta * (epsilon * d + k * g))))
                                 for count, g, gap in modes)) / 2
        return -(shift + sum(
            count * (PoleEntropy(g * (chi - k) / (epsilon * delta)) - sp.log(1 + self.dreaming * g / d))
            for count, g, _ in modes)) / 2

    def _where(self, name: str, strength: sp.Expr, maps: Any) -> dict[str, Any]:
        """Where a kind of state is easily found, what it is there, and the way from there."""
        k = self.rule.k
        start = {Delta_0: sp.S.One}
        if name == "paramagnet":
            anchor, path = {"alpha": _FEW, "temperature": _HOT}, ("alpha", "temperature")
            start |= {Delta: 1 + k * alpha}
        elif name == "spin glass":
            # T = 0, few patterns: C to 1, so that N_1 = sqrt(alpha Q/s) with s = 2/pi
            anchor, path = {"alpha": _FEW, "temperature": 0.0}, ("alpha", "temperature")
            square = 1 - 4 * k / sp.pi + 2 * k**2 / sp.pi
            gap = sp.sqrt(alpha * square * sp.pi / 2)
            delta = 1 + k * alpha / gap
            start |= {Delta: delta, s: 2 / (sp.pi * (self.rule.epsilon * delta + k - gap) ** 2)}
        else:
            anchor, path = {"alpha": _FEW, "temperature": 0.0}, ("temperature", "alpha")
            field = sum(weight * sp.sqrt(mean**2 + 2 * spread / sp.pi)  # about E abs S
                        for weight, mean, spread in self.rule.signal) / self.mixture
            square = self.rule.epsilon**2 + k * (2 - k) * (1 - self.mixture * field**2)
            # spins at which all examples cancel follow the noise alone, sqrt(s) (1 - C) = sqrt(alpha), C ~ 1/sqrt(s)
            loose = sum((weight for weight, mean, spread in self.rule.signal if mean == 0 == spread), sp.S.Zero)
            noise = sp.sqrt(alpha * square) + loose * sp.sqrt(2 / sp.pi)
            start |= {mu: field, s: noise**2, Delta: 1 + k * alpha}
        return {"anchor": anchor, "path": path, "scanned": s if strength != 0 else None,
                "start": {x: start[x] for x in maps}}
