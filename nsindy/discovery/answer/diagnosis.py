"""What may be missing where equations do not explain a recording, in a person's words."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from nsindy.discovery import constants
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.signals import Signal

__all__ = ["Reason", "ambiguity", "changes_apart", "reasons", "turns_on_itself"]


class Reason(NamedTuple):
    """What may be missing.

    Attributes:
      what: in words.
      step: the one thing to do about it, in words.
    """

    what: str
    step: str


def ambiguity(points: np.ndarray, values: np.ndarray, apart: int) -> float:
    """How little points tell of values: share of the variance that neighbours do not share.

    mean (v_i - v_j)² / 2 Var v  over the neighbours j of i that are `apart` samples away at least

    0 where values are a function of the points, 1 where points tell nothing.

    Args:
      points: in the order of time [N, P].
      values: of a function of them, or not [N].
      apart: samples that two neighbours lie apart in time, so that it is not the same passage.
    """
    spread = points.std(0)
    scaled = points / np.where(spread > 0, spread, 1.0)
    variance = values.var()
    if variance == 0 or len(values) <= 2 * apart:
        return np.nan
    count = min(len(values), 2 * apart + 2)
    distances, neighbours = KDTree(scaled).query(scaled, k=count)
    far = np.abs(neighbours - np.arange(len(values))[:, None]) >= apart
    rows = np.flatnonzero(far.any(1))
    nearest = far[rows].argmax(1)
    near = distances[rows, nearest] < constants.NEAR_PASSAGE
    if near.sum() < constants.FEWEST_PASSAGES:
        return np.nan
    rows, others = rows[near], neighbours[rows, nearest][near]
    return float(np.mean((values[rows] - values[others]) ** 2) / (2 * variance))


def changes_apart(signal: Signal, rows: Iterable[int]) -> list[float]:
    """Of each of these states how little all columns tell of its derivative; see `ambiguity`."""
    points = np.hstack([signal.states, signal.inputs])
    # In a long gap a spline guesses.
    near, apart = signal.near, _apart(signal)
    return [ambiguity(points[near], signal.derivatives[near, row], apart) for row in rows]


def turns_on_itself(signal: Signal, row: int, alone: float) -> bool:
    """Whether the second derivative of a state is a function of all columns and the first.

    Args:
      signal: a recording.
      row: the state.
      alone: how little the columns alone tell of the first derivative; see `ambiguity`.
    """
    points, rate = np.hstack([signal.states, signal.inputs]), signal.derivatives[:, row]
    second, both = np.gradient(rate, signal.times), np.hstack([points, rate[:, None]])
    left = ambiguity(both[signal.near], second[signal.near], _apart(signal))
    return alone > constants.AMBIGUOUS and not left > constants.AMBIGUOUS * alone


def _apart(signal: Signal) -> int:
    return max(3, len(signal.times) // 20)


def reasons(prepared: Prepared, residuals: list[np.ndarray], states: tuple[str, ...]):
    """What may be missing, the likeliest first; nothing where nothing points anywhere.

    Args:
      prepared: the recordings.
      residuals: what the equations leave of the measured states of each recording, scaled [N, d].
      states: names of the measured states.
    """
    longest = max(range(len(prepared.signals)), key=lambda i: len(prepared.signals[i].times))
    signal = prepared.signals[longest]
    hidden = list(_hidden(prepared, signal, states))
    found = [
        *_coarse(signal, states),
        *(hidden or _periodic(signal, residuals[longest], states)),
        *_short(signal, states),
    ]
    return tuple(found)


def _coarse(signal: Signal, states: tuple[str, ...]) -> Iterator[Reason]:
    # Where smoothing has told a small noise, only what it leaves of the state turns with the state.
    small = signal.noise < constants.TAKEN_FOR_NOISE * signal.measured.std(0)
    path = np.where(signal.resolved & small, signal.states, signal.measured)
    changes = [np.sign(np.diff(path[signal.seen[:, d], d])) for d in range(len(states))]
    turns = np.array([np.mean(change[1:] * change[:-1] < 0) for change in changes])
    for d in np.flatnonzero(turns > constants.TURNS_COARSE):
        yield Reason(
            f"{states[d]} turns at {turns[d]:.0%} of its samples: the recording is too coarse, or "
            "noise, to show what happens between them",
            "record with smaller steps",
        )
        return


def _hidden(prepared: Prepared, signal: Signal, states: tuple[str, ...]) -> Iterator[Reason]:
    measured = len(states)
    first = len(signal.states[0]) - measured if prepared.order == 2 else 0
    shares = np.nan_to_num(changes_apart(signal, range(first, first + measured)))
    worst, at = np.max(shares), int(np.argmax(shares))
    if not worst > constants.AMBIGUOUS:
        return
    points, near, apart = np.hstack([signal.states, signal.inputs]), signal.near, _apart(signal)
    name, order = states[at], prepared.order
    change = f"{name}{chr(39) * order}"
    known = " and ".join(states)
    what = f"{change} is no function of {known}: the same values go on in different ways"
    rate = signal.derivatives[:, first + at]
    if order == 1:
        # A delay explains what an order explains as well; not the other way round.
        if turns_on_itself(signal, at, worst):
            yield Reason(
                f"{what}, but {name}'' may be one of them and {name}'",
                "try --order 2, or --hidden 1 if a state of the system was not measured; a delay, "
                "which is outside this library, may look like that too",
            )
            return
        delay, share = 0, np.inf
        # It is counted in samples, all of them.
        if near.all():
            delay, share = _delay(points, signal.measured[:, at], rate, apart)
        if share < constants.AMBIGUOUS * worst:
            time = delay * float(np.median(np.diff(signal.times))) * prepared.units.time
            yield Reason(
                f"{what}; with {name} as it was {time:.3g} earlier it nearly is",
                "a delay, which is outside this library, or something that drives it and was not "
                "recorded as it acts: try --forcing, or give it with --inputs",
            )
            return
    yield Reason(
        f"{what}: a state that was not measured, or a forcing in time",
        "measure another state, try --hidden 1, or give what drives it with --inputs",
    )


def _delay(
    points: np.ndarray, values: np.ndarray, rate: np.ndarray, apart: int
) -> tuple[int, float]:
    """The delay in samples, of those that are tried, that leaves least unknown, and how much."""
    best = 0, np.inf
    for delay in np.unique(np.geomspace(2, len(values) / 4, 40).astype(int)).tolist():
        both = np.hstack([points[delay:], values[: len(values) - delay, None]])
        share = ambiguity(both, rate[delay:], apart)
        if share < best[1]:
            best = delay, share
    return best


def _periodic(signal: Signal, residual: np.ndarray, states: tuple[str, ...]) -> Iterator[Reason]:
    # It takes a third of a second, and most recordings are explained.
    from scipy.signal import periodogram

    steps = np.diff(signal.times)
    if len(steps) < 30 or np.ptp(steps) > 0.01 * np.mean(steps):
        return
    for d, name in enumerate(states):
        left = residual[:, d]
        if not np.isfinite(left).all() or left.std() <= 2 * signal.noise[d]:
            continue
        frequency, power = periodogram(left, window="hann")
        top = int(np.argmax(power))
        share = power[max(top - 2, 0) : top + 3].sum() / power.sum()
        if top >= 3 and share > constants.PERIODIC:
            samples = 1 / frequency[top]
            others = " or ".join(other for other in states if other != name)
            column = f"if it is {others}, --inputs says so; else " if others else ""
            yield Reason(
                f"what is left of {name} swings once in {samples:.3g} samples: something periodic "
                "drives it that is not among the inputs",
                f"{column}record what drives it and name it with --inputs",
            )
            return


def _short(signal: Signal, states: tuple[str, ...]) -> Iterator[Reason]:
    smooth = signal.states[:, : len(states)]
    change = np.diff(smooth, axis=0)
    if np.all((change >= 0).all(0) | (change <= 0).all(0)):
        yield Reason(
            "all states only rise or only fall: many equations do that",
            "record longer, or from another initial state as well",
        )
