import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from oscillation import INDICES, NOISE, STEPS, TIMES, TRUE, measured, slots

from nsindy.trajectories import single
from nsindy.trajectories.single_fit import fit_trajectory


@pytest.fixture(scope="module")
def fit(exact):
    """One compiled function that fits a batch of recordings, each from its own start."""

    @jax.jit
    @chex.assert_max_traces(n=1)
    def run(states, starts):
        def one(states, start):
            return fit_trajectory(
                exact,
                jnp.asarray(INDICES),
                slots(start),
                states[0],
                single.as_record(jnp.asarray(TIMES), states),
                jnp.full(2, NOISE),
                steps=STEPS,
            )

        return jax.vmap(one)(states, starts)

    return run


def test_fits_agree_with_scipy(fit):
    states = np.stack([measured(seed) for seed in range(8)])
    starts = TRUE * np.array([0.9, 1.1, 0.5])
    found = fit(jnp.asarray(states), jnp.broadcast_to(jnp.asarray(starts), (8, 3)))
    assert np.all(found.converged)

    def residual(parameters, states):
        a, b, c = parameters[:3]
        solution = scipy.integrate.solve_ivp(
            lambda _, y: [a * y[1], b * y[0] + c * y[1]],
            (TIMES[0], TIMES[-1]),
            parameters[3:],
            t_eval=TIMES,
            rtol=1e-8,
            atol=1e-10,
        )
        return ((solution.y.T - states) / NOISE).ravel()

    for seed in range(2):
        start = np.concatenate([starts, states[seed, 0]])
        reference = scipy.optimize.least_squares(residual, start, args=(states[seed],))
        values = np.asarray(found.coefficients[seed])
        mine = [values[0, 0], values[1, 0], values[1, 1], *found.initial[seed]]
        errors = np.sqrt(np.diag(np.linalg.inv(reference.jac.T @ reference.jac)))
        assert np.all(np.abs(mine - reference.x) < 0.01 * errors)
        rss = np.sum(found.rss[seed]) / NOISE**2
        # Constant steps leave 1e-4 of the noise in a sample; to χ² that is 1e-3 of 254.
        np.testing.assert_allclose(rss, 2 * reference.cost, rtol=4e-6)


def test_a_start_that_blows_up_stays_finite(fit):
    """v' = +30 v leaves any box within a step; the fit ends with numbers, and says how good."""
    states = jnp.asarray(np.stack([measured(0)] * 8))
    found = fit(states, jnp.asarray([[1.0, 5.0, 30.0]] * 4 + [[1e3, 1e3, 1e3]] * 4))
    chex.assert_tree_all_finite(jax.tree.map(jnp.asarray, found))
