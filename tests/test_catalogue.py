"""The catalogue: entries that are models, settings that are complete, names that agree."""

import dataclasses
import re

import pytest
import sympy

import spinodal as sp

NAMES = list(sp.catalogue())


def test_systems_are_listed_in_order():
    assert NAMES == [
        "binary-perceptron",
        "spherical-perceptron",
        "symmetric-door",
        "compressed-sensing",
        "phase-retrieval",
        "sparse-phase-retrieval",
        "relu-regression",
        "binary-linear",
        "sparse-pca",
        "gauss-bernoulli-pca",
        "linear-generative-pca",
        "sign-generative-pca",
        "relu-generative-pca",
        "generative-phase-retrieval",
        "generative-compressed-sensing",
        "hopfield",
        "decimation",
        "sparse-decimation",
        "matrix-tensor",
        "p-spin",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_entry_is_complete(name):
    entry = sp.catalogue()[name]
    assert entry.name == name
    assert isinstance(entry.model, sp.Model)
    assert entry.along in entry.controls or entry.model.solved_by == "counting"
    assert set(entry.defaults) == set(entry.controls) - {entry.along}
    networks = {"temperature", "beta", "dreaming", "dataset_entropy"}
    spikes = {"delta", "ratio", "delta_2", "delta_p", "p"}
    assert set(entry.controls) <= {"alpha", "rho", "noise", "input_noise", "width", "slope", *networks, *spikes}
    low, high = entry.between or (0, 1)
    assert 0 <= low < high
    assert all(re.search(r"\(\d{4}\)$", reference) for reference in entry.references)


@pytest.mark.parametrize("name", NAMES)
def test_defaults_make_a_model_without_other_controls(name):
    entry = sp.catalogue()[name]
    symbols = {control.name: control for control in entry.model.controls}
    numeric = entry.model.at({symbols[key]: value for key, value in entry.settings({}, entry.varied).items()})
    assert numeric.controls == numeric.own_controls


@pytest.mark.parametrize("name", NAMES)
def test_axes_of_the_diagram_are_two_controls_where_there_are_two(name):
    entry = sp.catalogue()[name]
    if len(entry.controls) == 1:
        assert (entry.x, entry.y) == (None, None)
        return
    (across, low, high, *scale), (up, bottom, top, *other_scale) = entry.axis("x", {}), entry.axis("y", {})
    assert entry.model.linear_control.name == entry.along
    assert entry.along in (across, up)
    assert across in set(entry.controls) - {up}
    assert 0 <= low < high
    assert 0 <= bottom < top
    assert scale in ([], ["linear"], ["log"])
    assert other_scale in ([], ["linear"], ["log"])
    assert set(entry.settings({}, (across, up))) == set(entry.controls) - {across, up}


def test_entries_cannot_be_changed():
    entry = sp.catalogue()["compressed-sensing"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.name = "other"
    with pytest.raises(TypeError):
        entry.defaults["rho"] = 0.1
    with pytest.raises(TypeError):
        sp.catalogue()["other"] = entry


def test_settings_fill_in_the_defaults():
    entry = sp.catalogue()["compressed-sensing"]
    assert entry.settings({"rho": 0.1}, "alpha") == {"rho": 0.1, "noise": 0}
    assert entry.settings({"alpha": 0.5}) == {"alpha": 0.5, "rho": 0.2, "noise": 0}
    assert entry.settings({"alpha": 0.5}, "rho") == {"alpha": 0.5, "noise": 0}
    assert entry.settings({}, ("rho", "alpha")) == {"noise": 0}
    assert entry.settings({"rho": 0.1}, ["noise", "alpha"]) == {"rho": 0.1}


def test_defaults_are_exact_on_request():
    settings = sp.catalogue()["compressed-sensing"].settings({}, "alpha", exact=True)
    assert settings == {"rho": sympy.Rational(1, 5), "noise": 0}


@pytest.mark.parametrize(
    ("given", "along", "said"),
    [
        ({"rh": 0.1}, "alpha", "rh is not a control of compressed-sensing; did you mean 'rho'"),
        ({}, "alhpa", "alhpa is not a control of compressed-sensing; did you mean 'alpha'"),
        ({"alpha": 1}, "alpha", "alpha = 1 is fixed and varied at once"),
        ({"noise": 0.1}, ("noise", "alpha"), "noise = 0.1 is fixed and varied at once"),
        ({}, None, "compressed-sensing needs a value of alpha"),
    ],
)
def test_settings_refuse_what_the_model_does_not_know(given, along, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        sp.catalogue()["compressed-sensing"].settings(given, along)
