"""Waves sin(w x) and cos(w x) whose w is found in the recording, where w = 1 does not fit it.

Letters beside the usual: V variables · G numbers w that are tried · W shapes, sin and cos · S
measured values.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg

from nsindy.discovery import constants, dictionary, wave_response
from nsindy.discovery.problem import Prepared
from nsindy.discovery.wave_response import Response
from nsindy.terms.term import Term

__all__ = ["Offer", "of_supports", "offer"]


class Offer(NamedTuple):
    """A wave that pays.

    Attributes:
      numbers: w of each variable, in 1 over its unit; 0 but for one [V].
      mask: a support to begin with, the terms of the waves behind the others [D, M + W].
      price: nats that w itself must earn.
    """

    numbers: np.ndarray
    mask: np.ndarray
    price: float


@dataclasses.dataclass(frozen=True, eq=False)
class _Scan:
    """What a scan of every equation, variable and number has in common.

    Attributes:
      parts: the recordings, linearised.
      shapes: of the waves, sin before cos.
      supports: chosen terms of each equation.
      columns: what they do to what was measured, for each equation [S, K].
      target: what is to be explained [S, 1].
      initial: what the beginnings do [S, D · windows].
      prices: nats of each term, then of the waves [M + W].
      slots: most terms of an equation.
    """

    parts: list[Response]
    shapes: list[Callable[[np.ndarray], np.ndarray]]
    supports: list[np.ndarray]
    columns: list[np.ndarray]
    target: np.ndarray
    initial: np.ndarray
    prices: np.ndarray
    slots: int

    def evidence(self, left: np.ndarray, price: np.ndarray) -> np.ndarray:
        """Nats of a sum of squares that is left at a price."""
        unresolved = constants.WAVE_UNRESOLVED**2 * sum(
            np.sum(part.weights**2) for part in self.parts
        )
        count = len(self.target)
        return -0.5 * count * np.log(np.maximum(left, 0) + unresolved) - price

    def without(self) -> np.ndarray:
        """Evidence without a wave."""
        everything = np.concatenate([self.initial, *self.columns], 1)
        weights = np.linalg.lstsq(everything, self.target, rcond=None)[0]
        left = self.target - everything @ weights
        return self.evidence(np.sum(left**2), sum(self.prices[s].sum() for s in self.supports))

    def scan(self, d: int, place: np.ndarray, numbers: np.ndarray) -> "_Tried":
        """Evidence with the waves of each number in equation d.

        Args:
          d: the equation.
          place: the variable of each number [G].
          numbers: w [G].
        """
        equations, kinds = range(len(self.supports)), len(self.shapes)
        responses = []
        for part in self.parts:
            phase = part.variables[:, place] * numbers
            waves = np.concatenate([shape(phase) for shape in self.shapes], 1)
            forcing = [waves[:, : (e == d) * waves.shape[1]] for e in equations]
            responses.append(part.response(forcing))
        columns = np.concatenate([self.columns[d], self.target, np.concatenate(responses)], 1)
        price = self.prices[[*self.supports[d], *range(-kinds, 0)]]
        return self._beside(d, columns, price, kinds)

    def _beside(self, d: int, columns: np.ndarray, price: np.ndarray, kinds: int) -> "_Tried":
        """What is left when the other equations and the beginnings are fitted as well."""
        others = [e for e in range(len(self.supports)) if e != d]
        basis = np.linalg.qr(np.concatenate([self.initial, *(self.columns[e] for e in others)], 1))[
            0
        ]
        columns = columns - basis @ (basis.T @ columns)
        best, kept = _pruned(columns, price, kinds, self.slots, self.evidence)
        return _Tried(d, best - sum(self.prices[self.supports[e]].sum() for e in others), kept)

    def with_columns(self, d: int, forcing: Sequence[np.ndarray]) -> np.ndarray:
        """Evidence with each of G forcings in equation d [G].

        Args:
          d: the equation.
          forcing: of each recording, at the samples that are looked at [N, G].
        """
        equations = range(len(self.supports))
        responses = [
            part.response([each[:, : (e == d) * each.shape[1]] for e in equations])
            for part, each in zip(self.parts, forcing, strict=True)
        ]
        columns = np.concatenate([self.columns[d], self.target, np.concatenate(responses)], 1)
        price = np.append(self.prices[self.supports[d]], self.prices[0])
        return self._beside(d, columns, price, 1).evidence


class _Tried(NamedTuple):
    """An equation with the waves of G numbers.

    Attributes:
      equation: d.
      evidence: nats [G].
      kept: of its terms and the waves [G, K + W].
    """

    equation: int
    evidence: np.ndarray
    kept: np.ndarray


def offer(
    prepared: Prepared,
    mask: np.ndarray,
    coefficients: np.ndarray,
    noise: np.ndarray,
    only: tuple[int | None, int] | None = None,
    *,
    forced: bool = False,
) -> Offer | None:
    """Scan for the wave that would pay best beside, or instead of, the terms that were chosen.

    Around the smoothed states z a recording is linear in where it begins and in the coefficients,

    y = z + Φ δ₀ + Σ_m ξ_m c_m - e + noise,   c' = J c + θ(z),   e' = J e + z',

    with J of the equations that were chosen. So for each equation, variable and w, least squares
    say what the chosen terms and the waves leave, and then terms go as long as that pays. The w
    reach from a quarter of a wave across the range of the variable to what its samples resolve.
    A wave is offered where it gains more than w costs: ½ log S nats for its digits, and the
    logarithm of how many were tried.

    Args:
      prepared: the library; fitted waves that it has already are replaced.
      mask: the support that was chosen [D, M].
      coefficients: scaled [D, M].
      noise: of each state [D].
      only: the equation, or None for all, and the variable of the wave; None for all.
      forced: True where the variable is a time, of which sin and cos are offered in any library.
    """
    waves = dictionary.fitted_waves(prepared.library, np.ones(1), forcings=int(forced))
    parts = wave_response.linearised(prepared, coefficients, noise)
    if not waves or not all(np.isfinite(part.propagators).all() for part in parts):
        return None
    values = np.concatenate([part.variables for part in parts])
    jumps = np.concatenate([np.abs(np.diff(part.variables, axis=0)) for part in parts])
    span = np.ptp(values, 0)
    place, numbers = _grid(span, np.quantile(jumps, 0.9, axis=0))
    allowed = prepared.problem.admissible
    equations = np.flatnonzero(allowed.any(1) & ~prepared.tables.listed)
    if only is not None:
        chosen = place == only[1]
        if forced:
            # Less than three quarters of a wave is no wave.
            chosen &= numbers >= 0.99 * 1.5 * np.pi / np.where(span > 0, span, np.inf)[place]
        numbers, place = numbers[chosen], place[chosen]
        equations = equations if only[0] is None else np.array([only[0]])
    if not len(numbers) or not len(equations):
        return None
    fitted = np.array([dictionary.is_fitted_wave(term) for term in prepared.terms])
    scan = _scan(prepared, parts, waves, [np.flatnonzero(row) for row in mask & allowed & ~fitted])
    before = scan.without()
    tried = [scan.scan(d, place, numbers) for d in equations.tolist()]
    best = max(tried, key=lambda one: one.evidence.max())
    at = int(np.argmax(best.evidence))
    v, number, step = place[at], numbers[at], np.pi / 2 / span[place[at]]
    for finer in (1, 8, 64) if best.evidence[at] > before else ():
        near = np.maximum(number + step / finer * np.linspace(-1, 1, 17), step)
        best = scan.scan(best.equation, np.full(17, v), near)
        at = int(np.argmax(best.evidence))
        number = near[at]
    price = 0.5 * np.log(len(scan.target)) + np.log(len(tried) * len(numbers))
    support, kept = scan.supports[best.equation], best.kept[at]
    fewer = len(support) - kept.sum()
    if best.evidence[at] - before - constants.STRONG * fewer <= price:
        return None
    mask = np.pad(mask, ((0, 0), (0, len(waves))))
    mask[best.equation, [*support, *range(-len(waves), 0)]] = kept
    found = np.where(np.arange(len(span)) == v, number, 0.0)
    return Offer(found, np.delete(mask, np.flatnonzero(fitted), 1), float(price))


def of_supports(prepared: Prepared, parts: list[Response], mask: np.ndarray) -> _Scan:
    """What a scan of forcings beside a support [D, M] has in common."""
    waves = dictionary.fitted_waves(prepared.library, np.ones(1), forcings=1)
    allowed = mask & prepared.problem.admissible
    return _scan(prepared, parts, waves, [np.flatnonzero(row) for row in allowed])


def _scan(
    prepared: Prepared,
    parts: list[Response],
    waves: Sequence[Term],
    supports: list[np.ndarray],
) -> _Scan:
    columns, target = _held(prepared, parts, supports)
    # Of supports that are less than that apart, the one with fewer terms is taken.
    prices = dictionary.costs([*prepared.terms, *waves])
    return _Scan(
        parts=parts,
        shapes=[getattr(np, term.primitive.name) for term in waves],
        supports=supports,
        columns=columns,
        target=target,
        initial=scipy.linalg.block_diag(*(part.rows(part.begin) for part in parts)),
        prices=prices + 0.5 * np.log(len(target)) + constants.STRONG,
        slots=prepared.problem.slots,
    )


def _grid(span: np.ndarray, jump: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variables and numbers to try: from a quarter of a wave across the range, by as much, on."""
    first = np.pi / 2 / np.where(span > 0, span, np.inf)
    counts = [
        min(constants.WAVE_NUMBERS, int(s / j)) if j > 0 else 0
        for s, j in zip(span, jump, strict=True)
    ]
    each = [f * np.arange(1, c + 1) for f, c in zip(first, counts, strict=True)]
    return np.repeat(np.arange(len(span)), counts), np.concatenate(each)


def _held(prepared, parts, supports) -> tuple[list[np.ndarray], np.ndarray]:
    """Columns of the chosen terms [S, K] of each equation, and what they must explain [S, 1]."""
    sizes = [len(s) for s in supports]
    last = np.cumsum(sizes) + np.arange(len(sizes))
    rows = []
    for part in parts:
        rest = part.slopes - part.theta @ prepared.problem.known.T
        forcings = [
            np.column_stack([part.theta[:, s], r]) for s, r in zip(supports, rest.T, strict=True)
        ]
        found = part.response(forcings)
        moved = found[:, last].sum(1) + part.rows(part.deviation[:, :, None])[:, 0]
        rows.append(np.column_stack([np.delete(found, last, 1), moved]))
    *held, target = np.split(np.concatenate(rows), np.cumsum(sizes), 1)
    return held, target


def _pruned(columns, price, kinds: int, slots: int, evidence) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with the waves of each number, then without the terms that do not pay.

    Args:
      columns: of the terms, the target, then those of the numbers, sin before cos [S, K + 1 + W G].
      price: nats of each term, then of the waves [K + W].
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
    # A long wave and the monomials span nearly the same; what is left is exact for any weights.
    inverse = np.linalg.inv(gram + constants.WAVE_RIDGE * np.eye(every))
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
