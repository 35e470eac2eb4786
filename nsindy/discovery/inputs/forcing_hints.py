"""What shows that a forcing in time may be missing."""

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.fitted_numbers import FittedNumbers
from nsindy.discovery.supports.search import Found

__all__ = ["line_probability", "shows", "switches_once"]


def line_probability(values: np.ndarray) -> float:
    """Probability that noise alone has a line as strong as the strongest of these values [N].

    P(g) ≈ n (1 - g)^(n - 1) with g the share of the largest of n ordinates of the periodogram.

    Reference: Fisher (1929), Proceedings of the Royal Society A 125, 54–59.
    """
    power = np.abs(np.fft.rfft(values - np.mean(values))[1 : (len(values) + 1) // 2]) ** 2
    if len(power) < 2 or not power.sum() > 0:
        return 1.0
    share = power.max() / power.sum()
    return float(min(len(power) * (1 - share) ** (len(power) - 1), 1.0))


def shows(prepared: Prepared, found: Found) -> bool:
    """Tell whether what a search leaves of a recording has a line, or is no noise."""
    noise = signals.noise(prepared.signals)
    # What is below the known noise, or the errors of a solver, shows nothing.
    seen = (noise > 0) & (found.noise > 1.001 * prepared.problem.floor)
    if (found.chosen.independent < constants.INDEPENDENT)[seen].any():
        return True
    followed = candidates.along_recordings(
        found.problem, found.chosen.start, found.segments, prepared.signals
    )
    smallest = 1.0
    for s, states in zip(prepared.signals, followed, strict=True):
        left = (s.measured - states) / s.relative
        for d in np.flatnonzero(seen & np.isfinite(left).all(0)):
            smallest = min(smallest, line_probability(left[s.seen[:, d], d]))
    far = found.noise > constants.MISSED * np.maximum(noise, prepared.problem.floor)
    return bool(smallest < constants.LINE or far[seen].any())


def switches_once(prepared: Prepared, numbers: FittedNumbers) -> bool:
    """Tell whether a step at a threshold of a variable stands for a single moment.

    A variable that passes its threshold once, up or down, in one recording of all cannot tell
    1/(1 + exp(-k (x - c))) from a step in time, which has one number less.

    Args:
      prepared: the problem with the numbers.
      numbers: that were fitted.
    """
    for inner in numbers.inner:
        if inner.kind == "sigmoid":
            at = inner.number / prepared.units.variables[inner.place]
            sides = [np.hstack([s.states, s.inputs])[:, inner.place] > at for s in prepared.signals]
            if sum(int(np.count_nonzero(np.diff(side))) for side in sides) == 1:
                return True
    return False
