"""The supports one step from a support, ranked by exact evidence."""

import jax
import jax.numpy as jnp

from nsindy.evidence.prior import Prior
from nsindy.evidence.projection import gains, left_of, project_support
from nsindy.evidence.regression import floor, tie
from nsindy.evidence.score import Supports, log_evidence, log_likelihood
from nsindy.evidence.ties import best_of, distinct

__all__ = ["adjacent_supports"]


def adjacent_supports(
    factor: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    mask: jax.Array,
    *,
    slots: int,
    width: int = 16,
) -> Supports:
    """Rank the supports one step from a support: a term dropped, added or swapped for another.

    Args:
      factor: compressed [A, y] with the columns of A equation by equation, [Q, D·M + 1]; a column
        of zeros is never taken.
      samples: n, independent measurements.
      prior: of the supports.
      mask: the support [D, M].
      slots: K, most terms in an equation.
      width: number of supports to return.
    """
    equations, terms = mask.shape
    columns, most = mask.size, equations * slots
    filled = jnp.argsort(~mask.reshape(-1), stable=True)[:most]
    present = mask.reshape(-1)[filled]
    one_out = jnp.concatenate([jnp.zeros((1, most), bool), jnp.eye(most, dtype=bool)])
    both = jnp.concatenate([factor[:, filled], factor], 1)
    left = left_of(project_support(both, present)[:, most:])
    inner = jnp.where(present[None], factor[:, filled], 0.0)

    def from_start(used):
        # Without one column its own direction is left as well.
        share = _direction(inner, used) @ factor
        squares, products = left.squares + share[:-1] ** 2, left.products + share[-1] * share[:-1]
        drops, open_ = gains(squares, products, factor)
        base = jnp.zeros(columns, bool).at[filled].max(used)
        unfilled = jnp.sum(base.reshape(equations, terms), 1) < slots
        free = open_ & ~base & jnp.repeat(unfilled, terms, total_repeat_length=columns)
        rss = left.target + share[-1] ** 2 - jnp.append(drops, 0.0)
        rss = jnp.maximum(rss, floor(factor))
        children = base[None] | jnp.eye(columns + 1, columns, dtype=bool)
        supports = children.reshape(-1, equations, terms)
        scores = log_evidence(log_likelihood(rss, samples), supports, samples, prior)
        return Supports(children, jnp.where(jnp.append(free, True), scores, -jnp.inf), rss)

    found = jax.vmap(from_start)(present[None] & ~one_out)
    masks = found.masks.reshape(-1, columns)
    scores, rss = found.log_evidence.reshape(-1), found.rss.reshape(-1)
    keep = distinct(scores, rss, jnp.sum(masks, 1), tie(factor))
    top, chosen = best_of(jnp.where(keep, scores, -jnp.inf), width)
    return Supports(masks[chosen].reshape(-1, equations, terms), top, rss[chosen])


def _direction(inner: jax.Array, used: jax.Array) -> jax.Array:
    """What the column that is not used has of its own, of length 1; 0 where all are used."""
    alone = jnp.sum(jnp.where(used[None], 0.0, project_support(inner, used)), 1)
    norm = jnp.linalg.norm(alone)
    return alone / jnp.where(norm > 0, norm, 1.0)
