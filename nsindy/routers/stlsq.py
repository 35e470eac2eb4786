"""Run 1: sequentially thresholded least squares on the compressed regression."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

__all__ = [
    "Tuned",
    "stlsq",
    "tuned",
]


class Tuned(NamedTuple):
    """STLSQ at several thresholds, and the one that validates best.

    Attributes:
      coefficients: of the best threshold [D, M].
      threshold: the best threshold.
      validation: mean squared validation error at each threshold [H].
    """

    coefficients: jax.Array
    threshold: jax.Array
    validation: jax.Array


def stlsq(
    theta: jax.Array,
    derivatives: jax.Array,
    threshold: jax.Array | float,
    *,
    ridge: jax.Array | float = 0.01,
) -> jax.Array:
    """Alternate ridge regression and thresholding until the support stands still.

    ξ = argmin ‖Θ_S ξ - ẋ‖² + λ ‖ξ‖², S ← {m : |ξ_m| ≥ threshold}, from the full support; M rounds
    reach the fixed point, since each drops a term or changes nothing (Brunton, Proctor and Kutz
    2016, algorithm 1; ridge: Rudy et al. 2017, algorithm 1).

    Args:
      theta: Θ [N, M], or its rows from `training.compress_samples` times √(N / rows).
      derivatives: Ẋ [N, D], likewise.
      threshold: smallest coefficient that stays, in the units of the coefficients.
      ridge: λ, in the units of ΘᵀΘ.

    Returns:
      Ξ [D, M], exactly zero off the support.

    Example:
      >>> theta = jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
      >>> derivatives = theta @ jnp.array([[2.0], [0.0]])
      >>> stlsq(theta, derivatives, 0.5, ridge=0.0).round(3).tolist()
      [[2.0, 0.0]]
    """
    terms = theta.shape[1]
    # Of Θ and Ẋ together, so that both products read Θ once.
    rows = jnp.concatenate([theta.T, derivatives.T])
    products = rows[:terms] @ rows.T
    gram = products[:, :terms] + ridge * jnp.eye(terms, dtype=theta.dtype)
    return jax.vmap(lambda moment: _threshold(gram, moment, threshold), in_axes=1)(
        products[:, terms:]
    )


def _threshold(gram: jax.Array, moment: jax.Array, threshold: jax.Array | float) -> jax.Array:
    """Solve and threshold one equation until its support stands still: coefficients [M]."""

    def solve(support: jax.Array, gram: jax.Array, moment: jax.Array) -> jax.Array:
        both = support[:, None] & support[None, :]
        system = jnp.where(both, gram, jnp.eye(len(gram), dtype=gram.dtype))
        return jnp.where(support, jnp.linalg.solve(system, jnp.where(support, moment, 0.0)), 0.0)

    # The supports have no slope, and a while loop none in reverse.
    still = jax.tree.map(jax.lax.stop_gradient, (gram, moment))

    def shrink(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        support, _ = carry
        large = jnp.abs(solve(support, *still)) >= jax.lax.stop_gradient(threshold)
        return support & large, jnp.any(support & ~large)

    begin = jnp.ones(len(gram), bool), jnp.ones((), bool)
    support, _ = jax.lax.while_loop(lambda carry: carry[1], shrink, begin)
    return solve(support, gram, moment)


def tuned(
    train: tuple[jax.Array, jax.Array],
    validation: tuple[jax.Array, jax.Array],
    thresholds: jax.Array,
    *,
    ridge: jax.Array | float = 0.01,
) -> Tuned:
    """Fit at every threshold and keep the one with the least validation error.

    Args:
      train: Θ [N, M] and Ẋ [N, D] to fit.
      validation: Θ and Ẋ to judge by.
      thresholds: [H]; of equal errors the largest threshold wins, the sparser model.
      ridge: λ of every fit.
    """
    thresholds = jnp.sort(thresholds)[::-1]
    fits = jax.vmap(lambda threshold: stlsq(*train, threshold, ridge=ridge))(thresholds)
    theta, derivatives = validation
    errors = jnp.mean((jnp.einsum("nm,hdm->hnd", theta, fits) - derivatives[None]) ** 2, (1, 2))
    best = jnp.argmin(errors)
    return Tuned(fits[best], thresholds[best], errors)
