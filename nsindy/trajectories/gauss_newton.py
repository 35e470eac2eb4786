"""Equations fitted to recordings by generalised Gauss–Newton, one step at a time.

Letters beside the usual: B segments · L intervals of a segment · R recordings.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.evidence import residuals
from nsindy.terms.products import Products
from nsindy.trajectories import stretches
from nsindy.trajectories.chain import Chain, linearise
from nsindy.trajectories.flow import Flow
from nsindy.trajectories.shooting import Model, Segments

__all__ = [
    "Expansion",
    "FitState",
    "ShootingFit",
    "fit_segments",
    "following",
    "judge",
    "step",
    "unstarted",
]

STEPS = 12
"""Most steps of a fit."""

NEAR = 1e-2
"""Relative change of the sum of squares that is no reason to try again with more damping."""

GAP = 1e4
"""Weight of a gap between segments beside a residual, both in units of the noise."""

SMALL = 1e-3
"""Residual, as a share of the largest value of a state, that an instrument's or solver's slow error
may be."""

DRIFT = 3.0
"""Times the floor of the noise that a slow error may be at no price: solvers drift."""

NUMBER_STEP = 0.5
"""Most that a number inside a term moves in a step: none changes its sign."""


class Expansion(NamedTuple):
    """A model, and the recordings to first order around it.

    Attributes:
      model: the equations.
      products: of its columns, `stretches.products`.
      stretch, begin_by_initial, begin_by_coefficients, begin_gap, gap, states: of its `Chain`.
    """

    model: Model
    products: jax.Array
    stretch: jax.Array
    begin_by_initial: jax.Array
    begin_by_coefficients: jax.Array
    begin_gap: jax.Array
    gap: jax.Array
    states: jax.Array


class FitState(NamedTuple):
    """A fit on its way.

    Attributes:
      best: the best model so far.
      value: its sum of squares, of residuals and gaps; infinite before the first step.
      proposal: what is solved next.
      promised: what `value` would become were everything linear, and no step damped.
      damping: Marquardt's λ.
      tried: `value` of the last proposal.
      solved: number of proposals that were solved.
      done: True where nothing more is to be gained, or there is nothing to go on from.
    """

    best: Expansion
    value: jax.Array
    proposal: Model
    promised: jax.Array
    damping: jax.Array
    tried: jax.Array
    solved: jax.Array
    done: jax.Array


class ShootingFit(NamedTuple):
    """A fitted model.

    Attributes:
      model: the equations.
      variance: of the residuals of each state [D], weighted, where the equations were solved last,
        within the tolerance of that of the model; the gaps count in.
      innovation: variance of what is new in each residual [D], as `residuals.innovation`.
      independent: share of the residuals that are independent [D].
      gap: largest gap that is left, in units of the noise.
      steps: how many were tried.
      ended: False where it was given up before its end.
    """

    model: Model
    variance: jax.Array
    innovation: jax.Array
    independent: jax.Array
    gap: jax.Array
    steps: jax.Array
    ended: jax.Array


def unstarted(model: Model, segments: Segments) -> FitState:
    """A fit that has done nothing yet.

    Args:
      model: where to start; `begin` may be any state that was measured there.
      segments: the recordings.
    """
    parts, count = model.begin.shape
    columns, initial = model.every_free.size, segments.starts.shape[1]
    kind = segments.states.dtype

    # By NumPy: outside a program, JAX would compile each of them.
    def full(value: float, *shape: int) -> Any:
        return np.full(shape, value, kind)

    best = Expansion(
        model,
        full(0, initial, count + columns + 2, count + columns + 2),
        np.zeros(parts, int),  # type: ignore[arg-type]
        full(0, parts, count, count),
        full(0, parts, count, columns),
        full(0, parts, count),
        full(0, parts, count),
        full(0, *segments.states.shape),
    )
    solved: Any = np.asarray(0)
    done: Any = np.asarray(False)
    worst = full(np.inf)
    return FitState(best, worst, model, worst, full(1e-5), worst, solved, done)


def step(
    terms: Products | Flow,
    state: FitState,
    segments: Segments,
    noise: jax.Array,
    *,
    tolerance: float = 1e-4,
) -> FitState:
    """Solve what was proposed, keep it where it is better, and propose again.

    minimise Σ w (y - x)² / σ²  subject to every segment beginning where the one before it ended.
    Each step solves the linearised problem, damped as Levenberg and Marquardt do, and closes the
    gaps; a step is taken where it lowers the sum of squares of residuals and gaps together. A
    chaotic recording, or a bad first guess, is no obstacle, since no segment is long.

    Args:
      terms: the M terms.
      state: of the fit.
      segments: the recordings.
      noise: σ [D].
      tolerance: on the relative change of the sum of squares.

    Reference: Bock (1983), Recent advances in parameter identification techniques for O.D.E.;
    Marquardt (1963).
    """
    chain = linearise(terms, state.proposal, segments, noise)
    squares = jnp.sum(_squares(segments, chain) / noise**2)
    new = jnp.where(jnp.isfinite(squares), squares, jnp.inf)
    better = new < state.value

    def close(other, most):
        return jnp.abs(other - new) <= most * new

    # A step that changes nothing ends the fit, whichever way it was rounded, and so does one that
    # comes near and that more damping does not change.
    settled = close(state.value, tolerance) | (
        close(state.value, NEAR) & close(state.tried, tolerance)
    )
    new_best = Expansion(
        state.proposal,
        stretches.products(chain, segments.starts.shape[1]),
        chain.stretch,
        chain.begin_by_initial,
        chain.begin_by_coefficients,
        chain.begin_gap,
        chain.gap,
        chain.states,
    )
    best = jax.tree.map(lambda a, b: jnp.where(better, a, b), new_best, state.best)
    value = jnp.minimum(new, state.value)
    # Nothing to go on from: the very first solution was not finite.
    lost = ~jnp.isfinite(value)
    # Less than a hundredth changes nothing where a step failed.
    damping = jnp.where(better, state.damping / 10, jnp.maximum(state.damping * 20, 1e-2))
    proposal, promised = _propose(best, damping)
    # A step that promises next to nothing is taken as it is.
    last = better & (value - promised < tolerance * value)
    model = jax.tree.map(lambda a, b: jnp.where(last, a, b), proposal, best.model)
    solved = state.solved + 1
    done = last | settled | (damping > 1e6) | lost | (solved > STEPS)
    best = best._replace(model=model)
    return FitState(best, value, proposal, promised, damping, new, solved, done)


def _squares(segments: Segments, at: Chain | Expansion) -> jax.Array:
    """Sum of squares of residuals and gaps of each state [D]."""
    residual = jnp.sum(segments.weights * (segments.states - at.states) ** 2, (0, 1))
    return residual + jnp.sum(at.gap**2, 0) * GAP


def _propose(best: Expansion, damping: jax.Array) -> tuple[Model, jax.Array]:
    """A damped step, and the sum of squares that a step without damping promises."""
    model, mask = best.model, best.model.every_free
    size, tables = best.products.shape[-1] - 2, best.products
    follow = following(model)
    if follow is not None:
        tables = stretches.products_of_free(tables, follow)
    # Gaps that are closed at once may throw a solution as far as any other step.
    closed = 1 / (1 + damping)
    by_target = jnp.eye(size + 2)[:, jnp.append(jnp.arange(size), size + 1)]
    promised = stretches.solve_stretches(by_target.T @ tables @ by_target, mask).rss
    by_target = by_target.at[size, size].set(1 - closed)
    damped = by_target.T @ tables @ by_target
    change = stretches.solve_stretches(damped, mask, damping)
    if follow is not None:
        change = change._replace(coefficients=follow @ change.coefficients)
    own, steps = jnp.split(change.coefficients, [model.free.size])
    steps = jnp.clip(steps, -NUMBER_STEP, NUMBER_STEP)
    numbers = None if model.numbers is None else model.numbers.moved(steps)
    coefficients = model.coefficients + own.reshape(model.free.shape)
    begin = model.begin + closed * best.begin_gap
    begin = begin + best.begin_by_coefficients @ jnp.concatenate([own, steps])
    begin = begin + jnp.einsum("bde,be->bd", best.begin_by_initial, change.initial[best.stretch])
    return model._replace(coefficients=coefficients, begin=begin, numbers=numbers), promised


def following(model: Model) -> jax.Array | None:
    """What a change of all that is free changes of coefficients and numbers [P, P].

    None where nothing follows another.
    """
    if model.follow is None or model.numbers is None:
        return model.follow
    return jax.scipy.linalg.block_diag(model.follow, jnp.eye(model.numbers.free.size))


def judge(
    state: FitState, segments: Segments, noise: jax.Array, floor: jax.Array | float = 0.0
) -> ShootingFit:
    """What a fit has come to.

    Args:
      state: of the fit.
      segments: the recordings.
      noise: σ [D].
      floor: standard deviation below which no measurement noise is taken to be [D].
    """
    best = state.best
    squares = jnp.where(jnp.isfinite(state.value), _squares(segments, best), jnp.inf)
    pure = jnp.sum(segments.weights * (segments.states - best.states) ** 2, (0, 1))
    measured = jnp.sum(segments.weights, (0, 1))
    scale = noise * jnp.sqrt(jnp.sum(measured > 0) / jnp.maximum(jnp.sum(measured), 1))
    root = jnp.sqrt(segments.weights[:, :-1])
    residual = root * (segments.states - best.states)[:, :-1]
    each = residual.reshape(-1, residual.shape[2])
    size = jnp.sqrt(jnp.mean(each**2, 0))
    floor = jnp.broadcast_to(jnp.asarray(floor, noise.dtype), noise.shape)
    white_floor = jnp.where(size < DRIFT * floor, 0.0, floor)
    new, independent = jax.vmap(residuals.innovation, in_axes=(1, 1, 0, 0))(
        each, root.reshape(each.shape) > 0, size < SMALL, white_floor
    )
    return ShootingFit(
        best.model,
        squares / jnp.maximum(jnp.sum(segments.weights > 0, (0, 1)), 1),
        new * squares / jnp.where(pure > 0, pure, 1.0),
        independent,
        jnp.max(jnp.abs(best.gap) / scale[None, :]),
        state.solved - 1,
        state.done,
    )


def fit_segments(
    terms: Products | Flow,
    model: Model,
    segments: Segments,
    noise: jax.Array,
    floor: jax.Array | float = 0.0,
    *,
    tolerance: float = 1e-4,
) -> ShootingFit:
    """Step until there is nothing more to be gained; see `unstarted`, `step` and `judge`."""
    state = jax.lax.while_loop(
        lambda state: ~state.done,
        lambda state: step(terms, state, segments, noise, tolerance=tolerance),
        unstarted(model, segments),
    )
    return judge(state, segments, noise, floor)
