"""A slow error of the model beside the white noise of the measurement, by exact likelihood.

What an equation leaves out moves the states slowly; taken for white noise it makes false terms
significant, the more so the more samples there are. Here it is a Gaussian process of one size and
one memory, estimated with everything else, and a term must explain more than it does.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["GRID", "WHITE", "Rows", "Slow", "SlowFit", "fit_slow", "whiten"]


class Slow(NamedTuple):
    """A slow error a_n beside white noise w_n, in units of their sum: r_n = a_n + w_n.

    (a, b)_n = F (a, b)_{n-1} + ε_n,  Var a = Var b = s,  Var w = 1 - s

    With F = diag(φ, 0) it is an autoregression of first order, rough; with F of a Matérn process
    of smoothness 3/2 its path has a derivative, b up to a factor.

    Attributes:
      transition: F [..., 2, 2].
      share: s [...].
      memory: samples after which the correlation of a has fallen to some third [...].
      spread: 1 - s + s Σ_k ρ_k over all lags k: the largest variance, over that of white noise,
        that a mean of many residuals may have, whatever they are weighted with [...].
    """

    transition: jax.Array
    share: jax.Array
    memory: jax.Array
    spread: jax.Array


class Rows(NamedTuple):
    """Which rows are measurements, and where time goes on.

    Attributes:
      counted: True for a measurement [N].
      advance: True where a row is one sample later than the row before [N].
      begins: True where a recording, or a stretch of one, begins [N].
    """

    counted: jax.Array
    advance: jax.Array
    begins: jax.Array


class SlowFit(NamedTuple):
    """The likeliest slow error of one state.

    Attributes:
      innovation: v, of which the log likelihood is -n/2 log v, the two numbers paid for.
      variance: of slow error and noise together.
      row: of the likeliest in the grid; 0 for white noise.
    """

    innovation: jax.Array
    variance: jax.Array
    row: jax.Array


def _rough(share: float, memory: float) -> Slow:
    kept = np.exp(-1 / memory)
    spread = 1 - share + share * (1 + kept) / (1 - kept)
    return Slow(np.diag([kept, 0.0]), share, memory, spread)  # type: ignore[arg-type]


def _smooth(share: float, memory: float) -> Slow:
    # (1 + λ) exp(-λ) has fallen to a third after 2.1 / λ samples.
    rate = 2.1 / memory
    rows = [[1 + rate, rate], [-rate, 1 - rate]]
    lags = rate * np.arange(1, 40 / rate)
    spread = 1 + 2 * share * np.sum((1 + lags) * np.exp(-lags))
    return Slow(np.exp(-rate) * np.array(rows), share, memory, spread)  # type: ignore[arg-type]


_SHARES = (0.3, 0.5, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999, 0.9997, 0.9999)
_MEMORIES = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)

WHITE = _rough(0.0, 1.0)
"""No slow error."""

_EVERY = [WHITE, *(f(s, m) for f in (_rough, _smooth) for s in _SHARES for m in _MEMORIES)]

GRID = Slow(*(np.array(leaves) for leaves in zip(*_EVERY, strict=True)))  # type: ignore[arg-type]
"""What is tried: white noise, then each kind, share and memory."""


def whiten(slow: Slow, values: jax.Array, rows: Rows) -> tuple[jax.Array, jax.Array]:
    """Errors of predicting each row from those before it, by a Kalman filter.

    e_n = (r_n - E[r_n | r_1 … r_{n-1}]) / √(V_n),  V_n = Var[r_n | r_1 … r_{n-1}] in units of r

    It is linear in the values, so the columns of a regression are whitened as its target is, and
    least squares on what comes out are generalised least squares.

    Args:
      slow: the slow error.
      values: columns, in the order of time [N, C].
      rows: which of them count.

    Returns:
      e, 0 where a row does not count [N, C], and log V [N].

    Reference: Harvey (1989), Forecasting, structural time series models and the Kalman filter,
    section 3.4.
    """
    stationary = slow.share * jnp.eye(2, dtype=values.dtype)
    driving = stationary - slow.transition @ stationary @ slow.transition.T

    def step(carry, row):
        mean, variance = carry
        value, (counted, advance, begins) = row
        mean = jnp.where(advance, slow.transition @ mean, mean)
        moved = slow.transition @ variance @ slow.transition.T + driving
        variance = jnp.where(advance, moved, variance)
        mean = jnp.where(begins, 0.0, mean)
        variance = jnp.where(begins, stationary, variance)
        total = variance[0, 0] + 1 - slow.share
        error = jnp.where(counted, value - mean[0], 0.0)
        gain = jnp.where(counted, variance[:, 0] / total, 0.0)
        mean = mean + gain[:, None] * error[None, :]
        variance = variance - gain[:, None] * variance[None, 0, :]
        return (mean, variance), (error / jnp.sqrt(total), jnp.where(counted, jnp.log(total), 0.0))

    start = jnp.zeros((2, values.shape[1]), values.dtype), stationary
    return jax.lax.scan(step, start, (values, rows))[1]


def fit_slow(residual: jax.Array, rows: Rows, floor: jax.Array | float = 0.0) -> SlowFit:
    """The likeliest slow error of residuals, among those of `GRID`.

    v = max(Σ e_n² / N, floor² / (1 - s)) · exp(Σ log V_n / N + 2 log N / N)

    the last term, BIC of share and memory, for a slow error only; so white noise stays white.

    Args:
      residual: in the order of time [N].
      rows: which of them count.
      floor: smallest standard deviation of the white part, in the units of the residuals.
    """
    count = jnp.maximum(jnp.sum(rows.counted), 1)
    errors, logs = jax.vmap(lambda slow: whiten(slow, residual[:, None], rows))(
        jax.tree.map(lambda leaf: jnp.asarray(leaf, residual.dtype), GRID)
    )
    share = jnp.asarray(GRID.share)
    variance = jnp.sum(errors[..., 0] ** 2, 1) / count
    variance = jnp.maximum(variance, floor**2 / (1 - share))
    price = jnp.where(share > 0, 2 * jnp.log(count) / count, 0.0)
    innovation = variance * jnp.exp(jnp.sum(logs, 1) / count + price)
    best = jnp.argmin(innovation)
    return SlowFit(innovation[best], variance[best], best)
