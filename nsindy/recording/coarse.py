"""Stamps coarser than the rows: hours and minutes beside a row each 20 s, spread evenly again."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Spread", "spread"]

ODD = 0.02
"""Share of the stamps that may have a row more or less, or a longer step behind them: a logger
whose clock runs late skips a row now and then."""
FEWEST = 10
"""Stamps that are enough to tell by."""
NEAR = 4.0
"""Standard errors by which the rows of two stamps must be nearest where these meet. Neighbouring
comparisons share a stamp, which makes this about three."""
SLOPES = 3.0
"""Standard errors by which the slopes within stamps must be those from stamp to stamp."""
WIDTHS = 1, 2, 4, 8
"""Stamps before and behind one that the slope of their means is taken from."""
TURNS = 4.0
"""Standard errors by which the step from stamp to stamp is another than those within."""
TURNS_SHARE = 0.25
"""And by which share of the usual steps."""
SAME = 0.9
"""Share of the stamps with the same set of values where these name the rows."""


class Spread(NamedTuple):
    """Times of rows that shared their stamps [N], and how far these are apart."""

    values: np.ndarray
    apart: float


class _Runs(NamedTuple):
    """Rows with the same stamp.

    Attributes:
      begins: the first row of each run [S].
      counts: its rows [S].
      stamps: its stamp [S].
      usual: the rows that most have.
      step: from stamp to stamp.
    """

    begins: np.ndarray
    counts: np.ndarray
    stamps: np.ndarray
    usual: int
    step: float


def spread(
    times: np.ndarray,
    states: Sequence[np.ndarray],
    others: Sequence[np.ndarray] = (),
    codes: np.ndarray | None = None,
) -> Spread | None:
    """Spread rows evenly within the stamp that they share; None where it cannot be told that.

    Nearly all stamps stand equally often, twice or more, and step regularly; the first and the last
    may be cut. Rows must follow one another in the order of the file: the last of a stamp is nearer
    to the first of the next than the first of it to the last of the next, which repeated readings
    of one moment are not. Nor may a state change with each stamp alone, or a column take turns, as
    names and levels of several things do.

    Args:
      times: of the rows [N].
      states: what was measured [N].
      others: further columns that may tell rows apart, words as numbers [N].
      codes: which recording each row belongs to, where that is known [N].
    """
    values, apart = np.array(times, float), 0.0
    blocks = _blocks(times, codes)
    if not blocks:
        return None
    for block in blocks:
        runs = _runs(times[block])
        if runs is None:
            return None
        inner = [column[block] for column in (*states, *others)]
        if any(_takes_turns(column, runs) for column in inner):
            return None
        measured = inner[: len(states)]
        if any(_repeats(column, runs) for column in measured):
            return None
        if not any(_follows(column, runs) for column in measured):
            return None
        values[block] = _spread(runs)
        apart = apart or runs.step / runs.usual
    return Spread(values, apart)


def _blocks(times: np.ndarray, codes: np.ndarray | None) -> list[np.ndarray]:
    """Rows of each recording in the order of time, which starts again with each."""
    known = np.isfinite(times)
    kinds = np.zeros(len(times), int) if codes is None else codes
    found = []
    for code in np.unique(kinds[known & (kinds >= 0)]):
        rows = np.flatnonzero(known & (kinds == code))
        steps = np.diff(times[rows])
        if np.sum(steps < 0) > np.sum(steps > 0):
            # The newest row stands first.
            rows, steps = rows[::-1], -steps[::-1]
        found += np.split(rows, np.flatnonzero(steps < 0) + 1)
    return found


def _runs(times: np.ndarray) -> _Runs | None:
    """Runs of rows [N] with the same stamp, in a regular sequence; None for any other times."""
    begins = np.flatnonzero(np.concatenate([[True], np.diff(times) != 0]))
    counts, stamps = np.diff([*begins, len(times)]), times[begins]
    if len(begins) < FEWEST:
        return None
    usual, steps = int(np.median(counts)), np.diff(stamps)
    step, inner = float(np.median(steps)), counts[1:-1]
    uneven = np.abs(steps - step) > 1e-6 * step
    ends = max(counts[0], counts[-1])
    if usual < 2 or ends > usual + 1 or np.max(np.abs(inner - usual)) > 1:
        return None
    if np.sum(inner != usual) > ODD * len(inner) or np.sum(uneven) > ODD * len(steps):
        return None
    return _Runs(begins, counts, stamps, usual, step)


def _spread(runs: _Runs) -> np.ndarray:
    """Times [N], evenly spaced within each stamp; of a first stamp that is cut, the end is left."""
    numbers = np.arange(np.sum(runs.counts)) - np.repeat(runs.begins, runs.counts)
    whole = runs.counts.copy()
    whole[[0, -1]] = np.maximum(whole[[0, -1]], runs.usual)
    numbers[: runs.counts[0]] += whole[0] - runs.counts[0]
    return np.repeat(runs.stamps, runs.counts) + runs.step * numbers / np.repeat(whole, runs.counts)


def _follows(column: np.ndarray, runs: _Runs) -> bool:
    """Tell whether rows [N] go on from stamp to stamp in the order of the file.

    What changes fast shows it where stamps meet; what changes slowly, below noise, by slopes within
    stamps that are those of their means. Readings of one moment have slopes of either sign.
    """
    first, last = column[runs.begins], column[runs.begins + runs.counts - 1]
    near, far = np.abs(first[1:] - last[:-1]), np.abs(last[1:] - first[:-1])
    won, lost = np.sum(near < far), np.sum(near > far)
    if won - lost > NEAR * np.sqrt(won + lost):
        return True
    numbers = np.arange(len(column)) - np.repeat(runs.begins, runs.counts)
    places = numbers - np.repeat((runs.counts - 1) / 2, runs.counts)
    slopes = np.add.reduceat(places * column, runs.begins)
    means = np.add.reduceat(column, runs.begins) / runs.counts
    for width in WIDTHS:
        both = slopes[width:-width] * (means[2 * width :] - means[: -2 * width])
        both = both[np.isfinite(both)]
        if len(both) >= FEWEST and np.sum(both) > SLOPES * np.sqrt(np.sum(both**2)):
            return True
    return False


def _repeats(column: np.ndarray, runs: _Runs) -> bool:
    """Tell whether rows [N] change from stamp to stamp, and never within one."""
    moves = np.diff(column) != 0
    between = np.zeros(len(moves), bool)
    between[runs.begins[1:] - 1] = True
    return bool(not np.any(moves[~between]) and np.mean(moves[between]) >= 0.5)


def _takes_turns(column: np.ndarray, runs: _Runs) -> bool:
    """Tell whether the rows [N] of each stamp are those of several things.

    Their names are the same with each stamp; or, as levels, they go back where the next begins.
    """
    whole = np.flatnonzero(runs.counts == runs.usual)
    rows = np.sort(column[runs.begins[whole, None] + np.arange(runs.usual)], axis=1)
    if np.all(np.diff(rows[0]) > 0) and np.mean(np.all(rows == rows[0], axis=1)) >= SAME:
        return True
    first, last = column[runs.begins], column[runs.begins + runs.counts - 1]
    within = (last - first) / np.maximum(runs.counts - 1, 1)
    between, within = first[1:] - last[:-1], (within[1:] + within[:-1]) / 2
    known = np.isfinite(between) & np.isfinite(within)
    between, within = between[known], within[known]
    if len(between) < FEWEST - 1:
        return False
    other = between - within
    size = np.mean(np.abs(between)) + np.mean(np.abs(within))
    error = np.std(other) / np.sqrt(len(other))
    return bool(abs(np.mean(other)) > max(TURNS * error, TURNS_SHARE * size))
