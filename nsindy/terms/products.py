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
from nsindy.terms.primitive import Primitive
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

FACTORS = 4
"""Factors of a term that programs are compiled for, at least."""

PRODUCTS = ("identity", "mul", "one")
"""Operations that are products of their arguments: a change of units only rescales them."""


def is_product(term: Term) -> bool:
    """Tell whether a term is a product of variables, or the constant."""
    return all(node.primitive.name in PRODUCTS for level in by_depth([term]) for node in level)


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=("rows", "calls"),
    meta_fields=("variables", "atoms", "operations"),
)
@dataclasses.dataclass(frozen=True, eq=False)
class Products:
    """M terms, each a product of at most F factors.

    A factor is a variable or a term that is not a product, such as sin(v). Terms share factors:
    x, x², x sin(v) and sin(v) together need two. The terms of an equation are then an array of
    indices, and so are the terms themselves: a program that evaluates K of M terms is one for all
    libraries with the same factors. Which operation a call evaluates, of which variables, are
    indices as well, so that few calls serve many operations.

    Attributes:
      variables: number of variables V, the states and then the inputs.
      atoms: the A factors that are terms.
      rows: the F factors of each term: below V a variable, then an atom, then a call, and last the
        number 1 [M, F].
      operations: those that calls choose from.
      calls: the C factors that are an operation, -1 for none, of variables [C, 1 + arity].
    """

    variables: int
    atoms: tuple[Term, ...]
    rows: np.ndarray
    operations: tuple[Primitive, ...] = ()
    calls: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 1), int))

    @property
    def factors(self) -> int:
        """Number of factors V + A + C + 1."""
        return self.variables + len(self.atoms) + len(self.calls) + 1

    @property
    def terms_at(self) -> dict[int, Term]:
        """The factors that are terms, by their places: the atoms and the calls."""
        calls = np.asarray(self.calls).tolist()
        called = {
            place: Term(self.operations[which], tuple(places[: self.operations[which].arity]))
            for place, (which, *places) in enumerate(calls, self.variables + len(self.atoms))
            if which >= 0
        }
        return dict(enumerate(self.atoms, self.variables)) | called


def split(
    terms: Sequence[Term],
    variables: int,
    *,
    atoms: Sequence[Term] = (),
    least: int = 0,
    operations: Sequence[Primitive] = (),
    calls: int = 0,
) -> Products:
    """Split terms into factors.

    Args:
      terms: the terms, over the variables.
      variables: number of variables V.
      atoms: factors that come first, needed or not, so that different terms share their factors.
      least: fewest rows; those beyond the terms are the number 1, so that programs share shapes.
      operations: those of which a factor is a call, where its arguments are variables.
      calls: fewest of them.
    """
    taken = [factors_of(term) for term in terms]
    needed = dict.fromkeys(f for factors in taken for f in factors if isinstance(f, Term))
    called = [
        factor
        for factor in needed
        if factor.primitive in operations and all(isinstance(a, int) for a in factor.arguments)
    ]
    atoms = tuple(dict.fromkeys([*atoms, *(f for f in needed if f not in called)]))
    index = {factor: variables + i for i, factor in enumerate([*atoms, *called])}
    count = max(calls, len(called))
    one = variables + len(atoms) + count
    rows = np.full((max(least, len(terms)), max(FACTORS, *map(len, taken), 0)), one)
    for row, factors in zip(rows, taken, strict=False):
        row[: len(factors)] = [f if isinstance(f, int) else index[f] for f in factors]
    table = np.zeros((count, 1 + max((o.arity for o in operations), default=0)), int)
    table[:, 0] = -1
    for row, factor in zip(table, called, strict=False):
        row[: 1 + len(factor.arguments)] = operations.index(factor.primitive), *factor.arguments
    return Products(variables, atoms, rows, tuple(operations), table)


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
      usable: False where a factor has no value and counts as 0 [V + A + C + 1].

    Returns:
      the variables, the atoms, the calls, and 1 [V + A + C + 1, N].
    """
    count, points = products.variables, variables.shape[1]
    names = tuple(f"x{i}" for i in range(count))
    first = count + len(products.atoms)
    values = [*variables] + [jnp.zeros(points, variables.dtype)] * len(products.atoms)
    if products.operations:
        values += [*_called(products, variables, jnp.asarray(usable)[first:-1])]
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


def _called(products: Products, variables: jax.Array, usable: jax.Array) -> jax.Array:
    """Values of the calls [C, N]; an operation that none evaluates costs nothing."""
    table = jnp.asarray(products.calls)
    nothing = jnp.zeros(variables.shape[1], variables.dtype)
    branches = [
        lambda arguments, operation=operation: operation.function(*arguments[: operation.arity])
        for operation in products.operations
    ]

    def call(_, row):
        which, arguments = row[0], tuple(variables[row[1:]])
        return None, jax.lax.switch(which + 1, [lambda _: nothing, *branches], arguments)

    which = jnp.where(usable, table[:, 0], -1)
    return jax.lax.scan(call, None, table.at[:, 0].set(which))[1]


def term_values(products: Products, variables: ArrayLike, usable: ArrayLike) -> np.ndarray:
    """Evaluate every term at every sample, by NumPy, which waits for no compilation.

    Args:
      products: the M terms.
      variables: [N, V].
      usable: False where a factor has no value and counts as 0 [V + A + C + 1].

    Returns:
      Θ [N, M].
    """
    points, own = np.asarray(variables, float), products.terms_at
    values = np.zeros((len(points), products.factors))
    values[:, : products.variables], values[:, -1] = points, 1.0
    values[:, [*own]] = numpy_values(tuple(own.values()))(points.T).T
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
      usable: factors that have a value [V + A + C + 1].
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
