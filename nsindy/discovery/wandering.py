"""Columns that drive the others and have no equation of their own: noise makes them.

A supply voltage or the temperature of a room beside the states of a system may wander at random. No
equation is found for it, and the search for one takes longer than all the rest. So it is told apart
before anything is searched: a smooth path follows its rows less well than a random walk does, and
nothing in the row before says where that goes next.
"""

import itertools
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky_banded, solve_banded
from scipy.optimize import minimize_scalar

from nsindy.discovery import constants
from nsindy.discovery.preparation import thinning
from nsindy.discovery.wide_table import SortedOut
from nsindy.recording.arrange import as_inputs
from nsindy.recording.check import Recording, Recordings

__all__ = ["Wander", "wandering", "without_wandering"]


def without_wandering(recordings: Recordings, stay: Collection[str] = ()) -> SortedOut:
    """The recordings with what wanders at random as an input of the other states.

    One that was not measured in every row is left out.

    Args:
      recordings: as they were read.
      stay: names of columns that stay states, since something was said of them.
    """
    each = wandering(thinning.thinned(recordings.parts))
    names = [
        name
        for name, wander in zip(recordings.states, each, strict=True)
        if wander.at_random and name not in stay
    ]
    if not names:
        return SortedOut(recordings, equations=True)
    every = len(names) == len(recordings.states)
    found = recordings if every else as_inputs(recordings, names)
    notes = []
    for name in names:
        place = "taken as an input of the others" if name in found.inputs else "left out"
        notes.append(
            f"{name} wanders: nothing in a row foretells the change to the next, so noise drives "
            f"it, and it has no equation; {'' if every else f'it is {place}; '}"
            f'--free "{name}\' : 1, {name}" looks for one all the same'
        )
    return SortedOut(found._replace(notes=(*recordings.notes, *notes)), not every)


class Wander(NamedTuple):
    """How a column goes on from row to row.

    Attributes:
      gain: nats by which a random walk is likelier than a smooth path, both with noise: twice that
        of the half of the rows that shows it least, since what comes to rest wanders in one alone.
      foretold: True where the rows before foretell some of the changes.
    """

    gain: float
    foretold: bool

    @property
    def at_random(self) -> bool:
        """Whether noise drives the column."""
        return self.gain > constants.WANDERS and not self.foretold


class _Whitened(NamedTuple):
    """What a random walk with noise, or the integral of one, says of its rows.

    Attributes:
      nats: log likelihood.
      innovations: of each row the part that the rows before do not say, in units of its deviation.
    """

    nats: float
    innovations: np.ndarray


class _Differences(NamedTuple):
    """Differences of rows [n], and the lower band of their covariance over q [B, n]."""

    values: np.ndarray
    covariance: np.ndarray


class _Seen(NamedTuple):
    """A column where it was measured.

    Attributes:
      times: [N], in units of the mean step.
      values: [N], in units of their standard deviation.
      rows: all columns there, the last value where one was not measured [N, D + U].
    """

    times: np.ndarray
    values: np.ndarray
    rows: np.ndarray


def wandering(recordings: Sequence[Recording]) -> list[Wander]:
    """How each state goes on [D].

    With steps h, measurement noise e and independent w, a random walk has
    y_n - y_{n-1} = √(q h_n) w_n + e_n - e_{n-1}; of a smooth path the same holds for its slope.
    Both are at their likeliest q and noise, given the first two rows. What a random walk leaves of
    a row nothing in the rows before foretells.

    Args:
      recordings: of the same states, NaN where one was not measured.

    Reference: Wahba (1978), Journal of the Royal Statistical Society B 40, section 2.
    """
    found = []
    for d in range(recordings[0].states.shape[1]):
        parts = [part for part in (_seen(r, d) for r in recordings) if part is not None]
        stays = [np.diff(part.values) == 0 for part in parts]
        # A reading that stays while the state goes on is rounded, or set by hand.
        if not parts or np.mean(np.concatenate(stays)) > constants.WANDER_STAYS:
            found.append(Wander(-np.inf, foretold=True))
            continue
        gain = np.inf
        for half in zip(*map(_halves, parts), strict=True):
            # White noise about a mean is as smooth as it is a walk, but for a slope, which is free.
            slopes = sum(1.5 * np.log(len(part.times) / constants.WANDER_LEARNS) for part in half)
            nats = _likeliest(half, _walk).nats - _likeliest(half, _smooth).nats
            gain = min(gain, 2 * (nats - float(slopes)))
        innovations = _likeliest(parts, _walk).innovations
        found.append(Wander(gain, foretold=_foretold(parts, innovations)))
    return found


def _seen(recording: Recording, d: int) -> _Seen | None:
    seen = np.isfinite(recording.states[:, d])
    times, values = recording.times[seen], recording.states[seen, d]
    if len(times) < constants.WANDER_ROWS or np.ptp(values) == 0:
        return None
    rows = np.hstack([recording.states, recording.inputs])
    known = np.where(np.isfinite(rows), np.arange(len(rows))[:, None], 0)
    last = np.take_along_axis(rows, np.maximum.accumulate(known, 0), 0)
    step = (times[-1] - times[0]) / (len(times) - 1)
    return _Seen((times - times[0]) / step, values / np.std(values), np.nan_to_num(last)[seen])


def _halves(part: _Seen) -> tuple[_Seen, _Seen]:
    middle = len(part.times) // 2
    return _Seen(*(each[:middle] for each in part)), _Seen(*(each[middle:] for each in part))


def _likeliest(parts: Sequence[_Seen], covariance: Callable[..., _Differences]) -> _Whitened:
    """With the likeliest ratio of the noise to q, looked for over decades."""

    def lost(log: float) -> float:
        return -_whitened(parts, covariance, log).nats

    # Of a slope that hardly changes noise hides all over thousands of rows.
    grid = np.linspace(-12, 32, 23)
    best = grid[np.argmin([lost(each) for each in grid])]
    near = best - 2, best + 2
    fine = minimize_scalar(lost, bounds=near, method="bounded", options={"maxiter": 12})
    return _whitened(parts, covariance, fine.x)


def _whitened(
    parts: Sequence[_Seen], covariance: Callable[..., _Differences], log: float
) -> _Whitened:
    nats, white, later = 0.0, [], []
    for part in parts:
        differences, band = covariance(part, np.exp(log))
        factor = cholesky_banded(band, lower=True)
        white.append(solve_banded((len(band) - 1, 0), factor, differences))
        # Of the first rows a smooth path has to learn its slope.
        later.append(white[-1][constants.WANDER_LEARNS :])
        nats -= float(np.sum(np.log(factor[0, constants.WANDER_LEARNS :])))
    innovations, judged = np.concatenate(white), np.concatenate(later)
    # q is at its likeliest.
    size = np.mean(judged**2)
    nats -= 0.5 * len(judged) * (np.log(2 * np.pi * size) + 1)
    return _Whitened(nats, innovations / np.sqrt(size))


def _walk(part: _Seen, noise: float) -> _Differences:
    """Differences of the rows from the second on, and their covariance over q, banded."""
    band = np.zeros((2, len(part.times) - 2))
    band[0] = np.diff(part.times)[1:] + 2 * noise
    band[1] = -noise
    return _Differences(np.diff(part.values)[1:], band)


def _smooth(part: _Seen, noise: float) -> _Differences:
    """Rows less the line through the two before: y_{n+1} - (1 + s) y_n + s y_{n-1}."""
    before, after = np.diff(part.times)[:-1], np.diff(part.times)[1:]
    ratio, change = after / before, np.diff(part.values)
    band = np.zeros((3, len(after)))
    band[0] = after**2 * (before + after) / 3 + noise * (1 + (1 + ratio) ** 2 + ratio**2)
    band[1, :-1] = after[:-1] ** 2 * after[1:] / 6 - noise * (
        1 + ratio[1:] + ratio[1:] * (1 + ratio[:-1])
    )
    band[2, :-2] = noise * ratio[2:]
    return _Differences(change[1:] - ratio * change[:-1], band)


def _foretold(parts: Sequence[_Seen], innovations: np.ndarray) -> bool:
    """Whether products of the columns one row before explain some of the innovations (BIC)."""
    before = np.concatenate([part.rows[1:-1] for part in parts])
    steps = np.concatenate([np.diff(part.times)[1:] for part in parts])
    spread = before.std(0)
    before = (before - before.mean(0))[:, spread > 0] / spread[spread > 0]
    pairs = itertools.combinations_with_replacement(range(before.shape[1]), 2)
    columns = [np.ones(len(before)), *before.T, *(before[:, i] * before[:, j] for i, j in pairs)]
    library, left = np.stack(columns, 1) * steps[:, None], innovations
    sizes = np.linalg.norm(library, axis=0)
    price = 0.5 * np.log(len(left)) + np.log(len(columns))
    for count in range(1, min(constants.WANDER_TERMS, len(columns)) + 1):
        norms = np.linalg.norm(library, axis=0)
        units = library / np.where(norms > 1e-6 * sizes, norms, np.inf)
        best = units[:, np.argmax(np.abs(units.T @ left))]
        library, left = (each - np.multiply.outer(best, best @ each) for each in (library, left))
        gain = 0.5 * len(left) * np.log((innovations @ innovations) / (left @ left))
        if gain > count * price:
            return True
    return False
