"""A wave of the time that was not measured: cos(w t) and sin(w t), alone or times states."""

import dataclasses

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.inputs.forced import (
    Forced,
    forceable,
    in_wider_library,
    with_input,
    with_slots,
)
from nsindy.discovery.inputs.forcing_hints import shows
from nsindy.discovery.numbers import number_fit, number_scan
from nsindy.discovery.numbers.number_blocks import Offer, Only
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports.candidates import Candidate
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.terms.numbered import WAVE, Inner

__all__ = ["with_wave"]


def with_wave(session: Session, prepared: Prepared, first: Found, final: Found) -> Forced | None:
    """A search with sin(w t) and cos(w t)."""
    session, units = with_input(session, prepared, [part.times for part in session.parts])
    built = session.build(units, prepared.substeps)
    wide = in_wider_library(first, len(built.terms) - len(prepared.terms))
    offers = _lines_offered(built, final.chosen)
    if not offers:
        base, only = wide.chosen, Only(WAVE, (len(units.variables) - 1,))
        alone = built._replace(kinds=built.kinds._replace(seasons=False))
        offers = number_scan.offers(
            alone, base.mask, base.coefficients, final.noise, only, forced=True
        )[:1]
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


def _lines_offered(built: Prepared, base: Candidate) -> list[Offer]:
    """The waves of the time that smoothed derivatives show best, beside all other terms.

    First one that stands alone, then one times states, where that is shown better: beside many
    terms a drive also looks like x y cos(3 w t).

    Where a drive is missing, the best equations without it are no guide. With Q a basis of all
    terms of an equation, the sum of squares that sin(w t) and cos(w t) explain of ẋ - Q Qᵀ ẋ, alone
    or times states, is a closed form for each w.

    Args:
      built: the problem, the time its last variable and its last term.
      base: a model without a forcing, to begin with.
    """
    times = np.concatenate([part.times for part in built.parts])
    slopes = np.concatenate([s.derivatives for s in built.signals])
    rest_of_known = slopes - built.theta @ built.problem.known.T
    counted = np.concatenate([s.near for s in built.signals])
    spread = np.concatenate([s.relative for s in built.signals])
    freedom = sum(s.freedom for s in built.signals)
    span = max(float(np.ptp(part.times)) for part in built.parts)
    step = signals.usual_step(built.parts)
    # From three quarters of a wave on, by a quarter, to a quarter of the rate of the samples.
    numbers = 0.5 * np.pi / span * np.arange(3, max(int(span / step), 4))
    best = {True: (0.0, 0, 0.0, 0), False: (0.0, 0, 0.0, 0)}
    equations = forceable(built)
    states = np.concatenate([s.states for s in built.signals])
    carriers = built.kinds.carriers(len(built.units.states))
    carried_by = [np.prod(states[:, times], axis=1) for times in carriers]
    for d in equations:
        weight = counted / spread[:, d]
        terms = built.theta[:, built.problem.admissible[d]] * weight[:, None]
        lengths = np.linalg.norm(terms, axis=0)
        terms = terms[:, lengths > 0] / lengths[lengths > 0]
        basis, sizes, _ = np.linalg.svd(terms, full_matrices=False)
        basis = basis[:, sizes > constants.NUMBER_RIDGE * sizes[0]]
        rest = rest_of_known[:, d] * weight
        rest = rest - basis @ (basis.T @ rest)

        def gain(number, carrier, basis=basis, rest=rest, weight=weight):
            waves = np.stack([np.sin(number * times), np.cos(number * times)], 1)
            waves = waves * (weight * carrier)[:, None]
            waves = waves - basis @ (basis.T @ waves)
            left = rest - waves @ np.linalg.lstsq(waves, rest, rcond=None)[0]
            return 0.5 * freedom * np.log(np.sum(rest**2) / np.sum(left**2))

        for place, carrier in enumerate(carried_by):
            gains = [gain(number, carrier) for number in numbers]
            at = int(np.argmax(gains))
            near = numbers[at] + 0.5 * np.pi / span * np.linspace(-1, 1, 65)
            finer = [gain(number, carrier) for number in near]
            shown = max(finer), int(d), float(near[np.argmax(finer)]), place
            best[place == 0] = max(best[place == 0], shown)
    tried = np.log(len(numbers) * len(carriers) * max(len(equations), 1))
    price = 0.5 * np.log(len(times)) + tried
    alone, carried = best[True], best[False]
    # The three numbers of a wave, at half the logarithm of what is independent.
    least = 1.5 * np.log(freedom) + tried
    shown = [alone, carried] if carried[0] > alone[0] else [alone]
    return [_offer(built, base, *each[1:], float(price)) for each in shown if each[0] >= least]


def _offer(
    built: Prepared, base: Candidate, equation: int, number: float, place: int, price: float
) -> Offer:
    """A wave of this number in an equation, alone or times the carrier of a place."""
    inner = Inner(WAVE, len(built.units.variables) - 1, number)
    mask = with_slots(built.problem, base, equation, 2)
    more = 2 * len(built.kinds.carriers(len(built.units.states))) if place else 2
    support = np.pad(mask, ((0, 0), (0, len(built.terms) + more - mask.shape[1])))
    begin = len(built.terms) + 2 * place
    support[equation, begin : begin + 2] = True
    return Offer(inner, support, price, followed=place > 0)
