"""Supports with a number inside a term, grown in one regression, and the number refined.

Letters beside the usual: Q rows of a regression · P base columns · W terms of a number · G numbers.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import gammaln

from nsindy.discovery import constants
from nsindy.discovery.numbers.number_blocks import Block

__all__ = [
    "Form",
    "Regressed",
    "Regression",
    "best_of_few",
    "grams_of",
    "grow",
    "nats_of_choice",
    "refine",
    "share_left",
]

SPANNED = 1e-9
"""Share of a column's square below which a support spans it already."""

FARTHEST = 3.0
"""How far two numbers may go from those that are tried: the first by so many times the way from the
one before to the one behind, the second by e to that power."""

RIDGE = 1e-12
"""Beside columns of length 1, what keeps equal ones apart."""


class Regressed(Protocol):
    """What supports are grown in: a `Regression`, or a `number_tangent.EquationTangent`."""

    def evidence(self, left: Any, count: int, costs: Any, size: int) -> Any:
        """Nats of a support; see `Regression.evidence`."""

    def columns(self, block: Block) -> np.ndarray:
        """The terms of a block; see `Regression.columns`."""


class Regression(NamedTuple):
    """One regression of all equations.

    Attributes:
      base: columns of the library [Q, M].
      target: [Q, D].
      tests: from samples to rows, recording by recording [Q_r, N_r]; or weights of samples [N_r].
      variables: of each recording, raw [N_r, V] or, around each sample, [2, N_r, V].
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
        nats = -0.5 * self.samples * np.log(np.maximum(left, 0) + self.coarse**2)
        return nats - penalty - nats_of_choice(size, count) - costs

    def columns(self, block: Block) -> np.ndarray:
        """The terms of a block, all numbers of the first term first [Q, W · G]."""
        each = []
        for test, variables in zip(self.tests, self.variables, strict=True):
            values = block.columns(variables)
            each.append(test @ values if test.ndim == 2 else test[:, None] * values)
        return np.concatenate(each)


def nats_of_choice(size: int, count: int) -> float:
    """Logarithm of the number of supports of so many terms in a library of that size."""
    return float(gammaln(size + 1) - gammaln(count + 1) - gammaln(size - count + 1))


class Form(NamedTuple):
    """Terms of an equation, and the number with which they fit best.

    Attributes:
      terms: places among the columns.
      at: which number.
      score: log evidence, nats.
    """

    terms: tuple[int, ...]
    at: int
    score: float


def share_left(columns: np.ndarray, target: np.ndarray) -> float:
    """Share of the squares of a target [Q] that columns [Q, K] leave."""
    # A term that a recording's constant state makes zero has no length.
    columns = _unit(columns)
    rest = target - columns @ np.linalg.lstsq(columns, target, rcond=None)[0]
    return float(np.sum(rest**2) / np.sum(target**2))


def grams_of(base: np.ndarray, own: np.ndarray, target: np.ndarray) -> np.ndarray:
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


def grow(
    grams: np.ndarray, costs: np.ndarray, first: int, slots: int, one: Regressed, size: int
) -> list[Form]:
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
        Form(terms, int(np.argmax(row)), float(np.max(row)))
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
        found: dict[tuple[int, ...], Form] = {}
        for flat in np.argsort(-best, axis=None)[: 4 * constants.NUMBER_WIDTH].tolist():
            f, m = divmod(flat, count)
            key = tuple(sorted((*level[f], m)))
            if np.isfinite(best[f, m]) and len(found) < constants.NUMBER_WIDTH:
                form = Form(key, int(np.argmax(scores[:, f, m])), float(best[f, m]))
                found.setdefault(key, form)
        if not found:
            break
        level = list(found)
        every += found.values()
    return every


def best_of_few(
    one: Regressed,
    base: np.ndarray,
    own: np.ndarray,
    target: np.ndarray,
    costs: np.ndarray,
    among: np.ndarray,
    second: np.ndarray | None = None,
) -> list[Form]:
    """The best support of each term with a number and two others, over all pairs of these.

    The others are without a number, or have the same one, as growth to a limit has in the light:
    L/(K + L) (x - x²/M). Beside the term stands its slope in each number, so that numbers between
    those that are tried count as well as one of them. Grown term by term such a support need not be
    met: what is right by three terms may be worth little by two. Two numbers lie far from those
    that are tried: then the best with one other term as well.

    Args:
      one: the regression.
      base: columns without a number [Q, M].
      own: those with each number, more than one [Q, W, G].
      target: [Q].
      costs: nats of each column, those with a number last [M + W].
      among: the columns without a number that are tried beside it.
      second: slopes of those with a number in a second one [Q, W, G]; None for none.
    """
    size, kinds = base.shape[1], own.shape[1]
    fixed, unit = _unit(np.column_stack([base[:, among], target])), _unit(own)
    every = np.concatenate([among, size + np.arange(kinds)])
    spanned = [unit]
    for slopes in (np.gradient(own, axis=2), *([] if second is None else [second])):
        for other in spanned:
            slopes = slopes - other * np.sum(other * slopes, 0)
        spanned.append(_unit(slopes))
    spent = costs[every, None] + costs[every]
    gram = _products(fixed, unit)
    found = []
    for w in range(kinds):
        seen = np.stack([_toward(each[:, w], fixed, unit) for each in spanned], 1)
        rest = gram - seen.swapaxes(1, 2) @ seen
        square, toward, cross = (
            np.diagonal(rest, 0, 1, 2)[:, :-1],
            rest[:, :-1, -1],
            rest[:, :-1, :-1],
        )
        area = square[:, :, None] * square[:, None] - cross**2
        twice = toward[:, :, None] ** 2 * square[:, None]
        twice = twice - toward[:, :, None] * toward[:, None] * cross
        with_two = (twice + twice.swapaxes(1, 2)) / np.where(area > SPANNED, area, np.inf)
        sizes = [(3, with_two, spent)]
        if second is not None:
            with_one = toward**2 / np.where(square > SPANNED, square, np.inf)
            sizes.append((2, with_one, costs[every]))
        for terms, explained, nats in sizes:
            left = rest[:, -1, -1].reshape(-1, *[1] * (terms - 1)) - explained
            scores = one.evidence(left, terms, nats + costs[size + w], size)
            g, *beside = np.unravel_index(int(np.argmax(scores)), scores.shape)
            form = tuple(sorted((*every[list(beside)].tolist(), size + w)))
            if len(set(form)) == terms:
                found.append(Form(form, int(g), float(scores[(g, *beside)])))
    return found


def _products(fixed: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Products of columns [Q, F], of those with each number [Q, W, G] before the last of them.

    Returns:
      [G, F + W, F + W].
    """
    count, (kinds, numbers) = fixed.shape[1], own.shape[1:]
    inside = np.arange(kinds) + count - 1
    outside = np.delete(np.arange(count + kinds), inside)
    made = np.empty((numbers, count + kinds, count + kinds))
    crossed = np.tensordot(own, fixed, (0, 0)).swapaxes(0, 1)
    made[:, outside[:, None], outside] = fixed.T @ fixed
    made[:, inside[:, None], outside] = crossed
    made[:, outside[:, None], inside] = crossed.swapaxes(1, 2)
    made[:, inside[:, None], inside] = np.einsum("qwg,qvg->gwv", own, own)
    return made


def _toward(column: np.ndarray, fixed: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Products of a column with each number [Q, G] with the same columns [G, F + W]."""
    first, crossed = column.T @ fixed, np.einsum("qg,qwg->gw", column, own)
    return np.concatenate([first[:, :-1], crossed, first[:, -1:]], 1)


def _unit(columns: np.ndarray) -> np.ndarray:
    """Columns of length 1, or 0 [Q, ...]."""
    norms = np.linalg.norm(columns, axis=0)
    return np.where(norms > 0, columns / np.where(norms > 0, norms, 1.0), 0.0)


def refine(
    one: Regressed,
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
        share = share_left(np.concatenate([fixed, columns], 1), target)
        return float(np.log(share + np.finfo(float).tiny))

    if len(block.numbers) == 1:
        return block, float(np.exp(left(block.numbers[0], block.second)))
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
            bounds=((-FARTHEST, FARTHEST), (-FARTHEST, FARTHEST)),
            # By itself it would begin with steps of 0.00025, and end there.
            options={
                "xatol": 1e-3,
                "fatol": 1e-3,
                "maxfev": 120,
                "initial_simplex": [[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]],
            },
        )
        number, second = first + width * found.x[0], float(block.second * np.exp(found.x[1]))
    refined = block.at(np.array([number]))._replace(second=second)
    return refined, float(np.exp(found.fun))
