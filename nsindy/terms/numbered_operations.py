"""Operations that own a number, f(x, p) as x / (K + x), and one of them for given numbers."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nsindy.terms.primitive import ANYWHERE, FURTHER, Primitive, array_module

__all__ = ["Numbered", "WithNumber", "unbound", "with_number"]


@dataclasses.dataclass(frozen=True)
class Numbered:
    """One operation f(x, p) of a variable and a number p; f(x, y, p) of two, f(x, p, q) with two.

    Attributes:
      name: the word that terms are stored with, `michaelis` in `michaelis[0.5]`.
      symbol: what its number is called, K.
      function: f(x, p) on JAX arrays of one shape.
      numpy: the same on NumPy arrays.
      sympy: the same as a function of the module sympy, x and p.
      written: bases and their powers, whose product is the term, from the texts of x and p.
      ranges: (low, high) that p is looked for in; None for what the values of x say.
      nats: discovery's price.
      variables: how many there are before p.
      below: what stands below the line, of the same arguments, on NumPy arrays: where it is not
        positive there is no term; None where the values of f say so.
      second: what a second number q is called, n; empty for none.
      signed: True where p may be 0 or change its sign in a fit.
      text: as it was written, uptake = x / (K + x); empty for a function.
    """

    name: str
    symbol: str
    function: Callable[..., Any]
    _: dataclasses.KW_ONLY
    numpy: Callable[..., Any] = dataclasses.field(compare=False)
    sympy: Callable[..., Any] | None = dataclasses.field(default=None, compare=False)
    written: Callable[..., Mapping[str, int]] = dataclasses.field(compare=False)
    ranges: tuple[float, float] | None = None
    nats: float = FURTHER
    variables: int = 1
    below: Callable[..., Any] | None = dataclasses.field(default=None, compare=False)
    second: str = ""
    signed: bool = False
    text: str = ""


@dataclasses.dataclass(frozen=True)
class WithNumber:
    """x ↦ f(x, p), (x, y) ↦ f(x, y, p) or x ↦ f(x, p, q), for given numbers."""

    operation: Numbered
    number: float
    second: float | None = None

    @property
    def numbers(self) -> tuple[float, ...]:
        """P, and q where there is one."""
        return (self.number,) if self.second is None else (self.number, self.second)

    def __call__(self, *x: Any) -> Any:
        """F(x, p)."""
        exact = array_module(x[0]) is np
        return (self.operation.numpy if exact else self.operation.function)(*x, *self.numbers)

    def sympy(self, module: Any, *x: Any) -> Any:
        """The same in SymPy, of the variables and then the numbers as they are to be written."""
        if self.operation.sympy is None:
            return module.Function(self.operation.name)(*x)
        return self.operation.sympy(module, *x)


def with_number(operation: Numbered, number: float, second: float | None = None) -> Primitive:
    """The operation x ↦ f(x, p), whose name is that of f and every digit of p, and of q.

    Example:
      >>> from nsindy.terms.numbered_table import NUMBERED
      >>> made = with_number(NUMBERED["michaelis"], 0.5)
      >>> made.name, made.numpy(1.5)
      ('michaelis[0.5]', 0.75)
      >>> with_number(NUMBERED["hill_power"], 0.5, 2.5).name
      'hill_power[0.5;2.5]'
    """
    function = WithNumber(operation, float(number), None if second is None else float(second))
    # A comma would end an argument of a term.
    digits = ";".join(map(repr, function.numbers))
    return Primitive(
        f"{operation.name}[{digits}]", operation.variables, function, ANYWHERE, 1.0,
        nats=operation.nats, usable=ANYWHERE, numpy=function,
    )  # fmt: skip


@functools.cache
def unbound(operation: Numbered) -> Primitive:
    """The operation of its variables and its numbers, for programs in which those vary."""
    return Primitive(
        operation.name, operation.variables + 1 + bool(operation.second), operation.function,
        ANYWHERE, 1.0, nats=FURTHER, usable=ANYWHERE, numpy=operation.numpy,
    )  # fmt: skip
