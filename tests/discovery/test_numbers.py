"""From recordings to equations with numbers inside their terms, and none where there is none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import solved

import nsindy


def recorded(field, initial, end, rows, noise, seed=0):
    times = np.linspace(0, end, rows)
    clean = solved(field, initial, times)
    size = noise * clean.std(0)
    return times, clean + size * np.random.default_rng(seed).standard_normal(clean.shape)


def form(discovery, row=0):
    """Terms of an equation, without the digits of their numbers."""
    words = [
        name
        for name, value in zip(
            discovery.terms, np.asarray(discovery.coefficients)[row], strict=True
        )
        if value != 0
    ]
    for name, value in discovery.parameters.items():
        words = [word.replace(f"{abs(value):#.4g}", name.split("_")[0]) for word in words]
    return set(words)


K, V = 0.7, 1.2


@pytest.fixture(scope="module")
def michaelis():
    """S' = -1.2 S/(0.7 + S) from 5 K to a tenth of K."""
    times, states = recorded(lambda x: -V * x / (K + x), (3.5,), 5.0, 200, 0.005)
    return times, nsindy.discover(times, states, states=["S"])


def test_michaelis_and_menten(michaelis):
    _, found = michaelis
    assert form(found) == {"S/(K + S)"} and found.verdict == "equation"
    assert set(found.parameters) == set(found.parameter_errors) == {"K_S"}
    error = found.parameter_errors["K_S"]
    assert abs(found.parameters["K_S"] - K) < 3 * error < 0.05
    (used,) = np.flatnonzero(np.asarray(found.coefficients)[0])
    rate, spread = found.coefficients[0, used], found.standard_errors[0, used]
    assert abs(rate + V) < 3 * spread < 0.05
    (note,) = [line for line in found.notes if "is fitted" in line]
    assert note.startswith("the number in S/(0.") and "radian" not in note


def test_what_was_found_can_be_used(michaelis):
    """Its derivative, its solution, the gradient of that, and its file."""
    times, found = michaelis
    k, y = found.parameters["K_S"], jnp.array([1.5])
    (used,) = np.flatnonzero(np.asarray(found.coefficients)[0])
    rate = float(found.coefficients[0, used])
    np.testing.assert_allclose(found.vector_field(0.0, y), [rate * 1.5 / (k + 1.5)], rtol=1e-12)
    path = found.simulate([3.5], times)
    clean = solved(lambda x: -V * x / (K + x), (3.5,), times)
    np.testing.assert_allclose(path, clean, atol=0.01)
    slope = jax.grad(lambda d: d.simulate(jnp.array([3.5]), times)[-1, 0])(found)
    assert slope.coefficients[0, used] > 0
    assert np.count_nonzero(np.asarray(slope.coefficients)) == 1
    derivative = jax.grad(lambda s: found.vector_field(0.0, s[None])[0])(jnp.float64(1.5))
    assert derivative == pytest.approx(rate * k / (k + 1.5) ** 2, rel=1e-10)


def test_michaelis_and_menten_from_a_file(michaelis, tmp_path):
    _, found = michaelis
    found.save(tmp_path / "rate.json")
    again = nsindy.load(tmp_path / "rate.json")
    assert str(again) == str(found) and again.parameters == found.parameters
    assert again.parameter_errors == found.parameter_errors


@pytest.mark.slow
def test_a_diode():
    """V' = 1 - 0.2 exp(2.5 V)."""
    times, states = recorded(lambda v: 1 - 0.2 * np.exp(2.5 * v), (-1.0,), 2.5, 200, 0.002)
    found = nsindy.discover(times, states, states=["V"])
    assert form(found) == {"1", "exp(k V)"}
    error = found.parameter_errors["k_V"]
    assert abs(found.parameters["k_V"] - 2.5) < 3 * error < 0.1


@pytest.mark.slow
def test_growth_after_gompertz():
    """V' = -0.3 V log(V / 5), in which K says what a V beside would."""
    times = np.linspace(0, 25, 60)
    random = np.random.default_rng(0).standard_normal(60)
    volume = 5 * np.exp(np.log(0.01) * np.exp(-0.3 * times)) * (1 + 0.01 * random)
    found = nsindy.discover(times, volume, states=["V"])
    assert form(found) == {"V log(V/K)"}
    assert abs(found.parameters["K_V"] - 5.0) < 3 * found.parameter_errors["K_V"] < 0.1


@pytest.mark.slow
def test_a_power_that_is_none_of_the_table():
    """S' = 0.31 - 0.86 S^2.2/(1.3^2.2 + S^2.2): both numbers of the term, and their errors."""
    n, half = 2.2, 1.3
    times, states = recorded(
        lambda x: 0.31 - 0.86 * x**n / (half**n + x**n), (5.5,), 14.0, 200, 0.002
    )
    found = nsindy.discover(times, states, states=["S"])
    assert set(found.parameters) == {"K_S", "n_S"} and np.count_nonzero(found.coefficients) == 2
    for name, true in (("K_S", half), ("n_S", n)):
        error = found.parameter_errors[name]
        assert abs(found.parameters[name] - true) < 3 * error < 0.3
    (note,) = [line for line in found.notes if "fitted" in line]
    assert note.startswith("the numbers in ") and note.count("±") == 2


def test_an_oscillator_has_no_number():
    times, states = recorded(lambda y: [y[1], -y[0] - 0.2 * y[1]], (1.0, 0.0), 12.0, 200, 0.005)
    found = nsindy.discover(times, states, states=["x", "v"])
    assert [form(found, row) for row in (0, 1)] == [{"v"}, {"x", "v"}]
    assert found.parameters == {} and found.number_errors is None
    assert not any("is fitted" in line for line in found.notes)


@pytest.mark.slow
def test_keplers_law_in_one_orbit():
    """In astronomical units and years; three products in a row stand for it as well."""
    times = np.linspace(0, 3.5, 250)
    k = 4 * np.pi**2

    def field(y):
        pull = -k / np.hypot(y[0], y[1]) ** 3
        return [y[2], y[3], pull * y[0], pull * y[1]]

    path = solved(field, (0.9, 0.0, 0.0, np.sqrt(k / 0.9 * 1.4)), times)[:, :2]
    path = path + 0.003 * np.random.default_rng(31).standard_normal(path.shape)
    found = nsindy.discover(times, path, states=["x", "y"], order=2)
    assert [*found.parameters.values(), *found.parameter_errors.values()] == [-1.5, 0.0]
    rows = np.asarray(found.coefficients)[2:]
    assert (rows != 0).sum(1).tolist() == [1, 1]
    np.testing.assert_allclose(rows.sum(1), -k, rtol=0.02)


@pytest.mark.slow
def test_predators_that_are_sated_in_a_file_with_gaps():
    """One number in two equations, where 6 % of the rows are missing."""

    def field(y):
        eaten = y[0] * y[1] / (12 + y[0])
        return [0.6 * y[0] * (1 - y[0] / 60) - 0.9 * eaten, 0.45 * eaten - 0.2 * y[1]]

    times, drawn = np.arange(0, 120, 0.5), np.random.default_rng(0)
    clean = solved(field, (30.0, 8.0), times)
    states = clean * (1 + 0.02 * drawn.standard_normal(clean.shape))
    kept = drawn.random(len(times)) > 0.06
    found = nsindy.discover(times[kept], states[kept], states=["A", "R"])
    assert [form(found, row) for row in (0, 1)] == [
        {"A", "A^2", "R A/(K + A)"},
        {"R", "R A/(K + A)"},
    ]
    error = found.parameter_errors["K_A"]
    assert abs(found.parameters["K_A"] - 12) < 3 * error < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("power", (7, 9, 12))
def test_a_gene_that_represses_itself_steeply(power):
    """Goodwin's clock: m' = 12/(1 + r^n) - 0.4 m, through two others."""

    def field(y):
        made = 12 / (1 + y[2] ** power)
        return [made - 0.4 * y[0], 0.5 * y[0] - 0.4 * y[1], 0.4 * (y[1] - y[2])]

    times = np.linspace(0, 60, 300)
    clean = solved(field, (0.1, 0.2, 2.0), times)
    states = clean + 0.01 * clean.std(0) * np.random.default_rng(0).standard_normal(clean.shape)
    found = nsindy.discover(times, states, states=["m", "p", "r"])
    assert np.count_nonzero(np.asarray(found.coefficients), axis=1).tolist() == [2, 2, 2]
    for name, true in (("K_r", 1.0), ("n_r", power)):
        error = found.parameter_errors[name]
        assert abs(found.parameters[name] - true) < 4 * error < 0.3


@pytest.mark.slow
def test_three_genes_that_repress_one_another_in_turn():
    """The repressilator: while one equation is wrong, what makes up for it hides the others'."""
    times, states = recorded(
        lambda p: [10 / (1 + p[(i + 2) % 3] ** 4) - p[i] for i in range(3)],
        (1.0, 1.5, 3.0), 40.0, 400, 0.01,
    )  # fmt: skip
    found = nsindy.discover(times, states, states=["a", "b", "c"])
    assert found.verdict == "equation" and len(found.parameters) == 3
    for row, (own, other) in enumerate(("ac", "ba", "cb")):
        assert form(found, row) == {own, f"1/(1 + ({other}/K)^4)"}
    for value, error in zip(
        found.parameters.values(), found.parameter_errors.values(), strict=True
    ):
        assert abs(value - 1) < 4 * error < 0.02


@pytest.mark.slow
def test_a_food_chain():
    """Of Hastings and Powell: what eats is eaten, and one equation has the numbers of both."""

    def field(s):
        grazed, hunted = 5 * s[0] * s[1] / (1 + 3 * s[0]), 0.1 * s[1] * s[2] / (1 + 2 * s[1])
        return [s[0] * (1 - s[0]) - grazed, grazed - hunted - 0.4 * s[1], hunted - 0.01 * s[2]]

    times, states = recorded(field, (0.76, 0.16, 9.9), 800.0, 801, 0.005)
    found = nsindy.discover(times, states, states=["a", "g", "f"])
    assert found.verdict == "equation" and len(found.parameters) == 2
    assert [len(form(found, row)) for row in range(3)] == [3, 3, 2]
    for value, true in zip(sorted(found.parameters.values()), (1 / 3, 1 / 2), strict=True):
        assert value == pytest.approx(true, rel=0.01)


@pytest.mark.slow
def test_a_mass_that_hangs_on_another():
    """A spring that stiffens, (x - y)^3, is one number in two equations."""
    times = np.linspace(0, 20, 400)

    def field(s):
        x, y, v, w = s
        pull = 3 * (x - y) + 2 * (x - y) ** 3
        return [v, w, -4 * x - pull - 0.1 * v, pull - 0.1 * w]

    path = solved(field, (2.5, -1.5, 0.0, 0.0), times)[:, :2]
    path = path + 0.003 * np.random.default_rng(3).standard_normal(path.shape)
    found = nsindy.discover(times, path, states=["x", "y"], order=2)
    assert form(found, 2) == {"x", "y", "x'", "(x - y)^3"}
    assert form(found, 3) == {"x", "y", "y'", "(x - y)^3"}
    assert [*found.parameters.values(), *found.parameter_errors.values()] == [3.0, 0.0]


@pytest.mark.slow
def test_a_shot_brakes_with_its_speed():
    """v' = -0.006 |v| v in a plane, of two shots."""
    times = np.linspace(0, 4, 100)

    def field(s):
        speed = np.hypot(s[2], s[3])
        return [s[2], s[3], -0.006 * speed * s[2], -9.81 - 0.006 * speed * s[3]]

    paths = [solved(field, (0.0, 1.0, *v), times)[:, :2] for v in ((35.0, 20.0), (20.0, 32.0))]
    random = np.random.default_rng(4)
    paths = [path + 0.02 * random.standard_normal(path.shape) for path in paths]
    found = nsindy.discover([times] * 2, paths, states=["x", "z"], order=2)
    assert form(found, 2) == {"x' (x'^2 + z'^2)^0.5"}
    assert form(found, 3) == {"1", "z' (x'^2 + z'^2)^0.5"}


@pytest.mark.slow
def test_what_runs_over():
    """S' = 3 - 0.05 S - 0.4 max(S - 40, 0), from above and below."""
    times = np.linspace(0, 60, 150)
    field = lambda s: [3 - 0.05 * s[0] - 0.4 * max(s[0] - 40, 0)]  # noqa: E731
    paths = [solved(field, (start,), times) for start in (90.0, 5.0)]
    random = np.random.default_rng(5)
    paths = [path + 0.1 * random.standard_normal(path.shape) for path in paths]
    found = nsindy.discover([times] * 2, paths, states=["S"])
    assert form(found) == {"1", "S", "max(S - c, 0)"}
    assert abs(found.parameters["c_S"] - 40) < 4 * found.parameter_errors["c_S"] < 2


@pytest.mark.slow
def test_ice_creeps_with_the_fourth_power():
    """Whatever the unit: 200^4 is no pole, and the power is that of no saturation."""
    times = np.linspace(0, 300, 100)
    field = lambda h: [0.3 - 1.5e-9 * h[0] ** 4]  # noqa: E731
    paths = [solved(field, (start,), times) for start in (20.0, 300.0)]
    random = np.random.default_rng(0)
    paths = [path + 0.1 * random.standard_normal(path.shape) for path in paths]
    found = nsindy.discover([times] * 2, paths, states=["H"])
    assert form(found) == {"1", "H^4"} and found.parameters == {"p_H": 4.0}
