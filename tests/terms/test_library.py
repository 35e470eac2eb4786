import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.circuits import stacks
from nsindy.terms import library


def theta_in_numpy(states):
    x, v = np.asarray(states).T
    columns = [x, v, np.sin(x), np.sin(v), np.cos(x), np.cos(v), x + v, x * v]
    return np.stack(columns, axis=1)


@pytest.fixture(scope="module")
def states():
    return jax.random.uniform(jax.random.key(1), (40, 2), minval=-3.0, maxval=3.0)


@pytest.mark.jit_first
def test_columns_are_the_eight_terms_in_order(exact, states, variant):
    theta, inside = variant(lambda states: library.evaluate(exact, states))(states)
    # The functions are exact; jit may round the last bit otherwise than NumPy.
    np.testing.assert_allclose(theta, theta_in_numpy(states), rtol=1e-14, atol=1e-15)
    assert theta.dtype == states.dtype
    assert inside.shape == (40, 8)
    assert bool(inside.all())


@pytest.mark.jit_first
def test_shipped_circuits_are_the_operations_within_their_fidelity(shipped, states, variant):
    theta, inside = variant(library.evaluate)(shipped, states)
    assert bool(inside.all())
    assert theta.dtype == states.dtype
    reference = theta_in_numpy(states)
    errors = np.sqrt(np.mean((np.asarray(theta) - reference) ** 2, axis=0)) / reference.std(axis=0)
    # The fidelity that the library promises: RMSE over standard deviation.
    assert np.all(errors[:7] <= 1e-3), errors
    assert errors[7] <= 3e-3, errors


def test_nested_terms(exact, states, both):
    names = ("mul(x,sin(v))", "add(mul(x,x),cos(v))", "sin(mul(x,sin(v)))", "identity(x)")
    bound = library.bind(names, ("x", "v"))
    assert bound.names == names
    x, v = np.asarray(states).T
    reference = np.stack([x * np.sin(v), x * x + np.cos(v), np.sin(x * np.sin(v)), x], axis=1)
    for function in both(library.evaluate):
        np.testing.assert_allclose(function(bound, states).theta, reference, rtol=1e-14, atol=1e-15)
    learned = library.bind(names, ("x", "v"), stacks.load_stacks()[0])
    theta, inside = jax.jit(library.evaluate)(learned, states)
    # Errors of the inner circuit pass through the outer one, with slopes of at most 6 here.
    scale = np.where(np.asarray(inside), np.abs(np.asarray(theta) - reference), 0.0)
    assert scale.max() < 0.05


def test_the_mask_marks_every_argument_outside_its_domain():
    # identity, add and mul are declared on [-5, 5], sin and cos on [-2π, 2π].
    names = (
        "identity(x)",
        "sin(x)",
        "cos(v)",
        "mul(x,v)",
        "identity(mul(x,v))",
        "sin(identity(x))",
    )
    states = jnp.array([[0.0, 0.0], [5.5, 0.0], [6.5, 0.0], [0.0, -7.0], [3.0, 3.0], [5.0, 1.0]])
    expected = np.array(
        [
            [1, 1, 1, 1, 1, 1],
            [0, 1, 1, 0, 0, 0],
            [0, 0, 1, 0, 0, 0],
            [1, 1, 0, 0, 0, 1],
            [1, 1, 1, 1, 0, 1],
            [1, 1, 1, 1, 1, 1],
        ],
        bool,
    )
    inside = jax.jit(library.evaluate)(library.bind(names, ("x", "v")), states).inside
    np.testing.assert_array_equal(inside, expected)


def test_a_file_of_circuits_declares_its_own_domains(shipped):
    # A stack with a narrower domain: what counts is what the circuit knows, not the operation.
    assert shipped.circuits is not None
    narrow = tuple(
        dataclasses.replace(
            stack,
            primitives=tuple(dataclasses.replace(p, domain=(-1.0, 1.0)) for p in stack.primitives),
        )
        for stack in shipped.circuits
    )
    bound = library.bind(("identity(x)", "add(x,v)"), ("x", "v"), narrow)
    states = jnp.array([[0.5, 0.5], [2.0, 0.0], [0.0, 2.0]])
    inside = jax.jit(library.evaluate)(bound, states).inside
    np.testing.assert_array_equal(inside, [[1, 1], [0, 0], [1, 0]])


def test_a_state_that_is_not_a_number_is_never_inside(exact):
    inside = jax.jit(library.evaluate)(exact, jnp.array([[jnp.nan, 0.0]])).inside[0]
    depends_on_x = np.array(["x" in name.partition("(")[2] for name in exact.names])
    np.testing.assert_array_equal(inside, ~depends_on_x)


def test_evaluation_of_many_recordings_is_a_vmap(shipped, states):
    batch = jnp.stack([states, 0.5 * states])

    def one(each):
        return library.evaluate(shipped, each).theta

    for row, each in zip(jax.jit(jax.vmap(one))(batch), batch, strict=True):
        # Single-precision circuits; a batch may sum in another order.
        np.testing.assert_allclose(row, jax.jit(one)(each), atol=1e-5)


def test_single_precision_states_stay_single(exact, states):
    assert library.evaluate(exact, states.astype(jnp.float32)).theta.dtype == jnp.float32


def test_complexities_follow_the_terms(exact):
    np.testing.assert_array_equal(exact.complexities, [-1, -1, 0, 0, 0, 0, 1, 1])


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ((), "the library has no terms"),
        (("tan(x)",), "unknown operation 'tan'"),
        (("sin(y)",), "unknown state 'y'"),
        (("add(x)",), "takes 2 argument"),
        (("sin(x)", "identity(v)", " sin( x )"), r"the term sin\(x\) is given twice"),
    ],
)
def test_a_library_that_makes_no_sense_is_refused(names, sentence):
    with pytest.raises(ValueError, match=sentence):
        library.bind(names, ("x", "v"))


@pytest.mark.parametrize("shape", [(5,), (5, 3), (2, 5, 2)])
def test_states_of_another_shape_are_refused(exact, shape):
    with pytest.raises(ValueError, match=r"states must be \[N, 2\] for the library over \(x, v\)"):
        library.evaluate(exact, jnp.zeros(shape))


def test_an_operation_without_a_circuit_is_named(shipped):
    unary = tuple(s for s in shipped.circuits if s.primitives[0].arity == 1)
    bound = library.bind(("identity(x)", "mul(x,v)"), ("x", "v"), unary)
    with pytest.raises(ValueError, match="no circuit has learned mul"):
        library.evaluate(bound, jnp.zeros((3, 2)))


def test_terms_in_any_order_have_the_values_of_their_columns(states, variant):
    names = ["identity(x)", "identity(v)", "sin(x)", "sin(v)", "add(x,v)", "mul(v,x)", "mul(x,v)"]
    whole = library.evaluate(library.bind(names, ["x", "v"]), states)
    for order in ([6, 0, 3], [2, 3, 4], [5], [6, 5, 4, 3, 2, 1, 0]):
        bound = library.bind([names[i] for i in order], ["x", "v"])
        theta, inside = variant(lambda states, bound=bound: library.evaluate(bound, states))(states)
        np.testing.assert_array_equal(theta, whole.theta[:, np.array(order)])
        np.testing.assert_array_equal(inside, whole.inside[:, np.array(order)])
