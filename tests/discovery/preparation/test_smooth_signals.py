import numpy as np
import pytest

from nsindy.discovery.preparation import segmentation, smooth_signals, smoothing
from nsindy.recording.check import Recording


def test_order_two_makes_velocities_states_that_were_not_measured():
    times = np.linspace(0, 10, 200)
    part = Recording(times, np.sin(2 * times)[:, None], np.zeros((200, 0)))
    (found,), units = smooth_signals.smooth_recordings([part], 2)
    velocity = found.states[:, 1] * units.states[1]
    np.testing.assert_allclose(velocity[10:-10], 2 * np.cos(2 * times)[10:-10], atol=1e-3)
    acceleration = found.derivatives[:, 1] * units.states[1] / units.time
    np.testing.assert_allclose(acceleration[10:-10], -4 * np.sin(2 * times)[10:-10], atol=1e-2)
    segments = segmentation.segments([found], units, np.ones(5, bool), substeps=1, length=8)
    assert not np.asarray(segments.weights)[..., 1].any()


@pytest.mark.parametrize("truth", (True, False))
def test_noise_is_of_one_kind_in_all_recordings(truth):
    """Of noise that grows with the state little in one recording is sure, and more in three."""
    times, parts, alone = np.linspace(0, 10, 60), [], []
    x = 1.5 + 0.35 * np.cos(times)
    for seed in range(6):
        draws = 0.03 * np.random.default_rng(seed).standard_normal(60)
        parts.append(
            Recording(times, (x + draws * (x if truth else 1.5))[:, None], np.zeros((60, 0)))
        )
        alone.append(smoothing.smooth(times, parts[-1].states[:, 0]).proportional)
    found, _ = smooth_signals.smooth_recordings(parts, 1)
    assert [bool(s.proportional[0]) for s in found] == [truth] * 6
    assert not truth or 0 < sum(alone) < 6
