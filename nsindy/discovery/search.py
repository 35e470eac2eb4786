"""The search for the equations of recordings: proposed by regression, judged by trajectories."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nsindy.discovery import candidates, neighbours
from nsindy.discovery.candidates import Candidate, Problem
from nsindy.discovery.neighbours import STRONG
from nsindy.trajectories.linearised import Linearised
from nsindy.trajectories.shooting import Segments

WIDTH = 8
"""Supports that a search starts from, and that it tries around the best."""


class Found(NamedTuple):
    """What a search chose, every support that was fitted, and the regression around the choice.

    Attributes:
      chosen: the simplest of the candidates that are not strongly worse than the best: of the
        fewest terms, and of those the cheapest.
      pool: candidates, best first.
      around: further supports near the choice, with the scores that its linearisation predicts.
      linearised: the linearisation around the choice in all terms, in units of the noise.
      noise: of each state [D].
      samples: number of measurements of each state [D].
      settled: True where the search ended because it found nothing better.
    """

    chosen: Candidate
    pool: list[Candidate]
    around: list[tuple[np.ndarray, float]]
    linearised: Linearised
    noise: np.ndarray
    samples: np.ndarray
    settled: bool


class Searched(NamedTuple):
    """A search, and the segments that it was made on."""

    found: Found
    segments: Segments
    problem: Problem

    def starts(self) -> list:
        """The best of what was fitted, for the next search to start from."""
        pool = self.found.pool[:WIDTH]
        return [(c.mask, (c.coefficients, c.begin)) for c in pool]


def ahead(problem: Problem, segments: Segments) -> None:
    """Compile what the search needs while its proposals are still being made."""
    candidates.ahead(problem, segments)
    neighbours.ahead(problem, segments)


def search(
    problem: Problem,
    segments: Segments,
    starts: list[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]],
    noise: np.ndarray,
    *,
    rounds: int = 12,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Found:
    """Fit the proposals to the measurements, then the neighbours of the best, until it stays.

    Args:
      problem: what is searched.
      segments: the recordings.
      starts: the proposals: a support [D, M], with coefficients [D, M] and states at the beginning
        of each segment [B, D] to start its fit from.
      noise: σ to begin with, scaled [D].
      rounds: most rounds.
      progress: called with the share of the rounds that is done.
    """
    pool: dict[bytes, Candidate] = {}
    samples = np.sum(np.asarray(segments.weights) > 0, (0, 1)).astype(float)
    todo, tried = starts, set[bytes]()
    best, settled = None, False
    for number in range(rounds):
        progress(number / rounds)
        ended = candidates.fit(problem, segments, todo, noise, samples, pool)
        # What was given up from a regression's start may come to its end from the tangent's.
        tried |= ended if best is None else {candidates.as_key(problem, mask) for mask, _ in todo}
        top = max(pool.values(), key=lambda c: c.score)
        if top is not best:
            best, near = top, neighbours.look_around(problem, segments, top, samples)
            noise = near.noise
        close = [m for m, score in near.ranked if score > best.score - STRONG]
        masks = [m for m in close if candidates.as_key(problem, m) not in tried]
        masks = masks or neighbours.recombined(problem, near, best, samples, pool, tried)
        settled = not masks
        if settled:
            break
        todo = neighbours.starts(problem, near, best, masks[:WIDTH])
    ordered = sorted(pool.values(), key=lambda c: -c.score)
    similar = [c for c in ordered if c.score >= ordered[0].score - STRONG]
    costs = np.asarray(problem.prior.costs)
    chosen = min(similar, key=lambda c: (c.mask.sum(), (c.mask @ costs).sum(), -c.score))
    if chosen is not best:
        near = neighbours.look_around(problem, segments, chosen, samples)
    around = [
        (mask | (problem.known != 0), score)
        for mask, score in near.ranked
        if candidates.as_key(problem, mask) not in pool
    ]
    return Found(chosen, ordered, around, near.chain.linearised, near.noise, samples, settled)
