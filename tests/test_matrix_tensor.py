"""The spiked matrix-tensor model.

Reference values without a citation were computed at 30 digits with mpmath from the definition of the model alone (two
equations in two unknowns at every spinodal and crossing), independently of the package.
"""

import math

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import spinodal as sp

INF = math.inf


def close(found, expected, digits=12):
    return found == pytest.approx(expected, rel=10.0**-digits)


def values(table, kind, branch=None):
    rows = table[(table["kind"] == kind) & (True if branch is None else table["branch"] == branch)]
    return rows["value"].tolist()


def along(model, name, **others):
    return sp.thresholds(model, along=name, between=(1e-4, 100.0), **others)


# ---- fixed points ---------------------------------------------------------------------------------------------------

def test_closed_form_fixed_points():
    """p = 3, delta_2 = 3/2, delta_p = 2/5: m^2 - (11/15) m + 2/15 = 0, so m = 2/5 and 1/3."""
    found = sp.fixed_points(sp.MatrixTensor(p=3), delta_2=1.5, delta_p=0.4)
    assert close(sorted(point.order_parameters["m"] for point in found), [0, 1 / 3, 0.4])
    assert [point.stable for point in sorted(found, key=lambda point: point.order_parameters["m"])] == [True, False, True]
    assert [point.free_entropy for point in found] == sorted((point.free_entropy for point in found), reverse=True)
    assert sp.equilibrium(sp.MatrixTensor(), delta_2=1.5, delta_p=0.4).state == "no signal"


@pytest.mark.parametrize(
    ("delta_2", "m", "phi"),
    [(0.5, 0.69366436638743273655, 0.081200306373066230888), (0.8, 0.5, 0.0084611319422495675136),
     (0.95, 0.21130779630836602229, 0.00017828640735805754929)],
)
def test_three_observations(delta_2, m, phi):
    (state, nothing) = sp.fixed_points(sp.MatrixTensor(p=(3, 4)), delta_2=delta_2, delta_3=1.5, delta_4=0.6)
    assert close(state.order_parameters["m"], m)
    assert close(state.free_entropy, phi)
    assert not nothing.stable


@given(p=st.integers(3, 40), delta_2=st.floats(-3, 3).map(lambda x: 10**x), delta_p=st.floats(-3, 3).map(lambda x: 10**x))
@settings(max_examples=60, deadline=None)
def test_every_fixed_point_is_stationary(p, delta_2, delta_p):
    """Against the definition in mpmath: the gradient of Phi, its curvature, and how many states there are."""
    assume(delta_2 == 1 or abs(delta_2 - 1) > 1e-9)  # nearer, the count below is rounding
    found = sp.fixed_points(sp.MatrixTensor(p), delta_2=delta_2, delta_p=delta_p)

    def slope(m):
        return m / mpmath.mpf(delta_2) + m ** (p - 1) / mpmath.mpf(delta_p) - m / (1 - m)

    with mpmath.workdps(40):
        for point in found:
            m = 1 - mpmath.mpf(point.observables["mse"])
            if point.order_parameters["m"] < 0.5:
                m = mpmath.mpf(point.order_parameters["m"])
            scale = max(m / (1 - m), mpmath.mpf(10) ** -300)
            curvature = 1 / mpmath.mpf(delta_2) + (p - 1) * m ** (p - 2) / mpmath.mpf(delta_p) - 1 / (1 - m) ** 2
            assert abs(slope(m)) <= max(1e-11 * scale, 4 * point.error * abs(curvature))
            if abs(curvature) > 1e-9:
                assert point.stable == (curvature < 0)
    s = np.exp(np.linspace(-60, 60, 4001))
    signs = np.sign(1 / delta_2 + (s / (1 + s)) ** (p - 2) / delta_p - (1 + s))
    changes = int((signs[:-1] * signs[1:] < 0).sum())
    assert len(found) - 1 >= changes
    assert (len(found) - 1 - changes) % 2 == 0  # a pair between two points of the grid


@pytest.mark.parametrize(
    ("delta_2", "delta_p", "mse"),
    [(INF, 1e-30, 1e-30), (1e-30, INF, 1e-30), (1e-200, 1.0, 1e-200), (0.25, INF, 0.25), (INF, 0.2, 0.5 - math.sqrt(0.05))],
)
def test_limits_of_the_noise(delta_2, delta_p, mse):
    best = sp.equilibrium(sp.MatrixTensor(p=3), delta_2=delta_2, delta_p=delta_p)
    assert close(best.observables["mse"], mse)


@pytest.mark.parametrize(("p", "delta_2", "delta_p", "m"), [(4, 1 - 1e-12, 0.5, 1e-12), (200, 0.9, 0.5, 0.1),
                                                            (50, 1 - 1e-6, 0.1, 1e-6)])
def test_weak_signals_beside_a_strong_tensor(p, delta_2, delta_p, m):
    """The tensor does not act at small overlaps: m = 1 - delta_2."""
    (state, nothing) = sp.fixed_points(sp.MatrixTensor(p), delta_2=delta_2, delta_p=delta_p)
    assert state.stable
    assert not nothing.stable
    assert state.order_parameters["m"] == pytest.approx(m, rel=1e-3)


def test_a_matrix_alone_is_a_spiked_matrix():
    """Delta_p = infinity: m = 1 - delta_2 below 1, whatever the tensor's order."""
    for p in (3, 4, 7):
        best = sp.equilibrium(sp.MatrixTensor(p), delta_2=0.7, delta_p=INF)
        assert close(best.order_parameters["m"], 0.3)
        assert close(best.free_entropy, math.log(0.7) / 2 + 0.15 + 0.09 / 2.8)


def test_derivative_of_the_free_entropy_by_a_coupling():
    """d Phi/d(1/delta_k) = m^k/(2 k), along the states: of the mutual information it is half the mmse of the data."""
    model, h = sp.MatrixTensor(p=(3, 5)), 1e-5
    at = {"delta_2": 0.8, "delta_3": 0.9, "delta_5": 0.7}
    m = sp.equilibrium(model, **at).order_parameters["m"]
    for name, k in (("delta_2", 2), ("delta_3", 3), ("delta_5", 5)):
        up, down = (sp.equilibrium(model, **{**at, name: 1 / (1 / at[name] + side * h)}) for side in (1, -1))
        assert (up.free_entropy - down.free_entropy) / (2 * h) == pytest.approx(m**k / (2 * k), rel=1e-8)
        rate = (up.observables["mutual_information"] - down.observables["mutual_information"]) / (2 * h)
        assert rate == pytest.approx((1 - m**k) / (2 * k), rel=1e-8)


def test_observables():
    point = sp.equilibrium(sp.MatrixTensor(p=3), delta_2=0.5, delta_p=0.5)
    m = point.order_parameters["m"]
    seen = point.observables
    assert close([seen["mse"], seen["matrix_mse"], seen["tensor_mse"]], [1 - m, 1 - m**2, 1 - m**3])
    assert close(seen["mutual_information"], (1 / 1.0 + 1 / 1.5) / 2 - point.free_entropy)
    almost_known = sp.equilibrium(sp.MatrixTensor(p=3), delta_2=1e-200, delta_p=1.0)  # I = log(1/mse)/2 to leading order
    assert close(almost_known.observables["mutual_information"], 100 * math.log(10) - 1 / 2 + 1 / 2)


@pytest.mark.parametrize(("delta_2", "delta_p"), [(1.2, 0.3), (0.9, 0.3), (1.2, 3.0), (0.5, 0.5)])
def test_state_evolution_comes_to_fixed_points(delta_2, delta_p):
    states = [point for point in sp.fixed_points(sp.MatrixTensor(), delta_2=delta_2, delta_p=delta_p) if point.stable]
    mses = sorted(point.observables["mse"] for point in states)
    poor = sp.state_evolution(sp.MatrixTensor(), delta_2=delta_2, delta_p=delta_p)
    rich = sp.state_evolution(sp.MatrixTensor(), start="informative", delta_2=delta_2, delta_p=delta_p)
    assert poor.mse == pytest.approx(mses[-1], rel=1e-7)
    assert rich.mse == pytest.approx(mses[0], rel=1e-7)


# ---- transitions ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(
    ("p", "spinodal", "crossing", "m"),
    [(3, 1 / 4, 0.22897283905744813742, 0.6450074513345843982), (4, 4 / 27, 0.12652429462230736185, 0.80452183479350810659),
     (5, 27 / 256, 0.085185466446994735648, 0.87114879460808150597), (6, 0.08192, 0.063201049724786222444, 0.9063379601584083715)],
)
def test_a_tensor_alone(p, spinodal, crossing, m):
    """Spinodal (p-2)^(p-2)/(p-1)^(p-1)."""
    table = along(sp.MatrixTensor(p), "delta_p", delta_2=INF)
    assert close(values(table, "spinodal"), [spinodal])
    assert close(values(table, "first_order"), [crossing])
    assert close(table[table["kind"] == "first_order"]["m_below"].tolist(), [m])
    assert (table["error"] < 1e-14).all()


@pytest.mark.parametrize("delta_p", [0.3, 0.5, 0.9, 0.999])
def test_spinodal_of_order_three(delta_p):
    (found,) = values(along(sp.MatrixTensor(3), "delta_2", delta_p=delta_p), "spinodal")
    assert close(found, delta_p / (2 * math.sqrt(delta_p) - 1))


@pytest.mark.parametrize(
    ("p", "delta_p", "low", "first", "high"),
    [
        (4, 0.27, 0.9067637710848901281, 0.92334147385799553755, 0.93624036122823928854),
        (4, 0.25, 0.9172881767044976583, 0.964753504224150580, 1.0),
        (4, 0.29, 0.8940182633177470931, 0.8955933845531412010, 0.8969734145171511923),
        (4, 0.22, 0.9308960723655396439, 1.0724904688198187805, 1.1805306995176682458),
        (5, 0.18, 0.7617988681047098091, 0.7664583734035974770, 0.7711718623465334077),
        (5, 0.185, 0.7543115286786283628, 0.7551538112427429330, 0.7559978685573933423),
        (5, 0.15, 0.7979923119254190198, 0.8786713425372251424, 0.9761236845219161954),
    ],
)
def test_two_spinodals_of_higher_orders(p, delta_p, low, first, high):
    table = along(sp.MatrixTensor(p), "delta_2", delta_p=delta_p)
    assert close(values(table, "spinodal", "uninformative"), [low])
    assert close(values(table, "first_order"), [first])
    assert close(values(table, "spinodal", "informative"), [high])
    assert (table["error"] < 1e-12).all()


@pytest.mark.parametrize(
    ("p", "delta_2", "low", "first", "high"),
    [(4, 0.95, 0.17039878203729061401, 0.25622606270059356833, 0.26481996796270938599),
     (4, 0.9, 0.28125, 0.28624984714698020742, 0.288), (5, 0.8, 4 / 27, 0.16809399331479155864, 0.1728)],
)
def test_along_the_noise_of_the_tensor(p, delta_2, low, first, high):
    table = along(sp.MatrixTensor(p), "delta_p", delta_2=delta_2)
    assert close([*values(table, "spinodal", "uninformative"), *values(table, "first_order"),
                  *values(table, "spinodal", "informative")], [low, first, high])


@pytest.mark.parametrize(
    ("delta_p", "expected"),
    [(0.5, 1.174872194715935048), (0.3, 2.3821246576688612234), (0.24, 11.701894666794286056)],
)
def test_crossing_with_no_signal(delta_p, expected):
    assert close(values(along(sp.MatrixTensor(3), "delta_2", delta_p=delta_p), "first_order"), [expected])


@pytest.mark.parametrize(("p", "expected"), [(4, 0.23780550346110454338), (5, 0.13431237233180198307),
                                             (6, 0.09165013886014321343)])
def test_crossing_at_the_onset(p, expected):
    """At delta_2 = 1 the state without signal is marginal, and still the lower of the two that cross."""
    assert close(values(along(sp.MatrixTensor(p), "delta_p", delta_2=1), "first_order"), [expected])


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-8, 1e-10])
def test_just_below_the_cusp(distance):
    """Two spinodals and a crossing between, however near: their order holds, and their errors are true."""
    table = along(sp.MatrixTensor(4), "delta_2", delta_p=8 / 27 * (1 - distance))
    low, first, high = (row for _, row in table[table["kind"].isin(["spinodal", "first_order"])].iterrows())
    assert [low["kind"], first["kind"], high["kind"]] == ["spinodal", "first_order", "spinodal"]
    assert low["value"] < first["value"] < high["value"]
    # they part as the power 3/2 of the distance, with the crossing in the middle to leading order
    width = high["value"] - low["value"]
    assert abs(first["value"] - (low["value"] + high["value"]) / 2) < 0.1 * width + first["error"]
    assert first["error"] < max(1e-12, width)


def test_beyond_the_cusp_there_is_one_state():
    table = along(sp.MatrixTensor(4), "delta_2", delta_p=0.3)
    assert not values(table, "spinodal")
    assert not values(table, "first_order")
    assert close(values(table, "continuous"), [1])


def test_no_transition_is_an_answer():
    table = sp.thresholds(sp.MatrixTensor(3), along="delta_p", between=(1.1, 2), delta_2=1.5)
    assert table.empty
    assert "no transition" in table.attrs["summary"]


# ---- gradient-based algorithms and the landscape --------------------------------------------------------------------

@pytest.mark.parametrize(
    ("p", "temperature", "delta_2", "expected"),
    [(3, 1, 0.5, 0.5), (3, 0, 0.5, 1.0), (4, 1, 0.3, 0.189), (4, 0, 0.8, 9.6), (5, 0.5, 0.5, 0.84375),
     (5, 0.5, 0.3, 0.31583571428571428571), (5, 0.5, 0.7, 1.7942166666666666667), (4, 1, 0.65, 0.443625)],
)
def test_langevin_threshold(p, temperature, delta_2, expected):
    """Delta_p = (p-1)(1 - T delta_2)^(p-2) delta_2^2/(1 - delta_2)."""
    table = along(sp.MatrixTensor(p, temperature=temperature), "delta_p", delta_2=delta_2)
    assert close(values(table, "langevin"), [expected])
    if temperature == 0:
        assert values(table, "langevin") == values(table, "gradient_flow")


@pytest.mark.parametrize(("p", "delta_2"), [(50, 0.3), (8, 0.99), (10, 0.99), (20, 0.9), (50, 0.6), (3, 1e-7)])
def test_langevin_threshold_where_it_is_tiny(p, delta_2):
    table = sp.thresholds(sp.MatrixTensor(p), along="delta_p", between=(1e-40, 10), delta_2=delta_2)
    assert close(values(table, "langevin"), [(p - 1) * (1 - delta_2) ** (p - 3) * delta_2**2])
    assert set(table["status"]) == {"converged"}
    if p == 3:
        assert values(table, "trivialisation", "orthogonal") == pytest.approx([4.3516365998252667712e-14], rel=1e-6)


def test_onset_at_the_tricritical_noise():
    """P = 3 and delta_2 = 1: the overlap is 1 - delta_p, down to 0."""
    table = along(sp.MatrixTensor(3), "delta_p", delta_2=1)
    assert close(values(table, "continuous"), [1])
    assert close(sp.equilibrium(sp.MatrixTensor(3), delta_2=1, delta_p=0.5).order_parameters["m"], 0.5)


@pytest.mark.parametrize(("delta_p", "expected"), [(0.5, 0.5), (1, math.sqrt(0.5)), (2, 1), (3, 1), (INF, 1)])
def test_langevin_of_order_three(delta_p, expected):
    """Delta_p = 2 delta_2^2 up to delta_2 = 1; for less noise in the tensor than that nothing glassy is in the way."""
    assert close(values(along(sp.MatrixTensor(3), "delta_2", delta_p=delta_p), "langevin"), [expected])


def test_reentrant_langevin_line_is_marked():
    """P = 4: the line has its maximum 4/9 at delta_2 = 2/3, beyond which replica symmetry is broken in full."""
    below = along(sp.MatrixTensor(4), "delta_2", delta_p=0.4)
    assert close(values(below, "langevin", ""), [0.53613326289393913])
    assert close(values(along(sp.MatrixTensor(50), "delta_2", delta_p=5.0), "langevin", "formal"), [1])
    near = along(sp.MatrixTensor(4), "delta_2", delta_p=4 / 9 * (1 - 1e-9))  # two roots, one on either side of 2/3
    assert near[near["kind"] == "langevin"]["branch"].tolist() == ["", "formal", "formal"]
    first, last = values(below, "langevin", "formal")
    assert 2 / 3 < first < last == 1
    above = along(sp.MatrixTensor(4), "delta_2", delta_p=0.45)
    assert values(above, "langevin") == [1]


@pytest.mark.parametrize(("p", "end"), [(4, 2 / 3), (5, 5 / 9), (6, 1 / 2), (7, 2 / 5), (8, 1 / 3)])
def test_one_overlap_is_justified_up_to(p, end):
    """X(q) falls with q below delta_2 = p/(3 (p-2)), and is below 1 for delta_2 < 2/(p-2) at T = 1."""
    model = sp.MatrixTensor(p)
    for side, expected in ((0.999, ""), (1.001, "formal")):
        table = along(model, "delta_p", delta_2=end * side)
        assert table[table["kind"] == "langevin"]["branch"].tolist() == [expected]


def test_flow_below_one_temperature_unit_and_above():
    hot = along(sp.MatrixTensor(3, temperature=2), "delta_2", delta_p=5)
    assert max(values(hot, "langevin")) == pytest.approx(0.5, rel=1e-12)  # the paramagnet is stable beyond 1/T
    cold = along(sp.MatrixTensor(3, temperature=0.5), "delta_2", delta_p=5)
    assert values(cold, "gradient_flow")[0] < values(cold, "langevin")[0] < 1


@pytest.mark.parametrize(
    ("p", "delta_p", "expected"),
    [(3, 1, 0.4060494703430784337), (3, 0.5, 0.3060133228131245337), (3, 2, 0.5220357230710403812),
     (4, 1, 0.3199399893998983584), (4, 0.5, 0.2343149999235204313), (5, 1, 0.2705932408540722538),
     (3, 10, 0.7906476470347548153), (3, 1e-4, 0.00479314657701362625)],
)
def test_trivialisation_at_zero_overlap(p, delta_p, expected):
    table = along(sp.MatrixTensor(p), "delta_2", delta_p=delta_p)
    rows = table[(table["kind"] == "trivialisation") & (table["branch"] == "orthogonal")]
    assert close(rows["value"].tolist(), [expected])
    assert abs(rows["value"].iloc[0] - expected) <= rows["error"].iloc[0]


@pytest.mark.parametrize(
    ("delta_p", "expected"),
    [(1, 0.3826330119015957846754), (0.5, 0.26272183901807905), (2, 0.5108555245935572184192)],
)
def test_trivialisation_at_any_overlap(delta_p, expected):
    """At delta_p = 1/2 and 1 the minimum opposite to the signal decides, at 2 the maximum near m = 0."""
    table = along(sp.MatrixTensor(3), "delta_2", delta_p=delta_p)
    assert close(values(table, "trivialisation", "any overlap"), [expected])


@pytest.mark.parametrize(("p", "delta_p"), [(3, 0.4), (3, 3.0), (3, 30.0), (5, 0.05), (5, 1.0), (4, 0.4), (6, 1.0)])
def test_trivialisation_by_brute_force(p, delta_p):
    """The complexity on a grid of overlaps: above 0 somewhere just beyond the line, nowhere before it."""
    model = sp.MatrixTensor(p)
    table = along(model, "delta_2", delta_p=delta_p)
    lines = values(table, "trivialisation")
    assert len(lines) == 1 + p % 2
    line = min(lines)
    m, grid = sympy.Symbol("m", real=True), np.linspace(-0.9995, 0.9995, 4001)
    d2, dp = model.own_controls
    sigma = sympy.lambdify((m, d2, dp), model.landscape.minima(m), modules=[*_modules()])
    assert sigma(grid, line * 0.99, delta_p).max() < 1e-12
    assert sigma(grid, line * 1.02, delta_p).max() > 1e-9


def _modules():
    from spinodal.equations.functions import NUMPY

    return NUMPY, "numpy"


@pytest.mark.parametrize("delta_p", [0.01, 0.3, 1.0, 1.9])
def test_order_of_the_thresholds(delta_p):
    """Trivialisation < gradient flow < Langevin < 1, as long as the Langevin line is below 1."""
    table = along(sp.MatrixTensor(3), "delta_2", delta_p=delta_p)
    order = [values(table, kind)[0] for kind in ("trivialisation", "gradient_flow", "langevin", "continuous")]
    assert order == sorted(order)
    assert len(set(order)) == 4


# ---- formulas and refusals ------------------------------------------------------------------------------------------

def test_closed_forms_are_derived():
    from spinodal.theory.coupling_lines import statements

    d2, dp = sympy.symbols("delta_2 delta_p", real=True)
    said = statements(sp.MatrixTensor(3))
    assert ("spinodal", sympy.Eq(d2, dp / (2 * sympy.sqrt(dp) - 1), evaluate=False)) in said
    assert ("langevin", sympy.Eq(dp, 2 * d2**2, evaluate=False)) in said
    assert ("cusp", sympy.Eq(sympy.Symbol("m", real=True), sympy.Rational(1, 3), evaluate=False)) in statements(
        sp.MatrixTensor(4))


@pytest.mark.parametrize("p", [3, 4, 7, 30])
def test_spinodal_line_by_substitution(p):
    """The couplings that are derived make Phi' and Phi'' vanish, for every overlap."""
    from spinodal.theory.coupling_lines import coexistence_line, spinodal_line

    model = sp.MatrixTensor(p)
    (m,), (d2, dp) = model.order_parameters, model.own_controls
    line = spinodal_line(model.coupling_form, d2, dp)
    there = {d2: 1 / line.first, dp: 1 / line.second}
    assert sympy.simplify(model.free_entropy.diff(m).subs(there)) == 0
    assert sympy.simplify(model.free_entropy.diff(m, 2).subs(there)) == 0
    equal = coexistence_line(model.coupling_form, d2, dp)
    there = {d2: 1 / equal.first, dp: 1 / equal.second}
    for expression in (model.free_entropy, model.free_entropy.diff(m)):
        assert abs(expression.subs(there).subs(m, sympy.Rational(3, 5)).evalf(30)) < 1e-25


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: sp.MatrixTensor(p=2), "is a matrix"),
        (lambda: sp.MatrixTensor(p=2.5), "Schoenberg"),
        (lambda: sp.MatrixTensor(p=1), "from 3 on"),
        (lambda: sp.MatrixTensor(p=INF), "from 3 to 300"),
        (lambda: sp.MatrixTensor(p=math.nan), "from 3 to 300"),
        (lambda: sp.MatrixTensor(p=1000), "from 3 to 300"),
        (lambda: sp.fixed_points(sp.MatrixTensor(), delta_2=1e-300, delta_p=1), "200 digits"),
        (lambda: sp.MatrixTensor(p=(4, 3)), "the lowest first"),
        (lambda: sp.MatrixTensor(p=()), "the lowest first"),
        (lambda: sp.MatrixTensor(p=3, temperature=-1), "temperature"),
        (lambda: sp.fixed_points(sp.MatrixTensor(), delta_2=0, delta_p=1), "without noise"),
        (lambda: sp.fixed_points(sp.MatrixTensor(), delta_2=-1, delta_p=1), "no variance"),
        (lambda: sp.fixed_points(sp.MatrixTensor(), delta_2=1), "delta_p"),
        (lambda: sp.fixed_points(sp.MatrixTensor(), delta_2=1, delta_3=1), "did you mean"),
        (lambda: sp.fixed_points(sp.MatrixTensor(), delta_2=math.nan, delta_p=1), "delta_2"),
        (lambda: sp.thresholds(sp.MatrixTensor(), along="delta_2", between=(0.1, 1), delta_2=1, delta_p=1), "leave one out"),
        (lambda: sp.thresholds(sp.MatrixTensor(), along="alpha", between=(0.1, 1), delta_p=1), "alpha"),
    ],
    ids=range(17),
)
def test_refusals(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("p", ["3", True, None, 1j])
def test_orders_of_the_wrong_kind(p):
    with pytest.raises(TypeError, match="whole number"):
        sp.MatrixTensor(p=p)


def test_symbols_are_controls():
    p, temperature = sympy.symbols("p temperature")
    model = sp.MatrixTensor(p, temperature)
    assert [control.name for control in model.controls] == ["delta_2", "delta_p", "p", "temperature"]
    found = sp.thresholds(model, along="delta_p", between=(0.1, 2), delta_2=0.5, p=3, temperature=1)
    assert close(values(found, "langevin"), [0.5])
