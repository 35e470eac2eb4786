import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import sympy

from nsindy.circuits import recipes
from nsindy.discovery.preparation import dictionary
from nsindy.terms import library, operations, primitive, symbolic
from nsindy.terms.term import Term, parse
from nsindy.terms.text import readable

REFERENCE = {
    "identity": lambda x: x,
    "sin": np.sin,
    "cos": np.cos,
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "one": lambda: np.ones(4000),
    "square": lambda x: x**2,
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "reciprocal": lambda x: 1 / x,
    "abs": np.abs,
    "saturation": lambda x: x / (1 + x),
    "sign": np.sign,
    "drag": lambda x: x * np.abs(x),
    "sqrt": np.sqrt,
}


def test_the_five_operations_of_the_paper():
    assert operations.PAPER == ("identity", "sin", "cos", "add", "mul")
    assert [operations.get(name).arity for name in operations.PAPER] == [1, 1, 1, 2, 2]


def test_the_further_operations_follow_the_five():
    assert tuple(operations.PRIMITIVES) == tuple(REFERENCE)
    further = list(operations.PRIMITIVES.values())[len(operations.PAPER) :]
    assert [p.arity for p in further] == [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]


def test_the_prior_prefers_identity_and_shuns_binary_operations():
    cost = {name: operations.get(name).complexity for name in operations.PAPER}
    assert cost == {"identity": -1.0, "sin": 0.0, "cos": 0.0, "add": 1.0, "mul": 1.0}


@pytest.mark.parametrize("name", REFERENCE)
def test_sample_draws_over_the_domain_and_evaluates_exactly(name):
    primitive = operations.get(name)
    inputs, targets = map(np.asarray, operations.sample(jax.random.key(3), primitive, 4000))
    assert inputs.shape == (4000, primitive.arity)
    assert targets.shape == (4000,)
    # jnp and NumPy may round the last bit of sin and cos differently.
    np.testing.assert_allclose(targets, REFERENCE[name](*inputs.T), rtol=1e-14, atol=1e-15)
    assert np.isfinite(targets).all()
    low, high = primitive.domain
    for column in inputs.T:
        # Kolmogorov–Smirnov against the uniform law; a right sampler fails once in 10⁶ keys.
        assert scipy.stats.kstest((column - low) / (high - low), "uniform").pvalue > 1e-6


def test_arguments_of_a_binary_operation_are_independent():
    inputs, _ = operations.sample(jax.random.key(0), operations.get("mul"), 4000)
    # The correlation of independent columns has standard deviation 1/√4000; five of them.
    assert abs(np.corrcoef(np.asarray(inputs).T)[0, 1]) < 5 / np.sqrt(4000)


def test_an_unknown_operation_is_named_with_those_that_exist():
    with pytest.raises(
        ValueError, match=r"unknown operation 'tan'; .*identity, sin, cos, add, mul"
    ):
        operations.get("tan")


@pytest.mark.parametrize("name", REFERENCE)
def test_the_operation_on_numpy_arrays_is_the_same(name):
    primitive = operations.get(name)
    values = np.linspace(*primitive.domain, 4000) + 1e-3
    arguments = (values, values[::-1])[: primitive.arity]
    found = operations.numpy_function(primitive)(*arguments)
    assert not isinstance(found, jax.Array)
    np.testing.assert_allclose(found, primitive.function(*arguments), rtol=1e-14, atol=1e-15)


def test_an_operation_of_ones_own_is_compiled_whatever_its_name():
    own = dataclasses.replace(operations.get("sin"), function=lambda x: 2 * x)
    np.testing.assert_array_equal(operations.numpy_function(own)(np.arange(3.0)), [0, 2, 4])


def test_a_new_operation_is_one_row(monkeypatch):
    """It reaches the library, the text, SymPy, both prices, the dictionary and the recipes."""
    cube = primitive.Primitive(
        "cube", 1, lambda x: x * x * x, (-2.0, 2.0), 2.0, nats=4.0, usable=(-3.0, 3.0),
        numpy=lambda x: x**3, sympy=lambda _, x: x**3, recipe={"half_width": 2.1},
    )  # fmt: skip
    monkeypatch.setitem(operations.PRIMITIVES, "cube", cube)
    bound = library.bind(["mul(x,cube(v))"], ["x", "v"])
    assert library.evaluate(bound, jnp.array([[2.0, 3.0]])).theta.tolist() == [[54.0]]
    (term,) = bound.terms
    assert readable(term, ("x", "v")) == "x cube(v)"
    assert str(symbolic.expression(term, sympy.symbols("x v"))) == "v**3*x"
    assert bound.complexities.tolist() == [1.0 + 2.0]
    assert dictionary.costs([term]).tolist() == [3.0 + 2.0 + 4.0]
    assert "cube" in operations.searched(alone=False)
    found = dictionary.library(2, 2, operations=("cube",), degree=3)
    assert "cube(x)" in [t.name("xv") for t in found]
    assert dictionary.allows(cube, np.linspace(-2.5, 2.5, 50))
    assert not dictionary.allows(cube, np.linspace(-2.5, 3.5, 50))
    assert recipes.shipped(cube).half_width == 2.1
    np.testing.assert_array_equal(operations.numpy_function(cube)(np.array([1.0, -2.0])), [1, -8])


@pytest.mark.parametrize(
    ("text", "nats"),
    [
        ("one()", 3.0),
        ("identity(x)", 3.0),
        ("mul(x,mul(x,v))", 7.0),
        ("sin(x)", 8.0),
        ("mul(x,cos(v))", 10.0),
        ("mul(sin(x),sin(v))", 15.0),
        ("saturation(x)", 10.0),
        ("sin(0.5(x))", 8.0),
    ],
)
def test_prices_of_a_discovery(text, nats):
    assert parse(text, ("x", "v")).nats == nats


def test_an_operation_of_ones_own_costs_as_little_as_a_product():
    own = primitive.Primitive("friction", 1, jnp.tanh, (-1.0, 1.0), 1.0)
    assert Term(own, (0,)).nats == parse("mul(x,x)", ("x",)).nats


def test_a_discovery_searches_what_is_no_polynomial():
    expected = ("sin", "cos", "exp", "log", "tanh", "reciprocal", "abs", "saturation")
    assert operations.searched(alone=False) == expected
    assert operations.searched(alone=True) == ("sign", "drag", "sqrt")


def test_what_is_smooth_in_a_fit_is_the_operation_away_from_its_jump():
    values = np.array([-1.0, -0.3, -0.01, 0.01, 0.3, 1.0])
    steep = operations.get("sign").smooth
    np.testing.assert_allclose(operations.numpy_function(steep)(values), np.sign(values), atol=1e-4)
    np.testing.assert_allclose(steep.function(jnp.asarray(values)), np.sign(values), atol=1e-4)
    # A root is none but √x beyond ε, or terms would make up for the difference.
    root = operations.get("sqrt").smooth
    for found in (operations.numpy_function(root)(values), root.function(jnp.asarray(values))):
        np.testing.assert_allclose(found, np.sign(values) * np.sqrt(np.abs(values)), rtol=1e-14)
    assert np.all(np.isfinite(jax.vmap(jax.grad(root.function))(jnp.array([0.0, -1e-3]))))


@pytest.mark.parametrize("side", (-1.0, 1.0))
def test_a_gentle_root_has_two_derivatives_where_its_parts_meet(side):
    at, near = side * operations.WIDTH_OF_ROOT, 1e-9
    for order in range(3):
        slope = operations.get("sqrt").smooth.function
        for _ in range(order):
            slope = jax.grad(slope)
        below, above = (float(slope(at * (1 + sign * near))) for sign in (-1, 1))
        assert below == pytest.approx(above, rel=1e-6)


def test_a_root_below_zero_is_zero_as_that_of_an_empty_tank():
    root = operations.get("sqrt")
    assert root.function(jnp.array([-1.0])).tolist() == [0.0]
    assert operations.numpy_function(root)(np.array([-1.0])).tolist() == [0.0]
