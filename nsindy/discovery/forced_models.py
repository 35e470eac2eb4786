"""The choice with a forcing in time, where one is shown and is likelier than the choice without."""

from nsindy.discovery import constants
from nsindy.discovery.inputs import forcing, forcing_hints
from nsindy.discovery.inputs.breaks import clearest_break
from nsindy.discovery.inputs.forced import Forced
from nsindy.discovery.inputs.readings import Late
from nsindy.discovery.inputs.sensor_lag import SensorLag
from nsindy.discovery.inputs.waves_in_time import with_clear_wave
from nsindy.discovery.models import FoundModel, beside
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import stages
from nsindy.discovery.supports.discrepancy import Discrepancy
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session

__all__ = ["clearly_driven", "with_forcing"]


def with_forcing(
    session: Session, usual: FoundModel, prepared: Prepared, first: Found
) -> FoundModel | None:
    """The choice with a forcing in time; None where none is looked for, or none is likelier.

    It has to win twice: against the usual choice, and in its own pool, where the models without
    the forcing are, against all of them beside a slow error.

    Args:
      session: builds and searches problems.
      usual: what was found without.
      prepared: the problem without numbers inside terms.
      first: its search on the first part of each recording.
    """
    asked = session.question.forcing
    if session.stop() or asked is False or prepared.problem.wide:
        return None
    shown = (
        asked
        or forcing_hints.shows(usual.prepared, usual.final)
        or forcing_hints.switches_once(usual.prepared, usual.numbers)
    )
    if not shown and not (len(session.parts) == 1 and usual.odd and clearest_break(prepared)):
        return None
    bare, plain = usual.prepared, usual.final
    if usual.numbers.inner:
        bare, plain = stages.search_all(session, prepared, first)
    found = forcing.search_forced(session, bare, first, plain, once=not shown)
    if found is None or found.evidence <= usual.worth + (0.0 if shown else constants.STRONG):
        return None
    if len(session.parts) > 1 and stages.missed(found.prepared, found.final):
        # What differs between recordings is no forcing that all of them had.
        return None
    return _forced(session, found, usual.lag)


def clearly_driven(
    session: Session,
    prepared: Prepared,
    first: Found,
    lag: Late | SensorLag | None,
    *,
    season: bool,
) -> FoundModel | None:
    """The choice with a wave of the time, where a line says clearly that one is missing.

    Args:
      session: builds and searches problems.
      prepared: the problem.
      first: its search on the first part of each recording.
      lag: the delay of the held inputs or of sensors, where there is one.
      season: True for a wave times states, False for one that stands alone.
    """
    if session.stop() or session.question.forcing is False or prepared.problem.wide:
        return None
    if not stages.missed(prepared, first):
        return None
    session.tell("looking for a forcing in time", 0.0)
    found = with_clear_wave(session, prepared, first, season=season)
    return None if found is None else _forced(session, found, lag)


def _forced(session: Session, found: Forced, lag: Late | SensorLag | None) -> FoundModel | None:
    """The model of a search with a forcing; None where, beside a slow error, it holds none."""
    slow = Discrepancy.none(len(found.final.chosen.mask))
    parts = found.prepared, found.first, found.final, found.numbers
    model = beside(session, FoundModel(*parts, slow, lag, found))
    return model if found.holds(model.final) else None
