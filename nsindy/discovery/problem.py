"""What is searched: the recordings, their library, and the way back to their own units."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import candidates, dictionary, wave_scan
from nsindy.discovery.candidates import Problem
from nsindy.discovery.signals import Signal, Units, rate
from nsindy.evidence import regression
from nsindy.recording.check import Recording
from nsindy.terms import products
from nsindy.terms.operations import Primitive, Times
from nsindy.terms.term import Term

FLOOR = 1e-5
"""Noise, as a share of the largest value of a state, below which no recording is believed."""


class Setting(NamedTuple):
    """Everything that the search needs, and the way back to the units of the recording.

    Attributes:
      parts: the recordings.
      signals: the same, scaled and smoothed.
      units: of the variables.
      order: 1 or 2.
      terms: M terms over the states and inputs, as they are reported.
      back: multiplies scaled coefficients to those of the recording [D, M].
      theta: Θ of the smoothed states, the recordings one after the other [N, M].
      usable: factors of the terms that have a value here.
      problem: what is searched; `begin` belongs to the segments that a search cuts.
      length: L, intervals of a segment.
      substeps: solver steps between samples.
    """

    parts: list[Recording]
    signals: list[Signal]
    units: Units
    order: int
    terms: tuple[Term, ...]
    back: np.ndarray
    theta: np.ndarray
    usable: np.ndarray
    problem: Problem
    length: int
    substeps: int


def set_up(
    parts: list[Recording],
    found: list[Signal],
    units: Units,
    order: int,
    operations: Sequence[str | Primitive] | None,
    slots: int,
    floor: np.ndarray,
) -> Setting:
    """Build the library of the recordings and everything that is known before a search.

    Args:
      parts: the recordings.
      found: the same, scaled and smoothed.
      units: of the variables, with the numbers of fitted waves.
      order: 1 or 2.
      operations: unary operations, or None for those that the samples bear.
      slots: most terms of an equation.
      floor: noise that is known of each measured state.
    """
    scale = units.variables
    count = len(units.states)
    values = np.concatenate([np.concatenate([s.states, s.inputs], 1) for s in found])
    inputs = ((0, 0), (0, len(scale) - count))
    measured = count // order
    degree, few = dictionary.choice(values.shape[0] * measured, len(scale), count)
    operations = few if operations is None else operations
    terms = dictionary.library(len(scale), count, operations=operations, degree=degree)
    terms = (*terms, *wave_scan.terms(terms, units.waves))
    bound = [_on_raw(term, len(scale)) for term in terms]
    points = units.expand(values)
    errors = np.concatenate([np.pad(s.noise * s.relative, inputs) for s in found])
    errors = np.abs(units.expand(errors))
    variables = points.shape[1]
    split = products.split(bound, variables)
    usable = np.ones(variables + len(split.atoms) + 1, bool)
    for i, atom in enumerate(split.atoms):
        usable[variables + i] = all(
            dictionary.allows(atom.primitive, points[:, a], errors[:, a])
            for a in atom.arguments
            if isinstance(a, int)
        )
    theta = np.asarray(products.term_values(split, points, usable))
    scaled = [np.prod([scale[f] for f in row if f < len(scale)]) for row in split.rows]
    back = units.states[:, None] / np.array(scaled)[None] / units.time

    admissible, known = np.ones((count, len(terms)), bool), np.zeros((count, len(terms)))
    finite = np.isfinite(theta).all(0) & (np.max(np.abs(theta), 0) > 0)
    admissible[:, ~finite] = False
    theta = np.where(finite[None], theta, 0.0)
    if order == 2:
        identity = {t.arguments: i for i, t in enumerate(terms) if t.primitive.name == "identity"}
        for d in range(measured):
            admissible[d] = False
            place = identity[(measured + d,)]
            known[d, place] = 1 / back[d, place]
    derivatives = np.concatenate([s.derivatives for s in found])
    weight = 1 / np.sqrt(np.mean(np.concatenate([s.relative for s in found]) ** 2, 1))[:, None]
    factor = np.asarray(candidates.COMPRESS(weight * theta, weight * derivatives))
    size = np.sqrt(np.mean(derivatives**2, 0))
    shares = np.sqrt(np.mean(theta**2, 0))[None] / np.where(size > 0, size, 1.0)[:, None]
    problem = Problem(
        split,
        regression.Prior(dictionary.costs(terms), np.ones(())),  # type: ignore[arg-type]
        admissible,
        known,
        shares,
        factor,
        np.zeros((0, count)),
        np.pad(np.maximum(FLOOR, floor / units.states[:measured]), (0, count - measured)),
        min(slots, len(terms)),
    )
    length = _length(found)
    return Setting(parts, found, units, order, terms, back, theta, usable, problem, length, 1)


def _length(found: list[Signal]) -> int:
    """Intervals of a segment, a power of two: about three times the time in which states change."""
    shortest = min(len(s.times) for s in found)
    length = np.clip(min(3 / rate(found), shortest / 3), 4, 64)
    return int(2 ** np.floor(np.log2(length)))


def believed(noise: float | Sequence[float] | None, states: int) -> np.ndarray:
    """The noise that is known of each state, 0 where none is [states].

    Raises:
      ValueError: it is negative or not finite.
    """
    given = np.broadcast_to(np.asarray(0.0 if noise is None else noise, float), (states,))
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise ValueError(f"noise must be finite and at least 0, not {noise}")
    return given


def _on_raw(term: Term, shift: int, raw: bool = False) -> Term:
    """Bind a term to scaled variables, and operations with units of their own to raw ones.

    x and x·v only take a factor when their variables are scaled; sin(x) is another function of the
    scaled x, so it is bound to the raw one, `shift` places further on, and keeps its meaning. The
    w x of sin(w x) is a variable too, `shift` places further on again.

    Args:
      term: over V variables.
      shift: V.
      raw: True inside an operation that has units of its own.
    """
    raw = raw or term.primitive.name not in products.PRODUCTS

    def bound(argument):
        if not isinstance(argument, Term):
            return argument + shift * raw
        if isinstance(argument.primitive.function, Times):
            return argument.arguments[0] + 2 * shift
        return _on_raw(argument, shift, raw)

    return Term(term.primitive, tuple(map(bound, term.arguments)))
