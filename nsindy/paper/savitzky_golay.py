"""Derivatives from noisy states alone, as a recording offers them."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.signal import fftconvolve

__all__ = [
    "WINDOWS",
    "SmoothedStates",
    "savitzky_golay",
]

WINDOWS = (7, 9, 13, 19, 27, 39, 55, 79, 111, 157)
"""Candidate window lengths, in samples."""


class SmoothedStates(NamedTuple):
    """What a smoother makes of the measured states.

    Attributes:
      states: smoothed states [N, D].
      derivatives: their time derivatives [N, D], in units of the state per unit of time.
      window: the chosen window length of each state [D], in samples.
      independent: about how many of the N estimates of a state are independent [D]: a window of W
        samples is summed up in the coefficients of its polynomial.
    """

    states: jax.Array
    derivatives: jax.Array
    window: jax.Array
    independent: jax.Array


def savitzky_golay(
    states: jax.Array,
    step: jax.Array | float,
    *,
    windows: tuple[int, ...] = WINDOWS,
    order: int = 4,
) -> SmoothedStates:
    """Smooth and differentiate by local polynomials, the window chosen by cross-validation.

    In each window a polynomial of the given order is fitted by least squares; its value and slope
    at the sample are the estimates, and at the ends the first and last windows' polynomials are
    read off centre (Savitzky and Golay 1964). Among the windows, each state takes the one with the
    least generalised cross-validation score, mean(r²) / (1 - mean(h))² with r the residuals and h
    the weight of each sample in its own estimate (Craven and Wahba 1979).

    Args:
      states: measured states [N, D] at uniform times.
      step: time between samples.
      windows: odd window lengths to choose from; those longer than N are left out.
      order: order of the polynomials.

    Raises:
      ValueError: no window has more samples than a polynomial has coefficients and at most N, or a
        window is even.

    Example:
      >>> t = jnp.linspace(0.0, 1.0, 51)
      >>> smooth = savitzky_golay(t[:, None] ** 2, 0.02)
      >>> smooth.derivatives[25, 0].round(3).item()
      1.0
    """
    n = states.shape[0]
    long_enough = [window for window in windows if window > order + 1]
    if not long_enough:
        raise ValueError(f"no window of {windows} is long enough for polynomials of order {order}")
    usable = [window for window in long_enough if window <= n]
    if not usable:
        raise ValueError(
            f"{n} samples are too few to estimate derivatives with polynomials of order {order}; "
            f"give at least {min(long_enough)} samples"
        )
    if any(window % 2 == 0 for window in usable):
        raise ValueError(f"window lengths must be odd, not {usable}")
    candidates = [_filter(states, window, order) for window in usable]
    values, slopes, scores = (jnp.stack(part) for part in zip(*candidates, strict=True))
    best = jnp.argmin(scores, axis=0)
    columns = jnp.arange(states.shape[1])
    window = jnp.asarray(usable)[best]
    return SmoothedStates(
        values[best, :, columns].T,
        slopes[best, :, columns].T / step,
        window,
        (states.shape[0] * (order + 1) / window).astype(states.dtype),
    )


def _filter(states: jax.Array, window: int, order: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    half = window // 2
    powers = np.arange(-half, half + 1.0)[:, None] / half
    basis = powers ** np.arange(order + 1)
    slope = np.zeros_like(basis)
    slope[:, 1:] = basis[:, :-1] * np.arange(1, order + 1) / half
    inverse = np.linalg.pinv(basis)
    hats = jnp.asarray(np.stack([basis @ inverse, slope @ inverse]), states.dtype)

    n = states.shape[0]
    convolve = functools.partial(fftconvolve, mode="valid")
    each_column = jax.vmap(convolve, in_axes=(1, None), out_axes=1)
    middle = jax.vmap(each_column, in_axes=(None, 0))(states, jnp.flip(hats[:, half], axis=1))
    head = hats[:, :half] @ states[:window]
    tail = hats[:, half + 1 :] @ states[n - window :]
    values, slopes = jnp.concatenate([head, middle, tail], axis=1)

    weights = jnp.diagonal(hats[0])
    leverage = jnp.concatenate(
        [weights[:half], jnp.full((n - window + 1,), weights[half]), weights[half + 1 :]]
    )
    score = jnp.mean((states - values) ** 2, axis=0) / (1 - jnp.mean(leverage)) ** 2
    return values, slopes, score
