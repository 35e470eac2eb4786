"""Numbers of several equations, and supports carried to the problems that hold them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.numbers import number_regression
from nsindy.discovery.numbers.number_blocks import Offer
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.signals import Units
from nsindy.discovery.supports.session import Session
from nsindy.terms.numbered import Inner
from nsindy.terms.term import Term

__all__ = ["Together", "carried", "of_several_equations", "with_inner"]


def with_inner(units: Units, inner: Sequence[Inner]) -> Units:
    """The units with these numbers, each in place of the one that its variable had."""
    places = {each.place for each in inner}
    return units._replace(inner=(*(i for i in units.inner if i.place not in places), *inner))


def carried(terms: Sequence[Term], others: Sequence[Term], mask: np.ndarray) -> np.ndarray:
    """A support of some terms [D, M] among others, without those that these lack."""
    places = {term: m for m, term in enumerate(terms)}
    kept = np.array([places.get(term, -1) for term in others])
    return np.where(kept >= 0, mask[:, kept], False)


class Together(NamedTuple):
    """Numbers of several equations, and supports that hold them.

    Attributes:
      prepared: the problem with all numbers.
      mask: a support to begin with [D, M].
      offers: the numbers, one of each of these equations.
    """

    prepared: Prepared
    mask: np.ndarray
    offers: tuple[Offer, ...] = ()

    def and_with(self, session: Session, offer: Offer) -> "Together":
        """One number more, offered in the problem with those before and beside this support."""
        old = self.prepared
        wide = session.build(with_inner(old.units, [offer.inner]), old.substeps)
        every = (*old.terms, *old.kinds.terms(offer.inner, len(offer.mask)))
        mask = carried(every, wide.terms, offer.mask) & wide.problem.admissible
        return Together(wide, mask, (*self.offers, offer))


def of_several_equations(
    session: Session,
    prepared: Prepared,
    mask: np.ndarray,
    regressed: Sequence[Sequence[Offer]],
    open_: np.ndarray,
) -> Together:
    """The numbers of several equations, the one that promises most, or nearly so, first.

    Regressions of one equation know nothing of what is wrong with another. Those that are left are
    looked at again with the numbers before: what is eaten by one is so by the other.

    Args:
      session: builds problems.
      prepared: the problem without the numbers.
      mask: the support that was chosen [D, M].
      regressed: what regressions propose.
      open_: True for equations in which numbers are looked for [D].
    """
    asked, open_ = Together(prepared, mask), open_.copy()
    while len(asked.offers) < constants.NUMBERS and not session.stop():
        # Terms of two numbers make up for much, and would leave what is right no place.
        offers = [o for each in regressed for o in each if o.inner.second is None]
        if not offers:
            break
        least = max(offer.gain for offer in offers) - constants.NUMBER_CLOSE
        best = min((o for o in offers if o.gain >= least), key=_size)
        open_ &= ~best.mask[:, len(asked.prepared.terms) :].any(1)
        asked = asked.and_with(session, best)
        regressed = []
        if open_.any():
            regressed = number_regression.proposed(asked.prepared, asked.mask, open_)
    return asked


def _size(offer: Offer) -> tuple[int, float]:
    """How many variables its terms have; then the less, the more it promises."""
    return len(offer.inner.places), -offer.gain
