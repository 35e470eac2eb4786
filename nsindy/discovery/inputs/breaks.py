"""Moments at which a rate changes, in smoothed derivatives, beside few terms of the equations.

As the rate of contacts does on the day of a lockdown: a step in time, alone or times states. Where
numbers inside terms make up for it, the best equations without it are no guide; see `lines`.
"""

from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.inputs.beside_terms import Sampled, best_score
from nsindy.discovery.inputs.forced import open_equations
from nsindy.discovery.preparation import dictionary
from nsindy.discovery.preparation.problem import Prepared

__all__ = ["Break", "clearest_break", "ramp", "tried_times"]


class Break(NamedTuple):
    """A moment at which rates change.

    Attributes:
      time: when.
      price: nats that it must earn.
    """

    time: float
    price: float


def ramp(times: np.ndarray, time: float) -> np.ndarray:
    """A step between 0 and 1 at a time, over one interval: inputs are straight between samples."""
    width = np.median(np.diff(times))
    return np.clip((times - time) / width + 0.5, 0.0, 1.0)


def tried_times(prepared: Prepared) -> np.ndarray:
    """Times at which a step is tried, as many between all samples [G]."""
    times = np.concatenate([part.times for part in prepared.parts])
    count = min(constants.STEP_TIMES, len(np.unique(times)) // 2)
    return np.quantile(times, np.linspace(0.05, 0.95, count))


def clearest_break(prepared: Prepared) -> Break | None:
    """The moment that a few terms of all equations are best with; None where they need none.

    Smoothing blurs a step, so the price of its time need not be earned here.

    Args:
      prepared: the problem.
    """
    equations, sampled = open_equations(prepared), Sampled.of(prepared)
    if prepared.problem.wide or not equations:
        return None
    states = sampled.states.shape[1]
    places = range(len(prepared.kinds.carriers(states)))
    added = dictionary.forcing_terms(states + 1, 1, prepared.kinds.carriers(states))
    costs = np.array([term.nats for term in added])
    carriers = np.stack([sampled.carrier(prepared, place) for place in places], 1)
    tried = tried_times(prepared)
    price = 0.5 * np.log(len(sampled.times)) + np.log(len(tried))
    nothing = constants.BREAK_COARSE
    without = sum(best_score(sampled, prepared, d, coarse=nothing) for d in equations)

    def score(time: float) -> float:
        stepped = carriers * (sampled.times >= time)[:, None]
        return sum(
            best_score(sampled, prepared, d, stepped * sampled.weights[:, d, None], costs, nothing)
            for d in equations
        )

    few = tried[:: constants.BREAKS_EVERY]
    scores = [score(time) for time in few]
    at = int(np.argmax(scores))
    low, high = few[max(at - 1, 0)], few[min(at + 1, len(few) - 1)]
    near = [(score(time), time) for time in tried if low < time < high]
    best, time = max([(scores[at], few[at]), *near])
    return Break(float(time), float(price)) if best > without else None
