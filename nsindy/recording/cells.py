"""Cells of a column: numbers in every way of writing, units, words, and cells without a value."""

import collections
import math
import re
from array import array
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from nsindy.recording import times
from nsindy.recording.table import Column, Marks

__all__ = ["column_reader", "is_missing", "is_number", "is_value", "kind_of"]

MISSING = frozenset(
    (
        *("", "nan", "na", "n/a", "#n/a", "null", "none", "nil", "missing", "n.a.", "-", "--"),
        *("---", "?", ".", "*", "ovld", "ovl", "overload", "over", "overflow", "ovf", "ol", "o.l"),
        *("err", "error", "#value!", "#div/0!", "#num!", "#ref!", "#name?"),
    )
)
"""What a cell without a value may contain, in lower case; OVLD and OL are those of meters."""
NUMBER = re.compile(
    r"([-+]?(?:\d[\d.,'\u00a0\u202f]*|\d{1,3}(?: \d{3})+(?:[.,]\d+)?|[.,]\d+)(?:[eE][-+]?\d+)?)"
    r"\s*((?![-+.,/*=_\d\s]|:\d)[^;|\t]*)?",
    re.ASCII,
)
"""A number, and what follows it: its unit, in which no separator of cells stands."""
SWITCHES = (
    *(("off", "on"), ("no", "yes"), ("n", "y"), ("false", "true"), ("closed", "open")),
    *(("low", "high"), ("inactive", "active"), ("stopped", "running"), ("idle", "running")),
    *(("aus", "an"), ("aus", "ein"), ("nein", "ja"), ("zu", "auf"), ("falsch", "wahr")),
)
"""Pairs of words of a switch: what is 0, and what is 1."""
GROUPED = re.compile(r"[-+]?\d{1,3}(?:([,.'])\d{3})(?:\1\d{3})*")


class Parsed(NamedTuple):
    """A number, its decimal mark ("," or "."), "?" for one comma that may be either, or "g"."""

    value: float
    mark: str


class Reader(Protocol):
    """Takes the cells of a column block by block."""

    def add(self, cells: Sequence[str], rows: Sequence[int]) -> None:
        """Read further cells."""

    def finish(self, name: str) -> Column:
        """The column that they make."""


def column_reader(head: Sequence[str], separator: str) -> Reader:
    """The reader for a column, chosen by its first cells.

    Args:
      head: the first cells of the column.
      separator: of the cells in the file; where it is a comma, 10,002 in quotes is a thousand.
    """
    kinds = collections.Counter(kind_of(cell)[0] for cell in head)
    del kinds["missing"]
    numbers = kinds["number"] + kinds["unit"]
    moments = sum(kinds[kind] for kind in times.KINDS)
    begun = any(re.match(r"\s*[-+−]?[.,]?\d", cell) for cell in head)
    if moments > numbers and 2 * moments >= kinds.total():
        return times.Moments(max(times.KINDS, key=lambda kind: kinds[kind]), is_missing)
    if begun or not kinds:
        units = collections.Counter(kind_of(cell)[1] for cell in head)
        del units[""]
        unit = units.most_common(1)[0][0] if kinds["unit"] * 2 >= max(numbers, 1) else ""
        return Numbers(unit, separator == ",")
    return Words()


def kind_of(cell: str) -> tuple[str, str]:
    """What a cell is: missing, number, unit (a number with one), clock, date, stamp or words.

    Returns:
      the kind, and the unit that follows a number.
    """
    if is_missing(cell):
        return "missing", ""
    if is_number(cell):
        return "number", ""
    if kind := times.kind_of_moment(cell):
        return kind, ""
    found = NUMBER.fullmatch(_plain(cell))
    if found and found[2] and _parse(found[1]) is not None:
        return "unit", found[2]
    return "words", ""


def is_missing(cell: str) -> bool:
    """Tell whether a cell is empty or says that there is no value."""
    return cell.strip().lower() in MISSING


def is_number(cell: str) -> bool:
    """Tell whether a cell is a number, with a decimal comma or between groups of digits as well."""
    return _parse(_plain(cell)) is not None


def is_value(cell: str) -> bool:
    """Tell whether a cell is a number, with or without a unit, or a time."""
    return kind_of(cell)[0] not in ("words", "missing")


def _plain(cell: str) -> str:
    return cell.strip().replace("−", "-")


def _parse(text: str) -> Parsed | None:
    if "_" in text:
        # Python reads 2024_01 as a number.
        return None
    try:
        return Parsed(float(text), "." if "." in text else "")
    except ValueError:
        pass
    found = NUMBER.fullmatch(text)
    if not found or found[2]:
        return None
    text = re.sub(r"[\s'\u00a0\u202f]", "", text)
    body, mark = re.split("[eE]", text)[0], ""
    comma, point = body.rfind(","), body.rfind(".")
    if comma >= 0 and point >= 0:
        mark = "," if comma > point else "."
        whole = body[: max(comma, point)]
        if not GROUPED.fullmatch(whole) or mark in whole:
            return None
        text = text.replace("." if mark == "," else ",", "")
    elif body.count(",") > 1 or body.count(".") > 1:
        if not GROUPED.fullmatch(body):
            return None
        mark = "g" if comma >= 0 else ","
        text = text.replace(",", "").replace(".", "")
    elif comma >= 0:
        mark = "?" if GROUPED.fullmatch(body) and body.lstrip("+-")[0] != "0" else ","
    try:
        return Parsed(float(text.replace(",", ".")), mark)
    except ValueError:
        return None


class Numbers:
    """Reads numbers, of which all may be followed by one unit."""

    def __init__(self, unit: str, commas_separate: bool):
        self.unit, self.commas_separate = unit, commas_separate
        self.values = array("d")
        self.comma = self.point = self.grouped = 0
        self.bad: tuple[int, str] | None = None

    def add(self, cells: Sequence[str], rows: Sequence[int]) -> None:
        """Read further cells; those that Python reads as numbers need no care."""
        joined = "".join(cells)
        if not self.point and "." in joined and not self.unit:
            with_point = (r for c, r in zip(cells, rows, strict=True) if _has_point(c))
            self.point = next(with_point, 0)
        try:
            if "_" in joined:
                raise ValueError
            self.values.extend([float(cell) for cell in cells])
            return
        except ValueError:
            pass
        self.values.extend([self._number(c, r) for c, r in zip(cells, rows, strict=True)])

    def _number(self, cell: str, row: int) -> float:
        if is_missing(cell):
            return math.nan
        text = _plain(cell)
        if self.unit and text.endswith(self.unit):
            text = text[: -len(self.unit)].rstrip()
        found = _parse(text)
        if found is None:
            self.bad = self.bad or (row, cell)
            return math.nan
        value, mark = found
        if mark == "?":
            # 10,002 is a thousand where points are decimal or commas separate the cells.
            thousand = not self.comma and (self.point or self.commas_separate)
            value, mark = (value * 1000, "g") if thousand else (value, ",")
        if mark == ",":
            self.comma = self.comma or row
        elif mark == ".":
            self.point = self.point or row
            self.grouped = self.grouped or ("," in text and row)
        elif mark == "g":
            self.grouped = self.grouped or row
        return value

    def finish(self, name: str) -> Column:
        """The column."""
        said = []
        if self.unit:
            said.append(f"as numbers in {self.unit}" if self.unit.isalnum() else "as numbers")
        if self.grouped:
            said.append("with commas as marks of thousands")
        marks = Marks(self.comma, self.point, self.grouped)
        return Column(name, "number", np.array(self.values), self.bad, marks, " ".join(said))


def _has_point(cell: str) -> bool:
    parsed = _parse(_plain(cell))
    return parsed is not None and parsed.mark == "." and "," not in cell


class Words:
    """Reads words, as the places where each was first seen."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.values = array("d")

    def add(self, cells: Sequence[str], rows: Sequence[int]) -> None:
        """Read further cells."""
        self.values.extend(
            [self.places.setdefault(cell.strip(), len(self.places)) for cell in cells]
        )

    def finish(self, name: str) -> Column:
        """The column; of a switch that is on or off, numbers."""
        values = np.array(self.values)
        folded = [word.casefold() for word in self.places]
        said = [word for word in folded if word not in MISSING]
        for off, on in SWITCHES:
            if sorted(said) == sorted((off, on)):
                places = [values == folded.index(word) for word in (on, off)]
                values = np.select(places, [1.0, 0.0], np.nan)
                return Column(name, "number", values, note=f"as 1 for {on}, 0 for {off}")
        return Column(name, "words", values, words=tuple(self.places))
