"""Coefficients and initial state from the measured states themselves, through the solved equation.

A support is held in slots: `indices` [D, K] names the term of each slot of each equation, and M
names none. Every support of at most K terms an equation then has the same shapes, and any number of
them are fitted by one vmapped, once compiled function.
"""

from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import lineax
import numpy as np
import optimistix

from nsindy import library as libraries
from nsindy.library import Library


class Record(NamedTuple):
    """Measured states, the evidence that a trajectory is judged by.

    Attributes:
      times: increasing [N].
      states: measured [N, D].
      weights: 1 for a sample that counts, 0 for one that was held out [N].
    """

    times: jax.Array
    states: jax.Array
    weights: jax.Array


class Fit(NamedTuple):
    """A fitted equation.

    Attributes:
      indices: term of each slot [D, K], M where the slot is empty.
      coefficients: of each slot [D, K], zero where it is empty.
      initial: fitted state at the first time [D].
      rss: sum of squared residuals of each state over the samples that count [D].
      converged: True where Levenberg–Marquardt met its tolerance.
    """

    indices: jax.Array
    coefficients: jax.Array
    initial: jax.Array
    rss: jax.Array
    converged: jax.Array


class Sensitivity(NamedTuple):
    """A trajectory and its derivatives.

    Attributes:
      states: [N, D].
      jacobian: with respect to the slots, equation by equation, then the initial state
        [N, D, D·K + D].
    """

    states: jax.Array
    jacobian: jax.Array


BOX = 3.0
"""A trajectory is held still once it leaves this many half-ranges of the recording."""


def record(times: jax.Array, states: jax.Array, weights: jax.Array | None = None) -> Record:
    """Bring measured states into order.

    Args:
      times: [N], increasing.
      states: [N, D].
      weights: [N], 0 holds a sample out; None lets every sample count.

    Raises:
      ValueError: the shapes do not fit together, or there are fewer than two samples.
    """
    if states.ndim != 2 or times.shape != states.shape[:1] or len(times) < 2:
        raise ValueError(
            f"times [N] and states [N, D] must share N >= 2 samples, not {list(times.shape)} and "
            f"{list(states.shape)}"
        )
    if weights is None:
        weights = jnp.ones(times.shape)
    return Record(times, states, weights.astype(states.dtype))


def slots_of(mask: jax.Array, slots: int) -> jax.Array:
    """Name the terms of a support [D, M] in K slots, in the library's order; returns [D, K]."""
    order = jnp.argsort(~mask, axis=1, stable=True)[:, :slots]
    return jnp.where(jnp.take_along_axis(mask, order, 1), order, mask.shape[1])


def mask_of(indices: jax.Array, terms: int) -> jax.Array:
    """Return the support [D, M] of slots [D, K]."""
    return jnp.any(indices[:, :, None] == jnp.arange(terms)[None, None, :], 1)


def dense(indices: jax.Array, values: jax.Array, terms: int) -> jax.Array:
    """Spread slot values [D, K] over the library; returns [D, M], zero where no slot points."""
    rows = jnp.arange(indices.shape[0])[:, None]
    return (
        jnp.zeros((indices.shape[0], terms + 1), values.dtype).at[rows, indices].add(values)[:, :-1]
    )


def steps_for(times: np.ndarray, *, rate: float, per_radian: float = 5.0) -> int:
    """Choose the number of solver steps: enough per radian of the fastest rate, in whole tens.

    Args:
      times: [N].
      rate: fastest angular frequency of the system, radians per unit of time.
      per_radian: steps per 1 / rate; 5 keep the error below 1e-6 of the amplitude.
    """
    span = float(times[-1] - times[0])
    return int(np.ceil(span * rate * per_radian / 10) * 10)


def sensitivities(
    library: Library,
    indices: jax.Array,
    coefficients: jax.Array,
    initial: jax.Array,
    times: jax.Array,
    bound: jax.Array,
    *,
    steps: int,
) -> Sensitivity:
    """Solve the equation and its forward sensitivities.

    x' = Σ_k ξ_k θ_k(x),  s' = (Σ_k ξ_k ∂θ_k/∂x) s + ∂x'/∂ξ,  s(0) = [0, I]

    Runge–Kutta commutes with differentiation, so s is the exact derivative of the discrete x.
    Constant steps of Tsitouras 5(4), cubic Hermite between them.

    Args:
      library: the M terms; exact operations, or circuits.
      indices: [D, K].
      coefficients: [D, K].
      initial: state at times[0], [D].
      times: [N].
      bound: (low, high) [2, D]: outside, the state is held still, so nothing ever overflows.
      steps: number of solver steps, T.
    """
    equations, slots = indices.shape
    size = equations * slots
    own = jnp.repeat(jnp.arange(equations), slots)
    low, high = bound

    def theta(x):
        values = libraries.evaluate(library, x[None]).theta[0]
        return jnp.concatenate([values, jnp.zeros(1, x.dtype)])

    def field(_, y, __):
        x, s = y
        tangents = jnp.eye(equations, dtype=x.dtype)
        values, slopes = jax.vmap(lambda e: jax.jvp(theta, (x,), (e,)), out_axes=(None, -1))(
            tangents
        )
        chosen = values[indices]
        flow = jnp.sum(chosen * coefficients, 1)
        jacobian = jnp.einsum("dk,dke->de", coefficients, slopes[indices])
        forcing = jnp.zeros_like(s).at[own, jnp.arange(size)].set(chosen.reshape(-1))
        moving = jnp.all((x > low) & (x < high))
        return jnp.where(moving, flow, 0.0), jnp.where(moving, jacobian @ s + forcing, 0.0)

    start = (
        initial,
        jnp.concatenate(
            [jnp.zeros((equations, size), initial.dtype), jnp.eye(equations, dtype=initial.dtype)],
            axis=1,
        ),
    )
    grid = times[0] + (times[-1] - times[0]) * jnp.linspace(0.0, 1.0, steps + 1, dtype=times.dtype)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Tsit5(),
        grid[0],
        grid[-1],
        None,
        start,
        stepsize_controller=diffrax.StepTo(grid),
        saveat=diffrax.SaveAt(t0=True, steps=True),
        adjoint=diffrax.ForwardMode(),
        max_steps=steps,
        throw=False,
    )
    assert solution.ys is not None
    knots = jnp.concatenate([solution.ys[0][:, :, None], solution.ys[1]], 2)
    slope_x, slope_s = jax.vmap(lambda y: field(None, y, None))(solution.ys)
    slopes = jnp.concatenate([slope_x[:, :, None], slope_s], 2)
    values = _hermite(grid, knots, slopes, times)
    return Sensitivity(values[:, :, 0], values[:, :, 1:])


def _hermite(grid: jax.Array, values: jax.Array, slopes: jax.Array, times: jax.Array) -> jax.Array:
    left = jnp.clip(jnp.searchsorted(grid, times, side="right") - 1, 0, len(grid) - 2)
    width = grid[left + 1] - grid[left]
    u = (times - grid[left]) / width
    parts = (
        ((1 + 2 * u) * (1 - u) ** 2, values[left]),
        (u * (1 - u) ** 2 * width, slopes[left]),
        (u**2 * (3 - 2 * u), values[left + 1]),
        (u**2 * (u - 1) * width, slopes[left + 1]),
    )
    return sum((weight[:, None, None] * part for weight, part in parts), jnp.zeros(()))


def bound_of(states: jax.Array) -> jax.Array:
    """Return (low, high) [2, D]: `BOX` half-ranges around the centre of the recording."""
    low, high = jnp.min(states, 0), jnp.max(states, 0)
    half = BOX * jnp.max(high - low) / 2 + jnp.finfo(states.dtype).tiny
    return jnp.stack([(low + high) / 2 - half, (low + high) / 2 + half])


def fit(
    library: Library,
    indices: jax.Array,
    coefficients: jax.Array,
    initial: jax.Array,
    record: Record,
    noise: jax.Array,
    *,
    steps: int,
    iterations: int = 20,
    rtol: float = 3e-6,
) -> Fit:
    """Fit the coefficients of one support, and the initial state, to the measured states.

    minimise Σ_n w_n Σ_d (x_d(t_n; ξ, x_0) - y_nd)² / σ_d²  by Levenberg–Marquardt, each parameter
    in units of about 30 standard errors.

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
      rtol: tolerance on the parameters and on the sum of squares.

    Reference: Levenberg (1944); Marquardt (1963).

    Example:
      >>> from nsindy.library import bind
      >>> times = jnp.linspace(0.0, 2.0, 41)
      >>> measured = record(times, jnp.exp(-0.5 * times)[:, None])
      >>> found = fit(
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

    def primal(scaled):
        parameters = _unpack(scaled * scale, indices)
        solved = sensitivities(library, indices, *parameters, record.times, bound, steps=steps)
        return weights * solved.states

    def pushed(primals, tangents):
        (scaled,), (tangent,) = primals, tangents
        parameters = _unpack(scaled * scale, indices)
        solved = sensitivities(library, indices, *parameters, record.times, bound, steps=steps)
        jacobian = solved.jacobian * (weights[:, :, None] * (scale * present)[None, None, :])
        return weights * solved.states, jacobian @ tangent

    # One solve gives the states and their whole Jacobian; without this rule there would be a solve
    # for every parameter.
    model = jax.custom_jvp(primal)
    model.defjvp(pushed)

    def residual(scaled, target):
        found = model(scaled) - target
        return found, jnp.sum(found**2, 0)

    start = jnp.concatenate([jnp.where(filled, coefficients, 0.0).reshape(-1), initial])
    solution: Any = optimistix.least_squares(
        residual,
        optimistix.LevenbergMarquardt(
            rtol=rtol, atol=rtol, linear_solver=lineax.Normal(lineax.Cholesky())
        ),
        start / scale,
        weights * record.states,
        has_aux=True,
        max_steps=iterations,
        throw=False,
    )
    values, begun = _unpack(solution.value * scale, indices)
    return Fit(
        indices,
        jnp.where(filled, values, 0.0),
        begun,
        solution.aux * noise**2,
        solution.result == optimistix.RESULTS.successful,
    )


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
