"""Numbers inside terms, fitted together with everything else."""

from typing import NamedTuple

import jax
import numpy as np

from nsindy.runtime.programs import Program
from nsindy.terms.products import Products
from nsindy.trajectories import gauss_newton, side_by_side, stretches
from nsindy.trajectories.gauss_newton import Expansion, FitState, step, unstarted
from nsindy.trajectories.shooting import Model, Segments

__all__ = ["NumbersFit", "fit_inner_numbers", "precompile_fit"]

TURNS = 12
"""Most fits of all else beside given numbers, where these are far off."""

REACH = 0.125
"""Most that numbers move at first between two such fits, in steps of `FreeNumbers`."""

NEAR = 1e-3
"""Share of the sum of squares that a linearisation may still promise at the end."""

FLAT = 1e-13
"""Least curvature along any direction, in units of those of the columns."""


class NumbersFit(NamedTuple):
    """Fitted numbers, all else following them.

    Attributes:
      values: [G].
      covariance: where errors are independent; infinite where no solution was finite [G, G].
      slopes: derivatives of the coefficients of each slot by the numbers [G, D, K].
      errors: standard errors of these coefficients, the numbers free; 0 where no solution
        was finite [D, K].
    """

    values: np.ndarray
    covariance: np.ndarray
    slopes: np.ndarray
    errors: np.ndarray


class _Profile(NamedTuple):
    """The least sum of squares as a function of the steps of the numbers, to second order.

    Attributes:
      step: to its minimum [G].
      covariance: of the steps [G, G].
      slopes: derivatives of all coefficients by the steps [D·K, G].
      errors: standard errors of all coefficients [D·K].
    """

    step: np.ndarray
    covariance: np.ndarray
    slopes: np.ndarray
    errors: np.ndarray


def _step(terms, state, segments, noise):
    return step(terms, state, segments, noise)


STEP = Program(_step)


def precompile_fit(terms: Products, model: Model, segments: Segments, noise: np.ndarray) -> None:
    """Compile, in a thread, what `fit_inner_numbers` needs for arguments of these shapes."""
    STEP.precompile(terms, unstarted(model, segments), segments, noise)


def fit_inner_numbers(
    terms: Products, model: Model, segments: Segments, noise: np.ndarray
) -> NumbersFit:
    """Fit the free numbers of a model with its coefficients and initial values.

    minimise χ²(p, ξ, x_0) = Σ w (y - x)² / σ² by Gauss–Newton steps in all of them; the covariance
    of p is its block of (JᵀJ)⁻¹, and ξ follows p by C_ξp C_pp⁻¹. Far from the least value such
    steps creep along a bent valley. Then all else is fitted beside given p, and p moved as the
    linearisation there says, as long as that misfit falls (variable projection).

    Args:
      terms: the M terms.
      model: with free numbers, from which the fit starts.
      segments: the recordings.
      noise: σ [D].

    Raises:
      ValueError: the model has no free numbers.

    Reference: Bates and Watts (1988), Nonlinear regression analysis, sections 2.2 and 3.5; Golub
      and Pereyra (1973), SIAM Journal on Numerical Analysis 10.
    """
    numbers = model.numbers
    if numbers is None:
        raise ValueError("a model without free numbers")
    free, held = np.asarray(numbers.free), np.zeros_like(numbers.free)
    segments = side_by_side.needed(terms, [model], segments)

    def fitted(model: Model, free: np.ndarray) -> FitState:
        state = unstarted(_freed(model, free), segments)
        while not state.done:
            state = jax.tree.map(np.asarray, STEP(terms, state, segments, noise))
        return state

    best = fitted(model, free)
    if _is_finite(best) and _gain(best) > NEAR:
        best, reach = fitted(best.best.model, held), REACH
        for _ in range(TURNS):
            profile = _profile(best.best, free)
            move = np.clip(profile.step, -reach, reach)
            tried = fitted(_moved(best.best.model, profile, move), held)
            better, gain = tried.value < best.value, 1 - tried.value / best.value
            better = better and _is_finite(tried)
            reach = min(2 * reach, gauss_newton.NUMBER_STEP) if better else reach / 4
            best = tried if better else best
            if better and gain < NEAR:
                break
        best = fitted(best.best.model, free)
    if not _is_finite(best):
        unknown, shape = np.full((len(free), len(free)), np.inf), model.free.shape
        none = np.zeros((len(free), *shape))
        return NumbersFit(np.asarray(numbers.values), unknown, none, none[0])
    profile, last = _profile(best.best, free), best.best.model.numbers
    assert last is not None
    unit = np.asarray(last.slopes)
    slopes = (profile.slopes / np.where(unit != 0, unit, 1.0)).T
    covariance = profile.covariance * np.outer(unit, unit)
    return NumbersFit(
        np.asarray(last.values),
        covariance,
        slopes.reshape(-1, *model.free.shape),
        profile.errors.reshape(model.free.shape),
    )


def _freed(model: Model, free: np.ndarray) -> Model:
    """The model with other numbers free."""
    assert model.numbers is not None
    return model._replace(numbers=model.numbers._replace(free=free))  # type: ignore[arg-type]


def _is_finite(state: FitState) -> bool:
    """Whether a fit and its linearisation are: a solution may be, and its slopes overflow."""
    return bool(np.isfinite(state.value) and np.isfinite(np.asarray(state.best.products)).all())


def _gain(state: FitState) -> float:
    """Share of the sum of squares that the linearisation still promises to gain."""
    return float(1 - state.promised / state.value)


def _moved(model: Model, profile: _Profile, step: np.ndarray) -> Model:
    """The model with its numbers a step further, the coefficients following them."""
    assert model.numbers is not None
    change = (profile.slopes @ step).reshape(model.free.shape)
    numbers = model.numbers.moved(step)  # type: ignore[arg-type]
    return model._replace(numbers=numbers, coefficients=model.coefficients + change)


def _profile(best: Expansion, free: np.ndarray) -> _Profile:
    """What a linearisation says of the numbers, all else fitted beside them.

    Args:
      best: a fit.
      free: True for the numbers that are looked at [G].
    """
    model = _freed(best.model, free)
    follow, every, tables = (
        gauss_newton.following(model),
        np.asarray(model.every_free),
        best.products,
    )
    if follow is not None:
        tables = stretches.products_of_free(tables, follow)
    covariance, moves = np.zeros((len(every), len(every))), np.zeros(len(every))
    covariance[np.ix_(every, every)], moves[every] = _solved(np.asarray(tables), every)
    count = model.free.size
    own = covariance[count:, count:]
    slopes = covariance[:count, count:] @ np.linalg.pinv(own, hermitian=True)
    along = np.eye(count) if model.follow is None else np.asarray(model.follow)
    variance = np.einsum("pi,ij,pj->p", along, covariance[:count, :count], along)
    return _Profile(moves[count:], own, along @ slopes, np.sqrt(np.maximum(variance, 0.0)))


def _solved(tables: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(JᵀJ)⁻¹ of what is free, the initial values of all stretches eliminated, and the step.

    Args:
      tables: see `stretches.products`.
      free: of coefficients and numbers [P].
    """
    initial = tables.shape[1] - len(free) - 2
    kept = np.append(np.flatnonzero(free), len(free) + 1) + initial
    ahead, both = tables[:, :initial, :initial], tables[:, :initial, kept]
    squares = np.sum(tables[:, kept][:, :, kept], 0)
    left = squares - np.sum(both.swapaxes(1, 2) @ np.linalg.pinv(ahead, hermitian=True) @ both, 0)
    length = np.sqrt(np.diagonal(squares)[:-1])
    length = np.where(length > 0, length, 1.0)
    values, vectors = np.linalg.eigh(left[:-1, :-1] / np.outer(length, length))
    inverse = (vectors / np.maximum(values, FLAT)) @ vectors.T / np.outer(length, length)
    return inverse, inverse @ left[:-1, -1]
