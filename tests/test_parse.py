"""Models written as text: what is understood, and how everything else is refused."""

import math

import pytest
import sympy
from hypothesis import example, given
from hypothesis import strategies as st

import spinodal as sp
from spinodal.theory.parameters import symbol
from spinodal.theory.parse import parse_model, parse_number, resolve


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("GLM(GaussBernoulli(0.3), Abs())", lambda: sp.GLM(sp.GaussBernoulli(0.3), sp.Abs())),
        ("GLM(prior=Rademacher(), channel=Sign())", lambda: sp.GLM(sp.Rademacher(), sp.Sign())),
        (
            " GLM(Gaussian(-1/2, variance=2**-1), ReLU(noise=1e-3)) ",
            lambda: sp.GLM(sp.Gaussian(-0.5, variance=0.5), sp.ReLU(noise=1e-3)),
        ),
        (
            "GLM(GaussBernoulli(rho), Linear(noise=noise))",
            lambda: sp.GLM(sp.GaussBernoulli(symbol("rho")), sp.Linear(noise=symbol("noise"))),
        ),
        (
            "GLM(Discrete([-1, 0, 2], (0.25, 0.5, 0.25)), Probit(1e-3))",
            lambda: sp.GLM(sp.Discrete([-1, 0, 2], (0.25, 0.5, 0.25)), sp.Probit(1e-3)),
        ),
        (
            "GLM(GaussianMixture([0.5, 0.5], means=[-1, 1], variances=[0, 0.1]), Door(2/3))",
            lambda: sp.GLM(sp.GaussianMixture([0.5, 0.5], means=[-1, 1], variances=[0, 0.1]), sp.Door(2 / 3)),
        ),
        (
            "GLM(SparseRademacher(0.1, amplitude=3), "
            "PiecewiseLinear([0], slopes=[-1, 2], intercepts=[0, 0]))",
            lambda: sp.GLM(
                sp.SparseRademacher(0.1, amplitude=3),
                sp.PiecewiseLinear([0], slopes=[-1, 2], intercepts=[0, 0]),
            ),
        ),
        (
            "GLM(Bernoulli(0.1), LeakyReLU(+0.5, noise=0.1))",
            lambda: sp.GLM(sp.Bernoulli(0.1), sp.LeakyReLU(0.5, noise=0.1)),
        ),
        (
            "GLM(Gaussian(), HardTanh(input_noise=(1 - 0.5) * 3))",
            lambda: sp.GLM(sp.Gaussian(), sp.HardTanh(input_noise=1.5)),
        ),
    ],
)
def test_text_is_the_model_it_says(text, model):
    assert parse_model(text) == model()


@pytest.mark.parametrize("name", list(sp.catalogue()))
def test_a_model_is_what_its_own_text_says(name):
    model = sp.catalogue()[name].model
    assert parse_model(str(model)) == model


def test_formulas_of_controls():
    rho = sp.catalogue()["sparse-pca"].model.prior.rho
    given = parse_model("SpikedWigner(SparseRademacher(rho, amplitude=2*rho**(-1/2)))")
    assert given == sp.SpikedWigner(sp.SparseRademacher(rho, amplitude=2 / sympy.sqrt(rho)))
    assert parse_model("SpikedWigner(SparseRademacher(rho, amplitude=2/sqrt(rho)))") == given
    with pytest.raises(ValueError, match="amplitude = open"):
        parse_model("SpikedWigner(SparseRademacher(rho, amplitude=open('x')))")
    with pytest.raises(ValueError, match="amplitude = rho.real"):
        parse_model("SpikedWigner(SparseRademacher(rho, amplitude=rho.real))")


def test_bare_names_are_controls():
    model = parse_model("GLM(GaussBernoulli(rho), Sign(input_noise=input_noise))")
    assert [control.name for control in model.controls] == ["alpha", "input_noise", "rho"]


def test_decimals_are_exact_on_request():
    model = parse_model("GLM(GaussBernoulli(0.3), Linear(noise=1e-2))", exact=True)
    assert model.prior.rho == sympy.Rational(3, 10)
    assert model.channel.noise == sympy.Rational(1, 100)
    assert parse_number("rho", "0.2", exact=True) == sympy.Rational(1, 5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("GLM(Rademachr(), Sign())", ["Rademachr", "did you mean 'Rademacher'?"]),
        ("GLM(Rademacher(), sign())", ["sign", "did you mean 'Sign'?"]),
        ("GLN(Rademacher(), Sign())", ["GLN", "did you mean 'GLM'?"]),
        ("GLM(Rademacher, Sign())", ["prior", "write Rademacher()"]),
        ("GLM(Rademacher(), Gaussian())", ["channel", "Gaussian", "it is no channel"]),
        ("GLM(Sign(), Rademacher())", ["prior", "Sign()", "it is no prior"]),
        ("GLM(Rademacher())", ["lacks channel", "GLM(prior, channel)"]),
        ("GLM()", ["lacks prior and channel"]),
        ("GLM(Rademacher(), Sign(), Abs())", ["3 arguments"]),
        ("GLM(Rademacher(), Sign(nois=1))", ["'nois'", "did you mean 'noise'?"]),
        ("GLM(Rademacher(), channel=Sign(), prior=Gaussian())", ["prior twice"]),
        ("GLM(Rademacher(), *[Sign()])", ["channel = *[Sign()]"]),
        ("GLM(Rademacher(), **{})", ["GLM has no parameter '**'"]),
        ("GLM(GaussBernoulli(), Abs())", ["GaussBernoulli lacks rho"]),
        ("GLM(GaussBernoulli(1.5), Abs())", ["rho = 1.5", "(0, 1]"]),
        ("GLM(GaussBernoulli(0), Abs())", ["rho = 0", "(0, 1]"]),
        ("GLM(GaussBernoulli('a'), Abs())", ["rho = 'a'", "is not a number"]),
        ("GLM(GaussBernoulli(True), Abs())", ["rho = True", "is not a number"]),
        ("GLM(GaussBernoulli(1j), Abs())", ["rho = 1j", "is not a number"]),
        ("GLM(GaussBernoulli(Abs), Abs())", ["rho = Abs", "is not a number"]),
        ("GLM(GaussBernoulli([0.1]), Abs())", ["rho", "GaussBernoulli"]),
        ("GLM(GaussBernoulli(nan), Abs())", ["rho = nan", "not finite"]),
        ("GLM(GaussBernoulli(-inf), Abs())", ["rho = inf", "not finite"]),
        ("GLM(GaussBernoulli(1e999), Abs())", ["rho", "not finite"]),
        ("GLM(GaussBernoulli(1/0), Abs())", ["rho = 1 / 0", "not finite"]),
        ("GLM(GaussBernoulli(9**9**9), Abs())", ["rho", "finite"]),
        ("GLM(GaussBernoulli((-1)**0.5), Abs())", ["rho", "real"]),
        ("GLM(Rademacher(), Linear(noise=-1))", ["noise = -1", "noise = 0 is the noiseless channel"]),
        ("GLM(Rademacher(), Door(0))", ["width = 0", "(0, inf)"]),
        ("GLM(Rademacher(), Sign(noise=__import__('os').getpid()))", ["noise", "__import__"]),
        ("__import__('os').system('true')", ["is not a model"]),
        ("(lambda: GLM)()(Rademacher(), Sign())", ["is not a model"]),
        ("GLM(Rademacher().__class__(), Sign())", ["is not a prior"]),
        ("GLM([c for c in ()], Sign())", ["is not a prior"]),
        ("GLM", ["lacks its parentheses", "GLM()"]),
        ("perceptron", ["is not a model"]),
        ("3", ["is not a model"]),
        ("", ["is not a model"]),
        ("GLM(", ["is not a model"]),
        ("GLM(Rademacher(), Sign()); 1", ["is not a model"]),
        ("GLM(\0)", ["is not a model"]),
        ("GLM(" + "(" * 300, ["is not a model"]),
        ("-" * 1900 + "1", ["is not a model"]),
        ("GLM(Gaussian(" + "-" * 1900 + "1), Sign())", ["is"]),
        ("x" * 3000, ["too long"]),
    ],
)
def test_what_is_no_model_is_refused_by_name(text, said):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the texts are checked below
        parse_model(text)
    message = str(refused.value)
    assert "\n" not in message
    for piece in said:
        assert piece in message


@given(st.text(alphabet="GLMRadSign(),.[]=*-+/ 0123456789e'_\n", max_size=60))
@example("GLM(Rademacher(),Sign(noise=1e400))")
def test_any_text_is_a_model_or_a_value_error(text):
    try:
        parse_model(text)
    except ValueError as refused:
        assert str(refused)  # noqa: PT017 - either outcome is right, no other exception is


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.3", 1.3), ("1e-14", 1e-14), ("-2", -2), ("1/3", 1 / 3), ("2**-3", 0.125), (" 1 ", 1)],
)
def test_numbers_are_read(text, value):
    assert parse_number("alpha", text) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_is_read_exactly(value):
    assert float(parse_number("alpha", repr(value))) == value


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "oo", "1e999", "1/0", "abc", "", "1,2", "0x", "[1]", "1e400-1e400"]
)
def test_what_is_no_finite_number_is_refused(text):
    with pytest.raises(ValueError, match="alpha"):
        parse_number("alpha", text)


def test_names_and_texts_resolve():
    assert resolve("binary-perceptron") is sp.catalogue()["binary-perceptron"]
    entry = resolve("GLM(GaussBernoulli(rho), Abs())")
    assert entry.controls == ("alpha", "rho")
    assert entry.between is None
    assert entry.references == entry.model.references


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'binary-perceptron'"):
        resolve("binary-perceptrn")
    with pytest.raises(ValueError, match="known are binary-perceptron, "):
        resolve("zzz")
    assert math.isfinite(len(sp.catalogue()))
