"""Phase diagrams in two controls: the five of the literature, against routes that share nothing with continuation."""

import functools
from concurrent.futures import ThreadPoolExecutor

import mpmath
import numpy as np
import pytest
import sympy

import spinodal as sp
from spinodal.equations.surface import Axis
from spinodal.phase_diagrams.plane import axis_of
from spinodal.phase_diagrams.search import Sweeps, search
from spinodal.theory.parameters import symbol

rho, noise, width = map(symbol, ("rho", "noise", "width"))
WINDOWS = {
    "binary-linear": (sp.GLM(sp.Rademacher(), sp.Linear(noise=noise)), ("noise", 0.02, 0.15), ("alpha", 0.1, 1.0)),
    "compressed-sensing": (sp.GLM(sp.GaussBernoulli(rho), sp.Linear()), ("rho", 0, 1), ("alpha", 0, 1.2)),
    "noisy compressed-sensing": (
        sp.GLM(sp.GaussBernoulli(sympy.Rational(1, 5)), sp.Linear(noise=noise)),
        ("noise", 1e-5, 1e-2, "log"), ("alpha", 0.1, 0.8),
    ),
    "binary-perceptron": (
        sp.GLM(sp.Rademacher(), sp.Probit(noise)), ("noise", 1e-4, 0.03, "linear"), ("alpha", 0.2, 2.0)),
    "symmetric-door": (sp.GLM(sp.Rademacher(), sp.Door(width)), ("width", 0.5, 1.2), ("alpha", 0.5, 3.0)),
    "sparse-phase-retrieval": (sp.GLM(sp.GaussBernoulli(rho), sp.Abs()), ("rho", 0.02, 0.6), ("alpha", 0.0, 1.5)),
}
FAST = ("binary-linear", "compressed-sensing", "noisy compressed-sensing", "binary-perceptron")
SLOW = ("symmetric-door", "sparse-phase-retrieval")
ALL = [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


@functools.cache
def diagram(name):
    model, x, y = WINDOWS[name]
    return sp.phase_diagram(model, x=x, y=y)


# thresholds(model at x, digits=30), x taken as the decimal that it is written as; rounded to 25 digits
REFERENCE = [
    ("binary-linear", "first_order", "equilibrium", 0.0363, "0.4484094561414669054104546"),
    ("binary-linear", "first_order", "equilibrium", 0.0608, "0.54235755266154294962713"),
    ("binary-linear", "first_order", "equilibrium", 0.0853, "0.6257477767440552528461964"),
    ("binary-linear", "spinodal", "informative", 0.0363, "0.3413882702178307300359697"),
    ("binary-linear", "spinodal", "informative", 0.0608, "0.4935001914034599494636553"),
    ("binary-linear", "spinodal", "informative", 0.0853, "0.6143837034432784698682757"),
    ("binary-linear", "spinodal", "uninformative", 0.0363, "0.5383235199076332497352"),
    ("binary-linear", "spinodal", "uninformative", 0.0608, "0.5836767689837253627209742"),
    ("binary-linear", "spinodal", "uninformative", 0.0853, "0.635876720885771381283561"),
    ("compressed-sensing", "spinodal", "uninformative", 0.201, "0.356754591595262415748307"),
    ("compressed-sensing", "spinodal", "uninformative", 0.5, "0.6856984811723351035467354"),
    ("compressed-sensing", "spinodal", "uninformative", 0.8, "0.9111108001681235473661393"),
    ("compressed-sensing", "spinodal", "informative", 0.201, "0.201"),
    ("compressed-sensing", "spinodal", "informative", 0.5, "0.5"),
    ("compressed-sensing", "spinodal", "informative", 0.8, "0.8"),
    ("compressed-sensing", "first_order", "equilibrium", 0.201, "0.201"),
    ("compressed-sensing", "first_order", "equilibrium", 0.5, "0.5"),
    ("compressed-sensing", "first_order", "equilibrium", 0.8, "0.8"),
    ("noisy compressed-sensing", "first_order", "equilibrium", 2.39e-05, "0.3132538408067862959282075"),
    ("noisy compressed-sensing", "first_order", "equilibrium", 8.84e-05, "0.3304203354417949958491594"),
    ("noisy compressed-sensing", "first_order", "equilibrium", 0.000327, "0.351680466879625579435289"),
    ("noisy compressed-sensing", "spinodal", "informative", 2.39e-05, "0.2764164637447364134582827"),
    ("noisy compressed-sensing", "spinodal", "informative", 8.84e-05, "0.306064946730004271233832"),
    ("noisy compressed-sensing", "spinodal", "informative", 0.000327, "0.3433068972090170723857503"),
    ("noisy compressed-sensing", "spinodal", "uninformative", 2.39e-05, "0.355744289338569875879482"),
    ("noisy compressed-sensing", "spinodal", "uninformative", 8.84e-05, "0.3566572738992463288710306"),
    ("noisy compressed-sensing", "spinodal", "uninformative", 0.000327, "0.3602286995423401845205285"),
    ("binary-perceptron", "first_order", "equilibrium", 0.00353, "1.401443412859600082133418"),
    ("binary-perceptron", "first_order", "equilibrium", 0.00868, "1.513821247235558428533238"),
    ("binary-perceptron", "first_order", "equilibrium", 0.0138, "1.605607403960763553015334"),
    ("binary-perceptron", "spinodal", "informative", 0.00353, "1.070104111456930744016388"),
    ("binary-perceptron", "spinodal", "informative", 0.00868, "1.406378981948202620604193"),
    ("binary-perceptron", "spinodal", "informative", 0.0138, "1.585461532064403972804289"),
    ("binary-perceptron", "spinodal", "uninformative", 0.00353, "1.521416387513736201720534"),
    ("binary-perceptron", "spinodal", "uninformative", 0.00868, "1.567076642709220283066713"),
    ("binary-perceptron", "spinodal", "uninformative", 0.0138, "1.618988565296814266778568"),
    ("symmetric-door", "first_order", "equilibrium", 0.575, "1.012489545859430880673206"),
    ("symmetric-door", "first_order", "equilibrium", 0.687, "1.000180905732256607376442"),
    ("symmetric-door", "first_order", "equilibrium", 0.799, "1.016882977150219431171148"),
    ("symmetric-door", "continuous", "uninformative", 0.64, "1.4412259660278368504198"),
    ("symmetric-door", "continuous", "uninformative", 0.85, "1.070375388019611937659652"),
    ("symmetric-door", "continuous", "uninformative", 1.06, "0.8838483969560046580053936"),
    ("symmetric-door", "first_order", "equilibrium", 0.939, "1.072991011650568159694282"),
    ("symmetric-door", "first_order", "equilibrium", 1.04, "1.138536780028245658107734"),
    ("symmetric-door", "first_order", "equilibrium", 1.13, "1.218347900309440658974143"),
    ("symmetric-door", "spinodal", "uninformative", 0.614, "1.694139798741461887407084"),
    ("symmetric-door", "spinodal", "uninformative", 0.786, "1.407159151165307030466373"),
    ("symmetric-door", "spinodal", "uninformative", 0.958, "1.29958132845779248806762"),
    ("symmetric-door", "spinodal", "informative", 1.06, "1.301940636953419205282661"),
    ("symmetric-door", "spinodal", "informative", 1.07, "1.311042499880740214783719"),
    ("symmetric-door", "spinodal", "uninformative", 1.09, "1.339629613770949103495191"),
    ("symmetric-door", "spinodal", "uninformative", 1.13, "1.396247973133417778502928"),
    ("symmetric-door", "spinodal", "uninformative", 1.17, "1.458881362824862788939633"),
    ("sparse-phase-retrieval", "continuous", "uninformative", 0.0395, "0.5"),
    ("sparse-phase-retrieval", "continuous", "uninformative", 0.11, "0.5"),
    ("sparse-phase-retrieval", "continuous", "uninformative", 0.304, "0.5"),
    ("sparse-phase-retrieval", "spinodal", "informative", 0.0395, "0.0395"),
    ("sparse-phase-retrieval", "spinodal", "informative", 0.11, "0.11"),
    ("sparse-phase-retrieval", "spinodal", "informative", 0.304, "0.304"),
    ("sparse-phase-retrieval", "first_order", "equilibrium", 0.0381, "0.0381"),
    ("sparse-phase-retrieval", "first_order", "equilibrium", 0.1, "0.1"),
    ("sparse-phase-retrieval", "first_order", "equilibrium", 0.263, "0.263"),
    ("sparse-phase-retrieval", "first_order", "equilibrium", 0.519, "0.519"),
    ("sparse-phase-retrieval", "first_order", "equilibrium", 0.548, "0.548"),
    ("sparse-phase-retrieval", "first_order", "equilibrium", 0.579, "0.579"),
    ("sparse-phase-retrieval", "spinodal", "uninformative", 0.0395, "0.5033830011911616789441628"),
    ("sparse-phase-retrieval", "spinodal", "uninformative", 0.11, "0.52527996116039884124337"),
    ("sparse-phase-retrieval", "spinodal", "uninformative", 0.304, "0.7091351616706709192483013"),
]


def curves(d, kind, branch=None):
    rows = d.boundaries[d.boundaries["kind"] == kind]
    return rows if branch is None else rows[rows["branch"] == branch]


def at(rows, d, value):
    """y of one curve at x, interpolated between its vertices."""
    order = np.argsort(rows[d.x.name].to_numpy())
    return float(np.interp(value, rows[d.x.name].to_numpy()[order], rows[d.y.name].to_numpy()[order]))


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_lost_and_every_vertex_is_good(name):
    d = diagram(name)
    assert set(d.boundaries["status"]) == {"converged"}
    assert (d.boundaries["error"] <= 1e-9).all()
    assert (d.special_points["error_y"] <= 1e-8).all()
    assert (d.special_points["error_x"] <= 1e-8).all()
    assert "lost" not in set(d.boundaries["end"])
    for _, rows in d.boundaries.groupby("curve"):
        assert rows["end"].iloc[0]  # every curve says why it ends
        assert rows["end"].iloc[-1]
        assert (rows["end"].iloc[1:-1] == "").all()


@pytest.mark.parametrize("name", ALL)
def test_boundaries_pass_the_thresholds_that_mpmath_finds(name):
    """Three places a curve, at thirty digits, without continuation (REFERENCE says how they were found)."""
    model, x, y = WINDOWS[name]
    window = axis_of("x", x)
    axis = window if window.low > 0 else Axis(window.name, 1e-3 * window.high, window.high)
    found = search(model, axis, axis_of("y", y), Sweeps())
    rows = [row[1:] for row in REFERENCE if row[0] == name]
    assert {(line.kind, line.branch) for line in found.lines} == {row[:2] for row in rows}
    for kind, branch, place, value in rows:
        passing = [
            (float(np.exp(c)), float(e * np.exp(c)))
            for line, system in zip(found.lines, found.systems, strict=True) if (line.kind, line.branch) == (kind, branch)
            for v in [line.at(system, float(axis.u(place)))[1]] for c, e in zip(v.log_control, v.error, strict=True)
        ]
        miss, error = min((abs(c - float(value)), e) for c, e in passing)
        assert miss <= max(error, 1e-15), (kind, branch, place)
        assert miss <= 1e-9


@pytest.mark.slow
def test_the_reference_is_what_mpmath_finds():
    """One place of every curve of REFERENCE's first diagram, found again."""
    name = REFERENCE[0][0]
    model, (control, *_), _ = WINDOWS[name]
    for _, kind, branch, place, value in [row for row in REFERENCE if row[0] == name][1::3]:
        fixed = model.at({symbol(control): sympy.Rational(repr(place))})
        table = sp.thresholds(fixed, between=(0.99 * float(value), 1.01 * float(value)), digits=30)
        (found,) = table[(table["kind"] == kind) & (table["branch"] == branch)]["value"]
        with mpmath.workdps(35):
            assert abs(found - mpmath.mpf(value)) < mpmath.mpf(10) ** -23


@pytest.mark.parametrize("name", ALL)
def test_every_threshold_of_a_new_slice_lies_on_a_boundary(name):
    """At an x that no slice and no vertex has."""
    d = diagram(name)
    model, (control, low, high, *_), (_, bottom, top) = WINDOWS[name]
    value = max(low, 1e-3) + 0.2371 * (high - max(low, 1e-3)) if not d.x.log else low * (high / low) ** 0.2371
    table = sp.thresholds(model.at({symbol(control): sympy.Float(value)}), between=(max(bottom, 1e-6), top))
    assert len(table)
    for row in table.itertuples():
        rows = curves(d, row.kind, row.branch)
        near = min(abs(at(part, d, value) - row.value) for _, part in rows.groupby("curve"))
        assert near < 2e-3, row
    passing = sum(
        part[control].min() < value < part[control].max() for _, part in d.boundaries.groupby("curve"))
    assert passing == len(table)


def test_compressed_sensing():
    d = diagram("compressed-sensing")
    transition = curves(d, "first_order")
    np.testing.assert_allclose(transition["alpha"], transition["rho"], rtol=1e-14)
    algorithmic = curves(d, "spinodal", "uninformative")
    assert at(algorithmic, d, 0.2) == pytest.approx(0.3554, abs=2e-4)
    assert at(algorithmic, d, 0.4) == pytest.approx(0.589, abs=1e-3)
    assert set(d.regions["name"]) == {"impossible", "hard", "easy"}
    assert d.special_points.empty


@pytest.mark.parametrize(
    ("name", "x"), [("noisy compressed-sensing", 7.8e-4), ("binary-perceptron", 0.0172), ("binary-linear", 0.1016)]
)
def test_three_curves_close_in_a_cusp(name, x):
    d = diagram(name)
    (point,) = d.special_points.itertuples()
    assert point.type == "cusp"
    assert getattr(point, d.x.name) == pytest.approx(x, rel=5e-3)
    ends = d.boundaries[d.boundaries["end"] == "cusp"]
    assert sorted(zip(ends["kind"], ends["branch"], strict=True)) == [
        ("first_order", "equilibrium"), ("spinodal", "informative"), ("spinodal", "uninformative")]
    assert np.ptp(ends[d.x.name]) < 1e-12
    assert np.ptp(ends["alpha"]) < 1e-11
    # beyond it nothing changes abruptly
    beyond = d.regions[d.regions["x_low"] >= getattr(point, d.x.name) * (1 - 1e-9)]
    assert list(beyond["name"]) == ["easy"]


def test_a_cusp_solves_its_own_equations():
    """The first three derivatives of the control along the states: zero, zero, not zero."""
    from spinodal.equations.curve import curve_of

    (point,) = diagram("binary-perceptron").special_points.itertuples()
    model = sp.GLM(sp.Rademacher(), sp.Probit(point.noise))
    curve = curve_of(model)
    v = point.mse
    samples = curve.samples
    x = np.interp(-v, -samples.states[symbol("V")], samples.x)
    near = curve.at(np.linspace(x - 0.05, x + 0.05, 201))
    k = np.argmin(np.abs(near.states[symbol("V")] - v))
    assert abs(near.slope[k]) < 1e-5
    assert abs(near.bend[k]) < 1e-2
    assert np.exp(near.log_control[k]) == pytest.approx(point.alpha, abs=1e-8)


@pytest.mark.slow
def test_the_symmetric_door():
    d = diagram("symmetric-door")
    (end,) = d.special_points[d.special_points["type"] == "critical_end"].itertuples()
    low, high = (
        rows for _, rows in sorted(curves(d, "first_order").groupby("curve"), key=lambda pair: pair[1]["width"].min()))
    # left of the critical end point the state that crosses knows nothing, and the transition is that of entropies
    assert (low["overlap"] == 0).all()
    assert (high["overlap"].iloc[1:-1] > 0).all()
    p = 2 * np.vectorize(lambda w: float(sympy.N((1 + sympy.erf(w / sympy.sqrt(2))) / 2)))(low["width"]) - 1
    entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    np.testing.assert_allclose(low["alpha"], 1 / entropy, rtol=1e-9)
    assert end.width == pytest.approx(0.874, abs=1e-3)
    # right of it the low state knows a little: the formula without it is too small by 1e-9 to 1e-3
    p = 2 * np.vectorize(lambda w: float(sympy.N((1 + sympy.erf(w / sympy.sqrt(2))) / 2)))(high["width"]) - 1
    naive = -1 / (p * np.log2(p) + (1 - p) * np.log2(1 - p))
    beyond = (high["alpha"] - naive)[high["width"] > 0.9].abs()
    assert beyond.between(1e-9, 0.1).all()
    assert len(d.special_points[d.special_points["type"] == "cusp"]) == 2
    weak = curves(d, "continuous")
    assert at(weak, d, 0.67449) == pytest.approx(1.3605, abs=1e-3)
    assert at(curves(d, "spinodal", "uninformative"), d, 0.67449) == pytest.approx(1.5664, abs=1e-3)


@pytest.mark.slow
def test_two_lines_closer_than_a_pixel_stay_apart():
    d = diagram("sparse-phase-retrieval")
    np.testing.assert_allclose(curves(d, "continuous")["alpha"], 0.5, rtol=1e-12)
    algorithmic = curves(d, "spinodal", "uninformative")
    assert at(algorithmic, d, 0.05) - 0.5 == pytest.approx(5e-3, rel=0.1)
    assert at(algorithmic, d, 0.02) - 0.5 == pytest.approx(9e-4, rel=0.1)
    types = set(d.special_points["type"])
    assert types == {"critical_end", "informative_end"}
    assert np.allclose(d.special_points[["rho", "alpha"]], 0.5, atol=1e-10)
    assert set(d.regions["name"]) == {"undetectable", "hard", "impossible", "easy"}


@pytest.mark.slow
def test_a_skewed_prior_has_every_kind_of_end():
    """Atoms a and -1/a of mean 0 and variance 1: with skewness the spinodal leaves weak recovery at a tricritical point.

    There the curve of states leaves the state without signal vertically: d ln alpha/ds vanishes at s = 0.
    """
    from scipy.optimize import brentq

    from spinodal.equations.points import Formulas

    a = symbol("a")
    model = sp.GLM(sp.Discrete([a, -1 / a], [1 / (1 + a**2), a**2 / (1 + a**2)]), sp.Door(1))
    d = sp.phase_diagram(model, x=("a", 1.0, 3.0, "linear"), y=("alpha", 0.1, 3.0))
    points = d.special_points.set_index("type")
    assert set(points.index) == {"critical_end", "tricritical", "cusp"}
    assert (points["status"] == "converged").all()
    formulas = Formulas(model)

    def at_zero(value):
        s = 2e-3 / 2.0 ** np.arange(5)
        rates = formulas.at(np.log(s), {a: np.full(5, value)}).slope / s
        weights = [np.prod([-other / (one - other) for other in s if other != one]) for one in s]
        return float(np.dot(weights, rates))

    assert points.loc["tricritical", "error_x"] < 1e-8
    assert points.loc["tricritical", "a"] == pytest.approx(brentq(at_zero, 2.0, 3.0, xtol=1e-12), abs=3e-9)
    # the universal weak recovery of a prior of unit variance, whatever its skewness
    np.testing.assert_allclose(curves(d, "continuous")["alpha"], points.loc["tricritical", "alpha"], rtol=1e-12)
    left = d.regions[(d.regions["x_low"] <= 1.2) & (d.regions["x_high"] >= 1.2)].sort_values("alpha")
    right = d.regions[(d.regions["x_low"] <= 2.8) & (d.regions["x_high"] >= 2.8)].sort_values("alpha")
    assert list(left["name"]) == ["undetectable", "impossible", "hard", "easy"]
    assert list(right["name"]) == ["undetectable", "hard", "easy"]


def test_a_limit_state_that_symbols_hide_is_named():
    """The mean of this prior is zero for every p in (0, 1), which SymPy cannot know."""
    p = symbol("p")
    prior = sp.Discrete([sympy.sqrt((1 - p) / p), -sympy.sqrt(p / (1 - p))], [p, 1 - p])
    with pytest.raises(ValueError, match="mean is zero"):
        sp.phase_diagram(sp.GLM(prior, sp.Door(1)), x=("p", 0.3, 0.5, "linear"), y=("alpha", 0.1, 3.0))


def test_regions_are_what_solving_says():
    d = diagram("binary-perceptron")
    model, *_ = WINDOWS["binary-perceptron"]
    for row in d.regions.itertuples():
        states = [s for s in sp.fixed_points(model, noise=row.noise, alpha=row.alpha) if s.stable]
        assert len(states) == row.states
        assert states[0].observables["overlap"] == pytest.approx(row.overlap, abs=1e-10)
        is_hard = states[0].observables["overlap"] > min(s.observables["overlap"] for s in states) + 1e-6
        assert (row.name == "hard") == is_hard


def test_a_window_without_transition_is_an_answer():
    model = sp.GLM(sp.Gaussian(), sp.Sign(input_noise=noise))
    d = sp.phase_diagram(model, x=("noise", 0.01, 0.5), y=("alpha", 0.2, 3.0))
    assert d.boundaries.empty
    assert d.special_points.empty
    assert list(d.regions["name"]) == ["easy"]
    assert "no transition" in d.summary().lower()
    assert d.plot() is not None


def test_a_level_of_the_state_is_a_boundary_too():
    """A function that the user supplies: where the error falls to a tenth."""
    model = sp.GLM(sp.Gaussian(), sp.Linear(noise=noise))
    d = sp.phase_diagram(model, x=("noise", 0.01, 0.2), y=("alpha", 0.2, 3.0),
                         levels={"tenth": symbol("V") - sympy.Rational(1, 10)})
    rows = curves(d, "tenth")
    assert len(rows) > 5
    np.testing.assert_allclose(rows["mse"], 0.1, rtol=1e-9)
    for row in rows.iloc[:: max(1, len(rows) // 4)].itertuples():
        state = sp.equilibrium(model, noise=row.noise, alpha=row.alpha)
        assert state.observables["mse"] == pytest.approx(0.1, abs=1e-9)


def test_a_stored_diagram_is_answered_from_the_store(tmp_path):
    model, x, y = WINDOWS["binary-linear"]
    path = tmp_path / "store.sqlite"
    first = sp.phase_diagram(model, x=x, y=y, store=path)
    seen = []
    again = sp.phase_diagram(model, x=x, y=y, store=path, progress=lambda done, total: seen.append((done, total)))
    assert seen
    assert all(done == total for done, total in seen)  # all was there from the beginning
    for name in ("boundaries", "special_points", "regions"):
        table = getattr(again, name)
        assert table.equals(getattr(first, name))
        assert getattr(diagram("binary-linear"), name).equals(table)  # with and without a store: the same bits


def test_an_executor_gives_the_same_bits():
    model, x, y = WINDOWS["binary-linear"]
    with ThreadPoolExecutor(2) as pool:
        d = sp.phase_diagram(model, x=x, y=y, executor=pool)
    for name in ("boundaries", "special_points", "regions"):
        assert getattr(d, name).equals(getattr(diagram("binary-linear"), name))


@pytest.mark.parametrize("window", [("alpha", 0.05, 0.45), ("alpha", 0.1, 0.3)])
def test_below_a_transition_that_the_window_cuts_off_it_is_impossible(window):
    d = sp.phase_diagram(WINDOWS["compressed-sensing"][0], x=("rho", 0.5, 0.9, "linear"), y=window)
    assert d.boundaries.empty
    assert set(d.regions["name"]) == {"impossible"}


def test_columns_are_cut_where_lines_cross():
    from spinodal.phase_diagrams.regions import Drawn, columns

    u = np.linspace(0, 1, 5)
    lines = [Drawn("spinodal", u, u), Drawn("first_order", u, 1 - u)]
    assert columns(lines, Axis("p", 0.0, 1.0)) == [(0.0, 0.5), (0.5, 1.0)]


@pytest.mark.parametrize("noise_variance", [0.001, 0.003])
def test_a_transition_to_a_state_known_to_rounding_is_found(noise_variance):
    """The informative branch ends where its error underflows; its free entropy goes on."""
    model = sp.GLM(sp.Rademacher(), sp.ReLU(noise=noise_variance))
    table = sp.thresholds(model, between=(0.01, 2))
    assert list(table["kind"]) == ["spinodal", "first_order", "spinodal"]
    assert (table["status"] == "converged").all()


@pytest.mark.parametrize(
    ("levels", "error", "text"),
    [
        ({"first_order": "V - 1/10"}, ValueError, "another word"),
        ({"mine": "V - q"}, ValueError, "'q' is not a symbol"),
        ({"mine": 1}, ValueError, "does not depend"),
        (["V"], TypeError, "mapping"),
    ],
)
def test_bad_levels_are_refused(levels, error, text):
    model, x, y = WINDOWS["binary-linear"]
    with pytest.raises(error, match=text):
        sp.phase_diagram(model, x=x, y=y, levels=levels)


def test_a_level_ends_where_its_state_does():
    model = WINDOWS["binary-linear"][0]
    d = sp.phase_diagram(model, x=("noise", 0.03, 0.15, "linear"), y=("alpha", 0.1, 1.5), levels={"tenth": "V - 1/10"})
    for row in curves(d, "tenth").iloc[1:-1:5].itertuples():
        near = min(sp.fixed_points(model, noise=row.noise, alpha=row.alpha), key=lambda s: abs(s.observables["mse"] - 0.1))
        assert near.stable


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"x": ("rho", 0, 1)}, "rho"),
        ({"x": ("noise", 0.2, 0.1)}, "lower first"),
        ({"x": ("noise", 0, float("nan"))}, "finite"),
        ({"x": ("noise", 0, 1, "cubic")}, "linear"),
        ({"x": ("noise", 0, 1, "log")}, "above 0"),
        ({"x": "noise"}, "window"),
        ({"x": ("noise", -1, 1)}, "noise"),
        ({"x": ("alpha", 0, 1)}, "two different"),
        ({"x": ("alpha", 0, 1), "y": ("noise", 0.01, 1)}, "swap"),
        ({"y": ("alpha", -1, 1)}, "alpha"),
        ({"noise": 0.1}, "axis"),
    ],
)
def test_misuse_is_refused_at_once(changes, text, monkeypatch):
    from spinodal.phase_diagrams import two_controls

    monkeypatch.setattr(two_controls, "search", lambda *a, **k: pytest.fail("computed"))
    model, x, y = WINDOWS["binary-linear"]
    with pytest.raises(ValueError, match=text):
        sp.phase_diagram(model, **({"x": x, "y": y} | changes))


def test_a_control_that_orders_the_pieces_of_a_channel_is_refused():
    slope = symbol("slope")
    model = sp.GLM(sp.GaussBernoulli(sympy.Rational(3, 10)), sp.LeakyReLU(slope))
    with pytest.raises(ValueError, match="give slope a number"):
        sp.phase_diagram(model, x=("slope", 0.1, 0.9), y=("alpha", 0.1, 1.5))


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match="model"):
        sp.phase_diagram("perceptron", x=("noise", 0, 1), y=("alpha", 0, 1))
