"""Least squares of supports from one compressed regression."""

from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

__all__ = [
    "Solution",
    "compress",
    "floor",
    "least_squares",
    "least_squares_numpy",
    "of_equation",
    "sweep",
    "tie",
]

Either = TypeVar("Either", jax.Array, np.ndarray)
"""An array of JAX or of NumPy; what comes out is of the same."""


class Solution(NamedTuple):
    """Least squares on one support.

    Attributes:
      coefficients: exactly zero off the support [P].
      covariance: (A_Sᵀ A_S)⁻¹, zero off the support; times the noise variance it is the covariance
        of the coefficients [P, P].
      rss: residual sum of squares.
      independent: True unless a term of the support is a combination of others in it; such a term
        is left out, with coefficient zero.
    """

    coefficients: jax.Array
    covariance: jax.Array
    rss: jax.Array
    independent: jax.Array


def compress(design: Either, targets: Either) -> Either:
    """Compress a regression into a triangle whose size is free of the number of samples.

    With [A, Y] = Q R every residual sum of squares, coefficient and covariance of any subset of
    columns of A is the same on the columns of R. Arrays of NumPy are compressed by NumPy, without a
    compilation for their shape.

    Args:
      design: A, [N, P]; rows may already be weighted.
      targets: Y, [N, T].

    Returns:
      R, [P + T, P + T].

    Raises:
      ValueError: the two differ in samples.

    Example:
      >>> design = jnp.arange(10.0)[:, None] ** jnp.arange(3.0)[None, :]
      >>> compress(design, design[:, 1:2]).shape
      (4, 4)
    """
    if design.ndim != 2 or targets.ndim != 2 or design.shape[0] != targets.shape[0]:
        raise ValueError(
            f"the design and the targets must share their samples: {list(design.shape)} and "
            f"{list(targets.shape)}"
        )
    xp = design.__array_namespace__()
    joined = xp.concatenate([design, targets], axis=1)
    size = joined.shape[1]
    lacking = max(size - joined.shape[0], 0)
    return xp.linalg.qr(xp.pad(joined, ((0, lacking), (0, 0))), mode="r")


def of_equation(factor: Either, terms: int, equation: jax.Array | int) -> Either:
    """Take the regression of one equation out of that of all.

    Args:
      factor: compressed [Θ, Ẋ], of NumPy or of JAX [Q, M + D].
      terms: M.
      equation: which of the D equations; traced or not where the factor is of JAX.

    Returns:
      compressed [Θ, ẋ_d], [Q, M + 1].

    Example:
      >>> of_equation(np.arange(10).reshape(2, 5), 3, 1)
      array([[0, 1, 2, 4],
             [5, 6, 7, 9]])
    """
    if isinstance(factor, np.ndarray):
        return factor[:, [*range(terms), terms + equation]]
    # A gather would be compiled to other roundings of what follows.
    return jnp.concatenate([factor[:, :terms], factor[:, terms + equation, None]], 1)


def least_squares(factor: jax.Array, mask: jax.Array) -> Solution:
    """Solve least squares on a support, traced: for many supports at once under `vmap`.

    By the sweep operator on the products of the columns, without leaving the compressed regression.

    Args:
      factor: compressed [A, y], [Q, P + 1].
      mask: the support [P].

    Reference: Beaton (1964), the sweep operator; Goodnight (1979), The American Statistician 33.

    Example:
      >>> design = jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
      >>> factor = compress(design, jnp.array([[2.0], [0.0], [2.0]]))
      >>> least_squares(factor, jnp.array([True, False])).coefficients.round(3).tolist()
      [2.0, 0.0]
    """
    scale = jnp.linalg.norm(factor, axis=0)
    scale = jnp.where(scale > 0, scale, 1.0)
    unit = factor / scale[None, :]
    solution = _swept(unit.T @ unit, scale, mask)
    # Not from the table, whose last entry is a difference of large numbers.
    residual = unit[:, -1] - unit[:, :-1] @ (solution.coefficients * scale[:-1] / scale[-1])
    return solution._replace(rss=jnp.sum((scale[-1] * residual) ** 2))


def _swept(table: jax.Array, scale: jax.Array, mask: jax.Array) -> Solution:
    """The solution in a table of products of columns of length 1, and their lengths."""
    columns = len(scale) - 1
    table, active = sweep(table, mask)
    inverse = jnp.where(active[:, None] & active[None, :], table[:columns, :columns], 0.0)
    coefficients = jnp.where(active, table[:columns, columns], 0.0)
    return Solution(
        coefficients * scale[columns] / scale[:columns],
        inverse / (scale[:columns, None] * scale[None, :columns]),
        jnp.maximum(table[columns, columns], 0.0) * scale[columns] ** 2,
        jnp.all(active | ~mask),
    )


def least_squares_numpy(factor: ArrayLike, mask: ArrayLike) -> Solution:
    """Solve least squares on a support in NumPy: for one support at a time, with no compilation.

    By a QR decomposition of its columns. A column that those before it span is left out, as by
    `least_squares`.

    Args:
      factor: compressed [A, y], [Q, P + 1].
      mask: the support [P].

    Example:
      >>> factor = np.array([[2.0, 1.0, 4.0], [0.0, 1.0, 3.0]])
      >>> least_squares_numpy(factor, np.array([True, True])).coefficients
      array([0.5, 3. ])
    """
    factor, mask = np.asarray(factor), np.asarray(mask)
    scale = np.linalg.norm(factor, axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    unit = factor / scale
    columns = np.flatnonzero(mask)
    while True:
        triangle = np.asarray(np.linalg.qr(unit[:, [*columns, -1]], mode="r"))
        pivots = np.diagonal(triangle)[: len(columns)]
        pivots = np.pad(pivots, (0, len(columns) - len(pivots)))
        spanned = np.flatnonzero(pivots**2 <= 1e4 * np.finfo(factor.dtype).eps)
        if not len(spanned):
            break
        columns = np.delete(columns, spanned[0])
    count = len(columns)
    inverse = np.linalg.inv(triangle[:count, :count])
    coefficients, covariance = np.zeros(len(mask)), np.zeros((len(mask), len(mask)))
    coefficients[columns] = inverse @ triangle[:count, count] * scale[-1] / scale[columns]
    covariance[np.ix_(columns, columns)] = (
        inverse @ inverse.T / (scale[columns][:, None] * scale[columns])
    )
    rss = np.sum((factor[:, -1] - factor[:, :-1] @ coefficients) ** 2)
    independent = np.asarray(count == np.count_nonzero(mask))
    return Solution(coefficients, covariance, rss, independent)  # type: ignore[arg-type]


def sweep(table: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sweep the columns of a support out of a table of products, one after the other.

    Args:
      table: [A, y]ᵀ [A, y] of columns of length 1, [P + 1, P + 1].
      mask: the support [P].

    Returns:
      the table, whose last column holds the coefficients of the support, and which columns were
      swept: a column that those before it already span is left out.

    Reference: Goodnight (1979), The American Statistician 33.
    """

    def one(table, pivot):
        value = table[pivot, pivot]
        # A column that those before it already span would divide by rounding.
        active = mask[pivot] & (value > 1e4 * jnp.finfo(table.dtype).eps)
        value = jnp.where(active, value, 1.0)
        row = table[pivot] / value
        swept = table - table[:, pivot, None] * row[None, :]
        swept = swept.at[:, pivot].set(-table[:, pivot] / value).at[pivot].set(row)
        swept = swept.at[pivot, pivot].set(1.0 / value)
        return jnp.where(active, swept, table), active

    # Triangular solves of many small systems at once are slower than this, and block each other.
    return jax.lax.scan(one, table, jnp.arange(len(mask)))


def floor(factor: jax.Array) -> jax.Array:
    """Return the residual sum of squares that is rounding: no perfect fit beats another."""
    finfo = jnp.finfo(factor.dtype)
    return 1e3 * finfo.eps**2 * jnp.sum(factor[:, -1] ** 2) + finfo.tiny


def tie(factor: jax.Array) -> jax.Array:
    """Return the difference between residual sums of squares that is rounding."""
    return 1e3 * jnp.finfo(factor.dtype).eps * jnp.sum(factor[:, -1] ** 2)
