"""The Hopfield model of Amit, Gutfreund and Sompolinsky (AGS), Ann. Phys. 173, 30 (1987): known answers and laws.

References are the textbook's equations, solved here by mpmath or SciPy, and numbers computed independently with mpmath
at 30 digits from the general replica-symmetric equations.
"""

import functools
import math
import pickle

import mpmath as mp
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root

import spinodal as sp
from spinodal.equations.compile import compile_expressions
from spinodal.phase_diagrams.state_slices import seeds_of

PLAIN = sp.Hopfield()
EPS = np.finfo(float).eps


@functools.cache
def states(model, alpha, temperature):
    return sp.fixed_points(model, alpha=alpha, temperature=temperature)


def of_kind(model, alpha, temperature, name):
    return [p for p in states(model, alpha, temperature) if p.state == name]


def the(model, alpha, temperature, name, stable=True):
    (point,) = [p for p in of_kind(model, alpha, temperature, name) if p.stable == stable]
    return point


def seeds(model, along, others, window, kind):
    """Values of the control at seeds of a kind, by state."""
    found = seeds_of(model, along, others, window)
    return {(s.state, s.other): math.exp(s.controls[0]) for s in found if s.kind == kind}


# ---- AGS, written here --------------------------------------------------------------------------------------------

Z = np.linspace(-12, 12, 48001)
PHI = np.exp(-Z * Z / 2) / math.sqrt(2 * math.pi) * (24 / 48000)


def log_2_cosh(x):
    return np.logaddexp(x, -x)


def ags(alpha, temperature, guess):
    """m, q, r and free energy, energy, entropy from the equations as they stand in the textbook."""
    beta = 1 / temperature

    def equations(x):
        m, q, r = x
        t = np.tanh(beta * (m + math.sqrt(alpha * r) * Z))
        return [PHI @ t - m, PHI @ t**2 - q, q / (1 - beta * (1 - q)) ** 2 - r]

    solution = root(equations, guess, tol=1e-14)
    m, q, r = solution.x
    assert np.abs(solution.fun).max() < 1e-12
    c, field = beta * (1 - q), m + math.sqrt(alpha * r) * Z
    spin = PHI @ log_2_cosh(beta * field)
    free = alpha / 2 + m * m / 2 + alpha / (2 * beta) * (math.log1p(-c) - beta * q / (1 - c)) + (
        alpha * beta * r * (1 - q) / 2) - spin / beta
    entropy = -alpha / 2 * (math.log1p(-c) + c / (1 - c)) + PHI @ (
        log_2_cosh(beta * field) - beta * field * np.tanh(beta * field))
    return {"m": m, "q": q, "r": r}, {"free_energy": free, "entropy": entropy, "energy": free + temperature * entropy}


AGS_POINTS = [
    (0.05, 0.2, "retrieval", (1, 1, 1)), (0.1, 0.2, "retrieval", (0.99, 0.98, 1.2)),
    (0.02, 0.6, "retrieval", (0.9, 0.8, 2)),
    (0.05, 0.2, "spin glass", (0, 0.84, 20)), (0.1, 0.2, "spin glass", (0, 0.85, 12)),
    (1.0, 0.7, "spin glass", (0, 0.7, 2.4)), (0.3, 1.3, "spin glass", (0, 0.2, 1)),
    (5.0, 2.0, "spin glass", (0, 0.5, 1)),
]


@pytest.mark.parametrize(("alpha", "temperature", "name", "guess"), AGS_POINTS, ids=lambda x: str(x))
def test_against_the_textbook_equations(alpha, temperature, name, guess):
    order_parameters, energies = ags(alpha, temperature, guess)
    found = the(PLAIN, alpha, temperature, name)
    assert found.order_parameters == pytest.approx(order_parameters, rel=1e-11, abs=1e-12)
    for quantity, truth in energies.items():
        assert found.observables[quantity] == pytest.approx(truth, rel=1e-12, abs=1e-13), quantity
    assert found.free_entropy == pytest.approx(-energies["free_energy"] / temperature, rel=1e-12)
    assert found.observables["overlap"] == pytest.approx(order_parameters["m"], abs=1e-12)
    assert found.observables["self_overlap"] == pytest.approx(order_parameters["q"], rel=1e-12)


@pytest.mark.parametrize(("alpha", "temperature", "name", "guess"), AGS_POINTS, ids=lambda x: str(x))
def test_the_replicon_of_the_textbook(alpha, temperature, name, guess):
    """Eq. 5.7: (T/(1 - C))^-2 alpha E cosh^-4 < 1."""
    order_parameters, _ = ags(alpha, temperature, guess)
    m, q, r = order_parameters.values()
    beta = 1 / temperature
    quartic = PHI @ np.cosh(beta * (m + math.sqrt(alpha * r) * Z)) ** -4.0
    truth = 1 - alpha * beta**2 * quartic / (1 - beta * (1 - q)) ** 2
    assert the(PLAIN, alpha, temperature, name).observables["replicon"] == pytest.approx(truth, rel=1e-10, abs=1e-11)


# computed independently with mpmath to 18 digits: m, q, r, f, e, S, replicon
REFERENCE = {
    (0.05, 0.2, "retrieval"): (0.998877763093763317, 0.997830410963159656, 1.01983666314863711, -0.500111164982434001,
                               -0.499429143948628364, 0.00341010516902818548, 0.999744532212549073),
    (0.05, 0.2, "spin glass"): (0, 0.841434762443768194, 19.6042726985624491, -0.498895745892463937,
                                -0.484241141906179525, 0.0732730199314220581, -2.10903285737152088),
    (0.1, 0.2, "retrieval"): (0.989085155044085962, 0.98441706028152644, 1.15780903224147375, -0.501040655519167345,
                              -0.497880157207201199, 0.0158024915598307308, 0.980448611085823085),
    (0.1, 0.2, "spin glass"): (0, 0.854162643365792821, 11.646645639784627, -0.569255949733040577,
                               -0.559258101626445144, 0.0499892405329771665, -2.3418797508733175),
    (0.2, 0.5, "spin glass"): (0, 0.665036466267822536, 6.1041561740216671, -0.699990340602778244,
                               -0.611897290303656216, 0.176186100598244056, -0.712361549942434124),
    (1.0, 0.7, "spin glass"): (0, 0.667038045369944408, 2.42618837972953343, -1.12580509659759772,
                               -1.03059992419010072, 0.136007389153567148, -0.719803074360390877),
    (0.05, 0.0, "retrieval"): (0.999992228149046236, 1, 1.00032512814776138, -0.500000356382941105,
                               -0.500000356382941105, -3.30248998511673184e-10, -math.inf),
    (0.05, 0.0, "spin glass"): (0, 1, 20.8688919119627113, -0.496722297799067783, -0.496722297799067783,
                                -0.051227960496381645, -math.inf),
    (0.1, 0.0, "retrieval"): (0.997999266347299156, 1, 1.0430588306492039, -0.500154209347333876,
                              -0.500154209347333876, -0.000011186344458131863, -math.inf),
    (0.1, 0.0, "spin glass"): (0, 1, 12.4124627677161335, -0.570623138385806676, -0.570623138385806676,
                               -0.0631891003563323889, -math.inf),
    (0.01, 0.0, "retrieval"): (1, 1, 1, -0.5, -0.5, -5.9206848026112314557e-45, -math.inf),
}


@pytest.mark.parametrize("where", REFERENCE, ids=str)
def test_against_an_independent_solution(where):
    found = the(PLAIN, *where)
    m, q, r, free, energy, entropy, replicon = REFERENCE[where]
    truth = {"m": m, "q": q, "r": r}
    # r is a pole in 1 - C: its digits are those of C over 1 - C
    assert found.order_parameters == pytest.approx(truth, rel=2e-13, abs=1e-15)
    assert found.observables["free_energy"] == pytest.approx(free, abs=1e-14)
    assert found.observables["energy"] == pytest.approx(energy, abs=1e-14)
    # at zero temperature to relative accuracy, be it 1e-45
    assert found.observables["entropy"] == pytest.approx(entropy, rel=1e-12, abs=0 if where[1] == 0 else 1e-14)
    assert found.observables["replicon"] == pytest.approx(replicon, rel=1e-12)
    assert abs(found.observables["free_energy"] - free) <= 3 * found.error
    assert abs(found.observables["overlap"] - m) <= 3 * found.error
    assert abs(found.observables["self_overlap"] - q) <= 3 * found.error


# ---- zero temperature ---------------------------------------------------------------------------------------------
# With sigma = sqrt(alpha r) and y = m/(sqrt(2) sigma): m = erf y, C = sqrt(2/pi) exp(-y^2)/sigma,
# sigma (1 - C) = sqrt(alpha)


def root_alpha(y):
    return mp.erf(y) / (mp.sqrt(2) * y) - mp.sqrt(2 / mp.pi) * mp.exp(-y * y)


def cold_energy(alpha, m, c):
    return alpha / 2 * (1 - 1 / (1 - c) ** 2) - m * m / 2


def test_capacity_at_zero_temperature():
    y = mp.findroot(lambda y: mp.diff(root_alpha, y), 1.5)
    capacity, overlap = root_alpha(y) ** 2, mp.erf(y)
    assert capacity == pytest.approx(0.13790556649493174, rel=1e-15)
    assert overlap == pytest.approx(0.9674171156852916, rel=1e-14)
    (seed,) = [s for s in seeds_of(PLAIN, "alpha", {"temperature": 0}, (1e-6, 2.0)) if s.kind == "spinodal"]
    assert (seed.state, seed.branch, seed.other) == ("retrieval", "informative", "")
    assert math.exp(seed.controls[0]) == pytest.approx(float(capacity), rel=1e-13)
    assert math.exp(seed.x[0]) == pytest.approx(float(overlap), rel=1e-7)  # flat along the fold


def test_where_retrieval_is_the_ground_state():
    def gap(y):
        alpha = root_alpha(y) ** 2
        sigma = mp.sqrt(alpha) + mp.sqrt(2 / mp.pi)  # of the glass, where m = 0
        glass = cold_energy(alpha, 0, mp.sqrt(2 / mp.pi) / sigma)
        return cold_energy(alpha, mp.erf(y), 1 - mp.sqrt(alpha) / (mp.erf(y) / (mp.sqrt(2) * y))) - glass

    y = mp.findroot(gap, 3.1)
    value = root_alpha(y) ** 2
    assert value == pytest.approx(0.051854330918916996, rel=1e-13)
    found = seeds(PLAIN, "alpha", {"temperature": 0}, (1e-3, 1.0), "first_order")
    assert found == pytest.approx({("retrieval", "spin glass"): float(value)}, rel=1e-12)
    below, above = (sp.equilibrium(PLAIN, alpha=float(value) * x, temperature=0).state for x in (0.999, 1.001))
    assert (below, above) == ("retrieval", "spin glass")


@pytest.mark.parametrize("alpha", [1e-5, 1e-3, 0.03, 0.4, 2.0, 100.0, 1e4])
def test_spin_glass_at_zero_temperature(alpha):
    """sigma = sqrt(alpha) + sqrt(2/pi), in closed form."""
    found = the(PLAIN, alpha, 0.0, "spin glass")
    sigma = math.sqrt(alpha) + math.sqrt(2 / math.pi)
    c = math.sqrt(2 / math.pi) / sigma
    assert found.order_parameters["r"] == pytest.approx(sigma**2 / alpha, rel=1e-12)
    assert found.observables["energy"] == pytest.approx(cold_energy(alpha, 0, c), rel=1e-13)
    assert found.observables["entropy"] == pytest.approx(-alpha / 2 * (c / (1 - c) + math.log1p(-c)), rel=1e-12)
    assert found.free_entropy == math.inf


@pytest.mark.parametrize("alpha", [0.12, 0.05, 0.02, 0.01, 0.005, 0.002])
def test_retrieval_at_zero_temperature(alpha):
    """Down to errors of 1e-111 per spin."""
    found = the(PLAIN, alpha, 0.0, "retrieval")
    y = mp.findroot(lambda y: root_alpha(y) - mp.sqrt(alpha), 1 / math.sqrt(2 * alpha))
    sigma = mp.erf(y) / (mp.sqrt(2) * y)
    c = mp.sqrt(2 / mp.pi) * mp.exp(-y * y) / sigma
    with mp.workdps(250):
        entropy = -mp.mpf(alpha) / 2 * (c / (1 - c) + mp.log(1 - c))
    assert found.observables["overlap"] == pytest.approx(float(mp.erf(y)), rel=1e-14)
    assert found.order_parameters["r"] == pytest.approx(float(sigma**2 / alpha), rel=1e-13)
    assert found.observables["energy"] == pytest.approx(float(cold_energy(alpha, mp.erf(y), c)), rel=1e-14)
    assert abs(found.observables["entropy"] / entropy - 1) < 2e-12 / alpha
    # of leading order -alpha C^2/4
    assert abs(found.observables["entropy"] / (-alpha * c * c / 4) - 1) < 2 * c + 2e-12 / alpha


# ---- lines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.1, 3.0])
def test_glass_temperature(alpha):
    """T_g = 1 + sqrt(alpha), where the paramagnet's replicon vanishes and the glass begins."""
    critical, cold = 1 + math.sqrt(alpha), 1 + 0.9 * math.sqrt(alpha)
    at = next(p for p in states(PLAIN, alpha, critical) if p.state == "paramagnet")
    assert abs(at.observables["replicon"]) < 1e-14
    above, below = states(PLAIN, alpha, 1.01 * critical), states(PLAIN, alpha, cold)
    assert [(p.state, p.stable) for p in above] == [("paramagnet", True)]
    assert above[0].observables["replicon"] > 0
    assert {p.state for p in below if p.stable} == {"spin glass"}
    paramagnet = the(PLAIN, alpha, cold, "paramagnet", stable=False)
    assert paramagnet.observables["replicon"] < 0
    # unstable, its free entropy is above that of the glass; what is stable is the equilibrium
    assert below[0] == paramagnet
    assert sp.equilibrium(PLAIN, alpha=alpha, temperature=cold).state == "spin glass"


@pytest.mark.parametrize("alpha", [0.05, 4.0])
def test_glass_begins_linearly(alpha):
    """q ~ T_g - T, and the glass is marginal to second order: its replicon ~ -q^2."""
    critical = 1 + math.sqrt(alpha)
    near, nearer = (the(PLAIN, alpha, critical * (1 - d), "spin glass") for d in (2e-3, 1e-3))
    assert near.order_parameters["q"] / nearer.order_parameters["q"] == pytest.approx(2, rel=0.01)
    assert near.observables["replicon"] / nearer.observables["replicon"] == pytest.approx(4, rel=0.03)
    assert near.observables["replicon"] < 0


# T_M, overlap there: computed independently with mpmath
SPINODALS = {
    0.05: (0.54225503791808526584, 0.820288115010231643), 0.1: (0.3154322236817979878, 0.924803163511610954),
}


@pytest.mark.parametrize("alpha", SPINODALS)
def test_limit_of_retrieval(alpha):
    truth, overlap = SPINODALS[alpha]
    found = seeds(PLAIN, "temperature", {"alpha": alpha}, (1e-2, 2.0), "spinodal")
    assert found == pytest.approx({("retrieval", ""): truth}, rel=1e-12)
    back = [s for s in seeds_of(PLAIN, "alpha", {"temperature": truth}, (1e-3, 1.0)) if s.kind == "spinodal"]
    assert [math.exp(s.controls[0]) for s in back] == pytest.approx([alpha], rel=1e-12)
    assert math.exp(back[0].x[0]) == pytest.approx(overlap, rel=1e-6)


def test_capacity_is_largest_at_a_temperature():
    """Reentrance: alpha_c(T) has its maximum 0.1381885 at T = 0.02287 (Naef and Canning, J. Phys. I 2, 247 (1992))."""
    capacity = {T: seeds(PLAIN, "alpha", {"temperature": T}, (0.1, 0.2), "spinodal")["retrieval", ""]
                for T in (0.0, 0.01, 0.0228735472702292, 0.03, 0.06)}
    assert capacity == pytest.approx(
        {0.0: 0.1379055664949317, 0.01: 0.1380989909801709, 0.0228735472702292: 0.138188511164658252,
         0.03: 0.1381611643253859, 0.06: 0.1374513233721553}, rel=1e-12)


@pytest.mark.parametrize(("alpha", "truth"), [(0.02, 0.59130027879048771609), (0.04, 0.36523145918096148721)])
def test_first_order_line(alpha, truth):
    found = seeds(PLAIN, "temperature", {"alpha": alpha}, (1e-2, 2.0), "first_order")
    assert found == pytest.approx({("retrieval", "spin glass"): truth}, rel=1e-11)


@pytest.mark.parametrize(("alpha", "truth"), [
    (0.01, 1.025946483560855913e-23), (0.05, 5.4192428067477876411e-6), (0.1, 0.0014502472913551235749),
    (0.13, 0.0094729772387971551732)])
def test_replica_symmetry_breaks_in_the_retrieval_state(alpha, truth):
    """The replicon vanishes at T_R; for small alpha T_R = sqrt(8 alpha/9 pi) exp(-1/2 alpha) (AGS, eq. 5.10)."""
    found = seeds(PLAIN, "temperature", {"alpha": alpha}, (1e-25, 2.0), "replicon")
    assert found == pytest.approx({("retrieval", ""): truth}, rel=1e-12)
    point = the(PLAIN, alpha, truth, "retrieval")
    assert abs(point.observables["replicon"]) < 1e-11
    if alpha == 0.01:
        assert truth == pytest.approx(math.sqrt(8 * alpha / (9 * math.pi)) * math.exp(-1 / (2 * alpha)), rel=1e-12)
    above, below = (the(PLAIN, alpha, x * truth, "retrieval").observables["replicon"] for x in (2.0, 0.5))
    assert below < 0 < above


def test_no_pattern_is_retrieved_without_thermal_stability():
    # slightly hotter than T_M there is none, slightly colder there are two
    critical, _ = SPINODALS[0.1]
    assert not of_kind(PLAIN, 0.1, critical * 1.01, "retrieval")
    assert [p.stable for p in of_kind(PLAIN, 0.1, critical * 0.97, "retrieval")] == [True, False]


# ---- no patterns per spin -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1e-3, 0.1, 0.5, 0.9, 0.99])
def test_few_patterns(temperature):
    """alpha = 0: m = tanh(m/T), the Curie-Weiss magnet."""
    found = the(PLAIN, 0.0, temperature, "retrieval")
    bracket = math.sqrt(3 * (1 - temperature)), 1 - 1e-12
    m = mp.findroot(lambda m: m - mp.tanh(m / temperature), bracket, solver="anderson")
    x = m / temperature
    assert found.observables["overlap"] == pytest.approx(float(m), rel=1e-12)
    free = m**2 / 2 - temperature * mp.log(2 * mp.cosh(x))
    assert found.observables["free_energy"] == pytest.approx(float(free), rel=1e-13)
    assert found.observables["energy"] == pytest.approx(float(-m * m / 2), rel=1e-12)
    with mp.workdps(2500):
        entropy = mp.log(2 * mp.cosh(x)) - x * mp.tanh(x)
    assert abs(found.observables["entropy"] - entropy) < 1e-12 * x * entropy + mp.mpf("1e-300")
    assert found.observables["replicon"] == 1
    paramagnet = the(PLAIN, 0.0, temperature, "paramagnet", stable=False)
    assert paramagnet.observables["free_energy"] == pytest.approx(-temperature * math.log(2), rel=1e-14)


def test_no_patterns_no_temperature():
    (found,) = states(PLAIN, 0.0, 0.0)
    assert found.observables == {"overlap": 1, "self_overlap": 1, "free_energy": -0.5, "energy": -0.5, "entropy": 0,
                                 "replicon": 1}
    (hot,) = states(PLAIN, 0.0, 1.5)
    assert (hot.state, hot.stable, hot.free_entropy) == ("paramagnet", True, math.log(2))


@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_alpha_to_zero(temperature):
    """The retrieval state of alpha = 0 is left linearly in alpha, with the slope of its free energy."""
    origin = the(PLAIN, 0.0, temperature, "retrieval")
    for alpha in (1e-4, 1e-9 if temperature == 0 else 1e-6):
        near = the(PLAIN, alpha, temperature, "retrieval")
        q = origin.order_parameters["q"]
        c = (1 - q) / temperature if temperature else 0.0
        # df/dalpha = 1/2 + (T/2) ln(1 - C) - q/(2 (1 - C))
        slope = 0.5 + temperature / 2 * math.log1p(-c) - q / (2 * (1 - c))
        assert near.observables["overlap"] == pytest.approx(origin.observables["overlap"], abs=20 * alpha)
        assert near.observables["free_energy"] - origin.observables["free_energy"] == pytest.approx(
            slope * alpha, abs=20 * alpha**2 + 2e-15)


# ---- symmetric mixtures -------------------------------------------------------------------------------------------


def mixture(n, temperature):
    """m of n patterns at alpha = 0, and the eigenvalue of the shape of the mixture."""
    terms = [(mp.binomial(n, j) / mp.mpf(2) ** n, n - 2 * j) for j in range(n + 1)]
    m = mp.findroot(lambda m: m - mp.fsum(w * s * mp.tanh(m * s / temperature) for w, s in terms) / n, 0.45)
    own = mp.fsum(w * mp.sech(m * s / temperature) ** 2 for w, s in terms)
    cross = mp.fsum(w * mp.mpf(s * s - n) / (n * (n - 1)) * mp.sech(m * s / temperature) ** 2 for w, s in terms)
    return m, (own - cross) / temperature


@pytest.mark.parametrize(("n", "literature"), [(3, 0.4598), (5, 0.3847)])
def test_mixtures_of_few_patterns(n, literature):
    """Amit, Gutfreund, Sompolinsky, Phys. Rev. A 32, 1007 (1985): three patterns mix stably below T = 0.46."""
    truth = mp.findroot(lambda T: mixture(n, T)[1] - 1, literature)
    assert truth == pytest.approx(literature, abs=1e-4)
    model = sp.Hopfield(mixture=n)
    found = seeds(model, "temperature", {"alpha": 0}, (0.05, 2.0), "continuous")
    assert found[(f"mixture of {n}", "")] == pytest.approx(float(truth), rel=1e-12)
    for temperature in (0.2, 0.3, 0.7):
        point = next(p for p in states(model, 0.0, temperature) if p.state == f"mixture of {n}")
        m, eigenvalue = mixture(n, temperature)
        assert point.order_parameters["m"] == pytest.approx(float(m), rel=1e-12)
        assert point.observables["overlap"] == pytest.approx(float(m), rel=1e-12)
        assert point.stable == (eigenvalue < 1)
        assert any(value == pytest.approx(float(eigenvalue), rel=1e-11) for value in point.eigenvalues)
        assert point.observables["energy"] == pytest.approx(float(-n * m * m / 2), rel=1e-12)


def test_three_patterns_independently():
    """Computed independently with mpmath."""
    model = sp.Hopfield(mixture=3)
    few = the(model, 0.0, 0.3, "mixture of 3")
    assert few.order_parameters["m"] == pytest.approx(0.48043850370671192783, rel=1e-14)
    assert few.observables["free_energy"] == pytest.approx(-0.3833948315635500535, rel=1e-14)
    assert few.observables["entropy"] == pytest.approx(0.123876992658778924, rel=1e-13)
    point = the(model, 0.01, 0.2, "mixture of 3")
    assert point.order_parameters == pytest.approx(
        {"m": 0.492665656149270546, "q": 0.95830770325383831, "r": 1.52954012409193317}, rel=1e-13)
    assert point.observables["free_energy"] == pytest.approx(-0.376876642244598815, rel=1e-14)
    assert point.observables["energy"] == pytest.approx(-0.366990236144443989, rel=1e-14)
    assert point.observables["replicon"] == pytest.approx(0.997167304599538958, rel=1e-13)
    cold = the(model, 0.02, 0.0, "mixture of 3")
    assert cold.observables["free_energy"] == pytest.approx(-0.375011529765420732, rel=1e-14)
    assert cold.observables["entropy"] == pytest.approx(-4.18126962959155682e-7, rel=1e-11)
    colder = the(model, 0.01, 0.0, "mixture of 3")
    assert colder.observables["entropy"] == pytest.approx(-1.24470057869411875e-12, rel=1e-10)
    assert seeds(model, "alpha", {"temperature": 0}, (1e-3, 1.0), "spinodal") == pytest.approx(
        {("mixture of 3", ""): 0.029941757375778783974}, rel=1e-12)


def test_mixtures_are_never_the_equilibrium():
    for temperature in (0.1, 0.2):
        mixed = the(sp.Hopfield(mixture=3), 0.01, temperature, "mixture of 3")
        pure = the(PLAIN, 0.01, temperature, "retrieval")
        assert mixed.free_entropy < pure.free_entropy


# ---- exact limits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 20.0])
@pytest.mark.parametrize("temperature", [1.02, 2.0, 1e3])
def test_paramagnet(alpha, temperature):
    """ln Z/N = ln 2 - (alpha/2) (ln(1 - beta) + beta), whose series is sum_k tr J^k beta^k/2k without the diagonal."""
    found = next(p for p in states(PLAIN, alpha, temperature) if p.state == "paramagnet")
    beta = 1 / temperature
    assert found.free_entropy == pytest.approx(math.log(2) - alpha / 2 * (math.log1p(-beta) + beta), rel=1e-13)
    assert found.observables["energy"] == pytest.approx(-alpha * beta / (2 * (1 - beta)), rel=1e-12)
    assert found.observables["entropy"] == pytest.approx(
        math.log(2) - alpha / 2 * (math.log1p(-beta) + beta / (1 - beta)), abs=1e-13 * (1 + alpha / (1 - beta)))
    assert found.observables["replicon"] == pytest.approx(1 - alpha / (temperature - 1) ** 2, rel=1e-10)
    assert found.stable == (temperature > 1 + math.sqrt(alpha))
    assert found.order_parameters == {"m": 0, "q": 0, "r": 0}


def test_high_temperature_expansion_of_a_real_network():
    """ln Z/N = ln 2 + beta^2 tr J^2/4N + beta^3 tr J^3/6N + ..., with couplings drawn at random and no diagonal."""
    alpha, size, rng = 1.0, 700, np.random.default_rng(7)
    patterns = rng.choice([-1.0, 1.0], (int(alpha * size), size))
    couplings = patterns.T @ patterns / size
    np.fill_diagonal(couplings, 0)
    square = couplings @ couplings
    traces = [np.trace(square) / size, (square * couplings).sum() / size]
    temperature = 1000.0
    expansion = math.log(2) + traces[0] / (4 * temperature**2) + traces[1] / (6 * temperature**3)
    found = sp.equilibrium(PLAIN, alpha=alpha, temperature=temperature)
    # the traces fluctuate by 1/size; the next term is alpha beta^4/8
    assert found.free_entropy - math.log(2) == pytest.approx(expansion - math.log(2), rel=1 / temperature**2 + 5 / size)


def test_many_patterns_are_the_sherrington_kirkpatrick_model():
    """J/sqrt(alpha) is Gaussian for alpha to infinity: at T = sqrt(alpha) t, q = E tanh^2(sqrt(q) z/t).

    Corrections are of order 1/sqrt(alpha).
    """
    reduced = 0.5
    q = root(lambda q: PHI @ np.tanh(np.sqrt(np.abs(q)) * Z / reduced) ** 2 - q, 0.6, tol=1e-13).x[0]
    gaps = []
    for alpha in (1e4, 1e6):
        found = the(PLAIN, alpha, reduced * math.sqrt(alpha), "spin glass")
        gaps.append(found.order_parameters["q"] - q)
    assert abs(gaps[-1]) < 1e-3
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.03)
    cold = the(PLAIN, 1e8, 0.0, "spin glass")
    assert cold.observables["energy"] / 1e4 == pytest.approx(-math.sqrt(2 / math.pi), rel=2e-4)
    assert cold.observables["entropy"] == pytest.approx(-1 / (2 * math.pi), rel=2e-4)


@pytest.mark.parametrize(("alpha", "name"), [(0.05, "retrieval"), (0.05, "spin glass"), (0.1, "retrieval")])
def test_zero_temperature_is_joined(alpha, name):
    """f(T) - f(0) = -S(0) T - a T^2: the entropy at zero, negative, is the slope."""
    cold = the(PLAIN, alpha, 0.0, name)
    gaps = []
    for temperature in (2e-4, 1e-4):
        near = the(PLAIN, alpha, temperature, name)
        assert near.order_parameters["m"] == pytest.approx(cold.order_parameters["m"], abs=1e-3)
        assert near.order_parameters["r"] == pytest.approx(cold.order_parameters["r"], rel=1e-3)
        start = cold.observables["free_energy"] - temperature * cold.observables["entropy"]
        gaps.append(near.observables["free_energy"] - start)
    assert abs(gaps[0]) < 1e-6
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.02)
    tiny = the(PLAIN, alpha, 1e-10, name)
    for quantity in ("overlap", "self_overlap", "free_energy", "energy", "entropy"):
        assert tiny.observables[quantity] == pytest.approx(cold.observables[quantity], abs=1e-9)
    # T times the replicon has a limit: -(4/3) alpha N(0)/(1 - C)^2, which is -E dirac(h) up to factors
    temperature = 1e-10
    reference = {(0.05, "retrieval"): -5.41924284240464711e-6, (0.05, "spin glass"): -0.543354789321905636,
                 (0.1, "retrieval"): -0.00145042092892045572}[alpha, name]
    assert temperature * (tiny.observables["replicon"] - 1) == pytest.approx(reference, rel=1e-6)


# ---- laws of all points -------------------------------------------------------------------------------------------


@given(st.floats(-4, 0.5), st.floats(-3, 0.3))
@settings(deadline=None, max_examples=3, derandomize=True)
def test_every_state_solves_the_equations(log_alpha, log_temperature):
    """The gradient of the free entropy vanishes, its value is the free entropy, and the status says so."""
    alpha, temperature = 10.0**log_alpha, 10.0**log_temperature
    phi, gradient = PLAIN.free_entropy, [PLAIN.free_entropy.diff(x) for x in PLAIN.order_parameters]
    found = states(PLAIN, alpha, temperature)
    assert found
    function, numbers = compile_expressions([phi, *gradient])
    for point in found:
        assert point.status.good or abs(temperature - 1 - math.sqrt(alpha)) < 1e-3
        assert point.residual < 1e-10
        if point.state == "paramagnet":
            continue
        at = {sympy.Symbol(name, real=True): value for name, value in (
            *point.order_parameters.items(), ("alpha", alpha), ("temperature", temperature))} | numbers
        value, *slopes = function({p: np.array([at[p]]) for p in function.parameters}, scales=[1.0] * 4).values[:, 0]
        scale = max(1, alpha) / temperature
        assert value == pytest.approx(point.free_entropy, rel=1e-13 * scale + 1e-13)
        # r and q are conjugate: their gradients scale as q and r
        for slope, x in zip(slopes, PLAIN.order_parameters, strict=True):
            reach = max(point.order_parameters[x.name], 1e-3)
            noise = alpha * point.order_parameters["r"] / temperature
            assert abs(slope) * reach < 1e-10 * scale * (1 + noise), (x, point)


def test_the_best_comes_first_and_equilibrium_is_stable():
    for alpha, temperature in ((0.05, 0.2), (0.1, 0.0), (0.1, 1.1), (0.0, 0.5)):
        found = states(PLAIN, alpha, temperature)
        assert [p.observables["free_energy"] for p in found] == sorted(p.observables["free_energy"] for p in found)
        assert sp.equilibrium(PLAIN, alpha=alpha, temperature=temperature) == next(p for p in found if p.stable)
        for p in found:
            assert p.stable == all(x < 1 for x in p.eigenvalues)
            assert tuple(sorted(p.eigenvalues, reverse=True)) == p.eigenvalues
            assert p.status is sp.Status.CONVERGED
            assert p.controls == {"alpha": alpha, "temperature": temperature}


def test_arrays_of_controls():
    alphas, temperatures = np.array([0.0, 0.05, 0.1])[:, None], np.array([0.0, 0.2, 2.0])
    together = sp.fixed_points(PLAIN, alpha=alphas, temperature=temperatures)
    assert len(together) == 9
    grid = [(a, T) for a in (0.0, 0.05, 0.1) for T in (0.0, 0.2, 2.0)]
    for (alpha, temperature), found in zip(grid, together, strict=True):
        assert found == states(PLAIN, alpha, temperature)
    best = sp.equilibrium(PLAIN, alpha=alphas, temperature=temperatures)
    assert [p.state for p in best] == ["retrieval", "retrieval", "paramagnet", "retrieval", "retrieval", "paramagnet",
                                       "spin glass", "spin glass", "paramagnet"]
    (single,) = sp.fixed_points(PLAIN, alpha=[0.05], temperature=0.2)
    assert single == states(PLAIN, 0.05, 0.2)
    assert sp.fixed_points(PLAIN, alpha=[], temperature=0.2) == ()


def test_points_and_models_travel():
    for model in (PLAIN, sp.Hopfield(dreaming=math.inf), sp.Hopfield(examples=3, quality=0.5),
                  sp.GaussianBernoulliRBM()):
        assert pickle.loads(pickle.dumps(model)) == model
        assert hash(pickle.loads(pickle.dumps(model))) == hash(model)
    for point in states(PLAIN, 0.05, 0.2):
        assert pickle.loads(pickle.dumps(point)) == point


def test_kinds_of_numbers_agree():
    truth = states(PLAIN, 0.05, 0.25)
    for alpha, temperature in ((np.float64(0.05), sympy.Rational(1, 4)), (sympy.Rational(1, 20), np.float32(0.25))):
        found = sp.fixed_points(PLAIN, alpha=alpha, temperature=temperature)
        assert [p.order_parameters for p in found] == [p.order_parameters for p in truth]
    assert sp.fixed_points(PLAIN, alpha=0.1, temperature=-0.0) == sp.fixed_points(PLAIN, alpha=0.1, temperature=0)


def test_the_saddle_point_is_the_textbooks():
    alpha, temperature = PLAIN.own_controls
    m, q, r = PLAIN.order_parameters
    (first, second, third) = PLAIN.saddle_point()
    assert {first.lhs, second.lhs, third.lhs} == {m, q, r}
    equation = {e.lhs: e.rhs for e in (first, second, third)}
    assert sympy.simplify(equation[r] - q / (1 - (1 - q) / temperature) ** 2) == 0
    numbers = {m: 0.7, q: 0.6, r: 1.5, alpha: 0.1, temperature: 0.4}
    for x, power in ((m, 1), (q, 2)):
        function, constants = compile_expressions([equation[x]])
        value = function({p: np.array([(numbers | constants)[p]]) for p in function.parameters}).values[0, 0]
        truth = PHI @ np.tanh((0.7 + math.sqrt(0.15) * Z) / 0.4) ** power
        assert value == pytest.approx(truth, rel=1e-12)
    assert r"\tanh" in PLAIN._repr_latex_()


# ---- found by trying to break it ----------------------------------------------------------------------------------

CAPACITY = 0.13790556649493171
# xfail marks limits that are known


@pytest.mark.parametrize("below", [1e-3, 1e-5, 1e-8])
def test_states_next_to_a_fold(below):
    found = sp.fixed_points(PLAIN, alpha=CAPACITY * (1 - below), temperature=0)
    assert [p.stable for p in found if p.state == "retrieval"] == [True, False]


def test_both_ends_of_an_island():
    """At alpha = 0.138 retrieval exists from T = 0.0041989 to 0.0416059, and its replicon vanishes at 0.022."""
    found = seeds_of(PLAIN, "temperature", {"alpha": 0.138}, (1e-5, 2.0))
    folds = sorted(math.exp(s.controls[0]) for s in found if s.kind == "spinodal")
    assert folds == pytest.approx([0.0041989385894819224713, 0.041605907748472319054], rel=1e-11)
    (replicon,) = [math.exp(s.controls[0]) for s in found if s.kind == "replicon"]
    assert abs(the(PLAIN, 0.138, replicon, "retrieval").observables["replicon"]) < 1e-10


def test_a_small_island():
    found = seeds_of(PLAIN, "temperature", {"alpha": 0.13815}, (1e-4, 2.0))
    assert len([s for s in found if s.kind == "spinodal"]) == 2


@pytest.mark.parametrize("temperature", [1e-12, 1e-14, 1e-23])
def test_spin_glass_at_hardly_any_temperature(temperature):
    assert "spin glass" in {p.state for p in sp.fixed_points(PLAIN, alpha=0.1, temperature=temperature)}


@pytest.mark.parametrize(("alpha", "temperature"), [(100.0, 11.0), (0.1, 1.3162277)])
def test_at_most_one_spin_glass(alpha, temperature):
    found = [p for p in sp.fixed_points(PLAIN, alpha=alpha, temperature=temperature) if p.state == "spin glass"]
    assert len(found) <= 1


def test_errors_are_honest_with_very_many_patterns():
    """At T = 0, f = -sqrt(2 alpha/pi) - 1/pi."""
    for alpha in (1e6, 1e8):
        found = the(PLAIN, alpha, 0.0, "spin glass")
        assert abs(found.observables["free_energy"] + math.sqrt(2 * alpha / math.pi) + 1 / math.pi) <= 10 * found.error


@pytest.mark.xfail(strict=True, reason="KeyError, ValueError and RuntimeWarning of numbers that underflow")
@pytest.mark.parametrize(("parameters", "alpha", "temperature"), [
    ({}, 0.1, 5e-324), ({}, 1e-300, 0.0), ({"dataset_entropy": 1e-300}, 0.0, 0.2)], ids=str)
def test_numbers_next_to_zero(parameters, alpha, temperature):
    assert sp.fixed_points(sp.Hopfield(**parameters), alpha=alpha, temperature=temperature)
