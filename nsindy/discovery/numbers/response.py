"""What a small forcing of its equations does to a recording, to first order."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.terms import products

__all__ = ["Response", "linearised"]


class Response(NamedTuple):
    """One recording around its smoothed states: a deviation obeys δ' = J δ + forcing.

    Attributes:
      times: [N].
      variables: states and inputs in raw units [N, V] or, around each sample, [2, N, V].
      theta: Θ of the smoothed states [N, M].
      slopes: derivatives of the smoothed states [N, D].
      jacobian: J [N, D, D].
      propagators: of a deviation from each sample to the next [N - 1, D, D].
      fresh: True where a deviation begins anew [N].
      begin: deviation of each sample by where it began [N, D, D · windows].
      deviation: of the measured from the smoothed states [N, D].
      weights: one over the noise, 0 where a state was not measured [N, D].
    """

    times: np.ndarray
    variables: np.ndarray
    theta: np.ndarray
    slopes: np.ndarray
    jacobian: np.ndarray
    propagators: np.ndarray
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
          forcing: for each state those that act on it [N, C_d]; C are those of all states.
        """
        push = np.concatenate([self._push(f, d) for d, f in enumerate(forcing) if f.size], 2)
        states = np.zeros((len(self.times), *push.shape[1:]))
        for n in np.flatnonzero(~self.fresh[1:]):
            states[n + 1] = self.propagators[n] @ states[n] + push[n]
        return self.rows(states)

    def _push(self, forcing: np.ndarray, d: int) -> np.ndarray:
        h = np.diff(self.times)[:, None]
        slope = np.gradient(forcing, self.times, axis=0)
        own = np.eye(self.jacobian.shape[1])[d]

        def end(part, sign):
            """What a forcing, and its slope, at one end of each step do there [N - 1, D, 2]."""
            by_forcing = h / 2 * own - sign * h**2 / 12 * self.jacobian[part, :, d]
            return np.stack([by_forcing, sign * h**2 / 12 * own], 2)

        first, last = slice(None, -1), slice(1, None)
        by = np.concatenate([self.propagators @ end(first, 1), end(last, -1)], 2)
        return by @ np.stack([forcing[first], slope[first], forcing[last], slope[last]], 1)


def linearised(prepared: Prepared, coefficients: np.ndarray, noise: np.ndarray) -> list[Response]:
    """Linearise each recording around its smoothed states.

    Args:
      prepared: the recordings and the terms.
      coefficients: of the equations, scaled [D, M].
      noise: of each state [D].
    """
    units = prepared.units
    everything = np.concatenate([np.concatenate([s.states, s.inputs], 1) for s in prepared.signals])
    count = len(units.states)

    def flow(change):
        points = units.expand(everything + change)
        theta = products.term_values(prepared.problem.terms, points, prepared.usable)
        theta = theta[:, : len(prepared.terms)]
        return np.where(np.isfinite(theta), theta, 0.0) @ coefficients.T

    steps = constants.NUMBER_DIFFERENCE * np.eye(everything.shape[1])[:count]
    jacobian = np.stack(
        [(flow(step) - flow(-step)) / (2 * constants.NUMBER_DIFFERENCE) for step in steps], 2
    )
    parts, last = [], 0
    for s in prepared.signals:
        own = np.flatnonzero(s.seen.any(1))
        own = own[:: -(-len(own) // constants.NUMBER_SAMPLES)]
        rows = last + own
        last += len(s.times)
        weights = (s.noise > 0) * s.seen[own] / (noise * s.relative[own])
        times, inner = s.times[own], jacobian[rows]
        mean = (inner[1:] + inner[:-1]) / 2
        propagators = _exponential(np.diff(times)[:, None, None] * mean)
        cut = np.searchsorted(s.cuts, own[1:], "right") > np.searchsorted(s.cuts, own[:-1], "right")
        fresh, begin = _begin(propagators, cut)
        parts.append(
            Response(
                times,
                signals.around_samples(s)[..., own, :] * units.variables,
                prepared.theta[rows],
                s.derivatives[own],
                inner,
                propagators,
                fresh,
                begin,
                (s.measured - s.states)[own],
                weights,
            )
        )
    return parts


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
