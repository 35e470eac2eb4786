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

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery.preparation.known import Bound
from nsindy.terms.library import numpy_values
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.products import factors_of
from nsindy.terms.term import Term

__all__ = ["Gauge", "Link", "Motion", "hidden_motion", "holds", "holds_inside", "links"]


class Motion(NamedTuple):
    """Smoothed measurements of all recordings, one after the other, raw.

    Attributes:
      states: [m, N].
      rates: first derivatives [m, N].
      bends: second derivatives [m, N].
      inputs: [U, N].
      input_rates: their first derivatives, 0 where they are held until the next sample [U, N].
      times: [N].
      first: True for the first sample of each recording [N].
      near: True where every state is measured close enough to be smoothed over [N].
      step: a time in which little changes.
    """

    states: np.ndarray
    rates: np.ndarray
    bends: np.ndarray
    inputs: np.ndarray
    input_rates: np.ndarray
    times: np.ndarray
    first: np.ndarray
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
      beside: terms τ beside it in that equation, each with its c.
      support: terms of h', by their places in the library.
      score: log evidence of the regression of h' on these, nats.
    """

    link: Link
    beside: tuple[Bound, ...] = ()
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
    """The hidden state in a gauge, h = (y_i' - Σ c τ - what is known) / b, and its derivative.

    Functions of y and u change along y(t) and u(t) as central differences say.
    """
    link = gauge.link
    bounds = [*link.rest, *gauge.beside]
    values = numpy_values([link.term, *(bound.term for bound in bounds)])
    weights = np.array([bound.value for bound in bounds])

    def functions(later: float) -> np.ndarray:
        states = motion.states + later * motion.rates
        inputs = motion.inputs + later * motion.input_rates
        found = values(np.concatenate([states, np.ones((1, states.shape[1])), inputs]))
        return np.stack([link.value * found[0], weights @ found[1:]])

    factor, other = functions(0.0)
    later, before = functions(motion.step), functions(-motion.step)
    factor_rate, other_rate = (later - before) / (2 * motion.step)
    states = (motion.rates[link.row] - other) / factor
    return Hidden(states, (motion.bends[link.row] - other_rate - states * factor_rate) / factor)
