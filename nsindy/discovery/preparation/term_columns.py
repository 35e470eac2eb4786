"""Θ on the smoothed states of recordings, and which of its terms have a value there."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import dictionary, signals
from nsindy.discovery.preparation.signals import Signal, Units
from nsindy.terms import operations as terms_operations
from nsindy.terms import products
from nsindy.terms.numbered import WAVE
from nsindy.terms.numbered_operations import Numbered, WithNumber, unbound
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.primitive import Times
from nsindy.terms.products import Products
from nsindy.terms.term import Term

__all__ = ["TermColumns", "on_raw", "term_columns"]


class TermColumns(NamedTuple):
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

    def factors(self, scale: np.ndarray) -> np.ndarray:
        """What a change of units divides each term by [M], those of the variables being [V]."""
        rows = self.products.rows[: self.theta.shape[1]]
        return np.prod(_sizes(self.products, scale)[rows], axis=1)


def term_columns(
    terms: Sequence[Term],
    smoothed: list[Signal],
    units: Units,
    named: np.ndarray,
    numbered: Sequence[Numbered],
) -> TermColumns:
    """Evaluate the terms on the smoothed states; those that were named, wherever they are finite.

    Args:
      terms: the M terms.
      smoothed: the recordings.
      units: of the variables.
      named: True for terms that a person named [M].
      numbered: operations of one's own that own a number.
    """
    count = len(units.variables)
    bound = [on_raw(term, count) for term in terms]
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
    return TermColumns(split, usable, np.where(valued[None], theta, 0.0), valued, ordinary)


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


def on_raw(term: Term, shift: int, raw: bool = False) -> Term:
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
        return on_raw(argument, shift, raw)

    return Term(term.primitive, tuple(map(bound, term.arguments)))


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
