"""The judge of equations with numbers inside their terms."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import pytest
import sympy
from support import rational_form
from support.rational_ratio import Equation, Number

STATES = {"x": (0.2, 3.0), "y": (0.5, 2.0), "v": (-2.0, 2.0)}
RNG = np.random.default_rng(0)
VALUES = np.stack([RNG.uniform(*ends, 60) for ends in STATES.values()], 1)
SYMBOLS = rational_form.symbols(list(STATES), VALUES)


def written(text, **numbers):
    """An equation: `c` of a term and what is inside it, as values or pairs of value and error."""
    pairs = {k: v if isinstance(v, tuple) else (v, 1e-3) for k, v in numbers.items()}
    own = {name: sympy.Symbol(f"found {name}", real=True) for name in pairs}
    names = {symbol.name: symbol for symbol in SYMBOLS} | own
    given = {own[name]: Number(*pair, name) for name, pair in pairs.items()}
    coefficients = tuple(own[name] for name in pairs if name.startswith("c"))
    return Equation(sympy.sympify(text, locals=names), given, coefficients)


def judged(found, truth, **numbers):
    truth = rational_form.plain_equation(truth, SYMBOLS, numbers)
    return rational_form.judge(found, truth, SYMBOLS, VALUES)


SAME = (
    ("c1*x/(K + x)", {"c1": -1.98, "K": 0.71}, "-V*x/(K + x)", {"V": 2.0, "K": 0.7}),
    ("c1 + c2/(K + x)", {"c1": -2.0, "c2": 1.4, "K": 0.7}, "-V*x/(K + x)", {"V": 2, "K": 0.7}),
    # K is 1/a.
    ("c1*x*y/(K + y)", {"c1": 0.3, "K": 0.2}, "B*x*y/(1 + a*y)", {"B": 1.5, "a": 5.1}),
    ("c1*x + c2*x**2 + c3*x*y/(h + x)", {"c1": 1, "c2": -0.2, "c3": -1, "h": 0.8},
     "r*x*(1 - x/k) - a*x*y/(h + x)", {"r": 1.02, "k": 4.9, "a": 1.0, "h": 0.8}),
    ("c1*exp(k*y) + c2*y", {"c1": 1.0, "k": 1.2, "c2": -0.3}, "a*exp(k*y) - c*y",
     {"a": 1.01, "k": 1.2, "c": 0.3}),
    # 1 / exp(-k y) is exp(k y), and sums of angles are products of waves.
    ("c1/exp(-k*y)", {"c1": 1.0, "k": 1.2}, "a*exp(k*y)", {"a": 1.1, "k": 1.19}),
    ("c1*v + c2*sin(x) + c3*cos(x) + c4*sin(x)*cos(x) + c5*cos(x)**2",
     {"c1": -0.1, "c2": -0.96, "c3": -0.3, "c4": 1.9, "c5": 0.6},
     "-b*v + sin(x + p)*(g*cos(x) - 1)", {"b": 0.1, "g": 2, "p": 0.3}),
    ("c1*v + c2*sin(x) + c3*cos(x) + c4*sin(w*x) + c5*sin(x)**2 + c6",
     {"c1": -0.1, "c2": -0.96, "c3": -0.3, "c4": 0.95, "w": 2.001, "c5": -0.6, "c6": 0.6},
     "-b*v + sin(x + p)*(g*cos(x) - 1)", {"b": 0.1, "g": 2, "p": 0.3}),
    ("c1*v*Abs(v)", {"c1": -0.3}, "-c*v*Abs(v)", {"c": 0.31}),
    ("c1*sign(v)*Abs(v)**p", {"c1": -0.3, "p": 1.97}, "-c*v*Abs(v)", {"c": 0.31}),
    ("c1 + c2*sign(x)*Abs(x)**p", {"c1": 1, "c2": -0.3, "p": 0.48}, "q - c*sqrt(x)",
     {"q": 1.0, "c": 0.31}),
)  # fmt: skip


@pytest.mark.parametrize(("found", "numbers", "truth", "true"), SAME)
def test_the_same_form_in_other_words(found, numbers, truth, true):
    answer = judged(written(found, **numbers), truth, **true)
    assert answer.form
    # The numbers that it should have give the truth, at states that the judge never saw.
    x, y, v = np.random.default_rng(1).uniform(0.3, 1.9, (3, 20))
    point = dict(zip(SYMBOLS, (x, y, v), strict=True))
    equation = written(found, **numbers)
    filled = equation.expression.xreplace(answer.true)
    exact = rational_form.plain_equation(truth, SYMBOLS, true)
    exact = exact.expression.xreplace({s: n.value for s, n in exact.numbers.items()})
    for i in range(20):
        place = {symbol: float(values[i]) for symbol, values in point.items()}
        assert float(filled.subs(place)) == pytest.approx(float(exact.subs(place)), rel=1e-6)


OTHER = (
    # A term too many, one too few, another one, and a number that is not free.
    ("c1*x/(K + x) + c2*x", {"c1": -2.0, "K": 0.7, "c2": 0.001}, "-V*x/(K + x)",
     {"V": 2.0, "K": 0.7}),
    ("c1*x/(K + x)", {"c1": -2.0, "K": 0.7}, "-V*x/(K + x) - c*x", {"V": 2, "K": 0.7, "c": 0.1}),
    ("c1*x**2/(K**2 + x**2)", {"c1": -2.0, "K": 0.7}, "-V*x/(K + x)", {"V": 2.0, "K": 0.7}),
    ("c1*x/(1 + x)", {"c1": -2.0}, "-V*x/(K + x)", {"V": 2.0, "K": 0.99}),
    ("c1*exp(x)", {"c1": 1.0}, "a*exp(k*x)", {"a": 1.0, "k": 0.98}),
    ("c1*x + c2*x**2 + c3*x**3", {"c1": -2.0, "c2": 0.9, "c3": -0.1}, "-V*x/(K + x)",
     {"V": 2.0, "K": 0.7}),
    # At the truth the second term is nothing, though p/q has no other monomial for it.
    ("c1 + c2*x/(K**2 + x**2) + c3*x**2/(K**2 + x**2) + c4*x",
     {"c1": 0.1, "c2": 0.01, "c3": 2.0, "c4": -1.0, "K": 0.7},
     "a + b*x**2/(K**2 + x**2) - c*x", {"a": 0.1, "b": 2, "K": 0.7, "c": 1}),
    ("c1*v**3", {"c1": -0.3}, "-c*v*Abs(v)", {"c": 0.31}),
    ("c1*sign(v)", {"c1": -0.3}, "-c*v*Abs(v)", {"c": 0.31}),
    ("c1*v*Abs(v) + c2*Heaviside(t - a)", {"c1": -0.3, "c2": 0.1, "a": 2.0}, "-c*v*Abs(v)",
     {"c": 0.31}),
    ("0", {}, "-c*v*Abs(v)", {"c": 0.31}),
)  # fmt: skip


@pytest.mark.parametrize(("found", "numbers", "truth", "true"), OTHER)
def test_another_form(found, numbers, truth, true):
    assert not judged(written(found, **numbers), truth, **true).form


@pytest.mark.parametrize(
    ("b", "error", "form"), ((-1.01, 0.01, True), (-1.1, 0.01, False), (-1.1, 0.05, True))
)
def test_terms_that_cancel_count_as_gone_within_their_errors(b, error, form):
    """y - y x²/(K² + x²) is y K²/(K² + x²) where its two coefficients agree, and only there."""
    found = written("c1*y + c2*y*x**2/(K**2 + x**2)", c1=(1.0, error), c2=(b, error), K=0.8)
    answer = judged(found, "y*K**2/(K**2 + x**2)", K=0.8)
    assert answer.form == form
    if form:
        numbers = {found.numbers[symbol].name: value for symbol, value in answer.true.items()}
        assert numbers == pytest.approx({"c1": 1.0, "c2": -1.0, "K": 0.8})


def test_what_does_not_cancel_in_truth_may_not_be_missing():
    truth = "a*y - b*y*x**2/(K**2 + x**2)"
    missing = written("c1*y*K**2/(K**2 + x**2)", c1=1.0, K=0.8)
    assert not judged(missing, truth, a=1.0, b=0.9, K=0.8).form
    # One that is zero within its error may be there.
    vague = written("c1*y + c2*y*x**2/(K**2 + x**2)", c1=(1.0, 0.1), c2=(-0.95, 0.1), K=0.8)
    assert judged(vague, truth, a=1.0, b=0.9, K=0.8).form


def test_numbers_without_errors_must_cancel_exactly():
    for b, form in ((-1.0, True), (-0.99, False)):
        found = written("c1*y + c2*y*x**2/(K**2 + x**2)", c1=(1.0, math.nan), c2=(b, math.nan), K=1)
        assert judged(found, "y*K**2/(K**2 + x**2)", K=0.8).form == form


def test_floats_are_the_numbers_of_an_implicit_equation():
    x, y = sympy.symbols("x y")
    found = rational_form.free_equation(-1.9 * x / (x + 0.72), SYMBOLS)
    assert judged(found, "-V*x/(K + x)", V=2.0, K=0.7).form
    found = rational_form.free_equation((-1.9 * x + 0.01 * y) / (x + 0.72), SYMBOLS)
    assert not judged(found, "-V*x/(K + x)", V=2.0, K=0.7).form


class Answer(NamedTuple):
    """What a judge reads of a term with K in it."""

    text: str
    value: float


@dataclasses.dataclass
class Found:
    """The part of a Discovery that is judged."""

    coefficients: np.ndarray
    standard_errors: np.ndarray
    parameters: dict
    parameter_errors: dict
    states: tuple = ("x", "y")
    terms: tuple = ("x", "y x^2/(K_x^2 + x^2)", "exp(k_y y)", "1")

    def to_sympy(self):
        x, y = sympy.symbols("x y")
        K, k = self.parameters["K_x"], self.parameters["k_y"]
        every = (x, y * x**2 / (K**2 + x**2), sympy.exp(k * y), sympy.Integer(1))
        rows = np.asarray(self.coefficients)
        return [
            sum(sympy.Float(c) * term for c, term in zip(row, every, strict=True) if c)
            for row in rows
        ]


def test_numbers_of_a_discovery_keep_their_names_and_errors():
    found = Found(
        np.array([[1.0, 0.5, 0.0, 0.0], [0.0, 0.0, -2.0, 2.0]]),
        np.array([[0.1, 0.2, 0.0, 0.0], [0.0, 0.0, 0.3, 0.4]]),
        {"K_x": 0.52, "k_y": -1.25},
        {"K_x": 0.01, "k_y": 0.02},
    )
    first, second = rational_form.found_equations(found, SYMBOLS[:2])
    assert set(first.numbers.values()) == {
        Number(1.0, 0.1, "x' x"),
        Number(0.5, 0.2, "x' y x^2/(K_x^2 + x^2)"),
        Number(0.52, 0.01, "K_x"),
    }
    assert set(second.numbers.values()) == {
        Number(-2.0, 0.3, "y' exp(k_y y)"),
        Number(2.0, 0.4, "y' 1"),
        Number(-1.25, 0.02, "k_y"),
    }
    truth = rational_form.plain_equation(
        "a*x + b*y*x**2/(K**2 + x**2)", SYMBOLS[:2], {"a": 1.1, "b": 0.6, "K": 0.5}
    )
    answer = rational_form.judge(first, truth, SYMBOLS[:2], VALUES[:, :2])
    assert answer.form
    assert sorted(answer.true.values()) == pytest.approx([0.5, 0.6, 1.1])
