"""What shapes the training of a router, and what a sweep turns in it; defaults as in the paper."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

__all__ = ["RouterKnobs", "Routing", "Schedules", "schedule_at", "schedules"]


@dataclasses.dataclass(frozen=True)
class Routing:
    """What shapes a training run, static under jit.

    Attributes:
      slots: number of slots K of an equation.
      steps: training steps T.
      hard: straight-through gates; False for the relaxed gates themselves.
      shared: one draw a step for all samples; False for a draw for each sample and step.
      own_noise: each slot draws Gumbel noise of its own; False for one noise for all slots.
      masks: what the conditional entropy of a slot is masked by: "argmax" for the most likely terms
        of the slots before it, "draws" for the mean over the sets that the samples drew for them.
      explores: the entropy of the gates' mean over the batch is rewarded while τ is high.
      residual: each slot is trained on what the slots before it leave, their contributions behind a
        stop_gradient; False for one loss of the sum.
      state_dependent: logits from a network of the state (no entropy terms); False for one logit
        vector.
      hidden: hidden layers of that network.
      uniform: that network starts with weights and biases uniform within ±1/√fan-in; False for
        normal weights of variance 1/fan-in and no biases.

    Raises:
      ValueError: masks of another name.
    """

    slots: int = 1
    steps: int = 3000
    hard: bool = True
    shared: bool = False
    own_noise: bool = True
    masks: str = "argmax"
    explores: bool = False
    residual: bool = False
    state_dependent: bool = False
    hidden: tuple[int, ...] = (64, 64)
    uniform: bool = True

    def __post_init__(self) -> None:
        if self.masks not in ("argmax", "draws"):
            raise ValueError(f"masks are 'argmax' or 'draws', not {self.masks!r}")


class RouterKnobs(NamedTuple):
    """What a sweep turns, traced under jit.

    Attributes:
      learning_rate: peak of Adam's cosine schedule.
      temperature_start: τ at the first step.
      temperature_end: τ after the annealing.
      anneal_fraction: share of the steps over which τ falls linearly.
      first_step: the number of the first step in the schedule of τ, 1 or 0.
      alpha: strength of the complexity prior, in nats.
      error_weight: weight of this derivative's mean squared error. The paper's error is the mean
        over the samples and over its two derivatives, 1/2; 1 for one loss a derivative.
      base_entropy: weight of the entropy of the base distribution softmax(logits).
      conditional_entropy: weight of the sum of the slots' conditional entropies.
      exploration: weight of the entropy of the gates' mean over the batch, which is subtracted from
        the loss of a router that explores.
      explore_above: τ above which it explores.
      freeze_at: probability of slot 1's most likely term from which that slot is frozen, its term
        and its coefficient; above 1 for never.
      initial_coefficient: mean of the coefficients before training.
      initial_spread: standard deviation of the coefficients before training.
    """

    learning_rate: jax.Array | float = 3e-3
    temperature_start: jax.Array | float = 5.0
    temperature_end: jax.Array | float = 0.05
    anneal_fraction: jax.Array | float = 2 / 3
    first_step: jax.Array | float = 1.0
    alpha: jax.Array | float = 0.0
    error_weight: jax.Array | float = 0.5
    base_entropy: jax.Array | float = 0.0
    conditional_entropy: jax.Array | float = 0.0
    exploration: jax.Array | float = 0.01
    explore_above: jax.Array | float = 1.0
    freeze_at: jax.Array | float = 2.0
    initial_coefficient: jax.Array | float = 0.0
    initial_spread: jax.Array | float = 0.0


class Schedules(NamedTuple):
    """Temperature and entropy weight at each step, [T] each."""

    temperature: jax.Array
    entropy_weight: jax.Array


def schedules(knobs: RouterKnobs, steps: int) -> Schedules:
    """Temperature and entropy weight at every step t of T, counted from `first_step`.

    τ_t = τ_start + (τ_end - τ_start) min(1, t / (f T)),  w_t = max(0, 1 - τ_t / τ_start)

    Args:
      knobs: τ_start, τ_end, the first t, and f, the share of the steps over which τ falls.
      steps: T.
    """
    return schedule_at(jnp.arange(steps), knobs, steps)


def schedule_at(index: jax.Array, knobs: RouterKnobs, steps: int) -> Schedules:
    """The same at one step, or at some: `index` and the knobs broadcast against each other."""
    progress = (index + knobs.first_step) / jnp.maximum(knobs.anneal_fraction * steps, 1.0)
    span = jnp.asarray(knobs.temperature_end) - knobs.temperature_start
    temperature = knobs.temperature_start + span * jnp.minimum(progress, 1.0)
    return Schedules(temperature, jnp.maximum(0.0, 1 - temperature / knobs.temperature_start))
