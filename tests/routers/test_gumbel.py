import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from nsindy.routers import gumbel

SLOW = [pytest.param(shape, marks=pytest.mark.slow) for shape in ((8,), (3, 5))]


@pytest.mark.parametrize("sets", [1, pytest.param(2, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("shape", [(1,), (8, 480), *SLOW])
def test_the_draws_are_those_of_the_halves_of_wide_words(shape, sets, both):
    keys = jax.random.split(jax.random.key(7), 4)
    index = jnp.asarray(123)

    def words_of(key):
        pairs = -(-sets // 2)
        wide = jax.random.bits(jax.random.fold_in(key, index), (pairs, *shape), jnp.uint64)
        halves = jnp.stack([wide >> 32, wide & 0xFFFFFFFF], axis=1)
        return halves.reshape(2 * pairs, *shape)[:sets]

    # The first pair of sets has the counters of jax.random; later pairs count in the high word.
    uniform = np.asarray(jax.vmap(words_of, out_axes=2)(keys) >> 9, float) / 2**23
    expected = -np.log(-np.log(np.maximum(uniform, np.finfo(np.float32).tiny)))
    for function in both(
        lambda words: jnp.stack(
            gumbel.gumbel(gumbel.words(words, index, shape, jnp.float32, sets=sets))
        )
    ):
        found = function(jax.random.key_data(keys))
        assert found.dtype == jnp.float32
        # Equal bits, and logarithms of single precision.
        np.testing.assert_allclose(found[:2], expected[:2], rtol=2e-6, atol=2e-6)
        if sets == 3:
            assert np.all(np.abs(np.asarray(found[2]) - np.asarray(found[0])) > 0)


def test_other_precisions_are_drawn_by_jax_random(both):
    keys = jax.random.split(jax.random.key(7), 4)
    expected = jax.vmap(
        lambda key: jax.random.gumbel(jax.random.fold_in(key, 123), (2, 3, 5), jnp.float64),
        out_axes=2,
    )(keys)
    for function in both(
        lambda words: jnp.stack(
            gumbel.gumbel(gumbel.words(words, 123, (3, 5), jnp.float64, sets=2))
        )
    ):
        np.testing.assert_allclose(function(jax.random.key_data(keys)), expected, rtol=1e-15)


def test_the_draws_have_the_law_of_gumbel():
    keys = jax.random.key_data(jax.random.split(jax.random.key(1), 10))
    found = np.asarray(gumbel.gumbel(gumbel.words(keys, 0, (8, 500), jnp.float32, sets=2)))
    # 40,000 draws of each set: the statistic of Kolmogorov and Smirnov fails for one key in 10⁶.
    for draws in found:
        assert scipy.stats.kstest(draws.ravel(), "gumbel_r").pvalue > 1e-6
    # The sets of one block are independent: a correlation of 40,000 pairs scatters by 0.005.
    assert abs(np.corrcoef(found[0].ravel(), found[1].ravel())[0, 1]) < 0.025


def test_every_number_that_can_be_drawn_is_its_quantile():
    counts = np.arange(1, 2**23)
    words = jnp.asarray(counts << 9, jnp.uint32)
    found = np.asarray(jax.jit(gumbel.gumbel)([words])[0], float)
    expected = -np.log(-np.log(counts / 2**23))
    # An error of 1e-7 in each of two logarithms, and four roundings of single precision.
    assert np.max(np.abs(found - expected) / (1 + np.abs(expected))) < 2.5e-7
    # No rounding may change the order of two draws of a slot by more than equal draws would.
    assert np.all(np.diff(found) >= -1e-6)
    (lowest,) = gumbel.gumbel([jnp.zeros(1, jnp.uint32)])
    np.testing.assert_allclose(lowest, -np.log(-np.log(np.finfo(np.float32).tiny)), rtol=1e-6)


def test_both_words_of_a_block_pass_unchanged_through_a_complex_number():
    # Words that are, as floats, infinite, not a number, signalling or too small to be normal.
    odd = jnp.asarray(
        [0, 1, 0x7F800000, 0x7F800001, 0x7FC00000, 0xFFFFFFFF, 0x80000001], jnp.uint32
    )
    turned = odd[::-1]
    pair = jax.jit(jax.lax.complex)(odd.view(jnp.float32), turned.view(jnp.float32))
    first, second = jax.jit(gumbel.gumbel)([pair])
    np.testing.assert_array_equal(first, jax.jit(gumbel.gumbel)([odd])[0])
    np.testing.assert_array_equal(second, jax.jit(gumbel.gumbel)([turned])[0])


def test_blocks_of_threefry_are_the_published_ones():
    # Known answers of Random123, threefry2x32 with 20 rounds.
    zeros, ones = (jnp.full(1, value, jnp.uint32) for value in (0, 0xFFFFFFFF))
    found = gumbel.threefry(zeros, zeros, zeros, zeros), gumbel.threefry(ones, ones, ones, ones)
    blocks = [[int(word[0]) for word in block] for block in found]
    assert blocks == [[0x6B200159, 0x99BA4EFE], [0x1CB996FC, 0xBB002BE7]]
