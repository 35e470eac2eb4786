"""Times as people write them: clocks, dates, and counts since 1970."""

import datetime
import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.recording.table import Column

__all__ = [
    "DAY",
    "KINDS",
    "Moments",
    "Since",
    "epoch",
    "kind_of_moment",
    "later",
    "moments_of",
    "since",
    "unwrapped",
]

KINDS = ("clock", "date", "stamp")
"""A time of day or since the start, a day, and both."""
DAY = 86400.0
"""A day in seconds."""
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
SINCE_1970 = (
    ("seconds", 1.0), ("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9)
)  # fmt: skip
"""What a count since 1970 may be in, and how many of it are a second."""
CREDIBLE = (5e8, 5e9)
"""Seconds since 1970 of a recording: from 1985 to 2128."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = r"(\d{1,4}):(\d{1,2})(?::(\d{1,2}))?(?:[.,](\d{1,12}))?(?:\s*([AaPp])\.?[Mm]\.?)?"
_DATE = r"(\d{1,4})([-./ ])(\d{1,2}|[A-Za-z]{3,9})\2(\d{1,4})\.?"
_ZONE = r"\s*(Z|UTC|GMT|[-+]\d\d:?\d\d)?"
CLOCK = re.compile(_CLOCK, re.ASCII)
DATE = re.compile(_DATE, re.ASCII)
_NAME = r"([A-Za-z]{3,9})"
MONTH = re.compile(
    rf"(\d{{4}})(?:[-/](\d\d)|[- ]?[Mm](\d\d?)|[- ]?[Qq]([1-4])|[- ]{_NAME})"
    rf"|(?:{_NAME}|(\d\d?)|[Qq]([1-4]))[-/ ](\d{{4}})",
    re.ASCII,
)
"""A month or a quarter of a year: 2005-01, 2005M1, 2005Q1, 2005 Jan, Jan 2005, 01/2005, Q1 2005."""
STAMP = re.compile(rf"{_DATE}(?:[T,; ]\s*){_CLOCK}{_ZONE}", re.ASCII)


class Moment(NamedTuple):
    """A cell: the three fields of its date as written, its seconds, and whether it has a zone."""

    date: tuple[int, int, int] | None
    separator: str
    seconds: float
    zoned: bool = False


def kind_of_moment(cell: str) -> str:
    """The kind of `KINDS` that a cell is, empty if it is none."""
    moment = _moment(cell)
    if moment is None:
        return ""
    if moment.date is None:
        return "clock"
    return "stamp" if ":" in cell or "T" in cell else "date"


def _moment(cell: str) -> Moment | None:
    cell = cell.strip()
    if found := MONTH.fullmatch(cell):
        return _first_of_month(found.groups())
    if not cell[:1].isdigit():
        return None
    if found := CLOCK.fullmatch(cell):
        seconds = _seconds(found.groups())
        return None if seconds is None else Moment(None, "", seconds)
    found = DATE.fullmatch(cell) or STAMP.fullmatch(cell)
    if not found:
        return _iso(cell)
    first, separator, middle, last, *rest = found.groups()
    if middle.isdigit() and separator != " ":
        month = int(middle)
    elif middle[:3].lower() in MONTHS:
        month = 1 + MONTHS.index(middle[:3].lower())
        separator = "m"
    else:
        return None
    seconds = 0.0
    if rest:
        clock = _seconds(rest[:5])
        if clock is None or clock > DAY:
            return None
        seconds = clock - _zone(rest[5])
    if len(first) != 4 and len(last) not in (2, 4):
        return None
    zoned = bool(rest and rest[5])
    return Moment((int(first), month, int(last)), separator, seconds, zoned)


def _first_of_month(fields: Sequence[str | None]) -> Moment | None:
    """The first day of a month or a quarter; see `MONTH`."""
    before, number, of_m, quarter, name, name_first, number_first, quarter_first, after = fields
    written, word = number or of_m or number_first, name or name_first
    if word is not None:
        if word[:3].lower() not in MONTHS:
            return None
        month = 1 + MONTHS.index(word[:3].lower())
    else:
        month = int(written) if written else 3 * int(quarter or quarter_first or 1) - 2
    if not 1 <= month <= 12:
        return None
    return Moment((int(before or after or 0), month, 1), "-", 0.0)


def _iso(cell: str) -> Moment | None:
    """What ISO 8601 writes in other ways, 20240301T120000."""
    if len(cell) < 9 or cell.isdigit() or not cell[:4].isdigit():
        return None
    try:
        found = datetime.datetime.fromisoformat(cell)
    except ValueError:
        return None
    offset = found.utcoffset()
    midnight = found.replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = (found - midnight).total_seconds() - (offset.total_seconds() if offset else 0.0)
    return Moment((found.year, found.month, found.day), "-", seconds, offset is not None)


def _seconds(fields: Sequence[str | None]) -> float | None:
    """Seconds of hours:minutes:seconds.fraction; of minutes:seconds.fraction without hours."""
    first, second, third, fraction, half = fields
    assert first is not None and second is not None
    parts = [int(first), int(second), *([int(third)] if third else [])]
    if any(part >= 60 for part in parts[1:]):
        return None
    if half:
        if not 1 <= parts[0] <= 12:
            return None
        parts[0] = parts[0] % 12 + 12 * (half in "Pp")
    part = float(f"0.{fraction}") if fraction else 0.0
    if third is None:
        # A fraction belongs to seconds; 42:14 alone are hours and minutes, until the column has
        # more of them than a day.
        return parts[0] * 60 + parts[1] + part if fraction else parts[0] * 3600.0 + parts[1] * 60
    return parts[0] * 3600 + parts[1] * 60 + parts[2] + part


def _zone(text: str | None) -> float:
    if not text or text[0] not in "+-":
        return 0.0
    digits = text[1:].replace(":", "")
    return (-1 if text[0] == "-" else 1) * (int(digits[:2]) * 3600.0 + int(digits[2:]) * 60)


class Moments:
    """Reads times of one kind."""

    def __init__(self, kind: str, is_missing: Callable[[str], bool]):
        self.kind, self.is_missing = kind, is_missing
        self.moments: list[Moment | None] = []
        self.cells: list[tuple[int, str]] = []
        self.bad: tuple[int, str] | None = None

    def add(self, cells: Sequence[str], rows: Sequence[int]) -> None:
        """Read further cells."""
        dated = self.kind != "clock"
        for cell, row in zip(cells, rows, strict=True):
            moment = _moment(cell)
            if moment is None or (moment.date is not None) != dated:
                if not self.is_missing(cell):
                    self.bad = self.bad or (row, cell)
                moment = None
            self.moments.append(moment)
            self.cells.append((row, cell))

    def finish(self, name: str) -> Column:
        """The column; where the order of day and month is open, the shortest span decides."""
        seconds = np.array([math.nan if m is None else m.seconds for m in self.moments])
        if self.kind == "clock":
            brief = all(c.count(":") == 1 for _, c in self.cells if not self.is_missing(c))
            fraction = any(re.search("[.,]", c) for _, c in self.cells)
            unit = "seconds"
            if brief and not fraction:
                # More hours than a day has are minutes.
                if np.nanmax(seconds, initial=0.0) >= DAY:
                    seconds, unit = seconds / 60, "minutes and seconds, in seconds"
                else:
                    unit = "hours and minutes, in seconds"
            return Column(name, "clock", seconds, self.bad, note=f"as a clock, in {unit}")
        days, order, wrong = self._days()
        first = int(np.argmax(np.isfinite(days)))
        if not np.any(np.isfinite(days)):
            return Column(name, self.kind, days, self.bad or wrong)
        origin = EPOCH + datetime.timedelta(days=days[first], seconds=seconds[first])
        values = (days - days[first]) * DAY + (seconds - seconds[first])
        note = f"{order} first" if order else ""
        zoned = any(moment is not None and moment.zoned for moment in self.moments)
        bad = self.bad or wrong
        return Column(name, self.kind, values, bad, note=note, origin=origin, zoned=zoned)

    def _days(self) -> tuple[np.ndarray, str, tuple[int, str] | None]:
        """Days since 1970 [N], which of day and month was taken first, and the first bad cell."""
        found = [m for m in self.moments if m is not None]
        first = found[0] if found else None
        if first is None or first.date is None:
            return np.full(len(self.moments), math.nan), "", None
        orders = {"day": (2, 1, 0), "month": (2, 0, 1)}
        if len(str(first.date[0])) == 4 and first.separator != "m":
            orders = {"": (0, 1, 2)}
        elif first.separator == "m":
            orders = {"": (2, 1, 0) if first.date[0] < 32 else (0, 1, 2)}
        elif first.separator == "/":
            orders = dict(reversed(orders.items()))
        tried = {order: self._ordered(places) for order, places in orders.items()}
        # First those of fewest impossible dates and fewest steps back, then the shortest.
        best = min(tried, key=lambda order: _oddness(tried[order]))
        days = tried[best]
        wrong = np.isnan(days) & np.array([m is not None for m in self.moments])
        bad = self.cells[int(np.argmax(wrong))] if np.any(wrong) else None
        return days, best if first.separator == "/" else "", bad

    def _ordered(self, places: tuple[int, int, int]) -> np.ndarray:
        days = np.full(len(self.moments), math.nan)
        for i, moment in enumerate(self.moments):
            if moment is not None and moment.date is not None:
                year, month, day = (moment.date[place] for place in places)
                if year < 100:
                    year += 2000 if year < 70 else 1900
                try:
                    days[i] = datetime.date(year, month, day).toordinal() - EPOCH.toordinal()
                except ValueError:
                    continue
        return days


def _oddness(days: np.ndarray) -> tuple[int, int, float]:
    known = days[np.isfinite(days)]
    span = float(np.ptp(known)) if len(known) else math.inf
    return len(days) - len(known), int(np.sum(np.diff(known) < 0)), span


def unwrapped(seconds: np.ndarray) -> np.ndarray:
    """Seconds of a clock [N] that passes midnight: a fall of more than half a day is a new day."""
    known = np.isfinite(seconds)
    jumps = np.zeros(len(seconds))
    jumps[np.flatnonzero(known)[1:]] = np.diff(seconds[known]) < -DAY / 2
    return seconds + DAY * np.cumsum(jumps)


class Since(NamedTuple):
    """Times [N], and what they count from which moment, in words."""

    values: np.ndarray
    unit: str


def later(origin: datetime.datetime, seconds: float) -> datetime.datetime:
    """The moment so many seconds after another."""
    return origin + datetime.timedelta(seconds=seconds)


def since(seconds: np.ndarray, origin: datetime.datetime) -> Since:
    """Times in days where they are dates alone, else in seconds.

    Args:
      seconds: since the origin [N], NaN where unknown.
      origin: the first moment.
    """
    midnight = origin.replace(hour=0, minute=0, second=0, microsecond=0) == origin
    if midnight and len(seconds) and np.all(np.nan_to_num(seconds) % DAY == 0):
        return Since(seconds / DAY, f"days since {origin.date()}")
    return Since(seconds, f"seconds since {str(origin).removesuffix('+00:00')}")


def epoch(values: np.ndarray) -> Since | None:
    """Seconds since the first of counts since 1970 [N], None for others."""
    known = values[np.isfinite(values)]
    for name, rate in SINCE_1970 if len(known) else ():
        if CREDIBLE[0] * rate <= np.min(known) and np.max(known) <= CREDIBLE[1] * rate:
            origin = later(EPOCH, float(known[0] / rate))
            return Since(
                (values - known[0]) / rate,
                f"as {name} since 1970, counted in seconds from {origin:%Y-%m-%d %H:%M:%S}",
            )
    return None


def moments_of(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Seconds since the first of datetime64 or timedelta64 [N], in days where all are days.

    Returns:
      the times, NaN for NaT, and how they were read, in words.
    """
    missing = np.isnat(values)
    nanoseconds = values.astype(f"{values.dtype.str[1]}8[ns]")
    if values.dtype.kind == "m":
        return np.where(missing, np.nan, nanoseconds.astype(np.int64) / 1e9), "as seconds"
    if np.all(missing):
        return np.full(values.shape, np.nan), "as seconds"
    first = nanoseconds[~missing].flat[0]
    since = (nanoseconds - first).astype("timedelta64[ns]").astype(np.int64) / 1e9
    since = np.where(missing, np.nan, since)
    if np.all(np.nan_to_num(since) % DAY == 0):
        return since / DAY, f"as days since {str(first)[:10]}"
    return since, f"as seconds since {str(first.astype('datetime64[us]')).replace('T', ' ')}"
