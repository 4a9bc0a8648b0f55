"""The verb `diagram`: axes, pictures and tables, exit codes, interruption and resumption, processes."""

import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import types

import pandas as pd
import pytest

import spinodal as sp
from spinodal.__main__ import main
from spinodal.phase_diagrams.diagram import AxisSpec, PhaseDiagram
from spinodal.phase_diagrams.tables import from_csv, from_parquet

CUSP = 0.10163111594, 0.67785915614  # of binary signals through linear measurements: noise, alpha
NARROW = ["binary-linear", "--x", "noise", "0.08", "0.12", "--y", "alpha", "0.5", "0.8"]


def run(capsys, *arguments):
    """Run a command; return its exit code, what it printed and what it complained of."""
    code = main(["diagram", *map(str, arguments)])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return code, printed.out, printed.err


def made(status="converged", end="window"):
    """A diagram of one boundary of two vertices, and one region."""
    row = {"curve": 0, "kind": "spinodal", "branch": "uninformative", "overlap": 0.5, "mse": 0.5, "other_overlap": 0.5,
           "other_mse": 0.5, "free_entropy": -0.2, "error": 1e-14, "status": "converged"}
    region = {"name": "easy", "x_low": 0.01, "x_high": 0.1, "below": 0, "above": -1, "noise": 0.05, "alpha": 0.9,
              "states": 1, "overlap": 0.9, "mse": 0.1, "status": status}
    return PhaseDiagram(
        model="GLM(Rademacher(), Linear(noise=noise))", x=AxisSpec("noise", 0.01, 0.1), y=AxisSpec("alpha", 0.1, 1.0),
        boundaries=pd.DataFrame([{**row, "noise": 0.01, "alpha": 0.5, "end": "window"},
                                 {**row, "noise": 0.1, "alpha": 0.6, "end": end}]),
        regions=pd.DataFrame([region]),
    )


@pytest.fixture
def fake(monkeypatch):
    """Put a function in the place of `phase_diagram`; it is told what it is called with."""
    def put(function):
        calls = []

        def phase_diagram(model, **settings):
            calls.append((model, settings))
            return function()

        module = types.ModuleType("spinodal.phase_diagrams.two_controls")
        module.phase_diagram = phase_diagram
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return calls

    return put


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store that holds the narrow diagram, so that it is computed once."""
    path = tmp_path_factory.mktemp("store") / "kept.db"
    assert main(["diagram", *NARROW, "--resume", str(path), "--output", str(path.with_name("first.json"))]) == 0
    return path


# ---- what it computes, and what it writes ----


def test_summary_in_the_terminal(capsys, store):
    code, out, err = run(capsys, *NARROW, "--resume", store)
    assert (code, err) == (0, "")
    assert "GLM(Rademacher(), Linear(noise=noise)) in 0.08 < noise < 0.12, 0.5 < alpha < 0.8" in out
    assert f"Cusp at noise = {CUSP[0]}" in out
    for word in ("algorithmic spinodal", "informative spinodal", "first-order", "hard", "easy", "impossible"):
        assert word in out
    assert all(reference in out for reference in sp.catalogue()["binary-linear"].sources)


def test_every_table_and_every_picture(capsys, store, tmp_path):
    suffixes = ("json", "csv", "parquet", "tex", "png", "svg", "pdf")
    files = [tmp_path / f"diagram.{suffix}" for suffix in suffixes]
    code, out, err = run(capsys, *NARROW, "--resume", store, *(f"--output={file}" for file in files))
    assert (code, out, err) == (0, "", "")
    whole = PhaseDiagram.from_json(files[0])
    assert whole == PhaseDiagram.from_json(store.with_name("first.json"))  # from the store: the same in every number
    ((x, y),) = whole.special_points[["noise", "alpha"]].to_numpy()
    assert (x, y) == pytest.approx(CUSP, abs=1e-10)
    assert whole.settings["system"] == "binary-linear"
    assert whole.settings["references"] == list(sp.catalogue()["binary-linear"].sources)
    assert "nats" in whole.settings["units"]["free_entropy"]
    for read, suffix in ((lambda path: from_csv(path.read_text()), ".csv"), (from_parquet, ".parquet")):
        for part in ("boundaries", "special_points", "regions"):
            name = "diagram" if part == "boundaries" else f"diagram_{part}"
            table = read(tmp_path / (name + suffix))
            assert table["status"].tolist() == ["converged"] * len(getattr(whole, part))
    tex = files[3].read_text()
    assert "Tanaka" in tex
    assert tex.count(r"\begin{tabular}") == 3
    for file, start in zip(files[4:], (b"\x89PNG", b"<?xml", b"%PDF"), strict=True):
        assert file.read_bytes().startswith(start)


@pytest.mark.parametrize("form", ["json", "csv", "latex"])
def test_formats_of_what_is_printed(capsys, store, form, tmp_path):
    code, out, err = run(capsys, *NARROW, "--resume", store, "--format", form)
    assert code == 0
    if form == "json":
        assert PhaseDiagram.from_json(out) == PhaseDiagram.from_json(store.with_name("first.json"))
    elif form == "csv":
        assert {"first_order", "spinodal"} == set(from_csv(out)["kind"])
        assert "special points and regions" in err
    else:
        assert r"\begin{tabular}" in out
    assert bool(err) == (form == "csv")
    file = tmp_path / "a file without a suffix"
    assert run(capsys, *NARROW, "--resume", store, "--format", form, "--output", file)[0] == 0
    assert file.read_text() == out


def test_what_cannot_be_written_after_all_is_printed(capsys, fake):
    if not os.path.exists("/dev/full"):
        pytest.skip("no device that is always full")
    fake(made)
    code, out, err = run(capsys, "binary-linear", "--output", "/dev/full", "--format", "json")
    assert code == 2
    assert json.loads(out)["boundaries"]["rows"]
    assert "printed instead" in err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compressed-sensing", "binary-perceptron", "binary-linear"])
def test_the_catalogue_knows_its_axes(capsys, name):
    code, out, err = run(capsys, name, "--format", "json")
    assert (code, err) == (0, "")
    diagram = PhaseDiagram.from_json(out)
    entry = sp.catalogue()[name]
    assert (diagram.x.name, diagram.y.name) == (entry.x[0], entry.y[0])
    assert {"hard", "impossible", "easy"} == set(diagram.regions["name"])
    if name == "compressed-sensing":
        line = diagram.boundaries.query("kind == 'first_order'")
        assert line["alpha"].to_numpy() == pytest.approx(line["rho"].to_numpy(), abs=1e-12)
        assert diagram.controls == {"noise": 0.0}
    else:
        assert list(diagram.special_points["type"]) == ["cusp"]
        assert diagram.controls == {}
    if name == "binary-perceptron":
        ((x, y),) = diagram.special_points[["input_noise", "alpha"]].to_numpy()
        assert (x, y) == pytest.approx((0.01725034762, 1.66185605790), abs=1e-9)


# ---- what it asks for ----


@pytest.mark.parametrize("name", [name for name, entry in sp.catalogue().items() if entry.x])
def test_defaults_are_those_of_the_catalogue(capsys, fake, name):
    calls = fake(made)
    assert run(capsys, name)[0] == 0
    entry = sp.catalogue()[name]
    ((model, asked),) = calls
    assert model is entry.model
    assert (asked.pop("x"), asked.pop("y")) == (entry.axis("x", {}), entry.axis("y", {}))
    assert (asked.pop("store"), asked.pop("executor"), asked.pop("progress")) == (None, None, False)
    assert asked == {key: value for key, value in entry.defaults.items() if key not in (entry.x[0], entry.y[0])}


def test_axes_and_controls_that_are_said(capsys, fake, tmp_path):
    calls = fake(made)
    words = ["compressed-sensing", "--x", "noise", "1e-5", "1/100", "log", "--set", "rho=0.1", "--resume"]
    assert run(capsys, *words, tmp_path / "kept.db")[0] == 0
    words = ["GLM(GaussBernoulli(density), Abs())", "--x", "density", "0.1", "0.9", "linear", "--y", "alpha", "0", "1.5"]
    assert run(capsys, *words)[0] == 0
    (_, first), (_, second) = calls
    assert first["x"] == ("noise", 1e-5, 0.01, "log")
    assert first["y"] == sp.catalogue()["compressed-sensing"].y
    assert (first["rho"], first["store"]) == (0.1, tmp_path / "kept.db")
    assert "noise" not in first
    assert (second["x"], second["y"]) == (("density", 0.1, 0.9, "linear"), ("alpha", 0.0, 1.5))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["binary-linear", "--x", "noise", "0", "a"], ["noise = 'a'", "not a number"]),
        (["binary-linear", "--x", "noise", "0"], ["--x noise 0", "NAME LO HI"]),
        (["binary-linear", "--x", "noise", "0.1", "1", "lin"], ["linear or log"]),
        (["binary-linear", "--x", "noise", "0.1", "1", "log", "log"], ["NAME LO HI"]),
        (["binary-linear", "--x", "noise", "1", "0.1"], ["noise", "the lower first"]),
        (["binary-linear", "--x", "noise", "0", "1", "log"], ["noise", "logarithmic"]),
        (["binary-linear", "--x", "noice", "0.1", "1"], ["noice", "did you mean 'noise'"]),
        (["binary-linear", "--x", "noise", "-1", "1"], ["noise", "-1"]),
        (["binary-linear", "--y", "alpha", "-1", "1"], ["alpha", "-1"]),
        (["binary-linear", "--x", "alpha", "0", "1"], ["'alpha'", "two different controls"]),
        (["binary-linear", "--x", "alpha", "0", "1", "--y", "noise", "0", "1"], ["--x noise LO HI --y alpha LO HI"]),
        (["binary-linear", "--set", "noise=1"], ["x is not given, as noise has a value"]),
        (["compressed-sensing", "--set", "rho=0.3"], ["as rho has a value", "--x NAME LO HI of one of noise"]),
        (["compressed-sensing", "--set", "alpha=0.3"], ["alpha = 0.3", "fixed and varied"]),
        (["GLM(GaussBernoulli(rho), Abs())"], ["x is not given", "one of rho"]),
        (["GLM(GaussBernoulli(rho), Abs())", "--x", "rho", "0", "1"], ["--y alpha LO HI"]),
        (["GLM(GaussBernoulli(rho), Linear(noise=noise))", "--x", "rho", "0", "1", "--y", "alpha", "0", "1"],
         ["needs a value of noise"]),
        (["binary-linear", "--workers", "0"], ["workers = 0"]),
        (["binary-linear", "--workers", "two"], ["workers = 'two'"]),
        (["binary-linear", "--format", "yaml"], ["yaml"]),
        (["binary-linear", "--resume", os.path.dirname(__file__)], ["store", "folder"]),
        (["binary-linear", "--resume", __file__], ["store", "give a store"]),
    ],
)  # fmt: skip
def test_misuse_is_one_line_that_names_the_parameter(capsys, arguments, said):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("spinodal: ")
    assert err.count("\n") == 1
    for piece in said:
        assert piece in err


@pytest.mark.parametrize("name", [name for name, entry in sp.catalogue().items() if entry.controls == ("alpha",)])
def test_one_control_is_no_plane(capsys, fake, name):
    calls = fake(made)
    code, _, err = run(capsys, name)
    assert code == 2
    assert f"{name} has one control, alpha" in err
    assert f"`spinodal thresholds {name}`" in err
    advised = shlex.split(err.split("`")[3])
    assert main(advised[1:]) == 0  # what to type instead is a command that works
    assert calls[0][1]["x"][0] == "rho"


def test_files_are_checked_before_computing(capsys, fake, tmp_path):
    fake(lambda: pytest.fail("computed"))
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "diagram_regions.csv").mkdir()
    for arguments, said in (
        (["--output", tmp_path / "folder.png"], "folder.png is a folder"),
        (["--output", tmp_path / "diagram.csv"], "diagram_regions.csv is a folder"),
        (["--output", tmp_path / "none" / "diagram.png"], "no folder"),
        (["--output", tmp_path / "diagram.bmp"], "must end in .pdf, .png, .svg, .csv, .json, .parquet or .tex"),
        (["--output", tmp_path / "diagram"], "--format must say"),
        (["--output", tmp_path / "diagram.png", "--format", "json"], "the name decides"),
        (["--output", tmp_path / "good.png", "--output", tmp_path / "diagram.tiff"], "diagram.tiff"),
    ):
        code, out, err = run(capsys, "binary-linear", *arguments)
        assert (code, out) == (2, "")
        assert said in err
        assert err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"folder.png", "diagram_regions.csv"}


# ---- exit codes ----


@pytest.mark.parametrize(
    ("diagram", "code", "said"),
    [
        (made(), 0, ""),
        (made(status="tolerance missed"), 1, "tolerance missed: "),
        (made(end="lost"), 1, "curve 0 was lost at noise = 0.1, alpha = 0.6"),
    ],
)
def test_exit_code_tells_whether_all_is_known(capsys, fake, diagram, code, said, tmp_path):
    fake(lambda: diagram)
    for output in ([], ["--output", tmp_path / "diagram.json"]):
        got, _, err = run(capsys, "binary-linear", *output)
        assert got == code
        assert err.startswith(f"spinodal: {said}" if said else "")
        assert bool(err) == bool(said)
    assert (tmp_path / "diagram.json").exists()


def test_interruption_says_how_to_go_on(capsys, fake, tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    fake(interrupted)
    code, _, err = run(capsys, "binary-linear")
    assert code == 130
    assert "nothing had been written; with --resume FILE what is finished is kept" in err
    code, _, err = run(capsys, "binary-linear", "--resume", tmp_path / "kept.db")
    assert code == 130
    assert f"kept in {tmp_path / 'kept.db'}, and the same command goes on from it" in err


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_for_real_and_resumed(workers, store, tmp_path):
    command = [sys.executable, "-m", "spinodal", "diagram", *NARROW, "--workers", str(workers), "--resume", "kept.db",
               "--output", "diagram.json"]  # fmt: skip
    kept = tmp_path / "kept.db"
    settings = {"cwd": tmp_path, "stderr": subprocess.PIPE, "text": True, "env": {**os.environ, "OMP_NUM_THREADS": "1"}}
    with subprocess.Popen(command, **settings) as process:
        for _ in range(2400):  # until something is kept
            if process.poll() is not None or (kept.exists() and kept.stat().st_size > 8192):
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said.count("\n")) == (130, 1), said
    assert "the same command goes on from it" in said
    assert not (tmp_path / "diagram.json").exists()
    subprocess.run(command, check=True, timeout=300, **settings)
    resumed = PhaseDiagram.from_json(tmp_path / "diagram.json")
    assert resumed == PhaseDiagram.from_json(store.with_name("first.json"))


def test_diagram_tells_where_it_comes_from_and_is_otherwise_the_same(capsys, fake):
    fake(made)
    _, out, _ = run(capsys, "binary-linear", "--format", "json")
    diagram = PhaseDiagram.from_json(out)
    assert set(diagram.settings) == {"system", "units", "references"}
    assert dataclasses.replace(diagram, settings={}) == made()
