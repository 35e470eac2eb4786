"""Which columns say something: they vary, and repeat no other."""

from collections.abc import Sequence

import numpy as np

from nsindy.recording.clock import Ask
from nsindy.recording.repair import Source

__all__ = ["parameter", "telling_columns"]

LEVELS = 3
"""Values that a column must have at least to be a parameter: of two, every function is a line."""


def telling_columns(
    source: Source, matrices: Sequence[np.ndarray], ask: Ask, own: int | None
) -> tuple[list[int], tuple[str, ...]]:
    """Which of the columns vary and repeat no other, and why the others are left out.

    Args:
      source: of the recordings, for what is said of them.
      matrices: of each recording, its times and then its columns [N, 1 + C].
      ask: what a person asked for.
      own: the column that is a parameter, which is kept; see `parameter`.

    Returns:
      the places of the columns that are kept, and notes on the others.

    Raises:
      ValueError: no state varies.
    """
    every = np.concatenate([values[:, 1:] for values in matrices])
    constant = _is_constant(every)
    within = np.all([_is_constant(values[:, 1:]) for values in matrices], axis=0)
    if np.all(within[: source.states]):
        i = int(np.argmax(within))
        value = np.nanmin(every[:, i])
        raise source.error(
            f"column {source.columns[1 + i]} is constant, {value:.10g} in every row; no state is "
            "left that varies"
        )
    kept: list[int] = []
    notes = []
    for i, label in enumerate(source.columns[1:]):
        twin = next((j for j in kept if np.array_equal(every[:, i], every[:, j], True)), None)
        if constant[i]:
            notes.append(
                f"left out column {label}, which is constant, {np.nanmin(every[:, i]):.10g}"
            )
        elif within[i] and i < source.states and i != own:
            as_input = ask.option("inputs", label) if ask.command else "given among the inputs, it"
            notes.append(
                f"left out column {label}, which is constant in each recording; {as_input} makes "
                "it a parameter"
            )
        elif twin is not None:
            notes.append(
                f"left out column {label}, which repeats column {source.columns[1 + twin]}"
            )
        else:
            kept.append(i)
    return kept, tuple(notes)


def parameter(source: Source, matrices: Sequence[np.ndarray], ask: Ask) -> int | None:
    """The one column that is constant in each recording and differs between them, if it is alone.

    As the temperature of each batch: an input that nobody named. Of two such columns few recordings
    cannot tell which acts, and where a person says what is a state or an input, that counts.

    Args:
      source: of the recordings.
      matrices: of each recording, its times and then its columns [N, 1 + C].
      ask: what a person asked for.
    """
    if not ask.command or ask.states is not None or ask.inputs or ask.steps:
        return None
    firsts = np.stack([values[0, 1:] for values in matrices])
    still = np.all(
        [_is_constant(v[:, 1:]) & np.isfinite(v[:, 1:]).all(0) for v in matrices], axis=0
    )
    still &= ~_is_constant(firsts)
    (places,) = np.nonzero(still[: source.states])
    if len(places) != 1 or len(np.unique(firsts[:, places[0]])) < LEVELS:
        return None
    return int(places[0])


def _is_constant(values: np.ndarray) -> np.ndarray:
    """Tell which columns of [N, C] are constant, or have no value."""
    known = np.isfinite(values)
    low = np.min(np.where(known, values, np.inf), axis=0)
    high = np.max(np.where(known, values, -np.inf), axis=0)
    # A spread of a few units in the last place is rounding.
    return high - low <= 8 * np.finfo(float).eps * np.maximum(np.abs(low), np.abs(high))
