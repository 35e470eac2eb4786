"""The library that a recording is read with: which terms, bound to any number of variables."""

import itertools
from collections.abc import Sequence

import numpy as np

from nsindy.discovery import constants
from nsindy.terms import operations as terms_operations
from nsindy.terms.numbered_operations import Numbered, unbound
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.primitive import Primitive, Steep
from nsindy.terms.products import factors_of
from nsindy.terms.term import Term

WAVES = "sin", "cos"
"""Operations of angles."""

OF_INPUTS = *WAVES, "sqrt"
"""Operations of a state that are multiplied with inputs as well: the lever of a torque, the outflow
through a valve."""

LARGEST = 1e6
"""Value from which an operation counts as having a pole, in units of 1 or of its median size."""


def costs(terms: Sequence[Term]) -> np.ndarray:
    """Price each term in nats, before any data is seen [M]; 1/x² is one operation, as x² is."""
    further = PRIMITIVES["reciprocal"].nats
    return np.array([term.nats - further * _repeated(term) for term in terms])


def _repeated(term: Term) -> int:
    """How many reciprocals of a term are factors of it already."""
    inverse = [
        factor
        for factor in factors_of(term)
        if isinstance(factor, Term) and factor.primitive.name == "reciprocal"
    ]
    return len(inverse) - len(set(inverse))


def choice(values: int, variables: int, states: int) -> tuple[int, tuple[str, ...]]:
    """Degree and operations of the largest library that a number of measured values can bear.

    A trajectory is linearised in every term of every equation, so many states have fewer terms, and
    of more products than that regressions choose those of each equation. Every term that could be
    chosen makes a false one likelier, so twenty rows are not searched with a hundred terms.

    Args:
      values: number of measured values.
      variables: V.
      states: D.
    """
    sizes = [
        len(library(variables, states, operations=o, degree=d))
        for _, d, o in constants.LIBRARY_LADDER
    ]
    ladder = constants.LIBRARY_LADDER
    fitting = [
        step
        for step, size in zip(ladder, sizes, strict=True)
        if step[0] * size <= values
        and (not is_wide(size, states) or (size <= constants.WIDEST and not step[2]))
    ]
    _, degree, operations = fitting[-1] if fitting else ladder[0]
    return degree, operations


def is_wide(terms: int, states: int) -> bool:
    """Tell whether a trajectory is not linearised in every term of every equation."""
    return terms * states > constants.MOST_COLUMNS


def too_many(variables: int) -> bool:
    """Tell whether so many variables have more products of two than any library holds."""
    return len(monomials(variables, 2)) > constants.WIDEST


def monomials(variables: int, degree: int) -> tuple[Term, ...]:
    """The constant, and the products of at most `degree` of the variables, low degrees first."""
    terms = [Term(PRIMITIVES["one"], ())]
    for power in range(1, degree + 1):
        every = itertools.combinations_with_replacement(range(variables), power)
        terms += map(_product, every)
    return tuple(terms)


def _product(places: tuple[int, ...]) -> Term:
    """The product of variables, of one or more; that of one is the variable itself."""
    product: int | Term = places[-1]
    for place in reversed(places[:-1]):
        product = Term(PRIMITIVES["mul"], (place, product))
    return product if isinstance(product, Term) else Term(PRIMITIVES["identity"], (product,))


def waves(operations: Sequence[Primitive], variables: int, states: int) -> tuple[Term, ...]:
    """Each unary operation of each variable, alone and, but for some, times each state.

    Some of a state times each input as well.
    """
    mul = PRIMITIVES["mul"]
    alone = [Term(operation, (v,)) for operation in operations for v in range(variables)]
    times = [
        Term(mul, (state, wave))
        for wave in alone
        for state in range(states)
        if not wave.primitive.alone
    ]
    times += [
        Term(mul, (u, wave))
        for wave in alone
        for u in range(states, variables)
        if wave.primitive.name in OF_INPUTS and wave.arguments[0] in range(states)
    ]
    names = {operation.name for operation in operations}
    return (*alone, *(term for term in times if not _repeats(term, names)))


def pairs(operations: Sequence[Primitive], states: int) -> tuple[Term, ...]:
    """Products of two waves, sin or cos, of the states; cos(x)² is no term: it is 1 - sin(x)²."""
    mul = PRIMITIVES["mul"]
    alone = [Term(o, (v,)) for o in operations if o.name in WAVES for v in range(states)]
    found = itertools.combinations_with_replacement(alone, 2)
    return tuple(Term(mul, (a, b)) for a, b in found if a != b or a.primitive.name == "sin")


def _repeats(term: Term, names: set[str]) -> bool:
    """Tell whether a product x f(x) is another term: 1, or the drag where that is offered."""
    place, wave = term.arguments
    if not isinstance(wave, Term) or wave.arguments != (place,):
        return False
    name = wave.primitive.name
    return name == "reciprocal" or (name == "abs" and "drag" in names)


def allows(operation: Primitive, values: np.ndarray, noise: np.ndarray | float = 0.0) -> bool:
    """Tell whether an operation makes a term of its own of these values [N].

    It must be finite, without a pole, all the way between the lowest and the highest value that
    their noise [N] lets the states have had, and an operation that was learned from samples must
    have been shown the values; what equals the identity there, such as abs of positive values, is
    no term of its own, and neither is sin(x) where noise or rounding hides the phase x.
    """
    if operation.name in WAVES and np.median(noise) > constants.WAVE_NOISE:
        return False
    low, high = float(np.min(values)), float(np.max(values))
    least = constants.BOTH_SIDES * max(-low, high)
    if operation.two_sided and not (low < -least and least < high):
        return False
    if operation.usable is None:
        margin = 0.05 * (operation.domain[1] - operation.domain[0])
        return operation.domain[0] - margin <= low and high <= operation.domain[1] + margin
    if not operation.usable[0] <= low <= high <= operation.usable[1]:
        return False
    grid = np.linspace(low, high, 1001)
    wide = np.linspace(np.min(values - 3 * noise), np.max(values + 3 * noise), 1001)
    with np.errstate(all="ignore"):
        function = terms_operations.numpy_function(operation)
        found, beyond = (np.asarray(function(g), float) for g in (grid, wide))
    if not (np.all(np.isfinite(found)) and np.all(np.isfinite(beyond))):
        return False
    size = np.abs(beyond)
    steep = isinstance(operation.function, Steep)
    jump = not steep and np.max(np.abs(np.diff(beyond))) > 0.2 * np.ptp(beyond)
    straight = np.polyfit(grid - grid.mean(), found, 1) if high > low else (0.0, 0.0)
    bend = found - np.polyval(straight, grid - grid.mean())
    return not (jump or has_pole(size)) and bool(np.std(bend) > 1e-6 * np.std(found))


def has_pole(values: np.ndarray) -> np.ndarray:
    """Whether values of an operation along the first axis are far beyond the usual [...].

    Whatever the unit: of temperatures near 300, x^4 is 8e9 and has none.
    """
    size = np.abs(values)
    return ~(size.max(0) < LARGEST * np.maximum(np.median(size, 0), 1.0))


def allows_pair(
    operation: Numbered, values: np.ndarray, noise: np.ndarray, *numbers: float
) -> bool:
    """Tell whether an operation of two variables makes a term of these values.

    What stands below its line must be positive at every sample, wherever their noise lets the
    states have been, and its values must be finite.

    Args:
      operation: f(x, y, p) or f(x, y, p, q).
      values: of both variables [N, 2].
      noise: of both [N, 2].
      numbers: p, and q.
    """
    for one, other in itertools.product((-1, 0, 1), repeat=2):
        x, y = (values + noise * [one, other]).T
        with np.errstate(all="ignore"):
            below = 1.0 if operation.below is None else operation.below(x, y, *numbers)
            found = operation.numpy(x, y, *numbers)
        if not np.all(below > 0) or has_pole(found):
            return False
    return True


def library(
    variables: int,
    states: int,
    *,
    operations: Sequence[Primitive | str],
    degree: int,
) -> tuple[Term, ...]:
    """Compose the terms that a recording is searched with.

    A constant, products of up to `degree` variables, every unary operation of a variable, alone and
    times a state, some times an input, and products of two waves of the states, as in the equation
    of a bead on a rotating hoop. Which of them the values of a recording allow, `allows` tells.

    Args:
      variables: number of states and inputs V.
      states: number of states D, the first of them.
      operations: names, or primitives of one's own.
      degree: most variables in a product.

    Raises:
      ValueError: an unknown operation, or one that is not unary.
    """
    found = [terms_operations.get(o) if isinstance(o, str) else o for o in operations]
    found = [o for o in found if not o.polynomial]
    other = [o.name for o in found if o.arity != 1]
    if other:
        raise ValueError(f"operations must take one argument; {', '.join(other)} does not")
    return (
        *monomials(variables, degree),
        *waves(found, variables, states),
        *pairs(found, states),
    )


def negative_powers(places: Sequence[int], variables: int, states: int) -> tuple[Term, ...]:
    """Negative powers of some variables, alone and times others, as in polar coordinates.

    x^-1 to x^-4 alone, x^-1 to x^-3 times another variable, x^-1 and x^-2 times two of them, and
    x^-1 times sin or cos of another state.

    Args:
      places: variables that are never 0.
      variables: number of states and inputs V.
      states: number of states D, the first of them.
    """
    mul, found = PRIMITIVES["mul"], list[Term]()
    for place in places:
        inverse = Term(PRIMITIVES["reciprocal"], (place,))
        powers = [inverse]
        while len(powers) < 4:
            powers.append(Term(mul, (inverse, powers[-1])))
        others = [v for v in range(variables) if v != place]
        both = itertools.combinations_with_replacement(others, 2)
        bent = [Term(PRIMITIVES[o], (v,)) for o in WAVES for v in others if v < states]
        found += powers
        found += [Term(mul, (v, power)) for power in powers[:3] for v in others]
        found += [Term(mul, (a, Term(mul, (b, power)))) for a, b in both for power in powers[:2]]
        found += [Term(mul, (wave, inverse)) for wave in bent]
    return tuple(found)


def atoms(variables: int) -> tuple[Term, ...]:
    """Every operation of every raw variable, then the waves of a fitted number.

    All that most default libraries are made of beside their variables, bound as `problem` binds
    them: the scaled variables come first, then the raw ones, then the numbers of each.

    Args:
      variables: number of states and inputs V.
    """
    raw = [
        Term(terms_operations.get(name), (variables + v,))
        for name in constants.SEARCHED_OPERATIONS
        for v in range(variables)
    ]
    mul = PRIMITIVES["mul"]
    waves = [
        Term(terms_operations.get(name), (Term(mul, (variables + v, 2 * variables + v)),))
        for name in WAVES
        for v in range(variables)
    ]
    return (*raw, *waves)


def numbered_operations(own: Sequence[Numbered] = ()) -> tuple[Primitive, ...]:
    """Every operation that owns numbers, of its variables and those.

    Args:
      own: operations of one's own.
    """
    return tuple(map(unbound, (*NUMBERED.values(), *own)))


def forcing_terms(
    variables: int, forcings: int, carriers: Sequence[tuple[int, ...]] = ((),)
) -> tuple[Term, ...]:
    """The last variables: a time, or what changes with it and was not measured.

    Args:
      variables: number of states and inputs V.
      forcings: how many of them were not measured, the last ones.
      carriers: the states that each is multiplied with; none for the variable alone.
    """
    places = range(variables - forcings, variables)
    return tuple(_product((*states, place)) for place in places for states in carriers)
