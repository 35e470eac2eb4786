"""Whether an equation with numbers inside its terms has the form of the true one, and its numbers.

An equation is right in form when three things hold:

1. Its numbers can be chosen so that it is the truth, for every state. Those numbers, and not the
   ones that the truth was written with, are what the found numbers are held against: for
   a x/(K + x) written as a - b/(K + x), b is held against a K. They are found by least squares
   from the found ones. A number that belongs to an operation, as 1 in x/(1 + x), is not free.
2. No term vanishes there: one that does is a false term.
3. As p/q over the same generators, both have the same monomials in p and in q. Generators are the
   states, and what is no ratio of polynomials in them: sin, exp, roots; numbers inside are masked.
   A monomial counts as absent when it is small beside the largest of its polynomial, and may be
   either when several terms cancel in it within their errors. So y - y x²/(K² + x²) has the form
   of y K²/(K² + x²) where its two coefficients agree, and not where they differ.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import sympy
from scipy.optimize import least_squares

from nsindy.result.discovery import Discovery
from support.rational_ratio import SMALL, Equation, Number, monomials, same_monomials

__all__ = [
    "Judgement",
    "found_equations",
    "free_equation",
    "judge",
    "plain_equation",
    "symbols",
]

POINTS = 400
"""Where functions are compared, at random in the box that holds the recorded states."""


class Judgement(NamedTuple):
    """What is said of one equation.

    Attributes:
      form: whether its form is the true one.
      true: the numbers that make it the truth, by symbol; empty where there are none.
    """

    form: bool
    true: dict[sympy.Symbol, float]


def symbols(names: Sequence[str], states: np.ndarray) -> list[sympy.Symbol]:
    """Symbols of states [N, D], positive where all their values are."""
    return [
        sympy.Symbol(name, positive=True) if low > 0 else sympy.Symbol(name, real=True)
        for name, low in zip(names, np.min(states, 0), strict=True)
    ]


def plain_equation(
    text: str | sympy.Expr, states: Sequence[sympy.Symbol], values: Mapping[str, float]
) -> Equation:
    """An equation as it is written, with numbers that have names and no errors."""
    own = {name: sympy.Symbol(f"true {name}", real=True) for name in values}
    names = {symbol.name: symbol for symbol in states} | own
    numbers = {own[name]: Number(value, 0.0, name) for name, value in values.items()}
    return Equation(sympy.sympify(text, locals=names), numbers)


def free_equation(expression: sympy.Expr, states: Sequence[sympy.Symbol]) -> Equation:
    """An equation whose floats are its numbers, of unknown errors."""
    inside: dict[sympy.Symbol, Number] = {}
    named = {sympy.Symbol(symbol.name): symbol for symbol in states}
    return Equation(_with_symbols(expression.xreplace(named), inside), inside)


def found_equations(discovery: Discovery, states: Sequence[sympy.Symbol]) -> list[Equation]:
    """The equations of a discovery: a symbol for each coefficient and each number inside a term."""
    coefficients, errors = map(np.asarray, (discovery.coefficients, discovery.standard_errors))
    values = dict(getattr(discovery, "parameters", None) or {})
    spread = dict(getattr(discovery, "parameter_errors", None) or {})
    inside = {
        sympy.Symbol(f"inside {name}", real=True): Number(
            float(value), float(spread.get(name, math.nan)), name
        )
        for name, value in values.items()
    }
    # Every term by itself, from equations that hold it once.
    chosen = np.flatnonzero(np.any(coefficients != 0, axis=0))
    single = dataclasses.replace(discovery, coefficients=np.eye(coefficients.shape[1])[chosen])
    named = {sympy.Symbol(symbol.name): symbol for symbol in states}
    terms = [term.xreplace(named) for term in single.to_sympy()]
    terms = [_with_symbols(term, inside) for term in terms]
    equations = []
    for d, state in enumerate(discovery.states):
        own = {}
        expression = sympy.Integer(0)
        for m, term in zip(chosen, terms, strict=True):
            if coefficients[d, m] != 0:
                symbol = sympy.Symbol(f"of {m}", real=True)
                name = f"{state}' {discovery.terms[m]}"
                own[symbol] = Number(float(coefficients[d, m]), float(errors[d, m]), name)
                expression += symbol * term
        used = {s: n for s, n in inside.items() if s in expression.free_symbols}
        equations.append(Equation(expression, own | used, tuple(own)))
    return equations


def _with_symbols(term: sympy.Expr, inside: dict[sympy.Symbol, Number]) -> sympy.Expr:
    """A term whose floats are symbols; those of no known name are added to `inside`."""
    factor, rest = term.as_coeff_Mul()
    term = rest if float(factor) == 1 else term
    return term.xreplace({each: _symbol(each, inside) for each in term.atoms(sympy.Float)})


def _symbol(number: sympy.Float, inside: dict[sympy.Symbol, Number]) -> sympy.Expr:
    """The number that a float is, or a power of it, as K² is of K."""
    value = float(number)
    for symbol, known in inside.items():
        for power in (1, 2, -1, -2, 3, 4) if known.value else (1,):
            for sign in (1, -1):
                if math.isclose(value, sign * known.value**power, rel_tol=1e-9):
                    return sign * symbol**power
    symbol = sympy.Symbol(f"inside {value!r}", real=True)
    inside[symbol] = Number(value, math.nan, f"{value:.4g}")
    return symbol


def judge(
    found: Equation, truth: Equation, states: Sequence[sympy.Symbol], values: np.ndarray
) -> Judgement:
    """Hold an equation against the true one.

    Args:
      found: the equation.
      truth: the true one.
      states: symbols of the D states of both.
      values: of the states, clean [N, D].
    """
    if found.expression.free_symbols - {*states, *found.numbers}:
        # A forcing of the time is in no truth.
        return Judgement(False, {})
    low, high = values.min(0), values.max(0)
    points = low + (high - low) * np.random.default_rng(0).random((POINTS, len(states)))
    true = _true_numbers(found, truth, states, points)
    if true is None or _vanishing(found, true, states, points):
        return Judgement(False, {})
    kept = _settled(found, true), _settled(truth, {s: n.value for s, n in truth.numbers.items()})
    one, other = (monomials(each, states, points) for each in kept)
    return Judgement(same_monomials(one, other), true)


def _settled(equation: Equation, true: Mapping[sympy.Symbol, float]) -> Equation:
    """The same without exponents and factors inside functions that are halves of whole numbers.

    So sign(x) |x|^p with p = 2 is x |x|, and sin(w x) with w = 2 is 2 sin(x) cos(x).
    """
    inner = set().union(
        *(e.free_symbols for e in equation.expression.atoms(sympy.Function)),
        *(e.exp.free_symbols for e in equation.expression.atoms(sympy.Pow)),
    )
    whole = {
        symbol: sympy.Rational(round(2 * value), 2)
        for symbol, value in true.items()
        if symbol in inner and abs(value - round(2 * value) / 2) <= SMALL
    }
    numbers = {s: n for s, n in equation.numbers.items() if s not in whole}
    return equation._replace(expression=equation.expression.subs(whole), numbers=numbers)


def _values(
    equation: Equation, states: Sequence[sympy.Symbol], points: np.ndarray
) -> Callable[[Sequence[float] | np.ndarray], np.ndarray]:
    """A function of the numbers of an equation, to its values at points [N, D]."""
    function = sympy.lambdify([*states, *equation.numbers], equation.expression, "numpy")

    def at(numbers: Sequence[float] | np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            found = function(*points.T, *numbers)
        return np.nan_to_num(np.broadcast_to(np.real(found), len(points)), nan=1e6)

    return at


def _true_numbers(
    found: Equation, truth: Equation, states: Sequence[sympy.Symbol], points: np.ndarray
) -> dict[sympy.Symbol, float] | None:
    """Numbers that make an equation the truth, those next to what was found; None for none."""
    target = _values(truth, states, points)([n.value for n in truth.numbers.values()])
    size = float(np.sqrt(np.mean(target**2)))
    start = np.array([n.value for n in found.numbers.values()])
    at = _values(found, states, points)
    if not len(start):
        return None if size else {}
    scale = np.where(start != 0, np.abs(start), 1.0)

    def miss(steps: np.ndarray) -> np.ndarray:
        return (at(start + scale * steps) - target) / size

    if not np.all(np.isfinite(miss(0 * start))):
        return None
    best = least_squares(
        miss, 0 * start, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=200 * len(start)
    )
    if np.sqrt(np.mean(best.fun**2)) > SMALL:
        return None
    return dict(zip(found.numbers, map(float, start + scale * best.x), strict=True))


def _vanishing(
    found: Equation,
    true: dict[sympy.Symbol, float],
    states: Sequence[sympy.Symbol],
    points: np.ndarray,
) -> bool:
    """Whether a term is nothing where the equation is the truth."""
    numbers = list(true.values())
    whole = np.sqrt(np.mean(_values(found, states, points)(numbers) ** 2))
    for symbol in found.coefficients:
        term = found._replace(expression=symbol * sympy.diff(found.expression, symbol))
        if np.sqrt(np.mean(_values(term, states, points)(numbers) ** 2)) <= SMALL * whole:
            return True
    return False
