"""Long tables: whether words name recordings or variables, and one column for each variable."""

import re
from collections.abc import Sequence

import numpy as np

from nsindy.recording.clock import Ask
from nsindy.recording.names import without_unit
from nsindy.recording.repair import FEWEST
from nsindy.recording.table import Column, Table

__all__ = ["ID", "VARIABLE", "names_recordings", "widened"]

ID = re.compile(
    r"(?i)(?:.*[ _])?(id|ids|subject|patient|person|participant|volunteer|donor|animal|mouse|rat|"
    r"fish|plant|run|trial|test|shot|cycle|episode|rep|repeat|replicate|exp|experiment|assay|group|"
    r"cohort|treatment|condition|sample|specimen|series|recording|session|batch|lot|unit|cell|"
    r"culture|colony|strain|well|dish|vial|tube|flask|cup|mug|plot|site|track|trajectory|particle|"
    r"vehicle|car|nr|no|number|set|case|individual|versuch|messung|reihe|lauf|probe|proband)"
    r"(?:[ _.]*(id|no|nr|number))?[.]?"
)
"""Names of a column that tells recordings apart."""
VARIABLE = re.compile(
    r"(?i)(.*[ _])?(variable|var|quantity|parameter|param|name|sensor|channel|signal|tag|key|state|"
    r"measure|measurand|metric|field|item|species|location|place|zone|room|node|compartment|größe|"
    r"kanal)([ _]?(name|id))?"
)
"""Names of a column that tells variables apart."""
KIND = re.compile(
    r"(?i)(.*[ _])?(analyte|substance|compound|chemical|component|reactant|metabolite|gene|protein|"
    r"organism|taxon|population|axis|joint|what|type|kind|stoff|art|typ)"
)
"""Names of a column of what was measured, beside one column of values; beside several it may well
be one of recordings."""
VALUE = re.compile(
    r"(?i)(.*[ _])?(value|values|val|reading|readings|measurement|measured|result|data|"
    r"observation|obs|response|output|magnitude|wert|werte|messwert)([ _].*)?|.{,2}"
)
"""Names of a column of values that do not say of what: it may be those of several quantities."""
PARTS = frozenset(
    (
        *("left", "right", "upper", "lower", "top", "bottom", "front", "rear", "back", "inner"),
        *("outer", "inside", "outside", "in", "out", "inlet", "outlet", "up", "down", "above"),
        *("below", "hot", "cold", "near", "far", "middle", "center", "centre", "core", "surface"),
        *("links", "rechts", "oben", "unten", "vorn", "hinten", "innen", "außen", "mitte"),
    )
)
"""Words for parts of one thing, which act upon each other."""
COUNTED = re.compile(r"(.*?)[ _.-]*(\d+|\b[A-Za-z])")
"""Words that count: cup 1, cup 2; A0, A1; run a, run b."""
SHARED = 0.6
"""Share of the whole time that the rows of each word must span."""
SCALES = 10.0
"""Ratio of the median magnitudes of one quantity in several recordings, at most."""


def widened(table: Table, time: int | None, ask: Ask) -> Table:
    """Turn a table of times, names of variables and values into one column for each variable.

    A variable that was not measured at a time is missing there. Words are rather names of
    recordings, and the table stays as it is, where their header is none of variables, that of the
    values says what was measured, and all are of one scale.

    Args:
      table: any table; returned as it is where it is not such a one.
      time: the column of times, if it is known.
      ask: what a person says: where it names a column of the table, nothing is turned.
    """
    headers = [column.name for column in table.columns]
    asked = [*(ask.states or ()), *ask.inputs]
    if ask.by is not None or any(name in headers for name in asked):
        return table
    words = [
        i
        for i, column in enumerate(table.columns)
        if column.kind == "words" and 1 < len(column.words) <= len(table.rows) / FEWEST
    ]
    keys = [i for i in words if VARIABLE.fullmatch(without_unit(table.columns[i].name))]
    values = [
        i
        for i, column in enumerate(table.columns)
        if column.kind == "number" and i != time and column.bad is None and np.ptp(column.values)
    ]
    if len(keys) != 1:
        keys = [i for i in words if not names_recordings(table.columns[i])]
    if len(keys) != 1 or len(values) != 1 or time is None:
        return table
    key, value = table.columns[keys[0]], table.columns[values[0]]
    when = table.columns[time]
    # Each variable must follow the whole time, or words are remarks.
    span = np.ptp(when.values[np.isfinite(when.values)])
    parts = [when.values[key.values == k] for k in range(len(key.words))]
    if not all(len(p) >= FEWEST and np.ptp(p) >= SHARED * span for p in parts):
        return table
    header = without_unit(key.name)
    said = bool(VARIABLE.fullmatch(header) or KIND.fullmatch(header))
    if not said and _is_of_recordings(key, value, parts):
        return table
    _, first, place = np.unique(when.values, return_index=True, return_inverse=True)
    seen = np.zeros((len(first), len(key.words)), int)
    np.add.at(seen, (place, key.values.astype(int)), 1)
    if np.max(seen) > 1:
        return table
    wide = np.full(seen.shape, np.nan)
    wide[place, key.values.astype(int)] = value.values
    columns = [when._replace(values=when.values[first])]
    columns += [Column(w, "number", wide[:, k]) for k, w in enumerate(key.words)]
    note = f"took the words of column {table.label(keys[0])} as variables: {', '.join(key.words)}"
    if ask.command and key.name and not said:
        note += f"; {ask.option('by', key.name)} takes each as a recording"
    return Table(table.source, tuple(columns), table.rows[first], (*table.notes, note))


def names_recordings(column: Column) -> bool:
    """Tell whether the words of a column are those of recordings, by its name or theirs."""
    if ID.fullmatch(without_unit(column.name)):
        return True
    each = [COUNTED.fullmatch(word) for word in column.words]
    stems = {found[1] for found in each if found}
    return bool(column.name) and all(each) and len(stems) == 1 and stems != {""}


def _is_of_recordings(key: Column, value: Column, times: Sequence[np.ndarray]) -> bool:
    """Tell whether words that are no header of variables name recordings of one quantity.

    Args:
      key: the column of words.
      value: the column of values, whose header names what was measured.
      times: of the rows of each word.
    """
    words = {word.casefold() for word in key.words}
    if not key.name or VALUE.fullmatch(without_unit(value.name)) or words & PARTS:
        return False
    sizes = [np.nanmedian(np.abs(value.values[key.values == k])) for k in range(len(key.words))]
    rising = all(np.all(np.diff(each) > 0) for each in times)
    return bool(rising and max(sizes) <= SCALES * min(sizes))
