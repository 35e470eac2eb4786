"""The network that learns an operation."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

__all__ = ["ACTIVATIONS", "MLP", "Params"]

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": nn.relu,
    "tanh": jnp.tanh,
    "gelu": nn.gelu,
}
"""Activations by name."""


class MLP(nn.Module):
    """A multilayer perceptron from [..., arity] to [...].

    y = W_L · φ(… φ(W_1 x + b_1) …) + b_L, one output, every hidden layer with the activation φ.

    Attributes:
      hidden: width of each hidden layer.
      activation: a key of `ACTIVATIONS`.
    """

    hidden: tuple[int, ...] = (128, 128)
    activation: str = "tanh"

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Evaluate the network on inputs [..., arity]; returns [...]."""
        x = inputs
        for width in self.hidden:
            x = ACTIVATIONS[self.activation](nn.Dense(width)(x))
        self.sow("intermediates", "features", x)
        return nn.Dense(1)(x)[..., 0]


Params = Any
"""The parameters of an `MLP`, a nested dictionary of arrays."""
