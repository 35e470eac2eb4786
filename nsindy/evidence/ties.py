"""Supports that fit the same: the best of each such group, and the list of them."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nsindy.evidence.score import Supports

__all__ = ["best_of", "distinct", "equivalents", "rank"]


def distinct(
    scores: jax.Array, rss: jax.Array, tolerance: jax.Array, sizes: jax.Array | None = None
) -> jax.Array:
    """Mark the best of each group of supports that fit the same with as many terms [B].

    Such supports are one set reached twice, or sets that exact collinearity makes equal.

    Args:
      scores: log evidence, -inf for no support [B].
      rss: what they leave [B].
      tolerance: within which residual sums of squares are the same.
      sizes: numbers of terms [B]; None where all have as many.
    """
    count = scores.shape[0]
    rss = jnp.where(scores > -jnp.inf, rss, jnp.inf)
    order = jnp.argsort(rss) if sizes is None else jnp.lexsort((rss, sizes))
    gap = jnp.where(jnp.isinf(rss[order])[1:], jnp.inf, jnp.diff(rss[order]))
    new = gap > tolerance if sizes is None else (gap > tolerance) | (jnp.diff(sizes[order]) != 0)
    group = jnp.concatenate([jnp.zeros(1, int), jnp.cumsum(new)])
    best = jax.ops.segment_max(scores[order], group, count)
    places = jnp.arange(count)
    first = jax.ops.segment_min(
        jnp.where(scores[order] == best[group], places, count), group, count
    )
    return jnp.zeros(count, bool).at[order].set(first[group] == places)


def best_of(scores: jax.Array, width: int) -> tuple[jax.Array, jax.Array]:
    """Return the best `width` scores and their places, -inf where there are not so many."""
    top, chosen = jax.lax.top_k(scores, min(width, len(scores)))
    lacking = (0, width - len(top))
    return jnp.pad(top, lacking, constant_values=-jnp.inf), jnp.pad(chosen, lacking)


def rank(supports: Supports, tolerance: jax.Array, *, width: int) -> Supports:
    """Keep the best `width` distinct supports, best first."""
    sizes = jnp.sum(supports.masks, (1, 2))
    keep = distinct(supports.log_evidence, supports.rss, tolerance, sizes)
    top, chosen = best_of(jnp.where(keep, supports.log_evidence, -jnp.inf), width)
    return Supports(supports.masks[chosen], top, supports.rss[chosen])


def equivalents(
    factor: ArrayLike, mask: ArrayLike, *, tolerance: float = 1e-6, most: int | None = None
) -> list[tuple[int, ...]]:
    """List the other supports of one equation that fit exactly the same with as many terms.

    Those are the other bases, out of the library's columns, of the space that the support spans;
    exchanging one term at a time reaches them all (Whitney 1935, basis exchange).

    Args:
      factor: compressed [Θ, ẋ] of concrete values, [Q, M + 1].
      mask: the support [M].
      tolerance: how far from the space, relative to its norm, a column may lie.
      most: so many are enough; where many columns lie in the space there are far too many to list.

    Example:
      >>> x, v = jnp.cos(jnp.arange(9.0)), jnp.sin(jnp.arange(9.0))
      >>> factor = jnp.linalg.qr(jnp.stack([x, v, x + v, x - v], 1), mode="r")
      >>> equivalents(factor, jnp.array([True, True, False]))
      [(0, 2), (1, 2)]
    """
    columns = np.asarray(factor)[:, :-1]
    norms = np.linalg.norm(columns, axis=0)
    columns = columns / np.where(norms > 0, norms, 1.0)
    first = tuple(np.flatnonzero(np.asarray(mask)).tolist())
    basis, todo = {first}, [first]
    while todo and (most is None or len(basis) <= most):
        support = todo.pop()
        inside = columns[:, support]
        weights = np.linalg.lstsq(inside, columns, rcond=None)[0]
        within = np.linalg.norm(columns - inside @ weights, axis=0) <= tolerance
        for place, new in zip(*np.nonzero(np.abs(weights) > tolerance), strict=True):
            if within[new] and norms[new] > 0 and new not in support:
                other = tuple(sorted({*support[:place], *support[place + 1 :], int(new)}))
                if other not in basis:
                    basis.add(other)
                    todo.append(other)
    return sorted(basis - {first})[:most]
