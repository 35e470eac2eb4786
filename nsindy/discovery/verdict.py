"""Whether equations are to be trusted: they explain the recordings, come near, or do not."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import candidates, constants, signals
from nsindy.discovery.discrepancy import Discrepancy
from nsindy.discovery.inclusion import Unclear
from nsindy.discovery.problem import Prepared
from nsindy.discovery.search import Found
from nsindy.result import along_recording

__all__ = ["Verdict", "followed_by", "judge_equations", "simulated_r2"]


class Verdict(NamedTuple):
    """How equations stand to the recordings.

    Attributes:
      name: "equation", "approximation" or "none".
      unexplained: measured states whose equation is empty though they change [d].
      missed: measured states that are missed by several times their noise [d].
    """

    name: str
    unexplained: list[int]
    missed: list[int]


def judge_equations(
    prepared: Prepared,
    final: Found,
    slow: Discrepancy,
    unclear: Sequence[Unclear],
) -> Verdict:
    """Compare what equations leave with the noise, and with the states.

    They are an approximation where they miss a state by `MISSED` times its noise, slow error and
    all, jump, or lack a term that nobody can name. There is none where no equation holds a term:
    the states do not change, or nothing explains how.

    Args:
      prepared: what was searched.
      final: the search on all samples.
      slow: beside its choice.
      unclear: terms of which nobody can tell whether they are these or others.
    """
    measured = prepared.parts[0].states.shape[1]
    noise = signals.noise(prepared.signals)[:measured]
    level = np.maximum(noise, prepared.problem.floor[:measured])
    total = np.sqrt(final.chosen.variance)[:measured]
    far = (noise > 0) & (total > constants.MISSED * level)
    if final.chosen.gap > 1:
        far[:] = True
    count = len(final.chosen.mask)
    empty = ~(final.chosen.mask | (prepared.problem.known != 0)).any(1)[count - measured :]
    every = np.concatenate([s.measured for s in prepared.signals])
    varies = every.std(0) > constants.MISSED * level
    unexplained = empty & varies & (far | (slow.size[:measured] > 0))
    if empty.all():
        name = "none"
    elif far.any() or unexplained.any() or unclear:
        name = "approximation"
    else:
        name = "equation"
    return Verdict(name, np.flatnonzero(unexplained).tolist(), np.flatnonzero(far).tolist())


def followed_by(prepared: Prepared, final: Found) -> list[np.ndarray]:
    """The states of one simulation of each recording, without a stop, in its units [N, D].

    From the fitted first state to the last; NaN from where it diverges.
    """
    best, units = final.chosen, prepared.units
    if int(np.asarray(final.segments.starts).any(1).sum()) == len(prepared.signals):
        (path,) = candidates.solved(final.problem, [best.start], final.segments)
        return [x * units.states for x in signals.nodes(prepared.signals, path.states)]
    coefficients = best.coefficients * prepared.back
    stiff = along_recording.jumps(prepared.terms, coefficients)
    right = along_recording.right_hand_side(
        prepared.terms, coefficients, scale=units.states if stiff else None
    )
    length = prepared.length
    begins = [np.arange(0, len(s.times) - 1, length) == 0 for s in prepared.signals]
    firsts = best.begin[np.flatnonzero(np.concatenate(begins))] * units.states
    return [
        along_recording.solve_along(
            right, first, part.times, part.inputs, scale=units.states, stiff=stiff
        )
        for first, part in zip(firsts, prepared.parts, strict=True)
    ]


def simulated_r2(prepared: Prepared, followed: Sequence[np.ndarray]) -> np.ndarray:
    """Share of the variance of each measured state that one simulation explains [d].

    Args:
      prepared: the recordings.
      followed: what `followed_by` returns.
    """
    measured = prepared.parts[0].states.shape[1]
    squares, deviations = np.zeros(measured), np.zeros(measured)
    for part, states in zip(prepared.parts, followed, strict=True):
        seen = np.isfinite(part.states)
        mean = np.sum(part.states, 0, where=seen) / np.maximum(seen.sum(0), 1)
        squares = squares + np.sum((part.states - states[:, :measured]) ** 2, 0, where=seen)
        deviations = deviations + np.sum((part.states - mean) ** 2, 0, where=seen)
    r2 = 1 - squares / np.where(deviations > 0, deviations, np.nan)
    return np.where(deviations > 0, np.nan_to_num(r2, nan=-np.inf), np.nan)
