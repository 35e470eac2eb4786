"""Training of routers with plain logits, many runs side by side, by gradients in closed form.

Arrays keep the terms first and the runs behind them, so that every operation is one long loop that
vectorises: [M, R] where all samples share a draw, [M, R, N] with a draw for each sample.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from nsindy.routers import entropies, gumbel
from nsindy.routers.gates import MASKED
from nsindy.routers.settings import RouterKnobs, Routing, schedule_at

__all__ = ["BLOCK", "Descent", "Slot", "descend", "fill"]

BLOCK = 32_768, 8_192
"""Draws of a step that are made together, of samples and shared; more leave a core's caches."""


class Descent(NamedTuple):
    """What a training came to.

    Attributes:
      params: logits, then the coefficients of every slot [1 + K, M].
      certain: what freezing added to the logits [M].
      loss: with its entropy terms [T].
      mse: mean squared error of the drawn models [T].
      frozen: whether slot 1 was frozen [T].
    """

    params: jax.Array
    certain: jax.Array
    loss: jax.Array
    mse: jax.Array
    frozen: jax.Array


class Slot(NamedTuple):
    """One slot's gates: what was drawn, and its relaxation, both like the scores."""

    drawn: jax.Array
    relaxed: jax.Array


def descend(
    key: jax.Array,
    theta: jax.Array,
    target: jax.Array,
    prior: jax.Array,
    start: jax.Array,
    knobs: RouterKnobs,
    *,
    routing: Routing,
) -> Descent:
    """Train one router on one derivative; under vmap, many of them in blocks that fit the caches.

    Args:
      key: PRNG key, consumed.
      theta: Θ [N, M].
      target: [N].
      prior: logits of the complexity prior [M].
      start: logits, then the coefficients of every slot [1 + K, M].
      knobs: traced settings.
      routing: static settings, without a network.

    Raises:
      ValueError: more slots than terms, or none.
    """
    terms = theta.shape[1]
    if not 1 <= routing.slots <= terms:
        raise ValueError(
            f"{routing.slots} slots cannot be filled from {terms} terms; give 1 to {terms}"
        )

    @jax.custom_batching.custom_vmap
    def together(*arguments):
        return _blocks(routing, *arguments)

    @together.def_vmap
    def _(size, batched, *arguments):
        def joined(leaf, own):
            leaf = leaf if own else jnp.broadcast_to(leaf[None], (size, *leaf.shape))
            return leaf.reshape(-1, *leaf.shape[2:])

        found = together(*jax.tree.map(joined, arguments, tuple(batched)))
        parted = jax.tree.map(lambda leaf: leaf.reshape(size, -1, *leaf.shape[1:]), found)
        return parted, jax.tree.map(lambda _: True, parted)

    words = jax.random.key_data(key)
    arguments = jax.tree.map(lambda x: x[None], (words, theta, target, prior, start, knobs))
    return jax.tree.map(lambda leaf: leaf[0], together(*arguments))


def _blocks(routing: Routing, *arguments: Any) -> Descent:
    runs, samples, terms = arguments[1].shape
    draws = (terms if routing.shared else terms * samples) * _sets(routing)
    most = max(1, BLOCK[routing.shared] // draws)
    count = -(-runs // most)
    size = -(-runs // count)

    def cut(leaf):
        # The last run again, where the blocks do not come out even.
        index = jnp.minimum(jnp.arange(count * size), runs - 1)
        return leaf[index].reshape(count, size, *leaf.shape[1:])

    if count == 1:
        return _runs(routing, *arguments)
    found = jax.lax.map(lambda block: _runs(routing, *block), jax.tree.map(cut, arguments))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:runs], found)


def _runs(
    routing: Routing,
    keys: jax.Array,
    theta: jax.Array,
    target: jax.Array,
    prior: jax.Array,
    start: jax.Array,
    knobs: RouterKnobs,
) -> Descent:
    _, samples, terms = theta.shape
    shape = (terms,) if routing.shared else (terms, samples)
    design = jnp.transpose(theta, (1, 2, 0) if routing.shared else (2, 0, 1))
    target = target.T if routing.shared else target
    prior, start = prior.T, jnp.moveaxis(start, 0, -1)
    rate = jnp.asarray(knobs.learning_rate)[None, None, :]
    weights = jnp.asarray(knobs.base_entropy), jnp.asarray(knobs.conditional_entropy)
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, routing.steps))

    def draw(index):
        return gumbel.words(keys, index, shape, theta.dtype, sets=_sets(routing))

    def step(carry, index):
        params, state, certain, noise, words = carry
        plan = schedule_at(index, knobs, routing.steps)
        temperature, weight = (value.astype(theta.dtype) for value in plan)
        logits, coefficients = params[0] + prior + certain, params[1:]
        scores = [_along(logits, own) + own for own in noise]
        slots = fill(scores, routing.slots, _along(temperature, scores[0][0]))
        fitted = _gradients(slots, coefficients, design, target, temperature, knobs, routing)
        error, mse = fitted.error, fitted.mse
        penalty, slope = entropies.penalty_slope(logits, _masks(logits, slots, routing), *weights)
        by_logits = fitted.logits + weight[None] * slope
        gradient = jnp.concatenate([by_logits[None], fitted.coefficients])
        updates, state = optimiser.update(gradient, state)
        frozen = jnp.any(certain > 0, axis=0)
        moved = params + updates.at[1].multiply(jnp.where(frozen, 0.0, 1.0)[None])
        chosen = jax.nn.softmax(moved[0] + prior, axis=0)
        best = jnp.max(chosen, axis=0)
        commits = ~frozen & (best >= knobs.freeze_at)
        sure = jnp.where(_first(chosen, best) & commits[None], -MASKED, 0.0).astype(theta.dtype)
        # Carried, noise and words are made once; XLA would make them in every loop that reads them.
        carry = moved, state, certain + sure, gumbel.gumbel(words), draw(index + 2)
        return carry, (error + weight * penalty, mse, frozen)

    begin = start, optimiser.init(start), jnp.zeros_like(prior), gumbel.gumbel(draw(0)), draw(1)
    (params, _, certain, *_), history = jax.lax.scan(step, begin, jnp.arange(routing.steps))
    return Descent(jnp.moveaxis(params, -1, 0), certain.T, *(leaf.T for leaf in history))


def _sets(routing: Routing) -> int:
    return routing.slots if routing.own_noise else 1


def _along(values: jax.Array, like: jax.Array) -> jax.Array:
    return values[..., None] if values.ndim < like.ndim else values


def _first(scores: jax.Array, best: jax.Array) -> jax.Array:
    # The first of the equal best, in two plain reductions: XLA's argmax does not vectorise.
    index = jax.lax.broadcasted_iota(jnp.int32, scores.shape, 0)
    first = jnp.min(jnp.where(scores == best[None], index, len(scores)), axis=0)
    return index == first[None]


def fill(scores: Sequence[jax.Array], slots: int, temperature: jax.Array) -> list[Slot]:
    """Fill the slots with the best scores and relax the draws, as `gates.fill_slots` does.

    Where all slots have the same scores one exponential a score serves all: with
    w_m = exp((s_m - b_K) / τ) of the terms that no slot took and the best scores b_1 ≥ … ≥ b_K, the
    total of slot j is Σ_{i ≥ j} exp((b_i - b_j) / τ) + exp((b_K - b_j) / τ) Σ_m w_m, and no
    exponent is above zero.

    Args:
      scores: perturbed logits [M, ...] of every slot, or one array for all.
      slots: K.
      temperature: τ, of the rank and broadcastable to the shape of the scores of one term.
    """
    if len(scores) == 1:
        return _fill_alike(scores[0], slots, temperature)
    cold, taken, filled = 1 / temperature, jnp.zeros(scores[0].shape, bool), []
    for own in scores:
        left = jnp.where(taken, MASKED, own)
        best = jnp.max(left, axis=0)
        drawn = _first(left, best)
        weights = jnp.exp((left - best[None]) * cold[None])
        filled.append(Slot(drawn, weights * (1 / jnp.sum(weights, axis=0))[None]))
        taken = taken | drawn
    return filled


def _fill_alike(scores: jax.Array, slots: int, temperature: jax.Array) -> list[Slot]:
    left, drawn, best = scores, [], []
    for _ in range(slots):
        best.append(jnp.max(left, axis=0))
        drawn.append(_first(left, best[-1]))
        left = jnp.where(drawn[-1], MASKED, left)
    cold = 1 / temperature
    others = jnp.exp((left - best[-1][None]) * cold[None])
    rest = jnp.sum(others, axis=0)
    filled = []
    for j in range(slots):
        shares = [jnp.exp((best[i] - best[j]) * cold) for i in range(j, slots)]
        total = sum(shares, shares[-1] * rest)
        relaxed = others * (shares[-1] / total)[None]
        for i in range(j, slots):
            relaxed = jnp.where(drawn[i], (shares[i - j] / total)[None], relaxed)
        filled.append(Slot(drawn[j], relaxed))
    return filled


class _Slopes(NamedTuple):
    """Weighted error [R] and mean squared error [R], and what the former gains from the logits
    [M, R] and from the coefficients [K, M, R].
    """

    error: jax.Array
    mse: jax.Array
    logits: jax.Array
    coefficients: jax.Array


def _gradients(
    slots: list[Slot],
    coefficients: jax.Array,
    design: jax.Array,
    target: jax.Array,
    temperature: jax.Array,
    knobs: RouterKnobs,
    routing: Routing,
) -> _Slopes:
    """The error less what exploration earns, and its gradient.

    With residual r_n, slot j of relaxed gates p_m and contributions y_mn = c_jm θ_nm, the straight-
    through gradient of a logit is Σ_n r_n p_m (y_mn - Σ_m' p_m' y_m'n) / τ.
    """
    axis = 0 if routing.shared else 1
    samples = target.shape[axis]
    heaviness = jnp.asarray(knobs.error_weight)
    doubled = jnp.expand_dims(2 * heaviness / samples, axis)

    def gate(slot):
        return slot.drawn if routing.hard else slot.relaxed

    def gated(slot, values):
        return jnp.where(slot.drawn, values, 0.0) if routing.hard else slot.relaxed * values

    def passed(slot, values):
        own = gated(slot, values)
        return jnp.sum(design * own[None], axis=1) if routing.shared else jnp.sum(own, axis=0)

    if routing.shared:
        values = list(coefficients)
    else:
        values = [own[:, :, None] * design for own in coefficients]
    outputs = [passed(slot, own) for slot, own in zip(slots, values, strict=True)]
    misses = list(itertools.accumulate(outputs))
    total = misses[-1] - target
    mse = jnp.mean(total**2, axis=axis)
    misses = [miss - target for miss in misses] if routing.residual else [total] * len(slots)
    error = mse
    if routing.residual:
        error = jnp.sum(jnp.stack([jnp.mean(miss**2, axis=axis) for miss in misses]), axis=0)
    error = heaviness * error
    bonus = jnp.where(temperature > knobs.explore_above, jnp.asarray(knobs.exploration), 0.0)

    pulls = jnp.zeros_like(coefficients[0])
    slopes = []
    pull: Any = None
    for j, (slot, own) in enumerate(zip(slots, values, strict=True)):
        if j == 0 or routing.residual:
            miss = misses[j] * doubled
            pull = jnp.sum(design * miss[:, None], axis=0) if routing.shared else miss[None]
        # What the error gains from more of each term: of the run, or of each sample.
        gain = own * pull
        if routing.explores:
            earned, worth = entropies.mean_entropy_slope(
                gate(slot).astype(gain.dtype), shared=routing.shared
            )
            error -= bonus * earned
            gain -= _along(bonus[None] * worth, gain)
        mean = jnp.sum(slot.relaxed * gain, axis=0)
        moved = slot.relaxed * (gain - mean[None])
        slope = gated(slot, pull if routing.shared else pull * design)
        pulls += moved if routing.shared else jnp.sum(moved, axis=2)
        slopes.append(slope if routing.shared else jnp.sum(slope, axis=2))
    return _Slopes(error, mse, pulls / temperature[None], jnp.stack(slopes))


def _masks(logits: jax.Array, slots: list[Slot], routing: Routing) -> list[jax.Array]:
    """What each slot but the last takes from those behind it: [M, R], or of every sample."""
    if routing.masks == "draws":
        return [slot.drawn for slot in slots[:-1]]
    left, masks = logits, []
    for _ in slots[:-1]:
        masks.append(_first(left, jnp.max(left, axis=0)))
        left = jnp.where(masks[-1], MASKED, left)
    return masks
