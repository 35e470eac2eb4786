"""The joint loss of a router and its coefficients, and the scanned training loop."""

import itertools
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from nsindy.evidence import regression
from nsindy.routers import entropies, gates, gradients
from nsindy.routers.settings import RouterKnobs, Routing, schedules

__all__ = [
    "RouterHistory",
    "RouterParams",
    "RouterSamples",
    "TrainedRouter",
    "compress_samples",
    "initialise",
    "logits",
    "network",
    "predict",
    "router_loss",
    "train_router",
]


class RouterSamples(NamedTuple):
    """What one derivative is regressed on.

    Attributes:
      theta: Θ [N, M].
      target: one derivative Ẋ_d [N].
      states: the states [N, D]; only a state-dependent router reads them.
    """

    theta: jax.Array
    target: jax.Array
    states: jax.Array


class RouterParams(NamedTuple):
    """What is trained for one derivative.

    Attributes:
      router: logits [M], or the parameters of the network that makes them.
      coefficients: one for each slot and term [K, M].
    """

    router: Any
    coefficients: jax.Array


class RouterHistory(NamedTuple):
    """Training, step by step.

    Attributes:
      loss: loss with its entropy terms [T].
      mse: mean squared error of the drawn models [T].
      frozen: whether slot 1 was frozen [T].
    """

    loss: jax.Array
    mse: jax.Array
    frozen: jax.Array


class TrainedRouter(NamedTuple):
    """A trained router of one derivative.

    Attributes:
      params: the trained parameters.
      prior: logits added to the router's, the complexity prior and what is frozen [M].
      activations: probability of each term in each slot, given the most likely terms of the slots
        before it [K, M]; the mean over the samples for a state-dependent router.
      frequencies: how often each term is drawn for any of the slots, the sum of its marginals over
        them [M]; the mean over the samples for a state-dependent router.
      terms: the most likely term of each slot [K].
      history: training, step by step.
    """

    params: RouterParams
    prior: jax.Array
    activations: jax.Array
    frequencies: jax.Array
    terms: jax.Array
    history: RouterHistory


def compress_samples(theta: jax.Array, derivatives: jax.Array) -> tuple[jax.Array, jax.Array]:
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
    triangle = regression.compress(theta, derivatives)
    triangle = triangle * jnp.sqrt(triangle.shape[0] / samples).astype(theta.dtype)
    return triangle[:, :terms], triangle[:, terms:]


def network(routing: Routing, states: int, terms: int) -> nn.Module:
    """The network of a state-dependent router, from a state [..., D] to logits [..., M]."""

    def dense(width: int, inputs: int | None) -> nn.Dense:
        if inputs is None:
            return nn.Dense(width)
        start = _uniform(inputs)
        return nn.Dense(width, kernel_init=start, bias_init=start)

    layers: list[Any] = []
    widths = [states, *routing.hidden, terms]
    for inputs, width in itertools.pairwise(widths):
        layers += [dense(width, inputs if routing.uniform else None), nn.relu]
    return nn.Sequential(layers[:-1])


def _uniform(inputs: int) -> Any:
    limit = inputs**-0.5

    def draw(key, shape, dtype=jnp.float32):
        return jax.random.uniform(key, shape, dtype, -limit, limit)

    return draw


def logits(
    params: RouterParams, prior: jax.Array, states: jax.Array, routing: Routing
) -> jax.Array:
    """Logits with the prior, [M, 1] for all samples or [M, N] from the states [N, D]."""
    if routing.state_dependent:
        made = network(routing, states.shape[1], len(prior)).apply(params.router, states)
        return (made + prior[None, :]).T  # type: ignore[operator]
    return (params.router + prior)[:, None]


def predict(
    key: jax.Array,
    params: RouterParams,
    samples: RouterSamples,
    prior: jax.Array,
    temperature: jax.Array | float,
    routing: Routing,
) -> gates.Routed:
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
    scores = _scores(key, params, samples, prior, routing)
    values = params.coefficients[:, :, None] * samples.theta.T[None]
    return gates.route(scores, values, temperature=temperature, hard=routing.hard, axis=0)


def _scores(
    key: jax.Array, params: RouterParams, samples: RouterSamples, prior: jax.Array, routing: Routing
) -> jax.Array:
    """Perturbed logits of every slot [K, M, N], or [K, M, 1] where all samples share a draw."""
    level = logits(params, prior, samples.states, routing)
    draws = 1 if routing.shared else samples.theta.shape[0]
    sets = routing.slots if routing.own_noise else 1
    terms = level.shape[0]
    noise = jax.random.gumbel(key, (sets, terms, draws), samples.theta.dtype)
    return level[None] + jnp.broadcast_to(noise, (routing.slots, terms, draws))


def initialise(
    key: jax.Array, samples: RouterSamples, knobs: RouterKnobs, routing: Routing
) -> RouterParams:
    """Zero logits (or a fresh network), and coefficients normal about their mean."""
    terms = samples.theta.shape[1]
    dtype = samples.theta.dtype
    network_key, coefficient_key = jax.random.split(key)
    noise = jax.random.normal(coefficient_key, (routing.slots, terms), dtype)
    coefficients = knobs.initial_coefficient + knobs.initial_spread * noise
    if routing.state_dependent:
        made = network(routing, samples.states.shape[1], terms).init(
            network_key, samples.states[:1]
        )
        return RouterParams(jax.tree.map(lambda leaf: leaf.astype(dtype), made), coefficients)
    return RouterParams(jnp.zeros(terms, dtype), coefficients)


def router_loss(
    params: RouterParams,
    key: jax.Array,
    samples: RouterSamples,
    prior: jax.Array,
    temperature: jax.Array,
    entropy_weight: jax.Array,
    knobs: RouterKnobs,
    routing: Routing,
) -> tuple[jax.Array, jax.Array]:
    """The loss of one step, for automatic differentiation: what `gradients` has in closed form.

    ω E + w (β_base H(softmax(l)) + β_cond Σ_j H_j) - b Σ_j H(mean_n g_jn), with E = mean (ŷ - ẋ)²,
    or for `residual` the sum over the slots of mean (ẋ - sg(Σ_{i<j} ŷ_i) - ŷ_j)²; ω is the weight
    of the error, and b that of the exploration while τ is above its threshold. A state-dependent
    router has no entropy terms.

    Args:
      params: the router and its coefficients.
      key: PRNG key of the draws, consumed.
      samples: N samples of one derivative.
      prior: logits added to the router's, the complexity prior and what is frozen [M].
      temperature: τ of the step.
      entropy_weight: w of the step.
      knobs: traced settings.
      routing: static settings.

    Returns:
      the loss and the mean squared error of the drawn model.
    """
    routed = predict(key, params, samples, prior, temperature, routing)
    mse = error = jnp.mean((jnp.sum(routed.output, axis=0) - samples.target) ** 2)
    if routing.residual:
        before = jax.lax.stop_gradient(jnp.cumsum(routed.output, axis=0) - routed.output)
        left = samples.target[None, :] - before - routed.output
        error = jnp.sum(jnp.mean(left**2, axis=1))
    loss = knobs.error_weight * error
    if not routing.state_dependent:
        level = params.router + prior
        masks = routed.hard
        if routing.masks == "argmax":
            masks = gates.top_k(level[:, None], routing.slots, axis=0).hard
        conditional = jnp.sum(entropies.conditional_entropies(level, masks))
        penalty = knobs.base_entropy * entropies.entropy(level)
        loss += entropy_weight * (penalty + knobs.conditional_entropy * conditional)
    if routing.explores:
        scores = _scores(key, params, samples, prior, routing)
        drawn = gates.fill_slots(scores, temperature=temperature, axis=0)
        passed = gates.straight_through(drawn) if routing.hard else drawn.soft
        bonus = jnp.where(temperature > knobs.explore_above, knobs.exploration, 0.0)
        loss -= bonus * jnp.sum(entropies.mean_entropy(passed))
    return loss, mse


def train_router(
    key: jax.Array,
    samples: RouterSamples,
    complexities: jax.Array,
    knobs: RouterKnobs,
    routing: Routing,
) -> TrainedRouter:
    """Train a router and its coefficients on one derivative, one scan over the steps.

    Minimises `router_loss` by Adam with a cosine schedule; the entropy weight grows as τ falls
    (`settings.schedules`). Once slot 1 is frozen its term is certain, so that no gradient reaches
    its logits, and its coefficients stay. Plain logits are trained by gradients in closed form, a
    network of the state by automatic differentiation. Written for one seed and one derivative:
    vmap it.

    Args:
      key: PRNG key, consumed.
      samples: the training samples, or the rows of `compress_samples` where all share a draw.
      complexities: complexity of each term [M].
      knobs: traced settings.
      routing: static settings.

    Returns:
      TrainedRouter.

    Raises:
      ValueError: more slots than terms, or none.
    """
    dtype = samples.theta.dtype
    knobs = jax.tree.map(lambda knob: jnp.asarray(knob, dtype), knobs)
    prior = gates.complexity_prior(jnp.asarray(complexities, dtype), knobs.alpha)
    init_key, draw_key = jax.random.split(key)
    params = initialise(init_key, samples, knobs, routing)
    if routing.state_dependent:
        params, history = _descend(draw_key, params, samples, prior, knobs, routing)
        scores = logits(params, prior, samples.states, routing)
        base = jnp.log(jnp.mean(jax.nn.softmax(scores, axis=0), axis=1))
        often = jax.vmap(lambda level: gates.term_frequencies(level, routing.slots), in_axes=1)
        frequencies = jnp.mean(often(scores), axis=0)
    else:
        start = jnp.concatenate([params.router[None], params.coefficients])
        found = gradients.descend(
            draw_key, samples.theta, samples.target, prior, start, knobs, routing=routing
        )
        params, prior = RouterParams(found.params[0], found.params[1:]), prior + found.certain
        history = RouterHistory(found.loss, found.mse, found.frozen)
        base = params.router + prior
        frequencies = gates.term_frequencies(base, routing.slots)
    terms, activations = gates.commitments(base, routing.slots)
    return TrainedRouter(params, prior, activations, frequencies, terms, history)


def _descend(
    draw_key: jax.Array,
    params: RouterParams,
    samples: RouterSamples,
    prior: jax.Array,
    knobs: RouterKnobs,
    routing: Routing,
) -> tuple[RouterParams, RouterHistory]:
    """Train a router that is a network of the state."""
    dtype = samples.theta.dtype
    slope = jax.value_and_grad(router_loss, has_aux=True)
    optimiser = optax.adam(optax.cosine_decay_schedule(knobs.learning_rate, routing.steps))

    def step(carry, inputs):
        params, state = carry
        index, plan = inputs
        key = jax.random.fold_in(draw_key, index)
        (value, mse), gradient = slope(params, key, samples, prior, *plan, knobs, routing)
        updates, state = optimiser.update(gradient, state)
        params = optax.apply_updates(params, updates)
        return (params, state), RouterHistory(value, mse, jnp.zeros((), bool))

    plan = schedules(knobs, routing.steps)
    inputs = (jnp.arange(routing.steps), jax.tree.map(lambda x: x.astype(dtype), plan))
    (params, _), history = jax.lax.scan(step, (params, optimiser.init(params)), inputs)
    return params, history
