"""What a generator makes is told from driven states and from oscillations that decay."""

import numpy as np
import pytest
from problems import prepared, signal
from scipy.integrate import solve_ivp
from scipy.signal import sawtooth

from nsindy.discovery import generated

TIMES = np.linspace(0, 30, 600)


def told(columns, noise=0.01, times=TIMES):
    draws = np.random.default_rng(0).normal(size=columns.shape)
    return generated.repeating(prepared(times, columns + noise * draws).signals).tolist()


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("shape", ["sine", "triangle", "saw", "harmonics"])
def test_the_input_of_a_circuit_repeats_itself_and_its_state_does_not(shape, noise):
    wave = {
        "sine": np.sin,
        "triangle": lambda phase: sawtooth(phase, 0.5),
        "saw": sawtooth,
        "harmonics": lambda phase: np.sin(phase) + 1.4 * np.sin(2 * phase + 1),
    }[shape]
    field = lambda t, y: (wave(1.3 * t + 0.4) - y) / 0.8  # noqa: E731
    voltage = solve_ivp(field, (0, 30), [1.0], t_eval=TIMES, rtol=1e-8, max_step=0.05).y[0]
    assert told(np.stack([2 + wave(1.3 * TIMES + 0.4), voltage], 1), noise) == [True, False]


def test_what_decays_or_never_comes_again_does_not_repeat_itself():
    columns = [
        np.exp(-0.01 * TIMES) * np.cos(TIMES),
        np.sin(1.3 * TIMES) + 0.5 * np.sin(2.1 * TIMES * np.sqrt(2)),
        np.sin(0.5 * TIMES + 0.05 * TIMES**2),
        np.sin(0.15 * TIMES),
        0.1 * TIMES,
        np.random.default_rng(1).gamma(0.05, 1.0, len(TIMES)),
    ]
    assert told(np.stack(columns, 1)) == [False] * 6


def test_few_rows_do_not_tell():
    times = TIMES[:15]
    assert told(np.sin(9 * times)[:, None], times=times) == [False]


def test_a_slow_drift_repeats_nothing_however_long_the_recording():
    """Of some lengths rounding leaves no period that could be tried."""
    for span in np.random.default_rng(0).uniform(1, 100, 40):
        drift = np.linspace(0, 1, 200)[:, None]
        made = signal(drift, times=np.linspace(0, span, 200))
        assert not generated.repeating([made]).any()
