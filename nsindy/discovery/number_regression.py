"""Numbers inside terms that regressions propose: on smoothed derivatives and on integrals.

Letters beside the usual: Q rows of a regression · P base columns · C columns with a number.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import gammaln

from nsindy.discovery import constants, dictionary, number_blocks, signals, weak_form
from nsindy.discovery.number_blocks import Block, Offer
from nsindy.discovery.problem import Prepared
from nsindy.discovery.search import Found
from nsindy.terms.numbered import WAVE
from nsindy.terms.products import is_product

__all__ = ["leaves_more", "promising", "proposed"]

SPANNED = 1e-9
"""Share of a column's square below which a support spans it already."""

RIDGE = 1e-12
"""Beside columns of length 1, what keeps equal ones apart."""


class _Regression(NamedTuple):
    """One regression of all equations.

    Attributes:
      base: columns of the library [Q, M].
      target: [Q, D].
      tests: from samples to rows, recording by recording [Q_r, N_r]; or weights of samples [N_r].
      variables: of each recording, raw [N_r, V].
      samples: n, independent ones.
      coarse: share of the target that is taken for nothing.
    """

    base: np.ndarray
    target: np.ndarray
    tests: list[np.ndarray]
    variables: list[np.ndarray]
    samples: float
    coarse: float

    def evidence(self, left: Any, count: int, costs: Any, size: int) -> Any:
        """Nats of a support, the variance profiled, up to a constant.

        Args:
          left: share of the squares of the target.
          count: number of terms.
          costs: nats of its terms and its number.
          size: number of terms of the library.
        """
        free = max(self.samples - count - 2, 1.0)
        penalty = 0.5 * count * np.log(self.samples) * self.samples / free
        choice = gammaln(size + 1) - gammaln(count + 1) - gammaln(size - count + 1)
        nats = -0.5 * self.samples * np.log(np.maximum(left, 0) + self.coarse**2)
        return nats - penalty - choice - costs

    def columns(self, block: Block) -> np.ndarray:
        """The terms of a block, all numbers of the first term first [Q, W · G]."""
        each = []
        for test, variables in zip(self.tests, self.variables, strict=True):
            values = block.columns(variables)
            each.append(test @ values if test.ndim == 2 else test[:, None] * values)
        return np.concatenate(each)


class _Form(NamedTuple):
    """Terms of an equation, and the number with which they fit best.

    Attributes:
      terms: places among the columns.
      at: which number.
      score: log evidence, nats.
    """

    terms: tuple[int, ...]
    at: int
    score: float


def promising(prepared: Prepared, found: Found) -> np.ndarray:
    """Equations in which a number may earn its price [D].

    A number pays where it takes the place of several terms, where a term is no product and may
    stand for another, or where the choice leaves more than the noise that smoothing found.

    Args:
      prepared: the problem.
      found: a search.
    """
    terms = (found.chosen.mask & prepared.problem.admissible).sum(1)
    least = constants.NUMBER_REPLACES + signals.noiseless(prepared.signals)
    bent = [not is_product(term) for term in prepared.terms]
    stands = (found.chosen.mask & np.array(bent)).any(1)
    open_ = prepared.problem.admissible.any(1) & ~prepared.tables.listed
    return open_ & (leaves_more(prepared, found) | (terms >= least) | stands)


def leaves_more(prepared: Prepared, found: Found) -> bool:
    """Whether a choice leaves more than the noise that smoothing found, by nats that could pay.

    The noise that smoothing found has an error of its own, and a share of `NOISE_ERROR` more is
    none where what is left has no structure in time.
    """
    floor = prepared.problem.floor
    seen = np.maximum(signals.noise(prepared.signals), floor)
    ratio = np.where(seen > 0, np.maximum(found.noise, floor) / np.where(seen > 0, seen, 1.0), 1.0)
    more = np.log(ratio) - 1 / np.sqrt(2 * np.maximum(found.samples, 1.0))
    more -= np.where(found.chosen.independent < 1, 0.0, constants.NOISE_ERROR)
    return bool(np.sum(found.samples * np.maximum(more, 0.0)) > constants.WAVE_EARNS)


def proposed(prepared: Prepared, mask: np.ndarray, equations: np.ndarray) -> list[list[Offer]]:
    """Numbers with which regressions find better equations than without.

    In each equation supports are grown term by term among all terms of the library and all numbers
    that are tried, of which one may be in a support, and the numbers of the best of each size are
    refined.

    Args:
      prepared: the problem; variables that have a number have no other.
      mask: the support that was chosen, for the other equations [D, M].
      equations: True for those in which a number is looked for [D].

    Returns:
      the best of each equation, kind and variable, best first: of both regressions together where
      there is noise, and of each by itself where there is none, since they then err by the
      smoothing alone, each in its own way.
    """
    values = [np.hstack([s.states, s.inputs]) * prepared.units.variables for s in prepared.signals]
    every = number_blocks.blocks(prepared, values, paired=True)
    blocks = [block for block in every if block.kind != WAVE]
    each: list[list[tuple[int, Offer]]] = []
    for one in _regressions(prepared, values) if blocks and equations.any() else ():
        columns = [one.columns(block) for block in blocks]
        rows = np.flatnonzero(equations).tolist()
        offers = ((d, _of_equation(prepared, one, blocks, columns, d, mask)) for d in rows)
        each.append([(d, offer) for d, own in offers for offer in own])
    if not signals.noiseless(prepared.signals):
        each = [list(itertools.chain(*each))]
    return [_best_of_each(own) for own in each]


def _best_of_each(offers: Sequence[tuple[int, Offer]]) -> list[Offer]:
    """The best offer of each equation, kind and variable, best first."""
    found: dict[tuple[int, str, tuple[int, ...]], Offer] = {}
    for d, offer in offers:
        key = d, offer.inner.kind, offer.inner.places
        if key not in found or found[key].gain < offer.gain:
            found[key] = offer
    return sorted(found.values(), key=lambda offer: -offer.gain)


def _regressions(prepared: Prepared, values: list[np.ndarray]) -> list[_Regression]:
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
        variables.append(at[rows])
    first = _Regression(
        np.concatenate(base), np.concatenate(target), tests, variables, freedom, coarse
    )
    base, target, tests = [], [], []
    for s, own in zip(prepared.signals, theta, strict=True):
        test, design, found = weak_form.of_recording(s, own)
        base.append(design)
        target.append(found - design @ known.T)
        tests.append(test)
    second = _Regression(
        np.concatenate(base), np.concatenate(target), tests, values, freedom, coarse
    )
    return [first, second]


def _of_equation(
    prepared: Prepared,
    one: _Regression,
    blocks: Sequence[Block],
    columns: Sequence[np.ndarray],
    d: int,
    mask: np.ndarray,
) -> list[Offer]:
    """The numbers that one regression finds for equation d."""
    target, slots = one.target[:, d], prepared.problem.slots
    if not np.linalg.norm(target) > 0:
        return []
    costs, base = dictionary.costs(prepared.terms), one.base * prepared.problem.admissible[d]
    digits, size = number_blocks.digits(prepared), len(costs)
    plain = _grown(_products(base, np.zeros((len(base), 0, 1)), target), costs, 0, slots, one, size)
    # Without noise enough terms make up for any number, which must do better than one term more.
    noiseless = signals.noiseless(prepared.signals)
    most = constants.NUMBER_REPLACES if noiseless else slots
    before = max(form.score for form in plain if len(form.terms) <= most)
    own = np.flatnonzero(mask[d] & prepared.problem.admissible[d])
    if len(own) <= most:
        # The choice follows trajectories; growing term by term may not find its terms.
        before = max(before, _score(one, base, costs, own, target))
    best: dict[int, list[tuple[float, int, _Form]]] = {}
    for b, (block, own) in enumerate(zip(blocks, columns, strict=True)):
        each = own.reshape(len(own), len(block.shapes), -1)
        grams = _products(base, each, target)
        prices = np.concatenate([costs, block.prices])
        forms = _grown(grams, prices, size, min(slots, constants.NUMBER_TERMS), one, size)
        if noiseless and slots >= constants.NUMBER_REPLACES and len(block.numbers) > 1:
            forms += _triples(one, base, each, target, prices)
        for form in forms:
            best.setdefault(len(form.terms), []).append((form.score, b, form))
    found: dict[int, Offer] = {}
    for forms in best.values():
        # With a number that is off many terms make up for it, so that few may be the best of all
        # when it is refined.
        chosen: dict[int, dict[int, _Form]] = {numbers: {} for numbers in constants.NUMBER_OFFERS}
        for _, b, form in sorted(forms, key=lambda each: -each[0]):
            chosen[blocks[b].numbers_of_each].setdefault(b, form)
        first = [list(chosen[n].items())[:most] for n, most in constants.NUMBER_OFFERS.items()]
        for b, form in itertools.chain(*first):
            block, terms = blocks[b], np.array(form.terms)
            own = terms[terms >= size] - size
            block, left = _refined(one, base[:, terms[terms < size]], block, own, form.at, target)
            nats = np.sum(np.concatenate([costs, block.prices])[terms])
            price = digits * block.numbers_of_each
            score = float(one.evidence(left, len(terms), nats, size)) - price
            gain = score - before
            few = [form.score for form in plain if len(form.terms) <= len(terms)]
            worse = gain <= 0 or (noiseless and score <= max(few))
            if worse or (b in found and found[b].gain > gain):
                continue
            shown = np.pad(mask, ((0, 0), (0, len(block.shapes))))
            shown[d] = np.isin(np.arange(shown.shape[1]), terms)
            found[b] = Offer(block.inner(float(block.numbers[0])), shown, price, gain)
    return list(found.values())


def _score(
    one: _Regression, base: np.ndarray, costs: np.ndarray, own: np.ndarray, target: np.ndarray
) -> float:
    """Log evidence of terms without a number."""
    if not len(own):
        return -np.inf
    left = _left(base[:, own], target)
    return float(one.evidence(left, len(own), costs[own].sum(), len(costs)))


def _left(columns: np.ndarray, target: np.ndarray) -> float:
    """Share of the squares of a target [Q] that columns [Q, K] leave."""
    # A term that a recording's constant state makes zero has no length.
    columns = _unit(columns)
    rest = target - columns @ np.linalg.lstsq(columns, target, rcond=None)[0]
    return float(np.sum(rest**2) / np.sum(target**2))


def _products(base: np.ndarray, own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Products of all columns of length 1, for each number [G, M + W + 1, M + W + 1].

    Args:
      base: columns without a number [Q, M].
      own: those with each number [Q, W, G].
      target: [Q].
    """
    kinds, count = own.shape[1:]
    every = np.concatenate([base, own.reshape(len(own), kinds * count), target[:, None]], 1)
    every = _unit(every)
    size = base.shape[1]
    numbered = size + np.arange(kinds * count).reshape(kinds, count).T
    places = np.concatenate(
        [
            np.broadcast_to(np.arange(size), (count, size)),
            numbered,
            np.full((count, 1), every.shape[1] - 1),
        ],
        1,
    )
    outer = every.T @ every
    return outer[places[:, :, None], places[:, None, :]]


def _grown(
    grams: np.ndarray, costs: np.ndarray, first: int, slots: int, one: _Regression, size: int
) -> list[_Form]:
    """Terms of an equation, grown one by one, each with the number that suits them best.

    Args:
      grams: products of the columns and the target, for each number [G, P + 1, P + 1].
      costs: nats of each column [P].
      first: from this column on they hold the number; one of them is in every support.
      slots: most terms.
      one: the regression.
      size: number of terms of the library.
    """
    count = grams.shape[1] - 1
    level: list[tuple[int, ...]] = [(m,) for m in range(first, count)]
    single = one.evidence(1 - grams[:, first:count, -1] ** 2, 1, costs[None, first:], size)
    every = [
        _Form(terms, int(np.argmax(row)), float(np.max(row)))
        for terms, row in zip(level, single.T, strict=True)
    ]
    for terms in range(2, slots + 1):
        held = np.array(level)
        inner = grams[:, held[:, :, None], held[:, None, :]] + RIDGE * np.eye(terms - 1)
        rows = grams[:, held]
        solved = np.linalg.solve(inner, rows)
        squares = 1 - np.einsum("gfkp,gfkp->gfp", rows, solved)
        toward = grams[:, None, :, -1] - np.einsum("gfkp,gfk->gfp", rows, solved[..., -1])
        left = squares[:, :, -1:] - toward[:, :, :-1] ** 2 / np.maximum(squares[:, :, :-1], SPANNED)
        spent = costs[held].sum(1)[None, :, None] + costs
        scores = one.evidence(left, terms, spent, size)
        scores = np.where(squares[:, :, :-1] > SPANNED, scores, -np.inf)
        np.put_along_axis(scores, held[None].repeat(len(scores), 0), -np.inf, 2)
        best = scores.max(0)
        found: dict[tuple[int, ...], _Form] = {}
        for flat in np.argsort(-best, axis=None)[: 4 * constants.NUMBER_WIDTH].tolist():
            f, m = divmod(flat, count)
            key = tuple(sorted((*level[f], m)))
            if np.isfinite(best[f, m]) and len(found) < constants.NUMBER_WIDTH:
                form = _Form(key, int(np.argmax(scores[:, f, m])), float(best[f, m]))
                found.setdefault(key, form)
        if not found:
            break
        level = list(found)
        every += found.values()
    return every


def _triples(
    one: _Regression, base: np.ndarray, own: np.ndarray, target: np.ndarray, costs: np.ndarray
) -> list[_Form]:
    """The best support of each term with a number and two without, over all pairs of these.

    Beside the term stands its slope in the number, so that a number between those that are tried
    counts as well as one of them. Grown term by term such a support need not be met: what is right
    by three terms may be worth little by two.

    Args:
      one: the regression.
      base: columns without a number [Q, M].
      own: those with each number, more than one [Q, W, G].
      target: [Q].
      costs: nats of each column, those with a number last [M + W].
    """
    size, kinds = base.shape[1], own.shape[1]
    plain = _unit(np.column_stack([base, target]))
    terms, slopes = _unit(own), np.gradient(own, axis=2)
    slopes = _unit(slopes - terms * np.sum(terms * slopes, 0))
    gram = plain.T @ plain
    spent = costs[:size, None] + costs[:size]
    found = []
    for w in range(kinds):
        best = None
        for g in range(own.shape[2]):
            seen = np.column_stack([terms[:, w, g], slopes[:, w, g]]).T @ plain
            rest = gram - seen.T @ seen
            square, toward, cross = np.diagonal(rest)[:-1], rest[:-1, -1], rest[:-1, :-1]
            area = square[:, None] * square - cross**2
            twice = toward[:, None] ** 2 * square - toward[:, None] * toward * cross
            left = rest[-1, -1] - (twice + twice.T) / np.where(area > SPANNED, area, np.inf)
            scores = one.evidence(left, 3, spent + costs[size + w], size)
            at = int(np.argmax(scores))
            if best is None or scores.flat[at] > best.score:
                pair = sorted(divmod(at, size))
                best = _Form((*pair, size + w), g, float(scores.flat[at]))
        if best is not None and best.terms[0] != best.terms[1]:
            found.append(best)
    return found


def _unit(columns: np.ndarray) -> np.ndarray:
    """Columns of length 1, or 0 [Q, ...]."""
    norms = np.linalg.norm(columns, axis=0)
    return np.where(norms > 0, columns / np.where(norms > 0, norms, 1.0), 0.0)


def _refined(
    one: _Regression,
    fixed: np.ndarray,
    block: Block,
    own: np.ndarray,
    place: int,
    target: np.ndarray,
) -> tuple[Block, float]:
    """The number between its neighbours with which terms leave least, and the share that is left.

    A second number has no neighbours, and is refined with the first.

    Args:
      one: the regression.
      fixed: columns of the terms without a number [Q, K].
      block: its kind.
      own: which terms of the kind there are.
      place: the number among those of the block.
      target: [Q].
    """

    def left(number, second):
        columns = one.columns(block.at(np.array([number]))._replace(second=second))[:, own]
        share = _left(np.concatenate([fixed, columns], 1), target)
        return float(np.log(share + np.finfo(float).tiny))

    low = block.numbers[max(place - 1, 0)]
    high = block.numbers[min(place + 1, len(block.numbers) - 1)]
    if block.second is None:
        found = minimize_scalar(
            lambda number: left(number, None),
            bounds=(low, high),
            method="bounded",
            options={"xatol": 1e-4 * (high - low)},
        )
        number, second = float(found.x), None
    else:
        width, first = high - low, block.numbers[place]
        found = minimize(
            lambda x: left(first + width * x[0], block.second * np.exp(x[1])),
            np.zeros(2),
            method="Nelder-Mead",
            options={"xatol": 1e-3, "fatol": 1e-3, "maxfev": 120},
        )
        number, second = first + width * found.x[0], float(block.second * np.exp(found.x[1]))
    refined = block.at(np.array([number]))._replace(second=second)
    return refined, float(np.exp(found.fun))
