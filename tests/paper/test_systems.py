import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from nsindy.paper import systems
from nsindy.terms import library, term

REGIMES = {
    "under": (1.0, 0.1),
    "over": (1.0, 3.0),
    "critical": (1.0, 2.0),
    "undamped": (4.0, 0.0),
    "unstable": (-0.5, 0.2),
}


@pytest.mark.parametrize("regime", REGIMES)
def test_closed_form_against_the_matrix_exponential(regime, variant):
    stiffness, damping = REGIMES[regime]
    initial = np.array([1.0, -0.7])
    times = np.linspace(0.0, 10.0, 41)
    generator = np.array([[0.0, 1.0], [-stiffness, -damping]])
    reference = np.stack([scipy.linalg.expm(generator * t) @ initial for t in times])
    found = variant(systems.oscillator_solution)(
        jnp.asarray(times), jnp.asarray(initial), jnp.array([stiffness, damping])
    )
    # expm keeps about 1e-13 of the largest state in float64.
    np.testing.assert_allclose(found, reference, atol=1e-11 * np.abs(reference).max())


def test_closed_form_is_continuous_at_critical_damping():
    times, initial = jnp.linspace(0.0, 10.0, 21), jnp.array([1.0, 0.5])
    at, below, above = (
        jax.jit(systems.oscillator_solution)(times, initial, jnp.array([1.0, damping]))
        for damping in (2.0, 2.0 - 1e-7, 2.0 + 1e-7)
    )
    # The solution moves by at most about |dx/dc| · 1e-7 < 1e-6.
    np.testing.assert_allclose(below, at, atol=1e-6)
    np.testing.assert_allclose(above, at, atol=1e-6)


def test_true_coefficients_reproduce_the_field(exact):
    args = jnp.array([1.7, 0.3])
    states = jax.random.normal(jax.random.key(0), (20, 2))
    truth = systems.true_coefficients(systems.DAMPED_OSCILLATOR, exact.names, args)
    assert truth.shape == (2, 8)
    theta = jax.jit(library.evaluate)(exact, states).theta
    field = jax.vmap(lambda y: systems.DAMPED_OSCILLATOR.field(jnp.zeros(()), y, args))(states)
    np.testing.assert_allclose(theta @ truth.T, field, atol=1e-14)
    x, v = np.asarray(states).T
    np.testing.assert_allclose(field, np.stack([v, -1.7 * x - 0.3 * v], axis=1), atol=1e-14)


def test_true_coefficients_of_the_oscillator(exact):
    truth = systems.true_coefficients(systems.DAMPED_OSCILLATOR, exact.names, jnp.array([1.0, 0.1]))
    np.testing.assert_array_equal(truth, [[0, 1, *[0] * 6], [-1, -0.1, *[0] * 6]])


def test_a_library_without_a_true_term_is_refused():
    with pytest.raises(ValueError, match=r"lacks identity\(v\) of the damped oscillator"):
        systems.true_coefficients(
            systems.DAMPED_OSCILLATOR, ["identity(x)", "sin(v)"], jnp.array([1.0, 0.1])
        )


@pytest.mark.jit_first
@pytest.mark.parametrize("system", systems.FURTHER, ids=lambda system: system.name)
def test_the_sparse_form_of_a_further_system_is_its_field(system, variant):
    names = term.composed_terms(system.states)
    bound = library.bind(names, system.states)
    args = 0.7 + jnp.arange(float(len(system.parameters))) / 3
    states = jax.random.normal(jax.random.key(1), (20, 2))
    theta = variant(library.evaluate)(bound, states).theta
    field = jax.vmap(lambda y: system.field(jnp.zeros(()), y, args))(states)
    truth = systems.true_coefficients(system, names, args)
    np.testing.assert_allclose(theta @ truth.T, field, atol=1e-13)


def test_the_fields_of_the_further_systems_are_those_of_the_textbooks():
    x, y = 0.7, -1.3
    args = np.array([0.5, 0.3, 0.9, 1.1])
    a, b, c, d = args
    expected = {
        "damped pendulum": (y, -a * np.sin(x) - b * y),
        "Van der Pol": (y, a * (1 - x**2) * y - x),
        "Duffing": (y, -a * y - x - b * x**3),
        "Lotka–Volterra": (a * x - b * x * y, c * x * y - d * y),
        "linear spiral": (a * x + b * y, c * x + d * y),
    }
    assert expected.keys() == {system.name for system in systems.FURTHER}
    for system in systems.FURTHER:
        found = system.field(jnp.zeros(()), jnp.array([x, y]), jnp.asarray(args))
        np.testing.assert_allclose(found, expected[system.name], rtol=1e-14)
