"""A vector field with numbers to fit that is no sum of coefficients times terms."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

__all__ = ["Flow", "FlowSlopes"]


class FlowSlopes(NamedTuple):
    """A vector field to first order.

    Attributes:
      value: x' [D].
      by_state: [D, D].
      by_parameters: [D, P].
    """

    value: jax.Array
    by_state: jax.Array
    by_parameters: jax.Array


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

    def slopes(self, state: jax.Array, inputs: jax.Array, parameters: jax.Array) -> FlowSlopes:
        """The scaled derivative, and its own derivatives.

        Args:
          state: scaled [D].
          inputs: scaled [U].
          parameters: [P].
        """

        def at(x, p):
            return self.right(jnp.concatenate([x, inputs]) * self.units, p) * self.rates

        return FlowSlopes(
            at(state, parameters),
            jax.jacfwd(at)(state, parameters),
            jax.jacfwd(at, 1)(state, parameters),
        )
