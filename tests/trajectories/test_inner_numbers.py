"""Numbers inside terms against nonlinear least squares by SciPy, from numbers that are far off."""

import functools

import jax
import numpy as np
import pytest
import scipy.optimize
from problems import prepared, solved

from nsindy.discovery.supports import candidates
from nsindy.terms.numbered import Inner
from nsindy.terms.text import readable
from nsindy.trajectories import shooting
from nsindy.trajectories.inner_numbers import fit_inner_numbers
from nsindy.trajectories.shooting import FreeNumbers

TIMES, NOISE, TRUTH = np.linspace(0, 7, 101), 0.005, (0.8, -1.0, 0.3, 3.0)
"""K, v, f and the beginning of S' = v S/(K + S) + f."""


def path(values):
    K, v, f, initial = values
    return solved(lambda y: v * y / (K + y) + f, (initial,), TIMES)


@pytest.fixture(scope="module")
def posed():
    """The problem, whose K is a third of the truth, and the recording."""
    clean = path(TRUTH)
    recording = clean + NOISE * np.random.default_rng(1).standard_normal(clean.shape)
    inner = [Inner("saturation", 0, TRUTH[0] / 3)]
    return prepared(TIMES, recording, operations=("saturation",), inner=inner), recording


@pytest.fixture(scope="module")
def begun(posed):
    """The model with the true terms and that K, which is free, and the segments."""
    problem, _ = posed
    names = [readable(term, ("S",)) for term in problem.terms]
    mask = np.zeros(problem.problem.admissible.shape, bool)
    mask[0, [names.index("1"), names.index("S/(0.2667 + S)")]] = True
    model = candidates.model(problem.problem, candidates.regressed(problem.problem, mask))
    # The second place is behind the last unit: nothing.
    numbers = FreeNumbers(
        np.array([1, 3]), np.array([TRUTH[0] / 3, 1.0]), np.zeros(2), np.array([True, False])
    )
    return model._replace(numbers=numbers), problem.segments(1.0)


def test_sensitivities_are_derivatives_by_the_number(posed, begun):
    problem, (model, segments) = posed[0], begun
    shoot = jax.jit(functools.partial(shooting.shoot, problem.problem.terms))
    made = shoot(model, segments)
    assert made.by_coefficients.shape[-1] == model.indices.size + 2

    def moved(step):
        numbers = model.numbers.moved(np.array([step, 0.0]))
        shown = model._replace(numbers=numbers)
        return np.asarray(shoot(shown, segments).states)

    slopes = (moved(1e-4) - moved(-1e-4)) / 2e-4
    np.testing.assert_allclose(made.by_coefficients[..., -2], slopes, atol=1e-7)
    assert np.abs(slopes).max() > 1e-3 and not np.asarray(made.by_coefficients[..., -1]).any()
    # Coefficients and states have the derivatives that they have without numbers.
    units = np.asarray(segments.units).copy()
    units[1] = TRUTH[0] / 3
    alone = shoot(model._replace(numbers=None), segments._replace(units=units))
    np.testing.assert_allclose(made.states, alone.states, rtol=1e-12)
    np.testing.assert_allclose(made.by_coefficients[..., :-2], alone.by_coefficients, rtol=1e-9)


def test_a_number_that_is_far_off_comes_to_that_of_least_squares(posed, begun):
    """Number, errors and slopes; K and v lie in a bent valley."""
    (problem, recording), (model, segments) = posed, begun
    noise = NOISE / problem.units.states
    found = fit_inner_numbers(problem.problem.terms, model, segments, noise)
    fit = scipy.optimize.least_squares(lambda v: (path(v) - recording).ravel() / NOISE, TRUTH)
    covariance = np.linalg.inv(fit.jac.T @ fit.jac)
    errors = np.sqrt(np.diagonal(covariance))
    assert abs(found.values[0] - fit.x[0]) < 0.1 * errors[0] < 0.1 * fit.x[0]
    np.testing.assert_allclose(np.sqrt(found.covariance[0, 0]), errors[0], rtol=0.05)
    place = [np.flatnonzero(np.asarray(model.indices)[0] == m)[0] for m in model.indices[0][:2]]
    back = problem.back[0, model.indices[0][:2]]
    expected = {float(fit.x[i]): errors[i] for i in (1, 2)}
    own = sorted(zip(found.errors[0, place] * back, found.slopes[0, 0, place] * back, strict=True))
    ordered = sorted(expected.values())
    np.testing.assert_allclose([each for each, _ in own], ordered, rtol=0.1)
    by_number = sorted(abs(covariance[i, 0] / covariance[0, 0]) for i in (1, 2))
    np.testing.assert_allclose(sorted(abs(s) for _, s in own), by_number, rtol=0.1)


def test_of_what_cannot_be_solved_nothing_is_known(posed, begun):
    (problem, _), (model, segments) = posed, begun
    lost = model._replace(coefficients=model.coefficients * np.nan)
    found = fit_inner_numbers(problem.problem.terms, lost, segments, np.ones(1))
    assert np.isinf(found.covariance).all() and not found.slopes.any()
    assert found.values[0] == model.numbers.values[0]


def test_a_model_without_free_numbers_is_refused(posed, begun):
    (problem, _), (model, segments) = posed, begun
    with pytest.raises(ValueError, match="without free numbers"):
        fit_inner_numbers(problem.problem.terms, model._replace(numbers=None), segments, np.ones(1))
