"""All fixed points, ordered, with true errors; extremes give a number or a status."""

import pickle

import mpmath as mp
import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spinodal as sp
from spinodal.equations.compile import compile_expressions
from spinodal.theory.evidence import u

PERCEPTRON = sp.GLM(sp.Rademacher(), sp.Sign())
PROBIT = sp.GLM(sp.Rademacher(), sp.Probit(1e-3))
SENSING = sp.GLM(sp.GaussBernoulli(0.1), sp.Linear(noise=1e-6))
SPARSE = sp.GLM(sp.GaussBernoulli(sympy.Symbol("rho")), sp.Linear(noise=sympy.Symbol("noise")))


def scan(model, alpha, low=1e-8, high=1e8, count=4001):
    """Fixed points by a dense scan of state evolution's map in mhat, with nothing but the averages."""
    a, v, m = sympy.symbols("A V M", positive=True)
    forward, c1 = compile_expressions([model.prior.mmse(a), model.prior.overlap(a)])
    back, c2 = compile_expressions([model.channel.average(u[1] ** 2, v, m)])
    grid = np.geomspace(low, high * 1.234567, count)

    def gap(s):
        states = forward({a: s, **c1}, tolerance=1e-8, scales=[0, 0]).values
        keep = states[0] > 1e-280
        slope = np.full(len(s), np.nan)
        slope[keep] = back({v: states[0][keep], m: states[1][keep], **c2}, tolerance=1e-8).values[0]
        return np.log(alpha * slope / s)

    g = gap(grid)
    with np.errstate(invalid="ignore"):
        where = np.flatnonzero(g[:-1] * g[1:] < 0)
    roots = []
    for k in where:
        lo, hi = grid[k], grid[k + 1]
        t = np.linspace(lo, hi, 41)
        h = gap(t)
        j = np.flatnonzero(h[:-1] * h[1:] <= 0)[0]
        roots.append(t[j] - h[j] * (t[j + 1] - t[j]) / (h[j + 1] - h[j]))
    return np.array(roots)


@pytest.mark.parametrize(("model", "alphas"), [
    (PERCEPTRON, (0.5, 1.3, 1.49, 1.6)),
    (PROBIT, (0.5, 0.694, 0.7, 1.3, 1.5, 1.6)),
    (SENSING, (0.12, 0.2, 0.3)),
    (sp.GLM(sp.Rademacher(), sp.Linear(noise=0.05)), (0.3, 0.6, 1.0)),
    (sp.GLM(sp.SparseRademacher(0.05), sp.Linear(noise=1e-4)), (0.05, 0.1, 0.2)),
    (sp.GLM(sp.Discrete([-1, 0, 3], [0.2, 0.7, 0.1]), sp.Linear(noise=1e-3)), (0.2, 0.5)),
    (sp.GLM(sp.GaussianMixture([0.5, 0.5], means=[-1, 1], variances=[1e-6, 1e-6]), sp.Linear(noise=1e-7)),
     (0.3, 0.7)),
    (sp.GLM(sp.Bernoulli(0.1), sp.Sign()), (0.3, 0.8)),
])
def test_all_are_found(model, alphas):
    for alpha in alphas:
        found = [p for p in sp.fixed_points(model, alpha=alpha) if 1e-8 < p.order_parameters["mhat"] < 1e8]
        assert all(p.status.good for p in found)
        got = np.sort([p.order_parameters["mhat"] for p in found])
        expected = scan(model, alpha)
        assert len(got) == len(expected), (alpha, got, expected)
        np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("model", [PERCEPTRON, PROBIT, SENSING])
def test_order_and_stability(model):
    for alpha in (0.15, 0.7, 1.3, 1.6):
        found = sp.fixed_points(model, alpha=alpha)
        entropies = [p.free_entropy for p in found]
        assert entropies == sorted(entropies, reverse=True)
        assert sp.equilibrium(model, alpha=alpha) == found[0]
        assert found[0].stable
        # stable and unstable alternate along the overlap
        by_mse = sorted(found, key=lambda p: -p.observables["mse"])
        assert [p.stable for p in by_mse] == [k % 2 == 0 for k in range(len(by_mse))]
        for p in found:
            assert p.stable == (p.eigenvalues[0] < 1)
            assert p.controls == {"alpha": alpha}


def test_eigenvalue_is_the_rate_of_the_iteration():
    point = sp.equilibrium(PERCEPTRON, alpha=1.0)
    trajectory = sp.state_evolution(PERCEPTRON, alpha=1.0, tolerance=1e-12).trajectory
    gap = np.abs(trajectory["m"] - point.order_parameters["m"]).to_numpy()
    inside = (gap > 1e-8) & (gap < 1e-3)
    rates = gap[1:] / gap[:-1]
    assert rates[inside[1:]][-1] == pytest.approx(point.eigenvalues[0], rel=1e-3)


def test_batch_is_one_by_one():
    alphas = np.linspace(0.3, 1.8, 61)
    for model in (PERCEPTRON, PROBIT):
        together = sp.fixed_points(model, alpha=alphas)
        assert len(together) == len(alphas)
        for alpha, row in zip(alphas, together, strict=True):
            alone = sp.fixed_points(model, alpha=alpha)
            assert len(row) == len(alone)
            for p, q in zip(row, alone, strict=True):
                assert p.status == q.status
                assert p.stable == q.stable
                if p.status is sp.Status.ILL_CONDITIONED:
                    continue
                for name in p.order_parameters:
                    assert p.order_parameters[name] == pytest.approx(q.order_parameters[name], rel=1e-13, abs=2 * p.error)
                assert p.free_entropy == pytest.approx(q.free_entropy, abs=1e-14)


def test_controls_broadcast():
    rho, alpha = np.array([[0.1], [0.3]]), np.array([0.4, 0.8, 1.2])
    table = sp.fixed_points(SPARSE, rho=rho, alpha=alpha, noise=1e-2)
    assert len(table) == 6
    flat = [(r, a) for r in (0.1, 0.3) for a in alpha]
    for (r, a), row in zip(flat, table, strict=True):
        assert row[0].controls == {"rho": r, "alpha": a, "noise": 1e-2}
        alone = sp.fixed_points(SPARSE, rho=r, alpha=a, noise=1e-2)
        assert row[0].free_entropy == pytest.approx(alone[0].free_entropy, abs=1e-14)
    best = sp.equilibrium(SPARSE, rho=rho, alpha=alpha, noise=1e-2)
    assert [p.free_entropy for p in best] == [row[0].free_entropy for row in table]


@pytest.mark.parametrize("alpha", [[0.5], (0.5, 0.7), np.array([0.5]), np.float32(0.5), np.int64(1), 1, sympy.Rational(1, 2)])
def test_kinds_of_numbers(alpha):
    found = sp.fixed_points(PERCEPTRON, alpha=alpha)
    first = found[0] if isinstance(found[0], sp.FixedPoint) else found[0][0]
    assert first.status.good
    assert isinstance(first.controls["alpha"], float)


def test_no_points_asked_for():
    assert sp.fixed_points(PERCEPTRON, alpha=[]) == ()


def test_pickles():
    for p in sp.fixed_points(PERCEPTRON, alpha=1.3):
        q = pickle.loads(pickle.dumps(p))
        assert q == p
        assert dict(q.order_parameters) == dict(p.order_parameters)
        with pytest.raises(TypeError):
            q.order_parameters["m"] = 3


# ---- perfect recovery ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("prior", "channel", "threshold"), [
    (sp.Gaussian(), sp.Linear(), 1.0), (sp.GaussBernoulli(0.2), sp.Linear(), 0.2), (sp.Gaussian(), sp.Abs(), 1.0),
    (sp.Gaussian(), sp.ReLU(), 2.0), (sp.GaussBernoulli(0.3), sp.ReLU(), 0.6), (sp.Gaussian(), sp.LeakyReLU(0.5), 1.0),
    (sp.GaussianMixture([0.5, 0.25, 0.25], means=[0, 1, -1], variances=[0, 1, 1]), sp.Linear(), 0.5),
    (sp.Gaussian(), sp.HardTanh(), 1 / 0.6826894921370859),
])
def test_perfect_recovery_of_a_density(prior, channel, threshold):
    model = sp.GLM(prior, channel)
    above, below = (sp.fixed_points(model, alpha=threshold * x) for x in (1.05, 0.95))
    assert above[0].free_entropy == np.inf
    assert above[0].status is sp.Status.LIMIT
    assert above[0].stable
    assert above[0].observables["mse"] == 0
    assert above[0].observables["generalisation_error"] == 0
    (perfect,) = [p for p in below if p.observables["mse"] == 0]
    assert not perfect.stable
    assert perfect.free_entropy == -np.inf
    assert below[0].observables["mse"] > 0
    assert below[0].stable


@pytest.mark.parametrize("prior", [sp.Rademacher(), sp.Bernoulli(0.2), sp.Discrete([0, 1, 5], [0.5, 0.25, 0.25])])
@pytest.mark.parametrize("channel", [sp.Sign(), sp.Door(0.7)])
def test_perfect_recovery_of_a_discrete_signal(prior, channel):
    (perfect,) = [p for p in sp.fixed_points(sp.GLM(prior, channel), alpha=1.2) if p.status is sp.Status.LIMIT
                  and p.observables["mse"] == 0]
    assert perfect.stable
    assert perfect.free_entropy == pytest.approx(-float(prior.entropy), rel=1e-14)
    assert perfect.observables["mutual_information"] == pytest.approx(float(prior.entropy), rel=1e-14)


def test_discrete_signal_and_continuous_output():
    for alpha in (0.05, 0.5, 2.0):
        found = sp.fixed_points(sp.GLM(sp.Rademacher(), sp.Linear()), alpha=alpha)
        assert found[0].free_entropy == np.inf
        assert found[0].stable


def test_a_density_and_discrete_labels_never_recover():
    for alpha in (1.0, 1e3):
        assert all(p.observables["mse"] > 0 for p in sp.fixed_points(sp.GLM(sp.Gaussian(), sp.Sign()), alpha=alpha))


# ---- extremes -----------------------------------------------------------------------------------------------------

EXTREME_MODELS = {
    "rademacher sign": PERCEPTRON,
    "rademacher probit": PROBIT,
    "gaussian sign": sp.GLM(sp.Gaussian(), sp.Sign()),
    "gaussian linear": sp.GLM(sp.Gaussian(), sp.Linear(noise=1e-14)),
    "tiny rho": sp.GLM(sp.GaussBernoulli(1e-6), sp.Linear(noise=1e-14)),
    "tiny rho without noise": sp.GLM(sp.GaussBernoulli(1e-6), sp.Linear()),
    "sparse rademacher": sp.GLM(sp.SparseRademacher(1e-6), sp.Linear(noise=1e-14)),
    "gaussian relu": sp.GLM(sp.Gaussian(), sp.ReLU()),
    "probit of little noise": sp.GLM(sp.Rademacher(), sp.Probit(1e-14)),
    "door": sp.GLM(sp.Rademacher(), sp.Door(0.7)),
    "hard tanh of a small signal": sp.GLM(sp.Gaussian(variance=1e-4), sp.HardTanh()),
    "hard tanh of a large signal": sp.GLM(sp.Gaussian(variance=1e4), sp.HardTanh()),
    "gaussian linear without noise": sp.GLM(sp.Gaussian(), sp.Linear()),
    "binary linear without noise": sp.GLM(sp.Rademacher(), sp.Linear()),
}


@pytest.mark.parametrize("alpha", [1e-8, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("name", EXTREME_MODELS)
def test_extremes_give_a_number_or_a_status(name, alpha):
    model = EXTREME_MODELS[name]
    found = sp.fixed_points(model, alpha=alpha)
    rho = float(model.rho)
    assert found
    for p in found:
        numbers = [*p.order_parameters.values(), p.free_entropy, p.error, p.residual, *p.eigenvalues]
        if p.status.good:
            assert not np.isnan(numbers).any()
            assert -1e-12 * rho <= p.order_parameters["m"] <= rho * (1 + 1e-12)
            if p.status is sp.Status.CONVERGED:
                assert p.residual < 1e-9
    best = found[0]
    if best.status.good and alpha <= 1e-3 and not np.isinf(best.free_entropy):
        # (a discrete signal seen at precision 1e3 and beyond has an mse below the smallest float)
        assert best.observables["mse"] > 0 or best.order_parameters["mhat"] > 1e3
    # near a spinodal is the only place where a fixed point may be called ill-conditioned
    for p in found:
        if p.status is sp.Status.ILL_CONDITIONED:
            assert abs(p.eigenvalues[0] - 1) < 1e-4, p


def mhat_is_tiny(alpha, delta):
    return alpha / (1 + delta) < 1e-10


def test_gaussian_linear_in_closed_form():
    """m = mhat/(1 + mhat), mhat = alpha/(noise + 1 - m): a quadratic, at every scale."""
    noise = sympy.Symbol("noise", real=True)
    model = sp.GLM(sp.Gaussian(), sp.Linear(noise=noise))
    for alpha in (1e-8, 0.3, 0.999, 1.0, 1.5, 1e6):
        for delta in (1e-14, 1e-6, 0.1, 10.0, 1e8):
            point = sp.equilibrium(model, alpha=alpha, noise=delta)
            with mp.workdps(60):
                a, d = mp.mpf(alpha), mp.mpf(delta)
                b = d + a - 1
                v = (-b + mp.sqrt(b * b + 4 * d)) / 2
                f = -mp.log(1 + a / (d + v)) / 2 + a / (d + v) * (1 - (1 - v)) / 2 - a / 2 * (
                    mp.log(2 * mp.pi * (d + v)) + 1)
            if point.status.good:
                assert point.observables["mse"] == pytest.approx(float(v), rel=1e-9), (alpha, delta)
                assert point.free_entropy == pytest.approx(float(f), abs=1e-12 * (1 + abs(float(f))), rel=1e-12)
                assert abs(point.free_entropy - float(f)) <= 5 * point.error + 1e-15 * abs(float(f))
            elif mhat_is_tiny(alpha, delta):
                assert point.status is sp.Status.OUTSIDE_RANGE
            else:
                assert point.status in (sp.Status.ILL_CONDITIONED, sp.Status.TOLERANCE_MISSED)
                assert point.observables["mse"] == pytest.approx(float(v), abs=20 * point.error)


# ---- error estimates ----------------------------------------------------------------------------------------------


FAMILY = {
    "rademacher": lambda: sp.Rademacher(), "sparse": lambda: sp.GaussBernoulli(0.3),
    "bernoulli": lambda: sp.Bernoulli(0.2), "mixture": lambda: sp.GaussianMixture(
        [0.3, 0.7], means=[1, -0.5], variances=[0, 0.1]),
}


@given(st.sampled_from(sorted(FAMILY)), st.floats(-4, 6))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_stated_errors_of_priors_hold(name, log_precision):
    """Against the same averages on steps seven times finer: deviation within 10 stated errors, not absurdly large."""
    prior, a = FAMILY[name](), sympy.Symbol("A", positive=True)
    precision = 10.0**log_precision
    compiled, constants = compile_expressions([prior.overlap(a), prior.mmse(a), prior.information(a)])
    values = {a: np.array([precision]), **{k: np.array([v]) for k, v in constants.items()}}
    for tolerance in (1e-7, 1e-13):
        got = compiled(values, tolerance=tolerance, scales=[0, 0, 1])
        if not np.isfinite(got.values).all():
            assert not got.converged[0]
            continue
        finer = compiled.evaluate(values, (0.017, 0.017))[:, 0, 0]
        deviation, stated = np.abs(got.values[:, 0] - finer), got.errors[:, 0]
        assert (deviation <= 10 * stated + 1e-300).all(), (precision, deviation, stated)
        if got.converged[0]:
            assert (stated <= 4 * tolerance * (np.abs(finer) + [0, 0, 1]) + 1e-13 * (1 + 0.1 * np.sqrt(precision))).all()


@given(st.sampled_from(["sign", "probit", "relu", "door", "tanh", "abs", "noisy abs", "noisy relu"]),
       st.floats(-6, 0), st.floats(-3, 0.5))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_stated_errors_of_channels_hold(name, log_v, log_m):
    channel = {
        "sign": sp.Sign(), "probit": sp.Probit(1e-3), "relu": sp.ReLU(), "door": sp.Door(0.7), "tanh": sp.HardTanh(),
        "abs": sp.Abs(), "noisy abs": sp.Abs(noise=0.05), "noisy relu": sp.ReLU(noise=0.01),
    }[name]
    v, m = sympy.symbols("V M", positive=True)
    compiled, constants = compile_expressions([channel.average(u[0], v, m), channel.average(u[1] ** 2, v, m)])
    values = {s: np.array([x]) for s, x in {v: 10.0**log_v, m: 10.0**log_m, **constants}.items()}
    two = name in ("abs", "noisy abs", "noisy relu")
    fine = 0.05 if two else 0.017
    for tolerance in (1e-6, 1e-10):
        got = compiled(values, tolerance=tolerance, scales=[1, 0])
        finer = compiled.evaluate(values, (fine, fine))[:, 0, 0]
        deviation, stated = np.abs(got.values[:, 0] - finer), got.errors[:, 0]
        assert (deviation <= 10 * stated + np.array([1e-16, 0])).all(), (deviation, stated)
        if got.converged[0]:
            assert (stated <= 4 * tolerance * (np.abs(finer) + [1, 0]) + 1e-12).all()


def probit_in_mpmath(mhat, noise):
    """alpha, f and V on the curve of Rademacher + probit at mhat, 30 digits."""
    h = mp.mpf(1) / 16
    z = [k * h for k in range(-13 * 16, 13 * 16 + 1)]
    w = [mp.npdf(x) * h for x in z]
    root = mp.sqrt(mhat)
    v = mp.fsum(p * mp.sech(mhat + root * x) ** 2 for p, x in zip(w, z, strict=True))
    phi_p = mp.fsum(p * mp.log(mp.cosh(mhat + root * x)) for p, x in zip(w, z, strict=True)) - mhat / 2
    a = mp.sqrt((1 - v) / (v + noise))
    slope = 2 * mp.fsum(p * mp.npdf(a * x) ** 2 / mp.ncdf(a * x) for p, x in zip(w, z, strict=True)) / (v + noise)
    phi_y = 2 * mp.fsum(p * mp.ncdf(a * x) * mp.log(mp.ncdf(a * x)) for p, x in zip(w, z, strict=True))
    alpha = mhat / slope
    return alpha, phi_p + alpha * phi_y - (1 - v) * mhat / 2, v


@pytest.mark.parametrize("mhat", [0.05, 0.8, 2.2, 3.0, 6.0])
@pytest.mark.parametrize("noise", [0.05, 1.0])
def test_fixed_points_against_mpmath_to_twelve_digits(mhat, noise):
    with mp.workdps(30):
        alpha, f, v = probit_in_mpmath(mp.mpf(mhat), mp.mpf(noise))
    found = sp.fixed_points(sp.GLM(sp.Rademacher(), sp.Probit(noise)), alpha=float(alpha))
    point = min(found, key=lambda p: abs(p.order_parameters["mhat"] - mhat))
    condition = 1 / abs(1 - point.eigenvalues[0])
    assert point.observables["mse"] == pytest.approx(float(v), rel=1e-13 * (1 + condition))
    assert point.free_entropy == pytest.approx(float(f), abs=1e-13)
    assert abs(point.free_entropy - float(f)) <= 10 * point.error
    assert abs(point.observables["mse"] - float(v)) <= 10 * point.error
    assert point.error < 1e-12 * (1 + condition)


@pytest.mark.slow
@pytest.mark.parametrize("mhat", [0.5, 2.0])
def test_digits_on_request(mhat):
    with mp.workdps(30):
        alpha, f, v = probit_in_mpmath(mp.mpf(mhat), mp.mpf("0.5"))
    found = sp.fixed_points(sp.GLM(sp.Rademacher(), sp.Probit(0.5)), alpha=float(alpha), digits=25)
    assert len(found) == 1
    with mp.workdps(30):
        # alpha itself was rounded: f moves by Phi_out, V by the branch's slope
        assert abs(found[0].free_entropy - f) < mp.mpf(10) ** -15


def test_within_rounding_of_a_spinodal():
    table = sp.thresholds(PROBIT, along="alpha", between=(1.4, 1.6))
    edge = table["value"][0]
    counts = {}
    for k in (-1000, -3, -1, 0, 1, 3, 1000):
        found = sp.fixed_points(PROBIT, alpha=edge * (1 + k * 2.3e-16))
        assert all(np.isfinite(p.free_entropy) for p in found)
        counts[k] = len(found)
        for p in found:
            if abs(p.eigenvalues[0] - 1) < 1e-7:
                # the overlap is known to the root of the rounding of alpha, and says so
                assert p.error > 1e-10
    assert counts[-1000] == 3
    assert counts[1000] == 1


def test_status_texts_advise():
    for status in sp.Status:
        assert len(status.advice) > 20
        assert str(status) == status.value
