"""How probable each term is, and the equations of only such terms as are probable."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.supports import candidates, neighbours
from nsindy.discovery.supports.candidates import Candidate
from nsindy.discovery.supports.search import Found

__all__ = ["Unclear", "inclusion_probabilities", "only_probable", "rivals", "stand_ins"]


class Unclear(NamedTuple):
    """A term of which nobody can tell whether it is this or another.

    Attributes:
      equation: d.
      term: m.
      others: terms that supports of the pool hold in its place, the most probable first.
      kept: True where the recordings are missed by far more without it.
    """

    equation: int
    term: int
    others: list[int]
    kept: bool


def inclusion_probabilities(found: Found, unclear: Sequence[Unclear] = ()) -> np.ndarray:
    """Posterior probability of every term over all supports that were fitted or predicted [D, M].

    P(m in S_d) = Σ_S [m in S_d] exp(score(S)) / Σ_S exp(score(S))

    A term of the choice counts together with those that are the same term along the recordings
    (`stand_ins`): which of them it is nobody can tell, but that it is one of them. So does one that
    is unclear and was kept, with all terms that may be in its place.
    """
    masks, weights = _posterior(found)
    every = np.tensordot(weights, masks, 1).astype(float)
    chosen = found.chosen.mask & found.problem.admissible
    for d, m in np.argwhere(chosen):
        group = [m, *stand_ins(found, d, m)]
        if len(group) > 1:
            every[d, m] = weights @ masks[:, d, group].any(1)
    for place in unclear:
        if place.kept:
            outside = ~found.chosen.mask[place.equation]
            outside[place.term] = True
            filled = masks[:, place.equation] & outside
            every[place.equation, place.term] = weights @ filled.any(1)
    return every


def stand_ins(found: Found, equation: int, term: int) -> list[int]:
    """Terms that beside the others of the equation are the same as one of it, along the recordings.

    What the rest of the equation does not explain of one is a multiple of what it does not explain
    of the other, up to a cosine of `NEAR_DUPLICATE`.
    """
    problem = found.problem
    size = found.chosen.mask.shape[1]
    theta = np.asarray(problem.factor)[:, :size]
    rest = np.flatnonzero(found.chosen.mask[equation] & problem.admissible[equation])
    rest = rest[rest != term]
    basis = np.linalg.qr(theta[:, rest])[0]
    left = theta - basis @ (basis.T @ theta)
    norms, whole = np.linalg.norm(left, axis=0), np.linalg.norm(theta, axis=0)
    has_own = norms > 1e-6 * np.where(whole > 0, whole, 1.0)
    if not has_own[term]:
        return []
    cosines = np.abs(left.T @ left[:, term]) / np.where(has_own, norms, 1.0) / norms[term]
    same = has_own & (cosines > constants.NEAR_DUPLICATE) & problem.admissible[equation]
    same[term] = False
    return np.flatnonzero(same).tolist()


def only_probable(found: Found) -> tuple[Found, list[Unclear]]:
    """Leave terms of a probability below one half out of the choice, the least probable first.

    One without which the variance of what is left doubles stays: a term is needed there, and those
    that may as well be in its place count with it.

    Returns:
      what is left, fitted; and the terms that are unclear.
    """
    unclear = list[Unclear]()
    while True:
        every = inclusion_probabilities(found, unclear)
        every = np.where(found.chosen.mask & found.problem.admissible, every, 1.0)
        if every.min() >= 0.5:
            return found, unclear
        d, m = (int(i) for i in np.unravel_index(np.argmin(every), every.shape))
        mask = found.chosen.mask.copy()
        mask[d, m] = False
        without = _of_support(found, mask)
        lost = without.chosen.variance > 2 * found.chosen.variance
        masks, weights = _posterior(found)
        new = ~found.chosen.mask[d] & found.problem.admissible[d]
        others = rivals(masks[:, d], weights, m, new)
        this = Unclear(d, m, others, kept=bool((lost & (found.samples > 0)).any()))
        needed = inclusion_probabilities(found, [*unclear, this])[d, m] >= 0.5
        unclear.append(this._replace(kept=this.kept and bool(needed)))
        found = found if unclear[-1].kept else without


def _posterior(found: Found) -> tuple[np.ndarray, np.ndarray]:
    """Supports [S, D, M] and their probabilities [S]."""
    masks = [c.mask for c in found.pool] + [p.mask for p in found.around]
    scores = np.array([c.score for c in found.pool] + [p.score for p in found.around])
    weights = np.exp(scores - scores.max())
    return np.array(masks), weights / weights.sum()


def rivals(masks: np.ndarray, weights: np.ndarray, term: int, new: np.ndarray) -> list[int]:
    """Terms that supports hold in place of one, the most probable first.

    Args:
      masks: supports of one equation [S, M].
      weights: their probabilities [S].
      term: that they may lack.
      new: True for terms that may be in its place [M].
    """
    probable = weights @ (masks & ~masks[:, [term]])
    order = np.argsort(-probable, kind="stable")
    return [int(m) for m in order if new[m] and probable[m] > 0.05][:4]


def _of_support(found: Found, mask: np.ndarray) -> Found:
    """The same search with another choice, fitted if it was not, and without wrong signs."""
    problem, samples = found.problem, found.samples
    mask = problem.alike(mask)
    key = candidates.key_of(problem, mask)
    pool = {candidates.key_of(problem, c.mask): c for c in found.pool}
    candidate: Candidate | None = pool.get(key)
    if candidate is None:
        near = neighbours.look_around(problem, found.segments, found.chosen, samples)
        inner = mask & problem.admissible
        starts = neighbours.starts(problem, near, found.chosen, [inner])
        fitted = dict[bytes, Candidate]()
        candidates.fit(problem, found.segments, starts, near.noise, samples, fitted)
        (candidate,) = fitted.values()
    wrong = problem.violated(mask, candidate.coefficients)
    if wrong.any():
        return _of_support(found, mask & ~wrong)
    near = neighbours.look_around(problem, found.segments, candidate, samples)
    return found._replace(chosen=candidate, linearised=near.tangent.linearised, noise=near.noise)
