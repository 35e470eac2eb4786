"""Equations fitted to recordings by generalised Gauss–Newton, one step at a time.

A step is a program of its own, so that many fits go on side by side, each ends when it has come to
its end, and the next takes its place. Letters beside the usual: B segments · L intervals of a
segment · R recordings · P = R·D + D·K columns.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.evidence import regression, residuals
from nsindy.runtime.programs import Program
from nsindy.terms.products import Products
from nsindy.trajectories import shooting
from nsindy.trajectories.shooting import Model, Segments

STEPS = 12
"""Most steps of a fit."""

LANES = 4, 32
"""Fewest and most fits that go on side by side."""

NODES = 2048
"""Nodes of all fits together that take little longer than one."""

CLEAR = 50.0
"""Nats by which a fit must promise to be worse than the best to be given up."""

FAR = 2.0
"""Times what is promised, from which a promise is not to be relied on."""

RELIEF = 10.0
"""Times the best sum of squares that must be promised as well by a fit from there."""

NEAR = 1e-2
"""Relative change of the sum of squares that is no reason to try again with more damping."""

GAP = 1e4
"""Weight of a gap between segments beside a residual, both in units of the noise."""

SMALL = 1e-3
"""Residual, as a share of the largest value of a state, that an instrument's or solver's slow error
may be."""

DRIFT = 3.0
"""Times the floor of the noise that a slow error may be at no price: solvers drift."""


class Around(NamedTuple):
    """A model, and the recordings to first order around it.

    Attributes:
      model: the equations.
      factor: compressed linearisation, `closing` and `target` last [P + 2, P + 2].
      begin_by, begin_gap, gap, states: of `shooting.Linear`.
    """

    model: Model
    factor: jax.Array
    begin_by: jax.Array
    begin_gap: jax.Array
    gap: jax.Array
    states: jax.Array


class State(NamedTuple):
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

    best: Around
    value: jax.Array
    proposal: Model
    promised: jax.Array
    damping: jax.Array
    tried: jax.Array
    solved: jax.Array
    done: jax.Array


class Fit(NamedTuple):
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


def begin(model: Model, segments: Segments) -> State:
    """A fit that has done nothing yet.

    Args:
      model: where to start; `begin` may be any state that was measured there.
      segments: the recordings.
    """
    parts, count = model.begin.shape
    columns = count * (segments.starts.shape[1] + model.indices.shape[1])
    kind = segments.states.dtype
    large = jnp.asarray(jnp.inf, kind)
    best = Around(
        model,
        jnp.zeros((columns + 2, columns + 2), kind),
        jnp.zeros((parts, count, columns), kind),
        jnp.zeros((parts, count), kind),
        jnp.zeros((parts, count), kind),
        jnp.zeros(segments.states.shape, kind),
    )
    damping = jnp.asarray(1e-5, kind)
    return State(best, large, model, large, damping, large, jnp.asarray(0), jnp.asarray(False))


def step(
    terms: Products,
    state: State,
    segments: Segments,
    noise: jax.Array,
    *,
    tolerance: float = 1e-4,
) -> State:
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
    linear = shooting.linearise(terms, state.proposal, segments, noise)
    squares = jnp.sum(_squares(segments, linear.states, linear.gap) / noise**2)
    new = jnp.where(jnp.isfinite(squares), squares, jnp.inf)
    better = new < state.value

    def close(other, most):
        return jnp.abs(other - new) <= most * new

    # A step that changes nothing ends the fit, whichever way it was rounded, and so does one that
    # comes near and that more damping does not change.
    settled = close(state.value, tolerance) | (
        close(state.value, NEAR) & close(state.tried, tolerance)
    )
    targets = jnp.stack([linear.closing, linear.target], 1)
    factor = regression.compress(linear.design, targets)
    found = Around(state.proposal, factor, *linear[3:])
    best = jax.tree.map(lambda a, b: jnp.where(better, a, b), found, state.best)
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
    return State(best, value, proposal, promised, damping, new, solved, done)


def _squares(segments: Segments, states: jax.Array, gap: jax.Array) -> jax.Array:
    """Sum of squares of residuals and gaps of each state [D]."""
    residual = jnp.sum(segments.weights * (segments.states - states) ** 2, (0, 1))
    return residual + jnp.sum(gap**2, 0) * GAP


def _propose(best: Around, damping: jax.Array) -> tuple[Model, jax.Array]:
    """A damped step, and the sum of squares that a step without damping promises."""
    model, factor = best.model, best.factor
    count = factor.shape[1] - 2
    initial = count - model.free.size
    design, closing, target = factor[:, :count], factor[:, count:-1], factor[:, -1:]
    mask = jnp.concatenate([jnp.ones(initial, bool), model.free.reshape(-1)])
    promised = regression.solve(jnp.concatenate([design, target], 1), mask).rss
    # Gaps that are closed at once may throw a solution as far as any other step.
    closed = 1 / (1 + damping)
    size = jnp.linalg.norm(design, axis=0)
    bottom = jnp.pad(jnp.diag(jnp.sqrt(damping) * size), ((0, 0), (0, 1)))
    rows = jnp.concatenate([design, target + (1 - closed) * closing], 1)
    change = regression.solve(jnp.concatenate([rows, bottom]), mask).coefficients
    coefficients = model.coefficients + change[initial:].reshape(model.free.shape)
    begin = model.begin + best.begin_by @ change + closed * best.begin_gap
    return model._replace(coefficients=coefficients, begin=begin), promised


def judge(
    state: State, segments: Segments, noise: jax.Array, floor: jax.Array | float = 0.0
) -> Fit:
    """What a fit has come to.

    Args:
      state: of the fit.
      segments: the recordings.
      noise: σ [D].
      floor: noise below which no measurement is believed [D].
    """
    every = _squares(segments, state.best.states, state.best.gap)
    squares = jnp.where(jnp.isfinite(state.value), every, jnp.inf)
    pure = jnp.sum(segments.weights * (segments.states - state.best.states) ** 2, (0, 1))
    measured = jnp.sum(segments.weights, (0, 1))
    scale = noise * jnp.sqrt(jnp.sum(measured > 0) / jnp.maximum(jnp.sum(measured), 1))
    root = jnp.sqrt(segments.weights[:, :-1])
    residual = root * (segments.states - state.best.states)[:, :-1]
    each = residual.reshape(-1, residual.shape[2])
    size = jnp.sqrt(jnp.mean(each**2, 0))
    floor = jnp.broadcast_to(jnp.asarray(floor, noise.dtype), noise.shape)
    believed = jnp.where(size < DRIFT * floor, 0.0, floor)
    new, independent = jax.vmap(residuals.innovation, in_axes=(1, 1, 0, 0))(
        each, root.reshape(each.shape) > 0, size < SMALL, believed
    )
    return Fit(
        state.best.model,
        squares / jnp.maximum(jnp.sum(segments.weights > 0, (0, 1)), 1),
        new * squares / jnp.where(pure > 0, pure, 1.0),
        independent,
        jnp.max(jnp.abs(state.best.gap) / scale[None, :]),
        state.solved - 1,
        state.done,
    )


def fit(
    terms: Products,
    model: Model,
    segments: Segments,
    noise: jax.Array,
    floor: jax.Array | float = 0.0,
    *,
    tolerance: float = 1e-4,
) -> Fit:
    """Step until there is nothing more to be gained; see `begin`, `step` and `judge`."""
    state = jax.lax.while_loop(
        lambda state: ~state.done,
        lambda state: step(terms, state, segments, noise, tolerance=tolerance),
        begin(model, segments),
    )
    return judge(state, segments, noise, floor)


def _steps(terms, states, segments, noise):
    return jax.vmap(lambda state: step(terms, state, segments, noise))(states)


def _judged(states, segments, noise, floor):
    return jax.vmap(lambda state: judge(state, segments, noise, floor))(states)


ALL_STEP = Program(_steps, static=("terms",))
ALL_JUDGED = Program(_judged)


def ahead(terms: Products, model: Model, segments: Segments, noise: np.ndarray) -> None:
    """Compile what `many` needs for models and segments of these shapes."""
    states = together([begin(model, segments)], lanes(segments))
    ALL_STEP.precompile(terms, states, segments, noise)
    ALL_JUDGED.precompile(states, segments, noise, noise)


def many(
    terms: Products,
    models: Sequence[Model],
    segments: Segments,
    noise: np.ndarray,
    floor: np.ndarray,
) -> list[Fit]:
    """Fit many models; as soon as one has come to its end, the next takes its lane.

    A model is given up where, were everything linear, it would still be left clearly behind the
    best of them: what bad models promise they seldom keep, and they take the most steps to show it.
    """
    if not models:
        return []
    blank = jax.tree.map(np.asarray, begin(models[0], segments))
    states = [
        blank._replace(best=blank.best._replace(model=model), proposal=model) for model in models
    ]
    waiting, going = list(range(len(models)))[::-1], list[int]()
    samples, side_by_side = np.sum(np.asarray(segments.weights) > 0), lanes(segments)
    best = np.inf
    while waiting or going:
        while waiting and len(going) < side_by_side:
            going.append(waiting.pop())
        now = together([states[i] for i in going], side_by_side)
        stepped = ALL_STEP(terms, now, segments, noise)
        for i, state in zip(going, apart(stepped), strict=False):
            states[i] = state
        best = min(best, *(states[i].value for i in going))
        enough = np.exp(2 * CLEAR / samples) * max(best, samples)
        going = [i for i in going if not states[i].done and not _hopeless(states[i], enough)]
    fits = []
    for at in range(0, len(states), side_by_side):
        part = states[at : at + side_by_side]
        judged = ALL_JUDGED(together(part, side_by_side), segments, noise, floor)
        fits += apart(judged)[: len(part)]
    return fits


def _hopeless(state: State, enough: float) -> bool:
    far = state.value > FAR * state.promised
    return bool(state.promised > enough * (RELIEF if far else 1.0))


def lanes(segments: Segments) -> int:
    """Fits that go on side by side: of few rows many, since each takes next to no time."""
    return int(np.clip(NODES // segments.steps.size, *LANES))


def together(each: Sequence[Any], count: int) -> Any:
    """Stack, for as many lanes as there are; the first fills those that would be empty."""
    each = [*each, *[each[0]] * (count - len(each))]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *each)


def apart(stacked: Any) -> list[Any]:
    """One for each lane."""
    stacked = jax.tree.map(np.asarray, stacked)
    count = len(jax.tree.leaves(stacked)[0])
    return [jax.tree.map(lambda leaf, i=i: leaf[i], stacked) for i in range(count)]
