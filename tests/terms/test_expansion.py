"""Expressions as sums of coefficients times terms."""

import numpy as np
import pytest

from nsindy.discovery.preparation import dictionary
from nsindy.terms.expansion import expand_sum, same_term
from nsindy.terms.expression import Quote, as_function
from nsindy.terms.library import numpy_values
from nsindy.terms.reading import read_expression
from nsindy.terms.text import readable

COLUMNS = ("x", "v", "u")


def expand(text):
    quote = Quote(text, text)
    return expand_sum(quote, read_expression(quote, COLUMNS), COLUMNS)


@pytest.mark.parametrize(
    "text",
    (
        "-9.81*sin(x)",
        "(x + 2 v)^3 - x*v",
        "x/(1 + x) + x v/(1 + x)",
        "v/(2 + 3 x)",
        "exp(-x/2)*(v - 1)/u^2",
        "sin(2 x + 0.3 v u)",
        "abs(v) v cos(x)^2",
        "log(add(x, square(v))) / tanh(u)",
        "-(x - 1)/(u v)",
        "x^-2 x^3",
        "3 - mul(x, 2) + identity(v) one()",
    ),
)
def test_the_sum_has_the_values_of_the_expression(text):
    points = np.random.default_rng(0).uniform(0.5, 2.0, (3, 50))
    parts = expand(text)
    theta = numpy_values([part.term for part in parts])(points)
    found = np.array([part.coefficient for part in parts]) @ theta
    expected = as_function(read_expression(Quote(text, text), COLUMNS), COLUMNS, (), numpy=True)(
        points, ()
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_terms_are_those_of_a_library():
    names = ("sin", "cos", "exp", "reciprocal", "abs", "saturation")
    library = dictionary.library(3, 2, operations=names, degree=3)
    for term in library:
        text = readable(term, COLUMNS)
        (part,) = expand(text)
        assert part.coefficient == 1
        assert same_term(part.term) == same_term(term), text


def test_the_rest_is_a_summand():
    parts = expand("... - 9.81*sin(x)")
    assert [part.term is None for part in parts] == [False, True]
    for text, said in (
        ("x - ...", "at column 5: the rest is added, not subtracted"),
        ("x*...", "at column 3: ... is a summand"),
    ):
        with pytest.raises(ValueError, match=said):
            expand(text)


@pytest.mark.parametrize(
    ("text", "said"),
    (
        ("x + k", "at column 5: k is no column; the columns are x, v, u"),
        ("x^0.5", "at column 3: a power here is a whole number"),
        ("x^v", "at column 3: a power here is a whole number"),
        ("1/(x - x)", "at column 1: this divides by zero"),
        ("(x + v + u)^20", "more than 200 summands"),
        ("((x^20)^20)^20", "a product of more than 20 factors"),
        ("(1e200*x)*(1e200*v)", "no finite number"),
    ),
)
def test_what_is_no_sum_of_terms(text, said):
    with pytest.raises(ValueError, match=said):
        expand(text)
