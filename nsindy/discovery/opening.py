"""The search on the first part of recordings, under the likelier reading of their inputs."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants, readings, stages
from nsindy.discovery.problem import Prepared
from nsindy.discovery.readings import Late
from nsindy.discovery.search import Found
from nsindy.discovery.session import Session
from nsindy.discovery.signals import Units
from nsindy.recording.check import Recordings

__all__ = ["Opening", "Read", "opened"]

Read = Callable[[np.ndarray, float], tuple[Session, Units]]
"""What is searched where these inputs are held [U], and act so much later."""


class Opening(NamedTuple):
    """The search on the first part, and how the inputs are read.

    Attributes:
      session: builds and searches problems under that reading.
      prepared: the problem.
      first: its search.
      notes: what was chosen, for the person.
      lag: the delay of the held inputs, where there is one.
    """

    session: Session
    prepared: Prepared
    first: Found
    notes: list[str]
    lag: Late | None


def opened(
    session: Session, units: Units, recordings: Recordings, read: Read, *, late: bool = True
) -> Opening:
    """Search the first part under the likelier reading of the inputs.

    Args:
      session: of the usual reading.
      units: likewise.
      recordings: what is searched.
      read: builds the session of another reading.
      late: False for no delay.
    """
    part = 1 - constants.HELD_OUT
    held, gain, asked = session.signals[0].held, None, session.question.hold
    if isinstance(asked, str):
        # It is SINCE, or the question would have said so.
        return _since(read, held, recordings)
    prepared, first = stages.first_search(session, units)
    if not len(held) or len(session.parts[0].times) < len(recordings.parts[0].times):
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
        before = _since(read, np.ones_like(held), recordings, first)
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


def _since(
    read: Read, held: np.ndarray, recordings: Recordings, other: Found | None = None
) -> Opening:
    """The search where inputs have acted since the row before.

    Args:
      read: builds the session of a reading.
      held: True for all inputs [U].
      recordings: what is searched.
      other: the search under another reading, where there was one.
    """
    session, units = read(held, -1.0)
    prepared, first = stages.first_search(session, units)
    gain = None if other is None else first.chosen.score - other.chosen.score
    lag = readings.acting_since(session.parts)
    notes = readings.notes(held, recordings.inputs, gain, lag)
    return Opening(session, prepared, first, notes, lag)
