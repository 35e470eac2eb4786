"""From recordings to their equations, with nothing to tune: every step in its order."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike
from threadpoolctl import threadpool_limits

from nsindy.discovery import (
    candidates,
    conclusion,
    constants,
    one_step,
    proposals,
    readings,
    signals,
    wave_fit,
    wave_scan,
)
from nsindy.discovery.candidates import Start
from nsindy.discovery.problem import Prepared
from nsindy.discovery.question import Question
from nsindy.discovery.readings import Late
from nsindy.discovery.search import Found
from nsindy.discovery.session import Progress, Session
from nsindy.discovery.signals import Units
from nsindy.recording import check
from nsindy.recording.check import Recordings
from nsindy.result.discovery import Discovery
from nsindy.runtime.programs import keeping_compiled
from nsindy.runtime.stopping import stop_softly
from nsindy.terms.operations import Primitive

__all__ = ["discover", "from_recordings"]

_Read = Callable[[np.ndarray, float], tuple[Session, Units]]
"""What is searched when these inputs are held [U], and act so much later."""


class _First(NamedTuple):
    """A problem, and the search on the first part of its recordings."""

    prepared: Prepared
    found: Found


class _Opening(NamedTuple):
    """The search on the first part under the reading of the inputs that was chosen."""

    session: Session
    prepared: Prepared
    first: Found
    notes: list[str]
    lag: Late | None


def discover(
    t: ArrayLike | Sequence[ArrayLike],
    x: ArrayLike | Sequence[ArrayLike],
    *,
    inputs: ArrayLike | Sequence[ArrayLike] | None = None,
    states: Sequence[str] | None = None,
    order: int = 1,
    operations: Sequence[str | Primitive] | None = None,
    max_terms: int = 6,
    noise: float | Sequence[float] | None = None,
    hold: bool | Sequence[bool] | None = None,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> Discovery:
    """Find the equations behind a recording, or several recordings of one system.

    Args:
      t: times [N], or a list of them, one for each recording; irregular times are fine.
      x: states [N, D], or [N] for one, or a list of them. NaN where a state was not measured;
        `merge` puts series with times of their own together.
      inputs: measured forcing or control [N, U] that may enter the equations, or a list of them.
      states: names of the D states; without them x, y, z, … or x0, x1, ….
      order: 2 where x holds positions only, and each has an equation for its acceleration.
      operations: unary operations that may appear beside the products of variables, names or
        primitives of one's own (`learn_operation`); None for all that the values allow and that
        there are samples enough to choose among. Where sin or cos is among them, a wave
        sin(w x) whose w is found in the recording is tried as well.
      max_terms: most terms of an equation; more than needed does no harm.
      noise: standard deviation of the measurement noise, one or one for each state, if it is
        known; a smaller misfit then counts for nothing.
      hold: True if inputs keep their value until the next row, as those of a controller do, False
        if they run straight to it, one or one for each; None to keep the likelier.
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
        order=order, operations=operations, max_terms=max_terms, noise=noise, hold=hold
    )
    recordings = check.check_arrays(t, x, inputs=inputs, states=states)
    return from_recordings(recordings, question, seconds=seconds, progress=progress)


def from_recordings(
    recordings: Recordings,
    question: Question,
    *,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> Discovery:
    """Find the equations behind recordings that were read and checked; see `discover`.

    Raises:
      ValueError: an option is out of range, or an operation is unknown or not unary.
    """
    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds must be positive, not {seconds}")
    message = "ending with the best model so far; Ctrl-C again interrupts"
    # The matrices are small, and OpenBLAS's threads wait for each other in busy loops: beside other
    # work a factorisation would take fifty times as long.
    with (
        jax.enable_x64(True),
        threadpool_limits(1, user_api="blas"),
        keeping_compiled(),
        stop_softly(message, seconds=seconds) as stop,
    ):
        tell = progress or (lambda stage, share: None)
        tell("smoothing", 0.0)
        thinned = [signals.thin(part) for part in recordings.parts]

        def read(held, delay=0.0):
            parts = readings.with_inputs(thinned, held)
            parts = readings.delayed(parts, held, delay) if delay else parts
            smoothed, units = signals.smooth_recordings(parts, question.order, held)
            return Session(parts, smoothed, question, tell, stop), units

        session, units = read(readings.usual(thinned, question))
        return _discover(session, units, recordings, read)


def _discover(session: Session, units: Units, recordings: Recordings, read: _Read) -> Discovery:
    part, guides = 1 - constants.HELD_OUT, constants.GUIDES
    session, prepared, first, notes, lag = _read_inputs(session, units, recordings, read)
    recordings = recordings._replace(notes=(*recordings.notes, *notes))
    base = first
    if missed(prepared, first) and not session.stop():
        starts = _from_more_places(prepared, first)
        stage = "selecting from more places"
        first = session.search(prepared, starts, share=part, stage=stage, guides=guides)
    # Offered around the choice before the retry: where a wave is missing, the retry buys terms
    # that stand in for it, and around them a scan sees less of the wave.
    offer = None
    if not session.stop():
        offer = wave_scan.offer(prepared, base.chosen.mask, base.chosen.coefficients, base.noise)
    waved = None
    if offer is not None:
        waved = wave_fit.search_with(session, offer, prepared, first)
    if waved is not None:
        # Its noise is not taken again from the fit: w, its error and its price were judged
        # with the noise of the smoothing, and would have to be judged anew.
        wave, prepared, first, final = waved.wave, waved.prepared, waved.first, waved.final
        stopped = False
    else:
        wave, prepared = None, _reweighted(prepared, first)
        stage = "selecting on all samples"
        session.tell(stage, 0.0)
        stopped = session.stop()
        starts = first.starts()[: 1 if stopped else None]
        final = session.search(prepared, starts, share=1.0, stage=stage, guides=1)
    stopped |= session.stop() and not final.settled
    return conclusion.conclude(prepared, recordings, first, final, wave, lag=lag, stopped=stopped)


def _read_inputs(session: Session, units: Units, recordings: Recordings, read: _Read) -> _Opening:
    """Search the first part under the likelier reading of the inputs."""
    part = 1 - constants.HELD_OUT
    prepared, first = _first(session, units)
    gain, asked = None, session.question.hold
    other = None
    if asked is None and not session.stop():
        other = readings.likelier(prepared, first, part)
    if other is not None:
        # Terms that stood in for the wrong reading are not where the search should begin.
        again, units = read(other.held, 0.0)
        opened = _first(again, units)
        if opened.found.chosen.score > first.chosen.score + constants.STRONG:
            gain = opened.found.chosen.score - first.chosen.score
            session, (prepared, first) = again, opened
    lag, held = None, prepared.signals[0].held
    if not session.stop():
        lag = readings.late(prepared, first, part)
    if lag is not None:
        parts = session.parts
        for _ in range(constants.LATE_SEARCHES):
            session, units = read(held, lag.delay)
            prepared, first = _first(session, units)
            last, lag = lag.delay, readings.refined(prepared, parts, first, part, lag)
            if abs(lag.delay - last) < constants.LATE_SETTLED * lag.error or session.stop():
                break
        lag = lag._replace(delay=last)
    notes = readings.words(held, recordings.inputs, gain, lag) if asked is None or lag else []
    return _Opening(session, prepared, first, notes, lag)


def _first(session: Session, units: Units) -> _First:
    """The problem, and the search on the first part of the recordings."""
    prepared = session.build(units)
    starts = proposals.proposals(prepared)
    if all(s.coarse for s in prepared.signals):
        starts = one_step.from_flow(prepared, starts) + starts
    prepared = _resolved(prepared, starts)
    part, guides = 1 - constants.HELD_OUT, constants.GUIDES
    stage = "selecting on the first four fifths"
    session.tell(stage, 0.0)
    found = session.search(prepared, starts, share=part, stage=stage, guides=guides)
    return _First(prepared, found)


def _from_more_places(prepared: Prepared, found: Found) -> list[Start]:
    """The best of what was fitted, from regressions again, and four times as many proposals."""
    pool = found.pool[: constants.WIDTH]
    again = [candidates.regressed(prepared.problem, c.mask) for c in pool]
    return again + proposals.proposals(prepared, 4 * constants.WIDTH)


def _resolved(prepared: Prepared, starts: Sequence[Start]) -> Prepared:
    """Take so many solver steps between samples that twice as many change nothing that is seen."""
    noise = signals.noise(prepared.signals)
    of_noise, of_floor = constants.SOLVER_ERROR
    seen = np.maximum(noise * of_noise, prepared.problem.floor * of_floor)
    small = np.where(noise > 0, seen, np.inf)
    last = None
    for substeps in constants.SUBSTEPS:
        cut = prepared._replace(substeps=substeps).segments(1.0)
        paths = np.array([p.states for p in candidates.solved(prepared.problem, starts[:2], cut)])
        if last is not None:
            change = np.abs(paths - last)
            change = np.max(np.where(np.isfinite(change), change, 0.0), (0, 1, 2))
            # An error of fifth order falls by 2⁵ when the steps are halved.
            if (change < small).all():
                return prepared._replace(substeps=substeps // 2)
            if (change / 16 < small).all():
                return prepared._replace(substeps=substeps)
        last = paths
    return prepared._replace(substeps=constants.SUBSTEPS[-1])


def missed(prepared: Prepared, found: Found) -> bool:
    """Tell whether the choice of a search misses a recording by several times its noise."""
    noise = signals.noise(prepared.signals)
    far = found.noise > constants.MISSED * np.maximum(noise, prepared.problem.floor)
    # Where smoothing has not told noise from signal, what a model misses still has structure.
    resolved = np.all([s.resolved for s in prepared.signals], 0)
    far &= resolved | (found.chosen.independent < constants.INDEPENDENT) | _loose(prepared, found)
    return bool(far[noise > 0].any())


def _loose(prepared: Prepared, found: Found) -> np.ndarray:
    """Where samples are too coarse to be smoothed and a model leaves a good part of them [D]."""
    spread = np.std(np.concatenate([s.measured for s in prepared.signals]), 0)
    coarse = all(s.coarse for s in prepared.signals)
    return coarse & (found.noise > constants.TAKEN_FOR_NOISE * spread)


def _reweighted(prepared: Prepared, found: Found) -> Prepared:
    """Take the noise from the states that were fitted, where they fit."""
    if missed(prepared, found):
        return prepared
    (path,) = candidates.solved(found.problem, [found.chosen.start], found.segments)
    followed = signals.nodes(prepared.signals, path.states)
    states = [x[: signals.fitted_samples(len(x))] for x in followed]
    renewed = signals.weighted(prepared.signals, states, prepared.problem.floor)
    return prepared._replace(signals=renewed)
