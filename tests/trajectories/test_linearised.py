import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.trajectories.linearised import Linearised

ROWS, INITIAL, TERMS = 40, 3, 4
MASK = np.array([[True, False], [True, True]])


@pytest.fixture
def blocks():
    rng = np.random.default_rng(0)
    return rng.standard_normal((ROWS, INITIAL)), rng.standard_normal((ROWS, TERMS))


@pytest.fixture
def linear(blocks):
    rng = np.random.default_rng(1)
    return Linearised(*map(jnp.asarray, (*blocks, rng.standard_normal(ROWS))))


def least_squares(columns, target):
    return np.linalg.lstsq(columns, target, rcond=None)[0]


def test_compressed_it_is_the_same_regression(linear):
    small = linear.compressed()
    assert small.factor.shape == (INITIAL + TERMS + 1, INITIAL + TERMS + 1)
    found = least_squares(np.asarray(small.design), np.asarray(small.target))
    expected = least_squares(np.asarray(linear.design), np.asarray(linear.target))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_coefficients_alone_are_those_beside_free_initial_values(linear, blocks):
    """Frisch–Waugh–Lovell: the initial values projected out of everything else."""
    alone = np.asarray(linear.compressed().coefficients_alone)
    together = least_squares(np.column_stack(blocks), np.asarray(linear.target))
    np.testing.assert_allclose(least_squares(alone[:, :-1], alone[:, -1]), together[INITIAL:])
    initial, rest = blocks[0], np.column_stack([blocks[1], linear.target])
    projected = rest - initial @ least_squares(initial, rest)
    np.testing.assert_allclose(alone.T @ alone, projected.T @ projected, atol=1e-12)


def test_from_zero_the_coefficients_are_their_changes_and_where_they_were(linear, blocks):
    where = np.arange(1.0, 5.0).reshape(2, 2)
    changes = least_squares(np.column_stack(blocks), np.asarray(linear.target))
    moved = linear.from_zero(jnp.asarray(where))
    whole = least_squares(np.column_stack(blocks), np.asarray(moved.target))
    np.testing.assert_allclose(whole[:INITIAL], changes[:INITIAL], atol=1e-12)
    np.testing.assert_allclose(whole[INITIAL:], changes[INITIAL:] + where.reshape(-1))


@pytest.mark.parametrize("of", [np.asarray, jnp.asarray])
def test_columns_and_values_have_initial_values_first(linear, of):
    held = jax.tree.map(of, linear)
    np.testing.assert_array_equal(held.columns_of(of(MASK)), [1, 1, 1, 1, 0, 1, 1])
    initial, coefficients = held.split(of(np.arange(7.0)))
    np.testing.assert_array_equal(initial, [0, 1, 2])
    np.testing.assert_array_equal(coefficients, [3, 4, 5, 6])
    assert held.initial == INITIAL
    np.testing.assert_array_equal(held.factor[:, INITIAL:-1], linear.by_coefficients)
