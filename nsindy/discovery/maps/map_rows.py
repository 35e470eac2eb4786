"""The rows of a map made ready: numbered, cut where one lacks, scaled, and not smoothed."""

from collections.abc import Sequence

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation.signals import Signal, Units
from nsindy.recording.check import Recording

__all__ = ["rows_of_map", "unbroken_rows", "units_of_rows"]

FEWEST = 5
"""Rows of a stretch without a gap, so that one at least is held out."""


def rows_of_map(parts: Sequence[Recording]) -> tuple[list[Recording], list[Signal]]:
    """Recordings whose times are the numbers of their rows, and the same scaled, nothing smoothed.

    Of a longer recording the first `constants.MOST_SAMPLES` rows are taken: rows of a map cannot be
    averaged. Where a row lacks, a new recording begins.

    Raises:
      ValueError: no stretch without a gap has `FEWEST` rows.
    """
    rows = [piece for part in parts for piece in unbroken_rows(part)]
    if not rows:
        raise ValueError(
            f"no {FEWEST} rows follow one another without a gap in their times; fill in the rows "
            "that lack, or leave the times out"
        )
    units = units_of_rows(rows)
    return rows, [_signal(part, units) for part in rows]


def unbroken_rows(part: Recording) -> list[Recording]:
    """A recording, cut where a row lacks, or a value of it.

    Returns:
      the stretches of at least `FEWEST` rows, whose times are the numbers of these.
    """
    most = constants.MOST_SAMPLES
    usual = np.median(np.diff(part.times[:most]))
    whole = np.isfinite(np.concatenate([part.states, part.inputs], 1)).all(1)[:most]
    kept = [values[:most][whole] for values in part]
    cuts = np.flatnonzero(np.diff(kept[0]) > 1.5 * usual) + 1
    pieces = zip(*(np.split(values, cuts) for values in kept), strict=True)
    return [
        Recording(np.arange(float(len(times))), states, inputs)
        for times, states, inputs in pieces
        if len(times) >= FEWEST
    ]


def units_of_rows(parts: Sequence[Recording]) -> Units:
    """Units in which every variable is at most 1, and the time counts rows."""
    states, inputs = (
        np.max([np.max(np.abs(getattr(p, name)), 0) for p in parts], 0)
        for name in ("states", "inputs")
    )
    inputs = np.where(inputs > 0, inputs, 1.0)
    return Units(states, inputs, 1.0)


def _signal(part: Recording, units: Units) -> Signal:
    states, inputs = part.states / units.states, part.inputs / units.inputs
    count = states.shape[1]
    # The last row has none that follows; it stands for itself, and `row_pairs` leaves it out.
    return Signal(
        times=part.times,
        states=states,
        derivatives=np.concatenate([states[1:], states[-1:]]),
        measured=states,
        seen=np.ones(states.shape, bool),
        near=np.ones(len(states), bool),
        relative=np.ones(states.shape),
        inputs=inputs,
        before=inputs,
        noise=np.full(count, constants.NOISE_FLOOR),
        proportional=np.zeros(count, bool),
        resolved=np.ones(count, bool),
        freedom=float(len(states) - 1),
    )
