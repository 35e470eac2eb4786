"""Entropies of routers: the functions, for automatic differentiation, and their slopes.

The functions take any axis and are written for one run. The slopes are those of the training in
closed form, for R runs side by side with the terms first.
"""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.routers.gates import MASKED

__all__ = [
    "SMALL",
    "conditional_entropies",
    "entropy",
    "entropy_slope",
    "mean_entropy",
    "mean_entropy_slope",
    "penalty_slope",
]

SMALL = 1e-8
"""Added to a share before its logarithm is taken."""


def entropy(logits: jax.Array, *, axis: int = -1) -> jax.Array:
    """Entropy of softmax(logits) in nats, -Σ p log p; masked terms count nothing.

    Example:
      >>> bool(jnp.allclose(entropy(jnp.zeros(8)), jnp.log(8.0)))
      True
    """
    log_p = jax.nn.log_softmax(logits, axis=axis)
    return -jnp.sum(jnp.exp(log_p) * jnp.where(log_p > MASKED / 2, log_p, 0.0), axis=axis)


def mean_entropy(gates: jax.Array, *, axis: int = -1) -> jax.Array:
    """Entropy of the mean of the gates over a batch, -Σ_m p_m log(p_m + ε), ε = 1e-8.

    What Exp 1 is paid for while τ is high: that the batch together uses many terms.

    Args:
      gates: hard, relaxed or straight-through gates [K, ..., N], the batch last.
      axis: the axis of the terms after the batch is averaged.

    Returns:
      in nats, without the axis of the terms.

    Example:
      >>> round(float(mean_entropy(jnp.array([[1.0, 0.0], [0.0, 1.0]]))), 4)
      0.6931
    """
    shares = jnp.mean(gates, axis=-1)
    return -jnp.sum(shares * jnp.log(shares + SMALL), axis=axis)


def conditional_entropies(logits: jax.Array, hard: jax.Array) -> jax.Array:
    """Mean entropy of each slot's distribution given what the slots before it took (Exp 4).

    H_j = mean_n H(softmax(logits masked by the terms that the slots before j took in sample n)).
    The paper masks the arg-max of the logits, slot after slot: `hard` is then `top_k(logits, K)`
    as one sample. With the draws of a forward pass it is the mean over the sets that were drawn.

    The mask of slot j is one of the C(M, j) sets of j terms, so the entropies are a small table,
    averaged with the frequencies of the sets in the draws; only the table carries a gradient.

    Args:
      logits: [M], the same for all samples.
      hard: one-hot gates, of the arg-max as one sample or of N draws [K, M, N].

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


def entropy_slope(logits: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Entropy of the softmax over the first axis, and its slope -p (log p + H)."""
    log_p = jax.nn.log_softmax(logits, axis=0)
    held = log_p > MASKED / 2
    log_p, p = jnp.where(held, log_p, 0.0), jnp.where(held, jnp.exp(log_p), 0.0)
    entropy = -jnp.sum(p * log_p, axis=0)
    return entropy, -p * (log_p + entropy[None])


def mean_entropy_slope(gate: jax.Array, *, shared: bool) -> tuple[jax.Array, jax.Array]:
    """Entropy of the gates' mean over the batch [R], and its slope in a sample's gate [M, R]."""
    samples = 1 if shared else gate.shape[2]
    shares = gate if shared else jnp.mean(gate, axis=2)
    logs = jnp.log(shares + SMALL)
    return -jnp.sum(shares * logs, axis=0), -(logs + shares / (shares + SMALL)) / samples


def penalty_slope(
    logits: jax.Array, masks: list[jax.Array], base: jax.Array, conditional: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Weighted entropies [R], and their gradient in the logits [M, R].

    The mask of slot j is one of the C(M, j) sets of j terms: where those are fewer than the draws,
    a table of their entropies is averaged with the frequencies of the sets.
    """
    terms = len(logits)
    value, slope = entropy_slope(logits)
    value, slope = (base + conditional) * value, (base + conditional)[None] * slope
    for j, taken in enumerate(itertools.accumulate(masks, jnp.logical_or), start=1):
        draws = 1 if taken.ndim == 2 else taken.shape[2]
        if math.comb(terms, j) <= draws and draws > 1:
            sets = np.array(list(itertools.combinations(range(terms), j)))
            shares = jnp.mean(jnp.all(taken[sets], axis=1).astype(logits.dtype), axis=2)
            inside = (sets[:, :, None] == np.arange(terms)[None, None]).any(axis=1).T
            table, slopes = entropy_slope(jnp.where(inside[:, :, None], MASKED, logits[:, None]))
            own, turn = jnp.sum(shares * table, axis=0), jnp.sum(shares[None] * slopes, axis=1)
        else:
            own, turn = entropy_slope(
                jnp.where(taken, MASKED, logits[..., None] if taken.ndim > logits.ndim else logits)
            )
            if draws > 1:
                own, turn = jnp.mean(own, axis=-1), jnp.mean(turn, axis=-1)
            own, turn = own.reshape(logits.shape[1:]), turn.reshape(logits.shape)
        value += conditional * own
        slope += conditional[None] * turn
    return value, slope
