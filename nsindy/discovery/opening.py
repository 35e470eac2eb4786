"""The search on the first part of recordings, under the likelier reading of their inputs."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.inputs import readings, sensor_lag
from nsindy.discovery.inputs.readings import Late
from nsindy.discovery.inputs.sensor_lag import SensorLag
from nsindy.discovery.numbers.number_hints import explains
from nsindy.discovery.preparation import signals, smooth_signals, thinning
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.preparation.signals import Units
from nsindy.discovery.said import Said, read_said
from nsindy.discovery.supports import stages
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Progress, Session
from nsindy.recording.check import Recordings

__all__ = ["Case", "Opening", "behind_sensors", "case_of", "opened"]


class Case(NamedTuple):
    """Recordings, and what is asked of them.

    Attributes:
      recordings: whose columns are states or inputs.
      question: what is asked.
      said: what the person says of the equations.
      tell: called with the name of a stage and the share of the whole that is done.
      stop: tells whether to end with what there is.
    """

    recordings: Recordings
    question: Question
    said: Said
    tell: Progress
    stop: Callable[[], bool]

    def read(self, held: np.ndarray, delay: float = 0.0) -> tuple[Session, Units]:
        """What is searched where these inputs are held [U], and act so much later."""
        parts = thinning.thinned(self.recordings.parts, held)
        parts = readings.delayed(parts, held, delay) if delay else parts
        smoothed, units = smooth_signals.smooth_recordings(parts, self.question.order, held)
        asked = self.question, self.tell, self.stop, self.said.physics
        return Session(parts, smoothed, *asked), units

    def usual(self) -> tuple[Session, Units]:
        """What is searched where nothing is known of the inputs."""
        return self.read(readings.usual(self.recordings.parts, self.question))

    def posed(self) -> tuple[Session, Units] | None:
        """The same; None where no row of the states tells anything of the next."""
        try:
            return self.usual()
        except ValueError:
            return None

    def with_columns(self, recordings: Recordings) -> "Case":
        """The same of recordings with other columns as states, and as inputs after those there."""
        before = self.recordings
        question = self.question.with_inputs(len(recordings.inputs) - len(before.inputs))
        given = np.asarray(0.0 if question.noise is None else question.noise, float)
        if given.shape == (len(before.states),):
            kept = [before.states.index(name) for name in recordings.states]
            question = dataclasses.replace(question, noise=given[kept].tolist())
        return case_of(recordings, question, self.tell, self.stop)


def case_of(
    recordings: Recordings, question: Question, tell: Progress, stop: Callable[[], bool]
) -> Case:
    """Read what is said of the columns; see `read_said`.

    Raises:
      ValueError: it cannot be read.
    """
    return Case(recordings, question, read_said(question, recordings), tell, stop)


class Opening(NamedTuple):
    """The search on the first part, and how the inputs are read.

    Attributes:
      session: builds and searches problems under that reading.
      prepared: the problem.
      first: its search.
      notes: what was chosen, for the person.
      lag: the delay of the held inputs or of sensors, where there is one.
    """

    session: Session
    prepared: Prepared
    first: Found
    notes: list[str]
    lag: Late | SensorLag | None

    def noted(self, recordings: Recordings) -> Recordings:
        """The recordings with what was chosen among their notes."""
        return recordings._replace(notes=(*recordings.notes, *self.notes))


def opened(case: Case, session: Session, units: Units, *, late: bool = True) -> Opening:
    """Search the first part under the likelier reading of the inputs.

    Args:
      case: what is searched.
      session: of the usual reading.
      units: likewise.
      late: False for no delay.
    """
    found = _opened(case, session, units, late=late)
    done = explains(found.prepared, found.first)
    if done or _averaged(case, session) or isinstance(case.question.hold, str) or case.stop():
        return found
    cut = _cut_at_steps(case)
    # In pieces a state that something else drives is followed as well, which hides that.
    if cut is None or stages.missed(cut.prepared, cut.first):
        return found
    gain = cut.first.chosen.score - found.first.chosen.score
    return cut if gain > readings.price(found.first) else found


def _opened(case: Case, session: Session, units: Units, *, late: bool) -> Opening:
    """The same, where inputs change with their rows or all equally late."""
    recordings, read, part = case.recordings, case.read, 1 - constants.HELD_OUT
    held, gain, asked = session.signals[0].held, None, session.question.hold
    if isinstance(asked, str):
        # It is SINCE, or the question would have said so.
        return _since(case, held)
    prepared, first = stages.first_search(session, units)
    if not len(held) or _averaged(case, session):
        # The inputs of a long recording are averages, which are neither held nor late.
        return Opening(session, prepared, first, [], None)
    other = None
    if asked is None and not session.stop():
        other = readings.likelier(prepared, first, part)
    if other is not None:
        # Terms that stood in for the wrong reading are not where the search should begin.
        again, units = read(other.held, 0.0)
        searched = stages.first_search(again, units)
        if searched.found.chosen.score > first.chosen.score + constants.STRONG:
            gain = searched.found.chosen.score - first.chosen.score
            session, held, (prepared, first) = again, other.held, searched
    if asked is None and not session.stop() and readings.may_be_since(prepared, first, part):
        # A delay could stand in for that, so this is asked first.
        before = _since(case, np.ones_like(held), first)
        if before.first.chosen.score > first.chosen.score + readings.price(first):
            return before
    lag = readings.late(prepared, first, part) if late and not session.stop() else None
    if lag is not None:
        lag = lag._replace(parts=session.parts)
        for _ in range(constants.LATE_SEARCHES):
            session, units = read(held, lag.delay)
            prepared, first = stages.first_search(session, units)
            last, lag = lag.delay, readings.refined(prepared, first, part, lag)
            if abs(lag.delay - last) < constants.LATE_SETTLED * lag.error or session.stop():
                break
        lag = lag._replace(delay=last)
    notes = readings.notes(held, recordings.inputs, gain, lag) if asked is None or lag else []
    return Opening(session, prepared, first, notes, lag)


def _averaged(case: Case, session: Session) -> bool:
    """Whether the rows of a long recording were averaged."""
    return len(session.parts[0].times) < len(case.recordings.parts[0].times)


def _cut_at_steps(case: Case) -> Opening | None:
    """The search with a solution that begins anew after each step of an input, if there is one.

    What switches between two rows has acted for an unknown share of their interval. Its cost is an
    initial value a step.
    """
    held = readings.usual(case.recordings.parts, case.question)
    if not held.any():
        return None
    session, units = case.read(held)
    cut = [signals.cut_at_steps(signal) for signal in session.signals]
    steps = sum(len(signal.cuts) for signal in cut)
    if not steps:
        return None
    session = dataclasses.replace(session, signals=cut)
    prepared, first = stages.first_search(session, units)
    notes = readings.notes(held, case.recordings.inputs, None, None, steps)
    return Opening(session, prepared, first, notes, None)


def _since(case: Case, held: np.ndarray, other: Found | None = None) -> Opening:
    """The search where inputs have acted since the row before.

    Args:
      case: what is searched.
      held: True for all inputs [U].
      other: the search under another reading, where there was one.
    """
    session, units = case.read(held, -1.0)
    prepared, first = stages.first_search(session, units)
    gain = None if other is None else first.chosen.score - other.chosen.score
    lag = readings.acting_since(session.parts)
    notes = readings.notes(held, case.recordings.inputs, gain, lag)
    return Opening(session, prepared, first, notes, lag)


def behind_sensors(case: Case, opening: Opening) -> Opening | None:
    """The search of the states behind sensors that are late, where that is clearly likelier.

    Sensors of one state that nothing drives cannot be seen to be late: it goes the same way later.

    Args:
      case: what is searched.
      opening: the search of the readings, with no delay of the inputs.
    """
    session, part = opening.session, 1 - constants.HELD_OUT
    alone = len(case.recordings.states) == 1 and not case.recordings.inputs
    # Of samples that are too far apart nobody knows how fast readings change.
    coarse = any(signal.coarse for signal in session.signals)
    none = opening.lag is not None or opening.prepared.problem.wide or case.stop()
    if none or coarse or _averaged(case, session) or (alone and case.question.order == 1):
        return None
    prompt = sensor_lag.prompt(session.parts, session.signals, opening.prepared.units)
    lag = sensor_lag.likeliest(opening.prepared, opening.first, prompt, part)
    if lag is None:
        return None
    found = _behind(case, lag)
    usual = readings.usual(case.recordings.parts, case.question)
    if found is None or np.array_equal(found.session.signals[0].held, usual):
        return found
    # What is late may seem to be held: a lag that is half a row shorter does nearly as well.
    question = dataclasses.replace(case.question, hold=tuple(usual.tolist()))
    other = _behind(case._replace(question=question), lag)
    return max(filter(None, [found, other]), key=_worth)


def _worth(opening: Opening) -> float:
    first = opening.first
    return opening.prepared.score_in_units(first.chosen.score, first.samples)


def _behind(case: Case, lag: SensorLag) -> Opening | None:
    """The same from these times of the sensors, until neither they nor the equations change."""
    followed, part, worth = False, 1 - constants.HELD_OUT, -np.inf
    for number in range(constants.SENSOR_SEARCHES):
        behind = case._replace(recordings=case.recordings._replace(parts=lag.states))
        posed = behind.posed()
        if posed is None:
            return None
        found, last = _opened(behind, *posed, late=False), lag
        misses = stages.missed(found.prepared, found.first)
        least, worth = worth + lag.price(found.first), _worth(found)
        if misses and worth < least:
            return None
        if found.lag is not None or case.stop() or (misses and number >= constants.LATE_SEARCHES):
            return None
        lag = sensor_lag.likeliest(found.prepared, found.first, last, part) or last
        ending = followed or misses
        followed |= lag.near(last) and not misses
        if followed:
            # The support has settled, and its solution tells more than a spline.
            lag = sensor_lag.from_solution(found.prepared, found.first, last, part)
        if not len(lag.late):
            return None
        if ending and lag.near(last):
            break
    note = sensor_lag.note(last, case.recordings.states)
    return found._replace(notes=[*found.notes, note], lag=last._replace(covariance=lag.covariance))
