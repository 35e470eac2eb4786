"""Rows of cells in text: encoding, separator and quotes are detected."""

import collections
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from nsindy.recording import cells

__all__ = ["HEAD", "Sheet", "sheet_of_text"]

LONGEST = 1_000_000
"""Characters that a line may have."""
HEAD = 50
"""Lines that separator and header are detected from."""
SEPARATORS = ("\t", ";", ",", "|", "")
"""Between cells; the last is white space."""
RAGGED = 0.8
"""What a cell counts where the first line has another number of them than the others."""
CONTROL = re.compile(r"[\0-\x08\x0e-\x19\x1b-\x1f]")
"""Characters that no text contains."""
COMMENTS = ("#", "%", "//")


class Sheet(NamedTuple):
    """Rows of cells, wherever they come from.

    Attributes:
      source: what messages call it.
      rows: iterates over the number and the cells of each row; blank rows may be left out.
      separator: between cells; "" for white space, ";" where there was none.
      comment: the last comment above the first row, without its mark.
      notes: how it was read, in words.
    """

    source: str
    rows: Callable[[], Iterator[tuple[int, list[str]]]]
    separator: str = ";"
    comment: str = ""
    notes: tuple[str, ...] = ()


def sheet_of_text(source: str, content: bytes) -> Sheet:
    """Find out how a text separates its cells.

    The separator is the one of tab, semicolon, comma, bar and white space with which most cells of
    most lines are numbers or times. A text that is not UTF-8 and has no mark of another encoding is
    read as Latin-1, in the form that Windows gives it.

    Args:
      source: what messages call it.
      content: the file.

    Raises:
      ValueError: it is no text, or is empty.
    """
    text, notes = _decoded(source, content)
    lines = io.StringIO(text, newline=None).read().split("\n")
    for number, line in enumerate(lines, start=1):
        if len(line) >= LONGEST:
            raise ValueError(f"{source} is not text at row {number}; save it as CSV in UTF-8")
    comment = ""
    head: list[str] = []
    for line in lines:
        if _is_comment(line):
            comment = comment if head else line.strip().lstrip("#%/").strip()
        elif line.strip(" \t\r\n;,|"):
            head.append(line)
        if len(head) == HEAD:
            break
    if not head:
        raise ValueError(f"{source} is empty; it needs a header and rows of numbers")
    separator = max(SEPARATORS, key=lambda each: _score(head, each))
    return Sheet(source, lambda: _rows(source, lines, separator), separator, comment, notes)


def _decoded(source: str, content: bytes) -> tuple[str, tuple[str, ...]]:
    encoding = "utf-8-sig"
    for mark, name in ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32")):
        encoding = name if content.startswith(mark) else encoding
    if encoding != "utf-32" and content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    notes: tuple[str, ...] = ()
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise ValueError(
                f"{source} is not text: it begins as {encoding.upper()} and ends as something "
                "else; save it as CSV in UTF-8"
            ) from error
        text = content.decode("latin-1")
        # Windows uses the codes of control characters, 0x80 to 0x9f, for letters.
        text = "".join(_windows(c) if "\x80" <= c <= "\x9f" else c for c in text)
        notes = ("read the text as Latin-1, which it seems to be",)
    if found := CONTROL.search(text):
        row = text.count("\n", 0, found.start()) + 1
        raise ValueError(f"{source} is not text at row {row}; save it as CSV in UTF-8")
    return text, notes


def _windows(character: str) -> str:
    try:
        return character.encode("latin-1").decode("cp1252")
    except UnicodeDecodeError:
        return "?"


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(COMMENTS)


def _rows(source: str, lines: Sequence[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    kept = ("" if _is_comment(line) else line for line in lines)
    if not separator:
        yield from ((i, found) for i, line in enumerate(kept, 1) if (found := line.split()))
        return
    reader = csv.reader(kept, delimiter=separator, skipinitialspace=True)
    number = 0
    try:
        for found in reader:
            number += 1
            if number != reader.line_num:
                break
            if found:
                yield number, found
        else:
            return
    except csv.Error:
        number += 1
    raise ValueError(f"{source}, row {number}: a quote is not closed; close it or remove it")


def _split(line: str, separator: str) -> list[str]:
    if not separator:
        return line.split()
    try:
        rows = csv.reader([line.strip("\r\n")], delimiter=separator, skipinitialspace=True)
        return next(rows, [])
    except csv.Error:
        return [line]


def _score(head: list[str], separator: str) -> tuple[float, bool]:
    """The share of the cells that are numbers or times; 0 where there is one column.

    It counts less where the first line has another number of cells than the others: white space
    separates a date from its time of day as well.
    """
    rows = [_split(line, separator) for line in head[1:] or head]
    width = collections.Counter(map(len, rows)).most_common(1)[0][0]
    if width < 2:
        return 0.0, False
    known = sum(
        cells.kind_of(cell)[0] != "words" for row in rows if len(row) == width for cell in row
    )
    share = known / (width * len(rows))
    return share if len(_split(head[0], separator)) == width else RAGGED * share, True
