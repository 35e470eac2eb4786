"""The operations that a circuit can learn: name, arity, exact function, domain, complexity."""

import contextlib
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True)
class Primitive:
    """One operation, and the domain on which a circuit must know it.

    Attributes:
      name: the word that terms are printed with, `sin`.
      arity: number of arguments: 0, 1 or 2.
      function: the exact operation on arrays of one shape; a scalar where there is no argument.
      domain: (low, high), the interval that every argument is sampled from.
      complexity: the prior cost of the operation in units of α (Exp 3): the complexity prior adds
        -α · complexity to the logit of a term.
    """

    name: str
    arity: int
    function: Callable[..., jax.Array]
    domain: tuple[float, float]
    complexity: float


@dataclasses.dataclass(frozen=True)
class Times:
    """x ↦ w x, with a number w of its own."""

    number: float

    def __call__(self, x: Any) -> Any:
        """The product."""
        return self.number * x


def times(number: float) -> Primitive:
    """Return the operation x ↦ w x, whose name is w with every digit.

    Example:
      >>> times(0.5).name, times(0.5).function(4.0)
      ('0.5', 2.0)
    """
    return Primitive(repr(float(number)), 1, Times(float(number)), (-math.inf, math.inf), 0.0)


PRIMITIVES: dict[str, Primitive] = {
    primitive.name: primitive
    for primitive in (
        Primitive("identity", 1, lambda x: x, (-5.0, 5.0), -1.0),
        Primitive("sin", 1, jnp.sin, (-2 * math.pi, 2 * math.pi), 0.0),
        Primitive("cos", 1, jnp.cos, (-2 * math.pi, 2 * math.pi), 0.0),
        Primitive("add", 2, jnp.add, (-5.0, 5.0), 1.0),
        Primitive("mul", 2, jnp.multiply, (-5.0, 5.0), 1.0),
        # A constant has no argument, and its domain no meaning.
        Primitive("one", 0, lambda: jnp.ones(()), (0.0, 1.0), -1.0),
        # The same cost as mul(x,x), which it equals.
        Primitive("square", 1, jnp.square, (-5.0, 5.0), 1.0),
        Primitive("exp", 1, jnp.exp, (-5.0, 3.0), 1.0),
        Primitive("log", 1, jnp.log, (0.05, 10.0), 1.0),
        Primitive("tanh", 1, jnp.tanh, (-5.0, 5.0), 1.0),
        # One branch: a trajectory cannot cross the pole, and neither can a circuit.
        Primitive("reciprocal", 1, jnp.reciprocal, (0.1, 10.0), 1.0),
        Primitive("abs", 1, jnp.abs, (-5.0, 5.0), 1.0),
        # Of concentrations and populations, which are not negative.
        Primitive("saturation", 1, lambda x: x / (1 + x), (0.0, 10.0), 1.0),
    )
}
"""Every operation, by name: the five of the paper first, then the further ones."""

PLAIN: dict[str, Callable[..., Any]] = {
    "identity": lambda x: x,
    "sin": np.sin,
    "cos": np.cos,
    "add": np.add,
    "mul": np.multiply,
    "one": lambda: 1.0,
    "square": np.square,
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "reciprocal": np.reciprocal,
    "abs": np.abs,
    "saturation": lambda x: x / (1 + x),
}
"""The same in NumPy."""

PAPER = ("identity", "sin", "cos", "add", "mul")
"""Names of the five operations of the paper."""


def get(name: str) -> Primitive:
    """Return the primitive of that name; a number is the product with it, see `times`.

    Raises:
      ValueError: no primitive has that name; the message lists those that exist.
    """
    if name not in PRIMITIVES:
        with contextlib.suppress(ValueError):
            if math.isfinite(number := float(name)):
                return times(number)
        raise ValueError(f"unknown operation {name!r}; the operations are {', '.join(PRIMITIVES)}")
    return PRIMITIVES[name]


def plain(primitive: Primitive) -> Callable[..., Any]:
    """The exact operation on NumPy arrays, which is ready where JAX would compile it first."""
    known = PRIMITIVES.get(primitive.name)
    if known is not None and known.function is primitive.function:
        return PLAIN[primitive.name]
    if isinstance(primitive.function, Times):
        return primitive.function
    compiled = jax.jit(primitive.function)
    return lambda *arguments: np.asarray(compiled(*(np.asarray(a, float) for a in arguments)))


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
    return inputs, jnp.broadcast_to(primitive.function(*inputs.T), (n,))
