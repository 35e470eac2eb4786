"""Whether equations are to be trusted: they explain the recordings, come near, or do not."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.discrepancy import Discrepancy
from nsindy.discovery.supports.inclusion import Unclear
from nsindy.discovery.supports.search import Found
from nsindy.recording.check import Recordings
from nsindy.result import along_recording
from nsindy.result.tested import HeldOut

__all__ = [
    "Misfit",
    "Verdict",
    "followed_by",
    "held_out",
    "judge_equations",
    "left_shares",
    "misfit_of",
    "simulated_r2",
]


class Verdict(NamedTuple):
    """How equations stand to the recordings.

    Attributes:
      name: "equation", "approximation" or "none".
      unexplained: measured states whose equation is empty though they change [d].
      missed: measured states that are missed by several times their noise [d].
      structured: measured states of which more than noise is left: it has structure in time, and
        no slow error accounts for it [d].
    """

    name: str
    unexplained: list[int]
    missed: list[int]
    structured: list[int]


class Misfit(NamedTuple):
    """How far states are from where they were measured, each state alone [d].

    Attributes:
      squares: Σ (y - x)².
      deviations: Σ (y - mean y)², the mean that of a recording.
      measurements: their number.
    """

    squares: np.ndarray
    deviations: np.ndarray
    measurements: np.ndarray


def misfit_of(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Misfit:
    """Compare states with measurements, of all recordings together.

    Args:
      pairs: of each recording y, NaN where a state was not measured [N, d], and x, of which those
        that were measured come first [N, D].
    """
    each = []
    for measured, states in pairs:
        seen = np.isfinite(measured)
        count = seen.sum(0)
        mean = np.sum(measured, 0, where=seen) / np.maximum(count, 1)
        left = measured - states[:, : measured.shape[1]]
        squares, deviations = (
            np.sum(values**2, 0, where=seen) for values in (left, measured - mean)
        )
        each.append((squares, deviations, count))
    return Misfit(*(np.sum(values, 0) for values in zip(*each, strict=True)))


def judge_equations(
    prepared: Prepared,
    final: Found,
    slow: Discrepancy,
    unclear: Sequence[Unclear],
    probable: np.ndarray | None = None,
) -> Verdict:
    """Compare what equations leave with the noise, and with the states.

    They are an approximation where they miss a state by `MISSED` times its noise, slow error and
    all, leave structure in time, jump, or lack a term that nobody can name; where a slow error is a
    good part of a state, or stands beside many terms; or where a term may as well be left out and
    what is left is not quite noise, so that it stands for something. There is none where no
    equation holds a term: the states do not change, or nothing explains how.

    Args:
      prepared: what was searched.
      final: the search on all samples.
      slow: beside its choice.
      unclear: terms of which nobody can tell whether they are these or others.
      probable: probabilities of the terms [D, M]; None for 1.
    """
    measured = prepared.parts[0].states.shape[1]
    noise = signals.noise(prepared.signals)[:measured]
    level = np.maximum(noise, prepared.problem.floor[:measured])
    total = np.sqrt(final.chosen.variance)[:measured]
    far = (noise > 0) & (total > constants.MISSED * level)
    if final.chosen.gap > 1:
        far[:] = True
    # What the floor hides, as the error of a solver, has structure and says nothing.
    autocorrelated = final.chosen.independent[:measured] < constants.INDEPENDENT
    seen = total > prepared.problem.floor[:measured]
    structured = autocorrelated & seen & (slow.size[:measured] == 0)
    coloured = (final.chosen.independent[:measured] < 1) & seen & (slow.size[:measured] == 0)
    chosen = final.chosen.mask & final.problem.admissible
    stands = probable is not None and bool((chosen & (probable < constants.STANDS)).any())
    suspect = stands and bool(coloured.any())
    count = len(final.chosen.mask)
    empty = ~(final.chosen.mask | (prepared.problem.known != 0)).any(1)
    rows = slice(count - measured, None) if prepared.order == 2 else slice(measured)
    empty = empty[rows]
    every = np.concatenate([s.measured for s in prepared.signals])[:, :measured]
    varies = every.std(0) > constants.MISSED * level
    unexplained = empty & varies & (far | (slow.size[:measured] > 0))
    # Noise that drives a system, or an influence, does most of it.
    loose = slow.size[:measured] > constants.SLOW_FAR * every.std(0)
    # Many terms beside which a slow error is left are no law.
    long = (chosen[rows].sum(1) >= constants.MANY_TERMS) & (slow.size[:measured] > 0)
    if empty.all():
        name = "none"
    elif any(map(np.any, (far, structured, unexplained, long, loose))) or unclear or suspect:
        name = "approximation"
    else:
        name = "equation"
    return Verdict(name, *map(_places, (unexplained, far, structured)))


def _places(of: np.ndarray) -> list[int]:
    return np.flatnonzero(of).tolist()


def left_shares(prepared: Prepared, found: Found, recordings: Recordings) -> np.ndarray:
    """What a search leaves of each measured state, as a share of its standard deviation [d]."""
    every = np.concatenate([part.states for part in recordings.parts])
    left = (found.noise * prepared.units.states)[: every.shape[1]]
    return left / np.nanstd(every, axis=0)


def followed_by(prepared: Prepared, final: Found) -> list[np.ndarray]:
    """The states of one simulation of each recording, without a stop, in its units [N, D].

    From the fitted first state to the last; NaN from where it diverges.
    """
    best, units = final.chosen, prepared.units
    if final.stretches == len(prepared.signals):
        followed = candidates.along_recordings(
            final.problem, best.start, final.segments, prepared.signals
        )
        return [x * units.states for x in followed]
    coefficients = best.coefficients * prepared.back
    firsts = best.begin[prepared.first_segments] * units.states
    return [
        along_recording.follow(
            prepared.terms,
            coefficients,
            first,
            part.times,
            part.inputs,
            scale=units.states,
            held=signal.held,
        )
        for first, part, signal in zip(firsts, prepared.parts, prepared.signals, strict=True)
    ]


def simulated_r2(prepared: Prepared, followed: Sequence[np.ndarray]) -> np.ndarray:
    """Share of the variance of each measured state that one simulation explains [d].

    Args:
      prepared: the recordings.
      followed: what `followed_by` returns.
    """
    parts = (part.states for part in prepared.parts)
    squares, deviations, _ = misfit_of(list(zip(parts, followed, strict=True)))
    r2 = 1 - squares / np.where(deviations > 0, deviations, np.nan)
    return np.where(deviations > 0, np.nan_to_num(r2, nan=-np.inf), np.nan)


def held_out(prepared: Prepared, first: Found) -> HeldOut:
    """Forecast the end of each recording from the state that a fit to its first part ends with.

    Args:
      prepared: the recordings.
      first: the search on the first part of each.
    """
    best, units = first.chosen, prepared.units
    coefficients = prepared.in_units(best.coefficients)
    followed = candidates.along_recordings(
        first.problem, best.start, first.segments, prepared.signals
    )
    pairs = []
    for signal, part, nodes in zip(prepared.signals, prepared.parts, followed, strict=True):
        limit = signals.fitted_samples(len(signal.times))
        forecast = along_recording.follow(
            prepared.terms,
            coefficients,
            nodes[limit - 1] * units.states,
            part.times[limit - 1 :],
            part.inputs[limit - 1 :],
            scale=units.states,
            held=signal.held,
        )[1:]
        pairs.append((part.states[limit:], forecast))
    squares, deviations, count = misfit_of(pairs)
    rmse = np.sqrt(squares / np.where(count > 0, count, np.nan))
    r2 = 1 - squares / np.where(deviations > 0, deviations, np.nan)
    return HeldOut(
        coefficients,
        best.begin[prepared.first_segments] * units.states,
        np.nan_to_num(rmse, nan=np.inf),
        np.nan_to_num(r2, nan=-np.inf),
    )
