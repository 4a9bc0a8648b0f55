"""Dreaming, noisy examples and mixtures: laws of all variants, exact limits, and independently computed numbers."""

import functools
import math

import numpy as np
import pytest
import sympy
from scipy.optimize import brentq, minimize_scalar, root
from scipy.special import erf

import spinodal as sp
from spinodal.equations.compile import compile_expressions
from spinodal.phase_diagrams.state_slices import seeds_of

PLAIN = sp.Hopfield()
VARIANTS = {
    "plain": {}, "dreaming 0.1": {"dreaming": 0.1}, "dreaming 1": {"dreaming": 1}, "dreaming 10": {"dreaming": 10},
    "supervised": {"examples": 5, "quality": 0.8}, "unsupervised": {"examples": 5, "quality": 0.8, "supervised": False},
    "many examples": {"dataset_entropy": 0.1}, "mixture": {"mixture": 3},
    "supervised dreaming": {"examples": 5, "quality": 0.8, "dreaming": 1},
    "unsupervised dreaming": {"examples": 5, "quality": 0.8, "supervised": False, "dreaming": 1},
    "many examples dreaming": {"dataset_entropy": 0.1, "dreaming": 1},
    "mixture dreaming": {"mixture": 3, "dreaming": 1},
}
# points at which other tests need the states, too
POINTS = {"dreaming 1": (0.2, 0.3), "dreaming 10": (0.5, 0.1), "supervised": (0.03, 0.2), "many examples": (0.03, 0.2),
          "unsupervised dreaming": (0.05, 0.1), "many examples dreaming": (0.05, 0.1)}
MODELS = {name: sp.Hopfield(**parameters) for name, parameters in VARIANTS.items()}


@functools.cache
def states(model, alpha, temperature):
    return sp.fixed_points(model, alpha=alpha, temperature=temperature)


def the(model, alpha, temperature, name, stable=True):
    (point,) = [p for p in states(model, alpha, temperature) if (p.state, p.stable) == (name, stable)]
    return point


def seeds(model, along, others, window, kind):
    """Values of the control at seeds of a kind, by state."""
    found = seeds_of(model, along, others, window)
    return {(s.state, s.other): math.exp(s.controls[0]) for s in found if s.kind == kind}


def rule(parameters):
    """Features per alpha with their gains, and t, from the parameters of a model."""
    t, m, quality = (parameters.get(x, default) for x, default in (("dreaming", 0), ("examples", 1), ("quality", 1)))
    if parameters.get("supervised", True):
        return t, [(1, 1.0)]
    second = quality**2 + (1 - quality**2) / m
    return t, [(1, 1.0), (m - 1, (1 - quality**2) / (m * second))]


# ---- laws of every variant ----------------------------------------------------------------------------------------


def delta_0(alpha, t, modes):
    """Delta_0 = 1 + k Delta_0 sum alpha g/(epsilon Delta_0 + k g)."""
    k = t / (1 + t)

    def gap(d):
        return 1 + k * d * sum(alpha * n * g / ((1 - k) * d + k * g) for n, g in modes) - d

    return brentq(gap, 1, 1e6, xtol=1e-15)


@functools.cache
def stationarity(name):
    """The free entropy, its derivatives by temperature and by every order parameter, compiled."""
    model = MODELS[name]
    phi, temperature = model.free_entropy, model.own_controls[1]
    return compile_expressions([phi, phi.diff(temperature), *(phi.diff(x) for x in model.order_parameters)])


@pytest.mark.parametrize(("name", "alpha", "temperature"), [
    *((name, *POINTS.get(name, (0.02, 0.1))) for name in VARIANTS if not name.startswith("supervised")),
    ("plain", 0.3, 0.6)])
def test_states_are_stationary_points_of_the_free_entropy(name, alpha, temperature):
    """grad Phi = 0, Phi = free_entropy, and T^2 dPhi/dT = energy = f + T S."""
    model, (function, numbers) = MODELS[name], stationarity(name)
    found = states(model, alpha, temperature)
    assert found
    if alpha < 0.1:
        informative = "mixture of 3" if model.mixture > 1 else "retrieval"
        assert {p.state for p in found if p.stable} == {"spin glass", informative}
    for point in found:
        assert point.status is sp.Status.CONVERGED
        assert point.residual < 1e-12
        f, e, s = (point.observables[x] for x in ("free_energy", "energy", "entropy"))
        assert e == pytest.approx(f + temperature * s, abs=1e-14)
        assert point.free_entropy == pytest.approx(-f / temperature, rel=1e-14)
        at = {sympy.Symbol(x, real=True): value for x, value in (
            *point.order_parameters.items(), ("alpha", alpha), ("temperature", temperature))} | numbers
        at |= {p: delta_0(alpha, *rule(VARIANTS[name])) for p in function.parameters if p.name.endswith("Delta_0")}
        if point.order_parameters["r"] == 0:  # a field without variance: at the edge of what the average is written for
            at[sympy.Symbol("r", real=True)] = 1e-30
        found_values = function({p: np.array([at[p]]) for p in function.parameters}, scales=[1.0] * (
            2 + len(model.order_parameters)))
        phi, by_temperature, *gradient = found_values.values[:, 0]
        assert phi == pytest.approx(point.free_entropy, abs=1e-12 / temperature)
        assert temperature**2 * by_temperature == pytest.approx(e, abs=2e-12)
        reach = [max(abs(point.order_parameters[x.name]), 1e-6) for x in model.order_parameters]
        assert np.abs(np.array(gradient) * reach).max() < 2e-11 / temperature


@pytest.mark.parametrize("name", ["plain", "dreaming oo"])
def test_energies_are_derivatives(name):
    """S = -df/dT by differences, whose own error is f''' (1e-4)^2/6."""
    model = MODELS.get(name) or sp.Hopfield(dreaming=sympy.oo)
    alpha, temperature, step = 0.05, 0.1, 1e-4
    shifted = [sp.fixed_points(model, alpha=alpha, temperature=temperature + k * step) for k in (-1, 1)]
    for point in states(model, alpha, temperature):
        f = [next(p.observables["free_energy"] for p in found if (p.state, p.stable) == (point.state, point.stable)
                  and abs(p.order_parameters["m"] - point.order_parameters["m"]) < 0.1) for found in shifted]
        assert point.observables["entropy"] == pytest.approx((f[0] - f[1]) / (2 * step), abs=2e-6), point.state


@pytest.mark.parametrize("name", ["plain", "unsupervised", "mixture"])
def test_zero_temperature_is_joined(name):
    model = MODELS[name]
    cold, near = states(model, 0.02, 0.0), states(model, 0.02, 1e-7)
    assert sorted((p.state, p.stable) for p in cold) == sorted((p.state, p.stable) for p in near)
    for point in cold:
        (other,) = [p for p in near if (p.state, p.stable) == (point.state, point.stable)]
        for quantity in ("overlap", "self_overlap", "free_energy", "energy", "entropy"):
            assert other.observables[quantity] == pytest.approx(point.observables[quantity], abs=3e-6), quantity
        assert other.order_parameters == pytest.approx(point.order_parameters, rel=1e-5, abs=1e-5)
        assert point.observables["replicon"] == -math.inf
        assert point.observables["energy"] == pytest.approx(point.observables["free_energy"], rel=1e-14)
        assert point.free_entropy == math.inf


@pytest.mark.parametrize(("name", "temperature"), [
    ("plain", 0.1), ("dreaming 10", 0.0), ("unsupervised", 0.0), ("unsupervised dreaming", 0.0)])
def test_boltzmann_machine_counts_the_diagonal(name, temperature):
    """Its energy is lower by tr J/2N, and nothing else is different."""
    parameters, alpha = VARIANTS[name], 0.02
    t, modes = rule(parameters)
    if t:
        root_ = delta_0(alpha, t, modes)
        trace = (1 + t) * (root_ - 1) / (t * root_)
    else:
        trace = alpha * sum(n * g for n, g in modes)
    machine = states(sp.GaussianBernoulliRBM(**parameters), alpha, temperature)
    network = states(sp.Hopfield(**parameters), alpha, temperature)
    assert len(machine) == len(network) > 1
    for one, other in zip(machine, network, strict=True):
        assert one.order_parameters == pytest.approx(other.order_parameters, rel=1e-13)
        assert one.eigenvalues == pytest.approx(other.eigenvalues, rel=1e-11, abs=1e-13)
        assert (one.state, one.stable) == (other.state, other.stable)
        for quantity in ("free_energy", "energy"):
            assert other.observables[quantity] - one.observables[quantity] == pytest.approx(trace / 2, abs=2e-15)
        for quantity in ("entropy", "overlap", "replicon"):
            assert one.observables[quantity] == pytest.approx(other.observables[quantity], rel=1e-11, abs=1e-14)


# ---- the paramagnet is half the integral of the couplings' R-transform ---------------------------------------------


def r_transform(x, alpha, t, modes):
    """R(x) of (1 + t) J/(1 + t J) from that of J, sum alpha g/(1 - g x): z = (1 + t) u/(1 + t u) maps resolvents."""
    def r_0(g):
        return sum(alpha * n * a / (1 - a * g) for n, a in modes)

    def mapped(g):
        return (g + t * (1 + g * r_0(g))) * (1 + t * r_0(g)) / (1 + t)

    top = (1 - 1e-9) / max(a for _, a in modes)
    # where z is infinite
    bottom = brentq(lambda g: g + t * (1 + g * r_0(g)), -1e9, 0.5 * top, xtol=1e-15) if t else 0.0
    g = brentq(lambda g: mapped(g) - x, bottom, top, xtol=1e-15) if x else bottom
    return (1 + t) * r_0(g) / (1 + t * r_0(g))


@pytest.mark.parametrize(("name", "alpha", "temperature"), [
    ("plain", 0.2, 1.7), ("plain", 0.05, 30.0), ("dreaming 1", 0.2, 0.8), ("dreaming 1", 1.3, 0.8),
    ("dreaming 10", 0.2, 0.8), ("dreaming 10", 1.3, 0.8),
    ("unsupervised dreaming", 0.2, 0.8), ("unsupervised dreaming", 1.3, 0.8)])
def test_paramagnet_of_a_rotationally_invariant_ensemble(name, alpha, temperature):
    """ln Z/N = ln 2 + int_0^beta (R(x) - R(0)) dx/2 (Marinari, Parisi, Ritort, J. Phys. A 27, 7647 (1994))."""
    t, modes = rule(VARIANTS[name])
    beta = 1 / temperature
    nodes, weights = np.polynomial.legendre.leggauss(24)
    start = r_transform(0.0, alpha, t, modes)
    integral = sum(w * (r_transform(beta * (1 + x) / 2, alpha, t, modes) - start)
                   for x, w in zip(nodes, weights, strict=True))
    found = next(p for p in states(MODELS[name], alpha, temperature) if p.state == "paramagnet")
    assert found.stable
    assert found.free_entropy == pytest.approx(math.log(2) + beta / 4 * integral, abs=2e-13)
    assert found.observables["energy"] == pytest.approx(-(r_transform(beta, alpha, t, modes) - start) / 2, abs=1e-12)
    step = 1e-4 * beta
    slope = (r_transform(beta + step, alpha, t, modes) - r_transform(beta - step, alpha, t, modes)) / (2 * step)
    # the replicon of the text is 1 - beta^2 R' times a positive factor; both are 1 at beta = 0
    assert (found.observables["replicon"] > 0) == (beta**2 * slope < 1)


@pytest.mark.parametrize("parameters", [
    {}, {"dreaming": 3}, {"examples": 3, "quality": 0.7, "supervised": False},
    {"examples": 3, "quality": 0.7, "dreaming": 2},
    {"examples": 3, "quality": 0.7, "supervised": False, "dreaming": 2}], ids=str)
def test_real_networks_have_this_r_transform(parameters):
    """ln Z/N = ln 2 + beta^2 tr J^2/4N + beta^3 tr J^3/6N + ..., J drawn at random, without its diagonal."""
    alpha, size, rng = 0.2, 700, np.random.default_rng(3)
    m, quality, t = parameters.get("examples", 1), parameters.get("quality", 1.0), parameters.get("dreaming", 0)
    archetypes = rng.choice([-1.0, 1.0], (int(alpha * size), 1, size))
    examples = archetypes * np.where(rng.random((int(alpha * size), m, size)) < (1 + quality) / 2, 1.0, -1.0)
    second = quality**2 + (1 - quality**2) / m
    supervised = parameters.get("supervised", True)
    features = examples.mean(axis=1) if supervised else examples.reshape(-1, size) / math.sqrt(m)
    hebb = features.T @ features / (size * second)
    couplings = (1 + t) * np.linalg.solve(np.eye(size) + t * hebb, hebb)
    trace = np.trace(couplings) / size
    np.fill_diagonal(couplings, 0)
    square = couplings @ couplings
    step = 1e-3
    r = [r_transform(k * step, alpha, *rule(parameters)) for k in range(4)]
    slope = (-11 * r[0] + 18 * r[1] - 9 * r[2] + 2 * r[3]) / (6 * step)
    bend = (2 * r[0] - 5 * r[1] + 4 * r[2] - r[3]) / step**2
    assert trace == pytest.approx(r[0], rel=2 / size)
    assert np.trace(square) / size == pytest.approx(slope, rel=3 / size)
    assert (square * couplings).sum() / size == pytest.approx(bend / 2, rel=10 / size, abs=3 / size * slope)


# ---- dreaming -----------------------------------------------------------------------------------------------------

# (alpha, T, t): name, overlap, self-overlap, field/Delta, noise/Delta^2, f, e, S, replicon, den; independently with
# mpmath from Z = det^(1/2) sum int Dphi, where the replicon is that of the spins, the one here times den
DREAMING = {
    (0.2, 0.0, 1): {
        "retrieval": (0.999968113481040908, 1, 0.859747527159776097, 0.0427216161054128361, -0.429926802058187986,
                      -0.429926802058187986, -1.76704542983941734e-8, None, 0.954923928908820745),
        "spin glass": (0, 1, 0, 0.415600826393854878, -0.457856651847127727, -0.457856651847127727,
                       -0.14416230323164649, None, 2.08709322430990411)},
    (0.2, 0.3, 1): {
        "retrieval": (0.976100255216549518, 0.955485117746536061, 0.821319357769708413, 0.0510943902232447258,
                      -0.432867537219236928, -0.417382705881612048, 0.0516161044587495991, 0.981205149097995152,
                      0.972686831137691774),
        "spin glass": (0, 0.53037914713682778, 0, 0.190944320083696023, -0.454335105195999169, -0.413986191043481171,
                       0.134496380508393327, -0.362692787147016387, 2.9457423083419813)},
    (0.5, 0.1, 10): {
        "retrieval": (0.999883003612633442, 0.99976610787754374, 0.53731663187104184, 0.0050012467148998223,
                      -0.268955200483710789, -0.26889821386887178, 0.000569866148390081111, 0.999990914389519939,
                      0.637580722948132028)},
}


@pytest.mark.parametrize("where", DREAMING, ids=str)
def test_dreaming_against_an_independent_solution(where):
    alpha, temperature, t = where
    model = sp.Hopfield(dreaming=t)
    for name, (m, q, field, noise, free, energy, entropy, replicon, den) in DREAMING[where].items():
        found = the(model, alpha, temperature, name)
        delta = 1 + t / (1 + t) * found.order_parameters["w"]
        truth = {"overlap": m, "self_overlap": q, "free_energy": free, "energy": energy, "entropy": entropy}
        for quantity, value in truth.items():
            assert found.observables[quantity] == pytest.approx(value, rel=1e-14, abs=3e-15), (name, quantity)
        assert found.order_parameters["m"] / delta == pytest.approx(field, rel=1e-13)
        assert alpha * found.order_parameters["r"] / delta**2 == pytest.approx(noise, rel=1e-12)
        if replicon is not None:
            assert found.observables["replicon"] == pytest.approx(replicon * den, rel=1e-12)


def test_dreaming_paramagnet_independently():
    found = next(p for p in states(sp.Hopfield(dreaming=10), 0.5, 0.1) if p.state == "paramagnet")
    assert found.stable
    assert found.observables["free_energy"] == pytest.approx(-0.265192412839075951, rel=1e-14)
    assert found.observables["energy"] == pytest.approx(-0.251399069681464103, rel=1e-14)
    assert found.observables["entropy"] == pytest.approx(0.137933431576118475, rel=1e-13)
    assert 1 + 10 / 11 * found.order_parameters["w"] == pytest.approx(8.54142223240201424, rel=1e-13)


def capacity(t):
    """Largest alpha at T = 0, from the equations of a rotationally invariant ensemble (Delta - 1 = t R/((1 + t) ...)).

    Along X = field/noise: mu = erf, chi = 2 N(0), R = (1 + t)(Delta - 1)/(t Delta) and (Delta - 1)(Delta^2 + t Delta -
    (1 + t) chi) = alpha t Delta^2; noise^2 = R'(chi) (1 - mu^2 (1 - Delta^2/(Delta + t)^2)).
    """
    def at(x):
        mu = erf(x / math.sqrt(2))

        def pieces(delta):
            noise = (1 + t) * mu / (delta * (delta + t)) / x
            chi = math.sqrt(2 / math.pi) * math.exp(-x * x / 2) / noise
            alpha = (delta - 1) * (delta**2 + t * delta - (1 + t) * chi) / (t * delta**2)
            slope = delta**2 + t * delta - (1 + t) * chi + (delta - 1) * (2 * delta + t) - 2 * alpha * t * delta
            prime = (1 + t) / (t * delta**2) * (1 + t) * (delta - 1) / slope
            return noise**2 - prime * (1 - mu**2 * (1 - delta**2 / (delta + t) ** 2)), alpha

        grid = 1 + np.geomspace(1e-4, 100, 400)
        gaps = [pieces(d)[0] for d in grid]
        k = next(k for k in range(399) if gaps[k] > 0 > gaps[k + 1] and pieces(grid[k])[1] > 0)
        return pieces(brentq(lambda d: pieces(d)[0], grid[k], grid[k + 1], xtol=1e-15))[1]

    best = minimize_scalar(lambda x: -at(x), bounds=(1.8, 4.5), method="bounded", options={"xatol": 1e-8})
    return -best.fun


@pytest.mark.parametrize(("t", "literature"), [(0.1, 0.1651), (1, 0.3866), (10, 0.8697)])
def test_capacity_of_dreaming_networks(t, literature):
    """Fachechi, Agliari, Barra, Neural Networks 112, 24 (2019): dreaming extends retrieval towards alpha = 1."""
    truth = capacity(t)
    assert truth == pytest.approx(literature, abs=1e-4)
    found = seeds(sp.Hopfield(dreaming=t), "alpha", {"temperature": 0}, (0.01, 3.0), "spinodal")
    assert found == pytest.approx({("retrieval", ""): truth}, rel=1e-11)


@pytest.mark.parametrize(("t", "truth"), [(150, 1.05516675158188473), (1000, 1.06814047640454816)])
def test_capacity_after_long_dreams(t, truth):
    """Computed independently with mpmath: it passes 1, where the projector's ends."""
    found = seeds(sp.Hopfield(dreaming=t), "alpha", {"temperature": 0}, (0.01, 3.0), "spinodal")
    assert found == pytest.approx({("retrieval", ""): truth}, rel=1e-11)


@pytest.mark.parametrize(("t", "where", "kind", "truth"), [
    (1, {"temperature": 0}, "first_order", 0.13671868345429652601),
    (1, {"alpha": 0.2}, "spinodal", 0.38128718887530484223)])
def test_lines_of_dreaming_networks(t, where, kind, truth):
    """Computed independently with mpmath."""
    along = "alpha" if "temperature" in where else "temperature"
    found = seeds(sp.Hopfield(dreaming=t), along, where, (0.05, 2.0), kind)
    assert list(found.values()) == pytest.approx([truth], rel=1e-11)


@pytest.mark.parametrize(("t", "alpha"), [(1, 0.2), (10, 0.5)])
def test_glass_temperature_of_dreaming_networks(t, alpha):
    """The largest eigenvalue of the couplings condenses: R(1/T) + T = its value."""
    a = math.sqrt(alpha)
    truth = (1 + t) * (1 + a) / ((1 + t * a * (1 + a)) * (1 + t * (1 + a) ** 2))
    for factor, sign in ((1 + 1e-3, 1), (1 - 1e-3, -1)):
        found = [p for p in sp.fixed_points(sp.Hopfield(dreaming=t), alpha=alpha, temperature=factor * truth)
                 if p.state == "paramagnet"]
        assert math.copysign(1, found[0].observables["replicon"]) == sign
        assert found[0].stable == (sign > 0)
    largest = (1 + t) * (1 + a) ** 2 / (1 + t * (1 + a) ** 2)
    assert r_transform(1 / truth, alpha, t, [(1, 1.0)]) + truth == pytest.approx(largest, rel=1e-7)


@pytest.mark.parametrize(("alpha", "temperature"), [(0.05, 0.0), (0.05, 0.2)])
def test_short_dreams_are_hebbs_rule(alpha, temperature):
    plain, dreamt = states(PLAIN, alpha, temperature), states(sp.Hopfield(dreaming=1e-9), alpha, temperature)
    assert [(p.state, p.stable) for p in plain] == [(p.state, p.stable) for p in dreamt]
    for one, other in zip(plain, dreamt, strict=True):
        for quantity, value in one.observables.items():
            assert other.observables[quantity] == pytest.approx(value, rel=3e-8, abs=1e-8), quantity
        for x in ("m", "q", "r"):
            assert other.order_parameters[x] == pytest.approx(one.order_parameters[x], rel=1e-7, abs=1e-8)


# ---- the projector ------------------------------------------------------------------------------------------------

PROJECTOR = sp.Hopfield(dreaming=sympy.oo)


@pytest.mark.parametrize("alpha", [0.01, 0.2, 0.7, 0.99, 0.9999])
def test_projector_at_zero_temperature(alpha):
    """A pattern is an eigenvector of eigenvalue 1: m = 1, e = -(1 - alpha)/2 without the diagonal, up to alpha = 1."""
    found = the(PROJECTOR, alpha, 0.0, "retrieval")
    assert found.observables["overlap"] == found.observables["self_overlap"] == 1
    assert found.observables["energy"] == pytest.approx(-(1 - alpha) / 2, rel=1e-12)
    assert found.observables["entropy"] == pytest.approx(0, abs=1e-15)
    assert found.observables["replicon"] == pytest.approx(1 - alpha, rel=1e-12)


@pytest.mark.parametrize("temperature", [0.05, 0.2])
def test_projector_retrieves_without_noise(temperature):
    """m = tanh(m/tau) with tau = T Delta, Delta = 1 + alpha Delta/(1 - C), C = (1 - m^2)/tau."""
    alpha = 0.3

    def equations(x):
        m, delta = x
        tau = temperature * delta
        return [m - math.tanh(m / tau), delta - 1 - alpha * delta / (1 - (1 - m * m) / tau)]

    m, _ = root(equations, [1.0, 1 / (1 - alpha)], tol=1e-14).x
    found = the(PROJECTOR, alpha, temperature, "retrieval")
    assert found.observables["overlap"] == pytest.approx(m, rel=1e-12)
    assert found.observables["self_overlap"] == pytest.approx(m * m, rel=1e-12)


def test_projector_and_zero_temperature_do_not_commute():
    """Any finite dream retrieves beyond the projector's alpha = 1 at T = 0."""
    assert the(sp.Hopfield(dreaming=1000), 1.05, 0.0, "retrieval").observables["overlap"] > 0.999
    assert the(PROJECTOR, 0.9999, 0.0, "retrieval").observables["overlap"] == 1


def test_projector_is_the_limit_of_dreaming():
    for name in ("retrieval", "spin glass", "paramagnet"):
        limit, long = (the(sp.Hopfield(dreaming=t), 0.1, 0.05, name) for t in (sympy.oo, 1000))
        for quantity in ("overlap", "self_overlap", "free_energy", "energy", "entropy"):
            assert long.observables[quantity] == pytest.approx(limit.observables[quantity], rel=3e-3, abs=1e-3), name


@pytest.mark.parametrize("alpha", [0.1, 0.3, 0.36])
def test_glass_of_the_projector_ends(alpha):
    """At T = 0 the glass of the projector exists below alpha = 1 - 2/pi, where its noise diverges."""
    found = the(PROJECTOR, alpha, 0.0, "spin glass")
    assert found.observables["energy"] > -(1 - alpha) / 2
    assert not [p for p in states(PROJECTOR, 1 - 2 / math.pi + 1e-3, 0.0) if p.state == "spin glass"]
    if alpha == 0.36:
        edge = states(PROJECTOR, 1 - 2 / math.pi - 1e-4, 0.0)
        assert {p.state for p in edge} == {"spin glass", "retrieval"}
        assert edge[1].observables["energy"] == pytest.approx(-1 / math.pi, abs=1e-4)


def test_free_entropy_of_the_projector_is_refused_with_its_cure():
    with pytest.raises(ValueError, match="dreaming = oo.*finite"):
        PROJECTOR.free_entropy  # noqa: B018


# ---- examples -----------------------------------------------------------------------------------------------------

# model: (alpha, T), kind: overlap, self-overlap, field, noise, f, e, S, replicon (None: T = 0); independently by mpmath
EXAMPLES = [
    ({"dataset_entropy": 0.1}, (0.03, 0.2), "retrieval", 0.977755038992955491, 0.970986277712153195,
     0.944711762360323304, 0.0398539913623323705, -0.457240402127701544, -0.451676206174026119,
     0.0278209797683771241, 0.985576044032322161),
    ({"dataset_entropy": 0.1}, (0.03, 0.2), "spin glass", 0, 0.833583083626429142, 0, 0.886929289161421137,
     -0.461001769363770116, -0.443330782386108918, 0.0883549348883059871, -1.98322314305546824),
    ({"examples": 5, "quality": 0.8}, (0.03, 0.2), "retrieval", 0.948325911595223324, 0.954672130736519687,
     0.939367677249169021, 0.0478863079387672042, -0.458923369324573325, -0.451028143800879492, 0.039476127618469165,
     0.966281783562434746),
    ({"examples": 5, "quality": 0.8}, (0.03, 0.0), "retrieval", 0.963651863184440436, 1, 0.946695802237041758,
     0.0448336028660570494, -0.455533272419646564, -0.455533272419646564, -0.000323971886796543856, None),
    ({"examples": 5, "quality": 0.8, "supervised": False}, (0.02, 0.1), "retrieval", 0.966689502482331882,
     0.982662200573070649, 0.947702797119001281, 0.0295949247087877639, -0.455243374344032076, -0.453805461918138163,
     0.0143791242589391229, 0.966526290659147174),
    ({"examples": 5, "quality": 0.8, "supervised": False}, (0.02, 0.1), "spin glass", 0, 0.914558796028112886, 0,
     0.863856462514269841, -0.431169767450236505, -0.428114219507498511, 0.0305554794273799414, -4.39571912954717187),
    ({"examples": 5, "quality": 0.8, "supervised": False}, (0.02, 0.0), "retrieval", 0.970685851281073313, 1,
     0.948970889864869978, 0.0291618977765335301, -0.454565039545847487, -0.454565039545847487,
     -0.000165614060290310646, None),
    ({"dataset_entropy": 0.1, "dreaming": 1}, (0.05, 0.1), "retrieval", 0.993859050801533299, 0.994163690063485808,
     0.915289881264418732, 0.0167508644911623493, -0.43835468286824619, -0.437826230205821887, 0.00528452662424303007,
     0.982880707495251737 * 0.989445216559838735),
    ({"examples": 5, "quality": 0.8, "supervised": False, "dreaming": 1}, (0.05, 0.1), "retrieval",
     0.968020071011410444, 0.981831487975207274, 0.881158008147748582, 0.0219500926823372901, -0.426551281501070596,
     -0.425063839674641038,
     0.014874418264295575, 0.921154430573112827 * 0.994193244128863479),
]


@pytest.mark.parametrize(("parameters", "where", "name", "m", "q", "field", "noise", "f", "e", "s", "replicon"),
                         EXAMPLES, ids=[f"{p}-{w}-{n}" for p, w, n, *_ in EXAMPLES])
def test_examples_against_an_independent_solution(parameters, where, name, m, q, field, noise, f, e, s, replicon):
    found = the(sp.Hopfield(**parameters), *where, name)
    truth = {"overlap": m, "self_overlap": q, "free_energy": f, "energy": e, "entropy": s}
    for quantity, value in truth.items():
        assert found.observables[quantity] == pytest.approx(value, rel=3e-14, abs=1e-14), quantity
    if replicon is not None:
        assert found.observables["replicon"] == pytest.approx(replicon, rel=1e-12)
    t = parameters.get("dreaming", 0)
    delta = 1 + t / (1 + t) * found.order_parameters.get("w", 0)
    assert found.order_parameters["m"] / delta == pytest.approx(field, rel=1e-13)
    assert where[0] * found.order_parameters["r"] / delta**2 == pytest.approx(noise, rel=1e-12)


@pytest.mark.parametrize(("parameters", "truth"), [
    ({"dataset_entropy": 0.1}, 0.07154129674411747459), ({"dataset_entropy": 0.3}, 0.022488264884324160976),
    ({"dataset_entropy": 0.1125}, 0.066042124810522431889), ({"examples": 5, "quality": 0.8}, 0.069953058691381625504),
    ({"examples": 5, "quality": 0.8, "supervised": False}, 0.068846524234278373967),
    ({"dataset_entropy": 0.1, "dreaming": 1}, 0.18360024117366076835),
    ({"examples": 5, "quality": 0.8, "dreaming": 1}, 0.17672125872406313996),
    ({"examples": 5, "quality": 0.8, "supervised": False, "dreaming": 1}, 0.16360969856846026917),
], ids=str)
def test_capacity_of_networks_that_learn_from_examples(parameters, truth):
    """Computed independently with mpmath; examples cost capacity (Alemanno et al., EPL 141, 11001 (2023))."""
    found = seeds(sp.Hopfield(**parameters), "alpha", {"temperature": 0}, (1e-3, 2.0), "spinodal")
    assert found == pytest.approx({("retrieval", ""): truth}, rel=1e-12)


@pytest.mark.parametrize(("parameters", "alpha", "temperature"), [
    ({"examples": 5, "quality": 1}, 0.05, 0.2),
    ({"examples": 5, "quality": 1, "supervised": False}, 0.05, 0.0)], ids=str)
def test_perfect_examples_are_patterns(parameters, alpha, temperature):
    perfect = states(sp.Hopfield(**parameters), alpha, temperature)
    for one, other in zip(states(PLAIN, alpha, temperature), perfect, strict=True):
        assert (one.state, one.stable) == (other.state, other.stable)
        assert one.order_parameters == pytest.approx(other.order_parameters, rel=1e-12)
        assert one.observables == pytest.approx(other.observables, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(("supervised", "alpha", "temperature"), [(True, 0.05, 0.2), (False, 0.05, 0.0)])
def test_a_single_example_is_stored_in_the_place_of_its_archetype(supervised, alpha, temperature):
    model = sp.Hopfield(examples=1, quality=0.3, supervised=supervised)
    for one, other in zip(states(PLAIN, alpha, temperature), states(model, alpha, temperature), strict=True):
        assert one.order_parameters == pytest.approx(other.order_parameters, rel=1e-12)
        assert other.observables["overlap"] == pytest.approx(0.3 * one.observables["overlap"], rel=1e-12)
        assert other.observables["free_energy"] == pytest.approx(one.observables["free_energy"], rel=1e-13)


@pytest.mark.parametrize("temperature", [0.0, 0.2])
def test_no_dataset_entropy_is_plain(temperature):
    """f is left linearly, with the slope rho m^2 (1 - beta(1 - q))/2 of a field that loses its variance."""
    gaps = []
    for rho in (2e-5, 1e-5):
        near, plain = (the(m, 0.05, temperature, "retrieval") for m in (sp.Hopfield(dataset_entropy=rho), PLAIN))
        gaps.append(near.observables["free_energy"] - plain.observables["free_energy"])
    m, q = plain.order_parameters["m"], plain.order_parameters["q"]
    c = (1 - q) / temperature if temperature else 1 - math.sqrt(q / plain.order_parameters["r"])
    assert gaps[1] == pytest.approx(1e-5 * m * m * (1 - c) / 2, rel=1e-3)
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=1e-3)


def test_many_examples_are_the_limit_of_more_and_more():
    """At fixed dataset entropy the supervised rule tends to its Gaussian limit like 1/M."""
    rho = 0.1
    limit = the(sp.Hopfield(dataset_entropy=rho), 0.02, 0.0, "retrieval")
    gaps = []
    for m in (4, 8, 16):
        found = the(sp.Hopfield(examples=m, quality=1 / math.sqrt(1 + m * rho)), 0.02, 0.0, "retrieval")
        gaps.append(found.observables["free_energy"] - limit.observables["free_energy"])
    assert abs(gaps[-1]) < 1e-3
    assert gaps[1] / gaps[2] == pytest.approx(2, rel=0.3)


@pytest.mark.parametrize("supervised", [True, False])
def test_many_examples_of_one_quality_show_the_archetypes(supervised):
    """M to infinity at fixed quality: the noise of examples averages out, of both rules, like 1/M."""
    plain, quality = the(PLAIN, 0.02, 0.0, "retrieval"), 0.98
    gaps = []
    for m in (6, 12):
        found = the(sp.Hopfield(examples=m, quality=quality, supervised=supervised), 0.02, 0.0, "retrieval")
        gaps.append(found.observables["free_energy"] - plain.observables["free_energy"])
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.1)
    # the field of an archetype is weaker by R = quality^2 + (1 - quality^2)/M
    assert gaps[-1] == pytest.approx((1 / quality**2 - 1) / (2 * 12), rel=0.1)


def test_supervision_helps():
    """Both rules see the same examples; the one that averages them first has less noise and more capacity."""
    for alpha, temperature in ((0.05, 0.0), (0.02, 0.0)):
        one, other = (the(MODELS[name], alpha, temperature, "retrieval") for name in ("supervised", "unsupervised"))
        assert one.observables["overlap"] > other.observables["overlap"]
        assert one.order_parameters["r"] < other.order_parameters["r"]
        glasses = [the(MODELS[name], alpha, temperature, "spin glass") for name in ("supervised", "unsupervised")]
        assert glasses[0].observables["energy"] > glasses[1].observables["energy"]


@pytest.mark.parametrize("temperature", [0.0, 0.2])
def test_examples_of_few_archetypes(temperature):
    """alpha = 0: mu = E S tanh(mu S/T) over the binomial law of S."""
    m, quality = 3, 0.8
    ups = np.arange(m + 1)
    weights = np.array([math.comb(m, k) for k in ups]) * ((1 + quality) / 2) ** ups * ((1 - quality) / 2) ** (m - ups)
    law = (2 * ups - m) / m / math.sqrt(quality**2 + (1 - quality**2) / m)

    def spin(mu):
        return np.tanh(mu * law / temperature) if temperature else np.sign(law)

    mu = brentq(lambda mu: weights @ (law * spin(mu)) - mu, 0.3, 2)
    for supervised in (True, False):
        found = the(sp.Hopfield(examples=m, quality=quality, supervised=supervised), 0.0, temperature, "retrieval")
        assert found.order_parameters["m"] == pytest.approx(mu, rel=1e-12)
        assert found.observables["overlap"] == pytest.approx(weights @ spin(mu), rel=1e-12)
        assert found.observables["self_overlap"] == pytest.approx(weights @ spin(mu) ** 2, rel=1e-12)
        assert found.observables["energy"] == pytest.approx(-mu * mu / 2, rel=1e-12)


# ---- parameters as controls ---------------------------------------------------------------------------------------


def test_parameters_may_be_controls():
    t, rho, quality = sympy.symbols("t rho quality")
    dreamt = sp.fixed_points(sp.Hopfield(dreaming=t), alpha=0.2, temperature=0.3, t=[0, 1])
    for found, model in zip(dreamt, (PLAIN, MODELS["dreaming 1"]), strict=True):
        truth = states(model, 0.2, 0.3)
        assert [(p.state, p.order_parameters) for p in found] == [(p.state, p.order_parameters) for p in truth]
    assert dreamt[1][0].controls == {"alpha": 0.2, "temperature": 0.3, "t": 1}
    (entropic, plain) = sp.fixed_points(sp.Hopfield(dataset_entropy=rho), alpha=0.05, temperature=0.0, rho=[0.1, 0])
    assert [p.observables for p in entropic] == [p.observables for p in states(MODELS["many examples"], 0.05, 0.0)]
    assert [p.observables for p in plain] == [p.observables for p in states(PLAIN, 0.05, 0.0)]
    shown = sp.fixed_points(sp.Hopfield(examples=5, quality=quality), alpha=0.05, temperature=0.0, quality=0.8)
    assert [p.observables for p in shown] == [p.observables for p in states(MODELS["supervised"], 0.05, 0.0)]
    assert sp.Hopfield(dreaming=t).controls[2:] == (sympy.Symbol("t", real=True),)


def test_equal_models_are_equal():
    assert sp.Hopfield(dreaming=0.0) == sp.Hopfield() != sp.GaussianBernoulliRBM()
    assert sp.Hopfield(dreaming=math.inf) == PROJECTOR
    assert hash(sp.Hopfield(dreaming=np.float64(1))) == hash(MODELS["dreaming 1"])


@pytest.mark.parametrize("name", ["plain", "unsupervised", "dreaming 1", "mixture"])
def test_models_print_as_latex(name):
    text = MODELS[name]._repr_latex_()
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")
    assert r"\log" in text


# ---- found by trying to break it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1.0, [0.2, 1.2]], ids=str)
def test_the_projector_on_everything_is_refused(alpha):
    with pytest.raises(ValueError, match=r"alpha = 1\.\d with dreaming = inf.*give alpha below 1"):
        sp.fixed_points(PROJECTOR, alpha=alpha, temperature=0.3)


def test_replicon_of_few_archetypes_at_zero_temperature():
    (found,) = sp.fixed_points(MODELS["many examples"], alpha=0, temperature=0)
    assert found.observables["replicon"] == 1


@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_few_archetypes_with_a_large_dataset_entropy(temperature):
    """S is normal: m = sqrt(2/pi) at T = 0."""
    found = sp.fixed_points(sp.Hopfield(dataset_entropy=1000), alpha=0, temperature=temperature)
    (point,) = [p for p in found if p.state == "retrieval"]
    if temperature == 0:
        assert point.order_parameters["m"] == pytest.approx(math.sqrt(2 / math.pi), rel=1e-3)


@pytest.mark.xfail(strict=True, reason="spins on which an even mixture exerts no field are free, and get a sign")
def test_even_mixture_at_zero_temperature():
    even = sp.Hopfield(mixture=2)
    (cold,) = sp.fixed_points(even, alpha=0, temperature=0)
    near = next(p for p in sp.fixed_points(even, alpha=0, temperature=1e-3) if p.state == "mixture of 2")
    assert cold.stable == near.stable
    assert cold.observables["self_overlap"] == pytest.approx(near.observables["self_overlap"], abs=1e-3)
    assert cold.observables["entropy"] == pytest.approx(near.observables["entropy"], abs=1e-3)


def test_examples_that_are_patterns_of_their_own():
    """Two examples with the quality to zero are two patterns; their archetype is a mixture of two, never stable."""
    found = sp.fixed_points(sp.Hopfield(examples=2, quality=1e-6, supervised=False), alpha=0, temperature=0.1)
    truth = sp.fixed_points(sp.Hopfield(mixture=2), alpha=0, temperature=0.1)
    assert found[0].free_entropy == pytest.approx(truth[0].free_entropy, rel=1e-9)
    assert found[0].stable == truth[0].stable


def test_response_of_the_shape_of_examples():
    """Computed independently with mpmath: 1 - 0.9419974 at alpha = 0.02, T = 0.1."""
    found = the(sp.Hopfield(examples=5, quality=0.8, supervised=False), 0.02, 0.1, "retrieval")
    assert any(value == pytest.approx(1 - 0.9419974261110724571942865, rel=1e-10) for value in found.eigenvalues)


def test_first_order_line_of_the_cold_projector():
    """At T = 0.001 retrieval is below the paramagnet at alpha = 0.8, above it at 0.85."""
    low, high = (sp.equilibrium(PROJECTOR, alpha=a, temperature=1e-3).state for a in (0.8, 0.85))
    assert (low, high) == ("retrieval", "paramagnet")
    (value,) = seeds(PROJECTOR, "alpha", {"temperature": 1e-3}, (1e-3, 0.999999), "first_order").values()
    assert 0.8 < value < 0.85


@pytest.mark.xfail(strict=True, reason="a law much narrower than its mean is known to few digits")
def test_hardly_any_dataset_entropy_of_few_archetypes():
    found = sp.fixed_points(sp.Hopfield(dataset_entropy=1e-12), alpha=0, temperature=0.1)
    assert all(p.status.good for p in found)


@pytest.mark.parametrize("t", [1e-7, 1e-10, 1e-13])
def test_very_short_dreams(t):
    """f is left with the slope 0.05048 in t."""
    plain, dreamt = (the(m, 0.05, 0.2, "retrieval") for m in (PLAIN, sp.Hopfield(dreaming=t)))
    gap = dreamt.observables["free_energy"] - plain.observables["free_energy"]
    assert abs(gap - 0.0504905 * t) <= 1e-6 * t + 10 * dreamt.error
