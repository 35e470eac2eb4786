"""Forcing in time that was not measured: a wave of the time, a step at a time, or the time itself.

A recording that a drive moves, and that does not hold the drive, has no autonomous equation. What
its best one leaves then shows a line in its spectrum, or a step. Time is added as an input that is
known exactly, and stands alone, as `t`, in cos(w t) and sin(w t) of one fitted w, or in a step at a
fitted time; and times states, whose rates then drift, as those of a catalyst that wears out. With
its price, the forcing must be clearly more likely than the best without.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.inputs.forced import Forced, with_input, with_last_terms
from nsindy.discovery.inputs.forcing_hints import shows
from nsindy.discovery.inputs.steps_in_time import with_step
from nsindy.discovery.inputs.waves_in_time import with_wave
from nsindy.discovery.preparation.gauge import holds
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.recording.check import Recordings
from nsindy.result.discovery import Discovery
from nsindy.terms import text
from nsindy.terms.numbered import WAVE, inner_of
from nsindy.terms.primitive import Primitive, step_at
from nsindy.terms.term import Term

__all__ = ["as_input", "in_time", "search_forced"]


def search_forced(
    session: Session, prepared: Prepared, first: Found, final: Found, *, once: bool = False
) -> Forced | None:
    """Search with a forcing; None where none is clearly more likely than the best without.

    Args:
      session: of the search without.
      prepared: the problem without.
      first: the search without on the first part of each recording.
      final: the search without on all samples.
      once: True for a step alone.
    """
    session.tell("looking for a forcing in time", 0.0)
    found, every = None, (_with_drift, _with_drifting_rates, with_wave, with_step)
    # The time itself has no number that is fitted; where it leaves noise alone, it stands.
    for attempt in every[-1:] if once else every:
        if session.stop() or (found and not shows(found.prepared, found.final)):
            break
        other = attempt(session, prepared, first, final)
        if found is None or (other is not None and other.evidence > found.evidence):
            found = other
    if found is None or found.evidence - final.chosen.score < constants.WAVE_EARNS:
        return None
    return found


def _with_drift(session: Session, prepared: Prepared, first: Found, final: Found) -> Forced | None:
    """A search with the time among the terms."""
    session, units = with_input(session, prepared, [part.times for part in session.parts])
    return with_last_terms(session, session.build(units, prepared.substeps), final, 0.0)


def _with_drifting_rates(
    session: Session, prepared: Prepared, first: Found, final: Found
) -> Forced | None:
    """The same with the time times states as well."""
    return _with_drift(dataclasses.replace(session, drifting=True), prepared, first, final)


def as_input(recordings: Recordings, found: Forced) -> Recordings:
    """The names and notes of recordings in which the forcing is an input, as it was searched."""
    shown, notes = _name_of_time(recordings), recordings.notes
    if found.step is not None:
        time, error = found.step
        spread, number = text.number(error, error), text.number(time, error)
        shown = f"step({shown} - {number})"
        notes = (*notes, f"the time of {shown} is fitted: {number} ± {spread}")
    return recordings._replace(inputs=(*recordings.inputs, shown), notes=notes)


def in_time(discovery: Discovery, recordings: Recordings, found: Forced) -> Discovery:
    """What was found with the forcing as an input, the forcing a function of the time.

    Args:
      discovery: of the recordings that `as_input` makes.
      recordings: as they were read.
      found: the search with the forcing.
    """
    time, library = _name_of_time(recordings), discovery.library
    if found.step is not None:
        place = len(discovery.variables) - 1
        library = tuple(_stepped(term, place, step_at(found.step[0])) for term in library)
    said = _amplitudes(discovery, time) if found.numbers.inner else []
    how = "drifts" if found.step is None else "changes at one moment"
    why = f"a rate {how}" if _drifts(discovery) else "a forcing was not measured"
    depends = f"the equations depend on the time: {why}"
    return dataclasses.replace(
        discovery,
        inputs=recordings.inputs,
        held=discovery.held[: len(recordings.inputs)],
        time=time,
        library=library,
        notes=(*discovery.notes, *said),
        warnings=(depends, *_swinging(discovery), *discovery.warnings),
    )


def _stepped(term: Term, place: int, step: Primitive) -> Term:
    """A term of a step as a variable, the step a function of the time at the same place."""
    if term.arguments == (place,):
        return Term(step, (place,))

    def put(argument: int | Term) -> int | Term:
        if isinstance(argument, Term):
            return _stepped(argument, place, step)
        return Term(step, (place,)) if argument == place else argument

    return Term(term.primitive, tuple(map(put, term.arguments)))


def _drifts(discovery: Discovery) -> bool:
    """Whether the time itself, its last variable, stands times states in the equations."""
    count, last = len(discovery.states), len(discovery.variables) - 1
    used = np.any(np.asarray(discovery.coefficients) != 0, 0)
    chosen = [term for term, here in zip(discovery.library, used, strict=True) if here]
    carried = [t for t in chosen if holds(t, last) and inner_of(t) is None]
    return any(holds(term, state) for term in carried for state in range(count))


def _swinging(discovery: Discovery) -> Iterator[str]:
    """States that a wave alone moves: one that swings freely around its mean does the same."""
    if discovery.order != 1:
        return
    inner = [inner_of(term) for term in discovery.library]
    for state, row in zip(discovery.states, np.asarray(discovery.coefficients), strict=True):
        here = [inner[m] for m in np.flatnonzero(row)]
        if here and all(each is not None and each.kind == WAVE for each in here):
            square = here[0].number ** 2  # type: ignore[union-attr]
            yield (
                f"{state}'' = -{square:.4g} ({state} - its mean) follows the recording as well, of "
                "a state that swings freely and that nothing drives: --order 2 finds it"
            )


def _name_of_time(recordings: Recordings) -> str:
    names = (*recordings.states, *recordings.inputs)
    return next(name for name in ("t", "time", "t_", "time_") if name not in names)


def _amplitudes(discovery: Discovery, time: str) -> list[str]:
    """Sine and cosine of a drive as one wave with its amplitude and phase, in words."""
    inner = [inner_of(term) for term in discovery.library]
    waves = [m for m, each in enumerate(inner) if each is not None]
    values, lines = np.asarray(discovery.coefficients), []
    number = inner[waves[0]].number  # type: ignore[union-attr]
    # Sines and cosines stand in turn, alone and times each of the same.
    for d, state in enumerate(discovery.states):
        for place, other in zip(waves[::2], waves[1::2], strict=True):
            sine, cosine = values[d, [place, other]]
            if sine and cosine:
                size, phase = np.hypot(sine, cosine), np.arctan2(-sine, cosine)
                wave = f"cos({number:.5g} {time} {'-' if phase < 0 else '+'} {abs(phase):.3g})"
                carried = discovery.terms[place].split("sin(")[0]
                lines.append(f"the drive of {state}' is {size:.4g} {carried}{wave}")
    return lines
