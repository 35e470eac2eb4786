"""The answer to a search, and what maps and laws say of the same recordings."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from nsindy.discovery import each_recording
from nsindy.discovery.answer import conclusion
from nsindy.discovery.answer.verdict import left_shares
from nsindy.discovery.inputs import forcing
from nsindy.discovery.laws import comparison
from nsindy.discovery.laws.law_text import Law
from nsindy.discovery.maps import map_search
from nsindy.discovery.models import FoundModel
from nsindy.discovery.preparation.gauge import Motion
from nsindy.discovery.supports.session import Session
from nsindy.recording.check import Recordings
from nsindy.result.discovery import Discovery

__all__ = ["concluded"]


def concluded(
    session: Session,
    recordings: Recordings,
    laws: Sequence[Law],
    model: FoundModel,
    *,
    stopped: bool = False,
    motion: Motion | None = None,
) -> Discovery:
    """Put the result together, with what maps and laws say of the recordings.

    Args:
      session: of the search.
      recordings: as they were read.
      laws: to test.
      model: what was found.
      stopped: True if the search was ended from outside.
      motion: of a state that was not measured, where there is one.
    """
    prepared, first, final, numbers, slow, lag, forced = model
    stopped |= session.stop() and not final.settled
    seen = recordings if forced is None else forcing.as_input(recordings, forced)
    if lag is not None:
        lag = lag.with_variance(prepared, final)
    found = conclusion.conclude(
        prepared,
        seen,
        first,
        final,
        numbers,
        slow,
        lag=lag,
        stopped=stopped,
        hidden=session.question.hidden_names,
    )
    if forced is not None and forced.step is not None:
        found = dataclasses.replace(found, score=np.asarray(found.score) - forced.price)
    left = left_shares(prepared, final, recordings) ** 2
    said = () if stopped or found.hidden else map_search.suggestion(session, recordings, left)
    name = found.verdict
    if said:
        # What a flow misses and a map explains is no noise.
        name = "approximation" if np.any(found.coefficients) else "none"
    elif name != "equation" and not (stopped or found.hidden or forced or session.stop()):
        variables = (*found.states, *recordings.inputs)
        own = each_recording.law_of_each(session, prepared, final, variables)
        said = (own,) if own else ()
    if session.question.forcing and prepared.problem.wide:
        said = (*said, "no forcing in time was looked for among so many terms; give fewer columns")
    found = dataclasses.replace(found, verdict=name, warnings=(*said, *found.warnings))
    if laws:
        session.tell("testing laws", 0.0)
        more = seen.inputs[len(recordings.inputs) :]
        asked = [law._replace(columns=(*law.columns, *more)) for law in laws]
        beside = bool(slow.size.any())
        tested = comparison.compare(
            asked, prepared, first, final, found, slow=beside, motion=motion
        )
        tested_beside = dataclasses.replace(found, laws=tested)
        found = comparison.beaten(tested_beside, float(final.samples.sum()), model.price)
    return found if forced is None else forcing.in_time(found, recordings, forced)
