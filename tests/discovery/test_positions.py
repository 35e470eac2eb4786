"""Recordings of positions alone, whose equations are of second order."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from by_hand import make
from problems import noisy, prepared, solved

import nsindy
from nsindy.discovery import positions
from nsindy.discovery.positions import Answer

TIMES = np.linspace(0, 20, 400)
SWING = solved(lambda y: [y[1], -2.0 * np.sin(y[0]) - 0.1 * y[1]], [1.5, 0.0], TIMES)[:, :1]
DECAY = np.exp(-0.3 * TIMES)[:, None]

FIRST = make(["identity(x)"], [[0.0]], ["x"], verdict="none", simulation_r2=np.array([0.0]))
SECOND = make(
    ["identity(x')", "identity(x)"],
    [[1.0, 0.0], [0.0, -2.0]],
    ["x", "x'"],
    order=2,
    simulation_r2=np.array([0.99]),
)


def of(found, problem=None, stretches=1):
    """The answer that consists of a discovery, of this problem, fitted in so many stretches."""
    chosen = SimpleNamespace(mask=np.array([[True]]))
    final = SimpleNamespace(stretches=stretches, chosen=chosen)
    model = SimpleNamespace(prepared=problem, final=final, first=SimpleNamespace(chosen=chosen))
    return Answer(found, model)


def with_r2(found, ahead=0.99, **changes):
    held_out = found.held_out._replace(r2=np.array([ahead]))
    return dataclasses.replace(found, held_out=held_out, **changes)


def test_equations_of_second_order_are_the_answer_where_a_swing_shows_them():
    problem = prepared(TIMES, noisy(SWING, 0.01))
    found = positions.with_second_order(of(FIRST, problem), of(SECOND, problem))
    assert found.order == 2 and "x turned out to be a position" in found.notes[-1]


def test_what_only_falls_shows_no_position_but_a_word_is_said():
    problem = prepared(TIMES, noisy(DECAY, 0.01))
    assert positions.by_second_order(problem, of(SECOND, problem)) is None
    found = positions.with_second_order(of(FIRST, problem), of(SECOND, problem))
    assert found.order == 1 and found.warnings[-1].endswith("x'' = -2.000 x; try --order 2")


@pytest.mark.parametrize(
    "second",
    [
        with_r2(SECOND, verdict="none"),
        with_r2(SECOND, simulation_r2=np.array([0.5])),
    ],
    ids=["none", "not followed"],
)
def test_what_does_not_follow_is_no_answer(second):
    problem = prepared(TIMES, noisy(SWING, 0.01))
    assert positions.with_second_order(of(FIRST, problem), of(second, problem)) is FIRST


def test_what_does_not_foretell_is_a_hint_that_says_so():
    problem, second = prepared(TIMES, noisy(SWING, 0.01)), with_r2(SECOND, ahead=-3.0)
    assert positions.by_second_order(problem, of(second, problem)) is None
    found = positions.with_second_order(of(FIRST, problem), of(second, problem))
    assert found.order == 1 and "does not foretell the last: x'' = -2.000 x" in found.warnings[-1]


def test_an_approximation_is_better_than_nothing_but_not_than_another():
    problem, near = prepared(TIMES, noisy(SWING, 0.01)), with_r2(SECOND, verdict="approximation")
    assert positions.by_second_order(problem, of(near, problem)) is None
    assert positions.with_second_order(of(FIRST, problem), of(near, problem)).order == 2
    other = dataclasses.replace(FIRST, verdict="approximation")
    assert positions.with_second_order(of(other, problem), of(near, problem)) is other


@pytest.mark.parametrize(
    ("states", "stretches", "answers"),
    [(SWING, 1, False), (SWING, 5, True), (SWING, 60, False), (SWING[:60], 5, False)],
    ids=["one stretch", "few", "many", "no turns"],
)
def test_no_simulation_follows_chaos_but_few_stretches_tell_its_equations(
    states, stretches, answers
):
    problem = prepared(TIMES[: len(states)], noisy(states, 0.01))
    lost = with_r2(SECOND, ahead=-3.0, simulation_r2=np.array([-1.0]))
    found = positions.by_second_order(problem, of(lost, problem, stretches))
    assert (found is not None) == answers


@pytest.mark.slow
def test_a_swing_of_which_only_the_angle_was_recorded():
    found = nsindy.discover(TIMES, noisy(SWING, 0.005), states=["a"])
    assert found.order == 2 and found.verdict == "equation"
    assert {found.terms[m] for m in np.flatnonzero(found.coefficients[1])} == {"a'", "sin(a)"}
    kept = nsindy.discover(TIMES, noisy(SWING, 0.005), states=["a"], order=1)
    assert kept.order == 1 and kept.verdict != "equation"
