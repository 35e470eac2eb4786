"""Circuits by their right names: which exact operation each one is, on the data at hand."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.terms.library import Library, evaluate


class Snap(NamedTuple):
    """What the circuits of a library are.

    Attributes:
      nearest: index of the exact term that each circuit's values lie closest to [M].
      deviation: distance to it, root mean square over the standard deviation of the exact values
        [M].
      own: the same distance to the term that the circuit is meant to be [M].
    """

    nearest: jax.Array
    deviation: jax.Array
    own: jax.Array


def exact(library: Library) -> Library:
    """Return the library with exact operations in place of its circuits."""
    return dataclasses.replace(library, circuits=None)


def snap(library: Library, states: jax.Array) -> Snap:
    """Name each circuit by the exact term that it matches best over the visited states.

    A term may snap where `deviation` is within the fidelity that was measured for its circuit;
    where `nearest` is another term than its own, the data do not tell the two apart that finely.

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
