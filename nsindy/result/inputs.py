"""What an input is where it was not logged: straight between the rows where it was."""

import numpy as np

__all__ = ["filled"]


def filled(times: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Inputs with a value in every row [N, U], from rows where some are NaN.

    Before the first and behind the last value of an input it stays as it is there.

    Args:
      times: increasing [N].
      inputs: at those times [N, U]; each has a value somewhere.

    Example:
      >>> filled(np.arange(4.0), np.array([[np.nan], [1.0], [np.nan], [3.0]]))[:, 0].tolist()
      [1.0, 1.0, 2.0, 3.0]
    """
    seen = np.isfinite(inputs)
    if seen.all():
        return inputs
    columns = [
        np.interp(times, times[own], column[own])
        for own, column in zip(seen.T, inputs.T, strict=True)
    ]
    return np.stack(columns, 1)
