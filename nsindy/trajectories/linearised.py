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
    """

    by_initial: jax.Array
    by_coefficients: jax.Array
    target: jax.Array

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
        triangle = regression.compress(self.design, self.target[:, None])
        return Linearised(
            triangle[:, : self.initial], triangle[:, self.initial : -1], triangle[:, -1]
        )

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
