"""Which columns of a table are the times, the states and the inputs, and which are none of them."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.recording import coarse, shape, summer_time
from nsindy.recording.clock import (
    Ask,
    RowTimes,
    check_cells,
    guess,
    is_called_time,
    is_count,
    times_of_rows,
)
from nsindy.recording.long_tables import names_recordings, widened
from nsindy.recording.names import check_count, find
from nsindy.recording.shape import Groups
from nsindy.recording.table import Column, Table, listed, quote

__all__ = ["Columns", "select_columns"]

MARKS = -99999.0, -9999.0, -999.0, -999.9, -99.99
"""Numbers that loggers and archives write where there is no value."""


class Columns(NamedTuple):
    """The columns of a file that recordings are made of: times, states, inputs.

    Attributes:
      values: [N, 1 + D + U], NaN where a cell is empty.
      rows: line number of each row [N], counted from 1.
      labels: what the file calls each column, its number where it has no name [1 + D + U].
      names: headers of states and inputs [D + U], empty where there is none.
      states: D.
      groups: which recording each row belongs to, if a column tells.
      numbered: True where times are the numbers of the rows of a map.
      notes: what was assumed or left out, in words.
    """

    values: np.ndarray
    rows: np.ndarray
    labels: tuple[str, ...]
    names: tuple[str, ...]
    states: int
    groups: Groups | None
    numbered: bool
    notes: tuple[str, ...]


def select_columns(table: Table, ask: Ask) -> Columns:
    """Choose the columns that are named, or those that convention tells.

    Without `states` all columns that are left are states, except those of words and of times, those
    that are empty, those that only number the rows, and the one that tells recordings apart.

    Raises:
      ValueError: a column does not exist or is chosen twice, a cell is not a number, decimal commas
        and points are mixed, or no column is left for a state.
    """
    if ask.dt is None:
        table = summer_time.put_right(table)
    when = None if ask.time is None else find(table, ask.time)
    if len(table.columns) > 2:
        likely = guess(table, frozenset()) if when is None else when
        table = widened(table, likely, ask)
        when = None if ask.time is None else find(table, ask.time)
    driven = [find(table, name) for name in ask.inputs]
    measured = None if ask.states is None else [find(table, name) for name in ask.states]
    by = None if ask.by is None else find(table, ask.by)
    chosen = {*driven, *(measured or ()), *([] if by is None else [by])}
    groups = None if by is None else shape.groups_by(table, by)
    clock = times_of_rows(table, ask, when, chosen, groups and groups.codes)
    notes = (*table.notes, *clock.notes)
    if groups is None and ask.dt is None:
        free = set(range(len(table.columns))) - chosen - set(clock.columns)
        groups = shape.groups_guessed(table, clock.values, free)
        if groups is not None:
            notes += (_group_note(table, ask, groups, free),)
    if measured is None:
        # The column that tells recordings apart is none of their states.
        used = {*clock.columns, *driven, *([] if groups is None else [groups.column])}
        measured, left = _free_states(table, clock, used, groups and groups.codes)
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
    check_cells(table, [*clock.columns, *columns])
    notes += tuple(
        f"read column {table.label(i)} {table.columns[i].note}"
        for i in columns
        if table.columns[i].note
    )
    each = [_without_marks(table.columns[i].values) for i in columns]
    notes += tuple(
        f"took {mark:g} in column {table.label(i)} for a missing value"
        for i, (_, mark) in zip(columns, each, strict=True)
        if mark is not None
    )
    clock, said = _spread(table, ask, clock, columns, groups and groups.codes)
    notes += said
    matrix = [clock.values, *(values for values, _ in each)]
    label = table.label(clock.columns[0]) if clock.columns else "time"
    return Columns(
        np.column_stack(matrix),
        table.rows,
        (label, *map(table.label, columns)),
        tuple(table.columns[i].name for i in columns),
        len(measured),
        groups,
        ask.steps and not clock.columns,
        notes,
    )


def _spread(
    table: Table,
    ask: Ask,
    clock: RowTimes,
    columns: Sequence[int],
    codes: np.ndarray | None,
) -> tuple[RowTimes, tuple[str, ...]]:
    """The times of rows that share their stamps, spread evenly where that can be told."""
    if ask.dt is not None or ask.steps or not clock.columns:
        return clock, ()
    others = [i for i in range(len(table.columns)) if i not in (*clock.columns, *columns)]
    found = coarse.spread(
        clock.values,
        [table.columns[i].values for i in columns],
        [table.columns[i].values for i in others],
        codes,
    )
    if found is None:
        return clock, ()
    note = (
        f"several rows share each time: spread evenly, {found.apart:.4g} {clock.unit}".rstrip()
        + f" apart; {ask.option('dt')} gives another time between rows"
    )
    return clock._replace(values=found.values), (note,)


def _without_marks(values: np.ndarray) -> tuple[np.ndarray, float | None]:
    """The values without a mark of what is missing, -999 far below all others, and that mark."""
    for mark in MARKS:
        here = values == mark
        if not here.any():
            continue
        others = values[np.isfinite(values) & ~here]
        if here.sum() < len(others) and others.min() > mark / 10:
            return np.where(here, np.nan, values), mark
    return values, None


def _group_note(table: Table, ask: Ask, groups: Groups, free: Collection[int]) -> str:
    label = table.label(groups.column)
    note = (
        f"column {label} tells {len(groups.names)} recordings apart, as {ask.option('by', label)} "
        "says"
    )
    column = table.columns[groups.column]
    if column.kind != "words":
        return f"{note}; {ask.option('states')} names it to make it a state"
    if len([i for i in free if table.columns[i].kind == "number"]) > 1 or names_recordings(column):
        return note
    return f"{note}; if its words are variables, call it variable in the header"


def _free_states(
    table: Table, clock: RowTimes, used: Collection[int], codes: np.ndarray | None
) -> tuple[list[int], tuple[str, ...]]:
    """The columns that nobody named and that may be states, and why the others are not."""
    found, notes = [], []
    rest = [i for i in range(len(table.columns)) if i not in used]
    numbers = [i for i in rest if table.columns[i].kind == "number"]
    for i in rest:
        column, label = table.columns[i], table.label(i)
        count = is_count(column.values) or is_count(column.values, codes)
        filler = count and (not column.name or len(numbers) > 1)
        if column.kind != "number":
            what = "words" if column.kind == "words" else "times"
            notes.append(f"left out column {label}, which contains {what}")
        elif not np.any(np.isfinite(column.values)) and column.bad is None:
            notes.append(f"left out column {label}, which is empty")
        elif filler and column.bad is None:
            notes.append(f"left out column {label}, which only numbers the rows")
        elif is_called_time(column.name) and _is_affine(column, clock.values):
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
