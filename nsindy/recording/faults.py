"""Faults of sensors: single readings that are nowhere near those around them."""

from typing import NamedTuple

import numpy as np

__all__ = ["Faults", "faults"]

CODES = frozenset(
    (
        # A thermometer of one wire that is not there, and one that was just switched on.
        *(-127.0, 85.0),
        *(0.0, 999.0, -999.0, 999.9, -999.9, 9999.0, -9999.0, 99999.0, -99999.0),
        # Ends of the ranges of converters and of whole numbers.
        *(255.0, 1023.0, 4095.0, 32767.0, -32768.0, 65535.0),
    )
)
"""What sensors say in place of a reading."""
LONGEST = 2
"""Rows of a fault that follow one another: an event of three rows is one that a sensor has seen."""
FAR = 20.0
"""A jump to a fault and back, in units of the median change from row to row, at least."""
AGREE = 0.1
"""Share of the jump by which the readings before and behind a fault may differ."""
ALONE = 3.0
"""How many times larger than any other change the jumps are; a signal that jumps has no faults."""
BEYOND = 10.0
"""A value that is no code lies outside of all others by so many times the largest of them; a spike
that rises from -65 to 40 does not."""
REPEATED = 3.0
"""The same for a whole number that is read again elsewhere, among readings that are none."""
REST = 0.1
"""The least of the others is at least this share of the largest, where the value is no code: a
force is nearly 0 until a hammer strikes."""
SHARE = 0.05
"""Share of all readings that may be faults."""
VALUES = 20
"""Different readings that a column has at least: what has fewer is a switch or a level."""
REGULAR = 0.2
"""Spread of the distances between faults, as a share of their mean, at least: pulses keep time."""
PULSES = 4
"""Faults from which their distances are looked at."""


class Faults(NamedTuple):
    """Which of the readings [N] are faults, and what they say, as text."""

    places: np.ndarray
    values: str


def faults(column: np.ndarray) -> Faults | None:
    """The faults among readings in the order of time [N], NaN where there is none; None for none.

    A fault is one row or two between readings that agree; the jumps there and back are far larger
    than every other change of the column; and it lies outside of all other readings, where it is a
    code of `CODES`, a whole number that is repeated, or far away.
    """
    known = np.flatnonzero(np.isfinite(column))
    values = column[known]
    if len(np.unique(values)) < VALUES:
        return None
    changes = np.abs(np.diff(values))
    far = FAR * np.median(changes[changes > 0])
    mask, jumps = _apart(values, np.flatnonzero(changes >= far), far)
    if np.sum(~mask) < VALUES:
        return None
    mask &= _credible(values, mask)
    count = int(np.sum(mask))
    if not 0 < count <= SHARE * len(values) or _is_regular(np.flatnonzero(mask)):
        return None
    others = np.max(np.abs(np.diff(values[~mask])))
    if ALONE * others > np.min(jumps[mask]):
        return None
    said = [f"{value:.10g}" for value in dict.fromkeys(values[mask].tolist())]
    words = ", ".join(said[:4]) + (", …" if len(said) > 4 else "")
    if 2 <= len(said) <= 4:
        words = f"{', '.join(said[:-1])} and {said[-1]}"
    return Faults(known[mask], words)


def _apart(values: np.ndarray, steps: np.ndarray, far: float) -> tuple[np.ndarray, np.ndarray]:
    """Runs of at most `LONGEST` readings between two that agree, and how far each jumps [N].

    Args:
      values: readings [N].
      steps: places before which and behind which there is a jump.
      far: the least jump.
    """
    mask, jumps = np.zeros(len(values), bool), np.full(len(values), np.inf)
    for length in range(1, LONGEST + 1):
        begins = steps[steps + 1 + length < len(values)] + 1
        before, behind = values[begins - 1], values[begins + length]
        runs = begins[:, None] + np.arange(length)
        ends = np.stack([before, behind])[:, :, None]
        least = np.min(np.abs(values[runs] - ends), axis=(0, 2))
        found = (least >= far) & (np.abs(behind - before) <= AGREE * least)
        mask[runs[found]] = True
        jumps[runs[found]] = least[found, None]
    return mask, jumps


def _credible(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Which of the readings in the mask [N] a sensor says in place of one like the others."""
    rest = values[~mask]
    sizes = np.abs(rest)
    outside = np.maximum(np.min(rest) - values, values - np.max(rest))
    whole = values == np.round(values)
    begins = mask & ~np.concatenate([[False], mask[:-1]])
    places, counts = np.unique(values[begins], return_counts=True)
    repeated = whole & np.isin(values, places[counts > 1]) & ~np.all(whole[~mask])
    least = np.where(repeated, REPEATED, BEYOND) * np.max(sizes)
    resting = np.min(sizes) < REST * np.max(sizes) or np.min(rest) * np.max(rest) < 0
    codes = np.isin(values, list(CODES)) & (outside > 0)
    return codes | ((outside >= least) & (not resting))


def _is_regular(places: np.ndarray) -> bool:
    """Tell whether faults come at equal distances, as pulses do."""
    distances = np.diff(places)
    return len(places) >= PULSES and bool(np.std(distances) < REGULAR * np.mean(distances))
