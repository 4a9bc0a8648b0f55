"""Phase diagrams in two controls: seconds for a whole one, and the cost of a vertex against a bare fixed point.

Limits: a diagram of a model whose averages are over one field in 20 s on one core, over two in 3 minutes; the cost
grows in proportion to the number of vertices.
"""

import time

import pytest

import spinodal as sp
from spinodal.phase_diagrams import tracing
from spinodal.theory.catalogue import catalogue

NAMES = {name: entry for name, entry in catalogue().items() if entry.x}


def drawn(name):
    entry = NAMES[name]
    others = {k: v for k, v in entry.defaults.items() if k not in (entry.x[0], entry.y[0])}
    return sp.phase_diagram(entry.model, x=entry.axis("x", {}), y=entry.axis("y", {}), **others)


@pytest.mark.parametrize("name", NAMES)
def bench_diagram(benchmark, name):
    """A diagram with its special points and regions; the first time, derivation and compilation included."""
    begun = time.perf_counter()
    diagram = benchmark.pedantic(lambda: drawn(name), rounds=1)
    taken = time.perf_counter() - begun
    entry = NAMES[name]
    others = {k: v for k, v in entry.defaults.items() if k != entry.x[0]}
    control = float(diagram.boundaries[entry.y[0]].median()) if len(diagram.boundaries) else 1.0
    middle = float(diagram.boundaries[entry.x[0]].median()) if len(diagram.boundaries) else entry.axis("x", {})[1]
    point = {**others, entry.x[0]: middle, entry.y[0]: control}
    sp.fixed_points(entry.model, **point)
    begun = time.perf_counter()
    for _ in range(20):
        sp.fixed_points(entry.model, **point)
    single = (time.perf_counter() - begun) / 20
    vertices = len(diagram.boundaries)
    benchmark.extra_info.update(
        seconds=taken, vertices=vertices, curves=diagram.boundaries["curve"].nunique(),
        special_points=len(diagram.special_points), milliseconds_a_vertex=1e3 * taken / max(vertices, 1),
        fixed_points_a_vertex=taken / max(vertices, 1) / single,
    )  # fmt: skip


@pytest.mark.parametrize("chord", [0.02, 0.01, 0.005, 0.0025])
def bench_vertices(benchmark, monkeypatch, chord):
    """The cost against the number of vertices: it must grow no faster."""
    name = "binary-linear"
    monkeypatch.setattr(tracing, "_CHORD", {False: chord, True: chord})
    drawn(name)  # slices and compiled formulas are kept: what is left is the following of boundaries
    diagram = benchmark.pedantic(lambda: drawn(name), rounds=3)
    benchmark.extra_info.update(vertices=len(diagram.boundaries))
