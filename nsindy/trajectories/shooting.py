"""Multiple shooting: recordings in short segments, solved side by side and chained to one another.

Letters beside the usual: B segments · L intervals of a segment · R recordings · V variables.
"""

import functools
import operator
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.terms import products
from nsindy.terms.products import Products
from nsindy.trajectories.flow import Flow

__all__ = [
    "LOWER",
    "NODES",
    "SOLUTION",
    "FreeNumbers",
    "Model",
    "Segments",
    "Sensitivities",
    "expand",
    "shoot",
]


class Segments(NamedTuple):
    """Recordings, cut into segments of L intervals; the last node of one begins the next.

    Attributes:
      steps: lengths of the intervals [B, L]; 0 where a segment is short.
      substeps: steps of the solver in an interval, a whole number; traced, so that one program
        serves all. None where the equations are a map, which gives the state at the next node.
      states: measured; anything where they were not [B, L + 1, D].
      weights: of each measurement in the sum of squares [B, L + 1, D]; 0 where there is none, and
        at a node that the next segment counts.
      inputs: at the beginning and just before the end of each interval, straight between them
        [B, L, 2, U]; an input that is held is the same at both.
      units: of the variables [D + U], operations on raw values see variable · unit; then the number
        inside terms of each, which they see as a variable that does not change [D + U].
      starts: 1 where a segment begins a recording [B, R].
      usable: False for factors that have no value on these recordings [V + A + 1].
      bound: (low, high) [2, D]; outside, a state is held still, so that nothing overflows.
    """

    steps: jax.Array
    substeps: jax.Array | None
    states: jax.Array
    weights: jax.Array
    inputs: jax.Array
    units: jax.Array
    starts: jax.Array
    usable: jax.Array
    bound: jax.Array


class FreeNumbers(NamedTuple):
    """Numbers inside terms that are fitted with the coefficients.

    Attributes:
      places: of each among `Segments.units` [G].
      values: in place of what stands there [G].
      scales: what a step of 1 adds to each; 0 where that is its value [G].
      free: False for one that is not fitted [G].
    """

    places: jax.Array
    values: jax.Array
    scales: jax.Array
    free: jax.Array

    @property
    def slopes(self) -> jax.Array:
        """Derivatives of the values by the step [G]."""
        # By NumPy outside a program, where JAX would compile each of these.
        xp = self.values.__array_namespace__()
        return xp.where(self.scales > 0, self.scales, self.values)

    def moved(self, step: jax.Array) -> "FreeNumbers":
        """The numbers a step further [G]."""
        return self._replace(values=self.values + self.slopes * step)


class Model(NamedTuple):
    """Equations, and where each segment starts.

    Attributes:
      indices: term of each slot [D, K]; any index where the slot is empty.
      free: True where a slot holds a term whose coefficient is to be fitted [D, K].
      coefficients: of each slot [D, K]; 0 where it is empty.
      begin: state at the first node of each segment [B, D].
      follow: what a change of the free coefficients changes of all, where some follow others
        [D·K, D·K]; None where none do.
      numbers: inside terms, that are fitted too; None for none.
    """

    indices: jax.Array
    free: jax.Array
    coefficients: jax.Array
    begin: jax.Array
    follow: jax.Array | None = None
    numbers: FreeNumbers | None = None

    @property
    def every_free(self) -> jax.Array:
        """True for what is fitted: coefficients, equation by equation, and numbers [P]."""
        own = self.free.reshape(-1)
        if self.numbers is None:
            return own
        return own.__array_namespace__().concatenate([own, self.numbers.free])


class Sensitivities(NamedTuple):
    """Segments that were solved, and how they follow what they began with.

    Attributes:
      states: [B, L + 1, D].
      by_begin: derivatives by the state at the first node of the segment [B, L + 1, D, D].
      by_coefficients: derivatives by the coefficients of C columns of each equation, equation by
        equation, and by the steps of free numbers [B, L + 1, D, D·C + G].
    """

    states: jax.Array
    by_begin: jax.Array
    by_coefficients: jax.Array


UNROLLED = 6
"""Most states whose Jacobians are multiplied by scalars; of more, matrix products are quicker."""

CACHED = 16384
"""Numbers of a step that stay in the cache of one core: 128 kB, and six slopes of as many."""

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


def expand(states: jax.Array, inputs: jax.Array, units: jax.Array) -> jax.Array:
    """Variables that the terms are bound to: states and inputs, then both in raw units [V, N].

    The numbers inside terms are a third part, so that none is a constant of a program.

    Args:
      states: [D, N].
      inputs: [U, N].
      units: of the variables, and then their numbers [V - D - U].
    """
    scaled = jnp.concatenate([states, inputs])
    raw, numbers = jnp.split(units[:, None], [len(scaled)])
    numbers = jnp.broadcast_to(numbers, (len(numbers), scaled.shape[1]))
    return jnp.concatenate([scaled, scaled * raw, numbers.astype(scaled.dtype)])


def _beside_numbers(states: jax.Array, numbers: FreeNumbers | None) -> jax.Array:
    """States, then the free numbers at each of the points [D + G, N]."""
    if numbers is None:
        return states
    shape = numbers.values.size, states.shape[1]
    return jnp.concatenate([states, jnp.broadcast_to(numbers.values[:, None], shape)])


def _with_numbers(
    states: jax.Array, inputs: jax.Array, units: jax.Array, numbers: FreeNumbers | None
) -> jax.Array:
    """Variables of states with free numbers [D + G, N]; see `expand`."""
    if numbers is None:
        return expand(states, inputs, units)
    count = len(states) - numbers.places.size
    shown = expand(states[:count], inputs, units)
    # Behind scaled and raw variables stand the numbers, which in the units follow one of these.
    return shown.at[numbers.places + count + len(inputs)].set(states[count:])


# Under its own jit it is traced once for all programs of the same shapes.
@jax.jit
def shoot(
    terms: Products | Flow,
    model: Model,
    segments: Segments,
    columns: jax.Array | None = None,
) -> Sensitivities:
    """Solve every segment from its own beginning, with its exact discrete sensitivities.

    x' = Σ_k ξ_k θ_k(x, u),  s' = (∂x'/∂x) s + ∂x'/∂(x_0, ξ),  s(0) = [I, 0]

    by steps of Tsitouras 5(4). Runge–Kutta commutes with differentiation, so s is the derivative of
    the discrete x. Of a map, x_{n+1} and s_{n+1} are these right-hand sides.

    Args:
      terms: the M terms; or a vector field, whose parameters take the place of coefficients.
      model: the equations.
      segments: the recordings.
      columns: terms of each equation whose coefficients the sensitivities are by [D, C], in the
        support or not; None for those of the slots, and C = 0 for those by x_0 alone. A vector
        field has the latter two.

    Reference: Tsitouras (2011), Computers & Mathematics with Applications 62; Hairer, Nørsett and
      Wanner (1993), Solving Ordinary Differential Equations I, II.6.
    """
    count = model.begin.shape[1]
    columns = jnp.asarray(model.indices if columns is None else columns)
    forces = columns.size + (0 if model.numbers is None else model.numbers.places.size)
    field = _sensitive_field(terms, model, segments, columns)
    following = _next_row(field) if segments.substeps is None else _steps(field, segments.substeps)

    def some(part):
        """Segments side by side, in the last dimension."""
        begin, steps, inputs = part
        identity = jnp.eye(count, count + forces, dtype=begin.dtype)[..., None]
        identity = jnp.broadcast_to(identity, (*identity.shape[:2], begin.shape[1]))
        start = jnp.concatenate([begin[:, None], identity], 1)
        _, path = jax.lax.scan(following, start, (steps, inputs[:, 0], inputs[:, 1]))
        return jnp.moveaxis(jnp.concatenate([start[None], path]), -1, 0)

    parts = len(segments.steps)
    together = _together(parts, count * (1 + count + forces))

    def cut(array):
        return jnp.moveaxis(array.reshape(parts // together, together, *array.shape[1:]), 1, -1)

    given = tuple(map(cut, (model.begin, segments.steps, segments.inputs)))
    path = jax.lax.map(some, given)
    path = path.reshape(parts, *path.shape[2:])
    return Sensitivities(path[..., 0], path[..., 1 : count + 1], path[..., count + 1 :])


def _sensitive_field(
    terms: Products | Flow, model: Model, segments: Segments, columns: jax.Array
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """The derivatives of states and sensitivities [D, 1 + D + D·C + G, N], of these and inputs."""
    count, numbers = model.begin.shape[1], model.numbers
    forces = columns.size + (0 if numbers is None else numbers.places.size)
    low, high = jnp.asarray(segments.bound)[..., None]
    own = jnp.eye(count, dtype=model.begin.dtype)[:, :, None, None]
    weights = jnp.asarray(model.coefficients)[..., None]

    def held(x, flow, slope, force, s):
        change = _through(slope, s) + jnp.pad(force, ((0, 0), (count, 0), (0, 0)))
        moving = jnp.all((x > low) & (x < high), 0)[None, None]
        return jnp.where(moving, jnp.concatenate([flow[:, None], change], 1), 0.0)

    def field(y, inputs):
        x, s = y[:, 0], y[:, 1:]
        if isinstance(terms, Flow):
            across = jax.vmap(terms.slopes, in_axes=(1, 1, None), out_axes=-1)
            moved = across(x, inputs, model.coefficients[0])
            force = moved.by_parameters[:, :forces]
            return held(x, moved.value, moved.by_state, force, s)
        at = products.slopes(
            terms,
            lambda z: _with_numbers(z, inputs, segments.units, numbers),
            _beside_numbers(x, numbers),
            segments.usable,
            model.indices,
            columns,
        )
        force = (own * at.beside[None]).reshape(count, columns.size, x.shape[1])
        slope = jnp.sum(weights[..., None, :] * at.slopes, 1)
        if numbers is not None:
            force = jnp.concatenate([force, slope[:, count:] * numbers.slopes[None, :, None]], 1)
        return held(x, jnp.sum(at.values * weights, 1), slope[:, :count], force, s)

    return field


def _next_row(field: Callable[..., jax.Array]) -> Callable:
    """From a node to the next by a map; the body of a scan over steps and inputs."""

    def following(y, now):
        whole, first, _ = now
        # An interval of no length is none: the segment is short.
        y = jnp.where(whole > 0, field(y, first), y)
        return y, y

    return following


def _steps(field: Callable[..., jax.Array], substeps: jax.Array) -> Callable:
    """From a node to the next by so many steps of the solver."""
    nodes, lower, solution = (jnp.asarray(part) for part in (NODES, LOWER, SOLUTION))

    def interval(y, now):
        whole, first, last = now
        length = (whole / substeps)[None, None]

        def step(number, y):
            def stage(slopes, i):
                at = y + length * jnp.tensordot(lower[i], slopes, 1)
                share = (number + nodes[i]) / substeps
                return slopes.at[i].set(field(at, first + share * (last - first))), None

            slopes, _ = jax.lax.scan(stage, jnp.zeros((6, *y.shape), y.dtype), jnp.arange(6))
            return y + length * jnp.tensordot(solution, slopes, 1)

        y = jax.lax.fori_loop(0, substeps, step, y)
        return y, y

    return interval


def _through(jacobian: jax.Array, sensitivities: jax.Array) -> jax.Array:
    """J s, at many points [D, E, N] from [D, D, N] and [D, E, N].

    With the points last a processor multiplies several at once; a compiler's product of small
    matrices multiplies one.
    """
    count = len(jacobian)
    if count > UNROLLED:
        return jnp.einsum("dcn,cen->den", jacobian, sensitivities)
    parts = [jacobian[:, c, None] * sensitivities[c, None] for c in range(count)]
    return functools.reduce(operator.add, parts)


def _together(parts: int, size: int) -> int:
    """Segments that are solved side by side: as many as the cache holds, a divisor of all."""
    most = max(CACHED // size, 1)
    return max(n for n in range(1, min(parts, most) + 1) if parts % n == 0)
