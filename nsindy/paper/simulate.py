"""Phase 2: solve a system, measure it with noise, and split it into training and validation."""

from typing import NamedTuple

import diffrax
import jax
import jax.numpy as jnp

from nsindy.paper.savitzky_golay import savitzky_golay
from nsindy.paper.systems import System

__all__ = [
    "Measurement",
    "Trajectory",
    "simulate_recording",
    "solve_system",
]


class Measurement(NamedTuple):
    """How a recording is made; every field is traced, so a sweep over them compiles once.

    Attributes:
      args: parameters of the system.
      initial: initial state [D].
      step: time between samples.
      noise: standard deviation of the Gaussian noise, one for all states or one for each [D].
    """

    args: jax.Array
    initial: jax.Array
    step: jax.Array
    noise: jax.Array


class Trajectory(NamedTuple):
    """A recording of a simulated system.

    Attributes:
      times: [N].
      clean: exact states [N, D].
      measured: the states with noise [N, D].
      states: what Θ is evaluated on [N, D]: the measured states, smoothed where the derivatives are
        estimated.
      derivatives: [N, D], analytic at the clean states or estimated from the measured ones.
      independent: about how many of the N derivatives are independent.
      train: indices of the training samples, shuffled.
      validation: indices of the others.
    """

    times: jax.Array
    clean: jax.Array
    measured: jax.Array
    states: jax.Array
    derivatives: jax.Array
    independent: jax.Array
    train: jax.Array
    validation: jax.Array


def solve_system(
    system: System, args: jax.Array, initial: jax.Array, times: jax.Array
) -> jax.Array:
    """Integrate a system with diffrax (Dormand–Prince 8(7), adaptive).

    Args:
      system: the differential equation.
      args: its parameters.
      initial: state at times[0], [D].
      times: increasing [N].

    Returns:
      states [N, D]. In float64 the ends of the solver's steps, such as the last time, are good to
      about 1e-10 and the times inside steps, where a polynomial is read, to about 1e-8, both
      relative to the largest state; in float32 all are good to 1e-6.

    Reference: Prince and Dormand (1981), J. Comput. Appl. Math. 7, 67–75.

    Example:
      >>> from nsindy.paper.systems import DAMPED_OSCILLATOR
      >>> times = jnp.linspace(0.0, jnp.pi, 3)
      >>> args, initial = jnp.array([1.0, 0.0]), jnp.array([1.0, 0.0])
      >>> solve_system(DAMPED_OSCILLATOR, args, initial, times)[-1, 0].round(4).item()
      -1.0
    """
    tolerance = 1e-10 if initial.dtype == jnp.float64 else 1e-7
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(system.field),  # type: ignore[arg-type]
        diffrax.Dopri8(),
        times[0],
        times[-1],
        times[1] - times[0],
        initial,
        args,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
        # A solution that fails is not finite, and its seed is marked as diverged.
        throw=False,
    )
    assert solution.ys is not None
    return solution.ys


def simulate_recording(
    key: jax.Array,
    system: System,
    measurement: Measurement,
    *,
    samples: int = 600,
    estimate: bool = False,
    train_fraction: float = 0.8,
) -> Trajectory:
    """Record a system: solve, add noise, take derivatives, shuffle and split.

    Args:
      key: PRNG key, consumed.
      system: the differential equation.
      measurement: parameters, initial state, sampling step and noise, all traced.
      samples: number of samples N.
      estimate: False for analytic derivatives at the clean states; True to take states and
        derivatives from the noisy states alone (`savitzky_golay.savitzky_golay`).
      train_fraction: share of the samples to train on.

    Returns:
      the Trajectory; its index sets are a shuffled split.

    Example:
      >>> from nsindy.paper.systems import DAMPED_OSCILLATOR
      >>> args, initial = jnp.array([1.0, 0.1]), jnp.array([1.0, 0.0])
      >>> measurement = Measurement(args, initial, jnp.asarray(0.05), jnp.asarray(1e-3))
      >>> key = jax.random.key(0)
      >>> simulate_recording(key, DAMPED_OSCILLATOR, measurement, samples=100).states.shape
      (100, 2)
    """
    noise_key, split_key = jax.random.split(key)
    times = jnp.arange(samples) * measurement.step
    clean = solve_system(system, measurement.args, measurement.initial, times)
    noise = jax.random.normal(noise_key, clean.shape, clean.dtype)
    measured = clean + jnp.broadcast_to(measurement.noise, clean.shape) * noise
    if estimate:
        smooth = savitzky_golay(measured, measurement.step)
        states, derivatives = smooth.states, smooth.derivatives
        independent = jnp.min(smooth.independent)
    else:
        states, independent = measured, jnp.asarray(samples, measured.dtype)
        derivatives = jax.vmap(lambda t, y: system.field(t, y, measurement.args))(times, clean)
    order = jax.random.permutation(split_key, samples)
    split = round(train_fraction * samples)
    return Trajectory(
        times, clean, measured, states, derivatives, independent, order[:split], order[split:]
    )
