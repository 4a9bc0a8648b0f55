"""Results that survive: exact round trips, fingerprints, and sweeps that are killed, interrupted, failing or shared."""

import json
import math
import operator
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import types
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import sympy
from hypothesis import given
from hypothesis import strategies as st

import spinodal as sp
from spinodal.phase_diagrams import store as store_module
from spinodal.phase_diagrams.store import Store, fingerprint, sweep
from spinodal.theory.priors import Prior

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SPECIAL = [math.inf, -math.inf, -0.0, 0.0, 5e-324, -2.2e-308, 1e308, 0.1 + 0.2, math.nextafter(1, 2)]
TASKS = [{"data": [0.1 * k, math.pi, 1 / 3]} for k in range(12)]
MEANS = [statistics.fmean(**task) for task in TASKS]


def bits(value):
    """The value with every float as its bits, so that -0.0, nan and types are told apart."""
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    if isinstance(value, list):
        return [bits(item) for item in value]
    return (type(value).__name__, value.hex() if isinstance(value, float) else value)


# --- the store ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_file(tmp_path_factory):
    return tmp_path_factory.mktemp("store") / "results"


@given(value=values)
def test_round_trip_is_exact(one_file, value):
    with Store(one_file) as kept:
        kept.put("key", value)
    with Store(one_file) as kept:
        assert bits(kept.get("key")) == bits(value)


def test_floats_keep_every_bit(tmp_path):
    floats = [*SPECIAL, *np.frombuffer(np.random.default_rng(0).bytes(8000)).tolist()]
    with Store(tmp_path / "results") as kept:
        kept.put("key", {"x": floats})
        assert bits(kept.get("key")) == bits({"x": floats})
        kept.put("key", np.float64(0.1))
        assert bits(kept.get("key")) == ("float", (0.1).hex())


def test_store_is_a_mapping_that_lasts(tmp_path):
    with Store(tmp_path / "results") as kept:
        assert len(kept) == 0
        assert "a" not in kept
        assert kept.get("a") is None
        assert kept.get("a", 3) == 3
        kept.put("a", [1])
        kept.put("a", [2])
        kept.put("none", None)
    with Store(str(tmp_path / "results")) as kept:
        assert len(kept) == 2
        assert "none" in kept
        assert kept.get("none", 3) is None
        assert kept.get("a") == [2]
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


@pytest.mark.parametrize("value", [1j, {1, 2}, object(), np.arange(3), b"text", {(1, 2): 3}, {1: 1, "1": 2}])
def test_what_json_cannot_say_is_refused(tmp_path, value):
    with Store(tmp_path / "results") as kept:
        with pytest.raises((TypeError, ValueError)):
            kept.put("key", value)
        assert len(kept) == 0


def test_special_names_of_sqlite_are_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store(":memory:") as kept:
        kept.put("a", 1)
    with Store(tmp_path / ":memory:") as kept:
        assert kept.get("a") == 1


def test_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder: give the name of a file"):
        Store(tmp_path)


@pytest.mark.parametrize("content", [b"x", b"\n\n", b"SQLite", *(b"1,2\n" * k for k in (100, 128, 200, 1024, 4000)), bytes(8192)])
def test_other_file_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"table\.csv.*not a database: give a store, or the name of a new file"):
        Store(path)
    assert path.read_bytes() == content


def test_other_database_is_refused(tmp_path):
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE results (key, value)")
    other.close()
    with pytest.raises(ValueError, match="holds something else: give a store"):
        Store(tmp_path / "other")


def test_other_format_is_refused(tmp_path):
    Store(tmp_path / "results").close()
    newer = sqlite3.connect(tmp_path / "results")
    newer.execute("PRAGMA user_version = 2")
    newer.close()
    with pytest.raises(ValueError, match="has format 2, this version of spinodal uses 1"):
        Store(tmp_path / "results")


def test_unwritable_place_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "no" / "results", tmp_path / "file" / "results"):
        with pytest.raises(OSError, match="results.*give a file in a folder you may write to"):
            Store(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_read_only_store_is_refused(tmp_path):
    Store(tmp_path / "results").close()
    (tmp_path / "results").chmod(0o444)
    with pytest.raises(OSError, match="readonly database.*give a file in a folder you may write to"):
        Store(tmp_path / "results")


def test_file_that_a_killed_process_had_only_opened_is_a_new_store(tmp_path):
    (tmp_path / "results").touch()
    with Store(tmp_path / "results") as kept:
        kept.put("a", 1)
        assert len(kept) == 1


def test_two_processes_use_one_store(tmp_path):
    code = (
        "import sys; from spinodal.phase_diagrams.store import Store\n"
        "with Store('results') as kept:\n    for k in range(100): kept.put(f'{sys.argv[1]} {k}', k)"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, name], cwd=tmp_path) for name in "ab"]
    assert [process.wait(60) for process in both] == [0, 0]
    with Store(tmp_path / "results") as kept:
        assert len(kept) == 200


# --- fingerprints ------------------------------------------------------------------------------------------------


class Biased(Prior):
    """Not a dataclass of its own, but a class of a file that is not the package's."""


def halved(x):
    return x / 2


MODELS = """
import scipy.stats, sympy, spinodal as sp
x = sympy.Symbol("x")
tasks = [
    {"model": sp.GLM(sp.GaussBernoulli(0.3), sp.Sign(noise=0.1)), "along": "alpha", "between": (0.1, float("inf"))},
    {"model": sp.GLM(sp.GaussBernoulli(1 / (sympy.Symbol("rho") + x**2 + sympy.sqrt(2) * x)), sp.Abs()), "digits": None},
    {"model": sp.GLM(sp.SciPyPrior(scipy.stats.t(5, loc=0.1), kinks=[0.5]), sp.HardTanh()), "a": [1, True, "\\u00b1"]},
    {"model": sp.GLM(sp.Discrete([1, -1, x], [0.25, 0.5, 0.25]), sp.Door(0.67)), "controls": {"rho": 0.3, "delta": 1}},
    {"function": sp.thresholds, "prior": sp.GaussianMixture([0.5, 0.5], means=[-1, 1], variances=[0.1, 0.2])},
]
"""


def made():
    scope = {}
    exec(MODELS, scope)
    return scope["tasks"]


def test_equal_tasks_agree():
    assert [fingerprint(task) for task in made()] == [fingerprint(task) for task in made()]
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint(sp.Gaussian(variance=1)) == fingerprint(sp.Gaussian(variance=1.0))
    assert fingerprint(math.nan) == fingerprint(float("nan"))


@pytest.fixture
def forget():
    """A process reads the sources once; they may have changed since."""

    def clear():
        store_module._source.cache_clear()
        store_module._formulas.cache_clear()

    yield clear
    clear()


def test_processes_agree(tmp_path, forget):
    forget()
    code = MODELS + "from spinodal.phase_diagrams.store import fingerprint\nprint(*map(fingerprint, tasks))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": "1"},
                          capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == [fingerprint(task) for task in made()]


def different():
    tasks = made()
    yield from tasks
    yield from [None, True, 1, 1.0, "1", "True", [1], (1,), [[1]], [1, 1], {"a": 1}, {"a": 1.0}, {"a": [1]}, {1: "a"}]
    yield from ["", [], (), {}, [""], "[1]", "'", ["a, b"], ["a", "b"], ["a', 'b"], {"a": "b"}, [["a"], "b"], [["a", "b"]]]
    yield from [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 0, False, sympy.nan, sympy.oo]
    rho = 0.3
    for prior in (sp.GaussBernoulli(rho), sp.GaussBernoulli(math.nextafter(rho, 1)), sp.GaussBernoulli(rho, variance=2),
                  sp.SparseRademacher(rho), sp.GaussBernoulli(sympy.Symbol("rho")), sp.GaussBernoulli(sympy.Symbol("q"))):
        yield prior
        yield sp.GLM(prior, sp.Sign())
        yield sp.GLM(prior, sp.Abs())
    for law in (scipy.stats.t(5), scipy.stats.t(math.nextafter(5, 6)), scipy.stats.t(5, loc=1), scipy.stats.chi2(5)):
        yield sp.SciPyPrior(law)
    yield sp.SciPyPrior(scipy.stats.t(5), kinks=[0])
    yield from [sympy.Float("0.3", 30), sympy.Float("0.3", 15), sympy.Rational(3, 10), sympy.pi, sympy.Symbol("pi")]
    yield from [sp.thresholds, sp.branches, halved, operator.add, Biased, sp.Gaussian, sp.Gaussian()]


def test_different_tasks_differ():
    tasks = list(different())
    assert len({fingerprint(task) for task in tasks}) == len(tasks)


@given(values, values)
def test_fingerprints_are_equal_only_if_the_bits_are(one, other):
    same = bits(one) == bits(other)
    assert (fingerprint(one) == fingerprint(other)) is same
    assert fingerprint([one]) != fingerprint((one,))
    assert (fingerprint([one, other]) == fingerprint([other, one])) is same


class OwnLaw(scipy.stats.rv_continuous):
    def _pdf(self, x):
        return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def local_prior():
    class Local(Prior):
        pass

    return Local()


@pytest.mark.parametrize(
    "task",
    [object(), {1, 2}, b"a", 1j, np.arange(3), np.int64(3), lambda: 0, operator.itemgetter(1), sympy.Dummy("x"),
     sympy.Function("f")(1), sympy.eye(2), sp.SciPyPrior(OwnLaw(name="own")()), sp.SciPyPrior(OwnLaw(name="norm")()),
     sp.SciPyPrior(scipy.stats.rv_histogram(([1, 2, 1], [-3, -1, 1, 3]))()), math.hypot.__call__, iter([])],
)
def test_what_could_change_unseen_is_refused(task):
    with pytest.raises(TypeError, match="has no fingerprint: "):
        fingerprint(("name", {"task": [task]}))


def test_local_class_is_refused():
    with pytest.raises(TypeError, match="top level of a module"):
        fingerprint(type(local_prior()))


def test_interactive_definition_is_refused(monkeypatch):
    session = types.ModuleType("session")  # as __main__ is in an interactive session: without a file
    exec("def f(): pass", session.__dict__)
    monkeypatch.setitem(sys.modules, "session", session)
    with pytest.raises(TypeError, match="move the definition from the interactive session to a file"):
        fingerprint(session.f)


def test_other_version_or_formulas_give_other_fingerprints(tmp_path, monkeypatch, forget):
    seen = {fingerprint(1)}
    monkeypatch.setattr(store_module, "__version__", "0.0.0")
    seen.add(fingerprint(1))
    monkeypatch.setattr(store_module, "_ROOT", tmp_path)
    for room in ("theory", "equations", "phase_diagrams"):
        (tmp_path / room).mkdir()
        for text in ("m = 1", "m = 2"):
            (tmp_path / room / "formula.py").write_text(text)
            forget()
            seen.add(fingerprint(1))
    assert len(seen) == 8


def test_other_source_of_a_users_function_gives_another_fingerprint(tmp_path, monkeypatch, forget):
    path = tmp_path / "users_functions.py"
    path.write_text("def f(x):\n    return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    import users_functions

    before = fingerprint((users_functions.f, {"x": 1}))
    path.write_text("def f(x):\n    return x + 1\n")
    forget()
    assert fingerprint((users_functions.f, {"x": 1})) != before
    del sys.modules["users_functions"]


# --- sweeps in one process ---------------------------------------------------------------------------------------


CALLS = []


def special(k, fail=()):
    CALLS.append(k)
    if k in fail:
        raise ZeroDivisionError(f"nothing for {k}")
    return {"pair": (SPECIAL[k % len(SPECIAL)], math.nan), "k": k, "root": np.float64(k) ** 0.5, "none": None}


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


def numbered(n, **more):
    return [{"k": k, **more} for k in range(n)]


def test_fresh_and_stored_results_are_identical(tmp_path):
    path = tmp_path / "results"
    plain, fresh, stored = (sweep(special, numbered(9), store=kept) for kept in (None, path, path))
    assert bits(plain) == bits(fresh) == bits(stored)
    assert CALLS == [*range(9), *range(9)]
    assert [value["k"] for value in plain] == list(range(9))
    assert isinstance(plain[0]["pair"], list)
    with Store(path) as kept:
        assert len(kept) == 9
        assert bits(sweep(special, iter(numbered(11)), store=kept))[:9] == bits(plain)
        assert len(kept) == 11  # and still open
    assert CALLS[18:] == [9, 10]


def test_equal_tasks_are_computed_once_and_do_not_share_their_results(tmp_path):
    one, _, other = sweep(special, [{"k": 1}, {"k": 2}, {"k": 1}], store=tmp_path / "results")
    assert CALLS == [1, 2]
    one["pair"].append(0)
    assert len(other["pair"]) == 2


def test_results_of_another_function_are_not_used(tmp_path):
    path = tmp_path / "results"
    assert sweep(halved, [{"x": 8}], store=path) == [4.0]
    assert sweep(statistics.fmean, [{"data": [8]}], store=path) == [8.0]
    assert sweep(statistics.median, [{"data": [8]}], store=path) == [8]


def test_without_a_store_anything_may_be_a_task(tmp_path):
    assert sweep(lambda array: float(array.sum()), [{"array": np.arange(3)}]) == [3.0]
    with pytest.raises(TypeError, match="top level of a module"):
        sweep(lambda x: x, [{"x": 1}], store=tmp_path / "results")


@pytest.mark.parametrize("make", [lambda: None, lambda: ThreadPoolExecutor(1)])
def test_failure_names_the_task_and_keeps_what_is_done(tmp_path, make):
    executor = make()
    with Store(tmp_path / "results") as kept:
        with pytest.raises(ZeroDivisionError, match="nothing for 3") as caught:
            sweep(special, numbered(30, fail=[3]), store=kept, executor=executor)
        assert caught.value.__notes__ == ["in the task special(k=3, fail=[3])"]
        count = len(kept)
        assert 3 <= count < 30 or executor
        assert count == len(CALLS) - 1
        with pytest.raises(ZeroDivisionError):
            sweep(special, numbered(4, fail=[3]), store=kept)
        assert CALLS[count + 1 :] == [3]
    if executor:
        executor.shutdown()


def test_running_tasks_are_kept_when_another_fails(tmp_path):
    with ThreadPoolExecutor(2) as pool, Store(tmp_path / "results") as kept:
        barrier.reset()
        with pytest.raises(ValueError, match="at once"):
            sweep(together, numbered(20), store=kept, executor=pool)
        assert len(kept) >= 1  # the task that ran beside the one that failed
        assert len(kept) == len(CALLS) - 1 < 19


barrier = threading.Barrier(2)


def together(k):
    CALLS.append(k)
    if k < 2:
        barrier.wait(20)
    if k == 0:
        raise ValueError("at once")
    time.sleep(0.1)
    return k


def test_result_that_is_no_json_is_the_fault_of_its_task():
    with pytest.raises(TypeError, match="not JSON serializable") as caught:
        sweep(complex, [{"real": 1}])
    assert caught.value.__notes__ == ["in the task complex(real=1)"]


def test_what_is_no_executor_is_refused():
    with pytest.raises(TypeError, match=r"for a Client of dask give client\.get_executor"):
        sweep(special, numbered(2), executor=object())


class Interrupted(Executor):
    """Finishes two tasks, has one running and one waiting when the interrupt comes."""

    def __init__(self):
        self.futures = []

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        self.futures.append(future)
        if len(self.futures) <= 2:
            future.set_result(function(*args, **kwargs))
        elif len(self.futures) == 3:
            future.set_running_or_notify_cancel()
        elif len(self.futures) == 5:
            raise KeyboardInterrupt
        return future


def test_interrupt_keeps_what_is_finished_and_cancels_the_rest(tmp_path):
    executor = Interrupted()
    with Store(tmp_path / "results") as kept:
        with pytest.raises(KeyboardInterrupt):
            sweep(special, numbered(9), store=kept, executor=executor)
        assert len(kept) == 2
    assert [future.cancelled() for future in executor.futures] == [False, False, False, True, False]


def test_progress_is_told_what_a_store_has(tmp_path):
    told = []
    path = tmp_path / "results"
    sweep(special, numbered(2), store=path, progress=lambda *counts: told.append(counts))
    sweep(special, [*numbered(3), {"k": 0}], store=path, progress=lambda *counts: told.append(counts))
    assert told == [(0, 2), (1, 2), (2, 2), (3, 4), (4, 4)]


def test_failing_progress_loses_nothing(tmp_path):
    def refuse(done, total):
        if done == 2:
            raise RuntimeError("no more")

    with Store(tmp_path / "results") as kept, ThreadPoolExecutor(1) as pool:
        with pytest.raises(RuntimeError, match="no more"):
            sweep(special, numbered(9), store=kept, executor=pool, progress=refuse)
        assert len(kept) >= 2


def test_bar_is_on_stderr(capsys):
    sweep(special, numbered(3), progress=True, description="boundaries")
    out, err = capsys.readouterr()
    assert out == ""
    assert "boundaries:" in err
    assert "/3" in err


# --- sweeps in many processes ------------------------------------------------------------------------------------


def test_process_pool(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert sweep(statistics.fmean, TASKS, store=tmp_path / "results", executor=pool) == MEANS
        assert sweep(np.interp, [{"x": 0.3, "xp": [0, 1], "fp": [1, 2]}], executor=pool) == [1.3]
        with pytest.raises(statistics.StatisticsError) as caught:
            sweep(statistics.fmean, [*TASKS, {"data": []}], store=tmp_path / "results", executor=pool)
        assert caught.value.__notes__ == ["in the task fmean(data=[])"]
    with Store(tmp_path / "results") as kept:
        assert len(kept) == len(TASKS)


def test_dask(tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
            local_directory=str(tmp_path),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pool = client.get_executor()
        assert sweep(statistics.fmean, TASKS, store=tmp_path / "results", executor=pool) == MEANS
        with pytest.raises(statistics.StatisticsError) as caught:
            sweep(statistics.fmean, [*TASKS, {"data": []}], store=tmp_path / "results", executor=pool)
        assert caught.value.__notes__ == ["in the task fmean(data=[])"]
        with pytest.raises(TypeError, match="get_executor"):
            sweep(statistics.fmean, TASKS, executor=client)
    assert sweep(statistics.fmean, TASKS, store=tmp_path / "results") == MEANS


# --- sweeps that are killed --------------------------------------------------------------------------------------

WORK = """
import json, os, sys, time
import spinodal as sp
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from spinodal.phase_diagrams.store import sweep


def work(k, model):
    log(f"start {k}")
    time.sleep(0.1)
    log(f"end {k}")
    return {"x": [k / 7, (k + 1) ** 0.5, float("inf"), -0.0 * k], "k": (k, None, True)}


def log(text):
    with open("log", "a") as file:
        file.write(text + "\\n")


if __name__ == "__main__":
    tasks = [{"k": k, "model": sp.GLM(sp.GaussBernoulli((k + 1) / 20), sp.Sign())} for k in range(20)]
    if sys.argv[1] == "pool":
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            results = sweep(work, tasks, store="results", executor=pool)
    else:
        results = sweep(work, tasks, store="results")
    print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Start the sweep with a copy of the package: an edit between two runs would rightly make all results stale."""
    copy, root = tmp_path_factory.mktemp("copy"), Path(sp.__file__).parent
    for path in (*root.glob("*.py"), *(file for room in sp._ROOMS for file in (root / room).glob("*.py"))):
        target = copy / "spinodal" / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)

    def start(folder, how):
        (folder / "work.py").write_text(WORK)
        return subprocess.Popen([sys.executable, "work.py", how], cwd=folder, env={**os.environ, "PYTHONPATH": str(copy)},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def logged(folder, word):
    path = folder / "log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [int(line.split()[1]) for line in lines if line.startswith(word)]


def stop_midway(process, folder, number):
    """Send a signal when five tasks are finished, and return the code of exit and what was said."""
    deadline = time.monotonic() + 60
    while len(logged(folder, "end")) < 5:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert out == ""
    return process.returncode, err


def finish(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, start):
    return finish(start(tmp_path_factory.mktemp("uninterrupted"), "serial"))


def check_resumed(start, folder, how, uninterrupted):
    """What was stored is not computed again, and nobody can see from the results that there was a break."""
    with Store(folder / "results") as kept:
        stored = len(kept)
    before = logged(folder, "start")
    assert 4 <= stored < 20  # the fifth may have been finished and not yet stored
    assert bits(json.loads(finish(start(folder, how)))) == bits(json.loads(uninterrupted))
    again = logged(folder, "start")[len(before) :]
    assert len(again) == len(set(again)) == 20 - stored
    assert set(before) | set(again) == set(range(20))
    return set(before) & set(again)


def test_killed_sweep_resumes(tmp_path, start, uninterrupted):
    code, _ = stop_midway(start(tmp_path, "serial"), tmp_path, signal.SIGKILL)
    assert code == -signal.SIGKILL
    repeated = check_resumed(start, tmp_path, "serial", uninterrupted)
    assert len(repeated) <= 1  # the one at which it died


def test_interrupted_pool_resumes(tmp_path, start, uninterrupted):
    code, err = stop_midway(start(tmp_path, "pool"), tmp_path, signal.SIGINT)
    assert code == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert len(logged(tmp_path, "start")) < 20  # those that waited were cancelled
    repeated = check_resumed(start, tmp_path, "serial", uninterrupted)
    assert len(repeated) <= 5  # two were running, and the pool had handed out three more
