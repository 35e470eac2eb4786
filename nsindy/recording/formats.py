"""Files of every format as sheets of cells or as columns; nothing in them is executed."""

import datetime
import gzip
import importlib
import io
import json
import math
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nsindy.recording import layout, times
from nsindy.recording.cells import column_reader
from nsindy.recording.table import Column, Table
from nsindy.recording.text import Sheet, sheet_of_text

__all__ = ["column_of", "read_table", "table_of_arrays"]

LARGEST = 2**32
"""Bytes that a file may have, unpacked."""
ARCHIVE, GZIP, NUMPY, PARQUET, WORKBOOK = (
    b"PK\x03\x04", b"\x1f\x8b", b"\x93NUMPY", b"PAR1", b"\xd0\xcf\x11\xe0"
)  # fmt: skip
DAMAGED = (TypeError, KeyError, IndexError, OverflowError, EOFError, SystemError, zlib.error)
"""What libraries raise, beside a ValueError, where bytes of a file were changed."""
HDF5, MATLAB = b"\x89HDF", b"MATLAB "


def read_table(path: str | os.PathLike) -> Table:
    """Read a file: text, .gz, .npy, .npz, .mat, .json, .parquet, .xlsx; `-` for standard input.

    The format is told by the first bytes, not by the name. Arrays of objects, which would have to
    be unpickled, are refused.

    Raises:
      ValueError: the file cannot be read, has another format, or a library is missing for it.
    """
    source = "standard input" if path == "-" else os.fspath(path)
    content = _content(path)
    if content.startswith(GZIP):
        content = _unpacked(source, content)
    name = source.lower().removesuffix(".gz")
    try:
        if content.startswith(NUMPY):
            return table_of_arrays(source, {"": _numpy(source, content)})
        if content.startswith(ARCHIVE):
            return _archive(source, content)
        if content.startswith(WORKBOOK):
            return _workbook(source, content)
        if content.startswith(PARQUET):
            return _parquet(source, content)
        if content.startswith(MATLAB) or name.endswith(".mat"):
            return _matlab(source, content)
    except DAMAGED as error:
        raise ValueError(f"{source} is damaged: {error}; export it again, or as CSV") from error
    if content.startswith(HDF5):
        raise ValueError(f"{source} is an HDF5 file; call nsindy.discover(t, x) on its arrays")
    if name.endswith(".json") or content.lstrip()[:1] in (b"{", b"["):
        return _json(source, content)
    return layout.table_of(sheet_of_text(source, content))


def _content(path: str | os.PathLike) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(LARGEST)
    path = Path(path)
    try:
        if path.is_dir():
            raise ValueError(f"{path} is a folder; name the files in it")
        # A pipe or a device may never end.
        if path.exists() and not path.is_file():
            raise ValueError(
                f"{path} is not a regular file; copy its contents into one, or send them through "
                "standard input: nsindy discover -"
            )
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    return _checked(os.fspath(path), content)


def _checked(source: str, content: bytes) -> bytes:
    if len(content) > LARGEST:
        raise ValueError(f"{source} has more than {LARGEST / 2**30:.0f} GiB; take every tenth row")
    return content


def _unpacked(source: str, content: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as file:
            return _checked(source, file.read(LARGEST + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{source} cannot be unpacked: {error}; compress it again") from error


def _archive(source: str, content: bytes) -> Table:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
                raise ValueError(f"{source} is too large unpacked; take every tenth row")
    except zipfile.BadZipFile as error:
        raise ValueError(f"{source} is damaged: {error}; save it again") from error
    if names and all(name.endswith(".npy") for name in names):
        return table_of_arrays(source, _numpy(source, content))
    if "[Content_Types].xml" in names or "content.xml" in names:
        return _workbook(source, content)
    raise ValueError(f"{source} is an archive; unpack it and name the files in it")


def _numpy(source: str, content: bytes) -> Any:
    try:
        found = np.load(io.BytesIO(content), allow_pickle=False)
        return found if isinstance(found, np.ndarray) else dict(found)
    except (ValueError, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error):
            raise ValueError(
                f"{source} holds Python objects, which are not read; save arrays of numbers"
            ) from None
        raise ValueError(f"{source} is damaged: {error}; save it again") from error


def _library(source: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ValueError(
            f"{source} needs a library to be read: pip install 'nsindy[files]', or export it as CSV"
        ) from None


def _workbook(source: str, content: bytes) -> Table:
    """The first sheet with a table."""
    calamine = _library(source, "python_calamine")
    try:
        workbook = calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = list(workbook.sheet_names)
        sheets = [
            workbook.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in names
        ]
    except calamine.CalamineError as error:
        raise ValueError(f"{source} cannot be read: {error}; export the sheet as CSV") from error
    filled = [i for i, sheet in enumerate(sheets) if len(sheet) > 1]
    if not filled:
        raise ValueError(f"{source} is empty; it needs a header and rows of numbers")
    chosen = filled[0]
    notes = (f"read sheet {names[chosen]!r} of {len(names)}",) if len(names) > 1 else ()
    rows = [(i, [_cell(value) for value in row]) for i, row in enumerate(sheets[chosen], 1)]
    return layout.table_of(Sheet(source, lambda: iter(rows), notes=notes))


def _cell(value: Any) -> str:
    """A cell of a workbook or of JSON as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime.timedelta):
        return repr(value.total_seconds())
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def _parquet(source: str, content: bytes) -> Table:
    arrow = _library(source, "pyarrow")
    parquet = _library(source, "pyarrow.parquet")
    try:
        table = parquet.read_table(arrow.BufferReader(content), memory_map=False)
        arrays = {
            name: np.asarray(column.to_numpy())
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise ValueError(f"{source} cannot be read: {error}; export it as CSV") from error
    return table_of_arrays(source, arrays)


def _matlab(source: str, content: bytes) -> Table:
    import scipy.io

    try:
        found = scipy.io.loadmat(io.BytesIO(content), simplify_cells=True)
    except NotImplementedError:
        raise ValueError(
            f"{source} is a MATLAB file of version 7.3; save it with save(..., '-v7')"
        ) from None
    except Exception as error:
        # A damaged file may raise anything.
        raise ValueError(f"{source} cannot be read: {error}; save it again with -v7") from error
    return table_of_arrays(source, dict(_flat(found)))


def _flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if str(name).startswith("__"):
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _json(source: str, content: bytes) -> Table:
    """Columns by name, records, or rows."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source} is not JSON: {error}; save it as CSV") from error
    if isinstance(found, Mapping):
        return table_of_arrays(source, {k: v for k, v in _flat(found) if isinstance(v, list)})
    if not isinstance(found, list) or not found:
        raise ValueError(f'{source} holds no table; write columns as {{"t": [...], "x": [...]}}')
    if all(isinstance(record, Mapping) for record in found):
        names = list(dict.fromkeys(name for record in found for name in record))
        return table_of_arrays(source, {n: [record.get(n) for record in found] for n in names})
    rows = [
        (i, [_cell(c) for c in (r if isinstance(r, list) else [r])]) for i, r in enumerate(found, 1)
    ]
    return layout.table_of(Sheet(source, lambda: iter(rows)))


def table_of_arrays(source: str, arrays: Mapping[str, Any], rows: int | None = None) -> Table:
    """Arrays with names as columns: [N], [N, C], or structured; lists that are as long.

    A matrix of few rows and many columns, [C, N], is turned around. Arrays of another length than
    most are left out with a note; a number called dt becomes the step of a column of times.

    Args:
      source: what messages call them.
      arrays: by name.
      rows: N, where it is known.

    Raises:
      ValueError: an array holds objects or complex numbers, or none is left.
    """
    columns: dict[str, np.ndarray] = {}
    notes: list[str] = []
    steps: list[float] = []
    for name, value in arrays.items():
        array = _array(source, name, value)
        if array.dtype.names:
            columns |= {field: np.ravel(array[field]) for field in array.dtype.names}
            continue
        array = (
            array.squeeze()
            if array.ndim > 2 or (1 in array.shape[:2] and array.size > 1)
            else array
        )
        if array.ndim == 0 or array.size == 1:
            if name.lower() in ("dt", "step", "ts") and array.dtype.kind in "iuf":
                steps.append(float(array.ravel()[0]))
            continue
        if array.ndim > 2:
            raise ValueError(
                f"{source}: {name or 'the array'} has the shape {array.shape}; save [N, columns]"
            )
        if array.ndim == 2 and array.shape[0] < layout.FEWEST <= array.shape[1]:
            array = array.T
            notes.append("each row is one series: read rows as columns")
        pieces = array[:, None] if array.ndim == 1 else array
        several = pieces.shape[1] > 1
        for k in range(pieces.shape[1]):
            columns[f"{name}{k}" if several and name else name or f"\0{k}"] = pieces[:, k]
    lengths = [len(column) for column in columns.values()]
    if not lengths:
        raise ValueError(f"{source} holds no columns of numbers; save t and x as arrays")
    longest = rows or max(set(lengths), key=lambda n: (lengths.count(n) * (n > 1), n))
    if other := [name for name, column in columns.items() if len(column) != longest]:
        notes.append(f"left out {', '.join(other)}, which have other lengths than {longest}")
    found = [
        column_of(source, "" if name.startswith("\0") else name, column)
        for name, column in columns.items()
        if len(column) == longest
    ]
    if steps and len(set(steps)) == 1 and steps[0] > 0:
        found.insert(0, Column("time", "number", np.arange(longest) * steps[0]))
        notes.append(f"times are {steps[0]:g} apart, as the number dt says")
    return Table(source, tuple(found), np.arange(longest), tuple(dict.fromkeys(notes)))


def _array(source: str, name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        raise ValueError(
            f"{source}: {name or 'the array'} is not regular; save rows of equal length"
        ) from None
    if array.dtype.kind == "c" and not np.any(array.imag):
        array = array.real
    if array.dtype.kind == "c":
        raise ValueError(f"{source}: {name or 'the array'} holds complex numbers; save real ones")
    return array


def column_of(source: str, name: str, values: np.ndarray) -> Column:
    """A column of an array [N]: numbers, datetime64, timedelta64, or text as in a file.

    Args:
      source: what messages call it.
      name: its header, empty where there is none.
      values: the array [N].
    """
    kind = values.dtype.kind
    if kind in "biuf":
        with np.errstate(over="ignore"):
            masked = np.ma.getmaskarray(values)
            return Column(name, "number", np.where(masked, np.nan, np.asarray(values, float)))
    if kind in "mM":
        found, note = times.moments_of(values)
        return Column(name, "stamp", found, note=note)
    if values.size and all(isinstance(v, int | float | np.number) or v is None for v in values):
        numbers = [math.nan if v is None else float(v) for v in values]
        return Column(name, "number", np.array(numbers))
    texts: Sequence[str] = [_cell(value) for value in values]
    reader = column_reader(texts[:50], ";")
    reader.add(texts, range(len(texts)))
    return reader.finish(name)
