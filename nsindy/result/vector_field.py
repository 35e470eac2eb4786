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

__all__ = ["VectorField", "given_inputs", "iterate_field", "solve_field"]


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=("coefficients",),
    meta_fields=("library", "timed"),
)
@dataclasses.dataclass(frozen=True, eq=False)
class VectorField:
    """y' = Ξ θ(y, u), pure and jitted; usable in `diffrax.ODETerm` as it is.

    Attributes:
      coefficients: Ξ [D, M].
      library: the M terms over the D states, then the U inputs, then the time if it is forced.
      timed: whether the time is the last variable.
    """

    coefficients: jax.Array | np.ndarray
    library: Library
    timed: bool = False

    def __call__(self, t: ArrayLike, y: ArrayLike, args: Any = None) -> jax.Array:
        """The derivative.

        Args:
          t: time, in the units of the recording.
          y: state [D].
          args: the inputs [U], if the equation has any, or a function of t that returns them; for
            one input a number as well.

        Raises:
          ValueError: the equation has inputs and args is None.
        """
        return _derivative(self, t, y, args)


@equinox.filter_jit
def _derivative(field: VectorField, t: ArrayLike, y: ArrayLike, args: Any) -> jax.Array:
    y = jnp.asarray(y)
    coefficients = jnp.asarray(field.coefficients, y.dtype)
    names = field.library.states[len(coefficients) :]
    inputs = names[:-1] if field.timed else names
    if inputs:
        if args is None:
            raise ValueError(
                f"the equation has the inputs {', '.join(inputs)}; "
                f"give them as a function of t that returns [{len(inputs)}], or as such values"
            )
        values = jnp.asarray(args(t) if callable(args) else args, y.dtype)
        if values.size != len(inputs):
            raise ValueError(f"inputs must be [{len(inputs)}], not {list(values.shape)}")
        y = jnp.concatenate([y, values.reshape(len(inputs))])
    if field.timed:
        y = jnp.concatenate([y, jnp.asarray(t, y.dtype).reshape(1)])
    if not field.library.terms:
        return jnp.zeros(len(coefficients), y.dtype)
    theta = evaluate(field.library, y[None, :]).theta
    # A term that is absent must not spread its NaN from outside its domain.
    return jnp.sum(jnp.where(coefficients != 0, coefficients * theta, 0.0), axis=1)


def given_inputs(inputs: Any, count: int, names: tuple[str, ...]) -> jax.Array:
    """Inputs at the times of a solution [N, U], from every form that `discover` takes.

    Args:
      inputs: [N, U], [N] for one input, a list of U arrays [N], or a DataFrame with the names.
      count: N.
      names: of the U inputs.

    Raises:
      ValueError: it has another shape.
    """
    if hasattr(inputs, "columns") and set(names) <= set(inputs.columns):
        inputs = [np.asarray(inputs[name]) for name in names]
    listed = isinstance(inputs, list | tuple)
    values = jnp.stack([jnp.asarray(each) for each in inputs]) if listed else jnp.asarray(inputs)
    if values.shape == (count,) and len(names) == 1:
        values = values[:, None]
    if listed and values.shape == (len(names), count) != (count, len(names)):
        values = values.T
    if values.shape != (count, len(names)):
        raise ValueError(f"inputs must be [{count}, {len(names)}], not {list(values.shape)}")
    return values


@equinox.filter_jit
def solve_field(
    field: VectorField,
    x0: jax.Array,
    t: jax.Array,
    inputs: Any,
    size: jax.Array,
    held: tuple[bool, ...],
    delay: float = 0.0,
    stiff: bool = False,
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
      delay: share of the step to the next time by which these act later; -1 where they act since
        the time before.
      stiff: True for Kværnø's implicit method of order 5(4), which steep slopes need.

    Returns:
      states [N, D]; NaN from where the solution diverges.

    Reference: Tsitouras (2011), Computers & Mathematics with Applications 62, 770–775.
    """
    tolerance = 1e-8 if x0.dtype == jnp.float64 else 1e-5
    args = inputs
    if isinstance(inputs, jax.Array):

        def args(time):
            straight = jax.vmap(lambda column: jnp.interp(time, t, column), in_axes=1)(inputs)
            later, since = t.at[:-1].add(delay * jnp.diff(t)), jnp.append(t[:1], t[:-1])
            late = jnp.where(delay < 0, since, later)
            row = jnp.clip(jnp.searchsorted(late, time, side="right") - 1, 0)
            return jnp.where(jnp.array(held, bool), inputs[row], straight)

    # diffrax makes no step at all when the last time is the first.
    end = jnp.where(t[-1] > t[0], t[-1], t[0] + 1)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),  # type: ignore[arg-type]
        diffrax.Kvaerno5() if stiff else diffrax.Tsit5(),
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


@equinox.filter_jit
def iterate_field(field: VectorField, x0: jax.Array, t: jax.Array, inputs: Any) -> jax.Array:
    """Iterate a map y[n+1] = f(y[n], u[n]).

    Args:
      field: f.
      x0: first state [D].
      t: N times, or numbers of rows.
      inputs: at those times [N, U]; or a function of t; or None.

    Returns:
      states [N, D]; NaN from where they are not finite.
    """
    given = jax.vmap(inputs)(t) if callable(inputs) else inputs

    def following(y, u):
        return field(0.0, y, None if u is None else lambda _: u), y

    steps = None if given is None else given.reshape(len(t), -1)
    _, states = jax.lax.scan(following, x0, steps, length=len(t))
    finite = jax.lax.cummin(jnp.all(jnp.isfinite(states), 1).astype(int))
    return jnp.where(finite[:, None] > 0, states, jnp.nan)
