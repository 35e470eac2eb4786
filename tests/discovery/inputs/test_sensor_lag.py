"""Prey and predators, counted by traps of which one follows late: τ z' = y - z."""

import dataclasses
import functools

import numpy as np
import pytest
from problems import coefficients, noisy, solved

import nsindy
from nsindy.discovery.inputs import sensor_lag
from nsindy.discovery.opening import behind_sensors, case_of, opened
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.question import Question
from nsindy.recording.check import Recording, check_arrays
from nsindy.report.replay import replays

TIMES = np.linspace(0, 25, 300)
LAG = 0.3
TRUTH = ({"x": 0.9, "x y": -0.6}, {"y": -0.8, "x y": 0.5})


def hares(y):
    return [
        0.9 * y[0] - 0.6 * y[0] * y[1],
        -0.8 * y[1] + 0.5 * y[0] * y[1],
        (y[1] - y[2]) / LAG,
    ]


@functools.cache
def readings(*columns):
    return noisy(solved(hares, (2.0, 0.8, 0.8), TIMES)[:, columns], 0.005)


@functools.cache
def found():
    return nsindy.discover(TIMES, readings(0, 2), operations=())


def behind(states):
    question = Question(operations=())
    case = case_of(check_arrays(TIMES, states), question, lambda *now: None, lambda: False)
    return behind_sensors(case, opened(case, *case.usual()))


@pytest.mark.slow
def test_a_late_sensor_is_found_with_the_equations_behind_it():
    late = behind(readings(0, 2))
    chosen = late.first.chosen.mask
    assert chosen.sum(1).tolist() == [2, 2]
    assert late.lag.times[0] == 0
    assert abs(late.lag.times[1] - LAG) < 4 * late.lag.errors[1]


@pytest.mark.slow
def test_the_equations_are_of_what_a_late_sensor_follows():
    assert found().verdict == "equation"
    for equation, truth in enumerate(TRUTH):
        told = coefficients(found(), equation)
        assert told.keys() == truth.keys()
        assert all(abs(told[name][0] - truth[name]) < 4 * told[name][1] for name in truth)
    assert found().sensor_lag[0] == 0
    assert abs(found().sensor_lag[1] - LAG) < 0.01
    assert any("the sensor lags behind what it measures, of y by" in n for n in found().notes)


def test_sensors_that_are_not_late_stay_so():
    assert behind(readings(0, 1)) is None


@pytest.mark.slow
def test_a_lag_is_kept_in_a_file_and_replayed(tmp_path):
    found().save(tmp_path / "found.json")
    again = nsindy.load(tmp_path / "found.json")
    assert np.array_equal(again.sensor_lag, found().sensor_lag)
    recordings = check_arrays(TIMES, readings(0, 2))
    (late,) = replays(again, recordings)
    (prompt,) = replays(dataclasses.replace(again, sensor_lag=None), recordings)
    noise = 0.005 * readings(0, 2).std(0)
    assert np.all(late.residual.std(0) < 1.2 * noise)
    assert prompt.residual.std(0)[1] > 5 * noise[1]


@pytest.mark.parametrize("step", (0.05, 0.2))
def test_a_state_is_its_reading_and_a_share_of_its_slope(step):
    times = np.arange(0, 4, step)
    slopes = [np.cos(times)[:, None]]
    part = Recording(times, np.sin(times)[:, None], np.zeros((len(times), 0)))
    lag = sensor_lag.SensorLag([part], slopes, np.array([0.1]), np.full((1, 1), 0.02**2))
    assert signals.usual_step(lag.parts) == pytest.approx(step)
    (state,) = lag.states
    np.testing.assert_allclose(state.states[:, 0], np.sin(times) + 0.1 * np.cos(times))
    assert lag.near(lag._replace(times=np.array([0.104])))
    assert not lag.near(lag._replace(times=np.array([0.12])))
    assert "of x by 0.10 ± 0.02 in the unit of the times" in sensor_lag.note(lag, ("x",))
