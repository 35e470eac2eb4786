"""The chaotic flows of the package dysts whose equations are polynomials, and recordings of them.

Reference: Gilpin (2021), Chaos as an interpretable benchmark for forecasting and data-driven
modelling, NeurIPS Datasets and Benchmarks.
"""

import inspect
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import sympy
from scipy.integrate import solve_ivp

__all__ = ["Flow", "Polynomial", "flows", "lorenz", "monomials", "noisy", "recordings"]

Polynomial = dict[tuple[int, ...], float]
"""Coefficients of one equation by the powers of the states."""

DEGREE = 3
STATES = (3, 4)


class Flow(NamedTuple):
    """A flow with its truth.

    Attributes:
      name: as dysts has it.
      period: dominant period, in its unit of time.
      initial: a point on the attractor [D].
      truth: the D equations.
      field: the right-hand side, [D] to [D].
    """

    name: str
    period: float
    initial: np.ndarray
    truth: list[Polynomial]
    field: Callable[[np.ndarray], np.ndarray]


def flows() -> list[Flow]:
    """Every flow of 3 or 4 states whose right-hand side is a polynomial of degree 3 at most.

    Raises:
      ValueError: dysts is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from dysts import flows as every
            from dysts.base import DynSys
    except ImportError as error:
        # Neither says that it runs with NumPy 2.2 and later, and both do.
        how = "pip install 'nsindy[bench]'; pip install --no-deps dysts==0.96 gluonts==0.16.2"
        raise ValueError(f"{error}; {how}") from error
    found = []
    for _, kind in inspect.getmembers(every, inspect.isclass):
        if issubclass(kind, DynSys) and kind is not DynSys:
            flow = _flow(kind)
            if flow is not None:
                found.append(flow)
    return found


def _flow(kind: type) -> Flow | None:
    """A class of dysts as a flow; None where it is not a polynomial of few states."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        system = kind()
    initial = np.asarray(getattr(system, "ic", ()), float)
    if initial.ndim != 1 or len(initial) not in STATES:
        return None
    states, time = sympy.symbols(f"x:{len(initial)}"), sympy.Symbol("t")
    try:
        values = system._rhs(*states, time, *system.param_list)
        equations = [sympy.Poly(sympy.expand(value), *states) for value in values]
    except (AttributeError, TypeError, sympy.PolynomialError):
        # NumPy's functions do not take symbols, and what is not polynomial in them is not meant.
        return None
    numbers = all(c.is_number for e in equations for c in e.coeffs())
    if not numbers or max(e.total_degree() for e in equations) > DEGREE:
        return None
    truth = [{powers: float(c) for powers, c in e.terms() if c != 0} for e in equations]
    field = sympy.lambdify([states], [e.as_expr() for e in equations])
    return Flow(
        system.name,
        float(system.period),
        initial,
        truth,
        lambda y: np.asarray(field(y), float),
    )


def recordings(
    flow: Flow, *, count: int, periods: float, samples: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Clean recordings from points on the attractor, as far apart as each is long.

    Args:
      flow: is solved from its point on the attractor, the first piece being left out.
      count: number of recordings.
      periods: length of each.
      samples: in a period.

    Returns:
      times and states of each.

    Raises:
      ValueError: the solution leaves the attractor.
    """
    steps = round(periods * samples)
    grid = np.arange((2 * count + 1) * steps) * flow.period / samples
    solved = solve_ivp(
        lambda t, y: flow.field(y),
        (0.0, grid[-1]),
        flow.initial,
        "LSODA",
        t_eval=grid,
        rtol=1e-10,
        atol=1e-10 * max(float(np.max(np.abs(flow.initial))), 1e-3),
    )
    if not solved.success or solved.y.shape[1] < len(grid):
        raise ValueError(f"{flow.name} cannot be solved for {grid[-1]:g}: {solved.message}")
    places = [slice((2 * i + 1) * steps, (2 * i + 2) * steps) for i in range(count)]
    times = [grid[place] - grid[place][0] for place in places]
    return times, [solved.y.T[place] for place in places]


def noisy(states: list[np.ndarray], share: float, seed: int) -> list[np.ndarray]:
    """States with noise of a share of the root mean square of each, over all recordings."""
    size = share * np.sqrt(np.mean(np.concatenate(states) ** 2, 0))
    rng = np.random.default_rng(seed)
    return [x + size * rng.standard_normal(x.shape) for x in states]


def monomials(expression: sympy.Expr, states: list[sympy.Symbol]) -> Polynomial | None:
    """An equation by the powers of its states; None where it is no polynomial."""
    try:
        terms = sympy.Poly(sympy.expand(expression), *states).terms()
        return {powers: float(value) for powers, value in terms if value != 0}
    except (sympy.PolynomialError, TypeError):
        return None


def lorenz() -> Flow:
    """Lorenz's equations, which need no package."""
    truth: list[Polynomial] = [
        {(1, 0, 0): -10.0, (0, 1, 0): 10.0},
        {(1, 0, 0): 28.0, (0, 1, 0): -1.0, (1, 0, 1): -1.0},
        {(0, 0, 1): -8 / 3, (1, 1, 0): 1.0},
    ]

    def field(y):
        a, b, c = y
        return np.array([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c])

    return Flow("Lorenz", 0.75, np.array([-9.8, -9.8, 28.6]), truth, field)
