"""Supports of all equations together: fitted to trajectories, and what they are worth."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import segmentation
from nsindy.discovery.preparation.problem import Problem
from nsindy.discovery.preparation.signals import Signal
from nsindy.evidence import regression
from nsindy.evidence.score import log_evidence
from nsindy.runtime.programs import Program
from nsindy.trajectories import shooting, side_by_side
from nsindy.trajectories.gauss_newton import ShootingFit
from nsindy.trajectories.shooting import Model, Segments

__all__ = [
    "Candidate",
    "Path",
    "Start",
    "along_recordings",
    "fit",
    "fit_alone",
    "initial_values",
    "key_of",
    "model",
    "precompile_fits",
    "regressed",
    "score",
    "solved",
]


class Start(NamedTuple):
    """Where the fit of a support starts from.

    Attributes:
      mask: the support [D, M].
      coefficients: [D, M].
      begin: state at the first node of every segment [B, D].
    """

    mask: np.ndarray
    coefficients: np.ndarray
    begin: np.ndarray


class Path(NamedTuple):
    """A model solved along the segments.

    Attributes:
      states: [B, L + 1, D].
      propagators: derivative of the end of each segment by its beginning [B, D, D].
    """

    states: np.ndarray
    propagators: np.ndarray


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

    @property
    def start(self) -> Start:
        """To start another fit from."""
        return Start(self.mask, self.coefficients, self.begin)


def _paths(terms, models, segments):
    def path(model):
        none = model.indices[:, :0]
        solved = shooting.shoot(terms, model, segments, none)
        return solved.states, solved.by_begin[:, -1]

    return jax.vmap(path)(models)


PATHS = Program(_paths)


def precompile_fits(problem: Problem, segments: Segments) -> None:
    """Compile what the fits of this problem need."""
    nothing = np.zeros(problem.admissible.shape)
    empty = model(problem, Start(nothing > 0, nothing, problem.begin))
    side_by_side.precompile_steps(problem.terms, empty, segments, np.ones(len(nothing)))
    lanes = side_by_side.lanes(segments)
    PATHS.precompile(problem.terms, side_by_side.stack_lanes([empty], lanes), segments)


def key_of(problem: Problem, mask: np.ndarray) -> bytes:
    """What a support [D, M] is known by in a dictionary, the given equations included."""
    return (problem.alike(mask) | (problem.known != 0)).tobytes()


def regressed(problem: Problem, mask: np.ndarray) -> Start:
    """A support [D, M] with its coefficients by regression on the smoothed derivatives."""
    size = mask.shape[1]
    rows = [
        regression.least_squares_numpy(
            regression.of_equation(problem.factor, size, d), row
        ).coefficients
        for d, row in enumerate(mask & problem.open)
    ]
    return Start(mask, problem.spread(np.stack(rows)), problem.begin)


def model(problem: Problem, start: Start) -> Model:
    """A support with its coefficients in the slots of each equation [D, K]."""
    known = problem.known != 0
    held = problem.alike(start.mask) & problem.open
    each = known.sum(1) + problem.slots * np.any(problem.open, 1)
    count, slots = len(start.mask), max(int(each.max()), constants.SLOTS)
    indices = np.zeros((count, slots), int)
    free, filled = np.zeros((2, count, slots), bool)
    values = np.zeros((count, slots))
    for d in range(count):
        fixed = known[d]
        chosen = np.flatnonzero(fixed | held[d])
        indices[d, : len(chosen)] = chosen
        free[d, : len(chosen)] = ~fixed[chosen] & problem.admissible[d, chosen]
        filled[d, : len(chosen)] = True
        values[d, : len(chosen)] = np.where(fixed, problem.known[d], start.coefficients[d])[chosen]
    follow = problem.follow(indices, filled)
    return Model(indices, free, values, np.asarray(start.begin), follow)  # type: ignore[arg-type]


def initial_values(segments: Segments) -> int:
    """Initial values that a fit has beside its coefficients: of every state of every stretch."""
    return segments.states.shape[-1] * int(np.asarray(segments.starts).any(0).sum())


def solved(problem: Problem, starts: Sequence[Start], segments: Segments) -> list[Path]:
    """Solve models along the segments."""
    lanes = side_by_side.lanes(segments)

    def of_group(group: Sequence[Start]) -> list[Path]:
        models = [model(problem, start) for start in group]
        needed = side_by_side.needed(problem.terms, models, segments)
        states, ends = PATHS(problem.terms, side_by_side.stack_lanes(models, lanes), needed)
        return list(map(Path, np.asarray(states), np.asarray(ends)))

    return side_by_side.in_groups(of_group, starts, lanes)


def along_recordings(
    problem: Problem, start: Start, segments: Segments, signals: Sequence[Signal]
) -> list[np.ndarray]:
    """The solution of a model along each recording [N, D]."""
    (path,) = solved(problem, [start], segments)
    return segmentation.nodes(signals, path.states)


def fit(
    problem: Problem,
    segments: Segments,
    starts: Sequence[Start],
    noise: np.ndarray,
    samples: np.ndarray,
    pool: dict[bytes, Candidate],
    stop: Callable[[], bool] = lambda: False,
) -> set[bytes]:
    """Fit supports, and put them into the pool where they are better than what it holds.

    Args:
      problem: what is searched.
      segments: the recordings.
      starts: the supports, and where their fits start from.
      noise: of each state [D].
      samples: number of measurements of each state [D].
      pool: candidates by `key_of`; changed in place.
      stop: tells whether to end with what there is.

    Returns:
      keys of those that were not given up.
    """
    known = problem.known != 0
    initial = initial_values(segments)
    models = [model(problem, start) for start in starts]
    fits = side_by_side.fit_many(problem.terms, models, segments, noise, problem.floor, stop)
    ended = set[bytes]()
    for start, fitted in zip(starts, fits, strict=True):
        mask = problem.alike(start.mask) | known
        candidate, key = _candidate(mask, fitted), key_of(problem, start.mask)
        value = score(problem, candidate, samples, initial=initial)
        if problem.violated(candidate.mask, candidate.coefficients).any():
            # Under its constraint it is a support of fewer terms, which has a score of its own.
            value = -np.inf
        if key not in pool or pool[key].score < value:
            pool[key] = candidate._replace(score=value)
        if fitted.ended:
            ended.add(key)
    return ended


def fit_alone(problem: Problem, segments: Segments, start: Start, noise: np.ndarray) -> Candidate:
    """Fit one start to its end; without a score."""
    begun = [model(problem, start)]
    (fitted,) = side_by_side.fit_many(problem.terms, begun, segments, noise, problem.floor)
    return _candidate(problem.alike(start.mask) | (problem.known != 0), fitted)


def _candidate(mask: np.ndarray, found: ShootingFit) -> Candidate:
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

    with v the variance of what is new in each residual, which counts as no less than the floor,
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
    total, likelihood = samples.sum(), -0.5 * np.sum(samples * np.log(variance))
    parameters = chosen.sum() + initial
    value = float(log_evidence(likelihood, chosen, total, problem.prior, parameters=parameters))
    contribution = np.where(chosen, candidate.coefficients * problem.shares, 0.0)
    value -= float(np.sum(np.log1p((contribution / constants.LARGE) ** 2)))
    return value if np.isfinite(value) else -np.inf
