"""A search with a step at a time that is fitted, alone or times states."""

import dataclasses

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.inputs.breaks import Break, clearest_break, ramp, tried_times
from nsindy.discovery.inputs.forced import (
    Forced,
    beside_inputs,
    open_equations,
    with_input,
    with_last_terms,
)
from nsindy.discovery.numbers import number_profile, number_scan, response
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.candidates import Candidate
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session

__all__ = ["with_step"]


def with_step(session: Session, prepared: Prepared, first: Found, final: Found) -> Forced | None:
    """A search with a step at a time that is fitted, alone and times states.

    Alone, its time is where it would pay best along the solution of the choice or of a shorter one;
    beside products with states, where few terms of smoothed derivatives are best with it, if any.

    Args:
      session: of the search without.
      prepared: the problem without.
      first: the search without on the first part of each recording.
      final: the search without on all samples.
    """
    best = None
    offered = _step_offered(prepared, final)
    seen = clearest_break(prepared) or offered
    stepped = dataclasses.replace(session, drifting=True)
    for each, at in ((session, offered), (stepped, seen)):
        found = None if at is None or session.stop() else _settled(each, prepared, final, at)
        if found is not None and (best is None or found.evidence > best.evidence):
            best = found
    return best


def _settled(session: Session, prepared: Prepared, final: Found, at: Break) -> Forced | None:
    """The search with a step, its time fitted and the choice made anew until it stays."""
    time, found = at.time, None
    for _ in range(constants.NUMBER_SEARCHES):
        stepped, units = with_input(
            session, prepared, [ramp(part.times, time) for part in session.parts]
        )
        built = stepped.build(units, prepared.substeps)
        # What it earns counts when its time is fitted.
        found = with_last_terms(stepped, built, final, at.price, earns=-at.price)
        if found is None:
            return None
        fitted = _fit_time(found, time)
        settled = abs(fitted[0] - time) < fitted[1]
        time = fitted[0]
        found = found._replace(step=fitted)
        if settled:
            break
    return found


def _fit_time(found: Forced, time: float) -> tuple[float, float]:
    """Fit the time of the step that a search has chosen: the time, and its standard error."""
    prepared = found.prepared
    width = float(np.median(np.diff(prepared.parts[0].times)))

    def at(time):
        moved = [
            beside_inputs(
                s._replace(inputs=s.inputs[:, :-1], before=s.before[:, :-1], held=s.held[:-1]),
                ramp(part.times, time),
            )
            for s, part in zip(prepared.signals, prepared.parts, strict=True)
        ]
        inputs = prepared._replace(signals=moved).segments(1.0).inputs
        return found.final.segments._replace(inputs=inputs)

    def fit(time, start):
        return candidates.fit_alone(found.final.problem, at(time), start, found.final.noise)

    return number_profile.fit_profile(fit, found.final, time, 0.1 * width)


def _step_offered(prepared: Prepared, final: Found) -> Break | None:
    """The time of the step that would pay best along a solution; None where none pays.

    Alone or times states, beside the choice, and beside shorter ones: terms that make up for a step
    hide it.
    """
    shortest: dict[int, Candidate] = {}
    for candidate in final.pool:
        shortest.setdefault(int(candidate.mask.sum()), candidate)
    size = int(final.chosen.mask.sum())
    fewer = [shortest[n] for n in sorted(shortest, reverse=True) if n < size]
    found: list[tuple[float, Break]] = []
    for base in (final.chosen, *fewer[: constants.STEP_BASES]):
        found += _offered_beside(prepared, base, final.noise)
    return max(found)[1] if found else None


def _offered_beside(
    prepared: Prepared, base: Candidate, noise: np.ndarray
) -> list[tuple[float, Break]]:
    """The step that pays best beside a model, if any does, with the evidence that is promised."""
    parts = response.linearised(prepared, base.coefficients, noise)
    allowed = open_equations(prepared)
    if not allowed or not all(np.isfinite(part.propagators).all() for part in parts):
        return []
    tried = tried_times(prepared)
    scan = number_scan.of_supports(prepared, parts, base.mask)
    carriers = prepared.kinds.carriers(len(prepared.units.states))
    gains = []
    for held in carriers:
        steps = []
        for recording, part in zip(prepared.parts, parts, strict=True):
            looked_at = recording.times[0] + part.times * prepared.units.time
            carrier = np.prod(part.variables[0][:, held], axis=1)
            step = np.stack([ramp(looked_at, time) for time in tried], axis=1)
            steps.append(step * carrier[:, None])
        gains += [scan.with_columns(d, steps) for d in allowed]
    best = np.array(gains)
    price = 0.5 * np.log(len(scan.target)) + np.log(best.size)
    if best.max() - scan.without() <= price:
        return []
    return [(float(best.max()), Break(float(tried[np.argmax(best.max(0))]), float(price)))]
