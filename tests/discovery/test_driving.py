"""States that something outside drives: told apart, and taken as inputs of the others."""

import numpy as np
import pytest
from problems import noisy
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

import nsindy
from nsindy.discovery import driving
from nsindy.discovery.opening import case_of, opened
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


def behind_another():
    """A car that follows another, 1.5 m/s slower; the speed of that one has two waves."""
    lead = CubicSpline(TIMES, 3 + 2 * np.sin(0.9 * TIMES + 1) + np.sin(1.7 * TIMES + 2))
    x = driven(lambda t, y: [lead(t) - y[1], 0.4 * y[0] + 0.8 * (lead(t) - y[1]) - 1.5], [5.0, 2.0])
    return np.hstack([noisy(x, 0.005), lead(TIMES)[:, None]])


@pytest.mark.slow
def test_states_that_alone_have_no_equation_are_inputs_where_together_all_are_lost():
    recordings = check_arrays(TIMES, behind_another(), states=["gap", "v", "lead"])
    question = Question(operations=(), degree=1)
    case = case_of(recordings, question, lambda stage, share: None, lambda: False)
    fewer, opening = driving.from_outside(case, opened(case, *case.usual()))
    assert fewer.recordings.states == ("gap", "v")
    assert opening.first.chosen.mask.sum(1).tolist() == [2, 4]
    assert "no equation was found for lead" in fewer.recordings.notes[-1]


@pytest.mark.slow
def test_a_smooth_input_is_told_by_what_each_state_comes_to_alone():
    """Some equation follows two waves for a while, and takes the others with it."""
    found = nsindy.discover(TIMES, behind_another(), states=["gap", "v", "lead"])
    assert found.states == ("gap", "v") and found.verdict == "equation"
    chosen = [{found.terms[m] for m in np.flatnonzero(row)} for row in found.coefficients]
    assert chosen == [{"v", "lead"}, {"1", "gap", "v", "lead"}]


@pytest.mark.slow
def test_a_season_that_drives_prey_makes_no_input_of_them():
    """Predators alone have an equation beside the prey, which something drives in time."""
    x = driven(
        lambda t, y: [
            y[0] * (1 - y[1] / 2) + 0.8 * np.cos(2.2 * t + 0.5),
            -0.8 * y[1] + 0.4 * y[0] * y[1],
        ],
        [3.0, 1.5],
    )
    found = nsindy.discover(TIMES, noisy(x, 0.005), states=["x", "y"])
    assert found.states == ("x", "y")


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


@pytest.mark.slow
def test_a_smooth_dose_is_no_state_though_it_spoils_little():
    """Some equation follows the doses for a while, and misses the others by a few per cent."""
    weeks = np.arange(0, 81.0)

    def dose(t):
        return 4 * np.exp(-(((t - 30) / 14) ** 2)) + 0.8

    def epidemic(t, y):
        return [-0.0032 * y[0] * y[1] - dose(t), 0.0032 * y[0] * y[1] - 0.11 * y[1]]

    clean = solve_ivp(epidemic, (0, 80), [180.0, 1.0], t_eval=weeks, rtol=1e-9, atol=1e-9).y.T
    columns = np.column_stack([noisy(clean, 0.01), dose(weeks)])
    found = nsindy.discover(weeks, columns, states=["S", "I", "doses"])
    assert found.states == ("S", "I") and found.inputs == ("doses",)
    terms = [{found.terms[m] for m in np.flatnonzero(row)} for row in found.coefficients]
    assert terms == [{"doses", "S I"}, {"I", "S I"}]
