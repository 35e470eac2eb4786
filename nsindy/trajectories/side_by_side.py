"""Many fits of segments side by side, each in a lane of one compiled step.

A step is a program of its own, so that each fit ends when it has come to its end, and the next
takes its lane.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from nsindy.runtime.programs import AT_ONCE, Program, at_once
from nsindy.terms.products import Products
from nsindy.trajectories.flow import Flow
from nsindy.trajectories.gauss_newton import FitState, ShootingFit, judge, step, unstarted
from nsindy.trajectories.shooting import Model, Segments

__all__ = [
    "fit_many",
    "in_groups",
    "lanes",
    "needed",
    "precompile_steps",
    "stack_lanes",
    "unstack_lanes",
]

LANES = 1, 32
"""Fewest and most fits that go on side by side."""

MANY_STATES = 7
"""States beyond which fits go on one by one."""

NODES = 512
"""Nodes of all fits together, from which on more take longer by as much: lanes that are empty cost
what full ones do. Of 1,024 nodes two at once take half as long again as one after the other."""

CLEAR = 50.0
"""Nats by which a fit must promise to be worse than the best to be given up."""

FAR = 2.0
"""Times what is promised, from which a promise is not to be relied on."""

RELIEF = 10.0
"""Times the best sum of squares that must be promised as well by a fit from there."""


def _steps(terms, states, segments, noise):
    return jax.vmap(lambda state: step(terms, state, segments, noise))(states)


def _judged(states, segments, noise, floor):
    return jax.vmap(lambda state: judge(state, segments, noise, floor))(states)


ALL_STEP = Program(_steps)
ALL_JUDGED = Program(_judged)


def precompile_steps(
    terms: Products | Flow, model: Model, segments: Segments, noise: np.ndarray
) -> None:
    """Compile, in threads, what `fit_many` needs for models and segments of these shapes."""
    states = stack_lanes([unstarted(model, segments)], lanes(segments))
    ALL_STEP.precompile(terms, states, segments, noise)
    ALL_JUDGED.precompile(states, segments, noise, noise)


def fit_many(
    terms: Products | Flow,
    models: Sequence[Model],
    segments: Segments,
    noise: np.ndarray,
    floor: np.ndarray,
    stop: Callable[[], bool] = lambda: False,
) -> list[ShootingFit]:
    """Fit many models; as soon as one has come to its end, the next takes its lane.

    A model is given up where, were everything linear, it would still be left clearly behind the
    best of them: what bad models promise they seldom keep, and they take the most steps to show it.
    Where `stop` says so, all end as they are, and what has not begun has no likelihood.

    Args:
      terms: of the library.
      models: to begin with.
      segments: the recordings.
      noise: of each state [D].
      floor: below which no standard deviation counts for less [D].
      stop: tells whether to end with what there is.
    """
    if not models:
        return []
    blank = jax.tree.map(np.asarray, unstarted(models[0], segments))
    states = [
        blank._replace(best=blank.best._replace(model=model), proposal=model) for model in models
    ]
    waiting, going = list(range(len(models)))[::-1], list[int]()
    samples, side_by_side = np.sum(np.asarray(segments.weights) > 0), lanes(segments)
    least = np.inf

    def stepped(group: Sequence[int]) -> list[FitState]:
        now = stack_lanes([states[i] for i in group], side_by_side)
        some = needed(terms, [models[i] for i in group], segments)
        return unstack_lanes(ALL_STEP(terms, now, some, noise))

    def judged(group: Sequence[int]) -> list[ShootingFit]:
        now = stack_lanes([states[i] for i in group], side_by_side)
        return unstack_lanes(ALL_JUDGED(now, segments, noise, floor))

    while waiting or going:
        while waiting and len(going) < side_by_side * (1 if _large(segments) else AT_ONCE):
            going.append(waiting.pop())
        for i, state in zip(going, in_groups(stepped, going, side_by_side), strict=True):
            states[i] = state
        least = min(least, *(states[i].value for i in going))
        enough = np.exp(2 * CLEAR / samples) * max(least, samples)
        going = [i for i in going if not (states[i].done or _hopeless(states[i], enough))]
        if stop():
            break
    return in_groups(judged, range(len(states)), side_by_side)


def in_groups(
    function: Callable[[Sequence[Any]], list[Any]], each: Sequence[Any], size: int
) -> list[Any]:
    """What a function says of each, given `size` of them at a time, several groups at once.

    Args:
      function: of a group; what it says beyond the length of that is of empty lanes.
      each: its arguments.
      size: of a group.
    """
    groups = [each[at : at + size] for at in range(0, len(each), size)]
    said = at_once(function, groups)
    return [one for group, own in zip(groups, said, strict=True) for one in own[: len(group)]]


def _hopeless(state: FitState, enough: float) -> bool:
    far = state.value > FAR * state.promised
    return bool(state.promised > enough * (RELIEF if far else 1.0))


def needed(terms: Products | Flow, models: Sequence[Model], segments: Segments) -> Segments:
    """The segments, of whose factors only those that these models hold are evaluated."""
    if isinstance(terms, Flow):
        return segments
    held = np.zeros(np.shape(segments.usable), bool)
    held[np.asarray(terms.rows)[np.stack([model.indices for model in models])]] = True
    return segments._replace(usable=np.asarray(segments.usable) & held)  # type: ignore[arg-type]


def lanes(segments: Segments) -> int:
    """Fits that go on side by side: of few rows many, since each takes next to no time.

    Of many states one: its matrices are large enough for the processor.
    """
    return 1 if _large(segments) else int(np.clip(NODES // segments.steps.size, *LANES))


def _large(segments: Segments) -> bool:
    """Whether the matrices of one fit occupy the processor, and enough memory."""
    return segments.states.shape[-1] > MANY_STATES


def stack_lanes(each: Sequence[Any], count: int) -> Any:
    """Stack, for as many lanes as there are; the first fills those that would be empty."""
    each = [*each, *[each[0]] * (count - len(each))]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *each)


def unstack_lanes(stacked: Any) -> list[Any]:
    """One for each lane."""
    stacked = jax.tree.map(np.asarray, stacked)
    count = len(jax.tree.leaves(stacked)[0])
    return [jax.tree.map(lambda leaf, i=i: leaf[i], stacked) for i in range(count)]
