"""Lines that the time draws in smoothed derivatives, beside all terms of an equation.

Where a drive is missing, the best equations without it are no guide. With Q a basis of all terms of
an equation, the sum of squares that sin(w t) and cos(w t) explain of ẋ - Q Qᵀ ẋ, alone or times
states, is a closed form for each w.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.inputs.beside_terms import Sampled, best_score
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.terms.primitive import TERM

__all__ = ["Line", "clear", "lines"]


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
    sampled, freedom = Sampled.of(prepared), sum(s.freedom for s in prepared.signals)
    times, span = sampled.times, max(float(np.ptp(part.times)) for part in prepared.parts)
    # From three quarters of a wave on, by a quarter, to a quarter of the rate of the samples, or to
    # as many waves as smoothing leaves.
    apart, step = 0.5 * np.pi / span, sampled.every * signals.usual_step(prepared.parts)
    numbers = apart * np.arange(3, max(int(min(span / step, 2 * freedom)), 4))
    count = len(prepared.kinds.carriers(sampled.states.shape[1]))
    tried = np.log(len(numbers) * count * max(len(equations), 1))
    price = float(0.5 * np.log(len(times)) + tried)
    # The three numbers of a wave, at half the logarithm of what is independent.
    least = float(1.5 * np.log(freedom) + tried)
    best: dict[bool, Line] = {}
    for d in equations:
        basis, rest = _basis(sampled.terms(prepared, d)), sampled.target(d)
        rest = rest - basis @ (basis.T @ rest)
        for place in range(count):
            carrier = sampled.carrier(prepared, place) * sampled.weights[:, d]
            shares = _shares(numbers, times, carrier, basis, rest)
            near = numbers[int(np.argmax(shares))] + apart * np.linspace(-1, 1, 65)
            finer = _shares(near, times, carrier, basis, rest)
            at = int(np.argmax(finer))
            share = min(float(finer[at]), 1.0 - np.finfo(float).eps)
            gain = -0.5 * freedom * float(np.log1p(-share))
            shown = Line(gain, int(d), float(near[at]), place, share, price, least)
            best[place > 0] = max(best.get(place > 0, shown), shown)
    return [line for _, line in sorted(best.items())]


def clear(prepared: Prepared, line: Line) -> bool:
    """Whether a line explains what all terms do not, or what few do not though it drives them."""
    if line.share >= constants.CLEAR_LINE:
        return True
    sampled = Sampled.of(prepared)
    carrier = sampled.carrier(prepared, line.place) * sampled.weights[:, line.equation]
    phase = line.number * sampled.times
    waves = np.stack([np.sin(phase), np.cos(phase)], 1) * carrier[:, None]
    d, costs = line.equation, np.array([TERM + line.price, TERM])
    gain = best_score(sampled, prepared, d, waves, costs) - best_score(sampled, prepared, d)
    return gain > constants.CLEAR_WORTH and not _follows(sampled, line)


def _follows(sampled: Sampled, line: Line) -> bool:
    """Whether all that the states do repeats itself as a line does, or half or a third as fast.

    A drive of that frequency then acts on what follows it; but the states may as well turn by
    themselves, and a function of them be taken for a drive.
    """
    moved = sampled.states - sampled.states.mean(0)
    least = 1.0
    for slower in (1, 2, 3):
        phases = np.outer(sampled.times, np.arange(9) * line.number / slower)
        waves = np.concatenate([np.cos(phases), np.sin(phases[:, 1:])], 1)
        left = moved - waves @ np.linalg.lstsq(waves, moved, rcond=None)[0]
        least = min(least, float(np.max(np.sum(left**2, 0) / np.sum(moved**2, 0))))
    return least < constants.REPEATS


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
    """Sum of squares of `rest` [N] that sine and cosine of phases [N, G], carried, explain [G].

    Args:
      phases: w t.
      carrier: that both are multiplied with [N].
      basis: orthonormal columns, of which only what they leave of the waves counts [N, K].
      rest: orthogonal to the basis.
    """
    sine, cosine = (wave(phases) * carrier[:, None] for wave in (np.sin, np.cos))
    of_sine, of_cosine = basis.T @ sine, basis.T @ cosine

    def left(a, b, within_a, within_b):
        return np.einsum("ng,ng->g", a, b) - np.einsum("kg,kg->g", within_a, within_b)

    # What the cosine leaves of the sine has the square s s - (s c)²/(c c).
    square, other = left(cosine, cosine, of_cosine, of_cosine), left(sine, sine, of_sine, of_sine)
    cross, least = left(sine, cosine, of_sine, of_cosine), constants.WAVE_LEFT * np.sum(carrier**2)
    there = square > least
    slope = np.where(there, cross / np.where(there, square, 1.0), 0.0)
    other = other - slope * cross
    both = other > least
    by_cosine, by_sine = rest @ cosine, rest @ sine
    by_sine = by_sine - slope * by_cosine
    return np.where(there, by_cosine**2 / np.where(there, square, 1.0), 0.0) + np.where(
        both, by_sine**2 / np.where(both, other, 1.0), 0.0
    )
