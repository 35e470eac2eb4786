"""A library of terms, evaluated into Θ by exact functions or by vmapped circuits."""

import dataclasses
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.terms.operations import PRIMITIVES, numpy_function
from nsindy.terms.primitive import Primitive
from nsindy.terms.term import Term, by_depth, parse

__all__ = ["Evaluation", "Library", "Stacked", "bind", "evaluate", "numpy_values"]


class Stacked(Protocol):
    """Networks of one architecture that stand for operations, `circuits.stacks.Stack`.

    Attributes:
      primitives: the operations that the networks stand for, P of them.
      network: the architecture, with `apply(params, inputs)` from [..., arity] to [...].
      params: parameters of the networks, every leaf with a leading axis [P].
    """

    @property
    def primitives(self) -> tuple[Primitive, ...]: ...  # noqa: D102

    @property
    def network(self) -> Any: ...  # noqa: D102

    @property
    def params(self) -> Any: ...  # noqa: D102


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=("circuits",), meta_fields=("terms", "states")
)
@dataclasses.dataclass(frozen=True)
class Library:
    """M terms and the circuits that evaluate them.

    Attributes:
      terms: the columns of Θ, in order.
      states: names of the D state variables.
      circuits: stacks that between them know every operation of the terms; None evaluates the
        exact functions.
    """

    terms: tuple[Term, ...]
    states: tuple[str, ...]
    circuits: tuple[Stacked, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The M terms as text."""
        return tuple(term.name(self.states) for term in self.terms)

    @property
    def complexities(self) -> np.ndarray:
        """Complexity of each term [M], in units of α."""
        return np.array([term.complexity for term in self.terms])


class Evaluation(NamedTuple):
    """Θ, and where its circuits can be trusted.

    Attributes:
      theta: values of the terms [N, M].
      inside: True where every argument lay in the domain of its operation [N, M].
    """

    theta: jax.Array
    inside: jax.Array


def bind(
    names: Sequence[str], states: Sequence[str], circuits: tuple[Stacked, ...] | None = None
) -> Library:
    """Build a library from terms written as text, `["identity(x)", "mul(x,sin(v))"]`.

    Args:
      names: the M terms; an argument is a state or a nested term.
      states: names of the state variables.
      circuits: what evaluates the terms; None for the exact functions.

    Raises:
      ValueError: an unknown operation or state, a wrong number of arguments, a term given twice, or
        no terms at all.

    Example:
      >>> bind(["identity(x)", "mul(x,sin(v))"], ["x", "v"]).names
      ('identity(x)', 'mul(x,sin(v))')
    """
    if not names:
        raise ValueError("the library has no terms; give at least one, such as identity(x)")
    terms = tuple(parse(name, tuple(states)) for name in names)
    for i, term in enumerate(terms):
        if term in terms[:i]:
            raise ValueError(f"the term {term.name(states)} is given twice; name it once")
    return Library(terms, tuple(states), circuits)


def evaluate(library: Library, states: jax.Array) -> Evaluation:
    """Evaluate every term of the library at every sample.

    Terms are evaluated depth by depth. At each depth, all circuits of one stack are one vmapped
    apply, whatever they are bound to, and so are all terms of one exact operation. A user's own
    operation needs no circuit: its function is one.

    Args:
      library: the M terms.
      states: [N, D], in the units of the recording.

    Returns:
      Θ [N, M] in the dtype of the states, and the mask of the values inside the declared domains.

    Raises:
      ValueError: the states do not have D columns, or a term's operation has no circuit.

    Example:
      >>> bound = bind(["identity(x)", "mul(x,v)"], ["x", "v"])
      >>> evaluate(bound, jnp.array([[2.0, 3.0], [4.0, 5.0]])).theta.tolist()
      [[2.0, 6.0], [4.0, 20.0]]
    """
    if states.ndim != 2 or states.shape[1] != len(library.states):
        raise ValueError(
            f"states must be [N, {len(library.states)}] for the library over "
            f"({', '.join(library.states)}), not {list(states.shape)}"
        )
    domains = {p.name: p.domain for stack in library.circuits or () for p in stack.primitives}
    rows: dict[int | Term, int] = {index: index for index in range(states.shape[1])}
    values, inside = states.T, jnp.ones(states.shape[::-1], bool)
    for level in by_depth(library.terms):
        for evaluator, group in _groups(library.circuits, level).items():
            indices = np.array([[rows[a] for a in term.arguments] for term in group], int)
            arguments = _take(values, indices)
            limits = [domains.get(t.primitive.name, t.primitive.domain) for t in group]
            low, high = jnp.asarray(limits, states.dtype).T[:, :, None, None]
            within = (arguments >= low) & (arguments <= high) & inside[indices]
            rows |= {term: len(values) + i for i, term in enumerate(group)}
            outputs = _apply(library.circuits, evaluator, group, arguments)
            values = jnp.concatenate([values, outputs.astype(states.dtype)])
            inside = jnp.concatenate([inside, jnp.all(within, axis=1)])
    columns = np.array([rows[term] for term in library.terms])
    return Evaluation(_take(values, columns).T, _take(inside, columns).T)


def _take(rows: jax.Array, indices: np.ndarray) -> jax.Array:
    """Rows by constant indices; neighbours as a slice, which XLA fuses where a gather is a pass."""
    flat = indices.ravel()
    if len(flat) and np.array_equal(flat, flat[0] + np.arange(len(flat))):
        return rows[flat[0] : flat[0] + len(flat)].reshape(*indices.shape, *rows.shape[1:])
    return rows[indices]


def numpy_values(terms: Sequence[Term]) -> Callable[[np.ndarray], np.ndarray]:
    """The terms as a function of the variables [V] or [V, N] that returns [M] or [M, N]."""
    found = [_function(term) for term in terms]

    def values(points):
        theta = np.empty((len(found), *points.shape[1:]))
        with np.errstate(all="ignore"):
            for row, term in enumerate(found):
                theta[row] = term(points)
        return theta

    return values


def _function(term: Term | int) -> Callable[[np.ndarray], Any]:
    """One term as a function of the variables."""
    if not isinstance(term, Term):
        return operator.itemgetter(term)
    own = numpy_function(term.primitive)
    inner = [_function(argument) for argument in term.arguments]
    return lambda points: own(*[argument(points) for argument in inner])


def _groups(
    circuits: tuple[Stacked, ...] | None, level: list[Term]
) -> dict[int | Primitive, list[Term]]:
    """The terms of one depth by what evaluates them: a stack, or an exact operation."""
    stack_of = {p.name: i for i, stack in enumerate(circuits or ()) for p in stack.primitives}
    groups: dict[int | Primitive, list[Term]] = {}
    for term in level:
        groups.setdefault(stack_of.get(term.primitive.name, term.primitive), []).append(term)
    missing = sorted(
        p.name
        for p in groups
        if circuits is not None and isinstance(p, Primitive) and PRIMITIVES.get(p.name) == p
        if p.arity
    )
    if missing:
        raise ValueError(f"no circuit has learned {', '.join(missing)}")
    return groups


def _apply(
    circuits: tuple[Stacked, ...] | None,
    evaluator: int | Primitive,
    group: list[Term],
    arguments: jax.Array,
) -> jax.Array:
    """Values [G, N] of a group of terms at their arguments [G, arity, N]."""
    if isinstance(evaluator, Primitive):
        values = evaluator.function(*jnp.moveaxis(arguments, 1, 0))
        return jnp.broadcast_to(values, arguments.shape[::2])
    assert circuits is not None
    stack = circuits[evaluator]
    names = [primitive.name for primitive in stack.primitives]
    members = np.array([names.index(term.primitive.name) for term in group])
    params = jax.tree.map(lambda leaf: leaf[members], stack.params)
    dtype = jax.tree.leaves(params)[0].dtype
    inputs = jnp.moveaxis(arguments, 1, 2).astype(dtype)
    outputs: Any = jax.vmap(stack.network.apply)(params, inputs)
    return outputs
