"""What is known of the equations: given terms, the terms that are allowed, signs, ties."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.terms.expansion import Summand, expand_sum, same_term
from nsindy.terms.expression import Quote
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.primitive import Primitive
from nsindy.terms.reading import read_equation, read_expression
from nsindy.terms.term import Term
from nsindy.terms.text import readable

__all__ = [
    "NOTHING",
    "Bound",
    "Names",
    "Physics",
    "Tables",
    "extended",
    "read_physics",
    "read_term",
    "tables",
]


class Names(NamedTuple):
    """What a person may write.

    Attributes:
      columns: names of the states, with order 2 their velocities, and the inputs [V].
      equations: left side of each equation, the place of its state [D].
      operations: that may be called, by name.
    """

    columns: tuple[str, ...]
    equations: dict[str, int]
    operations: dict[str, Primitive]

    @classmethod
    def of(
        cls,
        states: Sequence[str],
        inputs: Sequence[str],
        order: int,
        operations: Sequence[Primitive] | None = None,
    ) -> "Names":
        """The names of a recording.

        Args:
          states: that were measured.
          inputs: likewise.
          order: 1, or 2 for equations of their second derivatives.
          operations: of the question, those of one's own among them; None for those of the table.
        """
        own = {o.name: o for o in operations or ()}
        velocities = tuple(f"{name}'" for name in states) if order == 2 else ()
        primes, first = "'" * order, len(velocities)
        equations = {f"{name}{primes}": first + d for d, name in enumerate(states)}
        return cls((*states, *velocities, *inputs), equations, {**PRIMITIVES, **own})

    def row(self, quote: Quote, name: str, place: int) -> int:
        """The place of the state whose equation begins with a name.

        Raises:
          ValueError: there is no such equation, with its column in the quote.
        """
        if name not in self.equations:
            quote.refuse(place, f"there is no equation for {name}, but for {self.listed}")
        return self.equations[name]

    @property
    def listed(self) -> str:
        """The left sides, for a message."""
        return ", ".join(self.equations)


class Bound(NamedTuple):
    """A term in an equation, with its coefficient, in the units of the recording, or its sign."""

    equation: int
    term: Term
    value: float


class Physics(NamedTuple):
    """What is known of the equations.

    Attributes:
      given: terms with their coefficients.
      whole: equations that hold no other terms.
      free: the only terms that an equation may hold besides, where they were named.
      signs: 1 or -1 for a term whose coefficient is above or below 0 where it is not 0.
      columns: names that the terms are bound to [V].
      ties: pairs of terms; the coefficient of the first is the value of the second times that of
        the second, see `equal.read_ties`.
    """

    given: tuple[Bound, ...] = ()
    whole: frozenset[int] = frozenset()
    free: tuple[tuple[int, tuple[Term, ...]], ...] = ()
    signs: tuple[Bound, ...] = ()
    columns: tuple[str, ...] = ()
    ties: tuple[tuple[Bound, Bound], ...] = ()

    @property
    def tied(self) -> tuple[Bound, ...]:
        """The terms of all ties."""
        return tuple(bound for tie in self.ties for bound in tie)

    @property
    def rows(self) -> set[int]:
        """Equations of which something is known."""
        bounds = {b.equation for b in (*self.given, *self.signs, *self.tied)}
        return bounds | self.whole | {row for row, _ in self.free}

    def check_valued(self, terms: Sequence[Term], unvalued: np.ndarray) -> None:
        """Raise a ValueError if one of the terms M that were named has no value [M]."""
        if unvalued.any():
            name = readable(terms[int(np.argmax(unvalued))], self.columns)
            raise ValueError(
                f"the term {name} that is known or free is not finite, or 0, on this recording; "
                "leave it out"
            )


NOTHING = Physics()
"""Nothing is known."""


def read_physics(
    know: Sequence[str], free: Sequence[str], sign: Sequence[str], names: Names
) -> Physics:
    """Read what a person knows.

    Args:
      know: equations with given coefficients, `v' = ... - 9.81*sin(x)`; the dots stand for the
        terms that are to be found, and without them there are none.
      free: terms that an equation may hold, `v' : x, v, sin(x)`.
      sign: of a coefficient, `v in v' < 0`.
      names: of the recording.

    Raises:
      ValueError: one of them cannot be read, with the column and the fix, or two of them
        contradict each other.
    """
    given: list[Bound] = []
    whole, known = set[int](), set[int]()
    hint = "; a coefficient that is not known needs no name, or is a number of --law"
    for text in know:
        quote = Quote(text, text)
        equation = read_equation(quote, names.columns, names.operations)
        row = names.row(quote, equation.left, equation.place)
        if row in known:
            quote.refuse(equation.place, f"{equation.left} is known already; say it in one")
        known.add(row)
        right = quote.part(text.index("=") + 1)
        parts = expand_sum(right, equation.right, names.columns, names.operations, hint=hint)
        given += [Bound(row, part.term, part.coefficient) for part in parts if part.term]
        if all(part.term for part in parts):
            whole.add(row)
    listed = dict(_free(text, names) for text in free)
    if len(listed) < len(free):
        raise ValueError("the terms that are free are listed twice for one equation; list all once")
    signs = [_sign(text, names) for text in sign]
    physics = Physics(
        tuple(given), frozenset(whole), tuple(listed.items()), tuple(signs), names.columns
    )
    _check(physics, names)
    return physics


def _free(text: str, names: Names) -> tuple[int, tuple[Term, ...]]:
    """Read `v' : x, v, sin(x)`."""
    quote = Quote(text, text)
    left, colon, right = text.partition(":")
    if not colon:
        quote.refuse(len(text), "write the equation, a colon and its terms, as in v' : x, sin(x)")
    row = names.row(quote, left.strip(), len(left) - len(left.lstrip()))
    terms, begin, level = [], len(left) + 1, 0
    for place, letter in enumerate(right + ",", len(left) + 1):
        level += (letter == "(") - (letter == ")")
        if letter == "," and level <= 0:
            terms.append(read_term(quote.part(begin, place), names))
            begin = place + 1
    return row, tuple(terms)


def _sign(text: str, names: Names) -> Bound:
    """Read `v in v' < 0`."""
    quote = Quote(text, text)
    found = re.fullmatch(r"(.*\S)\s+in\s+(\S+?)\s*([<>])\s*0\s*", text)
    if found is None:
        quote.refuse(0, "write a term, its equation and the sign, as in v in v' < 0")
    row = names.row(quote, found.group(2), found.start(2))
    term = read_term(quote.part(0, found.end(1)), names)
    return Bound(row, term, 1.0 if found.group(3) == ">" else -1.0)


def read_term(quote: Quote, names: Names) -> Term:
    """Read one term without a number.

    Raises:
      ValueError: it is something else, with its column.
    """
    expression = read_expression(quote, names.columns, names.operations)
    parts: list[Summand] = expand_sum(quote, expression, names.columns, names.operations)
    if len(parts) != 1 or parts[0].term is None or parts[0].coefficient != 1:
        quote.refuse(expression.place, "this is not one term without a number, such as x or x^2 v")
    return parts[0].term


def _check(physics: Physics, names: Names) -> None:
    """Refuse what contradicts itself."""
    left = {row: name for name, row in names.equations.items()}
    fixed = {(b.equation, same_term(b.term)) for b in physics.given}
    for row, terms in physics.free:
        if row in physics.whole:
            raise ValueError(
                f"{left[row]} is wholly known and has free terms as well; write it with + ..."
            )
        for term in terms:
            if (row, same_term(term)) in fixed:
                raise ValueError(
                    f"{readable(term, names.columns)} in {left[row]} is known and free at once"
                )
    for bound in physics.signs:
        if bound.equation in physics.whole or (bound.equation, same_term(bound.term)) in fixed:
            name = readable(bound.term, names.columns)
            raise ValueError(
                f"{name} in {left[bound.equation]} is known, so its sign is; leave one of them out"
            )
    signs = [(b.equation, same_term(b.term)) for b in physics.signs]
    if len(set(signs)) < len(signs):
        raise ValueError("the sign of a coefficient is given twice; give it once")


def extended(
    terms: Sequence[Term], physics: Physics, rows: Iterable[int], always: Iterable[Term] = ()
) -> tuple[Term, ...]:
    """The library with the terms that were named; those alone where every equation is settled.

    Args:
      terms: the library.
      physics: what is known.
      rows: the equations that are searched.
      always: terms that must stay.
    """
    named = [b.term for b in physics.given]
    named += [term for _, terms in physics.free for term in terms]
    named += [b.term for b in physics.tied]
    keys = {same_term(term): term for term in named}
    settled = {*physics.whole, *(row for row, _ in physics.free)}
    if settled.issuperset(rows):
        keep = {same_term(term) for term in (*named, *always)}
        terms = [term for term in terms if same_term(term) in keep]
    have = {same_term(term) for term in terms}
    return (*terms, *(term for key, term in keys.items() if key not in have))


class Tables(NamedTuple):
    """What is known, term by term of a library.

    Attributes:
      given: coefficients, in the units of the recording [D, M].
      closed: equations that hold no other terms than those [D].
      free: True for terms that an equation may hold because they were named, as free or as tied to
        another [D, M].
      listed: True for equations that may hold no others [D].
      signs: 1, -1, or 0 where it is not known [D, M].
    """

    given: np.ndarray
    closed: np.ndarray
    free: np.ndarray
    listed: np.ndarray
    signs: np.ndarray

    @property
    def named(self) -> np.ndarray:
        """True for terms that a person named in some equation [M]."""
        return ((self.given != 0) | self.free).any(0)

    def admissible(self, ordinary: np.ndarray, valued: np.ndarray) -> np.ndarray:
        """Which terms may be found in which equation [D, M].

        Args:
          ordinary: True for terms of the library that an equation may hold unasked [M].
          valued: True for terms that have a value here [M].
        """
        terms = self.free | (ordinary[None] & ~self.listed[:, None])
        return terms & valued[None] & (self.given == 0) & ~self.closed[:, None]


def tables(physics: Physics, terms: Sequence[Term], count: int) -> Tables:
    """What is known, term by term.

    Args:
      physics: what is known.
      terms: the M terms, see `extended`.
      count: number of equations D.
    """
    place = {same_term(term): m for m, term in enumerate(terms)}
    shape = count, len(terms)
    made = Tables(
        np.zeros(shape),
        np.isin(np.arange(count), list(physics.whole)),
        np.zeros(shape, bool),
        np.isin(np.arange(count), [row for row, _ in physics.free]),
        np.zeros(shape),
    )
    for bound in physics.given:
        made.given[bound.equation, place[same_term(bound.term)]] = bound.value
    for row, free in physics.free:
        made.free[row, [place[same_term(term)] for term in free]] = True
    for bound in physics.tied:
        made.free[bound.equation, place[same_term(bound.term)]] = True
    for bound in physics.signs:
        if (at := place.get(same_term(bound.term))) is not None:
            made.signs[bound.equation, at] = bound.value
    return made
