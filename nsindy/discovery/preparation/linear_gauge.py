"""The coordinates of a hidden state in which all equations of its link are linear.

A room with walls, a body with tissue, the lower of two tanks: a measured state y, a hidden one, and
others v that act on both, inputs or measured states. With h = y' - Σ d v,

    y' = h + Σ d v,    h' = a h + b y + Σ g v + e,

several terms stand beside h at once, more than a scan over one number finds. Integrated, this is a
regression of smoothed velocities that needs no derivative of v, which may jump:

    y' = a y + Σ d v + b ∫ y + Σ (g - a d) ∫ v + e t + a constant of each recording.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.integrate import cumulative_trapezoid

from nsindy.discovery.preparation.gauge import Gauge, Link, Motion
from nsindy.discovery.preparation.known import Bound
from nsindy.terms.expansion import same_term
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.term import Term

__all__ = ["linear_gauges"]


class _Column(NamedTuple):
    """A column of the regression.

    Attributes:
      values: [N].
      term: what it is the column of, by its place in the library.
      beside: True where that term then stands in y', False where it stands in h' alone.
    """

    values: np.ndarray
    term: int
    beside: bool


def linear_gauges(
    link: Link,
    motion: Motion,
    terms: Sequence[Term],
    beside: np.ndarray,
    allowed: np.ndarray,
    samples: float,
) -> list[Gauge]:
    """The linear coordinates of every number of columns of the regression, without scores.

    From all columns on, the one is left out that the regression misses least, as long as one is
    beside h; without any, the coordinate is the plain one. Of these the two are kept that BIC puts
    first, and that of all columns.

    Args:
      link: how the state enters; none are linear where it is multiplied by a measured one.
      motion: smoothed measurements.
      terms: over the measured states, the hidden one and the inputs [M].
      beside: True for those that may stand in y' [M].
      allowed: True for those that may stand in h' [M].
      samples: independent measurements.
    """
    count = len(motion.states)
    identity = PRIMITIVES["identity"]
    place = {same_term(term): m for m, term in enumerate(terms)}
    if same_term(link.term) != same_term(Term(identity, (count,))):
        return []

    def integral(values: np.ndarray) -> np.ndarray:
        made = cumulative_trapezoid(values, motion.times, initial=0.0)
        return made - made[motion.first][recording]

    recording = np.cumsum(motion.first) - 1
    constant = np.eye(int(motion.first.sum()))[recording].T
    variables = dict(enumerate(motion.states))
    variables |= {count + 1 + u: values for u, values in enumerate(motion.inputs)}
    columns = []
    for variable, values in variables.items():
        m = place.get(same_term(Term(identity, (variable,))))
        if m is None or not allowed[m]:
            continue
        columns.append(_Column(integral(values), m, False))
        if variable != link.row and beside[m]:
            columns.append(_Column(values, m, True))
    one = place.get(same_term(Term(PRIMITIVES["one"], ())))
    if one is not None and allowed[one]:
        columns.append(_Column(integral(np.ones_like(motion.times)), one, False))
    hidden = place.get(same_term(link.term))
    if hidden is None or not allowed[hidden] or not any(column.beside for column in columns):
        return []
    columns.append(_Column(motion.states[link.row], hidden, False))
    return _fewer(link, motion, constant, columns, terms, samples)


def _fewer(
    link: Link,
    motion: Motion,
    constant: np.ndarray,
    columns: list[_Column],
    terms: Sequence[Term],
    samples: float,
) -> list[Gauge]:
    """The gauges of fewer and fewer columns: that of all, and the two that BIC puts first."""
    near, target = motion.near, motion.rates[link.row]
    found: list[tuple[float, Gauge]] = []
    kept = list(columns)
    while any(column.beside for column in kept):
        design = np.concatenate([[column.values for column in kept], constant])[:, near].T
        scale = np.linalg.norm(design, axis=0)
        if not np.all(scale > 0):
            break
        inverse = np.linalg.pinv(design / scale, rcond=1e-10)
        solved = inverse @ target[near]
        rest = target[near] - design @ (solved / scale)
        worth = (solved**2 / np.sum(inverse**2, 1))[: len(kept)]
        missed = float(rest @ rest)
        bound = tuple(
            Bound(link.row, terms[column.term], float(value))
            for column, value in zip(kept, solved / scale, strict=False)
            if column.beside
        )
        support = tuple(sorted({column.term for column in kept}))
        price = 0.5 * len(kept) * np.log(samples)
        score = -0.5 * samples * np.log(missed + np.finfo(float).tiny) - price
        found.append((score, Gauge(link, bound, support)))
        kept.pop(int(np.argmin(worth)))
    every = [gauge for _, gauge in found]
    ranked = [gauge for _, gauge in sorted(found, key=lambda each: -each[0])]
    return list(dict.fromkeys([*ranked[:2], *every[:1]]))
