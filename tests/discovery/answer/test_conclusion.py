"""Standard errors, against their formulas in NumPy."""

import numpy as np
import pytest
from problems import candidate, found, narrow

from nsindy.discovery.answer import conclusion
from nsindy.discovery.supports.fitted_numbers import FittedNumbers
from nsindy.evidence import regression
from nsindy.terms.numbered import WAVE, Inner
from nsindy.trajectories.linearised import Linearised

ROWS, INITIAL = 200, 2
TRUTH = np.array([[1.0, 0.0, -2.0], [0.0, 0.5, 0.0]])


@pytest.fixture(scope="module")
def design():
    """Derivatives of the measurements by two initial values and 2 · 3 coefficients."""
    return np.random.default_rng(0).standard_normal((ROWS, INITIAL + TRUTH.size))


def around(design, noise=0.0, **changes):
    """A search that found the truth; rows are in units of the noise."""
    target = design[:, INITIAL:] @ TRUTH.reshape(-1) + noise
    linear = Linearised(design[:, :INITIAL], design[:, INITIAL:], target)
    chosen = candidate(TRUTH, **changes)
    return found(chosen, linearised=linear, initial=INITIAL, samples=np.full(2, ROWS / 2))


def dense(design, columns):
    """Standard errors by the normal equations, with ROWS - 5 degrees of freedom."""
    chosen = design[:, columns]
    covariance = np.linalg.inv(chosen.T @ chosen) * ROWS / (ROWS - len(columns))
    return np.sqrt(np.diagonal(covariance))[INITIAL:]


COLUMNS = [0, 1, *(INITIAL + np.flatnonzero(TRUTH))]


def test_standard_errors_are_those_of_least_squares(design):
    errors = conclusion.standard_errors(around(design))
    np.testing.assert_allclose(errors[TRUTH != 0], dense(design, COLUMNS))
    assert not errors[TRUTH == 0].any()


def test_a_triangle_has_the_errors_of_all_rows(design):
    whole = around(design)
    short = whole._replace(linearised=whole.linearised.compressed())
    np.testing.assert_allclose(
        conclusion.standard_errors(short), conclusion.standard_errors(whole), rtol=1e-8
    )


def test_given_coefficients_have_no_error(design):
    allowed = np.array([[False] * 3, [True] * 3])
    given = around(design)._replace(problem=narrow(3, 2, admissible=allowed))
    errors = conclusion.standard_errors(given)
    assert not errors[0].any()
    np.testing.assert_allclose(errors[1, 1], dense(design, [0, 1, INITIAL + 4])[0])


def test_errors_divided_by_their_standard_errors_have_variance_one(design):
    """The spread of 400 regressions with noise of 1, within four of its own errors."""
    rng = np.random.default_rng(1)
    errors = conclusion.standard_errors(around(design))[TRUTH != 0]
    draws = []
    for _ in range(400):
        one = around(design, rng.standard_normal(ROWS)).linearised
        solution = regression.least_squares_numpy(one.factor, one.columns_of(TRUTH != 0))
        draws.append(solution.coefficients[INITIAL:].reshape(2, 3)[TRUTH != 0])
    ratio = np.std(np.array(draws) - TRUTH[TRUTH != 0], 0) / errors
    # √((ROWS - 5) / ROWS) allows for the noise, which a real search estimates from the residuals.
    np.testing.assert_allclose(ratio * np.sqrt(ROWS / (ROWS - 5)), 1.0, atol=4 / np.sqrt(2 * 400))


@pytest.mark.parametrize("independent", ((1.0, 1.0), (0.25, 0.25), (1.0, 0.5)))
def test_autocorrelated_residuals_widen_errors(design, independent):
    """n measurements of which m are independent: by √(n / m)."""
    alone = conclusion.standard_errors(around(design))
    wide = conclusion.standard_errors(around(design, independent=np.array(independent)))
    np.testing.assert_allclose(wide, alone / np.sqrt(np.mean(independent)))


def test_the_error_of_a_fitted_number_adds_to_those_that_follow_it(design):
    slopes = np.array([[3.0, 7.0, 0.0], [0.0, -1.0, 9.0]])
    numbers = FittedNumbers((Inner(WAVE, 0, 6.28),), np.array([[0.02**2]]), slopes[None])
    both = conclusion.standard_errors(around(design), numbers)
    alone = conclusion.standard_errors(around(design))
    factor = np.sqrt(ROWS / (ROWS - 5))
    expected = np.sqrt(alone**2 + (np.where(TRUTH != 0, slopes, 0) * 0.02 * factor) ** 2)
    np.testing.assert_allclose(both, expected)


def test_the_errors_of_two_numbers_add_with_their_covariance(design):
    """Var ξ = σ² + s C s, drawn: the numbers move together, and each coefficient with them."""
    slopes = np.array([[[3.0, 0.0, 1.0], [0, -1.0, 0]], [[2.0, 0.0, 4.0], [0, 0.5, 0]]])
    covariance = np.array([[0.04, -0.02], [-0.02, 0.03]])
    inner = Inner("michaelis", 0, 1.0), Inner("michaelis", 1, 2.0)
    numbers = FittedNumbers(inner, covariance, slopes)
    np.testing.assert_allclose(numbers.errors, [0.2, np.sqrt(0.03)])
    both = conclusion.standard_errors(around(design), numbers)
    alone = conclusion.standard_errors(around(design))
    draws = np.random.default_rng(2).multivariate_normal([0, 0], covariance, 40_000)
    moved = np.var(np.einsum("np,pdm->ndm", draws, slopes), 0) * ROWS / (ROWS - 5)
    # √(2 / 40000) is the relative error of a variance.
    expected = np.sqrt(alone**2 + np.where(TRUTH != 0, moved, 0))
    np.testing.assert_allclose(both, expected, rtol=0.02)
    off = conclusion.standard_errors(
        around(design), numbers._replace(covariance=np.diag(np.diagonal(covariance)))
    )
    assert np.max(np.abs(off[TRUTH != 0] / expected[TRUTH != 0] - 1)) > 0.05
