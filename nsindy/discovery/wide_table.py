"""Tables of many columns: which are functions of others, and which have an equation at all.

A table of a plant or a network holds columns that are computed from others, and columns that
something outside drives. Both are told apart by regressions before any equation is solved: a
function of others is left out, and what has no equation is an input of those that have one.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import (
    building,
    screening,
    signals,
    smooth_signals,
    thinning,
    weak_form,
)
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.said import Mentions
from nsindy.recording.arrange import arranged
from nsindy.recording.check import Recordings
from nsindy.terms import text

__all__ = [
    "Explained",
    "FunctionOf",
    "SortedOut",
    "explained",
    "functions_of_others",
    "sorted_out",
    "without_functions",
]


FOLDS = 5
"""Parts of each recording, each of which is judged by what the others say: the customary five."""


NOTHING_SAID = Mentions()
"""No column was mentioned."""


class FunctionOf(NamedTuple):
    """A column that others give.

    Attributes:
      column: which.
      others: those that give it.
      powers: True where it is a polynomial of degree 3 of one other, False where it is affine.
      coefficients: of the others, or of x, x², x³; then the constant.
      left: share of its standard deviation that they leave.
    """

    column: int
    others: tuple[int, ...]
    powers: bool
    coefficients: np.ndarray
    left: float

    def words(self, names: Sequence[str]) -> str:
        """What is said of it."""
        name, given = names[self.column], [names[other] for other in self.others]
        if self.powers:
            formula = f"a function of {given[0]}"
        else:
            numbers = [text.number(float(c), abs(float(c)) / 100) for c in self.coefficients]
            parts = [f"{n} {other}" for n, other in zip(numbers, given, strict=False)]
            formula = text.summed([*parts, numbers[-1]])
        return (
            f"{name} is {formula}, to {100 * self.left:.2g} % of its standard deviation, which is "
            "within its noise: it has no equation of its own and is left out"
        )


class SortedOut(NamedTuple):
    """A table whose columns were told apart.

    Attributes:
      recordings: what has an equation as states, what drives it as inputs; notes say why.
      equations: False where no column has an equation, and all are still states.
    """

    recordings: Recordings
    equations: bool


def sorted_out(
    recordings: Recordings, question: Question, mentions: Mentions = NOTHING_SAID
) -> SortedOut:
    """Leave out functions of others, and make an input of what has no equation of its own.

    Args:
      recordings: of many columns.
      question: what was asked.
      mentions: columns that stay because something was said of them.

    Raises:
      ValueError: an operation is unknown, or does not take one argument.
    """
    parts = thinning.thinned(recordings.parts)
    smoothed, units = smooth_signals.smooth_recordings(parts, 1)
    states = [
        # Where a state was not measured its spline stands in.
        np.where(np.isfinite(part.states), part.states, s.measured * units.states)[s.near]
        for part, s in zip(parts, smoothed, strict=True)
    ]
    noise = signals.noise(smoothed) * units.states
    stay = [d for d, name in enumerate(recordings.states) if name in mentions.columns]
    functions = functions_of_others(np.concatenate(states), noise, stay)
    if functions:
        recordings = without_functions(recordings, functions)
        parts = thinning.thinned(recordings.parts)
        smoothed, units = smooth_signals.smooth_recordings(parts, 1)
    none = explained(building.prepare(parts, smoothed, units, question)).by_nothing
    names = recordings.states
    none = none & ~np.isin(names, list(mentions.equations))
    driving = tuple(n for n, lost in zip(names, none, strict=True) if lost)
    if none.any():
        share = f"{100 * constants.EXPLAINED:.0f} %"
        notes = (
            *recordings.notes,
            f"no equation was found for {', '.join(driving)}: none from four fifths of the "
            f"recording explains {share} of what happens in the other fifth"
            + ("" if none.all() else "; what has no equation is taken as an input of the others"),
        )
        recordings = recordings._replace(notes=notes)
    if none.any() and not none.all():
        own = tuple(n for n in names if n not in driving)
        recordings = arranged(recordings, own, (*recordings.inputs, *driving))
    return SortedOut(recordings, not none.all())


def functions_of_others(
    states: np.ndarray, noise: np.ndarray, stay: Sequence[int] = ()
) -> list[FunctionOf]:
    """Columns that are affine in few of the columns before them, or a polynomial of one of those.

    What they leave must be within the noise of all of them, and `constants.FUNCTION` of the
    variance must be explained: white noise is within its noise, and no function of anything.

    Args:
      states: measured [N, D].
      noise: standard deviation of each [D].
      stay: columns that are no functions of others, whatever they are.
    """
    kept: list[int] = []
    found = []
    for d in range(states.shape[1]):
        function = None
        if d not in stay:
            function = _affine(states, noise, d, kept) or _of_one(states, noise, d, kept)
        if function is None:
            kept.append(d)
        else:
            found.append(function)
    return found


def _left(states: np.ndarray, d: int, columns: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients of columns and a constant, and the standard deviation that they leave."""
    design = np.column_stack([columns, np.ones(len(states))])
    scale = np.linalg.norm(design, axis=0)
    values = np.linalg.lstsq(design / scale, states[:, d], rcond=None)[0] / scale
    free = max(len(states) - design.shape[1], 1)
    return values, float(np.linalg.norm(states[:, d] - design @ values) / np.sqrt(free))


def _within(states: np.ndarray, d: int, left: float, noise: float) -> bool:
    """Whether what is left is small, and noise: its variance has a standard error of √(2 / N)."""
    sure = np.sqrt(1 + 3 * np.sqrt(2 / len(states)))
    small = np.sqrt(1 - constants.FUNCTION) * np.std(states[:, d])
    # A column without any noise is known to the rounding of its file.
    least = constants.NOISE_FLOOR * np.max(np.abs(states[:, d]))
    return bool(left <= small and left <= sure * np.hypot(noise, least))


def _affine(states: np.ndarray, noise: np.ndarray, d: int, kept: list[int]) -> FunctionOf | None:
    """The column as an affine function of few others, one taken in after the other.

    The first few that leave no more than noise may stand for those that leave less, so more are
    taken in as long as their evidence (BIC) grows.
    """
    others: list[int] = []
    values, left = _left(states, d, states[:, others])
    found, price = None, 0.5 * np.log(len(states)) + np.log(max(len(kept), 1))
    for _ in range(min(constants.FUNCTION_OF, len(kept))):
        tries = {k: _left(states, d, states[:, [*others, k]]) for k in kept if k not in others}
        best = min(tries, key=lambda k: tries[k][1])
        rounding = np.finfo(float).eps * np.max(np.abs(states[:, d]))
        gain = len(states) * np.log((left + rounding) / (tries[best][1] + rounding))
        if found is not None and gain < price:
            break
        others.append(best)
        values, left = tries[best]
        together = float(np.sqrt(noise[d] ** 2 + np.sum((values[:-1] * noise[others]) ** 2)))
        if found is not None or _within(states, d, left, together):
            share = left / float(np.std(states[:, d]))
            found = FunctionOf(d, tuple(others), False, values, share)
    return found


def _of_one(states: np.ndarray, noise: np.ndarray, d: int, kept: list[int]) -> FunctionOf | None:
    """The column as a polynomial of one other."""
    for k in kept:
        centre, size = np.mean(states[:, k]), np.std(states[:, k])
        x = (states[:, k] - centre) / size
        values, left = _left(states, d, np.column_stack([x, x**2, x**3]))
        slope = np.polyval([3 * values[2], 2 * values[1], values[0]], x) / size
        together = float(np.hypot(noise[d], noise[k] * np.sqrt(np.mean(slope**2))))
        if _within(states, d, left, together):
            return FunctionOf(d, (k,), True, values, left / float(np.std(states[:, d])))
    return None


class Explained(NamedTuple):
    """Shares of what happens to each state that an equation of its own explains [D].

    Attributes:
      elsewhere: in each fifth of the recordings, by the best equation of the other four.
      here: by the best equation of all, where it was chosen.
    """

    elsewhere: np.ndarray
    here: np.ndarray

    @property
    def by_nothing(self) -> np.ndarray:
        """States without an equation [D].

        What comes to rest is told apart by neither: its beginning alone says something, and is
        judged by the rest. So an equation that explains nearly all where it was chosen stays.
        """
        return (self.elsewhere < constants.EXPLAINED) & (self.here < constants.EXPLAINED_HERE)


def explained(prepared: Prepared) -> Explained:
    """How much of each state equations explain, before any is solved.

    Of the integrals of the weak form, which noise disturbs least: over windows as wide as the
    smoothest column asks for, and over `constants.WINDOW` samples, for a column that is quicker
    than that. Below 0 where the equations say less than that nothing changes.

    Reference: Stone (1974), Journal of the Royal Statistical Society B 36.
    """
    found = []
    for narrow in (False, True):
        widths, samples = [], 0.0
        for s in prepared.signals:
            span, count = s.times[-1] - s.times[0], len(s.times)
            width = constants.WINDOW / 2 * span / count if narrow else 5 * span / s.freedom
            widths.append(min(width, span / FOLDS / 4))
            samples += 5 * span / widths[-1] * (1 - 1 / FOLDS)
        found.append(_shares(prepared, _products(prepared, widths), samples))
    return Explained(*np.max([tuple(each) for each in found], 0))


def _products(prepared: Prepared, widths: Sequence[float]) -> np.ndarray:
    """Products of [Θ, Ẋ] in the weak form, of each fold [F, M + D, M + D]."""
    size = prepared.theta.shape[1] + len(prepared.problem.columns)
    total, row = np.zeros((FOLDS, size, size)), 0
    for s, width in zip(prepared.signals, widths, strict=True):
        ends = np.linspace(0, len(s.times), FOLDS + 1).astype(int)
        for fold, (low, high) in enumerate(itertools.pairwise(ends)):
            part = slice(low, high)
            width = min(width, (s.times[high - 1] - s.times[low]) / 4)
            theta = prepared.theta[row + low : row + high]
            columns = weak_form.regression(
                s.times[part], s.measured[part], theta, half_width=width, near=s.near[part]
            )
            both = np.concatenate(columns, 1)
            total[fold] += both.T @ both
        row += len(s.times)
    return total


def _shares(prepared: Prepared, products: np.ndarray, samples: float) -> Explained:
    """What the equations of all folds but one explain in that one, and those of all in all."""
    searched, size, every = prepared.problem, prepared.theta.shape[1], products.sum(0)
    costs = np.broadcast_to(searched.prior_of_columns.costs, searched.columns.shape)
    elsewhere, here = np.zeros((2, len(costs)))
    for d, columns in enumerate(searched.columns):
        # A small library is filled up to a common size.
        true = columns < size
        chosen = [*columns[true], size + d]
        own, prior = np.ix_(chosen, chosen), searched.prior._replace(costs=costs[d, true])
        total = max(every[size + d, size + d], np.finfo(float).tiny)

        def left(most, judged, prior=prior):
            found = screening.beam(most, prior, samples, searched.slots, constants.COARSE[0])
            terms = found[0].terms
            values = np.linalg.lstsq(most[np.ix_(terms, terms)], most[terms, -1], rcond=None)[0]
            change = np.zeros(len(most))
            change[terms], change[-1] = -values, 1.0
            return change @ judged @ change

        parts = [left((every - fold)[own], fold[own]) for fold in products]
        elsewhere[d], here[d] = 1 - sum(parts) / total, 1 - left(every[own], every[own]) / total
    return Explained(elsewhere, here)


def without_functions(recordings: Recordings, found: Sequence[FunctionOf]) -> Recordings:
    """The recordings without the columns that others give, which their notes then say."""
    dropped = {function.column for function in found}
    kept = tuple(n for d, n in enumerate(recordings.states) if d not in dropped)
    notes = tuple(function.words(recordings.states) for function in found)
    fewer = arranged(recordings, kept, recordings.inputs)
    return fewer._replace(notes=(*recordings.notes, *notes))
