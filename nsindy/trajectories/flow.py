"""A vector field with numbers to fit that is no sum of coefficients times terms."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

__all__ = ["Flow"]


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=("units", "rates"), meta_fields=("right",)
)
@dataclasses.dataclass(frozen=True, eq=False)
class Flow:
    """Equations y' = f(y, u; p) of scaled variables, to be fitted as a sum of terms is.

    It stands in the place of the `Products` of a library: in `shooting.shoot`, and in all that is
    built on it. Its model has the P parameters as coefficients of one row [1, P].

    Attributes:
      right: f of the raw variables [D + U] and the parameters [P], raw derivatives [D].
      units: of the variables [D + U].
      rates: what raw derivatives are multiplied by to be scaled [D].
    """

    right: Callable[[jax.Array, jax.Array], jax.Array]
    units: jax.Array
    rates: jax.Array

    def along(
        self, state: jax.Array, inputs: jax.Array, parameters: jax.Array, by: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """The scaled derivative, and that of the state's sensitivities.

        x' = f,  s' = (∂f/∂x) s + ∂f/∂p

        Args:
          state: x, scaled [D].
          inputs: scaled [U].
          parameters: p [P].
          by: s, by the D initial values and perhaps the parameters, [D, D + P] or [D, D].

        Returns:
          x' [D] and s', in the shape of s.
        """

        def at(x, p):
            return self.right(jnp.concatenate([x, inputs]) * self.units, p) * self.rates

        change = jax.jacfwd(at)(state, parameters) @ by
        if by.shape[1] > len(state):
            forcing = jax.jacfwd(at, 1)(state, parameters)
            change = change.at[:, len(state) :].add(forcing)
        return at(state, parameters), change
