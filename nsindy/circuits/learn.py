"""A user's own operation, learned from a function or from a few noisy samples of it."""

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike

from nsindy.circuits import polish
from nsindy.circuits.network import MLP, Params
from nsindy.circuits.stacks import Circuit, freeze
from nsindy.terms import operations
from nsindy.terms.primitive import Primitive

__all__ = ["Learned", "learn_operation"]

PENALTIES = np.geomspace(1e-12, 1e-1, 12)
"""Strengths of the L2 penalty among which cross-validation chooses."""

FEWEST = {1: 8, 2: 24}
"""Fewest different inputs of an operation of one argument, and of two."""

POINTS = {1: 384, 2: 600}
"""Points at which a function of one argument, and of two, is called."""

MOST = 1000
"""Most samples that are used; if there are more, this many are drawn from them."""

FOLDS = 8
"""Number of folds of the cross-validation, with fewer than `MANY` samples."""

MANY = 200
"""Number of samples from which on a third of them is held out, once."""

STARTS = 3
"""Initial networks of every fit, of which the best is kept."""

STEPS = 150
"""Levenberg–Marquardt steps of every fit."""


@dataclasses.dataclass(frozen=True)
class Learned:
    """An operation that was learned, and how well.

    Attributes:
      primitive: what `discover` and `Term` take.
      fidelity: `samples`, how many were used; `cross_validated_rmse`, the error on held-out
        samples, noise included, and `relative_rmse`, the same in units of the outputs' standard
        deviation; `noise`, the standard deviation of the outputs about the curve;
        `effective_parameters`, how many parameters the penalty leaves free; `penalty`; `width` of
        the network; `largest_gap` between neighbouring inputs or to an end of the domain, as a
        share of the domain.
    """

    primitive: Primitive
    fidelity: dict[str, float]

    def __str__(self) -> str:
        """What was learned and how well, in a few lines."""
        fidelity = self.fidelity
        low, high = self.primitive.domain
        text = (
            f"{self.primitive.name}: {self.primitive.arity} argument(s) in [{low:g}, {high:g}], "
            f"learned from {fidelity['samples']:.0f} samples\n"
            f"  error on held-out samples {fidelity['cross_validated_rmse']:.2g} "
            f"({100 * fidelity['relative_rmse']:.2g} % of their spread), "
            f"noise {fidelity['noise']:.2g}\n"
            f"  {fidelity['effective_parameters']:.1f} effective parameters in a network of "
            f"{fidelity['width']:.0f} units (penalty {fidelity['penalty']:.0e})"
        )
        if fidelity["largest_gap"] > 0.15:
            text += (
                f"\n  no sample in {100 * fidelity['largest_gap']:.0f} % of the domain in one piece"
            )
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
    squared error on held-out samples, in 8 folds, or on a third of the samples if there are 200 or
    more; the result is the fit to all samples with that β. The noise is √(Σ r² / (N - ν)), with
    ν = tr (JᵀJ (JᵀJ + N β D)⁻¹) effective parameters.

    Args:
      name: a new word, `friction`.
      samples_or_function: (inputs [N] or [N, arity], outputs [N]), which may be noisy and may
        repeat an input; or a function, which is called with NumPy arrays, or point by point if it
        takes single numbers only. JAX need not be able to trace it.
      domain: (low, high) of every argument, in the units of the inputs.
      seed: of the folds, the starts and the points at which a function is called.
      complexity: the paper's price of the operation; that of `mul` is 1.

    Returns:
      the operation and its fidelity.

    Raises:
      ValueError: the name is taken or is not a word; the domain is empty; the samples have wrong
        shapes, are too few, all equal, not finite, or lie outside the domain; or the function fails
        or is not finite on the domain.

    Reference: MacKay (1992), Neural Computation 4, 415–447 (effective parameters); Stone (1974),
      J. R. Stat. Soc. B 36, 111–147 (cross-validation).

    Example:
      >>> speed = np.linspace(-2.0, 2.0, 40)
      >>> learned = learn_operation("friction", (speed, np.tanh(3 * speed)), (-2.0, 2.0))
      >>> round(float(learned.primitive.function(0.5)), 2)
      0.91
    """
    if not name.isidentifier() or name in operations.PRIMITIVES:
        raise ValueError(
            f"{name!r} is not a word, or names an operation that exists; choose another name"
        )
    low, high = _check_domain(domain)
    rng = np.random.default_rng(seed)
    if callable(samples_or_function):
        inputs, outputs = _call(samples_or_function, (low, high), rng)
    else:
        inputs, outputs = _check(samples_or_function, (low, high))
    if len(outputs) > MOST:
        kept = np.sort(rng.choice(len(outputs), MOST, replace=False))
        inputs, outputs = inputs[kept], outputs[kept]
    circuit, fidelity = _learn(inputs, outputs, low, high, rng, seed)
    return Learned(Primitive(name, inputs.shape[1], circuit, (low, high), complexity), fidelity)


def _learn(
    inputs: np.ndarray,
    outputs: np.ndarray,
    low: float,
    high: float,
    rng: np.random.Generator,
    seed: int,
) -> tuple[Circuit, dict[str, float]]:
    """The circuit of samples, its penalty chosen by cross-validation, and its fidelity."""
    samples = len(outputs)
    shift, scale = np.mean(outputs), np.std(outputs)
    scaled, targets = (2 * inputs - low - high) / (high - low), (outputs - shift) / scale
    if samples < MANY:
        held_out = rng.permutation(samples) % FOLDS == np.arange(FOLDS)[:, None]
    else:
        held_out = (rng.permutation(samples) % 3 == 0)[None]
    # The last row of weights is the fit to all samples.
    weights = np.concatenate([~held_out, np.ones((1, samples), bool)]).astype(float)
    # Many samples support a larger network, and need a finer choice of the penalty less.
    width, penalties = (16, PENALTIES) if samples < MANY else (24, PENALTIES[::2])
    # The normal equations need double precision, whatever the rest of the program computes in.
    with jax.enable_x64(True):
        fits = jax.device_get(
            _fit(jax.random.key(seed), weights, penalties, scaled, targets, width=width)
        )
        squares = np.sum(fits.residuals[:-1] ** 2 * held_out[:, None, :], axis=(0, 2))
        chosen = int(np.argmin(squares))
        best = jax.tree.map(lambda leaf: leaf[-1, chosen], fits)
        params = polish.fold(best.params, (high - low) / 2, scale, (high + low) / 2, shift)
    relative = float(np.sqrt(squares[chosen] / held_out.sum()))
    effective = float(best.effective)
    noise = np.sqrt(np.sum(best.residuals**2) / max(samples - effective, 1.0))
    fidelity = {
        "samples": float(samples),
        "cross_validated_rmse": float(scale * relative),
        "relative_rmse": relative,
        "noise": float(scale * noise),
        "effective_parameters": effective,
        "penalty": float(penalties[chosen]),
        "width": float(width),
        "largest_gap": _largest_gap(inputs, low, high),
    }
    return freeze("tanh", params), fidelity


def _check_domain(domain: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in domain)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the domain must be two numbers (low, high), not {domain!r}") from error
    if not (low < high and math.isfinite(high - low)):
        raise ValueError(f"the domain ({low:g}, {high:g}) is empty; give (low, high), low < high")
    return low, high


def _largest_gap(inputs: np.ndarray, low: float, high: float) -> float:
    """The largest gap between neighbouring inputs or to an end, as a share of the domain."""
    ends = np.full((2, inputs.shape[1]), [[low], [high]])
    return float(np.max(np.diff(np.sort(np.concatenate([inputs, ends]), 0), axis=0)) / (high - low))


class _Fits(NamedTuple):
    """Fits with every row of weights and every penalty.

    Attributes:
      params: of the network, leaves [F, L, ...].
      residuals: [F, L, N].
      effective: effective parameters [F, L].
    """

    params: Params
    residuals: jax.Array
    effective: jax.Array


@functools.partial(jax.jit, static_argnames="width")
def _fit(
    key: jax.Array,
    weights: ArrayLike,
    penalties: ArrayLike,
    inputs: jax.Array,
    targets: jax.Array,
    *,
    width: int,
) -> _Fits:
    """Fit every row of weights [F, N] with every penalty [L], each from the best of its starts."""
    network = MLP((width,), "tanh")

    def start(key):
        direction_key, centre_key, outer_key = jax.random.split(key, 3)
        shape = (inputs.shape[1], width)
        # Units that bend all over the domain, each over about a third of it.
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
        # Directions that no sample determines, such as those of a flat unit, count as zero.
        ridge = penalty * polish.kernels(params) + 1e-14 * jnp.trace(normal)
        effective = jnp.trace(jnp.linalg.solve(normal + jnp.diag(ridge), normal))
        return losses[-1], _Fits(params, values(flat) - targets, effective)

    def best(weights, penalty):
        losses, fits = jax.vmap(one, (0, None, None))(keys, weights, penalty)
        return jax.tree.map(lambda leaf: leaf[jnp.argmin(losses)], fits)

    keys = jax.random.split(key, STARTS)
    return jax.vmap(jax.vmap(best, (None, 0)), (0, None))(weights, penalties)


def _check(
    samples: tuple[ArrayLike, ArrayLike], domain: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [N, arity] and outputs [N] from samples, checked."""
    try:
        raw_inputs, raw_outputs = samples
        inputs, outputs = np.asarray(raw_inputs, float), np.asarray(raw_outputs, float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the samples must be a function, or two arrays (inputs, outputs) of numbers: {error}"
        ) from error
    inputs = inputs[:, None] if inputs.ndim == 1 else inputs
    if inputs.ndim != 2 or inputs.shape[1] not in FEWEST or outputs.shape != inputs.shape[:1]:
        raise ValueError(
            f"inputs must be [N] or [N, 2] and outputs [N], "
            f"not {list(np.shape(raw_inputs))} and {list(outputs.shape)}"
        )
    finite = np.isfinite(inputs).all(axis=1) & np.isfinite(outputs)
    if not finite.all():
        raise ValueError(f"sample {int(np.argmin(finite))} is not finite; leave it out")
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
        raise ValueError("all outputs are equal; a constant is the term one()")
    return inputs, outputs


def _call(
    function: Callable[..., Any], domain: tuple[float, float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs of a function at points that are denser towards the ends of its domain."""
    arity = _arity(function)
    low, high = domain
    # The density of Chebyshev's points, because a fit is worst at the edge of its data.
    angles = math.pi * rng.uniform(size=(POINTS[arity], arity))
    inputs = (low + high) / 2 + (high - low) / 2 * np.cos(angles)
    with np.errstate(all="ignore"):
        try:
            outputs = np.asarray(function(*inputs.T), float)
            if outputs.shape != inputs.shape[:1]:
                raise TypeError("it does not return one number for every input")
        except Exception:
            # It may be a function of numbers, not of arrays.
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
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return 1
        arity = sum(
            p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            for p in parameters
        )
    if arity not in FEWEST:
        raise ValueError(f"the function takes {arity} arguments; an operation takes 1 or 2")
    return arity
