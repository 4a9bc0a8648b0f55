"""Laws that hold for every prior and channel, against integrals written here from the textbook definition.

f(m, mhat) = Phi_P(mhat) + alpha Phi_out(m) - m mhat/2, P(y|z) = E_xi N(y; phi(z + sqrt(input_noise) xi), noise).
Nothing of the package's theory enters the reference: priors are nodes and weights in x, channels are functions of
h, all integrals are Gauss-Legendre panels.
"""

import functools

import numpy as np
import pytest
import sympy
from scipy.special import xlogy

import spinodal as sp
from spinodal.equations.compile import compile_expressions
from spinodal.theory.evidence import EvidenceMean, information, u

A, V, M, R = sympy.symbols("A V M R", positive=True)
GL = np.polynomial.legendre.leggauss(24)


def panels(edges, count):
    """Gauss-Legendre nodes and weights on `count` equal panels of every interval between edges."""
    cuts = np.concatenate([np.linspace(a, b, count + 1)[:-1] for a, b in zip(edges, edges[1:], strict=False)]
                          + [[edges[-1]]])
    half, centre = 0.5 * np.diff(cuts), 0.5 * (cuts[1:] + cuts[:-1])
    return (centre[:, None] + half[:, None] * GL[0]).ravel(), (half[:, None] * GL[1]).ravel()


def normal(x, mean, variance):
    return np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


def value(expression, values=None, tolerance=1e-12, scale=0.0):
    compiled, constants = compile_expressions([sympy.sympify(expression)])
    result = compiled({**{p: v for p, v in (values or {}).items() if p in compiled.parameters}, **constants},
                      tolerance=tolerance, scales=[scale])
    assert result.converged.all()
    return float(result.values[0, 0])


# ---- priors -------------------------------------------------------------------------------------------------------

# name: (the package's, weights, means, variances)
PRIORS = {
    "gaussian": (lambda: sp.Gaussian(), [1], [0], [1]),
    "gaussian shifted": (lambda: sp.Gaussian(0.5, variance=0.3), [1], [0.5], [0.3]),
    "rademacher": (lambda: sp.Rademacher(), [0.5, 0.5], [1, -1], [0, 0]),
    "gauss-bernoulli": (lambda: sp.GaussBernoulli(0.2), [0.8, 0.2], [0, 0], [0, 1]),
    "gauss-bernoulli of variance 5": (lambda: sp.GaussBernoulli(0.1, variance=5), [0.9, 0.1], [0, 0], [0, 5]),
    "sparse rademacher": (lambda: sp.SparseRademacher(0.3, amplitude=2), [0.7, 0.15, 0.15], [0, 2, -2], [0, 0, 0]),
    "bernoulli": (lambda: sp.Bernoulli(0.4), [0.6, 0.4], [0, 1], [0, 0]),
    "discrete": (lambda: sp.Discrete([-1, 0.5, 2], [0.5, 0.2, 0.3]), [0.5, 0.2, 0.3], [-1, 0.5, 2], [0, 0, 0]),
    "mixture": (lambda: sp.GaussianMixture([0.3, 0.5, 0.2], means=[-1, 0.3, 1], variances=[0.2, 1, 0]),
                [0.3, 0.5, 0.2], [-1, 0.3, 1], [0.2, 1, 0]),
}


def prior_nodes(weights, means, variances):
    """The law of x as nodes and probabilities."""
    x, p = [], []
    for w, mu, s in zip(weights, means, variances, strict=True):
        if s == 0:
            x, p = [*x, mu], [*p, w]
        else:
            nodes, g = panels([mu - 9 * np.sqrt(s), mu + 9 * np.sqrt(s)], 24)
            x, p = [*x, *nodes], [*p, *(w * g * normal(nodes, mu, s))]
    return np.array(x), np.array(p)


@functools.cache
def prior_by_hand(name, precision):
    """Phi_P, overlap E<x>^2, mmse, and mutual information at a precision."""
    _, *law = PRIORS[name]
    x, p = prior_nodes(*law)
    reach = 9.5 * np.sqrt(precision)
    b, w = panels([precision * min(x[p > 1e-18]) - reach, precision * max(x[p > 1e-18]) + reach], 60)
    tilt = p * np.exp(b[:, None] * x - precision * x**2 / 2 - b[:, None] ** 2 / (2 * precision))
    z = tilt.sum(-1)
    density = z / np.sqrt(2 * np.pi * precision)
    log_z = np.log(np.maximum(z, 1e-300)) + b**2 / (2 * precision)
    mean = tilt @ x / np.maximum(z, 1e-300)
    spread = tilt @ x**2 / np.maximum(z, 1e-300) - mean**2
    phi = (w * density * log_z).sum()
    rho = p @ x**2
    return phi, (w * density * mean**2).sum(), (w * density * spread).sum(), rho * precision / 2 - phi, rho


@pytest.mark.parametrize("precision", [0.01, 0.7, 4.0, 25.0])
@pytest.mark.parametrize("name", PRIORS)
def test_prior_against_its_definition(name, precision):
    prior = PRIORS[name][0]()
    phi, overlap, mmse, info, rho = prior_by_hand(name, precision)
    assert float(prior.second_moment) == pytest.approx(rho, rel=1e-13)
    at = {A: precision}
    assert value(EvidenceMean(u[0], prior.law, A), at) == pytest.approx(phi, abs=2e-12 * (1 + abs(phi)))
    assert value(prior.overlap(A), at) == pytest.approx(overlap, rel=1e-11, abs=1e-13)
    assert value(prior.mmse(A), at) == pytest.approx(mmse, rel=1e-10, abs=1e-13)
    assert value(prior.information(A), at) == pytest.approx(info, rel=1e-10, abs=3e-13)


@pytest.mark.parametrize("name", PRIORS)
def test_prior_identities(name):
    prior = PRIORS[name][0]()
    at = {A: 1.7}
    # total variance
    assert value(prior.overlap(A) + prior.mmse(A), at) == pytest.approx(float(prior.second_moment), rel=1e-13)
    # I-MMSE, and its relatives: dPhi_P/dA = overlap/2, d mmse/dA = -E (var)^2
    assert value(prior.information(A).diff(A) - prior.mmse(A) / 2, at, scale=1) == pytest.approx(0, abs=1e-13)
    assert value(EvidenceMean(u[0], prior.law, A).diff(A) - prior.overlap(A) / 2, at, scale=1) == pytest.approx(
        0, abs=1e-13)
    assert value(prior.mmse(A).diff(A) + EvidenceMean(u[2] ** 2, prior.law, A), at, scale=1) == pytest.approx(
        0, abs=1e-13)


MOMENTS = [u[0], u[1] ** 2, u[2], u[2] ** 2, u[1] ** 2 * u[2], u[1] ** 4]


@pytest.mark.parametrize("name", PRIORS)
def test_rate_rule_of_priors_against_finite_differences(name):
    """d/dA of every moment: the symbolic rule against differences of the averages themselves."""
    law, step = PRIORS[name][0]().law, 2e-3
    compiled, constants = compile_expressions([EvidenceMean(moment, law, A) for moment in [*MOMENTS, information]])
    rates, more = compile_expressions([EvidenceMean(moment, law, A).diff(A) for moment in [*MOMENTS, information]])
    stencil = np.array([-3, -2, -1, 1, 2, 3])
    values = compiled({A: 0.8 + step * stencil, **constants}).values
    slope = values @ np.array([-1, 9, -45, 45, -9, 1]) / (60 * step)
    got = rates({A: 0.8, **more}, scales=[1.0] * 7).values[:, 0]
    np.testing.assert_allclose(got, slope, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name in ("mixture", "discrete") else name
                                  for name in PRIORS])
def test_rate_rule_agrees_with_naive_differentiation(name):
    """The identities against the chain rule on the written-out Gaussian averages (two symbolic routes)."""
    law = PRIORS[name][0]().law
    mean = EvidenceMean(u[1] ** 2, law, A)
    naive = mean.doit(closed=False).diff(A)
    assert value(naive, {A: 1.3}, scale=1) == pytest.approx(value(mean.diff(A), {A: 1.3}, scale=1), rel=1e-11, abs=1e-12)


def test_derivative_by_a_parameter_of_the_prior():
    rho = sympy.Symbol("rho", real=True)
    information_ = sp.GaussBernoulli(rho).information(A)
    step, at = 1e-3, {A: 2.0}
    values = [value(information_, {**at, rho: 0.3 + k * step}) for k in (-3, -2, -1, 1, 2, 3)]
    slope = np.dot(values, [-1, 9, -45, 45, -9, 1]) / (60 * step)
    assert value(information_.diff(rho), {**at, rho: 0.3}) == pytest.approx(slope, rel=1e-9)


# ---- channels -----------------------------------------------------------------------------------------------------

INF = np.inf
LINE = [(-INF, INF, 1, 0)]
SIGN = [(-INF, 0, 0, -1), (0, INF, 0, 1)]
ABS = [(-INF, 0, -1, 0), (0, INF, 1, 0)]
RELU = [(-INF, 0, 0, 0), (0, INF, 1, 0)]
TANH = [(-INF, -1, 0, -1), (-1, 1, 1, 0), (1, INF, 0, 1)]
DOOR = [(-INF, -0.67, 0, 1), (-0.67, 0.67, 0, -1), (0.67, INF, 0, 1)]
CLIPPED = [(-INF, -1.2, 0, 1.2), (-1.2, 0, -1, 0), (0, 1.2, 1, 0), (1.2, INF, 0, 1.2)]
ZIGZAG = [(-INF, -1, 0.5, 0.5), (-1, 0.2, -1, -1), (0.2, 1.5, 2, -1.6), (1.5, INF, 0.25, 1.025)]
JUMPS = [(-INF, -0.5, 1, 0), (-0.5, 0.4, 0, 0.3), (0.4, 1, -2, 1), (1, INF, 1, 2)]


def leaky(slope):
    return [(-INF, 0, slope, 0), (0, INF, 1, 0)]


def piecewise(pieces, **noises):
    return sp.PiecewiseLinear([p[1] for p in pieces[:-1]], slopes=[p[2] for p in pieces],
                              intercepts=[p[3] for p in pieces], **noises)


# name: (the package's, pieces, noise, input noise)
CHANNELS = {
    "linear": (lambda: sp.Linear(), LINE, 0, 0),
    "linear + noise": (lambda: sp.Linear(noise=0.3), LINE, 0.3, 0),
    "linear + input noise": (lambda: sp.Linear(input_noise=0.3), LINE, 0, 0.3),
    "sign": (lambda: sp.Sign(), SIGN, 0, 0),
    "sign + noise": (lambda: sp.Sign(noise=0.4), SIGN, 0.4, 0),
    "probit": (lambda: sp.Probit(0.2), SIGN, 0, 0.2),
    "abs": (lambda: sp.Abs(), ABS, 0, 0),
    "abs + noise": (lambda: sp.Abs(noise=0.2), ABS, 0.2, 0),
    "abs + both": (lambda: sp.Abs(noise=0.2, input_noise=0.1), ABS, 0.2, 0.1),
    "relu": (lambda: sp.ReLU(), RELU, 0, 0),
    "relu + noise": (lambda: sp.ReLU(noise=0.2), RELU, 0.2, 0),
    "relu + input noise": (lambda: sp.ReLU(input_noise=0.3), RELU, 0, 0.3),
    "leaky relu": (lambda: sp.LeakyReLU(0.3), leaky(0.3), 0, 0),
    "leaky relu of negative slope": (lambda: sp.LeakyReLU(-0.5), leaky(-0.5), 0, 0),
    "leaky relu + noise": (lambda: sp.LeakyReLU(0.3, noise=0.2), leaky(0.3), 0.2, 0),
    "hard tanh": (lambda: sp.HardTanh(), TANH, 0, 0),
    "hard tanh + noise": (lambda: sp.HardTanh(noise=0.2), TANH, 0.2, 0),
    "door": (lambda: sp.Door(0.67), DOOR, 0, 0),
    "door + both": (lambda: sp.Door(0.67, noise=0.3, input_noise=0.1), DOOR, 0.3, 0.1),
    "clipped abs": (lambda: piecewise(CLIPPED), CLIPPED, 0, 0),
    "clipped abs + noise": (lambda: piecewise(CLIPPED, noise=0.2), CLIPPED, 0.2, 0),
    "zigzag": (lambda: piecewise(ZIGZAG), ZIGZAG, 0, 0),
    "zigzag + noise": (lambda: piecewise(ZIGZAG, noise=0.3), ZIGZAG, 0.3, 0),
    "jumps": (lambda: piecewise(JUMPS), JUMPS, 0, 0),
    "jumps + both": (lambda: piecewise(JUMPS, noise=0.2, input_noise=0.1), JUMPS, 0.2, 0.1),
}


@functools.cache
def channel_by_hand(name, variance, known):
    """E ln Z, E g^2, E (dg/dw)^2, E (dg/dw) over w ~ N(0, known), y ~ Z(y; w, variance); E y^2; E (E[y|w])^2."""
    _, pieces, noise, input_noise = CHANNELS[name]
    spread = variance + input_noise
    reach = 9.5 * np.sqrt(known + spread)
    w, w_weight = panels([-9.3 * np.sqrt(known), 9.3 * np.sqrt(known)], 40)
    w_weight = w_weight * normal(w, 0, known)
    # every y (or atom of y) is a row of nodes h with measures: Z = sum_h measure N(h; w, spread)
    totals = np.zeros(6)

    def collect(z, first, second, y, y_weight):
        keep = z > 1e-290
        z_ = np.where(keep, z, 1.0)
        g = first / z_
        bend = second / z_ - 1 / spread - g**2
        weight = w_weight[:, None] * y_weight
        totals[:4] += [(weight * f).sum() for f in (xlogy(z, z_), z * g**2, np.where(keep, z * bend**2, 0),
                                                    np.where(keep, z * bend, 0))]
        totals[4] += (weight * z * y**2).sum()
        return (y_weight * z * y).sum(-1)

    def kernel(h):
        base = normal(h, w[:, None], spread)
        return [base * ((h - w[:, None]) / spread) ** n for n in range(3)]

    prediction = np.zeros_like(w)
    inside = [(max(a, -reach), min(b, reach), c, d) for a, b, c, d in pieces if a < reach and b > -reach]
    if noise:
        ys = [c * h + d for a, b, c, d in inside for h in (a, b)]
        y, y_weight = panels([min(ys) - 9.5 * np.sqrt(noise), max(ys) + 9.5 * np.sqrt(noise)], 26)
        sums = [0.0, 0.0, 0.0]
        for a, b, c, d in inside:
            h, h_weight = panels([a, b], max(2, int(np.ceil(2.5 * (b - a)))))
            likelihood = h_weight[:, None] * normal(y, c * h[:, None] + d, noise)
            sums = [s + k @ likelihood for s, k in zip(sums, kernel(h), strict=True)]
        prediction += collect(*sums, y, y_weight)
    else:
        atoms = {d for *_, c, d in inside if c == 0}
        for atom in atoms:
            sums = [0.0, 0.0, 0.0]
            for a, b, c, d in inside:
                if c == 0 and d == atom:
                    h, h_weight = panels([a, b], max(2, int(np.ceil(2.5 * (b - a)))))
                    sums = [s + k @ h_weight for s, k in zip(sums, kernel(h), strict=True)]
            prediction += collect(*(s[:, None] for s in sums), np.array([atom]), np.ones(1))
        sloped = [p for p in inside if p[2] != 0]
        edges = sorted({c * h + d for a, b, c, d in sloped for h in (a, b)})
        for low, high in zip(edges, edges[1:], strict=False):
            middle = 0.5 * (low + high)
            over = [p for p in sloped if min(p[2] * p[0] + p[3], p[2] * p[1] + p[3]) < middle
                    < max(p[2] * p[0] + p[3], p[2] * p[1] + p[3])]
            if not over:
                continue
            steepest = min(abs(p[2]) for p in over)
            y, y_weight = panels([low, high], max(6, int(np.ceil(10 * (high - low) / steepest))))
            sums = [0.0, 0.0, 0.0]
            for _, _, c, d in over:
                sums = [s + k / abs(c) for s, k in zip(sums, kernel((y - d) / c), strict=True)]
            prediction += collect(*sums, y, y_weight)
    totals[5] = w_weight @ prediction**2
    return totals


# averages over many noisy pieces take seconds
HEAVY = ("zigzag + noise", "jumps + both", "clipped abs + noise", "abs + both")
ALL_CHANNELS = [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in CHANNELS]
POINTS = [(0.35, 0.65), (0.1, 1.3), (2.0, 0.3)]


@pytest.mark.parametrize("name", ALL_CHANNELS)
def test_channel_against_its_definition(name):
    channel = CHANNELS[name][0]()
    compiled, constants = compile_expressions(
        [channel.average(moment, V, M) for moment in (u[0], u[1] ** 2, u[2] ** 2, u[2])])
    for variance, known in POINTS:
        hand = channel_by_hand(name, variance, known)
        got = compiled({V: variance, M: known, **constants}, tolerance=1e-11, scales=[1.0] * 4)
        assert got.converged.all()
        for value_, error, truth in zip(got.values[:, 0], got.errors[:, 0], hand[:4], strict=True):
            assert value_ == pytest.approx(truth, abs=1e-10 + 5 * error + 1e-10 * abs(truth)), (variance, known)
        # sum rule: E u_2 = -E u_1^2
        assert got.values[3, 0] == pytest.approx(-got.values[1, 0], rel=1e-9)


@pytest.mark.parametrize("name", ALL_CHANNELS)
def test_channel_identities(name):
    channel = CHANNELS[name][0]()
    at = {V: 0.35, M: 0.65}
    phi, slope = channel.average(u[0], V, M), channel.average(u[1] ** 2, V, M)
    assert phi.diff(V) == -slope / 2
    assert slope.diff(V) == -channel.average(u[2] ** 2, V, M)
    # at fixed m + V
    step = 2e-3
    values = np.array([channel_by_hand(name, 0.35 + k * step, 0.65 - k * step)[:2] for k in (-2, -1, 1, 2)])
    rates = np.array([1, -8, 8, -1]) @ values / (12 * step)
    assert value(phi.diff(V), at, 1e-10) == pytest.approx(rates[0], rel=1e-7)
    assert value(slope.diff(V), at, 1e-10) == pytest.approx(rates[1], rel=1e-6)


@pytest.mark.parametrize("name", [
    "sign", "probit", "relu", "relu + noise", "hard tanh", pytest.param("abs + noise", marks=pytest.mark.slow),
    pytest.param("jumps + both", marks=pytest.mark.slow),
])
@pytest.mark.parametrize("moment", [u[2] ** 2, u[1] ** 4])
def test_rate_rule_of_channels_against_finite_differences(name, moment):
    law, step = CHANNELS[name][0]().law, 4e-3
    compiled, constants = compile_expressions([EvidenceMean(moment, law, V, M)])
    rates, more = compile_expressions([EvidenceMean(moment, law, V, M).diff(V)])
    shift = step * np.array([-3, -2, -1, 1, 2, 3])
    values = compiled({V: 0.5 + shift, M: 0.7 - shift, **constants}, tolerance=1e-12).values[0]
    got = rates({V: 0.5, M: 0.7, **more}, tolerance=1e-10).values[0, 0]
    assert got == pytest.approx(values @ np.array([-1, 9, -45, 45, -9, 1]) / (60 * step), rel=2e-8, abs=1e-8)


@pytest.mark.parametrize("name", CHANNELS)
def test_generalisation_error_and_output_moment(name):
    make, _, noise, input_noise = CHANNELS[name]
    channel = make()
    hand = channel_by_hand(name, 0.35, 0.65)
    assert value(channel.output_second_moment(sympy.Integer(1))) == pytest.approx(hand[4], rel=1e-10)
    w = sympy.Symbol("w", real=True)
    prediction = channel.mean_output(w, V + input_noise)
    got = value(sp.GaussianMean(prediction**2, w, 0, M), {V: 0.35, M: 0.65}, scale=1)
    assert got == pytest.approx(hand[5], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("make", "name", "at"), [
    (lambda x: sp.Linear(noise=x), "noise", 0.3), (lambda x: sp.Sign(input_noise=x), "input_noise", 0.2),
    (lambda x: sp.Abs(noise=x), "noise", 0.3), (lambda x: sp.LeakyReLU(x, noise=0.2), "slope", 0.4),
    (lambda x: sp.Door(x, input_noise=0.1), "width", 0.7),
])
def test_derivative_by_a_parameter_of_the_channel(make, name, at):
    symbol = sympy.Symbol(name, real=True)
    step, point = 4e-3, {V: 0.5, M: 0.7}
    compiled, constants = compile_expressions([make(symbol).average(u[0], V, M)])
    values = compiled({**point, symbol: at + step * np.array([-3, -2, -1, 1, 2, 3]), **constants}).values[0]
    slope = values @ np.array([-1, 9, -45, 45, -9, 1]) / (60 * step)
    got = value(make(symbol).average(u[0], V, M).diff(symbol), {**point, symbol: at}, 1e-10)
    assert got == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize(("variance", "known"), [(1e-6, 1.0), (1e-12, 1.0), (1.0, 1e-8), (1e-3, 30.0)])
@pytest.mark.parametrize("name", ["sign", "relu", "hard tanh", "linear", "door"])
def test_sum_rules_hold_in_the_extremes(name, variance, known):
    channel = CHANNELS[name][0]()
    compiled, constants = compile_expressions([channel.average(u[2], V, M), channel.average(u[1] ** 2, V, M)])
    got = compiled({V: variance, M: known, **constants})
    assert got.converged.all()
    assert -got.values[0, 0] == pytest.approx(got.values[1, 0], rel=1e-9)


# ---- the whole free entropy ---------------------------------------------------------------------------------------

PAIRS = [
    ("rademacher", "sign"), ("gaussian", "abs"), ("gauss-bernoulli", "linear + noise"), ("bernoulli", "relu"),
    ("discrete", "door"), ("mixture", "hard tanh"), ("sparse rademacher", "probit"), ("gaussian shifted", "zigzag"),
    ("rademacher", "relu + noise"), ("gauss-bernoulli of variance 5", "jumps + both"), ("gaussian", "clipped abs"),
    ("gauss-bernoulli", "leaky relu"), ("rademacher", "linear + input noise"), ("bernoulli", "sign + noise"),
]
ALL_PAIRS = [pytest.param(pair, marks=pytest.mark.slow) if pair[1] in HEAVY else pair for pair in PAIRS]


def model_of(pair):
    return sp.GLM(PRIORS[pair[0]][0](), CHANNELS[pair[1]][0]())


def by_hand(pair, m, mhat, alpha):
    phi, *_, rho = prior_by_hand(pair[0], mhat)
    return phi + alpha * channel_by_hand(pair[1], rho - m, m)[0] - m * mhat / 2


@pytest.mark.parametrize("pair", ALL_PAIRS, ids=" & ".join)
def test_free_entropy_against_its_definition(pair):
    model, rho = model_of(pair), float(prior_by_hand(pair[0], 1.0)[-1])
    values = dict(zip(map(str, model.order_parameters), (0.45 * rho, 1.6), strict=True)) | {"alpha": 1.2}
    at = {s: values[s.name] for s in model.free_entropy.free_symbols}
    assert value(model.free_entropy, at, 1e-10, scale=1) == pytest.approx(by_hand(pair, 0.45 * rho, 1.6, 1.2), abs=2e-9)
    form = model.working_form.free_entropy  # the same in other variables
    at = {s: (values | {"V": 0.55 * rho})[s.name] for s in form.free_symbols}
    assert value(form, at, 1e-10, scale=1) == pytest.approx(by_hand(pair, 0.45 * rho, 1.6, 1.2), abs=2e-9)


@pytest.mark.parametrize("pair", ALL_PAIRS, ids=" & ".join)
def test_fixed_points_are_stationary_points_of_the_free_entropy(pair):
    """Gradient of the hand-written f by finite differences at every fixed point, and f itself there."""
    model, alpha = model_of(pair), 1.1
    rho = float(prior_by_hand(pair[0], 1.0)[-1])
    tested = 0
    for point in sp.fixed_points(model, alpha=alpha):
        m, mhat = (point.order_parameters[name] for name in ("m", "mhat"))
        assert point.status.good
        if not (0.05 < rho - m and 0.02 < m and mhat < 25):
            continue  # beyond the reach of the panels above
        tested += 1
        assert point.free_entropy == pytest.approx(by_hand(pair, m, mhat, alpha), abs=1e-9)
        hm, hh = 2e-3 * min(m, rho - m), 1e-2 * mhat
        stencil = list(zip((-2, -1, 1, 2), (1, -8, 8, -1), strict=True))
        gm = sum(c * by_hand(pair, m + k * hm, mhat, alpha) for k, c in stencil) / (12 * hm)
        gh = sum(c * by_hand(pair, m, mhat + k * hh, alpha) for k, c in stencil) / (12 * hh)
        assert gm == pytest.approx(0, abs=1e-7 * (1 + mhat))
        assert gh == pytest.approx(0, abs=1e-8)
        assert point.observables["mse"] == pytest.approx(rho - m, rel=1e-9)
        hand = channel_by_hand(pair[1], rho - m, m)
        assert point.observables["generalisation_error"] == pytest.approx(hand[4] - hand[5], rel=1e-7)
    assert tested or all(p.order_parameters["m"] in (0, rho) or p.order_parameters["mhat"] > 3
                         or p.order_parameters["m"] < 0.02 for p in sp.fixed_points(model, alpha=alpha))


@pytest.mark.parametrize("pair", ALL_PAIRS, ids=" & ".join)
def test_envelope_theorem(pair):
    """df/dalpha along a branch is Phi_out: two integrals of the same thing."""
    model, step = model_of(pair), 1e-3
    rho = float(prior_by_hand(pair[0], 1.0)[-1])
    alphas = 0.9 + step * np.array([-3, -2, -1, 0, 1, 2, 3])
    rows = [[p for p in states if 0 < p.order_parameters["m"] < rho and p.stable]
            for states in sp.fixed_points(model, alpha=alphas)]
    assert len({len(row) for row in rows}) == 1
    for branch in zip(*(sorted(row, key=lambda p: p.order_parameters["m"]) for row in rows), strict=True):
        middle = branch[3]
        m, variance = middle.order_parameters["m"], middle.observables["mse"]
        if variance < 1e-9:
            continue
        f = np.array([p.free_entropy for p in branch])
        slope = f @ np.array([-1, 9, -45, 0, 45, -9, 1]) / (60 * step)
        phi = value(model.channel.average(u[0], V, M), {V: variance, M: m}, 1e-10, scale=1)
        assert slope == pytest.approx(phi, abs=2e-8)


# ---- one model becomes another ------------------------------------------------------------------------------------


def states(model, **controls):
    found = sp.fixed_points(model, **controls)
    return np.array([[p.order_parameters["m"], p.order_parameters["mhat"], p.free_entropy] for p in found])


def assert_same(one, other, rel=1e-10, shift=0.0):
    assert one.shape == other.shape
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(one)
        assert (finite == np.isfinite(other)).all()
    np.testing.assert_allclose(one[finite], (other + [0, 0, shift])[finite], rtol=rel, atol=1e-12)


@pytest.mark.parametrize(("one", "other"), [
    (lambda: sp.Rademacher(), lambda: sp.Discrete([1, -1], [0.5, 0.5])),
    (lambda: sp.Rademacher(), lambda: sp.Discrete([-1, 1, 1], [0.5, 0.2, 0.3])),
    (lambda: sp.Rademacher(), lambda: sp.GaussianMixture([0.5, 0.5], means=[1, -1], variances=[0, 0])),
    (lambda: sp.Rademacher(), lambda: sp.SparseRademacher(1.0)),
    (lambda: sp.Gaussian(), lambda: sp.GaussBernoulli(1)),
    (lambda: sp.Gaussian(), lambda: sp.GaussianMixture([0.25, 0.75], means=[0, 0], variances=[1, 1])),
    (lambda: sp.GaussBernoulli(0.3), lambda: sp.GaussianMixture([0.3, 0.7], means=[0, 0], variances=[1, 0])),
    (lambda: sp.Bernoulli(0.3), lambda: sp.Discrete([0, 1], [0.7, 0.3])),
    (lambda: sp.Bernoulli(0.3), lambda: sp.Discrete([0, 1, 7], [0.7, 0.3, 0])),
])
def test_one_prior_written_two_ways(one, other):
    for channel in (sp.Sign(), sp.Linear(noise=0.05)):
        assert_same(states(sp.GLM(one(), channel), alpha=1.1), states(sp.GLM(other(), channel), alpha=1.1))
    assert one().entropy == other().entropy or float(one().entropy) == pytest.approx(float(other().entropy), rel=1e-14)


@pytest.mark.parametrize(("one", "other"), [
    (lambda: sp.LeakyReLU(1), lambda: sp.Linear()),
    (lambda: sp.LeakyReLU(0), lambda: sp.ReLU()),
    pytest.param(lambda: sp.LeakyReLU(-1), lambda: sp.Abs(), marks=pytest.mark.slow),
    (lambda: sp.LeakyReLU(1, noise=0.1), lambda: sp.Linear(noise=0.1)),
    pytest.param(lambda: sp.LeakyReLU(0, noise=0.1), lambda: sp.ReLU(noise=0.1), marks=pytest.mark.slow),
    pytest.param(lambda: sp.LeakyReLU(-1, noise=0.1), lambda: sp.Abs(noise=0.1), marks=pytest.mark.slow),
    (lambda: piecewise(SIGN), lambda: sp.Sign()),
    pytest.param(lambda: piecewise(TANH, noise=0.1), lambda: sp.HardTanh(noise=0.1), marks=pytest.mark.slow),
    (lambda: sp.PiecewiseLinear([0.3], slopes=[1, 1], intercepts=[0, 0]), lambda: sp.Linear()),
    (lambda: sp.PiecewiseLinear([], slopes=[1], intercepts=[0], noise=0.1), lambda: sp.Linear(noise=0.1)),
    (lambda: sp.PiecewiseLinear([0], slopes=[0, 0], intercepts=[5, 7]), lambda: sp.Sign()),
])
def test_one_channel_written_two_ways(one, other):
    for prior in (sp.Gaussian(), sp.GaussBernoulli(0.4)):
        assert_same(states(sp.GLM(prior, one()), alpha=0.8), states(sp.GLM(prior, other()), alpha=0.8), 1e-9)


def test_a_scaled_output_shifts_the_entropy_of_the_labels():
    # y -> 3 y: the density falls by 3
    tripled = sp.PiecewiseLinear([], slopes=[3], intercepts=[2], noise=0.9)
    alpha = 0.8
    for prior in (sp.Gaussian(), sp.Rademacher()):
        assert_same(states(sp.GLM(prior, tripled), alpha=alpha),
                    states(sp.GLM(prior, sp.Linear(noise=0.1)), alpha=alpha), shift=-alpha * np.log(3))


def test_noise_of_a_linear_channel_may_stand_before_it_or_after():
    for prior in (sp.Gaussian(), sp.Rademacher(), sp.GaussBernoulli(0.3)):
        one = states(sp.GLM(prior, sp.Linear(noise=0.05)), alpha=0.7)
        for split in (0.0, 0.02):
            other = sp.GLM(prior, sp.Linear(noise=split, input_noise=0.05 - split))
            assert_same(one, states(other, alpha=0.7))


@pytest.mark.parametrize("make", [sp.Linear, pytest.param(sp.Abs, marks=pytest.mark.slow), sp.ReLU])
def test_noise_tends_to_none(make):
    alpha = 0.7
    exact = states(sp.GLM(sp.Gaussian(), make()), alpha=alpha)
    exact = exact[(exact[:, 1] < 1e6) & (exact[:, 0] > 0)]
    gaps = []
    for noise in (1e-3, 1e-5, 1e-7):
        near = states(sp.GLM(sp.Gaussian(), make(input_noise=noise)), alpha=alpha)
        gaps.append(np.abs(near[:, 0] - exact[0, 0]).min())
    assert gaps[0] > 0
    for a, b in zip(gaps, gaps[1:], strict=False):
        assert b == pytest.approx(a / 100, rel=0.1)


@pytest.mark.slow
def test_output_noise_of_a_sign_tends_to_none():
    exact = states(sp.GLM(sp.Gaussian(), sp.Sign()), alpha=1.0)
    near = states(sp.GLM(sp.Gaussian(), sp.Sign(noise=0.01)), alpha=1.0)  # labels 10 standard deviations away
    assert near[0, 0] == pytest.approx(exact[0, 0], rel=1e-9)


@pytest.mark.slow
def test_narrow_door_tends_to_no_information():
    # y = -1 with probability ~ width: mhat falls with it
    values = [sp.equilibrium(sp.GLM(sp.Gaussian(0.3), sp.Door(width)), alpha=1.0).order_parameters["mhat"]
              for width in (1e-2, 1e-4, 1e-6)]
    assert values[0] > values[1] > values[2] > 0
    assert values[2] < 1e-3


def test_wide_door_tends_to_no_information():
    found = sp.equilibrium(sp.GLM(sp.Gaussian(0.3), sp.Door(12.0)), alpha=1.0)
    assert found.order_parameters["m"] == pytest.approx(0.09, rel=1e-6)


def test_sparse_amplitude_is_a_change_of_units():
    one = sp.fixed_points(sp.GLM(sp.SparseRademacher(0.3), sp.Linear(noise=0.01)), alpha=0.6)
    other = sp.fixed_points(sp.GLM(sp.SparseRademacher(0.3, amplitude=10), sp.Linear(noise=1.0)), alpha=0.6)
    assert [p.order_parameters["m"] * 100 for p in one] == pytest.approx(
        [p.order_parameters["m"] for p in other], rel=1e-10)


def test_reflected_channel():
    # y -> -y and x -> -x change nothing
    relu = [(-INF, 0, -1, 0), (0, INF, 0, 0)]
    assert_same(states(sp.GLM(sp.Gaussian(), piecewise(relu)), alpha=1.4),
                states(sp.GLM(sp.Gaussian(), sp.ReLU()), alpha=1.4))


def test_mutual_information_is_between_its_bounds():
    for name, pair in (("rademacher", "sign"), ("bernoulli", "probit"), ("discrete", "linear + noise")):
        model = model_of((name, pair))
        for alpha in (0.1, 0.8, 3.0):
            point = sp.equilibrium(model, alpha=alpha)
            information_ = point.observables["mutual_information"]
            assert 0 < information_ <= float(model.prior.entropy) + 1e-12
            assert point.observables["mutual_information_per_sample"] == pytest.approx(information_ / alpha, rel=1e-12)
