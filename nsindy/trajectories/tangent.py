"""The regression that a trajectory is to first order: every term at once, with honest noise."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.evidence import regression
from nsindy.terms.library import Library
from nsindy.trajectories import single
from nsindy.trajectories.single import Fit, Record


class Tangent(NamedTuple):
    """The regression that a trajectory is to first order, around one fit.

    Attributes:
      factor: compressed [∂x/∂x_0, ∂x/∂ξ, y - x + ∂x/∂ξ · ξ] in units of the noise, for the initial
        state and every term of every equation [D + D·M + 1, D + D·M + 1].
      samples: number of measured values.
    """

    factor: jax.Array
    samples: jax.Array


def around(
    library: Library, found: Fit, record: Record, noise: jax.Array, *, steps: int
) -> Tangent:
    """Linearise the trajectory in the coefficients of all D·M terms around a fit.

    The regression of derivatives has noise in its design and errors that hang together; this one
    has neither: its errors are those of the measurement.

    Args:
      library: the M terms.
      found: the fit, whose terms may be any.
      record: the measured states.
      noise: σ, standard deviation of the measurement noise of each state [D].
      steps: solver steps.
    """
    equations, terms = found.initial.shape[0], len(library.terms)
    everything = jnp.broadcast_to(jnp.arange(terms)[None], (equations, terms))
    coefficients = single.dense(found.indices, found.coefficients, terms)
    solved = single.sensitivities(
        library,
        everything,
        coefficients,
        found.initial,
        record.times,
        single.bound_of(record.states),
        steps=steps,
    )
    weights = jnp.sqrt(record.weights)[:, None] / noise[None, :]
    jacobian = (solved.jacobian * weights[:, :, None]).reshape(-1, equations * (terms + 1))
    by_terms = jacobian[:, : equations * terms]
    target = (weights * (record.states - solved.states)).reshape(-1)
    target = target + by_terms @ coefficients.reshape(-1)
    design = jnp.concatenate([jacobian[:, equations * terms :], by_terms], 1)
    factor = regression.compress(design, target[:, None])
    return Tangent(factor, equations * jnp.sum(record.weights))


def estimates(at: Tangent, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Estimate every term as if it were in the support, to first order.

    Args:
      at: the regression around the fit of the support, in units of the noise.
      mask: the support [D, M].

    Returns:
      coefficients [D, M] and standard errors [D, M]; inf where nothing can be told.
    """
    equations = mask.shape[0]
    initial = jnp.ones(equations, bool)

    def one(term):
        held = jnp.concatenate([initial, mask.reshape(-1).at[term].set(True)])
        solution = regression.solve(at.factor, held)
        place = equations + term
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
    fit = Fit(every, coefficients, initial, noise, jnp.ones((), bool))
    at = around(library, fit, record, noise, steps=steps)
    known = jnp.concatenate([jnp.ones(equations, bool), mask.reshape(-1)])
    variance = jnp.diagonal(regression.solve(at.factor, known).covariance)[equations:]
    return jnp.sqrt(jnp.where(mask.reshape(-1), variance, 0.0)).reshape(mask.shape)
