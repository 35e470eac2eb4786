"""States, derivatives and noise from a recording: smoothing splines, scaled by likelihood."""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import make_interp_spline

from nsindy.discovery import constants
from nsindy.discovery.preparation import splines

__all__ = ["SmoothedState", "interpolated", "proportional_noise", "smooth"]


class SmoothedState(NamedTuple):
    """What a recording says of one state, at each of A times.

    Attributes:
      states: smoothed [A].
      derivatives: [A], in units of the state per unit of time.
      curvatures: second derivatives [A].
      noise: standard deviation of the noise of a sample at each time [A].
      proportional: True where the noise grows with the state.
      level: standard deviation of the noise, relative to the state where it is proportional.
      freedom: effective number of independent values that the smoothed state is made of.
      resolved: True where the spline has told noise from signal.
      log_likelihood: of the measurements, nats.
      kind: nats by which proportional noise is likelier than constant noise, 0 if none of it fits.
    """

    states: np.ndarray
    derivatives: np.ndarray
    curvatures: np.ndarray
    noise: np.ndarray
    proportional: bool
    level: float
    freedom: float
    resolved: bool
    log_likelihood: float
    kind: float


def smooth(
    times: np.ndarray,
    values: np.ndarray,
    *,
    at: np.ndarray | None = None,
    breaks: np.ndarray | None = None,
    continuous: int = 0,
    proportional: bool | None = None,
) -> SmoothedState:
    """Smooth one state by a spline whose scale, and whose kind of noise, the likelihood chooses.

    minimise Σ_n w_n (y_n - x(t_n))² + λ ∫ (d⁴x/dt⁴)² dt

    is the mean of a Gaussian process, an integrated Wiener process, and λ maximises its restricted
    likelihood, so nothing is set by hand. The noise is either constant or proportional to the
    state, whichever is likelier. Times may be irregular; the cost is linear in N.

    Args:
      times: strictly increasing [N], N ≥ 10.
      values: measured [N].
      at: where the spline is asked for, increasing [A]; None for `times`. Outside of them it goes
        on straight for one usual step, and then stays.
      breaks: times at which a derivative of the state jumps; a derivative there is the mean of
        those on either side.
      continuous: derivatives that are continuous there.
      proportional: the kind of the noise, where it is known; None for the likelier.

    Raises:
      ValueError: fewer than 10 samples.

    Reference: Wahba (1985), Annals of Statistics 13; Eilers and Marx (1996), Statistical Science
    11.

    Example:
      >>> t = np.linspace(0.0, 6.0, 200)
      >>> y = np.sin(t) + 0.1 * np.random.default_rng(0).normal(size=200)
      >>> bool(abs(smooth(t, y).level - 0.1) < 0.02)
      True
    """
    if len(times) < 10:
        raise ValueError(f"{len(times)} samples are too few to smooth; give at least 10")
    centre, size = float(np.mean(values)), float(np.std(values)) or 1.0
    scaled = (values - centre) / size
    pieces = min(len(times), constants.MOST_KNOTS)
    kinks = splines.SMOOTH if breaks is None else splines.Kinks(breaks, continuous)
    problem = splines.spline_problem(times, pieces, at, kinks)
    constant = splines.fit_spline(problem, scaled, np.ones_like(scaled))
    # Far more knots than freedom cost digits: the stiffest splines would drown the data.
    while (enough := max(int(constants.KNOTS_PER_FREEDOM * constant.freedom), 12)) < pieces / 2:
        pieces = max(enough, pieces // 8)
        problem = splines.spline_problem(times, pieces, at, kinks)
        constant = splines.fit_spline(problem, scaled, np.ones_like(scaled))
    best, kind, last = constant, np.ones_like(constant.positions), constant
    root = np.sqrt(np.mean(values**2))
    # A spline that goes through every sample has told no noise from the signal, and no kind of it.
    resolved = constant.freedom < constants.RESOLVED * len(times)
    nats, least = list[float](), -np.inf if proportional else constants.NOISE_KIND
    # Of a state that is 0 throughout, as of a dose that was not given, no share is anything.
    may = resolved and proportional is not False and root > 0
    for _ in range(2 if may else 0):
        shape = proportional_noise(last.values * size + centre, root)
        middle = np.exp(np.mean(np.log(shape)))
        everywhere = proportional_noise(last.positions * size + centre, root) / middle
        shape = shape / middle
        fitted = last = splines.fit_spline(problem, scaled, shape)
        # What is autocorrelated is signal that was taken for noise, and so is what is many times
        # the constant noise.
        left = (scaled - fitted.values) / shape
        autocorrelation = left[1:] @ left[:-1] / (left @ left)
        signal = autocorrelation > 2 / np.sqrt(len(times))
        most = constants.SMOOTHED_AWAY * constant.sigma
        signal |= np.sqrt(np.mean((left * shape) ** 2)) > most
        if signal:
            continue
        nats.append(fitted.log_likelihood - constant.log_likelihood)
        if nats[-1] > least:
            best, kind, least = fitted, everywhere, nats[-1]
    noise = best.sigma * size * kind
    level = np.sqrt(np.mean(noise**2)) / (1.0 if best is constant else root)
    slopes = best.slopes * size / problem.spread
    return SmoothedState(
        best.positions * size + centre + _outside(times, at) * slopes,
        slopes,
        best.bends * size / problem.spread**2,
        noise,
        best is not constant,
        float(level),
        best.freedom,
        resolved,
        best.log_likelihood,
        max(nats, default=0.0),
    )


def interpolated(times: np.ndarray, values: np.ndarray) -> SmoothedState:
    """A state that goes through every sample, for samples too coarse to be smoothed.

    Args:
      times: increasing [N], N ≥ 10.
      values: at most 1 in size [N].

    Returns:
      the state, its noise that of `constants.NOISE_FLOOR`, since nothing is known of it.
    """
    spline = make_interp_spline(times, values, 2 * constants.SPLINE_ORDER - 1)
    noise = np.full(len(times), constants.NOISE_FLOOR)
    return SmoothedState(
        values,
        spline(times, 1),
        spline(times, 2),
        noise,
        False,
        constants.NOISE_FLOOR,
        float(len(times)),
        False,
        -np.inf,
        0.0,
    )


def proportional_noise(states: np.ndarray, size: np.ndarray | float) -> np.ndarray:
    """How noise that is proportional to the states varies along them, up to a factor [N, ...].

    Args:
      states: [N, ...].
      size: root mean square of each, which keeps the noise from vanishing near zero.
    """
    return np.sqrt(states**2 + (constants.PROPORTIONAL_FLOOR * size) ** 2)


def _outside(times: np.ndarray, at: np.ndarray | None) -> np.ndarray | float:
    """How far a spline goes on straight before its first and behind its last sample [A]."""
    if at is None:
        return 0.0
    step = np.median(np.diff(times))
    return np.clip(at - np.clip(at, times[0], times[-1]), -step, step)
