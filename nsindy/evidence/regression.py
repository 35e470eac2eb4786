"""Closed-form evidence of supports: which few terms explain a target, once compressed."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.terms.library import Library


class Prior(NamedTuple):
    """What a support costs before any data is seen, in nats.

    log p(S) = -Σ_d [counting · log C(M, k_d) + Σ_{m in S_d} costs_m] + constant

    The binomial counts the supports of that size (Chen & Chen 2008, γ = 1), so that a library with
    more terms does not let more false ones in.

    Attributes:
      costs: price of each term [M], nats.
      counting: 1 to count the supports, 0 for the plain information criterion; scalar.
    """

    costs: jax.Array
    counting: jax.Array


class Supports(NamedTuple):
    """Supports, best first.

    Attributes:
      masks: True where a term is in [B, D, M].
      log_evidence: natural logarithm, up to one constant [B]; -inf where there was no support left.
      rss: what the support leaves unexplained, sum of squares [B].
    """

    masks: jax.Array
    log_evidence: jax.Array
    rss: jax.Array


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


def prior(library: Library, *, price: float = 3.0, alpha: float = 3.0) -> Prior:
    """Price the terms of a library: `price` for being there, `alpha` for each unit of complexity.

    Complexity counts from the simplest term of the library, so the simplest costs `price` alone.

    Args:
      library: the M terms.
      price: nats of any term.
      alpha: nats of a unit of complexity; what breaks exact ties.

    Raises:
      ValueError: a price below zero.
    """
    if price < 0 or alpha < 0:
        raise ValueError(f"price and alpha are nats and at least 0, not {price} and {alpha}")
    complexity = jnp.asarray(library.complexities - library.complexities.min())
    return Prior(price + alpha * complexity, jnp.ones(()))


def bic(terms: int) -> Prior:
    """Return the prior under which the evidence is the plain BIC (Schwarz 1978)."""
    return Prior(jnp.zeros(terms), jnp.zeros(()))


def log_prior(masks: jax.Array, prior: Prior) -> jax.Array:
    """Logarithm of the prior of supports [..., D, M] in nats, up to a constant; returns [...]."""
    terms = masks.shape[-1]
    sizes = jnp.sum(masks, -1)
    choices = jnp.asarray(_log_binomials(terms), prior.costs.dtype)[sizes]
    costs = jnp.sum(jnp.where(masks, prior.costs, 0.0), -1)
    return -jnp.sum(prior.counting * choices + costs, -1)


def _log_binomials(terms: int) -> np.ndarray:
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, terms + 1)))])
    return logs[-1] - logs - logs[::-1]


def compress(design: jax.Array, targets: jax.Array) -> jax.Array:
    """Compress a regression into a triangle whose size is free of the number of samples.

    With [A, Y] = Q R every residual sum of squares, coefficient and covariance of any subset of
    columns of A is the same on the columns of R.

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
    joined = jnp.concatenate([design, targets], axis=1)
    size = joined.shape[1]
    lacking = max(size - joined.shape[0], 0)
    return jnp.linalg.qr(jnp.pad(joined, ((0, lacking), (0, 0))), mode="r")


def solve(factor: jax.Array, mask: jax.Array) -> Solution:
    """Solve least squares on a support, without leaving the compressed regression.

    Args:
      factor: compressed [A, y], [Q, P + 1].
      mask: the support [P].

    Reference: Beaton (1964), the sweep operator; Goodnight (1979), The American Statistician 33.

    Example:
      >>> design = jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
      >>> factor = compress(design, jnp.array([[2.0], [0.0], [2.0]]))
      >>> solve(factor, jnp.array([True, False])).coefficients.round(3).tolist()
      [2.0, 0.0]
    """
    columns = factor.shape[1] - 1
    scale = jnp.linalg.norm(factor, axis=0)
    scale = jnp.where(scale > 0, scale, 1.0)
    unit = factor / scale[None, :]
    table, active = sweep(unit.T @ unit, mask)
    inverse = jnp.where(active[:, None] & active[None, :], table[:columns, :columns], 0.0)
    coefficients = jnp.where(active, table[:columns, columns], 0.0)
    residual = unit[:, columns] - unit[:, :columns] @ coefficients
    return Solution(
        coefficients * scale[columns] / scale[:columns],
        inverse / (scale[:columns, None] * scale[None, :columns]),
        jnp.sum((scale[columns] * residual) ** 2),
        jnp.all(active | ~mask),
    )


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


def log_evidence(
    rss: jax.Array, masks: jax.Array, samples: jax.Array | float, prior: Prior
) -> jax.Array:
    """Evidence of supports with the noise variance profiled and unit information (BIC).

    log p(y, S) = -n/2 log(RSS / n) - |S|/2 log n + log p(S) + constant

    Args:
      rss: [...].
      masks: [..., D, M].
      samples: n, independent measurements; fewer than the rows where errors are correlated.
      prior: of the supports.

    Reference: Schwarz (1978); Chen & Chen (2008), Biometrika 95, section 2.

    Example:
      >>> masks = jnp.array([[[True, False]], [[True, True]]])
      >>> print(log_evidence(jnp.array([1.0, 1.0]), masks, 100.0, bic(2)).round(1))
      [228.  225.7]
    """
    size = jnp.sum(masks, (-1, -2))
    fit = -0.5 * samples * (jnp.log(rss) - jnp.log(samples))
    return fit - 0.5 * size * jnp.log(samples) + log_prior(masks, prior)


def floor(factor: jax.Array) -> jax.Array:
    """Return the residual sum of squares that is rounding: no perfect fit beats another."""
    finfo = jnp.finfo(factor.dtype)
    return 1e3 * finfo.eps**2 * jnp.sum(factor[:, -1] ** 2) + finfo.tiny


def tie(factor: jax.Array) -> jax.Array:
    """Return the difference between residual sums of squares that is rounding."""
    return 1e3 * jnp.finfo(factor.dtype).eps * jnp.sum(factor[:, -1] ** 2)
