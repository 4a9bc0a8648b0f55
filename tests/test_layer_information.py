"""Entropies and mutual informations of layers: closed forms, limits, inequalities, refusals."""

import math

import numpy as np
import pytest
import sympy
from scipy import integrate

import spinodal as sp
from spinodal.equations.layer_information import layer_information
from spinodal.theory.known_input import KnownInput, output_given_input

HALF_LOG = 0.5 * math.log(2 * math.pi * math.e)
NAMES = ("entropy", "latent_information", "input_information")


def table(layers, latent=None):
    return layer_information(sp.Generative(layers, latent or sp.Gaussian()))


def log_det(ratio, signal, noise):
    """E log(noise + signal x)/2 over the eigenvalues x of W W^T/n_in, per output (Marchenko and Pastur)."""
    c = min(ratio, 1 / ratio)
    scale, weight = (1.0, 1.0) if ratio < 1 else (ratio, 1 / ratio)
    low, high = (1 - math.sqrt(c)) ** 2, (1 + math.sqrt(c)) ** 2

    def density(t):
        x = (low + high) / 2 + (high - low) / 2 * math.cos(t)
        jacobian = ((high - low) / 2 * math.sin(t)) ** 2 / (2 * math.pi * c * x)
        return jacobian * math.log(noise + signal * scale * x) / 2

    inside = weight * integrate.quad(density, 0, math.pi, epsabs=1e-14, epsrel=1e-14)[0]
    return inside + ((1 - weight) * math.log(noise) / 2 if weight < 1 else 0.0)


def agrees(row, **expected):
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-11)
        assert abs(row[f"{name}_per_latent"] - value * row["size"]) <= 4 * row["error"] + 4e-16 * abs(value)


def lawful(found):
    """What holds for any network: the chain X - T_1 - T_2 - ... only loses information."""
    assert (found["status"].map(lambda status: status.good)).all()
    np.testing.assert_allclose(found["size"], found["ratio"].cumprod(), rtol=1e-15)
    for name in NAMES:
        np.testing.assert_allclose(found[f"{name}_per_latent"], found[name] * found["size"], rtol=1e-14)
    kept = found["latent_information_per_latent"].to_numpy()
    slack = 4 * found["error"].max() + 1e-15
    assert (kept[1:] <= kept[:-1] + slack).all()
    assert (kept <= found["input_information_per_latent"] + slack).all()
    assert (kept > 0).all()
    return found


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_linear_layers_with_noise(ratio):
    """Gaussian vectors: entropies are log-determinants."""
    first, second = 0.1, 0.2
    found = lawful(table([(sp.Linear(noise=first), ratio), (sp.Linear(noise=second), 1.5)]))
    assert found["measure"].tolist() == ["Lebesgue"] * 2
    entropy = HALF_LOG + log_det(ratio, 1, first)
    information = log_det(ratio, 1, first) - math.log(first) / 2
    agrees(found.iloc[0], entropy=entropy, latent_information=information, input_information=information)
    # given X, T_2 has the covariance second + first W_2 W_2^T/n_1; given T_1, second
    given = HALF_LOG + log_det(1.5, first, second)
    row = found.iloc[1]
    assert row["entropy"] - row["latent_information"] == pytest.approx(given, rel=1e-12)
    assert row["entropy"] - row["input_information"] == pytest.approx(HALF_LOG + math.log(second) / 2, rel=1e-12)


def test_two_linear_layers_on_an_instance():
    """log det of the covariance of T_2, whose fluctuations are O(1) of n_2 components."""
    n, rng = 600, np.random.default_rng(0)
    w1, w2 = rng.standard_normal((2 * n, n)), rng.standard_normal((3 * n, 2 * n))
    covariance = 0.2 * np.eye(3 * n) + w2 @ (0.1 * np.eye(2 * n) + w1 @ w1.T / n) @ w2.T / (2 * n)
    instance = HALF_LOG + np.linalg.slogdet(covariance)[1] / 2 / (3 * n)
    found = table([(sp.Linear(noise=0.1), 2), (sp.Linear(noise=0.2), 1.5)])
    assert found["entropy"][1] == pytest.approx(instance, abs=4 / (3 * n))


def test_noise_before_and_after_a_linear_layer():
    """It is the same, though one way T_1 given X is Gaussian, and the other way the output of a noisy layer."""
    after = table([(sp.Linear(noise=0.1), 2), (sp.Linear(noise=0.2), 1.5)])
    before = table([(sp.Linear(input_noise=0.1), 2), (sp.Linear(noise=0.2), 1.5)])
    for name in NAMES:
        np.testing.assert_allclose(before[name], after[name], rtol=1e-12)


def test_signs():
    """All that a layer without noise says is its own entropy: the perceptron's, per label."""
    found = lawful(table([(sp.Sign(), 2), (sp.Linear(), 3)]))
    assert found["measure"].tolist() == ["counting"] * 2  # real numbers that tell signs
    for k, entropy in enumerate((0.51551907795520971, 0.51551907795520971 / 3)):
        agrees(found.iloc[k], entropy=entropy, latent_information=entropy, input_information=entropy)


def test_more_signs_than_the_hidden_ones():
    """H(T_2) <= H(T_1), with equality where T_2 tells T_1, above the ratio 1.1085."""
    hidden = 0.59644125568897971
    found = lawful(table([(sp.Sign(), 1), (sp.Sign(), 1.2)]))
    agrees(found.iloc[1], entropy=hidden / 1.2)
    found = lawful(table([(sp.Sign(), 1), (sp.Sign(), 1.0)]))
    assert found["entropy"][1] < hidden - 1e-3
    # a further layer cannot say more, nor be taken in a state in which it does
    found = table([(sp.Sign(), 1), (sp.Sign(), 1.2), (sp.Linear(), 2)])
    assert found["entropy_per_latent"][2] == pytest.approx(hidden, rel=1e-12)


def test_discrete_latent():
    """A binary X that T_1 tells has information ln 2, below the threshold 1.2450 less than it."""
    told = lawful(table([(sp.Sign(), 2)], sp.Rademacher()))
    assert told["latent_information_per_latent"][0] == pytest.approx(math.log(2), rel=1e-14)
    less = table([(sp.Sign(), 1)], sp.Rademacher())
    assert less["latent_information_per_latent"][0] < 0.6
    real = table([(sp.Linear(), 0.01)], sp.Rademacher())
    assert real["measure"].tolist() == ["counting"]
    assert real["latent_information_per_latent"][0] == pytest.approx(math.log(2), rel=1e-14)


def test_real_numbers_without_noise_tell_infinitely_much():
    found = table([(sp.Linear(), 1)])
    assert found["entropy"][0] == pytest.approx(HALF_LOG - 0.5, rel=1e-12)  # E ln |det W|/n of a square matrix
    assert found["latent_information"][0] == found["input_information"][0] == math.inf
    manifold = table([(sp.Linear(), 2)])
    assert manifold["entropy"][0] == -math.inf
    assert manifold["error"][0] == 0
    assert table([(sp.ReLU(), 2.5)])["measure"].tolist() == ["Lebesgue plus atoms at 0"]


def test_layers_without_noise_pass_on_what_they_can():
    """A square or wider linear layer loses nothing; a narrow one does."""
    found = lawful(table([(sp.Linear(noise=0.1), 2), (sp.Linear(), 0.5), (sp.Linear(), 2)]))
    kept = found["latent_information_per_latent"]
    assert kept[1] < 0.9 * kept[0]
    assert kept[2] == kept[1]
    assert found["entropy"][2] == -math.inf


def normal(w):
    return math.exp(-w * w / 2) / math.sqrt(2 * math.pi)


def test_narrow_layers_are_channels_of_independent_components():
    """Ratios -> 0: T_1 are probit signs, T_2 sums of many of them, Gaussian given X and without."""
    s, noise = 0.1, 0.3
    ratio = 1e-5
    found = table([(sp.Sign(input_noise=s), ratio), (sp.Linear(noise=noise), ratio)])

    def up(w):
        return math.erfc(-w / math.sqrt(2 * s)) / 2

    def binary(p):
        return -p * math.log(p) - (1 - p) * math.log(1 - p) if 0 < p < 1 else 0.0

    lost = integrate.quad(lambda w: normal(w) * binary(up(w)), -9, 9, points=[0], epsabs=1e-13)[0]
    spread = integrate.quad(lambda w: normal(w) * 4 * up(w) * (1 - up(w)), -9, 9, points=[0], epsabs=1e-13)[0]
    assert found["entropy"][0] == pytest.approx(math.log(2), rel=3 * ratio)
    assert found["latent_information"][0] == pytest.approx(math.log(2) - lost, rel=3 * ratio)
    assert found["entropy"][1] == pytest.approx(HALF_LOG + math.log(1 + noise) / 2, rel=3 * ratio)
    assert found["latent_information"][1] == pytest.approx(math.log((1 + noise) / (spread + noise)) / 2, rel=3 * ratio)


def test_stochastic_signs():
    found = lawful(table([(sp.Sign(input_noise=0.1), 2), (sp.Linear(noise=0.3), 1)]))
    assert found["measure"].tolist() == ["counting", "Lebesgue"]
    assert (found["entropy"][0] < math.log(2)).all()
    lawful(table([(sp.Linear(noise=0.1), 2), (sp.Sign(), 1)]))


def test_output_given_input():
    law = output_given_input(sp.ReLU(noise=0.25), 2)
    assert isinstance(law, sp.Gaussian)
    assert float(law.second_moment) == pytest.approx(1.25, rel=1e-15)
    assert output_given_input(sp.Sign(input_noise=1), 1) == KnownInput(sp.Sign(input_noise=1), 1)
    assert KnownInput(sp.Sign(input_noise=1), 1).second_moment == 1
    with pytest.raises(ValueError, match="has no noise"):
        output_given_input(sp.Sign(), 1)
    with pytest.raises(ValueError, match="input_noise > 0"):
        KnownInput(sp.Sign(), 1)


@pytest.mark.slow
def test_noisy_relu_layers():
    lawful(table([(sp.ReLU(noise=0.1), 2), (sp.ReLU(noise=0.1), 1)]))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: layer_information(sp.Gaussian()), TypeError, "is not a network"),
    (lambda: layer_information([(sp.Sign(), 2)]), TypeError, "is not a network"),
    (lambda: table([(sp.Sign(), sympy.Symbol("kappa"))]), ValueError, "kappa"),
    (lambda: table([(sp.Sign(input_noise=sympy.Symbol("s")), 1)]), ValueError, "parameters s"),
], ids=range(4))
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
