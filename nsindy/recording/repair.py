"""What may be repaired in a recording without guessing, and what is an error."""

import dataclasses
import shlex
from typing import NamedTuple

import numpy as np

from nsindy.recording import merge
from nsindy.recording.faults import faults
from nsindy.recording.table import rows_text

__all__ = ["FEWEST", "RawRecording", "Source", "quantised", "repair"]

FEWEST = 10
"""Samples that a recording must have."""
DROPPED = 0.1
"""Share of the rows that are dropped because a value is missing; where there are more, or inputs, a
missing value is no measurement."""
AVERAGED = 0.5
"""Share of the rows that may repeat the time of another; beyond it, rows are of several things."""
GAP = 20
"""A longer step, in units of the median step, is reported: irregular sampling has steps of ten."""
RANGE = (1e-30, 1e30)
"""Magnitudes that a column may reach. A coefficient is a ratio of up to nine of them, as that of ẋ³
in ẍ is, and must stay a finite number."""
MANY = 0.8
"""Share of different values among all from which a column is not looked at for steps."""
COARSE = 1 / 400
"""A step of a reading, as a share of the spread of its column, from which it is reported."""


@dataclasses.dataclass(frozen=True)
class Source:
    """How messages name a recording and its columns.

    Attributes:
      where: the file or the trajectory; empty where there is only one.
      columns: names of the columns, times first.
      others: option that names the columns that are kept; empty where there is none.
      states: how many of the columns after the times are states D.
      group: how rows of several recordings are told apart, as advice.
      step: option of the time between rows, {} where its value goes; empty where there is none.
    """

    where: str
    columns: tuple[str, ...]
    others: str
    states: int
    group: str
    step: str = ""

    def error(self, message: str) -> ValueError:
        """The error to raise, with the name of the recording before the message."""
        return ValueError(f"{self.where}: {message}" if self.where else message)

    def leave_out(self, column: str) -> str:
        """How a state is left out, as advice."""
        kept = [name for name in self.columns[1 : 1 + self.states] if name != column]
        if not self.others or not kept:
            return "leave it out"
        return f"leave it out: {self.others} {shlex.join(kept)}"

    def part(self, name: str) -> "Source":
        """The same for a part of it."""
        where = f"{self.where}, {name}" if self.where else name
        return dataclasses.replace(self, where=where)


class RawRecording(NamedTuple):
    """Columns time, D states, U inputs [N, 1 + D + U], and what messages call their rows [N]."""

    source: Source
    values: np.ndarray
    rows: np.ndarray


class _Rows(NamedTuple):
    """Rows that are kept, their numbers, and what was changed, in words."""

    values: np.ndarray
    rows: np.ndarray
    notes: tuple[str, ...]


def repair(table: RawRecording) -> tuple[np.ndarray, tuple[str, ...]]:
    """Drop, sort, average and check the rows of one recording, without the faults of its sensors.

    Returns:
      values [N, 1 + D + U] with strictly increasing times, NaN where a value is missing, and what
      was changed, in words.

    Raises:
      ValueError: too many times are missing, or too few values are left of a column, most times
        repeat with different values, or samples are too few, or a column too large or small.
    """
    source = table.source
    table, faulty = _without_faults(table)
    values, rows, notes = _measured(table)
    notes = (*faulty, *notes)
    order = np.argsort(values[:, 0], kind="stable")
    moved = int(np.sum(order != np.arange(len(order))))
    if moved:
        notes += (f"sorted {moved} rows by time",)
        values, rows = values[order], rows[order]
    values, rows, merged = _merged(source, values, rows)
    notes += (*merged, *_seldom(source, values))
    if len(values) < FEWEST:
        raise source.error(f"{len(values)} samples are too few; give at least {FEWEST}")
    _check_counts(source, np.sum(np.isfinite(values[:, 1:]), axis=0))
    sizes = np.max(np.abs(np.nan_to_num(values)), axis=0)
    for name, size in zip(source.columns, sizes, strict=True):
        if size and not RANGE[0] <= size <= RANGE[1]:
            raise source.error(f"column {name} reaches {size:.1e}; give it in another unit")
    steps = np.diff(values[:, 0])
    if np.min(steps) < RANGE[0]:
        raise source.error(f"times are less than {RANGE[0]:g} apart; give them in another unit")
    if np.max(steps) > GAP * np.median(steps):
        i = int(np.argmax(steps))
        notes += (
            f"there is a gap of {steps[i]:.4g} in time between rows {rows[i]} and {rows[i + 1]}, "
            f"{steps[i] / np.median(steps):.0f} times the usual step",
        )
    return np.ascontiguousarray(values), notes


def _without_faults(table: RawRecording) -> tuple[RawRecording, tuple[str, ...]]:
    """The recording without readings of states that are faults of a sensor, and which they were."""
    values, notes = table.values.copy(), []
    order = np.argsort(values[:, 0], kind="stable")
    for column in range(1, 1 + table.source.states):
        found = faults(values[order, column])
        if found is None:
            continue
        places = order[found.places]
        values[places, column] = np.nan
        name, row = table.source.columns[column], np.min(table.rows[places])
        what = f"left out {len(places)} readings of {name} that are far from all others around them"
        if len(places) == 1:
            what = f"left out a reading of {name} that is far from all others around it"
        first = "first in" if len(places) > 1 else "in"
        notes.append(f"{what}, {found.values}, {first} row {row}: faults of the sensor")
    return table._replace(values=values), tuple(notes)


def _measured(table: RawRecording) -> _Rows:
    """The rows that can be used, NaN where a cell is missing, no number or infinite.

    A few incomplete rows, at most the share `DROPPED`, are dropped where all columns are states.
    Where there are more, or inputs, which act in the rows between as well, an empty cell of a state
    is no measurement and one of an input is filled in from its neighbours later; then only rows
    without a time or without any value are dropped.
    """
    source, values, rows = table
    finite = np.isfinite(values)
    bad = ~np.all(finite, axis=1)
    if not np.any(bad):
        return _Rows(values, rows, ())
    notes: tuple[str, ...] = ()
    driven = len(source.columns) - 1 > source.states
    if driven or np.sum(bad) > DROPPED * len(values):
        timeless = rows[~finite[:, 0]]
        if len(timeless) > DROPPED * len(values):
            raise source.error(
                f"a time is missing or infinite in {rows_text(timeless)} of {len(values)}; fill "
                "them in"
            )
        bad = ~finite[:, 0] | ~np.any(finite[:, 1:], axis=1)
        _check_counts(source, np.sum(finite[~bad, 1:], axis=0))
        values = np.where(finite, values, np.nan)
    if np.any(bad):
        notes += (f"dropped {rows_text(rows[bad])}: a value is missing or infinite",)
    return _Rows(values[~bad], rows[~bad], notes)


def _check_counts(source: Source, counts: np.ndarray) -> None:
    """Raise where a column has too few values, of the D + U after the times."""
    for place, (name, count) in enumerate(zip(source.columns[1:], counts, strict=True)):
        fewest = FEWEST if place < source.states else 1
        if count < fewest:
            how = source.leave_out(name) if place < source.states else "leave it out"
            raise source.error(
                f"a value is missing or infinite in all but {count} rows of column {name}; give at "
                f"least {fewest}, or {how}"
            )


def _seldom(source: Source, values: np.ndarray) -> tuple[str, ...]:
    """What is said of columns that have no value in some of the rows [N, 1 + D + U]."""
    counts = np.sum(np.isfinite(values), axis=0).tolist()
    pairs = zip(source.columns, counts, strict=True)
    seldom = [f"{name} in {count}" for name, count in pairs if count < len(values)]
    if not seldom:
        return ()
    return (
        f"of {len(values)} rows {', '.join(seldom)} are measured: a state is fitted where it was "
        "measured, an input filled in between",
    )


def _merged(source: Source, values: np.ndarray, rows: np.ndarray) -> _Rows:
    """One row for each time, of sorted rows [N, 1 + D + U].

    Rows that repeat another are dropped, those that fill each other's empty cells put together, and
    the others of one time averaged.
    """
    notes: tuple[str, ...] = ()
    if np.any(values[1:, 0] == values[:-1, 0]):
        # The order of rows of one time must not matter.
        order = np.lexsort(values.T[::-1])
        values, rows = values[order], rows[order]
        filled = np.nan_to_num(values, nan=np.inf)
        same = np.concatenate([[False], np.all(filled[1:] == filled[:-1], axis=1)])
        if np.any(same):
            notes += (f"dropped {rows_text(rows[same])}: another row is identical",)
            values, rows = values[~same], rows[~same]
    values, rows, said = _put_together(values, rows)
    notes += said
    again = np.concatenate([[False], values[1:, 0] == values[:-1, 0]])
    if not np.any(again):
        return _Rows(values, rows, notes)
    if np.sum(again) > AVERAGED * len(values):
        time = values[int(np.argmax(again)), 0]
        one, other, *_ = np.sort(rows[values[:, 0] == time])
        raise source.error(
            f"rows {one} and {other} have the same time {time:.10g} but "
            f"different values, and so have most; {source.group}{_or_step(source, values[:, 0])}"
        )
    notes += (f"averaged {rows_text(rows[again])} with the row of the same time",)
    begins = np.flatnonzero(~again)
    counts = np.add.reduceat(np.isfinite(values).astype(float), begins, axis=0)
    sums = np.add.reduceat(np.nan_to_num(values), begins, axis=0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    means[:, 0] = values[begins, 0]
    return _Rows(means, rows[begins], notes)


def _or_step(source: Source, times: np.ndarray) -> str:
    """How rows that are evenly apart are read, of times that many of them share [N], as advice."""
    stamps, counts = np.unique(times, return_counts=True)
    if not source.step or len(stamps) < 2:
        return ""
    # The first and the last may be cut.
    each = np.mean(counts[1:-1]) if len(stamps) > 3 else np.mean(counts)
    apart = f"{np.median(np.diff(stamps)) / each:.4g}"
    return f", or, where rows are evenly apart, {apart} in time: {source.step.format(apart)}"


def _put_together(values: np.ndarray, rows: np.ndarray) -> _Rows:
    """Put rows of one time together of which each fills empty cells of the other."""
    finite = np.isfinite(values)
    # Two series whose times are sums of steps: what only one of them measured is no conflict.
    most = merge.CLOSE * (values[-1, 0] - values[0, 0]) if len(values) else 0.0
    near = np.flatnonzero(np.diff(values[:, 0]) <= most) + 1
    if finite.all() or not len(near):
        return _Rows(values, rows, ())
    values, kept, to = values.copy(), np.ones(len(values), bool), 0
    for i in near.tolist():
        to = i - 1 if kept[i - 1] else to
        if values[i, 0] - values[to, 0] > most or np.any(finite[i, 1:] & finite[to, 1:]):
            continue
        new = finite[i] & ~finite[to]
        values[to, new] = values[i, new]
        finite[to] |= new
        kept[i] = False
    if kept.all():
        return _Rows(values, rows, ())
    note = f"put {rows_text(rows[~kept])} together with the row of the same time"
    return _Rows(values[kept], rows[kept], (note,))


def quantised(values: np.ndarray) -> float:
    """The step of readings [N] that are coarse enough to be seen, 0 for others.

    They are multiples of one step of at least the share `COARSE` of their spread, and many occur
    more than once.
    """
    values = values[np.isfinite(values)]
    different = np.unique(values)
    if len(different) < FEWEST or len(different) > MANY * len(values):
        return 0.0
    step = float(np.min(np.diff(different)))
    multiples = (different - different[0]) / step
    if np.max(np.abs(multiples - np.round(multiples))) > 1e-3 or step < COARSE * np.std(values):
        return 0.0
    return step
