"""Supports that regressions propose, for the search to start from."""

import heapq
import itertools
from typing import TYPE_CHECKING

import numpy as np

from nsindy.discovery import candidates, search, signals, weak_form
from nsindy.discovery.candidates import Problem
from nsindy.evidence import beam, regression
from nsindy.runtime.programs import Program

if TYPE_CHECKING:
    from nsindy.discovery.problem import Setting

COARSE = (0.01, 0.1)
"""Shares of the derivative below which a regression sees nothing."""

FINE = 1e-4
"""The same, for a regression on states of less noise than this."""

FEW = 1500
"""With N samples the regressions propose (FEW / N)² supports, where that is more than usual."""


BEAM = Program(beam.beam_search, static=("slots", "depth", "width"))


def proposals(setting: "Setting", width: int = search.WIDTH) -> list[np.ndarray]:
    """Supports by regressions, on derivatives and on integrals, that the search starts from.

    Regression errs where the smoothed states do, at spikes above all, and then prefers supports
    that fit its errors. So it is asked with coarse eyes, that take for nothing whatever it leaves
    below a hundredth, or a tenth, of the derivative.

    Args:
      setting: what is searched.
      width: twice the supports that a regression proposes; more where there is one equation, or
        where samples are few.

    Returns:
      supports [D, M], none twice.
    """
    problem = setting.problem
    freedom = sum(s.freedom for s in setting.signals)
    rows = np.cumsum([0, *(len(s.times) for s in setting.signals)])
    # Fits of one equation are cheap; so are those of few samples, whose regressions are bad guides.
    width = 2 * width if len(problem.admissible) == 1 else width
    width = int(np.clip((FEW / rows[-1]) ** 2, width, 512))
    designs, targets = [], []
    for s, low, high in zip(setting.signals, rows, rows[1:], strict=False):
        span = s.times[-1] - s.times[0]
        half_width = min(5 * span / s.freedom, span / 4)
        design, target = weak_form.regression(
            s.times, s.measured, setting.theta[low:high], half_width=half_width
        )
        designs.append(design)
        targets.append(target)
    by_integrals = candidates.COMPRESS(np.concatenate(designs), np.concatenate(targets))
    noiseless = bool(np.max(signals.noise(setting.signals)) < FINE)
    found = [
        mask
        for factor in (problem.factor, np.asarray(by_integrals))
        for coarse in (*COARSE, *[FINE] * noiseless)
        for mask in _joint(problem, factor, freedom, width // 2, coarse)
    ]
    return list({mask.tobytes(): mask for mask in found}.values())


def _joint(
    problem: Problem, factor: np.ndarray, samples: float, width: int, coarse: float
) -> list[np.ndarray]:
    """The best supports of all equations together, by a regression."""
    size = problem.admissible.shape[1]
    each = []
    for d, allowed in enumerate(problem.admissible):
        if not allowed.any():
            each.append([(0.0, allowed)])
            continue
        own = regression.of_equation(factor, size, d) * np.append(allowed, True)[None]
        # A row of its own that no term can explain.
        own = np.pad(own, ((0, 1), (0, 0)))
        own[-1, -1] = coarse * np.linalg.norm(own[:, -1])
        supports = BEAM(
            own,
            samples,
            problem.prior,
            np.zeros((1, size), bool),
            slots=problem.slots,
            depth=problem.slots,
            # A pair of terms that are little without each other begins with one of them.
            width=max(16, size // 4) if width <= search.WIDTH else 64,
        )
        pairs = zip(np.asarray(supports.log_evidence), np.asarray(supports.masks), strict=True)
        each.append([(float(s), mask[0]) for s, mask in pairs if np.isfinite(s)])
    few = {1: 64, 2: 32, 3: 16}.get(len(each), 6)
    joint = list(itertools.product(*(options[:few] for options in each)))
    best = heapq.nlargest(width, joint, key=lambda choice: sum(s for s, _ in choice))
    if width > search.WIDTH:
        # The regression's own evidence knows too little here; every size has its turn.
        ranked = [_by_size(options) for options in each]
        joint = list(itertools.product(*(options[:few] for options in ranked)))
        best += heapq.nsmallest(width, joint, key=_turn)
    return [np.stack([mask for _, mask in choice]) for choice in best]


def _turn(choice: tuple[tuple[float, np.ndarray], ...]) -> tuple[float, int]:
    """When a joint support has its turn: by its ranks, then by its size."""
    return sum(rank for rank, _ in choice), sum(int(mask.sum()) for _, mask in choice)


def _by_size(options: list[tuple[float, np.ndarray]]) -> list[tuple[float, np.ndarray]]:
    """Supports with their ranks among those of as many terms, the best of each size first."""
    seen: dict[int, int] = {}
    ranked: list[tuple[float, np.ndarray]] = []
    for _, mask in options:
        size = int(mask.sum())
        ranked.append((seen.get(size, 0), mask))
        seen[size] = seen.get(size, 0) + 1
    return sorted(ranked, key=lambda option: option[0])
