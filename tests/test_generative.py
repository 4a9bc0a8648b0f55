"""Generative priors: reference values of an independent derivation, limits, laws and refusals."""

import math

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

import spinodal as sp
from spinodal.equations.compile import compile_expressions

A, KAPPA = sympy.Symbol("A", positive=True), sympy.Symbol("kappa", positive=True)
EPS = np.finfo(float).eps


def evaluate(expressions, values, tolerance=1e-12):
    """Values and errors, (expressions, rows)."""
    function, numbers = compile_expressions([sympy.sympify(expr) for expr in expressions])
    found = function({**{s: np.atleast_1d(v) for s, v in values.items() if s in function.parameters}, **numbers},
                     tolerance=tolerance)
    return found.values, found.errors


def at(prior, precision):
    """mmse, information and overlap with their errors, (3, rows)."""
    return evaluate([prior.mmse(A), prior.information(A), prior.overlap(A)], {A: precision})


# ---- reference values, by panels and sweeps that share no code with the package ------------------------------------

# layers, delta, A, mmse of v, information at A, V of the layers' inputs
REFERENCE = {
    "linear": ([(sp.Linear(), 2)], 1.3, 0.386879777016347, 0.497056289878749, 0.132003948585521, [0.615397946814274]),
    "sign": ([(sp.Sign(), 4)], 0.37, 2.51246775939911, 0.0703869290223288, 0.346444081079032, [0.147280117761742]),
    "relu": ([(sp.ReLU(), 2)], 0.1, 4.24777650506722, 0.0752223494932783, 0.307588645051682, [0.399950314076028]),
    "relu, more noise": ([(sp.ReLU(), 2)], 1, 0.206698942078892, 0.293301057921108, 0.0327132968435951,
                         [0.903974106641625]),
    "leaky": ([(sp.LeakyReLU(0.3), 2)], 0.3, 1.17101089349775, 0.193696731950674, 0.169240413971922,
              [0.558796867238087]),
    "hardtanh": ([(sp.HardTanh(), 3)], 0.1, 4.52261735268515, 0.0637968156931982, 0.33884347051924,
                 [0.170029856776579]),
    "relu, relu": ([(sp.ReLU(), 2), (sp.ReLU(), 2)], 0.1, 1.92988344407009, 0.0570116555929914, 0.0805263487602873,
                   [0.648906948417799, 0.170752169377227]),
    "linear, sign": ([(sp.Linear(), 2), (sp.Sign(), 3)], 0.3, 3.23476587487956, 0.029570237536131, 0.284778176557775,
                     [0.107341938142063, 0.059432114913079]),
}
# compiling many pieces takes its time
SLOW = {
    "leaky": [pytest.mark.slow],
    "hardtanh": pytest.mark.slow,
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW[name]) if name in SLOW else name
                                  for name in REFERENCE])
def test_reference(name):
    """Relative 1e-13 (the reference has 15 digits), and within a few of the errors that are stated."""
    layers, delta, precision, mmse, information, spreads = REFERENCE[name]
    prior = sp.Generative(layers)
    values, errors = at(prior, precision)
    overlap = precision * delta
    for value, error, expected in zip(values[:, 0], errors[:, 0], (mmse, information, overlap), strict=True):
        assert value == pytest.approx(expected, rel=1e-13)
        assert abs(value - expected) <= 4 * error + 40 * EPS * abs(expected)
        assert error < 1e-12
    inside = prior.order_parameters_at(A)
    known, errors = evaluate([inside[s] for s in prior.order_parameters[::2]], {A: precision})
    for value, spread, rho in zip(known[:, 0], spreads, prior.powers, strict=False):
        assert float(rho) - value == pytest.approx(spread, rel=2e-13)
    assert (errors < 1e-12).all()


def test_spiked_matrix():
    """The same through the model: delta = 0.37 below a sign layer."""
    state = sp.equilibrium(sp.SpikedWigner(sp.Generative([(sp.Sign(), 4)])), delta=0.37)
    observables = state.observables
    assert observables["mse"] == pytest.approx(0.0703869290223288, rel=1e-13)
    assert observables["mutual_information"] == pytest.approx(0.349791594442002, rel=1e-13)
    assert observables["matrix_mse"] == pytest.approx(0.135819538267463, rel=1e-13)
    assert abs(observables["mse"] - 0.0703869290223288) <= 4 * state.error < 1e-12


# ---- the free entropy that is printed ------------------------------------------------------------------------------

MODELS = {
    "sign spike": (sp.SpikedWigner(sp.Generative([(sp.Sign(), 4)])), {"delta": 0.37}),
    "two layers": (sp.SpikedWigner(sp.Generative([(sp.Linear(), 2), (sp.Sign(), 3)])), {"delta": 0.3}),
    "discrete latent": (sp.SpikedWigner(sp.Generative([(sp.Sign(), 4)], sp.GaussBernoulli(0.3))), {"delta": 0.2}),
    "noisy layer": (sp.GLM(sp.Generative([(sp.Linear(noise=0.1), 2)]), sp.Linear(noise=0.2)), {"alpha": 1.5}),
    "signs of signs": (sp.GLM(sp.Generative([(sp.Sign(), 2)]), sp.Sign()), {"alpha": 0.5}),
    "relu": (sp.SpikedWigner(sp.Generative([(sp.ReLU(), 2)])), {"delta": 0.5}),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name == "relu" else name
                                  for name in MODELS])
def test_free_entropy_is_stationary_in_every_order_parameter(name):
    """The gradient of what is printed, and by the envelope theorem the derivative along the controls."""
    model, controls = MODELS[name]
    (control, value), = controls.items()
    state = next(s for s in sp.fixed_points(model, **controls) if not s.state)
    values = {s: state.order_parameters[s.name] for s in model.order_parameters} | {model.own_controls[0]: value}
    assert len(model.prior.order_parameters) == 2 * len(model.prior.layers)
    gradient = [model.free_entropy.diff(s) for s in model.order_parameters]
    found, _ = evaluate([*gradient, model.free_entropy], values)
    assert np.abs(found[:-1, 0]).max() < 1e-11
    assert found[-1, 0] == pytest.approx(state.free_entropy, rel=1e-11, abs=1e-13)
    step = 1e-4 * value
    stencil, rule = (-2, -1, 1, 2), np.array([1, -8, 8, -1]) / 12
    along = [max((s for s in sp.fixed_points(model, **{control: value + k * step}) if not s.state),
                 key=lambda s: -abs(s.free_entropy - state.free_entropy)).free_entropy for k in stencil]
    explicit, _ = evaluate([model.free_entropy.diff(model.own_controls[0])], values)
    assert explicit[0, 0] == pytest.approx(rule @ along / step, rel=1e-7)


# ---- limits --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("ratio", [0.5, 2.0])
@pytest.mark.parametrize("precision", [0.3, 4.0])
def test_linear_layer_is_a_random_covariance(ratio, precision):
    """v ~ N(0, W W^T/n_0): information and mmse are averages over the law of Marchenko and Pastur."""
    c = min(ratio, 1 / ratio)  # of the matrix of full rank
    scale, weight = (1.0, 1.0) if ratio < 1 else (ratio, 1 / ratio)
    low, high = (1 - math.sqrt(c)) ** 2, (1 + math.sqrt(c)) ** 2

    def average(function):
        def density(t):  # x = centre + half cos t: no singularities at the edges
            x = (low + high) / 2 + (high - low) / 2 * math.cos(t)
            return function(scale * x) * ((high - low) / 2 * math.sin(t)) ** 2 / (2 * math.pi * c * x)

        return weight * integrate.quad(density, 0, math.pi, epsabs=1e-14, epsrel=1e-14)[0]

    values, _ = at(sp.Generative([(sp.Linear(), ratio)]), precision)
    assert values[0, 0] == pytest.approx(average(lambda x: x / (1 + precision * x)), rel=1e-12)
    assert values[1, 0] == pytest.approx(average(lambda x: math.log1p(precision * x) / 2), rel=1e-12)


def half_normal(precision):
    """mmse of max(h, 0), h ~ N(0, 1), seen at a precision."""
    def moments(y):
        law = lambda x, k: x**k * math.exp(-x * x / 2 + precision * (y * x - x * x / 2))  # noqa: E731
        peak = max(precision * y / (1 + precision), 0)
        z = [integrate.quad(law, 0, peak + 12, args=(k,), points=[peak], epsabs=0, epsrel=1e-12)[0]
             / math.sqrt(2 * math.pi) for k in range(3)]
        total = 0.5 + z[0]
        return (z[2] - z[1] ** 2 / total) * math.exp(-precision * y * y / 2) * math.sqrt(precision / 2 / math.pi)
    return integrate.quad(moments, -9, 12, points=[0], epsabs=1e-12, epsrel=1e-11, limit=100)[0]


@pytest.mark.parametrize(("activation", "mmse"), [
    (sp.Sign(), lambda a: float(evaluate([sp.Rademacher().mmse(A)], {A: a})[0][0, 0])),
    (sp.Linear(), lambda a: 1 / (1 + a)),
    (sp.ReLU(), half_normal),
], ids=["sign", "linear", "relu"])
def test_many_latent_variables_give_independent_outputs(activation, mmse):
    """n_out/n_in -> 0: the difference falls with the ratio."""
    limit = mmse(1.7)
    gaps = [at(sp.Generative([(activation, ratio)]), 1.7)[0][0, 0] - limit for ratio in (1e-3, 1e-4, 1e-9)]
    assert abs(gaps[2]) < 1e-8
    assert gaps[0] < gaps[1] < 0  # a network tells more
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.02)


def test_layers_that_change_nothing():
    """A wide linear layer multiplies ratios, a narrow one makes independent Gaussians; slope 1 is linear."""
    single = at(sp.Generative([(sp.Sign(), 4)]), 1.7)[0][:, 0]
    wide = at(sp.Generative([(sp.Linear(), 1e7), (sp.Sign(), 4e-7)]), 1.7)[0][:, 0]
    narrow = at(sp.Generative([(sp.Linear(), 1e-7), (sp.Sign(), 4)]), 1.7)[0][:, 0]
    assert wide == pytest.approx(single, rel=1e-6)
    assert narrow == pytest.approx(single, rel=1e-6)
    assert not np.array_equal(wide, single)
    assert np.array_equal(at(sp.Generative([(sp.LeakyReLU(1), 2)]), 3.0)[0], at(sp.Generative([(sp.Linear(), 2)]), 3.0)[0])


def test_known_layer_of_signs_is_a_discrete_latent():
    """Signs of many variables are a Rademacher latent of the layer above."""
    deep = at(sp.Generative([(sp.Sign(), 1e-9), (sp.Linear(), 2)]), 0.8)[0][:, 0]
    assert deep == pytest.approx(at(sp.Generative([(sp.Linear(), 2)], sp.Rademacher()), 0.8)[0][:, 0], rel=1e-7)


def test_exponentially_small_mmse():
    """Known to relative digits where overlap/rho rounds to 1; it falls as exp(-A/2)."""
    values, errors = at(sp.Generative([(sp.Sign(), 4)]), [60.0, 100.0, 160.0])
    assert (values[0] > 0).all()
    assert (errors[0] < 1e-9 * values[0]).all()
    rates = -np.diff(np.log(values[0])) / np.array([40, 60])
    assert (0.5 < rates).all()
    assert (rates < 0.52).all()


@pytest.mark.parametrize(("ratio", "entropy"), [(1, 0.59644125568897971), (2, 0.51551907795520971),
                                                (4, 0.40236652901641792)])
def test_entropy_of_signs(ratio, entropy):
    """Per hidden unit in nats; real numbers above tell it, per component of theirs."""
    layers = [(sp.Sign(), ratio), (sp.Linear(), 3)]
    found, errors = evaluate([sp.Generative(layers[:1]).entropy, sp.Generative(layers).entropy], {})
    assert found[:, 0] == pytest.approx([entropy, entropy / 3], rel=1e-13)
    assert (np.abs(found[:, 0] - [entropy, entropy / 3]) <= 4 * errors[:, 0] + 8 * EPS).all()
    assert sp.Generative([(sp.ReLU(), 2)]).entropy == sympy.oo


def test_entropy_of_signs_that_are_told_by_fewer_signs():
    """H(T_2) <= H(T_1): above ratio 1.1085 the hidden signs are known."""
    wide, (few, many) = 0.59644125568897971, (1.0, 1.2)
    found, _ = evaluate([sp.Generative([(sp.Sign(), 1), (sp.Sign(), ratio)]).entropy for ratio in (few, many)], {})
    assert found[0, 0] < wide / few
    assert found[1, 0] == pytest.approx(wide / many, rel=1e-12)


# ---- thresholds ----------------------------------------------------------------------------------------------------

def test_weak_recovery_as_a_formula():
    for activation, slope in ((sp.Linear(), 1), (sp.Sign(), 4 / sympy.pi**2)):
        prior = sp.Generative([(activation, KAPPA)])
        (ratio,) = prior.free_symbols
        assert ratio.name == "kappa"
        assert sympy.simplify(prior.susceptibility - 1 - slope * ratio) == 0
        below = sp.SpikedWigner(prior).reciprocal.model.limit_states[0].stable_below
        assert sympy.simplify(1 / below - prior.susceptibility) == 0
    for layers, value in (([(sp.Sign(), 2), (sp.Sign(), 3)], 3.2013885001577494355),
                          ([(sp.Linear(), 2), (sp.Sign(), 3)], 4.647562611124159772),
                          ([(sp.HardTanh(), 3)], 0.91796602039095689381)):
        found, errors = evaluate([sp.Generative(layers).susceptibility], {})
        assert found[0, 0] == pytest.approx(value, rel=1e-14)
        assert abs(found[0, 0] - value) <= 4 * errors[0, 0] + 8 * EPS * value


@pytest.mark.parametrize(("activation", "onset"), [(sp.Linear(), 3.0), (sp.Sign(), 1 + 8 / math.pi**2)], ids=str)
def test_one_layer_has_one_continuous_transition(activation, onset):
    table = sp.thresholds(sp.SpikedWigner(sp.Generative([(activation, 2)])), along="delta", between=(0.1, 4))
    assert table["kind"].tolist() == ["continuous"]
    assert abs(table["value"][0] - onset) <= 4 * table["error"][0] < 1e-12


@pytest.mark.slow
def test_relu_has_no_transition():
    """Its mean tells a part of the signal: no trivial point, a smooth crossover."""
    model = sp.SpikedWigner(sp.Generative([(sp.ReLU(), 2)]))
    assert len(sp.thresholds(model, along="delta", between=(0.05, 3))) == 0
    assert model.limit_states == model.reciprocal.model.limit_states == ()


def test_phase_retrieval():
    """Weak recovery at 1/8, and exact recovery at the latent dimension, of a linear generator of p/k = 3."""
    table = sp.thresholds(sp.GLM(sp.Generative([(sp.Linear(), 3)]), sp.Abs()), along="alpha", between=(0.05, 1))
    by = {(kind, branch): (value, error) for kind, branch, value, error
          in table[["kind", "branch", "value", "error"]].itertuples(index=False)}
    for key, expected in {("continuous", "uninformative"): 1 / 8, ("first_order", "equilibrium"): 1 / 3,
                          ("spinodal", "uninformative"): 0.359278392050438}.items():
        value, error = by[key]
        assert abs(value - expected) <= 4 * error + 4 * EPS
        assert error < 1e-12


def test_compressed_sensing_of_signs():
    table = sp.thresholds(sp.GLM(sp.Generative([(sp.Sign(), 3)]), sp.Linear()), along="alpha", between=(0.05, 1))
    row = table[table["branch"] == "uninformative"].iloc[0]
    assert abs(row["value"] - 0.283707901085244) <= 4 * row["error"] < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "channel", "value"), [
    (sp.ReLU(), sp.Linear(), 0.334029104662794), (sp.ReLU(), sp.Abs(), 0.35322187507296),
    (sp.Sign(), sp.Abs(), 0.468558950864064),
], ids=["sensing, relu", "retrieval, relu", "retrieval, sign"])
def test_algorithmic_thresholds(activation, channel, value):
    table = sp.thresholds(sp.GLM(sp.Generative([(activation, 3)]), channel), along="alpha", between=(0.05, 1))
    row = table[(table["branch"] == "uninformative") & (table["kind"] == "spinodal")].iloc[-1]
    assert abs(row["value"] - value) <= 4 * row["error"] + 8 * EPS
    assert row["error"] < 1e-10


# ---- laws of any network -------------------------------------------------------------------------------------------

FIRST = st.sampled_from([sp.Linear(), sp.Sign(), sp.Sign(input_noise=0.5), sp.Linear(noise=0.2)])
# a sign without noise above atoms may make them known exactly
ABOVE = st.sampled_from([sp.Linear(), sp.Sign(input_noise=0.5), sp.Linear(noise=0.2)])
RATIO = st.floats(0.05, 20.0)
LAYERS = st.builds(lambda first, rest: [first, *rest], st.tuples(FIRST, RATIO),
                   st.lists(st.tuples(ABOVE, RATIO), max_size=2))
LATENT = st.sampled_from([sp.Gaussian(), sp.GaussBernoulli(0.3), sp.Gaussian(0.5, variance=0.75)])


@settings(max_examples=6, deadline=None, derandomize=True)
@given(layers=LAYERS, latent=LATENT)
def test_laws_of_any_network(layers, latent):
    """0 < mmse < rho; the information grows, is concave and has the slope mmse/2; overlap and mmse make rho."""
    prior = sp.Generative(layers, latent)
    rho = float(evaluate([prior.second_moment], {})[0][0, 0])
    precisions = np.array([0.05, 0.4, 1.0, 3.0])
    (mmse, information, overlap), errors = at(prior, precisions)
    assert np.isfinite([mmse, information, overlap]).all()
    assert ((0 < mmse) & (mmse < rho)).all()
    assert mmse + overlap == pytest.approx(np.full(4, rho), rel=1e-12)
    assert (np.diff(information) > 0).all()
    assert (np.diff(np.diff(information) / np.diff(precisions)) < 0).all()
    (first, second), _ = evaluate([prior.information(A).diff(A), prior.mmse(A).diff(A)], {A: precisions})
    assert first == pytest.approx(mmse / 2, rel=1e-12)
    assert (second <= 1e-12).all()
    assert (errors < 1e-9).all()


# ---- refusals ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: sp.Generative([]), ValueError, "at least one"),
    (lambda: sp.Generative("relu"), ValueError, "layers = 'relu'"),
    (lambda: sp.Generative(sp.ReLU()), ValueError, "give pairs such as"),
    (lambda: sp.Generative([sp.ReLU()]), TypeError, "not a pair"),
    (lambda: sp.Generative([(sp.ReLU(), 2, 3)]), TypeError, "not a pair"),
    (lambda: sp.Generative([("relu", 2)]), TypeError, r"layers\[0\] has the activation 'relu'"),
    (lambda: sp.Generative([(sp.ReLU(), 2), (sp.Gaussian(), 2)]), TypeError, r"layers\[1\]"),
    (lambda: sp.Generative([(sp.ReLU(), 0)]), ValueError, r"layers\[0\] ratio"),
    (lambda: sp.Generative([(sp.ReLU(), -1)]), ValueError, r"layers\[0\] ratio"),
    (lambda: sp.Generative([(sp.ReLU(), "wide")]), (TypeError, ValueError), r"layers\[0\] ratio"),
    (lambda: sp.Generative([(sp.ReLU(), math.inf)]), ValueError, r"layers\[0\] ratio"),
    (lambda: sp.Generative([(sp.ReLU(), 2)], sp.Sign()), TypeError, "latent = "),
    (lambda: sp.Generative([(sp.ReLU(), 2)], sp.Generative([(sp.Sign(), 2)])), ValueError, "itself generative"),
    (lambda: sp.Generative([(sp.ReLU(), 2)]).components, ValueError, "not independent"),
    (lambda: sp.Generative([(sp.ReLU(), 2)]).log_partition(1, 0), NotImplementedError, "not independent"),
    (lambda: sp.Generative([(sp.ReLU(), 2)]).posterior(1, 0), NotImplementedError, "not independent"),
], ids=range(16))
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_no_derivative_by_a_ratio():
    prior = sp.Generative([(sp.Sign(), KAPPA)])
    with pytest.raises(NotImplementedError, match="not differentiated by kappa"):
        prior.mmse(A).diff(*prior.free_symbols)
