"""What people write is read by a whitelist; whatever is not on it is refused with its place."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsindy.terms.expression import (
    Expression,
    Quote,
    as_function,
    check_unlike,
    symbols,
)
from nsindy.terms.reading import DEEPEST, LONGEST, read_equation, read_expression

COLUMNS = ("x", "v", "T_room")


def read(text):
    return read_expression(Quote(text, text), COLUMNS)


def value(text, x=0.7, v=-1.3, room=20.0, **numbers):
    function = as_function(read(text), COLUMNS, list(numbers), numpy=True)
    return function([x, v, room], list(numbers.values()))


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("-9.81*sin(x)", -9.81 * np.sin(0.7)),
        ("-9.81 sin(x)", -9.81 * np.sin(0.7)),
        ("2 x^2 v - 1", 2 * 0.49 * -1.3 - 1),
        ("2**3*x", 5.6),
        ("x^-2", 0.7**-2),
        ("-x^2", -0.49),
        ("x - v - 1", 0.7 + 1.3 - 1),
        ("x/v/2", 0.7 / -1.3 / 2),
        ("x/(2 v)", 0.7 / -2.6),
        ("3(x + v)(x − v)", 3 * (0.7 - 1.3) * 2.0),
        ("k·(T_room - x)×2", 0.5 * 19.3 * 2),
        ("sqrt(x) + ln(x) + pi", np.sqrt(0.7) + np.log(0.7) + np.pi),
        ("add(x, mul(v, x))", 0.7 - 0.91),
        ("saturation(x) + reciprocal(v)", 0.7 / 1.7 - 1 / 1.3),
        ("1e-3 + 2.E2 + .5", 200.501),
        ("tanh(20 v)^3", np.tanh(-26.0) ** 3),
        ("x^k", 0.7**0.5),
    ),
)
def test_what_is_read(text, expected):
    assert value(text, k=0.5) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "column", "said"),
    (
        ("__import__('os')", 12, "stands only behind the name of a state"),
        ("().__class__", 3, "'.' is not allowed"),
        ("x.real", 2, "'.' is not allowed"),
        ("x[0]", 2, "is not allowed"),
        ("lambda x: x", 9, "is not allowed"),
        ("lambda x", 1, "lambda is no name"),
        ("f'{x}'", 3, "'{' is not allowed"),
        ('f"{x}"', 2, "is not allowed"),
        ("'x'", 1, "stands only behind"),
        ("x if v else x", 3, "if is no name"),
        ("[x for x in v]", 1, "is not allowed"),
        ("x := 3", 3, "is not allowed"),
        ("x == v", 3, "is not allowed"),
        ("print(x)", 1, "print is no operation"),
        ("eval(x)", 1, "eval is no operation"),
        ("sin(x)(v", 7, "this bracket is not closed"),
        ("(sin)(x)", 2, "sin is an operation; write sin(…)"),
        ("sin x", 1, "sin is an operation"),
        ("sin(*x)", 5, "no number, name or operation"),
        ("sin(x, **v)", 1, "only an operation is called"),
        ("sin(x, v)", 1, "takes 1 argument(s), not 2"),
        ("x(v + 1)", 1, "x is a column; a product with it is x * "),
        ("k(v + 1)", 1, "k is no operation; a product with it is k * "),
        ("9,81*x", 2, "a comma stands only between"),
        ("1/2 x", 5, "below or above the /"),
        ("x/v^2 x", 7, "below or above the /"),
        ("2 3", 3, "two numbers side by side"),
        ("x +", 4, "something is missing behind +"),
        ("x * / v", 5, "/ does not fit here"),
        ("x)", 2, "this bracket closes none"),
        ("()", 1, "no number, name"),
        ("", 1, "an expression is missing"),
        ("x # v", 3, "is not allowed"),
        ("x\\v", 2, "is not allowed"),
        ("x @ v", 3, "is not allowed"),
        ("9**9**9**9", 7, "a power is at most 20"),
        ("x^1000000", 3, "a power is at most 20"),
        ("10^20*10^20^20", 10, "a power is at most 20"),
        ("((10^20)^20)^20", 2, "no finite number"),
        ("1e999", 1, "no finite number"),
        ("1/(2 - 2)", 1, "no finite number"),
        ("log(-1)", 1, "no finite number"),
        ("(-8)^0.5", 1, "no finite number"),
        ("(" * 60 + "x" + ")" * 60, DEEPEST + 1, "brackets inside one another"),
        ("-" * 900 + "x", DEEPEST + 2, "operations inside one another"),
        ("x+" * 400 + "x", 1, "operations inside one another"),
        ("x" * (LONGEST + 1), LONGEST + 1, "longer than 1000"),
    ),
)
def test_what_is_refused(text, column, said):
    with pytest.raises(ValueError, match=f"at column {column}: .*{re.escape(said)}"):
        read(text)


@given(st.text("x v12.+-*/^()',_=:[]{}\"\\lambdasinimport\n ", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused_in_one_sentence(text):
    try:
        assert isinstance(read(text), Expression)
    except ValueError as error:
        assert "at column" in str(error) and "\n" not in str(error)


def test_a_place_is_that_of_the_whole_text():
    whole = "x' = 1 ; v' = -9,81*sin(x)"
    with pytest.raises(ValueError, match="at column 17: a comma"):
        read_equation(Quote(whole, whole).part(8), COLUMNS)


def test_equations():
    equation = read_equation(Quote("v'  = ... - k*x", ""), COLUMNS)
    assert equation.left == "v'" and symbols(equation.right) == ("...", "k", "x")
    for text, said in (
        ("v' - x", "an equation has one ="),
        ("v' = x = v", "an equation has one ="),
        ("v = x", "on the left of = stands a derivative"),
        ("2 v' = x", "on the left of = stands a derivative"),
        ("dv/dt = x", "on the left of = stands a derivative"),
    ):
        with pytest.raises(ValueError, match=said):
            read_equation(Quote(text, text), COLUMNS)


def test_a_new_name_is_not_nearly_that_of_a_column():
    columns = ("T", "black")
    for text, said in (
        ("k*(blck - a)", "at column 4: blck is not known, and too much like black"),
        ("t*black", "at column 1: t is not known, and too much like T"),
        ("black'", "too much like black"),
    ):
        expression = read(text)
        new = [name for name in symbols(expression) if name not in columns]
        with pytest.raises(ValueError, match=said):
            check_unlike(Quote(text, text), expression, new, columns)
    expression = read("k*(black - Ta)")
    check_unlike(Quote("", ""), expression, ["k", "Ta"], columns)


def test_the_function_of_jax_is_that_of_numpy_and_has_slopes(variant):
    text = "-k*sin(x)*T_room^2/(1 + x^n) + sqrt(v)"
    of_jax, of_numpy = (
        as_function(read(text), COLUMNS, ["k", "n"], numpy=numpy) for numpy in (False, True)
    )
    # One state is below 0, where a root is 0.
    variables, numbers = np.array([0.7, -0.1, 2.0]), np.array([0.3, 1.7])
    found = variant(of_jax)(jnp.asarray(variables), jnp.asarray(numbers))
    expected = -0.3 * np.sin(0.7) * 4 / (1 + 0.7**1.7)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    np.testing.assert_allclose(of_numpy(variables, numbers), expected, rtol=1e-14)
    slopes = jax.jacfwd(of_jax, (0, 1))(jnp.asarray(variables), jnp.asarray(numbers))
    step = 1e-6
    for slope, place in zip(slopes, (0, 1), strict=True):
        for i in range(len(slope)):
            ends = []
            for sign in (1, -1):
                moved = [variables.copy(), numbers.copy()]
                moved[place][i] += sign * step
                ends.append(of_numpy(*moved))
            # Central differences of second order.
            assert slope[i] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-8)
