import time

import numpy as np
import pytest

from nsindy.discovery import smoothing


def wave(n=400, noise=0.0, seed=0, proportional=False):
    times = np.linspace(0, 10, n)
    clean = 2 + np.sin(2 * times) * np.exp(-0.1 * times)
    scale = np.abs(clean) if proportional else 1.0
    values = clean + noise * scale * np.random.default_rng(seed).standard_normal(n)
    slope = np.exp(-0.1 * times) * (2 * np.cos(2 * times) - 0.1 * np.sin(2 * times))
    return times, clean, slope, values


def test_noise_level_and_kind_are_found():
    for proportional in (False, True):
        levels = []
        for seed in range(20):
            times, *_, values = wave(noise=0.05, seed=seed, proportional=proportional)
            found = smoothing.smooth(times, values)
            assert found.proportional == proportional
            levels.append(found.level)
        # The standard error of a standard deviation from 400 samples is 3.5 %.
        assert np.mean(levels) == pytest.approx(0.05, rel=0.035)


def test_spikes_are_no_proportional_noise():
    times = np.linspace(0, 40, 500)
    clean = np.exp(-(((times % 6) - 3) ** 2) / 0.3) + 0.02
    for seed in range(8):
        values = clean + 0.015 * np.random.default_rng(seed).standard_normal(500)
        found = smoothing.smooth(times, values)
        assert found.resolved and not found.proportional
        assert np.sqrt(np.mean((found.states - clean) ** 2)) < 0.015


def test_a_spline_through_every_sample_has_told_no_noise():
    times = np.linspace(0, 10, 200)
    found = smoothing.smooth(times, np.cos(1.2 * times**2))
    assert not found.resolved and not found.proportional


def test_error_of_the_state_is_what_the_effective_freedom_says():
    ratios = []
    for seed in range(20):
        times, clean, _, values = wave(noise=0.05, seed=seed)
        found = smoothing.smooth(times, values)
        ratios.append(np.mean((found.states - clean) ** 2) / (0.05**2 * found.freedom / len(times)))
    assert 0.7 < np.mean(ratios) < 1.5


def test_without_noise_it_interpolates_and_differentiates():
    times, clean, slope, values = wave()
    found = smoothing.smooth(times, values)
    np.testing.assert_allclose(found.states, clean, atol=1e-6)
    np.testing.assert_allclose(found.derivatives[20:-20], slope[20:-20], atol=1e-4)
    np.testing.assert_allclose(
        found.curvatures[20:-20], np.gradient(slope, times)[20:-20], atol=5e-3
    )
    assert not found.proportional


def test_polynomials_that_the_penalty_does_not_see_are_exact():
    times = np.sort(np.random.default_rng(0).uniform(0, 3, 60))
    values = 1 - 2 * times + 0.5 * times**3
    found = smoothing.smooth(times, values + 0.01 * np.random.default_rng(1).standard_normal(60))
    assert found.freedom == pytest.approx(4, abs=1.5)
    assert np.sqrt(np.mean((found.states - values) ** 2)) < 0.01


def test_units_change_nothing():
    times, *_, values = wave(noise=0.05)
    one = smoothing.smooth(times, values)
    other = smoothing.smooth(1e9 * times, 1e-9 * values)
    # The scale is found to 0.01 in its logarithm, which moves a state by a thousandth of the noise.
    np.testing.assert_allclose(other.states, 1e-9 * one.states, atol=1e-3 * 0.05e-9)
    np.testing.assert_allclose(other.derivatives, 1e-18 * one.derivatives, atol=1e-2 * 0.05e-18)


def test_cost_is_linear_and_a_long_recording_has_fewer_knots(monkeypatch):
    knots, build = [], smoothing._problem

    def counted(times, pieces):
        knots.append(pieces)
        return build(times, pieces)

    monkeypatch.setattr(smoothing, "_problem", counted)
    seconds = []
    for n in (25_000, 25_000, 200_000):
        times = np.linspace(0, 10, n)
        values = np.sin(times) + 0.1 * np.random.default_rng(0).standard_normal(n)
        begun = time.process_time()
        found = smoothing.smooth(times, values)
        seconds.append(time.process_time() - begun)
        assert np.sqrt(np.mean((found.states - np.sin(times)) ** 2)) < 0.005
    assert max(knots) == smoothing.KNOTS
    # Eight times the samples, eight times the work, or 64 times were it quadratic. Of this
    # processor's own time, so that what else runs here counts little; the first warms up.
    assert seconds[2] < 24 * seconds[1]


def test_too_few_samples():
    with pytest.raises(ValueError, match="9 samples are too few"):
        smoothing.smooth(np.arange(9.0), np.arange(9.0))


def test_states_that_only_rest_are_smoothed_as_stiffly_as_doubles_can():
    times = np.linspace(0, 10, 512)
    for seed in range(12):
        values = 0.53 * (1 + 0.05 * np.random.default_rng(seed).standard_normal(512))
        states = smoothing.smooth(times, values).states
        assert np.sqrt(np.mean((states - 0.53) ** 2)) < 0.05 * 0.53
