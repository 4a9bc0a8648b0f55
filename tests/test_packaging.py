"""The package: its list of rooms, its lazy face, the one direction of its imports, and the wheel."""

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import spinodal

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]
FACE = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))

# Which rooms a room may import. Nothing but the face and the command line imports `validate`.
ARROWS = {
    "theory": {"theory"},
    "equations": {"theory", "equations"},
    "phase_diagrams": {"theory", "equations", "phase_diagrams"},
    "validate": {"theory", "equations", "validate"},
}
NOT_ROOMS = {"tests", "benchmarks", "docs", "build", "dist", "out"}


def run(code: str, cwd: Path) -> str:
    """Run ``code`` in a fresh interpreter, away from the repository, and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lazy_imports() -> dict[str, str]:
    """Name -> module, as the face imports them for type checkers."""
    block = next(node for node in FACE.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    return {alias.name: node.module for node in block.body for alias in node.names}


def defined_names(path: Path) -> set[str]:
    """Return the names that a file itself defines at its top level."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            leaves = [leaf for target in targets for leaf in ast.walk(target)]
            names |= {leaf.id for leaf in leaves if isinstance(leaf, ast.Name)}
    return names


def imported_modules(path: Path, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and absolute name of all that a file of the package imports, at any depth of its code."""
    package = ["spinodal", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def wrong_arrows(path: Path, tree: ast.AST) -> list[str]:
    """Return the imports in a room's file that point where they must not."""
    room = path.relative_to(ROOT).parts[0]
    wrong = []
    for line, name in imported_modules(path, tree):
        top, *rest = name.split(".")
        if top in ARROWS:
            wrong.append(f"{path.relative_to(ROOT)}:{line}: {name} is a second copy of spinodal.{name}")
        if top != "spinodal" or rest == ["__version__"]:
            continue
        target = rest[0] if rest else "the face"
        if target not in ARROWS[room]:
            wrong.append(f"{path.relative_to(ROOT)}:{line}: {room} imports {name}")
    return wrong


def room_files() -> list[Path]:
    return sorted(path for room in ARROWS for path in (ROOT / room).rglob("*.py"))


def test_packages_are_the_folders_of_the_tree():
    found = {
        ".".join(["spinodal", *path.parent.relative_to(ROOT).parts])
        for path in ROOT.rglob("__init__.py")
        if not any(part.startswith(".") or part in NOT_ROOMS for part in path.relative_to(ROOT).parts)
    }
    assert sorted(PACKAGES) == sorted(found)
    assert PROJECT["tool"]["setuptools"]["package-dir"] == {"spinodal": "."}


def test_root_holds_no_loose_module():
    assert {path.name for path in ROOT.glob("*.py")} <= {"__init__.py", "__main__.py"}
    assert not (ROOT / "tests" / "__init__.py").exists()


def test_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.search(r"^version: (\S+)$", citation, re.MULTILINE)
    assert cited is not None
    assert spinodal.__version__ == PROJECT["project"]["version"] == cited[1]


def test_tested_package_is_this_tree_and_loaded_once():
    assert Path(spinodal.__file__).resolve() == ROOT / "__init__.py"
    loaded = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    rooms = {str(path) for path in [ROOT / "__init__.py", *room_files()]}
    copies = [name for name in loaded if loaded[name] in rooms and name.split(".")[0] != "spinodal"]
    assert copies == []


def test_import_is_light(tmp_path):
    heavy = ["numba", "matplotlib", "sympy", "scipy", "pandas"]
    code = f"import sys, json, spinodal; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    assert json.loads(run(code, tmp_path)) == []


def test_numba_and_matplotlib_load_only_with_what_uses_them(tmp_path):
    theory = {name for name, home in spinodal._HOME.items() if not home.startswith("validate.")}
    light = sorted(name for name in theory if not name.startswith("plot_"))
    code = (
        f"import sys, json, spinodal\nfor name in {light}: getattr(spinodal, name)\n"
        "print(json.dumps([m for m in ['numba', 'matplotlib'] if m in sys.modules]))"
    )
    assert json.loads(run(code, tmp_path)) == []


def test_face_says_the_same_thing_three_times():
    assert lazy_imports() == spinodal._HOME
    assert set(spinodal.__all__) == {*spinodal._HOME, "__version__"}
    assert set(spinodal.__all__) <= set(dir(spinodal))
    assert set(ARROWS) == set(spinodal._ROOMS) <= set(dir(spinodal))


@pytest.mark.parametrize("name", sorted(spinodal._HOME))
def test_name_is_where_the_face_says(name):
    home = spinodal._HOME[name]
    path = ROOT.joinpath(*home.split(".")).with_suffix(".py")
    assert name in defined_names(path)
    assert getattr(spinodal, name) is getattr(importlib.import_module(f"spinodal.{home}"), name)


def test_no_module_hides_a_name_of_the_face(tmp_path):
    """A sub-module of the root with the name of an exported function would take its place once imported."""
    modules = {path.stem for path in ROOT.glob("*.py")} | set(ARROWS)
    assert modules.isdisjoint(spinodal._HOME)
    code = (
        "import spinodal, types\nloaded = {name: getattr(spinodal, name) for name in spinodal.__all__}\n"
        "hidden = [name for name in loaded if getattr(spinodal, name) is not loaded[name]]\n"
        "print(hidden + [name for name in loaded if isinstance(loaded[name], types.ModuleType)])"
    )
    assert run(code, tmp_path).strip() == "[]"


def test_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'treshold'"):
        _ = spinodal.treshold


def test_imports_point_one_way():
    files = room_files()
    assert {path.relative_to(ROOT).parts[0] for path in files} == set(ARROWS)
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    wrong = [arrow for path, tree in trees.items() for arrow in wrong_arrows(path, tree)]
    assert wrong == []


@pytest.mark.parametrize(
    ("room", "statement", "allowed"),
    [
        ("theory", "from .priors import Gaussian", True),
        ("theory", "import numpy as np", True),
        ("theory", "from .. import __version__", True),
        ("theory", "from ..equations import solve", False),
        ("theory", "from .. import equations", False),
        ("theory", "from .. import GLM", False),
        ("theory", "import spinodal", False),
        ("equations", "from ..theory.model import Model", True),
        ("equations", "from spinodal.phase_diagrams.branches import branches", False),
        ("equations", "def f():\n    import spinodal.validate", False),
        ("phase_diagrams", "from ..equations.result import FixedPoint", True),
        ("phase_diagrams", "from ..validate.crosscheck import crosscheck", False),
        ("validate", "from ..equations.compile import lambdify", True),
        ("validate", "from ..phase_diagrams import branches", False),
        ("validate", "from theory.priors import Gaussian", False),
    ],
)
def test_arrow_checker_tells_right_from_wrong(room, statement, allowed):
    assert (wrong_arrows(ROOT / room / "module.py", ast.parse(statement)) == []) is allowed


@pytest.mark.slow
def test_wheel_holds_the_rooms_and_nothing_else(tmp_path):
    # A copy, so that no old build/ is packed and none is left behind.
    ignored = shutil.ignore_patterns(".*", "*.egg-info", "build", "dist", "out", "__pycache__")
    shutil.copytree(ROOT, tmp_path / "copy", ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--no-index", "--wheel-dir", str(tmp_path), str(tmp_path / "copy")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    assert f"spinodal-{spinodal.__version__}.dist-info/licenses/LICENSE" in names
    packed = {name.removeprefix("spinodal/") for name in names if name.startswith("spinodal/")}
    modules = {path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.py"), *room_files()]}
    assert packed == modules | {"py.typed"}
    # What was packed also works where the repository is not.
    code = "import sys; sys.path.insert(0, 'site'); import spinodal; print(spinodal.__file__)"
    assert Path(run(code, tmp_path).strip()) == tmp_path / "site" / "spinodal" / "__init__.py"
