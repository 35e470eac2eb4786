"""The least misfit as a function of few numbers, all else following, by parabolas."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.candidates import Candidate, Start
from nsindy.discovery.search import Found

__all__ = ["fit_profile"]


class _Profile(NamedTuple):
    """A fit with given numbers: the candidate, and its misfit χ²."""

    candidate: Candidate
    misfit: float


def fit_profile(
    fits: Callable[[Sequence[np.ndarray], Sequence[Start]], list[Candidate]],
    found: Found,
    numbers: np.ndarray,
    steps: np.ndarray,
    signed: np.ndarray | bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit numbers inside the segments of a recording, all else following; see `number_fit`.

    Args:
      fits: the choice with each of several numbers [P], from where each fit starts.
      found: what was chosen with the numbers to begin with.
      numbers: to begin with [P].
      steps: by which they are changed at first [P].
      signed: True for those that may be 0 or change their sign [P].

    Returns:
      the numbers [P], their covariance [P, P], and how the coefficients follow them [P, D, M].
    """
    start, place, count = found.chosen.start, numbers, len(numbers)
    pairs = [(i, j) for i in range(count) for j in range(i)]
    covariance = np.full((count, count), np.inf)
    slopes = np.zeros((count, *found.chosen.mask.shape))

    def fitted(tried):
        """The fits with numbers, the coefficients beginning where they would follow them to."""
        moved = [np.tensordot(one - place, slopes, 1) for one in tried]
        starts = [start._replace(coefficients=start.coefficients + move) for move in moved]
        return [
            _Profile(each, float(np.sum(found.samples * each.variance / found.noise**2)))
            for each in fits(tried, starts)
        ]

    for _ in range(constants.NUMBER_PARABOLAS):
        own = np.diag(steps)
        both = [own[i] + own[j] for i, j in pairs]
        here, *rest = fitted([numbers + move for move in (0 * steps, *-own, *own, *both)])
        low, high, corners = rest[:count], rest[count : 2 * count], rest[2 * count :]
        below, above = (np.array([each.misfit for each in side]) for side in (low, high))
        # Fits that run away are infinitely bad, on both sides perhaps.
        with np.errstate(invalid="ignore"):
            bend = below - 2 * here.misfit + above
        usable = (bend > 0.1) & (bend < np.inf)
        if not usable.all():
            steps = np.where(usable, steps, steps * np.where(bend < 1, 4.0, 0.25))
            continue
        scaled = np.diag(bend)
        for (i, j), corner in zip(pairs, corners, strict=True):
            scaled[i, j] = scaled[j, i] = corner.misfit - above[i] - above[j] + here.misfit
        bowl = np.isfinite(scaled).all() and np.linalg.eigvalsh(scaled).min() > 1e-3 * bend.min()
        scaled = scaled if bowl else np.diag(bend)
        start, place = here.candidate.start, numbers
        covariance = 2 * np.linalg.inv(scaled) * np.outer(steps, steps)
        errors = np.sqrt(np.diagonal(covariance))
        slopes = np.stack(
            [
                (up.candidate.coefficients - down.candidate.coefficients) / (2 * step)
                for down, up, step in zip(low, high, steps, strict=True)
            ]
        )
        move = np.linalg.solve(scaled, (below - above) / 2)
        move = np.clip(move, -constants.NUMBER_REACH, constants.NUMBER_REACH) * steps
        # A number keeps its sign: K = 0 is another term.
        small = signed | (np.abs(move) < 0.5 * np.abs(numbers))
        move = np.where(small, move, 0.5 * move)
        numbers = numbers + move
        share = steps / errors
        settled = (np.abs(move) < 0.1 * errors).all() and ((share > 0.3) & (share < 3)).all()
        steps = np.maximum(errors, np.minimum(np.abs(move), steps))
        if settled:
            break
    return numbers, covariance, slopes
