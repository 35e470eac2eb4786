"""How models do on recordings: the forecast of what was held out, and laws of a person's own."""

import math
from typing import NamedTuple

import jax
import numpy as np

from nsindy.terms import text

__all__ = ["HeldOut", "LawResult"]


class HeldOut(NamedTuple):
    """The same terms fitted to the first four fifths of each recording, and their forecast.

    The number w inside a fitted wave sin(w x) is still that of all samples.

    Attributes:
      coefficients: Ξ [D, M].
      initial: fitted initial state of each of the R recordings [R, D].
      rmse: root mean square error of the forecast of the last fifth, in units of the state, for
        each measured state; not finite where the forecast diverged.
      r2: share of the variance of the last fifth that the forecast explains, likewise.
    """

    coefficients: jax.Array | np.ndarray
    initial: jax.Array | np.ndarray
    rmse: jax.Array | np.ndarray
    r2: jax.Array | np.ndarray


class LawResult(NamedTuple):
    """Equations of a person's own, fitted to the recordings; or, first of several, what was found.

    Attributes:
      text: as they were written; empty for what was found.
      names: of the numbers in them that were fitted.
      values: of the numbers, in the units of the recording; NaN where no fit came to an end.
      errors: standard errors; NaN where the recordings cannot tell a number from others.
      nats: log evidence beyond that of what was found, 0 for that itself.
      price: nats that are in its evidence for the choice of its terms among all; a law that was
        given pays it for the equations alone that it leaves to what was found.
      r2: share of the variance of each measured state that one simulation explains, from the first
        sample to the last; below 0 where it explains nothing, -inf where it diverges.
      held_out: the same of the last fifth, by a forecast of a fit to the first four.
    """

    text: str
    names: tuple[str, ...]
    values: tuple[float, ...]
    errors: tuple[float, ...]
    nats: float
    price: float
    r2: tuple[float, ...]
    held_out: tuple[float, ...]

    def describe(self) -> str:
        """One line: the numbers with their errors, nats, and R²."""
        if not math.isfinite(self.nats):
            return f"{self.text}: no solution of it follows the recording"
        place = f"{abs(self.nats):.1f} nats {'better' if self.nats > 0 else 'worse'}"
        if not self.text:
            place = f"pays {self.price:.1f} nats for the choice of its terms"
        words = [*([numbers] if (numbers := self.numbers()) else []), place]
        tied = [n for n, e in zip(self.names, self.errors, strict=True) if math.isnan(e)]
        if tied:
            words.append(f"the recording does not tell {', '.join(tied)} apart")
        shares = f"R² {text.shares(self.r2)}, of the forecast {text.shares(self.held_out)}"
        return f"{self.text or 'what was found'}: {'; '.join([*words, shares])}"

    def numbers(self) -> str:
        """The numbers with their errors, `k = 0.0389 ± 0.0013, Ta = 31.4 ± 0.7`."""
        return ", ".join(
            f"{name} = {text.number(value, error)} ± "
            + (text.number(error, error) if math.isfinite(error) and error > 0 else "?")
            for name, value, error in zip(self.names, self.values, self.errors, strict=True)
        )
