"""Terms as products of factors: any few of many terms, and their derivatives, by gathers alone."""

import dataclasses
import functools
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nsindy.terms.library import Library, evaluate, numpy_values
from nsindy.terms.term import Term, by_depth

__all__ = [
    "PRODUCTS",
    "AtPoints",
    "Products",
    "factor_values",
    "factors_of",
    "is_product",
    "slopes",
    "split",
    "term_values",
]

PRODUCTS = ("identity", "mul", "one")
"""Operations that are products of their arguments: a change of units only rescales them."""


def is_product(term: Term) -> bool:
    """Tell whether a term is a product of variables, or the constant."""
    return all(node.primitive.name in PRODUCTS for level in by_depth([term]) for node in level)


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=("rows",), meta_fields=("variables", "atoms")
)
@dataclasses.dataclass(frozen=True, eq=False)
class Products:
    """M terms, each a product of at most F factors.

    A factor is a variable or a term that is not a product, such as sin(v). Terms share factors:
    x, x², x sin(v) and sin(v) together need two. The terms of an equation are then an array of
    indices, and so are the terms themselves: a program that evaluates K of M terms is one for all
    libraries with the same factors.

    Attributes:
      variables: number of variables V, the states and then the inputs.
      atoms: the A factors that are terms.
      rows: the F factors of each term: below V a variable, from V an atom, and last the number 1
        [M, F].
    """

    variables: int
    atoms: tuple[Term, ...]
    rows: np.ndarray


def split(
    terms: Sequence[Term], variables: int, *, atoms: Sequence[Term] = (), least: int = 0
) -> Products:
    """Split terms into factors.

    Args:
      terms: the terms, over the variables.
      variables: number of variables V.
      atoms: factors that come first, needed or not, so that different terms share their factors.
      least: fewest rows; those beyond the terms are the number 1, so that programs share shapes.
    """
    taken = [factors_of(term) for term in terms]
    needed = (f for factors in taken for f in factors if isinstance(f, Term))
    atoms = tuple(dict.fromkeys([*atoms, *needed]))
    index = {atom: variables + i for i, atom in enumerate(atoms)}
    one = variables + len(atoms)
    rows = np.full((max(least, len(terms)), max(3, *map(len, taken), 0)), one)
    for row, factors in zip(rows, taken, strict=False):
        row[: len(factors)] = [f if isinstance(f, int) else index[f] for f in factors]
    return Products(variables, atoms, rows)


def factors_of(term: "int | Term") -> list["int | Term"]:
    """The factors of a term: variables, and terms that are no products; none for the constant."""
    if isinstance(term, int):
        return [term]
    if term.primitive.name in PRODUCTS:
        return [factor for argument in term.arguments for factor in factors_of(argument)]
    return [term]


def factor_values(products: Products, variables: jax.Array, usable: jax.Array) -> jax.Array:
    """Evaluate every factor at many points.

    The points are last, so that a processor takes several at once. An operation of which no factor
    is usable costs nothing.

    Args:
      products: the terms.
      variables: [V, N].
      usable: False where a factor has no value and counts as 0 [V + A + 1].

    Returns:
      the variables, the atoms, and 1 [V + A + 1, N].
    """
    count, points = products.variables, variables.shape[1]
    names = tuple(f"x{i}" for i in range(count))
    values = [*variables] + [jnp.zeros(points, variables.dtype)] * len(products.atoms)
    values.append(jnp.ones(points, variables.dtype))
    for operation in dict.fromkeys(atom.primitive for atom in products.atoms):
        atoms = {i: a for i, a in enumerate(products.atoms, count) if a.primitive == operation}
        library = Library(tuple(atoms.values()), names)
        found = jax.lax.cond(
            jnp.any(jnp.asarray(usable)[np.array(list(atoms))]),
            lambda v, library=library: evaluate(library, v.T).theta.T,
            lambda v, library=library: jnp.zeros((len(library.terms), points), v.dtype),
            variables,
        )
        for place, row in zip(atoms, found, strict=True):
            values[place] = row
    return jnp.where(jnp.asarray(usable)[:, None], jnp.stack(values), 0.0)


def term_values(products: Products, variables: ArrayLike, usable: ArrayLike) -> np.ndarray:
    """Evaluate every term at every sample, by NumPy, which waits for no compilation.

    Args:
      products: the M terms.
      variables: [N, V].
      usable: False where a factor has no value and counts as 0 [V + A + 1].

    Returns:
      Θ [N, M].
    """
    points = np.asarray(variables, float)
    atoms = numpy_values(products.atoms)(points.T).T
    values = np.concatenate([points, atoms, np.ones((len(points), 1))], 1)
    values = np.where(usable, values, 0.0)
    with np.errstate(all="ignore"):
        return np.prod(values[:, products.rows], axis=-1)


class AtPoints(NamedTuple):
    """Terms at N points.

    Attributes:
      values: of the terms that move the state [..., N].
      slopes: their derivatives by each state [..., D, N].
      beside: values of the terms that only their coefficients are asked of [..., N].
    """

    values: jax.Array
    slopes: jax.Array
    beside: jax.Array


def slopes(
    products: Products,
    expand: Callable[[jax.Array], jax.Array],
    states: jax.Array,
    usable: jax.Array,
    chosen: jax.Array,
    beside: jax.Array,
) -> AtPoints:
    """Evaluate terms and their derivatives with respect to the state at many points.

    Args:
      products: the M terms.
      expand: from states [D, N] to variables [V, N].
      states: [D, N].
      usable: factors that have a value [V + A + 1].
      chosen: indices of terms whose derivatives are wanted [...].
      beside: indices of terms of which the values are enough [...].
    """

    def along(direction):
        tangent = jnp.broadcast_to(direction[:, None], states.shape)
        return jax.jvp(lambda x: factor_values(products, expand(x), usable), (states,), (tangent,))

    own = jnp.eye(len(states), dtype=states.dtype)
    value, slope = jax.vmap(along, out_axes=(None, 1))(own)
    table = jnp.asarray(products.rows)

    def factors_at(terms):
        return [value[table[terms, f]] for f in range(table.shape[1])]

    factors = factors_at(chosen)
    total = jnp.zeros((), states.dtype)
    for f in range(len(factors)):
        others = functools.reduce(operator.mul, factors[:f] + factors[f + 1 :])
        total = total + others[..., None, :] * slope[table[chosen, f]]
    return AtPoints(
        functools.reduce(operator.mul, factors),
        total,
        functools.reduce(operator.mul, factors_at(beside)),
    )
