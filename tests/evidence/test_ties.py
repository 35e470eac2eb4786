import jax
import jax.numpy as jnp
import numpy as np
from enumeration import supports

from nsindy.evidence import beam, regression, ties
from nsindy.evidence.prior import Prior, by_complexity

SAMPLES = 200

search = jax.jit(beam.beam_search, static_argnames=("slots", "depth", "width"))


def test_exact_ties_are_broken_by_the_prior_and_listed(exact, oscillator):
    theta, target = oscillator
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])
    mask = jnp.arange(8) < 2
    listed = ties.equivalents(factor, mask)
    assert listed == [(0, 6), (1, 6)]
    costs = np.asarray(by_complexity(exact.complexities).costs)
    dear = Prior(jnp.asarray(np.where(np.arange(8) == 0, 20.0, costs)), jnp.ones(()))
    for prior, expected in ((by_complexity(exact.complexities), (0, 1)), (dear, (1, 6))):
        found = search(
            factor, float(SAMPLES), prior, jnp.zeros((1, 8), bool), slots=2, depth=2, width=8
        )
        assert supports(found)[0] == expected
        # Only one of the three stands in the list: they are one model to the data.
        assert not set(supports(found)[1:]) & {(0, 1), (0, 6), (1, 6)}


def test_two_identical_terms_are_one():
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(50, 4))
    theta[:, 3] = theta[:, 0]
    target = 2 * theta[:, 0] + 0.1 * rng.normal(size=50)
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])
    prior = Prior(jnp.asarray([3.0, 3.0, 3.0, 3.5]), jnp.ones(()))
    found = search(factor, 50.0, prior, jnp.zeros((1, 4), bool), slots=4, depth=4, width=8)
    assert supports(found)[0] == (0,)
    assert np.all(np.isfinite(found.log_evidence[0]))
    assert ties.equivalents(factor, jnp.arange(4) == 0) == [(3,)]
    both = regression.least_squares(factor, jnp.asarray([True, False, False, True]))
    assert not both.independent and np.all(np.isfinite(both.coefficients))


def test_of_very_many_equal_supports_a_few_are_enough():
    """Forty columns in a space of six dimensions have some four million bases."""
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((50, 6)) @ rng.standard_normal((6, 40))
    factor = np.linalg.qr(np.column_stack([columns, columns @ rng.standard_normal(40)]), mode="r")
    found = ties.equivalents(factor, np.arange(40) < 6, most=5)
    assert len(set(found)) == 5 and tuple(range(6)) not in found
    inside = [np.linalg.matrix_rank(factor[:, list(support)]) for support in found]
    assert inside == [6] * 5
