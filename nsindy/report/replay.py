"""Recordings beside the solutions of the equations that were found in them."""

from typing import NamedTuple

import numpy as np

from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.smoothing import SmoothedState, smooth
from nsindy.recording.arrange import arranged
from nsindy.recording.check import Recording, Recordings
from nsindy.result import along_recording
from nsindy.result import inputs as inputs_between
from nsindy.result.discovery import Discovery

__all__ = ["Replay", "replays", "thinning"]

SAMPLES = 4000
"""A longer recording is thinned to at most this many samples."""

FILL = 500
"""Times, besides those of the samples, at which a simulation is evaluated."""


class Replay(NamedTuple):
    """One recording, its simulation and its smoothed states, of N samples, D states, U inputs.

    Attributes:
      times: of the samples [N].
      measured: [N, measured states]; NaN where a state was not measured.
      inputs: [N, U], and the time behind them where it is forced.
      fine: the times of the samples and further ones between them [L].
      simulated: solution from the fitted initial state [L, D].
      forecast: the same with the fit to the first four fifths [L, D].
      residual: measured minus simulated [N, measured states].
      noise: estimated standard deviation of the noise of each sample [N, measured states].
      smooth: states of a smoothing spline, with velocities if the order is 2; hidden states are
        those of the simulation [N, D].
      slopes: its first derivatives [N, measured states].
      highest: derivatives of these of the order of the equations [N, equations].
      held_out: index of the first sample that was held out.
      diverges: first time at which the simulation is not finite, or None.
    """

    times: np.ndarray
    measured: np.ndarray
    inputs: np.ndarray
    fine: np.ndarray
    simulated: np.ndarray
    forecast: np.ndarray
    residual: np.ndarray
    noise: np.ndarray
    smooth: np.ndarray
    slopes: np.ndarray
    highest: np.ndarray
    held_out: int
    diverges: float | None


def replays(discovery: Discovery, recordings: Recordings, *, limit: int = 4) -> list[Replay]:
    """Solve the equations along each of the first recordings.

    Args:
      discovery: the equations; `initial` has a row for each recording.
      recordings: what they were found in.
      limit: most recordings to solve.

    Raises:
      ValueError: the recordings are not those of the discovery.
    """
    wanted = (*discovery.measured, *discovery.inputs)
    if {*wanted} <= {*recordings.states, *recordings.inputs}:
        # Columns of a wide table are left out, or become inputs.
        recordings = arranged(recordings, discovery.measured, discovery.inputs)
    if recordings.states != discovery.measured or recordings.inputs != discovery.inputs:
        raise ValueError(
            f"the recordings measure {', '.join((*recordings.states, *recordings.inputs))}, the "
            f"equations {', '.join((*discovery.measured, *discovery.inputs))}"
        )
    if len(recordings.parts) != len(np.asarray(discovery.initial)):
        raise ValueError(
            f"there are {len(recordings.parts)} recordings, but initial states of "
            f"{len(np.asarray(discovery.initial))}"
        )
    if discovery.map:
        return [_steps(discovery, part) for part in recordings.parts[:limit]]
    held = np.zeros(len(discovery.inputs), bool)
    held[: len(discovery.held)] = discovery.held
    parts = [_thinned(part, held) for part in recordings.parts[:limit]]
    return [_replay(discovery, part, r, held) for r, part in enumerate(parts)]


def thinning(part: Recording) -> int:
    """The step with which the samples of a recording are thinned."""
    return -(-len(part.times) // SAMPLES)


def _thinned(part: Recording, held: np.ndarray) -> Recording:
    times, states, inputs = (np.asarray(values) for values in part)
    step, seen = thinning(part), np.isfinite(states)
    rows = np.arange(len(times))
    each = [rows] if step == 1 or seen.all() else [rows[own] for own in seen.T]
    # Each state is thinned among its own samples, or one of them would be lost.
    chosen = np.unique(np.concatenate([own[::step] for own in each]))
    inputs = inputs_between.filled(times, inputs, held)
    return Recording(times[chosen], states[chosen], inputs[chosen])


def _smoothed(times: np.ndarray, values: np.ndarray) -> SmoothedState:
    seen = np.isfinite(values)
    return smooth(times[seen], values[seen], at=None if seen.all() else times)


def _without_lag(part: Recording, lag: np.ndarray) -> Recording:
    """The states behind the readings of sensors that are late."""
    slopes = [_smoothed(part.times, values).derivatives for values in part.states.T]
    return part._replace(states=part.states + lag * np.stack(slopes, 1))


def _replay(discovery: Discovery, part: Recording, r: int, held: np.ndarray) -> Replay:
    if discovery.time:
        # A forcing in time is one of an input that is the time.
        part = part._replace(inputs=np.column_stack([part.inputs, part.times]))
        held = np.append(held, False)
    if discovery.sensor_lag is not None:
        part = _without_lag(part, np.asarray(discovery.sensor_lag))
    times = part.times
    fill = np.linspace(times[0], times[-1], FILL)
    fine = np.sort(np.concatenate([times, fill]))
    steps, acting = inputs_between.with_steps(times, part.inputs, held, discovery.delay)
    fine = np.union1d(fine, steps) if discovery.delay else fine
    at = np.searchsorted(fine, times)
    inputs = inputs_between.inputs_at(steps, acting, fine, held)
    smoothed = [_smoothed(times, values) for values in part.states.T]
    positions, slopes, bends = (
        np.stack([getattr(each, name) for each in smoothed], 1)
        for name in ("states", "derivatives", "curvatures")
    )
    second = discovery.order == 2
    states = np.concatenate([positions, slopes], 1) if second else positions
    simulated, forecast = (
        along_recording.follow(
            discovery.library,
            model.coefficients,
            np.asarray(model.initial)[r],
            fine,
            inputs,
            scale=np.max(np.abs(model.initial), 0),
            size=np.max(np.abs(states), 0) if not discovery.hidden else None,
            held=held,
        )
        for model in (discovery, discovery.held_out)
    )
    count = len(discovery.measured)
    kinds = discovery.noise_kind or ("constant",) * len(discovery.states)
    sizes = np.where(np.array(kinds[:count]) == "proportional", np.abs(simulated[at, :count]), 1.0)
    lost = ~np.all(np.isfinite(simulated), axis=1)
    highest = bends if second else slopes
    if discovery.hidden:
        states = np.concatenate([states, simulated[at, count:]], 1)
        right = along_recording.right_hand_side(discovery.library, discovery.coefficients)
        rates = right(np.concatenate([states, part.inputs], 1).T).T
        highest = np.concatenate([highest, rates[:, count:]], 1)
    return Replay(
        times=times,
        measured=part.states,
        inputs=part.inputs,
        fine=fine,
        simulated=simulated,
        forecast=forecast,
        residual=part.states - simulated[at, :count],
        noise=np.asarray(discovery.noise, float)[None, :count] * sizes,
        smooth=states,
        slopes=slopes,
        highest=highest,
        held_out=signals.fitted_samples(len(times)),
        diverges=float(fine[np.argmax(lost)]) if lost.any() else None,
    )


def _steps(discovery: Discovery, part: Recording) -> Replay:
    """The rows of a map that have a next one, the next row in place of derivatives."""
    part = Recording(*(np.asarray(values)[:SAMPLES] for values in part))
    variables = np.concatenate([part.states, part.inputs], 1)[:-1].T
    following, forecast = (
        along_recording.right_hand_side(discovery.library, model.coefficients)(variables).T
        for model in (discovery, discovery.held_out)
    )
    # What is drawn at a row was found from the one before it.
    simulated, forecast = (
        np.concatenate([part.states[:1], found])[:-1] for found in (following, forecast)
    )
    times, after = part.times[:-1], part.states[1:]
    # What follows a row that lacks a value is not known.
    known = np.concatenate([[False], np.isfinite(variables).all(0)])[:-1]
    lost = known & ~np.all(np.isfinite(simulated), axis=1)
    return Replay(
        times=times,
        measured=part.states[:-1],
        inputs=part.inputs[:-1],
        fine=times,
        simulated=simulated,
        forecast=forecast,
        residual=part.states[:-1] - simulated,
        noise=np.broadcast_to(np.asarray(discovery.noise, float), simulated.shape),
        smooth=part.states[:-1],
        slopes=after,
        highest=after,
        held_out=min(signals.fitted_samples(len(part.times)), len(times) - 1),
        diverges=float(times[np.argmax(lost)]) if lost.any() else None,
    )
