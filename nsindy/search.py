"""The search for the equations of recordings: proposed by regression, judged by trajectories."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy import beam, evidence, shooting, subset
from nsindy.evidence import Prior
from nsindy.products import Products
from nsindy.programs import Program
from nsindy.shooting import Model, Segments

WIDTH = 8
"""Supports that are fitted side by side."""


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


AXES: Any = Model(*[0] * 4)  # type: ignore[arg-type]


def _fits(terms, models, segments, noise, floor):
    def one(model):
        return shooting.fit(terms, model, segments, noise, floor)

    return jax.vmap(one, in_axes=(AXES,))(models)


def _paths(terms, models, segments):
    def path(model):
        states, by_begin = shooting.shoot(terms, model, segments, by_coefficients=False)
        return states, by_begin[:, -1]

    return jax.vmap(path, in_axes=(AXES,))(models)


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


FITS = Program(_fits, static=("terms",))
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
    models = _together([_slots(problem, nothing > 0, nothing, problem.begin)])
    noise = np.ones(count)
    initial = count * segments.starts.shape[1]
    columns = initial + count * size + 1
    FITS.ahead(problem.terms, models, segments, noise, problem.floor)
    TANGENTS.ahead(problem.terms, nothing, problem.begin, segments, noise)
    PATHS.ahead(problem.terms, models, segments)
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
    """Fit the proposals to the measurements, then the neighbours of the best, until it stays."""
    pool: dict[bytes, Candidate] = {}
    samples = np.sum(np.asarray(segments.weights) > 0, (0, 1)).astype(float)
    todo = starts
    best, settled = None, False
    for number in range(rounds):
        progress(number / rounds)
        fit(problem, segments, todo, noise, samples, pool)
        top = max(pool.values(), key=lambda c: c.score)
        if best is not None and top.mask.tobytes() == best.mask.tobytes() and not todo:
            break
        best = top
        noise = _noise(problem, best, samples)
        tangent = _around_fit(problem, best, segments, noise)
        masks, predicted = _neighbours(problem, tangent[0], best, noise, samples)
        near = predicted > best.score - STRONG
        masks = [m for m, close in zip(masks, near, strict=True) if close]
        masks = [m for m in masks if (m | (problem.known != 0)).tobytes() not in pool][:WIDTH]
        todo = _start_by_tangent(problem, tangent, best, masks)
        settled = not todo
        if settled:
            break
    ordered = sorted(pool.values(), key=lambda c: -c.score)
    near = [c for c in ordered if c.score >= ordered[0].score - STRONG]
    costs = np.asarray(problem.prior.costs)
    chosen = min(near, key=lambda c: (c.mask.sum(), (c.mask @ costs).sum(), -c.score))
    noise = _noise(problem, chosen, samples)
    factor = _around_fit(problem, chosen, segments, noise)[0]
    around = [
        (mask | (problem.known != 0), float(value))
        for mask, value in zip(*_neighbours(problem, factor, chosen, noise, samples), strict=True)
        if (mask | (problem.known != 0)).tobytes() not in pool
    ]
    return Found(chosen, ordered, around, np.asarray(factor), noise, samples, settled)


def _noise(problem: Problem, candidate: Candidate, samples: np.ndarray) -> np.ndarray:
    noise = np.maximum(np.sqrt(candidate.variance), problem.floor)
    return np.where(samples > 0, noise, 1.0)


def _around_fit(
    problem: Problem, candidate: Candidate, segments: Segments, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    given = (candidate.coefficients, candidate.begin)
    factor, by, gap = TANGENTS(problem.terms, *given, segments, noise)
    return np.asarray(factor), np.asarray(by), np.asarray(gap)


def solved(problem: Problem, starts, segments: Segments) -> list[tuple[np.ndarray, np.ndarray]]:
    """States along each model [B, L + 1, D], and segments' ends by their beginnings [B, D, D]."""
    found = []
    for at in range(0, len(starts), WIDTH):
        models = [_slots(problem, mask, *start) for mask, start in starts[at : at + WIDTH]]
        states, ends = PATHS(problem.terms, _together(models), segments)
        found += list(zip(np.asarray(states), np.asarray(ends), strict=True))[: len(models)]
    return found


def _neighbours(problem: Problem, factor, best: Candidate, noise, samples):
    """Supports around the best and the scores that the linearisation predicts, best first."""
    count, size = best.mask.shape
    initial = factor.shape[1] - 1 - count * size
    inner = factor[initial:, initial:].copy()
    inner[:, -1] -= inner[:, :-1] @ problem.known.reshape(-1)
    inner[:, :-1] *= problem.admissible.reshape(-1)[None, :]
    # What is left below the floor of the noise is not worth explaining.
    left = np.sum(samples * best.variance / noise**2)
    unseen = np.zeros((1, inner.shape[1]))
    unseen[0, -1] = np.sqrt(max(samples.sum() - left, 0.0))
    inner = np.concatenate([inner, unseen])
    mask = best.mask & problem.admissible
    knobs = {"slots": problem.slots, "width": NEIGHBOURS}
    independent = float(np.sum(samples * best.independent))
    found = AROUND(inner, independent, problem.prior, mask, **knobs)
    scores, masks = np.asarray(found.log_evidence), np.asarray(found.masks)
    itself = np.all(masks == mask, (1, 2))
    own = scores[itself][0] if itself.any() else scores[0]
    kept = np.isfinite(scores) & ~itself
    return list(masks[kept]), scores[kept] - own + best.score


def by_derivatives(problem: Problem, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of a support by regression on derivatives, and where the segments begin."""
    size = mask.shape[1]
    factor = np.asarray(problem.factor)
    rows = [subset.solve(factor[:, [*range(size), size + d]], m)[0] for d, m in enumerate(mask)]
    return np.stack(rows), np.asarray(problem.begin)


def _start_by_tangent(problem: Problem, tangent, best: Candidate, masks: list[np.ndarray]):
    factor, by, gap = tangent
    count, size = best.mask.shape
    initial = factor.shape[1] - 1 - count * size
    known = problem.known.reshape(-1)
    factor = factor.copy()
    factor[:, -1] -= factor[:, initial:-1] @ known
    starts = []
    for mask in masks:
        values, _ = subset.solve(factor, np.append(np.ones(initial, bool), mask.reshape(-1)))
        coefficients = values[initial:].reshape(count, size) + problem.known
        change = np.append(values[:initial], (coefficients - best.coefficients).reshape(-1))
        starts.append((mask, (coefficients, best.begin + by @ change + gap)))
    return starts


def fit(problem, segments, todo, noise, samples, pool) -> None:
    """Fit the supports with their starts, `WIDTH` side by side, and put them into the pool."""
    count, size = problem.admissible.shape
    initial = count * int(np.asarray(segments.starts).any(1).sum())
    for at in range(0, len(todo), WIDTH):
        part = todo[at : at + WIDTH]
        known = problem.known != 0
        models = _together([_slots(problem, mask, *start) for mask, start in part])
        fits = FITS(problem.terms, models, segments, noise, problem.floor)
        fits = jax.tree.map(np.asarray, fits)
        for i, (mask, _) in enumerate(part):
            full = mask | known
            coefficients = np.zeros((count, size))
            model = fits.model
            for d in range(count):
                for k in range(problem.slots):
                    coefficients[d, model.indices[i, d, k]] += model.coefficients[i, d, k]
            key = full.tobytes()
            judged = (fits.variance[i], fits.innovation[i], fits.independent[i], float(fits.gap[i]))
            candidate = Candidate(full, coefficients, model.begin[i], *judged, -np.inf)
            value = score(problem, candidate, samples, initial=initial)
            candidate = candidate._replace(score=value)
            if key not in pool or pool[key].score < candidate.score:
                pool[key] = candidate


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


def _together(models: list[Model]) -> Model:
    """Models side by side, the first again where there are fewer than `WIDTH`."""
    models = models + models[:1] * (WIDTH - len(models))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *models)


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
