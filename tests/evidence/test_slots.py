import jax
import jax.numpy as jnp
import numpy as np

from nsindy.evidence import regression, slots
from nsindy.evidence.beam import beam_search
from nsindy.evidence.prior import by_complexity

SAMPLES = 200


def test_more_slots_than_needed_stay_empty(exact, oscillator):
    """One true term: every further slot is empty, and says so with its probability."""
    theta, _ = oscillator
    prior = by_complexity(exact.complexities)

    def run(key):
        target = jnp.asarray(theta)[:, 1] + 0.01 * jax.random.normal(key, (SAMPLES,), float)
        factor = regression.compress(jnp.asarray(theta), target[:, None])
        start = jnp.zeros((1, 8), bool)
        found = beam_search(factor, float(SAMPLES), prior, start, slots=4, depth=4, width=8)
        filled = slots.judge_slots(
            factor, float(SAMPLES), prior, found.masks[0], jnp.zeros((), int), slots=4
        )
        return found.masks[0, 0], filled

    masks, filled = jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(1), 400))
    exact = np.all(np.asarray(masks) == (np.arange(8) == 1), 1)
    # A false term must win at least 3 nats of price, log 3.5 of counting and log(200)/2: a χ²₁
    # above 13.8, for at most 6 directions, in 0.12 % of draws; 6 of 400 have probability < 1e-5.
    assert np.sum(~exact) < 6
    assert np.all(np.asarray(filled.terms)[exact] == np.array([1, 8, 8, 8]))
    assert np.all(np.asarray(filled.activations)[exact, 0] > 0.95)
    assert np.median(np.asarray(filled.activations)[exact, 1]) > 0.95
