"""Seeds over vmap, in chunks, with the times of compilation and run apart."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Timed(NamedTuple):
    """The value of a sweep, and what it took.

    Attributes:
      value: whatever the function returns, every leaf with a leading axis of seeds.
      compile: seconds of tracing and compilation.
      run: seconds of the run.
    """

    value: Any
    compile: float
    run: float


def over_seeds(one: Callable[..., Any], seeds: jax.Array, *shared: Any, chunk: int = 32) -> Timed:
    """Evaluate `one(key, *shared)` for every seed, vmapped in chunks, under one jit.

    Give it one method at a time: batched LAPACK calls that do not depend on each other, as in two
    selectors side by side, wait for the same threads of XLA's pool, on two cores for ever.

    Each seed's key is `jax.random.key(seed)`, so a run is the same in any sweep that contains it.

    Args:
      one: pure function of a key and the shared arguments.
      seeds: [S] integers.
      *shared: pytrees of traced arguments.
      chunk: how many seeds one vmapped step holds.
    """

    def sweep(seeds, *shared):
        return jax.lax.map(lambda seed: one(jax.random.key(seed), *shared), seeds, batch_size=chunk)

    start = time.perf_counter()
    compiled = jax.jit(sweep).lower(jnp.asarray(seeds), *shared).compile()
    middle = time.perf_counter()
    value = jax.block_until_ready(compiled(jnp.asarray(seeds), *shared))
    return Timed(value, middle - start, time.perf_counter() - middle)
