"""The reference of a filmed oscillator: its positions, and the fit of a damped cosine to them."""

from typing import NamedTuple

import numpy as np


class CosineFit(NamedTuple):
    """x'' = -k x - c x' fitted to positions by maximum likelihood.

    Attributes:
      values: k, c, the centre, and the two amplitudes [5].
      errors: their standard errors [5].
      residual: root mean square of what is left, in units of the position.
    """

    values: np.ndarray
    errors: np.ndarray
    residual: float


def read_film(path: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Times [N] and positions [N] of a CSV of two columns.

    Raises:
      ValueError: no path, or the file cannot be read, or is no such CSV.
    """
    if not path:
        raise ValueError("give the recording with --data PATH; it does not come with the project")
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{path} is no CSV of times and positions: {error}") from error
    if table.shape[1] != 2 or len(table) < 10 or not np.isfinite(table).all():
        raise ValueError(f"{path} must have two columns of 10 or more finite numbers")
    if not (np.diff(table[:, 0]) > 0).all():
        raise ValueError(f"the first column of {path}, the times, must increase")
    return table[:, 0], table[:, 1]


def damped_cosine(times: np.ndarray, positions: np.ndarray) -> CosineFit:
    """Maximum likelihood of x = m + e^{-ct/2} (a cos ωt + b sin ωt) with ω² = k - c²/4.

    The noise is normal with the same variance for all positions, so this is least squares; the
    standard errors are those of the linearised model. The search starts at the frequency, of a
    grid that resolves the span of the recording, at which an undamped cosine fits best.

    Args:
      times: [N].
      positions: [N].
    """
    from scipy.optimize import least_squares

    clock = times - times[0]
    span, step = clock[-1], float(np.median(np.diff(clock)))
    waves = np.arange(np.pi / span, 0.5 * np.pi / step, 0.5 * np.pi / span)

    def linear(omega: float, damping: float) -> tuple[np.ndarray, np.ndarray]:
        decay = np.exp(-0.5 * damping * clock)
        columns = (
            np.ones_like(clock),
            decay * np.cos(omega * clock),
            decay * np.sin(omega * clock),
        )
        basis = np.column_stack(columns)
        weights = np.linalg.lstsq(basis, positions, rcond=None)[0]
        return weights, basis @ weights - positions

    start = waves[np.argmin([np.sum(linear(omega, 0.0)[1] ** 2) for omega in waves])]

    def residuals(values: np.ndarray) -> np.ndarray:
        k, c, centre, a, b = values
        omega = np.sqrt(max(k - c**2 / 4, 1e-12))
        decay = np.exp(-0.5 * c * clock)
        wave = a * np.cos(omega * clock) + b * np.sin(omega * clock)
        return centre + decay * wave - positions

    guess = np.array([start**2, 0.0, *linear(start, 0.0)[0]])
    found = least_squares(residuals, guess, x_scale="jac", xtol=1e-14, ftol=1e-14, gtol=1e-14)
    variance = float(np.sum(found.fun**2)) / (len(times) - len(guess))
    covariance = variance * np.linalg.inv(found.jac.T @ found.jac)
    return CosineFit(found.x, np.sqrt(np.diag(covariance)), float(np.sqrt(np.mean(found.fun**2))))
