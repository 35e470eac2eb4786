"""States, derivatives and noise from a recording: smoothing splines, scaled by likelihood."""

from collections.abc import Callable
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
    kinks = splines.SMOOTH if breaks is None else splines.Kinks(breaks, continuous)
    problem, constant = _of_constant_noise(times, scaled, at, kinks)
    root = np.sqrt(np.mean(values**2))
    # A spline that goes through every sample has told no noise from the signal, and no kind of it.
    resolved = constant.freedom < constants.RESOLVED * len(times)
    found = _Noise(constant, np.ones_like(constant.positions), 0.0)
    # Of a state that is 0 throughout, as of a dose that was not given, no share is anything.
    if resolved and proportional is not False and root > 0:
        least = -np.inf if proportional else constants.NOISE_KIND
        kind = lambda states: proportional_noise(states * size + centre, root)  # noqa: E731
        found = _of_either_kind(problem, scaled, found, kind, least)
    best = found.fit
    noise = best.sigma * size * found.shape
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
        found.gain,
    )


def _of_constant_noise(
    times: np.ndarray, scaled: np.ndarray, at: np.ndarray | None, kinks: splines.Kinks
) -> tuple[splines.SplineProblem, splines.SplineFit]:
    """A spline of as many knots as its freedom asks for, and its fit to scaled values [N]."""
    pieces = min(len(times), constants.MOST_KNOTS)
    problem = splines.spline_problem(times, pieces, at, kinks)
    constant = splines.fit_spline(problem, scaled, np.ones_like(scaled))
    # Far more knots than freedom cost digits: the stiffest splines would drown the data.
    while (enough := max(int(constants.KNOTS_PER_FREEDOM * constant.freedom), 12)) < pieces / 2:
        pieces = max(enough, pieces // 8)
        problem = splines.spline_problem(times, pieces, at, kinks)
        constant = splines.fit_spline(problem, scaled, np.ones_like(scaled))
    return problem, constant


class _Noise(NamedTuple):
    """A spline for noise of one kind.

    Attributes:
      fit: the spline.
      shape: of the noise at the times asked for, over σ [A].
      gain: nats by which proportional noise is likelier than constant noise; 0 if none of it fits.
    """

    fit: splines.SplineFit
    shape: np.ndarray
    gain: float


def _of_either_kind(
    problem: splines.SplineProblem,
    scaled: np.ndarray,
    constant: _Noise,
    proportional: Callable[[np.ndarray], np.ndarray],
    least: float,
) -> _Noise:
    """The spline for noise that is proportional to the state, where it is likelier; or the given.

    Args:
      problem: the spline.
      scaled: measured values [N].
      constant: the spline for constant noise.
      proportional: the noise of scaled states, up to a factor.
      least: nats by which proportional noise must be likelier.
    """
    found = constant
    last, nats = constant.fit, list[float]()
    for _ in range(2):
        shape = proportional(last.values)
        middle = np.exp(np.mean(np.log(shape)))
        everywhere = proportional(last.positions) / middle
        shape = shape / middle
        last = splines.fit_spline(problem, scaled, shape)
        # What is autocorrelated is signal that was taken for noise, and so is what is many times
        # the constant noise.
        left = (scaled - last.values) / shape
        autocorrelation = left[1:] @ left[:-1] / (left @ left)
        signal = autocorrelation > 2 / np.sqrt(len(scaled))
        most = constants.SMOOTHED_AWAY * constant.fit.sigma
        signal |= np.sqrt(np.mean((left * shape) ** 2)) > most
        if signal:
            continue
        nats.append(last.log_likelihood - constant.fit.log_likelihood)
        if nats[-1] > least:
            found, least = _Noise(last, everywhere, 0.0), nats[-1]
    return found._replace(gain=max(nats, default=0.0))


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
