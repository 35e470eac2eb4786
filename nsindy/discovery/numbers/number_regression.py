"""Numbers inside terms that regressions propose: of derivatives, integrals and trajectories."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.numbers import number_blocks, number_tangent
from nsindy.discovery.numbers.number_blocks import Block, Offer
from nsindy.discovery.numbers.number_growth import (
    Form,
    Regressed,
    Regression,
    best_of_few,
    grams_of,
    grow,
    refine,
    share_left,
)
from nsindy.discovery.preparation import dictionary, signals, weak_form
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports.candidates import Candidate
from nsindy.terms.numbered import WAVE, inner_of
from nsindy.terms.products import is_product

__all__ = ["proposed", "proposed_along", "proposed_in", "raw_values"]


SECOND_SLOPE = 1.02
"""Times a second number, beside it, for the slope of its terms."""

_Kind = tuple[str, tuple[int, ...]]
"""A kind and its variables."""

_Key = tuple[int, str, tuple[int, ...], bool]
"""An equation, a kind, its variables, and whether another equation has the number as well."""


class _Posed(NamedTuple):
    """One equation in one regression.

    Attributes:
      one: the regression.
      base: its columns of the library [Q, M].
      target: of the equation [Q].
      equation: d.
    """

    one: Regressed
    base: np.ndarray
    target: np.ndarray
    equation: int


def proposed(
    prepared: Prepared, mask: np.ndarray, equations: np.ndarray, most: np.ndarray | None = None
) -> list[list[Offer]]:
    """Numbers with which regressions find better equations than without.

    In each equation supports are grown term by term among all terms of the library and all numbers
    that are tried, of which one may be in a support, and the numbers of the best of each size are
    refined.

    Args:
      prepared: the problem; variables that have a number have no other.
      mask: the support that was chosen, for the other equations [D, M].
      equations: True for those in which a number is looked for [D].
      most: terms that an equation with a number may have [D]; None for as many as any.

    Returns:
      the best of each equation, kind and variable, best first: of both regressions together where
      there is noise, and of each by itself where there is none, since they then err by the
      smoothing alone, each in its own way.
    """
    values = raw_values(prepared)
    blocks = _tried(prepared, values)
    asked = blocks and equations.any()
    posed = _regressions(prepared, values) if asked else []
    each = [_of_regression(prepared, one, blocks, mask, equations, most) for one in posed]
    if not signals.noiseless(prepared.signals):
        each = [list(itertools.chain(*each))]
    return [_paying(prepared, _best_of_each(own), mask) for own in each]


def proposed_in(
    prepared: Prepared, one: Regression, mask: np.ndarray, equations: np.ndarray
) -> list[Offer]:
    """The same of one regression, of some samples of the variables."""
    blocks = _tried(prepared, raw_values(prepared))
    return _best_of_each(_of_regression(prepared, one, blocks, mask, equations))


def _of_regression(
    prepared: Prepared,
    one: Regression,
    blocks: Sequence[Block],
    mask: np.ndarray,
    equations: np.ndarray,
    most: np.ndarray | None = None,
) -> list[tuple[int, Offer]]:
    """All offers of one regression, each with its equation."""
    # One force acts in all directions; see `_paying`.
    spares = constants.NUMBER_SPARES if prepared.order == 2 else 0.0
    columns = [one.columns(block) for block in blocks]
    every = [
        (_Posed(one, one.base, one.target[:, d], d), columns)
        for d in np.flatnonzero(equations).tolist()
    ]
    return _of_equations(prepared, every, blocks, mask, spares, most)


def _of_equations(
    prepared: Prepared,
    every: Sequence[tuple[_Posed, Sequence[np.ndarray]]],
    blocks: Sequence[Block],
    mask: np.ndarray,
    spares: float,
    most: np.ndarray | None = None,
) -> list[tuple[int, Offer]]:
    """The numbers of each equation, and those of one that another may have as well.

    Args:
      prepared: the problem.
      every: each equation in its regression, and the columns of the blocks there.
      blocks: the numbers that are tried.
      mask: the support that was chosen [D, M].
      spares: nats by which a number may be worse than the choice.
      most: terms that an equation with a number may have [D]; None for as many as any.
    """
    slots = prepared.problem.slots
    limits = np.full(len(mask), slots) if most is None else np.minimum(most, slots)
    found = _best(
        (posed.equation, offer)
        for posed, columns in every
        for offer in _of_equation(
            prepared, posed, blocks, columns, mask, limits[posed.equation], spares
        )
    )
    offers = [(d, offer) for (d, *_), offer in found.items()]
    place = {(block.kind, block.places): block for block in blocks}
    for (d, kind, places, shared), one in found.items():
        for posed, _ in every:
            other = found.get((posed.equation, kind, places, shared))
            if posed.equation == d or other is None or not _may_share(one, other):
                continue
            # Its own best may be off, with terms that make up for it.
            block = place[kind, places].at(np.array([one.inner.number]))
            block = block._replace(second=one.inner.second)
            columns = [posed.one.columns(block)]
            limit = limits[posed.equation]
            for at in _of_equation(prepared, posed, [block], columns, mask, limit, np.inf):
                offers.append((d, _shared(one, posed.equation, at)))
    return offers


def proposed_along(
    prepared: Prepared,
    chosen: Candidate,
    noise: np.ndarray,
    equations: np.ndarray,
    most: np.ndarray | None = None,
) -> list[Offer]:
    """The same of regressions along the trajectories around a choice; see `number_tangent`.

    Args:
      prepared: the problem; variables that have a number have no other.
      chosen: what was chosen without the number.
      noise: of each state [D].
      equations: True for those in which a number is looked for [D].
      most: terms that an equation with a number may have [D]; None for as many as any.
    """
    blocks = _tried(prepared, raw_values(prepared), waves=True)
    asked = equations if blocks else np.zeros(len(equations), bool)
    every = [
        (_Posed(one, one.base, one.target, one.equation), [one.columns(each) for each in blocks])
        for one in number_tangent.tangents(prepared, chosen, noise, asked)
    ]
    own = _of_equations(prepared, every, blocks, chosen.mask, constants.NUMBER_SPARES, most)
    offers = [(d, offer._replace(followed=True)) for d, offer in own]
    return _paying(prepared, _best_of_each(offers), chosen.mask)


def _paying(prepared: Prepared, offers: Sequence[Offer], mask: np.ndarray) -> list[Offer]:
    """Those that gain, or take the place of two terms more and lose little."""
    admissible = prepared.problem.admissible
    library = admissible.shape[1]
    before = (mask & admissible).sum()

    def pays(offer: Offer) -> bool:
        size = (offer.mask[:, :library] & admissible).sum() + offer.mask[:, library:].sum()
        return bool(offer.gain > (-constants.NUMBER_SPARES if size <= before - 2 else 0.0))

    return [offer for offer in offers if pays(offer)]


def raw_values(prepared: Prepared) -> list[np.ndarray]:
    """The variables of each recording in their raw units [N, V] or [2, N, V]."""
    return [signals.around_samples(s) * prepared.units.variables for s in prepared.signals]


def _tried(prepared: Prepared, values: Sequence[np.ndarray], *, waves: bool = False) -> list[Block]:
    """All numbers but those of waves, of which there may be slow ones."""
    every = number_blocks.blocks(prepared, values, paired=True)
    others = [block for block in every if block.kind != WAVE]
    slow = [b.at(b.numbers[: constants.WAVE_SLOW]) for b in every if b.kind == WAVE and waves]
    return others + slow


def _best_of_each(offers: Sequence[tuple[int, Offer]]) -> list[Offer]:
    """The best offer of each equation, kind and variable, and of two equations, best first."""
    return sorted(_best(offers).values(), key=lambda offer: -offer.gain)


def _best(offers: Iterable[tuple[int, Offer]]) -> dict[_Key, Offer]:
    """The best offer of each equation, kind and variables, and that of two equations."""
    found: dict[_Key, Offer] = {}
    for d, offer in offers:
        key = d, offer.inner.kind, offer.inner.places, offer.shared
        if key not in found or found[key].gain < offer.gain:
            found[key] = offer
    return found


def _may_share(one: Offer, other: Offer) -> bool:
    """Whether the number of an offer may be that of a worse one in another equation as well."""
    ratio = one.inner.number / other.inner.number if other.inner.number else 0.0
    near = 1 / constants.NUMBER_SHARED < ratio < constants.NUMBER_SHARED
    return near and one.gain >= other.gain


def _shared(one: Offer, d: int, other: Offer) -> Offer:
    """One number in two equations, paid once: what one species eats, another is."""
    mask = one.mask.copy()
    mask[d] = other.mask[d]
    return one._replace(mask=mask, gain=one.gain + other.gain + one.price, shared=True)


def _regressions(prepared: Prepared, values: list[np.ndarray]) -> list[Regression]:
    """The regression on derivatives, thinned, and that on integrals."""
    freedom = sum(s.freedom for s in prepared.signals)
    noiseless = signals.noiseless(prepared.signals)
    coarse = constants.FINE if noiseless else constants.COARSE[0]
    known = prepared.problem.known
    ends = np.cumsum([len(s.times) for s in prepared.signals])[:-1]
    theta = np.split(prepared.theta, ends)
    base, target, tests, variables = [], [], [], []
    for s, own, at in zip(prepared.signals, theta, values, strict=True):
        rows = np.flatnonzero(s.near)
        rows = rows[:: -(-len(rows) // constants.NUMBER_ROWS)]
        weight = 1 / np.sqrt(np.mean(s.relative[rows] ** 2, 1))
        base.append(weight[:, None] * own[rows])
        target.append(weight[:, None] * (s.derivatives[rows] - own[rows] @ known.T))
        tests.append(weight)
        variables.append(at[..., rows, :])
    first = Regression(
        np.concatenate(base), np.concatenate(target), tests, variables, freedom, coarse
    )
    base, target, tests = [], [], []
    for s, own in zip(prepared.signals, theta, strict=True):
        test, design, found = weak_form.of_recording(s, own)
        base.append(design)
        target.append(found - design @ known.T)
        tests.append(test)
    second = Regression(
        np.concatenate(base), np.concatenate(target), tests, values, freedom, coarse
    )
    return [first, second]


def _of_equation(
    prepared: Prepared,
    posed: _Posed,
    blocks: Sequence[Block],
    columns: Sequence[np.ndarray],
    mask: np.ndarray,
    limit: int,
    spares: float,
) -> list[Offer]:
    """The numbers that one regression finds for an equation.

    Args:
      prepared: the problem.
      posed: the equation in its regression.
      blocks: the numbers that are tried.
      columns: of each block, all numbers of the first term first [Q, W · G].
      mask: the support that was chosen [D, M].
      limit: terms that the equation with a number may have.
      spares: nats by which a number may be worse than the choice.
    """
    slots, d = prepared.problem.slots, posed.equation
    if limit < 1 or not np.linalg.norm(posed.target) > 0:
        return []
    posed = posed._replace(base=posed.base * prepared.problem.admissible[d])
    costs, digits = dictionary.costs(prepared.terms), number_blocks.digits(prepared)
    one, size = posed.one, len(costs)
    nothing = grams_of(posed.base, np.zeros((len(posed.base), 0, 1)), posed.target)
    plain = grow(nothing, costs, 0, slots, one, size)
    # Without noise enough terms make up for any number, which must do better than one term more.
    noiseless = signals.noiseless(prepared.signals)
    most = constants.NUMBER_REPLACES if noiseless else slots
    before = max(form.score for form in plain if len(form.terms) <= most)
    own = np.flatnonzero(mask[d] & prepared.problem.admissible[d])
    if len(own) <= most:
        # The choice follows trajectories; growing term by term may not find its terms.
        before = max(before, _score(posed, costs, own))
    found: dict[int, Offer] = {}
    # With noise a pair of bent terms would often stand for one of products.
    open_ = [noiseless or is_product(term) or inner_of(term) is not None for term in prepared.terms]
    among = np.flatnonzero(np.array(open_) & prepared.problem.admissible[d])
    for b, form in _grown(posed, blocks, columns, costs, limit, among):
        block, terms = blocks[b], np.array(form.terms)
        with_number = terms[terms >= size] - size
        # A wave goes up and down with whatever does.
        choice = np.log(len(block.numbers)) if block.kind == WAVE else 0.0
        fixed = posed.base[:, terms[terms < size]]
        block, left = refine(one, fixed, block, with_number, form.at, posed.target)
        nats = np.sum(np.concatenate([costs, block.prices])[terms])
        price = float(digits * block.numbers_of_each + choice)
        score = float(one.evidence(left, len(terms), nats, size)) - price
        gain = score - before
        few = [form.score for form in plain if len(form.terms) <= len(terms)]
        worse = gain <= -spares or (noiseless and score <= max(few))
        if worse or (b in found and found[b].gain > gain):
            continue
        shown = np.pad(mask, ((0, 0), (0, len(block.shapes))))
        shown[d] = np.isin(np.arange(shown.shape[1]), terms)
        found[b] = Offer(block.inner(float(block.numbers[0])), shown, price, gain)
    return list(found.values())


def _grown(
    posed: _Posed,
    blocks: Sequence[Block],
    columns: Sequence[np.ndarray],
    costs: np.ndarray,
    slots: int,
    among: np.ndarray,
) -> Iterator[tuple[int, Form]]:
    """The best supports of each size that hold a number, each with the place of its block.

    With a number that is off many terms make up for it, so that few may be the best of all when it
    is refined.
    """
    one, size = posed.one, len(costs)
    best: dict[int, list[tuple[float, int, Form]]] = {}
    for b, (block, own) in enumerate(zip(blocks, columns, strict=True)):
        each = own.reshape(len(own), len(block.shapes), -1)
        grams = grams_of(posed.base, each, posed.target)
        prices = np.concatenate([costs, block.prices])
        forms = grow(grams, prices, size, min(slots, constants.NUMBER_TERMS), one, size)
        # Two numbers are tried with one term beside them as well as with two.
        enough = len(among) > 1 and slots >= 3 - (block.second is not None)
        if enough and len(block.numbers) > 1:
            second = None
            if block.second is not None:
                near = one.columns(block._replace(second=SECOND_SLOPE * block.second))
                second = (near - own).reshape(each.shape)
            forms += best_of_few(one, posed.base, each, posed.target, prices, among, second)
        for form in forms:
            if len(form.terms) <= slots:
                best.setdefault(len(form.terms), []).append((form.score, b, form))
    for forms in best.values():
        chosen: dict[int, dict[_Kind, tuple[int, Form]]]
        chosen = {numbers: {} for numbers in constants.NUMBER_REFINED}
        for _, b, form in sorted(forms, key=lambda each: -each[0]):
            block = blocks[b]
            chosen[block.numbers_of_each].setdefault((block.kind, block.places), (b, form))
        for numbers, most in constants.NUMBER_REFINED.items():
            yield from list(chosen[numbers].values())[:most]


def _score(posed: _Posed, costs: np.ndarray, own: np.ndarray) -> float:
    """Log evidence of terms without a number."""
    if not len(own):
        return -np.inf
    left = share_left(posed.base[:, own], posed.target)
    return float(posed.one.evidence(left, len(own), costs[own].sum(), len(costs)))
