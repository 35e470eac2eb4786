"""The equations of a discovery as plain functions, and solved along a recording by SciPy."""

from collections.abc import Callable, Sequence

import numpy as np
import sympy
from scipy.integrate import solve_ivp

from nsindy import symbolic
from nsindy.discovery import Discovery
from nsindy.primitives import PRIMITIVES, Times
from nsindy.terms import Term

TOLERANCE = 1e-8
"""Relative error of a step."""

EVALUATIONS = 300_000
"""Evaluations of the equations after which a solution is given up."""


def functions(terms: Sequence[Term], variables: Sequence[str]) -> Callable[..., np.ndarray]:
    """A function of the variables [V, ...] that returns the values of the terms [M, ...].

    SymPy writes it for NumPy, so that nothing is compiled for a few evaluations.
    """
    symbols = [sympy.Symbol(name) for name in variables]
    own = {op.name: _plain(op.function) for term in terms for op in _operations(term)}
    found = sympy.lambdify(
        symbols, [symbolic.expression(term, symbols) for term in terms], [own, "numpy"]
    )

    def values(points):
        with np.errstate(all="ignore"):
            rows = found(*points)
        shape = points.shape[1:]
        return np.array([np.broadcast_to(row, shape) for row in rows]).reshape(-1, *shape)

    return values


def _operations(term: Term):
    """Operations that SymPy does not know."""
    if term.primitive.name not in PRIMITIVES and not isinstance(term.primitive.function, Times):
        yield term.primitive
    for argument in term.arguments:
        if isinstance(argument, Term):
            yield from _operations(argument)


def _plain(function):
    import jax

    compiled = jax.jit(function)
    return lambda *arguments: np.asarray(compiled(*(np.asarray(a, float) for a in arguments)))


def field(discovery: Discovery) -> Callable[[np.ndarray], np.ndarray]:
    """The right-hand side as a function of the variables [V, ...] that returns y' [D, ...]."""
    coefficients = np.asarray(discovery.coefficients, float)
    kept = np.flatnonzero((coefficients != 0).any(0))
    coefficients = coefficients[:, kept]
    values = functions([discovery.library[m] for m in kept], discovery.variables)

    def slopes(points):
        terms = values(points)
        # A term that is absent must not spread its NaN from outside its domain.
        rows = [np.tensordot(row[row != 0], terms[row != 0], 1) for row in coefficients]
        return np.array([np.broadcast_to(row, points.shape[1:]) for row in rows])

    return slopes


class _Lost(Exception):
    """The solution takes too many steps."""


def solve(
    discovery: Discovery, initial: np.ndarray, times: np.ndarray, inputs: np.ndarray
) -> np.ndarray:
    """Solve y' = Ξ θ(y, u) by steps of Dormand and Prince 8(5,3).

    Args:
      discovery: the equations.
      initial: state at times[0], [D].
      times: that do not fall [N].
      inputs: at those times, straight between them [N, U].

    Returns:
      states [N, D]; NaN from where the solution leaves every bound.

    Reference: Hairer, Nørsett and Wanner (1993), Solving Ordinary Differential Equations I, II.10.
    """
    right = field(discovery)
    initial = np.asarray(initial, float)
    at, place = np.unique(times, return_inverse=True)
    given = np.asarray(inputs, float)[np.searchsorted(times, at)]
    size = np.max(np.abs([initial, *np.asarray(discovery.initial, float)]), 0)
    size = np.where(size > 0, size, size.max() or 1.0)
    # Inputs bend at their samples, which no long step sees.
    longest = np.max(np.diff(at)) if given.shape[1] and len(at) > 1 else np.inf
    count = 0

    def slope(t, y):
        nonlocal count
        count += 1
        if count > EVALUATIONS:
            raise _Lost
        now = [np.interp(t, at, column) for column in given.T]
        return right(np.array([*y, *now]))

    found = np.full((len(at), len(initial)), np.nan)
    found[0] = initial
    if len(at) > 1:
        try:
            with np.errstate(all="ignore"):
                solved = solve_ivp(
                    slope,
                    (at[0], at[-1]),
                    initial,
                    "DOP853",
                    t_eval=at,
                    rtol=TOLERANCE,
                    atol=TOLERANCE * size,
                    max_step=longest,
                )
            found[: len(solved.t)] = solved.y.T
        except _Lost:
            pass
    lost = np.maximum.accumulate(~np.isfinite(found).all(1))
    found[lost] = np.nan
    return found[place]
