"""Supports around one that was fitted, judged by its linearised trajectories."""

from typing import NamedTuple

import jax
import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import screening
from nsindy.discovery.preparation.problem import Problem
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.candidates import Candidate, Start
from nsindy.evidence import around, regression, score
from nsindy.runtime.programs import Program
from nsindy.trajectories import stretches
from nsindy.trajectories.chain import linearise
from nsindy.trajectories.linearised import Linearised
from nsindy.trajectories.shooting import Segments
from nsindy.trajectories.stretches import Eliminated

__all__ = [
    "Near",
    "Predicted",
    "look_around",
    "precompile_neighbours",
    "recombined",
    "renewed",
    "starts",
    "together",
]


class Predicted(NamedTuple):
    """A support that was not fitted.

    Attributes:
      mask: [D, M].
      score: log evidence that the linearisation around another predicts, nats.
    """

    mask: np.ndarray
    score: float


class Near(NamedTuple):
    """What is around a candidate.

    Attributes:
      noise: of each state [D].
      tangent: its segments, compressed and linearised in the problem's columns, in units of the
        noise.
      ranked: supports, best first.
    """

    noise: np.ndarray
    tangent: Eliminated
    ranked: list[Predicted]


def _tangents(terms, model, columns, coefficients, segments, noise, follow):
    chain = linearise(terms, model, segments, noise, columns)
    if follow is not None:
        chain = chain._replace(
            by_coefficients=chain.by_coefficients @ follow,
            begin_by_coefficients=chain.begin_by_coefficients @ follow,
        )
    found = stretches.eliminate(chain, segments.starts.shape[1])
    return found._replace(linearised=found.linearised.from_zero(coefficients).compressed())


TANGENTS = Program(_tangents)
AROUND = Program(around.adjacent_supports, static=("slots", "width"))


def precompile_neighbours(problem: Problem, segments: Segments) -> None:
    """Compile what the neighbours in this problem need."""
    (count, size), noise = problem.columns.shape, np.ones(len(problem.columns))
    nothing, none = np.zeros((count, size)), np.zeros(problem.admissible.shape)
    model = candidates.model(problem, Start(none > 0, none, problem.begin))
    follow = _follow(problem)
    TANGENTS.precompile(problem.terms, model, problem.columns, nothing, segments, noise, follow)
    inner = np.zeros((count * size + 2, count * size + 1))
    knobs = {"slots": problem.slots, "width": constants.NEIGHBOURS}
    AROUND.precompile(inner, 1.0, problem.prior_of_columns, nothing > 0, **knobs)


def _follow(problem: Problem) -> np.ndarray | None:
    return problem.follow(problem.columns, np.ones(problem.columns.shape, bool))


def look_around(problem: Problem, segments: Segments, best: Candidate, samples) -> Near:
    """Linearise around a candidate and rank the supports that are one step away."""
    noise = np.maximum(np.sqrt(best.variance), problem.floor)
    noise = np.where(samples > 0, noise, 1.0)
    model = candidates.model(problem, best.start)
    coefficients = problem.of_columns(best.coefficients)
    follow = _follow(problem)
    found = TANGENTS(problem.terms, model, problem.columns, coefficients, segments, noise, follow)
    tangent = jax.tree.map(np.asarray, found)
    return Near(noise, tangent, _ranked(problem, tangent.linearised, best, noise, samples))


def _by_terms(problem: Problem, linear: Linearised, best: Candidate, noise, samples) -> np.ndarray:
    """The linearisation around the best in its columns, wherever the solution begins."""
    inner = np.array(linear.factor)
    inner[:, -1] -= inner[:, :-1] @ problem.of_columns(problem.known).reshape(-1)
    inner[:, :-1] *= problem.of_columns(problem.admissible).reshape(-1)[None, :]
    # What is left below the floor of the noise is not worth explaining.
    left = np.sum(samples * best.variance / noise**2)
    unseen = np.zeros((1, inner.shape[1]))
    unseen[0, -1] = np.sqrt(max(samples.sum() - left, 0.0))
    return np.concatenate([inner, unseen])


def _ranked(
    problem: Problem, linear: Linearised, best: Candidate, noise, samples
) -> list[Predicted]:
    """Supports around the best, best first."""
    inner = _by_terms(problem, linear, best, noise, samples)
    mask = problem.of_columns(best.mask & problem.admissible)
    knobs = {"slots": problem.slots, "width": constants.NEIGHBOURS}
    independent = float(np.sum(samples * best.independent))
    supports = AROUND(inner, independent, problem.prior_of_columns, mask, **knobs)
    scores, masks = np.asarray(supports.log_evidence), np.asarray(supports.masks)
    itself, possible = np.all(masks == mask, (1, 2)), np.isfinite(scores)
    own = scores[itself & possible]
    reference = own[0] if len(own) else _evidence(problem, inner, mask, independent)
    kept = possible & ~itself
    if problem.signs is not None:
        kept &= [_signed(problem, inner, each) for each in masks]
    predicted = scores[kept] - reference + best.score
    return [
        Predicted(problem.of_terms(mask), float(score))
        for mask, score in zip(masks[kept], predicted, strict=True)
    ]


def _evidence(problem: Problem, inner: np.ndarray, mask: np.ndarray, samples: float) -> float:
    """Of a support of the columns, in whose place the ranking may show one that fits the same."""
    left = regression.least_squares_numpy(inner, mask.reshape(-1)).rss
    likelihood = -0.5 * samples * (np.log(left + np.finfo(float).tiny) - np.log(samples))
    prior = problem.prior_of_columns
    return float(score.log_evidence(likelihood, mask, samples, prior))  # type: ignore[arg-type]


def together(problem: Problem, near: Near, best: Candidate) -> list[np.ndarray]:
    """The best with every equation changed as its own best neighbour has it, all at once.

    Where many states are fitted, one change at a time would take as many fits as there are errors.
    """
    chosen = best.mask & problem.admissible
    mask, changed = chosen.copy(), 0
    for d in range(len(chosen)):
        alone = [
            p.mask[d]
            for p in near.ranked
            if p.score > best.score + constants.STRONG
            and (p.mask[d] != chosen[d]).any()
            and (np.delete(p.mask, d, 0) == np.delete(chosen, d, 0)).all()
        ]
        if alone:
            mask[d], changed = alone[0], changed + 1
    return [mask] if changed > 1 else []


def _signed(problem: Problem, inner: np.ndarray, mask: np.ndarray) -> bool:
    """Whether a linearisation gives the terms of a support of the columns [D, C] their signs."""
    solution = regression.least_squares_numpy(inner, mask.reshape(-1))
    values = np.asarray(solution.coefficients).reshape(mask.shape)
    return not problem.violated(problem.of_terms(mask), problem.of_terms(values)).any()


def recombined(
    problem: Problem,
    near: Near,
    best: Candidate,
    samples,
    pool: dict[bytes, Candidate],
    tried: set[bytes],
) -> list[np.ndarray]:
    """The best with one equation as in another support that was fitted, where that may be better.

    Terms that are worth nothing without each other, such as three of a symmetrical pair of
    equations, are no neighbours, but other supports may have found them. What lacks them leaves
    autocorrelated residuals, so here each counts as if it were independent.
    """
    inner = _by_terms(problem, near.tangent.linearised, best, near.noise, samples)
    total = samples.sum()

    def predicted(mask):
        left = regression.least_squares_numpy(inner, problem.of_columns(mask).reshape(-1)).rss
        return float(score.log_evidence(-0.5 * total * np.log(left), mask, total, problem.prior))

    chosen = best.mask & problem.admissible
    least, options = predicted(chosen) - constants.STRONG, dict[bytes, Predicted]()
    for other in sorted(pool.values(), key=lambda c: -c.score)[: constants.NEIGHBOURS]:
        for d in np.flatnonzero((other.mask != best.mask).any(1)):
            mask = chosen.copy()
            mask[d] = other.mask[d] & problem.admissible[d]
            key = candidates.key_of(problem, mask)
            if key not in tried and key not in options:
                options[key] = Predicted(mask, predicted(mask))
    ordered = sorted(options.values(), key=lambda each: -each.score)
    return [each.mask for each in ordered if each.score > least]


def renewed(
    problem: Problem, near: Near, best: Candidate, samples, tried: set[bytes]
) -> list[np.ndarray]:
    """The best with one long equation chosen anew, where fewer terms may do as well.

    Many terms may follow a recording closely, and be far, term by term, from a law of few. Around
    the solution, which is then nearly the law's, the measurements are a regression on all terms of
    the equation, the terms of the others and all beginnings free.
    """
    chosen = best.mask & problem.admissible
    long = np.flatnonzero(chosen.sum(1) > constants.SHORT)
    if problem.wide or problem.signs is not None or not len(long):
        return []
    inner = _by_terms(problem, near.tangent.linearised, best, near.noise, samples)
    columns, target = inner[:, :-1].reshape(len(inner), *problem.columns.shape), inner[:, -1:]
    columns = columns[..., : chosen.shape[1]]
    total, found = float(np.sum(samples * best.independent)), list[tuple[float, np.ndarray]]()
    for d in long.tolist():
        others = chosen.copy()
        others[d] = False
        basis, _ = np.linalg.qr(columns[:, others])
        own = np.concatenate([columns[:, d], target], 1)
        own = own - basis @ (basis.T @ own)
        supports = screening.beam(own.T @ own, problem.prior, total, problem.slots, constants.EXACT)
        for size in range(1, int(chosen[d].sum()) + 1):
            support = next((s for s in supports if len(s.terms) == size), None)
            if support is None:
                continue
            mask = chosen.copy()
            mask[d] = np.isin(np.arange(chosen.shape[1]), support.terms)
            if candidates.key_of(problem, mask) not in tried:
                found.append((support.score, mask))
    return [mask for _, mask in sorted(found, key=lambda each: -each[0])]


def starts(problem: Problem, near: Near, best: Candidate, masks: list[np.ndarray]) -> list[Start]:
    """Supports with the coefficients and beginnings that the linearisation gives them."""
    known = problem.of_columns(problem.known)
    linear = near.tangent.linearised.from_zero(-known)
    before = problem.of_columns(best.coefficients)
    found = []
    for mask in masks:
        support = problem.of_columns(mask).reshape(-1)
        solution = regression.least_squares_numpy(linear.factor, support)
        values = np.asarray(solution.coefficients).reshape(known.shape) + known
        begin = best.begin + near.tangent.begin_by @ (values - before).reshape(-1)
        values = problem.spread(problem.of_terms(values))
        found.append(Start(mask, values, begin + near.tangent.begin_gap))
    return found
