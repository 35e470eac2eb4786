"""Which columns of recordings are states and which are inputs."""

from collections.abc import Sequence

import numpy as np

from nsindy.recording.check import Recording, Recordings

__all__ = ["arranged", "as_inputs"]


def arranged(recordings: Recordings, states: Sequence[str], inputs: Sequence[str]) -> Recordings:
    """The recordings with these of their columns as states and those as inputs.

    Args:
      recordings: hold every name as a state or an input.
      states: names of the states.
      inputs: names of the inputs.
    """
    names = [*recordings.states, *recordings.inputs]
    own, driving = ([names.index(name) for name in each] for each in (states, inputs))
    parts = []
    for part in recordings.parts:
        values = np.concatenate([part.states, part.inputs], 1)
        parts.append(Recording(part.times, values[:, own], values[:, driving]))
    return recordings._replace(parts=tuple(parts), states=tuple(states), inputs=tuple(inputs))


def as_inputs(recordings: Recordings, names: Sequence[str]) -> Recordings:
    """The recordings with these of their states as inputs, after those there.

    One that was not measured in every row is left out: equations need their inputs at all times.
    """
    values = np.concatenate([part.states for part in recordings.parts])
    whole = np.isfinite(values).all(0)
    taken = [n for n, ok in zip(recordings.states, whole, strict=True) if ok and n in names]
    states = [name for name in recordings.states if name not in names]
    return arranged(recordings, states, (*recordings.inputs, *taken))
