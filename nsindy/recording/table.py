"""What a file is once it is read: columns of numbers, times or words."""

import datetime
from typing import NamedTuple

import numpy as np

__all__ = ["Column", "Marks", "Table", "listed", "quote", "rows_text"]


class Marks(NamedTuple):
    """Rows where a column first shows how it writes numbers, 0 where it does not.

    Attributes:
      comma: a decimal comma.
      point: a decimal point.
      grouped: commas between groups of three digits.
    """

    comma: int = 0
    point: int = 0
    grouped: int = 0


class Column(NamedTuple):
    """One column.

    Attributes:
      name: its header, empty where there is none.
      kind: "number", "clock", "date", "stamp" (date and time of day) or "words".
      values: numbers, NaN where a cell is missing; seconds of a clock or since `origin`; or the
        places of words in `words` [N].
      bad: row and text of the first cell that is not of this kind, if any.
      marks: how it writes numbers.
      note: how its cells were read, in words; empty where that goes without saying.
      origin: the first date.
      words: the different words, in the order of their first appearance.
      zoned: whether its dates name a zone, as 12:00Z does.
    """

    name: str
    kind: str
    values: np.ndarray
    bad: tuple[int, str] | None = None
    marks: Marks = Marks()
    note: str = ""
    origin: datetime.datetime | None = None
    words: tuple[str, ...] = ()
    zoned: bool = False


class Table(NamedTuple):
    """A table.

    Attributes:
      source: what messages call it.
      columns: C columns.
      rows: what messages call its rows, the line number in a text [N].
      notes: how it was read, in words.
    """

    source: str
    columns: tuple[Column, ...]
    rows: np.ndarray
    notes: tuple[str, ...] = ()

    def label(self, column: int) -> str:
        """The name of a column, its number where it has none."""
        return self.columns[column].name or str(column + 1)


def quote(text: str) -> str:
    """The text in quotes, on one line, shortened to 40 characters."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def listed(words: tuple[str, ...]) -> str:
    """The words with commas between them, shortened to 400 characters."""
    text = ", ".join(words)
    return text if len(text) <= 400 else text[:400] + "…"


def rows_text(rows: np.ndarray) -> str:
    """`row 3`, `rows 3, 4`, `7 rows (1, 2, 3, 4, 5, …)`."""
    shown = ", ".join(map(str, np.sort(rows)[:5]))
    if len(rows) > 5:
        return f"{len(rows)} rows ({shown}, …)"
    return f"row {shown}" if len(rows) == 1 else f"rows {shown}"
