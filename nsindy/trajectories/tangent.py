"""The regression that a trajectory is to first order: every term at once, with honest noise."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.evidence import regression
from nsindy.terms.library import Library
from nsindy.trajectories import single
from nsindy.trajectories.linearised import Linearised
from nsindy.trajectories.single import Record
from nsindy.trajectories.single_fit import TrajectoryFit

__all__ = ["Tangent", "cramer_rao", "estimates", "linearise_trajectory"]


class Tangent(NamedTuple):
    """The regression that a trajectory is to first order, around one fit.

    Attributes:
      linearised: compressed, of the initial state and every term of every equation.
      samples: number of measured values.
    """

    linearised: Linearised
    samples: jax.Array


def linearise_trajectory(
    library: Library, fit: TrajectoryFit, record: Record, noise: jax.Array, *, steps: int
) -> Tangent:
    """Linearise the trajectory in the coefficients of all D·M terms around a fit.

    √w (y - x + ∂x/∂ξ · ξ) / σ = √w (∂x/∂x_0 · δx_0 + ∂x/∂ξ · ξ) / σ + noise

    The regression of derivatives has noise in its design and errors that are autocorrelated; this
    one has neither: its errors are those of the measurement.

    Args:
      library: the M terms.
      fit: of any terms.
      record: the measured states.
      noise: σ, standard deviation of the measurement noise of each state [D].
      steps: solver steps.
    """
    equations, terms = fit.initial.shape[0], len(library.terms)
    every = jnp.broadcast_to(jnp.arange(terms)[None], (equations, terms))
    coefficients = single.dense(fit.indices, fit.coefficients, terms)
    solved = single.sensitivities(
        library,
        every,
        coefficients,
        fit.initial,
        record.times,
        single.bound_of(record.states),
        steps=steps,
    )
    weights = jnp.sqrt(record.weights)[:, None] / noise[None, :]
    weighted = solved._replace(jacobian=solved.jacobian * weights[:, :, None])
    linearised = Linearised(
        weighted.by_initial.reshape(-1, equations),
        weighted.by_coefficients.reshape(-1, equations * terms),
        (weights * (record.states - solved.states)).reshape(-1),
    )
    linearised = linearised.from_zero(coefficients).compressed()
    return Tangent(linearised, equations * jnp.sum(record.weights))


def estimates(at: Tangent, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Estimate every term as if it were in the support, to first order.

    Args:
      at: the regression around the fit of the support, in units of the noise.
      mask: the support [D, M].

    Returns:
      coefficients [D, M] and standard errors [D, M]; inf where the others span it.
    """

    def one(term):
        support = at.linearised.columns_of(mask.reshape(-1).at[term].set(True))
        solution = regression.least_squares(at.linearised.factor, support)
        place = at.linearised.initial + term
        variance = solution.covariance[place, place]
        return solution.coefficients[place], jnp.where(
            variance > 0, jnp.sqrt(jnp.maximum(variance, 0.0)), jnp.inf
        )

    value, error = jax.vmap(one)(jnp.arange(mask.size))
    return value.reshape(mask.shape), error.reshape(mask.shape)


def cramer_rao(
    library: Library,
    mask: jax.Array,
    coefficients: jax.Array,
    initial: jax.Array,
    record: Record,
    noise: jax.Array,
    *,
    steps: int,
) -> jax.Array:
    """Bound the standard deviation of any unbiased estimate of each coefficient.

    With s = ∂x/∂(ξ_S, x_0) along the true trajectory and noise σ_d on state d, the information is
    F = Σ_n w_n Σ_d s_nd s_ndᵀ / σ_d² and the bound √(F⁻¹)_ii; the initial state is unknown too.

    Args:
      library: the M terms.
      mask: the true support [D, M].
      coefficients: the true coefficients [D, M].
      initial: the true state at the first time [D].
      record: sampling times, weights, and states that set the box of the solver.
      noise: σ [D].
      steps: solver steps.

    Returns:
      the bound of each coefficient [D, M]; zero off the support.

    Reference: Cramér (1946), section 32.3; Rao (1945).
    """
    equations, terms = mask.shape
    every = jnp.broadcast_to(jnp.arange(terms)[None], (equations, terms))
    fit = TrajectoryFit(every, coefficients, initial, noise, jnp.ones((), bool))
    linear = linearise_trajectory(library, fit, record, noise, steps=steps).linearised
    solution = regression.least_squares(linear.factor, linear.columns_of(mask))
    _, variance = linear.split(jnp.diagonal(solution.covariance))
    return jnp.sqrt(jnp.where(mask.reshape(-1), variance, 0.0)).reshape(mask.shape)
