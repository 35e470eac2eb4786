"""Selectors: every way to choose terms for the equations of one recording."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nsindy.circuits import snap
from nsindy.evidence import beam, prior, regression
from nsindy.paper import outcomes, recovery
from nsindy.paper.outcomes import Data, Judgement, Outcome
from nsindy.paper.runs import Run, Search
from nsindy.routers import settings, stlsq, training
from nsindy.terms.library import Library
from nsindy.trajectories import single
from nsindy.trajectories.single_fit import fit_trajectory

__all__ = [
    "SELECTORS",
    "compressed",
    "recover_equations",
    "select_best_subset",
    "select_evidence",
    "select_oracle",
    "select_router",
    "select_stlsq",
    "training_record",
]


def select_stlsq(
    key: jax.Array, data: Data, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Outcome:
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
    return outcomes.of_model(
        data, best.coefficients, jnp.min(best.validation), relative=run.relative
    )


def select_router(
    key: jax.Array, data: Data, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Outcome:
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
        samples = training.RouterSamples(theta, target, states)
        fitted = training.train_router(train_key, samples, terms.complexities, knobs, routing)
        held = training.RouterSamples(held_theta, held_target, held_states)
        drawn = training.predict(
            draw_key, fitted.params, held, fitted.prior, knobs.temperature_end, routing
        )
        sampled = jnp.mean((jnp.sum(drawn.output, axis=0) - held_target) ** 2)
        slots = jnp.arange(routing.slots)
        chosen = fitted.params.coefficients[slots, fitted.terms]
        size = jnp.abs(chosen)
        filled = (size > 0) & (size >= run.relative * jnp.max(size))
        return {
            "terms": jnp.where(filled, fitted.terms, -1),
            "probabilities": fitted.activations,
            "frequencies": fitted.frequencies,
            "coefficients": chosen,
            "validation_sampled": sampled,
            "loss": fitted.history.loss,
        }

    keys = jax.random.split(key, derivatives.shape[1])
    slots = jax.vmap(one)(keys, derivatives.T, held_derivatives.T)
    slots["validation_sampled"] = jnp.mean(slots["validation_sampled"])
    return outcomes.of_slots(data, **slots, relative=run.relative)


def select_best_subset(
    key: jax.Array, data: Data, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Outcome:
    """The ceiling of regression on derivatives: the best BIC of all 2^M supports."""
    del key, terms, knobs
    equations, count = data.truth.shape
    factor, samples = compressed(data)

    def one(equation):
        own = regression.of_equation(factor, count, equation)
        best = beam.best_subset(own, samples, prior.bic(count), width=1)
        return regression.least_squares(own, best.masks[0, 0]).coefficients

    coefficients = jax.vmap(one)(jnp.arange(equations))
    return outcomes.of_model(
        data, coefficients, _validation(data, coefficients), relative=run.relative
    )


def select_oracle(
    key: jax.Array, data: Data, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Outcome:
    """The true support, told, and fitted to the measured states."""
    del key, knobs
    count = len(terms.terms)
    record = training_record(data)
    indices = single.slots_of(data.truth != 0, run.search.slots)
    begin = jnp.take_along_axis(jnp.pad(data.truth, ((0, 0), (0, 1))), indices, 1)
    spread = jnp.std(record.states, axis=0)
    fitted = fit_trajectory(
        snap.exact(terms), indices, begin, record.states[0], record, spread, steps=run.search.steps
    )
    coefficients = single.dense(fitted.indices, fitted.coefficients, count)
    return outcomes.of_model(
        data, coefficients, _validation(data, coefficients), relative=run.relative
    )


def select_evidence(
    key: jax.Array, data: Data, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Outcome:
    """Run 9: supports by closed-form evidence on Θ of the circuits, judged by trajectories.

    The circuits propose; the judge fits the exact operations that their terms are named by, so the
    coefficients are free of the circuits' errors. An empty slot has term -1. The sampled error is
    that of a model drawn from the posterior.
    """
    del key, knobs
    equations, count = data.truth.shape
    factor, samples = compressed(data)
    found = recover_equations(data, terms, factor, samples, run.search)

    def by_circuits(equation):
        own = regression.of_equation(factor, count, equation)
        return regression.least_squares(own, found.mask[equation]).coefficients

    filled = found.slots.terms < count
    chosen = jnp.where(filled, found.slots.terms, -1)
    values = jnp.take_along_axis(found.coefficients, jnp.maximum(chosen, 0), axis=1)
    probabilities = found.slots.activations[:, :, None] * jax.nn.one_hot(chosen, count)
    errors = jax.vmap(lambda model: _validation(data, model))(found.pool_coefficients)
    expected = jnp.sum(jnp.where(found.pool_weights > 0, found.pool_weights * errors, 0.0))
    return outcomes.of_slots(
        data,
        chosen,
        probabilities,
        jnp.where(filled, values, 0.0),
        validation_sampled=expected,
        loss=jnp.zeros((equations, 1)),
        relative=run.relative,
        judgement=Judgement(
            coefficients=found.coefficients,
            errors=found.errors,
            inclusion=found.inclusion,
            noise=found.noise,
            by_circuits=jax.vmap(by_circuits)(jnp.arange(equations)),
            runner_up=found.pool.masks[1],
            margin=found.pool.log_evidence[0] - found.pool.log_evidence[1],
            settled=found.settled,
        ),
    )


def recover_equations(
    data: Data, terms: Library, factor: jax.Array, samples: jax.Array, search: Search
) -> recovery.Recovery:
    """Run 9 with all that its trajectory fits tell: propose by Θ, judge by the measured states.

    Args:
      data: a recording with its library.
      terms: the library of M terms; the judge fits their exact operations.
      factor: `compressed` training samples [M + D, M + D].
      samples: how many of them are independent.
      search: static settings.
    """
    costs = prior.by_complexity(terms.complexities)
    proposals = recovery.propose(
        factor,
        samples,
        costs,
        equations=len(data.truth),
        slots=search.slots,
        width=search.width,
    )
    return recovery.recover(
        snap.exact(terms),
        training_record(data),
        proposals,
        factor,
        costs,
        slots=search.slots,
        steps=search.steps,
    )


def compressed(data: Data) -> tuple[jax.Array, jax.Array]:
    """The training samples of [Θ, Ẋ] as a triangle, and about how many of them are independent."""
    train = data.trajectory.train
    share = len(train) / len(data.theta)
    factor = regression.compress(data.theta[train], data.trajectory.derivatives[train])
    return factor, data.trajectory.independent * share


def training_record(data: Data) -> single.Record:
    """The measured states, the validation samples held out."""
    counts = jnp.zeros(len(data.theta)).at[data.trajectory.train].set(1.0)
    return single.as_record(data.trajectory.times, data.trajectory.measured, counts)


def _validation(data: Data, coefficients: jax.Array) -> jax.Array:
    held = data.trajectory.validation
    errors = data.theta[held] @ coefficients.T - data.trajectory.derivatives[held]
    return jnp.mean(errors**2)


SELECTORS: dict[str, Callable[[jax.Array, Data, Library, settings.RouterKnobs, Run], Outcome]] = {
    "stlsq": select_stlsq,
    "router": select_router,
    "best subset": select_best_subset,
    "oracle": select_oracle,
    "evidence": select_evidence,
}
"""Every way to select terms: (key, data, library, knobs, run) to an Outcome."""
