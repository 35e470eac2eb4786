"""Gumbel noise for many keys at once: the numbers of `jax.random.gumbel`, made faster.

On a CPU jax.random compiles the rounds of Threefry as a loop over whole arrays. Written out, they
become one pass that vectorises. A training makes its random words two steps ahead (`words`) and its
noise one step ahead (`gumbel`), and carries both: what is carried is made once and apart, where XLA
would otherwise make it again in every loop that reads it.
"""

import math

import jax
import jax.numpy as jnp

__all__ = ["gumbel", "threefry", "words"]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_ROOT_HALF = 0x3F3504F3
"""The bits of √½ in single precision."""
_LOG2 = (
    1.4426950036524135,
    -0.7213473468045614,
    0.48091064294765673,
    -0.36070368268946157,
    0.2879162478948773,
    -0.2389448241721993,
    0.21571561114142,
    -0.20726972831428292,
    0.12583698279587271,
)
"""log2(1 + f) / f by powers of f from √½ - 1 to √2 - 1: the polynomial of the eighth degree whose
largest relative error, 2.6e-8, is least (Lawson's iteration)."""


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


def words(
    keys: jax.Array,
    index: jax.Array | int,
    shape: tuple[int, ...],
    dtype: jax.typing.DTypeLike,
    *,
    sets: int = 1,
) -> list[jax.Array]:
    """Draw the random words of standard Gumbel noise, for every key with an index folded in.

    A block of Threefry gives two words of 32 bits, the halves of `jax.random.bits(…, uint64)`; each
    is a draw, so that two sets of draws cost the blocks of one.

    Args:
      keys: words of R threefry keys [R, 2], uint32.
      index: what to fold in, scalar.
      shape: of one set of draws of one key, (M,) or (M, N).
      dtype: of the noise. Only float32 is drawn here; noise of any other is that of
        `jax.random.gumbel`, of shape (sets, *shape), as it is.
      sets: how many sets of draws.

    Returns:
      what `gumbel` takes, each [M, R] or [M, R, N]: the two words of a block as the halves of a
      complex number, for every two sets, and one word for an odd last set.
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
    made = []
    for pair in range(-(-sets // 2)):
        block = threefry(first, second, jnp.full_like(count, pair), count)
        if 2 * pair + 1 == sets:
            made.append(block[0])
        else:
            # One array of both words: XLA makes every array of a tuple from the first round on.
            made.append(jax.lax.complex(*(_cast(word, jnp.float32) for word in block)))
    return made


def gumbel(words: list[jax.Array]) -> list[jax.Array]:
    """Standard Gumbel noise, -log(-log u), from random words.

    With the upper 23 bits k of a word, u = k / 2²³, as jax.random has it, and
    -log(-log u) = -ln 2 · log2(-log2 u) - ln ln 2.

    Args:
      words: of `words`.

    Returns:
      each set [M, R] or [M, R, N], apart: stacked, XLA would draw the words of all for each.
    """
    draws = []
    for made in words:
        if jnp.iscomplexobj(made):
            draws += [_noise(_cast(half(made), jnp.uint32)) for half in (jnp.real, jnp.imag)]
        else:
            draws.append(_noise(made) if made.dtype == jnp.uint32 else made)
    return draws


def _cast(values: jax.Array, dtype: jax.typing.DTypeLike) -> jax.Array:
    return jax.lax.bitcast_convert_type(values, dtype)


def _noise(word: jax.Array) -> jax.Array:
    count = (word >> jnp.uint32(9)).astype(jnp.int32).astype(jnp.float32)
    # jax.random takes the smallest normal number for u = 0.
    count = jnp.maximum(count, 2.0**23 * jnp.finfo(jnp.float32).tiny)
    outer = _minus_log2(_minus_log2(count, 23), 0)
    return math.log(2) * outer - math.log(math.log(2))


def _minus_log2(values: jax.Array, shift: int) -> jax.Array:
    """-log2(values / 2^shift) for positive normal float32, to 1e-7 of itself or of 1.

    Half the time of jnp.log, which minds zeros, infinities and what is not a number.
    """
    bits = _cast(values, jnp.int32) - _ROOT_HALF
    exponent = (shift - (bits >> 23)).astype(jnp.float32)
    part = _cast((bits & 0x7FFFFF) + _ROOT_HALF, jnp.float32) - 1
    series = jnp.full_like(part, -_LOG2[-1])
    for coefficient in _LOG2[-2::-1]:
        series = series * part - coefficient
    return part * series + exponent
