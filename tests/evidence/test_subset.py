import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.evidence import regression, subset


@pytest.mark.parametrize("seed", range(4))
def test_least_squares_on_a_support(seed):
    rng = np.random.default_rng(seed)
    design, target = rng.standard_normal((40, 7)), rng.standard_normal(40)
    factor = np.asarray(regression.compress(jnp.asarray(design), jnp.asarray(target)[:, None]))
    mask = rng.random(7) < 0.5
    coefficients, covariance = subset.solve(factor, mask)
    expected = np.linalg.lstsq(design[:, mask], target, rcond=None)[0]
    np.testing.assert_allclose(coefficients[mask], expected, rtol=1e-10)
    inverse = np.linalg.inv(design[:, mask].T @ design[:, mask])
    np.testing.assert_allclose(covariance[np.ix_(mask, mask)], inverse, rtol=1e-9, atol=1e-14)
    assert not coefficients[~mask].any() and not covariance[~mask].any()


def test_a_column_that_others_span_is_left_out_as_by_the_sweep():
    rng = np.random.default_rng(0)
    design = rng.standard_normal((40, 5))
    design[:, 3] = design[:, 0] - 2 * design[:, 1]
    design[:, 4] = 0
    factor = regression.compress(jnp.asarray(design), jnp.asarray(rng.standard_normal((40, 1))))
    mask = np.ones(5, bool)
    coefficients, covariance = subset.solve(np.asarray(factor), mask)
    expected = regression.solve(factor, jnp.asarray(mask))
    np.testing.assert_allclose(coefficients, expected.coefficients, rtol=1e-9)
    np.testing.assert_allclose(covariance, expected.covariance, rtol=1e-9, atol=1e-12)
    assert coefficients[3] == coefficients[4] == 0


def test_an_empty_support_and_fewer_rows_than_columns():
    factor = np.triu(np.random.default_rng(0).standard_normal((6, 6)))
    assert not subset.solve(factor, np.zeros(5, bool))[0].any()
    few = factor[:2]
    coefficients, _ = subset.solve(few, np.ones(5, bool))
    np.testing.assert_allclose(few[:, :-1] @ coefficients, few[:, -1], atol=1e-10)
    assert (coefficients != 0).sum() == 2
