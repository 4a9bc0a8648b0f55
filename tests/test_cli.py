"""The command line: the verbs, the formats, the exit codes, and one line for every misuse."""

import json
import os
import subprocess
import sys
import types

import pandas as pd
import pytest

import spinodal as sp
from spinodal.__main__ import main
from spinodal.phase_diagrams.tables import from_csv, from_json

PERCEPTRON = "binary-perceptron"


def run(capsys, *arguments):
    """Run a command; return its exit code, what it printed and what it complained of."""
    code = main(list(arguments))
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return code, printed.out, printed.err


def fake(monkeypatch, module, **names):
    """Put functions in the place of a module."""
    made = types.ModuleType(f"spinodal.{module}")
    vars(made).update(names)
    monkeypatch.setitem(sys.modules, made.__name__, made)


def point(status):
    return sp.FixedPoint(
        order_parameters={"m": 0.5, "mhat": 1.0},
        free_entropy=-0.25,
        observables={"mse": 0.5},
        eigenvalues=(0.5,),
        error=1e-14,
        residual=1e-15,
        status=status,
    )


# ---- verbs ----


@pytest.mark.parametrize("shape", ["table", "json", "csv", "latex"])
def test_list_names_every_system(capsys, shape):
    code, out, err = run(capsys, "list", "--format", shape)
    assert (code, err) == (0, "")
    assert all(name in out for name in sp.catalogue())
    if shape == "json":
        assert [row["name"] for row in json.loads(out)["rows"]] == list(sp.catalogue())
    if shape == "csv":
        assert list(from_csv(out)["name"]) == list(sp.catalogue())
        assert list(from_csv(out)["diagram"])[:2] == ["alpha over input_noise", ""]


@pytest.mark.parametrize("name", [name for name, entry in sp.catalogue().items() if entry.model.solved_by != "counting"])
def test_equations_say_what_is_solved_and_in_which_units(capsys, name):
    code, out, _ = run(capsys, "equations", name)
    assert code == 0
    for piece in (
        "free entropy",
        "saddle point",
        " = ",
        "order parameters",
        sp.catalogue()[name].along,
        "per component" if name != "hopfield" else "+log Z per spin",
        "nats",
    ):
        assert piece in out
    assert all(reference in " ".join(out.split()) for reference in sp.catalogue()[name].references)


def test_equations_as_latex_and_json(capsys):
    _, out, _ = run(capsys, "equations", "compressed-sensing", "--format", "latex")
    assert r"\[ f = \alpha" in out
    assert r"\hat{m} = " in out
    assert r"\mathrm{noise}" in out
    assert out.count("{") == out.count("}")
    _, out, _ = run(capsys, "equations", "GLM(GaussBernoulli(0.3), Abs())", "--format", "json")
    document = json.loads(out)
    parts = [row["part"] for row in document["rows"]]
    assert parts[:3] == ["free entropy", "saddle point", "saddle point"]
    assert "GaussBernoulli" in document["model"]


def test_solve_shows_all_fixed_points_with_their_units(capsys):
    code, out, err = run(capsys, "solve", PERCEPTRON, "--set", "alpha=1.3")
    assert (code, err) == (0, "")
    assert "free_entropy" in out
    assert "per component of the signal, in nats" in out
    assert "counting" in out
    code, out, _ = run(capsys, "solve", PERCEPTRON, "--set", "alpha=1.3", "--format", "json")
    table = from_json(out)
    assert len(table) == 3
    assert list(table["free_entropy"]) == sorted(table["free_entropy"], reverse=True)
    assert list(table["stable"]) == [True, True, False]
    assert table["eigenvalue_1"][2] > 1
    assert table.attrs["controls"] == {"alpha": 1.3, "input_noise": 0.0}
    assert set(table["status"]) <= {"converged", "limit"}


def test_solve_to_thirty_digits(capsys):
    code, out, _ = run(
        capsys, "solve", "spherical-perceptron", "--set", "alpha=1", "--digits", "30", "--format", "csv"
    )
    assert code == 0
    (cells,) = pd.read_csv(__import__("io").StringIO(out), dtype=str).to_dict("records")
    assert len(cells["m"]) >= 30


def test_thresholds_prints_the_table_of_the_literature(capsys):
    code, out, err = run(capsys, "thresholds", PERCEPTRON)
    assert (code, err) == (0, "")
    assert "Gyorgyi" in out
    assert "per component of the signal, in nats" in out
    code, out, _ = run(capsys, "thresholds", PERCEPTRON, "--format", "csv")
    table = from_csv(out)
    assert list(table["kind"]) == ["first_order", "spinodal"]
    assert [round(value, 3) for value in table["value"]] == [1.245, 1.493]
    assert all(table["error"] < 1e-10)


def test_thresholds_of_a_model_written_as_text(capsys):
    code, out, _ = run(
        capsys,
        "thresholds",
        "GLM(GaussBernoulli(0.3), Abs())",
        "--along",
        "alpha",
        "--between",
        "0.2",
        "1.5",
        "--format",
        "json",
    )
    assert code == 0
    document = json.loads(out)
    assert document["rows"]
    assert {"kind", "branch", "value", "error", "status"} <= set(document["rows"][0])
    assert all(0.2 <= row["value"] <= 1.5 for row in document["rows"])


@pytest.mark.parametrize("shape", ["table", "json", "csv", "latex"])
def test_no_transition_is_an_answer(capsys, shape):
    code, out, err = run(capsys, "thresholds", "spherical-perceptron", "--format", shape)
    assert code == 0
    assert "no transition" in (err if shape == "csv" else out)
    if shape == "json":
        assert json.loads(out)["rows"] == []


def test_validate_compares_theory_and_simulation(capsys):
    code, out, err = run(
        capsys,
        "validate",
        PERCEPTRON,
        "--set",
        "alpha=1.2",
        "--size",
        "200",
        "--instances",
        "4",
        "--format",
        "json",
    )
    assert code == 0, err
    table = from_json(out)
    assert {"quantity", "theory", "simulated", "standard_error", "z"} <= set(table)


# ---- files ----


def test_output_goes_to_the_file(capsys, tmp_path):
    file = tmp_path / "systems.txt"
    code, out, _ = run(capsys, "list", "--format", "csv", "--output", str(file))
    assert (code, out) == (0, "")
    assert list(from_csv(file.read_text())["name"]) == list(sp.catalogue())


@pytest.mark.parametrize("verb", [["list"], ["equations", PERCEPTRON], ["thresholds", PERCEPTRON]])
def test_a_file_that_cannot_be_written_is_refused_before_computing(capsys, tmp_path, verb, monkeypatch):
    fake(monkeypatch, "phase_diagrams.thresholds", thresholds=lambda *a, **k: pytest.fail("computed"))
    for target in (tmp_path, tmp_path / "none" / "file.txt"):
        code, out, err = run(capsys, *verb, "--output", str(target))
        assert (code, out) == (2, "")
        assert "output = " in err
        assert err.count("\n") == 1


def test_what_cannot_be_written_after_all_is_printed(capsys, monkeypatch):
    if not os.path.exists("/dev/full"):
        pytest.skip("no device that is always full")
    code, out, err = run(capsys, "list", "--output", "/dev/full")
    assert code == 2
    assert PERCEPTRON in out
    assert "printed instead" in err


# ---- misuse ----


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["solve", PERCEPTRON, "--set", "alpha=0"], ["alpha"]),
        (["solve", PERCEPTRON, "--set", "alpha=-1"], ["alpha", "-1"]),
        (["solve", PERCEPTRON, "--set", "alpha=nan"], ["alpha = nan", "finite"]),
        (["solve", PERCEPTRON, "--set", "alpha=inf"], ["alpha = inf", "finite"]),
        (["solve", PERCEPTRON, "--set", "alpha=-inf"], ["alpha = inf", "finite"]),
        (["solve", PERCEPTRON, "--set", "alpha=abc"], ["alpha = 'abc'", "write it as"]),
        (["solve", PERCEPTRON, "--set", "alpha"], ["--set alpha", "name=value"]),
        (["solve", PERCEPTRON, "--set", "alpha=1", "--set", "alpha=2"], ["alpha", "twice"]),
        (["solve", PERCEPTRON], ["needs a value of alpha"]),
        (["solve", PERCEPTRON, "--set", "alpah=1"], ["alpah", "did you mean 'alpha'"]),
        (["solve", PERCEPTRON, "--set", "alpha=1", "--set", "input_noise=-1"], ["input_noise", "-1"]),
        (["solve", "compressed-sensing", "--set", "alpha=1", "--set", "rho=0"], ["rho", "0", "(0, 1]"]),
        (["solve", "compressed-sensing", "--set", "alpha=1", "--set", "rho=1.5"], ["rho", "1.5", "(0, 1]"]),
        (["solve", "compressed-sensing", "--set", "alpha=1", "--set", "noise=-0.1"], ["noise", "-0.1"]),
        (["solve", "symmetric-door", "--set", "alpha=1", "--set", "width=0"], ["width", "0"]),
        (["solve", "GLM(GaussBernoulli(1.5), Abs())", "--set", "alpha=1"], ["rho = 1.5", "(0, 1]"]),
        (["solve", PERCEPTRON, "--set", "alpha=1", "--digits", "x"], ["digits"]),
        (["solve", PERCEPTRON, "--set", "alpha=1", "--digits", "2"], ["digits = 2"]),
        (["solve", PERCEPTRON, "--set", "alpha=1", "--tolerance", "-1"], ["tolerance"]),
        (["thresholds", PERCEPTRON, "--between", "2", "1"], ["between = 2 1", "lower end"]),
        (["thresholds", PERCEPTRON, "--between", "1", "1"], ["between = 1 1"]),
        (["thresholds", PERCEPTRON, "--between", "-1", "1"], ["-1"]),
        (["thresholds", PERCEPTRON, "--between", "0.5", "nan"], ["between = nan", "finite"]),
        (["thresholds", PERCEPTRON, "--between", "1"], ["--between"]),
        (["thresholds", PERCEPTRON, "--along", "rho"], ["rho", "not a control"]),
        (["thresholds", PERCEPTRON, "--along", "input_noise"], ["needs a value of alpha"]),
        (["thresholds", PERCEPTRON, "--along", "input_noise", "--set", "alpha=1"], ["between is not given"]),
        (["thresholds", PERCEPTRON, "--set", "alpha=1"], ["alpha = 1", "at once"]),
        (["thresholds", "GLM(Rademacher(), Sign())"], ["between", "--between LO HI"]),
        (["thresholds", "binary-perceptrom"], ["binary-perceptrom", "did you mean 'binary-perceptron'"]),
        (["thresholds", "GLM(Rademachr(), Sign())"], ["Rademachr", "did you mean 'Rademacher'"]),
        (["thresholds", "not a model"], ["not a model"]),
        (["thresholds", "GLM("], ["is not a model"]),
        (["threshold", PERCEPTRON], ["'threshold'", "did you mean 'thresholds'"]),
        (["list", "--format", "yaml"], ["yaml", "table"]),
        (["list", "--colour"], ["--colour"]),
        (["solve"], ["SYSTEM"]),
        ([], ["VERB"]),
        (["validate", PERCEPTRON, "--set", "alpha=1", "--size", "0"], ["size = 0"]),
        (["validate", PERCEPTRON, "--set", "alpha=1", "--instances", "1.5"], ["instances = 1.5", "whole"]),
        (["validate", PERCEPTRON, "--set", "alpha=1", "--seed", "-1"], ["seed = -1"]),
    ],
)
def test_misuse_is_one_line_that_names_the_parameter(capsys, arguments, said):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("spinodal: ")
    assert err.count("\n") == 1
    for piece in said:
        assert piece in err


def test_demo_refuses_a_file_as_its_folder(capsys, tmp_path):
    (tmp_path / "out").write_text("")
    code, out, err = run(capsys, "demo", "--output", str(tmp_path / "out"))
    assert (code, out) == (2, "")
    assert "not a folder" in err


# ---- exit codes ----


def test_a_status_that_is_not_good_gives_code_one_and_advice(capsys, monkeypatch):
    points = (point(sp.Status.CONVERGED), point(sp.Status.TOLERANCE_MISSED))
    fake(monkeypatch, "equations.fixed_points", fixed_points=lambda model, **settings: points)
    code, out, err = run(capsys, "solve", PERCEPTRON, "--set", "alpha=1.3")
    assert code == 1
    assert "tolerance missed" in out
    assert sp.Status.TOLERANCE_MISSED.advice in err


def test_a_fault_of_the_program_is_no_traceback(capsys, monkeypatch):
    def broken(model, **settings):
        raise RuntimeError("lost\nin space")

    monkeypatch.delenv("SPINODAL_TRACEBACK", raising=False)
    fake(monkeypatch, "equations.fixed_points", fixed_points=broken)
    code, out, err = run(capsys, "solve", PERCEPTRON, "--set", "alpha=1.3")
    assert (code, out) == (3, "")
    assert "RuntimeError: lost in space" in err
    assert err.count("\n") == 1


def test_interruption_says_what_is_kept(capsys, monkeypatch, tmp_path):
    def interrupted(model, **settings):
        raise KeyboardInterrupt

    fake(monkeypatch, "equations.fixed_points", fixed_points=interrupted)
    code, _, err = run(capsys, "solve", PERCEPTRON, "--set", "alpha=1.3")
    assert code == 130
    assert "nothing had been written" in err

    def part_of_it(entries, folder):
        yield folder / "thresholds.csv", "one system", [sp.Status.CONVERGED]
        raise KeyboardInterrupt

    fake(monkeypatch, "phase_diagrams.demo", demo=part_of_it)
    code, out, err = run(capsys, "demo", "--output", str(tmp_path / "new" / "out"))
    assert code == 130
    assert "one system" in out
    assert f"kept are the finished tables and figures in {tmp_path / 'new' / 'out'}" in err


def test_demo_writes_each_table_as_it_comes_and_the_figures(monkeypatch, tmp_path):
    from spinodal.phase_diagrams.demo import demo

    def plot(model, *arguments, ax, **settings):
        ax.plot([0, 1], [0, 1])
        return ax

    class Diagram:
        special_points = pd.DataFrame([{"type": "cusp", "input_noise": 0.01725, "alpha": 1.66186, "status": "converged"}])
        boundaries = regions = special_points
        plot = staticmethod(lambda: types.SimpleNamespace(figure=None))

    def write_figure(figure, path):
        path.write_bytes(b"\x89PNG")
        return path

    fake(monkeypatch, "phase_diagrams.figures", plot_branches=plot, plot_landscape=plot)
    fake(monkeypatch, "phase_diagrams.diagram_figure", write_figure=write_figure)
    fake(monkeypatch, "phase_diagrams.two_controls", phase_diagram=lambda model, **settings: Diagram)
    entries = [sp.catalogue()["spherical-perceptron"], sp.catalogue()[PERCEPTRON]]
    steps = demo(entries, tmp_path)
    path, said, statuses = next(steps)
    assert (path, statuses) == (tmp_path / "thresholds.csv", [])
    assert "no transition" in said
    first = from_csv((tmp_path / "thresholds.csv").read_text())
    assert list(first["kind"]) == ["no transition"]
    _, said, statuses = next(steps)
    assert "first_order 1.2446" in said
    assert [sp.Status(status) for status in statuses] == [sp.Status.CONVERGED] * 2
    later = [(path.name, said, statuses) for path, said, statuses in steps]
    assert later[-1] == ("binary-perceptron-diagram.png", "boundaries over input_noise and alpha; "
                         "cusp at input_noise = 0.01725, alpha = 1.66186", [sp.Status.CONVERGED] * 3)  # fmt: skip
    written = {name for name, *_ in later}
    assert written >= {"thresholds.json", "thresholds.md", "thresholds.tex", "binary-perceptron-mse.png"}
    assert {path.name for path in tmp_path.iterdir()} == written | {"thresholds.csv"}
    table = from_csv((tmp_path / "thresholds.csv").read_text())
    assert list(table["system"]) == ["spherical-perceptron", PERCEPTRON, PERCEPTRON]
    assert from_json((tmp_path / "thresholds.json").read_text())["value"][1] == table["value"][1]
    assert (tmp_path / "thresholds.md").read_text().count("|\n") == 5
    assert (tmp_path / "binary-perceptron-landscape.png").read_bytes().startswith(b"\x89PNG")


def test_demo_draws_diagrams_of_the_perceptron_and_of_the_network(monkeypatch, tmp_path):
    from spinodal.phase_diagrams.demo import demo

    asked = []

    def phase_diagram(model, *, x, y, **settings):
        asked.append((x, y, settings))
        points = pd.DataFrame({"type": [], x[0]: [], y[0]: [], "status": []})
        return types.SimpleNamespace(special_points=points, boundaries=points, regions=points,
                                     plot=lambda: types.SimpleNamespace(figure=None))

    def write_figure(figure, path):
        return path

    fake(monkeypatch, "phase_diagrams.demo", _figures=lambda entries, folder: ())
    fake(monkeypatch, "phase_diagrams.diagram_figure", write_figure=write_figure)
    fake(monkeypatch, "phase_diagrams.two_controls", phase_diagram=phase_diagram)
    steps = list(demo([sp.catalogue()["hopfield"], sp.catalogue()[PERCEPTRON]], tmp_path))
    assert [path.name for path, *_ in steps[-2:]] == ["binary-perceptron-diagram.png", "hopfield-diagram.png"]
    assert "0.1379055" in steps[0][1]
    assert asked[1] == (("alpha", 0.0, 0.16), ("temperature", 0.0, 1.4), {"dataset_entropy": 0, "dreaming": 0})


def test_version_and_help(capsys):
    for arguments, said in (
        (["--version"], sp.__version__),
        (["--help"], "thresholds"),
        (["solve", "-h"], "--set"),
    ):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 0
        assert said in capsys.readouterr().out


def test_a_reader_that_leaves_early_is_no_fault():
    command = f"{sys.executable} -m spinodal list | true"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_version_starts_without_heavy_modules():
    code = (
        "import sys\nfrom spinodal.__main__ import main\n"
        "try:\n    main(['--version'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('sympy', 'numpy', 'pandas', 'numba', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("suffix", "start"), [(".json", "{"), (".csv", "kind,branch"), (".tex", "%"), (".txt", "kind ")])
def test_the_name_of_the_file_says_the_format(capsys, tmp_path, suffix, start):
    file = tmp_path / f"table{suffix}"
    code, out, _ = run(capsys, "thresholds", "matrix-tensor", "--set", "p=4", "--output", str(file))
    assert (code, out) == (0, "")
    assert file.read_text().startswith(start)


def test_tables_are_no_pictures(capsys, tmp_path):
    code, _, err = run(capsys, "thresholds", "matrix-tensor", "--output", str(tmp_path / "table.png"))
    assert code == 2
    assert "pictures are drawn by diagram" in err
