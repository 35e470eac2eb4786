import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import thinning
from nsindy.recording.check import Recording


def test_long_recordings_are_averaged_in_blocks(monkeypatch):
    monkeypatch.setattr(constants, "MOST_SAMPLES", 1000)
    times = np.arange(10_000.0)
    thin = thinning.thin(Recording(times, times[:, None], np.zeros((10_000, 0))))
    assert len(thin.times) == 1000
    np.testing.assert_allclose(thin.states[:, 0], thin.times)


def test_a_recording_is_averaged_beyond_the_most_samples(monkeypatch):
    monkeypatch.setattr(constants, "MOST_SAMPLES", 100)
    for samples, left in ((100, 100), (101, 50), (200, 100), (201, 67)):
        times = np.arange(float(samples))
        thin = thinning.thin(Recording(times, times[:, None], np.zeros((samples, 0))))
        assert len(thin.times) == left
    assert thin.times[0] == 1.0 and thin.states[0] == 1.0


def test_a_parabola_of_each_block_has_no_bias_of_a_curve():
    """Of sin t in blocks of 250 rows of h = 0.1: an average is off by h² / 24, 4e-4."""
    times = np.linspace(0, 400, 1_000_000)
    part = Recording(times, np.sin(times)[:, None], np.zeros((len(times), 0)))
    thinned = thinning.thin(part)
    assert len(thinned.times) == constants.MOST_SAMPLES
    assert np.abs(thinned.states[:, 0] - np.sin(thinned.times)).max() < 1e-6
    noise = np.random.default_rng(0).standard_normal((len(times), 1))
    spread = thinning.thin(part._replace(states=noise)).states.std()
    # √(9 / 4 / 250), known to 1 / √8000.
    np.testing.assert_allclose(spread, 1.5 / np.sqrt(250), rtol=0.05)
