"""The search for the equations of recordings: proposed by regression, judged by trajectories."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation.problem import Problem
from nsindy.discovery.supports import candidates, neighbours
from nsindy.discovery.supports.candidates import Candidate, Start
from nsindy.trajectories.linearised import Linearised
from nsindy.trajectories.shooting import Segments

__all__ = ["Found", "precompile_search", "search"]


class Found(NamedTuple):
    """What a search chose, every support that was fitted, and the regression around the choice.

    Attributes:
      problem: what was searched.
      segments: the recordings, cut where errors have grown.
      chosen: the simplest of the candidates that are not strongly worse than the best: of the
        fewest terms, of those the cheapest, and of those with the fewest different ones.
      pool: candidates, best first.
      around: further supports near the choice, with the scores that its linearisation predicts.
      linearised: the recordings around the choice in the problem's columns, in units of the noise.
      initial: number of initial values that were fitted beside the coefficients.
      noise: of each state [D].
      samples: number of measurements of each state [D].
      settled: True where the search ended because it found nothing better.
    """

    problem: Problem
    segments: Segments
    chosen: Candidate
    pool: list[Candidate]
    around: list[neighbours.Predicted]
    linearised: Linearised
    initial: int
    noise: np.ndarray
    samples: np.ndarray
    settled: bool

    @property
    def stretches(self) -> int:
        """Number of stretches that are fitted, each with an initial state of its own."""
        return int(np.asarray(self.segments.starts).any(1).sum())

    def starts(self) -> list[Start]:
        """The best of what was fitted, for the next search to start from."""
        return [candidate.start for candidate in self.pool[: self.problem.fits]]

    def best_of(self, starts: Sequence[Start]) -> Candidate:
        """The best of some supports, fitted to the same segments."""
        fitted: dict[bytes, Candidate] = {}
        candidates.fit(self.problem, self.segments, starts, self.noise, self.samples, fitted)
        return max(fitted.values(), key=lambda one: one.score)


def precompile_search(problem: Problem, segments: Segments) -> None:
    """Compile what the search needs while its proposals are still being made."""
    candidates.precompile_fits(problem, segments)
    neighbours.precompile_neighbours(problem, segments)


def search(
    problem: Problem,
    segments: Segments,
    starts: Sequence[Start],
    noise: np.ndarray,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda fraction: None,
    rounds: int = constants.ROUNDS,
) -> Found:
    """Fit the proposals to the measurements, then the neighbours of the best, until it stays.

    Args:
      problem: what is searched.
      segments: the recordings.
      starts: the proposals.
      noise: σ to begin with, scaled [D].
      stop: tells whether to end with what there is.
      progress: called with the share of the rounds that is done.
      rounds: most of them; 1 fits the proposals alone.
    """
    pool: dict[bytes, Candidate] = {}
    samples = np.sum(np.asarray(segments.weights) > 0, (0, 1)).astype(float)
    todo, tried = starts, set[bytes]()
    best, settled = None, False
    for number in range(rounds):
        progress(number / rounds)
        # One support alone is fitted to its end.
        halt = stop if len(todo) > 1 else lambda: False
        ended = candidates.fit(problem, segments, todo, noise, samples, pool, halt)
        # What was given up from a regression's start may come to its end from the tangent's.
        tried |= ended if best is None else {candidates.key_of(problem, s.mask) for s in todo}
        top = max(pool.values(), key=lambda c: c.score)
        if top is not best:
            best, near = top, neighbours.look_around(problem, segments, top, samples)
            noise = near.noise
        close = [p.mask for p in near.ranked if p.score > best.score - constants.STRONG]
        masks = [mask for mask in close if candidates.key_of(problem, mask) not in tried]
        masks = masks or neighbours.recombined(problem, near, best, samples, pool, tried)
        masks = masks or neighbours.renewed(problem, near, best, samples, tried)
        settled = not masks
        if settled or stop():
            break
        if problem.wide:
            masks = [*neighbours.together(problem, near, best), *masks]
        todo = neighbours.starts(problem, near, best, masks[: problem.fits])
    ordered = sorted(pool.values(), key=lambda c: -c.score)
    chosen = _simplest_of_similar(problem, ordered)
    if chosen is not best:
        near = neighbours.look_around(problem, segments, chosen, samples)
    around = [
        predicted._replace(mask=predicted.mask | (problem.known != 0))
        for predicted in near.ranked
        if candidates.key_of(problem, predicted.mask) not in pool
    ]
    return Found(
        problem,
        segments,
        chosen,
        ordered,
        around,
        near.tangent.linearised,
        candidates.initial_values(segments),
        near.noise,
        samples,
        settled,
    )


def _simplest_of_similar(problem: Problem, ordered: Sequence[Candidate]) -> Candidate:
    """The simplest of those that are not strongly worse than the best, which is the first."""
    similar = [c for c in ordered if c.score >= ordered[0].score - constants.STRONG]
    costs = np.asarray(problem.prior.costs)
    # A reaction takes from one state what it gives to another: the same term in both.
    return min(
        similar,
        key=lambda c: (c.mask.sum(), (c.mask @ costs).sum(), c.mask.any(0).sum(), -c.score),
    )
