import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

from nsindy.terms import library, term
from nsindy.trajectories import single
from nsindy.trajectories.single_fit import fit_trajectory

STEPS = 100
NOISE = 0.02
TIMES = np.linspace(0.0, 12.0, 150)
K, C = 1.5, 0.3
TRUE = np.array([1.0, -K, -C])
INDICES = np.array([[1, 8], [0, 1]])
"""x' = ξ₁ identity(v), v' = ξ₂ identity(x) + ξ₃ identity(v) in two slots each."""


@pytest.fixture(scope="module")
def paper():
    return library.bind(term.paper_terms(), ("x", "v"))


def closed_form(t, k=K, c=C, x0=1.0):
    w, g = np.sqrt(k - c * c / 4), c / 2
    x = np.exp(-g * t) * x0 * (np.cos(w * t) + g / w * np.sin(w * t))
    v = -np.exp(-g * t) * x0 * (w + g * g / w) * np.sin(w * t)
    return np.stack([x, v], 1)


def measured(seed):
    noise = NOISE * np.random.default_rng(seed).normal(size=(len(TIMES), 2))
    return closed_form(TIMES) + noise


def slots(values):
    return jnp.asarray([[values[0], 0.0], [values[1], values[2]]])


def box():
    return single.bound_of(jnp.asarray(closed_form(TIMES)))


def solve(paper, values, initial):
    return single.sensitivities(
        paper,
        jnp.asarray(INDICES),
        slots(values),
        initial,
        jnp.asarray(TIMES),
        box(),
        steps=STEPS,
    )


@pytest.fixture(scope="module")
def fit(paper):
    """One compiled function that fits a batch of recordings, each from its own start."""

    @jax.jit
    @chex.assert_max_traces(n=1)
    def run(states, starts):
        def one(states, start):
            return fit_trajectory(
                paper,
                jnp.asarray(INDICES),
                slots(start),
                states[0],
                single.as_record(jnp.asarray(TIMES), states),
                jnp.full(2, NOISE),
                steps=STEPS,
            )

        return jax.vmap(one)(states, starts)

    return run


def test_trajectory_and_sensitivities_are_those_of_the_closed_form(paper):
    solved = jax.jit(lambda: solve(paper, jnp.asarray(TRUE), jnp.asarray([1.0, 0.0])))()
    np.testing.assert_allclose(solved.states, closed_form(TIMES), atol=2e-6)
    step = 1e-5
    for parameter, column in ((1, 2), (2, 3)):
        shift = step * np.eye(3)[parameter]
        # k and c enter with a minus sign: v' = -k x - c v.
        upper = closed_form(TIMES, *-(TRUE + shift)[1:])
        lower = closed_form(TIMES, *-(TRUE - shift)[1:])
        expected = (upper - lower) / (2 * step)
        np.testing.assert_allclose(solved.by_coefficients[:, :, column], expected, atol=2e-5)
    by_initial = closed_form(TIMES)
    np.testing.assert_allclose(solved.by_initial[:, :, 0], by_initial, atol=2e-6)


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


def test_slots_and_masks_round_trip():
    mask = jnp.asarray([[False, True, False, True], [False] * 4])
    indices = single.slots_of(mask, 3)
    np.testing.assert_array_equal(indices, [[1, 3, 4], [4, 4, 4]])
    np.testing.assert_array_equal(single.mask_of(indices, 4), mask)
    values = single.dense(indices, jnp.asarray([[2.0, 3.0, 9.0], [9.0, 9.0, 9.0]]), 4)
    np.testing.assert_array_equal(values, [[0, 2, 0, 3], [0, 0, 0, 0]])


def test_steps_follow_the_fastest_rate():
    assert single.steps_for(np.linspace(0, 20, 600), rate=1.0) == 100
    assert single.steps_for(np.linspace(0, 20, 600), rate=2.0) == 200


def test_bad_records_are_told():
    with pytest.raises(ValueError, match="share N >= 2 samples"):
        single.as_record(jnp.ones(5), jnp.ones((4, 2)))
    with pytest.raises(ValueError, match="share N >= 2 samples"):
        single.as_record(jnp.ones(1), jnp.ones((1, 2)))
