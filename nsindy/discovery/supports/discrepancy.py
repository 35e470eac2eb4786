"""A search among models that are only nearly right: beside them stands a slow error.

The usual search takes what a model leaves for noise, slow by half at most, and so buys terms until
nothing else is left. Where the model itself is wrong, that never ends well: a few plain terms and a
slow error explain the recording better. Here the supports that were fitted are judged so, and
where one of them wins, its neighbours are, until it stays.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation.problem import Problem
from nsindy.discovery.supports import candidates, neighbours
from nsindy.discovery.supports.candidates import Candidate
from nsindy.discovery.supports.search import Found
from nsindy.evidence.score import log_evidence
from nsindy.evidence.slow_error import GRID, Rows, fit_slow
from nsindy.runtime.programs import Program
from nsindy.trajectories import side_by_side
from nsindy.trajectories.shooting import Segments

__all__ = ["Beside", "Discrepancy", "beside_slow_error", "nearly_right", "precompile_judge"]


class Discrepancy(NamedTuple):
    """The slow error of the chosen model.

    Attributes:
      size: standard deviation of each state's, scaled; 0 where there is none [D].
      memory: samples after which it is forgotten; 0 where there is none [D].
    """

    size: np.ndarray
    memory: np.ndarray

    @classmethod
    def none(cls, states: int) -> "Discrepancy":
        """No slow error, of so many states."""
        return cls(np.zeros(states), np.zeros(states))


class _Judged(NamedTuple):
    """A model beside its slow error: what `SlowFit` holds of each state, and the gaps.

    Attributes:
      innovation: [D].
      variance: [D].
      row: of its slow error in the grid [D].
      pure: sum of the squares of the residuals [D].
    """

    innovation: jax.Array
    variance: jax.Array
    row: jax.Array
    pure: jax.Array


def _rows(segments: Segments) -> Rows:
    """The nodes of all segments in the order of time, each state's [D, B (L + 1)]."""
    counted = segments.weights > 0
    last = jnp.arange(counted.shape[1]) == counted.shape[1] - 1
    # The last node of a segment is the first of the next, which counts it.
    advance = jnp.any(counted, 2) | ~last[None]
    begins = (jnp.sum(segments.starts, 1) > 0)[:, None] & (jnp.arange(len(last)) == 0)[None]
    count = counted.shape[2]
    every = [jnp.broadcast_to(each.reshape(-1), (count, each.size)) for each in (advance, begins)]
    return Rows(counted.reshape(-1, count).T, *every)


def _judge(paths, segments, floor):
    rows = _rows(segments)
    root = jnp.sqrt(segments.weights)

    def one(states):
        residual = (root * (segments.states - states)).reshape(-1, states.shape[2]).T
        return _Judged(*jax.vmap(fit_slow)(residual, rows, floor), jnp.sum(residual**2, 1))

    return jax.vmap(one)(paths)


JUDGED = Program(_judge)


def precompile_judge(problem: Problem, segments: Segments) -> None:
    """Compile what judging candidates of this problem needs."""
    paths = np.zeros((side_by_side.lanes(segments), *np.shape(segments.states)))
    JUDGED.precompile(paths, segments, problem.floor)


class _Nearly(NamedTuple):
    """A candidate beside its slow error.

    Attributes:
      candidate: `independent` is the share of residuals that count, 1 / spread.
      row: of the slow error in the grid [D].
      evidence: log, of all residuals, their slow error in the likelihood.
    """

    candidate: Candidate
    row: np.ndarray
    evidence: float


class Beside(NamedTuple):
    """A model beside the likeliest slow error of each state.

    Attributes:
      candidate: the model; `independent` is the share of residuals that count, 1 / spread.
      row: of the slow error in the grid [D].
      price: of the slow errors, nats.
    """

    candidate: Candidate
    row: np.ndarray
    price: float


class _Search(NamedTuple):
    """What all judgements of a search have in common."""

    problem: Problem
    segments: Segments
    samples: np.ndarray

    def judged(self, every: list[Candidate]) -> list[_Nearly]:
        """Judge candidates that were fitted."""
        lanes = side_by_side.lanes(self.segments)

        def of_group(group: Sequence[candidates.Path]) -> list[_Judged]:
            stacked = side_by_side.stack_lanes([path.states for path in group], lanes)
            return side_by_side.unstack_lanes(JUDGED(stacked, self.segments, self.problem.floor))

        paths = candidates.solved(self.problem, [c.start for c in every], self.segments)
        judged = side_by_side.in_groups(of_group, paths, lanes)
        return [self._nearly(c, j) for c, j in zip(every, judged, strict=True)]

    def beside(self, candidate: Candidate, judged: _Judged) -> "Beside":
        """A candidate whose innovation is that beside its slow error."""
        innovation = np.where(np.isfinite(judged.innovation), judged.innovation, np.inf)
        row = np.asarray(judged.row)
        # Gaps count as in the variance of the fit.
        pure = judged.pure / np.maximum(self.samples, 1)
        innovation = innovation * candidate.variance / np.where(pure > 0, pure, 1.0)
        changed = candidate._replace(
            innovation=innovation, independent=1 / np.asarray(GRID.spread)[row]
        )
        slow = np.sum((self.samples > 0) & (row > 0))
        return Beside(changed, row, float(constants.DISCREPANCY_PRICE * slow))

    def _nearly(self, candidate: Candidate, judged: _Judged) -> _Nearly:
        beside = self.beside(candidate, judged)
        initial = candidates.initial_values(self.segments)
        score = candidates.score(self.problem, beside.candidate, self.samples, initial=initial)
        if self.problem.violated(candidate.mask, candidate.coefficients).any():
            score = -np.inf
        return _Nearly(beside.candidate, beside.row, score - beside.price)

    def scored(self, every: list[_Nearly], best: _Nearly) -> list[_Nearly]:
        """Score supports by as many residuals as count beside the slow error of the best.

        log p = -Σ_d m_d/2 log v_d - |S|/2 log m + log p(S),  m_d = n_d / spread_d
        """
        counts = self.samples * best.candidate.independent
        scored = []
        for one in every:
            mask = one.candidate.mask & self.problem.admissible
            variance = np.maximum(one.candidate.variance, self.problem.floor**2)
            likelihood = -0.5 * np.sum(counts * np.log(np.where(counts > 0, variance, 1.0)))
            total = max(counts.sum(), 2.0)
            score = float(log_evidence(likelihood, mask, total, self.problem.prior))
            scored.append(one._replace(candidate=one.candidate._replace(score=score)))
        return scored


def beside_slow_error(found: Found, candidate: Candidate, states: np.ndarray) -> Beside:
    """Judge a model beside its slow error.

    Args:
      found: the search whose segments it was fitted to.
      candidate: what the fit has left.
      states: of its solution [B, L + 1, D].
    """
    search = _Search(found.problem, found.segments, found.samples)
    paths = side_by_side.stack_lanes([states], side_by_side.lanes(found.segments))
    judged = JUDGED(paths, found.segments, found.problem.floor)
    return search.beside(candidate, side_by_side.unstack_lanes(judged)[0])


def nearly_right(
    found: Found, *, price: float = 0.0, stop: Callable[[], bool] = lambda: False
) -> tuple[Found, Discrepancy] | None:
    """Search again beside a slow error; None where the usual search's choice is likelier.

    Args:
      found: what the usual search ended with.
      price: of what the choice has that its score does not count, nats.
      stop: tells whether to end with what there is.
    """
    problem, segments, samples = found.problem, found.segments, found.samples
    search = _Search(problem, segments, samples)
    some = [c for c in found.pool if np.isfinite(c.score)][: constants.DISCREPANCY_POOL]
    small = sorted(found.pool, key=lambda c: c.mask.sum())[: constants.DISCREPANCY_POOL]
    every = {candidates.key_of(problem, c.mask): c for c in [*some, *small]}
    judged = search.judged(list(every.values()))
    best = max(judged, key=lambda n: n.evidence)
    rival = found.chosen.score - price
    if not best.evidence > rival or not best.row.any():
        return None
    pool = {candidates.key_of(problem, n.candidate.mask): n for n in judged}
    tried, settled = set(pool), False
    for _ in range(constants.ROUNDS):
        # A model so poor that more terms alone explain the recording better is no rival.
        able = [n for n in pool.values() if n.evidence > rival]
        ordered = search.scored(able, best)
        best = max(ordered, key=lambda n: n.candidate.score)
        near = neighbours.look_around(problem, segments, best.candidate, samples)
        least = best.candidate.score - constants.STRONG
        close = [p.mask for p in near.ranked if p.score > least]
        masks = [m for m in close if candidates.key_of(problem, m) not in tried]
        settled = not masks
        if settled or stop():
            break
        masks = masks[: constants.WIDTH]
        tried |= {candidates.key_of(problem, mask) for mask in masks}
        starts = neighbours.starts(problem, near, best.candidate, masks)
        fitted = dict[bytes, Candidate]()
        candidates.fit(problem, segments, starts, near.noise, samples, fitted)
        for one in search.judged(list(fitted.values())):
            pool[candidates.key_of(problem, one.candidate.mask)] = one
    return _concluded(found, ordered, settled)


def _concluded(found: Found, pool: list[_Nearly], settled: bool) -> tuple[Found, Discrepancy]:
    problem = found.problem
    costs = np.asarray(problem.prior.costs)
    ordered = sorted(pool, key=lambda n: -n.candidate.score)
    least = ordered[0].candidate.score - constants.STRONG
    chosen = min(
        (n for n in ordered if n.candidate.score >= least),
        key=lambda n: (
            n.candidate.mask.sum(),
            (n.candidate.mask @ costs).sum(),
            -n.candidate.score,
        ),
    )
    near = neighbours.look_around(problem, found.segments, chosen.candidate, found.samples)
    keys = {candidates.key_of(problem, n.candidate.mask) for n in ordered}
    around = [
        p._replace(mask=p.mask | (problem.known != 0))
        for p in near.ranked
        if candidates.key_of(problem, p.mask) not in keys
    ]
    result = found._replace(
        chosen=chosen.candidate,
        pool=[n.candidate for n in ordered],
        around=around,
        linearised=near.tangent.linearised,
        noise=near.noise,
        settled=settled,
    )
    size = np.sqrt(chosen.candidate.variance * GRID.share[chosen.row])
    return result, Discrepancy(size, np.where(size > 0, GRID.memory[chosen.row], 0.0))
