"""Lines that the time draws in smoothed derivatives, beside all terms of an equation.

Where a drive is missing, the best equations without it are no guide. With Q a basis of all terms of
an equation, the sum of squares that sin(w t) and cos(w t) explain of ẋ - Q Qᵀ ẋ, alone or times
states, is a closed form for each w.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared

__all__ = ["Line", "lines"]


class Line(NamedTuple):
    """A wave of the time, sin(w t) and cos(w t), in an equation.

    Attributes:
      gain: nats that smoothed derivatives promise.
      equation: which.
      number: w.
      place: of what the wave stands times, among the carriers; 0 where it stands alone.
      share: of the sum of squares that all terms leave, which it explains.
      price: nats that w must earn.
      least: nats that noise alone may promise.
    """

    gain: float
    equation: int
    number: float
    place: int
    share: float
    price: float
    least: float


def lines(prepared: Prepared, equations: Sequence[int]) -> list[Line]:
    """The strongest wave that stands alone, and the strongest that stands times states, if any.

    Args:
      prepared: the problem.
      equations: those that may hold a wave.
    """
    times = np.concatenate([part.times for part in prepared.parts])
    made = prepared.signals
    counted = np.concatenate([s.near for s in made])
    spread = np.concatenate([s.relative for s in made])
    states = np.concatenate([s.states for s in made])
    slopes = np.concatenate([s.derivatives for s in made])
    slopes = slopes - prepared.theta @ prepared.problem.known.T
    freedom = sum(s.freedom for s in made)
    span = max(float(np.ptp(part.times)) for part in prepared.parts)
    # From three quarters of a wave on, by a quarter, to a quarter of the rate of the samples.
    apart = 0.5 * np.pi / span
    count = int(span / signals.usual_step(prepared.parts))
    numbers = apart * np.arange(3, max(count, 4))
    places = prepared.kinds.carriers(states.shape[1])
    carriers = [np.prod(states[:, held], axis=1) for held in places]
    tried = np.log(len(numbers) * len(carriers) * max(len(equations), 1))
    price = float(0.5 * np.log(len(times)) + tried)
    # The three numbers of a wave, at half the logarithm of what is independent.
    least = float(1.5 * np.log(freedom) + tried)
    best: dict[bool, Line] = {}
    for d in equations:
        weight = counted / spread[:, d]
        basis = _basis(prepared.theta[:, prepared.problem.admissible[d]] * weight[:, None])
        rest = slopes[:, d] * weight
        rest = rest - basis @ (basis.T @ rest)
        for place, carrier in enumerate(carriers):
            shares = _shares(numbers, times, weight * carrier, basis, rest)
            near = numbers[int(np.argmax(shares))] + apart * np.linspace(-1, 1, 65)
            finer = _shares(near, times, weight * carrier, basis, rest)
            at = int(np.argmax(finer))
            share = min(float(finer[at]), 1.0 - np.finfo(float).eps)
            gain = -0.5 * freedom * np.log1p(-share)
            shown = Line(gain, int(d), float(near[at]), place, share, price, least)
            best[place > 0] = max(best.get(place > 0, shown), shown)
    return [line for _, line in sorted(best.items())]


def _basis(terms: np.ndarray) -> np.ndarray:
    """An orthonormal basis of columns, but for what nearly cancels in them [N, K]."""
    lengths = np.linalg.norm(terms, axis=0)
    terms = terms[:, lengths > 0] / lengths[lengths > 0]
    basis, sizes, _ = np.linalg.svd(terms, full_matrices=False)
    return basis[:, sizes > constants.NUMBER_RIDGE * sizes[0]]


def _shares(
    numbers: np.ndarray, times: np.ndarray, carrier: np.ndarray, basis: np.ndarray, rest: np.ndarray
) -> np.ndarray:
    """Share of the sum of squares of `rest` [N] that the waves of each number explain [G]."""
    total = float(np.sum(rest**2)) or 1.0
    return np.concatenate(
        [
            _explained(np.outer(times, own), carrier, basis, rest) / total
            for own in np.array_split(numbers, -(-len(numbers) // constants.WAVES_AT_ONCE))
        ]
    )


def _explained(
    phases: np.ndarray, carrier: np.ndarray, basis: np.ndarray, rest: np.ndarray
) -> np.ndarray:
    """Sum of squares of `rest` [N] that sine and cosine of phases [N, G], carried, explain [G]."""
    one, other = (_unit(wave(phases) * carrier[:, None], basis) for wave in (np.sin, np.cos))
    other = other - one * np.sum(one * other, 0)
    length = np.linalg.norm(other, axis=0)
    other = np.where(length > constants.NUMBER_RIDGE, other / np.maximum(length, 1e-300), 0.0)
    return (rest @ one) ** 2 + (rest @ other) ** 2


def _unit(waves: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """What the basis leaves of waves [N, G], of length 1; 0 where it leaves nothing."""
    before = np.linalg.norm(waves, axis=0)
    waves = waves - basis @ (basis.T @ waves)
    after = np.linalg.norm(waves, axis=0)
    return np.where(after > constants.NUMBER_RIDGE * before, waves / np.maximum(after, 1e-300), 0.0)
