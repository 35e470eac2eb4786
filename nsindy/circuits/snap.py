"""Which exact term each circuit of a library is, on the data at hand."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.terms.library import Library, evaluate

__all__ = ["Snap", "exact", "snap"]


class Snap(NamedTuple):
    """The exact terms closest to the circuits of a library.

    Attributes:
      nearest: index of the exact term whose values are closest to those of each circuit [M].
      deviation: its distance, the root mean square difference over the standard deviation of the
        exact values [M].
      own: the same distance to the term that the circuit was trained to be [M].
    """

    nearest: jax.Array
    deviation: jax.Array
    own: jax.Array


def exact(library: Library) -> Library:
    """The library with exact operations in place of its circuits."""
    return dataclasses.replace(library, circuits=None)


def snap(library: Library, states: jax.Array) -> Snap:
    """Match each circuit to the exact term that it equals best over the visited states.

    A circuit may be replaced by that term if `deviation` is within the fidelity that was measured
    for the circuit. If `nearest` is not the term it was trained to be, the data do not distinguish
    the two at that precision.

    Args:
      library: the M terms with their circuits.
      states: [N, D], where the terms are compared.
    """
    learned = evaluate(library, states).theta
    true = evaluate(exact(library), states).theta
    spread = jnp.std(true, 0)
    spread = jnp.where(spread > 0, spread, 1.0)
    gaps = jax.vmap(lambda column: jnp.sqrt(jnp.mean((column[:, None] - true) ** 2, 0)) / spread)(
        learned.T
    )
    return Snap(jnp.argmin(gaps, 1), jnp.min(gaps, 1), jnp.diagonal(gaps))
