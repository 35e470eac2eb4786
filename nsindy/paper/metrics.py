"""Judging a found model term by term: support, slots, residuals, rates with their intervals."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = [
    "SlotReading",
    "committed",
    "equivalent",
    "rate_interval",
    "read_slots",
    "recovery",
    "support",
    "support_correct",
    "terms_over_seeds",
]


class SlotReading(NamedTuple):
    """The slots of one equation, read in the order in which they were filled.

    Attributes:
      terms: index of the term of each slot [K]; -1 where the slot stayed empty.
      activations: probability of that term, given the slots before it [K].
      coefficients: the slot's own coefficient of that term [K], not scaled by the activation.
      variance_explained: share of the derivative's variance that the slot adds [K].
      residual: root mean square of what is left after the slot [K], in units of the derivative.
      autocorrelation: lag-1 autocorrelation of what is left, in the order of time [K]; near 0 for
        noise, near 1 for structure.
      correlations: correlation of what is left with every term [K, M].
    """

    terms: jax.Array
    activations: jax.Array
    coefficients: jax.Array
    variance_explained: jax.Array
    residual: jax.Array
    autocorrelation: jax.Array
    correlations: jax.Array


def committed(terms: jax.Array, coefficients: jax.Array, count: int) -> jax.Array:
    """The committed model: each slot's term with that slot's coefficient, added up.

    Args:
      terms: index of the term of each slot [K]; -1 for an empty slot.
      coefficients: coefficient of each slot [K].
      count: number of terms M.

    Returns:
      ξ [M].

    Example:
      >>> committed(jnp.array([2, 0, -1]), jnp.array([1.5, -2.0, 9.0]), 4).tolist()
      [-2.0, 0.0, 1.5, 0.0]
    """
    return (
        jnp.zeros(count, coefficients.dtype).at[terms].add(jnp.where(terms >= 0, coefficients, 0.0))
    )


def support(coefficients: jax.Array, relative: float = 0.0) -> jax.Array:
    """Which terms are in: |ξ_m| above `relative` times the largest of its equation [D, M].

    Example:
      >>> support(jnp.array([[1.0, 0.001, 0.0]]), 0.01).tolist()
      [[True, False, False]]
    """
    size = jnp.abs(coefficients)
    return (size > 0) & (size >= relative * jnp.max(size, axis=-1, keepdims=True))


def support_correct(coefficients: jax.Array, truth: jax.Array, relative: float = 0.0) -> jax.Array:
    """True where every equation has exactly the true terms; Ξ and truth are [D, M].

    Example:
      >>> truth = jnp.array([[0.0, 1.0], [-1.0, -0.1]])
      >>> support_correct(jnp.array([[0.0, 0.9], [-1.1, -0.2]]), truth).item()
      True
    """
    return jnp.all(support(coefficients, relative) == (truth != 0))


def equivalent(
    coefficients: np.ndarray,
    truth: np.ndarray,
    others: Sequence[Sequence[Sequence[int]]],
    relative: float = 0.0,
) -> np.ndarray:
    """True where every equation has the true terms, or terms that no data can tell from them.

    Args:
      coefficients: found models [..., D, M].
      truth: true coefficients [D, M], or of each model [..., D, M].
      others: for each of the D equations the supports that fit exactly as the true one does, as
        `beam.equivalents` lists them: the indices of their terms.
      relative: a coefficient counts as zero below this share of the largest of its equation.

    Returns:
      [...]; True wherever `support_correct` is.

    Example:
      >>> found = np.array([[[1.0, 1.0, 0.0]], [[1.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]]])
      >>> equivalent(found, np.array([[1.0, 1.0, 0.0]]), [[(0, 2)]]).tolist()
      [True, True, False]
    """
    found = np.asarray(support(jnp.asarray(coefficients), relative))
    right = np.ones(found.shape[:-2], bool)
    for d, row in enumerate(others):
        allowed = [truth[..., d, :] != 0]
        allowed += [np.isin(np.arange(found.shape[-1]), list(terms)) for terms in row]
        right &= np.any([np.all(found[..., d, :] == mask, axis=-1) for mask in allowed], axis=0)
    return right


def read_slots(
    theta: jax.Array,
    target: jax.Array,
    terms: jax.Array,
    activations: jax.Array,
    coefficients: jax.Array,
) -> SlotReading:
    """Follow the residual of one derivative from slot to slot.

    Args:
      theta: Θ [N, M], in the order of time.
      target: ẋ [N], likewise.
      terms: index of the term of each slot [K]; -1 for an empty slot.
      activations: probability of that term [K].
      coefficients: coefficient of each slot [K].
    """
    used = jnp.where(terms >= 0, coefficients, 0.0)
    contributions = theta[:, jnp.maximum(terms, 0)] * used[None, :]
    residuals = target[:, None] - jnp.cumsum(contributions, axis=1)
    before = jnp.concatenate([target[:, None], residuals[:, :-1]], axis=1)
    total = jnp.sum(_centred(target) ** 2)
    centred = _centred(residuals)
    power = jnp.sum(centred**2, axis=0)
    gain = jnp.sum(_centred(before) ** 2, axis=0) - power
    lagged = jnp.sum(centred[1:] * centred[:-1], axis=0)
    columns = _centred(theta)
    norms = jnp.sqrt(jnp.sum(columns**2, axis=0))[None, :] * jnp.sqrt(power)[:, None]
    correlations = jnp.where(norms > 0, (centred.T @ columns) / jnp.where(norms > 0, norms, 1), 0)
    return SlotReading(
        terms,
        activations,
        coefficients,
        gain / jnp.where(total > 0, total, 1),
        jnp.sqrt(jnp.mean(residuals**2, axis=0)),
        lagged / jnp.where(power > 0, power, 1),
        correlations,
    )


def terms_over_seeds(
    coefficients: np.ndarray, frequencies: np.ndarray, names: Sequence[str]
) -> list[list[dict[str, Any]]]:
    """The terms of each equation over the seeds, whichever slot holds them, most frequent first.

    Args:
      coefficients: committed models [S, D, M].
      frequencies: how often each term is drawn for any of the slots [S, D, M].
      names: the M terms.

    Returns:
      for each equation, for every term that some seed committed to: its name, in how many `seeds`,
      and over those seeds the quantiles 5, 50 and 95 % of its `frequency` and `coefficient`.
    """
    quantiles = (0.05, 0.5, 0.95)
    tables = []
    for d in range(coefficients.shape[1]):
        rows = []
        for m, name in enumerate(names):
            held = coefficients[:, d, m] != 0
            if held.any():
                rows.append(
                    {
                        "term": name,
                        "seeds": int(held.sum()),
                        "frequency": np.quantile(frequencies[held, d, m], quantiles),
                        "coefficient": np.quantile(coefficients[held, d, m], quantiles),
                    }
                )
        tables.append(sorted(rows, key=lambda row: -row["seeds"]))
    return tables


def _centred(values: jax.Array) -> jax.Array:
    return values - jnp.mean(values, axis=0, keepdims=True)


def recovery(count: int, seeds: int) -> dict[str, Any]:
    """A rate as every summary states it: the count, the seeds, the rate, its 95 % interval.

    Example:
      >>> recovery(3, 4)["recovery_rate"]
      0.75
    """
    return {
        "recovery_count": int(count),
        "seeds": int(seeds),
        "recovery_rate": count / seeds,
        "recovery_ci95": rate_interval(int(count), int(seeds)),
    }


def rate_interval(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate (Wilson 1927).

    Raises:
      ValueError: no trials, or more successes than trials.

    Example:
      >>> low, high = rate_interval(32, 32)
      >>> f"{low:.3f} to {high:.3f}"
      '0.893 to 1.000'
    """
    from scipy.stats import binomtest

    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no rate")
    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
