"""What an input is between the rows of its recording: straight between them, or held."""

import numpy as np

__all__ = ["filled", "inputs_at", "with_steps"]


def inputs_at(
    times: np.ndarray, inputs: np.ndarray, at: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """The inputs at any times [A, U]; before the first row and behind the last those of that row.

    Args:
      times: increasing [N].
      inputs: at those times [N, U].
      at: where they are asked for [A].
      held: True for inputs that keep their value until the next row, False for those that run
        straight to it [U].
    """
    rows = np.clip(np.searchsorted(times, at, side="right") - 1, 0, None)
    columns = [
        column[rows] if keeps else np.interp(at, times, column)
        for column, keeps in zip(inputs.T, held, strict=True)
    ]
    return np.array(columns).T.reshape(len(at), len(held))


def filled(times: np.ndarray, inputs: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Inputs with a value in every row [N, U], from rows where they are NaN; see `inputs_at`."""
    if np.isfinite(inputs).all():
        return inputs
    columns = []
    for column, keeps in zip(inputs.T, held, strict=True):
        seen = np.isfinite(column)
        own = inputs_at(times[seen], column[seen, None], times, np.array([keeps]))
        columns.append(own[:, 0])
    return np.stack(columns, 1)


def with_steps(
    times: np.ndarray, inputs: np.ndarray, held: np.ndarray, delay: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rows where held inputs that act later than they were logged change.

    Args:
      times: increasing [N].
      inputs: at those times [N, U].
      held: True for inputs that are held, and delayed [U].
      delay: δ in [0, 1): what stands in a row acts from that share of its step on; -1: it acts
        since the row before.

    Returns:
      the times, those at which a delayed input changes among them, and the inputs that act from
      each of them on; the first row's acts from the beginning.
    """
    changed = np.flatnonzero(np.any(np.diff(inputs[:, held], axis=0) != 0, axis=1)) + 1
    steps = np.diff(times)
    lengths = np.append(steps, 0.0) if delay >= 0 else np.insert(steps, 0, 0.0)
    late = times + delay * lengths
    union = np.union1d(times, late[changed])
    acting = inputs_at(times, inputs, union, np.zeros(len(held), bool))
    # The first row's own value acts before anything has come later.
    rows = np.clip(np.searchsorted(late, union, side="right") - 1, 0, None)
    acting[:, held] = inputs[rows][:, held]
    return union, acting
