"""Recordings made ready: scaled and smoothed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from nsindy.discovery import constants
from nsindy.discovery.preparation import smoothing
from nsindy.recording.check import Recording
from nsindy.recording.repair import quantised
from nsindy.terms.numbered import Inner

__all__ = [
    "Signal",
    "Units",
    "around_samples",
    "cells",
    "cut_at_steps",
    "fitted_samples",
    "noise",
    "noiseless",
    "read_inputs",
    "rounding",
    "smooth_recordings",
    "steps_of",
    "usual_step",
    "weighted",
]


def fitted_samples(samples: int) -> int:
    """How many of the samples of a recording, from the first, are not held out."""
    return round((1 - constants.HELD_OUT) * samples)


class Units(NamedTuple):
    """Units in which every variable is at most 1 and the first recording `SCALED_SPAN` long.

    Attributes:
      states: [D].
      inputs: [U].
      time: scalar.
      inner: numbers that are fitted inside terms, per raw unit, at most one of a variable.
    """

    states: np.ndarray
    inputs: np.ndarray
    time: float
    inner: tuple[Inner, ...] = ()

    @property
    def variables(self) -> np.ndarray:
        """Of the states, then the inputs [D + U]."""
        return np.concatenate([self.states, self.inputs])

    @property
    def raw(self) -> np.ndarray:
        """What the variables are multiplied by, the number of each, 0 for none, and the second.

        Together [3 (D + U)].
        """
        numbers = np.zeros((2, len(self.variables)))
        for inner in self.inner:
            numbers[: len(inner.numbers), inner.place] = inner.numbers
        return np.concatenate([self.variables, *numbers])

    def expand(self, values: np.ndarray) -> np.ndarray:
        """Variables that the terms are bound to, sample by sample; see `shooting.expand`."""
        units, numbers = np.split(self.raw, [len(self.variables)])
        shown = np.broadcast_to(numbers, (len(values), len(numbers)))
        return np.concatenate([values, values * units, shown], 1)


class Signal(NamedTuple):
    """One recording in scaled units, smoothed.

    Attributes:
      times: [N].
      states: smoothed [N, D].
      derivatives: [N, D].
      measured: [N, D]; the smoothed state where it was not measured.
      seen: True where a state was measured [N, D].
      near: True where every state is measured close enough to be smoothed over [N].
      relative: noise of each sample over its root mean square [N, D].
      inputs: [N, U].
      before: inputs just before each sample, those of the sample before where they are held [N, U].
      noise: root mean square noise of each state [D]; 0 where it was not measured.
      proportional: whether the noise grows with the state [D].
      resolved: whether smoothing has told noise from signal [D].
      freedom: effective number of independent samples.
      coarse: True where the samples are too far apart to be smoothed.
      held: True for inputs that keep their value until the next sample [U].
      cuts: the samples at which a solution begins anew.
    """

    times: np.ndarray
    states: np.ndarray
    derivatives: np.ndarray
    measured: np.ndarray
    seen: np.ndarray
    near: np.ndarray
    relative: np.ndarray
    inputs: np.ndarray
    before: np.ndarray
    noise: np.ndarray
    proportional: np.ndarray
    resolved: np.ndarray
    freedom: float
    coarse: bool = False
    held: np.ndarray = np.zeros(0, bool)
    cuts: np.ndarray = np.zeros(0, int)


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
    breaks = times[steps_of(held)]
    # A piece between two steps must show its own curve.
    counts = np.diff(np.searchsorted(own, np.concatenate([[-np.inf], breaks, [np.inf]])))
    if not len(breaks) or min(counts) < constants.STEP_ROWS:
        breaks = None
    at = None if seen.all() else times
    knobs = {"breaks": breaks, "continuous": order - 1, "proportional": proportional}
    return smoothing.smooth(own, values[seen], at=at, **knobs)  # type: ignore[arg-type]


def usual_step(recordings: Sequence[Recording]) -> float:
    """The median time between rows, in units of the times."""
    return float(np.median(np.concatenate([np.diff(part.times) for part in recordings])))


def steps_of(inputs: np.ndarray) -> np.ndarray:
    """The samples at which an input has another value than at the one before, of [N, U]."""
    return np.flatnonzero(np.any(np.diff(inputs, axis=0) != 0, axis=1)) + 1


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
    return read_inputs(made, held)


def read_inputs(signal: Signal, held: np.ndarray) -> Signal:
    """The same signal, some of its inputs held between the samples, the others straight [U]."""
    inputs = signal.inputs
    before = np.concatenate([inputs[:1], np.where(held, inputs[:-1], inputs[1:])])
    return signal._replace(before=before, held=held)


def cut_at_steps(signal: Signal) -> Signal:
    """The same signal, whose solutions begin anew after each step of a held input.

    Of steps within `constants.CUT_ROWS` rows of another, or of an end, there is none.
    """
    cuts: list[int] = []
    for row in steps_of(signal.inputs[:, signal.held]).tolist():
        before = cuts[-1] if cuts else 0
        if before + constants.CUT_ROWS <= row <= len(signal.times) - constants.CUT_ROWS:
            cuts.append(row)
    return signal._replace(cuts=np.array(cuts, int))


def around_samples(signal: Signal) -> np.ndarray:
    """Scaled states and inputs [N, V]; where inputs step, before and after samples [2, N, V]."""
    after = np.hstack([signal.states, signal.inputs])
    if np.array_equal(signal.inputs, signal.before):
        return after
    return np.stack([np.hstack([signal.states, signal.before]), after])


def cells(signals: Sequence[Signal]) -> np.ndarray:
    """How often each state was measured [D], as if velocities had been as often as positions."""
    return np.sum([s.seen.sum(0) for s in signals], 0)


def noise(signals: Sequence[Signal]) -> np.ndarray:
    """Root mean square noise of each state over the recordings [D]; 0 where it was not measured."""
    return np.sqrt(np.mean([s.noise**2 for s in signals], 0))


def rounding(signals: Sequence[Signal]) -> np.ndarray:
    """Standard deviation of the rounding of each state [D]; 0 where readings show no steps."""
    read = np.concatenate([np.where(s.seen, s.measured, np.nan) for s in signals])
    return np.array([quantised(column) for column in read.T]) / np.sqrt(12)


def noiseless(signals: Sequence[Signal]) -> bool:
    """Tell whether regressions need not allow for the errors of smoothing."""
    return bool(np.max(noise(signals)) < constants.FINE)


def weighted(
    signals: Sequence[Signal], states: Sequence[np.ndarray], floor: np.ndarray
) -> list[Signal]:
    """The same signals, their kind and size of noise taken from the states of a fitted model.

    A smoothed state is off where the state itself is quick or near zero, and so is its noise; and
    where a spline has gone through every sample, only what a model leaves tells noise and its kind.

    Args:
      signals: the recordings.
      states: of the model, at the first samples of each [N, D].
      floor: noise below which what is left tells nothing [D].
    """
    left, shapes = [], []
    for s, found in zip(signals, states, strict=True):
        size = np.sqrt(np.mean(s.measured**2, 0))
        path = np.concatenate([found, s.states[len(found) :]])
        # What is 0 throughout a recording has no share of it for a noise.
        shape = np.where(size > 0, smoothing.proportional_noise(path, size), 1.0)
        shapes.append(shape / np.sqrt(np.mean(shape**2, 0)))
        seen = s.seen[: len(found)]
        left.append(np.where(seen, s.measured[: len(found)] - found, np.nan))
    each = np.concatenate([shape[: len(r)] for shape, r in zip(shapes, left, strict=True)])
    every = np.concatenate(left)
    size, even = np.sqrt(np.nanmean(every**2, 0)), np.sqrt(np.nanmean((every / each) ** 2, 0))
    seen = (noise(signals) > 0) & (size > floor)
    logs = np.nanmean(np.where(np.isnan(every), np.nan, np.log(each)), 0)
    gain = np.log(np.where(seen, size, 1.0) / np.where(seen, even, 1.0)) - logs
    before = np.all([s.proportional for s in signals], 0)
    count = np.sum(np.isfinite(every), 0)
    likelier = count * gain > np.where(before, -constants.NOISE_KIND, constants.NOISE_KIND)
    kinds = [np.where(seen, likelier, s.proportional) for s in signals]
    return [
        s._replace(
            relative=np.where(kind, shape, 1.0),
            proportional=kind,
            noise=np.where(seen & ~s.resolved, size, s.noise),
        )
        for s, shape, kind in zip(signals, shapes, kinds, strict=True)
    ]
