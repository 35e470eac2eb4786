"""Forcing in time that was not measured: a wave of the time, a step at a time, or the time itself.

A recording that a drive moves, and that does not hold the drive, has no autonomous equation. What
its best one leaves then shows a line in its spectrum, or a step. Time is added as an input that is
known exactly, and stands alone, as `t`, in cos(w t) and sin(w t) of one fitted w, or in a step at a
fitted time. With its price, the forcing must be clearly more likely than the best without.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.numbers import number_fit, number_profile, number_scan, response
from nsindy.discovery.numbers.number_blocks import Offer, Only
from nsindy.discovery.preparation import segmentation, signals
from nsindy.discovery.preparation.problem import Prepared, Problem
from nsindy.discovery.preparation.signals import Units
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.candidates import Candidate
from nsindy.discovery.supports.fitted_numbers import NOTHING_FITTED, FittedNumbers
from nsindy.discovery.supports.inclusion import only_probable
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.recording.check import Recordings
from nsindy.result.discovery import Discovery
from nsindy.terms import text
from nsindy.terms.numbered import WAVE, Inner, inner_of
from nsindy.terms.operations import step_at
from nsindy.terms.term import Term

__all__ = [
    "Forced",
    "as_input",
    "in_time",
    "line_probability",
    "search_forced",
    "shows",
    "switches_once",
]


class Forced(NamedTuple):
    """A search with a forcing in time.

    Attributes:
      prepared: the problem, whose last input is the time or a step in it.
      first: the search on the first part of each recording.
      final: the search on all samples.
      price: nats that the number inside the forcing costs, which the scores do not know.
      numbers: w, where it is a wave.
      step: the time of the step, where it is one, and its standard error.
    """

    prepared: Prepared
    first: Found
    final: Found
    price: float
    numbers: FittedNumbers = NOTHING_FITTED
    step: tuple[float, float] | None = None

    @property
    def evidence(self) -> float:
        """Nats, the price paid."""
        return float(self.final.chosen.score) - self.price

    def holds(self, found: Found) -> bool:
        """Tell whether the choice of a search of this problem depends on the time."""
        last = len(self.prepared.units.variables) - 1
        timed = [last in _variables(term) for term in self.prepared.terms]
        return bool(only_probable(found)[0].chosen.mask[:, timed].any())


def _variables(term: Term) -> set[int]:
    inner = (_variables(a) if isinstance(a, Term) else {a} for a in term.arguments)
    return set[int]().union(*inner)


def line_probability(values: np.ndarray) -> float:
    """Probability that noise alone has a line as strong as the strongest of these values [N].

    P(g) ≈ n (1 - g)^(n - 1) with g the share of the largest of n ordinates of the periodogram.

    Reference: Fisher (1929), Proceedings of the Royal Society A 125, 54–59.
    """
    power = np.abs(np.fft.rfft(values - np.mean(values))[1 : (len(values) + 1) // 2]) ** 2
    if len(power) < 2 or not power.sum() > 0:
        return 1.0
    share = power.max() / power.sum()
    return float(min(len(power) * (1 - share) ** (len(power) - 1), 1.0))


def shows(prepared: Prepared, found: Found) -> bool:
    """Tell whether what a search leaves of a recording has a line, or is no noise."""
    noise = signals.noise(prepared.signals)
    # What is below the known noise, or the errors of a solver, shows nothing.
    seen = (noise > 0) & (found.noise > 1.001 * prepared.problem.floor)
    if (found.chosen.independent < constants.INDEPENDENT)[seen].any():
        return True
    (path,) = candidates.solved(found.problem, [found.chosen.start], found.segments)
    followed = segmentation.nodes(prepared.signals, path.states)
    smallest = 1.0
    for s, states in zip(prepared.signals, followed, strict=True):
        left = (s.measured - states) / s.relative
        for d in np.flatnonzero(seen & np.isfinite(left).all(0)):
            smallest = min(smallest, line_probability(left[s.seen[:, d], d]))
    far = found.noise > constants.MISSED * np.maximum(noise, prepared.problem.floor)
    return bool(smallest < constants.LINE or far[seen].any())


def switches_once(prepared: Prepared, numbers: FittedNumbers) -> bool:
    """Tell whether a step at a threshold of a variable stands for a single moment.

    A variable that passes its threshold once, up or down, in one recording of all cannot tell
    1/(1 + exp(-k (x - c))) from a step in time, which has one number less.

    Args:
      prepared: the problem with the numbers.
      numbers: that were fitted.
    """
    for inner in numbers.inner:
        if inner.kind == "sigmoid":
            at = inner.number / prepared.units.variables[inner.place]
            sides = [np.hstack([s.states, s.inputs])[:, inner.place] > at for s in prepared.signals]
            if sum(int(np.count_nonzero(np.diff(side))) for side in sides) == 1:
                return True
    return False


def search_forced(
    session: Session, prepared: Prepared, first: Found, final: Found
) -> Forced | None:
    """Search with a forcing; None where none is clearly more likely than the best without.

    Args:
      session: of the search without.
      prepared: the problem without.
      first: the search without on the first part of each recording.
      final: the search without on all samples.
    """
    session.tell("looking for a forcing in time", 0.0)
    found = None
    # The time itself has no number that is fitted; where it leaves noise alone, it stands.
    for attempt in (_drift, _wave, _step):
        if session.stop() or (found and not shows(found.prepared, found.final)):
            break
        other = attempt(session, prepared, first, final)
        if found is None or (other is not None and other.evidence > found.evidence):
            found = other
    if found is None or found.evidence - final.chosen.score < constants.WAVE_EARNS:
        return None
    return found


def _with_input(
    session: Session, prepared: Prepared, columns: list[np.ndarray]
) -> tuple[Session, Units]:
    """A session whose recordings have one input more, that was not measured."""
    size = max(float(np.max(np.abs(column))) for column in columns) or 1.0
    parts, made = [], []
    for part, s, column in zip(session.parts, prepared.signals, columns, strict=True):
        parts.append(part._replace(inputs=np.column_stack([part.inputs, column])))
        made.append(_beside_inputs(s, column / size))
    units = prepared.units._replace(inputs=np.append(prepared.units.inputs, size))
    return dataclasses.replace(session, parts=parts, signals=made, forcings=1), units


def _beside_inputs(s: signals.Signal, column: np.ndarray) -> signals.Signal:
    """A recording with one input more, which is not held between its samples [N]."""
    inputs, before = (np.column_stack([each, column]) for each in (s.inputs, s.before))
    return s._replace(inputs=inputs, before=before, held=np.append(s.held, False))


def _widened(found: Found, more: int) -> Found:
    """The same search in a library with more terms at its end."""

    def wide(candidate):
        pad = ((0, 0), (0, more))
        mask, coefficients = np.pad(candidate.mask, pad), np.pad(candidate.coefficients, pad)
        return candidate._replace(mask=mask, coefficients=coefficients)

    return found._replace(chosen=wide(found.chosen), pool=[wide(c) for c in found.pool])


def _wave(session: Session, prepared: Prepared, first: Found, final: Found) -> Forced | None:
    """A search with sin(w t) and cos(w t)."""
    session, units = _with_input(session, prepared, [part.times for part in session.parts])
    built = session.build(units, prepared.substeps)
    wide = _widened(first, len(built.terms) - len(prepared.terms))
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


def _forceable(built: Prepared) -> list[int]:
    """The equations that may hold a forcing, which is the last term."""
    return np.flatnonzero(built.problem.admissible[:, -1]).tolist()


def _with_slots(problem: Problem, base: Candidate, equation: int, more: int) -> np.ndarray:
    """The support with slots left for so many terms more: its smallest contributions go [D, M]."""
    mask = base.mask.copy()
    size = mask.shape[1]
    held = np.flatnonzero(mask[equation] & problem.admissible[equation, :size])
    shares = np.abs(base.coefficients[equation] * problem.shares[equation, :size])[held]
    fewest = max(len(held) + more - problem.slots, 0)
    mask[equation, held[np.argsort(shares)[:fewest]]] = False
    return mask


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
    step = float(np.median(np.concatenate([np.diff(part.times) for part in built.parts])))
    # From three quarters of a wave on, by a quarter, to a quarter of the rate of the samples.
    numbers = 0.5 * np.pi / span * np.arange(3, max(int(span / step), 4))
    best = {True: (0.0, 0, 0.0, 0), False: (0.0, 0, 0.0, 0)}
    equations = _forceable(built)
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
    mask = _with_slots(built.problem, base, equation, 2)
    more = 2 * len(built.kinds.carriers(len(built.units.states))) if place else 2
    support = np.pad(mask, ((0, 0), (0, len(built.terms) + more - mask.shape[1])))
    begin = len(built.terms) + 2 * place
    support[equation, begin : begin + 2] = True
    return Offer(inner, support, price, followed=place > 0)


def _drift(session: Session, prepared: Prepared, first: Found, final: Found) -> Forced | None:
    """A search with the time among the terms."""
    session, units = _with_input(session, prepared, [part.times for part in session.parts])
    return _searched(session, session.build(units, prepared.substeps), final, 0.0)


def _searched(session: Session, built: Prepared, final: Found, price: float) -> Forced | None:
    """A search with one term more, the last; None where it is not chosen."""
    pool = _widened(final, 1).pool[: constants.WIDTH]
    masks = [c.mask for c in pool]
    for d in _forceable(built):
        forced = _with_slots(built.problem, pool[0], d, 1)
        forced[d, -1] = True
        masks.append(forced)
    starts = [candidates.regressed(built.problem, one) for one in masks]
    stage, part = "looking for a forcing in time", 1 - constants.HELD_OUT
    whole = session.search(built, starts, share=1.0, stage=stage, guides=constants.GUIDES)
    if not whole.chosen.mask[:, -1].any():
        return None
    if whole.chosen.score - final.chosen.score - price < constants.WAVE_EARNS:
        return None
    again = session.search(built, whole.starts(), share=part, stage=stage, guides=1)
    return Forced(built, again, whole, price)


def _step(session: Session, prepared: Prepared, first: Found, final: Found) -> Forced | None:
    """A search with a step at a time that is fitted."""
    base = final.chosen
    at = _step_offered(prepared, base.mask, base.coefficients, final.noise)
    if at is None:
        return None
    time, price = at
    found = None
    for _ in range(constants.NUMBER_SEARCHES):
        stepped, units = _with_input(
            session, prepared, [_ramp(part.times, time) for part in session.parts]
        )
        built = stepped.build(units, prepared.substeps)
        found = _searched(stepped, built, final, price)
        if found is None:
            return None
        fitted = _fit_time(found, time)
        settled = abs(fitted[0] - time) < fitted[1]
        time = fitted[0]
        found = found._replace(step=fitted)
        if settled:
            break
    return found


def _ramp(times: np.ndarray, time: float) -> np.ndarray:
    """A step between 0 and 1 at a time, over one interval: inputs are straight between samples."""
    width = np.median(np.diff(times))
    return np.clip((times - time) / width + 0.5, 0.0, 1.0)


def _fit_time(found: Forced, time: float) -> tuple[float, float]:
    """Fit the time of the step that a search has chosen: the time, and its standard error."""
    prepared = found.prepared
    width = float(np.median(np.diff(prepared.parts[0].times)))

    def at(time):
        moved = [
            _beside_inputs(
                s._replace(inputs=s.inputs[:, :-1], before=s.before[:, :-1], held=s.held[:-1]),
                _ramp(part.times, time),
            )
            for s, part in zip(prepared.signals, prepared.parts, strict=True)
        ]
        inputs = prepared._replace(signals=moved).segments(1.0).inputs
        return found.final.segments._replace(inputs=inputs)

    def fit(time, start):
        return candidates.fit_alone(found.final.problem, at(time), start, found.final.noise)

    return number_profile.fit_profile(fit, found.final, time, 0.1 * width)


def _step_offered(
    prepared: Prepared, mask: np.ndarray, coefficients: np.ndarray, noise: np.ndarray
) -> tuple[float, float] | None:
    """The time of the step that would pay best, and the nats that a time costs."""
    parts = response.linearised(prepared, coefficients, noise)
    if not all(np.isfinite(part.propagators).all() for part in parts):
        return None
    times = np.concatenate([part.times for part in prepared.parts])
    count = min(constants.STEP_TIMES, len(np.unique(times)) // 2)
    tried = np.quantile(times, np.linspace(0.05, 0.95, count))
    scan = number_scan.of_supports(prepared, parts, mask)
    looked_at = [
        recording.times[0] + part.times * prepared.units.time
        for recording, part in zip(prepared.parts, parts, strict=True)
    ]
    # One for each recording [N, G].
    steps = [np.stack([_ramp(own, time) for time in tried], axis=1) for own in looked_at]
    open_ones = prepared.problem.admissible.any(1) & ~prepared.tables.listed
    allowed = np.flatnonzero(open_ones).tolist()
    if not allowed:
        return None
    gains = np.array([scan.with_columns(d, steps) for d in allowed])
    price = 0.5 * np.log(len(scan.target)) + np.log(gains.size)
    if gains.max() - scan.without() <= price:
        return None
    return float(tried[np.argmax(gains.max(0))]), float(price)


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
        own = step_at(found.step[0])
        library = tuple(
            Term(own, term.arguments) if term.arguments == (place,) else term for term in library
        )
    said = _amplitudes(discovery, time) if found.numbers.inner else []
    depends = "the equations depend on the time: a forcing was not measured"
    return dataclasses.replace(
        discovery,
        inputs=recordings.inputs,
        held=discovery.held[: len(recordings.inputs)],
        time=time,
        library=library,
        notes=(*discovery.notes, *said),
        warnings=(depends, *discovery.warnings),
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
