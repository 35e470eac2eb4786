"""The scan of the coordinates of a hidden state for those in which its equation is short."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import dictionary
from nsindy.discovery.preparation.gauge import Gauge, Link, Motion, hidden_motion, holds_inside
from nsindy.discovery.preparation.known import Bound
from nsindy.discovery.preparation.linear_gauge import linear_gauges
from nsindy.evidence.prior import Prior
from nsindy.evidence.score import log_evidence
from nsindy.terms.library import numpy_values
from nsindy.terms.term import Term

__all__ = ["gauges"]


def gauges(
    link: Link,
    motion: Motion,
    terms: Sequence[Term],
    beside: np.ndarray,
    allowed: np.ndarray,
    given: Sequence[Bound],
    samples: float,
) -> list[Gauge]:
    """Coordinates of a hidden state in which regressions find short equations for it, best first.

    For every term τ of the measured states alone the number c is tried at `GAUGE_NUMBERS` places of
    either sign, where h' is regressed on the library; c of the best support of each size is then
    refined, where its sum of squares is least. Errors of y_i'' are those of every gauge of a link,
    so their sums of squares compare. The first is that without τ; among the others are those in
    which all of this is linear (`linear_gauge`), with as many τ as it takes.

    Args:
      link: how the state enters.
      motion: smoothed measurements.
      terms: over the measured states, the hidden one and the inputs [M].
      beside: True for those that may be τ [M].
      allowed: True for those that h' may hold [M].
      given: terms of h' that are known.
      samples: independent measurements.
    """
    count = len(motion.states)
    plain = hidden_motion(Gauge(link), motion)
    size = float(np.linalg.norm(plain.rates[motion.near]))
    prior = Prior(dictionary.costs(terms), np.ones(()))  # type: ignore[arg-type]
    inner = np.array([holds_inside(term, count) for term in terms], bool)
    scan = _Scan(link, motion, numpy_values(terms), inner, allowed, given, prior, samples, size)
    none = max(scan.at(()), key=lambda gauge: gauge.score, default=Gauge(link))
    own = np.flatnonzero(beside).tolist()
    values = numpy_values([terms[m] for m in own])(
        np.concatenate([motion.states, np.ones((1, motion.states.shape[1])), motion.inputs])
    )
    rate = np.sqrt(np.mean(motion.rates[link.row] ** 2))
    grid = np.geomspace(*constants.GAUGE_RANGE, constants.GAUGE_NUMBERS // 2)
    found: list[Gauge] = []
    for m, column in zip(own, values, strict=True):
        unit = rate / np.sqrt(np.mean(column**2))
        found += scan.over(terms[m], unit * np.concatenate([-grid[::-1], grid]))
    if not (link.rest or given or link.given):
        for linear in linear_gauges(link, motion, terms, beside, allowed, samples):
            products = scan.products(linear.beside)
            if products is not None:
                found.append(linear._replace(score=scan.score(linear, products)))
    return [none, *sorted(found, key=lambda each: -each.score)]


class _Scan(NamedTuple):
    """The regressions of h' in the gauges of one link; see `gauges`."""

    link: Link
    motion: Motion
    values: Callable[[np.ndarray], np.ndarray]
    inner: np.ndarray
    allowed: np.ndarray
    given: Sequence[Bound]
    prior: Prior
    samples: float
    size: float

    def products(self, beside: tuple[Bound, ...]) -> np.ndarray | None:
        """Products of the terms and h' [M + 1, M + 1]; None where h has no values."""
        motion = self.motion
        hidden = hidden_motion(Gauge(self.link, beside), motion)
        every = np.concatenate([motion.states, hidden.states[None], motion.inputs])
        theta = self.values(every)
        target = hidden.rates
        if self.given:
            weights = np.array([bound.value for bound in self.given])
            target = target - weights @ numpy_values([b.term for b in self.given])(every)
        columns = np.concatenate([theta, target[None]])[:, motion.near]
        if not np.isfinite(columns[-1]).all():
            return None
        # 1/h and √h of a state that changes its sign are no terms.
        crossed = self.inner & (np.ptp(np.sign(hidden.states)) > 0)
        good = np.isfinite(columns).all(1) & np.append(self.allowed & ~crossed, True)
        columns = np.where(good[:, None], columns, 0.0)
        return columns @ columns.T

    def at(self, beside: tuple[Bound, ...]) -> list[Gauge]:
        """The best supports of each size with these terms beside."""
        products = self.products(beside)
        if products is None or not products[-1, -1] > 0:
            return []
        made = (Gauge(self.link, beside, tuple(support)) for support in self.smallest(products))
        return [each._replace(score=self.score(each, products)) for each in made]

    def smallest(self, products: np.ndarray) -> list[list[int]]:
        """For each number of terms the support of most evidence: all pairs, and those around."""
        lengths = np.sqrt(np.diagonal(products))
        usable = np.flatnonzero(lengths[:-1] > 0)
        unit = products / np.where(lengths > 0, lengths, 1.0)[:, None]
        unit = unit / np.where(lengths > 0, lengths, 1.0)
        nothing = (constants.COARSE[0] * self.size / lengths[-1]) ** 2
        costs = np.asarray(self.prior.costs)

        def ranked(supports: np.ndarray) -> np.ndarray:
            inner = unit[supports[:, :, None], supports[:, None, :]]
            inner = inner + constants.GAUGE_RIDGE * np.eye(supports.shape[1])
            outer = unit[supports, -1]
            solved = np.linalg.solve(inner, outer[..., None])[..., 0]
            left = np.maximum(1 - np.sum(solved * outer, 1), 0.0) + nothing
            value = -0.5 * self.samples * np.log(left) - costs[supports].sum(1)
            return supports[np.argsort(-value, kind="stable")[: constants.GAUGE_WIDTH]]

        found: list[list[int]] = [[]]
        level = np.stack(np.triu_indices(len(usable), 1), 1)
        for size in range(1, min(constants.GAUGE_TERMS, len(usable)) + 1):
            if size == 1:
                best = ranked(usable[:, None])
            elif size == 2:
                best = level = ranked(usable[level])
            else:
                wider = {tuple(sorted({*pair, m})) for pair in level.tolist() for m in usable}
                best = level = ranked(np.array([w for w in sorted(wider) if len(w) == size]))
            found.append(best[0].tolist())
        return found

    def score(self, gauge: Gauge, products: np.ndarray) -> float:
        """Log evidence of the support of h' and of the terms beside it."""
        left = _left(products, gauge.support) / self.size**2 + constants.COARSE[0] ** 2
        costs, own = np.asarray(self.prior.costs), len(gauge.beside)
        masks = np.zeros((2 if own else 1, len(costs)), bool)
        masks[0, list(gauge.support)] = True
        masks[1:, :own] = True
        price = sum(bound.term.nats for bound in gauge.beside) - float(costs[:own].sum())
        likelihood = np.asarray(-0.5 * self.samples * np.log(left))
        return float(log_evidence(likelihood, masks, self.samples, self.prior)) - price  # type: ignore[arg-type]

    def over(self, term: Term, numbers: np.ndarray) -> list[Gauge]:
        """The best supports over all numbers, each at its best one."""
        from scipy.optimize import minimize_scalar

        def beside(number: float) -> tuple[Bound, ...]:
            return (Bound(self.link.row, term, number),)

        best: dict[int, Gauge] = {}
        for number in numbers.tolist():
            for gauge in self.at(beside(number)):
                size = len(gauge.support)
                if size not in best or best[size].score < gauge.score:
                    best[size] = gauge

        def refined(gauge: Gauge) -> Iterator[Gauge]:
            ratio = (constants.GAUGE_RANGE[1] / constants.GAUGE_RANGE[0]) ** (
                2 / constants.GAUGE_NUMBERS
            )

            def left(number):
                products = self.products(beside(number))
                return np.inf if products is None else _left(products, gauge.support)

            coefficient = gauge.beside[0].value
            limits = sorted((coefficient / ratio, coefficient * ratio))
            number = float(minimize_scalar(left, bounds=limits, method="bounded").x)
            products = self.products(beside(number))
            if products is not None:
                new = gauge._replace(beside=beside(number))
                yield new._replace(score=self.score(new, products))

        return [new for gauge in best.values() for new in refined(gauge)]


def _left(products: np.ndarray, support: Sequence[int]) -> float:
    """Sum of squares that a support leaves of the last column."""
    places = list(support)
    inner, outer = products[np.ix_(places, places)], products[places, -1]
    scale = np.sqrt(np.diagonal(inner))
    if not places or not np.all(scale > 0):
        return float(products[-1, -1])
    solved = np.linalg.lstsq(inner / scale[:, None] / scale[None], outer / scale, rcond=1e-12)[0]
    return max(float(products[-1, -1] - solved @ (outer / scale)), 0.0)
