import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.evidence import regression


def in_numpy(factor, mask):
    found = regression.least_squares_numpy(factor, mask)
    return found.coefficients, found.covariance


def test_compressed_solution_is_lstsq(oscillator):
    theta, target = oscillator
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])
    mask = jnp.asarray([True, True, True, False, True, False, False, True])
    found = regression.least_squares(factor, mask)
    columns = theta[:, np.asarray(mask)]
    values, rss = np.linalg.lstsq(columns, target, rcond=None)[:2]
    np.testing.assert_allclose(found.coefficients[mask], values, rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(found.coefficients[~mask], 0)
    np.testing.assert_allclose(found.rss, rss[0], rtol=1e-10)
    np.testing.assert_allclose(
        found.covariance[np.ix_(mask, mask)], np.linalg.inv(columns.T @ columns), rtol=1e-6
    )
    assert found.independent


@pytest.mark.parametrize("samples", [2, 6, 40])
def test_the_triangle_keeps_every_product_of_columns(samples):
    rng = np.random.default_rng(samples)
    design, targets = rng.normal(size=(samples, 4)), rng.normal(size=(samples, 2))
    factor = np.asarray(regression.compress(jnp.asarray(design), jnp.asarray(targets)))
    assert factor.shape == (6, 6)
    np.testing.assert_array_equal(factor, np.triu(factor))
    joined = np.concatenate([design, targets], axis=1)
    np.testing.assert_allclose(factor.T @ factor, joined.T @ joined, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_counts_as_rounding_is_a_share_of_the_target(dtype):
    rng = np.random.default_rng(0)
    design = rng.normal(size=(30, 4)).astype(dtype)
    target = (3 * rng.normal(size=30)).astype(dtype)
    factor = regression.compress(jnp.asarray(design), jnp.asarray(target)[:, None])
    # The unit of rounding, for a sum of squares and for its root; 2⁻²³ and 2⁻⁵².
    unit = 2.0**-23 if dtype == np.float32 else 2.0**-52
    power = float(np.sum(target.astype(float) ** 2))
    np.testing.assert_allclose(regression.tie(factor), 1e3 * unit * power, rtol=1e-5)
    np.testing.assert_allclose(regression.floor(factor), 1e3 * unit**2 * power, rtol=1e-5)
    assert regression.floor(jnp.zeros_like(factor)) > 0


@pytest.mark.parametrize("seed", range(4))
def test_least_squares_on_a_support(seed):
    rng = np.random.default_rng(seed)
    design, target = rng.standard_normal((40, 7)), rng.standard_normal(40)
    factor = np.asarray(regression.compress(jnp.asarray(design), jnp.asarray(target)[:, None]))
    mask = rng.random(7) < 0.5
    coefficients, covariance = in_numpy(factor, mask)
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
    coefficients, covariance = in_numpy(np.asarray(factor), mask)
    expected = regression.least_squares(factor, jnp.asarray(mask))
    np.testing.assert_allclose(coefficients, expected.coefficients, rtol=1e-9)
    np.testing.assert_allclose(covariance, expected.covariance, rtol=1e-9, atol=1e-12)
    assert coefficients[3] == coefficients[4] == 0


def test_an_empty_support_and_fewer_rows_than_columns():
    factor = np.triu(np.random.default_rng(0).standard_normal((6, 6)))
    assert not in_numpy(factor, np.zeros(5, bool))[0].any()
    few = factor[:2]
    coefficients, _ = in_numpy(few, np.ones(5, bool))
    np.testing.assert_allclose(few[:, :-1] @ coefficients, few[:, -1], atol=1e-10)
    assert (coefficients != 0).sum() == 2


def test_one_equation_is_taken_out_of_all():
    rng = np.random.default_rng(0)
    theta, derivatives = rng.standard_normal((30, 4)), rng.standard_normal((30, 3))
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(derivatives))
    mask = np.array([True, False, True, True])
    for d in range(3):
        expected = np.linalg.lstsq(theta[:, mask], derivatives[:, d], rcond=None)[0]
        traced = jax.jit(lambda d: regression.of_equation(factor, 4, d))(d)
        found = regression.least_squares(traced, jnp.asarray(mask))
        np.testing.assert_allclose(found.coefficients[mask], expected, rtol=1e-10)
        own = regression.of_equation(np.asarray(factor), 4, d)
        np.testing.assert_array_equal(own, traced)


def test_what_a_solution_leaves_and_whether_its_columns_are_independent():
    rng = np.random.default_rng(1)
    design, target = rng.standard_normal((20, 3)), rng.standard_normal(20)
    design[:, 2] = design[:, 0] - design[:, 1]
    factor = np.asarray(regression.compress(jnp.asarray(design), jnp.asarray(target)[:, None]))
    for mask, independent in (([True, True, False], True), ([True, True, True], False)):
        found = regression.least_squares_numpy(factor, np.array(mask))
        expected = np.linalg.lstsq(design[:, :2], target, rcond=None)[1]
        np.testing.assert_allclose(found.rss, expected[0], rtol=1e-12)
        assert found.independent == independent


def test_designs_and_targets_of_other_samples_are_told():
    with pytest.raises(ValueError, match="share their samples"):
        regression.compress(jnp.ones((5, 2)), jnp.ones((4, 1)))
