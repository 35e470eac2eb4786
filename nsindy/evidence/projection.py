"""Columns without what a support explains, and what each of them would explain then."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

__all__ = ["Gains", "Left", "gains", "left_of", "project_column", "project_support"]


class Left(NamedTuple):
    """What a projection leaves, in products.

    Attributes:
      target: square of the target; scalar.
      squares: of every column [P].
      products: of every column with the target [P].
    """

    target: jax.Array
    squares: jax.Array
    products: jax.Array


class Gains(NamedTuple):
    """What each column would explain beside the support.

    Attributes:
      drops: by how much it would lower the residual sum of squares [P].
      open: False for a column that the support spans already [P].
    """

    drops: jax.Array
    open: jax.Array


def project_column(left: jax.Array, column: jax.Array, active: jax.Array) -> jax.Array:
    """Project one column out of all of them, if it is active and not zero.

    Args:
      left: the columns, the target last [Q, P + 1].
      column: which.
      active: False to change nothing.
    """
    chosen = left[:, column]
    squared = jnp.sum(chosen**2)
    active = active & (squared > 0)
    unit = jnp.where(active, chosen / jnp.sqrt(jnp.where(active, squared, 1.0)), 0.0)
    return left - unit[:, None] * (unit @ left)[None, :]


def project_support(left: jax.Array, mask: jax.Array) -> jax.Array:
    """Project the first columns that a mask marks out of all of them, one after the other.

    Args:
      left: [Q, P + 1].
      mask: of the first columns, at most P.
    """
    return jax.lax.scan(
        lambda rest, i: (project_column(rest, i, mask[i]), None), left, jnp.arange(len(mask))
    )[0]


def left_of(left: jax.Array) -> Left:
    """The squares and products of columns whose last is the target [Q, P + 1]."""
    target = left[:, -1]
    return Left(jnp.sum(target**2), jnp.sum(left[:, :-1] ** 2, 0), target @ left[:, :-1])


def gains(squares: jax.Array, products: jax.Array, factor: jax.Array) -> Gains:
    """What each column would explain beside the support that was projected out.

    A column of which n_m² is left, with product p_m with the target, lowers the residual sum of
    squares by p_m² / n_m².

    Args:
      squares: n² [P].
      products: p [P].
      factor: the columns before the projection, whose size tells what is rounding [Q, P + 1].
    """
    # What a column that the support already spans would explain is rounding, so it is closed.
    smallest = 1e4 * jnp.finfo(factor.dtype).eps * jnp.sum(factor[:, :-1] ** 2, 0)
    open_ = squares > smallest
    return Gains(jnp.where(open_, products**2 / jnp.where(open_, squares, 1.0), 0.0), open_)
