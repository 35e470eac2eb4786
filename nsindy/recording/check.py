"""Recordings from arrays or files, checked: whatever is wrong is one sentence that names the fix.

Rows of a file are named by their line number, the header being row 1; rows of an array by their
index, the first being 0.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nsindy.recording.columns import check_count, check_names, clean_names, select_columns
from nsindy.recording.repair import RawRecording, Source, repair
from nsindy.recording.text import quote

__all__ = ["Recording", "Recordings", "check_arrays", "read_recordings"]


class Recording(NamedTuple):
    """One recording, in double precision.

    Attributes:
      times: strictly increasing [N].
      states: [N, D]; NaN where a state was not measured.
      inputs: measured forcing or control [N, U]; U may be 0. NaN where it was not logged.
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
      notes: what was changed or assumed, in words.
    """

    parts: tuple[Recording, ...]
    states: tuple[str, ...]
    inputs: tuple[str, ...]
    notes: tuple[str, ...]


def check_arrays(
    t: Any,
    x: Any,
    *,
    inputs: Any = None,
    states: Sequence[str] | None = None,
    input_names: Sequence[str] | None = None,
) -> Recordings:
    """Check arrays, and repair what can be repaired without guessing.

    Rows are sorted by time; rows that repeat another are dropped, and so are rows with a missing or
    infinite value if they are at most the share `DROPPED` of all; if they are more, the missing
    values are no measurements. `notes` report every change.

    Args:
      t: times [N], or a list of such arrays, one for each trajectory.
      x: states [N, D] or [N], or a list of such arrays.
      inputs: forcing or control at the same times [N, U] or [N], or a list of such arrays.
      states: names of the states; None for x, y, z, or x0, x1 and so on.
      input_names: names of the inputs; None for u, or u0, u1 and so on.

    Raises:
      ValueError: a shape does not fit, a value is not a number, times repeat with different values
        or start again, a column is constant, or samples are too few; the message names the row and
        the fix.

    Example:
      >>> t = np.linspace(0.0, 2.0, 50)
      >>> recordings = check_arrays(t[::-1], np.cos(t[::-1]), states=["x"])
      >>> recordings.states, bool(recordings.parts[0].times[0] == 0.0)
      (('x',), True)
    """
    several = isinstance(x, list | tuple) and _is_list_of_arrays(t)
    if not several:
        trajectories = [(t, x, inputs)]
    else:
        every_input = [None] * len(x) if inputs is None else inputs
        if not isinstance(every_input, list | tuple) or not len(t) == len(x) == len(every_input):
            raise ValueError(
                "lists of trajectories differ in length; give t, x and inputs as lists with one "
                "array for each trajectory"
            )
        trajectories = list(zip(t, x, every_input, strict=True))
    where = [f"trajectory {k}" if several else "" for k in range(len(trajectories))]
    stacked = [_stack(*each, place) for each, place in zip(trajectories, where, strict=True)]
    d, u = stacked[0].states, stacked[0].inputs
    for place, each in zip(where, stacked, strict=True):
        if (each.states, each.inputs) != (d, u):
            raise ValueError(
                f"{place} has {each.states} states and {each.inputs} inputs, trajectory 0 has {d} "
                f"and {u}; give the same columns in all"
            )
    check_count(d + u)
    chosen = (*check_names(states, d, "states"), *check_names(input_names, u, "inputs"))
    names, notes = clean_names(chosen, ("x",) * d + ("u",) * u)
    tables = [
        RawRecording(
            Source(place, ("time", *names), "leave it out"),
            each.values,
            np.arange(len(each.values)),
            d,
        )
        for place, each in zip(where, stacked, strict=True)
    ]
    return _repair_all(tables, names, d, notes)


def read_recordings(
    paths: str | os.PathLike | Sequence[str | os.PathLike],
    *,
    time: str | None = None,
    states: Sequence[str] | None = None,
    inputs: Sequence[str] = (),
) -> Recordings:
    """Read tables of numbers, one recording in each file, and check them as `check_arrays` does.

    Columns may be separated by commas, semicolons, tabs or spaces, with or without a header. Times
    may be ISO 8601 dates. `notes` report how the files were read and what was left out.

    Args:
      paths: a file, or several with the same columns.
      time: header or number (from 1) of the column of times; None for one that is named t, time or
        the like, else the first if it increases.
      states: headers or numbers of the columns of states; None for all others, except those that
        contain words or only number the rows.
      inputs: headers or numbers of the columns of inputs.

    Raises:
      ValueError: a file cannot be read or is not such a table, or its columns fail a check of
        `check_arrays`.
    """
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not files:
        raise ValueError("there is no file to read; name one or more")
    selected = [select_columns(path, time, states, inputs) for path in files]
    first = selected[0]
    for path, each in zip(files, selected, strict=True):
        if each.labels[1:] != first.labels[1:]:
            raise ValueError(
                f"{path} has the columns {', '.join(each.labels[1:])}, {files[0]} has "
                f"{', '.join(first.labels[1:])}; choose the columns that they share with --states"
            )
    d = len(first.names) - len(inputs)
    names, notes = clean_names(first.names, ("x",) * d + ("u",) * len(inputs))
    of_files = [
        f"{path}: {note}" for path, each in zip(files, selected, strict=True) for note in each.notes
    ]
    omit = "leave it out by naming the others with --states"
    tables = [
        RawRecording(Source(os.fspath(path), each.labels, omit), each.values, each.rows, d)
        for path, each in zip(files, selected, strict=True)
    ]
    return _repair_all(tables, names, d, (*of_files, *notes))


class _Stacked(NamedTuple):
    """Columns time, states, inputs [N, 1 + D + U], with D and U."""

    values: np.ndarray
    states: int
    inputs: int


def _is_list_of_arrays(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    return isinstance(value[0], list | tuple) or np.ndim(value[0]) > 0


def _stack(t: Any, x: Any, inputs: Any, where: str) -> _Stacked:
    prefix = f"{where}: " if where else ""
    times = _numbers(t, f"{prefix}t")
    if times.ndim == 2 and times.shape[1] == 1:
        times = times[:, 0]
    if times.ndim != 1:
        raise ValueError(
            f"{prefix}t has the shape {times.shape}; give one time for each sample, [N]"
        )
    columns = [times[:, None]]
    inputs = np.zeros((len(times), 0)) if inputs is None else inputs
    for name, value in (("x", x), ("inputs", inputs)):
        values = _numbers(value, prefix + name)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or (name == "x" and values.shape[1] == 0):
            raise ValueError(
                f"{prefix}{name} has the shape {values.shape}; give one row for each "
                "sample, [N, columns], and several trajectories as lists of arrays"
            )
        if len(values) != len(times):
            fix = "one row for each time"
            if values.shape[1] == len(times):
                fix = f"its transpose, {name}.T"
            raise ValueError(
                f"{prefix}t has {len(times)} times but {name} has {len(values)} rows; give {fix}"
            )
        columns.append(values)
    return _Stacked(np.concatenate(columns, axis=1), columns[1].shape[1], columns[2].shape[1])


def _numbers(value: Any, name: str) -> np.ndarray:
    # Masked values and None become NaN.
    masked = np.ma.getmask(value)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} is not a regular array; give rows of equal length") from error
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


def _repair_all(
    tables: Sequence[RawRecording],
    names: tuple[str, ...],
    d: int,
    notes: tuple[str, ...],
) -> Recordings:
    parts = []
    for table in tables:
        values, changes = repair(table)
        times, states, inputs = np.split(values, [1, 1 + d], axis=1)
        parts.append(Recording(times[:, 0].copy(), states.copy(), inputs.copy()))
        where = table.source.where
        notes += tuple(f"{where}: {note}" if where else note for note in changes)
    source = tables[0].source
    source = source if len(tables) == 1 else dataclasses.replace(source, where="")
    measured = [np.concatenate([part.states, part.inputs], axis=1) for part in parts]
    every = np.concatenate(measured)
    low, high = np.nanmin(every, axis=0), np.nanmax(every, axis=0)
    # A spread of a few units in the last place is rounding.
    constant = high - low <= 8 * np.finfo(float).eps * np.maximum(np.abs(low), np.abs(high))
    if np.any(constant):
        i = int(np.argmax(constant))
        raise source.error(
            f"column {source.columns[1 + i]} is constant, {low[i]:.10g} in every row; "
            + source.omit
        )
    return Recordings(tuple(parts), names[:d], names[d:], notes)
