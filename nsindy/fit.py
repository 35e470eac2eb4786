"""The joint loss of a router and its coefficients, and the scanned training loop."""

import dataclasses
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from nsindy import evidence, router


@dataclasses.dataclass(frozen=True)
class Routing:
    """What shapes a training run, static under jit.

    Attributes:
      slots: number of slots K of an equation.
      steps: training steps T.
      hard: straight-through gates; False for the relaxed gates themselves.
      shared: one draw a step for all samples; False for a draw for each sample and step.
      residual: each slot is trained on what the slots before it leave, their contributions behind a
        stop_gradient; False for one loss of the sum.
      state_dependent: logits from a network of the state (no entropy terms); False for one logit
        vector.
      hidden: hidden layers of that network.
    """

    slots: int = 1
    steps: int = 3000
    hard: bool = True
    shared: bool = False
    residual: bool = False
    state_dependent: bool = False
    hidden: tuple[int, ...] = (64, 64)


class Knobs(NamedTuple):
    """What a sweep turns, traced under jit.

    Attributes:
      learning_rate: peak of Adam's cosine schedule.
      temperature_start: τ at the first step.
      temperature_end: τ after the annealing.
      anneal_fraction: share of the steps over which τ falls linearly.
      alpha: strength of the complexity prior, in nats.
      base_entropy: weight of the entropy of the base distribution softmax(logits).
      conditional_entropy: weight of the sum of the slots' conditional entropies.
      freeze_at: probability of slot 1's most likely term from which that slot is frozen, its term
        and its coefficient; above 1 for never.
      initial_coefficient: mean of the coefficients before training.
      initial_spread: standard deviation of the coefficients before training.
    """

    learning_rate: jax.Array | float = 3e-3
    temperature_start: jax.Array | float = 5.0
    temperature_end: jax.Array | float = 0.05
    anneal_fraction: jax.Array | float = 2 / 3
    alpha: jax.Array | float = 0.0
    base_entropy: jax.Array | float = 0.0
    conditional_entropy: jax.Array | float = 0.0
    freeze_at: jax.Array | float = 2.0
    initial_coefficient: jax.Array | float = 0.0
    initial_spread: jax.Array | float = 0.1


class Samples(NamedTuple):
    """What one derivative is regressed on.

    Attributes:
      theta: Θ [N, M].
      target: one derivative Ẋ_d [N].
      states: the states [N, D]; only a state-dependent router reads them.
    """

    theta: jax.Array
    target: jax.Array
    states: jax.Array


class Params(NamedTuple):
    """What is trained for one derivative.

    Attributes:
      router: logits [M], or the parameters of the network that makes them.
      coefficients: one for each slot and term [K, M].
    """

    router: Any
    coefficients: jax.Array


class History(NamedTuple):
    """Training, step by step.

    Attributes:
      loss: loss with its entropy terms [T].
      mse: mean squared error of the drawn models [T].
      frozen: whether slot 1 was frozen [T].
    """

    loss: jax.Array
    mse: jax.Array
    frozen: jax.Array


class Fitted(NamedTuple):
    """A trained router of one derivative.

    Attributes:
      params: the trained parameters.
      prior: logits added to the router's, the complexity prior and what is frozen [M].
      activations: probability of each term in each slot, given the most likely terms of the slots
        before it [K, M]; the mean over the samples for a state-dependent router.
      terms: the most likely term of each slot [K].
      history: training, step by step.
    """

    params: Params
    prior: jax.Array
    activations: jax.Array
    terms: jax.Array
    history: History


class Schedules(NamedTuple):
    """Temperature and entropy weight at each step, [T] each."""

    temperature: jax.Array
    entropy_weight: jax.Array


def schedules(knobs: Knobs, steps: int) -> Schedules:
    """τ falls linearly to its end; the entropy's weight grows as max(0, 1 - τ/τ_start)."""
    progress = jnp.arange(steps) / jnp.maximum(knobs.anneal_fraction * steps, 1.0)
    span = jnp.asarray(knobs.temperature_end) - knobs.temperature_start
    temperature = knobs.temperature_start + span * jnp.minimum(progress, 1.0)
    return Schedules(temperature, jnp.maximum(0.0, 1 - temperature / knobs.temperature_start))


def compress(theta: jax.Array, derivatives: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Replace N samples by M + D rows on which every linear model has the same mean squared error.

    With [Θ, Ẋ] = Q R, ‖Θ w - ẋ‖² = ‖R_Θ w - R_ẋ‖²; the rows are scaled so that the mean over them
    is the mean over the samples. (Golub and Van Loan, Matrix Computations, §5.3.)

    Args:
      theta: Θ [N, M].
      derivatives: Ẋ [N, D].

    Returns:
      the rows of Θ [M + D, M] and of Ẋ [M + D, D]; rows of zeros where N is smaller.
    """
    samples, terms = theta.shape
    triangle = evidence.compress(theta, derivatives)
    triangle = triangle * jnp.sqrt(triangle.shape[0] / samples).astype(theta.dtype)
    return triangle[:, :terms], triangle[:, terms:]


def network(routing: Routing, terms: int) -> nn.Module:
    """The network of a state-dependent router, from a state [..., D] to logits [..., M]."""
    layers: list[Any] = []
    for width in routing.hidden:
        layers += [nn.Dense(width), nn.relu]
    return nn.Sequential([*layers, nn.Dense(terms)])


def logits(params: Params, prior: jax.Array, states: jax.Array, routing: Routing) -> jax.Array:
    """Logits with the prior, [M, 1] for all samples or [M, N] from the states [N, D]."""
    if routing.state_dependent:
        made = network(routing, prior.shape[0]).apply(params.router, states)
        return (made + prior[None, :]).T  # type: ignore[operator]
    return (params.router + prior)[:, None]


def predict(
    key: jax.Array,
    params: Params,
    samples: Samples,
    prior: jax.Array,
    temperature: jax.Array | float,
    routing: Routing,
) -> router.Routed:
    """Draw gates and predict the derivative slot by slot, ŷ_jn = Σ_m g_jmn c_jm θ_nm.

    Args:
      key: PRNG key, consumed.
      params: the router and its coefficients.
      samples: N samples of one derivative.
      prior: logits of the complexity prior [M].
      temperature: τ of the relaxation.
      routing: static configuration.

    Returns:
      the slots' contributions [K, N], and their draws [K, M, N], or [K, M, 1] where all samples
      share one.
    """
    scores = logits(params, prior, samples.states, routing)
    draws = 1 if routing.shared else samples.theta.shape[0]
    noise = jax.random.gumbel(key, (scores.shape[0], draws), samples.theta.dtype)
    values = params.coefficients[:, :, None] * samples.theta.T[None]
    return router.route(scores + noise, values, temperature=temperature, hard=routing.hard, axis=0)


def initialise(key: jax.Array, samples: Samples, knobs: Knobs, routing: Routing) -> Params:
    """Zero logits (or a fresh network), and normally distributed coefficients."""
    terms = samples.theta.shape[1]
    dtype = samples.theta.dtype
    network_key, coefficient_key = jax.random.split(key)
    noise = jax.random.normal(coefficient_key, (routing.slots, terms), dtype)
    coefficients = knobs.initial_coefficient + knobs.initial_spread * noise
    if routing.state_dependent:
        made = network(routing, terms).init(network_key, samples.states[:1])
        return Params(jax.tree.map(lambda leaf: leaf.astype(dtype), made), coefficients)
    return Params(jnp.zeros(terms, dtype), coefficients)


def train(
    key: jax.Array, samples: Samples, complexities: jax.Array, knobs: Knobs, routing: Routing
) -> Fitted:
    """Train a router and its coefficients on one derivative, one scan over the steps.

    Minimises mean (ŷ - ẋ)² + w_t (β_base H(softmax(l)) + β_cond Σ_j H_j) by Adam with a cosine
    schedule; w_t grows as τ falls (`schedules`). With `residual` the first term is instead the sum
    over the slots of mean (ẋ - sg(Σ_{i<j} ŷ_i) - ŷ_j)². Once slot 1 is frozen its term is certain,
    so that no gradient reaches its logits, and its coefficients stay. Written for one seed and one
    derivative: vmap it.

    Args:
      key: PRNG key, consumed.
      samples: the training samples, or the rows of `compress` where all samples share a draw.
      complexities: complexity of each term [M].
      knobs: traced settings.
      routing: static settings.

    Returns:
      Fitted.
    """
    dtype = samples.theta.dtype
    knobs = jax.tree.map(lambda knob: jnp.asarray(knob, dtype), knobs)
    prior = router.complexity_prior(jnp.asarray(complexities, dtype), knobs.alpha)
    init_key, draw_key = jax.random.split(key)
    params = initialise(init_key, samples, knobs, routing)
    optimiser = optax.adam(optax.cosine_decay_schedule(knobs.learning_rate, routing.steps))

    def loss(params, key, temperature, entropy_weight, certain):
        routed = predict(key, params, samples, prior + certain, temperature, routing)
        mse = jnp.mean((jnp.sum(routed.output, axis=0) - samples.target) ** 2)
        error = mse
        if routing.residual:
            before = jax.lax.stop_gradient(jnp.cumsum(routed.output, axis=0) - routed.output)
            left = samples.target[None, :] - before - routed.output
            error = jnp.sum(jnp.mean(left**2, axis=1))
        if routing.state_dependent:
            return error, mse
        scores = params.router + prior + certain
        penalty = knobs.base_entropy * router.entropy(scores)
        penalty += knobs.conditional_entropy * jnp.sum(
            router.conditional_entropies(scores, routed.hard)
        )
        return error + entropy_weight * penalty, mse

    def step(carry, inputs):
        params, state, certain = carry
        index, temperature, entropy_weight = inputs
        key = jax.random.fold_in(draw_key, index)
        (value, mse), gradient = jax.value_and_grad(loss, has_aux=True)(
            params, key, temperature, entropy_weight, certain
        )
        updates, state = optimiser.update(gradient, state)
        if routing.state_dependent:
            return (optax.apply_updates(params, updates), state, certain), History(
                value, mse, jnp.zeros((), bool)
            )
        frozen = jnp.any(certain > 0)
        kept = updates.coefficients.at[0].multiply(jnp.where(frozen, 0.0, 1.0))
        params = optax.apply_updates(params, updates._replace(coefficients=kept))
        chosen = jax.nn.softmax(params.router + prior)
        commits = ~frozen & (jnp.max(chosen) >= knobs.freeze_at)
        certain += jnp.where(
            commits, -router.MASKED * jax.nn.one_hot(jnp.argmax(chosen), chosen.size), 0.0
        ).astype(dtype)
        return (params, state, certain), History(value, mse, frozen)

    plan = schedules(knobs, routing.steps)
    plan = jax.tree.map(lambda values: values.astype(dtype), plan)
    inputs = (jnp.arange(routing.steps), *plan)
    start = (params, optimiser.init(params), jnp.zeros_like(prior))
    (params, _, certain), history = jax.lax.scan(step, start, inputs)

    prior = prior + certain
    scores = logits(params, prior, samples.states, routing)
    base = scores[:, 0]
    if routing.state_dependent:
        base = jnp.log(jnp.mean(jax.nn.softmax(scores, axis=0), axis=1))
    terms, activations = router.commitments(base, routing.slots)
    return Fitted(params, prior, activations, terms, history)
