"""A wave of the time that was not measured: cos(w t) and sin(w t), alone or times states."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from nsindy.discovery.inputs.forced import (
    Forced,
    forceable,
    in_wider_library,
    open_equations,
    with_input,
    with_slots,
)
from nsindy.discovery.inputs.forcing_hints import shows
from nsindy.discovery.inputs.lines import Line, clear, lines
from nsindy.discovery.numbers import number_fit, number_scan
from nsindy.discovery.numbers.number_blocks import Offer, Only
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import stages
from nsindy.discovery.supports.candidates import Candidate
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.terms.numbered import WAVE, Inner

__all__ = ["with_clear_wave", "with_wave"]


def with_wave(session: Session, prepared: Prepared, first: Found, final: Found) -> Forced | None:
    """A search with sin(w t) and cos(w t).

    Args:
      session: of the search without.
      prepared: the problem without.
      first: the search without on the first part of each recording.
      final: the search without on all samples.
    """
    session, built = _timed(session, prepared)
    shown = _seen(lines(built, forceable(built)))
    if shown:
        offers = [_offer(built, final.chosen, line) for line in shown]
        return _searched(session, built, first, offers)
    base, only = _widened(first, built).chosen, Only(WAVE, (len(built.units.variables) - 1,))
    alone = built._replace(kinds=built.kinds._replace(seasons=False))
    offers = number_scan.offers(
        alone, base.mask, base.coefficients, final.noise, only, forced=True
    )[:1]
    return _searched(session, built, first, offers)


def with_clear_wave(
    session: Session, prepared: Prepared, first: Found, *, season: bool
) -> Forced | None:
    """The same, where a line is clear, and the choice with it follows the recording.

    What is so clear needs no equations without the drive, which for a chaotic oscillator take long
    to find and have none of the right terms.

    Args:
      session: of the search without.
      prepared: the problem without.
      first: the search without on the first part of each recording.
      season: True for a wave times states, False for one that stands alone.
    """
    shown = _seen(lines(prepared, open_equations(prepared)))
    if not shown or (shown[-1].place > 0) != season or not clear(prepared, shown[-1]):
        return None
    session, built = _timed(session, prepared)
    found = _searched(session, built, first, [_offer(built, first.chosen, shown[-1])])
    missed = found is None or stages.missed(found.prepared, found.final)
    return None if missed else found


def _timed(session: Session, prepared: Prepared) -> tuple[Session, Prepared]:
    """The problem with the time as an input, and its session."""
    session, units = with_input(session, prepared, [part.times for part in session.parts])
    return session, session.build(units, prepared.substeps)


def _widened(first: Found, built: Prepared) -> Found:
    return in_wider_library(first, len(built.terms) - first.chosen.mask.shape[1])


def _seen(drawn: Sequence[Line]) -> list[Line]:
    """Of the lines alone and times states, those that are more than noise, the last the strongest.

    One times states counts where it is shown better: beside many terms a drive also looks like
    x y cos(3 w t).
    """
    return [line for line in drawn if line.gain >= max(drawn[0].gain, line.least)]


def _searched(
    session: Session, built: Prepared, first: Found, offers: Sequence[Offer]
) -> Forced | None:
    """The best search with one of these waves."""
    wide = _widened(first, built)
    best: Forced | None = None
    for offer in offers:
        # A drive is looked for alone: among waves times states its search goes astray.
        found = number_fit.search_with(
            dataclasses.replace(session, seasons=offer.followed), offer, built, wide
        )
        if found is None:
            continue
        price = found.numbers.price
        forced = Forced(found.prepared, found.first, found.final, price, numbers=found.numbers)
        best = forced if best is None or forced.evidence > best.evidence else best
        if session.stop() or not shows(best.prepared, best.final):
            break
    return best


def _offer(built: Prepared, base: Candidate, line: Line) -> Offer:
    """The wave of a line in its equation, beside a model without it."""
    inner = Inner(WAVE, len(built.units.variables) - 1, line.number)
    mask = with_slots(built.problem, base, line.equation, 2)
    more = 2 * len(built.kinds.carriers(len(built.units.states))) if line.place else 2
    support = np.pad(mask, ((0, 0), (0, len(built.terms) + more - mask.shape[1])))
    begin = len(built.terms) + 2 * line.place
    support[line.equation, begin : begin + 2] = True
    return Offer(inner, support, line.price, followed=line.place > 0)
