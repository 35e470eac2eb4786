import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.evidence import regression
from nsindy.evidence.prior import by_complexity
from nsindy.evidence.score import Supports
from nsindy.paper import recovery
from nsindy.terms import library
from nsindy.trajectories import single, tangent

STEPS = 60
TIMES = np.linspace(0.0, 12.0, 120)
K, C, NOISE = 1.5, 0.3, 0.02
TRUTH = np.zeros((2, 8))
TRUTH[0, 1], TRUTH[1, 0], TRUTH[1, 1] = 1.0, -K, -C
SEEDS = 16
WIDTH = 6
NOTHING = Supports(
    jnp.zeros((WIDTH, 2, 8), bool),
    jnp.where(jnp.arange(WIDTH) == 0, 0.0, -jnp.inf),
    jnp.zeros(WIDTH),
)
"""Proposals of which only the first counts, and it is empty."""


def closed_form(k=K, c=C):
    w, g = np.sqrt(k - c * c / 4), c / 2
    x = np.exp(-g * TIMES) * (np.cos(w * TIMES) + g / w * np.sin(w * TIMES))
    v = -np.exp(-g * TIMES) * (w + g * g / w) * np.sin(w * TIMES)
    return np.stack([x, v], 1)


@pytest.fixture(scope="module")
def recover(exact):
    """One compiled function: noisy states, and derivatives that proposals are made from."""

    @jax.jit
    @chex.assert_max_traces(n=1)
    def run(states, derivatives, instead, replace):
        prior = by_complexity(exact.complexities)

        def one(states):
            theta = library.evaluate(exact, states).theta
            factor = regression.compress(theta, derivatives)
            samples = jnp.asarray(float(len(TIMES)))
            proposals = recovery.propose(factor, samples, prior, equations=2, slots=4, width=WIDTH)
            proposals = jax.tree.map(lambda a, b: jnp.where(replace, a, b), instead, proposals)
            record = single.as_record(jnp.asarray(TIMES), states)
            return recovery.recover(exact, record, proposals, factor, prior, slots=4, steps=STEPS)

        return jax.vmap(one)(states)

    def always(states, derivatives, instead=None):
        return run(states, derivatives, instead or NOTHING, jnp.asarray(instead is not None))

    return always


@pytest.fixture(scope="module")
def recovered(recover):
    clean = closed_form()
    noise = NOISE * np.random.default_rng(0).normal(size=(SEEDS, *clean.shape))
    return recover(jnp.asarray(clean[None] + noise), jnp.asarray(clean @ TRUTH[:, :2].T))


@pytest.fixture(scope="module")
def bound(exact):
    record = single.as_record(jnp.asarray(TIMES), jnp.asarray(closed_form()))
    run = jax.jit(functools.partial(tangent.cramer_rao, exact, steps=STEPS))
    initial, noise = jnp.asarray([1.0, 0.0]), jnp.full(2, NOISE)
    return np.asarray(run(jnp.asarray(TRUTH != 0), jnp.asarray(TRUTH), initial, record, noise))


def test_both_equations_are_exact_with_slots_to_spare(recovered):
    exact = np.all(np.asarray(recovered.mask) == (TRUTH != 0), (1, 2))
    # A damping of 0.3 is 40 standard errors from zero; what remains is false terms, well below 1 %.
    assert np.sum(~exact) <= 2
    assert np.all(np.asarray(recovered.coefficients)[~np.asarray(recovered.mask)] == 0)
    assert np.all(np.asarray(recovered.settled))
    slots = np.asarray(recovered.slots.terms)[exact]
    assert np.all(slots == np.array([[1, 8, 8, 8], [0, 1, 8, 8]]))
    activations = np.asarray(recovered.slots.activations)[exact]
    assert np.all(np.median(activations, 0) > 0.9)


def test_cramer_rao_is_the_inverse_of_a_finite_difference_information(bound):
    def states(p):
        # x' = a v only sets the unit of v: x'' = -a k x - c x'; solved here by its matrix.
        matrix = np.array([[0.0, p[0]], [p[1], p[2]]])
        values, vectors = np.linalg.eig(matrix)
        start = np.linalg.solve(vectors, p[3:].astype(complex))
        return np.real(np.exp(np.outer(TIMES, values)) * start @ vectors.T).ravel()

    point = np.array([1.0, -K, -C, 1.0, 0.0])
    steps = 1e-5 * np.eye(5)
    jacobian = np.stack([(states(point + s) - states(point - s)) / 2e-5 for s in steps], 1)
    expected = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian / NOISE**2)))
    np.testing.assert_allclose([bound[0, 1], bound[1, 0], bound[1, 1]], expected[:3], rtol=1e-4)
    assert np.all(bound[TRUTH == 0] == 0)


def test_errors_over_seeds_attain_the_bound(recovered, bound):
    true = TRUTH != 0
    exact = np.all(np.asarray(recovered.mask) == true, (1, 2))
    errors = np.asarray(recovered.coefficients)[exact] - TRUTH[None]
    ratio = np.sqrt(np.mean(errors**2, 0))[true] / bound[true]
    # The root mean square of 32 errors has relative spread 1/sqrt(64); four of them are 0.5.
    assert np.all(np.abs(ratio - 1) < 0.5)
    stated = np.asarray(recovered.errors)[exact][:, true] / bound[true]
    assert np.all(np.abs(stated - 1) < 0.3)
    pulls = errors[:, true] / np.asarray(recovered.errors)[exact][:, true]
    inside = np.mean(np.abs(pulls) < 1.645)
    # 90 % of about 96 pulls, of which those of one seed are correlated: 0.9 ± 4 · 0.053.
    assert inside > 0.69


def test_inclusion_and_estimates(recovered):
    exact = np.all(np.asarray(recovered.mask) == (TRUTH != 0), (1, 2))
    inclusion = np.asarray(recovered.inclusion)
    errors = np.asarray(recovered.estimate_errors)[exact]
    assert np.all((inclusion >= 0) & (inclusion <= 1 + 1e-12))
    assert np.median(inclusion[:, 0, 1]) > 0.9
    assert np.median(inclusion[:, 1, 0]) > 0.9
    # add(x,v) is spanned by the two terms of v', and by neither of x'.
    assert np.all(np.isinf(errors[:, 1, 6]))
    assert np.all(np.isfinite(errors[:, 0]))
    np.testing.assert_allclose(np.sum(recovered.pool_weights, 1), 1.0)


@pytest.mark.slow
def test_a_false_start_is_corrected(recover):
    """Where all proposals are false, the trajectories find the truth still."""
    clean = closed_form()
    noise = NOISE * np.random.default_rng(1).normal(size=(SEEDS, *clean.shape))
    wrong = np.zeros((WIDTH, 2, 8), bool)
    wrong[:, 0, 3] = wrong[:, 1, 2] = wrong[:, 1, 5] = True
    found = recover(
        jnp.asarray(clean[None] + noise),
        jnp.asarray(clean @ TRUTH[:, :2].T),
        NOTHING._replace(masks=jnp.asarray(wrong)),
    )
    exact = np.all(np.asarray(found.mask) == (TRUTH != 0), (1, 2))
    assert np.sum(~exact) <= 2
    assert np.min(found.rounds) > 2


def test_a_term_that_cannot_be_seen_is_told(recover):
    """A damping of a quarter of its standard error: no term is invented, its interval is wide."""
    clean = closed_form(c=0.001)
    noise = NOISE * np.random.default_rng(2).normal(size=(SEEDS, *clean.shape))
    coefficients = np.array([[0.0, 1.0], [-K, -0.001]])
    found = recover(jnp.asarray(clean[None] + noise), jnp.asarray(clean @ coefficients.T))
    mask = np.asarray(found.mask)
    assert np.sum(mask[:, TRUTH == 0]) <= 2
    hidden = ~mask[:, 1, 1]
    assert np.mean(hidden) > 0.9
    low = np.asarray(found.estimates)[:, 1, 1] - 1.645 * np.asarray(found.estimate_errors)[:, 1, 1]
    high = np.asarray(found.estimates)[:, 1, 1] + 1.645 * np.asarray(found.estimate_errors)[:, 1, 1]
    # 90 % of 32 seeds, minus four standard deviations of 0.053.
    assert np.mean((low < -0.001) & (high > -0.001)) > 0.69
    assert np.median(np.asarray(found.inclusion)[hidden, 1, 1]) < 0.2


def test_constant_data_have_empty_equations(recover):
    """At rest nothing moves: no term is chosen, and nothing is NaN."""
    states = jnp.broadcast_to(jnp.asarray([0.5, -0.2]), (SEEDS, len(TIMES), 2))
    found = recover(states, jnp.zeros((len(TIMES), 2)))
    assert not np.any(found.mask)
    np.testing.assert_array_equal(found.coefficients, 0)
    assert not np.any(np.isnan(np.asarray(found.estimates)))
    assert np.all(np.isfinite(np.asarray(found.log_evidence)))


def test_no_slots_are_told(exact):
    with pytest.raises(ValueError, match="slots"):
        recovery.propose(
            jnp.ones((10, 10)), 100.0, by_complexity(exact.complexities), equations=2, slots=0
        )
