import dataclasses

import numpy as np
import pytest
from by_hand import make
from scipy.integrate import solve_ivp

from nsindy.result import along_recording
from nsindy.terms import primitive
from nsindy.terms.term import Term

TIMES = np.linspace(0, 20, 300)
NONE = np.zeros((300, 0))


def solve(discovery, initial, times, inputs):
    right = along_recording.right_hand_side(discovery.library, discovery.coefficients)
    scale = np.max(np.abs(discovery.initial), 0)
    return along_recording.solve_along(right, initial, times, inputs, scale=scale)


@pytest.fixture(scope="module")
def pendulum():
    names = ["identity(v)", "sin(x)", "identity(drive)", "mul(x,mul(x,v))", "one()"]
    return make(
        names,
        [[1.0, 0, 0, 0, 0], [0, -1.0, 0.3, -0.1, 0.05]],
        ("x", "v"),
        inputs=("drive",),
        initial=[[1.0, 0.0]],
    )


def test_the_solution_is_that_from_sample_to_sample(pendulum):
    """The reference begins anew at every sample, where the input bends."""
    drive = np.sin(1.3 * TIMES)
    state, expected = np.array([1.0, 0.0]), []
    for i, now in enumerate(TIMES):
        expected.append(state)
        if i == len(TIMES) - 1:
            break
        after, given, rise = TIMES[i + 1], drive[i], drive[i + 1] - drive[i]

        def field(t, y, now=now, after=after, given=given, rise=rise):
            u = given + rise * (t - now) / (after - now)
            return y[1], -np.sin(y[0]) + 0.3 * u - 0.1 * y[0] ** 2 * y[1] + 0.05

        solved = solve_ivp(field, (now, after), state, "Radau", rtol=1e-11, atol=1e-11)
        state = solved.y[:, -1]
    found = solve(pendulum, np.array([1.0, 0.0]), TIMES, drive[:, None])
    # Three hundred steps of relative errors below 1e-8.
    np.testing.assert_allclose(found, expected, atol=3e-6)


def test_the_field_is_that_of_the_discovery(pendulum):
    points = np.random.default_rng(0).standard_normal((3, 7))
    expected = [pendulum.vector_field(0.0, p[:2], lambda t, p=p: p[2:]) for p in points.T]
    np.testing.assert_allclose(
        along_recording.right_hand_side(pendulum.library, pendulum.coefficients)(points),
        np.array(expected).T,
        atol=1e-14,
    )


def test_times_that_stand_twice_and_one_time_alone(pendulum):
    twice = np.repeat(TIMES, 2)
    found = solve(pendulum, np.array([1.0, 0.0]), twice, np.zeros((600, 1)))
    np.testing.assert_array_equal(found[::2], found[1::2])
    alone = solve(pendulum, np.array([1.0, 0.0]), TIMES[:1], np.zeros((1, 1)))
    np.testing.assert_array_equal(alone, [[1.0, 0.0]])


def test_a_solution_that_leaves_every_bound():
    found = make(["mul(x,x)"], [[1.0]], ("x",), initial=[[1.0]])
    times = np.linspace(0, 2, 21)
    states = solve(found, np.array([1.0]), times, np.zeros((21, 0)))[:, 0]
    # x = 1 / (1 - t)
    np.testing.assert_allclose(states[:10], 1 / (1 - times[:10]), rtol=1e-6)
    assert np.isnan(states[11:]).all()


def test_no_term_at_all_and_an_operation_of_ones_own():
    still = make([], np.zeros((1, 0)), ("x",), initial=[[2.0]])
    np.testing.assert_array_equal(solve(still, np.array([2.0]), TIMES, NONE), 2.0)
    bump = primitive.Primitive("bump", 1, lambda x: -x * np.e ** (-(x**2)), (-3.0, 3.0), 1.0)
    found = dataclasses.replace(
        make(["identity(x)"], [[1.0]], ("x",), initial=[[1.5]]), library=(Term(bump, (0,)),)
    )
    states = solve(found, np.array([1.5]), TIMES[:100], NONE[:100])
    expected = found.simulate([1.5], TIMES[:100])
    np.testing.assert_allclose(states, expected, atol=1e-6)


def test_a_term_that_is_absent_spreads_no_nan():
    found = make(
        ["identity(x)", "log(y)"], [[-1.0, 0.0], [0.0, 1.0]], ("x", "y"), initial=[[1.0, 1.0]]
    )
    slopes = along_recording.right_hand_side(found.library, found.coefficients)(
        np.array([2.0, -1.0])
    )
    assert slopes[0] == -2 and np.isnan(slopes[1])


def test_held_inputs_stay_until_the_next_row():
    """x' = u, whose solution is the sum of the steps; a straight input beside it adds its own."""
    found = make(
        ["identity(u)", "identity(w)"], [[1.0, 1.0]], ("x",), inputs=("u", "w"), initial=[[0.0]]
    )
    times = np.array([0.0, 1.0, 3.0, 4.0])
    inputs = np.array([[1.0, 0.0], [2.0, 1.0], [-1.0, 0.0], [5.0, 0.0]])
    right = along_recording.right_hand_side(found.library, found.coefficients)
    held = np.array([True, False])
    solved = along_recording.solve_along(right, np.zeros(1), times, inputs, held=held)
    np.testing.assert_allclose(solved[:, 0], [0, 1.5, 6.5, 5.5], atol=1e-7)
    reading = dataclasses.replace(found, held=(True, False))
    simulated = reading.simulate(np.zeros(1), times, inputs)
    np.testing.assert_allclose(np.asarray(simulated)[:, 0], [0, 1.5, 6.5, 5.5], atol=1e-5)
