"""What may be repaired in a recording without guessing, and what is an error."""

import dataclasses
from typing import NamedTuple

import numpy as np

__all__ = ["RawRecording", "Source", "repair"]

FEWEST = 10
"""Samples that a recording must have."""
DROPPED = 0.1
"""Share of the rows that may be dropped because a value is missing."""
GAP = 20
"""A longer step, in units of the median step, is reported: irregular sampling has steps of ten."""
RANGE = (1e-30, 1e30)
"""Magnitudes that a column may reach. A coefficient is a ratio of up to nine of them, as that of ẋ³
in ẍ is, and must stay a finite number."""


@dataclasses.dataclass(frozen=True)
class Source:
    """How messages name a recording and its columns.

    Attributes:
      where: the file or the trajectory; empty where there is only one.
      columns: names of the columns, times first.
      omit: how a column is left out, as advice.
    """

    where: str
    columns: tuple[str, ...]
    omit: str

    def error(self, message: str) -> ValueError:
        """The error to raise, with the name of the recording before the message."""
        return ValueError(f"{self.where}: {message}" if self.where else message)


class RawRecording(NamedTuple):
    """Columns time, D states, U inputs [N, 1 + D + U], and what messages call their rows [N]."""

    source: Source
    values: np.ndarray
    rows: np.ndarray


def repair(table: RawRecording) -> tuple[np.ndarray, tuple[str, ...]]:
    """Drop, sort and check the rows of one recording.

    Returns:
      values [N, 1 + D + U] with strictly increasing times, and what was changed, in words.

    Raises:
      ValueError: too many rows lack a value, times repeat with different values or start again, or
        samples are too few, or a column too large or small.
    """
    source, values, rows = table.source, table.values, table.rows
    notes = []
    finite = np.isfinite(values)
    bad = ~np.all(finite, axis=1)
    if np.any(bad):
        count, column = int(np.sum(bad)), source.columns[int(np.argmin(np.all(finite, axis=0)))]
        if count > DROPPED * len(values):
            raise source.error(
                f"a value is missing or infinite in {_rows(rows[bad])} of {len(values)}, first in "
                f"column {column}; fill them in, or, if it was seldom measured, {source.omit}"
            )
        notes.append(f"dropped {_rows(rows[bad])}: a value is missing or infinite")
        values, rows = values[~bad], rows[~bad]
    _check_restart(source, values[:, 0], rows)
    order = np.argsort(values[:, 0], kind="stable")
    moved = int(np.sum(order != np.arange(len(order))))
    if moved:
        notes.append(f"sorted {moved} rows by time")
        values, rows = values[order], rows[order]
    same_time = values[1:, 0] == values[:-1, 0]
    same = same_time & np.all(values[1:] == values[:-1], axis=1)
    if np.any(same_time & ~same):
        i = int(np.argmax(same_time & ~same))
        raise source.error(
            f"rows {rows[i]} and {rows[i + 1]} have the same time {values[i, 0]:.10g} but "
            "different values; keep one of them"
        )
    if np.any(same):
        again = np.concatenate([[False], same])
        notes.append(f"dropped {_rows(rows[again])}: another row is identical")
        values, rows = values[~again], rows[~again]
    if len(values) < FEWEST:
        raise source.error(f"{len(values)} samples are too few; give at least {FEWEST}")
    for name, size in zip(source.columns, np.max(np.abs(values), axis=0), strict=True):
        if size and not RANGE[0] <= size <= RANGE[1]:
            raise source.error(f"column {name} reaches {size:.1e}; give it in another unit")
    if np.min(np.diff(values[:, 0])) < RANGE[0]:
        raise source.error(f"times are less than {RANGE[0]:g} apart; give them in another unit")
    steps = np.diff(values[:, 0])
    if np.max(steps) > GAP * np.median(steps):
        i = int(np.argmax(steps))
        notes.append(
            f"there is a gap of {steps[i]:.4g} in time between rows {rows[i]} and {rows[i + 1]}, "
            f"{steps[i] / np.median(steps):.0f} times the usual step"
        )
    return np.ascontiguousarray(values), tuple(notes)


def _check_restart(source: Source, times: np.ndarray, rows: np.ndarray) -> None:
    """Raise where sorting the rows by time would interleave two recordings."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(times) < 0) + 1, [len(times)]])
    if len(edges) < 3:
        return
    low, middle, high = (
        times[i] for i in (edges[:-1], (edges[:-1] + edges[1:]) // 2, edges[1:] - 1)
    )
    many = np.diff(edges) >= FEWEST
    again = many[1:] & many[:-1]
    # The middle of each of two increasing runs lies within the other.
    again &= (low[1:] <= middle[:-1]) & (middle[:-1] <= high[1:])
    again &= (low[:-1] <= middle[1:]) & (middle[1:] <= high[:-1])
    if np.any(again):
        raise source.error(
            f"time starts again at row {rows[edges[1 + int(np.argmax(again))]]}; "
            "put each recording into a file or array of its own"
        )


def _rows(rows: np.ndarray) -> str:
    shown = ", ".join(map(str, np.sort(rows)[:5]))
    if len(rows) > 5:
        return f"{len(rows)} rows ({shown}, …)"
    return f"row {shown}" if len(rows) == 1 else f"rows {shown}"
