"""Run 9: propose supports by derivatives, judge them by trajectories, search around the best."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.evidence import beam, regression, ties
from nsindy.evidence.prior import Prior
from nsindy.evidence.score import Supports
from nsindy.evidence.slots import FilledSlots, judge_slots
from nsindy.terms.library import Library
from nsindy.trajectories import single, tangent
from nsindy.trajectories.single import Record
from nsindy.trajectories.single_fit import TrajectoryFit, evidence_of_fit, fit_trajectory
from nsindy.trajectories.tangent import Tangent

__all__ = ["Recovery", "neighbours", "propose", "recover"]


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
    slots: FilledSlots
    pool: Supports
    pool_coefficients: jax.Array
    pool_weights: jax.Array
    rounds: jax.Array
    settled: jax.Array


class _Proposals(NamedTuple):
    """What a round fits: supports [C, D, M], which of them exist [C], and where the fits start.

    Coefficients [C, D, M], initial states [C, D] and the noise that weighs the states [D].
    """

    masks: jax.Array
    valid: jax.Array
    coefficients: jax.Array
    initial: jax.Array
    noise: jax.Array


class _Fitted(NamedTuple):
    """What a round came to: C fits, their evidence, the best support and its linearisation."""

    fits: TrajectoryFit
    scores: jax.Array
    mask: jax.Array
    at: Tangent


class _Progress(NamedTuple):
    """Between two rounds: what is fitted next, and the last round."""

    proposals: _Proposals
    last: _Fitted
    rounds: jax.Array
    settled: jax.Array


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
        own = regression.of_equation(factor, terms, equation)
        start = jnp.zeros((1, terms), bool)
        return beam.beam_search(
            own, samples, prior, start, slots=slots, depth=min(slots, terms), width=width_one
        )

    each = jax.vmap(one)(jnp.arange(equations))
    masks, scores = each.masks[0], each.log_evidence[0]
    for equation in range(1, equations):
        total = scores[:, None] + each.log_evidence[equation][None, :]
        scores, chosen = ties.best_of(total.reshape(-1), width_one)
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
    factor = at.linearised.coefficients_alone
    indices = single.slots_of(mask, slots)
    dropped = jax.nn.one_hot(indices, terms, dtype=bool).reshape(-1, 1, terms)
    place = jnp.repeat(jnp.eye(equations, dtype=bool), slots, axis=0)
    starts = jnp.concatenate([mask[None], mask[None] & ~(dropped & place[:, :, None])])

    def around(start):
        return beam.beam_search(
            factor, at.samples, prior, start, slots=slots, depth=1, width=2 * width
        )

    near = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), jax.vmap(around)(starts))
    empty = jnp.zeros_like(mask)
    depth = equations * min(slots, terms)
    far = beam.beam_search(
        factor, at.samples, prior, empty, slots=slots, depth=depth, width=2 * width
    )
    joined = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), near, far)
    return ties.rank(joined, regression.tie(factor), width=width)


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
    terms = len(library.terms)
    spread = jnp.std(record.states, 0)
    spread = jnp.where(spread > 0, spread, 1.0)
    floor = resolution * spread

    samples = jnp.sum(record.weights)

    def one_round(now: _Proposals) -> tuple[_Proposals, _Fitted]:
        fits, scores = _fit(
            library, record, now, prior, floor, slots=slots, steps=steps, iterations=iterations
        )
        top = jnp.argmax(scores)
        best = jax.tree.map(lambda leaf: leaf[top], fits)
        noise = _sigma(best.rss, samples, floor)
        mask = single.mask_of(best.indices, terms)
        at = tangent.linearise_trajectory(library, best, record, noise, steps=steps)
        near = neighbours(at, prior, mask, slots=slots, width=len(now.valid))
        return _by_tangent(near, at, best.initial, noise), _Fitted(fits, scores, mask, at)

    def again(state: _Progress) -> _Progress:
        proposals, fitted = one_round(state.proposals)
        settled = jnp.all(fitted.mask == state.last.mask) & (state.rounds > 0)
        return _Progress(proposals, fitted, state.rounds + 1, settled)

    first = _by_derivatives(proposals, factor, record.states[0], spread)
    unfitted = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(one_round, first)[1]
    )
    final = jax.lax.while_loop(
        lambda state: (state.rounds < rounds) & ~state.settled,
        again,
        _Progress(first, unfitted, jnp.zeros((), int), jnp.asarray(False)),
    )
    return _conclude(final, samples, prior, floor, slots=slots)


def _sigma(rss: jax.Array, samples: jax.Array, floor: jax.Array) -> jax.Array:
    return jnp.sqrt(rss / samples + floor**2)


def _by_derivatives(
    proposals: Supports, factor: jax.Array, initial: jax.Array, noise: jax.Array
) -> _Proposals:
    """Proposals with the coefficients of the regression on derivatives."""
    width, equations, terms = proposals.masks.shape

    def coefficients(mask):
        def one(equation):
            own = regression.of_equation(factor, terms, equation)
            return regression.least_squares(own, mask[equation]).coefficients

        return jax.vmap(one)(jnp.arange(equations))

    return _Proposals(
        proposals.masks,
        proposals.log_evidence > -jnp.inf,
        jax.vmap(coefficients)(proposals.masks),
        jnp.broadcast_to(initial[None], (width, equations)),
        noise,
    )


def _fit(
    library: Library,
    record: Record,
    now: _Proposals,
    prior: Prior,
    floor: jax.Array,
    *,
    slots: int,
    steps: int,
    iterations: int,
) -> tuple[TrajectoryFit, jax.Array]:
    """Fit every proposal; the fits and their evidence [C]."""
    indices = jax.vmap(lambda mask: single.slots_of(mask, slots))(now.masks)
    padded = jnp.pad(now.coefficients, ((0, 0), (0, 0), (0, 1)))
    values = jnp.take_along_axis(padded, indices, 2)
    fits = jax.vmap(
        lambda i, c, x: fit_trajectory(
            library, i, c, x, record, now.noise, steps=steps, iterations=iterations
        )
    )(indices, values, now.initial)
    terms = len(library.terms)
    scores = jax.vmap(lambda fit: evidence_of_fit(fit, record, prior, terms, floor))(fits)
    return fits, jnp.where(now.valid, scores, -jnp.inf)


def _by_tangent(near: Supports, at: Tangent, initial: jax.Array, noise: jax.Array) -> _Proposals:
    """Supports around a fit that began at `initial`, started as its linearisation predicts."""
    linear = at.linearised

    def start(mask):
        values = regression.least_squares(linear.factor, linear.columns_of(mask)).coefficients
        change, coefficients = linear.split(values)
        return coefficients.reshape(mask.shape), initial + change

    coefficients, begins = jax.vmap(start)(near.masks)
    return _Proposals(near.masks, near.log_evidence > -jnp.inf, coefficients, begins, noise)


def _conclude(
    final: _Progress, samples: jax.Array, prior: Prior, floor: jax.Array, *, slots: int
) -> Recovery:
    """Put the last round together, best first, with its uncertainty."""
    last = final.last
    equations, terms = last.mask.shape
    order = jnp.argsort(-last.scores)
    fits, scores = jax.tree.map(lambda leaf: leaf[order], (last.fits, last.scores))
    best = jax.tree.map(lambda leaf: leaf[0], fits)
    mask = single.mask_of(best.indices, terms)
    weights = jax.nn.softmax(scores)
    masks = jax.vmap(lambda i: single.mask_of(i, terms))(fits.indices)
    freedom = jnp.maximum(samples - jnp.sum(mask) / equations - 1, 1)
    correction = jnp.sqrt(samples / freedom)
    value, error = tangent.estimates(last.at, mask)
    error = error * correction
    coefficients = single.dense(best.indices, best.coefficients, terms)
    alone = last.at.linearised.coefficients_alone
    filled = jax.vmap(
        lambda equation: judge_slots(alone, last.at.samples, prior, mask, equation, slots=slots)
    )(jnp.arange(equations))
    return Recovery(
        mask=mask,
        coefficients=coefficients,
        errors=jnp.where(mask, error, 0.0),
        inclusion=jnp.sum(jnp.where(masks, weights[:, None, None], 0.0), 0),
        estimates=jnp.where(mask, coefficients, value),
        estimate_errors=error,
        initial=best.initial,
        noise=_sigma(best.rss, samples, floor) * correction,
        log_evidence=scores[0],
        slots=filled,
        pool=Supports(masks, scores, jnp.sum(fits.rss, 1)),
        pool_coefficients=jax.vmap(lambda i, c: single.dense(i, c, terms))(
            fits.indices, fits.coefficients
        ),
        pool_weights=weights,
        rounds=final.rounds,
        settled=final.settled,
    )
