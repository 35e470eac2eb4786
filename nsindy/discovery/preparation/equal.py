"""Coefficients that are equal, or in a given ratio, across equations: read, and obeyed by a fit.

Of every group that is tied together one coefficient leads and the others follow it, so the group is
one parameter of the fits, has one price, and is in the equations as a whole or not at all.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nsindy.discovery.preparation.known import Bound, Names, Physics, read_term
from nsindy.terms.expansion import expand_sum, same_term
from nsindy.terms.expression import Quote
from nsindy.terms.reading import read_expression
from nsindy.terms.term import Term
from nsindy.terms.text import readable

__all__ = ["Shared", "read_ties", "shared_places"]

_Place = tuple[int, Any]
"""An equation, and what `same_term` says of a term."""


class Shared(NamedTuple):
    """Places in arrays of coefficients [D, M] that follow others.

    Attributes:
      leaders: (equation, term) of what leads [T, 2].
      followers: of what follows it [T, 2]; no leader is among them.
      ratios: of the follower to its leader, scaled as the coefficients are [T].
    """

    leaders: np.ndarray
    followers: np.ndarray
    ratios: np.ndarray

    def free(self, mask: np.ndarray) -> np.ndarray:
        """A mask [D, M] without the places that follow."""
        return self._at_followers(mask, np.zeros(len(self.ratios), bool))

    def joined(self, mask: np.ndarray) -> np.ndarray:
        """The support [D, M] with every group of which it has any part."""
        whole = mask.copy()
        np.logical_or.at(whole, tuple(self.leaders.T), mask[tuple(self.followers.T)])
        return self.alike(whole)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Coefficients [D, M] whose followers have what their leaders say."""
        return self._at_followers(values, self.ratios * values[tuple(self.leaders.T)])

    def alike(self, values: np.ndarray) -> np.ndarray:
        """Values, or a support, [D, M] whose followers have what their leaders have."""
        return self._at_followers(values, values[tuple(self.leaders.T)])

    def _at_followers(self, values: np.ndarray, new: np.ndarray) -> np.ndarray:
        changed = values.copy()
        changed[tuple(self.followers.T)] = new
        return changed

    def held_by(self, columns: np.ndarray) -> np.ndarray:
        """Columns of each equation [D, C], the last of them making room for what is tied."""
        held, every = columns.copy(), np.concatenate([self.leaders, self.followers])
        for d, m in every:
            if m not in held[d]:
                tied = every[every[:, 0] == d, 1]
                held[d, np.flatnonzero(~np.isin(held[d], tied))[-1]] = m
        return held

    def matrix(self, places: np.ndarray, held: np.ndarray) -> np.ndarray:
        """What a change of the free coefficients changes of all [D·C, D·C].

        Args:
          places: term of each coefficient [D, C].
          held: False where a place is empty [D, C].
        """
        change = np.eye(places.size)
        flat = np.arange(places.size).reshape(places.shape)
        for (d, m), (e, n), ratio in zip(self.leaders, self.followers, self.ratios, strict=True):
            leader = flat[d][(places[d] == m) & held[d]]
            follower = flat[e][(places[e] == n) & held[e]]
            change[follower, follower] = 0.0
            if len(leader):
                change[follower, leader[0]] = ratio
        return change


def read_ties(texts: Sequence[str], physics: Physics, names: Names) -> Physics:
    """Read coefficients that are tied to each other, `S I in S' = -S I in I'`.

    The coefficient on the left is that on the right, times the number before its term.

    Args:
      texts: as they were written.
      physics: what else is known.
      names: of the recording.

    Returns:
      the same with `ties`.

    Raises:
      ValueError: one of them cannot be read, with the column and the fix, or it contradicts what
        else is known.
    """
    tied = physics._replace(ties=tuple(_tie(text, names) for text in texts))
    left = {row: name for name, row in names.equations.items()}
    given = {(b.equation, same_term(b.term)) for b in physics.given}
    free = {row: {same_term(term) for term in terms} for row, terms in physics.free}
    for bound in tied.tied:
        key, row = same_term(bound.term), bound.equation
        name = f"{readable(bound.term, names.columns)} in {left[row]}"
        if row in physics.whole or (row, key) in given:
            raise ValueError(f"{name} is known, so it cannot be tied; leave one of them out")
        if key not in free.get(row, {key}):
            raise ValueError(f"{name} is tied, but not among the terms that are free; add it there")
    return tied._replace(signs=_signs(tied, left))


def _signs(physics: Physics, left: dict[int, str]) -> tuple[Bound, ...]:
    """The signs that are known, of every coefficient that is tied to one of them as well."""
    groups, leads, signs = _grouped(physics), dict[_Place, float](), []
    for bound in physics.signs:
        place = bound.equation, same_term(bound.term)
        leader, ratio = groups.get(place, (place, 1.0))
        sign = float(np.sign(bound.value * ratio))
        if leads.setdefault(leader, sign) != sign:
            name = f"{readable(bound.term, physics.columns)} in {left[bound.equation]}"
            raise ValueError(f"the sign of {name} contradicts that of what it is tied to")
    places = {(b.equation, same_term(b.term)): b.term for b in (*physics.signs, *physics.tied)}
    for place, term in places.items():
        leader, ratio = groups.get(place, (place, 1.0))
        if leader in leads:
            signs.append(Bound(place[0], term, leads[leader] * float(np.sign(ratio))))
    return tuple(signs)


def _tie(text: str, names: Names) -> tuple[Bound, Bound]:
    found = re.fullmatch(r"(.*\S)\s+in\s+(\S+)\s*=\s*(.*\S)\s+in\s+(\S+)\s*", text)
    if found is None:
        Quote(text, text).refuse(
            0, "write two terms with their equations, as in S I in S' = -S I in I'"
        )
    quote = Quote(text, text)
    rows = [names.row(quote, found.group(i), found.start(i)) for i in (2, 4)]
    one = read_term(quote.part(found.start(1), found.end(1)), names)
    right = quote.part(found.start(3), found.end(3))
    expression = read_expression(right, names.columns, names.operations)
    parts = expand_sum(right, expression, names.columns, names.operations)
    if len(parts) != 1 or parts[0].term is None or parts[0].coefficient == 0:
        right.refuse(expression.place, "this is not one term with a number, such as -x or 2 x v")
    return Bound(rows[0], one, 1.0), Bound(rows[1], parts[0].term, parts[0].coefficient)


def _grouped(physics: Physics) -> dict[_Place, tuple[_Place, float]]:
    """The leader of every place that follows, and the ratio to it."""
    of: dict[_Place, tuple[_Place, float]] = {}
    for left, right in physics.ties:
        places = [(b.equation, same_term(b.term)) for b in (left, right)]
        (one, times), (other, share) = (of.get(place, (place, 1.0)) for place in places)
        if one == other:
            name = readable(left.term, physics.columns)
            raise ValueError(f"the coefficient of {name} is tied to itself, or twice; say it once")
        # times · one = value · share · other
        ratio = right.value * share / times
        of = {
            place: (other, factor * ratio) if leader == one else (leader, factor)
            for place, (leader, factor) in of.items()
        }
        of[one] = other, ratio
    return of


def shared_places(physics: Physics, terms: Sequence[Term], back: np.ndarray) -> Shared | None:
    """Where the terms of a library share coefficients, or None where none do.

    Args:
      physics: what is known.
      terms: the M terms, see `known.extended`.
      back: multiplies scaled coefficients to those of the recording [D, M].
    """
    if not physics.ties:
        return None
    at = {same_term(term): m for m, term in enumerate(terms)}
    groups = _grouped(physics)
    followers = np.array([(row, at[key]) for row, key in groups])
    leaders = np.array([(row, at[key]) for (row, key), _ in groups.values()])
    ratios = np.array([ratio for _, ratio in groups.values()])
    ratios = ratios * back[tuple(leaders.T)] / back[tuple(followers.T)]
    return Shared(leaders, followers, ratios)
