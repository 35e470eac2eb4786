"""From recordings to their equations, with nothing to tune: every step in its order."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from threadpoolctl import threadpool_limits

from nsindy.discovery import (
    coupling,
    driving,
    forced_models,
    hidden,
    models,
    positions,
    wandering,
    wide_table,
)
from nsindy.discovery.answer import conclusion
from nsindy.discovery.concluding import concluded
from nsindy.discovery.inputs import readings
from nsindy.discovery.inputs.readings import Late
from nsindy.discovery.inputs.sensor_lag import SensorLag
from nsindy.discovery.maps import map_rows, map_search
from nsindy.discovery.models import FoundModel, Searched
from nsindy.discovery.numbers.number_hints import explains
from nsindy.discovery.opening import Case, Opening, behind_sensors, case_of, opened
from nsindy.discovery.positions import Answer
from nsindy.discovery.preparation import building, dictionary, thinning
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.preparation.signals import Units
from nsindy.discovery.supports import stages
from nsindy.discovery.supports.session import Progress, Session
from nsindy.recording import check
from nsindy.recording.check import Recordings
from nsindy.result.discovery import Discovery
from nsindy.runtime.programs import keeping_compiled, on_processor
from nsindy.runtime.stopping import stop_softly
from nsindy.terms.given_operations import Operations

__all__ = ["discover", "from_recordings"]


def discover(
    t: Any,
    x: Any = None,
    *,
    inputs: Any = None,
    states: Sequence[str] | None = None,
    input_names: Sequence[str] | None = None,
    order: int | None = None,
    operations: Operations | None = None,
    degree: int | None = None,
    max_terms: int = 6,
    noise: float | Sequence[float] | None = None,
    map: bool = False,
    forcing: bool | None = None,
    know: str | Sequence[str] = (),
    free: str | Sequence[str] = (),
    sign: str | Sequence[str] = (),
    equal: str | Sequence[str] = (),
    law: str | Sequence[str] = (),
    hold: bool | str | Sequence[bool] | None = None,
    hidden: int | str = 0,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> Discovery:
    """Find the equations behind a recording, or several recordings of one system.

    Args:
      t: times [N], numbers or dates, irregular ones too; or the step between samples, a number;
        or a list of times, one for each recording.
      x: states [N, D], or [N] for one; a list of them, or [recordings, N, D], for several
        recordings; or a DataFrame of pandas or polars, with its times in a column, the index, or t.
        `discover(frame)` alone finds them. NaN where a state was not measured; `merge` puts series
        with times of their own together.
      inputs: measured forcing or control [N, U] or [N] that may enter the equations, a list of
        them, or names of columns of the DataFrame. A state that has no equation, since it wanders
        at random or something outside drives it, is taken as one, which the notes say.
      states: names of the D states; without them x, y, z, … or x0, x1, …. Of a DataFrame, the
        columns that are states; without them all others.
      input_names: names of the U inputs; without them u, or u0, u1, ….
      order: 2 where x holds positions only, and each has an equation for its acceleration; None for
        1, or 2 where no equation of first order explains the recording and those of second do.
      operations: unary operations that may appear beside the products of variables, names, NumPy
        or JAX functions, or primitives of one's own (`learn_operation`), one or several; None for
        all that the values allow and that there are samples enough to choose among. Beside sin and
        cos, exp, tanh, sqrt and saturation, waves sin(w x), exp(k x), tanh(k x), x^p, x/(K + x)
        and the like are tried, whose numbers are found in the recording; beside one's own that
        own a number (`operation`), these.
      degree: most variables in a product; None for as many as there are samples enough for.
      max_terms: most terms of an equation; more than needed does no harm.
      noise: standard deviation of the measurement noise, one or one for each state, if it is
        known; a smaller misfit then counts for nothing.
      map: True to find x[n+1] = f(x[n], u[n]), each row from the one before, in place of a
        differential equation; rows are steps, and t may be None.
      forcing: True to look for a forcing in time that was not measured: a wave cos(w t + φ) or a
        step whose numbers are fitted, or the time itself; False for none; None to look where what
        the best equations leave shows one. It must be clearly more likely than none.
      know: what is known of an equation, "v' = ... - 9.81*sin(x)", or several of them: given
        coefficients stay as they are and cost nothing, and the dots stand for the terms that are
        to be found; without dots there are none.
      free: the only terms that an equation may hold besides, "v' : x, v, sin(x)", or several.
      sign: of a coefficient, "v in v' < 0", or several.
      equal: of coefficients, "S I in I' = -S I in S'", or several: the one on the left is that on
        the right, times the number before its term. What is tied together is one number, and
        is in the equations as a whole or not at all.
      law: a system of equations to test, "T' = -k*(T - Ta)", or several: names that are no columns
        are numbers, which are fitted; `Discovery.laws` says how it stands beside what was found.
        Equations of one system are parted by a semicolon; a state that it has no equation for keeps
        the terms that were found.
      hold: True if inputs keep their value until the next row, as those of a controller do, False
        if they run straight to it, one or one for each; "since" if the value of a row has acted
        since the row before, as the rain of the last hour; None to keep the likelier.
      hidden: 1, or its name, where one state of the system was not measured: it gets an equation
        and fitted initial values, and is the last of the states. Its scale cannot be known, which
        the notes say; a known term fixes it, as in know="I' = ... + 0.3 S I", hidden="S".
      seconds: after which the search ends with the best model so far, which the warnings then say;
        so does the first Ctrl-C. None for as long as it takes.
      progress: called with the name of a stage and the share of the whole that is done.

    Returns:
      the Discovery. No random number is drawn: the same recording gives the same answer.

    Raises:
      ValueError: the recording cannot be used, with the row, the column and what to change.

    Example:
      >>> import numpy as np, nsindy
      >>> t = np.linspace(0, 20, 600)
      >>> x = np.stack([np.cos(t), -np.sin(t)], 1)
      >>> print(nsindy.discover(t, x, states=["x", "v"]))  # doctest: +SKIP
      x' = 1.0000 v   (± 0.0000)
      v' = -1.0000 x   (± 0.0000)
    """
    question = Question(
        order=1 if order is None else order,
        either=order is None,
        operations=operations,
        degree=degree,
        max_terms=max_terms,
        noise=noise,
        map=map,
        forcing=forcing,
        hold=hold,
        hidden=hidden,
        know=_texts(know),
        free=_texts(free),
        sign=_texts(sign),
        equal=_texts(equal),
        law=_texts(law),
    )
    recordings = check.check_arrays(
        t, x, inputs=inputs, states=states, input_names=input_names, steps=map
    )
    return from_recordings(recordings, question, seconds=seconds, progress=progress)


def _texts(given: str | Sequence[str]) -> Sequence[str]:
    return (given,) if isinstance(given, str) else given


def from_recordings(
    recordings: Recordings,
    question: Question,
    *,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> Discovery:
    """Find the equations behind recordings that were read and checked; see `discover`.

    Raises:
      ValueError: an option is out of range, an operation is unknown or not unary, or what is known
        cannot be read.
    """
    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds must be positive, not {seconds}")
    message = "ending with the best model so far; Ctrl-C again interrupts"
    # The matrices are small, and OpenBLAS's threads wait for each other in busy loops: beside other
    # work a factorisation would take fifty times as long. A model that runs away is not finite, and
    # judged as that.
    with (
        np.errstate(all="ignore"),
        jax.enable_x64(True),
        on_processor(),
        threadpool_limits(1, user_api="blas"),
        keeping_compiled(),
        stop_softly(message, seconds=seconds) as stop,
    ):
        tell = progress or (lambda stage, share: None)
        tell("smoothing", 0.0)
        if question.map:
            rows, made = map_rows.rows_of_map(recordings.parts)
            return map_search.discover_map(Session(rows, made, question, tell, stop), recordings)
        case = case_of(recordings, question, tell, stop)
        if question.hidden_names:
            return _with_hidden(case)
        apart = wandering.without_wandering(recordings, case.said.words)
        if not apart.equations:
            return conclusion.nothing(apart.recordings)
        case = case.with_columns(apart.recordings)
        session, units = case.usual()
        terms = building.terms_of(session.signals, units, case.question)
        if question.order == 1 and dictionary.is_wide(len(terms), len(units.states)):
            tell("telling the columns apart", 0.0)
            mentions = case.said.mentions(case.recordings.states)
            table = wide_table.sorted_out(case.recordings, case.question, mentions)
            if not table.equations:
                return conclusion.nothing(table.recordings)
            case = case.with_columns(table.recordings)
            session, units = case.usual()
        return _discover(case, session, units).found


def _discover(case: Case, session: Session, units: Units) -> Answer:
    opening = opened(case, session, units)
    # A rate that has seasons is no input's; what a drive moves may be one.
    driven = _clearly_driven(case, opening, season=True)
    if driven is None:
        case, opening = driving.from_outside(case, opening)
        driven = _clearly_driven(case, opening, season=False)
    if driven is not None and driven.found.verdict == "equation":
        return driven
    turned = positions.swinging(case, opening.prepared, opening.first)
    second = None if turned is None or case.stop() else _discover(turned, *turned.usual())
    if second and (answer := positions.by_second_order(opening.prepared, second)):
        return second._replace(found=answer)
    first, stopped = _with_numbers(case, opening)
    if driven is not None and driven.beats(first):
        return driven
    if stopped or first.found.verdict == "equation" or case.stop():
        return first
    fewer = driving.unspoiled(case, first.model)
    other = None if fewer is None else _discover(fewer, *fewer.usual())
    if other is not None and other.found.verdict == "equation":
        return other
    if second is None and not case.stop():
        turned = positions.as_positions(case, first.model.prepared, first.model.final)
        second = None if turned is None else _discover(turned, *turned.usual())
    if second is not None:
        first = first._replace(found=positions.with_second_order(first, second))
    return first


def _clearly_driven(case: Case, opening: Opening, *, season: bool) -> Answer | None:
    """What a drive that was not recorded comes to, where it is clear."""
    session, prepared, first, _, lag = opening
    model = forced_models.clearly_driven(session, prepared, first, lag, season=season)
    if model is None:
        return None
    return Answer(concluded(session, opening.noted(case.recordings), case.said.laws, model), model)


def _with_numbers(case: Case, opening: Opening) -> tuple[Answer, bool]:
    """What numbers inside terms, a forcing and a slow error come to; and whether it was stopped."""
    session, recordings, searched = _best_of_readings(case, opening)
    model, laws = searched.model, case.said.laws
    if searched.stopped:
        return Answer(concluded(session, recordings, laws, model, stopped=True), model), True
    fine = models.at_fine_floor(session, searched)
    if fine is None:
        forced = forced_models.with_forcing(session, model, *searched.without)
        fine = forced or models.beside(session, model)
    return Answer(concluded(session, recordings, laws, fine), fine), False


class _CameTo(NamedTuple):
    """A search with numbers inside terms, what it is of, and the recordings with its notes."""

    session: Session
    recordings: Recordings
    searched: Searched


def _best_of_readings(case: Case, opening: Opening) -> _CameTo:
    """The search with numbers inside terms, of the readings or of what their sensors lag behind."""
    # Few seconds show whether sensors lag, and what they bend takes long to be explained.
    misses = not explains(opening.prepared, opening.first)
    late = isinstance(opening.lag, Late) and opening.lag.delay > 0

    @functools.cache
    def at_once() -> Opening:
        """What comes late may seem to act late, and a delay may stand in for a number."""
        return opened(case, *case.usual(), late=False) if late else opening

    lagging = behind_sensors(case, at_once()) if misses and not case.stop() else None
    behind = None
    if lagging is not None and not stages.missed(lagging.prepared, lagging.first):
        behind = _searched(lagging, case.recordings)
    came_to = _searched(opening, case.recordings)
    if late and came_to.searched.model.numbers.inner and not case.stop():
        prompt = _searched(at_once(), case.recordings)
        one, other = (each.searched.model for each in (came_to, prompt))
        if other.worth >= one.worth - readings.price(one.final):
            came_to = prompt
    model = came_to.searched.model
    # Terms that stand in for a lag are many, or hold numbers.
    if (
        behind is None
        and not case.stop()
        and (model.odd or not explains(model.prepared, model.final))
    ):
        lagging = lagging if misses else behind_sensors(case, at_once())
        behind = None if lagging is None else _searched(lagging, case.recordings)
    if behind is not None:
        other = behind.searched.model
        assert isinstance(other.lag, SensorLag)
        gain = other.worth_in_units - model.worth_in_units - other.lag.price(other.final)
        if gain > 0 and not stages.missed(other.prepared, other.final):
            return behind
    return came_to


def _searched(opening: Opening, recordings: Recordings) -> _CameTo:
    session, prepared, first, _, lag = opening
    recordings = opening.noted(recordings)
    session, prepared, first = models.with_negative_powers(session, prepared, first)
    apart = coupling.uncoupled(session, prepared, first, recordings.states)
    if apart is not None:
        session, prepared, first, note = apart
        recordings = recordings._replace(notes=(*recordings.notes, note))
    return _CameTo(session, recordings, models.search_model(session, prepared, first, lag))


def _with_hidden(case: Case) -> Discovery:
    """The equations of the measured states and of one that was not."""
    recordings = case.recordings
    held = readings.usual(recordings.parts, case.question)
    rows = thinning.thinned(recordings.parts, held)
    session = Session(rows, [], case.question, case.tell, case.stop, case.said.physics)
    best: tuple[hidden.Posed, stages.First] | None = None
    for posed in hidden.pose(session, held):
        if best is None or not session.stop():
            found = stages.search_from(posed.session, posed.prepared, posed.starts)
            if best is None or found.found.chosen.score > best[1].found.chosen.score:
                best = posed, found
    assert best is not None
    posed, (prepared, first) = best
    stopped = session.stop()
    prepared, final = stages.search_all(posed.session, prepared, first, stopped=stopped)
    chosen = final.chosen.mask
    first, final = (hidden.in_one_gauge(each, chosen, posed.link) for each in (first, final))
    model = FoundModel.plain(prepared, first, final)
    model = model if stopped else models.beside(posed.session, model)
    names = (*recordings.states, *session.question.hidden_names, *recordings.inputs)
    note = hidden.remark(posed, session.question.hidden_names[0], names)
    recordings = recordings._replace(notes=(*recordings.notes, note))
    return concluded(
        posed.session, recordings, case.said.laws, model, stopped=stopped, motion=posed.motion
    )
