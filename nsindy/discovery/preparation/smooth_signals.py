"""Recordings become signals: scaled, and smoothed where their samples follow one another."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals, smoothing
from nsindy.discovery.preparation.signals import Signal, Units
from nsindy.recording.check import Recording

__all__ = ["smooth_recordings"]


def smooth_recordings(
    recordings: Sequence[Recording], order: int, held: np.ndarray | None = None
) -> tuple[list[Signal], Units]:
    """Scale and smooth recordings.

    Only scales change, nothing is shifted: a monomial stays one monomial. The states are scaled to
    at most 1 in size and the first recording to a length of `constants.SCALED_SPAN`. Each state is
    smoothed through its own measurements; at a step of a held input its derivative may jump.

    Args:
      recordings: R recordings of the same states, their inputs finite.
      order: 2 to make the derivative of every state a state of its own.
      held: True for inputs that keep their value until the next row [U]; None for none.

    Returns:
      the signals and the units.

    Raises:
      ValueError: neighbouring samples have nothing to do with each other, or the times of states
        do not overlap.
    """
    time = float(recordings[0].times[-1] - recordings[0].times[0]) / constants.SCALED_SPAN
    size = np.max([np.nanmax(np.abs(r.states), 0) for r in recordings], 0)
    inputs = np.max([np.max(np.abs(r.inputs), 0) for r in recordings], 0)
    inputs = np.where(inputs > 0, inputs, 1.0)
    held = np.zeros(len(inputs), bool) if held is None else held
    smooth = _smoothed_alike(recordings, size, time, order, held)
    few = len(size) <= constants.PREDICTED_STATES
    follows = [
        _follows(r, size, s) if few else _FINE for r, s in zip(recordings, smooth, strict=True)
    ]
    if all(each.unrelated for each in follows):
        step = np.median(np.diff(recordings[0].times))
        raise ValueError(
            f"a sample has nothing to do with the one before it, {step:.4g} earlier: the recording "
            "is coarser than what it should show, or noise, or no series of one process; if it "
            "shows one, record it ten times as often"
        )
    coarse = [each.coarse for each in follows]
    for place, (r, each) in enumerate(zip(recordings, coarse, strict=True)):
        if each and order == 1:
            times = (r.times - r.times[0]) / time
            smooth[place] = [smoothing.interpolated(times, c) for c in (r.states / size).T]
    if order == 1:
        units = Units(size, inputs, time)
    else:
        speed = [[np.max(np.abs(s.derivatives)) for s in each] for each in smooth]
        states = np.append(size, size / time * np.max(speed, 0))
        units = Units(states, inputs, time)
    found = [
        _signal(r, s, units, order, held)._replace(coarse=each and order == 1)
        for r, s, each in zip(recordings, smooth, coarse, strict=True)
    ]
    if not any(s.near.any() for s in found):
        raise ValueError(
            "the times at which states were measured do not overlap: no equation can hold several "
            "of them; give states that were measured at the same time"
        )
    return found, units


class _Follows(NamedTuple):
    """How samples follow one another.

    Attributes:
      coarse: True where smoothing took for noise what the sample before predicts.
      unrelated: True where nothing predicts anything, and smoothing found nothing either. A
        recording at rest beside others that move is so.
    """

    coarse: bool
    unrelated: bool


_FINE = _Follows(coarse=False, unrelated=False)


def _follows(
    recording: Recording, size: np.ndarray, smoothed: Sequence[smoothing.SmoothedState]
) -> _Follows:
    """Tell how the samples of a recording follow one another.

    x_{n+1} is predicted by the sample that follows the nearest neighbour of (x_n, u_n). Were the
    noise that smoothing reports noise, this would err by √2 of it at the least.
    """
    states = recording.states / size
    noise = np.sqrt(np.mean([s.noise**2 for s in smoothed], 1))
    if not np.isfinite(states).all():
        return _FINE
    spread = states.std(0)
    if np.all(noise < constants.TAKEN_FOR_NOISE * spread):
        return _FINE
    inputs = recording.inputs / np.where(recording.inputs.std(0) > 0, recording.inputs.std(0), 1.0)
    points = np.concatenate([states / np.where(spread > 0, spread, 1.0), inputs], 1)[:-1]
    _, nearest = KDTree(points).query(points, k=2)
    # Of a point that is there twice, either may come first.
    other = np.where(nearest[:, 0] == np.arange(len(points)), nearest[:, 1], nearest[:, 0])
    error = np.sqrt(np.mean((states[1:] - states[1:][other]) ** 2, 0))
    rows, noisy, unpredicted = constants.UNRELATED
    centred = states - states.mean(0)
    product = np.mean(centred[1:] * centred[:-1], 0)
    unrelated = (
        len(states) >= rows
        and np.all(noise > noisy * spread)
        and np.all(error > unpredicted * spread)
        and np.all(np.abs(product) < 3 / np.sqrt(len(states)) * spread**2)
    )
    coarse = np.any((error < constants.PREDICTED * noise) & (noise > 0))
    return _Follows(bool(coarse and not unrelated), bool(unrelated))


def _smoothed_alike(
    recordings: Sequence[Recording], size: np.ndarray, time: float, order: int, held: np.ndarray
) -> list[list[smoothing.SmoothedState]]:
    """Every state of every recording; the noise of a state is of one kind in all of them."""

    def smoothed(r: Recording, d: int, kind: bool | None = None) -> smoothing.SmoothedState:
        times, values = (r.times - r.times[0]) / time, r.states[:, d] / size[d]
        return _smoothed(times, values, r.inputs[:, held], order, kind)

    found = [[smoothed(r, d) for d in range(len(size))] for r in recordings]
    for d in range(len(size)):
        # The choice of a kind is paid for once.
        likelier = sum(each[d].kind for each in found) > constants.NOISE_KIND
        for r, each in zip(recordings, found, strict=True):
            if each[d].resolved and each[d].proportional != likelier:
                each[d] = smoothed(r, d, likelier)
    return found


def _smoothed(
    times: np.ndarray,
    values: np.ndarray,
    held: np.ndarray,
    order: int,
    proportional: bool | None = None,
) -> smoothing.SmoothedState:
    """One state of a recording, NaN where it was not measured [N], beside held inputs [N, H]."""
    seen = np.isfinite(values)
    own = times[seen]
    breaks = times[signals.steps_of(held)]
    # A piece between two steps must show its own curve.
    counts = np.diff(np.searchsorted(own, np.concatenate([[-np.inf], breaks, [np.inf]])))
    if not len(breaks) or min(counts) < constants.STEP_ROWS:
        breaks = None
    at = None if seen.all() else times
    knobs = {"breaks": breaks, "continuous": order - 1, "proportional": proportional}
    return smoothing.smooth(own, values[seen], at=at, **knobs)  # type: ignore[arg-type]


def _near(times: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Where every state was measured, or lies in a gap that is short for it, [N] of [N, D]."""
    near = np.ones(len(times), bool)
    for own in seen.T:
        at = times[own]
        after = np.clip(np.searchsorted(at, times), 1, len(at) - 1)
        most = constants.BRIDGED * np.median(np.diff(at))
        inside = (times >= at[0]) & (times <= at[-1])
        near &= own | (inside & (at[after] - at[after - 1] <= most))
    return near


def _signal(
    recording: Recording,
    found: list[smoothing.SmoothedState],
    units: Units,
    order: int,
    held: np.ndarray,
) -> Signal:
    count = len(found)
    times = (recording.times - recording.times[0]) / units.time
    position, slope, bend, sigma = (
        np.stack([getattr(f, name) for f in found], 1)
        for name in ("states", "derivatives", "curvatures", "noise")
    )
    seen = np.isfinite(recording.states)
    states, derivatives = position, slope
    measured = np.where(seen, recording.states / units.states[:count], position)
    noise = np.sqrt(np.mean(sigma**2, 0))
    relative = np.where(noise > 0, sigma / np.where(noise > 0, noise, 1.0), 1.0)
    proportional = np.array([f.proportional for f in found])
    resolved = np.array([f.resolved for f in found])
    if order == 2:
        # Velocities were not measured, and have their own unit.
        per = units.states[:count] / units.states[count:] / units.time
        states = np.concatenate([position, slope * per], 1)
        derivatives = np.concatenate([slope, bend * per], 1)
        measured = np.concatenate([measured, slope * per], 1)
        noise = np.append(noise, np.zeros(count))
        seen, relative, proportional, resolved = (
            np.concatenate([a, a], -1) for a in (seen, relative, proportional, resolved)
        )
    inputs = recording.inputs / units.inputs
    made = Signal(
        times,
        states,
        derivatives,
        measured,
        seen,
        _near(times, seen),
        relative,
        inputs,
        inputs,
        noise,
        proportional,
        resolved,
        min(f.freedom for f in found),
    )
    return signals.read_inputs(made, held)
