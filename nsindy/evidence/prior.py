"""What a support costs before any data is seen."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["Prior", "bic", "by_complexity", "log_prior"]


class Prior(NamedTuple):
    """What a support costs before any data is seen, in nats.

    log p(S) = -Σ_d [counting · log C(M, k_d) + Σ_{m in S_d} costs_m] + constant

    The binomial counts the supports of that size (Chen & Chen 2008, γ = 1), so that a library with
    more terms does not let more false ones in.

    Attributes:
      costs: price of each term [M], nats.
      counting: 1 to count the supports, 0 for the plain information criterion; scalar.
      terms: M, where the masks have further columns that nothing may choose, so that programs share
        a shape; None for as many as the masks have.
    """

    costs: jax.Array
    counting: jax.Array
    terms: jax.Array | int | None = None


def by_complexity(complexities: np.ndarray, *, price: float = 3.0, alpha: float = 3.0) -> Prior:
    """Price terms: `price` for being there, `alpha` for each unit of complexity.

    costs_m = price + alpha (c_m - min c)

    Complexity counts from the simplest term, so the simplest costs `price` alone.

    Args:
      complexities: c of each term [M], units of complexity.
      price: nats of any term.
      alpha: nats of a unit of complexity; what breaks exact ties.

    Raises:
      ValueError: a price below zero.
    """
    if price < 0 or alpha < 0:
        raise ValueError(f"price and alpha are nats and at least 0, not {price} and {alpha}")
    complexity = jnp.asarray(complexities - complexities.min())
    return Prior(price + alpha * complexity, jnp.ones(()))


def bic(terms: int) -> Prior:
    """Return the prior under which the evidence is the plain BIC (Schwarz 1978)."""
    return Prior(jnp.zeros(terms), jnp.zeros(()))


def log_prior(masks: jax.Array, prior: Prior) -> jax.Array:
    """Logarithm of the prior of supports [..., D, M] in nats, up to a constant; returns [...].

    The masks may be arrays of NumPy, whose small sums need no compilation, or of JAX.
    """
    xp = masks.__array_namespace__()
    columns = masks.shape[-1]
    sizes, counted = xp.sum(masks, -1), columns if prior.terms is None else prior.terms
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, columns + 1)))])
    logs = xp.asarray(logs, dtype=prior.costs.dtype)
    choices = logs[counted] - logs[sizes] - logs[xp.maximum(counted - sizes, 0)]
    costs = xp.sum(xp.where(masks, prior.costs, 0.0), -1)
    return -xp.sum(prior.counting * choices + costs, -1)
