import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.evidence.prior import Prior, by_complexity, log_prior


def test_prior_counts_the_supports():
    prior = Prior(jnp.zeros(8), jnp.ones(()))
    masks = jnp.arange(8)[None, None, :] < jnp.arange(5)[:, None, None]
    expected = [-np.log([1, 8, 28, 56, 70][k]) for k in range(5)]
    np.testing.assert_allclose(log_prior(masks, prior), expected, rtol=1e-12)


def test_one_support_in_numpy_costs_the_same():
    rng = np.random.default_rng(0)
    prior = Prior(jnp.asarray(rng.integers(3, 12, 7).astype(float)), jnp.ones(()))
    masks = rng.random((20, 2, 7)) < 0.4
    together = log_prior(jnp.asarray(masks), prior)
    plain = jax.tree.map(np.asarray, prior)
    np.testing.assert_allclose([log_prior(m, plain) for m in masks], together, rtol=1e-14)


def test_columns_that_nothing_may_choose_are_not_counted():
    prior = Prior(jnp.arange(5.0), jnp.ones(()))
    masks = jnp.asarray(np.random.default_rng(0).random((20, 2, 5)) < 0.4)
    wider = Prior(jnp.pad(prior.costs, (0, 3)), prior.counting, 5)
    found = log_prior(jnp.pad(masks, ((0, 0), (0, 0), (0, 3))), wider)
    np.testing.assert_allclose(found, log_prior(masks, prior), rtol=1e-14)


def test_complexity_counts_from_the_simplest_term():
    found = by_complexity(np.array([-1.0, 0.0, 2.0]), price=2.0, alpha=3.0)
    np.testing.assert_allclose(found.costs, [2, 5, 11])


def test_negative_prices_are_told():
    with pytest.raises(ValueError, match="at least 0"):
        by_complexity(np.ones(3), price=-1.0)
