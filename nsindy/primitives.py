"""The operations that a circuit can learn: name, arity, exact function, domain, complexity."""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Primitive:
    """One operation, and the domain on which a circuit must know it.

    Attributes:
      name: the word that terms are printed with, `sin`.
      arity: number of arguments, 1 or 2.
      function: the exact operation on arrays of one shape.
      domain: (low, high), the interval that every argument is sampled from.
      complexity: the prior cost of the operation in units of α (Exp 3): the complexity prior adds
        -α · complexity to the logit of a term.
    """

    name: str
    arity: int
    function: Callable[..., jax.Array]
    domain: tuple[float, float]
    complexity: float


PRIMITIVES: dict[str, Primitive] = {
    primitive.name: primitive
    for primitive in (
        Primitive("identity", 1, lambda x: x, (-5.0, 5.0), -1.0),
        Primitive("sin", 1, jnp.sin, (-2 * math.pi, 2 * math.pi), 0.0),
        Primitive("cos", 1, jnp.cos, (-2 * math.pi, 2 * math.pi), 0.0),
        Primitive("add", 2, jnp.add, (-5.0, 5.0), 1.0),
        Primitive("mul", 2, jnp.multiply, (-5.0, 5.0), 1.0),
    )
}
"""The five operations of the paper, by name."""


def get(name: str) -> Primitive:
    """Return the primitive of that name.

    Raises:
      ValueError: no primitive has that name; the message lists those that exist.
    """
    if name not in PRIMITIVES:
        raise ValueError(f"unknown operation {name!r}; the operations are {', '.join(PRIMITIVES)}")
    return PRIMITIVES[name]


def sample(key: jax.Array, primitive: Primitive, n: int) -> tuple[jax.Array, jax.Array]:
    """Draw inputs uniformly over the domain and evaluate the exact operation.

    Args:
      key: PRNG key, consumed.
      primitive: the operation.
      n: number of points N.

    Returns:
      inputs [N, arity] and targets [N].
    """
    low, high = primitive.domain
    inputs = jax.random.uniform(key, (n, primitive.arity), minval=low, maxval=high)
    return inputs, primitive.function(*inputs.T)
