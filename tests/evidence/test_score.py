import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.evidence import regression, score
from nsindy.evidence.prior import Prior, bic

MASKS = np.array([[[True, False, True], [False, False, True]]])
PRIOR = Prior(np.array([3.0, 5.0, 8.0]), np.ones(()))
PRICE = 3 + 8 + 8 + 2 * np.log(3)
"""Costs of three terms; one of the 3 supports of two terms, and one of the 3 of one term."""


@pytest.mark.parametrize("of", [np.asarray, jnp.asarray])
def test_evidence_is_the_formula(of):
    found = score.log_evidence(of([-5.0]), of(MASKS), 50.0, PRIOR)
    np.testing.assert_allclose(found, -5 - 1.5 * np.log(50) - PRICE, rtol=1e-14)


@pytest.mark.parametrize("of", [np.asarray, jnp.asarray])
def test_few_samples_are_corrected_for(of):
    """McQuarrie's factor n / (n - p - 2), with two initial values beside three terms."""
    found = score.log_evidence(of([-5.0]), of(MASKS), 12.0, PRIOR, parameters=5)
    expected = -5 - 1.5 * np.log(12) * 12 / 5 - PRICE
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_model_that_leaves_no_measurement_over_has_no_evidence():
    found = [
        float(score.log_evidence(np.zeros(1), MASKS, 8.0, PRIOR, parameters=p)[0]) for p in (5, 6)
    ]
    assert np.isfinite(found[0]) and found[1] == -np.inf


def test_with_the_plain_prior_differences_are_those_of_the_bic():
    """-BIC / 2 of a Gaussian regression, from its likelihood at the best variance."""
    rng = np.random.default_rng(0)
    design, target = rng.standard_normal((40, 3)), rng.standard_normal(40)
    masks = np.array([[True, False, False], [True, True, True]])
    factor = np.asarray(regression.compress(jnp.asarray(design), jnp.asarray(target)[:, None]))
    expected, found = [], []
    for mask in masks:
        left = target - design[:, mask] @ np.linalg.lstsq(design[:, mask], target, rcond=None)[0]
        variance = np.mean(left**2)
        likelihood = np.sum(-0.5 * np.log(2 * np.pi * variance) - 0.5 * left**2 / variance)
        expected.append(likelihood - 0.5 * mask.sum() * np.log(40))
        likelihood = score.log_likelihood(regression.least_squares_numpy(factor, mask).rss, 40.0)
        found.append(score.log_evidence(likelihood, jnp.asarray(mask)[None], 40.0, bic(3)))
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-10)
