"""The search with numbers inside terms, one after the other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.numbers import (
    number_blocks,
    number_fit,
    number_hints,
    number_limits,
    number_regression,
    number_scan,
    several_numbers,
)
from nsindy.discovery.numbers.number_blocks import Offer
from nsindy.discovery.numbers.number_fit import NumberSearch, Trial
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports.fitted_numbers import NOTHING_FITTED, FittedNumbers
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.terms.numbered import Inner

__all__ = ["WithNumbers", "search_with_numbers"]


class WithNumbers(NamedTuple):
    """What the search with numbers has come to.

    Attributes:
      first: the best search on the first part without numbers: a better one may be met on the way,
        and the search with numbers ends there.
      numbered: with numbers; None where none earns its price.
    """

    first: Found
    numbered: NumberSearch | None


def search_with_numbers(
    session: Session, prepared: Prepared, base: Found, first: Found
) -> WithNumbers:
    """The search with numbers inside terms, one after the other as long as they earn their price.

    Args:
      session: builds and searches problems.
      prepared: the problem without numbers.
      base: a search on the first part, around whose choice numbers are looked for.
      first: the best search on the first part.
    """
    plain, best, near = first, None, base
    exact = signals.noiseless(prepared.signals)
    for _ in range(constants.NUMBERS):
        if session.stop() or prepared.problem.wide:
            break
        before = best.numbers if best else NOTHING_FITTED
        earned, likelier = _earned(session, prepared, near, first, before)
        if likelier is not None and best is None:
            return WithNumbers(likelier.found, None)
        if likelier is not None:
            best, first, near = likelier, likelier.found, likelier.found
            continue
        if not earned:
            break
        earned += [freed for each in earned for freed in _with_free_powers(session, each)]
        earned += _with_one_number(session, earned, prepared, first, before)
        best = max(earned, key=_nats)
        central = number_limits.toward_a_centre(best.prepared, prepared, best.found.chosen.mask)
        earned += _kept(session, central, prepared, first, before)
        if not exact:
            close = max(map(_nats, earned)) - constants.NUMBER_CLOSE
            top = sorted((one for one in earned if _nats(one) >= close), key=_nats)
            earned += [_without_helpers(session, one, before) for one in top[-3:]]
        best = _simplest(earned, exact=exact)
        prepared, first, near = best.prepared, best.found, best.found
    return WithNumbers(plain, None if best is None else number_fit.finish(session, best))


def _earned(
    session: Session, prepared: Prepared, near: Found, first: Found, before: FittedNumbers
) -> tuple[list[Trial], Trial | None]:
    """The trials that earned their price, and one without another number where that is likelier.

    Args:
      session: builds and searches problems.
      prepared: the problem.
      near: a search, around whose choice numbers are looked for.
      first: the best search on the first part.
      before: the numbers that the problem has already.
    """
    more = number_hints.leaves_more(prepared, near)
    exact = signals.noiseless(prepared.signals)
    # What only takes the place of terms shows in few samples: these cost less there.
    seen = prepared if more else prepared.first_recordings(constants.NUMBER_GLANCE)
    others = number_hints.promising(prepared, near)
    most = None if more or others.sum() > 1 else _terms(prepared, near) - 1
    regressed = number_regression.proposed(seen, near.chosen.mask, others, most)
    earned: list[tuple[Offer, Trial]] = []
    if others.sum() > 1:
        asked = several_numbers.of_several_equations(
            session, prepared, near.chosen.mask, regressed, others
        )
        if len(asked.offers) > 1:
            at_once = number_fit.fit_together(session, asked, prepared, first, before)
            if at_once is not None and _explains_all(at_once, exact=exact):
                return [at_once], None
            if at_once is not None:
                earned.append((asked.offers[0], at_once))
    for offer in _offers(seen, near, first.noise, regressed, others, more=more, exact=exact):
        if session.stop() or any(_settles(each, offer) for _, each in earned):
            continue
        # Around a choice that leaves more than noise promises are rough, but what explains that
        # leaves nothing to those that promise far less.
        sure = not (exact or more) or any(not _leaves_more(each) for _, each in earned)
        if sure and any(_waits(offer, each, near.chosen.mask) for each, _ in earned):
            continue
        one = number_fit.trial(session, offer, prepared, first, before)
        if one is not None and one.holds(offer.inner):
            earned.append((offer, one))
        elif one is not None and all(_nats(one) > _nats(each) for _, each in earned):
            return [], one
    return [each for _, each in earned], None


def _offers(
    seen: Prepared,
    near: Found,
    noise: np.ndarray,
    regressed: Sequence[list[Offer]],
    others: np.ndarray,
    *,
    more: bool,
    exact: bool,
) -> list[Offer]:
    """The numbers to search with.

    Args:
      seen: the problem, of the recordings that are looked at.
      near: a search, around whose choice numbers are looked for.
      noise: of each state [D].
      regressed: the numbers that regressions propose.
      others: True for equations in which any are looked for [D].
      more: whether that leaves more than noise.
      exact: whether there is none.
    """
    chosen, lists = near.chosen, list(regressed)
    if not exact:
        # Trajectories around a choice see more than derivatives where these are noisy.
        most = None if more else _terms(seen, near) + 1
        lists.append(number_regression.proposed_along(seen, chosen, noise, others, most))
    if not exact or not any(lists):
        mask, coefficients = chosen.mask, chosen.coefficients
        lists.append(number_scan.offers(seen, mask, coefficients, noise, others=others))
    if not more:
        # What has structure in time may hide any number of nats in what seemed noise.
        any_gain = exact or not number_hints.is_white(near)
        lists = [
            [o for o in each if _pays_by_terms(o, chosen.mask, any_gain=any_gain)] for each in lists
        ]
    # A bent term whose number is another than 1 may have others beside it that make up for it.
    # It promises nothing where there is more to explain.
    behind = np.inf if more else 0.0
    freed = number_blocks.freed(seen, chosen.mask)
    return [*_different(*lists), *(each._replace(behind=behind) for each in freed)]


def _terms(prepared: Prepared, near: Found) -> np.ndarray:
    """Terms of each equation that was chosen [D]: what explains all, a number pays by terms."""
    return (near.chosen.mask & prepared.problem.admissible).sum(1)


def _without_helpers(session: Session, tried: Trial, before: FittedNumbers) -> Trial:
    """The same without what makes up for any of its new numbers."""
    old = {inner.place for inner in before.inner}
    for place in [each.place for each in tried.numbers.inner if each.place not in old]:
        if any(each.place == place for each in tried.numbers.inner):
            tried = number_fit.without_helpers(session, tried, place)
    return tried


def _with_one_number(
    session: Session,
    earned: Sequence[Trial],
    prepared: Prepared,
    first: Found,
    before: FittedNumbers,
) -> list[Trial]:
    """The best with two numbers in a term with the one of which they are near, if that earns it."""
    fitted, same = [each.numbers.inner[-1] for each in earned], constants.NUMBER_SAME
    for two in sorted(earned, key=_nats, reverse=True):
        if len(two.numbers.inner) > len(before.inner) + 1:
            continue
        offers = number_limits.with_one_number(two.prepared, prepared, two.found.chosen.mask)
        offers = [o for o in offers if not any(_alike(o.inner, i, same) for i in fitted)]
        # A variable has one number, and may have it already.
        offers = [o for o in offers if o.inner.place not in {i.place for i in before.inner}]
        if offers and not session.stop():
            return _kept(session, offers, prepared, first, before)
    return []


def _kept(
    session: Session,
    offers: Sequence[Offer],
    prepared: Prepared,
    first: Found,
    before: FittedNumbers,
) -> list[Trial]:
    """The trials that earn their price and keep their number; see `number_fit.trial`."""
    tried = [
        (offer, number_fit.trial(session, offer, prepared, first, before))
        for offer in offers
        if not session.stop()
    ]
    return [each for offer, each in tried if each is not None and each.holds(offer.inner)]


def _waits(offer: Offer, earned: Offer, mask: np.ndarray) -> bool:
    """Whether an offer is no rival of one that earned its price, and has its turn after that.

    It is of another equation, or promises far less: along a choice that explains all, promises
    hold.
    """
    own, other = (each.mask[:, mask.shape[1] :].any(1) for each in (offer, earned))
    return not (own & other).any() or offer.behind > earned.behind + constants.NUMBER_CLOSE


def _explains_all(tried: Trial, *, exact: bool) -> bool:
    """Whether a choice leaves no structure in time, or without noise nothing, with few terms."""
    if exact:
        return number_hints.settled(tried.prepared, tried.found)
    return number_hints.is_white(tried.found)


def _leaves_more(tried: Trial) -> bool:
    return number_hints.leaves_more(tried.prepared, tried.found)


def _simplest(earned: Sequence[Trial], *, exact: bool) -> Trial:
    """The likeliest, or of those that are nearly as likely the one of fewest terms and numbers.

    1/(1 + x/K + y/L) with both numbers far below all values is a function of the ratio alone. Of as
    many that of which all coefficients are known: x^4/(K^4 + x^4) may be x^4, with K beyond all x.
    Without noise what is left is the error of the model, and a share of it more says little.
    """

    def size(each):
        numbers = sum(len(inner.numbers) for inner in each.numbers.inner)
        return int(each.found.chosen.mask.sum()) + numbers, _unknown(each), -_nats(each)

    samples = float(np.sum(earned[0].found.samples))
    behind = constants.NUMBER_EXACT * samples if exact else 0.0
    least = max(map(_nats, earned)) - max(constants.STRONG, behind)
    return min((each for each in earned if _nats(each) >= least), key=size)


def _unknown(tried: Trial) -> int:
    """Coefficients that are smaller than their errors, the numbers free."""
    return int((np.abs(tried.found.chosen.coefficients) < tried.numbers.beside).sum())


def _nats(tried: Trial) -> float:
    """Log evidence, the price of all numbers paid."""
    return tried.found.chosen.score - tried.numbers.price


def _settles(tried: Trial, offer: Offer) -> bool:
    """Whether a choice is exact with few terms, and an offer no simpler than its number.

    Another function would not be exact with as few, unless it holds this one.
    """
    own, other = tried.numbers.inner[-1], offer.inner
    simpler = len(other.numbers) < len(own.numbers) or len(other.places) < len(own.places)
    return not simpler and number_hints.settled(tried.prepared, tried.found)


def _pays_by_terms(offer: Offer, mask: np.ndarray, *, any_gain: bool) -> bool:
    """Whether an offer has fewer terms, and gains no more than these cost.

    Nothing is left to be explained: a number pays only in place of terms, and a linearisation that
    says more does not hold, as along chaos. Without noise a regression is no linearisation, and may
    well say more: what is left then is far below what smoothing leaves. Along trajectories a number
    may also take the place of as many terms, which cost more, or stand beside one that made up for
    it, and goes when the number is fitted.
    """
    fewer = int(mask.sum() - offer.mask.sum())
    if offer.followed:
        pays = fewer >= 0 or (fewer == -1 and offer.gain > constants.NUMBER_EARNS)
        return pays and offer.gain < constants.TERM_COSTS * max(fewer, 1)
    least = -constants.NUMBER_SPARES if fewer > 1 else 0.0
    most = np.inf if any_gain else constants.TERM_COSTS * fewer
    return fewer > 0 and least < offer.gain < most


def _with_free_powers(session: Session, tried: Trial) -> list[Trial]:
    """The same with the power of the Hill term that was just found free, if that earns it."""
    if number_hints.settled(tried.prepared, tried.found):
        return []
    every = number_blocks.freed_powers(tried.prepared, tried.found.chosen.mask)
    offers = [one for one in every if one.inner.place == tried.numbers.inner[-1].place]
    given = tried.prepared, tried.found, tried.numbers
    # A term that makes up for a power that is off keeps it there.
    fewer = _one_less(tried.prepared, offers)
    return _kept(session, offers, *given) or _kept(session, fewer, *given)


def _one_less(prepared: Prepared, offers: Sequence[Offer]) -> list[Offer]:
    """Offers without one of several other terms beside the number."""
    made = []
    for offer in offers:
        inner, count = offer.inner, len(offer.mask)
        size = offer.mask.shape[1] - len(prepared.kinds.shapes(inner.kind, inner.places, count))
        for d in np.flatnonzero(offer.mask[:, size:].any(1)):
            others = np.flatnonzero(offer.mask[d, :size])
            for m in others if len(others) > 1 else ():
                mask = offer.mask.copy()
                mask[d, m] = False
                made.append(offer._replace(mask=mask))
    return made


def _different(*lists: Sequence[Offer]) -> list[Offer]:
    """The best offers of each list, those of one kind and variable with numbers far apart.

    Of one number and of two each have their own: two of them make up for much, and would leave
    what is right no place.
    """
    found: list[Offer] = []
    for offers in lists:
        for numbers, most in constants.NUMBER_OFFERS.items():
            own = [o for o in offers if len(o.inner.numbers) == numbers]
            best = own[0].gain if own else 0.0
            least = min(constants.NUMBER_NEAR * best, best - constants.NUMBER_CLOSE)
            near = [o for o in own if o.gain >= least]
            for offer in near[:most]:
                offer = offer._replace(behind=best - offer.gain)
                same = [i for i, other in enumerate(found) if _alike(offer.inner, other.inner)]
                for i in same:
                    found[i] = found[i]._replace(behind=min(found[i].behind, offer.behind))
                if not same:
                    found.append(offer)
    return found


def _alike(one: Inner, other: Inner, most: float = constants.NUMBER_ALIKE) -> bool:
    """Whether two numbers of one kind and variable, up to this ratio, lead to the same fit."""
    low, high = sorted((one.number, other.number), key=abs)
    same = (one.kind, one.places) == (other.kind, other.places)
    return same and (high / low < most if low * high > 0 else low == high)
