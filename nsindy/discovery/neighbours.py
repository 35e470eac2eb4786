"""Supports around one that was fitted, judged by its linearised trajectories."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.discovery import candidates, constants
from nsindy.discovery.candidates import Candidate, Start
from nsindy.discovery.problem import Problem
from nsindy.evidence import around, regression, score
from nsindy.runtime.programs import Program
from nsindy.trajectories import shooting
from nsindy.trajectories.linearised import Linearised
from nsindy.trajectories.shooting import Chain, Model, Segments

__all__ = ["Near", "Predicted", "look_around", "precompile_neighbours", "recombined", "starts"]


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
      chain: its segments, compressed and linearised in all terms, in units of the noise.
      ranked: supports, best first.
    """

    noise: np.ndarray
    chain: Chain
    ranked: list[Predicted]


def _tangents(terms, coefficients, begin, segments, noise):
    count, size = coefficients.shape
    every = jnp.broadcast_to(jnp.arange(size)[None], (count, size))
    model = Model(every, jnp.ones((count, size), bool), coefficients, begin)
    chain = shooting.linearise(terms, model, segments, noise)
    linearised = chain.linearised.from_zero(coefficients)._replace(closing=None)
    return chain._replace(linearised=linearised.compressed())


TANGENTS = Program(_tangents)
AROUND = Program(around.adjacent_supports, static=("slots", "width"))


def precompile_neighbours(problem: Problem, segments: Segments) -> None:
    """Compile what the neighbours in this problem need."""
    count, size = problem.admissible.shape
    nothing, noise = np.zeros((count, size)), np.ones(count)
    TANGENTS.precompile(problem.terms, nothing, problem.begin, segments, noise)
    inner = np.zeros((count * size + 2, count * size + 1))
    knobs = {"slots": problem.slots, "width": constants.NEIGHBOURS}
    AROUND.precompile(inner, 1.0, problem.prior, nothing > 0, **knobs)


def look_around(problem: Problem, segments: Segments, best: Candidate, samples) -> Near:
    """Linearise around a candidate and rank the supports that are one step away."""
    noise = np.maximum(np.sqrt(best.variance), problem.floor)
    noise = np.where(samples > 0, noise, 1.0)
    tangents = TANGENTS(problem.terms, best.coefficients, best.begin, segments, noise)
    chain = jax.tree.map(np.asarray, tangents)
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
) -> list[Predicted]:
    """Supports around the best, best first."""
    inner = _by_terms(problem, linear, best, noise, samples)
    mask = best.mask & problem.admissible
    knobs = {"slots": problem.slots, "width": constants.NEIGHBOURS}
    independent = float(np.sum(samples * best.independent))
    supports = AROUND(inner, independent, problem.prior, mask, **knobs)
    scores, masks = np.asarray(supports.log_evidence), np.asarray(supports.masks)
    itself = np.all(masks == mask, (1, 2))
    reference = scores[itself][0] if itself.any() else scores[0]
    kept = np.isfinite(scores) & ~itself
    if problem.signs is not None:
        kept &= [not problem.violated(m, _coefficients(inner, m)).any() for m in masks]
    predicted = scores[kept] - reference + best.score
    return [
        Predicted(mask, float(score)) for mask, score in zip(masks[kept], predicted, strict=True)
    ]


def _coefficients(inner: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What a linearisation gives the terms of a support [D, M]."""
    solution = regression.least_squares_numpy(inner, mask.reshape(-1))
    return np.asarray(solution.coefficients).reshape(mask.shape)


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
    inner = _by_terms(problem, near.chain.linearised, best, near.noise, samples)
    total = samples.sum()

    def predicted(mask):
        left = regression.least_squares_numpy(inner, mask.reshape(-1)).rss
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


def starts(problem: Problem, near: Near, best: Candidate, masks: list[np.ndarray]) -> list[Start]:
    """Supports with the coefficients and beginnings that the linearisation gives them."""
    linear = near.chain.linearised.from_zero(-problem.known)
    found = []
    for mask in masks:
        solution = regression.least_squares_numpy(linear.factor, linear.columns_of(mask))
        initial, values = linear.split(solution.coefficients)
        coefficients = np.asarray(values).reshape(mask.shape) + problem.known
        change = np.append(initial, (coefficients - best.coefficients).reshape(-1))
        begin = best.begin + near.chain.begin_by @ change + near.chain.begin_gap
        found.append(Start(mask, coefficients, begin))
    return found
