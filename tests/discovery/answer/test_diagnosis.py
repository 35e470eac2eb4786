"""What may be missing, on recordings that lack it."""

import numpy as np
import pytest
from problems import noisy, prepared, signal, solved

from nsindy.discovery.answer import diagnosis

TIMES = np.linspace(0, 20, 300)


def told(times, states, residuals=None):
    """What is said of a recording [N, D]."""
    one = prepared(times, states)
    left = [np.zeros(states.shape)] if residuals is None else [residuals]
    return diagnosis.reasons(one, left, tuple("xyz"[: states.shape[1]]))


@pytest.fixture(scope="module")
def swing():
    return noisy(solved(lambda y: [y[1], -y[0] - 0.1 * y[1]], [1.0, 0.0], TIMES), 0.01)


def test_a_function_of_points_is_not_ambiguous_and_noise_is():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (2000, 2))
    clear = diagnosis.ambiguity(points, points[:, 0] ** 2 + points[:, 1], 5)
    assert clear < 0.02
    np.testing.assert_allclose(
        diagnosis.ambiguity(points, rng.standard_normal(2000), 5), 1.0, atol=0.1
    )


@pytest.mark.parametrize("values", (np.ones(100), np.arange(8.0)))
def test_nothing_is_said_of_a_constant_or_of_few_samples(values):
    assert np.isnan(diagnosis.ambiguity(np.arange(len(values))[:, None], values, 5))


def test_one_coordinate_of_an_oscillator_needs_order_2(swing):
    (reason,) = told(TIMES, swing[:, :1])
    assert reason.what.startswith("x' is no function of x") and "--order 2" in reason.step


def test_both_coordinates_lack_nothing(swing):
    assert told(TIMES, swing) == ()


def test_a_delay_is_told_with_its_length():
    """The equation of Mackey and Glass (1977), whose delay is 17."""
    lag, values = 170, [1.2] * 171
    for i in range(lag, lag + 3000):
        before = values[i - lag]
        values.append(values[i] + 0.1 * (0.2 * before / (1 + before**10) - 0.1 * values[i]))
    seen = np.array(values[-2000::5])[:, None]
    (reason,) = told(0.5 * np.arange(len(seen)), noisy(seen, 0.01))
    assert "earlier it nearly is" in reason.what and "delay" in reason.step
    delay = float(reason.what.split("with x as it was ")[1].split(" ")[0])
    assert 14 < delay < 20


def test_white_noise_is_too_coarse():
    one = signal(np.random.default_rng(1).standard_normal((300, 1)))
    (reason,) = diagnosis._coarse(one, ("x",))
    assert "too coarse" in reason.what and reason.step == "record with smaller steps"


def test_noise_about_a_state_that_rests_is_not_too_coarse():
    """Most samples turn, by the noise of a hundredth, which smoothing has told."""
    rest = noisy(np.exp(-0.5 * TIMES)[:, None], 0.01)
    made = prepared(TIMES, rest).signals[0]
    change = np.sign(np.diff(rest[:, 0]))
    assert np.mean(change[1:] * change[:-1] < 0) > 0.5
    assert not list(diagnosis._coarse(made, ("x",)))


def test_what_is_left_may_be_periodic(swing):
    left = 0.2 * np.cos(2 * np.pi * np.arange(300) / 30)[:, None] * [1.0, 0.0]
    (reason,) = told(TIMES, swing, left)
    assert "swings once in 30 samples" in reason.what and "--inputs" in reason.step


def test_a_recording_that_only_falls_is_short():
    (reason,) = told(TIMES, np.exp(-TIMES / 10)[:, None])
    assert "only rise or only fall" in reason.what and "longer" in reason.step
