"""Circuits trained by AdamW, and the evidence of grokking."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nsindy.circuits.network import MLP, Params
from nsindy.circuits.recipes import Recipe
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.primitive import Primitive

__all__ = [
    "TrainingData",
    "TrainingHistory",
    "TrainingKnobs",
    "active_units",
    "crossing",
    "delay_ratio",
    "draw",
    "effective_rank",
    "fidelity",
    "groups",
    "knobs",
    "recorded_epochs",
    "train_circuit",
]


class TrainingKnobs(NamedTuple):
    """What may vary between runs without a new compilation; every entry a scalar.

    Attributes:
      learning_rate: at the start of the cosine.
      weight_decay: of AdamW.
      init_scale: factor on the initial parameters.
      epochs: length of the cosine, after which the parameters no longer change.
    """

    learning_rate: jax.Array | float
    weight_decay: jax.Array | float
    init_scale: jax.Array | float
    epochs: jax.Array | float


class TrainingData(NamedTuple):
    """Points of one operation.

    Attributes:
      inputs: training inputs [N, arity].
      targets: training targets [N].
      validation_inputs: [V, arity].
      validation_targets: [V].
    """

    inputs: jax.Array
    targets: jax.Array
    validation_inputs: jax.Array
    validation_targets: jax.Array


class TrainingHistory(NamedTuple):
    """A training run at its R recorded epochs, spaced evenly in log(epoch).

    Attributes:
      epoch: number of steps taken [R].
      train_mse: mean squared error on the training points [R].
      validation_mse: mean squared error on the validation points [R].
      weight_norm: Euclidean norm of all parameters [R].
      effective_rank: of the last hidden layer on the validation points [R].
      active_units: units of the last hidden layer that matter to the output [R].
    """

    epoch: jax.Array
    train_mse: jax.Array
    validation_mse: jax.Array
    weight_norm: jax.Array
    effective_rank: jax.Array
    active_units: jax.Array


def knobs(recipe: Recipe) -> TrainingKnobs:
    """The part of a recipe that is traced."""
    return TrainingKnobs(
        recipe.learning_rate, recipe.weight_decay, recipe.init_scale, float(recipe.epochs)
    )


def draw(key: jax.Array, primitive: Primitive, recipe: Recipe, dtype=jnp.float32) -> TrainingData:
    """Draw the training and validation points of one operation.

    Args:
      key: PRNG key, consumed.
      primitive: the operation.
      recipe: gives the numbers of points and where they lie.
      dtype: of every array, and so of the training.

    Example:
      >>> from nsindy.circuits.recipes import RECIPES
      >>> drawn = draw(jax.random.key(0), PRIMITIVES["mul"], RECIPES["grok"]["mul"])
      >>> drawn.inputs.shape[1]
      2
    """
    low, high = recipe.drawn(primitive)
    shape = (recipe.points, primitive.arity)
    train_key, inner_key, validation_key = jax.random.split(key, 3)
    outer = jax.random.uniform(train_key, shape, dtype, low, high)
    inner = jax.random.uniform(inner_key, shape, dtype, *recipe.inner_interval)
    is_inner = jnp.arange(recipe.points) < recipe.inner * recipe.points
    inputs = jnp.where(is_inner[:, None], inner, outer)
    shape = (recipe.validation_points, primitive.arity)
    validation = jax.random.uniform(validation_key, shape, dtype, low, high)
    return TrainingData(
        inputs, primitive.function(*inputs.T), validation, primitive.function(*validation.T)
    )


def groups(recipes: dict[str, Recipe]) -> list[tuple[str, ...]]:
    """The operations in groups of equal shapes, each trained by one vmapped scan."""
    together: dict[tuple, list[str]] = {}
    for name, recipe in recipes.items():
        shape = (PRIMITIVES[name].arity, recipe.network, recipe.points, recipe.validation_points)
        together.setdefault(shape, []).append(name)
    return [tuple(names) for names in together.values()]


def recorded_epochs(epochs: int, records: int) -> np.ndarray:
    """The epochs that a run of this length records: 0 and at most `records` more, R in all."""
    spaced = np.geomspace(1, epochs, records).round().astype(int)
    return np.unique(np.concatenate([[0], spaced]))


@functools.partial(jax.jit, static_argnames=("network", "epochs", "records"))
def train_circuit(
    key: jax.Array,
    data: TrainingData,
    knobs: TrainingKnobs,
    *,
    network: MLP,
    epochs: int,
    records: int = 200,
) -> tuple[Params, TrainingHistory]:
    """Train one circuit by full-batch AdamW with a cosine decay.

    One scan over the records, written for one operation and one seed; `jax.vmap` it over keys, data
    and knobs. If `knobs.epochs` is less than `epochs`, the parameters do not change after it, since
    the cosine has brought both the step and the decay to 0.

    Args:
      key: PRNG key of the initial parameters, consumed.
      data: the points, in the dtype of the training.
      knobs: what may vary without a new compilation.
      network: the architecture.
      epochs: steps taken.
      records: about how many epochs the history records.

    Returns:
      the parameters and the history.

    Reference: Loshchilov and Hutter (2019), ICLR, algorithm 2 (AdamW).
    """

    def learning_rate(count):
        progress = jnp.minimum(count / knobs.epochs, 1.0)
        return (0.5 * knobs.learning_rate * (1 + jnp.cos(jnp.pi * progress))).astype(dtype)

    def loss(params):
        return jnp.mean((jnp.asarray(network.apply(params, data.inputs)) - data.targets) ** 2)

    def step(_, carry):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    def observe(epoch, params):
        output, variables = network.apply(params, data.validation_inputs, mutable=["intermediates"])
        features = jax.tree.leaves(variables["intermediates"])[0]
        outgoing = params["params"][f"Dense_{len(network.hidden)}"]["kernel"][:, 0]
        return TrainingHistory(
            epoch,
            loss(params),
            jnp.mean((output - data.validation_targets) ** 2),
            optax.tree.norm(params),
            effective_rank(features),
            active_units(features, outgoing),
        )

    def record(carry, interval):
        epoch, length = interval
        carry = jax.lax.fori_loop(0, length, step, carry)
        return carry, observe(epoch, carry[0])

    dtype = data.inputs.dtype
    optimizer = optax.adamw(learning_rate, weight_decay=knobs.weight_decay)
    params = network.init(key, data.inputs)
    params = jax.tree.map(lambda leaf: (leaf * knobs.init_scale).astype(dtype), params)
    recorded = recorded_epochs(epochs, records)
    intervals = (jnp.asarray(recorded), jnp.asarray(np.diff(recorded, prepend=0)))
    (params, _), history = jax.lax.scan(record, (params, optimizer.init(params)), intervals)
    return params, history


def effective_rank(features: jax.Array) -> jax.Array:
    """Effective number of directions in which the features of a layer vary.

    (Σ λ_i)² / Σ λ_i², with λ_i the eigenvalues of the covariance C of the features, computed as
    (tr C)² / ‖C‖² without them: 1 if they vary along one line, H if they vary equally in all H.

    Args:
      features: activations of H units at N points [N, H].

    Reference: Litwin-Kumar et al. (2017), Neuron 93, 1153–1164, the dimension of a representation.

    Example:
      >>> line = jnp.arange(5.0)[:, None] * jnp.ones((1, 3))
      >>> effective_rank(line).round(3).item()
      1.0
    """
    centred = features - jnp.mean(features, axis=0, keepdims=True)
    covariance = centred.T @ centred
    return jnp.trace(covariance) ** 2 / jnp.sum(covariance**2)


def active_units(features: jax.Array, outgoing: jax.Array, *, share: float = 0.01) -> jax.Array:
    """Number of units whose contribution to the output exceeds a share of the largest one.

    The contribution of a unit is |outgoing weight| times the standard deviation of its activation.

    Args:
      features: activations of H units at N points [N, H].
      outgoing: the weight of each unit in the output [H].
      share: a unit whose contribution is below this share of the largest counts as inactive.
    """
    contribution = jnp.abs(outgoing) * jnp.std(features, axis=0)
    return jnp.sum(contribution > share * jnp.max(contribution))


def crossing(epoch: np.ndarray, mse: np.ndarray, threshold: float) -> np.ndarray:
    """First recorded epoch at which an error is below a threshold; infinity if it never is.

    Args:
      epoch: the recorded epochs [R].
      mse: mean squared error at each [..., R].
      threshold: in the units of the error.

    Returns:
      epochs [...].
    """
    below = np.asarray(mse) < threshold
    return np.where(below.any(-1), np.asarray(epoch)[below.argmax(-1)], np.inf)


def delay_ratio(train: np.ndarray, validation: np.ndarray) -> np.ndarray:
    """How many times later the validation error crosses the threshold than the training error.

    Args:
      train: epochs at which the training error crosses, infinity for never [...].
      validation: the same of the validation error [...].

    Returns:
      validation / train [...], epoch 0 counted as 1; infinity where only the training error crosses
      (memorised, not generalised within the run), NaN where the training error does not.
    """
    train, validation = np.maximum(train, 1.0), np.maximum(validation, 1.0)
    safe = np.where(np.isfinite(train), train, 1.0)
    return np.where(np.isfinite(train), validation / safe, np.nan)


def fidelity(
    network: MLP, params: Params, primitive: Primitive, inputs: jax.Array
) -> dict[str, float]:
    """Errors of a circuit against the exact operation.

    Args:
      network: the architecture.
      params: parameters of one circuit.
      primitive: the exact operation.
      inputs: points to compare at [N, arity].

    Returns:
      `relative_rmse`, the root mean square error divided by the standard deviation of the target,
      and `max_error`, in the units of the operation.
    """
    inputs = jnp.asarray(inputs)
    exact = primitive.function(*inputs.T)
    leaf = jax.tree.leaves(params)[0]
    error = jnp.asarray(network.apply(params, inputs.astype(leaf.dtype))) - exact
    return {
        "relative_rmse": float(jnp.sqrt(jnp.mean(error**2)) / jnp.std(exact)),
        "max_error": float(jnp.max(jnp.abs(error))),
    }
