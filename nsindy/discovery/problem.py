"""What is searched: the recordings, their library, and the way back to their own units."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants, dictionary, signals
from nsindy.discovery.question import Question
from nsindy.discovery.signals import Signal, Units
from nsindy.evidence import regression
from nsindy.evidence.prior import Prior
from nsindy.recording.check import Recording
from nsindy.terms import products
from nsindy.terms.operations import PRIMITIVES, Times
from nsindy.terms.products import Products
from nsindy.terms.term import Term
from nsindy.trajectories.shooting import Segments

__all__ = ["Prepared", "Problem", "prepare"]


class Problem(NamedTuple):
    """What is searched, in scaled units.

    Attributes:
      terms: M terms.
      prior: of the supports.
      admissible: True where an equation may hold a term [D, M].
      known: coefficients that are given [D, M]; their equations hold nothing else.
      shares: root mean square of a term over that of the derivative [D, M].
      factor: compressed [Θ, Ẋ] of the smoothed states, where the fits start from.
      begin: smoothed state at the first node of every segment [B, D].
      floor: noise that the errors of the solver hide [D].
      slots: K, most terms of an equation.
    """

    terms: Products
    prior: Prior
    admissible: np.ndarray
    known: np.ndarray
    shares: np.ndarray
    factor: np.ndarray
    begin: np.ndarray
    floor: np.ndarray
    slots: int


class Prepared(NamedTuple):
    """Recordings made ready, the problem that they pose, and the way back to their own units.

    Attributes:
      parts: the recordings.
      signals: the same, scaled and smoothed.
      units: of the variables.
      order: 1 or 2.
      terms: M terms over the states and inputs, as they are reported.
      back: multiplies scaled coefficients to those of the recording [D, M].
      theta: Θ of the smoothed states, the recordings one after the other [N, M].
      usable: factors of the terms that have a value here.
      problem: what is searched.
      length: L, intervals of a segment.
      substeps: solver steps between samples; None for a map.
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
    substeps: int | None

    def segments(self, share: float) -> Segments:
        """The recordings in segments, of which the first `share` of the samples count."""
        return signals.segments(
            self.signals,
            self.units,
            self.usable,
            substeps=self.substeps,
            length=self.length,
            counted=share,
        )


class _Columns(NamedTuple):
    """Θ of the smoothed states.

    Attributes:
      products: the terms, bound to scaled and raw variables.
      usable: factors that have a value here.
      theta: Θ, 0 where a term has no value [N, M].
      valued: False for a term without a finite value, or that is 0 everywhere [M].
    """

    products: Products
    usable: np.ndarray
    theta: np.ndarray
    valued: np.ndarray


def prepare(
    parts: list[Recording],
    smoothed: list[Signal],
    units: Units,
    question: Question,
    *,
    substeps: int | None = 1,
    forcings: int = 0,
) -> Prepared:
    """Build the library of the recordings and everything that is known before a search.

    Args:
      parts: the recordings.
      smoothed: the same, scaled and smoothed.
      units: of the variables, with the numbers of fitted waves.
      question: what was asked.
      substeps: solver steps between samples; None for a map.
      forcings: inputs, the last of them, that are no measurement but a time or a step in it; they
        stand alone, and may have waves.

    Raises:
      ValueError: an operation is unknown, or does not take one argument.
    """
    scale, count, order = units.variables, len(units.states), question.order
    measured = count // order
    samples = sum(len(s.times) for s in smoothed)
    variables = len(scale) - forcings
    degree, few = dictionary.choice(samples * measured, variables, count)
    operations = few if question.operations is None else question.operations
    terms = dictionary.library(variables, count, operations=operations, degree=degree)
    terms = (
        *terms,
        *dictionary.forcing_terms(len(scale), forcings),
        *dictionary.fitted_waves(terms, units.waves, forcings=forcings),
    )
    columns = _columns(terms, smoothed, units)

    sizes = _sizes(columns.products, scale)
    factors = np.prod(sizes[columns.products.rows[: len(terms)]], axis=1)
    back = units.states[:, None] / factors[None] / units.time
    known = np.zeros(back.shape)
    if order == 2:
        known = _positions(terms, measured, back)
    admissible = columns.valued & ~(known != 0).any(1)[:, None]
    derivatives = np.concatenate([s.derivatives for s in smoothed])
    spread = np.mean(np.concatenate([s.relative for s in smoothed]) ** 2, 1)
    weight = 1 / np.sqrt(spread)[:, None]
    size = np.sqrt(np.mean(derivatives**2, 0))
    shares = np.sqrt(np.mean(columns.theta**2, 0))[None] / np.where(size > 0, size, 1.0)[:, None]
    least = np.maximum(constants.NOISE_FLOOR, question.floor(measured) / units.states[:measured])
    length = constants.MAP_LENGTH if substeps is None else _length(smoothed)
    problem = Problem(
        terms=columns.products,
        prior=Prior(dictionary.costs(terms), np.ones(())),  # type: ignore[arg-type]
        admissible=admissible,
        known=known,
        shares=shares,
        factor=regression.compress(weight * columns.theta, weight * derivatives),
        begin=signals.beginnings(smoothed, length),
        floor=np.pad(least, (0, count - measured)),
        slots=min(question.max_terms, len(terms)),
    )
    return Prepared(
        parts=parts,
        signals=smoothed,
        units=units,
        order=order,
        terms=terms,
        back=back,
        theta=columns.theta,
        usable=columns.usable,
        problem=problem,
        length=length,
        substeps=substeps,
    )


def _sizes(products: Products, scale: np.ndarray) -> np.ndarray:
    """What a change of units divides each factor by [V + A + 1]."""
    own = {row.smooth.name: row.degree for row in PRIMITIVES.values() if row.smooth}
    sizes = np.ones(products.variables + len(products.atoms) + 1)
    sizes[: len(scale)] = scale
    for place, atom in enumerate(products.atoms, products.variables):
        (argument, *_) = atom.arguments
        if atom.primitive.name in own and isinstance(argument, int):
            sizes[place] = scale[argument] ** own[atom.primitive.name]
    return sizes


def _positions(terms: Sequence[Term], measured: int, back: np.ndarray) -> np.ndarray:
    """The scaled coefficients of x' = x' for each of the measured positions [D, M]."""
    identity = {t.arguments: i for i, t in enumerate(terms) if t.primitive.name == "identity"}
    known = np.zeros(back.shape)
    for d in range(measured):
        place = identity[(measured + d,)]
        known[d, place] = 1 / back[d, place]
    return known


def _columns(terms: Sequence[Term], smoothed: list[Signal], units: Units) -> _Columns:
    """Evaluate the terms on the smoothed states."""
    count = len(units.variables)
    bound = [_on_raw(term, count) for term in terms]
    points = units.expand(np.concatenate([np.hstack([s.states, s.inputs]) for s in smoothed]))
    inputs = ((0, 0), (0, len(units.inputs)))
    errors = np.concatenate([np.pad(s.noise * s.relative, inputs) for s in smoothed])
    errors = np.abs(units.expand(errors))
    variables = points.shape[1]
    split = products.split(
        bound, variables, atoms=dictionary.atoms(count), least=constants.LIBRARY_ROWS
    )
    usable = np.ones(variables + len(split.atoms) + 1, bool)
    needed = set(split.rows[: len(terms)].ravel().tolist())
    for place, atom in enumerate(split.atoms, variables):
        usable[place] = place in needed and all(
            dictionary.allows(atom.primitive, points[:, a], errors[:, a])
            for a in atom.arguments
            if isinstance(a, int)
        )
    theta = products.term_values(split, points, usable)[:, : len(terms)]
    valued = np.isfinite(theta).all(0) & (np.max(np.abs(theta), 0) > 0)
    return _Columns(split, usable, np.where(valued[None], theta, 0.0), valued)


def _length(smoothed: list[Signal]) -> int:
    """Intervals of a segment: few lengths, so that few programs are compiled."""
    short, usual = constants.SEGMENT_LENGTHS
    return usual if min(len(s.times) for s in smoothed) >= 3 * usual else short


def _on_raw(term: Term, shift: int, raw: bool = False) -> Term:
    """Bind a term to scaled variables, and operations with units of their own to raw ones.

    x and x·v only take a factor when their variables are scaled; sin(x) is another function of the
    scaled x, so it is bound to the raw one, `shift` places further on, and keeps its meaning. What
    is smooth in a fit, sign(x) and √x, only takes a factor as well, and is bound to the scaled one.
    The w x of sin(w x) is a variable too, `shift` places further on again.

    Args:
      term: over V variables.
      shift: V.
      raw: True inside an operation that has units of its own.
    """
    smooth = term.primitive.smooth
    if smooth is not None and not raw:
        return Term(smooth, term.arguments)
    raw = raw or term.primitive.name not in products.PRODUCTS

    def bound(argument):
        if not isinstance(argument, Term):
            return argument + shift * raw
        if isinstance(argument.primitive.function, Times):
            return argument.arguments[0] + 2 * shift
        return _on_raw(argument, shift, raw)

    return Term(term.primitive, tuple(map(bound, term.arguments)))
