"""Which columns of recordings are states and which are inputs."""

from collections.abc import Sequence

import numpy as np

from nsindy.recording import check

__all__ = ["arranged"]


FEW = 4
"""Values that a column takes at most for it to be a switch, or a level that is set."""

MANY = 20
"""Values that another column takes at least, for few to be no matter of rounding."""


def switches(matrices: Sequence[np.ndarray], states: Sequence[int]) -> list[int]:
    """Columns that are switched between few values, while others change as states do.

    No state of a differential equation jumps: a heater that is on or off drives the others.

    Args:
      matrices: times and columns of each recording [N, 1 + C].
      states: the columns that would be states, from 0 for the one behind the times.
    """
    every = np.concatenate(matrices)
    counts = {i: len(np.unique(every[np.isfinite(every[:, 1 + i]), 1 + i])) for i in states}
    if max(counts.values(), default=0) < MANY:
        return []
    return [i for i, count in counts.items() if count <= FEW]


def arranged(
    recordings: "check.Recordings", states: Sequence[str], inputs: Sequence[str]
) -> "check.Recordings":
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
        parts.append(check.Recording(part.times, values[:, own], values[:, driving]))
    return recordings._replace(parts=tuple(parts), states=tuple(states), inputs=tuple(inputs))
