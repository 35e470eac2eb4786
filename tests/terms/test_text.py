import re
from xml.dom import minidom

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from nsindy.terms import operations, symbolic
from nsindy.terms.primitive import Primitive
from nsindy.terms.term import Term, parse
from nsindy.terms.text import equations, number, readable

NAMES = ["identity(x)", "identity(v)", "mul(x,sin(v))"]
STATES = ["x", "v"]
VARIABLES = ("x", "y", "v")
READABLE = {
    "one()": "1",
    "identity(x)": "x",
    "mul(x,mul(x,v))": "x^2 v",
    "mul(x,sin(y))": "x sin(y)",
    "mul(x,x)": "x^2",
    "square(add(x,y))": "(x + y)^2",
    "add(x,y)": "(x + y)",
    "sin(add(x,y))": "sin(x + y)",
    "add(x,add(y,v))": "(x + y + v)",
    "reciprocal(x)": "1/x",
    "mul(y,reciprocal(x))": "y/x",
    "reciprocal(mul(x,square(y)))": "1/(x y^2)",
    "saturation(x)": "x/(1 + x)",
    "mul(v,saturation(x))": "v x/(1 + x)",
    "mul(abs(v),v)": "abs(v) v",
    "exp(identity(x))": "exp(x)",
    "sign(v)": "sign(v)",
    "drag(v)": "abs(v) v",
    "sqrt(y)": "sqrt(y)",
}


def _term(text):
    if text == "one()":
        return Term(operations.get("one"), ())
    return parse(text, VARIABLES)


def test_text_is_in_the_notation_of_pysindy():
    coefficients = np.array([[0.0, 1.0, 0.0], [-1.0, -0.1, 2.34567]])
    assert equations(coefficients, NAMES, STATES) == [
        "x' = 1.000 identity(v)",
        "v' = -1.000 identity(x) - 0.100 identity(v) + 2.346 mul(x,sin(v))",
    ]


def test_digits_are_a_choice():
    assert equations(np.array([[0.12345, 0, 0]]), NAMES, ["x"], precision=4) == [
        "x' = 0.1235 identity(x)"
    ]


def test_an_empty_equation_is_zero():
    assert equations(np.zeros((2, 3)), NAMES, STATES) == ["x' = 0.000", "v' = 0.000"]
    bound = [_term(name) for name in READABLE]
    assert symbolic.latex(np.zeros((1, len(bound))), bound, ["x"], VARIABLES) == [r"\dot{x} = 0"]
    assert symbolic.pieces(np.zeros((1, 0)), [], ["x"], VARIABLES)[0][1] == "<mn>0</mn>"
    assert symbolic.expressions(np.zeros((1, 0)), [], VARIABLES) == [0]


def test_text_reads_back_to_the_coefficients():
    coefficients = np.round(np.random.default_rng(0).normal(size=(2, 3)), 3)
    for line, row in zip(equations(coefficients, NAMES, STATES), coefficients, strict=True):
        words = dict(
            part.split(" ")[::-1]
            for part in line.split(" = ")[1].replace(" - ", " + -").split(" + ")
        )
        assert [float(words[name]) for name in NAMES] == list(row)


def test_names_and_states_must_match_the_coefficients():
    bound = [parse(name, STATES) for name in NAMES]
    for write in (equations, lambda c, n, s: symbolic.latex(c, bound[: len(n)], s, STATES)):
        with pytest.raises(ValueError):
            write(np.ones((2, 3)), NAMES[:2], STATES)
        with pytest.raises(ValueError):
            write(np.ones((2, 3)), NAMES, STATES[:1])


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-1.00031, 0.0004, "-1.0003"),
        (1.00031, 0.00014, "1.00031"),
        (-0.09994, 0.0003, "-0.0999"),
        (1.0, None, "1.000"),
        (123.456, np.nan, "123.5"),
        (0.0, 0.01, "0.000"),
        (1234.5, 30.0, "1230"),
        (3.21e-9, 4e-11, "3.21e-09"),
        (-5.4321e8, 2e5, "-5.432e+08"),
        # What is smaller than its error is not 0.
        (0.012, 3.0, "0.01"),
        (-3e-9, 3e4, "-0.000000003"),
        # The first digit of 0.00996 is that of 0.010.
        (0.5, 0.00996, "0.500"),
        (1.0, 5e-324, f"{1:.324f}"),
    ],
)
def test_digits_follow_the_standard_error(value, error, text):
    assert number(value, error) == text


@given(
    st.floats(-1e12, 1e12).filter(lambda x: abs(x) > 1e-12),
    st.floats(1e-14, 1e12),
)
def test_what_is_rounded_away_is_less_than_the_standard_error(value, error):
    assert abs(float(number(value, error)) - value) <= 0.51 * error + 1e-15 * abs(value)


@pytest.mark.parametrize(("text", "expected"), READABLE.items())
def test_terms_read_as_people_write_them(text, expected):
    assert readable(_term(text), VARIABLES) == expected


@pytest.mark.parametrize("text", READABLE)
def test_sympy_agrees_with_the_operations(text):
    symbols = sympy.symbols(VARIABLES)
    point = {"x": 0.7, "y": 1.3, "v": -0.4}

    def value(term):
        if not isinstance(term, Term):
            return point[VARIABLES[term]]
        return float(term.primitive.function(*map(value, term.arguments)))

    found = symbolic.expression(_term(text), symbols).subs(point)
    assert float(found) == pytest.approx(value(_term(text)), rel=1e-12)


def test_every_operation_has_its_sympy():
    assert all(row.sympy is not None for row in operations.PRIMITIVES.values())


def test_expressions_keep_every_digit():
    value = 0.1 + 0.2
    (found,) = symbolic.expressions([[value, -1.0]], list(map(_term, NAMES[:2])), VARIABLES)
    x, v = sympy.symbols("x v")
    assert float(found.coeff(x)) == value
    assert found.coeff(v) == -1.0
    assert found.free_symbols == {x, v}


def test_a_learned_operation_is_a_function_of_its_name():
    term = Term(Primitive("friction", 1, abs, (-1.0, 1.0), 1.0), (2,))
    assert readable(term, VARIABLES) == "friction(v)"
    assert str(symbolic.expression(term, sympy.symbols(VARIABLES))) == "friction(v)"
    (line,) = symbolic.latex([[2.0]], [term], ["v"], VARIABLES)
    assert line == r"\dot{v} = 2.000\,\operatorname{friction}{\left(v \right)}"


def test_latex_writes_signs_digits_and_dots():
    variables = ("x", "hare", "x'", "theta_1", "a_b c")
    names = ["identity(x)", "mul(hare,x')", "add(x,theta_1)", "identity(a_b c)"]
    bound = [
        *(parse(name, variables) for name in names),
        Term(operations.get("one"), ()),
    ]
    coefficients = [[-1.00031, 2e-9, -3.0, 1.0, 0.5]]
    errors = [[0.0004, 4e-11, 0.02, np.nan, 0.1]]
    assert symbolic.latex(coefficients, bound, ["x'"], variables, errors=errors) == [
        r"\ddot{x} = -1.0003\,x + 2.00 \cdot 10^{-9}\,\mathrm{hare} \, \dot{x} "
        r"- 3.00\,\left(\theta_{1} + x\right) + 1.000\,\mathrm{a\_b\ c} + 0.50"
    ]


def test_pieces_are_mathml_in_the_order_of_the_terms():
    variables = ("x", "hare", "x'")
    bound = [parse(name, variables) for name in ("mul(hare,x')", "exp(x)")]
    (line,) = symbolic.pieces([[-1.5, 2.0]], bound, ["x'"], variables, precision=2)

    def letters(node):
        return (
            node.data if node.nodeType == node.TEXT_NODE else "".join(map(letters, node.childNodes))
        )

    words = [
        letters(minidom.parseString(piece)).replace("\N{INVISIBLE TIMES}", "") for piece in line
    ]
    assert words == ["x¨=", "−1.50harex˙", "+2.00ex"]
    assert "<mover>" in line[0] and "<msup>" in line[2]


@settings(deadline=None)
@given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))
def test_any_name_can_be_written(first, second):
    variables = (first, second)
    bound = [Term(operations.get("mul"), (0, 1)), Term(operations.get("sin"), (1,))]
    (line,) = symbolic.pieces([[1.0, -2.0]], bound, [first], variables)
    for piece in line:
        minidom.parseString(piece)
    (latex,) = symbolic.latex([[1.0, -2.0]], bound, [first], variables)
    assert re.sub(r"\\[{}]", "", latex).count("{") == re.sub(r"\\[{}]", "", latex).count("}")
    assert equations([[1.0, -2.0]], variables, [first])
