"""Operations that own a number, as K of x / (K + x), and the numbers inside terms."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nsindy.terms.operations import ANYWHERE, FURTHER, Primitive, Times, array_module
from nsindy.terms.term import Term

__all__ = [
    "WAVE",
    "Inner",
    "Numbered",
    "WithNumber",
    "inner_numbers",
    "inner_of",
    "of_each",
    "unbound",
    "with_number",
]

WAVE = "wave"
"""The kind of sin(w x) and cos(w x)."""


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


class Inner(NamedTuple):
    """A number inside terms of one variable, or of two.

    Attributes:
      kind: `WAVE`, or the name of an operation or of a kind of them.
      place: the variable, of two the second: a variable has one number at most.
      number: p, in one over the unit of the variable, or what the operation says.
      symbol: what it is called.
      before: the first of two variables; None for one.
      second: q of an operation with two numbers; None for one.
      second_symbol: what it is called.
    """

    kind: str
    place: int
    number: float
    symbol: str = "w"
    before: int | None = None
    second: float | None = None
    second_symbol: str = ""

    @property
    def numbers(self) -> tuple[float, ...]:
        """P, and q where there is one."""
        return (self.number,) if self.second is None else (self.number, self.second)

    @property
    def symbols(self) -> tuple[str, ...]:
        """What they are called."""
        return (self.symbol,) if self.second is None else (self.symbol, self.second_symbol)

    def with_numbers(self, numbers: Sequence[float]) -> "Inner":
        """The same with other numbers."""
        return self._replace(number=numbers[0], second=numbers[1] if len(numbers) > 1 else None)

    @property
    def places(self) -> tuple[int, ...]:
        """The variables, in the order of the arguments."""
        return (self.place,) if self.before is None else (self.before, self.place)


def of_each(inner: Sequence[Inner], values: np.ndarray) -> list[np.ndarray]:
    """What is known of all numbers one after the other [P], for each of those that hold them."""
    ends = np.cumsum([len(each.numbers) for each in inner], dtype=int)
    return np.split(values, ends[:-1]) if len(inner) else []


def inner_of(term: Term) -> Inner | None:
    """The number that was fitted inside a term, alone or times a state; None for none."""
    own = term.primitive.function
    if isinstance(own, WithNumber):
        places = [each for each in term.arguments if isinstance(each, int)]
        if len(places) == len(term.arguments):
            *before, place = places
            named = Inner(own.operation.name, place, own.number, own.operation.symbol)
            first, name = before[0] if before else None, own.operation.second
            return named._replace(before=first, second=own.second, second_symbol=name)
    for argument in term.arguments:
        if not isinstance(argument, Term):
            continue
        times, inside = argument.primitive.function, argument.arguments
        # A number that was given is multiplied with the term x, not with the variable.
        if isinstance(times, Times) and isinstance(inside[0], int):
            return Inner(WAVE, inside[0], times.number)
        found = inner_of(argument)
        if found is not None:
            return found
    return None


def inner_numbers(library: Sequence[Term], used: np.ndarray) -> list[Inner]:
    """The numbers inside the terms that are used [M], each once, in the order of the terms.

    Operations of one kind, as x/(K + x) and 1/(1 + x/K), share their number.
    """
    every = [inner_of(term) for term, here in zip(library, used, strict=True) if here]
    return list({(i.place, i.numbers): i for i in every if i is not None}.values())
