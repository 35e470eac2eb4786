"""Supports that regressions propose, for the search to start from."""

import heapq
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import screening, signals
from nsindy.discovery.preparation.problem import Prepared, Problem
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.candidates import Start
from nsindy.evidence import beam, regression
from nsindy.runtime.programs import Program, at_once
from nsindy.terms.products import is_product

__all__ = ["Option", "by_regressions", "options_of", "proposals"]

BEAM = Program(beam.beam_search, static=("slots", "depth", "width"))


class Option(NamedTuple):
    """A support of one equation [M], and what it is ranked by, as -log p: less is better."""

    rank: float
    mask: np.ndarray


def proposals(
    prepared: Prepared, width: int | None = None, *, products: bool = True
) -> list[Start]:
    """Supports by regressions, on derivatives and on integrals, that the search starts from.

    Regression errs where the smoothed states do, at spikes above all, and then prefers supports
    that fit its errors. So each takes for nothing whatever it leaves below a share of the
    derivative, `constants.COARSE`.

    Args:
      prepared: the problem.
      width: twice the supports that a regression proposes, more where there is one equation or
        where samples are few; None for `constants.WIDTH`.
      products: True for supports of products of variables alone besides.

    Returns:
      starts with different supports.
    """
    problem = prepared.problem
    width = constants.WIDTH if width is None else width
    samples = np.mean(signals.cells(prepared.signals))
    # Fits of one equation are cheap; so are those of few samples, whose regressions are bad guides.
    width = 2 * width if len(problem.admissible) == 1 else width
    few = (constants.FEW_SAMPLES / samples) ** 2
    width = int(np.clip(few, width, constants.MOST_PROPOSALS))
    # Fits of many states are dear, and regressions on as many values good guides.
    width = 2 if problem.wide else width
    noiseless = signals.noiseless(prepared.signals)
    shares = (*constants.COARSE, *[constants.FINE] * noiseless)
    supports = _supports(prepared, problem, width // 2, shares)
    plain = np.array([is_product(term) for term in prepared.terms])
    if products and not (plain.all() or problem.wide):
        # Among many operations some always imitate a polynomial, and crowd out what is right.
        simple = problem._replace(admissible=problem.admissible & plain)
        supports += _supports(prepared, simple, width // 2, constants.COARSE, constants.PLAIN)
    if problem.signs is not None:
        supports = [_signed(problem, mask) for mask in (*supports, np.zeros_like(supports[0]))]
    if problem.shared is not None:
        supports = [problem.shared.joined(mask) for mask in supports]
    return _different(problem, supports)


def by_regressions(prepared: Prepared, problem: Problem, count: int) -> list[Start]:
    """The best supports of a problem by each regression, so many of each.

    Args:
      prepared: the recordings.
      problem: theirs, perhaps with fewer terms that are admissible, or fewer slots.
      count: supports of a regression.
    """
    supports = _supports(prepared, problem, constants.WIDTH, constants.COARSE, count)
    return _different(problem, supports)


def _supports(
    prepared: Prepared,
    problem: Problem,
    width: int,
    shares: Sequence[float],
    count: int | None = None,
) -> list[np.ndarray]:
    """What each regression proposes with each share that it takes for nothing; the first so many.

    A map has no derivative that an integral could stand for.
    """
    freedom = sum(s.freedom for s in prepared.signals)
    factors = [problem.factor] if prepared.substeps is None else [problem.factor, problem.integrals]
    each = at_once(
        lambda one: _joint(problem, one[0], freedom, width, one[1]),
        list(itertools.product(factors, shares)),
    )
    return [mask for masks in each for mask in masks[:count]]


def _different(problem: Problem, supports: Sequence[np.ndarray]) -> list[Start]:
    """Starts of supports, each once."""
    once = {mask.tobytes(): mask for mask in supports}.values()
    return [candidates.regressed(problem, mask) for mask in once]


def _signed(problem: Problem, mask: np.ndarray) -> np.ndarray:
    """The support without the terms whose coefficients have a wrong sign in a regression."""
    while True:
        wrong = problem.violated(mask, candidates.regressed(problem, mask).coefficients)
        if not wrong.any():
            return mask
        mask = mask & ~wrong


def _joint(
    problem: Problem, factor: np.ndarray, samples: float, width: int, coarse: float
) -> list[np.ndarray]:
    """The best supports of all equations together, by a regression."""
    each = [
        _options(problem, factor, d, samples, width, coarse) for d in range(len(problem.admissible))
    ]
    few = constants.JOINT_OPTIONS.get(len(each), constants.JOINT_OPTIONS_MANY)
    best = _least([options[:few] for options in each], width, _rank)
    if width > constants.WIDTH:
        # The regression's own evidence knows too little here; every size has its turn.
        best += _least([_by_size(options)[:few] for options in each], width, _turn)
    return [np.stack([option.mask for option in choice]) for choice in best]


def _options(
    problem: Problem, factor: np.ndarray, d: int, samples: float, width: int, coarse: float
) -> list[Option]:
    """The best supports of equation d, ranked by their negative evidence."""
    allowed = problem.open[d]
    if not allowed.any():
        return [Option(0.0, allowed)]
    own = regression.of_equation(factor, len(allowed), d)
    # A pair of terms that are little without each other begins with one of them.
    beam_width = max(16, problem.columns.shape[1] // 4) if width <= constants.WIDTH else 64
    return _by_beam(problem, own, d, samples, coarse, beam_width)


def _by_beam(
    problem: Problem, own: np.ndarray, d: int, samples: float, coarse: float, width: int
) -> list[Option]:
    """The supports of equation d by its compressed regression [Q, M + 1], best first."""
    size = own.shape[1] - 1
    own = own * np.append(problem.open[d], True)[None]
    if problem.wide:
        own = own[:, [*problem.columns[d], size]]
        costs = problem.prior_of_columns._replace(costs=problem.prior_of_columns.costs[d])
        found = screening.beam(own.T @ own, costs, samples, problem.slots, coarse)
        return [Option(-s.score, _at(problem.columns[d][s.terms], size)) for s in found]
    # Columns of no terms, and a row of its own that no term can explain.
    none = problem.columns.shape[1] - size
    columns = np.insert(np.pad(own, ((0, none + 1), (0, 0))), [size] * none, 0.0, axis=1)
    columns[-1, -1] = coarse * np.linalg.norm(columns[:, -1])
    supports = BEAM(
        columns,
        samples,
        problem.prior_of_columns,
        np.zeros((1, size + none), bool),
        slots=problem.slots,
        depth=problem.slots,
        width=width,
    )
    pairs = zip(np.asarray(supports.log_evidence), np.asarray(supports.masks), strict=True)
    return [Option(-float(value), mask[0, :size]) for value, mask in pairs if np.isfinite(value)]


def options_of(
    problem: Problem, own: np.ndarray, d: int, samples: float, coarse: float
) -> list[Option]:
    """The best supports of equation d by its own regression, best first.

    Args:
      problem: what is searched.
      own: compressed regression of this equation alone [Q, M + 1].
      d: the equation.
      samples: n.
      coarse: share of the target that no term can explain.
    """
    width = max(64, problem.columns.shape[1] // 4)
    return _by_beam(problem, own, d, samples, coarse, width)


def _at(places: np.ndarray, size: int) -> np.ndarray:
    """The mask [M] of terms that stand at these places."""
    mask = np.zeros(size, bool)
    mask[places] = True
    return mask


def _least(
    each: list[list[Option]], count: int, key: Callable[[tuple[Option, ...]], Any]
) -> list[tuple[Option, ...]]:
    """The choices of one option of each equation that come first by a key that adds up.

    What is not among the first of some equations is not among those of one more.
    """
    best: list[tuple[int, ...]] = [()]

    def options_of(places: tuple[int, ...]) -> tuple[Option, ...]:
        return tuple(options[i] for options, i in zip(each, places, strict=False))

    for options in each:
        joint = ((*places, i) for places in best for i in range(len(options)))
        best = heapq.nsmallest(count, joint, key=lambda places: (key(options_of(places)), places))
    return [options_of(places) for places in best]


def _rank(choice: tuple[Option, ...]) -> float:
    """What a joint support is ranked by."""
    return sum(o.rank for o in choice)


def _turn(choice: tuple[Option, ...]) -> tuple[float, int]:
    """When a joint support has its turn: by its ranks, then by its size."""
    return sum(o.rank for o in choice), sum(int(o.mask.sum()) for o in choice)


def _by_size(options: list[Option]) -> list[Option]:
    """Supports by their ranks among those of as many terms, the best of each size first."""
    seen: dict[int, int] = {}
    ranked = []
    for option in options:
        size = int(option.mask.sum())
        ranked.append(Option(seen.get(size, 0), option.mask))
        seen[size] = seen.get(size, 0) + 1
    return sorted(ranked, key=lambda option: option.rank)
