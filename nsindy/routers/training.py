"""The joint loss of a router and its coefficients, and the scanned training loop."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from nsindy.evidence import regression
from nsindy.routers import gates, gradients
from nsindy.routers.settings import Knobs as Knobs
from nsindy.routers.settings import Routing as Routing
from nsindy.routers.settings import schedules as schedules


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
    triangle = regression.compress(theta, derivatives)
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
    scores = logits(params, prior, samples.states, routing)
    draws = 1 if routing.shared else samples.theta.shape[0]
    noise = jax.random.gumbel(key, (scores.shape[0], draws), samples.theta.dtype)
    values = params.coefficients[:, :, None] * samples.theta.T[None]
    return gates.route(scores + noise, values, temperature=temperature, hard=routing.hard, axis=0)


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
    else:
        start = jnp.concatenate([params.router[None], params.coefficients])
        found = gradients.descend(
            draw_key, samples.theta, samples.target, prior, start, knobs, routing=routing
        )
        params, prior = Params(found.params[0], found.params[1:]), prior + found.certain
        history = History(found.loss, found.mse, found.frozen)
        base = params.router + prior
    terms, activations = gates.commitments(base, routing.slots)
    return Fitted(params, prior, activations, terms, history)


def _descend(
    draw_key: jax.Array,
    params: Params,
    samples: Samples,
    prior: jax.Array,
    knobs: Knobs,
    routing: Routing,
) -> tuple[Params, History]:
    """Train a router that is a network of the state."""
    optimiser = optax.adam(optax.cosine_decay_schedule(knobs.learning_rate, routing.steps))

    def loss(params, key, temperature):
        routed = predict(key, params, samples, prior, temperature, routing)
        mse = jnp.mean((jnp.sum(routed.output, axis=0) - samples.target) ** 2)
        if not routing.residual:
            return mse, mse
        before = jax.lax.stop_gradient(jnp.cumsum(routed.output, axis=0) - routed.output)
        left = samples.target[None, :] - before - routed.output
        return jnp.sum(jnp.mean(left**2, axis=1)), mse

    def step(carry, inputs):
        params, state = carry
        index, temperature = inputs
        key = jax.random.fold_in(draw_key, index)
        (value, mse), gradient = jax.value_and_grad(loss, has_aux=True)(params, key, temperature)
        updates, state = optimiser.update(gradient, state)
        params = optax.apply_updates(params, updates)
        return (params, state), History(value, mse, jnp.zeros((), bool))

    temperature = schedules(knobs, routing.steps).temperature.astype(samples.theta.dtype)
    inputs = (jnp.arange(routing.steps), temperature)
    (params, _), history = jax.lax.scan(step, (params, optimiser.init(params)), inputs)
    return params, history
