"""Dry friction, drag and the outflow of a tank: found where they act, whatever the units."""

import numpy as np
import pytest
from problems import coefficients, solved
from scipy.integrate import solve_ivp

import nsindy
from nsindy.terms.library import bind

OPERATIONS = ("tanh", "abs", "sign", "drag", "sqrt")
SIGN = 1e-4
"""Width over which the simulated friction turns, of speeds of 6."""


def recorded(field, initial, end, rows, seed=0, noise=0.005):
    """Times and states with noise of 0.5 % of each state's standard deviation."""
    times = np.linspace(0, end, rows)
    clean = solve_ivp(
        lambda t, y: field(y), (0, end), initial, t_eval=times, rtol=1e-9, atol=1e-9,
        max_step=end / 2000,
    ).y.T  # fmt: skip
    draws = np.random.default_rng(seed).standard_normal(clean.shape)
    return times, clean + noise * clean.std(0) * draws


def assert_near(terms, truth):
    assert terms.keys() == truth.keys()
    for name, (value, error) in terms.items():
        assert abs(value - truth[name]) < 4 * error < 0.05 * max(abs(truth[name]), 1.0)


def spring(y):
    return y[1], -4 * y[0] - 0.1 * y[1] - 0.3 * np.tanh(y[1] / SIGN)


@pytest.fixture(scope="module")
def positions():
    times, states = recorded(spring, (3.0, 0.0), 18.0, 360)
    unit = 1e3
    return nsindy.discover(times, unit * states[:, 0], states=["x"], order=2, operations=OPERATIONS)


@pytest.mark.slow
def test_a_spring_with_dry_friction_from_positions(positions):
    """In millimetres: only the friction changes with the unit."""
    assert_near(coefficients(positions, 1), {"x": -4.0, "x'": -0.1, "sign(x')": -300.0})


@pytest.mark.slow
def test_a_body_that_friction_holds_stays(positions):
    """Released where the spring cannot move it, it rests; a solver would otherwise chatter."""
    times = np.linspace(0, 40, 81)
    held = np.asarray(positions.simulate([50.0, 0.0], times))
    np.testing.assert_allclose(held, [[50.0, 0.0]] * 81, atol=2.0)
    # Two half swings: each loses 2 · 300 / 4, but for the damping.
    swing = np.asarray(positions.simulate([400.0, 0.0], times))
    assert np.all(np.isfinite(swing)) and np.ptp(swing[-20:, 0]) < 2.0
    assert abs(swing[-1, 0]) < 300 / 4
    # The field itself has the jump.
    slopes = [positions.vector_field(0.0, np.array([0.0, v]))[1] for v in (1e-9, -1e-9)]
    np.testing.assert_allclose(np.abs(slopes), 300, rtol=0.02)
    assert np.prod(np.sign(slopes)) == -1


@pytest.mark.slow
def test_a_spring_with_dry_friction_from_both_states():
    times, states = recorded(spring, (3.0, 0.0), 18.0, 360, seed=1)
    law = "v' = -k*x - c*v - f*sign(v)"
    found = nsindy.discover(times, states, states=["x", "v"], operations=OPERATIONS, law=law)
    assert_near(coefficients(found, 0), {"v": 1.0})
    assert_near(coefficients(found, 1), {"x": -4.0, "v": -0.1, "sign(v)": -0.3})
    # The same as a law: fits have a slope where it has a jump, and its simulation comes to rest.
    tested = found.laws[1]
    for value, error, true in zip(tested.values, tested.errors, (4.0, 0.1, 0.3), strict=True):
        assert abs(value - true) < 4 * error < 0.05
    assert min(tested.r2) > 0.999 and abs(tested.nats) < found.laws[0].price + 5


@pytest.mark.slow
def test_a_throw_with_quadratic_drag():
    times, states = recorded(lambda y: [-9.81 - 0.15 * abs(y[0]) * y[0]], (20.0,), 4.0, 200)
    found = nsindy.discover(times, states, states=["v"], operations=OPERATIONS)
    assert_near(coefficients(found, 0), {"1": -9.81, "abs(v) v": -0.15})
    (right,) = found.to_sympy()
    # Thrown up at 20, and falling as fast: what brakes changes its sign.
    up, down = (float(right.subs("v", v)) for v in (20.0, -20.0))
    assert up == pytest.approx(-9.81 - 60, rel=0.01) and down == pytest.approx(-9.81 + 60, rel=0.01)


@pytest.mark.slow
def test_a_tank_that_runs_empty(tmp_path):
    """Its last fifth is at zero, where the noise has both signs."""
    times, states = recorded(lambda y: [-0.3 * np.sqrt(max(y[0], 0.0))], (2.0,), 12.0, 240)
    assert states.min() < 0
    found = nsindy.discover(times, states, states=["h"], operations=OPERATIONS)
    assert_near(coefficients(found, 0), {"sqrt(h)": -0.3})
    found.save(tmp_path / "tank.json")
    loaded = nsindy.load(tmp_path / "tank.json")
    assert loaded.equations() == found.equations()
    emptied = np.asarray(loaded.simulate([2.0], times))
    np.testing.assert_allclose(emptied[:, 0], np.maximum(2**0.5 - 0.15 * times, 0) ** 2, atol=0.02)


@pytest.mark.slow
def test_a_tank_without_noise_is_exact():
    """No term makes up for a root that is another inside a fit."""
    times = np.linspace(0, 12, 50)
    starts = 0.1, 0.6, 1.8, 3.0
    parts = [solved(lambda y: [0.57 - 0.58 * np.sqrt(y[0])], (h,), times) for h in starts]
    found = nsindy.discover([times] * 4, parts, states=["h"])
    assert found.verdict == "equation"
    assert_near(coefficients(found), {"1": 0.57, "sqrt(h)": -0.58})
    assert all(error < 2e-5 for _, error in coefficients(found).values())


def test_every_operation_that_is_named_can_be_bound():
    assert bind([f"{name}(x)" for name in OPERATIONS], ["x"]).names[2] == "sign(x)"
