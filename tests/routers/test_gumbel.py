import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.routers import gumbel


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64], ids=["single", "double"])
@pytest.mark.parametrize("shape", [(1,), (8,), (3, 5), (8, 480)])
def test_the_draws_are_those_of_jax_random_bit_by_bit(shape, dtype, both):
    keys = jax.random.split(jax.random.key(7), 4)
    expected = jax.vmap(
        lambda key: jax.random.gumbel(jax.random.fold_in(key, 123), shape, dtype), out_axes=1
    )(keys)
    for function in both(lambda words: gumbel.gumbel(words, jnp.asarray(123), shape, dtype)):
        found = function(jax.random.key_data(keys))
        assert found.dtype == dtype
        # Equal bits, and logarithms that differ by what a compiler makes of them.
        tolerance = 4 * np.finfo(dtype).eps
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_blocks_of_threefry_are_the_published_ones():
    # Known answers of Random123, threefry2x32 with 20 rounds.
    zeros, ones = (jnp.full(1, value, jnp.uint32) for value in (0, 0xFFFFFFFF))
    found = gumbel.threefry(zeros, zeros, zeros, zeros), gumbel.threefry(ones, ones, ones, ones)
    blocks = [[int(word[0]) for word in block] for block in found]
    assert blocks == [[0x6B200159, 0x99BA4EFE], [0x1CB996FC, 0xBB002BE7]]
