"""The search for supports by exact evidence: of all, or slot by slot with a beam."""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.evidence.prior import Prior
from nsindy.evidence.projection import gains, project_support
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
    scores = jnp.where(distinct(scores, rss, tie(factor), jnp.sum(masks, 1)), scores, -jnp.inf)
    top, chosen = jax.lax.top_k(scores, min(width, len(every)))
    return Supports(masks[chosen][:, None, :], top, rss[chosen])


class _Beam(NamedTuple):
    """Partial supports [B], and what of each column they do not explain.

    Attributes:
      basis: orthonormal columns that span the slots filled so far, 0 for those to come [B, K, Q].
      target: the target without what it explains [B, Q].
      squares: of what is left of every column [B, P].
      masks: of their terms [B, P].
      alive: which exist [B].
    """

    basis: jax.Array
    target: jax.Array
    squares: jax.Array
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
    the empty slot being the parent itself; it follows from orthonormal columns of the slots, one
    more a level. Supports of all sizes met on the way are returned together, one for each group
    that fits the same.

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

    Reference: Chen, Billings & Luo (1989), Int. J. Control 50, for the orthogonal search; Giraud,
      Langou & Rozložník (2005), Computers & Mathematics with Applications 50, why twice is enough.

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

    flat = start.reshape(-1)
    columns = project_support(factor, flat)

    def judge(beam: _Beam) -> Supports:
        rss = jnp.maximum(jnp.sum(beam.target**2, -1), floor(factor))
        masks = beam.masks.reshape(-1, equations, terms)
        scores = log_evidence(log_likelihood(rss, samples), masks, samples, prior)
        return Supports(masks, jnp.where(beam.alive, scores, -jnp.inf), rss)

    def level(beam, slot):
        scored = _children(factor, columns, samples, prior, beam, (equations, terms), slots)
        beam = _taken(columns, beam, *scored, slot)
        return beam, judge(beam)

    first = _Beam(
        jnp.zeros((width, depth, len(factor)), factor.dtype),
        jnp.broadcast_to(columns[:, -1], (width, len(factor))),
        jnp.broadcast_to(jnp.sum(columns[:, :-1] ** 2, 0), (width, len(flat))),
        jnp.broadcast_to(flat[None], (width, len(flat))),
        jnp.arange(width) == 0,
    )
    _, levels = jax.lax.scan(level, first, jnp.arange(depth))
    met = jax.tree.map(
        lambda a, b: jnp.concatenate([a, b.reshape(-1, *b.shape[2:])]), judge(first), levels
    )
    return rank(met, tie(factor), width=width)


def _children(
    factor: jax.Array,
    columns: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    beam: _Beam,
    shape: tuple[int, int],
    slots: int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The best distinct supports that have one term more than those of the beam.

    Returns:
      of each the support that it grew from, the column that it took [B], and its score, -inf where
      there is none.
    """
    equations, terms = shape
    width, size = beam.masks.shape
    # The target that is left is orthogonal to the support: whole columns have the same products.
    products = beam.target @ columns[:, :-1]
    drops, open_ = jax.vmap(gains, in_axes=(0, 0, None))(beam.squares, products, factor)
    unfilled = jnp.sum(beam.masks.reshape(width, equations, terms), -1) < slots
    unfilled = jnp.repeat(unfilled, terms, axis=1, total_repeat_length=size)
    valid = beam.alive[:, None] & ~beam.masks & open_ & unfilled
    rss = jnp.maximum(jnp.sum(beam.target**2, 1)[:, None] - drops, floor(factor))
    children = beam.masks[:, None, :] | jnp.eye(size, dtype=bool)[None]
    grown = children.reshape(width, size, equations, terms)
    scores = log_evidence(log_likelihood(rss, samples), grown, samples, prior)
    scores = jnp.where(valid, scores, -jnp.inf).reshape(-1)
    # All of a level have as many terms.
    keep = distinct(scores, rss.reshape(-1), tie(factor))
    top, chosen = best_of(jnp.where(keep, scores, -jnp.inf), width)
    return *jnp.divmod(chosen, size), top


def _taken(
    columns: jax.Array,
    beam: _Beam,
    parent: jax.Array,
    column: jax.Array,
    scores: jax.Array,
    slot: jax.Array,
) -> _Beam:
    """The supports grown by one column each, which is orthogonalised against those before it.

    Only the columns that are taken are projected; of the others the squares are enough.
    """
    alive = scores > -jnp.inf
    basis, unit = beam.basis[parent], columns[:, column].T
    for _ in range(2):
        # Once leaves rounding of what is nearly spanned; twice is enough.
        unit = unit - jnp.einsum("bk,bkq->bq", jnp.einsum("bkq,bq->bk", basis, unit), basis)
    squared = jnp.sum(unit**2, 1)
    active = alive & (squared > 0)
    scale = jnp.where(active, 1 / jnp.sqrt(jnp.where(active, squared, 1.0)), 0.0)
    unit = unit * scale[:, None]
    target = beam.target[parent]
    target = target - unit * jnp.sum(unit * target, 1)[:, None]
    squares = jnp.maximum(beam.squares[parent] - (unit @ columns[:, :-1]) ** 2, 0)
    masks = beam.masks[parent].at[jnp.arange(len(column)), column].set(True)
    return _Beam(basis.at[:, slot].set(unit), target, squares, masks, alive)
