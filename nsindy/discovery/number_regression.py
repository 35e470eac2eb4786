"""Numbers inside terms that regressions propose: on smoothed derivatives and on integrals.

Letters beside the usual: Q rows of a regression · P base columns · C columns with a number.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from nsindy.discovery import constants, dictionary, number_scan, signals, weak_form
from nsindy.discovery.number_scan import Block, Offer
from nsindy.discovery.problem import Prepared
from nsindy.terms.numbered import Inner

__all__ = ["proposed"]

SPANNED = 1e-9
"""Share of a column's square below which a support spans it already."""


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

    def columns(self, block: Block) -> np.ndarray:
        """The terms of a block, all numbers of the first term first [Q, W · G]."""
        each = []
        for test, variables in zip(self.tests, self.variables, strict=True):
            values = block.columns(variables)
            each.append(test @ values if test.ndim == 2 else test[:, None] * values)
        return np.concatenate(each)


class _Support(NamedTuple):
    """Columns of one equation, at most one number among them.

    Attributes:
      terms: their places.
      number: which number they hold, an index of numbers; -1 for none.
      score: log evidence, nats.
      left: what is left of the target [Q].
      basis: orthonormal, of the columns [Q, K].
      squares: of every column, what is left of 1 [P + C].
      costs: nats of its terms and its number.
    """

    terms: tuple[int, ...]
    number: int
    score: float
    left: np.ndarray
    basis: np.ndarray
    squares: np.ndarray
    costs: float


def proposed(prepared: Prepared, mask: np.ndarray) -> list[Offer]:
    """Numbers with which regressions find better equations than without.

    In each equation supports are grown term by term among all terms of the library and all numbers
    that are tried, of which one may be in a support. The numbers of the best are refined, and the
    rest of the equation is chosen anew beside them.

    Args:
      prepared: the problem; variables that have a number have no other.
      mask: the support that was chosen, for the other equations [D, M].

    Returns:
      the best of each equation, kind and variable, best first.
    """
    values = [np.hstack([s.states, s.inputs]) * prepared.units.variables for s in prepared.signals]
    blocks = [b for b in number_scan.blocks(prepared, values) if b.kind != "wave"]
    equations = np.flatnonzero(prepared.problem.admissible.any(1) & ~prepared.tables.listed)
    found: dict[tuple[int, str, int], Offer] = {}
    for one in _regressions(prepared, values) if blocks else ():
        columns = [one.columns(block) for block in blocks]
        for d in equations.tolist():
            for offer in _of_equation(prepared, one, blocks, columns, d, mask):
                key = d, offer.inner.kind, offer.inner.place
                if key not in found or found[key].gain < offer.gain:
                    found[key] = offer
    return sorted(found.values(), key=lambda offer: -offer.gain)


def _regressions(prepared: Prepared, values: list[np.ndarray]) -> list[_Regression]:
    """The regression on derivatives, thinned, and that on integrals."""
    freedom = sum(s.freedom for s in prepared.signals)
    noiseless = bool(np.max(signals.noise(prepared.signals)) < constants.FINE)
    coarse = constants.FINE if noiseless else constants.COARSE[0]
    known = prepared.problem.known
    ends = np.cumsum([len(s.times) for s in prepared.signals])[:-1]
    theta = np.split(prepared.theta, ends)
    base, target, tests, variables = [], [], [], []
    for s, own, at in zip(prepared.signals, theta, values, strict=True):
        rows = np.flatnonzero(s.near)
        rows = rows[:: -(-len(rows) // constants.NUMBER_SAMPLES)]
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


class _Table(NamedTuple):
    """Columns of the library, and behind them those of numbers.

    Attributes:
      columns: of length 1 [Q, P + C].
      numbers: which number each holds; -1 for none [P + C].
      shapes: which term of its kind each is; -1 for none [P + C].
      blocks: which kind and variable; -1 for none [P + C].
      costs: nats of each term [P + C].
      price: nats of a number.
    """

    columns: np.ndarray
    numbers: np.ndarray
    shapes: np.ndarray
    blocks: np.ndarray
    costs: np.ndarray
    price: float

    @classmethod
    def of(
        cls, base: np.ndarray, costs: np.ndarray, blocks: Sequence[Block], own: list, price: float
    ) -> "_Table":
        """Columns [Q, P] with their costs [P], and those of each block [Q, W · G]."""
        none = np.full(len(costs), -1)
        numbers, shapes, owners, prices, first = [none], [none], [none], [costs], 0
        for place, block in enumerate(blocks):
            count, kinds = len(block.numbers), len(block.shapes)
            numbers.append(np.tile(first + np.arange(count), kinds))
            shapes.append(np.repeat(np.arange(kinds), count))
            owners.append(np.full(kinds * count, place))
            prices.append(np.repeat(block.prices, count))
            first += count
        every = np.concatenate([base, *own], 1)
        length = np.linalg.norm(every, axis=0)
        every = np.where(length > 0, every / np.where(length > 0, length, 1.0), 0.0)
        parts = [np.concatenate(each) for each in (numbers, shapes, owners, prices)]
        return cls(every, *parts, price)  # type: ignore[call-arg, arg-type]

    def grown(self, target: np.ndarray, slots: int, one: _Regression) -> list[_Support]:
        """Supports of a target [Q], grown term by term, best first.

        Of each size go on the best without a number, and the best few of each kind and variable.
        """
        target = target / np.linalg.norm(target)
        size = int((self.numbers < 0).sum())

        def evidence(left, count, costs):
            free = max(one.samples - count - 2, 1.0)
            penalty = 0.5 * count * np.log(one.samples) * one.samples / free
            choice = gammaln(size + 1) - gammaln(count + 1) - gammaln(size - count + 1)
            nats = -0.5 * one.samples * np.log(np.maximum(left, 0) + one.coarse**2)
            return nats - penalty - choice - costs

        squares = np.sum(self.columns**2, 0)
        level = [_Support((), -1, -np.inf, target, np.zeros((len(target), 0)), squares, 0.0)]
        every, met = [], set[tuple[int, ...]]()
        for count in range(1, slots + 1):
            options = []
            for parent in level:
                free = parent.squares > SPANNED
                free[list(parent.terms)] = False
                if parent.number >= 0:
                    free &= (self.numbers < 0) | (self.numbers == parent.number)
                gains = (parent.left @ self.columns) ** 2 / np.where(free, parent.squares, 1.0)
                new = (self.numbers >= 0) & (parent.number < 0)
                costs = parent.costs + self.costs + np.where(new, self.price, 0.0)
                left = parent.left @ parent.left - gains
                scores = np.where(free, evidence(left, count, costs), -np.inf)
                options += [(float(scores[m]), parent, m) for m in self._various(scores, parent)]
            options.sort(key=lambda option: -option[0])
            level, taken = [], dict[int, int]()
            for score, parent, m in options:
                key = tuple(sorted((*parent.terms, m)))
                block = max(self._block(parent.number), int(self.blocks[m]))
                full = constants.SCREEN_WIDTH if block < 0 else constants.NUMBER_WIDTH
                if key in met or taken.get(block, 0) == full:
                    continue
                met.add(key)
                taken[block] = taken.get(block, 0) + 1
                level.append(self._with(parent, m, key, score))
            every += level
        return sorted(every, key=lambda support: -support.score)

    def _block(self, number: int) -> int:
        """The block of a number; -1 for none."""
        return int(self.blocks[np.argmax(self.numbers == number)]) if number >= 0 else -1

    def _various(self, scores: np.ndarray, parent: _Support) -> list[int]:
        """The best columns without a number, and where there is none yet the best of each block."""
        order = np.argsort(-scores, kind="stable")
        order = order[np.isfinite(scores[order])]
        if parent.number >= 0:
            return order[: constants.NUMBER_WIDTH].tolist()
        own = self.blocks[order]
        kept = [order[own < 0][: constants.SCREEN_WIDTH]]
        kept += [order[own == b][: constants.NUMBER_WIDTH] for b in range(self.blocks.max() + 1)]
        return np.concatenate(kept).tolist()

    def _with(self, parent: _Support, m: int, key: tuple[int, ...], score: float) -> _Support:
        """A support with one column more."""
        column = self.columns[:, m] - parent.basis @ (parent.basis.T @ self.columns[:, m])
        column /= np.linalg.norm(column)
        number = int(max(parent.number, self.numbers[m]))
        new = self.numbers[m] >= 0 > parent.number
        return _Support(
            key,
            number,
            score,
            parent.left - column * (column @ parent.left),
            np.column_stack([parent.basis, column]),
            np.maximum(parent.squares - (column @ self.columns) ** 2, 0.0),
            parent.costs + float(self.costs[m]) + self.price * new,
        )


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
    costs = dictionary.costs(prepared.terms)
    base = one.base * prepared.problem.admissible[d]
    starts = np.cumsum([0, *(len(block.numbers) for block in blocks)])
    price = float(0.5 * np.log(one.samples) + np.log(starts[-1]))
    table = _Table.of(base, costs, blocks, list(columns), price)
    supports = table.grown(target, slots, one)
    before = max((s.score for s in supports if s.number < 0), default=-np.inf)
    offers: dict[int, Offer] = {}
    for support in _of_each_size(supports, table):
        which = table._block(support.number)
        terms, block = np.array(support.terms), blocks[which]
        fixed, own = base[:, terms[terms < len(costs)]], table.shapes[terms[terms >= len(costs)]]
        number = _refined(one, fixed, block, own, support.number - int(starts[which]), target)
        at = block.at(np.array([number]))
        narrow = _Table.of(base, costs, [at], [one.columns(at)], price)
        again = [s for s in narrow.grown(target, slots, one) if s.number >= 0]
        gain = again[0].score - before if again else 0.0
        if gain <= 0 or (which in offers and offers[which].gain > gain):
            continue
        shown = np.pad(mask, ((0, 0), (0, len(block.shapes))))
        shown[d] = np.isin(np.arange(shown.shape[1]), again[0].terms)
        offers[which] = Offer(Inner(block.kind, block.place, number), shown, price, float(gain))
    return list(offers.values())


def _of_each_size(supports: Sequence[_Support], table: _Table) -> list[_Support]:
    """The best few supports of each size with a number, of different kinds or variables.

    With a number that is off many terms make up for it, so that the best of few terms may be the
    best of all when the number is refined.
    """
    taken: dict[int, set[int]] = {}
    chosen = []
    for support in supports:
        seen = taken.setdefault(len(support.terms), set())
        block = table._block(support.number)
        if block < 0 or block in seen or len(seen) == constants.NUMBER_OFFERS:
            continue
        seen.add(block)
        chosen.append(support)
    return chosen


def _refined(
    one: _Regression,
    fixed: np.ndarray,
    block: Block,
    own: np.ndarray,
    place: int,
    target: np.ndarray,
) -> float:
    """The number between its neighbours with which a support leaves least.

    Args:
      one: the regression.
      fixed: columns of the support without a number [Q, K].
      block: its kind.
      own: which terms of the kind the support holds.
      place: the number among those of the block.
      target: [Q].
    """

    def left(number):
        columns = one.columns(block.at(np.array([number])))[:, own]
        both = np.concatenate([fixed, columns], 1)
        both = both / np.linalg.norm(both, axis=0)
        rest = target - both @ np.linalg.lstsq(both, target, rcond=None)[0]
        return float(np.log(np.sum(rest**2) + np.finfo(float).tiny))

    low = block.numbers[max(place - 1, 0)]
    high = block.numbers[min(place + 1, len(block.numbers) - 1)]
    found = minimize_scalar(
        left, bounds=(low, high), method="bounded", options={"xatol": 1e-6 * (high - low)}
    )
    return float(found.x)
