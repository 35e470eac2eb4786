"""One seed of one run: record the system, select terms, judge them. Sweeps vmap this."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.paper import simulate
from nsindy.paper.outcomes import Data, Outcome
from nsindy.paper.runs import Run
from nsindy.paper.selectors import SELECTORS
from nsindy.paper.simulate import Measurement
from nsindy.paper.systems import System, true_coefficients
from nsindy.routers import settings
from nsindy.terms import library
from nsindy.terms.library import Library

__all__ = ["Cell", "outcome", "record_system"]


class Cell(NamedTuple):
    """One cell of a sweep's grid, all traced: the recording and the knobs of the run."""

    measurement: Measurement
    knobs: settings.RouterKnobs


def record_system(
    key: jax.Array,
    system: System,
    terms: Library,
    measurement: Measurement,
    *,
    samples: int = 600,
    estimate: bool = False,
    train_fraction: float = 0.8,
) -> Data:
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
    return Data(trajectory, theta, truth, jnp.sum(~inside) / inside.size)


def outcome(
    key: jax.Array, data: Data, terms: Library, knobs: settings.RouterKnobs, run: Run
) -> Outcome:
    """Select by a run and judge what it selected.

    Args:
      key: PRNG key, consumed.
      data: a recording with its library.
      terms: the library.
      knobs: traced settings of the run.
      run: static settings of the run.
    """
    return SELECTORS[run.method](key, data, terms, knobs, run)
