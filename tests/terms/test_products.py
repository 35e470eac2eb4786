import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.discovery.preparation import dictionary
from nsindy.terms import library, operations, products
from nsindy.terms.term import parse

STATES = ("x", "v")
NAMES = ("identity(x)", "mul(x,mul(x,v))", "mul(v,sin(x))", "sin(v)", "mul(x,x)", "sin(mul(x,v))")


CALLED = tuple(map(operations.get, ("cos", "sin")))


@pytest.fixture(params=[(), CALLED], ids=["atoms", "calls"])
def split(request):
    terms = [parse(name, STATES) for name in NAMES]
    return products.split(terms, 2, operations=request.param, calls=4 * bool(request.param))


def usable(split):
    return jnp.ones(split.factors, bool)


def test_factors_are_shared(split):
    assert [*split.terms_at] == [2, 3, 4]
    names = {term.name(STATES) for term in split.terms_at.values()}
    assert names == {"sin(x)", "sin(v)", "sin(mul(x,v))"}


def test_another_operation_of_another_variable_is_the_same_program():
    traced = []

    @jax.jit
    def values(split, states):
        traced.append(1)
        return products.factor_values(split, states, usable(split))

    states = jax.random.normal(jax.random.key(0), (2, 5))
    for name, expected in (("sin(x)", jnp.sin(states[0])), ("cos(v)", jnp.cos(states[1]))):
        split = products.split([parse(name, STATES)], 2, operations=CALLED, calls=2)
        found = values(split, states)
        np.testing.assert_allclose(found[2], expected, rtol=1e-12)
        np.testing.assert_array_equal(found[3], 0.0)
    assert len(traced) == 1


def test_values_are_those_of_the_library(split):
    states = jax.random.normal(jax.random.key(0), (50, 2))
    expected = library.evaluate(library.bind(NAMES, STATES), states).theta
    np.testing.assert_allclose(
        products.term_values(split, states, usable(split)), expected, rtol=1e-12
    )


@pytest.mark.unmeasured
def test_slopes_of_chosen_terms_are_derivatives(split):
    states = jnp.array([[0.7, 0.4, 2.0], [-1.3, 0.2, 1.5]])
    chosen, beside = jnp.array([[3, 1], [5, 0]]), jnp.array([[4, 2, 5]])
    at = jax.jit(lambda x: products.slopes(split, lambda z: z, x, usable(split), chosen, beside))(
        states
    )

    @jax.jit
    def theta(x):
        return library.evaluate(library.bind(NAMES, STATES), x[None]).theta[0]

    for point in range(3):
        x = states[:, point]
        np.testing.assert_allclose(at.values[..., point], theta(x)[chosen], rtol=1e-12)
        np.testing.assert_allclose(at.beside[..., point], theta(x)[beside], rtol=1e-12)
        slopes = jax.jit(jax.jacobian(theta))(x)[chosen]
        np.testing.assert_allclose(at.slopes[..., point], slopes, rtol=1e-12)


def test_a_factor_without_value_is_zero_and_poisons_nothing():
    split = products.split([parse("log(x)", STATES), parse("mul(v,log(x))", STATES)], 2)
    none = jnp.array([True, True, False, True])
    states, terms = jnp.array([[-1.0], [2.0]]), jnp.arange(2)
    at = products.slopes(split, lambda z: z, states, none, terms, terms)
    for found in at:
        np.testing.assert_array_equal(found, 0)


def test_composed_library_has_every_monomial_once():
    terms = dictionary.monomials(3, 3)
    assert len(terms) == 20
    values = np.array([2.0, 3.0, 5.0])
    split = products.split(terms, 3)
    found = products.term_values(split, jnp.asarray(values)[None], jnp.ones(4, bool))[0]
    # Different primes make every monomial a different number.
    assert len(set(np.asarray(found).tolist())) == 20


@pytest.mark.parametrize(
    ("name", "low", "high", "allowed"),
    (
        ("sin", -1, 1, True),
        ("log", 0.1, 2, True),
        ("log", -0.1, 2, False),
        ("reciprocal", 0.5, 2, True),
        ("reciprocal", -1, 2, False),
        ("abs", 0.5, 2, False),
        ("abs", -1, 2, True),
        ("exp", 0, 900, False),
        ("saturation", 0, 3, True),
        ("saturation", -3, 3, False),
        ("sin", -1e-9, 1e-9, False),
    ),
)
def test_which_operations_the_values_allow(name, low, high, allowed):
    from nsindy.terms import operations

    values = np.linspace(low, high, 50)
    assert dictionary.allows(operations.get(name), values) == allowed


def test_noise_may_have_hidden_a_pole():
    from nsindy.terms import operations

    log, values = operations.get("log"), np.linspace(0.1, 2, 50)
    assert dictionary.allows(log, values, np.full(50, 0.03))
    assert not dictionary.allows(log, values, np.full(50, 0.04))
    # Noise in proportion to the state never reaches zero.
    assert dictionary.allows(log, values, 0.05 * values)


def test_products_of_two_waves():
    from nsindy.terms import operations

    found = dictionary.pairs([operations.get(name) for name in ("sin", "cos", "exp")], 2)
    names = [term.name(("x", "y")) for term in found]
    assert len(set(names)) == len(names) == 8
    assert "mul(sin(x),sin(x))" in names and "mul(sin(y),cos(x))" in names
    assert not any("exp" in name or name == "mul(cos(x),cos(x))" for name in names)


def test_binary_operations_are_refused():
    with pytest.raises(ValueError, match="unknown operation 'sine'"):
        dictionary.library(2, 2, operations=("sine",), degree=3)
