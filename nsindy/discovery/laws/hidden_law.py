"""Where a law of a state that was not measured may be: its numbers and that state's course.

For given numbers, the equation of one measured state y_i that holds the hidden state S says S at
every sample, from the smoothed y_i'. What it says must go on as the law's own equation of S does,

    d/dt f_i(y, S, u) = y_i'',

the left side along the law. With y_k' = f_k of the other states this is a regression in the numbers
alone, without a solution of the equations.

A few rows do not tell second derivatives. There the starts are improved along solutions: numbers
and initial values by least squares, which a short recording allows.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.laws import law_start
from nsindy.discovery.laws.law_text import Law
from nsindy.discovery.preparation.gauge import Motion
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports.search import Found
from nsindy.result.along_recording import solve_each
from nsindy.terms.expression import symbols

__all__ = ["HiddenStart", "check_law", "followed", "hidden_starts", "in_units"]

Right = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Derivatives [D, N] from variables [V, N] and numbers [P]."""

_NEWTON = 25
"""Steps of Newton's method, each of a state that keeps its sign: √S from 1 to 1e6 needs twenty."""


_LOST = 1e3
"""What a solution that is lost leaves, as a multiple of the size of a state."""


class HiddenStart(NamedTuple):
    """Where a fit starts.

    Attributes:
      numbers: of the law [P].
      course: the hidden state at the samples of all recordings, raw [N].
    """

    numbers: np.ndarray
    course: np.ndarray


def check_law(law: Law, states: Sequence[str], hidden: str) -> None:
    """Raise a ValueError unless a law can be fitted beside a hidden state.

    Args:
      law: read for all states.
      states: their names, the hidden one the last.
      hidden: its name.
    """
    lacking = [name for row, name in enumerate(states) if row not in law.rows]
    if lacking:
        raise ValueError(
            f"the law {law.text} has no equation for {', '.join(lacking)}; beside the hidden "
            f"state {hidden} it needs one for every state"
        )
    if not _rows_of(law, len(states) - 1):
        raise ValueError(
            f"the law {law.text} has {hidden} in no equation of a measured state, so nothing tells "
            "of it"
        )


def _rows_of(law: Law, count: int) -> list[int]:
    """Equations of measured states that hold the hidden one, the place `count`."""
    return [row for row in range(count) if law.columns[count] in symbols(law.rows[row])]


def hidden_starts(law: Law, right: Right, motion: Motion) -> list[HiddenStart]:
    """Numbers of a law and courses of its hidden state that fit derivatives well, best first.

    Args:
      law: that `check_law` let pass.
      right: its equations.
      motion: smoothed measurements.
    """
    count = len(motion.states)
    row = _rows_of(law, count)[0]
    others = [k for k in range(count) if k != row]
    thinned = np.flatnonzero(motion.near)
    thinned = thinned[:: -(-len(thinned) // constants.LAW_SAMPLES)]

    def every(states: np.ndarray, hidden: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        return np.concatenate([states, hidden[None], inputs])

    def course(numbers: np.ndarray, rows: np.ndarray) -> np.ndarray:
        states, inputs = motion.states[:, rows], motion.inputs[:, rows]
        return _solved(
            lambda hidden: right(every(states, hidden, inputs), numbers)[row],
            motion.rates[row, rows],
        )

    def derivatives(variables: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        states, inputs = variables[:count], variables[count:]
        hidden = course(numbers, thinned)
        at = right(every(states, hidden, inputs), numbers)
        step = motion.step
        later, before = (
            right(every(states + s * at[:count], hidden + s * at[count], inputs), numbers)[row]
            for s in (step, -step)
        )
        return np.concatenate([((later - before) / (2 * step))[None], at[others]])

    targets = np.concatenate([motion.bends[row, thinned][None], motion.rates[others][:, thinned]])
    variables = np.concatenate([motion.states, motion.inputs])[:, thinned]
    linear = [np.zeros(len(law.numbers), bool)]
    numbers = [np.zeros(0)]
    if law.numbers:
        numbers = law_start.number_starts(derivatives, variables, targets, linear)
    each = [HiddenStart(p, course(p, np.arange(len(motion.near)))) for p in numbers]
    return [start for start in each if np.isfinite(start.course).all()]


def followed(starts: Sequence[HiddenStart], right: Right, prepared: Prepared) -> list[HiddenStart]:
    """Those that least squares make of the starts along solutions, and then the starts themselves.

    minimise Σ_n |y(t_n; p, y_0, S_0) - y_n|² over the numbers p and the initial values of each
    recording, S_0 from the middle of its course. A start whose solution is lost is not followed,
    and none is where the recordings are long; of all, no more than `constants.LAW_STARTS` stay.

    Args:
      starts: best first.
      right: the equations of the law.
      prepared: the recordings.
    """
    from scipy.optimize import least_squares

    rows = [len(part.times) for part in prepared.parts]
    if sum(rows) > constants.LAW_FOLLOWED:
        return list(starts)
    scale, ends = prepared.units.states[:-1], np.cumsum(rows)[:-1]
    measured = np.concatenate([part.states for part in prepared.parts]) / scale
    seen = np.isfinite(measured)
    shape = len(rows), len(scale) + 1

    def solutions(values: np.ndarray) -> np.ndarray:
        numbers, initial = np.split(values, [len(values) - shape[0] * shape[1]])
        paths = solve_each(
            lambda y: right(y, numbers),
            initial.reshape(shape),
            [part.times for part in prepared.parts],
            [part.inputs for part in prepared.parts],
            scale=np.append(scale, 0.0),
            held=prepared.signals[0].held,
        )
        return np.concatenate(paths)

    first = np.array([signal.states[0, :-1] * scale for signal in prepared.signals])
    found: list[tuple[float, HiddenStart]] = []
    for start in starts:
        middle = [np.median(course) for course in np.split(start.course, ends)]
        begin = np.concatenate([start.numbers, np.column_stack([first, middle]).ravel()])
        size = np.where(begin != 0, np.abs(begin), 1.0)

        def residual(z: np.ndarray, size: np.ndarray = size) -> np.ndarray:
            left = (solutions(z * size)[:, :-1] / scale - measured)[seen]
            return np.clip(np.nan_to_num(left, nan=_LOST), -_LOST, _LOST)

        # A solution that is lost takes seconds.
        if np.abs(residual(begin / size)).max() == _LOST:
            continue
        fitted = least_squares(residual, begin / size, max_nfev=constants.LAW_FOLLOWING)
        path = solutions(fitted.x * size)
        if np.isfinite(path).all():
            numbers = (fitted.x * size)[: len(start.numbers)]
            found.append((float(fitted.cost), HiddenStart(numbers, path[:, -1])))
    found.sort(key=lambda pair: pair[0])
    return [*(start for _, start in found), *starts][: constants.LAW_STARTS]


def _solved(function: Callable[[np.ndarray], np.ndarray], target: np.ndarray) -> np.ndarray:
    """S with f(S) = target, sample by sample [N]; NaN where there is none.

    A straight f says it at once; otherwise Newton's method goes from 1, and S keeps its sign.
    """
    with np.errstate(all="ignore"):
        one = np.ones_like(target)
        at = [function(value * one) for value in (0.0, 1.0, 2.0)]
        rise = at[1] - at[0]
        bend = np.max(np.abs(at[2] - at[1] - rise))
        if np.isfinite(bend) and bend <= 1e-9 * np.max(np.abs(rise)):
            return (target - at[0]) / rise
        found = one
        for _ in range(_NEWTON):
            small = 1e-6 * found
            slope = (function(found + small) - function(found - small)) / (2 * small)
            new = found - (function(found) - target) / slope
            found = np.clip(new, 0.2 * found, 5 * found)
        far = np.abs(function(found) - target) > 1e-3 * np.sqrt(np.mean(target**2))
        return np.where(far, np.nan, found)


class InUnits(NamedTuple):
    """A problem and a search in units that suit a law, and where its fits start.

    Attributes:
      prepared: the problem.
      found: the search.
      begins: scaled state at the first node of each segment, for each start [B, D].
    """

    prepared: Prepared
    found: Found
    begins: list[np.ndarray]


def in_units(prepared: Prepared, found: Found, starts: Sequence[HiddenStart]) -> InUnits:
    """The same problem with the hidden state in units of its size in a law, and the fits' starts.

    Args:
      prepared: what was searched.
      found: the search.
      starts: of the law.
    """
    count = len(prepared.units.states) - 1
    unit = 2 * max(float(np.max(np.abs(start.course))) for start in starts) or 1.0
    units = prepared.units._replace(states=np.append(prepared.units.states[:count], unit))
    bound = np.array(found.segments.bound)
    bound[:, count] = -2.0, 2.0
    segments = found.segments._replace(units=units.raw, bound=bound)  # type: ignore[arg-type]
    ends = np.cumsum([len(s.times) for s in prepared.signals])[:-1]
    begins = []
    for start in starts:
        begin, place = np.array(found.problem.begin), 0
        for part in np.split(start.course / unit, ends):
            nodes = part[: len(part) - 1 : prepared.length]
            begin[place : place + len(nodes), count] = nodes
            place += len(nodes)
        begin[place:, count] = begin[place - 1, count]
        begins.append(begin)
    return InUnits(prepared._replace(units=units), found._replace(segments=segments), begins)
