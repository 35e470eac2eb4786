"""A sine of the time is told from the oscillations of systems."""

import numpy as np
import pytest
from problems import prepared
from scipy.integrate import solve_ivp

from nsindy.discovery import generated

TIMES = np.linspace(0, 30, 300)


def told(columns, noise=0.01, times=TIMES):
    draws = np.random.default_rng(0).normal(size=columns.shape)
    return generated.sines(prepared(times, columns + noise * draws).signals).tolist()


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1])
def test_a_sine_about_a_mean_and_what_is_none(noise):
    sine = 2 + np.sin(1.3 * TIMES + 0.4)
    triangle = np.arcsin(np.sin(1.3 * TIMES))
    two = np.sin(1.3 * TIMES) + 0.5 * np.sin(2.7 * TIMES)
    half = np.sin(0.15 * TIMES)
    columns = np.stack([sine, triangle, two, half], 1)
    assert told(columns, noise)[0] is True
    # A triangle's third harmonic, a ninth of it, is hidden by as much noise.
    assert told(columns, noise)[1:] == [False, False, False]


def test_an_oscillator_about_its_rest_is_none():
    field = lambda t, y: [y[1], (1 - y[0] ** 2) * 0.5 * y[1] - y[0]]  # noqa: E731
    states = solve_ivp(field, (0, 30), [2.0, 0.0], t_eval=TIMES, rtol=1e-8).y.T
    assert told(states) == [False, False]
    decaying = np.exp(-0.01 * TIMES) * np.cos(TIMES)
    assert told(decaying[:, None]) == [False]


def test_few_rows_show_none():
    times = TIMES[:15]
    assert told(np.sin(1.3 * times)[:, None], times=times) == [False]
