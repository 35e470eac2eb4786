"""The last digits of a circuit: Levenberg–Marquardt in double precision."""

import functools

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from nsindy.circuits.network import MLP, Params

__all__ = ["fold", "kernels", "levenberg_marquardt"]


@functools.partial(jax.jit, static_argnames=("network", "steps"))
def levenberg_marquardt(
    params: Params,
    inputs: jax.Array,
    targets: jax.Array,
    *,
    network: MLP,
    steps: int,
    damping: float = 1e-3,
    penalty: jax.Array | float = 0.0,
    weights: jax.Array | None = None,
) -> tuple[Params, jax.Array]:
    """Minimise the mean squared error of a small network by damped Gauss–Newton steps.

    (JᵀWJ + β D + λ I) δ = -JᵀWr - β D p, the step of the loss Σ w r² / Σ w + β ‖D p‖², where D
    keeps the kernels and drops the biases; λ is divided by 3 after a step that lowers the loss and
    doubled after one that does not, which is not taken. The normal equations are formed from one
    gradient per sample, which is much cheaper here than a general Jacobian with a QR factorisation;
    λ keeps them regular, but they need float64.

    Args:
      params: parameters of one network, W scalars in all.
      inputs: [N, arity].
      targets: [N].
      network: the architecture.
      steps: number of steps that are tried; each costs N W² + W³/3 operations.
      damping: the first λ.
      penalty: β, on the squares of the kernels; biases are free.
      weights: w of every sample, not negative [N]; None weights all samples equally.

    Returns:
      the parameters, and the loss before every step [steps].

    Reference: Marquardt (1963), SIAM J. Appl. Math. 11, 431–441; Nielsen (1999), IMM-REP-1999-05.
    """
    start, unravel = ravel_pytree(params)

    weights = jnp.ones_like(targets) if weights is None else weights
    share = weights / jnp.sum(weights)
    decay = penalty * kernels(params)

    def residuals(flat: jax.Array) -> jax.Array:
        return jnp.asarray(network.apply(unravel(flat), inputs)) - targets

    def gradient(flat: jax.Array, sample: jax.Array) -> jax.Array:
        return jax.grad(lambda values: network.apply(unravel(values), sample))(flat)

    def loss(flat: jax.Array, residual: jax.Array) -> jax.Array:
        return share @ residual**2 + decay @ flat**2

    def step(carry, _):
        flat, residual, strength = carry
        before = loss(flat, residual)
        jacobian = jax.vmap(gradient, in_axes=(None, 0))(flat, inputs)
        normal = jacobian.T @ (share[:, None] * jacobian) + jnp.diag(decay + strength)
        slope = jacobian.T @ (share * residual) + decay * flat
        factor = jax.scipy.linalg.cho_factor(normal)
        trial = flat - jax.scipy.linalg.cho_solve(factor, slope)
        trial_residual = residuals(trial)
        better = loss(trial, trial_residual) < before
        carry = (
            jnp.where(better, trial, flat),
            jnp.where(better, trial_residual, residual),
            jnp.where(better, strength / 3, strength * 2),
        )
        return carry, before

    first = (start, residuals(start), jnp.asarray(damping, start.dtype))
    (flat, _, _), history = jax.lax.scan(step, first, length=steps)
    return unravel(flat), history


def kernels(params: Params) -> jax.Array:
    """1 for each entry of a kernel and 0 for each of a bias, in the order of `ravel_pytree` [W]."""
    flat, _ = ravel_pytree(jax.tree.map(lambda leaf: jnp.full_like(leaf, leaf.ndim > 1), params))
    return flat


def fold(
    params: Params,
    input_scale: jax.Array | float,
    output_scale: jax.Array | float,
    input_shift: jax.Array | float = 0.0,
    output_shift: jax.Array | float = 0.0,
) -> Params:
    """Fold scalings into the outer layers: the new network is f'(x) = c f((x - m) / s) + b.

    Args:
      params: parameters of an `MLP` that was trained on scaled inputs and targets.
      input_scale: s, what the inputs were divided by.
      output_scale: c, what the targets were divided by.
      input_shift: m, what was subtracted from the inputs before.
      output_shift: b, what was subtracted from the targets before.
    """
    layers = {name: dict(layer) for name, layer in params["params"].items()}
    first, last = layers["Dense_0"], layers[f"Dense_{len(layers) - 1}"]
    first["kernel"] = first["kernel"] / input_scale
    first["bias"] = first["bias"] - input_shift * jnp.sum(first["kernel"], axis=0)
    last["kernel"] = last["kernel"] * output_scale
    last["bias"] = last["bias"] * output_scale + output_shift
    return {"params": layers}
