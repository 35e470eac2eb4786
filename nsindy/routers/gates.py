"""Gates of a router: Gumbel top-k without replacement, straight-through, slot entropies.

A router scores M terms with logits and fills K slots. Slot j draws its term from the conditional
distribution softmax(logits masked by the terms that the slots before it have taken). Every function
takes the axis of the terms, so that many draws can lie on a trailing axis, where they vectorise.
"""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

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
    hard, weights = zip(*_fill(scores, slots, temperature, axis), strict=True)
    soft = [weight / jnp.sum(weight, axis=axis, keepdims=True) for weight in weights]
    return Gates(jnp.stack(hard), jnp.stack(soft))


def _fill(
    scores: jax.Array, slots: int, temperature: jax.Array | float, axis: int
) -> list[tuple[jax.Array, jax.Array]]:
    axis = axis % scores.ndim
    terms = scores.shape[axis]
    if not 1 <= slots <= terms:
        raise ValueError(f"{slots} slots cannot be filled from {terms} terms; give 1 to {terms}")
    index = jax.lax.broadcasted_iota(jnp.int32, scores.shape, axis)
    filled = []
    for _ in range(slots):
        best = jnp.max(jax.lax.stop_gradient(scores), axis=axis, keepdims=True)
        # The first of the equal best, in two plain reductions: XLA's argmax does not vectorise.
        first = jnp.min(jnp.where(scores == best, index, terms), axis=axis, keepdims=True)
        chosen = index == first
        filled.append((chosen.astype(scores.dtype), jnp.exp((scores - best) / temperature)))
        scores = jnp.where(chosen, MASKED, scores)
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

    Equal to `jnp.sum(straight_through(top_k(scores, K)) * values, axis)` in value and gradient,
    and about half the work: of the relaxed gates, the logits' gradient needs only Σ e y / Σ e.

    Args:
      scores: logits, perturbed by Gumbel noise, with M terms on one axis.
      values: what each slot would pass on from each term [K, ...], each like the scores.
      temperature: τ > 0 of the relaxation.
      hard: straight-through gates; False for the relaxed ones.
      axis: the axis of the terms in the scores.

    Raises:
      ValueError: more slots than terms, or none.
    """
    outputs, draws = [], []
    axis = axis % scores.ndim
    for chosen, weights, value in zip(
        *zip(*_fill(scores, values.shape[0], temperature, axis), strict=True), values, strict=True
    ):
        total = jnp.sum(weights, axis=axis)
        if hard:
            relaxed = jnp.sum(weights * jax.lax.stop_gradient(value), axis=axis) / total
            passed = jnp.sum(chosen * value, axis=axis)
            outputs.append(passed + (relaxed - jax.lax.stop_gradient(relaxed)))
        else:
            outputs.append(jnp.sum(weights * value, axis=axis) / total)
        draws.append(chosen)
    return Routed(jnp.stack(outputs), jnp.stack(draws))


def entropy(logits: jax.Array, *, axis: int = -1) -> jax.Array:
    """Entropy of softmax(logits) in nats, -Σ p log p; masked terms count nothing.

    Example:
      >>> bool(jnp.allclose(entropy(jnp.zeros(8)), jnp.log(8.0)))
      True
    """
    log_p = jax.nn.log_softmax(logits, axis=axis)
    return -jnp.sum(jnp.exp(log_p) * jnp.where(log_p > MASKED / 2, log_p, 0.0), axis=axis)


def conditional_entropies(logits: jax.Array, hard: jax.Array) -> jax.Array:
    """Mean entropy of each slot's distribution given what the slots before it drew (Exp 4).

    H_j = mean_n H(softmax(logits masked by the terms drawn for the slots before j in sample n)).
    The mask of slot j is one of the C(M, j) sets of j terms, so the entropies are a small table,
    averaged with the frequencies of the sets in the draws; only the table carries a gradient.

    Args:
      logits: [M], the same for all samples.
      hard: one-hot draws of the forward pass [K, M, N].

    Returns:
      [K], in nats.
    """
    slots, terms, _ = hard.shape
    taken = jax.lax.stop_gradient(jnp.cumsum(hard, axis=0))
    means = [entropy(logits)]
    for j in range(1, slots):
        sets = np.array(list(itertools.combinations(range(terms), j)))
        frequencies = jnp.mean(jnp.prod(taken[j - 1][sets], axis=1), axis=1)
        inside = (sets[:, :, None] == np.arange(terms)).any(axis=1)
        # Set, not added: a frozen term's certainty would undo its mask.
        table = entropy(jnp.where(inside, MASKED, logits[None, :]))
        means.append(jnp.sum(frequencies * table))
    return jnp.stack(means)


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
