"""Expressions of numbers, names and operations, as people write them; see `reading`."""

import dataclasses
import difflib
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import jax.numpy as jnp
import numpy as np

from nsindy.terms.operations import PRIMITIVES, numpy_function
from nsindy.terms.primitive import Primitive

__all__ = [
    "ARITHMETIC",
    "REST",
    "Equation",
    "Expression",
    "Quote",
    "as_function",
    "check_unlike",
    "symbols",
]

LEAST = 1e-12
"""Smallest base of a power that is no whole number."""

REST = "..."
"""The symbol of whatever else there may be."""


class Quote(NamedTuple):
    """A text of a person's, or a part of it, of which errors name the column.

    Attributes:
      text: what is read.
      whole: the text that it is a part of.
      begin: where in the whole it begins, characters.
    """

    text: str
    whole: str
    begin: int = 0

    def part(self, begin: int, end: int | None = None) -> "Quote":
        """The characters from `begin` to `end` of this text."""
        return Quote(self.text[begin:end], self.whole, self.begin + begin)

    def refuse(self, place: int, words: str) -> NoReturn:
        """Raise a ValueError that names the place, of this text, as a column of the whole."""
        at = self.begin + place
        shown = ascii(self.whole[max(at - 30, 0) : at + 30])
        raise ValueError(f"cannot read {shown} at column {at + 1}: {words}")


@dataclasses.dataclass(frozen=True)
class Expression:
    """A number, a name, or an operation on expressions.

    Attributes:
      head: the number; the name, `REST` among them; or, where there are arguments, the operation:
        + - * / ^ or one of the table of operations.
      arguments: of the operation; none for a number and a name.
      place: where it stands in its `Quote`.
    """

    head: float | str
    arguments: "tuple[Expression, ...]" = ()
    place: int = dataclasses.field(default=0, compare=False)

    @property
    def number(self) -> float | None:
        """The number that it is; None if it is none."""
        return self.head if isinstance(self.head, float) else None


class Equation(NamedTuple):
    """One equation.

    Attributes:
      left: name on the left side, with its primes.
      place: where it stands.
      right: the right side.
    """

    left: str
    place: int
    right: Expression


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
}
"""Operations that are signs."""


def symbols(expression: Expression) -> tuple[str, ...]:
    """The names in an expression, each once, in the order of the text."""
    if not expression.arguments:
        return (expression.head,) if isinstance(expression.head, str) else ()
    found = (name for argument in expression.arguments for name in symbols(argument))
    return tuple(dict.fromkeys(found))


def check_unlike(
    quote: Quote, expression: Expression, names: Sequence[str], columns: Sequence[str]
) -> None:
    """Refuse new names that are nearly the name of a column: most likely that was meant.

    Args:
      quote: the text.
      expression: what was read in it.
      names: the new names.
      columns: names of the states and inputs.

    Raises:
      ValueError: a name has primes, is that of a column but for its letters' case, or, with at
        least four letters, is much like one; with the column of the text and the names there are.
    """
    by_case = {column.casefold(): column for column in columns}
    for name in names:
        near = difflib.get_close_matches(name, columns, 1, 0.8) if len(name) > 3 else []
        meant = by_case.get(name.casefold(), near[0] if near else None)
        if meant is None and name.endswith("'"):
            meant = name.rstrip("'")
        if meant is not None:
            quote.refuse(
                _place(expression, name),
                f"{name} is not known, and too much like {meant} for a new name; the columns are "
                f"{', '.join(columns)}",
            )


def _place(expression: Expression, name: str) -> int:
    """Where a name first stands, in its quote."""
    if expression.head == name and not expression.arguments:
        return expression.place
    inner = (_place(argument, name) for argument in expression.arguments)
    return next((place for place in inner if place >= 0), -1)


def as_function(
    expression: Expression,
    variables: Sequence[str],
    parameters: Sequence[str],
    operations: Mapping[str, Primitive] = PRIMITIVES,
    *,
    numpy: bool = False,
) -> Callable[[Any, Any], Any]:
    """An expression as a pure function f(variables, parameters) of JAX, or of NumPy.

    A power that is no whole number, as in sqrt(x), takes what is below 0 for `LEAST`.

    Args:
      expression: of numbers and of the names of variables and parameters alone.
      variables: names, in the order of the first argument, [V] or [V, …].
      parameters: names of the numbers, in the order of the second, [P] or [P, …].
      operations: that it calls, by name.
      numpy: True for a function of NumPy's arrays, which needs no compilation.

    Example:
      >>> from nsindy.terms.reading import read_expression
      >>> text = "-k*(x - a)"
      >>> f = as_function(read_expression(Quote(text, text), ["x"]), ["x"], ["k", "a"], numpy=True)
      >>> f([3.0], [0.5, 1.0])
      -1.0
    """
    head, arguments = expression.head, expression.arguments
    if isinstance(head, float):
        return lambda values, numbers: head
    if not arguments and head in variables:
        at = list(variables).index(head)
        return lambda values, numbers: values[at]
    if not arguments and head in parameters:
        at = list(parameters).index(head)
        return lambda values, numbers: numbers[at]
    inner = [
        as_function(each, variables, parameters, operations, numpy=numpy) for each in arguments
    ]
    if head == "^" and arguments[1].number is not None and arguments[1].number % 1 == 0:
        # A whole power has a slope where its base is negative.
        power = int(arguments[1].number)
        return lambda values, numbers: inner[0](values, numbers) ** power
    if head == "^":
        # Noise takes a state near 0 below it, where sqrt(x) and its slope have no value.
        xp = np if numpy else jnp
        return lambda values, numbers: (
            xp.maximum(inner[0](values, numbers), LEAST) ** inner[1](values, numbers)
        )
    if head in ARITHMETIC:
        function = ARITHMETIC[head]
    else:
        function = numpy_function(operations[head]) if numpy else operations[head].function
    return lambda values, numbers: function(*(each(values, numbers) for each in inner))
