"""Sensors that follow what they measure: every reading z of a state x obeys τ z' = x - z."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.interpolate import Akima1DInterpolator

from nsindy.discovery import constants
from nsindy.discovery.preparation import segmentation, signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.signals import Signal, Units
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.search import Found
from nsindy.recording.check import Recording
from nsindy.terms import text

__all__ = ["SensorLag", "from_solution", "likeliest", "note", "prompt"]


class SensorLag(NamedTuple):
    """How late the sensors are.

    Attributes:
      parts: the recordings, as the sensors tell them.
      slopes: how fast each reading changes, z', in units of the readings and the times [N, D] each.
      times: τ of each state's sensor, in units of the times; 0 for one that is not late [D].
      covariance: of these where errors are independent [D, D].
      variance: what these errors add to those of the scaled coefficients [D, M].
    """

    parts: Sequence[Recording]
    slopes: Sequence[np.ndarray]
    times: np.ndarray
    covariance: np.ndarray
    variance: np.ndarray = np.zeros((0, 0))

    @property
    def late(self) -> np.ndarray:
        """The states whose sensors are late."""
        return np.flatnonzero(self.times > 0)

    @property
    def errors(self) -> np.ndarray:
        """Standard errors of the times [D]."""
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def states(self) -> tuple[Recording, ...]:
        """What is behind the readings, x = z + τ z'.

        A smoothed z' has little of the noise of a reading, so that the noise of x is that of z.
        """
        return tuple(
            part._replace(states=part.states + self.times * slopes)
            for part, slopes in zip(self.parts, self.slopes, strict=True)
        )

    def price(self, found: Found) -> float:
        """Nats that these times must earn beside a support: one number each, and the choice."""
        numbers = len(self.late)
        earns = constants.LATE_EARNS if numbers else 0.0
        return float(0.5 * numbers * np.log(found.samples.sum()) + earns)

    def near(self, other: "SensorLag") -> bool:
        """Whether other times are the same up to a share of their errors."""
        return bool(
            np.all(np.abs(self.times - other.times) <= constants.LATE_SETTLED * self.errors)
        )

    def with_variance(self, prepared: Prepared, found: Found) -> "SensorLag":
        """The same times, with how the coefficients ξ of a search on all samples follow them.

        Their errors add ∂ξ/∂τ cov(τ) ∂ξ/∂τ to the variances.
        """
        slopes = _around(prepared, found, 1.0, self, self).coefficients
        variance = np.einsum("dij,de,eij->ij", slopes, self.covariance, slopes)
        return self._replace(variance=variance)


def prompt(parts: Sequence[Recording], smooth: Sequence[Signal], units: Units) -> SensorLag:
    """Sensors that are not late, of recordings that were smoothed in these units."""
    count = parts[0].states.shape[1]
    per = units.states[:count] / units.time
    slopes = [signal.derivatives[:, :count] * per for signal in smooth]
    return SensorLag(parts, slopes, np.zeros(count), np.zeros((count, count)))


def likeliest(prepared: Prepared, found: Found, made: SensorLag, share: float) -> SensorLag | None:
    """The times of sensors with which a support of a search is the likeliest; None for prompt ones.

    Of each number of terms the best support is tried: one that is right leaves what the sensors do,
    which is linear in their times, and one that is likelier without them may stand in for that.

    Args:
      prepared: the problem of the states behind the readings.
      found: its search.
      made: the times that the problem was made with.
      share: of the samples of each recording that counted.
    """
    of_size: dict[int, candidates.Candidate] = {}
    for candidate in found.pool:
        of_size.setdefault(int(candidate.mask.sum()), candidate)
    best, most = None, -np.inf
    for candidate in of_size.values():
        alone = found._replace(pool=[candidate])
        lag = _refined(prepared, alone, share, made)
        if not len(lag.late):
            continue
        read = _read(prepared, alone, share, made, lag)
        score = read.best_of([read.pool[0].start]).score - lag.price(found)
        if score > most:
            best, most = lag, score
    return best if most > found.pool[0].score - made.price(found) else None


def from_solution(prepared: Prepared, found: Found, made: SensorLag, share: float) -> SensorLag:
    """The likeliest times with the best support, and z' of its solution in place of a spline's.

    A spline rounds what the solution does not, as where an input steps. What the solution is fitted
    to then depends on itself, by less than one to one, so that it settles. It must follow the
    recordings.

    Args:
      prepared: the problem of the states behind the readings.
      found: its search.
      made: the times that the problem was made with.
      share: of the samples of each recording that counted.
    """
    lag = made
    for _ in range(constants.SENSOR_FOLLOWED):
        before = lag
        lag = _as_solved(prepared, found, made, lag)
        lag = _likeliest_around(prepared, found, share, made, lag)
        if not len(lag.late) or lag.near(before):
            break
    return lag


def _refined(prepared: Prepared, found: Found, share: float, made: SensorLag) -> SensorLag:
    """The likeliest times with the best support of a search, and their errors."""
    # A first step from no lag at all may lead below 0.
    row = np.full(len(made.times), signals.usual_step(made.parts))
    lag = made if len(made.late) else made._replace(times=row)
    for _ in range(constants.SENSOR_FITS):
        before, lag = lag, _likeliest_around(prepared, found, share, made, lag)
        if not len(lag.late) or lag.near(before):
            break
    return lag


def _read(prepared: Prepared, found: Found, share: float, made: SensorLag, lag: SensorLag) -> Found:
    """A search whose segments, and starts, have the states behind readings of other lags.

    Args:
      prepared: the problem.
      found: its search.
      share: of the samples of each recording that counted.
      made: the sensors that the problem was made with.
      lag: the others.
    """
    moved, count = [], len(lag.times)
    for signal, now, before in zip(prepared.signals, lag.slopes, made.slopes, strict=True):
        change = np.zeros_like(signal.states)
        ahead = lag.times * now - made.times * before
        change[:, :count] = ahead / prepared.units.states[:count]
        states, measured = signal.states + change, signal.measured + change
        moved.append(signal._replace(states=states, measured=measured))
    states = prepared._replace(signals=moved).segments(share).states
    begins = (segmentation.beginnings(s, prepared.length) for s in (prepared.signals, moved))
    change = -np.subtract(*begins)
    pool = [c._replace(begin=c.begin + change[: len(c.begin)]) for c in found.pool]
    return found._replace(segments=found.segments._replace(states=states), pool=pool)


class _Around(NamedTuple):
    """A search near some times of its sensors, to first order, each with coefficients of its own.

    Attributes:
      residual: of the measurements, in units of what it is of each state [Q].
      change: of it with each time [Q, D].
      coefficients: their change with each time [D, D, M].
    """

    residual: np.ndarray
    change: np.ndarray
    coefficients: np.ndarray


def _around(
    prepared: Prepared, found: Found, share: float, made: SensorLag, lag: SensorLag
) -> _Around:
    count = len(lag.times)
    step = constants.SENSOR_DIFFERENCE * max(signals.usual_step(lag.parts), *lag.times)

    def left(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        read = _read(prepared, found, share, made, lag._replace(times=times))
        best = read.best_of([read.pool[0].start])
        (path,) = candidates.solved(found.problem, [best.start], read.segments)
        root = np.sqrt(np.asarray(read.segments.weights))
        return root * (np.asarray(read.segments.states) - path.states), best.coefficients

    here, _ = left(lag.times)
    size = np.sqrt(np.sum(here**2, (0, 1)) / np.maximum(found.samples, 1.0))
    per = 1 / np.maximum(np.where(found.samples > 0, size, 1.0), found.problem.floor)
    change, coefficients = [], []
    for unit in step * np.eye(count):
        (high, of_high), (low, of_low) = left(lag.times + unit), left(lag.times - unit)
        change.append(((high - low) * per).reshape(-1) / (2 * step))
        coefficients.append((of_high - of_low) / (2 * step))
    return _Around((here * per).reshape(-1), np.stack(change, 1), np.stack(coefficients))


def _likeliest_around(
    prepared: Prepared, found: Found, share: float, made: SensorLag, lag: SensorLag
) -> SensorLag:
    """The likeliest times to first order; those not clearly above 0 are left out, one by one."""
    around = _around(prepared, found, share, made, lag)
    least, free = np.sqrt(np.log(found.samples.sum())), np.arange(len(lag.times))
    times, covariance = np.zeros(len(free)), np.zeros((len(free), len(free)))
    unlagged = around.residual - around.change @ lag.times
    # A support that runs away tells nothing.
    while len(free) and np.isfinite(around.change).all() and np.isfinite(unlagged).all():
        change = around.change[:, free]
        own = np.linalg.pinv(change.T @ change, hermitian=True)
        values, spread = -own @ (change.T @ unlagged), np.sqrt(np.diagonal(own))
        weakest = int(np.argmin(values / spread))
        if values[weakest] > least * spread[weakest]:
            times[free], covariance[np.ix_(free, free)] = values, own
            break
        free = np.delete(free, weakest)
    return lag._replace(times=times, covariance=covariance)


def _as_solved(prepared: Prepared, found: Found, made: SensorLag, lag: SensorLag) -> SensorLag:
    """The same times, with the z' that the solution of the best support has at the sensors.

    All samples are followed, in the stretches of the search.
    """
    read = _read(prepared, found, 1.0, made, lag)
    every = read.segments._replace(weights=prepared.segments(1.0).weights)
    best = read._replace(segments=every).best_of([read.pool[0].start])
    followed = candidates.along_recordings(found.problem, best.start, every, prepared.signals)
    slopes = []
    for part, states, before in zip(lag.parts, followed, lag.slopes, strict=True):
        now = before.copy()
        for d in lag.late:
            state = states[:, d] * prepared.units.states[d]
            if np.isfinite(state).all():
                now[:, d] = _followed(part.times, state, part.states[:, d], lag.times[d])
        slopes.append(now)
    return lag._replace(slopes=slopes)


def _followed(
    times: np.ndarray, states: np.ndarray, readings: np.ndarray, lag: float
) -> np.ndarray:
    """How fast a sensor changes that follows a state, by its readings [N].

    Over a step h, z_{n+1} = x_{n+1} - s τ (1 - e^{-h/τ}) + (z_n - x_n) e^{-h/τ} with the slope s of
    x, in parts of the step between rows, along cubics that keep the corners that inputs make. The
    first z is the one that fits the readings best.
    """
    shares = np.linspace(0, 1, constants.SENSOR_SHARES + 1)
    fine = times[:-1, None] + np.diff(times)[:, None] * shares
    path = Akima1DInterpolator(times, states, method="makima")(fine)
    step = np.diff(fine, axis=1)
    behind = np.diff(path, axis=1) / step * lag * -np.expm1(-step / lag)
    behind = np.sum(behind * np.exp((fine[:, 1:] - fine[:, -1:]) / lag), 1)
    kept = np.exp(-np.diff(times) / lag)
    apart, first = np.zeros(len(times)), np.ones(len(times))
    for n, share in enumerate(kept):
        apart[n + 1] = share * apart[n] - behind[n]
        first[n + 1] = share * first[n]
    seen = np.isfinite(readings)
    told = (readings - states - apart)[seen]
    apart += first * (first[seen] @ told / np.sum(first[seen] ** 2))
    return -apart / lag


def note(lag: SensorLag, states: Sequence[str]) -> str:
    """What was read into the readings, for the person."""
    each = [
        f"of {states[d]} by {text.number(lag.times[d], lag.errors[d])} ± "
        f"{text.number(lag.errors[d], lag.errors[d])}"
        for d in lag.late
    ]
    lags = "sensor lags behind what it measures" if len(each) == 1 else "sensors lag"
    return (
        f"the {lags}, {' and '.join(each)} in the unit of the times (a first-order lag); the "
        "equations are of the states behind the readings"
    )
