"""Terms, numbers and equations as plain text."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jax.typing import ArrayLike

from nsindy.terms.numbered_operations import WithNumber
from nsindy.terms.primitive import StepAt, Times
from nsindy.terms.term import Term

__all__ = [
    "as_given",
    "decimals",
    "equations",
    "left_side",
    "number",
    "readable",
    "shares",
    "summed",
]


def readable(term: Term | int, variables: Sequence[str]) -> str:
    """Write a term as people do: `mul(x,mul(x,v))` as `x^2 v`, `reciprocal(x)` as `1/x`.

    Args:
      term: an operation bound to variables, or the index of one variable.
      variables: names of the states, then of the inputs.

    Example:
      >>> from nsindy.terms.term import parse
      >>> readable(parse("mul(x,mul(x,sin(v)))", ("x", "v")), ("x", "v"))
      'x^2 sin(v)'
    """
    powers = _powers(term, variables)
    numerator = " ".join(_power(base, power) for base, power in powers.items() if power > 0)
    below = [_power(base, -power) for base, power in powers.items() if power < 0]
    if not below:
        return numerator or "1"
    denominator = below[0] if len(below) == 1 else f"({' '.join(below)})"
    return f"{numerator or '1'}/{denominator}"


def _power(base: str, power: int) -> str:
    return base if power == 1 else f"{base}^{power}"


def _powers(term: Term | int, variables: Sequence[str]) -> dict[str, int]:
    """The bases of a product and the power of each, in the order of the term."""
    if not isinstance(term, Term):
        return {variables[term]: 1}
    name, arguments = term.primitive.name, term.arguments
    if name == "one":
        return {}
    if isinstance(term.primitive.function, Times):
        return {number(term.primitive.function.number): 1, **_powers(arguments[0], variables)}
    if isinstance(term.primitive.function, StepAt):
        at = term.primitive.function.time
        sign = "+" if at < 0 else "-"
        return {f"step({_sum(arguments[0], variables)} {sign} {number(abs(at))})": 1}
    if isinstance(term.primitive.function, WithNumber):
        own = term.primitive.function
        words = [_sum(argument, variables) for argument in arguments]
        return dict(own.operation.written(*words, *map(number, own.numbers)))
    if name == "add":
        return {f"({_sum(term, variables)})": 1}
    if name == "drag":
        (base,) = (_sum(argument, variables) for argument in arguments)
        return {f"abs({base})": 1, **_powers(arguments[0], variables)}
    if name in ("identity", "mul", "square", "reciprocal", "saturation"):
        times = {"square": 2, "reciprocal": -1}.get(name, 1)
        powers: dict[str, int] = {}
        for argument in arguments:
            for base, power in _powers(argument, variables).items():
                powers[base] = powers.get(base, 0) + times * power
        if name == "saturation":
            base = f"(1 + {_sum(arguments[0], variables)})"
            powers[base] = powers.get(base, 0) - 1
        return {base: power for base, power in powers.items() if power}
    return {f"{name}({', '.join(_sum(argument, variables) for argument in arguments)})": 1}


def _sum(term: Term | int, variables: Sequence[str]) -> str:
    if isinstance(term, Term) and term.primitive.name == "add":
        return " + ".join(_sum(argument, variables) for argument in term.arguments)
    return readable(term, variables)


def decimals(error: float) -> int:
    """Decimals that a standard error justifies: to its first digit, or its second if that is 1."""
    mantissa, place = f"{error:.1e}".split("e")
    return (mantissa[0] == "1") - int(place)


def as_given(values: ArrayLike) -> np.ndarray:
    """The errors with which `number` writes values as they were given, to twelve digits.

    Example:
      >>> number(9.80665, as_given(9.80665)), number(-2.0, as_given(-2.0))
      ('9.80665', '-2')
    """

    def one(value):
        if value == 0:
            return 0.0
        mantissa, _, power = f"{value:.11e}".partition("e")
        digits = len(mantissa.rstrip("0").partition(".")[2])
        return 2 * 10.0 ** (int(power) - digits)

    return np.vectorize(one, otypes=[float])(values)


def number(value: float, error: float | None = None, *, precision: int | None = None) -> str:
    """Write a number with the digits that its error justifies.

    Args:
      value: the number.
      error: its standard error, in the same units; if it is None, zero or not finite, four
        significant digits are written. One significant digit is written at the least.
      precision: number of decimals, instead.

    Example:
      >>> number(1.23456, 0.02), number(1.23456), number(1.23456, precision=1)
      ('1.23', '1.235', '1.2')
    """
    value = float(value)
    if precision is not None or not math.isfinite(value):
        return f"{value:.{precision or 0}f}"
    known = error is not None and math.isfinite(error) and error > 0
    size = max(abs(value), float(error) if known and error is not None else 0.0)
    place = math.floor(math.log10(size)) if size > 0 else 0
    digits = decimals(float(error)) if known and error is not None else 3 - place
    if value and round(value, digits) == 0:
        # Of what is smaller than its error one digit stays: it is not 0.
        digits = -math.floor(math.log10(abs(value)))
    if place < -5 or place > 6:
        return f"{value:.{max(digits + place, 0)}e}"
    return f"{round(value, digits):.{max(digits, 0)}f}"


def left_side(state: str, *, map: bool = False) -> str:
    """What an equation begins with, `x'`, or `x[n+1]` of a map."""
    return f"{state}[n+1]" if map else f"{state}'"


def equations(
    coefficients: ArrayLike,
    names: Sequence[str],
    states: Sequence[str],
    *,
    precision: int | None = 3,
    errors: ArrayLike | None = None,
    map: bool = False,
) -> list[str]:
    """Write equations, `v' = -1.000 identity(x) - 0.100 identity(v)`; of 1 there is the number.

    Args:
      coefficients: Ξ [D, M]; zero coefficients are left out.
      names: the M terms as text.
      states: names of the D state variables.
      precision: number of decimals; None writes the digits that the errors justify.
      errors: standard errors [D, M], for that.
      map: True where they give the next state, and not a derivative.

    Raises:
      ValueError: the names or the states do not match the shape of the coefficients.

    Example:
      >>> equations([[0.0, 1.0], [-1.0, -0.1]], ["x", "v"], ["x", "v"])
      ["x' = 1.000 v", "v' = -1.000 x - 0.100 v"]
    """
    rows = np.asarray(coefficients)
    uncertain = np.zeros(rows.shape) if errors is None else np.asarray(errors)
    lines = []
    for state, row, spread in zip(states, rows, uncertain, strict=True):
        words = [
            f"{number(value, error, precision=precision)}{'' if name == '1' else f' {name}'}"
            for value, error, name in zip(row, spread, names, strict=True)
            if value != 0
        ]
        right = summed(words) or number(0.0, precision=precision)
        lines.append(f"{left_side(state, map=map)} = {right}")
    return lines


def summed(words: Iterable[str]) -> str:
    """Write a sum of terms, the signs of their numbers between them.

    Example:
      >>> summed(["-1.0 x", "2.0", "-0.1 y"])
      '-1.0 x + 2.0 - 0.1 y'
    """
    joined = " + ".join(words)
    return joined.replace(" + -", " - ")


def shares(values: Iterable[Any]) -> str:
    """Write R² of several states, `0.9998, below -10`; one that is not finite has diverged."""

    def one(value):
        if not math.isfinite(value):
            return "diverged"
        return f"{value:.4f}" if value > -10 else "below -10"

    return ", ".join(map(one, map(float, values)))
