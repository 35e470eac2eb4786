"""Smoothing splines: their basis, their penalty, and the fit whose smoothness λ is likeliest."""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg.lapack import dpbtrf, dpbtrs
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array, diags_array

from nsindy.discovery import constants

__all__ = ["SMOOTH", "Kinks", "SplineFit", "SplineProblem", "fit_spline", "spline_problem"]


class SplineProblem(NamedTuple):
    """A spline: its values at the N measurements, and what it is at the A times asked for.

    `unpenalised` is the number of its coefficients that cost nothing.
    """

    design: csr_array
    penalty: np.ndarray
    rough: csr_array
    positions: csr_array
    slopes: csr_array
    bends: csr_array
    spread: float
    unpenalised: int


class SplineFit(NamedTuple):
    """A spline with the λ that its likelihood chooses, in scaled units.

    Attributes:
      values: the spline at the measurements [N].
      positions, slopes, bends: the spline and its derivatives at the times asked for [A].
      sigma: standard deviation of the noise where its shape is 1.
      freedom: effective number of independent values.
      log_likelihood: nats.
    """

    values: np.ndarray
    positions: np.ndarray
    slopes: np.ndarray
    bends: np.ndarray
    sigma: float
    freedom: float
    log_likelihood: float


class _Solved(NamedTuple):
    """A spline with one λ: its coefficients, sums of squares, and log determinant."""

    coefficients: np.ndarray
    misfit: float
    rough: float
    logdet: float


class Kinks(NamedTuple):
    """Times at which a derivative jumps, and how many derivatives are continuous there."""

    times: np.ndarray
    continuous: int


SMOOTH = Kinks(np.zeros(0), 0)
"""None."""


def spline_problem(
    times: np.ndarray, pieces: int, at: np.ndarray | None = None, kinks: Kinks = SMOOTH
) -> SplineProblem:
    """Spline basis on knots of about unit spacing: values, slopes and the banded penalty.

    Args:
      times: of the measurements, strictly increasing [N].
      pieces: number of knots, but for those at kinks.
      at: where the spline is asked for [A]; None for `times`.
      kinks: times at which a derivative jumps.
    """
    count = len(times)
    spread = (times[-1] - times[0]) / (pieces - 1)
    unit = (times - times[0]) / spread
    degree = 2 * constants.SPLINE_ORDER - 1
    knots = np.interp(np.linspace(0, count - 1, pieces), np.arange(count), unit)
    jumps = (kinks.times - times[0]) / spread
    if len(jumps):
        # A knot for every degree of smoothness that is lost, and no other within half a step.
        jumps = jumps[(jumps > unit[0]) & (jumps < unit[-1])]
        knots = knots[np.min(np.abs(knots[:, None] - jumps[None]), 1, initial=1.0) > 0.25]
        knots = np.union1d(knots, unit[[0, -1]])
        knots = np.sort(np.concatenate([knots, np.repeat(jumps, degree - kinks.continuous)]))
    full = np.concatenate([[knots[0]] * degree, knots, [knots[-1]] * degree])
    inside = np.clip(unit, knots[0], knots[-1])
    design = csr_array(BSpline.design_matrix(inside, full, degree))
    high, map_high = _derivative(full, degree, constants.SPLINE_ORDER)
    nodes, weights = np.polynomial.legendre.leggauss(constants.SPLINE_ORDER)
    low_ends, widths = knots[:-1], np.diff(knots)
    low_ends, widths = low_ends[widths > 0], widths[widths > 0]
    points = (low_ends[:, None] + widths[:, None] * (nodes[None] + 1) / 2).ravel()
    mass = (widths[:, None] * weights[None] / 2).ravel()
    bent = csr_array(BSpline.design_matrix(points, high, degree - constants.SPLINE_ORDER))
    rough = csr_array(diags_array(np.sqrt(mass)) @ (bent @ map_high))
    penalty = _banded(csr_array(rough.T @ rough), degree)
    if at is not None:
        inside = np.clip((at - times[0]) / spread, knots[0], knots[-1])

    def derived(order):
        low, map_low = _derivative(full, degree, order)
        values = csr_array(BSpline.design_matrix(inside, low, degree - order))
        if len(jumps):
            before = np.clip(np.nextafter(inside, -np.inf), knots[0], knots[-1])
            values = (values + csr_array(BSpline.design_matrix(before, low, degree - order))) / 2
        return csr_array(values @ map_low)

    positions = design if at is None else csr_array(BSpline.design_matrix(inside, full, degree))
    free = constants.SPLINE_ORDER + len(jumps) * (constants.SPLINE_ORDER - 1 - kinks.continuous)
    return SplineProblem(design, penalty, rough, positions, derived(1), derived(2), spread, free)


def _derivative(knots: np.ndarray, degree: int, order: int) -> tuple[np.ndarray, csr_array]:
    """Knots of a derivative, and the map from the coefficients of a spline to its own."""
    total = None
    for _ in range(order):
        count = len(knots) - degree - 1
        width = knots[degree + 1 : degree + count] - knots[1:count]
        factor = degree / np.where(width > 0, width, 1.0)
        step = diags_array([-factor, factor], offsets=[0, 1], shape=(count - 1, count))
        total = step if total is None else step @ total
        knots, degree = knots[1:-1], degree - 1
    return knots, csr_array(total)


def _banded(matrix: csr_array, width: int) -> np.ndarray:
    """Upper diagonals of a symmetric matrix, as LAPACK keeps a banded one."""
    count = matrix.shape[0]
    bands = np.zeros((width + 1, count))
    for k in range(width + 1):
        bands[width - k, k:] = matrix.diagonal(k)
    return bands


def fit_spline(problem: SplineProblem, values: np.ndarray, shape: np.ndarray) -> SplineFit:
    """Smoothed values, slopes, bends, σ, effective freedom, log likelihood at the best λ.

    Args:
      problem: the spline.
      values: measured [N].
      shape: standard deviation of the noise of each, up to a factor [N].
    """
    count, width = len(values), problem.penalty.shape[0] - 1
    weighted = csr_array(diags_array(1 / shape) @ problem.design)
    gram = _banded(csr_array(weighted.T @ weighted), width)
    target = values / shape
    right = weighted.T @ target
    jacobian = np.sum(np.log(shape))

    def solve(log_lambda) -> _Solved | None:
        # LAPACK itself: the checks around it would take longer than the solution.
        chol, failed = dpbtrf(gram + np.exp(log_lambda) * problem.penalty)
        if failed:
            return None
        coefficients, _ = dpbtrs(chol, right)
        left = target - weighted @ coefficients
        # Not by the penalty, whose rounding would pass for roughness.
        rough = problem.rough @ coefficients
        logdet = 2 * np.sum(np.log(chol[-1]))
        return _Solved(coefficients, left @ left, rough @ rough, logdet)

    free = count - problem.unpenalised
    rank = gram.shape[1] - problem.unpenalised

    def objective(log_lambda):
        solved = solve(log_lambda)
        if solved is None:
            # Beyond what double precision can solve; the minimiser does not like infinity.
            return 1e30
        total = solved.misfit + np.exp(log_lambda) * solved.rough + 1e-22 * count
        return 0.5 * (free * np.log(total / free) + solved.logdet - rank * log_lambda)

    # Stiffer still, and the penalty's rounding would drown the data; fewer knots then need less.
    drowned = np.log(
        constants.PENALTY_ROUNDING
        * np.mean(gram[-1])
        / (np.finfo(float).eps * np.max(problem.penalty))
    )
    grid = np.append(np.arange(-30, drowned - 1, 2), drowned)
    scores = np.array([objective(g) for g in grid])
    place = int(np.argmin(scores))
    bracket = (grid[max(place - 1, 0)], grid[min(place + 1, len(grid) - 1)])
    best = minimize_scalar(objective, bounds=bracket, method="bounded", options={"xatol": 0.01})
    least, log_lambda = min((scores[place], grid[place]), (best.fun, best.x))
    near = {
        at: solved
        for at in log_lambda + np.array(constants.SLOPE_SPAN)
        if (solved := solve(at)) is not None
    }
    chosen = near[log_lambda]
    less, more = min(near), max(near)
    slope = (near[more].logdet - near[less].logdet) / (more - less)
    freedom = float(np.clip(gram.shape[1] - slope, constants.SPLINE_ORDER, count))
    total = chosen.misfit + np.exp(log_lambda) * chosen.rough
    sigma = float(np.sqrt(total / free))
    likelihood = -least - jacobian
    return SplineFit(
        problem.design @ chosen.coefficients,
        problem.positions @ chosen.coefficients,
        problem.slopes @ chosen.coefficients,
        problem.bends @ chosen.coefficients,
        sigma,
        freedom,
        float(likelihood),
    )
