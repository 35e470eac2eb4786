"""Angles that go round, from 360 back to 0: read without the jumps."""

from collections.abc import Sequence

import numpy as np

__all__ = ["unrolled"]

TURNS = ((0.0, 360.0), (-180.0, 180.0), (0.0, 2 * np.pi), (-np.pi, np.pi))
"""Where an angle is written from and to, in degrees and in radians."""
ROUNDED = 2e-3
"""Share of a turn by which a reading may exceed it: 3.142 stands for π, and 6.29 for 2π."""
JUMP = 0.75
"""Share of a turn that a jump back has at least; all other changes are smaller than the rest."""
KINK = 2.0
"""Change of the slope at a jump, in units of the largest one elsewhere, at most."""
EXACT = 1e-9
"""Share of a turn below which a change of the slope is rounding."""
BESIDE = 8
"""Changes of the slope away from jumps that are needed to say so."""


def unrolled(
    matrices: Sequence[np.ndarray], states: Sequence[int]
) -> tuple[list[np.ndarray], dict[int, tuple[float, float]]]:
    """Recordings whose angles go on beyond a turn, and between which ends their columns jumped.

    Args:
      matrices: times and columns of each recording [N, 1 + C], NaN where there is no reading.
      states: the columns that may be angles, from 0 for the one behind the times.
    """
    found = {}
    changed = [values.copy() for values in matrices]
    for i in states:
        ends = _wrapped([values[np.isfinite(values[:, 1 + i]), 1 + i] for values in matrices])
        if ends is not None:
            found[i] = ends
            for values in changed:
                known = np.isfinite(values[:, 1 + i])
                values[known, 1 + i] = np.unwrap(values[known, 1 + i], period=ends[1] - ends[0])
    return changed, found


def _wrapped(columns: Sequence[np.ndarray]) -> tuple[float, float] | None:
    """The range of an angle that leaves it at one end and enters it at the other, None for others.

    Readings fill the range to within an ordinary change and never leave it; every change is nearly
    a turn or less than a quarter of one; and without the jumps the slope changes as little where
    they were as elsewhere, which that of a relaxation does not.

    Args:
      columns: the readings of each recording [N].
    """
    every = np.concatenate(columns)
    for low, high in TURNS:
        turn = high - low
        slack = ROUNDED * turn
        if not len(every) or np.min(every) < low - slack or np.max(every) > high + slack:
            continue
        changes = np.abs(np.concatenate([np.diff(column) for column in columns]))
        jumps = changes > JUMP * turn
        ordinary = np.max(changes[~jumps], initial=0.0)
        ends = max(np.min(every) - low, high - np.max(every))
        if not np.any(jumps) or ordinary > (1 - JUMP) * turn or ends > ordinary + slack:
            continue
        at, elsewhere = _bends(columns, turn)
        if len(elsewhere) >= BESIDE and np.max(at) <= KINK * np.max(elsewhere) + EXACT * turn:
            return low, high
    return None


def _bends(columns: Sequence[np.ndarray], turn: float) -> tuple[np.ndarray, np.ndarray]:
    """Changes of the slope beside jumps, and elsewhere, once the jumps are taken away."""
    at, elsewhere = [np.zeros(0)], [np.zeros(0)]
    for column in columns:
        steps = np.diff(column)
        jumps = np.abs(steps) > JUMP * turn
        bends = np.abs(np.diff(np.unwrap(column, period=turn), 2))
        beside = jumps[1:] | jumps[:-1]
        at.append(bends[beside])
        elsewhere.append(bends[~beside])
    return np.concatenate(at), np.concatenate(elsewhere)
