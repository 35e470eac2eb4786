"""Gates of a router: Gumbel top-k without replacement, straight-through.

A router scores M terms with logits and fills K slots. Slot j draws its term from the conditional
distribution softmax(logits masked by the terms that the slots before it have taken). Every function
takes the axis of the terms, so that many draws can lie on a trailing axis, where they vectorise.
"""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = [
    "MASKED",
    "Gates",
    "Routed",
    "commitments",
    "complexity_prior",
    "fill_slots",
    "gumbel_top_k",
    "route",
    "straight_through",
    "term_frequencies",
    "top_k",
]

MASKED = -1e9
"""Logit of a term that an earlier slot has taken: no draw overcomes it, and it is finite."""


class Gates(NamedTuple):
    """K slots over M terms, the slots on a new first axis.

    Attributes:
      hard: one-hot gates, the drawn term of each slot [K, ...].
      soft: relaxed gates softmax((logits + Gumbel noise, masked) / τ) [K, ...].
    """

    hard: jax.Array
    soft: jax.Array


def complexity_prior(complexities: jax.Array, alpha: jax.Array | float) -> jax.Array:
    """Logits of the complexity prior, -α · complexity: +α identity, 0 sin and cos, -α add and mul.

    Args:
      complexities: complexity of each term [M].
      alpha: strength α of the prior, in nats of logit.
    """
    return -alpha * complexities


def top_k(
    scores: jax.Array, slots: int, *, temperature: jax.Array | float = 1.0, axis: int = -1
) -> Gates:
    """Fill the slots with the best scores, one after the other, each term at most once.

    Args:
      scores: logits, perturbed by Gumbel noise or not, with M terms on one axis.
      slots: number of slots K, at most M.
      temperature: τ > 0 of the relaxation.
      axis: the axis of the terms, before the slots' axis is put in front.

    Returns:
      Gates; ties go to the first term.

    Raises:
      ValueError: more slots than terms, or none.

    Example:
      >>> top_k(jnp.array([0.1, 3.0, -2.0]), 2).hard.tolist()
      [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    _check(slots, scores.shape[axis])
    every = jnp.broadcast_to(scores[None], (slots, *scores.shape))
    return fill_slots(every, temperature=temperature, axis=axis)


def fill_slots(scores: jax.Array, *, temperature: jax.Array | float = 1.0, axis: int = -1) -> Gates:
    """Fill each slot with the best of its own scores that no slot before it has taken.

    With Gumbel noise of its own in every slot's scores, and the same logits, the hard draws have
    the law of `gumbel_top_k`; the relaxed gates of different slots are then independent given the
    draws before them.

    Args:
      scores: perturbed logits of every slot [K, ...], with M terms on one axis.
      temperature: τ > 0 of the relaxation.
      axis: the axis of the terms in the scores of one slot.

    Returns:
      Gates; ties go to the first term.

    Raises:
      ValueError: more slots than terms, or none.
    """
    hard, weights = zip(*_fill(scores, temperature, axis), strict=True)
    axis = axis % (scores.ndim - 1)
    soft = [weight / jnp.sum(weight, axis=axis, keepdims=True) for weight in weights]
    return Gates(jnp.stack(hard), jnp.stack(soft))


def _check(slots: int, terms: int) -> None:
    if not 1 <= slots <= terms:
        raise ValueError(f"{slots} slots cannot be filled from {terms} terms; give 1 to {terms}")


def _fill(
    scores: jax.Array, temperature: jax.Array | float, axis: int
) -> list[tuple[jax.Array, jax.Array]]:
    slots, *shape = scores.shape
    axis = axis % len(shape)
    terms = shape[axis]
    _check(slots, terms)
    index = jax.lax.broadcasted_iota(jnp.int32, shape, axis)
    taken = jnp.zeros(shape, bool)
    filled = []
    for j in range(slots):
        left = jnp.where(taken, MASKED, scores[j])
        best = jnp.max(jax.lax.stop_gradient(left), axis=axis, keepdims=True)
        # The first of the equal best, in two plain reductions: XLA's argmax does not vectorise.
        first = jnp.min(jnp.where(left == best, index, terms), axis=axis, keepdims=True)
        chosen = index == first
        filled.append((chosen.astype(scores.dtype), jnp.exp((left - best) / temperature)))
        taken = taken | chosen
    return filled


def gumbel_top_k(
    key: jax.Array,
    logits: jax.Array,
    slots: int,
    *,
    temperature: jax.Array | float = 1.0,
    axis: int = -1,
) -> Gates:
    """Draw K terms without replacement and relax the draw.

    The terms with the K largest logits + Gumbel noise are a sample without replacement from
    softmax(logits), in the order of the draws (Vieira 2014; Kool, van Hoof and Welling 2019, §2.3);
    the masked softmax of the same perturbed logits is its relaxation (Jang, Gu and Poole 2017;
    Xie and Ermon 2019). The hard draw does not depend on τ.

    Args:
      key: PRNG key, consumed.
      logits: M terms on one axis; other axes are independent draws.
      slots: number of slots K.
      temperature: τ > 0 of the relaxation.
      axis: the axis of the terms.

    Returns:
      Gates, with slots on a new first axis.

    Raises:
      ValueError: more slots than terms, or none.

    Example:
      >>> gates = gumbel_top_k(jax.random.key(0), jnp.array([2.0, 1.0, -9.0]), 2)
      >>> gates.hard.shape
      (2, 3)
    """
    noise = jax.random.gumbel(key, logits.shape, logits.dtype)
    return top_k(logits + noise, slots, temperature=temperature, axis=axis)


def straight_through(gates: Gates) -> jax.Array:
    """Gates whose value is the hard draw and whose gradient is that of the soft one.

    (Bengio, Léonard and Courville 2013, §4; Jang, Gu and Poole 2017, §2.2.)

    Example:
      >>> gates = lambda scores: straight_through(top_k(scores, 1))
      >>> gates(jnp.array([0.0, 1.0])).tolist()
      [[0.0, 1.0]]
      >>> print(jax.grad(lambda scores: gates(scores)[0, 1])(jnp.array([0.0, 1.0])).round(3))
      [-0.197  0.197]
    """
    return jax.lax.stop_gradient(gates.hard) + (gates.soft - jax.lax.stop_gradient(gates.soft))


class Routed(NamedTuple):
    """What a router passes on.

    Attributes:
      output: each slot's output Σ_m g_m y_m [K, ...], without the axis of the terms.
      hard: the one-hot gates of the draw [K, ...].
    """

    output: jax.Array
    hard: jax.Array


def route(
    scores: jax.Array,
    values: jax.Array,
    *,
    temperature: jax.Array | float,
    hard: bool = True,
    axis: int = -1,
) -> Routed:
    """Pass the values of the drawn terms through the slots, without storing relaxed gates.

    Equal to `jnp.sum(straight_through(fill_slots(scores)) * values, axis)` in value and gradient,
    and about half the work: of the relaxed gates, the logits' gradient needs only Σ e y / Σ e.

    Args:
      scores: perturbed logits of every slot [K, ...], with M terms on one axis.
      values: what each slot would pass on from each term [K, ...], each like its scores.
      temperature: τ > 0 of the relaxation.
      hard: straight-through gates; False for the relaxed ones.
      axis: the axis of the terms in the scores of one slot.

    Raises:
      ValueError: more slots than terms, or none.
    """
    outputs, draws = [], []
    axis = axis % (scores.ndim - 1)
    for (chosen, weights), value in zip(_fill(scores, temperature, axis), values, strict=True):
        total = jnp.sum(weights, axis=axis)
        if hard:
            relaxed = jnp.sum(weights * jax.lax.stop_gradient(value), axis=axis) / total
            passed = jnp.sum(chosen * value, axis=axis)
            outputs.append(passed + (relaxed - jax.lax.stop_gradient(relaxed)))
        else:
            outputs.append(jnp.sum(weights * value, axis=axis) / total)
        draws.append(chosen)
    return Routed(jnp.stack(outputs), jnp.stack(draws))


def commitments(logits: jax.Array, slots: int) -> tuple[jax.Array, jax.Array]:
    """The term that each slot is most likely to draw, and the probability that it does.

    Slot j's activation is the probability of its most likely term given the most likely terms of
    the slots before it. It is a property of the logits alone: a hard draw does not depend on τ.

    Args:
      logits: [M].
      slots: number of slots K.

    Returns:
      chosen terms [K], and the conditional probabilities of every term [K, M].

    Example:
      >>> chosen, probabilities = commitments(jnp.array([0.0, 2.0, 1.0]), 2)
      >>> chosen.tolist()
      [1, 2]
    """
    gates = top_k(logits, slots)
    return jnp.argmax(gates.hard, axis=-1), gates.soft


def term_frequencies(logits: jax.Array, slots: int) -> jax.Array:
    """How often each term is drawn for any of the slots, the sum of its marginals over the slots.

    π_m = Σ_j Σ_{S of j terms} P(S) softmax(logits masked by S)_m, where P(S) is the probability
    that the first j slots draw the set S. Two terms that swap places have one half in each slot and
    a frequency near 1. The frequencies sum to K.

    Args:
      logits: [M].
      slots: number of slots K.

    Returns:
      [M].

    Example:
      >>> print(term_frequencies(jnp.array([9.0, 9.0, 0.0]), 2).round(3))
      [1. 1. 0.]
    """
    terms = logits.shape[0]
    found = jnp.zeros(terms, logits.dtype)
    reached, sets = jnp.ones(1, logits.dtype), [()]
    for j in range(slots):
        inside = np.array([[m in members for m in range(terms)] for members in sets])
        drawn = jax.nn.softmax(jnp.where(inside, MASKED, logits[None, :]), axis=1)
        drawn = reached[:, None] * drawn
        found = found + jnp.sum(drawn, axis=0)
        after = list(itertools.combinations(range(terms), j + 1))
        place = {members: i for i, members in enumerate(after)}
        into = np.array(
            [
                [place.get(tuple(sorted({*members, m})), len(after)) for m in range(terms)]
                for members in sets
            ]
        )
        # A term that is in the set already is drawn with probability 0: past the end, dropped.
        reached = jnp.zeros(len(after), logits.dtype).at[into].add(drawn, mode="drop")
        sets = after
    return found
