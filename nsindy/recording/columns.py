"""Which columns of a file are the times, the states and the inputs, and what they are called."""

import keyword
import os
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.recording.text import Layout, find_layout, quote, read_columns

__all__ = ["Columns", "check_count", "check_names", "clean_names", "select_columns"]

MOST = 100
"""Most columns of states and inputs: the terms of a library grow with a power of their number."""
UNITS = "s|sec|seconds?|ms|us|µs|ns|min|minutes?|h|hours?|d|days?|yr|years?"
TIME = re.compile(
    rf"(?:t|(?i:times?|timestamp|date|datetime))(?:[ _/]*[\[(].*[\])]|[ _/]+(?i:{UNITS}))?"
)
"""Names of a column of times, with or without its unit."""


class Columns(NamedTuple):
    """The columns of a file that a recording is made of: times, states, inputs.

    Attributes:
      values: [N, 1 + D + U], NaN where a cell is empty.
      rows: line number of each row [N], counted from 1.
      labels: what the file calls each column, its number where it has no name [1 + D + U].
      names: headers of states and inputs [D + U], empty where there is none.
      notes: what was assumed or left out, in words.
    """

    values: np.ndarray
    rows: np.ndarray
    labels: tuple[str, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...]


def select_columns(
    path: str | os.PathLike,
    time: str | None,
    states: Sequence[str] | None,
    inputs: Sequence[str],
    *,
    steps: bool = False,
) -> Columns:
    """Read the columns that are named, or choose them by convention.

    Args:
      path: a file.
      time: header or number (from 1) of the times; None for a column that `TIME` fits, else the
        first column of numbers if it increases.
      states: headers or numbers of the states; None for all others, except those that contain
        words, those that are empty and have no header, and those that only number the rows.
      inputs: headers or numbers of the inputs.
      steps: True where rows are steps, and are numbered if no column is named as times.

    Raises:
      ValueError: a column does not exist, is chosen twice, or shares its name with another; no
        column is left for a state; or there is no column of times.
    """
    layout = find_layout(path, fewest=1 if steps else 2)
    notes: tuple[str, ...] = layout.notes
    named = [i for i, name in enumerate(layout.names) if TIME.fullmatch(name)]
    numeric = [i for i, words in enumerate(layout.words) if not words]
    numbered = steps and time is None and not named
    when = _find(layout, time) if time is not None else (named or numeric or [0])[0]
    when = -1 if numbered else when
    driven = [_find(layout, name) for name in inputs]
    if states is None:
        measured = [i for i in range(len(layout.names)) if i not in (when, *driven)]
        notes += tuple(
            f"left out column {layout.label(i)}, which contains words"
            for i in measured
            if layout.words[i]
        )
        measured = [i for i in measured if not layout.words[i]]
    else:
        measured = [_find(layout, name) for name in states]
    columns = [when, *measured, *driven]
    check_count(len(columns) - 1)
    _check_distinct(layout, columns[numbered:])
    table = read_columns(layout, columns[numbered:])
    values = table.values
    notes += table.notes
    if numbered:
        values = np.column_stack([np.arange(float(len(values))), values])
    elif time is None and not named:
        finite = values[np.isfinite(values[:, 0]), 0]
        if np.any(np.diff(finite) < 0):
            raise ValueError(
                f"{path}: no column is called t or time, and the first does not increase; choose "
                f"the times with --time, one of {_listed(layout)}"
            )
        notes += (f"used column {layout.label(when)} as the times",)
    keep = np.ones(len(columns), bool)
    if states is None:
        for k in range(1, 1 + len(measured)):
            named_so = bool(layout.names[columns[k]])
            if _is_filler(values[:, k], named_so) and (not named_so or len(measured) > 1):
                keep[k] = False
                what = "only numbers the rows" if named_so else "is empty or only numbers the rows"
                notes += (f"left out column {layout.label(columns[k])}, which {what}",)
    if np.sum(keep) - 1 - len(inputs) < 1:
        raise ValueError(
            f"{path} has no column for a state; choose one with --states, of {_listed(layout)}"
        )
    columns = [column for column, kept in zip(columns, keep, strict=True) if kept]
    return Columns(
        values if np.all(keep) else values[:, keep],
        table.rows,
        tuple("row" if column < 0 else layout.label(column) for column in columns),
        tuple(layout.names[column] for column in columns[1:]),
        notes,
    )


def check_count(count: int) -> None:
    """Raise a ValueError if there are more than `MOST` states and inputs."""
    if count > MOST:
        raise ValueError(
            f"{count} columns of states and inputs are too many; choose at most {MOST}, best a few"
        )


def _check_distinct(layout: Layout, columns: Sequence[int]) -> None:
    seen: dict[str, int] = {}
    for column in columns:
        label = layout.label(column)
        if seen.setdefault(label, column) != column:
            raise ValueError(
                f"{layout.path}: columns {seen[label] + 1} and {column + 1} are both called "
                f"{quote(label)}; rename one of them"
            )
        if columns.count(column) > 1:
            raise ValueError(
                f"{layout.path}: column {quote(label)} is chosen twice; name it once among --time, "
                "--states and --inputs"
            )


def _find(layout: Layout, name: str) -> int:
    if name in layout.names:
        return layout.names.index(name)
    number = int(name) if re.fullmatch("[0-9]{1,9}", name) else 0
    if 1 <= number <= len(layout.names):
        return number - 1
    raise ValueError(
        f"{layout.path} has no column {quote(name)}; its columns are {_listed(layout)}"
    )


def _listed(layout: Layout) -> str:
    text = ", ".join(map(layout.label, range(len(layout.names))))
    return text if len(text) <= 400 else text[:400] + "…"


def _is_filler(values: np.ndarray, named: bool) -> bool:
    start = values - np.arange(len(values))
    empty = not named and np.all(np.isnan(values))
    return bool(empty or np.all(start == 0) or np.all(start == 1))


def check_names(names: Sequence[str] | None, count: int, what: str) -> tuple[str, ...]:
    """The names that a person gives to columns, each empty where names is None.

    Raises:
      ValueError: there are not `count` names, or one of them is not text or is empty.
    """
    if names is None:
        return ("",) * count
    names = (names,) if isinstance(names, str) else tuple(names)
    if len(names) != count:
        raise ValueError(f"{len(names)} names for {count} {what}; give {count}")
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"names of {what} must be words, not {quote(str(list(names)))}")
    return names


def clean_names(
    names: Sequence[str], letters: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names that equations can be written with: letters, digits and underscores, all different.

    A unit in brackets at the end is left out; any other character becomes an underscore. A column
    without a name is called by its letter, with a number where there are several; up to three
    states are x, y and z.

    Args:
      names: headers, empty where there is none.
      letters: the letter of each column, x for a state and u for an input.

    Returns:
      the names, and what was changed, in words.

    Raises:
      ValueError: a name is given twice.
    """
    headers = [name for name in names if name]
    if len(set(headers)) < len(headers):
        twice = next(name for name in headers if headers.count(name) > 1)
        raise ValueError(f"the name {quote(twice)} is given twice; rename one of the columns")
    cleaned: list[str] = []
    notes = []
    for i, (raw, letter) in enumerate(zip(names, letters, strict=True)):
        number = letters[:i].count(letter)
        name = re.sub(r"[ _/]*[\[(].*[\])]\s*$", "", raw) or raw
        name = unicodedata.normalize("NFKC", name)
        name = "".join(c if f"a{c}".isidentifier() else " " for c in name)
        name = "_".join(name.split())[:40].strip("_")
        if not name:
            several = letters.count(letter)
            name = letter if several == 1 else f"{letter}{number}"
            if letter == "x" and several <= 3:
                name = "xyz"[number]
        if not name.isidentifier():
            name = f"{letter}_{name}"
        if keyword.iskeyword(name):
            name += "_"
        taken = {*cleaned, *headers} - {raw}
        free = (name, *(f"{name}_{k}" for k in range(2, len(names) + 2)))
        name = next(each for each in free if each not in taken)
        if raw and name != raw:
            notes.append(f"column {quote(raw)} was renamed {name}")
        cleaned.append(name)
    return tuple(cleaned), tuple(notes)
