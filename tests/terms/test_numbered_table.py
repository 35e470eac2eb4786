"""Operations that own a number: one function in JAX, NumPy, SymPy and as text."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from sympy.parsing import sympy_parser

from nsindy.terms import operations, symbolic, term
from nsindy.terms.numbered import inner_of
from nsindy.terms.numbered_operations import unbound, with_number
from nsindy.terms.numbered_table import LEAST_DIFFERENCE, NUMBERED
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.term import Term
from nsindy.terms.text import readable

REFERENCE = {
    "michaelis": lambda x, p: x / (p + x),
    "inhibition": lambda x, p: 1 / (1 + x / p),
    "hill2": lambda x, p: 1 / (1 + (p / x) ** 2),
    "repression2": lambda x, p: 1 / (1 + (x / p) ** 2),
    "hill3": lambda x, p: 1 / (1 + (p / x) ** 3),
    "repression3": lambda x, p: 1 / (1 + (x / p) ** 3),
    "hill4": lambda x, p: 1 / (1 + (p / x) ** 4),
    "repression4": lambda x, p: 1 / (1 + (x / p) ** 4),
    "exponential": lambda x, p: np.e ** (p * x),
    "diode": lambda x, p: np.e ** (p * x) - 1,
    "arrhenius": lambda x, p: np.e ** (-p / x),
    "steep_tanh": lambda x, p: 1 - 2 / (np.exp(2 * p * x) + 1),
    "power": lambda x, p: np.exp(p * np.log(x)),
    "logarithm": lambda x, p: np.log(x / p),
    "hinge": lambda x, p: (x - p + np.abs(x - p)) / 2,
    "dead_zone": lambda x, p: np.sign(x) * (np.abs(x) - p + np.abs(np.abs(x) - p)) / 2,
    "limited": lambda x, p: np.sign(x) * np.minimum(np.abs(x), p),
}
PAIRS = {
    "ratio_share": lambda x, y, p: 1 / (1 + p * x / y),
    "joint_saturation": lambda x, y, p: 1 / (1 + p / (x * y)),
    "joint_inhibition": lambda x, y, p: 1 / (1 + x * y / p),
    "radial_inhibition": lambda x, y, p: 1 / (1 + (x**2 + y**2) / p**2),
    "radial_power": lambda x, y, p: np.hypot(x, y) ** (2 * p),
    "difference_power": lambda x, y, p: (x - y) / np.abs(x - y) ** (1 - p),
    "size_of_difference": lambda x, y, p: np.sqrt((x - p * y) ** 2),
    "difference_of_powers": lambda x, y, p: x**p - y**p,
}
POWERS = {
    "hill_power": lambda x, p, q: x**q / (p**q + x**q),
    "repression_power": lambda x, p, q: p**q / (p**q + x**q),
    "haldane": lambda x, p, q: 1 / (1 + p / x + x / q),
    "sigmoid": lambda x, p, q: 1 / (1 + np.exp(-q * (x - p))),
    "inverse_sigmoid": lambda x, p, q: 1 / (1 + np.exp(q * (x - p))),
}
PAIRS_OF_NUMBERS = {
    "beddington": lambda x, y, p, q: 1 / (1 / (x * y) + 1 / (p * y) + 1 / (q * x)),
    "competition": lambda x, y, p, q: p * q / (p * q + x * q + y * p),
}
SYMBOLS = {
    **dict.fromkeys((*list(POWERS)[:3], *PAIRS_OF_NUMBERS), "K"),
    **dict.fromkeys(list(POWERS)[3:], "c"),
    **dict.fromkeys((*list(REFERENCE)[:8], *list(PAIRS)[:4]), "K"),
    "radial_power": "p",
    "difference_power": "p",
    "difference_of_powers": "p",
    "size_of_difference": "k",
    "hinge": "c",
    "dead_zone": "c",
    "limited": "c",
    "exponential": "k",
    "diode": "k",
    "arrhenius": "E",
    "steep_tanh": "k",
    "power": "p",
    "logarithm": "K",
}
X = np.linspace(0.2, 3.0, 57)
NUMBERS = 0.7, 2.5
EVERY = [(name, number) for name in REFERENCE for number in NUMBERS]
EVERY += [("exponential", -0.7), ("power", -0.5), ("arrhenius", -0.7)]


def bound(name, number, place=0):
    return Term(with_number(NUMBERED[name], number), (place,))


def test_the_table():
    assert set(NUMBERED) == {*REFERENCE, *PAIRS, *POWERS, *PAIRS_OF_NUMBERS}
    of_two = {name for name, row in NUMBERED.items() if row.variables == 2}
    assert of_two == {*PAIRS, *PAIRS_OF_NUMBERS}
    assert {name: row.symbol for name, row in NUMBERED.items()} == SYMBOLS
    assert all(name == row.name for name, row in NUMBERED.items())
    # A number within a word would be read as a bracket, and a primitive's name would be taken.
    assert all(name.isidentifier() and name not in PRIMITIVES for name in NUMBERED)


@pytest.mark.parametrize(("name", "number"), EVERY)
def test_jax_numpy_and_sympy_are_the_same_function(name, number):
    one, expected = with_number(NUMBERED[name], number), REFERENCE[name](X, number)
    np.testing.assert_allclose(one.numpy(X), expected, rtol=1e-12)
    np.testing.assert_allclose(one.function(jnp.asarray(X)), expected, rtol=1e-12)
    assert isinstance(one.numpy(X), np.ndarray)
    both = unbound(NUMBERED[name])
    assert both.arity == 2
    numbers = np.full(X.shape, number)
    np.testing.assert_allclose(both.numpy(X, numbers), expected, rtol=1e-12)
    np.testing.assert_allclose(
        both.function(jnp.asarray(X), jnp.asarray(numbers)), expected, rtol=1e-12
    )
    x = sympy.Symbol("x")
    expression = symbolic.expression(bound(name, number), [x])
    # log(x / K) is 0 where x is K.
    found = sympy.lambdify(x, expression, "numpy")(X)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "number"), EVERY)
def test_slopes_are_those_of_sympy(name, number):
    """Of the variable and of the number: a fit follows both."""
    x, p = sympy.symbols("x p")
    written = NUMBERED[name].sympy(sympy, x, p)
    slopes = jax.vmap(jax.grad(NUMBERED[name].function, (0, 1)), (0, None))(X, number)
    for slope, variable in zip(slopes, (x, p), strict=True):
        expected = sympy.lambdify((x, p), written.diff(variable), "numpy")(X, number)
        np.testing.assert_allclose(slope, expected, rtol=1e-10, atol=1e-14)


def read(text):
    """A text as people write it, by SymPy."""
    rules = (
        *sympy_parser.standard_transformations,
        sympy_parser.convert_xor,
        sympy_parser.implicit_multiplication,
    )
    names = {name: sympy.Symbol(name) for name in ("x", "v")}
    return sympy_parser.parse_expr(text, local_dict=names, transformations=rules)


@pytest.mark.parametrize(("name", "number"), EVERY)
def test_the_text_says_the_same(name, number):
    """Alone, times another state, and times its own."""
    v, expected = 1.7, REFERENCE[name](X, number)
    mul, one = PRIMITIVES["mul"], bound(name, number)
    for made, times in ((one, 1), (Term(mul, (1, one)), v), (Term(mul, (0, one)), X)):
        found = sympy.lambdify(("x", "v"), read(readable(made, ("x", "v"))), "numpy")(X, v)
        np.testing.assert_allclose(found, times * expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "number"), [*((name, 0.7) for name in PAIRS), ("radial_power", -1.5)]
)
def test_an_operation_of_two_variables(name, number):
    check_two_variables(name, PAIRS[name], number)


@pytest.mark.parametrize("name", PAIRS_OF_NUMBERS)
def test_an_operation_of_two_variables_and_two_numbers(name):
    check_two_variables(name, PAIRS_OF_NUMBERS[name], 0.7, 2.3)


def check_two_variables(name, reference, *numbers):
    """In JAX, NumPy, SymPy and as text, with slopes, alone and times a state."""
    y = X[::-1] ** 2
    one, expected = with_number(NUMBERED[name], *numbers), reference(X, y, *numbers)
    np.testing.assert_allclose(one.numpy(X, y), expected, rtol=1e-12)
    np.testing.assert_allclose(one.function(jnp.asarray(X), jnp.asarray(y)), expected, rtol=1e-12)
    assert unbound(NUMBERED[name]).arity == 2 + len(numbers)
    made = Term(one, (0, 1))
    assert operations.get(one.name) == one and term.parse(made.name(("x", "v")), ("x", "v")) == made
    assert inner_of(made).numbers == numbers and inner_of(made).places == (0, 1)
    symbols = sympy.symbols("x v")
    exact = symbolic.expression(made, symbols)
    np.testing.assert_allclose(sympy.lambdify(symbols, exact)(X, y), expected, rtol=1e-12)
    for times, value in ((made, 1), (Term(PRIMITIVES["mul"], (1, made)), y)):
        found = sympy.lambdify(("x", "v"), read(readable(times, ("x", "v"))), "numpy")(X, y)
        np.testing.assert_allclose(found, value * expected, rtol=1e-12)
    each = jax.grad(NUMBERED[name].function, tuple(range(2 + len(numbers))))
    axes = (0, 0, *[None] * len(numbers))
    for place, slope in enumerate(jax.vmap(each, axes)(X, y, *numbers)):
        step = 1e-6 * (np.arange(2 + len(numbers)) == place)
        high, low = (reference(X + s[0], y + s[1], *(numbers + s[2:])) for s in (step, -step))
        np.testing.assert_allclose(slope, (high - low) / 2e-6, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("p", (0.5, 1.5, 2.0))
def test_a_power_of_a_difference_is_odd_and_has_a_slope_at_zero(p):
    """So that a solver passes the level at which two tanks are equal, empty ones as well."""
    flow = NUMBERED["difference_power"].function
    np.testing.assert_allclose(flow(2.0, 5.0, p), -(3.0**p), rtol=1e-12)
    for level in (0.0, 2.0):
        assert flow(level, level, p) == 0
        slopes = jax.grad(flow, (0, 1, 2))(level, level, p)
        assert np.isfinite(slopes).all() and slopes[0] == -slopes[1]
    assert jax.grad(flow)(2.0, 2.0, p) == pytest.approx((4 * LEAST_DIFFERENCE) ** (p - 1))


@pytest.mark.parametrize("name", POWERS)
def test_an_operation_with_two_numbers(name):
    """In JAX, NumPy, SymPy and as text, with slopes; what noise takes below 0 has no power."""
    p, q = 0.7, 2.3
    one, expected = with_number(NUMBERED[name], p, q), POWERS[name](X, p, q)
    np.testing.assert_allclose(one.numpy(X), expected, rtol=1e-12)
    np.testing.assert_allclose(one.function(jnp.asarray(X)), expected, rtol=1e-12)
    made = Term(one, (1,))
    assert one.name == f"{name}[0.7;2.3]" and operations.get(one.name) == one
    assert unbound(NUMBERED[name]).arity == 3
    nested = Term(PRIMITIVES["mul"], (0, made))
    assert term.parse(nested.name(("x", "v")), ("x", "v")) == nested
    inner = inner_of(nested)
    symbols = NUMBERED[name].symbol, NUMBERED[name].second
    assert inner.numbers == (p, q) and inner.symbols == symbols and inner.places == (1,)
    assert inner_of(Term(with_number(*inner_row(inner)), (1,))) == inner
    exact = symbolic.expression(made, sympy.symbols("x v"))
    np.testing.assert_allclose(sympy.lambdify("v", exact)(X), expected, rtol=1e-12)
    found = sympy.lambdify(("x", "v"), read(readable(nested, ("x", "v"))), "numpy")(1.7, X)
    np.testing.assert_allclose(found, 1.7 * expected, rtol=1e-12)
    slopes = jax.vmap(jax.grad(NUMBERED[name].function, (0, 1, 2)), (0, None, None))(X, p, q)
    for place, slope in enumerate(slopes):
        step = 1e-6 * (np.arange(3) == place)
        high, low = (POWERS[name](X + s[0], p + s[1], q + s[2]) for s in (step, -step))
        np.testing.assert_allclose(slope, (high - low) / 2e-6, rtol=1e-6, atol=1e-7)
    below = jax.grad(NUMBERED[name].function, (0, 1, 2))(-0.01, p, q)
    assert np.isfinite(below).all()
    if name.endswith("_power"):
        assert one.numpy(np.array(-0.01)) == pytest.approx(float(name == "repression_power"))


def test_a_step_is_flat_far_from_its_threshold():
    """Where exp is not finite its slopes are; a threshold may be below 0."""
    sigmoid = NUMBERED["sigmoid"]
    value, slopes = jax.value_and_grad(sigmoid.function, (0, 1, 2))(5.0, 0.5, 1e4)
    assert value == 1 and np.all(np.array(slopes) == 0)
    names = with_number(sigmoid, -0.5, 80.0), with_number(NUMBERED["inverse_sigmoid"], 0.5, 80.0)
    assert [readable(Term(name, (0,)), ("x",)) for name in names] == [
        "1/(1 + exp(-80.00 (x + 0.5000)))",
        "1/(1 + exp(80.00 (x - 0.5000)))",
    ]


def inner_row(inner):
    return (NUMBERED[inner.kind], *inner.numbers)


@pytest.mark.parametrize("name", PAIRS)
def test_what_stands_below_the_line_vanishes_at_a_pole(name):
    """And is positive of concentrations."""
    below = NUMBERED[name].below
    if "difference" in name:
        assert below is None
        return
    assert np.all(below(X, X[::-1], 0.7) > 0)
    pole = {"ratio_share": (1.0, -0.7), "radial_power": (0.0, 0.0)}.get(name, (1.0, -0.7))
    if name != "radial_inhibition":
        assert below(*pole, 0.7) == 0


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    (
        ("michaelis", 0.5, "x/(0.5000 + x)"),
        ("inhibition", 0.5, "1/(1 + x/0.5000)"),
        ("hill2", 2.0, "x^2/(2.000^2 + x^2)"),
        ("repression4", 2.0, "1/(1 + (x/2.000)^4)"),
        ("exponential", -2.5, "exp(-2.500 x)"),
        ("arrhenius", 0.25, "exp(-0.2500/x)"),
        ("steep_tanh", 3.0, "tanh(3.000 x)"),
        ("power", 0.75, "x^0.75"),
        ("hinge", 40.0, "max(x - 40.00, 0)"),
        ("hinge", -2.0, "max(x + 2.000, 0)"),
        ("dead_zone", 1.5, "sign(x) max(abs(x) - 1.500, 0)"),
        ("limited", 1.5, "sign(x) min(abs(x), 1.500)"),
    ),
)
def test_people_read_four_digits(name, number, expected):
    assert readable(bound(name, number), ("x",)) == expected
    times = Term(PRIMITIVES["mul"], (1, bound(name, number + 1e-9)))
    head = "v" if expected.startswith("1/") else f"v {expected}"
    assert readable(times, ("x", "v")).startswith(head)


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("number", (0.1 + 0.2, -1e-300, 6.02e23))
def test_a_name_holds_every_digit(name, number):
    one = with_number(NUMBERED[name], number)
    assert operations.get(one.name) == one
    assert operations.get(one.name).function.number == number
    made = Term(PRIMITIVES["mul"], (1, Term(one, (0,))))
    assert term.parse(made.name(("x", "v")), ("x", "v")) == made
    assert one != with_number(NUMBERED[name], number * (1 + 1e-15))


@pytest.mark.parametrize(
    "name",
    (
        "michaelis[]",
        "michaelis[x]",
        "michaelis[nan]",
        "michaelis[inf]",
        "michaelis[0.5",
        "michaelis0.5]",
        "michaelis[0.5][0.5]",
        "michaelis[0.5;2.0]",
        "hill_power[0.5]",
        "hill_power[0.5;]",
        "hill_power[0.5;nan]",
        "hill_power[0.5;2.0;1.0]",
        "menten[0.5]",
        "[0.5]",
        "sin[0.5]",
        "michaelis",
    ),
)
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="unknown operation"):
        operations.get(name)
