"""The weak form of an equation: integrals against test functions, and no derivative."""

from collections.abc import Sequence

import numpy as np

from nsindy.discovery.preparation.signals import Signal
from nsindy.evidence.regression import compress

__all__ = ["of_recording", "of_recordings", "regression"]


def regression(
    times: np.ndarray,
    states: np.ndarray,
    theta: np.ndarray,
    *,
    half_width: float,
    near: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn x' = Θ ξ into a regression of integrals.

    -∫ φ_k' x dt = Σ_m ξ_m ∫ φ_k θ_m dt,  φ_k(t) = (1 - s²)⁴, s = (t - c_k) / H, |s| < 1

    Integrated by parts, the derivative falls on φ_k, which is known; noise is averaged, not
    amplified. Centres c_k stand H / 4 apart; integrals are by the trapezium rule on the samples.

    Args:
      times: increasing [N], irregular or not.
      states: measured [N, D].
      theta: values of the terms [N, M].
      half_width: H, in units of time; at most half the recording.
      near: False for samples that are not known, whose integrals are left out [N]; None for none.

    Returns:
      design [Q, M] and targets [Q, D].

    Raises:
      ValueError: H is not positive, or longer than half the recording.

    Reference: Messenger and Bortz (2021), Multiscale Modeling & Simulation 19, section 3.

    Example:
      >>> t = np.linspace(0.0, 4.0, 401)
      >>> x = np.exp(-t)[:, None]
      >>> design, targets = regression(t, x, x, half_width=0.5)
      >>> np.linalg.lstsq(design, targets)[0].round(3).tolist()
      [[-1.0]]
    """
    test, slope = _tests(times, half_width, near)
    return test @ theta, -slope @ states


def _tests(
    times: np.ndarray, half_width: float, near: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The test functions and their slopes, with the weights of the integrals [Q, N]."""
    span = times[-1] - times[0]
    if not 0 < half_width <= span / 2:
        raise ValueError(f"the half width must be above 0 and at most {span / 2:g}: {half_width:g}")
    count = int(4 * (span - 2 * half_width) / half_width) + 1
    centres = np.linspace(times[0] + half_width, times[-1] - half_width, count)
    s = (times[None, :] - centres[:, None]) / half_width
    inside = np.maximum(1 - s**2, 0.0)
    mass = np.gradient(times) * np.where(np.arange(len(times)) % (len(times) - 1), 1.0, 0.5)
    test = inside**4 * mass
    slope = -8 * s * inside**3 / half_width * mass
    if near is not None and not near.all():
        known = ~np.any((test > 0) & ~near, axis=1)
        test, slope = test[known], slope[known]
    return test, slope


def of_recording(signal: Signal, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The test functions of a recording [Q, N], and its regression: design [Q, M], targets [Q, D].

    Args:
      signal: the recording.
      theta: Θ of its smoothed states [N, M].
    """
    span = signal.times[-1] - signal.times[0]
    half_width = min(5 * span / signal.freedom, span / 4)
    test, slope = _tests(signal.times, half_width, signal.near)
    return test, test @ theta, -slope @ signal.measured


def of_recordings(signals: Sequence[Signal], theta: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The regression of the weak form of all recordings, compressed [M + D, M + D].

    Args:
      signals: the recordings.
      theta: Θ of their smoothed states, one after the other [N, M].
      given: coefficients that are known, which are subtracted [D, M].
    """
    rows = np.cumsum([0, *(len(s.times) for s in signals)])
    designs, targets = [], []
    for s, low, high in zip(signals, rows, rows[1:], strict=False):
        _, design, target = of_recording(s, theta[low:high])
        designs.append(design)
        targets.append(target - design @ given.T if given.any() else target)
    return compress(np.concatenate(designs), np.concatenate(targets))
