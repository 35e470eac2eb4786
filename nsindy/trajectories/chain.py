"""Segments chained: linear in where each stretch begins and in the coefficients.

Letters beside the usual: B segments · L intervals of a segment · R recordings.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.terms.products import Products
from nsindy.trajectories.flow import Flow
from nsindy.trajectories.shooting import Model, Segments, shoot

__all__ = ["Chain", "linearise"]


class Chain(NamedTuple):
    """Segments solved, chained, and linearised in their initial values and the coefficients.

    √w (y - x) / σ = by_initial · δx_0 + by_coefficients · δξ + noise, with x_0 the initial state of
    the stretch that a segment is in, P = D·C coefficients (and the free numbers), and n = (L + 1) D
    rows of a segment.

    Attributes:
      by_initial: √w ∂x/∂x_0 / σ [B, n, D].
      by_coefficients: √w ∂x/∂ξ / σ [B, n, P].
      target: √w (y - x) / σ, with the gaps between segments closed [B, n].
      closing: √w Δx / σ, with Δx what closing the gaps changes [B, n].
      stretch: which one a segment is in, below R [B].
      begin_by_initial: derivatives of the segments' beginnings by x_0 [B, D, D].
      begin_by_coefficients: and by the coefficients [B, D, P].
      begin_gap: what closes the gaps [B, D].
      gap: end of a segment minus beginning of the next; 0 where a stretch begins [B, D].
      states: [B, L + 1, D].
    """

    by_initial: jax.Array
    by_coefficients: jax.Array
    target: jax.Array
    closing: jax.Array
    stretch: jax.Array
    begin_by_initial: jax.Array
    begin_by_coefficients: jax.Array
    begin_gap: jax.Array
    gap: jax.Array
    states: jax.Array


def linearise(
    terms: Products | Flow,
    model: Model,
    segments: Segments,
    noise: jax.Array,
    columns: jax.Array | None = None,
) -> Chain:
    """Solve the segments, and chain them: what the beginnings must do is eliminated.

    Along a stretch ds_{b+1} = Φ_b ds_b + G_b dξ + e_b, with Φ and G the sensitivities of segment b
    and e_b the gap behind it, so every beginning is linear in the stretch's initial state and the
    coefficients.

    Args:
      terms: the M terms.
      model: where to linearise.
      segments: the recordings.
      noise: σ, which residuals are divided by [D].
      columns: terms of each equation to linearise in [D, C]; None for those of the slots.

    Reference: Bock (1983), Recent advances in parameter identification techniques for O.D.E.
    """
    states, by_begin, by_slots = shoot(terms, model, segments, columns)
    count, size = states.shape[2], by_slots.shape[3]
    first = jnp.sum(segments.starts, 1) > 0
    ends = jnp.concatenate([model.begin[:1], states[:-1, -1]])
    gap = jnp.where(first[:, None], 0.0, ends - model.begin)

    def chain(carry, segment):
        initial, coefficients, shift = carry
        is_first, gap, propagate, force = segment
        initial = jnp.where(is_first, jnp.eye(count, dtype=initial.dtype), initial)
        coefficients = jnp.where(is_first, 0.0, coefficients)
        shift = jnp.where(is_first, 0.0, shift + gap)
        after = propagate @ initial, propagate @ coefficients + force, propagate @ shift
        return after, (initial, coefficients, shift)

    zero = jnp.zeros((count, count + size + 1), states.dtype)
    start = zero[:, :count], zero[:, count:-1], zero[:, -1]
    _, (begin_by_initial, begin_by_coefficients, begin_gap) = jax.lax.scan(
        chain, start, (first, gap, by_begin[:, -1], by_slots[:, -1])
    )
    root = jnp.sqrt(segments.weights) / noise[None, None]
    rows = (len(root), root[0].size)

    def measured(by):
        return (root[..., None] * by).reshape(*rows, by.shape[-1])

    closing = jnp.einsum("blde,be->bld", by_begin, begin_gap)
    return Chain(
        measured(jnp.einsum("blde,bec->bldc", by_begin, begin_by_initial)),
        measured(jnp.einsum("blde,bec->bldc", by_begin, begin_by_coefficients) + by_slots),
        (root * (segments.states - states - closing)).reshape(rows),
        (root * closing).reshape(rows),
        jnp.maximum(jnp.cumsum(first) - 1, 0),
        begin_by_initial,
        begin_by_coefficients,
        begin_gap,
        gap,
        states,
    )
