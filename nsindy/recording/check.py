"""Recordings, checked: what a person measured, from arrays or files, or one sentence on what fails.

Rows of a file are named by their line, the header being row 1; rows of an array by their index,
the first being 0.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nsindy.recording import columns as recording_columns
from nsindy.recording.text import quote

FEWEST = 10
"""Samples that a recording must have."""
DROPPED = 0.1
"""Share of the rows that may be dropped because a value is missing."""
GAP = 20
"""Usual steps that a step is long from which it is said: irregular sampling has some of ten."""
RANGE = (1e-30, 1e30)
"""Magnitudes of which a coefficient may hold nine, as that of ẋ³ in ẍ does, and stay a number."""


class Recording(NamedTuple):
    """One recording, in double precision.

    Attributes:
      times: strictly increasing [N].
      states: finite [N, D].
      inputs: measured forcing or control, finite [N, U]; U may be 0.
    """

    times: np.ndarray
    states: np.ndarray
    inputs: np.ndarray


class Recordings(NamedTuple):
    """Recordings of the same quantities.

    Attributes:
      parts: one for each trajectory or file.
      states: names of the D states.
      inputs: names of the U inputs.
      notes: what was mended, in words.
    """

    parts: tuple[Recording, ...]
    states: tuple[str, ...]
    inputs: tuple[str, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Source:
    """How messages name a recording and its columns, times first."""

    where: str
    columns: tuple[str, ...]
    leave: str

    def error(self, message: str) -> ValueError:
        return ValueError(f"{self.where}: {message}" if self.where else message)


def check(
    t: Any,
    x: Any,
    *,
    inputs: Any = None,
    states: Sequence[str] | None = None,
    input_names: Sequence[str] | None = None,
) -> Recordings:
    """Check arrays, and mend what can be mended without guessing.

    Rows are sorted by time; rows that repeat another and rows with a value that is missing or
    infinite are dropped, the latter up to `DROPPED` of them. `notes` say so.

    Args:
      t: times [N], or a list of such arrays, one a trajectory.
      x: states [N, D] or [N], or a list of such arrays.
      inputs: forcing or control [N, U] or [N] at the same times, or a list of such arrays.
      states: names of the states; None for x, y, z, or x0, x1 and so on.
      input_names: names of the inputs; None for u, or u0, u1 and so on.

    Raises:
      ValueError: a shape does not fit, a value is no number, times repeat with different values or
        start again, a column is constant, or samples are too few; the message names the row and
        the mend.

    Example:
      >>> t = np.linspace(0.0, 2.0, 50)
      >>> recordings = check(t[::-1], np.cos(t[::-1]), states=["x"])
      >>> recordings.states, bool(recordings.parts[0].times[0] == 0.0)
      (('x',), True)
    """
    several = isinstance(x, list | tuple) and _is_list_of_arrays(t)
    if not several:
        trajectories = [(t, x, inputs)]
    else:
        forcing = [None] * len(x) if inputs is None else inputs
        if not isinstance(forcing, list | tuple) or not len(t) == len(x) == len(forcing):
            raise ValueError(
                "lists of trajectories differ in length; give t, x and inputs as lists with one "
                "array for each trajectory"
            )
        trajectories = list(zip(t, x, forcing, strict=True))
    where = [f"trajectory {k}" if several else "" for k in range(len(trajectories))]
    tables = [_stack(*each, place) for each, place in zip(trajectories, where, strict=True)]
    _, d, u = tables[0]
    for place, (_, *widths) in zip(where, tables, strict=True):
        if widths != [d, u]:
            raise ValueError(
                f"{place} has {widths[0]} states and {widths[1]} inputs, trajectory 0 has {d} and "
                f"{u}; give the same columns in all"
            )
    recording_columns.refuse_many(d + u)
    given = (
        *recording_columns.given(states, d, "states"),
        *recording_columns.given(input_names, u, "inputs"),
    )
    names, notes = recording_columns.clean(given, ("x",) * d + ("u",) * u)
    sources = [_Source(place, ("time", *names), "leave it out") for place in where]
    pairs = [
        (source, table, np.arange(len(table)))
        for source, (table, *_) in zip(sources, tables, strict=True)
    ]
    return _mend_all(pairs, names, d, notes)


def read(
    paths: str | os.PathLike | Sequence[str | os.PathLike],
    *,
    time: str | None = None,
    states: Sequence[str] | None = None,
    inputs: Sequence[str] = (),
) -> Recordings:
    """Read tables of numbers, one recording a file, and check them as `check` does.

    Columns may be separated by commas, semicolons, tabs or spaces, with a header or without. Times
    may be dates of ISO 8601. `notes` say how they were read, and what was left out.

    Args:
      paths: a file, or several with the same columns.
      time: header or number (from 1) of the column of times; None for one that is named t, time or
        the like, else the first if it increases.
      states: headers or numbers of the columns of states; None for all others that neither hold
        words nor count the rows.
      inputs: headers or numbers of the columns of inputs.

    Raises:
      ValueError: a file cannot be read or is no such table, or `check` refuses what it holds.
    """
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not files:
        raise ValueError("there is no file to read; name one or more")
    found = [recording_columns.select(path, time, states, inputs) for path in files]
    first = found[0]
    for path, each in zip(files, found, strict=True):
        if each.labels[1:] != first.labels[1:]:
            raise ValueError(
                f"{path} has the columns {', '.join(each.labels[1:])}, {files[0]} has "
                f"{', '.join(first.labels[1:])}; choose those in common with --states"
            )
    d = len(first.names) - len(inputs)
    names, notes = recording_columns.clean(first.names, ("x",) * d + ("u",) * len(inputs))
    said = [
        f"{path}: {note}" for path, each in zip(files, found, strict=True) for note in each.notes
    ]
    leave = "leave it out by naming the others with --states"
    pairs = [
        (_Source(os.fspath(path), each.labels, leave), each.values, each.rows)
        for path, each in zip(files, found, strict=True)
    ]
    return _mend_all(pairs, names, d, (*said, *notes))


def _is_list_of_arrays(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    return isinstance(value[0], list | tuple) or np.ndim(value[0]) > 0


def _stack(t: Any, x: Any, inputs: Any, where: str) -> tuple[np.ndarray, int, int]:
    prefix = f"{where}: " if where else ""
    times = _numbers(t, f"{prefix}t")
    if times.ndim == 2 and times.shape[1] == 1:
        times = times[:, 0]
    if times.ndim != 1:
        raise ValueError(f"{prefix}t has the shape {times.shape}; give one time a sample, [N]")
    columns = [times[:, None]]
    forcing = np.zeros((len(times), 0)) if inputs is None else inputs
    for name, value in (("x", x), ("inputs", forcing)):
        values = _numbers(value, prefix + name)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or (name == "x" and values.shape[1] == 0):
            raise ValueError(
                f"{prefix}{name} has the shape {values.shape}; give one row a sample, "
                "[N, columns], and several trajectories as lists of arrays"
            )
        if len(values) != len(times):
            mend = "one row a time"
            if values.shape[1] == len(times):
                mend = f"its transpose, {name}.T"
            raise ValueError(
                f"{prefix}t has {len(times)} times but {name} has {len(values)} rows; give {mend}"
            )
        columns.append(values)
    return np.concatenate(columns, axis=1), columns[1].shape[1], columns[2].shape[1]


def _numbers(value: Any, name: str) -> np.ndarray:
    # What is masked or None becomes NaN.
    masked = np.ma.getmask(value)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} is no regular array; give rows of equal length") from error
    if array.dtype.kind in "biuf":
        with np.errstate(over="ignore"):
            return np.where(masked, np.nan, array.astype(np.float64))
    if array.dtype.kind not in "OUS":
        raise ValueError(f"{name} holds {array.dtype}; give real numbers, times as seconds")
    numbers = np.empty(array.shape)
    for place, item in np.ndenumerate(array):
        try:
            numbers[place] = np.nan if item is None else float(item)
        except (ValueError, TypeError, OverflowError):
            position = ", ".join(map(str, place))
            raise ValueError(
                f"{name}[{position}] is {quote(str(item))}, not a number; give real numbers"
            ) from None
    return numbers


def _mend(
    source: _Source, table: np.ndarray, rows: np.ndarray, d: int
) -> tuple[Recording, tuple[str, ...]]:
    """Drop, sort and check the rows [time, D states, U inputs] of one recording."""
    notes = []
    finite = np.isfinite(table)
    bad = ~np.all(finite, axis=1)
    if np.any(bad):
        count, column = int(np.sum(bad)), source.columns[int(np.argmin(np.all(finite, axis=0)))]
        if count > DROPPED * len(table):
            raise source.error(
                f"a value is missing or infinite in {_rows(rows[bad])} of {len(table)}, first in "
                f"column {column}; fill them, or if that is seldom measured {source.leave}"
            )
        notes.append(f"dropped {_rows(rows[bad])}: a value is missing or infinite")
        table, rows = table[~bad], rows[~bad]
    _refuse_restart(source, table[:, 0], rows)
    order = np.argsort(table[:, 0], kind="stable")
    moved = int(np.sum(order != np.arange(len(order))))
    if moved:
        notes.append(f"sorted {moved} rows by time")
        table, rows = table[order], rows[order]
    same_time = table[1:, 0] == table[:-1, 0]
    same = same_time & np.all(table[1:] == table[:-1], axis=1)
    if np.any(same_time & ~same):
        i = int(np.argmax(same_time & ~same))
        raise source.error(
            f"rows {rows[i]} and {rows[i + 1]} have the same time {table[i, 0]:.10g} but "
            "different values; keep one of them"
        )
    if np.any(same):
        again = np.concatenate([[False], same])
        notes.append(f"dropped {_rows(rows[again])}: another row says the same")
        table, rows = table[~again], rows[~again]
    if len(table) < FEWEST:
        raise source.error(f"{len(table)} samples are too few; give at least {FEWEST}")
    for name, size in zip(source.columns, np.max(np.abs(table), axis=0), strict=True):
        if size and not RANGE[0] <= size <= RANGE[1]:
            raise source.error(f"column {name} reaches {size:.1e}; give it in another unit")
    if np.min(np.diff(table[:, 0])) < RANGE[0]:
        raise source.error(f"times are less than {RANGE[0]:g} apart; give them in another unit")
    steps = np.diff(table[:, 0])
    if np.max(steps) > GAP * np.median(steps):
        i = int(np.argmax(steps))
        notes.append(
            f"between rows {rows[i]} and {rows[i + 1]} is a gap of {steps[i]:.4g} in time, "
            f"{steps[i] / np.median(steps):.0f} times the usual step"
        )
    times, states, inputs = np.split(np.ascontiguousarray(table), [1, 1 + d], axis=1)
    return Recording(times[:, 0].copy(), states.copy(), inputs.copy()), tuple(notes)


def _refuse_restart(source: _Source, times: np.ndarray, rows: np.ndarray) -> None:
    """Rows out of order are sorted, but not two recordings into one another."""
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
            "give each recording a file or array of its own"
        )


def _mend_all(
    tables: Sequence[tuple[_Source, np.ndarray, np.ndarray]],
    names: tuple[str, ...],
    d: int,
    notes: tuple[str, ...],
) -> Recordings:
    parts = []
    for source, table, rows in tables:
        part, said = _mend(source, table, rows, d)
        parts.append(part)
        notes += tuple(f"{source.where}: {note}" if source.where else note for note in said)
    source = tables[0][0] if len(tables) == 1 else dataclasses.replace(tables[0][0], where="")
    measured = [np.concatenate([part.states, part.inputs], axis=1) for part in parts]
    every = np.concatenate(measured)
    low, high = np.min(every, axis=0), np.max(every, axis=0)
    # A spread of a few units in the last place is rounding.
    constant = high - low <= 8 * np.finfo(float).eps * np.maximum(np.abs(low), np.abs(high))
    if np.any(constant):
        i = int(np.argmax(constant))
        raise source.error(
            f"column {source.columns[1 + i]} is constant, {low[i]:.10g} in every row; "
            + source.leave
        )
    return Recordings(tuple(parts), names[:d], names[d:], notes)


def _rows(rows: np.ndarray) -> str:
    shown = ", ".join(map(str, np.sort(rows)[:5]))
    if len(rows) > 5:
        return f"{len(rows)} rows ({shown}, …)"
    return f"row {shown}" if len(rows) == 1 else f"rows {shown}"
