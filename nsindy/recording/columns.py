"""Which columns of a table are the times, the states and the inputs, and which are none of them."""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.recording import shape, times
from nsindy.recording.names import check_count, find, without_unit
from nsindy.recording.shape import Groups
from nsindy.recording.table import Column, Table, listed, quote

__all__ = ["Ask", "Columns", "select_columns"]

UNITS = "s|sec|seconds?|ms|us|µs|ns|min|minutes?|h|hours?|d|days?|yr|years?"
TIME = re.compile(
    rf"(?:t|(?i:times?|timestamp|date|datetime))(?:[ _/]*[\[(].*[\])]|[ _/]+(?i:{UNITS}))?"
)
"""Names of a column of times, with or without its unit."""
TIME_WORDS = frozenset(
    [
        "t",
        "time",
        "times",
        "timestamp",
        "elapsed",
        "zeit",
        "uhrzeit",
        "laufzeit",
        "datum",
        "date",
        "datetime",
        "clock",
        "epoch",
        "temps",
        "tiempo",
        "tijd",
        "czas",
        "day",
        "days",
        "tag",
        "tage",
        "year",
        "years",
        "jahr",
        "jahre",
        "month",
        "months",
        "monat",
        "monate",
        "week",
        "weeks",
        "woche",
        "wochen",
        "hour",
        "hours",
        "stunde",
        "stunden",
        "minute",
        "minutes",
        "minuten",
        "second",
        "seconds",
        "sekunde",
        "sekunden",
        "sec",
        "secs",
        "ms",
        "millis",
        "hrs",
    ]
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
    """

    time: str | None = None
    states: Sequence[str] | None = None
    inputs: Sequence[str] = ()
    by: str | None = None
    dt: float | None = None
    command: bool = True

    def option(self, name: str, value: str = "") -> str:
        """An option as a person writes it, `--dt 0.01` or `dt=0.01`."""
        if self.command:
            return f"--{name} {value}".rstrip()
        return f"{name}={value}" if value else name


class Columns(NamedTuple):
    """The columns of a file that recordings are made of: times, states, inputs.

    Attributes:
      values: [N, 1 + D + U], NaN where a cell is empty.
      rows: line number of each row [N], counted from 1.
      labels: what the file calls each column, its number where it has no name [1 + D + U].
      names: headers of states and inputs [D + U], empty where there is none.
      states: D.
      groups: which recording each row belongs to, if a column tells.
      notes: what was assumed or left out, in words.
    """

    values: np.ndarray
    rows: np.ndarray
    labels: tuple[str, ...]
    names: tuple[str, ...]
    states: int
    groups: Groups | None
    notes: tuple[str, ...]


class _Times(NamedTuple):
    """Times of the rows [N], the columns that they were read from, and what was assumed."""

    values: np.ndarray
    columns: tuple[int, ...]
    notes: tuple[str, ...]


def select_columns(table: Table, ask: Ask) -> Columns:
    """Choose the columns that are named, or those that convention tells.

    Without `states` all columns that are left are states, except those of words and of times, those
    that are empty, those that only number the rows, and the one that tells recordings apart.

    Raises:
      ValueError: a column does not exist or is chosen twice, a cell is not a number, decimal commas
        and points are mixed, or no column is left for a state.
    """
    when = None if ask.time is None else find(table, ask.time)
    wanted = [*(ask.states or ()), *ask.inputs, *([] if ask.by is None else [ask.by])]
    headers = [column.name for column in table.columns]
    taken = [name for name in wanted if name in headers]
    if len(table.columns) > 2:
        guess = when if when is not None else _guess(table, frozenset())
        table = shape.widened(table, guess, taken)
        when = None if ask.time is None else find(table, ask.time)
    driven = [find(table, name) for name in ask.inputs]
    measured = None if ask.states is None else [find(table, name) for name in ask.states]
    by = None if ask.by is None else find(table, ask.by)
    chosen = {*driven, *(measured or ()), *([] if by is None else [by])}
    clock = _times(table, ask, when, chosen)
    groups = None if by is None else shape.groups_by(table, by)
    notes = (*table.notes, *clock.notes)
    if groups is None and ask.dt is None:
        free = set(range(len(table.columns))) - chosen - set(clock.columns)
        groups = shape.groups_guessed(table, clock.values, free)
        if groups is not None:
            notes += (_group_note(table, ask, groups),)
    if measured is None:
        # The column that tells recordings apart is none of their states.
        used = {*clock.columns, *driven, *([] if groups is None else [groups.column])}
        measured, left = _free_states(table, clock, used)
        notes += left
    columns = [*measured, *driven]
    _check_chosen(table, [*clock.columns[:1], *columns])
    check_count(len(columns))
    if not measured:
        every = tuple(map(table.label, range(len(table.columns))))
        raise ValueError(
            f"{table.source} has no column for a state; choose one with {ask.option('states')}, of "
            f"{listed(every)}"
        )
    _check_cells(table, [*clock.columns, *columns])
    notes += tuple(
        f"read column {table.label(i)} {table.columns[i].note}"
        for i in columns
        if table.columns[i].note
    )
    matrix = [clock.values, *(table.columns[i].values for i in columns)]
    label = table.label(clock.columns[0]) if clock.columns else "time"
    return Columns(
        np.column_stack(matrix),
        table.rows,
        (label, *map(table.label, columns)),
        tuple(table.columns[i].name for i in columns),
        len(measured),
        groups,
        notes,
    )


def _group_note(table: Table, ask: Ask, groups: Groups) -> str:
    label = table.label(groups.column)
    return (
        f"column {label} tells {len(groups.names)} recordings apart, as {ask.option('by', label)} "
        f"says; {ask.option('states')} names it to make it a state"
    )


def _times(table: Table, ask: Ask, when: int | None, chosen: Collection[int]) -> _Times:
    count = len(table.rows)
    if ask.dt is not None:
        named = tuple(i for i in _named(table) if i not in chosen)
        notes = [f"rows are {ask.dt:.10g} apart in time, as {ask.option('dt')} says"]
        notes += [f"left out column {table.label(i)}, which is one of times" for i in named]
        return _Times(np.arange(count) * ask.dt, named, tuple(notes))
    guessed = when is None
    when = _guess(table, chosen) if when is None else when
    if when is None:
        _check_shuffled(table, ask, chosen)
        note = (
            "no column has times: took each row as one unit of time; "
            f"{ask.option('dt', '0.01')} says how far apart the rows are"
        )
        return _Times(np.arange(float(count)), (), (note,))
    found = _moments(table, when, chosen)
    if guessed and not TIME.fullmatch(table.columns[when].name) and len(found.columns) == 1:
        note = f"used column {table.label(when)} as the times"
        if _is_count(table.columns[when].values) and not _is_called_time(table.columns[when].name):
            note += f", which numbers the rows; {ask.option('dt', '0.01')} gives their step"
        found = found._replace(notes=(note, *found.notes))
    return found


def _named(table: Table) -> list[int]:
    return [i for i, column in enumerate(table.columns) if TIME.fullmatch(column.name)]


def _guess(table: Table, chosen: Collection[int]) -> int | None:
    """The column of times: by its name, by how its cells are written, or because it increases."""
    free = [
        i
        for i, column in enumerate(table.columns)
        if i not in chosen and column.kind != "words" and np.any(np.isfinite(column.values))
    ]
    named = [i for i in _named(table) if i in free]
    rising = [i for i in free if _increases(table.columns[i].values)]
    called = [i for i in rising if _is_called_time(table.columns[i].name)]
    written = [i for i in free if table.columns[i].kind in times.KINDS]
    counts = [i for i in rising if _is_count(table.columns[i].values)]
    numbers = [i for i in free if table.columns[i].kind == "number"]
    first = [i for i in numbers[:1] if i in rising and len(table.columns) > 1]
    even = [i for i in rising if _is_even(table.columns[i].values) and len(table.columns) > 1]
    for candidates in (
        [i for i in named if i in rising or i in written],
        [i for i in called if i not in counts],
        written,
        [i for i in even if i not in counts],
        [i for i in named if np.ptp(_known(table.columns[i].values))],
        called,
        named,
        [i for i in first if i not in counts],
        first,
    ):
        if candidates:
            return candidates[0]
    return None


def _known(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _is_called_time(name: str) -> bool:
    words = re.findall(r"[A-ZÄÖÜ]?[a-zäöüµ]+|[A-ZÄÖÜ]+(?![a-z])", without_unit(name))
    # T alone is a temperature.
    lower = {word.lower() for word in words if word != "T"}
    return bool(lower & TIME_WORDS or TIME_UNIT.fullmatch(name))


def _increases(values: np.ndarray) -> bool:
    known = _known(values)
    steps = np.diff(known)
    if not np.any(steps > 0) or np.mean(steps < 0) > BACK:
        return False
    restarts = steps < -np.ptp(known) / 2
    return bool(np.sum((steps < 0) & ~restarts) <= JITTER * len(steps))


def _is_even(values: np.ndarray) -> bool:
    """Tell whether values are equally spaced, in any order."""
    steps = np.diff(np.sort(_known(values)))
    if len(steps) < shape.FEWEST - 1 or np.any(steps == 0):
        return False
    return bool(np.ptp(steps) <= 1e-3 * np.mean(steps))


def _is_count(values: np.ndarray) -> bool:
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


def _moments(table: Table, when: int, chosen: Collection[int]) -> _Times:
    column = table.columns[when]
    label = table.label(when)
    _check_cells(table, [when])
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
        return _Times(seconds, (when,), (note,))
    if column.origin is not None:
        values, unit = times.since(column.values, column.origin)
        order = f", {column.note}" if column.note else ""
        return _Times(values, (when,), (f"read column {label} as {unit}{order}",))
    if column.kind == "number" and (counted := times.epoch(column.values)):
        return _Times(counted.values, (when,), (f"read column {label} {counted.unit}",))
    notes = (f"read column {label} {column.note}",) if column.note else ()
    return _Times(column.values, (when,), notes)


def _date_and_clock(table: Table, date: int, clock: int) -> _Times:
    _check_cells(table, [date, clock])
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
    return _Times(seconds - first, (date, clock), (note,))


def _free_states(
    table: Table, clock: _Times, used: Collection[int]
) -> tuple[list[int], tuple[str, ...]]:
    """The columns that nobody named and that may be states, and why the others are not."""
    found, notes = [], []
    rest = [i for i in range(len(table.columns)) if i not in used]
    numbers = [i for i in rest if table.columns[i].kind == "number"]
    for i in rest:
        column, label = table.columns[i], table.label(i)
        filler = _is_count(column.values) and (not column.name or len(numbers) > 1)
        if column.kind != "number":
            what = "words" if column.kind == "words" else "times"
            notes.append(f"left out column {label}, which contains {what}")
        elif not column.name and not np.any(np.isfinite(column.values)) and column.bad is None:
            notes.append(f"left out column {label}, which is empty")
        elif filler and column.bad is None:
            notes.append(f"left out column {label}, which only numbers the rows")
        elif _is_called_time(column.name) and _is_affine(column, clock.values):
            notes.append(f"left out column {label}, which is the time again")
        else:
            found.append(i)
    return found, tuple(notes)


def _is_affine(column: Column, when: np.ndarray) -> bool:
    """Tell whether a column is a straight line in time, as another clock is."""
    known = np.isfinite(column.values) & np.isfinite(when)
    if np.sum(known) < 3 or not np.ptp(when[known]) or not np.ptp(column.values[known]):
        return False
    one, other = (
        (values - np.min(values)) / np.ptp(values) for values in (column.values[known], when[known])
    )
    return bool(np.max(np.abs(one - other)) < 1e-6)


def _check_chosen(table: Table, columns: Sequence[int]) -> None:
    for column in columns:
        if columns.count(column) > 1:
            raise ValueError(
                f"{table.source}: column {quote(table.label(column))} is chosen twice; name it "
                "once among --time, --states and --inputs"
            )


def _check_cells(table: Table, columns: Collection[int]) -> None:
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
