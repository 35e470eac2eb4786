"""From the rows of a table to recordings: ids, times that start again, switches."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.recording.long_tables import ID, VARIABLE, names_recordings
from nsindy.recording.names import without_unit
from nsindy.recording.repair import FEWEST, RawRecording
from nsindy.recording.table import Column, Table, quote, rows_text

__all__ = ["Groups", "groups_by", "groups_guessed", "split_restarts", "switches"]

SHARED = 0.6
"""Share of different times among all, at most, where every time is that of several rows."""
BACK = 0.5
"""A fall of the time by more than this share of what went before is a new recording."""
FEW = 4
"""Values that a column takes at most for it to be a switch, or a level that is set."""
STAYS = 0.8
"""Share of its rows in which a set point keeps the value of the row before, at least."""
FAR = 0.5
"""Its median change, as a share of the standard deviation of the column, at least: 1 between
settings that have nothing to do with one another, and 0.3 between ten readings a swing."""
NEIGHBOURS = 0.5
"""Share of its changes that lead to a neighbouring value, below which nothing went through those in
between: of eight levels a quarter do by chance, and of a rounded reading nearly all."""
MANY = 20
"""Values that another column takes at least, for few to be no matter of rounding."""
REPEATED = 0.9
"""Share of the rows of a block that stand elsewhere as well, where the block is a copy."""


class Groups(NamedTuple):
    """Which recording each row belongs to.

    Attributes:
      codes: a number of each row [N], -1 for none.
      names: of the numbers.
      column: which column told.
    """

    codes: np.ndarray
    names: tuple[str, ...]
    column: int


def groups_by(table: Table, column: int) -> Groups:
    """The recordings that the values of a column tell apart, in the order of the file."""
    source = table.columns[column]
    values = source.values
    if source.bad is not None:
        raise ValueError(
            f"{table.source}, row {source.bad[0]}, column {table.label(column)}: "
            f"{quote(source.bad[1])} is not a number like the others; write numbers or words"
        )
    known = np.flatnonzero(~np.isnan(values))
    _, first, inverse = np.unique(values[known], return_index=True, return_inverse=True)
    place = np.empty(len(first), int)
    place[np.argsort(first)] = np.arange(len(first))
    codes = np.full(len(values), -1)
    codes[known] = place[inverse]
    ordered = values[known][np.sort(first)]
    words = source.words
    names = tuple(words[int(v)] if words else f"{v:.10g}" for v in ordered)
    return Groups(codes, names, column)


def groups_guessed(table: Table, times: np.ndarray, free: Collection[int]) -> Groups | None:
    """Recordings that a column tells apart without being asked.

    It holds words or whole numbers, few of them, and within each the times increase, though in the
    file they start again with each, or every time is repeated with each; or its values take turns
    from row to row; or they are words that count, as cup 1 and cup 2, each in rows that follow one
    another.

    Args:
      table: the table.
      times: of the rows [N].
      free: columns that may be the one.
    """
    back = np.diff(times) < 0
    shared = len(np.unique(times)) <= SHARED * len(times)
    for column in sorted(free, key=lambda i: (table.columns[i].kind != "words", i)):
        source, name = table.columns[column], without_unit(table.columns[column].name)
        whole = source.kind == "number" and bool(np.all(source.values == np.round(source.values)))
        named = source.kind == "words" or (whole and ID.fullmatch(name))
        if source.bad is not None or VARIABLE.fullmatch(name) or not (whole or named):
            continue
        found = groups_by(table, column)
        count, size = len(found.names), len(times)
        if not 2 <= count <= size / 2 or not _each_increases(found.codes, times):
            continue
        in_turn = np.any(back) and np.array_equal(back, np.diff(found.codes) != 0)
        beside = shared and count <= size / FEWEST
        cycle = np.array_equal(found.codes, np.arange(size) % count) and size >= 3 * count
        # Rows of a map have no times that start again.
        blocks = bool(source.words) and names_recordings(source) and _in_blocks(found.codes)
        labels = cycle and (named or _are_labels(source, count))
        if in_turn or beside or blocks or labels:
            return found
    return None


def _in_blocks(codes: np.ndarray) -> bool:
    """Tell whether the rows of each code follow one another, and are enough of a recording."""
    in_order = np.min(codes) >= 0 and np.all(np.diff(codes) >= 0)
    return bool(in_order and np.min(np.bincount(codes)) >= FEWEST)


def _are_labels(column: Column, count: int) -> bool:
    """Tell whether values are 1, 2, … or 0, 1, …; 0 and 1 alone, or with a name, are a switch."""
    low, high = np.min(column.values), np.max(column.values)
    if low not in (0, 1) or high - low + 1 != count:
        return False
    return count > 2 or (not column.name and low == 1)


def _each_increases(codes: np.ndarray, times: np.ndarray) -> bool:
    """Tell whether times increase within the rows of each code."""
    order = np.argsort(codes, kind="stable")
    same = np.diff(codes[order]) == 0
    return bool(np.any(same) and np.all(np.diff(times[order])[same] > 0))


def split_restarts(raw: RawRecording) -> tuple[list[RawRecording], tuple[str, ...]]:
    """Split a recording where its time starts again.

    Rows that are out of order, or a file whose halves were exchanged, are one recording: each of
    two runs of increasing times must reach beyond the middle of the other.

    Returns:
      the recordings, and what was done, in words.
    """
    times = raw.values[:, 0]
    falls = np.flatnonzero(np.diff(times) < 0) + 1
    if not _is_again(times, falls):
        return [raw], ()
    _, first = np.unique(raw.values, axis=0, return_index=True)
    new = np.sort(first)
    if not _is_again(times[new], np.flatnonzero(np.diff(times[new]) < 0) + 1):
        # Without the rows that stand twice, time does not start again.
        again = np.delete(raw.rows, new)
        note = f"left out {rows_text(again)}, which stand elsewhere too"
        return [RawRecording(raw.source, raw.values[new], raw.rows[new])], (note,)
    begins = [0]
    for fall in falls:
        before = times[begins[-1] : fall]
        if times[fall - 1] - times[fall] > BACK * np.ptp(before[np.isfinite(before)]):
            begins.append(int(fall))
    blocks = np.split(np.arange(len(times)), begins[1:])
    copies = _copies(raw.values, blocks)
    notes = [
        f"left out rows {raw.rows[block[0]]} to {raw.rows[block[-1]]}, which stand elsewhere too"
        for block in copies
    ]
    kept = [block for block in blocks if not any(block is copy for copy in copies)]
    if len(kept) > 1:
        at = ", ".join(str(raw.rows[block[0]]) for block in kept[1:6])
        more = ", …" if len(kept) > 6 else ""
        rows = "row" if len(kept) == 2 else "rows"
        notes.append(f"time starts again at {rows} {at}{more}: took {len(kept)} recordings")
    parts = []
    for number, block in enumerate(kept, start=1):
        source = raw.source
        if len(kept) > 1:
            source = source.part(f"recording {number}")
        parts.append(RawRecording(source, raw.values[block], raw.rows[block]))
    return parts, tuple(notes)


def _is_again(times: np.ndarray, falls: np.ndarray) -> bool:
    if not len(falls):
        return False
    edges = np.concatenate([[0], falls, [len(times)]])
    low, middle, high = (
        times[i] for i in (edges[:-1], (edges[:-1] + edges[1:]) // 2, edges[1:] - 1)
    )
    many = np.diff(edges) >= FEWEST
    again = many[1:] & many[:-1]
    # The middle of each of two increasing runs lies within the other.
    again &= (low[1:] <= middle[:-1]) & (middle[:-1] <= high[1:])
    again &= (low[:-1] <= middle[1:]) & (middle[1:] <= high[:-1])
    return bool(np.any(again))


def _copies(values: np.ndarray, blocks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Blocks of which nearly all rows stand in the others that are kept."""
    rows = [{values[i].tobytes() for i in block} for block in blocks]
    copies = []
    for k in reversed(range(len(blocks))):
        others = set().union(*(rows[j] for j in range(len(blocks)) if j != k))
        if len(rows[k] & others) >= REPEATED * len(blocks[k]):
            copies.append(blocks[k])
            rows[k] = set()
    return copies[::-1]


def switches(matrices: Sequence[np.ndarray], states: Sequence[int]) -> dict[int, str]:
    """Columns that are switched, and how, while others change as states do.

    No state of a differential equation jumps: a heater that is on or off, and a set point that
    stays for some rows and then goes elsewhere, drive the others.

    Args:
      matrices: times and columns of each recording [N, 1 + C].
      states: the columns that would be states, from 0 for the one behind the times.
    """
    found, most = {}, 0
    for i in states:
        columns = [values[np.isfinite(values[:, 1 + i]), 1 + i] for values in matrices]
        count = len(np.unique(np.concatenate(columns)))
        if count <= FEW:
            found[i] = "has few values"
        elif _is_set(columns):
            found[i] = "stays for some rows and then jumps"
        else:
            most = max(most, count)
    return found if most >= MANY else {}


def _is_set(columns: Sequence[np.ndarray]) -> bool:
    """Tell whether values mostly stay, and go far, past neighbouring values, where they change.

    A reading that is rounded stays as well, and then goes to the next; one that a slow sensor
    renews now and then does not go far.
    """
    every = np.concatenate(columns)
    levels, ranks = np.unique(every, return_inverse=True)
    parts = np.split(ranks, np.cumsum([len(column) for column in columns])[:-1])
    moves = np.abs(np.concatenate([np.diff(part) for part in parts]))
    changes = moves[moves > 0]
    if len(levels) <= FEW or len(changes) > (1 - STAYS) * len(moves):
        return False
    jumps = np.abs(np.concatenate([np.diff(column) for column in columns]))
    jumps = jumps[jumps > 0]
    far = np.median(jumps) > FAR * np.std(every)
    # The steps of a rounded reading are alike; levels that someone set need not be.
    next_ones = (changes == 1) & (jumps < 1.5 * np.min(jumps))
    return bool(far and np.mean(next_ones) < NEIGHBOURS)
