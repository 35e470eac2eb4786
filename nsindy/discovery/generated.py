"""Columns that a generator makes: a sine of the time.

No oscillation of a system keeps its size and its shape to within the noise, but for one that is
linear and undamped, and its equation misses nothing. So where a recording is missed, a column that
does is a voltage, a torque or a setting that acts from outside, though its phase among the other
columns looks like an equation.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals

__all__ = ["sines"]


class _Series(NamedTuple):
    times: np.ndarray
    values: np.ndarray


def sines(recordings: Sequence[signals.Signal]) -> np.ndarray:
    """The states that are A cos(w t + φ) + B, to within their noise, over two waves or more [D].

    Of one w in all recordings, and A, φ and B of each.

    Args:
      recordings: smoothed, which says how noisy they are.
    """
    noise = signals.noise(recordings)
    found = np.zeros(recordings[0].states.shape[1], bool)
    for d in range(len(found)):
        parts = [_Series(s.times[s.seen[:, d]], s.measured[s.seen[:, d], d]) for s in recordings]
        size = np.std(np.concatenate([part.values for part in parts]))
        least = max(noise[d], constants.SINE_NOISE * size)
        found[d] = np.std(_without_sine(parts)) < constants.SINE_LEFT * least
    return found


def _without_sine(parts: Sequence[_Series]) -> np.ndarray:
    """What the likeliest sine leaves of all parts together.

    Reference: Zechmeister and Kürster (2009), Astronomy & Astrophysics 496, for the periodogram
      with a mean of its own.
    """
    from scipy.signal import lombscargle

    longest = max(parts, key=lambda part: len(part.times))
    if len(longest.times) < constants.SINE_ROWS:
        return np.concatenate([part.values for part in parts])
    step = 0.5 * np.pi / np.ptp(longest.times)
    # From two waves on, a quarter of a wave apart over the recording, to four rows a wave.
    tried = step * np.arange(8, max(len(longest.times), 9))

    def left(number: float) -> np.ndarray:
        rests = []
        for times, values in parts:
            columns = np.stack(
                [np.ones(len(times)), np.sin(number * times), np.cos(number * times)], 1
            )
            rests.append(values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0])
        return np.concatenate(rests)

    power = lombscargle(longest.times, longest.values, tried, floating_mean=True)
    best = tried[np.argmax(power)]
    near = max(best - step, tried[0]), best + step
    finer = minimize_scalar(lambda number: np.sum(left(number) ** 2), bounds=near, method="bounded")
    return left(finer.x)
