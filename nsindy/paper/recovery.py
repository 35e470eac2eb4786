"""Run 9: propose supports by derivatives, judge them by trajectories, search around the best."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nsindy.evidence import beam, regression
from nsindy.evidence.beam import Slots
from nsindy.evidence.regression import Prior, Supports
from nsindy.terms.library import Library
from nsindy.trajectories import single, tangent
from nsindy.trajectories.single import Fit, Record
from nsindy.trajectories.tangent import Tangent


class Recovery(NamedTuple):
    """The equations that a recording supports best, and how sure that is.

    Attributes:
      mask: the support [D, M].
      coefficients: exactly zero off the support [D, M].
      errors: standard errors from the Fisher information of the trajectory [D, M]; zero off the
        support.
      inclusion: posterior probability of each term, over the supports of `pool` [D, M].
      estimates: coefficient that each term has when it is added to the support [D, M]; equal to
        `coefficients` on the support.
      estimate_errors: its standard error; inf where the terms of the support already span it.
      initial: fitted initial state [D].
      noise: standard deviation of the measurement noise of each state [D].
      log_evidence: of the support, nats up to a constant.
      slots: the slots of each equation, leaves [D, K].
      pool: supports of the last round, best first, C of them.
      pool_coefficients: theirs [C, D, M].
      pool_weights: their posterior probabilities [C].
      rounds: trajectory rounds used.
      settled: True where the last round found nothing better.
    """

    mask: jax.Array
    coefficients: jax.Array
    errors: jax.Array
    inclusion: jax.Array
    estimates: jax.Array
    estimate_errors: jax.Array
    initial: jax.Array
    noise: jax.Array
    log_evidence: jax.Array
    slots: Slots
    pool: Supports
    pool_coefficients: jax.Array
    pool_weights: jax.Array
    rounds: jax.Array
    settled: jax.Array


class _Round(NamedTuple):
    masks: jax.Array
    valid: jax.Array
    coefficients: jax.Array
    initial: jax.Array
    noise: jax.Array
    fits: Any
    scores: Any
    best_mask: Any
    at: Any
    count: Any
    settled: Any


def propose(
    factor: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    *,
    equations: int,
    slots: int,
    width: int = 8,
) -> Supports:
    """Find the best joint supports by regression on derivatives.

    Args:
      factor: `regression.compress` of [Θ, Ẋ], [M + D, M + D].
      samples: n, independent measurements. Estimated derivatives share measurements, so it is
        about N over the length of the filter's window.
      prior: of the supports.
      equations: D.
      slots: K, most terms in an equation.
      width: number of joint supports C.

    Raises:
      ValueError: K is below 1 or above M.
    """
    terms = factor.shape[1] - equations
    width_one = max(width, 16)

    def one(equation):
        own = jnp.concatenate([factor[:, :terms], factor[:, terms + equation, None]], 1)
        start = jnp.zeros((1, terms), bool)
        return beam.search(
            own, samples, prior, start, slots=slots, depth=min(slots, terms), width=width_one
        )

    each = jax.vmap(one)(jnp.arange(equations))
    masks, scores = each.masks[0], each.log_evidence[0]
    for equation in range(1, equations):
        total = scores[:, None] + each.log_evidence[equation][None, :]
        scores, chosen = beam.best_of(total.reshape(-1), width_one)
        left, right = jnp.divmod(chosen, width_one)
        masks = jnp.concatenate([masks[left], each.masks[equation][right]], 1)
    return Supports(masks[:width], scores[:width], jnp.zeros(width, factor.dtype))


def neighbours(
    at: Tangent, prior: Prior, mask: jax.Array, *, slots: int, width: int = 8
) -> Supports:
    """Rank the supports around one: a term dropped, added or swapped, and those grown from none.

    Args:
      at: the regression around the fit of the support.
      prior: of the supports.
      mask: the support [D, M].
      slots: K.
      width: number of supports to return.
    """
    equations, terms = mask.shape
    factor = at.factor[equations:, equations:]
    indices = single.slots_of(mask, slots)
    dropped = jax.nn.one_hot(indices, terms, dtype=bool).reshape(-1, 1, terms)
    place = jnp.repeat(jnp.eye(equations, dtype=bool), slots, axis=0)
    starts = jnp.concatenate([mask[None], mask[None] & ~(dropped & place[:, :, None])])

    def around(start):
        return beam.search(factor, at.samples, prior, start, slots=slots, depth=1, width=2 * width)

    near = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), jax.vmap(around)(starts))
    empty = jnp.zeros_like(mask)
    depth = equations * min(slots, terms)
    far = beam.search(factor, at.samples, prior, empty, slots=slots, depth=depth, width=2 * width)
    joined = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), near, far)
    return beam.rank(joined, regression.tie(factor), width=width)


def score(found: Fit, record: Record, prior: Prior, terms: int, floor: jax.Array) -> jax.Array:
    """Evidence of a fitted support, the noise variance of each state profiled.

    log p = -Σ_d n/2 log(RSS_d / n + floor_d²) - |S|/2 log(n D) + log p(S) + constant

    Args:
      found: the fit.
      record: the measured states.
      prior: of the supports.
      terms: M.
      floor: smallest noise that can be told from the errors of the solver [D].
    """
    samples = jnp.sum(record.weights)
    mask = single.mask_of(found.indices, terms)
    variance = found.rss / samples + floor**2
    total = samples * len(found.rss)
    value = -0.5 * samples * jnp.sum(jnp.log(variance)) - 0.5 * jnp.sum(mask) * jnp.log(total)
    value = value + regression.log_prior(mask, prior)
    return jnp.where(jnp.isfinite(value), value, -jnp.inf)


def recover(
    library: Library,
    record: Record,
    proposals: Supports,
    factor: jax.Array,
    prior: Prior,
    *,
    slots: int,
    steps: int,
    rounds: int = 5,
    iterations: int = 15,
    resolution: float = 1e-6,
) -> Recovery:
    """Recover the equations of one system from its measured states.

    1. Fit every proposed support to the states, vmapped, and score it.
    2. Around the best, linearise the trajectory in all terms; there the evidence of every support
       is a closed form, and the best of those around it become the next proposals.
    3. Repeat until the best stays the best.

    Args:
      library: the M terms, usually of exact operations.
      record: the measured states.
      proposals: joint supports to begin with, C of them.
      factor: `regression.compress` of [Θ, Ẋ], where the first fits start from.
      prior: of the supports.
      slots: K, most terms in an equation; more than needed does no harm.
      steps: solver steps of a trajectory.
      rounds: most rounds.
      iterations: most Levenberg–Marquardt steps of a fit.
      resolution: noise, relative to the spread of a state, that the solver's errors hide.
    """
    equations, terms = record.states.shape[1], len(library.terms)
    width = len(proposals.log_evidence)
    spread = jnp.std(record.states, 0)
    spread = jnp.where(spread > 0, spread, 1.0)
    floor = resolution * spread
    samples = jnp.sum(record.weights)

    def sigma(rss):
        return jnp.sqrt(rss / samples + floor**2)

    def run(masks, valid, coefficients, initial, noise):
        indices = jax.vmap(lambda mask: single.slots_of(mask, slots))(masks)
        padded = jnp.pad(coefficients, ((0, 0), (0, 0), (0, 1)))
        values = jnp.take_along_axis(padded, indices, 2)
        fits = jax.vmap(
            lambda i, c, x: single.fit(
                library, i, c, x, record, noise, steps=steps, iterations=iterations
            )
        )(indices, values, initial)
        scores = jax.vmap(lambda f: score(f, record, prior, terms, floor))(fits)
        return fits, jnp.where(valid, scores, -jnp.inf)

    def by_derivatives(mask):
        def one(equation):
            own = jnp.concatenate([factor[:, :terms], factor[:, terms + equation, None]], 1)
            return regression.solve(own, mask[equation]).coefficients

        return jax.vmap(one)(jnp.arange(equations))

    def by_tangent(at, mask, initial):
        known = jnp.concatenate([jnp.ones(equations, bool), mask.reshape(-1)])
        values = regression.solve(at.factor, known).coefficients
        return values[equations:].reshape(mask.shape), initial + values[:equations]

    def again(state):
        last = state.best_mask
        fits, scores = run(state.masks, state.valid, state.coefficients, state.initial, state.noise)
        top = jnp.argmax(scores)
        best = jax.tree.map(lambda leaf: leaf[top], fits)
        noise = sigma(best.rss)
        mask = single.mask_of(best.indices, terms)
        at = tangent.around(library, best, record, noise, steps=steps)
        around = neighbours(at, prior, mask, slots=slots, width=width)
        starts, begins = jax.vmap(lambda m: by_tangent(at, m, best.initial))(around.masks)
        return _Round(
            around.masks,
            around.log_evidence > -jnp.inf,
            starts,
            begins,
            noise,
            fits,
            scores,
            mask,
            at,
            state.count + 1,
            jnp.all(mask == last) & (state.count > 0),
        )

    masks = proposals.masks
    begin = _Round(
        masks,
        proposals.log_evidence > -jnp.inf,
        jax.vmap(by_derivatives)(masks),
        jnp.broadcast_to(record.states[0][None], (width, equations)),
        spread,
        *(None,) * 6,
    )
    shapes = jax.eval_shape(again, begin._replace(count=jnp.zeros((), int), best_mask=masks[0]))
    empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    begin = empty._replace(
        **{name: value for name, value in begin._asdict().items() if value is not None}
    )
    final = jax.lax.while_loop(lambda s: (s.count < rounds) & ~s.settled, again, begin)
    fits, scores, at = final.fits, final.scores, final.at
    count, settled = final.count, final.settled

    order = jnp.argsort(-scores)
    fits, scores = jax.tree.map(lambda leaf: leaf[order], (fits, scores))
    best = jax.tree.map(lambda leaf: leaf[0], fits)
    mask = single.mask_of(best.indices, terms)
    weights = jax.nn.softmax(scores)
    masks = jax.vmap(lambda i: single.mask_of(i, terms))(fits.indices)
    freedom = jnp.maximum(samples - jnp.sum(mask) / equations - 1, 1)
    correction = jnp.sqrt(samples / freedom)
    noise = sigma(best.rss) * correction
    value, error = tangent.estimates(at, mask)
    error = error * correction
    coefficients = single.dense(best.indices, best.coefficients, terms)
    filled = jax.vmap(
        lambda equation: beam.judge_slots(
            at.factor[equations:, equations:], at.samples, prior, mask, equation, slots=slots
        )
    )(jnp.arange(equations))
    return Recovery(
        mask=mask,
        coefficients=coefficients,
        errors=jnp.where(mask, error, 0.0),
        inclusion=jnp.sum(jnp.where(masks, weights[:, None, None], 0.0), 0),
        estimates=jnp.where(mask, coefficients, value),
        estimate_errors=error,
        initial=best.initial,
        noise=noise,
        log_evidence=scores[0],
        slots=filled,
        pool=Supports(masks, scores, jnp.sum(fits.rss, 1)),
        pool_coefficients=jax.vmap(lambda i, c: single.dense(i, c, terms))(
            fits.indices, fits.coefficients
        ),
        pool_weights=weights,
        rounds=count,
        settled=settled,
    )
