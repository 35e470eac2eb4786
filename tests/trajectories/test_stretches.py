"""Stretches with initial states of their own, against one regression that holds all of them."""

import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.trajectories import stretches
from nsindy.trajectories.chain import Chain

SEGMENTS, ROWS, STATES, TERMS = 5, 12, 2, 3
STRETCH = np.array([0, 0, 1, 1, 2])
"""Two stretches of two segments, one of one, and a fourth that no segment is in."""
MASK = np.array([True, False, True])


@pytest.fixture
def chain():
    """Initial values whose columns are nearly collinear, as those of a contracting flow are."""
    rng = np.random.default_rng(0)
    initial = rng.standard_normal((SEGMENTS, ROWS, STATES))
    initial[..., 1] = initial[..., 0] + 1e-3 * initial[..., 1]
    return Chain(
        jnp.asarray(initial),
        jnp.asarray(rng.standard_normal((SEGMENTS, ROWS, TERMS))),
        *jnp.asarray(rng.standard_normal((2, SEGMENTS, ROWS))),
        jnp.asarray(STRETCH),
        jnp.asarray(rng.standard_normal((SEGMENTS, STATES, STATES))),
        jnp.asarray(rng.standard_normal((SEGMENTS, STATES, TERMS))),
        *jnp.asarray(rng.standard_normal((2, SEGMENTS, STATES))),
        jnp.zeros((SEGMENTS, ROWS // STATES, STATES)),
    )


def dense(chain):
    """All columns of all stretches side by side [B n, R D + P]."""
    own = np.einsum("br,bnd->bnrd", np.eye(4)[STRETCH], np.asarray(chain.by_initial))
    own = own.reshape(SEGMENTS * ROWS, -1)
    return np.concatenate([own, np.asarray(chain.by_coefficients).reshape(-1, TERMS)], 1)


@pytest.mark.parametrize("damping", (0.0, 0.3))
def test_least_squares_is_that_of_all_columns(chain, damping):
    tables = stretches.products(chain, 4)
    keep = jnp.array([*range(STATES + TERMS), STATES + TERMS + 1])
    found = stretches.solve_stretches(tables[:, keep][:, :, keep], jnp.asarray(MASK), damping)
    columns, target = dense(chain), np.asarray(chain.target).reshape(-1)
    kept = np.append(np.repeat([True, True, True, False], STATES), MASK)
    columns = columns[:, kept]
    more = np.sqrt(damping) * np.diag(np.linalg.norm(columns, axis=0))
    both, right = np.vstack([columns, more]), np.append(target, np.zeros(len(more)))
    expected = np.linalg.lstsq(both, right, rcond=None)[0]
    np.testing.assert_allclose(found.initial[:3].reshape(-1), expected[:6], rtol=1e-7)
    np.testing.assert_allclose(found.coefficients[MASK], expected[6:], rtol=1e-8)
    np.testing.assert_allclose(found.rss, np.sum((right - both @ expected) ** 2), rtol=1e-10)
    assert not np.any(found.initial[3]) and not found.coefficients[1]


def test_eliminated_coefficients_are_those_beside_free_initial_values(chain):
    """Frisch–Waugh–Lovell, and the beginnings that follow from the initial values."""
    alone = stretches.eliminate(chain, 4)
    columns, target = dense(chain), np.asarray(chain.target).reshape(-1)
    together = np.linalg.lstsq(columns, target, rcond=None)[0]
    linear = alone.linearised
    found = np.linalg.lstsq(linear.by_coefficients, linear.target, rcond=None)[0]
    np.testing.assert_allclose(found, together[-TERMS:], rtol=1e-9)
    initial = columns[:, :6]
    np.testing.assert_allclose(initial.T @ np.asarray(linear.factor), 0, atol=1e-12)
    change = np.asarray(alone.begin_by @ found + alone.begin_gap)
    values = together[:8].reshape(4, STATES)[STRETCH]
    expected = np.asarray(chain.begin_by_coefficients) @ together[-TERMS:]
    expected += np.einsum("bde,be->bd", chain.begin_by_initial, values) + chain.begin_gap
    np.testing.assert_allclose(change, expected, rtol=1e-7, atol=1e-8)
