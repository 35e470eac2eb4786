"""The numbers inside terms, w of sin(w x) and K of x / (K + x)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.terms.numbered_operations import WithNumber
from nsindy.terms.primitive import Times
from nsindy.terms.term import Term

__all__ = ["WAVE", "Inner", "inner_numbers", "inner_of", "of_each"]


WAVE = "wave"
"""The kind of sin(w x) and cos(w x)."""


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
