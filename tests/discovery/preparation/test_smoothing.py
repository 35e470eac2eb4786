import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nsindy.discovery import constants
from nsindy.discovery.preparation import smoothing, splines


def wave(n=400, noise=0.0, seed=0, proportional=False):
    times = np.linspace(0, 10, n)
    clean = 2 + np.sin(2 * times) * np.exp(-0.1 * times)
    scale = np.abs(clean) if proportional else 1.0
    values = clean + noise * scale * np.random.default_rng(seed).standard_normal(n)
    slope = np.exp(-0.1 * times) * (2 * np.cos(2 * times) - 0.1 * np.sin(2 * times))
    return times, clean, slope, values


def test_what_is_zero_throughout_has_no_noise():
    """A dose that was not given, beside others whose noise is a share of them."""
    times = np.linspace(0, 10, 30)
    for kind in (None, True):
        found = smoothing.smooth(times, np.zeros(30), proportional=kind)
        assert not found.proportional and not found.noise.any() and not found.states.any()


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


def test_cost_is_linear(monkeypatch):
    """With a knot for every sample, 16 times as many take 16 times the time, not 256 times."""
    monkeypatch.setattr(constants, "MOST_KNOTS", 10**9)
    monkeypatch.setattr(constants, "KNOTS_PER_FREEDOM", 10**9)

    def seconds(samples):
        times = np.linspace(0, 10, samples)
        values = np.sin(times) + 0.1 * np.random.default_rng(0).standard_normal(samples)
        before = time.thread_time()
        smoothing.smooth(times, values)
        return time.thread_time() - before

    with threadpool_limits(1, user_api="blas"):
        few, many = (min(seconds(samples) for _ in range(3)) for samples in (500, 8000))
    # The geometric mean of the two, a factor of four from either on a machine that does other work.
    assert many < 64 * few


def test_a_long_recording_has_fewer_knots():
    n = 20_000
    times = np.linspace(0, 10, n)
    values = np.sin(times) + 0.1 * np.random.default_rng(0).standard_normal(n)
    found = smoothing.smooth(times, values)
    assert np.sqrt(np.mean((found.states - np.sin(times)) ** 2)) < 0.005


def test_too_few_samples():
    with pytest.raises(ValueError, match="9 samples are too few"):
        smoothing.smooth(np.arange(9.0), np.arange(9.0))


def test_states_that_only_rest_are_smoothed_as_stiffly_as_doubles_can():
    times = np.linspace(0, 10, 512)
    for seed in range(12):
        values = 0.53 * (1 + 0.05 * np.random.default_rng(seed).standard_normal(512))
        states = smoothing.smooth(times, values).states
        assert np.sqrt(np.mean((states - 0.53) ** 2)) < 0.05 * 0.53


@pytest.mark.parametrize(("factor", "resolved"), ((1 - 1e-9, False), (1 + 1e-9, True)))
def test_a_spline_is_resolved_below_a_share_of_freedom(monkeypatch, factor, resolved):
    times, *_, values = wave(noise=0.05)
    share = smoothing.smooth(times, values).freedom / len(times)
    assert share < constants.RESOLVED
    monkeypatch.setattr(constants, "RESOLVED", share * factor)
    assert smoothing.smooth(times, values).resolved == resolved


def scaled_and_fitted(times, values, knots):
    """Values of mean 0 and size 1, smoothed for constant noise by so many knots."""
    scaled = (values - values.mean()) / values.std()
    one = splines.spline_problem(times, knots)
    return one, scaled, splines.fit_spline(one, scaled, np.ones_like(scaled))


def gains(times, values):
    """What proportional noise gains in the restricted log likelihood, and what it leaves.

    Twice: with the noise in proportion to the states for constant noise, and then to its own.
    """
    one, scaled, constant = scaled_and_fitted(times, values, len(times))
    states, gain, left = constant[0], [], []
    for _ in range(2):
        shape = smoothing.proportional_noise(
            states * values.std() + values.mean(), np.sqrt(np.mean(values**2))
        )
        shape = shape / np.exp(np.mean(np.log(shape)))
        found = splines.fit_spline(one, scaled, shape)
        states = found.values
        gain.append(found.log_likelihood - constant.log_likelihood)
        left.append(np.sqrt(np.mean((scaled - states) ** 2)) / constant.sigma)
    return max(gain), min(left)


@pytest.fixture
def growing(monkeypatch):
    """Noise that is proportional to the state, smoothed with as many knots as samples."""
    monkeypatch.setattr(constants, "KNOTS_PER_FREEDOM", 1000)
    times, *_, values = wave(n=120, noise=0.05, proportional=True)
    return times, values, *gains(times, values)


@pytest.mark.parametrize(("factor", "proportional"), ((1 - 1e-9, True), (1 + 1e-9, False)))
def test_proportional_noise_must_be_likelier_by_so_many_nats(
    monkeypatch, growing, factor, proportional
):
    times, values, gain, _ = growing
    assert gain > constants.NOISE_KIND
    monkeypatch.setattr(constants, "NOISE_KIND", gain * factor)
    assert smoothing.smooth(times, values).proportional == proportional


@pytest.mark.parametrize(("factor", "proportional"), ((1 - 1e-9, False), (1 + 1e-3, True)))
def test_proportional_noise_that_leaves_too_much_is_rejected(
    monkeypatch, growing, factor, proportional
):
    times, values, _, left = growing
    assert left < constants.SMOOTHED_AWAY
    monkeypatch.setattr(constants, "SMOOTHED_AWAY", left * factor)
    assert smoothing.smooth(times, values).proportional == proportional


@pytest.mark.parametrize(("samples", "first"), ((60, 60), (61, 60), (59, 59)))
def test_knots_are_as_many_as_samples_up_to_a_number(monkeypatch, samples, first):
    """Then as many as the freedom of the spline needs, where these are fewer than half."""
    seen, build = [], splines.spline_problem

    def problem(times, pieces, *more):
        seen.append(pieces)
        return build(times, pieces, *more)

    monkeypatch.setattr(splines, "spline_problem", problem)
    monkeypatch.setattr(constants, "MOST_KNOTS", 60)
    times = np.linspace(0, 10, samples)
    noise = 0.05 * np.random.default_rng(0).standard_normal(samples)
    smoothing.smooth(times, times + noise)
    freedom = scaled_and_fitted(times, times + noise, first)[2].freedom
    assert seen[:2] == [first, int(constants.KNOTS_PER_FREEDOM * freedom)]


def test_proportional_noise_does_not_vanish_near_zero():
    shape = smoothing.proportional_noise(np.array([0.0, 3.0, -3.0]), 2.0)
    least = 2 * constants.PROPORTIONAL_FLOOR
    np.testing.assert_allclose(shape, [least, np.hypot(3, least), np.hypot(3, least)])


def test_the_stiffest_spline_stays_above_the_rounding_of_its_penalty(monkeypatch):
    """Of values that only rest the stiffest λ is best: a thousandth of it is less stiff."""
    values = 0.53 * (1 + 0.05 * np.random.default_rng(0).standard_normal(200))
    times, freedom = np.linspace(0, 10, 200), []
    monkeypatch.setattr(constants, "KNOTS_PER_FREEDOM", 1000)
    for share in (constants.PENALTY_ROUNDING, constants.PENALTY_ROUNDING / 1e8):
        monkeypatch.setattr(constants, "PENALTY_ROUNDING", share)
        freedom.append(smoothing.smooth(times, values).freedom)
    assert freedom[0] < freedom[1]
    assert freedom[0] >= constants.SPLINE_ORDER
