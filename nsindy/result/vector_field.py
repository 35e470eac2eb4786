"""The equations of a discovery as a function that JAX differentiates and diffrax solves."""

import dataclasses
import functools
from typing import Any

import diffrax
import equinox
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nsindy.terms.library import Library, evaluate

__all__ = ["VectorField", "solve_field"]


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=("coefficients",), meta_fields=("library",)
)
@dataclasses.dataclass(frozen=True, eq=False)
class VectorField:
    """y' = Ξ θ(y, u), pure and jitted; usable in `diffrax.ODETerm` as it is.

    Attributes:
      coefficients: Ξ [D, M].
      library: the M terms over the D states, then the U inputs.
    """

    coefficients: jax.Array | np.ndarray
    library: Library

    def __call__(self, t: ArrayLike, y: ArrayLike, args: Any = None) -> jax.Array:
        """The derivative.

        Args:
          t: time, in the units of the recording.
          y: state [D].
          args: a function of t that returns the inputs [U], if the equation has any.

        Raises:
          ValueError: the equation has inputs and args is None.
        """
        return _derivative(self, t, y, args)


@equinox.filter_jit
def _derivative(field: VectorField, t: ArrayLike, y: ArrayLike, args: Any) -> jax.Array:
    y = jnp.asarray(y)
    coefficients = jnp.asarray(field.coefficients, y.dtype)
    inputs = field.library.states[len(coefficients) :]
    if inputs:
        if args is None:
            raise ValueError(
                f"the equation has the inputs {', '.join(inputs)}; "
                f"give them as a function of t that returns [{len(inputs)}]"
            )
        y = jnp.concatenate([y, jnp.asarray(args(t), y.dtype).reshape(len(inputs))])
    if not field.library.terms:
        return jnp.zeros(len(coefficients), y.dtype)
    theta = evaluate(field.library, y[None, :]).theta
    # A term that is absent must not spread its NaN from outside its domain.
    return jnp.sum(jnp.where(coefficients != 0, coefficients * theta, 0.0), axis=1)


@equinox.filter_jit
def solve_field(
    field: VectorField,
    x0: jax.Array,
    t: jax.Array,
    inputs: Any,
    size: jax.Array,
    held: tuple[bool, ...],
    delay: float = 0.0,
) -> jax.Array:
    """Solve y' = f(t, y, u) by the adaptive method of Tsitouras of order 5(4).

    Args:
      field: f.
      x0: state at t[0], [D].
      t: increasing times [N].
      inputs: at those times [N, U], interpolated linearly between them or held; or a function of
        t; or None.
      size: scale of each state, to which absolute tolerances are relative [D].
      held: True for inputs that keep their value until the next time [U].
      delay: share of the step to the next time by which these act later.

    Returns:
      states [N, D]; NaN from where the solution diverges.

    Reference: Tsitouras (2011), Computers & Mathematics with Applications 62, 770–775.
    """
    tolerance = 1e-8 if x0.dtype == jnp.float64 else 1e-5
    args = inputs
    if isinstance(inputs, jax.Array):

        def args(time):
            straight = jax.vmap(lambda column: jnp.interp(time, t, column), in_axes=1)(inputs)
            late = t.at[:-1].add(delay * jnp.diff(t))
            row = jnp.clip(jnp.searchsorted(late, time, side="right") - 1, 0)
            return jnp.where(jnp.array(held, bool), inputs[row], straight)

    # diffrax makes no step at all when the last time is the first.
    end = jnp.where(t[-1] > t[0], t[-1], t[0] + 1)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),  # type: ignore[arg-type]
        diffrax.Tsit5(),
        t[0],
        end,
        None,
        x0,
        args,
        saveat=diffrax.SaveAt(ts=t),
        stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance * size),
        max_steps=100_000,
        throw=False,
    )
    assert solution.ys is not None
    return jnp.where(jnp.isfinite(solution.ys), solution.ys, jnp.nan)
