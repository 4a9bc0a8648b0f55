"""The README and the other documents: their code runs, their commands exist, their numbers and links are true."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import spinodal as sp
from spinodal.__main__ import _parse, main
from spinodal.phase_diagrams.diagram import POINTS
from spinodal.theory.parse import resolve

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = DOCUMENTS[0].read_text(encoding="utf-8")


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def commands():
    for path in DOCUMENTS:
        for block in blocks(path, "console"):
            lines = block.splitlines()
            for line in [line for line in lines if line.startswith("$ ")] or lines:
                words = shlex.split(line.removeprefix("$ "), comments=True)
                if words[:1] == ["spinodal"]:
                    yield words[1:]


CODE = [(path, block) for path in DOCUMENTS for block in blocks(path, "python")]
LENGTHY = "phase_diagram|_scaling|_samples|_table|_check|digits|decimate|amp_decimation|follow|_traces"
LONG = [pytest.param(path, block, id=path.name, marks=[pytest.mark.slow] if re.search(LENGTHY, block) else [])
        for path, block in CODE]  # fmt: skip
GOES_ON = ("decimation.md", "gallery-decimation.md")  # whose blocks go on from their first, which imports


@pytest.mark.parametrize(("path", "block"), LONG)
def test_code_runs(path, block, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "document"}
    if path.name == "README.md":  # whose second block goes on from the first
        names["sp"] = sp
    if "depth_table" in block:  # of one network: all of them take minutes
        whole, network = sp.depth_table, {"linear": sp.Linear()}
        monkeypatch.setattr(sp, "depth_table", lambda **given: whole(**given | {"depths": (1,), "activations": network}
                                                                     | {"compressions": (3,), "progress": False}))
    if path.name in GOES_ON:
        exec(compile(blocks(path, "python")[0], str(path), "exec"), names)
    exec(compile(block, str(path), "exec"), names)
    if path.name == "README.md" and "diagram" in names:
        assert (tmp_path / "compressed-sensing.png").read_bytes().startswith(b"\x89PNG")
        assert set(names["diagram"].regions["name"]) == {"easy", "hard", "impossible"}
    elif path.name == "README.md" and "instance" in names:
        cosine = names["estimate"] @ names["instance"].signal / np.linalg.norm(names["estimate"])
        assert cosine**2 / 1000 == pytest.approx(0.477, abs=0.15)
        assert "2.621139" in capsys.readouterr().out
    elif path.name == "README.md":
        printed = capsys.readouterr().out
        assert "1.244684" in printed
        assert "1.492632" in printed
        assert (tmp_path / "binary-perceptron.svg").stat().st_size > 5000
    if "levels" in names:
        diagram = names["diagram"]
        tenth = diagram.boundaries[diagram.boundaries["kind"] == "mse of 0.1"]
        assert len(tenth) > 10
        assert tenth["mse"].to_numpy() == pytest.approx(0.1, abs=1e-9)
        folds = diagram.boundaries[diagram.boundaries["kind"] == "spinodal"].sort_values("mse")
        replicon = diagram.boundaries[diagram.boundaries["kind"] == "replicon"]  # one line with them
        assert replicon["alpha"].to_numpy() == pytest.approx(np.interp(replicon["mse"], folds["mse"], folds["alpha"]), abs=1e-3)
    if "Ternary" in names:
        prior = names["Ternary"](0.4)
        assert (prior.first_moment, float(prior.second_moment)) == (0, pytest.approx(0.8))
    drawn = {figure.stem for figure in tmp_path.glob("*.png")}
    if path.name == "gallery.md":
        pictures = {"glass": {"layers", "counts", "spectra"}, "letters": {"frames", "basins", "scaling", "overlaps"},
                    "sparse": {"sparse-generative"}, "width": {"width", "depth"}, "dots": {"overlaps", "digits"}}
        assert drawn == next(figures for name, figures in pictures.items() if name in names)
    if "points" in names:
        assert len(names["points"]) == pytest.approx(24 * 189.63, rel=0.2)
    if "kept" in names:
        at = names["kept"].query("size == 4000").set_index("alpha")["retrieved"]
        assert at[0.12] > 0.95 > 0.6 > at[0.152] > 0.3
    if "DeadZone" in names:  # perfect recovery dominates from 1/P(y is continuous) on
        (value,) = names["table"].query("kind == 'first_order'")["value"]
        assert value == pytest.approx(1 / 0.31731050786291415, rel=1e-10)


def test_readme_has_code_of_eight_of_three_and_of_six_lines_at_most():
    lengths = [len([line for line in block.splitlines() if line.strip()]) for block in blocks(ROOT / "README.md", "python")]
    assert all(length <= most for length, most in zip(lengths, (8, 3, 6), strict=True))


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_commands_parse_and_name_known_systems(words):
    options = _parse(words)
    if hasattr(options, "system"):
        entry = resolve(options.system)
        given = dict(text.split("=") for text in getattr(options, "set", []))
        assert set(given) <= set(entry.controls)


def test_every_verb_is_shown():
    shown = {words[0] for words in commands()}
    assert shown == {"list", "equations", "solve", "thresholds", "diagram", "complexity", "validate", "demo"}


@pytest.mark.parametrize("block", [text for text in blocks(ROOT / "README.md", "console") if text.startswith("$ ")],
                         ids=lambda block: block.splitlines()[0])  # fmt: skip
def test_the_table_is_what_the_program_prints(block, capsys):
    command, *shown = block.splitlines()
    assert main(shlex.split(command.removeprefix("$ "))[1:]) == 0
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    error = re.compile(r"\b\d\.\de-\d\d\b")  # of rounding: differs from one machine to the next
    for ours, theirs in zip(shown, printed, strict=False):
        assert error.sub("e", ours) == error.sub("e", theirs)


GALLERY = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("words", [words for words in commands() if words[-1].endswith("-diagram.png")
                                   and words[1] != "hopfield"
                                   and (words[1] in ("binary-perceptron", "binary-linear") or "--x" in words)],
                         ids=" ".join)  # fmt: skip
def test_the_gallery_says_what_the_program_prints(words, capsys):
    assert main(words[: words.index("--output")]) == 0
    (point,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Cusp")]
    section = " ".join(next(part for part in GALLERY.split("\n## ") if " ".join(words) in part).split())
    for name, value, error in re.findall(r"(\w+) = ([\d.]+) ± ([\de-]+)", point):
        said = re.search(rf"\b{name} = ([\d.]+) ± ([\de-]+)", section)
        assert float(said[1]) == pytest.approx(float(value), abs=10 * (float(error) + float(said[2])))


@pytest.mark.slow
@pytest.mark.parametrize("words", list(dict.fromkeys(tuple(words) for words in commands()
                                                     if words[:2] == ["diagram", "hopfield"]
                                                     and " ".join(words) in GALLERY)), ids=" ".join)  # fmt: skip
def test_the_gallery_says_where_lines_of_networks_turn_and_end(words, capsys):
    assert main(words[: words.index("--output")]) == 0
    printed = re.findall(r"\balpha = ([\d.]+) ± ([\de-]+)", capsys.readouterr().out)
    section = next(part for part in GALLERY.split("\n## ") if " ".join(words) in part)
    for said, allowed in re.findall(r"\balpha = ([\d.]+) ± ([\de-]+)", " ".join(section.split())):
        assert any(abs(float(said) - float(value)) <= 10 * (float(error) + float(allowed)) for value, error in printed)


def test_the_gallery_shows_the_figure_of_each_command():
    drawn = [words[words.index("--output") + 1] for words in commands() if words[-1].endswith("-diagram.png")]
    assert len(drawn) == 16
    assert re.findall(r"\(figures/(.*?-diagram.png)\)", GALLERY) == drawn


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_figures_exist(path):
    prose = re.sub(r"`[^`\n]*`", "", path.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)#]+)\)", prose)
    assert all((path.parent / target).exists() for target in targets if "://" not in target)


def test_figures_are_small():
    figures = sorted((ROOT / "docs" / "figures").iterdir())
    assert figures
    assert all(figure.stat().st_size < 200_000 for figure in figures)


def test_make_targets_exist():
    made = re.findall(r"^make (\w+)", "\n".join(blocks(ROOT / "README.md", "console")), re.MULTILINE)
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert made == ["demo", "test"]
    assert all(re.search(rf"^{target}:", rules, re.MULTILINE) for target in made)


def test_statuses_and_kinds_are_all_explained():
    concepts = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    for status in sp.Status:
        assert f"`{status}`" in concepts
    for word in ("continuous", "spinodal", "first_order", "uninformative", "informative", "equilibrium"):
        assert f"`{word}`" in concepts


def test_observables_are_all_explained():
    concepts = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    for name in (*sp.GLM(sp.Rademacher(), sp.Sign()).observables, *sp.Hopfield().observables):
        assert f"`{name}`" in concepts


def test_special_points_are_all_explained():
    concepts = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in concepts for name in POINTS)


def test_systems_and_their_comparisons_are_all_listed():
    compared = (ROOT / "docs" / "crosschecks.md").read_text(encoding="utf-8")
    for name in sp.catalogue():
        assert f"`{name}`" in README
        assert f"spinodal validate {name} " in compared
