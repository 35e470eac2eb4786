"""What one seed yields: the data that terms are chosen on, and the model that was chosen."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.paper import metrics, simulate

__all__ = ["Data", "Judgement", "Outcome", "of_model", "of_slots"]


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


class Judgement(NamedTuple):
    """What a trajectory fit adds to a selection.

    Attributes:
      coefficients: fitted to the measured states, with exact operations [D, M].
      errors: their standard errors [D, M].
      inclusion: posterior probability of every term [D, M].
      noise: estimated standard deviation of the noise of each state [D].
      by_circuits: coefficients of the same support, regressed on the circuits' Θ [D, M].
      runner_up: the support that came second [D, M].
      margin: its distance in log evidence, nats.
      settled: the search around the best found nothing better.
    """

    coefficients: jax.Array
    errors: jax.Array
    inclusion: jax.Array
    noise: jax.Array
    by_circuits: jax.Array
    runner_up: jax.Array
    margin: jax.Array
    settled: jax.Array


class Outcome(NamedTuple):
    """What one seed of one run came to.

    Attributes:
      coefficients: the committed model [D, M].
      slots: each equation's slots, read along the residual, every leaf with a leading [D].
      probabilities: probability of every term in every slot, given the slots before it [D, K, M].
      frequencies: how often each term is drawn for any of the slots, the sum of its marginals over
        them [D, M], as the paper's tables have it.
      support_correct: exactly the true terms in every equation.
      validation_argmax: mean squared validation error of the committed model.
      validation_sampled: the same with sampled gates at the last temperature.
      outside: share of the values of Θ outside the declared domains.
      loss: training loss of each equation, step by step [D, T]; [D, 1] zeros without training.
      judgement: what a trajectory fit adds; None for a run that regresses derivatives.
    """

    coefficients: jax.Array
    slots: metrics.SlotReading
    probabilities: jax.Array
    frequencies: jax.Array
    support_correct: jax.Array
    validation_argmax: jax.Array
    validation_sampled: jax.Array
    outside: jax.Array
    loss: jax.Array
    judgement: Judgement | None


def of_slots(
    data: Data,
    terms: jax.Array,
    probabilities: jax.Array,
    coefficients: jax.Array,
    *,
    validation_sampled: jax.Array,
    loss: jax.Array,
    relative: float,
    frequencies: jax.Array | None = None,
    judgement: Judgement | None = None,
) -> Outcome:
    """Judge the slots that a selector filled, and follow each equation's residual through them.

    Args:
      data: the recording that they were selected on.
      terms: index of the term of each slot [D, K]; -1 for an empty slot.
      probabilities: probability of every term in every slot, given the slots before it [D, K, M].
      coefficients: coefficient of each slot [D, K].
      validation_sampled: mean squared validation error with sampled gates.
      loss: training loss, step by step [D, T]; [D, 1] zeros without training.
      relative: a coefficient counts as zero below this share of the largest of its equation.
      frequencies: how often each term is drawn for any of the slots [D, M]; the sum of the
        probabilities over the slots if not given.
      judgement: what a trajectory fit adds.
    """
    derivatives = data.trajectory.derivatives
    coefficients = coefficients.astype(data.theta.dtype)
    activations = jnp.take_along_axis(probabilities, jnp.maximum(terms, 0)[:, :, None], axis=2)
    model = jax.vmap(metrics.committed, in_axes=(0, 0, None))(
        terms, coefficients, data.theta.shape[1]
    )
    slots = jax.vmap(metrics.read_slots, in_axes=(None, 1, 0, 0, 0))(
        data.theta, derivatives, terms, activations[:, :, 0], coefficients
    )
    held = data.trajectory.validation
    errors = data.theta[held] @ model.T - derivatives[held]
    return Outcome(
        coefficients=model,
        slots=slots,
        probabilities=probabilities,
        frequencies=jnp.sum(probabilities, axis=1) if frequencies is None else frequencies,
        support_correct=metrics.support_correct(model, data.truth, relative),
        validation_argmax=jnp.mean(errors**2),
        validation_sampled=validation_sampled,
        outside=data.outside,
        loss=loss,
        judgement=judgement,
    )


def of_model(
    data: Data, coefficients: jax.Array, validation: jax.Array, *, relative: float
) -> Outcome:
    """Judge a model without slots: each term takes one, the largest coefficient first.

    Args:
      data: the recording that it was fitted to.
      coefficients: Ξ, exactly zero where a term is absent [D, M].
      validation: mean squared validation error.
      relative: a coefficient counts as zero below this share of the largest of its equation.
    """
    order = jnp.argsort(-jnp.abs(coefficients), axis=1)
    values = jnp.take_along_axis(coefficients, order, axis=1)
    terms = jnp.where(values != 0, order, -1)
    certain = jax.nn.one_hot(terms, coefficients.shape[1], dtype=coefficients.dtype)
    untrained = jnp.zeros((len(values), 1))
    return of_slots(
        data,
        terms,
        certain,
        values,
        validation_sampled=validation,
        loss=untrained,
        relative=relative,
    )
