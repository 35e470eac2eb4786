import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy import study, sweep
from nsindy.fit import Knobs, Routing
from nsindy.runs import Run
from nsindy.systems import DAMPED_OSCILLATOR

RUN = Run("short", "short", "router", routing=Routing(slots=2, steps=20))


@pytest.fixture(scope="module")
def one(exact):
    def outcome(key, measurement):
        data_key, select_key = jax.random.split(key)
        data = study.record(data_key, DAMPED_OSCILLATOR, exact, measurement, samples=24)
        return study.outcome(select_key, data, exact, Knobs(learning_rate=0.05), RUN)

    return outcome


def test_an_outcome_is_the_same_alone_and_in_a_larger_sweep(one, paper):
    larger = sweep.over_seeds(one, jnp.arange(3, 7), paper, chunk=2).value
    alone = sweep.over_seeds(one, jnp.array([5]), paper).value
    for found, expected in zip(jax.tree.leaves(alone), jax.tree.leaves(larger), strict=True):
        # Training is in float32, and a batch of another size may round otherwise; the bound is far
        # below the scatter from seed to seed, which the last lines show.
        np.testing.assert_allclose(found[0], expected[2], rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(alone.slots.terms[0], larger.slots.terms[2])
    spread = np.ptp(np.asarray(larger.loss)[:, :, -1], axis=0)
    assert np.all(spread > 1e-2)


@pytest.mark.parametrize("chunk", [1, 2, 5, 32])
def test_a_seed_is_its_key_in_any_chunk(chunk):
    def draw(key, scale):
        return scale * jax.random.normal(key)

    timed = sweep.over_seeds(draw, jnp.array([9, 2, 5, 2, 7]), jnp.float64(3.0), chunk=chunk)
    expected = [3.0 * jax.random.normal(jax.random.key(seed)) for seed in (9, 2, 5, 2, 7)]
    np.testing.assert_allclose(timed.value, expected, rtol=1e-12)


def test_times_are_positive_and_apart():
    timed = sweep.over_seeds(lambda key: jax.random.normal(key, (3,)), jnp.arange(4))
    assert timed.compile > 0
    assert timed.run > 0
    assert timed.value.shape == (4, 3)
