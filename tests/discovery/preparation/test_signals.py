import numpy as np
import pytest
from problems import irregular, signal
from scipy.stats import norm

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals, smooth_signals
from nsindy.recording.check import Recording


@pytest.mark.parametrize("samples", (10, 13, 21, 600))
def test_what_is_fitted_and_what_is_held_out(samples):
    assert signals.fitted_samples(samples) == samples - round(constants.HELD_OUT * samples)


def test_readings_in_steps_have_the_noise_of_rounding():
    times = np.linspace(0, 10, 200)
    both = np.stack([2 * np.round(30 * np.sin(2 * times) / 2), np.cos(2 * times)], 1)
    made, units = smooth_signals.smooth_recordings([Recording(times, both, np.zeros((200, 0)))], 1)
    expected = [2 / np.sqrt(12), 0.0]
    np.testing.assert_allclose(signals.rounding(made) * units.states, expected, rtol=1e-9)


def test_noise_and_its_kind_are_taken_from_the_states_of_a_model():
    parts, rng = [irregular(200, 0, d=3), irregular(150, 1, d=3)], np.random.default_rng(2)
    found, _ = smooth_signals.smooth_recordings(parts, 1)
    clean = [np.array([1.2, 1.2, 2.0]) + s.states for s in found]
    noisy = []
    for s, x in zip(found, clean, strict=True):
        error = 0.03 * rng.standard_normal(x.shape) * np.where([True, False, False], x, 1.0)
        kept = {"resolved": np.array([False, True, True]), "noise": np.array([1e-4, 0.5, 0.0])}
        noisy.append(s._replace(measured=x + error, **kept))
    fitted = [x[: signals.fitted_samples(len(x))] for x in clean]
    first, second = signals.weighted(noisy, fitted, np.full(3, 1e-5))
    np.testing.assert_array_equal(first.proportional, [True, False, False])
    shape = first.relative[: len(fitted[0]), 0]
    root = np.sqrt(np.mean(noisy[0].measured[:, 0] ** 2))
    expected = np.hypot(fitted[0][:, 0], constants.PROPORTIONAL_FLOOR * root)
    np.testing.assert_allclose(shape / shape[0], expected / expected[0])
    np.testing.assert_allclose(np.mean(second.relative[:, 0] ** 2), 1.0)
    np.testing.assert_array_equal(second.relative[:, 1:], 1.0)
    size = 0.03 * np.sqrt(np.mean(np.concatenate(clean)[:, 0] ** 2))
    # Told by the model where smoothing has not told it; the standard error is 4 %.
    np.testing.assert_allclose(first.noise[0], size, rtol=0.15)
    np.testing.assert_array_equal(first.noise[1:], [0.5, 0.0])
    for same, s in zip(signals.weighted(noisy, fitted, np.ones(3)), noisy, strict=True):
        np.testing.assert_array_equal(same.proportional, s.proportional)
        np.testing.assert_array_equal(same.noise, s.noise)


@pytest.mark.parametrize("factor", (1 - 1e-9, 1 + 1e-9))
@pytest.mark.parametrize("before", (False, True))
def test_a_kind_of_noise_must_be_likelier_by_so_many_nats(monkeypatch, factor, before):
    """By Gaussian likelihoods in which either scale is profiled; the kind it has is kept."""
    rng = np.random.default_rng(3)
    states = 2 + np.sin(np.linspace(0, 6, 120))[:, None]
    measured = states + 0.05 * rng.standard_normal(states.shape) * (1 if before else states**2)
    shape = np.hypot(states, constants.PROPORTIONAL_FLOOR * np.sqrt(np.mean(measured**2)))
    left = measured - states

    def likelihood(scale):
        sigma = scale * np.sqrt(np.mean((left / scale) ** 2))
        return np.sum(norm.logpdf(left, scale=sigma))

    gain = likelihood(shape) - likelihood(np.ones_like(shape))
    assert (gain < 0) == before
    monkeypatch.setattr(constants, "NOISE_KIND", abs(gain) * factor)
    (one,) = signals.weighted(
        [signal(states, measured=measured, proportional=np.array([before]))],
        [states],
        np.zeros(1),
    )
    assert one.proportional.tolist() == [before if factor > 1 else not before]
