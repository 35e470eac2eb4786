"""Trajectories to first order: a regression whose blocks of columns are known here alone."""

from typing import NamedTuple

import jax
import numpy as np

from nsindy.evidence import regression
from nsindy.evidence.regression import Either

__all__ = ["Linearised"]


class Linearised(NamedTuple):
    """Measurements to first order in initial values and coefficients, in units of the noise.

    √w (y - x) = by_initial · δx_0 + by_coefficients · δξ + noise

    Rows are measurements, or those of a triangle once compressed. Letters: I initial values ·
    P coefficients, equation by equation, of the K slots or of all M terms.

    Attributes:
      by_initial: √w ∂x/∂x_0 [Q, I].
      by_coefficients: √w ∂x/∂ξ [Q, P].
      target: √w (y - x), with the gaps between segments closed [Q].
      closing: √w Δx, with Δx what closing the gaps changes [Q]; None where there are none.
    """

    by_initial: jax.Array
    by_coefficients: jax.Array
    target: jax.Array
    closing: jax.Array | None = None

    @property
    def initial(self) -> int:
        """I, the number of initial values."""
        return self.by_initial.shape[-1]

    @property
    def design(self) -> jax.Array:
        """Initial values first, then coefficients [Q, I + P]."""
        xp = self.target.__array_namespace__()
        return xp.concatenate([self.by_initial, self.by_coefficients], 1)

    @property
    def factor(self) -> jax.Array:
        """The regression of the target on all columns [Q, I + P + 1]."""
        xp = self.target.__array_namespace__()
        return xp.concatenate([self.design, self.target[:, None]], 1)

    @property
    def coefficients_alone(self) -> jax.Array:
        """The regression on the coefficients, the initial values free [Q - I, P + 1].

        Of a compressed regression, whose first I rows are all that the initial values reach.
        """
        return self.factor[self.initial :, self.initial :]

    def compressed(self) -> "Linearised":
        """The same regression in the rows of a triangle; see `regression.compress`."""
        xp = self.target.__array_namespace__()
        both = [self.target] if self.closing is None else [self.closing, self.target]
        triangle = regression.compress(self.design, xp.stack(both, 1))
        size = self.initial + self.by_coefficients.shape[1]
        return Linearised(
            triangle[:, : self.initial],
            triangle[:, self.initial : size],
            triangle[:, -1],
            None if self.closing is None else triangle[:, size],
        )

    def products(self) -> jax.Array:
        """Products of all columns with each other, `closing` and `target` last.

        Returns:
          [I + P + 2, I + P + 2].

        Raises:
          ValueError: no gaps are closed.
        """
        if self.closing is None:
            raise ValueError("there is no column of what closing the gaps changes")
        xp = self.target.__array_namespace__()
        last = xp.stack([self.closing, self.target], 1)
        columns = xp.concatenate([self.design, last], 1)
        return columns.T @ columns

    def from_zero(self, coefficients: jax.Array | np.ndarray) -> "Linearised":
        """The regression on coefficients in place of their changes.

        Args:
          coefficients: where it was linearised, [P] or of that many elements.
        """
        moved = self.target + self.by_coefficients @ coefficients.reshape(-1)
        return self._replace(target=moved)

    def columns_of(self, mask: jax.Array | np.ndarray) -> jax.Array:
        """Which columns a support takes: every initial value and its terms [I + P].

        Args:
          mask: of the coefficients, [P] or of that many elements.
        """
        xp = mask.__array_namespace__()
        return xp.concatenate([xp.ones(self.initial, bool), mask.reshape(-1)])

    def split(self, values: Either) -> tuple[Either, Either]:
        """Part values of all columns [I + P] into initial values [I] and coefficients [P]."""
        return values[: self.initial], values[self.initial :]
