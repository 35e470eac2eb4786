"""Multiple shooting: recordings in short segments, solved side by side and chained to one another.

Letters beside the usual: B segments · L intervals of a segment · R recordings · V variables.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.terms import products
from nsindy.terms.products import Products
from nsindy.trajectories.linearised import Linearised

__all__ = [
    "LOWER",
    "NODES",
    "SOLUTION",
    "Chain",
    "Model",
    "Segments",
    "Sensitivities",
    "expand",
    "linearise",
    "shoot",
]


class Segments(NamedTuple):
    """Recordings, cut into segments of L intervals; the last node of one begins the next.

    Attributes:
      steps: lengths of the intervals [B, L]; 0 where a segment is short.
      substeps: steps of the solver in an interval, a whole number; traced, so that one program
        serves all.
      states: measured; anything where they were not [B, L + 1, D].
      weights: of each measurement in the sum of squares [B, L + 1, D]; 0 where there is none, and
        at a node that the next segment counts.
      inputs: at the beginning and just before the end of each interval, straight between them
        [B, L, 2, U]; an input that is held is the same at both.
      units: of the variables [D + U], operations on raw values see variable · unit; then, where
        there are fitted waves, w · unit of each [D + U].
      starts: 1 where a segment begins a recording [B, R].
      usable: False for factors that have no value on these recordings [V + A + 1].
      bound: (low, high) [2, D]; outside, a state is held still, so that nothing overflows.
    """

    steps: jax.Array
    substeps: jax.Array
    states: jax.Array
    weights: jax.Array
    inputs: jax.Array
    units: jax.Array
    starts: jax.Array
    usable: jax.Array
    bound: jax.Array


class Model(NamedTuple):
    """Equations, and where each segment starts.

    Attributes:
      indices: term of each slot [D, K]; any index where the slot is empty.
      free: True where a slot holds a term whose coefficient is to be fitted [D, K].
      coefficients: of each slot [D, K]; 0 where it is empty.
      begin: state at the first node of each segment [B, D].
    """

    indices: jax.Array
    free: jax.Array
    coefficients: jax.Array
    begin: jax.Array


class Sensitivities(NamedTuple):
    """Segments that were solved, and how they follow what they began with.

    Attributes:
      states: [B, L + 1, D].
      by_begin: derivatives by the state at the first node of the segment [B, L + 1, D, D].
      by_coefficients: derivatives by the coefficients, equation by equation [B, L + 1, D, D·K], or
        [B, L + 1, D, 0].
    """

    states: jax.Array
    by_begin: jax.Array
    by_coefficients: jax.Array


class Chain(NamedTuple):
    """Segments solved, chained, and linearised in their initial values and the coefficients.

    Attributes:
      linearised: the measurements, B (L + 1) D rows, to first order in R·D initial values and D·K
        coefficients.
      begin_by: derivatives of the segments' beginnings by the same columns [B, D, R·D + D·K].
      begin_gap: what closes the gaps [B, D].
      gap: end of a segment minus beginning of the next; 0 where a recording begins [B, D].
      states: [B, L + 1, D].
    """

    linearised: Linearised
    begin_by: jax.Array
    begin_gap: jax.Array
    gap: jax.Array
    states: jax.Array


NODES = np.array([0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0])
"""Where in a step the solver evaluates the equation (Tsitouras 2011, Computers & Mathematics with
Applications 62, table 1)."""
_ROWS = (
    (0.161,),
    (-0.008480655492356989, 0.335480655492357),
    (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
    (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
    (
        5.86145544294642,
        -12.92096931784711,
        8.159367898576159,
        -0.071584973281401,
        -0.028269050394068383,
    ),
)
LOWER = np.array([[*row, *[0.0] * (6 - len(row))] for row in ((), *_ROWS)])
"""How much of each slope before leads to the next [6, 6]."""
SOLUTION = np.array(
    [
        0.09646076681806523,
        0.01,
        0.4798896504144996,
        1.379008574103742,
        -3.290069515436081,
        2.324710524099774,
    ]
)
"""How much of each slope a step is made of [6]."""


def expand(state: jax.Array, inputs: jax.Array, units: jax.Array) -> jax.Array:
    """Variables that the terms are bound to: states and inputs, then both in raw units [V].

    Fitted waves are bound to a third part, w x, so that w is no constant of a program.
    """
    scaled = jnp.concatenate([state, inputs])
    return jnp.concatenate([scaled, jnp.tile(scaled, len(units) // len(scaled)) * units])


# Under its own jit it is traced once for all programs of the same shapes.
@functools.partial(jax.jit, static_argnames="by_coefficients")
def shoot(
    terms: Products, model: Model, segments: Segments, *, by_coefficients: bool = True
) -> Sensitivities:
    """Solve every segment from its own beginning, with its exact discrete sensitivities.

    x' = Σ_k ξ_k θ_k(x, u),  s' = (∂x'/∂x) s + ∂x'/∂(x_0, ξ),  s(0) = [I, 0]

    by steps of Tsitouras 5(4). Runge–Kutta commutes with differentiation, so s is the derivative of
    the discrete x.

    Args:
      terms: the M terms.
      model: the equations.
      segments: the recordings.
      by_coefficients: False for the sensitivities by x_0 alone.

    Reference: Tsitouras (2011), Computers & Mathematics with Applications 62; Hairer, Nørsett and
      Wanner (1993), Solving Ordinary Differential Equations I, II.6.
    """
    count, slots = model.indices.shape
    slots = slots if by_coefficients else 0
    own = jnp.repeat(jnp.arange(count), slots)
    columns = count + jnp.arange(count * slots)
    low, high = segments.bound
    nodes, lower, solution = (jnp.asarray(part) for part in (NODES, LOWER, SOLUTION))

    def field(y, inputs):
        x, s = y[:, 0], y[:, 1:]
        value, slope = products.slopes(
            terms,
            lambda z: expand(z, inputs, segments.units),
            x,
            segments.usable,
            model.indices,
        )
        flow = jnp.sum(value * model.coefficients, 1)
        change = jnp.einsum("dk,dke->de", model.coefficients, slope) @ s
        if by_coefficients:
            change = change.at[own, columns].add(value.reshape(-1))
        moving = jnp.all((x > low) & (x < high))
        return jnp.where(moving, jnp.concatenate([flow[:, None], change], 1), 0.0)

    def segment(begin, steps, inputs):
        def interval(y, now):
            whole, first, last = now
            length = whole / segments.substeps

            def step(number, y):
                def stage(slopes, i):
                    at = y + length * jnp.tensordot(lower[i], slopes, 1)
                    share = (number + nodes[i]) / segments.substeps
                    return slopes.at[i].set(field(at, first + share * (last - first))), None

                slopes, _ = jax.lax.scan(stage, jnp.zeros((6, *y.shape), y.dtype), jnp.arange(6))
                return y + length * jnp.tensordot(solution, slopes, 1)

            y = jax.lax.fori_loop(0, segments.substeps, step, y)
            return y, y

        identity = jnp.eye(count, count + count * slots, dtype=begin.dtype)
        start = jnp.concatenate([begin[:, None], identity], 1)
        _, path = jax.lax.scan(interval, start, (steps, inputs[:, 0], inputs[:, 1]))
        return jnp.concatenate([start[None], path])

    path = jax.vmap(segment)(model.begin, segments.steps, segments.inputs)
    return Sensitivities(path[..., 0], path[..., 1 : count + 1], path[..., count + 1 :])


def linearise(terms: Products, model: Model, segments: Segments, noise: jax.Array) -> Chain:
    """Solve the segments, and chain them: what the beginnings must do is eliminated.

    Along a recording ds_{b+1} = Φ_b ds_b + G_b dξ + e_b, with Φ and G the sensitivities of segment
    b and e_b the gap behind it, so every beginning is linear in the recording's initial state and
    the coefficients.

    Args:
      terms: the M terms.
      model: where to linearise.
      segments: the recordings.
      noise: σ, which residuals are divided by [D].

    Reference: Bock (1983), Recent advances in parameter identification techniques for O.D.E.
    """
    states, by_begin, by_slots = shoot(terms, model, segments)
    count = states.shape[2]
    size, recordings = by_slots.shape[3], segments.starts.shape[1]
    initial = recordings * count
    first = jnp.sum(segments.starts, 1) > 0
    ends = jnp.concatenate([model.begin[:1], states[:-1, -1]])
    gap = jnp.where(first[:, None], 0.0, ends - model.begin)

    def chain(carry, segment):
        by, shift = carry
        is_first, start, gap, propagate, force = segment
        own = jnp.kron(start[None, :], jnp.eye(count, dtype=by.dtype))
        by = jnp.where(is_first, jnp.pad(own, ((0, 0), (0, size))), by)
        shift = jnp.where(is_first, 0.0, shift + gap)
        after = propagate @ by + jnp.pad(force, ((0, 0), (initial, 0)))
        return (after, propagate @ shift), (by, shift)

    zero = jnp.zeros((count, initial + size), states.dtype)
    _, (begin_by, begin_gap) = jax.lax.scan(
        chain,
        (zero, zero[:, 0]),
        (first, segments.starts, gap, by_begin[:, -1], by_slots[:, -1]),
    )
    design = jnp.einsum("blde,bec->bldc", by_begin, begin_by)
    design = design.at[..., initial:].add(by_slots)
    closing = jnp.einsum("blde,be->bld", by_begin, begin_gap)
    root = jnp.sqrt(segments.weights) / noise[None, None, :]
    rows = (root[..., None] * design).reshape(-1, initial + size)
    linearised = Linearised(
        rows[:, :initial],
        rows[:, initial:],
        (root * (segments.states - states - closing)).reshape(-1),
        (root * closing).reshape(-1),
    )
    return Chain(linearised, begin_by, begin_gap, gap, states)
