"""Laws of a person's own, as they are written."""

from collections.abc import Sequence
from typing import NamedTuple

from nsindy.discovery import constants
from nsindy.discovery.preparation.known import Names
from nsindy.terms.expression import Expression, Quote, check_unlike, symbols
from nsindy.terms.primitive import Primitive
from nsindy.terms.reading import read_equation

__all__ = ["Law", "read_laws"]


class Law(NamedTuple):
    """A system of equations with numbers to fit.

    Attributes:
      text: as it was written.
      rows: right-hand side of the equation of each state that it has one for, by its place.
      numbers: names of what is fitted.
      columns: names of the variables.
      operations: that it calls, by name.
    """

    text: str
    rows: dict[int, Expression]
    numbers: tuple[str, ...]
    columns: tuple[str, ...]
    operations: dict[str, Primitive]


def read_laws(texts: Sequence[str], names: Names) -> list[Law]:
    """Read laws, one a text; the equations of one are parted by semicolons.

    Raises:
      ValueError: one cannot be read, with the column and the fix.
    """
    return [_read(text, names) for text in texts]


def _read(text: str, names: Names) -> Law:
    rows: dict[int, Expression] = {}
    numbers: dict[str, None] = {}
    begin = 0
    for part in text.split(";"):
        quote = Quote(text, text).part(begin, begin + len(part))
        begin += len(part) + 1
        equation = read_equation(quote, names.columns, names.operations)
        row = names.row(Quote(text, text), equation.left, equation.place)
        right = quote.part(part.index("=") + 1)
        if row in rows:
            quote.refuse(0, f"{equation.left} has an equation already; leave one out")
        new = [name for name in symbols(equation.right) if name not in names.columns]
        for name in new:
            if name in ("...", "t", "time"):
                words = "the time is no variable; give it as a column of inputs"
                right.refuse(0, words if name != "..." else "a law has no ..., write all of it")
        check_unlike(right, equation.right, new, names.columns)
        rows[row] = equation.right
        numbers |= dict.fromkeys(new)
    if len(numbers) > constants.LAW_NUMBERS:
        quote.refuse(0, f"{len(numbers)} numbers to fit are too many; {constants.LAW_NUMBERS} go")
    return Law(text, rows, tuple(numbers), names.columns, names.operations)
