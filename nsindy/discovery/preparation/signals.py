"""A recording in scaled units, and what is asked of it: its noise, its steps, its held inputs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

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


def usual_step(recordings: Sequence[Recording]) -> float:
    """The median time between rows, in units of the times."""
    return float(np.median(np.concatenate([np.diff(part.times) for part in recordings])))


def steps_of(inputs: np.ndarray) -> np.ndarray:
    """The samples at which an input has another value than at the one before, of [N, U]."""
    return np.flatnonzero(np.any(np.diff(inputs, axis=0) != 0, axis=1)) + 1


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
