"""Tables of numbers in text files: separator, header and decimal mark detected, cells checked."""

import collections
import csv
import math
import os
import re
from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["Layout", "Table", "find_layout", "quote", "read_columns"]

LONGEST = 1_000_000
"""Characters that a line may have."""
HEAD = 50
"""Lines that separator and header are detected from."""
SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", "": "spaces"}
MISSING = frozenset(("", "nan", "na", "n/a", "#n/a", "null", "none", "-", "--", "?"))
"""What a cell without a value may contain, in lower case."""
DAY = 86400.0
"""A day in seconds."""
FOREIGN = {
    b"\x1f\x8b": "is compressed; unpack it with gunzip first",
    b"PK\x03\x04": "is a workbook or an archive; export the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is a workbook; export the sheet as CSV",
    b"\x93NUMPY": "is a NumPy file; call nsindy.discover(t, x) on its arrays",
    b"\x89HDF": "is an HDF5 file; call nsindy.discover(t, x) on its arrays",
    b"\xff\xfe": "is UTF-16 text; save it as CSV in UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as CSV in UTF-8",
}
"""First bytes of files that are no text, and the advice for each."""


class Layout(NamedTuple):
    """How a file writes its table.

    Attributes:
      path: the file.
      separator: between cells; empty for white space.
      names: what the header calls each column [C]; empty where there is no name.
      words: True where the first lines of a column contain words and no number [C].
      data: line number of the first row of numbers, counted from 1.
      notes: which lines above it were skipped.
    """

    path: Path
    separator: str
    names: tuple[str, ...]
    words: tuple[bool, ...]
    data: int
    notes: tuple[str, ...]

    def label(self, column: int) -> str:
        """The name of a column, its number where it has none."""
        return self.names[column] or str(column + 1)


class Table(NamedTuple):
    """The columns that were requested.

    Attributes:
      values: [N, C], NaN where a cell is empty.
      rows: line number of each row [N], counted from 1.
      notes: how numbers and dates were read, in words.
    """

    values: np.ndarray
    rows: np.ndarray
    notes: tuple[str, ...]


def quote(text: str) -> str:
    """The text in quotes, on one line, shortened to 40 characters."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def find_layout(path: str | os.PathLike, *, fewest: int = 2) -> Layout:
    """Detect from its first lines how a file writes its table.

    The separator is the one of tab, semicolon, comma and white space with which most cells of most
    lines are numbers. The first line is a header if its first cell is text, or if none of its cells
    is a number; a comment (`#`) right above the numbers with as many cells serves as well. Lines of
    one cell above a table of several columns, as data loggers write them, are skipped.

    Args:
      path: a text file in UTF-8.
      fewest: columns that it must have.

    Raises:
      ValueError: it cannot be read, is not text in UTF-8, is empty, or has too few columns.
    """
    path = Path(path)
    _check_format(path)
    lines: list[tuple[int, str]] = []
    comment = ""
    for number, line in enumerate(_lines(path), start=1):
        if line.lstrip().startswith("#"):
            comment = comment if lines else line.strip().lstrip("#").strip()
        elif line.strip(" \t\r\n;,"):
            lines.append((number, line))
        if len(lines) == HEAD:
            break
    if not lines:
        raise ValueError(f"{path} is empty; it needs a header and rows of numbers")
    texts = [line for _, line in lines]
    separator = max(SEPARATORS, key=lambda each: _score(texts[1:] or texts, each))
    rows = [_split(text, separator) for text in texts]
    above = next((i for i, row in enumerate(rows) if len(row) > 1), 0)
    notes: tuple[str, ...] = ()
    if above:
        notes = (f"skipped everything above the table, up to row {lines[above - 1][0]}",)
    lines, rows = lines[above:], rows[above:]
    headers = 0
    if (_is_text(rows[0][0]) and _moment(rows[0][0]) is None) or _is_words(rows[0]):
        # A second line of words gives the units.
        headers = 2 if len(rows) > 1 and _is_words(rows[1]) else 1
        names = rows[0]
    else:
        names = _split(comment, separator)
        if len(names) != len(rows[0]) or not all(map(_is_text, names)):
            names = [""] * len(rows[0])
    if len(names) < fewest:
        raise ValueError(
            f"{path} has one column; separate time and states by commas, semicolons, tabs or spaces"
        )
    if headers == len(rows):
        raise ValueError(f"{path} has no row of numbers below its header")
    if headers == 2:
        notes += (f"skipped row {lines[1][0]}, which contains no number",)
    below = [row for row in rows[headers:] if len(row) == len(names)]
    words = tuple(map(_is_wordy, zip(*below, strict=True))) or (False,) * len(names)
    return Layout(path, separator, tuple(map(str.strip, names)), words, lines[headers][0], notes)


def read_columns(layout: Layout, columns: Sequence[int]) -> Table:
    """Read columns of a table.

    Lines that are blank or start with `#` are skipped. A row that is too short is empty in every
    column. Where the separator is not a comma, a comma in a number is a decimal comma. Times may be
    ISO 8601 dates; they are counted from the first of them, in days if none has a time of day, else
    in seconds.

    Args:
      layout: how the file writes its table.
      columns: which columns, counted from 0, the times first.

    Raises:
      ValueError: a cell is not a number, a row is too long, or decimal commas and points are mixed;
        the message names the row and the column.
    """
    width = len(layout.names)
    values, rows = array("d"), array("q")
    comma = point = 0
    origin = None
    for row, cells in _rows(layout):
        if not any(map(str.strip, cells)):
            continue
        if len(cells) != width:
            if any(map(str.strip, cells[width:])):
                raise ValueError(
                    f"{layout.path}, row {row} has {len(cells)} cells, not {width}; quote or "
                    "remove the extra separators"
                )
            cells = cells if len(cells) > width else [""] * width
        if not rows:
            origin = _moment(cells[columns[0]])
        numbers = columns if origin is None else columns[1:]
        if layout.separator != ",":
            text = "".join([cells[column] for column in numbers])
            comma = comma or ("," in text and row)
            point = point or ("." in text and row)
            if comma and point:
                raise ValueError(
                    f"{layout.path} has a comma in the numbers of row {comma} and a point in row "
                    f"{point}; write all numbers with a decimal point and no other separators"
                )
        if origin is not None:
            values.append(_seconds(layout, row, columns[0], cells[columns[0]], origin))
        try:
            values.extend([_number(cells[column], comma) for column in numbers])
        except ValueError:
            column = next(c for c in numbers if _is_text(cells[c], comma))
            raise ValueError(
                f"{layout.path}, row {row}, column {layout.label(column)}: {quote(cells[column])} "
                "is not a number; write a number (for times too), leave the cell empty, or choose "
                "other columns"
            ) from None
        rows.append(row)
    notes = ("read decimal commas",) if comma else ()
    table = np.array(values).reshape(len(rows), len(columns))
    if origin is not None:
        notes += (f"read column {layout.label(columns[0])} as {_date_unit(table, origin)}",)
    return Table(table, np.array(rows, dtype=np.int64), notes)


def _seconds(layout: Layout, row: int, column: int, cell: str, origin: datetime) -> float:
    """Seconds from the first date to that of a cell, NaN where it is empty."""
    moment = _moment(cell)
    if moment is not None:
        return (moment - origin).total_seconds()
    if not _is_missing(cell):
        raise ValueError(
            f"{layout.path}, row {row}, column {layout.label(column)}: {quote(cell)} is not a date "
            "like those above it; write all times in the same format"
        )
    return math.nan


def _date_unit(table: np.ndarray, origin: datetime) -> str:
    """Count the times, in seconds, in days where they are dates; returns unit and origin."""
    midnight = origin.replace(hour=0, minute=0, second=0, microsecond=0) == origin
    if midnight and np.all(np.nan_to_num(table[:, 0]) % DAY == 0):
        table[:, 0] /= DAY
        return f"days since {origin.date()}"
    return f"seconds since {str(origin).removesuffix('+00:00')}"


def _check_format(path: Path) -> None:
    try:
        if path.is_dir():
            raise ValueError(f"{path} is a folder; name the files in it")
        # A pipe or a device may never end.
        if path.exists() and not path.is_file():
            raise ValueError(f"{path} is not a regular file; copy its contents into one")
        with open(path, "rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    for magic, advice in FOREIGN.items():
        if head.startswith(magic):
            raise ValueError(f"{path} {advice}")


def _lines(path: Path) -> Iterator[str]:
    number = 0
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            while line := file.readline(LONGEST):
                number += 1
                if "\0" in line or len(line) == LONGEST:
                    raise ValueError(f"{path} is not text at row {number}; save it as CSV in UTF-8")
                if not line.isascii():
                    # Bytes that are not UTF-8 were read as surrogates, which cannot be encoded.
                    line.encode()
                yield line
    except UnicodeEncodeError:
        raise ValueError(
            f"{path} is not UTF-8 text at row {number}; save it as CSV in UTF-8"
        ) from None
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error


def _rows(layout: Layout) -> Iterator[tuple[int, list[str]]]:
    lines = (
        "" if number < layout.data or line.lstrip().startswith("#") else line
        for number, line in enumerate(_lines(layout.path), start=1)
    )
    if not layout.separator:
        yield from ((i, cells) for i, line in enumerate(lines, 1) if (cells := line.split()))
        return
    reader = csv.reader(lines, delimiter=layout.separator, skipinitialspace=True)
    number = 0
    try:
        for cells in reader:
            number += 1
            if number != reader.line_num:
                break
            if cells:
                yield number, cells
        else:
            return
    except csv.Error:
        number += 1
    raise ValueError(f"{layout.path}, row {number}: a quote is not closed; close it or remove it")


def _split(line: str, separator: str) -> list[str]:
    if not separator:
        return line.split()
    try:
        rows = csv.reader([line.strip("\r\n")], delimiter=separator, skipinitialspace=True)
        return next(rows, [])
    except csv.Error:
        return [line]


def _score(lines: list[str], separator: str) -> tuple[float, bool]:
    rows = [_split(line, separator) for line in lines]
    width = collections.Counter(map(len, rows)).most_common(1)[0][0]
    if width < 2:
        return 0.0, False
    regular = [row for row in rows if len(row) == width]
    numbers = sum(not _is_text(cell, separator != ",") for row in regular for cell in row)
    return numbers / (width * len(rows)), True


def _is_words(cells: list[str]) -> bool:
    texts = [_is_text(cell, comma=True) for cell in cells]
    numbers = [not text and cell.strip() for text, cell in zip(texts, cells, strict=True)]
    return any(texts) and not any(numbers)


def _is_wordy(cells: Sequence[str]) -> bool:
    """True for a column of words: no cell begins like a number, and not all are missing."""
    return not (
        any(re.match(r"\s*[-+]?[.,]?\d", cell) for cell in cells) or all(map(_is_missing, cells))
    )


def _is_missing(cell: str) -> bool:
    return cell.strip().lower() in MISSING


def _is_text(cell: str, comma: bool | int = False) -> bool:
    try:
        _number(cell, comma)
    except ValueError:
        return True
    return False


def _moment(cell: str) -> datetime | None:
    """The moment that an ISO 8601 date names, in UTC if it has no zone; None for anything else."""
    if not _is_text(cell, comma=True):
        return None
    try:
        moment = datetime.fromisoformat(cell.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(cell: str, comma: bool | int) -> float:
    if comma:
        cell = cell.replace(",", ".")
    try:
        value = float(cell)
    except ValueError:
        if _is_missing(cell):
            return math.nan
        raise
    # Python reads 2024_01 as a number.
    if "_" in cell:
        raise ValueError
    return value
