"""Where the numbers of a law may be, from exact derivatives."""

import numpy as np
import pytest

from nsindy.discovery.laws import law_start
from nsindy.discovery.laws.law_start import linear_groups
from nsindy.terms.expression import Quote, as_function, symbols
from nsindy.terms.reading import read_expression


def read(text):
    expression = read_expression(Quote(text, text), ["x"])
    return expression, tuple(name for name in symbols(expression) if name != "x")


@pytest.mark.parametrize(
    ("text", "linear"),
    (
        ("-k*(x - a)", [["k"], ["a"]]),
        ("-k*x + a", [["k", "a"]]),
        ("V*x/(K + x)", [["V"]]),
        ("a*exp(-k*x)/3 - b*x^2", [["a", "b"]]),
        ("a^2*x", [[]]),
        ("x^n", [[]]),
        ("a + sin(b)", [["a"]]),
        ("q*(c - x) + h*k*exp(-e/x)", [["q", "h"], ["c", "k"]]),
    ),
)
def test_groups_of_linear_numbers(text, linear):
    expression, names = read(text)
    assert linear_groups([expression], names) == linear


@pytest.mark.parametrize(
    ("text", "truth", "low", "high"),
    (
        ("-k*(x - a)", (0.04, 22.0), 30.0, 85.0),
        ("-k*(x - a)", (4e4, 2e-6), 2e-6, 9e-6),
        ("V*x/(K + x)", (1.7, 0.6), 0.05, 4.0),
        ("-a*x^p", (0.3, 1.5), 0.1, 3.0),
        ("a*exp(-k*x) - b*x", (2.0, 3.0, 0.1), 0.05, 2.0),
        ("a*sin(w*x)", (9.81, 0.01745), -60.0, 60.0),
        ("r*x*(1 - x/K)", (0.5, 1e5), 1e3, 9e4),
        ("q*(c - x) + k*exp(-e/x)", (1.0, 350.0, 7.2e12, 8750.0), 300.0, 420.0),
    ),
)
def test_the_best_start_is_the_truth(text, truth, low, high):
    expression, names = read(text)
    function = as_function(expression, ["x"], names, numpy=True)
    x = np.linspace(low, high, 100)[None]

    def right(variables, numbers):
        return function(variables, numbers)[None]

    linear = [np.isin(names, group) for group in linear_groups([expression], names)]
    found = law_start.number_starts(right, x, right(x, truth), linear)
    # Where signs of two numbers may change together, either is right.
    np.testing.assert_allclose(np.abs(found[0]), truth, rtol=1e-4)


def test_a_law_without_a_finite_value_still_has_a_start():
    expression, names = read("k*log(x - a)")
    function = as_function(expression, ["x"], names, numpy=True)
    x = np.linspace(1, 2, 50)[None]
    linear = [np.array([True, False])]
    found = law_start.number_starts(lambda z, p: function(z, p)[None], x, np.ones((1, 50)), linear)
    assert len(found) >= 1 and np.isfinite(found).all()


def test_linear_numbers_of_terms_of_all_sizes():
    """A constant beside the fourth power of a temperature in kelvin, 3.5e-9 of which is as much."""
    temperature = np.linspace(250, 300, 60)[None]
    truth = np.array([17.0, 3.5e-9])

    def right(variables, numbers):
        return (numbers[0] - numbers[1] * variables[0] ** 4)[None]

    (found, *_) = law_start.number_starts(
        right, temperature, right(temperature, truth), [np.array([True, True])]
    )
    np.testing.assert_allclose(found, truth, rtol=1e-6)
