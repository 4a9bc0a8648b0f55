"""Bad parameters and controls of networks are refused at once, by name, with the value and the cure."""

import dataclasses
import math
import re

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import spinodal as sp

PLAIN = sp.Hopfield()
NOT_NUMBERS = ["0.3", None, [0.3], 1j, True, object(), np.array(0.3), {}]
MODELS = [sp.Hopfield, sp.GaussianBernoulliRBM]

negative = st.one_of(st.floats(max_value=-1e-300, allow_nan=False, allow_infinity=False),
                     st.sampled_from([math.nan, -math.inf]))
not_finite = st.one_of(negative, st.just(math.inf))
not_a_quality = st.one_of(not_finite, st.just(0.0), st.floats(min_value=1 + 1e-12, allow_nan=False))


def said(caught, name, value):
    """The text names the parameter, its value and what to give."""
    text = str(caught.value)
    assert text.startswith(name), text
    assert "give" in text, text
    if math.isfinite(value):
        numbers = [float(x) for x in re.findall(r"-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?", text)]
        assert any(x == value or (value and abs(x / value - 1) < 1e-5) or abs(value) > 1e308 for x in numbers), text
    else:
        assert "nan" in text or "inf" in text or "oo" in text, text


PARAMETERS = [
    ("dreaming", lambda x: sp.Hopfield(dreaming=x), negative),
    ("dataset_entropy", lambda x: sp.Hopfield(dataset_entropy=x), not_finite),
    ("quality", lambda x: sp.Hopfield(examples=3, quality=x), not_a_quality),
    ("quality", lambda x: sp.Hopfield(examples=3, quality=x, supervised=False), not_a_quality),
    ("alpha", lambda x: sp.fixed_points(PLAIN, alpha=x, temperature=0.1), not_finite),
    ("temperature", lambda x: sp.fixed_points(PLAIN, alpha=0.1, temperature=x), not_finite),
    ("alpha", lambda x: sp.equilibrium(sp.GaussianBernoulliRBM(), alpha=x, temperature=0.1), not_finite),
    ("temperature", lambda x: sp.equilibrium(sp.Hopfield(dreaming=1), alpha=3.0, temperature=[x, 0.1]), not_finite),
]


@pytest.mark.parametrize(("name", "make", "bad"), PARAMETERS, ids=[f"{p[0]}-{k}" for k, p in enumerate(PARAMETERS)])
def test_values_out_of_range(name, make, bad):
    @given(bad)
    @settings(deadline=None, max_examples=25, database=None)
    def check(value):
        with pytest.raises(ValueError, match=" = ") as caught:
            make(value)
        said(caught, name, value)

    check()


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize(("name", "make"), [(p[0], p[1]) for p in PARAMETERS[:-1]],
                         ids=[f"{p[0]}-{k}" for k, p in enumerate(PARAMETERS[:-1])])
def test_what_is_no_number(name, make, value):
    if name in ("alpha", "temperature") and isinstance(value, (list, np.ndarray)):
        return  # arrays of controls
    if name == "quality" and value is None:
        return  # left out
    with pytest.raises((TypeError, ValueError), match=f"{name} = .*: give"):
        make(value)


@pytest.mark.parametrize("value", [sympy.I, sympy.sqrt(-2), sympy.zoo, sympy.nan, 10**400, -(10**400),
                                   sympy.Rational(10**400, 3)], ids=lambda x: type(x).__name__)
def test_numbers_that_no_double_holds(value):
    for name, make in [(p[0], p[1]) for p in PARAMETERS[:-1]]:
        with pytest.raises((TypeError, ValueError), match=f"{name} = .*: give"):
            make(value)


@pytest.mark.parametrize("value", [0, -1, 1.5, 3.0, True, "3", math.inf, math.nan, sympy.Symbol("M"),
                                   sympy.Rational(1, 2), [3], 1j])
@pytest.mark.parametrize("name", ["examples", "mixture"])
@pytest.mark.parametrize("model", MODELS)
def test_whole_numbers(model, name, value):
    quality = {"quality": 0.5} if name == "examples" else {}
    with pytest.raises((TypeError, ValueError), match=rf"{name} = .*: give a whole number") as caught:
        model(**{name: value}, **quality)
    assert repr(value) in str(caught.value)


def test_whole_numbers_of_sympy():
    assert sp.Hopfield(mixture=sympy.Integer(3)) == sp.Hopfield(mixture=3)
    assert sp.Hopfield(examples=sympy.Integer(2), quality=0.5) == sp.Hopfield(examples=2, quality=0.5)


@pytest.mark.parametrize("value", [0, 1, None, "yes", 0.0, [True], sympy.Symbol("x")])
def test_supervised_is_yes_or_no(value):
    with pytest.raises(TypeError, match=r"supervised = .*: give True or False"):
        sp.Hopfield(supervised=value, examples=2, quality=0.5)


CONTRADICTIONS = [
    ({"examples": 5}, r"examples = 5 without quality: give both"),
    ({"quality": 0.5}, r"quality = 0.5 without examples: give both"),
    ({"examples": 5, "quality": 0.5, "dataset_entropy": 0.1},
     r"dataset_entropy = 0.1\d* beside examples = 5.*leave one out"),
    ({"examples": 5, "quality": 0.5, "dataset_entropy": sympy.Symbol("x")}, r"dataset_entropy = x beside examples = 5"),
    ({"supervised": False}, r"supervised = False needs examples and quality"),
    ({"supervised": False, "dataset_entropy": 0.1}, r"supervised = False needs examples and quality.*diverges"),
    ({"mixture": 3, "dataset_entropy": 0.1}, r"mixture = 3: .*leave examples, quality and dataset_entropy out"),
    ({"mixture": 3, "examples": 2, "quality": 0.5}, r"mixture = 3: .*leave examples"),
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("parameters", "text"), CONTRADICTIONS, ids=[str(c[0]) for c in CONTRADICTIONS])
def test_parameters_that_say_different_things(model, parameters, text):
    with pytest.raises(ValueError, match=text):
        model(**parameters)


def test_what_says_the_same_is_allowed():
    assert sp.Hopfield(mixture=1, dataset_entropy=0.1).mixture == 1
    assert sp.Hopfield(dataset_entropy=0, mixture=3, dreaming=1).dataset_entropy == 0
    assert sp.Hopfield(dataset_entropy=0.0, examples=3, quality=0.5).examples == 3


@pytest.mark.parametrize("name", ["dreaming", "dataset_entropy", "quality"])
@pytest.mark.parametrize("symbol", ["alpha", "temperature", "m", "h"])
def test_symbols_of_the_formulas(name, symbol):
    """A parameter that is a symbol becomes a control; those of the model itself are taken."""
    parameters = {name: sympy.Symbol(symbol)} | ({"examples": 3} if name == "quality" else {})
    try:
        model = sp.Hopfield(**parameters)
    except ValueError as refused:
        text = str(refused)
    else:
        with pytest.raises(ValueError, match=symbol) as caught:
            sp.fixed_points(model, **({"alpha": 0.1, "temperature": 0.1} | {symbol: 0.5}))
        text = str(caught.value)
    assert symbol in text
    assert "rename" in text


def test_values_of_symbols_are_checked_like_parameters():
    t, quality = sympy.symbols("t quality")
    with pytest.raises(ValueError, match=r"-0.5\d* .*: give"):
        sp.fixed_points(sp.Hopfield(dreaming=t), alpha=0.1, temperature=0.1, t=-0.5)
    for value in (0, -1, 1.5):
        with pytest.raises(ValueError, match=r"quality = .*: give"):
            sp.fixed_points(sp.Hopfield(examples=2, quality=quality), alpha=0.1, temperature=0.1, quality=value)
    with pytest.raises(TypeError, match="alpha = x is a symbol"):
        sp.fixed_points(PLAIN, alpha=sympy.Symbol("x"), temperature=0.1)


@pytest.mark.parametrize("call", [sp.fixed_points, sp.equilibrium])
def test_names_of_controls(call):
    with pytest.raises(ValueError, match="'temprature' is not a control.*did you mean 'temperature'"):
        call(PLAIN, alpha=0.1, temprature=0.1)
    with pytest.raises(ValueError, match="'temperature' has no value: give temperature="):
        call(PLAIN, alpha=0.1)
    with pytest.raises(ValueError, match="'alpha' has no value"):
        call(PLAIN, temperature=0.1)
    with pytest.raises(ValueError, match="'t' has no value: give t="):
        call(sp.Hopfield(dreaming=sympy.Symbol("t")), alpha=0.1, temperature=0.1)
    with pytest.raises(ValueError, match="'beta' is not a control of this model.*alpha, temperature"):
        call(PLAIN, alpha=0.1, temperature=0.1, beta=3)


def test_tolerances_and_digits():
    for value in (0, 1, -1e-3, math.nan, "1e-9", None):
        with pytest.raises(ValueError, match=r"tolerance = .*: give a relative tolerance"):
            sp.fixed_points(PLAIN, alpha=0.1, temperature=0.1, tolerance=value)
    with pytest.raises(ValueError, match="digits = 30: .*leave digits out"):
        sp.fixed_points(PLAIN, alpha=0.1, temperature=0.1, digits=30)
    with pytest.raises(ValueError, match="digits = 3: give a whole number"):
        sp.fixed_points(PLAIN, alpha=0.1, temperature=0.1, digits=3)


@pytest.mark.parametrize("call", [
    lambda: sp.state_evolution(PLAIN, alpha=0.1, temperature=0.1),
    lambda: sp.branches(PLAIN, along="alpha", between=(0.01, 0.1), temperature=0.1),
], ids=["state evolution", "branches"])
def test_what_networks_do_not_do(call):
    with pytest.raises(TypeError, match=r"Hopfield.*fixed_points"):
        call()


def test_a_network_is_no_part_of_another_model():
    with pytest.raises(TypeError, match="not a prior"):
        sp.GLM(PLAIN, sp.Sign())
    with pytest.raises(TypeError):
        sp.GLM(sp.Rademacher(), PLAIN)
    with pytest.raises(TypeError, match="is not a model"):
        sp.fixed_points(sp.Hopfield, alpha=0.1, temperature=0.1)


def test_models_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PLAIN.dreaming = 1
    with pytest.raises(TypeError, match="sleeping"):
        sp.Hopfield(sleeping=1)


def test_text_is_never_evaluated(tmp_path):
    target = tmp_path / "made"
    code = f"__import__('pathlib').Path({str(target)!r}).touch() or 0.5"
    for call in (
        lambda: sp.Hopfield(dreaming=code), lambda: sp.Hopfield(dataset_entropy=code),
        lambda: sp.Hopfield(examples=code, quality=0.5), lambda: sp.Hopfield(examples=2, quality=code),
        lambda: sp.Hopfield(mixture=code), lambda: sp.Hopfield(supervised=code),
        lambda: sp.fixed_points(PLAIN, alpha=code, temperature=0.1),
        lambda: sp.fixed_points(PLAIN, alpha=0.1, temperature=code),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()
        assert not target.exists()


# ---- found by trying to break it


@pytest.mark.parametrize("parameters", [{"mixture": np.int64(3)}, {"examples": np.int32(3), "quality": 0.5}], ids=str)
def test_whole_numbers_of_numpy(parameters):
    sp.Hopfield(**parameters)


def test_no_mixture_is_refused_by_name():
    with pytest.raises((TypeError, ValueError), match="mixture = None"):
        sp.Hopfield(mixture=None)


def test_an_infinite_dream_as_a_control():
    found = sp.fixed_points(sp.Hopfield(dreaming=sympy.Symbol("t")), alpha=0.2, temperature=0.0, t=math.inf)
    assert found[0].observables["energy"] == pytest.approx(-0.4)
