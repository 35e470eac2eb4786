"""Which terms of a large library each equation is searched with: chosen by regressions.

The equations are independent given the smoothed states, so each is screened alone. On products of
compressed columns a support costs as much as the library has terms, times the terms it holds.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.evidence.prior import Prior
from nsindy.evidence.score import log_evidence

__all__ = ["Support", "beam", "columns"]

SPANNED = 1e-10
"""Share of a column's square below which the support spans it already, in double precision."""


class Support(NamedTuple):
    """A support of one equation.

    Attributes:
      terms: its places among the columns [K].
      score: log evidence, nats.
      gains: log evidence of the support with one column more [P]; -inf for what cannot be added.
    """

    terms: np.ndarray
    score: float
    gains: np.ndarray


def columns(
    factors: Sequence[np.ndarray],
    admissible: np.ndarray,
    prior: Prior,
    samples: float,
    slots: int,
) -> np.ndarray:
    """The terms that each equation is searched with [D, C].

    In turn, what the best supports hold that each regression finds, and what would be best beside
    them.

    Args:
      factors: compressed regressions [Θ, Ẋ], [Q, M + D].
      admissible: True where an equation may hold a term [D, M].
      prior: of the supports.
      samples: independent measurements of a state.
      slots: K, most terms of an equation.
    """
    states, size = admissible.shape
    count = min(max(constants.WIDE_COLUMNS // states, constants.FEWEST_COLUMNS, 2 * slots), size)
    chosen = np.zeros((states, count), int)
    tables = [factor.T @ factor for factor in factors]
    for d, allowed in enumerate(admissible):
        ranks = np.full(size, np.inf)
        places = [*np.flatnonzero(allowed), size + d]
        for table in tables:
            own = np.zeros((size + 1, size + 1))
            free = np.append(np.flatnonzero(allowed), size)
            own[np.ix_(free, free)] = table[np.ix_(places, places)]
            found = beam(own, prior, samples, slots, constants.COARSE[0])
            order = [m for support in found for m in support.terms]
            rest = [np.argsort(-s.gains, kind="stable")[:count] for s in found[:4]]
            order += [m for near in zip(*rest, strict=True) for m in near]
            first = np.array(list(dict.fromkeys(order)), int)
            ranks[first] = np.minimum(ranks[first], np.arange(len(first)))
        chosen[d] = np.sort(np.argsort(np.where(allowed, ranks, np.inf), kind="stable")[:count])
    return chosen


def beam(
    products: np.ndarray, prior: Prior, samples: float, slots: int, coarse: float
) -> list[Support]:
    """Supports of one equation by exact evidence, slot by slot, best first; see `beam_search`.

    Args:
      products: [A, y]ᵀ [A, y]; a column of zeros is never taken [P + 1, P + 1].
      prior: of the supports.
      samples: n, independent measurements.
      slots: K, most terms of the equation.
      coarse: share of the target that is taken for nothing.
    """
    norms = np.sqrt(np.diagonal(products))
    scale = np.where(norms > 0, norms, 1.0)
    table = products / scale[:, None] / scale[None, :]
    nothing = coarse**2
    open_ = norms[:-1] > 0

    def support(terms: tuple[int, ...]) -> Support | None:
        places = np.array(terms, int)
        try:
            lower = np.linalg.cholesky(table[np.ix_(places, places)])
        except np.linalg.LinAlgError:
            # Several columns that are nearly spanned are spanned, as far as rounding can tell.
            return None
        share = np.linalg.solve(lower, table[places])
        squares = 1 - np.sum(share[:, :-1] ** 2, 0)
        with_target = table[:-1, -1] - share[:, -1] @ share[:, :-1]
        free = open_ & (squares > SPANNED)
        free[places] = False
        drops = np.where(free, with_target**2 / np.where(free, squares, 1.0), 0.0)
        left = max(1 - float(share[:, -1] @ share[:, -1]), 0.0)
        more = -0.5 * samples * np.log(np.maximum(left - drops, 0) + nothing)
        alone = -0.5 * samples * np.log(left + nothing)
        masks = np.zeros((2, len(open_)), bool)
        masks[:, places] = True
        masks[1, np.flatnonzero(~masks[1])[:1]] = True
        own, bigger = (_price(mask, samples, prior) for mask in masks)
        costs = np.asarray(prior.costs)
        added = np.flatnonzero(masks[1] & ~masks[0])
        bigger += costs[added].sum()
        gains = np.where(free & (len(places) < slots), more + bigger - costs, -np.inf)
        return Support(places, float(alone) + own, gains)

    def supports(keys: Iterable[tuple[int, ...]]) -> list[Support]:
        return [each for each in map(support, keys) if each is not None]

    level = supports([()])
    every, met = list(level), set[tuple[int, ...]]()
    for _ in range(slots):
        better: dict[tuple[int, ...], float] = {}
        for parent in level:
            for m in np.argsort(-parent.gains, kind="stable")[: constants.SCREEN_WIDTH]:
                key = tuple(sorted((*parent.terms.tolist(), int(m))))
                if np.isfinite(parent.gains[m]) and key not in met:
                    better[key] = max(better.get(key, -np.inf), float(parent.gains[m]))
        best = sorted(better, key=better.__getitem__, reverse=True)[: constants.SCREEN_WIDTH]
        met.update(best)
        level = supports(best)
        every += level
    return sorted(every, key=lambda each: -each.score)


def _price(mask: np.ndarray, samples: float, prior: Prior) -> float:
    """Log evidence of a support [P] beside its likelihood."""
    return float(log_evidence(np.zeros(()), mask[None], samples, prior))  # type: ignore[arg-type]
