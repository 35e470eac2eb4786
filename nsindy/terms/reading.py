"""Expressions as people write them, read by a whitelist of syntax: nothing of them is executed.

A text becomes tokens, tokens the syntax tree of Python's own parser, in which every number and name
is a placeholder, and that tree, node by node of the table `_NODES`, an `Expression`. Whatever is in
neither table is refused, with its column and what to write instead.
"""

import ast
import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from nsindy.terms.expression import ARITHMETIC, REST, Equation, Expression, Quote
from nsindy.terms.operations import PRIMITIVES, numpy_function
from nsindy.terms.primitive import Primitive

__all__ = ["DEEPEST", "HIGHEST", "LONGEST", "read_equation", "read_expression"]

LONGEST = 1000
"""Most characters of an expression: of six equations on a screen one has a hundred."""

DEEPEST = 40
"""Most brackets and operations inside one another; a sum of forty terms is as deep."""

HIGHEST = 20
"""Highest power that is a number: a library has three, and the hundredth is beyond doubles."""

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
      >>> from nsindy.terms.expression import symbols
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
        function = ARITHMETIC.get(head) or numpy_function(self.operations[head])
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
