"""A user's own operation, learned from a function or from a few noisy samples of it."""

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike

from nsindy.circuits import polish
from nsindy.circuits.network import MLP, Params
from nsindy.circuits.stacks import freeze
from nsindy.terms import operations
from nsindy.terms.operations import Primitive

PENALTIES = np.geomspace(1e-12, 1e-1, 12)
"""The strengths of the L2 penalty that cross-validation chooses among."""

FEWEST = {1: 8, 2: 24}
"""Samples without which no curve, and no surface, is learned."""

POINTS = {1: 384, 2: 600}
"""Points at which a function is called."""

MOST = 1000
"""Samples that are used at most; of more, so many are drawn."""

FOLDS = 8
"""Parts of the samples that are held out in turn where there are fewer than `MANY`."""

MANY = 200
"""Samples from which on one part of a third is held out, once."""

STARTS = 3
"""Initial networks of every fit; the best one counts."""

STEPS = 150
"""Levenberg–Marquardt steps of every fit."""


@dataclasses.dataclass(frozen=True)
class Learned:
    """An operation that was learned, and how well.

    Attributes:
      primitive: what `discover` and `Term` take.
      fidelity: `samples` that were used; `cross_validated_rmse`, the error on held-out samples,
        noise included, and `relative_rmse`, the same in units of the outputs' standard deviation;
        `noise`, the standard deviation of the outputs about the curve; `effective_parameters`, how
        many numbers the penalty left free; `penalty`; `width` of the network; `largest_gap` between
        neighbouring inputs or to an end of the domain, as a share of the domain.
    """

    primitive: Primitive
    fidelity: dict[str, float]

    def __str__(self) -> str:
        """Say in a few lines what was learned and how sure it is."""
        said = self.fidelity
        low, high = self.primitive.domain
        text = (
            f"{self.primitive.name}: {self.primitive.arity} argument(s) in [{low:g}, {high:g}], "
            f"learned from {said['samples']:.0f} samples\n"
            f"  error on held-out samples {said['cross_validated_rmse']:.2g} "
            f"({100 * said['relative_rmse']:.2g} % of their spread), noise {said['noise']:.2g}\n"
            f"  {said['effective_parameters']:.1f} effective parameters in a network of "
            f"{said['width']:.0f} units (penalty {said['penalty']:.0e})"
        )
        if said["largest_gap"] > 0.15:
            text += f"\n  no sample in {100 * said['largest_gap']:.0f} % of the domain in one piece"
        return text


def learn_operation(
    name: str,
    samples_or_function: Callable[..., ArrayLike] | tuple[ArrayLike, ArrayLike],
    domain: tuple[float, float],
    *,
    seed: int = 0,
    complexity: float = 1.0,
) -> Learned:
    """Learn an operation of one or two arguments, for the library to choose from.

    A network of one hidden layer of tanh units minimises mean r² + β ‖kernels‖² by
    Levenberg–Marquardt on scaled inputs and outputs. β is the one of `PENALTIES` with the smallest
    squared error on held-out samples: in 8 folds, or on a third of them where there are 200 or
    more. What counts is then the fit to all samples. The noise is √(Σ r² / (N - ν)) with
    ν = tr (JᵀJ (JᵀJ + N β D)⁻¹) effective parameters.

    Args:
      name: a new word, `friction`.
      samples_or_function: (inputs [N] or [N, arity], outputs [N]), which may be noisy and may
        repeat an input; or a function, which is called with NumPy arrays, or point by point where
        it knows numbers only. It need not be known to JAX.
      domain: (low, high) of every argument, in the units of the inputs.
      seed: of the folds, the starts and the points at which a function is called.
      complexity: the prior cost of the operation; that of `mul` is 1.

    Returns:
      the operation and its fidelity.

    Raises:
      ValueError: the name is taken or is no word; the domain is empty; the samples have wrong
        shapes, are too few, all alike, not finite, or lie outside the domain; or the function fails
        or is not finite on the domain.

    Reference: MacKay (1992), Neural Computation 4, 415–447 (effective parameters); Stone (1974),
      J. R. Stat. Soc. B 36, 111–147 (cross-validation).

    Example:
      >>> speed = np.linspace(-2.0, 2.0, 60)
      >>> learned = learn_operation("friction", (speed, np.tanh(3 * speed)), (-2.0, 2.0))
      >>> round(float(learned.primitive.function(0.5)), 2)
      0.91
    """
    if not name.isidentifier() or name in operations.PRIMITIVES:
        raise ValueError(f"{name!r} is no word, or an operation that exists; choose another name")
    try:
        low, high = (float(end) for end in domain)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the domain must be two numbers (low, high), not {domain!r}") from error
    if not (low < high and math.isfinite(high - low)):
        raise ValueError(f"the domain ({low:g}, {high:g}) is empty; give (low, high), low < high")
    rng = np.random.default_rng(seed)
    if callable(samples_or_function):
        inputs, outputs = _call(samples_or_function, (low, high), rng)
    else:
        inputs, outputs = _check(samples_or_function, (low, high))
    if len(outputs) > MOST:
        kept = np.sort(rng.choice(len(outputs), MOST, replace=False))
        inputs, outputs = inputs[kept], outputs[kept]

    samples, arity = inputs.shape
    shift, scale = np.mean(outputs), np.std(outputs)
    scaled, targets = (2 * inputs - low - high) / (high - low), (outputs - shift) / scale
    if samples < MANY:
        held_out = rng.permutation(samples) % FOLDS == np.arange(FOLDS)[:, None]
    else:
        held_out = (rng.permutation(samples) % 3 == 0)[None]
    # The last row of weights is the fit to all samples.
    weights = np.concatenate([~held_out, np.ones((1, samples), bool)]).astype(float)
    # Many samples bear a larger network, and need a finer choice of the penalty less.
    width, penalties = (16, PENALTIES) if samples < MANY else (24, PENALTIES[::2])
    # The normal equations need double precision, whatever the rest of the program computes in.
    with jax.enable_x64(True):
        fits = _fit(jax.random.key(seed), weights, penalties, scaled, targets, width=width)
        params, residuals, effective = jax.device_get(fits)
        squares = np.sum(residuals[:-1] ** 2 * held_out[:, None, :], axis=(0, 2))
        chosen = int(np.argmin(squares))
        params = jax.tree.map(lambda leaf: leaf[-1, chosen], params)
        params = polish.fold(params, (high - low) / 2, scale, (high + low) / 2, shift)
    residuals, effective = residuals[-1, chosen], float(effective[-1, chosen])
    relative = float(np.sqrt(squares[chosen] / held_out.sum()))
    noise = np.sqrt(np.sum(residuals**2) / max(samples - effective, 1.0))
    reach = np.sort(
        np.concatenate([inputs, np.full((1, arity), low), np.full((1, arity), high)]), 0
    )
    fidelity = {
        "samples": float(samples),
        "cross_validated_rmse": float(scale * relative),
        "relative_rmse": relative,
        "noise": float(scale * noise),
        "effective_parameters": effective,
        "penalty": float(penalties[chosen]),
        "width": float(width),
        "largest_gap": float(np.max(np.diff(reach, axis=0)) / (high - low)),
    }
    circuit = freeze("tanh", params)
    return Learned(Primitive(name, arity, circuit, (low, high), complexity), fidelity)


@functools.partial(jax.jit, static_argnames="width")
def _fit(
    key: jax.Array,
    weights: ArrayLike,
    penalties: ArrayLike,
    inputs: jax.Array,
    targets: jax.Array,
    *,
    width: int,
) -> tuple[Params, jax.Array, jax.Array]:
    """Fit every row of weights [F, N] with every penalty [L], each from the best of its starts.

    Returns parameters, leaves [F, L, ...], residuals [F, L, N] and effective parameters [F, L].
    """
    network = MLP((width,), "tanh")

    def start(key):
        direction_key, centre_key, outer_key = jax.random.split(key, 3)
        shape = (inputs.shape[1], width)
        # Units whose bends lie all over the domain, each about a third of it wide.
        kernel = 3 * jax.random.normal(direction_key, shape, inputs.dtype)
        centres = jax.random.uniform(centre_key, shape, inputs.dtype, -1, 1)
        inner = {"kernel": kernel, "bias": -jnp.sum(kernel * centres, axis=0)}
        kernel = jax.random.normal(outer_key, (width, 1), inputs.dtype) / math.sqrt(width)
        return {"params": {"Dense_0": inner, "Dense_1": {"kernel": kernel, "bias": jnp.zeros(1)}}}

    def one(key, weights, penalty):
        params, losses = polish.levenberg_marquardt(
            start(key), inputs, targets,
            network=network, steps=STEPS, penalty=penalty, weights=weights,
        )  # fmt: skip
        flat, unravel = ravel_pytree(params)

        def values(flat):
            return jnp.asarray(network.apply(unravel(flat), inputs))

        jacobian = jax.jacrev(values)(flat)
        normal = jacobian.T @ (weights[:, None] * jacobian) / jnp.sum(weights)
        # Directions that nothing determines, such as a unit that is flat, count for nothing.
        ridge = penalty * polish.kernels(params) + 1e-14 * jnp.trace(normal)
        effective = jnp.trace(jnp.linalg.solve(normal + jnp.diag(ridge), normal))
        return losses[-1], (params, values(flat) - targets, effective)

    def best(weights, penalty):
        losses, fits = jax.vmap(one, (0, None, None))(keys, weights, penalty)
        return jax.tree.map(lambda leaf: leaf[jnp.argmin(losses)], fits)

    keys = jax.random.split(key, STARTS)
    return jax.vmap(jax.vmap(best, (None, 0)), (0, None))(weights, penalties)


def _check(
    samples: tuple[ArrayLike, ArrayLike], domain: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [N, arity] and outputs [N], or what is wrong with them."""
    try:
        given, returned = samples
        inputs, outputs = np.asarray(given, float), np.asarray(returned, float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the samples must be a function, or two arrays (inputs, outputs) of numbers: {error}"
        ) from error
    inputs = inputs[:, None] if inputs.ndim == 1 else inputs
    if inputs.ndim != 2 or inputs.shape[1] not in FEWEST or outputs.shape != inputs.shape[:1]:
        raise ValueError(
            f"inputs must be [N] or [N, 2] and outputs [N], "
            f"not {list(np.shape(given))} and {list(outputs.shape)}"
        )
    whole = np.isfinite(inputs).all(axis=1) & np.isfinite(outputs)
    if not whole.all():
        raise ValueError(f"sample {int(np.argmin(whole))} is not finite; leave it out")
    inside = ((inputs >= domain[0]) & (inputs <= domain[1])).all(axis=1)
    if not inside.all():
        worst = int(np.argmin(inside))
        raise ValueError(
            f"the input {inputs[worst].tolist()} of sample {worst} lies outside the domain "
            f"({domain[0]:g}, {domain[1]:g}); widen the domain or leave the sample out"
        )
    fewest, distinct = FEWEST[inputs.shape[1]], len(np.unique(inputs, axis=0))
    if distinct < fewest:
        raise ValueError(f"{distinct} different inputs are too few; at least {fewest} are needed")
    if np.ptp(outputs) == 0:
        raise ValueError("all outputs are alike; a constant is the term one()")
    return inputs, outputs


def _call(
    function: Callable[..., Any], domain: tuple[float, float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs of a function at points that are denser towards the ends."""
    arity = _arity(function)
    low, high = domain
    # The density of Chebyshev's points, because a fit is worst at the edge of its data.
    angles = math.pi * rng.uniform(size=(POINTS[arity], arity))
    inputs = (low + high) / 2 + (high - low) / 2 * np.cos(angles)
    with np.errstate(all="ignore"):
        try:
            outputs = np.asarray(function(*inputs.T), float)
            if outputs.shape != inputs.shape[:1]:
                raise TypeError("it returns no number for every number")
        except Exception:
            # Perhaps a function of numbers, not of arrays.
            try:
                outputs = np.array([float(function(*point)) for point in inputs.tolist()])
            except Exception as error:
                raise ValueError(f"the function fails at a point of its domain: {error}") from error
    finite = np.isfinite(outputs)
    if not finite.all():
        raise ValueError(
            f"the function is not finite at {inputs[int(np.argmin(finite))].tolist()}; "
            f"choose a domain on which it is"
        )
    return _check((inputs, outputs), domain)


def _arity(function: Callable[..., Any]) -> int:
    if isinstance(function, np.ufunc):
        arity = function.nin
    else:
        try:
            asked = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return 1
        arity = sum(
            p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            for p in asked
        )
    if arity not in FEWEST:
        raise ValueError(f"the function takes {arity} arguments; an operation takes 1 or 2")
    return arity
