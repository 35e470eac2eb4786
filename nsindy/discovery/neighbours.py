"""Supports around one that was fitted, judged by its linearised trajectories."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from nsindy.discovery import candidates
from nsindy.discovery.candidates import Candidate, Problem
from nsindy.evidence import beam, regression, subset
from nsindy.runtime.programs import Program
from nsindy.trajectories import shooting
from nsindy.trajectories.shooting import Model, Segments

NEIGHBOURS = 64
"""Supports around the best whose evidence is predicted."""

STRONG = 3.0
"""Nats from which evidence is strong (Kass and Raftery 1995); for less no term is added."""


class Near(NamedTuple):
    """What is around a candidate.

    Attributes:
      noise: of each state [D].
      factor: compressed linearisation in all terms, in units of the noise.
      begin_by, begin_gap: as in `shooting.Linear`.
      ranked: supports [D, M] and the scores that the linearisation predicts, best first.
    """

    noise: np.ndarray
    factor: np.ndarray
    begin_by: np.ndarray
    begin_gap: np.ndarray
    ranked: list[tuple[np.ndarray, float]]


def _tangents(terms, coefficients, begin, segments, noise):
    count, size = coefficients.shape
    every = jnp.broadcast_to(jnp.arange(size)[None], (count, size))
    model = Model(every, jnp.ones((count, size), bool), coefficients, begin)
    linear = shooting.linearise(terms, model, segments, noise)
    initial = linear.design.shape[1] - count * size
    by_terms = linear.design[:, initial:]
    target = linear.target + by_terms @ coefficients.reshape(-1)
    factor = regression.compress(linear.design, target[:, None])
    return factor, linear.begin_by, linear.begin_gap


TANGENTS = Program(_tangents, static=("terms",))
AROUND = Program(beam.around, static=("slots", "width"))


def ahead(problem: Problem, segments: Segments) -> None:
    """Compile what the neighbours in this problem need."""
    count, size = problem.admissible.shape
    nothing, noise = np.zeros((count, size)), np.ones(count)
    TANGENTS.precompile(problem.terms, nothing, problem.begin, segments, noise)
    inner = np.zeros((count * size + 2, count * size + 1))
    knobs = {"slots": problem.slots, "width": NEIGHBOURS}
    AROUND.precompile(inner, 1.0, problem.prior, nothing > 0, **knobs)


def look_around(problem: Problem, segments: Segments, best: Candidate, samples) -> Near:
    """Linearise around a candidate and rank the supports that are one step away."""
    noise = np.maximum(np.sqrt(best.variance), problem.floor)
    noise = np.where(samples > 0, noise, 1.0)
    found = TANGENTS(problem.terms, best.coefficients, best.begin, segments, noise)
    factor, by, gap = (np.asarray(part) for part in found)
    return Near(noise, factor, by, gap, _ranked(problem, factor, best, noise, samples))


def _by_terms(problem: Problem, factor, best: Candidate, noise, samples) -> np.ndarray:
    """The linearisation around the best in the terms alone, wherever the solution begins."""
    initial = factor.shape[1] - 1 - best.mask.size
    inner = factor[initial:, initial:].copy()
    inner[:, -1] -= inner[:, :-1] @ problem.known.reshape(-1)
    inner[:, :-1] *= problem.admissible.reshape(-1)[None, :]
    # What is left below the floor of the noise is not worth explaining.
    left = np.sum(samples * best.variance / noise**2)
    unseen = np.zeros((1, inner.shape[1]))
    unseen[0, -1] = np.sqrt(max(samples.sum() - left, 0.0))
    return np.concatenate([inner, unseen])


def _ranked(
    problem: Problem, factor, best: Candidate, noise, samples
) -> list[tuple[np.ndarray, float]]:
    """Supports around the best and the scores that the linearisation predicts, best first."""
    inner = _by_terms(problem, factor, best, noise, samples)
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
    inner, total = _by_terms(problem, near.factor, best, near.noise, samples), samples.sum()

    def predicted(mask):
        coefficients, _ = subset.solve(inner, mask.reshape(-1))
        left = np.sum((inner[:, -1] - inner[:, :-1] @ coefficients) ** 2)
        value = -0.5 * total * np.log(left) - 0.5 * mask.sum() * np.log(total)
        return value + float(candidates.PRIOR(mask, problem.prior))

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
    factor = near.factor.copy()
    initial = factor.shape[1] - 1 - count * size
    known = problem.known.reshape(-1)
    factor[:, -1] -= factor[:, initial:-1] @ known
    starts = []
    for mask in masks:
        values, _ = subset.solve(factor, np.append(np.ones(initial, bool), mask.reshape(-1)))
        coefficients = values[initial:].reshape(count, size) + problem.known
        change = np.append(values[:initial], (coefficients - best.coefficients).reshape(-1))
        starts.append((mask, (coefficients, best.begin + near.begin_by @ change + near.begin_gap)))
    return starts
