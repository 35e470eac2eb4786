"""The search for the equations of recordings: proposed by regression, judged by trajectories."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy import beam, evidence, refine, shooting, subset
from nsindy.evidence import Prior
from nsindy.products import Products
from nsindy.programs import Program
from nsindy.refine import LANES
from nsindy.shooting import Model, Segments

WIDTH = 8
"""Supports that a search starts from, and that it tries around the best."""


STRONG = 3.0
"""Nats from which evidence is strong (Kass and Raftery 1995); for less no term is added."""


NEIGHBOURS = 64
"""Supports around the best whose evidence is predicted."""

LARGE = 3.0
"""Times the derivative, from which a term's contribution counts as large."""


class Problem(NamedTuple):
    """What is searched, in scaled units.

    Attributes:
      terms: M terms.
      prior: of the supports.
      admissible: True where an equation may hold a term [D, M].
      known: coefficients that are given [D, M]; their equations hold nothing else.
      shares: root mean square of a term over that of the derivative [D, M].
      factor: compressed [Θ, Ẋ] of the smoothed states, where the fits start from.
      begin: smoothed state at the first node of every segment [B, D].
      floor: noise that the errors of the solver hide [D].
      slots: K, most terms of an equation.
    """

    terms: Products
    prior: Prior
    admissible: np.ndarray
    known: np.ndarray
    shares: np.ndarray
    factor: np.ndarray
    begin: np.ndarray
    floor: np.ndarray
    slots: int


class Candidate(NamedTuple):
    """A support that was fitted.

    Attributes:
      mask: [D, M].
      coefficients: [D, M].
      begin: [B, D].
      variance: of the residuals of each state [D].
      innovation: variance of what is new in each of them [D].
      independent: share of the residuals that are independent [D].
      gap: largest gap left between segments, in units of the noise.
      score: log evidence, nats.
    """

    mask: np.ndarray
    coefficients: np.ndarray
    begin: np.ndarray
    variance: np.ndarray
    innovation: np.ndarray
    independent: np.ndarray
    gap: float
    score: float


class Found(NamedTuple):
    """What a search chose, every support that was fitted, and the regression around the choice.

    Attributes:
      chosen: the simplest of the candidates that are not strongly worse than the best: of the
        fewest terms, and of those the cheapest.
      pool: candidates, best first.
      around: further supports near the choice, with the scores that its linearisation predicts.
      factor: compressed linearisation around the choice in all terms, in units of the noise.
      noise: of each state [D].
      samples: number of measurements of each state [D].
      settled: True where the search ended because it found nothing better.
    """

    chosen: Candidate
    pool: list[Candidate]
    around: list[tuple[np.ndarray, float]]
    factor: np.ndarray
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


def _paths(terms, models, segments):
    def path(model):
        states, by_begin = shooting.shoot(terms, model, segments, by_coefficients=False)
        return states, by_begin[:, -1]

    return jax.vmap(path)(models)


def _tangents(terms, coefficients, begin, segments, noise):
    count, size = coefficients.shape
    every = jnp.broadcast_to(jnp.arange(size)[None], (count, size))
    model = Model(every, jnp.ones((count, size), bool), coefficients, begin)
    linear = shooting.linearise(terms, model, segments, noise)
    initial = linear.design.shape[1] - count * size
    by_terms = linear.design[:, initial:]
    target = linear.target + by_terms @ coefficients.reshape(-1)
    factor = evidence.compress(linear.design, target[:, None])
    return factor, linear.begin_by, linear.begin_gap


PATHS = Program(_paths, static=("terms",))
TANGENTS = Program(_tangents, static=("terms",))
BEAM = Program(beam.search, static=("slots", "depth", "width"))
AROUND = Program(beam.around, static=("slots", "width"))
COMPRESS = Program(evidence.compress)
PRIOR = Program(evidence.log_prior)


def ahead(problem: Problem, segments: Segments) -> None:
    """Compile what the search needs while its proposals are still being made."""
    count, size = problem.admissible.shape
    nothing = np.zeros((count, size))
    model = _slots(problem, nothing > 0, nothing, problem.begin)
    noise = np.ones(count)
    initial = count * segments.starts.shape[1]
    columns = initial + count * size + 1
    refine.ahead(problem.terms, model, segments, noise)
    TANGENTS.ahead(problem.terms, nothing, problem.begin, segments, noise)
    PATHS.ahead(problem.terms, refine.together([model]), segments)
    inner = np.zeros((columns - initial + 1, columns - initial))
    AROUND.ahead(inner, 1.0, problem.prior, nothing > 0, slots=problem.slots, width=NEIGHBOURS)
    PRIOR.ahead(nothing > 0, problem.prior)


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
        ended = fit(problem, segments, todo, noise, samples, pool)
        # What was given up from a regression's start may come to its end from the tangent's.
        tried |= ended if best is None else {_key(problem, mask) for mask, _ in todo}
        top = max(pool.values(), key=lambda c: c.score)
        if top is not best:
            best, near = top, _look_around(problem, segments, top, samples)
            noise = near.noise
        close = [m for m, score in near.ranked if score > best.score - STRONG]
        masks = [m for m in close if _key(problem, m) not in tried][:WIDTH]
        masks = masks or _recombined(problem, near, best, samples, pool, tried)
        settled = not masks
        if settled:
            break
        todo = _start_by_tangent(problem, near, best, masks)
    ordered = sorted(pool.values(), key=lambda c: -c.score)
    similar = [c for c in ordered if c.score >= ordered[0].score - STRONG]
    costs = np.asarray(problem.prior.costs)
    chosen = min(similar, key=lambda c: (c.mask.sum(), (c.mask @ costs).sum(), -c.score))
    if chosen is not best:
        near = _look_around(problem, segments, chosen, samples)
    around = [
        (mask | (problem.known != 0), score)
        for mask, score in near.ranked
        if _key(problem, mask) not in pool
    ]
    return Found(chosen, ordered, around, near.factor, near.noise, samples, settled)


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


def _look_around(problem: Problem, segments: Segments, best: Candidate, samples) -> Near:
    noise = np.maximum(np.sqrt(best.variance), problem.floor)
    noise = np.where(samples > 0, noise, 1.0)
    found = TANGENTS(problem.terms, best.coefficients, best.begin, segments, noise)
    factor, by, gap = (np.asarray(part) for part in found)
    return Near(noise, factor, by, gap, _neighbours(problem, factor, best, noise, samples))


def _key(problem: Problem, mask: np.ndarray) -> bytes:
    return (mask | (problem.known != 0)).tobytes()


def solved(problem: Problem, starts, segments: Segments) -> list[tuple[np.ndarray, np.ndarray]]:
    """States along each model [B, L + 1, D], and segments' ends by their beginnings [B, D, D]."""
    found = []
    for at in range(0, len(starts), LANES):
        models = [_slots(problem, mask, *start) for mask, start in starts[at : at + LANES]]
        states, ends = PATHS(problem.terms, refine.together(models), segments)
        found += list(zip(np.asarray(states), np.asarray(ends), strict=True))[: len(models)]
    return found


def _recombined(
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
        return value + float(PRIOR(mask, problem.prior))

    own = best.mask & problem.admissible
    least, found = predicted(own) - STRONG, dict[bytes, tuple[float, np.ndarray]]()
    for other in sorted(pool.values(), key=lambda c: -c.score)[:NEIGHBOURS]:
        for d in np.flatnonzero((other.mask != best.mask).any(1)):
            mask = own.copy()
            mask[d] = other.mask[d] & problem.admissible[d]
            key = _key(problem, mask)
            if key not in tried and key not in found:
                found[key] = predicted(mask), mask
    ordered = sorted(found.values(), key=lambda each: -each[0])
    return [mask for value, mask in ordered[:WIDTH] if value > least]


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


def _neighbours(
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


def by_derivatives(problem: Problem, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of a support by regression on derivatives, and where the segments begin.

    The support is [D, M]; what a fit starts from is [D, M] and [B, D].
    """
    size = mask.shape[1]
    factor = np.asarray(problem.factor)
    rows = [subset.solve(factor[:, [*range(size), size + d]], m)[0] for d, m in enumerate(mask)]
    return np.stack(rows), np.asarray(problem.begin)


def _start_by_tangent(problem: Problem, near: Near, best: Candidate, masks: list[np.ndarray]):
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


def fit(problem, segments, todo, noise, samples, pool) -> set[bytes]:
    """Fit the supports with their starts, and put them into the pool.

    Returns:
      keys of those that were not given up.
    """
    known = problem.known != 0
    initial = len(known) * int(np.asarray(segments.starts).any(1).sum())
    models = [_slots(problem, mask, *start) for mask, start in todo]
    fits = refine.many(problem.terms, models, segments, noise, problem.floor)
    for (mask, _), found in zip(todo, fits, strict=True):
        candidate = _candidate(mask | known, found)
        value = score(problem, candidate, samples, initial=initial)
        key = candidate.mask.tobytes()
        if key not in pool or pool[key].score < value:
            pool[key] = candidate._replace(score=value)
    return {_key(problem, mask) for (mask, _), found in zip(todo, fits, strict=True) if found.ended}


def _candidate(mask: np.ndarray, found: refine.Fit) -> Candidate:
    model = found.model
    coefficients = np.zeros(mask.shape)
    np.add.at(coefficients, (np.arange(len(mask))[:, None], model.indices), model.coefficients)
    begin, variance, innovation, independent = map(
        np.asarray, (model.begin, found.variance, found.innovation, found.independent)
    )
    gap = float(found.gap)
    return Candidate(mask, coefficients, begin, variance, innovation, independent, gap, -np.inf)


def _slots(problem: Problem, mask, coefficients, begin) -> Model:
    count = len(mask)
    indices = np.zeros((count, problem.slots), int)
    free = np.zeros((count, problem.slots), bool)
    values = np.zeros((count, problem.slots))
    for d in range(count):
        given = np.flatnonzero(problem.known[d])
        chosen = given if len(given) else np.flatnonzero(mask[d])
        indices[d, : len(chosen)] = chosen
        free[d, : len(chosen)] = not len(given)
        values[d, : len(chosen)] = (
            problem.known[d, given] if len(given) else coefficients[d, chosen]
        )
    return Model(indices, free, values, np.asarray(begin))  # type: ignore[arg-type]


def score(
    problem: Problem, candidate: Candidate, samples: np.ndarray, *, initial: int = 0
) -> float:
    """Log evidence of a fitted support, the noise of each state profiled.

    log p = -Σ_d n_d/2 log v_d - |S|/2 log n · n / (n - p - 2) + log p(S) - Σ log(1 + (s/3)²) + c

    with v the variance of what is new in each residual, which is not believed below the floor,
    n = Σ_d n_d measurements, p = |S| and the initial values that are fitted to them, and s the size
    of a term's contribution over that of the derivative: terms that are many times as large as what
    they add up to are unlikely before any data is seen. A model that leaves no measurement over has
    no evidence.

    Reference: McQuarrie (1999), A small-sample correction for the Schwarz SIC model selection
    criterion, Statistics and Probability Letters 44.
    """
    chosen = candidate.mask & problem.admissible
    variance = np.maximum(candidate.innovation, problem.floor**2)
    variance = np.where(samples > 0, variance, 1.0)
    total, size = samples.sum(), chosen.sum()
    free = total - size - initial - 2
    if free <= 0:
        return -np.inf
    value = -0.5 * np.sum(samples * np.log(variance)) - 0.5 * size * np.log(total) * total / free
    value += float(PRIOR(chosen, problem.prior))
    contribution = np.where(chosen, candidate.coefficients * problem.shares, 0.0)
    value -= float(np.sum(np.log1p((contribution / LARGE) ** 2)))
    return value if np.isfinite(value) else -np.inf
