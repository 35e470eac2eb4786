"""One seed of one run: record the system, select terms, judge them. Sweeps vmap this."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy import fit, library, metrics, simulate, stlsq
from nsindy.library import Library
from nsindy.runs import Run
from nsindy.simulate import Measurement
from nsindy.systems import System, true_coefficients


class Setting(NamedTuple):
    """What a sweep turns, all traced: the recording and the knobs of the run."""

    measurement: Measurement
    knobs: fit.Knobs


class Data(NamedTuple):
    """A recording with its library, in the order of time, and the split of its samples.

    Attributes:
      trajectory: the recording.
      theta: Θ [N, M].
      truth: true coefficients [D, M].
      outside: share of the values of Θ outside the declared domains.
    """

    trajectory: simulate.Trajectory
    theta: jax.Array
    truth: jax.Array
    outside: jax.Array


class Outcome(NamedTuple):
    """What one seed of one run came to.

    Attributes:
      coefficients: the committed model [D, M].
      slots: each equation's slots, read along the residual, every leaf with a leading [D].
      probabilities: probability of every term in every slot [D, K, M].
      support_correct: exactly the true terms in every equation.
      validation_argmax: mean squared validation error of the committed model.
      validation_sampled: the same with sampled gates at the last temperature.
      outside: share of the values of Θ outside the declared domains.
      loss: training loss of each equation, step by step [D, T]; [D, 0] without training.
    """

    coefficients: jax.Array
    slots: metrics.Slots
    probabilities: jax.Array
    support_correct: jax.Array
    validation_argmax: jax.Array
    validation_sampled: jax.Array
    outside: jax.Array
    loss: jax.Array


class Selection(NamedTuple):
    """What a selector returns: terms, probabilities and coefficients of the slots of D equations.

    Attributes:
      terms: index of the term of each slot [D, K]; -1 for an empty slot.
      probabilities: probability of every term in every slot, given the slots before it [D, K, M].
      coefficients: coefficient of each slot [D, K].
      validation_sampled: mean squared validation error with sampled gates.
      loss: training loss, step by step [D, T].
    """

    terms: jax.Array
    probabilities: jax.Array
    coefficients: jax.Array
    validation_sampled: jax.Array
    loss: jax.Array


def record(
    key: jax.Array,
    system: System,
    terms: Library,
    measurement: Measurement,
    *,
    samples: int = 600,
    estimate: bool = False,
) -> Data:
    """Simulate a recording and evaluate the library on it (Phases 2 and 3).

    Args:
      key: PRNG key, consumed.
      system: the differential equation.
      terms: the library of M terms.
      measurement: how it is recorded, traced.
      samples: number of samples N.
      estimate: take the derivatives from the noisy states.
    """
    trajectory = simulate.simulate(key, system, measurement, samples=samples, estimate=estimate)
    theta, inside = library.evaluate(terms, trajectory.states)
    truth = true_coefficients(system, terms.names, measurement.args)
    return Data(trajectory, theta, truth, jnp.sum(~inside) / inside.size)


def select_stlsq(data: Data, run: Run) -> Selection:
    """Run 1: STLSQ at the best threshold; a slot for each term, the largest coefficient first."""
    trajectory, theta = data.trajectory, data.theta
    parts = [
        (theta[index], trajectory.derivatives[index])
        for index in (trajectory.train, trajectory.validation)
    ]
    rows = jnp.sqrt(parts[0][0].shape[0] / (theta.shape[1] + parts[0][1].shape[1]))
    compressed = tuple(rows * part for part in fit.compress(*parts[0]))
    best = stlsq.tuned(
        (compressed[0], compressed[1]), parts[1], jnp.array(run.thresholds), ridge=run.ridge
    )
    order = jnp.argsort(-jnp.abs(best.coefficients), axis=1)
    coefficients = jnp.take_along_axis(best.coefficients, order, axis=1)
    terms = jnp.where(coefficients != 0, order, -1)
    probabilities = jax.nn.one_hot(terms, theta.shape[1], dtype=theta.dtype)
    empty = jnp.zeros((terms.shape[0], 0), theta.dtype)
    return Selection(terms, probabilities, coefficients, jnp.min(best.validation), empty)


def select_router(
    key: jax.Array, data: Data, complexities: np.ndarray, knobs: fit.Knobs, run: Run
) -> Selection:
    """Runs 2 to 5: train a router in single precision, one for each equation."""
    routing = run.routing
    assert routing is not None
    trajectory = data.trajectory
    knobs = jax.tree.map(lambda knob: jnp.asarray(knob, jnp.float32), knobs)

    def part(index: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        parts = (data.theta, trajectory.derivatives, trajectory.states)
        return tuple(values[index].astype(jnp.float32) for values in parts)  # type: ignore[return-value]

    theta, derivatives, states = part(trajectory.train)
    held_theta, held_derivatives, held_states = part(trajectory.validation)
    if routing.shared and not routing.state_dependent:
        theta, derivatives = fit.compress(theta, derivatives)
        states = states[: theta.shape[0]]

    def one(key, target, held_target):
        train_key, draw_key = jax.random.split(key)
        fitted = fit.train(
            train_key, fit.Samples(theta, target, states), complexities, knobs, routing
        )
        held = fit.Samples(held_theta, held_target, held_states)
        drawn = fit.predict(
            draw_key, fitted.params, held, fitted.prior, knobs.temperature_end, routing
        )
        sampled = jnp.mean((jnp.sum(drawn.output, axis=0) - held_target) ** 2)
        slots = jnp.arange(routing.slots)
        chosen = fitted.params.coefficients[slots, fitted.terms]
        return fitted.terms, fitted.activations, chosen, sampled, fitted.history.loss

    keys = jax.random.split(key, derivatives.shape[1])
    terms, activations, chosen, sampled, loss = jax.vmap(one)(
        keys, derivatives.T, held_derivatives.T
    )
    return Selection(terms, activations, chosen, jnp.mean(sampled), loss)


def outcome(key: jax.Array, data: Data, terms: Library, knobs: fit.Knobs, run: Run) -> Outcome:
    """Select by a run and judge what it selected.

    Args:
      key: PRNG key, consumed.
      data: a recording with its library.
      terms: the library.
      knobs: traced settings of the run.
      run: static settings of the run.
    """
    if run.routing is None:
        selection = select_stlsq(data, run)
    else:
        selection = select_router(key, data, terms.complexities, knobs, run)
    derivatives = data.trajectory.derivatives
    coefficients = selection.coefficients.astype(data.theta.dtype)
    activations = jnp.take_along_axis(
        selection.probabilities, jnp.maximum(selection.terms, 0)[:, :, None], axis=2
    )[:, :, 0]
    model = jax.vmap(metrics.committed, in_axes=(0, 0, None))(
        selection.terms, coefficients, data.theta.shape[1]
    )
    slots = jax.vmap(metrics.read_slots, in_axes=(None, 1, 0, 0, 0))(
        data.theta, derivatives, selection.terms, activations, coefficients
    )
    held = data.trajectory.validation
    errors = data.theta[held] @ model.T - derivatives[held]
    return Outcome(
        model,
        slots,
        selection.probabilities,
        metrics.support_correct(model, data.truth, run.relative),
        jnp.mean(errors**2),
        selection.validation_sampled,
        data.outside,
        selection.loss,
    )
