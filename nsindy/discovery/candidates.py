"""Supports of all equations together: fitted to trajectories, and what they are worth."""

from typing import NamedTuple

import jax
import numpy as np

from nsindy.evidence import regression, subset
from nsindy.evidence.regression import Prior
from nsindy.runtime.programs import Program
from nsindy.terms.products import Products
from nsindy.trajectories import gauss_newton, shooting
from nsindy.trajectories.shooting import Model, Segments

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


def _paths(terms, models, segments):
    def path(model):
        states, by_begin = shooting.shoot(terms, model, segments, by_coefficients=False)
        return states, by_begin[:, -1]

    return jax.vmap(path)(models)


PATHS = Program(_paths, static=("terms",))
COMPRESS = Program(regression.compress)
PRIOR = Program(regression.log_prior)


def ahead(problem: Problem, segments: Segments) -> None:
    """Compile what the fits of this problem need."""
    nothing = np.zeros(problem.admissible.shape)
    empty = model(problem, nothing > 0, nothing, problem.begin)
    gauss_newton.ahead(problem.terms, empty, segments, np.ones(len(nothing)))
    PATHS.precompile(
        problem.terms, gauss_newton.together([empty], gauss_newton.lanes(segments)), segments
    )
    PRIOR.precompile(nothing > 0, problem.prior)


def as_key(problem: Problem, mask: np.ndarray) -> bytes:
    """What a support [D, M] is known by in a dictionary, the given equations included."""
    return (mask | (problem.known != 0)).tobytes()


def by_derivatives(problem: Problem, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of a support by regression on derivatives, and where the segments begin.

    The support is [D, M]; what a fit starts from is [D, M] and [B, D].
    """
    size = mask.shape[1]
    factor = np.asarray(problem.factor)
    rows = [subset.solve(factor[:, [*range(size), size + d]], m)[0] for d, m in enumerate(mask)]
    return np.stack(rows), np.asarray(problem.begin)


def model(problem: Problem, mask, coefficients, begin) -> Model:
    """A support with its coefficients [D, M] in the slots of each equation."""
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


def solved(problem: Problem, starts, segments: Segments) -> list[tuple[np.ndarray, np.ndarray]]:
    """States along each model [B, L + 1, D], and segments' ends by their beginnings [B, D, D]."""
    found, lanes = [], gauss_newton.lanes(segments)
    for at in range(0, len(starts), lanes):
        models = [model(problem, mask, *start) for mask, start in starts[at : at + lanes]]
        states, ends = PATHS(problem.terms, gauss_newton.together(models, lanes), segments)
        found += list(zip(np.asarray(states), np.asarray(ends), strict=True))[: len(models)]
    return found


def fit(problem, segments, todo, noise, samples, pool) -> set[bytes]:
    """Fit the supports with their starts, and put them into the pool.

    Returns:
      keys of those that were not given up.
    """
    known = problem.known != 0
    initial = len(known) * int(np.asarray(segments.starts).any(1).sum())
    models = [model(problem, mask, *start) for mask, start in todo]
    fits = gauss_newton.many(problem.terms, models, segments, noise, problem.floor)
    ended = set[bytes]()
    for (mask, _), found in zip(todo, fits, strict=True):
        candidate, key = _candidate(mask | known, found), as_key(problem, mask)
        value = score(problem, candidate, samples, initial=initial)
        if key not in pool or pool[key].score < value:
            pool[key] = candidate._replace(score=value)
        if found.ended:
            ended.add(key)
    return ended


def _candidate(mask: np.ndarray, found: gauss_newton.Fit) -> Candidate:
    model = found.model
    coefficients = np.zeros(mask.shape)
    np.add.at(coefficients, (np.arange(len(mask))[:, None], model.indices), model.coefficients)
    begin, variance, innovation, independent = map(
        np.asarray, (model.begin, found.variance, found.innovation, found.independent)
    )
    gap = float(found.gap)
    return Candidate(mask, coefficients, begin, variance, innovation, independent, gap, -np.inf)


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
