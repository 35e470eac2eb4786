"""Lines that the time draws in smoothed derivatives."""

import numpy as np
import pytest
from problems import noisy, prepared
from scipy.integrate import solve_ivp

from nsindy.discovery.inputs import lines as of_time
from nsindy.discovery.inputs.beside_terms import Sampled
from nsindy.discovery.inputs.lines import lines

TIMES = np.linspace(0, 20, 200)


def problem(derivatives):
    """A recording of one state with these derivatives."""
    made = prepared(TIMES, noisy(np.sin(TIMES)[:, None], 0.01))
    changed = made.signals[0]._replace(derivatives=derivatives[:, None], freedom=100.0)
    return made._replace(signals=[changed])


def test_a_line_is_found_at_its_frequency():
    alone, carried = lines(problem(np.cos(2.37 * TIMES)), [0])
    assert alone.number == pytest.approx(2.37, abs=0.01) and alone.share > 0.99
    assert alone.gain > alone.least and (alone.equation, alone.place) == (0, 0)
    assert carried.place > 0 and carried.share < alone.share


def test_a_line_of_a_rate_stands_times_the_state():
    alone, carried = lines(problem(np.sin(TIMES) * np.cos(3.3 * TIMES)), [0])
    assert carried.number == pytest.approx(3.3, abs=0.01) and carried.share > 0.99
    assert carried.share > alone.share


def test_noise_draws_no_line():
    noise = np.random.default_rng(0).standard_normal(len(TIMES))
    assert all(line.gain < line.least for line in lines(problem(noise), [0]))
    assert lines(problem(noise), []) == []


def test_what_a_wave_explains_is_that_of_least_squares(monkeypatch):
    """In pieces as at once; and nothing where the terms leave nothing of it."""
    random = np.random.default_rng(1)
    basis = np.linalg.qr(np.column_stack([np.cos(TIMES), random.standard_normal((200, 3))]))[0]
    carrier, rest = random.standard_normal((2, 200))
    rest = rest - basis @ (basis.T @ rest)
    numbers = np.array([0.5, 1.7, 4.0])
    shares = of_time._shares(numbers, TIMES, carrier, basis, rest)
    for number, share in zip(numbers, shares, strict=True):
        waves = np.stack([np.sin(number * TIMES), np.cos(number * TIMES)], 1) * carrier[:, None]
        both = np.column_stack([basis, waves])
        left = rest - both @ np.linalg.lstsq(both, rest, rcond=None)[0]
        assert share == pytest.approx(1 - np.sum(left**2) / np.sum(rest**2), rel=1e-9)
    monkeypatch.setattr(of_time.constants, "WAVES_AT_ONCE", 1)
    np.testing.assert_allclose(of_time._shares(numbers, TIMES, carrier, basis, rest), shares)
    of_span = of_time._explained(np.outer(TIMES, [1.0]), np.ones(200), basis, np.cos(TIMES))
    assert np.isfinite(of_span).all()


def driven(drive, seed=0):
    """A free oscillator with a drive, of which position and velocity are recorded."""
    times = np.linspace(0, 60, 500)
    path = solve_ivp(
        lambda t, y: [y[1], -2.0 * y[0] - 0.02 * y[1] + drive(t)],
        (0, 60),
        [1.0, 0.0],
        t_eval=times,
        rtol=1e-9,
        atol=1e-10,
    )
    return prepared(times, noisy(path.y.T, 0.005))


def test_few_terms_need_a_line_that_drives_them():
    made = driven(lambda t: 0.5 * np.cos(0.83 * t))
    (line, *_) = lines(made, [1])
    assert of_time.clear(made, line) and not of_time._follows(Sampled.of(made), line)


def test_few_terms_need_no_line_that_is_not_there():
    made = driven(lambda t: 0.0)
    (line, *_) = lines(made, [1])
    assert not of_time.clear(made, line)
    # It turns by itself, at the root of 2.
    assert of_time._follows(Sampled.of(made), line._replace(number=np.sqrt(2)))
