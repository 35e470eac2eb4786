"""What states and inputs are called, in files and in equations."""

import keyword
import re
import unicodedata
from collections.abc import Sequence

from nsindy.recording.table import Table, listed, quote

__all__ = ["check_count", "check_names", "clean_names", "distinct_headers", "find", "without_unit"]

MOST = 100
"""Most columns of states and inputs: the terms of a library grow with a power of their number."""


def without_unit(name: str) -> str:
    """A name without the unit in brackets at its end."""
    return re.sub(r"[ _/]*[\[(].*[\])]\s*$", "", name) or name


def find(table: Table, name: str) -> int:
    """The column of a name, with or without its unit, or of a number (from 1).

    Raises:
      ValueError: there is none, or there are several.
    """
    names = [column.name for column in table.columns]
    if name in names:
        return names.index(name)
    for alike in (without_unit, lambda text: without_unit(text).strip().casefold()):
        found = [i for i, each in enumerate(names) if each and alike(each) == alike(name)]
        if len(found) > 1:
            raise ValueError(
                f"{table.source} has {len(found)} columns that {quote(name)} may mean; choose one "
                f"by its number, of {', '.join(str(i + 1) for i in found)}"
            )
        if found:
            return found[0]
    number = int(name) if re.fullmatch("[0-9]{1,9}", name) else 0
    if 1 <= number <= len(names):
        return number - 1
    labels = tuple(map(table.label, range(len(names))))
    raise ValueError(
        f"{table.source} has no column {quote(name)}; its columns are {listed(labels)}"
    )


def check_count(count: int) -> None:
    """Raise a ValueError if there are more than `MOST` states and inputs."""
    if count > MOST:
        raise ValueError(
            f"{count} columns of states and inputs are too many; choose at most {MOST}, best a few"
        )


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


def distinct_headers(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Headers of which none repeats another, and which were changed, in words."""
    found: list[str] = []
    notes = []
    for name in names:
        free = (name, *(f"{name} {k}" for k in range(2, len(names) + 2)))
        new = next(each for each in free if not each or each not in found)
        if new != name:
            notes.append(f"two columns are called {quote(name)}: renamed the second {quote(new)}")
        found.append(new)
    return tuple(found), tuple(notes)


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
        name = without_unit(raw)
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
