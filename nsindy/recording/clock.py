"""Which columns of a table are the times, and what times they say."""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.recording import times
from nsindy.recording.names import without_unit
from nsindy.recording.repair import FEWEST
from nsindy.recording.table import Column, Table, quote

__all__ = ["Ask", "RowTimes", "check_cells", "guess", "is_called_time", "is_count", "times_of_rows"]

UNITS = "s|sec|seconds?|ms|us|µs|ns|min|minutes?|h|hours?|d|days?|yr|years?"
TIME = re.compile(
    rf"(?:t|(?i:times?|timestamp|date|datetime))(?:[ _/]*[\[(].*[\])]|[ _/]+(?i:{UNITS}))?"
)
"""Names of a column of times, with or without its unit."""
TIME_WORDS = frozenset(
    (
        *("t", "time", "times", "timestamp", "elapsed", "zeit", "uhrzeit", "laufzeit", "datum"),
        *("date", "datetime", "clock", "epoch", "temps", "tiempo", "tijd", "czas", "day", "days"),
        *("tag", "tage", "year", "years", "jahr", "jahre", "month", "months", "monat", "monate"),
        *("week", "weeks", "woche", "wochen", "hour", "hours", "stunde", "stunden", "minute"),
        *("minutes", "minuten", "second", "seconds", "sekunde", "sekunden", "sec", "secs", "ms"),
        *("millis", "hrs"),
    )
)
"""Words in the name of a column that is one of times where it increases."""
TIME_UNIT = re.compile(rf".*[\[(]\s*(?:{UNITS})\s*[\])]", re.IGNORECASE)
BACK = 0.2
"""Share of the steps of a column of times that may go back: recordings start again."""
JITTER = 0.02
"""Share of them that may go back a little."""


class Ask(NamedTuple):
    """What a person says about the columns of a file.

    Attributes:
      time: header or number (from 1) of the column of times.
      states: headers or numbers of the states.
      inputs: headers or numbers of the inputs.
      by: header or number of the column that tells recordings apart.
      dt: time between rows where no column has it.
      command: whether advice is given as options of the command, or as arguments.
      steps: whether rows are the steps of a map, which need no times.
    """

    time: str | None = None
    states: Sequence[str] | None = None
    inputs: Sequence[str] = ()
    by: str | None = None
    dt: float | None = None
    command: bool = True
    steps: bool = False

    def option(self, name: str, value: str = "") -> str:
        """An option as a person writes it, `--dt 0.01` or `dt=0.01`."""
        if self.command:
            return f"--{name} {value}".rstrip()
        return f"{name}={value}" if value else name


class RowTimes(NamedTuple):
    """Times of the rows.

    Attributes:
      values: the times [N].
      columns: that they were read from.
      notes: what was assumed, in words.
      unit: s or days; empty where the file does not say.
    """

    values: np.ndarray
    columns: tuple[int, ...]
    notes: tuple[str, ...]
    unit: str = ""


def times_of_rows(
    table: Table,
    ask: Ask,
    when: int | None,
    chosen: Collection[int],
    codes: np.ndarray | None = None,
) -> RowTimes:
    """Times of the rows: of the column that is asked for, the likeliest, or so many steps of `dt`.

    Args:
      table: the table.
      ask: what a person says.
      when: the column that is asked for.
      chosen: columns that are states, inputs or tell recordings apart.
      codes: which recording each row belongs to, where that is known [N].

    Raises:
      ValueError: a cell is no time, or the times are in a column that nobody named.
    """
    count = len(table.rows)
    if ask.dt is not None:
        named = tuple(i for i in _named(table) if i not in chosen)
        notes = [f"rows are {ask.dt:.10g} apart in time, as {ask.option('dt')} says"]
        notes += [f"left out column {table.label(i)}, which is one of times" for i in named]
        return RowTimes(np.arange(count) * ask.dt, named, tuple(notes))
    guessed = when is None
    when = guess(table, chosen, codes) if when is None else when
    if ask.steps and guessed and (when is None or not _says_time(table.columns[when])):
        # What increases may be a state of a map.
        return RowTimes(np.arange(float(count)), (), ())
    if when is None:
        _check_shuffled(table, ask, chosen)
        note = (
            "no column has times: took each row as one unit of time; "
            f"{ask.option('dt', '0.01')} says how far apart the rows are"
        )
        return RowTimes(np.arange(float(count)), (), (note,))
    found = _moments(table, when, chosen)
    if guessed and not TIME.fullmatch(table.columns[when].name) and len(found.columns) == 1:
        note = f"used column {table.label(when)} as the times"
        name = table.columns[when].name
        called = is_called_time(name) or re.fullmatch(UNITS, name, re.IGNORECASE)
        if is_count(table.columns[when].values) and not called:
            note += f", which numbers the rows; {ask.option('dt', '0.01')} gives their step"
        found = found._replace(notes=(note, *found.notes))
    return found


def _named(table: Table) -> list[int]:
    return [i for i, column in enumerate(table.columns) if TIME.fullmatch(column.name)]


def guess(table: Table, chosen: Collection[int], codes: np.ndarray | None = None) -> int | None:
    """The column of times: by its name, by how its cells are written, or because it increases.

    It does so within each recording, where `codes` tells these apart [N], or a column that keeps
    its value while another starts again and rises with each of them.
    """
    again: list[int] = []
    if codes is None and (found := _block(table, chosen)) is not None:
        codes = np.cumsum(_moves(table.columns[found[0]].values))
        chosen, again = {*chosen, found[0]}, [found[1]]
    free = [
        i
        for i, column in enumerate(table.columns)
        if i not in chosen and column.kind != "words" and np.any(np.isfinite(column.values))
    ]
    named = [i for i in _named(table) if i in free]
    rising = [i for i in free if _increases(table.columns[i].values, codes)]
    called = [i for i in rising if is_called_time(table.columns[i].name)]
    written = [i for i in free if table.columns[i].kind in times.KINDS]
    counts = [i for i in rising if is_count(table.columns[i].values)]
    numbers = [i for i in free if table.columns[i].kind == "number"]
    first = [i for i in numbers[:1] if i in rising and len(table.columns) > 1]
    even = [i for i in rising if _is_even(table.columns[i].values) and len(table.columns) > 1]
    shuffled = [i for i in numbers if i not in rising and is_called_time(table.columns[i].name)]
    for candidates in (
        [i for i in named if i in rising or i in written],
        [i for i in called if i not in counts],
        written,
        [i for i in even if i not in counts],
        [i for i in named if np.ptp(_known(table.columns[i].values))],
        called,
        named,
        again,
        [i for i in first if i not in counts],
        first,
        # Its rows are in another order.
        [i for i in shuffled if _is_even(table.columns[i].values)],
    ):
        if candidates:
            return candidates[0]
    return None


def _block(table: Table, chosen: Collection[int]) -> tuple[int, int] | None:
    """The column that numbers blocks of rows, and the one that starts again and rises in each.

    The name of the first does not say that it is one of times; None where there are no such two.
    """
    numbers = [
        i
        for i, column in enumerate(table.columns)
        if i not in chosen and column.kind == "number" and np.all(np.isfinite(column.values))
    ]
    for i in numbers:
        values = table.columns[i].values
        begins = np.flatnonzero(_moves(values))
        sizes = np.diff([*begins, len(values)])
        # Of two rows one always rises.
        if len(begins) < 2 or np.min(sizes) < 3 or len(np.unique(values)) < len(begins):
            continue
        if _says_time(table.columns[i]):
            continue
        blocks = np.split(np.arange(len(values)), begins[1:])
        rising = [
            j
            for j in numbers
            if np.array_equal(np.flatnonzero(np.diff(table.columns[j].values) <= 0) + 1, begins[1:])
        ]
        even = [j for j in rising if all(_is_even(table.columns[j].values[k]) for k in blocks)]
        if rising:
            return i, (even or rising)[0]
    return None


def _moves(values: np.ndarray) -> np.ndarray:
    """Tell which of the values [N] are not those of the row before; the first is not."""
    return np.concatenate([[True], np.diff(values) != 0])


def _says_time(column: Column) -> bool:
    return is_called_time(column.name) or column.kind in times.KINDS


def _known(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def is_called_time(name: str) -> bool:
    """Tell whether a word of a header, or its unit, is one of times."""
    words = re.findall(r"[A-ZÄÖÜ]?[a-zäöüµ]+|[A-ZÄÖÜ]+(?![a-z])", without_unit(name))
    # T alone is a temperature.
    lower = {word.lower() for word in words if word != "T"}
    return bool(lower & TIME_WORDS or TIME_UNIT.fullmatch(name))


def _increases(values: np.ndarray, codes: np.ndarray | None = None) -> bool:
    known = _known(values)
    steps = np.diff(known)
    if codes is not None:
        own = codes[np.isfinite(values)]
        order = np.argsort(own, kind="stable")
        steps = np.diff(known[order])[np.diff(own[order]) == 0]
        return bool(np.any(steps > 0) and np.mean(steps < 0) <= JITTER)
    if not np.any(steps > 0) or np.mean(steps < 0) > BACK:
        return False
    restarts = steps < -np.ptp(known) / 2
    return bool(np.sum((steps < 0) & ~restarts) <= JITTER * len(steps))


def _is_even(values: np.ndarray) -> bool:
    """Tell whether values are equally spaced, in any order."""
    steps = np.diff(np.sort(_known(values)))
    if len(steps) < FEWEST - 1 or np.any(steps == 0):
        return False
    return bool(np.ptp(steps) <= 1e-3 * np.mean(steps))


def is_count(values: np.ndarray, codes: np.ndarray | None = None) -> bool:
    """Tell whether values [N] only number the rows, from 0 or 1, or those of each recording [N]."""
    if codes is not None:
        return all(is_count(values[codes == code]) for code in np.unique(codes[codes >= 0]))
    start = values - np.arange(len(values))
    return bool(len(values) and (np.all(start == 0) or np.all(start == 1)))


def _check_shuffled(table: Table, ask: Ask, chosen: Collection[int]) -> None:
    """Raise where no column of times increases, but one would if it was sorted."""
    for i, column in enumerate(table.columns):
        if i not in chosen and column.kind == "number" and _is_even(column.values):
            label = table.label(i)
            raise ValueError(
                f"{table.source}: no column is called t or time, and none increases; if column "
                f"{label} has the times, say so with {ask.option('time', label)}, or give the time "
                f"between rows with {ask.option('dt', '0.01')}"
            )


def _moments(table: Table, when: int, chosen: Collection[int]) -> RowTimes:
    column = table.columns[when]
    label = table.label(when)
    check_cells(table, [when])
    if column.kind == "words":
        raise ValueError(
            f"{table.source}, column {label} has words, not times, first "
            f"{quote(column.words[0])}; choose another column"
        )
    if column.kind in ("clock", "date"):
        other = {"clock": "date", "date": "clock"}[column.kind]
        for near in (when + 1, when - 1):
            if (
                0 <= near < len(table.columns)
                and near not in chosen
                and table.columns[near].kind == other
            ):
                pair = (when, near) if column.kind == "date" else (near, when)
                return _date_and_clock(table, *pair)
    if column.kind == "clock":
        seconds = times.unwrapped(column.values)
        note = f"read column {label} {column.note}"
        if not np.array_equal(seconds, column.values, equal_nan=True):
            note += "; it passes midnight"
        return RowTimes(seconds, (when,), (note,), "s")
    if column.origin is not None:
        values, unit = times.since(column.values, column.origin)
        order = f", {column.note}" if column.note else ""
        short = "days" if unit.startswith("days") else "s"
        return RowTimes(values, (when,), (f"read column {label} as {unit}{order}",), short)
    if column.kind == "number" and (counted := times.epoch(column.values)):
        return RowTimes(counted.values, (when,), (f"read column {label} {counted.unit}",), "s")
    notes = (f"read column {label} {column.note}",) if column.note else ()
    return RowTimes(column.values, (when,), notes)


def _date_and_clock(table: Table, date: int, clock: int) -> RowTimes:
    check_cells(table, [date, clock])
    days, hours = table.columns[date], table.columns[clock]
    seconds = days.values + hours.values
    known = np.flatnonzero(np.isfinite(seconds))
    first = float(seconds[known[0]]) if len(known) else 0.0
    unit = "seconds"
    if days.origin is not None:
        unit = times.since(np.zeros(0), times.later(days.origin, first)).unit
    labels = " and ".join(table.label(i) for i in sorted((date, clock)))
    order = f", {days.note}" if days.note else ""
    note = f"read columns {labels} together as date and time, {unit}{order}"
    return RowTimes(seconds - first, (date, clock), (note,), "s")


def check_cells(table: Table, columns: Collection[int]) -> None:
    """Raise where a cell is no number or date, or where decimal commas and points are mixed."""
    for i in columns:
        column = table.columns[i]
        if column.bad is None and column.kind != "words":
            continue
        if column.kind in times.KINDS and column.bad is not None:
            raise ValueError(
                f"{table.source}, row {column.bad[0]}, column {table.label(i)}: "
                f"{quote(column.bad[1])} is not a {'clock' if column.kind == 'clock' else 'date'} "
                "like those above it; write all times in the same format"
            )
        row, cell = column.bad or (table.rows[0], column.words[0])
        raise ValueError(
            f"{table.source}, row {row}, column {table.label(i)}: {quote(cell)} is not a number; "
            "write a number (for times too), leave the cell empty, or choose other columns"
        )
    marks = [table.columns[i].marks for i in columns]
    comma = next((mark.comma for mark in marks if mark.comma), 0)
    point = next((mark.point or mark.grouped for mark in marks if mark.point or mark.grouped), 0)
    if comma and point:
        raise ValueError(
            f"{table.source} has a comma in the numbers of row {comma} and a point in row {point}; "
            "write all numbers with a decimal point and no other separators"
        )
