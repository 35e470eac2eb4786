"""What a fit leaves: white noise, and a slow part beside it, by likelihood."""

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["MEMORY", "SHARES", "innovation"]

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 0.97, 0.99)
"""Shares of the variance that may be slow."""

MEMORY = (0.5, 0.8, 0.9, 0.95, 0.98, 0.995)
"""Correlation of the slow part from one sample to the next."""

_GRID = np.array([(0.0, 0.0), *((s, m) for s in SHARES[1:] for m in MEMORY)])


def innovation(
    residual: jax.Array,
    counted: jax.Array,
    small: jax.Array | bool = False,
    floor: jax.Array | float = 0.0,
) -> tuple[jax.Array, jax.Array]:
    """Variance of what is new in each residual, and the share of residuals that are independent.

    r_n = w_n + a_n,  a_n = φ a_{n-1} + ε_n,  Var w : Var a = 1 - s : s

    The errors of a camera, a solver or a model that is nearly right are autocorrelated; taken for
    white noise they make false terms significant. (s, φ) maximise the likelihood at the price
    of BIC for the two of them, so white noise stays white. s ≤ 1/2 and φ ≤ 0.9, or what the model
    should explain would pass for a slow error, unless the residuals are so small that they may
    well be one. The white part is never taken to be below the noise floor, so that a slow error
    above it costs something however smooth it is. With v the variance returned the log likelihood
    is -n/2 log v, up to a constant.

    Args:
      residual: in the order of time [N].
      counted: False for samples that do not count [N].
      small: True where nearly all of the residuals may be slow.
      floor: smallest standard deviation of the white part, in the units of the residuals.

    Returns:
      v, and (1 + 2 s φ / (1 - φ))⁻¹, the share that is independent.

    Reference: Box and Jenkins (1970), chapter 4, for a process observed with noise.
    """
    count = jnp.maximum(jnp.sum(counted), 1)
    share, memory = jnp.asarray(_GRID, residual.dtype).T

    def step(carry, now):
        mean, variance, squares, logs = carry
        value, used = now
        error = value - mean
        total = variance + 1 - share
        gain = jnp.where(used, variance / total, 0.0)
        squares = squares + jnp.where(used, error**2 / total, 0.0)
        logs = logs + jnp.where(used, jnp.log(total), 0.0)
        mean = memory * (mean + gain * jnp.where(used, error, 0.0))
        variance = memory**2 * (1 - gain) * variance + share * (1 - memory**2)
        return (mean, variance, squares, logs), None

    zero = jnp.zeros_like(share)
    (_, _, squares, logs), _ = jax.lax.scan(step, (zero, share, zero, zero), (residual, counted))
    price = jnp.where(share > 0, jnp.log(count) / count * 2, 0.0)
    allowed = ((share <= 0.5) & (memory < 0.95)) | small

    def least(variance):
        found = jnp.where(allowed, variance * jnp.exp(logs / count + price), jnp.inf)
        return jnp.min(found), jnp.argmin(found)

    lowest, _ = least(jnp.maximum(squares / count, floor**2 / (1 - share)))
    _, best = least(squares / count)
    independent = 1 / (1 + 2 * share * memory / (1 - memory))
    return lowest, independent[best]
