"""One seed of one run: record the system, select terms, judge them. Sweeps vmap this."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.paper import metrics, simulate
from nsindy.paper.runs import Run
from nsindy.paper.selectors import SELECTORS, Judgement, Selection, StudyData
from nsindy.paper.simulate import Measurement
from nsindy.paper.systems import System, true_coefficients
from nsindy.routers import settings
from nsindy.terms import library
from nsindy.terms.library import Library


class Setting(NamedTuple):
    """What a sweep turns, all traced: the recording and the knobs of the run."""

    measurement: Measurement
    knobs: settings.RouterKnobs


class Outcome(NamedTuple):
    """What one seed of one run came to.

    Attributes:
      coefficients: the committed model [D, M].
      slots: each equation's slots, read along the residual, every leaf with a leading [D].
      probabilities: probability of every term in every slot, given the slots before it [D, K, M].
      frequencies: how often each term is drawn for any of the slots [D, M].
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


def record(
    key: jax.Array,
    system: System,
    terms: Library,
    measurement: Measurement,
    *,
    samples: int = 600,
    estimate: bool = False,
    train_fraction: float = 0.8,
) -> StudyData:
    """Simulate a recording and evaluate the library on it (Phases 2 and 3).

    Args:
      key: PRNG key, consumed.
      system: the differential equation.
      terms: the library of M terms.
      measurement: how it is recorded, traced.
      samples: number of samples N.
      estimate: take the derivatives from the noisy states.
      train_fraction: share of the samples to train on.
    """
    trajectory = simulate.simulate_recording(
        key,
        system,
        measurement,
        samples=samples,
        estimate=estimate,
        train_fraction=train_fraction,
    )
    theta, inside = library.evaluate(terms, trajectory.states)
    truth = true_coefficients(system, terms.names, measurement.args)
    return StudyData(trajectory, theta, truth, jnp.sum(~inside) / inside.size)


def outcome(
    key: jax.Array, data: StudyData, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Outcome:
    """Select by a run and judge what it selected.

    Args:
      key: PRNG key, consumed.
      data: a recording with its library.
      terms: the library.
      knobs: traced settings of the run.
      run: static settings of the run.
    """
    selection = SELECTORS[run.method](key, data, terms, knobs, run)
    return read(selection, data, relative=run.relative)


def read(selection: Selection, data: StudyData, *, relative: float = 0.0) -> Outcome:
    """Judge what was selected, and follow the residual of each equation through its slots.

    Args:
      selection: terms and coefficients of the slots.
      data: the recording that they were selected on.
      relative: a coefficient counts as zero below this share of the largest of its equation.
    """
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
        selection.frequencies,
        metrics.support_correct(model, data.truth, relative),
        jnp.mean(errors**2),
        selection.validation_sampled,
        data.outside,
        selection.loss,
        selection.judgement,
    )
