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
    directions = _own_directions(jnp.where(present[None], factor[:, filled], 0.0), present)
    nothing = jnp.zeros((len(factor), 1), factor.dtype)
    shares = jnp.concatenate([nothing, directions], 1).T @ factor

    def from_start(used, share):
        # Without one column its own direction is left as well.
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

    found = jax.vmap(from_start)(present[None] & ~one_out, shares)
    masks = found.masks.reshape(-1, columns)
    scores, rss = found.log_evidence.reshape(-1), found.rss.reshape(-1)
    keep = distinct(scores, rss, tie(factor), jnp.sum(masks, 1))
    top, chosen = best_of(jnp.where(keep, scores, -jnp.inf), width)
    return Supports(masks[chosen].reshape(-1, equations, terms), top, rss[chosen])


def _own_directions(inner: jax.Array, present: jax.Array) -> jax.Array:
    """What each column has of its own beside the others, of length 1 [Q, K].

    With A = Q R it is along the columns of Q R⁻ᵀ, which are orthogonal to all but one of A.

    Args:
      inner: columns of which the last are zero [Q, K].
      present: False for those, whose directions are 0 [K].
    """
    orthogonal, triangle = jnp.linalg.qr(inner)
    pivots = jnp.diagonal(triangle)
    triangle = triangle + jnp.diag(jnp.where(present & (pivots != 0), 0.0, 1.0))
    own = jax.scipy.linalg.solve_triangular(triangle, orthogonal.T).T
    norms = jnp.linalg.norm(own, axis=0)
    return jnp.where(present[None], own / jnp.where(norms > 0, norms, 1.0)[None], 0.0)
