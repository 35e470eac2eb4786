"""PySINDy's SINDy-PI: each equation as a ratio of polynomials, the best of its settings.

Reference: Kaheman, Kutz and Brunton (2020), SINDy-PI: a robust algorithm for parallel implicit
sparse identification of nonlinear dynamics, Proceedings of the Royal Society A 476.
"""

import contextlib
import functools
import importlib
import io
import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import sympy
from peers import pysindy_grid
from scipy.integrate import cumulative_simpson

__all__ = ["fitted", "prepare"]

DEGREES = ((2, 1), (3, 2), (4, 2))
"""Degrees of numerator and denominator."""

WEIGHTS = (1e-6, 1e-4, 1e-2, 1.0)
"""Of the sum of absolute coefficients, where every column has a mean square of 1 / N."""

THRESHOLDS = (1e-3, 1e-2, 0.05, 0.2)
"""Shares of the largest coefficient below which one is dropped: a convex penalty leaves none at
zero. What stays is fitted again without the penalty, until none is dropped."""

DIFFERENTIATORS = ("FiniteDifference", "SmoothedFiniteDifference over 31")

WINDOW = 10
"""Steps over which x' = p/q is integrated along held-out states and held against their change."""

NEAR = 4.0
"""Factor of the smallest mean squared error on held-out data up to which fewer terms are
preferred."""


class _Model(NamedTuple):
    """One equation: how many terms it has, its error on held-out data, and its right-hand side."""

    terms: int
    error: float
    expression: sympy.Expr


def prepare(folder: str | None) -> None:
    """Find PySINDy and CVXPY.

    Args:
      folder: where they are installed, if not with everything else.

    Raises:
      ValueError: they are missing.
    """
    if folder is not None and folder not in sys.path:
        sys.path.append(folder)
    if not hasattr(pysindy_grid.pysindy(), "SINDyPI"):
        raise ValueError("SINDy-PI needs cvxpy; pip install cvxpy")


def fitted(
    times: Sequence[np.ndarray], states: Sequence[np.ndarray], names: Sequence[str]
) -> list[sympy.Expr]:
    """The equations that SINDy-PI finds, all of their numbers floats.

    For each equation p(x) - q(x) x' = 0 of several degrees, every monomial of q times x' is taken
    for the left-hand side, with several weights of the penalty and thresholds after it, and two
    ways to differentiate. All are fitted to the first four fifths of each recording, and judged by
    the integral of p/q along the states of the last fifth. Of those whose error is near the
    smallest, the one of the fewest terms is taken.

    Args:
      times: of each recording, evenly spaced [N].
      states: of each recording [N, D].
      names: of the states.
    """
    symbols = [sympy.Symbol(name) for name in names]
    with pysindy_grid.quiet(), contextlib.redirect_stdout(io.StringIO()), _with_osqp():
        parts = [(4 * len(t)) // 5 for t in times]
        early = np.concatenate([x[:n] for x, n in zip(states, parts, strict=True)])
        late = [_Held(t[n:], x[n:]) for t, x, n in zip(times, states, parts, strict=True)]
        every: list[list[_Model]] = [[] for _ in names]
        for name in DIFFERENTIATORS:
            way = pysindy_grid.differentiator(name)
            rates = [
                np.asarray(way(x, t))[:n] for t, x, n in zip(times, states, parts, strict=True)
            ]
            for d, rate in enumerate(np.concatenate(rates).T):
                every[d] += _models(early, rate, late, d, symbols)
    found = []
    for models in every:
        best = min(model.error for model in models)
        near = [model for model in models if model.error <= NEAR * best]
        found.append(min(near, key=lambda model: (model.terms, model.error)).expression)
    return found


class _Held(NamedTuple):
    """The end of a recording: times [N] and states [N, D]."""

    times: np.ndarray
    states: np.ndarray


def _models(
    states: np.ndarray,
    rate: np.ndarray,
    late: Sequence[_Held],
    place: int,
    symbols: list[sympy.Symbol],
) -> Iterator[_Model]:
    """The equation of one state with every setting, from all states [N, D] and its derivative."""

    def error(rates: Sequence[np.ndarray]) -> float:
        square = [_missed(held, r, place) ** 2 for held, r in zip(late, rates, strict=True)]
        return float(np.mean(np.concatenate(square)))

    yield _Model(0, error([np.zeros(len(held.times)) for held in late]), sympy.Integer(0))
    for degrees in DEGREES:
        tops, bottoms = (_powers(len(symbols), degree) for degree in degrees)
        columns = np.hstack([_columns(states, tops), _columns(states, bottoms) * rate[:, None]])
        sizes = np.sqrt(np.sum(columns**2, 0))
        for left, row in _rows(columns / sizes, len(tops)):
            # The left-hand side is row · columns: p - q x' = 0 with q that begins with it.
            full = row / sizes * sizes[left]
            p, q = full[: len(tops)], -full[len(tops) :]
            q[left - len(tops)] = 1.0
            missed = error(
                [_columns(h.states, tops) @ p / (_columns(h.states, bottoms) @ q) for h in late]
            )
            if np.isfinite(missed):
                one, other = _polynomial(p, tops, symbols), _polynomial(q, bottoms, symbols)
                yield _Model(int(np.count_nonzero(row)), missed, one / other)


def _columns(states: np.ndarray, powers: list[tuple[int, ...]]) -> np.ndarray:
    return np.stack([np.prod(states ** np.array(p), 1) for p in powers], 1)


def _missed(held: _Held, rate: np.ndarray, place: int) -> np.ndarray:
    """Changes of a state over WINDOW steps, less the integrals of its derivative."""
    whole = cumulative_simpson(rate, x=held.times, initial=0.0)
    change = held.states[:, place] - whole
    return change[WINDOW:] - change[:-WINDOW]


def _rows(columns: np.ndarray, first: int) -> Iterator[tuple[int, np.ndarray]]:
    """Every left-hand side, and its coefficients under every weight and threshold [M]."""
    ps: Any = pysindy_grid.pysindy()
    lefts = list(range(first, columns.shape[1]))
    for weight in WEIGHTS:
        optimizer = ps.SINDyPI(reg_weight_lam=weight, tol=1e-8, max_iter=20_000, model_subset=lefts)
        try:
            optimizer.fit(columns, columns[:, :1])
        except (ValueError, TypeError):
            # CVXPY found no solution of one of them.
            continue
        for left, threshold in itertools.product(lefts, THRESHOLDS):
            row = np.asarray(optimizer.coef_[left], float)
            kept = np.ones(len(row), bool)
            while kept.any():
                still = kept & (np.abs(row) > threshold * np.max(np.abs(row)))
                row = np.zeros(len(row))
                if still.any():
                    row[still] = np.linalg.lstsq(columns[:, still], columns[:, left])[0]
                if np.array_equal(still, kept):
                    break
                kept = still
            if kept.any():
                yield left, row


@contextlib.contextmanager
def _with_osqp() -> Iterator[None]:
    """CVXPY with the solver that it takes of itself, also where Gurobi is installed.

    It would take Gurobi there, which does not know the options that SINDyPI sets.
    """
    problem = importlib.import_module("cvxpy").Problem
    before = problem.solve
    problem.solve = functools.partialmethod(before, solver="OSQP")
    try:
        yield
    finally:
        problem.solve = before


def _powers(dimension: int, degree: int) -> list[tuple[int, ...]]:
    """Powers of all monomials up to a degree, 1 first."""
    every = itertools.product(range(degree + 1), repeat=dimension)
    return sorted((p for p in every if sum(p) <= degree), key=lambda p: (sum(p), p))


def _polynomial(
    coefficients: np.ndarray, powers: list[tuple[int, ...]], symbols: list[sympy.Symbol]
) -> sympy.Expr:
    """With the coefficient 1 of what was the left-hand side as the number 1, not a float."""
    return sympy.Add(
        *(
            (sympy.Integer(1) if c == 1 else sympy.Float(float(c)))
            * sympy.Mul(*(s**k for s, k in zip(symbols, p, strict=True)))
            for c, p in zip(coefficients, powers, strict=True)
            if c
        )
    )
