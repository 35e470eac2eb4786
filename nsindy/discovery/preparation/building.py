"""A problem is built: the terms, bound to recordings, and what regressions need of them."""

from collections.abc import Sequence

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import (
    dictionary,
    equal,
    known,
    screening,
    segmentation,
    signals,
    weak_form,
)
from nsindy.discovery.preparation.kinds import Kinds
from nsindy.discovery.preparation.known import NOTHING, Physics
from nsindy.discovery.preparation.problem import Prepared, Problem
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.preparation.signals import Signal, Units
from nsindy.discovery.preparation.term_columns import TermColumns, term_columns
from nsindy.evidence import regression
from nsindy.evidence.prior import Prior
from nsindy.recording.check import Recording
from nsindy.terms import operations as terms_operations
from nsindy.terms.numbered import WAVE
from nsindy.terms.term import Term

__all__ = ["prepare", "terms_of"]


def prepare(
    parts: list[Recording],
    smoothed: list[Signal],
    units: Units,
    question: Question,
    *,
    substeps: int | None = 1,
    physics: Physics = NOTHING,
    forcings: int = 0,
    seasons: bool = True,
    drifting: bool = False,
    floor: float = constants.NOISE_FLOOR,
    inverse: tuple[int, ...] = (),
) -> Prepared:
    """Build the library of the recordings and everything that is known before a search.

    Args:
      parts: the recordings.
      smoothed: the same, scaled and smoothed.
      units: of the variables, with the numbers that are fitted.
      question: what was asked.
      substeps: solver steps between samples; None for a map.
      physics: what is known of the equations.
      forcings: inputs, the last of them, that are no measurement but a time or a step in it; they
        stand alone, and may have waves.
      seasons: whether these waves may stand times states.
      drifting: whether they stand times states themselves, as in a rate that grows with the time.
      floor: noise, as a share of a state's largest value, below which nothing is taken to be exact.
      inverse: variables whose negative powers are terms, in place of other operations than waves.

    Raises:
      ValueError: an operation is unknown, or does not take one argument; or a term that is known
        has no value here.
    """
    count, variables = len(units.states), len(units.variables)
    measured = parts[0].states.shape[1]
    library = terms_of(smoothed, units, question, forcings=forcings, inverse=inverse)
    kinds = Kinds.beside(
        library,
        question.numbered,
        any_operation=question.operations is None,
        many=bool(signals.cells(smoothed).sum() >= constants.NUMBER_VALUES),
        forced=forcings > 0,
        seasons=seasons,
        inputs=range(count, variables - forcings),
    )
    carried = kinds.carriers(count) if drifting else [()]
    asked = _with_asked(library, physics, measured, count, question.order)
    terms = (
        *asked,
        *dictionary.forcing_terms(variables, forcings, carried),
        *(term for inner in units.inner for term in kinds.terms(inner, count)),
    )
    tables = known.tables(physics, terms, count)
    columns = term_columns(terms, smoothed, units, tables.named, question.numbered)
    physics.check_valued(terms, tables.named & ~columns.valued)
    columns.ordinary[len(library) : len(asked)] = False
    back = units.states[:, None] / columns.factors(units.variables)[None] / units.time
    # With inverse powers it shares the programs of the usual library.
    usual = len(terms_of(smoothed, units, question, forcings=forcings)) if inverse else 0
    most = max(len(terms), _room(len(library), units), usual)
    least = np.maximum(floor, question.floor(measured) / units.states[:measured])
    length = constants.MAP_LENGTH if substeps is None else _length(smoothed)
    problem = _problem(
        smoothed, terms, columns, tables, back, physics,
        order=question.order, slots=min(question.max_terms, len(terms)), most=most, least=least,
        length=length, is_map=substeps is None,
    )  # fmt: skip
    return Prepared(
        parts=parts, signals=smoothed, units=units, order=question.order, library=library,
        terms=terms, back=back, theta=columns.theta, usable=columns.usable, problem=problem,
        length=length, substeps=substeps, tables=tables, kinds=kinds,
    )  # fmt: skip


def _with_asked(
    library: tuple[Term, ...], physics: Physics, measured: int, count: int, order: int
) -> tuple[Term, ...]:
    """The library, and beside it what a person asked for, and velocities."""
    identity = terms_operations.get("identity")
    velocities = [Term(identity, (v,)) for v in range(measured, count)]
    rows = range(count - measured, count) if order == 2 else range(count)
    return known.extended(library, physics, rows, velocities)


def _room(library: int, units: Units) -> int:
    """Columns of a program in which a number may stand in terms beside the library's."""
    if all(inner.kind == WAVE for inner in units.inner):
        return 0
    # Two operations of a number, alone and times each state, leave room for another number.
    return library + 4 * (1 + len(units.states))


def _problem(
    smoothed: list[Signal],
    terms: tuple[Term, ...],
    columns: TermColumns,
    tables: known.Tables,
    back: np.ndarray,
    physics: Physics,
    *,
    order: int,
    slots: int,
    most: int,
    least: np.ndarray,
    length: int,
    is_map: bool,
) -> Problem:
    """What is searched.

    Args:
      smoothed: the recordings.
      terms: the M terms.
      columns: their values.
      tables: what is known of their coefficients.
      back: what takes these to the units of the recordings [D, M].
      physics: what is known of the equations.
      order: 2 where the first of the states are positions, and the others their velocities.
      slots: most terms of an equation.
      most: terms that programs are compiled for.
      least: noise of each measured state below which nothing is exact.
      length: intervals of a segment.
      is_map: True where the equations give the next row.
    """
    count, measured = len(back), len(least)
    coefficients = tables.given / back
    admissible = tables.admissible(columns.ordinary, columns.valued)
    shared = equal.shared_places(physics, terms, back)
    factor = integrals = _of_derivatives(smoothed, columns.theta, coefficients)
    # A map has no derivative that an integral could stand for.
    if not is_map:
        integrals = weak_form.of_recordings(smoothed, columns.theta, coefficients)
    if order == 2:
        coefficients += _positions(terms, measured, back)
        admissible[:measured] = False
    costs = Prior(dictionary.costs(terms), np.ones(()))  # type: ignore[arg-type]
    size = -(-most // constants.COLUMNS) * constants.COLUMNS
    chosen = np.broadcast_to(np.arange(size), (count, size))
    if dictionary.is_wide(len(terms), count):
        freedom = sum(s.freedom for s in smoothed)
        chosen = screening.columns((factor, integrals), admissible, costs, freedom, slots)
        chosen = chosen if shared is None else shared.held_by(chosen)
    return Problem(
        terms=columns.products,
        prior=costs,
        admissible=admissible if shared is None else shared.free(admissible),
        known=coefficients,
        shares=_shares(smoothed, columns.theta),
        factor=factor,
        integrals=integrals,
        begin=segmentation.beginnings(smoothed, length),
        floor=np.pad(least, (0, count - measured)),
        slots=slots,
        columns=chosen,
        signs=tables.signs if physics.signs else None,
        shared=shared,
    )


def _of_derivatives(
    smoothed: list[Signal], theta: np.ndarray, coefficients: np.ndarray
) -> np.ndarray:
    """The regression of smoothed derivatives, of which given coefficients [D, M] take their part.

    Args:
      smoothed: the recordings.
      theta: the terms [N, M].
      coefficients: that are given, else 0.

    Returns:
      compressed [Θ, Ẋ].
    """
    rest = np.concatenate([s.derivatives for s in smoothed])
    if coefficients.any():
        rest = rest - theta @ coefficients.T
    spread = np.mean(np.concatenate([s.relative for s in smoothed]) ** 2, 1)
    near = np.concatenate([s.near for s in smoothed])
    weight = (near / np.sqrt(spread))[:, None]
    return regression.compress(weight * theta, weight * rest)


def _shares(smoothed: list[Signal], theta: np.ndarray) -> np.ndarray:
    """Root mean square of each term over that of each derivative [D, M]."""
    size = np.sqrt(np.mean(np.concatenate([s.derivatives for s in smoothed]) ** 2, 0))
    return np.sqrt(np.mean(theta**2, 0))[None] / np.where(size > 0, size, 1.0)[:, None]


def terms_of(
    smoothed: list[Signal],
    units: Units,
    question: Question,
    *,
    forcings: int = 0,
    inverse: tuple[int, ...] = (),
) -> tuple[Term, ...]:
    """The library that the recordings bear, over the states and inputs.

    Args:
      smoothed: the recordings.
      units: of the variables.
      question: what was asked.
      forcings: inputs, the last of them, that no term of it holds.
      inverse: variables whose negative powers are terms, in place of other operations than waves.

    Raises:
      ValueError: an operation is unknown, or does not take one argument.
    """
    variables, count = len(units.variables) - forcings, len(units.states)
    measured = count // question.order - len(question.hidden_names)
    values = int(signals.cells(smoothed)[:measured].sum())
    borne, few = dictionary.choice(values, variables, count)
    degree = borne if question.degree is None else question.degree
    if inverse:
        powers = dictionary.negative_powers(inverse, variables, count)
        return *dictionary.library(
            variables, count, operations=dictionary.WAVES, degree=degree
        ), *powers
    rows = few if question.rows is None else question.rows
    return dictionary.library(variables, count, operations=rows, degree=degree)


def _positions(terms: Sequence[Term], measured: int, back: np.ndarray) -> np.ndarray:
    """The scaled coefficients of x' = x' for each of the measured positions [D, M]."""
    identity = {t.arguments: i for i, t in enumerate(terms) if t.primitive.name == "identity"}
    known = np.zeros(back.shape)
    for d in range(measured):
        place = identity[(measured + d,)]
        known[d, place] = 1 / back[d, place]
    return known


def _length(smoothed: list[Signal]) -> int:
    """Intervals of a segment: few lengths, so that few programs are compiled."""
    short, usual = constants.SEGMENT_LENGTHS
    return usual if min(len(s.times) for s in smoothed) >= 3 * usual else short
