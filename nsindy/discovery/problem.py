"""What is searched: the recordings, their library, and the way back to their own units."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants, dictionary, screening, signals, weak_form
from nsindy.discovery.question import Question
from nsindy.discovery.signals import Signal, Units
from nsindy.evidence import regression
from nsindy.evidence.prior import Prior
from nsindy.recording.check import Recording
from nsindy.terms import products
from nsindy.terms.operations import Times
from nsindy.terms.products import Products
from nsindy.terms.term import Term
from nsindy.trajectories.shooting import Segments

__all__ = ["Prepared", "Problem", "prepare", "terms_of"]


class Problem(NamedTuple):
    """What is searched, in scaled units.

    Attributes:
      terms: M terms.
      prior: of the supports.
      admissible: True where an equation may hold a term [D, M].
      known: coefficients that are given [D, M]; their equations hold nothing else.
      shares: root mean square of a term over that of the derivative [D, M].
      factor: compressed [Θ, Ẋ] of the smoothed states, where the fits start from.
      integrals: the same of the weak form.
      begin: smoothed state at the first node of every segment [B, D].
      floor: noise that the errors of the solver hide [D].
      slots: K, most terms of an equation.
      columns: terms that trajectories are linearised in, equation by equation [D, C].
    """

    terms: Products
    prior: Prior
    admissible: np.ndarray
    known: np.ndarray
    shares: np.ndarray
    factor: np.ndarray
    integrals: np.ndarray
    begin: np.ndarray
    floor: np.ndarray
    slots: int
    columns: np.ndarray

    def of_columns(self, values: np.ndarray) -> np.ndarray:
        """What an array of all terms [D, M] holds in the columns [D, C]."""
        return np.take_along_axis(values, self.columns, 1)

    def of_terms(self, values: np.ndarray) -> np.ndarray:
        """The array of all terms [D, M] that holds these in its columns [D, C], and 0 elsewhere."""
        whole = np.zeros(self.admissible.shape, values.dtype)
        np.put_along_axis(whole, self.columns, values, 1)
        return whole

    @property
    def wide(self) -> bool:
        """True where regressions chose the columns among more terms."""
        return self.columns.shape[1] < self.admissible.shape[1]

    @property
    def fits(self) -> int:
        """Supports that a search starts from, and that it fits in each round."""
        return constants.WIDE_FITS if self.wide else constants.WIDTH

    @property
    def prior_of_columns(self) -> Prior:
        """The prior of supports of the columns.

        Where columns were chosen among the M terms, a price counts the choice: log (M / C).
        """
        if not self.wide:
            return self.prior
        count, terms = self.columns.shape[1], self.admissible.shape[1]
        costs = np.asarray(self.prior.costs)[self.columns] + np.log(terms / count)
        return self.prior._replace(costs=costs)


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
    substeps: int = 1,
) -> Prepared:
    """Build the library of the recordings and everything that is known before a search.

    Args:
      parts: the recordings.
      smoothed: the same, scaled and smoothed.
      units: of the variables, with the numbers of fitted waves.
      question: what was asked.
      substeps: solver steps between samples.

    Raises:
      ValueError: an operation is unknown, or does not take one argument.
    """
    scale, count, order = units.variables, len(units.states), question.order
    measured = count // order
    terms = terms_of(smoothed, units, question)
    terms = (*terms, *dictionary.fitted_waves(terms, units.waves))
    columns = _columns(terms, smoothed, units)

    factors = [
        np.prod([scale[f] for f in row if f < len(scale)])
        for row in columns.products.rows[: len(terms)]
    ]
    back = units.states[:, None] / np.array(factors)[None] / units.time
    known = np.zeros(back.shape)
    if order == 2:
        known = _positions(terms, measured, back)
    admissible = columns.valued & ~(known != 0).any(1)[:, None]
    derivatives = np.concatenate([s.derivatives for s in smoothed])
    spread = np.mean(np.concatenate([s.relative for s in smoothed]) ** 2, 1)
    near = np.concatenate([s.near for s in smoothed])
    weight = (near / np.sqrt(spread))[:, None]
    factor = regression.compress(weight * columns.theta, weight * derivatives)
    integrals = weak_form.of_recordings(smoothed, columns.theta)
    costs = Prior(dictionary.costs(terms), np.ones(()))  # type: ignore[arg-type]
    slots = min(question.max_terms, len(terms))
    chosen = np.broadcast_to(np.arange(len(terms)), admissible.shape)
    if dictionary.is_wide(len(terms), count):
        freedom = sum(s.freedom for s in smoothed)
        chosen = screening.columns((factor, integrals), admissible, costs, freedom, slots)
    size = np.sqrt(np.mean(derivatives**2, 0))
    shares = np.sqrt(np.mean(columns.theta**2, 0))[None] / np.where(size > 0, size, 1.0)[:, None]
    least = np.maximum(constants.NOISE_FLOOR, question.floor(measured) / units.states[:measured])
    length = _length(smoothed)
    problem = Problem(
        terms=columns.products,
        prior=costs,
        admissible=admissible,
        known=known,
        shares=shares,
        factor=factor,
        integrals=integrals,
        begin=signals.beginnings(smoothed, length),
        floor=np.pad(least, (0, count - measured)),
        slots=slots,
        columns=chosen,
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


def terms_of(smoothed: list[Signal], units: Units, question: Question) -> tuple[Term, ...]:
    """The library that the recordings bear, over the states and inputs.

    Raises:
      ValueError: an operation is unknown, or does not take one argument.
    """
    variables, count = len(units.variables), len(units.states)
    values = int(signals.cells(smoothed)[: count // question.order].sum())
    borne, few = dictionary.choice(values, variables, count)
    return dictionary.library(
        variables,
        count,
        operations=few if question.rows is None else question.rows,
        degree=borne if question.degree is None else question.degree,
    )


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
    earlier = units.expand(np.concatenate([np.hstack([s.states, s.before]) for s in smoothed]))
    inputs = ((0, 0), (0, len(units.inputs)))
    errors = np.concatenate([np.pad(s.noise * s.relative, inputs) for s in smoothed])
    errors = np.abs(units.expand(errors))
    variables = points.shape[1]
    # Many states have a program of their own anyway, which need not hold what they do not use.
    wide = dictionary.is_wide(len(bound), len(units.states))
    atoms = () if wide else dictionary.atoms(count)
    split = products.split(bound, variables, atoms=atoms, least=constants.LIBRARY_ROWS)
    usable = np.ones(variables + len(split.atoms) + 1, bool)
    needed = set(split.rows[: len(terms)].ravel().tolist())
    for place, atom in enumerate(split.atoms, variables):
        usable[place] = place in needed and all(
            dictionary.allows(atom.primitive, points[:, a], errors[:, a])
            for a in atom.arguments
            if isinstance(a, int)
        )
    theta = products.term_values(split, points, usable)[:, : len(terms)]
    if not np.array_equal(points, earlier):
        # Where an input jumps, a smoothed derivative is the mean of what it was and will be.
        theta = (theta + products.term_values(split, earlier, usable)[:, : len(terms)]) / 2
    valued = np.isfinite(theta).all(0) & (np.max(np.abs(theta), 0) > 0)
    return _Columns(split, usable, np.where(valued[None], theta, 0.0), valued)


def _length(smoothed: list[Signal]) -> int:
    """Intervals of a segment: few lengths, so that few programs are compiled."""
    short, usual = constants.SEGMENT_LENGTHS
    return usual if min(len(s.times) for s in smoothed) >= 3 * usual else short


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
