"""The equations of a discovery as NumPy functions, solved along a recording by SciPy."""

from collections.abc import Callable, Sequence

import numpy as np
from jax.typing import ArrayLike
from scipy.integrate import solve_ivp

from nsindy.terms.library import numpy_values
from nsindy.terms.term import Term, by_depth, without_jumps

__all__ = ["STEEP", "follow", "jumps", "right_hand_side", "solve_along", "solve_each"]

TOLERANCE = 1e-8
"""Relative error of a step."""

STEEP = 1e-4
"""Share of the size of a state over which sign(x) goes from -1 to 1 in a simulation: less than is
seen, and an implicit method takes no shorter steps for it."""

EVALUATIONS = 600_000
"""Evaluations of the equations after which a solution is abandoned."""


def jumps(terms: Sequence[Term], coefficients: ArrayLike) -> bool:
    """Tell whether a term that has a coefficient jumps, as sign(x) does."""
    used = (np.asarray(coefficients) != 0).any(0)
    chosen = [term for term, here in zip(terms, used, strict=True) if here]
    return any(node.primitive.name == "sign" for level in by_depth(chosen) for node in level)


def right_hand_side(
    terms: Sequence[Term], coefficients: ArrayLike, *, scale: ArrayLike | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """The right-hand side as a function of the variables [V] or [V, N], y' [D] or [D, N].

    Args:
      terms: M terms over the variables.
      coefficients: Ξ [D, M].
      scale: size of each state [D], to take jumps as slopes that are steep beside it; None to
        leave them.
    """
    coefficients = np.asarray(coefficients, float)
    kept = np.flatnonzero((coefficients != 0).any(0))
    chosen = [terms[m] for m in kept.tolist()]
    if scale is not None:
        chosen = without_jumps(chosen, (STEEP * np.asarray(scale, float)).tolist())
    values = numpy_values(chosen)
    # A term that is absent must not spread its NaN from outside its domain.
    supports = [np.flatnonzero(row) for row in coefficients[:, kept]]
    nonzero = [row[row != 0] for row in coefficients]

    def derivatives(points):
        theta = values(points)
        rows = np.empty((len(supports), *points.shape[1:]))
        for d, (row, support) in enumerate(zip(nonzero, supports, strict=True)):
            rows[d] = row @ theta[support]
        return rows

    return derivatives


def follow(
    terms: Sequence[Term],
    coefficients: ArrayLike,
    initial: np.ndarray,
    times: np.ndarray,
    inputs: np.ndarray,
    *,
    scale: np.ndarray,
    size: np.ndarray | None = None,
    held: np.ndarray | None = None,
) -> np.ndarray:
    """Solve the equations along a recording, by an implicit method where a term jumps [N, D].

    Args:
      terms: M terms over the variables.
      coefficients: Ξ [D, M].
      initial: state at times[0], [D].
      times: non-decreasing [N].
      inputs: at those times [N, U].
      scale: of each state, as of `solve_along`.
      size: of each state, for jumps; None for the scale.
      held: True for inputs that keep their value until the next time [U]; None for none.
    """
    stiff = jumps(terms, coefficients)
    steep = (scale if size is None else size) if stiff else None
    right = right_hand_side(terms, coefficients, scale=steep)
    return solve_along(right, initial, times, inputs, scale=scale, stiff=stiff, held=held)


class _Lost(Exception):
    """The solution takes too many steps."""


class _Slope:
    """y' at a time, with the inputs of then, as often as a solution may ask for it."""

    def __init__(
        self,
        right: Callable[[np.ndarray], np.ndarray],
        times: np.ndarray,
        inputs: np.ndarray,
        held: np.ndarray,
    ):
        self.right, self.times, self.inputs, self.held = right, times, inputs, held
        self.begin = self.count = 0

    def __call__(self, t: float, y: np.ndarray) -> np.ndarray:
        self.count += 1
        if self.count > EVALUATIONS:
            raise _Lost
        # A step ends where a held input changes, and belongs to the value before.
        now = [
            column[self.begin] if keep else np.interp(t, self.times, column)
            for column, keep in zip(self.inputs.T, self.held, strict=True)
        ]
        return self.right(np.array([*y, *now]))


def solve_along(
    right: Callable[[np.ndarray], np.ndarray],
    initial: np.ndarray,
    times: np.ndarray,
    inputs: np.ndarray,
    *,
    scale: np.ndarray | float = 0.0,
    stiff: bool = False,
    held: np.ndarray | None = None,
) -> np.ndarray:
    """Solve y' = Ξ θ(y, u) by the method of Dormand and Prince of order 8(5,3).

    Args:
      right: y' [D] as a function of the variables [V], see `right_hand_side`.
      initial: state at times[0], [D].
      times: non-decreasing [N].
      inputs: at those times, interpolated linearly between them or held [N, U].
      scale: size of each state, to which absolute tolerances are relative where it exceeds the
        initial state [D].
      stiff: True for the implicit method of Radau of order 5, which steep slopes need.
      held: True for inputs that keep their value until the next time [U]; None for none.

    Returns:
      states [N, D]; NaN from where the solution diverges.

    Reference: Hairer, Nørsett and Wanner (1993), Solving Ordinary Differential Equations I, II.10.
    """
    initial = np.asarray(initial, float)
    at, index = np.unique(times, return_inverse=True)
    inputs = np.asarray(inputs, float)[np.searchsorted(times, at)]
    size = np.maximum(np.abs(initial), np.abs(scale))
    size = np.where(size > 0, size, size.max() or 1.0)
    # The inputs have kinks at their samples, so steps end there.
    ends = range(1, len(at)) if inputs.shape[1] else (len(at) - 1,)
    keeps = np.zeros(inputs.shape[1], bool) if held is None else held
    slope = _Slope(right, at, inputs, keeps)
    states = np.full((len(at), len(initial)), np.nan)
    states[0] = initial
    try:
        for end in ends if len(at) > 1 else ():
            begin = slope.begin
            span = at[begin], at[end]
            with np.errstate(all="ignore"):
                solved = solve_ivp(
                    slope,
                    span,
                    states[begin],
                    "Radau" if stiff else "DOP853",
                    t_eval=at[begin : end + 1],
                    rtol=TOLERANCE,
                    atol=TOLERANCE * size,
                    first_step=span[1] - span[0] if inputs.shape[1] else None,
                )
            # Where the first step fails there is no state, not even the first.
            if len(solved.t):
                states[begin : begin + len(solved.t)] = solved.y.T
            if not solved.success:
                break
            slope.begin = end
    except _Lost:
        pass
    lost = np.maximum.accumulate(~np.isfinite(states).all(1))
    states[lost] = np.nan
    return states[index]


def solve_each(
    right: Callable[[np.ndarray], np.ndarray],
    initial: np.ndarray,
    times: Sequence[np.ndarray],
    inputs: Sequence[np.ndarray],
    *,
    scale: np.ndarray,
    held: np.ndarray,
) -> list[np.ndarray]:
    """Solve y' = Ξ θ(y, u) along each of R recordings, from its first sample to its last [N, D].

    Args:
      right: y', as of `solve_along`.
      initial: state at the first sample of each recording [R, D].
      times: of each recording, non-decreasing [N].
      inputs: of each, at those times [N, U].
      scale: of each state, as of `solve_along` [D].
      held: True for inputs that keep their value until the next time [U].
    """
    return [
        solve_along(right, *each, scale=scale, held=held)
        for each in zip(initial, times, inputs, strict=True)
    ]
