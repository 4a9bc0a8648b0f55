"""A phase diagram that is killed goes on where it was, bit for bit; the same diagram on a cluster."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

import spinodal as sp
from spinodal.theory.parameters import symbol

WINDOW = ["diagram", "binary-linear", "--x", "noise", "0.05", "0.12", "--y", "alpha", "0.4", "0.8"]


def run(*arguments):
    command = [sys.executable, "-m", "spinodal", *WINDOW, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


def stored(path):
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute("select count(*) from results").fetchone()
        return count
    except sqlite3.Error:
        return 0


@pytest.mark.slow
def test_kill_9_and_resume(tmp_path):
    store = tmp_path / "work.sqlite"
    whole = run("--output", tmp_path / "whole.json")
    assert whole.wait(300) == 0
    first = run("--output", tmp_path / "resumed.json", "--resume", store)
    deadline = time.monotonic() + 200
    while stored(store) < 4 and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert first.poll() is None, "it was over before it could be killed"
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    kept = stored(store)
    assert kept >= 4
    assert not (tmp_path / "resumed.json").exists()
    second = run("--output", tmp_path / "resumed.json", "--resume", store)
    assert second.wait(300) == 0
    assert stored(store) > kept
    assert (tmp_path / "resumed.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    third = run("--output", tmp_path / "again.json", "--resume", store)
    total = stored(store)
    assert third.wait(300) == 0
    assert stored(store) == total  # answered from the store
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


@pytest.mark.slow
def test_a_cluster_on_loopback_gives_the_same_bits():
    distributed = pytest.importorskip("distributed")
    noise = symbol("noise")
    model = sp.GLM(sp.Rademacher(), sp.Linear(noise=noise))
    window = {"x": ("noise", 0.05, 0.12), "y": ("alpha", 0.4, 0.8)}
    here = sp.phase_diagram(model, **window)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
                                 host="127.0.0.1") as cluster,
        distributed.Client(cluster) as client,
    ):
        there = sp.phase_diagram(model, executor=client.get_executor(), **window)
    for name in ("boundaries", "special_points", "regions"):
        assert getattr(there, name).equals(getattr(here, name))
