"""A problem is built: the terms, bound to recordings, and what regressions need of them."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

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
from nsindy.evidence import regression
from nsindy.evidence.prior import Prior
from nsindy.recording.check import Recording
from nsindy.terms import operations as terms_operations
from nsindy.terms import products
from nsindy.terms.numbered import WAVE, Numbered, WithNumber, unbound
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.operations import PRIMITIVES, Times
from nsindy.terms.products import Products
from nsindy.terms.term import Term

__all__ = ["prepare", "terms_of"]


class _Columns(NamedTuple):
    """Θ of the smoothed states.

    Attributes:
      products: the terms, bound to scaled and raw variables.
      usable: factors that have a value here.
      theta: Θ, 0 where a term has no value [N, M].
      valued: False for a term without a finite value, or that is 0 everywhere [M].
      ordinary: False for a term with an operation that is used because it was named alone [M].
    """

    products: Products
    usable: np.ndarray
    theta: np.ndarray
    valued: np.ndarray
    ordinary: np.ndarray


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
      floor: noise, as a share of a state's largest value, below which nothing is taken to be exact.
      inverse: variables whose negative powers are terms, in place of other operations than waves.

    Raises:
      ValueError: an operation is unknown, or does not take one argument; or a term that is known
        has no value here.
    """
    scale, count, order = units.variables, len(units.states), question.order
    measured = parts[0].states.shape[1]
    library = terms_of(smoothed, units, question, forcings=forcings, inverse=inverse)
    kinds = Kinds.beside(
        library,
        question.numbered,
        any_operation=question.operations is None,
        many=bool(signals.cells(smoothed).sum() >= constants.NUMBER_VALUES),
        forced=forcings > 0,
        seasons=seasons,
        inputs=range(count, len(scale) - forcings),
    )
    identity = terms_operations.get("identity")
    velocities = [Term(identity, (v,)) for v in range(measured, count)]
    rows = range(count - measured, count) if order == 2 else range(count)
    terms = known.extended(library, physics, rows, velocities)
    alone = np.arange(len(library), len(terms))
    terms = (
        *terms,
        *dictionary.forcing_terms(len(scale), forcings),
        *(term for inner in units.inner for term in kinds.terms(inner, count)),
    )
    tables = known.tables(physics, terms, count)
    columns = _columns(terms, smoothed, units, tables.named, question.numbered)
    physics.check_valued(terms, tables.named & ~columns.valued)

    sizes = _sizes(columns.products, scale)
    factors = np.prod(sizes[columns.products.rows[: len(terms)]], axis=1)
    back = units.states[:, None] / factors[None] / units.time
    coefficients = tables.given / back
    columns.ordinary[alone] = False
    admissible = tables.admissible(columns.ordinary, columns.valued)
    shared = equal.shared_places(physics, terms, back)
    derivatives = np.concatenate([s.derivatives for s in smoothed])
    rest = derivatives
    if coefficients.any():
        rest = derivatives - columns.theta @ coefficients.T
    spread = np.mean(np.concatenate([s.relative for s in smoothed]) ** 2, 1)
    near = np.concatenate([s.near for s in smoothed])
    weight = (near / np.sqrt(spread))[:, None]
    factor = regression.compress(weight * columns.theta, weight * rest)
    # A map has no derivative that an integral could stand for.
    integrals = factor
    if substeps is not None:
        integrals = weak_form.of_recordings(smoothed, columns.theta, coefficients)
    if order == 2:
        coefficients += _positions(terms, measured, back)
        admissible[:measured] = False
    costs = Prior(dictionary.costs(terms), np.ones(()))  # type: ignore[arg-type]
    slots = min(question.max_terms, len(terms))
    # Two operations of a number, alone and times each state, leave room for another number.
    room = len(library) + 4 * (1 + count) if any(i.kind != WAVE for i in units.inner) else 0
    if inverse:
        # It shares the programs of the usual library.
        room = max(room, len(terms_of(smoothed, units, question, forcings=forcings)))
    size = -(-max(len(terms), room) // constants.COLUMNS) * constants.COLUMNS
    chosen = np.broadcast_to(np.arange(size), (count, size))
    if dictionary.is_wide(len(terms), count):
        freedom = sum(s.freedom for s in smoothed)
        chosen = screening.columns((factor, integrals), admissible, costs, freedom, slots)
        chosen = chosen if shared is None else shared.held_by(chosen)
    size = np.sqrt(np.mean(derivatives**2, 0))
    shares = np.sqrt(np.mean(columns.theta**2, 0))[None] / np.where(size > 0, size, 1.0)[:, None]
    least = np.maximum(floor, question.floor(measured) / units.states[:measured])
    length = constants.MAP_LENGTH if substeps is None else _length(smoothed)
    problem = Problem(
        terms=columns.products,
        prior=costs,
        admissible=admissible if shared is None else shared.free(admissible),
        known=coefficients,
        shares=shares,
        factor=factor,
        integrals=integrals,
        begin=segmentation.beginnings(smoothed, length),
        floor=np.pad(least, (0, count - measured)),
        slots=slots,
        columns=chosen,
        signs=tables.signs if physics.signs else None,
        shared=shared,
    )
    return Prepared(
        parts=parts,
        signals=smoothed,
        units=units,
        order=order,
        library=library,
        terms=terms,
        back=back,
        theta=columns.theta,
        usable=columns.usable,
        problem=problem,
        length=length,
        substeps=substeps,
        tables=tables,
        kinds=kinds,
    )


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


def _sizes(products: Products, scale: np.ndarray) -> np.ndarray:
    """What a change of units divides each factor by [V + A + C + 1]."""
    own = {row.smooth.name: row.degree for row in PRIMITIVES.values() if row.smooth}
    sizes = np.ones(products.factors)
    sizes[: len(scale)] = scale
    for place, atom in products.terms_at.items():
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


def _columns(
    terms: Sequence[Term],
    smoothed: list[Signal],
    units: Units,
    named: np.ndarray,
    numbered: Sequence[Numbered],
) -> _Columns:
    """Evaluate the terms on the smoothed states; those that were named, wherever they are finite.

    Args:
      terms: the M terms.
      smoothed: the recordings.
      units: of the variables.
      named: True for terms that a person named [M].
      numbered: operations of one's own that own a number.
    """
    count = len(units.variables)
    bound = [_on_raw(term, count) for term in terms]
    points = units.expand(np.concatenate([np.hstack([s.states, s.inputs]) for s in smoothed]))
    earlier = units.expand(np.concatenate([np.hstack([s.states, s.before]) for s in smoothed]))
    inputs = ((0, 0), (0, len(units.inputs)))
    least = signals.rounding(smoothed)
    errors = np.concatenate(
        [np.pad(np.maximum(s.noise * s.relative, least), inputs) for s in smoothed]
    )
    errors = np.abs(units.expand(errors))
    variables = points.shape[1]
    # Many states have a program of their own anyway, which need not hold what they do not use.
    wide = dictionary.is_wide(len(bound), len(units.states))
    atoms = () if wide else dictionary.atoms(count)
    # A variable has at most one number, which two operations may hold.
    calls = 2 * count if any(inner.kind != WAVE for inner in units.inner) else 0
    split = products.split(
        bound,
        variables,
        atoms=atoms,
        least=constants.LIBRARY_ROWS,
        operations=dictionary.numbered_operations(numbered) if calls else (),
        calls=calls,
    )
    usable = np.ones(split.factors, bool)
    needed = set(split.rows[: len(terms)].ravel().tolist())
    for place, atom in split.terms_at.items():
        usable[place] = place in needed and _allowed(atom, points, errors)
    rows = split.rows[: len(terms)]
    ordinary = usable[rows].all(1)
    usable[rows[named].ravel()] = True
    theta = products.term_values(split, points, usable)[:, : len(terms)]
    if not np.array_equal(points, earlier):
        # Where an input jumps, a smoothed derivative is the mean of what it was and will be.
        theta = (theta + products.term_values(split, earlier, usable)[:, : len(terms)]) / 2
    valued = np.isfinite(theta).all(0) & (np.max(np.abs(theta), 0) > 0)
    return _Columns(split, usable, np.where(valued[None], theta, 0.0), valued, ordinary)


def _allowed(atom: Term, points: np.ndarray, errors: np.ndarray) -> bool:
    """Whether an operation makes a term of its own of the values of its arguments."""
    places = [a for a in atom.arguments if isinstance(a, int)]
    row = NUMBERED.get(atom.primitive.name)
    if row is not None and row.variables == 2:
        variables, numbers = places[:2], places[2:]
        return dictionary.allows_pair(
            row, points[:, variables], errors[:, variables], *points[0, numbers]
        )
    if atom.primitive.arity > 1 and len(places) == atom.primitive.arity:
        # One that owns numbers, which follow its variable.
        place, *numbers = places
        own = terms_operations.numpy_function(atom.primitive)
        inner = lambda x: own(x, *points[0, numbers])  # noqa: E731
        bound = dataclasses.replace(atom.primitive, arity=1, function=inner, numpy=inner)
        return dictionary.allows(bound, points[:, place], errors[:, place])
    return all(dictionary.allows(atom.primitive, points[:, a], errors[:, a]) for a in places)


def _length(smoothed: list[Signal]) -> int:
    """Intervals of a segment: few lengths, so that few programs are compiled."""
    short, usual = constants.SEGMENT_LENGTHS
    return usual if min(len(s.times) for s in smoothed) >= 3 * usual else short


def _on_raw(term: Term, shift: int, raw: bool = False) -> Term:
    """Bind a term to scaled variables, and operations with units of their own to raw ones.

    x and x·v only take a factor when their variables are scaled; sin(x) is another function of the
    scaled x, so it is bound to the raw one, `shift` places further on, and keeps its meaning. What
    is smooth in a fit, sign(x) and √x, only takes a factor as well, and is bound to the scaled one.
    A number that is fitted, as w in sin(w x), is a variable too, `shift` places further on again:
    one that was given is multiplied with the term x, see `expansion`.

    Args:
      term: over V variables.
      shift: V.
      raw: True inside an operation that has units of its own.
    """
    smooth = term.primitive.smooth
    if smooth is not None and not raw:
        return Term(smooth, term.arguments)
    own, scaled = term.primitive.function, range(shift)
    if isinstance(own, WithNumber):
        places = [each for each in term.arguments if isinstance(each, int)]
        if len(places) == len(term.arguments):
            variables = (place + shift for place in places)
            numbers = (places[-1] + (2 + i) * shift for i in range(len(own.numbers)))
            return Term(unbound(own.operation), (*variables, *numbers))
    raw = raw or term.primitive.name not in products.PRODUCTS

    def bound(argument):
        if not isinstance(argument, Term):
            return argument + shift * raw
        if isinstance(argument.primitive.function, Times) and argument.arguments[0] in scaled:
            place = argument.arguments[0]
            return Term(PRIMITIVES["mul"], (place + shift, place + 2 * shift))
        return _on_raw(argument, shift, raw)

    return Term(term.primitive, tuple(map(bound, term.arguments)))
