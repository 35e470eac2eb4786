"""What is asked of a discovery, apart from the recordings."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from nsindy.terms.operations import Primitive

__all__ = ["Question"]


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """What is asked; `discover` says what each option means.

    Attributes:
      order: 1 or 2.
      operations: unary operations, or None for those that the samples bear.
      max_terms: most terms of an equation.
      noise: standard deviation that is known, one or one for each state; None where it is not.
      hold: True where inputs keep their value until the next row, False where they run straight to
        it, one or one for each input; None where the recordings are to say it.

    Raises:
      ValueError: an option is out of range.
    """

    order: int = 1
    operations: Sequence[str | Primitive] | None = None
    max_terms: int = 6
    noise: float | Sequence[float] | None = None
    hold: bool | Sequence[bool] | None = None

    def __post_init__(self):
        if self.order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, not {self.order}")
        if self.max_terms < 1:
            raise ValueError(f"max_terms must be at least 1, not {self.max_terms}")
        noise = np.asarray(0.0 if self.noise is None else self.noise, float)
        if not (np.isfinite(noise).all() and (noise >= 0).all()):
            raise ValueError(f"noise must be finite and at least 0, not {self.noise}")

    def floor(self, states: int) -> np.ndarray:
        """The noise that is known of each measured state, 0 where none is [states].

        Raises:
          ValueError: it has another number of values than there are states.
        """
        noise = np.asarray(0.0 if self.noise is None else self.noise, float)
        if noise.size not in (1, states):
            raise ValueError(
                f"noise has {noise.size} numbers for {states} states; give one, or one for each"
            )
        return np.broadcast_to(noise, (states,))

    def held(self, inputs: int) -> np.ndarray:
        """Which inputs are held, False where nothing is said [U].

        Raises:
          ValueError: it has another number of values than there are inputs.
        """
        hold = np.asarray(False if self.hold is None else self.hold, bool)
        if hold.ndim and hold.size != inputs:
            raise ValueError(
                f"hold has {hold.size} values for {inputs} inputs; give one, or one for each"
            )
        return np.broadcast_to(hold, (inputs,))
