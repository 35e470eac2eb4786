"""Columns that noise drives: told from smooth paths, and from states that have an equation."""

import numpy as np
import pytest
from problems import noisy, solved

import nsindy
from nsindy.discovery import constants
from nsindy.discovery.wandering import wandering, without_wandering
from nsindy.recording.check import Recording, check_arrays

TIMES = np.linspace(0, 30, 300)


def recording(times, states):
    return Recording(times, states, np.zeros((len(times), 0)))


@pytest.fixture(scope="module")
def walk():
    return 12 + 0.3 * np.cumsum(np.random.default_rng(3).standard_normal(300))


def prey_and_predators():
    return solved(lambda y: [y[0] - y[0] * y[1], y[0] * y[1] - y[1]], [2.0, 1.0], TIMES)


def test_a_random_walk_is_told_from_the_states_of_a_system(walk):
    states = noisy(prey_and_predators(), 0.02, seed=1)
    one, other, random = wandering([recording(TIMES, np.column_stack([states, walk]))])
    assert random.at_random and random.gain > 10
    assert not one.at_random and not other.at_random and one.gain < 0


@pytest.mark.parametrize("seed", range(3))
def test_what_returns_to_its_mean_or_is_white_or_at_rest_does_not_wander(seed):
    rng = np.random.default_rng(seed)
    returns = np.zeros(400)
    for n in range(399):
        returns[n + 1] = 0.7 * returns[n] + rng.standard_normal()
    rest = np.exp(-np.arange(400) / 5) + 0.05 * rng.standard_normal(400)
    columns = np.column_stack([returns, rng.standard_normal(400), rest])
    found = wandering([recording(np.arange(400.0), columns)])
    assert not any(each.at_random for each in found)


def test_white_noise_is_told_from_random_walks():
    """The margins that `constants.WANDERS` speaks of, of fewer series."""
    white = np.random.default_rng(11).standard_normal((400, 20))
    found = wandering([recording(np.arange(400.0), white)])
    assert max(each.gain for each in found) < 1
    found = wandering([recording(np.arange(400.0), np.cumsum(white, 0))])
    assert min(each.gain for each in found) > constants.WANDERS


def test_steps_that_another_column_foretells_are_no_wandering():
    """A motor's current, all of whose jumps follow the voltage of the row before."""
    rng = np.random.default_rng(0)
    voltage = rng.choice([0.0, 1.0, 2.0], 300) + 0.01 * rng.standard_normal(300)
    current = np.zeros(300)
    for n in range(299):
        current[n + 1] = 0.9 * current[n] + 0.5 * voltage[n]
    found = wandering([recording(np.arange(300.0), np.column_stack([voltage, current]))])
    assert found[1].foretold and not found[1].at_random


def test_irregular_steps_and_gaps_change_nothing(walk):
    rng = np.random.default_rng(5)
    times = np.sort(rng.uniform(0, 100, 400))
    steps = np.sqrt(np.diff(times, prepend=0.0)) * rng.standard_normal(400)
    random, smooth = np.cumsum(steps), np.sin(times / 5) + 0.02 * rng.standard_normal(400)
    random[::7], smooth[::5] = np.nan, np.nan
    found = wandering([recording(times, np.column_stack([random, smooth]))])
    assert [each.at_random for each in found] == [True, False]


def test_rounded_readings_do_not_wander():
    x = np.round(np.cumsum(np.random.default_rng(2).standard_normal(300)) / 5)
    (found,) = wandering([recording(np.arange(300.0), x[:, None])])
    assert not found.at_random


def test_what_wanders_becomes_an_input_with_a_note(walk):
    states = np.column_stack([prey_and_predators(), walk])
    recordings = check_arrays(TIMES, states, states=["prey", "predators", "voltage"])
    found, equations = without_wandering(recordings)
    assert found.states == ("prey", "predators") and found.inputs == ("voltage",) and equations
    assert found.notes[-1].startswith("voltage wanders: ")
    assert without_wandering(recordings, {"voltage"}).recordings is recordings
    states[::3, 2] = np.nan
    left, _ = without_wandering(
        check_arrays(TIMES, states, states=["prey", "predators", "voltage"])
    )
    assert left.states == ("prey", "predators") and not left.inputs and "left out" in left.notes[-1]


def test_where_all_wander_there_is_no_equation(walk):
    found = nsindy.discover(TIMES, walk[:, None], states=["price"])
    assert found.verdict == "none" and found.states == ("price",)
    assert found.notes[-1].startswith("price wanders: ")
