"""Published numbers, and the same numbers to more digits from the textbook's scalar equations, solved here by mpmath.

Nothing of the package enters the derivations below.
"""

import mpmath as mp
import numpy as np
import pytest

import spinodal as sp


def row(table, kind, branch=None):
    chosen = table[(table["kind"] == kind) & ((table["branch"] == branch) if branch else True)]
    assert len(chosen) == 1, table.to_string()
    return chosen.iloc[0]


def agrees(found, truth, digits=11):
    """The value is right to so many digits, and no further off than its stated error (times 10)."""
    deviation = abs(found["value"] - float(truth))
    assert deviation <= 10.0**-digits * float(truth), (found["value"], mp.nstr(truth, 16))
    assert deviation <= 10 * found["error"] + 4e-16 * float(truth), (deviation, found["error"])
    assert found["error"] <= 1e-11 * found["value"]
    assert found["status"] == "converged"


# ---- textbook integrals -------------------------------------------------------------------------------------------

CUTS = [-13, -8, -4, -2, 0, 2, 4, 8, 13]


def gauss_mean(f, cuts=None):
    """E f(z): with cuts adaptively, else by 209 points of the trapezoidal rule (analytic within 0.8 of the axis)."""
    if cuts:
        return mp.quad(lambda z: mp.npdf(z) * f(z), cuts)
    return mp.fsum(mp.npdf(mp.mpf(k) / 8) * f(mp.mpf(k) / 8) for k in range(-104, 105)) / 8


def tanh_overlap(mhat):
    """Rademacher: m = E tanh(mhat + sqrt(mhat) z)."""
    return gauss_mean(lambda z: mp.tanh(mhat + mp.sqrt(mhat) * z))


def log_cosh_mean(mhat):
    """Rademacher: Phi_P = E log cosh(mhat + sqrt(mhat) z) - mhat/2."""
    return gauss_mean(lambda z: mp.log(mp.cosh(mhat + mp.sqrt(mhat) * z))) - mhat / 2


def sign_slope(m, noise=0):
    """E g^2 of y = sign(z + sqrt(noise) xi): 2 E phi(x)^2/(Phi(x) T), x = sqrt(m/T) v."""
    spread = 1 - m + noise
    a = mp.sqrt(m / spread)
    # two labels: 2 E phi^2/Phi / T; phi^2 stays bounded, tails from erfc
    return 2 * gauss_mean(lambda v: mp.npdf(a * v) ** 2 / mp.ncdf(a * v)) / spread


def sign_potential(m, noise=0):
    a = mp.sqrt(m / (1 - m + noise))
    return 2 * gauss_mean(lambda v: mp.ncdf(a * v) * mp.log(mp.ncdf(a * v)))


def fold(control, guess, step="1e-12"):
    """Where d control/d s = 0, by secant on a central difference in extended precision."""
    h = mp.mpf(step)
    x = mp.findroot(lambda s: (control(s + h) - control(s - h)) / (2 * h), guess, tol=1e-20, verify=False)
    return x, control(x)


# ---- perceptrons --------------------------------------------------------------------------------------------------


def binary_perceptron(noise=0):
    return sp.GLM(sp.Rademacher(), sp.Probit(noise) if noise else sp.Sign())


def perceptron_curve(noise):
    return lambda mhat: mhat / sign_slope(tanh_overlap(mhat), noise)


@pytest.fixture(scope="module")
def binary_table():
    return sp.thresholds(binary_perceptron(), along="alpha", between=(0.2, 3))


def test_binary_perceptron_has_two_thresholds(binary_table):
    # Gyorgyi, Phys. Rev. A 41, 7097 (1990): 1.245; Sompolinsky, Tishby, Seung, PRL 65, 1683 (1990): 1.49
    assert list(binary_table["kind"]) == ["first_order", "spinodal"]
    assert round(binary_table["value"][0], 3) == 1.245
    assert round(binary_table["value"][1], 3) == 1.493


def test_binary_perceptron_spinodal_from_its_equations(binary_table):
    with mp.workdps(32):
        mhat, alpha = fold(perceptron_curve(0), (mp.mpf("3.2"), mp.mpf("3.3")), "1e-9")
        overlap = tanh_overlap(mhat)
    found = row(binary_table, "spinodal", "uninformative")
    agrees(found, alpha)
    assert found["m_below"] == pytest.approx(float(overlap), rel=1e-7)
    assert found["m_above"] == 1


def test_binary_perceptron_information_threshold_from_its_equations(binary_table):
    # f(m) = -log 2 of the perfect state, at alpha(mhat) on the poor branch
    with mp.workdps(25):
        def gap(mhat):
            m = tanh_overlap(mhat)
            alpha = mhat / sign_slope(m)
            return log_cosh_mean(mhat) + alpha * sign_potential(m) - m * mhat / 2 + mp.log(2)

        mhat = mp.findroot(gap, (mp.mpf("1.55"), mp.mpf("1.6")))
        alpha = perceptron_curve(0)(mhat)
    agrees(row(binary_table, "first_order"), alpha)


@pytest.mark.slow
def test_probit_perceptron_from_its_equations():
    """Noise 1e-3: three thresholds near 0.6935, 1.3222, 1.5006."""
    table = sp.thresholds(binary_perceptron(1e-3), along="alpha", between=(0.2, 3))
    assert list(table["kind"]) == ["spinodal", "first_order", "spinodal"]
    assert list(table["branch"]) == ["informative", "equilibrium", "uninformative"]
    noise = mp.mpf(1e-3)
    with mp.workdps(30):
        wide = [-13, -8, -4, -2, -1, -0.5, -0.25, -0.12, -0.06, -0.03, 0, 0.03, 0.06, 0.12, 0.25, 0.5, 1, 2, 4, 8, 13]

        def slope(mse):
            spread = mse + noise
            a = mp.sqrt((1 - mse) / spread)
            return 2 * gauss_mean(lambda v: mp.npdf(a * v) ** 2 / mp.ncdf(a * v), wide) / spread

        def potential(mse):
            a = mp.sqrt((1 - mse) / (mse + noise))
            return 2 * gauss_mean(lambda v: mp.ncdf(a * v) * mp.log(mp.ncdf(a * v)), wide)

        def mse(mhat):
            return gauss_mean(lambda z: mp.sech(mhat + mp.sqrt(mhat) * z) ** 2,
                              sorted({*CUTS, *(-mp.sqrt(mhat) + k for k in (-4, -2, -1, 0, 1, 2, 4))}))

        def curve(mhat):
            return mhat / slope(mse(mhat))

        def f(mhat):
            v = mse(mhat)
            return log_cosh_mean(mhat) + mhat / slope(v) * potential(v) - (1 - v) * mhat / 2

        for guess, k in (((3.2, 3.3), 2), ((13.0, 13.3), 0)):
            _, alpha = fold(curve, tuple(map(mp.mpf, guess)), "1e-9")
            agrees(table.iloc[k], alpha)
        low, high = mp.mpf("1.9"), mp.mpf("27")
        # Maxwell: alpha and f equal on the two branches
        low, high = mp.findroot(lambda a, b: [curve(a) - curve(b), f(a) - f(b)], (low, high))
        agrees(table.iloc[1], curve(low))


def test_gaussian_perceptron_has_no_transition():
    # Opper, Haussler, PRL 66, 2677 (1991): the Bayes error decays smoothly, 0.4417/alpha
    model = sp.GLM(sp.Gaussian(), sp.Sign())
    table = sp.thresholds(model, along="alpha", between=(0.01, 100))
    assert len(table) == 0
    assert "no transition" in table.attrs["summary"]
    found = sp.equilibrium(model, alpha=1.0).observables
    assert round(found["bayes_vote_error"], 4) == 0.2544
    # m = mhat/(1 + mhat), mhat = alpha E g^2
    with mp.workdps(25):
        m = mp.findroot(lambda m: m / (1 - m) - sign_slope(m), mp.mpf("0.49"))
        vote, gibbs = mp.acos(mp.sqrt(m)) / mp.pi, mp.acos(m) / mp.pi
    assert found["overlap"] == pytest.approx(float(m), rel=1e-13)
    assert found["bayes_vote_error"] == pytest.approx(float(vote), rel=1e-13)
    assert found["gibbs_error"] == pytest.approx(float(gibbs), rel=1e-13)


def test_errors_of_the_gaussian_perceptron_at_large_alpha():
    """Gibbs 0.6247/alpha, Bayes vote 0.4417/alpha (the literature mixes them)."""
    # V -> pi^2 vote^2; mhat = 1/V = alpha E g^2 -> vote alpha = 1/(pi c), E g^2 = c/sqrt(V):
    # c = 2/sqrt(2 pi) int phi^2/Phi du; Gibbs = sqrt(2 V)/pi
    with mp.workdps(25):
        c = 2 / mp.sqrt(2 * mp.pi) * mp.quad(lambda x: mp.npdf(x) ** 2 / mp.ncdf(x), CUTS)
        vote, gibbs = 1 / (mp.pi * c), mp.sqrt(2) / (mp.pi * c)
    assert round(float(vote), 4) == 0.4417
    assert round(float(gibbs), 4) == 0.6247
    model = sp.GLM(sp.Gaussian(), sp.Sign())
    for alpha in (1e3, 1e5, 1e6):
        point = sp.equilibrium(model, alpha=alpha)
        assert point.status.good
        assert alpha * point.observables["bayes_vote_error"] == pytest.approx(float(vote), rel=20 / alpha)
        assert alpha * point.observables["gibbs_error"] == pytest.approx(float(gibbs), rel=20 / alpha)


# ---- linear measurements ------------------------------------------------------------------------------------------


def sparse_mmse(mhat, rho):
    """Gauss-Bernoulli signal: E[rho^2-type posterior], written from Bayes' rule, 40 cuts."""
    with_signal, without = 1 + mhat, mp.mpf(1)

    def posterior(b):
        # B ~ N(0, mhat) without, N(0, mhat + mhat^2) with signal
        log_odds = mp.log(rho / (1 - rho)) - mp.log(with_signal) / 2 + b * b / (2 * with_signal)
        p = 1 / (1 + mp.exp(-log_odds))
        return p, p / with_signal + p * (1 - p) * (b / with_signal) ** 2

    def over(variance):
        s = mp.sqrt(variance)
        edge = mp.sqrt(2 * with_signal * (mp.log((1 - rho) / rho) + mp.log(with_signal) / 2)) / s
        cuts = sorted({mp.mpf(0), *(x for x in (1, 2, 4, 8, 13, edge * 0.5, edge * 0.8, edge, edge * 1.2, edge * 1.5)
                                    if 0 < x <= 13)})
        return 2 * mp.quad(lambda z: mp.npdf(z) * posterior(s * z)[1], cuts)

    return (1 - rho) * over(mhat * without) + rho * over(mhat * with_signal)


@pytest.mark.parametrize(("rho", "published"), [
    (0.2, 0.3554), pytest.param(0.4, None, marks=pytest.mark.slow),
])
def test_compressed_sensing_from_its_equations(rho, published):
    # Donoho, Maleki, Montanari (2009); Krzakala et al., Phys. Rev. X 2, 021005 (2012), fig. 3; IT: Wu, Verdu (2010)
    table = sp.thresholds(sp.GLM(sp.GaussBernoulli(rho), sp.Linear()), along="alpha", between=(0.01, 0.99))
    found = row(table, "spinodal", "uninformative")
    if published:
        assert round(found["value"], 4) == published
    with mp.workdps(28):
        # noiseless: mhat = alpha/V, so alpha = mhat mmse(mhat), exactly
        guess = mp.mpf(0.2) / mp.mpf(found["mse_below"]) * 2
        _, alpha = fold(lambda s: mp.exp(s) * sparse_mmse(mp.exp(s), mp.mpf(rho)),
                        (mp.log(guess) - mp.mpf("0.1"), mp.log(guess)), "1e-9")
    agrees(found, alpha, 10)
    assert row(table, "first_order")["value"] == pytest.approx(rho, rel=1e-15)


def test_dense_enough_and_noisy_enough_has_no_transition():
    table = sp.thresholds(sp.GLM(sp.GaussBernoulli(0.4), sp.Linear(noise=1e-2)), along="alpha", between=(0.01, 3))
    assert len(table) == 0


def test_relu_regression():
    # Barbier et al., PNAS 116, 5451 (2019): information-theoretic and algorithmic threshold 2
    table = sp.thresholds(sp.GLM(sp.Gaussian(), sp.ReLU()), along="alpha", between=(0.5, 4))
    assert row(table, "first_order")["value"] == pytest.approx(2, rel=1e-14)
    assert row(table, "spinodal", "uninformative")["value"] == pytest.approx(2, rel=1e-14)


def test_binary_linear_without_noise_needs_no_sample():
    # Tanaka (2002): f of the perfect state is +infinity for every alpha > 0
    found = sp.fixed_points(sp.GLM(sp.Rademacher(), sp.Linear()), alpha=0.3)
    assert found[0].free_entropy == np.inf
    assert found[0].order_parameters["m"] == 1


# ---- even channels ------------------------------------------------------------------------------------------------


def abs_slope(v):
    """E g^2 of noiseless |z|, rho = 1, mse v: E over z of [(z tanh-type mixture)]."""
    # posterior of the sign of z given |z| = y and w: tanh(y w/v); g = (y tanh(y w/v) - w)/v.
    # E (y t - w)^2 = E y^2 - 2 E y w t + E w^2 with Nishimori E[z w] = E[y t w] = m: = 1 - E y^2 (1 - t^2) - m
    m = 1 - v
    s = np.sqrt(m * v)
    y, wy = panels([0, 0.3, 0.8, 1.5, 3, 6, 10])
    e, we = panels(np.arange(-12, 13))  # w | z = y ~ N(m y, m v)
    normal = [np.exp(-x * x / 2) / np.sqrt(2 * np.pi) for x in (y, e)]
    inner = (we * normal[1] / np.cosh(np.minimum(np.abs(y[:, None] * (m * y[:, None] + s * e) / v), 350)) ** 2).sum(1)
    lost = 2 * (wy * normal[0] * y * y * inner).sum()
    return (v - lost) / v**2


def panels(edges, n=40):
    """Gauss-Legendre nodes and weights on consecutive panels: exact to rounding for what is smooth on each."""
    x, w = np.polynomial.legendre.leggauss(n)
    half = np.diff(edges) / 2
    middle = np.asarray(edges[:-1]) + half
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


@pytest.fixture(scope="module")
def phase_table():
    return sp.thresholds(sp.GLM(sp.Gaussian(), sp.Abs()), along="alpha", between=(0.2, 2))


def test_phase_retrieval(phase_table):
    # Mondelli, Montanari (2019): weak recovery 1/2; Barbier et al. (2019): information 1, algorithmic 1.128
    assert row(phase_table, "continuous")["value"] == pytest.approx(0.5, rel=1e-13)
    assert row(phase_table, "first_order")["value"] == pytest.approx(1, rel=1e-14)
    assert round(row(phase_table, "spinodal", "uninformative")["value"], 3) == 1.128


def test_phase_retrieval_spinodal_from_its_equations(phase_table):
    # Gaussian signal: mhat = 1/v - 1, alpha(v) = (1/v - 1)/E g^2
    found = row(phase_table, "spinodal", "uninformative")
    v, h = found["mse_below"], 1e-3
    # the top of the polynomial through seven points
    x = np.arange(-3.0, 4.0)
    values = np.array([(1 / (v + k * h) - 1) / abs_slope(v + k * h) for k in x])
    coefficients = np.polyfit(x, values - values[3], 6)
    top = np.roots(np.polyder(coefficients))
    top = top[np.argmin(np.abs(top))].real
    truth = values[3] + np.polyval(coefficients, top)
    agrees(found, truth, 11)
    assert abs(top) < 1e-3  # the place, in units of h


def test_symmetric_door():
    # Barbier et al. (2019), fig. 3: 1.36 (weak recovery), 1 (information), 1.566 (algorithmic)
    table = sp.thresholds(sp.GLM(sp.Rademacher(), sp.Door(0.67449)), along="alpha", between=(0.5, 3))
    assert round(row(table, "continuous")["value"], 2) == 1.36
    assert round(row(table, "spinodal", "uninformative")["value"], 3) == 1.566
    with mp.workdps(25):
        k = mp.mpf(0.67449)
        p = 1 - 2 * mp.ncdf(-k)
        # information: (1 - alpha) log 2 where the labels are fair; here alpha H(p) = log 2
        entropy = -p * mp.log(p) - (1 - p) * mp.log(1 - p)
        agrees(row(table, "first_order"), mp.log(2) / entropy)
        # weak recovery: 1/alpha = E (d2 log Z/dw2 at 0)^2 = sum over labels (2 k phi(k))^2/p_y
        slope = (2 * k * mp.npdf(k)) ** 2
        agrees(row(table, "continuous"), 1 / (slope / p + slope / (1 - p)))


def test_sparse_phase_retrieval_keeps_near_thresholds_apart():
    table = sp.thresholds(sp.GLM(sp.GaussBernoulli(0.02), sp.Abs()), along="alpha", between=(0.01, 2))
    weak, spinodal = row(table, "continuous"), row(table, "spinodal", "uninformative")
    assert weak["value"] == pytest.approx(0.5, rel=1e-12)
    assert spinodal["value"] == pytest.approx(0.50085835558748, rel=1e-12)
    assert row(table, "first_order")["value"] == pytest.approx(0.02, rel=1e-13)


@pytest.mark.parametrize(("prior", "weak"), [
    (lambda: sp.Rademacher(), 0.5), (lambda: sp.Gaussian(variance=100), 0.5),
    pytest.param(lambda: sp.GaussBernoulli(0.3), 0.5, marks=pytest.mark.slow),
    pytest.param(lambda: sp.SparseRademacher(0.1, amplitude=3), 0.5, marks=pytest.mark.slow),
])
def test_weak_recovery_of_the_modulus_depends_on_nothing(prior, weak):
    (found,) = [r for _, r in sp.thresholds(sp.GLM(prior(), sp.Abs()), along="alpha", between=(0.3, 0.7)).iterrows()
                if r["kind"] == "continuous"]
    assert found["value"] == pytest.approx(weak, rel=1e-12)
