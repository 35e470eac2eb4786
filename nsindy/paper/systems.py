"""Vector fields with known equations, and their true coefficients on a library."""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

__all__ = [
    "DAMPED_OSCILLATOR",
    "FURTHER",
    "System",
    "oscillator_solution",
    "true_coefficients",
]

Equations = tuple[dict[str, jax.Array], ...]


@dataclasses.dataclass(frozen=True)
class System:
    """An autonomous differential equation y' = f(y; parameters) and its sparse form.

    Attributes:
      name: the word for it in results.
      states: names of the D state variables.
      parameters: names and default values of the parameters, in the order of `args`.
      initial: default initial state, one value for each state.
      field: f(t, y [D], args) -> [D], as diffrax takes it; args holds the parameters.
      equations: args -> for each state the terms of its derivative and their coefficients.
    """

    name: str
    states: tuple[str, ...]
    parameters: tuple[tuple[str, float], ...]
    initial: tuple[float, ...]
    field: Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
    equations: Callable[[jax.Array], Equations]


def _oscillator_field(t, y, args):
    del t
    return jnp.stack([y[1], -args[0] * y[0] - args[1] * y[1]])


DAMPED_OSCILLATOR = System(
    name="damped oscillator",
    states=("x", "v"),
    parameters=(("stiffness", 1.0), ("damping", 0.1)),
    initial=(1.0, 0.0),
    field=_oscillator_field,
    equations=lambda args: (
        {"identity(v)": jnp.ones_like(args[0])},
        {"identity(x)": -args[0], "identity(v)": -args[1]},
    ),
)
"""x' = v, v' = -k x - c v with args (k in 1/s², c in 1/s), the system of the paper."""


def _pendulum(t, y, args):
    del t
    return jnp.stack([y[1], -args[0] * jnp.sin(y[0]) - args[1] * y[1]])


def _van_der_pol(t, y, args):
    del t
    return jnp.stack([y[1], args[0] * (1 - y[0] ** 2) * y[1] - y[0]])


def _duffing(t, y, args):
    del t
    return jnp.stack([y[1], -args[0] * y[1] - y[0] - args[1] * y[0] ** 3])


def _lotka_volterra(t, y, args):
    del t
    return jnp.stack([y[0] * (args[0] - args[1] * y[1]), y[1] * (args[2] * y[0] - args[3])])


def _spiral(t, y, args):
    del t
    return jnp.stack([args[0] * y[0] + args[1] * y[1], args[2] * y[0] + args[3] * y[1]])


FURTHER: tuple[System, ...] = (
    System(
        "damped pendulum",
        ("x", "v"),
        (("stiffness", 1.0), ("damping", 0.2)),
        (2.0, 0.0),
        _pendulum,
        lambda args: (
            {"identity(v)": jnp.ones_like(args[0])},
            {"sin(x)": -args[0], "identity(v)": -args[1]},
        ),
    ),
    System(
        "Van der Pol",
        ("x", "v"),
        (("mu", 1.0),),
        (1.0, 0.0),
        _van_der_pol,
        lambda args: (
            {"identity(v)": jnp.ones_like(args[0])},
            {
                "identity(x)": -jnp.ones_like(args[0]),
                "identity(v)": args[0],
                "mul(x,mul(x,v))": -args[0],
            },
        ),
    ),
    System(
        "Duffing",
        ("x", "v"),
        (("damping", 0.2), ("cubic", 0.5)),
        (2.0, 0.0),
        _duffing,
        lambda args: (
            {"identity(v)": jnp.ones_like(args[0])},
            {
                "identity(x)": -jnp.ones_like(args[0]),
                "identity(v)": -args[0],
                "mul(x,mul(x,x))": -args[1],
            },
        ),
    ),
    System(
        "Lotka–Volterra",
        ("x", "y"),
        (("birth", 1.0), ("predation", 1.0), ("growth", 1.0), ("death", 1.0)),
        (1.5, 0.5),
        _lotka_volterra,
        lambda args: (
            {"identity(x)": args[0], "mul(x,y)": -args[1]},
            {"mul(x,y)": args[2], "identity(y)": -args[3]},
        ),
    ),
    System(
        "linear spiral",
        ("x", "y"),
        (("xx", -0.1), ("xy", 2.0), ("yx", -2.0), ("yy", -0.1)),
        (2.0, 0.0),
        _spiral,
        lambda args: (
            {"identity(x)": args[0], "identity(y)": args[1]},
            {"identity(x)": args[2], "identity(y)": args[3]},
        ),
    ),
)
"""Further systems with a sparse form on `term.composed_terms`, in dimensionless time."""


def true_coefficients(system: System, names: Sequence[str], args: jax.Array) -> jax.Array:
    """Coefficients of the system on the terms of a library.

    Args:
      system: the differential equation.
      names: the M terms as text.
      args: the parameters of the system.

    Returns:
      Ξ [D, M], so that y' = Θ(y) Ξᵀ holds exactly.

    Raises:
      ValueError: the library lacks a term that the system needs.

    Example:
      >>> names = ["identity(x)", "identity(v)"]
      >>> true_coefficients(DAMPED_OSCILLATOR, names, jnp.array([4.0, 0.5])).tolist()
      [[0.0, 1.0], [-4.0, -0.5]]
    """
    equations = system.equations(args)
    missing = sorted({term for row in equations for term in row} - set(names))
    if missing:
        raise ValueError(f"the library lacks {', '.join(missing)} of the {system.name}")
    zero = jnp.zeros_like(args[0])
    return jnp.stack([jnp.stack([row.get(name, zero) for name in names]) for row in equations])


def oscillator_solution(times: jax.Array, initial: jax.Array, args: jax.Array) -> jax.Array:
    """Closed-form solution of the damped oscillator, under-, over- or critically damped.

    x(t) = e^{-ct/2} (x₀ C(t) + (v₀ + c x₀ / 2) S(t)) with C = cos ωt, S = sin ωt / ω and
    ω² = k - c²/4; for ω² < 0 the hyperbolic functions take their place.

    Args:
      times: [N], in s.
      initial: [2], x₀ and v₀.
      args: [2], the stiffness k in 1/s² and the damping c in 1/s.

    Returns:
      [N, 2], x and v at the times.
    """
    stiffness, damping = args
    squared = stiffness - damping**2 / 4
    omega = jnp.sqrt(jnp.where(squared == 0, 1.0, jnp.abs(squared)))
    phase = omega * times
    cosine = jnp.where(squared > 0, jnp.cos(phase), jnp.where(squared < 0, jnp.cosh(phase), 1.0))
    sine = jnp.where(
        squared > 0, jnp.sin(phase) / omega, jnp.where(squared < 0, jnp.sinh(phase) / omega, times)
    )
    decay = jnp.exp(-damping * times / 2)
    x0, v0 = initial
    x = decay * (x0 * cosine + (v0 + damping * x0 / 2) * sine)
    v = decay * (v0 * cosine - (stiffness * x0 + damping * v0 / 2) * sine)
    return jnp.stack([x, v], axis=1)
