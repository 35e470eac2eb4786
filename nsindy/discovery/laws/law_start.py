"""Where the numbers of a law may be: regressions of smoothed derivatives from many places."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from nsindy.discovery import constants
from nsindy.terms.expression import Expression

__all__ = ["linear_groups", "number_starts"]

Right = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Derivatives [E, N] of E equations from variables [V, N] and numbers [P]."""

Residual = Callable[[np.ndarray], np.ndarray]
"""What numbers [P] leave of derivatives, over their size; not finite beyond the domain."""


def linear_groups(expressions: Sequence[Expression], names: Sequence[str]) -> list[list[str]]:
    """Numbers in which all expressions are linear together while the others stay: k, then a.

    In k (T - a) exp(-e / T) they are k, then a; e is of no group.

    Args:
      expressions: right-hand sides.
      names: of the numbers.

    Returns:
      the groups, in the order of the names; one at least, which may be empty.
    """
    groups = [_linear_together(expressions, names)]
    left = [name for name in names if name not in groups[0]]
    while more := _linear_together(expressions, left):
        groups.append(more)
        left = [name for name in left if name not in more]
    return groups


def _linear_together(expressions: Sequence[Expression], names: Sequence[str]) -> list[str]:
    """Numbers in which all expressions are linear together; the first found."""
    chosen: list[str] = []
    for name in names:
        more = {*chosen, name}
        if all(_degree(expression, more) <= 1 for expression in expressions):
            chosen.append(name)
    return chosen


def _degree(expression: Expression, names: set[str]) -> float:
    """Degree as a polynomial of these names; infinite where it is none."""
    head = expression.head
    if not expression.arguments:
        return float(head in names)
    degrees = [_degree(argument, names) for argument in expression.arguments]
    if max(degrees) == 0:
        return 0.0
    if head in ("+", "-", "add"):
        return max(degrees)
    if head in ("*", "mul"):
        return sum(degrees)
    if head == "/" and degrees[1] == 0:
        return degrees[0]
    power = expression.arguments[-1].number if head == "^" else None
    if power is not None and power >= 0 and power % 1 == 0:
        return power * degrees[0]
    return math.inf


def number_starts(
    right: Right,
    variables: np.ndarray,
    derivatives: np.ndarray,
    linear: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Values of the numbers that fit derivatives well, different ones, best first.

    What is not linear is tried at points of a Halton sequence, of the sizes of the variables, of
    their inverses, and of 1, positive or of either sign in turn; for each the linear numbers are
    least squares, one group after the other, and the first again. The best are fitted together by
    Levenberg–Marquardt.

    Args:
      right: the equations.
      variables: smoothed [V, N].
      derivatives: smoothed, of the same equations [E, N].
      linear: for each of `linear_groups` True for its numbers [P].

    Returns:
      vectors [P], at most `constants.LAW_STARTS`; one without a value that is finite is left out.

    Reference: Halton (1960), Numerische Mathematik 2; Golub and Pereyra (1973), SIAM Journal on
      Numerical Analysis 10, for the numbers that are linear.
    """
    from scipy.optimize import least_squares

    scale = np.sqrt(np.mean(derivatives**2, 1, keepdims=True))
    scale = np.where(scale > 0, scale, 1.0)

    def left(numbers):
        with np.errstate(all="ignore"):
            return ((right(variables, numbers) - derivatives) / scale).ravel()

    def residual(numbers):
        return np.clip(np.nan_to_num(left(numbers), nan=1e6), -1e6, 1e6)

    turns = [*linear, linear[0]] if len(linear) > 1 else linear
    tried = []
    for values in _points(variables, linear[0], constants.LAW_POINTS // len(linear)):
        for group in turns:
            values = _projected(left, values, group)
        tried.append(values)
    tried.sort(key=lambda values: float(np.sum(residual(values) ** 2)))
    found: list[tuple[float, np.ndarray]] = []
    for values in tried[: 2 * constants.LAW_STARTS]:
        size = np.where(values != 0, np.abs(values), 1.0)
        fitted = least_squares(
            lambda z, size=size: residual(z * size), values / size, x_scale="jac", max_nfev=100
        )
        new = fitted.x * size
        near = (np.abs(new - other) <= 1e-3 * np.abs(other) for _, other in found)
        if np.isfinite(new).all() and not any(each.all() for each in near):
            found.append((float(fitted.cost), new))
    found.sort(key=lambda pair: pair[0])
    return [values for _, values in found[: constants.LAW_STARTS]]


def _projected(left: Residual, values: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """The same numbers with the linear ones by least squares.

    Columns are of all sizes, the fourth power of a temperature beside a constant.
    """
    places = np.flatnonzero(linear)
    if not len(places):
        return values
    base = np.where(linear, 0.0, values)
    zero = left(base)
    columns = [left(base + (np.arange(len(base)) == place)) - zero for place in places]
    every = np.column_stack([*columns, -zero])
    every = every[np.isfinite(every).all(1)]
    sizes = np.linalg.norm(every[:, :-1], axis=0)
    sizes = np.where((sizes > 0) & np.isfinite(sizes), sizes, 1.0)
    if len(every):
        base[places] = np.linalg.lstsq(every[:, :-1] / sizes, every[:, -1], rcond=None)[0] / sizes
    return base


def _points(variables: np.ndarray, linear: np.ndarray, most: int) -> np.ndarray:
    """Where the numbers that are not linear are tried, at so many points [Q, P]."""
    from scipy.stats import qmc

    count = int(np.sum(~linear))
    points = np.ones((1, len(linear)))
    if not count:
        return points
    sizes = np.max(np.abs(variables), 1)
    sizes = sizes[sizes > 0]
    scales = np.concatenate([[1.0], sizes, 1 / sizes])
    drawn = qmc.Halton(2 * count, scramble=False).random(most)
    either = np.concatenate([scales, -scales])
    # Nearly all constants of people's laws are positive: every other point is so in all of them.
    which = [each[(drawn[:, :count] * len(each)).astype(int)] for each in (scales, either)]
    which = np.where(np.arange(most)[:, None] % 2 == 0, *which)
    points = np.ones((most, len(linear)))
    points[:, ~linear] = which * 10 ** (constants.LAW_DECADES * (2 * drawn[:, count:] - 1))
    return points
