"""Where a sheet has its title, its header, its units and its numbers; rows become columns."""

import collections
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.recording import cells
from nsindy.recording.table import Column, Table
from nsindy.recording.text import HEAD, Sheet

__all__ = ["table_of"]

BLOCK = 4096
"""Rows that are read at a time."""
SERIES = 40
"""Rows that a sheet with one series in each row may have."""
ABOVE = 5
"""Rows of numbers, at most, that may stand above a header."""
FEWEST = 10
"""Cells that a row has at least where it is a series: a recording has as many samples."""
UNIT = re.compile(r"[\[(].*[\])]")
TIME_UNITS = frozenset(("s", "sec", "ms", "us", "µs", "min"))
UNITS = frozenset(
    [
        "s",
        "sec",
        "seconds",
        "ms",
        "us",
        "µs",
        "min",
        "h",
        "d",
        "a",
        "m",
        "cm",
        "mm",
        "µm",
        "km",
        "m/s",
        "m/s^2",
        "m/s²",
        "mm/s",
        "v",
        "mv",
        "a",
        "ma",
        "n",
        "kn",
        "kg",
        "g",
        "mg",
        "k",
        "c",
        "f",
        "°c",
        "°f",
        "pa",
        "kpa",
        "mpa",
        "bar",
        "mbar",
        "hz",
        "rad",
        "rad/s",
        "deg",
        "°",
        "%",
        "l",
        "ml",
        "l/min",
        "mol",
        "m3",
        "w",
        "kw",
        "j",
        "-",
        "1",
    ]
)
"""What a row of units contains, in lower case."""
FORM = re.compile(r"(?:h|([hmdyjt])\1{1,3})(?:[-:./ t]+([hmsdyj])\2{0,3})+(?:[.,](?:0+|s+|f+|z+))?")
"""How a time is written, as people say it: hh:mm:ss, dd.mm.yyyy."""

Row = tuple[int, list[str]]


class Layout(NamedTuple):
    """How a sheet is laid out.

    Attributes:
      names: what the header calls each column [C], empty where it has no name.
      data: number of the first row of numbers.
      head: the first rows of numbers.
      notes: what stands above them, in words.
    """

    names: tuple[str, ...]
    data: int
    head: list[Row]
    notes: tuple[str, ...]


def table_of(sheet: Sheet) -> Table:
    """Read a sheet into columns.

    What stands above the numbers is skipped, but for the last full row of words, which is the
    header; a row of units may follow it. A comment right above the numbers with as many cells
    serves as well. A sheet of few long rows, each a series, is turned around. A row that is too
    short is empty in every column.

    Raises:
      ValueError: there are no numbers, or a row is too long.
    """
    head = list(itertools.islice(_filled(sheet.rows()), HEAD))
    if not head:
        raise ValueError(f"{sheet.source} is empty; it needs a header and rows of numbers")
    turned = _turned(head)
    if turned is not None:
        notes = (*sheet.notes, "each row is one series: read rows as columns")
        sheet = sheet._replace(rows=lambda: iter(turned), comment="", notes=notes)
        head = turned[:HEAD]
    layout = _layout(sheet, head)
    readers = [
        cells.column_reader([row[i] for _, row in layout.head if i < len(row)], sheet.separator)
        for i in range(len(layout.names))
    ]
    rows: list[int] = []
    for block in _blocks(_data(sheet, layout)):
        numbers = [number for number, _ in block]
        for reader, column in zip(
            readers, zip(*(row for _, row in block), strict=True), strict=True
        ):
            reader.add(column, numbers)
        rows += numbers
    columns = [reader.finish(name) for reader, name in zip(readers, layout.names, strict=True)]
    return Table(
        sheet.source,
        tuple(columns),
        np.array(rows, dtype=np.int64),
        (*sheet.notes, *layout.notes, *_decimal_note(columns)),
    )


def _decimal_note(columns: Sequence[Column]) -> tuple[str, ...]:
    return ("read decimal commas",) if any(column.marks.comma for column in columns) else ()


def _filled(rows: Iterator[Row]) -> Iterator[Row]:
    return ((number, row) for number, row in rows if any(map(str.strip, row)))


def _data(sheet: Sheet, layout: Layout) -> Iterator[Row]:
    width, first = len(layout.names), layout.names[0]
    for number, row in _filled(sheet.rows()):
        if number < layout.data:
            continue
        if first and row[0].strip() == first and tuple(map(str.strip, row)) == layout.names:
            # Logs that are written again have their header again.
            continue
        if len(row) != width:
            if any(map(str.strip, row[width:])):
                raise ValueError(
                    f"{sheet.source}, row {number} has {len(row)} cells, not {width}; quote or "
                    "remove the extra separators"
                )
            row = row[:width] if len(row) > width else [""] * width
        yield number, row


def _blocks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while block := list(itertools.islice(rows, BLOCK)):
        yield block


def _layout(sheet: Sheet, head: list[Row]) -> Layout:
    lower = [row for _, row in head[len(head) // 2 :]]
    width = collections.Counter(map(len, lower)).most_common(1)[0][0]
    # A last column that is always empty comes from separators at the ends of rows.
    width = max(len(_trimmed(row)) for _, row in head if len(row) == width)
    full = [row[:width] for row in lower if len(_trimmed(row)) <= width <= len(row)]
    kinds = _kinds(full)
    begin = _begin([row for _, row in head], kinds)
    if begin is None:
        raise ValueError(f"{sheet.source} has no row of numbers below its header")
    names, header = _header([row for _, row in head[:begin]], kinds)
    last = _joined(head[begin - 1][1]) if begin and header is None else []
    if len(last) > 1 and not any(map(cells.is_value, last)):
        raise ValueError(
            f"{sheet.source}, row {head[begin][0]} has {width} cells, not {len(last)} as the "
            "header above it; separate cells by semicolons or tabs where commas are decimal"
        )
    if header is None and sheet.comment:
        words = sheet.comment.split(sheet.separator) if sheet.separator else sheet.comment.split()
        if len(words) == width and not any(map(cells.is_number, words)):
            names = words
    skipped = [number for i, (number, _) in enumerate(head[:begin]) if i != header]
    notes: tuple[str, ...] = ()
    if len(skipped) == 1:
        notes = (f"skipped row {skipped[0]}, which contains no number",)
    elif skipped:
        notes = (f"skipped rows {skipped[0]} to {skipped[-1]}, which are above the numbers",)
    return Layout(tuple(map(str.strip, names)), head[begin][0], head[begin:], notes)


def _begin(rows: list[list[str]], kinds: list[str]) -> int | None:
    """The first row of numbers; numbers that stand above a header are not meant."""
    data = [i for i, row in enumerate(rows) if _is_data(row, kinds)]
    for i in data:
        later = range(i + 1, min(i + 1 + ABOVE, len(rows)))
        if not any(_is_words(rows[k], len(kinds)) and k + 1 in data for k in later):
            return i
    return None


def _is_words(row: list[str], width: int) -> bool:
    return len(row) >= width and all(cells.kind_of(cell)[0] == "words" for cell in row[:width])


def _header(above: list[list[str]], kinds: list[str]) -> tuple[list[str], int | None]:
    """The names of the columns, and which of the rows above the numbers has them."""
    width = len(kinds)
    chosen = None
    for i in reversed(range(len(above))):
        row = _fitted(above[i], kinds)
        if row is None or 2 * sum(bool(cell.strip()) for cell in row) < width:
            continue
        if chosen is None:
            chosen = row, i
        elif _are_units(chosen[0]):
            return row, i
        else:
            break
    return chosen or ([""] * width, None)


def _fitted(row: list[str], kinds: list[str]) -> list[str] | None:
    """A row of words as names of all columns; None for a row of another length, or of values."""
    width = len(kinds)
    if len(_trimmed(row)) > width:
        # In a row that fits, a name in brackets is a name: [A] is a concentration.
        row = _joined(row)
    row = row[: max(width, len(_trimmed(row)))]
    texts = [not cells.is_value(cell) for cell in row]
    if not (texts[0] or all(texts)):
        return None
    if len(row) == width - 1 and kinds[0] == "words" and width > 2:
        # R leaves out the name of the names of rows.
        return ["", *row]
    return row if len(row) == width else None


def _joined(row: list[str]) -> list[str]:
    """A row whose units, split from the names by a space, are put back."""
    found: list[str] = []
    for cell in row:
        if found and found[-1].strip() and UNIT.fullmatch(cell) and not UNIT.fullmatch(found[-1]):
            found[-1] = f"{found[-1]} {cell}"
        else:
            found.append(cell)
    return found


def _are_units(row: list[str]) -> bool:
    words = [cell.strip().lower() for cell in row if cell.strip()]
    if any(UNIT.fullmatch(word) or FORM.fullmatch(word) for word in words):
        return True
    if all(word in UNITS or _is_share(word) for word in words):
        return True
    return bool(TIME_UNITS & {*words}) and "t" not in words


def _is_share(word: str) -> bool:
    """Tell whether a word in lower case is an amount for a unit, as mio/ml is."""
    amount, _, unit = word.partition("/")
    return bool(amount) and unit in UNITS


def _trimmed(row: Sequence[str]) -> list[str]:
    """A row without its empty cells at the end."""
    end = max((i + 1 for i, cell in enumerate(row) if cell.strip()), default=0)
    return list(row[:end])


def _kinds(rows: list[list[str]]) -> list[str]:
    """What most cells of each column are: words, missing, or a value, with its unit."""
    found = []
    for column in zip(*rows, strict=True):
        counts = collections.Counter(map(_kind, column))
        del counts["missing"]
        found.append(counts.most_common(1)[0][0] if counts else "missing")
    return found


def _kind(cell: str) -> str:
    kind, unit = cells.kind_of(cell)
    return kind if kind in ("words", "missing") else f"value {unit}"


def _is_data(row: list[str], kinds: list[str]) -> bool:
    row = _trimmed(row)
    if len(row) > len(kinds) or (len(row) < 2 <= len(kinds)):
        return False
    pairs = [(_kind(cell), kind) for cell, kind in zip(row, kinds, strict=False)]
    values = [found for found, kind in pairs if kind.startswith("value")]
    fitting = [found.startswith("value") and found in (kind, "value ") for found, kind in pairs]
    words = [found == kind == "words" for found, kind in pairs]
    known = [found != "missing" for found, _ in pairs]
    if not any(fitting) or values[0] == "words":
        return False
    return 2 * (sum(fitting) + sum(words)) > sum(known)


def _turned(head: list[Row]) -> list[Row] | None:
    """The columns of a sheet with one series in each row, as rows; None for any other sheet."""
    if len(head) > SERIES:
        return None
    width = collections.Counter(len(row) for _, row in head).most_common(1)[0][0]
    series = [row for _, row in head if len(row) == width]
    if not len(series) >= 2 or width < FEWEST or width <= len(series):
        return None
    kinds = [[_kind(cell) for cell in row] for row in series]
    known = [sum(kind != "words" for kind in row[1:]) for row in kinds]
    named = all(row[0] == "words" for row in kinds)
    if min(known) < 0.8 * (width - 1) or not (named or len(series) < FEWEST):
        return None
    if not named and any(row[0] == "words" for row in kinds):
        return None
    return [(i, list(column)) for i, column in enumerate(zip(*series, strict=True), start=1)]
