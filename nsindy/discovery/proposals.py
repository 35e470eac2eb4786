"""Supports that regressions propose, for the search to start from."""

import heapq
import itertools
from typing import NamedTuple

import numpy as np

from nsindy.discovery import candidates, constants, signals, weak_form
from nsindy.discovery.candidates import Start
from nsindy.discovery.problem import Prepared, Problem
from nsindy.evidence import beam, regression
from nsindy.runtime.programs import Program

__all__ = ["proposals"]

BEAM = Program(beam.beam_search, static=("slots", "depth", "width"))


class _Option(NamedTuple):
    """A support of one equation [M], and what it is ranked by: less is better."""

    rank: float
    mask: np.ndarray


def proposals(prepared: Prepared, width: int | None = None) -> list[Start]:
    """Supports by regressions, on derivatives and on integrals, that the search starts from.

    Regression errs where the smoothed states do, at spikes above all, and then prefers supports
    that fit its errors. So each takes for nothing whatever it leaves below a share of the
    derivative, `constants.COARSE`.

    Args:
      prepared: the problem.
      width: twice the supports that a regression proposes, more where there is one equation or
        where samples are few; None for `constants.WIDTH`.

    Returns:
      starts with different supports.
    """
    problem = prepared.problem
    width = constants.WIDTH if width is None else width
    freedom = sum(s.freedom for s in prepared.signals)
    samples = np.mean(signals.cells(prepared.signals))
    # Fits of one equation are cheap; so are those of few samples, whose regressions are bad guides.
    width = 2 * width if len(problem.admissible) == 1 else width
    few = (constants.FEW_SAMPLES / samples) ** 2
    width = int(np.clip(few, width, constants.MOST_PROPOSALS))
    noiseless = bool(np.max(signals.noise(prepared.signals)) < constants.FINE)
    supports = [
        mask
        for factor in (problem.factor, _by_integrals(prepared))
        for coarse in (*constants.COARSE, *[constants.FINE] * noiseless)
        for mask in _joint(problem, factor, freedom, width // 2, coarse)
    ]
    different = {mask.tobytes(): mask for mask in supports}.values()
    return [candidates.regressed(problem, mask) for mask in different]


def _by_integrals(prepared: Prepared) -> np.ndarray:
    """The regression of the weak form of all recordings, compressed [M + D, M + D]."""
    rows = np.cumsum([0, *(len(s.times) for s in prepared.signals)])
    designs, targets = [], []
    for s, low, high in zip(prepared.signals, rows, rows[1:], strict=False):
        span = s.times[-1] - s.times[0]
        half_width = min(5 * span / s.freedom, span / 4)
        design, target = weak_form.regression(
            s.times, s.measured, prepared.theta[low:high], half_width=half_width, near=s.near
        )
        designs.append(design)
        targets.append(target)
    return regression.compress(np.concatenate(designs), np.concatenate(targets))


def _joint(
    problem: Problem, factor: np.ndarray, samples: float, width: int, coarse: float
) -> list[np.ndarray]:
    """The best supports of all equations together, by a regression."""
    each = [
        _options(problem, factor, d, samples, width, coarse) for d in range(len(problem.admissible))
    ]
    few = constants.JOINT_OPTIONS.get(len(each), constants.JOINT_OPTIONS_MANY)
    joint = itertools.product(*(options[:few] for options in each))
    best = heapq.nsmallest(width, joint, key=lambda choice: sum(o.rank for o in choice))
    if width > constants.WIDTH:
        # The regression's own evidence knows too little here; every size has its turn.
        joint = itertools.product(*(_by_size(options)[:few] for options in each))
        best += heapq.nsmallest(width, joint, key=_turn)
    return [np.stack([option.mask for option in choice]) for choice in best]


def _options(
    problem: Problem, factor: np.ndarray, d: int, samples: float, width: int, coarse: float
) -> list[_Option]:
    """The best supports of equation d, ranked by their negative evidence."""
    allowed = problem.admissible[d]
    if not allowed.any():
        return [_Option(0.0, allowed)]
    size = len(allowed)
    columns = regression.of_equation(factor, size, d) * np.append(allowed, True)[None]
    # A row of its own that no term can explain.
    columns = np.pad(columns, ((0, 1), (0, 0)))
    columns[-1, -1] = coarse * np.linalg.norm(columns[:, -1])
    supports = BEAM(
        columns,
        samples,
        problem.prior,
        np.zeros((1, size), bool),
        slots=problem.slots,
        depth=problem.slots,
        # A pair of terms that are little without each other begins with one of them.
        width=max(16, size // 4) if width <= constants.WIDTH else 64,
    )
    pairs = zip(np.asarray(supports.log_evidence), np.asarray(supports.masks), strict=True)
    return [_Option(-float(value), mask[0]) for value, mask in pairs if np.isfinite(value)]


def _turn(choice: tuple[_Option, ...]) -> tuple[float, int]:
    """When a joint support has its turn: by its ranks, then by its size."""
    return sum(o.rank for o in choice), sum(int(o.mask.sum()) for o in choice)


def _by_size(options: list[_Option]) -> list[_Option]:
    """Supports by their ranks among those of as many terms, the best of each size first."""
    seen: dict[int, int] = {}
    ranked = []
    for option in options:
        size = int(option.mask.sum())
        ranked.append(_Option(seen.get(size, 0), option.mask))
        seen[size] = seen.get(size, 0) + 1
    return sorted(ranked, key=lambda option: option.rank)
