"""Coefficients and initial state fitted to the measured states, through the solved equation."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.evidence import regression, score
from nsindy.evidence.prior import Prior
from nsindy.terms import library as libraries
from nsindy.terms.library import Library
from nsindy.trajectories.single import Record, bound_of, mask_of, solve_in_slots

__all__ = ["TrajectoryFit", "evidence_of_fit", "fit_trajectory"]


class TrajectoryFit(NamedTuple):
    """A fitted equation.

    Attributes:
      indices: term of each slot [D, K], M where the slot is empty.
      coefficients: of each slot [D, K], zero where it is empty.
      initial: fitted state at the first time [D].
      rss: sum of squared residuals of each state over the samples that count [D], where the
        equation was solved last: within `rtol` of that of the coefficients.
      converged: True where Levenberg–Marquardt met its tolerance.
    """

    indices: jax.Array
    coefficients: jax.Array
    initial: jax.Array
    rss: jax.Array
    converged: jax.Array


def fit_trajectory(
    library: Library,
    indices: jax.Array,
    coefficients: jax.Array,
    initial: jax.Array,
    record: Record,
    noise: jax.Array,
    *,
    steps: int,
    iterations: int = 20,
    rtol: float = 1e-10,
) -> TrajectoryFit:
    """Fit the coefficients of one support, and the initial state, to the measured states.

    minimise Σ_n w_n Σ_d (x_d(t_n; ξ, x_0) - y_nd)² / σ_d²  by Levenberg–Marquardt, each parameter
    in units of about 30 standard errors. A step is taken where it gains a hundredth of what its
    linearisation promises; less damping follows where it gains three quarters. The first step that
    promises less than `rtol` is taken without another solve, and ends the fit.

    Args:
      library: the M terms.
      indices: the support in slots [D, K].
      coefficients: where to start [D, K].
      initial: where to start [D].
      record: the measured states.
      noise: σ, standard deviation of the measurement noise of each state, or what to weigh the
        states by [D].
      steps: solver steps, T.
      iterations: most Levenberg–Marquardt steps.
      rtol: share of the sum of squares that is too little to gain.

    Reference: Levenberg (1944); Marquardt (1963).

    Example:
      >>> from nsindy.terms.library import bind
      >>> from nsindy.trajectories.single import as_record
      >>> times = jnp.linspace(0.0, 2.0, 41)
      >>> measured = as_record(times, jnp.exp(-0.5 * times)[:, None])
      >>> found = fit_trajectory(
      ...     bind(["identity(x)"], ["x"]), jnp.array([[0]]), jnp.array([[-0.4]]), jnp.ones(1),
      ...     measured, jnp.array([0.01]), steps=40,
      ... )
      >>> found.coefficients.round(3).tolist()
      [[-0.5]]
    """
    filled = indices < len(library.terms)
    present = jnp.concatenate([filled.reshape(-1), jnp.ones(initial.shape, bool)])
    bound = bound_of(record.states)
    weights = jnp.sqrt(record.weights)[:, None] / noise[None, :]
    scale = _scales(library, indices, record, noise)
    columns = jnp.append(1.0, jnp.where(present, scale, 0.0))
    measured = record.states[:, :, None] * (jnp.arange(len(columns)) == 0)[None, None, :]

    def products_of(scaled):
        parameters = _unpack(scaled * scale, indices)
        solved = solve_in_slots(library, indices, *parameters, record.times, bound, steps)
        rows = (solved - measured) * weights[:, :, None] * columns[None, None, :]
        flat = rows.reshape(-1, len(columns))
        return flat.T @ flat, jnp.sum(rows[:, :, 0] ** 2, 0)

    start = jnp.concatenate([jnp.where(filled, coefficients, 0.0).reshape(-1), initial]) / scale
    final = _levenberg_marquardt(
        products_of, start, states=len(noise), iterations=iterations, rtol=rtol
    )
    values, begun = _unpack(jnp.where(final.done, final.proposal, final.now) * scale, indices)
    coefficients = jnp.where(filled, values, 0.0)
    return TrajectoryFit(indices, coefficients, begun, final.rss * noise**2, final.done)


class _Descent(NamedTuple):
    """A fit on its way: the best parameters with their products, and what is solved next."""

    now: jax.Array
    gram: jax.Array
    rss: jax.Array
    proposal: jax.Array
    expected: jax.Array
    damping: jax.Array
    taken: jax.Array | int
    done: jax.Array


def _levenberg_marquardt(
    products_of: Callable[[jax.Array], tuple[jax.Array, jax.Array]],
    start: jax.Array,
    *,
    states: int,
    iterations: int,
    rtol: float,
) -> _Descent:
    """Minimise a sum of squares; see `fit_trajectory`.

    Args:
      products_of: from parameters [P] to all products of residual and derivatives [1 + P, 1 + P],
        and the sum of squares of each state [D].
      start: [P].
      states: D.
      iterations: most steps.
      rtol: share of the sum of squares that is too little to gain.
    """

    def propose(now, gram, damping):
        change = -_damped(gram, damping)
        return now + change, -change @ (2 * gram[0, 1:] + gram[1:, 1:] @ change)

    def step(state):
        found, left = products_of(state.proposal)
        gain = state.gram[0, 0] - found[0, 0]
        better = gain > 0.01 * state.expected
        now, gram, rss = jax.tree.map(
            lambda a, b: jnp.where(better, a, b),
            (state.proposal, found, left),
            (state.now, state.gram, state.rss),
        )
        change = jnp.where(gain > 0.75 * state.expected, 0.1, jnp.where(better, 1.0, 4.0))
        damping = state.damping * change
        proposal, expected = propose(now, gram, damping)
        done = expected <= rtol * gram[0, 0]
        return _Descent(now, gram, rss, proposal, expected, damping, state.taken + 1, done)

    size = len(start) + 1
    begin = _Descent(
        now=start,
        gram=jnp.zeros((size, size), start.dtype).at[0, 0].set(jnp.inf),
        rss=jnp.full(states, jnp.inf, start.dtype),
        proposal=start,
        expected=jnp.zeros((), start.dtype),
        damping=jnp.zeros((), start.dtype) + 10,
        taken=0,
        done=jnp.asarray(False),
    )
    return jax.lax.while_loop(lambda s: (s.taken <= iterations) & ~s.done, step, begin)


def _damped(gram: jax.Array, damping: jax.Array) -> jax.Array:
    """Least squares of the first column on the others, damped, from all their products."""
    size = len(gram) - 1
    table = jnp.roll(gram, -1, (0, 1)) + jnp.diag(damping * (jnp.arange(size + 1) < size))
    length = jnp.sqrt(jnp.diagonal(table))
    length = jnp.where(length > 0, length, 1.0)
    swept, _ = regression.sweep(table / length[:, None] / length[None, :], jnp.ones(size, bool))
    return swept[:-1, -1] * length[-1] / length[:-1]


def _scales(library: Library, indices: jax.Array, record: Record, noise: jax.Array) -> jax.Array:
    # The damping of Levenberg–Marquardt starts at 1: in units of some 30 standard errors, which a
    # term earns by moving a state for a quarter of the record, it starts as almost Gauss–Newton.
    values = libraries.evaluate(library, record.states).theta
    size = jnp.append(jnp.sqrt(jnp.mean(values**2, 0)), 1.0)[indices]
    span = (record.times[-1] - record.times[0]) / 4
    unit = 30 * noise / jnp.sqrt(jnp.sum(record.weights))
    tiny = jnp.finfo(record.states.dtype).tiny
    by_slot = unit[:, None] / jnp.maximum(size * span, tiny)
    return jnp.concatenate([by_slot.reshape(-1), unit])


def _unpack(parameters: jax.Array, indices: jax.Array) -> tuple[jax.Array, jax.Array]:
    return parameters[: indices.size].reshape(indices.shape), parameters[indices.size :]


def evidence_of_fit(
    fit: TrajectoryFit, record: Record, prior: Prior, terms: int, floor: jax.Array
) -> jax.Array:
    """Evidence of a fitted support, the noise variance of each state profiled.

    log p = -Σ_d n/2 log(RSS_d / n + floor_d²) - |S|/2 log(n D) + log p(S) + constant

    Args:
      fit: the fit.
      record: the measured states.
      prior: of the supports.
      terms: M.
      floor: smallest noise that can be told from the errors of the solver [D].
    """
    samples = jnp.sum(record.weights)
    mask = mask_of(fit.indices, terms)
    likelihood = -0.5 * samples * jnp.sum(jnp.log(fit.rss / samples + floor**2))
    value = score.log_evidence(likelihood, mask, samples * len(fit.rss), prior)
    return jnp.where(jnp.isfinite(value), value, -jnp.inf)
