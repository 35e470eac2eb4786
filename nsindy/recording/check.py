"""Recordings from arrays or files, checked: whatever is wrong is one sentence that names the fix.

Rows of a file are named by their line number, the header being row 1; rows of an array by their
index, the first being 0.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nsindy.recording import arrays, shape
from nsindy.recording.angles import unrolled
from nsindy.recording.clock import Ask
from nsindy.recording.columns import Columns, select_columns
from nsindy.recording.formats import read_table
from nsindy.recording.names import check_count, check_names, clean_names, distinct_headers
from nsindy.recording.repair import FEWEST, RawRecording, Source, quantised, repair
from nsindy.recording.table import Table
from nsindy.recording.varying import parameter, telling_columns

__all__ = ["Recording", "Recordings", "check_arrays", "read_recordings"]

BY_ARRAYS = "give each recording as an array of its own, in lists t and x"


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
      parts: one for each trajectory.
      states: names of the D states.
      inputs: names of the U inputs.
      notes: what was changed or assumed, in words.
    """

    parts: tuple[Recording, ...]
    states: tuple[str, ...]
    inputs: tuple[str, ...]
    notes: tuple[str, ...]


# Values that are too large for their differences are refused later.
@np.errstate(over="ignore", invalid="ignore")
def check_arrays(
    t: Any,
    x: Any = None,
    *,
    inputs: Any = None,
    states: Sequence[str] | None = None,
    input_names: Sequence[str] | None = None,
    steps: bool = False,
) -> Recordings:
    """Check arrays, and repair what can be repaired without guessing.

    Rows are sorted by time, and split where it starts again; rows that repeat another are dropped,
    those of one time averaged, and rows with a missing or infinite value dropped if they are at
    most the share `repair.DROPPED` of all; if they are more, or there are inputs, the missing
    values are no measurements. A reading of a state that is a fault of its sensor is missing.
    Columns that are constant or repeat another are left out; a state that is an angle goes on
    beyond a turn. `notes` report every change.

    Args:
      t: times [N], numbers or dates; or the step between samples; or a list of times, one for each
        trajectory; or the name of a column of x; or a DataFrame, without x.
      x: states [N, D] or [N]; a list of such arrays, or [recordings, N, D]; a list of D arrays [N];
        or a DataFrame, or a list of them, with times in a column, the index or t.
      inputs: forcing or control at the same times [N, U] or [N], a list of such arrays, or names
        of columns of a DataFrame.
      states: names of the states; None for x, y, z, or x0, x1 and so on. Of a DataFrame, the
        columns that are states; None for all others.
      input_names: names of the inputs; None for u, or u0, u1 and so on.
      steps: True where rows are the steps of a map, which need no times.

    Raises:
      ValueError: a shape does not fit, a value is not a number, most times repeat with different
        values, no state varies, or samples are too few; the message names the row and the fix.

    Example:
      >>> t = np.linspace(0.0, 2.0, 50)
      >>> recordings = check_arrays(t[::-1], np.cos(t[::-1]), states=["x"])
      >>> recordings.states, bool(recordings.parts[0].times[0] == 0.0)
      (('x',), True)
    """
    if x is None and (arrays.is_frame(t) or _is_list_of_frames(t)):
        t, x = None, t
    if arrays.is_frame(x) or _is_list_of_frames(x):
        return _check_frames(t, x, inputs, states, input_names, steps)
    t = 1.0 if steps and t is None else t
    stacked, several = arrays.stacked(t, x, inputs)
    where = [f"trajectory {k}" if several else "" for k in range(len(stacked))]
    d, u = stacked[0].states, stacked[0].inputs
    for place, each in zip(where, stacked, strict=True):
        if (each.states, each.inputs) != (d, u):
            raise ValueError(
                f"{place} has {each.states} states and {each.inputs} inputs, trajectory 0 has {d} "
                f"and {u}; give the same columns in all"
            )
    check_count(d + u)
    chosen = (*check_names(states, d, "states"), *check_names(input_names, u, "inputs"))
    labels, _ = clean_names(chosen, ("x",) * d + ("u",) * u)
    tables = [
        RawRecording(
            Source(place, ("time", *labels), "", d, BY_ARRAYS),
            each.values,
            np.arange(len(each.values)),
        )
        for place, each in zip(where, stacked, strict=True)
    ]
    notes = [note for each in stacked for note in each.notes]
    names = chosen if any(chosen) else labels
    return _repair_all(tables, names, Ask(command=False), tuple(dict.fromkeys(notes)))


@np.errstate(over="ignore", invalid="ignore")
def read_recordings(
    paths: str | os.PathLike | Sequence[str | os.PathLike],
    *,
    time: str | None = None,
    states: Sequence[str] | None = None,
    inputs: Sequence[str] = (),
    by: str | None = None,
    dt: float | None = None,
    steps: bool = False,
) -> Recordings:
    """Read files and check them as `check_arrays` does.

    A file is a text of columns in any common way of writing, or .npy, .npz, .mat, .json, .parquet,
    .xlsx or .gz; `-` is standard input. It holds one recording, or several, one after the other or
    told apart by a column. Rows that follow one another under a stamp coarser than they are are
    spread evenly, and local times go on where clocks change between summer and winter. `notes`
    report how files were read and what was left out.

    Args:
      paths: a file, or several with the same columns.
      time: header or number (from 1) of the column of times; None for one that is named t, time or
        the like, else the first that increases.
      states: headers or numbers of the columns of states; None for all others, except those that
        contain words or only number the rows.
      inputs: headers or numbers of the columns of inputs.
      by: header or number of the column that tells recordings apart.
      dt: time between rows, where no column has it.
      steps: True where rows are the steps of a map, which need no column of times.

    Raises:
      ValueError: a file cannot be read or is not such a table, or its columns fail a check of
        `check_arrays`.
    """
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not files:
        raise ValueError("there is no file to read; name one or more")
    if dt is not None and not 0 < dt < np.inf:
        raise ValueError(f"dt is {dt:g}; give the time between rows as a positive number")
    if dt is not None and time is not None:
        raise ValueError("give either a column of times, --time, or the time between rows, --dt")
    ask = Ask(time, states, inputs, by, dt, steps=steps)
    return _of_tables([read_table(path) for path in files], ask, always=True)


def _is_list_of_frames(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(arrays.is_frame, value))


def _check_frames(
    t: Any,
    x: Any,
    inputs: Any,
    states: Sequence[str] | None,
    input_names: Sequence[str] | None,
    steps: bool,
) -> Recordings:
    """Check DataFrames as files are, with times and inputs that stand in them or beside them."""
    frames = list(x) if isinstance(x, list | tuple) else [x]
    states = [states] if isinstance(states, str) else states
    named = isinstance(inputs, str) or (
        isinstance(inputs, list | tuple) and all(isinstance(name, str) for name in inputs)
    )
    driven = [inputs] if isinstance(inputs, str) else list(inputs or ()) if named else []
    step = float(t) if np.ndim(t) == 0 and t is not None and not isinstance(t, str) else None
    every = t if isinstance(t, list | tuple) and len(frames) > 1 else [t] * len(frames)
    beside = (
        inputs if isinstance(inputs, list | tuple) and len(frames) > 1 else [inputs] * len(frames)
    )
    if not len(every) == len(frames) == len(beside):
        raise ValueError("lists of trajectories differ in length; give t, x and inputs as lists")
    tables = []
    when = t if isinstance(t, str) else None
    for k, frame in enumerate(frames):
        source = f"trajectory {k}" if len(frames) > 1 else "x"
        table = arrays.table_of_frame(source, frame, index=t is None or isinstance(t, str))
        if t is not None and step is None and not isinstance(t, str):
            when = "time"
            values, _ = arrays.times_of(every[k], "t")
            table = arrays.with_columns(table, values, ["time"], "t")
        if inputs is not None and not named:
            found = arrays.matrix(beside[k], "inputs", len(table.rows))
            driven = list(check_names(input_names, found.shape[1], "inputs"))
            driven = [name or f"u{i}" for i, name in enumerate(driven)]
            table = arrays.with_columns(table, found, driven, "inputs")
        tables.append(table)
    ask = Ask(when, states, driven, None, step, command=False, steps=steps)
    return _of_tables(tables, ask, always=len(frames) > 1)


def _of_tables(tables: Sequence[Table], ask: Ask, always: bool) -> Recordings:
    """Recordings from tables with the same columns, which notes name if there are several."""
    selected = [select_columns(table, ask) for table in tables]
    first = selected[0]
    for table, each in zip(tables, selected, strict=True):
        if each.labels[1:] != first.labels[1:]:
            raise ValueError(
                f"{table.source} has the columns {', '.join(each.labels[1:])}, {tables[0].source} "
                f"has {', '.join(first.labels[1:])}; choose the columns that they share with "
                + ask.option("states")
            )
    notes: list[str] = []
    raws: list[RawRecording] = []
    for table, each in zip(tables, selected, strict=True):
        parts, said = _parts(table, each, ask)
        raws += parts
        notes += [f"{table.source}: {note}" for note in (*each.notes, *said)]
    names, renamed = distinct_headers(first.names)
    return _repair_all(raws, names, ask, (*notes, *renamed))


def _parts(table: Table, columns: Columns, ask: Ask) -> tuple[list[RawRecording], tuple[str, ...]]:
    """The recordings of one table, as the column that tells them apart has them."""
    others = "--states" if ask.command else ""
    group = f"name the column that tells recordings apart with {ask.option('by', 'COLUMN')}"
    step = ask.option("dt", "{}")
    source = Source(table.source, columns.labels, others, columns.states, group, step)
    groups = columns.groups
    if groups is None:
        return [RawRecording(source, columns.values, columns.rows)], ()
    label = table.label(groups.column)
    parts, notes = [], []
    sizes = [int(np.sum(groups.codes == k)) for k in range(len(groups.names))]
    for k, name in enumerate(groups.names):
        rows = groups.codes == k
        if sizes[k] < FEWEST <= max(sizes):
            notes.append(f"left out {label} {name}, which has {sizes[k]} rows")
            continue
        values = columns.values[rows]
        if ask.dt is not None or columns.numbered:
            values[:, 0] = np.arange(len(values)) * (ask.dt or 1.0)
        parts.append(RawRecording(source.part(f"{label} {name}"), values, columns.rows[rows]))
    return parts, tuple(notes)


def _repair_all(
    tables: Sequence[RawRecording], names: tuple[str, ...], ask: Ask, notes: tuple[str, ...]
) -> Recordings:
    """Repair recordings of the same columns; leave out those that say nothing."""
    d = tables[0].source.states
    matrices: list[np.ndarray] = []
    for whole in tables:
        parts, said = shape.split_restarts(whole)
        notes += tuple(_at(whole.source, note) for note in said)
        for table in parts:
            if len(parts) > 1 and len(table.rows) < FEWEST:
                notes += (_at(table.source, f"left out, it has {len(table.rows)} rows"),)
                continue
            values, changes = repair(table)
            matrices.append(values)
            notes += tuple(_at(table.source, note) for note in changes)
    source = tables[0].source
    several = len(tables) > 1
    source = dataclasses.replace(source, where="") if several else source
    still = parameter(source, matrices, ask)
    kept, left = telling_columns(source, matrices, ask, still)
    notes += tuple(_at(source, note) for note in left)
    switched: dict[int, str] = {}
    if ask.command and ask.states is None and not (ask.inputs or ask.steps):
        switched = shape.switches(matrices, [i for i in kept if i < d])
        if still is not None:
            switched[still] = "is constant in each recording"
        kept = sorted(kept, key=lambda i: i in switched)
        notes += tuple(
            _at(source, f"read column {source.columns[1 + i]}, which {how}, as an input")
            for i, how in switched.items()
        )
    matrices, turns = unrolled(matrices, [i for i in kept if i < d and i not in switched])
    notes += tuple(
        f"{source.columns[1 + i]} jumps between {low:.4g} and {high:.4g}: read as an angle that "
        "goes round, without the jumps"
        for i, (low, high) in turns.items()
    )
    matrices = [values[:, [0, *(1 + i for i in kept)]] for values in matrices]
    letters = ["x" if i < d and i not in switched else "u" for i in kept]
    cleaned, renamed = clean_names([names[i] for i in kept], letters)
    d = letters.count("x")
    for k, name in enumerate(cleaned[:d]):
        step = quantised(np.concatenate([values[:, 1 + k] for values in matrices]))
        if step:
            notes += (f"readings of {name} come in steps of {step:.4g}",)
    made = []
    for values in matrices:
        times, states, inputs = np.split(values, [1, 1 + d], axis=1)
        made.append(Recording(times[:, 0].copy(), states.copy(), inputs.copy()))
    return Recordings(tuple(made), cleaned[:d], cleaned[d:], (*notes, *renamed))


def _at(source: Source, note: str) -> str:
    return f"{source.where}: {note}" if source.where else note
