"""Slots filled by exact evidence: a beam search, what ties in it, how sure each slot is."""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nsindy.evidence.regression import Prior, Supports, floor, log_evidence, solve, tie


def best_subset(
    factor: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    *,
    slots: int | None = None,
    width: int = 8,
) -> Supports:
    """Score every one of the 2^M supports of one equation, and return the best.

    Args:
      factor: compressed [Θ, ẋ], [Q, M + 1].
      samples: n, scalar.
      prior: of the supports; `bic(M)` for the plain criterion.
      slots: most terms that a support may have; None for all.
      width: number of supports to return.

    Raises:
      ValueError: more than 16 terms, which would be more than 65,536 regressions.
    """
    terms = factor.shape[1] - 1
    if terms > 16:
        raise ValueError(f"2^{terms} supports are too many to enumerate; use the beam")
    rows = itertools.product((False, True), repeat=terms)
    every = np.array([row for row in rows if sum(row) <= (terms if slots is None else slots)])
    masks = jnp.asarray(every)
    solutions = jax.vmap(solve, in_axes=(None, 0))(factor, masks)
    rss = jnp.maximum(solutions.rss, floor(factor))
    scores = log_evidence(rss, masks[:, None, :], samples, prior)
    scores = jnp.where(solutions.independent, scores, -jnp.inf)
    scores = jnp.where(distinct(scores, rss, jnp.sum(masks, 1), tie(factor)), scores, -jnp.inf)
    top, chosen = jax.lax.top_k(scores, min(width, len(every)))
    return Supports(masks[chosen][:, None, :], top, rss[chosen])


def distinct(
    scores: jax.Array, rss: jax.Array, sizes: jax.Array, tolerance: jax.Array
) -> jax.Array:
    """Mark the best of each group of supports that fit the same with as many terms [B].

    Such supports are one set reached twice, or sets that exact collinearity makes equal.
    """
    count = scores.shape[0]
    rss = jnp.where(scores > -jnp.inf, rss, jnp.inf)
    order = jnp.lexsort((-scores, rss, sizes))
    gap = jnp.where(jnp.isinf(rss[order])[1:], jnp.inf, jnp.diff(rss[order]))
    new = (gap > tolerance) | (jnp.diff(sizes[order]) != 0)
    group = jnp.concatenate([jnp.zeros(1, int), jnp.cumsum(new)])
    best = jax.ops.segment_max(scores[order], group, count)
    places = jnp.arange(count)
    first = jax.ops.segment_min(
        jnp.where(scores[order] == best[group], places, count), group, count
    )
    return jnp.zeros(count, bool).at[order].set(first[group] == places)


def search(
    factor: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    start: jax.Array,
    *,
    slots: int,
    depth: int,
    width: int = 16,
) -> Supports:
    """Fill slots one after the other by exact evidence, keeping the best `width` partial supports.

    Given the slots that are filled, project them out of every column; what remains of column m has
    norm n_m and product p_m with the remaining target, and taking it in lowers the residual sum of
    squares by p_m² / n_m². That is the logit of every candidate of the next slot in closed form,
    the empty slot being the parent itself. Supports of all sizes met on the way are returned
    together, one for each group that fits the same.

    Args:
      factor: compressed [A, y] with the columns of A equation by equation, [Q, D·M + 1].
      samples: n, independent measurements.
      prior: of the supports.
      start: the slots already filled [D, M].
      slots: K, most terms in an equation.
      depth: number of further slots to fill.
      width: B.

    Raises:
      ValueError: K is below 1 or above M.

    Reference: Chen, Billings & Luo (1989), Int. J. Control 50, for the orthogonal search.

    Example:
      >>> from nsindy import evidence
      >>> x = jnp.linspace(-1.0, 1.0, 50)
      >>> theta = jnp.stack([x, x**2, x**3], 1)
      >>> noise = 0.01 * jax.random.normal(jax.random.key(0), (50, 1))
      >>> factor = evidence.compress(theta, 2 * theta[:, 1:2] + noise)
      >>> start = jnp.zeros((1, 3), bool)
      >>> search(factor, 50, evidence.bic(3), start, slots=2, depth=2).masks[0].tolist()
      [[False, True, False]]
    """
    equations, terms = start.shape
    columns = equations * terms
    if not 1 <= slots <= terms:
        raise ValueError(f"slots must be between 1 and the {terms} terms, not {slots}")

    def judge(left, masks, alive):
        rss = jnp.maximum(jnp.sum(left[..., -1] ** 2, -1), floor(factor))
        scores = log_evidence(rss, masks.reshape(-1, equations, terms), samples, prior)
        return jnp.where(alive, scores, -jnp.inf), rss

    def level(state, _):
        left, masks, alive = state
        drop, open_ = jax.vmap(lambda each: _drops(*_parts(each)[1:], factor))(left)
        room = jnp.sum(masks.reshape(width, equations, terms), -1) < slots
        room = jnp.repeat(room, terms, axis=1, total_repeat_length=columns)
        valid = alive[:, None] & ~masks & open_ & room
        rss = jnp.maximum(jnp.sum(left[..., -1] ** 2, 1)[:, None] - drop, floor(factor))
        children = masks[:, None, :] | jnp.eye(columns, dtype=bool)[None]
        grown = children.reshape(width, columns, equations, terms)
        scores = jnp.where(valid, log_evidence(rss, grown, samples, prior), -jnp.inf).reshape(-1)
        sizes = jnp.sum(children, -1).reshape(-1)
        keep = distinct(scores, rss.reshape(-1), sizes, tie(factor))
        top, chosen = best_of(jnp.where(keep, scores, -jnp.inf), width)
        parent, column = jnp.divmod(chosen, columns)
        alive = top > -jnp.inf
        left = jax.vmap(_fill)(left[parent], column, alive)
        masks = children.reshape(-1, columns)[chosen]
        return (left, masks, alive), (masks, *judge(left, masks, alive))

    flat = start.reshape(-1)
    left = jnp.broadcast_to(_filled(factor, flat)[None], (width, *factor.shape))
    masks = jnp.broadcast_to(flat[None], (width, columns))
    alive = jnp.arange(width) == 0
    _, levels = jax.lax.scan(level, (left, masks, alive), None, length=depth)
    first = (masks, *judge(left, masks, alive))
    masks, scores, rss = (
        jnp.concatenate([a, b.reshape(-1, *b.shape[2:])])
        for a, b in zip(first, levels, strict=True)
    )
    return rank(
        Supports(masks.reshape(-1, equations, terms), scores, rss), tie(factor), width=width
    )


def around(
    factor: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    mask: jax.Array,
    *,
    slots: int,
    width: int = 16,
) -> Supports:
    """Rank the supports one step from a support: a term dropped, added or swapped for another.

    Args:
      factor: compressed [A, y] with the columns of A equation by equation, [Q, D·M + 1]; a column
        of zeros is never taken.
      samples: n, independent measurements.
      prior: of the supports.
      mask: the support [D, M].
      slots: K, most terms in an equation.
      width: number of supports to return.
    """
    equations, terms = mask.shape
    columns = mask.size
    most = equations * slots
    held = jnp.argsort(~mask.reshape(-1), stable=True)[:most]
    present = mask.reshape(-1)[held]
    one_out = jnp.concatenate([jnp.zeros((1, most), bool), jnp.eye(most, dtype=bool)])
    used = present[None] & ~one_out

    def fill(left, used):
        """Project the used columns out of all of them; `left` begins with the held ones."""
        return jax.lax.scan(
            lambda rest, i: (_fill(rest, i, used[i]), None), left, jnp.arange(most)
        )[0]

    def own(used):
        """What the column that is not used has of its own, of length 1; 0 where all are used."""
        inner = jnp.where(present[None], factor[:, held], 0.0)
        alone = jnp.sum(jnp.where(used[None], 0.0, fill(inner, used)), 1)
        norm = jnp.linalg.norm(alone)
        return alone / jnp.where(norm > 0, norm, 1.0)

    both = jnp.concatenate([factor[:, held], factor], 1)
    left = fill(both, present)[:, most:]
    target, squares, products = _parts(left)

    def start(used):
        # Without one column its own direction is left as well.
        share = own(used) @ factor
        now = squares + share[:-1] ** 2, products + share[-1] * share[:-1]
        drop, open_ = _drops(*now, factor)
        base = jnp.zeros(columns, bool).at[held].max(used)
        room = jnp.sum(base.reshape(equations, terms), 1) < slots
        free = open_ & ~base & jnp.repeat(room, terms, total_repeat_length=columns)
        rss = target + share[-1] ** 2 - jnp.append(drop, 0.0)
        rss = jnp.maximum(rss, floor(factor))
        children = base[None] | jnp.eye(columns + 1, columns, dtype=bool)
        value = log_evidence(rss, children.reshape(-1, equations, terms), samples, prior)
        return jnp.where(jnp.append(free, True), value, -jnp.inf), rss, children

    scores, rss, children = jax.vmap(start)(used)
    children, rss = children.reshape(-1, columns), rss.reshape(-1)
    keep = distinct(scores.reshape(-1), rss, jnp.sum(children, 1), tie(factor))
    top, chosen = best_of(jnp.where(keep, scores.reshape(-1), -jnp.inf), width)
    return Supports(children[chosen].reshape(-1, equations, terms), top, rss[chosen])


class Slots(NamedTuple):
    """The slots of one equation, the term that explains most first, the empty ones last.

    Attributes:
      terms: the term of each slot [K], M where it is empty.
      activations: posterior probability of that choice, the empty slot included, given all the
        other slots [K].
      explained: share of what the other slots leave that this one explains, 0 to 1 [K].
    """

    terms: jax.Array
    activations: jax.Array
    explained: jax.Array


def judge_slots(
    factor: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    mask: jax.Array,
    equation: jax.Array,
    *,
    slots: int,
) -> Slots:
    """Empty each slot of one equation in turn, and tell how surely its term returns.

    With every other term of the support held in, the logit of each of the M terms and of the empty
    slot is the evidence that it would leave; the activation is the softmax at the slot's choice.

    Args:
      factor: compressed [A, y], [Q, D·M + 1].
      samples: n, independent measurements.
      prior: of the supports.
      mask: the support [D, M].
      equation: which of the D equations, an integer.
      slots: K.
    """
    equations, terms = mask.shape
    chosen = jnp.argsort(~mask[equation], stable=True)[:slots]
    chosen = jnp.where(mask[equation][chosen], chosen, terms)
    options = jnp.arange(equations)[None, :, None] == equation
    options = options & jnp.eye(terms + 1, terms, dtype=bool)[:, None]

    def slot(term):
        held = mask & ~options[term]
        left = _filled(factor, held.reshape(-1))
        drop, open_ = _drops(*_parts(left)[1:], factor)
        free = open_.reshape(equations, terms)[equation] & ~held[equation]
        drop = jnp.append(jnp.where(free, drop.reshape(equations, terms)[equation], 0.0), 0.0)
        rss = jnp.maximum(jnp.sum(left[:, -1] ** 2), floor(factor))
        after = jnp.maximum(rss - drop, floor(factor))
        logits = log_evidence(after, held[None] | options, samples, prior)
        logits = jnp.where(jnp.append(free, True), logits, -jnp.inf)
        return drop[term], Slots(term, jax.nn.softmax(logits)[term], drop[term] / rss)

    drops, found = jax.vmap(slot)(chosen)
    order = jnp.argsort(jnp.where(chosen < terms, -drops, jnp.inf), stable=True)
    return jax.tree.map(lambda leaf: leaf[order], found)


def _filled(factor: jax.Array, mask: jax.Array) -> jax.Array:
    columns = jnp.arange(mask.shape[0])
    return jax.lax.scan(
        lambda left, column: (_fill(left, column, mask[column]), None), factor, columns
    )[0]


def _fill(left: jax.Array, column: jax.Array, active: jax.Array) -> jax.Array:
    chosen = left[:, column]
    squared = jnp.sum(chosen**2)
    active = active & (squared > 0)
    unit = jnp.where(active, chosen / jnp.sqrt(jnp.where(active, squared, 1.0)), 0.0)
    return left - unit[:, None] * (unit @ left)[None, :]


def _parts(left: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The square of the target, of every column, and their products with the target."""
    target = left[:, -1]
    return jnp.sum(target**2), jnp.sum(left[:, :-1] ** 2, 0), target @ left[:, :-1]


def _drops(
    squares: jax.Array, products: jax.Array, factor: jax.Array
) -> tuple[jax.Array, jax.Array]:
    # What a column that the filled slots already span would explain is rounding, so it is closed.
    smallest = 1e4 * jnp.finfo(factor.dtype).eps * jnp.sum(factor[:, :-1] ** 2, 0)
    open_ = squares > smallest
    return jnp.where(open_, products**2 / jnp.where(open_, squares, 1.0), 0.0), open_


def best_of(scores: jax.Array, width: int) -> tuple[jax.Array, jax.Array]:
    """Return the best `width` scores and their places, -inf where there are not so many."""
    top, chosen = jax.lax.top_k(scores, min(width, len(scores)))
    lacking = (0, width - len(top))
    return jnp.pad(top, lacking, constant_values=-jnp.inf), jnp.pad(chosen, lacking)


def equivalents(
    factor: ArrayLike, mask: ArrayLike, *, tolerance: float = 1e-6, most: int | None = None
) -> list[tuple[int, ...]]:
    """List the other supports of one equation that fit exactly the same with as many terms.

    Those are the other bases, out of the library's columns, of the space that the support spans;
    exchanging one term at a time reaches them all (Whitney 1935, basis exchange).

    Args:
      factor: compressed [Θ, ẋ] of concrete values, [Q, M + 1].
      mask: the support [M].
      tolerance: how far from the space, relative to its norm, a column may lie.
      most: so many are enough; where many columns lie in the space there are far too many to list.

    Example:
      >>> x, v = jnp.cos(jnp.arange(9.0)), jnp.sin(jnp.arange(9.0))
      >>> factor = jnp.linalg.qr(jnp.stack([x, v, x + v, x - v], 1), mode="r")
      >>> equivalents(factor, jnp.array([True, True, False]))
      [(0, 2), (1, 2)]
    """
    columns = np.asarray(factor)[:, :-1]
    norms = np.linalg.norm(columns, axis=0)
    columns = columns / np.where(norms > 0, norms, 1.0)
    first = tuple(np.flatnonzero(np.asarray(mask)).tolist())
    basis, todo = {first}, [first]
    while todo and (most is None or len(basis) <= most):
        support = todo.pop()
        inside = columns[:, support]
        weights = np.linalg.lstsq(inside, columns, rcond=None)[0]
        within = np.linalg.norm(columns - inside @ weights, axis=0) <= tolerance
        for place, new in zip(*np.nonzero(np.abs(weights) > tolerance), strict=True):
            if within[new] and norms[new] > 0 and new not in support:
                other = tuple(sorted({*support[:place], *support[place + 1 :], int(new)}))
                if other not in basis:
                    basis.add(other)
                    todo.append(other)
    return sorted(basis - {first})[:most]


def rank(supports: Supports, tolerance: jax.Array, *, width: int) -> Supports:
    """Keep the best `width` distinct supports, best first."""
    sizes = jnp.sum(supports.masks, (1, 2))
    keep = distinct(supports.log_evidence, supports.rss, sizes, tolerance)
    top, chosen = best_of(jnp.where(keep, supports.log_evidence, -jnp.inf), width)
    return Supports(supports.masks[chosen], top, supports.rss[chosen])
