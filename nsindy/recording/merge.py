"""Series with times of their own, put together into one table with empty cells."""

from typing import Any, NamedTuple

import numpy as np

__all__ = ["Merged", "merge"]

CLOSE = 1e-9
"""Times closer than this share of the whole are one: sums of floating-point steps differ so."""


class Merged(NamedTuple):
    """What `discover` takes: times [N], and values [N, S], NaN where a series has none."""

    t: np.ndarray
    x: np.ndarray


def merge(*series: tuple[Any, Any]) -> Merged:
    """Put series that were measured at different times into one table.

    Args:
      series: pairs of times [N_s] and values [N_s] or [N_s, D_s], in any order of time.

    Returns:
      t and x; every value stands at its own time, the other cells are NaN. Split the columns of x
      where some of them are inputs.

    Raises:
      ValueError: a pair is no pair, its lengths differ, or a time repeats or is not finite.

    Example:
      >>> t, x = merge(([0.0, 1.0, 2.0], [5.0, 6.0, 7.0]), ([0.5, 1.0], [1.0, 2.0]))
      >>> t.tolist(), x[:, 1].tolist()
      ([0.0, 0.5, 1.0, 2.0], [nan, 1.0, 2.0, nan])
    """
    pairs = []
    for place, pair in enumerate(series):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ValueError(f"series {place} is not a pair; give (times, values)")
        times, values = np.asarray(pair[0], float), np.asarray(pair[1], float)
        values = values[:, None] if values.ndim == 1 else values
        if times.ndim != 1 or values.ndim != 2 or len(times) != len(values):
            raise ValueError(
                f"series {place} has times of the shape {times.shape} and values of the shape "
                f"{values.shape}; give one time for each value"
            )
        if not np.all(np.isfinite(times)):
            row = int(np.argmin(np.isfinite(times)))
            raise ValueError(f"time {row} of series {place} is not finite; leave that value out")
        pairs.append((times, values))
    if not pairs:
        raise ValueError("there is no series to merge; give pairs of times and values")
    every = np.unique(np.concatenate([times for times, _ in pairs]))
    span = every[-1] - every[0] if len(every) else 0.0
    place = np.cumsum(np.concatenate([[True], np.diff(every) > CLOSE * span])[: len(every)]) - 1
    union = every[np.searchsorted(place, np.arange(place[-1] + 1))] if len(every) else every
    table, column = np.full((len(union), sum(v.shape[1] for _, v in pairs)), np.nan), 0
    for number, (times, values) in enumerate(pairs):
        rows = place[np.searchsorted(every, times)]
        if len(np.unique(rows)) < len(rows):
            again = times[np.flatnonzero(np.bincount(rows)[rows] > 1)[0]]
            raise ValueError(f"series {number} has the time {again:.10g} twice; keep one of them")
        table[rows, column : column + values.shape[1]] = values
        column += values.shape[1]
    return Merged(union, table)
