"""Local times that jump by an hour where clocks change, and go on."""

import datetime
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.recording import times
from nsindy.recording.table import Column, Table

__all__ = ["put_right"]

HOUR = 3600.0
LAST = -1
REGULAR = 0.8
"""Share of the steps that are the usual one, at least."""
TOLERANCE = (0.1, 60.0)
"""How much a step may differ from the usual one: a share of it, and seconds."""
SAID = 3
"""Changes that are named; a recording of years has more."""
NO_LOCAL_TIME = re.compile("(?:^|[^A-Za-z])(?:utc|gmt)|UTC|GMT")
"""Headers of times that know no summer."""


class Rule(NamedTuple):
    """When clocks change.

    Attributes:
      month: from 1.
      week: which Sunday of the month, or the last.
      hours: of the day, by the clock before it is changed.
      forward: whether the clock is put forward.
    """

    month: int
    week: int
    hours: tuple[int, ...]
    forward: bool


RULES = (
    # Europe, at 01:00 UTC: Lisbon and London, Berlin, Athens.
    Rule(3, LAST, (1, 2, 3), True),
    Rule(10, LAST, (2, 3, 4), False),
    # North America, since 2007.
    Rule(3, 2, (2,), True),
    Rule(11, 1, (2,), False),
    # Australia, and New Zealand, which begins a week earlier.
    Rule(10, 1, (2,), True),
    Rule(9, LAST, (2,), True),
    Rule(4, 1, (3,), False),
)
"""Where the rules of the zones are not at hand, these; the source is the tz database."""


class _Dated(NamedTuple):
    """Columns that say a day and a time of day.

    Attributes:
      clock: the one with the time of day.
      columns: it, and the one with the day.
      seconds: since the origin [N].
      origin: the first moment, or its day.
    """

    clock: int
    columns: tuple[int, ...]
    seconds: np.ndarray
    origin: datetime.datetime


class _Jump(NamedTuple):
    """A change of the clock before a row, from 0, and whether it goes forward."""

    row: int
    forward: bool


def put_right(table: Table) -> Table:
    """The table with local times that go on where clocks change, and a note of each change.

    Where clocks are put forward, an hour is missing among rows that are regular; where they are put
    back, one comes twice. At any other moment it is a gap, or rows that stand twice. Stamps with a
    zone, and those whose header says UTC, stay as they are.
    """
    columns, notes = list(table.columns), list(table.notes)
    for dated in _dated(table):
        order = np.flatnonzero(np.isfinite(dated.seconds))
        steps = np.diff(dated.seconds[order])
        if np.sum(steps < 0) > np.sum(steps > 0):
            # The newest row stands first.
            order = order[::-1]
        others = [c.values for i, c in enumerate(table.columns) if i not in dated.columns]
        jumps = _jumps(dated, order, others)
        if not jumps:
            continue
        column = columns[dated.clock]
        shifted = column.values + _shifts(dated.seconds, order, jumps)
        columns[dated.clock] = column._replace(values=shifted)
        label = " and ".join(table.label(i) for i in sorted(dated.columns))
        notes += _notes(table, label, dated, jumps)
    return table._replace(columns=tuple(columns), notes=tuple(notes))


def _dated(table: Table) -> list[_Dated]:
    """The columns of local moments, alone or as a date beside a time of day."""
    found = []
    for i, column in enumerate(table.columns):
        if column.origin is None or not _is_local(column):
            continue
        if column.kind == "stamp":
            found.append(_Dated(i, (i,), column.values, column.origin))
        for near in (i + 1, i - 1):
            if column.kind != "date" or not 0 <= near < len(table.columns):
                continue
            clock = table.columns[near]
            if clock.kind == "clock" and _is_local(clock):
                seconds = column.values + clock.values
                found.append(_Dated(near, (i, near), seconds, column.origin))
                break
    return found


def _is_local(column: Column) -> bool:
    return column.bad is None and not column.zoned and not NO_LOCAL_TIME.search(column.name)


def _jumps(dated: _Dated, order: np.ndarray, others: Sequence[np.ndarray]) -> list[_Jump]:
    """Where the seconds of rows, taken in an order [M], jump as clocks do that are changed."""
    seconds = dated.seconds[order]
    begins = np.flatnonzero(np.concatenate([[True], np.diff(seconds) != 0])[: len(seconds)])
    if len(seconds) < 2 * len(begins) - 1:
        # Most rows have a stamp of their own; an hour that comes twice, of hourly rows, has two.
        begins = np.arange(len(seconds))
    steps = np.diff(seconds[begins])
    if not len(steps) or not 0 < (usual := float(np.median(steps))) < times.DAY:
        return []
    most = min(TOLERANCE[0] * usual, TOLERANCE[1])
    regular = np.abs(steps - usual) <= most
    if np.mean(regular) < REGULAR:
        return []
    found = []
    for forward, size in ((True, usual + HOUR), (False, usual - HOUR)):
        for i in np.flatnonzero(np.abs(steps - size) <= most).tolist():
            around = regular[max(i - 1, 0) : i + 2]
            before = times.later(dated.origin, float(seconds[begins[i]]))
            if np.sum(around) < len(around) - 1 or not _changes(before, usual, forward):
                continue
            again = min(round(HOUR / usual), i + 1, len(begins) - i - 1)
            one, other = (order[begins[k : k + again]] for k in (i + 1 - again, i + 1))
            if not forward and again and _are_copies(one, other, others):
                continue
            found.append(_Jump(int(order[begins[i + 1]]), forward))
    return sorted(found)


def _changes(before: datetime.datetime, step: float, forward: bool) -> bool:
    """Tell whether clocks change after a moment and within a step in seconds."""
    if before.year == datetime.MAXYEAR:
        return False
    after = times.later(before, step)
    for day in {before.date(), after.date()}:
        midnight = datetime.datetime.combine(day, datetime.time(), before.tzinfo)
        rules = [rule for rule in RULES if rule.forward == forward and _is_day(day, rule)]
        hours = [times.later(midnight, HOUR * hour) for rule in rules for hour in rule.hours]
        if any(before < hour <= after for hour in hours):
            return True
    return False


def _is_day(day: datetime.date, rule: Rule) -> bool:
    if day.month != rule.month or day.isoweekday() != 7:
        return False
    if rule.week == LAST:
        return (day + datetime.timedelta(days=7)).month != day.month
    return (day.day - 1) // 7 + 1 == rule.week


def _are_copies(one: np.ndarray, other: np.ndarray, columns: Sequence[np.ndarray]) -> bool:
    """Tell whether rows have the values of other rows: they stand twice."""
    return all(np.array_equal(c[one], c[other], equal_nan=True) for c in columns)


def _shifts(seconds: np.ndarray, order: np.ndarray, jumps: Sequence[_Jump]) -> np.ndarray:
    """Seconds to add to the rows [N], which lie in an order [M], 0 in the first of the file.

    Where time starts again by more than an hour, as in another recording, the clock does too.
    """
    moved = np.zeros(len(seconds))
    for jump in jumps:
        moved[jump.row] = -HOUR if jump.forward else HOUR
    total = np.cumsum(moved[order])
    again = np.concatenate([[False], np.diff(seconds[order]) < -1.5 * HOUR])
    base = np.maximum.accumulate(np.where(again, np.arange(len(order)), 0))
    shifts = np.zeros(len(seconds))
    shifts[order] = total - total[base]
    return shifts - shifts[np.min(order)]


def _notes(table: Table, label: str, dated: _Dated, jumps: Sequence[_Jump]) -> list[str]:
    notes = []
    for jump in jumps[:SAID]:
        way = "forward" if jump.forward else "back"
        what = "the missing hour is no gap" if jump.forward else "the hour comes twice"
        moment = times.later(dated.origin, float(dated.seconds[jump.row]))
        notes.append(
            f"column {label}: clocks were put {way} an hour before row {table.rows[jump.row]}, "
            f"{moment:%Y-%m-%d %H:%M}: {what}; if these are no local times, write UTC in the header"
        )
    if len(jumps) > SAID:
        notes.append(f"column {label}: so they were {len(jumps) - SAID} times more")
    return notes
