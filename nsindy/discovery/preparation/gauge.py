"""Which coordinate a state that was not measured is given: the ones whose equations are short.

Only what it does to the measured states y tells of such a state h, and every g(y, h) that can be
undone does the same. So its coordinate is a choice. Here the equation of one measured state holds
it linearly,

    y_i' = b(y) h + c τ(y) + what is known,

with b a given factor, and h is whatever this makes of y_i' and y. Its scale is thereby fixed. A
term τ is an option: another c is another coordinate, h - c τ / b. Some have shorter equations: of
hares x and lynxes that nobody counted, h = x'/x has h' = a d - d b x - a h + b x h, but x'/x - c
two terms, x h and h, where c is the birth rate.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import dictionary
from nsindy.discovery.preparation.known import Bound
from nsindy.evidence.prior import Prior
from nsindy.evidence.score import log_evidence
from nsindy.terms.library import numpy_values
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.products import factors_of
from nsindy.terms.term import Term

__all__ = ["Gauge", "Link", "Motion", "gauges", "hidden_motion", "holds", "holds_inside", "links"]


class Motion(NamedTuple):
    """Smoothed measurements of all recordings, one after the other, raw.

    Attributes:
      states: [m, N].
      rates: first derivatives [m, N].
      bends: second derivatives [m, N].
      inputs: [U, N].
      near: True where every state is measured close enough to be smoothed over [N].
      step: a time in which little changes.
    """

    states: np.ndarray
    rates: np.ndarray
    bends: np.ndarray
    inputs: np.ndarray
    near: np.ndarray
    step: float


class Link(NamedTuple):
    """The term by which a hidden state enters the equation of a measured one.

    Attributes:
      row: the equation.
      term: b(y) h.
      value: its coefficient.
      rest: what else is known of that equation.
      given: True where a person gave it.
    """

    row: int
    term: Term
    value: float = 1.0
    rest: tuple[Bound, ...] = ()
    given: bool = False

    @property
    def bound(self) -> Bound:
        """The term with its coefficient, as one that is known."""
        return Bound(self.row, self.term, self.value)


class Gauge(NamedTuple):
    """A coordinate of the hidden state.

    Attributes:
      link: how it enters.
      term: τ beside it in that equation; None for none.
      coefficient: c.
      support: terms of h', by their places in the library.
      score: log evidence of the regression of h' on these, nats.
    """

    link: Link
    term: Term | None = None
    coefficient: float = 0.0
    support: tuple[int, ...] = ()
    score: float = -np.inf


class Hidden(NamedTuple):
    """The hidden state along the recordings, raw.

    Attributes:
      states: [N].
      rates: [N].
    """

    states: np.ndarray
    rates: np.ndarray


def holds(term: Term, place: int) -> bool:
    """Tell whether a term holds the variable of a place."""
    return any(holds(a, place) if isinstance(a, Term) else a == place for a in term.arguments)


def holds_inside(term: Term, place: int) -> bool:
    """Tell whether an operation that is no product takes the variable of a place."""
    return any(isinstance(f, Term) and holds(f, place) for f in factors_of(term))


def links(motion: Motion, given: Sequence[Bound], whole: frozenset[int]) -> list[Link]:
    """The ways in which a hidden state may enter: alone, or times a measured one of one sign.

    Args:
      motion: smoothed measurements.
      given: what is known of the equations; where one of a measured state holds the hidden state
        as a factor, that is the only link.
      whole: equations that hold no other terms.
    """
    count = len(motion.states)
    found = []
    for row in range(count):
        own = [bound for bound in given if bound.equation == row]
        having = [bound for bound in own if holds(bound.term, count)]
        if len(having) == 1 and list(factors_of(having[0].term)).count(count) == 1:
            rest = tuple(bound for bound in own if bound is not having[0])
            return [Link(row, having[0].term, having[0].value, rest, given=True)]
        if having or row in whole:
            continue
        found.append(Link(row, Term(PRIMITIVES["identity"], (count,)), rest=tuple(own)))
        for place, values in enumerate(motion.states):
            if np.min(values) > 0 or np.max(values) < 0:
                product = Term(PRIMITIVES["mul"], (place, count))
                found.append(Link(row, product, rest=tuple(own)))
    return found


def hidden_motion(gauge: Gauge, motion: Motion) -> Hidden:
    """The hidden state in a gauge, h = (y_i' - c τ - what is known) / b, and its derivative.

    Functions of y change along y(t) as central differences say.
    """
    link = gauge.link
    bounds = [*link.rest]
    if gauge.term is not None:
        bounds.append(Bound(link.row, gauge.term, gauge.coefficient))
    values = numpy_values([link.term, *(bound.term for bound in bounds)])
    weights = np.array([bound.value for bound in bounds])

    def functions(states: np.ndarray) -> np.ndarray:
        every = np.concatenate([states, np.ones((1, states.shape[1])), motion.inputs])
        found = values(every)
        return np.stack([link.value * found[0], weights @ found[1:]])

    factor, other = functions(motion.states)
    later, before = (functions(motion.states + s * motion.step * motion.rates) for s in (1, -1))
    factor_rate, other_rate = (later - before) / (2 * motion.step)
    states = (motion.rates[link.row] - other) / factor
    return Hidden(states, (motion.bends[link.row] - other_rate - states * factor_rate) / factor)


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
    so their sums of squares compare. The first is that without τ.

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
    none = max(scan.at(None, 0.0), key=lambda gauge: gauge.score, default=Gauge(link))
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

    def products(self, term: Term | None, coefficient: float) -> np.ndarray | None:
        """Products of the terms and h' [M + 1, M + 1]; None where h has no values."""
        motion = self.motion
        hidden = hidden_motion(Gauge(self.link, term, coefficient), motion)
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

    def at(self, term: Term | None, coefficient: float) -> list[Gauge]:
        """The best supports of each size at one number."""
        products = self.products(term, coefficient)
        if products is None or not products[-1, -1] > 0:
            return []
        made = (
            Gauge(self.link, term, coefficient, tuple(support))
            for support in self.smallest(products)
        )
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
        """Log evidence of the support of h' and of the term beside it."""
        left = _left(products, gauge.support) / self.size**2 + constants.COARSE[0] ** 2
        count = len(self.prior.costs)
        masks = np.zeros((1 if gauge.term is None else 2, count), bool)
        masks[0, list(gauge.support)] = True
        price = 0.0
        if gauge.term is not None:
            masks[1, 0] = True
            price = gauge.term.nats - float(np.asarray(self.prior.costs)[0])
        likelihood = np.asarray(-0.5 * self.samples * np.log(left))
        return float(log_evidence(likelihood, masks, self.samples, self.prior)) - price  # type: ignore[arg-type]

    def over(self, term: Term, numbers: np.ndarray) -> list[Gauge]:
        """The best supports over all numbers, each at its best one."""
        from scipy.optimize import minimize_scalar

        best: dict[int, Gauge] = {}
        for number in numbers.tolist():
            for gauge in self.at(term, number):
                size = len(gauge.support)
                if size not in best or best[size].score < gauge.score:
                    best[size] = gauge

        def refined(gauge: Gauge) -> Iterator[Gauge]:
            ratio = (constants.GAUGE_RANGE[1] / constants.GAUGE_RANGE[0]) ** (
                2 / constants.GAUGE_NUMBERS
            )

            def left(number):
                products = self.products(term, number)
                return np.inf if products is None else _left(products, gauge.support)

            limits = sorted((gauge.coefficient / ratio, gauge.coefficient * ratio))
            number = float(minimize_scalar(left, bounds=limits, method="bounded").x)
            products = self.products(term, number)
            if products is not None:
                new = gauge._replace(coefficient=number)
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
