"""States, derivatives and noise from a recording: smoothing splines, scaled by likelihood."""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline
from scipy.linalg.lapack import dpbtrf, dpbtrs
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array, diags_array

from nsindy.discovery import constants


class SmoothedState(NamedTuple):
    """What a recording says of one state, at each of A times.

    Attributes:
      states: smoothed [A].
      derivatives: [A], in units of the state per unit of time.
      curvatures: second derivatives [A].
      noise: standard deviation of the noise of a sample at each time [A].
      proportional: True where the noise grows with the state.
      level: standard deviation of the noise, relative to the state where it is proportional.
      freedom: effective number of independent values that the smoothed state is made of.
      resolved: True where the spline has told noise from signal.
      log_likelihood: of the measurements, nats.
      kind: nats by which proportional noise is likelier than constant noise, 0 if none of it fits.
    """

    states: np.ndarray
    derivatives: np.ndarray
    curvatures: np.ndarray
    noise: np.ndarray
    proportional: bool
    level: float
    freedom: float
    resolved: bool
    log_likelihood: float
    kind: float


class _Problem(NamedTuple):
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


class _Fit(NamedTuple):
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


def smooth(
    times: np.ndarray,
    values: np.ndarray,
    *,
    at: np.ndarray | None = None,
    breaks: np.ndarray | None = None,
    continuous: int = 0,
    proportional: bool | None = None,
) -> SmoothedState:
    """Smooth one state by a spline whose scale, and whose kind of noise, the likelihood chooses.

    minimise Σ_n w_n (y_n - x(t_n))² + λ ∫ (d⁴x/dt⁴)² dt

    is the mean of a Gaussian process, an integrated Wiener process, and λ maximises its restricted
    likelihood, so nothing is set by hand. The noise is either constant or proportional to the
    state, whichever is likelier. Times may be irregular; the cost is linear in N.

    Args:
      times: strictly increasing [N], N ≥ 10.
      values: measured [N].
      at: where the spline is asked for, increasing [A]; None for `times`. Outside of them it goes
        on straight for one usual step, and then stays.
      breaks: times at which a derivative of the state jumps; a derivative there is the mean of
        those on either side.
      continuous: derivatives that are continuous there.
      proportional: the kind of the noise, where it is known; None for the likelier.

    Raises:
      ValueError: fewer than 10 samples.

    Reference: Wahba (1985), Annals of Statistics 13; Eilers and Marx (1996), Statistical Science
    11.

    Example:
      >>> t = np.linspace(0.0, 6.0, 200)
      >>> y = np.sin(t) + 0.1 * np.random.default_rng(0).normal(size=200)
      >>> bool(abs(smooth(t, y).level - 0.1) < 0.02)
      True
    """
    if len(times) < 10:
        raise ValueError(f"{len(times)} samples are too few to smooth; give at least 10")
    centre, size = float(np.mean(values)), float(np.std(values)) or 1.0
    scaled = (values - centre) / size
    pieces = min(len(times), constants.MOST_KNOTS)
    kinks = _SMOOTH if breaks is None else _Kinks(breaks, continuous)
    problem = _problem(times, pieces, at, kinks)
    constant = _fit(problem, scaled, np.ones_like(scaled))
    # Far more knots than freedom cost digits: the stiffest splines would drown the data.
    while (enough := max(int(constants.KNOTS_PER_FREEDOM * constant.freedom), 12)) < pieces / 2:
        pieces = max(enough, pieces // 8)
        problem = _problem(times, pieces, at, kinks)
        constant = _fit(problem, scaled, np.ones_like(scaled))
    best, kind, last = constant, np.ones_like(constant.positions), constant
    root = np.sqrt(np.mean(values**2))
    # A spline that goes through every sample has told no noise from the signal, and no kind of it.
    resolved = constant.freedom < constants.RESOLVED * len(times)
    nats, least = list[float](), -np.inf if proportional else constants.NOISE_KIND
    # Of a state that is 0 throughout, as of a dose that was not given, no share is anything.
    may = resolved and proportional is not False and root > 0
    for _ in range(2 if may else 0):
        shape = proportional_noise(last.values * size + centre, root)
        middle = np.exp(np.mean(np.log(shape)))
        everywhere = proportional_noise(last.positions * size + centre, root) / middle
        shape = shape / middle
        fitted = last = _fit(problem, scaled, shape)
        # What is autocorrelated is signal that was taken for noise, and so is what is many times
        # the constant noise.
        left = (scaled - fitted.values) / shape
        autocorrelation = left[1:] @ left[:-1] / (left @ left)
        signal = autocorrelation > 2 / np.sqrt(len(times))
        most = constants.SMOOTHED_AWAY * constant.sigma
        signal |= np.sqrt(np.mean((left * shape) ** 2)) > most
        if signal:
            continue
        nats.append(fitted.log_likelihood - constant.log_likelihood)
        if nats[-1] > least:
            best, kind, least = fitted, everywhere, nats[-1]
    noise = best.sigma * size * kind
    level = np.sqrt(np.mean(noise**2)) / (1.0 if best is constant else root)
    slopes = best.slopes * size / problem.spread
    return SmoothedState(
        best.positions * size + centre + _outside(times, at) * slopes,
        slopes,
        best.bends * size / problem.spread**2,
        noise,
        best is not constant,
        float(level),
        best.freedom,
        resolved,
        best.log_likelihood,
        max(nats, default=0.0),
    )


def interpolated(times: np.ndarray, values: np.ndarray) -> SmoothedState:
    """A state that goes through every sample, for samples too coarse to be smoothed.

    Args:
      times: increasing [N], N ≥ 10.
      values: at most 1 in size [N].

    Returns:
      the state, its noise that of `constants.NOISE_FLOOR`, since nothing is known of it.
    """
    spline = make_interp_spline(times, values, 2 * constants.SPLINE_ORDER - 1)
    noise = np.full(len(times), constants.NOISE_FLOOR)
    return SmoothedState(
        values,
        spline(times, 1),
        spline(times, 2),
        noise,
        False,
        constants.NOISE_FLOOR,
        float(len(times)),
        False,
        -np.inf,
        0.0,
    )


def proportional_noise(states: np.ndarray, size: np.ndarray | float) -> np.ndarray:
    """How noise that is proportional to the states varies along them, up to a factor [N, ...].

    Args:
      states: [N, ...].
      size: root mean square of each, which keeps the noise from vanishing near zero.
    """
    return np.sqrt(states**2 + (constants.PROPORTIONAL_FLOOR * size) ** 2)


def _outside(times: np.ndarray, at: np.ndarray | None) -> np.ndarray | float:
    """How far a spline goes on straight before its first and behind its last sample [A]."""
    if at is None:
        return 0.0
    step = np.median(np.diff(times))
    return np.clip(at - np.clip(at, times[0], times[-1]), -step, step)


class _Kinks(NamedTuple):
    """Times at which a derivative jumps, and how many derivatives are continuous there."""

    times: np.ndarray
    continuous: int


_SMOOTH = _Kinks(np.zeros(0), 0)


def _problem(
    times: np.ndarray, pieces: int, at: np.ndarray | None = None, kinks: _Kinks = _SMOOTH
) -> _Problem:
    """Spline basis on knots of about unit spacing: values, slopes and the banded penalty."""
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
    return _Problem(design, penalty, rough, positions, derived(1), derived(2), spread, free)


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


def _fit(problem: _Problem, values: np.ndarray, shape: np.ndarray) -> _Fit:
    """Smoothed values, slopes, bends, σ, effective freedom, log likelihood at the best λ."""
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
    return _Fit(
        problem.design @ chosen.coefficients,
        problem.positions @ chosen.coefficients,
        problem.slopes @ chosen.coefficients,
        problem.bends @ chosen.coefficients,
        sigma,
        freedom,
        float(likelihood),
    )
