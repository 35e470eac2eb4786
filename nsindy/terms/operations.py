"""The table of operations: a new operation is one row of `PRIMITIVES`."""

import contextlib
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.terms.numbered_table import get_numbered
from nsindy.terms.primitive import (
    ANYWHERE,
    FURTHER,
    PRODUCT,
    STEP,
    WAVE,
    GentleRoot,
    Primitive,
    smooth_sign,
    step_at,
    times,
)

__all__ = ["PAPER", "PRIMITIVES", "get", "numpy_function", "sample", "searched"]

WIDTH_OF_SIGN = 0.002
"""ε of tanh(x / ε), which stands for sign(x) inside a fit, as a share of the largest |x|. Where x
crosses zero, what is too little before is too much after, so the share hardly matters."""

WIDTH_OF_ROOT = 1e-3
"""ε below which a polynomial stands for √x inside a fit, as a share of the largest x."""


def _root_of_positive(x: jax.Array) -> jax.Array:
    """√x, and 0 with a slope of 0 where x is not above 0, as of an empty tank."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


PRIMITIVES: dict[str, Primitive] = {
    primitive.name: primitive
    for primitive in (
        Primitive(
            "identity", 1, lambda x: x, (-5.0, 5.0), -1.0, nats=0.0, usable=ANYWHERE,
            polynomial=True, numpy=lambda x: x, sympy=lambda _, x: x, recipe={"half_width": 5.2},
        ),
        Primitive(
            "sin", 1, jnp.sin, (-2 * math.pi, 2 * math.pi), 0.0, nats=WAVE, usable=ANYWHERE,
            numpy=np.sin, sympy=lambda sp, x: sp.sin(x), recipe={"half_width": 2.08 * math.pi},
        ),
        Primitive(
            "cos", 1, jnp.cos, (-2 * math.pi, 2 * math.pi), 0.0, nats=WAVE, usable=ANYWHERE,
            numpy=np.cos, sympy=lambda sp, x: sp.cos(x), recipe={"half_width": 2.08 * math.pi},
        ),
        Primitive(
            "add", 2, jnp.add, (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            polynomial=True, numpy=np.add, sympy=lambda _, x, y: x + y, recipe={"half_width": 5.2},
        ),
        Primitive(
            "mul", 2, jnp.multiply, (-5.0, 5.0), 1.0, nats=PRODUCT, usable=ANYWHERE,
            polynomial=True, numpy=np.multiply, sympy=lambda _, x, y: x * y,
            recipe={"half_width": 5.2},
        ),
        # A constant has no argument, its domain no meaning, and it needs no circuit.
        Primitive(
            "one", 0, lambda: jnp.ones(()), (0.0, 1.0), -1.0, nats=0.0, usable=ANYWHERE,
            polynomial=True, numpy=lambda: 1.0, sympy=lambda sp: sp.Integer(1),
        ),
        # Its complexity is that of mul(x,x), which it equals.
        Primitive(
            "square", 1, jnp.square, (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            polynomial=True, numpy=np.square, sympy=lambda _, x: x**2, recipe={"half_width": 5.2},
        ),
        Primitive(
            "exp", 1, jnp.exp, (-5.0, 3.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=np.exp, sympy=lambda sp, x: sp.exp(x),
            recipe={"interval": (-5.2, 3.2), "inner_interval": (1.0, 3.2)},
        ),
        # Points lie denser where an operation bends most, next to its pole.
        Primitive(
            "log", 1, jnp.log, (0.05, 10.0), 1.0, nats=FURTHER, usable=(0.0, math.inf),
            numpy=np.log, sympy=lambda sp, x: sp.log(x),
            recipe={"interval": (0.04, 10.2), "inner_interval": (0.04, 0.4)},
        ),
        Primitive(
            "tanh", 1, jnp.tanh, (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=np.tanh, sympy=lambda sp, x: sp.tanh(x), recipe={"half_width": 5.2},
        ),
        # One branch: a trajectory cannot cross the pole, and neither can a circuit.
        Primitive(
            "reciprocal", 1, jnp.reciprocal, (0.1, 10.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=np.reciprocal, sympy=lambda _, x: 1 / x,
            recipe={"interval": (0.09, 10.2), "inner_interval": (0.09, 0.6)},
        ),
        # A kink is a network of two ramps; smooth units only come near it.
        Primitive(
            "abs", 1, jnp.abs, (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=np.abs, sympy=lambda sp, x: sp.Abs(x),
            recipe={"hidden": (8,), "activation": "relu", "half_width": 5.2}, two_sided=True,
        ),
        # Of concentrations and populations, which are not negative.
        Primitive(
            "saturation", 1, lambda x: x / (1 + x), (0.0, 10.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=lambda x: x / (1 + x), sympy=lambda _, x: x / (1 + x),
            recipe={"interval": (-0.05, 10.2), "inner_interval": (-0.05, 1.0)},
        ),
        # Dry friction, drag, and the outflow of a tank, which ends when it is empty.
        Primitive(
            "sign", 1, jnp.sign, (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=np.sign, sympy=lambda sp, x: sp.sign(x),
            smooth=smooth_sign(WIDTH_OF_SIGN), alone=True, two_sided=True,
        ),
        Primitive(
            "drag", 1, lambda x: x * jnp.abs(x), (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=lambda x: x * np.abs(x), sympy=lambda sp, x: x * sp.Abs(x),
            alone=True, two_sided=True,
        ),
        Primitive(
            "sqrt", 1, _root_of_positive, (0.0, 10.0), 1.0, nats=FURTHER,
            usable=(0.0, math.inf), numpy=lambda x: np.sqrt(np.maximum(x, 0)),
            sympy=lambda sp, x: sp.sqrt(x),
            smooth=Primitive(
                "smooth_sqrt", 1, GentleRoot(WIDTH_OF_ROOT), (0.0, 1.0), 1.0,
                usable=(-0.03, math.inf), numpy=GentleRoot(WIDTH_OF_ROOT),
            ),
            degree=0.5, alone=True,
        ),
    )
}  # fmt: skip
"""Every operation, by name: the five of the paper first, then the further ones."""

PAPER = ("identity", "sin", "cos", "add", "mul")
"""Names of the five operations of the paper."""


def get(name: str) -> Primitive:
    """Return the primitive of that name; of a number see `times`, of a step `step_at`.

    Raises:
      ValueError: no primitive has that name; the message lists those that exist.
    """
    if name not in PRIMITIVES:
        with contextlib.suppress(ValueError):
            if math.isfinite(number := float(name.removeprefix(STEP))):
                return step_at(number) if name.startswith(STEP) else times(number)
        if name.endswith("]"):
            return get_numbered(name)
        raise ValueError(f"unknown operation {name!r}; the operations are {', '.join(PRIMITIVES)}")
    return PRIMITIVES[name]


def searched(*, alone: bool) -> tuple[str, ...]:
    """Names of the operations that a discovery tries beside products of variables.

    Args:
      alone: True for those that it tries of one variable alone, False for the others.
    """
    return tuple(
        name
        for name, row in PRIMITIVES.items()
        if row.arity == 1 and not row.polynomial and row.alone == alone
    )


def numpy_function(primitive: Primitive) -> Callable[..., Any]:
    """The exact operation on NumPy arrays; only a user's own operation is compiled for it."""
    row = PRIMITIVES.get(primitive.name, primitive)
    # Another function under the name of a row does not inherit its NumPy.
    if primitive.numpy is not None and row.function is primitive.function:
        return primitive.numpy
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
