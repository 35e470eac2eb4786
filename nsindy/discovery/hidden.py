"""A state that was not measured: how it enters, its coordinate, and the search for both equations.

A hidden state is one more state without a sample. From second-order smoothing its course follows in
any gauge (`gauge`); there it starts the same regressions and the same search by trajectories as a
measured one, its initial values among what is fitted, as velocities are with order 2.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import building, gauge, gauge_scan, smooth_signals
from nsindy.discovery.preparation.gauge import Gauge, Link, Motion
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.preparation.signals import Signal, Units
from nsindy.discovery.supports import candidates, proposals
from nsindy.discovery.supports.candidates import Start
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.recording.check import Recording
from nsindy.terms.expansion import same_term
from nsindy.terms.term import Term
from nsindy.terms.text import readable

__all__ = ["Posed", "in_one_gauge", "pose", "remark"]


class Posed(NamedTuple):
    """The problem that a hidden state poses with one link, and where a search starts.

    Attributes:
      session: of the recordings with the state beside.
      prepared: the problem.
      starts: best first.
      link: how the state enters.
      motion: smoothed measurements.
    """

    session: Session
    prepared: Prepared
    starts: list[Start]
    link: Link
    motion: Motion


class _Smoothed(NamedTuple):
    """Recordings smoothed for second derivatives.

    Attributes:
      signals: of the measured states alone, scaled.
      units: of the measured states.
      motion: the same, raw.
    """

    signals: list[Signal]
    units: Units
    motion: Motion


def pose(session: Session, held: np.ndarray) -> list[Posed]:
    """The problems of every way in which the hidden state may enter.

    Args:
      session: whose parts are the recordings; its signals are not read.
      held: True for inputs that keep their value until the next row [U].

    Raises:
      ValueError: the library is too large, or no equation may hold the state.
    """
    smoothed = _smoothed(session.parts, held)
    physics = session.physics
    found = gauge.links(smoothed.motion, physics.given, physics.whole)
    if not found:
        raise ValueError(
            "the hidden state enters no equation of a measured state: all of them are known "
            "without it; leave one open with + ..."
        )
    return [_posed(session, smoothed, link) for link in found]


def _smoothed(parts: Sequence[Recording], held: np.ndarray) -> _Smoothed:
    """Recordings with the second derivatives of their splines."""
    twice, units = smooth_signals.smooth_recordings(parts, 2, held)
    count = len(units.states) // 2
    size, speed = np.split(units.states, 2)
    made = []
    for signal in twice:
        columns = {
            name: getattr(signal, name)[..., :count]
            for name in ("states", "derivatives", "measured", "seen", "relative", "noise")
        }
        kinds = {name: getattr(signal, name)[:count] for name in ("proportional", "resolved")}
        made.append(signal._replace(**columns, **kinds))

    def joined(arrays):
        return np.concatenate(list(arrays)).T

    motion = Motion(
        joined(s.states * size for s in made),
        joined(s.derivatives * size / units.time for s in made),
        joined(s.derivatives[:, count:] * speed / units.time for s in twice),
        joined(s.inputs * units.inputs for s in made),
        joined(_input_rates(s) * units.inputs / units.time for s in made),
        joined(s.times * units.time for s in made),
        np.concatenate([np.arange(len(s.times)) == 0 for s in made]),
        np.concatenate([s.near for s in made]),
        units.time * constants.SCALED_SPAN * 1e-6,
    )
    return _Smoothed(made, units._replace(states=size), motion)


def _input_rates(signal: Signal) -> np.ndarray:
    """Derivatives of inputs that change along straight lines; 0 of held ones [N, U]."""
    if len(signal.times) < 2:
        return np.zeros_like(signal.inputs)
    return np.where(signal.held, 0.0, np.gradient(signal.inputs, signal.times, axis=0))


def _posed(session: Session, smoothed: _Smoothed, link: Link) -> Posed:
    count, physics = len(smoothed.units.states), session.physics
    if not link.given:
        physics = physics._replace(given=(*physics.given, link.bound))
    plain = Gauge(link)

    def prepared_in(state: "_InGauge") -> Prepared:
        made = building.prepare(
            session.parts, state.signals, state.units, session.question, physics=physics
        )
        return _closed(made, session.question, link, count)

    simple = prepared_in(_with_hidden(smoothed, [plain])[0])
    if simple.problem.wide:
        raise ValueError("too many columns to look for a hidden state; name few with --states")
    open_ = simple.problem.admissible
    either = np.flatnonzero(open_[link.row] | open_[count])
    own = [bound for bound in physics.given if bound.equation == count]
    free = sum(s.freedom for s in simple.signals)
    names = [simple.terms[m] for m in either]
    allowed = open_[link.row, either], open_[count, either]
    tried = _different(gauge_scan.gauges(link, smoothed.motion, names, *allowed, own, free))
    states = _with_hidden(smoothed, tried)
    best = int(np.argmax([g.score for g in tried]))
    own_session = dataclasses.replace(session, signals=states[best].signals, physics=physics)
    prepared = own_session.build(states[best].units)
    prepared = _closed(prepared, session.question, link, count)
    starts = [
        start
        for g, state in zip(tried, states, strict=True)
        for start in _starts(prepared, prepared_in(state), g, names)
    ]
    first = {candidates.key_of(prepared.problem, start.mask): start for start in starts[::-1]}
    return Posed(own_session, prepared, list(first.values())[::-1], link, smoothed.motion)


def _different(found: Sequence[Gauge]) -> list[Gauge]:
    """The plain gauge, and the best others of each number of terms, one of each term beside."""
    plain, *others = found
    kept: dict[int, dict[tuple[Term, ...], Gauge]] = {}
    for each in others:
        same = kept.setdefault(len(each.support), {})
        if len(same) < constants.GAUGES:
            same.setdefault(tuple(bound.term for bound in each.beside), each)
    return [plain, *(each for same in kept.values() for each in same.values())]


class _InGauge(NamedTuple):
    signals: list[Signal]
    units: Units


def _with_hidden(smoothed: _Smoothed, tried: Sequence[Gauge]) -> list[_InGauge]:
    """The signals with the hidden state beside, in each gauge; all share their units.

    Its unit is twice its largest size in any of them: a trajectory that leaves the values of a
    recording by far is given up (`single.BOX`), and this state may.
    """
    motion = smoothed.motion
    courses = [gauge.hidden_motion(each, motion) for each in tried]
    unit = 2 * max(float(np.max(np.abs(course.states))) for course in courses) or 1.0
    units = smoothed.units._replace(states=np.append(smoothed.units.states, unit))
    ends = np.cumsum([len(s.times) for s in smoothed.signals])[:-1]
    return [
        _InGauge(
            [
                _beside(signal, states / unit, rates / unit * units.time)
                for signal, states, rates in zip(
                    smoothed.signals,
                    np.split(course.states, ends),
                    np.split(course.rates, ends),
                    strict=True,
                )
            ],
            units,
        )
        for course in courses
    ]


def _beside(signal: Signal, states: np.ndarray, rates: np.ndarray) -> Signal:
    """A signal with one state more, whose noise of 0 says that it was not measured."""
    column = states[:, None]
    return signal._replace(
        states=np.hstack([signal.states, column]),
        derivatives=np.hstack([signal.derivatives, rates[:, None]]),
        measured=np.hstack([signal.measured, column]),
        seen=np.hstack([signal.seen, signal.seen.any(1, keepdims=True)]),
        relative=np.hstack([signal.relative, np.ones(column.shape)]),
        noise=np.append(signal.noise, 0.0),
        proportional=np.append(signal.proportional, False),
        resolved=np.append(signal.resolved, True),
    )


def _closed(prepared: Prepared, question: Question, link: Link, count: int) -> Prepared:
    """The problem in which the equation of the link holds the hidden state in that term alone.

    sin(h), exp(h), 1/h and their like are no terms of a state of no known scale, which may cross
    zero, unless operations were asked for by name.
    """
    terms, usable = prepared.problem.terms, prepared.usable.copy()
    open_ = prepared.problem.admissible.copy()
    open_[link.row] &= [not gauge.holds(term, count) for term in prepared.terms]
    if question.operations is None:
        named = prepared.tables.named
        open_ &= [not gauge.holds_inside(term, count) for term in prepared.terms] | named
        # Nor are they evaluated: one value that is not finite would be one of every regression.
        needed = {factor for row in terms.rows[: len(named)][named] for factor in row.tolist()}
        raw = count + len(prepared.units.variables)
        for place, atom in terms.terms_at.items():
            of_hidden = gauge.holds(atom, count) or gauge.holds(atom, raw)
            usable[place] &= not of_hidden or place in needed
    closed = prepared.problem._replace(admissible=open_)
    return prepared._replace(problem=closed, usable=usable)


def _starts(
    prepared: Prepared, other: Prepared, found: Gauge, names: Sequence[Term]
) -> list[Start]:
    """Where a search in one gauge starts: the support of its scan, then those of regressions.

    Args:
      prepared: the problem.
      other: the same, prepared from the hidden state in this gauge.
      found: the gauge.
      names: terms that its support tells by their places.
    """
    row, count = found.link.row, len(prepared.units.states) - 1
    place = {same_term(term): m for m, term in enumerate(prepared.terms)}
    values = np.zeros(len(prepared.terms))
    for bound in found.beside:
        values[place[same_term(bound.term)]] = bound.value
    closed = other.problem.admissible.copy()
    closed[row] = False
    if found.beside:
        # The scan has found its equation.
        closed[count] = False
    masks = [np.zeros_like(closed)]
    if closed.any():
        proposed = proposals.proposals(
            other._replace(problem=other.problem._replace(admissible=closed))
        )
        masks = [start.mask.copy() for start in proposed]
    if found.support or found.beside:
        own = masks[0].copy()
        own[count] = False
        own[count, [place[same_term(names[m])] for m in found.support]] = True
        masks = [own, *masks]
    if found.beside:
        masks = masks[:1]
    made = []
    for mask in masks:
        mask[row] = False
        start = candidates.regressed(other.problem, mask)
        start.mask[row] = values != 0
        start.coefficients[row] = values / prepared.back[row]
        made.append(start)
    return made


def in_one_gauge(found: Found, chosen: np.ndarray, link: Link) -> Found:
    """A search of which only models in the coordinate of a support are left.

    What the equation of the link holds beside the hidden state chooses its coordinate: a model with
    other terms there is no rival. Of a search that chose another coordinate, the best model in this
    one is taken where it is not clearly worse.

    Args:
      found: the search.
      chosen: the support [D, M].
      link: how the state enters.
    """

    def alike(mask: np.ndarray) -> bool:
        return bool((mask[link.row] == chosen[link.row]).all())

    pool = [c for c in found.pool if alike(c.mask)]
    best = found.chosen
    if not alike(best.mask):
        near = [c for c in pool if c.score > best.score - constants.STRONG]
        if not near:
            return found
        best = near[0]
    around = [p for p in found.around if alike(p.mask)]
    return found._replace(chosen=best, pool=pool, around=around)


def remark(posed: Posed, name: str, names: Sequence[str]) -> str:
    """What cannot be known of the hidden state, in words.

    Args:
      posed: the problem that was chosen.
      name: of the state.
      names: of all variables.
    """
    link = posed.link
    held = f"{names[link.row]}' holds {readable(link.term, names)} with coefficient {link.value:g}"
    if link.given:
        return f"{name} was not measured; that {held}, as was given, sets its scale"
    return (
        f"{name} was not measured, so nothing tells its scale: that {held} is a choice. {name} "
        "with a number or a function of measured states added would have other terms and follow "
        "the recording as well; the coordinate of fewest terms is shown"
    )
