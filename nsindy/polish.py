"""The last decimals of a circuit: Levenberg–Marquardt in full precision."""

import functools

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from nsindy.mlp import MLP, Params


@functools.partial(jax.jit, static_argnames=("network", "steps"))
def levenberg_marquardt(
    params: Params,
    inputs: jax.Array,
    targets: jax.Array,
    *,
    network: MLP,
    steps: int,
    damping: float = 1e-3,
) -> tuple[Params, jax.Array]:
    """Minimise the mean squared error of a small network by damped Gauss–Newton steps.

    (JᵀJ/N + λ I) δ = -Jᵀr/N, with λ divided by 3 after a step that lowers the loss and doubled
    after one that does not (such a step is not taken). The normal equations are formed from one
    gradient per sample, which is much cheaper here than a general Jacobian with a QR factorisation;
    λ keeps them regular, but they need float64.

    Args:
      params: parameters of one network, W scalars in all.
      inputs: [N, arity].
      targets: [N].
      network: the architecture.
      steps: how many steps are tried; each costs N W² + W³/3 operations.
      damping: the first λ.

    Returns:
      the parameters, and the mean squared error before every step [steps].

    Reference: Marquardt (1963), SIAM J. Appl. Math. 11, 431–441; Nielsen (1999), IMM-REP-1999-05.
    """
    start, unravel = ravel_pytree(params)

    def residuals(flat: jax.Array) -> jax.Array:
        return jnp.asarray(network.apply(unravel(flat), inputs)) - targets

    def gradient(flat: jax.Array, sample: jax.Array) -> jax.Array:
        return jax.grad(lambda values: network.apply(unravel(values), sample))(flat)

    def step(carry, _):
        flat, residual, strength = carry
        mse = jnp.mean(residual**2)
        jacobian = jax.vmap(gradient, in_axes=(None, 0))(flat, inputs)
        normal = jacobian.T @ jacobian / len(targets)
        slope = jacobian.T @ residual / len(targets)
        ridge = strength * jnp.eye(len(flat), dtype=flat.dtype)
        factor = jax.scipy.linalg.cho_factor(normal + ridge)
        trial = flat - jax.scipy.linalg.cho_solve(factor, slope)
        trial_residual = residuals(trial)
        better = jnp.mean(trial_residual**2) < mse
        carry = (
            jnp.where(better, trial, flat),
            jnp.where(better, trial_residual, residual),
            jnp.where(better, strength / 3, strength * 2),
        )
        return carry, mse

    first = (start, residuals(start), jnp.asarray(damping, start.dtype))
    (flat, _, _), history = jax.lax.scan(step, first, length=steps)
    return unravel(flat), history


def fold(params: Params, input_scale: jax.Array | float, output_scale: jax.Array | float) -> Params:
    """Fold scalings into the outer layers: the new network is f'(x) = c f(x / s).

    Args:
      params: parameters of an `MLP` that was trained on scaled inputs and targets.
      input_scale: s, what the inputs were divided by.
      output_scale: c, what the targets were divided by.
    """
    layers = dict(params["params"])
    last = f"Dense_{len(layers) - 1}"
    layers["Dense_0"] = layers["Dense_0"] | {"kernel": layers["Dense_0"]["kernel"] / input_scale}
    layers[last] = jax.tree.map(lambda leaf: leaf * output_scale, layers[last])
    return {"params": layers}
