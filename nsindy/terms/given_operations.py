"""Operations as people give them: names, functions of NumPy or JAX, primitives."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from nsindy.terms.operations import PRIMITIVES, get
from nsindy.terms.primitive import ANYWHERE, Primitive

__all__ = ["Operations", "rows_of"]

Operations = str | Primitive | Callable[..., Any] | Sequence[str | Primitive | Callable[..., Any]]
"""One operation or several: names, NumPy or JAX functions, primitives."""


def rows_of(operations: Operations) -> tuple[Primitive, ...]:
    """The primitives of operations that are given by name, as functions, or as they are.

    A function that is in no row of the table is an operation of one's own under its name, if JAX
    can trace it.

    Raises:
      ValueError: a name is unknown, or JAX cannot trace a function.

    Example:
      >>> import numpy as np
      >>> [row.name for row in rows_of([np.sin, jnp.tanh, "exp"])]
      ['sin', 'tanh', 'exp']
    """
    if isinstance(operations, str | Primitive) or callable(operations):
        operations = (operations,)
    return tuple(map(_row_of, operations))


def _row_of(operation: str | Primitive | Callable[..., Any]) -> Primitive:
    if isinstance(operation, Primitive):
        return operation
    if isinstance(operation, str):
        return get(operation)
    for row in PRIMITIVES.values():
        if operation is row.numpy or operation is row.function:
            return row
    # Python's abs and math.sin are the same operations.
    name = {"absolute": "abs"}.get(name := getattr(operation, "__name__", ""), name)
    module = str(getattr(operation, "__module__", None) or "").split(".")[0]
    if name in PRIMITIVES and module in ("numpy", "jax", "math", "builtins"):
        return PRIMITIVES[name]
    if not name.isidentifier() or name in PRIMITIVES:
        raise ValueError(
            f"a function among the operations needs a name of its own, not {name!r}: write it as "
            "def friction(v): return ..."
        )
    try:
        found = jax.eval_shape(operation, jax.ShapeDtypeStruct((3,), jnp.result_type(float)))
    except Exception as error:
        # What is not JAX may raise anything.
        raise ValueError(
            f"JAX cannot trace the operation {name}; write it with jax.numpy, or learn it: "
            f"operations=[nsindy.learn_operation({name!r}, {name}, (low, high)).primitive]"
        ) from error
    if getattr(found, "shape", None) != (3,):
        raise ValueError(f"the operation {name} must return one number for each of its argument")
    return Primitive(name, 1, operation, ANYWHERE, 1.0, usable=ANYWHERE)
