import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.paper import simulate
from nsindy.paper.systems import DAMPED_OSCILLATOR
from nsindy.routers import stlsq, training
from nsindy.terms import library


def stlsq_in_numpy(theta, derivatives, threshold, ridge):
    """Threshold and refit on the terms that stay, until they stay the same."""
    found = np.zeros((derivatives.shape[1], theta.shape[1]))
    for row, target in zip(found, derivatives.T, strict=True):
        stays = np.ones(theta.shape[1], bool)
        while stays.any():
            kept = theta[:, stays]
            row[:] = 0
            row[stays] = np.linalg.solve(
                kept.T @ kept + ridge * np.eye(stays.sum()), kept.T @ target
            )
            smaller = stays & (np.abs(row) >= threshold)
            if (smaller == stays).all():
                break
            stays = smaller
        else:
            row[:] = 0
    return found


def problem(seed, samples=60, terms=7):
    random = np.random.default_rng(seed)
    theta = random.normal(size=(samples, terms)) @ (
        np.eye(terms) + 0.4 * random.normal(size=(terms, terms))
    )
    sparse = random.normal(size=(3, terms)) * (random.random((3, terms)) < 0.4)
    return theta, theta @ sparse.T + 0.1 * random.normal(size=(samples, 3))


compiled = jax.jit(stlsq.stlsq)


@pytest.mark.parametrize("threshold", [0.0, 0.02, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("ridge", [0.01, 5.0])
def test_random_problems_against_numpy(threshold, ridge):
    for seed in range(8):
        theta, derivatives = problem(seed)
        found = compiled(theta, derivatives, threshold, ridge=ridge)
        expected = stlsq_in_numpy(theta, derivatives, threshold, ridge)
        np.testing.assert_array_equal(found != 0, expected != 0)
        # Both solve normal equations in float64, here of a condition below 1e4.
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
        # Exactly zero off the support, and nothing small on it.
        assert np.all((found == 0) | (np.abs(found) >= threshold))


@pytest.mark.unmeasured
def test_without_jit(both):
    theta, derivatives = map(jnp.asarray, problem(0, terms=4))
    one, other = (f(theta, derivatives, 0.1) for f in both(stlsq.stlsq))
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(one == 0, other == 0)


def test_a_threshold_above_everything_leaves_nothing():
    theta, derivatives = problem(0)
    np.testing.assert_array_equal(compiled(theta, derivatives, 1e6), 0)


@pytest.fixture(scope="module")
def oscillator(exact):
    """Θ and Ẋ of the paper's recording at the four noise levels of a sweep."""
    measurement = simulate.Measurement(
        args=jnp.array([1.0, 0.1]),
        initial=jnp.array([1.0, 0.0]),
        step=jnp.asarray(0.05),
        noise=jnp.asarray(1e-3),
    )

    def record(seed):
        trajectory = simulate.simulate_recording(
            jax.random.key(seed), DAMPED_OSCILLATOR, measurement
        )
        return library.evaluate(exact, trajectory.states).theta, trajectory.derivatives

    return jax.jit(jax.vmap(record))(jnp.arange(4))


def test_the_oscillator_with_add_in_the_library(oscillator):
    theta, derivatives = oscillator
    fits = jax.jit(jax.vmap(lambda t, d: stlsq.stlsq(t, d, 0.2)))(theta, derivatives)
    for found, t, d in zip(fits, np.asarray(theta), np.asarray(derivatives), strict=True):
        np.testing.assert_allclose(found, stlsq_in_numpy(t, d, 0.2, 0.01), atol=1e-8)
        # Of all a id(x) + b id(v) + c add with a + c and b + c given by the truth, the ridge takes
        # the one of least norm: c = (0 + 1) / 3 in x', c = (-1 - 0.1) / 3 in v'.
        thirds = np.zeros((2, 8))
        thirds[0, [0, 1, 6]] = [-1 / 3, 2 / 3, 1 / 3]
        thirds[1, [0, 1, 6]] = [-1 + 1.1 / 3, -0.1 + 1.1 / 3, -1.1 / 3]
        # The ridge shrinks by 0.01 / ΘᵀΘ ~ 1e-4, and the noise adds 1e-3 / √600.
        np.testing.assert_allclose(found, thirds, atol=1e-3)
        # The paper's numbers, in its three digits.
        np.testing.assert_allclose(found[0, [0, 1, 6]], [-0.333, 0.667, 0.332], atol=2e-3)
        np.testing.assert_allclose(found[1, [0, 1, 6]], [-0.632, 0.268, -0.368], atol=2e-3)


def test_vmapped_over_noise_draws_equals_one_at_a_time(oscillator):
    theta, derivatives = oscillator
    mapped = jax.jit(jax.vmap(lambda t, d: stlsq.stlsq(t, d, 0.1)))(theta, derivatives)
    for each, t, d in zip(mapped, theta, derivatives, strict=True):
        # The ridge of 0.01 under columns of norm² 150 leaves a condition of 1e5.
        np.testing.assert_allclose(each, compiled(t, d, 0.1), atol=1e-9)


def test_compressed_rows_give_the_same_coefficients(oscillator):
    theta, derivatives = oscillator[0][0], oscillator[1][0]
    rows = jax.jit(training.compress_samples)(theta, derivatives)
    scale = np.sqrt(len(theta) / len(rows[0]))
    found = compiled(scale * rows[0], scale * rows[1], 0.2)
    np.testing.assert_allclose(found, compiled(theta, derivatives, 0.2), atol=1e-9)


def test_tuned_takes_the_threshold_that_validates_best():
    theta, derivatives = problem(3, samples=40)
    other_theta, other = problem(3, samples=90)
    other_theta, other = other_theta[40:], other[40:]
    thresholds = np.array([0.01, 0.8, 0.1, 0.3])
    tuned = jax.jit(stlsq.tuned)((theta, derivatives), (other_theta, other), thresholds)
    descending = np.sort(thresholds)[::-1]
    fits = [stlsq_in_numpy(theta, derivatives, threshold, 0.01) for threshold in descending]
    errors = [np.mean((other_theta @ each.T - other) ** 2) for each in fits]
    assert len(set(np.round(errors, 9))) > 1
    best = int(np.argmin(errors))
    np.testing.assert_allclose(tuned.validation, errors, rtol=1e-8)
    assert tuned.threshold == descending[best]
    np.testing.assert_allclose(tuned.coefficients, fits[best], atol=1e-9)


def test_of_equal_errors_the_largest_threshold_wins():
    theta = np.random.default_rng(0).normal(size=(30, 4))
    derivatives = theta @ np.array([[1.0, 0, 0, -2.0]]).T
    both = (theta, derivatives)
    assert jax.jit(stlsq.tuned)(both, both, np.array([0.1, 0.5, 0.3])).threshold == 0.5


def test_a_coefficient_of_just_the_threshold_stays():
    derivatives = jnp.array([[0.5, 0.25], [0.25, 0.5]])
    found = compiled(jnp.eye(2), derivatives, 0.5, ridge=0.0)
    np.testing.assert_array_equal(found, [[0.5, 0.0], [0.0, 0.5]])


def test_the_slope_is_that_of_ridge_regression_on_what_stays():
    theta, derivatives = (jnp.asarray(part) for part in problem(3))
    support = stlsq.stlsq(theta, derivatives, 0.1) != 0
    assert 0 < support.sum() < support.size

    def ridge_fit(derivatives):
        def one(stays, target):
            kept = theta[:, stays]
            system = kept.T @ kept + 0.01 * jnp.eye(kept.shape[1])
            return jnp.sum(jnp.linalg.solve(system, kept.T @ target) ** 2)

        return sum(one(np.asarray(s), t) for s, t in zip(support, derivatives.T, strict=True))

    found = jax.jit(jax.grad(lambda d: jnp.sum(stlsq.stlsq(theta, d, 0.1) ** 2)))(derivatives)
    np.testing.assert_allclose(found, jax.grad(ridge_fit)(derivatives), rtol=1e-9, atol=1e-12)
