"""How inputs are read between the rows of a recording: held until the next, or straight to it."""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from nsindy.discovery import constants
from nsindy.discovery.numbers.number_hints import is_white
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.preparation.signals import Signal
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.search import Found
from nsindy.recording.check import Recording
from nsindy.result.inputs import with_steps
from nsindy.terms import text
from nsindy.trajectories.shooting import Segments

__all__ = [
    "Late",
    "Reading",
    "acting_since",
    "delayed",
    "late",
    "likelier",
    "may_be_since",
    "notes",
    "price",
    "refined",
    "usual",
]


class Reading(NamedTuple):
    """Which inputs are held, and by how many nats that is likelier than the other reading."""

    held: np.ndarray
    gain: float


class Late(NamedTuple):
    """How much later than its row a held input acts.

    Attributes:
      delay: δ in [0, 1), as a share of the step to the next row; -1 for since the row before.
      error: its standard error where errors are independent.
      parts: the recordings without a row where a late input changes.
      variance: what its error adds to those of the scaled coefficients [D, M].
    """

    delay: float
    error: float
    parts: Sequence[Recording] = ()
    variance: np.ndarray = np.zeros((0, 0))

    def with_variance(self, prepared: Prepared, found: Found) -> "Late":
        """The same delay, with how the coefficients of a search on all samples follow it."""
        if self.delay < 0:
            # It is the reading of the rows, and no number that was fitted.
            return self._replace(variance=np.zeros(found.chosen.mask.shape))
        cut = _moving_steps(prepared, self.parts, found, 1.0)
        least, most = constants.LATE_DIFFERENCE
        step = min(max(self.error, least), most, self.delay / 2, (1 - self.delay) / 2)
        low, high = (_fitted(found, cut(self.delay + s * step)).coefficients for s in (-1, 1))
        return self._replace(variance=(self.error * (high - low) / (2 * step)) ** 2)


def usual(parts: Sequence[Recording], question: Question) -> np.ndarray:
    """Which inputs are held, before anything is fitted [U].

    Those that the question says; without it those that mostly repeat the value of the row before:
    a controller's steps are no ramps of one row.

    Raises:
      ValueError: the question names another number of inputs.
    """
    count = parts[0].inputs.shape[1]
    if question.hold is not None:
        return question.held(count)
    steps = [np.diff(x[np.isfinite(x)]) for x in np.concatenate([p.inputs for p in parts]).T]
    return np.array([np.mean(step == 0) > constants.REPEATED for step in steps], bool)


def likelier(prepared: Prepared, found: Found, share: float) -> Reading | None:
    """Another reading of the inputs under which what was found is clearly likelier, if any.

    The best supports of a search are fitted under each reading: of a support that is right the
    evidence of the right reading is larger, and one that stands in for the wrong reading's errors
    gains as well, since these are gone.

    Args:
      prepared: the problem under the reading that was searched.
      found: the search.
      share: of the samples of each recording that counted.
    """
    held = prepared.signals[0].held
    flips = [np.array(f) for f in itertools.product((False, True), repeat=len(held)) if any(f)]
    if len(held) > constants.READ_APART:
        flips = [np.ones(len(held), bool), *np.eye(len(held), dtype=bool)]
    before, best = found.pool[0].score, None
    starts = found.starts()
    for flip in flips:
        other = [signals.read_inputs(s, held ^ flip) for s in prepared.signals]
        inputs = prepared._replace(signals=other).segments(share).inputs
        cut = found.segments._replace(inputs=inputs)
        gain = found._replace(segments=cut).best_of(starts).score - before
        if gain > (constants.STRONG if best is None else best.gain):
            best = Reading(held ^ flip, float(gain))
    return best


def acting_since(parts: Sequence[Recording]) -> Late:
    """Inputs that have acted since the row before, as the rain of the last hour has."""
    return Late(-1.0, 0.0, parts)


def may_be_since(prepared: Prepared, found: Found, share: float) -> bool:
    """Whether inputs that have acted since the row before explain more, or anything is left.

    Terms that stand in for the wrong reading may hide the right ones, so that a fit of the best
    supports under the other reading says little where these leave structure.
    """
    if not is_white(found):
        return True
    other = [_since_before(s) for s in prepared.signals]
    inputs = prepared._replace(signals=other).segments(share).inputs
    return _fitted(found, found.segments._replace(inputs=inputs)).score > (
        found.pool[0].score + price(found)
    )


def _since_before(signal: Signal) -> Signal:
    now = signal.inputs
    after = np.concatenate([now[1:], now[-1:]])
    return signal._replace(inputs=after, before=now, held=np.ones(now.shape[1], bool))


def delayed(parts: Sequence[Recording], held: np.ndarray, delay: float) -> list[Recording]:
    """The recordings with a row, in which nothing is measured, where a late input changes."""
    found = []
    for part in parts:
        times, inputs = with_steps(part.times, part.inputs, held, delay)
        states = np.full((len(times), part.states.shape[1]), np.nan)
        states[np.searchsorted(times, part.times)] = part.states
        found.append(Recording(times, states, inputs))
    return found


def price(found: Found) -> float:
    """Nats that another reading must earn beside a support: a delay, since the row before, cuts."""
    return float(0.5 * np.log(found.samples.sum()) + constants.LATE_EARNS)


def late(prepared: Prepared, found: Found, share: float) -> Late | None:
    """The delay of the held inputs, where it is clearly there.

    The best support is fitted with the input of every row from δ of its step on. In a step an input
    that changes is replaced by the straight line of the same mean and the same first moment, which
    differs in what it does by the third order of the step.

    Args:
      prepared: the problem.
      found: the search.
      share: of the samples of each recording that counted.
    """
    if not prepared.signals[0].held.any():
        return None

    def cut(delay: float) -> Segments:
        every = prepared._replace(signals=[_later(s, delay) for s in prepared.signals])
        return found.segments._replace(inputs=every.segments(share).inputs)

    scores = [found.pool[0].score]
    scores += [_fitted(found, cut(delay)).score for delay in constants.LATE_SHARES]
    if max(scores) < scores[0] + price(found):
        return None
    shares = (0.0, *constants.LATE_SHARES, 1.0)
    place = int(np.argmax(scores))
    bounds = shares[max(place - 1, 0)], shares[place + 1] - constants.LATE_DIFFERENCE[1]
    return _most_likely(found, cut, bounds)


def refined(prepared: Prepared, found: Found, share: float, lag: Late) -> Late:
    """The same delay with inputs that change where they do, from the problem made with it.

    Args:
      prepared: the problem, with a row where a late input changes.
      found: the search.
      share: of the samples of each recording that counted.
      lag: the delay that the problem was made with.
    """
    cut = _moving_steps(prepared, lag.parts, found, share)
    reach = max(4 * lag.error, constants.LATE_DIFFERENCE[1] / 10)
    least, most = constants.LATE_DIFFERENCE[0], 1 - constants.LATE_DIFFERENCE[0]
    bounds = max(lag.delay - reach, 2 * least), min(lag.delay + reach, most - least)
    again = _most_likely(found, cut, bounds)
    return lag if again is None else again._replace(parts=lag.parts)


def _moving_steps(
    prepared: Prepared, parts: Sequence[Recording], found: Found, share: float
) -> Callable[[float], Segments]:
    """The segments of a search with late inputs that change as much later as it is asked."""
    # A forcing in time is an input that the recordings do not have.
    held = prepared.signals[0].held[: parts[0].inputs.shape[1]]
    unit = prepared.units.time

    def cut(delay: float) -> Segments:
        moved = []
        for signal, part in zip(prepared.signals, parts, strict=True):
            times, _ = with_steps(part.times, part.inputs, held, delay)
            moved.append(signal._replace(times=(times - times[0]) / unit))
        steps = prepared._replace(signals=moved).segments(share).steps
        return found.segments._replace(steps=steps)

    return cut


def _fitted(found: Found, cut: Segments) -> candidates.Candidate:
    """The best support of a search, fitted to other segments."""
    return found._replace(segments=cut).best_of([found.pool[0].start])


def _variance(found: Found, fitted: candidates.Candidate) -> np.ndarray:
    """What is new in the residuals of each measured state."""
    tiny = np.finfo(float).tiny
    return np.where(found.samples > 0, np.maximum(fitted.innovation, tiny), 1.0)


def _log_likelihood(found: Found, fitted: candidates.Candidate) -> float:
    """Of the measurements, the noise of each state profiled, up to a constant."""
    return float(-0.5 * np.sum(found.samples * np.log(_variance(found, fitted))))


def _most_likely(
    found: Found, cut: Callable[[float], Segments], bounds: tuple[float, float]
) -> Late | None:
    """The likeliest delay between bounds, and its error from the bend of the log likelihood."""
    # Not by the evidence, which is flat where the misfit is below the floor of the noise.
    best = minimize_scalar(
        lambda delay: -_log_likelihood(found, _fitted(found, cut(delay))),
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-3 * (bounds[1] - bounds[0])},
    )
    delay, room = float(best.x), min(float(best.x), 1 - float(best.x)) / 2
    least, most = constants.LATE_DIFFERENCE
    step = min(0.1 * (bounds[1] - bounds[0]), room)
    error = np.inf
    for _ in range(2):
        low, here, high = (_fitted(found, cut(delay + s * step)) for s in (-1, 0, 1))
        # Residuals that are smaller than the floor say no more than the floor does.
        level = np.maximum(_variance(found, here), found.problem.floor**2)
        bend = sum(
            share * np.sum(found.samples * _variance(found, each) / np.where(level > 0, level, 1.0))
            for share, each in ((1, low), (-2, here), (1, high))
        )
        if not bend > 0:
            break
        error = step * np.sqrt(2 / bend)
        step = min(max(error, least), most, room)
    return Late(delay, float(error)) if np.isfinite(error) else None


def _later(signal: Signal, delay: float) -> Signal:
    """Held inputs as straight lines that act as those that change at a share of a step."""
    held, now = signal.held, signal.inputs
    before = np.concatenate([now[:1], now[:-1]])
    mean = delay * before + (1 - delay) * now
    tilt = 3 * delay * (1 - delay) * (now - before)
    begin, end = mean - tilt, (mean + tilt)[:-1]
    return signal._replace(
        inputs=np.where(held, begin, now),
        before=np.concatenate([now[:1], np.where(held, end, signal.before[1:])]),
    )


def notes(
    held: np.ndarray,
    inputs: Sequence[str],
    gain: float | None,
    lag: Late | None,
    cuts: int = 0,
) -> list[str]:
    """What was chosen for the person, input by input.

    Args:
      held: True for inputs that are held [U].
      inputs: their names.
      gain: nats by which a search under the other reading was worse; None where there was none.
      lag: how much later they act.
      cuts: steps after which the solution begins anew.
    """
    names = [name for name, keeps in zip(inputs, held, strict=True) if keeps]
    if not names:
        return []
    verb = "is" if len(names) == 1 else "are"
    if lag is not None and lag.delay < 0:
        why = "" if gain is None else f", which is likelier than until the next by {gain:.0f} nats"
        return [
            f"{' and '.join(names)} {verb} read as acting since the row before, as a sum or mean "
            f"of that time does{why}; --hold yes holds each row until the next"
        ]
    why = "" if gain is None else f", which is likelier than straight lines by {gain:.0f} nats"
    told = [
        f"{' and '.join(names)} {verb} read as held from each row to the next{why}; "
        "--hold no reads straight lines"
    ]
    if lag is not None:
        value, spread = (text.number(each, lag.error) for each in (lag.delay, lag.error))
        acts = "acts" if len(names) == 1 else "act"
        told.append(
            f"{' and '.join(names)} {acts} {value} ± {spread} of a step later than the row says"
        )
    if cuts:
        switch, after = "switches" if len(names) == 1 else "switch", f"each of {cuts} steps"
        told.append(
            f"{' and '.join(names)} {switch} between the rows: the solution begins anew after "
            f"{'its step' if cuts == 1 else after}"
        )
    return told
