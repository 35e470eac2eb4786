"""Selectors: every way to choose terms for the equations of one recording."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.circuits import snap
from nsindy.evidence import beam, regression
from nsindy.paper import recovery, simulate
from nsindy.paper.runs import Run, Search
from nsindy.routers import settings, stlsq, training
from nsindy.terms.library import Library
from nsindy.trajectories import single

__all__ = [
    "SELECTORS",
    "Judgement",
    "Selection",
    "StudyData",
    "compressed",
    "from_model",
    "recover_by_evidence",
    "select_best_subset",
    "select_evidence",
    "select_oracle",
    "select_router",
    "select_stlsq",
    "training_record",
]


class StudyData(NamedTuple):
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


class Selection(NamedTuple):
    """What a selector returns: terms, probabilities and coefficients of the slots of D equations.

    Attributes:
      terms: index of the term of each slot [D, K]; -1 for an empty slot.
      probabilities: probability of every term in every slot, given the slots before it [D, K, M].
      frequencies: how often each term is drawn for any of the slots, the sum of its marginals over
        them [D, M], as the paper's tables have it.
      coefficients: coefficient of each slot [D, K].
      validation_sampled: mean squared validation error with sampled gates.
      loss: training loss, step by step [D, T]; [D, 1] zeros without training.
      judgement: what a trajectory fit adds; None for a selector that regresses derivatives.
    """

    terms: jax.Array
    probabilities: jax.Array
    frequencies: jax.Array
    coefficients: jax.Array
    validation_sampled: jax.Array
    loss: jax.Array
    judgement: "Judgement | None" = None


def select_stlsq(
    key: jax.Array, data: StudyData, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Selection:
    """Run 1: STLSQ at the best threshold; a slot for each term, the largest coefficient first."""
    del key, terms, knobs
    trajectory, theta = data.trajectory, data.theta
    parts = [
        (theta[index], trajectory.derivatives[index])
        for index in (trajectory.train, trajectory.validation)
    ]
    rows = jnp.sqrt(parts[0][0].shape[0] / (theta.shape[1] + parts[0][1].shape[1]))
    compressed = tuple(rows * part for part in training.compress_samples(*parts[0]))
    best = stlsq.tuned(
        (compressed[0], compressed[1]), parts[1], jnp.array(run.thresholds), ridge=run.ridge
    )
    return from_model(best.coefficients, jnp.min(best.validation))


def from_model(coefficients: jax.Array, validation: jax.Array) -> Selection:
    """A model without slots as a selection: a slot for each term, the largest coefficient first.

    Args:
      coefficients: Ξ, exactly zero where a term is absent [D, M].
      validation: mean squared validation error.
    """
    order = jnp.argsort(-jnp.abs(coefficients), axis=1)
    values = jnp.take_along_axis(coefficients, order, axis=1)
    chosen = jnp.where(values != 0, order, -1)
    certain = jax.nn.one_hot(chosen, coefficients.shape[1], dtype=coefficients.dtype)
    often = jnp.sum(certain, axis=1)
    return Selection(chosen, certain, often, values, validation, jnp.zeros((len(values), 1)))


def select_router(
    key: jax.Array, data: StudyData, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Selection:
    """Runs 2 to 8: train a router in single precision, one for each equation.

    A slot whose coefficient counts as zero, below `run.relative` of the largest of its equation, is
    empty: nothing of it is in the committed model.
    """
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
        theta, derivatives = training.compress_samples(theta, derivatives)
        states = states[: theta.shape[0]]

    def one(key, target, held_target):
        train_key, draw_key = jax.random.split(key)
        fitted = training.train_router(
            train_key,
            training.RouterSamples(theta, target, states),
            terms.complexities,
            knobs,
            routing,
        )
        held = training.RouterSamples(held_theta, held_target, held_states)
        drawn = training.predict(
            draw_key, fitted.params, held, fitted.prior, knobs.temperature_end, routing
        )
        sampled = jnp.mean((jnp.sum(drawn.output, axis=0) - held_target) ** 2)
        slots = jnp.arange(routing.slots)
        chosen = fitted.params.coefficients[slots, fitted.terms]
        size = jnp.abs(chosen)
        filled = (size > 0) & (size >= run.relative * jnp.max(size))
        return Selection(
            jnp.where(filled, fitted.terms, -1),
            fitted.activations,
            fitted.frequencies,
            chosen,
            sampled,
            fitted.history.loss,
        )

    keys = jax.random.split(key, derivatives.shape[1])
    found = jax.vmap(one)(keys, derivatives.T, held_derivatives.T)
    return found._replace(validation_sampled=jnp.mean(found.validation_sampled))


def select_best_subset(
    key: jax.Array, data: StudyData, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Selection:
    """The ceiling of regression on derivatives: the best BIC of all 2^M supports."""
    del key, terms, knobs, run
    equations, count = data.truth.shape
    factor, samples = compressed(data)

    def one(equation):
        own = _of_equation(factor, count, equation)
        best = beam.best_subset(own, samples, regression.bic(count), width=1)
        return regression.solve(own, best.masks[0, 0]).coefficients

    coefficients = jax.vmap(one)(jnp.arange(equations))
    return from_model(coefficients, _validation(data, coefficients))


def select_oracle(
    key: jax.Array, data: StudyData, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Selection:
    """The true support, told, and fitted to the measured states."""
    del key, knobs
    count = len(terms.terms)
    record = training_record(data)
    indices = single.slots_of(data.truth != 0, run.search.slots)
    begin = jnp.take_along_axis(jnp.pad(data.truth, ((0, 0), (0, 1))), indices, 1)
    spread = jnp.std(record.states, axis=0)
    fitted = single.fit(
        snap.exact(terms), indices, begin, record.states[0], record, spread, steps=run.search.steps
    )
    coefficients = single.dense(fitted.indices, fitted.coefficients, count)
    return from_model(coefficients, _validation(data, coefficients))


def select_evidence(
    key: jax.Array, data: StudyData, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Selection:
    """Run 9: supports by closed-form evidence on Θ of the circuits, judged by trajectories.

    The circuits propose; the judge fits the exact operations that their terms are named by, so the
    coefficients are free of the circuits' errors. An empty slot has term -1. The sampled error is
    that of a model drawn from the posterior.
    """
    del key, knobs
    equations, count = data.truth.shape
    factor, samples = compressed(data)
    found = recover_by_evidence(data, terms, factor, samples, run.search)

    def by_circuits(equation):
        return regression.solve(
            _of_equation(factor, count, equation), found.mask[equation]
        ).coefficients

    filled = found.slots.terms < count
    chosen = jnp.where(filled, found.slots.terms, -1)
    values = jnp.take_along_axis(found.coefficients, jnp.maximum(chosen, 0), axis=1)
    probabilities = found.slots.activations[:, :, None] * jax.nn.one_hot(chosen, count)
    errors = jax.vmap(lambda model: _validation(data, model))(found.pool_coefficients)
    expected = jnp.sum(jnp.where(found.pool_weights > 0, found.pool_weights * errors, 0.0))
    return Selection(
        chosen,
        probabilities,
        jnp.sum(probabilities, axis=1),
        jnp.where(filled, values, 0.0),
        expected,
        jnp.zeros((equations, 1)),
        Judgement(
            found.coefficients,
            found.errors,
            found.inclusion,
            found.noise,
            jax.vmap(by_circuits)(jnp.arange(equations)),
            found.pool.masks[1],
            found.pool.log_evidence[0] - found.pool.log_evidence[1],
            found.settled,
        ),
    )


def recover_by_evidence(
    data: StudyData, terms: Library, factor: jax.Array, samples: jax.Array, search: Search
) -> recovery.Recovery:
    """Run 9 with all that its judge says: propose by Θ, judge by the measured states.

    Args:
      data: a recording with its library.
      terms: the library of M terms; the judge fits their exact operations.
      factor: `compressed` training samples [M + D, M + D].
      samples: how many of them are independent.
      search: static settings.
    """
    prior = regression.prior(terms)
    proposals = recovery.propose(
        factor,
        samples,
        prior,
        equations=len(data.truth),
        slots=search.slots,
        width=search.width,
    )
    return recovery.recover(
        snap.exact(terms),
        training_record(data),
        proposals,
        factor,
        prior,
        slots=search.slots,
        steps=search.steps,
    )


def compressed(data: StudyData) -> tuple[jax.Array, jax.Array]:
    """The training samples of [Θ, Ẋ] as a triangle, and about how many of them are independent."""
    train = data.trajectory.train
    share = len(train) / len(data.theta)
    factor = regression.compress(data.theta[train], data.trajectory.derivatives[train])
    return factor, data.trajectory.independent * share


def _of_equation(factor: jax.Array, terms: int, equation: jax.Array) -> jax.Array:
    return jnp.concatenate([factor[:, :terms], factor[:, terms + equation, None]], axis=1)


def training_record(data: StudyData) -> single.Record:
    """The measured states, the validation samples held out."""
    counts = jnp.zeros(len(data.theta)).at[data.trajectory.train].set(1.0)
    return single.record(data.trajectory.times, data.trajectory.measured, counts)


def _validation(data: StudyData, coefficients: jax.Array) -> jax.Array:
    held = data.trajectory.validation
    errors = data.theta[held] @ coefficients.T - data.trajectory.derivatives[held]
    return jnp.mean(errors**2)


SELECTORS: dict[
    str, Callable[[jax.Array, StudyData, Library, settings.RouterKnobs, Run], Selection]
] = {
    "stlsq": select_stlsq,
    "router": select_router,
    "best subset": select_best_subset,
    "oracle": select_oracle,
    "evidence": select_evidence,
}
"""Every way to select terms: (key, data, library, knobs, run) to a Selection."""
