"""Bad input is refused at once, by the name of the parameter, its value and the cure."""

import dataclasses
import math
import re

import mpmath as mp
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import spinodal as sp
from spinodal.theory.evidence import EvidenceMean

MODEL = sp.GLM(sp.Rademacher(), sp.Sign())
OPEN = sp.GLM(sp.GaussBernoulli(sympy.Symbol("rho")), sp.Linear(noise=sympy.Symbol("noise")))
BAD_NUMBERS = [math.nan, math.inf, -math.inf]
NOT_NUMBERS = ["0.3", None, [0.3], 1j, True, object()]

nonpositive = st.one_of(st.floats(max_value=0, allow_nan=False, allow_infinity=False), st.sampled_from(BAD_NUMBERS))
negative = st.one_of(st.floats(max_value=-1e-300, allow_nan=False, allow_infinity=False), st.sampled_from(BAD_NUMBERS))
not_a_probability = st.one_of(nonpositive, st.floats(min_value=1 + 1e-12, allow_nan=False, allow_infinity=False))
anything_bad = st.sampled_from(BAD_NUMBERS)


def refused(name, make, value):
    with pytest.raises(ValueError, match=name) as caught:
        make(value)
    text = str(caught.value)
    if math.isfinite(value):
        said = [float(x) for x in re.findall(r"-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?", text)]
        assert any(x == value or (value and abs(x / value - 1) < 1e-5) or abs(value) > 1e308 for x in said), text
    else:
        assert re.search("nan|inf|oo", text), text
    assert ":" in text  # what is wrong: what to do


PARAMETERS = [
    ("variance", lambda x: sp.Gaussian(variance=x), nonpositive),
    ("mean", lambda x: sp.Gaussian(x), anything_bad),
    ("rho", lambda x: sp.GaussBernoulli(x), not_a_probability),
    ("variance", lambda x: sp.GaussBernoulli(0.5, variance=x), nonpositive),
    ("rho", lambda x: sp.SparseRademacher(x), not_a_probability),
    ("amplitude", lambda x: sp.SparseRademacher(0.5, amplitude=x), nonpositive),
    ("rho", lambda x: sp.Bernoulli(x), not_a_probability),
    ("variances", lambda x: sp.GaussianMixture([0.5, 0.5], means=[1, 2], variances=[1, x]), negative),
    ("weights", lambda x: sp.GaussianMixture([0.5, x], means=[1, 2], variances=[1, 1]), negative),
    ("means", lambda x: sp.GaussianMixture([0.5, 0.5], means=[1, x], variances=[1, 1]), anything_bad),
    ("values", lambda x: sp.Discrete([1, x], [0.5, 0.5]), anything_bad),
    ("probabilities", lambda x: sp.Discrete([1, 2], [0.5, x]), negative),
    *[("noise", lambda x, c=c: c(noise=x), negative) for c in (sp.Linear, sp.Sign, sp.Abs, sp.ReLU, sp.HardTanh)],
    *[("input_noise", lambda x, c=c: c(input_noise=x), negative) for c in (sp.Linear, sp.Sign, sp.Abs, sp.ReLU)],
    ("noise", lambda x: sp.Probit(x), negative),
    ("slope", lambda x: sp.LeakyReLU(x), anything_bad),
    ("width", lambda x: sp.Door(x), nonpositive),
    ("breaks", lambda x: sp.PiecewiseLinear([x], slopes=[0, 1], intercepts=[0, 0]), anything_bad),
    ("slopes", lambda x: sp.PiecewiseLinear([0], slopes=[0, x], intercepts=[0, 0]), anything_bad),
    ("intercepts", lambda x: sp.PiecewiseLinear([0], slopes=[0, 1], intercepts=[0, x]), anything_bad),
    ("alpha", lambda x: sp.fixed_points(MODEL, alpha=x), nonpositive),
    ("alpha", lambda x: sp.equilibrium(MODEL, alpha=x), nonpositive),
    ("alpha", lambda x: sp.state_evolution(MODEL, alpha=x), nonpositive),
    ("rho", lambda x: sp.fixed_points(OPEN, alpha=1.0, rho=x, noise=0.1), not_a_probability),
    ("noise", lambda x: sp.fixed_points(OPEN, alpha=1.0, rho=0.5, noise=x), negative),
    ("noise", lambda x: sp.thresholds(OPEN, between=(0.1, 1), rho=0.5, noise=x), negative),
    ("alpha", lambda x: sp.thresholds(OPEN, along="rho", between=(0.1, 1), alpha=x, noise=0.1), nonpositive),
]


@pytest.mark.parametrize(("name", "make", "bad"), PARAMETERS, ids=[f"{p[0]}-{k}" for k, p in enumerate(PARAMETERS)])
def test_values_out_of_range(name, make, bad):
    @given(bad)
    @settings(deadline=None, max_examples=15, database=None)
    def check(value):
        refused(name, make, value)

    check()


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=["text", "none", "list", "complex", "bool", "object"])
@pytest.mark.parametrize(("name", "make"), [(p[0], p[1]) for p in PARAMETERS],
                         ids=[f"{p[0]}-{k}" for k, p in enumerate(PARAMETERS)])
def test_what_is_no_number(name, make, value):
    if value == [0.3]:
        return  # arrays are controls of fixed_points
    with pytest.raises((TypeError, ValueError), match=name):
        make(value)


@pytest.mark.parametrize("value", [sympy.I, sympy.sqrt(-2), sympy.zoo, sympy.nan, sympy.oo, 10**400, -10**400, sympy.Integer(10) ** 400,
                                   sympy.Rational(10**400, 3)], ids=lambda x: str(type(x).__name__))
def test_numbers_that_no_double_holds(value):
    for name, make in (
        ("variance", lambda x: sp.Gaussian(variance=x)), ("mean", lambda x: sp.Gaussian(x)), ("width", lambda x: sp.Door(x)),
        ("noise", lambda x: sp.Linear(noise=x)), ("alpha", lambda x: sp.state_evolution(MODEL, alpha=x)),
    ):
        with pytest.raises((TypeError, ValueError), match=f"{name} = .*: give"):
            make(value)


def test_exact_numbers_stay_exact():
    for value in (sympy.sqrt(2) / 2, sympy.Rational(1, 3), sympy.pi / 4, sympy.exp(-1), sympy.log(2), 1 - sympy.sqrt(3) / 3):
        assert sp.GaussBernoulli(value).rho == value
        assert sp.Linear(noise=value).noise == value
        exact, rounded = (sp.equilibrium(sp.GLM(sp.GaussBernoulli(x, variance=x), sp.Linear(noise=x)), alpha=0.7)
                          for x in (value, float(value)))
        assert exact.free_entropy == pytest.approx(rounded.free_entropy, rel=1e-13)
    # pieces are compared with each other; other functions are not known to every implementation
    assert sp.LeakyReLU(sympy.sqrt(2)).slope == sympy.Float(2**0.5)
    assert sp.Gaussian(sympy.erf(1)).mean == sympy.Float(math.erf(1))
    assert sp.Gaussian(sympy.sin(1) ** 2 + sympy.cos(1) ** 2).mean == 1


def test_thirty_digits_of_an_exact_number():
    # V = rho/(1 + rho alpha/(noise + V)): a quadratic
    rho, noise, alpha = sympy.sqrt(2), sympy.pi / 10, sympy.Rational(4, 3)
    (point,) = sp.fixed_points(sp.GLM(sp.Gaussian(variance=rho), sp.Linear(noise=noise)), alpha=alpha, digits=30)
    b = noise + alpha * rho - rho
    truth = (-b + sympy.sqrt(b**2 + 4 * noise * rho)) / 2
    with mp.workdps(40):
        assert abs(point.observables["mse"] - mp.mpf(sympy.N(truth, 40))) < mp.mpf(10) ** -30


def test_text_is_never_evaluated(tmp_path):
    target = tmp_path / "made"
    code = f"__import__('pathlib').Path({str(target)!r}).touch() or 0.5"
    for call in (
        lambda: sp.fixed_points(OPEN, alpha=1.0, rho=code, noise=0.1), lambda: sp.GaussBernoulli(code),
        lambda: sp.thresholds(OPEN, between=(0.1, 1), rho=code, noise=0.1),
        lambda: sp.state_evolution(OPEN, alpha=1.0, rho=0.5, noise=code),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()
        assert not target.exists()


@pytest.mark.parametrize("call", [
    lambda **k: sp.fixed_points(OPEN, **k), lambda **k: sp.equilibrium(OPEN, **k),
    lambda **k: sp.state_evolution(OPEN, **k),
])
def test_names_of_controls(call):
    with pytest.raises(ValueError, match="'rh'.*did you mean 'rho'"):
        call(alpha=1, rh=0.2, noise=0.1)
    with pytest.raises(ValueError, match=r"'noise' has no value.*noise="):
        call(alpha=1, rho=0.2)
    with pytest.raises(ValueError, match="alpha"):
        call(rho=0.2, noise=0.1)


def test_a_symbol_is_no_value():
    for bad in ({"alpha": sympy.Symbol("a")}, {"rho": sympy.Symbol("r")}):
        with pytest.raises((ValueError, TypeError), match=next(iter(bad))):
            sp.fixed_points(OPEN, **{"alpha": 1.0, "rho": 0.2, "noise": 0.1, **bad})


def test_bad_members_of_an_array():
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="alpha"):
            sp.fixed_points(MODEL, alpha=np.array([0.5, bad, 1.0]))
    with pytest.raises(ValueError):  # noqa: PT011 - numpy's own words
        sp.fixed_points(OPEN, alpha=np.ones(3), rho=np.full(2, 0.5), noise=0.1)


@pytest.mark.parametrize("between", [
    (2, 1), (1, 1), (math.nan, 1), (0, math.inf), (-1, 1), (1,), (1, 2, 3), "ab", 3, None, ("a", "b"), (1j, 2),
])
def test_windows(between):
    with pytest.raises(ValueError, match="between"):
        sp.thresholds(MODEL, along="alpha", between=between)
    with pytest.raises(ValueError, match="between"):
        sp.branches(MODEL, along="alpha", between=between)


def test_along():
    with pytest.raises(ValueError, match="'alhpa'.*did you mean 'alpha'"):
        sp.thresholds(MODEL, along="alhpa", between=(0.5, 1))
    with pytest.raises(ValueError, match="alpha = 1"):
        sp.thresholds(MODEL, along="alpha", between=(0.5, 1), alpha=1)
    with pytest.raises(ValueError, match="rho"):
        sp.branches(OPEN, along="rho", between=(0.1, 0.5), alpha=1.0, noise=0.1)
    with pytest.raises(ValueError, match="rho"):
        sp.thresholds(OPEN, along="rho", between=(0.5, 1.5), alpha=1.0, noise=0.1)


@pytest.mark.parametrize("model", [3, "Rademacher", None, sp.Rademacher(), sp.Sign()])
def test_models(model):
    for call in (
        lambda: sp.fixed_points(model, alpha=1), lambda: sp.equilibrium(model, alpha=1),
        lambda: sp.state_evolution(model, alpha=1), lambda: sp.thresholds(model, between=(0, 1)),
        lambda: sp.branches(model, between=(0, 1)),
    ):
        with pytest.raises(TypeError, match="model"):
            call()


def test_parts_of_a_model():
    with pytest.raises(TypeError, match="prior"):
        sp.GLM(sp.Sign(), sp.Rademacher())
    with pytest.raises(TypeError, match="channel"):
        sp.GLM(sp.Rademacher(), sp.Rademacher())
    with pytest.raises(TypeError, match="prior"):
        sp.GLM(sp.Rademacher, sp.Sign())


@pytest.mark.parametrize(("make", "said"), [
    (lambda: sp.Discrete([1, 2], [0.5]), "2 values and 1 probabilities"),
    (lambda: sp.Discrete([], []), "0 values"),
    (lambda: sp.Discrete([1, 2], [0.5, 0.6]), "add up to 1.1"),
    (lambda: sp.Discrete([0, 0], [0.5, 0.5]), "no signal"),
    (lambda: sp.Discrete([0, 1], [1, 0]), "no signal"),
    (lambda: sp.GaussianMixture([0.5, 0.5], means=[1], variances=[1, 2]), "1 means"),
    (lambda: sp.GaussianMixture([0.4, 0.4], means=[1, 2], variances=[1, 2]), "add up to 0.8"),
    (lambda: sp.GaussianMixture([1], means=[0], variances=[0]), "no signal"),
    (lambda: sp.PiecewiseLinear([1, 0], slopes=[0, 1, 0], intercepts=[0, 0, 0]), "increasing"),
    (lambda: sp.PiecewiseLinear([0, 0], slopes=[0, 1, 0], intercepts=[0, 0, 0]), "increasing"),
    (lambda: sp.PiecewiseLinear([0], slopes=[0], intercepts=[0, 0]), "n breaks need n"),
])
def test_shapes(make, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        make()


@pytest.mark.parametrize("channel", [
    lambda: sp.PiecewiseLinear([], slopes=[0], intercepts=[1]),
    lambda: sp.PiecewiseLinear([0.5], slopes=[0, 0], intercepts=[2, 2]),
    lambda: sp.PiecewiseLinear([], slopes=[0], intercepts=[1], noise=0.5),
])
def test_an_output_that_says_nothing(channel):
    """y does not depend on z: refused in words, or answered with no information; never a traceback of SymPy's."""
    try:
        found = sp.fixed_points(sp.GLM(sp.Gaussian(), channel()), alpha=1.0)
    except ValueError as error:
        assert re.search("output|channel|slope|constant", str(error))  # noqa: PT017
    else:
        assert found[0].order_parameters["m"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("settings_", [
    {"tolerance": 0}, {"tolerance": -1}, {"tolerance": math.nan}, {"tolerance": 2}, {"digits": 3}, {"digits": 20.5},
])
def test_settings_of_fixed_points(settings_):
    with pytest.raises(ValueError, match=next(iter(settings_))):
        sp.fixed_points(MODEL, alpha=1.0, **settings_)


@pytest.mark.parametrize("settings_", [
    {"start": "informed"}, {"start": None}, {"start": ["informative"]},
    *[{"max_iterations": x} for x in (0, -3, True, 10.0, 1.5, math.nan, math.inf, "10", None, [10], np.float64(3))],
    *[{"tolerance": x} for x in (0, 1, 2, -1e-3, True, math.nan, math.inf, "1e-3", None, 1j, [1e-3])],
    *[{"overlap": x} for x in (0.0, 1.0, -0.1, True, math.nan, math.inf, -math.inf, 10**400, "0.3", 1j, [0.3],
                               sympy.Symbol("a"))],
], ids=str)
def test_settings_of_state_evolution(settings_):
    with pytest.raises(ValueError, match=rf"{next(iter(settings_))} = .*: give"):
        sp.state_evolution(MODEL, alpha=1.0, **settings_)


def test_settings_may_be_of_any_kind_of_number():
    kinds = {"max_iterations": (3, np.int64(3), sympy.Integer(3)), "tolerance": (1e-3, np.float32(1e-3), sympy.Rational(1, 1000)),
             "overlap": (0.5, np.float64(0.5), sympy.Rational(1, 2))}
    for name, values in kinds.items():
        steps = {sp.state_evolution(MODEL, alpha=1.0, **{name: value}).iterations for value in values}
        assert len(steps) == 1


def test_symbols_must_be_named_alike():
    # one name is one control
    rho = sympy.Symbol("rho", positive=True)
    model = sp.GLM(sp.GaussBernoulli(rho), sp.Linear(noise=sympy.Symbol("rho")))
    assert [s.name for s in model.controls] == ["alpha", "rho"]


TAKEN = ["alpha", "m", "V", "mhat", "f", "A", "B", "i", "omega", "h", "y", "e", "u_0", "u_12", "I_0", "m'", "_x", "_T"]


@pytest.mark.parametrize("name", TAKEN)
def test_symbols_of_the_formulas_are_taken(name):
    s = sympy.Symbol(name)
    for make, parameter in (
        (lambda: sp.GaussBernoulli(s), "rho"), (lambda: sp.Gaussian(s), "mean"), (lambda: sp.Sign(input_noise=s), "input_noise"),
        (lambda: sp.GaussBernoulli(1 - s / 2), "rho"), (lambda: sp.Door(s), "width"), (lambda: sp.Linear(noise=s**2), "noise"),
        (lambda: sp.Discrete([1, s], [0.5, 0.5]), r"values\[1\]"),
        (lambda: sp.PiecewiseLinear([s], slopes=[0, 1], intercepts=[0, 0]), r"breaks\[0\]"),
        (lambda: OPEN.at({OPEN.controls[2]: s}), "rho"),
    ):
        with pytest.raises(ValueError, match=rf"{parameter} = .*{re.escape(name)}.*rename.*sympy\.Symbol\('[a-z_]+_0'\)"):
            make()


def symbols_made_by_the_formulas():
    """Every symbol in the free entropies, working forms, observables and written-out averages of some models."""
    rho, noise = sympy.symbols("rho noise", real=True)
    found = set()
    for model in (
        OPEN, MODEL, sp.GLM(sp.GaussBernoulli(rho), sp.ReLU(input_noise=noise)), sp.GLM(sp.Laplace(rho), sp.Sign()),
        sp.GLM(sp.Rademacher(), sp.Abs(noise=noise)), sp.GLM(sp.Rademacher(), sp.Abs()),
    ):
        form = model.working_form
        expressions = [model.free_entropy, form.free_entropy, *form.companions.values(), *model.observables.values(),
                       *(state.free_entropy for state in model.limit_states)]
        for expression in expressions:
            means = expression.atoms(EvidenceMean)
            written = [expression, *(mean.doit() for mean in means), *(mean.moment for mean in means)]
            found |= set().union(*(x.atoms(sympy.Symbol) for x in written))
        found |= {*model.order_parameters, *model.own_controls, *form.order_parameters}
    return {s.name for s in found if not isinstance(s, sympy.Dummy)} - {"rho", "noise"}


def test_every_symbol_of_the_formulas_is_taken():
    names = symbols_made_by_the_formulas()
    assert {"alpha", "m", "V", "mhat", "f", "u_0", "i", "omega", "B", "y", "h"} <= names
    for name in names:
        with pytest.raises(ValueError, match="rename"):
            sp.GaussBernoulli(sympy.Symbol(name))


@pytest.mark.parametrize("name", ["rho", "noise", "delta", "sigma", "a", "eta", "x", "u", "I", "m_0", "alpha_2", r"\\rho"])
def test_other_symbols_are_free(name):
    model = sp.GLM(sp.GaussBernoulli(sympy.Symbol(name)), sp.Linear(noise=0.1))
    assert [s.name for s in model.controls] == ["alpha", name]
    expected = sp.equilibrium(sp.GLM(sp.GaussBernoulli(0.5), sp.Linear(noise=0.1)), alpha=0.7)
    assert sp.equilibrium(model, alpha=0.7, **{name: 0.5}).free_entropy == expected.free_entropy


def test_a_part_that_checks_nothing():
    """A prior of the user's own that forgets to check its parameters: the model notices before it is solved."""

    @dataclasses.dataclass(frozen=True)
    class Careless(sp.Rademacher):
        size: sympy.Expr

        @property
        def components(self):
            return ((1, self.size, 0),)

    for name in ("alpha", "mhat"):
        model = sp.GLM(Careless(sympy.Symbol(name, real=True)), sp.Linear(noise=0.1))
        with pytest.raises(ValueError, match=f"{name}.*rename"):
            sp.fixed_points(model, alpha=1.0, mhat=1.0)


def test_misspelt_public_name():
    with pytest.raises(AttributeError, match="Rademacherr"):
        _ = sp.Rademacherr
