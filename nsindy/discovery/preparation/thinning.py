"""Long recordings averaged in blocks, so that a fit takes at most some seconds."""

from collections.abc import Sequence

import numpy as np

from nsindy.discovery import constants
from nsindy.recording.check import Recording
from nsindy.result import inputs as inputs_between

__all__ = ["thin", "thinned"]

SMALLEST_PARABOLA = 4
"""Samples of a block through which a parabola does not go."""


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
