"""Recordings beside the solutions of the equations that were found in them."""

from typing import NamedTuple

import numpy as np

from nsindy.discovery import signals
from nsindy.discovery.smoothing import SmoothedState, smooth
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
      inputs: [N, U].
      fine: the times of the samples and further ones between them [L].
      simulated: solution from the fitted initial state [L, D].
      forecast: the same with the fit to the first four fifths [L, D].
      residual: measured minus simulated [N, measured states].
      noise: estimated standard deviation of the noise of each sample [N, measured states].
      smooth: states of a smoothing spline, with velocities if the order is 2 [N, D].
      slopes: its first derivatives [N, measured states].
      highest: its derivatives of the order of the equations [N, measured states].
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
    parts = [_thinned(part) for part in recordings.parts[:limit]]
    return [_replay(discovery, part, r) for r, part in enumerate(parts)]


def thinning(part: Recording) -> int:
    """The step with which the samples of a recording are thinned."""
    return -(-len(part.times) // SAMPLES)


def _thinned(part: Recording) -> Recording:
    return Recording(*(np.asarray(values)[:: thinning(part)] for values in part))


def _smoothed(times: np.ndarray, values: np.ndarray) -> SmoothedState:
    seen = np.isfinite(values)
    return smooth(times[seen], values[seen], at=None if seen.all() else times)


def _replay(discovery: Discovery, part: Recording, r: int) -> Replay:
    times = part.times
    fill = np.linspace(times[0], times[-1], FILL)
    fine = np.sort(np.concatenate([times, fill]))
    held = np.array(discovery.held or (False,) * len(discovery.inputs), bool)
    given = inputs_between.filled(times, part.inputs, held)
    steps, acting = inputs_between.with_steps(times, given, held, discovery.delay)
    fine = np.union1d(fine, steps) if discovery.delay else fine
    at = np.searchsorted(fine, times)
    inputs = inputs_between.inputs_at(steps, acting, fine, held)
    simulated, forecast = (
        along_recording.solve_along(
            along_recording.right_hand_side(discovery.library, model.coefficients),
            np.asarray(model.initial)[r],
            fine,
            inputs,
            scale=np.max(np.abs(model.initial), 0),
            held=held,
        )
        for model in (discovery, discovery.held_out)
    )
    count = len(discovery.measured)
    kinds = discovery.noise_kind or ("constant",) * len(discovery.states)
    sizes = np.where(np.array(kinds[:count]) == "proportional", np.abs(simulated[at, :count]), 1.0)
    smoothed = [_smoothed(times, values) for values in part.states.T]
    states, slopes, bends = (
        np.stack([getattr(each, name) for each in smoothed], 1)
        for name in ("states", "derivatives", "curvatures")
    )
    lost = ~np.all(np.isfinite(simulated), axis=1)
    second = discovery.order == 2
    return Replay(
        times=times,
        measured=part.states,
        inputs=given,
        fine=fine,
        simulated=simulated,
        forecast=forecast,
        residual=part.states - simulated[at, :count],
        noise=np.asarray(discovery.noise, float)[None, :count] * sizes,
        smooth=np.concatenate([states, slopes], 1) if second else states,
        slopes=slopes,
        highest=bends if second else slopes,
        held_out=signals.fitted_samples(len(times)),
        diverges=float(fine[np.argmax(lost)]) if lost.any() else None,
    )
