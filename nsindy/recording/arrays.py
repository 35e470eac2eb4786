"""Arrays in every form that people have them: steps, dates, frames, lists, three dimensions."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nsindy.recording import times
from nsindy.recording.formats import column_of
from nsindy.recording.table import Column, Table, quote

__all__ = [
    "ArrayRecording",
    "is_frame",
    "matrix",
    "stacked",
    "table_of_frame",
    "times_of",
    "with_columns",
]


class ArrayRecording(NamedTuple):
    """Columns time, states, inputs [N, 1 + D + U], with D and U, and how times were read."""

    values: np.ndarray
    states: int
    inputs: int
    notes: tuple[str, ...]


def is_frame(value: Any) -> bool:
    """Tell whether a value is a DataFrame of pandas or polars, or a mapping of names to arrays."""
    return isinstance(value, Mapping) or (hasattr(value, "columns") and hasattr(value, "to_numpy"))


def table_of_frame(source: str, frame: Any, index: bool) -> Table:
    """A DataFrame as a table.

    Args:
      source: what messages call it.
      frame: of pandas or polars, or a mapping.
      index: whether its index, if it has one of its own, is a column of times.
    """
    names = list(frame if isinstance(frame, Mapping) else frame.columns)
    columns = [column_of(source, str(name), np.asarray(frame[name])) for name in names]
    rows = getattr(frame, "index", None)
    if index and rows is not None and type(rows).__name__ != "RangeIndex":
        name = str(rows.name) if getattr(rows, "name", None) is not None else "time"
        columns.insert(0, column_of(source, name, np.asarray(rows)))
    lengths = {len(column.values) for column in columns}
    if len(lengths) != 1:
        which = f"columns of {len(lengths)} lengths" if columns else "no columns"
        raise ValueError(f"{source} has {which}; give one column or more of one length")
    return Table(source, tuple(columns), np.arange(lengths.pop()))


def with_columns(table: Table, values: Any, names: Sequence[str], what: str) -> Table:
    """The table with an array [N] or [N, C] as further columns."""
    found = matrix(values, what, len(table.rows))
    columns = [Column(n, "number", c) for n, c in zip(names, found.T, strict=True)]
    return table._replace(columns=(*table.columns, *columns))


def stacked(t: Any, x: Any, inputs: Any) -> tuple[list[ArrayRecording], bool]:
    """Trajectories as columns, from every form that `check_arrays` takes.

    Returns:
      the trajectories, and whether they were given as several.
    """
    several = _is_several(t, x)
    if not several:
        return [_stack(t, x, inputs, "")], False
    count = len(x)
    if not count:
        raise _shape_error("x", np.asarray(x))
    every_time = list(t) if _is_list_of_arrays(t) or np.ndim(t) == 2 else [t] * count
    if inputs is None:
        every_input: list[Any] = [None] * count
    elif (
        (isinstance(inputs, list | tuple) and _is_list_of_arrays(inputs))
        or np.ndim(inputs) == 3
        or (np.ndim(inputs) == 2 and np.ndim(x) == 3 and _of_each(inputs, x))
    ):
        every_input = list(inputs)
    else:
        every_input = [inputs] * count
    if not len(every_time) == count == len(every_input):
        raise ValueError(
            "lists of trajectories differ in length; give t, x and inputs as lists with one "
            "array for each trajectory, or one t for all"
        )
    zipped = zip(every_time, x, every_input, strict=True)
    return [_stack(*each, f"trajectory {k}") for k, each in enumerate(zipped)], True


def _of_each(inputs: Any, x: Any) -> bool:
    """Tell whether inputs [R, N] hold one input of each of the recordings x [R, N, D]."""
    return np.shape(inputs) == np.shape(x)[:2]


def _is_list_of_arrays(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    return isinstance(value[0], list | tuple) or _dimensions(value[0]) > 0


def _dimensions(value: Any) -> int:
    """Number of dimensions; that of a ragged list is not asked of NumPy."""
    if isinstance(value, list | tuple):
        return 1 + (_dimensions(value[0]) if value else 0)
    return np.ndim(value)


def _is_several(t: Any, x: Any) -> bool:
    if isinstance(x, list | tuple):
        if _is_list_of_arrays(t) or not _is_list_of_arrays(x):
            return _is_list_of_arrays(t)
        if _dimensions(x[0]) > 1:
            return True
        # With one step, series of several lengths are recordings of one state.
        lengths = {len(each) for each in x if _dimensions(each)}
        return _is_step(t) and len(lengths) > 1 and not isinstance(x[0], list | tuple)
    return np.ndim(x) == 3


def _is_step(value: Any) -> bool:
    return isinstance(value, numbers.Real) or (isinstance(value, np.ndarray) and value.ndim == 0)


def _stack(t: Any, x: Any, inputs: Any, where: str) -> ArrayRecording:
    prefix = f"{where}: " if where else ""
    if t is None:
        raise ValueError(
            f"{prefix}t is missing; give times [N], or the step between samples as a number, as in "
            "nsindy.discover(0.01, x)"
        )
    notes: tuple[str, ...] = ()
    if _is_step(t):
        values = matrix(x, f"{prefix}x", None)
        step = _numbers(t, f"{prefix}t").item()
        if not 0 < step < np.inf:
            raise ValueError(
                f"{prefix}t is the step {step:g}; give a positive number, or times [N]"
            )
        when = np.arange(len(values)) * step
    else:
        when, notes = times_of(t, f"{prefix}t")
        values = matrix(x, f"{prefix}x", len(when))
    columns = [when[:, None], values]
    if values.shape[1] == 0:
        raise _shape_error(f"{prefix}x", values)
    driven = np.zeros((len(when), 0))
    if inputs is not None:
        driven = matrix(inputs, f"{prefix}inputs", len(when))
    columns.append(driven)
    return ArrayRecording(np.concatenate(columns, axis=1), values.shape[1], driven.shape[1], notes)


def matrix(value: Any, name: str, count: int | None) -> np.ndarray:
    """An array [N] or [N, C], or a list of C arrays [N], as numbers [N, C].

    Args:
      value: the array.
      name: what messages call it.
      count: N, if it is known.

    Raises:
      ValueError: it has another shape, or holds no numbers.
    """
    if isinstance(value, list | tuple) and value and all(_dimensions(v) == 1 for v in value):
        lengths = {len(each) for each in value}
        own = not isinstance(value[0], list | tuple)
        if len(lengths) == 1 and len(value) != count:
            longer = count in lengths or (count is None and own and max(lengths) > len(value))
            value = np.stack([_numbers(v, name) for v in value], 1) if longer else value
    values = _numbers(value, name)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2:
        raise _shape_error(name, values)
    if count is not None and len(values) != count:
        fix = "one row for each time"
        if values.shape[1] == count:
            fix = f"its transpose, {name.split(': ')[-1]}.T"
        prefix, _, last = name.rpartition(": ")
        prefix = f"{prefix}: " if prefix else ""
        raise ValueError(
            f"{prefix}t has {count} times but {last} has {len(values)} rows; give {fix}"
        )
    return values


def _shape_error(name: str, values: np.ndarray) -> ValueError:
    return ValueError(
        f"{name} has the shape {values.shape}; give one row for each sample, [N, columns], and "
        "several trajectories as lists of arrays or [recordings, N, columns]"
    )


def times_of(value: Any, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Times as numbers [N]: numbers as they are, moments in seconds or days since the first.

    Args:
      value: times [N] or [N, 1]; numbers, datetime64, timedelta64, datetimes or their text.
      name: what messages call it.
    """
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        array = np.zeros(0)
    if array.dtype.kind == "O" and array.size:
        # Datetimes, and those with a zone that pandas has.
        items: list[Any] = list(array.flat)
        if all(hasattr(item, "isoformat") for item in items):
            array = np.array([item.isoformat() for item in items]).reshape(array.shape)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if array.dtype.kind in "mM" and array.ndim == 1:
        found, unit = times.moments_of(array)
        return found, (f"read {name} {unit}",)
    if array.dtype.kind == "U" and array.ndim == 1 and array.size:
        column = column_of(name, name, array)
        if column.kind in times.KINDS and column.bad is None:
            if column.origin is None:
                return times.unwrapped(column.values), (f"read {name} {column.note}",)
            since = times.since(column.values, column.origin)
            return since.values, (f"read {name} as {since.unit}",)
    values = _numbers(value, name)
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if values.ndim != 1:
        raise ValueError(f"{name} has the shape {values.shape}; give one time for each sample, [N]")
    return values, ()


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
    found = np.empty(array.shape)
    for place, item in np.ndenumerate(array):
        try:
            found[place] = np.nan if item is None else float(item)
        except (ValueError, TypeError, OverflowError):
            position = ", ".join(map(str, place))
            raise ValueError(
                f"{name}[{position}] is {quote(str(item))}, not a number; give real numbers"
            ) from None
    return found
