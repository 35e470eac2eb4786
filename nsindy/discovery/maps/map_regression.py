"""A map as a regression of every row on the one before, equation by equation."""

from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.signals import Signal
from nsindy.discovery.supports import proposals
from nsindy.discovery.supports.inclusion import Unclear, rivals
from nsindy.evidence import regression
from nsindy.evidence.score import log_evidence

__all__ = ["MapFit", "regress_map", "row_pairs", "unclear_terms", "with_noise"]


class MapFit(NamedTuple):
    """A map as a regression of every row on the one before, scaled.

    Attributes:
      mask: the support [D, M].
      coefficients: [D, M].
      errors: their standard errors [D, M].
      probabilities: posterior probability of each term [D, M].
      variance: what a row leaves unexplained of the next [D].
      score: log evidence of each equation, nats [D].
      others: for each equation, further supports [M] and their scores, best first.
    """

    mask: np.ndarray
    coefficients: np.ndarray
    errors: np.ndarray
    probabilities: np.ndarray
    variance: np.ndarray
    score: np.ndarray
    others: list[list[tuple[np.ndarray, float]]]


def row_pairs(prepared: Prepared, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Terms of every row with a next one, in the first `share` [Q, M], and the next row [Q, D]."""
    rows, targets, place = [], [], 0
    for s in prepared.signals:
        last = round(share * len(s.times)) - 1
        rows.append(prepared.theta[place : place + last])
        targets.append(s.measured[1 : last + 1])
        place += len(s.times)
    return np.concatenate(rows), np.concatenate(targets)


def with_noise(prepared: Prepared, fit: MapFit) -> list[Signal]:
    """The recordings with what the map leaves of each state as their noise."""
    level = np.maximum(np.sqrt(fit.variance), prepared.problem.floor)
    return [s._replace(noise=level) for s in prepared.signals]


def regress_map(prepared: Prepared, share: float) -> MapFit:
    """The best regression of each row on the one before, equation by equation.

    Args:
      prepared: the problem.
      share: of the rows of each recording, from the first, that count.
    """
    design, targets = row_pairs(prepared, share)
    factor = regression.compress(design, targets)
    each = [_equation(prepared, factor, len(design), d) for d in range(targets.shape[1])]
    stacked = {
        name: np.stack([getattr(one, name) for one in each])
        for name in MapFit._fields
        if name != "others"
    }
    return MapFit(**stacked, others=[one.others for one in each])


def unclear_terms(fit: MapFit) -> list[Unclear]:
    """Terms of a regression that are less probable than not, and what may as well be there."""
    found = []
    for d, m in np.argwhere(fit.mask & (fit.probabilities < 0.5)).tolist():
        masks = np.array([fit.mask[d], *(mask for mask, _ in fit.others[d])])
        scores = np.array([fit.score[d], *(score for _, score in fit.others[d])])
        weights = np.exp(scores - scores.max())
        others = rivals(masks, weights / weights.sum(), m, ~fit.mask[d])
        found.append(Unclear(d, m, others, kept=True))
    return found


class _Equation(NamedTuple):
    """One equation of a `MapFit`, its attributes without their first axis."""

    mask: np.ndarray
    coefficients: np.ndarray
    errors: np.ndarray
    probabilities: np.ndarray
    variance: float
    score: float
    others: list[tuple[np.ndarray, float]]


def _equation(prepared: Prepared, factor: np.ndarray, count: int, d: int) -> _Equation:
    asked = prepared.problem
    size = asked.admissible.shape[1]
    own = regression.of_equation(factor, size, d)
    floor = asked.floor[d] ** 2
    size_of_next = float(np.linalg.norm(own[:, -1]))
    hidden = np.sqrt(count * floor) / size_of_next if size_of_next else 0.0
    found = [o.mask for o in proposals.options_of(asked, own, d, count, hidden)]
    scored = []
    for mask in [np.zeros(size, bool), *found]:
        solution = regression.least_squares_numpy(own, mask)
        variance = max(float(solution.rss) / count, floor)
        score = float(
            log_evidence(
                -0.5 * count * np.log(variance),
                mask[None],  # type: ignore[arg-type]
                float(count),
                asked.prior_of_terms,
                parameters=int(mask.sum()),
            )
        )
        large = solution.coefficients * asked.shares[d] / constants.LARGE
        scored.append((mask, score - float(np.sum(np.log1p(large**2))), solution, variance))
    scored.sort(key=lambda one: -one[1])
    close = [one for one in scored if one[1] >= scored[0][1] - constants.STRONG]
    costs = np.asarray(asked.prior.costs)
    mask, score, solution, variance = min(
        close, key=lambda one: (one[0].sum(), (one[0] * costs).sum(), -one[1])
    )
    weights = np.exp(np.array([one[1] for one in scored]) - scored[0][1])
    masks = np.array([one[0] for one in scored], float)
    spread = np.sqrt(np.diagonal(solution.covariance) * variance * count)
    return _Equation(
        mask,
        np.asarray(solution.coefficients),
        spread / np.sqrt(max(count - mask.sum(), 1)),
        weights @ masks / weights.sum(),
        variance,
        score,
        [(one[0], one[1]) for one in scored if one[0] is not mask],
    )
