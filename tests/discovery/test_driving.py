"""States that something outside drives: told apart, and taken as inputs of the others."""

import numpy as np
import pytest
from problems import noisy
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

import nsindy
from nsindy.discovery.opening import case_of
from nsindy.discovery.preparation.question import Question
from nsindy.recording.arrange import as_inputs
from nsindy.recording.check import check_arrays

TIMES = np.linspace(0, 20, 200)


def drive(seed, step=1.0):
    """A smooth signal that nothing foretells."""
    knots = np.arange(-step, TIMES[-1] + 2 * step, step)
    return CubicSpline(knots, np.random.default_rng(seed).standard_normal(len(knots)))


def driven(field, initial):
    return solve_ivp(field, (0, 20), initial, t_eval=TIMES, rtol=1e-9, atol=1e-11).y.T


def test_noise_that_was_given_for_each_state_goes_with_it():
    recordings = check_arrays(TIMES, np.column_stack([np.sin(TIMES), np.cos(TIMES), TIMES % 3]))
    question = Question(noise=[0.1, 0.2, 0.3], hold=[])
    case = case_of(recordings, question, lambda stage, share: None, lambda: False)
    fewer = case.with_columns(as_inputs(recordings, ["y"]))
    assert fewer.question.noise == [0.1, 0.3] and fewer.question.hold == (False,)


@pytest.mark.slow
def test_an_input_that_was_not_named():
    """As a state the voltage has no equation, and its wrong one spoils that of the circuit."""
    u = drive(1)
    x = driven(lambda t, y: 0.5 * (u(t) - y), [1.0])
    found = nsindy.discover(
        TIMES, np.hstack([noisy(x, 0.01), u(TIMES)[:, None]]), states=["V", "u"]
    )
    assert found.states == ("V",) and found.inputs == ("u",) and found.verdict == "equation"
    assert {found.terms[m] for m in np.flatnonzero(found.coefficients[0])} == {"V", "u"}
    assert "u is taken as an input" in "; ".join(found.notes)


@pytest.mark.slow
def test_a_torque_beside_positions_and_what_is_said_of_it():
    torque = drive(2)
    x = driven(lambda t, y: [y[1], torque(t) - 4 * np.sin(y[0]) - 0.2 * y[1]], [1.0, 0.0])
    columns = np.hstack([noisy(x, 0.005), torque(TIMES)[:, None]])
    found = nsindy.discover(TIMES, columns, states=["a", "w", "torque"])
    assert found.states == ("a", "w")
    assert {found.terms[m] for m in np.flatnonzero(found.coefficients[1])} == {
        "w",
        "torque",
        "sin(a)",
    }


@pytest.mark.slow
def test_a_state_with_an_equation_that_the_library_lacks_stays_a_state():
    """A consumer whose growth saturates with the root of a sum: no term, yet a function of both."""
    x = driven(
        lambda t, y: [
            y[0] * (1 - y[0] / 8) - y[0] * y[1] / np.sqrt(1 + y[0] + y[0] ** 2 / 3),
            0.6 * y[0] * y[1] / np.sqrt(1 + y[0] + y[0] ** 2 / 3) - 0.6 * y[1],
        ],
        [2.0, 1.0],
    )
    found = nsindy.discover(TIMES, noisy(x, 0.005), states=["x", "y"])
    assert found.states == ("x", "y")
