"""What may be repaired in a recording without guessing, and what is an error."""

import dataclasses
from typing import NamedTuple

import numpy as np

from nsindy.recording import merge

__all__ = ["RawRecording", "Source", "repair", "without_missing"]

FEWEST = 10
"""Samples that a recording must have."""
DROPPED = 0.1
"""Share of the rows that are dropped because a value is missing; where there are more, a missing
value is no measurement."""
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
    """A table as it was read.

    Attributes:
      source: how messages name it.
      values: columns time, D states, U inputs [N, 1 + D + U].
      rows: what messages call its rows [N].
      states: D.
    """

    source: Source
    values: np.ndarray
    rows: np.ndarray
    states: int


def repair(table: RawRecording) -> tuple[np.ndarray, tuple[str, ...]]:
    """Drop, sort and check the rows of one recording.

    Returns:
      values [N, 1 + D + U] with strictly increasing times, NaN where a cell is missing, and what
      was changed, in words.

    Raises:
      ValueError: too few values are left of a column, times repeat with different values or start
        again, or samples are too few, or a column too large or small.
    """
    table, notes = without_missing(table)
    source, values, rows = table.source, table.values, table.rows
    _check_restart(source, values[:, 0], rows)
    order = np.argsort(values[:, 0], kind="stable")
    moved = int(np.sum(order != np.arange(len(order))))
    if moved:
        notes.append(f"sorted {moved} rows by time")
        values, rows = values[order], rows[order]
    values, rows, more = _without_repeats(source, values, rows)
    notes += more
    if len(values) < FEWEST:
        raise source.error(f"{len(values)} samples are too few; give at least {FEWEST}")
    for name, size in zip(source.columns, np.nanmax(np.abs(values), axis=0), strict=True):
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


def without_missing(table: RawRecording) -> tuple[RawRecording, list[str]]:
    """What becomes of cells that are empty, no number or infinite: NaN, or their rows are dropped.

    A few incomplete rows, at most the share `DROPPED`, are dropped. Where there are more, an empty
    cell of a state is no measurement and one of an input is filled in from its neighbours later;
    then only rows without a time or without any value are dropped.

    Returns:
      the table, and what was done in words.

    Raises:
      ValueError: too many times are missing, or a column has too few values.
    """
    source, values, rows, states = table
    finite = np.isfinite(values)
    bad, notes = ~np.all(finite, axis=1), list[str]()
    if not np.any(bad):
        return table, notes
    if np.sum(bad) > DROPPED * len(values):
        bad = ~finite[:, 0] | ~np.any(finite[:, 1:], axis=1)
        timeless = rows[~finite[:, 0]]
        if len(timeless) > DROPPED * len(values):
            raise source.error(
                f"a time is missing or infinite in {_rows(timeless)} of {len(values)}; fill them in"
            )
        counts = np.sum(finite[:, 1:] & finite[:, :1], axis=0)
        for name, count, state in zip(
            source.columns[1:], counts, np.arange(len(counts)) < states, strict=True
        ):
            if count < (FEWEST if state else 1):
                raise source.error(
                    f"a value is missing or infinite in all but {count} rows of column {name}; "
                    f"give at least {FEWEST if state else 1}, or {source.omit}"
                )
        seen = [
            f"{name} in {count}"
            for name, count in zip(source.columns[1:], counts, strict=True)
            if count < len(values) - np.sum(bad)
        ]
        if seen:
            notes.append(
                f"of {len(values) - np.sum(bad)} rows {', '.join(seen)} are measured: a state is "
                "fitted where it was measured, an input filled in between"
            )
        values = np.where(finite, values, np.nan)
    if np.any(bad):
        notes.append(f"dropped {_rows(rows[bad])}: a value is missing or infinite")
    return table._replace(values=values[~bad], rows=rows[~bad]), notes


def _without_repeats(
    source: Source, values: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """One row for each time, of sorted rows; rows that fill each other's empty cells are one."""
    notes = list[str]()
    steps = np.diff(values[:, 0])
    both = np.isfinite(values[1:]) & np.isfinite(values[:-1])
    # Two series whose times are sums of steps: what only one of them measured is no conflict.
    close = steps <= merge.CLOSE * np.sum(steps)
    same_time = (steps == 0) | (close & ~np.any(both[:, 1:], axis=1))
    if not np.any(same_time):
        return values, rows, notes
    first = np.concatenate([[True], ~same_time])
    kept, place = values[first].copy(), np.cumsum(first) - 1
    dropped, filled = list[int](), list[int]()
    for i in np.flatnonzero(~first):
        to, own = kept[place[i]], values[i]
        if np.any(to[1:] != own[1:], where=np.isfinite(to[1:]) & np.isfinite(own[1:])):
            raise source.error(
                f"rows {rows[i - 1]} and {rows[i]} have the same time {own[0]:.10g} but "
                "different values; keep one of them"
            )
        new = np.isnan(to) & ~np.isnan(own)
        (filled if np.any(new) else dropped).append(int(rows[i]))
        to[new] = own[new]
    if dropped:
        notes.append(f"dropped {_rows(np.array(dropped))}: another row is identical")
    if filled:
        notes.append(f"put together {len(filled)} pairs of rows of the same time")
    return kept, rows[first], notes


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
