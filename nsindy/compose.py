"""The library that a recording is read with: which terms, bound to any number of variables."""

import itertools
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from nsindy.primitives import PRIMITIVES, Primitive
from nsindy.terms import Term

DEGREE = 3
"""Products of at most this many variables."""

OPERATIONS = ("sin", "cos", "exp", "log", "tanh", "reciprocal", "abs", "saturation")
"""The unary operations that a recording is searched with, where its values allow."""


def monomials(variables: int, degree: int) -> tuple[Term, ...]:
    """The constant, and the products of at most `degree` of the variables, low degrees first."""
    one, identity, mul = (PRIMITIVES[name] for name in ("one", "identity", "mul"))
    terms: list[Term] = [Term(one, ())]
    for power in range(1, degree + 1):
        for places in itertools.combinations_with_replacement(range(variables), power):
            product: int | Term = places[-1]
            for place in reversed(places[:-1]):
                product = Term(mul, (place, product))
            terms.append(product if isinstance(product, Term) else Term(identity, (product,)))
    return tuple(terms)


def waves(operations: Sequence[Primitive], values: np.ndarray, products: int) -> tuple[Term, ...]:
    """Each unary operation of each variable that allows it, alone and times a variable.

    Args:
      operations: unary operations.
      values: what the variables were measured to be [N, V].
      products: the first variables, which the operation is multiplied by.
    """
    mul = PRIMITIVES["mul"]
    alone = [
        Term(operation, (place,))
        for operation in operations
        for place in range(values.shape[1])
        if allows(operation, values[:, place])
    ]
    times = [Term(mul, (place, wave)) for wave in alone for place in range(products)]
    return (*alone, *(term for term in times if not _cancels(term)))


def _cancels(term: Term) -> bool:
    place, wave = term.arguments
    return (
        isinstance(wave, Term)
        and wave.primitive.name == "reciprocal"
        and wave.arguments == (place,)
    )


def allows(operation: Primitive, values: np.ndarray) -> bool:
    """Tell whether an operation makes a term of its own of these values [N].

    It must be finite, without a pole, all the way between the lowest and the highest value, and an
    operation that was learned from samples must have been shown them; what equals the identity
    there, such as abs of positive values, is no term of its own.
    """
    low, high = float(np.min(values)), float(np.max(values))
    if operation.name not in PRIMITIVES:
        margin = 0.05 * (operation.domain[1] - operation.domain[0])
        return operation.domain[0] - margin <= low and high <= operation.domain[1] + margin
    grid = np.linspace(low, high, 1001)
    found = np.asarray(operation.function(jnp.asarray(grid)), float)
    if not np.all(np.isfinite(found)):
        return False
    size = np.abs(found)
    jump = np.max(np.abs(np.diff(found))) > 0.2 * np.ptp(found)
    straight = np.polyfit(grid - grid.mean(), found, 1) if high > low else (0.0, 0.0)
    bend = found - np.polyval(straight, grid - grid.mean())
    return not jump and np.max(size) < 1e6 and bool(np.std(bend) > 1e-6 * np.std(found))


def library(
    values: np.ndarray,
    *,
    states: int,
    operations: Sequence[Primitive | str] = OPERATIONS,
    degree: int = DEGREE,
) -> tuple[Term, ...]:
    """Compose the terms that a recording of these values is searched with.

    A constant, products of up to `degree` variables, and every unary operation alone and times a
    state, where the values allow it.

    Args:
      values: of the states and the inputs [N, V].
      states: D, the first of them.
      operations: names, or primitives of one's own.
      degree: most variables in a product.

    Raises:
      ValueError: an unknown operation, or one that is not unary.
    """
    from nsindy import primitives

    found = [primitives.get(o) if isinstance(o, str) else o for o in operations]
    known = [o for o in found if o.name not in ("one", "identity", "mul", "add", "square")]
    binary = [o.name for o in known if o.arity != 1]
    if binary:
        raise ValueError(f"operations must take one argument; {', '.join(binary)} does not")
    return (*monomials(values.shape[1], degree), *waves(known, values, states))
