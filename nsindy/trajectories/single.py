"""One recording as one trajectory: measured states, supports in slots, and the solved equation.

A support is held in slots: `indices` [D, K] names the term of each slot of each equation, and M
names none. Every support of at most K terms an equation then has the same shapes, and any number of
them are fitted by one vmapped, once compiled function.
"""

from typing import NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from nsindy.terms import library as libraries
from nsindy.terms.library import Library

__all__ = [
    "BOX",
    "Record",
    "Sensitivity",
    "as_record",
    "bound_of",
    "dense",
    "mask_of",
    "sensitivities",
    "slots_of",
    "solve_in_slots",
    "steps_for",
]


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


class Sensitivity(NamedTuple):
    """A trajectory and its derivatives.

    Attributes:
      states: [N, D].
      jacobian: with respect to the slots, equation by equation, then the initial state
        [N, D, D·K + D].
    """

    states: jax.Array
    jacobian: jax.Array

    @property
    def by_coefficients(self) -> jax.Array:
        """Derivatives by the slots [N, D, D·K]."""
        return self.jacobian[:, :, : -self.states.shape[1]]

    @property
    def by_initial(self) -> jax.Array:
        """Derivatives by the initial state [N, D, D]."""
        return self.jacobian[:, :, -self.states.shape[1] :]


BOX = 3.0
"""A trajectory is held still once it leaves this many half-ranges of the recording."""


def as_record(times: jax.Array, states: jax.Array, weights: jax.Array | None = None) -> Record:
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

    Reference: Tsitouras (2011), Computers & Mathematics with Applications 62; Hairer, Nørsett and
      Wanner (1993), Solving Ordinary Differential Equations I, II.6 (the polynomial between steps).
    """
    values = solve_in_slots(library, indices, coefficients, initial, times, bound, steps)
    return Sensitivity(values[:, :, 0], values[:, :, 1:])


def solve_in_slots(library, indices, coefficients, initial, times, bound, steps) -> jax.Array:
    """The state, and behind it its derivatives [N, D, 1 + D·K + D]."""
    equations, slots = indices.shape
    size = equations * slots
    own = jnp.repeat(jnp.arange(equations), slots)
    low, high = bound

    def theta(x):
        values = libraries.evaluate(library, x[None]).theta[0]
        return jnp.concatenate([values, jnp.zeros(1, x.dtype)])

    def field(y):
        x, s = y[:, 0], y[:, 1:]
        tangents = jnp.eye(equations, dtype=x.dtype)
        values, slopes = jax.vmap(lambda e: jax.jvp(theta, (x,), (e,)), out_axes=(None, -1))(
            tangents
        )
        chosen = values[indices]
        flow = jnp.sum(chosen * coefficients, 1)
        jacobian = jnp.einsum("dk,dke->de", coefficients, slopes[indices])
        forcing = jnp.zeros_like(s).at[own, jnp.arange(size)].set(chosen.reshape(-1))
        moving = jnp.all((x > low) & (x < high))
        change = jnp.concatenate([flow[:, None], jacobian @ s + forcing], 1)
        return jnp.where(moving, change, 0.0)

    identity = jnp.eye(equations, dtype=initial.dtype)
    unmoved = jnp.zeros((equations, size), initial.dtype)
    start = jnp.concatenate([initial[:, None], unmoved, identity], 1)
    grid = times[0] + (times[-1] - times[0]) * jnp.linspace(0.0, 1.0, steps + 1, dtype=times.dtype)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, _: field(y)),
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
    return _hermite(grid, solution.ys, jax.vmap(field)(solution.ys), times)


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
