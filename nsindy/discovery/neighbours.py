"""Supports around one that was fitted, judged by its linearised trajectories."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.discovery import candidates
from nsindy.discovery.candidates import Candidate, Problem
from nsindy.evidence import around, regression, score
from nsindy.runtime.programs import Program
from nsindy.trajectories import shooting
from nsindy.trajectories.linearised import Linearised
from nsindy.trajectories.shooting import Chain, Model, Segments

NEIGHBOURS = 64
"""Supports around the best whose evidence is predicted."""

STRONG = 3.0
"""Nats from which evidence is strong (Kass and Raftery 1995); for less no term is added."""


class Near(NamedTuple):
    """What is around a candidate.

    Attributes:
      noise: of each state [D].
      chain: its segments, compressed and linearised in all terms, in units of the noise.
      ranked: supports [D, M] and the scores that the linearisation predicts, best first.
    """

    noise: np.ndarray
    chain: Chain
    ranked: list[tuple[np.ndarray, float]]


def _tangents(terms, coefficients, begin, segments, noise):
    count, size = coefficients.shape
    every = jnp.broadcast_to(jnp.arange(size)[None], (count, size))
    model = Model(every, jnp.ones((count, size), bool), coefficients, begin)
    chain = shooting.linearise(terms, model, segments, noise)
    linearised = chain.linearised.from_zero(coefficients)._replace(closing=None)
    return chain._replace(linearised=linearised.compressed())


TANGENTS = Program(_tangents, static=("terms",))
AROUND = Program(around.adjacent_supports, static=("slots", "width"))


def ahead(problem: Problem, segments: Segments) -> None:
    """Compile what the neighbours in this problem need."""
    count, size = problem.admissible.shape
    nothing, noise = np.zeros((count, size)), np.ones(count)
    TANGENTS.ahead(problem.terms, nothing, problem.begin, segments, noise)
    inner = np.zeros((count * size + 2, count * size + 1))
    knobs = {"slots": problem.slots, "width": NEIGHBOURS}
    AROUND.ahead(inner, 1.0, problem.prior, nothing > 0, **knobs)


def look_around(problem: Problem, segments: Segments, best: Candidate, samples) -> Near:
    """Linearise around a candidate and rank the supports that are one step away."""
    noise = np.maximum(np.sqrt(best.variance), problem.floor)
    noise = np.where(samples > 0, noise, 1.0)
    found = TANGENTS(problem.terms, best.coefficients, best.begin, segments, noise)
    chain = jax.tree.map(np.asarray, found)
    return Near(noise, chain, _ranked(problem, chain.linearised, best, noise, samples))


def _by_terms(problem: Problem, linear: Linearised, best: Candidate, noise, samples) -> np.ndarray:
    """The linearisation around the best in the terms alone, wherever the solution begins."""
    inner = np.array(linear.coefficients_alone)
    inner[:, -1] -= inner[:, :-1] @ problem.known.reshape(-1)
    inner[:, :-1] *= problem.admissible.reshape(-1)[None, :]
    # What is left below the floor of the noise is not worth explaining.
    left = np.sum(samples * best.variance / noise**2)
    unseen = np.zeros((1, inner.shape[1]))
    unseen[0, -1] = np.sqrt(max(samples.sum() - left, 0.0))
    return np.concatenate([inner, unseen])


def _ranked(
    problem: Problem, linear: Linearised, best: Candidate, noise, samples
) -> list[tuple[np.ndarray, float]]:
    """Supports around the best and the scores that the linearisation predicts, best first."""
    inner = _by_terms(problem, linear, best, noise, samples)
    mask = best.mask & problem.admissible
    knobs = {"slots": problem.slots, "width": NEIGHBOURS}
    independent = float(np.sum(samples * best.independent))
    found = AROUND(inner, independent, problem.prior, mask, **knobs)
    scores, masks = np.asarray(found.log_evidence), np.asarray(found.masks)
    itself = np.all(masks == mask, (1, 2))
    own = scores[itself][0] if itself.any() else scores[0]
    kept = np.isfinite(scores) & ~itself
    predicted = scores[kept] - own + best.score
    return list(zip(masks[kept], map(float, predicted), strict=True))


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
    residuals that hang together, so here each counts as if it were independent.
    """
    inner = _by_terms(problem, near.chain.linearised, best, near.noise, samples)
    total = samples.sum()

    def predicted(mask):
        left = regression.least_squares_numpy(inner, mask.reshape(-1)).rss
        return float(score.log_evidence(-0.5 * total * np.log(left), mask, total, problem.prior))

    own = best.mask & problem.admissible
    least, found = predicted(own) - STRONG, dict[bytes, tuple[float, np.ndarray]]()
    for other in sorted(pool.values(), key=lambda c: -c.score)[:NEIGHBOURS]:
        for d in np.flatnonzero((other.mask != best.mask).any(1)):
            mask = own.copy()
            mask[d] = other.mask[d] & problem.admissible[d]
            key = candidates.as_key(problem, mask)
            if key not in tried and key not in found:
                found[key] = predicted(mask), mask
    ordered = sorted(found.values(), key=lambda each: -each[0])
    return [mask for value, mask in ordered if value > least]


def starts(problem: Problem, near: Near, best: Candidate, masks: list[np.ndarray]):
    """Supports with the coefficients and beginnings that the linearisation gives them."""
    count, size = best.mask.shape
    linear = near.chain.linearised.from_zero(-problem.known)
    starts = []
    for mask in masks:
        solution = regression.least_squares_numpy(linear.factor, linear.columns_of(mask))
        initial, values = linear.split(solution.coefficients)
        coefficients = values.reshape(count, size) + problem.known
        change = np.append(initial, (coefficients - best.coefficients).reshape(-1))
        begin = best.begin + near.chain.begin_by @ change + near.chain.begin_gap
        starts.append((mask, (coefficients, begin)))
    return starts
