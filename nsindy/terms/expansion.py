"""An expression without free numbers as a sum of coefficients times terms."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nsindy.terms import primitive
from nsindy.terms.expression import REST, Expression, Quote, check_unlike
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.primitive import Primitive
from nsindy.terms.products import factors_of
from nsindy.terms.reading import HIGHEST
from nsindy.terms.term import Term

__all__ = ["Summand", "expand_sum", "same_term"]

MOST = 200
"""Most summands: (x + y + z)^12 has 91."""

Factor = int | Term
"""A variable, or a term that is no product."""

Sum = dict[tuple[Factor, ...], float]
"""Coefficient of every product of factors, which are in the order of `_rank`."""


class Summand(NamedTuple):
    """A coefficient times a term; the coefficient of `REST` has no term."""

    coefficient: float
    term: Term | None


def same_term(term: Term) -> tuple[Factor, ...]:
    """What two terms have in common that are products of the same factors.

    Example:
      >>> from nsindy.terms.term import parse
      >>> a, b = (parse(text, ("x", "v")) for text in ("mul(x,mul(v,x))", "mul(v,mul(x,x))"))
      >>> same_term(a) == same_term(b)
      True
    """
    return tuple(sorted(factors_of(term), key=_rank))


def expand_sum(
    quote: Quote,
    expression: Expression,
    columns: Sequence[str],
    operations: Mapping[str, Primitive] = PRIMITIVES,
    *,
    hint: str = "",
) -> list[Summand]:
    """Write an expression as a sum of coefficients times terms of the columns.

    Products of sums and whole powers are multiplied out; a sum within an operation stays one
    argument of it.

    Args:
      quote: what was read.
      expression: that was read in it.
      columns: names that terms are bound to; no other name may occur but `REST`, as a summand.
      operations: that it calls, by name.
      hint: what to do about a name that is no column.

    Raises:
      ValueError: a name is no column, a power is not a whole number, what is divided by is 0, or
        there are more than `MOST` summands; with the column of the text and the fix.

    Example:
      >>> from nsindy.terms.reading import read_expression
      >>> text = "-9.81*sin(x) + 2 (x + 1) x"
      >>> read = read_expression(Quote(text, text), ["x"])
      >>> [(s.coefficient, s.term.name(["x"])) for s in expand_sum(Quote(text, text), read, ["x"])]
      [(-9.81, 'sin(x)'), (2.0, 'mul(x,x)'), (2.0, 'identity(x)')]
    """
    expander = _Expander(quote, expression, columns, operations, hint)
    rest: list[Summand] = []
    total: Sum = {}
    for sign, part in _summands(expression, 1.0):
        if part.head == REST and not part.arguments:
            if sign < 0:
                quote.refuse(part.place, "the rest is added, not subtracted; write + ...")
            rest = [Summand(1.0, None)]
        else:
            total = expander.plus(total, expander.expand(part), sign, part)
    return [*(Summand(v, _term(key)) for key, v in total.items() if v), *rest]


def _summands(expression: Expression, sign: float):
    """The parts of a sum and their signs."""
    if expression.head in ("+", "-") and expression.arguments:
        left, right = expression.arguments
        yield from _summands(left, sign)
        yield from _summands(right, -sign if expression.head == "-" else sign)
    else:
        yield sign, expression


class _Expander:
    """One expression on its way to a sum."""

    def __init__(
        self,
        quote: Quote,
        whole: Expression,
        columns: Sequence[str],
        operations: Mapping[str, Primitive],
        hint: str,
    ) -> None:
        self.quote, self.whole, self.hint = quote, whole, hint
        self.columns, self.operations = list(columns), operations

    def expand(self, expression: Expression) -> Sum:
        head, arguments = expression.head, expression.arguments
        if isinstance(head, float):
            return {(): head}
        if not arguments and head not in self.operations:
            return self.name(expression, head)
        if head == "^":
            return self.power(expression)
        inner = [self.expand(argument) for argument in arguments]
        if head in ("+", "-", "add"):
            return self.plus(inner[0], inner[1], -1.0 if head == "-" else 1.0, expression)
        if head in ("*", "mul", "square"):
            return self.times(inner[0], inner[-1], expression)
        if head == "/":
            return self.over(inner[0], inner[1], expression)
        found = [_argument(each) for each in inner]
        return self.bound(self.operations[head], found)

    def name(self, expression: Expression, name: str) -> Sum:
        if name in self.columns:
            return {(self.columns.index(name),): 1.0}
        if name == REST:
            self.quote.refuse(expression.place, "... is a summand; write it with + beside the rest")
        check_unlike(self.quote, self.whole, [name], self.columns)
        self.quote.refuse(
            expression.place,
            f"{name} is no column; the columns are {', '.join(self.columns)}{self.hint}",
        )

    def bound(self, operation: Primitive, arguments: list[Factor]) -> Sum:
        return {same_term(Term(operation, tuple(arguments))): 1.0}

    def plus(self, one: Sum, other: Sum, sign: float, at: Expression) -> Sum:
        total = dict(one)
        for key, value in other.items():
            total[key] = total.get(key, 0.0) + sign * value
        return self.checked(total, at)

    def times(self, one: Sum, other: Sum, at: Expression) -> Sum:
        total: Sum = {}
        for (left, a), (right, b) in itertools.product(one.items(), other.items()):
            if len(left) + len(right) > HIGHEST:
                self.quote.refuse(at.place, f"a product of more than {HIGHEST} factors")
            key = _cancelled((*left, *right))
            total[key] = total.get(key, 0.0) + a * b
        return self.checked(total, at)

    def checked(self, total: Sum, at: Expression) -> Sum:
        if len(total) > MOST:
            self.quote.refuse(at.place, f"more than {MOST} summands; write fewer")
        if not all(map(math.isfinite, total.values())):
            self.quote.refuse(at.place, "this is no finite number; change the numbers")
        return total

    def power(self, expression: Expression) -> Sum:
        base, exponent = expression.arguments
        number = exponent.number
        if number is None or number % 1:
            self.quote.refuse(exponent.place, "a power here is a whole number, such as 2")
        one: Sum = {(): 1.0}
        result, inner = one, self.expand(base)
        for _ in range(abs(int(number))):
            result = self.times(result, inner, expression)
        return result if number >= 0 else self.over(one, result, expression)

    def over(self, above: Sum, below: Sum, at: Expression) -> Sum:
        """A quotient: by a product factor by factor, by a sum as the reciprocal of that."""
        if not any(below.values()):
            self.quote.refuse(at.place, "this divides by zero")
        if len(below) == 1:
            ((key, value),) = below.items()
            inverse = {_cancelled(tuple(map(_reciprocal, key))): 1 / value}
            return self.times(above, inverse, at)
        whole = [key[0] for key in below if len(key) == 1 and isinstance(key[0], int)]
        if len(whole) == 1 and below == {(): 1.0, (whole[0],): 1.0}:
            with_it = {key: value for key, value in above.items() if whole[0] in key}
            if len(with_it) == len(above):
                # x / (1 + x) is an operation of the table.
                less = {_without(key, whole[0]): value for key, value in above.items()}
                saturation = self.bound(PRIMITIVES["saturation"], [whole[0]])
                return self.times(less, saturation, at)
        return self.times(above, self.bound(PRIMITIVES["reciprocal"], [_argument(below)]), at)


def _reciprocal(factor: Factor) -> Factor:
    if isinstance(factor, Term) and factor.primitive.name == "reciprocal":
        return factor.arguments[0]
    return Term(PRIMITIVES["reciprocal"], (factor,))


def _without(key: tuple[Factor, ...], factor: Factor) -> tuple[Factor, ...]:
    at = key.index(factor)
    return (*key[:at], *key[at + 1 :])


def _cancelled(key: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """The factors in order, without those whose reciprocal is among them."""
    for factor in key:
        inverse = _reciprocal(factor)
        if inverse in key and inverse != factor:
            return _cancelled(_without(_without(key, factor), inverse))
    return tuple(sorted(key, key=_rank))


def _rank(factor: Factor) -> tuple[bool, str, int]:
    """Variables come first, then terms, as in a library."""
    if isinstance(factor, Term):
        names = [f"{v:04}" for v in range(_variables(factor))]
        return True, factor.name(names), 0
    return False, "", factor


def _variables(factor: Factor) -> int:
    """One more than the last variable of a factor."""
    if isinstance(factor, Term):
        return max((_variables(argument) for argument in factor.arguments), default=0)
    return factor + 1


def _argument(inner: Sum) -> Factor:
    """A sum as the argument of an operation."""
    parts: list[Factor] = []
    for key, value in inner.items():
        factor: Factor = key[0] if len(key) == 1 else _term(key)
        if value != 1:
            # What w fitted waves are bound to is the number times the variable itself.
            whole = factor if isinstance(factor, Term) else Term(PRIMITIVES["identity"], (factor,))
            factor = Term(primitive.times(value), (whole,))
        parts.append(factor)
    total = parts[-1] if parts else Term(primitive.times(0.0), (_term(()),))
    for part in reversed(parts[:-1]):
        total = Term(PRIMITIVES["add"], (part, total))
    return total


def _term(key: tuple[Factor, ...]) -> Term:
    """A product of factors as one term, built as a library builds it."""
    if not key:
        return Term(PRIMITIVES["one"], ())
    product = key[-1]
    for factor in reversed(key[:-1]):
        product = Term(PRIMITIVES["mul"], (factor, product))
    if isinstance(product, Term):
        return product
    return Term(PRIMITIVES["identity"], (product,))
