"""Terms as products of factors: any few of many terms, and their derivatives, by gathers alone."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.runtime.programs import Program
from nsindy.terms.library import Library, evaluate
from nsindy.terms.term import Term

__all__ = ["PRODUCTS", "Products", "factor_values", "slopes", "split", "term_values"]

PRODUCTS = ("identity", "mul", "one")
"""Operations that are products of their arguments: a change of units only rescales them."""


@dataclasses.dataclass(frozen=True)
class Products:
    """M terms, each a product of at most F factors.

    A factor is a variable or a term that is not a product, such as sin(v). Terms share factors:
    x, x², x sin(v) and sin(v) together need two. The terms of an equation are then an array of
    indices, and a program that evaluates K of M terms neither recompiles when they change nor pays
    for the other M - K.

    Attributes:
      variables: number of variables V, the states and then the inputs.
      atoms: the factors that are terms.
      rows: the F factors of each term: below V a variable, from V an atom, and last the number 1.
    """

    variables: int
    atoms: tuple[Term, ...]
    rows: tuple[tuple[int, ...], ...]


def split(terms: Sequence[Term], variables: int) -> Products:
    """Split terms into factors.

    Args:
      terms: M terms over the variables.
      variables: number of variables V.
    """
    rows = [_factors(term) for term in terms]
    atoms = tuple(dict.fromkeys(f for row in rows for f in row if isinstance(f, Term)))
    index = {atom: variables + i for i, atom in enumerate(atoms)}
    width = max(1, *map(len, rows))
    one = variables + len(atoms)
    table = [[f if isinstance(f, int) else index[f] for f in row] for row in rows]
    padded = (tuple(row + [one] * (width - len(row))) for row in table)
    return Products(variables, atoms, tuple(padded))


def _factors(term: "int | Term") -> list["int | Term"]:
    if isinstance(term, int):
        return [term]
    if term.primitive.name in PRODUCTS:
        return [factor for argument in term.arguments for factor in _factors(argument)]
    return [term]


# With a jit of its own it is traced once for all programs over the same terms.
@functools.partial(jax.jit, static_argnames="products")
def factor_values(products: Products, variables: jax.Array, usable: jax.Array) -> jax.Array:
    """Evaluate every factor at one point.

    Args:
      products: the M terms.
      variables: [V].
      usable: False where a factor has no value and counts as 0 [V + A + 1].

    Returns:
      the variables, the atoms, and 1 [V + A + 1].
    """
    parts = [variables, jnp.ones(1, variables.dtype)]
    if products.atoms:
        names = tuple(f"x{i}" for i in range(products.variables))
        atoms = Library(products.atoms, names)
        parts.insert(1, evaluate(atoms, variables[None]).theta[0])
    return jnp.where(usable, jnp.concatenate(parts), 0.0)


@functools.partial(Program, static=("products",))
def term_values(products: Products, variables: jax.Array, usable: jax.Array) -> jax.Array:
    """Evaluate every term at every sample.

    Args:
      products: the M terms.
      variables: [N, V].
      usable: factors that have a value [V + A + 1]; the others count as 0.

    Returns:
      Θ [N, M].
    """
    values = jax.vmap(lambda point: factor_values(products, point, usable))(variables)
    return jnp.prod(values[:, np.array(products.rows, int)], axis=-1)


def slopes(
    products: Products,
    expand: Callable[[jax.Array], jax.Array],
    state: jax.Array,
    usable: jax.Array,
    chosen: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Evaluate terms and their derivatives with respect to the state.

    Args:
      products: the M terms.
      expand: from the state [D] to the variables [V].
      state: [D].
      usable: factors that have a value [V + A + 1].
      chosen: indices of terms [...]; None for all.

    Returns:
      θ_m [...] and ∂θ_m/∂x_d [..., D].
    """

    def along(direction):
        def at(x):
            return factor_values(products, expand(x), usable)

        return jax.jvp(at, (state,), (direction,))

    value, slope = jax.vmap(along, out_axes=(None, -1))(jnp.eye(len(state), dtype=state.dtype))
    table = jnp.asarray(np.array(products.rows, int))
    rows = table if chosen is None else table[chosen]
    factors, slope = value[rows], slope[rows]
    total = jnp.zeros_like(slope[..., 0, :])
    for f in range(rows.shape[-1]):
        others = jnp.prod(jnp.delete(factors, f, axis=-1), axis=-1)
        total = total + others[..., None] * slope[..., f, :]
    return jnp.prod(factors, axis=-1), total
