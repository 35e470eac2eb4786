"""Terms: operations bound to coordinates, parsed from text and written as text."""

import dataclasses
from collections.abc import Sequence

from nsindy.terms import operations
from nsindy.terms.primitive import TERM, Primitive, smooth_sign

__all__ = ["Term", "by_depth", "composed_terms", "paper_terms", "parse", "without_jumps"]


@dataclasses.dataclass(frozen=True)
class Term:
    """A primitive bound to arguments, each a state (its index) or another term.

    Attributes:
      primitive: the operation.
      arguments: for each argument the index of a state variable, or a nested term; none for a
        constant, `one()`.
    """

    primitive: Primitive
    arguments: "tuple[int | Term, ...]"

    def __post_init__(self):
        if len(self.arguments) != self.primitive.arity:
            raise ValueError(
                f"{self.primitive.name} takes {self.primitive.arity} argument(s), "
                f"not {len(self.arguments)}"
            )

    @property
    def depth(self) -> int:
        """Number of operations on the longest path to a state, 1 for a constant."""
        return 1 + max((a.depth for a in self.arguments if isinstance(a, Term)), default=0)

    @property
    def complexity(self) -> float:
        """The paper's price: the sum of the complexities of its operations, in units of α."""
        inner = sum(a.complexity for a in self.arguments if isinstance(a, Term))
        return self.primitive.complexity + inner

    @property
    def nats(self) -> float:
        """Discovery's price: `primitive.TERM` and the sum of the nats of its operations."""
        inner = sum(a.nats - TERM for a in self.arguments if isinstance(a, Term))
        return TERM + self.primitive.nats + inner

    def name(self, states: Sequence[str]) -> str:
        """Text of the term in the names of the states, `add(x,v)`."""
        words = (a.name(states) if isinstance(a, Term) else states[a] for a in self.arguments)
        return f"{self.primitive.name}({','.join(words)})"


def parse(text: str, states: tuple[str, ...]) -> Term:
    """Parse a term, `identity(x)`, `mul(x,sin(v))` or `one()`.

    Args:
      text: an operation and its arguments, each the name of a state or another term.
      states: names of the state variables.

    Raises:
      ValueError: the text is not a term, names an unknown operation or state, or gives an operation
        the wrong number of arguments.

    Example:
      >>> term = parse("mul(x,sin(v))", ("x", "v"))
      >>> term.depth, term.name(("q", "p"))
      (2, 'mul(q,sin(p))')
    """
    head, bracket, tail = text.strip().partition("(")
    if not bracket or not tail.endswith(")"):
        raise ValueError(f"cannot read the term {text!r}; write it as identity(x) or mul(x,v)")
    primitive = operations.get(head.strip())
    arguments, level, start = [], 0, 0
    inner = tail[:-1]
    for position, letter in enumerate(inner + ","):
        level += (letter == "(") - (letter == ")")
        if letter == "," and level == 0:
            arguments.append(inner[start:position].strip())
            start = position + 1
    if primitive.arity == 0 and arguments == [""]:
        arguments = []
    bound: list[int | Term] = []
    for argument in arguments:
        if "(" in argument:
            bound.append(parse(argument, states))
        elif argument in states:
            bound.append(states.index(argument))
        else:
            raise ValueError(
                f"unknown state {argument!r} in the term {text!r}; states: {', '.join(states)}"
            )
    return Term(primitive, tuple(bound))


def paper_terms(states: Sequence[str] = ("x", "v")) -> tuple[str, ...]:
    """Names of the eight terms of the paper, in its order.

    Example:
      >>> paper_terms()[-2:]
      ('add(x,v)', 'mul(x,v)')
    """
    unary = tuple(f"{name}({state})" for name in ("identity", "sin", "cos") for state in states)
    return (*unary, *(f"{name}({','.join(states)})" for name in ("add", "mul")))


def composed_terms(states: Sequence[str]) -> tuple[str, ...]:
    """Names of the operations on two states, and of their compositions once more.

    Of the compositions stand those that are no linear combination of others: sin and cos of sums
    and products, products of a state with sin and cos, products of three states.
    """
    x, y = states
    once = [f"{name}({state})" for name in ("identity", "sin", "cos") for state in states]
    squares = [f"mul({x},{x})", f"mul({x},{y})", f"mul({y},{y})"]
    waves = [f"mul({s},{name}({u}))" for name in ("sin", "cos") for s in states for u in states]
    cubes = [f"mul({x},{square})" for square in squares] + [f"mul({y},{squares[2]})"]
    inner = [f"{name}({pair}({x},{y}))" for name in ("sin", "cos") for pair in ("add", "mul")]
    return (*once, f"add({x},{y})", *squares, *waves, *cubes, *inner)


def by_depth(terms: Sequence[Term]) -> list[list[Term]]:
    """Every distinct term and sub-term, grouped by depth, those of depth 1 first."""
    nodes: dict[Term, None] = {}

    def visit(term: Term):
        for argument in term.arguments:
            if isinstance(argument, Term):
                visit(argument)
        nodes[term] = None

    for term in terms:
        visit(term)
    depths = sorted({node.depth for node in nodes})
    return [[node for node in nodes if node.depth == depth] for depth in depths]


def without_jumps(terms: Sequence[Term], widths: Sequence[float]) -> tuple[Term, ...]:
    """The terms with a steep slope in place of every jump, so that a solver can stay in it.

    Dry friction holds a body still: x' has no value there but one between those on both sides.

    Args:
      terms: the terms.
      widths: ε of tanh(x / ε) for each variable whose sign is to be smooth, from the first.
    """

    def smooth(term):
        if not isinstance(term, Term):
            return term
        place = term.arguments[0] if term.arguments else None
        if term.primitive.name == "sign" and isinstance(place, int) and place < len(widths):
            return Term(smooth_sign(widths[place]), term.arguments)
        return Term(term.primitive, tuple(map(smooth, term.arguments)))

    return tuple(map(smooth, terms))
