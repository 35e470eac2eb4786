"""Terms and equations in SymPy, LaTeX and MathML."""

import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple
from xml.dom import minidom

import numpy as np
import sympy
from jax.typing import ArrayLike
from sympy.printing.latex import LatexPrinter
from sympy.printing.mathml import MathMLPresentationPrinter

from nsindy.terms.numbered_operations import WithNumber
from nsindy.terms.primitive import StepAt, Times
from nsindy.terms.term import Term
from nsindy.terms.text import number

__all__ = ["expression", "expressions", "latex", "mathml", "pieces"]

_GREEK = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi"
_SIMPLE = re.compile(rf"([A-Za-z]|{'|'.join(_GREEK.split())}|chi|psi|omega)(_?[0-9]+|_[A-Za-z]+)?")
# Names of several letters must not run together.
_TIMES = '<mo>&#8290;</mo><mspace width="0.17em"/>'
_DOTS = ("", "˙", "¨", "⃛")


def expression(
    term: Term | int, symbols: Sequence[sympy.Symbol], *, short: bool = False
) -> sympy.Expr:
    """A term as a SymPy expression of the symbols of states and inputs.

    Args:
      term: the term.
      symbols: of the states, then of the inputs.
      short: round the numbers inside a term to four digits, for print.
    """
    if not isinstance(term, Term):
        return symbols[term]
    own, row = term.primitive.function, term.primitive.sympy
    arguments = [expression(argument, symbols, short=short) for argument in term.arguments]
    if isinstance(own, Times):
        return sympy.Float(number(own.number) if short else own.number) * arguments[0]
    if isinstance(own, StepAt):
        return sympy.Heaviside(arguments[0] - sympy.Float(number(own.time) if short else own.time))
    if isinstance(own, WithNumber):
        values = [sympy.Float(number(each) if short else each) for each in own.numbers]
        return own.sympy(sympy, *arguments, *values)
    if row is None:
        return sympy.Function(term.primitive.name)(*arguments)
    return row(sympy, *arguments)


def expressions(
    coefficients: ArrayLike, terms: Sequence[Term], variables: Sequence[str]
) -> list[sympy.Expr]:
    """Right-hand sides as SymPy expressions, with every digit of the coefficients.

    Args:
      coefficients: Ξ [D, M]; zero coefficients are left out.
      terms: the M terms.
      variables: names of the states, then of the inputs, each a `sympy.Symbol`.
    """
    symbols = [sympy.Symbol(name) for name in variables]
    return [
        sympy.Add(
            *(
                sympy.Float(float(value)) * expression(term, symbols)
                for value, term in zip(row, terms, strict=True)
                if value != 0
            )
        )
        for row in np.asarray(coefficients)
    ]


def latex(
    coefficients: ArrayLike,
    terms: Sequence[Term],
    states: Sequence[str],
    variables: Sequence[str],
    *,
    errors: ArrayLike | None = None,
    precision: int | None = None,
    map: bool = False,
) -> list[str]:
    r"""Write equations as LaTeX, `\dot{v} = -1.0003\,x - 0.0999\,v`.

    Args:
      coefficients: Ξ [D, M]; zero coefficients are left out.
      terms: the M terms.
      states: names of the D states; `x'` is the velocity of x, and its equation is one for ẍ.
      variables: names of all states, then of the inputs.
      errors: standard errors [D, M], which decide the digits.
      precision: number of decimals, instead.
      map: True where they give the next state, x_{n+1}, and not a derivative.
    """
    words = {sympy.Symbol(name): _latex_symbol(name) for name in variables}
    printer = LatexPrinter({"symbol_names": words, "mul_symbol": r" \, "})
    lines = []
    rows = _summands(coefficients, terms, variables, errors, precision)
    for state, row in zip(states, rows, strict=True):
        line = ""
        for each in row:
            size = each.mantissa
            if each.power:
                size += rf" \cdot 10^{{{int(each.power)}}}"
            body = printer.doprint(each.factor)
            body = rf"\left({body}\right)" if each.factor.is_Add else body
            sign = (
                "- " if each.negative and line else "-" if each.negative else "+ " if line else ""
            )
            line += f" {sign}{size}" + ("" if each.factor == 1 else rf"\,{body}")
        left = f"{{{_latex_symbol(state)}}}_{{n+1}}" if map else _latex_symbol(state + "'")
        lines.append(f"{left} = {line.strip() or '0'}")
    return lines


def pieces(
    coefficients: ArrayLike,
    terms: Sequence[Term],
    states: Sequence[str],
    variables: Sequence[str],
    *,
    errors: ArrayLike | None = None,
    precision: int | None = None,
    map: bool = False,
) -> list[list[str]]:
    """The parts of every equation in MathML, `ẋ =` and its terms, between which a line may break.

    Arguments are those of `latex`.
    """
    lines = []
    rows = _summands(coefficients, terms, variables, errors, precision)
    for state, row in zip(states, rows, strict=True):
        left = _mathml_symbol(state if map else state + "'").toxml()
        if map:
            left = f"<msub>{left}<mrow><mi>n</mi><mo>+</mo><mn>1</mn></mrow></msub>"
        words = [f"<mrow>{left}<mo>=</mo></mrow>"]
        for each in row:
            size = f"<mn>{each.mantissa}</mn>"
            if each.power:
                size += f"<mo>·</mo><msup><mn>10</mn><mn>{int(each.power)}</mn></msup>"
            body = _printed(each.factor)
            body = f"<mo>(</mo>{body}<mo>)</mo>" if each.factor.is_Add else body
            body = "" if each.factor == 1 else _TIMES + body
            # Between terms a sign has space on both sides, also where a line breaks before it.
            form = "infix" if len(words) > 1 else "prefix"
            sign = f'<mo form="{form}">{"−" if each.negative else "+"}</mo>'
            sign = sign if each.negative or len(words) > 1 else ""
            words.append(f"<mrow>{sign}{size}{body}</mrow>")
        lines.append(words if len(words) > 1 else [*words, "<mn>0</mn>"])
    return lines


def mathml(term: Term, variables: Sequence[str]) -> str:
    """One term as presentation MathML, without the `<math>` around it."""
    symbols = [sympy.Symbol(name) for name in variables]
    return _printed(expression(term, symbols, short=True))


class _Summand(NamedTuple):
    """One coefficient, ±mantissa · 10^power with power empty for 0, and the term it multiplies."""

    negative: bool
    mantissa: str
    power: str
    factor: sympy.Expr


def _summands(
    coefficients: ArrayLike,
    terms: Sequence[Term],
    variables: Sequence[str],
    errors: ArrayLike | None,
    precision: int | None,
) -> list[list[_Summand]]:
    """The terms of every equation that have a coefficient."""
    symbols = [sympy.Symbol(name) for name in variables]
    values = np.asarray(coefficients)
    spread = np.zeros(values.shape) if errors is None else np.asarray(errors)
    rows = []
    for row, uncertain in zip(values, spread, strict=True):
        summands = []
        for value, error, term in zip(row, uncertain, terms, strict=True):
            if value != 0:
                digits = number(abs(value), error, precision=precision)
                mantissa, _, power = digits.partition("e")
                factor = expression(term, symbols, short=True)
                summands.append(_Summand(bool(value < 0), mantissa, power, factor))
        rows.append(summands)
    return rows


def _undotted(name: str) -> tuple[str, int]:
    base = name.rstrip("'")
    dots = len(name) - len(base)
    return (base, dots) if base and dots < len(_DOTS) else (name, 0)


def _latex_symbol(name: str) -> str:
    base, dots = _undotted(name)
    if _SIMPLE.fullmatch(base):
        word = sympy.latex(sympy.Symbol(base))
    else:
        special = {"\\": r"\backslash ", "^": r"\hat{}", "~": r"\sim ", " ": r"\ "}
        special |= {letter: rf"\{letter}" for letter in "{}$&#_%"}
        word = rf"\mathrm{{{''.join(special.get(letter, letter) for letter in base)}}}"
    return rf"\{'d' * dots}ot{{{word}}}" if dots else word


def _mathml_symbol(name: str) -> minidom.Element:
    base, dots = _undotted(name)
    if _SIMPLE.fullmatch(base):
        word = MathMLPresentationPrinter().doprint(sympy.Symbol(base))
    else:
        # XML has no control characters.
        word = f"<mi>{escape(''.join(c if c.isprintable() else '�' for c in base))}</mi>"
    if dots:
        word = f"<mover>{word}<mo>{_DOTS[dots]}</mo></mover>"
    root = minidom.parseString(word).documentElement
    assert root is not None
    return root


def _printed(written: sympy.Expr) -> str:
    text = _MathML({"order": "none"}).doprint(written)
    text = text.replace("<mo>&InvisibleTimes;</mo>", _TIMES)
    return text.replace("&ExponentialE;", "e")


class _MathML(MathMLPresentationPrinter):
    """SymPy's printer, with dots for velocities and names of any characters."""

    def _print_Symbol(self, sym: sympy.Symbol, style: str = "plain") -> minidom.Element:
        del style
        return _mathml_symbol(sym.name)
