"""A right-hand side as p/q over its generators, and the monomials that p and q have.

Generators are the states, and what is no ratio of polynomials in them: sin, exp, roots; numbers
inside them are masked.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import sympy

__all__ = ["SMALL", "Equation", "Monomials", "Number", "monomials", "same_monomials"]

SMALL = 1e-6
"""Share of the largest monomial of a polynomial below which one is absent."""

AGREE = 3.0
"""Standard errors within which a sum is zero."""


class Number(NamedTuple):
    """A found number: its value, its standard error (NaN where it is unknown), and its name."""

    value: float
    error: float
    name: str


class Equation(NamedTuple):
    """A right-hand side whose numbers are symbols.

    Attributes:
      expression: in the symbols of states and numbers.
      numbers: by their symbols.
      coefficients: the symbols of those that multiply a term.
    """

    expression: sympy.Expr
    numbers: dict[sympy.Symbol, Number]
    coefficients: tuple[sympy.Symbol, ...] = ()


class Monomials(NamedTuple):
    """Those of one polynomial, each as the names of its factors.

    Attributes:
      certain: that it has.
      possible: that it may have: these, and sums that are zero within their errors.
    """

    certain: set[tuple[str, ...]]
    possible: set[tuple[str, ...]]


def same_monomials(one: Sequence[Monomials], other: Sequence[Monomials]) -> bool:
    """Whether two ratios may have the same, those that either has for certain among them."""
    return all(
        a.certain <= b.possible and b.certain <= a.possible for a, b in zip(one, other, strict=True)
    )


def monomials(
    equation: Equation, states: Sequence[sympy.Symbol], points: np.ndarray
) -> tuple[Monomials, Monomials]:
    """The monomials of numerator and denominator.

    Args:
      equation: the right-hand side.
      states: symbols of the D states.
      points: states [N, D] over which the sizes of monomials are compared.
    """
    generators = _Generators(set(states))
    replaced = generators.replaced(sympy.expand_trig(equation.expression))
    values = {symbol: number.value for symbol, number in equation.numbers.items()}
    columns = dict(zip(states, points.T, strict=True))
    for e, generator in generators.of.items():
        function = sympy.lambdify(states, e.xreplace(values), "numpy")
        columns[generator] = np.broadcast_to(function(*points.T), len(points))
    labels = generators.labels(values)
    top, bottom = (
        _monomials(generators.reduced(part), equation, columns, labels)
        for part in sympy.fraction(sympy.together(replaced))
    )
    return top, bottom


@dataclasses.dataclass
class _Generators:
    """What the polynomials of an equation are in: its states, and functions of them as symbols."""

    states: set[sympy.Symbol]
    of: dict[sympy.Expr, sympy.Symbol] = dataclasses.field(default_factory=dict)
    relations: dict[sympy.Symbol, tuple[int, sympy.Expr]] = dataclasses.field(default_factory=dict)
    """g^n = r of a generator g: its n and r."""

    def replaced(self, e: sympy.Expr) -> sympy.Expr:
        """A ratio of polynomials in the generators that is equal to e."""
        if not e.free_symbols & self.states or e in self.states:
            return e
        if e.is_Add or e.is_Mul:
            return e.func(*map(self.replaced, e.args))
        if isinstance(e, sympy.Abs):
            return self.replaced(e.args[0]) * self.replaced(sympy.sign(e.args[0]))
        if e.is_Pow and e.exp.is_Integer:
            return self.replaced(e.base) ** e.exp
        if e.is_Pow and e.exp.is_Rational:
            root = self._generator(e.base ** sympy.Rational(1, e.exp.q))
            self.relations[root] = int(e.exp.q), self.replaced(e.base)
            return root**e.exp.p
        generator = self._generator(e)
        if isinstance(e, sympy.sin):
            self.relations[generator] = 2, 1 - self._generator(sympy.cos(*e.args)) ** 2
        if isinstance(e, sympy.sign):
            self.relations[generator] = 2, sympy.Integer(1)
        return generator

    def _generator(self, e: sympy.Expr) -> sympy.Symbol:
        return self.of.setdefault(e, sympy.Dummy(real=True))

    def reduced(self, polynomial: sympy.Expr) -> sympy.Expr:
        """A polynomial in which every relation was used."""
        for generator, (power, equal) in self.relations.items():
            found = sympy.Poly(polynomial, generator)
            polynomial = sympy.Add(
                *(c * equal ** (k // power) * generator ** (k % power) for (k,), c in found.terms())
            )
        return polynomial

    def labels(self, values: Mapping[sympy.Symbol, float]) -> dict[sympy.Symbol, str]:
        """What generators are called where numbers inside are masked, the smallest first."""
        found: dict[sympy.Symbol, str] = {}
        count: dict[str, int] = {}
        for e, generator in sorted(self.of.items(), key=lambda pair: _size(pair[0], values)):
            masked = str(_masked(e, self.states, set(values)))
            place = count[masked] = count.get(masked, -1) + 1
            found[generator] = f"{masked} {place}"
        return found | {state: state.name for state in self.states}


def _masked(e: sympy.Expr, states: set[sympy.Symbol], numbers: set[sympy.Symbol]) -> sympy.Expr:
    """The same with one mask for all that is made of numbers: -x/K and w x are both number x."""
    if not e.free_symbols & numbers:
        return e
    mask = sympy.Symbol("number")
    if not e.free_symbols & states:
        return mask
    if not e.is_Mul:
        return e.func(*(_masked(each, states, numbers) for each in e.args))
    fixed, rest = e.as_independent(*states)
    return (mask if fixed.free_symbols else fixed) * _masked(rest, states, numbers)


def _size(e: sympy.Expr, values: Mapping[sympy.Symbol, float]) -> tuple[float, ...]:
    return tuple(values[s] for s in sorted(e.free_symbols & values.keys(), key=str))


def _monomials(
    polynomial: sympy.Expr,
    equation: Equation,
    columns: dict[sympy.Symbol, np.ndarray],
    labels: dict[sympy.Symbol, str],
) -> Monomials:
    """Those of one polynomial."""
    found = {}
    for powers, coefficient in sympy.Poly(sympy.expand(polynomial), *columns).terms():
        value, error = _propagated(coefficient, equation.numbers)
        typical = functools.reduce(
            np.multiply, (c**k for c, k in zip(columns.values(), powers, strict=True))
        )
        name = tuple(
            sorted(labels[g] for g, k in zip(columns, powers, strict=True) for _ in range(k))
        )
        summed = len(sympy.Add.make_args(sympy.expand(coefficient))) > 1
        size = abs(value) * float(np.sqrt(np.mean(typical**2)))
        found[name] = size, summed and abs(value) <= AGREE * error
    largest = max(size for size, _ in found.values())
    present = {name for name, (size, _) in found.items() if size > SMALL * largest}
    zero = {name for name, (_, cancels) in found.items() if cancels}
    return Monomials(present - zero, present | zero)


def _propagated(
    coefficient: sympy.Expr, numbers: Mapping[sympy.Symbol, Number]
) -> tuple[float, float]:
    """Value and standard error of what is made of numbers, their errors taken as independent."""
    values = {symbol: number.value for symbol, number in numbers.items()}
    square = 0.0
    for symbol in coefficient.free_symbols & numbers.keys():
        error = numbers[symbol].error
        if math.isfinite(error) and error > 0:
            square += (float(coefficient.diff(symbol).subs(values)) * error) ** 2
    return float(coefficient.subs(values)), math.sqrt(square)
