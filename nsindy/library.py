"""Phase 3: a library of terms, evaluated by vmapped circuits into Θ."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.circuits import Stack
from nsindy.terms import Term, by_depth, parse


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
    circuits: tuple[Stack, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The M terms as text."""
        return tuple(term.name(self.states) for term in self.terms)

    @property
    def complexities(self) -> np.ndarray:
        """Complexity of each term [M], in units of α."""
        return np.array([term.complexity for term in self.terms])


class Evaluation(NamedTuple):
    """Θ, and where it can be trusted.

    Attributes:
      theta: values of the terms [N, M].
      inside: True where every argument lay in the domain of its operation [N, M].
    """

    theta: jax.Array
    inside: jax.Array


def bind(
    names: Sequence[str], states: Sequence[str], circuits: tuple[Stack, ...] | None = None
) -> Library:
    """Build a library from terms written as text, `["identity(x)", "mul(x,sin(v))"]`.

    Args:
      names: the M terms; an argument is a state or a nested term.
      states: names of the state variables.
      circuits: what evaluates the terms; None for the exact functions.

    Raises:
      ValueError: an unknown operation or state, a wrong number of arguments, a term given twice, or
        no terms at all.
    """
    if not names:
        raise ValueError("the library has no terms; give at least one, such as identity(x)")
    terms = tuple(parse(name, tuple(states)) for name in names)
    for i, term in enumerate(terms):
        if term in terms[:i]:
            raise ValueError(f"the term {term.name(states)} stands twice in the library")
    return Library(terms, tuple(states), circuits)


def evaluate(library: Library, states: jax.Array) -> Evaluation:
    """Evaluate every term of the library at every sample.

    Terms are evaluated depth by depth; the circuits of one stack, whatever they are bound to, are
    one vmapped apply at each depth.

    Args:
      library: the M terms.
      states: [N, D], in the units of the recording.

    Returns:
      Θ [N, M] in the dtype of the states, and the mask of the values inside the declared domains.

    Raises:
      ValueError: the states have not D columns, or a term's operation has no circuit.
    """
    if states.ndim != 2 or states.shape[1] != len(library.states):
        raise ValueError(
            f"states must be [N, {len(library.states)}] for the library over "
            f"({', '.join(library.states)}), not {list(states.shape)}"
        )
    values: dict[int | Term, jax.Array] = dict(enumerate(states.T))
    inside = {index: jnp.ones(states.shape[0], bool) for index in values}
    domains = {p.name: p.domain for stack in library.circuits or () for p in stack.primitives}
    for wave in by_depth(library.terms):
        for term in wave:
            low, high = domains.get(term.primitive.name, term.primitive.domain)
            arguments = jnp.stack([values[a] for a in term.arguments])
            within = jnp.all((arguments >= low) & (arguments <= high), axis=0)
            inside[term] = functools.reduce(
                jnp.logical_and, (inside[a] for a in term.arguments), within
            )
        if library.circuits is None:
            values |= {
                term: term.primitive.function(*(values[a] for a in term.arguments)) for term in wave
            }
        else:
            values |= _apply_circuits(library.circuits, wave, values)
    columns = [values[term].astype(states.dtype) for term in library.terms]
    return Evaluation(
        jnp.stack(columns, axis=1), jnp.stack([inside[term] for term in library.terms], axis=1)
    )


def _apply_circuits(
    circuits: tuple[Stack, ...], wave: list[Term], values: dict[Any, jax.Array]
) -> dict[int | Term, jax.Array]:
    outputs: dict[int | Term, jax.Array] = {}
    for stack in circuits:
        learned = [primitive.name for primitive in stack.primitives]
        mine = [term for term in wave if term.primitive.name in learned]
        if not mine:
            continue
        rows = np.array([learned.index(term.primitive.name) for term in mine])
        inputs = jnp.stack(
            [jnp.stack([values[a] for a in term.arguments], axis=-1) for term in mine]
        )
        params = jax.tree.map(lambda leaf, rows=rows: leaf[rows], stack.params)
        dtype = jax.tree.leaves(params)[0].dtype
        results: Any = jax.vmap(stack.network.apply)(params, inputs.astype(dtype))
        outputs |= dict(zip(mine, results, strict=True))
    missing = [term.primitive.name for term in wave if term not in outputs]
    if missing:
        raise ValueError(f"no circuit has learned {', '.join(sorted(set(missing)))}")
    return outputs
