"""Operations of one's own that own a number, from a function or from an expression."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.terms.expression import Quote, as_function, symbols
from nsindy.terms.numbered_operations import Numbered
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.reading import read_expression

__all__ = ["operation", "read_operation"]


def operation(
    name: str,
    function: Callable[..., jax.Array] | None = None,
    ranges: Mapping[str, Sequence[float]] | None = None,
) -> Numbered:
    """An operation f(x, p) of one's own, whose number p a discovery fits.

    A number that is only a factor in front is a coefficient already, and is left out of f.

    Args:
      name: what terms call it; or all of it as a text, see `read_operation`, which can be saved.
      function: of JAX arrays of one shape, the variable first and then the number.
      ranges: (low, high) that the number is looked for in, by the name of the argument; None for
        what the values of the variable say.

    Raises:
      ValueError: the name is taken or no identifier, there is another number of arguments than two,
        a range is none, or JAX cannot trace the function.

    Example:
      >>> uptake = operation("uptake", lambda x, K: x / (K + x), ranges={"K": (0.1, 10)})
      >>> uptake.symbol, uptake.ranges
      ('K', (0.1, 10.0))
    """
    if function is None:
        read = read_operation(name)
        return dataclasses.replace(read, ranges=_limits(read.symbol, ranges))
    if not name.isidentifier() or name in PRIMITIVES or name in NUMBERED:
        raise ValueError(f"an operation needs a name of its own, letters and digits, not {name!r}")
    arguments = list(inspect.signature(function).parameters)
    if len(arguments) != 2:
        raise ValueError(
            f"the operation {name} must be a function of the variable and one number, not of "
            f"{', '.join(arguments) or 'nothing'}; factors in front of a term are coefficients"
        )
    symbol = arguments[1]
    limits = _limits(symbol, ranges)
    point = jax.ShapeDtypeStruct((3,), jnp.result_type(float))
    try:
        shape = getattr(jax.eval_shape(function, point, point), "shape", None)
    except Exception as error:
        # What is not JAX may raise anything.
        raise ValueError(f"JAX cannot trace the operation {name}; use jax.numpy") from error
    if shape != (3,):
        raise ValueError(f"the operation {name} must return one number for each of its argument")
    compiled = jax.jit(function)
    return Numbered(
        name,
        symbol,
        function,
        numpy=lambda x, p: np.asarray(compiled(np.asarray(x, float), np.asarray(p, float))),
        written=lambda x, p: {f"{name}({x}, {p})": 1},
        ranges=limits,
    )


def _limits(
    symbol: str, ranges: Mapping[str, Sequence[float]] | None
) -> tuple[float, float] | None:
    """The ends of the range of a number; None where none is given."""
    if ranges is None:
        return None
    if set(ranges) != {symbol} or len(ranges[symbol]) != 2 or not _rises(*ranges[symbol]):
        raise ValueError(f"ranges must be {{{symbol!r}: (low, high)}} with low < high")
    low, high = map(float, ranges[symbol])
    return low, high


def _rises(low: Any, high: Any) -> bool:
    return bool(np.isfinite([low, high]).all() and low < high)


def read_operation(text: str) -> Numbered:
    """Read `uptake = x / (K + x)`: x is the variable, and the other name the number.

    Raises:
      ValueError: it cannot be read, with the column and the fix, or has another number of names.

    Example:
      >>> read = read_operation("uptake = x / (K + x)")
      >>> read.name, read.symbol, float(read.numpy(np.array(1.0), 3.0))
      ('uptake', 'K', 0.25)
    """
    quote = Quote(text, text)
    left, equals, _ = text.partition("=")
    if not equals or not re.fullmatch(r"\s*[^\W\d]\w*\s*", left):
        quote.refuse(0, "an operation is written as uptake = x / (K + x)")
    read = read_expression(quote.part(len(left) + 1), ["x"])
    numbers = [name for name in symbols(read) if name != "x"]
    if len(numbers) != 1 or "x" not in symbols(read):
        quote.refuse(
            len(left) + 1,
            "an operation is of the variable x and of one number, such as K; it has the numbers "
            f"{', '.join(numbers) or 'none'}; factors in front of a term are coefficients already",
        )
    exact, plain = (as_function(read, ["x"], numbers, numpy=numpy) for numpy in (False, True))

    def function(x, p):
        return exact([x], [p])

    def numpy(x, p):
        return plain([x], [p])

    made = operation(left.strip(), function)
    return dataclasses.replace(made, symbol=numbers[0], numpy=numpy, text=text)
