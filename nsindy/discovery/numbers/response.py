"""What a small forcing of its equations does to a recording, to first order.

Where an input steps at a sample, what depends on it has two sides there: B is 2, before and after,
and 1 where no input steps.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.signals import Signal
from nsindy.terms import products

__all__ = ["Response", "linearised", "over_steps"]

FEW = 16
"""Columns up to which deviations are added up over 1, 2, 4, … steps at once: for more a step at a
time is as quick."""


class Response(NamedTuple):
    """One recording around states near it: a deviation obeys δ' = J δ + forcing.

    These are smoothed measurements, or a solution that follows the recording closer.

    Attributes:
      times: [N].
      variables: states and inputs in raw units [B, N, V].
      theta: Θ of the states [B, N, M].
      slopes: derivatives of the states [B, N, D].
      jacobian: J [B, N, D, D].
      propagators: of a deviation from each sample to the next [N - 1, D, D].
      over: of a deviation from 1, 2, 4, … samples before, 0 across a fresh one [N, D, D] each.
      fresh: True where a deviation begins anew [N].
      begin: deviation of each sample by where it began [N, D, D · windows].
      deviation: of the measured states from these [N, D].
      weights: one over the noise, 0 where a state was not measured [N, D].
    """

    times: np.ndarray
    variables: np.ndarray
    theta: np.ndarray
    slopes: np.ndarray
    jacobian: np.ndarray
    propagators: np.ndarray
    over: tuple[np.ndarray, ...]
    fresh: np.ndarray
    begin: np.ndarray
    deviation: np.ndarray
    weights: np.ndarray

    def rows(self, states: np.ndarray) -> np.ndarray:
        """What was measured of states [N, D, C], in units of the noise [S, C]."""
        return (states * self.weights[:, :, None])[self.weights > 0]

    def response(self, forcing: Sequence[np.ndarray]) -> np.ndarray:
        """What forcings do to what was measured [S, C].

        From sample to sample a forcing is integrated by the trapezoidal rule with its correction at
        the ends, h/2 (f₀ + f₁) + h²/12 (f₀' - f₁').

        Args:
          forcing: for each state those that act on it [N, C_d] or [B, N, C_d]; C are those of all
            states.
        """
        push = np.concatenate([self._push(f, d) for d, f in enumerate(forcing) if f.size], 2)
        states = np.zeros((len(self.times), *push.shape[1:]))
        if push.shape[2] > FEW:
            for n in np.flatnonzero(~self.fresh[1:]):
                states[n + 1] = self.propagators[n] @ states[n] + push[n]
            return self.rows(states)
        states[1:] = np.where(self.fresh[1:, None, None], 0.0, push)
        for k, across in enumerate(self.over):
            states[2**k :] += across[2**k :] @ states[: -(2**k)]
        return self.rows(states)

    def _push(self, forcing: np.ndarray, d: int) -> np.ndarray:
        h = np.diff(self.times)[:, None]
        before, after = _sides(forcing if forcing.ndim == 3 else forcing[None])
        first, last = after[:-1], before[1:]
        earlier, later = _slopes(first, last, h, before != after)
        own = np.eye(self.jacobian.shape[-1])[d]
        inner_before, inner_after = _sides(self.jacobian)

        def end(inner, sign):
            """What a forcing, and its slope, at one end of each step do there [N - 1, D, 2]."""
            by_forcing = h / 2 * own - sign * h**2 / 12 * inner[:, :, d]
            return np.stack([by_forcing, sign * h**2 / 12 * own], 2)

        start = self.propagators @ end(inner_after[:-1], 1)
        by = np.concatenate([start, end(inner_before[1:], -1)], 2)
        return by @ np.stack([first, earlier, last, later], 1)


def _sides(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What has one side or two, before and after each sample."""
    return values[0], values[-1]


def _slopes(
    first: np.ndarray, last: np.ndarray, h: np.ndarray, steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes at both ends of each step [N - 1, C], through a sample where there is no step.

    Args:
      first: at the beginning of each step [N - 1, C].
      last: at its end [N - 1, C].
      h: its length [N - 1, 1].
      steps: True where a step is at a sample [N, C].
    """
    inside = (last - first) / h
    through = (h[1:] * inside[:-1] + h[:-1] * inside[1:]) / (h[1:] + h[:-1])
    earlier = np.concatenate([inside[:1], through])
    later = np.concatenate([through, inside[-1:]])
    return np.where(steps[:-1], inside, earlier), np.where(steps[1:], inside, later)


def linearised(
    prepared: Prepared,
    coefficients: np.ndarray,
    noise: np.ndarray,
    solved: Sequence[np.ndarray] = (),
) -> list[Response]:
    """Linearise each recording around its smoothed states, or around a solution.

    Args:
      prepared: the recordings and the terms.
      coefficients: of the equations, scaled [D, M].
      noise: of each state [D].
      solved: their solution along each recording [N, D], used where it misses the recording by less
        than its smoothed states do, as where inputs step in every row.
    """
    units, valued = prepared.units, np.any(prepared.theta, 0)
    count = len(units.states)
    difference = constants.NUMBER_DIFFERENCE
    changes = difference * np.eye(len(units.variables))[:count]

    def values(variables):
        points = units.expand(variables.reshape(-1, variables.shape[-1]))
        theta = products.term_values(prepared.problem.terms, points, prepared.usable)
        theta = theta[:, : len(prepared.terms)]
        theta = np.where(np.isfinite(theta) & valued, theta, 0.0)
        return theta.reshape(*variables.shape[:-1], -1)

    parts = []
    for s, solution in itertools.zip_longest(prepared.signals, solved):
        near = s.states if solution is None or not _closer(s, solution) else solution
        s = s._replace(states=near)
        own = np.flatnonzero(s.seen.any(1))
        own = own[:: -(-len(own) // constants.NUMBER_SAMPLES)]
        around = signals.around_samples(s)[..., own, :]
        around = around if around.ndim == 3 else around[None]
        theta = values(around)
        slopes = _slopes_of(near[own], s.derivatives[own], s.times[own], len(around))
        if near is solution:
            slopes = theta @ coefficients.T
        ends = [(values(around + c) - values(around - c)) @ coefficients.T for c in changes]
        inner = np.stack(ends, -1) / (2 * difference)
        weights = (s.noise > 0) * s.seen[own] / (noise * s.relative[own])
        times = s.times[own]
        mean = (inner[0, 1:] + inner[-1, :-1]) / 2
        propagators = _exponential(np.diff(times)[:, None, None] * mean)
        cut = np.searchsorted(s.cuts, own[1:], "right") > np.searchsorted(s.cuts, own[:-1], "right")
        fresh, begin = _begin(propagators, cut)
        parts.append(
            Response(
                times,
                around * units.variables,
                theta,
                slopes,
                inner,
                propagators,
                over_steps(propagators, fresh),
                fresh,
                begin,
                (s.measured - s.states)[own],
                weights,
            )
        )
    return parts


def over_steps(propagators: np.ndarray, fresh: np.ndarray) -> tuple[np.ndarray, ...]:
    """Propagators over 1, 2, 4, … steps to each sample, 0 where a deviation has begun anew since.

    With them a recursion of N steps is log₂ N sums (Hillis and Steele 1986).

    Args:
      propagators: from each sample to the next [N - 1, D, D].
      fresh: True where a deviation begins anew [N].
    """
    first = np.where(fresh[1:, None, None], 0.0, propagators)
    over = [np.concatenate([np.zeros((1, *first.shape[1:])), first])]
    while 2 ** len(over) < len(fresh):
        step, last = 2 ** (len(over) - 1), over[-1]
        twice = np.zeros_like(last)
        # What runs away is told by the propagators.
        with np.errstate(all="ignore"):
            twice[step:] = last[step:] @ last[:-step]
        over.append(twice)
    return tuple(over)


def _closer(signal: Signal, solution: np.ndarray) -> bool:
    """Whether a solution misses the measurements by less than the smoothed states do."""
    missed = [
        np.sum(((signal.measured - states) / signal.relative)[signal.seen] ** 2)
        for states in (solution, signal.states)
    ]
    return bool(missed[0] < missed[1])


def _slopes_of(
    states: np.ndarray, derivatives: np.ndarray, times: np.ndarray, sides: int
) -> np.ndarray:
    """Derivatives of smoothed states; where inputs step, which smooths them, of straight lines."""
    if sides == 1:
        return derivatives[None]
    inside = np.diff(states, axis=0) / np.diff(times)[:, None]
    return np.stack([np.vstack([inside[:1], inside]), np.vstack([inside, inside[-1:]])])


def _exponential(matrices: np.ndarray) -> np.ndarray:
    """Exp of small matrices [N, D, D], by the second diagonal Padé approximant."""
    even = np.eye(matrices.shape[1]) + matrices @ matrices / 12
    return np.linalg.solve(even - matrices / 2, even + matrices / 2)


def _begin(propagators: np.ndarray, cut: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a deviation begins anew, in some steps since it must, and every sample by that."""
    count = propagators.shape[1]
    fresh, paths = [True], [np.eye(count)]
    for propagator, anew in zip(propagators, cut, strict=True):
        path = propagator @ paths[-1]
        fresh.append(bool(anew) or not abs(path).max() < constants.GROWTH)
        paths.append(np.eye(count) if fresh[-1] else path)
    window = np.cumsum(fresh) - 1
    begin = np.zeros((len(paths), count, window[-1] + 1, count))
    begin[np.arange(len(paths)), :, window] = paths
    return np.array(fresh), begin.reshape(len(paths), count, -1)
