"""Waves sin(w x) and cos(w x) whose w is found in the recording, where w = 1 does not fit it.

Letters beside the usual: V variables · G numbers w that are tried · W shapes, sin and cos · S
measured values.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.linalg

from nsindy.discovery import dictionary, neighbours, wave_response
from nsindy.terms import operations
from nsindy.terms.term import Term

if TYPE_CHECKING:
    from nsindy.discovery.problem import Setting

GRID = 256
"""Most numbers that are tried for a variable."""

RIDGE = 1e-8
"""Beside columns of length 1, what keeps nearly collinear ones apart in double precision."""

COARSE = 1e-3
"""Share of the states that a scan does not resolve."""


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


def terms(library: Sequence[Term], numbers: np.ndarray) -> tuple[Term, ...]:
    """The waves of the variables whose number is not 0: sin, cos or both, as in the library."""
    names = [name for name in ("sin", "cos") if any(t.primitive.name == name for t in library)]
    return tuple(
        Term(operations.get(name), (Term(operations.times(number), (v,)),))
        for v, number in enumerate(numbers)
        if number
        for name in names
    )


def fitted(term: Term) -> bool:
    """Tell whether a term is a wave with a number of its own."""
    inner = term.arguments[0] if term.arguments else None
    return isinstance(inner, Term) and isinstance(inner.primitive.function, operations.Times)


def offer(
    setting: "Setting",
    mask: np.ndarray,
    coefficients: np.ndarray,
    noise: np.ndarray,
    only: tuple[int, int] | None = None,
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
      setting: the library; fitted waves that it has already are replaced.
      mask: the support that was chosen [D, M].
      coefficients: scaled [D, M].
      noise: of each state [D].
      only: the equation and the variable of the wave; None for all.
    """
    shapes = [getattr(np, term.primitive.name) for term in terms(setting.terms, np.ones(1))]
    parts = wave_response.around(setting, coefficients, noise)
    if not shapes or not all(np.isfinite(part.propagators).all() for part in parts):
        return None
    values = np.concatenate([part.variables for part in parts])
    jumps = np.concatenate([np.abs(np.diff(part.variables, axis=0)) for part in parts])
    span = np.ptp(values, 0)
    place, numbers = _grid(span, np.quantile(jumps, 0.9, axis=0))
    allowed, kinds = setting.problem.admissible, len(shapes)
    tries = np.flatnonzero(allowed.any(1))
    if only is not None:
        tries, numbers, place = [only[0]], numbers[place == only[1]], place[place == only[1]]
    if not len(numbers):
        return None
    old = np.array([fitted(term) for term in setting.terms])
    supports = [np.flatnonzero(row) for row in mask & allowed & ~old]
    held, target = _held(setting, parts, supports)
    initial = scipy.linalg.block_diag(*(part.rows(part.begin) for part in parts))
    count = len(target)
    # Of supports that are less than that apart, the one with fewer terms is taken.
    prices = dictionary.costs([*setting.terms, *terms(setting.terms, np.ones(1))])
    prices = prices + 0.5 * np.log(count) + neighbours.STRONG
    coarse = COARSE**2 * sum(np.sum(part.weights**2) for part in parts)

    def evidence(left, price):
        return -0.5 * count * np.log(np.maximum(left, 0) + coarse) - price

    def scan(d, place, numbers):
        """Evidence with the waves of each number [G], and what is kept of the terms and waves."""
        responses = []
        for part in parts:
            phase = part.variables[:, place] * numbers
            waves = np.concatenate([shape(phase) for shape in shapes], 1)
            responses.append(
                part.response([waves[:, : (e == d) * waves.shape[1]] for e in equations])
            )
        columns = np.concatenate([held[d], target, np.concatenate(responses)], 1)
        others = [e for e in equations if e != d]
        basis = np.linalg.qr(np.concatenate([initial, *(held[e] for e in others)], 1))[0]
        price = prices[[*supports[d], *range(-kinds, 0)]]
        columns = columns - basis @ (basis.T @ columns)
        found, kept = _pruned(columns, price, kinds, setting.problem.slots, evidence)
        return found - sum(prices[supports[e]].sum() for e in others), kept

    equations = range(len(allowed))
    everything = np.concatenate([initial, *held], 1)
    left = target - everything @ np.linalg.lstsq(everything, target, rcond=None)[0]
    before = evidence(np.sum(left**2), sum(prices[s].sum() for s in supports))
    tried = [(d, *scan(d, place, numbers)) for d in tries]
    d, found, kept = max(tried, key=lambda one: one[1].max())
    at = int(np.argmax(found))
    v, number, step = place[at], numbers[at], np.pi / 2 / span[place[at]]
    for finer in (1, 8, 64) if found[at] > before else ():
        near = np.maximum(number + step / finer * np.linspace(-1, 1, 17), step)
        found, kept = scan(d, np.full(17, v), near)
        at = int(np.argmax(found))
        number = near[at]
    price = 0.5 * np.log(count) + np.log(len(tried) * len(numbers))
    fewer = len(supports[d]) - kept[at].sum()
    if found[at] - before - neighbours.STRONG * fewer <= price:
        return None
    mask = np.pad(mask, ((0, 0), (0, kinds)))
    mask[d, [*supports[d], *range(-kinds, 0)]] = kept[at]
    waves = np.where(np.arange(len(span)) == v, number, 0.0)
    return Offer(waves, np.delete(mask, np.flatnonzero(old), 1), float(price))


def _grid(span: np.ndarray, jump: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variables and numbers to try: from a quarter of a wave across the range, by as much, on."""
    first = np.pi / 2 / np.where(span > 0, span, np.inf)
    counts = [min(GRID, int(s / j)) if j > 0 else 0 for s, j in zip(span, jump, strict=True)]
    each = [f * np.arange(1, c + 1) for f, c in zip(first, counts, strict=True)]
    return np.repeat(np.arange(len(span)), counts), np.concatenate(each)


def _held(setting, parts, supports) -> tuple[list[np.ndarray], np.ndarray]:
    """Columns of the chosen terms [S, K] of each equation, and what they must explain [S, 1]."""
    sizes = [len(s) for s in supports]
    last = np.cumsum(sizes) + np.arange(len(sizes))
    rows = []
    for part in parts:
        rest = part.slopes - part.theta @ setting.problem.known.T
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
    inverse = np.linalg.inv(gram + RIDGE * np.eye(every))
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
