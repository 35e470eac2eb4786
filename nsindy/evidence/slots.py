"""How sure each slot of a support is."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.evidence.prior import Prior
from nsindy.evidence.projection import gains, left_of, project_support
from nsindy.evidence.regression import floor
from nsindy.evidence.score import log_evidence, log_likelihood

__all__ = ["FilledSlots", "judge_slots"]


class FilledSlots(NamedTuple):
    """The slots of one equation, the term that explains most first, the empty ones last.

    Attributes:
      terms: the term of each slot [K], M where it is empty.
      activations: posterior probability of that choice, the empty slot included, given all the
        other slots [K].
      explained: share of what the other slots leave that this one explains, 0 to 1 [K].
    """

    terms: jax.Array
    activations: jax.Array
    explained: jax.Array


def judge_slots(
    factor: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    mask: jax.Array,
    equation: jax.Array,
    *,
    slots: int,
) -> FilledSlots:
    """Empty each slot of one equation in turn, and give the probability that its term returns.

    With every other term of the support kept, the logit of each of the M terms and of the empty
    slot is the evidence that it would leave; the activation is the softmax at the slot's choice.

    Args:
      factor: compressed [A, y], [Q, D·M + 1].
      samples: n, independent measurements.
      prior: of the supports.
      mask: the support [D, M].
      equation: which of the D equations, an integer.
      slots: K.
    """
    equations, terms = mask.shape
    chosen = jnp.argsort(~mask[equation], stable=True)[:slots]
    chosen = jnp.where(mask[equation][chosen], chosen, terms)
    options = jnp.arange(equations)[None, :, None] == equation
    options = options & jnp.eye(terms + 1, terms, dtype=bool)[:, None]

    def slot(term):
        others = mask & ~options[term]
        left = left_of(project_support(factor, others.reshape(-1)))
        drop, open_ = gains(left.squares, left.products, factor)
        free = open_.reshape(equations, terms)[equation] & ~others[equation]
        drop = jnp.append(jnp.where(free, drop.reshape(equations, terms)[equation], 0.0), 0.0)
        rss = jnp.maximum(left.target, floor(factor))
        after = jnp.maximum(rss - drop, floor(factor))
        logits = log_evidence(
            log_likelihood(after, samples), others[None] | options, samples, prior
        )
        logits = jnp.where(jnp.append(free, True), logits, -jnp.inf)
        return drop[term], FilledSlots(term, jax.nn.softmax(logits)[term], drop[term] / rss)

    drops, filled = jax.vmap(slot)(chosen)
    order = jnp.argsort(jnp.where(chosen < terms, -drops, jnp.inf), stable=True)
    return jax.tree.map(lambda leaf: leaf[order], filled)
