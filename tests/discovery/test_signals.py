import numpy as np
import pytest
from problems import signal
from scipy.stats import norm

from nsindy.discovery import constants, signals
from nsindy.recording.check import Recording


def recorded(n=100, seed=0, d=2, u=0):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 10, n))
    states = np.stack([np.sin(times + i) for i in range(d)], 1)
    return Recording(times, states, np.stack([np.cos(times)] * u, 1) if u else np.zeros((n, 0)))


@pytest.mark.parametrize("length", (4, 8, 16, 64))
def test_every_sample_counts_once(length):
    parts = [recorded(100, 0), recorded(57, 1)]
    found, units = signals.smooth_recordings(parts, 1)
    segments = signals.segments(found, units, np.ones(5, bool), substeps=2, length=length)
    weights = np.asarray(segments.weights)
    assert (weights > 0).sum() == 2 * 157
    measured = np.asarray(segments.states)[weights > 0].reshape(-1)
    expected = np.concatenate([p.states for p in parts]) / units.states
    np.testing.assert_allclose(np.sort(measured), np.sort(expected.reshape(-1)))
    assert np.asarray(segments.starts).sum() == 2
    begin = signals.beginnings(found, length)
    assert begin.shape == (len(weights), 2)
    first = np.concatenate([s.states[::length][: -(-(len(s.times) - 1) // length)] for s in found])
    np.testing.assert_array_equal(begin[: len(first)], first)


def test_the_last_fifth_can_be_held_out():
    found, units = signals.smooth_recordings([recorded(100)], 1)
    segments = signals.segments(found, units, np.ones(5, bool), substeps=1, length=8, counted=0.8)
    assert (np.asarray(segments.weights) > 0).sum() == 2 * 80


def test_inputs_stand_at_the_nodes():
    found, units = signals.smooth_recordings([recorded(400, u=1)], 1)
    segments = signals.segments(found, units, np.ones(7, bool), substeps=2, length=400)
    times = recorded(400, u=1).times
    given = np.asarray(segments.inputs)[0, :399, :, 0] * units.inputs
    np.testing.assert_allclose(given[:, 0], np.cos(times[:-1]), atol=1e-12)
    np.testing.assert_allclose(given[:, 1], np.cos(times[1:]), atol=1e-12)
    lengths = np.asarray(segments.steps)[0]
    np.testing.assert_allclose(lengths[:399] * units.time, np.diff(times), atol=1e-12)
    # The segment has room for one interval more than there are.
    assert (lengths[399:] == 0).all()


@pytest.mark.parametrize("samples", (10, 13, 21, 600))
def test_what_is_fitted_and_what_is_held_out(samples):
    assert signals.fitted_samples(samples) == samples - round(constants.HELD_OUT * samples)


def test_order_two_makes_velocities_states_that_were_not_measured():
    times = np.linspace(0, 10, 200)
    part = Recording(times, np.sin(2 * times)[:, None], np.zeros((200, 0)))
    (found,), units = signals.smooth_recordings([part], 2)
    velocity = found.states[:, 1] * units.states[1]
    np.testing.assert_allclose(velocity[10:-10], 2 * np.cos(2 * times)[10:-10], atol=1e-3)
    acceleration = found.derivatives[:, 1] * units.states[1] / units.time
    np.testing.assert_allclose(acceleration[10:-10], -4 * np.sin(2 * times)[10:-10], atol=1e-2)
    segments = signals.segments([found], units, np.ones(5, bool), substeps=1, length=8)
    assert not np.asarray(segments.weights)[..., 1].any()


def test_long_recordings_are_averaged_in_blocks(monkeypatch):
    monkeypatch.setattr(constants, "MOST_SAMPLES", 1000)
    times = np.arange(10_000.0)
    thin = signals.thin(Recording(times, times[:, None], np.zeros((10_000, 0))))
    assert len(thin.times) == 1000
    np.testing.assert_allclose(thin.states[:, 0], thin.times)


def test_windows_begin_where_errors_have_grown():
    found, units = signals.smooth_recordings([recorded(100)], 1)
    segments = signals.segments(found, units, np.ones(5, bool), substeps=1, length=8)
    count = len(segments.steps)
    calm = signals.windows(segments, np.repeat(np.eye(2)[None], count, 0), growth=100.0)
    assert np.asarray(calm.starts).sum() == 1
    wild = signals.windows(segments, np.repeat(5 * np.eye(2)[None], count, 0), growth=100.0)
    # 5 · 5 · 5 > 100: every third segment begins anew.
    np.testing.assert_array_equal(
        np.flatnonzero(np.asarray(wild.starts).any(1)), np.arange(0, count, 3)
    )


def test_nodes_undo_the_cut_into_segments():
    parts = [recorded(100, 0), recorded(57, 1)]
    found, units = signals.smooth_recordings(parts, 1)
    segments = signals.segments(found, units, np.ones(5, bool), substeps=1, length=16)
    for nodes, s in zip(signals.nodes(found, np.asarray(segments.states)), found, strict=True):
        np.testing.assert_array_equal(nodes, s.measured)


def test_noise_and_its_kind_are_taken_from_the_states_of_a_model():
    parts, rng = [recorded(200, 0, d=3), recorded(150, 1, d=3)], np.random.default_rng(2)
    found, _ = signals.smooth_recordings(parts, 1)
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


@pytest.mark.parametrize(("growth", "expected"), ((124.9, [0, 3, 6]), (125.1, [0, 4])))
def test_an_error_may_grow_as_far_as_the_limit(growth, expected):
    """Three segments multiply it by 125."""
    found, units = signals.smooth_recordings([recorded(60)], 1)
    segments = signals.segments(found, units, np.ones(5, bool), substeps=1, length=8)
    assert len(segments.steps) == 8
    cut = signals.windows(segments, np.repeat(5 * np.eye(2)[None], 8, 0), growth=growth)
    np.testing.assert_array_equal(np.flatnonzero(np.asarray(cut.starts).any(1)), expected)


def test_a_stretch_ends_where_a_propagator_is_not_finite():
    found, units = signals.smooth_recordings([recorded(60)], 1)
    segments = signals.segments(found, units, np.ones(5, bool), substeps=1, length=8)
    propagators = np.repeat(np.eye(2)[None], 8, 0)
    propagators[4] = np.nan
    cut = signals.windows(segments, propagators, growth=100.0)
    np.testing.assert_array_equal(np.flatnonzero(np.asarray(cut.starts).any(1)), [0, 5])


def test_a_recording_is_averaged_beyond_the_most_samples(monkeypatch):
    monkeypatch.setattr(constants, "MOST_SAMPLES", 100)
    for samples, left in ((100, 100), (101, 50), (200, 100), (201, 67)):
        times = np.arange(float(samples))
        thin = signals.thin(Recording(times, times[:, None], np.zeros((samples, 0))))
        assert len(thin.times) == left
    assert thin.times[0] == 1.0 and thin.states[0] == 1.0


def test_a_parabola_of_each_block_has_no_bias_of_a_curve():
    """Of sin t in blocks of 250 rows of h = 0.1: an average is off by h² / 24, 4e-4."""
    times = np.linspace(0, 400, 1_000_000)
    part = Recording(times, np.sin(times)[:, None], np.zeros((len(times), 0)))
    thinned = signals.thin(part)
    assert len(thinned.times) == constants.MOST_SAMPLES
    assert np.abs(thinned.states[:, 0] - np.sin(thinned.times)).max() < 1e-6
    noise = np.random.default_rng(0).standard_normal((len(times), 1))
    spread = signals.thin(part._replace(states=noise)).states.std()
    # √(9 / 4 / 250), known to 1 / √8000.
    np.testing.assert_allclose(spread, 1.5 / np.sqrt(250), rtol=0.05)
