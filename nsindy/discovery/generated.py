"""Columns that a generator makes: a sine, a triangle or a saw of the time.

What begins another way than it goes on is a state, driven or not. So where some columns repeat
themselves from the first row on and others do not, those act from outside, as the voltage of a
function generator or the torque of a crank, though their phase among the other columns may look
like an equation. Where all repeat themselves they may be one oscillation, and nothing is told.
"""

from collections.abc import Sequence

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation.signals import Signal

__all__ = ["repeating"]


def repeating(recordings: Sequence[Signal]) -> np.ndarray:
    """The states that repeat themselves from the first row on, in each recording [D].

    With a period P that is fitted, y(t) - y(t - P) between rows is as small as what each row
    differs from the middle of its neighbours: the noise, the bend, and the jumps of a saw.

    Args:
      recordings: of which the measurements count.
    """
    count = recordings[0].states.shape[1]
    return np.array([all(_repeats(s, d) for s in recordings) for d in range(count)])


def _repeats(recording: Signal, d: int) -> bool:
    from scipy.optimize import minimize_scalar
    from scipy.signal import lombscargle

    seen = recording.seen[:, d]
    times, values = recording.times[seen], recording.measured[seen, d]
    span = float(np.ptp(times)) if len(times) else 0.0
    if len(times) < constants.REPEAT_ROWS or np.ptp(values) == 0:
        return False
    step = 0.5 * np.pi / span
    few = slice(None, None, -(-len(times) // constants.REPEAT_LOOKED_AT))
    # From two waves on, a quarter of a wave apart over the recording, to four rows a wave.
    tried = step * np.arange(8, len(times[few]))
    power = lombscargle(times[few], values[few], tried, floating_mean=True)
    strongest = tried[np.argmax(power)]

    def differences(period: float) -> np.ndarray:
        later = times >= times[0] + period
        return np.abs(values[later] - np.interp(times[later] - period, times, values))

    best, least = 0.0, np.inf
    # The strongest line may be a harmonic.
    for waves in (1, 2, 3):
        if 2 * np.pi * waves / strongest > 0.5 * span:
            break
        low, high = (2 * np.pi * waves / (strongest + by) for by in (step, -step))
        for about in np.linspace(low, high, 17)[1:-1]:
            wide = (high - low) / 16
            found = minimize_scalar(
                lambda period: np.mean(differences(period)),
                bounds=(about - wide, about + wide),
                method="bounded",
            )
            if found.fun < least:
                best, least = found.x, found.fun
    if not np.isfinite(least):
        return False
    bends = np.abs(values[1:-1] - 0.5 * (values[:-2] + values[2:]))
    every = differences(best)
    first = every[: max(int(len(every) * best / (span - best)), 2)]
    least, most = constants.REPEAT_BOUNDS
    allowed = np.clip(
        constants.REPEAT_LEFT * np.quantile(bends, constants.REPEAT_SHARE),
        least * np.std(values),
        most * np.std(values),
    )
    return all(np.quantile(part, constants.REPEAT_SHARE) < allowed for part in (first, every))
