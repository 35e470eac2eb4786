"""The search for supports by exact evidence: of all, or slot by slot with a beam."""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.evidence.prior import Prior
from nsindy.evidence.projection import gains, left_of, project_column, project_support
from nsindy.evidence.regression import floor, least_squares, tie
from nsindy.evidence.score import Supports, log_evidence, log_likelihood
from nsindy.evidence.ties import best_of, distinct, rank

__all__ = ["beam_search", "best_subset"]


def best_subset(
    factor: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    *,
    slots: int | None = None,
    width: int = 8,
) -> Supports:
    """Score every one of the 2^M supports of one equation, and return the best.

    Args:
      factor: compressed [Θ, ẋ], [Q, M + 1].
      samples: n, scalar.
      prior: of the supports; `bic(M)` for the plain criterion.
      slots: most terms that a support may have; None for all.
      width: number of supports to return.

    Raises:
      ValueError: more than 16 terms, which would be more than 65,536 regressions.
    """
    terms = factor.shape[1] - 1
    if terms > 16:
        raise ValueError(f"2^{terms} supports are too many to enumerate; use the beam")
    rows = itertools.product((False, True), repeat=terms)
    every = np.array([row for row in rows if sum(row) <= (terms if slots is None else slots)])
    masks = jnp.asarray(every)
    solutions = jax.vmap(least_squares, in_axes=(None, 0))(factor, masks)
    rss = jnp.maximum(solutions.rss, floor(factor))
    scores = log_evidence(log_likelihood(rss, samples), masks[:, None, :], samples, prior)
    scores = jnp.where(solutions.independent, scores, -jnp.inf)
    scores = jnp.where(distinct(scores, rss, jnp.sum(masks, 1), tie(factor)), scores, -jnp.inf)
    top, chosen = jax.lax.top_k(scores, min(width, len(every)))
    return Supports(masks[chosen][:, None, :], top, rss[chosen])


class _Beam(NamedTuple):
    """Partial supports [B]: their columns without what they explain, their masks, which exist."""

    left: jax.Array
    masks: jax.Array
    alive: jax.Array


def beam_search(
    factor: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    start: jax.Array,
    *,
    slots: int,
    depth: int,
    width: int = 16,
) -> Supports:
    """Fill slots one after the other by exact evidence, keeping the best `width` partial supports.

    Given the slots that are filled, project them out of every column; what remains of column m has
    norm n_m and product p_m with the remaining target, and taking it in lowers the residual sum of
    squares by p_m² / n_m². That is the logit of every candidate of the next slot in closed form,
    the empty slot being the parent itself. Supports of all sizes met on the way are returned
    together, one for each group that fits the same.

    Args:
      factor: compressed [A, y] with the columns of A equation by equation, [Q, D·M + 1].
      samples: n, independent measurements.
      prior: of the supports.
      start: the slots already filled [D, M].
      slots: K, most terms in an equation.
      depth: number of further slots to fill.
      width: B.

    Raises:
      ValueError: K is below 1 or above M.

    Reference: Chen, Billings & Luo (1989), Int. J. Control 50, for the orthogonal search.

    Example:
      >>> from nsindy.evidence.prior import bic
      >>> from nsindy.evidence.regression import compress
      >>> x = jnp.linspace(-1.0, 1.0, 50)
      >>> theta = jnp.stack([x, x**2, x**3], 1)
      >>> noise = 0.01 * jax.random.normal(jax.random.key(0), (50, 1))
      >>> factor = compress(theta, 2 * theta[:, 1:2] + noise)
      >>> start = jnp.zeros((1, 3), bool)
      >>> beam_search(factor, 50, bic(3), start, slots=2, depth=2).masks[0].tolist()
      [[False, True, False]]
    """
    equations, terms = start.shape
    if not 1 <= slots <= terms:
        raise ValueError(f"slots must be between 1 and the {terms} terms, not {slots}")

    def judge(beam: _Beam) -> Supports:
        rss = jnp.maximum(jnp.sum(beam.left[..., -1] ** 2, -1), floor(factor))
        masks = beam.masks.reshape(-1, equations, terms)
        scores = log_evidence(log_likelihood(rss, samples), masks, samples, prior)
        return Supports(masks, jnp.where(beam.alive, scores, -jnp.inf), rss)

    def level(beam, _):
        beam = _grow(factor, samples, prior, beam, (equations, terms), slots)
        return beam, judge(beam)

    flat = start.reshape(-1)
    first = _Beam(
        jnp.broadcast_to(project_support(factor, flat)[None], (width, *factor.shape)),
        jnp.broadcast_to(flat[None], (width, len(flat))),
        jnp.arange(width) == 0,
    )
    _, levels = jax.lax.scan(level, first, None, length=depth)
    met = jax.tree.map(
        lambda a, b: jnp.concatenate([a, b.reshape(-1, *b.shape[2:])]), judge(first), levels
    )
    return rank(met, tie(factor), width=width)


def _grow(
    factor: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    beam: _Beam,
    shape: tuple[int, int],
    slots: int,
) -> _Beam:
    """The best distinct supports that have one term more than those of the beam."""
    equations, terms = shape
    width, columns = beam.masks.shape
    left = jax.vmap(left_of)(beam.left)
    drops, open_ = jax.vmap(gains, in_axes=(0, 0, None))(left.squares, left.products, factor)
    unfilled = jnp.sum(beam.masks.reshape(width, equations, terms), -1) < slots
    unfilled = jnp.repeat(unfilled, terms, axis=1, total_repeat_length=columns)
    valid = beam.alive[:, None] & ~beam.masks & open_ & unfilled
    rss = jnp.maximum(jnp.sum(beam.left[..., -1] ** 2, 1)[:, None] - drops, floor(factor))
    children = beam.masks[:, None, :] | jnp.eye(columns, dtype=bool)[None]
    grown = children.reshape(width, columns, equations, terms)
    scores = log_evidence(log_likelihood(rss, samples), grown, samples, prior)
    scores = jnp.where(valid, scores, -jnp.inf).reshape(-1)
    sizes = jnp.sum(children, -1).reshape(-1)
    keep = distinct(scores, rss.reshape(-1), sizes, tie(factor))
    top, chosen = best_of(jnp.where(keep, scores, -jnp.inf), width)
    parent, column = jnp.divmod(chosen, columns)
    alive = top > -jnp.inf
    projected = jax.vmap(project_column)(beam.left[parent], column, alive)
    return _Beam(projected, children.reshape(-1, columns)[chosen], alive)
