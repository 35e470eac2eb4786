"""Recordings made ready: scaled, smoothed, cut into the segments that equations are fitted on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from nsindy.discovery import constants, smoothing
from nsindy.recording.check import Recording
from nsindy.result import inputs as inputs_between
from nsindy.terms.numbered import Inner
from nsindy.trajectories.shooting import Segments

__all__ = [
    "Signal",
    "Units",
    "beginnings",
    "cells",
    "fitted_samples",
    "nodes",
    "noise",
    "noiseless",
    "read_inputs",
    "segments",
    "smooth_recordings",
    "steps_of",
    "thin",
    "thinned",
    "weighted",
    "windows",
]


SMALLEST_PARABOLA = 4
"""Samples of a block through which a parabola does not go."""


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


def thin(recording: Recording) -> Recording:
    """Average a recording over blocks of samples, so that `constants.MOST_SAMPLES` may be left.

    Of the states a parabola through each block is taken at its middle: their plain average is off
    by x'' h² / 24, h the length of a block, which in a long recording is more than the noise that
    an average leaves. Its variance is 9/4 of that of the average. Where states were not measured at
    the same times, each has blocks of its own.
    """
    times, states, inputs = recording
    seen = np.isfinite(states)
    if len(times) <= constants.MOST_SAMPLES:
        return recording
    if seen.all():
        size = -(-len(times) // constants.MOST_SAMPLES)
        middle, states = _in_blocks(times, states, size)
        return Recording(middle, states, _averaged(inputs, size))
    # The states share the samples, and what was seldom measured is left as it is.
    sizes = -(-seen.sum(0) * len(seen.T) // constants.MOST_SAMPLES)
    each = [
        _in_blocks(times[own], x[own, None], size)
        for own, x, size in zip(seen.T, states.T, sizes.tolist(), strict=True)
    ]
    union = np.unique(np.concatenate([t for t, _ in each]))
    left = np.full((len(union), len(each)), np.nan)
    for d, (t, x) in enumerate(each):
        left[np.searchsorted(union, t), d] = x[:, 0]
    # The last row at or before each time: of a ramp the average would be no better.
    rows = np.searchsorted(times, union, side="right") - 1
    return Recording(union, left, inputs[rows])


def thinned(recordings: Sequence[Recording], held: np.ndarray | None = None) -> list[Recording]:
    """The recordings, thinned, with a value of every input in every row.

    Args:
      recordings: as they were read.
      held: True for inputs that keep their value until the next one [U]; None for none.
    """
    keeps = np.zeros(recordings[0].inputs.shape[1], bool) if held is None else held
    return [
        thin(r._replace(inputs=inputs_between.filled(r.times, r.inputs, keeps))) for r in recordings
    ]


def _in_blocks(times: np.ndarray, states: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Middles of blocks of `size` samples, and the states there, from [N] and [N, D]."""
    middle = _averaged(times, size)
    if size < SMALLEST_PARABOLA:
        return middle, _averaged(states, size)
    offsets = _blocks(times, size) - middle[:, None]
    design = (offsets / np.max(np.abs(offsets), 1, keepdims=True))[..., None] ** np.arange(3)
    normal = np.einsum("bsi,bsj->bij", design, design)
    weights = np.linalg.solve(normal, np.broadcast_to(np.eye(3)[:, :1], (len(middle), 3, 1)))
    return middle, np.einsum("bsi,bio,bsd->bd", design, weights, _blocks(states, size))


def _blocks(values: np.ndarray, size: int) -> np.ndarray:
    """Blocks of `size` values of [N, ...], what is left over at the end left out."""
    count = len(values) // size
    return values[: count * size].reshape(count, size, *values.shape[1:])


def _averaged(values: np.ndarray, size: int) -> np.ndarray:
    """Means of the blocks of [N, ...]."""
    return _blocks(values, size).mean(1)


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
    smooth = [
        [_smoothed((r.times - r.times[0]) / time, c, r.inputs[:, held], order) for c in columns]
        for r in recordings
        for columns in [(r.states / size).T]
    ]
    few = len(size) <= constants.PREDICTED_STATES
    follows = [
        _follows(r, size, s) if few else _FINE for r, s in zip(recordings, smooth, strict=True)
    ]
    if all(each.unrelated for each in follows):
        step = np.median(np.diff(recordings[0].times))
        raise ValueError(
            f"a sample has nothing to do with the one before it, {step:.4g} earlier: the recording "
            "is coarser than what it should show, or nothing but noise; record ten times as often"
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


def _smoothed(
    times: np.ndarray, values: np.ndarray, held: np.ndarray, order: int
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
    return smoothing.smooth(own, values[seen], at=at, breaks=breaks, continuous=order - 1)


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
    relative = sigma / noise
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


def cells(signals: Sequence[Signal]) -> np.ndarray:
    """How often each state was measured [D], as if velocities had been as often as positions."""
    return np.sum([s.seen.sum(0) for s in signals], 0)


def noise(signals: Sequence[Signal]) -> np.ndarray:
    """Root mean square noise of each state over the recordings [D]; 0 where it was not measured."""
    return np.sqrt(np.mean([s.noise**2 for s in signals], 0))


def noiseless(signals: Sequence[Signal]) -> bool:
    """Tell whether regressions need not allow for the errors of smoothing."""
    return bool(np.max(noise(signals)) < constants.FINE)


def segments(
    signals: Sequence[Signal],
    units: Units,
    usable: np.ndarray,
    *,
    substeps: int | None,
    length: int,
    counted: float = 1.0,
) -> Segments:
    """Cut recordings into segments.

    Args:
      signals: the recordings.
      units: of the variables.
      usable: factors of the terms that have a value here.
      substeps: solver steps between samples; None for a map.
      length: L, intervals of a segment.
      counted: share of the samples of each recording, from the first, that count.

    The last of them are empty, so that few programs are compiled.
    """
    parts = [
        _segment(s, begin, length, round(counted * len(s.times)))
        for s in signals
        for begin in range(0, len(s.times) - 1, length)
    ]
    last = parts[-1]
    empty = last._replace(steps=0 * last.steps, weights=0 * last.weights)
    parts += [empty] * (_padded(len(parts)) - len(parts))
    steps, measured, weights, inputs = (np.stack(p) for p in zip(*parts, strict=True))
    firsts = np.concatenate([np.arange(0, len(s.times) - 1, length) == 0 for s in signals])
    starts = np.zeros((len(steps), _columns(len(signals))))
    starts[np.flatnonzero(firsts), np.arange(len(signals))] = 1.0
    everything = np.concatenate([s.measured for s in signals])
    low, high = everything.min(0), everything.max(0)
    half = 1.5 * np.max(high - low)
    bound = np.stack([(low + high) / 2 - half, (low + high) / 2 + half])
    arrays = (steps, substeps, measured, weights, inputs, units.raw, starts, usable, bound)
    return Segments(*(a if a is None else np.asarray(a) for a in arrays))  # type: ignore[arg-type]


def beginnings(signals: Sequence[Signal], length: int) -> np.ndarray:
    """The smoothed state at the first node of each segment [B, D], as `segments` cuts them."""
    found = [s.states[b] for s in signals for b in range(0, len(s.times) - 1, length)]
    return np.stack([*found, *[found[-1]] * (_padded(len(found)) - len(found))])


def nodes(signals: Sequence[Signal], paths: np.ndarray) -> list[np.ndarray]:
    """States of each recording [N, D], from those along its segments [B, L + 1, D]."""
    length, place, found = paths.shape[1] - 1, 0, []
    for s in signals:
        count = -(-(len(s.times) - 1) // length)
        path = paths[place : place + count]
        found.append(np.concatenate([path[0, :1], *path[:, 1:]])[: len(s.times)])
        place += count
    return found


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
        shape = smoothing.proportional_noise(
            np.concatenate([found, s.states[len(found) :]]), np.sqrt(np.mean(s.measured**2, 0))
        )
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


def _padded(count: int) -> int:
    """Segments to make of so many: a power of two, so that few programs are compiled."""
    return max(8, 2 ** int(np.ceil(np.log2(count))))


def _columns(starts: int) -> int:
    """Columns for so many starts: a power of four, so that few programs are compiled."""
    return max(4, 4 ** int(np.ceil(np.log2(starts) / 2)))


class _Segment(NamedTuple):
    """One segment: what `Segments` holds of it."""

    steps: np.ndarray
    states: np.ndarray
    weights: np.ndarray
    inputs: np.ndarray


def _segment(s: Signal, begin: int, length: int, limit: int) -> _Segment:
    last = len(s.times) - 1
    index = np.arange(begin, min(begin + length, last) + 1)
    lacking = begin + length - index[-1]
    weights = (s.noise > 0) / s.relative[index] ** 2 * (index < limit)[:, None] * s.seen[index]
    if index[-1] < last:
        weights[-1] = 0.0
    pad, more = ((0, lacking), (0, 0)), ((0, lacking), (0, 0), (0, 0))
    return _Segment(
        np.pad(np.diff(s.times[index]), (0, lacking)),
        np.pad(s.measured[index], pad, mode="edge"),
        np.pad(weights, pad),
        np.pad(np.stack([s.inputs[index[:-1]], s.before[index[1:]]], 1), more, mode="edge"),
    )


def windows(segments: Segments, propagators: np.ndarray, *, growth: float) -> Segments:
    """Begin anew where an error in the state has grown too far: no fit sees through chaos.

    Args:
      segments: the recordings.
      propagators: derivative of the end of each segment by its beginning [B, D, D].
      growth: factor by which an error may grow before.
    """
    first = np.max(np.asarray(segments.starts), 1) > 0
    total = np.eye(propagators.shape[1])
    for b in range(1, len(first)):
        total = propagators[b - 1] @ total
        size = np.linalg.norm(total, 2) if np.isfinite(total).all() else np.inf
        first[b] |= size > growth
        total = np.eye(len(total)) if first[b] else total
    starts = np.zeros((len(first), _columns(first.sum())))
    starts[np.flatnonzero(first), np.arange(first.sum())] = 1.0
    return segments._replace(starts=starts)  # type: ignore[arg-type]
