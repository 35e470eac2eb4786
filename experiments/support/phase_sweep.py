"""The sweep of a phase diagram: recordings of every cell, each method on them, and the limits."""

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.circuits import snap
from nsindy.paper import metrics, one_seed, selectors
from nsindy.paper.outcomes import Data
from nsindy.paper.runs import REFERENCES, RUNS, Run
from nsindy.paper.simulate import Measurement
from nsindy.paper.systems import true_coefficients
from nsindy.sweep.grid import Timed, over
from nsindy.terms.library import Library
from nsindy.trajectories import single, tangent
from nsindy.trajectories.single_fit import fit_trajectory
from support.experiment import SYSTEM, Experiment

METHODS = (
    RUNS["exp0_stlsq"],
    RUNS["exp4_conditional_entropy"],
    REFERENCES["best_subset"],
    RUNS["exp8_evidence_router"],
)


class Axes(NamedTuple):
    """The grid: its C cells are all combinations, the noise fastest."""

    x0: list[float]
    damping: list[float]
    noise: list[float]

    def cells(self) -> list[dict[str, float]]:
        """Every cell by its values."""
        return [dict(zip(self._fields, place, strict=True)) for place in itertools.product(*self)]

    def shaped(self, values: np.ndarray) -> np.ndarray:
        """Cells in the last axis [..., C], spread over the axes of the grid."""
        return values.reshape(*values.shape[:-1], *map(len, self))

    def check(self) -> None:
        """Raise a ValueError unless every axis is positive, finite and increasing."""
        for axis, values in self._asdict().items():
            if not all(np.isfinite(values)) or min(values) <= 0 or sorted(set(values)) != values:
                raise ValueError(f"--{axis} must be positive and increasing, not {values}")


class Found(NamedTuple):
    """What one seed of one cell came to.

    Attributes:
      coefficients: the model [D, M].
      correct: exactly the true terms.
      judged: what a trajectory fit adds; None for a method that regresses derivatives.
    """

    coefficients: jax.Array
    correct: jax.Array
    judged: "Judged | None"


class Judged(NamedTuple):
    """The parts of a `recovery.Recovery` that are held against the truth."""

    errors: jax.Array
    estimates: jax.Array
    estimate_errors: jax.Array
    inclusion: jax.Array
    settled: jax.Array


class Limits(NamedTuple):
    """What any method is up against in every cell.

    Attributes:
      bound: Cramér–Rao bound of the damping given the true support [C].
      distance: how many standard deviations the trajectory of the closest model with the damping
        in the other equation is away [C].
    """

    bound: Any
    distance: Any


def measurements(axes: Axes, experiment: Experiment) -> Measurement:
    """The recordings of all cells, every leaf with a leading axis of cells."""
    each = [
        experiment.measurement._replace(
            args=jnp.array([experiment.stiffness, cell["damping"]]),
            initial=jnp.array([cell["x0"], experiment.v0]),
            noise=jnp.asarray(cell["noise"]),
        )
        for cell in axes.cells()
    ]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)


def truths(grid: Measurement, bound: Library) -> jax.Array:
    """True coefficients of every cell [C, D, M]."""
    return jax.vmap(lambda args: true_coefficients(SYSTEM, bound.names, args))(grid.args)


def limits(grid: Measurement, bound: Library, samples: int, steps: int) -> Limits:
    """What any method is up against in every cell.

    The model with the damping in the other equation, x' = v - c x and v' = -k x, has the same
    frequency and the same decay, and is as sparse. Between two models whose trajectories lie d
    standard deviations apart, even the likelihood ratio errs with probability Φ(-d / 2).
    """
    exact = snap.exact(bound)
    x, v = (bound.names.index(name) for name in ("identity(x)", "identity(v)"))
    swapped = jnp.zeros((2, len(bound.names)), bool).at[0, x].set(True).at[0, v].set(True)
    swapped = single.slots_of(swapped.at[1, x].set(True), 2)

    def one(measurement):
        data = one_seed.record_system(
            jax.random.key(0), SYSTEM, bound, measurement, samples=samples, estimate=True
        )
        record = selectors.training_record(data)
        noise = measurement.noise * jnp.ones(2)
        errors = tangent.cramer_rao(
            exact, data.truth != 0, data.truth, measurement.initial, record, noise, steps=steps
        )
        clean = record._replace(states=data.trajectory.clean)
        begin = jnp.where(
            swapped == v, 1.0, jnp.where(swapped == x, -measurement.args[::-1, None], 0)
        )
        other = fit_trajectory(
            exact, swapped, begin, measurement.initial, clean, noise, steps=steps
        )
        return Limits(errors[1, v], jnp.sqrt(jnp.sum(other.rss / noise**2)))

    return jax.lax.map(one, grid)


def every_cell(
    run: Run, grid: Measurement, bound: Library, experiment: Experiment, axes: Axes
) -> Timed:
    """Every seed of every cell by one method, in one compilation; leaves [C, S, ...]."""
    run = experiment.configure(run)
    knobs = jax.tree.map(jnp.asarray, run.knobs)

    def one(key, numbered, bound, knobs):
        cell, measurement = numbered
        data_key, select_key = jax.random.split(jax.random.fold_in(key, cell))
        data = experiment.record(data_key, bound, measurement)
        if run.method == "evidence":
            return by_evidence(data, bound, run)
        model = one_seed.outcome(select_key, data, bound, knobs, run).coefficients
        smallest = jnp.min(jnp.where(data.truth != 0, jnp.abs(data.truth), jnp.inf))
        # The share below which the run counts a coefficient as zero must not hide a true term.
        relative = jnp.minimum(run.relative, 0.5 * smallest / jnp.max(jnp.abs(data.truth)))
        size = jnp.abs(model)
        present = size >= relative * jnp.max(size, axis=1, keepdims=True)
        model = jnp.where(present, model, 0.0)
        return Found(model, metrics.support_correct(model, data.truth), None)

    return over(
        one,
        experiment.every_seed,
        (jnp.arange(len(grid.noise)), grid),
        bound,
        knobs,
        plan=experiment.plan(**axes._asdict())._replace(quick=run.method == "evidence"),
        name=run.name,
        success=lambda found: found.correct,
    )


def by_evidence(data: Data, bound: Library, run: Run) -> Found:
    """Run 9, with all of its judge that is held against the truth."""
    found = selectors.recover_equations(data, bound, *selectors.compressed(data), run.search)
    judged = Judged(
        found.errors, found.estimates, found.estimate_errors, found.inclusion, found.settled
    )
    correct = metrics.support_correct(found.coefficients, data.truth, run.relative)
    return Found(found.coefficients, correct, judged)
