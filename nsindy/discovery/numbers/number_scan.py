"""Numbers inside terms, w in sin(w x) or K in x / (K + x), that a recording asks for.

Letters beside the usual: V variables · G numbers that are tried · W terms of a number · S measured
values.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg

from nsindy.discovery import constants
from nsindy.discovery.numbers import number_blocks, response
from nsindy.discovery.numbers.number_blocks import Block, Offer, Only, blocks, price_of_each
from nsindy.discovery.numbers.response import Response
from nsindy.discovery.preparation import dictionary
from nsindy.discovery.preparation.problem import Prepared
from nsindy.terms.numbered import WAVE, inner_of
from nsindy.terms.term import Term

__all__ = ["Scan", "of_supports", "offers"]


@dataclasses.dataclass(frozen=True, eq=False)
class Scan:
    """What a scan of every equation, variable and number has in common.

    Attributes:
      parts: the recordings, linearised.
      supports: chosen terms of each equation.
      columns: what they do to what was measured, for each equation [S, K].
      target: what is to be explained [S, 1].
      initial: what the beginnings do [S, D · windows].
      prices: nats of each term [M].
      slots: most terms of an equation.
    """

    parts: list[Response]
    supports: list[np.ndarray]
    columns: list[np.ndarray]
    target: np.ndarray
    initial: np.ndarray
    prices: np.ndarray
    slots: int

    def evidence(self, left: np.ndarray, price: np.ndarray) -> np.ndarray:
        """Nats of a sum of squares that is left at a price."""
        unresolved = constants.NUMBER_UNRESOLVED**2 * sum(
            np.sum(part.weights**2) for part in self.parts
        )
        count = len(self.target)
        return -0.5 * count * np.log(np.maximum(left, 0) + unresolved) - price

    def without(self) -> np.ndarray:
        """Evidence without a number."""
        everything = np.concatenate([self.initial, *self.columns], 1)
        weights = np.linalg.lstsq(everything, self.target, rcond=None)[0]
        left = self.target - everything @ weights
        return self.evidence(np.sum(left**2), sum(self.prices[s].sum() for s in self.supports))

    def scan(self, d: int, blocks: Sequence[Block]) -> "list[_Tried]":
        """Evidence with each number of each block in equation d."""
        every = [
            np.concatenate([block.sides(part.variables) for block in blocks], 2)
            for part in self.parts
        ]
        columns, own = self.beside(d, every)
        ends = np.cumsum([len(block.shapes) * len(block.numbers) for block in blocks])
        price = self.prices[self.supports[d]]
        others = [e for e in range(len(self.supports)) if e != d]
        rest = sum(self.prices[self.supports[e]].sum() for e in others)
        tried = []
        for block, each in zip(blocks, np.split(columns, ends[:-1], 1), strict=True):
            prices, count = np.append(price, block.prices), len(block.shapes)
            both = np.concatenate([own, each], 1)
            best, kept = _pruned(both, prices, count, self.slots, self.evidence)
            tried.append(_Tried(d, block, best - rest, kept))
        return tried

    def beside(self, d: int, forcing: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """What forcings [B, N, C] of each recording in equation d do [S, C], and its own terms.

        Behind its own terms stands the target [S, K + 1]. Of all is left what the other equations
        and the beginnings do not explain.
        """
        equations = range(len(self.supports))
        responses = [
            part.response([each[..., : (e == d) * each.shape[-1]] for e in equations])
            for part, each in zip(self.parts, forcing, strict=True)
        ]
        others = [self.columns[e] for e in equations if e != d]
        basis, _ = np.linalg.qr(np.concatenate([self.initial, *others], 1))
        own = np.concatenate([self.columns[d], self.target], 1)
        found = np.concatenate(responses)
        return tuple(each - basis @ (basis.T @ each) for each in (found, own))  # type: ignore[return-value]

    def with_columns(self, d: int, forcing: Sequence[np.ndarray]) -> np.ndarray:
        """Evidence with each of G forcings in equation d [G].

        Args:
          d: the equation.
          forcing: of each recording, at the samples that are looked at [N, G].
        """
        columns, own = self.beside(d, forcing)
        price = np.append(self.prices[self.supports[d]], self.prices[0])
        both = np.concatenate([own, columns], 1)
        best, _ = _pruned(both, price, 1, self.slots, self.evidence)
        others = [e for e in range(len(self.supports)) if e != d]
        return best - sum(self.prices[self.supports[e]].sum() for e in others)


class _Tried(NamedTuple):
    """An equation with the terms of G numbers.

    Attributes:
      equation: d.
      block: the numbers.
      evidence: nats [G].
      kept: of its terms and those of the number [G, K + W].
    """

    equation: int
    block: Block
    evidence: np.ndarray
    kept: np.ndarray


def offers(
    prepared: Prepared,
    mask: np.ndarray,
    coefficients: np.ndarray,
    noise: np.ndarray,
    only: Only | None = None,
    *,
    others: np.ndarray | None = None,
    forced: bool = False,
) -> list[Offer]:
    """Scan for the numbers that would pay best beside, or instead of, the terms that were chosen.

    Around the smoothed states z a recording is linear in where it begins and in the coefficients,

    y = z + Φ δ₀ + Σ_m ξ_m c_m - e + noise,   c' = J c + θ(z),   e' = J e + z',

    with J of the equations that were chosen. So for each equation, variable, kind and number, least
    squares say what the chosen terms and those of the number leave, and then terms go as long as
    that pays. The w of waves reach from a quarter of a wave across the range of the variable to
    what its samples resolve. A number is offered where it gains more than it costs: its
    digits, see `number_blocks.digits`, and of a wave the logarithm of how many were tried.

    Args:
      prepared: the library; variables that have a number already have no other.
      mask: the support that was chosen [D, M].
      coefficients: scaled [D, M].
      noise: of each state [D].
      only: a kind and its variables, whose number is replaced; None for all of one variable.
      others: True for equations in which other kinds than waves are tried [D]; None for all.
      forced: True where the variable is a time: less than three quarters of a wave is no wave.

    Returns:
      the best of each kind and variable, best first.
    """
    parts = response.linearised(prepared, coefficients, noise)
    if not all(np.isfinite(part.propagators).all() for part in parts):
        return []
    tried = blocks(prepared, [part.variables for part in parts], only, forced=forced)
    allowed = prepared.problem.admissible
    equations = np.flatnonzero(allowed.any(1) & ~prepared.tables.listed)
    if only is not None and only.equation is not None:
        equations = np.array([only.equation])
    if not tried or not len(equations):
        return []
    replaced = np.array([_is_of(term, only) for term in prepared.terms])
    supports = [np.flatnonzero(row) for row in mask & allowed & ~replaced]
    scan = _scan(prepared, parts, supports)
    before = scan.without()
    few = [block for block in tried if block.kind == WAVE]
    every = {d: tried if others is None or others[d] else few for d in equations.tolist()}
    each = [scan.scan(d, own) for d, own in every.items() if own]
    count = len(each) * sum(len(block.numbers) for block in tried if block.kind == WAVE)
    digits = number_blocks.digits(prepared)
    found = []
    for block in tried:
        of_block = [one for row in each for one in row if one.block is block]
        if not of_block:
            continue
        best, at = _best(scan, of_block, before)
        support, kept = supports[best.equation], best.kept[at]
        fewer = len(support) - kept.sum()
        # A wave goes up and down with whatever does: of so many, one always does.
        choice = np.log(count) if best.block.kind == WAVE else 0.0
        price = digits * best.block.numbers_of_each + choice
        gain = best.evidence[at] - before - price
        if gain <= constants.STRONG * fewer:
            continue
        shown = _with_number(mask, best, kept, support, replaced)
        inner = best.block.inner(float(best.block.numbers[at]))
        # That of a wave is looked for once more, since waves are sharp.
        followed = best.block.kind != WAVE
        found.append(Offer(inner, shown, float(price), float(gain), followed=followed))
    return sorted(found, key=lambda one: -one.gain)


def _is_of(term: Term, only: Only | None) -> bool:
    """Whether a term holds the number that is replaced."""
    inner = inner_of(term)
    return only is not None and inner is not None and inner.place == only.places[-1]


def _best(scan: Scan, of_block: Sequence[_Tried], before: np.ndarray) -> tuple[_Tried, int]:
    """The best equation of a block, its numbers refined if they pay at all, and which is the best.

    Args:
      scan: what is searched.
      of_block: the block in each equation.
      before: nats without it.
    """
    best = max(of_block, key=lambda one: one.evidence.max())
    at = int(np.argmax(best.evidence))
    for _ in range(3) if best.evidence[at] > before else ():
        best = _nearer(scan, best, at)
        at = int(np.argmax(best.evidence))
    return best, at


def _with_number(
    mask: np.ndarray, tried: _Tried, kept: np.ndarray, support: np.ndarray, replaced: np.ndarray
) -> np.ndarray:
    """The support [D, M + W], of an equation with the terms that are kept of it and of a number.

    Args:
      mask: the support before [D, M].
      tried: the equation and the number.
      kept: True for what is kept of its terms and those of the number [K + W].
      support: its terms before [K].
      replaced: True for terms of a number that is replaced, which are left out [M].
    """
    added = len(tried.block.shapes)
    shown = np.pad(mask, ((0, 0), (0, added)))
    shown[tried.equation, [*support, *range(-added, 0)]] = kept
    return np.delete(shown, np.flatnonzero(replaced), 1)


def _nearer(scan: Scan, tried: _Tried, at: int) -> _Tried:
    """The numbers between those on both sides of one."""
    numbers = tried.block.numbers
    low, high = numbers[max(at - 1, 0)], numbers[min(at + 1, len(numbers) - 1)]
    near = np.linspace(low, high, 17)
    (found,) = scan.scan(tried.equation, [tried.block.at(near)])
    return found


def of_supports(prepared: Prepared, parts: list[Response], mask: np.ndarray) -> Scan:
    """What a scan of forcings beside a support [D, M] has in common."""
    allowed = mask & prepared.problem.admissible
    return _scan(prepared, parts, [np.flatnonzero(row) for row in allowed])


def _scan(prepared: Prepared, parts: list[Response], supports: list[np.ndarray]) -> Scan:
    columns, target = _held(prepared, parts, supports)
    return Scan(
        parts=parts,
        supports=supports,
        columns=columns,
        target=target,
        initial=scipy.linalg.block_diag(*(part.rows(part.begin) for part in parts)),
        prices=dictionary.costs(prepared.terms) + price_of_each(len(target)),
        slots=prepared.problem.slots,
    )


def _held(prepared, parts, supports) -> tuple[list[np.ndarray], np.ndarray]:
    """Columns of the chosen terms [S, K] of each equation, and what they must explain [S, 1]."""
    sizes = [len(s) for s in supports]
    last = np.cumsum(sizes) + np.arange(len(sizes))
    rows = []
    for part in parts:
        rest = part.slopes - part.theta @ prepared.problem.known.T
        forcings = [
            np.concatenate([part.theta[..., s], rest[..., d : d + 1]], 2)
            for d, s in enumerate(supports)
        ]
        found = part.response(forcings)
        moved = found[:, last].sum(1) + part.rows(part.deviation[:, :, None])[:, 0]
        rows.append(np.column_stack([np.delete(found, last, 1), moved]))
    *held, target = np.split(np.concatenate(rows), np.cumsum(sizes), 1)
    return held, target


def _pruned(columns, price, kinds: int, slots: int, evidence) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with the terms of each number, then without the terms that do not pay.

    Args:
      columns: of the terms, the target, then those of the numbers, all numbers of the first term
        first [S, K + 1 + W G].
      price: nats of each term, then of those of the number [K + W].
      kinds: W; one at least stays.
      slots: most terms that may stay.
      evidence: of a sum of squares that is left at a price.

    Returns:
      the best evidence [G], and what is kept for it [G, K + W].
    """
    every, held = len(price), len(price) - kinds
    norms = np.linalg.norm(columns, axis=0)
    columns = columns / np.where(norms > 0, norms, 1.0)
    total = norms[held] ** 2
    own, target, flat = np.split(columns, [held, held + 1], 1)
    waves = flat.reshape(len(flat), kinds, -1)
    size = waves.shape[2]
    gram, toward = np.empty((size, every, every)), np.empty((size, every))
    gram[:, :held, :held], toward[:, :held] = own.T @ own, own.T @ target[:, 0]
    toward[:, held:] = (target[:, 0] @ flat).reshape(kinds, size).T
    cross = (own.T @ flat).reshape(held, kinds, size).transpose(2, 0, 1)
    gram[:, :held, held:], gram[:, held:, :held] = cross, cross.transpose(0, 2, 1)
    gram[:, held:, held:] = np.einsum("swg,sug->gwu", waves, waves)
    # A long wave, or a wide saturation, and the monomials span nearly the same; what is left is
    # exact for any weights.
    inverse = np.linalg.inv(gram + constants.NUMBER_RIDGE * np.eye(every))
    weights = np.einsum("gij,gj->gi", inverse, toward)
    left = 1 + np.einsum("gi,gij,gj->g", weights, gram, weights) - 2 * np.sum(toward * weights, 1)
    kept, numbers = np.ones((size, every), bool), np.arange(size)
    best, best_kept = np.full(size, -np.inf), kept.copy()
    for terms in range(every, 0, -1):
        now = evidence(left * total, kept @ price) if terms <= slots else best
        best_kept = np.where((now > best)[:, None], kept, best_kept)
        best = np.maximum(now, best)
        if terms == 1:
            break
        pivots = np.einsum("gii->gi", inverse)
        loss = np.where(kept, weights**2 / np.where(kept, pivots, 1.0), np.inf)
        loss[:, held:][kept[:, held:].sum(1) == 1] = np.inf
        out = np.argmax(evidence((left[:, None] + loss) * total, -price), 1)
        left = left + loss[numbers, out]
        column, pivot = inverse[numbers, :, out], pivots[numbers, out][:, None]
        weights = weights - column * weights[numbers, out][:, None] / pivot
        inverse = inverse - column[:, :, None] * column[:, None, :] / pivot[:, :, None]
        kept[numbers, out] = False
    return best, best_kept
