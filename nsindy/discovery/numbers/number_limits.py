"""What terms with a number become where one of them is of no account, or acts in all directions.

x / (K + x + x²/L) times x is x² / (K L + x²) where K is far below all x, and without its x² where L
is far above them; so is x y / (1 + x/K + y/L) without a state whose number is. And a x beside
b x log(x / K) is b x log(x / L), L = K exp(-a / b). A force f(r) x is one of f(r) y as well.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from nsindy.discovery.numbers.number_blocks import Offer, digits
from nsindy.discovery.numbers.several_numbers import carried
from nsindy.discovery.preparation.kinds import Shape
from nsindy.discovery.preparation.problem import Prepared
from nsindy.terms.numbered import Inner
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.term import Term

__all__ = ["toward_a_centre", "with_one_number", "without_line"]

_Times = tuple[int, ...]
_Shapes = dict[tuple[str, _Times], tuple[str, _Times]]
"""An operation and what it is multiplied with, by those whose place it takes."""


class _Limit(NamedTuple):
    """A number in place of two, and what becomes of their terms."""

    inner: Inner
    becomes: _Shapes


def with_one_number(wide: Prepared, prepared: Prepared, mask: np.ndarray) -> list[Offer]:
    """A choice with one number in place of the last two; none where it has no such terms.

    Args:
      wide: the library with two numbers, the last of its numbers, in its terms.
      prepared: the library without them.
      mask: the support that was chosen of the first [D, M].
    """
    held, count = wide.units.inner[-1], len(wide.units.states)
    offers = []
    old = _shapes(wide, held)
    for limit in _limits(held, {times for _, times in old}):
        if limit.inner.kind not in prepared.kinds.others:
            continue
        new = _shapes(prepared, limit.inner)
        size, places = len(prepared.terms), {term: m for m, term in enumerate(prepared.terms)}
        terms = wide.kinds.terms(held, count)
        places |= {
            term: size + new.index(limit.becomes[shape])
            for term, shape in zip(terms, old, strict=True)
            if limit.becomes.get(shape) in new
        }
        shown = np.zeros((count, size + len(new)), bool)
        for m in np.flatnonzero(mask.any(0)):
            if wide.terms[m] in places:
                shown[:, places[wide.terms[m]]] |= mask[:, m]
        if shown[:, size:].any():
            offers.append(Offer(limit.inner, shown, digits(prepared), 1.0, followed=True))
    return offers


def toward_a_centre(wide: Prepared, prepared: Prepared, mask: np.ndarray) -> list[Offer]:
    """A force toward a centre in both directions, f(r) x and f(r) y, where one was chosen.

    Along one orbit few terms stand for the other nearly as well, as long as the number in f is off.

    Args:
      wide: the library of accelerations with a number of two positions in its terms, the last.
      prepared: the library without it.
      mask: the support that was chosen of the first [D, M].
    """
    held, count = wide.units.inner[-1], len(wide.units.states)
    half = count // 2
    if wide.order != 2 or len(held.places) < 2 or max(held.places) >= half:
        return []
    shapes, terms = _shapes(wide, held), wide.kinds.terms(held, count)
    own = {wide.terms[m] for place in held.places for m in np.flatnonzero(mask[half + place])}
    central = {
        operation
        for term, (operation, times) in zip(terms, shapes, strict=True)
        if term in own and times in [(place,) for place in held.places]
    }
    offers = []
    for operation in sorted(central):
        shown = carried(wide.terms, (*prepared.terms, *terms), mask)
        for place in held.places:
            shown[half + place] = False
            shown[half + place, len(prepared.terms) + shapes.index((operation, (place,)))] = True
        offers.append(Offer(held, shown, digits(prepared), 1.0, followed=True))
    return offers


def _shapes(prepared: Prepared, inner: Inner) -> list[tuple[str, _Times]]:
    every = prepared.kinds.shapes(inner.kind, inner.places, len(prepared.units.states))
    return [(str(getattr(s.operation, "name", s.operation)), s.times) for s in every]


def _limits(held: Inner, times: Iterable[_Times]) -> Iterator[_Limit]:
    if held.kind == "haldane" and held.second is not None:
        x, square = held.place, float(np.sqrt(held.number * held.second))
        squared: _Shapes = {("haldane", t): ("hill2", t[:-1]) for t in times if t[-1:] == (x,)}
        yield _Limit(Inner("hill2", x, square), squared)
        every: _Shapes = {("haldane", t): ("michaelis", t) for t in times}
        yield _Limit(Inner("saturation", x, held.number), every)
    if held.kind == "competition" and held.second is not None and held.before is not None:
        pair = held.before, held.place
        for (x, y), number in ((pair, held.number), (pair[::-1], held.second)):
            shapes: _Shapes = {("competition", t): ("inhibition", t) for t in times}
            shapes |= {
                ("competition", (x,)): ("michaelis", ()),
                ("beddington", ()): ("michaelis", (y,)),
            }
            yield _Limit(Inner("saturation", x, number), shapes)


def without_line(offer: Offer, wide: Prepared, coefficients: np.ndarray) -> Offer:
    """An offer of log(x / K) without x beside x log(x / K), which only says what K is.

    Args:
      offer: the number.
      wide: the library with it.
      coefficients: scaled, of its support [D, M].
    """
    inner, x = offer.inner, offer.inner.place
    pair = Term(PRIMITIVES["identity"], (x,)), Shape(NUMBERED[inner.kind], (x,)).term(inner)
    # An input is not multiplied with its own logarithm.
    if not {*pair} <= {*wide.terms}:
        return offer
    line, bent = map(wide.terms.index, pair)
    both = offer.mask[:, line] & offer.mask[:, bent]
    if not both.any():
        return offer
    row = wide.in_units(coefficients)[np.argmax(both)]
    shift = np.clip(row[line] / row[bent], -10.0, 10.0) if row[bent] else 0.0
    mask = offer.mask.copy()
    mask[both, line] = False
    return offer._replace(
        inner=inner._replace(number=inner.number * float(np.exp(-shift))), mask=mask
    )
