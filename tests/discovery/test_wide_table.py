"""Columns of a wide table: functions of others, what has an equation, and what drives it."""

import numpy as np
import pytest
from problems import noisy, solved

import nsindy
from nsindy.discovery import wide_table
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.said import read_said
from nsindy.recording.check import check_arrays

ROWS = 241


@pytest.fixture(scope="module")
def demands():
    """White demands of nine consumers: nothing leads from one row to the next."""
    return np.random.default_rng(0).uniform(5, 30, (ROWS, 9))


def test_functions_of_others_are_told_with_their_numbers(demands):
    made = np.column_stack(
        [
            demands[:, 0] + demands[:, 1] + demands[:, 2],
            2.5 * demands[:, 3] + 3,
            50 - 0.02 * demands[:, 4] ** 2,
        ]
    )
    states = np.column_stack([demands, made])
    noise = 0.01 * states.std(0)
    noisy = states + noise * np.random.default_rng(1).standard_normal(states.shape)
    found = wide_table.functions_of_others(noisy, noise)
    assert [(f.column, set(f.others), f.powers) for f in found] == [
        (9, {0, 1, 2}, False),
        (10, {3}, False),
        (11, {4}, True),
    ]
    np.testing.assert_allclose(found[0].coefficients[:3], 1, atol=0.01)
    np.testing.assert_allclose(found[1].coefficients, [2.5, 3], rtol=0.1)
    names = [f"x{i}" for i in range(12)]
    assert found[1].words(names).startswith("x10 is 2.5")
    assert "x11 is a function of x4" in found[2].words(names)


def test_a_column_of_noise_alone_is_no_function(demands):
    """All of it is within its noise; nothing of it is explained."""
    assert not wide_table.functions_of_others(demands, demands.std(0))


@pytest.mark.slow
def test_a_table_without_dynamics_has_no_equation(demands):
    table = np.column_stack([demands, 2 * demands[:, 0] - 1, demands[:, 1:6] @ np.ones(5)])
    table = np.column_stack([table, *(demands[:, k] / 2 + k for k in range(4))])
    noise = 1e-3 * table.std(0) * np.random.default_rng(1).standard_normal(table.shape)
    found = nsindy.discover(np.arange(float(ROWS)), table + noise)
    assert found.states == tuple(f"x{i}" for i in [*range(9), 10])
    assert not np.any(found.coefficients) and found.verdict == "none"
    assert "x9 is 2.0" in "; ".join(found.notes)
    assert found.notes[-1].startswith("no equation was found for x0, x1, x2")
    assert found.equations()[0] == "x0' = 0.000"


def test_what_has_no_equation_is_an_input_of_what_has(demands):
    times = np.linspace(0, 24, ROWS)
    own = solved(lambda y: [y[1], -y[0] - 0.1 * y[1]], (1.0, 0.0), times)
    states = np.column_stack([own, demands])
    recordings = check_arrays(times, states)
    sorted_out = wide_table.sorted_out(recordings, Question())
    assert sorted_out.equations
    assert sorted_out.recordings.states == recordings.states[:2]
    assert sorted_out.recordings.inputs == recordings.states[2:]
    np.testing.assert_array_equal(sorted_out.recordings.parts[0].inputs, demands)
    assert "taken as an input" in sorted_out.recordings.notes[-1]


@pytest.mark.slow
def test_what_a_person_speaks_of_stays(demands):
    """Nothing that was named is left out, and what was given an equation is no input."""
    made = np.column_stack([demands, 2.5 * demands[:, 3] + 3])
    noisy = made + 1e-3 * np.random.default_rng(1).standard_normal(made.shape)
    recordings = check_arrays(np.arange(float(ROWS)), noisy)
    question = Question(know=["x1' = ... - 2 x9"])
    mentions = read_said(question, recordings).mentions(recordings.states)
    assert mentions.columns & {*recordings.states} == {"x1", "x9"}
    assert mentions.equations == {"x1"}
    found = wide_table.sorted_out(recordings, question, mentions).recordings
    assert found.states == ("x1",) and "x9" in found.inputs
    (bound,) = read_said(question, found).physics.given
    assert bound.equation == 0 and bound.term.arguments == (1 + found.inputs.index("x9"),)


@pytest.mark.slow
def test_a_table_that_comes_to_rest_has_its_equations():
    """Nothing happens in the last fifth, so it says nothing; the others do."""
    times = np.linspace(0, 40, ROWS)
    rates = np.linspace(0.3, 1.0, 9)
    states = solved(lambda y: np.roll(y, 1) * 0.5 - rates * y, np.linspace(1, 3, 9), times)
    found = wide_table.sorted_out(check_arrays(times, noisy(states, 0.003)), Question())
    assert found.equations and not found.recordings.inputs
