"""Gumbel noise for many keys at once: the very numbers of `jax.random.gumbel`, made faster.

On a CPU jax.random compiles the rounds of Threefry as a loop over whole arrays. Written out, they
become one pass that vectorises.
"""

import math

import jax
import jax.numpy as jnp

__all__ = ["gumbel", "threefry"]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry(
    first: jax.Array, second: jax.Array, high: jax.Array, low: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Threefry-2x32 of 20 rounds: the block (high, low) under the key (first, second), uint32.

    Reference: Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as 1, 2, 3.
    """
    keys = (first, second, first ^ second ^ jnp.uint32(_PARITY))
    high, low = high + keys[0], low + keys[1]
    for group in range(5):
        for turn in _ROTATIONS[group % 2]:
            high = high + low
            low = ((low << jnp.uint32(turn)) | (low >> jnp.uint32(32 - turn))) ^ high
        high = high + keys[(group + 1) % 3]
        low = low + keys[(group + 2) % 3] + jnp.uint32(group + 1)
    return high, low


def gumbel(
    keys: jax.Array,
    index: jax.Array,
    shape: tuple[int, ...],
    dtype: jax.typing.DTypeLike,
    *,
    sets: int = 1,
) -> list[jax.Array]:
    """Draw standard Gumbel noise, -log(-log u), for every key with an index folded in.

    A block of Threefry gives two words of 32 bits, the halves of `jax.random.bits(…, uint64)`; each
    is a draw, so that two sets of draws cost the blocks of one.

    Args:
      keys: words of R threefry keys [R, 2], uint32.
      index: what to fold in, scalar.
      shape: of one set of draws of one key, (M,) or (M, N).
      dtype: float32 is drawn here; any other by `jax.random.gumbel`, of shape (sets, *shape).
      sets: how many sets of draws.

    Returns:
      each set [M, R] or [M, R, N], apart: stacked, XLA would draw the words of all for each.
    """
    if jnp.dtype(dtype) != jnp.float32:
        made = jax.vmap(jax.random.wrap_key_data)(keys)
        made = jax.vmap(
            lambda key: jax.random.gumbel(jax.random.fold_in(key, index), (sets, *shape), dtype),
            out_axes=2,
        )(made)
        return list(made)
    around = (1, len(keys)) + (1,) * (len(shape) - 1)
    index = jnp.full(len(keys), index, jnp.uint32)
    folded = threefry(keys[:, 0], keys[:, 1], jnp.zeros_like(index), index)
    first, second = (word.reshape(around) for word in folded)
    count = jnp.arange(math.prod(shape), dtype=jnp.uint32).reshape(shape[0], 1, *shape[1:])
    words: list[jax.Array] = []
    for pair in range(-(-sets // 2)):
        words += threefry(first, second, jnp.full_like(count, pair), count)
    # 23 bits below a leading one are a float in [1, 2), as jax.random.uniform has it.
    draws = []
    for word in words[:sets]:
        bits = (word >> jnp.uint32(9)) | jnp.uint32(0x3F800000)
        uniform = jax.lax.bitcast_convert_type(bits, jnp.float32) - 1
        draws.append(-jnp.log(-jnp.log(jnp.maximum(uniform, jnp.finfo(jnp.float32).tiny))))
    return draws
