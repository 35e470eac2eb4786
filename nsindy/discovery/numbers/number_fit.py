"""Searches with a number inside terms, fitted to the trajectories."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.numbers import number_hints, number_scan
from nsindy.discovery.numbers.number_blocks import Offer, Only, holding
from nsindy.discovery.numbers.number_limits import without_line
from nsindy.discovery.numbers.several_numbers import Together, carried, with_inner
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.kinds import FREE, LOGARITHM, POWERS_OF
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import candidates, proposals, stages
from nsindy.discovery.supports.candidates import Start
from nsindy.discovery.supports.fitted_numbers import (
    NOTHING_FITTED,
    FittedNumbers,
    fit_numbers,
    is_signed,
    simple_powers,
)
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.terms.numbered import WAVE, Inner

__all__ = [
    "NumberSearch",
    "Trial",
    "finish",
    "fit_together",
    "search_with",
    "trial",
    "without_helpers",
]


class Trial(NamedTuple):
    """A search on the first part of each recording with numbers that earned their price.

    Attributes:
      prepared: the problem, with the terms of the numbers.
      found: the search.
      numbers: its numbers; those from before where what it came to is likelier without another.
    """

    prepared: Prepared
    found: Found
    numbers: FittedNumbers

    def holds(self, inner: Inner) -> bool:
        """Whether this number is among those that were fitted."""
        return any(each.place == inner.place for each in self.numbers.inner)


class NumberSearch(NamedTuple):
    """A discovery with fitted numbers.

    Attributes:
      prepared: the problem, with the terms of the numbers.
      first: the search on the first part of each recording, with the numbers of all samples.
      final: the search on all samples.
      numbers: its numbers.
    """

    prepared: Prepared
    first: Found
    final: Found
    numbers: FittedNumbers


def trial(
    session: Session,
    offer: Offer,
    prepared: Prepared,
    first: Found,
    before: FittedNumbers = NOTHING_FITTED,
) -> Trial | None:
    """Search the first part with the number that is offered; None where it does not earn its price.

    On its way the search may come to a choice that does not hold the number and is clearly likelier
    than what was known: then that, of the problem without the number.

    Args:
      session: builds and searches problems.
      offer: the number.
      prepared: the problem without it.
      first: the search on the first part without it.
      before: the numbers that the problem has already.
    """
    part, inner, forced = 1 - constants.HELD_OUT, offer.inner, _is_forced(session, offer, prepared)
    offer, wide = _placed(session, offer, prepared, first)
    mask = offer.mask & wide.problem.admissible
    if not mask[:, holding(wide, inner)].any():
        return None
    if inner.kind != WAVE:
        # Terms that make up for a number that is off would be chosen with it.
        alone, explains = _alone(session, wide, mask), _explains(wide, first)
        if explains and _behind(alone, first) > constants.NUMBER_FAR:
            return None
        fitted = fit_numbers(wide.units, alone)
        if inner.kind == FREE and not _moved(inner, fitted):
            return None
        wide = session.build(wide.units._replace(inner=fitted.inner), wide.substeps)
        if explains and _behind(_alone(session, wide, mask), first) > constants.NUMBER_BEHIND:
            return None
    starts = _starts(prepared, wide, first, mask)
    if forced or inner.kind != WAVE:
        # Without the number, what was fitted may have none of the right terms.
        starts += proposals.proposals(wide, products=False)
    found = _settled(session, wide, starts, part, [inner], guides=constants.GUIDES)
    if not found.holds(inner):
        return _likelier_without(session, found, prepared, first, before)
    if _ran_away(inner, found.numbers):
        return None
    if inner.kind == FREE and not _moved(inner, found.numbers):
        return None
    earned = found.found.chosen.score - first.chosen.score - offer.price
    if earned < (constants.WAVE_EARNS if inner.kind == WAVE else constants.NUMBER_EARNS):
        return None
    numbers = found.numbers._replace(price=before.price + offer.price)
    return found._replace(numbers=numbers)


def fit_together(
    session: Session,
    asked: Together,
    prepared: Prepared,
    first: Found,
    before: FittedNumbers = NOTHING_FITTED,
) -> Trial | None:
    """Search the first part with numbers of several equations; None where they are too dear.

    While one equation is wrong, what makes up for it in the others hides which number is right.

    Args:
      session: builds and searches problems.
      asked: the numbers.
      prepared: the problem without them.
      first: the search on the first part without them.
      before: the numbers that the problem has already.
    """
    part, wide, mask = 1 - constants.HELD_OUT, asked.prepared, asked.mask
    wide = _resolved(wide, candidates.regressed(wide.problem, mask))
    fitted = fit_numbers(wide.units, _alone(session, wide, mask))
    wide = session.build(with_inner(wide.units, fitted.inner), wide.substeps)
    # One equation may hold the numbers of several.
    starts = _starts(prepared, wide, first, mask) + proposals.proposals(wide, products=False)
    inner = [offer.inner for offer in asked.offers]
    found = _settled(session, wide, starts, part, inner, guides=constants.GUIDES)
    kept = [offer for offer in asked.offers if found.holds(offer.inner)]
    if not kept or any(_ran_away(each.inner, found.numbers) for each in kept):
        return None
    price = sum(offer.price for offer in kept)
    earned = found.found.chosen.score - first.chosen.score - price
    if earned < constants.NUMBER_EARNS * len(kept):
        return None
    return found._replace(numbers=found.numbers._replace(price=before.price + price))


def _starts(prepared: Prepared, wide: Prepared, first: Found, mask: np.ndarray) -> list[Start]:
    """A support of a wider library, and the best of a search without its numbers, regressed."""
    best = (c.mask for c in first.pool[: constants.WIDTH])
    masks = [mask, *(carried(prepared.terms, wide.terms, each) for each in best)]
    return [candidates.regressed(wide.problem, each) for each in masks]


def _resolved(wide: Prepared, start: Start) -> Prepared:
    """The same with at least the steps between samples that a start needs.

    x/(K + x) may follow faster than any product that was resolved before.
    """
    own = stages.resolved(wide, [start]).substeps
    return wide._replace(substeps=max(wide.substeps or 1, own or 1))


def _is_forced(session: Session, offer: Offer, prepared: Prepared) -> bool:
    """Whether a number is one of a forcing in time, which was not measured."""
    return offer.inner.place >= len(prepared.units.variables) - session.forcings


def _placed(
    session: Session, offer: Offer, prepared: Prepared, first: Found
) -> tuple[Offer, Prepared]:
    """An offer with the number where its terms are best, and the problem with that number.

    See `trial` for the arguments.
    """
    inner = offer.inner
    wide = session.build(with_inner(prepared.units, [inner]), prepared.substeps)
    start = candidates.regressed(wide.problem, offer.mask & wide.problem.admissible)
    wide = _resolved(wide, start)
    substeps = wide.substeps
    # A power that is free has no grid: it begins where the term without it was fitted.
    if inner.second is None and not (offer.followed or offer.shared):
        # With the number in them, the equations say better how a forcing acts.
        coefficients = start.coefficients + wide.problem.known
        row = int(np.argmax(offer.mask[:, holding(wide, inner)].any(1)))
        only, forced = Only(inner.kind, inner.places, row), _is_forced(session, offer, prepared)
        better = number_scan.offers(
            wide, offer.mask, coefficients, first.noise, only, forced=forced
        )
        if better:
            # The other equations hold the number where they were offered it.
            rows = np.arange(len(offer.mask))[:, None] == row
            kept = np.where(rows, better[0].mask, offer.mask)
            offer = better[0]._replace(price=offer.price, mask=kept)
            wide = session.build(with_inner(prepared.units, [offer.inner]), substeps)
    if inner.kind == LOGARITHM:
        start = candidates.regressed(wide.problem, offer.mask & wide.problem.admissible)
        offer = without_line(offer, wide, start.coefficients)
        wide = session.build(with_inner(prepared.units, [offer.inner]), substeps)
    return offer, wide


def _likelier_without(
    session: Session, came_to: Trial, prepared: Prepared, first: Found, before: FittedNumbers
) -> Trial | None:
    """A choice without a number as one of the problem without it; None where it is no likelier.

    Args:
      session: builds and searches problems.
      came_to: the search with the number, whose choice does not hold it.
      prepared: the problem without it.
      first: the search on the first part without it.
      before: the numbers that the problem has already.
    """
    chosen, least = came_to.found.chosen, first.chosen.score + constants.NUMBER_EARNS
    if chosen.score < least:
        return None
    mask = carried(came_to.prepared.terms, prepared.terms, chosen.mask)
    starts = [candidates.regressed(prepared.problem, mask), *first.starts()]
    found = _search(session, prepared, starts, 1 - constants.HELD_OUT)
    return None if found.chosen.score < least else Trial(prepared, found, before)


def without_helpers(session: Session, tried: Trial, place: int) -> Trial:
    """The same, or fewer terms with another number where that is likelier.

    Terms that make up for a number that is off are chosen with it, and keep it there. So each term
    beside the number is left out in turn, and of several with that number each, and the number
    fitted anew; but for those without which, to first order, any other number leaves far more.

    Args:
      session: builds and searches problems.
      tried: what was found.
      place: the variable whose number is looked at.
    """
    prepared, found = tried.prepared, tried.found
    (inner,) = [each for each in tried.numbers.inner if each.place == place]
    part, mask, open_ = 1 - constants.HELD_OUT, found.chosen.mask, prepared.problem.admissible
    chosen, own = mask & open_, holding(prepared, inner)
    several = (chosen & own).sum(1) > 1
    rows = np.flatnonzero((chosen & own).any(1))
    places = [(d, m) for d in rows for m in np.flatnonzero(chosen[d] & (several[d] | ~own))]
    needed = _lost_without(tried) > constants.NUMBER_NEEDS
    best = None
    for d, m in places if len(places) > 1 else ():
        if needed[d, m] or session.stop():
            continue
        fewer = mask.copy()
        fewer[d, m] = False
        alone = _alone(session, prepared, fewer)
        fitted = fit_numbers(prepared.units, alone)
        made = session.build(with_inner(prepared.units, fitted.inner), prepared.substeps)
        alone = _search(session, made, [alone.chosen.start], part, rounds=1)
        if best is None or alone.chosen.score > best[1].chosen.score:
            best = made, alone
    if best is None or best[1].chosen.score < found.chosen.score - constants.STRONG:
        return tried
    starts = [best[1].chosen.start, *found.starts()]
    again = _settled(session, best[0], starts, part, [inner], guides=1)
    if not again.holds(inner) or again.found.chosen.score < found.chosen.score - constants.STRONG:
        return tried
    return again._replace(numbers=again.numbers._replace(price=tried.numbers.price))


def _lost_without(tried: Trial) -> np.ndarray:
    """Nats for each sample that each term is worth, the numbers free, to first order [D, M]."""
    values, errors = tried.found.chosen.coefficients, tried.numbers.beside
    ratio = np.where(errors > 0, values / np.where(errors > 0, errors, 1.0), 0.0)
    return 0.5 * np.log1p(ratio**2 / tried.found.samples.sum())


def _alone(session: Session, wide: Prepared, mask: np.ndarray) -> Found:
    """The fit of a support to the first part."""
    start = candidates.regressed(wide.problem, mask)
    return _search(session, wide, [start], 1 - constants.HELD_OUT, rounds=1)


def _explains(wide: Prepared, first: Found) -> bool:
    """Whether what was found leaves noise alone, so that none that is far behind makes up for it.

    Along chaos a scan promises what does not hold. Without noise, or where there is structure,
    terms that are still missing may be worth any number of nats.
    """
    return not signals.noiseless(wide.signals) and number_hints.is_white(first)


def _behind(alone: Found, first: Found) -> float:
    """Nats for each sample by which a support is behind what was found."""
    return float((first.chosen.score - alone.chosen.score) / first.samples.sum())


def _ran_away(inner: Inner, fitted: FittedNumbers) -> bool:
    """Whether a number left the range that was looked at, and is not known where it came to.

    Its term is then one without a number: x⁴/(K⁴ + x⁴) with K far beyond all x is x⁴.
    """
    ((number, error),) = [
        (each.number, errors[0]) for each, errors in fitted.with_errors if each.place == inner.place
    ]
    most = constants.NUMBER_AWAY
    ratio = abs(number / inner.number) if inner.number else 1.0
    away = not 1 / most < ratio < most and not abs(number) > most * error
    return away and not is_signed(inner)


def _moved(inner: Inner, fitted: FittedNumbers) -> bool:
    """Whether a free power is seen to be none of those that a kind of one number has."""
    for each, errors in fitted.with_errors:
        if each.place == inner.place and each.second is not None:
            whole = np.array([*POWERS_OF.values()])
            return bool((np.abs(each.second - whole) > constants.POWER_MOVED * errors[1]).all())
    return False


def finish(session: Session, tried: Trial) -> NumberSearch | None:
    """Search all samples, then the first part with the numbers of all samples.

    None where a number is not chosen on all samples.
    """
    last = tried.numbers.inner[-1]
    starts = tried.found.starts()
    final = _settled(session, tried.prepared, starts, 1.0, [last], guides=1)
    if not final.holds(last):
        return None
    final = _at_simple_powers(session, final)
    again = _search(session, final.prepared, starts, 1 - constants.HELD_OUT, guides=1)
    numbers = final.numbers._replace(price=tried.numbers.price)
    return NumberSearch(final.prepared, again, final.found, numbers)


def _at_simple_powers(session: Session, tried: Trial) -> Trial:
    """The same with the powers that are seen to be a whole number of halves held there."""
    given = simple_powers(tried.numbers)
    if not given:
        return tried
    made = session.build(with_inner(tried.prepared.units, given), tried.prepared.substeps)
    found = _search(session, made, tried.found.starts(), 1.0, rounds=1)
    free = {each.place for each in tried.numbers.inner} - {each.place for each in given}
    numbers = fit_numbers(made.units, found, sorted(free)).beside_given(given)
    return Trial(made, found, numbers)


def search_with(
    session: Session, offer: Offer, prepared: Prepared, first: Found
) -> NumberSearch | None:
    """Search with the number that is offered; see `trial` and `finish`."""
    tried = trial(session, offer, prepared, first)
    return finish(session, tried) if tried is not None and tried.holds(offer.inner) else None


def _search(
    session: Session,
    prepared: Prepared,
    starts: Sequence[Start],
    share: float,
    *,
    guides: int = 1,
    rounds: int = constants.ROUNDS,
) -> Found:
    stage = "fitting a number inside a term"
    return session.search(prepared, starts, share=share, stage=stage, guides=guides, rounds=rounds)


def _settled(
    session: Session,
    prepared: Prepared,
    starts: Sequence[Start],
    share: float,
    inner: Sequence[Inner],
    *,
    guides: int,
) -> Trial:
    """Search, fit the numbers, and search again with these, until the choice stays.

    No number is fitted where no term of any of these is chosen.
    """
    asked = {each.place for each in inner}
    numbers, fitted, last = NOTHING_FITTED, list[int](), None
    found = _search(session, prepared, starts, share, guides=guides)
    for _ in range(constants.NUMBER_SEARCHES):
        mask = found.chosen.mask
        used = [i.place for i in prepared.units.inner if mask[:, holding(prepared, i)].any()]
        if not asked & {*used} or (last is not None and (mask == last).all()):
            break
        last, fitted = mask, used
        numbers = fit_numbers(prepared.units, found, used)
        prepared = session.build(with_inner(prepared.units, numbers.inner), prepared.substeps)
        found = _search(session, prepared, found.starts(), share)
    mask = found.chosen.mask
    used = [i.place for i in prepared.units.inner if mask[:, holding(prepared, i)].any()]
    if not asked & {*used}:
        return Trial(prepared, found, NOTHING_FITTED)
    if not {*used} <= {*fitted}:
        # The last search has taken up a number that was not fitted with the others.
        numbers = fit_numbers(prepared.units, found, used)
    return Trial(prepared, found, numbers)
