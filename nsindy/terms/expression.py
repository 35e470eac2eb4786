"""Expressions as people write them, read by a whitelist of syntax: nothing of them is executed.

A text becomes tokens, tokens the syntax tree of Python's own parser, in which every number and name
is a placeholder, and that tree, node by node of the table `_NODES`, an `Expression`. Whatever is in
neither table is refused, with its column and what to write instead.
"""

import ast
import dataclasses
import difflib
import keyword
import math
import operator
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import jax.numpy as jnp
import numpy as np

from nsindy.terms.operations import PRIMITIVES, Primitive, numpy_function

__all__ = [
    "HIGHEST",
    "REST",
    "Equation",
    "Expression",
    "Quote",
    "as_function",
    "check_unlike",
    "read_equation",
    "read_expression",
    "symbols",
]

LONGEST = 1000
"""Most characters of an expression: of six equations on a screen one has a hundred."""

DEEPEST = 40
"""Most brackets and operations inside one another; a sum of forty terms is as deep."""

HIGHEST = 20
"""Highest power that is a number: a library has three, and the hundredth is beyond doubles."""

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


_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<rest>\.\.\.|…)"
    r"|(?P<number>(?:[0-9]+(?:\.(?!\.)[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*'*)|(?P<operator>\*\*|[-+*/^(),−·×])"
)
_SPELLED = {"^": "**", "−": "-", "·": "*", "×": "*"}
_LEFT = re.compile(r"\s*([^\W\d]\w*'+)\s*")
_OPERANDS = ("number", "name", "rest")
_CONSTANTS = {"pi": math.pi}
_ALIASES = {"ln": "log", "sqrt": "sqrt"}
_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "^"}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
}


class _Token(NamedTuple):
    """A word of the text: its kind, itself, and where it stands."""

    kind: str
    word: str
    place: int


def read_equation(
    quote: Quote, columns: Sequence[str], operations: Mapping[str, Primitive] = PRIMITIVES
) -> Equation:
    """Read `v' = -9.81*sin(x) - c*v`.

    Args:
      quote: the text.
      columns: names that are columns, not operations.
      operations: that may be called, by name.

    Raises:
      ValueError: it is no equation, with the column and the fix.
    """
    parts = quote.text.split("=")
    if len(parts) != 2:
        place = len(parts[0]) + 1 + len(parts[1]) if len(parts) > 2 else len(quote.text)
        quote.refuse(place, "an equation has one =, such as x' = -0.5*x")
    left = _LEFT.fullmatch(parts[0])
    if left is None:
        quote.refuse(0, "on the left of = stands a derivative such as x', and nothing else")
    right = read_expression(quote.part(len(parts[0]) + 1), columns, operations)
    name = unicodedata.normalize("NFKC", left.group(1))
    return Equation(name, quote.begin + left.start(1), right)


def read_expression(
    quote: Quote, columns: Sequence[str], operations: Mapping[str, Primitive] = PRIMITIVES
) -> Expression:
    """Read `k*(T - Ta)`, `-9.81 sin(x)` or `x^2/(1 + y)`; `...` is a name as well.

    Products may be written as the package prints them, `2 x y`. `^` is a power, as `**` is. Numbers
    among themselves are computed.

    Args:
      quote: the text.
      columns: names that are columns, not operations.
      operations: that may be called, by name.

    Raises:
      ValueError: it is no expression of numbers, names, + - * / ^, brackets and operations, is
        longer than `LONGEST` or deeper than `DEEPEST`, or a number in it is not finite; with the
        column and the fix.

    Example:
      >>> text = "2 x^2 - k"
      >>> read = read_expression(Quote(text, text), ["x"])
      >>> read.head, symbols(read)
      ('-', ('x', 'k'))
    """
    if len(quote.text) > LONGEST:
        quote.refuse(LONGEST, f"it is longer than {LONGEST} characters; write a shorter one")
    tokens = _joined(quote, list(_tokens(quote)), columns, operations)
    reader = _Reader(quote, tokens, operations)
    return reader.read()


def _tokens(quote: Quote) -> Iterator[_Token]:
    place = 0
    while place < len(quote.text):
        found = _TOKEN.match(quote.text, place)
        if found is None:
            words = "is not allowed; write numbers, names, + - * / ^, brackets and operations"
            if quote.text[place] == "'":
                words = "stands only behind the name of a state, as in x'"
            quote.refuse(place, f"{quote.text[place]!a} {words}")
        kind = str(found.lastgroup)
        if kind != "space":
            word = unicodedata.normalize("NFKC", found.group()) if kind == "name" else found.group()
            yield _Token(kind, _SPELLED.get(word, REST if kind == "rest" else word), place)
        place = found.end()


def _joined(
    quote: Quote, tokens: list[_Token], columns: Sequence[str], operations: Mapping[str, Primitive]
) -> list[_Token]:
    """Write the * that stands between two factors side by side; check brackets and calls."""
    done: list[_Token] = []
    opened: list[int] = []
    starts: dict[int, int] = {}
    for i, token in enumerate(tokens):
        _check_token(quote, token, done, opened)
        after = tokens[i + 1].word if i + 1 < len(tokens) else ""
        calls = token.kind == "name" and after == "(" and token.word not in columns
        known = token.word in operations or token.word in _ALIASES
        if token.kind == "name" and after == "(" and not (calls and known):
            what = "a column" if token.word in columns else "no operation"
            quote.refuse(
                token.place,
                f"{token.word} is {what}; a product with it is {token.word} * (…), and the "
                f"operations are {', '.join(operations)}",
            )
        if token.kind == "name" and not calls and known and token.word not in columns:
            quote.refuse(token.place, f"{token.word} is an operation; write {token.word}(…)")
        begins = token.kind != "operator" or token.word == "("
        before = done[-1] if done else None
        called = before is not None and before.kind == "call"
        ends = before is not None and (before.kind in _OPERANDS or before.word == ")")
        if before is not None and begins and ends:
            _check_product(quote, done, starts, before, token)
            done.append(_Token("operator", "*", token.place))
        if token.word == ")":
            if not opened:
                quote.refuse(token.place, "this bracket closes none; take it away")
            starts[len(done)] = opened.pop()
        if token.word == "(":
            opened.append(len(done) - called)
            if len(opened) > DEEPEST:
                quote.refuse(token.place, f"more than {DEEPEST} brackets inside one another")
        done.append(token._replace(kind="call") if calls else token)
    if opened:
        quote.refuse(done[opened[-1]].place, "this bracket is not closed; add )")
    if done and done[-1].kind == "operator" and done[-1].word != ")":
        quote.refuse(len(quote.text), f"something is missing behind {done[-1].word}")
    return done


def _check_token(quote: Quote, token: _Token, done: list[_Token], opened: list[int]) -> None:
    """Refuse words of Python's, and commas that are not between arguments."""
    if keyword.iskeyword(token.word):
        quote.refuse(token.place, f"{token.word} is no name; call it otherwise")
    if token.word == "," and not (opened and done[opened[-1]].kind == "call"):
        quote.refuse(
            token.place,
            "a comma stands only between the arguments of an operation, and a number has a point "
            "for its decimals",
        )


def _check_product(
    quote: Quote, done: list[_Token], starts: dict[int, int], before: _Token, token: _Token
) -> None:
    """Refuse a product without a sign that could be read in two ways."""
    if before.kind == token.kind == "number":
        quote.refuse(token.place, "two numbers side by side; write an operation between them")
    at = len(done) - 1
    while at >= 0:
        at = starts.get(at, at) - 1
        while at > 0 and done[at].word in "+-" and done[at - 1].word == "**":
            at -= 1
        if at < 0 or done[at].word != "**":
            break
        at -= 1
    if at >= 0 and done[at].word == "/":
        quote.refuse(token.place, "is this factor below or above the /? write brackets, or *")


class _Reader:
    """One text on its way from tokens to an expression."""

    def __init__(
        self, quote: Quote, tokens: list[_Token], operations: Mapping[str, Primitive]
    ) -> None:
        self.quote, self.tokens, self.operations = quote, tokens, operations
        # Python's parser sees operators, brackets and names of digits alone.
        words = [t.word if t.kind == "operator" else f"_{i}" for i, t in enumerate(tokens)]
        ends = np.cumsum([0, *(len(word) + 1 for word in words)])
        self.columns, self.source = ends[:-1], " ".join(words)

    def token(self, column: int) -> _Token:
        """The token at a column of what Python's parser sees."""
        found = np.searchsorted(self.columns, column, side="right") - 1
        return self.tokens[max(int(found), 0)]

    def read(self) -> Expression:
        if not self.tokens:
            self.quote.refuse(len(self.quote.text), "an expression is missing here")
        try:
            tree = ast.parse(self.source, mode="eval")
        except SyntaxError as error:
            token = self.token((error.offset or 1) - 1)
            self.quote.refuse(
                token.place, f"{token.word} does not fit here; is a factor or a sign missing?"
            )
        except (RecursionError, MemoryError):
            self.too_deep(0)
        return self.walk(tree.body, 0)

    def too_deep(self, place: int) -> NoReturn:
        self.quote.refuse(
            place, f"more than {DEEPEST} operations inside one another; write it shorter"
        )

    def walk(self, node: ast.expr, depth: int) -> Expression:
        place = self.token(node.col_offset).place
        if depth > DEEPEST:
            self.too_deep(place)
        reader = _NODES.get(type(node))
        if reader is None:
            self.quote.refuse(place, "this is no number, name or operation on them; write one")
        return reader(self, node, place, depth)

    def name(self, node: ast.Name, place: int, depth: int) -> Expression:
        token = self.token(node.col_offset)
        if token.kind == "number":
            return self.finite(float(token.word), place)
        if token.word in _CONSTANTS:
            return Expression(_CONSTANTS[token.word], (), place)
        return Expression(token.word, (), place)

    def unary(self, node: ast.UnaryOp, place: int, depth: int) -> Expression:
        inner = self.walk(node.operand, depth + 1)
        if isinstance(node.op, ast.UAdd):
            return inner
        return self.apply("*", (Expression(-1.0, (), place), inner), place)

    def binary(self, node: ast.BinOp, place: int, depth: int) -> Expression:
        # A long sum leans to the left, and costs one level for each of its terms.
        both = self.walk(node.left, depth + 1), self.walk(node.right, depth + 1)
        power = both[1].number if isinstance(node.op, ast.Pow) else None
        if power is not None and abs(power) > HIGHEST:
            self.quote.refuse(both[1].place, f"a power is at most {HIGHEST}; write a lower one")
        return self.apply(_BINARY[type(node.op)], both, place)  # type: ignore[index]

    def call(self, node: ast.Call, place: int, depth: int) -> Expression:
        token = self.token(node.func.col_offset)
        if not isinstance(node.func, ast.Name) or token.kind != "call" or node.keywords:
            self.quote.refuse(place, "only an operation is called; write * for a product")
        name = _ALIASES.get(token.word, token.word)
        arguments = tuple(self.walk(argument, depth + 1) for argument in node.args)
        if name == "sqrt" and "sqrt" not in self.operations:
            self.check_count(token, len(arguments), 1)
            return self.apply("^", (*arguments, Expression(0.5, (), place)), place)
        self.check_count(token, len(arguments), self.operations[name].arity)
        return self.apply(name, arguments, place)

    def check_count(self, token: _Token, count: int, arity: int) -> None:
        if count != arity:
            self.quote.refuse(token.place, f"{token.word} takes {arity} argument(s), not {count}")

    def apply(self, head: str, arguments: tuple[Expression, ...], place: int) -> Expression:
        """An operation, computed where there are numbers alone."""
        numbers = [a.number for a in arguments if a.number is not None]
        if len(numbers) < len(arguments) or not arguments:
            return Expression(head, arguments, place)
        function = _ARITHMETIC.get(head) or numpy_function(self.operations[head])
        with np.errstate(all="ignore"):
            try:
                value = function(*numbers)
            except (ZeroDivisionError, OverflowError):
                value = math.nan
        return self.finite(value, place)

    def finite(self, value: Any, place: int) -> Expression:
        if isinstance(value, complex) or not math.isfinite(value):
            self.quote.refuse(place, "this is no finite number; change the numbers")
        return Expression(float(value), (), place)


_NODES: dict[type[ast.AST], Callable[..., Expression]] = {
    ast.Name: _Reader.name,
    ast.UnaryOp: _Reader.unary,
    ast.BinOp: _Reader.binary,
    ast.Call: _Reader.call,
}
"""All of Python's syntax that is read."""


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
    if head in _ARITHMETIC:
        function = _ARITHMETIC[head]
    else:
        function = numpy_function(operations[head]) if numpy else operations[head].function
    return lambda values, numbers: function(*(each(values, numbers) for each in inner))
